/*
 * wire_buffer.h
 *		Writing and reading the stored form: bytes, integers, bits.  Plain C, private to this room.
 *
 * A Writer without a buffer only measures; one with room to spare writes bits by whole words.  A Reader that has met a fault gives
 *zeros, and the fault stays.
 */
#ifndef WEIR_WIRE_BUFFER_H
#define WEIR_WIRE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Writer
{
	uint8_t	   *buffer;			/* NULL: only measure */
	bool		has_room;		/* for a word more than is written */
	size_t		position;
	uint64_t	bits;			/* not yet written, the first ones lowest */
	int			n_bits;			/* below 8 between calls */
} Writer;

typedef struct Reader
{
	const uint8_t *bytes;
	size_t		size;
	size_t		position;
	uint64_t	bits;			/* read ahead, not yet taken, the first ones lowest; above n_bits zero */
	int			n_bits;
	bool		corrupt;
} Reader;

/* ---- bytes ---- */

static inline void
put_byte(Writer *writer, uint8_t byte)
{
	if (writer->buffer != NULL)
		writer->buffer[writer->position] = byte;
	writer->position++;
}

static inline uint8_t
get_byte(Reader *reader)
{
	if (reader->position < reader->size)
		return reader->bytes[reader->position++];
	reader->corrupt = true;
	return 0;
}

/* Unsigned LEB128: 7 bits per byte, least significant first, no superfluous byte. */
static inline void
put_integer(Writer *writer, uint64_t value)
{
	while (value >= 0x80)
	{
		put_byte(writer, (uint8_t) (value | 0x80));
		value >>= 7;
	}
	put_byte(writer, (uint8_t) value);
}

static inline uint64_t
get_integer(Reader *reader)
{
	uint64_t	value = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8_t		byte = get_byte(reader);

		value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			/* A superfluous byte, or bits beyond the 64th. */
			if ((byte == 0 && shift > 0) || (shift == 63 && byte > 1))
				reader->corrupt = true;
			return reader->corrupt ? 0 : value;
		}
	}
	reader->corrupt = true;
	return 0;
}

static inline int64_t
get_count(Reader *reader, uint64_t maximum)
{
	uint64_t	value = get_integer(reader);

	if (value > maximum)
	{
		reader->corrupt = true;
		return 0;
	}
	return (int64_t) value;
}

/* Eight bytes, most significant first. */
static inline void
put_word(Writer *writer, uint64_t word)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		put_byte(writer, (uint8_t) (word >> shift));
}

static inline uint64_t
get_word(Reader *reader)
{
	uint64_t	word = 0;

	for (int i = 0; i < 8; i++)
		word = word << 8 | get_byte(reader);
	return word;
}

/* ---- bits, least significant first; a run of them ends with end_bits, which fills the last byte with zeros ---- */

/* At most 56, those above n zero. */
static __attribute__((always_inline)) inline void
put_few_bits(Writer *writer, uint64_t value, int n)
{
	int			n_bits = writer->n_bits + n;
	size_t		n_bytes = (size_t) n_bits / 8;
	uint64_t	bits = writer->bits | value << writer->n_bits;

	if (writer->has_room)
	{
		uint64_t	word = bits;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		word = __builtin_bswap64(word);
#endif
		memcpy(writer->buffer + writer->position, &word, sizeof(word));
	}
	else if (writer->buffer != NULL)
		for (size_t i = 0; i < n_bytes; i++)
			writer->buffer[writer->position + i] = (uint8_t) (bits >> (8 * i));
	writer->position += n_bytes;
	writer->bits = bits >> (8 * n_bytes);
	writer->n_bits = n_bits % 8;
}

static inline void
put_bits(Writer *writer, uint64_t value, int n)
{
	for (; n > 32; n -= 32, value >>= 32)
		put_few_bits(writer, value & UINT32_MAX, 32);
	put_few_bits(writer, value & ((UINT64_C(1) << n) - 1), n);
}

static inline void
end_bits_written(Writer *writer)
{
	if (writer->n_bits > 0)
		put_byte(writer, (uint8_t) writer->bits);
	writer->bits = 0;
	writer->n_bits = 0;
}

/* Fills up to 57 bits or more, as far as there are bytes. */
static inline void
refill_bits(Reader *reader)
{
	if (reader->size - reader->position >= sizeof(uint64_t))
	{
		int			n_bytes = (64 - reader->n_bits) / 8;
		uint64_t	word;

		if (n_bytes == 0)
			return;
		memcpy(&word, reader->bytes + reader->position, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		word = __builtin_bswap64(word);
#endif
		if (n_bytes < 8)
			word &= (UINT64_C(1) << (8 * n_bytes)) - 1;
		reader->bits |= word << reader->n_bits;
		reader->position += (size_t) n_bytes;
		reader->n_bits += 8 * n_bytes;
		return;
	}
	while (reader->n_bits <= 56 && reader->position < reader->size)
	{
		reader->bits |= (uint64_t) reader->bytes[reader->position++] << reader->n_bits;
		reader->n_bits += 8;
	}
}

static inline uint64_t
get_bits(Reader *reader, int n)
{
	uint64_t	value = 0;

	for (int have = 0; have < n;)
	{
		int			now = n - have < 32 ? n - have : 32;

		if (reader->n_bits < now)
			refill_bits(reader);
		if (reader->n_bits < now)
		{
			reader->corrupt = true;
			return 0;
		}
		value |= (reader->bits & ((UINT64_C(1) << now) - 1)) << have;
		reader->bits >>= now;
		reader->n_bits -= now;
		have += now;
	}
	return value;
}

/* How many zero bits stand before the next one, which is taken too; -1 when there are more than most. */
static inline int
get_zeros(Reader *reader, int most)
{
	int			zeros = 0;

	for (;;)
	{
		int			here;

		refill_bits(reader);
		here = reader->bits == 0 ? reader->n_bits : __builtin_ctzll(reader->bits);
		zeros += here;
		if (zeros > most || (reader->bits == 0 && here == 0))
		{
			reader->corrupt = true;
			return -1;
		}
		if (reader->bits != 0)
		{
			/* In two steps, for a shift of 64 is undefined. */
			reader->bits = reader->bits >> here >> 1;
			reader->n_bits -= here + 1;
			return zeros;
		}
		reader->n_bits = 0;
	}
}

static inline size_t
bits_left(const Reader *reader)
{
	return 8 * (reader->size - reader->position) + (size_t) reader->n_bits;
}

/* Gives back the bytes that were read ahead. */
static inline void
end_bits_read(Reader *reader)
{
	reader->position -= (size_t) reader->n_bits / 8;
	if ((reader->bits & ((UINT64_C(1) << reader->n_bits % 8) - 1)) != 0)
		reader->corrupt = true;
	reader->bits = 0;
	reader->n_bits = 0;
}

static __attribute__((noinline, unused)) Writer
put_long_golomb(Writer writer, uint64_t value, int order)
{
	unsigned __int128 shifted = (unsigned __int128) value + ((unsigned __int128) 1 << order);
	uint64_t	high = (uint64_t) (shifted >> 64);
	int			length = high != 0 ? 64 : 63 - __builtin_clzll((uint64_t) shifted);

	put_bits(&writer, 0, length - order);
	put_bits(&writer, 1, 1);
	put_bits(&writer, (uint64_t) shifted, length);
	return writer;
}

/*
 * Exponential Golomb code of an order: short for values up to about 2^order.  The writer's address goes nowhere, so that a local
 * one stays in registers over a loop.
 */
static __attribute__((always_inline)) inline void
put_golomb(Writer *writer, uint64_t value, int order)
{
	uint64_t	shifted = value + (UINT64_C(1) << order);
	int			length = 63 - __builtin_clzll(shifted | 1);

	if (shifted >= value && 2 * length - order < 56)
	{
		/* All at once: zeros, a one, the bits. */
		uint64_t	bits = shifted & ((UINT64_C(1) << length) - 1);

		put_few_bits(writer, (bits << 1 | 1) << (length - order), 2 * length - order + 1);
	}
	else
		*writer = put_long_golomb(*writer, value, order);
}

static __attribute__((noinline, unused)) uint64_t
get_long_golomb(Reader *reader, int order)
{
	int			zeros = get_zeros(reader, 64 - order);
	unsigned __int128 shifted;

	if (zeros < 0)
		return 0;
	shifted = ((unsigned __int128) 1 << (order + zeros) | get_bits(reader, order + zeros)) - ((unsigned __int128) 1 << order);
	if (shifted >> 64 != 0)
		reader->corrupt = true;
	return (uint64_t) shifted;
}

/* Most codes are read ahead whole. */
static inline uint64_t
get_golomb(Reader *reader, int order)
{
	int			zeros;
	int			length;
	uint64_t	rest;
	uint64_t	top;

	refill_bits(reader);
	if (reader->bits == 0)
		return get_long_golomb(reader, order);
	zeros = __builtin_ctzll(reader->bits);
	length = order + zeros;
	if (zeros + 1 + length > reader->n_bits)
		return get_long_golomb(reader, order);
	rest = reader->bits >> zeros >> 1; /* in two steps, for a shift of 64 is undefined */
	top = UINT64_C(1) << length;
	reader->bits = rest >> length;
	reader->n_bits -= zeros + 1 + length;
	return (top | (rest & (top - 1))) - (UINT64_C(1) << order);
}

/* The order follows the values: a running mean of them, times 16. */
typedef struct GolombOrder
{
	uint64_t	mean;
} GolombOrder;

static inline int
golomb_order(const GolombOrder *state)
{
	uint64_t	mean = state->mean / 16;

	return mean == 0 ? 0 : 63 - __builtin_clzll(mean);
}

static inline void
golomb_seen(GolombOrder *state, uint64_t value)
{
	uint64_t	limit = UINT64_C(1) << 56;

	state->mean += 2 * (value < limit ? value : limit) - state->mean / 8;
}

static __attribute__((always_inline)) inline void
put_adaptive(Writer *writer, GolombOrder *state, uint64_t value)
{
	put_golomb(writer, value, golomb_order(state));
	golomb_seen(state, value);
}

static inline uint64_t
get_adaptive(Reader *reader, GolombOrder *state)
{
	uint64_t	value = get_golomb(reader, golomb_order(state));

	golomb_seen(state, value);
	return value;
}

/* Signed differences as unsigned: 0, -1, 1, -2, 2 … */
static inline uint64_t
zigzag(int64_t value)
{
	return (uint64_t) value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t
unzigzag(uint64_t value)
{
	return (int64_t) (value >> 1) ^ -(int64_t) (value & 1);
}

#endif
