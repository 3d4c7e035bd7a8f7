/*
 * ranking.h
 *		How good the ranking of one query's items is.  Plain C.
 *
 * Items of equal scores have no order: every measure is its expectation over all orders of theirs (McSherry and Najork 2008), so
 * that it does not depend on the order of rows.
 */
#ifndef WEIR_RANKING_H
#define WEIR_RANKING_H

#include <stddef.h>
#include <stdint.h>

typedef struct RankedItem
{
	double		score;
	double		relevance;		/* from 0; above it the item is relevant */
} RankedItem;

/* Descending by score. */
extern void ranking_sort(RankedItem *items, size_t n);

/*
 * Of sorted items; k is the number of ranks that count, SIZE_MAX for all.  NaN where there is nothing to find.
 */

/*
 * Discounted cumulative gain (the relevance, by log2 of rank + 1) by that of the best order; Jarvelin and Kekalainen (2002).
 * Leaves the items in the best order.
 */
extern double ranking_ndcg(RankedItem *items, size_t n, size_t k);

/* Mean precision at the ranks of relevant items, over as many of them as the ranks can hold. */
extern double ranking_average_precision(const RankedItem *items, size_t n, size_t k);

/* 1 / rank of the first relevant item, 0 when it lies beyond k. */
extern double ranking_reciprocal(const RankedItem *items, size_t n, size_t k);

/* Expected relevant items among the first k. */
extern double ranking_relevant(const RankedItem *items, size_t n, size_t k);

/* Probability that one of the first k is relevant. */
extern double ranking_hit(const RankedItem *items, size_t n, size_t k);

#endif
