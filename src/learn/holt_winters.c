/*
 * holt_winters.c
 *		Forecasts of one series by its level, trend and season (Holt 1957, Winters 1960). The first feature is how many steps ahead
 *		the forecast is for, 1 where it is missing; when learning it is not looked at.
 *
 * The first values, two or a season, give level (their mean), trend (their mean difference) and season, as River has them, but
 * for the additive season, which is what the values are above the level.
 */
#include "learn/learner_method.h"

enum
{
	MAX_MEMORY,
	ALPHA,						/* of the level */
	BETA,						/* of the trend; NaN: there is none */
	GAMMA,						/* of the season; NaN: there is none */
	SEASONALITY,				/* steps of a season */
	MULTIPLICATIVE
};

#define MAX_SEASONALITY 100000

static const Option options_list[] = {MEMORY_OPTION,
									  NUMBER_OPTION("alpha", 0.3, 0, 1),
									  NUMBER_OPTION("beta", NAN, 0, 1),
									  NUMBER_OPTION("gamma", NAN, 0, 1),
									  COUNT_OPTION("seasonality", 0, 0, MAX_SEASONALITY),
									  BOOLEAN_OPTION("multiplicative", 0),
									  INTERVAL_OPTIONS};

typedef struct Series
{
	int			n_first;		/* values that level, trend and season are begun with */
	int			n;				/* of them that are there */
	int			at;				/* the step of the season that comes next */
	double		level;
	double		trend;
	double	   *season;			/* n_first: at first the values themselves */
} Series;

static const char *
series_check(const double *options)
{
	if (isnan(options[GAMMA]) != (options[SEASONALITY] < 2))
		return "a season has gamma and a seasonality of 2 or more";
	return NULL;
}

static bool
has_season(const Learner *learner)
{
	return !isnan(learner->options[GAMMA]);
}

static bool
is_multiplicative(const Learner *learner)
{
	return learner->options[MULTIPLICATIVE] != 0;
}

static void
series_start(Learner *learner)
{
	Series	   *series = learner->state;

	series->n_first = has_season(learner) ? (int) learner->options[SEASONALITY] : 2;
	series->season = learner_room(learner, (size_t) series->n_first * sizeof(double));
}

static void
series_finish(Learner *learner)
{
	Series	   *series = learner->state;

	learner_release(learner, series->season, (size_t) series->n_first * sizeof(double));
}

static double
mean_of_first(const Series *series)
{
	double		sum = 0;

	for (int i = 0; i < series->n; i++)
		sum += series->season[i];
	return sum / series->n;
}

static void
begin(const Learner *learner, Series *series)
{
	series->level = mean_of_first(series);
	series->trend = isnan(learner->options[BETA]) ? 0 : (series->season[series->n - 1] - series->season[0]) / (series->n - 1);
	for (int i = 0; i < series->n; i++)
		if (!is_multiplicative(learner))
			series->season[i] -= series->level;
		else
			series->season[i] = series->level != 0 ? series->season[i] / series->level : 1;
}

/* What is no number any more, as after a division by 0, is left as it was. */
static void
move_to(double *value, double next)
{
	if (isfinite(next) && fabs(next) <= LEARNER_LARGEST)
		*value = next;
}

static void
series_learn(Learner *learner, const double *row, double target, double weight)
{
	Series	   *series = learner->state;
	double		alpha = learner->options[ALPHA];
	double		beta = learner->options[BETA];
	double		gamma = learner->options[GAMMA];
	double		level = series->level;
	double		trend = series->trend;
	double		season;

	(void) row;
	(void) weight;
	if (series->n < series->n_first)
	{
		series->season[series->n++] = target;
		if (series->n == series->n_first)
			begin(learner, series);
		return;
	}
	season = has_season(learner) ? series->season[series->at] : is_multiplicative(learner);
	move_to(&series->level,
			alpha * (is_multiplicative(learner) ? target / season : target - season) + (1 - alpha) * (level + trend));
	if (!isnan(beta))
		move_to(&series->trend, beta * (series->level - level) + (1 - beta) * trend);
	if (!has_season(learner))
		return;
	move_to(&series->season[series->at],
			gamma * (is_multiplicative(learner) ? target / (level + trend) : target - level - trend) + (1 - gamma) * season);
	series->at = (series->at + 1) % series->n_first;
}

static void
series_predict(const Learner *learner, const double *row, double *prediction)
{
	const Series *series = learner->state;
	double		steps = learner->is_categorical[0] || isnan(row[0]) ? 1 : fmax(1, floor(row[0]));
	double		season;
	double		number;

	/* Before it has begun, the mean. */
	if (series->n < series->n_first)
	{
		prediction[0] = series->n > 0 ? mean_of_first(series) : NAN;
		return;
	}
	/* Past what doubles count, a step is not one. */
	if (!(steps >= 1 && steps < 1e15))
		steps = 1;
	number = series->level + steps * series->trend;
	prediction[0] = number;
	if (!has_season(learner))
		return;
	season = series->season[(series->at + (int) fmod(steps - 1, series->n_first)) % series->n_first];
	prediction[0] = is_multiplicative(learner) ? number * season : number + season;
}

static void
series_archive(Learner *learner, Archive *archive)
{
	Series	   *series = learner->state;

	archive_count(archive, &series->n, 0, series->n_first);
	archive_count(archive, &series->at, 0, series->n_first - 1);
	archive_double(archive, &series->level);
	archive_double(archive, &series->trend);
	for (int i = 0; i < series->n_first && !archive_is_corrupt(archive); i++)
		archive_double(archive, &series->season[i]);
}

const LearnerMethod holt_winters_method = {
	.name = "holt_winters",
	.reference = "Holt 1957; Winters 1960",
	.task = LEARNER_REGRESSION,
	.options = options_list,
	.n_options = N_OPTIONS(options_list),
	.check = series_check,
	.state_size = sizeof(Series),
	.start = series_start,
	.finish = series_finish,
	.learn = series_learn,
	.predict = series_predict,
	.archive = series_archive,
};
