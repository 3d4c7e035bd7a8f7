/*
 * kswin.c
 *		KSWIN: the latest values against as many drawn at random from those before, by the exact Kolmogorov-Smirnov test (Raab et
 *		al. 2020).
 *
 * Draws are those of Python's random.Random(seed).sample(), so that a seeded run can be compared with River's.
 */
#include <string.h>

#include "detect/detector_method.h"
#include "detect/mersenne.h"

enum
{
	ALPHA,
	WINDOW_SIZE,
	STAT_SIZE,
	MIN_DISTANCE,
	SEED,
	VARIANT
};

static const Option options_list[] = {
	NUMBER_OPTION("alpha", 0.005, 0, 1),
	COUNT_OPTION("window_size", 100, 2, MAX_WINDOW),
	COUNT_OPTION("stat_size", 30, 1, MAX_WINDOW / 2),
	NUMBER_OPTION("min_distance", 0.1, 0, 1),
	COUNT_OPTION("seed", 0, 0, 4294967295.0),
	CHOICE_OPTION("variant", detector_variants, 0),
};

/* A value of the window and the place it came to: sorted by value, so that no test needs to sort. */
typedef struct Placed
{
	double		value;
	int64_t		place;			/* in the ring */
} Placed;

typedef struct Kswin
{
	int64_t		n;				/* values in the window */
	int64_t		next;			/* place of the next one in the ring */
	Mersenne	random;
	Placed		sorted[];		/* the window, window_size of them */
} Kswin;

enum
{
	REACH,						/* distance, in steps of 1 / stat_size, from which on the test rejects */
	N_DERIVED
};

static const char *
kswin_check(const double *options)
{
	return 2 * options[STAT_SIZE] > options[WINDOW_SIZE] ? "stat_size must be at most half of window_size." : NULL;
}

static size_t
kswin_n_words(const double *options)
{
	return WORDS_OF(Kswin) + WORDS_OF(Placed) * (size_t) options[WINDOW_SIZE];
}

static size_t
kswin_n_derived(const double *options)
{
	return N_DERIVED;
}

/*
 * P(D >= h / n) of two samples of n each: twice the alternating sum over k of C(2n, n - kh) / C(2n, n), from the innermost term
 * out.
 */
static double
equal_sizes_upper(int64_t n, int64_t h)
{
	double		p = 0;

	for (int64_t k = n / h; k >= 1; k--)
	{
		int64_t		inner = (k - 1) * h;
		double		ratio = 1;	/* C(2n, n - kh) / C(2n, n - (k - 1) h) */

		for (int64_t j = 0; j < h; j++)
			ratio *= (double) (n - inner - j) / (double) (n + inner + j + 1);
		p = ratio * (1 - p);
	}
	return 2 * p;
}

static void
kswin_derive(const double *options, double *derived)
{
	int64_t		n = (int64_t) options[STAT_SIZE];
	int64_t		low = 1;		/* the least distance that rejects lies between these */
	int64_t		high = n + 1;

	while (low < high)
	{
		int64_t		h = (low + high) / 2;

		if (equal_sizes_upper(n, h) <= options[ALPHA] && (double) h / (double) n > options[MIN_DISTANCE])
			high = h;
		else
			low = h + 1;
	}
	derived[REACH] = (double) low;
}

static void
kswin_start(const DetectorSettings *settings, void *state)
{
	mersenne_seed(&((Kswin *) state)->random, (uint32_t) settings->options[SEED]);
}

/* Values equal each other in any order: the test compares only after a group of them. */
static void
window_add(Kswin *kswin, int64_t capacity, double x)
{
	int64_t		from = kswin->n;
	int64_t		i;

	if (kswin->n == capacity)
	{
		for (from = 0; kswin->sorted[from].place != kswin->next; from++)
			;
	}
	else
		kswin->n++;
	for (i = from; i > 0 && kswin->sorted[i - 1].value > x; i--)
		kswin->sorted[i] = kswin->sorted[i - 1];
	for (; i + 1 < kswin->n && i >= from && kswin->sorted[i + 1].value < x; i++)
		kswin->sorted[i] = kswin->sorted[i + 1];
	kswin->sorted[i] = (Placed){.value = x, .place = kswin->next};
	kswin->next = (kswin->next + 1) % capacity;
}

/* How long ago the value came, counted from the oldest of a full window, which stands where the next one will go. */
static inline int64_t
age_of(const Placed *placed, int64_t next, int64_t capacity)
{
	int64_t		age = placed->place - next;

	return age < 0 ? age + capacity : age;
}

/* Greatest distance between the distributions of the latest values and of those drawn from the older ones, times their number. */
static int64_t
distance(const Kswin *kswin, const uint64_t *drawn, int64_t capacity, int64_t n_older)
{
	int64_t		gap = 0;
	int64_t		greatest = 0;

	for (int64_t i = 0; i < capacity; i++)
	{
		int64_t		age = age_of(&kswin->sorted[i], kswin->next, capacity);
		int64_t		distance;

		gap += age >= n_older ? -1 : bit_get(drawn, age);
		distance = gap < 0 ? -gap : gap;
		/* Equal values count together. */
		if (distance > greatest && (i + 1 == capacity || kswin->sorted[i + 1].value != kswin->sorted[i].value))
			greatest = distance;
	}
	return greatest;
}

/* The window is what the latest values leave of it. */
static void
keep_latest(Kswin *kswin, int64_t capacity, int64_t n_older)
{
	int64_t		n = 0;
	int64_t		oldest = kswin->next;

	for (int64_t i = 0; i < capacity; i++)
	{
		int64_t		age = age_of(&kswin->sorted[i], oldest, capacity);

		if (age >= n_older)
			kswin->sorted[n++] = (Placed){.value = kswin->sorted[i].value, .place = age - n_older};
	}
	memset(&kswin->sorted[n], 0, (size_t) (capacity - n) * sizeof(Placed));
	kswin->n = n;
	kswin->next = n % capacity;
}

static DetectorSignal
kswin_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	Kswin	   *kswin = state;
	int64_t		capacity = (int64_t) options[WINDOW_SIZE];
	int64_t		n_drawn = (int64_t) options[STAT_SIZE];
	int64_t		n_older = capacity - n_drawn;
	uint64_t	drawn[(MAX_WINDOW + 63) / 64];

	window_add(kswin, capacity, x);
	if (kswin->n < capacity)
		return DETECTOR_STABLE;
	memset(drawn, 0, (size_t) (n_older + 63) / 64 * sizeof(uint64_t));
	mersenne_sample(&kswin->random, n_older, n_drawn, drawn);
	return (double) distance(kswin, drawn, capacity, n_older) >= settings->derived[REACH] ? DETECTOR_DRIFT : DETECTOR_STABLE;
}

/* The paper keeps the latest values; River forgets them, and seeds anew. */
static void
kswin_restart(const DetectorSettings *settings, void *state)
{
	const double *options = settings->options;
	Kswin	   *kswin = state;

	if (options[VARIANT] == VARIANT_RIVER)
	{
		memset(state, 0, 8 * kswin_n_words(options));
		kswin_start(settings, state);
	}
	else if (kswin->n == (int64_t) options[WINDOW_SIZE])
		keep_latest(kswin, (int64_t) options[WINDOW_SIZE], (int64_t) (options[WINDOW_SIZE] - options[STAT_SIZE]));
}

/* Each place of the ring that is filled is held by exactly one value. */
static bool
kswin_is_safe(const double *options, const void *state)
{
	const Kswin *kswin = state;
	int64_t		capacity = (int64_t) options[WINDOW_SIZE];
	uint64_t	seen[(MAX_WINDOW + 63) / 64] = {0};

	if (kswin->n < 0 || kswin->n > capacity || kswin->next < 0 || kswin->next >= capacity || !mersenne_is_safe(&kswin->random) ||
		(kswin->n < capacity && kswin->next != kswin->n))
		return false;
	for (int64_t i = 0; i < kswin->n; i++)
	{
		int64_t		place = kswin->sorted[i].place;

		if (place < 0 || place >= capacity || bit_get(seen, place))
			return false;
		if (kswin->n < capacity && place >= kswin->n)
			return false;
		bit_set(seen, place, true);
	}
	return true;
}

const DetectorMethod kswin_method = {
	.name = "kswin",
	.reference = "Raab, Heusinger and Schleif, Reactive soft prototype computing for concept drift streams, Neurocomputing 2020",
	.input = DETECTOR_NUMBER,
	.options = options_list,
	.n_options = N_OPTIONS(options_list),
	.check = kswin_check,
	.n_words = kswin_n_words,
	.n_derived = kswin_n_derived,
	.derive = kswin_derive,
	.start = kswin_start,
	.update = kswin_update,
	.restart = kswin_restart,
	.is_safe = kswin_is_safe,
};
