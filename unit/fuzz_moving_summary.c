/*
 * fuzz_moving_summary.c
 *		libFuzzer: values that enter and leave a frame; in the end it equals a summary made anew of what is left.
 *
 * A byte below 128 lets the oldest value leave, another the next eight bytes enter as a double.
 */
#include "summary/moving_summary.h"
#include "summary_bytes.h"

#define MOST_VALUES 4096

extern int	LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static double values[MOST_VALUES];
	MovingSummary *moving = moving_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, 16, true);
	Summary	   *snapshot;
	Summary	   *fresh;
	size_t		first = 0;
	size_t		end = 0;

	for (size_t i = 0; i < size && end < MOST_VALUES; i++)
	{
		if (bytes[i] < 128)
		{
			if (first < end && !moving_remove_number(moving, values[first++]))
				abort();
		}
		else if (i + 8 < size)
		{
			memcpy(&values[end], bytes + i + 1, 8);
			i += 8;
			moving_add_number(moving, values[end++]);
		}
	}
	fresh = summary_of(values + first, end - first, 16);
	snapshot = moving_snapshot(moving, unit_allocator());
	if (!same_bytes(fresh, snapshot))
		abort();
	summary_free(fresh);
	summary_free(snapshot);
	moving_free(moving);
	if (unit_allocated() != 0)
		abort();
	return 0;
}
