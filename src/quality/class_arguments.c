/*
 * class_arguments.c
 *		What aggregates over classes and their probabilities read.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "quality/class_arguments.h"
#include "quality/performance_datum.h"
#include "utils/array.h"
#include "utils/builtins.h"

const ClassReaders *
class_readers(FunctionCallInfo fcinfo)
{
	ClassReaders *reader = fcinfo->flinfo->fn_extra;

	if (reader != NULL)
		return reader;
	reader = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ClassReaders));
	for (int side = 0; side < 2; side++)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 1 + side);

		if (type == UNKNOWNOID)
			reader->sides[side].type = UNKNOWNOID;
		else if (!OidIsValid(type) || !value_reader_init(&reader->sides[side], type, SUMMARY_CATEGORY, fcinfo->flinfo->fn_mcxt))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("%s of type %s cannot be read here", side == 0 ? "label" : "prediction",
							OidIsValid(type) ? format_type_be(type) : "unknown"),
					 errhint("Cast it to text.")));
	}
	fcinfo->flinfo->fn_extra = reader;
	return reader;
}

char *
read_class_name(FunctionCallInfo fcinfo, const ValueReader *reader, int argument, size_t *length)
{
	char	   *text;

	*length = 0;
	if (PG_ARGISNULL(argument))
		return NULL;
	text = reader->type == UNKNOWNOID ? DatumGetCString(PG_GETARG_DATUM(argument))
									  : value_reader_text(reader, PG_GETARG_DATUM(argument));
	return performance_class_name(text, length);
}

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
