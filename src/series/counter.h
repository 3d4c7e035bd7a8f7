/*
 * counter.h
 *		Counters, which only rise but fall to zero when their process restarts, and gauges, which do as they like.  Plain C.
 *
 * A fall of a counter is a reset: it counts as having risen from zero to the new value.  A summary is of a range of time: summaries
 * of ranges that do not overlap can be merged.
 */
#ifndef WEIR_COUNTER_H
#define WEIR_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "series/points.h"
#include "summary/double_double.h"

typedef struct Counter
{
	bool		gauge;
	bool		seconds;		/* times are microseconds, and counted in seconds */
	int64_t		n;				/* observations */
	int64_t		resets;			/* of a gauge: falls */
	int64_t		changes;		/* observations that differ from the one before */
	int64_t		first_time;
	int64_t		previous_time;	/* of the last but one; equal to the last when there is one only */
	int64_t		last_time;
	double		first_value;
	double		previous_value;
	double		last_value;
	DoubleDouble increase;		/* from the first to the last, resets made good; of a gauge the plain difference */
} Counter;

/* Of at least one point, sorted. */
extern void counter_of_points(Counter *result, const Points *points, bool gauge, bool seconds);

/* a := a and then b; false when b does not begin at or after the end of a, or they differ in kind. */
extern bool counter_append(Counter *a, const Counter *b);

/* False when undefined: fewer than two observations, or no time between them. Per second (or unit of time). */
extern bool counter_increase(const Counter *counter, double *result);
extern bool counter_rate(const Counter *counter, double *result);
extern bool counter_instant_rate(const Counter *counter, double *result); /* between the last two */

/*
 * The increase over [since, until], though the first and last observation lie inside: as Prometheus extrapolates it.  To a bound
 * that is nearer than 1.1 times the mean distance of observations the slope is carried on all the way, else over half that
 * distance; and a counter not further back than to where it would be zero.
 */
extern bool counter_extrapolated_increase(const Counter *counter, int64_t since, int64_t until, double *result);

#endif
