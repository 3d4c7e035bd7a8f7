/*
 * vector_wire.c
 *		The stored form of VectorSums, part of the stored form of a summary (wire_format.h).
 *
 *		2		dimension, most significant byte first
 *		per sum:
 *		  byte	bytes of high that are not trailing zeros + 16 * the same of low
 *		  those bytes of high, then of low, most significant first
 *		per feature:
 *		  zigzag LEB128 (7 bits per byte, least significant first, no superfluous byte)
 */
#include "summary/vector_wire.h"

#include <math.h>
#include <string.h>

#define LARGEST_SUM 0x1p1022

/* ---- writing: with no buffer only the position moves ---- */

static inline size_t
put(uint8_t *buffer, size_t position, uint8_t byte)
{
	if (buffer != NULL)
		buffer[position] = byte;
	return position + 1;
}

static inline uint64_t
bits_of(double value)
{
	uint64_t	bits;

	value += 0.0;				/* never -0 */
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static inline int
significant_bytes(uint64_t bits)
{
	return bits == 0 ? 0 : 8 - __builtin_ctzll(bits) / 8;
}

size_t
vector_sums_encode(const VectorSums *sums, uint8_t *buffer)
{
	size_t		position = 0;

	position = put(buffer, position, (uint8_t) (sums->dimension >> 8));
	position = put(buffer, position, (uint8_t) sums->dimension);
	for (int i = 0; i < sums->n_sums; i++)
	{
		uint64_t	high = bits_of(sums->high[i]);
		uint64_t	low = bits_of(sums->low[i]);
		int			high_bytes = significant_bytes(high);
		int			low_bytes = significant_bytes(low);

		position = put(buffer, position, (uint8_t) (high_bytes | low_bytes << 4));
		for (int j = 0; j < high_bytes; j++)
			position = put(buffer, position, (uint8_t) (high >> (56 - 8 * j)));
		for (int j = 0; j < low_bytes; j++)
			position = put(buffer, position, (uint8_t) (low >> (56 - 8 * j)));
	}
	for (int i = 0; i < VECTOR_EMBEDDING_SIZE; i++)
	{
		uint64_t	value = (uint64_t) sums->features[i] << 1 ^ (sums->features[i] < 0 ? UINT64_MAX : 0);

		for (; value >= 0x80; value >>= 7)
			position = put(buffer, position, (uint8_t) (value | 0x80));
		position = put(buffer, position, (uint8_t) value);
	}
	return position;
}

/* ---- reading: after the first fault every read gives 0 and the fault stays ---- */

typedef struct VectorReader
{
	const uint8_t *bytes;
	size_t		size;
	size_t		position;
	bool		corrupt;
} VectorReader;

static inline uint8_t
get(VectorReader *reader)
{
	if (reader->position < reader->size)
		return reader->bytes[reader->position++];
	reader->corrupt = true;
	return 0;
}

static double
get_double(VectorReader *reader, int n_bytes)
{
	uint64_t	bits = 0;
	double		value;

	if (n_bytes > 8)
		reader->corrupt = true;
	for (int j = 0; j < n_bytes && !reader->corrupt; j++)
		bits |= (uint64_t) get(reader) << (56 - 8 * j);
	memcpy(&value, &bits, sizeof(value));
	if (significant_bytes(bits) != n_bytes || !(fabs(value) <= LARGEST_SUM) || bits == UINT64_C(1) << 63)
		reader->corrupt = true;
	return reader->corrupt ? 0 : value;
}

static int64_t
get_feature(VectorReader *reader)
{
	uint64_t	value = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8_t		byte = get(reader);

		value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			if ((byte == 0 && shift > 0) || (shift == 63 && byte > 1))
				reader->corrupt = true;
			return (int64_t) (value >> 1 ^ ((value & 1) != 0 ? UINT64_MAX : 0));
		}
	}
	reader->corrupt = true;
	return 0;
}

size_t
vector_sums_decode(Allocator allocator, const uint8_t *bytes, size_t size, VectorSums **result)
{
	VectorReader reader = {bytes, size, 0, false};
	VectorSums *sums;
	int			dimension;

	*result = NULL;
	dimension = get(&reader) << 8;
	dimension |= get(&reader);

	/* A sum takes at least a byte, so this bounds the memory by the input. */
	if (reader.corrupt || dimension < 1 || dimension > VECTOR_MAX_DIMENSION || (size_t) vector_sums_count(dimension) > size)
		return 0;
	sums = vector_sums_create(allocator, dimension);
	for (int i = 0; i < sums->n_sums && !reader.corrupt; i++)
	{
		int			lengths = get(&reader);

		sums->high[i] = get_double(&reader, lengths & 15);
		sums->low[i] = get_double(&reader, lengths >> 4);
		if (sums->high[i] + sums->low[i] != sums->high[i])
			reader.corrupt = true;
	}
	for (int i = 0; i < VECTOR_EMBEDDING_SIZE && !reader.corrupt; i++)
		sums->features[i] = get_feature(&reader);
	if (reader.corrupt)
	{
		vector_sums_free(sums, allocator);
		return 0;
	}
	*result = sums;
	return reader.position;
}
