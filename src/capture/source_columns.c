/*
 * source_columns.c
 *		Follows the columns of a monitored table: renamed, dropped, of another type.
 *
 * A definition names columns, since names are what dumps carry and people read.  Beside it stand the numbers that the names had
 *when capture last looked: a number outlives a renaming.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/sql.h"
#include "capture/capture.h"
#include "capture/source.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

/* $1 monitor, $2 source, $3 a jsonb or a text. */
static uint64
execute(const char *statement, int monitor_id, Oid source, Oid third_type, Datum third)
{
	Oid			types[] = {INT4OID, OIDOID, third_type};
	Datum		values[] = {Int32GetDatum(monitor_id), ObjectIdGetDatum(source), third};

	return sql_execute(statement, third == (Datum) 0 ? 2 : 3, types, values, NULL);
}

bool
source_lock_definition(int monitor_id, Oid source)
{
	return execute(
			   "SELECT FROM weir.monitor m JOIN weir.monitor_state s USING (monitor_id) WHERE m.monitor_id = $1 AND m.source = $2 "
			   "FOR NO KEY UPDATE SKIP LOCKED",
			   monitor_id, source, InvalidOid, (Datum) 0) == 1 &&
		execute(
			"SELECT WHERE (SELECT pg_catalog.count(*) FROM weir.monitor_learner WHERE monitor_id = $1 AND $2 <> 0) = "
			"(SELECT pg_catalog.count(*) FROM (SELECT FROM weir.monitor_learner WHERE monitor_id = $1 FOR NO KEY UPDATE SKIP LOCKED) l)",
			monitor_id, source, InvalidOid, (Datum) 0) == 1;
}

/* The filter as it reads with the present names. */
static void
rename_in_filter(int monitor_id, Oid source)
{
	CapturedMonitor monitor = {.monitor_id = monitor_id, .source = source};
	Relation	relation;
	char	   *filter;

	if (execute("SELECT filter FROM weir.monitor WHERE monitor_id = $1 AND source = $2 AND filter IS NOT NULL", monitor_id, source,
				InvalidOid, (Datum) 0) == 0)
		return;
	monitor.filter = sql_text(0, 1);
	definition_load_attributes(&monitor);
	relation = RelationIdGetRelation(source);
	if (relation == NULL)
		return;
	filter = capture_filter_text(definition_filter(&monitor, relation), source);
	RelationClose(relation);
	execute("UPDATE weir.monitor SET filter = $3 WHERE monitor_id = $1 AND source = $2", monitor_id, source, TEXTOID,
			CStringGetTextDatum(filter));
}

/* renames: {"old": "new"}, all at once, so that two columns can change names with each other. */
static void
rename_columns(int monitor_id, Oid source, Datum renames)
{
	rename_in_filter(monitor_id, source);
	execute(
		"UPDATE weir.monitor m SET time_column = coalesce($3 ->> time_column::text, time_column::text)::name, "
		"segment_by = ARRAY(SELECT coalesce($3 ->> u::text, u::text)::name FROM pg_catalog.unnest(segment_by) WITH ORDINALITY s(u, i) ORDER BY i), "
		"protected = ARRAY(SELECT coalesce($3 ->> u::text, u::text)::name FROM pg_catalog.unnest(protected) WITH ORDINALITY s(u, i) ORDER BY i), "
		"prediction = coalesce($3 ->> prediction::text, prediction::text)::name, score = coalesce($3 ->> score::text, score::text)::name, "
		"label = coalesce($3 ->> label::text, label::text)::name, "
		/* Of the options, these have columns as members. */
		"options = options || (SELECT coalesce(pg_catalog.jsonb_object_agg(o.key, (SELECT "
		"coalesce(pg_catalog.jsonb_object_agg(coalesce($3 ->> r.key, r.key), r.value), '{}') FROM pg_catalog.jsonb_each(o.value) r)), '{}') "
		"FROM pg_catalog.jsonb_each(options) o WHERE o.key IN ('reference', 'drift_by_column') AND pg_catalog.jsonb_typeof(o.value) = 'object') "
		/* And these as a member of each element. */
		"|| CASE WHEN options ? 'detectors' THEN pg_catalog.jsonb_build_object('detectors', (SELECT coalesce(pg_catalog.jsonb_agg("
		"CASE WHEN $3 ? (d.entry ->> 'column') THEN d.entry || pg_catalog.jsonb_build_object('column', $3 -> (d.entry ->> 'column')) ELSE d.entry END ORDER BY d.i), '[]') "
		"FROM pg_catalog.jsonb_array_elements(options -> 'detectors') WITH ORDINALITY d(entry, i))) ELSE '{}' END "
		"|| CASE WHEN options ? 'constraints' THEN pg_catalog.jsonb_build_object('constraints', (SELECT coalesce(pg_catalog.jsonb_agg("
		"CASE WHEN $3 ? (d.entry ->> 'column_name') THEN d.entry || pg_catalog.jsonb_build_object('column_name', $3 -> (d.entry ->> 'column_name')) "
		"ELSE d.entry END ORDER BY d.i), '[]') "
		"FROM pg_catalog.jsonb_array_elements(options -> 'constraints') WITH ORDINALITY d(entry, i))) ELSE '{}' END "
		"WHERE monitor_id = $1 AND source = $2",
		monitor_id, source, JSONBOID, renames);
	execute(
		"UPDATE weir.monitor_learner SET label = coalesce($3 ->> label::text, label::text)::name, features = "
		"ARRAY(SELECT coalesce($3 ->> u::text, u::text)::name FROM pg_catalog.unnest(features) WITH ORDINALITY s(u, i) ORDER BY i) "
		"WHERE monitor_id = $1 AND $2 <> 0",
		monitor_id, source, JSONBOID, renames);
	/* One that was dropped may have left its name to another. */
	execute(
		"UPDATE weir.monitor_column SET column_name = pg_catalog.left(column_name::text, 40) || ' (dropped, ' || ordinal || ')', "
		"retired_at = coalesce(retired_at, pg_catalog.clock_timestamp()), retired_reason = coalesce(retired_reason, 'dropped') "
		"WHERE monitor_id = $1 AND $2 <> 0 AND (retired_at IS NOT NULL OR NOT $3 ? column_name::text) "
		"AND EXISTS (SELECT FROM pg_catalog.jsonb_each_text($3) r WHERE r.value = column_name::text)",
		monitor_id, source, JSONBOID, renames);
	/* In two steps: names are unique at any time. */
	execute("UPDATE weir.monitor_column SET column_name = '\t' || ordinal, retired_reason = $3 ->> column_name::text "
			"WHERE monitor_id = $1 AND $2 <> 0 AND retired_at IS NULL AND $3 ? column_name::text",
			monitor_id, source, JSONBOID, renames);
	execute("UPDATE weir.monitor_column SET column_name = retired_reason, retired_reason = NULL "
			"WHERE monitor_id = $1 AND $2 <> 0 AND column_name = '\t' || ordinal",
			monitor_id, source, InvalidOid, (Datum) 0);
	execute("INSERT INTO weir.column_rename (monitor_id, renames) SELECT $1, $3 WHERE $2 <> 0", monitor_id, source, JSONBOID,
			renames);
}

/* Why the column cannot be summarized, or NULL. */
static char *
problem_of(Oid type, char generated, SummaryKind kind, Oid known_type)
{
	ValueReader reader;
	ValueReader known;

	if (!OidIsValid(type))
		return pstrdup("dropped");
	if (generated == ATTRIBUTE_GENERATED_VIRTUAL)
		return pstrdup("a virtual generated column now");
	if (!value_reader_init(&reader, type, kind, CurrentMemoryContext))
		return psprintf("of type %s now, which cannot be read as %s", format_type_be(type), summary_kind_name(kind));
	if (OidIsValid(known_type) && value_reader_init(&known, known_type, kind, CurrentMemoryContext) && known.unit != reader.unit)
		return psprintf("of type %s now, which counts in another unit", format_type_be(type));
	return NULL;
}

static void
set_retired(int monitor_id, int ordinal, const char *reason)
{
	Oid			types[] = {INT4OID, INT4OID, TEXTOID};
	Datum		values[] = {Int32GetDatum(monitor_id), Int32GetDatum(ordinal), reason ? CStringGetTextDatum(reason) : (Datum) 0};

	sql_execute(
		"UPDATE weir.monitor_column SET retired_reason = $3, "
		"retired_at = CASE WHEN $3 IS NOT NULL THEN pg_catalog.clock_timestamp() END WHERE monitor_id = $1 AND ordinal = $2",
		3, types, values, reason ? NULL : "  n");
}

/* A type that was dropped, with its column or after that got another one: nothing may look for it any more. */
static void
forget_dropped_types(int monitor_id, Oid source)
{
	if (execute("SELECT FROM weir.monitor_column c WHERE c.monitor_id = $1 AND $2 <> 0 "
				"AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.oid = c.data_type)",
				monitor_id, source, InvalidOid, (Datum) 0) == 0 ||
		!source_lock_definition(monitor_id, source))
		return;
	execute(
		"UPDATE weir.monitor_column c SET data_type = coalesce((SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = $2 "
		"AND a.attname = c.column_name AND a.attnum > 0 AND NOT a.attisdropped), "
		"CASE c.kind WHEN 'numeric' THEN 'float8' WHEN 'category' THEN 'text' ELSE 'float8[]' END::regtype) "
		"WHERE c.monitor_id = $1 AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.oid = c.data_type)",
		monitor_id, source, InvalidOid, (Datum) 0);
}

/* Retires columns that cannot be read any more, takes back those that can be read again. True when there were any. */
static bool
check_columns(int monitor_id, Oid source, bool *replaced)
{
	/* A column that the definition needs for more is not retired: without it the monitor is disabled when it is loaded. */
	uint64		n = execute(
		"SELECT c.ordinal, c.column_name::text, c.kind, coalesce(a.atttypid, 0), coalesce(a.attgenerated, ''), "
		"c.retired_at IS NOT NULL, coalesce((SELECT t.oid FROM pg_catalog.pg_type t WHERE t.oid = c.data_type), 0), m.name "
		"FROM weir.monitor m JOIN weir.monitor_column c USING (monitor_id) LEFT JOIN pg_catalog.pg_attribute a "
		"ON a.attrelid = $2 AND a.attname = c.column_name AND a.attnum > 0 AND NOT a.attisdropped WHERE m.monitor_id = $1 "
		"AND NOT coalesce(c.column_name IN (m.time_column, m.prediction, m.label) OR c.column_name = ANY (m.segment_by) "
		"OR (pg_catalog.cardinality(m.protected) > 0 AND (c.column_name = ANY (m.protected) OR (m.prediction IS NULL AND c.column_name = m.score))), false)",
		monitor_id, source, InvalidOid, (Datum) 0);
	SPITupleTable *rows = SPI_tuptable;
	bool		changed = false;

	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;
		HeapTuple	row = rows->vals[i];
		TupleDesc	shape = rows->tupdesc;
		int			ordinal = DatumGetInt32(SPI_getbinval(row, shape, 1, &is_null));
		char	   *name = SPI_getvalue(row, shape, 2);
		SummaryKind kind;
		bool		retired = DatumGetBool(SPI_getbinval(row, shape, 6, &is_null));
		char	   *monitor = SPI_getvalue(row, shape, 8);
		char	   *problem;

		if (!summary_kind_of_name(SPI_getvalue(row, shape, 3), &kind))
			continue;
		problem = problem_of(DatumGetObjectId(SPI_getbinval(row, shape, 4, &is_null)),
							 DatumGetChar(SPI_getbinval(row, shape, 5, &is_null)), kind,
							 DatumGetObjectId(SPI_getbinval(row, shape, 7, &is_null)));
		if ((problem != NULL) == retired)
			continue;
		changed = true;
		set_retired(monitor_id, ordinal, problem);
		if (problem != NULL)
			ereport(LOG,
					(errmsg("weir goes on without column \"%s\" of monitor \"%s\": it is %s", name, monitor, problem),
					 errdetail("What was summarized of it so far is kept.")));
		else
		{
			*replaced = true;
			ereport(LOG, (errmsg("weir summarizes column \"%s\" of monitor \"%s\" again", name, monitor)));
		}
	}
	return changed;
}

/* True when a column that counts was dropped and there is another one of its name. */
static bool
is_replaced(int monitor_id, Oid source)
{
	return execute(
			   "SELECT FROM weir.monitor m JOIN weir.monitor_state s USING (monitor_id) "
			   "CROSS JOIN LATERAL pg_catalog.jsonb_each_text(s.attributes) col(name, number) JOIN pg_catalog.pg_attribute a "
			   "ON a.attrelid = $2 AND a.attname = col.name AND a.attnum > 0 AND NOT a.attisdropped AND a.attnum <> col.number::int "
			   "WHERE m.monitor_id = $1 AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute d WHERE d.attrelid = $2 "
			   "AND d.attnum = col.number::int AND NOT d.attisdropped) AND (" SOURCE_COLUMN_COUNTS ")",
			   monitor_id, source, InvalidOid, (Datum) 0) > 0;
}

/*
 * Keeps what has changed in the columns, those that are not summarized too.  When it did in event time is where the monitor was
 * when it was noticed.  False when somebody holds the definition.
 */
static bool
record_changes(int monitor_id, Oid source)
{
#define SHAPE \
	"(SELECT coalesce(pg_catalog.jsonb_object_agg(attnum, pg_catalog.jsonb_build_object('name', attname, 'type', " \
	"pg_catalog.format_type(atttypid, atttypmod))), '{}') AS shape FROM pg_catalog.pg_attribute " \
	"WHERE attrelid = $2 AND attnum > 0 AND NOT attisdropped)"
	if (execute("SELECT FROM weir.monitor_state s, " SHAPE " p WHERE s.monitor_id = $1 AND s.shape IS DISTINCT FROM p.shape",
				monitor_id, source, InvalidOid, (Datum) 0) == 0)
		return true;
	if (!source_lock_definition(monitor_id, source))
		return false;
	execute(
		"INSERT INTO weir.schema_change (monitor_id, event_at, attribute, column_name, change, name_before, type_before, type_after) "
		"SELECT $1, coalesce(s.watermark, pg_catalog.clock_timestamp()), c.number, coalesce(c.new ->> 'name', c.old ->> 'name'), k.change, "
		"c.old ->> 'name', c.old ->> 'type', c.new ->> 'type' FROM weir.monitor_state s, " SHAPE " p, "
		"LATERAL (SELECT o.value AS old, n.value AS new, coalesce(o.key, n.key)::int AS number FROM pg_catalog.jsonb_each(s.shape) o "
		"FULL JOIN pg_catalog.jsonb_each(p.shape) n ON n.key = o.key) c, "
		"LATERAL (VALUES ('added', c.old IS NULL), ('dropped', c.new IS NULL), ('renamed', c.old ->> 'name' <> c.new ->> 'name'), "
		"('retyped', c.old ->> 'type' <> c.new ->> 'type')) k (change, has_changed) "
		"WHERE s.monitor_id = $1 AND s.shape IS NOT NULL AND k.has_changed ORDER BY c.number",
		monitor_id, source, InvalidOid, (Datum) 0);
	execute("UPDATE weir.monitor_state s SET shape = p.shape FROM " SHAPE " p WHERE s.monitor_id = $1", monitor_id, source,
			InvalidOid, (Datum) 0);
	return true;
#undef SHAPE
}

bool
source_follow_columns(int monitor_id, Oid source, bool *replaced, bool *busy)
{
	bool		is_null;
	bool		known;
	bool		differs;
	Datum		renames;
	bool		has_renames;
	bool		changed;

	if (execute(
			"SELECT s.attributes IS NOT NULL, s.attributes IS DISTINCT FROM p.attributes, "
			"(SELECT pg_catalog.jsonb_object_agg(o.key, a.attname) FROM pg_catalog.jsonb_each_text(s.attributes) o "
			"JOIN pg_catalog.pg_attribute a ON a.attrelid = $2 AND a.attnum = o.value::int AND NOT a.attisdropped AND a.attname <> o.key) "
			"FROM weir.monitor_state s, (SELECT pg_catalog.jsonb_object_agg(attname, attnum) AS attributes FROM pg_catalog.pg_attribute "
			"WHERE attrelid = $2 AND attnum > 0 AND NOT attisdropped) p WHERE s.monitor_id = $1",
			monitor_id, source, InvalidOid, (Datum) 0) == 0)
		return false;			/* it is being dropped */
	known = DatumGetBool(sql_value(0, 1, &is_null));
	differs = DatumGetBool(sql_value(0, 2, &is_null));
	renames = sql_value(0, 3, &is_null);
	has_renames = !is_null;

	if (!record_changes(monitor_id, source) || (differs && !source_lock_definition(monitor_id, source)))
	{
		*busy = true;
		return false;
	}
	if (known && differs)
	{
		*replaced |= is_replaced(monitor_id, source);
		if (has_renames)
			rename_columns(monitor_id, source, renames);
	}
	changed = check_columns(monitor_id, source, replaced);
	forget_dropped_types(monitor_id, source);
	if (differs)
		execute("UPDATE weir.monitor_state s SET attributes = (SELECT pg_catalog.jsonb_object_agg(attname, attnum) "
				"FROM pg_catalog.pg_attribute WHERE attrelid = $2 AND attnum > 0 AND NOT attisdropped) WHERE monitor_id = $1",
				monitor_id, source, InvalidOid, (Datum) 0);
	return changed || differs;
}
