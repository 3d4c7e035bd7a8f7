/*
 * counts.h
 *		Counts that neither overflow nor fall below zero.  Plain C, private to this room.
 */
#ifndef WEIR_COUNTS_H
#define WEIR_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

/* Low enough that a sum of several counts still fits 64 bits; no data reaches it, only forged input can. */
#define COUNT_LIMIT (INT64_MAX / 16)

/* False when the limit was hit. */
static inline bool
add_count(int64_t *count, int64_t other)
{
	*count += other;
	if (*count <= COUNT_LIMIT)
		return true;
	*count = COUNT_LIMIT;
	return false;
}

/* False when the count would have fallen below zero. */
static inline bool
subtract_count(int64_t *count, int64_t other)
{
	*count -= other;
	if (*count >= 0)
		return true;
	*count = 0;
	return false;
}

#endif
