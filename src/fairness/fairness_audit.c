/*
 * fairness_audit.c
 *		Clarify's catalogue, inequality, differential fairness, shrinking.
 */
#include "fairness/fairness_audit.h"

#include <math.h>

const ClarifyMetric clarify_metrics[CLARIFY_N_METRICS] = {
	{"CI", "class imbalance", true, 0},
	{"DPL", "difference in proportions of labels", true, 0},
	{"KL", "Kullback-Leibler divergence of labels", true, 0},
	{"JS", "Jensen-Shannon divergence of labels", true, 0},
	{"LP", "L2 norm of the labels' difference", true, 0},
	{"TVD", "total variation distance of labels", true, 0},
	{"KS", "Kolmogorov-Smirnov distance of labels", true, 0},
	{"DPPL", "difference in positive proportions in predicted labels", false, 0},
	{"DI", "disparate impact", false, 1},
	{"DCA", "difference in conditional acceptance", false, 0},
	{"DCR", "difference in conditional rejection", false, 0},
	{"RD", "recall difference", false, 0},
	{"SD", "specificity difference", false, 0},
	{"DAR", "difference in acceptance rates", false, 0},
	{"DRR", "difference in rejection rates", false, 0},
	{"AD", "accuracy difference", false, 0},
	{"TE", "treatment equality", false, 0},
};

static double
rate_of(const FairnessGroup *group, FairnessRate rate)
{
	Proportion	proportion = fairness_rate(group, rate);

	return proportion.trials == 0 ? NAN : (double) proportion.successes / (double) proportion.trials;
}

static double
quotient(int64_t numerator, int64_t denominator)
{
	return denominator == 0 ? NAN : (double) numerator / (double) denominator;
}

static double
divergence_term(double p, double q)
{
	return p == 0 ? 0 : q == 0 ? INFINITY : p * log(p / q);
}

/* Labelled positive per predicted positive, of rows with both known; the same of negatives. */
static double
conditional(const FairnessGroup *group, Outcome outcome)
{
	const int64_t(*c)[3] = group->counts;
	Outcome		other = outcome == OUTCOME_POSITIVE ? OUTCOME_NEGATIVE : OUTCOME_POSITIVE;

	return quotient(c[OUTCOME_NEGATIVE][outcome] + c[OUTCOME_POSITIVE][outcome], c[outcome][outcome] + c[outcome][other]);
}

/* Wrongly refused per wrongly accepted. */
static double
treatment(const FairnessGroup *group)
{
	return quotient(group->counts[OUTCOME_NEGATIVE][OUTCOME_POSITIVE], group->counts[OUTCOME_POSITIVE][OUTCOME_NEGATIVE]);
}

void
fairness_clarify(const FairnessGroup *advantaged, const FairnessGroup *group, double values[CLARIFY_N_METRICS])
{
	double		n_a = (double) fairness_group_size(advantaged);
	double		n_d = (double) fairness_group_size(group);
	double		a = rate_of(advantaged, RATE_BASE);
	double		d = rate_of(group, RATE_BASE);
	double		middle = (a + d) / 2;
	double		selected_a = rate_of(advantaged, RATE_SELECTION);
	double		selected_d = rate_of(group, RATE_SELECTION);
	int			i = 0;

	values[i++] = n_a + n_d == 0 ? NAN : (n_a - n_d) / (n_a + n_d);
	values[i++] = a - d;
	values[i++] = divergence_term(a, d) + divergence_term(1 - a, 1 - d);
	values[i++] = (divergence_term(a, middle) + divergence_term(1 - a, 1 - middle) + divergence_term(d, middle) +
				   divergence_term(1 - d, 1 - middle)) /
		2;
	values[i++] = sqrt(2.0) * fabs(a - d);
	values[i++] = fabs(a - d);
	values[i++] = fabs(a - d);
	values[i++] = selected_a - selected_d;
	values[i++] = selected_a == 0 ? NAN : selected_d / selected_a;
	values[i++] = conditional(advantaged, OUTCOME_POSITIVE) - conditional(group, OUTCOME_POSITIVE);
	values[i++] = conditional(group, OUTCOME_NEGATIVE) - conditional(advantaged, OUTCOME_NEGATIVE);
	values[i++] = rate_of(advantaged, RATE_TRUE_POSITIVE) - rate_of(group, RATE_TRUE_POSITIVE);
	values[i++] = rate_of(group, RATE_TRUE_NEGATIVE) - rate_of(advantaged, RATE_TRUE_NEGATIVE);
	values[i++] = rate_of(advantaged, RATE_POSITIVE_PREDICTIVE) - rate_of(group, RATE_POSITIVE_PREDICTIVE);
	values[i++] = rate_of(group, RATE_NEGATIVE_PREDICTIVE) - rate_of(advantaged, RATE_NEGATIVE_PREDICTIVE);
	values[i++] = rate_of(advantaged, RATE_ACCURACY) - rate_of(group, RATE_ACCURACY);
	values[i++] = treatment(group) - treatment(advantaged);
	for (i = 0; i < CLARIFY_N_METRICS; i++)
		if (isinf(values[i]))
			values[i] = NAN;
}

/* ---- inequality ---- */

/* The contribution of n rows with the same benefit relative to the mean. */
static double
entropy_term(double n, double relative, double alpha)
{
	if (n == 0)
		return 0;
	if (alpha == 1)
		return relative == 0 ? 0 : n * relative * log(relative);
	if (alpha == 0)
		return relative == 0 ? INFINITY : -n * log(relative);
	return n * (pow(relative, alpha) - 1) / (alpha * (alpha - 1));
}

void
fairness_inequality(const FairnessGroup *groups, size_t n_groups, double alpha, Inequality *inequality)
{
	double		counts[3] = {0, 0, 0}; /* by benefit */
	double		n;
	double		mean;
	double		between = 0;

	for (size_t i = 0; i < n_groups; i++)
	{
		const int64_t(*c)[3] = groups[i].counts;

		counts[0] += (double) c[OUTCOME_NEGATIVE][OUTCOME_POSITIVE];
		counts[1] += (double) (c[OUTCOME_NEGATIVE][OUTCOME_NEGATIVE] + c[OUTCOME_POSITIVE][OUTCOME_POSITIVE]);
		counts[2] += (double) c[OUTCOME_POSITIVE][OUTCOME_NEGATIVE];
	}
	n = counts[0] + counts[1] + counts[2];
	mean = (counts[1] + 2 * counts[2]) / n;
	inequality->n = (int64_t) n;
	inequality->total = inequality->between = NAN;
	if (n == 0 || mean == 0)
		return;
	inequality->total = 0;
	for (int benefit = 0; benefit < 3; benefit++)
		inequality->total += entropy_term(counts[benefit], benefit / mean, alpha) / n;
	for (size_t i = 0; i < n_groups; i++)
	{
		const int64_t(*c)[3] = groups[i].counts;
		double		rows = (double) (c[0][0] + c[0][1] + c[1][0] + c[1][1]);
		double		benefit = (double) (c[OUTCOME_NEGATIVE][OUTCOME_NEGATIVE] + c[OUTCOME_POSITIVE][OUTCOME_POSITIVE] +
								   2 * c[OUTCOME_POSITIVE][OUTCOME_NEGATIVE]);

		if (rows > 0)
			between += entropy_term(rows, benefit / rows / mean, alpha) / n;
	}
	inequality->between = between;
	if (isinf(inequality->total))
		inequality->total = NAN;
	if (isinf(inequality->between))
		inequality->between = NAN;
}

/* ---- differential fairness ---- */

void
fairness_differential(const FairnessGroup *groups, size_t n_groups, FairnessRate rate, double concentration,
					  DifferentialFairness *result)
{
	double		least[2] = {INFINITY, INFINITY};
	double		most[2] = {-INFINITY, -INFINITY};
	size_t		least_group[2] = {0, 0};
	size_t		most_group[2] = {0, 0};
	int			n_known = 0;

	result->epsilon = NAN;
	for (size_t i = 0; i < n_groups; i++)
	{
		Proportion	proportion = fairness_rate(&groups[i], rate);
		double		logs[2];

		if (proportion.trials == 0)
			continue;
		n_known++;
		logs[1] = log(((double) proportion.successes + concentration / 2) / ((double) proportion.trials + concentration));
		logs[0] = log(((double) (proportion.trials - proportion.successes) + concentration / 2) /
					  ((double) proportion.trials + concentration));
		for (int outcome = 0; outcome < 2; outcome++)
		{
			if (logs[outcome] < least[outcome])
			{
				least[outcome] = logs[outcome];
				least_group[outcome] = i;
			}
			if (logs[outcome] > most[outcome])
			{
				most[outcome] = logs[outcome];
				most_group[outcome] = i;
			}
		}
	}
	if (n_known < 2)
		return;
	for (int outcome = 0; outcome < 2; outcome++)
		if (isnan(result->epsilon) || most[outcome] - least[outcome] > result->epsilon)
		{
			result->epsilon = most[outcome] - least[outcome];
			/* Of the negative outcome, the least of which is the most of the positive one. */
			result->lowest = outcome == 1 ? least_group[1] : most_group[0];
			result->highest = outcome == 1 ? most_group[1] : least_group[0];
		}
}

/* ---- shrinking ---- */

/* Method of moments of the beta-binomial, Kleinman (1973), with weights by group size. */
double
fairness_shrink(const Proportion *rates, size_t n, double *shrunk)
{
	double		total = 0;
	double		squares = 0;
	double		successes = 0;
	double		spread = 0;
	double		mean;
	double		strength = INFINITY;
	double		between;
	size_t		n_known = 0;

	for (size_t i = 0; i < n; i++)
	{
		double		trials = (double) rates[i].trials;

		total += trials;
		squares += trials * trials;
		successes += (double) rates[i].successes;
		n_known += rates[i].trials > 0;
	}
	mean = successes / total;
	for (size_t i = 0; i < n; i++)
		if (rates[i].trials > 0)
		{
			double		gap = (double) rates[i].successes / (double) rates[i].trials - mean;

			spread += (double) rates[i].trials * gap * gap;
		}
	/* What the groups differ by beyond the chance of each. */
	if (n_known > 1 && mean > 0 && mean < 1)
	{
		between = (spread - mean * (1 - mean) * ((double) n_known - 1)) / (total - squares / total - ((double) n_known - 1));
		if (between > 0)
			strength = fmax(0, mean * (1 - mean) / between - 1);
	}
	for (size_t i = 0; i < n; i++)
	{
		double		trials = (double) rates[i].trials;

		shrunk[i] = total == 0 ? NAN
			: isinf(strength)  ? mean
							   : ((double) rates[i].successes + strength * mean) / (trials + strength);
		if (isinf(strength) == 0 && trials + strength == 0)
			shrunk[i] = mean;
	}
	return strength;
}
