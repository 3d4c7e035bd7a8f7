/*
 * candlestick_sql.c
 *		candlestick(price [, volume], ts): open, high, low and close of a price, with volume and volume-weighted mean.
 *
 * Of several prices at one time, the lowest opens and the highest closes, so that the order of rows does not show.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "series/series_sql.h"
#include "summary/double_double.h"

typedef struct CandlestickState
{
	int64		n;
	int64		open_time;
	int64		close_time;
	double		open;
	double		high;
	double		low;
	double		close;
	bool		has_volume;
	DoubleDouble volume;
	DoubleDouble traded;		/* sum of price times volume */
} CandlestickState;

static void
merge(CandlestickState *into, const CandlestickState *from)
{
	if (into->n == 0)
	{
		*into = *from;
		return;
	}
	if (from->open_time < into->open_time || (from->open_time == into->open_time && from->open < into->open))
	{
		into->open_time = from->open_time;
		into->open = from->open;
	}
	if (from->close_time > into->close_time || (from->close_time == into->close_time && from->close > into->close))
	{
		into->close_time = from->close_time;
		into->close = from->close;
	}
	into->high = Max(into->high, from->high);
	into->low = Min(into->low, from->low);
	into->n += from->n;
	into->has_volume |= from->has_volume;
	into->volume = double_double_add(into->volume, from->volume);
	into->traded = double_double_add(into->traded, from->traded);
}

PG_FUNCTION_INFO_V1(weir_candlestick_transition);
Datum
weir_candlestick_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	int			time_argument = PG_NARGS() - 1;
	TimeReader *reader = fcinfo->flinfo->fn_extra;
	CandlestickState *state;
	int64		time;

	if (reader == NULL)
	{
		reader = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(TimeReader));
		time_reader_init(reader, argument_type(fcinfo, time_argument));
		fcinfo->flinfo->fn_extra = reader;
	}
	state = PG_ARGISNULL(0) ? MemoryContextAllocZero(context, sizeof(CandlestickState)) : (CandlestickState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(time_argument) && isfinite(PG_GETARG_FLOAT8(1)) &&
		time_read(reader, PG_GETARG_DATUM(time_argument), &time))
	{
		double		price = PG_GETARG_FLOAT8(1) + 0.0;
		CandlestickState one = {1, time, time, price, price, price, price, false, {0, 0}, {0, 0}};

		if (time_argument == 3 && !PG_ARGISNULL(2) && isfinite(PG_GETARG_FLOAT8(2)))
		{
			one.has_volume = true;
			one.volume.high = PG_GETARG_FLOAT8(2);
			one.traded.high = price * PG_GETARG_FLOAT8(2);
		}
		merge(state, &one);
	}
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(weir_candlestick_combine);
Datum
weir_candlestick_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	CandlestickState *state;

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	state = PG_ARGISNULL(0) ? MemoryContextAllocZero(context, sizeof(CandlestickState)) : (CandlestickState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
		merge(state, (CandlestickState *) PG_GETARG_POINTER(1));
	PG_RETURN_POINTER(state);
}

/* Between processes of one server: in its own byte order. */
PG_FUNCTION_INFO_V1(weir_candlestick_serialize);
Datum
weir_candlestick_serialize(PG_FUNCTION_ARGS)
{
	bytea	   *result = palloc(VARHDRSZ + sizeof(CandlestickState));

	aggregate_context(fcinfo);
	SET_VARSIZE(result, VARHDRSZ + sizeof(CandlestickState));
	memcpy(VARDATA(result), PG_GETARG_POINTER(0), sizeof(CandlestickState));
	PG_RETURN_BYTEA_P(result);
}

PG_FUNCTION_INFO_V1(weir_candlestick_deserialize);
Datum
weir_candlestick_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	CandlestickState *state = palloc(sizeof(CandlestickState));

	aggregate_context(fcinfo);
	require_state_size(bytes, sizeof(CandlestickState), false);
	memcpy(state, VARDATA_ANY(bytes), sizeof(CandlestickState));
	state->has_volume = *((const unsigned char *) &state->has_volume) != 0;
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(weir_candlestick_final);
Datum
weir_candlestick_final(PG_FUNCTION_ARGS)
{
	TupleDesc	descriptor;
	const CandlestickState *state;
	Oid			time_type;
	Datum		values[9];
	bool		nulls[9] = {false};

	aggregate_context(fcinfo);
	state = PG_ARGISNULL(0) ? NULL : (CandlestickState *) PG_GETARG_POINTER(0);
	if (state == NULL || state->n == 0)
		PG_RETURN_NULL();
	descriptor = result_row_type(fcinfo, lengthof(values));
	time_type = TupleDescAttr(descriptor, 7)->atttypid;
	values[0] = Float8GetDatum(state->open);
	values[1] = Float8GetDatum(state->high);
	values[2] = Float8GetDatum(state->low);
	values[3] = Float8GetDatum(state->close);
	values[4] = Float8GetDatum(state->volume.high);
	values[5] = Float8GetDatum(state->traded.high / state->volume.high);
	nulls[4] = !state->has_volume;
	nulls[5] = !state->has_volume || state->volume.high == 0;
	values[6] = Int64GetDatum(state->n);
	values[7] = time_datum(time_type, state->open_time);
	values[8] = time_datum(time_type, state->close_time);
	return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
}
