/*
 * decay_sql.c
 *		ewma and ewm_variance in SQL.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "series/decay.h"
#include "series/series_sql.h"
#include "utils/timestamp.h"

typedef struct DecayState
{
	Decay		decay;
	double		parameter;		/* alpha, or the half-life in ticks; of the first row */
} DecayState;

static double
read_alpha(FunctionCallInfo fcinfo)
{
	double		alpha = PG_ARGISNULL(2) ? NAN : PG_GETARG_FLOAT8(2);

	if (!(alpha > 0 && alpha <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("alpha must be above 0 and at most 1"),
				 errhint("It is the weight of the newest value; for a half-life in time give the times: ewma(x, ts, half_life).")));
	return alpha;
}

static double
read_half_life(FunctionCallInfo fcinfo)
{
	double		half_life = NAN;

	if (!PG_ARGISNULL(3))
	{
		if (get_fn_expr_argtype(fcinfo->flinfo, 3) == INTERVALOID)
		{
			const Interval *interval = PG_GETARG_INTERVAL_P(3);

			if (INTERVAL_IS_NOBEGIN(interval) || INTERVAL_IS_NOEND(interval))
				half_life = NAN;
			else
				half_life = (double) interval->time +
					((double) interval->month * DAYS_PER_MONTH + (double) interval->day) * (double) USECS_PER_DAY;
		}
		else
			half_life = (double) PG_GETARG_INT64(3);
	}
	if (!(half_life > 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("half-life must be positive")));
	return half_life;
}

PG_FUNCTION_INFO_V1(weir_decay_next);
Datum
weir_decay_next(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	DecayState *state;

	if (PG_ARGISNULL(0))
	{
		state = MemoryContextAllocZero(context, sizeof(DecayState));
		state->parameter = read_alpha(fcinfo);
	}
	else
		state = (DecayState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && isfinite(PG_GETARG_FLOAT8(1)))
		decay_add_next(&state->decay, PG_GETARG_FLOAT8(1), state->parameter);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(weir_decay_at);
Datum
weir_decay_at(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	TimeReader *reader = fcinfo->flinfo->fn_extra;
	DecayState *state;
	int64		time;

	if (reader == NULL)
	{
		reader = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(TimeReader));
		time_reader_init(reader, argument_type(fcinfo, 2));
		fcinfo->flinfo->fn_extra = reader;
	}
	if (PG_ARGISNULL(0))
	{
		state = MemoryContextAllocZero(context, sizeof(DecayState));
		state->parameter = read_half_life(fcinfo);
	}
	else
		state = (DecayState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && isfinite(PG_GETARG_FLOAT8(1)) && time_read(reader, PG_GETARG_DATUM(2), &time))
		decay_add_at(&state->decay, PG_GETARG_FLOAT8(1), time, state->parameter);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(weir_decay_combine);
Datum
weir_decay_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	DecayState *into;
	const DecayState *from;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_POINTER(PG_GETARG_POINTER(0));
	}
	from = (DecayState *) PG_GETARG_POINTER(1);
	if (PG_ARGISNULL(0))
	{
		into = MemoryContextAllocZero(context, sizeof(DecayState));
		into->parameter = from->parameter;
	}
	else
		into = (DecayState *) PG_GETARG_POINTER(0);
	decay_merge(&into->decay, &from->decay, into->parameter);
	PG_RETURN_POINTER(into);
}

/* Between processes of one server: in its own byte order. */
PG_FUNCTION_INFO_V1(weir_decay_serialize);
Datum
weir_decay_serialize(PG_FUNCTION_ARGS)
{
	bytea	   *result = palloc(VARHDRSZ + sizeof(DecayState));

	aggregate_context(fcinfo);
	SET_VARSIZE(result, VARHDRSZ + sizeof(DecayState));
	memcpy(VARDATA(result), PG_GETARG_POINTER(0), sizeof(DecayState));
	PG_RETURN_BYTEA_P(result);
}

PG_FUNCTION_INFO_V1(weir_decay_deserialize);
Datum
weir_decay_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	DecayState *state = palloc(sizeof(DecayState));

	aggregate_context(fcinfo);
	require_state_size(bytes, sizeof(DecayState), false);
	memcpy(state, VARDATA_ANY(bytes), sizeof(DecayState));
	PG_RETURN_POINTER(state);
}

static Datum
result(FunctionCallInfo fcinfo, bool (*read)(const Decay *decay, double *value))
{
	double		value;

	aggregate_context(fcinfo);
	if (PG_ARGISNULL(0) || !read(&((DecayState *) PG_GETARG_POINTER(0))->decay, &value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}

PG_FUNCTION_INFO_V1(weir_decay_mean_final);
Datum
weir_decay_mean_final(PG_FUNCTION_ARGS)
{
	return result(fcinfo, decay_mean);
}

PG_FUNCTION_INFO_V1(weir_decay_variance_final);
Datum
weir_decay_variance_final(PG_FUNCTION_ARGS)
{
	return result(fcinfo, decay_variance);
}
