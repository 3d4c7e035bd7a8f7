/*
 * distributions.h
 *		Probabilities of the distributions behind tests and intervals.  Plain C, no state.
 *
 * Tails are computed directly, never as one minus the other tail, so that small p-values keep their digits.
 */
#ifndef WEIR_DISTRIBUTIONS_H
#define WEIR_DISTRIBUTIONS_H

#include <stdint.h>

/* P(Z > z), and P(|Z| > |z|), of the standard normal. */
extern double normal_upper(double z);
extern double normal_two_sided(double z);

/* The z with P(Z <= z) = p, 0 < p < 1. Wichura, AS 241 (1988): relative error about 1e-16. */
extern double normal_quantile(double p);

/* P(X > x) of the chi-square distribution with that many degrees of freedom (> 0). */
extern double chi_square_upper(double x, double degrees_of_freedom);

/* P(K > x) of Kolmogorov's limiting distribution. */
extern double kolmogorov_upper(double x);

/*
 * Fisher's exact test of the table (a b / c d), two-sided: the probability, given the margins, of tables at most as probable as
 * this one.
 */
extern double fisher_exact(int64_t a, int64_t b, int64_t c, int64_t d);

#endif
