/*
 * fuzz_learner_decode.c
 *		libFuzzer: bytes from outside, decoded and gone on with; and the stored form of a real learner with bytes of it changed,
 *		which gets past the checks more often.
 */
#include "learner_exercise.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
decode_and_use(const uint8_t *bytes, size_t size)
{
	Learner	   *learner;
	LearnerBytes again;

	if (learner_decode(unit_allocator(), bytes, size, &learner) != LEARNER_OK)
		return;
	again = learner_bytes(learner);
	if (again.size != size || memcmp(again.bytes, bytes, size) != 0)
		abort();
	free(again.bytes);
	learner_exercise(learner, 0, 300);
	again = learner_bytes(learner);
	free(again.bytes);
	learner_free(learner);
}

static void
change_and_use(const uint8_t *bytes, size_t size)
{
	LearnerKind kind = (bytes[0] & 0x7f) % LEARNER_N_KINDS;
	double		options[LEARNER_MAX_OPTIONS];
	Learner	   *learner;
	LearnerBytes stored;

	learner_initial_options(kind, options);
	learner = learner_create(unit_allocator(), kind, options);
	learner_name_features(learner);
	if (bytes[0] & 0x80)
		learner_add_steps(learner);
	learner_exercise(learner, 0, bytes[1] * 2);
	stored = learner_bytes(learner);
	learner_free(learner);
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
