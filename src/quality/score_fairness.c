/*
 * score_fairness.c
 *		Whether a model's scores, or predicted numbers, treat two groups alike.
 *
 * Differences of means: normal intervals, Welch's t test (1947).  Areas under ROC curves: DeLong's variances add, for groups share
 *no row.  Labels within bins of scores: Mantel and Haenszel's risk difference with Sato's interval, Cochran-Mantel-Haenszel test;
 *no difference is what calibration within groups, or sufficiency, asks for.
 */
#include "quality/score_fairness.h"

#include <math.h>
#include <string.h>

#include "base/distributions.h"
#include "fairness/fairness_audit.h"
#include "quality/calibration.h"

typedef struct Teller
{
	GroupScoreSink sink;
	void	   *context;
	double		z;
} Teller;

static void
tell(const Teller *teller, GroupScore score)
{
	if (isnan(score.value))
		score.low = score.high = score.p_value = NAN;
	teller->sink(teller->context, &score);
}

static void
tell_value(const Teller *teller, const char *name, double value, double p_value, int64_t n, int64_t n_reference)
{
	tell(teller,
		 (GroupScore){.name = name,
					  .value = value,
					  .low = NAN,
					  .high = NAN,
					  .p_value = p_value,
					  .n = n,
					  .n_reference = n_reference});
}

/* A mean over rows, and the variance of one row. */
typedef struct Mean
{
	double		mean;			/* NaN: no rows */
	double		variance;
	int64_t		n;
} Mean;

static Mean
mean_of(const Summary *summary)
{
	Mean		mean = {.mean = NAN, .n = summary_n(summary)};

	if (!summary_mean(summary, &mean.mean) || !summary_variance(summary, &mean.variance))
		mean.variance = 0;
	return mean;
}

static void
tell_means(const Teller *teller, const char *name, Mean group, Mean reference, bool has_threshold)
{
	double		of_group = group.variance / (double) group.n;
	double		of_reference = reference.variance / (double) reference.n;
	double		error = sqrt(of_group + of_reference);
	GroupScore	score = {.name = name,
						.value = group.mean - reference.mean,
						.low = NAN,
						.high = NAN,
						.p_value = NAN,
						.n = group.n,
						.n_reference = reference.n,
						.has_threshold = has_threshold};

	if (group.n > 1 && reference.n > 1)
	{
		score.low = score.value - teller->z * error;
		score.high = score.value + teller->z * error;
		if (error > 0)
			score.p_value = student_two_sided(score.value / error,
											  (of_group + of_reference) * (of_group + of_reference) /
												  (of_group * of_group / (double) (group.n - 1) +
												   of_reference * of_reference / (double) (reference.n - 1)));
		else
			score.p_value = score.value == 0 ? 1 : 0;
	}
	tell(teller, score);
}

/* ---- ROC curves ---- */

typedef struct Curve
{
	size_t		n;				/* points, from (0, 0) to (1, 1) */
	double	   *x;
	double	   *y;
} Curve;

/* False when one of the classes is not there. */
static bool
make_curve(Curve *curve, const ScoreCell *cells, size_t n, Allocator allocator)
{
	double		totals[2] = {0, 0};
	double		above[2] = {0, 0};

	curve->n = n + 1;
	curve->x = allocator.resize(allocator.context, NULL, 0, (n + 1) * sizeof(double));
	curve->y = allocator.resize(allocator.context, NULL, 0, (n + 1) * sizeof(double));
	for (size_t i = 0; i < n; i++)
	{
		totals[0] += (double) cells[i].negatives;
		totals[1] += (double) cells[i].positives;
	}
	for (size_t i = 0; i <= n; i++)
	{
		curve->x[i] = above[0] / totals[0];
		curve->y[i] = above[1] / totals[1];
		if (i == n)
			break;
		above[0] += (double) cells[n - 1 - i].negatives;
		above[1] += (double) cells[n - 1 - i].positives;
	}
	return totals[0] > 0 && totals[1] > 0;
}

static void
free_curve(Curve *curve, Allocator allocator)
{
	allocator.resize(allocator.context, curve->x, curve->n * sizeof(double), 0);
	allocator.resize(allocator.context, curve->y, curve->n * sizeof(double), 0);
}

/* The curve at x, on the segment that ends at point i. */
static double
height(const Curve *curve, size_t i, double x)
{
	return curve->y[i - 1] + (curve->y[i] - curve->y[i - 1]) * (x - curve->x[i - 1]) / (curve->x[i] - curve->x[i - 1]);
}

static double
area_between(const Curve *a, const Curve *b)
{
	size_t		i = 1;
	size_t		j = 1;
	double		from = 0;
	double		area = 0;

	while (true)
	{
		double		to;
		double		left;
		double		right;

		/* Where a curve rises without moving on, nothing lies between. */
		while (i < a->n && a->x[i] <= from)
			i++;
		while (j < b->n && b->x[j] <= from)
			j++;
		if (i >= a->n || j >= b->n)
			break;
		to = fmin(a->x[i], b->x[j]);
		left = height(a, i, from) - height(b, j, from);
		right = height(a, i, to) - height(b, j, to);
		if ((left < 0) == (right < 0) || left == 0 || right == 0)
			area += (to - from) * fabs(left + right) / 2;
		else
			area += (to - from) * (left * left + right * right) / (2 * (fabs(left) + fabs(right)));
		from = to;
	}
	return area;
}

double
area_between_roc_curves(const ScoreCell *a, size_t n_a, const ScoreCell *b, size_t n_b, Allocator allocator)
{
	Curve		curves[2];
	bool		first = make_curve(&curves[0], a, n_a, allocator);
	bool		second = make_curve(&curves[1], b, n_b, allocator);
	double		area = first && second ? area_between(&curves[0], &curves[1]) : NAN;

	free_curve(&curves[0], allocator);
	free_curve(&curves[1], allocator);
	return area;
}

static void
tell_areas(const Teller *teller, const ScoreCell *const *cells, const size_t *n_cells, const int64_t *n)
{
	double		areas[2];
	double		variances[2];
	GroupScore	score = {.name = "roc_auc_difference", .low = NAN, .high = NAN, .p_value = NAN, .n = n[0], .n_reference = n[1]};
	double		error;

	for (int side = 0; side < 2; side++)
		areas[side] = score_cells_area(cells[side], n_cells[side], &variances[side]);
	score.value = areas[0] - areas[1];
	error = sqrt(variances[0] + variances[1]);
	if (!isnan(error))
	{
		score.low = score.value - teller->z * error;
		score.high = score.value + teller->z * error;
		score.p_value = error > 0 ? normal_two_sided(score.value / error) : score.value == 0 ? 1 : 0;
	}
	tell(teller, score);
}

/* ---- distributions ---- */

void
distribution_distances(const Summary *a, const Summary *b, Allocator allocator, double *kolmogorov_smirnov, double *wasserstein)
{
	const Summary *sides[2] = {a, b};
	int			level = summary_level(a) > summary_level(b) ? summary_level(a) : summary_level(b);
	double		n[2] = {(double) summary_finite_count(a), (double) summary_finite_count(b)};
	SummaryBin *bins[2];
	size_t		n_bins[2];
	size_t		next[2] = {0, 0};
	double		shares[2] = {0, 0};
	double		previous = NAN;

	*kolmogorov_smirnov = *wasserstein = n[0] > 0 && n[1] > 0 ? 0 : NAN;
	for (int side = 0; side < 2; side++)
	{
		n_bins[side] = summary_bins(sides[side], level, NULL, 0);
		bins[side] = allocator.resize(allocator.context, NULL, 0, (n_bins[side] + 1) * sizeof(SummaryBin));
		summary_bins(sides[side], level, bins[side], n_bins[side]);
	}
	while ((next[0] < n_bins[0] || next[1] < n_bins[1]) && n[0] > 0 && n[1] > 0)
	{
		double		lower = INFINITY;
		double		middle = 0;

		for (int side = 0; side < 2; side++)
			if (next[side] < n_bins[side])
				lower = fmin(lower, bins[side][next[side]].lower);
		for (int side = 0; side < 2; side++)
			if (next[side] < n_bins[side] && bins[side][next[side]].lower == lower)
				middle = lower + (bins[side][next[side]].upper - lower) / 2;
		if (!isnan(previous))
			*wasserstein += fabs(shares[0] - shares[1]) * (middle - previous);
		for (int side = 0; side < 2; side++)
			if (next[side] < n_bins[side] && bins[side][next[side]].lower == lower)
				shares[side] += (double) bins[side][next[side]++].count / n[side];
		*kolmogorov_smirnov = fmax(*kolmogorov_smirnov, fabs(shares[0] - shares[1]));
		previous = middle;
	}
	for (int side = 0; side < 2; side++)
		allocator.resize(allocator.context, bins[side], (n_bins[side] + 1) * sizeof(SummaryBin), 0);
}

static void
tell_distances(const Teller *teller, const Summary *group, const Summary *reference, Allocator allocator, const char *ks_name,
			   const char *wasserstein_name)
{
	double		n = (double) summary_n(group);
	double		m = (double) summary_n(reference);
	double		ks;
	double		wasserstein;

	distribution_distances(group, reference, allocator, &ks, &wasserstein);
	tell_value(teller, ks_name, ks, isnan(ks) ? NAN : kolmogorov_upper(ks * sqrt(n * m / (n + m))), summary_n(group),
			   summary_n(reference));
	tell_value(teller, wasserstein_name, wasserstein, NAN, summary_n(group), summary_n(reference));
}

/* ---- labels within scores ---- */

static void
tell_within_scores(const Teller *teller, const ScoreCell *const *cells, const size_t *n_cells, const int64_t *n)
{
	CalibrationBin bins[2][SCORE_FAIRNESS_BINS];
	CalibrationScores scores[2];
	Stratum		strata[SCORE_FAIRNESS_BINS];
	StratifiedDisparity disparity;
	double		gap = 0;
	double		rows = 0;

	for (int side = 0; side < 2; side++)
	{
		calibration_bins(cells[side], n_cells[side], CALIBRATION_EQUAL_WIDTH, SCORE_FAIRNESS_BINS, bins[side]);
		calibration_scores(cells[side], n_cells[side], bins[side], SCORE_FAIRNESS_BINS, &scores[side]);
	}
	for (int i = 0; i < SCORE_FAIRNESS_BINS; i++)
	{
		const CalibrationBin *own = &bins[0][i];
		const CalibrationBin *other = &bins[1][i];

		strata[i].group = (Proportion){(int64_t) own->n_positive, (int64_t) own->n};
		strata[i].reference = (Proportion){(int64_t) other->n_positive, (int64_t) other->n};
		strata[i].all = (Proportion){strata[i].group.successes + strata[i].reference.successes,
									 strata[i].group.trials + strata[i].reference.trials};
		if (own->n == 0 || other->n == 0)
			continue;
		rows += own->n + other->n;
		gap += (own->n + other->n) * fabs(own->n_positive / own->n - other->n_positive / other->n);
	}
	fairness_stratified(strata, SCORE_FAIRNESS_BINS, teller->z, &disparity);
	tell(teller,
		 (GroupScore){.name = "calibration_within_groups_difference",
					  .value = disparity.difference,
					  .low = disparity.difference_low,
					  .high = disparity.difference_high,
					  .p_value = disparity.p_value,
					  .n = n[0],
					  .n_reference = n[1],
					  .has_threshold = true});
	tell_value(teller, "calibration_gap", rows > 0 ? gap / rows : NAN, NAN, n[0], n[1]);
	tell_value(teller, "expected_calibration_error_difference",
			   n[0] > 0 && n[1] > 0 ? scores[0].expected_error - scores[1].expected_error : NAN, NAN, n[0], n[1]);
}

/* ---- all ---- */

/* Of label less score. */
static Mean
residual(const Performance *performance)
{
	ScoreMoments moments = {0};
	Mean		mean = {.mean = NAN, .n = performance_n(performance)};
	double		n = (double) mean.n;

	if (mean.n == 0)
		return mean;
	performance_score_moments(performance, &moments);
	mean.mean = moments.base_rate - moments.mean_score;
	mean.variance = n > 1 ? fmax(0, moments.brier - mean.mean * mean.mean) * n / (n - 1) : 0;
	return mean;
}

static Summary *
all_scores(const Performance *performance)
{
	Summary	   *scores = summary_copy(performance->allocator, performance->parts[BINARY_UNLABELLED]);

	summary_merge(scores, performance->parts[BINARY_NEGATIVES]);
	summary_merge(scores, performance->parts[BINARY_POSITIVES]);
	return scores;
}

void
score_fairness_binary(const Performance *group, const Performance *reference, double z, GroupScoreSink sink, void *context)
{
	const Performance *sides[2] = {group, reference};
	Allocator	allocator = group->allocator;
	Teller		teller = {.sink = sink, .context = context, .z = z};
	ScoreCell  *cells[2];
	size_t		n_cells[2];
	int64_t		n[2] = {performance_n(group), performance_n(reference)};
	Summary	   *scores[2];
	bool		is_probability = true;

	for (int side = 0; side < 2; side++)
	{
		double		low;
		double		high;

		cells[side] = performance_cells(sides[side], allocator, &n_cells[side]);
		scores[side] = all_scores(sides[side]);
		if (summary_n(scores[side]) > 0)
			is_probability =
				is_probability && summary_min(scores[side], &low) && summary_max(scores[side], &high) && low >= 0 && high <= 1;
	}
	tell_value(&teller, "abroca", area_between_roc_curves(cells[0], n_cells[0], cells[1], n_cells[1], allocator), NAN, n[0], n[1]);
	tell_areas(&teller, (const ScoreCell *const *) cells, n_cells, n);
	tell_means(&teller, "mean_score_difference", mean_of(scores[0]), mean_of(scores[1]), is_probability);
	tell_means(&teller, "positive_class_balance_difference", mean_of(group->parts[BINARY_POSITIVES]),
			   mean_of(reference->parts[BINARY_POSITIVES]), is_probability);
	tell_means(&teller, "negative_class_balance_difference", mean_of(group->parts[BINARY_NEGATIVES]),
			   mean_of(reference->parts[BINARY_NEGATIVES]), is_probability);
	tell_distances(&teller, scores[0], scores[1], allocator, "score_kolmogorov_smirnov", "score_wasserstein");
	/* Calibration is a property of probabilities. */
	if (is_probability)
	{
		tell_means(&teller, "calibration_in_the_large_difference", residual(group), residual(reference), true);
		tell_within_scores(&teller, (const ScoreCell *const *) cells, n_cells, n);
	}
	for (int side = 0; side < 2; side++)
	{
		summary_free(scores[side]);
		allocator.resize(allocator.context, cells[side], (n_cells[side] + 1) * sizeof(ScoreCell), 0);
	}
}

static double
mean_square(const Summary *errors)
{
	Mean		mean = mean_of(errors);
	double		n = (double) mean.n;

	return mean.variance * (n - 1) / n + mean.mean * mean.mean;
}

void
score_fairness_regression(const Performance *group, const Performance *reference, double z, GroupScoreSink sink, void *context)
{
	static const struct
	{
		const char *name;
		int			part;
	} means[] = {
		{"mean_prediction_difference", REGRESSION_PREDICTIONS},
		{"mean_label_difference", REGRESSION_LABELS},
		{"mean_error_difference", REGRESSION_ERRORS},
		{"mean_absolute_error_difference", REGRESSION_SIZES},
	};
	Teller		teller = {.sink = sink, .context = context, .z = z};
	int64_t		n = performance_n(group);
	int64_t		m = performance_n(reference);
	double		root = sqrt(mean_square(group->parts[REGRESSION_ERRORS]));
	double		other = sqrt(mean_square(reference->parts[REGRESSION_ERRORS]));

	for (size_t i = 0; i < sizeof(means) / sizeof(means[0]); i++)
		tell_means(&teller, means[i].name, mean_of(group->parts[means[i].part]), mean_of(reference->parts[means[i].part]), false);
	tell_value(&teller, "root_mean_squared_error_difference", root - other, NAN, n, m);
	tell_value(&teller, "root_mean_squared_error_ratio", other > 0 ? root / other : NAN, NAN, n, m);
	tell_distances(&teller, group->parts[REGRESSION_PREDICTIONS], reference->parts[REGRESSION_PREDICTIONS], group->allocator,
				   "prediction_kolmogorov_smirnov", "prediction_wasserstein");
	tell_distances(&teller, group->parts[REGRESSION_ERRORS], reference->parts[REGRESSION_ERRORS], group->allocator,
				   "error_kolmogorov_smirnov", "error_wasserstein");
}
