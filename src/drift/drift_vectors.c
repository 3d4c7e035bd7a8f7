/*
 * drift_vectors.c
 *		Two samples of vectors: their means and covariances, from summaries or from the vectors themselves.
 */
#include "drift/drift_vectors.h"

#include <math.h>
#include <string.h>

#include "summary/summary_vector.h"

static double *
allocate(Allocator allocator, size_t n)
{
	return allocator.resize(allocator.context, NULL, 0, (n + 1) * sizeof(double));
}

static void
release(Allocator allocator, double *values, size_t n)
{
	if (values != NULL)
		allocator.resize(allocator.context, values, (n + 1) * sizeof(double), 0);
}

static DriftVectors *
create(Allocator allocator, int dimension)
{
	DriftVectors *vectors = allocator.resize(allocator.context, NULL, 0, sizeof(DriftVectors));
	size_t		d = (size_t) dimension;

	memset(vectors, 0, sizeof(DriftVectors));
	vectors->dimension = dimension;
	for (int side = 0; side < 2; side++)
	{
		vectors->mean[side] = allocate(allocator, d);
		vectors->variance[side] = allocate(allocator, d);
		memset(vectors->mean[side], 0, d * sizeof(double));
		memset(vectors->variance[side], 0, d * sizeof(double));
		if (dimension <= VECTOR_FULL_COVARIANCE)
		{
			vectors->covariance[side] = allocate(allocator, d * d);
			memset(vectors->covariance[side], 0, d * d * sizeof(double));
		}
	}
	return vectors;
}

void
drift_vectors_free(Allocator allocator, DriftVectors *vectors)
{
	size_t		d;

	if (vectors == NULL)
		return;
	d = (size_t) vectors->dimension;
	for (int side = 0; side < 2; side++)
	{
		release(allocator, vectors->mean[side], d);
		release(allocator, vectors->variance[side], d);
		release(allocator, vectors->covariance[side], d * d);
	}
	allocator.resize(allocator.context, vectors, sizeof(DriftVectors), 0);
}

DriftVectors *
drift_vectors_of_summaries(Allocator allocator, const Summary *baseline, const Summary *current)
{
	const Summary *summaries[2] = {baseline, current};
	int			dimensions[2] = {summary_vector_dimension(baseline), summary_vector_dimension(current)};
	double		embedding[VECTOR_EMBEDDING_SIZE];
	double		square = 0;
	DriftVectors *vectors;
	int			d;

	if (dimensions[0] != 0 && dimensions[1] != 0 && dimensions[0] != dimensions[1])
		return NULL;
	d = dimensions[0] > dimensions[1] ? dimensions[0] : dimensions[1];
	vectors = create(allocator, d);
	for (int side = 0; side < 2; side++)
	{
		vectors->n[side] = summary_vector_count(summaries[side]);
		if (vectors->n[side] == 0)
			continue;
		summary_vector_mean(summaries[side], vectors->mean[side]);
		for (int i = 0; i < d; i++)
		{
			if (!summary_vector_covariance(summaries[side], i, i, &vectors->variance[side][i]))
				vectors->variance[side][i] = 0;
			for (int j = 0; j < d && vectors->covariance[side] != NULL; j++)
				if (!summary_vector_covariance(summaries[side], i, j, &vectors->covariance[side][i * d + j]))
					vectors->covariance[side][i * d + j] = 0;
		}
	}
	/* Whether a summary keeps the covariance is its own affair. */
	for (int side = 0; side < 2; side++)
		if (vectors->n[side] > 1 && !summary_vector_has_covariance(summaries[side]))
			for (int other = 0; other < 2; other++)
			{
				release(allocator, vectors->covariance[other], (size_t) d * d);
				vectors->covariance[other] = NULL;
			}
	vectors->has_distance = summary_vector_distance_squared(baseline, current, &vectors->distance_squared);
	for (int side = 0; side < 2 && vectors->has_distance; side++)
	{
		double		norm = 0;

		summary_vector_embedding(summaries[side], embedding);
		for (int i = 0; i < VECTOR_EMBEDDING_SIZE; i++)
			norm += embedding[i] * embedding[i];
		square = norm / (VECTOR_EMBEDDING_SIZE / 2);
		vectors->distance_expected += (1 - square) / (double) vectors->n[side];
	}
	return vectors;
}

static void
measure(DriftVectors *vectors, int side)
{
	int			d = vectors->dimension;
	double	   *mean = vectors->mean[side];
	double	   *covariance = vectors->covariance[side];
	int64_t		n = vectors->n[side];

	for (int64_t row = 0; row < n; row++)
		for (int i = 0; i < d; i++)
			mean[i] += (vectors->rows[side][row * d + i] - mean[i]) / (double) (row + 1);
	for (int64_t row = 0; row < n; row++)
	{
		const double *values = vectors->rows[side] + row * d;

		for (int i = 0; i < d; i++)
		{
			double		deviation = values[i] - mean[i];

			vectors->variance[side][i] += deviation * deviation;
			for (int j = 0; j <= i && covariance != NULL; j++)
				covariance[i * d + j] += deviation * (values[j] - mean[j]);
		}
	}
	for (int i = 0; i < d; i++)
	{
		vectors->variance[side][i] = n > 1 ? vectors->variance[side][i] / (double) (n - 1) : 0;
		for (int j = 0; j <= i && covariance != NULL; j++)
			covariance[i * d + j] = covariance[j * d + i] = n > 1 ? covariance[i * d + j] / (double) (n - 1) : 0;
	}
}

DriftVectors *
drift_vectors_of_rows(Allocator allocator, int dimension, double *const *rows, const int64_t *n)
{
	DriftVectors *vectors = create(allocator, dimension);

	for (int side = 0; side < 2; side++)
	{
		vectors->rows[side] = rows[side];
		vectors->n[side] = n[side];
		measure(vectors, side);
	}
	return vectors;
}

int64_t
drift_rows_used(const DriftPair *pair, int side)
{
	return pair->vectors->n[side] < pair->options.max_rows ? pair->vectors->n[side] : pair->options.max_rows;
}

const double *
drift_row_used(const DriftPair *pair, int side, int64_t i)
{
	int64_t		used = drift_rows_used(pair, side);
	int64_t		row = (int64_t) ((double) i * (double) pair->vectors->n[side] / (double) used);

	return pair->vectors->rows[side] + row * pair->vectors->dimension;
}
