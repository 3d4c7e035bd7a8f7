/*
 * hoeffding.c
 *		HDDM: means before and after the best cut, compared by Hoeffding's bound (HDDM_A) or, weighted, by McDiarmid's (HDDM_W).
 */
#include "detect/detector_method.h"

/* ---- HDDM_A ---- */

enum
{
	A_DRIFT_CONFIDENCE,
	A_WARNING_CONFIDENCE,
	A_TWO_SIDED
};

static const Option a_options[] = {
	NUMBER_OPTION("drift_confidence", 0.001, ABOVE_ZERO, BELOW_ONE),
	NUMBER_OPTION("warning_confidence", 0.005, ABOVE_ZERO, BELOW_ONE),
	BOOLEAN_OPTION("two_sided", 0),
};

typedef struct HddmA
{
	RunningMean total;
	RunningMean low;			/* up to the cut after which an increase is looked for */
	RunningMean high;			/* the same for a decrease */
} HddmA;

enum
{
	A_LOG_DRIFT,				/* logarithms of 1 / and 2 / confidences */
	A_LOG_DRIFT_2,
	A_LOG_WARNING_2,
	A_N_DERIVED
};

static size_t
a_n_words(const double *options)
{
	return WORDS_OF(HddmA);
}

static size_t
a_n_derived(const double *options)
{
	return A_N_DERIVED;
}

static void
a_derive(const double *options, double *derived)
{
	derived[A_LOG_DRIFT] = log(1 / options[A_DRIFT_CONFIDENCE]);
	derived[A_LOG_DRIFT_2] = log(2 / options[A_DRIFT_CONFIDENCE]);
	derived[A_LOG_WARNING_2] = log(2 / options[A_WARNING_CONFIDENCE]);
}

static void
a_start(const DetectorSettings *settings, void *state)
{
}

/* Whether the mean of all exceeds that up to the cut by more than chance; sign -1: falls below. */
static bool
a_has_moved(const RunningMean *total, const RunningMean *cut, double sign, double logarithm)
{
	double		m;

	if (cut->n == total->n)
		return false;
	m = (total->n - cut->n) / cut->n * (1 / total->n);
	return sign * (total->mean - cut->mean) >= sqrt(m / 2 * logarithm);
}

static DetectorSignal
a_update(const DetectorSettings *settings, void *state, double x)
{
	const double *derived = settings->derived;
	HddmA	   *a = state;
	double		bound;
	DetectorSignal signal = DETECTOR_STABLE;

	running_mean_add(&a->total, x);
	if (a->low.n == 0)
		a->low = a->total;
	if (a->high.n == 0)
		a->high = a->total;
	bound = sqrt(1 / (2 * a->total.n) * derived[A_LOG_DRIFT]);
	if (a->low.mean + sqrt(1 / (2 * a->low.n) * derived[A_LOG_DRIFT]) >= a->total.mean + bound)
		a->low = a->total;
	if (a->high.mean - sqrt(1 / (2 * a->high.n) * derived[A_LOG_DRIFT]) <= a->total.mean - bound)
		a->high = a->total;
	if (a_has_moved(&a->total, &a->low, 1, derived[A_LOG_DRIFT_2]))
		return DETECTOR_DRIFT;
	if (a_has_moved(&a->total, &a->low, 1, derived[A_LOG_WARNING_2]))
		signal = DETECTOR_WARNING;
	if (settings->options[A_TWO_SIDED] != 0)
	{
		if (a_has_moved(&a->total, &a->high, -1, derived[A_LOG_DRIFT_2]))
			return DETECTOR_DRIFT;
		if (a_has_moved(&a->total, &a->high, -1, derived[A_LOG_WARNING_2]))
			signal = DETECTOR_WARNING;
	}
	return signal;
}

const DetectorMethod hddm_a_method = {
	.name = "hddm_a",
	.reference = "Frias-Blanco et al., Online and non-parametric drift detection methods based on Hoeffding's bounds, TKDE 2015",
	.input = DETECTOR_SHARE,
	.options = a_options,
	.n_options = N_OPTIONS(a_options),
	.n_words = a_n_words,
	.n_derived = a_n_derived,
	.derive = a_derive,
	.start = a_start,
	.update = a_update,
};

/* ---- HDDM_W ---- */

enum
{
	W_DRIFT_CONFIDENCE,
	W_WARNING_CONFIDENCE,
	W_LAMBDA,
	W_TWO_SIDED,
	W_VARIANT
};

static const Option w_options[] = {
	NUMBER_OPTION("drift_confidence", 0.001, ABOVE_ZERO, BELOW_ONE),
	NUMBER_OPTION("warning_confidence", 0.005, ABOVE_ZERO, BELOW_ONE),
	NUMBER_OPTION("lambda", 0.05, ABOVE_ZERO, BELOW_ONE),
	BOOLEAN_OPTION("two_sided", 0),
	CHOICE_OPTION("variant", detector_variants, 0),
};

/* An exponentially weighted mean, and the sum of the squares of its weights. */
typedef struct WeightedMean
{
	int64_t		is_started;
	double		mean;
	double		squares;
} WeightedMean;

typedef struct HddmW
{
	WeightedMean total;
	WeightedMean before_increase;
	WeightedMean after_increase;
	WeightedMean before_decrease;
	WeightedMean after_decrease;
	double		increase_cut;
	double		decrease_cut;
} HddmW;

enum
{
	W_LOG_DRIFT,
	W_LOG_WARNING,
	W_N_DERIVED
};

static size_t
w_n_words(const double *options)
{
	return WORDS_OF(HddmW);
}

static size_t
w_n_derived(const double *options)
{
	return W_N_DERIVED;
}

static void
w_derive(const double *options, double *derived)
{
	derived[W_LOG_DRIFT] = log(1 / options[W_DRIFT_CONFIDENCE]);
	derived[W_LOG_WARNING] = log(1 / options[W_WARNING_CONFIDENCE]);
}

static void
w_start(const DetectorSettings *settings, void *state)
{
	HddmW	   *w = state;

	w->increase_cut = INFINITY;
	w->decrease_cut = -INFINITY;
}

static void
weighted_add(WeightedMean *weighted, double x, const double *options)
{
	double		lambda = options[W_LAMBDA];

	if (weighted->is_started)
	{
		weighted->mean = lambda * x + (1 - lambda) * weighted->mean;
		weighted->squares = lambda * lambda + (1 - lambda) * (1 - lambda) * weighted->squares;
		return;
	}
	/* The first value has all the weight; River counts it as if there had been one before. */
	weighted->is_started = 1;
	weighted->mean = x;
	weighted->squares = options[W_VARIANT] == VARIANT_RIVER ? lambda * lambda + (1 - lambda) * (1 - lambda) : 1;
}

static bool
w_exceeds(const WeightedMean *lower, const WeightedMean *upper, double logarithm)
{
	return lower->is_started && upper->is_started &&
		upper->mean - lower->mean > sqrt((lower->squares + upper->squares) * logarithm / 2);
}

static DetectorSignal
w_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	const double *derived = settings->derived;
	HddmW	   *w = state;
	double		bound;
	DetectorSignal signal = DETECTOR_STABLE;

	weighted_add(&w->total, x, options);
	bound = sqrt(w->total.squares * derived[W_LOG_DRIFT] / 2);
	if (w->total.mean + bound < w->increase_cut)
	{
		w->increase_cut = w->total.mean + bound;
		w->before_increase = w->total;
		w->after_increase = (WeightedMean){0};
	}
	else
		weighted_add(&w->after_increase, x, options);
	if (w->total.mean - bound > w->decrease_cut)
	{
		w->decrease_cut = w->total.mean - bound;
		w->before_decrease = w->total;
		w->after_decrease = (WeightedMean){0};
	}
	else
		weighted_add(&w->after_decrease, x, options);
	if (w_exceeds(&w->before_increase, &w->after_increase, derived[W_LOG_DRIFT]))
		return DETECTOR_DRIFT;
	if (w_exceeds(&w->before_increase, &w->after_increase, derived[W_LOG_WARNING]))
		signal = DETECTOR_WARNING;
	if (options[W_TWO_SIDED] != 0)
	{
		if (w_exceeds(&w->after_decrease, &w->before_decrease, derived[W_LOG_DRIFT]))
			return DETECTOR_DRIFT;
		if (w_exceeds(&w->after_decrease, &w->before_decrease, derived[W_LOG_WARNING]))
			signal = DETECTOR_WARNING;
	}
	return signal;
}

const DetectorMethod hddm_w_method = {
	.name = "hddm_w",
	.reference = "Frias-Blanco et al., Online and non-parametric drift detection methods based on Hoeffding's bounds, TKDE 2015",
	.input = DETECTOR_SHARE,
	.options = w_options,
	.n_options = N_OPTIONS(w_options),
	.n_words = w_n_words,
	.n_derived = w_n_derived,
	.derive = w_derive,
	.start = w_start,
	.update = w_update,
};
