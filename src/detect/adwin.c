/*
 * adwin.c
 *		ADWIN: a window whose older part is dropped when its mean differs from that of the newer (Bifet and Gavalda 2007, ADWIN2).
 *
 * The window is an exponential histogram: level i holds up to max_buckets + 1 buckets of 2^i values, the oldest first.  There is
 *room for the levels that are in use.  The order of operations is the one that River and MOA share, so that decisions agree to the
 *last bit.
 */
#include <string.h>

#include "detect/detector_method.h"

enum
{
	DELTA,
	CLOCK,
	MAX_BUCKETS,
	MIN_WINDOW,
	MIN_N,
	VARIANT
};

static const Option options_list[] = {
	NUMBER_OPTION("delta", 0.002, ABOVE_ZERO, 1), COUNT_OPTION("clock", 32, 1, MAX_COUNT),
	COUNT_OPTION("max_buckets", 5, 2, 100),       COUNT_OPTION("min_window", 5, 1, MAX_COUNT),
	COUNT_OPTION("min_n", 10, 1, MAX_COUNT),      CHOICE_OPTION("variant", detector_variants, 0),
};

/* 5 * 2^58 values and more than any stream has. */
#define MAX_LEVELS 58

typedef struct Bucket
{
	double		total;
	double		variance;		/* sum of squared deviations from the bucket's mean */
} Bucket;

typedef struct Adwin
{
	double		width;
	double		total;
	double		variance;
	int64_t		until_check;	/* values left before the next look for a change */
	int64_t		n_levels;
	int64_t		n_buckets[MAX_LEVELS];
	Bucket		buckets[];		/* max_buckets + 1 of each level */
} Adwin;

static size_t
words_of_level(const double *options)
{
	return WORDS_OF(Bucket) * (size_t) (options[MAX_BUCKETS] + 1);
}

static size_t
words_of_levels(const double *options, int64_t n_levels)
{
	return WORDS_OF(Adwin) + (size_t) n_levels * words_of_level(options);
}

static size_t
adwin_n_words(const double *options)
{
	return words_of_levels(options, MAX_LEVELS);
}

static size_t
adwin_first_words(const double *options)
{
	return words_of_levels(options, 1);
}

static size_t
adwin_words(const double *options, const void *state)
{
	return words_of_levels(options, ((const Adwin *) state)->n_levels);
}

/* Where one value more fills each level, it makes a bucket of the next. */
static bool
adwin_is_full(const double *options, const void *state)
{
	const Adwin *adwin = state;
	int64_t		most = (int64_t) options[MAX_BUCKETS];
	int64_t		level = 0;

	while (level < adwin->n_levels && adwin->n_buckets[level] == most)
		level++;
	return level == adwin->n_levels && level < MAX_LEVELS;
}

static void
adwin_start(const DetectorSettings *settings, void *state)
{
	Adwin	   *adwin = state;

	adwin->until_check = (int64_t) settings->options[CLOCK];
	adwin->n_levels = 1;
}

static inline Bucket *
level_buckets(const Adwin *adwin, int64_t capacity, int64_t level)
{
	return (Bucket *) &adwin->buckets[level * capacity];
}

static inline double
bucket_size(int64_t level)
{
	return (double) (UINT64_C(1) << (level & 63));
}

static void
remove_oldest(Adwin *adwin, int64_t capacity, int64_t level, int64_t n)
{
	Bucket	   *buckets = level_buckets(adwin, capacity, level);
	int64_t		left = adwin->n_buckets[level] - n;

	memmove(buckets, buckets + n, (size_t) left * sizeof(Bucket));
	memset(buckets + left, 0, (size_t) n * sizeof(Bucket));
	adwin->n_buckets[level] = left;
}

/* The two oldest buckets of a level that is over full become one of the next. */
static void
compress(Adwin *adwin, int64_t capacity)
{
	for (int64_t level = 0; adwin->n_buckets[level] == capacity && level + 1 < MAX_LEVELS; level++)
	{
		Bucket	   *buckets = level_buckets(adwin, capacity, level);
		double		n = bucket_size(level);
		double		difference = buckets[0].total / n - buckets[1].total / n;
		Bucket	   *merged = &level_buckets(adwin, capacity, level + 1)[adwin->n_buckets[level + 1]];

		merged->total = buckets[0].total + buckets[1].total;
		merged->variance = buckets[0].variance + buckets[1].variance + n * 0.5 * difference * difference;
		if (level + 1 == adwin->n_levels)
			adwin->n_levels++;
		adwin->n_buckets[level + 1]++;
		remove_oldest(adwin, capacity, level, 2);
	}
}

static void
insert(Adwin *adwin, int64_t capacity, double x)
{
	Bucket	   *bucket = &adwin->buckets[adwin->n_buckets[0]++];

	bucket->total = x;
	bucket->variance = 0;
	adwin->width += 1;
	if (adwin->width > 1)
	{
		double		deviation = x - adwin->total / (adwin->width - 1);

		adwin->variance += (adwin->width - 1) * deviation * deviation / adwin->width;
	}
	adwin->total += x;
	compress(adwin, capacity);
}

static void
drop_oldest_bucket(Adwin *adwin, int64_t capacity)
{
	int64_t		level = adwin->n_levels - 1;
	Bucket		bucket = level_buckets(adwin, capacity, level)[0];
	double		n = bucket_size(level);
	double		difference;

	adwin->width -= n;
	adwin->total -= bucket.total;
	difference = bucket.total / n - adwin->total / adwin->width;
	adwin->variance -= bucket.variance + n * adwin->width * difference * difference / (n + adwin->width);
	remove_oldest(adwin, capacity, level, 1);
	while (adwin->n_levels > 1 && adwin->n_buckets[adwin->n_levels - 1] == 0)
		adwin->n_levels--;
}

/* Whether the means differ more than chance allows. */
static bool
differ(double n0, double n1, double total0, double total1, double min_window, double variance, double logarithm)
{
	double		reciprocal = 1 / (n0 - min_window + 1) + 1 / (n1 - min_window + 1);

	return fabs(total0 / n0 - total1 / n1) > sqrt(2 * reciprocal * variance * logarithm) + 2.0 / 3.0 * logarithm * reciprocal;
}

/*
 * Whether the window can be cut in two parts whose means differ more than chance allows.
 *
 * Most cuts are far from the bound.  Its first term alone, with the smaller 1 / n0 + 1 / n1 in it and both sides multiplied by
 * n0 n1, tells that without a division.
 */
static bool
can_be_cut(const Adwin *adwin, int64_t capacity, double delta, double min_window)
{
	double		width = adwin->width;
	double		total = adwin->total;
	double		logarithm = log(2 * log(width) / delta);
	double		variance = adwin->variance / width;
	double		limit = logarithm >= 0 ? 0.999 * 2 * variance * logarithm * width : -1;
	double		n0 = 0;
	double		n1 = width;
	double		total0 = 0;
	double		total1 = total;

	for (int64_t level = adwin->n_levels - 1; level >= 0; level--)
	{
		const Bucket *buckets = level_buckets(adwin, capacity, level);
		double		size = bucket_size(level);

		for (int64_t i = 0; i < adwin->n_buckets[level]; i++)
		{
			double		difference;

			n0 += size;
			n1 -= size;
			total0 += buckets[i].total;
			total1 -= buckets[i].total;
			if (n1 < min_window)
				return false;
			if (n0 < min_window)
				continue;
			difference = total0 * width - total * n0;
			if (difference * difference < limit * n0 * n1)
				continue;
			if (differ(n0, n1, total0, total1, min_window, variance, logarithm))
				return true;
		}
	}
	return false;
}

static void
adwin_narrow(const DetectorSettings *settings, void *state)
{
	drop_oldest_bucket(state, (int64_t) settings->options[MAX_BUCKETS] + 1);
}

static DetectorSignal
adwin_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	Adwin	   *adwin = state;
	int64_t		capacity = (int64_t) options[MAX_BUCKETS] + 1;
	bool		changed = false;

	insert(adwin, capacity, x);
	if (--adwin->until_check > 0)
		return DETECTOR_STABLE;
	adwin->until_check = (int64_t) options[CLOCK];
	if (adwin->width <= options[MIN_N])
		return DETECTOR_STABLE;
	while (can_be_cut(adwin, capacity, options[DELTA], options[MIN_WINDOW]))
	{
		changed = true;
		drop_oldest_bucket(adwin, capacity);
	}
	return changed ? DETECTOR_DRIFT : DETECTOR_STABLE;
}

/* The older part is gone already; River drops the newer as well. */
static void
adwin_restart(const DetectorSettings *settings, void *state)
{
	if (settings->options[VARIANT] == VARIANT_RIVER)
	{
		memset(state, 0, 8 * adwin_words(settings->options, state));
		adwin_start(settings, state);
	}
}

static bool
adwin_is_safe(const double *options, const void *state)
{
	const Adwin *adwin = state;
	int64_t		capacity = (int64_t) options[MAX_BUCKETS] + 1;
	double		width = 0;

	if (adwin->n_levels < 1 || adwin->n_levels > MAX_LEVELS || adwin->until_check < 1 || adwin->until_check > options[CLOCK])
		return false;
	for (int64_t level = 0; level < MAX_LEVELS; level++)
	{
		if (adwin->n_buckets[level] < 0 || adwin->n_buckets[level] >= capacity)
			return false;
		if (level >= adwin->n_levels && adwin->n_buckets[level] != 0)
			return false;
		width += (double) adwin->n_buckets[level] * bucket_size(level);
	}
	return width == adwin->width && (adwin->n_levels == 1 || adwin->n_buckets[adwin->n_levels - 1] > 0);
}

static const DetectorGrowth growth = {
	.first_words = adwin_first_words,
	.words = adwin_words,
	.step = words_of_level,
	.is_full = adwin_is_full,
	.narrow = adwin_narrow,
};

const DetectorMethod adwin_method = {
	.name = "adwin",
	.reference = "Bifet and Gavalda, Learning from time-changing data with adaptive windowing, SDM 2007",
	.input = DETECTOR_NUMBER,
	.options = options_list,
	.n_options = N_OPTIONS(options_list),
	.n_words = adwin_n_words,
	.growth = &growth,
	.start = adwin_start,
	.update = adwin_update,
	.restart = adwin_restart,
	.is_safe = adwin_is_safe,
};

double
detector_window_mean(const Detector *detector)
{
	const Adwin *adwin = detector->state;

	return detector->kind == DETECTOR_ADWIN && adwin->width > 0 ? adwin->total / adwin->width : NAN;
}
