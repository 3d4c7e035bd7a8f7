/*
 * test_drift.c
 *		Distributions against known values; scores that do not depend on how the samples came; bounds of what summaries lose.
 */
#include "unit.h"

#include "base/distributions.h"
#include "drift/drift.h"

/* Expected numbers: scipy.stats. */
static void
test_distributions(void)
{
	static const struct
	{
		double		x;
		double		degrees;
		double		upper;
	} chi_squares[] = {{3.841458820694124, 1, 0.05},      {16.918977604620448, 9, 0.05},      {0.1, 5, 0.9998376833880774},
					   {500, 100, 1.720121005369523e-54}, {1100, 1000, 0.014614408126295192}, {30, 3, 1.3800570312932547e-06}};
	bool		good = true;

	CHECK(unit_close(normal_quantile(0.975), 1.959963984540054, 1e-14), "normal quantile of 0.975");
	CHECK(unit_close(normal_quantile(1e-20), -9.262340089798408, 1e-13), "normal quantile of 1e-20");
	CHECK(unit_close(normal_two_sided(1.959963984540054), 0.05, 1e-13), "two-sided tail");
	for (int i = 1; i < 2000; i++)
	{
		double		p = i / 2000.0;

		EXPECT(&good, unit_close(1 - normal_upper(normal_quantile(p)), p, 1e-11), "p = %g", p);
	}
	CHECK(good, "the normal quantile inverts the distribution function");
	for (size_t i = 0; i < sizeof(chi_squares) / sizeof(chi_squares[0]); i++)
		CHECK(unit_close(chi_square_upper(chi_squares[i].x, chi_squares[i].degrees), chi_squares[i].upper, 1e-9),
			  "chi-square tail of %g at %g: %.12g", chi_squares[i].x, chi_squares[i].degrees,
			  chi_square_upper(chi_squares[i].x, chi_squares[i].degrees));
	CHECK(unit_close(kolmogorov_upper(1.3580986393225505), 0.05, 1e-12), "Kolmogorov tail of 1.358");
	CHECK(unit_close(kolmogorov_upper(0.5), 0.9639452436648751, 1e-12), "Kolmogorov tail of 0.5");
	CHECK(unit_close(kolmogorov_upper(0.999999999), kolmogorov_upper(1.000000001), 1e-7), "both series meet");
	CHECK(unit_close(fisher_exact(8, 2, 1, 5), 0.03496503496503495, 1e-12), "Fisher's exact test");
	CHECK(unit_close(fisher_exact(0, 5, 0, 7), 1, 1e-12), "Fisher's exact test of an empty column");
	CHECK(unit_close(fisher_exact(3, 1000000, 3, 1000000), 1, 1e-9), "Fisher's exact test of large numbers");
	CHECK(unit_close(fisher_exact(20000, 180000, 20300, 179700), 0.1162638933596486, 1e-9),
		  "Fisher's exact test of larger numbers");
	CHECK(unit_close(fisher_exact(1000000000, 3000000000, 1000080000, 2999920000), 0.0388721467176, 1e-9),
		  "Fisher's exact test of a billion rows ends");
	CHECK(fisher_exact(INT64_C(1) << 52, INT64_C(1) << 50, INT64_C(1) << 50, INT64_C(1) << 52) == 0,
		  "Fisher's exact test of any number of rows ends");
	CHECK(fisher_exact(INT64_C(1) << 52, INT64_C(1) << 50, INT64_C(1) << 52, INT64_C(1) << 50) == 1,
		  "Fisher's exact test of as many equal rows");
}

static double
value_of(DriftPair *pair, DriftMetric metric)
{
	DriftScore	score;

	drift_score(pair, metric, &score);
	return score.has_value ? score.value : NAN;
}

static DriftPair *
pair_with(const DriftOptions *options, const double *baseline, size_t n, const double *current, size_t m)
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

static DriftPair *
pair_of(const double *baseline, size_t n, const double *current, size_t m)
{
	return pair_with(NULL, baseline, n, current, m);
}

static Summary *
summary_of(const double *values, size_t n, int budget)
{
	Summary	   *summary = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, budget);

	summary_add_numbers(summary, values, n);
	return summary;
}

static void
fill(double *values, size_t n, int shape, double shift)
{
	for (size_t i = 0; i < n; i++)
	{
		switch (shape)
		{
			case 0: values[i] = unit_random_normal() + shift; break;
			case 1: values[i] = exp(unit_random_normal() * 2 + shift); break;
			case 2: values[i] = (double) unit_random_below(6) + floor(shift * 2); break;
			case 3: values[i] = unit_random_below(2) == 0 ? 0 : unit_random_normal() * 3 - shift; break;
			default: values[i] = 1000 + unit_random_uniform() + shift;
		}
	}
}

/* While summaries hold every value, they give what the values give; of arrays more tests are exact unless one says which. */
static void
test_summaries_equal_arrays(void)
{
	DriftOptions options;
	bool		good = true;

	drift_options_default(&options);

	for (int round = 0; round < unit_rounds(300); round++)
	{
		double		a[400];
		double		b[400];
		size_t		n = 1 + unit_random_below(400);
		size_t		m = 1 + unit_random_below(400);
		Summary	   *baseline;
		Summary	   *current;
		DriftPair  *by_value;
		DriftPair  *by_summary;

		fill(a, n, round % 5, 0);
		fill(b, m, round % 5, unit_random_uniform());
		for (size_t i = 0; i < m; i++)
			if (unit_random_below(50) == 0)
				b[i] = unit_random_below(2) == 0 ? NAN : -INFINITY;
		baseline = summary_of(a, n, 1024);
		current = summary_of(b, m, 1024);
		options.test = unit_random_below(2) == 0 ? TEST_EXACT : TEST_ASYMPTOTIC;
		by_value = pair_with(&options, a, n, b, m);
		by_summary = drift_pair_of_summaries(unit_allocator(), &options, baseline, current);
		for (int metric = 0; metric < DRIFT_N_METRICS; metric++)
		{
			DriftScore	x;
			DriftScore	y;

			if (!drift_metric_applies(metric, SUMMARY_NUMERIC))
				continue;
			drift_score(by_value, metric, &x);
			drift_score(by_summary, metric, &y);
			EXPECT(&good, x.has_p_value == y.has_p_value && (!x.has_p_value || fabs(x.p_value - y.p_value) < 1e-6),
				   "%s: p %.15g %.15g", drift_metric_name(metric), x.p_value, y.p_value);
			EXPECT(&good, x.status == y.status && x.verdict == y.verdict && x.has_value == y.has_value, "%s",
				   drift_metric_name(metric));
			EXPECT(&good, !x.has_value || unit_close(x.value, y.value, 1e-9), "%s: %.15g %.15g", drift_metric_name(metric), x.value,
				   y.value);
			EXPECT(&good, x.n[0] == y.n[0] && x.n[1] == y.n[1] && y.error_bound < 1e-12, "%s: n and bound",
				   drift_metric_name(metric));
		}
		drift_pair_free(by_value);
		drift_pair_free(by_summary);
		summary_free(baseline);
		summary_free(current);
	}
	CHECK(good, "summaries that hold every value give what the values give");
}

/* Where they hold bins, the error stays within the stated bound. */
static void
test_error_bounds(void)
{
	static double a[6000];
	static double b[6000];
	bool		good = true;
	double		largest = 0;
	int			n_bounded[DRIFT_N_METRICS] = {0};

	for (int round = 0; round < unit_rounds(60); round++)
	{
		size_t		n = 200 + unit_random_below(5000);
		size_t		m = 200 + unit_random_below(5000);
		Summary	   *baseline;
		Summary	   *current;
		DriftPair  *by_value;
		DriftPair  *by_summary;

		fill(a, n, round % 5, 0);
		fill(b, m, round % 5, unit_random_uniform() * unit_random_uniform());
		baseline = summary_of(a, n, 1 << (4 + round % 7));
		current = summary_of(b, m, 1 << (4 + unit_random_below(7)));
		by_value = pair_of(a, n, b, m);
		by_summary = drift_pair_of_summaries(unit_allocator(), NULL, baseline, current);
		for (DriftMetric metric = DRIFT_KOLMOGOROV_SMIRNOV; metric < DRIFT_N_METRICS; metric++)
		{
			DriftScore	x;
			DriftScore	y;

			if (!drift_metric_applies(metric, SUMMARY_NUMERIC) || drift_metric_uses_cells(metric))
				continue;
			drift_score(by_value, metric, &x);
			drift_score(by_summary, metric, &y);
			if (!x.has_value || !y.has_value || !y.has_error_bound)
				continue;
			n_bounded[metric]++;
			EXPECT(&good, fabs(x.value - y.value) <= y.error_bound + 1e-9 * fabs(x.value), "%s: %g %g ± %g, shape %d",
				   drift_metric_name(metric), x.value, y.value, y.error_bound, round % 5);
			if (metric == DRIFT_KOLMOGOROV_SMIRNOV && round % 7 == 6)
				largest = fmax(largest, fabs(x.value - y.value));
		}
		drift_pair_free(by_value);
		drift_pair_free(by_summary);
		summary_free(baseline);
		summary_free(current);
	}
	for (DriftMetric metric = DRIFT_KOLMOGOROV_SMIRNOV; metric < DRIFT_N_METRICS; metric++)
		if (drift_metric_applies(metric, SUMMARY_NUMERIC) && !drift_metric_uses_cells(metric) && metric != DRIFT_FISHER_EXACT &&
			metric != DRIFT_TWO_PROPORTION_Z)
			EXPECT(&good, n_bounded[metric] > 0, "%s has bounds", drift_metric_name(metric));
	CHECK(good, "scores of binned summaries lie within their error bounds (KS at 1024 bins: off by at most %.4f)", largest);
}

/* All ways to deal the pooled values out, one by one. */
static double
brute_force_p(const double *pooled, int n, int m, double reached)
{
	int			total = n + m;
	int			all = 0;
	int			extreme = 0;

	for (unsigned mask = 0; mask < 1u << total; mask++)
	{
		double		largest = 0;

		if (__builtin_popcount(mask) != n)
			continue;
		for (int i = 0; i < total; i++)
		{
			double		in_a = 0;
			double		in_b = 0;

			for (int j = 0; j < total; j++)
				if (pooled[j] <= pooled[i])
				{
					if (mask & (1u << j))
						in_a++;
					else
						in_b++;
				}
			largest = fmax(largest, fabs(in_a / n - in_b / m));
		}
		all++;
		if (largest >= reached - 1e-9)
			extreme++;
	}
	return (double) extreme / all;
}

static void
test_exact_kolmogorov(void)
{
	bool		good = true;

	for (int round = 0; round < unit_rounds(40); round++)
	{
		double		pooled[11] = {0};
		int			n = 1 + (int) unit_random_below(5);
		int			m = 1 + (int) unit_random_below(6);
		int			n_distinct = 2 + (int) unit_random_below(10);
		DriftPair  *pair;
		KolmogorovResult result;
		double		expected;

		for (int i = 0; i < n + m; i++)
			pooled[i] = (double) unit_random_below(n_distinct);
		pair = pair_of(pooled, n, pooled + n, m);
		drift_kolmogorov(pair, &result);
		expected = brute_force_p(pooled, n, m, result.distance);
		EXPECT(&good, result.is_exact && unit_close(result.p_value, expected, 1e-9), "n %d m %d D %g: %.12g, expected %.12g", n, m,
			   result.distance, result.p_value, expected);
		drift_pair_free(pair);
	}
	CHECK(good, "the exact Kolmogorov-Smirnov p-value, with ties, is what enumeration gives");
}

static void
test_constant_columns(void)
{
	double		constant[1000];
	double		moving[336];
	DriftPair  *pair;
	DriftScore	score;
	bool		good = true;
	int			n_undefined = 0;

	for (int i = 0; i < 1000; i++)
		constant[i] = 0.414912;
	fill(moving, 336, 0, 0);
	pair = pair_of(constant, 1000, constant, 336);
	for (int metric = 0; metric < DRIFT_N_METRICS; metric++)
	{
		if (!drift_metric_applies(metric, SUMMARY_NUMERIC))
			continue;
		drift_score(pair, metric, &score);
		EXPECT(&good,
			   score.status == SCORE_UNDEFINED ? !score.has_value && score.reason != NULL
											   : score.status == SCORE_OK && score.value == 0 && score.verdict == VERDICT_OK,
			   "%s: %g", drift_metric_name(metric), score.value);
		if (score.status == SCORE_UNDEFINED)
			n_undefined++;
	}
	drift_pair_free(pair);
	CHECK(good, "a constant beside the same constant scores exactly 0, verdict ok, or is undefined");
	CHECK(n_undefined == 6, "undefined are both t, both scores of two values, Anderson-Darling and Epps-Singleton: %d",
		  n_undefined);
	for (int direction = -1; direction <= 1; direction++)
	{
		for (int i = 0; i < 336; i++)
			moving[i] = 0.414912 + (direction == 0 ? (i % 2 == 0 ? 1 : -1) : direction) * (0.001 + unit_random_uniform());
		pair = pair_of(constant, 1000, moving, 336);
		drift_score(pair, DRIFT_PSI, &score);
		CHECK(score.value > 5 && score.verdict == VERDICT_ALERT, "a constant that begins to move (%d): psi %g", direction,
			  score.value);
		drift_score(pair, DRIFT_WASSERSTEIN, &score);
		CHECK(score.verdict == VERDICT_ALERT, "wasserstein too");
		drift_score(pair, DRIFT_WASSERSTEIN_NORMALIZED, &score);
		CHECK(score.status == SCORE_UNDEFINED && score.reason != NULL, "its normalised form is undefined: %s", score.reason);
		drift_pair_free(pair);
	}
}

static void
test_cells(void)
{
	static double a[5000];
	bool		good = true;

	for (int round = 0; round < unit_rounds(200); round++)
	{
		size_t		n = 1 + unit_random_below(4000);
		size_t		m = 1 + unit_random_below(1000);
		DriftPair  *pair;
		int64_t		sums[2] = {0, 0};

		fill(a, n, round % 5, 0);
		fill(a + n, m, round % 5, 0.5);
		pair = pair_of(a, n, a + n, m);
		drift_make_cells(pair);
		for (size_t i = 0; i < pair->n_cells; i++)
		{
			sums[0] += pair->cells[i].n[0];
			sums[1] += pair->cells[i].n[1];
			EXPECT(&good, pair->cells[i].kind != CELL_VALUES || pair->cells[i].lower <= pair->cells[i].upper, "ends");
			EXPECT(&good, i == 0 || pair->cells[i - 1].upper <= pair->cells[i].lower, "order");
			EXPECT(&good, pair->cells[i].n[0] > 0 || pair->cells[i].n[1] > 0, "no empty cell");
		}
		EXPECT(&good, sums[0] == (int64_t) n && sums[1] == (int64_t) m, "all rows are in the cells");
		if (round % 5 == 0 && n >= 100)
		{
			EXPECT(&good, pair->n_cells == 10, "%zu cells", pair->n_cells);
			for (size_t i = 0; i < pair->n_cells; i++)
				EXPECT(&good, fabs((double) pair->cells[i].n[0] - n / 10.0) <= 1, "cell %zu holds %ld of %zu", i,
					   (long) pair->cells[i].n[0], n);
		}
		drift_pair_free(pair);
	}
	CHECK(good, "cells are the deciles of the baseline and hold every row");
}

static DriftPair *
text_pair(const char *const *baseline, size_t n, const char *const *current, size_t m)
{
	DriftText	a[300];
	DriftText	b[300];

	for (size_t i = 0; i < n; i++)
		a[i] = (DriftText){baseline[i], strlen(baseline[i])};
	for (size_t i = 0; i < m; i++)
		b[i] = (DriftText){current[i], strlen(current[i])};
	return drift_pair_of_texts(unit_allocator(), NULL, a, n, 0, b, m, 0);
}

static void
test_categories(void)
{
	static const char *const names[] = {"a", "b", "c", "d", "", "\xc3\xa9"};
	bool		good = true;
	Summary	   *many[2];
	DriftPair  *pair;
	DriftScore	score;
	double		exact;

	for (int round = 0; round < unit_rounds(200); round++)
	{
		const char *a[300];
		const char *b[300];
		size_t		n = 10 + unit_random_below(290);
		size_t		m = 10 + unit_random_below(290);
		Summary	   *summaries[2];
		DriftPair  *by_summary;

		for (size_t i = 0; i < n; i++)
			a[i] = names[unit_random_below(5)];
		for (size_t i = 0; i < m; i++)
			b[i] = names[1 + unit_random_below(5)];
		for (int side = 0; side < 2; side++)
		{
			summaries[side] = summary_create(unit_allocator(), SUMMARY_CATEGORY, SUMMARY_PLAIN, 1024);
			for (size_t i = 0; i < (side == 0 ? n : m); i++)
			{
				const char *text = side == 0 ? a[i] : b[i];

				summary_add_category(summaries[side], text, strlen(text));
			}
		}
		pair = text_pair(a, n, b, m);
		by_summary = drift_pair_of_summaries(unit_allocator(), NULL, summaries[0], summaries[1]);
		for (int metric = 0; metric < DRIFT_N_METRICS; metric++)
			if (drift_metric_applies_to(metric, pair))
				EXPECT(&good, value_of(pair, metric) == value_of(by_summary, metric), "%s", drift_metric_name(metric));
		drift_pair_free(pair);
		drift_pair_free(by_summary);
		summary_free(summaries[0]);
		summary_free(summaries[1]);
	}
	CHECK(good, "summaries of categories give what the texts give");

	/* 3000 categories in a budget of 64: only a sample of them keeps its name */
	for (int side = 0; side < 2; side++)
	{
		many[side] = summary_create(unit_allocator(), SUMMARY_CATEGORY, SUMMARY_PLAIN, side == 0 ? 64 : 128);
		for (int i = 0; i < 30000; i++)
		{
			char		text[16];
			int			length = snprintf(text, sizeof(text), "%d", (int) unit_random_below(side == 0 ? 3000 : 2000));

			summary_add_category(many[side], text, (size_t) length);
		}
	}
	pair = drift_pair_of_summaries(unit_allocator(), NULL, many[0], many[1]);
	drift_score(pair, DRIFT_TOTAL_VARIATION, &score);
	exact = 1.0 / 3;
	CHECK(score.has_error_bound && score.value <= exact + 0.1 && exact <= score.value + score.error_bound + 0.1,
		  "total variation of a sample of categories: %g + %g", score.value, score.error_bound);
	drift_score(pair, DRIFT_PSI, &score);
	CHECK(score.status == SCORE_OK && !score.has_error_bound, "psi of a sample of categories states no bound");
	drift_pair_free(pair);
	summary_free(many[0]);
	summary_free(many[1]);
}

static void
test_edges(void)
{
	double		ten[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
	double		none[1] = {0};
	double		infinite[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, INFINITY};
	double		huge[10] = {-1.7e308, 1.7e308, 1.7e308, 4, 5, 6, 7, 8, 9, 1};
	DriftScore	score;
	DriftPair  *pair = pair_of(none, 0, ten, 10);
	bool		good = true;

	for (int metric = 0; metric < DRIFT_N_METRICS; metric++)
	{
		if (!drift_metric_applies(metric, SUMMARY_NUMERIC))
			continue;
		drift_score(pair, metric, &score);
		EXPECT(&good, score.status == SCORE_INSUFFICIENT && !score.has_value && score.verdict == VERDICT_NONE, "%s",
			   drift_metric_name(metric));
	}
	CHECK(good, "an empty baseline is insufficient, and gives no value");
	drift_pair_free(pair);
	pair = pair_of(ten, 9, ten, 10);
	drift_score(pair, DRIFT_PSI, &score);
	CHECK(score.status == SCORE_INSUFFICIENT && score.has_value, "nine rows are insufficient");
	drift_pair_free(pair);
	pair = pair_of(ten, 10, infinite, 10);
	drift_score(pair, DRIFT_WASSERSTEIN, &score);
	CHECK(score.status == SCORE_UNDEFINED && !score.has_value, "an infinite distance is undefined: %s", score.reason);
	drift_score(pair, DRIFT_KOLMOGOROV_SMIRNOV, &score);
	CHECK(score.status == SCORE_OK && unit_close(score.value, 0.1, 1e-12), "infinities have ranks");
	drift_pair_free(pair);
	pair = pair_of(huge, 10, ten, 10);
	drift_score(pair, DRIFT_WASSERSTEIN, &score);
	CHECK(score.status == SCORE_OK || score.reason != NULL, "huge values");
	drift_score(pair, DRIFT_PSI, &score);
	CHECK(score.status == SCORE_OK && isfinite(score.value), "psi of huge values: %g", score.value);
	drift_pair_free(pair);
	pair = drift_pair_of_numbers(unit_allocator(), NULL, ten, 10, 90, ten, 10, 0);
	drift_score(pair, DRIFT_PSI, &score);
	CHECK(score.verdict == VERDICT_ALERT && score.n[BASELINE] == 100, "missing values count: psi %g", score.value);
	drift_score(pair, DRIFT_KOLMOGOROV_SMIRNOV, &score);
	CHECK(score.value == 0 && score.n[BASELINE] == 10, "but not for Kolmogorov-Smirnov");
	drift_pair_free(pair);
	pair = drift_pair_of_numbers(unit_allocator(), NULL, none, 0, 50, ten, 10, 0);
	drift_score(pair, DRIFT_PSI, &score);
	CHECK(score.verdict == VERDICT_ALERT, "a column that was all missing and is no longer: psi %g", score.value);
	drift_pair_free(pair);
	CHECK(drift_metric_find("ks") == DRIFT_KOLMOGOROV_SMIRNOV && drift_metric_find("nothing") < 0, "names and short names");
}

/* With equal distributions a verdict other than ok is rare, at any size. */
static void
test_false_alarms(void)
{
	static double a[3000];
	static double b[3000];
	int			alarms = 0;
	int			rounds = unit_rounds(400);

	for (int round = 0; round < rounds; round++)
	{
		size_t		n = 20 + unit_random_below(2980);
		size_t		m = 20 + unit_random_below(980);
		DriftPair  *pair;
		DriftScore	score;

		fill(a, n, round % 5, 0);
		fill(b, m, round % 5, 0);
		pair = pair_of(a, n, b, m);
		drift_score(pair, DRIFT_PSI, &score);
		if (score.verdict != VERDICT_OK)
			alarms++;
		drift_pair_free(pair);
	}
	CHECK(alarms <= rounds / 12, "equal distributions alarm in %d of %d", alarms, rounds);
}

int
main(void)
{
	test_distributions();
	test_summaries_equal_arrays();
	test_error_bounds();
	test_exact_kolmogorov();
	test_constant_columns();
	test_cells();
	test_categories();
	test_edges();
	test_false_alarms();
	CHECK(unit_allocated() == 0, "no memory is left");
	return unit_summary();
}
