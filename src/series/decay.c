/*
 * decay.c
 *		Exponentially weighted mean and variance.
 *
 * Mean and squared deviations are updated one value at a time (West 1979), so that nothing cancels.
 */
#include "series/decay.h"

#include <math.h>

static void
scale(Decay *decay, double factor)
{
	decay->weight *= factor;
	decay->squared_weights *= factor * factor;
	decay->squares *= factor;
}

static void
add(Decay *decay, double value, double weight)
{
	double		deviation = value - decay->mean;

	decay->n++;
	decay->weight += weight;
	decay->squared_weights += weight * weight;
	if (!(decay->weight > 0))
		return;
	decay->mean += deviation * (weight / decay->weight);
	decay->squares += weight * deviation * (value - decay->mean);
}

void
decay_add_next(Decay *decay, double value, double alpha)
{
	if (decay->n == 0)
	{
		add(decay, value, 1);
		return;
	}
	scale(decay, 1 - alpha);
	add(decay, value, alpha);
}

/* What is left of a weight after that time. */
static double
left_after(int64_t from, int64_t to, double half_life)
{
	return exp2(-((double) ((__int128) to - from) / half_life));
}

void
decay_add_at(Decay *decay, double value, int64_t time, double half_life)
{
	if (decay->n == 0 || time > decay->time)
	{
		if (decay->n > 0)
			scale(decay, left_after(decay->time, time, half_life));
		decay->time = time;
		add(decay, value, 1);
	}
	else
		add(decay, value, left_after(time, decay->time, half_life));
}

void
decay_merge(Decay *into, const Decay *from, double half_life)
{
	Decay		other = *from;
	double		deviation;
	double		total;

	if (other.n == 0)
		return;
	if (into->n == 0)
	{
		*into = other;
		return;
	}
	if (other.time > into->time)
	{
		scale(into, left_after(into->time, other.time, half_life));
		into->time = other.time;
	}
	else
		scale(&other, left_after(other.time, into->time, half_life));
	total = into->weight + other.weight;
	deviation = other.mean - into->mean;
	into->squares += other.squares + deviation * deviation * (into->weight * (other.weight / total));
	into->mean += deviation * (other.weight / total);
	into->weight = total;
	into->squared_weights += other.squared_weights;
	into->n += other.n;
}

bool
decay_mean(const Decay *decay, double *result)
{
	*result = decay->mean;
	return decay->n > 0;
}

bool
decay_variance(const Decay *decay, double *result)
{
	double		denominator = decay->weight * decay->weight - decay->squared_weights;

	if (decay->n < 2 || !(denominator > 0))
		return false;
	*result = decay->squares * (decay->weight / denominator);
	return true;
}
