/*
 * window_rows.c
 *		hop and cumulate in SQL: the windows that contain a time, one row each.
 *
 * Both return value per call.  Clock and row type are kept from one call to the next (in a join, from one row of the outer side to
 *the next), so this does not use the funcapi's context, which ends with each set.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "window/window_sql.h"

#define MAX_WINDOWS_OF_ROW 1000000

typedef struct RowsState
{
	bool		active;			/* in the middle of a set */
	TupleDesc	row_type;
	CachedClock clock;			/* of slide (hop), of size (cumulate) */
	CachedClock other;			/* of size (hop); of step (cumulate) */

	/* the set */
	int64		index;			/* of the next window's begin (hop) or end (cumulate) on its clock; for bigint that value itself */
	int64		last;
	int64		start;			/* cumulate: where all its windows begin */
	int64		limit;			/* cumulate: where the last one ends */
	bool		single;			/* an infinite time: one window without length */
	TimestampTz only;
} RowsState;

static void
end_set(Datum argument)
{
	((RowsState *) DatumGetPointer(argument))->active = false;
}

/* The state of this call site, and whether a new set begins. */
static RowsState *
rows_state(FunctionCallInfo fcinfo, Oid type, bool *begins)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	RowsState  *state = fcinfo->flinfo->fn_extra;

	if (set == NULL || !IsA(set, ReturnSetInfo) || (set->allowedModes & SFRM_ValuePerCall) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("set-valued function called in context that cannot accept a set")));
	if (state == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		state = palloc0(sizeof(RowsState));
		state->row_type = CreateTemplateTupleDesc(2);
		TupleDescInitEntry(state->row_type, 1, "window_start", type, -1, 0);
		TupleDescInitEntry(state->row_type, 2, "window_end", type, -1, 0);
		state->row_type = BlessTupleDesc(state->row_type);
		fcinfo->flinfo->fn_extra = state;
		MemoryContextSwitchTo(caller);
	}
	*begins = !state->active;
	if (*begins)
	{
		state->active = true;
		state->single = false;
		RegisterExprContextCallback(set->econtext, end_set, PointerGetDatum(state));
	}
	return state;
}

static Datum
set_done(FunctionCallInfo fcinfo, RowsState *state)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;

	state->active = false;
	UnregisterExprContextCallback(set->econtext, end_set, PointerGetDatum(state));
	set->isDone = ExprEndResult;
	PG_RETURN_NULL();
}

static Datum
set_row(FunctionCallInfo fcinfo, RowsState *state, Datum window_start, Datum window_end)
{
	Datum		values[2] = {window_start, window_end};
	bool		nulls[2] = {false, false};

	((ReturnSetInfo *) fcinfo->resultinfo)->isDone = ExprMultipleResult;
	return HeapTupleGetDatum(heap_form_tuple(state->row_type, values, nulls));
}

/* An infinite time is in the one window that begins and ends there. */
static Datum
single_row(FunctionCallInfo fcinfo, RowsState *state)
{
	if (TIMESTAMP_NOT_FINITE(state->only))
	{
		state->only = 0;
		return set_row(fcinfo, state, PG_GETARG_DATUM(0), PG_GETARG_DATUM(0));
	}
	return set_done(fcinfo, state);
}

static Oid
type_oid(TimeType type)
{
	return type == TIME_TIMESTAMPTZ ? TIMESTAMPTZOID : type == TIME_TIMESTAMP ? TIMESTAMPOID : DATEOID;
}

/* More microseconds than the size can have on any calendar. */
static int64
longest(const Interval *size)
{
	return size->month * (31 * USECS_PER_DAY) + size->day * USECS_PER_DAY + size->time + 3 * USECS_PER_DAY;
}

/* A row in more windows than anybody can want would only fill the disk with them. */
static void
require_few_windows(int64 n, const char *part)
{
	if (n > MAX_WINDOWS_OF_ROW)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("more than %d windows contain one time", MAX_WINDOWS_OF_ROW),
				 errhint("Give a larger %s, or a smaller size.", part)));
}

/* ---- hop ---- */

/* Finds the windows that contain ts: those that begin at or before it, less those that have ended. */
static void
hop_begin(RowsState *state, TimestampTz ts)
{
	const WindowClock *clock = &state->clock.clock;
	int64		low;
	int64		high;

	if (pg_sub_s64_overflow(ts, longest(&state->other.size), &low) || low < MIN_TIMESTAMP)
		low = MIN_TIMESTAMP;
	low = window_index(clock, low);
	high = window_index(clock, ts) + 1;
	state->last = high - 1;
	/* The first that ends after ts: ends grow with begins. */
	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (window_add(window_boundary(clock, middle), &state->other.size, clock->zone) > ts)
			high = middle;
		else
			low = middle + 1;
	}
	state->index = low;
	require_few_windows(state->last - state->index + 1, "slide");
}

static Datum
hop(FunctionCallInfo fcinfo, TimeType type)
{
	bool		begins;
	RowsState  *state = rows_state(fcinfo, type_oid(type), &begins);
	const WindowClock *clock = &state->clock.clock;

	if (begins)
	{
		TimestampTz ts;

		if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
			return set_done(fcinfo, state);
		(void) cached_clock_update(&state->other, fcinfo, type, PG_GETARG_INTERVAL_P(1), "window size", 3, 4);
		(void) cached_clock_update(&state->clock, fcinfo, type, PG_GETARG_INTERVAL_P(2), "slide", 3, 4);
		ts = time_from_datum(type, PG_GETARG_DATUM(0));
		state->only = ts;
		state->single = TIMESTAMP_NOT_FINITE(ts);
		if (!state->single)
			hop_begin(state, ts);
	}
	if (state->single)
		return single_row(fcinfo, state);

	while (state->index <= state->last)
	{
		TimestampTz start = window_boundary(clock, state->index++);

		CHECK_FOR_INTERRUPTS();
		/* A day that the zone skipped has no window of its own. */
		if (clock->zone == NULL || state->index > state->last || window_boundary(clock, state->index) > start)
			return set_row(fcinfo, state, time_to_datum(type, start),
						   time_to_datum(type, window_add(start, &state->other.size, clock->zone)));
	}
	return set_done(fcinfo, state);
}

PG_FUNCTION_INFO_V1(weir_hop_timestamptz);
Datum
weir_hop_timestamptz(PG_FUNCTION_ARGS)
{
	return hop(fcinfo, TIME_TIMESTAMPTZ);
}

PG_FUNCTION_INFO_V1(weir_hop_timestamp);
Datum
weir_hop_timestamp(PG_FUNCTION_ARGS)
{
	return hop(fcinfo, TIME_TIMESTAMP);
}

PG_FUNCTION_INFO_V1(weir_hop_date);
Datum
weir_hop_date(PG_FUNCTION_ARGS)
{
	return hop(fcinfo, TIME_DATE);
}

PG_FUNCTION_INFO_V1(weir_hop_bigint);
Datum
weir_hop_bigint(PG_FUNCTION_ARGS)
{
	bool		begins;
	RowsState  *state = rows_state(fcinfo, INT8OID, &begins);
	int64		start;
	int64		end;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return set_done(fcinfo, state);
	if (begins)
	{
		int64		past;

		require_positive(PG_GETARG_INT64(1), "window size");
		require_positive(PG_GETARG_INT64(2), "slide");
		past = bigint_past_start(PG_GETARG_INT64(0), PG_GETARG_INT64(2), PG_ARGISNULL(3) ? 0 : PG_GETARG_INT64(3));
		if (past >= PG_GETARG_INT64(1))
			return set_done(fcinfo, state);
		/* index counts the slides that the window's begin lies before the latest one's */
		state->index = (PG_GETARG_INT64(1) - 1 - past) / PG_GETARG_INT64(2);
		require_few_windows(state->index + 1, "slide");
		if (pg_sub_s64_overflow(PG_GETARG_INT64(0), past, &state->start))
			bigint_out_of_range();
	}
	if (state->index < 0)
		return set_done(fcinfo, state);
	CHECK_FOR_INTERRUPTS();
	if (pg_sub_s64_overflow(state->start, state->index-- * PG_GETARG_INT64(2), &start) ||
		pg_add_s64_overflow(start, PG_GETARG_INT64(1), &end))
		bigint_out_of_range();
	return set_row(fcinfo, state, Int64GetDatum(start), Int64GetDatum(end));
}

/* ---- cumulate ---- */

/* Raises 22023 unless every window is made of whole steps. */
static void
require_step_divides(const WindowClock *size, const WindowClock *step)
{
	int64		size_length = size->days * USECS_PER_DAY + size->microseconds;
	int64		step_length = step->days * USECS_PER_DAY + step->microseconds;
	bool		divides;

	if (step->months != 0)
		divides = size->months != 0 && size->months % step->months == 0;
	else if (size->zone != NULL && size->microseconds != 0 && step->days != 0)
		divides = false;
	else
		divides = (size->months != 0 ? USECS_PER_DAY : size_length) % step_length == 0;
	if (!divides)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("window size must be a multiple of the step"),
				 errhint("Windows of '1 day' can grow in steps of '1 hour', those of '1 month' in steps of '1 day'.")));
}

static void
cumulate_begin(RowsState *state, TimeType type, TimestampTz ts)
{
	const WindowClock *clock = &state->clock.clock;
	WindowClock *step = &state->other.clock;

	state->start = window_start(clock, ts);
	state->limit = window_next(clock, state->start);
	(void) time_to_datum(type, state->start);
	(void) time_to_datum(type, state->limit);
	/* Steps count from the window's begin: calendar steps on the calendar, hours as elapsed time. */
	if (step->microseconds != 0)
		step->origin = state->start % step->microseconds;
	else
		step->origin = clock->microseconds != 0 ? state->start : clock->origin;
	state->index = window_index(step, ts) + 1;
	state->last = window_index(step, state->limit - 1) + 1;
	require_few_windows(state->last - state->index + 1, "step");
}

static Datum
cumulate(FunctionCallInfo fcinfo, TimeType type)
{
	bool		begins;
	RowsState  *state = rows_state(fcinfo, type_oid(type), &begins);
	const WindowClock *step = &state->other.clock;

	if (begins)
	{
		bool		same;
		TimestampTz ts;

		if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
			return set_done(fcinfo, state);
		same = cached_clock_update(&state->clock, fcinfo, type, PG_GETARG_INTERVAL_P(1), "window size", 3, 4);
		same = cached_clock_update(&state->other, fcinfo, type, PG_GETARG_INTERVAL_P(2), "step", 3, 4) && same;
		if (!same)
			require_step_divides(&state->clock.clock, &state->other.clock);
		ts = time_from_datum(type, PG_GETARG_DATUM(0));
		state->only = ts;
		state->single = TIMESTAMP_NOT_FINITE(ts);
		if (!state->single)
			cumulate_begin(state, type, ts);
	}
	if (state->single)
		return single_row(fcinfo, state);

	while (state->index <= state->last)
	{
		TimestampTz end = Min(window_boundary(step, state->index), state->limit);

		CHECK_FOR_INTERRUPTS();
		if (state->index++ < state->last && step->zone != NULL && window_boundary(step, state->index) == end)
			continue;
		return set_row(fcinfo, state, time_to_datum(type, state->start), time_to_datum(type, end));
	}
	return set_done(fcinfo, state);
}

PG_FUNCTION_INFO_V1(weir_cumulate_timestamptz);
Datum
weir_cumulate_timestamptz(PG_FUNCTION_ARGS)
{
	return cumulate(fcinfo, TIME_TIMESTAMPTZ);
}

PG_FUNCTION_INFO_V1(weir_cumulate_timestamp);
Datum
weir_cumulate_timestamp(PG_FUNCTION_ARGS)
{
	return cumulate(fcinfo, TIME_TIMESTAMP);
}

PG_FUNCTION_INFO_V1(weir_cumulate_date);
Datum
weir_cumulate_date(PG_FUNCTION_ARGS)
{
	return cumulate(fcinfo, TIME_DATE);
}

PG_FUNCTION_INFO_V1(weir_cumulate_bigint);
Datum
weir_cumulate_bigint(PG_FUNCTION_ARGS)
{
	bool		begins;
	RowsState  *state = rows_state(fcinfo, INT8OID, &begins);
	int64		end;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return set_done(fcinfo, state);
	if (begins)
	{
		int64		past;

		require_positive(PG_GETARG_INT64(1), "window size");
		require_positive(PG_GETARG_INT64(2), "step");
		if (PG_GETARG_INT64(1) % PG_GETARG_INT64(2) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("window size must be a multiple of the step"),
					 errhint("Windows of 100 can grow in steps of 5, 10 or 50.")));
		past = bigint_past_start(PG_GETARG_INT64(0), PG_GETARG_INT64(1), PG_ARGISNULL(3) ? 0 : PG_GETARG_INT64(3));
		if (pg_sub_s64_overflow(PG_GETARG_INT64(0), past, &state->start))
			bigint_out_of_range();
		state->index = past / PG_GETARG_INT64(2) + 1;
		state->last = PG_GETARG_INT64(1) / PG_GETARG_INT64(2);
		require_few_windows(state->last - state->index + 1, "step");
	}
	if (state->index > state->last)
		return set_done(fcinfo, state);
	CHECK_FOR_INTERRUPTS();
	if (pg_add_s64_overflow(state->start, state->index++ * PG_GETARG_INT64(2), &end))
		bigint_out_of_range();
	return set_row(fcinfo, state, Int64GetDatum(state->start), Int64GetDatum(end));
}

/* ---- rows for the planner ---- */

/* How many slides or steps the size has, when both are constants, else 0. */
static double
parts_of_size(Node *node)
{
	List	   *arguments = IsA(node, FuncExpr) ? ((FuncExpr *) node)->args : NIL;
	double		lengths[2];

	if (list_length(arguments) < 3)
		return 0;
	for (int i = 0; i < 2; i++)
	{
		Node	   *argument = list_nth(arguments, i + 1);
		Datum		value;

		if (!IsA(argument, Const) || ((Const *) argument)->constisnull)
			return 0;
		value = ((Const *) argument)->constvalue;
		if (((Const *) argument)->consttype == INTERVALOID)
			lengths[i] =
				(DatumGetIntervalP(value)->month * (double) DAYS_PER_MONTH + DatumGetIntervalP(value)->day) * USECS_PER_DAY +
				DatumGetIntervalP(value)->time;
		else if (((Const *) argument)->consttype == INT8OID)
			lengths[i] = (double) DatumGetInt64(value);
		else
			return 0;
	}
	return lengths[0] > 0 && lengths[1] > 0 ? lengths[0] / lengths[1] : 0;
}

static Datum
rows_support(FunctionCallInfo fcinfo, bool is_cumulate)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	double		parts;

	if (!IsA(request, SupportRequestRows))
		PG_RETURN_POINTER(NULL);
	parts = parts_of_size(((SupportRequestRows *) request)->node);
	if (parts <= 0)
		PG_RETURN_POINTER(NULL);
	/* Of the windows of cumulate, those that ended before the time do not contain it: half of them on average. */
	((SupportRequestRows *) request)->rows = is_cumulate ? (parts + 1) / 2 : parts;
	PG_RETURN_POINTER(request);
}

PG_FUNCTION_INFO_V1(weir_hop_support);
Datum
weir_hop_support(PG_FUNCTION_ARGS)
{
	return rows_support(fcinfo, false);
}

PG_FUNCTION_INFO_V1(weir_cumulate_support);
Datum
weir_cumulate_support(PG_FUNCTION_ARGS)
{
	return rows_support(fcinfo, true);
}
