/*
 * moments_statistics.c
 *		Statistics from the exact power sums: combined as integers, rounded once.
 *
 * With S1…S4 the power sums of n values, and all of them integers in powers of one unit:
 *		n^2 m2 = M2 = n S2 - S1^2
 *		n^3 m3 = M3 = n^2 S3 - 3 n S1 S2 + 2 S1^3
 *		n^4 m4 = M4 = n^3 S4 - 4 n^2 S1 S3 + 6 n S1^2 S2 - 3 S1^4
 * where m2, m3, m4 are the central moments.  Nothing cancels, for these differences are exact.
 */
#include "summary/moments.h"

#include <math.h>

#define UNIT_EXPONENT (-1074)

/* Power sums in powers of one unit: the sum of x^k is sums[k - 1] * 2^(k * exponent). */
typedef struct AlignedSums
{
	WideInteger sums[MOMENT_POWERS];
	int			exponent;
} AlignedSums;

static void
align(const Moments *moments, int powers, AlignedSums *aligned)
{
	int			low[MOMENT_POWERS];
	int			unit = -1;

	for (int k = 0; k < powers; k++)
	{
		moments_get(moments, k + 1, &aligned->sums[k], &low[k]);
		if (aligned->sums[k].n_words > 0 && (unit < 0 || low[k] / (k + 1) < unit))
			unit = low[k] / (k + 1);
	}
	if (unit < 0)
		unit = 0;
	for (int k = 0; k < powers; k++)
		wide_shift(&aligned->sums[k], low[k] - (k + 1) * unit);
	aligned->exponent = 64 * unit + UNIT_EXPONENT;
}

static void
second_moment(const AlignedSums *aligned, uint64_t n, WideInteger *result)
{
	WideInteger square;

	wide_copy(result, &aligned->sums[1]);
	wide_multiply_word(result, n);
	wide_multiply(&square, &aligned->sums[0], &aligned->sums[0]);
	wide_add(result, &square, true);
}

static void
third_moment(const AlignedSums *aligned, uint64_t n, WideInteger *result)
{
	WideInteger square;
	WideInteger term;

	wide_copy(result, &aligned->sums[2]);
	wide_multiply_word(result, n);
	wide_multiply_word(result, n);
	wide_multiply(&term, &aligned->sums[0], &aligned->sums[1]);
	wide_multiply_word(&term, n);
	wide_multiply_word(&term, 3);
	wide_add(result, &term, true);
	wide_multiply(&square, &aligned->sums[0], &aligned->sums[0]);
	wide_multiply(&term, &square, &aligned->sums[0]);
	wide_multiply_word(&term, 2);
	wide_add(result, &term, false);
}

static void
fourth_moment(const AlignedSums *aligned, uint64_t n, WideInteger *result)
{
	WideInteger square;
	WideInteger term;

	wide_copy(result, &aligned->sums[3]);
	for (int i = 0; i < 3; i++)
		wide_multiply_word(result, n);
	wide_multiply(&term, &aligned->sums[0], &aligned->sums[2]);
	wide_multiply_word(&term, n);
	wide_multiply_word(&term, n);
	wide_multiply_word(&term, 4);
	wide_add(result, &term, true);
	wide_multiply(&square, &aligned->sums[0], &aligned->sums[0]);
	wide_multiply(&term, &square, &aligned->sums[1]);
	wide_multiply_word(&term, n);
	wide_multiply_word(&term, 6);
	wide_add(result, &term, false);
	wide_multiply(&term, &square, &square);
	wide_multiply_word(&term, 3);
	wide_add(result, &term, true);
}

/* ---- from aligned sums ---- */

static bool
standard_deviation(const AlignedSums *aligned, const WideInteger *second, int64_t n, double *result)
{
	WideFloat	variance;

	if (n < 2 || second->negative) /* more was removed than added */
		return false;

	/* Not the root of the rounded variance, which may be out of range where its root is not. */
	variance = wide_quotient_float(second, (uint64_t) n, (uint64_t) n - 1);
	if (variance.exponent % 2 != 0)
	{
		variance.fraction *= 2;
		variance.exponent--;
	}
	*result = ldexp(sqrt(variance.fraction), variance.exponent / 2 + aligned->exponent);
	return true;
}

static bool
skewness(const AlignedSums *aligned, const WideInteger *second, int64_t n, double *result)
{
	WideInteger third;
	WideFloat	m2;
	WideFloat	m3;

	if (second->n_words == 0 || second->negative)
		return false;
	third_moment(aligned, (uint64_t) n, &third);
	m2 = wide_quotient_float(second, 1, 1);
	m3 = wide_quotient_float(&third, 1, 1);
	if (m2.exponent % 2 != 0)
	{
		m2.fraction *= 2;
		m2.exponent--;
	}
	*result = ldexp(m3.fraction / (m2.fraction * sqrt(m2.fraction)), m3.exponent - 3 * (m2.exponent / 2));
	return true;
}

static bool
kurtosis(const AlignedSums *aligned, const WideInteger *second, int64_t n, double *result)
{
	WideInteger square;
	WideInteger excess;
	WideFloat	numerator;
	WideFloat	denominator;

	if (second->n_words == 0 || second->negative)
		return false;
	fourth_moment(aligned, (uint64_t) n, &excess);
	wide_multiply(&square, second, second);
	denominator = wide_quotient_float(&square, 1, 1);
	wide_multiply_word(&square, 3);
	wide_add(&excess, &square, true);
	numerator = wide_quotient_float(&excess, 1, 1);
	*result = ldexp(numerator.fraction / denominator.fraction, numerator.exponent - denominator.exponent);
	return true;
}

/* ---- one by one, and together ---- */

double
moments_sum(const Moments *moments)
{
	AlignedSums aligned;

	align(moments, 1, &aligned);
	return wide_quotient(&aligned.sums[0], 1, 1, aligned.exponent);
}

double
moments_mean(const Moments *moments, int64_t n)
{
	AlignedSums aligned;

	align(moments, 1, &aligned);
	return wide_quotient(&aligned.sums[0], (uint64_t) n, 1, aligned.exponent);
}

bool
moments_variance(const Moments *moments, int64_t n, double *result)
{
	AlignedSums aligned;
	WideInteger second;

	if (n < 2)
		return false;
	align(moments, 2, &aligned);
	second_moment(&aligned, (uint64_t) n, &second);
	if (second.negative)
		return false;
	*result = wide_quotient(&second, (uint64_t) n, (uint64_t) n - 1, 2 * aligned.exponent);
	return true;
}

bool
moments_standard_deviation(const Moments *moments, int64_t n, double *result)
{
	AlignedSums aligned;
	WideInteger second;

	align(moments, 2, &aligned);
	second_moment(&aligned, (uint64_t) n, &second);
	return standard_deviation(&aligned, &second, n, result);
}

bool
moments_skewness(const Moments *moments, int64_t n, double *result)
{
	AlignedSums aligned;
	WideInteger second;

	align(moments, 3, &aligned);
	second_moment(&aligned, (uint64_t) n, &second);
	return skewness(&aligned, &second, n, result);
}

bool
moments_kurtosis(const Moments *moments, int64_t n, double *result)
{
	AlignedSums aligned;
	WideInteger second;

	align(moments, 4, &aligned);
	second_moment(&aligned, (uint64_t) n, &second);
	return kurtosis(&aligned, &second, n, result);
}

void
moments_statistics(const Moments *moments, int64_t n, MomentStatistics *result)
{
	AlignedSums aligned;
	WideInteger second;

	align(moments, MOMENT_POWERS, &aligned);
	second_moment(&aligned, (uint64_t) n, &second);
	result->has_sum = true;
	result->sum = wide_quotient(&aligned.sums[0], 1, 1, aligned.exponent);
	result->mean = wide_quotient(&aligned.sums[0], (uint64_t) n, 1, aligned.exponent);
	result->has_standard_deviation = standard_deviation(&aligned, &second, n, &result->standard_deviation);
	result->has_skewness = skewness(&aligned, &second, n, &result->skewness);
	result->has_kurtosis = kurtosis(&aligned, &second, n, &result->kurtosis);
}
