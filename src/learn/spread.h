/*
 * spread.h
 *		Weight, mean and squared deviations of numbers.  Plain C.
 */
#ifndef WEIR_SPREAD_H
#define WEIR_SPREAD_H

#include "learn/archive.h"

typedef struct Spread
{
	double		n;				/* weight */
	double		mean;
	double		squares;		/* sum of squared deviations */
} Spread;

/* West (1979). */
static inline void
spread_add(Spread *spread, double value, double weight)
{
	double		deviation = value - spread->mean;

	spread->n += weight;
	spread->mean += weight / spread->n * deviation;
	spread->squares += weight * deviation * (value - spread->mean);
}

/* Chan, Golub and LeVeque (1979). */
static inline Spread
spread_sum(Spread a, Spread b)
{
	double		n = a.n + b.n;
	double		deviation = b.mean - a.mean;

	if (a.n == 0)
		return b;
	if (b.n == 0)
		return a;
	return (Spread){.n = n,
					.mean = a.mean + deviation * (b.n / n),
					.squares = a.squares + b.squares + deviation * deviation * (a.n * b.n / n)};
}

/* Of a sample, with n - 1; 0 up to a weight of 1. */
static inline double
spread_variance(const Spread *spread)
{
	return spread->n > 1 ? spread->squares / (spread->n - 1) : 0;
}

static inline void
archive_spread(Archive *archive, Spread *spread)
{
	archive_double(archive, &spread->n);
	archive_double(archive, &spread->mean);
	archive_double(archive, &spread->squares);
}

#endif
