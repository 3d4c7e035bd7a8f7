/*
 * mcdiarmid.c
 *		The share of right predictions in a sliding window against the greatest it has been: FHDDM, FHDDMS, and weighted MDDM
 *		(Pesaranghader et al. 2016, 2018).
 */
#include "detect/detector_method.h"

typedef struct Window
{
	int64_t		n;
	int64_t		next;
	int64_t		n_right;
	int64_t		n_right_short;	/* in the latest short_window_size (FHDDMS) */
	int64_t		rank_sum;		/* of the right ones, ranks from 0, the oldest (MDDM_A) */
	double		weighted;		/* sum of the weights of the right ones (MDDM_E, MDDM_G) */
	double		greatest;
	double		greatest_short;
	uint64_t	bits[];			/* 1: right */
} Window;

static int64_t
n_bit_words(double n)
{
	return ((int64_t) n + 63) / 64;
}

/* Every one of these detectors has these options first. */
enum
{
	WINDOW_SIZE,
	DELTA
};

static size_t
window_n_words(const double *options)
{
	return WORDS_OF(Window) + (size_t) n_bit_words(options[WINDOW_SIZE]);
}

static void
window_start(const DetectorSettings *settings, void *state)
{
}

/* The oldest value of a full window goes; what it was is the result. */
static bool
window_push(Window *window, int64_t capacity, bool is_right)
{
	bool		oldest = false;

	if (window->n == capacity)
	{
		oldest = bit_get(window->bits, window->next);
		window->n_right -= oldest;
	}
	else
		window->n++;
	bit_set(window->bits, window->next, is_right);
	window->n_right += is_right;
	window->next = window->next + 1 == capacity ? 0 : window->next + 1;
	return oldest;
}

static bool
window_is_safe(const double *options, const void *state)
{
	const Window *window = state;
	int64_t		capacity = (int64_t) options[WINDOW_SIZE];

	return window->n >= 0 && window->n <= capacity && window->next >= 0 && window->next < capacity && window->n_right >= 0 &&
		window->n_right <= window->n && window->n_right_short >= 0 && window->n_right_short <= capacity && window->rank_sum >= 0 &&
		window->rank_sum <= capacity * capacity && (window->n == capacity || window->next == window->n);
}

static bool
has_fallen(double share, double *greatest, double bound)
{
	if (share > *greatest)
		*greatest = share;
	return *greatest - share > bound;
}

/* ---- FHDDM and, with a second, shorter window, FHDDMS ---- */

enum
{
	FHDDM_VARIANT = 2,
	FHDDMS_SHORT_SIZE = 2,
	FHDDMS_VARIANT
};

static const Option fhddm_options[] = {
	COUNT_OPTION("window_size", 100, 1, MAX_WINDOW),
	NUMBER_OPTION("delta", 0.000001, ABOVE_ZERO, BELOW_ONE),
	CHOICE_OPTION("variant", detector_variants, 0),
};

static const Option fhddms_options[] = {
	COUNT_OPTION("window_size", 100, 1, MAX_WINDOW),
	NUMBER_OPTION("delta", 0.000001, ABOVE_ZERO, BELOW_ONE),
	COUNT_OPTION("short_window_size", 25, 1, MAX_WINDOW),
	CHOICE_OPTION("variant", detector_variants, 0),
};

enum
{
	BOUND,
	BOUND_SHORT,
	FHDDM_N_DERIVED
};

static double
hoeffding(double n, double delta)
{
	return sqrt(log(1 / delta) / (2 * n));
}

static size_t
fhddm_n_derived(const double *options)
{
	return FHDDM_N_DERIVED;
}

static void
fhddm_derive(const double *options, double *derived)
{
	derived[BOUND] = hoeffding(options[WINDOW_SIZE], options[DELTA]);
}

static void
fhddms_derive(const double *options, double *derived)
{
	fhddm_derive(options, derived);
	derived[BOUND_SHORT] = hoeffding(options[FHDDMS_SHORT_SIZE], options[DELTA]);
}

static const char *
fhddms_check(const double *options)
{
	return options[FHDDMS_SHORT_SIZE] > options[WINDOW_SIZE] ? "short_window_size must not be above window_size." : NULL;
}

/* River takes 1 for a right prediction, against what it says. */
static bool
counts_as_right(double x, double variant)
{
	return (x == 0) == (variant == VARIANT_PAPER);
}

static DetectorSignal
fhddm_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	Window	   *window = state;

	window_push(window, (int64_t) options[WINDOW_SIZE], counts_as_right(x, options[FHDDM_VARIANT]));
	if (window->n < (int64_t) options[WINDOW_SIZE])
		return DETECTOR_STABLE;
	return has_fallen((double) window->n_right / options[WINDOW_SIZE], &window->greatest, settings->derived[BOUND])
		? DETECTOR_DRIFT
		: DETECTOR_STABLE;
}

static DetectorSignal
fhddms_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	int64_t		capacity = (int64_t) options[WINDOW_SIZE];
	int64_t		short_size = (int64_t) options[FHDDMS_SHORT_SIZE];
	Window	   *window = state;
	bool		is_right = counts_as_right(x, options[FHDDMS_VARIANT]);
	bool		has_drifted;

	/* What leaves the short window lies short_size before the next place. */
	if (window->n >= short_size)
		window->n_right_short -= bit_get(window->bits, (window->next - short_size + capacity) % capacity);
	window->n_right_short += is_right;
	window_push(window, capacity, is_right);
	if (window->n < capacity)
		return DETECTOR_STABLE;
	has_drifted = has_fallen((double) window->n_right_short / options[FHDDMS_SHORT_SIZE], &window->greatest_short,
							 settings->derived[BOUND_SHORT]);
	has_drifted |= has_fallen((double) window->n_right / options[WINDOW_SIZE], &window->greatest, settings->derived[BOUND]);
	return has_drifted ? DETECTOR_DRIFT : DETECTOR_STABLE;
}

const DetectorMethod fhddm_method = {
	.name = "fhddm",
	.reference = "Pesaranghader and Viktor, Fast Hoeffding drift detection method for evolving data streams, ECML PKDD 2016",
	.input = DETECTOR_ERROR,
	.options = fhddm_options,
	.n_options = N_OPTIONS(fhddm_options),
	.n_words = window_n_words,
	.n_derived = fhddm_n_derived,
	.derive = fhddm_derive,
	.start = window_start,
	.update = fhddm_update,
	.is_safe = window_is_safe,
};

const DetectorMethod fhddms_method = {
	.name = "fhddms",
	.reference =
		"Pesaranghader, Viktor and Paquet, Reservoir of diverse adaptive learners and stacking fast Hoeffding drift detection methods, Machine Learning 2018",
	.input = DETECTOR_ERROR,
	.options = fhddms_options,
	.n_options = N_OPTIONS(fhddms_options),
	.check = fhddms_check,
	.n_words = window_n_words,
	.n_derived = fhddm_n_derived,
	.derive = fhddms_derive,
	.start = window_start,
	.update = fhddms_update,
	.is_safe = window_is_safe,
};

/* ---- MDDM: later predictions weigh more ---- */

enum
{
	MDDM_WARNING_DELTA = 2,
	MDDM_GROWTH					/* difference, lambda or ratio */
};

#define MDDM_COMMON \
	COUNT_OPTION("window_size", 100, 1, MAX_WINDOW), NUMBER_OPTION("delta", 0.000001, ABOVE_ZERO, BELOW_ONE), \
		NUMBER_OPTION("warning_delta", 0.000005, ABOVE_ZERO, BELOW_ONE)

static const Option mddm_a_options[] = {MDDM_COMMON, NUMBER_OPTION("difference", 0.01, 0, 1e6)};
static const Option mddm_e_options[] = {MDDM_COMMON, NUMBER_OPTION("lambda", 0.01, 0, 1)};
static const Option mddm_g_options[] = {MDDM_COMMON, NUMBER_OPTION("ratio", 1.01, 1, 2)};

enum
{
	MDDM_BOUND,
	MDDM_WARNING_BOUND,
	MDDM_TOTAL,					/* of the weights, the latest being 1 */
	MDDM_OLDEST,				/* weight of the oldest */
	MDDM_RATIO,
	MDDM_N_DERIVED
};

static size_t
mddm_n_derived(const double *options)
{
	return MDDM_N_DERIVED;
}

/* Weights as shares of their sum: the bounds follow from their squares. */
static void
mddm_bounds(const double *options, double total, double squares, double *derived)
{
	derived[MDDM_TOTAL] = total;
	derived[MDDM_BOUND] = sqrt(squares / (total * total) / 2 * log(1 / options[DELTA]));
	derived[MDDM_WARNING_BOUND] = sqrt(squares / (total * total) / 2 * log(1 / options[MDDM_WARNING_DELTA]));
}

static void
mddm_a_derive(const double *options, double *derived)
{
	double		total = 0;
	double		squares = 0;

	for (int64_t i = 0; i < (int64_t) options[WINDOW_SIZE]; i++)
	{
		double		weight = 1 + (double) i * options[MDDM_GROWTH];

		total += weight;
		squares += weight * weight;
	}
	mddm_bounds(options, total, squares, derived);
}

/* From the latest back, so that no weight overflows. */
static void
geometric_derive(const double *options, double ratio, double *derived)
{
	double		weight = 1;
	double		total = 0;
	double		squares = 0;

	for (int64_t i = 0; i < (int64_t) options[WINDOW_SIZE]; i++)
	{
		derived[MDDM_OLDEST] = weight;
		total += weight;
		squares += weight * weight;
		weight /= ratio;
	}
	derived[MDDM_RATIO] = ratio;
	mddm_bounds(options, total, squares, derived);
}

static void
mddm_e_derive(const double *options, double *derived)
{
	geometric_derive(options, exp(options[MDDM_GROWTH]), derived);
}

static void
mddm_g_derive(const double *options, double *derived)
{
	geometric_derive(options, options[MDDM_GROWTH], derived);
}

static DetectorSignal
mddm_judge(const DetectorSettings *settings, Window *window, double weighted)
{
	const double *derived = settings->derived;
	double		share = weighted / derived[MDDM_TOTAL];

	if (window->n < (int64_t) settings->options[WINDOW_SIZE])
		return DETECTOR_STABLE;
	if (has_fallen(share, &window->greatest, derived[MDDM_BOUND]))
		return DETECTOR_DRIFT;
	return has_fallen(share, &window->greatest, derived[MDDM_WARNING_BOUND]) ? DETECTOR_WARNING : DETECTOR_STABLE;
}

/* Whole numbers: nothing is lost however long the stream. */
static DetectorSignal
mddm_a_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	Window	   *window = state;
	int64_t		capacity = (int64_t) options[WINDOW_SIZE];
	bool		was_full = window->n == capacity;

	window_push(window, capacity, x == 0);
	/* All move down a rank; the oldest, of rank 0, had added nothing. */
	if (was_full)
		window->rank_sum -= window->n_right - (x == 0);
	window->rank_sum += x == 0 ? window->n - 1 : 0;
	return mddm_judge(settings, window, (double) window->n_right + options[MDDM_GROWTH] * (double) window->rank_sum);
}

/* Older weights shrink by the ratio at each value, and with them what rounding has added. */
static DetectorSignal
mddm_geometric_update(const DetectorSettings *settings, void *state, double x)
{
	const double *derived = settings->derived;
	Window	   *window = state;
	bool		oldest = window_push(window, (int64_t) settings->options[WINDOW_SIZE], x == 0);

	window->weighted = (window->weighted - (oldest ? derived[MDDM_OLDEST] : 0)) / derived[MDDM_RATIO] + (x == 0);
	return mddm_judge(settings, window, window->weighted);
}

#define MDDM_REFERENCE "Pesaranghader, Viktor and Paquet, McDiarmid drift detection methods for evolving data streams, IJCNN 2018"

const DetectorMethod mddm_a_method = {
	.name = "mddm_a",
	.reference = MDDM_REFERENCE,
	.input = DETECTOR_ERROR,
	.options = mddm_a_options,
	.n_options = N_OPTIONS(mddm_a_options),
	.n_words = window_n_words,
	.n_derived = mddm_n_derived,
	.derive = mddm_a_derive,
	.start = window_start,
	.update = mddm_a_update,
	.is_safe = window_is_safe,
};

const DetectorMethod mddm_e_method = {
	.name = "mddm_e",
	.reference = MDDM_REFERENCE,
	.input = DETECTOR_ERROR,
	.options = mddm_e_options,
	.n_options = N_OPTIONS(mddm_e_options),
	.n_words = window_n_words,
	.n_derived = mddm_n_derived,
	.derive = mddm_e_derive,
	.start = window_start,
	.update = mddm_geometric_update,
	.is_safe = window_is_safe,
};

const DetectorMethod mddm_g_method = {
	.name = "mddm_g",
	.reference = MDDM_REFERENCE,
	.input = DETECTOR_ERROR,
	.options = mddm_g_options,
	.n_options = N_OPTIONS(mddm_g_options),
	.n_words = window_n_words,
	.n_derived = mddm_n_derived,
	.derive = mddm_g_derive,
	.start = window_start,
	.update = mddm_geometric_update,
	.is_safe = window_is_safe,
};
