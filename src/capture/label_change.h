/*
 * label_change.h
 *		Keys of predictions and of labels that changed, noted for those who keep them together (weir.label_join).  Inside this room
 *		only.
 *
 * Only keys are noted, never values: whoever reads them looks the rows up under a snapshot of his own that sees the transaction.
 * So neither order nor repetition matters, and what is noted too much does no harm.
 */
#ifndef WEIR_CAPTURE_LABEL_CHANGE_H
#define WEIR_CAPTURE_LABEL_CHANGE_H

#include "postgres.h"

#include "access/htup.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"

/* Reads which tables are joined.  Inside an SPI scope, where definitions are loaded. */
extern void label_change_load(void);

/* Whether the relation, or what it is a part of, is such a table. */
extern bool label_change_is_wanted(Oid relation);

/* What of the relation is a key of such a table; NIL: nothing. */
extern List *label_change_keys(Relation relation, MemoryContext context);

/* Changes that follow belong to this transaction, which is over; or, until it ends, to a top transaction in progress. */
extern void label_change_begin(TransactionId xid);
extern void label_change_begin_stream(TransactionId xid);

/* Of a transaction that was in progress. missed: it began before the tables were known. */
extern void label_change_commit_stream(TransactionId xid, bool missed);
extern void label_change_abort_stream(TransactionId xid);

extern void label_change_note(List *keys, Relation relation, HeapTuple old_tuple, HeapTuple new_tuple);
extern void label_change_note_truncate(int n_relations, const Oid *relations);

/* Whether something is noted that is not written. */
extern bool label_change_is_noted(void);

/* Writes what is noted, in the transaction that stores the position.  Inside an SPI scope. */
extern void label_change_write(void);

/*
 * Once all that was decoded is visible, everything is to be looked at of tables that were not followed before.  Inside an SPI
 * scope.
 */
extern void label_change_follow(void);

#endif
