/*
 * class_arguments.c
 *		What aggregates over probabilities of classes read.
 */
#include "postgres.h"

#include "quality/class_arguments.h"
#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/builtins.h"

const ValueReader *
class_reader(FunctionCallInfo fcinfo, const char *what)
{
	ValueReader *reader = fcinfo->flinfo->fn_extra;
	Oid			type;

	if (reader != NULL)
		return reader;
	type = get_fn_expr_argtype(fcinfo->flinfo, 1);
	reader = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ValueReader));
	if (!OidIsValid(type) || type == UNKNOWNOID || !value_reader_init(reader, type, SUMMARY_CATEGORY, fcinfo->flinfo->fn_mcxt))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("%s cannot be read as a class", what), errhint("Cast it to text.")));
	fcinfo->flinfo->fn_extra = reader;
	return reader;
}

int
class_of(char *const *names, int n_classes, const char *bytes, size_t length, const char *what)
{
	for (int i = 0; i < n_classes; i++)
		if (strlen(names[i]) == length && memcmp(names[i], bytes, length) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s \"%.*s\" is none of the classes", what, (int) Min(length, 200), bytes)));
	return -1;					/* not reached */
}

bool
read_probabilities(FunctionCallInfo fcinfo, int argument, int n_classes, double *raw)
{
	ArrayType  *array;

	if (PG_ARGISNULL(argument))
		return false;
	array = PG_GETARG_ARRAYTYPE_P(argument);
	if (array_contains_nulls(array))
		return false;
	if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != n_classes)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there must be %d probabilities, one per class", n_classes),
				 errdetail("They are in the order of the classes.")));
	memcpy(raw, ARR_DATA_PTR(array), sizeof(double) * n_classes);
	for (int i = 0; i < n_classes; i++)
		if (!(raw[i] >= 0 && raw[i] <= 1))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a probability lies outside [0, 1]")));
	return true;
}

void
check_same_classes(char *const *a, int n_a, char *const *b, int n_b)
{
	for (int i = 0; i < n_a; i++)
		if (n_a != n_b || strcmp(a[i], b[i]) != 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the classes must be the same for all rows")));
}
