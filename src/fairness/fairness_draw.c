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

/*
 * How many of the successes are among so many rows drawn from trials, by inversion outwards from the most probable number: about
 * as many steps as the standard deviation.
 */
int64_t
draw_successes(int64_t successes, int64_t trials, int64_t drawn, uint64_t *state)
{
	double		good = (double) successes;
	double		bad = (double) (trials - successes);
	double		n = (double) drawn;
	double		least = fmax(0, n - bad);
	double		most = fmin(n, good);
	double		mode = fmin(most, fmax(least, floor((n + 1) * (good + 1) / (good + bad + 2))));
	double		p = exp(log_choose(good, mode) + log_choose(bad, n - mode) - log_choose(good + bad, n));
	double		left = draw_uniform(state) - p;
	double		down = mode;
	double		up = mode;
	double		p_down = p;
	double		p_up = p;

	while (left >= 0 && (down > least || up < most))
	{
		if (up < most)
		{
			p_up *= (good - up) * (n - up) / ((up + 1) * (bad - n + up + 1));
			left -= p_up;
			up++;
			if (left < 0)
				return (int64_t) up;
		}
		if (down > least)
		{
			p_down *= down * (bad - n + down) / ((good - down + 1) * (n - down + 1));
			left -= p_down;
			down--;
			if (left < 0)
				return (int64_t) down;
		}
		/* What rounding has left over belongs nowhere. */
		if (p_up < 1e-300 && p_down < 1e-300)
			break;
	}
	return (int64_t) mode;
}

int64_t
draw_binomial(int64_t trials, double probability, uint64_t *state)
{
	double		n = (double) trials;
	double		odds = probability / (1 - probability);
	double		mode = fmin(n, floor((n + 1) * probability));
	double		down = mode;
	double		up = mode;
	double		p_down;
	double		p_up;
	double		left;

	if (probability <= 0 || trials <= 0)
		return 0;
	if (probability >= 1)
		return trials;
	if (trials == 1)
		return draw_uniform(state) < probability;
	p_down = p_up = exp(log_choose(n, mode) + mode * log(probability) + (n - mode) * log1p(-probability));
	left = draw_uniform(state) - p_up;
	while (left >= 0 && (down > 0 || up < n))
	{
		if (up < n)
		{
			p_up *= (n - up) / (up + 1) * odds;
			left -= p_up;
			up++;
			if (left < 0)
				return (int64_t) up;
		}
		if (down > 0)
		{
			p_down *= down / (n - down + 1) / odds;
			left -= p_down;
			down--;
			if (left < 0)
				return (int64_t) down;
		}
		if (p_up < 1e-300 && p_down < 1e-300)
			break;
	}
	return (int64_t) mode;
}
