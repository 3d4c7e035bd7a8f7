/*
 * fuzz_summary_decode.c
 *		libFuzzer: bytes from outside, decoded and used.  With -DFUZZ_STANDALONE a program that does the same with files.
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

#ifdef FUZZ_STANDALONE
int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		FILE	   *file = fopen(argv[i], "rb");
		static uint8_t bytes[1 << 20];
		size_t		size;

		if (file == NULL)
		{
			perror(argv[i]);
			return EXIT_FAILURE;
		}
		size = fread(bytes, 1, sizeof(bytes), file);
		fclose(file);
		LLVMFuzzerTestOneInput(bytes, size);
	}
	return EXIT_SUCCESS;
}
#endif
