/*
 * source_labels.c
 *		Follows the labels of enums that are renamed: values of columns that a definition names.
 *
 * A definition names values as people write them.  What capture saw last (weir.source_relation.columns) has the number of each
 *label with the hash of its name, and the number outlives a renaming.  What was taken down of rows, like the segment of an alert,
 *follows later and elsewhere (monitor/renames.c).
 */
#include "postgres.h"

#include "base/sql.h"
#include "capture/capture.h"
#include "capture/learner_change.h"
#include "capture/learner_row.h"
#include "capture/source.h"
#include "catalog/pg_collation.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* Labels of columns of the source that have another name now: the column and its number, the hash of the name that was, the name
 * that is. */
#define RENAMED \
	"WITH renamed(name, attribute, hash, label) AS (SELECT a.attname, a.attnum, x.pair[2]::int, e.enumlabel::text FROM weir.source_relation k " \
	"CROSS JOIN LATERAL pg_catalog.string_to_table(k.columns, ',') c(stored) " \
	"CROSS JOIN LATERAL pg_catalog.regexp_matches(pg_catalog.split_part(c.stored, ':', 5), '(\\d+)=(-?\\d+)', 'g') x(pair) " \
	"JOIN pg_catalog.pg_attribute a ON a.attrelid = $2 AND a.attnum = nullif(pg_catalog.split_part(c.stored, ':', 1), '')::int " \
	"AND NOT a.attisdropped JOIN pg_catalog.pg_enum e ON e.oid = x.pair[1]::oid AND pg_catalog.hashtext(e.enumlabel::text) <> x.pair[2]::int " \
	"WHERE k.monitor_id = $1 AND k.relation = $2) "

static uint64
execute(const char *statement, int monitor_id, Oid source)
{
	Oid			types[] = {INT4OID, OIDOID};
	Datum		values[] = {Int32GetDatum(monitor_id), ObjectIdGetDatum(source)};

	return sql_execute(statement, 2, types, values, NULL);
}

/* Where label and prediction are both read by it, it can only go with both; booleans and numbers are not. */
static void
follow_positive(int monitor_id, Oid source)
{
	execute(RENAMED
			"UPDATE weir.monitor m SET positive = n.label FROM (SELECT pg_catalog.min(r.label) AS label "
			"FROM weir.monitor d JOIN pg_catalog.pg_attribute a ON a.attrelid = $2 AND a.attname IN (d.label, d.prediction) "
			"AND NOT a.attisdropped JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.typcategory NOT IN ('B', 'N') "
			"LEFT JOIN renamed r ON r.name = a.attname AND r.hash = pg_catalog.hashtext(d.positive) WHERE d.monitor_id = $1 "
			"HAVING pg_catalog.count(*) = pg_catalog.count(r.label) AND pg_catalog.min(r.label) = pg_catalog.max(r.label)) n "
			"WHERE m.monitor_id = $1 AND m.positive IS NOT NULL",
			monitor_id, source);
}

/* Groups that others are compared with, and classes, whose order is that of the score. */
static void
follow_options(int monitor_id, Oid source)
{
	execute(
		RENAMED
		"UPDATE weir.monitor m SET options = n.options FROM (SELECT d.options "
		"|| CASE WHEN pg_catalog.jsonb_typeof(d.options -> 'reference') = 'object' THEN pg_catalog.jsonb_build_object('reference', "
		"(SELECT coalesce(pg_catalog.jsonb_object_agg(g.key, coalesce(r.label, g.value)), '{}') "
		"FROM pg_catalog.jsonb_each_text(d.options -> 'reference') g "
		"LEFT JOIN renamed r ON r.name::text = g.key AND r.hash = pg_catalog.hashtext(g.value))) ELSE '{}' END "
		"|| CASE WHEN pg_catalog.jsonb_typeof(d.options -> 'classes') = 'array' THEN pg_catalog.jsonb_build_object('classes', "
		"(SELECT coalesce(pg_catalog.jsonb_agg(coalesce(r.label, c.value) ORDER BY c.i), '[]') "
		"FROM pg_catalog.jsonb_array_elements_text(d.options -> 'classes') WITH ORDINALITY c(value, i) "
		"LEFT JOIN renamed r ON r.name = d.label AND r.hash = pg_catalog.hashtext(c.value))) ELSE '{}' END AS options "
		"FROM weir.monitor d WHERE d.monitor_id = $1) n WHERE m.monitor_id = $1 AND m.options <> n.options",
		monitor_id, source);
}

/*
 * What others have taken down: segments of rules and alerts, summaries of baselines.  Who else may have those locked, capture does
 * not wait for; and they go with panes, which have the former names until they are built again.
 */
static void
tell_others(int monitor_id, Oid source)
{
	execute(RENAMED
			"INSERT INTO weir.label_rename (monitor_id, renames) SELECT $1, pg_catalog.jsonb_object_agg(c.attribute, c.labels) "
			"FROM (SELECT attribute, pg_catalog.jsonb_object_agg(hash::text, label) AS labels FROM renamed GROUP BY attribute) c",
			monitor_id, source);
}

/*
 * Learners learn what stands before this in their queues by the former names, and what stands behind it by the new ones: all that
 * was decoded is written there.
 */
static void
tell_learners(int monitor_id, Oid source)
{
	uint64		n = execute(
		RENAMED
		"SELECT l.learner_id, f.i - 1, r.hash, r.label FROM weir.monitor_learner l JOIN weir.learner_state s USING (learner_id) "
		"CROSS JOIN LATERAL pg_catalog.unnest(l.features || l.label) WITH ORDINALITY f(name, i) JOIN renamed r ON r.name = f.name "
		"WHERE l.monitor_id = $1 AND s.disabled_reason IS NULL ORDER BY 1",
		monitor_id, source);
	SPITupleTable *rows = SPI_tuptable;
	TupleDesc	shape = rows->tupdesc;
	bool		is_null;
	uint64		row = 0;

	/* What is gathered of transactions in progress has the former names, and will stand behind. */
	if (n > 0)
		learner_change_decode_anew();
	while (row < n)
	{
		Datum		learner_id = SPI_getbinval(rows->vals[row], shape, 1, &is_null);
		StringInfoData labels;

		initStringInfo(&labels);
		learner_row_begin(&labels, LEARNER_ROW_RENAMED, DT_NOBEGIN, NULL);
		for (; row < n && SPI_getbinval(rows->vals[row], shape, 1, &is_null) == learner_id; row++)
			learner_row_add_label(&labels, (int) DatumGetInt64(SPI_getbinval(rows->vals[row], shape, 2, &is_null)),
								  DatumGetInt32(SPI_getbinval(rows->vals[row], shape, 3, &is_null)),
								  SPI_getvalue(rows->vals[row], shape, 4));
		learner_change_put(DatumGetInt32(learner_id), labels.data, labels.len);
	}
}

bool
source_follow_labels(int monitor_id, Oid source, bool *busy)
{
	if (execute(RENAMED "SELECT FROM renamed", monitor_id, source) == 0)
		return false;
	if (!source_lock_definition(monitor_id, source))
	{
		*busy = true;
		return false;
	}
	follow_positive(monitor_id, source);
	follow_options(monitor_id, source);
	tell_others(monitor_id, source);
	tell_learners(monitor_id, source);
	return true;
}

char *
source_problem_of_positive(int monitor_id, Oid source)
{
	/* Where it is read, see check_task_columns. */
	if (execute(
			"WITH RECURSIVE base(name, type, positive) AS (SELECT a.attname, a.atttypid, m.positive FROM weir.monitor m "
			"JOIN pg_catalog.pg_attribute a ON a.attrelid = $2 AND a.attname IN (m.label, m.prediction) AND NOT a.attisdropped "
			"WHERE m.monitor_id = $1 AND m.positive IS NOT NULL AND (m.protected <> '{}' "
			"OR (coalesce(m.options ->> 'task', 'binary') IN ('binary', 'none') AND NOT m.options ? 'classes')) "
			"UNION SELECT base.name, t.typbasetype, base.positive FROM base JOIN pg_catalog.pg_type t ON t.oid = base.type "
			"WHERE t.typbasetype <> 0) SELECT base.positive, t.oid::regtype::text, base.name FROM base "
			"JOIN pg_catalog.pg_type t ON t.oid = base.type AND t.typtype = 'e' WHERE NOT EXISTS "
			"(SELECT FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid AND e.enumlabel::text = base.positive) ORDER BY base.name LIMIT 1",
			monitor_id, source) == 0)
		return NULL;
	return psprintf("its positive value \"%s\" is no label of enum %s, the type of column \"%s\". "
					"Name one with weir.alter_monitor (positive), and run weir.rebuild",
					sql_text(0, 1), sql_text(0, 2), sql_text(0, 3));
}

int32
capture_label_hash(const char *label, size_t length)
{
	return DatumGetInt32(
		DirectFunctionCall1Coll(hashtext, DEFAULT_COLLATION_OID, PointerGetDatum(cstring_to_text_with_len(label, (int) length))));
}
