/*
 * decay.h
 *		Exponentially weighted mean and variance: of values in their order, and of values with their times.  Plain C.
 */
#ifndef WEIR_DECAY_H
#define WEIR_DECAY_H

#include <stdbool.h>
#include <stdint.h>

/* Weighted by how long ago; weights are relative to the latest time. */
typedef struct Decay
{
	int64_t		n;
	int64_t		time;			/* the latest */
	double		weight;
	double		squared_weights;
	double		mean;
	double		squares;		/* weighted sum of squared deviations from the mean */
} Decay;

/* The next value in order: what was before keeps 1 - alpha of its weight; the first value has weight 1, the others alpha. */
extern void decay_add_next(Decay *decay, double value, double alpha);

/* A value at a time, in any order: its weight halves with every half_life (> 0, in ticks of time). */
extern void decay_add_at(Decay *decay, double value, int64_t time, double half_life);
extern void decay_merge(Decay *into, const Decay *from, double half_life);

/* False without values; the variance, which is corrected for the weights as pandas does, from two values on. */
extern bool decay_mean(const Decay *decay, double *result);
extern bool decay_variance(const Decay *decay, double *result);

#endif
