/*
 * definition.c
 *		Loads monitors and pending builds for the capture worker.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "base/sql.h"
#include "base/withhold.h"
#include "capture/batch.h"
#include "capture/capture.h"
#include "capture/definition.h"
#include "capture/derived.h"
#include "capture/level.h"
#include "capture/segment.h"
#include "catalog/pg_type.h"
#include "nodes/value.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

/* 294276-12-31: dates reach further than times do; the builder's query has the same bound. */
#define LAST_DATE (TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE - 1)

char *
definition_fingerprint(void)
{
	sql_execute(
		"SELECT pg_catalog.string_agg(m.monitor_id || ':' || m.version || ':' || coalesce((s.state = 'disabled')::text, ''), ',' ORDER BY m.monitor_id) "
		"|| coalesce((SELECT pg_catalog.string_agg('/' || j.join_id || ':' || j.xmin, '' ORDER BY j.join_id) FROM weir.label_join j), '') "
		"|| coalesce((SELECT pg_catalog.string_agg('+' || l.learner_id || ':' || l.xmin || coalesce((i.disabled_reason IS NOT NULL)::text || i.followed, ''), '' "
		"ORDER BY l.learner_id) FROM weir.monitor_learner l LEFT JOIN weir.learner_state i USING (learner_id)), '') "
		"FROM weir._captured_monitor m LEFT JOIN weir.monitor_state s USING (monitor_id)",
		0, NULL, NULL, NULL);
	return sql_text(0, 1);
}

/* ---- cuts ---- */

void
cut_parse(Cut *cut, const char *text, MemoryContext context)
{
	char	   *rest;
	int			capacity = 1;

	cut->xmin = strtou64(text, &rest, 10);
	cut->xmax = strtou64(rest + 1, &rest, 10);
	cut->n_running = 0;
	for (const char *c = rest; *c != '\0'; c++)
		if (*c == ',')
			capacity++;
	cut->running = MemoryContextAlloc(context, capacity * sizeof(uint64));
	while (*rest != '\0' && rest[1] != '\0')
		cut->running[cut->n_running++] = strtou64(rest + 1, &rest, 10);
}

bool
cut_contains(const Cut *cut, TransactionId xid)
{
	/* Widen to 64 bits: the stream's transactions are within two billion of the snapshot's. */
	uint64		full = cut->xmax + (int64) (int32) (xid - (uint32) cut->xmax);
	int			low = 0;
	int			high = cut->n_running;

	if (full < cut->xmin)
		return true;
	if (full >= cut->xmax)
		return false;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (cut->running[middle] < full)
			low = middle + 1;
		else
			high = middle;
	}
	return !(low < cut->n_running && cut->running[low] == full);
}

/* ---- monitors ---- */

bool
definition_time(Oid type, Datum value, TimestampTz *result)
{
	switch (type)
	{
		case TIMESTAMPTZOID:
		case TIMESTAMPOID:		/* the same number of microseconds: UTC */
			*result = DatumGetTimestampTz(value);
			return !TIMESTAMP_NOT_FINITE(*result);
		case DATEOID:
			if (DATE_NOT_FINITE(DatumGetDateADT(value)) || DatumGetDateADT(value) >= LAST_DATE)
				return false;
			*result = (TimestampTz) DatumGetDateADT(value) * USECS_PER_DAY;
			return IS_VALID_TIMESTAMP(*result);
		default: elog(ERROR, "unexpected type %u of a time column", type);
	}
	return false;
}

/*
 * The number of the column that the definition calls by this name: it is followed through renames.  A column that was dropped and
 * added again under its name is taken for the same. 0 when there is none.
 */
static AttrNumber
find_attribute(CapturedMonitor *monitor, const char *name)
{
	AttrNumber	found;

	for (int i = 0; i < monitor->n_attributes; i++)
		if (monitor->attribute_names[i] != NULL && strcmp(monitor->attribute_names[i], name) == 0 &&
			get_attname(monitor->source, i + 1, true) != NULL && OidIsValid(get_atttype(monitor->source, i + 1)))
			return i + 1;
	found = get_attnum(monitor->source, name);
	return found > 0 ? found : InvalidAttrNumber;
}

static void
use_attribute(CapturedMonitor *monitor, CapturedColumn *column, AttrNumber attribute)
{
	column->attribute = attribute;
	namestrcpy(&column->name, get_attname(monitor->source, attribute, false));
}

/* A column without which the monitor cannot be. */
static void
find_column(CapturedMonitor *monitor, CapturedColumn *column, const char *name, const char *what)
{
	AttrNumber	attribute = find_attribute(monitor, name);
	Oid			type;

	namestrcpy(&column->name, name);
	if (attribute == InvalidAttrNumber)
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("%s \"%s\" was dropped", what, name),
			 errhint(
				 "weir.alter_monitor changes what a monitor reads of its table, but not its time column and segments: for those, "
				 "drop the monitor and create it again.")));
	use_attribute(monitor, column, attribute);
	type = get_atttype(monitor->source, attribute);
	if (!definition_read_as(monitor, column, type, CurrentMemoryContext))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s \"%s\" is now of type %s, which cannot be read as what it is for", what, name, format_type_be(type)),
				 errhint("Give it a type that fits, or have weir.alter_monitor leave it out, then run weir.rebuild.")));
}

static void
find_category(CapturedMonitor *monitor, CapturedColumn *column, const char *name, const char *what)
{
	column->reader.kind = SUMMARY_CATEGORY;
	find_column(monitor, column, name, what);
}

/* A column that is only summarized: where the table does not have it as it should be, the monitor goes on without. */
static void
find_summarized_column(CapturedMonitor *monitor, CapturedColumn *column, const char *name, SummaryKind kind, Oid type, bool retired)
{
	AttrNumber	attribute = retired ? InvalidAttrNumber : find_attribute(monitor, name);

	namestrcpy(&column->name, name);
	column->reader.kind = kind;
	/* First as what it was: a type that counts in another unit is not the same column. */
	if (!OidIsValid(type) && attribute != InvalidAttrNumber)
		type = get_atttype(monitor->source, attribute);
	if (!OidIsValid(type) || !definition_read_as(monitor, column, type, CurrentMemoryContext))
		(void) definition_read_as(monitor, column,
								  kind == SUMMARY_NUMERIC      ? FLOAT8OID
									  : kind == SUMMARY_VECTOR ? FLOAT8ARRAYOID
															   : TEXTOID,
								  CurrentMemoryContext);
	if (attribute != InvalidAttrNumber &&
		definition_read_as(monitor, column, get_atttype(monitor->source, attribute), CurrentMemoryContext))
		use_attribute(monitor, column, attribute);
	else
		column->retired = true;
}

void
definition_find_column(CapturedMonitor *monitor, CapturedColumn *column, const char *name, SummaryKind kind, Oid type)
{
	find_summarized_column(monitor, column, name, kind, type, false);
}

bool
definition_read_as(CapturedMonitor *monitor, CapturedColumn *column, Oid type, MemoryContext context)
{
	Oid			base = getBaseType(type);
	ValueReader reader = {0};
	OutcomeReader outcome = {0};
	bool		is_label = column == &monitor->label_column;

	if (column == &monitor->time)
	{
		if (base != TIMESTAMPTZOID && base != TIMESTAMPOID && base != DATEOID)
			return false;
		monitor->time_type = base;
	}
	else if (is_label || column == &monitor->prediction_column)
	{
		if (monitor->reads_outcomes && !outcome_reader_init(&outcome, type, monitor->positive, context))
			return false;
		if (monitor->reads_values && !value_reader_init(&reader, type, monitor->value_kind, context))
			return false;
		if (monitor->reads_outcomes)
			*(is_label ? &monitor->label : &monitor->prediction) = outcome;
		if (monitor->reads_values)
			*(is_label ? &monitor->label_value : &monitor->prediction_value) = reader;
	}
	else
	{
		if (!value_reader_init(&reader, type, column->reader.kind, context) ||
			(OidIsValid(column->type) && reader.unit != column->reader.unit))
			return false;
		column->reader = reader;
	}
	column->type = type;
	return true;
}

Node *
definition_filter(CapturedMonitor *monitor, Relation relation)
{
	TupleDesc	shape = RelationGetDescr(relation);
	List	   *names = NIL;

	for (int i = 0; i < shape->natts && monitor->n_attributes > 0; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(shape, i);
		AttrNumber	number = i + 1;

		if (attribute->attisdropped)
			continue;
		if (RelationGetRelid(relation) != monitor->source)
			number = get_attnum(monitor->source, NameStr(attribute->attname));
		/* What came later has a name that the filter does not know. */
		names = lappend(names,
						makeString(number > 0 && number <= monitor->n_attributes && monitor->attribute_names[number - 1] != NULL
									   ? pstrdup(monitor->attribute_names[number - 1])
									   : psprintf("weir: later column %d", i + 1)));
	}
	return capture_parse_filter_of(relation, monitor->filter, names);
}

static int
names_of_array(Datum array, char ***names)
{
	Datum	   *values;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &values, NULL, &n);
	*names = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		(*names)[i] = pstrdup(NameStr(*DatumGetName(values[i])));
	return n;
}

#define FIRST_TEXT_COLUMN 14

static char *
copied_text(uint64 row, int column, MemoryContext context)
{
	char	   *text = sql_text(row, column);

	return text ? MemoryContextStrdup(context, text) : NULL;
}

void
definition_load_attributes(CapturedMonitor *monitor)
{
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum(monitor->monitor_id);
	bool		is_null;
	uint64		n = sql_execute("SELECT a.key, a.value::int FROM weir.monitor_state s, pg_catalog.jsonb_each_text(s.attributes) a "
						   "WHERE s.monitor_id = $1 ORDER BY 2 DESC",
						   1, &type, &id, NULL);

	monitor->n_attributes = n == 0 ? 0 : DatumGetInt32(sql_value(0, 2, &is_null));
	monitor->attribute_names = palloc0(sizeof(char *) * Max(monitor->n_attributes, 1));
	for (uint64 i = 0; i < n; i++)
		monitor->attribute_names[DatumGetInt32(sql_value(i, 2, &is_null)) - 1] = sql_text(i, 1);
}

/* Takes note of what the filter reads; one that the table does not let it read any more is an error. */
static void
load_filter_columns(CapturedMonitor *monitor)
{
	Relation	relation = RelationIdGetRelation(monitor->source);
	Bitmapset  *attributes = NULL;
	int			member = -1;

	if (relation == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("its table was dropped")));
	pull_varattnos(definition_filter(monitor, relation), 1, &attributes);
	monitor->filter_columns = palloc(sizeof(FilterColumn) * Max(bms_num_members(attributes), 1));
	while ((member = bms_next_member(attributes, member)) >= 0)
	{
		AttrNumber	attribute = member + FirstLowInvalidHeapAttributeNumber;

		monitor->filter_columns[monitor->n_filter_columns++] =
			(FilterColumn){.attribute = attribute, .type = TupleDescAttr(RelationGetDescr(relation), attribute - 1)->atttypid};
	}
	RelationClose(relation);
}

/* One monitor from its row of the result; columns come with a second query. */
static CapturedMonitor *
load_monitor(uint64 row, MemoryContext context)
{
	CapturedMonitor *monitor = MemoryContextAllocZero(context, sizeof(CapturedMonitor));
	bool		is_null;
	Datum		value;

	monitor->monitor_id = DatumGetInt32(sql_value(row, 1, &is_null));
	monitor->name = copied_text(row, 2, context);
	monitor->source = DatumGetObjectId(sql_value(row, 3, &is_null));
	monitor->owner = DatumGetObjectId(sql_value(row, 4, &is_null));
	monitor->backfill = DatumGetBool(sql_value(row, 5, &is_null));
	monitor->retracts_deletes = DatumGetBool(sql_value(row, 6, &is_null));
	value = sql_value(row, 7, &is_null);
	monitor->watermark = is_null ? DT_NOBEGIN : DatumGetTimestampTz(value);
	value = sql_value(row, 8, &is_null);
	monitor->last_change_at = is_null ? 0 : DatumGetTimestampTz(value);
	monitor->pending_watermark = DT_NOBEGIN;
	monitor->filter = copied_text(row, 9, context);
	monitor->pane_size = copied_text(row, 10, context);
	monitor->time_zone = copied_text(row, 11, context);
	monitor->positive = copied_text(row, 12, context);
	value = sql_value(row, 13, &is_null);
	monitor->expired_before = is_null ? DT_NOBEGIN : DatumGetTimestampTz(value);
	return monitor;
}

static void
complete_monitor(CapturedMonitor *monitor, uint64 row, SPITupleTable *table)
{
	bool		is_null;
	TupleDesc	shape = table->tupdesc;
	HeapTuple	tuple = table->vals[row];
	char	   *time_column = SPI_getvalue(tuple, shape, FIRST_TEXT_COLUMN);
	char	   *prediction = SPI_getvalue(tuple, shape, FIRST_TEXT_COLUMN + 1);
	char	   *label = SPI_getvalue(tuple, shape, FIRST_TEXT_COLUMN + 2);
	char	   *score = SPI_getvalue(tuple, shape, FIRST_TEXT_COLUMN + 11);
	int			n_protected;
	Interval   *pane_size = DatumGetIntervalP(SPI_getbinval(tuple, shape, FIRST_TEXT_COLUMN + 5, &is_null));
	Interval   *slide = DatumGetIntervalP(SPI_getbinval(tuple, shape, FIRST_TEXT_COLUMN + 6, &is_null));
	Interval   *lateness = DatumGetIntervalP(SPI_getbinval(tuple, shape, FIRST_TEXT_COLUMN + 7, &is_null));
	char	  **names;
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum(monitor->monitor_id);

	if (!OidIsValid(monitor->source) || get_rel_name(monitor->source) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("its table was dropped"),
				 errhint("Its panes can still be read; weir.drop_monitor removes them.")));

	definition_load_attributes(monitor);
	if (monitor->filter != NULL)
		load_filter_columns(monitor);
	find_column(monitor, &monitor->time, time_column, "time column");
	monitor->first_protected = DatumGetInt32(SPI_getbinval(tuple, shape, FIRST_TEXT_COLUMN + 8, &is_null));
	window_clock_init(&monitor->pane_clock, pane_size, NULL, monitor->time_zone);
	window_clock_init(&monitor->slide_clock, slide, NULL, monitor->time_zone);
	level_load(monitor, CurrentMemoryContext);
	monitor->begins = monitor->backfill
		? DT_NOBEGIN
		: level_ceiling(monitor, DatumGetTimestampTz(SPI_getbinval(tuple, shape, FIRST_TEXT_COLUMN + 12, &is_null)));
	monitor->lateness = lateness->time + (lateness->day + lateness->month * (int64) DAYS_PER_MONTH) * USECS_PER_DAY;

	monitor->max_groups = DatumGetInt32(SPI_getbinval(tuple, shape, FIRST_TEXT_COLUMN + 9, &is_null));
	monitor->segment_limit = DatumGetInt64(SPI_getbinval(tuple, shape, FIRST_TEXT_COLUMN + 10, &is_null));
	if (is_null)
		monitor->segment_limit = SEGMENT_KEEP_ALL;
	monitor->n_segments = names_of_array(SPI_getbinval(tuple, shape, FIRST_TEXT_COLUMN + 3, &is_null), &names);
	if (monitor->n_segments > CAPTURE_MAX_SEGMENT_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("monitor \"%s\" has more than %d segment columns", monitor->name, CAPTURE_MAX_SEGMENT_COLUMNS),
				 errhint("Drop it, and create it again with fewer.")));
	monitor->segments = palloc0(sizeof(CapturedColumn) * Max(monitor->n_segments, 1));
	for (int i = 0; i < monitor->n_segments; i++)
		find_category(monitor, &monitor->segments[i], names[i], "segment column");

	n_protected = names_of_array(SPI_getbinval(tuple, shape, FIRST_TEXT_COLUMN + 4, &is_null), &names);
	monitor->decides_by_score = prediction == NULL && score != NULL && n_protected > 0;
	monitor->threshold = DatumGetFloat8(SPI_getbinval(tuple, shape, FIRST_TEXT_COLUMN + 13, &is_null));
	derived_prepare(monitor, prediction != NULL && n_protected > 0);
	if (monitor->reads_probabilities)
		monitor->n_classes = names_of_array(SPI_getbinval(tuple, shape, FIRST_TEXT_COLUMN + 14, &is_null), &monitor->classes);
	if (prediction != NULL)
		find_column(monitor, &monitor->prediction_column, prediction, "prediction");
	if (prediction != NULL || monitor->decides_by_score)
	{
		monitor->n_protected = n_protected;
		monitor->protected_columns = palloc0(sizeof(CapturedColumn) * Max(monitor->n_protected, 1));
		for (int i = 0; i < monitor->n_protected; i++)
			find_category(monitor, &monitor->protected_columns[i], names[i], "protected column");
	}
	monitor->has_label = label != NULL;
	if (label != NULL)
		find_column(monitor, &monitor->label_column, label, "label");
	if (monitor->decides_by_score)
	{
		monitor->score_column.reader.kind = SUMMARY_NUMERIC;
		find_column(monitor, &monitor->score_column, score, "score");
	}
	else if (score != NULL && monitor->needs_score)
		find_summarized_column(monitor, &monitor->score_column, score, monitor->n_classes > 0 ? SUMMARY_VECTOR : SUMMARY_NUMERIC,
							   InvalidOid, false);

	monitor->n_columns =
		sql_execute("SELECT column_name::text, kind, (SELECT t.oid FROM pg_catalog.pg_type t WHERE t.oid = data_type), "
					"retired_at IS NOT NULL, ordinal - 1, NULL::text, NULL::text "
					"FROM weir.monitor_column WHERE monitor_id = $1 UNION ALL "
					"SELECT NULL, NULL, NULL, false, ordinal - 1, derivation, part FROM weir.derived_column WHERE monitor_id = $1 "
					"ORDER BY 5",
					1, &type, &id, NULL);
	monitor->columns = palloc0(sizeof(CapturedColumn) * Max(monitor->n_columns, 1));
	for (int i = 0; i < monitor->n_columns; i++)
	{
		CapturedColumn *column = &monitor->columns[i];
		char	   *derivation = sql_text(i, 6);

		if (derivation != NULL)
			derived_column(monitor, i, derivation, sql_text(i, 7));
		else
			find_summarized_column(monitor, column, sql_text(i, 1), summary_kind_as_stored(sql_text(i, 2)),
								   DatumGetObjectId(sql_value(i, 3, &is_null)), DatumGetBool(sql_value(i, 4, &is_null)));
		column->position = DatumGetInt32(sql_value(i, 5, &is_null));
	}
	batch_lay_out(monitor);
}

void
definition_fail(CapturedMonitor *monitor, const char *reason, const char *logged)
{
	if (monitor->failure == NULL)
	{
		monitor->failure = MemoryContextStrdup(GetMemoryChunkContext(monitor), reason);
		monitor->logged_failure = MemoryContextStrdup(GetMemoryChunkContext(monitor), logged);
	}
	monitor->state_changed = true;
}

static int	blamed_here = 0;
static volatile int *blamed_monitor = &blamed_here;

void
definition_blame(int monitor_id)
{
	*blamed_monitor = monitor_id;
}

int
definition_blamed(void)
{
	return *blamed_monitor;
}

void
definition_blame_in(volatile int *place)
{
	blamed_monitor = place;
}

char *
definition_reason(const ErrorData *error)
{
	return error->hint ? psprintf("%s. %s", error->message, error->hint) : pstrdup(error->message);
}

/* Its builds end with it: what they left out is not known any more when it begins again. Waits for nobody who is dropping it. */
void
definition_disable(int monitor_id, const char *reason)
{
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[] = {Int32GetDatum(monitor_id), CStringGetTextDatum(reason)};

	sql_execute("UPDATE weir.monitor_state s SET state = 'disabled', reason = $2 "
				"FROM (SELECT monitor_id FROM weir.monitor_state WHERE monitor_id = $1 FOR UPDATE SKIP LOCKED) l "
				"WHERE s.monitor_id = l.monitor_id",
				2, types, values, NULL);
	sql_execute("UPDATE weir.build SET state = 'failed', error = $2, finished_at = pg_catalog.clock_timestamp() "
				"WHERE monitor_id = $1 AND state NOT IN ('done', 'failed')",
				2, types, values, NULL);
	sql_execute("DELETE FROM weir.build_slice WHERE build_id IN (SELECT build_id FROM weir.build WHERE monitor_id = $1)", 1, types,
				values, NULL);
	sql_execute("DELETE FROM weir.pane WHERE monitor_id = $1 AND generation <> 0", 1, types, values, NULL);
	/* When it begins again, everything is built from the table as it is then. */
	sql_execute("DELETE FROM weir.source_relation WHERE monitor_id = $1", 1, types, values, NULL);
	sql_execute("DELETE FROM weir.source_change WHERE monitor_id = $1", 1, types, values, NULL);
}

/* False when the monitor cannot be captured: it is disabled with its reason. */
static bool
try_to_complete(CapturedMonitor *monitor, uint64 row, SPITupleTable *table, MemoryContext context)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool succeeded = true;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		complete_monitor(monitor, row, table);
		MemoryContextSwitchTo(old);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		ereport(LOG,
				(errmsg("weir disables monitor \"%s\": %s", monitor->name, message_without_values(error)),
				 hint_without_values(error) ? errhint("%s", hint_without_values(error)) : 0));
		definition_disable(monitor->monitor_id, definition_reason(error));
		succeeded = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	return succeeded;
}

List *
definition_load(MemoryContext context)
{
	List	   *monitors = NIL;
	uint64		n;
	SPITupleTable *table;

	n = sql_execute(
		"SELECT m.monitor_id, m.name, m.source::oid, m.owner::oid, m.backfill, m.on_delete = 'retract', s.watermark, "
		"s.last_change_at, m.filter, m.pane_size::text, m.time_zone, m.positive, s.expired_before, "
		"m.time_column::text, m.prediction::text, m.label::text, m.segment_by, m.protected, m.pane_size, m.slide, m.lateness, "
		"m.first_protected, coalesce((m.options ->> 'max_groups')::int, 10000), s.segment_limit, m.score::text, m.created_at, "
		"coalesce((m.options #>> '{performance,threshold}')::float8, 0.5), "
		"ARRAY(SELECT c::name FROM pg_catalog.jsonb_array_elements_text(m.options -> 'classes') WITH ORDINALITY e(c, i) ORDER BY i) "
		"FROM weir._captured_monitor m JOIN weir.monitor_state s USING (monitor_id) WHERE s.state <> 'disabled' ORDER BY 1",
		0, NULL, NULL, NULL);
	table = SPI_tuptable;
	for (uint64 row = 0; row < n; row++)
	{
		CapturedMonitor *monitor;

		SPI_tuptable = table;
		monitor = load_monitor(row, context);
		if (try_to_complete(monitor, row, table, context))
		{
			MemoryContext old = MemoryContextSwitchTo(context);

			monitor->loaded_lsn = GetXLogInsertRecPtr();
			monitors = lappend(monitors, monitor);
			MemoryContextSwitchTo(old);
		}
	}
	return monitors;
}

/* ---- builds ---- */

static BuildKind
build_kind(const char *name)
{
	static const char *const names[] = {"build", "rebuild", "heal", "verify", "columns"};

	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(names[i], name) == 0)
			return (BuildKind) i;
	elog(ERROR, "unexpected kind of build \"%s\"", name);
}

static BuildState
build_state(const char *name)
{
	return strcmp(name, "requested") == 0 ? BUILD_REQUESTED : strcmp(name, "reading") == 0 ? BUILD_READING : BUILD_READ;
}

/* One row of definition_load_builds, in the order of time. */
static void
add_slice(CapturedMonitor *monitor, uint64 row, MemoryContext context)
{
	bool		is_null;
	int			number = DatumGetInt32(sql_value(row, 1, &is_null));
	BuildState	state = build_state(sql_text(row, 4));
	TimestampTz since = DatumGetTimestampTz(sql_value(row, 5, &is_null));
	char	   *cut = sql_text(row, 7);
	ActiveBuild *last = monitor->builds == NIL ? NULL : llast(monitor->builds);
	ActiveBuild *build;
	MemoryContext old;

	if (state == BUILD_REQUESTED && last != NULL && last->number == number && last->state == BUILD_REQUESTED &&
		last->until == since)
	{
		last->until = DatumGetTimestampTz(sql_value(row, 6, &is_null));
		return;
	}
	build = MemoryContextAllocZero(context, sizeof(ActiveBuild));
	build->number = number;
	build->monitor_id = monitor->monitor_id;
	build->kind = build_kind(sql_text(row, 3));
	build->state = state;
	build->since = since;
	build->until = DatumGetTimestampTz(sql_value(row, 6, &is_null));
	build->attempt = DatumGetInt32(sql_value(row, 9, &is_null));
	build->slice = DatumGetInt32(sql_value(row, 10, &is_null));
	build->generation = DatumGetInt32(sql_value(row, 11, &is_null));
	build->heals = DatumGetBool(sql_value(row, 12, &is_null));
	build->segment_limit = DatumGetInt64(sql_value(row, 13, &is_null));
	if (is_null)
		build->segment_limit = SEGMENT_KEEP_ALL;
	/* Where nothing is read, what was there before the cut counts nowhere. */
	if (!monitor->retracts_deletes && (monitor->backfill || build->kind != BUILD_INITIAL))
		build->kept = DatumGetInt32(sql_value(row, 14, &is_null));
	if (cut != NULL)
	{
		build->has_cut = true;
		cut_parse(&build->cut, cut, context);
		build->cut_lsn = DatumGetLSN(sql_value(row, 8, &is_null));
	}
	old = MemoryContextSwitchTo(context);
	monitor->builds = lappend(monitor->builds, build);
	MemoryContextSwitchTo(old);
}

CapturedMonitor *
definition_find(List *monitors, int monitor_id)
{
	ListCell   *cell;

	foreach(cell, monitors)
		if (((CapturedMonitor *) lfirst(cell))->monitor_id == monitor_id)
			return lfirst(cell);
	return NULL;
}

void
definition_load_builds(List *monitors, MemoryContext context)
{
	ListCell   *cell;
	uint64		n;

	foreach(cell, monitors)
	{
		CapturedMonitor *monitor = lfirst(cell);
		ListCell   *build_cell;

		foreach(build_cell, monitor->builds)
		{
			ActiveBuild *build = lfirst(build_cell);

			if (build->has_cut)
				pfree(build->cut.running);
		}
		list_free_deep(monitor->builds);
		monitor->builds = NIL;
	}
	n = sql_execute(
		"SELECT b.build_id, b.monitor_id, b.kind, coalesce(s.state, 'requested'), coalesce(s.since, b.since), "
		"coalesce(s.until, b.until), s.cut::text, s.cut_lsn, coalesce(s.attempt, 0), coalesce(s.slice, 0), "
		"coalesce(s.generation, 0), b.heals, s.segment_limit, b.kept FROM weir.build b LEFT JOIN weir.build_slice s ON s.build_id = b.build_id "
		"AND s.state <> 'done' WHERE b.state NOT IN ('done', 'failed') ORDER BY 1, 5",
		0, NULL, NULL, NULL);
	for (uint64 row = 0; row < n; row++)
	{
		bool		is_null;
		CapturedMonitor *monitor = definition_find(monitors, DatumGetInt32(sql_value(row, 2, &is_null)));

		if (monitor != NULL)
			add_slice(monitor, row, context);
	}
}
