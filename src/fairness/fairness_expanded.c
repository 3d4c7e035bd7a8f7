/*
 * fairness_expanded.c
 *		weir.fairness_table in memory: an expanded object around a FairnessTable.
 */
#include "postgres.h"

#include "base/memory.h"
#include "fairness/fairness_expanded.h"

#define EXPANDED_MAGIC 0x57464149 /* tells our expanded objects from those of other types */

typedef struct ExpandedFairness
{
	ExpandedObjectHeader header;
	int			magic;
	FairnessTable *table;
} ExpandedFairness;

static Size
flat_size(ExpandedObjectHeader *header)
{
	return VARHDRSZ + fairness_encoded_size(((ExpandedFairness *) header)->table);
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated_size)
{
	SET_VARSIZE(result, allocated_size);
	fairness_encode(((ExpandedFairness *) header)->table, (uint8_t *) VARDATA(result));
}

static const ExpandedObjectMethods methods = {flat_size, flatten_into};

static ExpandedFairness *
create_object(MemoryContext parent)
{
	MemoryContext context = object_memory(parent);
	ExpandedFairness *object = MemoryContextAllocZero(context, sizeof(ExpandedFairness));

	EOH_init_header(&object->header, &methods, context);
	object->magic = EXPANDED_MAGIC;
	return object;
}

Datum
fairness_expanded_create(MemoryContext parent, int n_columns)
{
	ExpandedFairness *object = create_object(parent);

	object->table = fairness_create(allocator_in(object->header.eoh_context), n_columns, FAIRNESS_DEFAULT_MAX_GROUPS);
	return EOHPGetRWDatum(&object->header);
}

Datum
fairness_expanded_copy(MemoryContext parent, Datum datum)
{
	ExpandedFairness *object = create_object(parent);

	object->table = fairness_from_datum(allocator_in(object->header.eoh_context), datum);
	return EOHPGetRWDatum(&object->header);
}

static ExpandedFairness *
object_of(Datum datum)
{
	ExpandedFairness *object = (ExpandedFairness *) DatumGetEOHP(datum);

	if (object->magic != EXPANDED_MAGIC)
		elog(ERROR, "expanded object is not a fairness table");
	return object;
}

FairnessTable *
fairness_expanded_writable(Datum datum)
{
	if (!VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(datum)))
		return NULL;
	return object_of(datum)->table;
}

const FairnessTable *
fairness_expanded_readable(Datum datum)
{
	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return NULL;
	return object_of(datum)->table;
}
