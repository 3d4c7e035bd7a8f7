/*
 * vector_sums.h
 *		What is summed of vectors: elements, products of elements, random features.  Plain C, private to this room: other rooms
 *		read it through summary_vector.h.
 *
 * Sums and products are double-doubles, so that taking back leaves no trace a double can show.  Products are those of all pairs
 * up to VECTOR_FULL_COVARIANCE dimensions, beyond that the squares alone.  The features are fixed-point integers: exact.
 */
#ifndef WEIR_VECTOR_SUMS_H
#define WEIR_VECTOR_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"
#include "summary/double_double.h"
#include "summary/summary_vector.h"

typedef struct VectorSums
{
	int			dimension;
	int			n_sums;			/* dimension + number of products */
	int			padded;			/* power of two that the embedding works in */
	double	   *high;			/* n_sums; the sums of the elements, then the products, row by row of the lower triangle */
	double	   *low;
	double	   *scratch;		/* twice the dimension, or padded */
	int64_t		features[VECTOR_EMBEDDING_SIZE];
} VectorSums;

extern VectorSums *vector_sums_create(Allocator allocator, int dimension);
extern VectorSums *vector_sums_copy(Allocator allocator, const VectorSums *sums);
extern void vector_sums_free(VectorSums *sums, Allocator allocator);
extern size_t vector_sums_memory(const VectorSums *sums);

/* How many sums there are for a dimension. */
extern int	vector_sums_count(int dimension);

/* Whether the vector can be summed: all elements finite and within VECTOR_MAX_ELEMENT; its norm if so. */
extern bool vector_norm(const double *values, int dimension, double *norm);

/* Adds a vector that can be summed, or takes it back. */
extern void vector_sums_add(VectorSums *sums, const double *values, bool remove);

/* Whether what was just taken back was so large beside what stays that its rounding errors may show. */
extern bool vector_sums_outweighed(const VectorSums *sums, const double *values);

/* into +-= from, of the same dimension; false when a sum has left the range of doubles: it is 0 then. */
extern bool vector_sums_merge(VectorSums *into, const VectorSums *from, bool subtract);

/* Whether both can be of the same vectors: equal features, sums equal but for the rounding of double-doubles. */
extern bool vector_sums_similar(const VectorSums *a, const VectorSums *b);

/* Adds the fixed-point features of the vector, or takes them off; scratch holds padded doubles. */
extern int	vector_embedding_padded(int dimension);
extern void vector_embedding_add(const double *values, int dimension, double *scratch, int64_t *features, bool remove);

/* One feature is worth this. */
#define VECTOR_FEATURE_UNIT (1.0 / (1 << 24))

#endif
