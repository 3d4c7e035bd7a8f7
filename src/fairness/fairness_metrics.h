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
	RATE_ERROR,
	RATE_FALSE_NEGATIVES_OF_ERRORS /* its odds are treatment equality: false negatives per false positive */
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
extern bool fairness_metric_is_ratio(int metric);

/* When a difference or a ratio is too far from none: named rules. */
typedef enum FairnessEvidence
{
	EVIDENCE_GRADES,			/* beyond the threshold is an alert where chance does not explain it, else a warning */
	EVIDENCE_IGNORED,			/* beyond the threshold is an alert, whatever chance explains */
	EVIDENCE_DECIDES			/* an alert where chance does not explain it, however small: there is no threshold */
} FairnessEvidence;

typedef struct FairnessRule
{
	const char *name;
	double		ratio;			/* below it, or above its inverse; NaN: none */
	double		difference;		/* of the absolute difference; NaN: none */
	FairnessEvidence evidence;
	const char *source;
} FairnessRule;

extern int	fairness_rule_count(void);
extern const FairnessRule *fairness_rule(int number);
extern const FairnessRule *fairness_rule_find(const char *name);
extern double fairness_rule_threshold(const FairnessRule *rule, int metric);

/* Sets the verdict of a score whose status is ok, by its threshold and the p given (adjusted, where several are looked at). */
extern void fairness_judge(int metric, const FairnessRule *rule, double p_value, double confidence, FairnessScore *score);

/* Values, intervals and p-values, without a verdict and a threshold. reference NULL: it is not in the table. */
extern void fairness_compare(int metric, const FairnessGroup *group, const FairnessGroup *reference, int64_t min_group_size,
							 double confidence, FairnessScore *score);

/*
 * The group that fares best by the metric (the highest selection, true positive or predictive rate, the lowest error rate; of
 * true and false positive rates their difference), among those whose denominators reach min_group_size; the first among equals.
 * n_groups when there is none.
 */
extern size_t fairness_best_group(int metric, const FairnessGroup *groups, size_t n_groups, int64_t min_group_size);

/* The largest difference or the smallest ratio between any two groups whose denominators reach min_group_size. */
extern void fairness_compare_all(int metric, const FairnessGroup *groups, size_t n_groups, int64_t min_group_size,
								 double confidence, Allocator allocator, FairnessScore *score);

#endif
