/*
 * summary_internal.h
 *		What a summary is made of.  Plain C, private to this room.
 */
#ifndef WEIR_SUMMARY_INTERNAL_H
#define WEIR_SUMMARY_INTERNAL_H

#include "summary/categories.h"
#include "summary/distinct_sketch.h"
#include "summary/distribution.h"
#include "summary/moments.h"
#include "summary/summary.h"
#include "summary/vector_sums.h"

/* Values wait here until there are enough for a tight loop over them; every reader settles them first, so they never show. */
#define SUMMARY_PENDING 32

/* Many values at once are folded in batches that stay in the first-level cache. */
#define SUMMARY_BATCH 256

struct Summary
{
	Allocator	allocator;
	SummaryKind kind;
	SummaryUnit unit;
	int			budget;
	bool		inexact;
	bool		minimum_stale;	/* the true minimum may be higher, the true maximum lower */
	bool		maximum_stale;
	bool		distinct_stale; /* what the sketch has seen may be gone */
	bool		moments_current; /* at level 0 */
	int			n_pending;
	int64_t		null_count;
	int64_t		nan_count;
	int64_t		positive_infinity_count;
	int64_t		negative_infinity_count;

	/* Finite values.  At level 0 the bins are the values: the extremes follow from them, and the moments are only a cache. */
	Distribution distribution;
	double		minimum;
	double		maximum;
	Moments		moments;
	DistinctSketch *distinct;	/* NULL at level 0, and where version 1 stored none */

	Categories	categories;
	VectorSums *vectors;		/* NULL without finite vectors; their norms are the values above */

	double		pending[SUMMARY_PENDING];
};

/* Folds what is pending and fits the budget.  Changes how the summary is held, not what it says, hence from const. */
extern Summary *summary_settle(const Summary *summary);

/* An empty sketch; from level 1 on there has to be one. */
extern void summary_start_distinct(Summary *summary);

/* The moments, at level 0 computed from the bins. */
extern const Moments *summary_moments(const Summary *summary);

/*
 * Extremes of the finite values: clamped to the bins that are still occupied when a removal has touched them. There must be
 * some.
 */
extern void summary_finite_range(const Summary *summary, double *minimum, double *maximum);

/* A bin among the finite values, and where it stands. */
typedef struct BinPosition
{
	uint64_t	key;
	int			level;
	int64_t		before;			/* finite values in lower bins */
	int64_t		count;
	int64_t		total;			/* finite values */
	double		minimum;
	double		maximum;
} BinPosition;

/* The value of a rank (1 is the smallest) that falls into this bin. */
extern double value_of_rank(BinPosition position, int64_t rank);

/* Which of n values is the quantile p. */
extern int64_t quantile_rank(double p, int64_t n);

#endif
