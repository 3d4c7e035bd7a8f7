/*
 * fill_sql.c
 *		Window functions that fill in NULLs from neighbouring rows, and z-scores.  All look at the rows of their partition, in the
 *		order of the window, whatever its frame.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "series/series_sql.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "windowapi.h"

/* ---- fill_forward, fill_backward ---- */

typedef struct LastKnown
{
	bool		known;
	int64		position;		/* of a row whose value is known */
	bool		none_after;		/* fill_backward: no further row has a value */
} LastKnown;

PG_FUNCTION_INFO_V1(weir_fill_forward);
Datum
weir_fill_forward(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	LastKnown  *last = WinGetPartitionLocalMemory(window, sizeof(LastKnown));
	bool		is_null;
	bool		is_out;
	Datum		value = WinGetFuncArgCurrent(window, 0, &is_null);

	if (!is_null)
	{
		last->known = true;
		last->position = WinGetCurrentPosition(window);
		/* Rows before it are not asked for any more. */
		WinSetMarkPosition(window, last->position);
		return value;
	}
	if (!last->known)
		PG_RETURN_NULL();
	value = WinGetFuncArgInPartition(window, 0, (int) (last->position - WinGetCurrentPosition(window)), WINDOW_SEEK_CURRENT, false,
									 &is_null, &is_out);
	if (is_null || is_out)
		PG_RETURN_NULL();
	return value;
}

/* The position of the next row that has a value, from the current one on; false when there is none. */
static bool
find_next(WindowObject window, LastKnown *next)
{
	int64		current = WinGetCurrentPosition(window);
	bool		is_null;
	bool		is_out;

	if (next->known && next->position >= current)
		return true;
	if (next->none_after)
		return false;
	for (int64 position = current;; position++)
	{
		CHECK_FOR_INTERRUPTS();
		(void) WinGetFuncArgInPartition(window, 0, (int) (position - current), WINDOW_SEEK_CURRENT, false, &is_null, &is_out);
		if (is_out)
		{
			next->none_after = true;
			return false;
		}
		if (!is_null)
		{
			next->known = true;
			next->position = position;
			return true;
		}
	}
}

PG_FUNCTION_INFO_V1(weir_fill_backward);
Datum
weir_fill_backward(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	LastKnown  *next = WinGetPartitionLocalMemory(window, sizeof(LastKnown));
	bool		is_null;
	bool		is_out;
	Datum		value;

	if (!find_next(window, next))
		PG_RETURN_NULL();
	value = WinGetFuncArgInPartition(window, 0, (int) (next->position - WinGetCurrentPosition(window)), WINDOW_SEEK_CURRENT, false,
									 &is_null, &is_out);
	if (is_null || is_out)
		PG_RETURN_NULL();
	return value;
}

/* ---- fill_linear ---- */

typedef struct LinearState
{
	LastKnown	next;
	bool		has_before;
	int64		before_time;
	double		before_value;
} LinearState;

static TimeReader *
argument_reader(FunctionCallInfo fcinfo, int argument)
{
	TimeReader *reader = fcinfo->flinfo->fn_extra;

	if (reader == NULL)
	{
		reader = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(TimeReader));
		time_reader_init(reader, argument_type(fcinfo, argument));
		fcinfo->flinfo->fn_extra = reader;
	}
	return reader;
}

PG_FUNCTION_INFO_V1(weir_fill_linear);
Datum
weir_fill_linear(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	TimeReader *reader = argument_reader(fcinfo, 1);
	LinearState *state = WinGetPartitionLocalMemory(window, sizeof(LinearState));
	bool		is_null;
	bool		time_is_null;
	bool		is_out;
	Datum		value = WinGetFuncArgCurrent(window, 0, &is_null);
	Datum		time_value = WinGetFuncArgCurrent(window, 1, &time_is_null);
	int64		time = 0;
	int64		after_time = 0;
	double		after_value;
	int			distance;

	time_is_null = time_is_null || !time_read(reader, time_value, &time);
	if (!is_null)
	{
		state->has_before = !time_is_null;
		if (!time_is_null)
		{
			state->before_time = time;
			state->before_value = DatumGetFloat8(value);
		}
		return value;
	}
	if (time_is_null || !state->has_before || !find_next(window, &state->next))
		PG_RETURN_NULL();
	distance = (int) (state->next.position - WinGetCurrentPosition(window));
	after_value = DatumGetFloat8(WinGetFuncArgInPartition(window, 0, distance, WINDOW_SEEK_CURRENT, false, &is_null, &is_out));
	time_value = WinGetFuncArgInPartition(window, 1, distance, WINDOW_SEEK_CURRENT, false, &time_is_null, &is_out);
	if (time_is_null || !time_read(reader, time_value, &after_time))
		PG_RETURN_NULL();
	if (time < state->before_time || after_time < time)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("rows are not in the order of their times"),
				 errhint("Write fill_linear(x, ts) OVER (PARTITION BY ... ORDER BY ts).")));
	if (after_time == state->before_time)
		PG_RETURN_FLOAT8(state->before_value);
	{
		double		share = (double) ((__int128) time - state->before_time) / (double) ((__int128) after_time - state->before_time);

		PG_RETURN_FLOAT8(state->before_value * (1 - share) + after_value * share);
	}
}

/* ---- z-scores ---- */

typedef struct Spread
{
	bool		done;
	bool		defined;
	double		centre;
	double		unit;
} Spread;

static int
compare_doubles(const void *a, const void *b)
{
	double		first = *(const double *) a;
	double		second = *(const double *) b;

	return (first > second) - (first < second);
}

static double
median_of(double *values, int64 n)
{
	qsort(values, (size_t) n, sizeof(double), compare_doubles);
	return n % 2 == 1 ? values[n / 2] : values[n / 2 - 1] / 2 + values[n / 2] / 2;
}

/* The finite values of the partition. */
static double *
partition_values(WindowObject window, int64 *n)
{
	int64		n_rows = WinGetPartitionRowCount(window);
	double	   *values = palloc_extended(mul_size(sizeof(double), (Size) Max(n_rows, 1)), MCXT_ALLOC_HUGE);

	*n = 0;
	for (int64 i = 0; i < n_rows; i++)
	{
		bool		is_null;
		bool		is_out;
		Datum		value;

		CHECK_FOR_INTERRUPTS();
		value = WinGetFuncArgInPartition(window, 0, (int) i, WINDOW_SEEK_HEAD, false, &is_null, &is_out);
		if (!is_null && !is_out && isfinite(DatumGetFloat8(value)))
			values[(*n)++] = DatumGetFloat8(value);
	}
	return values;
}

/* In two passes. */
static void
mean_and_deviation(const double *values, int64 n, Spread *spread)
{
	double		mean = 0;
	double		squares = 0;
	double		rest = 0;

	for (int64 i = 0; i < n; i++)
		mean += (values[i] - mean) / (double) (i + 1);
	for (int64 i = 0; i < n; i++)
	{
		squares += (values[i] - mean) * (values[i] - mean);
		rest += values[i] - mean;
	}
	if (n < 2)
		return;
	squares -= rest * rest / (double) n;
	spread->centre = mean + rest / (double) n;
	spread->unit = sqrt(squares / (double) (n - 1));
	spread->defined = spread->unit > 0;
}

/* Of a normal distribution 1.4826 times the median absolute deviation is the standard deviation. */
static void
median_and_deviation(double *values, int64 n, Spread *spread)
{
	if (n == 0)
		return;
	spread->centre = median_of(values, n);
	for (int64 i = 0; i < n; i++)
		values[i] = fabs(values[i] - spread->centre);
	spread->unit = 1.4826022185056018 * median_of(values, n);
	spread->defined = spread->unit > 0;
}

static Datum
score(FunctionCallInfo fcinfo, bool robust)
{
	WindowObject window = PG_WINDOW_OBJECT();
	Spread	   *spread = WinGetPartitionLocalMemory(window, sizeof(Spread));
	bool		is_null;
	Datum		value;

	if (!spread->done)
	{
		int64		n;
		double	   *values = partition_values(window, &n);

		if (robust)
			median_and_deviation(values, n, spread);
		else
			mean_and_deviation(values, n, spread);
		pfree(values);
		spread->done = true;
	}
	value = WinGetFuncArgCurrent(window, 0, &is_null);
	if (is_null || !spread->defined)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8((DatumGetFloat8(value) - spread->centre) / spread->unit);
}

PG_FUNCTION_INFO_V1(weir_z_score);
Datum
weir_z_score(PG_FUNCTION_ARGS)
{
	return score(fcinfo, false);
}

PG_FUNCTION_INFO_V1(weir_robust_z_score);
Datum
weir_robust_z_score(PG_FUNCTION_ARGS)
{
	return score(fcinfo, true);
}
