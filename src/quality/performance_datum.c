/*
 * performance_datum.c
 *		weir.performance in memory.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/distributions.h"
#include "base/memory.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "catalog/pg_type.h"
#include "quality/performance_datum.h"
#include "storage/shmem.h"
#include "summary/categories.h"
#include "utils/array.h"
#include "utils/timestamp.h"

typedef struct ExpandedPerformance
{
	ExpandedObjectHeader header;
	Performance *performance;
} ExpandedPerformance;

static Size
flat_size(ExpandedObjectHeader *header)
{
	return VARHDRSZ + performance_encoded_size(((ExpandedPerformance *) header)->performance);
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated_size)
{
	SET_VARSIZE(result, allocated_size);
	performance_encode(((ExpandedPerformance *) header)->performance, (uint8_t *) VARDATA(result));
}

static const ExpandedObjectMethods methods = {flat_size, flatten_into};

static ExpandedPerformance *
create_object(MemoryContext parent)
{
	MemoryContext context = object_memory(parent);
	ExpandedPerformance *object = MemoryContextAllocZero(context, sizeof(ExpandedPerformance));

	EOH_init_header(&object->header, &methods, context);
	return object;
}

Datum
performance_expanded_create(MemoryContext parent, PerformanceKind kind)
{
	ExpandedPerformance *object = create_object(parent);

	object->performance = performance_create(allocator_in(object->header.eoh_context), kind);
	return EOHPGetRWDatum(&object->header);
}

Datum
performance_expanded_copy(MemoryContext parent, Datum datum)
{
	ExpandedPerformance *object = create_object(parent);

	object->performance = performance_from_datum(allocator_in(object->header.eoh_context), datum);
	return EOHPGetRWDatum(&object->header);
}

static Performance *
object_of(Datum datum)
{
	ExpandedPerformance *object = (ExpandedPerformance *) DatumGetEOHP(datum);

	if (object->header.eoh_methods != &methods)
		elog(ERROR, "expanded object is not a performance");
	return object->performance;
}

Performance *
performance_writable(Datum datum)
{
	if (!VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(datum)))
		return NULL;
	return object_of(datum);
}

static Performance *
decode(Allocator allocator, Datum datum)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(datum);
	Performance *performance;

	performance_check_status(
		performance_decode(allocator, (const uint8_t *) VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat), &performance));
	if (PointerGetDatum(flat) != datum)
		pfree(flat);
	return performance;
}

const Performance *
performance_borrow(Datum datum)
{
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return object_of(datum);
	return decode(allocator_in(CurrentMemoryContext), datum);
}

Datum
performance_to_datum(const Performance *performance)
{
	Size		size = add_size(VARHDRSZ, performance_encoded_size(performance));
	struct varlena *result = palloc(size);

	SET_VARSIZE(result, size);
	performance_encode(performance, (uint8_t *) VARDATA(result));
	return PointerGetDatum(result);
}

Performance *
performance_from_datum(Allocator allocator, Datum datum)
{
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return performance_copy(allocator, object_of(datum));
	return decode(allocator, datum);
}

void
performance_check_status(PerformanceStatus status)
{
	switch (status)
	{
		case PERFORMANCE_OK: break;
		case PERFORMANCE_KIND_MISMATCH:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("performances of different kinds cannot be combined"),
					 errdetail("Each is of a binary model, of one with classes, or of a regression.")));
			break;
		case PERFORMANCE_CORRUPT:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid weir.performance"),
					 errdetail("The bytes are damaged, or were not written by this version of weir.")));
			break;
	}
}

double
performance_normal_of_confidence(double confidence)
{
	if (!(confidence > 0 && confidence < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("confidence must lie between 0 and 1"),
				 errhint("0.95 is usual.")));
	return -normal_quantile((1 - confidence) / 2);
}

Datum
performance_float_or_null(double value, bool *is_null)
{
	*is_null = isnan(value);
	return *is_null ? (Datum) 0 : Float8GetDatum(value);
}

char *
performance_class_name(char *text, size_t *length)
{
	char	   *shortened;

	*length = strlen(text);
	if (*length <= PERFORMANCE_MAX_CLASS_LENGTH)
		return text;
	shortened = psprintf("%.*s~%016llx", pg_mbcliplen(text, (int) *length, PERFORMANCE_MAX_CLASS_LENGTH - 17), text,
						 (unsigned long long) category_hash(text, *length));
	*length = strlen(shortened);
	return shortened;
}

double
performance_number(const ValueReader *reader, Datum value, bool is_null)
{
	double		number = is_null ? NAN : value_reader_number(reader, value);

	return reader->unit == SUMMARY_PLAIN ? number : number / USECS_PER_SEC;
}

double
performance_probability(Datum array_datum, bool is_null, int number)
{
	Datum		element;

	if (is_null)
		return NAN;
	element = array_get_element(array_datum, 1, &number, -1, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &is_null);
	return is_null ? NAN : DatumGetFloat8(element);
}

int
performance_class_of_derivation(const char *name, bool *of_choice)
{
	static const char *const formats[] = {"probability_%d_performance%n", "choice_%d_performance%n"};

	for (int i = 0; i < lengthof(formats); i++)
	{
		int			number = 0;
		int			length = 0;

		if (sscanf(name, formats[i], &number, &length) == 1 && length > 0 && name[length] == '\0' && number >= 1 &&
			number <= PERFORMANCE_MAX_CLASSES)
		{
			*of_choice = i == 1;
			return number;
		}
	}
	return 0;
}

bool
performance_kind_of_derivation(const char *name, PerformanceKind *kind)
{
	static const struct
	{
		const char *name;
		PerformanceKind kind;
	} derivations[] = {{"binary_performance", PERFORMANCE_BINARY},
					   {"decision_performance", PERFORMANCE_BINARY},
					   {"class_performance", PERFORMANCE_CLASS},
					   {"regression_performance", PERFORMANCE_REGRESSION}};
	bool		of_choice;

	if (performance_class_of_derivation(name, &of_choice) > 0)
	{
		*kind = PERFORMANCE_BINARY;
		return true;
	}
	for (int i = 0; i < lengthof(derivations); i++)
		if (strcmp(derivations[i].name, name) == 0)
		{
			*kind = derivations[i].kind;
			return true;
		}
	return false;
}
