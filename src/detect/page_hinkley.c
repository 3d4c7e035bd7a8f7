/*
 * page_hinkley.c
 *		The Page-Hinkley test and the two-sided tabular CUSUM chart (Page 1954; Hinkley 1971; Montgomery).
 */
#include "detect/detector_method.h"

/* ---- Page-Hinkley: deviations from the running mean, summed with a forgetting factor, against the least such sum so far ---- */

enum
{
	HINKLEY_MIN_N,
	HINKLEY_DELTA,
	HINKLEY_THRESHOLD,
	HINKLEY_ALPHA,
	HINKLEY_MODE
};

static const Option hinkley_options[] = {
	COUNT_OPTION("min_n", 30, 1, MAX_COUNT),
	NUMBER_OPTION("delta", 0.005, 0, DETECTOR_LARGEST),
	NUMBER_OPTION("threshold", 50, 0, DETECTOR_LARGEST),
	NUMBER_OPTION("alpha", 1 - 0.0001, ABOVE_ZERO, 1),
	CHOICE_OPTION("mode", detector_modes, 0),
};

typedef struct Hinkley
{
	RunningMean mean;
	double		up;
	double		down;
	double		least_up;
	double		greatest_down;
} Hinkley;

static size_t
hinkley_n_words(const double *options)
{
	return WORDS_OF(Hinkley);
}

static void
hinkley_start(const DetectorSettings *settings, void *state)
{
	Hinkley	   *hinkley = state;

	hinkley->least_up = INFINITY;
	hinkley->greatest_down = -INFINITY;
}

static DetectorSignal
hinkley_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	Hinkley	   *hinkley = state;
	double		deviation;
	bool		is_up;
	bool		is_down;

	running_mean_add(&hinkley->mean, x);
	deviation = x - hinkley->mean.mean;
	hinkley->up = options[HINKLEY_ALPHA] * hinkley->up + deviation - options[HINKLEY_DELTA];
	hinkley->down = options[HINKLEY_ALPHA] * hinkley->down + deviation + options[HINKLEY_DELTA];
	if (hinkley->up < hinkley->least_up)
		hinkley->least_up = hinkley->up;
	if (hinkley->down > hinkley->greatest_down)
		hinkley->greatest_down = hinkley->down;
	if (hinkley->mean.n < options[HINKLEY_MIN_N])
		return DETECTOR_STABLE;
	is_up = hinkley->up - hinkley->least_up > options[HINKLEY_THRESHOLD] && options[HINKLEY_MODE] != MODE_DOWN;
	is_down = hinkley->greatest_down - hinkley->down > options[HINKLEY_THRESHOLD] && options[HINKLEY_MODE] != MODE_UP;
	return is_up || is_down ? DETECTOR_DRIFT : DETECTOR_STABLE;
}

const DetectorMethod page_hinkley_method = {
	.name = "page_hinkley",
	.reference = "Page, Continuous inspection schemes, Biometrika 1954; Hinkley, Biometrika 1971",
	.input = DETECTOR_NUMBER,
	.options = hinkley_options,
	.n_options = N_OPTIONS(hinkley_options),
	.n_words = hinkley_n_words,
	.start = hinkley_start,
	.update = hinkley_update,
};

/* ---- CUSUM: standardised deviations beyond an allowance, summed while they are positive ---- */

enum
{
	CUSUM_MIN_N,
	CUSUM_ALLOWANCE,
	CUSUM_THRESHOLD,
	CUSUM_MODE,
	CUSUM_MEAN,
	CUSUM_STDDEV
};

static const Option cusum_options[] = {
	COUNT_OPTION("min_n", 30, 2, MAX_COUNT),
	NUMBER_OPTION("allowance", 0.5, 0, DETECTOR_LARGEST),
	NUMBER_OPTION("threshold", 5, 0, DETECTOR_LARGEST),
	CHOICE_OPTION("mode", detector_modes, 0),
	NUMBER_OPTION("mean", NAN, -DETECTOR_LARGEST, DETECTOR_LARGEST),
	NUMBER_OPTION("stddev", NAN, ABOVE_ZERO, DETECTOR_LARGEST),
};

typedef struct Cusum
{
	Baseline	baseline;
	double		up;
	double		down;
} Cusum;

static const char *
cusum_check(const double *options)
{
	return baseline_check(options[CUSUM_MEAN], options[CUSUM_STDDEV]);
}

static size_t
cusum_n_words(const double *options)
{
	return WORDS_OF(Cusum);
}

static void
cusum_start(const DetectorSettings *settings, void *state)
{
	Cusum	   *cusum = state;

	baseline_start(&cusum->baseline, settings->options[CUSUM_MEAN], settings->options[CUSUM_STDDEV]);
}

static DetectorSignal
cusum_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	Cusum	   *cusum = state;
	double		z;

	if (baseline_takes(&cusum->baseline, x, options[CUSUM_MIN_N]))
		return DETECTOR_STABLE;
	z = baseline_distance(&cusum->baseline, x);
	cusum->up = fmax(0, cusum->up + z - options[CUSUM_ALLOWANCE]);
	cusum->down = fmax(0, cusum->down - z - options[CUSUM_ALLOWANCE]);
	if ((cusum->up > options[CUSUM_THRESHOLD] && options[CUSUM_MODE] != MODE_DOWN) ||
		(cusum->down > options[CUSUM_THRESHOLD] && options[CUSUM_MODE] != MODE_UP))
		return DETECTOR_DRIFT;
	return DETECTOR_STABLE;
}

const DetectorMethod cusum_method = {
	.name = "cusum",
	.reference = "Page, Continuous inspection schemes, Biometrika 1954; Montgomery, Introduction to statistical quality control",
	.input = DETECTOR_NUMBER,
	.options = cusum_options,
	.n_options = N_OPTIONS(cusum_options),
	.check = cusum_check,
	.n_words = cusum_n_words,
	.start = cusum_start,
	.update = cusum_update,
};
