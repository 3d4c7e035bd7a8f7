/*
 * level.c
 *		Which pane a time falls into: of the monitor's pane size, or of a coarser one where panes are older.
 */
#include "postgres.h"

#include "base/sql.h"
#include "capture/level.h"
#include "catalog/pg_type.h"
#include "utils/timestamp.h"

/* About: months and local days differ, and what is remembered in a wrong place is only not found. */
static int64
usual_length(const WindowClock *clock)
{
	return clock->microseconds + (clock->days + (int64) clock->months * DAYS_PER_MONTH) * USECS_PER_DAY;
}

static void
forget_bounds(CapturedMonitor *monitor)
{
	memset(monitor->recent_bounds, 0, sizeof(monitor->recent_bounds));
	monitor->bounds_origin = window_start(&monitor->pane_clock, 0);
	monitor->bounds_reciprocal = PG_UINT64_MAX / (uint64) usual_length(&monitor->pane_clock) + 1;
}

void
level_load(CapturedMonitor *monitor, MemoryContext context)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor->monitor_id);
	uint64		n =
		sql_execute("SELECT pane_size, before FROM weir.pane_level WHERE monitor_id = $1 ORDER BY before", 1, &type, &value, NULL);

	if (monitor->levels != NULL)
		pfree(monitor->levels);
	monitor->n_levels = 0;
	monitor->levels = MemoryContextAllocZero(context, sizeof(PaneLevel) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		PaneLevel  *level = &monitor->levels[monitor->n_levels++];
		bool		is_null;

		window_clock_init(&level->clock, DatumGetIntervalP(sql_value(i, 1, &is_null)), NULL, monitor->time_zone);
		level->before = DatumGetTimestampTz(sql_value(i, 2, &is_null));
	}
	forget_bounds(monitor);
}

static const WindowClock *
clock_at(const CapturedMonitor *monitor, TimestampTz ts)
{
	for (int i = 0; i < monitor->n_levels; i++)
		if (ts < monitor->levels[i].before)
			return &monitor->levels[i].clock;
	return &monitor->pane_clock;
}

void
level_find(const CapturedMonitor *monitor, TimestampTz ts, PaneBounds *bounds)
{
	const WindowClock *clock = clock_at(monitor, ts);

	bounds->start = window_start(clock, ts);
	bounds->end = window_next(clock, bounds->start);
}

TimestampTz
level_start(const CapturedMonitor *monitor, TimestampTz ts)
{
	return window_start(clock_at(monitor, ts), ts);
}

TimestampTz
level_end(const CapturedMonitor *monitor, TimestampTz ts)
{
	const WindowClock *clock = clock_at(monitor, ts);

	return TIMESTAMP_NOT_FINITE(ts) ? ts : window_next(clock, window_start(clock, ts));
}

TimestampTz
level_ceiling(const CapturedMonitor *monitor, TimestampTz ts)
{
	return level_start(monitor, ts) == ts ? ts : level_end(monitor, ts);
}

bool
level_is_coarse(const CapturedMonitor *monitor, TimestampTz start, TimestampTz *end)
{
	const WindowClock *clock = clock_at(monitor, start);

	*end = window_next(clock, start);
	return clock != &monitor->pane_clock;
}
