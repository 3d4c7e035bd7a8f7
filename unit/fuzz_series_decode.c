/*
 * fuzz_series_decode.c
 *		libFuzzer: stored forms of summaries of pairs and of ranges of time, from outside, decoded and used.
 */
#include "series_exercise.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	unit_seed(1);
	exercise_bytes(bytes, size);
	if (unit_allocated() != 0)
		abort();
	return 0;
}
