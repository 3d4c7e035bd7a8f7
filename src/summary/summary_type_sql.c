/*
 * summary_type_sql.c
 *		Input and output of weir.summary and weir.quantile_state; + and -.
 *
 * The text form is the stored form in base64 (RFC 4648, with padding): lossless, and the version byte comes first.
 */
#include "postgres.h"

#include "base/base64.h"
#include "base/compat.h"
#include "base/memory.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "summary/summary_datum.h"
#include "summary/summary_object.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_summary_in);
PG_FUNCTION_INFO_V1(weir_summary_out);
PG_FUNCTION_INFO_V1(weir_summary_recv);
PG_FUNCTION_INFO_V1(weir_summary_send);
PG_FUNCTION_INFO_V1(weir_quantile_state_in);
PG_FUNCTION_INFO_V1(weir_quantile_state_out);
PG_FUNCTION_INFO_V1(weir_quantile_state_recv);
PG_FUNCTION_INFO_V1(weir_quantile_state_send);
PG_FUNCTION_INFO_V1(weir_summary_plus);
PG_FUNCTION_INFO_V1(weir_summary_minus);
PG_FUNCTION_INFO_V1(weir_summaries_equal);

/* ---- weir.summary ---- */

/* Decoding is the check: what decodes is stored as it is. */
static Datum
checked_summary(const char *bytes, Size size)
{
	Summary	   *summary;
	struct varlena *result = palloc(add_size(size, VARHDRSZ));

	summary_check_status(summary_decode(allocator_in(CurrentMemoryContext), (const uint8_t *) bytes, size, &summary));
	summary_free(summary);
	SET_VARSIZE(result, size + VARHDRSZ);
	memcpy(VARDATA(result), bytes, size);
	return PointerGetDatum(result);
}

Datum
weir_summary_in(PG_FUNCTION_ARGS)
{
	Size		size;
	char	   *bytes = base64_bytes(PG_GETARG_CSTRING(0), "summary", &size);

	return checked_summary(bytes, size);
}

Datum
weir_summary_out(PG_FUNCTION_ARGS)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));

	PG_RETURN_CSTRING(base64_text(VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat)));
}

Datum
weir_summary_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buffer = (StringInfo) PG_GETARG_POINTER(0);
	int			size = buffer->len - buffer->cursor;

	return checked_summary(pq_getmsgbytes(buffer, size), (Size) size);
}

static Datum
send_bytes(Datum datum)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(datum);
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendbytes(&buffer, VARDATA_ANY(flat), (int) VARSIZE_ANY_EXHDR(flat));
	return PointerGetDatum(pq_endtypsend(&buffer));
}

Datum
weir_summary_send(PG_FUNCTION_ARGS)
{
	return send_bytes(PG_GETARG_DATUM(0));
}

/* ---- weir.quantile_state ---- */

Datum
weir_quantile_state_in(PG_FUNCTION_ARGS)
{
	Size		size;
	char	   *bytes = base64_bytes(PG_GETARG_CSTRING(0), "quantile_state", &size);

	return summary_object_flatten(quantile_object_decode(bytes, size, CurrentMemoryContext));
}

Datum
weir_quantile_state_out(PG_FUNCTION_ARGS)
{
	return weir_summary_out(fcinfo);
}

Datum
weir_quantile_state_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buffer = (StringInfo) PG_GETARG_POINTER(0);
	int			size = buffer->len - buffer->cursor;

	return summary_object_flatten(quantile_object_decode(pq_getmsgbytes(buffer, size), (Size) size, CurrentMemoryContext));
}

Datum
weir_quantile_state_send(PG_FUNCTION_ARGS)
{
	return send_bytes(PG_GETARG_DATUM(0));
}

/* ---- operators ---- */

Datum
weir_summary_plus(PG_FUNCTION_ARGS)
{
	Summary	   *result = summary_from_datum(allocator_in(CurrentMemoryContext), PG_GETARG_DATUM(0));

	summary_check_status(summary_merge(result, summary_borrow(PG_GETARG_DATUM(1))));
	return summary_to_datum(result);
}

Datum
weir_summary_minus(PG_FUNCTION_ARGS)
{
	Summary	   *result = summary_from_datum(allocator_in(CurrentMemoryContext), PG_GETARG_DATUM(0));

	summary_check_status(summary_subtract(result, summary_borrow(PG_GETARG_DATUM(1))));
	return summary_to_datum(result);
}

Datum
weir_summaries_equal(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(summary_equal(summary_borrow(PG_GETARG_DATUM(0)), summary_borrow(PG_GETARG_DATUM(1))));
}
