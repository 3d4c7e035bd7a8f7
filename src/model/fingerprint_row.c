/*
 * fingerprint_row.c
 *		Rows as bytes: where they lie so already, and made so.
 */
#include "postgres.h"

#include "model/fingerprint_row.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define PREFETCH_ROWS 3

typedef enum ColumnForm
{
	COLUMN_WORD,				/* passed by value */
	COLUMN_FIXED,
	COLUMN_BYTES,
	COLUMN_TEXT,
	COLUMN_DROPPED
} ColumnForm;

typedef struct Column
{
	FmgrInfo   *output;			/* of COLUMN_TEXT */
	int16		length;
	uint8		alignment;		/* in bytes */
	uint8		form;			/* a ColumnForm */
} Column;

struct RowShape
{
	TupleDesc	columns_of;
	Column	   *columns;
	int			n;				/* columns, and */
	int			n_live;			/* those that were not dropped */
	bool		lies_so;		/* tuples of this machine may have the bytes wanted */
	int			n_fixed;		/* the first columns, of fixed length, and */
	int			fixed_length;	/* where they end when none is NULL */
	uint64	   *nulls;			/* of a row, by live column */
	uint64	   *no_nulls;
	Datum	   *values;
	bool	   *is_null;
	StringInfoData row;			/* the bytes made */
	MemoryContext memory;		/* of one row's texts and detoasted values */
	MemoryContext own;
};

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

static int
alignment_of(char align)
{
	switch (align)
	{
		case TYPALIGN_CHAR: return 1;
		case TYPALIGN_SHORT: return 2;
		case TYPALIGN_INT: return 4;
		default: return 8;
	}
}

static void
describe_column(Column *column, Form_pg_attribute attribute, MemoryContext memory)
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
	column->length = attribute->attlen;
	column->alignment = alignment_of(attribute->attalign);
	if (!bytes_are_portable(type) || attribute->attlen == -2)
	{
		getTypeOutputInfo(type, &function, &is_varlena);
		column->output = MemoryContextAlloc(memory, sizeof(FmgrInfo));
		fmgr_info_cxt(function, column->output, memory);
		column->form = COLUMN_TEXT;
		column->length = -1;
		column->alignment = 4;
	}
	else if (attribute->attbyval)
		column->form = COLUMN_WORD;
	else
		column->form = attribute->attlen == -1 ? COLUMN_BYTES : COLUMN_FIXED;
}

RowShape *
row_shape_create(TupleDesc columns, MemoryContext parent)
{
	MemoryContext own = AllocSetContextCreate(parent, "weir fingerprint", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);
	RowShape   *shape = palloc0(sizeof(RowShape));

	shape->own = own;
	shape->memory = AllocSetContextCreate(own, "weir fingerprint of a row", ALLOCSET_DEFAULT_SIZES);
	shape->columns_of = CreateTupleDescCopyConstr(columns);
	shape->n = columns->natts;
	shape->columns = palloc0(sizeof(Column) * Max(shape->n, 1));
	shape->values = palloc(sizeof(Datum) * Max(shape->n, 1));
	shape->is_null = palloc(sizeof(bool) * Max(shape->n, 1));
	shape->nulls = palloc0(sizeof(uint64) * (shape->n / 64 + 1));
	shape->no_nulls = palloc0(sizeof(uint64) * (shape->n / 64 + 1));
	initStringInfo(&shape->row);
#if !defined(WORDS_BIGENDIAN) && ALIGNOF_DOUBLE == 8
	shape->lies_so = true;
#endif
	for (int i = 0; i < shape->n; i++)
	{
		Column	   *column = &shape->columns[i];

		describe_column(column, TupleDescAttr(columns, i), own);
		shape->n_live += column->form != COLUMN_DROPPED;
		shape->lies_so &= column->form != COLUMN_DROPPED && column->form != COLUMN_TEXT;
		if (shape->n_fixed == i && (column->form == COLUMN_WORD || column->form == COLUMN_FIXED))
		{
			shape->fixed_length = TYPEALIGN(column->alignment, shape->fixed_length) + column->length;
			shape->n_fixed++;
		}
	}
	MemoryContextSwitchTo(old);
	return shape;
}

void
row_shape_free(RowShape *shape)
{
	MemoryContextDelete(shape->own);
}

/* ---- rows whose bytes are as wanted ---- */

/* Where the columns of a tuple end, or -1 when they do not lie as wanted. nulls: of the tuple, a bit that is not set for each NULL.
 */
static inline int64
find_end(const RowShape *shape, const char *data, const uint8 *nulls)
{
	int64		end = nulls == NULL ? shape->fixed_length : 0;

	for (int i = nulls == NULL ? shape->n_fixed : 0; i < shape->n; i++)
	{
		const Column *column = &shape->columns[i];

		if (nulls != NULL && att_isnull(i, nulls))
			continue;
		if (column->form != COLUMN_BYTES)
			end = TYPEALIGN(column->alignment, end) + column->length;
		else if (VARATT_IS_1B(data + end))
		{
			if (VARATT_IS_1B_E(data + end))
				return -1;
			end += VARSIZE_1B(data + end);
		}
		else
		{
			end = TYPEALIGN(column->alignment, end);
			if (!VARATT_IS_4B_U(data + end) || VARATT_CAN_MAKE_SHORT(data + end))
				return -1;
			end += VARSIZE_4B(data + end);
		}
	}
	return end;
}

static inline bool
add_as_it_lies(Fingerprint *fingerprint, RowShape *shape, HeapTupleHeader tuple)
{
	const char *data = (const char *) tuple + tuple->t_hoff;
	const uint8 *nulls = (tuple->t_infomask & HEAP_HASNULL) ? tuple->t_bits : NULL;
	int64		end;

	if (!shape->lies_so || (int) HeapTupleHeaderGetNatts(tuple) < shape->n)
		return false;
	end = find_end(shape, data, nulls);
	if (end < 0)
		return false;
	if (nulls != NULL)
	{
		memset(shape->nulls, 0, sizeof(uint64) * (shape->n / 64 + 1));
		for (int i = 0; i < shape->n; i++)
			shape->nulls[i / 64] |= (uint64) att_isnull(i, nulls) << (i % 64);
	}
	fingerprint_add_row(fingerprint, shape->n, nulls == NULL ? shape->no_nulls : shape->nulls, data, end);
	return true;
}

/* ---- rows whose bytes are made ---- */

static void
pad(StringInfo row, int alignment)
{
	while (row->len % alignment != 0)
		appendStringInfoCharMacro(row, '\0');
}

static void
append_variable(StringInfo row, const char *bytes, Size length, int alignment)
{
	if (length + VARHDRSZ_SHORT <= VARATT_SHORT_MAX)
		appendStringInfoCharMacro(row, (char) ((length + VARHDRSZ_SHORT) << 1 | 1));
	else
	{
		uint32		size = (uint32) (length + VARHDRSZ) << 2;

		pad(row, alignment);
		for (int i = 0; i < 4; i++)
			appendStringInfoCharMacro(row, (char) (size >> 8 * i));
	}
	appendBinaryStringInfo(row, bytes, length);
}

static void
append_value(StringInfo row, Column *column, Datum value)
{
	switch ((ColumnForm) column->form)
	{
		case COLUMN_WORD:
			pad(row, column->alignment);
			for (int i = 0; i < column->length; i++)
				appendStringInfoCharMacro(row, (char) ((uint64) value >> 8 * i));
			break;
		case COLUMN_FIXED:
			pad(row, column->alignment);
			appendBinaryStringInfo(row, DatumGetPointer(value), column->length);
			break;
		case COLUMN_BYTES:
		{
			struct varlena *bytes = pg_detoast_datum_packed((struct varlena *) DatumGetPointer(value));

			append_variable(row, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), column->alignment);
			break;
		}
		case COLUMN_TEXT:
		{
			char	   *text = OutputFunctionCall(column->output, value);

			append_variable(row, text, strlen(text), column->alignment);
			break;
		}
		case COLUMN_DROPPED: break;
	}
}

static void
add_values(Fingerprint *fingerprint, RowShape *shape, const Datum *values, const bool *is_null)
{
	MemoryContext old = MemoryContextSwitchTo(shape->memory);
	int			position = 0;

	memset(shape->nulls, 0, sizeof(uint64) * (shape->n / 64 + 1));
	resetStringInfo(&shape->row);
	for (int i = 0; i < shape->n; i++)
	{
		if (shape->columns[i].form == COLUMN_DROPPED)
			continue;
		shape->nulls[position / 64] |= (uint64) is_null[i] << (position % 64);
		position++;
		if (!is_null[i])
			append_value(&shape->row, &shape->columns[i], values[i]);
	}
	fingerprint_add_row(fingerprint, shape->n_live, shape->nulls, shape->row.data, shape->row.len);
	MemoryContextSwitchTo(old);
	MemoryContextReset(shape->memory);
}

/* ---- of records and of slots ---- */

/*
 * A page is filled from its end, so the rows that a scan comes to next lie below this one: some of them are asked for before they
 * are needed, for most of the time goes into waiting for memory.  Addresses outside of the page do no harm.
 */
static inline void
prefetch_next(const char *row, Size length)
{
	const char *next = row - PREFETCH_ROWS * length;

	for (Size i = 0; i < Min(length, 512); i += 64)
		__builtin_prefetch(next + i);
}

void
fingerprint_add_record(Fingerprint *fingerprint, RowShape *shape, HeapTupleHeader record)
{
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(record), .t_data = record};

	if (add_as_it_lies(fingerprint, shape, record))
		return;
	heap_deform_tuple(&tuple, shape->columns_of, shape->values, shape->is_null);
	add_values(fingerprint, shape, shape->values, shape->is_null);
}

void
fingerprint_add_slot(Fingerprint *fingerprint, RowShape *shape, TupleTableSlot *slot)
{
	if (TTS_IS_BUFFERTUPLE(slot) || TTS_IS_HEAPTUPLE(slot))
	{
		HeapTuple	tuple = ((HeapTupleTableSlot *) slot)->tuple;

		if (tuple != NULL)
			prefetch_next((const char *) tuple->t_data, tuple->t_len);
		if (tuple != NULL && add_as_it_lies(fingerprint, shape, tuple->t_data))
			return;
	}
	slot_getsomeattrs(slot, shape->n);
	add_values(fingerprint, shape, slot->tts_values, slot->tts_isnull);
}
