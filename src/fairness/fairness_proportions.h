/*
 * fairness_proportions.h
 *		Intervals and tests of two or more proportions; internal to this room.  Every trials must be above 0.
 */
#ifndef WEIR_FAIRNESS_PROPORTIONS_H
#define WEIR_FAIRNESS_PROPORTIONS_H

#include "fairness/fairness_metrics.h"

extern double proportion_value(Proportion proportion);
extern void difference_interval(Proportion group, Proportion reference, double z, double *low, double *high);

/* reference.successes must be above 0. */
extern void ratio_interval(Proportion group, Proportion reference, double z, double *low, double *high);
extern double same_proportion_p_value(Proportion group, Proportion reference);
extern double same_proportions_p_value(const Proportion *proportions, size_t n);
extern double pooled_variance(Proportion group, Proportion reference);

#endif
