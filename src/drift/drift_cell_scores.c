/*
 * drift_cell_scores.c
 *		Scores on the cells: PSI and the other divergences, and the tests of a table of counts.
 */
#include "drift/drift.h"

#include <math.h>
#include <string.h>

#include "base/distributions.h"

int64_t
drift_n_rows(const DriftPair *pair, int side)
{
	return pair->n_values[side] + pair->n_missing[side];
}

double
drift_floor(const DriftPair *pair, int side)
{
	if (pair->options.floor > 0)
		return pair->options.floor;
	return fmax(DRIFT_MIN_SHARE, 0.5 / (double) drift_n_rows(pair, side));
}

static bool
is_empty(const DriftCell *cell)
{
	return cell->n[BASELINE] <= 0 && cell->n[CURRENT] <= 0;
}

/* A share that a logarithm can take, unless there is no smoothing. */
static double
smoothed(const DriftPair *pair, const DriftCell *cell, int side)
{
	double		rows = (double) drift_n_rows(pair, side);

	if (pair->options.smoothing == SMOOTHING_LAPLACE)
		return ((double) cell->n[side] + pair->options.alpha) / (rows + pair->options.alpha * (double) pair->n_occupied);
	if (cell->n[side] <= 0 && pair->options.smoothing == SMOOTHING_FLOOR)
		return drift_floor(pair, side);
	return (double) cell->n[side] / rows;
}

/* x log(x / y), which is 0 at x = 0. */
static double
relative_entropy(double x, double y)
{
	return x > 0 ? x * log(x / y) : 0;
}

/* What divides natural logarithms. */
static double
log_of_base(const DriftPair *pair, DriftMetric metric)
{
	if (pair->options.log_base > 0)
		return log(pair->options.log_base);
	return metric == DRIFT_JENSEN_SHANNON || metric == DRIFT_JENSEN_SHANNON_DIVERGENCE ? M_LN2 : 1;
}

double
drift_cell_contribution(const DriftPair *pair, DriftMetric metric, const DriftCell *cell)
{
	double		rows[2] = {(double) drift_n_rows(pair, BASELINE), (double) drift_n_rows(pair, CURRENT)};
	double		baseline = (double) cell->n[BASELINE] / rows[BASELINE];
	double		current = (double) cell->n[CURRENT] / rows[CURRENT];
	double		middle = (baseline + current) / 2;
	double		gap = current - baseline;
	double		expected;
	double		b;
	double		c;

	if (is_empty(cell))
		return 0;
	switch (metric)
	{
		case DRIFT_PSI:
			b = smoothed(pair, cell, BASELINE);
			c = smoothed(pair, cell, CURRENT);
			return (c - b) * log(c / b) / log_of_base(pair, metric);
		case DRIFT_KULLBACK_LEIBLER:
			/* only what the baseline has not needs a share; with Laplace's both are smoothed */
			b = smoothed(pair, cell, BASELINE);
			c = pair->options.smoothing == SMOOTHING_LAPLACE ? smoothed(pair, cell, CURRENT) : current;
			return relative_entropy(c, b) / log_of_base(pair, metric);
		case DRIFT_JENSEN_SHANNON:
		case DRIFT_JENSEN_SHANNON_DIVERGENCE:
			return (relative_entropy(baseline, middle) + relative_entropy(current, middle)) / (2 * log_of_base(pair, metric));
		case DRIFT_HELLINGER: return (sqrt(current) - sqrt(baseline)) * (sqrt(current) - sqrt(baseline)) / 2;
		case DRIFT_BHATTACHARYYA: return middle - sqrt(baseline * current);
		case DRIFT_HISTOGRAM_INTERSECTION: return fmax(0, baseline - current);
		case DRIFT_TOTAL_VARIATION: return fabs(gap) / 2;
		case DRIFT_CHI_SQUARE:
		case DRIFT_CRAMERS_V:
			/* of the 2 x cells table: gap^2 n m / (baseline's + current's count) */
			return gap * gap * rows[BASELINE] * rows[CURRENT] / (double) (cell->n[BASELINE] + cell->n[CURRENT]);
		case DRIFT_G_TEST:
			expected = (double) (cell->n[BASELINE] + cell->n[CURRENT]) / (rows[BASELINE] + rows[CURRENT]);
			return 2 *
				(rows[BASELINE] * relative_entropy(baseline, expected) + rows[CURRENT] * relative_entropy(current, expected));
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
drift_chi_square(const DriftPair *pair, double *degrees_of_freedom, double *p_value)
{
	double		statistic = sum_of_cells(pair, DRIFT_CHI_SQUARE);

	*degrees_of_freedom = pair->n_occupied > 0 ? (double) (pair->n_occupied - 1) : 0;
	*p_value = *degrees_of_freedom == 0 ? 1 : chi_square_upper(statistic, *degrees_of_freedom);
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

/*
 * What categories without a name hide, and which side of an edge rows of a bin are on: known for scores that are bounded by their
 * share, else not.
 */
static void
bound_by_unknown(const DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	double		other[2];
	double		straddling[2];

	for (int side = 0; side < 2; side++)
	{
		other[side] = (double) pair->n_other[side] / (double) drift_n_rows(pair, side);
		straddling[side] = pair->straddling[side] / (double) drift_n_rows(pair, side);
	}
	score->has_error_bound = true;
	score->error_bound = 0;
	if (other[BASELINE] == 0 && other[CURRENT] == 0 && straddling[BASELINE] == 0 && straddling[CURRENT] == 0)
		return;
	if (metric == DRIFT_TOTAL_VARIATION || metric == DRIFT_HISTOGRAM_INTERSECTION)
		score->error_bound = fmin(other[BASELINE], other[CURRENT]) + straddling[BASELINE] + straddling[CURRENT];
	else if (metric == DRIFT_L_INFINITY)
		score->error_bound = fmax(other[BASELINE], other[CURRENT]) + straddling[BASELINE] + straddling[CURRENT];
	else
		score->has_error_bound = false;
}

/* Whether the samples share no cell, and whether one has a row where the other has none. */
static bool
are_disjoint(const DriftPair *pair)
{
	for (size_t i = 0; i < pair->n_cells; i++)
		if (pair->cells[i].n[BASELINE] > 0 && pair->cells[i].n[CURRENT] > 0)
			return false;
	return true;
}

static bool
has_empty_cell(const DriftPair *pair, int side)
{
	for (size_t i = 0; i < pair->n_cells; i++)
		if (pair->cells[i].n[side] <= 0 && pair->cells[i].n[1 - side] > 0)
			return true;
	return false;
}

static bool
is_infinite(const DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	bool		needs_baseline = metric == DRIFT_PSI || metric == DRIFT_KULLBACK_LEIBLER;

	if (metric == DRIFT_BHATTACHARYYA && are_disjoint(pair))
		drift_undefined(score, "infinite: the samples share no bin or category");
	else if (pair->options.smoothing == SMOOTHING_NONE &&
			 ((needs_baseline && has_empty_cell(pair, BASELINE)) || (metric == DRIFT_PSI && has_empty_cell(pair, CURRENT))))
		drift_undefined(score, "infinite without smoothing: one sample has no row in a bin or category of the other");
	return score->status != SCORE_OK;
}

void
drift_score_cells(DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	double		statistic;
	double		rows = (double) score->n[BASELINE] + (double) score->n[CURRENT];

	drift_make_cells(pair);
	statistic = drift_chi_square(pair, &score->degrees_of_freedom, &score->p_value);
	score->has_p_value = true;
	score->test = "chi_square";
	if (is_infinite(pair, metric, score))
		return;
	score->has_value = true;
	switch (metric)
	{
		case DRIFT_CHI_SQUARE:
		case DRIFT_G_TEST:
			score->value = metric == DRIFT_CHI_SQUARE ? statistic : fmax(0, sum_of_cells(pair, metric));
			/* the statistic that belongs to Cramer's V of the threshold */
			score->threshold = score->threshold * score->threshold * rows;
			score->warning_threshold = score->warning_threshold * score->warning_threshold * rows;
			break;
		case DRIFT_CRAMERS_V: score->value = fmin(1, sqrt(statistic / rows)); break;
		case DRIFT_JENSEN_SHANNON:
		case DRIFT_HELLINGER: score->value = sqrt(fmax(0, sum_of_cells(pair, metric))); break;
		case DRIFT_BHATTACHARYYA: score->value = fmax(0, -log1p(-sum_of_cells(pair, metric))); break;
		case DRIFT_L_INFINITY: score->value = largest_gap(pair); break;
		default: score->value = fmax(0, sum_of_cells(pair, metric));
	}
	if (metric == DRIFT_HELLINGER || metric == DRIFT_TOTAL_VARIATION || metric == DRIFT_HISTOGRAM_INTERSECTION ||
		(pair->options.log_base == 0 && (metric == DRIFT_JENSEN_SHANNON || metric == DRIFT_JENSEN_SHANNON_DIVERGENCE)))
		score->value = fmin(1, score->value);
	if (metric == DRIFT_G_TEST)
	{
		score->test = "g_test";
		score->p_value = score->degrees_of_freedom == 0 ? 1 : chi_square_upper(score->value, score->degrees_of_freedom);
	}
	bound_by_unknown(pair, metric, score);
}
