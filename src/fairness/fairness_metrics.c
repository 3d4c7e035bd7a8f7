/*
 * fairness_metrics.c
 *		Differences and ratios of rates, between a group and the reference and over all groups.
 */
#include "fairness/fairness_metrics.h"

#include <math.h>
#include <string.h>

#include "base/distributions.h"
#include "fairness/fairness_proportions.h"

typedef enum Form
{
	FORM_DIFFERENCE,			/* of one rate */
	FORM_RATIO,					/* of one rate */
	FORM_WORST_DIFFERENCE,		/* the larger of two differences in size */
	FORM_WORST_RATIO,			/* the one of two ratios that is farther from 1 */
	FORM_MEAN_DIFFERENCE,		/* the mean of two differences */
	FORM_MEAN_SIZE,				/* the mean of the sizes of two differences */
	FORM_ODDS_DIFFERENCE,		/* of the odds of one rate */
	FORM_ODDS_RATIO
} Form;

typedef struct Metric
{
	const char *name;
	Form		form;
	FairnessRate rates[2];
} Metric;

#define ONE(rate) \
	{ \
		rate, rate \
	}
#define ODDS \
	{ \
		RATE_TRUE_POSITIVE, RATE_FALSE_POSITIVE \
	}

static const Metric metrics[] = {
	{"demographic_parity_difference", FORM_DIFFERENCE, ONE(RATE_SELECTION)},
	{"demographic_parity_ratio", FORM_RATIO, ONE(RATE_SELECTION)},
	{"disparate_impact", FORM_RATIO, ONE(RATE_SELECTION)},
	{"equal_opportunity_difference", FORM_DIFFERENCE, ONE(RATE_TRUE_POSITIVE)},
	{"equal_opportunity_ratio", FORM_RATIO, ONE(RATE_TRUE_POSITIVE)},
	{"false_positive_rate_difference", FORM_DIFFERENCE, ONE(RATE_FALSE_POSITIVE)},
	{"false_positive_rate_ratio", FORM_RATIO, ONE(RATE_FALSE_POSITIVE)},
	{"equalized_odds_difference", FORM_WORST_DIFFERENCE, ODDS},
	{"equalized_odds_ratio", FORM_WORST_RATIO, ODDS},
	{"average_odds_difference", FORM_MEAN_DIFFERENCE, ODDS},
	{"predictive_parity_difference", FORM_DIFFERENCE, ONE(RATE_POSITIVE_PREDICTIVE)},
	{"predictive_parity_ratio", FORM_RATIO, ONE(RATE_POSITIVE_PREDICTIVE)},
	{"accuracy_difference", FORM_DIFFERENCE, ONE(RATE_ACCURACY)},
	{"accuracy_ratio", FORM_RATIO, ONE(RATE_ACCURACY)},
	{"false_negative_rate_difference", FORM_DIFFERENCE, ONE(RATE_FALSE_NEGATIVE)},
	{"false_negative_rate_ratio", FORM_RATIO, ONE(RATE_FALSE_NEGATIVE)},
	{"true_negative_rate_difference", FORM_DIFFERENCE, ONE(RATE_TRUE_NEGATIVE)},
	{"true_negative_rate_ratio", FORM_RATIO, ONE(RATE_TRUE_NEGATIVE)},
	{"negative_predictive_value_difference", FORM_DIFFERENCE, ONE(RATE_NEGATIVE_PREDICTIVE)},
	{"negative_predictive_value_ratio", FORM_RATIO, ONE(RATE_NEGATIVE_PREDICTIVE)},
	{"false_discovery_rate_difference", FORM_DIFFERENCE, ONE(RATE_FALSE_DISCOVERY)},
	{"false_discovery_rate_ratio", FORM_RATIO, ONE(RATE_FALSE_DISCOVERY)},
	{"false_omission_rate_difference", FORM_DIFFERENCE, ONE(RATE_FALSE_OMISSION)},
	{"false_omission_rate_ratio", FORM_RATIO, ONE(RATE_FALSE_OMISSION)},
	{"base_rate_difference", FORM_DIFFERENCE, ONE(RATE_BASE)},
	{"base_rate_ratio", FORM_RATIO, ONE(RATE_BASE)},
	{"error_rate_difference", FORM_DIFFERENCE, ONE(RATE_ERROR)},
	{"error_rate_ratio", FORM_RATIO, ONE(RATE_ERROR)},
	{"average_absolute_odds_difference", FORM_MEAN_SIZE, ODDS},
	{"average_predictive_value_difference", FORM_MEAN_DIFFERENCE, {RATE_POSITIVE_PREDICTIVE, RATE_FALSE_OMISSION}},
	{"treatment_equality_difference", FORM_ODDS_DIFFERENCE, ONE(RATE_FALSE_NEGATIVES_OF_ERRORS)},
	{"treatment_equality_ratio", FORM_ODDS_RATIO, ONE(RATE_FALSE_NEGATIVES_OF_ERRORS)},
};

static const FairnessRule rules[] = {
	{"four_fifths", 0.8, 0.1, EVIDENCE_GRADES, "29 CFR 1607.4 D (1978): four fifths, unless the difference is not significant"},
	{"nine_tenths", 0.9, 0.05, EVIDENCE_GRADES, "the same, twice as strict"},
	{"practical", 0.8, 0.1, EVIDENCE_IGNORED, "four fifths whatever chance explains, as Aequitas and AI Fairness 360 flag"},
	{"two_standard_deviations", NAN, NAN, EVIDENCE_DECIDES,
	 "Castaneda v. Partida, 430 U.S. 482 (1977): significant, however small (confidence 0.95 is about two)"},
};

int
fairness_metric_count(void)
{
	return (int) (sizeof(metrics) / sizeof(metrics[0]));
}

const char *
fairness_metric_name(int metric)
{
	return metrics[metric].name;
}

int
fairness_metric_find(const char *name)
{
	for (int i = 0; i < fairness_metric_count(); i++)
		if (strcmp(metrics[i].name, name) == 0)
			return i;
	return -1;
}

static bool
is_odds(Form form)
{
	return form == FORM_ODDS_DIFFERENCE || form == FORM_ODDS_RATIO;
}

static bool
is_ratio(Form form)
{
	return form == FORM_RATIO || form == FORM_WORST_RATIO || form == FORM_ODDS_RATIO;
}

bool
fairness_metric_is_ratio(int metric)
{
	return is_ratio(metrics[metric].form);
}

static int
n_rates(Form form)
{
	return form == FORM_DIFFERENCE || form == FORM_RATIO || is_odds(form) ? 1 : 2;
}

/* ---- rules ---- */

int
fairness_rule_count(void)
{
	return (int) (sizeof(rules) / sizeof(rules[0]));
}

const FairnessRule *
fairness_rule(int number)
{
	return &rules[number];
}

const FairnessRule *
fairness_rule_find(const char *name)
{
	for (int i = 0; i < fairness_rule_count(); i++)
		if (strcmp(rules[i].name, name) == 0)
			return &rules[i];
	return NULL;
}

double
fairness_rule_threshold(const FairnessRule *rule, int metric)
{
	return is_ratio(metrics[metric].form) ? rule->ratio : rule->difference;
}

void
fairness_judge(int metric, const FairnessRule *rule, double p_value, double confidence, FairnessScore *score)
{
	bool		significant = p_value < 1 - confidence;
	bool		beyond;

	if (score->status != SCORE_OK)
		return;
	if (rule->evidence == EVIDENCE_DECIDES && isnan(score->threshold))
	{
		score->verdict = significant ? VERDICT_ALERT : VERDICT_OK;
		return;
	}
	if (is_ratio(metrics[metric].form))
		beyond = score->value < score->threshold || score->value > 1 / score->threshold;
	else
		beyond = fabs(score->value) > score->threshold;
	score->verdict = !beyond ? VERDICT_OK : significant || rule->evidence == EVIDENCE_IGNORED ? VERDICT_ALERT : VERDICT_WARNING;
}

/* ---- one pair ---- */

/* The z of intervals that hold all at once with the confidence (Bonferroni). */
static double
simultaneous_z(double confidence, double n_intervals)
{
	return -normal_quantile((1 - confidence) / (2 * n_intervals));
}

static double
odds_of(Proportion proportion)
{
	return (double) proportion.successes / (double) (proportion.trials - proportion.successes);
}

static bool
odds_value(Form form, Proportion group, Proportion reference, double z, double *value, double *low, double *high)
{
	double		odds[2] = {odds_of(group), odds_of(reference)};

	if (group.successes == group.trials || reference.successes == reference.trials)
		return false;
	if (form == FORM_ODDS_RATIO)
	{
		if (reference.successes == 0)
			return false;
		*value = odds[0] / odds[1];
		odds_ratio_interval(group, reference, z, low, high);
		return true;
	}
	*value = odds[0] - odds[1];
	odds_difference_interval(group, reference, z, low, high);
	return true;
}

/*
 * Value and interval of one pair; false when undefined.  The proportions are those of the metric's one or two rates.  In the
 * worst of two the interval is that of the component shown, at a z which the caller has made wide enough for both.
 */
static bool
pair_value(Form form, const Proportion *group, const Proportion *reference, double z, double *value, double *low, double *high)
{
	double		values[2];
	double		lows[2];
	double		highs[2];
	int			chosen = 0;

	if (is_odds(form))
		return odds_value(form, group[0], reference[0], z, value, low, high);
	for (int i = 0; i < n_rates(form); i++)
	{
		if (is_ratio(form))
		{
			if (reference[i].successes == 0)
				return false;
			values[i] = proportion_value(group[i]) / proportion_value(reference[i]);
			ratio_interval(group[i], reference[i], z, &lows[i], &highs[i]);
		}
		else
		{
			values[i] = proportion_value(group[i]) - proportion_value(reference[i]);
			difference_interval(group[i], reference[i], z, &lows[i], &highs[i]);
		}
	}
	if (form == FORM_MEAN_DIFFERENCE)
	{
		/* The distances of the ends add like standard errors: Zou and Donner (2008) */
		*value = (values[0] + values[1]) / 2;
		*low = *value - hypot(values[0] - lows[0], values[1] - lows[1]) / 2;
		*high = *value + hypot(highs[0] - values[0], highs[1] - values[1]) / 2;
		return true;
	}
	if (form == FORM_MEAN_SIZE)
	{
		/* Near 0 a size has no interval of any use: it has none. */
		*value = (fabs(values[0]) + fabs(values[1])) / 2;
		*low = *high = NAN;
		return true;
	}
	if (form == FORM_WORST_DIFFERENCE && fabs(values[1]) > fabs(values[0]))
		chosen = 1;
	if (form == FORM_WORST_RATIO && fmin(values[1], 1 / values[1]) < fmin(values[0], 1 / values[0]))
		chosen = 1;
	*value = values[chosen];
	*low = lows[chosen];
	*high = highs[chosen];
	return true;
}

static double
pair_p_value(Form form, const Proportion *group, const Proportion *reference)
{
	double		variance;

	if (form == FORM_MEAN_DIFFERENCE)
	{
		variance = pooled_variance(group[0], reference[0]) + pooled_variance(group[1], reference[1]);
		if (variance <= 0)
			return 1;
		return normal_two_sided((proportion_value(group[0]) - proportion_value(reference[0]) + proportion_value(group[1]) -
								 proportion_value(reference[1])) /
								sqrt(variance));
	}
	if (n_rates(form) == 1)
		return same_proportion_p_value(group[0], reference[0]);
	return fmin(1, 2 * fmin(same_proportion_p_value(group[0], reference[0]), same_proportion_p_value(group[1], reference[1])));
}

/* The smaller denominator of the metric's rates. */
static int64_t
read_rates(const Metric *metric, const FairnessGroup *group, Proportion *proportions)
{
	int64_t		n = INT64_MAX;

	for (int i = 0; i < n_rates(metric->form); i++)
	{
		proportions[i] = fairness_rate(group, metric->rates[i]);
		if (proportions[i].trials < n)
			n = proportions[i].trials;
	}
	return n;
}

int64_t
fairness_metric_rates(int metric, const FairnessGroup *group, Proportion *proportions)
{
	return read_rates(&metrics[metric], group, proportions);
}

static void
start_score(FairnessScore *score)
{
	memset(score, 0, sizeof(FairnessScore));
	score->status = SCORE_UNDEFINED;
}

void
fairness_compare(int which, const FairnessGroup *group, const FairnessGroup *reference, int64_t min_group_size, double confidence,
				 FairnessScore *score)
{
	const Metric *metric = &metrics[which];
	Proportion	of_group[2] = {{0, 0}, {0, 0}};
	Proportion	of_reference[2] = {{0, 0}, {0, 0}};
	double		z = simultaneous_z(confidence, metric->form == FORM_MEAN_DIFFERENCE ? 1 : n_rates(metric->form));

	start_score(score);
	score->n = read_rates(metric, group, of_group);
	if (reference != NULL)
		score->n_reference = read_rates(metric, reference, of_reference);
	if (score->n == 0 || score->n_reference == 0 ||
		!pair_value(metric->form, of_group, of_reference, z, &score->value, &score->low, &score->high))
		return;
	score->has_value = true;
	score->has_interval = !isnan(score->low);
	score->has_p_value = true;
	score->p_value = pair_p_value(metric->form, of_group, of_reference);
	score->status = score->n < min_group_size || score->n_reference < min_group_size ? SCORE_INSUFFICIENT : SCORE_OK;
}

/* How well a group fares: 1 where more is better for it, -1 where less is. */
static int
favour_of(FairnessRate rate)
{
	switch (rate)
	{
		case RATE_FALSE_POSITIVE:
		case RATE_FALSE_NEGATIVE:
		case RATE_FALSE_DISCOVERY:
		case RATE_FALSE_OMISSION:
		case RATE_ERROR:
		case RATE_FALSE_NEGATIVES_OF_ERRORS: return -1;
		default: return 1;
	}
}

size_t
fairness_best_group(int which, const FairnessGroup *groups, size_t n_groups, int64_t min_group_size)
{
	const Metric *metric = &metrics[which];
	size_t		best = n_groups;
	double		most = -INFINITY;

	for (size_t i = 0; i < n_groups; i++)
	{
		Proportion	proportions[2] = {{0, 0}, {0, 0}};
		int64_t		n = read_rates(metric, &groups[i], proportions);
		double		favour = 0;

		if (n == 0 || n < min_group_size)
			continue;
		for (int j = 0; j < n_rates(metric->form); j++)
			favour += favour_of(metric->rates[j]) * proportion_value(proportions[j]);
		if (favour > most)
		{
			most = favour;
			best = i;
		}
	}
	return best;
}

/* The worst value over all pairs, straight from the extremes; false when undefined. */
static bool
overall_value(Form form, Proportion *const *rates, size_t n, double *value)
{
	double		results[2] = {0, 0};
	int			n_components = form == FORM_MEAN_DIFFERENCE ? 1 : n_rates(form);

	for (int i = 0; i < n_components; i++)
	{
		double		smallest = INFINITY;
		double		largest = -INFINITY;

		for (size_t j = 0; j < n; j++)
		{
			double		p = proportion_value(rates[i][j]);

			if (form == FORM_MEAN_DIFFERENCE)
				p = (proportion_value(rates[0][j]) + proportion_value(rates[1][j])) / 2;
			else if (is_odds(form))
				p = odds_of(rates[0][j]);
			smallest = fmin(smallest, p);
			largest = fmax(largest, p);
		}
		if ((is_ratio(form) && largest == 0) || isinf(largest))
			return false;
		results[i] = is_ratio(form) ? smallest / largest : largest - smallest;
	}
	if (n_components == 1)
		*value = results[0];
	else if (form == FORM_MEAN_SIZE)
		*value = (results[0] + results[1]) / 2;
	else
		*value = is_ratio(form) ? fmin(results[0], results[1]) : fmax(results[0], results[1]);
	return true;
}

bool
fairness_overall_value(int metric, Proportion *const *rates, size_t n, double *value)
{
	return overall_value(metrics[metric].form, rates, n, value);
}

/*
 * With intervals that hold for all pairs at once, the largest difference lies between the largest lower and the largest upper
 * end; the smallest ratio likewise.
 */
static void
overall_interval(const Metric *metric, Proportion *const *rates, size_t n, double confidence, FairnessScore *score)
{
	Form		form = metric->form;
	Form		one = is_ratio(form) ? FORM_RATIO : FORM_DIFFERENCE;
	int			n_components = form == FORM_MEAN_DIFFERENCE ? 1 : n_rates(form);
	double		z = simultaneous_z(confidence, (double) n * (double) (n - 1) / 2 * n_components);

	if (form == FORM_MEAN_DIFFERENCE || is_odds(form))
		one = form;
	score->low = is_ratio(form) ? 1 : 0;
	score->high = score->low;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			for (int k = 0; k < n_components; k++)
			{
				Proportion	a[2] = {rates[k][i], rates[1][i]};
				Proportion	b[2] = {rates[k][j], rates[1][j]};
				double		value;
				double		low;
				double		high;

				if (i == j || !pair_value(one, a, b, z, &value, &low, &high))
					continue;
				score->low = is_ratio(form) ? fmin(score->low, low) : fmax(score->low, low);
				score->high = is_ratio(form) ? fmin(score->high, high) : fmax(score->high, high);
			}
	score->has_interval = true;
}

static double
overall_p_value(Form form, Proportion *const *rates, size_t n)
{
	double		p = same_proportions_p_value(rates[0], n);

	if (n_rates(form) == 1)
		return p;
	return fmin(1, 2 * fmin(p, same_proportions_p_value(rates[1], n)));
}

void
fairness_compare_all(int which, const FairnessGroup *groups, size_t n_groups, int64_t min_group_size, double confidence,
					 Allocator allocator, FairnessScore *score)
{
	const Metric *metric = &metrics[which];
	size_t		size = (n_groups + 1) * sizeof(Proportion);
	Proportion *rates[2];
	size_t		n = 0;
	bool		any_small = false;

	start_score(score);
	for (int i = 0; i < 2; i++)
		rates[i] = allocator.resize(allocator.context, NULL, 0, size);
	for (size_t i = 0; i < n_groups; i++)
	{
		Proportion	proportions[2] = {{0, 0}, {0, 0}};
		int64_t		n_group = read_rates(metric, &groups[i], proportions);

		if (n_group == 0)
			continue;
		if (n_group < min_group_size)
		{
			any_small = true;
			continue;
		}
		rates[0][n] = proportions[0];
		rates[1][n] = proportions[1];
		score->n += n_group;
		n++;
	}
	if (n < 2)
		score->status = any_small ? SCORE_INSUFFICIENT : SCORE_UNDEFINED;
	else if (overall_value(metric->form, rates, n, &score->value))
	{
		score->status = SCORE_OK;
		score->has_value = true;
		score->has_p_value = true;
		score->p_value = overall_p_value(metric->form, rates, n);
		if (n <= FAIRNESS_MAX_PAIRED_GROUPS && metric->form != FORM_MEAN_SIZE)
			overall_interval(metric, rates, n, confidence, score);
	}
	for (int i = 0; i < 2; i++)
		allocator.resize(allocator.context, rates[i], size, 0);
}
