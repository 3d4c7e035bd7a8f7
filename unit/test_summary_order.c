/*
 * test_summary_order.c
 *		Quantiles, cdf, bins: within the stated bound of the truth, monotone, inside the extremes, exact at level 0.
 */
#include "summary_bytes.h"
#include "summary_data.h"

static size_t
count_below(const double *sorted, size_t n, double x)
{
	size_t		low = 0;
	size_t		high = n;

	while (low < high)
	{
		size_t		middle = (low + high) / 2;

		if (sorted[middle] < x)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t
count_at_most(const double *sorted, size_t n, double x)
{
	return x == DBL_MAX ? n : count_below(sorted, n, nextafter(x, INFINITY));
}

/*
 * How far the share of values at or below the answer is from p: 0 where p lies between the shares strictly below and at or
 * below it.
 */
static double
rank_error(const double *sorted, size_t n, double p, double answer)
{
	double		below = (double) count_below(sorted, n, answer) / (double) n;
	double		at_most = (double) count_at_most(sorted, n, answer) / (double) n;

	return p < below ? below - p : p > at_most ? p - at_most : 0;
}

static void
test_data_set(const DataSet *set, size_t n, int budget)
{
	double	   *values = draw_values(set, n);
	Summary	   *summary = summary_of(values, n, budget);
	double		bound = summary_error_bound(summary);
	double		previous = -INFINITY;
	double		minimum;
	double		maximum;
	double		worst_quantile = 0;
	double		worst_cdf = 0;
	bool		monotone = true;
	bool		inside = true;
	bool		exact = true;

	qsort(values, n, sizeof(double), compare_doubles);
	summary_min(summary, &minimum);
	summary_max(summary, &maximum);
	CHECK(minimum == values[0] && maximum == values[n - 1], "%s, n %zu, budget %d: extremes", set->name, n, budget);
	for (int i = 0; i <= 2000; i++)
	{
		double		p = i / 2000.0;
		double		answer = NAN;
		double		share = NAN;
		double		probe;

		summary_quantile(summary, p, &answer);
		monotone &= answer >= previous;
		inside &= answer >= minimum && answer <= maximum;
		worst_quantile = fmax(worst_quantile, rank_error(values, n, p, answer));
		if (summary_level(summary) == 0)
		{
			size_t		rank = (size_t) ceil(p * (double) n);

			exact &= answer == values[rank == 0 ? 0 : rank - 1];
		}
		previous = answer;

		/* Half of the probes at values, half between and beyond them. */
		probe = values[unit_random_below(n)];
		if (i % 2 == 0)
			probe *= unit_random_uniform() * 2;
		summary_cdf(summary, probe, &share);
		if (isfinite(probe))
			worst_cdf = fmax(worst_cdf, fabs(share - (double) count_at_most(values, n, probe) / (double) n));
	}
	CHECK(monotone && inside, "%s, n %zu, budget %d: quantiles monotone and within the extremes", set->name, n, budget);
	CHECK(exact, "%s, n %zu, budget %d: exact at level 0", set->name, n, budget);

	/* One rank of slack where p * n is rounded. */
	CHECK(worst_quantile <= bound + 1e-9, "%s, n %zu, budget %d: rank error of quantiles %.5f within %.5f", set->name, n, budget,
		  worst_quantile, bound);
	CHECK(worst_cdf <= bound + 1e-9, "%s, n %zu, budget %d: error of cdf %.5f within %.5f", set->name, n, budget, worst_cdf, bound);
	if (set->typical && budget == SUMMARY_DEFAULT_BINS)
		CHECK(bound <= 0.015, "%s, n %zu: bound %.5f at level %d", set->name, n, bound, summary_level(summary));
	summary_free(summary);
	free(values);
}

static void
test_bins(void)
{
	bool		good = true;

	for (int round = 0; round < unit_rounds(100); round++)
	{
		const DataSet *set = &data_sets[unit_random_below(N_DATA_SETS)];
		size_t		n = 1 + (size_t) unit_random_below(4000);
		double	   *values = draw_values(set, n);
		Summary	   *summary = summary_of(values, n, 256);
		int			level = summary_level(summary) + (int) unit_random_below(12);
		SummaryBin	bins[300];
		size_t		n_bins;
		int64_t		total = 0;

		summary_add_number(summary, INFINITY);
		summary_add_number(summary, -INFINITY);
		qsort(values, n, sizeof(double), compare_doubles);
		n_bins = summary_bins(summary, level, bins, 300);
		EXPECT(&good, n_bins <= 258 && summary_bins(summary, level, NULL, 0) == n_bins, "%s: %zu bins", set->name, n_bins);
		EXPECT(&good,
			   bins[0].lower == -INFINITY && bins[0].count == 1 && bins[n_bins - 1].upper == INFINITY &&
				   bins[n_bins - 1].count == 1,
			   "%s: infinities", set->name);
		for (size_t i = 1; i + 1 < n_bins; i++)
		{
			total += bins[i].count;
			EXPECT(&good,
				   bins[i].lower <= bins[i].upper && bins[i].key > bins[i - 1].key && bins[i].key < bins[i + 1].key &&
					   bins[i].lower > bins[i - 1].upper,
				   "%s: bin %zu in order", set->name, i);
			EXPECT(&good, (size_t) bins[i].count == count_at_most(values, n, bins[i].upper) - count_below(values, n, bins[i].lower),
				   "%s: level %d, bin %zu of [%a, %a] counts %lld", set->name, level, i, bins[i].lower, bins[i].upper,
				   (long long) bins[i].count);
		}
		EXPECT(&good, total == (int64_t) n, "%s: total", set->name);
		summary_free(summary);
		free(values);
	}
	CHECK(good, "bins are in order, disjoint, and count what lies in them");
}

/* After the extremes were taken back, answers stay within the bins that are still occupied. */
static void
test_stale_extremes(void)
{
	size_t		n = 20000;
	double	   *values = draw_values(&data_sets[0], n);
	Summary	   *summary = summary_of(values, n, 64);
	double		minimum;
	double		maximum;
	double		p0;
	double		p1;

	for (int i = 0; i < 100; i++)
	{
		summary_add_number(summary, 1e6 + i);
		summary_add_number(summary, -1e6 - i);
	}
	for (int i = 0; i < 100; i++)
	{
		summary_remove_number(summary, 1e6 + i);
		summary_remove_number(summary, -1e6 - i);
	}
	qsort(values, n, sizeof(double), compare_doubles);
	CHECK(summary_extremes_stale(summary) && summary_level(summary) > 0, "extremes are marked");
	summary_min(summary, &minimum);
	summary_max(summary, &maximum);
	summary_quantile(summary, 0, &p0);
	summary_quantile(summary, 1, &p1);
	CHECK(minimum <= values[0] && minimum > -16 && maximum >= values[n - 1] && maximum < 16, "and are bounds near the truth: %g %g",
		  minimum, maximum);
	CHECK(p0 == minimum && p1 == maximum, "quantiles are within them");
	summary_add_number(summary, -1e7);
	summary_add_number(summary, 1e7);
	summary_min(summary, &minimum);
	summary_max(summary, &maximum);
	CHECK(minimum == -1e7 && maximum == 1e7 && !summary_extremes_stale(summary), "new extremes are exact again");
	summary_free(summary);
	free(values);
}

static void
test_edges(void)
{
	Summary	   *summary = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, 1024);
	double		result;
	double		lowest;

	CHECK(!summary_min(summary, &result) && !summary_max(summary, &result) && !summary_quantile(summary, 0.5, &result) &&
			  !summary_cdf(summary, 0, &result) && summary_error_bound(summary) == 0,
		  "nothing in an empty summary");
	summary_add_number(summary, NAN);
	summary_add_null(summary);
	CHECK(!summary_min(summary, &result) && !summary_quantile(summary, 0.5, &result), "NaN has no place in the order");
	summary_add_number(summary, 7);
	CHECK(summary_quantile(summary, 0, &result) && result == 7 && summary_quantile(summary, 1, &result) && result == 7,
		  "one value");
	CHECK(!summary_quantile(summary, -0.1, &result) && !summary_quantile(summary, 1.1, &result) &&
			  !summary_quantile(summary, NAN, &result),
		  "p outside 0 to 1");
	CHECK(summary_cdf(summary, 7, &result) && result == 1 && summary_cdf(summary, 6.9, &result) && result == 0 &&
			  !summary_cdf(summary, NAN, &result),
		  "cdf of one value");
	summary_add_number(summary, -INFINITY);
	summary_add_number(summary, INFINITY);
	summary_add_number(summary, INFINITY);
	CHECK(summary_quantile(summary, 0.25, &lowest) && lowest == -INFINITY && summary_quantile(summary, 0.5, &result) &&
			  result == 7 && summary_quantile(summary, 0.51, &result) && result == INFINITY,
		  "infinities have their place");
	CHECK(summary_min(summary, &result) && result == -INFINITY && summary_max(summary, &result) && result == INFINITY,
		  "and are extremes");
	CHECK(summary_cdf(summary, INFINITY, &result) && result == 1 && summary_cdf(summary, -INFINITY, &result) && result == 0.25 &&
			  summary_cdf(summary, 7, &result) && result == 0.5,
		  "cdf with infinities");
	CHECK(summary_distinct_exact(summary) == 4, "distinct values");
	summary_free(summary);
}

int
main(void)
{
	for (int i = 0; i < N_DATA_SETS; i++)
	{
		test_data_set(&data_sets[i], 1, 1024);
		test_data_set(&data_sets[i], 900, 1024);
		test_data_set(&data_sets[i], 200000, SUMMARY_DEFAULT_BINS);
		test_data_set(&data_sets[i], 20000, 16);
	}
	test_data_set(&data_sets[0], 1000000, SUMMARY_DEFAULT_BINS);
	test_data_set(&data_sets[3], 1000000, 65536);
	test_bins();
	test_stale_extremes();
	test_edges();
	CHECK(unit_allocated() == 0, "all memory given back");
	return unit_summary();
}
