/*
 * partial.h
 *		Partial panes of transactions in progress, folded before anybody knows whether they commit.  Inside this room only.
 *
 * What a subtransaction changed may still be taken back, alone, so each has a set of its own; all wait for the top transaction,
 * because no record in WAL tells that a subtransaction became its parent's.  A set is a generation of panes below 0.  When there
 * are many subtransactions (a loop with an exception handler makes millions), those not used lately are joined with the top
 * transaction's own set; should one of them be taken back after all, or should the partial panes take more memory than they may,
 * the transaction is given up: only the ranges of event time it touched are remembered, and after its commit those are rebuilt
 * from the table.
 *
 * A TRUNCATE may be taken back too.  It begins a new epoch; sets belong to the epoch in which their changes came, and at commit
 * those before the last TRUNCATE that is left are dropped.
 *
 * partial.c has the sets, partial_given_up.c what is left of a transaction that is given up, partial_definitions.c what is left of
 * them all when definitions change.
 */
#ifndef WEIR_CAPTURE_PARTIAL_H
#define WEIR_CAPTURE_PARTIAL_H

#include "postgres.h"

#include "capture/pane.h"
#include "utils/hsearch.h"

/* What a set would tell a monitor's state. */
typedef struct PartialTotals
{
	int			monitor_id;
	CapturedMonitor *monitor;
	TimestampTz watermark;		/* DT_NOBEGIN: none */
	int64		n_untimed;
	bool		inexact;
} PartialTotals;

typedef struct PartialSet
{
	dlist_node	node;			/* those used lately last */
	TransactionId xid;
	int			epoch;
	int			number;			/* generation of its panes, below 0 */
	uint64		n_rows;
	dlist_head	panes;			/* Pane by node */
	List	   *totals;			/* PartialTotals */
	List	   *put_away;		/* MarkedPane, while definitions are loaded */
} PartialSet;

typedef struct PartialTruncation
{
	TransactionId xid;
	int			epoch;			/* that it began */
	int			monitor_id;
	Oid			part;			/* of the source, a partition or child; InvalidOid: all of it */
} PartialTruncation;

/* A range of event time, of whole panes. */
typedef struct TouchedRange
{
	TimestampTz since;
	TimestampTz until;
} TouchedRange;

#define MOST_RANGES 8

/* What a transaction that was given up touched of a monitor. */
typedef struct TouchedMonitor
{
	int			monitor_id;
	int			n_ranges;
	TouchedRange ranges[MOST_RANGES + 1];
} TouchedMonitor;

typedef struct Streamed
{
	TransactionId xid;			/* the top transaction's */
	int			epoch;
	int			n_sets;
	dlist_head	sets;			/* PartialSet by node */
	List	   *truncations;	/* PartialTruncation */
	HTAB	   *joined;			/* subtransactions without a set of their own any more; NULL: none */
	List	   *relations;		/* Oids of what it changed */
	bool		given_up;
	List	   *touched;		/* TouchedMonitor, once it is given up */
	bool		definitions_changed; /* while it was in progress */
	List	   *known_monitors; /* ids of those that were served all the time; only if so */
} Streamed;

extern void partial_init(MemoryContext parent);

/* The transaction with this id; made when there is none and create says so. */
extern Streamed *partial_transaction(TransactionId xid, bool create);

/* All of them (Streamed). */
extern List *partial_transactions(void);

/* Where changes of a subtransaction go now. */
extern PartialSet *partial_set(Streamed *streamed, TransactionId xid);
extern Pane *partial_pane(PartialSet *set, CapturedMonitor *monitor, TimestampTz start, Segment *segment);
extern PartialTotals *partial_totals(PartialSet *set, CapturedMonitor *monitor);

extern void partial_note_relation(Streamed *streamed, Oid relation);
extern void partial_truncate(Streamed *streamed, TransactionId xid, int monitor_id, Oid part);

/* From now on only what it touched is remembered.  Marks that a rebuild could not tell stay. */
extern void partial_give_up(Streamed *streamed);

/* Of a transaction that was given up: it touched the pane [since, until) of the monitor. */
extern void partial_touch(Streamed *streamed, int monitor_id, TimestampTz since, TimestampTz until);

/* What it touched of a monitor, NULL when nothing. */
extern TouchedMonitor *partial_touched(const Streamed *streamed, int monitor_id);

/* The last epoch that a whole truncation of the monitor began, 0 when there is none. */
extern int	partial_first_epoch(const Streamed *streamed, int monitor_id);

/* The subtransaction, or all when it is the top one, never happened. */
extern void partial_abort(Streamed *streamed, TransactionId xid);

/* Everything of it is merged, or nothing is wanted of it. */
extern void partial_forget(Streamed *streamed);

/* Gives up transactions, the largest first, until partial panes take no more memory than this; after every block of changes. */
extern void partial_limit(size_t memory);

/* The same while many panes are new. */
extern void partial_limit_now_and_then(size_t memory);

/*
 * Definitions are about to be freed, and all panes with them: transactions in progress are given up.  Their ranges are complete
 * for the monitors served until now, for others nothing is known of them.  What no rebuild could tell, marks and totals, is put
 * away, and taken up again for the monitors that there are then.
 */
extern void partial_give_up_all(List *monitors);
extern void partial_take_up(List *monitors);

/* Whether a transaction in progress has changed the monitor's table.  Inside a transaction. */
extern bool partial_touches_source(const CapturedMonitor *monitor);

/* Transactions given up since the worker began. */
extern uint64 partial_given_up_count(void);

extern size_t partial_memory(void);

#endif
