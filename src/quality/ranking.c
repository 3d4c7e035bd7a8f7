/*
 * ranking.c
 *		How good the ranking of one query's items is.
 */
#include "quality/ranking.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static int
compare_items(const void *a, const void *b)
{
	double		x = ((const RankedItem *) a)->score;
	double		y = ((const RankedItem *) b)->score;

	return (x < y) - (x > y);
}

static int
compare_relevances(const void *a, const void *b)
{
	double		x = ((const RankedItem *) a)->relevance;
	double		y = ((const RankedItem *) b)->relevance;

	return (x < y) - (x > y);
}

void
ranking_sort(RankedItem *items, size_t n)
{
	qsort(items, n, sizeof(RankedItem), compare_items);
}

/* Items of equal scores. */
typedef struct Tie
{
	size_t		before;			/* items of higher scores */
	size_t		n;
	size_t		n_relevant;
	double		relevance;		/* sum */
} Tie;

/* false at the end. */
static bool
next_tie(const RankedItem *items, size_t n, Tie *tie)
{
	size_t		first = tie->before + tie->n;

	*tie = (Tie){.before = first};
	while (first + tie->n < n && items[first + tie->n].score == items[first].score)
	{
		tie->n_relevant += items[first + tie->n].relevance > 0;
		tie->relevance += items[first + tie->n].relevance;
		tie->n++;
	}
	return tie->n > 0;
}

static size_t
total_relevant(const RankedItem *items, size_t n)
{
	size_t		total = 0;

	for (size_t i = 0; i < n; i++)
		total += items[i].relevance > 0;
	return total;
}

static double
discount(size_t rank)
{
	return 1 / log2((double) rank + 1);
}

/* In the order in which they stand. */
static double
gain_of_order(const RankedItem *items, size_t n, size_t k)
{
	double		gain = 0;

	for (size_t i = 0; i < n && i < k; i++)
		gain += items[i].relevance * discount(i + 1);
	return gain;
}

double
ranking_ndcg(RankedItem *items, size_t n, size_t k)
{
	Tie			tie = {0};
	double		gain = 0;
	double		best;

	while (tie.before + tie.n < k && next_tie(items, n, &tie))
		for (size_t rank = tie.before + 1; rank <= tie.before + tie.n && rank <= k; rank++)
			gain += discount(rank) * tie.relevance / (double) tie.n;
	qsort(items, n, sizeof(RankedItem), compare_relevances);
	best = gain_of_order(items, n, k);
	return best > 0 ? gain / best : NAN;
}

double
ranking_average_precision(const RankedItem *items, size_t n, size_t k)
{
	Tie			tie = {0};
	size_t		total = total_relevant(items, n);
	double		found = 0;
	double		sum = 0;

	if (total == 0)
		return NAN;
	while (tie.before + tie.n < k && next_tie(items, n, &tie))
	{
		double		share = (double) tie.n_relevant / (double) tie.n;
		/* Of the tie's others, given that the one at hand is relevant. */
		double		others = tie.n > 1 ? ((double) tie.n_relevant - 1) / (double) (tie.n - 1) : 0;

		for (size_t i = 1; i <= tie.n && tie.before + i <= k && tie.n_relevant > 0; i++)
			sum += share * (found + 1 + (double) (i - 1) * others) / (double) (tie.before + i);
		found += (double) tie.n_relevant;
	}
	return sum / (double) (total < k ? total : k);
}

double
ranking_reciprocal(const RankedItem *items, size_t n, size_t k)
{
	Tie			tie = {0};
	double		none = 1;
	double		sum = 0;

	while (tie.before + tie.n < k && next_tie(items, n, &tie))
	{
		if (tie.n_relevant == 0)
			continue;
		for (size_t i = 1; i <= tie.n && tie.before + i <= k; i++)
		{
			double		left = (double) (tie.n - i + 1);
			double		first = none * fmin(1, (double) tie.n_relevant / left);

			sum += first / (double) (tie.before + i);
			none -= first;
			if (none <= 0)
				break;
		}
		return sum;
	}
	return total_relevant(items, n) > 0 ? 0 : NAN;
}

double
ranking_relevant(const RankedItem *items, size_t n, size_t k)
{
	Tie			tie = {0};
	double		found = 0;

	while (tie.before + tie.n < k && next_tie(items, n, &tie))
	{
		size_t		inside = tie.n < k - tie.before ? tie.n : k - tie.before;

		found += (double) tie.n_relevant * (double) inside / (double) tie.n;
	}
	return found;
}

double
ranking_hit(const RankedItem *items, size_t n, size_t k)
{
	Tie			tie = {0};

	while (tie.before + tie.n < k && next_tie(items, n, &tie))
	{
		size_t		inside = tie.n < k - tie.before ? tie.n : k - tie.before;
		double		none = 1;

		if (tie.n_relevant == 0)
			continue;
		for (size_t i = 0; i < inside; i++)
			none *= fmax(0, (double) (tie.n - tie.n_relevant) - (double) i) / (double) (tie.n - i);
		return 1 - none;
	}
	return total_relevant(items, n) > 0 ? 0 : NAN;
}
