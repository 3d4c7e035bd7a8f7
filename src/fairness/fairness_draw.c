/*
 * fairness_draw.c
 *		Random numbers of outcomes: hypergeometric and binomial, by inversion outwards from the most probable number, in about as
 *		many steps as the standard deviation.
 */
#include "fairness/fairness_draw.h"

#include <math.h>

#include "drift/drift_vectors.h"

double
draw_uniform(uint64_t *state)
{
	return (double) (drift_random(state) >> 11) * 0x1p-53;
}

static double
log_choose(double n, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

/* A number of outcomes in [least, most], whose probabilities follow from each other by ratios. */
typedef struct Outcomes
{
	double		least;
	double		most;
	double		mode;
	double		p_mode;			/* its probability */
	double		good;			/* hypergeometric: among the rows, and */
	double		bad;
	double		n;				/* drawn */
	double		odds;			/* binomial */
} Outcomes;

/* How much more probable the next number is than k. */
typedef double (*NextRatio)(const Outcomes *outcomes, double k);

/* Inversion outwards from the most probable number, above and below in turn. */
static inline int64_t
draw_outwards(const Outcomes *outcomes, NextRatio next, uint64_t *state)
{
	double		left = draw_uniform(state) - outcomes->p_mode;
	double		down = outcomes->mode;
	double		p_down = outcomes->p_mode;
	double		up = outcomes->mode;
	double		p_up = outcomes->p_mode;

	while (left >= 0 && (down > outcomes->least || up < outcomes->most))
	{
		if (up < outcomes->most)
		{
			p_up *= next(outcomes, up);
			left -= p_up;
			up++;
			if (left < 0)
				return (int64_t) up;
		}
		if (down > outcomes->least)
		{
			down--;
			p_down /= next(outcomes, down);
			left -= p_down;
			if (left < 0)
				return (int64_t) down;
		}
		/* What rounding has left over belongs nowhere. */
		if (p_up < 1e-300 && p_down < 1e-300)
			break;
	}
	return (int64_t) outcomes->mode;
}

static inline double
next_hypergeometric(const Outcomes *outcomes, double k)
{
	return (outcomes->good - k) * (outcomes->n - k) / ((k + 1) * (outcomes->bad - outcomes->n + k + 1));
}

static inline double
next_binomial(const Outcomes *outcomes, double k)
{
	return (outcomes->n - k) / (k + 1) * outcomes->odds;
}

/* How many of the successes are among so many rows drawn from trials. */
int64_t
draw_successes(int64_t successes, int64_t trials, int64_t drawn, uint64_t *state)
{
	Outcomes	outcomes = {.good = (double) successes, .bad = (double) (trials - successes), .n = (double) drawn};
	double		good = outcomes.good;
	double		bad = outcomes.bad;
	double		n = outcomes.n;

	outcomes.least = fmax(0, n - bad);
	outcomes.most = fmin(n, good);
	outcomes.mode = fmin(outcomes.most, fmax(outcomes.least, floor((n + 1) * (good + 1) / (good + bad + 2))));
	outcomes.p_mode = exp(log_choose(good, outcomes.mode) + log_choose(bad, n - outcomes.mode) - log_choose(good + bad, n));
	return draw_outwards(&outcomes, next_hypergeometric, state);
}

int64_t
draw_binomial(int64_t trials, double probability, uint64_t *state)
{
	Outcomes	outcomes = {.n = (double) trials, .most = (double) trials, .odds = probability / (1 - probability)};

	if (probability <= 0 || trials <= 0)
		return 0;
	if (probability >= 1)
		return trials;
	if (trials == 1)
		return draw_uniform(state) < probability;
	outcomes.mode = fmin(outcomes.n, floor((outcomes.n + 1) * probability));
	outcomes.p_mode = exp(log_choose(outcomes.n, outcomes.mode) + outcomes.mode * log(probability) +
						  (outcomes.n - outcomes.mode) * log1p(-probability));
	return draw_outwards(&outcomes, next_binomial, state);
}
