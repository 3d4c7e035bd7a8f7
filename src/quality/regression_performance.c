/*
 * regression_performance.c
 *		Metrics of a model of a number.
 *
 * Sums are exact, so the mean squared error of a column with a large offset keeps its digits.  Intervals are those of a mean
 *(normal); that of the root mean squared error is the square root of the mean's.
 */
#include <math.h>

#include "quality/performance_writer.h"

/* Mean of a part, NaN where there is none or where a row had no value (said as NaN). */
static double
mean_of(const Summary *part)
{
	double		mean;

	if (summary_nan_count(part) > 0 || !summary_mean(part, &mean))
		return NAN;
	return mean;
}

static double
variance_of(const Summary *part)
{
	double		variance;

	return summary_variance(part, &variance) ? variance : 0;
}

static double
population_variance(const Summary *part)
{
	double		n = (double) summary_n(part);

	return variance_of(part) * (n - 1) / n;
}

/* Mean and variance of the squares, from the moments about the mean. */
static void
squares(const Summary *errors, double *mean, double *variance)
{
	double		about = population_variance(errors);
	double		bias = mean_of(errors);
	double		skewness;
	double		kurtosis;
	double		fourth;

	if (!summary_skewness(errors, &skewness) || !summary_kurtosis(errors, &kurtosis))
	{
		skewness = 0;
		kurtosis = -3;
	}
	*mean = about + bias * bias;
	fourth = (kurtosis + 3) * about * about + 4 * bias * skewness * pow(about, 1.5) + 6 * bias * bias * about +
		bias * bias * bias * bias;
	*variance = fmax(0, fourth - *mean * *mean);
}

/* The largest width of the bin in which the quantile lies. */
static double
bin_width(const Summary *part, double value, Allocator allocator)
{
	size_t		n = summary_bins(part, summary_level(part), NULL, 0);
	SummaryBin *bins = allocator.resize(allocator.context, NULL, 0, (n + 1) * sizeof(SummaryBin));
	double		width = 0;

	summary_bins(part, summary_level(part), bins, n);
	for (size_t i = 0; i < n; i++)
		if (value >= bins[i].lower && value <= bins[i].upper)
			width = bins[i].upper - bins[i].lower;
	allocator.resize(allocator.context, bins, (n + 1) * sizeof(SummaryBin), 0);
	return width;
}

/* Labels at or below their prediction: bins end at 0. */
static int64_t
covered(const Summary *errors, Allocator allocator)
{
	size_t		n = summary_bins(errors, summary_level(errors), NULL, 0);
	SummaryBin *bins = allocator.resize(allocator.context, NULL, 0, (n + 1) * sizeof(SummaryBin));
	int64_t		count = 0;

	summary_bins(errors, summary_level(errors), bins, n);
	for (size_t i = 0; i < n; i++)
		if (bins[i].lower >= 0)
			count += bins[i].count;
	allocator.resize(allocator.context, bins, (n + 1) * sizeof(SummaryBin), 0);
	return count;
}

/*
 * What a forecast too low costs in the share quantile, one too high in the rest (Koenker and Bassett 1978): half the size of the
 * error plus (1/2 - quantile) times the error.  How far the two vary together is not kept: the interval takes the most that it can
 * be.
 */
static void
tell_quantile(const ScoreWriter *writer, const Performance *performance, double quantile)
{
	Summary *const *parts = performance->parts;
	double		tilt = 0.5 - quantile;
	double		loss = mean_of(parts[REGRESSION_SIZES]) / 2 + tilt * mean_of(parts[REGRESSION_ERRORS]);
	double		of_errors = sqrt(variance_of(parts[REGRESSION_ERRORS]));
	double		deviation = sqrt(variance_of(parts[REGRESSION_SIZES])) / 2 + fabs(tilt) * of_errors;

	tell_mean(writer, "pinball_loss", writer->n > 0 ? fmax(0, loss) : NAN, deviation * deviation, writer->n);
	tell_rate(writer, "coverage", covered(parts[REGRESSION_ERRORS], performance->allocator), writer->n);
}

void
performance_regression_scores(const Performance *performance, const PerformanceOptions *options, PerformanceSink sink,
							  void *context)
{
	Summary *const *parts = performance->parts;
	ScoreWriter writer = {.sink = sink,
						  .context = context,
						  .z = options->z,
						  .min_n = options->min_n,
						  .n = performance_n(performance)};
	double		z = options->z;
	double		n = (double) writer.n;
	double		bias = mean_of(parts[REGRESSION_ERRORS]);
	double		half = z * sqrt(variance_of(parts[REGRESSION_ERRORS]) / n);
	double		labels = population_variance(parts[REGRESSION_LABELS]);
	double		predictions = population_variance(parts[REGRESSION_PREDICTIONS]);
	double		errors = population_variance(parts[REGRESSION_ERRORS]);
	double		square = NAN;
	double		square_variance = 0;
	double		median = NAN;
	double		largest = NAN;

	if (writer.n > 0)
	{
		squares(parts[REGRESSION_ERRORS], &square, &square_variance);
		summary_quantile(parts[REGRESSION_SIZES], 0.5, &median);
		summary_max(parts[REGRESSION_SIZES], &largest);
	}
	tell_interval(&writer, "mean_error", bias, bias - half, bias + half, writer.n, 0);
	tell_mean(&writer, "mean_absolute_error", mean_of(parts[REGRESSION_SIZES]), variance_of(parts[REGRESSION_SIZES]), writer.n);
	tell_mean(&writer, "mean_squared_error", square, n > 1 ? square_variance * n / (n - 1) : 0, writer.n);
	half = n > 1 ? z * sqrt(square_variance / (n - 1)) : 0;
	tell_interval(&writer, "root_mean_squared_error", sqrt(square), sqrt(fmax(0, square - half)), sqrt(square + half), writer.n, 0);
	tell_value(&writer, "median_absolute_error", median, writer.n,
			   writer.n > 0 ? bin_width(parts[REGRESSION_SIZES], median, performance->allocator) : 0);
	tell_value(&writer, "max_error", largest, writer.n, 0);
	tell_value(&writer, "r2", labels > 0 ? 1 - square / labels : NAN, writer.n, 0);
	/* Theil (1961): for what each feature explains by chance. */
	if (options->n_features >= 0)
		tell_value(&writer, "adjusted_r2",
				   labels > 0 && n > options->n_features + 1 ? 1 - square / labels * (n - 1) / (n - options->n_features - 1) : NAN,
				   writer.n, 0);
	tell_value(&writer, "explained_variance", labels > 0 ? 1 - errors / labels : NAN, writer.n, 0);
	/* var(prediction - label) = var(prediction) + var(label) - 2 cov */
	tell_value(&writer, "correlation",
			   labels > 0 && predictions > 0
				   ? fmax(-1, fmin(1, (labels + predictions - errors) / (2 * sqrt(labels) * sqrt(predictions))))
				   : NAN,
			   writer.n, 0);
	tell_mean(&writer, "mean_absolute_percentage_error", mean_of(parts[REGRESSION_PERCENTAGES]),
			  variance_of(parts[REGRESSION_PERCENTAGES]), writer.n);
	tell_mean(&writer, "symmetric_mean_absolute_percentage_error", mean_of(parts[REGRESSION_SYMMETRIC_PERCENTAGES]),
			  variance_of(parts[REGRESSION_SYMMETRIC_PERCENTAGES]), writer.n);
	tell_value(&writer, "root_mean_squared_logarithmic_error", sqrt(mean_of(parts[REGRESSION_LOGARITHMS])), writer.n, 0);
	if (!isnan(options->quantile))
		tell_quantile(&writer, performance, options->quantile);
	/* What forecasting the mean of the labels would have cost. */
	tell_value(&writer, "mean_forecast_squared_error", writer.n > 0 ? labels : NAN, writer.n, 0);
}
