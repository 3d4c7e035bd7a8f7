/*
 * score_cells.c
 *		The binary state in order of scores: cells, counts at a threshold, squared errors.
 */
#include <math.h>

#include "quality/performance.h"

static SummaryBin *
bins_of(const Summary *summary, int level, Allocator allocator, size_t *n)
{
	SummaryBin *bins;

	*n = summary_bins(summary, level, NULL, 0);
	bins = allocator.resize(allocator.context, NULL, 0, (*n + 1) * sizeof(SummaryBin));
	summary_bins(summary, level, bins, *n);
	return bins;
}

ScoreCell *
performance_cells(const Performance *performance, Allocator allocator, size_t *n)
{
	const Summary *parts[2] = {performance->parts[BINARY_NEGATIVES], performance->parts[BINARY_POSITIVES]};
	int			level = summary_level(parts[0]) > summary_level(parts[1]) ? summary_level(parts[0]) : summary_level(parts[1]);
	SummaryBin *bins[2];
	size_t		n_bins[2];
	size_t		next[2] = {0, 0};
	size_t		capacity;
	ScoreCell  *cells;

	for (int side = 0; side < 2; side++)
		bins[side] = bins_of(parts[side], level, allocator, &n_bins[side]);
	capacity = n_bins[0] + n_bins[1];
	cells = allocator.resize(allocator.context, NULL, 0, (capacity + 1) * sizeof(ScoreCell));
	*n = 0;
	while (next[0] < n_bins[0] || next[1] < n_bins[1])
	{
		bool		takes[2];
		ScoreCell  *cell = &cells[(*n)++];

		takes[0] = next[0] < n_bins[0] && (next[1] >= n_bins[1] || bins[0][next[0]].lower <= bins[1][next[1]].lower);
		takes[1] = next[1] < n_bins[1] && (next[0] >= n_bins[0] || bins[1][next[1]].lower <= bins[0][next[0]].lower);
		for (int side = 0; side < 2; side++)
		{
			if (takes[side])
			{
				cell->lower = bins[side][next[side]].lower;
				cell->upper = bins[side][next[side]].upper;
			}
			*(side == 0 ? &cell->negatives : &cell->positives) = takes[side] ? bins[side][next[side]].count : 0;
		}
		next[0] += takes[0];
		next[1] += takes[1];
	}
	for (int side = 0; side < 2; side++)
		allocator.resize(allocator.context, bins[side], (n_bins[side] + 1) * sizeof(SummaryBin), 0);
	/* What the caller frees is n cells and one. */
	return allocator.resize(allocator.context, cells, (capacity + 1) * sizeof(ScoreCell), (*n + 1) * sizeof(ScoreCell));
}

double
score_cells_area(const ScoreCell *cells, size_t n, double *variance)
{
	double		totals[2] = {0, 0};
	double		below = 0;
	double		above = 0;
	double		area = 0;
	double		squares[2] = {0, 0};

	*variance = NAN;
	for (size_t i = 0; i < n; i++)
	{
		area += (double) cells[i].positives * (totals[0] + (double) cells[i].negatives / 2);
		totals[0] += (double) cells[i].negatives;
		totals[1] += (double) cells[i].positives;
	}
	if (totals[0] == 0 || totals[1] == 0)
		return NAN;
	area /= totals[0] * totals[1];
	/* The share of the other class that a row of a cell wins against, about its mean: DeLong's structural components. */
	for (size_t i = 0; i < n; i++)
	{
		double		wins = (below + (double) cells[i].negatives / 2) / totals[0] - area;

		squares[0] += (double) cells[i].positives * wins * wins;
		below += (double) cells[i].negatives;
	}
	for (size_t i = n; i-- > 0;)
	{
		double		wins = (above + (double) cells[i].positives / 2) / totals[1] - area;

		squares[1] += (double) cells[i].negatives * wins * wins;
		above += (double) cells[i].positives;
	}
	if (totals[0] > 1 && totals[1] > 1)
		*variance = squares[0] / (totals[1] - 1) / totals[1] + squares[1] / (totals[0] - 1) / totals[0];
	return area;
}

void
confusion_at(const ScoreCell *cells, size_t n, double threshold, Confusion *confusion)
{
	*confusion = (Confusion){0};
	for (size_t i = 0; i < n; i++)
	{
		const ScoreCell *cell = &cells[i];
		double		above = cell->lower >= threshold ? 1
			: cell->upper < threshold           ? 0
												: (cell->upper - threshold) / (cell->upper - cell->lower);
		int64_t		positives = llrint((double) cell->positives * above);
		int64_t		negatives = llrint((double) cell->negatives * above);

		if (above > 0 && above < 1)
			confusion->uncertain = cell->positives + cell->negatives;
		confusion->true_positives += positives;
		confusion->false_negatives += cell->positives - positives;
		confusion->false_positives += negatives;
		confusion->true_negatives += cell->negatives - negatives;
	}
}

/* Second and fourth moment of the values about a point, from those about their mean. */
static void
moments_about(const Summary *summary, double point, double *second, double *fourth)
{
	double		n = (double) summary_n(summary);
	double		mean = 0;
	double		variance = 0;
	double		skewness = 0;
	double		kurtosis = 0;
	double		shift;

	*second = *fourth = 0;
	if (n == 0)
		return;
	summary_mean(summary, &mean);
	shift = mean - point;
	if (summary_variance(summary, &variance))
		variance *= (n - 1) / n;
	if (!summary_skewness(summary, &skewness) || !summary_kurtosis(summary, &kurtosis))
	{
		skewness = 0;
		kurtosis = -3;			/* a constant: its fourth central moment is nil */
	}
	*second = variance + shift * shift;
	*fourth = (kurtosis + 3) * variance * variance + 4 * shift * skewness * pow(variance, 1.5) + 6 * shift * shift * variance +
		shift * shift * shift * shift;
}

void
performance_score_moments(const Performance *performance, ScoreMoments *moments)
{
	const Summary *negatives = performance->parts[BINARY_NEGATIVES];
	const Summary *positives = performance->parts[BINARY_POSITIVES];
	double		n_negative = (double) summary_n(negatives);
	double		n_positive = (double) summary_n(positives);
	double		n = n_negative + n_positive;
	double		second[2];
	double		fourth[2];
	double		sums[2] = {0, 0};

	*moments = (ScoreMoments){0};
	moments->base_rate = n_positive / n;
	moments->is_probability = summary_nan_count(performance->parts[BINARY_LOSSES]) == 0;
	if (!moments->is_probability)
		return;
	moments_about(negatives, 0, &second[0], &fourth[0]);
	moments_about(positives, 1, &second[1], &fourth[1]);
	summary_sum(negatives, &sums[0]);
	summary_sum(positives, &sums[1]);
	moments->mean_score = (sums[0] + sums[1]) / n;
	moments->brier = (n_negative * second[0] + n_positive * second[1]) / n;
	moments->brier_variance = fmax(0, (n_negative * fourth[0] + n_positive * fourth[1]) / n - moments->brier * moments->brier);
}
