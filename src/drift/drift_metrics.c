/*
 * drift_metrics.c
 *		The catalogue of scores: names, kinds, limits, thresholds.
 */
#include "drift/drift_vectors.h"

#include <math.h>
#include <string.h>

void		(*drift_check_interrupts)(void) = NULL;

#define NUMERIC (1 << SUMMARY_NUMERIC)
#define CATEGORY (1 << SUMMARY_CATEGORY)
#define BOTH (NUMERIC | CATEGORY)
#define VECTOR (1 << SUMMARY_VECTOR)

typedef enum Needs
{
	NEEDS_VALUES,
	NEEDS_CELLS,
	NEEDS_TWO_VALUES,
	NEEDS_ROWS					/* of vectors: not a summary of them */
} Needs;

typedef struct Metric
{
	const char *name;
	int			kinds;
	Needs		needs;
	double		limit;
	double		warning;		/* effect sizes from which on a significant difference is a warning, and an alert */
	double		alert;
} Metric;

/*
 * In the order of DriftMetric, which is that of the rows.  Scores whose unit is not their own have thresholds of an effect size,
 * from which drift_score derives theirs: Cramer's V for chi_square and g_test; Cohen's h for fisher_exact and two_proportion_z,
 * Cohen's d for t; standard deviations of the baseline for wasserstein and differences of mean, median and spread.  Those of
 * cramer_von_mises, anderson_darling, energy_distance and epps_singleton are what normal distributions a quarter and a half of a
 * standard deviation apart have, where kolmogorov_smirnov is 0.1 and 0.2; of mann_whitney Cliff's delta (Romano et al. 2006).
 */
static const Metric metrics[DRIFT_N_METRICS] = {
	{"psi", BOTH, NEEDS_CELLS, INFINITY, 0.1, 0.25},
	{"kolmogorov_smirnov", NUMERIC, NEEDS_VALUES, 1, 0.1, 0.2},
	{"jensen_shannon", BOTH, NEEDS_CELLS, 1, 0.1, 0.2},
	{"wasserstein", NUMERIC, NEEDS_VALUES, INFINITY, 0.1, 0.25},
	{"wasserstein_normalized", NUMERIC, NEEDS_VALUES, INFINITY, 0.1, 0.25},
	{"chi_square", CATEGORY, NEEDS_CELLS, INFINITY, 0.1, 0.2},
	{"cramers_v", CATEGORY, NEEDS_CELLS, 1, 0.1, 0.2},
	{"hellinger", BOTH, NEEDS_CELLS, 1, 0.1, 0.2},
	{"total_variation", BOTH, NEEDS_CELLS, 1, 0.1, 0.2},
	{"kullback_leibler", BOTH, NEEDS_CELLS, INFINITY, 0.05, 0.1},
	{"l_infinity", CATEGORY, NEEDS_CELLS, 1, 0.1, 0.3},
	{"mmd", VECTOR, NEEDS_VALUES, 2, 0.01, 0.05},
	{"hotelling_t_square", VECTOR, NEEDS_VALUES, INFINITY, 0.25, 0.5},
	{"mahalanobis", VECTOR, NEEDS_VALUES, INFINITY, 0.25, 0.5},
	{"covariance_difference", VECTOR, NEEDS_VALUES, INFINITY, 0.25, 0.5},
	{"correlation_difference", VECTOR, NEEDS_VALUES, 2, 0.2, 0.4},
	{"pca_reconstruction_error", VECTOR, NEEDS_VALUES, INFINITY, 0.1, 0.25},
	{"centroid_cosine", VECTOR, NEEDS_VALUES, 2, 0.05, 0.1},
	{"drifted_dimensions", VECTOR, NEEDS_VALUES, 1, 0.25, 0.5},
	{"jensen_shannon_divergence", BOTH, NEEDS_CELLS, 1, 0.01, 0.04},
	{"bhattacharyya", BOTH, NEEDS_CELLS, INFINITY, 0.01, 0.04},
	{"histogram_intersection", BOTH, NEEDS_CELLS, 1, 0.1, 0.2},
	{"g_test", CATEGORY, NEEDS_CELLS, INFINITY, 0.1, 0.2},
	{"fisher_exact", BOTH, NEEDS_TWO_VALUES, M_PI, 0.2, 0.5},
	{"two_proportion_z", BOTH, NEEDS_TWO_VALUES, INFINITY, 0.2, 0.5},
	{"kuiper", NUMERIC, NEEDS_VALUES, 1, 0.1, 0.2},
	{"energy_distance", NUMERIC | VECTOR, NEEDS_VALUES, INFINITY, 0.1875, 0.3736},
	{"cramer_von_mises", NUMERIC, NEEDS_VALUES, INFINITY, 0.0057, 0.0222},
	{"anderson_darling", NUMERIC, NEEDS_VALUES, INFINITY, 0.0297, 0.115},
	{"mann_whitney", NUMERIC, NEEDS_VALUES, 1, 0.147, 0.33},
	{"welch_t", NUMERIC, NEEDS_VALUES, INFINITY, 0.2, 0.5},
	{"student_t", NUMERIC, NEEDS_VALUES, INFINITY, 0.2, 0.5},
	{"epps_singleton", NUMERIC, NEEDS_VALUES, INFINITY, 0.0645, 0.2548},
	{"mean_difference", NUMERIC, NEEDS_VALUES, INFINITY, 0.1, 0.25},
	{"median_difference", NUMERIC, NEEDS_VALUES, INFINITY, 0.1, 0.25},
	{"spread_difference", NUMERIC, NEEDS_VALUES, INFINITY, 0.1, 0.25},
	{"domain_classifier_auc", VECTOR, NEEDS_ROWS, 1, 0.55, 0.65},
};

static const struct
{
	const char *alias;
	DriftMetric metric;
} aliases[] = {
	{"population_stability_index", DRIFT_PSI},
	{"ks", DRIFT_KOLMOGOROV_SMIRNOV},
	{"js", DRIFT_JENSEN_SHANNON},
	{"jensen_shannon_distance", DRIFT_JENSEN_SHANNON},
	{"maximum_mean_discrepancy", DRIFT_MMD},
	{"hotelling", DRIFT_HOTELLING},
	{"covariance", DRIFT_COVARIANCE_DIFFERENCE},
	{"correlation", DRIFT_CORRELATION_DIFFERENCE},
	{"pca", DRIFT_PCA_RECONSTRUCTION_ERROR},
	{"cosine", DRIFT_CENTROID_COSINE},
	{"domain_classifier", DRIFT_DOMAIN_CLASSIFIER},
	{"jsd", DRIFT_JENSEN_SHANNON_DIVERGENCE},
	{"wasserstein_distance", DRIFT_WASSERSTEIN},
	{"earth_movers_distance", DRIFT_WASSERSTEIN},
	{"emd", DRIFT_WASSERSTEIN},
	{"chi2", DRIFT_CHI_SQUARE},
	{"chisquare", DRIFT_CHI_SQUARE},
	{"g", DRIFT_G_TEST},
	{"cramer_v", DRIFT_CRAMERS_V},
	{"hellinger_distance", DRIFT_HELLINGER},
	{"tv", DRIFT_TOTAL_VARIATION},
	{"tvd", DRIFT_TOTAL_VARIATION},
	{"kl", DRIFT_KULLBACK_LEIBLER},
	{"kl_divergence", DRIFT_KULLBACK_LEIBLER},
	{"linf", DRIFT_L_INFINITY},
	{"bhattacharyya_distance", DRIFT_BHATTACHARYYA},
	{"fisher", DRIFT_FISHER_EXACT},
	{"z", DRIFT_TWO_PROPORTION_Z},
	{"energy", DRIFT_ENERGY_DISTANCE},
	{"cvm", DRIFT_CRAMER_VON_MISES},
	{"ad", DRIFT_ANDERSON_DARLING},
	{"anderson", DRIFT_ANDERSON_DARLING},
	{"mannw", DRIFT_MANN_WHITNEY},
	{"mann_whitney_u", DRIFT_MANN_WHITNEY},
	{"welch", DRIFT_WELCH_T},
	{"t_test", DRIFT_WELCH_T},
	{"student", DRIFT_STUDENT_T},
	{"es", DRIFT_EPPS_SINGLETON},
	{"mean", DRIFT_MEAN_DIFFERENCE},
	{"median", DRIFT_MEDIAN_DIFFERENCE},
	{"spread", DRIFT_SPREAD_DIFFERENCE},
	{"stddev", DRIFT_SPREAD_DIFFERENCE},
};

const char *
drift_metric_name(DriftMetric metric)
{
	return metrics[metric].name;
}

int
drift_metric_find(const char *name)
{
	for (int i = 0; i < DRIFT_N_METRICS; i++)
		if (strcmp(metrics[i].name, name) == 0)
			return i;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(aliases[i].alias, name) == 0)
			return (int) aliases[i].metric;
	return -1;
}

bool
drift_metric_applies(DriftMetric metric, SummaryKind kind)
{
	return (metrics[metric].kinds & (1 << kind)) != 0;
}

bool
drift_metric_applies_to(DriftMetric metric, const DriftPair *pair)
{
	int64_t		successes[2];
	int64_t		totals[2];

	if (!drift_metric_applies(metric, pair->kind))
		return false;
	if (pair->vectors != NULL)
		return pair->vectors->rows[BASELINE] != NULL || (metrics[metric].needs != NEEDS_ROWS && metric != DRIFT_ENERGY_DISTANCE);
	return metrics[metric].needs != NEEDS_TWO_VALUES || drift_two_values(pair, successes, totals);
}

bool
drift_metric_uses_cells(DriftMetric metric)
{
	return metrics[metric].needs == NEEDS_CELLS;
}

double
drift_metric_limit(DriftMetric metric)
{
	return metrics[metric].limit;
}

void
drift_options_default(DriftOptions *options)
{
	memset(options, 0, sizeof(DriftOptions));
	options->alpha = 1;
	options->significance = DRIFT_SIGNIFICANCE;
	options->min_n = DRIFT_MIN_N;
	options->n_permutations = 500;
	options->seed = 1;
	options->max_rows = 1000;
	options->explained = 0.65;
	for (int i = 0; i < DRIFT_N_METRICS; i++)
		options->warning[i] = options->alert[i] = NAN;
}

/*
 * With many rows every difference is significant, with few every effect size is large: a verdict other than ok needs both.  A
 * baseline that does not vary has thresholds of 0, which only a difference exceeds.
 */
static ScoreVerdict
judge(const DriftScore *score, double significance)
{
	if (!score->has_threshold)
		return VERDICT_NONE;
	if (score->value == 0 || score->value < score->warning_threshold || (score->has_p_value && !(score->p_value < significance)))
		return VERDICT_OK;
	return score->value < score->threshold ? VERDICT_WARNING : VERDICT_ALERT;
}

/* Thresholds that the caller gives are in units of the score itself. */
static void
set_given_thresholds(const DriftOptions *options, DriftMetric metric, DriftScore *score)
{
	if (isnan(options->alert[metric]))
		return;
	score->has_threshold = true;
	score->threshold = options->alert[metric];
	score->warning_threshold = isnan(options->warning[metric]) ? options->alert[metric] : options->warning[metric];
}

/* Values near the ends of the range of doubles overflow: what does is not shown. */
static void
keep_numbers(DriftScore *score)
{
	if (score->has_value && !isfinite(score->value))
	{
		score->has_value = score->has_p_value = score->has_statistic = false;
		drift_undefined(score, "the score is too large for a number");
	}
	score->has_threshold = score->has_threshold && isfinite(score->threshold) && isfinite(score->warning_threshold);
	score->has_error_bound = score->has_error_bound && isfinite(score->error_bound);
}

void
drift_score(DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	const Metric *definition = &metrics[metric];

	memset(score, 0, sizeof(DriftScore));
	score->has_threshold = true;
	score->threshold = definition->alert;
	score->warning_threshold = definition->warning;
	for (int side = 0; side < 2; side++)
		score->n[side] = definition->needs == NEEDS_CELLS ? drift_n_rows(pair, side) : pair->n_values[side];
	if (score->n[BASELINE] <= 0 || score->n[CURRENT] <= 0)
	{
		score->status = SCORE_INSUFFICIENT;
		score->reason = score->n[BASELINE] <= 0 ? "the baseline is empty" : "the current sample is empty";
		return;
	}
	if (pair->kind == SUMMARY_VECTOR)
		drift_score_vectors(pair, metric, score);
	else
		switch (metric)
		{
			case DRIFT_FISHER_EXACT:
			case DRIFT_TWO_PROPORTION_Z: drift_score_proportions(pair, metric, score); break;
			case DRIFT_WELCH_T:
			case DRIFT_STUDENT_T:
			case DRIFT_MEAN_DIFFERENCE:
			case DRIFT_MEDIAN_DIFFERENCE:
			case DRIFT_SPREAD_DIFFERENCE: drift_score_moments(pair, metric, score); break;
			case DRIFT_EPPS_SINGLETON: drift_score_epps_singleton(pair, score); break;
			default:
				if (definition->needs == NEEDS_CELLS)
					drift_score_cells(pair, metric, score);
				else
					drift_score_ranks(pair, metric, score);
		}
	keep_numbers(score);
	if (score->status != SCORE_OK)
		return;
	set_given_thresholds(&pair->options, metric, score);
	if (score->n[BASELINE] < pair->options.min_n || score->n[CURRENT] < pair->options.min_n)
		score->status = SCORE_INSUFFICIENT;
	else
		score->verdict = judge(score, pair->options.significance);
}
