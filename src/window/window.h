/*
 * window.h
 *		Where a window begins: one function for tumble, hop, cumulate and for the panes of a monitor.
 *
 * A clock has a size that is either a fixed number of microseconds, or a number of days or of months in a time zone (local calendar,
 * daylight saving respected).  Windows begin at origin + k × size; the default origin is 2000-01-03 00:00 (a Monday) for sizes of
 * days and below, 2000-01-01 for months.
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
	TimestampTz origin;			/* for days and months: a local time, kept as if it were UTC */
	pg_tz	   *zone;			/* NULL = UTC */
} WindowClock;

/*
 * Sets the clock up. Raises 22023 with a hint for sizes that are not positive, or mix months with days or hours.
 * origin NULL: the default one. zone NULL: UTC; an unknown zone raises 22023.
 */
extern void window_clock_init(WindowClock *clock, const Interval *size, const TimestampTz *origin, const char *zone);

/* Begin of the window that contains ts; infinities map to themselves. Needs no catalog: usable while decoding. */
extern TimestampTz window_start(const WindowClock *clock, TimestampTz ts);

/* Begin of the window that follows the one beginning at start. */
extern TimestampTz window_next(const WindowClock *clock, TimestampTz start);

/* True when every window of the coarse clock is a union of whole windows of the fine one. */
extern bool window_divides(const WindowClock *fine, const WindowClock *coarse);

#endif
