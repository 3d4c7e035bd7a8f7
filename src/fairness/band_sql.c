/*
 * band_sql.c
 *		weir.band: the class of a number between given edges, with its label.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_band);

/* What was made of the arrays last seen at this place of the query: they are constants as a rule. */
typedef struct Bands
{
	ArrayType  *edges_array;
	ArrayType  *labels_array;
	int			n_edges;
	double	   *edges;
	text	  **labels;			/* one more than edges */
} Bands;

static bool
same_array(const ArrayType *a, const ArrayType *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static ArrayType *
copy_array(const ArrayType *array)
{
	ArrayType  *copy;

	if (array == NULL)
		return NULL;
	copy = palloc(VARSIZE(array));
	memcpy(copy, array, VARSIZE(array));
	return copy;
}

static char *
number_text(double number)
{
	char	   *text = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);

	double_to_shortest_decimal_buf(number + 0.0, text);
	return text;
}

static text *
own_label(const Bands *bands, int band)
{
	bool		any_negative = bands->edges[0] < 0;

	if (band == 0)
		return cstring_to_text(psprintf("<%s", number_text(bands->edges[0])));
	if (band == bands->n_edges)
		return cstring_to_text(psprintf(">=%s", number_text(bands->edges[band - 1])));
	return cstring_to_text(
		psprintf("%s%s%s", number_text(bands->edges[band - 1]), any_negative ? " to " : "-", number_text(bands->edges[band])));
}

static void
read_labels(Bands *bands, ArrayType *array)
{
	Datum	   *elements = NULL;
	bool	   *nulls = NULL;
	int			n = 0;

	if (array != NULL)
	{
		deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
		if (n != bands->n_edges + 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%d edges make %d bands, but there are %d labels", bands->n_edges, bands->n_edges + 1, n)));
	}
	for (int i = 0; i <= bands->n_edges; i++)
	{
		if (array != NULL && nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a band's label must not be null")));
		bands->labels[i] = array != NULL ? (text *) PG_DETOAST_DATUM_COPY(elements[i]) : own_label(bands, i);
	}
}

static Bands *
read_bands(ArrayType *edges, ArrayType *labels)
{
	Bands	   *bands = palloc0(sizeof(Bands));
	Datum	   *elements;
	bool	   *nulls;

	deconstruct_array(edges, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, &bands->n_edges);
	if (bands->n_edges == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there must be at least one edge")));
	bands->edges = palloc(mul_size(sizeof(double), bands->n_edges));
	bands->labels = palloc(mul_size(sizeof(text *), bands->n_edges + 1));
	for (int i = 0; i < bands->n_edges; i++)
	{
		bands->edges[i] = nulls[i] ? NAN : DatumGetFloat8(elements[i]);
		if (!isfinite(bands->edges[i]) || (i > 0 && !(bands->edges[i] > bands->edges[i - 1])))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("edges must be finite numbers in ascending order")));
	}
	read_labels(bands, labels);
	bands->edges_array = copy_array(edges);
	bands->labels_array = copy_array(labels);
	return bands;
}

Datum
weir_band(PG_FUNCTION_ARGS)
{
	Bands	   *bands = fcinfo->flinfo->fn_extra;
	ArrayType  *edges;
	ArrayType  *labels;
	double		value;
	int			low = 0;
	int			high;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	value = PG_GETARG_FLOAT8(0);
	if (isnan(value))
		PG_RETURN_NULL();
	edges = PG_GETARG_ARRAYTYPE_P(1);
	labels = PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2);
	if (bands == NULL || !same_array(bands->edges_array, edges) || !same_array(bands->labels_array, labels))
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		fcinfo->flinfo->fn_extra = bands = read_bands(edges, labels);
		MemoryContextSwitchTo(old);
	}
	/* The number of edges at or below it. */
	high = bands->n_edges;
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (bands->edges[middle] <= value)
			low = middle + 1;
		else
			high = middle;
	}
	PG_RETURN_TEXT_P(bands->labels[low]);
}
