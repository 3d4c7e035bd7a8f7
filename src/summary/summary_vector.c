/*
 * summary_vector.c
 *		A summary of vectors: filling and reading.  Their norms are kept as numbers are (summary.c), the rest in VectorSums.
 */
#include "summary/summary_vector.h"

#include <math.h>

#include "summary/counts.h"
#include "summary/summary_internal.h"
#include "summary/vector_sums.h"

/* ---- filling ---- */

SummaryStatus
summary_add_vector(Summary *summary, const double *values, int dimension)
{
	double		norm;

	if (summary->vectors != NULL && summary->vectors->dimension != dimension)
		return SUMMARY_DIMENSION_MISMATCH;
	if (!vector_norm(values, dimension, &norm))
	{
		summary_add_number(summary, NAN);
		return SUMMARY_OK;
	}
	if (summary->vectors == NULL)
		summary->vectors = vector_sums_create(summary->allocator, dimension);
	vector_sums_add(summary->vectors, values, false);
	summary_add_number(summary, norm);
	return SUMMARY_OK;
}

SummaryStatus
summary_remove_vector(Summary *summary, const double *values, int dimension)
{
	double		norm;

	if (summary->vectors != NULL && summary->vectors->dimension != dimension)
		return SUMMARY_DIMENSION_MISMATCH;
	if (!vector_norm(values, dimension, &norm))
		norm = NAN;
	else if (summary->vectors != NULL)
		vector_sums_add(summary->vectors, values, true);
	summary_remove_number(summary, norm); /* with the last vector go the sums */
	return SUMMARY_OK;
}

/* ---- reading ---- */

int
summary_vector_dimension(const Summary *summary)
{
	return summary->vectors == NULL ? 0 : summary->vectors->dimension;
}

int64_t
summary_vector_count(const Summary *summary)
{
	return summary->vectors == NULL ? 0 : summary_settle(summary)->distribution.total;
}

static DoubleDouble
sum_at(const VectorSums *sums, int index)
{
	return (DoubleDouble){sums->high[index], sums->low[index]};
}

bool
summary_vector_mean(const Summary *summary, double *mean)
{
	int64_t		n = summary_vector_count(summary);

	if (n == 0)
		return false;
	for (int i = 0; i < summary->vectors->dimension; i++)
		mean[i] = double_double_divide(sum_at(summary->vectors, i), (double) n).high;
	return true;
}

bool
summary_vector_has_covariance(const Summary *summary)
{
	return summary->vectors != NULL && summary->vectors->dimension <= VECTOR_FULL_COVARIANCE;
}

bool
summary_vector_covariance(const Summary *summary, int i, int j, double *covariance)
{
	int64_t		n = summary_vector_count(summary);
	const VectorSums *sums = summary->vectors;
	DoubleDouble products;
	DoubleDouble expected;

	if (n < 2 || (i != j && !summary_vector_has_covariance(summary)))
		return false;
	if (i < j)
	{
		int			other = i;

		i = j;
		j = other;
	}
	products = sum_at(sums, sums->dimension + (summary_vector_has_covariance(summary) ? i * (i + 1) / 2 + j : i));
	expected = double_double_multiply(double_double_divide(sum_at(sums, i), (double) n), sum_at(sums, j));
	*covariance = double_double_divide(double_double_add(products, double_double_negate(expected)), (double) (n - 1)).high;
	if (i == j && *covariance < 0)
		*covariance = 0;
	return true;
}

Summary *
summary_vector_norms(Allocator allocator, const Summary *summary)
{
	Summary	   *norms = summary_copy(allocator, summary);

	vector_sums_free(norms->vectors, allocator);
	norms->vectors = NULL;
	norms->kind = SUMMARY_NUMERIC;
	return norms;
}

bool
summary_vector_embedding(const Summary *summary, double *embedding)
{
	int64_t		n = summary_vector_count(summary);

	if (n == 0)
		return false;
	for (int i = 0; i < VECTOR_EMBEDDING_SIZE; i++)
		embedding[i] = (double) summary->vectors->features[i] * VECTOR_FEATURE_UNIT / (double) n;
	return true;
}

bool
summary_vector_distance_squared(const Summary *a, const Summary *b, double *distance_squared)
{
	double		embedding_a[VECTOR_EMBEDDING_SIZE];
	double		embedding_b[VECTOR_EMBEDDING_SIZE];
	double		sum = 0;

	if (summary_vector_dimension(a) != summary_vector_dimension(b) || !summary_vector_embedding(a, embedding_a) ||
		!summary_vector_embedding(b, embedding_b))
		return false;
	for (int i = 0; i < VECTOR_EMBEDDING_SIZE; i++)
		sum += (embedding_a[i] - embedding_b[i]) * (embedding_a[i] - embedding_b[i]);
	*distance_squared = 2 * sum / VECTOR_EMBEDDING_SIZE;
	return true;
}
