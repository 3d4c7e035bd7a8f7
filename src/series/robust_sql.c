/*
 * robust_sql.c
 *		Median absolute deviation and scores against a summary.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "summary/summary_object.h"

/* A value, or the distance of one, and how often it occurs. */
typedef struct Weighted
{
	double		value;
	int64		count;
} Weighted;

static int
compare_weighted(const void *a, const void *b)
{
	double		first = ((const Weighted *) a)->value;
	double		second = ((const Weighted *) b)->value;

	return (first > second) - (first < second);
}

static double
value_at(const Weighted *values, Size n, int64 rank)
{
	int64		before = 0;

	for (Size i = 0; i < n; i++)
	{
		before += values[i].count;
		if (before >= rank)
			return values[i].value;
	}
	return values[n - 1].value;
}

/* The mean of the two in the middle, as usual; values are in order. */
static double
weighted_median(const Weighted *values, Size n)
{
	int64		total = 0;

	for (Size i = 0; i < n; i++)
		total += values[i].count;
	return value_at(values, n, (total + 1) / 2) / 2 + value_at(values, n, total / 2 + 1) / 2;
}

/* Of the finite values; those of a bin stand where it has its middle, at level 0 where they are. */
static bool
median_and_deviation(const Summary *summary, double *median, double *deviation)
{
	Size		n = summary_bins(summary, 0, NULL, 0);
	SummaryBin *bins = palloc(mul_size(sizeof(SummaryBin), Max(n, 1)));
	Weighted   *values = palloc(mul_size(sizeof(Weighted), Max(n, 1)));
	Size		n_values = 0;

	if (summary_kind(summary) != SUMMARY_NUMERIC || summary_unit(summary) != SUMMARY_PLAIN)
		return false;
	summary_bins(summary, 0, bins, n);
	for (Size i = 0; i < n; i++)
		if (isfinite(bins[i].lower))
			values[n_values++] = (Weighted){bins[i].lower / 2 + bins[i].upper / 2, bins[i].count};
	if (n_values == 0)
		return false;
	*median = weighted_median(values, n_values);
	for (Size i = 0; i < n_values; i++)
		values[i].value = fabs(values[i].value - *median);
	qsort(values, n_values, sizeof(Weighted), compare_weighted);
	*deviation = weighted_median(values, n_values);
	return true;
}

PG_FUNCTION_INFO_V1(weir_median_absolute_deviation);
Datum
weir_median_absolute_deviation(PG_FUNCTION_ARGS)
{
	double		median;
	double		deviation;

	if (PG_ARGISNULL(0) || !median_and_deviation(summary_borrow(PG_GETARG_DATUM(0)), &median, &deviation))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(deviation);
}

PG_FUNCTION_INFO_V1(weir_z_score_of_summary);
Datum
weir_z_score_of_summary(PG_FUNCTION_ARGS)
{
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(1));
	double		mean;
	double		deviation;

	if (summary_kind(summary) != SUMMARY_NUMERIC || summary_unit(summary) != SUMMARY_PLAIN || !summary_mean(summary, &mean) ||
		!summary_standard_deviation(summary, &deviation) || !(deviation > 0))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8((PG_GETARG_FLOAT8(0) - mean) / deviation);
}

/* Of a normal distribution 1.4826 times the median absolute deviation is the standard deviation. */
PG_FUNCTION_INFO_V1(weir_robust_z_score_of_summary);
Datum
weir_robust_z_score_of_summary(PG_FUNCTION_ARGS)
{
	double		median;
	double		deviation;

	if (!median_and_deviation(summary_borrow(PG_GETARG_DATUM(1)), &median, &deviation) || !(deviation > 0))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8((PG_GETARG_FLOAT8(0) - median) / (1.4826022185056018 * deviation));
}
