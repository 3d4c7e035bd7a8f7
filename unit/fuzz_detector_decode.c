/*
 * fuzz_detector_decode.c
 *		libFuzzer: bytes from outside, decoded and gone on with; and the stored form of a real detector with bytes of it changed,
 *		which gets past the checks more often.
 */
#include "detector_exercise.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
decode_and_use(const uint8_t *bytes, size_t size)
{
	Detector   *detector;
	DetectorBytes again;

	if (detector_decode(unit_allocator(), bytes, size, &detector) != DETECTOR_OK)
		return;
	again = detector_bytes(detector);
	if (again.size != size || memcmp(again.bytes, bytes, size) != 0)
		abort();
	free(again.bytes);
	detector_exercise(detector, 300);
	again = detector_bytes(detector);
	free(again.bytes);
	detector_free(detector);
}

static void
change_and_use(const uint8_t *bytes, size_t size)
{
	DetectorKind kind = bytes[0] % DETECTOR_N_KINDS;
	double		options[DETECTOR_MAX_OPTIONS];
	Detector   *detector;
	DetectorBytes stored;

	detector_initial_options(kind, options);
	detector = detector_create(unit_allocator(), kind, options);
	detector_exercise(detector, bytes[1] * 2);
	stored = detector_bytes(detector);
	detector_free(detector);
	for (size_t i = 2; i + 3 <= size; i += 3)
		stored.bytes[(size_t) (bytes[i] << 8 | bytes[i + 1]) % stored.size] = bytes[i + 2];
	decode_and_use(stored.bytes, stored.size);
	free(stored.bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	/* Values are drawn from a fixed seed, so that a finding repeats. */
	unit_seed(1);
	decode_and_use(bytes, size);
	if (size >= 2)
		change_and_use(bytes, size);
	if (unit_allocated() != 0)
		abort();
	return 0;
}
