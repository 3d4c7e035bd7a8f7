/*
 * adjust.c
 *		Bonferroni; Holm (1979); Benjamini and Hochberg (1995); Benjamini and Yekutieli (2001).
 */
#include "drift/adjust.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/distributions.h"

static const struct
{
	const char *name;
	Adjustment	adjustment;
} names[] = {
	{"none", ADJUST_NONE},
	{"bonferroni", ADJUST_BONFERRONI},
	{"holm", ADJUST_HOLM},
	{"benjamini_hochberg", ADJUST_BENJAMINI_HOCHBERG},
	{"benjamini_yekutieli", ADJUST_BENJAMINI_YEKUTIELI},
	{"bh", ADJUST_BENJAMINI_HOCHBERG},
	{"fdr", ADJUST_BENJAMINI_HOCHBERG},
	{"fdr_bh", ADJUST_BENJAMINI_HOCHBERG},
	{"by", ADJUST_BENJAMINI_YEKUTIELI},
	{"fdr_by", ADJUST_BENJAMINI_YEKUTIELI},
};

/* Upper and lower case alike. */
static bool
same_word(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
		if (*a != (*b >= 'A' && *b <= 'Z' ? *b - 'A' + 'a' : *b))
			return false;
	return *a == *b;
}

int
adjustment_find(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (same_word(names[i].name, name))
			return (int) names[i].adjustment;
	return -1;
}

const char *
adjustment_name(Adjustment adjustment)
{
	return names[adjustment].name;
}

typedef struct Ranked
{
	double		p;
	size_t		index;
} Ranked;

static int
compare_ranked(const void *a, const void *b)
{
	const Ranked *left = a;
	const Ranked *right = b;

	if (left->p != right->p)
		return left->p < right->p ? -1 : 1;
	return (left->index > right->index) - (left->index < right->index);
}

void
adjust_p_values(Allocator allocator, double *p_values, size_t n, Adjustment adjustment)
{
	size_t		size = (n + 1) * sizeof(Ranked);
	Ranked	   *ranked;
	size_t		k = 0;
	double		factor;
	double		bound;

	if (adjustment == ADJUST_NONE)
		return;
	ranked = allocator.resize(allocator.context, NULL, 0, size);
	for (size_t i = 0; i < n; i++)
		if (!isnan(p_values[i]))
			ranked[k++] = (Ranked){p_values[i], i};
	if (k > 1)
		qsort(ranked, k, sizeof(Ranked), compare_ranked);
	factor = adjustment == ADJUST_BENJAMINI_YEKUTIELI ? harmonic((int64_t) k) : 1;
	if (adjustment == ADJUST_BONFERRONI)
		for (size_t i = 0; i < k; i++)
			p_values[ranked[i].index] = fmin(1, ranked[i].p * (double) k);
	else if (adjustment == ADJUST_HOLM)
	{
		bound = 0;
		for (size_t i = 0; i < k; i++)
			p_values[ranked[i].index] = bound = fmax(bound, fmin(1, ranked[i].p * (double) (k - i)));
	}
	else
	{
		bound = 1;
		for (size_t i = k; i > 0; i--)
			p_values[ranked[i - 1].index] = bound = fmin(bound, ranked[i - 1].p * factor * (double) k / (double) i);
	}
	allocator.resize(allocator.context, ranked, size, 0);
}
