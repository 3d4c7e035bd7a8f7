/*
 * slot.h
 *		Care of the replication slot: where to begin, what to confirm, when to let go.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_SLOT_H
#define WEIR_CAPTURE_SLOT_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "capture/gap.h"

/* ---- slot.c: of the worker's own slot, outside any transaction ---- */

/* Weir's own writes are marked with an origin, so that decoding skips them early. */
extern void slot_set_up_origin(void);
extern void slot_forget_origin(Oid database);

/*
 * Where to begin: the stored position, or that of a new slot, where a gap was found and recorded or a monitor is the first one.
 * Waits when capture let go of its slots again and again; InvalidXLogRecPtr when there is no monitor left.
 */
extern XLogRecPtr slot_find_position(void);

/*
 * Tells the slot that everything up to position is stored, by a transaction whose commit record ends at written; where standbys
 * keep a copy of the slot, only when they have that commit too, so that no promoted one finds the slot ahead of its panes.  Never
 * waits: called again and again, with InvalidXLogRecPtr when nothing new is stored.
 */
extern void slot_confirm(XLogRecPtr position, XLogRecPtr written);

/* True when the slot must go: past a budget, or before pg_upgrade. */
extern bool slot_must_go(GapReason *reason);

/* Records the gap, then drops the slot. */
extern void slot_let_go(const GapReason *reason);

/* Without monitors nobody needs the WAL that the slot keeps. */
extern void slot_retire(void);

/* ---- slot_budget.c: what any slot of weir keeps ---- */

typedef struct SlotFacts
{
	bool		exists;
	bool		is_lost;		/* its WAL is gone, or it was idle for too long for the server */
	int			active_pid;		/* 0: nobody holds it */
	XLogRecPtr	restart_lsn;
	XLogRecPtr	confirmed_lsn;
	TransactionId catalog_xmin;
} SlotFacts;

extern const char *slot_name_of(Oid database);
extern void slot_facts(const char *name, SlotFacts *facts);

/* Bytes of changes that decoding has spilled to disk for the slot. */
extern int64 slot_spilled_bytes(const char *name);

/* True when the slot is past a budget; the text is in the current memory context. */
extern bool slot_over_budget(const char *name, const SlotFacts *facts, GapReason *reason);

/*
 * Of the worker's own slot, quickly: whether it is past weir.max_wal; whether so much WAL that is read and not confirmed is too
 * much of it.
 */
extern bool slot_keeps_too_much(void);
extern bool slot_needs_flush(XLogRecPtr unflushed);

/* Where it keeps much, logs a point from which it may begin once that is read and confirmed. */
extern void slot_offer_restart(void);

/* True when it has used more than half of a budget. */
extern bool slot_is_half_way(const SlotFacts *facts);

/* From capture_init, preloaded only. */
extern void slot_guard_init(void);

#endif
