/*
 * summary_groups.h
 *		What may be told of a summary without telling of few rows, by itself and after what was told before.  Plain C.
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

/*
 * Numbers, of which told was told before: now, or told again where fewer than size values, though some, were added, removed or
 * changed since (at least: a change within a bin does not show).  How many are NULL is told in steps of size from then on.
 */
extern Summary *summary_numbers_after(Allocator allocator, const Summary *told, const Summary *now, int64_t size);

/*
 * Categories, of which told was told before.  How many rows each has is told in steps of size from then on, and so is NULL; one of
 * fewer rows is left out.  What was together as (rare) stays together, with all that is new; where nothing was, what is new is told
 * of size rows.  last is what was told last of each, also of those that are not told now.  NULL, and last unset, when none is left
 * to name, and when there are too many to know them all.
 */
extern Summary *
summary_categories_after(Allocator allocator, const Summary *told, const Summary *now, int64_t size, Summary **last);

#endif
