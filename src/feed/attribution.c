/*
 * attribution.c
 *		Whether a model rests on other features than in the baseline of a monitor, window by window.
 *
 * The rows are read as the caller, who so sees nothing that he could not.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/arguments.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "feed/attribution.h"
#include "feed/named_model.h"
#include "fmgr.h"
#include "funcapi.h"
#include "learn/learner_datum.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_attribution_scores);

#define LEAST_ROWS 30

enum
{
	MONITOR,
	MODEL,
	ALIAS,
	WINDOW_SIZE,
	SINCE,
	UNTIL
};

/* Of the monitor; inside an SPI scope, results in the context. */
typedef struct Source
{
	Oid			relation;
	char	   *time_column;
	char	   *filter;
	char	   *time_zone;
	Interval   *window_size;
	TimestampTz baseline_since;
	TimestampTz baseline_until;
	bool		has_baseline;
} Source;

static Source *
find_source(const char *monitor)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	Source	   *source;
	SqlScope	scope;
	Oid			type = TEXTOID;
	Datum		name = CStringGetTextDatum(monitor);
	bool		is_null;

	sql_begin(&scope);
	if (sql_execute(
			"SELECT m.source::oid, m.time_column::text, m.filter, m.time_zone, m.window_size, coalesce(b.since, '-infinity'), "
			"coalesce(b.until, 'infinity'), coalesce(b.form = 'range', false) FROM weir.monitor m LEFT JOIN weir.baseline b "
			"USING (monitor_id) WHERE m.name = $1",
			1, &type, &name, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("monitor \"%s\" does not exist", monitor),
				 errhint("SELECT monitor FROM weir.monitors lists them.")));
	old = MemoryContextSwitchTo(context);
	source = palloc0(sizeof(Source));
	source->relation = DatumGetObjectId(sql_value(0, 1, &is_null));
	source->time_column = sql_text(0, 2);
	source->filter = sql_text(0, 3);
	source->time_zone = sql_text(0, 4);
	source->window_size = palloc(sizeof(Interval));
	*source->window_size = *DatumGetIntervalP(sql_value(0, 5, &is_null));
	source->baseline_since = DatumGetTimestampTz(sql_value(0, 6, &is_null));
	source->baseline_until = DatumGetTimestampTz(sql_value(0, 7, &is_null));
	source->has_baseline = DatumGetBool(sql_value(0, 8, &is_null));
	MemoryContextSwitchTo(old);
	sql_end(&scope);
	if (get_rel_name(source->relation) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the table of monitor \"%s\" was dropped", monitor)));
	return source;
}

char *
attribution_rows_query(Oid relation, const char *time_column, const char *filter, const Learner *learner, char **columns,
					   bool with_hash)
{
	StringInfoData query;
	const char *time = quote_identifier(time_column);
	Oid			type = getBaseType(get_atttype(relation, get_attnum(relation, time_column)));

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT %s%s AS at, (SELECT f FROM (SELECT ", time,
					 type == TIMESTAMPTZOID ? "" : "::pg_catalog.timestamp AT TIME ZONE 'UTC'");
	for (int i = 0; i < learner_n_inputs(learner); i++)
	{
		size_t		length;
		const char *name = learner_feature_name(learner, i, &length);
		char	   *feature = pnstrdup(name, length);

		appendStringInfo(&query, "%ss.%s AS %s", i > 0 ? ", " : "", quote_identifier(columns != NULL ? columns[i] : feature),
						 quote_identifier(feature));
	}
	appendStringInfo(&query, ") AS f) AS f%s FROM %s s%s%s%s",
					 with_hash ? ", pg_catalog.hashtextextended((s.*)::pg_catalog.text, 0) AS h" : "",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation)),
					 filter != NULL ? " WHERE (" : "", filter != NULL ? filter : "", filter != NULL ? ")" : "");
	return query.data;
}

static char *
scores_query(const char *rows)
{
	return psprintf(
		"SELECT w.at, w.at + $2, d.metric, CASE WHEN b.a IS NOT NULL THEN d.value END, "
		"CASE WHEN b.a IS NOT NULL AND w.n >= %d THEN d.verdict END, "
		"CASE WHEN b.a IS NULL THEN 'no_baseline' WHEN w.n < %d THEN 'insufficient' WHEN d.value IS NULL THEN 'undefined' ELSE 'ok' END, w.n, "
		"d.feature, CASE WHEN b.a IS NOT NULL THEN d.baseline_share END, d.current_share "
		"FROM (SELECT weir.feature_attributions($1, r.f) AS a FROM (%s) r WHERE $8 AND r.at >= $6 AND r.at < $7) b, "
		"(SELECT weir.tumble(r.at, $2, NULL, $3) AS at, pg_catalog.count(*) AS n, weir.feature_attributions($1, r.f) AS a FROM (%s) r "
		"WHERE r.at >= $4 AND r.at < $5 AND pg_catalog.isfinite(r.at) GROUP BY 1) w, LATERAL weir.attribution_drift(b.a, w.a) d "
		"ORDER BY w.at, d.metric",
		LEAST_ROWS, LEAST_ROWS, rows, rows);
}

Datum
weir_attribution_scores(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Source	   *source = find_source(required_text(fcinfo, MONITOR, "monitor"));
	char	   *model = required_text(fcinfo, MODEL, "model");
	bytea	   *bytes = named_model_read(model, required_text(fcinfo, ALIAS, "alias"), CurrentMemoryContext);
	Learner	   *learner = learner_from_bytes(CurrentMemoryContext, VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
	SqlParameters parameters = {0};
	char	   *rows = attribution_rows_query(source->relation, source->time_column, source->filter, learner, NULL, false);
	char	   *query = scores_query(rows);

	InitMaterializedSRF(fcinfo, 0);
	sql_add(&parameters, extension_type("learner"), PointerGetDatum(bytes), false);
	sql_add(&parameters, INTERVALOID,
			PG_ARGISNULL(WINDOW_SIZE) ? IntervalPGetDatum(source->window_size) : PG_GETARG_DATUM(WINDOW_SIZE), false);
	sql_add_text(&parameters, source->time_zone);
	sql_add(&parameters, TIMESTAMPTZOID, PG_ARGISNULL(SINCE) ? TimestampTzGetDatum(DT_NOBEGIN) : PG_GETARG_DATUM(SINCE), false);
	sql_add(&parameters, TIMESTAMPTZOID, PG_ARGISNULL(UNTIL) ? TimestampTzGetDatum(DT_NOEND) : PG_GETARG_DATUM(UNTIL), false);
	sql_add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(source->baseline_since), false);
	sql_add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(source->baseline_until), false);
	sql_add(&parameters, BOOLOID, BoolGetDatum(source->has_baseline), false);
	sql_connect();
	if (SPI_execute_with_args(query, parameters.n, parameters.types, parameters.values, parameters.nulls, true, 0) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("the attributions of model \"%s\" could not be read", model)));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum		values[10];
		bool		nulls[10];

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}
