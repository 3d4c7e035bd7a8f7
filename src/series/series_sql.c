/*
 * series_sql.c
 *		Aggregates over values with times: the state that gathers them, and those that give one number.
 *
 * Rows may come in any order and from several workers; they are sorted when the result is asked for.
 */
#include "postgres.h"

#include <math.h>

#include "base/memory.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "series/counter.h"
#include "series/series_sql.h"
#include "series/time_weighted.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* ---- times ---- */

void
time_reader_init(TimeReader *reader, Oid type)
{
	reader->type = getBaseType(type);
	switch (reader->type)
	{
		case TIMESTAMPTZOID:
		case TIMESTAMPOID:
		case DATEOID: reader->seconds = true; break;
		case INT2OID:
		case INT4OID:
		case INT8OID: reader->seconds = false; break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("values of type %s cannot be read as times", format_type_be(type)),
					 errhint("A time is a timestamptz, timestamp, date or integer.")));
	}
}

bool
time_read(const TimeReader *reader, Datum value, int64 *time)
{
	switch (reader->type)
	{
		case INT2OID: *time = DatumGetInt16(value); return true;
		case INT4OID: *time = DatumGetInt32(value); return true;
		case INT8OID: *time = DatumGetInt64(value); return true;
		case DATEOID:
			if (DATE_NOT_FINITE(DatumGetDateADT(value)))
				return false;
			if (DatumGetDateADT(value) >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
				ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("date out of range for timestamp")));
			*time = (int64) DatumGetDateADT(value) * USECS_PER_DAY;
			return true;
		default: *time = DatumGetTimestamp(value); return !TIMESTAMP_NOT_FINITE(*time);
	}
}

Datum
time_datum(Oid type, int64 time)
{
	return type == DATEOID ? DateADTGetDatum((DateADT) (time / USECS_PER_DAY)) : Int64GetDatum(time);
}

Oid
argument_type(FunctionCallInfo fcinfo, int argument)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, argument);

	if (!OidIsValid(type))
		elog(ERROR, "could not determine the type of argument %d", argument);
	return type;
}

TupleDesc
result_row_type(FunctionCallInfo fcinfo, int n_columns)
{
	TupleDesc	descriptor;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE || descriptor->natts != n_columns)
		elog(ERROR, "function must return a row of %d columns", n_columns);
	return BlessTupleDesc(descriptor);
}

void
damaged_state(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("serialized state of an aggregate is damaged")));
}

void
require_state_size(const bytea *bytes, Size size, bool at_least)
{
	if (VARSIZE_ANY_EXHDR(bytes) < size || (!at_least && VARSIZE_ANY_EXHDR(bytes) != size))
		damaged_state();
}

/* Of a serialized series: what comes before the points. */
#define HEADER_SIZE (3 + sizeof(int64))

/* ---- the state ---- */

bool
method_is_linear(const char *method)
{
	if (strcmp(method, "linear") == 0)
		return true;
	if (strcmp(method, "step") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown method \"%s\" of weighting by time", method),
				 errhint("It is 'step' (the value holds until the next one) or 'linear'.")));
	return false;
}

/* The third argument: a method, a distance, a number of points. */
static void
read_parameter(FunctionCallInfo fcinfo, SeriesState *state)
{
	if (PG_NARGS() < 4 || PG_ARGISNULL(3))
		return;
	state->has_parameter = true;
	switch (argument_type(fcinfo, 3))
	{
		case TEXTOID:
		{
			char	   *method = text_to_cstring(PG_GETARG_TEXT_PP(3));

			state->linear = method_is_linear(method);
			pfree(method);
			break;
		}
		default: state->number = PG_GETARG_INT32(3); break;
	}
}

static SeriesState *
state_create(MemoryContext context)
{
	SeriesState *state = MemoryContextAllocZero(context, sizeof(SeriesState));

	points_init(&state->points, allocator_in(context));
	return state;
}

PG_FUNCTION_INFO_V1(weir_series_transition);
Datum
weir_series_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	TimeReader *reader = fcinfo->flinfo->fn_extra;
	SeriesState *state;
	int64		time;

	if (reader == NULL)
	{
		reader = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(TimeReader));
		time_reader_init(reader, argument_type(fcinfo, 2));
		fcinfo->flinfo->fn_extra = reader;
	}
	if (PG_ARGISNULL(0))
	{
		state = state_create(context);
		state->seconds = reader->seconds;
		read_parameter(fcinfo, state);
	}
	else
		state = (SeriesState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && isfinite(PG_GETARG_FLOAT8(1)) && time_read(reader, PG_GETARG_DATUM(2), &time))
		points_add(&state->points, time, PG_GETARG_FLOAT8(1));
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(weir_series_combine);
Datum
weir_series_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	SeriesState *from;
	SeriesState *into;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_POINTER(PG_GETARG_POINTER(0));
	}
	from = (SeriesState *) PG_GETARG_POINTER(1);
	if (PG_ARGISNULL(0))
	{
		into = state_create(context);
		into->seconds = from->seconds;
		into->has_parameter = from->has_parameter;
		into->number = from->number;
		into->linear = from->linear;
	}
	else
		into = (SeriesState *) PG_GETARG_POINTER(0);
	points_append(&into->points, from->points.points, from->points.n);
	PG_RETURN_POINTER(into);
}

/* Between processes of one server, or servers of one kind of machine: parameters, then points in its own byte order. */
PG_FUNCTION_INFO_V1(weir_series_serialize);
Datum
weir_series_serialize(PG_FUNCTION_ARGS)
{
	SeriesState *state = (SeriesState *) PG_GETARG_POINTER(0);
	Size		size = add_size(VARHDRSZ + HEADER_SIZE, mul_size(sizeof(Point), state->points.n));
	StringInfoData buffer;

	aggregate_context(fcinfo);
	if (!AllocSizeIsValid(size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many values for one parallel worker"),
				 errhint("Group by windows of time, or set max_parallel_workers_per_gather to 0.")));
	pq_begintypsend(&buffer);
	pq_sendbyte(&buffer, state->seconds);
	pq_sendbyte(&buffer, state->has_parameter);
	pq_sendbyte(&buffer, state->linear);
	pq_sendint64(&buffer, state->number);
	pq_sendbytes(&buffer, (const char *) state->points.points, (int) (sizeof(Point) * state->points.n));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

PG_FUNCTION_INFO_V1(weir_series_deserialize);
Datum
weir_series_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData buffer;
	SeriesState *state;
	Size		n;

	aggregate_context(fcinfo);
	require_state_size(bytes, HEADER_SIZE, true);
	n = (VARSIZE_ANY_EXHDR(bytes) - HEADER_SIZE) / sizeof(Point);
	require_state_size(bytes, HEADER_SIZE + sizeof(Point) * n, false);
	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, VARDATA_ANY(bytes), HEADER_SIZE);
	state = state_create(CurrentMemoryContext);
	state->seconds = pq_getmsgbyte(&buffer) != 0;
	state->has_parameter = pq_getmsgbyte(&buffer) != 0;
	state->linear = pq_getmsgbyte(&buffer) != 0;
	state->number = pq_getmsgint64(&buffer);
	pfree(buffer.data);
	if (n > 0)
	{
		/* The bytes may lie anywhere. */
		Point	   *points = palloc_extended(sizeof(Point) * n, MCXT_ALLOC_HUGE);

		memcpy(points, VARDATA_ANY(bytes) + HEADER_SIZE, sizeof(Point) * n);
		points_append(&state->points, points, n);
		pfree(points);
	}
	PG_RETURN_POINTER(state);
}

SeriesState *
series_sorted(FunctionCallInfo fcinfo)
{
	SeriesState *state;

	aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		return NULL;
	state = (SeriesState *) PG_GETARG_POINTER(0);
	if (state->points.n == 0)
		return NULL;
	points_sort(&state->points);
	return state;
}

/* ---- one number ---- */

static Datum
number_or_null(FunctionCallInfo fcinfo, bool defined, double value)
{
	if (!defined)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}

static bool
weighted(FunctionCallInfo fcinfo, TimeWeighted *result)
{
	SeriesState *state = series_sorted(fcinfo);

	if (state == NULL)
		return false;
	time_weighted_of_points(result, points_without_ties(&state->points), state->linear, state->seconds);
	return true;
}

PG_FUNCTION_INFO_V1(weir_time_weighted_mean_final);
Datum
weir_time_weighted_mean_final(PG_FUNCTION_ARGS)
{
	TimeWeighted result;
	bool		defined = weighted(fcinfo, &result);

	return number_or_null(fcinfo, defined, defined ? time_weighted_mean(&result) : 0);
}

PG_FUNCTION_INFO_V1(weir_time_integral_final);
Datum
weir_time_integral_final(PG_FUNCTION_ARGS)
{
	TimeWeighted result;
	bool		defined = weighted(fcinfo, &result);

	return number_or_null(fcinfo, defined, defined ? time_weighted_integral(&result) : 0);
}

static bool
counted(FunctionCallInfo fcinfo, bool gauge, Counter *result)
{
	SeriesState *state = series_sorted(fcinfo);

	if (state == NULL)
		return false;
	counter_of_points(result, &state->points, gauge, state->seconds);
	return true;
}

PG_FUNCTION_INFO_V1(weir_increase_final);
Datum
weir_increase_final(PG_FUNCTION_ARGS)
{
	Counter		counter;
	double		value = 0;
	bool		defined = counted(fcinfo, false, &counter) && counter_increase(&counter, &value);

	return number_or_null(fcinfo, defined, value);
}

PG_FUNCTION_INFO_V1(weir_delta_final);
Datum
weir_delta_final(PG_FUNCTION_ARGS)
{
	Counter		counter;
	double		value = 0;
	bool		defined = counted(fcinfo, true, &counter) && counter_increase(&counter, &value);

	return number_or_null(fcinfo, defined, value);
}

PG_FUNCTION_INFO_V1(weir_rate_final);
Datum
weir_rate_final(PG_FUNCTION_ARGS)
{
	Counter		counter;
	double		value = 0;
	bool		defined = counted(fcinfo, false, &counter) && counter_rate(&counter, &value);

	return number_or_null(fcinfo, defined, value);
}

PG_FUNCTION_INFO_V1(weir_instant_rate_final);
Datum
weir_instant_rate_final(PG_FUNCTION_ARGS)
{
	Counter		counter;
	double		value = 0;
	bool		defined = counted(fcinfo, false, &counter) && counter_instant_rate(&counter, &value);

	return number_or_null(fcinfo, defined, value);
}

PG_FUNCTION_INFO_V1(weir_resets_final);
Datum
weir_resets_final(PG_FUNCTION_ARGS)
{
	Counter		counter;

	if (!counted(fcinfo, false, &counter))
		PG_RETURN_NULL();
	PG_RETURN_INT64(counter.resets);
}

PG_FUNCTION_INFO_V1(weir_changes_final);
Datum
weir_changes_final(PG_FUNCTION_ARGS)
{
	Counter		counter;

	if (!counted(fcinfo, false, &counter))
		PG_RETURN_NULL();
	PG_RETURN_INT64(counter.changes);
}

PG_FUNCTION_INFO_V1(weir_autocorrelation_final);
Datum
weir_autocorrelation_final(PG_FUNCTION_ARGS)
{
	SeriesState *state = series_sorted(fcinfo);
	double		value = 0;
	bool		defined = false;

	if (state != NULL && state->has_parameter)
	{
		if (state->number < 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("lag must not be negative")));
		defined = points_autocorrelation(&state->points, state->number, &value);
	}
	return number_or_null(fcinfo, defined, value);
}
