/*
 * performance_writer.c
 *		How metrics of performance are told: status, intervals, bounds.
 */
#include "quality/performance_writer.h"

#include <math.h>

double
score_ratio(double numerator, double denominator)
{
	return denominator == 0 ? NAN : numerator / denominator;
}

static void
tell(const ScoreWriter *writer, PerformanceScore *score)
{
	if (!score->has_value || isnan(score->value))
	{
		score->has_value = score->has_interval = false;
		score->status = SCORE_UNDEFINED;
	}
	else
		score->status = score->n < writer->min_n ? SCORE_INSUFFICIENT : SCORE_OK;
	writer->sink(writer->context, score);
}

void
tell_undefined(const ScoreWriter *writer, const char *name, int64_t n)
{
	PerformanceScore score = {.name = name, .n = n};

	tell(writer, &score);
}

void
tell_value(const ScoreWriter *writer, const char *name, double value, int64_t n, double error_bound)
{
	PerformanceScore score = {.name = name, .has_value = true, .value = value, .n = n, .error_bound = error_bound};

	tell(writer, &score);
}

void
tell_interval(const ScoreWriter *writer, const char *name, double value, double low, double high, int64_t n, double error_bound)
{
	PerformanceScore score = {.name = name,
							  .has_value = true,
							  .value = value,
							  .has_interval = true,
							  .low = low,
							  .high = high,
							  .n = n,
							  .error_bound = error_bound};

	tell(writer, &score);
}

void
tell_rate(const ScoreWriter *writer, const char *name, int64_t successes, int64_t trials)
{
	Proportion	rate = {successes, trials};
	double		low;
	double		high;

	if (trials == 0)
	{
		tell_undefined(writer, name, 0);
		return;
	}
	wilson_interval(rate, writer->z, &low, &high);
	tell_interval(writer, name, (double) successes / (double) trials, low, high, trials,
				  fmin(1, writer->cut * (double) writer->n / (double) trials));
}

void
tell_mean(const ScoreWriter *writer, const char *name, double mean, double variance, int64_t n)
{
	double		half = writer->z * sqrt(variance / (double) n);

	if (n > 1)
		tell_interval(writer, name, mean, fmax(0, mean - half), mean + half, n, 0);
	else
		tell_value(writer, name, mean, n, 0);
}

void
tell_agreement(const ScoreWriter *writer, const char *name, double observed, double by_chance)
{
	double		n = (double) writer->n;
	double		value = score_ratio(observed - by_chance, 1 - by_chance);
	double		half = writer->z * sqrt(observed * (1 - observed) / n) / (1 - by_chance);

	/* Cohen (1960): chance agreement taken as known. */
	tell_interval(writer, name, value, value - half, fmin(1, value + half), writer->n,
				  fmin(2, score_ratio(writer->cut, 1 - by_chance)));
}
