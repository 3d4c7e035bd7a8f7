/*
 * change.h
 *		One change of a row, for one monitor: what it does to the panes of the old row and the new one.  Inside this room only.
 *
 * Runs inside logical decoding, see fold.h.
 */
#ifndef WEIR_CAPTURE_CHANGE_H
#define WEIR_CAPTURE_CHANGE_H

#include "postgres.h"

#include "capture/moves.h"
#include "capture/partial.h"
#include "capture/relation_map.h"
#include "capture/row.h"

/* The transaction that changes are folded for. */
typedef struct FoldedTransaction
{
	TimestampTz now;
	Streamed   *in_progress;	/* NULL: it is over */
	PartialSet *set;			/* of the subtransaction, while it is in progress */
} FoldedTransaction;

/* Either row may be NULL; the rest as in fold_change. */
extern void change_fold(FoldedTransaction *transaction, Relation relation, RelationMap *map, MonitorMap *entry, RowImage *old_row,
						RowImage *new_row, bool old_complete, MoveAnswer moves);

/* Some pane of the monitor is not exact any more, nobody knows which. */
extern void change_mark_inexact(FoldedTransaction *transaction, CapturedMonitor *monitor);

#endif
