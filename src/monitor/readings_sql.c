/*
 * readings_sql.c
 *		windows, window_stats, window_distributions, drift_scores, fairness_scores, performance_scores, quality_scores, scores: what
 *		the caller may see of them.
 *
 * Each is one fixed query in SQL (pane_readings.sql), run as the extension's owner after the caller's privileges on the source were
 *looked at: what the caller may not read there is left out.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/arguments.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "executor/tstoreReceiver.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "monitor/monitor.h"
#include "nodes/params.h"
#include "tcop/dest.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(weir_may_read_rows);
PG_FUNCTION_INFO_V1(weir_windows);
PG_FUNCTION_INFO_V1(weir_window_stats);
PG_FUNCTION_INFO_V1(weir_window_distributions);
PG_FUNCTION_INFO_V1(weir_drift_scores);
PG_FUNCTION_INFO_V1(weir_fairness_scores);
PG_FUNCTION_INFO_V1(weir_performance_scores);
PG_FUNCTION_INFO_V1(weir_window_performances);
PG_FUNCTION_INFO_V1(weir_scores);
PG_FUNCTION_INFO_V1(weir_quality_scores);
PG_FUNCTION_INFO_V1(weir_source_scores);
PG_FUNCTION_INFO_V1(weir_suggest_constraints);

/* What a caller may see of a monitor. */
typedef struct VisiblePart
{
	bool		has_sources;	/* to compare: segments, or other monitors */
	int			monitor_id;
	bool		segments;
	bool		labels;
	bool		predictions;	/* prediction and score */
	bool		whole_table;	/* and so whatever a model of its rows says */
	Datum		columns;		/* int[] of monitor_column.ordinal */
	Datum		protected_columns; /* int[] of positions from 1 */
	Datum		peers;			/* int[] of monitor_id: other monitors that its rows are compared with */
} VisiblePart;

/*
 * That a row exists, and when: what windows tell of rows at all.  A filter tells something of any column, so it takes the whole
 * table.
 */
static bool
may_read_rows(Oid source, const char *time_column, bool has_filter)
{
	return has_filter ? may_read_table(source) : may_read_column(source, time_column);
}

Datum
weir_may_read_rows(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(may_read_rows(PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)), PG_GETARG_BOOL(2)));
}

static Datum
number_array(List *numbers)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(numbers), 1));
	ListCell   *cell;

	foreach(cell, numbers)
		values[foreach_current_index(cell)] = Int32GetDatum(lfirst_int(cell));
	return PointerGetDatum(construct_array(values, list_length(numbers), INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/* Positions from 1 of the names that the caller may read. */
static List *
readable_positions(Oid source, Datum names, bool owns_dropped)
{
	List	   *result = NIL;
	Datum	   *values;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(names), TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, &n);
	for (int i = 0; i < n; i++)
		if (owns_dropped || may_read_column(source, TextDatumGetCString(values[i])))
			result = lappend_int(result, i + 1);
	return result;
}

/* Of a table that was dropped, the owner of the monitor still sees what was known. */
static bool
owns_dropped_source(Oid source, Oid owner)
{
	return get_rel_name(source) == NULL && has_privs_of_role(GetUserId(), owner);
}

/* Those of the numbers that stand at the positions. */
static List *
numbers_at(ArrayType *numbers, List *positions)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, positions)
		result = lappend_int(result, ((int32 *) ARR_DATA_PTR(numbers))[lfirst_int(cell) - 1]);
	return result;
}

/* Those of the monitors whose tables the caller may read wholly. */
static List *
readable_monitors(ArrayType *monitors, ArrayType *sources)
{
	List	   *result = NIL;

	for (int i = 0; i < ArrayGetNItems(ARR_NDIM(monitors), ARR_DIMS(monitors)); i++)
		if (may_read_table(((Oid *) ARR_DATA_PTR(sources))[i]))
			result = lappend_int(result, ((int32 *) ARR_DATA_PTR(monitors))[i]);
	return result;
}

static bool
may_read_if_given(Oid source, const char *column)
{
	return column == NULL || may_read_column(source, column);
}

/* The visible part of a monitor: 42704 when there is no such monitor, 42501 when nothing of it is visible. */
static VisiblePart
find_visible_part(const char *name)
{
	VisiblePart visible = {0};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext inside;
	SqlScope	scope;
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(name);
	bool		is_null;
	bool		found;
	bool		has_filter = false;
	bool		owns_dropped = false;
	Oid			source = InvalidOid;
	char	   *time_column = NULL;
	char	   *prediction = NULL;
	char	   *label = NULL;
	char	   *score = NULL;
	Datum		segment_by = 0;
	Datum		columns = 0;
	ArrayType  *ordinals = NULL;
	Datum		protected_columns = 0;
	ArrayType  *peers = NULL;
	ArrayType  *peer_sources = NULL;

	sql_begin(&scope);
	found =
		sql_execute(
			"SELECT m.monitor_id, m.source::oid, m.time_column::text, m.filter IS NOT NULL, m.segment_by::text[], m.prediction::text, "
			"m.label::text, m.protected::text[], "
			"ARRAY(SELECT c.column_name::text FROM weir.monitor_column c WHERE c.monitor_id = m.monitor_id ORDER BY c.ordinal), "
			"m.owner::oid, "
			"ARRAY(SELECT c.ordinal FROM weir.monitor_column c WHERE c.monitor_id = m.monitor_id ORDER BY c.ordinal), m.score::text, "
			"ARRAY(SELECT p.monitor_id FROM weir.monitor p WHERE m.options -> 'sources' ? p.name ORDER BY p.monitor_id), "
			"ARRAY(SELECT p.source::oid FROM weir.monitor p WHERE m.options -> 'sources' ? p.name ORDER BY p.monitor_id), "
			"coalesce(jsonb_typeof(m.options -> 'sources') = 'array', false) OR cardinality(m.segment_by) > 0 "
			"FROM weir.monitor m WHERE m.name = $1",
			1, &type, &value, NULL) == 1;
	if (found)
	{
		inside = MemoryContextSwitchTo(caller);
		visible.monitor_id = DatumGetInt32(sql_value(0, 1, &is_null));
		source = DatumGetObjectId(sql_value(0, 2, &is_null));
		time_column = sql_text(0, 3);
		has_filter = DatumGetBool(sql_value(0, 4, &is_null));
		segment_by = PointerGetDatum(DatumGetArrayTypePCopy(sql_value(0, 5, &is_null)));
		prediction = sql_text(0, 6);
		label = sql_text(0, 7);
		protected_columns = PointerGetDatum(DatumGetArrayTypePCopy(sql_value(0, 8, &is_null)));
		columns = PointerGetDatum(DatumGetArrayTypePCopy(sql_value(0, 9, &is_null)));
		owns_dropped = owns_dropped_source(source, DatumGetObjectId(sql_value(0, 10, &is_null)));
		ordinals = DatumGetArrayTypePCopy(sql_value(0, 11, &is_null));
		score = sql_text(0, 12);
		peers = DatumGetArrayTypePCopy(sql_value(0, 13, &is_null));
		peer_sources = DatumGetArrayTypePCopy(sql_value(0, 14, &is_null));
		visible.has_sources = DatumGetBool(sql_value(0, 15, &is_null));
		MemoryContextSwitchTo(inside);
	}
	sql_end(&scope);

	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("monitor \"%s\" does not exist", name),
				 errhint("SELECT monitor FROM weir.monitors lists them.")));
	if (!owns_dropped && !may_read_rows(source, time_column, has_filter))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for monitor \"%s\"", name),
				 errdetail("It shows what its source %s holds, which you may not read.",
						   get_rel_name(source) ? quote_identifier(get_rel_name(source)) : "(dropped)"),
				 errhint("Ask the owner of the table for SELECT on it.")));
	visible.segments = list_length(readable_positions(source, segment_by, owns_dropped)) ==
		ArrayGetNItems(ARR_NDIM(DatumGetArrayTypeP(segment_by)), ARR_DIMS(DatumGetArrayTypeP(segment_by)));
	visible.labels = owns_dropped || may_read_if_given(source, label);
	visible.predictions = owns_dropped || (may_read_if_given(source, prediction) && may_read_if_given(source, score));
	visible.whole_table = owns_dropped || may_read_table(source);
	visible.columns = number_array(numbers_at(ordinals, readable_positions(source, columns, owns_dropped)));
	/* A fairness table holds both outcomes; where there is no prediction, what the score decides. */
	if (visible.labels && (owns_dropped || may_read_if_given(source, prediction != NULL ? prediction : score)))
		visible.protected_columns = number_array(readable_positions(source, protected_columns, owns_dropped));
	else
		visible.protected_columns = number_array(NIL);
	visible.peers = number_array(readable_monitors(peers, peer_sources));
	return visible;
}

/* Runs the query with (monitor_id, window_size, slide, since, until, segments, labels, columns, protected, predictions, peers);
 * its rows are the result. */
static Datum
read_visible_rows(FunctionCallInfo fcinfo, const VisiblePart *part, const char *query)
{
	static const Oid types[] = {INT4OID, INTERVALOID,  INTERVALOID,  TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID,
								BOOLOID, INT4ARRAYOID, INT4ARRAYOID, BOOLOID,        INT4ARRAYOID};
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[] = {Int32GetDatum(part->monitor_id),
					  0,
					  0,
					  0,
					  0,
					  BoolGetDatum(part->segments),
					  BoolGetDatum(part->labels),
					  part->columns,
					  part->protected_columns,
					  BoolGetDatum(part->predictions),
					  part->peers};
	ParamListInfo parameters = makeParamList(lengthof(types));
	SPIExecuteOptions options = {.params = parameters, .read_only = true};
	SqlScope	scope;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < lengthof(types); i++)
	{
		bool		is_argument = i >= 1 && i <= 4;
		bool		is_given = is_argument && i < PG_NARGS() && !PG_ARGISNULL(i);

		parameters->params[i].value = is_given ? fcinfo->args[i].value : values[i];
		parameters->params[i].isnull = is_argument && !is_given;
		parameters->params[i].pflags = PARAM_FLAG_CONST;
		parameters->params[i].ptype = types[i];
	}
	sql_begin(&scope);
	/* Estimates of functions that return sets make these queries look dear: they would take longer to compile than to run. */
	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	options.dest = CreateDestReceiver(DestTuplestore);
	SetTuplestoreDestReceiverParams(options.dest, set->setResult, set->econtext->ecxt_per_query_memory, false, NULL, NULL);
	if (SPI_execute_extended(query, &options) < 0)
		elog(ERROR, "SPI could not execute \"%s\"", query);
	sql_end(&scope);
	return (Datum) 0;
}

static Datum
read_rows(FunctionCallInfo fcinfo, const char *query)
{
	VisiblePart visible = find_visible_part(required_text(fcinfo, 0, "monitor"));

	return read_visible_rows(fcinfo, &visible, query);
}

#define ARGUMENTS "($1, $2, $3, $4, $5, $6, $7, $8, $9)"

Datum
weir_windows(PG_FUNCTION_ARGS)
{
	return read_rows(fcinfo, "SELECT * FROM weir._windows" ARGUMENTS);
}

Datum
weir_window_stats(PG_FUNCTION_ARGS)
{
	return read_rows(fcinfo, "SELECT * FROM weir._window_stats" ARGUMENTS);
}

Datum
weir_window_distributions(PG_FUNCTION_ARGS)
{
	return read_rows(fcinfo, "SELECT * FROM weir._window_distributions($1, $2, $3, $4, $5, $6, $8)");
}

Datum
weir_drift_scores(PG_FUNCTION_ARGS)
{
	return read_rows(fcinfo, "SELECT * FROM weir._drift_scores" ARGUMENTS);
}

Datum
weir_fairness_scores(PG_FUNCTION_ARGS)
{
	return read_rows(fcinfo, "SELECT * FROM weir._fairness_scores" ARGUMENTS);
}

Datum
weir_performance_scores(PG_FUNCTION_ARGS)
{
	return read_rows(
		fcinfo,
		"SELECT monitor, window_start, window_end, segment, metric, value, low, high, baseline_value, threshold, n, label_share, "
		"is_estimate, verdict, is_final, status, is_primary, error_bound, detail "
		"FROM weir._performance_scores($1, $2, $3, $4, $5, $6, $7 AND $10)");
}

Datum
weir_window_performances(PG_FUNCTION_ARGS)
{
	return read_rows(fcinfo, "SELECT * FROM weir._window_performances($1, $2, $3, $4, $5, $6, $7 AND $10)");
}

Datum
weir_scores(PG_FUNCTION_ARGS)
{
	VisiblePart visible = find_visible_part(required_text(fcinfo, 0, "monitor"));

	return read_visible_rows(fcinfo, &visible,
							 visible.whole_table
								 ? "SELECT * FROM weir._all_scores($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, $10, $11)"
								 : "SELECT * FROM weir._all_scores($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, $10, $11) "
								   "WHERE family <> 'attribution'");
}

Datum
weir_quality_scores(PG_FUNCTION_ARGS)
{
	return read_rows(fcinfo, "SELECT * FROM weir._quality_scores" ARGUMENTS);
}

Datum
weir_source_scores(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "monitor");
	VisiblePart visible = find_visible_part(name);

	if (!visible.has_sources)
		ereport(NOTICE,
				(errmsg("monitor \"%s\" has no sources to compare", name),
				 errhint(
					 "Make it with segment_by => the column that names the publisher, or set option sources to the names of other "
					 "monitors.")));
	return read_visible_rows(fcinfo, &visible, "SELECT * FROM weir._source_scores($1, $2, $3, $4, $5, $6, $7, $8, $9, $11)");
}

Datum
weir_suggest_constraints(PG_FUNCTION_ARGS)
{
	return read_rows(fcinfo, "SELECT * FROM weir._monitor_constraints" ARGUMENTS);
}
