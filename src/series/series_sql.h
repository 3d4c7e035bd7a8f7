/*
 * series_sql.h
 *		What the SQL functions of this room share.
 */
#ifndef WEIR_SERIES_SQL_H
#define WEIR_SERIES_SQL_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "base/aggregate.h"
#include "base/compat.h"
#include "fmgr.h"
#include "series/points.h"

/* How times are read: as microseconds since 2000-01-01 (of dates and timestamps), or as they are (of integers). */
typedef struct TimeReader
{
	Oid			type;			/* domains looked through */
	bool		seconds;		/* microseconds, shown in seconds */
} TimeReader;

/* Raises 42804 for types that are no times. */
extern void time_reader_init(TimeReader *reader, Oid type);

/* False for an infinite time. */
extern bool time_read(const TimeReader *reader, Datum value, int64 *time);

/* A time as a value of that type. */
extern Datum time_datum(Oid type, int64 time);

/* The type of an argument of an aggregate's transition function. */
extern Oid	argument_type(FunctionCallInfo fcinfo, int argument);

/* The row type that the function returns, which has that many columns. */
extern TupleDesc result_row_type(FunctionCallInfo fcinfo, int n_columns);

/* Raises 22P03: a state that another process, or another server, has serialized is none. */
pg_noreturn extern void damaged_state(void);

/* Such a state must have that size, or at least it. */
extern void require_state_size(const bytea *bytes, Size size, bool at_least);

/* What an aggregate over points was asked besides: the third argument, of the first row. */
typedef struct SeriesState
{
	Points		points;
	bool		seconds;
	bool		has_parameter;
	int64		number;
	bool		linear;
} SeriesState;

/* The state of the aggregate, its points sorted; NULL without points. */
extern SeriesState *series_sorted(FunctionCallInfo fcinfo);

/* 'step' or 'linear'; raises 22023 for another word. */
extern bool method_is_linear(const char *method);

#endif
