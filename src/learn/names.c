/*
 * names.c
 *		Names numbered in the order in which they came: features, categories, classes.
 */
#include "learn/names.h"

#include "learn/learner.h"

/* FNV-1a. */
static uint32_t
hash_name(const char *name, size_t length)
{
	uint32_t	hash = UINT32_C(2166136261);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t) name[i]) * UINT32_C(16777619);
	return hash ^ hash >> 15;
}

static bool
is_name(const NumberedName *name, const char *bytes, size_t length)
{
	return name->length == length && memcmp(name->bytes, bytes, length) == 0;
}

/* A name that is too long is cut before a character of UTF-8 begins; so it is when it is asked for. */
static size_t
cut(const char *name, size_t length)
{
	if (length <= LEARNER_MAX_NAME)
		return length;
	length = LEARNER_MAX_NAME;
	while (length > LEARNER_MAX_NAME - 4 && ((uint8_t) name[length] & 0xC0) == 0x80)
		length--;
	return length;
}

static int
find(const Names *names, const char *name, size_t length, uint32_t hash)
{
	if (names->n_buckets == 0)
		return -1;
	for (uint32_t i = hash;; i++)
	{
		int			number = names->buckets[i & (uint32_t) (names->n_buckets - 1)] - 1;

		if (number < 0)
			return -1;
		if (names->names[number].hash == hash && is_name(&names->names[number], name, length))
			return number;
	}
}

int
names_find(const Names *names, const char *name, size_t length)
{
	length = cut(name, length);
	return find(names, name, length, hash_name(name, length));
}

static void
put(Names *names, int number)
{
	uint32_t	i = names->names[number].hash;

	while (names->buckets[i & (uint32_t) (names->n_buckets - 1)] != 0)
		i++;
	names->buckets[i & (uint32_t) (names->n_buckets - 1)] = number + 1;
}

static int
next_capacity(const Names *names)
{
	return names->capacity == 0 ? 4 : 2 * names->capacity;
}

size_t
names_growth(const Names *names, size_t length)
{
	size_t		bytes = (length < LEARNER_MAX_NAME ? length : LEARNER_MAX_NAME) + 1;

	if (names->n == names->capacity)
		bytes += (size_t) (next_capacity(names) - names->capacity) * sizeof(NumberedName) +
			(size_t) (4 * next_capacity(names) - names->n_buckets) * sizeof(int);
	return bytes;
}

static void
grow(Allocator allocator, Names *names)
{
	int			capacity = next_capacity(names);
	int			n_buckets = 4 * capacity;

	names->names = allocator.resize(allocator.context, names->names, (size_t) names->capacity * sizeof(NumberedName),
									(size_t) capacity * sizeof(NumberedName));
	names->buckets = allocator.resize(allocator.context, names->buckets, (size_t) names->n_buckets * sizeof(int),
									  (size_t) n_buckets * sizeof(int));
	names->capacity = capacity;
	names->n_buckets = n_buckets;
	memset(names->buckets, 0, (size_t) n_buckets * sizeof(int));
	for (int i = 0; i < names->n; i++)
		put(names, i);
}

static char *
copied(Allocator allocator, const char *name, size_t length)
{
	/* One byte at least: there is no block of none. */
	char	   *bytes = allocator.resize(allocator.context, NULL, 0, length + 1);

	memcpy(bytes, name, length);
	bytes[length] = '\0';
	return bytes;
}

int
names_add(Allocator allocator, Names *names, const char *name, size_t length, int limit)
{
	uint32_t	hash;
	int			number;
	NumberedName *added;

	length = cut(name, length);
	if (names->n > 0 && is_name(&names->names[names->last], name, length))
		return names->last;
	hash = hash_name(name, length);
	number = find(names, name, length, hash);
	if (number < 0)
	{
		if (names->n >= limit)
			return -1;
		if (names->n == names->capacity)
			grow(allocator, names);
		number = names->n++;
		added = &names->names[number];
		added->bytes = copied(allocator, name, length);
		added->length = length;
		added->hash = hash;
		put(names, number);
	}
	names->last = number;
	return number;
}

size_t
names_rename_growth(const Names *names, PresentLabel present, void *context)
{
	size_t		bytes = (size_t) names->n * sizeof(NumberedName);

	for (int i = 0; i < names->n; i++)
	{
		size_t		length;

		if (present(context, names->names[i].bytes, names->names[i].length, &length) != NULL)
			bytes += (length < LEARNER_MAX_NAME ? length : LEARNER_MAX_NAME) + 1;
	}
	return bytes;
}

/* Whether it gets another name: nobody has that, or who has it gets another one, and so on, maybe back to this one. */
static bool
is_renamed(const Names *names, int number, PresentLabel present, void *context)
{
	int			next = number;

	for (int i = 0; i < names->n; i++)
	{
		size_t		length;
		const char *name = present(context, names->names[next].bytes, names->names[next].length, &length);

		if (name == NULL)
			return false;
		next = names_find(names, name, length);
		if (next < 0 || next == number)
			return true;
	}
	return false;
}

void
names_rename(Allocator allocator, Names *names, PresentLabel present, void *context)
{
	size_t		size = (size_t) names->n * sizeof(NumberedName);
	NumberedName *renamed;

	if (names->n == 0)
		return;
	/* All of them before any takes its name. */
	renamed = allocator.resize(allocator.context, NULL, 0, size);
	memcpy(renamed, names->names, size);
	for (int i = 0; i < names->n; i++)
	{
		size_t		length;
		const char *name;

		if (!is_renamed(names, i, present, context))
			continue;
		name = present(context, names->names[i].bytes, names->names[i].length, &length);
		length = cut(name, length);
		renamed[i] = (NumberedName){.bytes = copied(allocator, name, length), .length = length, .hash = hash_name(name, length)};
	}
	for (int i = 0; i < names->n; i++)
		if (renamed[i].bytes != names->names[i].bytes)
			allocator.resize(allocator.context, names->names[i].bytes, names->names[i].length + 1, 0);
	memcpy(names->names, renamed, size);
	allocator.resize(allocator.context, renamed, size, 0);
	memset(names->buckets, 0, (size_t) names->n_buckets * sizeof(int));
	for (int i = 0; i < names->n; i++)
		put(names, i);
}

void
names_free(Allocator allocator, Names *names)
{
	for (int i = 0; i < names->n; i++)
		allocator.resize(allocator.context, names->names[i].bytes, names->names[i].length + 1, 0);
	if (names->capacity > 0)
	{
		allocator.resize(allocator.context, names->names, (size_t) names->capacity * sizeof(NumberedName), 0);
		allocator.resize(allocator.context, names->buckets, (size_t) names->n_buckets * sizeof(int), 0);
	}
	memset(names, 0, sizeof(*names));
}

size_t
names_memory(const Names *names)
{
	size_t		memory = (size_t) names->capacity * sizeof(NumberedName) + (size_t) names->n_buckets * sizeof(int);

	for (int i = 0; i < names->n; i++)
		memory += names->names[i].length + 1;
	return memory;
}

bool
names_before(const Names *names, int a, int b)
{
	const NumberedName *first = &names->names[a];
	const NumberedName *second = &names->names[b];
	size_t		common = first->length < second->length ? first->length : second->length;
	int			difference = memcmp(first->bytes, second->bytes, common);

	return difference < 0 || (difference == 0 && first->length < second->length);
}

void
archive_names(Archive *archive, Names *names, int limit)
{
	int			n = names->n;

	archive_count(archive, &n, 0, limit);
	for (int i = 0; i < n && !archive_is_corrupt(archive); i++)
	{
		char		bytes[LEARNER_MAX_NAME];
		int			length = archive_reads(archive) ? 0 : (int) names->names[i].length;

		archive_count(archive, &length, 0, LEARNER_MAX_NAME);
		for (int j = 0; j < length; j++)
			if (archive_reads(archive))
				bytes[j] = (char) wire_get_byte(&archive->reader);
			else
				archive->position = wire_put_byte(archive->mode == ARCHIVE_WRITE ? archive->buffer : NULL, archive->position,
												  (uint8_t) names->names[i].bytes[j]);
		if (archive_reads(archive) && !archive_is_corrupt(archive) &&
			names_add(archive->allocator, names, bytes, (size_t) length, limit) != i)
			archive_refuse(archive); /* twice the same */
	}
}
