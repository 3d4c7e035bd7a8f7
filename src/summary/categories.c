/*
 * categories.c
 *		Counts per category, exact up to a budget, beyond it for a canonical sample of the categories.
 */
#include "summary/categories.h"

#include <stdlib.h>
#include <string.h>

#include "summary/counts.h"
#include "summary/memory_inline.h"

#define FEWEST_SLOTS 16
#define ELLIPSIS "..."
#define HASH_DIGITS 16

/* ---- hash ---- */

static inline uint64_t
rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static inline uint64_t
scramble(uint64_t word)
{
	return rotate(word * UINT64_C(0x87c37b91114253d5), 31) * UINT64_C(0x4cf5ad432745937f);
}

static inline uint64_t
little_endian_word(const char *bytes)
{
	uint64_t	word;

	memcpy(&word, bytes, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* Multiply-rotate mixing of little-endian words; the last step makes every bit of the result depend on every bit before it. */
uint64_t
category_hash(const char *bytes, size_t length)
{
	uint64_t	hash = (uint64_t) length * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t	last = 0;
	size_t		left = length;

	for (; left >= 8; left -= 8, bytes += 8)
		hash = rotate(hash ^ scramble(little_endian_word(bytes)), 27) * 5 + UINT64_C(0x52dce729);
	for (size_t i = 0; i < left; i++)
		last |= (uint64_t) (unsigned char) bytes[i] << (8 * i);
	if (left > 0)
		hash = rotate(hash ^ scramble(last), 27) * 5 + UINT64_C(0x52dce729);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xc4ceb9fe1a85ec53);
	hash ^= hash >> 33;
	return hash == 0 ? 1 : hash;
}

size_t
category_prefix(const char *bytes)
{
	size_t		prefix = CATEGORY_MAX_PREFIX;

	/* Second and later bytes of a character begin with the bits 10. */
	while (prefix > CATEGORY_MAX_PREFIX - 4 && ((unsigned char) bytes[prefix] & 0xc0) == 0x80)
		prefix--;
	return prefix;
}

size_t
category_shorten(const char *bytes, size_t length, size_t prefix, char *buffer)
{
	uint64_t	hash = category_hash(bytes, length);

	memcpy(buffer, bytes, prefix);
	memcpy(buffer + prefix, ELLIPSIS, sizeof(ELLIPSIS) - 1);
	prefix += sizeof(ELLIPSIS) - 1;
	for (int i = 0; i < HASH_DIGITS; i++)
		buffer[prefix++] = "0123456789abcdef"[hash >> (60 - 4 * i) & 15];
	return prefix;
}

const char *
category_as_kept(const char *bytes, size_t *length, char *buffer)
{
	if (*length <= CATEGORY_MAX_LENGTH)
		return bytes;
	*length = category_shorten(bytes, *length, category_prefix(bytes), buffer);
	return buffer;
}

/* ---- life ---- */

void
categories_init(Categories *categories)
{
	memset(categories, 0, sizeof(Categories));
	categories->threshold = UINT64_MAX;
}

void
categories_free(Categories *categories, Allocator allocator)
{
	release(allocator, categories->entries, sizeof(CategoryEntry) * (size_t) categories->entry_room);
	release(allocator, categories->slots, sizeof(int32_t) * (size_t) categories->n_slots);
	release(allocator, categories->bytes, categories->byte_room);
	sketch_free(categories->sketch, allocator);
	categories_init(categories);
}

size_t
categories_memory(const Categories *categories)
{
	return sizeof(CategoryEntry) * (size_t) categories->entry_room + sizeof(int32_t) * (size_t) categories->n_slots +
		categories->byte_room + sketch_memory(categories->sketch);
}

static void *
duplicate(Allocator allocator, const void *source, size_t size)
{
	void	   *result = NULL;

	if (size > 0)
	{
		result = allocate(allocator, size);
		memcpy(result, source, size);
	}
	return result;
}

void
categories_copy(Categories *into, Allocator allocator, const Categories *from)
{
	*into = *from;
	into->entries = duplicate(allocator, from->entries, sizeof(CategoryEntry) * (size_t) from->entry_room);
	into->slots = duplicate(allocator, from->slots, sizeof(int32_t) * (size_t) from->n_slots);
	into->bytes = duplicate(allocator, from->bytes, from->byte_room);
	if (from->sketch != NULL)
		into->sketch = sketch_copy(allocator, from->sketch);
}

/* ---- table ---- */

static int32_t *
find_slot(const Categories *categories, uint64_t hash, const char *bytes, size_t length)
{
	uint32_t	mask = (uint32_t) categories->n_slots - 1;
	uint32_t	index = (uint32_t) hash & mask;

	for (;;)
	{
		int32_t	   *slot = &categories->slots[index];

		if (*slot < 0)
			return slot;
		else
		{
			const CategoryEntry *entry = &categories->entries[*slot];

			if (entry->hash == hash && entry->length == length &&
				(length == 0 || memcmp(categories->bytes + entry->offset, bytes, length) == 0))
				return slot;
		}
		index = (index + 1) & mask;
	}
}

static void
fill_slots(Categories *categories)
{
	uint32_t	mask = (uint32_t) categories->n_slots - 1;

	memset(categories->slots, 0xff, sizeof(int32_t) * (size_t) categories->n_slots);
	for (int i = 0; i < categories->n_entries; i++)
	{
		uint32_t	index = (uint32_t) categories->entries[i].hash & mask;

		while (categories->slots[index] >= 0)
			index = (index + 1) & mask;
		categories->slots[index] = i;
	}
}

/* Room for one more entry of this length. */
static void
reserve(Categories *categories, Allocator allocator, size_t length)
{
	if (categories->n_entries == categories->entry_room)
	{
		int			room = categories->entry_room == 0 ? FEWEST_SLOTS / 2 : 2 * categories->entry_room;

		categories->entries = reallocate(allocator, categories->entries, sizeof(CategoryEntry) * (size_t) categories->entry_room,
										 sizeof(CategoryEntry) * (size_t) room);
		categories->entry_room = room;
		release(allocator, categories->slots, sizeof(int32_t) * (size_t) categories->n_slots);
		categories->n_slots = 2 * room;
		categories->slots = allocate(allocator, sizeof(int32_t) * (size_t) categories->n_slots);
		fill_slots(categories);
	}
	if (categories->bytes == NULL || categories->byte_room - categories->n_bytes < length)
	{
		size_t		room = 2 * categories->byte_room + length + 64;

		categories->bytes = reallocate(allocator, categories->bytes, categories->byte_room, room);
		categories->byte_room = room;
	}
}

/* Leaves out what is not kept, and the bytes of it. */
static void
compact(Categories *categories)
{
	int			n = 0;
	size_t		n_bytes = 0;

	for (int i = 0; i < categories->n_entries; i++)
	{
		CategoryEntry entry = categories->entries[i];

		if (entry.count == 0)
			continue;

		/* Entries stand in the order of their bytes, so bytes only move down. */
		memmove(categories->bytes + n_bytes, categories->bytes + entry.offset, entry.length);
		entry.offset = n_bytes;
		n_bytes += entry.length;
		categories->entries[n++] = entry;
	}
	categories->n_entries = n;
	categories->n_bytes = n_bytes;
	if (categories->n_slots > 0)
		fill_slots(categories);
}

static CategorySketch *
sketch_of_others(Categories *categories, Allocator allocator)
{
	if (categories->sketch == NULL)
		categories->sketch = sketch_create(allocator);
	return categories->sketch;
}

int64_t
categories_unsketched(const Categories *categories)
{
	return categories->other - sketch_rows(categories->sketch);
}

void
categories_lower(Categories *categories, Allocator allocator, uint64_t threshold)
{
	bool		dropped = false;

	if (threshold >= categories->threshold)
		return;
	categories->threshold = threshold;
	for (int i = 0; i < categories->n_entries; i++)
	{
		CategoryEntry *entry = &categories->entries[i];

		if (entry->hash <= threshold)
			continue;
		dropped = true;
		if (entry->count == 0)
			continue;
		categories->other += entry->count; /* within total, so no overflow */
		sketch_add(sketch_of_others(categories, allocator), allocator, entry->hash, categories->bytes + entry->offset,
				   entry->length, entry->count);
		categories->n_kept--;
		entry->count = 0;
	}
	if (dropped)
		compact(categories);
}

static int
compare_hashes(const void *a, const void *b)
{
	uint64_t	first = *(const uint64_t *) a;
	uint64_t	second = *(const uint64_t *) b;

	return first < second ? -1 : first > second;
}

void
categories_fit(Categories *categories, Allocator allocator, int budget)
{
	uint64_t   *hashes;
	size_t		size = sizeof(uint64_t) * (size_t) categories->n_kept;
	int			n = 0;

	if (categories->n_kept <= budget)
		return;
	hashes = allocate(allocator, size);
	for (int i = 0; i < categories->n_entries; i++)
		if (categories->entries[i].count > 0)
			hashes[n++] = categories->entries[i].hash;
	qsort(hashes, (size_t) n, sizeof(uint64_t), compare_hashes);
	categories_lower(categories, allocator, hashes[budget] - 1);
	release(allocator, hashes, size);
}

/* Adds to a category known to be kept. */
static bool
add_kept(Categories *categories, Allocator allocator, uint64_t hash, const char *bytes, size_t length, int64_t count, int budget)
{
	CategoryEntry *entry;
	int32_t	   *slot;

	if (categories->n_slots > 0 && *(slot = find_slot(categories, hash, bytes, length)) >= 0)
	{
		entry = &categories->entries[*slot];
		categories->n_kept += entry->count == 0;
		return add_count(&entry->count, count);
	}
	if (categories->n_entries == categories->entry_room && categories->n_kept < categories->n_entries / 2)
		compact(categories);
	reserve(categories, allocator, length);
	slot = find_slot(categories, hash, bytes, length);
	*slot = categories->n_entries;
	entry = &categories->entries[categories->n_entries++];
	*entry = (CategoryEntry){.hash = hash, .count = count, .offset = categories->n_bytes, .length = length};
	if (length > 0)
		memcpy(categories->bytes + categories->n_bytes, bytes, length);
	categories->n_bytes += length;

	/*
	 * Some more than the budget, so that the threshold is not looked for at every new category; summaries are fitted before
	 * they are read.
	 */
	if (++categories->n_kept > budget + budget / 2)
		categories_fit(categories, allocator, budget);
	return true;
}

bool
categories_add(Categories *categories, Allocator allocator, const char *bytes, size_t length, int64_t count, int budget)
{
	uint64_t	hash = category_hash(bytes, length);
	bool		exact = add_count(&categories->total, count);

	if (hash > categories->threshold)
	{
		sketch_add(sketch_of_others(categories, allocator), allocator, hash, bytes, length, count);
		return add_count(&categories->other, count) && exact;
	}
	return add_kept(categories, allocator, hash, bytes, length, count, budget) && exact;
}

bool
categories_remove(Categories *categories, const char *bytes, size_t length)
{
	uint64_t	hash = category_hash(bytes, length);

	if (hash > categories->threshold)
	{
		bool		unsketched = categories_unsketched(categories) > 0;

		if (categories->other == 0)
			return false;
		categories->other--;
		categories->total--;
		return (categories->sketch != NULL && sketch_remove(categories->sketch, hash, bytes, length, 1)) || unsketched;
	}
	else
	{
		int32_t	   *slot = categories->n_slots > 0 ? find_slot(categories, hash, bytes, length) : NULL;

		if (slot == NULL || *slot < 0 || categories->entries[*slot].count == 0)
			return false;
		if (--categories->entries[*slot].count == 0)
			categories->n_kept--;
	}
	categories->total--;
	return true;
}

bool
categories_count(const Categories *categories, uint64_t hash, const char *bytes, size_t length, int64_t *count)
{
	const int32_t *slot;

	if (hash > categories->threshold)
		return false;
	slot = categories->n_slots > 0 ? find_slot(categories, hash, bytes, length) : NULL;
	*count = slot == NULL || *slot < 0 ? 0 : categories->entries[*slot].count;
	return true;
}

static bool
subtract_entry(Categories *categories, uint64_t hash, const char *bytes, size_t length, int64_t count)
{
	int32_t	   *slot = categories->n_slots > 0 ? find_slot(categories, hash, bytes, length) : NULL;
	CategoryEntry *entry;
	bool		exact;

	if (slot == NULL || *slot < 0 || categories->entries[*slot].count == 0)
		return false;
	entry = &categories->entries[*slot];
	categories->total -= entry->count;
	exact = subtract_count(&entry->count, count);
	categories->total += entry->count;
	if (entry->count == 0)
		categories->n_kept--;
	return exact;
}

bool
categories_merge(Categories *into, Allocator allocator, const Categories *from, bool subtract, int budget)
{
	int64_t		other = from->other;
	bool		unsketched = categories_unsketched(into) > 0;
	bool		exact = true;

	categories_lower(into, allocator, from->threshold);
	if (from->sketch != NULL && !sketch_merge(sketch_of_others(into, allocator), allocator, from->sketch, subtract))
		exact &= unsketched;
	for (int i = 0; i < from->n_entries; i++)
	{
		const CategoryEntry *entry = &from->entries[i];
		const char *bytes = from->bytes + entry->offset;

		if (entry->count == 0)
			continue;

		/* The threshold may fall while this goes on; what is above it now is counted with the others. */
		if (entry->hash > into->threshold)
		{
			CategorySketch *sketch = sketch_of_others(into, allocator);

			exact &= add_count(&other, entry->count);
			if (!subtract)
				sketch_add(sketch, allocator, entry->hash, bytes, entry->length, entry->count);
			else if (!sketch_remove(sketch, entry->hash, bytes, entry->length, entry->count))
				exact &= unsketched;
		}
		else if (subtract)
			exact &= subtract_entry(into, entry->hash, bytes, entry->length, entry->count);
		else
		{
			exact &= add_count(&into->total, entry->count);
			exact &= add_kept(into, allocator, entry->hash, bytes, entry->length, entry->count, budget);
		}
	}
	if (subtract)
	{
		into->total -= into->other;
		exact &= subtract_count(&into->other, other);
		into->total += into->other;
	}
	else
	{
		exact &= add_count(&into->other, other);
		exact &= add_count(&into->total, other);
	}
	return exact;
}

static int
compare_by_hash(const void *a, const void *b)
{
	const SummaryCategory *first = a;
	const SummaryCategory *second = b;
	size_t		shorter = first->length < second->length ? first->length : second->length;
	int			order;

	if (first->hash != second->hash)
		return first->hash < second->hash ? -1 : 1;
	order = shorter == 0 ? 0 : memcmp(first->bytes, second->bytes, shorter);
	if (order != 0)
		return order;
	return first->length < second->length ? -1 : first->length > second->length;
}

SummaryCategory *
categories_by_hash(const Categories *categories, Allocator allocator)
{
	SummaryCategory *result;
	int			n = 0;

	if (categories->n_kept == 0)
		return NULL;
	result = allocate(allocator, sizeof(SummaryCategory) * (size_t) categories->n_kept);
	for (int i = 0; i < categories->n_entries; i++)
	{
		const CategoryEntry *entry = &categories->entries[i];

		if (entry->count > 0)
			result[n++] = (SummaryCategory){categories->bytes + entry->offset, entry->length, entry->hash, entry->count};
	}
	qsort(result, (size_t) n, sizeof(SummaryCategory), compare_by_hash);
	return result;
}
