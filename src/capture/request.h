/*
 * request.h
 *		Where the stream comes to the commit of a transaction that asks for a build.  Inside this room only.
 *
 * Capture stops there until it sees what that transaction wrote: so it knows of the build before it decodes what was committed
 * later.  Only where rows are kept for the build, and not for long: while a synchronous standby is silent, what waits for it stays
 * unseen.  What becomes of a build that was passed, build_kept.c says.
 */
#ifndef WEIR_CAPTURE_REQUEST_H
#define WEIR_CAPTURE_REQUEST_H

#include "postgres.h"

#include "access/htup.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* Before a stream is read, inside a transaction. */
extern void request_init(void);

/* What is captured, until it is told anew: builds of monitors that follow deletes are passed. */
extern void request_set_monitors(List *monitors);

/* While decoding: a row was inserted; its (sub)transaction is rolled back after all, or all of it is; it is committed. */
extern void request_note(TransactionId top_xid, TransactionId xid, Relation relation, HeapTuple inserted);
extern void request_abort(TransactionId top_xid, TransactionId xid);
extern void request_commit(TransactionId top_xid);

/* The stream stands at such a commit. */
extern bool request_is_pending(void);

/*
 * What it wrote is not seen yet: the stream has to stand still.  False when it is seen, none is pending, or has been for too long:
 * then it is pending no more.
 */
extern bool request_must_wait(Snapshot snapshot);

/* The builds that were asked for, int[]. */
extern ArrayType *request_builds(void);

/* What was asked for is known: the stream may go on. */
extern void request_taken(void);

#endif
