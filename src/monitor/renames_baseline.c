/*
 * renames_baseline.c
 *		Labels of enums that were renamed, in baselines that were read once from a query or a data version.
 */
#include "postgres.h"

#include "base/memory.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "capture/capture.h"
#include "catalog/pg_type.h"
#include "monitor/renames.h"
#include "quality/performance_datum.h"
#include "summary/summary_datum.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

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
	int32		hash = capture_label_hash(value, strlen(value));

	for (int i = 0; i < names->renames->n; i++)
	{
		const RenamedLabel *label = &names->renames->labels[i];

		if (((is_label && label->is_label) || (is_prediction && label->is_prediction) ||
			 (!names->are_pairs && label->ordinal == names->ordinal)) &&
			label->hash == hash)
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
		const char *name = nulls[i] ? NULL : renames_segment_value(renames, i + 1, TextDatumGetCString(values[i]));

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
void
renames_follow_in_baseline(LabelRenames *renames)
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
