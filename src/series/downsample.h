/*
 * downsample.h
 *		Fewer points that look alike when they are drawn.  Plain C.
 */
#ifndef WEIR_DOWNSAMPLE_H
#define WEIR_DOWNSAMPLE_H

#include "series/points.h"

/*
 * Largest triangle, three buckets (Steinarsson 2013): the first and the last point, and of each of n - 2 buckets of equal numbers
 * of points the one that spans the largest triangle with the point chosen before and the mean of the next bucket.  Writes the
 * chosen points, at most n, n >= 2; the points must be sorted.
 */
extern size_t downsample_largest_triangle(const Points *points, size_t n, Point *chosen);

/*
 * The smallest and the largest value of each of n / 2 buckets of equal duration, in the order of their times: nothing that stands
 * out is lost.  At most n points, n >= 2; the points must be sorted.
 */
extern size_t downsample_extremes(const Points *points, size_t n, Point *chosen);

#endif
