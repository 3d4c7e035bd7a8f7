/*
 * ranking_sql.c
 *		Aggregates over the items of a query: ndcg, ranking_average_precision, reciprocal_rank, precision_at, recall_at,
 *		hit_rate_at.
 */
#include "postgres.h"

#include <math.h>

#include "base/aggregate.h"
#include "base/memory.h"
#include "fmgr.h"
#include "quality/ranking.h"
#include "storage/shmem.h"

PG_FUNCTION_INFO_V1(weir_ranking_accumulate);
PG_FUNCTION_INFO_V1(weir_ndcg_final);
PG_FUNCTION_INFO_V1(weir_ranking_average_precision_final);
PG_FUNCTION_INFO_V1(weir_reciprocal_rank_final);
PG_FUNCTION_INFO_V1(weir_precision_at_final);
PG_FUNCTION_INFO_V1(weir_recall_at_final);
PG_FUNCTION_INFO_V1(weir_hit_rate_at_final);

typedef struct RankedItems
{
	size_t		k;
	size_t		n;
	size_t		capacity;
	RankedItem *items;
} RankedItems;

/* (state, relevance, score [, k]) */
Datum
weir_ranking_accumulate(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	RankedItems *state = PG_ARGISNULL(0) ? NULL : (RankedItems *) PG_GETARG_POINTER(0);
	double		relevance;

	if (state == NULL)
	{
		state = MemoryContextAllocZero(context, sizeof(RankedItems));
		state->k = SIZE_MAX;
		if (PG_NARGS() > 3)
		{
			if (PG_ARGISNULL(3) || PG_GETARG_INT32(3) < 1)
				ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k must be at least 1")));
			state->k = (size_t) PG_GETARG_INT32(3);
		}
	}
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || isnan(PG_GETARG_FLOAT8(2)))
		PG_RETURN_POINTER(state);
	relevance = PG_GETARG_FLOAT8(1);
	if (!(relevance >= 0 && isfinite(relevance)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("relevance must be a finite number from 0")));
	if (state->n == state->capacity)
	{
		size_t		capacity = state->capacity == 0 ? 16 : 2 * state->capacity;
		Allocator	allocator = allocator_in(context);

		state->items = allocator.resize(allocator.context, state->items, state->capacity * sizeof(RankedItem),
										mul_size(capacity, sizeof(RankedItem)));
		state->capacity = capacity;
	}
	state->items[state->n++] = (RankedItem){.score = PG_GETARG_FLOAT8(2), .relevance = relevance};
	PG_RETURN_POINTER(state);
}

/* A sorted copy, for final functions leave the state as it is; NULL: no items. */
static RankedItem *
sorted_items(FunctionCallInfo fcinfo, size_t *n, size_t *k)
{
	RankedItems *state = PG_ARGISNULL(0) ? NULL : (RankedItems *) PG_GETARG_POINTER(0);
	RankedItem *items;

	if (state == NULL || state->n == 0)
		return NULL;
	items = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(state->n, sizeof(RankedItem)));
	memcpy(items, state->items, state->n * sizeof(RankedItem));
	ranking_sort(items, state->n);
	*n = state->n;
	*k = state->k;
	return items;
}

static Datum
measure(FunctionCallInfo fcinfo, double (*of)(const RankedItem *items, size_t n, size_t k))
{
	size_t		n;
	size_t		k;
	RankedItem *items = sorted_items(fcinfo, &n, &k);
	double		value = items == NULL ? NAN : of(items, n, k);

	if (items != NULL)
		pfree(items);
	if (isnan(value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}

static double
ndcg(const RankedItem *items, size_t n, size_t k)
{
	return ranking_ndcg((RankedItem *) items, n, k);
}

static double
precision(const RankedItem *items, size_t n, size_t k)
{
	return ranking_relevant(items, n, k) / (double) k;
}

static double
recall(const RankedItem *items, size_t n, size_t k)
{
	double		total = ranking_relevant(items, n, SIZE_MAX);

	return total > 0 ? ranking_relevant(items, n, k) / total : NAN;
}

Datum
weir_ndcg_final(PG_FUNCTION_ARGS)
{
	return measure(fcinfo, ndcg);
}

Datum
weir_ranking_average_precision_final(PG_FUNCTION_ARGS)
{
	return measure(fcinfo, ranking_average_precision);
}

Datum
weir_reciprocal_rank_final(PG_FUNCTION_ARGS)
{
	return measure(fcinfo, ranking_reciprocal);
}

Datum
weir_precision_at_final(PG_FUNCTION_ARGS)
{
	return measure(fcinfo, precision);
}

Datum
weir_recall_at_final(PG_FUNCTION_ARGS)
{
	return measure(fcinfo, recall);
}

Datum
weir_hit_rate_at_final(PG_FUNCTION_ARGS)
{
	return measure(fcinfo, ranking_hit);
}
