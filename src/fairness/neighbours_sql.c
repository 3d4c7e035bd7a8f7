/*
 * neighbours_sql.c
 *		Fairness to individuals: Clarify's flip test, and the consistency of predictions among similar rows.
 *
 * Both need all rows at once: they are gathered, and the nearest ones found when all are there.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/aggregate.h"
#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "fairness/fairness_datum.h"
#include "fairness/neighbours.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(weir_similar_rows_accumulate);
PG_FUNCTION_INFO_V1(weir_consistency_accumulate);
PG_FUNCTION_INFO_V1(weir_flip_test_final);
PG_FUNCTION_INFO_V1(weir_consistency_final);

#define DEFAULT_NEIGHBOURS 5
#define MAX_NEIGHBOURS 1000
#define MAX_DIMENSION 1000

/* Rows of two sides: the advantaged (0; of consistency: all) and the disadvantaged (1). */
typedef struct SimilarRows
{
	MemoryContext context;
	OutcomeReader prediction;
	int			dimension;
	int			n_neighbours;
	size_t		n[2];
	size_t		capacity[2];
	double	   *features[2];
	bool	   *predicted[2];
} SimilarRows;

static int
read_neighbours(FunctionCallInfo fcinfo, int argument)
{
	int32		n = DEFAULT_NEIGHBOURS;

	if (PG_NARGS() > argument)
	{
		if (PG_ARGISNULL(argument))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("neighbours must not be null")));
		n = PG_GETARG_INT32(argument);
	}
	if (n < 1 || n > MAX_NEIGHBOURS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("neighbours must lie between 1 and %d", MAX_NEIGHBOURS)));
	return n;
}

static SimilarRows *
rows_of(FunctionCallInfo fcinfo, int neighbours_argument)
{
	MemoryContext context = aggregate_context(fcinfo);
	SimilarRows *rows;
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 1);

	if (!PG_ARGISNULL(0))
		return (SimilarRows *) PG_GETARG_POINTER(0);
	rows = MemoryContextAllocZero(context, sizeof(SimilarRows));
	rows->context = context;
	rows->dimension = -1;
	rows->n_neighbours = read_neighbours(fcinfo, neighbours_argument);
	if (!OidIsValid(type) || type == UNKNOWNOID || !outcome_reader_init(&rows->prediction, type, NULL, context))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("prediction of type %s cannot be read as an outcome", OidIsValid(type) ? format_type_be(type) : "unknown"),
				 errhint("Pass a boolean or a number that is 0 or 1.")));
	return rows;
}

static void
make_room(SimilarRows *rows, int side)
{
	size_t		capacity = rows->capacity[side] == 0 ? 64 : 2 * rows->capacity[side];
	Allocator	allocator = allocator_in(rows->context);
	size_t		row_size = mul_size(sizeof(double), (Size) rows->dimension);

	if (rows->n[side] < rows->capacity[side])
		return;
	rows->features[side] = allocator.resize(allocator.context, rows->features[side], mul_size(rows->capacity[side], row_size),
											mul_size(capacity, row_size));
	rows->predicted[side] = allocator.resize(allocator.context, rows->predicted[side], rows->capacity[side], capacity);
	rows->capacity[side] = capacity;
}

/* Rows without a prediction, or with a feature that is not a number, are left out. */
static void
add_row(FunctionCallInfo fcinfo, SimilarRows *rows, int side, int argument)
{
	ArrayType  *array;
	Outcome		outcome;
	bool		valid;
	int			n;
	double	   *place;

	outcome = outcome_reader_read(&rows->prediction, PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1), PG_ARGISNULL(1), &valid);
	if (!valid)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("prediction is neither 0 nor 1")));
	if (PG_ARGISNULL(argument) || outcome == OUTCOME_UNKNOWN)
		return;
	array = PG_GETARG_ARRAYTYPE_P(argument);
	n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (array_contains_nulls(array))
		return;
	if (n < 1 || n > MAX_DIMENSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("features must be between 1 and %d numbers", MAX_DIMENSION)));
	if (rows->dimension < 0)
		rows->dimension = n;
	if (n != rows->dimension)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("features of different lengths: %d and %d", rows->dimension, n)));
	make_room(rows, side);
	place = rows->features[side] + rows->n[side] * (size_t) n;
	memcpy(place, ARR_DATA_PTR(array), sizeof(double) * n);
	for (int i = 0; i < n; i++)
		if (!isfinite(place[i]))
			return;
	rows->predicted[side][rows->n[side]++] = outcome == OUTCOME_POSITIVE;
}

/* (state, prediction, is_disadvantaged, features [, neighbours]) */
Datum
weir_similar_rows_accumulate(PG_FUNCTION_ARGS)
{
	SimilarRows *rows = rows_of(fcinfo, 4);

	if (!PG_ARGISNULL(2))
		add_row(fcinfo, rows, PG_GETARG_BOOL(2) ? 1 : 0, 3);
	PG_RETURN_POINTER(rows);
}

/* (state, prediction, features [, neighbours]) */
Datum
weir_consistency_accumulate(PG_FUNCTION_ARGS)
{
	SimilarRows *rows = rows_of(fcinfo, 3);

	add_row(fcinfo, rows, 0, 2);
	PG_RETURN_POINTER(rows);
}

/* Of the nearest rows of the first side, how many are predicted positive, and how many there are. */
static size_t
positives_near(const SimilarRows *rows, const NeighbourTree *tree, const double *point, Neighbour *found, size_t *n_found)
{
	size_t		n_positive = 0;

	*n_found = neighbours_find(tree, point, (size_t) rows->n_neighbours, found);
	for (size_t i = 0; i < *n_found; i++)
		n_positive += rows->predicted[0][found[i].row];
	return n_positive;
}

static NeighbourTree *
plant(const SimilarRows *rows)
{
	return neighbours_create(allocator_in(CurrentMemoryContext), rows->features[0], rows->n[0], rows->dimension);
}

Datum
weir_flip_test_final(PG_FUNCTION_ARGS)
{
	SimilarRows *rows = PG_ARGISNULL(0) ? NULL : (SimilarRows *) PG_GETARG_POINTER(0);
	TupleDesc	description;
	int64		flipped[2] = {0, 0}; /* refused whose like are chosen; chosen whose like are refused */
	Datum		values[6];
	bool		nulls[6] = {false};

	if (rows == NULL || get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
		PG_RETURN_NULL();
	if (rows->n[0] > 0)
	{
		NeighbourTree *tree = plant(rows);
		Neighbour  *found = palloc(sizeof(Neighbour) * rows->n_neighbours);

		for (size_t i = 0; i < rows->n[1]; i++)
		{
			size_t		n_found;
			size_t		n_positive = positives_near(rows, tree, rows->features[1] + i * (size_t) rows->dimension, found, &n_found);
			/* The majority decides; where there is none, the like are divided and nothing is flipped. */
			bool		chosen = 2 * n_positive > n_found;
			bool		refused = 2 * n_positive < n_found;

			CHECK_FOR_INTERRUPTS();
			flipped[0] += chosen && !rows->predicted[1][i];
			flipped[1] += refused && rows->predicted[1][i];
		}
		neighbours_free(tree);
	}
	nulls[0] = rows->n[0] == 0 || rows->n[1] == 0;
	values[0] = Float8GetDatum(nulls[0] ? 0 : ((double) flipped[0] - (double) flipped[1]) / (double) rows->n[1]);
	values[1] = Int64GetDatum(flipped[0]);
	values[2] = Int64GetDatum(flipped[1]);
	values[3] = Int64GetDatum((int64) rows->n[1]);
	values[4] = Int64GetDatum((int64) rows->n[0]);
	values[5] = CStringGetTextDatum(nulls[0] ? "undefined" : "ok");
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls)));
}

Datum
weir_consistency_final(PG_FUNCTION_ARGS)
{
	SimilarRows *rows = PG_ARGISNULL(0) ? NULL : (SimilarRows *) PG_GETARG_POINTER(0);
	NeighbourTree *tree;
	Neighbour  *found;
	double		sum = 0;

	if (rows == NULL || rows->n[0] == 0)
		PG_RETURN_NULL();
	tree = plant(rows);
	found = palloc(sizeof(Neighbour) * rows->n_neighbours);
	for (size_t i = 0; i < rows->n[0]; i++)
	{
		size_t		n_found;
		const double *point = rows->features[0] + i * (size_t) rows->dimension;
		double		n_positive = (double) positives_near(rows, tree, point, found, &n_found);

		CHECK_FOR_INTERRUPTS();
		sum += fabs((double) rows->predicted[0][i] - n_positive / (double) n_found);
	}
	neighbours_free(tree);
	PG_RETURN_FLOAT8(1 - sum / (double) rows->n[0]);
}
