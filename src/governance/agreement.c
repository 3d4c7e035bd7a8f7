/*
 * agreement.c
 *		How far people who label the same agree beyond chance.
 */
#include "governance/agreement.h"

#include <math.h>
#include <string.h>

double
cohen_kappa(const int32_t *first, const int32_t *second, int64_t n, int n_categories, int64_t *counts)
{
	int64_t		n_equal = 0;
	double		expected = 0;

	if (n == 0)
		return NAN;
	memset(counts, 0, 2 * (size_t) n_categories * sizeof(int64_t));
	for (int64_t i = 0; i < n; i++)
	{
		n_equal += first[i] == second[i];
		counts[first[i]]++;
		counts[n_categories + second[i]]++;
	}
	for (int j = 0; j < n_categories; j++)
	{
		/* Here alone is expected agreement certain. */
		if (counts[j] == n && counts[n_categories + j] == n)
			return NAN;
		expected += ((double) counts[j] / (double) n) * ((double) counts[n_categories + j] / (double) n);
	}
	return ((double) n_equal / (double) n - expected) / (1 - expected);
}

double
fleiss_kappa(const int64_t *counts, int64_t n_subjects, int n_categories)
{
	double		agreement = 0;
	double		total = 0;
	double		expected = 0;
	int64_t		n = 0;

	for (int64_t i = 0; i < n_subjects; i++)
	{
		const int64_t *row = counts + i * n_categories;
		double		n_raters = 0;
		double		squares = 0;

		for (int j = 0; j < n_categories; j++)
		{
			n_raters += (double) row[j];
			squares += (double) row[j] * (double) row[j];
		}
		if (n_raters < 2)
			continue;
		n++;
		total += n_raters;
		agreement += (squares - n_raters) / (n_raters * (n_raters - 1));
	}
	if (n == 0)
		return NAN;
	for (int j = 0; j < n_categories; j++)
	{
		double		n_chosen = 0;

		for (int64_t i = 0; i < n_subjects; i++)
		{
			const int64_t *row = counts + i * n_categories;
			double		n_raters = 0;

			for (int k = 0; k < n_categories; k++)
				n_raters += (double) row[k];
			if (n_raters >= 2)
				n_chosen += (double) row[j];
		}
		if (n_chosen == total)
			return NAN;
		expected += (n_chosen / total) * (n_chosen / total);
	}
	return (agreement / (double) n - expected) / (1 - expected);
}
