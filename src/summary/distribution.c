/*
 * distribution.c
 *		A histogram over the universal binary grid.
 */
#include "summary/distribution.h"

#include "summary/counts.h"
#include "summary/memory_inline.h"

#define FEWEST_SLOTS 16
#define INSERTION_SORT_MAX 48

/* Fibonacci hashing: the golden ratio spreads neighbouring bins over the table. */
#define GOLDEN_RATIO UINT64_C(0x9e3779b97f4a7c15)

void
distribution_init(Distribution *distribution)
{
	memset(distribution, 0, sizeof(Distribution));
	distribution->ordered = true;
}

void
distribution_free(Distribution *distribution, Allocator allocator)
{
	release(allocator, distribution->slots, sizeof(DistributionBin) * (size_t) distribution->n_slots);
	release(allocator, distribution->sorted, sizeof(DistributionBin) * (size_t) distribution->n_sorted);
	distribution_init(distribution);
}

size_t
distribution_memory(const Distribution *distribution)
{
	return sizeof(DistributionBin) * ((size_t) distribution->n_slots + (size_t) distribution->n_sorted);
}

void
distribution_copy(Distribution *into, Allocator allocator, const Distribution *from)
{
	*into = *from;
	into->slots = NULL;
	into->sorted = NULL;
	into->n_slots = 0;
	into->n_sorted = 0;
	into->n_used = 0;
	if (from->ordered)
	{
		into->hashed = false;
		if (from->n_bins > 0)
		{
			into->n_sorted = from->n_bins;
			into->sorted = allocate(allocator, sizeof(DistributionBin) * (size_t) from->n_bins);
			memcpy(into->sorted, from->sorted, sizeof(DistributionBin) * (size_t) from->n_bins);
		}
		return;
	}
	into->n_slots = from->n_slots;
	into->n_used = from->n_used;
	into->slots = allocate(allocator, sizeof(DistributionBin) * (size_t) from->n_slots);
	memcpy(into->slots, from->slots, sizeof(DistributionBin) * (size_t) from->n_slots);
}

/* ---- hash table ---- */

static inline DistributionBin *
find_slot(const Distribution *distribution, uint64_t key)
{
	uint64_t	mask = (uint64_t) distribution->n_slots - 1;
	uint64_t	index = key * GOLDEN_RATIO >> distribution->slot_shift;

	while (distribution->slots[index].key != key && distribution->slots[index].key != DISTRIBUTION_NO_KEY)
		index = (index + 1) & mask;
	return &distribution->slots[index];
}

static void
clear_slots(Distribution *distribution, Allocator allocator, int n_slots)
{
	if (distribution->n_slots != n_slots)
	{
		release(allocator, distribution->slots, sizeof(DistributionBin) * (size_t) distribution->n_slots);
		distribution->slots = allocate(allocator, sizeof(DistributionBin) * (size_t) n_slots);
		distribution->n_slots = n_slots;
		distribution->slot_shift = 64 - __builtin_ctz((unsigned) n_slots);
	}
	for (int i = 0; i < n_slots; i++)
		distribution->slots[i] = (DistributionBin){DISTRIBUTION_NO_KEY, 0};
	distribution->n_used = 0;
}

/* At most 13 of 16 slots are used: so a budget of 1536 bins takes 2048 slots, which the first-level cache holds. */
static inline bool
is_crowded(int n_used, int n_slots)
{
	return 16 * (int64_t) n_used > 13 * (int64_t) n_slots;
}

static int
slots_for(int n_bins)
{
	int			n_slots = FEWEST_SLOTS;

	while (is_crowded(n_bins + 1, n_slots))
		n_slots *= 2;
	return n_slots;
}

static void
fill_slots(Distribution *distribution, const DistributionBin *bins, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (bins[i].count == 0 || bins[i].key == DISTRIBUTION_NO_KEY)
			continue;
		*find_slot(distribution, bins[i].key) = bins[i];
		distribution->n_used++;
	}
}

static void
make_hashed(Distribution *distribution, Allocator allocator)
{
	int			n_slots;

	if (distribution->hashed)
		return;
	n_slots = slots_for(distribution->n_bins);
	clear_slots(distribution, allocator, n_slots < distribution->n_slots ? distribution->n_slots : n_slots);
	fill_slots(distribution, distribution->sorted, distribution->n_bins);
	distribution->hashed = true;
}

static void
grow_slots(Distribution *distribution, Allocator allocator)
{
	DistributionBin *slots = distribution->slots;
	int			n_slots = distribution->n_slots;

	distribution->slots = NULL;
	distribution->n_slots = 0;
	clear_slots(distribution, allocator, slots_for(distribution->n_bins + distribution->n_bins / 2));
	fill_slots(distribution, slots, n_slots);
	release(allocator, slots, sizeof(DistributionBin) * (size_t) n_slots);
}

size_t
distribution_add(Distribution *distribution, Allocator allocator, const double *values, size_t n, int budget)
{
	int			level = distribution->level;
	size_t		i;

	make_hashed(distribution, allocator);
	distribution->ordered = false;
	for (i = 0; i < n && distribution->n_bins <= budget; i++)
	{
		uint64_t	key = distribution_key(values[i]) >> level;
		DistributionBin *slot = find_slot(distribution, key);

		if (slot->count++ > 0)
			continue;
		distribution->n_bins++;
		if (slot->key == key)
			continue;
		slot->key = key;
		if (is_crowded(++distribution->n_used, distribution->n_slots))
			grow_slots(distribution, allocator);
	}
	distribution->total += (int64_t) i;
	return i;
}

bool
distribution_add_times(Distribution *distribution, Allocator allocator, double value, int64_t count)
{
	uint64_t	key = distribution_key(value) >> distribution->level;
	DistributionBin *slot;
	bool		exact;

	make_hashed(distribution, allocator);
	distribution->ordered = false;
	slot = find_slot(distribution, key);
	distribution->n_bins += slot->count == 0;
	exact = add_count(&slot->count, count);
	exact &= add_count(&distribution->total, count);
	if (slot->key != key)
	{
		slot->key = key;
		if (is_crowded(++distribution->n_used, distribution->n_slots))
			grow_slots(distribution, allocator);
	}
	return exact;
}

bool
distribution_remove(Distribution *distribution, Allocator allocator, double value)
{
	DistributionBin *slot;

	make_hashed(distribution, allocator);
	slot = find_slot(distribution, distribution_key(value) >> distribution->level);
	if (slot->count == 0)
		return false;
	distribution->ordered = false;
	distribution->total--;
	if (--slot->count == 0)
		distribution->n_bins--;
	return true;
}

/* ---- ascending order ---- */

static void
insertion_sort(DistributionBin *bins, int n)
{
	for (int i = 1; i < n; i++)
	{
		DistributionBin bin = bins[i];
		int			j = i;

		for (; j > 0 && bins[j - 1].key > bin.key; j--)
			bins[j] = bins[j - 1];
		bins[j] = bin;
	}
}

/* By bytes from the least significant, leaving out those that are the same in all keys. */
static void
radix_sort(DistributionBin *bins, int n, Allocator allocator)
{
	DistributionBin *scratch = allocate(allocator, sizeof(DistributionBin) * (size_t) n);
	DistributionBin *from = bins;
	DistributionBin *to = scratch;
	uint64_t	differing = 0;

	for (int i = 1; i < n; i++)
		differing |= bins[i].key ^ bins[0].key;
	for (int shift = 0; shift < 64; shift += 8)
	{
		int			start[256] = {0};
		int			next = 0;
		DistributionBin *swap = from;

		if ((differing >> shift & 0xff) == 0)
			continue;
		for (int i = 0; i < n; i++)
			start[from[i].key >> shift & 0xff]++;
		for (int i = 0; i < 256; i++)
		{
			int			count = start[i];

			start[i] = next;
			next += count;
		}
		for (int i = 0; i < n; i++)
			to[start[from[i].key >> shift & 0xff]++] = from[i];
		from = to;
		to = swap;
	}
	if (from != bins)
		memcpy(bins, from, sizeof(DistributionBin) * (size_t) n);
	release(allocator, scratch, sizeof(DistributionBin) * (size_t) n);
}

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
	int			n = 0;

	if (distribution->ordered)
		return distribution->sorted;
	reserve_sorted(distribution, allocator, distribution->n_bins);
	for (int i = 0; i < distribution->n_slots; i++)
		if (distribution->slots[i].count > 0)
			distribution->sorted[n++] = distribution->slots[i];
	if (n <= INSERTION_SORT_MAX)
		insertion_sort(distribution->sorted, n);
	else
		radix_sort(distribution->sorted, n, allocator);
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
	distribution->hashed = false;
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
	distribution->hashed = false;
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
	into->hashed = false;
	return exact;
}
