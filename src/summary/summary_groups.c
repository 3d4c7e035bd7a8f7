/*
 * summary_groups.c
 *		What may be told of a summary without telling of few rows, and of how many rows two summaries differ.
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

/* Neighbouring bins that are told of as one. */
typedef struct Group
{
	int			first;
	int			last;
	int			popular;		/* a bin that has enough rows by itself, or -1 */
	int64_t		count;
} Group;

static double
middle_of(uint64_t bin, int level)
{
	return distribution_value(distribution_first_key(bin, level)) / 2 + distribution_value(distribution_last_key(bin, level)) / 2;
}

/* What a bin is taken for; at level 0 its value itself. */
static double
value_of(uint64_t bin, int level)
{
	return level == 0 ? distribution_value(bin) : middle_of(bin, level);
}

/* What the rows of a group are told as: the value that most share, else their mean.  Never outside of the group's bins. */
static double
value_of_group(const Group *group, const DistributionBin *bins, int level)
{
	double		mean = 0;
	double		before = 0;
	double		lowest = value_of(bins[group->first].key, level);
	double		highest = value_of(bins[group->last].key, level);

	if (group->popular >= 0)
		return value_of(bins[group->popular].key, level);
	for (int i = group->first; i <= group->last; i++)
	{
		double		count = (double) bins[i].count;
		double		total = before + count;

		mean =
			before == 0 ? value_of(bins[i].key, level) : mean * (before / total) + value_of(bins[i].key, level) * (count / total);
		before = total;
	}
	return fmin(fmax(mean, lowest), highest);
}

static void
join_to(Group *group, const Group *other, const DistributionBin *bins)
{
	if (other->popular >= 0 && (group->popular < 0 || bins[other->popular].count > bins[group->popular].count))
		group->popular = other->popular;
	group->last = other->last;
	group->count += other->count;
}

/* Bins in ascending order, into groups of at least size rows; 0 groups when there are not so many rows. */
static int
make_groups(Group *groups, const DistributionBin *bins, int n_bins, int64_t size)
{
	int			n = 0;

	for (int i = 0; i < n_bins; i++)
	{
		Group		bin = {i, i, bins[i].count >= size ? i : -1, bins[i].count};

		if (n > 0 && groups[n - 1].count < size)
			join_to(&groups[n - 1], &bin, bins);
		else
			groups[n++] = bin;
	}
	if (n > 1 && groups[n - 1].count < size)
	{
		join_to(&groups[n - 2], &groups[n - 1], bins);
		n--;
	}
	return n > 0 && groups[0].count < size ? 0 : n;
}

static Summary *
numbers_in_groups(Allocator allocator, const Summary *summary, int64_t size)
{
	Summary	   *result = summary_copy(allocator, summary_settle(summary));
	Distribution *distribution = &result->distribution;
	const DistributionBin *bins = distribution_sorted(distribution, allocator);
	int			n_bins = distribution->n_bins;
	int			level = distribution->level;
	size_t		room = sizeof(Group) * (size_t) (n_bins + 1);
	Group	   *groups;
	DistributionBin *grouped;
	int			n;

	if (n_bins == 0)
		return result;
	groups = allocate(allocator, room);
	n = make_groups(groups, bins, n_bins, size);
	moments_free(&result->moments, allocator);
	result->moments_current = false;
	grouped = allocate(allocator, sizeof(DistributionBin) * (size_t) (n + 1));
	for (int i = 0; i < n; i++)
	{
		double		value = value_of_group(&groups[i], bins, level);

		grouped[i] = (DistributionBin){distribution_key(value) >> level, groups[i].count};
		if (i == 0)
			result->minimum = value;
		result->maximum = value;
		if (level > 0)
			moments_add_times(&result->moments, allocator, value, groups[i].count);
	}
	moments_settle(&result->moments, allocator);
	if (n > 0)
		memcpy(distribution_assign(distribution, allocator, n, level), grouped, sizeof(DistributionBin) * (size_t) n);
	release(allocator, grouped, sizeof(DistributionBin) * (size_t) (n + 1));
	release(allocator, groups, room);
	/* How many values there were is not known of groups; a sketch would tell whether a value is among them. */
	if (result->distinct != NULL)
		release(allocator, result->distinct, sizeof(DistinctSketch));
	result->distinct = NULL;
	result->distinct_stale = false;
	result->minimum_stale = false;
	result->maximum_stale = false;
	if (n == 0)
	{
		summary_free(result);
		return NULL;
	}
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

/* ---- differences ---- */

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

static void
differ_in_categories(Difference *difference, Allocator allocator, const Summary *before, const Summary *after)
{
	size_t		n_before = summary_categories(before, NULL, 0);
	size_t		n_after = summary_categories(after, NULL, 0);
	size_t		room = sizeof(SummaryCategory) * (n_before + n_after + 1);
	SummaryCategory *categories = allocate(allocator, room);
	SummaryCategory *others = categories + n_before;
	int64_t		count;
	int64_t		error;

	summary_categories(before, categories, n_before);
	summary_categories(after, others, n_after);
	for (size_t i = 0; i < n_before; i++)
		if (summary_category_count(after, categories[i].bytes, categories[i].length, &count, &error))
			differ(difference, categories[i].count, count);
	for (size_t i = 0; i < n_after; i++)
		if (summary_category_count(before, others[i].bytes, others[i].length, &count, &error) && count == 0)
			differ(difference, 0, others[i].count);
	release(allocator, categories, room);
}

int64_t
summary_rows_changed(Allocator allocator, const Summary *before, const Summary *after)
{
	Difference	difference = {0, 0};

	if (summary_kind(before) != summary_kind(after))
		return summary_n(before) > summary_n(after) ? summary_n(before) : summary_n(after);
	differ(&difference, summary_null_count(before), summary_null_count(after));
	if (summary_kind(before) != SUMMARY_CATEGORY)
	{
		differ(&difference, summary_nan_count(before), summary_nan_count(after));
		differ_in_bins(&difference, allocator, before, after);
	}
	else if (summary_hash_threshold(before) == UINT64_MAX && summary_hash_threshold(after) == UINT64_MAX)
		differ_in_categories(&difference, allocator, before, after);
	else
		differ(&difference, summary_n(before), summary_n(after));
	return difference.more > difference.fewer ? difference.more : difference.fewer;
}
