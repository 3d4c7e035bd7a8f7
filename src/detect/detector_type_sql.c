/*
 * detector_type_sql.c
 *		weir.detector_state: a detector that can be stored and gone on with. Its text form is the stored form in hexadecimal digits.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "detect/detector_datum.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_detector_state_in);
PG_FUNCTION_INFO_V1(weir_detector_state_out);
PG_FUNCTION_INFO_V1(weir_detector_state_recv);
PG_FUNCTION_INFO_V1(weir_detector_state_send);
PG_FUNCTION_INFO_V1(weir_detector);
PG_FUNCTION_INFO_V1(weir_advance_number);
PG_FUNCTION_INFO_V1(weir_advance_boolean);
PG_FUNCTION_INFO_V1(weir_advance_numbers);
PG_FUNCTION_INFO_V1(weir_advance_booleans);
PG_FUNCTION_INFO_V1(weir_signal);
PG_FUNCTION_INFO_V1(weir_detector_stats);

static Datum
detector_datum(Detector *detector)
{
	Size		size = detector_encoded_size(detector);
	struct varlena *result = palloc(add_size(size, VARHDRSZ));

	SET_VARSIZE(result, size + VARHDRSZ);
	detector_encode(detector, (uint8_t *) VARDATA(result));
	detector_free(detector);
	return PointerGetDatum(result);
}

static Detector *
detector_from_bytes(const char *bytes, Size size)
{
	Detector   *detector = NULL;
	DetectorStatus status = detector_decode(allocator_in(CurrentMemoryContext), (const uint8_t *) bytes, size, &detector);

	if (status != DETECTOR_OK)
		detector_refuse(NULL, status, 0);
	return detector;
}

static Detector *
detector_argument(FunctionCallInfo fcinfo)
{
	struct varlena *state = PG_GETARG_VARLENA_PP(0);

	return detector_from_bytes(VARDATA_ANY(state), VARSIZE_ANY_EXHDR(state));
}

/* ---- input and output: decoding is the check ---- */

Datum
weir_detector_state_in(PG_FUNCTION_ARGS)
{
	char	   *digits = PG_GETARG_CSTRING(0);
	Size		n = strlen(digits);
	char	   *bytes = palloc(n / 2 + 1);

	if (n % 2 != 0 || strspn(digits, "0123456789abcdefABCDEF") != n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("invalid input syntax for type weir.detector_state"),
				 errdetail("It is written in hexadecimal digits, as the type's output gives it.")));
	return detector_datum(detector_from_bytes(bytes, hex_decode(digits, n, bytes)));
}

Datum
weir_detector_state_out(PG_FUNCTION_ARGS)
{
	struct varlena *state = PG_GETARG_VARLENA_PP(0);
	Size		size = VARSIZE_ANY_EXHDR(state);
	char	   *digits = palloc(add_size(mul_size(2, size), 1));

	digits[hex_encode(VARDATA_ANY(state), size, digits)] = '\0';
	PG_RETURN_CSTRING(digits);
}

Datum
weir_detector_state_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			size = message->len - message->cursor;

	return detector_datum(detector_from_bytes(pq_getmsgbytes(message, size), (Size) size));
}

Datum
weir_detector_state_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(PG_GETARG_BYTEA_P_COPY(0));
}

/* ---- begin, and go on ---- */

Datum
weir_detector(PG_FUNCTION_ARGS)
{
	return detector_datum(detector_from_arguments(CurrentMemoryContext, fcinfo, 0, "adwin"));
}

/* One value, which may be NULL. */
static Datum
advance(FunctionCallInfo fcinfo, double value)
{
	Detector   *detector;
	DetectorSignal signal;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	detector = detector_argument(fcinfo);
	detector_feed(detector, value, PG_ARGISNULL(1), &signal);
	return detector_datum(detector);
}

Datum
weir_advance_number(PG_FUNCTION_ARGS)
{
	return advance(fcinfo, PG_ARGISNULL(1) ? 0 : PG_GETARG_FLOAT8(1));
}

Datum
weir_advance_boolean(PG_FUNCTION_ARGS)
{
	return advance(fcinfo, PG_ARGISNULL(1) ? 0 : (double) PG_GETARG_BOOL(1));
}

static Datum
advance_array(FunctionCallInfo fcinfo, Oid type)
{
	Detector   *detector = detector_argument(fcinfo);
	DetectorSignal signal;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (type == BOOLOID)
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), BOOLOID, sizeof(bool), true, TYPALIGN_CHAR, &elements, &nulls, &n);
	else
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls,
						  &n);
	for (int i = 0; i < n; i++)
	{
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		detector_feed(detector,
					  nulls[i]              ? 0
						  : type == BOOLOID ? (double) DatumGetBool(elements[i])
											: DatumGetFloat8(elements[i]),
					  nulls[i], &signal);
	}
	return detector_datum(detector);
}

Datum
weir_advance_numbers(PG_FUNCTION_ARGS)
{
	return advance_array(fcinfo, FLOAT8OID);
}

Datum
weir_advance_booleans(PG_FUNCTION_ARGS)
{
	return advance_array(fcinfo, BOOLOID);
}

/* ---- what it says ---- */

Datum
weir_signal(PG_FUNCTION_ARGS)
{
	Detector   *detector = detector_argument(fcinfo);

	if (detector_n_values(detector) == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(detector_signal_name(detector_signal(detector))));
}

Datum
weir_detector_stats(PG_FUNCTION_ARGS)
{
	Detector   *detector = detector_argument(fcinfo);
	TupleDesc	description;
	Datum		values[7];
	bool		nulls[7] = {false};

	(void) get_call_result_type(fcinfo, NULL, &description);
	Assert(description != NULL);
	values[0] = CStringGetTextDatum(detector_name(detector_kind(detector)));
	values[1] = JsonbPGetDatum(detector_options_jsonb(detector_kind(detector), detector_options(detector)));
	nulls[2] = detector_n_values(detector) == 0;
	values[2] = CStringGetTextDatum(detector_signal_name(detector_signal(detector)));
	values[3] = Int64GetDatum(detector_n_values(detector));
	values[4] = Int64GetDatum(detector_n_rows(detector) - detector_n_values(detector));
	values[5] = Int64GetDatum(detector_n_drifts(detector));
	nulls[6] = detector_last_drift(detector) < 0;
	values[6] = Int64GetDatum(detector_last_drift(detector));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}
