/*
 * fairness_wire.c
 *		A fairness table as bytes: versioned, canonical, independent of byte order.
 *
 * Version byte; number of columns; number of groups; per group, in ascending byte order of keys: length of the key, key, nine
 * counts. Numbers are little-endian base-128 without needless bytes, counts zigzag-coded; so equal tables, and only they, have
 * equal bytes.
 */
#include "fairness/fairness.h"

#include <string.h>

#define WIRE_VERSION 1
#define MAX_NUMBER_SIZE 10

static size_t
number_size(uint64_t number)
{
	size_t		size = 1;

	while (number >= 0x80)
	{
		number >>= 7;
		size++;
	}
	return size;
}

static uint8_t *
put_number(uint8_t *at, uint64_t number)
{
	while (number >= 0x80)
	{
		*at++ = (uint8_t) (number | 0x80);
		number >>= 7;
	}
	*at++ = (uint8_t) number;
	return at;
}

static bool
get_number(const uint8_t **at, const uint8_t *end, uint64_t *number)
{
	uint64_t	result = 0;

	for (int i = 0; i < MAX_NUMBER_SIZE && *at < end; i++)
	{
		uint8_t		byte = *(*at)++;

		if (i == MAX_NUMBER_SIZE - 1 && byte > 1)
			return false;
		result |= (uint64_t) (byte & 0x7f) << (7 * i);
		if ((byte & 0x80) == 0)
		{
			*number = result;
			return i == 0 || byte != 0;
		}
	}
	return false;
}

static uint64_t
zigzag(int64_t number)
{
	return number < 0 ? ((uint64_t) - (number + 1) << 1) | 1 : (uint64_t) number << 1;
}

static int64_t
unzigzag(uint64_t number)
{
	return (number & 1) ? -(int64_t) (number >> 1) - 1 : (int64_t) (number >> 1);
}

/* The groups in order, in memory that the caller gives back through the same allocator. */
static FairnessGroup *
sorted_groups(const FairnessTable *table, Allocator allocator, size_t *n)
{
	FairnessGroup *groups;

	*n = fairness_groups(table, NULL, 0);
	if (*n == 0)
		return NULL;
	groups = allocator.resize(allocator.context, NULL, 0, *n * sizeof(FairnessGroup));
	fairness_groups(table, groups, *n);
	return groups;
}

static void
release_groups(Allocator allocator, FairnessGroup *groups, size_t n)
{
	if (groups != NULL)
		allocator.resize(allocator.context, groups, n * sizeof(FairnessGroup), 0);
}

size_t
fairness_encoded_size(const FairnessTable *table)
{
	Allocator	allocator = fairness_allocator(table);
	size_t		n;
	FairnessGroup *groups = sorted_groups(table, allocator, &n);
	size_t		size = 1 + number_size((uint64_t) fairness_n_columns(table)) + number_size(n);

	for (size_t i = 0; i < n; i++)
	{
		size += number_size(groups[i].length) + groups[i].length;
		for (int j = 0; j < 9; j++)
			size += number_size(zigzag(groups[i].counts[j / 3][j % 3]));
	}
	release_groups(allocator, groups, n);
	return size;
}

size_t
fairness_encode(const FairnessTable *table, uint8_t *buffer)
{
	Allocator	allocator = fairness_allocator(table);
	size_t		n;
	FairnessGroup *groups = sorted_groups(table, allocator, &n);
	uint8_t	   *at = buffer;

	*at++ = WIRE_VERSION;
	at = put_number(at, (uint64_t) fairness_n_columns(table));
	at = put_number(at, n);
	for (size_t i = 0; i < n; i++)
	{
		at = put_number(at, groups[i].length);
		memcpy(at, groups[i].key, groups[i].length);
		at += groups[i].length;
		for (int j = 0; j < 9; j++)
			at = put_number(at, zigzag(groups[i].counts[j / 3][j % 3]));
	}
	release_groups(allocator, groups, n);
	return (size_t) (at - buffer);
}

static bool
ascending(const char *previous, size_t previous_length, const char *key, size_t length)
{
	size_t		shared = previous_length < length ? previous_length : length;
	int			order = shared == 0 ? 0 : memcmp(previous, key, shared);

	return order < 0 || (order == 0 && previous_length < length);
}

static bool
get_group(const uint8_t **at, const uint8_t *end, int n_columns, FairnessGroup *group)
{
	uint64_t	length;
	bool		any = false;

	if (!get_number(at, end, &length) || length > (uint64_t) (end - *at))
		return false;
	group->key = (const char *) *at;
	group->length = (size_t) length;
	*at += length;
	if (!fairness_key_valid(group->key, group->length, n_columns))
		return false;
	for (int i = 0; i < 9; i++)
	{
		uint64_t	number;

		if (!get_number(at, end, &number))
			return false;
		group->counts[i / 3][i % 3] = unzigzag(number);
		any = any || number != 0;
	}
	return any;
}

FairnessStatus
fairness_decode(Allocator allocator, const uint8_t *bytes, size_t size, FairnessTable **result)
{
	const uint8_t *at = bytes;
	const uint8_t *end = bytes + size;
	uint64_t	n_columns;
	uint64_t	n_groups;
	FairnessTable *table;
	FairnessGroup previous = {0};

	if (size < 3 || *at++ != WIRE_VERSION || !get_number(&at, end, &n_columns) || n_columns > FAIRNESS_MAX_COLUMNS ||
		!get_number(&at, end, &n_groups) || n_groups > (uint64_t) (end - at))
		return FAIRNESS_CORRUPT;
	table = fairness_create(allocator, (int) n_columns, 0);
	for (uint64_t i = 0; i < n_groups; i++)
	{
		FairnessGroup group;

		if (!get_group(&at, end, (int) n_columns, &group) ||
			(i > 0 && !ascending(previous.key, previous.length, group.key, group.length)) ||
			fairness_add_counts(table, group.key, group.length, group.counts) != FAIRNESS_OK)
		{
			fairness_free(table);
			return FAIRNESS_CORRUPT;
		}
		previous = group;
	}
	if (at != end)
	{
		fairness_free(table);
		return FAIRNESS_CORRUPT;
	}
	fairness_set_max_groups(table, n_groups > FAIRNESS_DEFAULT_MAX_GROUPS ? (int) n_groups : FAIRNESS_DEFAULT_MAX_GROUPS);
	*result = table;
	return FAIRNESS_OK;
}
