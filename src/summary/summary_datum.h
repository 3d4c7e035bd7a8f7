/*
 * summary_datum.h
 *		Between the server's values and summaries: used by the aggregates and by the capture worker alike, so that both give the
 *		same bytes.
 */
#ifndef WEIR_SUMMARY_DATUM_H
#define WEIR_SUMMARY_DATUM_H

#include "postgres.h"

#include "fmgr.h"
#include "summary/categories.h"
#include "summary/moving_summary.h"
#include "summary/summary.h"

/* The types that come most often are read without a call. */
typedef enum ValueWay
{
	VALUE_BY_TYPE,
	VALUE_FLOAT8,
	VALUE_INT2,
	VALUE_INT4,
	VALUE_INT8,
	VALUE_TIMESTAMP,
	VALUE_BOOLEAN,				/* as category */
	VALUE_TEXT,					/* as category; varchar too */
	VALUE_VECTOR
} ValueWay;

/*
 * How to read a column of some type into a summary of some kind.  Numeric: int2, int4, int8, float4, float8, numeric,
 * money-free; boolean (0/1); interval, date, timestamp, timestamptz, time.  Category: any type whose text form comes from a
 * built-in function (text, varchar, char, name, boolean as true/false, integers, uuid, date, enum, … and domains over them).
 * Vector: arrays of numbers, and pgvector's vector.
 */
typedef struct ValueReader
{
	Oid			type;
	Oid			base_type;		/* domains looked through */
	SummaryKind kind;
	SummaryUnit unit;
	ValueWay	way;
	FmgrInfo	output;			/* text form, categories of types that have no direct way */
	bool		has_output;
} ValueReader;

/*
 * The kind that the type has when nobody says: true and the kind, or false when the type can have none (json, bytea, arrays…).
 */
extern bool value_kind_of_type(Oid type, SummaryKind *kind);

/* False when the type cannot be read as this kind. Needs catalog access; reading values afterwards needs none but for enums. */
extern bool value_reader_init(ValueReader *reader, Oid type, SummaryKind kind, MemoryContext context);

extern Summary *value_reader_summary(const ValueReader *reader, Allocator allocator, int budget);
extern void value_reader_add(const ValueReader *reader, Summary *summary, Datum value, bool is_null);
extern void value_reader_remove(const ValueReader *reader, Summary *summary, Datum value, bool is_null);

/* The same for a sliding frame; false when the value was not in it. */
extern void value_reader_enter(const ValueReader *reader, MovingSummary *moving, Datum value, bool is_null);
extern bool value_reader_leave(const ValueReader *reader, MovingSummary *moving, Datum value, bool is_null);

/* The value of a numeric reader as it is stored, to be gathered for summary_add_numbers. */
extern double value_reader_number(const ValueReader *reader, Datum value);

/* A category text: bytes points into the value, into short_text or into memory to be freed. */
typedef struct CategoryText
{
	const char *bytes;
	size_t		length;
	void	   *allocated;
	char		short_text[CATEGORY_MAX_LENGTH];
} CategoryText;

/*
 * From now on values of enums are named so in this process; where it gives NULL, by the catalogs.  Names live until the next value
 * is read.
 */
typedef const char *(*EnumNamer)(Oid value);
extern void value_reader_name_enums(EnumNamer namer);

/* The value as category text, shortened where it is long. */
extern void value_reader_get_text(const ValueReader *reader, Datum value, CategoryText *text);
extern void category_text_free(CategoryText *text);

/* The same as a string (palloc), for segments and groups. */
extern char *value_reader_text(const ValueReader *reader, Datum value);

/* The kind that a table of weir's own names. */
extern SummaryKind summary_kind_as_stored(const char *name);

/* weir.summary as a flat varlena, and back (a private copy in the allocator's memory; expanded objects accepted). */
extern Datum summary_to_datum(const Summary *summary);
extern Summary *summary_from_datum(Allocator allocator, Datum datum);

/* A stored value as it is shown: intervals in seconds, times in seconds since 1970-01-01 UTC. */
extern double shown_value(SummaryUnit unit, double stored);
extern double stored_value(SummaryUnit unit, double shown);

/* Raises the error that belongs to a status other than SUMMARY_OK (22P03 corrupt, 42804 kinds differ…). */
extern void summary_check_status(SummaryStatus status);

#endif
