/*
 * data_version.c
 *		Data versions: recorded, read, compared, verified, dropped.
 *
 * What a user wrote (query, predicate) and the tables that hold rows are read as the current user, outside of weir's own scope;
 *only the record is written inside of it.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/query.h"
#include "base/sql.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "model/data_version.h"
#include "model/model.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(weir_create_data_version);
PG_FUNCTION_INFO_V1(weir_verify_data_version);
PG_FUNCTION_INFO_V1(weir_drop_data_version);
PG_FUNCTION_INFO_V1(weir_data_version_rows);
PG_FUNCTION_INFO_V1(weir_compare_data_versions);

#define SPLIT_COLUMN "split"
#define FETCH_ROWS 1000

/* ---- the record ---- */

static char *
copy_text(MemoryContext memory, uint64 row, int column)
{
	char	   *text = sql_text(row, column);

	return text == NULL ? NULL : MemoryContextStrdup(memory, text);
}

/* Of a column that is never NULL, or whose NULL is nothing. */
static char *
copy_given(MemoryContext memory, uint64 row, int column)
{
	char	   *text = sql_text(row, column);

	return MemoryContextStrdup(memory, text == NULL ? "" : text);
}

DataVersion
data_version_find(int64 number)
{
	MemoryContext caller = CurrentMemoryContext;
	DataVersion version = {.data_version = number};
	SqlScope	scope;
	bool		is_null;

	sql_begin(&scope);
	if (sql_execute("SELECT d.name, d.owner::oid, d.query, d.search_path, d.validation, v.relation, v.status, d.content_hash, d.n,"
					" (SELECT string_agg(quote_ident(c ->> 'name'), ', ' ORDER BY i)"
					"  FROM jsonb_array_elements(d.columns) WITH ORDINALITY u (c, i))"
					" FROM weir.data_version d LEFT JOIN weir.data_versions v USING (data_version) WHERE d.data_version = $1",
					1, (Oid[]){INT8OID}, (Datum[]){Int64GetDatum(number)}, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("data version " INT64_FORMAT " does not exist", number),
				 errhint("Create it with weir.create_data_version().")));
	version.name = copy_text(caller, 0, 1);
	version.owner = DatumGetObjectId(sql_value(0, 2, &is_null));
	version.query = copy_text(caller, 0, 3);
	version.search_path = copy_text(caller, 0, 4);
	version.validation = copy_text(caller, 0, 5);
	version.relation = copy_text(caller, 0, 6);
	version.status = copy_given(caller, 0, 7);
	version.content_hash = copy_given(caller, 0, 8);
	version.n = DatumGetInt64(sql_value(0, 9, &is_null));
	version.columns = copy_given(caller, 0, 10);
	sql_end(&scope);
	return version;
}

void
data_version_require(int64 number, Oid user)
{
	bool		is_null;

	if (sql_execute("SELECT owner::oid FROM weir.data_version WHERE data_version = $1", 1, (Oid[]){INT8OID},
					(Datum[]){Int64GetDatum(number)}, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("data version " INT64_FORMAT " does not exist", number)));
	if (!has_privs_of_role(user, DatumGetObjectId(sql_value(0, 1, &is_null))) && !has_privs_of_role(user, ROLE_PG_READ_ALL_DATA))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of data version " INT64_FORMAT, number),
				 errhint("Ask its owner for membership in the owning role.")));
}

static void
require_owner(const DataVersion *version)
{
	if (!has_privs_of_role(GetUserId(), version->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of data version " INT64_FORMAT, version->data_version),
				 errhint("Ask its owner to run this, or to grant you membership in the owning role.")));
}

/* Locks the table, so that it stays what it is; false when it is not the owner's table any more. */
static bool
hold_relation(const DataVersion *version)
{
	List	   *names = textToQualifiedNameList(cstring_to_text(version->relation));
	Oid			relation = RangeVarGetRelid(makeRangeVarFromNameList(names), AccessShareLock, true);

	return OidIsValid(relation) && get_rel_relkind(relation) == RELKIND_RELATION && relation_owner(relation) == version->owner;
}

char *
data_version_query(const DataVersion *version, const char *split)
{
	if (split != NULL && strcmp(split, "train") != 0 && strcmp(split, "validation") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown split \"%s\"", split),
				 errhint("The split is train or validation; NULL for all rows.")));
	if (version->relation != NULL)
	{
		if (!hold_relation(version))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the table %s of data version " INT64_FORMAT " is not what it was", version->relation,
							version->data_version),
					 errdetail("It was replaced, or given to another owner.")));
		if (split == NULL || version->validation == NULL)
			return psprintf("SELECT %s FROM %s%s", version->columns, version->relation,
							split != NULL && strcmp(split, "validation") == 0 ? " WHERE false" : "");
		return psprintf("SELECT %s FROM %s WHERE " SPLIT_COLUMN " OPERATOR(pg_catalog.=) %s", version->columns, version->relation,
						quote_literal_cstr(split));
	}
	if (strcmp(version->status, "dropped") == 0 || strcmp(version->status, "missing") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the rows of data version " INT64_FORMAT " are gone", version->data_version),
				 errdetail("Its status is \"%s\".", version->status)));
	if (GetUserId() != version->owner)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("data version " INT64_FORMAT " is not materialised: only its owner runs its query", version->data_version),
				 errdetail("Its owner is %s.", DatumGetCString(DirectFunctionCall1(regroleout, ObjectIdGetDatum(version->owner)))),
				 errhint("SET ROLE to its owner, or have a version made with materialize => true.")));
	if (split == NULL)
		return pstrdup(version->query);
	if (version->validation == NULL)
		return psprintf("SELECT * FROM (\n%s\n) AS rows%s", version->query, strcmp(split, "validation") == 0 ? " WHERE false" : "");
	return psprintf("SELECT * FROM (\n%s\n) AS rows WHERE (\n%s\n) IS %sTRUE", version->query, version->validation,
					strcmp(split, "train") == 0 ? "NOT " : "");
}

/* Lets names in the query mean what they meant; undone by AtEOXact_GUC. */
static int
use_search_path(const DataVersion *version)
{
	int			level = NewGUCNestLevel();

	if (version->relation == NULL)
		(void) set_config_option("search_path", version->search_path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

char *
data_version_query_of(int64 number)
{
	DataVersion version = data_version_find(number);

	if (version.relation == NULL && strcmp(version.search_path, GetConfigOption("search_path", false, false)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the query of data version " INT64_FORMAT " was written with another search path", number),
				 errhint("SET search_path = %s, or use a version that is materialised.", version.search_path)));
	return data_version_query(&version, NULL);
}

/* ---- creation ---- */

/* Checks columns and predicate; returns the columns as JSON. */
static char *
describe_columns(const RowSource *source, bool has_split)
{
	StringInfoData columns;

	initStringInfo(&columns);
	appendStringInfoChar(&columns, '[');
	for (int i = 0; i < source->shape->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(source->shape, i);
		char	   *name = NameStr(attribute->attname);
		StringInfoData escaped;

		if (has_split && strcmp(name, SPLIT_COLUMN) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN), errmsg("the query has a column \"%s\"", SPLIT_COLUMN),
					 errdetail("With validation, a materialised data version keeps there what each row is for."),
					 errhint("Give it another name in the query.")));
		for (int before = 0; before < i; before++)
			if (strcmp(NameStr(TupleDescAttr(source->shape, before)->attname), name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN), errmsg("the query has two columns \"%s\"", name),
						 errhint("Give one of them another name.")));
		initStringInfo(&escaped);
		escape_json(&escaped, name);
		appendStringInfo(&columns, "%s{\"name\": %s, \"type\": ", i == 0 ? "" : ", ", escaped.data);
		resetStringInfo(&escaped);
		escape_json(&escaped, format_type_extended(attribute->atttypid, attribute->atttypmod, FORMAT_TYPE_TYPEMOD_GIVEN));
		appendStringInfo(&columns, "%s}", escaped.data);
	}
	appendStringInfoChar(&columns, ']');
	return columns.data;
}

static SPIPlanPtr
prepare(const char *statement)
{
	SPIPlanPtr	plan = SPI_prepare(statement, 0, NULL);

	if (plan == NULL)
		elog(ERROR, "SPI could not prepare \"%s\": %s", statement, SPI_result_code_string(SPI_result));
	return plan;
}

/*
 * Executes a statement of the caller's with this snapshot, whatever was committed since; with what this transaction did meanwhile.
 */
static void
execute_with_snapshot(const char *statement, Snapshot snapshot)
{
	int			result = SPI_execute_snapshot(prepare(statement), NULL, NULL, snapshot, InvalidSnapshot, false, true, 0);
	if (result < 0)
		elog(ERROR, "SPI could not execute \"%s\": %s", statement, SPI_result_code_string(result));
}

static int64
next_number(void)
{
	SqlScope	scope;
	int64		number;
	bool		is_null;

	sql_begin(&scope);
	sql_execute("SELECT nextval('weir.data_version_seq')", 0, NULL, NULL, NULL);
	number = DatumGetInt64(sql_value(0, 1, &is_null));
	sql_end(&scope);
	return number;
}

/* The schema of new tables. */
static char *
creation_schema(void)
{
	List	   *path = fetch_search_path(false);

	if (path == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("no schema has been selected to create the table of the data version in"),
				 errhint(
					 "Set search_path to a schema that exists and that you may create tables in, or give materialize => false.")));
	return get_namespace_name(linitial_oid(path));
}

static Datum
copy_array(MemoryContext context, Datum array)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Datum		copy = PointerGetDatum(DatumGetArrayTypePCopy(array));

	MemoryContextSwitchTo(old);
	return copy;
}

/* The tables that the query reads, views looked into: qualified names, in order, as text[]. */
static Datum
tables_of(const RowSource *source)
{
	SPIPlanPtr	plan = prepare(psprintf("SELECT * FROM %s", source->from));
	CachedPlanSource *read = linitial(SPI_plan_get_plan_sources(plan));
	Datum	   *names = palloc(sizeof(Datum) * Max(list_length(read->relationOids), 1));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, read->relationOids)
	{
		Oid			relation = lfirst_oid(cell);
		char		kind = get_rel_relkind(relation);

		if (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE || kind == RELKIND_MATVIEW ||
			kind == RELKIND_FOREIGN_TABLE)
			names[n++] = CStringGetTextDatum(
				quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation)));
	}
	return PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The caller's rows as they are with one snapshot: kept in a table, counted and hashed. Results live in the caller's memory. */
typedef struct RecordedRows
{
	char	   *columns;
	char	   *schema;			/* NULL, with the name: not materialised */
	char	   *relation;
	char	   *snapshot;
	Datum		lsn;
	int64		n;
	int64		n_validation;
	char	   *hash;
	Datum		tables;			/* text[] */
} RecordedRows;

static RecordedRows
record_rows(const char *name, int64 number, char **query, const char *validation, bool materialize)
{
	MemoryContext caller = CurrentMemoryContext;
	RecordedRows recorded = {0};
	RowSource	source;
	Snapshot	snapshot;
	StringInfoData count;
	bool		is_null;

	sql_connect();
	source = row_source(*query, "query", 0, NULL);
	*query = MemoryContextStrdup(caller, source.query);
	recorded.columns = MemoryContextStrdup(caller, describe_columns(&source, materialize && validation != NULL));
	recorded.tables = copy_array(caller, tables_of(&source));
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	execute_with_snapshot("SELECT pg_catalog.pg_current_snapshot(), pg_catalog.pg_current_wal_insert_lsn()", snapshot);
	recorded.snapshot = copy_text(caller, 0, 1);
	recorded.lsn = sql_value(0, 2, &is_null);

	initStringInfo(&count);
	if (materialize)
	{
		char	   *table;

		recorded.schema = MemoryContextStrdup(caller, creation_schema());
		recorded.relation = MemoryContextStrdup(caller, makeObjectName(name, NULL, psprintf("data_" INT64_FORMAT, number)));
		table = quote_qualified_identifier(recorded.schema, recorded.relation);
		if (validation == NULL)
			appendStringInfo(&count, "CREATE TABLE %s AS SELECT * FROM %s", table, source.from);
		else
			appendStringInfo(&count,
							 "CREATE TABLE %s AS SELECT *, CASE WHEN (\n%s\n) THEN 'validation'::pg_catalog.text ELSE 'train' END"
							 " AS " SPLIT_COLUMN " FROM %s",
							 table, validation, source.from);
		execute_with_snapshot(count.data, snapshot);
		resetStringInfo(&count);
		appendStringInfoString(&count, "SELECT pg_catalog.count(*), weir.fingerprint(ROW(");
		for (int i = 0; i < source.shape->natts; i++)
			appendStringInfo(&count, "%s%s", i == 0 ? "" : ", ",
							 quote_identifier(NameStr(TupleDescAttr(source.shape, i)->attname)));
		appendStringInfo(&count, ")), pg_catalog.count(*) FILTER (WHERE %s) FROM %s",
						 validation == NULL ? "false" : SPLIT_COLUMN " OPERATOR(pg_catalog.=) 'validation'", table);
	}
	else if (validation == NULL)
		appendStringInfo(&count, "SELECT pg_catalog.count(*), weir.fingerprint(rows), 0::bigint FROM %s",
						 source.is_query ? source.from : psprintf("%s AS rows", source.from));
	else
		appendStringInfo(&count,
						 "SELECT pg_catalog.count(*), weir.fingerprint(rows), pg_catalog.count(*) FILTER (WHERE (\n%s\n)) FROM %s",
						 validation, source.is_query ? source.from : psprintf("%s AS rows", source.from));
	execute_with_snapshot(count.data, snapshot);
	recorded.n = DatumGetInt64(sql_value(0, 1, &is_null));
	recorded.hash = copy_text(caller, 0, 2);
	recorded.n_validation = DatumGetInt64(sql_value(0, 3, &is_null));
	UnregisterSnapshot(snapshot);
	SPI_finish();
	return recorded;
}

Datum
weir_create_data_version(PG_FUNCTION_ARGS)
{
	enum
	{
		NAME,
		QUERY,
		VALIDATION,
		MATERIALIZE,
		NOTE,
		RETENTION
	};
	char	   *name = required_name(fcinfo, NAME, "name", "data version");
	char	   *query = required_text(fcinfo, QUERY, "query");
	char	   *validation = argument_text(fcinfo, VALIDATION);
	char	   *search_path = pstrdup(GetConfigOption("search_path", false, false));
	Oid			user = GetUserId();
	char		nulls[] = "                 ";
	SqlScope	scope;
	int64		number;
	RecordedRows rows;

	require_argument(fcinfo, MATERIALIZE, "materialize");
	if (!PG_ARGISNULL(RETENTION) && model_interval_seconds(PG_GETARG_INTERVAL_P(RETENTION)) <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("retention must be above zero")));
	if (!PG_ARGISNULL(RETENTION) && !PG_GETARG_BOOL(MATERIALIZE))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("retention is of a materialised data version's table"),
				 errhint("Leave it out: without a table only the record is kept.")));
	number = next_number();
	rows = record_rows(name, number, &query, validation, PG_GETARG_BOOL(MATERIALIZE));

	nulls[5] = validation == NULL ? 'n' : ' ';
	nulls[6] = nulls[7] = rows.relation == NULL ? 'n' : ' ';
	nulls[13] = PG_ARGISNULL(NOTE) ? 'n' : ' ';
	nulls[14] = PG_ARGISNULL(RETENTION) ? 'n' : ' ';
	sql_begin(&scope);
	sql_execute("INSERT INTO weir.data_version (data_version, name, owner, query, search_path, validation, relation_schema,"
				" relation_name, columns, n, n_validation, content_hash, lsn, snapshot, note, retention, created_by, tables)"
				" VALUES ($1, $2, $3::regrole, $4, $5, $6, $7, $8, $9::jsonb, $10, $11, $12, $13, $16, $14, $15, $3::regrole,"
				" ARRAY(SELECT DISTINCT t FROM unnest($17) t ORDER BY 1))",
				17,
				(Oid[]){INT8OID, TEXTOID, OIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, TEXTOID,
						LSNOID, TEXTOID, INTERVALOID, TEXTOID, TEXTARRAYOID},
				(Datum[]){Int64GetDatum(number), CStringGetTextDatum(name), ObjectIdGetDatum(user), CStringGetTextDatum(query),
						  CStringGetTextDatum(search_path), validation ? CStringGetTextDatum(validation) : (Datum) 0,
						  rows.schema ? CStringGetTextDatum(rows.schema) : (Datum) 0,
						  rows.relation ? CStringGetTextDatum(rows.relation) : (Datum) 0, CStringGetTextDatum(rows.columns),
						  Int64GetDatum(rows.n), Int64GetDatum(rows.n_validation), CStringGetTextDatum(rows.hash), rows.lsn,
						  PG_ARGISNULL(NOTE) ? (Datum) 0 : PG_GETARG_DATUM(NOTE),
						  PG_ARGISNULL(RETENTION) ? (Datum) 0 : PG_GETARG_DATUM(RETENTION), CStringGetTextDatum(rows.snapshot),
						  rows.tables},
				nulls);
	audit_write_row("create", "data version", psprintf(INT64_FORMAT, number), "data_version", "data_version", number);
	sql_end(&scope);
	PG_RETURN_INT64(number);
}

/* ---- reading ---- */

Datum
weir_data_version_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DataVersion version;
	char	   *query;
	Portal		portal;
	int			level;

	require_argument(fcinfo, 0, "data_version");
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	version = data_version_find(PG_GETARG_INT64(0));
	query = data_version_query(&version, argument_text(fcinfo, 1));

	level = use_search_path(&version);
	sql_connect();
	portal =
		SPI_cursor_open(NULL, prepare(psprintf("SELECT pg_catalog.to_jsonb(rows) FROM (\n%s\n) AS rows", query)), NULL, NULL, true);
	do
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		for (uint64 row = 0; row < SPI_processed; row++)
		{
			bool		is_null;
			Datum		value = sql_value(row, 1, &is_null);

			tuplestore_putvalues(result->setResult, result->setDesc, &value, &is_null);
		}
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
	SPI_finish();
	AtEOXact_GUC(true, level);
	return (Datum) 0;
}

/* Number and hash of its rows now. */
static bool
rows_are_as_recorded(const DataVersion *version)
{
	char	   *query = data_version_query(version, NULL);
	int			level = use_search_path(version);
	bool		equal;
	bool		is_null;

	sql_connect();
	sql_execute(psprintf("SELECT pg_catalog.count(*), weir.fingerprint(rows) FROM (\n%s\n) AS rows", query), 0, NULL, NULL, NULL);
	equal = DatumGetInt64(sql_value(0, 1, &is_null)) == version->n && strcmp(sql_text(0, 2), version->content_hash) == 0;
	SPI_finish();
	AtEOXact_GUC(true, level);
	return equal;
}

Datum
weir_verify_data_version(PG_FUNCTION_ARGS)
{
	DataVersion version = data_version_find(PG_GETARG_INT64(0));
	const char *status = version.status;
	SqlScope	scope;

	require_owner(&version);
	if (strcmp(status, "ok") == 0 || strcmp(status, "changed") == 0)
	{
		status = rows_are_as_recorded(&version) ? "ok" : "changed";
		sql_begin(&scope);
		sql_execute("UPDATE weir.data_version SET status = $2, checked_at = clock_timestamp() WHERE data_version = $1", 2,
					(Oid[]){INT8OID, TEXTOID}, (Datum[]){PG_GETARG_DATUM(0), CStringGetTextDatum(status)}, NULL);
		sql_end(&scope);
	}
	PG_RETURN_TEXT_P(cstring_to_text(status));
}

/* ---- comparison ---- */

static void
put_difference(ReturnSetInfo *result, const char *aspect, const char *column, const char *a, const char *b, const char *verdict)
{
	const char *texts[] = {aspect, column, a, b, NULL, NULL, NULL, verdict, verdict ? "ok" : NULL};
	Datum		values[lengthof(texts)];
	bool		nulls[lengthof(texts)];

	for (int i = 0; i < lengthof(texts); i++)
	{
		nulls[i] = texts[i] == NULL;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Columns that only one of them has, or with another type. */
static void
compare_schemas(ReturnSetInfo *result, int64 a, int64 b)
{
	MemoryContext caller = CurrentMemoryContext;
	SqlScope	scope;
	uint64		n;
	char	  **texts;

	sql_begin(&scope);
	n = sql_execute("SELECT name, a.type, b.type FROM"
					" (SELECT i, c ->> 'name' AS name, c ->> 'type' AS type FROM weir.data_version,"
					"  jsonb_array_elements(columns) WITH ORDINALITY u (c, i) WHERE data_version = $1) a FULL JOIN"
					" (SELECT i, c ->> 'name' AS name, c ->> 'type' AS type FROM weir.data_version,"
					"  jsonb_array_elements(columns) WITH ORDINALITY u (c, i) WHERE data_version = $2) b USING (name)"
					" WHERE a.type IS DISTINCT FROM b.type ORDER BY a.i, b.i",
					2, (Oid[]){INT8OID, INT8OID}, (Datum[]){Int64GetDatum(a), Int64GetDatum(b)}, NULL);
	texts = MemoryContextAlloc(caller, sizeof(char *) * 3 * Max(n, 1));
	for (uint64 i = 0; i < 3 * n; i++)
		texts[i] = copy_text(caller, i / 3, i % 3 + 1);
	sql_end(&scope);
	for (uint64 i = 0; i < n; i++)
		put_difference(result, "schema", texts[3 * i], texts[3 * i + 1], texts[3 * i + 2], "warning");
}

static void
compare_columns(ReturnSetInfo *result, const DataVersion *a, const DataVersion *b)
{
	char	   *queries[] = {data_version_query(a, NULL), data_version_query(b, NULL)};
	uint64		n;
	int			level;

	if (a->relation == NULL && b->relation == NULL && strcmp(a->search_path, b->search_path) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the queries of data versions " INT64_FORMAT " and " INT64_FORMAT
						" were written with different search paths",
						a->data_version, b->data_version),
				 errhint("Materialise one of them.")));
	level = use_search_path(a->relation == NULL ? a : b);
	sql_connect();
	n = sql_execute("SELECT 'drift'::text, column_name::text, n_baseline::text, n_current::text, metric::text, value, p_value,"
					" verdict::text, status::text FROM weir.compare($1, $2) WHERE is_primary",
					2, (Oid[]){TEXTOID, TEXTOID}, (Datum[]){CStringGetTextDatum(queries[0]), CStringGetTextDatum(queries[1])},
					NULL);
	for (uint64 row = 0; row < n; row++)
	{
		Datum		values[9];
		bool		nulls[9];

		for (int i = 0; i < lengthof(values); i++)
			values[i] = sql_value(row, i + 1, &nulls[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	AtEOXact_GUC(true, level);
}

Datum
weir_compare_data_versions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DataVersion a;
	DataVersion b;

	InitMaterializedSRF(fcinfo, 0);
	a = data_version_find(PG_GETARG_INT64(0));
	b = data_version_find(PG_GETARG_INT64(1));
	/* who may not read both learns nothing */
	(void) data_version_query(&a, NULL);
	(void) data_version_query(&b, NULL);
	if (!has_privs_of_role(GetUserId(), a.owner) || !has_privs_of_role(GetUserId(), b.owner))
	{
		SqlScope	scope;

		sql_begin(&scope);
		data_version_require(a.data_version, scope.saved_user);
		data_version_require(b.data_version, scope.saved_user);
		sql_end(&scope);
	}
	put_difference(result, "content", NULL, a.content_hash, b.content_hash,
				   strcmp(a.content_hash, b.content_hash) == 0 ? "ok" : "warning");
	put_difference(result, "rows", NULL, psprintf(INT64_FORMAT, a.n), psprintf(INT64_FORMAT, b.n), NULL);
	compare_schemas(result, a.data_version, b.data_version);
	compare_columns(result, &a, &b);
	return (Datum) 0;
}

/* ---- the end ---- */

/* Drops the table as its owner, where it is still his. */
static void
drop_relation(const DataVersion *version)
{
	SqlScope	scope;

	if (version->relation != NULL && hold_relation(version))
	{
		sql_begin_as(&scope, version->owner);
		sql_execute(psprintf("DROP TABLE %s", version->relation), 0, NULL, NULL, NULL);
		sql_end(&scope);
	}
	sql_begin(&scope);
	sql_execute("UPDATE weir.data_version SET status = 'dropped', checked_at = clock_timestamp() WHERE data_version = $1", 1,
				(Oid[]){INT8OID}, (Datum[]){Int64GetDatum(version->data_version)}, NULL);
	sql_end(&scope);
}

Datum
weir_drop_data_version(PG_FUNCTION_ARGS)
{
	DataVersion version = data_version_find(PG_GETARG_INT64(0));
	SqlScope	scope;

	require_owner(&version);
	sql_begin(&scope);
	if (!PG_GETARG_BOOL(1) &&
		sql_execute("SELECT m.name, a.alias, a.version FROM weir.model_version v JOIN weir.model m USING (model_id)"
					" JOIN weir.model_alias a USING (model_id, version) WHERE v.data_version = $1 AND a.until IS NULL"
					" ORDER BY 1, 2 LIMIT 1",
					1, (Oid[]){INT8OID}, (Datum[]){Int64GetDatum(version.data_version)}, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("version %s of model \"%s\", its %s, was trained on data version " INT64_FORMAT, sql_text(0, 3),
						sql_text(0, 1), sql_text(0, 2), version.data_version),
				 errhint("Without its rows it cannot be trained again. Give force => true to drop them all the same.")));
	sql_end(&scope);
	drop_relation(&version);
	audit_write("drop", "data version", psprintf(INT64_FORMAT, version.data_version));
	PG_RETURN_VOID();
}

/* At most a few at a time: the task has other steps, and what is left is due again. */
void
data_version_expire(void)
{
	SqlScope	scope;
	int64		numbers[8];
	int			n;
	bool		is_null;

	sql_begin(&scope);
	n = sql_execute("SELECT data_version FROM weir.data_version d WHERE relation_name IS NOT NULL AND status <> 'dropped'"
					" AND created_at + retention < clock_timestamp() AND NOT EXISTS (SELECT FROM weir.model_version v"
					" JOIN weir.model_alias a USING (model_id, version) WHERE v.data_version = d.data_version AND a.until IS NULL)"
					" AND EXISTS (SELECT FROM pg_authid r WHERE r.oid = d.owner)"
					" ORDER BY created_at LIMIT 8",
					0, NULL, NULL, NULL);
	for (int i = 0; i < n; i++)
		numbers[i] = DatumGetInt64(sql_value(i, 1, &is_null));
	sql_end(&scope);
	for (int i = 0; i < n; i++)
	{
		DataVersion version = data_version_find(numbers[i]);

		drop_relation(&version);
	}
}
