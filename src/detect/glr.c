/*
 * glr.c
 *		GLR: the generalised likelihood ratio of a shift of the mean, of any size and at any of the latest places, with normal noise
 *		(Willsky and Jones 1976; Lai 1995, window-limited).
 */
#include "detect/detector_method.h"

enum
{
	MIN_N,
	WINDOW_SIZE,
	THRESHOLD,
	MODE,
	MEAN,
	STDDEV
};

static const Option options_list[] = {
	COUNT_OPTION("min_n", 30, 2, MAX_COUNT),
	COUNT_OPTION("window_size", 100, 1, MAX_WINDOW),
	NUMBER_OPTION("threshold", 12, 0, DETECTOR_LARGEST),
	CHOICE_OPTION("mode", detector_modes, 0),
	NUMBER_OPTION("mean", NAN, -DETECTOR_LARGEST, DETECTOR_LARGEST),
	NUMBER_OPTION("stddev", NAN, ABOVE_ZERO, DETECTOR_LARGEST),
};

typedef struct Glr
{
	Baseline	baseline;
	int64_t		n;
	int64_t		next;
	double		latest[];		/* standardised values, a ring */
} Glr;

static const char *
glr_check(const double *options)
{
	return baseline_check(options[MEAN], options[STDDEV]);
}

static size_t
glr_n_words(const double *options)
{
	return WORDS_OF(Glr) + (size_t) options[WINDOW_SIZE];
}

static void
glr_start(const DetectorSettings *settings, void *state)
{
	Glr		   *glr = state;

	baseline_start(&glr->baseline, settings->options[MEAN], settings->options[STDDEV]);
}

static DetectorSignal
glr_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	int64_t		capacity = (int64_t) options[WINDOW_SIZE];
	Glr		   *glr = state;
	double		threshold = 2 * options[THRESHOLD];
	double		sum = 0;
	int64_t		place;

	if (baseline_takes(&glr->baseline, x, options[MIN_N]))
		return DETECTOR_STABLE;
	glr->latest[glr->next] = baseline_distance(&glr->baseline, x);
	place = glr->next;
	glr->next = glr->next + 1 == capacity ? 0 : glr->next + 1;
	if (glr->n < capacity)
		glr->n++;
	/* A change so many values ago: the mean since then is the likeliest one. */
	for (int64_t since = 1; since <= glr->n; since++)
	{
		sum += glr->latest[place];
		place = place == 0 ? capacity - 1 : place - 1;
		if (sum * sum > threshold * (double) since &&
			(options[MODE] == MODE_BOTH || (options[MODE] == MODE_UP ? sum > 0 : sum < 0)))
			return DETECTOR_DRIFT;
	}
	return DETECTOR_STABLE;
}

static bool
glr_is_safe(const double *options, const void *state)
{
	const Glr  *glr = state;
	int64_t		capacity = (int64_t) options[WINDOW_SIZE];

	return glr->n >= 0 && glr->n <= capacity && glr->next >= 0 && glr->next < capacity;
}

const DetectorMethod glr_method = {
	.name = "glr",
	.reference =
		"Willsky and Jones, IEEE Transactions on Automatic Control 1976; Lai, Sequential changepoint detection, JRSS B 1995",
	.input = DETECTOR_NUMBER,
	.options = options_list,
	.n_options = N_OPTIONS(options_list),
	.check = glr_check,
	.n_words = glr_n_words,
	.start = glr_start,
	.update = glr_update,
	.is_safe = glr_is_safe,
};
