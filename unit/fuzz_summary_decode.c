/*
 * fuzz_summary_decode.c
 *		libFuzzer: bytes from outside, decoded and used.
 */
#include "summary_exercise.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	Summary	   *summary;
	Bytes		again;

	/* Only values drawn by the exercise are random; from a fixed seed, so that a finding repeats. */
	unit_seed(1);
	if (summary_decode(unit_allocator(), bytes, size, &summary) == SUMMARY_OK)
	{
		again = encode(summary);
		if (bytes[0] == 1)
		{
			/* Upgraded: it says the same. */
			Summary	   *upgraded = decode(again);

			if (!summary_equal(summary, upgraded))
				abort();
			summary_free(upgraded);
		}
		else if (again.size != size || memcmp(again.bytes, bytes, size) != 0)
			abort();
		free(again.bytes);
		exercise(summary);
		summary_free(summary);
	}
	if (unit_allocated() != 0)
		abort();
	return 0;
}
