/*
 * learner_spool.c
 *		Changes of rows in order, in memory up to some size, then in a temporary file.
 */
#include "postgres.h"

#include "capture/learner_spool.h"
#include "utils/memutils.h"

#define MOST_IN_MEMORY (1024 * 1024)

static void
open_spool(Spool *spool)
{
	MemoryContext old;

	if (spool->context != NULL)
		return;
	spool->context = AllocSetContextCreate(TopMemoryContext, "weir learner changes", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(spool->context);
	initStringInfo(&spool->bytes);
	MemoryContextSwitchTo(old);
}

void
spool_close(Spool *spool)
{
	if (spool->file != NULL)
		BufFileClose(spool->file);
	if (spool->context != NULL)
		MemoryContextDelete(spool->context);
	spool->file = NULL;
	spool->context = NULL;
	spool->aborted = NULL;
}

void
spool_put(Spool *spool, const SpoolHeader *header, const char *bytes)
{
	MemoryContext old;

	open_spool(spool);
	appendBinaryStringInfo(&spool->bytes, (const char *) header, sizeof(SpoolHeader));
	appendBinaryStringInfo(&spool->bytes, bytes, header->length);
	if (spool->bytes.len < MOST_IN_MEMORY)
		return;
	old = MemoryContextSwitchTo(spool->context);
	if (spool->file == NULL)
		spool->file = BufFileCreateTemp(true);
	BufFileWrite(spool->file, spool->bytes.data, spool->bytes.len);
	resetStringInfo(&spool->bytes);
	MemoryContextSwitchTo(old);
}

void
spool_scan_begin(SpoolScan *scan, Spool *spool)
{
	*scan = (SpoolScan){.spool = spool, .in_file = spool->file != NULL};
	if (scan->in_file && BufFileSeek(spool->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not rewind a temporary file of rows to be learned: %m")));
}

/* False at the end of the file; a file ends behind a whole change. */
static bool
read_file(BufFile *file, void *target, size_t size)
{
	size_t		n = BufFileRead(file, target, size);

	if (n != size && n != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not read a temporary file of rows to be learned: %m")));
	return n == size;
}

bool
spool_scan_next(SpoolScan *scan, SpoolHeader *header, const char **bytes)
{
	StringInfo	memory = &scan->spool->bytes;

	if (scan->in_file)
	{
		if (read_file(scan->spool->file, header, sizeof(SpoolHeader)))
		{
			if (header->length > scan->capacity)
			{
				scan->capacity = Max(1024, 2 * header->length);
				scan->buffer = scan->buffer == NULL ? palloc(scan->capacity) : repalloc(scan->buffer, scan->capacity);
			}
			(void) read_file(scan->spool->file, scan->buffer, header->length);
			*bytes = scan->buffer;
			return true;
		}
		scan->in_file = false;
	}
	if (scan->spool->context == NULL || scan->cursor >= memory->len)
		return false;
	memcpy(header, memory->data + scan->cursor, sizeof(SpoolHeader));
	*bytes = memory->data + scan->cursor + sizeof(SpoolHeader);
	scan->cursor += sizeof(SpoolHeader) + header->length;
	return true;
}

bool
spool_is_empty(const Spool *spool)
{
	return spool->context == NULL || (spool->file == NULL && spool->bytes.len == 0);
}
