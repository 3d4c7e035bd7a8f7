/*
 * fairness_audit.h
 *		What auditors compute beside differences and ratios of rates: Clarify's catalogue, inequality, differential fairness,
 *		disparity within strata, spread over groups.  Plain C.
 *
 * NaN stands for a value that does not exist: an empty denominator.
 */
#ifndef WEIR_FAIRNESS_AUDIT_H
#define WEIR_FAIRNESS_AUDIT_H

#include "fairness/fairness_metrics.h"

/* ---- SageMaker Clarify's bias metrics of a group (d) against an advantaged one (a) ---- */

#define CLARIFY_N_METRICS 17

typedef struct ClarifyMetric
{
	const char *name;			/* Clarify's abbreviation */
	const char *title;
	bool		of_labels;		/* before training: of the data alone */
	double		fair;			/* the value that means no difference */
} ClarifyMetric;

extern const ClarifyMetric clarify_metrics[CLARIFY_N_METRICS];
extern void fairness_clarify(const FairnessGroup *advantaged, const FairnessGroup *group, double values[CLARIFY_N_METRICS]);

/* ---- inequality of benefits: prediction - label + 1 of each row with both known (Speicher et al. 2018) ---- */

typedef struct Inequality
{
	int64_t		n;
	double		total;
	double		between;		/* were each row given the mean benefit of its group */
} Inequality;

/* Generalized entropy; alpha 1 is Theil's index, 0 the mean logarithmic deviation. */
extern void fairness_inequality(const FairnessGroup *groups, size_t n_groups, double alpha, Inequality *inequality);

/* ---- differential fairness (Foulds et al. 2020), smoothed by a Dirichlet prior ---- */

typedef struct DifferentialFairness
{
	double		epsilon;		/* largest absolute log ratio of the probabilities of an outcome between two groups */
	size_t		lowest;			/* the groups between which it lies */
	size_t		highest;
} DifferentialFairness;

extern void fairness_differential(const FairnessGroup *groups, size_t n_groups, FairnessRate rate, double concentration,
								  DifferentialFairness *result);

/* ---- disparity within strata ---- */

/* One stratum: successes and trials of the group, of the reference, and of all rows. */
typedef struct Stratum
{
	Proportion	group;
	Proportion	reference;
	Proportion	all;
} Stratum;

typedef struct StratifiedDisparity
{
	int64_t		n;				/* rows of both groups in strata that have both */
	int			n_strata;		/* that have both */
	double		difference;		/* Mantel and Haenszel's; interval by Sato (1989) */
	double		difference_low;
	double		difference_high;
	double		odds_ratio;		/* Mantel and Haenszel's; interval by Robins, Breslow and Greenland (1986) */
	double		odds_ratio_low;
	double		odds_ratio_high;
	double		p_value;		/* Cochran-Mantel-Haenszel, without continuity correction */
	double		demographic_disparity; /* Clarify's CDD: share of the refused minus share of the chosen, weighted by stratum */
} StratifiedDisparity;

extern void fairness_stratified(const Stratum *strata, size_t n, double z, StratifiedDisparity *result);

/* ---- shrinking small groups ---- */

/*
 * Posterior mean of each group's rate under a beta prior fitted to all groups by the method of moments (empirical Bayes); the
 * prior's strength in rows is returned, infinite where the groups do not differ beyond chance.
 */
extern double fairness_shrink(const Proportion *rates, size_t n, double *shrunk);

#endif
