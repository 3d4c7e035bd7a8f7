/*
 * distribution.h
 *		A histogram over the universal binary grid.  Plain C.
 *
 * Each finite double has a key, a 64-bit integer in the same order (neighbouring doubles have neighbouring keys, -0 is 0).  A
 * bin is a key shifted right by the level; the level is the smallest at which the occupied bins fit the budget, so level 0
 * counts every distinct value by itself.  Levels nest, so bins of any two distributions align at the coarser one.
 *
 * The bins are held in a table while single values come in, and in ascending order when they are read or merged; either is
 * made from the other when needed.
 */
#ifndef WEIR_DISTRIBUTION_H
#define WEIR_DISTRIBUTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/allocator.h"
#include "summary/bin_table.h"

#define DISTRIBUTION_ZERO_KEY (UINT64_C(1) << 63)
#define DISTRIBUTION_MIN_KEY (DISTRIBUTION_ZERO_KEY - UINT64_C(0x7fefffffffffffff)) /* -DBL_MAX */
#define DISTRIBUTION_MAX_KEY (DISTRIBUTION_ZERO_KEY + UINT64_C(0x7fefffffffffffff)) /* DBL_MAX */

/* No finite value has this key, at no level. */
#define DISTRIBUTION_NO_KEY UINT64_MAX

/* From level 60 on there are at most 16 bins, the smallest budget. */
#define DISTRIBUTION_MAX_LEVEL 60

typedef struct Distribution
{
	int			level;
	int			n_bins;			/* with a count above 0 */
	int64_t		total;

	bool		in_table;		/* the table holds the bins */
	BinTable	table;

	bool		ordered;		/* sorted holds the bins, ascending */
	int			n_sorted;		/* room in sorted */
	DistributionBin *sorted;
} Distribution;

static inline uint64_t
distribution_key(double value)
{
	uint64_t	bits;
	uint64_t	magnitude;

	memcpy(&bits, &value, sizeof(bits));
	magnitude = bits & ~DISTRIBUTION_ZERO_KEY;
	return bits >> 63 != 0 ? DISTRIBUTION_ZERO_KEY - magnitude : DISTRIBUTION_ZERO_KEY + magnitude;
}

static inline double
distribution_value(uint64_t key)
{
	uint64_t	bits =
		key >= DISTRIBUTION_ZERO_KEY ? key - DISTRIBUTION_ZERO_KEY : (DISTRIBUTION_ZERO_KEY - key) | DISTRIBUTION_ZERO_KEY;
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* The smallest and the largest finite key of a bin. */
static inline uint64_t
distribution_first_key(uint64_t bin, int level)
{
	uint64_t	key = bin << level;

	return key < DISTRIBUTION_MIN_KEY ? DISTRIBUTION_MIN_KEY : key;
}

static inline uint64_t
distribution_last_key(uint64_t bin, int level)
{
	uint64_t	key = bin << level | ((UINT64_C(1) << level) - 1);

	return key > DISTRIBUTION_MAX_KEY ? DISTRIBUTION_MAX_KEY : key;
}

extern void distribution_init(Distribution *distribution);
extern void distribution_free(Distribution *distribution, Allocator allocator);
extern void distribution_copy(Distribution *into, Allocator allocator, const Distribution *from);
extern size_t distribution_memory(const Distribution *distribution);

/*
 * Adds values until all n are in, or the bins pass the budget; returns how many were added.  The caller then raises the level.
 */
extern size_t distribution_add(Distribution *distribution, Allocator allocator, const double *values, size_t n, int budget);

/*
 * Adds one value count times, whatever the budget; false when a count passed the limit of counts.
 */
extern bool distribution_add_times(Distribution *distribution, Allocator allocator, double value, int64_t count);

/* False, and nothing changed, when the bin of the value is empty. */
extern bool distribution_remove(Distribution *distribution, Allocator allocator, double value);

/* Raises the level to the smallest at which the bins fit the budget. */
extern void distribution_fit(Distribution *distribution, Allocator allocator, int budget);

/* Raises the level to at least this one. */
extern void distribution_raise(Distribution *distribution, Allocator allocator, int level);

/* The n_bins bins in ascending order. */
extern const DistributionBin *distribution_sorted(Distribution *distribution, Allocator allocator);

/*
 * Adds or subtracts the bins of another at the coarser of the two levels, without looking at the budget.  False when a count
 * would have fallen below 0 (it is 0 then) or passed the limit of counts.
 */
extern bool
distribution_merge(Distribution *into, Allocator allocator, Distribution *from, Allocator from_allocator, bool subtract);

/* An empty distribution takes n ascending bins; returns the room to write them. */
extern DistributionBin *distribution_assign(Distribution *distribution, Allocator allocator, int n_bins, int level);

#endif
