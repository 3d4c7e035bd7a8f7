/*
 * drift_pair.c
 *		Two samples of one column side by side: from summaries, from arrays of numbers, from arrays of texts.
 */
#include "drift/drift_vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static DriftPair *
create_pair(Allocator allocator, const DriftOptions *options, SummaryKind kind, SummaryUnit unit)
{
	DriftPair  *pair = allocator.resize(allocator.context, NULL, 0, sizeof(DriftPair));

	memset(pair, 0, sizeof(DriftPair));
	pair->allocator = allocator;
	if (options != NULL)
		pair->options = *options;
	else
		drift_options_default(&pair->options);
	pair->kind = kind;
	pair->unit = unit;
	return pair;
}

static void *
allocate(DriftPair *pair, size_t size)
{
	return size == 0 ? NULL : pair->allocator.resize(pair->allocator.context, NULL, 0, size);
}

static void
release(DriftPair *pair, void *pointer, size_t size)
{
	if (pointer != NULL)
		pair->allocator.resize(pair->allocator.context, pointer, size, 0);
}

void
drift_pair_free(DriftPair *pair)
{
	if (pair == NULL)
		return;
	release(pair, pair->bins, pair->bins_capacity * sizeof(DriftBin));
	release(pair, pair->categories, pair->categories_capacity * sizeof(DriftCategory));
	release(pair, pair->cells, pair->cells_capacity * sizeof(DriftCell));
	drift_vectors_free(pair->allocator, pair->vectors);
	release(pair, pair, sizeof(DriftPair));
}

/* The last step of every maker. */
static DriftPair *
finish_pair(DriftPair *pair)
{
	for (int side = 0; side < 2; side++)
		if (pair->options.ignore_missing)
			pair->n_missing[side] = 0;
	return pair;
}

/* One side's values or categories in ascending order, before they are merged. */
typedef struct Side
{
	SummaryBin *bins;
	SummaryCategory *categories;
	size_t		n;
	size_t		capacity;
} Side;

static void
merge_bins(DriftPair *pair, const Side *sides)
{
	size_t		next[2] = {0, 0};

	pair->bins_capacity = sides[BASELINE].n + sides[CURRENT].n;
	pair->bins = allocate(pair, pair->bins_capacity * sizeof(DriftBin));
	while (next[BASELINE] < sides[BASELINE].n || next[CURRENT] < sides[CURRENT].n)
	{
		DriftBin   *bin = &pair->bins[pair->n_bins++];

		memset(bin, 0, sizeof(DriftBin));
		bin->lower = INFINITY;
		for (int side = 0; side < 2; side++)
			if (next[side] < sides[side].n)
				bin->lower = smaller_of(bin->lower, sides[side].bins[next[side]].lower);
		for (int side = 0; side < 2; side++)
			if (next[side] < sides[side].n && sides[side].bins[next[side]].lower == bin->lower)
			{
				bin->upper = sides[side].bins[next[side]].upper;
				bin->n[side] = sides[side].bins[next[side]].count;
				next[side]++;
			}
		pair->is_binned = pair->is_binned || bin->lower < bin->upper;
	}
}

static int
compare_bytes(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t		shared = a_length < b_length ? a_length : b_length;
	int			order = shared == 0 ? 0 : memcmp(a, b, shared);

	if (order != 0)
		return order;
	return (a_length > b_length) - (a_length < b_length);
}

static int
compare_categories(const void *a, const void *b)
{
	const SummaryCategory *left = a;
	const SummaryCategory *right = b;

	return compare_bytes(left->bytes, left->length, right->bytes, right->length);
}

static void
count_category(DriftCategory *category, int side, const SummaryCategory *counted)
{
	category->bytes = counted->bytes;
	category->length = counted->length;
	category->n[side] = counted->count;
}

static void
merge_categories(DriftPair *pair, const Side *sides)
{
	size_t		next[2] = {0, 0};

	pair->categories_capacity = sides[BASELINE].n + sides[CURRENT].n;
	pair->categories = allocate(pair, pair->categories_capacity * sizeof(DriftCategory));
	while (next[BASELINE] < sides[BASELINE].n || next[CURRENT] < sides[CURRENT].n)
	{
		DriftCategory *category = &pair->categories[pair->n_categories++];
		int			order;

		if (next[BASELINE] == sides[BASELINE].n)
			order = 1;
		else if (next[CURRENT] == sides[CURRENT].n)
			order = -1;
		else
			order = compare_categories(&sides[BASELINE].categories[next[BASELINE]], &sides[CURRENT].categories[next[CURRENT]]);
		memset(category, 0, sizeof(DriftCategory));
		if (order <= 0)
			count_category(category, BASELINE, &sides[BASELINE].categories[next[BASELINE]++]);
		if (order >= 0)
			count_category(category, CURRENT, &sides[CURRENT].categories[next[CURRENT]++]);
	}
}

static void
read_moments(DriftMoments *moments, const Summary *summary)
{
	double		kurtosis;
	double		population;

	moments->n = summary_n(summary) - summary_nan_count(summary) - summary_positive_infinity_count(summary) -
		summary_negative_infinity_count(summary);
	if (!summary_mean(summary, &moments->mean))
		moments->mean = 0;
	if (!summary_variance(summary, &moments->variance))
		moments->variance = 0;
	population = moments->n > 0 ? moments->variance * (double) (moments->n - 1) / (double) moments->n : 0;
	moments->fourth = summary_kurtosis(summary, &kurtosis) ? (kurtosis + 3) * population * population : 0;
}

static void
pair_numbers(DriftPair *pair, const Summary *const *summaries)
{
	int			level = 0;
	Side		sides[2] = {{0}, {0}};

	for (int side = 0; side < 2; side++)
		if (summary_level(summaries[side]) > level)
			level = summary_level(summaries[side]);
	for (int side = 0; side < 2; side++)
	{
		sides[side].capacity = summary_bins(summaries[side], level, NULL, 0);
		sides[side].bins = allocate(pair, sides[side].capacity * sizeof(SummaryBin));
		sides[side].n = summary_bins(summaries[side], level, sides[side].bins, sides[side].capacity);
	}
	merge_bins(pair, sides);
	for (int side = 0; side < 2; side++)
		release(pair, sides[side].bins, sides[side].capacity * sizeof(SummaryBin));
	for (int side = 0; side < 2; side++)
		read_moments(&pair->moments[side], summaries[side]);
	pair->has_moments = true;
}

static void
pair_categories(DriftPair *pair, const Summary *const *summaries)
{
	uint64_t	threshold = UINT64_MAX;
	Side		sides[2] = {{0}, {0}};

	for (int side = 0; side < 2; side++)
		if (summary_hash_threshold(summaries[side]) < threshold)
			threshold = summary_hash_threshold(summaries[side]);
	for (int side = 0; side < 2; side++)
	{
		size_t		kept = 0;

		sides[side].capacity = summary_categories(summaries[side], NULL, 0);
		sides[side].categories = allocate(pair, sides[side].capacity * sizeof(SummaryCategory));
		sides[side].n = summary_categories(summaries[side], sides[side].categories, sides[side].capacity);
		pair->n_other[side] = summary_other_count(summaries[side]);
		for (size_t i = 0; i < sides[side].n; i++)
		{
			if (sides[side].categories[i].hash <= threshold)
				sides[side].categories[kept++] = sides[side].categories[i];
			else
				pair->n_other[side] += sides[side].categories[i].count;
		}
		sides[side].n = kept;
		if (kept > 1)
			qsort(sides[side].categories, kept, sizeof(SummaryCategory), compare_categories);
	}
	merge_categories(pair, sides);
	for (int side = 0; side < 2; side++)
		release(pair, sides[side].categories, sides[side].capacity * sizeof(SummaryCategory));
}

DriftPair *
drift_pair_of_summaries(Allocator allocator, const DriftOptions *options, const Summary *baseline, const Summary *current)
{
	const Summary *summaries[2] = {baseline, current};
	DriftPair  *pair;

	if (summary_kind(baseline) != summary_kind(current) || summary_unit(baseline) != summary_unit(current))
		return NULL;
	pair = create_pair(allocator, options, summary_kind(baseline), summary_unit(baseline));
	for (int side = 0; side < 2; side++)
	{
		int64_t		nan_count = summary_nan_count(summaries[side]);

		pair->n_values[side] = summary_n(summaries[side]) - nan_count;
		pair->n_missing[side] = summary_null_count(summaries[side]) + nan_count;
	}
	if (pair->kind == SUMMARY_NUMERIC)
		pair_numbers(pair, summaries);
	else if (pair->kind == SUMMARY_CATEGORY)
		pair_categories(pair, summaries);
	else
	{
		pair->vectors = drift_vectors_of_summaries(allocator, baseline, current);
		if (pair->vectors == NULL)
		{
			drift_pair_free(pair);
			return NULL;
		}
	}
	return finish_pair(pair);
}

/* Sorts what is not NaN to the front, and returns how many that is. */
static size_t
sort_numbers(DriftPair *pair, double *values, size_t n, int side)
{
	size_t		kept = 0;

	for (size_t i = 0; i < n; i++)
		if (!isnan(values[i]))
			values[kept++] = values[i];
	sort_doubles(pair->allocator, values, kept);
	pair->n_values[side] = (int64_t) kept;
	pair->n_missing[side] += (int64_t) (n - kept);
	return kept;
}

static void
merge_numbers(DriftPair *pair, const double *const *values, const size_t *n)
{
	size_t		next[2] = {0, 0};

	pair->bins_capacity = n[BASELINE] + n[CURRENT];
	pair->bins = allocate(pair, pair->bins_capacity * sizeof(DriftBin));
	while (next[BASELINE] < n[BASELINE] || next[CURRENT] < n[CURRENT])
	{
		DriftBin   *bin = &pair->bins[pair->n_bins++];
		double		value;

		if (next[BASELINE] == n[BASELINE] ||
			(next[CURRENT] < n[CURRENT] && values[CURRENT][next[CURRENT]] < values[BASELINE][next[BASELINE]]))
			value = values[CURRENT][next[CURRENT]];
		else
			value = values[BASELINE][next[BASELINE]];
		bin->lower = bin->upper = value;
		for (int side = 0; side < 2; side++)
		{
			size_t		begin = next[side];

			while (next[side] < n[side] && values[side][next[side]] == value)
				next[side]++;
			bin->n[side] = (int64_t) (next[side] - begin);
		}
	}
}

DriftPair *
drift_pair_of_numbers(Allocator allocator, const DriftOptions *options, double *baseline, size_t n_baseline,
					  int64_t missing_baseline, double *current, size_t n_current, int64_t missing_current)
{
	DriftPair  *pair = create_pair(allocator, options, SUMMARY_NUMERIC, SUMMARY_PLAIN);
	const double *values[2] = {baseline, current};
	size_t		n[2];

	pair->is_of_arrays = true;
	pair->n_missing[BASELINE] = missing_baseline;
	pair->n_missing[CURRENT] = missing_current;
	n[BASELINE] = sort_numbers(pair, baseline, n_baseline, BASELINE);
	n[CURRENT] = sort_numbers(pair, current, n_current, CURRENT);
	merge_numbers(pair, values, n);
	return finish_pair(pair);
}

/* Moves finite vectors to the front. */
static int64_t
keep_finite(double *rows, size_t n, int dimension)
{
	size_t		kept = 0;

	for (size_t row = 0; row < n; row++)
	{
		bool		finite = true;

		for (int i = 0; i < dimension; i++)
			finite = finite && isfinite(rows[row * (size_t) dimension + (size_t) i]);
		if (!finite)
			continue;
		if (kept != row)
			memmove(rows + kept * (size_t) dimension, rows + row * (size_t) dimension, (size_t) dimension * sizeof(double));
		kept++;
	}
	return (int64_t) kept;
}

DriftPair *
drift_pair_of_vectors(Allocator allocator, const DriftOptions *options, int dimension, double *baseline, size_t n_baseline,
					  int64_t missing_baseline, double *current, size_t n_current, int64_t missing_current)
{
	DriftPair  *pair = create_pair(allocator, options, SUMMARY_VECTOR, SUMMARY_PLAIN);
	double	   *rows[2] = {baseline, current};
	size_t		n[2] = {n_baseline, n_current};

	pair->n_missing[BASELINE] = missing_baseline;
	pair->n_missing[CURRENT] = missing_current;
	for (int side = 0; side < 2; side++)
	{
		pair->n_values[side] = keep_finite(rows[side], n[side], dimension);
		pair->n_missing[side] += (int64_t) n[side] - pair->n_values[side];
	}
	pair->vectors = drift_vectors_of_rows(allocator, dimension, rows, pair->n_values);
	return finish_pair(pair);
}

static int
compare_texts(const void *a, const void *b)
{
	const DriftText *left = a;
	const DriftText *right = b;

	return compare_bytes(left->bytes, left->length, right->bytes, right->length);
}

static Side
count_texts(DriftPair *pair, DriftText *texts, size_t n, int side)
{
	Side		result = {0};

	if (n > 1)
		qsort(texts, n, sizeof(DriftText), compare_texts);
	pair->n_values[side] = (int64_t) n;
	result.capacity = n;
	result.categories = allocate(pair, n * sizeof(SummaryCategory));
	for (size_t i = 0; i < n; i++)
	{
		if (i == 0 || compare_texts(&texts[i - 1], &texts[i]) != 0)
		{
			memset(&result.categories[result.n], 0, sizeof(SummaryCategory));
			result.categories[result.n].bytes = texts[i].bytes;
			result.categories[result.n].length = texts[i].length;
			result.n++;
		}
		result.categories[result.n - 1].count++;
	}
	return result;
}

DriftPair *
drift_pair_of_texts(Allocator allocator, const DriftOptions *options, DriftText *baseline, size_t n_baseline,
					int64_t missing_baseline, DriftText *current, size_t n_current, int64_t missing_current)
{
	DriftPair  *pair = create_pair(allocator, options, SUMMARY_CATEGORY, SUMMARY_PLAIN);
	Side		sides[2];

	pair->n_missing[BASELINE] = missing_baseline;
	pair->n_missing[CURRENT] = missing_current;
	sides[BASELINE] = count_texts(pair, baseline, n_baseline, BASELINE);
	sides[CURRENT] = count_texts(pair, current, n_current, CURRENT);
	merge_categories(pair, sides);
	for (int side = 0; side < 2; side++)
		release(pair, sides[side].categories, sides[side].capacity * sizeof(SummaryCategory));
	return finish_pair(pair);
}
