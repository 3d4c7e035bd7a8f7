/*
 * window_sql.c
 *		tumble and session_start in SQL.
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"
#include "window/window_sql.h"
#include "windowapi.h"

/* ---- arguments ---- */

TimestampTz
time_from_datum(TimeType type, Datum value)
{
	DateADT		date;

	if (type != TIME_DATE)
		return DatumGetTimestampTz(value);
	date = DatumGetDateADT(value);
	if (DATE_IS_NOBEGIN(date))
		return DT_NOBEGIN;
	if (DATE_IS_NOEND(date))
		return DT_NOEND;
	if (date >= (TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("date out of range for timestamp")));
	return date * USECS_PER_DAY;
}

Datum
time_to_datum(TimeType type, TimestampTz ts)
{
	if (TIMESTAMP_NOT_FINITE(ts))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range"),
				 errdetail("The window begins or ends outside the calendar.")));
	if (type != TIME_DATE)
		return TimestampTzGetDatum(ts);
	return DateADTGetDatum((DateADT) (ts / USECS_PER_DAY));
}

void
require_whole_days(TimeType type, const Interval *size)
{
	if (type == TIME_DATE && size->time % USECS_PER_DAY != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("windows of dates must be whole days"),
				 errhint("Give a size like '1 day' or '1 month', or cast the date to timestamptz.")));
}

void
require_positive(int64 size, const char *what)
{
	if (size <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be positive", what)));
}

void
bigint_out_of_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("bigint out of range"),
			 errdetail("The window begins or ends outside what a bigint holds.")));
}

static bool
same_text(const text *a, const text *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) && memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

/* Clocks refuse such sizes as well; this one knows what they are called. */
static void
require_positive_interval(const Interval *interval, const char *what)
{
	if (interval->month < 0 || (interval->month == 0 && (double) interval->day * USECS_PER_DAY + interval->time <= 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be positive", what),
				 errhint("Give an interval like '5 min', '1 day' or '1 month'.")));
}

bool
cached_clock_update(CachedClock *cache, FunctionCallInfo fcinfo, TimeType type, const Interval *size, const char *what,
					int origin_argument, int zone_argument)
{
	bool		has_origin = !PG_ARGISNULL(origin_argument);
	TimestampTz origin = has_origin ? time_from_datum(type, PG_GETARG_DATUM(origin_argument)) : 0;
	text	   *zone = type == TIME_TIMESTAMPTZ && !PG_ARGISNULL(zone_argument) ? PG_GETARG_TEXT_PP(zone_argument) : NULL;

	if (cache->valid && memcmp(&cache->size, size, sizeof(Interval)) == 0 && cache->has_origin == has_origin &&
		cache->origin == origin && same_text(cache->zone, zone))
		return true;

	cache->valid = false;
	require_positive_interval(size, what);
	require_whole_days(type, size);
	window_clock_init(&cache->clock, size, has_origin ? &origin : NULL, zone == NULL ? NULL : text_to_cstring(zone));
	cache->size = *size;
	cache->has_origin = has_origin;
	cache->origin = origin;
	if (cache->zone != NULL)
		pfree(cache->zone);
	cache->zone = NULL;
	if (zone != NULL)
	{
		cache->zone = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, VARSIZE_ANY(zone));
		memcpy(cache->zone, zone, VARSIZE_ANY(zone));
	}
	cache->valid = true;
	return false;
}

/* ---- tumble ---- */

typedef struct TumbleState
{
	CachedClock clock;
	TimestampTz start;			/* the last window found: rows close in time share it */
	TimestampTz next;
} TumbleState;

static Datum
tumble(FunctionCallInfo fcinfo, TimeType type)
{
	TumbleState *state = fcinfo->flinfo->fn_extra;
	TimestampTz ts;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (state == NULL)
		state = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(TumbleState));
	if (!cached_clock_update(&state->clock, fcinfo, type, PG_GETARG_INTERVAL_P(1), "window size", 2, 3))
		state->start = state->next = 0;

	ts = time_from_datum(type, PG_GETARG_DATUM(0));
	if (TIMESTAMP_NOT_FINITE(ts))
		return PG_GETARG_DATUM(0);
	if (ts < state->start || ts >= state->next)
	{
		state->start = window_start(&state->clock.clock, ts);
		state->next = window_next(&state->clock.clock, state->start);
	}
	return time_to_datum(type, state->start);
}

PG_FUNCTION_INFO_V1(weir_tumble_timestamptz);
Datum
weir_tumble_timestamptz(PG_FUNCTION_ARGS)
{
	return tumble(fcinfo, TIME_TIMESTAMPTZ);
}

PG_FUNCTION_INFO_V1(weir_tumble_timestamp);
Datum
weir_tumble_timestamp(PG_FUNCTION_ARGS)
{
	return tumble(fcinfo, TIME_TIMESTAMP);
}

PG_FUNCTION_INFO_V1(weir_tumble_date);
Datum
weir_tumble_date(PG_FUNCTION_ARGS)
{
	return tumble(fcinfo, TIME_DATE);
}

int64
bigint_past_start(int64 value, int64 size, int64 origin)
{
	int64		past = value % size;
	int64		origin_past = origin % size;

	if (past < 0)
		past += size;
	if (origin_past < 0)
		origin_past += size;
	past -= origin_past;
	return past < 0 ? past + size : past;
}

PG_FUNCTION_INFO_V1(weir_tumble_bigint);
Datum
weir_tumble_bigint(PG_FUNCTION_ARGS)
{
	int64		start;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	require_positive(PG_GETARG_INT64(1), "window size");
	if (pg_sub_s64_overflow(PG_GETARG_INT64(0),
							bigint_past_start(PG_GETARG_INT64(0), PG_GETARG_INT64(1), PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2)),
							&start))
		bigint_out_of_range();
	PG_RETURN_INT64(start);
}

/* ---- session_start ---- */

typedef struct SessionState
{
	bool		started;
	int64		start;
	int64		previous;
} SessionState;

/* Whether more than the gap lies between the two; both in microseconds, or just numbers when gap is NULL. */
static bool
gap_exceeded(int64 previous, int64 current, const Interval *gap, int64 bigint_gap)
{
	int64		until;

	if (gap == NULL)
		return !pg_add_s64_overflow(previous, bigint_gap, &until) && current > until;
	if (TIMESTAMP_NOT_FINITE(previous) || TIMESTAMP_NOT_FINITE(current))
		return previous != current;
	return current > window_add(previous, gap, NULL);
}

/* The session of the current row begins where its first row stands; bigints when is_bigint, else times. */
static Datum
session_start(FunctionCallInfo fcinfo, bool is_bigint, TimeType type)
{
	WindowObject window = PG_WINDOW_OBJECT();
	SessionState *state = WinGetPartitionLocalMemory(window, sizeof(SessionState));
	bool		is_null;
	Datum		value = WinGetFuncArgCurrent(window, 0, &is_null);
	Datum		gap;
	int64		current;

	WinSetMarkPosition(window, WinGetCurrentPosition(window));
	if (is_null)
		PG_RETURN_NULL();
	gap = WinGetFuncArgCurrent(window, 1, &is_null);
	if (is_null)
		PG_RETURN_NULL();
	if (is_bigint)
		require_positive(DatumGetInt64(gap), "gap between sessions");
	else
		require_positive_interval(DatumGetIntervalP(gap), "gap between sessions");

	current = is_bigint ? DatumGetInt64(value) : time_from_datum(type, value);
	if (state->started && current < state->previous)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("rows are not in the order of their sessions"),
				 errhint("Write session_start(ts, gap) OVER (PARTITION BY ... ORDER BY ts).")));
	if (!state->started ||
		gap_exceeded(state->previous, current, is_bigint ? NULL : DatumGetIntervalP(gap), is_bigint ? DatumGetInt64(gap) : 0))
		state->start = current;
	state->started = true;
	state->previous = current;
	if (is_bigint)
		PG_RETURN_INT64(state->start);
	if (TIMESTAMP_NOT_FINITE(state->start))
		return value;
	return time_to_datum(type, state->start);
}

PG_FUNCTION_INFO_V1(weir_session_start_timestamp);
Datum
weir_session_start_timestamp(PG_FUNCTION_ARGS)
{
	return session_start(fcinfo, false, TIME_TIMESTAMP);
}

PG_FUNCTION_INFO_V1(weir_session_start_date);
Datum
weir_session_start_date(PG_FUNCTION_ARGS)
{
	return session_start(fcinfo, false, TIME_DATE);
}

PG_FUNCTION_INFO_V1(weir_session_start_bigint);
Datum
weir_session_start_bigint(PG_FUNCTION_ARGS)
{
	return session_start(fcinfo, true, TIME_TIMESTAMP);
}
