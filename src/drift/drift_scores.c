/*
 * drift_scores.c
 *		The scores and their verdicts.
 */
#include "drift/drift.h"

#include <math.h>
#include <string.h>

#include "base/distributions.h"

#define NUMERIC (1 << SUMMARY_NUMERIC)
#define CATEGORY (1 << SUMMARY_CATEGORY)

typedef struct Metric
{
	const char *name;
	int			kinds;
	bool		uses_cells;
	double		warning;		/* effect sizes at and above which a significant difference is a warning, and an alert */
	double		alert;
} Metric;

/*
 * In the order of DriftMetric, which is that of the rows. Scores whose unit is not their own have thresholds derived from
 * another's.
 */
static const Metric metrics[DRIFT_N_METRICS] = {
	{"psi", NUMERIC | CATEGORY, true, 0.1, 0.25},
	{"kolmogorov_smirnov", NUMERIC, false, 0.1, 0.2},
	{"jensen_shannon", NUMERIC | CATEGORY, true, 0.1, 0.2},
	{"wasserstein", NUMERIC, false, 0.1, 0.25},
	{"wasserstein_normalized", NUMERIC, false, 0.1, 0.25},
	{"chi_square", CATEGORY, true, 0.1, 0.2},
	{"cramers_v", CATEGORY, true, 0.1, 0.2},
	{"hellinger", NUMERIC | CATEGORY, true, 0.1, 0.2},
	{"total_variation", NUMERIC | CATEGORY, true, 0.1, 0.2},
	{"kullback_leibler", NUMERIC | CATEGORY, true, 0.05, 0.1},
	{"l_infinity", CATEGORY, true, 0.1, 0.3},
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
	{"wasserstein_distance", DRIFT_WASSERSTEIN},
	{"earth_movers_distance", DRIFT_WASSERSTEIN},
	{"chi2", DRIFT_CHI_SQUARE},
	{"chisquare", DRIFT_CHI_SQUARE},
	{"cramer_v", DRIFT_CRAMERS_V},
	{"hellinger_distance", DRIFT_HELLINGER},
	{"tv", DRIFT_TOTAL_VARIATION},
	{"tvd", DRIFT_TOTAL_VARIATION},
	{"kl", DRIFT_KULLBACK_LEIBLER},
	{"kl_divergence", DRIFT_KULLBACK_LEIBLER},
	{"linf", DRIFT_L_INFINITY},
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
drift_metric_uses_cells(DriftMetric metric)
{
	return metrics[metric].uses_cells;
}

int64_t
drift_n_rows(const DriftPair *pair, int side)
{
	return pair->n_values[side] + pair->n_missing[side];
}

double
drift_floor(const DriftPair *pair, int side)
{
	return fmax(DRIFT_MIN_SHARE, 0.5 / (double) drift_n_rows(pair, side));
}

/* x log(x / y), which is 0 at x = 0. */
static double
relative_entropy(double x, double y)
{
	return x > 0 ? x * log(x / y) : 0;
}

double
drift_cell_contribution(const DriftPair *pair, DriftMetric metric, const DriftCell *cell)
{
	double		rows[2] = {(double) drift_n_rows(pair, BASELINE), (double) drift_n_rows(pair, CURRENT)};
	double		baseline = (double) cell->n[BASELINE] / rows[BASELINE];
	double		current = (double) cell->n[CURRENT] / rows[CURRENT];
	double		middle = (baseline + current) / 2;
	double		gap = current - baseline;
	double		b = cell->n[BASELINE] > 0 ? baseline : drift_floor(pair, BASELINE);
	double		c = cell->n[CURRENT] > 0 ? current : drift_floor(pair, CURRENT);

	if (cell->n[BASELINE] <= 0 && cell->n[CURRENT] <= 0)
		return 0;
	switch (metric)
	{
		case DRIFT_PSI: return (c - b) * log(c / b);
		case DRIFT_JENSEN_SHANNON: return (relative_entropy(baseline, middle) + relative_entropy(current, middle)) / (2 * M_LN2);
		case DRIFT_HELLINGER: return (sqrt(current) - sqrt(baseline)) * (sqrt(current) - sqrt(baseline)) / 2;
		case DRIFT_KULLBACK_LEIBLER: return relative_entropy(current, b);
		case DRIFT_TOTAL_VARIATION: return fabs(gap) / 2;
		case DRIFT_CHI_SQUARE:
		case DRIFT_CRAMERS_V:
			/* of the 2 × cells table: gap² n m / (baseline's + current's count) */
			return gap * gap * rows[BASELINE] * rows[CURRENT] / (double) (cell->n[BASELINE] + cell->n[CURRENT]);
		default: return fabs(gap);
	}
}

static double
sum_of_cells(const DriftPair *pair, DriftMetric metric)
{
	double		sum = 0;

	for (size_t i = 0; i < pair->n_cells; i++)
		sum += drift_cell_contribution(pair, metric, &pair->cells[i]);
	return sum;
}

double
drift_chi_square(const DriftPair *pair, int64_t *degrees_of_freedom, double *p_value)
{
	double		statistic = sum_of_cells(pair, DRIFT_CHI_SQUARE);
	int64_t		n_cells = 0;

	for (size_t i = 0; i < pair->n_cells; i++)
		if (pair->cells[i].n[BASELINE] > 0 || pair->cells[i].n[CURRENT] > 0)
			n_cells++;
	*degrees_of_freedom = n_cells > 0 ? n_cells - 1 : 0;
	*p_value = *degrees_of_freedom == 0 ? 1 : chi_square_upper(statistic, (double) *degrees_of_freedom);
	return statistic;
}

static double
largest_gap(const DriftPair *pair)
{
	double		largest = 0;

	for (size_t i = 0; i < pair->n_cells; i++)
		largest = fmax(largest, drift_cell_contribution(pair, DRIFT_L_INFINITY, &pair->cells[i]));
	return largest;
}

/* What categories without a name hide: known for scores that are bounded by their share, else not. */
static void
bound_by_other(const DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	double		other[2];

	for (int side = 0; side < 2; side++)
		other[side] = (double) pair->n_other[side] / (double) drift_n_rows(pair, side);
	score->has_error_bound = true;
	score->error_bound = 0;
	if (other[BASELINE] == 0 && other[CURRENT] == 0)
		return;
	if (metric == DRIFT_TOTAL_VARIATION)
		score->error_bound = fmin(other[BASELINE], other[CURRENT]);
	else if (metric == DRIFT_L_INFINITY)
		score->error_bound = fmax(other[BASELINE], other[CURRENT]);
	else
		score->has_error_bound = false;
}

static void
score_cells(const DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	double		statistic = drift_chi_square(pair, &score->degrees_of_freedom, &score->p_value);
	double		rows = (double) score->n[BASELINE] + (double) score->n[CURRENT];

	score->has_p_value = true;
	score->has_value = true;
	switch (metric)
	{
		case DRIFT_CHI_SQUARE:
			/* the statistic that belongs to Cramér's V of the threshold */
			score->value = statistic;
			score->threshold = score->threshold * score->threshold * rows;
			score->warning_threshold = score->warning_threshold * score->warning_threshold * rows;
			break;
		case DRIFT_CRAMERS_V: score->value = fmin(1, sqrt(statistic / rows)); break;
		case DRIFT_JENSEN_SHANNON:
		case DRIFT_HELLINGER: score->value = sqrt(fmin(1, fmax(0, sum_of_cells(pair, metric)))); break;
		case DRIFT_L_INFINITY: score->value = largest_gap(pair); break;
		case DRIFT_TOTAL_VARIATION: score->value = fmin(1, sum_of_cells(pair, metric)); break;
		default: score->value = fmax(0, sum_of_cells(pair, metric));
	}
	bound_by_other(pair, metric, score);
}

static void
score_kolmogorov(DriftPair *pair, DriftScore *score)
{
	KolmogorovResult result;

	drift_kolmogorov(pair, &result);
	score->has_value = true;
	score->value = result.distance;
	score->has_p_value = true;
	score->p_value = result.p_value;
	score->p_value_is_exact = result.is_exact;
	score->has_error_bound = true;
	score->error_bound = result.error_bound;
	score->location = result.location;
	memcpy(score->location_share, result.location_share, sizeof(score->location_share));
}

static double
middle_of(const DriftBin *bin)
{
	return bin->lower == bin->upper ? bin->lower : bin->lower / 2 + bin->upper / 2;
}

/* The area between the distribution functions, every value of a bin standing at its middle; in stored units. */
static double
wasserstein(const DriftPair *pair, double *error_bound)
{
	int64_t		below[2] = {0, 0};
	double		n[2] = {(double) pair->n_values[BASELINE], (double) pair->n_values[CURRENT]};
	double		area = 0;

	*error_bound = 0;
	for (size_t i = 0; i < pair->n_bins; i++)
	{
		const DriftBin *bin = &pair->bins[i];

		if (i > 0)
			area += fabs((double) below[CURRENT] / n[CURRENT] - (double) below[BASELINE] / n[BASELINE]) *
				(middle_of(bin) - middle_of(&pair->bins[i - 1]));
		for (int side = 0; side < 2; side++)
		{
			below[side] += bin->n[side];
			*error_bound += (double) bin->n[side] / n[side] * (bin->upper / 2 - bin->lower / 2);
		}
	}
	return area;
}

static bool
has_infinities(const DriftPair *pair)
{
	return pair->n_bins > 0 && (isinf(pair->bins[0].lower) || isinf(pair->bins[pair->n_bins - 1].upper));
}

static void
score_wasserstein(DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	/* durations and times are stored in microseconds and shown in seconds */
	double		unit = pair->unit == SUMMARY_PLAIN ? 1 : 1e-6;
	KolmogorovResult test;
	double		value;
	double		error_bound;

	if (has_infinities(pair))
	{
		score->status = SCORE_UNDEFINED;
		score->reason = "a sample holds infinite values";
		return;
	}
	value = wasserstein(pair, &error_bound);
	if (!isfinite(value) || !isfinite(error_bound))
	{
		score->status = SCORE_UNDEFINED;
		score->reason = "the distance is too large for a number";
		return;
	}
	if (metric == DRIFT_WASSERSTEIN)
	{
		score->has_threshold = pair->has_spread;
		score->threshold *= pair->spread * unit;
		score->warning_threshold *= pair->spread * unit;
		value *= unit;
		error_bound *= unit;
	}
	else if (pair->has_spread && pair->spread > 0)
	{
		value /= pair->spread;
		error_bound /= pair->spread;
	}
	else if (value > 0)
	{
		score->status = SCORE_UNDEFINED;
		score->reason = "the baseline does not vary";
		return;
	}
	drift_kolmogorov(pair, &test);
	score->has_value = true;
	score->value = value;
	score->has_error_bound = true;
	score->error_bound = error_bound;
	score->has_p_value = true;
	score->p_value = test.p_value;
	score->p_value_is_exact = test.is_exact;
}

/*
 * With many rows every difference is significant, with few every effect size is large: a verdict other than ok needs both.  A
 * baseline that does not vary has thresholds of 0, which only a difference exceeds.
 */
static ScoreVerdict
judge(const DriftScore *score)
{
	if (!score->has_threshold)
		return VERDICT_NONE;
	if (score->value == 0 || score->value < score->warning_threshold || !(score->p_value < DRIFT_SIGNIFICANCE))
		return VERDICT_OK;
	return score->value < score->threshold ? VERDICT_WARNING : VERDICT_ALERT;
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
		score->n[side] = definition->uses_cells ? drift_n_rows(pair, side) : pair->n_values[side];
	if (score->n[BASELINE] <= 0 || score->n[CURRENT] <= 0)
	{
		score->status = SCORE_INSUFFICIENT;
		score->reason = score->n[BASELINE] <= 0 ? "the baseline is empty" : "the current sample is empty";
		return;
	}
	if (definition->uses_cells)
		score_cells(pair, metric, score);
	else if (metric == DRIFT_KOLMOGOROV_SMIRNOV)
		score_kolmogorov(pair, score);
	else
		score_wasserstein(pair, metric, score);
	if (score->status != SCORE_OK)
		return;
	if (score->n[BASELINE] < DRIFT_MIN_N || score->n[CURRENT] < DRIFT_MIN_N)
		score->status = SCORE_INSUFFICIENT;
	else
		score->verdict = judge(score);
}
