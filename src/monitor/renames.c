/*
 * renames.c
 *		What was taken down by names that columns and labels of enums no longer have: rules, their states, alerts, baselines.
 *
 * Capture follows what a definition says and notes what was renamed (weir.column_rename, weir.label_rename).  What follows here may
 *be locked by anybody, so it is the scheduler's.  Of labels it waits until the monitor's panes are built again: until then rules
 *would find some rows of a segment by its former name, and some by the new one.
 */
#include "postgres.h"

#include "base/memory.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "base/withhold.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "monitor/boundary.h"
#include "monitor/rule.h"
#include "monitor/windows.h"
#include "quality/performance_datum.h"
#include "summary/summary_datum.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

/* ---- columns ---- */

/* A subject is a column, or "column: group". Two columns may change names with each other: so in two steps. */
static void
rename_subjects(const char *table, Datum monitor_id, Datum renames)
{
	Oid			types[] = {INT4OID, JSONBOID};
	Datum		values[] = {monitor_id, renames};

	sql_execute(
		psprintf(
			"UPDATE weir.%s t SET subject = E'\\t' || ($2 ->> n.name) || pg_catalog.substr(t.subject, pg_catalog.length(n.name) + 1) "
			"FROM weir.rule r, pg_catalog.jsonb_object_keys($2) n(name) WHERE r.rule_id = t.rule_id AND r.monitor_id = $1 "
			"AND (t.subject = n.name OR pg_catalog.starts_with(t.subject, n.name || ': '))",
			table),
		2, types, values, NULL);
	sql_execute(psprintf("UPDATE weir.%s t SET subject = pg_catalog.substr(t.subject, 2) FROM weir.rule r "
						 "WHERE r.rule_id = t.rule_id AND r.monitor_id = $1 AND pg_catalog.starts_with(t.subject, E'\\t')",
						 table),
				1, types, values, NULL);
}

static void
follow_columns(Datum monitor_id)
{
	Oid			type = INT4OID;
	uint64		n = sql_execute("WITH taken AS (DELETE FROM weir.column_rename WHERE monitor_id = $1 RETURNING *) "
						   "SELECT renames FROM taken ORDER BY rename_id",
						   1, &type, &monitor_id, NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		Oid			types[] = {INT4OID, JSONBOID};
		bool		is_null;
		Datum		values[] = {monitor_id, SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_null)};

		sql_execute("UPDATE weir.rule SET column_name = $2 ->> column_name::text WHERE monitor_id = $1 AND $2 ? column_name::text",
					2, types, values, NULL);
		rename_subjects("rule_subject", values[0], values[1]);
		rename_subjects("alert", values[0], values[1]);
	}
}

/* ---- labels ---- */

/* One label of one column. */
typedef struct RenamedLabel
{
	char	   *column;
	int			segment_position; /* in segment_by, from 1; 0: it makes no segments */
	int			ordinal;		/* of its summary, from 1; 0: it has none */
	bool		is_label;		/* the column of labels, that of predictions */
	bool		is_prediction;
	int32		hash;			/* of the former name */
	char	   *name;
} RenamedLabel;

/* Of one look, which take effect together: two labels may change names with each other. */
typedef struct LabelRenames
{
	Datum		monitor_id;
	Datum		noticed_at;
	int			n;
	RenamedLabel *labels;
} LabelRenames;

static LabelRenames
read_labels(Datum monitor_id, Datum renames, Datum noticed_at)
{
	Oid			types[] = {INT4OID, JSONBOID};
	Datum		values[] = {monitor_id, renames};
	LabelRenames result = {.monitor_id = monitor_id, .noticed_at = noticed_at};
	bool		is_null;

	result.n = sql_execute(
		"SELECT c.name, coalesce(pg_catalog.array_position(m.segment_by, c.name::name), 0), coalesce(d.ordinal, 0), "
		"coalesce(m.label = c.name::name, false), coalesce(m.prediction = c.name::name, false), l.hash::int, l.label "
		"FROM weir.monitor m JOIN weir.monitor_state s USING (monitor_id) CROSS JOIN LATERAL pg_catalog.jsonb_each_text(s.attributes) c(name, number) "
		"CROSS JOIN LATERAL pg_catalog.jsonb_each_text($2 -> c.number) l(hash, label) LEFT JOIN weir.monitor_column d "
		"ON d.monitor_id = m.monitor_id AND d.column_name = c.name::name AND d.retired_at IS NULL AND d.kind = 'category' WHERE m.monitor_id = $1",
		2, types, values, NULL);
	result.labels = palloc(sizeof(RenamedLabel) * Max(result.n, 1));
	for (int i = 0; i < result.n; i++)
		result.labels[i] = (RenamedLabel){.column = sql_text(i, 1),
										  .segment_position = DatumGetInt32(sql_value(i, 2, &is_null)),
										  .ordinal = DatumGetInt32(sql_value(i, 3, &is_null)),
										  .is_label = DatumGetBool(sql_value(i, 4, &is_null)),
										  .is_prediction = DatumGetBool(sql_value(i, 5, &is_null)),
										  .hash = DatumGetInt32(sql_value(i, 6, &is_null)),
										  .name = sql_text(i, 7)};
	return result;
}

/* As capture has taken down names. */
static int32
hash_of(const char *value)
{
	return DatumGetInt32(DirectFunctionCall1Coll(hashtext, DEFAULT_COLLATION_OID, CStringGetTextDatum(value)));
}

static const char *
segment_value_name(void *context, int position, const char *value)
{
	const LabelRenames *renames = context;

	for (int i = 0; i < renames->n; i++)
		if (renames->labels[i].segment_position == position && renames->labels[i].hash == hash_of(value))
			return renames->labels[i].name;
	return NULL;
}

static char *
renamed_segment(const char *segment, LabelRenames *renames)
{
	return segment_display_renamed(segment, segment_value_name, renames);
}

/* Of a group: "column: group". */
static char *
renamed_subject(const char *subject, LabelRenames *renames)
{
	for (int i = 0; i < renames->n; i++)
	{
		size_t		length = strlen(renames->labels[i].column);

		if (strncmp(subject, renames->labels[i].column, length) == 0 && strncmp(subject + length, ": ", 2) == 0 &&
			renames->labels[i].hash == hash_of(subject + length + 2))
			return psprintf("%s: %s", renames->labels[i].column, renames->labels[i].name);
	}
	return NULL;
}

/* ---- of rules and alerts ---- */

/* $1 monitor, $2 and $3 the former and the new names, $4 when they were noticed. unnest of two is not qualified: it is grammar. */
static void
execute_for_names(const char *statement, const LabelRenames *renames, const Datum names[2])
{
	Oid			types[] = {INT4OID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID};
	Datum		values[] = {renames->monitor_id, names[0], names[1], renames->noticed_at};

	sql_execute(statement, 4, types, values, NULL);
}

/* Which of the names that the query gives are others now. False: none. */
static bool
find_names(const char *query, LabelRenames *renames, char *(*renamed)(const char *name, LabelRenames *renames), Datum names[2])
{
	Oid			type = INT4OID;
	uint64		n = sql_execute(query, 1, &type, &renames->monitor_id, NULL);
	Datum	   *former = palloc(sizeof(Datum) * Max(n, 1));
	Datum	   *present = palloc(sizeof(Datum) * Max(n, 1));
	int			n_names = 0;

	for (uint64 row = 0; row < n; row++)
	{
		char	   *name = sql_text(row, 1);
		char	   *other = renamed(name, renames);

		if (other == NULL)
			continue;
		former[n_names] = CStringGetTextDatum(name);
		present[n_names++] = CStringGetTextDatum(other);
	}
	names[0] = PointerGetDatum(construct_array(former, n_names, TEXTOID, -1, false, TYPALIGN_INT));
	names[1] = PointerGetDatum(construct_array(present, n_names, TEXTOID, -1, false, TYPALIGN_INT));
	return n_names > 0;
}

/* One that was opened under a name which an earlier one gets now tells of the same: the earlier one goes on. */
static void
resolve_doubled_alerts(const char *field, const char *other, Datum monitor_id)
{
	Oid			type = INT4OID;
	uint64		n = sql_execute(
		psprintf("SELECT a.alert_id FROM weir.alert a JOIN weir.alert o ON o.rule_id = a.rule_id AND o.family = a.family "
				 "AND o.%s = E'\\t' || a.%s AND o.%s IS NOT DISTINCT FROM a.%s "
				 "WHERE a.monitor_id = $1 AND a.resolved_at IS NULL AND o.resolved_at IS NULL",
				 field, field, other, other),
		1, &type, &monitor_id, NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;

		alert_resolve(DatumGetInt64(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_null)), InvalidOid, NULL,
					  "an earlier alert of the same goes on: a label was renamed");
	}
}

/* In two steps, as of columns. An alert has it in its sentence and its query, too. */
static void
rename_field(const char *field, const char *other, const char *before, const char *behind, const LabelRenames *renames,
			 const Datum names[2])
{
	execute_for_names(psprintf("UPDATE weir.rule_subject s SET %s = E'\\t' || n.present FROM weir.rule r, "
							   "unnest($2, $3) n(former, present) "
							   "WHERE r.rule_id = s.rule_id AND r.monitor_id = $1 AND s.%s = n.former",
							   field, field),
					  renames, names);
	execute_for_names(
		psprintf("DELETE FROM weir.rule_subject s USING weir.rule_subject o, weir.rule r "
				 "WHERE r.rule_id = s.rule_id AND r.monitor_id = $1 AND o.rule_id = s.rule_id AND o.family = s.family "
				 "AND o.%s = E'\\t' || s.%s AND o.%s IS NOT DISTINCT FROM s.%s",
				 field, field, other, other),
		renames, names);
	execute_for_names(psprintf("UPDATE weir.rule_subject s SET %s = n.present FROM weir.rule r, unnest($3) n(present) "
							   "WHERE r.rule_id = s.rule_id AND r.monitor_id = $1 AND s.%s = E'\\t' || n.present",
							   field, field),
					  renames, names);
	execute_for_names(
		psprintf("UPDATE weir.alert a SET %s = E'\\t' || n.present, "
				 "message = pg_catalog.replace(a.message, '%s' || n.former || '%s', '%s' || n.present || '%s'), "
				 "detail = a.detail || coalesce(pg_catalog.jsonb_build_object('query', pg_catalog.replace(a.detail ->> 'query', "
				 "' AND %s = ' || pg_catalog.quote_literal(n.former), ' AND %s = ' || pg_catalog.quote_literal(n.present))), '{}') "
				 "FROM unnest($2, $3) n(former, present) WHERE a.monitor_id = $1 AND a.%s = n.former",
				 field, before, behind, before, behind, field, field, field),
		renames, names);
	resolve_doubled_alerts(field, other, renames->monitor_id);
	execute_for_names(psprintf("UPDATE weir.alert a SET %s = n.present FROM unnest($3) n(present) "
							   "WHERE a.monitor_id = $1 AND a.%s = E'\\t' || n.present",
							   field, field),
					  renames, names);
}

static void
follow_in_rules(LabelRenames *renames)
{
	Datum		names[2];

	if (find_names(
			"SELECT segment FROM weir.rule WHERE monitor_id = $1 AND segment <> '*' UNION "
			"SELECT s.segment FROM weir.rule_subject s JOIN weir.rule r USING (rule_id) WHERE r.monitor_id = $1 AND s.segment IS NOT NULL UNION "
			"SELECT segment FROM weir.alert WHERE monitor_id = $1 AND segment IS NOT NULL",
			renames, renamed_segment, names))
	{
		/* Whoever made one later knew the label. */
		execute_for_names("UPDATE weir.rule r SET segment = n.present FROM unnest($2, $3) n(former, present) "
						  "WHERE r.monitor_id = $1 AND r.segment = n.former AND r.created_at < $4",
						  renames, names);
		rename_field("segment", "subject", ", segment ", ",", renames, names);
	}
	if (find_names(
			"SELECT s.subject FROM weir.rule_subject s JOIN weir.rule r USING (rule_id) WHERE r.monitor_id = $1 AND s.subject IS NOT NULL UNION "
			"SELECT subject FROM weir.alert WHERE monitor_id = $1 AND subject IS NOT NULL",
			renames, renamed_subject, names))
		rename_field("subject", "segment", " of ", " is ", renames, names);
}

/* ---- of baselines ---- */

/* What a summary's categories are of. */
typedef struct CategoryNames
{
	const LabelRenames *renames;
	int			ordinal;
	bool		are_pairs;		/* of label and prediction */
} CategoryNames;

static const char *
category_name(const CategoryNames *names, const char *value, bool is_label, bool is_prediction)
{
	for (int i = 0; i < names->renames->n; i++)
	{
		const RenamedLabel *label = &names->renames->labels[i];

		if (((is_label && label->is_label) || (is_prediction && label->is_prediction) ||
			 (!names->are_pairs && label->ordinal == names->ordinal)) &&
			label->hash == hash_of(value))
			return label->name;
	}
	return NULL;
}

/* What is counted under these bytes now; NULL: the same. */
static char *
renamed_category(const CategoryNames *names, const char *bytes, size_t length, size_t *renamed_length)
{
	const char *sides[2];
	size_t		lengths[2];
	char	   *values[2];
	const char *present[2];
	char	   *pair;

	if (!names->are_pairs)
	{
		present[0] = category_name(names, pnstrdup(bytes, length), false, false);
		*renamed_length = present[0] != NULL ? strlen(present[0]) : 0;
		return (char *) present[0];
	}
	if (!performance_pair(bytes, length, &sides[0], &lengths[0], &sides[1], &lengths[1]))
		return NULL;
	for (int side = 0; side < 2; side++)
	{
		values[side] = pnstrdup(sides[side], lengths[side]);
		present[side] = category_name(names, values[side], side == 0, side == 1);
	}
	if (present[0] == NULL && present[1] == NULL)
		return NULL;
	for (int side = 0; side < 2; side++)
		if (present[side] != NULL)
			values[side] = performance_class_name(pstrdup(present[side]), &lengths[side]);
	pair = palloc(PERFORMANCE_MAX_PAIR_LENGTH);
	*renamed_length = performance_make_pair(pair, values[0], lengths[0], values[1], lengths[1]);
	return pair;
}

/* Counts all that have another name under that. False: none has. */
static bool
rename_categories(Summary *summary, const CategoryNames *names)
{
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	size_t		n = summary_categories(summary, NULL, 0);
	SummaryCategory *categories = palloc(sizeof(SummaryCategory) * Max(n, 1));
	Summary	   *former = summary_create(allocator, SUMMARY_CATEGORY, SUMMARY_PLAIN, summary_budget(summary));
	Summary	   *present = summary_create(allocator, SUMMARY_CATEGORY, SUMMARY_PLAIN, summary_budget(summary));
	bool		is_other = false;

	summary_categories(summary, categories, n);
	for (size_t i = 0; i < n; i++)
	{
		size_t		length;
		char	   *name = renamed_category(names, categories[i].bytes, categories[i].length, &length);

		if (name == NULL)
			continue;
		summary_add_category_times(former, categories[i].bytes, categories[i].length, categories[i].count);
		summary_add_category_times(present, name, length, categories[i].count);
		is_other = true;
	}
	return is_other && summary_subtract(summary, former) == SUMMARY_OK && summary_merge(summary, present) == SUMMARY_OK;
}

/* The summaries of a row of a baseline, by ordinal. False: all are as they were. */
static bool
rename_in_summaries(ArrayType **summaries, const CategoryNames *names, int n_names)
{
	Oid			type = ARR_ELEMTYPE(*summaries);
	int16		length;
	bool		by_value;
	char		alignment;
	Datum	   *values;
	bool	   *nulls;
	int			n;
	bool		is_other = false;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	deconstruct_array(*summaries, type, length, by_value, alignment, &values, &nulls, &n);
	for (int i = 0; i < n_names; i++)
	{
		int			at = names[i].ordinal - ARR_LBOUND(*summaries)[0];
		Summary	   *summary;

		if (at < 0 || at >= n || nulls[at])
			continue;
		summary = summary_from_datum(allocator_in(CurrentMemoryContext), values[at]);
		if (summary_kind(summary) != SUMMARY_CATEGORY || !rename_categories(summary, &names[i]))
			continue;
		values[at] = summary_to_datum(summary);
		is_other = true;
	}
	if (is_other)
		*summaries =
			construct_md_array(values, nulls, 1, ARR_DIMS(*summaries), ARR_LBOUND(*summaries), type, length, by_value, alignment);
	return is_other;
}

/* Categories of columns with renamed labels, and pairs of classes where labels or predictions have such. */
static CategoryNames *
list_categories(const LabelRenames *renames, int *n)
{
	uint64		n_pairs =
		sql_execute("SELECT ordinal FROM weir.derived_column WHERE monitor_id = $1 AND derivation = 'class_performance'", 1,
					(Oid[]){INT4OID}, (Datum *) &renames->monitor_id, NULL);
	CategoryNames *result = palloc(sizeof(CategoryNames) * Max(renames->n + n_pairs, 1));
	bool		is_null;

	*n = 0;
	for (uint64 row = 0; row < n_pairs; row++)
		result[(*n)++] =
			(CategoryNames){.renames = renames, .ordinal = DatumGetInt32(sql_value(row, 1, &is_null)), .are_pairs = true};
	for (int i = 0; i < renames->n; i++)
	{
		bool		is_listed = renames->labels[i].ordinal == 0;

		for (int k = 0; k < *n; k++)
			is_listed |= result[k].ordinal == renames->labels[i].ordinal;
		if (!is_listed)
			result[(*n)++] = (CategoryNames){.renames = renames, .ordinal = renames->labels[i].ordinal};
	}
	return result;
}

/* The values of a segment. False: all are as they were. */
static bool
rename_in_segment(ArrayType **segment, LabelRenames *renames)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;
	bool		is_other = false;

	deconstruct_array(*segment, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		const char *name = nulls[i] ? NULL : segment_value_name(renames, i + 1, TextDatumGetCString(values[i]));

		if (name == NULL)
			continue;
		values[i] = CStringGetTextDatum(name);
		is_other = true;
	}
	if (is_other)
		*segment = construct_md_array(values, nulls, 1, ARR_DIMS(*segment), ARR_LBOUND(*segment), TEXTOID, -1, false, TYPALIGN_INT);
	return is_other;
}

/*
 * What was read once, before, from a query or a data version.  All rows are taken out before any comes back: segments may change
 * names with each other.
 */
static void
follow_in_baseline(LabelRenames *renames)
{
	int			n_names;
	CategoryNames *names = list_categories(renames, &n_names);
	Oid			array_type = get_array_type(extension_type("summary"));
	uint64		n = sql_execute(
		"WITH taken AS (DELETE FROM weir.baseline_summary s USING weir.baseline b WHERE s.monitor_id = $1 "
		"AND b.monitor_id = $1 AND b.set_at < $2 RETURNING s.segment, s.summaries) SELECT segment, summaries FROM taken",
		2, (Oid[]){INT4OID, TIMESTAMPTZOID}, (Datum[]){renames->monitor_id, renames->noticed_at}, NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		bool		is_overall;
		bool		is_null;
		Datum		segment = SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_overall);
		ArrayType  *summaries = DatumGetArrayTypeP(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &is_null));

		if (!is_overall)
		{
			ArrayType  *values = DatumGetArrayTypeP(segment);

			(void) rename_in_segment(&values, renames);
			segment = PointerGetDatum(values);
		}
		(void) rename_in_summaries(&summaries, names, n_names);
		sql_execute("INSERT INTO weir.baseline_summary (monitor_id, segment, summaries) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
					3, (Oid[]){INT4OID, TEXTARRAYOID, array_type},
					(Datum[]){renames->monitor_id, segment, PointerGetDatum(summaries)}, is_overall ? " n " : NULL);
	}
}

/* Of a monitor m: its panes have the labels that were noticed. In the transaction that notes them, what is to be built is noted. */
#define PANES_ARE_BUILT \
	"NOT EXISTS (SELECT FROM weir.source_change c WHERE c.monitor_id = m.monitor_id) AND NOT EXISTS (SELECT FROM weir.build b " \
	"WHERE b.monitor_id = m.monitor_id AND b.kind <> 'verify' AND b.state NOT IN ('done', 'failed'))"

static void
follow_labels(Datum monitor_id)
{
	Oid			type = INT4OID;
	uint64		n =
		sql_execute("WITH taken AS (DELETE FROM weir.label_rename m WHERE monitor_id = $1 AND " PANES_ARE_BUILT " RETURNING *) "
					"SELECT renames, noticed_at FROM taken ORDER BY rename_id",
					1, &type, &monitor_id, NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;
		LabelRenames renames = read_labels(monitor_id, SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_null),
										   SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &is_null));

		if (renames.n == 0)
			continue;
		follow_in_rules(&renames);
		follow_in_baseline(&renames);
	}
}

/* ---- when ---- */

static void
follow(void *monitor_id)
{
	SqlScope	scope;

	sql_begin(&scope);
	follow_columns(Int32GetDatum(*(int *) monitor_id));
	follow_labels(Int32GetDatum(*(int *) monitor_id));
	sql_end(&scope);
}

/* Monitors whose turn it is. */
static List *
list_monitors(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *monitors = NIL;
	SqlScope	scope;
	uint64		n;

	sql_begin(&scope);
	sql_execute("DELETE FROM weir.column_rename WHERE monitor_id NOT IN (SELECT monitor_id FROM weir.monitor)", 0, NULL, NULL,
				NULL);
	sql_execute("DELETE FROM weir.label_rename WHERE monitor_id NOT IN (SELECT monitor_id FROM weir.monitor)", 0, NULL, NULL, NULL);
	n = sql_execute(
		"SELECT monitor_id FROM weir.column_rename UNION SELECT monitor_id FROM weir.label_rename m WHERE " PANES_ARE_BUILT, 0,
		NULL, NULL, NULL);
	for (uint64 row = 0; row < n; row++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		is_null;

		monitors = lappend_int(monitors, DatumGetInt32(sql_value(row, 1, &is_null)));
		MemoryContextSwitchTo(old);
	}
	sql_end(&scope);
	return monitors;
}

void
renames_follow(void)
{
	ListCell   *cell;

	foreach(cell, list_monitors())
	{
		int			monitor_id = lfirst_int(cell);
		ErrorData  *error = run_behind_boundary(follow, &monitor_id);

		if (error == NULL)
			continue;
		ereport(LOG,
				(errmsg("weir could not yet give rules of monitor %d the names that were changed: %s", monitor_id,
						message_without_values(error))));
		FreeErrorData(error);
	}
}
