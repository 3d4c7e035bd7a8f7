/*
 * summary_datum.c
 *		weir.summary as a value of the server, and back.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/memory.h"
#include "summary/summary_datum.h"
#include "summary/summary_object.h"
#include "utils/memutils.h"

#define MOST_KEPT (1024 * 1024)

Datum
summary_to_datum(const Summary *summary)
{
	static uint8_t *kept = NULL;
	static Size kept_size = 0;
	Size		room = summary_encoding_room(summary);
	uint8_t	   *buffer;
	Size		size;
	struct varlena *result;

	/* Capture encodes thousands at a time. */
	if (room <= MOST_KEPT && room > kept_size)
	{
		if (kept != NULL)
			pfree(kept);
		kept = NULL;
		kept_size = 0;
		kept = MemoryContextAlloc(TopMemoryContext, room);
		kept_size = room;
	}
	buffer = kept != NULL && room <= kept_size ? kept : palloc(room);
	size = summary_encode_in_room(summary, buffer);
	result = palloc(VARHDRSZ + size);
	SET_VARSIZE(result, VARHDRSZ + size);
	memcpy(VARDATA(result), buffer, size);
	if (buffer != kept)
		pfree(buffer);
	return PointerGetDatum(result);
}

Summary *
summary_from_datum(Allocator allocator, Datum datum)
{
	struct varlena *flat;
	Summary	   *summary;

	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return summary_copy(allocator, summary_borrow(datum));
	flat = PG_DETOAST_DATUM_PACKED(datum);
	summary_check_status(summary_decode(allocator, (const uint8_t *) VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat), &summary));
	if ((Pointer) flat != DatumGetPointer(datum))
		pfree(flat);
	return summary;
}

SummaryKind
summary_kind_as_stored(const char *name)
{
	SummaryKind kind;

	if (!summary_kind_of_name(name, &kind))
		elog(ERROR, "unknown kind of summary \"%s\"", name);
	return kind;
}

void
summary_check_status(SummaryStatus status)
{
	switch (status)
	{
		case SUMMARY_OK: break;
		case SUMMARY_KIND_MISMATCH:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("summaries of different kinds cannot be combined"),
					 errdetail("One summarizes numbers, durations, times, categories or vectors, the other another of these."),
					 errhint("weir.kind(summary) and weir.unit(summary) tell which.")));
			break;
		case SUMMARY_DIMENSION_MISMATCH:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION), errmsg("summaries of vectors of different dimensions cannot be combined"),
					 errhint("weir.vector_dimension(summary) tells them.")));
			break;
		case SUMMARY_CORRUPT:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid weir.summary"),
					 errdetail("The bytes are damaged.")));
			break;
		case SUMMARY_VERSION_UNKNOWN:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("weir.summary of an unknown version"),
					 errhint("It was written by a newer version of weir, or is not a summary.")));
			break;
	}
}
