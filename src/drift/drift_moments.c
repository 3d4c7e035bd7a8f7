/*
 * drift_moments.c
 *		Scores on means, medians and spreads: the t-tests, and how far a statistic has moved beside its sampling error.
 */
#include "drift/drift.h"

#include <math.h>
#include <string.h>

#include "base/distributions.h"

/* Two passes over the bins, which hold one value each here. */
static void
moments_of_bins(const DriftPair *pair, int side, DriftMoments *moments)
{
	double		sum = 0;
	double		lost = 0;		/* Neumaier's compensation */
	double		squares = 0;
	double		deviations = 0;
	double		fourth = 0;
	const DriftBin *only = NULL;

	memset(moments, 0, sizeof(DriftMoments));
	for (size_t i = 0; i < pair->n_bins; i++)
	{
		const DriftBin *bin = &pair->bins[i];
		double		term = bin->lower * (double) bin->n[side];
		double		next = sum + term;

		if (bin->n[side] == 0 || isinf(bin->lower))
			continue;
		lost += fabs(sum) >= fabs(term) ? sum - next + term : term - next + sum;
		sum = next;
		only = moments->n == 0 ? bin : NULL;
		moments->n += bin->n[side];
	}
	if (moments->n == 0)
		return;
	if (only != NULL)
	{
		moments->mean = only->lower; /* a constant */
		return;
	}
	moments->mean = (sum + lost) / (double) moments->n;
	for (size_t i = 0; i < pair->n_bins; i++)
	{
		const DriftBin *bin = &pair->bins[i];
		double		deviation = bin->lower - moments->mean;
		double		weight = (double) bin->n[side];

		if (bin->n[side] == 0 || isinf(bin->lower))
			continue;
		deviations += weight * deviation;
		squares += weight * deviation * deviation;
		fourth += weight * (deviation * deviation) * (deviation * deviation);
	}
	if (moments->n > 1)
		moments->variance = fmax(0, squares - deviations * deviations / (double) moments->n) / (double) (moments->n - 1);
	moments->fourth = fourth / (double) moments->n;
}

const DriftMoments *
drift_moments(DriftPair *pair)
{
	if (!pair->has_moments)
		for (int side = 0; side < 2; side++)
			moments_of_bins(pair, side, &pair->moments[side]);
	pair->has_moments = true;
	return pair->moments;
}

bool
drift_has_infinities(const DriftPair *pair)
{
	return pair->n_bins > 0 && (isinf(pair->bins[0].lower) || isinf(pair->bins[pair->n_bins - 1].upper));
}

/* From stored units to those of the column. */
static void
show_levels(const DriftPair *pair, DriftMetric metric, DriftScore *score, double error)
{
	double		unit = drift_unit(pair);

	score->has_level = true;
	score->has_standard_error = true;
	score->standard_error = error * unit;
	for (int side = 0; side < 2; side++)
	{
		score->level[side] *= unit;
		/* times are shown in seconds since 1970, stored since 2000 */
		if (pair->unit == SUMMARY_TIME && metric != DRIFT_SPREAD_DIFFERENCE)
			score->level[side] += 946684800.0;
	}
}

/* ---- t-tests ---- */

/*
 * The effect behind the verdict is the difference of the means in standard deviations of the baseline and current together; its
 * thresholds are turned into those of t.
 */
static void
score_t(DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	const DriftMoments *moments = drift_moments(pair);
	double		n = (double) moments[BASELINE].n;
	double		m = (double) moments[CURRENT].n;
	double		difference = moments[CURRENT].mean - moments[BASELINE].mean;
	double		pooled = ((n - 1) * moments[BASELINE].variance + (m - 1) * moments[CURRENT].variance) / (n + m - 2);
	double		parts[2] = {moments[BASELINE].variance / n, moments[CURRENT].variance / m};
	double		share;
	double		error;
	double		freedom;

	if (metric == DRIFT_WELCH_T)
	{
		/* Welch and Satterthwaite's, of shares: squares of the parts themselves can be too small or too large for a number */
		share = parts[0] / (parts[0] + parts[1]);
		error = sqrt(parts[0] + parts[1]);
		freedom = 1 / (share * share / (n - 1) + (1 - share) * (1 - share) / (m - 1));
	}
	else
	{
		error = sqrt(pooled * (1 / n + 1 / m));
		freedom = n + m - 2;
	}
	if (n < 2 || m < 2)
	{
		drift_undefined(score, "a sample of one value has no variance");
		return;
	}
	if (!(error > 0))
	{
		drift_undefined(score, "neither sample varies");
		return;
	}
	if (!isfinite(error) || !isfinite(difference) || !isfinite(freedom))
	{
		drift_undefined(score, "the variance is too large for a number");
		return;
	}
	score->has_value = true;
	score->value = fabs(difference / error);
	score->has_statistic = true;
	score->statistic = -difference / error; /* baseline less current, as scipy.stats.ttest_ind(baseline, current) */
	score->has_p_value = true;
	score->test = metric == DRIFT_WELCH_T ? "welch_t" : "student_t";
	score->degrees_of_freedom = freedom;
	score->p_value = student_two_sided(score->value, freedom);
	score->threshold *= sqrt(pooled) / error;
	score->warning_threshold *= sqrt(pooled) / error;
	score->has_error_bound = true; /* summaries keep moments exactly */
	for (int side = 0; side < 2; side++)
		score->level[side] = moments[side].mean;
	show_levels(pair, metric, score, error);
}

/* ---- medians ---- */

/* The value with that rank, from 0, among one side's. */
static const DriftBin *
bin_at(const DriftPair *pair, int side, int64_t rank)
{
	int64_t		below = 0;

	for (size_t i = 0; i < pair->n_bins; i++)
	{
		below += pair->bins[i].n[side];
		if (below > rank)
			return &pair->bins[i];
	}
	return &pair->bins[pair->n_bins - 1];
}

static double
middle_of(const DriftBin *bin)
{
	return bin->lower == bin->upper ? bin->lower : bin->lower / 2 + bin->upper / 2;
}

static double
median_of(const DriftPair *pair, int side, double *bound)
{
	int64_t		n = pair->n_values[side];
	const DriftBin *low = bin_at(pair, side, (n - 1) / 2);
	const DriftBin *high = bin_at(pair, side, n / 2);

	*bound = ((low->upper - low->lower) + (high->upper - high->lower)) / 4;
	return middle_of(low) / 2 + middle_of(high) / 2;
}

/* McKean and Schrader (1984): from the ends of the 99 % interval that order statistics give. */
static double
median_variance(const DriftPair *pair, int side)
{
	static const double z = 2.5758293035489004;
	double		n = (double) pair->n_values[side];
	int64_t		k = (int64_t) rint((n + 1) / 2 - z * sqrt(n / 4));
	double		error;

	if (k < 1)
		k = 1;
	error = (middle_of(bin_at(pair, side, pair->n_values[side] - k)) - middle_of(bin_at(pair, side, k - 1))) / (2 * z);
	return error * error;
}

/* ---- how far a statistic has moved ---- */

/* Variance of a sample standard deviation, from the fourth moment. */
static double
spread_variance(const DriftMoments *moments)
{
	double		n = (double) moments->n;
	double		square = moments->variance;
	double		variance = (moments->fourth - (n - 3) / (n - 1) * square * square) / n;

	return square > 0 ? fmax(0, variance) / (4 * square) : 0;
}

static void
score_statistic(DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	const DriftMoments *moments = drift_moments(pair);
	double		unit = drift_unit(pair);
	double		spread = sqrt(moments[BASELINE].variance);
	double		variance = 0;
	double		bound = 0;
	double		difference;

	if (metric == DRIFT_SPREAD_DIFFERENCE && (moments[BASELINE].n < 2 || moments[CURRENT].n < 2))
	{
		drift_undefined(score, "a sample of one value has no spread");
		return;
	}
	for (int side = 0; side < 2; side++)
	{
		double		part = 0;

		if (metric == DRIFT_MEAN_DIFFERENCE)
		{
			score->level[side] = moments[side].mean;
			variance += moments[side].variance / (double) moments[side].n;
		}
		else if (metric == DRIFT_MEDIAN_DIFFERENCE)
		{
			score->level[side] = median_of(pair, side, &part);
			variance += median_variance(pair, side);
		}
		else
		{
			score->level[side] = sqrt(moments[side].variance);
			variance += spread_variance(&moments[side]);
		}
		bound += part;
	}
	difference = score->level[CURRENT] - score->level[BASELINE];
	if (!isfinite(difference) || !isfinite(variance))
	{
		drift_undefined(score, "the difference is too large for a number");
		return;
	}
	score->has_value = true;
	score->value = fabs(difference) * unit;
	score->has_threshold = score->has_threshold && moments[BASELINE].n > 1;
	score->threshold *= spread * unit;
	score->warning_threshold *= spread * unit;
	score->has_error_bound = true;
	score->error_bound = bound * unit;
	if (variance > 0)
	{
		score->has_p_value = true;
		score->test = "normal, the difference by its standard error";
		score->p_value = normal_two_sided(difference / sqrt(variance));
	}
	else
		drift_borrow_p_value(pair, score);
	show_levels(pair, metric, score, sqrt(variance));
}

void
drift_score_moments(DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	if (drift_has_infinities(pair))
		drift_undefined(score, "a sample holds infinite values");
	else if (metric == DRIFT_WELCH_T || metric == DRIFT_STUDENT_T)
		score_t(pair, metric, score);
	else
		score_statistic(pair, metric, score);
}
