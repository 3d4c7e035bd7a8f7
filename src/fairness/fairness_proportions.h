/*
 * fairness_proportions.h
 *		Intervals and tests of two or more proportions, and the metrics made of them; internal to this room.  Every trials must be
 *		above 0.
 */
#ifndef WEIR_FAIRNESS_PROPORTIONS_H
#define WEIR_FAIRNESS_PROPORTIONS_H

#include "fairness/fairness_metrics.h"

extern double proportion_value(Proportion proportion);
extern void difference_interval(Proportion group, Proportion reference, double z, double *low, double *high);

/* reference.successes must be above 0. */
extern void ratio_interval(Proportion group, Proportion reference, double z, double *low, double *high);
/* No trial may be all successes; of the ratio, reference.successes must be above 0. */
extern void odds_ratio_interval(Proportion group, Proportion reference, double z, double *low, double *high);
extern void odds_difference_interval(Proportion group, Proportion reference, double z, double *low, double *high);
extern double same_proportion_p_value(Proportion group, Proportion reference);
extern double same_proportions_p_value(const Proportion *proportions, size_t n);
extern double pooled_variance(Proportion group, Proportion reference);

/* The one or two rates of a metric; the smaller of their denominators. */
extern int64_t fairness_metric_rates(int metric, const FairnessGroup *group, Proportion *proportions);

/* The largest difference or the smallest ratio between any two groups; false when it does not exist. */
extern bool fairness_overall_value(int metric, Proportion *const *rates, size_t n, double *value);

#endif
