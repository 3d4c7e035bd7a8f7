/*
 * intervals.h
 *		Conformal intervals of regression: how far off a learner was of late, asked about each row before it learned it.
 */
#ifndef WEIR_INTERVALS_H
#define WEIR_INTERVALS_H

#include "learn/archive.h"

typedef struct Intervals
{
	int			window;			/* errors kept; 0: none are */
	double		coverage;
	double		adaptation;
	int			n;
	int			next;			/* where the next error goes */
	double	   *errors;			/* as they came: the oldest makes room */
	double	   *sorted;
	double		miss;			/* the share of misses aimed at now, so that in the long run 1 - coverage are */
} Intervals;

extern void intervals_start(Allocator allocator, Intervals *intervals, int window, double coverage, double adaptation);
extern void intervals_free(Allocator allocator, Intervals *intervals);

/* The learner said that, and this was the target. */
extern void intervals_add(Intervals *intervals, double said, double target);

/*
 * How far targets are from what is said, in so many of all rows; NaN coverage: that asked for, adapted. Infinite while too few
 * errors are known to tell.
 */
extern double intervals_width(const Intervals *intervals, double coverage);
extern void archive_intervals(Archive *archive, Intervals *intervals);

#endif
