/*
 * summary_groups.c
 *		What may be told of a summary without telling of few rows, by itself and after what was told before.
 */
#include <math.h>
#include <string.h>

#include "summary/memory_inline.h"
#include "summary/summary_groups.h"
#include "summary/summary_internal.h"

#define RARE "(rare)"

/* ---- categories ---- */

static Summary *
categories_in_groups(Allocator allocator, const Summary *summary, int64_t size)
{
	size_t		n = summary_categories(summary, NULL, 0);
	SummaryCategory *categories = allocate(allocator, sizeof(SummaryCategory) * (n + 1));
	size_t		n_large = 0;
	size_t		n_kept;
	int64_t		rare = 0;
	Summary	   *result = NULL;

	/* By descending count. */
	summary_categories(summary, categories, n);
	for (size_t i = 0; i < n; i++)
		if (categories[i].count >= size)
			n_large++;
		else
			rare += categories[i].count;
	n_kept = n_large;
	while (rare > 0 && rare < size && n_kept > 0)
		rare += categories[--n_kept].count;
	if ((rare == 0 || rare >= size) && (n_kept > 0 || n_large == 0))
	{
		result = summary_create(allocator, SUMMARY_CATEGORY, summary_unit(summary), summary_budget(summary));
		for (size_t i = 0; i < n_kept; i++)
			summary_add_category_times(result, categories[i].bytes, categories[i].length, categories[i].count);
		if (rare > 0)
			summary_add_category_times(result, RARE, strlen(RARE), rare);
		summary_add_nulls(result, summary_null_count(summary));
	}
	release(allocator, categories, sizeof(SummaryCategory) * (n + 1));
	return result;
}

/* ---- numbers ---- */

/* Rows that lie next to each other, told as one value. */
typedef struct Group
{
	double		value;			/* their mean */
	int64_t		count;
	bool		is_one_value;
} Group;

/* What the values of a bin are taken for; at level 0 they are that. */
static double
value_of(uint64_t bin, int level)
{
	if (level == 0)
		return distribution_value(bin);
	return distribution_value(distribution_first_key(bin, level)) / 2 + distribution_value(distribution_last_key(bin, level)) / 2;
}

static void
add_rows(Group *group, double value, int64_t count)
{
	double		total = (double) (group->count + count);

	group->is_one_value = group->count == 0 || (group->is_one_value && group->value == value);
	/* Between both, and without a sum that could overflow. */
	group->value = group->is_one_value ? value : group->value * ((double) group->count / total) + value * ((double) count / total);
	group->count += count;
}

/* The last rows, too few for a group: some of the group before them join them where it can spare some, else they join it. */
static int
add_last(Group *groups, int n, const Group *last, int64_t size)
{
	Group	   *before = &groups[n - 1];
	int64_t		missing = size - last->count;

	if (before->is_one_value && before->count - missing >= size)
	{
		before->count -= missing;
		groups[n] = *last;
		add_rows(&groups[n], before->value, missing);
		return n + 1;
	}
	add_rows(before, last->value, last->count);
	return n;
}

/*
 * Values in ascending order, into groups of size rows, or more where they are of one value; 0 groups when there are not so many
 * rows.  There are at most twice as many as bins, and one.
 */
static int
make_groups(Group *groups, const DistributionBin *bins, int n_bins, int level, int64_t size)
{
	Group		open = {0};
	int			n = 0;

	for (int i = 0; i < n_bins; i++)
	{
		double		value = value_of(bins[i].key, level);
		int64_t		left = bins[i].count;

		if (open.count > 0)
		{
			int64_t		taken = left < size - open.count ? left : size - open.count;

			add_rows(&open, value, taken);
			left -= taken;
			if (open.count == size)
			{
				groups[n++] = open;
				open.count = 0;
			}
		}
		if (left > 0 && open.count == 0)
		{
			add_rows(&open, value, left);
			if (left >= size)
			{
				groups[n++] = open;
				open.count = 0;
			}
		}
	}
	return open.count == 0 || n == 0 ? n : add_last(groups, n, &open, size);
}

/* In place of the values that it had. */
static void
take_groups(Summary *summary, const Group *groups, int n)
{
	Distribution *distribution = &summary->distribution;
	int			level = distribution->level;
	size_t		room = sizeof(DistributionBin) * (size_t) n;
	DistributionBin *bins = allocate(summary->allocator, room);
	int			n_bins = 0;

	moments_free(&summary->moments, summary->allocator);
	summary->moments_current = false;
	summary->minimum = groups[0].value;
	summary->maximum = groups[n - 1].value;
	for (int i = 0; i < n; i++)
	{
		uint64_t	key = distribution_key(groups[i].value) >> level;

		if (level > 0)
			moments_add_times(&summary->moments, summary->allocator, groups[i].value, groups[i].count);
		/* Rounding can make neighbours the same; it never changes their order by more. */
		if (n_bins > 0 && key <= bins[n_bins - 1].key)
			bins[n_bins - 1].count += groups[i].count;
		else
			bins[n_bins++] = (DistributionBin){key, groups[i].count};
	}
	moments_settle(&summary->moments, summary->allocator);
	memcpy(distribution_assign(distribution, summary->allocator, n_bins, level), bins, sizeof(DistributionBin) * (size_t) n_bins);
	release(summary->allocator, bins, room);
	/* How many values there were is not known of groups; a sketch would tell whether a value is among them. */
	if (summary->distinct != NULL)
		release(summary->allocator, summary->distinct, sizeof(DistinctSketch));
	summary->distinct = NULL;
	summary->distinct_stale = false;
	summary->minimum_stale = false;
	summary->maximum_stale = false;
}

static Summary *
numbers_in_groups(Allocator allocator, const Summary *summary, int64_t size)
{
	Summary	   *result = summary_copy(allocator, summary_settle(summary));
	const DistributionBin *bins = distribution_sorted(&result->distribution, allocator);
	int			n_bins = result->distribution.n_bins;
	size_t		room = sizeof(Group) * (size_t) (2 * n_bins + 1);
	Group	   *groups;
	int			n;

	if (n_bins == 0)
		return result;
	groups = allocate(allocator, room);
	n = make_groups(groups, bins, n_bins, result->distribution.level, size);
	if (n > 0)
		take_groups(result, groups, n);
	else
	{
		summary_free(result);
		result = NULL;
	}
	release(allocator, groups, room);
	return result;
}

Summary *
summary_in_groups(Allocator allocator, const Summary *summary, int64_t size)
{
	if (summary_kind(summary) != SUMMARY_CATEGORY)
		return numbers_in_groups(allocator, summary, size);
	/* The sketch of those past the budget tells the frequent ones of them, but not who is rare. */
	if (summary_hash_threshold(summary) != UINT64_MAX)
		return NULL;
	return categories_in_groups(allocator, summary, size);
}

/* ---- after what was told before ---- */

typedef struct Difference
{
	int64_t		more;
	int64_t		fewer;
} Difference;

static void
differ(Difference *difference, int64_t before, int64_t after)
{
	if (after > before)
		difference->more += after - before;
	else
		difference->fewer += before - after;
}

/* At least so many rows were added, removed or changed. */
static int64_t
rows_changed(Difference difference)
{
	return difference.more > difference.fewer ? difference.more : difference.fewer;
}

/* Both ascending in key. */
static void
differ_in_bins(Difference *difference, Allocator allocator, const Summary *before, const Summary *after)
{
	int			level = summary_level(before) > summary_level(after) ? summary_level(before) : summary_level(after);
	size_t		n_before = summary_bins(before, level, NULL, 0);
	size_t		n_after = summary_bins(after, level, NULL, 0);
	size_t		room = sizeof(SummaryBin) * (n_before + n_after + 1);
	SummaryBin *bins = allocate(allocator, room);
	SummaryBin *others = bins + n_before;
	size_t		i = 0;
	size_t		j = 0;

	summary_bins(before, level, bins, n_before);
	summary_bins(after, level, others, n_after);
	while (i < n_before || j < n_after)
	{
		bool		takes = j == n_after || (i < n_before && bins[i].key <= others[j].key);
		bool		takes_other = i == n_before || (j < n_after && others[j].key <= bins[i].key);

		differ(difference, takes ? bins[i].count : 0, takes_other ? others[j].count : 0);
		i += takes;
		j += takes_other;
	}
	release(allocator, bins, room);
}

/* In whole steps from what was told towards what there is: any two states then differ by so many, or not at all. */
static int64_t
in_steps(int64_t before, int64_t after, int64_t size)
{
	return before + (after - before) / size * size;
}

Summary *
summary_numbers_after(Allocator allocator, const Summary *told, const Summary *now, int64_t size)
{
	Difference	values = {0, 0};
	Difference	others = {0, 0};
	Summary	   *result;

	differ_in_bins(&values, allocator, told, now);
	differ(&others, summary_null_count(told), summary_null_count(now));
	differ(&others, summary_nan_count(told), summary_nan_count(now));
	if (rows_changed(rows_changed(values) > 0 ? values : others) < size)
		return summary_copy(allocator, told);
	result = summary_copy(allocator, now);
	summary_forget_nulls(result);
	summary_add_nulls(result, in_steps(summary_null_count(told), summary_null_count(now), size));
	return result;
}

/* All are known in the summary, so that what is not found is none. */
static int64_t
count_of(const Summary *summary, const char *bytes, size_t length)
{
	int64_t		count;
	int64_t		error;

	return summary_category_count(summary, bytes, length, &count, &error) ? count : 0;
}

static void
add_category(Summary *summary, const char *bytes, size_t length, int64_t count)
{
	if (count > 0)
		summary_add_category_times(summary, bytes, length, count);
}

/* No category leaves (rare) again, for what it was together with would follow. */
static void
tell_categories(Summary *result, const Summary *told, const SummaryCategory *categories, size_t n, int64_t size)
{
	int64_t		rare = count_of(told, RARE, strlen(RARE));
	int64_t		others = 0;

	for (size_t i = 0; i < n; i++)
	{
		const SummaryCategory *category = &categories[i];
		bool		is_rare = category->length == strlen(RARE) && memcmp(category->bytes, RARE, strlen(RARE)) == 0;
		int64_t		before = count_of(told, category->bytes, category->length);

		if (is_rare || (before == 0 && rare > 0))
			others += category->count;
		else if (category->count >= size)
			add_category(result, category->bytes, category->length,
						 before == 0 ? category->count : in_steps(before, category->count, size));
	}
	if (rare > 0 && others >= size)
		add_category(result, RARE, strlen(RARE), in_steps(rare, others, size));
}

Summary *
summary_categories_after(Allocator allocator, const Summary *told, const Summary *now, int64_t size, Summary **last)
{
	Summary	   *result = summary_create(allocator, SUMMARY_CATEGORY, summary_unit(now), summary_budget(now));
	size_t		n_told = summary_categories(told, NULL, 0);
	size_t		n_now = summary_categories(now, NULL, 0);
	size_t		room = sizeof(SummaryCategory) * (n_told + n_now + 1);
	SummaryCategory *categories = allocate(allocator, room);

	summary_categories(now, categories, n_now);
	tell_categories(result, told, categories, n_now, size);
	summary_add_nulls(result, in_steps(summary_null_count(told), summary_null_count(now), size));
	*last = summary_copy(allocator, result);
	summary_categories(told, categories, n_told);
	for (size_t i = 0; i < n_told; i++)
		if (count_of(result, categories[i].bytes, categories[i].length) == 0)
			add_category(*last, categories[i].bytes, categories[i].length, categories[i].count);
	release(allocator, categories, room);
	if (summary_hash_threshold(now) == UINT64_MAX && summary_hash_threshold(*last) == UINT64_MAX &&
		(summary_n(result) > 0 || summary_n(now) == 0))
		return result;
	summary_free(result);
	summary_free(*last);
	return NULL;
}
