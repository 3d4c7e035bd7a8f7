/*
 * vector_reader.c
 *		From the server's arrays, and the values of pgvector's type vector, to vectors of doubles.
 *
 * Reading runs inside logical decoding too: no catalog access.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/tupmacs.h"
#include "base/compat.h"
#include "catalog/dependency.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "summary/numeric_double.h"
#include "summary/summary_datum.h"
#include "summary/vector_reader.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* A value of pgvector's type vector, as it is stored. */
typedef struct StoredVector
{
	int32		header;			/* of every varlena */
	int16		dimension;
	int16		unused;
	float		elements[FLEXIBLE_ARRAY_MEMBER];
} StoredVector;

/* pgvector has no place of its own: its type is known by name and by the extension that it belongs to. */
static bool
is_pgvector(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	bool		named;

	if (!HeapTupleIsValid(tuple))
		return false;
	named = strcmp(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname), "vector") == 0;
	ReleaseSysCache(tuple);
	if (!named)
		return false;
	type = getExtensionOfObject(TypeRelationId, type);
	return OidIsValid(type) && type == get_extension_oid("vector", true);
}

bool
is_vector_type(Oid type)
{
	switch (type)
	{
		case FLOAT8ARRAYOID:
		case FLOAT4ARRAYOID:
		case INT2ARRAYOID:
		case INT4ARRAYOID:
		case INT8ARRAYOID:
		case NUMERICARRAYOID: return true;
		default: return type >= FirstNormalObjectId && is_pgvector(type);
	}
}

/* Where elements are put; grows to the largest vector seen. */
static double *
room_for(int dimension)
{
	static double *room = NULL;
	static int	capacity = 0;

	if (dimension > VECTOR_MAX_DIMENSION)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("vectors can have at most %d dimensions", VECTOR_MAX_DIMENSION),
				 errdetail("This one has %d.", dimension), errhint("Summarize a projection of them, or a part.")));
	if (dimension > capacity)
	{
		if (room != NULL)
			pfree(room);
		capacity = 0;
		room = MemoryContextAlloc(TopMemoryContext, sizeof(double) * (Size) dimension);
		capacity = dimension;
	}
	return room;
}

static double
element_value(Oid type, Datum value)
{
	switch (type)
	{
		case FLOAT8OID: return DatumGetFloat8(value);
		case FLOAT4OID: return (double) DatumGetFloat4(value);
		case INT2OID: return (double) DatumGetInt16(value);
		case INT4OID: return (double) DatumGetInt32(value);
		case INT8OID: return (double) DatumGetInt64(value);
		default: return numeric_to_double(value);
	}
}

static int
element_length(Oid type)
{
	switch (type)
	{
		case FLOAT8OID:
		case INT8OID: return 8;
		case FLOAT4OID:
		case INT4OID: return 4;
		case INT2OID: return 2;
		default: return -1;
	}
}

static double *
read_elements(ArrayType *array, int dimension)
{
	double	   *result = room_for(dimension);
	Oid			type = ARR_ELEMTYPE(array);
	int			length = element_length(type);
	char		alignment = length == 8 ? TYPALIGN_DOUBLE : length == 2 ? TYPALIGN_SHORT : TYPALIGN_INT;
	bool		by_value = length > 0;
	const char *next = ARR_DATA_PTR(array);
	const uint8 *bitmap = ARR_NULLBITMAP(array);

	if (bitmap == NULL && type == FLOAT8OID)
	{
		memcpy(result, next, sizeof(double) * (Size) dimension);
		return result;
	}
	for (int i = 0; i < dimension; i++)
	{
		if (bitmap != NULL && (bitmap[i / 8] & 1 << i % 8) == 0)
		{
			result[i] = NAN;
			continue;
		}
		next = (const char *) att_align_pointer(next, alignment, length, next);
		result[i] = element_value(type, fetch_att(next, by_value, length));
		next = att_addlength_pointer(next, length, next);
	}
	return result;
}

static const double *
read_array(Datum value, int *dimension, bool lenient)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	const double *result;

	if (lenient && (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] > VECTOR_MAX_DIMENSION))
	{
		if ((Pointer) array != DatumGetPointer(value))
			pfree(array);
		return NULL;
	}
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("a vector must be a one-dimensional array"),
				 errdetail("This array has %d dimensions.", ARR_NDIM(array))));
	if (ARR_NDIM(array) == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("a vector must have at least one element")));
	*dimension = ARR_DIMS(array)[0];
	result = read_elements(array, *dimension);
	if ((Pointer) array != DatumGetPointer(value))
		pfree(array);
	return result;
}

static const double *
read_pgvector(Datum value, int *dimension)
{
	StoredVector *stored = (StoredVector *) PG_DETOAST_DATUM(value);
	double	   *result;

	*dimension = stored->dimension;
	if (*dimension < 1 || VARSIZE(stored) != offsetof(StoredVector, elements) + sizeof(float) * (Size) *dimension)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("value of type vector is not stored as expected"),
				 errhint("Cast it to real[].")));
	result = room_for(*dimension);
	for (int i = 0; i < *dimension; i++)
		result[i] = (double) stored->elements[i];
	if ((Pointer) stored != DatumGetPointer(value))
		pfree(stored);
	return result;
}

const double *
read_vector(Oid type, Datum value, int *dimension)
{
	return type < FirstNormalObjectId ? read_array(value, dimension, false) : read_pgvector(value, dimension);
}

const double *
read_vector_if_any(Oid type, Datum value, int *dimension)
{
	return type < FirstNormalObjectId ? read_array(value, dimension, true) : read_pgvector(value, dimension);
}

static void
check_dimension(SummaryStatus status, int dimension, int others)
{
	if (status == SUMMARY_DIMENSION_MISMATCH)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("vector has %d dimensions, others summarized with it have %d", dimension, others),
				 errhint("One summary holds vectors of one dimension: group by the dimension, or filter.")));
}

void
add_vector(Summary *summary, Oid type, Datum value, bool remove)
{
	int			dimension;
	const double *vector = read_vector(type, value, &dimension);

	check_dimension(remove ? summary_remove_vector(summary, vector, dimension) : summary_add_vector(summary, vector, dimension),
					dimension, summary_vector_dimension(summary));
}

void
enter_vector(MovingSummary *moving, Oid type, Datum value)
{
	int			dimension;
	const double *vector = read_vector(type, value, &dimension);

	check_dimension(moving_add_vector(moving, vector, dimension), dimension, moving_dimension(moving));
}

bool
leave_vector(MovingSummary *moving, Oid type, Datum value)
{
	int			dimension;
	const double *vector = read_vector(type, value, &dimension);

	return moving_remove_vector(moving, vector, dimension);
}
