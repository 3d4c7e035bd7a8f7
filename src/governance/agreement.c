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

/* How many labels a subject has, and the sum of the squares of how many there are of each category. */
static double
labels_of(const int64_t *row, int n_categories, double *squares)
{
	double		n = 0;

	*squares = 0;
	for (int j = 0; j < n_categories; j++)
	{
		n += (double) row[j];
		*squares += (double) row[j] * (double) row[j];
	}
	return n;
}

/* How many of the labels of subjects that have two or more are of one category. */
static double
labels_of_category(const int64_t *counts, int64_t n_subjects, int n_categories, int category)
{
	double		n = 0;
	double		squares;

	for (int64_t i = 0; i < n_subjects; i++)
	{
		const int64_t *row = counts + i * n_categories;

		if (labels_of(row, n_categories, &squares) >= 2)
			n += (double) row[category];
	}
	return n;
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
		double		squares;
		double		n_labels = labels_of(counts + i * n_categories, n_categories, &squares);

		if (n_labels < 2)
			continue;
		n++;
		total += n_labels;
		agreement += (squares - n_labels) / (n_labels * (n_labels - 1));
	}
	if (n == 0)
		return NAN;
	for (int j = 0; j < n_categories; j++)
	{
		double		n_chosen = labels_of_category(counts, n_subjects, n_categories, j);

		if (n_chosen == total)
			return NAN;
		expected += (n_chosen / total) * (n_chosen / total);
	}
	return (agreement / (double) n - expected) / (1 - expected);
}

double
krippendorff_alpha(const int64_t *counts, int64_t n_subjects, int n_categories)
{
	double		observed = 0;
	double		total = 0;
	double		squares;
	double		expected;

	for (int64_t i = 0; i < n_subjects; i++)
	{
		double		n_labels = labels_of(counts + i * n_categories, n_categories, &squares);

		if (n_labels < 2)
			continue;
		total += n_labels;
		observed += (n_labels * n_labels - squares) / (n_labels - 1);
	}
	expected = 0;				/* pairs of different categories, of all */
	for (int j = 0; j < n_categories; j++)
	{
		double		n_chosen = labels_of_category(counts, n_subjects, n_categories, j);

		expected += n_chosen * (total - n_chosen);
	}
	/* No label, or one category takes all: here alone nothing could differ. */
	return expected > 0 ? 1 - observed * (total - 1) / expected : NAN;
}
