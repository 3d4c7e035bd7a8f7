/*
 * run_matching.c
 *		Running a matching: candidate pairs and their scores, groups of what matches, one golden record for each.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "governance/governance.h"
#include "governance/matching.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_run_matching);

#define MAX_PAIRS 1000000
#define N_PAIR_ARRAYS 6
#define N_RECORD_ARRAYS 4

/* ---- reading ---- */

/* All sources as one relation: source, key, place, attributes, and each column as text. Inside an SQL scope. */
static char *
records_query(int matching_id)
{
	SqlParameters parameters = {0};
	StringInfoData query;
	uint64		n;

	initStringInfo(&query);
	sql_add_int(&parameters, matching_id);
	/* Every canonical column, NULL where a source lacks it. */
	n = sql_run(
		"SELECT string_agg(format('SELECT %L::text AS source, %I::text AS key, %s AS place, jsonb_build_object(%s) AS attributes, %s FROM %s',"
		"  s.name, s.key_column, s.place, c.pairs, c.columns, s.relation), ' UNION ALL ' ORDER BY s.place, s.name)"
		" FROM weir.matching_source s, LATERAL (SELECT string_agg(format('%L, %s', k.name, coalesce(quote_ident(s.columns ->> k.name), 'NULL')), ', '"
		"  ORDER BY k.name) AS pairs, string_agg(format('%s::text AS %I', coalesce(quote_ident(s.columns ->> k.name), 'NULL'), 'c_' || k.name), ', '"
		"  ORDER BY k.name) AS columns"
		"  FROM (SELECT DISTINCT jsonb_object_keys(o.columns) AS name FROM weir.matching_source o WHERE o.matching_id = $1) k) c"
		" WHERE s.matching_id = $1",
		&parameters);
	appendStringInfoString(&query, n > 0 && sql_text(0, 1) != NULL ? sql_text(0, 1) : "");
	return query.data;
}

/* Pairs that share a block, with their scores, as six arrays. Inside an SQL scope. */
static char *
pairs_query(int matching_id, const char *records)
{
	SqlParameters parameters = {0};
	StringInfoData query;
	StringInfoData score;
	StringInfoData weight;
	StringInfoData similarities;
	StringInfoData candidates;
	uint64		n;

	initStringInfo(&query);
	initStringInfo(&score);
	initStringInfo(&weight);
	initStringInfo(&similarities);
	initStringInfo(&candidates);
	sql_add_int(&parameters, matching_id);
	n = sql_run("SELECT quote_ident('c_' || c.key), c.value ->> 'method', coalesce(c.value ->> 'weight', '1'), quote_literal(c.key)"
				" FROM weir.matching m, jsonb_each(m.compare) c WHERE m.matching_id = $1 ORDER BY c.key",
				&parameters);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *a = psprintf("a.%s", sql_text(i, 1));
		char	   *b = psprintf("b.%s", sql_text(i, 1));
		char	   *similarity = matching_similarity(sql_text(i, 2), a, b);

		appendStringInfo(&score, "%scoalesce(%s * (%s), 0)", i > 0 ? " + " : "", sql_text(i, 3), similarity);
		/* A value that is missing says nothing. */
		appendStringInfo(&weight, "%sCASE WHEN %s IS NOT NULL AND %s IS NOT NULL THEN %s ELSE 0 END", i > 0 ? " + " : "", a, b,
						 sql_text(i, 3));
		appendStringInfo(&similarities, "%s%s, %s", i > 0 ? ", " : "", sql_text(i, 4), similarity);
	}
	n = sql_run("SELECT quote_ident('c_' || split_part(b, ':', 1)), coalesce(nullif(split_part(b, ':', 2), ''), 'equal')"
				" FROM weir.matching m, unnest(m.block_by) b WHERE m.matching_id = $1",
				&parameters);
#define PAIR \
	"SELECT a.source AS s1, a.key AS k1, b.source AS s2, b.key AS k2 FROM r a JOIN r b ON (a.source, a.key) < (b.source, b.key)"
	if (n == 0)
		appendStringInfoString(&candidates, PAIR);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *a = matching_block(sql_text(i, 2), psprintf("a.%s", sql_text(i, 1)));
		char	   *b = matching_block(sql_text(i, 2), psprintf("b.%s", sql_text(i, 1)));

		appendStringInfo(&candidates, "%s" PAIR " AND %s = %s", i > 0 ? " UNION " : "", a, b);
	}
	appendStringInfo(
		&query,
		"WITH r AS MATERIALIZED (%s), candidate AS (%s), scored AS (SELECT c.*, (%s) / nullif(%s, 0) AS score, jsonb_build_object(%s) AS similarities"
		" FROM candidate c JOIN r a ON a.source = c.s1 AND a.key = c.k1 JOIN r b ON b.source = c.s2 AND b.key = c.k2),"
		" kept AS (SELECT * FROM scored WHERE score >= $1 LIMIT %d)"
		" SELECT array_agg(s1), array_agg(k1), array_agg(s2), array_agg(k2), array_agg(score), array_agg(similarities) FROM kept",
		records, candidates.data, score.data, weight.data, similarities.data, MAX_PAIRS + 1);
	return query.data;
}

/* The arrays that a query run as the current user returns in its only row, copied; elements of NULL arrays: none. */
static void
read_arrays(const char *query, const double *parameter, int n_arrays, Datum *arrays, MemoryContext context)
{
	SqlParameters parameters = {0};
	SqlScope	scope;
	static const Oid element_types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, FLOAT8OID, JSONBOID};

	sql_begin_as(&scope, GetUserId());
	if (parameter != NULL)
		sql_add(&parameters, FLOAT8OID, Float8GetDatum(*parameter), false);
	sql_run(query, &parameters);
	for (int i = 0; i < n_arrays; i++)
	{
		bool		is_null;
		Datum		value = sql_value(0, i + 1, &is_null);
		MemoryContext inside = MemoryContextSwitchTo(context);

		arrays[i] = PointerGetDatum(is_null ? construct_empty_array(element_types[i]) : DatumGetArrayTypePCopy(value));
		MemoryContextSwitchTo(inside);
	}
	sql_end(&scope);
}

static int
n_elements(Datum array)
{
	ArrayType  *a = DatumGetArrayTypeP(array);

	return ArrayGetNItems(ARR_NDIM(a), ARR_DIMS(a));
}

/* ---- groups of what matches ---- */

typedef struct Record
{
	char	   *name;			/* source, a separator, key */
	int			number;
} Record;

static int
compare_records(const void *a, const void *b)
{
	return strcmp(((const Record *) a)->name, ((const Record *) b)->name);
}

static int
find_root(int *parents, int i)
{
	while (parents[i] != i)
	{
		parents[i] = parents[parents[i]];
		i = parents[i];
	}
	return i;
}

static char **
joined_names(Datum sources, Datum keys, int *n)
{
	Datum	   *source;
	Datum	   *key;
	char	  **names;

	deconstruct_array(DatumGetArrayTypeP(sources), TEXTOID, -1, false, TYPALIGN_INT, &source, NULL, n);
	deconstruct_array(DatumGetArrayTypeP(keys), TEXTOID, -1, false, TYPALIGN_INT, &key, NULL, n);
	names = palloc(sizeof(char *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		names[i] = psprintf("%s\001%s", TextDatumGetCString(source[i]), TextDatumGetCString(key[i]));
	return names;
}

/* For each record the number of its group, as an int[]: records that matches connect, directly or not. */
static Datum
group_records(Datum record_sources, Datum record_keys, const Datum *matches)
{
	int			n;
	int			n_matches;
	char	  **names = joined_names(record_sources, record_keys, &n);
	Record	   *records = palloc(sizeof(Record) * Max(n, 1));
	int		   *parents = palloc(sizeof(int) * Max(n, 1));
	Datum	   *groups = palloc(sizeof(Datum) * Max(n, 1));
	char	  **ends[2];

	for (int i = 0; i < n; i++)
	{
		records[i].name = names[i];
		records[i].number = i;
		parents[i] = i;
	}
	qsort(records, n, sizeof(Record), compare_records);
	ends[0] = joined_names(matches[0], matches[1], &n_matches);
	ends[1] = joined_names(matches[2], matches[3], &n_matches);
	for (int i = 0; i < n_matches; i++)
	{
		int			roots[2];
		bool		known = true;

		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < 2; k++)
		{
			Record		wanted = {ends[k][i], 0};
			Record	   *found = bsearch(&wanted, records, n, sizeof(Record), compare_records);

			known = known && found != NULL;
			roots[k] = found == NULL ? 0 : find_root(parents, found->number);
		}
		if (known)
			parents[Max(roots[0], roots[1])] = Min(roots[0], roots[1]);
	}
	for (int i = 0; i < n; i++)
		groups[i] = Int32GetDatum(find_root(parents, i) + 1);
	return PointerGetDatum(construct_array(groups, n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/* ---- writing ---- */

static void
store_pairs(int matching_id, const Datum *pairs, double match_from)
{
	SqlParameters parameters = {0};

	sql_add_int(&parameters, matching_id);
	for (int i = 0; i < 4; i++)
		sql_add(&parameters, TEXTARRAYOID, pairs[i], false);
	sql_add(&parameters, FLOAT8ARRAYOID, pairs[4], false);
	sql_add(&parameters, JSONBARRAYOID, pairs[5], false);
	sql_add(&parameters, FLOAT8OID, Float8GetDatum(match_from), false);
	/* What people decided stays, and so does the pair. */
	sql_execute("DELETE FROM weir.match_pair WHERE matching_id = $1 AND decided_by IS NULL", 1, parameters.types, parameters.values,
				NULL);
	sql_run("INSERT INTO weir.match_pair (matching_id, left_source, left_key, right_source, right_key, score, similarities, state)"
			" SELECT $1, s1, k1, s2, k2, score, similarities, CASE WHEN score >= $8 THEN 'match' ELSE 'review' END"
			" FROM unnest($2, $3, $4, $5, $6, $7) u (s1, k1, s2, k2, score, similarities)"
			" ON CONFLICT (matching_id, left_source, left_key, right_source, right_key) DO UPDATE"
			" SET score = EXCLUDED.score, similarities = EXCLUDED.similarities",
			&parameters);
}

/* One record per group, each column from the member that its rule prefers, and which that was. */
static void
store_golden_records(int matching_id, const Datum *records, Datum groups)
{
	SqlParameters parameters = {0};

	sql_add_int(&parameters, matching_id);
	sql_add(&parameters, INT4ARRAYOID, groups, false);
	sql_add(&parameters, TEXTARRAYOID, records[0], false);
	sql_add(&parameters, TEXTARRAYOID, records[1], false);
	sql_add(&parameters, TEXTARRAYOID, records[2], false);
	sql_add(&parameters, TEXTARRAYOID, records[3], false);
	sql_execute("DELETE FROM weir.golden_record WHERE matching_id = $1", 1, parameters.types, parameters.values, NULL);
	sql_run(
		"WITH member AS MATERIALIZED (SELECT u.golden_id, u.source, u.key, u.place::int AS place, u.attributes::jsonb AS attributes"
		"  FROM unnest($2, $3, $4, $5, $6) u (golden_id, source, key, place, attributes)),"
		" value AS (SELECT m.golden_id, m.source, m.key, m.place, m.attributes, a.key AS name, a.value, coalesce(g.survivorship ->> a.key, 'first_source') AS rule"
		"  FROM member m, jsonb_each(m.attributes) a, weir.matching g WHERE a.value <> 'null' AND g.matching_id = $1),"
		" ranked AS (SELECT v.*, count(*) OVER (PARTITION BY v.golden_id, v.name, v.value) AS n FROM value v),"
		" chosen AS (SELECT DISTINCT ON (golden_id, name) * FROM ranked ORDER BY golden_id, name,"
		"  CASE rule WHEN 'longest' THEN -length(value #>> '{}') WHEN 'most_frequent' THEN -n END,"
		"  CASE WHEN rule LIKE 'latest:%' THEN attributes ->> substr(rule, 8) END DESC NULLS LAST, place, source, key),"
		" golden AS (INSERT INTO weir.golden_record (matching_id, golden_id, attributes, lineage)"
		"  SELECT $1, golden_id, coalesce(jsonb_object_agg(name, value) FILTER (WHERE name IS NOT NULL), '{}'),"
		"   coalesce(jsonb_object_agg(name, jsonb_build_object('source', c.source, 'key', c.key)) FILTER (WHERE name IS NOT NULL), '{}')"
		"  FROM (SELECT DISTINCT golden_id FROM member) m LEFT JOIN chosen c USING (golden_id) GROUP BY golden_id)"
		" INSERT INTO weir.golden_member (matching_id, golden_id, source, row_key) SELECT $1, golden_id, source, key FROM member",
		&parameters);
}

Datum
weir_run_matching(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "matching");
	int			matching_id = matching_require_owner(name);
	MemoryContext caller = CurrentMemoryContext;
	SqlParameters parameters = {0};
	SqlScope	scope;
	char	   *records_of;
	char	   *pairs_of;
	double		match_from;
	double		review_from;
	Datum		pairs[N_PAIR_ARRAYS];
	Datum		records[N_RECORD_ARRAYS];
	Datum		matches[4];
	Datum		groups;
	TupleDesc	descriptor;
	Datum		values[4];
	bool		nulls[4] = {false};
	HeapTuple	tuple;
	bool		is_null;

	(void) get_call_result_type(fcinfo, NULL, &descriptor);
	sql_begin(&scope);
	sql_add_int(&parameters, matching_id);
	sql_run("SELECT match_from, review_from FROM weir.matching WHERE matching_id = $1 FOR UPDATE", &parameters);
	match_from = DatumGetFloat8(sql_value(0, 1, &is_null));
	review_from = DatumGetFloat8(sql_value(0, 2, &is_null));
	records_of = records_query(matching_id);
	pairs_of = MemoryContextStrdup(caller, pairs_query(matching_id, records_of));
	records_of = MemoryContextStrdup(caller, records_of);
	sql_end(&scope);

	read_arrays(pairs_of, &review_from, N_PAIR_ARRAYS, pairs, caller);
	if (n_elements(pairs[0]) > MAX_PAIRS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("more than %d pairs are alike", MAX_PAIRS),
				 errhint("Compare fewer: block_by, or a higher review_from.")));
	read_arrays(
		psprintf(
			"SELECT array_agg(source), array_agg(key), array_agg(place::text), array_agg(attributes::text) FROM (%s) r WHERE key IS NOT NULL",
			records_of),
		NULL, N_RECORD_ARRAYS, records, caller);

	sql_begin(&scope);
	store_pairs(matching_id, pairs, match_from);
	sql_run(
		"SELECT coalesce(array_agg(left_source), '{}'), coalesce(array_agg(left_key), '{}'), coalesce(array_agg(right_source), '{}'),"
		" coalesce(array_agg(right_key), '{}') FROM weir.match_pair WHERE matching_id = $1 AND state = 'match'",
		&parameters);
	for (int i = 0; i < 4; i++)
		matches[i] = PointerGetDatum(DatumGetArrayTypePCopy(sql_value(0, i + 1, &is_null)));
	groups = group_records(records[0], records[1], matches);
	store_golden_records(matching_id, records, groups);
	sql_run("UPDATE weir.matching SET ran_at = now() WHERE matching_id = $1", &parameters);
	audit_write("run", "matching", name);
	sql_run("SELECT (SELECT count(*) FROM weir.golden_member WHERE matching_id = $1), count(*) FILTER (WHERE state = 'match'),"
			" count(*) FILTER (WHERE state = 'review'), (SELECT count(*) FROM weir.golden_record WHERE matching_id = $1)"
			" FROM weir.match_pair WHERE matching_id = $1",
			&parameters);
	for (int i = 0; i < 4; i++)
		values[i] = Int64GetDatum(DatumGetInt64(sql_value(0, i + 1, &is_null)));
	sql_end(&scope);
	tuple = heap_form_tuple(BlessTupleDesc(descriptor), values, nulls);
	PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}
