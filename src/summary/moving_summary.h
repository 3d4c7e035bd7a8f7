/*
 * moving_summary.h
 *		The summary of a frame that slides over rows: values enter and leave, and what it says equals that of a summary made anew
 *		from the rows of the frame, its level and its extremes too.  Plain C.
 *
 * A Summary forgets what its level cannot tell, so it could not follow when values leave.  Here every value of the frame is
 * kept: numbers in an ordered multiset, beside exact moments; categories in a table without a budget.
 */
#ifndef WEIR_MOVING_SUMMARY_H
#define WEIR_MOVING_SUMMARY_H

#include "summary/summary.h"

typedef struct MovingSummary MovingSummary;

/* with_moments: needed for statistics and snapshots, not for quantiles. */
extern MovingSummary *moving_create(Allocator allocator, SummaryKind kind, SummaryUnit unit, int budget, bool with_moments);
extern void moving_free(MovingSummary *moving);

extern void moving_add_number(MovingSummary *moving, double value);
extern void moving_add_category(MovingSummary *moving, const char *bytes, size_t length);
extern void moving_add_null(MovingSummary *moving);

/* SUMMARY_DIMENSION_MISMATCH changes nothing. */
extern SummaryStatus moving_add_vector(MovingSummary *moving, const double *values, int dimension);

/* False when the value is not in the frame: the caller's frame is made anew then. */
extern bool moving_remove_number(MovingSummary *moving, double value);
extern bool moving_remove_category(MovingSummary *moving, const char *bytes, size_t length);
extern bool moving_remove_null(MovingSummary *moving);

/* False also where the sums would keep traces of it, so large is it beside what stays. */
extern bool moving_remove_vector(MovingSummary *moving, const double *values, int dimension);

/* 0 without vectors. */
extern int	moving_dimension(const MovingSummary *moving);

extern SummaryKind moving_kind(const MovingSummary *moving);
extern SummaryUnit moving_unit(const MovingSummary *moving);

/* As summary_quantile; takes a time that grows with the logarithm of the distinct values. */
extern bool moving_quantile(const MovingSummary *moving, double p, double *result);

/* As summary_statistics; takes a time that does not depend on the frame. */
extern void moving_statistics(const MovingSummary *moving, SummaryStatistics *statistics);

/* The frame as a summary of its own, in memory of that allocator. */
extern Summary *moving_snapshot(const MovingSummary *moving, Allocator allocator);

#endif
