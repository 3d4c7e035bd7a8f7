/*
 * bin_table.c
 *		Counts by bin while single values come in.
 */
#include "summary/bin_table.h"

#include <string.h>

#include "summary/counts.h"
#include "summary/distribution.h"
#include "summary/memory_inline.h"

#define FEWEST_SLOTS 16
#define INSERTION_SORT_MAX 48
#define FEW_USED 128

/* A window has room for so many times the bins it is made for, for others come in between, and at the most so many. */
#define WINDOW_FACTOR 4
#define WIDEST_WINDOW 3072
#define FEWEST_BINS 32
#define OUTSIDE_SHARE 4
#define WINDOW_MAX_TOTAL ((int64_t) UINT32_MAX)

/* Fibonacci hashing: the golden ratio spreads neighbouring bins over the table. */
#define GOLDEN_RATIO UINT64_C(0x9e3779b97f4a7c15)

/* ---- memory ---- */

static void
free_slots(BinTable *table, Allocator allocator)
{
	release(allocator, table->slots, sizeof(DistributionBin) * (size_t) table->n_slots);
	table->slots = NULL;
	table->n_slots = 0;
	table->n_used = 0;
}

static void
resize_window(BinWindow *window, Allocator allocator, uint64_t size)
{
	if (window->size != size)
	{
		release(allocator, window->counts, sizeof(uint32_t) * window->size);
		window->counts = size == 0 ? NULL : allocate(allocator, sizeof(uint32_t) * size);
		window->size = size;
	}
	if (size > 0)
		memset(window->counts, 0, sizeof(uint32_t) * size);
}

void
bin_table_free(BinTable *table, Allocator allocator)
{
	free_slots(table, allocator);
	for (int side = 0; side < 2; side++)
		resize_window(&table->windows[side], allocator, 0);
}

void
bin_table_copy(BinTable *into, Allocator allocator, const BinTable *from)
{
	*into = *from;
	for (int side = 0; side < 2; side++)
		if (from->windows[side].size > 0)
		{
			size_t		size = sizeof(uint32_t) * from->windows[side].size;

			into->windows[side].counts = allocate(allocator, size);
			memcpy(into->windows[side].counts, from->windows[side].counts, size);
		}
	if (from->n_slots > 0)
	{
		into->slots = allocate(allocator, sizeof(DistributionBin) * (size_t) from->n_slots);
		memcpy(into->slots, from->slots, sizeof(DistributionBin) * (size_t) from->n_slots);
	}
}

size_t
bin_table_memory(const BinTable *table)
{
	return sizeof(DistributionBin) * (size_t) table->n_slots + sizeof(uint32_t) * (table->windows[0].size + table->windows[1].size);
}

/* ---- hash table ---- */

static inline DistributionBin *
find_slot(const BinTable *table, uint64_t key)
{
	uint64_t	mask = (uint64_t) table->n_slots - 1;
	uint64_t	index = key * GOLDEN_RATIO >> table->slot_shift;

	while (table->slots[index].key != key && table->slots[index].key != DISTRIBUTION_NO_KEY)
		index = (index + 1) & mask;
	return &table->slots[index];
}

static void
clear_slots(BinTable *table, Allocator allocator, int n_slots)
{
	if (table->n_slots != n_slots)
	{
		free_slots(table, allocator);
		table->slots = allocate(allocator, sizeof(DistributionBin) * (size_t) n_slots);
		table->n_slots = n_slots;
		table->slot_shift = 64 - __builtin_ctz((unsigned) n_slots);
	}
	for (int i = 0; i < n_slots; i++)
		table->slots[i] = (DistributionBin){DISTRIBUTION_NO_KEY, 0};
	table->n_used = 0;
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

/* ---- windows ---- */

/* Which of the windows a key could be in. */
static inline int
side_of(uint64_t key, int level)
{
	return (int) (key >> (63 - level));
}

static inline uint32_t *
count_in_window(const BinTable *table, uint64_t key)
{
	const BinWindow *window = &table->windows[side_of(key, table->level)];
	uint64_t	offset = key - window->first;

	return offset < window->size ? &window->counts[offset] : NULL;
}

/*
 * Lays the window where it holds most of these bins, all on its side of zero; there is none when that is less than two thirds of
 * them.
 */
static void
lay_window(BinWindow *window, Allocator allocator, const DistributionBin *bins, int n)
{
	uint64_t	size = n >= WIDEST_WINDOW / WINDOW_FACTOR ? WIDEST_WINDOW : (uint64_t) n * WINDOW_FACTOR;
	int			best = 0;
	int			most = 0;

	for (int i = 0, end = 0; end < n; i++)
	{
		while (end < n && bins[end].key - bins[i].key < size)
			end++;
		if (end - i > most)
		{
			most = end - i;
			best = i;
		}
	}
	if (n < FEWEST_BINS || 3 * (int64_t) most < 2 * (int64_t) n)
		size = 0;
	resize_window(window, allocator, size);
	/* What is left over lies on both sides, by halves; where it passes the ends of all keys nothing is ever found. */
	if (size > 0)
		window->first = bins[best].key - (size - 1 - (bins[best + most - 1].key - bins[best].key)) / 2;
}

static void
lay_windows(BinTable *table, Allocator allocator, const DistributionBin *bins, int n, int64_t n_coming)
{
	int			n_negative = 0;

	if (table->level == 0 || table->total > WINDOW_MAX_TOTAL - n_coming)
		n = 0;
	while (n_negative < n && side_of(bins[n_negative].key, table->level) == 0)
		n_negative++;
	lay_window(&table->windows[0], allocator, bins, n_negative);
	/* Without bins there may be no array to point into. */
	lay_window(&table->windows[1], allocator, n > 0 ? bins + n_negative : bins, n - n_negative);
}

/* ---- filling ---- */

/* n_coming values are about to be added. */
static void
fill(BinTable *table, Allocator allocator, const DistributionBin *bins, int n, int level, int64_t n_coming)
{
	int			n_outside = 0;
	int			n_slots;

	table->level = level;
	table->n_bins = n;
	table->total = 0;
	for (int i = 0; i < n; i++)
		(void) add_count(&table->total, bins[i].count);
	lay_windows(table, allocator, bins, n, n_coming);
	for (int i = 0; i < n; i++)
	{
		uint32_t   *count = count_in_window(table, bins[i].key);

		if (count != NULL)
			*count = (uint32_t) bins[i].count;
		else
			n_outside++;
	}
	n_slots = slots_for(n_outside);
	/* A larger table that is there is as good, unless a window took its place. */
	clear_slots(table, allocator, n_outside == n && n_slots < table->n_slots ? table->n_slots : n_slots);
	for (int i = 0; i < n && table->n_used < n_outside; i++)
		if (count_in_window(table, bins[i].key) == NULL)
		{
			*find_slot(table, bins[i].key) = bins[i];
			table->n_used++;
		}
}

void
bin_table_fill(BinTable *table, Allocator allocator, const DistributionBin *bins, int n, int level)
{
	fill(table, allocator, bins, n, level, 0);
}

static void
rehash(BinTable *table, Allocator allocator)
{
	DistributionBin *slots = table->slots;
	int			n_slots = table->n_slots;
	int			n_used = table->n_used;

	table->slots = NULL;
	table->n_slots = 0;
	clear_slots(table, allocator, slots_for(n_used < FEW_USED ? 4 * n_used : n_used + n_used / 2));
	for (int i = 0; i < n_slots; i++)
	{
		if (slots[i].count == 0)
			continue;
		*find_slot(table, slots[i].key) = slots[i];
		table->n_used++;
	}
	release(allocator, slots, sizeof(DistributionBin) * (size_t) n_slots);
}

static void
refill(BinTable *table, Allocator allocator, int64_t n_coming)
{
	size_t		size = sizeof(DistributionBin) * (size_t) (table->n_bins + 1); /* all may have been removed */
	DistributionBin *bins = allocate(allocator, size);

	bin_table_collect(table, allocator, bins);
	fill(table, allocator, bins, table->n_bins, table->level, n_coming);
	release(allocator, bins, size);
}

/* The hash table is crowded.  Windows are laid anew when a good part of the bins lies outside: perhaps they lie better elsewhere.
 */
static void
grow(BinTable *table, Allocator allocator, int64_t n_coming)
{
	if (table->level > 0 && OUTSIDE_SHARE * table->n_used >= table->n_bins)
		refill(table, allocator, n_coming);
	if (2 * table->n_used >= table->n_slots)
		rehash(table, allocator);
}

/* Before so many values are added. */
static inline void
leave_windows_if_full(BinTable *table, Allocator allocator, int64_t n)
{
	if (table->total <= WINDOW_MAX_TOTAL - n || (table->windows[0].size == 0 && table->windows[1].size == 0))
		return;
	refill(table, allocator, n);
}

/* one_sided: there is no window of negative values, which need not be told from the others then. */
static inline size_t
add_values(BinTable *table, const double *values, size_t n, int limit, bool one_sided)
{
	int			level = table->level;
	int			n_bins = table->n_bins;
	BinWindow	windows[2];
	size_t		i = 0;

	memcpy(windows, table->windows, sizeof(windows));
	while (i < n && n_bins <= limit)
	{
		uint64_t	key = distribution_key(values[i++]) >> level;
		const BinWindow *window = &windows[one_sided ? 1 : side_of(key, level)];
		uint64_t	offset = key - window->first;
		DistributionBin *slot;

		if (offset < window->size)
		{
			n_bins += window->counts[offset]++ == 0;
			continue;
		}
		slot = find_slot(table, key);
		if (slot->count++ > 0)
			continue;
		n_bins++;
		if (slot->key == key)
			continue;
		slot->key = key;
		if (is_crowded(++table->n_used, table->n_slots))
			break;
	}
	table->n_bins = n_bins;
	table->total += (int64_t) i;
	return i;
}

size_t
bin_table_add(BinTable *table, Allocator allocator, const double *values, size_t n, int limit)
{
	size_t		added = 0;

	if (table->n_bins > limit)
		return 0;
	leave_windows_if_full(table, allocator, (int64_t) n);
	while (added < n && table->n_bins <= limit)
	{
		if (table->windows[0].size == 0 && side_of(table->windows[1].first, table->level) == 1)
			added += add_values(table, values + added, n - added, limit, true);
		else
			added += add_values(table, values + added, n - added, limit, false);
		if (is_crowded(table->n_used, table->n_slots))
			grow(table, allocator, (int64_t) (n - added));
	}
	return added;
}

bool
bin_table_add_times(BinTable *table, Allocator allocator, double value, int64_t count)
{
	uint64_t	key = distribution_key(value) >> table->level;
	uint32_t   *in_window;
	DistributionBin *slot;
	bool		exact;

	leave_windows_if_full(table, allocator, count);
	exact = add_count(&table->total, count);
	in_window = count_in_window(table, key);
	if (in_window != NULL)
	{
		table->n_bins += *in_window == 0;
		*in_window += (uint32_t) count;
	}
	else
	{
		slot = find_slot(table, key);
		table->n_bins += slot->count == 0;
		exact &= add_count(&slot->count, count);
		if (slot->key != key)
		{
			slot->key = key;
			if (is_crowded(++table->n_used, table->n_slots))
				grow(table, allocator, 0);
		}
	}
	return exact;
}

bool
bin_table_remove(BinTable *table, double value)
{
	uint64_t	key = distribution_key(value) >> table->level;
	uint32_t   *in_window = count_in_window(table, key);
	int64_t		left;

	if (in_window != NULL)
	{
		if (*in_window == 0)
			return false;
		left = --*in_window;
	}
	else
	{
		DistributionBin *slot = find_slot(table, key);

		if (slot->count == 0)
			return false;
		left = --slot->count;
	}
	table->total--;
	table->n_bins -= left == 0;
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

/* The most bins that are sorted by spreading, and how many may fall into one place there. */
#define SPREAD_MAX 4096
#define SPREAD_MOST_IN_PLACE 32

/*
 * Spreads the bins over twice as many places in the order of their keys, so that hardly any stands far from where it belongs.
 * False, and nothing changed, when they crowd.
 */
static bool
spread_sort(DistributionBin *bins, int n, DistributionBin *scratch)
{
	uint16_t	starts[2 * SPREAD_MAX + 1] = {0};
	uint64_t	least = UINT64_MAX;
	uint64_t	greatest = 0;
	int			n_places = 1 << (32 - __builtin_clz((unsigned) n));
	int			shift = 0;
	int			next = 0;

	for (int i = 0; i < n; i++)
	{
		least = bins[i].key < least ? bins[i].key : least;
		greatest = bins[i].key > greatest ? bins[i].key : greatest;
	}
	while ((greatest - least) >> shift >= (uint64_t) n_places)
		shift++;
	for (int i = 0; i < n; i++)
		starts[(bins[i].key - least) >> shift]++;
	for (int i = 0; i < n_places; i++)
	{
		int			count = starts[i];

		if (count > SPREAD_MOST_IN_PLACE)
			return false;
		starts[i] = (uint16_t) next;
		next += count;
	}
	for (int i = 0; i < n; i++)
		scratch[starts[(bins[i].key - least) >> shift]++] = bins[i];
	insertion_sort(scratch, n);
	memcpy(bins, scratch, sizeof(DistributionBin) * (size_t) n);
	return true;
}

/* By bytes from the least significant, leaving out those that are the same in all keys. */
static void
radix_sort(DistributionBin *bins, int n, DistributionBin *scratch)
{
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
}

/* At most this many. Each is written and stays when it is one, which the processor need not foresee. */
static int
collect_window(const BinWindow *window, DistributionBin *bins, int most)
{
	int			n = 0;

	for (uint64_t i = 0; i < window->size && n < most; i++)
	{
		bins[n] = (DistributionBin){window->first + i, window->counts[i]};
		n += window->counts[i] > 0;
	}
	return n;
}

/* Merges the n_sorted first of n bins with the others, which are ascending too; from the end, so that few are moved. */
static void
merge_runs(DistributionBin *bins, int n_sorted, int n, DistributionBin *scratch)
{
	int			i = n_sorted;
	int			j = n - n_sorted;

	memcpy(scratch, bins + n_sorted, sizeof(DistributionBin) * (size_t) j);
	while (j > 0)
	{
		if (i > 0 && bins[i - 1].key > scratch[j - 1].key)
		{
			i--;
			bins[i + j] = bins[i];
		}
		else
		{
			j--;
			bins[i + j] = scratch[j];
		}
	}
}

void
bin_table_collect(const BinTable *table, Allocator allocator, DistributionBin *bins)
{
	int			n = table->n_bins;
	int			in_windows = collect_window(&table->windows[0], bins, n);
	int			n_outside;
	DistributionBin *scratch;

	in_windows += collect_window(&table->windows[1], bins + in_windows, n - in_windows);
	n_outside = n - in_windows;
	for (int i = 0, next = in_windows; i < table->n_slots && next < n; i++)
	{
		bins[next] = table->slots[i];
		next += table->slots[i].count > 0;
	}
	if (n_outside <= INSERTION_SORT_MAX)
		insertion_sort(bins + in_windows, n_outside);
	if (n_outside == 0 || (in_windows == 0 && n <= INSERTION_SORT_MAX))
		return;
	scratch = allocate(allocator, sizeof(DistributionBin) * (size_t) n_outside);
	if (n_outside > INSERTION_SORT_MAX && (n_outside > SPREAD_MAX || !spread_sort(bins + in_windows, n_outside, scratch)))
		radix_sort(bins + in_windows, n_outside, scratch);
	if (in_windows > 0)
		merge_runs(bins, in_windows, n, scratch);
	release(allocator, scratch, sizeof(DistributionBin) * (size_t) n_outside);
}
