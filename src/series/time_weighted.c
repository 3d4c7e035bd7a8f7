/*
 * time_weighted.c
 *		The integral of a value over time, and its mean weighted by how long it held.
 */
#include "series/time_weighted.h"

#define MICROSECONDS 1e6

/* The integral from one observation to the next. */
static void
add_piece(TimeWeighted *weighted, double value, int64_t time, double next_value, int64_t next_time)
{
	double		duration = (double) ((__int128) next_time - time);

	if (!weighted->linear)
		weighted->integral = double_double_add(weighted->integral, two_product(value, duration));
	else
	{
		weighted->integral = double_double_add(weighted->integral, two_product(value / 2, duration));
		weighted->integral = double_double_add(weighted->integral, two_product(next_value / 2, duration));
	}
}

void
time_weighted_of_points(TimeWeighted *result, const Points *points, bool linear, bool seconds)
{
	const Point *first = &points->points[0];
	const Point *last = &points->points[points->n - 1];

	*result = (TimeWeighted){.linear = linear,
							 .seconds = seconds,
							 .n = (int64_t) points->n,
							 .first_time = first->time,
							 .last_time = last->time,
							 .first_value = first->value,
							 .last_value = last->value};
	for (const Point *point = first; point < last; point++)
		add_piece(result, point[0].value, point[0].time, point[1].value, point[1].time);
}

bool
time_weighted_append(TimeWeighted *a, const TimeWeighted *b)
{
	if (a->linear != b->linear || a->seconds != b->seconds || b->first_time < a->last_time)
		return false;
	add_piece(a, a->last_value, a->last_time, b->first_value, b->first_time);
	a->integral = double_double_add(a->integral, b->integral);
	a->last_time = b->last_time;
	a->last_value = b->last_value;
	a->n += b->n;
	return true;
}

/* The value at a time between two observations. */
static double
value_between(const TimeWeighted *before, const TimeWeighted *after, int64_t time)
{
	double		share;

	if (!before->linear || after->first_time == before->last_time)
		return before->last_value;
	share = (double) ((__int128) time - before->last_time) / (double) ((__int128) after->first_time - before->last_time);
	return before->last_value * (1 - share) + after->first_value * share;
}

void
time_weighted_extend(TimeWeighted *weighted, int64_t since, int64_t until, const TimeWeighted *previous,
					 const TimeWeighted *following)
{
	if (previous != NULL && previous->last_time <= weighted->first_time && since < weighted->first_time)
	{
		int64_t		begin = since > previous->last_time ? since : previous->last_time;
		double		value = value_between(previous, weighted, begin);

		add_piece(weighted, value, begin, weighted->first_value, weighted->first_time);
		weighted->first_time = begin;
		weighted->first_value = value;
	}
	if (until > weighted->last_time)
	{
		double		value = weighted->last_value;

		if (following != NULL && following->first_time < until)
			until = following->first_time > weighted->last_time ? following->first_time : weighted->last_time;
		if (weighted->linear)
		{
			if (following == NULL)
				return;
			value = value_between(weighted, following, until);
		}
		add_piece(weighted, weighted->last_value, weighted->last_time, value, until);
		weighted->last_time = until;
		weighted->last_value = value;
	}
}

double
time_weighted_integral(const TimeWeighted *weighted)
{
	return weighted->seconds ? double_double_divide(weighted->integral, MICROSECONDS).high : weighted->integral.high;
}

double
time_weighted_mean(const TimeWeighted *weighted)
{
	if (weighted->last_time == weighted->first_time)
		return weighted->last_value;
	return double_double_divide(weighted->integral, (double) ((__int128) weighted->last_time - weighted->first_time)).high;
}
