/*
 * kolmogorov.c
 *		The two-sample Kolmogorov-Smirnov test, on values or on bins of them.
 */
#include "drift/drift.h"

#include <math.h>
#include <string.h>

#include "base/distributions.h"

/*
 * P(D >= d) given the pooled values with their ties (Schroeer and Trenkler 1995): of all ways to deal n + m pooled values out
 * to the two samples, the share whose path ever reaches the distance d at the end of a group of ties.  Among uniformly drawn
 * paths to (i, j), the last step came from (i - 1, j) with probability i / (i + j); following that directly gives the upper
 * tail without cancellation. Distances are compared as whole numbers, |i m - j n|; from certain on, the distance was reached at the
 * end of the last group at the latest, so only the places between are computed.
 */
static double
exact_upper(const DriftPair *pair, int64_t n, int64_t m, int64_t reached, int64_t certain)
{
	size_t		ends_size = (size_t) (n + m + 1);
	size_t		inverse_size = (size_t) (n + m + 1) * sizeof(double);
	size_t		row_size = (size_t) (m + 1) * sizeof(double);
	Allocator	allocator = pair->allocator;
	bool	   *ends = allocator.resize(allocator.context, NULL, 0, ends_size);
	double	   *inverse = allocator.resize(allocator.context, NULL, 0, inverse_size); /* of the number of steps so far */
	double	   *row = allocator.resize(allocator.context, NULL, 0, row_size);
	int64_t		position = 0;
	int64_t		first = 0;
	int64_t		last = 0;
	double		result;

	memset(ends, 0, ends_size);
	for (size_t i = 0; i < pair->n_bins; i++)
	{
		position += pair->bins[i].n[BASELINE] + pair->bins[i].n[CURRENT];
		ends[position] = true;
	}
	inverse[0] = 0;
	for (int64_t i = 1; i <= n + m; i++)
		inverse[i] = 1 / (double) i;
	for (int64_t j = 0; j <= m; j++)
		row[j] = 1;
	for (int64_t i = 0; i <= n; i++)
	{
		if (i % 256 == 0)
			drift_pause();
		while (first <= m && i * m - first * n >= certain)
			row[first++] = 1;
		while (last < m && (last + 1) * n - i * m <= certain)
			last++;
		for (int64_t j = first; j <= last; j++)
		{
			int64_t		distance = i * m - j * n;

			if (ends[i + j] && (distance >= reached || -distance >= reached))
				row[j] = 1;
			else if (i == 0)
				row[j] = j == 0 ? 0 : row[j - 1];
			else if (j == 0)
				continue;
			else
				row[j] = ((double) i * row[j] + (double) j * row[j - 1]) * inverse[i + j];
		}
	}
	result = row[m];
	allocator.resize(allocator.context, row, row_size, 0);
	allocator.resize(allocator.context, inverse, inverse_size, 0);
	allocator.resize(allocator.context, ends, ends_size, 0);
	return fmin(1, result);
}

/*
 * By itself for samples up to the size where scipy is exact, as long as the places to compute are few: where they are not, the
 * distance is so large that nothing is left of p, or most values are equal.  Between summaries, which monitors compare at every
 * window, only where it takes no longer than the other scores.
 */
static bool
is_exact(const DriftPair *pair, double places)
{
	double		n = (double) pair->n_values[BASELINE];
	double		m = (double) pair->n_values[CURRENT];

	if (pair->options.test == TEST_ASYMPTOTIC)
		return false;
	if (pair->options.test == TEST_EXACT)
		return n * m <= DRIFT_MAX_EXACT;
	return n * m <= DRIFT_EXACT_LIMIT || (pair->is_of_arrays && fmax(n, m) <= DRIFT_EXACT_VALUES && places <= DRIFT_EXACT_PLACES);
}

static void
test_distance(const DriftPair *pair, int64_t largest_group, KolmogorovResult *result)
{
	double		n = (double) pair->n_values[BASELINE];
	double		m = (double) pair->n_values[CURRENT];
	double		reached = floor(result->distance * n * m + 0.5);
	double		certain = reached + (double) (largest_group - 1) * fmax(n, m);

	result->is_exact = is_exact(pair, fmin(n * m, 2 * certain));
	if (result->distance == 0)
		result->p_value = 1;
	else if (result->is_exact)
		result->p_value =
			exact_upper(pair, pair->n_values[BASELINE], pair->n_values[CURRENT], (int64_t) reached, (int64_t) certain);
	else
		result->p_value = kolmogorov_upper(sqrt(n / (n + m) * m) * result->distance);
}

static void
kolmogorov_test(const DriftPair *pair, KolmogorovResult *result)
{
	double		n = (double) pair->n_values[BASELINE];
	double		m = (double) pair->n_values[CURRENT];
	int64_t		below[2] = {0, 0};
	double		share[2] = {0, 0};
	double		largest = 0;
	int64_t		largest_group = 1; /* of equal values */

	memset(result, 0, sizeof(KolmogorovResult));
	for (size_t i = 0; i < pair->n_bins; i++)
	{
		const DriftBin *bin = &pair->bins[i];
		double		gap;

		/* Inside a bin the two distribution functions may rise in any order. */
		if (bin->lower < bin->upper)
		{
			gap = share[BASELINE] - share[CURRENT];
			largest = larger_of(largest, larger_of(gap + (double) bin->n[BASELINE] / n, (double) bin->n[CURRENT] / m - gap));
		}
		below[BASELINE] += bin->n[BASELINE];
		below[CURRENT] += bin->n[CURRENT];
		if (bin->n[BASELINE] + bin->n[CURRENT] > largest_group)
			largest_group = bin->n[BASELINE] + bin->n[CURRENT];
		share[BASELINE] = (double) below[BASELINE] / n;
		share[CURRENT] = (double) below[CURRENT] / m;
		gap = fabs(share[BASELINE] - share[CURRENT]);
		if (gap > result->distance)
		{
			result->distance = gap;
			result->location = bin->upper;
			memcpy(result->location_share, share, sizeof(share));
		}
	}
	result->error_bound = fmax(0, largest - result->distance);
	test_distance(pair, largest_group, result);
}

void
drift_kolmogorov(DriftPair *pair, KolmogorovResult *result)
{
	if (!pair->has_kolmogorov)
		kolmogorov_test(pair, &pair->kolmogorov);
	pair->has_kolmogorov = true;
	*result = pair->kolmogorov;
}
