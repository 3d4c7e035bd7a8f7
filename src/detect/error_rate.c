/*
 * error_rate.c
 *		DDM and RDDM: the rate of errors against the least it has been.  EDDM: the distance between errors against the greatest.
 */
#include <string.h>

#include "detect/detector_method.h"

/* ---- DDM ---- */

enum
{
	DDM_MIN_N,
	DDM_WARNING_LEVEL,
	DDM_DRIFT_LEVEL
};

static const Option ddm_options[] = {
	COUNT_OPTION("min_n", 30, 1, MAX_COUNT),
	NUMBER_OPTION("warning_level", 2, 0, DETECTOR_LARGEST),
	NUMBER_OPTION("drift_level", 3, 0, DETECTOR_LARGEST),
};

typedef struct Ddm
{
	RunningMean rate;
	double		least_rate;
	double		least_deviation;
	double		least_sum;
} Ddm;

static size_t
ddm_n_words(const double *options)
{
	return WORDS_OF(Ddm);
}

static void
ddm_start(const DetectorSettings *settings, void *state)
{
	((Ddm *) state)->least_sum = INFINITY;
}

static DetectorSignal
ddm_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	Ddm		   *ddm = state;
	double		rate;
	double		deviation;

	running_mean_add(&ddm->rate, x);
	if (ddm->rate.n <= options[DDM_MIN_N])
		return DETECTOR_STABLE;
	rate = ddm->rate.mean;
	deviation = sqrt(rate * (1 - rate) / ddm->rate.n);
	if (rate + deviation <= ddm->least_sum)
	{
		ddm->least_rate = rate;
		ddm->least_deviation = deviation;
		ddm->least_sum = rate + deviation;
	}
	if (rate + deviation > ddm->least_rate + options[DDM_DRIFT_LEVEL] * ddm->least_deviation)
		return DETECTOR_DRIFT;
	return rate + deviation > ddm->least_rate + options[DDM_WARNING_LEVEL] * ddm->least_deviation ? DETECTOR_WARNING
																								  : DETECTOR_STABLE;
}

const DetectorMethod ddm_method = {
	.name = "ddm",
	.reference = "Gama, Medas, Castillo and Rodrigues, Learning with drift detection, SBIA 2004",
	.input = DETECTOR_ERROR,
	.options = ddm_options,
	.n_options = N_OPTIONS(ddm_options),
	.n_words = ddm_n_words,
	.start = ddm_start,
	.update = ddm_update,
};

/* ---- EDDM ---- */

enum
{
	EDDM_MIN_N,
	EDDM_WARNING_LEVEL,
	EDDM_DRIFT_LEVEL
};

static const Option eddm_options[] = {
	COUNT_OPTION("min_n", 30, 1, MAX_COUNT),
	NUMBER_OPTION("warning_level", 0.95, 0, 1),
	NUMBER_OPTION("drift_level", 0.9, 0, 1),
};

typedef struct Eddm
{
	double		n;
	double		last_error;
	RunningMean distance;
	double		sum_of_squares; /* of deviations of the distances */
	double		greatest;
	int64_t		is_warning;		/* holds until the next error */
} Eddm;

static const char *
eddm_check(const double *options)
{
	return options[EDDM_WARNING_LEVEL] < options[EDDM_DRIFT_LEVEL] ? "drift_level must not be above warning_level." : NULL;
}

static size_t
eddm_n_words(const double *options)
{
	return WORDS_OF(Eddm);
}

static void
eddm_start(const DetectorSettings *settings, void *state)
{
	((Eddm *) state)->greatest = -1;
}

static DetectorSignal
eddm_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	Eddm	   *eddm = state;

	eddm->n += 1;
	if (x == 1)
	{
		double		distance = eddm->n - eddm->last_error;
		double		old_mean = eddm->distance.mean;

		running_mean_add(&eddm->distance, distance);
		eddm->sum_of_squares += (distance - old_mean) * (distance - eddm->distance.mean);
		eddm->last_error = eddm->n;
		if (eddm->n > options[EDDM_MIN_N])
		{
			double		n = eddm->distance.n;
			double		spread = n > 1 ? sqrt(eddm->sum_of_squares / (n - 1)) : 0;
			double		reach = eddm->distance.mean + 2 * spread;

			if (reach > eddm->greatest)
				eddm->greatest = reach;
			else if (n > options[EDDM_MIN_N])
			{
				double		level = reach / eddm->greatest;

				if (level < options[EDDM_DRIFT_LEVEL])
					return DETECTOR_DRIFT;
				eddm->is_warning = level < options[EDDM_WARNING_LEVEL];
			}
		}
	}
	return eddm->is_warning ? DETECTOR_WARNING : DETECTOR_STABLE;
}

const DetectorMethod eddm_method = {
	.name = "eddm",
	.reference = "Baena-Garcia et al., Early drift detection method, IWKDDS 2006",
	.input = DETECTOR_ERROR,
	.options = eddm_options,
	.n_options = N_OPTIONS(eddm_options),
	.check = eddm_check,
	.n_words = eddm_n_words,
	.start = eddm_start,
	.update = eddm_update,
};

/* ---- RDDM: DDM that shortens long concepts to their latest values, and starts a new one with those since the warning ---- */

enum
{
	RDDM_MIN_N,
	RDDM_WARNING_LEVEL,
	RDDM_DRIFT_LEVEL,
	RDDM_MAX_CONCEPT,
	RDDM_MIN_STABLE,
	RDDM_WARNING_LIMIT
};

static const Option rddm_options[] = {
	COUNT_OPTION("min_n", 129, 1, MAX_COUNT),
	NUMBER_OPTION("warning_level", 1.773, 0, DETECTOR_LARGEST),
	NUMBER_OPTION("drift_level", 2.258, 0, DETECTOR_LARGEST),
	COUNT_OPTION("max_concept", 40000, 1, MAX_COUNT),
	COUNT_OPTION("min_stable", 7000, 1, 1e6),
	COUNT_OPTION("warning_limit", 1400, 1, MAX_COUNT),
};

typedef enum RddmRecompute
{
	RDDM_GO_ON = 0,
	RDDM_SHORTEN,				/* the concept is too long */
	RDDM_RENEW					/* a drift: what was least is forgotten too */
} RddmRecompute;

typedef struct Rddm
{
	double		n;				/* values of the concept, plus one */
	double		rate;
	double		deviation;
	double		least_rate;
	double		least_deviation;
	double		least_sum;
	int64_t		n_rows;
	int64_t		warning_row;	/* when the warning began; -1: there is none */
	int64_t		warning_place;
	int64_t		first;			/* the stored values, a ring */
	int64_t		n_stored;
	int64_t		recompute;		/* RddmRecompute, before the next value */
	uint64_t	errors[];
} Rddm;

static size_t
rddm_n_words(const double *options)
{
	return WORDS_OF(Rddm) + ((size_t) options[RDDM_MIN_STABLE] + 63) / 64;
}

static void
rddm_forget_least(Rddm *rddm)
{
	rddm->least_rate = rddm->least_deviation = rddm->least_sum = INFINITY;
}

static void
rddm_start(const DetectorSettings *settings, void *state)
{
	Rddm	   *rddm = state;

	rddm->n = 1;
	rddm->rate = 1;
	rddm->warning_row = rddm->warning_place = -1;
	rddm_forget_least(rddm);
}

static void
rddm_add(Rddm *rddm, double x)
{
	rddm->rate += (x - rddm->rate) / rddm->n;
	rddm->deviation = sqrt(rddm->rate * (1 - rddm->rate) / rddm->n);
}

static void
rddm_note_least(Rddm *rddm)
{
	if (rddm->rate + rddm->deviation < rddm->least_sum)
	{
		rddm->least_rate = rddm->rate;
		rddm->least_deviation = rddm->deviation;
		rddm->least_sum = rddm->rate + rddm->deviation;
	}
}

/* The concept is what is stored, since the warning where there was one. */
static void
rddm_recompute(Rddm *rddm, const double *options, int64_t capacity)
{
	bool		renew = rddm->recompute == RDDM_RENEW;

	rddm->n = 1;
	rddm->rate = 1;
	rddm->deviation = 0;
	if (renew)
		rddm_forget_least(rddm);
	if (rddm->warning_place >= 0)
	{
		int64_t		last = (rddm->first + rddm->n_stored - 1) % capacity;
		int64_t		n = last - rddm->warning_place + 1;

		rddm->first = rddm->warning_place;
		rddm->n_stored = n <= 0 ? n + capacity : n;
	}
	for (int64_t i = 0; i < rddm->n_stored; i++)
	{
		rddm_add(rddm, bit_get(rddm->errors, (rddm->first + i) % capacity));
		if (renew && rddm->n > options[RDDM_MIN_N])
			rddm_note_least(rddm);
		rddm->n += 1;
	}
	rddm->warning_row = rddm->warning_place = -1;
	rddm->recompute = RDDM_GO_ON;
}

static int64_t
rddm_store(Rddm *rddm, bool x, int64_t capacity)
{
	int64_t		place = (rddm->first + rddm->n_stored) % capacity;

	bit_set(rddm->errors, place, x);
	if (rddm->n_stored < capacity)
		rddm->n_stored++;
	else
	{
		rddm->first = (rddm->first + 1) % capacity;
		if (rddm->warning_place == place)
			rddm->warning_place = -1;
	}
	return place;
}

static DetectorSignal
rddm_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	Rddm	   *rddm = state;
	int64_t		capacity = (int64_t) options[RDDM_MIN_STABLE];
	int64_t		place;
	double		sum;

	if (rddm->recompute != RDDM_GO_ON)
		rddm_recompute(rddm, options, capacity);
	place = rddm_store(rddm, x != 0, capacity);
	rddm_add(rddm, x);
	rddm->n_rows++;
	rddm->n += 1;
	if (rddm->n <= options[RDDM_MIN_N])
		return DETECTOR_STABLE;
	rddm_note_least(rddm);
	sum = rddm->rate + rddm->deviation;
	if (sum > rddm->least_rate + options[RDDM_DRIFT_LEVEL] * rddm->least_deviation)
	{
		rddm->recompute = RDDM_RENEW;
		if (rddm->warning_row < 0)
		{
			rddm->first = place;
			rddm->n_stored = 1;
		}
		return DETECTOR_DRIFT;
	}
	if (sum > rddm->least_rate + options[RDDM_WARNING_LEVEL] * rddm->least_deviation)
	{
		if (rddm->warning_row >= 0 && rddm->warning_row + (int64_t) options[RDDM_WARNING_LIMIT] <= rddm->n_rows)
		{
			rddm->recompute = RDDM_RENEW;
			rddm->first = place;
			rddm->n_stored = 1;
			rddm->warning_row = rddm->warning_place = -1;
			return DETECTOR_DRIFT;
		}
		if (rddm->warning_row < 0)
		{
			rddm->warning_row = rddm->n_rows;
			rddm->warning_place = place;
		}
		return DETECTOR_WARNING;
	}
	rddm->warning_row = rddm->warning_place = -1;
	if (rddm->n > options[RDDM_MAX_CONCEPT])
		rddm->recompute = RDDM_SHORTEN;
	return DETECTOR_STABLE;
}

/* What is kept is recomputed before the next value. */
static void
rddm_restart(const DetectorSettings *settings, void *state)
{
}

static bool
rddm_is_safe(const double *options, const void *state)
{
	const Rddm *rddm = state;
	int64_t		capacity = (int64_t) options[RDDM_MIN_STABLE];

	return rddm->first >= 0 && rddm->first < capacity && rddm->n_stored >= 0 && rddm->n_stored <= capacity &&
		rddm->warning_place >= -1 && rddm->warning_place < capacity && rddm->n_rows >= 0 && rddm->n_rows < INT64_C(1) << 60 &&
		rddm->warning_row >= -1 && rddm->warning_row <= rddm->n_rows && rddm->recompute >= RDDM_GO_ON &&
		rddm->recompute <= RDDM_RENEW;
}

const DetectorMethod rddm_method = {
	.name = "rddm",
	.reference =
		"Barros, Cabral, Goncalves and Santos, RDDM: Reactive drift detection method, Expert Systems with Applications 2017",
	.input = DETECTOR_ERROR,
	.options = rddm_options,
	.n_options = N_OPTIONS(rddm_options),
	.n_words = rddm_n_words,
	.start = rddm_start,
	.update = rddm_update,
	.restart = rddm_restart,
	.is_safe = rddm_is_safe,
};
