/*
 * performance_sql.c
 *		The aggregates that make performances, their operators, and the forms of the type.
 */
#include "postgres.h"

#include <math.h>

#include "base/aggregate.h"
#include "base/compat.h"
#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "fairness/fairness_datum.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "quality/class_arguments.h"
#include "quality/performance_datum.h"
#include "storage/shmem.h"
#include "summary/categories.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(weir_performance_in);
PG_FUNCTION_INFO_V1(weir_performance_out);
PG_FUNCTION_INFO_V1(weir_performance_recv);
PG_FUNCTION_INFO_V1(weir_performance_send);
PG_FUNCTION_INFO_V1(weir_binary_performance_accumulate);
PG_FUNCTION_INFO_V1(weir_class_performance_accumulate);
PG_FUNCTION_INFO_V1(weir_regression_performance_accumulate);
PG_FUNCTION_INFO_V1(weir_performance_combine);
PG_FUNCTION_INFO_V1(weir_performance_add);
PG_FUNCTION_INFO_V1(weir_performance_subtract);
PG_FUNCTION_INFO_V1(weir_performances_equal);

/* ---- text and bytes: the text form is that of bytea, of the stored form ---- */

/* Decoding is the check: what decodes is stored as it is. */
static Datum
checked(const char *bytes, Size size)
{
	Performance *performance;
	struct varlena *result = palloc(add_size(size, VARHDRSZ));

	performance_check_status(performance_decode(allocator_in(CurrentMemoryContext), (const uint8_t *) bytes, size, &performance));
	performance_free(performance);
	SET_VARSIZE(result, size + VARHDRSZ);
	memcpy(VARDATA(result), bytes, size);
	return PointerGetDatum(result);
}

Datum
weir_performance_in(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = DatumGetByteaPP(DirectFunctionCall1(byteain, PG_GETARG_DATUM(0)));

	return checked(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

/* Always hexadecimal, whatever bytea_output says: the text must read back everywhere. */
Datum
weir_performance_out(PG_FUNCTION_ARGS)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	Size		size = VARSIZE_ANY_EXHDR(flat);
	char	   *result = palloc(add_size(mul_size(size, 2), 3));

	result[0] = '\\';
	result[1] = 'x';
	hex_encode(VARDATA_ANY(flat), size, result + 2);
	result[2 + 2 * size] = '\0';
	PG_RETURN_CSTRING(result);
}

Datum
weir_performance_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buffer = (StringInfo) PG_GETARG_POINTER(0);
	int			size = buffer->len - buffer->cursor;

	return checked(pq_getmsgbytes(buffer, size), (Size) size);
}

Datum
weir_performance_send(PG_FUNCTION_ARGS)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendbytes(&buffer, VARDATA_ANY(flat), (int) VARSIZE_ANY_EXHDR(flat));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

/* ---- states ---- */

static Datum
writable_state(FunctionCallInfo fcinfo, PerformanceKind kind)
{
	MemoryContext context = aggregate_context(fcinfo);

	if (PG_ARGISNULL(0))
		return performance_expanded_create(context, kind);
	if (performance_writable(PG_GETARG_DATUM(0)) != NULL)
		return PG_GETARG_DATUM(0);
	return performance_expanded_copy(context, PG_GETARG_DATUM(0));
}

pg_noreturn static void
reject_type(FunctionCallInfo fcinfo, int argument, const char *what, const char *hint)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, argument);

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s of type %s cannot be read here", what, OidIsValid(type) ? format_type_be(type) : "unknown"),
			 errhint("%s", hint)));
}

/* Makes the readers of the two arguments at the first call; they live with the call site. */
static void *
readers(FunctionCallInfo fcinfo, Size size)
{
	return fcinfo->flinfo->fn_extra != NULL ? fcinfo->flinfo->fn_extra : MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, size);
}

static void
number_reader(FunctionCallInfo fcinfo, ValueReader *reader, int argument, const char *what)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, argument);

	if (!OidIsValid(type) || type == UNKNOWNOID || !value_reader_init(reader, type, SUMMARY_NUMERIC, fcinfo->flinfo->fn_mcxt))
		reject_type(fcinfo, argument, what, "Pass a number.");
}

static double
read_number(FunctionCallInfo fcinfo, const ValueReader *reader, int argument)
{
	return performance_number(reader, PG_GETARG_DATUM(argument), PG_ARGISNULL(argument));
}

/* ---- binary ---- */

typedef struct BinaryReaders
{
	OutcomeReader label;
	ValueReader score;
} BinaryReaders;

Datum
weir_binary_performance_accumulate(PG_FUNCTION_ARGS)
{
	BinaryReaders *reader = readers(fcinfo, sizeof(BinaryReaders));
	Datum		state = writable_state(fcinfo, PERFORMANCE_BINARY);
	Outcome		label;
	bool		valid;

	if (fcinfo->flinfo->fn_extra == NULL)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 1);

		if (!OidIsValid(type) || type == UNKNOWNOID || !outcome_reader_init(&reader->label, type, NULL, fcinfo->flinfo->fn_mcxt))
			reject_type(fcinfo, 1, "label", "Pass a boolean or a number that is 0 or 1: for a category write label = 'value'.");
		number_reader(fcinfo, &reader->score, 2, "score");
		fcinfo->flinfo->fn_extra = reader;
	}
	label = outcome_reader_read(&reader->label, PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1), PG_ARGISNULL(1), &valid);
	if (!valid)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("label is neither 0 nor 1"),
				 errhint("For more than two classes see weir.class_performance(label, prediction).")));
	performance_add_binary(performance_writable(state), label == OUTCOME_UNKNOWN ? -1 : (int) label,
						   read_number(fcinfo, &reader->score, 2));
	PG_RETURN_DATUM(state);
}

/* ---- classes ---- */

Datum
weir_class_performance_accumulate(PG_FUNCTION_ARGS)
{
	const ClassReaders *reader = class_readers(fcinfo);
	Datum		state = writable_state(fcinfo, PERFORMANCE_CLASS);
	char	   *names[2];
	size_t		lengths[2];

	for (int side = 0; side < 2; side++)
		names[side] = read_class_name(fcinfo, &reader->sides[side], 1 + side, &lengths[side]);
	performance_add_class(performance_writable(state), names[0], lengths[0], names[1], lengths[1]);
	PG_RETURN_DATUM(state);
}

/* ---- regression ---- */

Datum
weir_regression_performance_accumulate(PG_FUNCTION_ARGS)
{
	ClassReaders *reader = readers(fcinfo, sizeof(ClassReaders));
	Datum		state = writable_state(fcinfo, PERFORMANCE_REGRESSION);

	if (fcinfo->flinfo->fn_extra == NULL)
	{
		number_reader(fcinfo, &reader->sides[0], 1, "label");
		number_reader(fcinfo, &reader->sides[1], 2, "prediction");
		if (reader->sides[0].unit != reader->sides[1].unit)
			reject_type(fcinfo, 2, "prediction", "Label and prediction must both be numbers, both durations or both times.");
		fcinfo->flinfo->fn_extra = reader;
	}
	performance_add_regression(performance_writable(state), !PG_ARGISNULL(1), read_number(fcinfo, &reader->sides[0], 1),
							   read_number(fcinfo, &reader->sides[1], 2));
	PG_RETURN_DATUM(state);
}

/* ---- merging ---- */

Datum
weir_performance_combine(PG_FUNCTION_ARGS)
{
	Datum		state;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (PG_ARGISNULL(0))
		PG_RETURN_DATUM(performance_expanded_copy(aggregate_context(fcinfo), PG_GETARG_DATUM(1)));
	state = writable_state(fcinfo, PERFORMANCE_BINARY);
	performance_check_status(performance_merge(performance_writable(state), performance_borrow(PG_GETARG_DATUM(1))));
	PG_RETURN_DATUM(state);
}

Datum
weir_performance_add(PG_FUNCTION_ARGS)
{
	Performance *result = performance_from_datum(allocator_in(CurrentMemoryContext), PG_GETARG_DATUM(0));

	performance_check_status(performance_merge(result, performance_borrow(PG_GETARG_DATUM(1))));
	PG_RETURN_DATUM(performance_to_datum(result));
}

Datum
weir_performance_subtract(PG_FUNCTION_ARGS)
{
	Performance *result = performance_from_datum(allocator_in(CurrentMemoryContext), PG_GETARG_DATUM(0));

	performance_check_status(performance_subtract(result, performance_borrow(PG_GETARG_DATUM(1))));
	PG_RETURN_DATUM(performance_to_datum(result));
}

Datum
weir_performances_equal(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(performance_equal(performance_borrow(PG_GETARG_DATUM(0)), performance_borrow(PG_GETARG_DATUM(1))));
}
