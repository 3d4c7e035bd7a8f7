/*
 * column_summaries.c
 *		Summaries of many columns in one aggregate.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/memory.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "summary/column_summaries.h"
#include "summary/summary_sql.h"
#include "summary/vector_reader.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* ---- how a type is taken ---- */

static ColumnWay
way_of(const ValueReader *reader)
{
	if (reader->kind == SUMMARY_VECTOR)
		return COLUMN_VECTOR;
	if (reader->base_type == BOOLOID)
		return COLUMN_BOOLEAN;
	if (reader->kind == SUMMARY_CATEGORY)
		return reader->base_type == TEXTOID || reader->base_type == VARCHAROID ? COLUMN_TEXT : COLUMN_CATEGORY;
	switch (reader->base_type)
	{
		case FLOAT8OID: return COLUMN_FLOAT8;
		case FLOAT4OID: return COLUMN_FLOAT4;
		case INT2OID: return COLUMN_INT2;
		case INT4OID: return COLUMN_INT4;
		case INT8OID: return COLUMN_INT8;
		default: return COLUMN_NUMBER;
	}
}

static void
need_recent(ColumnSummary *column, MemoryContext context)
{
	if (column->way == COLUMN_TEXT)
		column->recent = MemoryContextAllocZero(context, sizeof(RecentText) * RECENT_TEXTS);
}

ColumnSummaries *
column_summaries_create(MemoryContext context, int n_columns, const Oid *types)
{
	ColumnSummaries *state =
		MemoryContextAllocZero(context, add_size(offsetof(ColumnSummaries, columns), mul_size(sizeof(ColumnSummary), n_columns)));

	state->context = context;
	state->n_columns = n_columns;
	for (int i = 0; i < n_columns; i++)
	{
		ColumnSummary *column = &state->columns[i];
		SummaryKind kind;

		column->least_integer = PG_INT64_MAX;
		column->greatest_integer = PG_INT64_MIN;

		if (!value_kind_of_type(types[i], &kind) || !value_reader_init(&column->reader, types[i], kind, context))
		{
			column->reader.type = types[i];
			continue;
		}
		column->way = way_of(&column->reader);
		column->summary = value_reader_summary(&column->reader, allocator_in(context), SUMMARY_DEFAULT_BUDGET);
		need_recent(column, context);
	}
	return state;
}

/* ---- extremes of texts ---- */

static inline uint64
text_prefix(const char *bytes, int length)
{
	uint64		prefix = 0;

	memcpy(&prefix, bytes, Min(length, 8));
	return pg_ntoh64(prefix);
}

static int
compare_with(const ExtremeText *extreme, const char *bytes, int length)
{
	int			order = memcmp(bytes, extreme->bytes, (size_t) Min(length, extreme->length));

	return order != 0 ? order : length - extreme->length;
}

static void
set_extreme(ExtremeText *extreme, MemoryContext context, const char *bytes, int length)
{
	if (extreme->room < length || extreme->bytes == NULL)
	{
		if (extreme->bytes != NULL)
			pfree(extreme->bytes);
		extreme->room = Max(length, 32);
		extreme->bytes = MemoryContextAlloc(context, (Size) extreme->room);
	}
	memcpy(extreme->bytes, bytes, (size_t) length);
	extreme->length = length;
	extreme->prefix = text_prefix(bytes, length);
	extreme->is_known = true;
}

static inline void
see_text(ColumnSummary *column, MemoryContext context, const char *bytes, int length)
{
	uint64		prefix = text_prefix(bytes, length);

	if (!column->least.is_known || (prefix <= column->least.prefix && compare_with(&column->least, bytes, length) < 0))
		set_extreme(&column->least, context, bytes, length);
	if (!column->greatest.is_known || (prefix >= column->greatest.prefix && compare_with(&column->greatest, bytes, length) > 0))
		set_extreme(&column->greatest, context, bytes, length);
}

/* ---- adding ---- */

static void
fold_waiting(ColumnSummary *column)
{
	summary_add_numbers(column->summary, column->waiting, (size_t) column->n_waiting);
	column->n_waiting = 0;
}

static inline void
add_number(ColumnSummary *column, double value)
{
	column->waiting[column->n_waiting++] = value;
	if (column->n_waiting == COLUMN_WAITING)
		fold_waiting(column);
}

static void
add_integer(ColumnSummary *column, int64 value)
{
	if (value < column->least_integer)
		column->least_integer = value;
	if (value > column->greatest_integer)
		column->greatest_integer = value;
	add_number(column, (double) value);
}

static void
add_category(ColumnSummary *column, MemoryContext context, Datum value)
{
	CategoryText text;

	value_reader_get_text(&column->reader, value, &text);
	summary_add_category(column->summary, text.bytes, text.length);
	see_text(column, context, text.bytes, (int) text.length);
	category_text_free(&text);
}

/* ---- vectors ---- */

/* Arrays that differ in length are no vectors, which is no reason to fail: they are counted. */
static void
only_count(ColumnSummary *column)
{
	column->null_count += summary_null_count(column->summary);
	summary_free(column->summary);
	column->summary = NULL;
}

static void
add_vector_if_any(ColumnSummary *column, Datum value)
{
	int			dimension;
	const double *vector;

	column->n++;
	if (column->summary == NULL)
		return;
	vector = read_vector_if_any(column->reader.base_type, value, &dimension);
	if (vector == NULL || summary_add_vector(column->summary, vector, dimension) != SUMMARY_OK)
		only_count(column);
}

static void
merge_vectors(ColumnSummary *into, ColumnSummary *from)
{
	if (into->summary == NULL && from->summary == NULL)
		return;
	if (from->summary == NULL)
		only_count(into);
	else if (into->summary == NULL)
		into->null_count += summary_null_count(from->summary);
	else if (summary_merge(into->summary, from->summary) != SUMMARY_OK)
	{
		into->null_count += summary_null_count(from->summary);
		only_count(into);
	}
}

/* ---- short texts ---- */

static inline uint64
load_8(const char *bytes)
{
	uint64		word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

static inline uint32
load_4(const char *bytes)
{
	uint32		word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* The two words of a text of at most 16 bytes; they may overlap. */
static inline void
pack_text(const char *bytes, int length, uint64 *first, uint64 *last)
{
	*last = 0;
	if (length >= 8)
	{
		*first = load_8(bytes);
		*last = load_8(bytes + length - 8);
	}
	else if (length >= 4)
		*first = load_4(bytes) | (uint64) load_4(bytes + length - 4) << 32;
	else if (length > 0)
		*first = (uint64) (unsigned char) bytes[0] | (uint64) (unsigned char) bytes[length / 2] << 8 |
			(uint64) (unsigned char) bytes[length - 1] << 16;
	else
		*first = 0;
}

static void
unpack_text(const RecentText *recent, char *bytes)
{
	uint32		words[2] = {(uint32) recent->first, (uint32) (recent->first >> 32)};

	if (recent->length >= 8)
	{
		memcpy(bytes, &recent->first, 8);
		memcpy(bytes + recent->length - 8, &recent->last, 8);
	}
	else if (recent->length >= 4)
	{
		memcpy(bytes, &words[0], 4);
		memcpy(bytes + recent->length - 4, &words[1], 4);
	}
	else if (recent->length > 0)
	{
		bytes[0] = (char) recent->first;
		bytes[recent->length / 2] = (char) (recent->first >> 8);
		bytes[recent->length - 1] = (char) (recent->first >> 16);
	}
}

static void
fold_recent(ColumnSummary *column, MemoryContext context, RecentText *recent)
{
	char		bytes[RECENT_LENGTH];

	unpack_text(recent, bytes);
	summary_add_category_times(column->summary, bytes, (size_t) recent->length, recent->count);
	see_text(column, context, bytes, recent->length);
	recent->count = 0;
}

static inline void
add_text(ColumnSummary *column, MemoryContext context, Datum value)
{
	const struct varlena *stored = (const struct varlena *) DatumGetPointer(value);
	RecentText *recent;
	uint64		first;
	uint64		last;
	int			length;

	/* Plain and short: neither compressed nor elsewhere. */
	if (!VARATT_IS_SHORT(stored) || VARATT_IS_EXTERNAL(stored) || (length = (int) VARSIZE_ANY_EXHDR(stored)) > RECENT_LENGTH)
	{
		add_category(column, context, value);
		return;
	}
	pack_text(VARDATA_ANY(stored), length, &first, &last);
	recent = &column->recent[((first ^ last << 1) * UINT64CONST(0x9e3779b97f4a7c15)) >> 56];
	if (recent->count > 0 && recent->first == first && recent->last == last && recent->length == length &&
		recent->count < PG_INT32_MAX)
	{
		recent->count++;
		return;
	}
	if (recent->count > 0)
		fold_recent(column, context, recent);
	*recent = (RecentText){.first = first, .last = last, .length = length, .count = 1};
}

void
column_summaries_add(ColumnSummaries *state, const NullableDatum *values)
{
	for (int i = 0; i < state->n_columns; i++)
	{
		ColumnSummary *column = &state->columns[i];
		Datum		value = values[i].value;

		if (values[i].isnull)
		{
			column->null_count++;
			continue;
		}
		switch (column->way)
		{
			case COLUMN_COUNTED: column->n++; break;
			case COLUMN_FLOAT8: add_number(column, DatumGetFloat8(value)); break;
			case COLUMN_FLOAT4: add_number(column, (double) DatumGetFloat4(value)); break;
			case COLUMN_INT2: add_number(column, (double) DatumGetInt16(value)); break;
			case COLUMN_INT4: add_number(column, (double) DatumGetInt32(value)); break;
			case COLUMN_INT8: add_integer(column, DatumGetInt64(value)); break;
			case COLUMN_NUMBER: add_number(column, value_reader_number(&column->reader, value)); break;
			case COLUMN_BOOLEAN: DatumGetBool(value) ? column->n_true++ : column->n_false++; break;
			case COLUMN_TEXT: add_text(column, state->context, value); break;
			case COLUMN_CATEGORY: add_category(column, state->context, value); break;
			case COLUMN_VECTOR: add_vector_if_any(column, value); break;
		}
	}
}

static void
settle_booleans(ColumnSummary *column, MemoryContext context)
{
	if (column->n_true > 0)
	{
		summary_add_category_times(column->summary, "true", 4, column->n_true);
		see_text(column, context, "true", 4);
	}
	if (column->n_false > 0)
	{
		summary_add_category_times(column->summary, "false", 5, column->n_false);
		see_text(column, context, "false", 5);
	}
	column->n_true = column->n_false = 0;
}

void
column_summaries_settle(ColumnSummaries *state)
{
	for (int i = 0; i < state->n_columns; i++)
	{
		ColumnSummary *column = &state->columns[i];

		if (column->summary == NULL)
			continue;
		if (column->n_waiting > 0)
			fold_waiting(column);
		settle_booleans(column, state->context);
		for (int j = 0; column->recent != NULL && j < RECENT_TEXTS; j++)
			if (column->recent[j].count > 0)
				fold_recent(column, state->context, &column->recent[j]);
		summary_add_nulls(column->summary, column->null_count);
		column->null_count = 0;
	}
}

void
column_summaries_merge(ColumnSummaries *into, ColumnSummaries *from)
{
	column_summaries_settle(into);
	column_summaries_settle(from);
	for (int i = 0; i < into->n_columns; i++)
	{
		ColumnSummary *column = &into->columns[i];
		ColumnSummary *other = &from->columns[i];

		column->n += other->n;
		column->null_count += other->null_count;
		column->least_integer = Min(column->least_integer, other->least_integer);
		column->greatest_integer = Max(column->greatest_integer, other->greatest_integer);
		if (column->way == COLUMN_VECTOR)
			merge_vectors(column, other);
		else if (column->summary != NULL)
			summary_check_status(summary_merge(column->summary, other->summary));
		if (other->least.is_known)
			see_text(column, into->context, other->least.bytes, other->least.length);
		if (other->greatest.is_known)
			see_text(column, into->context, other->greatest.bytes, other->greatest.length);
	}
}

/* ---- between processes ---- */

static void
send_extreme(StringInfo buffer, const ExtremeText *extreme)
{
	pq_sendint32(buffer, extreme->is_known ? (uint32) extreme->length : PG_UINT32_MAX);
	if (extreme->is_known)
		pq_sendbytes(buffer, extreme->bytes, extreme->length);
}

bytea *
column_summaries_serialize(ColumnSummaries *state)
{
	StringInfoData buffer;

	column_summaries_settle(state);
	pq_begintypsend(&buffer);
	pq_sendint32(&buffer, (uint32) state->n_columns);
	for (int i = 0; i < state->n_columns; i++)
	{
		ColumnSummary *column = &state->columns[i];

		pq_sendint32(&buffer, column->reader.type);
		pq_sendint64(&buffer, column->n);
		pq_sendint64(&buffer, column->null_count);
		pq_sendint64(&buffer, column->least_integer);
		pq_sendint64(&buffer, column->greatest_integer);
		send_extreme(&buffer, &column->least);
		send_extreme(&buffer, &column->greatest);
		pq_sendbyte(&buffer, column->summary != NULL);
		if (column->summary != NULL)
		{
			size_t		size = summary_encoded_size(column->summary);

			pq_sendint32(&buffer, (uint32) size);
			enlargeStringInfo(&buffer, (int) size);
			summary_encode(column->summary, (uint8_t *) buffer.data + buffer.len);
			buffer.len += (int) size;
		}
	}
	return pq_endtypsend(&buffer);
}

static void
receive_extreme(StringInfo buffer, ColumnSummary *column, MemoryContext context)
{
	uint32		length = (uint32) pq_getmsgint(buffer, 4);

	if (length != PG_UINT32_MAX)
		see_text(column, context, pq_getmsgbytes(buffer, (int) length), (int) length);
}

ColumnSummaries *
column_summaries_deserialize(MemoryContext context, const bytea *bytes)
{
	StringInfoData buffer;
	ColumnSummaries *state;
	int			n_columns;

	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, VARDATA_ANY(bytes), (int) VARSIZE_ANY_EXHDR(bytes));
	n_columns = (int) pq_getmsgint(&buffer, 4);
	state =
		MemoryContextAllocZero(context, add_size(offsetof(ColumnSummaries, columns), mul_size(sizeof(ColumnSummary), n_columns)));
	state->context = context;
	state->n_columns = n_columns;
	for (int i = 0; i < n_columns; i++)
	{
		Oid			type = (Oid) pq_getmsgint(&buffer, 4);
		ColumnSummary *column = &state->columns[i];
		SummaryKind kind;

		column->reader.type = type;
		column->n = pq_getmsgint64(&buffer);
		column->null_count = pq_getmsgint64(&buffer);
		column->least_integer = pq_getmsgint64(&buffer);
		column->greatest_integer = pq_getmsgint64(&buffer);
		receive_extreme(&buffer, column, context);
		receive_extreme(&buffer, column, context);
		if (value_kind_of_type(type, &kind) && value_reader_init(&column->reader, type, kind, context))
		{
			column->way = way_of(&column->reader);
			need_recent(column, context);
		}
		if (pq_getmsgbyte(&buffer) != 0)
		{
			int			size = (int) pq_getmsgint(&buffer, 4);

			summary_check_status(summary_decode(allocator_in(context), (const uint8_t *) pq_getmsgbytes(&buffer, size),
												(size_t) size, &column->summary));
		}
	}
	pq_getmsgend(&buffer);
	pfree(buffer.data);
	return state;
}

/* ---- extremes, as texts ---- */

/* By the type's own output, but that of numeric, which the summary holds as a double. */
static char *
number_text(const ColumnSummary *column, double stored)
{
	Oid			type = column->reader.base_type;
	Oid			shown_as = OidIsValid(summary_result_type(type)) ? summary_result_type(type) : FLOAT8OID;
	Oid			function;
	bool		is_varlena;

	getTypeOutputInfo(shown_as, &function, &is_varlena);
	return OidOutputFunctionCall(function, summary_value_of_type(shown_as, column->reader.unit, stored));
}

static char *
extreme_text(const ColumnSummary *column, const ExtremeText *extreme, int64 integer, bool maximum)
{
	double		value;

	if (column->summary == NULL || summary_n(column->summary) == 0)
		return NULL;
	if (extreme->is_known)
		return pnstrdup(extreme->bytes, (Size) extreme->length);
	if (column->way == COLUMN_INT8)
		return psprintf(INT64_FORMAT, integer);
	if (!(maximum ? summary_max(column->summary, &value) : summary_min(column->summary, &value)))
		return pstrdup("NaN");	/* and nothing else */
	return number_text(column, value);
}

char *
column_minimum(const ColumnSummary *column)
{
	return extreme_text(column, &column->least, column->least_integer, false);
}

char *
column_maximum(const ColumnSummary *column)
{
	return extreme_text(column, &column->greatest, column->greatest_integer, true);
}
