/*
 * detector_wire.c
 *		The stored form of a detector, in network byte order: version, kind and signal (a byte each), the number of options (a
 *		byte), four counts, the options and the members of the state, eight bytes each. Members that are zero at the end of the
 *		state are left out.
 */
#include <string.h>

#include "detect/detector_method.h"

#define WIRE_VERSION 1
#define N_COUNTS 4
#define HEAD_SIZE (4 + 8 * N_COUNTS)

/* More rows than any stream has; leaves room to count on. */
#define MAX_ROWS (INT64_C(1) << 60)

static uint64_t
word_at(const void *words, size_t i)
{
	uint64_t	word;

	memcpy(&word, (const char *) words + 8 * i, 8);
	return word;
}

static size_t
used_words(const Detector *detector)
{
	size_t		n = detector->n_words;

	while (n > 0 && word_at(detector->state, n - 1) == 0)
		n--;
	return n;
}

static uint8_t *
put_word(uint8_t *bytes, uint64_t word)
{
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t) (word >> (56 - 8 * i));
	return bytes + 8;
}

static uint64_t
get_word(const uint8_t *bytes)
{
	uint64_t	word = 0;

	for (int i = 0; i < 8; i++)
		word = word << 8 | bytes[i];
	return word;
}

size_t
detector_encoded_size(const Detector *detector)
{
	return HEAD_SIZE + 8 * ((size_t) detector->method->n_options + used_words(detector));
}

void
detector_encode(const Detector *detector, uint8_t *bytes)
{
	size_t		n = used_words(detector);

	*bytes++ = WIRE_VERSION;
	*bytes++ = (uint8_t) detector->kind;
	*bytes++ = (uint8_t) detector->signal;
	*bytes++ = (uint8_t) detector->method->n_options;
	bytes = put_word(bytes, (uint64_t) detector->n_rows);
	bytes = put_word(bytes, (uint64_t) detector->n_values);
	bytes = put_word(bytes, (uint64_t) detector->n_drifts);
	bytes = put_word(bytes, (uint64_t) detector->last_drift);
	for (int i = 0; i < detector->method->n_options; i++)
		bytes = put_word(bytes, word_at(detector->options, (size_t) i));
	for (size_t i = 0; i < n; i++)
		bytes = put_word(bytes, word_at(detector->state, i));
}

static bool
counts_fit(const Detector *detector)
{
	return detector->n_rows >= 0 && detector->n_rows <= MAX_ROWS && detector->n_values >= 0 &&
		detector->n_values <= detector->n_rows && detector->n_drifts >= 0 && detector->n_drifts <= detector->n_values &&
		detector->last_drift >= -1 && detector->last_drift < detector->n_rows &&
		(detector->last_drift >= 0) == (detector->n_drifts > 0) &&
		(detector->signal == DETECTOR_STABLE || detector->n_values > 0) &&
		(detector->signal != DETECTOR_DRIFT || detector->n_drifts > 0);
}

/* A NaN has one form, so that equal states have equal bytes. */
static bool
options_fit(DetectorKind kind, const double *options)
{
	const DetectorMethod *method = detector_method(kind);

	for (int i = 0; i < method->n_options; i++)
	{
		double		plain = NAN;

		if (!option_allows(&method->options[i], options[i]))
			return false;
		if (isnan(options[i]) && word_at(options, (size_t) i) != word_at(&plain, 0))
			return false;
	}
	return detector_check_options(kind, options) == NULL;
}

DetectorStatus
detector_decode(Allocator allocator, const uint8_t *bytes, size_t size, Detector **result)
{
	double		options[DETECTOR_MAX_OPTIONS] = {0};
	const DetectorMethod *method;
	Detector   *detector;
	size_t		n_words;
	const uint8_t *next;

	if (size < 1)
		return DETECTOR_CORRUPT;
	if (bytes[0] != WIRE_VERSION)
		return DETECTOR_OTHER_VERSION;
	if (size < HEAD_SIZE || bytes[1] >= DETECTOR_N_KINDS || bytes[2] > DETECTOR_DRIFT)
		return DETECTOR_CORRUPT;
	method = detector_method(bytes[1]);
	if (bytes[3] != method->n_options || (size - HEAD_SIZE) % 8 != 0 || (size - HEAD_SIZE) / 8 < (size_t) method->n_options)
		return DETECTOR_CORRUPT;
	next = bytes + HEAD_SIZE;
	for (int i = 0; i < method->n_options; i++, next += 8)
	{
		uint64_t	word = get_word(next);

		memcpy(&options[i], &word, 8);
	}
	n_words = (size - HEAD_SIZE) / 8 - (size_t) method->n_options;
	if (!options_fit(bytes[1], options) || n_words > method->n_words(options) || (n_words > 0 && get_word(bytes + size - 8) == 0))
		return DETECTOR_CORRUPT;
	detector = detector_create(allocator, bytes[1], options);
	detector->signal = bytes[2];
	detector->n_rows = (int64_t) get_word(bytes + 4);
	detector->n_values = (int64_t) get_word(bytes + 12);
	detector->n_drifts = (int64_t) get_word(bytes + 20);
	detector->last_drift = (int64_t) get_word(bytes + 28);
	if (n_words > detector->n_words)
		detector_fit(detector, n_words);
	memset(detector->state, 0, 8 * detector->n_words);
	for (size_t i = 0; i < n_words; i++, next += 8)
	{
		uint64_t	word = get_word(next);

		memcpy((char *) detector->state + 8 * i, &word, 8);
	}
	if (!counts_fit(detector) || (method->is_safe != NULL && !method->is_safe(detector->options, detector->state)) ||
		(method->growth != NULL && n_words > method->growth->words(detector->options, detector->state)))
	{
		detector_free(detector);
		return DETECTOR_CORRUPT;
	}
	if (method->growth != NULL)
		detector_fit(detector, method->growth->words(detector->options, detector->state));
	*result = detector;
	return DETECTOR_OK;
}
