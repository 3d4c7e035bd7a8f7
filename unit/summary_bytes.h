/*
 * summary_bytes.h
 *		Stored forms of summaries, for the tests.
 */
#ifndef WEIR_SUMMARY_BYTES_H
#define WEIR_SUMMARY_BYTES_H

#include "summary/summary.h"
#include "unit.h"

typedef struct Bytes
{
	size_t		size;
	uint8_t	   *bytes;
} Bytes;

static inline Bytes
encode(const Summary *summary)
{
	Bytes		result;
	size_t		written;

	result.size = summary_encoded_size(summary);
	result.bytes = malloc(result.size);
	written = summary_encode(summary, result.bytes);
	if (written != result.size)
	{
		printf("not ok - encoded %zu bytes, announced %zu\n", written, result.size);
		abort();
	}
	return result;
}

static inline Summary *
decode(Bytes bytes)
{
	Summary	   *summary;

	if (summary_decode(unit_allocator(), bytes.bytes, bytes.size, &summary) != SUMMARY_OK)
	{
		printf("not ok - what was encoded does not decode\n");
		abort();
	}
	return summary;
}

static inline Summary *
recode(const Summary *summary)
{
	Bytes		bytes = encode(summary);
	Summary	   *result = decode(bytes);

	free(bytes.bytes);
	return result;
}

static inline bool
same_bytes(const Summary *a, const Summary *b)
{
	Bytes		first = encode(a);
	Bytes		second = encode(b);
	bool		same = first.size == second.size && memcmp(first.bytes, second.bytes, first.size) == 0;

	free(first.bytes);
	free(second.bytes);
	return same;
}

static inline Summary *
summary_of(const double *values, size_t n, int budget)
{
	Summary	   *summary = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, budget);

	summary_add_numbers(summary, values, n);
	return summary;
}

#endif
