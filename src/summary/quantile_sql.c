/*
 * quantile_sql.c
 *		quantile(x, p), the aggregate, and quantile(summary, p), the function.
 */
#include "postgres.h"

#include <math.h>

#include "base/memory.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "summary/summary_object.h"
#include "summary/summary_sql.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(weir_quantile_transition);
PG_FUNCTION_INFO_V1(weir_quantile_combine);
PG_FUNCTION_INFO_V1(weir_quantile_final);
PG_FUNCTION_INFO_V1(weir_moving_quantile_enter);
PG_FUNCTION_INFO_V1(weir_moving_quantile_leave);
PG_FUNCTION_INFO_V1(weir_moving_quantile_final);
PG_FUNCTION_INFO_V1(weir_quantile);
PG_FUNCTION_INFO_V1(weir_quantile_array);

#define MAX_PROBABILITIES 65536

void
require_probability(double p)
{
	if (!(p >= 0 && p <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("quantile %g is not between 0 and 1", p),
				 errhint("The 99th percentile is 0.99.")));
}

/* ---- what was asked ---- */

/* Elements of a float8[], NULL ones as NaN. */
static double *
read_probabilities(ArrayType *array, int *n)
{
	Datum	   *elements;
	bool	   *nulls;
	double	   *p;

	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, n);
	if (*n > MAX_PROBABILITIES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("at most %d quantiles can be asked for at once", MAX_PROBABILITIES),
				 errhint("Ask a summary several times: quantile(summarize(x), probabilities).")));
	p = palloc(mul_size(sizeof(double), (Size) Max(*n, 1)));
	for (int i = 0; i < *n; i++)
	{
		p[i] = nulls[i] ? NAN : DatumGetFloat8(elements[i]);
		if (!nulls[i])
			require_probability(p[i]);
	}
	return p;
}

static bool
asks_for_array(FunctionCallInfo fcinfo)
{
	return get_fn_expr_argtype(fcinfo->flinfo, 2) != FLOAT8OID;
}

/* The p of this row, in the current memory context. */
static void
read_request(FunctionCallInfo fcinfo, QuantileRequest *request)
{
	request->is_array = asks_for_array(fcinfo);
	request->n = 1;
	if (PG_ARGISNULL(2))
	{
		/* NULL for an array asks for nothing, and gets an empty array. */
		request->n = request->is_array ? 0 : 1;
		request->p = palloc(sizeof(double));
		request->p[0] = NAN;
	}
	else if (request->is_array)
		request->p = read_probabilities(PG_GETARG_ARRAYTYPE_P(2), &request->n);
	else
	{
		request->p = palloc(sizeof(double));
		request->p[0] = PG_GETARG_FLOAT8(2);
		require_probability(request->p[0]);
	}
}

static void
probabilities_differ(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the p of quantile(x, p) must be the same for all rows of a group"),
			 errhint("For several quantiles give an array: quantile(x, ARRAY[0.5, 0.99]).")));
}

static void
require_same_request(const QuantileRequest *a, const QuantileRequest *b)
{
	if (a->is_array != b->is_array || a->n != b->n)
		probabilities_differ();
	for (int i = 0; i < a->n; i++)
		if (!(a->p[i] == b->p[i] || (isnan(a->p[i]) && isnan(b->p[i]))))
			probabilities_differ();
}

/* Usually p is a constant, so this must cost nothing beside the value. */
static void
require_request_unchanged(FunctionCallInfo fcinfo, const QuantileRequest *request)
{
	QuantileRequest asked;

	if (PG_ARGISNULL(2))
	{
		if (request->n != 0 && !(request->n == 1 && isnan(request->p[0])))
			probabilities_differ();
		return;
	}
	if (!request->is_array)
	{
		if (PG_GETARG_FLOAT8(2) != request->p[0])
			probabilities_differ();
		return;
	}
	else
	{
		ArrayType  *array = PG_GETARG_ARRAYTYPE_P(2);

		if (!ARR_HASNULL(array) && ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) == request->n &&
			memcmp(ARR_DATA_PTR(array), request->p, sizeof(double) * request->n) == 0)
			return;
	}
	read_request(fcinfo, &asked);
	require_same_request(request, &asked);
}

/* ---- aggregate ---- */

static void
start_state(FunctionCallInfo fcinfo, SummaryObject *object, const ValueReader *reader)
{
	MemoryContext old_context = MemoryContextSwitchTo(object->header.eoh_context);

	object->request = palloc(sizeof(QuantileRequest));
	read_request(fcinfo, object->request);
	object->summary = value_reader_summary(reader, allocator_in(object->header.eoh_context), SUMMARY_DEFAULT_BUDGET);
	MemoryContextSwitchTo(old_context);
}

Datum
weir_quantile_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = require_aggregate_context(fcinfo);
	const ValueReader *reader = aggregate_value_reader(fcinfo, WANT_NUMERIC);
	SummaryObject *object;

	if (PG_ARGISNULL(0))
	{
		object = summary_object_create(context);
		start_state(fcinfo, object, reader);
	}
	else
	{
		object = quantile_object_for_change(PG_GETARG_DATUM(0), context);
		require_request_unchanged(fcinfo, object->request);
	}
	value_reader_add(reader, object->summary, PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	return EOHPGetRWDatum(&object->header);
}

Datum
weir_quantile_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = require_aggregate_context(fcinfo);
	SummaryObject *object;
	const SummaryObject *other;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		return PG_GETARG_DATUM(0);
	}
	if (PG_ARGISNULL(0))
	{
		object = quantile_object_for_change(PG_GETARG_DATUM(1), context);
		return EOHPGetRWDatum(&object->header);
	}
	object = quantile_object_for_change(PG_GETARG_DATUM(0), context);
	other = quantile_object_borrow(PG_GETARG_DATUM(1));
	require_same_request(object->request, other->request);
	summary_check_status(summary_merge(object->summary, other->summary));
	return EOHPGetRWDatum(&object->header);
}

/* ---- results ---- */

Oid
summary_result_type(Oid type)
{
	switch (type)
	{
		case INTERVALOID:
		case TIMEOID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID: return type;
		default: return InvalidOid;
	}
}

Datum
summary_value_of_type(Oid type, SummaryUnit unit, double stored)
{
	Interval   *interval;

	switch (type)
	{
		case FLOAT8OID: return Float8GetDatum(shown_value(unit, stored));
		case INTERVALOID:
			interval = palloc0(sizeof(Interval));
			if (!(stored >= -9.2e18 && stored <= 9.2e18))
				ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("interval out of range")));
			interval->time = (int64) rint(stored);
			return IntervalPGetDatum(interval);
		case TIMEOID: return TimeADTGetDatum((TimeADT) rint(stored));
		case DATEOID:
			if (isinf(stored))
				return DateADTGetDatum(stored < 0 ? DATEVAL_NOBEGIN : DATEVAL_NOEND);
			return DateADTGetDatum((DateADT) floor(stored / (double) USECS_PER_DAY));
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			if (isinf(stored))
				return TimestampGetDatum(stored < 0 ? DT_NOBEGIN : DT_NOEND);
			return TimestampGetDatum((Timestamp) rint(stored));
		default: elog(ERROR, "quantile has no result of type %u", type);
	}
	return 0;					/* not reached */
}

/* Where quantiles come from: one of the two. */
typedef struct QuantileSource
{
	const Summary *summary;
	const MovingSummary *moving;
} QuantileSource;

static bool
quantile_of(QuantileSource source, double p, double *value)
{
	return source.summary != NULL ? summary_quantile(source.summary, p, value) : moving_quantile(source.moving, p, value);
}

static Datum
quantile_array(QuantileSource source, SummaryUnit unit, const double *p, int n, Oid type)
{
	Datum	   *elements = palloc(mul_size(sizeof(Datum), (Size) Max(n, 1)));
	bool	   *nulls = palloc(mul_size(sizeof(bool), (Size) Max(n, 1)));
	int			dimensions[1];
	int			bounds[1] = {1};
	int16		length;
	bool		by_value;
	char		alignment;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	for (int i = 0; i < n; i++)
	{
		double		value;

		nulls[i] = !quantile_of(source, p[i], &value);
		elements[i] = nulls[i] ? (Datum) 0 : summary_value_of_type(type, unit, value);
	}
	dimensions[0] = n;
	if (n == 0)
		return PointerGetDatum(construct_empty_array(type));
	return PointerGetDatum(construct_md_array(elements, nulls, 1, dimensions, bounds, type, length, by_value, alignment));
}

static Datum
requested_quantiles(FunctionCallInfo fcinfo, QuantileSource source, SummaryUnit unit, const QuantileRequest *request)
{
	Oid			type = get_fn_expr_rettype(fcinfo->flinfo);
	double		value;

	if (request->is_array)
		return quantile_array(source, unit, request->p, request->n, get_element_type(type));
	if (!quantile_of(source, request->p[0], &value))
		PG_RETURN_NULL();
	return summary_value_of_type(type, unit, value);
}

Datum
weir_quantile_final(PG_FUNCTION_ARGS)
{
	const SummaryObject *object;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	object = quantile_object_borrow(PG_GETARG_DATUM(0));
	return requested_quantiles(fcinfo, (QuantileSource){.summary = object->summary}, summary_unit(object->summary),
							   object->request);
}

/* ---- sliding frames ---- */

typedef struct MovingQuantile
{
	QuantileRequest request;
	MovingSummary *moving;
} MovingQuantile;

Datum
weir_moving_quantile_enter(PG_FUNCTION_ARGS)
{
	MemoryContext context = require_aggregate_context(fcinfo);
	const ValueReader *reader = aggregate_value_reader(fcinfo, WANT_NUMERIC);
	MovingQuantile *state;

	if (PG_ARGISNULL(0))
	{
		MemoryContext old_context = MemoryContextSwitchTo(context);

		state = palloc(sizeof(MovingQuantile));
		read_request(fcinfo, &state->request);
		state->moving = moving_create(allocator_in(context), SUMMARY_NUMERIC, reader->unit, SUMMARY_DEFAULT_BUDGET, false);
		MemoryContextSwitchTo(old_context);
	}
	else
	{
		state = (MovingQuantile *) PG_GETARG_POINTER(0);
		require_request_unchanged(fcinfo, &state->request);
	}
	value_reader_enter(reader, state->moving, PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	PG_RETURN_POINTER(state);
}

Datum
weir_moving_quantile_leave(PG_FUNCTION_ARGS)
{
	const ValueReader *reader;
	MovingQuantile *state;

	require_aggregate_context(fcinfo);
	reader = aggregate_value_reader(fcinfo, WANT_NUMERIC);
	state = (MovingQuantile *) PG_GETARG_POINTER(0);

	/* NULL makes the server compute the frame anew. */
	if (!value_reader_leave(reader, state->moving, PG_GETARG_DATUM(1), PG_ARGISNULL(1)))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

Datum
weir_moving_quantile_final(PG_FUNCTION_ARGS)
{
	const MovingQuantile *state;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (const MovingQuantile *) PG_GETARG_POINTER(0);
	return requested_quantiles(fcinfo, (QuantileSource){.moving = state->moving}, moving_unit(state->moving), &state->request);
}

/* ---- functions of a summary ---- */

static const Summary *
numeric_summary(Datum datum)
{
	const Summary *summary = summary_borrow(datum);

	if (summary_kind(summary) == SUMMARY_CATEGORY)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("a summary of categories has no quantiles"),
				 errhint("weir.top(summary, k) lists its categories.")));
	return summary;
}

Datum
weir_quantile(PG_FUNCTION_ARGS)
{
	const Summary *summary = numeric_summary(PG_GETARG_DATUM(0));
	double		p = PG_GETARG_FLOAT8(1);
	double		value;

	require_probability(p);
	if (!summary_quantile(summary, p, &value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(shown_value(summary_unit(summary), value));
}

Datum
weir_quantile_array(PG_FUNCTION_ARGS)
{
	const Summary *summary = numeric_summary(PG_GETARG_DATUM(0));
	int			n;
	double	   *p = read_probabilities(PG_GETARG_ARRAYTYPE_P(1), &n);

	return quantile_array((QuantileSource){.summary = summary}, summary_unit(summary), p, n, FLOAT8OID);
}
