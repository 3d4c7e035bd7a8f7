/*
 * archive.h
 *		One walk over a state for measuring, writing and reading it, so that what is written is what is read.  Plain C.
 *
 * A function that takes an Archive names each member once, in order; which of the three happens depends on the archive. Integers
 *are LEB128, doubles eight bytes with the least significant first: the same on every machine, bit for bit. Bytes may come from
 *anybody: after the first fault everything reads as zero and nothing is allocated any more, and every count is checked against its
 *bounds and against what is left to read.
 */
#ifndef WEIR_ARCHIVE_H
#define WEIR_ARCHIVE_H

#include <string.h>

#include "base/allocator.h"
#include "base/wire.h"

typedef enum ArchivePurpose
{
	ARCHIVE_MEASURE,
	ARCHIVE_WRITE,
	ARCHIVE_READ
} ArchivePurpose;

typedef struct Archive
{
	ArchivePurpose mode;
	Allocator	allocator;
	uint8_t	   *buffer;			/* written to */
	size_t		position;		/* written, or measured, so far */
	WireReader	reader;
} Archive;

static inline bool
archive_reads(const Archive *archive)
{
	return archive->mode == ARCHIVE_READ;
}

static inline bool
archive_is_corrupt(const Archive *archive)
{
	return archive_reads(archive) && archive->reader.corrupt;
}

/* What was read cannot be. */
static inline void
archive_refuse(Archive *archive)
{
	archive->reader.corrupt = true;
}

/* Bytes that are left to read, which bound every allocation. */
static inline size_t
archive_left(const Archive *archive)
{
	return archive->reader.corrupt ? 0 : archive->reader.size - archive->reader.position;
}

/* An integer between low and high. */
static inline void
archive_integer(Archive *archive, int64_t *value, int64_t low, int64_t high)
{
	if (archive_reads(archive))
	{
		*value = wire_unzigzag(wire_get_integer(&archive->reader));
		if (*value < low || *value > high)
			archive_refuse(archive);
		if (archive->reader.corrupt)
			*value = low;
	}
	else
		archive->position =
			wire_put_integer(archive->mode == ARCHIVE_WRITE ? archive->buffer : NULL, archive->position, wire_zigzag(*value));
}

static inline void
archive_count(Archive *archive, int *value, int low, int high)
{
	int64_t		wide = *value;

	archive_integer(archive, &wide, low, high);
	*value = (int) wide;
}

static inline void
archive_boolean(Archive *archive, bool *value)
{
	int			number = *value;

	archive_count(archive, &number, 0, 1);
	*value = number != 0;
}

static inline void
archive_word(Archive *archive, uint64_t *value)
{
	if (archive_reads(archive))
	{
		*value = 0;
		for (int i = 0; i < 8; i++)
			*value |= (uint64_t) wire_get_byte(&archive->reader) << 8 * i;
		return;
	}
	for (int i = 0; i < 8; i++)
		archive->position =
			wire_put_byte(archive->mode == ARCHIVE_WRITE ? archive->buffer : NULL, archive->position, (uint8_t) (*value >> 8 * i));
}

/* Any double, NaN and infinities too: what is used as a place or a count is an integer. */
static inline void
archive_double(Archive *archive, double *value)
{
	uint64_t	word;

	memcpy(&word, value, sizeof(word));
	archive_word(archive, &word);
	memcpy(value, &word, sizeof(word));
}

/* Room for so many elements, each of which takes at least one byte of what is left to read; NULL, and a fault, for more. */
static inline void *
archive_room(Archive *archive, int64_t n, size_t element)
{
	void	   *room;

	if (n < 0 || (uint64_t) n > archive_left(archive))
		archive_refuse(archive);
	if (archive->reader.corrupt || n == 0)
		return NULL;
	room = archive->allocator.resize(archive->allocator.context, NULL, 0, (size_t) n * element);
	memset(room, 0, (size_t) n * element);
	return room;
}

/* An array of n doubles, allocated when read. */
static inline void
archive_doubles(Archive *archive, double **values, int64_t n)
{
	if (archive_reads(archive))
	{
		*values = NULL;
		if (n < 0 || (uint64_t) n > archive_left(archive) / 8)
			archive_refuse(archive);
		*values = archive_room(archive, n, sizeof(double));
		if (*values == NULL)
			return;
	}
	for (int64_t i = 0; i < n; i++)
		archive_double(archive, &(*values)[i]);
}

#endif
