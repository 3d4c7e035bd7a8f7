/*
 * summary_object.c
 *		weir.summary and weir.quantile_state in memory.
 *
 * Flat form of weir.quantile_state: byte version (1), byte is_array, number of p (4 bytes), the p (8 bytes each), the summary's
 * own form; most significant byte first.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/memory.h"
#include "port/pg_bswap.h"
#include "summary/summary_datum.h"
#include "summary/summary_object.h"

#define REQUEST_VERSION 1
#define REQUEST_HEADER 6
#define REQUEST_MAX_P 65536

/* ---- flattening ---- */

static Size
request_size(const QuantileRequest *request)
{
	return request == NULL ? 0 : REQUEST_HEADER + sizeof(uint64) * (Size) request->n;
}

static void
write_request(const QuantileRequest *request, char *buffer)
{
	uint32		n = pg_hton32((uint32) request->n);

	buffer[0] = REQUEST_VERSION;
	buffer[1] = request->is_array;
	memcpy(buffer + 2, &n, sizeof(n));
	buffer += REQUEST_HEADER;
	for (int i = 0; i < request->n; i++)
	{
		uint64		bits;

		memcpy(&bits, &request->p[i], sizeof(bits));
		bits = pg_hton64(bits);
		memcpy(buffer + i * sizeof(bits), &bits, sizeof(bits));
	}
}

static Size
get_flat_size(ExpandedObjectHeader *header)
{
	SummaryObject *object = (SummaryObject *) header;

	return VARHDRSZ + request_size(object->request) + summary_encoded_size(object->summary);
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated_size)
{
	SummaryObject *object = (SummaryObject *) header;
	char	   *buffer = VARDATA(result);

	if (object->request != NULL)
		write_request(object->request, buffer);
	summary_encode(object->summary, (uint8_t *) buffer + request_size(object->request));
	SET_VARSIZE(result, allocated_size);
}

static const ExpandedObjectMethods methods = {get_flat_size, flatten_into};

Datum
summary_object_flatten(SummaryObject *object)
{
	Size		size = get_flat_size(&object->header);
	void	   *result = palloc(size);

	flatten_into(&object->header, result, size);
	return PointerGetDatum(result);
}

/* ---- making ---- */

SummaryObject *
summary_object_create(MemoryContext parent)
{
	MemoryContext context = object_memory(parent);
	SummaryObject *object = MemoryContextAllocZero(context, sizeof(SummaryObject));

	EOH_init_header(&object->header, &methods, context);
	return object;
}

static bool
is_expanded(Datum datum)
{
	return VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum));
}

static SummaryObject *
expanded_object(Datum datum)
{
	SummaryObject *object = (SummaryObject *) DatumGetEOHP(datum);

	if (object->header.eoh_methods != &methods)
		elog(ERROR, "expanded object is not a summary");
	return object;
}

static Summary *
decode(const char *bytes, Size size, MemoryContext context)
{
	Summary	   *summary;

	summary_check_status(summary_decode(allocator_in(context), (const uint8_t *) bytes, size, &summary));
	return summary;
}

SummaryObject *
summary_object_for_change(Datum datum, MemoryContext parent)
{
	SummaryObject *object;
	struct varlena *flat;

	if (VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(datum)))
		return expanded_object(datum);
	object = summary_object_create(parent);
	if (is_expanded(datum))
		object->summary = summary_copy(allocator_in(object->header.eoh_context), expanded_object(datum)->summary);
	else
	{
		flat = PG_DETOAST_DATUM_PACKED(datum);
		object->summary = decode(VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat), object->header.eoh_context);
		if ((Pointer) flat != DatumGetPointer(datum))
			pfree(flat);
	}
	return object;
}

const Summary *
summary_borrow(Datum datum)
{
	struct varlena *flat;
	Summary	   *summary;

	if (is_expanded(datum))
		return expanded_object(datum)->summary;
	flat = PG_DETOAST_DATUM_PACKED(datum);
	summary = decode(VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat), CurrentMemoryContext);
	if ((Pointer) flat != DatumGetPointer(datum))
		pfree(flat);
	return summary;
}

/* ---- weir.quantile_state ---- */

static void
corrupt_request(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid weir.quantile_state"),
			 errdetail("The bytes are damaged, or were not written by this version of weir.")));
}

static QuantileRequest *
read_request(const char *bytes, Size size, MemoryContext context)
{
	QuantileRequest *request;
	uint32		n;

	if (size < REQUEST_HEADER || bytes[0] != REQUEST_VERSION || (bytes[1] & ~1) != 0)
		corrupt_request();
	memcpy(&n, bytes + 2, sizeof(n));
	n = pg_ntoh32(n);
	if (n > REQUEST_MAX_P || n > (size - REQUEST_HEADER) / sizeof(uint64) || (bytes[1] == 0 && n != 1))
		corrupt_request();
	request = MemoryContextAlloc(context, sizeof(QuantileRequest));
	request->is_array = bytes[1] != 0;
	request->n = (int) n;
	request->p = MemoryContextAlloc(context, sizeof(double) * Max(n, 1));
	for (uint32 i = 0; i < n; i++)
	{
		uint64		bits;

		memcpy(&bits, bytes + REQUEST_HEADER + i * sizeof(bits), sizeof(bits));
		bits = pg_ntoh64(bits);
		memcpy(&request->p[i], &bits, sizeof(bits));
		if (!isnan(request->p[i]) && !(request->p[i] >= 0 && request->p[i] <= 1))
			corrupt_request();
	}
	return request;
}

SummaryObject *
quantile_object_decode(const char *bytes, Size size, MemoryContext parent)
{
	SummaryObject *object = summary_object_create(parent);
	Size		header_size;

	object->request = read_request(bytes, size, object->header.eoh_context);
	header_size = request_size(object->request);
	object->summary = decode(bytes + header_size, size - header_size, object->header.eoh_context);
	return object;
}

SummaryObject *
quantile_object_for_change(Datum datum, MemoryContext parent)
{
	struct varlena *flat;

	if (VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(datum)))
		return expanded_object(datum);
	if (is_expanded(datum))
		datum = summary_object_flatten(expanded_object(datum));
	flat = PG_DETOAST_DATUM_PACKED(datum);
	return quantile_object_decode(VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat), parent);
}

const SummaryObject *
quantile_object_borrow(Datum datum)
{
	if (is_expanded(datum))
		return expanded_object(datum);
	return quantile_object_for_change(datum, CurrentMemoryContext);
}
