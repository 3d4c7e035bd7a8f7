/*
 * fold.h
 *		From a decoded change to the panes it touches.  Inside this room only.
 *
 * Runs inside logical decoding: it reads no table of weir's and calls no function of a user's; errors are real errors.
 */
#ifndef WEIR_CAPTURE_FOLD_H
#define WEIR_CAPTURE_FOLD_H

#include "postgres.h"

#include "access/htup.h"
#include "capture/definition.h"
#include "capture/moves.h"
#include "utils/rel.h"

/* The monitors to serve; the list and its members stay the caller's. Drops what was remembered of relations. */
extern void fold_set_monitors(List *monitors);

/* Tells the time, as exactly as watermarks need it. */
extern void fold_tick(TimestampTz now);

/* Around a transaction of the stream. end_lsn is where its commit record ends. */
extern void fold_begin(TransactionId xid, XLogRecPtr end_lsn);
extern void fold_commit(TimestampTz committed_at);

/*
 * One change; either tuple may be NULL. old_complete: the old tuple has all columns (replica identity full), not just the key's.
 * moves: the delete is half of an update that moves the row to another partition.
 */
extern void fold_change(Relation relation, HeapTuple old_tuple, HeapTuple new_tuple, bool old_complete, MoveAnswer moves);
extern void fold_truncate(int n_relations, const Oid *relations);

/*
 * Changes of a transaction in progress, in blocks: start, changes, stop.  xid is the change's own subtransaction.  They take effect
 * with fold_stream_commit, which is followed by fold_commit.
 */
extern void fold_stream_start(TransactionId top_xid);
extern void fold_stream_stop(void);
extern void fold_stream_change(TransactionId xid, Relation relation, HeapTuple old_tuple, HeapTuple new_tuple, bool old_complete,
							   MoveAnswer moves);
extern void fold_stream_truncate(TransactionId xid, int n_relations, const Oid *relations);
extern void fold_stream_abort(TransactionId top_xid, TransactionId xid);
extern void fold_stream_commit(TransactionId top_xid, XLogRecPtr end_lsn);

/* Rows of them that were committed since the worker began. */
extern uint64 fold_streamed_row_count(void);

/* Rows folded since the worker began. */
extern uint64 fold_row_count(void);

#endif
