/*
 * summary_read.c
 *		What a summary says: counts, moments, quantiles, bins, categories; whether two say the same.
 */
#include "summary/summary_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "summary/memory_inline.h"

static const char *const kind_names[] =
	{[SUMMARY_NUMERIC] = "numeric", [SUMMARY_CATEGORY] = "category", [SUMMARY_VECTOR] = "vector"};

const char *
summary_kind_name(SummaryKind kind)
{
	return kind_names[kind];
}

bool
summary_kind_of_name(const char *name, SummaryKind *kind)
{
	for (*kind = SUMMARY_NUMERIC; *kind <= SUMMARY_VECTOR; (*kind)++)
		if (strcmp(name, kind_names[*kind]) == 0)
			return true;
	return false;
}

SummaryKind
summary_kind(const Summary *summary)
{
	return summary->kind;
}

SummaryUnit
summary_unit(const Summary *summary)
{
	return summary->unit;
}

int
summary_budget(const Summary *summary)
{
	return summary->budget;
}

int
summary_level(const Summary *summary)
{
	return summary_settle(summary)->distribution.level;
}

bool
summary_is_inexact(const Summary *summary)
{
	return summary->inexact;
}

bool
summary_extremes_stale(const Summary *summary)
{
	summary_settle(summary);
	return summary->minimum_stale || summary->maximum_stale;
}

/* ---- counts ---- */

int64_t
summary_finite_count(const Summary *summary)
{
	return summary_settle(summary)->distribution.total;
}

/* Values that have a place in the order: all but NaN. */
static int64_t
ordered_count(const Summary *summary)
{
	return summary_finite_count(summary) + summary->negative_infinity_count + summary->positive_infinity_count;
}

int64_t
summary_n(const Summary *summary)
{
	return summary->kind == SUMMARY_CATEGORY ? summary->categories.total : ordered_count(summary) + summary->nan_count;
}

int64_t
summary_null_count(const Summary *summary)
{
	return summary->null_count;
}

int64_t
summary_nan_count(const Summary *summary)
{
	return summary->nan_count;
}

int64_t
summary_positive_infinity_count(const Summary *summary)
{
	return summary->positive_infinity_count;
}

int64_t
summary_negative_infinity_count(const Summary *summary)
{
	return summary->negative_infinity_count;
}

/* ---- moments ---- */

bool
summary_sum(const Summary *summary, double *result)
{
	if (summary_finite_count(summary) == 0)
		return false;
	*result = moments_sum(summary_moments(summary));
	return true;
}

bool
summary_mean(const Summary *summary, double *result)
{
	int64_t		n = summary_finite_count(summary);

	if (n == 0)
		return false;
	*result = moments_mean(summary_moments(summary), n);
	return true;
}

bool
summary_variance(const Summary *summary, double *result)
{
	int64_t		n = summary_finite_count(summary);

	return n > 0 && moments_variance(summary_moments(summary), n, result);
}

bool
summary_standard_deviation(const Summary *summary, double *result)
{
	int64_t		n = summary_finite_count(summary);

	return n > 0 && moments_standard_deviation(summary_moments(summary), n, result);
}

bool
summary_skewness(const Summary *summary, double *result)
{
	int64_t		n = summary_finite_count(summary);

	return n > 0 && moments_skewness(summary_moments(summary), n, result);
}

bool
summary_kurtosis(const Summary *summary, double *result)
{
	int64_t		n = summary_finite_count(summary);

	return n > 0 && moments_kurtosis(summary_moments(summary), n, result);
}

/* ---- order ---- */

bool
summary_min(const Summary *summary, double *result)
{
	double		maximum;

	if (ordered_count(summary) == 0)
		return false;
	if (summary->negative_infinity_count > 0)
		*result = -INFINITY;
	else if (summary_finite_count(summary) > 0)
		summary_finite_range(summary, result, &maximum);
	else
		*result = INFINITY;
	return true;
}

bool
summary_max(const Summary *summary, double *result)
{
	double		minimum;

	if (ordered_count(summary) == 0)
		return false;
	if (summary->positive_infinity_count > 0)
		*result = INFINITY;
	else if (summary_finite_count(summary) > 0)
		summary_finite_range(summary, &minimum, result);
	else
		*result = -INFINITY;
	return true;
}

bool
summary_finite_extremes(const Summary *summary, double *minimum, double *maximum)
{
	if (summary_finite_count(summary) == 0)
		return false;
	summary_finite_range(summary, minimum, maximum);
	return true;
}

void
summary_statistics(const Summary *summary, SummaryStatistics *statistics)
{
	memset(statistics, 0, sizeof(SummaryStatistics));
	statistics->n = summary_n(summary);
	statistics->n_finite = summary_finite_count(summary);
	statistics->null_count = summary->null_count;
	if (statistics->n_finite > 0)
		moments_statistics(summary_moments(summary), statistics->n_finite, &statistics->moments);
	statistics->has_extremes = summary_min(summary, &statistics->minimum) && summary_max(summary, &statistics->maximum);
}

/* The keys a bin can hold, given the extremes. */
static void
bin_range(const DistributionBin *bin, int level, double minimum, double maximum, uint64_t *first, uint64_t *last)
{
	uint64_t	least = distribution_key(minimum);
	uint64_t	greatest = distribution_key(maximum);

	*first = distribution_first_key(bin->key, level);
	*last = distribution_last_key(bin->key, level);
	if (*first < least)
		*first = least;
	if (*last > greatest)
		*last = greatest;
}

double
value_of_rank(BinPosition position, int64_t rank)
{
	DistributionBin bin = {position.key, position.count};
	uint64_t	first;
	uint64_t	last;

	if (rank <= 1)
		return position.minimum;
	if (rank >= position.total)
		return position.maximum;
	bin_range(&bin, position.level, position.minimum, position.maximum, &first, &last);

	/* Of the bin that begins at zero nearly all is denormal numbers, which nobody has; zero itself is what data does have. */
	if (first == DISTRIBUTION_ZERO_KEY)
		return 0.0;

	/* The bin's values as if spread evenly over it. */
	return distribution_value(first +
							  (uint64_t) ((unsigned __int128) (last - first) * (uint64_t) (2 * (rank - position.before) - 1) /
										  (uint64_t) (2 * position.count)));
}

int64_t
quantile_rank(double p, int64_t n)
{
	int64_t		rank = (int64_t) ceil(p * (double) n);

	return rank < 1 ? 1 : rank > n ? n : rank;
}

/* The value of this rank (1 is the smallest) among the finite ones. */
static double
finite_value_at(Summary *summary, int64_t rank)
{
	const DistributionBin *bins = distribution_sorted(&summary->distribution, summary->allocator);
	BinPosition position = {.level = summary->distribution.level, .total = summary->distribution.total};

	summary_finite_range(summary, &position.minimum, &position.maximum);
	while (rank > position.before + bins->count)
		position.before += bins++->count;
	position.key = bins->key;
	position.count = bins->count;
	return value_of_rank(position, rank);
}

bool
summary_quantile(const Summary *summary, double p, double *result)
{
	int64_t		n = ordered_count(summary);
	int64_t		rank;

	if (n == 0 || !(p >= 0 && p <= 1))
		return false;
	rank = quantile_rank(p, n);
	if (rank <= summary->negative_infinity_count)
		*result = -INFINITY;
	else if (rank > n - summary->positive_infinity_count)
		*result = INFINITY;
	else
		*result = finite_value_at((Summary *) summary, rank - summary->negative_infinity_count);
	return true;
}

/* How many of the finite values are at most x, which is finite. */
static double
finite_count_at_most(Summary *summary, double x)
{
	const DistributionBin *bins = distribution_sorted(&summary->distribution, summary->allocator);
	int			n_bins = summary->distribution.n_bins;
	int			level = summary->distribution.level;
	uint64_t	key = distribution_key(x);
	int64_t		before = 0;
	uint64_t	first;
	uint64_t	last;
	double		minimum;
	double		maximum;
	int			i = 0;

	if (n_bins == 0)
		return 0;
	summary_finite_range(summary, &minimum, &maximum);
	if (x < minimum)
		return 0;
	if (x >= maximum)
		return (double) summary->distribution.total;
	while (i < n_bins && bins[i].key < key >> level)
		before += bins[i++].count;
	if (i == n_bins || bins[i].key > key >> level)
		return (double) before;
	bin_range(&bins[i], level, minimum, maximum, &first, &last);

	/* Values of the bin lie on first … last as if spread evenly; as for quantiles, the bin of zero holds zero. */
	if (first == DISTRIBUTION_ZERO_KEY || key >= last)
		return (double) (before + bins[i].count);
	return (double) before + (double) bins[i].count * ((double) (key - first + 1) / ((double) (last - first) + 1));
}

bool
summary_cdf(const Summary *summary, double x, double *result)
{
	int64_t		n = ordered_count(summary);
	double		at_most;

	if (n == 0 || isnan(x))
		return false;
	if (x == INFINITY)
		at_most = (double) n;
	else
	{
		at_most = (double) summary->negative_infinity_count;
		if (x > -INFINITY)
			at_most += finite_count_at_most((Summary *) summary, x);
	}
	*result = at_most / (double) n;
	return true;
}

double
summary_error_bound(const Summary *summary)
{
	Summary	   *settled = summary_settle(summary);
	const DistributionBin *bins;
	int64_t		heaviest = 0;

	if (settled->kind == SUMMARY_CATEGORY)
		return settled->categories.total == 0 ? 0 : (double) settled->categories.other / (double) settled->categories.total;
	if (settled->distribution.level == 0)
		return 0;
	bins = distribution_sorted(&settled->distribution, settled->allocator);
	for (int i = 0; i < settled->distribution.n_bins; i++)
		if (bins[i].count > heaviest)
			heaviest = bins[i].count;
	return (double) heaviest / (double) ordered_count(settled);
}

size_t
summary_bins(const Summary *summary, int level, SummaryBin *result, size_t capacity)
{
	Summary	   *settled = summary_settle(summary);
	const DistributionBin *bins = distribution_sorted(&settled->distribution, settled->allocator);
	int			n_bins = settled->distribution.n_bins;
	size_t		n = 0;
	int			i = 0;
	int			shift;

	if (level < settled->distribution.level)
		level = settled->distribution.level;
	if (level > DISTRIBUTION_MAX_LEVEL)
		level = DISTRIBUTION_MAX_LEVEL;
	shift = level - settled->distribution.level;
	if (settled->negative_infinity_count > 0)
	{
		if (n < capacity)
			result[n] = (SummaryBin){0, -INFINITY, -INFINITY, settled->negative_infinity_count};
		n++;
	}
	while (i < n_bins)
	{
		uint64_t	key = bins[i].key >> shift;
		int64_t		count = 0;

		for (; i < n_bins && bins[i].key >> shift == key; i++)
			count += bins[i].count;

		/* One is added so that no finite bin has the key of an infinity. */
		if (n < capacity)
			result[n] = (SummaryBin){key + 1, distribution_value(distribution_first_key(key, level)),
									 distribution_value(distribution_last_key(key, level)), count};
		n++;
	}
	if (settled->positive_infinity_count > 0)
	{
		if (n < capacity)
			result[n] = (SummaryBin){UINT64_MAX, INFINITY, INFINITY, settled->positive_infinity_count};
		n++;
	}
	return n;
}

/* ---- categories ---- */

static int
compare_by_count(const void *a, const void *b)
{
	const SummaryCategory *first = a;
	const SummaryCategory *second = b;
	size_t		shorter = first->length < second->length ? first->length : second->length;
	int			order;

	if (first->count != second->count)
		return first->count > second->count ? -1 : 1;
	order = shorter == 0 ? 0 : memcmp(first->bytes, second->bytes, shorter);
	if (order != 0)
		return order;
	return first->length < second->length ? -1 : first->length > second->length;
}

size_t
summary_categories(const Summary *summary, SummaryCategory *result, size_t capacity)
{
	Summary	   *settled = summary_settle(summary);
	size_t		n = (size_t) settled->categories.n_kept;
	SummaryCategory *all;

	if (n == 0 || capacity == 0)
		return n;
	all = categories_by_hash(&settled->categories, settled->allocator);
	qsort(all, n, sizeof(SummaryCategory), compare_by_count);
	memcpy(result, all, sizeof(SummaryCategory) * (n < capacity ? n : capacity));
	release(settled->allocator, all, sizeof(SummaryCategory) * n);
	return n;
}

int64_t
summary_other_count(const Summary *summary)
{
	return summary_settle(summary)->categories.other;
}

uint64_t
summary_hash_threshold(const Summary *summary)
{
	return summary_settle(summary)->categories.threshold;
}

int64_t
summary_distinct_exact(const Summary *summary)
{
	Summary	   *settled = summary_settle(summary);

	if (settled->kind == SUMMARY_CATEGORY)
		return settled->categories.other == 0 ? settled->categories.n_kept : -1;
	if (settled->distribution.level > 0 || settled->kind == SUMMARY_VECTOR)
		return -1;
	return settled->distribution.n_bins + (settled->nan_count > 0) + (settled->positive_infinity_count > 0) +
		(settled->negative_infinity_count > 0);
}

bool
summary_distinct(const Summary *summary, double *estimate, double *relative_error)
{
	Summary	   *settled = summary_settle(summary);
	int64_t		exact = summary_distinct_exact(summary);
	double		n_kept = settled->categories.n_kept;
	double		share;

	*estimate = (double) exact;
	*relative_error = 0;
	if (exact >= 0)
		return true;
	if (settled->kind == SUMMARY_CATEGORY)
	{
		/*
		 * Of all hashes, those up to the threshold are a sample: the number of categories divided by their share of all hashes
		 * is an unbiased estimate (bottom-k sketch, Cohen and Kaplan 2007).
		 */
		share = ldexp((double) settled->categories.threshold + 1, -64);
		*estimate = n_kept / share;
		*relative_error = n_kept > 0 ? sqrt((1 - share) / n_kept) : 1;
		return true;
	}
	if (settled->distinct == NULL) /* of vectors too: equal norms are not equal vectors */
		return false;
	*estimate = distinct_estimate(settled->distinct) + (settled->nan_count > 0) + (settled->positive_infinity_count > 0) +
		(settled->negative_infinity_count > 0);
	if (*estimate > (double) summary_n(settled))
		*estimate = (double) summary_n(settled);
	*relative_error = DISTINCT_STANDARD_ERROR;
	return true;
}

bool
summary_distinct_stale(const Summary *summary)
{
	return summary_settle(summary)->distinct_stale;
}

bool
summary_category_count(const Summary *summary, const char *bytes, size_t length, int64_t *count, int64_t *error)
{
	Summary	   *settled = summary_settle(summary);
	Categories *categories = &settled->categories;
	char		buffer[CATEGORY_MAX_LENGTH];
	uint64_t	hash;

	bytes = category_as_kept(bytes, &length, buffer);
	hash = category_hash(bytes, length);
	*count = *error = 0;
	if (categories_count(categories, hash, bytes, length, count) || categories->other == 0)
		return true;
	if (categories->sketch == NULL)
		return false;
	sketch_estimate(categories->sketch, hash, bytes, length, count, error);
	*error += categories_unsketched(categories);
	return true;
}

size_t
summary_frequent_others(const Summary *summary, FrequentCategory *result, size_t capacity)
{
	Categories *categories = &summary_settle(summary)->categories;

	return categories->sketch == NULL ? 0 : sketch_frequent(categories->sketch, result, capacity);
}

/* ---- equality ---- */

static bool
same_bins(Summary *a, Summary *b)
{
	int			level = a->distribution.level > b->distribution.level ? a->distribution.level : b->distribution.level;
	int			shift_a = level - a->distribution.level;
	int			shift_b = level - b->distribution.level;
	const DistributionBin *bins_a = distribution_sorted(&a->distribution, a->allocator);
	const DistributionBin *bins_b = distribution_sorted(&b->distribution, b->allocator);
	int			i = 0;
	int			j = 0;

	while (i < a->distribution.n_bins && j < b->distribution.n_bins)
	{
		uint64_t	key = bins_a[i].key >> shift_a;
		int64_t		difference = 0;

		if (key != bins_b[j].key >> shift_b)
			return false;
		for (; i < a->distribution.n_bins && bins_a[i].key >> shift_a == key; i++)
			difference += bins_a[i].count;
		for (; j < b->distribution.n_bins && bins_b[j].key >> shift_b == key; j++)
			difference -= bins_b[j].count;
		if (difference != 0)
			return false;
	}
	return i == a->distribution.n_bins && j == b->distribution.n_bins;
}

static bool
same_finite(Summary *a, Summary *b)
{
	double		minimum_a;
	double		minimum_b;
	double		maximum_a;
	double		maximum_b;

	if (a->distribution.total != b->distribution.total)
		return false;
	if (a->distribution.total == 0)
		return true;
	summary_finite_range(a, &minimum_a, &maximum_a);
	summary_finite_range(b, &minimum_b, &maximum_b);
	if (!a->minimum_stale && !b->minimum_stale && minimum_a != minimum_b)
		return false;
	if (!a->maximum_stale && !b->maximum_stale && maximum_a != maximum_b)
		return false;
	if (a->distinct != NULL && b->distinct != NULL && !a->distinct_stale && !b->distinct_stale &&
		memcmp(a->distinct, b->distinct, sizeof(DistinctSketch)) != 0)
		return false;
	return same_bins(a, b) && moments_equal(summary_moments(a), summary_moments(b));
}

/* Only at the same threshold are they of the same categories. */
static bool
same_sketches(const Categories *a, const Categories *b)
{
	if (a->threshold != b->threshold || a->sketch == NULL || b->sketch == NULL || categories_unsketched(a) > 0 ||
		categories_unsketched(b) > 0)
		return true;
	return sketch_equal(a->sketch, b->sketch);
}

static bool
same_categories(Summary *a, Summary *b)
{
	uint64_t	threshold = a->categories.threshold < b->categories.threshold ? a->categories.threshold : b->categories.threshold;
	SummaryCategory *all_a;
	SummaryCategory *all_b;
	size_t		n_a = (size_t) a->categories.n_kept;
	size_t		n_b = (size_t) b->categories.n_kept;
	size_t		i = 0;
	bool		same;

	if (a->categories.total != b->categories.total)
		return false;

	/* Both by hash, so those up to the threshold are the first ones of both; the totals are equal, so the rests are too. */
	all_a = categories_by_hash(&a->categories, a->allocator);
	all_b = categories_by_hash(&b->categories, b->allocator);
	while (i < n_a && i < n_b && all_a[i].hash <= threshold && all_a[i].hash == all_b[i].hash && all_a[i].count == all_b[i].count &&
		   all_a[i].length == all_b[i].length &&
		   (all_a[i].length == 0 || memcmp(all_a[i].bytes, all_b[i].bytes, all_a[i].length) == 0))
		i++;
	same = (i == n_a || all_a[i].hash > threshold) && (i == n_b || all_b[i].hash > threshold);
	release(a->allocator, all_a, sizeof(SummaryCategory) * n_a);
	release(b->allocator, all_b, sizeof(SummaryCategory) * n_b);
	return same && same_sketches(&a->categories, &b->categories);
}

bool
summary_equal(const Summary *a, const Summary *b)
{
	Summary	   *settled_a = summary_settle(a);
	Summary	   *settled_b = summary_settle(b);

	if (a->kind != b->kind || a->unit != b->unit || a->budget != b->budget || a->inexact != b->inexact ||
		a->null_count != b->null_count || a->nan_count != b->nan_count ||
		a->positive_infinity_count != b->positive_infinity_count || a->negative_infinity_count != b->negative_infinity_count)
		return false;
	if (a->kind == SUMMARY_CATEGORY)
		return same_categories(settled_a, settled_b);
	return same_finite(settled_a, settled_b) && vector_sums_similar(a->vectors, b->vectors);
}
