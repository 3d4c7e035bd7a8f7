/*
 * value_reader.c
 *		From the server's values to numbers and category texts.
 *
 * Reading runs inside logical decoding too: no catalog access (but for enums), no settings of the session (DateStyle,
 * TimeZone…), so that the worker and every session give the same bytes.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "summary/numeric_double.h"
#include "summary/summary_datum.h"
#include "summary/vector_reader.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* ---- which types ---- */

static bool
is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
}

static SummaryUnit
unit_of_type(Oid type)
{
	switch (type)
	{
		case INTERVALOID:
		case TIMEOID: return SUMMARY_INTERVAL;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID: return SUMMARY_TIME;
		default: return SUMMARY_PLAIN;
	}
}

static bool
reads_as_number(Oid type)
{
	return is_number(type) || type == BOOLOID || unit_of_type(type) != SUMMARY_PLAIN;
}

/* Types whose text comes from a built-in function that needs neither catalogs nor settings, or is made here without them. */
static bool
reads_as_category(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case CHAROID:
		case UUIDOID:
		case OIDOID:
		case TIMETZOID:
		case INETOID:
		case CIDROID:
		case MACADDROID:
		case MACADDR8OID:
		case BITOID:
		case VARBITOID:
		case PG_LSNOID: return true;
		default: return reads_as_number(type) || get_typtype(type) == TYPTYPE_ENUM;
	}
}

bool
value_kind_of_type(Oid type, SummaryKind *kind)
{
	Oid			base_type = getBaseType(type);

	*kind = SUMMARY_VECTOR;
	if (is_vector_type(base_type))
		return true;
	*kind = base_type != BOOLOID && reads_as_number(base_type) ? SUMMARY_NUMERIC : SUMMARY_CATEGORY;
	return reads_as_category(base_type);
}

static ValueWay
way_of(Oid type, SummaryKind kind)
{
	if (kind == SUMMARY_VECTOR)
		return VALUE_VECTOR;
	if (kind == SUMMARY_CATEGORY)
		return type == BOOLOID ? VALUE_BOOLEAN : type == TEXTOID || type == VARCHAROID ? VALUE_TEXT : VALUE_BY_TYPE;
	switch (type)
	{
		case FLOAT8OID: return VALUE_FLOAT8;
		case INT2OID: return VALUE_INT2;
		case INT4OID: return VALUE_INT4;
		case INT8OID: return VALUE_INT8;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID: return VALUE_TIMESTAMP;
		default: return VALUE_BY_TYPE;
	}
}

bool
value_reader_init(ValueReader *reader, Oid type, SummaryKind kind, MemoryContext context)
{
	memset(reader, 0, sizeof(ValueReader));
	reader->type = type;
	reader->base_type = getBaseType(type);
	reader->kind = kind;
	reader->way = way_of(reader->base_type, kind);
	if (kind == SUMMARY_NUMERIC)
	{
		reader->unit = unit_of_type(reader->base_type);
		return reads_as_number(reader->base_type);
	}
	if (kind == SUMMARY_VECTOR)
		return is_vector_type(reader->base_type);
	if (!reads_as_category(reader->base_type))
		return false;
	if (!reads_as_number(reader->base_type))
	{
		Oid			function;
		bool		is_varlena;

		getTypeOutputInfo(reader->base_type, &function, &is_varlena);
		fmgr_info_cxt(function, &reader->output, context);
		reader->has_output = true;
	}
	return true;
}

Summary *
value_reader_summary(const ValueReader *reader, Allocator allocator, int budget)
{
	return summary_create(allocator, reader->kind, reader->unit, budget);
}

/* ---- as number ---- */

/* Microseconds as comparisons count them: a month has 30 days, a day 24 hours. */
static double
interval_microseconds(const Interval *interval)
{
	if (INTERVAL_IS_NOBEGIN(interval))
		return -INFINITY;
	if (INTERVAL_IS_NOEND(interval))
		return INFINITY;
	return (double) ((__int128) interval->time + ((__int128) interval->month * DAYS_PER_MONTH + interval->day) * USECS_PER_DAY);
}

static double
timestamp_microseconds(Timestamp timestamp)
{
	if (TIMESTAMP_IS_NOBEGIN(timestamp))
		return -INFINITY;
	if (TIMESTAMP_IS_NOEND(timestamp))
		return INFINITY;
	return (double) timestamp;
}

static double
date_microseconds(DateADT date)
{
	if (DATE_IS_NOBEGIN(date))
		return -INFINITY;
	if (DATE_IS_NOEND(date))
		return INFINITY;
	return (double) date * (double) USECS_PER_DAY;
}

double
value_reader_number(const ValueReader *reader, Datum value)
{
	switch (reader->base_type)
	{
		case FLOAT8OID: return DatumGetFloat8(value);
		case FLOAT4OID: return (double) DatumGetFloat4(value);
		case INT2OID: return (double) DatumGetInt16(value);
		case INT4OID: return (double) DatumGetInt32(value);
		case INT8OID: return (double) DatumGetInt64(value);
		case NUMERICOID: return numeric_to_double(value);
		case BOOLOID: return DatumGetBool(value) ? 1.0 : 0.0;
		case INTERVALOID: return interval_microseconds(DatumGetIntervalP(value));
		case TIMEOID: return (double) DatumGetTimeADT(value);
		case DATEOID: return date_microseconds(DatumGetDateADT(value));
		case TIMESTAMPOID:
		case TIMESTAMPTZOID: return timestamp_microseconds(DatumGetTimestamp(value));
		default: elog(ERROR, "type %u cannot be read as a number", reader->base_type);
	}
	return 0;					/* not reached */
}

/* ---- as category ---- */

static void
encode_timestamp(Timestamp timestamp, bool with_zone, char *buffer)
{
	struct pg_tm broken_down;
	fsec_t		fraction;

	if (TIMESTAMP_NOT_FINITE(timestamp))
		EncodeSpecialTimestamp(timestamp, buffer);
	else if (timestamp2tm(timestamp, NULL, &broken_down, &fraction, NULL, NULL) == 0)
	{
		broken_down.tm_isdst = 0; /* a zone is shown only where this is known */
		EncodeDateTime(&broken_down, fraction, with_zone, 0, NULL, USE_ISO_DATES, buffer);
	}
	else
		strcpy(buffer, "out of range");
}

static void
encode_date(DateADT date, char *buffer)
{
	struct pg_tm broken_down;

	if (DATE_NOT_FINITE(date))
	{
		EncodeSpecialDate(date, buffer);
		return;
	}
	memset(&broken_down, 0, sizeof(broken_down));
	j2date(date + POSTGRES_EPOCH_JDATE, &broken_down.tm_year, &broken_down.tm_mon, &broken_down.tm_mday);
	EncodeDateOnly(&broken_down, USE_ISO_DATES, buffer);
}

static void
encode_time(TimeADT time, char *buffer)
{
	struct pg_tm broken_down;
	fsec_t		fraction;

	memset(&broken_down, 0, sizeof(broken_down));
	time2tm(time, &broken_down, &fraction);
	EncodeTimeOnly(&broken_down, fraction, false, 0, USE_ISO_DATES, buffer);
}

static void
encode_interval(const Interval *interval, char *buffer)
{
	struct pg_itm broken_down;

	if (INTERVAL_IS_NOBEGIN(interval))
		strcpy(buffer, "-infinity");
	else if (INTERVAL_IS_NOEND(interval))
		strcpy(buffer, "infinity");
	else
	{
		interval2itm(*interval, &broken_down);
		EncodeInterval(&broken_down, INTSTYLE_POSTGRES, buffer);
	}
}

static void
encode_float(double value, bool single, char *buffer)
{
	if (isnan(value))
		strcpy(buffer, "NaN");
	else if (isinf(value))
		strcpy(buffer, value > 0 ? "Infinity" : "-Infinity");
	else if (single)
		float_to_shortest_decimal_buf((float) value + 0.0f, buffer);
	else
		double_to_shortest_decimal_buf(value + 0.0, buffer); /* -0 equals 0 and reads alike */
}

static EnumNamer name_of_enum = NULL;

void
value_reader_name_enums(EnumNamer namer)
{
	name_of_enum = namer;
}

/* The long value's short form. */
static void
shorten(CategoryText *text)
{
	char		buffer[CATEGORY_MAX_LENGTH];
	size_t		prefix = GetDatabaseEncoding() == PG_UTF8 ? category_prefix(text->bytes)
													 : (size_t) pg_mbcliplen(text->bytes, (int) text->length, CATEGORY_MAX_PREFIX);
	size_t		length = category_shorten(text->bytes, text->length, prefix, buffer);

	memcpy(text->short_text, buffer, length);
	text->bytes = text->short_text;
	text->length = length;
}

void
value_reader_get_text(const ValueReader *reader, Datum value, CategoryText *text)
{
	struct varlena *stored;
	const char *name;

	text->allocated = NULL;
	text->bytes = text->short_text;
	switch (reader->base_type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			stored = PG_DETOAST_DATUM_PACKED(value);
			text->bytes = VARDATA_ANY(stored);
			text->length = VARSIZE_ANY_EXHDR(stored);

			/* Blanks that pad it do not count, as in every comparison of that type. */
			if (reader->base_type == BPCHAROID)
				text->length = (size_t) bpchartruelen((char *) text->bytes, (int) text->length);
			if ((Pointer) stored != DatumGetPointer(value))
				text->allocated = stored;
			if (text->length > CATEGORY_MAX_LENGTH)
				shorten(text);
			return;
		case NAMEOID: text->bytes = NameStr(*DatumGetName(value)); break;
		case BOOLOID: text->bytes = DatumGetBool(value) ? "true" : "false"; break;
		case INT2OID: pg_ltoa(DatumGetInt16(value), text->short_text); break;
		case INT4OID: pg_ltoa(DatumGetInt32(value), text->short_text); break;
		case INT8OID: pg_lltoa(DatumGetInt64(value), text->short_text); break;
		case FLOAT4OID: encode_float(DatumGetFloat4(value), true, text->short_text); break;
		case FLOAT8OID: encode_float(DatumGetFloat8(value), false, text->short_text); break;
		case NUMERICOID:
			/* Without trailing zeros: 1.0 and 1.00 are equal. */
			text->bytes = text->allocated = numeric_normalize(DatumGetNumeric(value));
			break;
		case DATEOID: encode_date(DatumGetDateADT(value), text->short_text); break;
		case TIMEOID: encode_time(DatumGetTimeADT(value), text->short_text); break;
		case TIMESTAMPOID: encode_timestamp(DatumGetTimestamp(value), false, text->short_text); break;
		case TIMESTAMPTZOID: encode_timestamp(DatumGetTimestampTz(value), true, text->short_text); break;
		case INTERVALOID: encode_interval(DatumGetIntervalP(value), text->short_text); break;
		default:
			if (!reader->has_output)
				elog(ERROR, "type %u cannot be read as a category", reader->base_type);
			if (name_of_enum != NULL && reader->output.fn_oid == F_ENUM_OUT &&
				(name = name_of_enum(DatumGetObjectId(value))) != NULL)
				text->bytes = name;
			else
				text->bytes = text->allocated = OutputFunctionCall((FmgrInfo *) &reader->output, value);
			break;
	}
	text->length = strlen(text->bytes);
	if (text->length > CATEGORY_MAX_LENGTH)
		shorten(text);
}

void
category_text_free(CategoryText *text)
{
	if (text->allocated != NULL)
		pfree(text->allocated);
}

char *
value_reader_text(const ValueReader *reader, Datum value)
{
	CategoryText text;
	char	   *result;

	value_reader_get_text(reader, value, &text);
	result = pnstrdup(text.bytes, text.length);
	category_text_free(&text);
	return result;
}

/* ---- both ---- */

void
value_reader_add(const ValueReader *reader, Summary *summary, Datum value, bool is_null)
{
	CategoryText text;

	if (is_null)
		summary_add_null(summary);
	else if (reader->kind == SUMMARY_NUMERIC)
		summary_add_number(summary, value_reader_number(reader, value));
	else if (reader->kind == SUMMARY_VECTOR)
		add_vector(summary, reader->base_type, value, false);
	else
	{
		value_reader_get_text(reader, value, &text);
		summary_add_category(summary, text.bytes, text.length);
		category_text_free(&text);
	}
}

void
value_reader_remove(const ValueReader *reader, Summary *summary, Datum value, bool is_null)
{
	CategoryText text;

	if (is_null)
		summary_remove_null(summary);
	else if (reader->kind == SUMMARY_NUMERIC)
		summary_remove_number(summary, value_reader_number(reader, value));
	else if (reader->kind == SUMMARY_VECTOR)
		add_vector(summary, reader->base_type, value, true);
	else
	{
		value_reader_get_text(reader, value, &text);
		summary_remove_category(summary, text.bytes, text.length);
		category_text_free(&text);
	}
}

void
value_reader_enter(const ValueReader *reader, MovingSummary *moving, Datum value, bool is_null)
{
	CategoryText text;

	if (is_null)
		moving_add_null(moving);
	else if (reader->kind == SUMMARY_NUMERIC)
		moving_add_number(moving, value_reader_number(reader, value));
	else if (reader->kind == SUMMARY_VECTOR)
		enter_vector(moving, reader->base_type, value);
	else
	{
		value_reader_get_text(reader, value, &text);
		moving_add_category(moving, text.bytes, text.length);
		category_text_free(&text);
	}
}

bool
value_reader_leave(const ValueReader *reader, MovingSummary *moving, Datum value, bool is_null)
{
	CategoryText text;
	bool		left;

	if (is_null)
		return moving_remove_null(moving);
	if (reader->kind == SUMMARY_NUMERIC)
		return moving_remove_number(moving, value_reader_number(reader, value));
	if (reader->kind == SUMMARY_VECTOR)
		return leave_vector(moving, reader->base_type, value);
	value_reader_get_text(reader, value, &text);
	left = moving_remove_category(moving, text.bytes, text.length);
	category_text_free(&text);
	return left;
}
