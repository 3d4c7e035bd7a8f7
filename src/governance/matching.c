/*
 * matching.c
 *		Records of several tables matched into golden records: definitions, and decisions of people about pairs.
 *
 * A thin layer over pg_trgm and fuzzystrmatch.  What is read is read as the caller; see run_matching.c.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/person.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "governance/governance.h"
#include "governance/matching.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(weir_create_matching);
PG_FUNCTION_INFO_V1(weir_drop_matching);
PG_FUNCTION_INFO_V1(weir_decide_match);

static Oid
get_extension_schema_of(Oid extension)
{
	SqlScope	scope;
	Datum		value = ObjectIdGetDatum(extension);
	Oid			type = OIDOID;
	Oid			schema;
	bool		is_null;

	sql_begin(&scope);
	sql_execute("SELECT extnamespace FROM pg_extension WHERE oid = $1", 1, &type, &value, NULL);
	schema = DatumGetObjectId(sql_value(0, 1, &is_null));
	sql_end(&scope);
	return schema;
}

/* A function of an extension, with the schema that it was created in. */
static char *
extension_function(const char *extension, const char *function, const char *method)
{
	Oid			oid = get_extension_oid(extension, true);

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("method \"%s\" needs extension %s", method, extension),
				 errhint("CREATE EXTENSION %s;", extension)));
	return pstrdup(quote_qualified_identifier(get_namespace_name(get_extension_schema_of(oid)), function));
}

char *
matching_similarity(const char *method, const char *a, const char *b)
{
	if (strcmp(method, "equal") == 0)
		return psprintf("(lower(%s) = lower(%s))::int::float8", a, b);
	if (strcmp(method, "trigram") == 0)
		return psprintf("%s(%s, %s)::float8", extension_function("pg_trgm", "similarity", method), a, b);
	if (strcmp(method, "levenshtein") == 0)
		return psprintf("1 - %s(left(%s, 255), left(%s, 255))::float8 / greatest(length(left(%s, 255)), length(left(%s, 255)), 1)",
						extension_function("fuzzystrmatch", "levenshtein", method), a, b, a, b);
	if (strcmp(method, "metaphone") == 0 || strcmp(method, "soundex") == 0)
		return psprintf("(%s = %s)::int::float8", matching_block(method, a), matching_block(method, b));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown method \"%s\"", method),
			 errhint("It is equal, trigram, levenshtein, metaphone or soundex.")));
}

char *
matching_block(const char *method, const char *a)
{
	if (strcmp(method, "equal") == 0)
		return psprintf("lower(%s)", a);
	if (strcmp(method, "metaphone") == 0)
		return psprintf("%s(%s)", extension_function("fuzzystrmatch", "dmetaphone", method), a);
	if (strcmp(method, "soundex") == 0)
		return psprintf("%s(%s)", extension_function("fuzzystrmatch", "soundex", method), a);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown method \"%s\" of a block", method),
			 errhint("Records are blocked by a column, or by column:metaphone or column:soundex.")));
}

/* Raises 22023 with what is wrong of a definition. Inside an SQL scope; parameters $3 sources, $4 compare, $5 blocks, $8
 * survivorship */
static void
check_definition(const SqlParameters *parameters)
{
	static const char *const checks[][2] = {
		{"SELECT 'sources must be an object of objects' WHERE jsonb_typeof($3) <> 'object' OR $3 = '{}'"
		 " OR EXISTS (SELECT FROM jsonb_each(CASE jsonb_typeof($3) WHEN 'object' THEN $3 ELSE '{}' END) s WHERE jsonb_typeof(s.value) <> 'object'"
		 " OR jsonb_typeof(s.value -> 'table') IS DISTINCT FROM 'string' OR jsonb_typeof(s.value -> 'key') IS DISTINCT FROM 'string'"
		 " OR jsonb_typeof(s.value -> 'columns') IS DISTINCT FROM 'object' OR s.value -> 'columns' = '{}')",
		 "{\"crm\": {\"table\": \"crm.people\", \"key\": \"id\", \"columns\": {\"name\": \"full_name\"}}}"},
		{"SELECT 'compare must be an object of methods' WHERE jsonb_typeof($4) <> 'object' OR $4 = '{}'"
		 " OR EXISTS (SELECT FROM jsonb_each(CASE jsonb_typeof($4) WHEN 'object' THEN $4 ELSE '{}' END) c WHERE jsonb_typeof(c.value) <> 'object'"
		 " OR jsonb_typeof(c.value -> 'method') IS DISTINCT FROM 'string'"
		 " OR coalesce(jsonb_typeof(c.value -> 'weight'), 'number') <> 'number'"
		 " OR CASE jsonb_typeof(c.value -> 'weight') WHEN 'number' THEN (c.value ->> 'weight')::numeric <= 0 ELSE false END)",
		 "{\"name\": {\"method\": \"trigram\", \"weight\": 2}}"},
		{"SELECT format('no source has column \"%s\"', c.name) FROM (SELECT key AS name FROM jsonb_each($4) UNION ALL"
		 " SELECT split_part(b, ':', 1) FROM unnest($5) b UNION ALL SELECT key FROM jsonb_each($8)) c"
		 " WHERE NOT EXISTS (SELECT FROM jsonb_each($3) s WHERE s.value -> 'columns' ? c.name) LIMIT 1",
		 "Columns are called as in columns of the sources."},
		{"SELECT format('unknown survivorship \"%s\"', s.value) FROM jsonb_each_text($8) s"
		 " WHERE s.value NOT IN ('first_source', 'longest', 'most_frequent')"
		 " AND NOT (s.value LIKE 'latest:%' AND EXISTS (SELECT FROM jsonb_each($3) x WHERE x.value -> 'columns' ? substr(s.value, 8))) LIMIT 1",
		 "It is first_source, longest, most_frequent, or latest: and a column of the sources."}};

	for (int i = 0; i < lengthof(checks); i++)
	{
		if (sql_run(checks[i][0], parameters) > 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", sql_text(0, 1)), errhint("%s", checks[i][1])));
	}
}

Datum
weir_create_matching(PG_FUNCTION_ARGS)
{
	char	   *name = required_name(fcinfo, 0, "name", "matching");
	Oid			user = GetUserId();
	SqlParameters parameters = {0};
	SqlScope	scope;
	uint64		n;
	Oid		   *relations;
	char	  **keys;
	int			matching_id;
	bool		is_null;
	static const char *const names[] = {"name", "sources", "compare", "block_by", "match_from", "review_from", "survivorship"};
	MemoryContext caller = CurrentMemoryContext;

	for (int i = 1; i < lengthof(names); i++)
		if (i != 3)
			require_argument(fcinfo, i, names[i]);
	if (!(PG_GETARG_FLOAT8(5) > 0 && PG_GETARG_FLOAT8(5) <= PG_GETARG_FLOAT8(4) && PG_GETARG_FLOAT8(4) <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("0 < review_from <= match_from <= 1 must hold")));
	sql_add_text(&parameters, name);
	sql_add_role(&parameters, user);
	sql_add(&parameters, JSONBOID, PG_GETARG_DATUM(1), false);
	sql_add(&parameters, JSONBOID, PG_GETARG_DATUM(2), false);
	sql_add(&parameters, TEXTARRAYOID, PG_ARGISNULL(3) ? PointerGetDatum(construct_empty_array(TEXTOID)) : PG_GETARG_DATUM(3),
			false);
	sql_add(&parameters, FLOAT8OID, PG_GETARG_DATUM(4), false);
	sql_add(&parameters, FLOAT8OID, PG_GETARG_DATUM(5), false);
	sql_add(&parameters, JSONBOID, PG_GETARG_DATUM(6), false);

	sql_begin(&scope);
	check_definition(&parameters);
	n = sql_run("SELECT c.value ->> 'method' FROM jsonb_each($4) c", &parameters);
	for (uint64 i = 0; i < n; i++)
		(void) matching_similarity(sql_text(i, 1), "a", "b");
	n = sql_run("SELECT coalesce(nullif(split_part(b, ':', 2), ''), 'equal') FROM unnest($5) b", &parameters);
	for (uint64 i = 0; i < n; i++)
		(void) matching_block(sql_text(i, 1), "a");
	if (sql_run(
			"INSERT INTO weir.matching (name, owner, compare, block_by, match_from, review_from, survivorship)"
			" SELECT $1, $2::regrole, $4, $5, $6, $7, $8 WHERE $3 IS NOT NULL ON CONFLICT (name) DO NOTHING RETURNING matching_id",
			&parameters) == 0)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("matching \"%s\" already exists", name)));
	matching_id = DatumGetInt32(sql_value(0, 1, &is_null));
	n = sql_run("SELECT s.value ->> 'table', s.value ->> 'key', s.key FROM jsonb_each($3) s ORDER BY s.key", &parameters);
	relations = MemoryContextAlloc(caller, sizeof(Oid) * n);
	keys = MemoryContextAlloc(caller, sizeof(char *) * n);
	for (uint64 i = 0; i < n; i++)
	{
		keys[i] = MemoryContextStrdup(caller, sql_text(i, 2));
		/* Found with the caller's search_path, which a scope has not. */
		relations[i] = InvalidOid;
	}
	{
		char	  **tables = MemoryContextAlloc(caller, sizeof(char *) * n);

		for (uint64 i = 0; i < n; i++)
			tables[i] = MemoryContextStrdup(caller, sql_text(i, 1));
		sql_end(&scope);
		for (uint64 i = 0; i < n; i++)
		{
			relations[i] = RangeVarGetRelid(makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(tables[i]))),
											AccessShareLock, false);
			if (pg_class_aclcheck(relations[i], user, ACL_SELECT) != ACLCHECK_OK)
				aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relations[i]));
			if (get_attnum(relations[i], keys[i]) <= 0)
				ereport(ERROR,
						(errcode(ERRCODE_UNDEFINED_COLUMN),
						 errmsg("column \"%s\" of relation \"%s\" does not exist", keys[i], get_rel_name(relations[i]))));
		}
	}
	sql_begin(&scope);
	for (uint64 i = 0; i < n; i++)
	{
		SqlParameters source = {0};

		sql_add_int(&source, matching_id);
		sql_add(&source, JSONBOID, PG_GETARG_DATUM(1), false);
		sql_add_int(&source, (int64) i + 1);
		sql_add_role(&source, relations[i]);
		if (sql_run(
				"INSERT INTO weir.matching_source (matching_id, name, place, relation, key_column, columns)"
				" SELECT $1, s.key, coalesce((s.value ->> 'place')::int, $3), $4::regclass, s.value ->> 'key', s.value -> 'columns'"
				" FROM jsonb_each($2) s ORDER BY s.key OFFSET $3 - 1 LIMIT 1",
				&source) == 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("sources changed while they were read")));
	}
	audit_write_row("create", "matching", name, "matching", "matching_id", matching_id);
	sql_end(&scope);
	PG_RETURN_DATUM(DirectFunctionCall1(namein, CStringGetDatum(name)));
}

int
matching_require_owner(const char *name)
{
	return governance_owned("matching", "matching", "matching_id", name);
}

Datum
weir_drop_matching(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "matching");
	int			matching_id = matching_require_owner(name);
	SqlParameters parameters = {0};
	SqlScope	scope;

	sql_begin(&scope);
	sql_add_int(&parameters, matching_id);
	audit_write_row("drop", "matching", name, "matching", "matching_id", matching_id);
	sql_run("DELETE FROM weir.matching WHERE matching_id = $1", &parameters);
	sql_end(&scope);
	PG_RETURN_VOID();
}

Datum
weir_decide_match(PG_FUNCTION_ARGS)
{
	char	   *decision = required_text(fcinfo, 1, "decision");
	char	   *reason = required_text(fcinfo, 2, "reason");
	Oid			who = person();
	Oid			user = GetUserId();
	SqlParameters parameters = {0};
	SqlScope	scope;
	bool		is_null;

	require_argument(fcinfo, 0, "pair_id");
	if (strcmp(decision, "match") != 0 && strcmp(decision, "distinct") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown decision \"%s\"", decision),
				 errhint("A pair is a match or distinct.")));
	require_words(reason, "reason");
	sql_begin(&scope);
	sql_add_int(&parameters, PG_GETARG_INT64(0));
	if (sql_run("SELECT m.owner::oid, m.name FROM weir.match_pair p JOIN weir.matching m USING (matching_id) WHERE pair_id = $1",
				&parameters) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("pair " INT64_FORMAT " does not exist", PG_GETARG_INT64(0))));
	if (!has_privs_of_role(user, DatumGetObjectId(sql_value(0, 1, &is_null))))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of matching \"%s\"", sql_text(0, 2))));
	sql_add_text(&parameters, decision);
	sql_add_text(&parameters, reason);
	sql_add_role(&parameters, who);
	sql_run("UPDATE weir.match_pair SET state = $2, reason = $3, decided_by = $4::regrole, decided_at = now() WHERE pair_id = $1",
			&parameters);
	audit_write("decide", "match_pair", psprintf(INT64_FORMAT, PG_GETARG_INT64(0)), "decision", decision, "reason", reason);
	sql_end(&scope);
	PG_RETURN_VOID();
}
