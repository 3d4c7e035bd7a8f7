/*
 * prediction.c
 *		What versions of models predicted: kept for comparison and lineage.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/query.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "model/model.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_record_predictions);

#define FETCH_ROWS 1000

static const char *const column_names[] = {"subject", "predicted_at", "score", "prediction"};
static const Oid column_types[] = {TEXTOID, TIMESTAMPTZOID, FLOAT8OID, TEXTOID};

enum
{
	SUBJECT,
	PREDICTED_AT,
	SCORE,
	PREDICTION,
	N_COLUMNS
};

/* The four columns in their types, NULL where the query does not have one. */
static char *
reading_statement(const RowSource *source)
{
	StringInfoData statement;
	bool		present[N_COLUMNS];

	initStringInfo(&statement);
	for (int i = 0; i < N_COLUMNS; i++)
	{
		present[i] = SPI_fnumber(source->shape, column_names[i]) > 0;
		appendStringInfo(&statement, "%s", i == 0 ? "SELECT " : ", ");
		if (present[i])
			appendStringInfo(&statement, "rows.%s::pg_catalog.%s", column_names[i],
							 column_types[i] == FLOAT8OID     ? "float8"
								 : column_types[i] == TEXTOID ? "text"
															  : "timestamptz");
		else
			appendStringInfoString(&statement, i == PREDICTED_AT ? "pg_catalog.now()" : i == SCORE ? "NULL::float8" : "NULL::text");
	}
	if (!present[SUBJECT] || (!present[SCORE] && !present[PREDICTION]))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the query has no column \"%s\"", present[SUBJECT] ? "score" : "subject"),
				 errhint("It gives subject, score or prediction or both, and predicted_at if it likes.")));
	appendStringInfo(&statement, " FROM %s", source->is_query ? source->from : psprintf("%s AS rows", source->from));
	return statement.data;
}

/* Stores what was fetched; as arrays, for a statement per row would take longer than all else. */
static void
store(int model_id, int version, bool is_shadow, SPITupleTable *rows, uint64 n)
{
	Datum		arrays[N_COLUMNS];
	SqlScope	scope;

	for (int i = 0; i < N_COLUMNS; i++)
	{
		Datum	   *values = palloc(sizeof(Datum) * n);
		bool	   *nulls = palloc(sizeof(bool) * n);
		int			dimension = n;
		int			lower = 1;

		for (uint64 row = 0; row < n; row++)
			values[row] = SPI_getbinval(rows->vals[row], rows->tupdesc, i + 1, &nulls[row]);
		for (uint64 row = 0; row < n && i == SUBJECT; row++)
			if (nulls[row])
				ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the subject of a prediction must not be null")));
		arrays[i] = PointerGetDatum(construct_md_array(values, nulls, 1, &dimension, &lower, column_types[i],
													   column_types[i] == TEXTOID ? -1 : 8,
													   column_types[i] == TEXTOID ? false : FLOAT8PASSBYVAL,
													   column_types[i] == TEXTOID ? TYPALIGN_INT : TYPALIGN_DOUBLE));
	}
	sql_begin(&scope);
	sql_execute("INSERT INTO weir.prediction (model_id, version, is_shadow, subject, predicted_at, score, prediction)"
				" SELECT $1, $2, $3, s, coalesce(t, now()), x, p FROM unnest($4, $5, $6, $7) u (s, t, x, p)",
				7, (Oid[]){INT4OID, INT4OID, BOOLOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, FLOAT8ARRAYOID, TEXTARRAYOID},
				(Datum[]){Int32GetDatum(model_id), Int32GetDatum(version), BoolGetDatum(is_shadow), arrays[SUBJECT],
						  arrays[PREDICTED_AT], arrays[SCORE], arrays[PREDICTION]},
				NULL);
	sql_end(&scope);
}

Datum
weir_record_predictions(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "model");
	char	   *query = required_text(fcinfo, 2, "query");
	Oid			user = GetUserId();
	Oid			type = INT4OID;
	Datum		version;
	SqlScope	scope;
	Model		model;
	bool		is_shadow;
	bool		is_null;
	RowSource	source;
	SPIPlanPtr	plan;
	Portal		portal;
	int64		n = 0;

	require_argument(fcinfo, 1, "version");
	version = PG_GETARG_DATUM(1);
	sql_begin(&scope);
	model = model_find(name, false);
	model_require_owner(user, model.owner, "model", name);
	if (sql_execute("SELECT NOT EXISTS (SELECT FROM weir.model_alias a WHERE a.model_id = $1 AND a.version = $2 AND a.until IS NULL"
					" AND a.alias IN ('champion', 'live')) FROM weir.model_version WHERE model_id = $1 AND version = $2",
					2, (Oid[]){INT4OID, INT4OID}, (Datum[]){Int32GetDatum(model.model_id), version}, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" has no version %d", name, DatumGetInt32(version))));
	is_shadow = DatumGetBool(sql_value(0, 1, &is_null));
	sql_end(&scope);

	sql_connect();
	source = row_source(query, "query", 1, &type);
	plan = SPI_prepare(reading_statement(&source), 1, &type);
	if (plan == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the query cannot be read")));
	portal = SPI_cursor_open(NULL, plan, &version, NULL, true);
	for (;;)
	{
		uint64		fetched;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		fetched = SPI_processed;
		if (fetched == 0)
			break;
		store(model.model_id, DatumGetInt32(version), is_shadow, SPI_tuptable, fetched);
		n += fetched;
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	PG_RETURN_INT64(n);
}
