/*
 * counter.c
 *		Counters and gauges.
 */
#include "series/counter.h"

#define MICROSECONDS 1e6

/* From one observation to the next. */
static void
step(Counter *counter, double from, double to)
{
	DoubleDouble change = two_sum(to, -from);

	if (to != from)
		counter->changes++;
	if (to < from)
	{
		counter->resets++;
		if (!counter->gauge)
			change = (DoubleDouble){to, 0};
	}
	counter->increase = double_double_add(counter->increase, change);
}

void
counter_of_points(Counter *result, const Points *points, bool gauge, bool seconds)
{
	const Point *first = &points->points[0];
	const Point *last = &points->points[points->n - 1];
	const Point *previous = points->n > 1 ? last - 1 : last;

	*result = (Counter){.gauge = gauge,
						.seconds = seconds,
						.n = (int64_t) points->n,
						.first_time = first->time,
						.first_value = first->value,
						.previous_time = previous->time,
						.previous_value = previous->value,
						.last_time = last->time,
						.last_value = last->value};
	for (const Point *point = first; point < last; point++)
		step(result, point[0].value, point[1].value);
}

bool
counter_append(Counter *a, const Counter *b)
{
	if (a->gauge != b->gauge || a->seconds != b->seconds || b->first_time < a->last_time)
		return false;
	step(a, a->last_value, b->first_value);
	a->increase = double_double_add(a->increase, b->increase);
	a->resets += b->resets;
	a->changes += b->changes;
	a->n += b->n;
	a->previous_time = b->n > 1 ? b->previous_time : a->last_time;
	a->previous_value = b->n > 1 ? b->previous_value : a->last_value;
	a->last_time = b->last_time;
	a->last_value = b->last_value;
	return true;
}

static double
duration(const Counter *counter, int64_t from, int64_t to)
{
	double		ticks = (double) ((__int128) to - from);

	return counter->seconds ? ticks / MICROSECONDS : ticks;
}

bool
counter_increase(const Counter *counter, double *result)
{
	*result = counter->increase.high;
	return counter->n > 1;
}

bool
counter_rate(const Counter *counter, double *result)
{
	if (counter->last_time == counter->first_time)
		return false;
	*result = counter->increase.high / duration(counter, counter->first_time, counter->last_time);
	return true;
}

bool
counter_instant_rate(const Counter *counter, double *result)
{
	double		change = counter->last_value - counter->previous_value;

	if (counter->last_time == counter->previous_time)
		return false;
	if (!counter->gauge && change < 0)
		change = counter->last_value;
	*result = change / duration(counter, counter->previous_time, counter->last_time);
	return true;
}

bool
counter_extrapolated_increase(const Counter *counter, int64_t since, int64_t until, double *result)
{
	double		sampled = duration(counter, counter->first_time, counter->last_time);
	double		before = duration(counter, since, counter->first_time);
	double		after = duration(counter, counter->last_time, until);
	double		distance;

	if (counter->n < 2 || !(sampled > 0))
		return false;
	distance = sampled / (double) (counter->n - 1);
	if (before >= 1.1 * distance)
		before = distance / 2;
	if (after >= 1.1 * distance)
		after = distance / 2;
	if (!counter->gauge && counter->increase.high > 0 && counter->first_value >= 0)
	{
		double		to_zero = sampled * (counter->first_value / counter->increase.high);

		if (to_zero < before)
			before = to_zero;
	}
	*result = counter->increase.high * ((sampled + before + after) / sampled);
	return true;
}
