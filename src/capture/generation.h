/*
 * generation.h
 *		Which generations of panes a row belongs to: the live one, and those of builds that cover it.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_GENERATION_H
#define WEIR_CAPTURE_GENERATION_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "capture/definition.h"

/* A transaction of the stream is about to be folded; end_lsn is where its commit record ends. */
extern void generation_begin(List *monitors, TransactionId xid, XLogRecPtr end_lsn);

/* The i-th generation of the pane that begins at start, -1 when there are no more. */
extern int	generation_of(CapturedMonitor *monitor, TimestampTz start, int i);

/* The i-th build that keeps rows deleted from the pane; NULL when there are no more. */
extern ActiveBuild *generation_keeper(CapturedMonitor *monitor, TimestampTz start, int i);

/* Whether the live pane misses rows until a build is over. */
extern bool generation_is_stale(CapturedMonitor *monitor, TimestampTz start);

#endif
