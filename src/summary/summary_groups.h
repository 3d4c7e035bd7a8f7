/*
 * summary_groups.h
 *		What may be told of a summary without telling of few rows, and of how many rows two summaries differ.  Plain C.
 */
#ifndef WEIR_SUMMARY_GROUPS_H
#define WEIR_SUMMARY_GROUPS_H

#include "summary/summary.h"

/*
 * A summary in which whatever is told is of at least size rows; NULL where there are fewer, though some.
 *
 * Categories of fewer rows are put together as (rare); where that has fewer, too, the next smallest join it until it has
 * (complementary suppression: else it would follow from the total).  NULL when none is left to name after that, and when not all
 * categories are known.
 *
 * Numbers are put together in ascending order into groups of size rows, each told as its mean (univariate microaggregation,
 * Domingo-Ferrer and Mateo-Sanz 2002), where they are not of one value.  So the mean stays, no extreme is told, and how many values
 * there were is not known any more.  Of vectors, so are the norms.
 *
 * How many are NULL, NaN or infinite stays.
 */
extern Summary *summary_in_groups(Allocator allocator, const Summary *summary, int64_t size);

/* A lower bound of how many rows were added, removed or changed between two summaries of a column. */
extern int64_t summary_rows_changed(Allocator allocator, const Summary *before, const Summary *after);

#endif
