/*
 * bocd.c
 *		Bayesian online change point detection (Adams and MacKay 2007): how long the current run is, as a distribution.
 *
 * Normal values of unknown mean and variance, with the normal-gamma prior; the hazard is constant.  Runs longer than
 * max_run_length are taken together, with the statistics of their latest max_run_length values.
 */
#include <string.h>

#include "detect/detector_method.h"

enum
{
	MIN_N,
	HAZARD,
	MAX_RUN_LENGTH,
	LAG,
	DRIFT_PROBABILITY,
	WARNING_PROBABILITY,
	PRIOR_KAPPA,
	PRIOR_ALPHA,
	MEAN,
	STDDEV
};

static const Option options_list[] = {
	COUNT_OPTION("min_n", 30, 2, MAX_COUNT),
	NUMBER_OPTION("hazard", 250, 1, 1e12), /* expected length of a run */
	COUNT_OPTION("max_run_length", 300, 2, MAX_WINDOW),
	COUNT_OPTION("lag", 30, 1, MAX_WINDOW),
	NUMBER_OPTION("drift_probability", 0.95, ABOVE_ZERO, 1),
	NUMBER_OPTION("warning_probability", 0.75, ABOVE_ZERO, 1),
	NUMBER_OPTION("prior_kappa", 1, ABOVE_ZERO, 1e12),
	NUMBER_OPTION("prior_alpha", 1, ABOVE_ZERO, 1e12),
	NUMBER_OPTION("mean", NAN, -DETECTOR_LARGEST, DETECTOR_LARGEST),
	NUMBER_OPTION("stddev", NAN, ABOVE_ZERO, DETECTOR_LARGEST),
};

typedef struct Run
{
	double		log_probability;
	double		mean;			/* of the posterior */
	double		beta;
} Run;

typedef struct Bocd
{
	Baseline	baseline;
	int64_t		n_runs;			/* lengths 0 to n_runs - 1 are possible */
	double		since;			/* values since the start */
	Run			runs[];			/* by length */
} Bocd;

static const char *
bocd_check(const double *options)
{
	if (options[LAG] >= options[MAX_RUN_LENGTH])
		return "lag must be below max_run_length.";
	if (options[WARNING_PROBABILITY] > options[DRIFT_PROBABILITY])
		return "warning_probability must not be above drift_probability.";
	return baseline_check(options[MEAN], options[STDDEV]);
}

static size_t
bocd_n_words(const double *options)
{
	return WORDS_OF(Bocd) + WORDS_OF(Run) * ((size_t) options[MAX_RUN_LENGTH] + 1);
}

/* For each length, the part of the predictive density's logarithm that depends on nothing else. */
static size_t
bocd_n_derived(const double *options)
{
	return (size_t) options[MAX_RUN_LENGTH] + 1;
}

static void
bocd_derive(const double *options, double *derived)
{
	for (int64_t length = 0; length <= (int64_t) options[MAX_RUN_LENGTH]; length++)
	{
		double		alpha = options[PRIOR_ALPHA] + (double) length / 2;

		derived[length] = lgamma(alpha + 0.5) - lgamma(alpha) - 0.5 * log(2 * M_PI);
	}
}

static void
bocd_start(const DetectorSettings *settings, void *state)
{
	Bocd	   *bocd = state;

	baseline_start(&bocd->baseline, settings->options[MEAN], settings->options[STDDEV]);
	bocd->n_runs = 1;
	/* A run has just begun: values are standardised, so that the prior's mean is 0 and its variance 1. */
	bocd->runs[0] = (Run){.log_probability = 0, .mean = 0, .beta = settings->options[PRIOR_ALPHA]};
}

/* Logarithm of the density of x after a run: Student's t. */
static double
predictive(const DetectorSettings *settings, const Run *run, int64_t length, double x)
{
	double		kappa = settings->options[PRIOR_KAPPA] + (double) length;
	double		alpha = settings->options[PRIOR_ALPHA] + (double) length / 2;
	double		scale = run->beta * (kappa + 1) / kappa;

	return settings->derived[length] - 0.5 * log(scale) - (alpha + 0.5) * log1p((x - run->mean) * (x - run->mean) / (2 * scale));
}

static double
log_sum(double a, double b)
{
	double		high = fmax(a, b);

	return high == -INFINITY ? high : high + log1p(exp(fmin(a, b) - high));
}

/* Every run has grown by a value or given way to a new one. */
static void
grow(const DetectorSettings *settings, Bocd *bocd, double x)
{
	const double *options = settings->options;
	int64_t		longest = (int64_t) options[MAX_RUN_LENGTH];
	double		log_stop = log(1 / options[HAZARD]);
	double		log_go_on = log1p(-1 / options[HAZARD]);
	double		stopped = -INFINITY;
	double		overflow = -INFINITY;

	for (int64_t length = bocd->n_runs - 1; length >= 0; length--)
	{
		Run			run = bocd->runs[length];
		double		joint = run.log_probability + predictive(settings, &run, length, x);
		double		kappa = options[PRIOR_KAPPA] + (double) length;
		double		deviation = x - run.mean;

		stopped = log_sum(stopped, joint + log_stop);
		joint += log_go_on;
		if (length == longest)
		{
			overflow = joint;
			continue;
		}
		bocd->runs[length + 1] = (Run){.log_probability = length + 1 == longest ? log_sum(joint, overflow) : joint,
									   .mean = run.mean + deviation / (kappa + 1),
									   .beta = run.beta + kappa * deviation * deviation / (2 * (kappa + 1))};
	}
	bocd->runs[0] = (Run){.log_probability = stopped, .mean = 0, .beta = options[PRIOR_ALPHA]};
	if (bocd->n_runs <= longest)
		bocd->n_runs++;
}

/* Probabilities are made to sum to 1; those of runs of at most lag are summed. */
static double
share_of_short_runs(Bocd *bocd, int64_t lag)
{
	double		high = -INFINITY;
	double		sum = 0;
	double		recent = 0;

	for (int64_t length = 0; length < bocd->n_runs; length++)
		high = fmax(high, bocd->runs[length].log_probability);
	for (int64_t length = 0; length < bocd->n_runs; length++)
	{
		double		probability = exp(bocd->runs[length].log_probability - high);

		sum += probability;
		if (length <= lag)
			recent += probability;
	}
	high += log(fmax(sum, 1));	/* the likeliest adds 1 */
	for (int64_t length = 0; length < bocd->n_runs; length++)
		bocd->runs[length].log_probability -= high;
	return recent / sum;
}

static DetectorSignal
bocd_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	Bocd	   *bocd = state;
	int64_t		lag = (int64_t) options[LAG];
	double		recent;

	if (baseline_takes(&bocd->baseline, x, options[MIN_N]))
		return DETECTOR_STABLE;
	grow(settings, bocd, baseline_distance(&bocd->baseline, x));
	recent = share_of_short_runs(bocd, lag);
	bocd->since += 1;
	/* At first every run is a short one. */
	if (bocd->since <= 2 * options[LAG])
		return DETECTOR_STABLE;
	return recent > options[DRIFT_PROBABILITY]  ? DETECTOR_DRIFT
		: recent > options[WARNING_PROBABILITY] ? DETECTOR_WARNING
												: DETECTOR_STABLE;
}

static bool
bocd_is_safe(const double *options, const void *state)
{
	const Bocd *bocd = state;

	return bocd->n_runs >= 1 && bocd->n_runs <= (int64_t) options[MAX_RUN_LENGTH] + 1;
}

const DetectorMethod bocd_method = {
	.name = "bocd",
	.reference = "Adams and MacKay, Bayesian online changepoint detection, 2007, arXiv:0710.3742",
	.input = DETECTOR_NUMBER,
	.options = options_list,
	.n_options = N_OPTIONS(options_list),
	.check = bocd_check,
	.n_words = bocd_n_words,
	.n_derived = bocd_n_derived,
	.derive = bocd_derive,
	.start = bocd_start,
	.update = bocd_update,
	.is_safe = bocd_is_safe,
};
