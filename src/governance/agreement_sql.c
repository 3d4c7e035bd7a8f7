/*
 * agreement_sql.c
 *		cohen_kappa, fleiss_kappa and krippendorff_alpha.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "governance/agreement.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

PG_FUNCTION_INFO_V1(weir_cohen_kappa);
PG_FUNCTION_INFO_V1(weir_fleiss_kappa);
PG_FUNCTION_INFO_V1(weir_krippendorff_alpha);

#define MAX_LABEL 256

typedef struct CategoryEntry
{
	char		label[MAX_LABEL];
	int32		number;
} CategoryEntry;

/* The number of a label, the next one when it is new. */
static int32
category_number(HTAB *categories, Datum label)
{
	char		key[MAX_LABEL] = {0};
	char	   *value = TextDatumGetCString(label);
	CategoryEntry *entry;
	bool		found;

	if (strlen(value) >= MAX_LABEL)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a label can have at most %d bytes", MAX_LABEL - 1)));
	strcpy(key, value);
	entry = hash_search(categories, key, HASH_ENTER, &found);
	if (!found)
		entry->number = (int32) hash_get_num_entries(categories) - 1;
	return entry->number;
}

Datum
weir_cohen_kappa(PG_FUNCTION_ARGS)
{
	HASHCTL		control = {.keysize = MAX_LABEL, .entrysize = sizeof(CategoryEntry), .hcxt = CurrentMemoryContext};
	HTAB	   *categories = hash_create("labels", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	Datum	   *values[2];
	bool	   *nulls[2];
	int			n[2];
	int32	   *numbers[2];
	int64		n_pairs = 0;
	double		kappa;

	for (int k = 0; k < 2; k++)
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(k), TEXTOID, -1, false, TYPALIGN_INT, &values[k], &nulls[k], &n[k]);
	if (n[0] != n[1])
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("two raters must have the same number of labels"),
				 errdetail("They have %d and %d.", n[0], n[1]), errhint("Write NULL where one has none.")));
	for (int k = 0; k < 2; k++)
		numbers[k] = palloc(sizeof(int32) * Max(n[0], 1));
	for (int i = 0; i < n[0]; i++)
	{
		if (nulls[0][i] || nulls[1][i])
			continue;
		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < 2; k++)
			numbers[k][n_pairs] = category_number(categories, values[k][i]);
		n_pairs++;
	}
	kappa = cohen_kappa(numbers[0], numbers[1], n_pairs, (int) hash_get_num_entries(categories),
						palloc(sizeof(int64) * 2 * Max(hash_get_num_entries(categories), 1)));
	hash_destroy(categories);
	if (isnan(kappa))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kappa);
}

/* Of counts of subjects by categories; NULL where agreement is not defined. */
static Datum
agreement_of_counts(FunctionCallInfo fcinfo, double (*agreement)(const int64_t *counts, int64_t n_subjects, int n_categories))
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int64	   *counts;
	double		value;

	if (ARR_NDIM(array) == 0)
		PG_RETURN_NULL();
	if (ARR_NDIM(array) != 2)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("counts must have two dimensions: subjects and categories"),
				 errhint("'{{3, 0}, {1, 2}}' are two subjects with three raters each.")));
	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, &n);
	counts = palloc(sizeof(int64) * n);
	for (int i = 0; i < n; i++)
	{
		counts[i] = nulls[i] ? 0 : DatumGetInt64(elements[i]);
		if (counts[i] < 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("counts must not be negative")));
	}
	value = agreement(counts, ARR_DIMS(array)[0], ARR_DIMS(array)[1]);
	if (isnan(value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}

Datum
weir_fleiss_kappa(PG_FUNCTION_ARGS)
{
	return agreement_of_counts(fcinfo, fleiss_kappa);
}

Datum
weir_krippendorff_alpha(PG_FUNCTION_ARGS)
{
	return agreement_of_counts(fcinfo, krippendorff_alpha);
}
