/*
 * pairs_sql.c
 *		weir.pair_summary in SQL: type, aggregates over pairs, accessors.
 *
 * An aggregate's state is an expanded object, flattened only when it leaves the process.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/base64.h"
#include "base/compat.h"
#include "base/memory.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "series/pairs.h"
#include "series/series_sql.h"
#include "summary/summary_datum.h"
#include "utils/builtins.h"
#include "utils/expandeddatum.h"

/* From 1970-01-01 to 2000-01-01, both UTC. */
#define EPOCH_MICROSECONDS ((double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (double) USECS_PER_DAY)

typedef struct PairsObject
{
	ExpandedObjectHeader header;
	Pairs	   *pairs;
} PairsObject;

/* ---- values in memory ---- */

static Size
get_flat_size(ExpandedObjectHeader *header)
{
	return VARHDRSZ + pairs_encode(((PairsObject *) header)->pairs, NULL);
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated_size)
{
	pairs_encode(((PairsObject *) header)->pairs, (uint8_t *) VARDATA(result));
	SET_VARSIZE(result, allocated_size);
}

static const ExpandedObjectMethods methods = {get_flat_size, flatten_into};

static PairsObject *
object_create(MemoryContext parent)
{
	MemoryContext context = object_memory(parent);
	PairsObject *object = MemoryContextAllocZero(context, sizeof(PairsObject));

	EOH_init_header(&object->header, &methods, context);
	return object;
}

static Pairs *
decode(Allocator allocator, const char *bytes, Size size)
{
	Pairs	   *pairs = pairs_decode(allocator, (const uint8_t *) bytes, size);

	if (pairs == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid weir.pair_summary"),
				 errdetail("The bytes are damaged, or were written by a newer version of weir.")));
	return pairs;
}

static PairsObject *
expanded_object(Datum datum)
{
	PairsObject *object = (PairsObject *) DatumGetEOHP(datum);

	if (object->header.eoh_methods != &methods)
		elog(ERROR, "expanded object is not a summary of pairs");
	return object;
}

/* The pairs behind a datum: those of a live object, or decoded with the allocator. */
static Pairs *
pairs_of(Datum datum, Allocator allocator)
{
	struct varlena *flat;

	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return expanded_object(datum)->pairs;
	flat = PG_DETOAST_DATUM_PACKED(datum);
	return decode(allocator, VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat));
}

static PairsObject *
object_for_change(Datum datum, MemoryContext parent)
{
	PairsObject *object;
	Allocator	allocator;

	if (VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(datum)))
		return expanded_object(datum);
	object = object_create(parent);
	allocator = allocator_in(object->header.eoh_context);
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		object->pairs = pairs_copy(allocator, expanded_object(datum)->pairs);
	else
		object->pairs = pairs_of(datum, allocator);
	return object;
}

static Datum
flatten(const Pairs *pairs)
{
	Size		size = VARHDRSZ + pairs_encode(pairs, NULL);
	struct varlena *result = palloc(size);

	SET_VARSIZE(result, size);
	pairs_encode(pairs, (uint8_t *) VARDATA(result));
	return PointerGetDatum(result);
}

/* ---- type ---- */

static Datum
checked(const char *bytes, Size size)
{
	return flatten(decode(allocator_in(CurrentMemoryContext), bytes, size));
}

PG_FUNCTION_INFO_V1(weir_pair_summary_in);
Datum
weir_pair_summary_in(PG_FUNCTION_ARGS)
{
	Size		size;
	char	   *bytes = base64_bytes(PG_GETARG_CSTRING(0), "pair_summary", &size);

	return checked(bytes, size);
}

PG_FUNCTION_INFO_V1(weir_pair_summary_out);
Datum
weir_pair_summary_out(PG_FUNCTION_ARGS)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));

	PG_RETURN_CSTRING(base64_text(VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat)));
}

PG_FUNCTION_INFO_V1(weir_pair_summary_recv);
Datum
weir_pair_summary_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buffer = (StringInfo) PG_GETARG_POINTER(0);
	int			size = buffer->len - buffer->cursor;

	return checked(pq_getmsgbytes(buffer, size), (Size) size);
}

PG_FUNCTION_INFO_V1(weir_pair_summary_send);
Datum
weir_pair_summary_send(PG_FUNCTION_ARGS)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendbytes(&buffer, VARDATA_ANY(flat), (int) VARSIZE_ANY_EXHDR(flat));
	return PointerGetDatum(pq_endtypsend(&buffer));
}

/* ---- aggregates ---- */

/* Readers of y and x, made at the first call. */
static const ValueReader *
readers(FunctionCallInfo fcinfo)
{
	ValueReader *reader = fcinfo->flinfo->fn_extra;

	if (reader != NULL)
		return reader;
	reader = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, 2 * sizeof(ValueReader));
	for (int i = 0; i < 2; i++)
	{
		Oid			type = argument_type(fcinfo, i + 1);

		if (!value_reader_init(&reader[i], type, SUMMARY_NUMERIC, fcinfo->flinfo->fn_mcxt))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("values of type %s cannot be read as numbers", format_type_be(type)),
					 errhint("Numbers, booleans, intervals, dates and times can.")));
	}
	fcinfo->flinfo->fn_extra = reader;
	return reader;
}

static double
read_value(const ValueReader *reader, Datum value)
{
	double		number = value_reader_number(reader, value);

	return reader->unit == SUMMARY_TIME ? number + EPOCH_MICROSECONDS : number;
}

PG_FUNCTION_INFO_V1(weir_pairs_transition);
Datum
weir_pairs_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	const ValueReader *reader = readers(fcinfo);
	PairsObject *object;

	if (PG_ARGISNULL(0))
	{
		object = object_create(context);
		object->pairs = pairs_create(allocator_in(object->header.eoh_context), reader[0].unit != SUMMARY_PLAIN,
									 reader[1].unit != SUMMARY_PLAIN);
	}
	else
		object = object_for_change(PG_GETARG_DATUM(0), context);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		pairs_add(object->pairs, read_value(&reader[0], PG_GETARG_DATUM(1)), read_value(&reader[1], PG_GETARG_DATUM(2)));
	return EOHPGetRWDatum(&object->header);
}

/* Of a frame that slides: sums are exact, so taking a pair back leaves what the others give. */
PG_FUNCTION_INFO_V1(weir_pairs_leave);
Datum
weir_pairs_leave(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	const ValueReader *reader = readers(fcinfo);
	PairsObject *object = object_for_change(PG_GETARG_DATUM(0), context);

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		pairs_remove(object->pairs, read_value(&reader[0], PG_GETARG_DATUM(1)), read_value(&reader[1], PG_GETARG_DATUM(2)));
	return EOHPGetRWDatum(&object->header);
}

static void
merge(Pairs *into, const Pairs *from, bool subtract)
{
	if (!pairs_merge(into, from, subtract))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("summaries of pairs in different units cannot be combined"),
				 errdetail("In one a value is a duration or a time, in the other a number.")));
}

PG_FUNCTION_INFO_V1(weir_pairs_combine);
Datum
weir_pairs_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	PairsObject *object;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		return PG_GETARG_DATUM(0);
	}
	if (PG_ARGISNULL(0))
	{
		object = object_create(context);
		object->pairs =
			pairs_copy(allocator_in(object->header.eoh_context), pairs_of(PG_GETARG_DATUM(1), allocator_in(CurrentMemoryContext)));
	}
	else
	{
		object = object_for_change(PG_GETARG_DATUM(0), context);
		merge(object->pairs, pairs_of(PG_GETARG_DATUM(1), allocator_in(CurrentMemoryContext)), false);
	}
	return EOHPGetRWDatum(&object->header);
}

static Datum
combined(FunctionCallInfo fcinfo, bool subtract)
{
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	Pairs	   *result = pairs_copy(allocator, pairs_of(PG_GETARG_DATUM(0), allocator));

	merge(result, pairs_of(PG_GETARG_DATUM(1), allocator), subtract);
	return flatten(result);
}

PG_FUNCTION_INFO_V1(weir_pairs_plus);
Datum
weir_pairs_plus(PG_FUNCTION_ARGS)
{
	return combined(fcinfo, false);
}

PG_FUNCTION_INFO_V1(weir_pairs_minus);
Datum
weir_pairs_minus(PG_FUNCTION_ARGS)
{
	return combined(fcinfo, true);
}

/* ---- what they say: final functions and accessors alike ---- */

static Regression
regression_of(FunctionCallInfo fcinfo)
{
	Regression	result = {0};

	if (PG_ARGISNULL(0))
		return (Regression){0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
	pairs_regression(pairs_of(PG_GETARG_DATUM(0), allocator_in(CurrentMemoryContext)), &result);
	return result;
}

#define ACCESSOR(name, field) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) \
	{ \
		Regression regression = regression_of(fcinfo); \
\
		if (isnan(regression.field)) \
			PG_RETURN_NULL(); \
		PG_RETURN_FLOAT8(regression.field); \
	}

ACCESSOR(weir_pairs_covariance, covariance)
ACCESSOR(weir_pairs_correlation, correlation)
ACCESSOR(weir_pairs_slope, slope)
ACCESSOR(weir_pairs_intercept, intercept)
ACCESSOR(weir_pairs_r_squared, r_squared)

PG_FUNCTION_INFO_V1(weir_pairs_count);
Datum
weir_pairs_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(pairs_of(PG_GETARG_DATUM(0), allocator_in(CurrentMemoryContext))->n);
}

PG_FUNCTION_INFO_V1(weir_pairs_regression);
Datum
weir_pairs_regression(PG_FUNCTION_ARGS)
{
	TupleDesc	descriptor;
	Regression	regression;
	Datum		values[11];
	bool		nulls[11];
	double		numbers[10];

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	descriptor = result_row_type(fcinfo, lengthof(values));
	regression = regression_of(fcinfo);
	memcpy(numbers,
		   (double[]){regression.slope, regression.intercept, regression.r_squared, regression.slope_error, regression.correlation,
					  regression.covariance, regression.y_mean, regression.x_mean, sqrt(regression.y_variance),
					  sqrt(regression.x_variance)},
		   sizeof(numbers));
	values[0] = Int64GetDatum(regression.n);
	nulls[0] = false;
	for (int i = 0; i < lengthof(numbers); i++)
	{
		values[i + 1] = Float8GetDatum(numbers[i]);
		nulls[i + 1] = isnan(numbers[i]);
	}
	return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
}
