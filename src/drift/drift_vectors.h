/*
 * drift_vectors.h
 *		Two samples of vectors; internal to this room.  Plain C.
 */
#ifndef WEIR_DRIFT_VECTORS_H
#define WEIR_DRIFT_VECTORS_H

#include "drift/drift.h"

typedef struct DriftVectors
{
	int			dimension;
	int64_t		n[2];			/* finite vectors */
	double	   *rows[2];		/* row by row; NULL: only summaries are known */
	double	   *mean[2];
	double	   *variance[2];	/* sample variance of each element */
	double	   *covariance[2];	/* dimension x dimension; NULL beyond VECTOR_FULL_COVARIANCE */
	bool		has_distance;	/* of summaries: squared MMD of their embeddings, and what chance alone would give */
	double		distance_squared;
	double		distance_expected;
} DriftVectors;

/* NULL when the dimensions differ. */
extern DriftVectors *drift_vectors_of_summaries(Allocator allocator, const Summary *baseline, const Summary *current);
extern DriftVectors *drift_vectors_of_rows(Allocator allocator, int dimension, double *const *rows, const int64_t *n);
extern void drift_vectors_free(Allocator allocator, DriftVectors *vectors);

/*
 * Scores of pairs of vectors, with their permutation tests: p = (as extreme + 1) / (permutations + 1).  mmd is the unbiased
 * estimate of the squared MMD with a Gaussian kernel whose bandwidth is the median distance; energy the energy distance.
 */
extern void drift_score_mmd(DriftPair *pair, DriftScore *score);
extern void drift_score_energy(DriftPair *pair, DriftScore *score);

/* How well a classifier tells the samples apart: area under its ROC curve, in cross-validation. */
extern void drift_score_domain_classifier(DriftPair *pair, DriftScore *score);

/* Of a side, how many rows the scores above look at, and which is the i-th of them. */
extern int64_t drift_rows_used(const DriftPair *pair, int side);
extern const double *drift_row_used(const DriftPair *pair, int side, int64_t i);

/* A generator of random numbers, the same everywhere: splitmix64. */
static inline uint64_t
drift_random(uint64_t *state)
{
	uint64_t	z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

#endif
