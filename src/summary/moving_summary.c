/*
 * moving_summary.c
 *		The summary of a frame that slides over rows.
 */
#include "summary/moving_summary.h"

#include <math.h>

#include "summary/memory_inline.h"
#include "summary/ordered_multiset.h"
#include "summary/summary_internal.h"

struct MovingSummary
{
	Allocator	allocator;
	SummaryKind kind;
	SummaryUnit unit;
	int			budget;
	bool		with_moments;
	int64_t		null_count;
	int64_t		nan_count;
	int64_t		positive_infinity_count;
	int64_t		negative_infinity_count;
	OrderedMultiset numbers;	/* keys of the finite values */
	Moments		moments;
	Categories	categories;		/* all of the frame: never above a threshold */
	VectorSums *vectors;		/* their norms are the numbers */
};

MovingSummary *
moving_create(Allocator allocator, SummaryKind kind, SummaryUnit unit, int budget, bool with_moments)
{
	MovingSummary *moving = allocate(allocator, sizeof(MovingSummary));

	memset(moving, 0, sizeof(MovingSummary));
	moving->allocator = allocator;
	moving->kind = kind;
	moving->unit = unit;
	moving->budget = budget != SUMMARY_DEFAULT_BUDGET ? budget
		: kind == SUMMARY_CATEGORY                    ? SUMMARY_DEFAULT_CATEGORIES
													  : SUMMARY_DEFAULT_BINS;
	moving->with_moments = with_moments;
	multiset_init(&moving->numbers);
	moments_init(&moving->moments);
	categories_init(&moving->categories);
	return moving;
}

void
moving_free(MovingSummary *moving)
{
	multiset_free(&moving->numbers, moving->allocator);
	moments_free(&moving->moments, moving->allocator);
	categories_free(&moving->categories, moving->allocator);
	vector_sums_free(moving->vectors, moving->allocator);
	release(moving->allocator, moving, sizeof(MovingSummary));
}

SummaryKind
moving_kind(const MovingSummary *moving)
{
	return moving->kind;
}

SummaryUnit
moving_unit(const MovingSummary *moving)
{
	return moving->unit;
}

/* ---- entering and leaving ---- */

static int64_t *
special_count(MovingSummary *moving, double value)
{
	return isnan(value) ? &moving->nan_count : value > 0 ? &moving->positive_infinity_count : &moving->negative_infinity_count;
}

void
moving_add_number(MovingSummary *moving, double value)
{
	if (!isfinite(value))
	{
		++*special_count(moving, value);
		return;
	}
	multiset_add(&moving->numbers, moving->allocator, distribution_key(value));
	if (moving->with_moments)
		moments_add_weighted(&moving->moments, moving->allocator, value, 1);
}

bool
moving_remove_number(MovingSummary *moving, double value)
{
	if (!isfinite(value))
	{
		int64_t	   *count = special_count(moving, value);

		if (*count == 0)
			return false;
		--*count;
		return true;
	}
	if (!multiset_remove(&moving->numbers, distribution_key(value)))
		return false;
	if (moving->with_moments)
		moments_remove(&moving->moments, moving->allocator, value);
	return true;
}

void
moving_add_category(MovingSummary *moving, const char *bytes, size_t length)
{
	char		buffer[CATEGORY_MAX_LENGTH];

	bytes = category_as_kept(bytes, &length, buffer);
	categories_add(&moving->categories, moving->allocator, bytes, length, 1, CATEGORIES_NO_BUDGET);
}

bool
moving_remove_category(MovingSummary *moving, const char *bytes, size_t length)
{
	char		buffer[CATEGORY_MAX_LENGTH];

	bytes = category_as_kept(bytes, &length, buffer);
	return categories_remove(&moving->categories, bytes, length);
}

SummaryStatus
moving_add_vector(MovingSummary *moving, const double *values, int dimension)
{
	double		norm;

	if (moving->vectors != NULL && moving->vectors->dimension != dimension)
		return SUMMARY_DIMENSION_MISMATCH;
	if (!vector_norm(values, dimension, &norm))
		norm = NAN;
	else
	{
		if (moving->vectors == NULL)
			moving->vectors = vector_sums_create(moving->allocator, dimension);
		vector_sums_add(moving->vectors, values, false);
	}
	moving_add_number(moving, norm);
	return SUMMARY_OK;
}

bool
moving_remove_vector(MovingSummary *moving, const double *values, int dimension)
{
	double		norm;

	if (!vector_norm(values, dimension, &norm))
		return moving_remove_number(moving, NAN);
	if (moving->vectors == NULL || moving->vectors->dimension != dimension || !moving_remove_number(moving, norm))
		return false;
	if (multiset_total(&moving->numbers) == 0)
	{
		vector_sums_free(moving->vectors, moving->allocator);
		moving->vectors = NULL;
		return true;
	}
	vector_sums_add(moving->vectors, values, true);
	return !vector_sums_outweighed(moving->vectors, values);
}

int
moving_dimension(const MovingSummary *moving)
{
	return moving->vectors == NULL ? 0 : moving->vectors->dimension;
}

void
moving_add_null(MovingSummary *moving)
{
	moving->null_count++;
}

bool
moving_remove_null(MovingSummary *moving)
{
	if (moving->null_count == 0)
		return false;
	moving->null_count--;
	return true;
}

/* ---- reading ---- */

/* Values that have a place in the order: all but NaN. */
static int64_t
ordered_count(const MovingSummary *moving)
{
	return multiset_total(&moving->numbers) + moving->negative_infinity_count + moving->positive_infinity_count;
}

bool
moving_quantile(const MovingSummary *moving, double p, double *result)
{
	int64_t		n = ordered_count(moving);
	int64_t		rank;
	int			level;
	MultisetBin bin;

	if (n == 0 || !(p >= 0 && p <= 1))
		return false;
	rank = quantile_rank(p, n);
	if (rank <= moving->negative_infinity_count)
		*result = -INFINITY;
	else if (rank > n - moving->positive_infinity_count)
		*result = INFINITY;
	else
	{
		rank -= moving->negative_infinity_count;
		level = multiset_level(&moving->numbers, moving->budget);
		bin = multiset_bin(&moving->numbers, level, rank);
		*result = value_of_rank((BinPosition){.key = bin.key,
											  .level = level,
											  .before = bin.before,
											  .count = bin.count,
											  .total = multiset_total(&moving->numbers),
											  .minimum = distribution_value(multiset_first(&moving->numbers)),
											  .maximum = distribution_value(multiset_last(&moving->numbers))},
								rank);
	}
	return true;
}

void
moving_statistics(const MovingSummary *moving, SummaryStatistics *statistics)
{
	int64_t		n_finite = multiset_total(&moving->numbers);

	memset(statistics, 0, sizeof(SummaryStatistics));
	statistics->null_count = moving->null_count;
	if (moving->kind == SUMMARY_CATEGORY)
	{
		statistics->n = moving->categories.total;
		return;
	}
	statistics->n = ordered_count(moving) + moving->nan_count;
	statistics->n_finite = n_finite;
	if (n_finite > 0)
		moments_statistics(&moving->moments, n_finite, &statistics->moments);
	statistics->has_extremes = ordered_count(moving) > 0;
	if (!statistics->has_extremes)
		return;
	statistics->minimum = moving->negative_infinity_count > 0 ? -INFINITY
		: n_finite > 0                                        ? distribution_value(multiset_first(&moving->numbers))
															  : INFINITY;
	statistics->maximum = moving->positive_infinity_count > 0 ? INFINITY
		: n_finite > 0                                        ? distribution_value(multiset_last(&moving->numbers))
															  : -INFINITY;
}

/* ---- snapshots ---- */

static void
count_bin(void *context, uint64_t bin, int64_t count)
{
	(void) bin;
	(void) count;
	++*(int *) context;
}

static void
put_bin(void *context, uint64_t bin, int64_t count)
{
	DistributionBin **next = context;

	*(*next)++ = (DistributionBin){bin, count};
}

static void
see_distinct(void *context, uint64_t key, int64_t count)
{
	(void) count;
	distinct_add(context, key);
}

static void
snapshot_numbers(const MovingSummary *moving, Summary *summary)
{
	const OrderedMultiset *numbers = &moving->numbers;
	int			level = multiset_level(numbers, moving->budget);
	int			n_bins = 0;
	DistributionBin *bins;

	if (multiset_total(numbers) == 0)
		return;
	multiset_visit(numbers, level, count_bin, &n_bins);
	bins = distribution_assign(&summary->distribution, summary->allocator, n_bins, level);
	multiset_visit(numbers, level, put_bin, &bins);
	summary->distribution.total = multiset_total(numbers);
	if (level == 0)
		return;
	moments_copy(&summary->moments, summary->allocator, &moving->moments);
	if (moving->kind == SUMMARY_NUMERIC)
	{
		summary_start_distinct(summary);
		multiset_visit(numbers, 0, see_distinct, summary->distinct);
	}
	summary->minimum = distribution_value(multiset_first(numbers));
	summary->maximum = distribution_value(multiset_last(numbers));
}

Summary *
moving_snapshot(const MovingSummary *moving, Allocator allocator)
{
	Summary	   *summary = summary_create(allocator, moving->kind, moving->unit, moving->budget);

	summary->null_count = moving->null_count;
	summary->nan_count = moving->nan_count;
	summary->positive_infinity_count = moving->positive_infinity_count;
	summary->negative_infinity_count = moving->negative_infinity_count;
	if (moving->kind == SUMMARY_CATEGORY)
		categories_copy(&summary->categories, allocator, &moving->categories);
	else
		snapshot_numbers(moving, summary);
	summary->vectors = vector_sums_copy(allocator, moving->vectors);
	summary_settle(summary);
	return summary;
}
