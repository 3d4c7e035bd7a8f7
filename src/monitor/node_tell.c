/*
 * node_tell.c
 *		What leaves a node, where small groups stay: of a pane by itself, and after what was told of it before.
 *
 * Each part of a pane is looked at by itself: numbers of a column, and a group of a protected column, stay as they were told until
 * enough rows of them have changed, and counts of categories go in steps.  Both functions give two values: what is told now, and
 * what was told last, to compare with the next time; that is kept where nothing is told now, so that going and coming back tells
 * no more than a change.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/memory.h"
#include "fairness/fairness_datum.h"
#include "fairness/fairness_metrics.h"
#include "fmgr.h"
#include "summary/summary_datum.h"
#include "summary/summary_groups.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(weir_told_summary);
PG_FUNCTION_INFO_V1(weir_told_fairness);

/* An array of two values of the type of an argument. */
static Datum
both_of(FunctionCallInfo fcinfo, int argument, const NullableDatum values[2])
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, argument);
	Datum		elements[] = {values[0].value, values[1].value};
	bool		nulls[] = {values[0].isnull, values[1].isnull};
	int			n = 2;
	int			first = 1;
	int16		length;
	bool		by_value;
	char		alignment;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_md_array(elements, nulls, 1, &n, &first, type, length, by_value, alignment));
}

static int
required_size(FunctionCallInfo fcinfo, int argument)
{
	require_argument(fcinfo, argument, "min_group_size");
	if (PG_GETARG_INT32(argument) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("min_group_size must be at least 1"),
				 errdetail("It is %d.", PG_GETARG_INT32(argument))));
	return PG_GETARG_INT32(argument);
}

/* ---- columns ---- */

static bool
begins_with(const char *name, const char *beginning)
{
	return strncmp(name, beginning, strlen(beginning)) == 0;
}

/* A performance knows pairs of classes by name, and what (rare) is of no pair. */
static bool
is_of_pairs(const char *name)
{
	return begins_with(name, "class_performance.");
}

/* NULL when nothing may be told. */
static Summary *
told_by_itself(Allocator allocator, const char *name, const Summary *summary, int size, bool exact_numbers)
{
	Summary	   *result;

	/* Counts of predictions and labels, as in fairness tables. */
	if (begins_with(name, "decision_performance.") || (exact_numbers && summary_kind(summary) != SUMMARY_CATEGORY))
		return summary_copy(allocator, summary);
	result = summary_in_groups(allocator, summary, size);
	if (result != NULL && is_of_pairs(name) && !summary_equal(result, summary))
		return NULL;
	return result;
}

static NullableDatum
nullable_summary(const Summary *summary)
{
	return (NullableDatum){summary == NULL ? (Datum) 0 : summary_to_datum(summary), summary == NULL};
}

Datum
weir_told_summary(PG_FUNCTION_ARGS)
{
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	char	   *name = required_text(fcinfo, 0, "name");
	Summary	   *told = PG_ARGISNULL(1) ? NULL : summary_from_datum(allocator, PG_GETARG_DATUM(1));
	Summary	   *now = PG_ARGISNULL(2) ? NULL : summary_from_datum(allocator, PG_GETARG_DATUM(2));
	int			size = required_size(fcinfo, 3);
	bool		exact_numbers;
	NullableDatum values[2] = {{(Datum) 0, true}, {PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1), PG_ARGISNULL(1)}};
	Summary	   *told_now = NULL;
	Summary	   *told_last = NULL;

	require_argument(fcinfo, 4, "exact_numbers");
	exact_numbers = PG_GETARG_BOOL(4);
	if (told != NULL && now != NULL && summary_kind(told) != summary_kind(now))
		told = NULL;
	if (now != NULL && summary_kind(now) == SUMMARY_CATEGORY)
	{
		told_now = told_last = told_by_itself(allocator, name, now, size, exact_numbers);
		if (told != NULL && (told_now != NULL || !is_of_pairs(name)))
			told_now = summary_categories_after(allocator, told, now, size, &told_last);
	}
	else if (now != NULL)
	{
		told_last = told == NULL ? now : summary_numbers_after(allocator, told, now, size);
		told_now = told_by_itself(allocator, name, told_last, size, exact_numbers);
		if (told != NULL && summary_n(told_last) == 0)
			told_last = told;
	}
	if (told_now != NULL)
	{
		values[0] = nullable_summary(told_now);
		values[1] = nullable_summary(told_last);
	}
	PG_RETURN_DATUM(both_of(fcinfo, 2, values));
}

/* ---- groups of protected columns ---- */

/* Of as many rows the last by name comes first, as among categories: where both leave of one column, both leave the same out. */
static int
smallest_first(const void *a, const void *b)
{
	const FairnessGroup *group = a;
	const FairnessGroup *other = b;
	int64		rows = fairness_group_size(group);
	int64		other_rows = fairness_group_size(other);
	const char *name = NULL;
	const char *other_name = NULL;
	size_t		length = 0;
	size_t		other_length = 0;
	size_t		offset = 0;
	size_t		other_offset = 0;
	int			order;

	if (rows != other_rows)
		return rows < other_rows ? -1 : 1;
	(void) fairness_key_next(group->key, group->length, &offset, &name, &length);
	(void) fairness_key_next(other->key, other->length, &other_offset, &other_name, &other_length);
	if (name == NULL || other_name == NULL)
		return (name != NULL) - (other_name != NULL);
	order = memcmp(other_name, name, Min(length, other_length));
	return order != 0 ? order : (other_length > length) - (other_length < length);
}

static FairnessGroup *
groups_of(const FairnessTable *table, size_t *n)
{
	FairnessGroup *groups;

	*n = fairness_groups(table, NULL, 0);
	groups = palloc(sizeof(FairnessGroup) * (*n + 1));
	fairness_groups(table, groups, *n);
	return groups;
}

/* The total is known: what is left out must be many rows, too, so the next smallest groups go with the small ones. */
static FairnessTable *
large_groups(Allocator allocator, const FairnessTable *table, int size)
{
	size_t		n;
	FairnessGroup *groups = groups_of(table, &n);
	FairnessTable *result = fairness_create(allocator, fairness_n_columns(table), 0);
	int64		withheld = 0;

	qsort(groups, n, sizeof(FairnessGroup), smallest_first);
	for (size_t i = 0; i < n; i++)
	{
		int64		rows = fairness_group_size(&groups[i]);

		if (rows < size || (withheld > 0 && withheld < size))
			withheld += rows;
		else
			fairness_check_status(fairness_add_counts(result, groups[i].key, groups[i].length, groups[i].counts));
	}
	return result;
}

typedef struct GroupChange
{
	FairnessGroup before;
	FairnessGroup after;
	int64		size;			/* at least so many of its rows were added, removed or changed */
} GroupChange;

static int64
rows_changed(const FairnessGroup *before, const FairnessGroup *after)
{
	int64		more = 0;
	int64		fewer = 0;

	for (int i = 0; i < 9; i++)
	{
		int64		count = after->counts[i / 3][i % 3] - before->counts[i / 3][i % 3];

		if (count > 0)
			more += count;
		else
			fewer -= count;
	}
	return Max(more, fewer);
}

static int
least_changed_first(const void *a, const void *b)
{
	const GroupChange *change = a;
	const GroupChange *other = b;

	return (change->size > other->size) - (change->size < other->size);
}

static int
order_of_keys(const FairnessGroup *a, const FairnessGroup *b)
{
	int			order = memcmp(a->key, b->key, Min(a->length, b->length));

	return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* Of all groups of both, which come in the order of their keys. */
static GroupChange *
find_changes(const FairnessTable *told, const FairnessTable *now, size_t *n)
{
	size_t		n_before;
	size_t		n_after;
	FairnessGroup *before = groups_of(told, &n_before);
	FairnessGroup *after = groups_of(now, &n_after);
	GroupChange *changes = palloc0(sizeof(GroupChange) * (n_before + n_after + 1));
	size_t		i = 0;
	size_t		j = 0;

	*n = 0;
	while (i < n_before || j < n_after)
	{
		GroupChange *change = &changes[(*n)++];
		int			order = i == n_before ? 1 : j == n_after ? -1 : order_of_keys(&before[i], &after[j]);

		if (order <= 0)
			change->before = before[i++];
		if (order >= 0)
			change->after = after[j++];
		else
		{
			change->after.key = change->before.key;
			change->after.length = change->before.length;
		}
		change->size = rows_changed(&change->before, &change->after);
	}
	return changes;
}

static void
add_group(FairnessTable *table, FairnessGroup *group, const FairnessGroup *counts)
{
	int64		added[3][3];

	memcpy(added, counts->counts, sizeof(added));
	if (fairness_group_size(counts) > 0)
		fairness_check_status(fairness_add_counts(table, group->key, group->length, added));
}

/* A group that differs by few rows stays as it was told, and so do those that differ least where all that stay differ by few. */
static void
groups_after(Allocator allocator, const FairnessTable *told, int size, FairnessTable **told_now, FairnessTable **told_last)
{
	size_t		n;
	GroupChange *changes = find_changes(told, *told_now, &n);
	int64		staying = 0;

	*told_now = fairness_create(allocator, fairness_n_columns(told), 0);
	*told_last = fairness_create(allocator, fairness_n_columns(told), 0);
	qsort(changes, n, sizeof(GroupChange), least_changed_first);
	for (size_t i = 0; i < n; i++)
	{
		GroupChange *change = &changes[i];
		bool		stays = change->size > 0 && (change->size < size || (staying > 0 && staying < size));
		const FairnessGroup *counts = stays ? &change->before : &change->after;

		if (stays)
			staying += change->size;
		add_group(*told_now, &change->after, counts);
		add_group(*told_last, &change->after, fairness_group_size(counts) > 0 ? counts : &change->before);
	}
}

Datum
weir_told_fairness(PG_FUNCTION_ARGS)
{
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	int			size = required_size(fcinfo, 2);
	FairnessTable *told = PG_ARGISNULL(0) ? NULL : fairness_from_datum(allocator, PG_GETARG_DATUM(0));
	NullableDatum values[2] = {{(Datum) 0, true}, {PG_ARGISNULL(0) ? (Datum) 0 : PG_GETARG_DATUM(0), PG_ARGISNULL(0)}};

	if (!PG_ARGISNULL(1))
	{
		FairnessTable *told_now = large_groups(allocator, fairness_from_datum(allocator, PG_GETARG_DATUM(1)), size);
		FairnessTable *told_last = told_now;

		if (told != NULL && fairness_n_columns(told) == fairness_n_columns(told_now))
			groups_after(allocator, told, size, &told_now, &told_last);
		values[0] = (NullableDatum){fairness_to_datum(told_now), false};
		values[1] = (NullableDatum){fairness_to_datum(told_last), false};
	}
	PG_RETURN_DATUM(both_of(fcinfo, 1, values));
}
