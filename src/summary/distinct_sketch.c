/*
 * distinct_sketch.c
 *		How many different numbers were seen.
 */
#include "summary/distinct_sketch.h"

#include <math.h>

void
distinct_merge(DistinctSketch *into, const DistinctSketch *from)
{
	for (int i = 0; i < DISTINCT_REGISTERS; i++)
		into->ranks[i] = into->ranks[i] > from->ranks[i] ? into->ranks[i] : from->ranks[i];
}

/* Ertl (2017), New cardinality estimation algorithms for HyperLogLog sketches, algorithm 6: sigma and tau. */
static double
sigma(double x)
{
	double		power = 1;
	double		result = x;
	double		previous;

	if (x == 1)
		return INFINITY;
	do
	{
		x *= x;
		previous = result;
		result += x * power;
		power += power;
	} while (result != previous);
	return result;
}

static double
tau(double x)
{
	double		power = 1;
	double		result = 1 - x;
	double		previous;

	if (x == 0 || x == 1)
		return 0;
	do
	{
		x = sqrt(x);
		previous = result;
		power /= 2;
		result -= (1 - x) * (1 - x) * power;
	} while (result != previous);
	return result / 3;
}

double
distinct_estimate(const DistinctSketch *sketch)
{
	int			with_rank[DISTINCT_MAX_RANK + 1] = {0};
	double		n = DISTINCT_REGISTERS;
	double		sum;

	for (int i = 0; i < DISTINCT_REGISTERS; i++)
		with_rank[sketch->ranks[i]]++;
	sum = n * tau(1 - with_rank[DISTINCT_MAX_RANK] / n);
	for (int rank = DISTINCT_MAX_RANK - 1; rank >= 1; rank--)
		sum = 0.5 * (sum + with_rank[rank]);
	sum += n * sigma(with_rank[0] / n);
	return n * n / (2 * log(2) * sum);
}
