/*
 * time_weighted.h
 *		The integral of a value over time, and its mean weighted by how long it held.  Plain C.
 *
 * Between two observations the value is the earlier one (step: last observation carried forward), or lies on the line between them
 * (linear, the trapezoidal rule).  A summary is of a range of time: summaries of ranges that do not overlap can be merged.
 */
#ifndef WEIR_TIME_WEIGHTED_H
#define WEIR_TIME_WEIGHTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "series/points.h"
#include "summary/double_double.h"

typedef struct TimeWeighted
{
	bool		linear;
	bool		seconds;		/* times are microseconds, and counted in seconds */
	int64_t		n;				/* observations */
	int64_t		first_time;
	int64_t		last_time;
	double		first_value;
	double		last_value;
	DoubleDouble integral;		/* value times ticks, from the first to the last */
} TimeWeighted;

/* Of at least one point, sorted, without ties. */
extern void time_weighted_of_points(TimeWeighted *result, const Points *points, bool linear, bool seconds);

/* a := a and then b; false when b does not begin at or after the end of a, or they differ in kind. */
extern bool time_weighted_append(TimeWeighted *a, const TimeWeighted *b);

/*
 * Extends the range to since and until. Before the first value: what previous (may be NULL) says of it.  After the last: by step
 * the last value; on a line towards the first value of following; else the range ends with its last value.
 */
extern void time_weighted_extend(TimeWeighted *weighted, int64_t since, int64_t until, const TimeWeighted *previous,
								 const TimeWeighted *following);

/* In value times seconds (or units of time); the mean over a range without length is its last value. */
extern double time_weighted_integral(const TimeWeighted *weighted);
extern double time_weighted_mean(const TimeWeighted *weighted);

#endif
