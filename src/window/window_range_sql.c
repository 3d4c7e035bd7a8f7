/*
 * window_range_sql.c
 *		tumble_windows in SQL: every window of a range, whether or not there are rows in it.
 */
#include "postgres.h"

#include "common/int.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "window/window_sql.h"

static void
put_window(ReturnSetInfo *result, Datum window_start, Datum window_end)
{
	Datum		values[2] = {window_start, window_end};
	bool		nulls[2] = {false, false};

	CHECK_FOR_INTERRUPTS();
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static Datum
tumble_windows(FunctionCallInfo fcinfo, TimeType type)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CachedClock cache = {0};
	TimestampTz start;
	TimestampTz until;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	(void) cached_clock_update(&cache, fcinfo, type, PG_GETARG_INTERVAL_P(2), "window size", 3, 4);
	start = time_from_datum(type, PG_GETARG_DATUM(0));
	until = time_from_datum(type, PG_GETARG_DATUM(1));
	if (TIMESTAMP_NOT_FINITE(start) || TIMESTAMP_NOT_FINITE(until))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the range of windows must be finite"),
				 errhint("Give the least and the greatest time: weir.tumble_windows(min(ts), max(ts), size).")));
	if (start >= until)
		PG_RETURN_NULL();
	for (start = window_start(&cache.clock, start); start < until;)
	{
		TimestampTz end = window_next(&cache.clock, start);

		put_window(result, time_to_datum(type, start), time_to_datum(type, end));
		start = end;
	}
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(weir_tumble_windows_timestamptz);
Datum
weir_tumble_windows_timestamptz(PG_FUNCTION_ARGS)
{
	return tumble_windows(fcinfo, TIME_TIMESTAMPTZ);
}

PG_FUNCTION_INFO_V1(weir_tumble_windows_timestamp);
Datum
weir_tumble_windows_timestamp(PG_FUNCTION_ARGS)
{
	return tumble_windows(fcinfo, TIME_TIMESTAMP);
}

PG_FUNCTION_INFO_V1(weir_tumble_windows_date);
Datum
weir_tumble_windows_date(PG_FUNCTION_ARGS)
{
	return tumble_windows(fcinfo, TIME_DATE);
}

PG_FUNCTION_INFO_V1(weir_tumble_windows_bigint);
Datum
weir_tumble_windows_bigint(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		start;
	int64		until;
	int64		size;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	start = PG_GETARG_INT64(0);
	until = PG_GETARG_INT64(1);
	size = PG_GETARG_INT64(2);
	require_positive(size, "window size");
	if (start >= until)
		PG_RETURN_NULL();
	if (pg_sub_s64_overflow(start, bigint_past_start(start, size, PG_ARGISNULL(3) ? 0 : PG_GETARG_INT64(3)), &start))
		bigint_out_of_range();
	while (start < until)
	{
		int64		end;

		if (pg_add_s64_overflow(start, size, &end))
			bigint_out_of_range();
		put_window(result, Int64GetDatum(start), Int64GetDatum(end));
		start = end;
	}
	PG_RETURN_NULL();
}
