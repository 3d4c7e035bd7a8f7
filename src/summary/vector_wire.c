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

#include "base/wire.h"

#define LARGEST_SUM 0x1p1022

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

	position = wire_put_byte(buffer, position, (uint8_t) (sums->dimension >> 8));
	position = wire_put_byte(buffer, position, (uint8_t) sums->dimension);
	for (int i = 0; i < sums->n_sums; i++)
	{
		uint64_t	high = bits_of(sums->high[i]);
		uint64_t	low = bits_of(sums->low[i]);
		int			high_bytes = significant_bytes(high);
		int			low_bytes = significant_bytes(low);

		position = wire_put_byte(buffer, position, (uint8_t) (high_bytes | low_bytes << 4));
		for (int j = 0; j < high_bytes; j++)
			position = wire_put_byte(buffer, position, (uint8_t) (high >> (56 - 8 * j)));
		for (int j = 0; j < low_bytes; j++)
			position = wire_put_byte(buffer, position, (uint8_t) (low >> (56 - 8 * j)));
	}
	for (int i = 0; i < VECTOR_EMBEDDING_SIZE; i++)
		position = wire_put_integer(buffer, position, wire_zigzag(sums->features[i]));
	return position;
}

static double
get_double(WireReader *reader, int n_bytes)
{
	uint64_t	bits = 0;
	double		value;

	if (n_bytes > 8)
		reader->corrupt = true;
	for (int j = 0; j < n_bytes && !reader->corrupt; j++)
		bits |= (uint64_t) wire_get_byte(reader) << (56 - 8 * j);
	memcpy(&value, &bits, sizeof(value));
	if (significant_bytes(bits) != n_bytes || !(fabs(value) <= LARGEST_SUM) || bits == UINT64_C(1) << 63)
		reader->corrupt = true;
	return reader->corrupt ? 0 : value;
}

size_t
vector_sums_decode(Allocator allocator, const uint8_t *bytes, size_t size, VectorSums **result)
{
	WireReader	reader = {bytes, size, 0, false};
	VectorSums *sums;
	int			dimension;

	*result = NULL;
	dimension = wire_get_byte(&reader) << 8;
	dimension |= wire_get_byte(&reader);

	/* A sum takes at least a byte, so this bounds the memory by the input. */
	if (reader.corrupt || dimension < 1 || dimension > VECTOR_MAX_DIMENSION || (size_t) vector_sums_count(dimension) > size)
		return 0;
	sums = vector_sums_create(allocator, dimension);
	for (int i = 0; i < sums->n_sums && !reader.corrupt; i++)
	{
		int			lengths = wire_get_byte(&reader);

		sums->high[i] = get_double(&reader, lengths & 15);
		sums->low[i] = get_double(&reader, lengths >> 4);
		if (sums->high[i] + sums->low[i] != sums->high[i])
			reader.corrupt = true;
	}
	for (int i = 0; i < VECTOR_EMBEDDING_SIZE && !reader.corrupt; i++)
		sums->features[i] = wire_unzigzag(wire_get_integer(&reader));
	if (reader.corrupt)
	{
		vector_sums_free(sums, allocator);
		return 0;
	}
	*result = sums;
	return reader.position;
}
