/*
 * row_detectors.c
 *		Change detectors over the rows of a monitored table, in the order of their time.
 *
 * A detector reads rows once, as the owner of the table, when their time is final: pane by pane, and what it found in a pane, its
 * state and how far it has read are written in one transaction.  A crash repeats nothing and loses nothing; rows that arrive after
 * their time was final are not read.  The windows of a monitor are final only as far as its detectors have read (weir._settings).
 */
#include "postgres.h"

#include "base/memory.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "base/withhold.h"
#include "catalog/pg_type_d.h"
#include "detect/detector_datum.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "monitor/boundary.h"
#include "monitor/row_detectors.h"
#include "parser/parse_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(weir_run_row_detector_task);

/* A turn of one detector ends after the pane in which it has read so many rows, or for so long. */
#define ROWS_PER_TURN 200000
#define TURN_MS 2000
#define ROWS_PER_FETCH 5000

typedef struct RowDetector
{
	int			monitor_id;
	Oid			source;
	Oid			owner;
	char	   *name;
	char	   *detector;
	Jsonb	   *options;
	char	   *metric;			/* value or error */
	char	   *column;			/* of value */
	char	   *time_column;
	char	   *filter;
	char	   *prediction;
	char	   *label;
	char	   *positive;
	char	   *time_zone;
	Interval	pane_size;
	bytea	   *state;			/* NULL before the first row */
	TimestampTz read_until;
	TimestampTz target;
} RowDetector;

/* What it found in a pane. */
typedef struct FoundPane
{
	TimestampTz start;
	int64		n;
	int64		n_warnings;
	int64		n_drifts;
	TimestampTz first_drift_at; /* DT_NOEND: none */
} FoundPane;

typedef struct Reading
{
	Detector   *detector;
	List	   *panes;			/* of FoundPane */
	TimestampTz read_until;
	MemoryContext context;
} Reading;

/* ---- the query ---- */

static Oid
column_type(Oid source, const char *column)
{
	AttrNumber	number = get_attnum(source, column);

	if (number == InvalidAttrNumber)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("column \"%s\" does not exist", column)));
	return getBaseType(get_atttype(source, number));
}

/* The column as a number. */
static char *
value_expression(Oid source, const char *column)
{
	Oid			type = column_type(source, column);
	char		category;
	bool		is_preferred;

	get_type_category_preferred(type, &category, &is_preferred);
	if (type == BOOLOID)
		return psprintf("%s::int::float8", quote_identifier(column));
	if (type == INTERVALOID)
		return psprintf("extract(epoch FROM %s)::float8", quote_identifier(column));
	if (category != TYPCATEGORY_NUMERIC)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a detector cannot read column \"%s\" of type %s", column, format_type_be(type)),
				 errhint("It reads numbers, intervals and booleans.")));
	return psprintf("%s::float8", quote_identifier(column));
}

/* A prediction or label, so that both compare: as text, and as whether it is the positive one where there is such. */
static char *
outcome_expression(const RowDetector *row, const char *column)
{
	Oid			type = column_type(row->source, column);
	const char *name = quote_identifier(column);

	if (type == BOOLOID)
		return row->positive != NULL ? pstrdup(name) : psprintf("%s::int::text", name);
	return row->positive != NULL ? psprintf("(%s::text = %s)", name, quote_literal_cstr(row->positive))
								 : psprintf("%s::text", name);
}

/* Pane, time and value of the rows in [$1, $2), in the order of time, and of the table where times are equal. */
static char *
rows_query(const RowDetector *row)
{
	const char *time = quote_identifier(row->time_column);
	StringInfoData query;
	char	   *value;

	if (strcmp(row->metric, "error") == 0)
		value = psprintf("(%s <> %s)::int::float8", outcome_expression(row, row->prediction), outcome_expression(row, row->label));
	else
		value = value_expression(row->source, row->column);
	initStringInfo(&query);
	appendStringInfo(&query,
					 "SELECT weir.tumble(%s::timestamptz, $3, NULL, $4), %s::timestamptz, %s FROM %s WHERE %s >= $1 AND %s < $2",
					 time, time, value,
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(row->source)), get_rel_name(row->source)),
					 time, time);
	if (row->filter != NULL)
		appendStringInfo(&query, " AND (%s)", row->filter);
	appendStringInfo(&query, " ORDER BY %s, tableoid, ctid", time);
	return query.data;
}

/* ---- reading ---- */

static FoundPane *
found_pane(Reading *reading, TimestampTz start)
{
	FoundPane  *pane = reading->panes == NIL ? NULL : llast(reading->panes);

	if (pane == NULL || pane->start != start)
	{
		MemoryContext old = MemoryContextSwitchTo(reading->context);

		pane = palloc0(sizeof(FoundPane));
		pane->start = start;
		pane->first_drift_at = DT_NOEND;
		reading->panes = lappend(reading->panes, pane);
		MemoryContextSwitchTo(old);
	}
	return pane;
}

static void
feed(Reading *reading, TimestampTz pane_start, TimestampTz at, double value, bool is_null)
{
	FoundPane  *pane = found_pane(reading, pane_start);
	DetectorSignal signal;

	if (!detector_feed(reading->detector, value, is_null, &signal))
		return;
	pane->n++;
	pane->n_warnings += signal == DETECTOR_WARNING;
	if (signal == DETECTOR_DRIFT)
	{
		if (pane->n_drifts++ == 0)
			pane->first_drift_at = at;
	}
}

/* False when the turn ends before this row, whose pane is the first of the next. */
static bool
goes_on(const Reading *reading, TimestampTz pane_start, int64 n_rows, TimestampTz started_at)
{
	if (reading->panes == NIL || ((FoundPane *) llast(reading->panes))->start == pane_start)
		return true;
	return n_rows < ROWS_PER_TURN && !TimestampDifferenceExceeds(started_at, GetCurrentTimestamp(), TURN_MS);
}

/* As the owner of the table. */
static void
read_rows(const RowDetector *row, Reading *reading)
{
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, INTERVALOID, TEXTOID};
	Datum		values[] = {TimestampTzGetDatum(row->read_until), TimestampTzGetDatum(row->target), 0, 0};
	TimestampTz started_at = GetCurrentTimestamp();
	int64		n_rows = 0;
	bool		has_more = true;
	SqlScope	scope;
	Portal		portal;

	values[2] = IntervalPGetDatum(&row->pane_size);
	if (row->time_zone != NULL)
		values[3] = CStringGetTextDatum(row->time_zone);
	reading->read_until = row->target;
	sql_begin_as(&scope, row->owner);
	portal =
		SPI_cursor_open_with_args(NULL, rows_query(row), lengthof(types), types, values, row->time_zone ? "    " : "   n", true, 0);
	while (has_more)
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, ROWS_PER_FETCH);
		has_more = SPI_processed > 0;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			bool		is_null;
			TimestampTz pane_start = DatumGetTimestampTz(sql_value(i, 1, &is_null));
			TimestampTz at = DatumGetTimestampTz(sql_value(i, 2, &is_null));
			Datum		value;

			if (!goes_on(reading, pane_start, n_rows, started_at))
			{
				reading->read_until = pane_start;
				has_more = false;
				break;
			}
			value = sql_value(i, 3, &is_null);
			feed(reading, pane_start, at, is_null ? 0 : DatumGetFloat8(value), is_null);
			n_rows++;
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	sql_end(&scope);
}

/* ---- writing ---- */

static Datum
number_array(List *panes, Oid type, Datum (*of)(const FoundPane *))
{
	Datum	   *values = palloc(sizeof(Datum) * (list_length(panes) + 1));
	ListCell   *cell;

	foreach(cell, panes)
		values[foreach_current_index(cell)] = of(lfirst(cell));
	return PointerGetDatum(construct_array(values, list_length(panes), type, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
pane_start(const FoundPane *pane)
{
	return TimestampTzGetDatum(pane->start);
}

static Datum
pane_n(const FoundPane *pane)
{
	return Int64GetDatum(pane->n);
}

static Datum
pane_n_warnings(const FoundPane *pane)
{
	return Int64GetDatum(pane->n_warnings);
}

static Datum
pane_n_drifts(const FoundPane *pane)
{
	return Int64GetDatum(pane->n_drifts);
}

static Datum
pane_first_drift(const FoundPane *pane)
{
	return TimestampTzGetDatum(pane->first_drift_at);
}

static void
write_findings(const RowDetector *row, const Reading *reading)
{
	Size		size = detector_encoded_size(reading->detector);
	bytea	   *state = palloc(size + VARHDRSZ);
	SqlScope	scope;

	SET_VARSIZE(state, size + VARHDRSZ);
	detector_encode(reading->detector, (uint8_t *) VARDATA(state));
	sql_begin(&scope);
	sql_execute("INSERT INTO weir.row_detector_pane (monitor_id, name, pane_start, n, n_warnings, n_drifts, first_drift_at)"
				" SELECT $1, $2, start, n, n_warnings, n_drifts, nullif(first_drift_at, 'infinity')"
				" FROM unnest($3, $4, $5, $6, $7) u (start, n, n_warnings, n_drifts, first_drift_at)",
				7, (Oid[]){INT4OID, TEXTOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID},
				(Datum[]){Int32GetDatum(row->monitor_id), CStringGetTextDatum(row->name),
						  number_array(reading->panes, TIMESTAMPTZOID, pane_start), number_array(reading->panes, INT8OID, pane_n),
						  number_array(reading->panes, INT8OID, pane_n_warnings),
						  number_array(reading->panes, INT8OID, pane_n_drifts),
						  number_array(reading->panes, TIMESTAMPTZOID, pane_first_drift)},
				NULL);
	sql_execute("UPDATE weir.row_detector SET state = $3, read_until = $4 WHERE monitor_id = $1 AND name = $2", 4,
				(Oid[]){INT4OID, TEXTOID, extension_type("detector_state"), TIMESTAMPTZOID},
				(Datum[]){Int32GetDatum(row->monitor_id), CStringGetTextDatum(row->name), PointerGetDatum(state),
						  TimestampTzGetDatum(reading->read_until)},
				NULL);
	sql_execute(
		"DELETE FROM weir.row_detector_pane p USING weir.monitor m WHERE p.monitor_id = $1 AND p.name = $2 AND m.monitor_id = $1"
		" AND isfinite($3) AND p.pane_start < $3 - m.retention",
		3, (Oid[]){INT4OID, TEXTOID, TIMESTAMPTZOID},
		(Datum[]){Int32GetDatum(row->monitor_id), CStringGetTextDatum(row->name), TimestampTzGetDatum(reading->read_until)}, NULL);
	sql_end(&scope);
}

/* ---- the task ---- */

static void
advance(void *argument)
{
	const RowDetector *row = argument;
	Reading		reading = {.context = CurrentMemoryContext};

	if (row->state == NULL)
		reading.detector = detector_from_names(CurrentMemoryContext, row->detector, row->options);
	else if (detector_decode(allocator_in(CurrentMemoryContext), (const uint8_t *) VARDATA_ANY(row->state),
							 VARSIZE_ANY_EXHDR(row->state), &reading.detector) != DETECTOR_OK)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("the state of detector \"%s\" cannot be read", row->name)));
	read_rows(row, &reading);
	write_findings(row, &reading);
}

static void
disable(const RowDetector *row, const char *reason)
{
	SqlScope	scope;

	sql_begin(&scope);
	sql_execute("UPDATE weir.row_detector SET disabled_reason = $3 WHERE monitor_id = $1 AND name = $2", 3,
				(Oid[]){INT4OID, TEXTOID, TEXTOID},
				(Datum[]){Int32GetDatum(row->monitor_id), CStringGetTextDatum(row->name), CStringGetTextDatum(reason)}, NULL);
	sql_end(&scope);
}

static RowDetector *
read_turn(uint64 i)
{
	RowDetector *row = palloc0(sizeof(RowDetector));
	bool		is_null;
	Datum		state;

	row->monitor_id = DatumGetInt32(sql_value(i, 1, &is_null));
	row->source = DatumGetObjectId(sql_value(i, 2, &is_null));
	row->owner = DatumGetObjectId(sql_value(i, 3, &is_null));
	row->name = sql_text(i, 4);
	row->detector = sql_text(i, 5);
	row->options = DatumGetJsonbPCopy(sql_value(i, 6, &is_null));
	row->metric = sql_text(i, 7);
	row->column = sql_text(i, 8);
	row->time_column = sql_text(i, 9);
	row->filter = sql_text(i, 10);
	row->prediction = sql_text(i, 11);
	row->label = sql_text(i, 12);
	row->positive = sql_text(i, 13);
	row->time_zone = sql_text(i, 14);
	row->pane_size = *DatumGetIntervalP(sql_value(i, 15, &is_null));
	state = sql_value(i, 16, &is_null);
	if (!is_null)
		row->state = DatumGetByteaPCopy(state);
	row->read_until = DatumGetTimestampTz(sql_value(i, 17, &is_null));
	row->target = DatumGetTimestampTz(sql_value(i, 18, &is_null));
	return row;
}

/* Those that have something to read. */
static List *
list_turns(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *turns = NIL;
	SqlScope	scope;
	uint64		n;

	sql_begin(&scope);
	/* After a restore there are none of the restored monitors. */
	sql_execute("SELECT weir._settle_row_detectors(monitor_id) FROM weir.monitor WHERE options ? 'detectors'", 0, NULL, NULL, NULL);
	n = sql_execute(
		"SELECT m.monitor_id, m.source::oid, m.owner::oid, r.name, r.detector, r.options, r.metric, r.column_name, m.time_column::text,"
		" m.filter, m.prediction::text, m.label::text, m.positive, m.time_zone, m.pane_size, r.state, r.read_until, f.target"
		" FROM weir.row_detector r JOIN weir.monitor m USING (monitor_id) JOIN weir.monitor_state s USING (monitor_id),"
		" LATERAL (SELECT weir._final_before(m.monitor_id) AS final_before) b,"
		" LATERAL (SELECT CASE WHEN isfinite(b.final_before)"
		" THEN weir.tumble(b.final_before, m.pane_size, NULL, m.time_zone) END AS target) f"
		" WHERE r.disabled_reason IS NULL AND s.state = 'active' AND r.read_until < f.target ORDER BY r.read_until",
		0, NULL, NULL, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		turns = lappend(turns, read_turn(i));
		MemoryContextSwitchTo(old);
	}
	sql_end(&scope);
	return turns;
}

void
row_detector_task(void)
{
	TimestampTz started_at = GetCurrentTimestamp();
	ListCell   *cell;

	foreach(cell, list_turns())
	{
		RowDetector *row = lfirst(cell);
		ErrorData  *error = run_behind_boundary(advance, row);

		if (error != NULL)
		{
			ereport(LOG,
					(errmsg("weir could not advance detector \"%s\" of monitor %d: %s", row->name, row->monitor_id,
							message_without_values(error))));
			if (error_is_lasting(error->sqlerrcode))
				disable(row, error->message);
			FreeErrorData(error);
		}
		if (TimestampDifferenceExceeds(started_at, GetCurrentTimestamp(), TURN_MS))
			break;
	}
}

void
settle_row_detectors(int monitor_id)
{
	SqlScope	scope;

	sql_begin(&scope);
	sql_execute("SELECT weir._settle_row_detectors($1)", 1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(monitor_id)}, NULL);
	sql_end(&scope);
}

/* For tests: a turn now. */
Datum
weir_run_row_detector_task(PG_FUNCTION_ARGS)
{
	row_detector_task();
	PG_RETURN_VOID();
}
