/*
 * pairs.h
 *		A mergeable, retractable, canonical summary of pairs (y, x): covariance, correlation, least squares.  Plain C.
 *
 * The five sums behind them are exact, so whatever order, batching or frame: the same pairs give the same bytes.  Pairs with a
 * value that is NaN or infinite are counted and left out of the sums.  Values may be microseconds (durations and times since
 * 1970-01-01 UTC): they are shown in seconds.
 */
#ifndef WEIR_PAIRS_H
#define WEIR_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"
#include "series/exact_sum.h"

typedef struct Pairs
{
	Allocator	allocator;
	bool		y_seconds;		/* y is in microseconds, shown in seconds */
	bool		x_seconds;
	bool		inexact;		/* more was taken back than had been added */
	int64_t		n;				/* finite pairs */
	int64_t		n_other;		/* pairs with NaN or an infinity */
	ExactSum	y;
	ExactSum	x;
	ExactSum	yy;
	ExactSum	xx;
	ExactSum	xy;
} Pairs;

extern Pairs *pairs_create(Allocator allocator, bool y_seconds, bool x_seconds);
extern Pairs *pairs_copy(Allocator allocator, const Pairs *pairs);
extern void pairs_free(Pairs *pairs);

extern void pairs_add(Pairs *pairs, double y, double x);
extern void pairs_remove(Pairs *pairs, double y, double x);

/* False when the units differ: nothing is changed then. */
extern bool pairs_merge(Pairs *into, const Pairs *from, bool subtract);

/* What does not exist (too few pairs, a constant) is NaN; each is rounded a few times, whatever the data. */
typedef struct Regression
{
	int64_t		n;
	double		y_mean;
	double		x_mean;
	double		y_variance;		/* n - 1 */
	double		x_variance;
	double		covariance;		/* n - 1 */
	double		correlation;	/* Pearson */
	double		slope;			/* of y on x, least squares */
	double		intercept;
	double		r_squared;
	double		slope_error;	/* standard error of the slope; from n = 3 on */
} Regression;

extern void pairs_regression(const Pairs *pairs, Regression *result);

/* Versioned, compact, the same bytes for the same pairs. decode refuses damaged bytes with NULL. */
extern size_t pairs_encode(const Pairs *pairs, uint8_t *buffer); /* NULL: only the size */
extern Pairs *pairs_decode(Allocator allocator, const uint8_t *bytes, size_t size);

#endif
