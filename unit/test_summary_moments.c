/*
 * test_summary_moments.c
 *		Moments: exact where integers can tell, correctly rounded, near a long double reference, for every range of data.
 */
#include "summary/moments.h"
#include "summary_bytes.h"
#include "summary_data.h"

/* Integers small enough for 128 bits: n S2 - S1^2 and the like are exact there. */
static void
test_integers(void)
{
	bool		good = true;

	for (int round = 0; round < unit_rounds(300); round++)
	{
		size_t		n = 2 + (size_t) unit_random_below(3000);
		int			shift = (int) unit_random_below(40) - 20;
		int64_t		offset = (int64_t) unit_random_below(1 << 20);
		int			budget = unit_random_below(2) == 0 ? 1024 : 16;
		Summary	   *summary = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, budget);
		__int128	sum = 0;
		__int128	square = 0;
		__int128	numerator;
		double		result;

		for (size_t i = 0; i < n; i++)
		{
			int64_t		x = offset + (int64_t) unit_random_below(2000) - 1000;

			sum += x;
			square += (__int128) x * x;
			summary_add_number(summary, ldexp((double) x, shift));
		}
		numerator = (__int128) n * square - sum * sum;
		summary_sum(summary, &result);
		EXPECT(&good, result == ldexp((double) sum, shift), "sum %.17g", result);
		summary_mean(summary, &result);
		EXPECT(&good, unit_close(result, (double) ((long double) sum / (long double) n * ldexpl(1, shift)), 2.3e-16), "mean %.17g",
			   result);
		summary_variance(summary, &result);
		EXPECT(&good,
			   unit_close(result,
						  (double) ((long double) numerator / (long double) n / (long double) (n - 1) * ldexpl(1, 2 * shift)),
						  2.3e-16),
			   "variance %.17g, n %zu, offset %lld", result, n, (long long) offset);
		summary_free(summary);
	}
	CHECK(good, "sums, means and variances of integers are exact, rounded once");
}

/* Two passes in long double about the mean, of the differences to the first value, so that a large offset costs no digits. */
static void
test_against_two_passes(void)
{
	for (int i = 0; i < N_DATA_SETS; i++)
	{
		bool		good = true;

		for (int round = 0; round < unit_rounds(4); round++)
		{
			size_t		n = round == 0 ? 50 : 30000;
			double	   *values = draw_values(&data_sets[i], n);
			Summary	   *summary = summary_of(values, n, 1024);
			long double sum = 0;
			long double mean;
			long double m2 = 0;
			long double m3 = 0;
			long double m4 = 0;
			double		result;

			for (size_t j = 0; j < n; j++)
				sum += (long double) values[j] - values[0];
			mean = sum / n;
			for (size_t j = 0; j < n; j++)
			{
				long double d = (long double) values[j] - values[0] - mean;

				m2 += d * d;
				m3 += d * d * d;
				m4 += d * d * d * d;
			}
			m2 /= n;
			m3 /= n;
			m4 /= n;
			if (m2 == 0)
			{
				EXPECT(&good, !summary_skewness(summary, &result) && !summary_kurtosis(summary, &result),
					   "undefined for a constant");
				EXPECT(&good, summary_variance(summary, &result) && result == 0, "variance of a constant");
			}
			else
			{
				EXPECT(&good,
					   summary_standard_deviation(summary, &result) && unit_close(result, (double) sqrtl(m2 * n / (n - 1)), 1e-14),
					   "standard deviation %.17g, %.17g", result, (double) sqrtl(m2 * n / (n - 1)));
				EXPECT(&good,
					   summary_skewness(summary, &result) &&
						   fabsl(result - m3 / (m2 * sqrtl(m2))) <= 1e-12L * (1 + fabsl(m3 / (m2 * sqrtl(m2)))),
					   "skewness %.17g, %.17g", result, (double) (m3 / (m2 * sqrtl(m2))));
				EXPECT(&good,
					   summary_kurtosis(summary, &result) && fabsl(result - (m4 / (m2 * m2) - 3)) <= 1e-12L * (m4 / (m2 * m2)),
					   "kurtosis %.17g, %.17g", result, (double) (m4 / (m2 * m2) - 3));
			}
			summary_free(summary);
			free(values);
		}
		CHECK(good, "%s: near two passes in long double", data_sets[i].name);
	}
}

static void
test_ranges(void)
{
	static const double cancelling[] = {1e300, 1, -1e300, 1e-300};
	static const double huge[] = {DBL_MAX, DBL_MAX, -DBL_MAX};
	static const double tiny[] = {0x1p-1074, 3 * 0x1p-1074};
	Summary	   *summary = summary_of(cancelling, 4, 1024);
	double		result;

	summary_sum(summary, &result);
	CHECK(result == 1, "1e300 + 1 - 1e300 + 1e-300 is 1 as a double");
	summary_remove_number(summary, 1);
	summary_sum(summary, &result);
	CHECK(result == 1e-300, "and without the 1 it is 1e-300");
	summary_standard_deviation(summary, &result);
	CHECK(unit_close(result, 1e300, 1e-15), "a standard deviation whose square no double holds");
	summary_variance(summary, &result);
	CHECK(result == INFINITY, "that square itself is infinite");
	summary_free(summary);

	summary = summary_of(huge, 3, 1024);
	summary_sum(summary, &result);
	CHECK(result == DBL_MAX, "partial sums beyond the range do not matter");
	summary_kurtosis(summary, &result);
	CHECK(unit_close(result, -1.5, 1e-15), "fourth powers of the largest double: %.17g", result);
	summary_free(summary);

	summary = summary_of(tiny, 2, 1024);
	summary_mean(summary, &result);
	CHECK(result == 2 * 0x1p-1074, "mean of denormal numbers");
	summary_standard_deviation(summary, &result);
	CHECK(result == 0x1p-1074, "standard deviation of denormal numbers: sqrt(2) units, rounded");
	summary_variance(summary, &result);
	CHECK(result == 0, "their variance underflows");
	summary_skewness(summary, &result);
	CHECK(result == 0, "their skewness does not");
	summary_free(summary);

	summary = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, 1024);
	CHECK(!summary_sum(summary, &result) && !summary_mean(summary, &result) && !summary_variance(summary, &result),
		  "undefined without values");
	summary_add_number(summary, 5);
	CHECK(summary_mean(summary, &result) && result == 5 && !summary_variance(summary, &result) &&
			  !summary_standard_deviation(summary, &result) && !summary_skewness(summary, &result),
		  "undefined for one value");
	summary_add_number(summary, INFINITY);
	summary_add_number(summary, NAN);
	CHECK(summary_mean(summary, &result) && result == 5, "moments are of the finite values");
	summary_free(summary);
}

/* The plain functions: weights are repetitions, merging is adding, in every combination of windows. */
static void
test_power_sums(void)
{
	Allocator	allocator = unit_allocator();
	bool		good = true;

	for (int round = 0; round < unit_rounds(300); round++)
	{
		const DataSet *set = &data_sets[unit_random_below(N_DATA_SETS)];
		Moments		all;
		Moments		weighted;
		Moments		part;
		Moments		copy;

		moments_init(&all);
		moments_init(&weighted);
		moments_init(&part);
		for (int i = 0; i < 20; i++)
		{
			double		value = set->draw();
			int			count = 1 + (int) unit_random_below(40);

			for (int j = 0; j < count; j++)
				moments_add(&all, allocator, &value, 1);
			moments_add_weighted(unit_random_below(2) == 0 ? &weighted : &part, allocator, value, count);
		}
		moments_settle(&all, allocator);
		moments_copy(&copy, allocator, &weighted);
		moments_merge(&weighted, allocator, &part, false);
		EXPECT(&good, moments_equal(&all, &weighted), "%s: weighted and merged", set->name);
		moments_merge(&weighted, allocator, &part, true);
		EXPECT(&good, moments_equal(&weighted, &copy), "%s: and subtracted", set->name);
		moments_merge(&copy, allocator, &weighted, true);
		moments_free(&weighted, allocator);
		EXPECT(&good, moments_equal(&copy, &weighted), "%s: down to nothing", set->name);
		moments_free(&all, allocator);
		moments_free(&part, allocator);
		moments_free(&copy, allocator);
	}
	CHECK(good, "weights, merging and subtracting agree with adding one by one");
}

int
main(void)
{
	test_integers();
	test_against_two_passes();
	test_ranges();
	test_power_sums();
	CHECK(unit_allocated() == 0, "all memory given back");
	return unit_summary();
}
