/*
 * bin_table.h
 *		Counts by bin while single values come in.  Plain C, private to this room.
 *
 * Above level 0 the bins of most data lie close together, for their keys go with the logarithm of the value.  So the counts of
 * bins are held in a window of neighbouring keys on either side of zero, where a value finds its count without a search; what lies
 * outside (zero itself, outliers, single values at level 0) is in a hash table with open addressing.
 *
 * Counts in windows are short, so that more of them are in the processor's caches: past 2^32 values there are no windows.
 */
#ifndef WEIR_BIN_TABLE_H
#define WEIR_BIN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"

typedef struct DistributionBin
{
	uint64_t	key;
	int64_t		count;
} DistributionBin;

/* The bin of key first + i has counts[i]. */
typedef struct BinWindow
{
	uint64_t	first;
	uint64_t	size;			/* 0: none */
	uint32_t   *counts;
} BinWindow;

typedef struct BinTable
{
	int			level;
	int			n_bins;			/* with a count above 0 */
	int64_t		total;			/* of all counts */
	BinWindow	windows[2];		/* of negative values, of the others */
	int			n_slots;		/* a power of two, or 0 */
	int			slot_shift;		/* 64 - log2(n_slots) */
	int			n_used;			/* slots with a key, those whose count came back to 0 included */
	DistributionBin *slots;
} BinTable;

/* All zero bytes is an empty table that holds nothing; it has to be filled before anything is added. */
extern void bin_table_free(BinTable *table, Allocator allocator);
extern void bin_table_copy(BinTable *into, Allocator allocator, const BinTable *from);
extern size_t bin_table_memory(const BinTable *table);

/* Replaces what it holds by n ascending bins of this level. */
extern void bin_table_fill(BinTable *table, Allocator allocator, const DistributionBin *bins, int n, int level);

/* Adds values until all n are in, or there are more bins than the limit; returns how many were added. */
extern size_t bin_table_add(BinTable *table, Allocator allocator, const double *values, size_t n, int limit);

/* Adds one value count times; false when a count passed the limit of counts. */
extern bool bin_table_add_times(BinTable *table, Allocator allocator, double value, int64_t count);

/* False, and nothing changed, when the bin of the value is empty. */
extern bool bin_table_remove(BinTable *table, double value);

/* Writes the bins, ascending. */
extern void bin_table_collect(const BinTable *table, Allocator allocator, DistributionBin *bins);

#endif
