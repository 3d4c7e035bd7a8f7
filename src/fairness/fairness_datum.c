/*
 * fairness_datum.c
 *		Between the server's values and fairness tables.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fairness/fairness_datum.h"
#include "fairness/fairness_expanded.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

static bool
is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
}

/*
 * A boolean or a 0/1 number beside a category that is read by its text stays what it is: 'yes' is not what it calls positive.
 * Only 'true' or 'false' speak of a boolean, only a number of a number.
 */
static bool
speaks_of(const char *positive, Oid type)
{
	char	   *end;

	if (type == BOOLOID)
		return strcmp(positive, "true") == 0 || strcmp(positive, "false") == 0;
	if (!is_number(type))
		return true;
	(void) strtod(positive, &end);
	return end != positive && *end == '\0';
}

bool
outcome_reader_init(OutcomeReader *reader, Oid type, const char *positive, MemoryContext context)
{
	memset(reader, 0, sizeof(OutcomeReader));
	if (value_reader_init(&reader->value, type, SUMMARY_NUMERIC, context))
	{
		if (positive != NULL && !speaks_of(positive, reader->value.base_type))
			positive = NULL;
		if (positive == NULL)
			return reader->value.base_type == BOOLOID || is_number(reader->value.base_type);
	}
	if (positive == NULL || !value_reader_init(&reader->value, type, SUMMARY_CATEGORY, context))
		return false;
	reader->positive = MemoryContextStrdup(context, positive);
	return true;
}

static Outcome
outcome_of_number(double number, bool *valid)
{
	*valid = number == 0 || number == 1;
	return number == 0 ? OUTCOME_NEGATIVE : number == 1 ? OUTCOME_POSITIVE : OUTCOME_UNKNOWN;
}

Outcome
outcome_reader_read(const OutcomeReader *reader, Datum value, bool is_null, bool *valid)
{
	*valid = true;
	if (is_null)
		return OUTCOME_UNKNOWN;
	if (reader->positive != NULL)
	{
		char	   *text = value_reader_text(&reader->value, value);
		bool		positive = strcmp(text, reader->positive) == 0;

		pfree(text);
		return positive ? OUTCOME_POSITIVE : OUTCOME_NEGATIVE;
	}
	switch (reader->value.base_type)
	{
		case BOOLOID: return DatumGetBool(value) ? OUTCOME_POSITIVE : OUTCOME_NEGATIVE;
		case INT2OID: return outcome_of_number(DatumGetInt16(value), valid);
		case INT4OID: return outcome_of_number(DatumGetInt32(value), valid);
		case INT8OID: return outcome_of_number((double) DatumGetInt64(value), valid);
		case FLOAT4OID: return outcome_of_number(DatumGetFloat4(value), valid);
		case FLOAT8OID: return outcome_of_number(DatumGetFloat8(value), valid);
		case NUMERICOID: return outcome_of_number(DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value)), valid);
		default: elog(ERROR, "type %u is not an outcome", reader->value.base_type);
	}
	return OUTCOME_UNKNOWN;
}

Datum
fairness_to_datum(const FairnessTable *table)
{
	Size		size = add_size(VARHDRSZ, fairness_encoded_size(table));
	struct varlena *result = palloc(size);

	SET_VARSIZE(result, size);
	fairness_encode(table, (uint8_t *) VARDATA(result));
	return PointerGetDatum(result);
}

FairnessTable *
fairness_from_datum(Allocator allocator, Datum datum)
{
	const FairnessTable *expanded = fairness_expanded_readable(datum);
	struct varlena *flat;
	FairnessTable *table;

	if (expanded != NULL)
		return fairness_copy(allocator, expanded);
	flat = PG_DETOAST_DATUM_PACKED(datum);
	fairness_check_status(fairness_decode(allocator, (const uint8_t *) VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat), &table));
	if (PointerGetDatum(flat) != datum)
		pfree(flat);
	return table;
}

void
fairness_check_status(FairnessStatus status)
{
	switch (status)
	{
		case FAIRNESS_OK: break;
		case FAIRNESS_CORRUPT:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid fairness table"),
					 errdetail("The bytes are not those of a fairness table, or its counts come to more than 2^53.")));
			break;
		case FAIRNESS_TOO_MANY_GROUPS:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many fairness groups"),
					 errdetail("A fairness table holds at most %d groups, and %d MB of their names.", FAIRNESS_DEFAULT_MAX_GROUPS,
							   FAIRNESS_MAX_KEY_BYTES / (1024 * 1024)),
					 errhint("Group by columns with few values; put numbers into classes with width_bucket.")));
			break;
		case FAIRNESS_COLUMNS_DIFFER:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("fairness tables of different numbers of group columns cannot be combined")));
			break;
	}
}
