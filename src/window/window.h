/*
 * window.h
 *		Where a window begins: one function for tumble, hop, cumulate and for the panes of a monitor.
 *
 * A clock has a size that is either a fixed number of microseconds, or a number of days or of months in a time zone (local
 *calendar, daylight saving respected).  Windows begin at origin + k × size; the default origin is 2000-01-03 00:00 (a Monday) for
 *sizes of days and below, 2000-01-01 for months; both local in the zone.
 *
 * A calendar window begins at the first instant whose local time is at or past the boundary: where a change of the clocks repeats
 * midnight, at the first of the two; where it skips midnight, at the change.  So windows never overlap and leave no hole.
 */
#ifndef WEIR_WINDOW_H
#define WEIR_WINDOW_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "pgtime.h"

typedef struct WindowClock
{
	int32		months;			/* exactly one of the three is not zero */
	int32		days;			/* calendar days in the zone; in UTC they are 24 hours */
	int64		microseconds;
	TimestampTz origin;			/* for days and months: a local time, kept as if it were UTC; else in [0, microseconds) */
	pg_tz	   *zone;			/* NULL = UTC */
} WindowClock;

/*
 * Sets the clock up. Raises 22023 with a hint for sizes that are not positive, that mix months with days or hours, or days with
 * hours in a zone (in UTC these are 24 hours each).  origin NULL: the default one. zone NULL: UTC; an unknown zone raises 22023.
 */
extern void window_clock_init(WindowClock *clock, const Interval *size, const TimestampTz *origin, const char *zone);

/*
 * Begin of the window that contains ts; infinities map to themselves. Needs no catalog and raises no error: usable while decoding.
 * Where the calendar of timestamptz ends, the first window begins at -infinity.
 */
extern TimestampTz window_start(const WindowClock *clock, TimestampTz ts);

/* Begin of the window that follows the one beginning at start; infinity where the calendar ends. */
extern TimestampTz window_next(const WindowClock *clock, TimestampTz start);

/*
 * True when every window of the coarse clock is a union of whole windows of the fine one.  Where a calendar size in a zone is made
 * of hours or minutes, this looks at the zone's offsets since 1970: local mean times before that fit nothing.
 */
extern bool window_divides(const WindowClock *fine, const WindowClock *coarse);

/* ---- what hop and cumulate need besides ---- */

/* Number of the window that contains ts (finite), 0 being the one that begins at the origin; and the begin of window number index.
 */
extern int64 window_index(const WindowClock *clock, TimestampTz ts);
extern TimestampTz window_boundary(const WindowClock *clock, int64 index);

/* ts + size on the calendar of the zone (NULL: UTC); infinity past its end. */
extern TimestampTz window_add(TimestampTz ts, const Interval *size, pg_tz *zone);

/* The zone of that name, NULL for UTC; an unknown name raises 22023. */
extern pg_tz *window_zone(const char *name);

#endif
