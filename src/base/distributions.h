/*
 * distributions.h
 *		Probabilities of the distributions behind tests and intervals.  Plain C, no state.
 *
 * Tails are computed directly, never as one minus the other tail, so that small p-values keep their digits.
 */
#ifndef WEIR_DISTRIBUTIONS_H
#define WEIR_DISTRIBUTIONS_H

#include <stdint.h>

#include "base/allocator.h"

/* P(Z > z), and P(|Z| > |z|), of the standard normal. */
extern double normal_upper(double z);
extern double normal_two_sided(double z);

/* The z with P(Z <= z) = p, 0 < p < 1. Wichura, AS 241 (1988): relative error about 1e-16. */
extern double normal_quantile(double p);

/* P(X > x) of the chi-square distribution with that many degrees of freedom (> 0). */
extern double chi_square_upper(double x, double degrees_of_freedom);

/* P(K > x) of Kolmogorov's limiting distribution. */
extern double kolmogorov_upper(double x);

/* P(V > x) of Kuiper's limiting distribution. */
extern double kuiper_upper(double x);

/* P(|T| > |t|) of Student's t distribution; degrees of freedom > 0. */
extern double student_two_sided(double t, double degrees_of_freedom);

/* P(F > f) of the F distribution. */
extern double f_upper(double f, double numerator, double denominator);

/* P(W > x) of the limiting distribution of the Cramer-von Mises statistic; about 1e-12 absolute. */
extern double cramer_von_mises_upper(double x);

/*
 * P(T >= t) of the two-sample Cramer-von Mises statistic of n and m different values (Xiao, Gordon and Yakovlev 2006); both at most
 * CRAMER_VON_MISES_EXACT_LIMIT, for time and memory grow quickly.
 */
#define CRAMER_VON_MISES_EXACT_LIMIT 20
extern double cramer_von_mises_exact(Allocator allocator, double t, int n, int m);

/* Sums of 1 / i and of 1 / i^2 for i from 1 to n. */
extern double harmonic(int64_t n);
extern double harmonic_squares(int64_t n);

/*
 * Fisher's exact test of the table (a b / c d), two-sided: the probability, given the margins, of tables at most as probable as
 * this one.
 */
extern double fisher_exact(int64_t a, int64_t b, int64_t c, int64_t d);

#endif
