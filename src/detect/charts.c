/*
 * charts.c
 *		Control charts: Shewhart, EWMA (Roberts 1959) and ECDD, EWMA for error rates (Ross et al. 2012).
 */
#include "detect/detector_method.h"

/* The signal of a distance from the mean, by levels and direction. */
static DetectorSignal
judge(double distance, double warning_level, double drift_level, double mode)
{
	double		reach = mode == MODE_UP ? distance : mode == MODE_DOWN ? -distance : fabs(distance);

	return reach > drift_level ? DETECTOR_DRIFT : reach > warning_level ? DETECTOR_WARNING : DETECTOR_STABLE;
}

/* ---- Shewhart: a single value ---- */

enum
{
	SHEWHART_MIN_N,
	SHEWHART_WARNING_LEVEL,
	SHEWHART_DRIFT_LEVEL,
	SHEWHART_MODE,
	SHEWHART_MEAN,
	SHEWHART_STDDEV
};

static const Option shewhart_options[] = {
	COUNT_OPTION("min_n", 30, 2, MAX_COUNT),
	NUMBER_OPTION("warning_level", 2, 0, DETECTOR_LARGEST),
	NUMBER_OPTION("drift_level", 3, 0, DETECTOR_LARGEST),
	CHOICE_OPTION("mode", detector_modes, 0),
	NUMBER_OPTION("mean", NAN, -DETECTOR_LARGEST, DETECTOR_LARGEST),
	NUMBER_OPTION("stddev", NAN, ABOVE_ZERO, DETECTOR_LARGEST),
};

static const char *
shewhart_check(const double *options)
{
	return baseline_check(options[SHEWHART_MEAN], options[SHEWHART_STDDEV]);
}

static size_t
shewhart_n_words(const double *options)
{
	return WORDS_OF(Baseline);
}

static void
shewhart_start(const DetectorSettings *settings, void *state)
{
	baseline_start(state, settings->options[SHEWHART_MEAN], settings->options[SHEWHART_STDDEV]);
}

static DetectorSignal
shewhart_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	Baseline   *baseline = state;

	if (baseline_takes(baseline, x, options[SHEWHART_MIN_N]))
		return DETECTOR_STABLE;
	return judge(baseline_distance(baseline, x), options[SHEWHART_WARNING_LEVEL], options[SHEWHART_DRIFT_LEVEL],
				 options[SHEWHART_MODE]);
}

const DetectorMethod shewhart_method = {
	.name = "shewhart",
	.reference = "Shewhart, Statistical method from the viewpoint of quality control, 1939",
	.input = DETECTOR_NUMBER,
	.options = shewhart_options,
	.n_options = N_OPTIONS(shewhart_options),
	.check = shewhart_check,
	.n_words = shewhart_n_words,
	.start = shewhart_start,
	.update = shewhart_update,
};

/* ---- EWMA: an exponentially weighted mean against limits that widen with the number of values ---- */

enum
{
	EWMA_MIN_N,
	EWMA_LAMBDA,
	EWMA_WARNING_LEVEL,
	EWMA_DRIFT_LEVEL,
	EWMA_MODE,
	EWMA_MEAN,
	EWMA_STDDEV
};

static const Option ewma_options[] = {
	COUNT_OPTION("min_n", 30, 2, MAX_COUNT),
	NUMBER_OPTION("lambda", 0.1, ABOVE_ZERO, 1),
	NUMBER_OPTION("warning_level", 3, 0, DETECTOR_LARGEST),
	NUMBER_OPTION("drift_level", 4, 0, DETECTOR_LARGEST),
	CHOICE_OPTION("mode", detector_modes, 0),
	NUMBER_OPTION("mean", NAN, -DETECTOR_LARGEST, DETECTOR_LARGEST),
	NUMBER_OPTION("stddev", NAN, ABOVE_ZERO, DETECTOR_LARGEST),
};

typedef struct Ewma
{
	Baseline	baseline;
	double		z;				/* weighted mean of the standardised values */
	double		faded;			/* (1 - lambda)^(2 n) */
} Ewma;

static const char *
ewma_check(const double *options)
{
	return baseline_check(options[EWMA_MEAN], options[EWMA_STDDEV]);
}

static size_t
ewma_n_words(const double *options)
{
	return WORDS_OF(Ewma);
}

static void
ewma_start(const DetectorSettings *settings, void *state)
{
	Ewma	   *ewma = state;

	baseline_start(&ewma->baseline, settings->options[EWMA_MEAN], settings->options[EWMA_STDDEV]);
	ewma->faded = 1;
}

static DetectorSignal
ewma_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	double		lambda = options[EWMA_LAMBDA];
	Ewma	   *ewma = state;

	if (baseline_takes(&ewma->baseline, x, options[EWMA_MIN_N]))
		return DETECTOR_STABLE;
	ewma->z += lambda * (baseline_distance(&ewma->baseline, x) - ewma->z);
	ewma->faded *= (1 - lambda) * (1 - lambda);
	return judge(ewma->z / sqrt(lambda / (2 - lambda) * (1 - ewma->faded)), options[EWMA_WARNING_LEVEL], options[EWMA_DRIFT_LEVEL],
				 options[EWMA_MODE]);
}

const DetectorMethod ewma_method = {
	.name = "ewma",
	.reference = "Roberts, Control chart tests based on geometric moving averages, Technometrics 1959",
	.input = DETECTOR_NUMBER,
	.options = ewma_options,
	.n_options = N_OPTIONS(ewma_options),
	.check = ewma_check,
	.n_words = ewma_n_words,
	.start = ewma_start,
	.update = ewma_update,
};

/* ---- ECDD: an exponentially weighted error rate against the running one ---- */

enum
{
	ECDD_MIN_N,
	ECDD_LAMBDA,
	ECDD_RUN_LENGTH,
	ECDD_WARNING_SHARE
};

/* Values between false alarms, for which the paper gives limits. */
static const char *const run_lengths[] = {"400", "100", "1000", NULL};

static const Option ecdd_options[] = {
	COUNT_OPTION("min_n", 30, 1, MAX_COUNT),
	NUMBER_OPTION("lambda", 0.2, ABOVE_ZERO, 1),
	CHOICE_OPTION("average_run_length", run_lengths, 0),
	NUMBER_OPTION("warning_share", 0.5, 0, 1),
};

typedef struct Ecdd
{
	double		n;
	double		n_errors;
	double		z;
	double		faded;			/* (1 - lambda)^(2 n) */
} Ecdd;

static size_t
ecdd_n_words(const double *options)
{
	return WORDS_OF(Ecdd);
}

static void
ecdd_start(const DetectorSettings *settings, void *state)
{
	((Ecdd *) state)->faded = 1;
}

/* Fitted in the paper (table 1) for lambda 0.2: polynomials of 1, p, p^3, p^5 and p^7. */
static double
control_limit(double run_length, double p)
{
	static const double coefficients[][5] = {
		{3.97, -6.56, 48.73, -330.13, 848.18},
		{2.76, -6.23, 18.12, -312.45, 1002.18},
		{1.17, 7.56, -21.24, 112.12, -987.23},
	};
	const double *c = coefficients[(int) run_length];
	double		square = p * p;

	return c[0] + p * (c[1] + square * (c[2] + square * (c[3] + square * c[4])));
}

static DetectorSignal
ecdd_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	double		lambda = options[ECDD_LAMBDA];
	Ecdd	   *ecdd = state;
	double		p;
	double		limit;

	ecdd->n += 1;
	ecdd->n_errors += x;
	ecdd->z += lambda * (x - ecdd->z);
	ecdd->faded *= (1 - lambda) * (1 - lambda);
	if (ecdd->n < options[ECDD_MIN_N])
		return DETECTOR_STABLE;
	p = ecdd->n_errors / ecdd->n;
	limit = control_limit(options[ECDD_RUN_LENGTH], p) * sqrt(p * (1 - p) * lambda * (1 - ecdd->faded) / (2 - lambda));
	if (ecdd->z > p + limit)
		return DETECTOR_DRIFT;
	return ecdd->z > p + options[ECDD_WARNING_SHARE] * limit ? DETECTOR_WARNING : DETECTOR_STABLE;
}

const DetectorMethod ecdd_method = {
	.name = "ecdd",
	.reference =
		"Ross, Adams, Tasoulis and Hand, Exponentially weighted moving average charts for detecting concept drift, Pattern Recognition Letters 2012",
	.input = DETECTOR_ERROR,
	.options = ecdd_options,
	.n_options = N_OPTIONS(ecdd_options),
	.n_words = ecdd_n_words,
	.start = ecdd_start,
	.update = ecdd_update,
};
