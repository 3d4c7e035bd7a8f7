/*
 * summary_vector.h
 *		A summary of vectors: mean, covariance, and the mean of random features.  Plain C.
 *
 * What summary.h reads of numbers is, of vectors, about their Euclidean norms: summary_mean, summary_quantile, summary_bins…
 * summary_n counts all vectors; those with an element that is NULL, NaN, infinite or beyond VECTOR_MAX_ELEMENT are in
 * summary_nan_count and in nothing else.
 *
 * The embedding.  Two distributions are the same where the means of enough waves e^(i w.x) over them are the same; the mean squared
 * difference of those means is the squared maximum mean discrepancy (MMD) of the kernel whose spectrum the frequencies w are drawn
 * from (Rahimi and Recht 2007; Gretton et al. 2012).  Here: VECTOR_DIRECTIONS frequencies of a Gaussian kernel, nearly orthogonal
 * and made by random signs and Hadamard transforms (Yu et al. 2016, "Orthogonal random features"), each at
 * VECTOR_SCALES bandwidths 1/4, 1, 4, … 4096, since no bandwidth fits all data: the kernel is the mean of those Gaussians.  The
 *same frequencies for every summary of a dimension, so that embeddings add up and can be compared.
 */
#ifndef WEIR_SUMMARY_VECTOR_H
#define WEIR_SUMMARY_VECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "summary/summary.h"

#define VECTOR_MAX_DIMENSION 16384
#define VECTOR_FULL_COVARIANCE 64
#define VECTOR_MAX_ELEMENT 0x1p480 /* so that no sum of squares overflows */

#define VECTOR_DIRECTIONS 32
#define VECTOR_SCALES 8
#define VECTOR_EMBEDDING_SIZE (2 * VECTOR_DIRECTIONS * VECTOR_SCALES) /* per scale, narrowest first: cosines, then sines */

/* ---- filling; the first vector sets the dimension ---- */

/* SUMMARY_OK or SUMMARY_DIMENSION_MISMATCH, which changes nothing. A NaN stands for NULL; 1 <= dimension <= VECTOR_MAX_DIMENSION.
 */
extern SummaryStatus summary_add_vector(Summary *summary, const double *values, int dimension);
extern SummaryStatus summary_remove_vector(Summary *summary, const double *values, int dimension);

/* ---- reading ---- */

/* 0 as long as there is no finite vector. */
extern int	summary_vector_dimension(const Summary *summary);

/* How many vectors the mean, the covariance and the embedding are of. */
extern int64_t summary_vector_count(const Summary *summary);

/* The mean: dimension values; false without vectors. */
extern bool summary_vector_mean(const Summary *summary, double *mean);

/* Whether the covariance between elements is known, or only the variance of each. */
extern bool summary_vector_has_covariance(const Summary *summary);

/* Sample covariance (n - 1) of elements i and j, 0-based; false for fewer than two vectors, or where it is not known. */
extern bool summary_vector_covariance(const Summary *summary, int i, int j, double *covariance);

/* The summary of the norms, as numbers. */
extern Summary *summary_vector_norms(Allocator allocator, const Summary *summary);

/* The mean of the features: VECTOR_EMBEDDING_SIZE values in [-1, 1]; false without vectors. */
extern bool summary_vector_embedding(const Summary *summary, double *embedding);

/*
 * Squared MMD between the two samples under the mixture of kernels (the biased estimate: 0 for equal samples, at most 4), false
 * when one has no vectors or the dimensions differ.  Were both samples of one distribution, its expectation would be
 * (1/n + 1/m) (1 - |embedding|^2), with |embedding|^2 the mean over frequencies.
 */
extern bool summary_vector_distance_squared(const Summary *a, const Summary *b, double *distance_squared);

#endif
