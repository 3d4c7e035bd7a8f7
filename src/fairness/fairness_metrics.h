/*
 * fairness_metrics.h
 *		Rates of one group, differences and ratios between two groups and over all of them, with intervals and tests.  Plain C.
 *
 * A difference is group minus reference; a ratio is group divided by reference.  A rate whose denominator is empty does not
 * exist: what is made of it is undefined, never 0.
 */
#ifndef WEIR_FAIRNESS_METRICS_H
#define WEIR_FAIRNESS_METRICS_H

#include "base/verdict.h"
#include "fairness/fairness.h"

#define FAIRNESS_RATIO_THRESHOLD 0.8 /* the four-fifths rule: below it, or above its inverse */
#define FAIRNESS_DIFFERENCE_THRESHOLD 0.1 /* of the absolute difference */
#define FAIRNESS_MAX_PAIRED_GROUPS 200 /* overall intervals compare every pair: none beyond so many groups */

typedef enum FairnessRate
{
	RATE_SELECTION = 0,			/* predicted positive / prediction known */
	RATE_BASE,					/* labelled positive / label known */
	RATE_ACCURACY,				/* the rates from here on count rows with both known */
	RATE_TRUE_POSITIVE,
	RATE_FALSE_POSITIVE,
	RATE_TRUE_NEGATIVE,
	RATE_FALSE_NEGATIVE,
	RATE_POSITIVE_PREDICTIVE,
	RATE_NEGATIVE_PREDICTIVE,
	RATE_FALSE_DISCOVERY,
	RATE_FALSE_OMISSION,
	RATE_ERROR
} FairnessRate;

typedef struct Proportion
{
	int64_t		successes;
	int64_t		trials;			/* 0: the rate does not exist */
} Proportion;

/* trials is 0 too when the group holds a negative count. */
extern Proportion fairness_rate(const FairnessGroup *group, FairnessRate rate);
extern bool fairness_group_is_valid(const FairnessGroup *group); /* no count below zero */
extern int64_t fairness_group_size(const FairnessGroup *group);

/* z is the two-sided normal quantile. trials must be above 0. */
extern void wilson_interval(Proportion proportion, double z, double *low, double *high);

typedef struct FairnessScore
{
	ScoreStatus status;
	ScoreVerdict verdict;
	bool		has_value;
	double		value;
	bool		has_interval;
	double		low;
	double		high;
	bool		has_p_value;
	double		p_value;
	int64_t		n;				/* rows in the denominator; of two rates, the smaller denominator */
	int64_t		n_reference;
	double		threshold;
} FairnessScore;

/* The metrics, in the order in which they are shown; find gives -1 when there is none of that name. */
extern int	fairness_metric_count(void);
extern const char *fairness_metric_name(int metric);
extern int	fairness_metric_find(const char *name);

/* reference NULL: it is not in the table. */
extern void fairness_compare(int metric, const FairnessGroup *group, const FairnessGroup *reference, int64_t min_group_size,
							 double confidence, FairnessScore *score);

/* The largest difference or the smallest ratio between any two groups whose denominators reach min_group_size. */
extern void fairness_compare_all(int metric, const FairnessGroup *groups, size_t n_groups, int64_t min_group_size,
								 double confidence, Allocator allocator, FairnessScore *score);

#endif
