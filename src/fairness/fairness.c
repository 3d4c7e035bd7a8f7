/*
 * fairness.c
 *		Confusion counts by group, as an open-addressing hash table over an array of groups.
 *
 * Groups whose counts all return to zero stay in the array until room is needed, so that a table that adds and takes back the
 * same group over and over does not churn; they are invisible to every reader.
 */
#include "fairness/fairness.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct Entry
{
	char	   *key;
	size_t		length;
	uint64_t	hash;
	int64_t		counts[3][3];
} Entry;

struct FairnessTable
{
	Allocator	allocator;
	int			n_columns;
	int			max_groups;		/* 0: no limit but that of the key bytes */
	uint64_t	places;			/* see fairness_places */
	int64_t		size;			/* of all counts together, without their signs */
	size_t		key_bytes;
	size_t		n_entries;
	size_t		capacity;		/* of entries */
	Entry	   *entries;
	size_t		n_slots;		/* a power of two, above capacity */
	uint32_t   *slots;			/* index of an entry plus one; 0 is free */
};

static void *
resize(FairnessTable *table, void *pointer, size_t old_size, size_t size)
{
	return table->allocator.resize(table->allocator.context, pointer, old_size, size);
}

/* FNV-1a, with a final mix because the slots use the low bits. */
static uint64_t
hash_key(const char *key, size_t length)
{
	uint64_t	hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
	{
		hash ^= (unsigned char) key[i];
		hash *= UINT64_C(0x100000001b3);
	}
	hash ^= hash >> 32;
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ (hash >> 29);
}

static uint64_t
new_places(void)
{
	static uint64_t last = 0;

	return ++last;
}

FairnessTable *
fairness_create(Allocator allocator, int n_columns, int max_groups)
{
	FairnessTable *table = allocator.resize(allocator.context, NULL, 0, sizeof(FairnessTable));

	memset(table, 0, sizeof(FairnessTable));
	table->places = new_places();
	table->allocator = allocator;
	table->n_columns = n_columns;
	fairness_set_max_groups(table, max_groups);
	return table;
}

void
fairness_set_max_groups(FairnessTable *table, int max_groups)
{
	table->max_groups = max_groups < 0 ? 0 : max_groups;
}

void
fairness_free(FairnessTable *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < table->n_entries; i++)
		if (table->entries[i].length > 0)
			resize(table, table->entries[i].key, table->entries[i].length, 0);
	if (table->entries != NULL)
		resize(table, table->entries, table->capacity * sizeof(Entry), 0);
	if (table->slots != NULL)
		resize(table, table->slots, table->n_slots * sizeof(uint32_t), 0);
	resize(table, table, sizeof(FairnessTable), 0);
}

size_t
fairness_memory(const FairnessTable *table)
{
	return sizeof(FairnessTable) + table->key_bytes + table->capacity * sizeof(Entry) + table->n_slots * sizeof(uint32_t);
}

Allocator
fairness_allocator(const FairnessTable *table)
{
	return table->allocator;
}

int
fairness_n_columns(const FairnessTable *table)
{
	return table->n_columns;
}

static bool
is_zero(int64_t counts[3][3])
{
	for (int i = 0; i < 9; i++)
		if (counts[i / 3][i % 3] != 0)
			return false;
	return true;
}

static void
link_entry(FairnessTable *table, size_t index)
{
	size_t		slot = table->entries[index].hash & (table->n_slots - 1);

	while (table->slots[slot] != 0)
		slot = (slot + 1) & (table->n_slots - 1);
	table->slots[slot] = (uint32_t) index + 1;
}

static void
link_all(FairnessTable *table)
{
	memset(table->slots, 0, table->n_slots * sizeof(uint32_t));
	for (size_t i = 0; i < table->n_entries; i++)
		link_entry(table, i);
}

static void
drop_zero_entries(FairnessTable *table)
{
	size_t		kept = 0;

	for (size_t i = 0; i < table->n_entries; i++)
	{
		Entry	   *entry = &table->entries[i];

		if (is_zero(entry->counts))
		{
			table->key_bytes -= entry->length;
			if (entry->length > 0)
				resize(table, entry->key, entry->length, 0);
		}
		else
			table->entries[kept++] = *entry;
	}
	if (kept < table->n_entries)
	{
		table->n_entries = kept;
		table->places = new_places();
		link_all(table);
	}
}

static void
grow(FairnessTable *table)
{
	size_t		capacity = table->capacity == 0 ? 4 : table->capacity * 2;

	table->entries = resize(table, table->entries, table->capacity * sizeof(Entry), capacity * sizeof(Entry));
	table->capacity = capacity;
	table->slots = resize(table, table->slots, table->n_slots * sizeof(uint32_t), capacity * 2 * sizeof(uint32_t));
	table->n_slots = capacity * 2;
	link_all(table);
}

static Entry *
find(const FairnessTable *table, const char *key, size_t length, uint64_t hash)
{
	size_t		slot;

	if (table->n_slots == 0)
		return NULL;
	slot = hash & (table->n_slots - 1);
	while (table->slots[slot] != 0)
	{
		Entry	   *entry = &table->entries[table->slots[slot] - 1];

		if (entry->hash == hash && entry->length == length && (length == 0 || memcmp(entry->key, key, length) == 0))
			return entry;
		slot = (slot + 1) & (table->n_slots - 1);
	}
	return NULL;
}

static bool
has_room(FairnessTable *table, size_t n_new, size_t new_bytes)
{
	size_t		limit = table->max_groups > 0 ? (size_t) table->max_groups : INT_MAX;

	for (int attempt = 0; attempt < 2; attempt++)
	{
		if (table->n_entries + n_new <= limit && table->key_bytes + new_bytes <= FAIRNESS_MAX_KEY_BYTES)
			return true;
		if (attempt == 0)
			drop_zero_entries(table);
	}
	return false;
}

static Entry *
insert(FairnessTable *table, const char *key, size_t length, uint64_t hash)
{
	Entry	   *entry;

	if (table->n_entries == table->capacity)
		grow(table);
	entry = &table->entries[table->n_entries];
	memset(entry, 0, sizeof(Entry));
	if (length > 0)
	{
		entry->key = resize(table, NULL, 0, length);
		memcpy(entry->key, key, length);
	}
	entry->length = length;
	entry->hash = hash;
	table->key_bytes += length;
	link_entry(table, table->n_entries);
	table->n_entries++;
	return entry;
}

static bool
in_range(int64_t count)
{
	return count <= FAIRNESS_MAX_COUNT && count >= -FAIRNESS_MAX_COUNT;
}

/* What the size of a table grows by; both are in range, so that nothing overflows. */
static int64_t
growth(int64_t present, int64_t count)
{
	return llabs(present + count) - llabs(present);
}

FairnessStatus
fairness_place(FairnessTable *table, const char *key, size_t length, size_t *place)
{
	uint64_t	hash = hash_key(key, length);
	Entry	   *entry = find(table, key, length, hash);

	if (entry == NULL)
	{
		if (!has_room(table, 1, length))
			return FAIRNESS_TOO_MANY_GROUPS;
		entry = insert(table, key, length, hash);
	}
	*place = (size_t) (entry - table->entries);
	return FAIRNESS_OK;
}

uint64_t
fairness_places(const FairnessTable *table)
{
	return table->places;
}

FairnessStatus
fairness_add_at(FairnessTable *table, size_t place, Outcome prediction, Outcome label, int64_t count)
{
	int64_t	   *cell = &table->entries[place].counts[prediction][label];
	int64_t		size;

	if (!in_range(count))
		return FAIRNESS_CORRUPT;
	size = table->size + growth(*cell, count);
	if (size > FAIRNESS_MAX_COUNT)
		return FAIRNESS_CORRUPT;
	*cell += count;
	table->size = size;
	return FAIRNESS_OK;
}

FairnessStatus
fairness_add(FairnessTable *table, const char *key, size_t length, Outcome prediction, Outcome label, int64_t count)
{
	size_t		place;
	FairnessStatus status = fairness_place(table, key, length, &place);

	return status == FAIRNESS_OK ? fairness_add_at(table, place, prediction, label, count) : status;
}

static int64_t
growth_of_all(const Entry *entry, int64_t counts[3][3], int sign)
{
	int64_t		result = 0;

	for (int i = 0; i < 9; i++)
		result += growth(entry == NULL ? 0 : entry->counts[i / 3][i % 3], sign * counts[i / 3][i % 3]);
	return result;
}

static void
add_all(Entry *entry, int64_t counts[3][3], int sign)
{
	for (int i = 0; i < 9; i++)
		entry->counts[i / 3][i % 3] += sign * counts[i / 3][i % 3];
}

FairnessStatus
fairness_add_counts(FairnessTable *table, const char *key, size_t length, int64_t counts[3][3])
{
	uint64_t	hash = hash_key(key, length);
	Entry	   *entry = find(table, key, length, hash);
	int64_t		size;

	for (int i = 0; i < 9; i++)
		if (!in_range(counts[i / 3][i % 3]))
			return FAIRNESS_CORRUPT;
	size = table->size + growth_of_all(entry, counts, 1);
	if (size > FAIRNESS_MAX_COUNT)
		return FAIRNESS_CORRUPT;
	if (entry == NULL)
	{
		if (!has_room(table, 1, length))
			return FAIRNESS_TOO_MANY_GROUPS;
		entry = insert(table, key, length, hash);
	}
	add_all(entry, counts, 1);
	table->size = size;
	return FAIRNESS_OK;
}

/* Everything is checked before anything is changed. */
static FairnessStatus
combine(FairnessTable *into, const FairnessTable *from, int sign)
{
	size_t		n_new = 0;
	size_t		new_bytes = 0;
	int64_t		size = into->size;

	if (into->n_columns != from->n_columns)
		return FAIRNESS_COLUMNS_DIFFER;
	drop_zero_entries(into);
	for (size_t i = 0; i < from->n_entries; i++)
	{
		Entry	   *source = &from->entries[i];
		Entry	   *entry = find(into, source->key, source->length, source->hash);

		if (is_zero(source->counts))
			continue;
		size += growth_of_all(entry, source->counts, sign);
		if (entry == NULL)
		{
			n_new++;
			new_bytes += source->length;
		}
	}
	if (size > FAIRNESS_MAX_COUNT)
		return FAIRNESS_CORRUPT;
	if (!has_room(into, n_new, new_bytes))
		return FAIRNESS_TOO_MANY_GROUPS;
	for (size_t i = 0; i < from->n_entries; i++)
	{
		Entry	   *source = &from->entries[i];
		Entry	   *entry;

		if (is_zero(source->counts))
			continue;
		entry = find(into, source->key, source->length, source->hash);
		if (entry == NULL)
			entry = insert(into, source->key, source->length, source->hash);
		add_all(entry, source->counts, sign);
	}
	into->size = size;
	return FAIRNESS_OK;
}

FairnessStatus
fairness_merge(FairnessTable *into, const FairnessTable *from)
{
	return combine(into, from, 1);
}

FairnessStatus
fairness_subtract(FairnessTable *into, const FairnessTable *from)
{
	return combine(into, from, -1);
}

FairnessTable *
fairness_copy(Allocator allocator, const FairnessTable *table)
{
	FairnessTable *copy = fairness_create(allocator, table->n_columns, table->max_groups);

	for (size_t i = 0; i < table->n_entries; i++)
		if (!is_zero(table->entries[i].counts))
		{
			Entry	   *entry = &table->entries[i];

			add_all(insert(copy, entry->key, entry->length, entry->hash), entry->counts, 1);
		}
	copy->size = table->size;
	return copy;
}

static int
compare_groups(const void *a, const void *b)
{
	const FairnessGroup *left = a;
	const FairnessGroup *right = b;
	size_t		shared = left->length < right->length ? left->length : right->length;
	int			order = shared == 0 ? 0 : memcmp(left->key, right->key, shared);

	if (order != 0)
		return order;
	return (left->length > right->length) - (left->length < right->length);
}

size_t
fairness_groups(const FairnessTable *table, FairnessGroup *groups, size_t capacity)
{
	FairnessGroup *all = groups;
	size_t		n = 0;

	for (size_t i = 0; i < table->n_entries; i++)
		if (!is_zero(table->entries[i].counts))
			n++;
	if (n == 0 || capacity == 0)
		return n;
	if (capacity < n)
		all = table->allocator.resize(table->allocator.context, NULL, 0, n * sizeof(FairnessGroup));
	n = 0;
	for (size_t i = 0; i < table->n_entries; i++)
	{
		const Entry *entry = &table->entries[i];

		if (is_zero(table->entries[i].counts))
			continue;
		all[n].key = entry->length > 0 ? entry->key : "";
		all[n].length = entry->length;
		memcpy(all[n].counts, entry->counts, sizeof(entry->counts));
		n++;
	}
	qsort(all, n, sizeof(FairnessGroup), compare_groups);
	if (all != groups)
	{
		memcpy(groups, all, capacity * sizeof(FairnessGroup));
		table->allocator.resize(table->allocator.context, all, n * sizeof(FairnessGroup), 0);
	}
	return n;
}

static bool
covers(const FairnessTable *a, const FairnessTable *b)
{
	for (size_t i = 0; i < a->n_entries; i++)
	{
		Entry	   *entry = &a->entries[i];
		Entry	   *other;

		if (is_zero(entry->counts))
			continue;
		other = find(b, entry->key, entry->length, entry->hash);
		if (other == NULL || memcmp(other->counts, entry->counts, sizeof(entry->counts)) != 0)
			return false;
	}
	return true;
}

bool
fairness_equal(const FairnessTable *a, const FairnessTable *b)
{
	return a->n_columns == b->n_columns && covers(a, b) && covers(b, a);
}
