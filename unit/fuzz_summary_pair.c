/*
 * fuzz_summary_pair.c
 *		libFuzzer: two summaries from outside, added in both orders and taken from each other.
 */
#include "summary_exercise.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
use_pair(const Summary *a, const Summary *b)
{
	Summary	   *sum = summary_copy(unit_allocator(), a);
	Summary	   *other = summary_copy(unit_allocator(), b);

	if (summary_merge(sum, b) == SUMMARY_OK)
	{
		if (summary_merge(other, a) != SUMMARY_OK)
			abort();

		/* Counts that reach their limit are cut off, and the order may show. */
		if (!summary_is_inexact(sum) && !summary_is_inexact(other) && !same_bytes(sum, other))
			abort();
		exercise(sum);
		summary_subtract(sum, b);
		exercise(sum);
		summary_subtract(sum, other);
		exercise(sum);
	}
	summary_free(sum);
	summary_free(other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	Summary	   *a;
	Summary	   *b;
	size_t		first;

	if (size < 2)
		return 0;
	first = (size_t) bytes[0] << 8 | bytes[1];
	bytes += 2;
	size -= 2;
	if (first > size)
		first = size;
	unit_seed(1);
	if (summary_decode(unit_allocator(), bytes, first, &a) == SUMMARY_OK)
	{
		if (summary_decode(unit_allocator(), bytes + first, size - first, &b) == SUMMARY_OK)
		{
			use_pair(a, b);
			summary_free(b);
		}
		summary_free(a);
	}
	if (unit_allocated() != 0)
		abort();
	return 0;
}
