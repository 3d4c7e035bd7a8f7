/*
 * window_sql.h
 *		What the SQL functions of this room share.
 */
#ifndef WEIR_WINDOW_SQL_H
#define WEIR_WINDOW_SQL_H

#include "postgres.h"

#include "base/compat.h"
#include "fmgr.h"
#include "window/window.h"

/* The types that have a time line; bigint has functions of its own. */
typedef enum TimeType
{
	TIME_TIMESTAMPTZ,			/* its functions take a time zone as their last argument */
	TIME_TIMESTAMP,
	TIME_DATE
} TimeType;

/* A clock, and the arguments that it was made from: they are nearly always the same for every row. */
typedef struct CachedClock
{
	bool		valid;
	Interval	size;
	bool		has_origin;
	TimestampTz origin;
	text	   *zone;			/* NULL or a copy in the context of the cache */
	WindowClock clock;
} CachedClock;

/*
 * Brings the clock up to date with size, origin and time zone; the latter two are arguments of those numbers, origin of the given
 * type. what names the size in messages.  True when the clock was up to date already.
 */
extern bool cached_clock_update(CachedClock *cache, FunctionCallInfo fcinfo, TimeType type, const Interval *size, const char *what,
								int origin_argument, int zone_argument);

/* The value as a timestamp; infinities map to infinities. */
extern TimestampTz time_from_datum(TimeType type, Datum value);

/* And back; raises 22008 for an infinity, which stands for a window that begins or ends outside what the type holds. */
extern Datum time_to_datum(TimeType type, TimestampTz ts);

/* Raises 22023 when a size for dates is not made of whole days. */
extern void require_whole_days(TimeType type, const Interval *size);

/* The greatest origin + k × size at or below value, by how much value is past it. */
extern int64 bigint_past_start(int64 value, int64 size, int64 origin);

/* Raise 22023 unless positive; 22003. */
extern void require_positive(int64 size, const char *what);
pg_noreturn extern void bigint_out_of_range(void);

#endif
