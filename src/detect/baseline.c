/*
 * baseline.c
 *		The mean and standard deviation that control charts measure from: given, or estimated from the first values.
 */
#include "detect/detector_method.h"

void
baseline_start(Baseline *baseline, double mean, double stddev)
{
	*baseline = (Baseline){0};
	if (!isnan(mean))
	{
		baseline->mean = mean;
		baseline->stddev = stddev;
	}
}

bool
baseline_takes(Baseline *baseline, double x, double min_n)
{
	double		deviation = x - baseline->mean;

	if (baseline->stddev > 0)
		return false;
	baseline->n += 1;
	baseline->mean += deviation / baseline->n;
	baseline->sum_of_squares += deviation * (x - baseline->mean);
	/* Until two values differ there is nothing to measure with: the estimate goes on. */
	if (baseline->n >= min_n && baseline->n >= 2 && baseline->sum_of_squares > 0)
		baseline->stddev = sqrt(baseline->sum_of_squares / (baseline->n - 1));
	return true;
}

const char *
baseline_check(double mean, double stddev)
{
	return isnan(mean) != isnan(stddev) ? "Give both mean and stddev, or neither." : NULL;
}
