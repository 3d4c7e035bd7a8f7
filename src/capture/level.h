/*
 * level.h
 *		Panes grow coarser with age: which pane a time falls into.  Inside this room only.
 *
 * Each level has a size and a bound; panes that begin before the bound have (at least) that size.  Coarser levels end earlier, and
 * every bound is a boundary of its own level's panes, hence of all finer ones: panes never overlap and leave no hole.  Bounds move
 * only in the flush transaction, while no build of the monitor is under way, so all generations of a range have the same panes.
 */
#ifndef WEIR_CAPTURE_LEVEL_H
#define WEIR_CAPTURE_LEVEL_H

#include "postgres.h"

#include "capture/definition.h"

/* Reads the levels of a monitor and keeps them in the context. Inside an SPI scope. */
extern void level_load(CapturedMonitor *monitor, MemoryContext context);

/* The bounds of the pane that contains ts. */
extern void level_find(const CapturedMonitor *monitor, TimestampTz ts, PaneBounds *bounds);

/* Where the pane that contains ts begins; those looked up lately are remembered, each in the place that its time gives. */
static inline TimestampTz
level_place(CapturedMonitor *monitor, TimestampTz ts)
{
	unsigned __int128 number =
		(unsigned __int128) ((uint64) ts - (uint64) monitor->bounds_origin) * monitor->bounds_reciprocal >> 64;
	PaneBounds *bounds = &monitor->recent_bounds[(uint64) number % RECENT_BOUNDS];

	if (ts < bounds->start || ts >= bounds->end)
		level_find(monitor, ts, bounds);
	return bounds->start;
}

/* Where the pane that contains ts begins, or ends; infinities map to themselves. */
extern TimestampTz level_start(const CapturedMonitor *monitor, TimestampTz ts);
extern TimestampTz level_end(const CapturedMonitor *monitor, TimestampTz ts);

/* The first begin of a pane at or after ts. */
extern TimestampTz level_ceiling(const CapturedMonitor *monitor, TimestampTz ts);

/* True, with the end of it, when the pane that begins at start is coarser than the monitor's pane size. */
extern bool level_is_coarse(const CapturedMonitor *monitor, TimestampTz start, TimestampTz *end);

#endif
