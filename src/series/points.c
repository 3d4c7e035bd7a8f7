/*
 * points.c
 *		Values with their times.
 */
#include "series/points.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16

void
points_init(Points *points, Allocator allocator)
{
	memset(points, 0, sizeof(Points));
	points->allocator = allocator;
}

void
points_free(Points *points)
{
	if (points->capacity > 0)
		points->allocator.resize(points->allocator.context, points->points, sizeof(Point) * points->capacity, 0);
	points_init(points, points->allocator);
}

static void
make_room(Points *points, size_t n)
{
	size_t		capacity = points->capacity;

	if (points->n + n <= capacity)
		return;
	if (capacity == 0)
		capacity = FIRST_CAPACITY;
	while (capacity < points->n + n)
		capacity *= 2;
	points->points = points->allocator.resize(points->allocator.context, points->points, sizeof(Point) * points->capacity,
											  sizeof(Point) * capacity);
	points->capacity = capacity;
}

static int
compare(const void *a, const void *b)
{
	const Point *first = a;
	const Point *second = b;

	if (first->time != second->time)
		return first->time < second->time ? -1 : 1;
	return (first->value > second->value) - (first->value < second->value);
}

void
points_add(Points *points, int64_t time, double value)
{
	Point		point = {time, value + 0.0}; /* never -0 */

	if (points->n == points->capacity)
		make_room(points, 1);
	if (points->n > 0 && !points->unsorted)
		points->unsorted = compare(&points->points[points->n - 1], &point) > 0;
	points->points[points->n++] = point;
}

void
points_append(Points *points, const Point *others, size_t n)
{
	if (n == 0)
		return;
	make_room(points, n);
	memcpy(points->points + points->n, others, sizeof(Point) * n);
	points->n += n;
	points->unsorted = true;
}

void
points_sort(Points *points)
{
	if (points->unsorted)
		qsort(points->points, points->n, sizeof(Point), compare);
	points->unsorted = false;
}

const Points *
points_without_ties(const Points *points)
{
	Allocator	allocator = points->allocator;
	Points	   *result;
	size_t		first_tie = 1;

	while (first_tie < points->n && points->points[first_tie].time != points->points[first_tie - 1].time)
		first_tie++;
	if (first_tie >= points->n)
		return points;
	result = allocator.resize(allocator.context, NULL, 0, sizeof(Points));
	points_init(result, allocator);
	make_room(result, points->n);
	for (size_t i = 0; i < points->n;)
	{
		size_t		end = i + 1;
		double		mean = points->points[i].value;

		for (; end < points->n && points->points[end].time == points->points[i].time; end++)
			mean += (points->points[end].value - mean) / (double) (end - i + 1);
		result->points[result->n++] = (Point){points->points[i].time, mean};
		i = end;
	}
	return result;
}

bool
points_autocorrelation(const Points *points, int64_t lag, double *result)
{
	double		mean = 0;
	double		squares = 0;
	double		products = 0;
	size_t		n = points->n;

	if (lag < 0 || n == 0 || (uint64_t) lag >= n)
		return false;
	for (size_t i = 0; i < n; i++)
		mean += (points->points[i].value - mean) / (double) (i + 1);
	for (size_t i = 0; i < n; i++)
	{
		double		deviation = points->points[i].value - mean;

		squares += deviation * deviation;
		if (i >= (size_t) lag)
			products += deviation * (points->points[i - (size_t) lag].value - mean);
	}
	if (!(squares > 0))
		return false;
	*result = products / squares;
	return true;
}
