/*
 * recent_window.c
 *		The latest errors against those before them: STEPD (Nishida and Yamauchi 2007) and WSTD (Barros et al. 2018).
 */
#include "base/distributions.h"
#include "detect/detector_method.h"

/* The latest values, a ring of bits, and how many errors are among them. */
typedef struct Ring
{
	int64_t		n;
	int64_t		next;
	int64_t		n_errors;
} Ring;

/* Adds a value; true when that pushed the oldest out, which is *oldest then. */
static bool
ring_push(Ring *ring, uint64_t *bits, int64_t capacity, bool x, bool *oldest)
{
	bool		is_full = ring->n == capacity;

	if (is_full)
	{
		*oldest = bit_get(bits, ring->next);
		ring->n_errors -= *oldest;
	}
	else
		ring->n++;
	bit_set(bits, ring->next, x);
	ring->n_errors += x;
	ring->next = ring->next + 1 == capacity ? 0 : ring->next + 1;
	return is_full;
}

static bool
ring_is_safe(const Ring *ring, int64_t capacity)
{
	return ring->n >= 0 && ring->n <= capacity && ring->next >= 0 && ring->next < capacity && ring->n_errors >= 0 &&
		ring->n_errors <= ring->n && (ring->n == capacity || ring->next == ring->n);
}

static int64_t
n_bit_words(double n)
{
	return ((int64_t) n + 63) / 64;
}

static DetectorSignal
judge(double p, const double *alphas)
{
	return p < alphas[0] ? DETECTOR_DRIFT : p < alphas[1] ? DETECTOR_WARNING : DETECTOR_STABLE;
}

/* ---- STEPD: two proportions, with continuity correction ---- */

enum
{
	STEPD_DRIFT_ALPHA,
	STEPD_WARNING_ALPHA,
	STEPD_WINDOW_SIZE,
	STEPD_TWO_SIDED
};

static const Option stepd_options[] = {
	NUMBER_OPTION("drift_alpha", 0.003, ABOVE_ZERO, 1),
	NUMBER_OPTION("warning_alpha", 0.05, ABOVE_ZERO, 1),
	COUNT_OPTION("window_size", 30, 1, MAX_WINDOW),
	BOOLEAN_OPTION("two_sided", 1),
};

typedef struct Stepd
{
	double		n_older;
	double		n_older_errors;
	Ring		recent;
	uint64_t	bits[];
} Stepd;

static size_t
stepd_n_words(const double *options)
{
	return WORDS_OF(Stepd) + (size_t) n_bit_words(options[STEPD_WINDOW_SIZE]);
}

static void
recent_start(const DetectorSettings *settings, void *state)
{
}

static DetectorSignal
stepd_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	Stepd	   *stepd = state;
	double		n_recent;
	double		share;
	double		difference;
	double		reciprocals;
	bool		oldest;

	if (ring_push(&stepd->recent, stepd->bits, (int64_t) options[STEPD_WINDOW_SIZE], x != 0, &oldest))
	{
		stepd->n_older += 1;
		stepd->n_older_errors += oldest;
	}
	n_recent = (double) stepd->recent.n;
	if (stepd->n_older < options[STEPD_WINDOW_SIZE])
		return DETECTOR_STABLE;
	share = (stepd->n_older_errors + (double) stepd->recent.n_errors) / (stepd->n_older + n_recent);
	difference = (double) stepd->recent.n_errors / n_recent - stepd->n_older_errors / stepd->n_older;
	/* Nothing differs where all are alike. */
	if (!(share > 0 && share < 1) || (difference < 0 && options[STEPD_TWO_SIDED] == 0))
		return DETECTOR_STABLE;
	reciprocals = 1 / stepd->n_older + 1 / n_recent;
	return judge(normal_two_sided(fmax(0, fabs(difference) - reciprocals / 2) / sqrt(share * (1 - share) * reciprocals)),
				 &options[STEPD_DRIFT_ALPHA]);
}

static bool
stepd_is_safe(const double *options, const void *state)
{
	return ring_is_safe(&((const Stepd *) state)->recent, (int64_t) options[STEPD_WINDOW_SIZE]);
}

const DetectorMethod stepd_method = {
	.name = "stepd",
	.reference = "Nishida and Yamauchi, Detecting concept drift using statistical testing, DS 2007",
	.input = DETECTOR_ERROR,
	.options = stepd_options,
	.n_options = N_OPTIONS(stepd_options),
	.n_words = stepd_n_words,
	.start = recent_start,
	.update = stepd_update,
	.is_safe = stepd_is_safe,
};

/* ---- WSTD: Wilcoxon's rank sum test of a bounded number of older values, with the variance that ties leave ---- */

enum
{
	WSTD_DRIFT_ALPHA,
	WSTD_WARNING_ALPHA,
	WSTD_WINDOW_SIZE,
	WSTD_MAX_OLDER,
	WSTD_TWO_SIDED
};

static const Option wstd_options[] = {
	NUMBER_OPTION("drift_alpha", 0.003, ABOVE_ZERO, 1),
	NUMBER_OPTION("warning_alpha", 0.05, ABOVE_ZERO, 1),
	COUNT_OPTION("window_size", 30, 1, MAX_WINDOW),
	COUNT_OPTION("max_older", 120, 1, MAX_WINDOW),
	BOOLEAN_OPTION("two_sided", 1),
};

typedef struct Wstd
{
	Ring		recent;
	Ring		older;
	uint64_t	bits[];			/* of the recent, then of the older */
} Wstd;

static size_t
wstd_n_words(const double *options)
{
	return WORDS_OF(Wstd) + (size_t) (n_bit_words(options[WSTD_WINDOW_SIZE]) + n_bit_words(options[WSTD_MAX_OLDER]));
}

static const char *
wstd_check(const double *options)
{
	return options[WSTD_MAX_OLDER] < options[WSTD_WINDOW_SIZE] ? "max_older must not be below window_size." : NULL;
}

static DetectorSignal
wstd_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	int64_t		capacity = (int64_t) options[WSTD_WINDOW_SIZE];
	Wstd	   *wstd = state;
	double		recent;
	double		older;
	double		n;
	double		errors;
	double		right;
	double		rank_sum;
	double		expected;
	double		variance;
	bool		oldest;
	bool		forgotten;

	if (ring_push(&wstd->recent, wstd->bits, capacity, x != 0, &oldest))
		ring_push(&wstd->older, wstd->bits + n_bit_words(options[WSTD_WINDOW_SIZE]), (int64_t) options[WSTD_MAX_OLDER], oldest,
				  &forgotten);
	if (wstd->older.n < capacity)
		return DETECTOR_STABLE;
	recent = (double) wstd->recent.n;
	older = (double) wstd->older.n;
	n = recent + older;
	errors = (double) (wstd->recent.n_errors + wstd->older.n_errors);
	right = n - errors;
	if (errors == 0 || right == 0)
		return DETECTOR_STABLE;
	/* Ties share the middle of their ranks: right values those up to right, errors the ranks above. */
	rank_sum = (double) (wstd->recent.n - wstd->recent.n_errors) * (right + 1) / 2 +
		(double) wstd->recent.n_errors * (right + (errors + 1) / 2);
	expected = recent * (n + 1) / 2;
	variance = recent * older / 12 * (n + 1 - (right * (right * right - 1) + errors * (errors * errors - 1)) / (n * (n - 1)));
	if (rank_sum < expected && options[WSTD_TWO_SIDED] == 0)
		return DETECTOR_STABLE;
	return judge(normal_two_sided((rank_sum - expected) / sqrt(variance)), &options[WSTD_DRIFT_ALPHA]);
}

static bool
wstd_is_safe(const double *options, const void *state)
{
	const Wstd *wstd = state;

	return ring_is_safe(&wstd->recent, (int64_t) options[WSTD_WINDOW_SIZE]) &&
		ring_is_safe(&wstd->older, (int64_t) options[WSTD_MAX_OLDER]);
}

const DetectorMethod wstd_method = {
	.name = "wstd",
	.reference = "Barros, Hidalgo and Cabral, Wilcoxon rank sum test drift detector, Neurocomputing 2018",
	.input = DETECTOR_ERROR,
	.options = wstd_options,
	.n_options = N_OPTIONS(wstd_options),
	.check = wstd_check,
	.n_words = wstd_n_words,
	.start = recent_start,
	.update = wstd_update,
	.is_safe = wstd_is_safe,
};
