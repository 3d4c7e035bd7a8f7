/*
 * paired.h
 *		Two models on the same rows: what each scores, the difference, and whether it may be chance.  Plain C.
 *
 *	accuracy		McNemar's test, exact: the rows that only one of them gets right are a fair coin's tosses
 *	roc_auc			DeLong, DeLong and Clarke-Pearson (1988), the two areas with their covariance; ranks as Sun and Xu (2014)
 *	means of losses	paired bootstrap over rows, percentile interval; from many rows on the normal approximation it tends to
 *	gaps of groups	Poisson bootstrap of the counts by group, label and both predictions
 *
 * A difference is the challenger's value less the champion's. Random numbers follow from the seed alone.
 */
#ifndef WEIR_PAIRED_H
#define WEIR_PAIRED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/allocator.h"

typedef struct PairedResult
{
	int64_t		n;
	double		champion;
	double		challenger;
	double		difference;
	double		low;			/* of the difference; NaN where there is none */
	double		high;
	double		p_value;		/* two-sided; NaN where there is no test */
	const char *method;
} PairedResult;

/* How the random resampling is done. tick is called now and then, as it takes long: NULL, or looks for interrupts. */
typedef struct PairedOptions
{
	double		confidence;
	int			rounds;
	uint64_t	seed;
	void		(*tick)(void);
} PairedOptions;

/* Rows x rounds beyond which means are compared by the normal approximation. */
#define PAIRED_MAX_DRAWS 200000000.0

/* Exact two-sided p-value of McNemar's test: only_a and only_b rows that one of the two gets right. */
extern double mcnemar_p_value(int64_t only_a, int64_t only_b);

/* right: whether each model is right about a row. */
extern PairedResult paired_accuracy(const bool *champion_right, const bool *challenger_right, int64_t n, double confidence);

/* Area under the ROC curve; values are NaN unless there are rows of both labels, the test unless there are two of each. */
extern PairedResult paired_roc_auc(Allocator allocator, const bool *label, const double *champion, const double *challenger,
								   int64_t n, double confidence);

/* The mean of a loss per row, or its square root. */
extern PairedResult paired_mean(Allocator allocator, const double *champion, const double *challenger, int64_t n, bool square_root,
								const PairedOptions *options);

/* Rows of one group: [label][champion's prediction][challenger's prediction]. */
typedef struct PairedCounts
{
	int64_t		n[2][2][2];
} PairedCounts;

typedef enum PairedGap
{
	GAP_DEMOGRAPHIC_PARITY,		/* largest less smallest share of positive predictions */
	GAP_EQUALIZED_ODDS			/* the larger of the gaps of true and of false positive rates */
} PairedGap;

/* Between groups; NaN where fewer than two groups have the rate. */
extern PairedResult
paired_gap(Allocator allocator, PairedGap gap, const PairedCounts *groups, int n_groups, const PairedOptions *options);

#endif
