/*
 * fairness_permutation.c
 *		Permutation tests of the metrics, from the counts alone.
 *
 * Dealing rows out anew to groups of the same sizes changes nothing but how many of a rate's successes fall to each group: these
 * numbers are multivariate hypergeometric, so no row is needed.  Of a metric of two rates (true and false positive ones) each is
 * dealt out among the rows that it counts.
 */
#include "fairness/fairness_permutation.h"

#include <math.h>

#include "fairness/fairness_draw.h"
#include "fairness/fairness_proportions.h"

static void
deal(const Proportion *rates, size_t n, Proportion *dealt, uint64_t *state)
{
	int64_t		successes = 0;
	int64_t		trials = 0;

	for (size_t i = 0; i < n; i++)
	{
		successes += rates[i].successes;
		trials += rates[i].trials;
	}
	for (size_t i = 0; i < n; i++)
	{
		int64_t		own = i + 1 == n ? successes : draw_successes(successes, trials, rates[i].trials, state);

		dealt[i] = (Proportion){own, rates[i].trials};
		successes -= own;
		trials -= rates[i].trials;
	}
}

static bool
is_as_far(int metric, double value, double observed)
{
	/* Equal but for rounding counts as equal. */
	double		slack = 1e-12 * fmax(1, fabs(observed));

	return fairness_metric_is_ratio(metric) ? value <= observed + slack : value >= observed - slack;
}

void
fairness_permutation_start(FairnessPermutation *test, int metric, const FairnessGroup *groups, size_t n_groups,
						   int64_t min_group_size, uint64_t seed, Allocator allocator)
{
	size_t		size = (n_groups + 1) * sizeof(Proportion);
	bool		any_small = false;

	*test = (FairnessPermutation){.metric = metric, .state = seed, .allocator = allocator, .size = size, .status = SCORE_UNDEFINED};
	for (int i = 0; i < 2; i++)
	{
		test->rates[i] = allocator.resize(allocator.context, NULL, 0, size);
		test->dealt[i] = allocator.resize(allocator.context, NULL, 0, size);
	}
	for (size_t i = 0; i < n_groups; i++)
	{
		Proportion	proportions[2] = {{0, 0}, {0, 0}};
		int64_t		n = fairness_metric_rates(metric, &groups[i], proportions);

		any_small = any_small || (n > 0 && n < min_group_size);
		if (n == 0 || n < min_group_size)
			continue;
		test->rates[0][test->n_groups] = proportions[0];
		test->rates[1][test->n_groups] = proportions[1];
		test->n += n;
		test->n_groups++;
	}
	if (test->n_groups < 2)
		test->status = any_small ? SCORE_INSUFFICIENT : SCORE_UNDEFINED;
	else if (fairness_overall_value(metric, test->rates, test->n_groups, &test->value))
		test->status = SCORE_OK;
}

void
fairness_permutation_step(FairnessPermutation *test)
{
	double		value;

	for (int i = 0; i < 2; i++)
		if (test->rates[i][0].trials > 0)
			deal(test->rates[i], test->n_groups, test->dealt[i], &test->state);
	test->n_permutations++;
	/* A value that does not exist is as far as can be. */
	if (!fairness_overall_value(test->metric, test->dealt, test->n_groups, &value) || is_as_far(test->metric, value, test->value))
		test->n_as_far++;
}

double
fairness_permutation_p_value(const FairnessPermutation *test)
{
	return (double) (test->n_as_far + 1) / (double) (test->n_permutations + 1);
}

void
fairness_permutation_free(FairnessPermutation *test)
{
	for (int i = 0; i < 2; i++)
	{
		test->allocator.resize(test->allocator.context, test->rates[i], test->size, 0);
		test->allocator.resize(test->allocator.context, test->dealt[i], test->size, 0);
	}
}
