/*
 * detector.h
 *		Sequential change detectors: values arrive one at a time, and after each the detector says stable, warning or drift.
 *
 * Plain C. A Detector is its options, what it has counted, and its state, a flat block that takes part in nothing but its own
 * arithmetic. Encoded it can be stored, and going on from what was stored gives what one run would have given.
 */
#ifndef WEIR_DETECTOR_H
#define WEIR_DETECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"
#include "base/options.h"

/* Stored: numbers never change. */
typedef enum DetectorKind
{
	DETECTOR_ADWIN = 0,
	DETECTOR_PAGE_HINKLEY = 1,
	DETECTOR_DDM = 2,
	DETECTOR_EDDM = 3,
	DETECTOR_RDDM = 4,
	DETECTOR_HDDM_A = 5,
	DETECTOR_HDDM_W = 6,
	DETECTOR_KSWIN = 7,
	DETECTOR_CUSUM = 8,
	DETECTOR_EWMA = 9,
	DETECTOR_SHEWHART = 10,
	DETECTOR_ECDD = 11,
	DETECTOR_STEPD = 12,
	DETECTOR_WSTD = 13,
	DETECTOR_FHDDM = 14,
	DETECTOR_FHDDMS = 15,
	DETECTOR_MDDM_A = 16,
	DETECTOR_MDDM_E = 17,
	DETECTOR_MDDM_G = 18,
	DETECTOR_GLR = 19,
	DETECTOR_BOCD = 20,
	DETECTOR_E_PROCESS = 21,
	DETECTOR_N_KINDS
} DetectorKind;

typedef enum DetectorSignal
{
	DETECTOR_STABLE = 0,
	DETECTOR_WARNING,
	DETECTOR_DRIFT
} DetectorSignal;

typedef enum DetectorInput
{
	DETECTOR_NUMBER,			/* any finite number of at most DETECTOR_LARGEST */
	DETECTOR_SHARE,				/* a number in [0, 1], 1 an error */
	DETECTOR_ERROR,				/* 0 or 1, 1 an error */
	DETECTOR_BOUNDED			/* a number between the options lower and upper */
} DetectorInput;

/* Squares of larger numbers, summed, would overflow. */
#define DETECTOR_LARGEST 1e140

#define DETECTOR_MAX_OPTIONS 10

typedef struct Detector Detector;

extern const char *detector_name(DetectorKind kind);

/* -1 when there is none of that name. */
extern int	detector_find(const char *name);
extern const char *detector_reference(DetectorKind kind);
extern DetectorInput detector_input(DetectorKind kind);
extern int	detector_n_options(DetectorKind kind);
extern const Option *detector_option(DetectorKind kind, int number);

/* -1 when the detector has none of that name. */
extern int	detector_find_option(DetectorKind kind, const char *name);

extern const char *detector_signal_name(DetectorSignal signal);

/* Fills all options with their initial values. */
extern void detector_initial_options(DetectorKind kind, double *options);

/* NULL when the options, each valid in itself, go together; else a sentence that says why not. */
extern const char *detector_check_options(DetectorKind kind, const double *options);

/* Bytes that one takes before its first value. */
extern size_t detector_memory(DetectorKind kind, const double *options);

/* How many more the next value may take: the window of ADWIN grows. Only a drift and detector_narrow give some back. */
extern size_t detector_growth(const Detector *detector);

/* Where there is no memory for that: forgets the oldest values instead. */
extern void detector_narrow(Detector *detector);

/* Options must be valid and go together. */
extern Detector *detector_create(Allocator allocator, DetectorKind kind, const double *options);
extern void detector_free(Detector *detector);

typedef enum DetectorStatus
{
	DETECTOR_OK = 0,
	DETECTOR_NOT_AN_ERROR,		/* neither 0 nor 1 */
	DETECTOR_OUTSIDE,			/* not in [0, 1], or not between lower and upper */
	DETECTOR_TOO_LARGE,			/* above DETECTOR_LARGEST */
	DETECTOR_CORRUPT,			/* not what detector_encode writes */
	DETECTOR_OTHER_VERSION
} DetectorStatus;

/*
 * One value. NaN and infinities are no observations, like a missing value: they count as a row, the state stays as it is, and
 * *observed is false. On an error the detector is as before.
 */
extern DetectorStatus detector_advance(Detector *detector, double value, DetectorSignal *signal, bool *observed);

/*
 * Values up to the first drift, or all n where there is none: *n_done of them, the last one the drift then. NaN and infinities
 * among them are no observations. On an error the first *n_done are done, the next one is refused.
 */
extern DetectorStatus detector_advance_to_drift(Detector *detector, const double *values, size_t n, size_t *n_done);

/* A row without a value. */
extern void detector_skip(Detector *detector);

extern DetectorKind detector_kind(const Detector *detector);
extern const double *detector_options(const Detector *detector);
extern DetectorSignal detector_signal(const Detector *detector);
extern int64_t detector_n_rows(const Detector *detector);
extern int64_t detector_n_values(const Detector *detector);
extern int64_t detector_n_drifts(const Detector *detector);

/* Of ADWIN: the mean of the values in its window; NaN while it is empty, and of other detectors. */
extern double detector_window_mean(const Detector *detector);

/* Number of the row, from 0, of the latest drift; -1 before the first. */
extern int64_t detector_last_drift(const Detector *detector);

/* ---- detector_wire.c: the stored form ---- */

extern size_t detector_encoded_size(const Detector *detector);
extern void detector_encode(const Detector *detector, uint8_t *bytes);

/* Bytes may come from anybody; what decodes can be used safely and encodes to the same bytes. */
extern DetectorStatus detector_decode(Allocator allocator, const uint8_t *bytes, size_t size, Detector **detector);

#endif
