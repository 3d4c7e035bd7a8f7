/*
 * summary_exercise.h
 *		Everything that can be done with a summary that came from outside.
 */
#ifndef WEIR_SUMMARY_EXERCISE_H
#define WEIR_SUMMARY_EXERCISE_H

#include "summary/summary_vector.h"
#include "summary_bytes.h"

static void
exercise_vectors(Summary *copy, const Summary *summary)
{
	int			dimension = summary_vector_dimension(summary) > 0 ? summary_vector_dimension(summary) : 3;
	double	   *vector = malloc(sizeof(double) * (size_t) dimension);
	double		embedding[VECTOR_EMBEDDING_SIZE];
	double		result;
	Summary	   *norms = summary_vector_norms(unit_allocator(), summary);

	summary_vector_mean(summary, vector);
	summary_vector_covariance(summary, 0, dimension - 1, &result);
	summary_vector_embedding(summary, embedding);
	summary_vector_distance_squared(copy, summary, &result);
	for (int i = 0; i < dimension; i++)
		vector[i] = unit_random_normal();
	summary_add_vector(copy, vector, dimension);
	summary_add_vector(copy, vector, dimension + 1);
	summary_remove_vector(copy, vector, dimension);
	summary_free(norms);
	free(vector);
}

/* What a reader does with a summary; nothing of it may crash, whatever was decoded. */
static void
exercise(const Summary *summary)
{
	SummaryBin	bins[64];
	SummaryCategory categories[64];
	double		result;
	Summary	   *copy = summary_copy(unit_allocator(), summary);
	Summary	   *twice = summary_copy(unit_allocator(), summary);

	summary_mean(summary, &result);
	summary_variance(summary, &result);
	summary_standard_deviation(summary, &result);
	summary_skewness(summary, &result);
	summary_kurtosis(summary, &result);
	summary_min(summary, &result);
	summary_max(summary, &result);
	for (int i = 0; i <= 10; i++)
		summary_quantile(summary, i / 10.0, &result);
	summary_cdf(summary, unit_random_bits(), &result);
	summary_error_bound(summary);
	summary_bins(summary, summary_level(summary) + (int) unit_random_below(4), bins, 64);
	summary_categories(summary, categories, 64);
	summary_distinct_exact(summary);
	summary_merge(twice, copy);
	summary_merge(twice, summary);
	summary_subtract(twice, copy);
	if (summary_kind(summary) == SUMMARY_NUMERIC)
	{
		for (int i = 0; i < 40; i++)
			summary_add_number(copy, unit_random_bits());
		summary_remove_number(copy, 1);
	}
	else if (summary_kind(summary) == SUMMARY_VECTOR)
		exercise_vectors(copy, summary);
	else
	{
		summary_add_category(copy, "somewhere", 9);
		summary_remove_category(copy, "nowhere", 7);
	}
	summary_subtract(copy, twice);
	summary_equal(copy, twice);
	same_bytes(copy, twice);
	summary_free(copy);
	summary_free(twice);
}

#endif
