/*
 * exact_sum.h
 *		An exact sum of doubles, or of products of two doubles.  Plain C, private to this room.
 *
 * A finite double is an integer times 2^-1074, a product of two an integer times 2^-2148.  The sum is that integer in digits of 32
 * bits, each in a signed word with room for carries (Neal 2015, "small superaccumulator"), of which only those are there that the
 * data has reached.  Nothing is rounded, so neither order nor what was added and taken back leaves a trace.
 */
#ifndef WEIR_EXACT_SUM_H
#define WEIR_EXACT_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"
#include "summary/wide_integer.h"

typedef struct ExactSum
{
	int			low;			/* digit i is worth 2^(32 (low + i)) units */
	int			n;				/* digits; 0: the sum is 0 and nothing is allocated */
	int			n_added;		/* since carries were last propagated */
	int64_t	   *digits;
} ExactSum;

/* The most words of 64 bits that a sum of doubles, and of products, can reach. */
#define EXACT_SUM_WORDS 36
#define EXACT_PRODUCT_WORDS 70

extern void exact_sum_free(ExactSum *sum, Allocator allocator);
extern void exact_sum_copy(ExactSum *into, Allocator allocator, const ExactSum *from);
extern size_t exact_sum_memory(const ExactSum *sum);

/* Finite values. */
extern void exact_sum_add(ExactSum *sum, Allocator allocator, double value, bool subtract);
extern void exact_sum_add_product(ExactSum *sum, Allocator allocator, double a, double b, bool subtract);
extern void exact_sum_merge(ExactSum *into, Allocator allocator, ExactSum *from, bool subtract);

/* The sum as sign and magnitude, times 2^(64 low) units; its lowest word is not 0. */
extern void exact_sum_get(ExactSum *sum, WideInteger *result, int *low);

/* Of magnitude words below the limit above. */
extern void exact_sum_set(ExactSum *sum, Allocator allocator, const WideInteger *value, int low);

#endif
