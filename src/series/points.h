/*
 * points.h
 *		Values with their times, in any order as they come, sorted when they are read.  Plain C.
 *
 * Of several values at one time the order is ascending, so that what follows from points does not depend on the order they came in.
 */
#ifndef WEIR_POINTS_H
#define WEIR_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"

typedef struct Point
{
	int64_t		time;
	double		value;
} Point;

typedef struct Points
{
	Allocator	allocator;
	size_t		n;
	size_t		capacity;
	bool		unsorted;
	Point	   *points;
} Points;

extern void points_init(Points *points, Allocator allocator);
extern void points_free(Points *points);
extern void points_add(Points *points, int64_t time, double value);
extern void points_append(Points *points, const Point *others, size_t n);

/* By time, then value. */
extern void points_sort(Points *points);

/*
 * The points with the values of one time merged into their mean: the given ones when there are no such times, else new ones that
 * are never freed.  The points must be sorted.
 */
extern const Points *points_without_ties(const Points *points);

/*
 * Sample autocorrelation of the values in the order of time, at distance lag: the sum of products of deviations from the mean over
 * the sum of squares (statsmodels' acf); false when it is undefined.  The points must be sorted.
 */
extern bool points_autocorrelation(const Points *points, int64_t lag, double *result);

#endif
