/*
 * column_summaries.h
 *		Summaries of many columns in one aggregate, so that every row is read once: the state of weir._summarize_columns.
 *
 * Values wait by column until there are enough for a tight loop.
 */
#ifndef WEIR_COLUMN_SUMMARIES_H
#define WEIR_COLUMN_SUMMARIES_H

#include "postgres.h"

#include "summary/summary_datum.h"

#define COLUMN_WAITING 256

/* How a column's values are taken. */
typedef enum ColumnWay
{
	COLUMN_COUNTED,				/* types that have no summary: how many, and how many NULLs */
	COLUMN_FLOAT8,
	COLUMN_FLOAT4,
	COLUMN_INT2,
	COLUMN_INT4,
	COLUMN_INT8,
	COLUMN_NUMBER,				/* any other that reads as a number */
	COLUMN_BOOLEAN,
	COLUMN_TEXT,				/* text and varchar */
	COLUMN_CATEGORY,
	COLUMN_VECTOR				/* as long as all have the same dimension, then only counted */
} ColumnWay;

/* The least or the greatest of the texts, in the order of their bytes. */
typedef struct ExtremeText
{
	bool		is_known;
	uint64		prefix;			/* the first eight bytes, as a number in their order */
	char	   *bytes;
	int			length;
	int			room;
} ExtremeText;

/*
 * Short texts are counted here first: two words and the length say all of up to 16 bytes, so that finding one takes no look at its
 * bytes.
 */
#define RECENT_TEXTS 256
#define RECENT_LENGTH 16

typedef struct RecentText
{
	uint64		first;
	uint64		last;
	int			length;
	int			count;			/* 0: free */
} RecentText;

typedef struct ColumnSummary
{
	ValueReader reader;
	ColumnWay	way;
	Summary	   *summary;		/* NULL: counted only */
	int64		n;				/* of a column without a summary, and of vectors */
	int64		null_count;		/* not yet in the summary */
	int64		n_true;			/* not yet in the summary */
	int64		n_false;
	int64		least_integer;	/* of int8, which a double may round */
	int64		greatest_integer;
	ExtremeText least;			/* of categories */
	ExtremeText greatest;
	RecentText *recent;			/* of texts */
	int			n_waiting;
	double		waiting[COLUMN_WAITING];
} ColumnSummary;

typedef struct ColumnSummaries
{
	MemoryContext context;
	int			n_columns;
	ColumnSummary columns[FLEXIBLE_ARRAY_MEMBER];
} ColumnSummaries;

extern ColumnSummaries *column_summaries_create(MemoryContext context, int n_columns, const Oid *types);
extern void column_summaries_add(ColumnSummaries *state, const NullableDatum *values);
extern void column_summaries_merge(ColumnSummaries *into, ColumnSummaries *from);

/* Brings everything that waits into the summaries. */
extern void column_summaries_settle(ColumnSummaries *state);

/* Between the processes of a parallel query. */
extern bytea *column_summaries_serialize(ColumnSummaries *state);
extern ColumnSummaries *column_summaries_deserialize(MemoryContext context, const bytea *bytes);

/* The extremes as the type's own text; NULL without values and for types that are only counted. */
extern char *column_minimum(const ColumnSummary *column);
extern char *column_maximum(const ColumnSummary *column);

#endif
