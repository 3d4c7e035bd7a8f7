/*
 * fairness_draw.h
 *		Random numbers of outcomes, for tests by simulation.  Plain C.
 */
#ifndef WEIR_FAIRNESS_DRAW_H
#define WEIR_FAIRNESS_DRAW_H

#include <stdint.h>

/* Uniform in [0, 1). */
extern double draw_uniform(uint64_t *state);

/* How many of the successes are among so many rows drawn from trials: hypergeometric. */
extern int64_t draw_successes(int64_t successes, int64_t trials, int64_t drawn, uint64_t *state);

extern int64_t draw_binomial(int64_t n, double probability, uint64_t *state);

#endif
