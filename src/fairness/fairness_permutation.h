/*
 * fairness_permutation.h
 *		Permutation tests of the metrics of fairness.  Plain C.
 */
#ifndef WEIR_FAIRNESS_PERMUTATION_H
#define WEIR_FAIRNESS_PERMUTATION_H

#include "fairness/fairness_metrics.h"

typedef struct FairnessPermutation
{
	int			metric;
	ScoreStatus status;			/* steps make sense while it is ok */
	double		value;			/* the largest difference or the smallest ratio between any two of the groups */
	int64_t		n;				/* rows in the denominators */
	size_t		n_groups;		/* that have min_group_size rows in the denominators */
	int64_t		n_permutations;
	int64_t		n_as_far;		/* that gave a value at least as far from none */
	uint64_t	state;
	Allocator	allocator;
	size_t		size;
	Proportion *rates[2];
	Proportion *dealt[2];
} FairnessPermutation;

extern void fairness_permutation_start(FairnessPermutation *test, int metric, const FairnessGroup *groups, size_t n_groups,
									   int64_t min_group_size, uint64_t seed, Allocator allocator);
extern void fairness_permutation_step(FairnessPermutation *test);

/* (as far + 1) / (permutations + 1) */
extern double fairness_permutation_p_value(const FairnessPermutation *test);
extern void fairness_permutation_free(FairnessPermutation *test);

#endif
