/*
 * fairness_seen.c
 *		Groups seen lately: a direct-mapped table by a hash of their values' bytes.
 */
#include "postgres.h"

#include "base/compat.h"
#include "catalog/pg_type_d.h"
#include "fairness/fairness_seen.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define N_SLOTS 256 /* a power of two */
#define MAX_BYTES 120 /* of a group's values by reference together; longer ones are not remembered */
#define MAX_COLUMNS 8

typedef struct Slot
{
	SeenGroup	group;
	uint64		hash;
	uint64		words[MAX_COLUMNS]; /* a value itself, or its length; of a NULL 0 */
	uint8		nulls;			/* a bit per column */
	uint8		n_bytes;
	char		bytes[MAX_BYTES];
} Slot;

typedef struct Column
{
	int16		length;
	bool		by_value;
} Column;

struct SeenGroups
{
	Column		columns[MAX_COLUMNS];
	Slot		slots[N_SLOTS];
};

SeenGroups *
seen_groups_create(int n_columns, const ValueReader *readers, MemoryContext context)
{
	SeenGroups *groups;

	if (n_columns > MAX_COLUMNS)
		return NULL;
	groups = MemoryContextAllocZero(context, sizeof(SeenGroups));
	for (int i = 0; i < n_columns; i++)
	{
		if (readers[i].type == UNKNOWNOID)
		{
			pfree(groups);
			return NULL;
		}
		get_typlenbyval(readers[i].type, &groups->columns[i].length, &groups->columns[i].by_value);
		if (!groups->columns[i].by_value && groups->columns[i].length < -1)
		{
			pfree(groups);
			return NULL;
		}
	}
	return groups;
}

static inline uint64
mix(uint64 hash, uint64 word)
{
	hash = (hash ^ word) * UINT64CONST(0x9e3779b97f4a7c15);
	return hash ^ (hash >> 32);
}

static inline uint64
mix_bytes(uint64 hash, const char *bytes, size_t length)
{
	uint64		word;

	for (; length >= 8; bytes += 8, length -= 8)
	{
		memcpy(&word, bytes, 8);
		hash = mix(hash, word);
	}
	word = 0;
	memcpy(&word, bytes, length);
	return mix(hash, word);
}

/* The bytes of a value by reference; NULL when they are not at hand. */
static inline const char *
bytes_of(const Column *column, Datum value, size_t *length)
{
	const char *bytes = DatumGetPointer(value);

	if (column->length > 0)
	{
		*length = (size_t) column->length;
		return bytes;
	}
	if (VARATT_IS_EXTERNAL(bytes) || VARATT_IS_COMPRESSED(bytes))
		return NULL;
	*length = VARSIZE_ANY_EXHDR(bytes);
	return VARDATA_ANY(bytes);
}

SeenGroup *
seen_groups_find(SeenGroups *groups, const NullableDatum *values, int n_columns)
{
	uint64		words[MAX_COLUMNS];
	const char *bytes[MAX_COLUMNS];
	uint64		hash = 0;
	uint8		nulls = 0;
	size_t		n_bytes = 0;
	size_t		at = 0;
	Slot	   *slot;
	bool		same;

	for (int i = 0; i < n_columns; i++)
	{
		const Column *column = &groups->columns[i];

		bytes[i] = NULL;
		words[i] = 0;
		if (values[i].isnull)
			nulls |= (uint8) (1 << i);
		else if (column->by_value)
			words[i] = (uint64) values[i].value;
		else
		{
			size_t		length;

			bytes[i] = bytes_of(column, values[i].value, &length);
			if (bytes[i] == NULL || n_bytes + length > MAX_BYTES)
				return NULL;
			words[i] = length;
			n_bytes += length;
			hash = mix_bytes(hash, bytes[i], length);
		}
		hash = mix(hash, words[i]);
	}
	hash = mix(hash, nulls);
	slot = &groups->slots[hash & (N_SLOTS - 1)];
	same = slot->group.places != 0 && slot->hash == hash && slot->n_bytes == n_bytes && slot->nulls == nulls &&
		memcmp(slot->words, words, sizeof(uint64) * n_columns) == 0;
	for (int i = 0; i < n_columns && same; i++)
		if (bytes[i] != NULL)
		{
			same = memcmp(slot->bytes + at, bytes[i], words[i]) == 0;
			at += words[i];
		}
	if (same)
		return &slot->group;
	slot->group.places = 0;
	slot->hash = hash;
	slot->nulls = nulls;
	slot->n_bytes = (uint8) n_bytes;
	memcpy(slot->words, words, sizeof(uint64) * n_columns);
	at = 0;
	for (int i = 0; i < n_columns; i++)
		if (bytes[i] != NULL)
		{
			memcpy(slot->bytes + at, bytes[i], words[i]);
			at += words[i];
		}
	return &slot->group;
}
