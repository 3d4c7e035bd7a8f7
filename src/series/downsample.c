/*
 * downsample.c
 *		Fewer points that look alike when they are drawn.
 */
#include "series/downsample.h"

#include <math.h>
#include <string.h>

static double
ticks_since(const Points *points, size_t i)
{
	return (double) ((__int128) points->points[i].time - points->points[0].time);
}

size_t
downsample_largest_triangle(const Points *points, size_t n, Point *chosen)
{
	size_t		total = points->n;
	size_t		n_buckets = n - 2;
	size_t		last = 0;		/* the point chosen last */
	size_t		n_chosen = 0;

	if (total <= n)
	{
		if (total > 0)
			memcpy(chosen, points->points, sizeof(Point) * total);
		return total;
	}
	chosen[n_chosen++] = points->points[0];

	/* Bucket b holds the points from 1 + b (total - 2) / buckets to before where the next begins. */
	for (size_t b = 0; b < n_buckets; b++)
	{
		size_t		begin = 1 + (size_t) ((unsigned __int128) b * (total - 2) / n_buckets);
		size_t		end = 1 + (size_t) ((unsigned __int128) (b + 1) * (total - 2) / n_buckets);
		size_t		next_end = b + 1 == n_buckets ? total : 1 + (size_t) ((unsigned __int128) (b + 2) * (total - 2) / n_buckets);
		double		mean_time = 0;
		double		mean_value = 0;
		double		time = ticks_since(points, last);
		double		value = points->points[last].value;
		double		largest = -1;
		size_t		best = begin;

		for (size_t i = end; i < next_end; i++)
		{
			mean_time += ticks_since(points, i) / (double) (next_end - end);
			mean_value += points->points[i].value / (double) (next_end - end);
		}
		for (size_t i = begin; i < end; i++)
		{
			double		area = fabs((time - mean_time) * (points->points[i].value - value) -
							   (time - ticks_since(points, i)) * (mean_value - value));

			if (area > largest)
			{
				largest = area;
				best = i;
			}
		}
		chosen[n_chosen++] = points->points[best];
		last = best;
	}
	chosen[n_chosen++] = points->points[total - 1];
	return n_chosen;
}

size_t
downsample_extremes(const Points *points, size_t n, Point *chosen)
{
	size_t		n_buckets = n / 2;
	size_t		n_chosen = 0;
	__int128	first;
	__int128	span;

	if (points->n <= n)
	{
		if (points->n > 0)
			memcpy(chosen, points->points, sizeof(Point) * points->n);
		return points->n;
	}
	first = points->points[0].time;
	span = points->points[points->n - 1].time - first + 1;
	for (size_t i = 0; i < points->n;)
	{
		__int128	bucket = (points->points[i].time - first) * (__int128) n_buckets / span;
		size_t		least = i;
		size_t		greatest = i;
		size_t		one;
		size_t		other;

		for (; i < points->n && (points->points[i].time - first) * (__int128) n_buckets / span == bucket; i++)
		{
			if (points->points[i].value < points->points[least].value)
				least = i;
			if (points->points[i].value > points->points[greatest].value)
				greatest = i;
		}
		one = least < greatest ? least : greatest;
		other = least < greatest ? greatest : least;
		chosen[n_chosen++] = points->points[one];
		if (other != one)
			chosen[n_chosen++] = points->points[other];
	}
	return n_chosen;
}
