/*
 * learner_change.h
 *		Rows that learners are to be told of, gathered in the order of commits.  Inside this room only.
 *
 * A learner may take long for a row, so capture does not learn: it writes what changed into weir.learner_change, in the transaction
 *of the position, and a worker learns from there.  So each row is there exactly once, and in one order.  What is gathered is kept
 *in memory up to some size, then in a temporary file, for a transaction may be of any size.
 */
#ifndef WEIR_CAPTURE_LEARNER_CHANGE_H
#define WEIR_CAPTURE_LEARNER_CHANGE_H

#include "postgres.h"

#include "capture/moves.h"
#include "capture/relation_map.h"
#include "capture/row.h"

/* One learner as capture sees it, hung on its monitor. */
typedef struct CapturedLearner
{
	int			learner_id;
	bool		is_followed;	/* what changes is noted, and its worker may know */
	int			n_features;
	CapturedColumn *features;
	bool		has_label;		/* else each row is learned as it is: label is nothing */
	CapturedColumn label;
	char	   *failure;		/* why nothing is noted for it any more; told at the next flush */
	bool		failure_told;
} CapturedLearner;

/* One learner seen from one relation. */
typedef struct LearnerMap
{
	CapturedLearner *learner;
	bool		precedes;		/* its rows are older than columns of the learner, which reads them from the table */
	AttrNumber *features;
	AttrNumber	label;
	int			n_key;			/* columns of the primary key; 0: it has none */
	AttrNumber *key;
	ValueReader *key_readers;
} LearnerMap;

/* The columns of the monitor's learners in the relation; NIL: there are none. */
extern List *learner_change_map(Relation relation, CapturedMonitor *monitor, MemoryContext context);

/* Changes that follow belong to this transaction, which is over; or, until it ends, to a top transaction in progress. */
extern void learner_change_begin(TransactionId xid);
extern void learner_change_begin_stream(TransactionId top_xid);
extern void learner_change_within(TransactionId xid);
extern void learner_change_abort_stream(TransactionId top_xid, TransactionId xid);
extern void learner_change_commit_stream(TransactionId top_xid);

/* Another change of a row, before it is noted for each of its monitors that have learners. */
extern void learner_change_next(void);

/* old_complete: the old row is there, or the row is new. Rows are deformed; either may be NULL. */
extern void learner_change_note(Relation relation, RelationMap *map, MonitorMap *entry, RowImage *old_row, RowImage *new_row,
								bool old_complete, MoveAnswer moves);

/* Whether a top transaction is in progress, some of whose changes have passed. */
extern bool learner_change_is_in_progress(void);

/* Whether something is noted that is not written. */
extern bool learner_change_is_noted(void);

/* Writes a change that is of this transaction, behind all that was noted and written. Inside an SPI scope. */
extern void learner_change_put(int learner_id, const char *bytes, int length);

/* Writes what is noted, in the transaction that stores the position.  Inside an SPI scope. */
extern void learner_change_write(List *monitors);

/* ---- learner_follow.c ---- */

/* Hangs learners on the monitors. Inside an SPI scope, where definitions are loaded. */
extern void learner_change_load(List *monitors, MemoryContext context);

/*
 * True when a learner is new and transactions are in progress whose changes have passed: the worker is to begin again, so that it
 * decodes them anew from their start.
 */
extern bool learner_change_wants_restart(void);

/* So, too, when changes in progress have to be told another way than they were. */
extern void learner_change_decode_anew(void);

/* Whether any monitor has learners. */
extern bool learner_follow_has_any(void);

/* Once all that was decoded is visible, learners that are new begin.  Inside an SPI scope. */
extern void learner_change_follow(List *monitors);

/*
 * Rows have come that no change tells of, with a table that now belongs to the source; link tells how, as weir.source_relation has
 * it.  The monitor's learners have a gap, unless they began later.  Inside an SPI scope.
 */
extern void learner_note_attached(int monitor_id, const char *table, const char *link);

/* Nothing is noted for it any more.  False when somebody has its state locked: then at the next flush. */
extern bool learner_set_aside(int learner_id, const char *reason);

/* The disk must not fill because a learner is slower than its rows come: it is set aside. */
extern void learner_limit_waiting(void);

#endif
