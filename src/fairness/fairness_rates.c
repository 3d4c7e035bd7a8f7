/*
 * fairness_rates.c
 *		Rates of one group, and what can be said of two proportions: intervals and tests.
 */
#include "fairness/fairness_proportions.h"

#include <math.h>

#include "base/distributions.h"

bool
fairness_group_is_valid(const FairnessGroup *group)
{
	for (int i = 0; i < 9; i++)
		if (group->counts[i / 3][i % 3] < 0)
			return false;
	return true;
}

int64_t
fairness_group_size(const FairnessGroup *group)
{
	int64_t		size = 0;

	for (int i = 0; i < 9; i++)
		size += group->counts[i / 3][i % 3];
	return size;
}

static Proportion
proportion_of(int64_t successes, int64_t failures)
{
	return (Proportion){successes, successes + failures};
}

Proportion
fairness_rate(const FairnessGroup *group, FairnessRate rate)
{
	const int64_t(*counts)[3] = group->counts;
	int64_t		true_negative = counts[OUTCOME_NEGATIVE][OUTCOME_NEGATIVE];
	int64_t		false_negative = counts[OUTCOME_NEGATIVE][OUTCOME_POSITIVE];
	int64_t		false_positive = counts[OUTCOME_POSITIVE][OUTCOME_NEGATIVE];
	int64_t		true_positive = counts[OUTCOME_POSITIVE][OUTCOME_POSITIVE];

	if (!fairness_group_is_valid(group))
		return (Proportion){0, 0};
	switch (rate)
	{
		case RATE_SELECTION:
			return proportion_of(true_positive + false_positive + counts[OUTCOME_POSITIVE][OUTCOME_UNKNOWN],
								 true_negative + false_negative + counts[OUTCOME_NEGATIVE][OUTCOME_UNKNOWN]);
		case RATE_BASE:
			return proportion_of(true_positive + false_negative + counts[OUTCOME_UNKNOWN][OUTCOME_POSITIVE],
								 true_negative + false_positive + counts[OUTCOME_UNKNOWN][OUTCOME_NEGATIVE]);
		case RATE_ACCURACY: return proportion_of(true_positive + true_negative, false_positive + false_negative);
		case RATE_TRUE_POSITIVE: return proportion_of(true_positive, false_negative);
		case RATE_FALSE_POSITIVE: return proportion_of(false_positive, true_negative);
		case RATE_TRUE_NEGATIVE: return proportion_of(true_negative, false_positive);
		case RATE_FALSE_NEGATIVE: return proportion_of(false_negative, true_positive);
		case RATE_POSITIVE_PREDICTIVE: return proportion_of(true_positive, false_positive);
		case RATE_NEGATIVE_PREDICTIVE: return proportion_of(true_negative, false_negative);
		case RATE_FALSE_DISCOVERY: return proportion_of(false_positive, true_positive);
		case RATE_FALSE_OMISSION: return proportion_of(false_negative, true_negative);
		case RATE_ERROR: return proportion_of(false_positive + false_negative, true_positive + true_negative);
		case RATE_FALSE_NEGATIVES_OF_ERRORS: return proportion_of(false_negative, false_positive);
	}
	return (Proportion){0, 0};
}

double
proportion_value(Proportion proportion)
{
	return (double) proportion.successes / (double) proportion.trials;
}

/* Wilson (1927), without continuity correction. The ends are exact where no or every trial succeeded. */
void
wilson_interval(Proportion proportion, double z, double *low, double *high)
{
	double		n = (double) proportion.trials;
	double		p = proportion_value(proportion);
	double		scale = 1 / (1 + z * z / n);
	double		centre = (p + z * z / (2 * n)) * scale;
	double		half = z * scale * sqrt(p * (1 - p) / n + z * z / (4 * n * n));

	*low = proportion.successes == 0 ? 0 : fmax(0, centre - half);
	*high = proportion.successes == proportion.trials ? 1 : fmin(1, centre + half);
}

/* Newcombe (1998), method 10: the hybrid of two Wilson intervals. */
void
difference_interval(Proportion group, Proportion reference, double z, double *low, double *high)
{
	double		p = proportion_value(group);
	double		q = proportion_value(reference);
	double		p_low;
	double		p_high;
	double		q_low;
	double		q_high;

	wilson_interval(group, z, &p_low, &p_high);
	wilson_interval(reference, z, &q_low, &q_high);
	*low = p - q - hypot(p - p_low, q_high - q);
	*high = p - q + hypot(p_high - p, q - q_low);
}

/*
 * Katz et al. (1978): normal on the log scale.  Where a count is none or all of its trials the variance estimate breaks down,
 * and half a success and half a failure are added to both groups; the ratio itself always lies in the interval.
 */
void
ratio_interval(Proportion group, Proportion reference, double z, double *low, double *high)
{
	bool		broken = group.successes == 0 || group.successes == group.trials || reference.successes == reference.trials;
	double		half = broken ? 0.5 : 0;
	double		x = (double) group.successes + half;
	double		y = (double) reference.successes + half;
	double		n = (double) group.trials + 2 * half;
	double		m = (double) reference.trials + 2 * half;
	double		ratio = proportion_value(group) / proportion_value(reference);
	double		log_ratio = log(x / n) - log(y / m);
	double		error = sqrt(1 / x - 1 / n + 1 / y - 1 / m);

	*low = fmin(ratio, exp(log_ratio - z * error));
	*high = fmax(ratio, exp(log_ratio + z * error));
}

/* Woolf (1955): normal on the log scale; where a count is 0, half a row is added to each of the four (Haldane 1956). */
void
odds_ratio_interval(Proportion group, Proportion reference, double z, double *low, double *high)
{
	double		counts[4] = {(double) group.successes, (double) (group.trials - group.successes), (double) reference.successes,
						(double) (reference.trials - reference.successes)};
	double		ratio = counts[0] / counts[1] / (counts[2] / counts[3]);
	bool		broken = counts[0] == 0 || counts[1] == 0 || counts[2] == 0 || counts[3] == 0;
	double		variance = 0;
	double		log_ratio;

	for (int i = 0; i < 4; i++)
	{
		counts[i] += broken ? 0.5 : 0;
		variance += 1 / counts[i];
	}
	log_ratio = log(counts[0] / counts[1]) - log(counts[2] / counts[3]);
	*low = fmin(ratio, exp(log_ratio - z * sqrt(variance)));
	*high = fmax(ratio, exp(log_ratio + z * sqrt(variance)));
}

/* Odds rise with the rate, so Wilson's ends give those of the odds; distances add like standard errors (Zou and Donner 2008). */
void
odds_difference_interval(Proportion group, Proportion reference, double z, double *low, double *high)
{
	double		p = proportion_value(group);
	double		q = proportion_value(reference);
	double		ends[4];
	double		difference;

	wilson_interval(group, z, &ends[0], &ends[1]);
	wilson_interval(reference, z, &ends[2], &ends[3]);
	for (int i = 0; i < 4; i++)
		ends[i] = ends[i] / (1 - ends[i]);
	p = p / (1 - p);
	q = q / (1 - q);
	difference = p - q;
	*low = difference - hypot(p - ends[0], ends[3] - q);
	*high = difference + hypot(ends[1] - p, q - ends[2]);
}

double
pooled_variance(Proportion group, Proportion reference)
{
	double		n = (double) group.trials;
	double		m = (double) reference.trials;
	double		pooled = ((double) group.successes + (double) reference.successes) / (n + m);

	return pooled * (1 - pooled) * (1 / n + 1 / m);
}

/*
 * The two-proportion z test with pooled variance; Fisher's exact test where a cell of the table is expected to hold fewer than
 * five.
 */
double
same_proportion_p_value(Proportion group, Proportion reference)
{
	double		n = (double) group.trials;
	double		m = (double) reference.trials;
	double		pooled = ((double) group.successes + (double) reference.successes) / (n + m);
	double		smallest = fmin(n, m) * fmin(pooled, 1 - pooled);

	if (pooled <= 0 || pooled >= 1)
		return 1;
	if (smallest < 5)
		return fisher_exact(group.successes, group.trials - group.successes, reference.successes,
							reference.trials - reference.successes);
	return normal_two_sided((proportion_value(group) - proportion_value(reference)) / sqrt(pooled_variance(group, reference)));
}

/* Pearson's chi-square test that all proportions are equal; of two, the test above. */
double
same_proportions_p_value(const Proportion *proportions, size_t n)
{
	double		successes = 0;
	double		trials = 0;
	double		pooled;
	double		statistic = 0;

	if (n == 2)
		return same_proportion_p_value(proportions[0], proportions[1]);
	for (size_t i = 0; i < n; i++)
	{
		successes += (double) proportions[i].successes;
		trials += (double) proportions[i].trials;
	}
	pooled = successes / trials;
	if (pooled <= 0 || pooled >= 1)
		return 1;
	for (size_t i = 0; i < n; i++)
	{
		double		gap = proportion_value(proportions[i]) - pooled;

		statistic += (double) proportions[i].trials * gap * gap / (pooled * (1 - pooled));
	}
	return chi_square_upper(statistic, (double) n - 1);
}
