/*
 * pane.h
 *		Panes in the capture worker's memory: what changed since the last flush, and what the table holds of hot ones.
 *
 * Changes are kept apart by sign: rows added and rows removed, each a plain summary.  At a flush the base (the pane as the table
 *has it) becomes base + added - removed.  So a retraction that arrives before its pane was read from the table needs no special
 *case. Inside this room only.
 */
#ifndef WEIR_CAPTURE_PANE_H
#define WEIR_CAPTURE_PANE_H

#include "postgres.h"

#include "capture/definition.h"

#define PANE_INEXACT 1 /* a change arrived that could not be taken back */
#define PANE_RETAINED 2 /* holds rows that the table has deleted */

/* The values of segment_by of one pane, interned: equal segments are the same pointer. */
typedef struct Segment
{
	int			n;
	char	  **values;			/* NULL: unknown */
	size_t		key_length;
	char	   *key;			/* fairness_key of the values */
} Segment;

/* Summaries of some rows. */
typedef struct PanePart
{
	int64		n;
	int64		n_labelled;
	Summary	  **summaries;		/* NULL until there is a row */
	FairnessTable **fairness;
} PanePart;

typedef struct PaneKey
{
	int			monitor_id;
	int			generation;		/* 0: live; else the build */
	TimestampTz start;
	Segment	   *segment;
} PaneKey;

typedef struct Pane
{
	PaneKey		key;
	CapturedMonitor *monitor;
	TimestampTz late_after;		/* a row is late when the watermark has passed this */
	bool		dirty;
	bool		loaded;			/* base is what the table has */
	int			marks;
	int64		n_late;
	PanePart	added;			/* since the last flush */
	PanePart	removed;
	PanePart	base;			/* live: the pane; shadow: all added since the cut */
	PanePart	base_removed;	/* shadow only: all removed since the cut */
} Pane;

extern void pane_init(MemoryContext parent);

/* Finds or makes a pane; segment values are copied when new. */
extern Pane *pane_get(CapturedMonitor *monitor, int generation, TimestampTz start, int n_segments, char *const *segment_values);

/* Empty summaries in the part when it has none yet. */
extern void pane_part_open(CapturedMonitor *monitor, PanePart *part);
extern void pane_part_close(CapturedMonitor *monitor, PanePart *part);

/* into := into + from, or into - from. */
extern void pane_part_merge(CapturedMonitor *monitor, PanePart *into, const PanePart *from);
extern void pane_part_subtract(CapturedMonitor *monitor, PanePart *into, const PanePart *from);

/* Same multiset of rows, as far as both can tell. difference (may be NULL) names the first that is not, in the current memory
 * context. */
extern bool pane_part_equal(CapturedMonitor *monitor, const PanePart *a, const PanePart *b, char **difference);

extern void pane_mark_dirty(Pane *pane);

/* The panes that changed since the last flush, as a List. */
extern List *pane_dirty_list(void);

/* After a flush was committed: dirty panes become clean; when memory is above the budget, all are forgotten. */
extern void pane_flushed(size_t memory_budget);

/* Forgets panes of a monitor: one generation of it, or all (generation -1). Flush first: what is not flushed is lost. */
extern void pane_forget(int monitor_id, int generation);

/* Marks all panes of a monitor's live generation that are in memory, and makes them dirty. */
extern void pane_mark_live(int monitor_id, int marks);

/* Forgets everything. */
extern void pane_reset(void);

extern size_t pane_memory(void);

extern Allocator pane_allocator(void);

#endif
