/*
 * drift_proportions.c
 *		Tests of a binary column: Fisher's exact test, and that of two proportions.
 */
#include "drift/drift.h"

#include <math.h>

#include "base/distributions.h"

bool
drift_two_values(const DriftPair *pair, int64_t successes[2], int64_t totals[2])
{
	size_t		n = pair->kind == SUMMARY_NUMERIC ? pair->n_bins : pair->n_categories;

	if (n != 2 || pair->is_binned || pair->n_other[BASELINE] != 0 || pair->n_other[CURRENT] != 0)
		return false;
	for (int side = 0; side < 2; side++)
	{
		successes[side] = pair->kind == SUMMARY_NUMERIC ? pair->bins[1].n[side] : pair->categories[1].n[side];
		totals[side] = pair->n_values[side];
	}
	return true;
}

/* Both have Cohen's h, the difference of the angles, as their effect size. */
void
drift_score_proportions(DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	int64_t		successes[2];
	int64_t		totals[2];
	double		share[2];
	double		n;
	double		m;
	double		pooled;
	double		error;
	double		root;

	if (!drift_two_values(pair, successes, totals))
	{
		drift_undefined(score, "the samples do not have exactly two values");
		return;
	}
	n = (double) totals[BASELINE];
	m = (double) totals[CURRENT];
	for (int side = 0; side < 2; side++)
		share[side] = score->level[side] = (double) successes[side] / (double) totals[side];
	pooled = (double) (successes[BASELINE] + successes[CURRENT]) / (n + m);
	error = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m));
	score->has_value = true;
	score->has_statistic = true;
	score->has_p_value = true;
	score->has_level = true;
	score->has_error_bound = true;
	if (metric == DRIFT_FISHER_EXACT)
	{
		double		bottom = (double) (totals[BASELINE] - successes[BASELINE]) * (double) successes[CURRENT];

		score->value = fabs(2 * asin(sqrt(share[CURRENT])) - 2 * asin(sqrt(share[BASELINE])));
		/* the odds ratio of baseline to current */
		score->statistic = (double) successes[BASELINE] * (double) (totals[CURRENT] - successes[CURRENT]) / bottom;
		score->has_statistic = bottom > 0;
		score->test = "fisher_exact";
		score->p_value = fisher_exact(successes[BASELINE], totals[BASELINE] - successes[BASELINE], successes[CURRENT],
									  totals[CURRENT] - successes[CURRENT]);
		return;
	}
	score->statistic = (share[BASELINE] - share[CURRENT]) / error;
	score->value = fabs(score->statistic);
	score->has_standard_error = true;
	score->standard_error = error;
	score->test = "two_proportion_z";
	score->p_value = normal_two_sided(score->value);
	/* h is close to the difference over sqrt(p (1 - p)) */
	root = sqrt(n / (n + m) * m);
	score->threshold *= root;
	score->warning_threshold *= root;
}
