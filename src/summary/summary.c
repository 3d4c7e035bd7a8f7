/*
 * summary.c
 *		A mergeable, retractable, canonical summary of one column: life, filling, merging.  Reading is in summary_read.c.
 */
#include "summary/summary_internal.h"

#include <float.h>
#include <math.h>

#include "summary/counts.h"
#include "summary/memory_inline.h"

/* ---- life ---- */

Summary *
summary_create(Allocator allocator, SummaryKind kind, SummaryUnit unit, int budget)
{
	Summary	   *summary = allocate(allocator, sizeof(Summary));

	memset(summary, 0, offsetof(Summary, pending));
	if (budget == SUMMARY_DEFAULT_BUDGET)
		budget = kind == SUMMARY_CATEGORY ? SUMMARY_DEFAULT_CATEGORIES : SUMMARY_DEFAULT_BINS;
	summary->allocator = allocator;
	summary->kind = kind;
	summary->unit = kind == SUMMARY_CATEGORY ? SUMMARY_PLAIN : unit;
	summary->budget = budget < SUMMARY_MIN_BUDGET ? SUMMARY_MIN_BUDGET : budget > SUMMARY_MAX_BUDGET ? SUMMARY_MAX_BUDGET : budget;
	distribution_init(&summary->distribution);
	moments_init(&summary->moments);
	categories_init(&summary->categories);
	return summary;
}

Summary *
summary_copy(Allocator allocator, const Summary *summary)
{
	Summary	   *copy = allocate(allocator, sizeof(Summary));

	summary_settle(summary);
	memcpy(copy, summary, offsetof(Summary, pending));
	copy->allocator = allocator;
	distribution_copy(&copy->distribution, allocator, &summary->distribution);
	moments_copy(&copy->moments, allocator, &summary->moments);
	categories_copy(&copy->categories, allocator, &summary->categories);
	copy->vectors = vector_sums_copy(allocator, summary->vectors);
	if (summary->distinct != NULL)
	{
		copy->distinct = allocate(allocator, sizeof(DistinctSketch));
		*copy->distinct = *summary->distinct;
	}
	return copy;
}

static void
forget_distinct(Summary *summary)
{
	release(summary->allocator, summary->distinct, sizeof(DistinctSketch));
	summary->distinct = NULL;
	summary->distinct_stale = false;
}

static void
release_parts(Summary *summary)
{
	forget_distinct(summary);
	distribution_free(&summary->distribution, summary->allocator);
	moments_free(&summary->moments, summary->allocator);
	categories_free(&summary->categories, summary->allocator);
	vector_sums_free(summary->vectors, summary->allocator);
}

void
summary_forget_nulls(Summary *summary)
{
	summary->null_count = 0;
}

void
summary_reset(Summary *summary)
{
	Summary		empty = *summary;

	release_parts(summary);
	memset(summary, 0, offsetof(Summary, pending));
	summary->allocator = empty.allocator;
	summary->kind = empty.kind;
	summary->unit = empty.unit;
	summary->budget = empty.budget;
	distribution_init(&summary->distribution);
	moments_init(&summary->moments);
	categories_init(&summary->categories);
}

void
summary_free(Summary *summary)
{
	if (summary == NULL)
		return;
	release_parts(summary);
	release(summary->allocator, summary, sizeof(Summary));
}

size_t
summary_memory(const Summary *summary)
{
	return sizeof(Summary) + distribution_memory(&summary->distribution) + categories_memory(&summary->categories) +
		moments_memory(&summary->moments) + vector_sums_memory(summary->vectors) +
		(summary->distinct == NULL ? 0 : sizeof(DistinctSketch));
}

/* ---- moments and extremes at level 0 and above ---- */

/* Computes the moments from the bins; only at level 0, where bins are values. */
static void
make_moments_current(Summary *summary)
{
	const DistributionBin *bins;
	double		singles[SUMMARY_BATCH];
	size_t		n_singles = 0;

	if (summary->moments_current)
		return;
	moments_free(&summary->moments, summary->allocator);
	bins = distribution_sorted(&summary->distribution, summary->allocator);

	/* The ends first: the windows then have their final size at once. */
	for (int i = 0, n = summary->distribution.n_bins; i < n; i++)
	{
		const DistributionBin *bin = &bins[i % 2 == 0 ? i / 2 : n - 1 - i / 2];
		double		value = distribution_value(bin->key);

		if (bin->count != 1)
			moments_add_times(&summary->moments, summary->allocator, value, bin->count);
		else
			singles[n_singles++] = value;
		if (n_singles == SUMMARY_BATCH || (i == n - 1 && n_singles > 0))
		{
			moments_add(&summary->moments, summary->allocator, singles, n_singles);
			n_singles = 0;
		}
	}
	moments_settle(&summary->moments, summary->allocator);
	summary->moments_current = true;
}

const Moments *
summary_moments(const Summary *summary)
{
	Summary	   *settled = summary_settle(summary);

	if (settled->distribution.level == 0)
		make_moments_current(settled);
	return &settled->moments;
}

void
summary_finite_range(const Summary *summary, double *minimum, double *maximum)
{
	Summary	   *settled = summary_settle(summary);
	int			level = settled->distribution.level;
	const DistributionBin *bins = distribution_sorted(&settled->distribution, settled->allocator);
	int			last = settled->distribution.n_bins - 1;
	double		lower = distribution_value(distribution_first_key(bins[0].key, level));
	double		upper = distribution_value(distribution_last_key(bins[last].key, level));

	*minimum = level == 0 || summary->minimum < lower ? lower : summary->minimum;
	*maximum = level == 0 || summary->maximum > upper ? upper : summary->maximum;
}

void
summary_start_distinct(Summary *summary)
{
	summary->distinct = allocate(summary->allocator, sizeof(DistinctSketch));
	memset(summary->distinct, 0, sizeof(DistinctSketch));
}

/* From here on moments, extremes and the number of distinct values have to be kept by themselves. */
static void
leave_level_0(Summary *summary)
{
	const DistributionBin *bins;

	if (summary->distribution.level > 0 || summary->distribution.n_bins == 0)
		return;
	make_moments_current(summary);
	bins = distribution_sorted(&summary->distribution, summary->allocator);
	summary->minimum = distribution_value(bins[0].key);
	summary->maximum = distribution_value(bins[summary->distribution.n_bins - 1].key);
	summary->minimum_stale = false;
	summary->maximum_stale = false;
	if (summary->kind != SUMMARY_NUMERIC)
		return;
	summary_start_distinct(summary);
	for (int i = 0; i < summary->distribution.n_bins; i++)
		distinct_add(summary->distinct, bins[i].key);
}

static void
fit_distribution(Summary *summary)
{
	if (summary->distribution.n_bins <= summary->budget)
		return;
	leave_level_0(summary);
	distribution_fit(&summary->distribution, summary->allocator, summary->budget);
}

/*
 * While values come in, so many bins are let be: else the level would be looked for at nearly every new one, as each level that
 * fits mostly leaves little room.  At level 0 only as many as the hash table of the budget takes.  Readers fit first, so it never
 * shows.
 */
static inline int
most_bins(const Summary *summary)
{
	return summary->budget + summary->budget / (summary->distribution.level == 0 ? 13 : 2);
}

static inline void
fit_when_full(Summary *summary)
{
	if (summary->distribution.n_bins > most_bins(summary))
		fit_distribution(summary);
}

/* Nothing finite is left: as if nothing had ever been. */
static void
forget_if_empty(Summary *summary)
{
	if (summary->distribution.total > 0)
		return;
	distribution_free(&summary->distribution, summary->allocator);
	moments_free(&summary->moments, summary->allocator);
	vector_sums_free(summary->vectors, summary->allocator);
	summary->vectors = NULL;
	forget_distinct(summary);
	summary->moments_current = false;
	summary->minimum_stale = false;
	summary->maximum_stale = false;
	summary->minimum = 0;
	summary->maximum = 0;
}

/* ---- filling ---- */

static inline void
see_extremes(Summary *summary, double value)
{
	if (value <= summary->minimum)
	{
		summary->minimum = value + 0.0; /* never -0 */
		summary->minimum_stale = false;
	}
	if (value >= summary->maximum)
	{
		summary->maximum = value + 0.0;
		summary->maximum_stale = false;
	}
}

static void
add_finite(Summary *summary, const double *values, size_t n)
{
	Distribution *distribution = &summary->distribution;
	DistinctSketch *distinct;
	double		smallest;
	double		largest;

	/* While the level is 0 the bins say it all. */
	while (n > 0 && distribution->level == 0)
	{
		size_t		added = distribution_add(distribution, summary->allocator, values, n, most_bins(summary));

		summary->moments_current = false;
		values += added;
		n -= added;
		fit_when_full(summary);
	}
	if (n == 0)
		return;
	moments_add(&summary->moments, summary->allocator, values, n);
	distinct = summary->distinct;
	/* In one loop: each waits for other parts of the processor. */
	smallest = largest = values[0];
	for (size_t i = 0; i < n; i++)
	{
		smallest = values[i] < smallest ? values[i] : smallest;
		largest = values[i] > largest ? values[i] : largest;
		if (distinct != NULL)
			distinct_add(distinct, distribution_key(values[i]));
	}
	see_extremes(summary, smallest);
	see_extremes(summary, largest);
	while (n > 0)
	{
		size_t		added = distribution_add(distribution, summary->allocator, values, n, most_bins(summary));

		values += added;
		n -= added;
		fit_when_full(summary);
	}
}

static inline void
fold_pending(Summary *summary)
{
	int			n = summary->n_pending;

	summary->n_pending = 0;
	add_finite(summary, summary->pending, (size_t) n);
}

Summary *
summary_settle(const Summary *summary)
{
	Summary	   *settled = (Summary *) summary;

	if (settled->n_pending > 0)
		fold_pending(settled);
	fit_distribution(settled);
	moments_settle(&settled->moments, settled->allocator);
	if (settled->categories.n_kept > settled->budget)
		categories_fit(&settled->categories, settled->allocator, settled->budget);
	return settled;
}

void
summary_add_number(Summary *summary, double value)
{
	if (isfinite(value))
	{
		summary->pending[summary->n_pending++] = value;
		if (summary->n_pending == SUMMARY_PENDING)
			fold_pending(summary);
	}
	else if (isnan(value))
		summary->nan_count++;
	else if (value > 0)
		summary->positive_infinity_count++;
	else
		summary->negative_infinity_count++;
}

/* Whether all of them are finite: without a branch per value, so that it is done several at a time. */
static inline bool
all_finite(const double *values, size_t n)
{
	int			not_finite = 0;

	for (size_t i = 0; i < n; i++)
		not_finite |= !(fabs(values[i]) <= DBL_MAX);
	return not_finite == 0;
}

void
summary_add_numbers(Summary *summary, const double *values, size_t n)
{
	while (n > 0)
	{
		size_t		now = n < SUMMARY_BATCH ? n : SUMMARY_BATCH;

		if (all_finite(values, now))
			add_finite(summary, values, now);
		else
			for (size_t i = 0; i < now; i++)
				summary_add_number(summary, values[i]);
		values += now;
		n -= now;
	}
}

void
summary_add_category(Summary *summary, const char *bytes, size_t length)
{
	summary_add_category_times(summary, bytes, length, 1);
}

void
summary_add_category_times(Summary *summary, const char *bytes, size_t length, int64_t times)
{
	char		buffer[CATEGORY_MAX_LENGTH];

	bytes = category_as_kept(bytes, &length, buffer);
	if (!categories_add(&summary->categories, summary->allocator, bytes, length, times, summary->budget))
		summary->inexact = true;
}

void
summary_add_null(Summary *summary)
{
	summary->null_count++;
}

void
summary_add_nulls(Summary *summary, int64_t n)
{
	if (!add_count(&summary->null_count, n))
		summary->inexact = true;
}

void
summary_remove_number(Summary *summary, double value)
{
	Distribution *distribution = &summary->distribution;

	if (!isfinite(value))
	{
		int64_t	   *count = isnan(value) ? &summary->nan_count
			: value > 0               ? &summary->positive_infinity_count
									  : &summary->negative_infinity_count;

		if (!subtract_count(count, 1))
			summary->inexact = true;
		return;
	}
	fold_pending(summary);
	fit_distribution(summary);
	if (!distribution_remove(distribution, summary->allocator, value))
	{
		summary->inexact = true;
		return;
	}
	if (distribution->level == 0)
		summary->moments_current = false;
	else
	{
		moments_remove(&summary->moments, summary->allocator, value);
		summary->minimum_stale |= value <= summary->minimum;
		summary->maximum_stale |= value >= summary->maximum;
		summary->distinct_stale |= summary->distinct != NULL;
	}
	forget_if_empty(summary);
}

void
summary_remove_category(Summary *summary, const char *bytes, size_t length)
{
	char		buffer[CATEGORY_MAX_LENGTH];

	bytes = category_as_kept(bytes, &length, buffer);
	if (!categories_remove(&summary->categories, bytes, length))
		summary->inexact = true;
	else if (summary->categories.total == 0)
		categories_free(&summary->categories, summary->allocator);
}

void
summary_remove_null(Summary *summary)
{
	if (!subtract_count(&summary->null_count, 1))
		summary->inexact = true;
}

/* ---- merging ---- */

/* Before the bins are merged, for it looks at both. */
static void
merge_extremes(Summary *into, Summary *from)
{
	double		minimum;
	double		maximum;

	summary_finite_range(from, &minimum, &maximum);
	if (from->distribution.level > 0)
	{
		minimum = from->minimum;
		maximum = from->maximum;
	}
	if (into->distribution.n_bins == 0 || minimum < into->minimum)
	{
		into->minimum = minimum;
		into->minimum_stale = from->minimum_stale;
	}
	else if (minimum == into->minimum)
		into->minimum_stale &= from->minimum_stale;
	if (into->distribution.n_bins == 0 || maximum > into->maximum)
	{
		into->maximum = maximum;
		into->maximum_stale = from->maximum_stale;
	}
	else if (maximum == into->maximum)
		into->maximum_stale &= from->maximum_stale;
}

/* What is taken away may have been the extreme itself. */
static void
subtract_extremes(Summary *into, Summary *from)
{
	double		minimum;
	double		maximum;

	summary_finite_range(from, &minimum, &maximum);
	if (from->distribution.level > 0)
	{
		minimum = from->minimum;
		maximum = from->maximum;
	}
	into->minimum_stale |= minimum <= into->minimum;
	into->maximum_stale |= maximum >= into->maximum;
}

/* What was seen in both; of what is taken away nobody knows whether more of it is there. */
static void
combine_distinct(Summary *into, Summary *from, bool subtract)
{
	if (into->kind != SUMMARY_NUMERIC)
		return;
	if (subtract)
	{
		into->distinct_stale |= into->distinct != NULL;
		return;
	}
	if (into->distribution.n_bins == 0)
		summary_start_distinct(into);
	if (from->distribution.level > 0 && from->distinct == NULL)
		forget_distinct(into);
	if (into->distinct == NULL)
		return;
	into->distinct_stale |= from->distinct_stale;
	if (from->distribution.level > 0)
		distinct_merge(into->distinct, from->distinct);
	else
	{
		const DistributionBin *bins = distribution_sorted(&from->distribution, from->allocator);

		for (int i = 0; i < from->distribution.n_bins; i++)
			distinct_add(into->distinct, bins[i].key);
	}
}

/* Bins that are values, added to a summary whose level is above 0 like any values: faster than merging both. */
static void
add_counted_values(Summary *into, const DistributionBin *bins, int n_bins)
{
	double		singles[SUMMARY_BATCH];
	size_t		n_singles = 0;

	for (int i = 0; i < n_bins; i++)
	{
		double		value = distribution_value(bins[i].key);

		if (bins[i].count == 1)
		{
			singles[n_singles++] = value;
			if (n_singles < SUMMARY_BATCH)
				continue;
			add_finite(into, singles, n_singles);
			n_singles = 0;
			continue;
		}
		moments_add_times(&into->moments, into->allocator, value, bins[i].count);
		see_extremes(into, value);
		if (into->distinct != NULL)
			distinct_add(into->distinct, bins[i].key);
		if (!distribution_add_times(&into->distribution, into->allocator, value, bins[i].count))
			into->inexact = true;
		fit_when_full(into);
	}
	add_finite(into, singles, n_singles);
}

static void
combine_finite(Summary *into, Summary *from, bool subtract)
{
	int			level = into->distribution.level > from->distribution.level ? into->distribution.level : from->distribution.level;

	if (!subtract && into->distribution.level > 0 && from->distribution.level == 0 && from != into)
	{
		add_counted_values(into, distribution_sorted(&from->distribution, from->allocator), from->distribution.n_bins);
		return;
	}
	if (from->distribution.n_bins > 0)
	{
		if (level == 0)
			into->moments_current = false;
		else
		{
			leave_level_0(into);
			if (subtract)
				subtract_extremes(into, from);
			else
				merge_extremes(into, from);
			combine_distinct(into, from, subtract);
			moments_settle(&into->moments, into->allocator);
			moments_merge(&into->moments, into->allocator, summary_moments(from), subtract);
		}
		if (!distribution_merge(&into->distribution, into->allocator, &from->distribution, from->allocator, subtract))
			into->inexact = true;
	}
	fit_distribution(into);
	forget_if_empty(into);
}

/* False when the sums have become inexact; before combine_finite, which drops them with the last norm. */
static bool
combine_vectors(Summary *into, const Summary *from, bool subtract)
{
	if (from->vectors == NULL)
		return true;
	if (into->vectors == NULL)
		into->vectors = vector_sums_create(into->allocator, from->vectors->dimension);
	return vector_sums_merge(into->vectors, from->vectors, subtract);
}

static SummaryStatus
combine(Summary *into, Summary *from, bool subtract)
{
	bool		exact = true;
	bool		(*change)(int64_t * count, int64_t other) = subtract ? subtract_count : add_count;

	if (into->kind != from->kind || into->unit != from->unit)
		return SUMMARY_KIND_MISMATCH;
	if (into->vectors != NULL && from->vectors != NULL && into->vectors->dimension != from->vectors->dimension)
		return SUMMARY_DIMENSION_MISMATCH;
	if (into->kind == SUMMARY_CATEGORY)
		summary_settle(into);
	else
	{
		fold_pending(into);		/* the moments may go on gathering */
		if (subtract)
			fit_distribution(into);
	}
	summary_settle(from);
	into->inexact |= from->inexact;
	if (from->budget < into->budget)
		into->budget = from->budget;
	exact &= change(&into->null_count, from->null_count);
	exact &= change(&into->nan_count, from->nan_count);
	exact &= change(&into->positive_infinity_count, from->positive_infinity_count);
	exact &= change(&into->negative_infinity_count, from->negative_infinity_count);
	exact &= combine_vectors(into, from, subtract);
	if (into->kind != SUMMARY_CATEGORY)
		combine_finite(into, from, subtract);
	else
	{
		exact &= categories_merge(&into->categories, into->allocator, &from->categories, subtract, into->budget);
		if (into->categories.total == 0 && subtract)
			categories_free(&into->categories, into->allocator);
		summary_settle(into);
	}
	if (!exact)
		into->inexact = true;
	return SUMMARY_OK;
}

SummaryStatus
summary_merge(Summary *into, const Summary *from)
{
	return combine(into, (Summary *) from, false);
}

SummaryStatus
summary_subtract(Summary *into, const Summary *from)
{
	return combine(into, (Summary *) from, true);
}
