/*
 * detector_method.h
 *		What a detector is made of; internal to this room.
 *
 * A state is a struct of eight-byte members only, doubles and int64_t (or uint64_t), followed by a window of such members where the
 * method has one: so it is stored member by member without knowing the method.
 */
#ifndef WEIR_DETECTOR_METHOD_H
#define WEIR_DETECTOR_METHOD_H

#include <math.h>

#include "detect/detector.h"

typedef struct DetectorSettings
{
	const double *options;		/* by number, as the method lists them */
	const double *derived;		/* what follows from the options, computed once */
} DetectorSettings;

/* Of a state that grows with what it holds: so many members that they follow from the state, whatever came before. */
typedef struct DetectorGrowth
{
	size_t		(*first_words)(const double *options);
	size_t		(*words)(const double *options, const void *state); /* fewer than before only after a drift */
	size_t		(*step)(const double *options); /* by so many it grows */

	/* Whether one value more needs that. */
	bool		(*is_full)(const double *options, const void *state);

	/* Forgets what is oldest, so that it does not. */
	void		(*narrow)(const DetectorSettings *settings, void *state);
} DetectorGrowth;

typedef struct DetectorMethod
{
	const char *name;
	const char *reference;
	DetectorInput input;
	const Option *options;
	int			n_options;

	/* NULL: any valid options go together. */
	const char *(*check)(const double *options);

	/* Eight-byte members of the state, at most, and numbers derived from the options. */
	size_t		(*n_words)(const double *options);
	size_t		(*n_derived)(const double *options);
	void		(*derive)(const double *options, double *derived);

	/* NULL: it always has all of them. */
	const DetectorGrowth *growth;

	/* State is all zero before. */
	void		(*start)(const DetectorSettings *settings, void *state);
	DetectorSignal (*update)(const DetectorSettings *settings, void *state, double x);

	/* After a drift, before the next value. NULL: forget everything and start. */
	void		(*restart)(const DetectorSettings *settings, void *state);

	/* Whether numbers that are used as places, lengths or counts can be; state comes from outside. NULL: any are safe. */
	bool		(*is_safe)(const double *options, const void *state);
} DetectorMethod;

#define WORDS_OF(type) (sizeof(type) / 8)
#define MAX_COUNT 1e9
#define MAX_WINDOW 10000

/* In which direction a change counts; option "mode". */
typedef enum DetectorMode
{
	MODE_BOTH = 0,
	MODE_UP,
	MODE_DOWN
} DetectorMode;

extern const char *const detector_modes[4];

/* Whether to follow the paper, or River 0.26 where it differs; option "variant". */
typedef enum DetectorVariant
{
	VARIANT_PAPER = 0,
	VARIANT_RIVER
} DetectorVariant;

extern const char *const detector_variants[3];

extern const DetectorMethod adwin_method;
extern const DetectorMethod page_hinkley_method;
extern const DetectorMethod ddm_method;
extern const DetectorMethod eddm_method;
extern const DetectorMethod rddm_method;
extern const DetectorMethod hddm_a_method;
extern const DetectorMethod hddm_w_method;
extern const DetectorMethod kswin_method;
extern const DetectorMethod cusum_method;
extern const DetectorMethod ewma_method;
extern const DetectorMethod shewhart_method;
extern const DetectorMethod ecdd_method;
extern const DetectorMethod stepd_method;
extern const DetectorMethod wstd_method;
extern const DetectorMethod fhddm_method;
extern const DetectorMethod fhddms_method;
extern const DetectorMethod mddm_a_method;
extern const DetectorMethod mddm_e_method;
extern const DetectorMethod mddm_g_method;
extern const DetectorMethod glr_method;
extern const DetectorMethod bocd_method;
extern const DetectorMethod e_process_method;

extern const DetectorMethod *detector_method(DetectorKind kind);

/* Gives the state so many members; those that are new are zero. */
extern void detector_fit(Detector *detector, size_t n_words);

struct Detector
{
	Allocator	allocator;
	const DetectorMethod *method;
	DetectorKind kind;
	DetectorSettings settings;
	DetectorSignal signal;		/* after the last value */
	double		low;			/* values that it takes, in between; of errors the two alone */
	double		high;
	int64_t		n_rows;
	int64_t		n_values;
	int64_t		n_drifts;
	int64_t		last_drift;
	size_t		size;			/* of this block; derived numbers lie in it, too */
	size_t		n_words;		/* of the state, a block of its own */
	void	   *state;
	double		options[DETECTOR_MAX_OPTIONS];
};

/* The mean of so many values, updated as River does it, so that both round alike. */
typedef struct RunningMean
{
	double		n;
	double		mean;
} RunningMean;

static inline void
running_mean_add(RunningMean *running, double x)
{
	running->n += 1;
	running->mean += 1 / running->n * (x - running->mean);
}

/* A window of bits, the oldest at first. */
static inline bool
bit_get(const uint64_t *bits, int64_t place)
{
	return bits[place >> 6] >> (place & 63) & 1;
}

static inline void
bit_set(uint64_t *bits, int64_t place, bool value)
{
	uint64_t	mask = UINT64_C(1) << (place & 63);

	bits[place >> 6] = value ? bits[place >> 6] | mask : bits[place >> 6] & ~mask;
}

/* ---- baseline.c: mean and standard deviation to measure from ---- */

/* Given by the options, or estimated from the first values: at least min_n, and more until two of them differ. */
typedef struct Baseline
{
	double		n;
	double		mean;
	double		sum_of_squares; /* of deviations from the mean */
	double		stddev;			/* 0 until it is known */
} Baseline;

extern void baseline_start(Baseline *baseline, double mean, double stddev);

/* True when x only served to estimate the baseline. */
extern bool baseline_takes(Baseline *baseline, double x, double min_n);
extern const char *baseline_check(double mean, double stddev);

/* x in standard deviations from the mean; bounded, so that no sum of them overflows, however small the deviation. */
static inline double
baseline_distance(const Baseline *baseline, double x)
{
	return fmax(-1e100, fmin(1e100, (x - baseline->mean) / baseline->stddev));
}

#endif
