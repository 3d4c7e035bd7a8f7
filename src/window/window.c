/*
 * window.c
 *		Where a window begins: the arithmetic of clocks.
 */
#include "postgres.h"

#include "base/compat.h"
#include "common/int.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"
#include "window/window.h"

/* 2000-01-03 00:00, a Monday, so that weeks begin on Mondays. */
#define DEFAULT_ORIGIN (2 * USECS_PER_DAY)

/* Keeps every sum below within an int64; nobody needs windows of 70,000 years. */
#define MAX_DAYS 26000000
#define MAX_MONTHS 840000

/* No zone was ever further from UTC, date line changes included. */
#define MAX_OFFSET_SECONDS (26 * SECS_PER_HOUR)

static int64
floor_divide(int64 dividend, int64 divisor)
{
	Assert(divisor > 0);
	return dividend / divisor - (dividend % divisor < 0);
}

static int64
floor_remainder(int64 dividend, int64 divisor)
{
	return dividend - floor_divide(dividend, divisor) * divisor;
}

/* A timestamp kept inside its range, by the infinities. */
static TimestampTz
in_range(TimestampTz ts)
{
	if (ts < MIN_TIMESTAMP)
		return DT_NOBEGIN;
	if (ts >= END_TIMESTAMP)
		return DT_NOEND;
	return ts;
}

/* ---- zones ---- */

static pg_time_t
unix_seconds(TimestampTz ts)
{
	return (pg_time_t) floor_divide(ts, USECS_PER_SEC) + ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)) * SECS_PER_DAY;
}

static TimestampTz
from_unix_seconds(pg_time_t seconds)
{
	return (TimestampTz) (seconds - ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)) * SECS_PER_DAY) * USECS_PER_SEC;
}

/* The offset from UTC in effect at the instant, in seconds, and when it changes next (false: never). */
static bool
zone_segment(pg_tz *zone, pg_time_t instant, long *offset, pg_time_t *change)
{
	long		after;
	int			before_is_dst;
	int			after_is_dst;
	int			result = pg_next_dst_boundary(&instant, offset, &before_is_dst, change, &after, &after_is_dst, zone);

	if (result < 0)
		*offset = 0;
	return result > 0;
}

static int64
to_local(pg_tz *zone, TimestampTz ts)
{
	long		offset;
	pg_time_t	change;

	if (zone == NULL)
		return ts;
	(void) zone_segment(zone, unix_seconds(ts), &offset, &change);
	return ts + (int64) offset * USECS_PER_SEC;
}

/* The first instant whose local time is at or past the given one. */
static TimestampTz
from_local(pg_tz *zone, int64 local)
{
	pg_time_t	segment;

	if (zone == NULL)
		return in_range(local);
	/* Here local time is still before the one wanted, whatever the offset. */
	segment = unix_seconds(local) - MAX_OFFSET_SECONDS;
	for (;;)
	{
		long		offset;
		pg_time_t	change;
		bool		changes = zone_segment(zone, segment, &offset, &change);
		int64		instant = local - (int64) offset * USECS_PER_SEC;

		if (!changes || unix_seconds(instant) < change)
			return in_range(Max(instant, from_unix_seconds(segment)));
		segment = change;
	}
}

pg_tz *
window_zone(const char *name)
{
	pg_tz	   *zone = name == NULL ? NULL : pg_tzset(name);
	long		offset;

	if (name == NULL)
		return NULL;
	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("time zone \"%s\" not recognized", name),
				 errhint("View pg_timezone_names lists the names.")));
	if (pg_get_timezone_offset(zone, &offset) && offset == 0)
		return NULL;
	return zone;
}

/* ---- months ---- */

typedef struct MonthPlace
{
	int64		month;			/* months since year 0 of the proleptic calendar */
	int64		within;			/* microseconds since the month began */
} MonthPlace;

/* local is at or after 4714 BC, as timestamps are, but for less than two days by which a zone can miss it: those count as its
 * first. */
static MonthPlace
month_place(int64 local)
{
	MonthPlace	place;
	int64		day = floor_divide(local, USECS_PER_DAY) + POSTGRES_EPOCH_JDATE;
	int			year;
	int			month;
	int			day_of_month;

	j2date((int) Max(day, 0), &year, &month, &day_of_month);
	place.month = (int64) year * MONTHS_PER_YEAR + month - 1;
	place.within = (day_of_month - 1) * USECS_PER_DAY + floor_remainder(local, USECS_PER_DAY);
	return place;
}

/* The local time; or an infinity when its year lies outside what timestamps hold. */
static int64
month_local(int64 month, int64 within)
{
	int64		year = floor_divide(month, MONTHS_PER_YEAR);
	int64		day;

	if (year < JULIAN_MINYEAR)
		return DT_NOBEGIN;
	if (year >= JULIAN_MAXYEAR)
		return DT_NOEND;
	day = date2j((int) year, (int) floor_remainder(month, MONTHS_PER_YEAR) + 1, 1) - POSTGRES_EPOCH_JDATE;
	if (day > END_TIMESTAMP / USECS_PER_DAY)
		return DT_NOEND;
	return day * USECS_PER_DAY + within;
}

/* ---- clocks ---- */

pg_noreturn static void
size_error(const char *message, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), errhint("%s", hint)));
}

void
window_clock_init(WindowClock *clock, const Interval *size, const TimestampTz *origin, const char *zone)
{
	*clock = (WindowClock){.months = size->month, .days = size->day, .microseconds = size->time, .zone = window_zone(zone)};

	if (origin != NULL && TIMESTAMP_NOT_FINITE(*origin))
		size_error("origin of windows must be finite", "Leave origin out, or give the begin of any window.");
	if (clock->months != 0 && (clock->days != 0 || clock->microseconds != 0))
		size_error("window size must not mix months with days or hours",
				   "Months differ in length: use whole months, like '1 month', or days and hours, like '30 days'.");
	if (clock->zone == NULL && clock->days != 0 && clock->microseconds != 0 && clock->days <= MAX_DAYS && clock->days >= -MAX_DAYS)
	{
		if (pg_add_s64_overflow(clock->microseconds, clock->days * USECS_PER_DAY, &clock->microseconds))
			clock->microseconds = clock->days > 0 ? PG_INT64_MAX : -1;
		clock->days = 0;
	}
	if (clock->days != 0 && clock->microseconds != 0)
		size_error("window size must not mix days with hours in a time zone",
				   "Days there differ in length: use whole days, like '2 days', or hours, like '36 hours'.");
	if (clock->months < 0 || clock->days < 0 || clock->microseconds < 0 ||
		(clock->months == 0 && clock->days == 0 && clock->microseconds == 0))
		size_error("window size must be positive", "Give a size like '5 min', '1 day' or '1 month'.");
	if (clock->months > MAX_MONTHS || clock->days > MAX_DAYS || clock->microseconds > MAX_DAYS * USECS_PER_DAY)
		size_error("window size is too large", "At most 70000 years.");

	if (clock->microseconds != 0)
	{
		TimestampTz instant = origin != NULL ? *origin : from_local(clock->zone, DEFAULT_ORIGIN);

		clock->origin = floor_remainder(instant, clock->microseconds);
	}
	else if (origin != NULL)
		clock->origin = to_local(clock->zone, *origin);
	else
		clock->origin = clock->months != 0 ? 0 : DEFAULT_ORIGIN;
	if (clock->months != 0 && month_place(clock->origin).within >= 28 * USECS_PER_DAY)
		size_error("origin of windows of months must not be after the 28th", "Not every month has such a day.");
	if (clock->days != 0)
		clock->origin = floor_remainder(clock->origin, clock->days * USECS_PER_DAY);
}

/* Length in microseconds where that is fixed, else 0. */
static int64
fixed_length(const WindowClock *clock)
{
	if (clock->microseconds != 0)
		return clock->microseconds;
	return clock->zone == NULL ? clock->days * USECS_PER_DAY : 0;
}

/* The window of local time that holds it, before differences between local time and instants are looked at. */
static int64
local_index(const WindowClock *clock, int64 local)
{
	MonthPlace	place;
	MonthPlace	origin;

	if (clock->months == 0)
		return floor_divide(local - clock->origin, clock->days * USECS_PER_DAY);
	place = month_place(local);
	origin = month_place(clock->origin);
	return floor_divide(place.month - (place.within < origin.within) - origin.month, clock->months);
}

int64
window_index(const WindowClock *clock, TimestampTz ts)
{
	int64		length = fixed_length(clock);
	int64		index;

	if (length != 0)
		return floor_divide(ts - clock->origin, length);
	index = local_index(clock, to_local(clock->zone, ts));
	/* While clocks are turned back local time is past a boundary a second time: what counts is the first. */
	while (clock->zone != NULL && window_boundary(clock, index + 1) <= ts)
		index++;
	return index;
}

TimestampTz
window_boundary(const WindowClock *clock, int64 index)
{
	int64		length = clock->microseconds != 0 ? clock->microseconds : clock->days * USECS_PER_DAY;
	int64		local;

	if (clock->months != 0)
	{
		MonthPlace	origin = month_place(clock->origin);
		int64		month;

		if (pg_mul_s64_overflow(index, clock->months, &month) || pg_add_s64_overflow(month, origin.month, &month))
			return index < 0 ? DT_NOBEGIN : DT_NOEND;
		local = month_local(month, origin.within);
	}
	else if (pg_mul_s64_overflow(index, length, &local) || pg_add_s64_overflow(local, clock->origin, &local))
		return index < 0 ? DT_NOBEGIN : DT_NOEND;

	if (local < MIN_TIMESTAMP - USECS_PER_DAY || local >= END_TIMESTAMP)
		return local < 0 ? DT_NOBEGIN : DT_NOEND;
	return from_local(clock->microseconds != 0 ? NULL : clock->zone, local);
}

TimestampTz
window_start(const WindowClock *clock, TimestampTz ts)
{
	if (TIMESTAMP_NOT_FINITE(ts))
		return ts;
	return window_boundary(clock, window_index(clock, ts));
}

TimestampTz
window_next(const WindowClock *clock, TimestampTz start)
{
	int64		index;
	TimestampTz next;

	if (TIMESTAMP_IS_NOEND(start))
		return start;
	index = window_index(clock, TIMESTAMP_IS_NOBEGIN(start) ? MIN_TIMESTAMP : start);
	/* A day that the zone skipped (Apia, 2011-12-30) is a window without length: not one that follows. */
	do
		next = window_boundary(clock, ++index);
	while (next <= start);
	return next;
}

TimestampTz
window_add(TimestampTz ts, const Interval *size, pg_tz *zone)
{
	int64		sum = ts;

	if (TIMESTAMP_NOT_FINITE(ts))
		return ts;
	if (size->month != 0 || size->day != 0)
	{
		int64		local = to_local(zone, ts);

		if (size->month != 0)
		{
			MonthPlace	place = month_place(local);
			int64		begin = month_local(place.month + size->month, 0);
			int64		next = month_local(place.month + size->month + 1, 0);

			if (begin == DT_NOBEGIN || next == DT_NOEND)
				return begin == DT_NOBEGIN ? begin : next;
			/* The 31st of a month that has 30 days is its 30th. */
			if (begin + place.within >= next)
				place.within = next - begin - USECS_PER_DAY + place.within % USECS_PER_DAY;
			local = begin + place.within;
		}
		if (pg_add_s64_overflow(local, size->day * USECS_PER_DAY, &local) || local >= END_TIMESTAMP)
			return DT_NOEND;
		sum = from_local(zone, local);
		if (TIMESTAMP_NOT_FINITE(sum))
			return sum;
	}
	if (pg_add_s64_overflow(sum, size->time, &sum))
		return DT_NOEND;
	return in_range(sum);
}

/* ---- divisibility ---- */

/* Whether every offset that the zone has had since 1970 is a multiple of so many microseconds away from the first. */
static bool
offsets_divide(pg_tz *zone, int64 length, int64 shift)
{
	pg_time_t	instant = 0;
	const pg_time_t end = (pg_time_t) 150 * 366 * SECS_PER_DAY; /* by then the rules repeat */

	while (instant < end)
	{
		long		offset;
		pg_time_t	change;
		bool		changes = zone_segment(zone, instant, &offset, &change);

		if (floor_remainder(shift - (int64) offset * USECS_PER_SEC, length) != 0)
			return false;
		if (!changes)
			break;
		instant = change;
	}
	return true;
}

bool
window_divides(const WindowClock *fine, const WindowClock *coarse)
{
	int64		fine_length = fixed_length(fine);
	int64		coarse_length = fixed_length(coarse);
	MonthPlace	fine_place;
	MonthPlace	coarse_place;

	if (fine_length != 0 && coarse_length != 0)
		return coarse_length % fine_length == 0 && (coarse->origin - fine->origin) % fine_length == 0;

	/* Days or months made of hours or minutes: their begins are whole local days apart, shifted by the zone's offset. */
	if (fine_length != 0)
	{
		int64		shift = floor_remainder(coarse->origin, USECS_PER_DAY) - floor_remainder(fine->origin, fine_length);

		if (USECS_PER_DAY % fine_length != 0)
			return false;
		if (coarse->zone == NULL)
			return floor_remainder(shift, fine_length) == 0;
		return offsets_divide(coarse->zone, fine_length, shift);
	}

	if (fine->zone != coarse->zone || coarse_length != 0)
		return false;
	if (fine->days != 0 && coarse->days != 0)
		return coarse->days % fine->days == 0 && (coarse->origin - fine->origin) % USECS_PER_DAY == 0 &&
			(coarse->origin - fine->origin) / USECS_PER_DAY % fine->days == 0;
	if (fine->days != 0)
		return fine->days == 1 && floor_remainder(coarse->origin - fine->origin, USECS_PER_DAY) == 0;
	if (coarse->months == 0)
		return false;
	fine_place = month_place(fine->origin);
	coarse_place = month_place(coarse->origin);
	return coarse->months % fine->months == 0 && fine_place.within == coarse_place.within &&
		(coarse_place.month - fine_place.month) % fine->months == 0;
}
