/*
 * test_drift_tests.c
 *		Distributions of test statistics against known values and enumeration; sorting; adjusted p-values; every way to cut numbers
 *		into cells; vectors.
 */
#include "unit.h"

#include "base/distributions.h"
#include "drift/adjust.h"
#include "drift/drift.h"

/* Expected numbers: scipy.stats and numerical integration. */
static void
test_distributions(void)
{
	static const struct
	{
		double		t;
		double		degrees;
		double		p;
	} students[] = {{2, 5, 0.10193947882985835},
					{0.01, 3, 0.992649111412852},
					{12, 2.5, 0.0028362150300783244},
					{40, 1000, 1.0478852155173272e-209},
					{3, 2e6, 0.0026998293022321342}};

	for (size_t i = 0; i < sizeof(students) / sizeof(students[0]); i++)
		CHECK(unit_close(student_two_sided(students[i].t, students[i].degrees), students[i].p, 1e-9),
			  "Student's t %g with %g degrees of freedom: %.12g", students[i].t, students[i].degrees,
			  student_two_sided(students[i].t, students[i].degrees));
	CHECK(student_two_sided(0, 7) == 1 && student_two_sided(1e200, 7) == 0, "both ends of Student's t");
	CHECK(unit_close(f_upper(2.5, 3, 40), 0.07325435201794983, 1e-10), "F 2.5 with 3 and 40");
	CHECK(unit_close(f_upper(0.2, 10, 5), 0.985131199591887, 1e-10), "F 0.2 with 10 and 5");
	CHECK(unit_close(f_upper(8, 2, 1e5), 0.00033567736978894853, 1e-9), "F 8 with 2 and 100000");
	CHECK(unit_close(cramer_von_mises_upper(0.05), 0.876280931041351, 1e-7), "Cramer-von Mises 0.05");
	CHECK(unit_close(cramer_von_mises_upper(0.3), 0.13517126880510733, 1e-6), "Cramer-von Mises 0.3");
	CHECK(unit_close(cramer_von_mises_upper(5.5), 2.4718910789956815e-13, 1e-8), "Cramer-von Mises 5.5");
	CHECK(unit_close(cramer_von_mises_upper(8), 9.01975625992776e-19, 1e-8), "Cramer-von Mises 8");
	CHECK(fabs(cramer_von_mises_upper(5) - cramer_von_mises_upper(5.0000001)) < 1e-12, "both forms of Cramer-von Mises meet");
	CHECK(unit_close(kuiper_upper(1.747), 0.05, 2e-3), "Kuiper's 5 %% point");
	CHECK(unit_close(harmonic(1000), 7.485470860550343, 1e-14) && unit_close(harmonic(3), 11.0 / 6, 1e-15), "harmonic numbers");
	CHECK(unit_close(harmonic_squares(1000), 1.6439345666815597, 1e-14) && unit_close(harmonic(50) + 1.0 / 51, harmonic(51), 1e-14),
		  "harmonic numbers of squares, and where the series begins");
}

static DriftPair *
pair_of(const double *baseline, size_t n, const double *current, size_t m, const DriftOptions *options)
{
	double	   *a = malloc((n + 1) * sizeof(double));
	double	   *b = malloc((m + 1) * sizeof(double));
	DriftPair  *pair;

	memcpy(a, baseline, n * sizeof(double));
	memcpy(b, current, m * sizeof(double));
	pair = drift_pair_of_numbers(unit_allocator(), options, a, n, 0, b, m, 0);
	free(a);
	free(b);
	return pair;
}

static double
statistic_of(const double *a, int n, const double *b, int m, DriftMetric metric)
{
	DriftPair  *pair = pair_of(a, (size_t) n, b, (size_t) m, NULL);
	DriftScore	score;

	drift_score(pair, metric, &score);
	drift_pair_free(pair);
	return score.value;
}

/* All ways to deal n + m different values out, one by one. */
static void
test_exact(DriftMetric metric, const char *name)
{
	bool		good = true;

	for (int round = 0; round < unit_rounds(20); round++)
	{
		double		a[8];
		double		b[8];
		int			n = 2 + (int) unit_random_below(4);
		int			m = 2 + (int) unit_random_below(5);
		int			all = 0;
		int			extreme = 0;
		unsigned	chosen = 0;
		double		reached = 0;
		DriftScore	score;
		DriftPair  *pair;

		while (__builtin_popcount(chosen) < n)
			chosen |= 1u << unit_random_below((uint64_t) (n + m));
		/* the first mask is the sample itself */
		for (int mask = -1; mask < 1 << (n + m); mask++)
		{
			unsigned	dealt = mask < 0 ? chosen : (unsigned) mask;
			int			k = 0;
			int			l = 0;
			double		value;

			if (__builtin_popcount(dealt) != n)
				continue;
			for (int i = 0; i < n + m; i++)
				if (dealt & (1u << i))
					a[k++] = i;
				else
					b[l++] = i;
			value = statistic_of(a, n, b, m, metric);
			if (mask < 0)
				reached = value;
			else
			{
				all++;
				extreme += value >= reached - 1e-9;
			}
		}
		for (int i = 0, k = 0, l = 0; i < n + m; i++)
			if (chosen & (1u << i))
				a[k++] = i;
			else
				b[l++] = i;
		pair = pair_of(a, (size_t) n, b, (size_t) m, NULL);
		drift_score(pair, metric, &score);
		EXPECT(&good, strstr(score.test, "exact") != NULL && unit_close(score.p_value, (double) extreme / all, 1e-9),
			   "n %d m %d: %.12g (%s), expected %.12g", n, m, score.p_value, score.test, (double) extreme / all);
		drift_pair_free(pair);
	}
	CHECK(good, "the exact p-value of %s is what enumeration gives", name);
}

static int
compare_numbers(const void *a, const void *b)
{
	double		left = *(const double *) a;
	double		right = *(const double *) b;

	return (left > right) - (left < right);
}

static void
test_sorting(void)
{
	static double values[20000];
	static double expected[20000];
	bool		good = true;

	for (int round = 0; round < unit_rounds(60); round++)
	{
		size_t		n = unit_random_below(20000);

		for (size_t i = 0; i < n; i++)
		{
			switch ((round + (int) (i % 3)) % 5)
			{
				case 0: values[i] = unit_random_normal(); break;
				case 1: values[i] = exp(unit_random_normal() * 100) * (unit_random_below(2) == 0 ? 1 : -1); break;
				case 2: values[i] = (double) unit_random_below(3); break;
				case 3: values[i] = unit_random_below(2) == 0 ? -0.0 : 0.0; break;
				default: values[i] = unit_random_below(50) == 0 ? -INFINITY : unit_random_below(50) == 0 ? INFINITY : 5e-324;
			}
			expected[i] = values[i];
		}
		sort_doubles(unit_allocator(), values, n);
		qsort(expected, n, sizeof(double), compare_numbers);
		for (size_t i = 0; i < n; i++)
			EXPECT(&good, values[i] == expected[i], "place %zu of %zu: %g, expected %g", i, n, values[i], expected[i]);
	}
	CHECK(good, "numbers are sorted: zeros of both signs, infinities, the smallest and the largest");
}

static void
test_adjustment(void)
{
	static const double p[] = {0.01, 0.04, NAN, 0.03, 0.005};
	static const double holm[] = {0.03, 0.06, NAN, 0.06, 0.02};
	static const double hochberg[] = {0.02, 0.04, NAN, 0.04, 0.02};
	static const struct
	{
		Adjustment	adjustment;
		const double *expected;
	} cases[] = {{ADJUST_NONE, p}, {ADJUST_HOLM, holm}, {ADJUST_BENJAMINI_HOCHBERG, hochberg}};

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
	{
		double		values[5];
		bool		good = true;

		memcpy(values, p, sizeof(values));
		adjust_p_values(unit_allocator(), values, 5, cases[c].adjustment);
		for (int i = 0; i < 5; i++)
			EXPECT(&good, isnan(values[i]) ? isnan(cases[c].expected[i]) : unit_close(values[i], cases[c].expected[i], 1e-14),
				   "%d: %g", i, values[i]);
		CHECK(good, "%s", adjustment_name(cases[c].adjustment));
	}
	CHECK(adjustment_find("BH") == ADJUST_BENJAMINI_HOCHBERG && adjustment_find("fdr_by") == ADJUST_BENJAMINI_YEKUTIELI &&
			  adjustment_find("b") < 0 && adjustment_find("") < 0,
		  "names of adjustments");
}

/* However numbers are cut, each row is in one cell, cells are in order, and the same samples score 0. */
static void
test_binnings(void)
{
	static double a[1500];
	static const double edges[] = {-1, 0, 0.5, 3};
	bool		good = true;

	for (int round = 0; round < unit_rounds(300); round++)
	{
		size_t		n = 1 + unit_random_below(1000);
		size_t		m = 1 + unit_random_below(500);
		int64_t		sums[2] = {0, 0};
		DriftOptions options;
		DriftPair  *pair;
		DriftScore	score;

		drift_options_default(&options);
		options.binning = round % 6;
		options.n_bins = 1 + (int) unit_random_below(40);
		options.pooled_range = unit_random_below(2) == 0;
		options.edges = edges;
		options.n_edges = 4;
		options.smoothing = (int) unit_random_below(3);
		for (size_t i = 0; i < n + m; i++)
			a[i] = round % 7 == 0                              ? 2.5
				: round % 7 == 1                               ? (double) unit_random_below(4)
				: round % 7 == 2 && unit_random_below(20) == 0 ? (unit_random_below(2) == 0 ? INFINITY : -INFINITY)
															   : unit_random_normal() * (i < n ? 1 : 2);
		pair = pair_of(a, n, a + n, m, &options);
		drift_make_cells(pair);
		for (size_t i = 0; i < pair->n_cells; i++)
		{
			sums[0] += pair->cells[i].n[0];
			sums[1] += pair->cells[i].n[1];
			EXPECT(&good,
				   pair->cells[i].lower <= pair->cells[i].upper && (i == 0 || pair->cells[i - 1].upper <= pair->cells[i].lower),
				   "order of cell %zu, binning %d", i, options.binning);
		}
		EXPECT(&good, sums[0] == (int64_t) n && sums[1] == (int64_t) m, "all rows are in the cells, binning %d: %ld of %zu",
			   options.binning, (long) sums[0], n);
		EXPECT(&good, options.binning != BINNING_GRID || pair->n_cells <= (size_t) options.n_bins + 2, "%zu cells of the grid",
			   pair->n_cells);
		drift_pair_free(pair);
		pair = pair_of(a, n, a, n, &options);
		for (int metric = 0; metric < DRIFT_N_METRICS; metric++)
		{
			if (!drift_metric_applies_to(metric, pair))
				continue;
			drift_score(pair, metric, &score);
			EXPECT(&good, !score.has_value || score.value == 0 || metric == DRIFT_ANDERSON_DARLING, "%s of equal samples: %g",
				   drift_metric_name(metric), score.value);
			EXPECT(&good, !score.has_value || !isnan(score.value), "%s is NaN", drift_metric_name(metric));
			EXPECT(&good, !score.has_p_value || (score.p_value >= 0 && score.p_value <= 1), "p of %s: %g",
				   drift_metric_name(metric), score.p_value);
			EXPECT(&good, score.verdict != VERDICT_WARNING && score.verdict != VERDICT_ALERT, "verdict of %s",
				   drift_metric_name(metric));
		}
		drift_pair_free(pair);
	}
	CHECK(good, "each way to cut numbers keeps every row, in order; equal samples score exactly 0");
}

static void
test_vectors(void)
{
	static double a[200 * 3];
	static double b[200 * 3];
	bool		good = true;

	for (int round = 0; round < unit_rounds(10); round++)
	{
		size_t		n = 1 + unit_random_below(100);
		size_t		m = 1 + unit_random_below(100);
		DriftOptions options;
		DriftPair  *pair;

		drift_options_default(&options);
		options.n_permutations = 19;
		options.max_rows = 50;
		for (size_t i = 0; i < n * 3; i++)
			a[i] = unit_random_below(40) == 0 ? NAN : unit_random_normal();
		for (size_t i = 0; i < m * 3; i++)
			b[i] = unit_random_below(40) == 0 ? NAN : unit_random_normal();
		pair = drift_pair_of_vectors(unit_allocator(), &options, 3, a, n, 0, b, m, 0);
		EXPECT(&good, pair->n_values[0] + pair->n_missing[0] == (int64_t) n, "vectors that are not finite are missing");
		for (int metric = 0; metric < DRIFT_N_METRICS; metric++)
		{
			DriftScore	score;

			if (!drift_metric_applies_to(metric, pair))
				continue;
			drift_score(pair, metric, &score);
			EXPECT(&good, !score.has_value || isfinite(score.value), "%s: %g", drift_metric_name(metric), score.value);
			EXPECT(&good, score.has_value || score.reason != NULL, "%s says why", drift_metric_name(metric));
			EXPECT(&good, !score.has_p_value || (score.p_value >= 0 && score.p_value <= 1), "p of %s: %g",
				   drift_metric_name(metric), score.p_value);
		}
		drift_pair_free(pair);
	}
	CHECK(good, "scores of vectors are numbers, or say why not");
}

int
main(void)
{
	test_distributions();
	test_exact(DRIFT_CRAMER_VON_MISES, "Cramer and von Mises");
	test_exact(DRIFT_MANN_WHITNEY, "Mann and Whitney");
	test_sorting();
	test_adjustment();
	test_binnings();
	test_vectors();
	CHECK(unit_allocated() == 0, "no memory is left");
	return unit_summary();
}
