/*
 * score_fairness.h
 *		Whether a model's scores, or predicted numbers, treat two groups alike.  Plain C.
 *
 * A difference is group minus reference.
 */
#ifndef WEIR_SCORE_FAIRNESS_H
#define WEIR_SCORE_FAIRNESS_H

#include "quality/performance.h"

#define SCORE_FAIRNESS_BINS 10 /* of scores, within which labels are compared */

typedef struct GroupScore
{
	const char *name;
	double		value;			/* NaN: undefined */
	double		low;			/* NaN: none */
	double		high;
	double		p_value;		/* NaN: none */
	int64_t		n;
	int64_t		n_reference;
	bool		has_threshold;	/* it is a difference of rates or probabilities */
} GroupScore;

typedef void (*GroupScoreSink)(void *context, const GroupScore *score);

/* Two binary performances. z is the two-sided normal quantile. */
extern void
score_fairness_binary(const Performance *group, const Performance *reference, double z, GroupScoreSink sink, void *context);

/* Two of regressions. */
extern void
score_fairness_regression(const Performance *group, const Performance *reference, double z, GroupScoreSink sink, void *context);

/*
 * Area between two ROC curves (ABROCA; Gardner, Brooks and Baker 2019): the integral of the size of their difference over the
 * false positive rate. NaN where a curve does not exist.
 */
extern double area_between_roc_curves(const ScoreCell *a, size_t n_a, const ScoreCell *b, size_t n_b, Allocator allocator);

/* Distances of two distributions, by bins aligned at the coarser level. */
extern void
distribution_distances(const Summary *a, const Summary *b, Allocator allocator, double *kolmogorov_smirnov, double *wasserstein);

#endif
