/*
 * fairness_tests.c
 *		Student's t of outcomes that are 0 or 1, from counts.
 */
#include "fairness/fairness_tests.h"

#include <math.h>

#include "base/distributions.h"
#include "fairness/fairness_proportions.h"

const char *const proportion_test_names[N_PROPORTION_TESTS] = {"proportions", "welch", "brown_forsythe"};

static double
sample_variance(Proportion x)
{
	double		p = proportion_value(x);

	return p * (1 - p) * (double) x.trials / (double) (x.trials - 1);
}

static double
t_test(Proportion a, Proportion b, bool one_variance)
{
	double		n = (double) a.trials;
	double		m = (double) b.trials;
	double		u = sample_variance(a);
	double		v = sample_variance(b);
	double		difference = proportion_value(a) - proportion_value(b);
	double		error = one_variance ? ((n - 1) * u + (m - 1) * v) / (n + m - 2) * (1 / n + 1 / m) : u / n + v / m;
	double		freedom = one_variance ? n + m - 2 : error * error / (u * u / (n * n * (n - 1)) + v * v / (m * m * (m - 1)));

	return error > 0 ? student_two_sided(difference / sqrt(error), freedom) : NAN;
}

/* Distances of the outcomes from their median: so many ones, the rest zeros; all alike where as many failed as succeeded. */
static Proportion
distances(Proportion x)
{
	int64_t		failures = x.trials - x.successes;

	return (Proportion){x.successes == failures ? 0 : x.successes < failures ? x.successes : failures, x.trials};
}

static bool
variances_differ(Proportion a, Proportion b, double significance)
{
	Proportion	x = distances(a);
	Proportion	y = distances(b);
	double		n = (double) x.trials;
	double		m = (double) y.trials;
	/* Where outcomes are halved every distance is one half. */
	double		mean_a = 2 * a.successes == a.trials ? 0.5 : proportion_value(x);
	double		mean_b = 2 * b.successes == b.trials ? 0.5 : proportion_value(y);
	double		within = (n - 1) * sample_variance(x) + (m - 1) * sample_variance(y);
	double		between = n * m / (n + m) * (mean_a - mean_b) * (mean_a - mean_b);

	/* Distances that do not vary tell nothing of one variance for both. */
	if (within <= 0)
		return true;
	return f_upper(between / within * (n + m - 2), 1, n + m - 2) < significance;
}

double
proportion_test(ProportionTest test, Proportion a, Proportion b, double significance)
{
	if (a.trials == 0 || b.trials == 0)
		return NAN;
	if (test == TEST_PROPORTIONS)
		return same_proportion_p_value(a, b);
	if (a.trials < 2 || b.trials < 2)
		return NAN;
	return t_test(a, b, test == TEST_BROWN_FORSYTHE && !variances_differ(a, b, significance));
}
