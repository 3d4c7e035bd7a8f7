/*
 * calibration.c
 *		Reliability in bins, and the scores that follow from it.
 */
#include "quality/calibration.h"

#include <math.h>
#include <string.h>

static double
rows(const ScoreCell *cell)
{
	return (double) (cell->negatives + cell->positives);
}

static void
add(CalibrationBin *bin, const ScoreCell *cell)
{
	bin->n += rows(cell);
	bin->n_positive += (double) cell->positives;
	bin->score_sum += rows(cell) * score_cell_middle(cell);
}

int
calibration_bins(const ScoreCell *cells, size_t n_cells, CalibrationBinning binning, int n_bins, CalibrationBin *bins)
{
	double		total = 0;
	double		seen = 0;
	int			used = 0;

	memset(bins, 0, sizeof(CalibrationBin) * (size_t) n_bins);
	if (binning == CALIBRATION_EQUAL_WIDTH)
	{
		for (int i = 0; i < n_bins; i++)
		{
			bins[i].low = (double) i / n_bins;
			bins[i].high = (double) (i + 1) / n_bins;
		}
		for (size_t i = 0; i < n_cells; i++)
		{
			int			bin = (int) fmin(n_bins - 1, fmax(0, ceil(score_cell_middle(&cells[i]) * n_bins) - 1));

			/* The ends are these very doubles, whatever the product was rounded to. */
			while (bin > 0 && score_cell_middle(&cells[i]) <= bins[bin].low)
				bin--;
			while (bin < n_bins - 1 && score_cell_middle(&cells[i]) > bins[bin].high)
				bin++;
			add(&bins[bin], &cells[i]);
		}
		return n_bins;
	}
	for (size_t i = 0; i < n_cells; i++)
		total += rows(&cells[i]);
	for (size_t i = 0; i < n_cells; i++)
	{
		CalibrationBin *bin = &bins[used];

		if (bin->n == 0)
			bin->low = cells[i].lower;
		bin->high = cells[i].upper;
		add(bin, &cells[i]);
		seen += rows(&cells[i]);
		/* Closed once it holds its share of what was left; a score that many rows share may take the shares of several. */
		if (used < n_bins - 1 && i + 1 < n_cells && seen >= total * (used + 1) / n_bins)
			used++;
	}
	return n_cells == 0 ? 0 : used + 1;
}

void
calibration_scores(const ScoreCell *cells, size_t n_cells, const CalibrationBin *bins, int n_bins, CalibrationScores *scores)
{
	double		n = 0;
	double		n_positive = 0;
	double		base_rate;

	memset(scores, 0, sizeof(CalibrationScores));
	for (int i = 0; i < n_bins; i++)
	{
		n += bins[i].n;
		n_positive += bins[i].n_positive;
	}
	base_rate = n_positive / n;
	for (int i = 0; i < n_bins; i++)
	{
		double		mean;
		double		rate;
		double		gap;

		if (bins[i].n == 0)
			continue;
		mean = bins[i].score_sum / bins[i].n;
		rate = bins[i].n_positive / bins[i].n;
		gap = fabs(rate - mean);
		scores->expected_error += bins[i].n / n * gap;
		scores->maximum_error = fmax(scores->maximum_error, gap);
		scores->root_mean_squared_error += bins[i].n / n * gap * gap;
		scores->resolution += bins[i].n / n * (rate - base_rate) * (rate - base_rate);
		scores->hosmer_lemeshow +=
			(bins[i].n_positive - bins[i].score_sum) * (bins[i].n_positive - bins[i].score_sum) / (bins[i].n * mean * (1 - mean));
		scores->hosmer_lemeshow_bins++;
	}
	scores->reliability = scores->root_mean_squared_error;
	scores->root_mean_squared_error = sqrt(scores->root_mean_squared_error);
	scores->uncertainty = base_rate * (1 - base_rate);
	for (size_t i = 0; i < n_cells; i++)
		if (cells[i].lower < cells[i].upper)
			scores->score_bound += rows(&cells[i]) / n * (cells[i].upper - cells[i].lower) / 2;
}

/* Sum of the k-th powers of the values, k = 0 to 4, from the moments. */
static void
power_sums(const Summary *summary, double *sums)
{
	double		n = (double) summary_n(summary);
	double		mean = 0;
	double		variance = 0;
	double		skewness = 0;
	double		kurtosis = -3;
	double		third;
	double		fourth;

	memset(sums, 0, sizeof(double) * 5);
	if (n == 0)
		return;
	summary_mean(summary, &mean);
	if (summary_variance(summary, &variance))
		variance *= (n - 1) / n;
	if (!summary_skewness(summary, &skewness) || !summary_kurtosis(summary, &kurtosis))
	{
		skewness = 0;
		kurtosis = -3;
	}
	third = skewness * pow(variance, 1.5);
	fourth = (kurtosis + 3) * variance * variance;
	sums[0] = n;
	sums[1] = n * mean;
	sums[2] = n * (variance + mean * mean);
	sums[3] = n * (third + 3 * mean * variance + mean * mean * mean);
	sums[4] = n * (fourth + 4 * mean * third + 6 * mean * mean * variance + mean * mean * mean * mean);
}

double
calibration_spiegelhalter(const Performance *performance)
{
	double		negatives[5];
	double		positives[5];
	double		numerator;
	double		variance;

	power_sums(performance->parts[BINARY_NEGATIVES], negatives);
	power_sums(performance->parts[BINARY_POSITIVES], positives);
	/* sum of (y - s)(1 - 2 s), and of (1 - 2 s)^2 s (1 - s) */
	numerator = positives[0] - 3 * positives[1] + 2 * positives[2] - negatives[1] + 2 * negatives[2];
	variance = positives[1] + negatives[1] - 5 * (positives[2] + negatives[2]) + 8 * (positives[3] + negatives[3]) -
		4 * (positives[4] + negatives[4]);
	return variance > 0 ? numerator / sqrt(variance) : NAN;
}
