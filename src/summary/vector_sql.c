/*
 * vector_sql.c
 *		What a summary of vectors says, in SQL.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/memory.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "summary/summary_datum.h"
#include "summary/summary_object.h"
#include "summary/summary_vector.h"
#include "utils/array.h"

PG_FUNCTION_INFO_V1(weir_vector_dimension);
PG_FUNCTION_INFO_V1(weir_vector_mean);
PG_FUNCTION_INFO_V1(weir_vector_variance);
PG_FUNCTION_INFO_V1(weir_vector_covariance);
PG_FUNCTION_INFO_V1(weir_vector_embedding);
PG_FUNCTION_INFO_V1(weir_vector_norms);
PG_FUNCTION_INFO_V1(weir_vector_distance);

static const Summary *
vector_summary(Datum datum)
{
	const Summary *summary = summary_borrow(datum);

	if (summary_kind(summary) != SUMMARY_VECTOR)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("summary is not of vectors"),
				 errhint("weir.summarize of an array of numbers, or of a pgvector, is.")));
	return summary;
}

static Datum
float8_array(const double *values, int n)
{
	ArrayType  *array = construct_empty_array(FLOAT8OID);
	Size		size = ARR_OVERHEAD_NONULLS(1) + sizeof(float8) * (Size) n;

	if (n == 0)
		return PointerGetDatum(array);
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = FLOAT8OID;
	ARR_DIMS(array)[0] = n;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), values, sizeof(float8) * (Size) n);
	return PointerGetDatum(array);
}

Datum
weir_vector_dimension(PG_FUNCTION_ARGS)
{
	int			dimension = summary_vector_dimension(vector_summary(PG_GETARG_DATUM(0)));

	if (dimension == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(dimension);
}

Datum
weir_vector_mean(PG_FUNCTION_ARGS)
{
	const Summary *summary = vector_summary(PG_GETARG_DATUM(0));
	int			dimension = summary_vector_dimension(summary);
	double	   *mean = palloc(sizeof(double) * (Size) Max(dimension, 1));

	if (!summary_vector_mean(summary, mean))
		PG_RETURN_NULL();
	return float8_array(mean, dimension);
}

Datum
weir_vector_variance(PG_FUNCTION_ARGS)
{
	const Summary *summary = vector_summary(PG_GETARG_DATUM(0));
	int			dimension = summary_vector_dimension(summary);
	double	   *variance = palloc(sizeof(double) * (Size) Max(dimension, 1));

	if (summary_vector_count(summary) < 2)
		PG_RETURN_NULL();
	for (int i = 0; i < dimension; i++)
		(void) summary_vector_covariance(summary, i, i, &variance[i]);
	return float8_array(variance, dimension);
}

Datum
weir_vector_covariance(PG_FUNCTION_ARGS)
{
	const Summary *summary = vector_summary(PG_GETARG_DATUM(0));
	int			dimension = summary_vector_dimension(summary);
	ArrayType  *array;
	double	   *next;
	Size		size = ARR_OVERHEAD_NONULLS(2) + sizeof(float8) * (Size) dimension * (Size) dimension;

	if (summary_vector_count(summary) < 2 || !summary_vector_has_covariance(summary))
		PG_RETURN_NULL();
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 2;
	array->elemtype = FLOAT8OID;
	for (int i = 0; i < 2; i++)
	{
		ARR_DIMS(array)[i] = dimension;
		ARR_LBOUND(array)[i] = 1;
	}
	next = (double *) ARR_DATA_PTR(array);
	for (int i = 0; i < dimension; i++)
		for (int j = 0; j < dimension; j++)
			(void) summary_vector_covariance(summary, i, j, next++);
	PG_RETURN_ARRAYTYPE_P(array);
}

Datum
weir_vector_embedding(PG_FUNCTION_ARGS)
{
	double		embedding[VECTOR_EMBEDDING_SIZE];

	if (!summary_vector_embedding(vector_summary(PG_GETARG_DATUM(0)), embedding))
		PG_RETURN_NULL();
	return float8_array(embedding, VECTOR_EMBEDDING_SIZE);
}

Datum
weir_vector_norms(PG_FUNCTION_ARGS)
{
	return summary_to_datum(summary_vector_norms(allocator_in(CurrentMemoryContext), vector_summary(PG_GETARG_DATUM(0))));
}

Datum
weir_vector_distance(PG_FUNCTION_ARGS)
{
	const Summary *a = vector_summary(PG_GETARG_DATUM(0));
	const Summary *b = vector_summary(PG_GETARG_DATUM(1));
	int			dimension_a = summary_vector_dimension(a);
	int			dimension_b = summary_vector_dimension(b);
	double		squared;

	if (dimension_a != 0 && dimension_b != 0 && dimension_a != dimension_b)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("vectors of %d and of %d dimensions cannot be compared", dimension_a, dimension_b)));
	if (!summary_vector_distance_squared(a, b, &squared))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(sqrt(squared));
}
