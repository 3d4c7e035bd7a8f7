/*
 * detector_exercise.h
 *		Values that a detector takes, and going on with one: shared by the unit test and the fuzzer.
 */
#ifndef DETECTOR_EXERCISE_H
#define DETECTOR_EXERCISE_H

#include "unit.h"

#include "detect/detector.h"

typedef struct DetectorBytes
{
	uint8_t	   *bytes;
	size_t		size;
} DetectorBytes;

static inline DetectorBytes
detector_bytes(const Detector *detector)
{
	DetectorBytes result;

	result.size = detector_encoded_size(detector);
	result.bytes = malloc(result.size);
	detector_encode(detector, result.bytes);
	return result;
}

/* A value around the mean, of the kind that the detector takes. */
static inline double
detector_value(const Detector *detector, double mean)
{
	int			lower;

	switch (detector_input(detector_kind(detector)))
	{
		case DETECTOR_ERROR: return unit_random_uniform() < mean;
		case DETECTOR_SHARE: return fmin(1, fmax(0, mean + 0.1 * unit_random_normal()));
		case DETECTOR_BOUNDED:
			lower = detector_find_option(detector_kind(detector), "lower");
			return detector_options(detector)[lower] +
				(unit_random_uniform() < mean) * (detector_options(detector)[lower + 1] - detector_options(detector)[lower]);
		case DETECTOR_NUMBER: break;
	}
	return 5 * mean + unit_random_normal();
}

/* n values whose mean changes now and then. */
static inline void
detector_exercise(Detector *detector, int n)
{
	double		mean = 0.2;

	for (int i = 0; i < n; i++)
	{
		DetectorSignal signal;
		bool		observed;

		if (unit_random_below(100) == 0)
			mean = unit_random_uniform();
		if (detector_advance(detector, detector_value(detector, mean), &signal, &observed) > DETECTOR_TOO_LARGE)
			abort();
	}
}

#endif
