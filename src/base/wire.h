/*
 * wire.h
 *		Bytes and integers of stored forms: the same on every machine.  Plain C.
 *
 * Integers are LEB128: 7 bits per byte, least significant first, and no superfluous byte, so that a number has one form.
 */
#ifndef WEIR_WIRE_H
#define WEIR_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- writing: with no buffer only the position moves, which gives the size ---- */

static inline size_t
wire_put_byte(uint8_t *buffer, size_t position, uint8_t byte)
{
	if (buffer != NULL)
		buffer[position] = byte;
	return position + 1;
}

static inline size_t
wire_put_integer(uint8_t *buffer, size_t position, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		position = wire_put_byte(buffer, position, (uint8_t) (value | 0x80));
	return wire_put_byte(buffer, position, (uint8_t) value);
}

/* Small for small numbers of either sign. */
static inline uint64_t
wire_zigzag(int64_t value)
{
	return (uint64_t) value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t
wire_unzigzag(uint64_t value)
{
	return (int64_t) (value >> 1 ^ ((value & 1) != 0 ? UINT64_MAX : 0));
}

/* ---- reading: after the first fault every read gives 0 and the fault stays ---- */

typedef struct WireReader
{
	const uint8_t *bytes;
	size_t		size;
	size_t		position;
	bool		corrupt;
} WireReader;

static inline uint8_t
wire_get_byte(WireReader *reader)
{
	if (reader->position < reader->size && !reader->corrupt)
		return reader->bytes[reader->position++];
	reader->corrupt = true;
	return 0;
}

static inline uint64_t
wire_get_integer(WireReader *reader)
{
	uint64_t	value = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8_t		byte = wire_get_byte(reader);

		value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			/* A superfluous byte, or bits beyond the 64th. */
			if ((byte == 0 && shift > 0) || (shift == 63 && byte > 1))
				break;
			return reader->corrupt ? 0 : value;
		}
	}
	reader->corrupt = true;
	return 0;
}

/* An integer that must not be larger. */
static inline uint64_t
wire_get_at_most(WireReader *reader, uint64_t limit)
{
	uint64_t	value = wire_get_integer(reader);

	if (value > limit)
		reader->corrupt = true;
	return reader->corrupt ? 0 : value;
}

#endif
