/*
 * learner_spool.h
 *		Changes of rows in order, in memory up to some size, then in a temporary file.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_LEARNER_SPOOL_H
#define WEIR_CAPTURE_LEARNER_SPOOL_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "storage/buffile.h"
#include "utils/hsearch.h"

/* Of a change that is gathered. */
typedef struct SpoolHeader
{
	int			learner_id;
	int			length;
	TransactionId xid;
} SpoolHeader;

/* Changes in order: the older ones in the file, the rest in memory. */
typedef struct Spool
{
	TransactionId xid;			/* of a stream: the top transaction's */
	MemoryContext context;		/* NULL: nothing is there */
	BufFile	   *file;
	StringInfoData bytes;
	HTAB	   *aborted;		/* of a stream: subtransactions that were rolled back; NULL: none */
} Spool;

extern void spool_put(Spool *spool, const SpoolHeader *header, const char *bytes);
extern bool spool_is_empty(const Spool *spool);

/* Forgets everything. */
extern void spool_close(Spool *spool);

/* Reads a spool from its begin; nothing may be put there meanwhile. */
typedef struct SpoolScan
{
	Spool	   *spool;
	bool		in_file;
	int			cursor;			/* in memory */
	char	   *buffer;
	int			capacity;
} SpoolScan;

extern void spool_scan_begin(SpoolScan *scan, Spool *spool);

/* The next change; its bytes are good until the next call. */
extern bool spool_scan_next(SpoolScan *scan, SpoolHeader *header, const char **bytes);

#endif
