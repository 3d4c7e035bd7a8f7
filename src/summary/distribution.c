/*
 * distribution.c
 *		A histogram over the universal binary grid.
 */
#include "summary/distribution.h"

#include "summary/counts.h"
#include "summary/memory_inline.h"

void
distribution_init(Distribution *distribution)
{
	memset(distribution, 0, sizeof(Distribution));
	distribution->ordered = true;
}

void
distribution_free(Distribution *distribution, Allocator allocator)
{
	bin_table_free(&distribution->table, allocator);
	release(allocator, distribution->sorted, sizeof(DistributionBin) * (size_t) distribution->n_sorted);
	distribution_init(distribution);
}

size_t
distribution_memory(const Distribution *distribution)
{
	return bin_table_memory(&distribution->table) + sizeof(DistributionBin) * (size_t) distribution->n_sorted;
}

void
distribution_copy(Distribution *into, Allocator allocator, const Distribution *from)
{
	*into = *from;
	into->sorted = NULL;
	into->n_sorted = 0;
	memset(&into->table, 0, sizeof(BinTable));
	if (!from->ordered)
	{
		bin_table_copy(&into->table, allocator, &from->table);
		return;
	}
	into->in_table = false;
	if (from->n_bins > 0)
	{
		into->n_sorted = from->n_bins;
		into->sorted = allocate(allocator, sizeof(DistributionBin) * (size_t) from->n_bins);
		memcpy(into->sorted, from->sorted, sizeof(DistributionBin) * (size_t) from->n_bins);
	}
}

/* ---- single values ---- */

static inline void
need_table(Distribution *distribution, Allocator allocator)
{
	if (distribution->in_table)
		return;
	bin_table_fill(&distribution->table, allocator, distribution->sorted, distribution->n_bins, distribution->level);
	distribution->in_table = true;
}

/* What the table holds is what is true now. */
static inline void
take_from_table(Distribution *distribution)
{
	distribution->ordered = false;
	distribution->n_bins = distribution->table.n_bins;
	distribution->total = distribution->table.total;
}

size_t
distribution_add(Distribution *distribution, Allocator allocator, const double *values, size_t n, int budget)
{
	size_t		added;

	need_table(distribution, allocator);
	added = bin_table_add(&distribution->table, allocator, values, n, budget);
	take_from_table(distribution);
	return added;
}

bool
distribution_add_times(Distribution *distribution, Allocator allocator, double value, int64_t count)
{
	bool		exact;

	need_table(distribution, allocator);
	exact = bin_table_add_times(&distribution->table, allocator, value, count);
	take_from_table(distribution);
	return exact;
}

bool
distribution_remove(Distribution *distribution, Allocator allocator, double value)
{
	need_table(distribution, allocator);
	if (!bin_table_remove(&distribution->table, value))
		return false;
	take_from_table(distribution);
	return true;
}

/* ---- ascending order ---- */

static void
reserve_sorted(Distribution *distribution, Allocator allocator, int n_bins)
{
	if (distribution->n_sorted >= n_bins)
		return;
	release(allocator, distribution->sorted, sizeof(DistributionBin) * (size_t) distribution->n_sorted);
	distribution->sorted = allocate(allocator, sizeof(DistributionBin) * (size_t) n_bins);
	distribution->n_sorted = n_bins;
}

const DistributionBin *
distribution_sorted(Distribution *distribution, Allocator allocator)
{
	if (distribution->ordered)
		return distribution->sorted;
	reserve_sorted(distribution, allocator, distribution->n_bins);
	bin_table_collect(&distribution->table, allocator, distribution->sorted);
	distribution->ordered = true;
	return distribution->sorted;
}

void
distribution_raise(Distribution *distribution, Allocator allocator, int level)
{
	DistributionBin *bins;
	int			shift = level - distribution->level;
	int			n = 0;

	if (shift <= 0)
		return;
	distribution_sorted(distribution, allocator);
	bins = distribution->sorted;
	for (int i = 0; i < distribution->n_bins; i++)
	{
		DistributionBin bin = {bins[i].key >> shift, bins[i].count};

		if (n > 0 && bins[n - 1].key == bin.key)
			bins[n - 1].count += bin.count;
		else
			bins[n++] = bin;
	}
	distribution->n_bins = n;
	distribution->level = level;
	distribution->in_table = false;
}

/*
 * Two neighbours in order fall into one bin from the level on that is one above the highest bit in which they differ.  Counting
 * neighbours by that bit tells the number of bins at every level.
 */
void
distribution_fit(Distribution *distribution, Allocator allocator, int budget)
{
	const DistributionBin *bins;
	int			joined_by[65] = {0};
	int			n_bins = distribution->n_bins;
	int			shift = 0;

	if (n_bins <= budget)
		return;
	bins = distribution_sorted(distribution, allocator);
	for (int i = 1; i < n_bins; i++)
		joined_by[64 - __builtin_clzll(bins[i].key ^ bins[i - 1].key)]++;
	while (n_bins > budget)
		n_bins -= joined_by[++shift];
	distribution_raise(distribution, allocator, distribution->level + shift);
}

DistributionBin *
distribution_assign(Distribution *distribution, Allocator allocator, int n_bins, int level)
{
	reserve_sorted(distribution, allocator, n_bins);
	distribution->level = level;
	distribution->n_bins = n_bins;
	distribution->ordered = true;
	distribution->in_table = false;
	return distribution->sorted;
}

bool
distribution_merge(Distribution *into, Allocator allocator, Distribution *from, Allocator from_allocator, bool subtract)
{
	const DistributionBin *bins = distribution_sorted(from, from_allocator);
	const DistributionBin *own;
	DistributionBin *merged;
	int			room = into->n_bins + from->n_bins;
	int			shift;
	int			n = 0;
	int			i = 0;
	int			j = 0;
	int64_t		total = 0;
	bool		exact = true;

	if (from->n_bins == 0)
		return true;
	distribution_raise(into, allocator, from->level);
	shift = into->level - from->level;
	own = distribution_sorted(into, allocator);
	merged = allocate(allocator, sizeof(DistributionBin) * (size_t) room);
	while (i < into->n_bins || j < from->n_bins)
	{
		uint64_t	other_key = j < from->n_bins ? bins[j].key >> shift : DISTRIBUTION_NO_KEY;
		DistributionBin bin = {other_key, 0};
		int64_t		other = 0;

		if (i < into->n_bins && own[i].key <= other_key)
			bin = own[i++];
		if (bin.key == other_key)
			for (; j < from->n_bins && bins[j].key >> shift == other_key; j++)
				exact &= add_count(&other, bins[j].count);
		exact &= subtract ? subtract_count(&bin.count, other) : add_count(&bin.count, other);
		if (bin.count > 0)
			merged[n++] = bin;
		exact &= add_count(&total, bin.count);
	}
	release(allocator, into->sorted, sizeof(DistributionBin) * (size_t) into->n_sorted);
	into->sorted = merged;
	into->n_sorted = room;
	into->n_bins = n;
	into->total = total;
	into->ordered = true;
	into->in_table = false;
	return exact;
}
