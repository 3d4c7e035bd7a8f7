/*
 * rule_final.c
 *		How far rules may go: the last final window of a monitor.
 */
#include "postgres.h"

#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "window/window.h"

PG_FUNCTION_INFO_V1(weir_latest_final);

static bool
ends_by(const WindowClock *clock, const Interval *size, int64 index, TimestampTz ts)
{
	TimestampTz start = window_boundary(clock, index);

	return TIMESTAMP_IS_NOBEGIN(start) || window_add(start, size, clock->zone) <= ts;
}

/* Begin of the last window that begins at or before latest and ends at or before final_before; -infinity when there is none. */
static TimestampTz
latest_window(const WindowClock *clock, const Interval *size, TimestampTz final_before, TimestampTz latest)
{
	int64		above = window_index(clock, latest);
	int64		below = above;
	int64		step = 1;

	/* A window may be thousands of slides long: ever larger steps back, then halving what lies between. */
	while (!ends_by(clock, size, below, final_before))
	{
		CHECK_FOR_INTERRUPTS();
		above = below;
		below -= step;
		step *= 2;
	}
	while (above - below > 1)
	{
		int64		middle = below + (above - below) / 2;

		if (ends_by(clock, size, middle, final_before))
			below = middle;
		else
			above = middle;
	}
	return window_boundary(clock, below);
}

/*
 * Cheap, as it is asked every second.  Windows later than the data do not count: where a stream of the past pauses, the wall clock
 * makes all windows up to now final, and a rule must not think that it has seen those still to come.
 */
Datum
weir_latest_final(PG_FUNCTION_ARGS)
{
	SqlScope	scope;
	bool		found;
	bool		is_null = true;
	TimestampTz until = PG_GETARG_TIMESTAMPTZ(1);
	TimestampTz final_before = 0;
	TimestampTz latest_pane = 0;
	Interval	size = {0};
	Interval	slide = {0};
	char	   *zone;
	WindowClock clock;
	TimestampTz start = 0;

	sql_begin(&scope);
	found =
		sql_execute(
			"SELECT s.final_before, m.window_size, m.slide, m.time_zone, (SELECT max(pane_start) FROM weir.pane p"
			" WHERE p.monitor_id = m.monitor_id AND p.generation = 0) FROM weir.monitor m CROSS JOIN LATERAL weir._settings(m.monitor_id) s"
			" WHERE m.monitor_id = $1",
			1, (Oid[]){INT4OID}, (Datum[]){PG_GETARG_DATUM(0)}, NULL) > 0;
	if (found)
	{
		final_before = Min(until, DatumGetTimestampTz(sql_value(0, 1, &is_null)));
		found = !is_null && !TIMESTAMP_NOT_FINITE(final_before);
	}
	if (found)
	{
		latest_pane = DatumGetTimestampTz(sql_value(0, 5, &is_null));
		found = !is_null && !TIMESTAMP_NOT_FINITE(latest_pane);
	}
	if (found)
	{
		size = *DatumGetIntervalP(sql_value(0, 2, &is_null));
		slide = *DatumGetIntervalP(sql_value(0, 3, &is_null));
		zone = sql_text(0, 4);
		window_clock_init(&clock, &slide, NULL, zone);
		start = latest_window(&clock, &size, final_before, Min(final_before, latest_pane));
	}
	sql_end(&scope);
	if (!found || TIMESTAMP_NOT_FINITE(start))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(start);
}
