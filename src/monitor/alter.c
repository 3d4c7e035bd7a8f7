/*
 * alter.c
 *		alter_monitor: what can be changed of a monitor, and what has to be built anew for it.
 *
 * Settings take effect at once.  A column that is added is built alone, under its cut, into the panes that there are.  What changes
 * which rows belong to a pane, how large panes are, or what is counted for fairness, makes a new build of everything: the panes of
 * before are read until they are replaced, slice by slice.  Positions in the arrays of panes are never used again, so a pane of
 * before is never read as something else.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "capture/capture.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "monitor/definition.h"
#include "monitor/monitor.h"
#include "monitor/node.h"
#include "summary/summary_datum.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_alter_monitor);

/* Numbers of the arguments. */
enum
{
	ARGUMENT_MONITOR,
	ARGUMENT_WINDOW_SIZE,
	ARGUMENT_SLIDE,
	ARGUMENT_LATENESS,
	ARGUMENT_METRICS,
	ARGUMENT_RETENTION,
	ARGUMENT_ON_DELETE,
	ARGUMENT_OPTIONS,
	ARGUMENT_ADD_COLUMNS,
	ARGUMENT_DROP_COLUMNS,
	ARGUMENT_KINDS,
	ARGUMENT_FILTER,
	ARGUMENT_MODEL,
	ARGUMENT_PREDICTION,
	ARGUMENT_SCORE,
	ARGUMENT_LABEL,
	ARGUMENT_POSITIVE,
	ARGUMENT_PROTECTED,
	ARGUMENT_RESET
};

/* What is to be done besides storing the definition. */
typedef struct Alteration
{
	MonitorDefinition now;
	MonitorDefinition before;	/* its columns as they are stored, those that the table has no more not among them */
	List	   *dropped;		/* of char *: columns, by name */
	List	   *added;			/* of MonitorColumn */
	MonitorTask task;			/* where outcomes differ */
} Alteration;

/* ---- the definition as it is ---- */

static void
load_columns(int monitor_id, MonitorDefinition *definition, MemoryContext context)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);
	uint64		n = sql_execute("SELECT column_name::text, data_type::oid, kind FROM weir.monitor_column WHERE monitor_id = $1 "
						   "AND retired_at IS NULL ORDER BY ordinal",
						   1, &type, &value, NULL);
	MemoryContext old = MemoryContextSwitchTo(context);

	for (uint64 i = 0; i < n; i++)
	{
		MonitorColumn *column = palloc(sizeof(MonitorColumn));
		bool		is_null;

		column->name = sql_text(i, 1);
		column->type = DatumGetObjectId(sql_value(i, 2, &is_null));
		column->kind = summary_kind_as_stored(sql_text(i, 3));
		definition->columns = lappend(definition->columns, column);
	}
	MemoryContextSwitchTo(old);
}

static List *
text_list(int column)
{
	bool		is_null;

	return text_array_list(DatumGetArrayTypePCopy(sql_value(0, column, &is_null)), "stored names");
}

static void
load_definition(int monitor_id, MonitorDefinition *definition)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext old;
	SqlScope	scope;
	bool		is_null;

	sql_begin(&scope);
	/* The row lock keeps a second alter_monitor from overwriting this one. */
	if (sql_execute("SELECT name, window_size, slide, pane_size, lateness, retention, on_delete, options, metrics, time_zone, "
					"source::oid, time_column::text, segment_by::text[], protected::text[], model, prediction::text, score::text, "
					"label::text, positive, filter, backfill FROM weir.monitor WHERE monitor_id = $1 FOR UPDATE",
					1, &type, &value, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("the monitor was dropped meanwhile"),
				 errhint("SELECT monitor FROM weir.monitors lists those that there are.")));
	old = MemoryContextSwitchTo(caller);
	definition->monitor_id = monitor_id;
	definition->name = sql_text(0, 1);
	definition->window_size = *DatumGetIntervalP(sql_value(0, 2, &is_null));
	definition->slide = *DatumGetIntervalP(sql_value(0, 3, &is_null));
	definition->pane_size = *DatumGetIntervalP(sql_value(0, 4, &is_null));
	definition->lateness = *DatumGetIntervalP(sql_value(0, 5, &is_null));
	value = sql_value(0, 6, &is_null);
	if (!is_null)
	{
		definition->retention = palloc(sizeof(Interval));
		*definition->retention = *DatumGetIntervalP(value);
	}
	definition->on_delete = sql_text(0, 7);
	definition->options = DatumGetJsonbPCopy(sql_value(0, 8, &is_null));
	value = sql_value(0, 9, &is_null);
	definition->metrics = is_null ? NULL : DatumGetArrayTypePCopy(value);
	definition->time_zone = sql_text(0, 10);
	definition->source = DatumGetObjectId(sql_value(0, 11, &is_null));
	definition->time_column = sql_text(0, 12);
	definition->segment_by = text_list(13);
	definition->protected_columns = text_list(14);
	definition->model = sql_text(0, 15);
	definition->prediction = sql_text(0, 16);
	definition->score = sql_text(0, 17);
	definition->label = sql_text(0, 18);
	definition->positive = sql_text(0, 19);
	definition->filter = sql_text(0, 20);
	definition->backfill = DatumGetBool(sql_value(0, 21, &is_null));
	MemoryContextSwitchTo(old);
	load_columns(monitor_id, definition, caller);
	sql_end(&scope);
}

/* ---- the definition as it is to be ---- */

/* options || given; members that are null go back to their defaults. */
static Jsonb *
merge_options(Jsonb *options, Jsonb *given)
{
	Oid			types[] = {JSONBOID, JSONBOID};
	Datum		values[] = {JsonbPGetDatum(options), JsonbPGetDatum(given)};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext old;
	SqlScope	scope;
	bool		is_null;
	Jsonb	   *result;

	if (!JB_ROOT_IS_OBJECT(given))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must be a JSON object"),
				 errhint("For example options => '{\"min_n\": 100}'.")));
	sql_begin(&scope);
	sql_execute("SELECT jsonb_strip_nulls($1 || $2)", 2, types, values, NULL);
	old = MemoryContextSwitchTo(caller);
	result = DatumGetJsonbPCopy(sql_value(0, 1, &is_null));
	MemoryContextSwitchTo(old);
	sql_end(&scope);
	return result;
}

/* Settings that can go back to what they are when create_monitor is not told. */
static void
reset_setting(MonitorDefinition *definition, const char *name)
{
	if (strcmp(name, "slide") == 0)
		definition->slide = definition->window_size;
	else if (strcmp(name, "lateness") == 0)
		memset(&definition->lateness, 0, sizeof(Interval));
	else if (strcmp(name, "metrics") == 0)
		definition->metrics = NULL;
	else if (strcmp(name, "retention") == 0)
		definition->retention = NULL;
	else if (strcmp(name, "filter") == 0)
		definition->filter = NULL;
	else if (strcmp(name, "model") == 0)
		definition->model = NULL;
	else if (strcmp(name, "prediction") == 0)
		definition->prediction = NULL;
	else if (strcmp(name, "score") == 0)
		definition->score = NULL;
	else if (strcmp(name, "label") == 0)
		definition->label = NULL;
	else if (strcmp(name, "positive") == 0)
		definition->positive = NULL;
	else if (strcmp(name, "protected") == 0)
		definition->protected_columns = NIL;
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no setting \"%s\" to reset", name),
				 errhint(
					 "Those that can be are slide, lateness, metrics, retention, filter, model, prediction, score, label, positive "
					 "and protected; members of options are reset by null.")));
}

static void
set_text(FunctionCallInfo fcinfo, int number, char **setting)
{
	if (!PG_ARGISNULL(number))
		*setting = argument_text(fcinfo, number);
}

static void
set_name(FunctionCallInfo fcinfo, int number, char **setting)
{
	if (!PG_ARGISNULL(number))
		*setting = pstrdup(NameStr(*PG_GETARG_NAME(number)));
}

static void
change_settings(FunctionCallInfo fcinfo, MonitorDefinition *definition)
{
	bool		tumbles = interval_length(&definition->window_size) == interval_length(&definition->slide);
	ListCell   *cell;

	if (!PG_ARGISNULL(ARGUMENT_WINDOW_SIZE))
	{
		definition->window_size = *PG_GETARG_INTERVAL_P(ARGUMENT_WINDOW_SIZE);
		/* Windows that did not overlap go on not to. */
		if (tumbles)
			definition->slide = definition->window_size;
	}
	if (!PG_ARGISNULL(ARGUMENT_RESET))
		foreach(cell, text_array_list(PG_GETARG_ARRAYTYPE_P(ARGUMENT_RESET), "reset"))
			reset_setting(definition, lfirst(cell));
	if (!PG_ARGISNULL(ARGUMENT_SLIDE))
		definition->slide = *PG_GETARG_INTERVAL_P(ARGUMENT_SLIDE);
	if (!PG_ARGISNULL(ARGUMENT_LATENESS))
		definition->lateness = *PG_GETARG_INTERVAL_P(ARGUMENT_LATENESS);
	if (!PG_ARGISNULL(ARGUMENT_METRICS))
		definition->metrics = text_list_array(text_array_list(PG_GETARG_ARRAYTYPE_P(ARGUMENT_METRICS), "metrics"));
	if (!PG_ARGISNULL(ARGUMENT_RETENTION))
		definition->retention = PG_GETARG_INTERVAL_P(ARGUMENT_RETENTION);
	set_text(fcinfo, ARGUMENT_ON_DELETE, &definition->on_delete);
	if (!PG_ARGISNULL(ARGUMENT_OPTIONS))
		definition->options = merge_options(definition->options, PG_GETARG_JSONB_P(ARGUMENT_OPTIONS));
	set_text(fcinfo, ARGUMENT_FILTER, &definition->filter);
	set_text(fcinfo, ARGUMENT_MODEL, &definition->model);
	set_name(fcinfo, ARGUMENT_PREDICTION, &definition->prediction);
	set_name(fcinfo, ARGUMENT_SCORE, &definition->score);
	set_name(fcinfo, ARGUMENT_LABEL, &definition->label);
	set_text(fcinfo, ARGUMENT_POSITIVE, &definition->positive);
	if (!PG_ARGISNULL(ARGUMENT_PROTECTED))
		definition->protected_columns = text_array_list(PG_GETARG_ARRAYTYPE_P(ARGUMENT_PROTECTED), "protected");
}

/* ---- columns ---- */

static MonitorColumn *
find_column(List *columns, const char *name)
{
	ListCell   *cell;

	foreach(cell, columns)
		if (strcmp(((MonitorColumn *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	return NULL;
}

static bool
is_in(List *names, const char *name)
{
	ListCell   *cell;

	foreach(cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

/* The columns that argument kinds names. */
static List *
names_of_kinds(Jsonb *kinds)
{
	List	   *names = NIL;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(kinds))
		return NIL;				/* an error of choose_columns */
	iterator = JsonbIteratorInit(&kinds->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_KEY)
			names = lappend(names, pnstrdup(value.val.string.val, value.val.string.len));
	return names;
}

/* A column whose kind changes goes, and comes again as another. */
static void
change_columns(FunctionCallInfo fcinfo, Alteration *alteration, Relation source)
{
	List	   *wanted =
		PG_ARGISNULL(ARGUMENT_ADD_COLUMNS) ? NIL : text_array_list(PG_GETARG_ARRAYTYPE_P(ARGUMENT_ADD_COLUMNS), "add_columns");
	Jsonb	   *kinds = PG_ARGISNULL(ARGUMENT_KINDS) ? DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")))
												: PG_GETARG_JSONB_P(ARGUMENT_KINDS);
	MonitorDefinition chosen = alteration->now;
	ListCell   *cell;

	if (!PG_ARGISNULL(ARGUMENT_DROP_COLUMNS))
		foreach(cell, text_array_list(PG_GETARG_ARRAYTYPE_P(ARGUMENT_DROP_COLUMNS), "drop_columns"))
		{
			if (find_column(alteration->before.columns, lfirst(cell)) == NULL)
				ereport(ERROR,
						(errcode(ERRCODE_UNDEFINED_COLUMN),
						 errmsg("monitor \"%s\" does not summarize column \"%s\"", alteration->now.name, (char *) lfirst(cell)),
						 errhint("SELECT columns FROM weir.monitors lists those that it does.")));
			alteration->dropped = lappend(alteration->dropped, lfirst(cell));
		}
	foreach(cell, wanted)
		if (find_column(alteration->before.columns, lfirst(cell)) != NULL && !is_in(alteration->dropped, lfirst(cell)))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("monitor \"%s\" summarizes column \"%s\" already", alteration->now.name, (char *) lfirst(cell)),
					 errhint("Argument kinds changes the kind of a column.")));
	foreach(cell, names_of_kinds(kinds))
	{
		if (is_in(wanted, lfirst(cell)))
			continue;
		if (find_column(alteration->before.columns, lfirst(cell)) == NULL || is_in(alteration->dropped, lfirst(cell)))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("monitor \"%s\" does not summarize column \"%s\"", alteration->now.name, (char *) lfirst(cell)),
					 errhint("Name it in add_columns, too.")));
		wanted = lappend(wanted, lfirst(cell));
	}
	if (wanted != NIL)
		choose_columns(&chosen, source, false, wanted, kinds);
	else
		chosen.columns = NIL;
	foreach(cell, wanted)
	{
		MonitorColumn *before = find_column(alteration->before.columns, lfirst(cell));
		MonitorColumn *now = find_column(chosen.columns, lfirst(cell));

		if (before != NULL && now != NULL && before->kind == now->kind && !is_in(alteration->dropped, lfirst(cell)))
			continue;
		if (before != NULL && !is_in(alteration->dropped, lfirst(cell)))
			alteration->dropped = lappend(alteration->dropped, lfirst(cell));
		if (now != NULL)
			alteration->added = lappend(alteration->added, now);
	}
	if (list_length(alteration->before.columns) - list_length(alteration->dropped) + list_length(alteration->added) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no column would be left to monitor"),
				 errhint("weir.drop_monitor removes the monitor.")));
}

/* ---- what has to be built ---- */

static bool
text_differs(const char *a, const char *b)
{
	return (a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0);
}

static bool
lists_differ(List *a, List *b)
{
	ListCell   *cell;

	if (list_length(a) != list_length(b))
		return true;
	foreach(cell, a)
		if (strcmp(lfirst(cell), list_nth(b, foreach_current_index(cell))) != 0)
			return true;
	return false;
}

static bool
decisions_differ(const MonitorDefinition *a, const MonitorDefinition *b)
{
	double		before = monitor_deciding_threshold(a);
	double		now = monitor_deciding_threshold(b);

	return (isnan(before) != isnan(now) || before < now || before > now) || (!isnan(now) && text_differs(a->score, b->score));
}

static bool
classes_differ(const MonitorDefinition *a, const MonitorDefinition *b)
{
	JsonbValue	before;
	JsonbValue	now;
	bool		had = getKeyJsonValueFromContainer(&a->options->root, "classes", strlen("classes"), &before) != NULL;
	bool		has = getKeyJsonValueFromContainer(&b->options->root, "classes", strlen("classes"), &now) != NULL;

	if (!had || !has)
		return had != has;
	return compareJsonbContainers(before.val.binary.data, now.val.binary.data) != 0;
}

static bool
outcomes_differ(const MonitorDefinition *a, const MonitorDefinition *b)
{
	return decisions_differ(a, b) || classes_differ(a, b) || text_differs(a->prediction, b->prediction) ||
		text_differs(a->label, b->label) || text_differs(option_text(a->options, "task"), option_text(b->options, "task")) ||
		(a->label != NULL && text_differs(a->score, b->score)) || text_differs(a->positive, b->positive) ||
		lists_differ(a->protected_columns, b->protected_columns);
}

static bool
sizes_differ(const MonitorDefinition *a, const MonitorDefinition *b)
{
	return memcmp(&a->pane_size, &b->pane_size, sizeof(Interval)) != 0;
}

/* Segments that are put together are told apart again where more may be kept. */
static bool
may_keep_more_segments(const MonitorDefinition *a, const MonitorDefinition *b)
{
	Oid			types[] = {INT4OID, JSONBOID, JSONBOID};
	Datum		values[] = {Int32GetDatum(a->monitor_id), JsonbPGetDatum(a->options), JsonbPGetDatum(b->options)};
	SqlScope	scope;
	bool		more;

	sql_begin(&scope);
	more = sql_execute("SELECT FROM weir.monitor_state WHERE monitor_id = $1 AND segment_limit IS NOT NULL "
					   "AND coalesce(($3 ->> 'max_groups')::int, 10000) > coalesce(($2 ->> 'max_groups')::int, 10000)",
					   lengthof(types), types, values, NULL) > 0;
	sql_end(&scope);
	return more;
}

static bool
is_built_anew(const MonitorDefinition *a, const MonitorDefinition *b)
{
	return text_differs(a->filter, b->filter) || outcomes_differ(a, b) || sizes_differ(a, b) || may_keep_more_segments(a, b);
}

/* Panes can only be built anew where the table has what they hold. */
static void
check_can_be_built(const Alteration *alteration)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(alteration->now.monitor_id);
	SqlScope	scope;
	bool		holds_more;

	if (merges_nodes(&alteration->now) != merges_nodes(&alteration->before))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("where the panes of monitor \"%s\" come from cannot be changed", alteration->now.name),
				 errhint("Create another monitor with option nodes, or without it.")));
	if (merges_nodes(&alteration->now) || !is_built_anew(&alteration->before, &alteration->now))
		return;
	if (!alteration->now.backfill)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("monitor \"%s\" was created with backfill => false", alteration->now.name),
				 errdetail("Its panes leave out rows that the table had before, so they cannot be built anew from the table."),
				 errhint("weir.rebuild(%s) reads the whole table; then this can be changed.",
						 quote_literal_cstr(alteration->now.name))));
	sql_begin(&scope);
	holds_more = sql_execute("SELECT FROM weir.pane WHERE monitor_id = $1 AND generation = 0 AND marks & 2 <> 0 LIMIT 1", 1, &type,
							 &value, NULL) > 0;
	sql_end(&scope);
	if (holds_more && sizes_differ(&alteration->before, &alteration->now))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the pane size of monitor \"%s\" cannot be changed", alteration->now.name),
				 errdetail("It has panes that hold rows which the table has deleted: they cannot be built anew."),
				 errhint("Create another monitor with that pane size.")));
	if (holds_more)
		ereport(NOTICE,
				(errmsg("panes that hold rows which the table has deleted stay as they are"),
				 errdetail("The others are built anew for the changed definition.")));
}

/* ---- storing ---- */

static Datum
text_or_null(const char *text)
{
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

static void
store_definition(const Alteration *alteration)
{
	const MonitorDefinition *now = &alteration->now;
	Oid			types[] = {
		INT4OID, INTERVALOID, INTERVALOID, INTERVALOID, INTERVALOID, INTERVALOID, TEXTOID,      JSONBOID, TEXTARRAYOID,
		TEXTOID, TEXTOID,     TEXTOID,     TEXTOID,     TEXTOID,     TEXTOID,     TEXTARRAYOID, INT4OID,
	};
	Datum		values[] = {Int32GetDatum(now->monitor_id),
					  IntervalPGetDatum(&now->window_size),
					  IntervalPGetDatum(&now->slide),
					  IntervalPGetDatum(&now->pane_size),
					  IntervalPGetDatum(&now->lateness),
					  IntervalPGetDatum(now->retention),
					  CStringGetTextDatum(now->on_delete),
					  JsonbPGetDatum(now->options),
					  PointerGetDatum(now->metrics),
					  text_or_null(now->filter),
					  text_or_null(now->model),
					  text_or_null(now->prediction),
					  text_or_null(now->score),
					  text_or_null(now->label),
					  text_or_null(now->positive),
					  PointerGetDatum(text_list_array(now->protected_columns)),
					  Int32GetDatum(outcomes_differ(&alteration->before, now) ? list_length(alteration->before.protected_columns)
																			  : 0)};
	char		nulls[lengthof(types) + 1] = {0};

	for (int i = 0; i < lengthof(types); i++)
		nulls[i] = types[i] != INT4OID && values[i] == (Datum) 0 ? 'n' : ' ';
	sql_execute(
		"UPDATE weir.monitor SET window_size = $2, slide = $3, pane_size = $4, lateness = $5, retention = $6, on_delete = $7, "
		"options = $8, metrics = $9, filter = $10, model = $11, prediction = $12, score = $13, label = $14, positive = $15, "
		"protected = $16::name[], first_protected = first_protected + $17 WHERE monitor_id = $1",
		lengthof(types), types, values, nulls);
}

/* The numbers of the columns that were added, as int[]. */
static Datum
store_columns(const Alteration *alteration)
{
	Oid			types[] = {INT4OID, TEXTOID, OIDOID, TEXTOID};
	Datum	   *ordinals = palloc(sizeof(Datum) * Max(list_length(alteration->added), 1));
	ListCell   *cell;

	foreach(cell, alteration->dropped)
	{
		Datum		values[] = {Int32GetDatum(alteration->now.monitor_id), CStringGetTextDatum(lfirst(cell))};

		sql_execute("DELETE FROM weir.monitor_column WHERE monitor_id = $1 AND column_name = $2", 2, types, values, NULL);
	}
	foreach(cell, alteration->added)
	{
		MonitorColumn *column = lfirst(cell);
		Datum		values[] = {Int32GetDatum(alteration->now.monitor_id), CStringGetTextDatum(column->name),
						  ObjectIdGetDatum(column->type), CStringGetTextDatum(summary_kind_name(column->kind))};
		bool		is_null;

		sql_execute(
			"WITH m AS (UPDATE weir.monitor SET last_ordinal = last_ordinal + 1 WHERE monitor_id = $1 RETURNING last_ordinal, source) "
			"INSERT INTO weir.monitor_column (monitor_id, ordinal, column_name, data_type, kind, class) "
			"SELECT $1, last_ordinal, $2, $3, $4, weir.column_class(source, $2::name) FROM m RETURNING ordinal",
			lengthof(types), types, values, NULL);
		ordinals[foreach_current_index(cell)] = sql_value(0, 1, &is_null);
	}
	return PointerGetDatum(construct_array(ordinals, list_length(alteration->added), INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

static void
request_build(const Alteration *alteration, Datum columns)
{
	bool		anew = is_built_anew(&alteration->before, &alteration->now);
	Oid			types[] = {INT4OID, TEXTOID, INT4ARRAYOID, INTERVALOID};
	Datum		values[] = {Int32GetDatum(alteration->now.monitor_id), CStringGetTextDatum(anew ? "build" : "columns"), columns,
					  IntervalPGetDatum(&alteration->before.pane_size)};
	char		nulls[] = "    ";

	/* Where rows of before are left out, panes of before go without the column. */
	if (!anew && (alteration->added == NIL || !alteration->now.backfill))
		return;
	capture_require_few_builds(alteration->now.monitor_id, alteration->now.name);
	if (anew)
		nulls[2] = 'n';
	if (!sizes_differ(&alteration->before, &alteration->now))
		nulls[3] = 'n';
	sql_execute("INSERT INTO weir.build (monitor_id, kind, columns, pane_size_before) VALUES ($1, $2, $3, $4)", lengthof(types),
				types, values, nulls);
}

Datum
weir_alter_monitor(PG_FUNCTION_ARGS)
{
	Alteration	alteration = {0};
	char	   *name = required_text(fcinfo, 0, "monitor");
	char	   *pane_size_before;
	bool		has_columns = false;
	Datum		columns;
	SqlScope	scope;

	for (int i = ARGUMENT_ADD_COLUMNS; i <= ARGUMENT_KINDS; i++)
		has_columns |= !PG_ARGISNULL(i);
	load_definition(monitor_require_owner(name), &alteration.before);
	alteration.now = alteration.before;
	pane_size_before = option_text(alteration.before.options, "pane_size");
	change_settings(fcinfo, &alteration.now);
	check_words(&alteration.now);
	check_options(alteration.now.options);
	check_sizes(&alteration.now, !text_differs(option_text(alteration.now.options, "pane_size"), pane_size_before));
	check_nodes(&alteration.now);
	if (has_columns || is_built_anew(&alteration.before, &alteration.now) ||
		text_differs(alteration.before.score, alteration.now.score))
	{
		Relation	source = open_source(alteration.now.source);

		check_source_columns(&alteration.now, source);
		if (has_columns)
			change_columns(fcinfo, &alteration, source);
		alteration.task = monitor_task(&alteration.now, source);
		if (outcomes_differ(&alteration.before, &alteration.now))
			check_task_columns(&alteration.now, source, alteration.task);
		relation_close(source, NoLock);
	}
	check_can_be_built(&alteration);
	sql_begin(&scope);
	check_sources(&alteration.now, alteration.before.options);
	store_definition(&alteration);
	if (outcomes_differ(&alteration.before, &alteration.now))
		store_derived_columns(&alteration.now, alteration.task);
	columns = store_columns(&alteration);
	if (merges_nodes(&alteration.now))
		merge_anew(alteration.now.monitor_id);
	else
		request_build(&alteration, columns);
	audit_write_row("alter", "monitor", name, "monitor", "monitor_id", alteration.now.monitor_id);
	sql_end(&scope);
	check_detector_columns(alteration.now.monitor_id);
	worker_wake_at_commit();
	PG_RETURN_VOID();
}
