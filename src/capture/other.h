/*
 * other.h
 *		Too many segments: which are kept, and putting the others together.  Inside this room only; within a transaction and an SPI
 *		scope, where nothing else is said.
 *
 * Every monitor has a limit for the hashes of its segments.  Those at or below it are kept, the rows of all others count for
 * one segment without values, SEGMENT_OTHER: so it does not matter which came first.  Where a slice of event time has more
 * segments than option max_groups, the limit falls, in halves, in the transaction of a flush that also merges the live panes
 * above it.  From then on rows find their pane by the new one.  What lies elsewhere is mapped when it is put into the live
 * panes: partial panes at commit, a build's at the end of its slice.  It rises only where all panes are built anew.
 */
#ifndef WEIR_CAPTURE_OTHER_H
#define WEIR_CAPTURE_OTHER_H

#include "postgres.h"

#include "capture/pane.h"

/* A pane is about to be written that the table does not have: its slice is looked at when all are.  Anywhere. */
extern void other_note_new(const Pane *pane);

/* Lets the limit fall where the slices noted have too many segments; those whose monitor's state is locked are looked at again. */
extern void other_limit_noted(List *monitors);

/* The same for a range of live panes.  Everything must be flushed.  False when somebody has the monitor's state locked. */
extern bool other_limit(CapturedMonitor *monitor, TimestampTz since, TimestampTz until);

/* The panes of a slice that was read count by the lower of its limit and the monitor's. */
extern void other_adopt(CapturedMonitor *monitor, const ActiveBuild *slice);

/* The builder's side: its panes so far, which are all written; the limit is told with the slice. */
extern void other_limit_generation(CapturedMonitor *monitor, int generation);

#endif
