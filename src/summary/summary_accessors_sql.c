/*
 * summary_accessors_sql.c
 *		What a summary says, in SQL: one value each, stats together.
 *
 * Summaries hold durations and times in microseconds; they are shown in seconds, times in seconds since 1970-01-01 UTC.
 */
#include "postgres.h"

#include <math.h>

#include "base/memory.h"

#include "access/htup_details.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "funcapi.h"
#include "summary/summary_object.h"
#include "summary/summary_sql.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_stats);
PG_FUNCTION_INFO_V1(weir_value_count);
PG_FUNCTION_INFO_V1(weir_null_count);
PG_FUNCTION_INFO_V1(weir_null_share);
PG_FUNCTION_INFO_V1(weir_value_sum);
PG_FUNCTION_INFO_V1(weir_min_value);
PG_FUNCTION_INFO_V1(weir_max_value);
PG_FUNCTION_INFO_V1(weir_mean);
PG_FUNCTION_INFO_V1(weir_sample_variance);
PG_FUNCTION_INFO_V1(weir_sample_stddev);
PG_FUNCTION_INFO_V1(weir_skewness);
PG_FUNCTION_INFO_V1(weir_kurtosis);
PG_FUNCTION_INFO_V1(weir_distinct_count);
PG_FUNCTION_INFO_V1(weir_distinct_count_final);
PG_FUNCTION_INFO_V1(weir_distinct_error);
PG_FUNCTION_INFO_V1(weir_trimmed_mean);
PG_FUNCTION_INFO_V1(weir_trimmed_mean_error);
PG_FUNCTION_INFO_V1(weir_distinct_stale);
PG_FUNCTION_INFO_V1(weir_cdf);
PG_FUNCTION_INFO_V1(weir_error_bound);
PG_FUNCTION_INFO_V1(weir_without_nulls);
PG_FUNCTION_INFO_V1(weir_kind);
PG_FUNCTION_INFO_V1(weir_unit);
PG_FUNCTION_INFO_V1(weir_summary_level);
PG_FUNCTION_INFO_V1(weir_summary_budget);
PG_FUNCTION_INFO_V1(weir_is_inexact);
PG_FUNCTION_INFO_V1(weir_extremes_stale);

/* From 1970-01-01 to 2000-01-01, both UTC. */
#define EPOCH_SECONDS ((double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)
#define MICROSECONDS 1e6

double
shown_value(SummaryUnit unit, double stored)
{
	switch (unit)
	{
		case SUMMARY_INTERVAL: return stored / MICROSECONDS;
		case SUMMARY_TIME: return (stored + EPOCH_SECONDS * MICROSECONDS) / MICROSECONDS;
		case SUMMARY_PLAIN: break;
	}
	return stored;
}

double
stored_value(SummaryUnit unit, double shown)
{
	switch (unit)
	{
		case SUMMARY_INTERVAL: return rint(shown * MICROSECONDS);
		case SUMMARY_TIME: return rint(shown * MICROSECONDS) - EPOCH_SECONDS * MICROSECONDS;
		case SUMMARY_PLAIN: break;
	}
	return shown;
}

/* A difference of stored values, or a spread, as it is shown. */
static double
shown_difference(SummaryUnit unit, double stored)
{
	return unit == SUMMARY_PLAIN ? stored : stored / MICROSECONDS;
}

static double
shown_sum(SummaryUnit unit, double stored, int64 n_finite)
{
	if (unit == SUMMARY_TIME)
		return stored / MICROSECONDS + (double) n_finite * EPOCH_SECONDS;
	return shown_difference(unit, stored);
}

/* ---- stats ---- */

Datum
statistics_datum(FunctionCallInfo fcinfo, SummaryUnit unit, const SummaryStatistics *statistics)
{
	const MomentStatistics *moments = &statistics->moments;
	TupleDesc	descriptor;
	Datum		values[9];
	bool		nulls[9] = {false};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE || descriptor->natts != lengthof(values))
		elog(ERROR, "stats must return weir.statistics");
	nulls[2] = nulls[3] = !moments->has_sum;
	nulls[4] = !moments->has_standard_deviation;
	nulls[5] = !moments->has_skewness;
	nulls[6] = !moments->has_kurtosis;
	nulls[7] = nulls[8] = !statistics->has_extremes;
	values[0] = Int64GetDatum(statistics->n);
	values[1] = Int64GetDatum(statistics->null_count);
	values[2] = Float8GetDatum(shown_sum(unit, moments->sum, statistics->n_finite));
	values[3] = Float8GetDatum(shown_value(unit, moments->mean));
	values[4] = Float8GetDatum(shown_difference(unit, moments->standard_deviation));
	values[5] = Float8GetDatum(moments->skewness);
	values[6] = Float8GetDatum(moments->kurtosis);
	values[7] = Float8GetDatum(shown_value(unit, statistics->minimum));
	values[8] = Float8GetDatum(shown_value(unit, statistics->maximum));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls));
}

Datum
weir_stats(PG_FUNCTION_ARGS)
{
	const Summary *summary;
	SummaryStatistics statistics;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	summary = summary_borrow(PG_GETARG_DATUM(0));
	summary_statistics(summary, &statistics);
	return statistics_datum(fcinfo, summary_unit(summary), &statistics);
}

/* ---- counts ---- */

Datum
weir_value_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(summary_n(summary_borrow(PG_GETARG_DATUM(0))));
}

Datum
weir_null_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(summary_null_count(summary_borrow(PG_GETARG_DATUM(0))));
}

Datum
weir_null_share(PG_FUNCTION_ARGS)
{
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	int64		nulls = summary_null_count(summary);
	int64		rows = nulls + summary_n(summary);

	if (rows == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8((double) nulls / (double) rows);
}

Datum
weir_distinct_count(PG_FUNCTION_ARGS)
{
	double		estimate;
	double		error;

	if (!summary_distinct(summary_borrow(PG_GETARG_DATUM(0)), &estimate, &error))
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) rint(estimate));
}

/* Of no rows 0, as count(DISTINCT x). */
Datum
weir_distinct_count_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(0);
	return weir_distinct_count(fcinfo);
}

Datum
weir_distinct_error(PG_FUNCTION_ARGS)
{
	double		estimate;
	double		error;

	if (!summary_distinct(summary_borrow(PG_GETARG_DATUM(0)), &estimate, &error))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(error);
}

/* ---- moments and extremes ---- */

static Datum
value_or_null(FunctionCallInfo fcinfo, bool defined, double value)
{
	if (!defined)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}

Datum
weir_value_sum(PG_FUNCTION_ARGS)
{
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	double		value = 0;
	bool		defined = summary_sum(summary, &value);

	return value_or_null(fcinfo, defined, shown_sum(summary_unit(summary), value, summary_finite_count(summary)));
}

Datum
weir_min_value(PG_FUNCTION_ARGS)
{
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	double		value = 0;
	bool		defined = summary_min(summary, &value);

	return value_or_null(fcinfo, defined, shown_value(summary_unit(summary), value));
}

Datum
weir_max_value(PG_FUNCTION_ARGS)
{
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	double		value = 0;
	bool		defined = summary_max(summary, &value);

	return value_or_null(fcinfo, defined, shown_value(summary_unit(summary), value));
}

Datum
weir_mean(PG_FUNCTION_ARGS)
{
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	double		value = 0;
	bool		defined = summary_mean(summary, &value);

	return value_or_null(fcinfo, defined, shown_value(summary_unit(summary), value));
}

Datum
weir_sample_variance(PG_FUNCTION_ARGS)
{
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	double		value = 0;
	bool		defined = summary_variance(summary, &value);

	return value_or_null(fcinfo, defined, shown_difference(summary_unit(summary), shown_difference(summary_unit(summary), value)));
}

Datum
weir_sample_stddev(PG_FUNCTION_ARGS)
{
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	double		value = 0;
	bool		defined = summary_standard_deviation(summary, &value);

	return value_or_null(fcinfo, defined, shown_difference(summary_unit(summary), value));
}

Datum
weir_skewness(PG_FUNCTION_ARGS)
{
	double		value = 0;
	bool		defined = summary_skewness(summary_borrow(PG_GETARG_DATUM(0)), &value);

	return value_or_null(fcinfo, defined, value);
}

Datum
weir_kurtosis(PG_FUNCTION_ARGS)
{
	double		value = 0;
	bool		defined = summary_kurtosis(summary_borrow(PG_GETARG_DATUM(0)), &value);

	return value_or_null(fcinfo, defined, value);
}

/* ---- order ---- */

static bool
trimmed_mean(FunctionCallInfo fcinfo, double *mean, double *error, SummaryUnit *unit)
{
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	double		low = PG_GETARG_FLOAT8(1);
	double		high = PG_GETARG_FLOAT8(2);

	if (summary_kind(summary) == SUMMARY_CATEGORY)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("a summary of categories has no mean"),
				 errhint("weir.top(summary, k) lists its categories.")));
	if (!(low >= 0 && high >= 0 && low + high < 1))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("shares %g and %g cannot be trimmed", low, high),
				 errhint("Both are at least 0, and together below 1.")));
	*unit = summary_unit(summary);
	return summary_trimmed_mean(summary, low, high, mean, error);
}

Datum
weir_trimmed_mean(PG_FUNCTION_ARGS)
{
	SummaryUnit unit;
	double		mean = 0;
	double		error;
	bool		defined = trimmed_mean(fcinfo, &mean, &error, &unit);

	return value_or_null(fcinfo, defined, shown_value(unit, mean));
}

Datum
weir_trimmed_mean_error(PG_FUNCTION_ARGS)
{
	SummaryUnit unit;
	double		mean;
	double		error = 0;
	bool		defined = trimmed_mean(fcinfo, &mean, &error, &unit);

	return value_or_null(fcinfo, defined, shown_difference(unit, error));
}

Datum
weir_cdf(PG_FUNCTION_ARGS)
{
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	double		value = 0;
	bool		defined;

	if (summary_kind(summary) == SUMMARY_CATEGORY)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("a summary of categories has no distribution function"),
				 errhint("weir.top(summary, k) lists its categories.")));
	defined = summary_cdf(summary, stored_value(summary_unit(summary), PG_GETARG_FLOAT8(1)), &value);
	return value_or_null(fcinfo, defined, value);
}

Datum
weir_error_bound(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(summary_error_bound(summary_borrow(PG_GETARG_DATUM(0))));
}

/* ---- about the summary itself ---- */

Datum
weir_kind(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(summary_kind_name(summary_kind(summary_borrow(PG_GETARG_DATUM(0))))));
}

Datum
weir_unit(PG_FUNCTION_ARGS)
{
	switch (summary_unit(summary_borrow(PG_GETARG_DATUM(0))))
	{
		case SUMMARY_INTERVAL: PG_RETURN_TEXT_P(cstring_to_text("seconds"));
		case SUMMARY_TIME: PG_RETURN_TEXT_P(cstring_to_text("seconds since 1970-01-01 UTC"));
		case SUMMARY_PLAIN: break;
	}
	PG_RETURN_NULL();
}

Datum
weir_summary_level(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(summary_level(summary_borrow(PG_GETARG_DATUM(0))));
}

Datum
weir_summary_budget(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(summary_budget(summary_borrow(PG_GETARG_DATUM(0))));
}

Datum
weir_is_inexact(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(summary_is_inexact(summary_borrow(PG_GETARG_DATUM(0))));
}

Datum
weir_extremes_stale(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(summary_extremes_stale(summary_borrow(PG_GETARG_DATUM(0))));
}

Datum
weir_distinct_stale(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(summary_distinct_stale(summary_borrow(PG_GETARG_DATUM(0))));
}

Datum
weir_without_nulls(PG_FUNCTION_ARGS)
{
	Summary	   *summary = summary_from_datum(allocator_in(CurrentMemoryContext), PG_GETARG_DATUM(0));

	summary_forget_nulls(summary);
	PG_RETURN_DATUM(summary_to_datum(summary));
}
