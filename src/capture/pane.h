/*
 * pane.h
 *		Panes in the capture worker's memory: what changed since the last flush, and what the table holds of hot ones.
 *
 * Rows removed are kept apart from rows added: a flush writes base + added - removed, the base being the pane as the table has it.
 * So a retraction that arrives before its pane was read from the table needs no special case.  Once the base is in memory, rows
 * are added to it directly.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_PANE_H
#define WEIR_CAPTURE_PANE_H

#include "postgres.h"

#include "capture/batch.h"
#include "capture/definition.h"
#include "capture/segment.h"
#include "lib/ilist.h"
#include "nodes/bitmapset.h"

#define PANE_INEXACT 1 /* a change arrived that could not be taken back */
#define PANE_RETAINED 2 /* holds rows that the table has deleted */
#define PANE_STALE 4 /* a large transaction was not folded; a rebuild is under way */
#define PANE_INCOMPLETE 8 /* of rows that are kept for a build, or will be: the pane has lost more than these, see build_kept.c */

/* Summaries of some rows. */
typedef struct PanePart
{
	int64		n;
	int64		n_labelled;
	Batch		batch;			/* rows counted in n whose values are not in the summaries yet */
	Summary	  **summaries;		/* NULL until there is a row */
	FairnessTable **fairness;
	Bitmapset  *unknown;		/* columns whose summaries lack rows: they were added to the monitor later */
} PanePart;

typedef struct PaneKey
{
	int			monitor_id;
	int			generation;		/* 0: live; above: the build; below: of a transaction in progress, see partial.h */
	TimestampTz start;
	Segment	   *segment;
} PaneKey;

/* What each row touches comes first. */
typedef struct Pane
{
	PaneKey		key;
	CapturedMonitor *monitor;
	TimestampTz late_after;		/* a row is late when the watermark has passed this */
	bool		dirty;
	bool		loaded;			/* base is what the table has */
	bool		is_kept;		/* rows that were deleted and are kept for a build */
	int			marks;
	int64		n_late;
	PanePart	added;			/* since the last flush, unless the base is loaded */
	PanePart	base;			/* live: the pane; shadow: all added since the cut; in progress: rows deleted, and kept */
	PanePart	removed;		/* since the last flush */
	PanePart	base_removed;	/* shadow only: all removed since the cut */
	dlist_node	node;			/* of the dirty, the clean, or its owner's list */
	TimestampTz flushed_at;
	int64		flushed_n;		/* rows it had then */
} Pane;

extern void pane_init(MemoryContext parent);

/* Finds or makes a pane. */
extern Pane *pane_get(CapturedMonitor *monitor, int generation, TimestampTz start, Segment *segment);

/* Where rows are added now. */
static inline PanePart *
pane_part_to_add(Pane *pane)
{
	return pane->loaded ? &pane->base : &pane->added;
}

/* Empty summaries in the part when it has none yet. */
extern void pane_part_open(CapturedMonitor *monitor, PanePart *part);
extern void pane_part_close(CapturedMonitor *monitor, PanePart *part);

extern void pane_part_set_unknown(PanePart *part, int column);

/* Room for one more row in the part's batch. */
extern void pane_part_make_room(CapturedMonitor *monitor, PanePart *part);

/* One more row there, for all values of the monitor. */
static inline char *
pane_part_begin_row(CapturedMonitor *monitor, PanePart *part)
{
	if (part->batch.n_rows == part->batch.capacity)
		pane_part_make_room(monitor, part);
	return batch_begin_row(&part->batch, monitor);
}

/* Folds what is gathered; whoever reads the summaries of a part calls it before. */
extern void pane_part_settle(CapturedMonitor *monitor, PanePart *part);

/* into := into + from, or into - from. */
extern void pane_part_merge(CapturedMonitor *monitor, PanePart *into, PanePart *from);
extern void pane_part_subtract(CapturedMonitor *monitor, PanePart *into, PanePart *from);

/* Like merge, but empties from, whose memory may become into's. */
extern void pane_part_move(CapturedMonitor *monitor, PanePart *into, PanePart *from);

/* Bytes that its summaries take. */
extern size_t pane_part_memory(CapturedMonitor *monitor, const PanePart *part);

/* Same multiset of rows, as far as both can tell. difference (may be NULL) names the first that is not, in the current memory
 * context. */
extern bool pane_part_equal(CapturedMonitor *monitor, PanePart *a, PanePart *b, char **difference);

extern void pane_mark_dirty(Pane *pane);

/* The panes that changed since the last flush: Pane by node. */
extern dlist_head *pane_dirty_list(void);
extern int	pane_n_dirty(void);

/* While a flush goes on: gives up the summaries of a pane that was just written, when memory is short. */
extern void pane_written(Pane *pane, size_t memory_budget);

/*
 * After a flush was committed: dirty panes become clean; those that were flushed longest ago are forgotten, down to part of the
 * budget, and so are those that nobody needed for a minute.
 */
extern void pane_flushed(size_t memory_budget);

/* Forgets panes of a monitor: one generation of it, or all but those of transactions in progress (generation -1). Flush first:
 * what is not flushed is lost. */
extern void pane_forget(int monitor_id, int generation);

/* Forgets one pane, wherever it is listed. */
extern void pane_remove(Pane *pane);

/* The monitor's table was emptied, and its panes keep that: marks those in memory, live ones and rows kept for builds. */
extern void pane_mark_retained(int monitor_id);

/* Forgets everything. */
extern void pane_reset(void);

extern size_t pane_memory(void);

extern Allocator pane_allocator(void);

#endif
