/*
 * summary_trimmed.c
 *		The mean without the smallest and the largest values.
 */
#include "summary/summary_internal.h"

#include <math.h>

static int64_t
clamp(int64_t value, int64_t most)
{
	return value < 0 ? 0 : value > most ? most : value;
}

/* At level 0: exactly, rounded once. */
static double
exact_mean(Summary *summary, int64_t first, int64_t end)
{
	const DistributionBin *bins = distribution_sorted(&summary->distribution, summary->allocator);
	int64_t		before = 0;
	Moments		moments;
	double		mean;

	moments_init(&moments);
	for (int i = 0; i < summary->distribution.n_bins; i++)
	{
		int64_t		count = bins[i].count;
		int64_t		kept = count - clamp(first - before, count) - clamp(before + count - end, count);

		if (kept > 0)
			moments_add_times(&moments, summary->allocator, distribution_value(bins[i].key), kept);
		before += count;
	}
	moments_settle(&moments, summary->allocator);
	mean = moments_mean(&moments, end - first);
	moments_free(&moments, summary->allocator);
	return mean;
}

/*
 * Above level 0 values are somewhere in their bins.  Either those that are kept are taken to be in the middle of theirs, or those
 * that are cut, whose sum is then taken from the exact sum of all: whichever can be less wrong.
 */
static double
estimated_mean(Summary *summary, int64_t first, int64_t end, double *error)
{
	const DistributionBin *bins = distribution_sorted(&summary->distribution, summary->allocator);
	int			level = summary->distribution.level;
	double		n_kept = (double) (end - first);
	double		kept_sum = 0;
	double		kept_error = 0;
	double		cut_sum = 0;
	double		cut_error = 0;
	double		all_sum = moments_sum(summary_moments(summary));
	int64_t		before = 0;
	double		minimum;
	double		maximum;
	double		mean;

	summary_finite_range(summary, &minimum, &maximum);
	for (int i = 0; i < summary->distribution.n_bins; i++)
	{
		int64_t		count = bins[i].count;
		double		lower = fmax(distribution_value(distribution_first_key(bins[i].key, level)), minimum);
		double		upper = fmin(distribution_value(distribution_last_key(bins[i].key, level)), maximum);
		double		middle = lower / 2 + upper / 2;
		double		half = upper / 2 - lower / 2;
		double		cut = (double) (clamp(first - before, count) + clamp(before + count - end, count));

		cut_sum += cut * middle;
		cut_error += cut * half;
		kept_sum += ((double) count - cut) * middle;
		kept_error += ((double) count - cut) * half;
		before += count;
	}
	if (cut_error < kept_error && isfinite(all_sum) && isfinite(cut_sum))
	{
		mean = (all_sum - cut_sum) / n_kept;
		*error = cut_error / n_kept;
	}
	else
	{
		mean = kept_sum / n_kept;
		*error = kept_error / n_kept;
	}

	/* What the sums themselves were rounded by. */
	*error += (fabs(all_sum) + fabs(cut_sum) + fabs(kept_sum)) / n_kept * summary->distribution.n_bins * 0x1p-52;
	return fmin(fmax(mean, minimum), maximum);
}

bool
summary_trimmed_mean(const Summary *summary, double low, double high, double *mean, double *error)
{
	Summary	   *settled = summary_settle(summary);
	int64_t		n_finite = settled->distribution.total;
	int64_t		n = n_finite + settled->negative_infinity_count + settled->positive_infinity_count;
	int64_t		cut_low;
	int64_t		cut_high;
	int64_t		first;
	int64_t		end;

	*error = 0;
	if (!(low >= 0 && high >= 0 && low + high <= 1))
		return false;
	cut_low = (int64_t) (low * (double) n);
	cut_high = (int64_t) (high * (double) n);
	if (n - cut_low - cut_high <= 0)
		return false;
	if (cut_low < settled->negative_infinity_count || cut_high < settled->positive_infinity_count)
	{
		bool		is_negative = cut_low < settled->negative_infinity_count;
		bool		is_positive = cut_high < settled->positive_infinity_count;

		*mean = is_negative && is_positive ? NAN : is_positive ? INFINITY : -INFINITY;
		return true;
	}

	/* Ranks of the finite values that are kept, from 0. */
	first = cut_low - settled->negative_infinity_count;
	end = n_finite - (cut_high - settled->positive_infinity_count);
	if (first < 0 || end > n_finite || first >= end)
		return false;
	*mean = settled->distribution.level == 0 ? exact_mean(settled, first, end) : estimated_mean(settled, first, end, error);
	return true;
}
