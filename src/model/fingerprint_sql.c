/*
 * fingerprint_sql.c
 *		The aggregate fingerprint(record).
 *
 * What is hashed of a value is its bytes without header and padding; of types whose bytes hold numbers of this database's catalog
 * (enums, composites, names of objects, arrays of those) and of types that are no part of PostgreSQL, it is the text.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "model/fingerprint.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(weir_fingerprint_transition);
PG_FUNCTION_INFO_V1(weir_fingerprint_combine);
PG_FUNCTION_INFO_V1(weir_fingerprint_final);

/* The state, as bytea: so that workers and nodes can hand it on as it is. */
#define STATE_SIZE (VARHDRSZ + sizeof(Fingerprint))

typedef enum ColumnForm
{
	COLUMN_WORD,				/* passed by value */
	COLUMN_FIXED,
	COLUMN_BYTES,
	COLUMN_CSTRING,
	COLUMN_TEXT,
	COLUMN_DROPPED
} ColumnForm;

typedef struct ColumnHasher
{
	ColumnForm	form;
	int			length;
	FmgrInfo	output;			/* of COLUMN_TEXT */
} ColumnHasher;

/* What is known of the records' type, kept from row to row. */
typedef struct RecordHasher
{
	Oid			type;
	int32		modifier;
	TupleDesc	shape;
	ColumnHasher *columns;
	Datum	   *values;
	bool	   *nulls;
	MemoryContext memory;		/* of one row's texts and detoasted values */
	MemoryContext own;
} RecordHasher;

/* Whether the bytes of the type mean the same in every database. */
static bool
bytes_are_portable(Oid type)
{
	Oid			element;

	switch (type)
	{
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGCLASSOID:
		case REGTYPEOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case REGROLEOID:
		case REGNAMESPACEOID:
		case REGCOLLATIONOID:
		case ACLITEMOID:
		case RECORDOID:
		case RECORDARRAYOID: return false;
	}
	if (type >= FirstNormalObjectId || type_is_rowtype(type))
		return false;
	element = get_element_type(type);
	return !OidIsValid(element) || bytes_are_portable(element);
}

static void
describe_column(ColumnHasher *column, Form_pg_attribute attribute, MemoryContext memory)
{
	Oid			type;
	Oid			function;
	bool		is_varlena;

	if (attribute->attisdropped)
	{
		column->form = COLUMN_DROPPED;
		return;
	}
	type = getBaseType(attribute->atttypid);
	if (!bytes_are_portable(type))
	{
		getTypeOutputInfo(type, &function, &is_varlena);
		fmgr_info_cxt(function, &column->output, memory);
		column->form = COLUMN_TEXT;
	}
	else if (attribute->attbyval)
		column->form = COLUMN_WORD;
	else if (attribute->attlen == -1)
		column->form = COLUMN_BYTES;
	else if (attribute->attlen == -2)
		column->form = COLUMN_CSTRING;
	else
	{
		column->form = COLUMN_FIXED;
		column->length = attribute->attlen;
	}
}

static void
describe_record(RecordHasher *hasher, Oid type, int32 modifier)
{
	MemoryContext old;
	TupleDesc	shape = lookup_rowtype_tupdesc(type, modifier);

	MemoryContextReset(hasher->own);
	old = MemoryContextSwitchTo(hasher->own);
	hasher->type = type;
	hasher->modifier = modifier;
	hasher->shape = CreateTupleDescCopyConstr(shape);
	hasher->columns = palloc0(sizeof(ColumnHasher) * Max(shape->natts, 1));
	hasher->values = palloc(sizeof(Datum) * Max(shape->natts, 1));
	hasher->nulls = palloc(sizeof(bool) * Max(shape->natts, 1));
	for (int i = 0; i < shape->natts; i++)
		describe_column(&hasher->columns[i], TupleDescAttr(shape, i), hasher->own);
	MemoryContextSwitchTo(old);
	ReleaseTupleDesc(shape);
}

static RecordHasher *
record_hasher(FunctionCallInfo fcinfo, HeapTupleHeader record)
{
	RecordHasher *hasher = fcinfo->flinfo->fn_extra;
	Oid			type = HeapTupleHeaderGetTypeId(record);
	int32		modifier = HeapTupleHeaderGetTypMod(record);

	if (hasher == NULL)
	{
		hasher = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(RecordHasher));
		hasher->own = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "weir fingerprint", ALLOCSET_SMALL_SIZES);
		hasher->memory = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "weir fingerprint of a row", ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = hasher;
	}
	if (hasher->type != type || hasher->modifier != modifier)
		describe_record(hasher, type, modifier);
	return hasher;
}

static bool
hash_column(RowHash *hash, ColumnHasher *column, Datum value)
{
	struct varlena *bytes;

	switch (column->form)
	{
		case COLUMN_WORD: row_hash_word(hash, (uint64) value); return false;
		case COLUMN_FIXED: row_hash_bytes(hash, DatumGetPointer(value), column->length); return false;
		case COLUMN_BYTES:
			bytes = pg_detoast_datum_packed((struct varlena *) DatumGetPointer(value));
			row_hash_bytes(hash, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
			return (Pointer) bytes != DatumGetPointer(value);
		case COLUMN_CSTRING: row_hash_bytes(hash, DatumGetCString(value), strlen(DatumGetCString(value))); return false;
		case COLUMN_TEXT:
		{
			char	   *text = OutputFunctionCall(&column->output, value);

			row_hash_bytes(hash, text, strlen(text));
			return true;
		}
		case COLUMN_DROPPED: break;
	}
	return false;
}

/* Which columns are NULL comes first, then those that are not. */
static void
hash_row(RecordHasher *hasher, HeapTupleHeader record, RowHash *hash)
{
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(record), .t_data = record};
	int			n = hasher->shape->natts;
	int			n_live = 0;
	uint64		nulls = 0;
	bool		allocated = false;
	MemoryContext old;

	heap_deform_tuple(&tuple, hasher->shape, hasher->values, hasher->nulls);
	old = MemoryContextSwitchTo(hasher->memory);
	row_hash_begin(hash);
	for (int i = 0; i < n; i++)
	{
		if (hasher->columns[i].form == COLUMN_DROPPED)
			continue;
		nulls |= (uint64) hasher->nulls[i] << (n_live % 64);
		if (++n_live % 64 == 0)
		{
			row_hash_word(hash, nulls);
			nulls = 0;
		}
	}
	row_hash_word(hash, nulls);
	for (int i = 0; i < n; i++)
		if (!hasher->nulls[i])
			allocated |= hash_column(hash, &hasher->columns[i], hasher->values[i]);
	MemoryContextSwitchTo(old);
	if (allocated)
		MemoryContextReset(hasher->memory);
}

/* The state of the aggregate, or a new one that lives as long as the group. */
static bytea *
state_of(FunctionCallInfo fcinfo, Fingerprint *fingerprint)
{
	MemoryContext group;
	bytea	   *state;

	if (!AggCheckCallContext(fcinfo, &group))
		elog(ERROR, "the steps of fingerprint are called by the aggregate only");
	if (PG_ARGISNULL(0))
	{
		state = MemoryContextAllocZero(group, STATE_SIZE);
		SET_VARSIZE(state, STATE_SIZE);
		memset(fingerprint, 0, sizeof(*fingerprint));
		return state;
	}
	state = PG_GETARG_BYTEA_P(0);
	if (VARSIZE(state) != STATE_SIZE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("damaged state of fingerprint")));
	memcpy(fingerprint, VARDATA(state), sizeof(*fingerprint));
	return state;
}

Datum
weir_fingerprint_transition(PG_FUNCTION_ARGS)
{
	Fingerprint fingerprint;
	bytea	   *state = state_of(fcinfo, &fingerprint);
	RowHash		hash;

	if (PG_ARGISNULL(1))		/* a row that an outer join did not find */
	{
		row_hash_begin(&hash);
		row_hash_word(&hash, PG_UINT64_MAX);
	}
	else
	{
		HeapTupleHeader record = PG_GETARG_HEAPTUPLEHEADER(1);

		hash_row(record_hasher(fcinfo, record), record, &hash);
		if ((Pointer) record != DatumGetPointer(PG_GETARG_DATUM(1)))
			pfree(record);
	}
	fingerprint_add_row(&fingerprint, &hash);
	memcpy(VARDATA(state), &fingerprint, sizeof(fingerprint));
	PG_RETURN_BYTEA_P(state);
}

Datum
weir_fingerprint_combine(PG_FUNCTION_ARGS)
{
	Fingerprint fingerprint;
	Fingerprint other;
	bytea	   *state = state_of(fcinfo, &fingerprint);

	if (!PG_ARGISNULL(1))
	{
		bytea	   *added = PG_GETARG_BYTEA_PP(1);

		if (VARSIZE_ANY_EXHDR(added) != sizeof(other))
			ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("damaged state of fingerprint")));
		memcpy(&other, VARDATA_ANY(added), sizeof(other));
		fingerprint_add(&fingerprint, other);
		memcpy(VARDATA(state), &fingerprint, sizeof(fingerprint));
	}
	PG_RETURN_BYTEA_P(state);
}

/* 32 hexadecimal digits; of no rows all zero. */
Datum
weir_fingerprint_final(PG_FUNCTION_ARGS)
{
	Fingerprint fingerprint = {0};

	if (!PG_ARGISNULL(0))
	{
		bytea	   *state = PG_GETARG_BYTEA_PP(0);

		if (VARSIZE_ANY_EXHDR(state) != sizeof(fingerprint))
			ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("damaged state of fingerprint")));
		memcpy(&fingerprint, VARDATA_ANY(state), sizeof(fingerprint));
	}
	PG_RETURN_TEXT_P(
		cstring_to_text(psprintf("%016llx%016llx", (unsigned long long) fingerprint.high, (unsigned long long) fingerprint.low)));
}
