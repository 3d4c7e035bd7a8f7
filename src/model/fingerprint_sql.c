/*
 * fingerprint_sql.c
 *		The aggregate fingerprint(record), the form of it that the planner puts in its place (fingerprint_plan.c), and both of its
 *		halves: row_fingerprint(record) and merge_fingerprints(text).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "model/fingerprint_plan.h"
#include "model/fingerprint_row.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(weir_fingerprint_transition);
PG_FUNCTION_INFO_V1(weir_fingerprint_slot_transition);
PG_FUNCTION_INFO_V1(weir_fingerprint_combine);
PG_FUNCTION_INFO_V1(weir_fingerprint_final);
PG_FUNCTION_INFO_V1(weir_row_fingerprint);
PG_FUNCTION_INFO_V1(weir_merge_fingerprints_transition);

/* The state, as bytea: so that workers and nodes can hand it on as it is. */
#define STATE_SIZE (VARHDRSZ + sizeof(Fingerprint))

#define TEXT_LENGTH 32

/* The state of the aggregate, or a new one that lives as long as the group. */
static inline bytea *
state_of(FunctionCallInfo fcinfo, Fingerprint *fingerprint)
{
	MemoryContext group = NULL;
	bytea	   *state;

	if ((PG_ARGISNULL(0) || fcinfo->context == NULL || !IsA(fcinfo->context, AggState)) && !AggCheckCallContext(fcinfo, &group))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("the steps of fingerprint are called by the aggregate only"),
				 errhint("Use weir.fingerprint(record).")));
	if (PG_ARGISNULL(0))
	{
		state = MemoryContextAllocZero(group, STATE_SIZE);
		SET_VARSIZE(state, STATE_SIZE);
		memset(fingerprint, 0, sizeof(*fingerprint));
		return state;
	}
	state = (bytea *) PG_GETARG_POINTER(0);
	if (!VARATT_IS_4B_U(state))
		state = PG_GETARG_BYTEA_P(0);
	if (VARSIZE(state) != STATE_SIZE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("damaged state of fingerprint")));
	memcpy(fingerprint, VARDATA(state), sizeof(*fingerprint));
	return state;
}

/* What is known of the rows' shape, kept from row to row: of records by type, of slots by descriptor and number of columns. */
typedef struct RowHasher
{
	Oid			type;
	int32		modifier;
	TupleDesc	columns_of;
	int			columns;
	RowShape   *shape;
} RowHasher;

static inline RowHasher *
row_hasher(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(RowHasher));
	return fcinfo->flinfo->fn_extra;
}

static void
set_shape(RowHasher *hasher, TupleDesc columns, MemoryContext memory)
{
	if (hasher->shape != NULL)
		row_shape_free(hasher->shape);
	hasher->shape = NULL;
	hasher->shape = row_shape_create(columns, memory);
}

static RowShape *
shape_of_record(FunctionCallInfo fcinfo, HeapTupleHeader record)
{
	RowHasher  *hasher = row_hasher(fcinfo);
	Oid			type = HeapTupleHeaderGetTypeId(record);
	int32		modifier = HeapTupleHeaderGetTypMod(record);

	if (hasher->shape == NULL || hasher->type != type || hasher->modifier != modifier)
	{
		TupleDesc	columns = lookup_rowtype_tupdesc(type, modifier);

		set_shape(hasher, columns, fcinfo->flinfo->fn_mcxt);
		hasher->type = type;
		hasher->modifier = modifier;
		ReleaseTupleDesc(columns);
	}
	return hasher->shape;
}

static void
add_argument(FunctionCallInfo fcinfo, int argument, Fingerprint *fingerprint)
{
	HeapTupleHeader record;

	if (PG_ARGISNULL(argument)) /* a row that an outer join did not find */
	{
		fingerprint_add_row(fingerprint, 0, &(uint64_t){PG_UINT64_MAX}, "", 0);
		return;
	}
	record = PG_GETARG_HEAPTUPLEHEADER(argument);
	fingerprint_add_record(fingerprint, shape_of_record(fcinfo, record), record);
	if ((Pointer) record != DatumGetPointer(PG_GETARG_DATUM(argument)))
		pfree(record);
}

Datum
weir_fingerprint_transition(PG_FUNCTION_ARGS)
{
	Fingerprint fingerprint;
	bytea	   *state = state_of(fcinfo, &fingerprint);

	add_argument(fcinfo, 1, &fingerprint);
	memcpy(VARDATA(state), &fingerprint, sizeof(fingerprint));
	PG_RETURN_BYTEA_P(state);
}

static void
refuse_use(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("weir._fingerprint_of_slot is for plans only"),
			 errhint("Use weir.fingerprint(record).")));
}

static bool
is_of_plan(const Aggref *aggregate)
{
	Expr	   *argument =
		aggregate != NULL && list_length(aggregate->args) == 1 ? linitial_node(TargetEntry, aggregate->args)->expr : NULL;

	return argument != NULL && IsA(argument, Const) && ((Const *) argument)->consttypmod == FINGERPRINT_SLOT_MARK;
}

static inline RowShape *
shape_of_slot(FunctionCallInfo fcinfo, TupleTableSlot *slot, int columns)
{
	RowHasher  *hasher = row_hasher(fcinfo);

	if (hasher->shape == NULL || hasher->columns_of != slot->tts_tupleDescriptor || hasher->columns != columns)
	{
		TupleDesc	of = slot->tts_tupleDescriptor;

		/* Only the plans made here carry the mark: a query that names the function would read columns that it may not. */
		if (columns < 0 || columns > of->natts || !is_of_plan(AggGetAggref(fcinfo)))
			refuse_use();
		if (columns < of->natts)
		{
			of = CreateTemplateTupleDesc(columns);
			for (int i = 1; i <= columns; i++)
				TupleDescCopyEntry(of, i, slot->tts_tupleDescriptor, i);
		}
		set_shape(hasher, of, fcinfo->flinfo->fn_mcxt);
		hasher->columns_of = slot->tts_tupleDescriptor;
		hasher->columns = columns;
	}
	return hasher->shape;
}

/* The row that is being aggregated, where it lies: no record is made of it. */
Datum
weir_fingerprint_slot_transition(PG_FUNCTION_ARGS)
{
	Fingerprint fingerprint;
	bytea	   *state = state_of(fcinfo, &fingerprint);
	TupleTableSlot *slot;

	if (!IsA(fcinfo->context, AggState) || PG_ARGISNULL(1))
		refuse_use();
	slot = ((AggState *) fcinfo->context)->tmpcontext->ecxt_outertuple;
	if (TupIsNull(slot))
		refuse_use();
	fingerprint_add_slot(&fingerprint, shape_of_slot(fcinfo, slot, PG_GETARG_INT32(1)), slot);
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

/* ---- as text: 32 hexadecimal digits, of no rows all zero ---- */

static void
write_digits(char *digits, uint64 number)
{
	for (int i = 0; i < 16; i++)
		digits[i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
}

static text *
fingerprint_text(Fingerprint fingerprint)
{
	char		digits[TEXT_LENGTH];

	write_digits(digits, fingerprint.high);
	write_digits(digits + 16, fingerprint.low);
	return cstring_to_text_with_len(digits, TEXT_LENGTH);
}

static bool
read_digits(const char *digits, uint64 *number)
{
	*number = 0;
	for (int i = 0; i < 16; i++)
	{
		char		digit = digits[i];

		if (digit >= '0' && digit <= '9')
			*number = *number << 4 | (uint64) (digit - '0');
		else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
			*number = *number << 4 | (uint64) ((digit | 0x20) - 'a' + 10);
		else
			return false;
	}
	return true;
}

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
	PG_RETURN_TEXT_P(fingerprint_text(fingerprint));
}

Datum
weir_row_fingerprint(PG_FUNCTION_ARGS)
{
	Fingerprint fingerprint = {0};

	add_argument(fcinfo, 0, &fingerprint);
	PG_RETURN_TEXT_P(fingerprint_text(fingerprint));
}

Datum
weir_merge_fingerprints_transition(PG_FUNCTION_ARGS)
{
	Fingerprint fingerprint;
	Fingerprint added;
	bytea	   *state = state_of(fcinfo, &fingerprint);
	text	   *digits;

	if (PG_ARGISNULL(1))
		PG_RETURN_BYTEA_P(state);
	digits = PG_GETARG_TEXT_PP(1);
	if (VARSIZE_ANY_EXHDR(digits) != TEXT_LENGTH || !read_digits(VARDATA_ANY(digits), &added.high) ||
		!read_digits(VARDATA_ANY(digits) + 16, &added.low))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("not a fingerprint: \"%s\"", text_to_cstring(digits)),
				 errhint("A fingerprint is 32 hexadecimal digits, as weir.fingerprint(record) returns them.")));
	fingerprint_add(&fingerprint, added);
	memcpy(VARDATA(state), &fingerprint, sizeof(fingerprint));
	PG_RETURN_BYTEA_P(state);
}
