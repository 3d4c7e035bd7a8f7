/*
 * pace.h
 *		When to flush.  Inside this room only.
 *
 * A flush costs WAL: each pane that changed is written whole.  Ordinary loads are flushed every weir.flush_interval.  Where that
 * would write more than half as much as the source does (many panes change at a time), hot panes stay in memory for longer, and
 * nothing is confirmed meanwhile.  While capture is behind, nobody sees the newest rows anyway, and flushes take a fortieth of the
 * time at most, counted from when it was last caught up.
 */
#ifndef WEIR_CAPTURE_PACE_H
#define WEIR_CAPTURE_PACE_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"

/* The stream begins at this position. */
extern void pace_begin(XLogRecPtr position);

/* Everything there was had been read, and there may be more now. */
extern void pace_caught_up(void);

/* Around the transaction of a flush, of so many panes. */
extern void pace_flush_begins(int n_panes);
extern void pace_flush_ended(XLogRecPtr position);

/* Whether what is in memory is to be written now; wanted: somebody waits for it. */
extern bool pace_is_due(XLogRecPtr position, int n_panes, bool caught_up, bool wanted);

/* When pace_is_due is worth asking again, if nothing else happens. */
extern TimestampTz pace_next(void);

/* How long changes have lately waited in memory, at most. */
extern int	pace_interval_ms(void);

#endif
