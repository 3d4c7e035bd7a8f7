/*
 * retention.c
 *		What becomes of old panes: option roll_up merges them into coarser ones, retention gives them up.
 *
 * Both count from the watermark.  A monitor with a build under way waits: its shadow panes have the sizes of the live ones, and
 * what is given up must be neither compared nor brought back.
 */
#include "postgres.h"

#include "base/sql.h"
#include "capture/definition.h"
#include "capture/level.h"
#include "capture/other.h"
#include "capture/pane.h"
#include "capture/pane_table.h"
#include "capture/retention.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define PERIOD_MS 10000
#define NEXT_STEP_MS 200
#define STEP_MS 50 /* of rolling up, in one flush */
#define CURSOR_BATCH 20

static uint64
execute_for_range(const char *statement, int monitor_id, TimestampTz since, TimestampTz until)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(monitor_id), TimestampTzGetDatum(since), TimestampTzGetDatum(until)};

	return sql_execute(statement, lengthof(types), types, values, NULL);
}

/* Monitors that are active, with a watermark, without a build, and with a state that nobody has locked. */
#define QUIET_MONITORS \
	"weir.monitor_state s JOIN weir.monitor m USING (monitor_id) WHERE s.watermark > '0001-01-01' AND s.state = 'active' " \
	"AND NOT EXISTS (SELECT FROM weir.build b WHERE b.monitor_id = m.monitor_id AND b.state NOT IN ('done', 'failed')) "

/* ---- giving up ---- */

static void
give_up(CapturedMonitor *monitor, TimestampTz before)
{
	execute_for_range("UPDATE weir.monitor_state SET expired_before = $2 WHERE monitor_id = $1", monitor->monitor_id, before,
					  before);
	execute_for_range("DELETE FROM weir.pane WHERE monitor_id = $1 AND generation = 0 AND pane_start < $2", monitor->monitor_id,
					  before, before);
	monitor->expired_before = before;
	pane_forget(monitor->monitor_id, 0);
}

/* That of the monitor, or of the class of one of its columns. */
#define RETENTION \
	"least(m.retention, (SELECT min(k.retention) FROM weir.class_retention k JOIN weir.monitor_column c USING (class)" \
	" WHERE c.monitor_id = m.monitor_id))"

static void
expire(List *monitors)
{
	/* To whole panes of the coarsest size, so that none is given up in part. */
	uint64		n =
		sql_execute("SELECT s.monitor_id, weir.tumble(s.watermark - " RETENTION
					", coalesce((SELECT max(r.size) FROM (SELECT l.pane_size AS size "
					"FROM weir.pane_level l WHERE l.monitor_id = m.monitor_id UNION ALL SELECT (r.value ->> 'size')::interval "
					"FROM jsonb_array_elements(m.options -> 'roll_up') r) r), m.pane_size), NULL, m.time_zone) FROM " QUIET_MONITORS
					"AND " RETENTION " < interval '1000 years' FOR UPDATE OF s SKIP LOCKED",
					0, NULL, NULL, NULL);
	SPITupleTable *table = SPI_tuptable;

	for (uint64 row = 0; row < n; row++)
	{
		bool		is_null;
		CapturedMonitor *monitor =
			definition_find(monitors, DatumGetInt32(SPI_getbinval(table->vals[row], table->tupdesc, 1, &is_null)));
		TimestampTz bound = DatumGetTimestampTz(SPI_getbinval(table->vals[row], table->tupdesc, 2, &is_null));

		if (monitor != NULL && !is_null && bound > monitor->expired_before)
			give_up(monitor, bound);
	}
}

/* ---- rolling up ---- */

/* The pane of one segment that is growing from finer ones. */
typedef struct CoarsePane
{
	bool		open;
	char	   *segment_text;
	PanePart	part;
	PaneRow		row;
	MemoryContext context;		/* of the segment */
} CoarsePane;

static void
finish_coarse_pane(CapturedMonitor *monitor, CoarsePane *pane)
{
	if (!pane->open)
		return;
	pane_table_encode(monitor, &pane->part, &pane->row);
	pane_table_write(&pane->row);
	pane_part_close(monitor, &pane->part);
	MemoryContextReset(pane->context);
	pane->open = false;
}

static void
add_fine_pane(CapturedMonitor *monitor, CoarsePane *pane, HeapTuple tuple, TupleDesc shape, TimestampTz start)
{
	PaneRow		row;
	PanePart	part;
	char	   *segment_text = SPI_getvalue(tuple, shape, 12);

	pane_table_row(tuple, shape, &row);
	if (pane->open && strcmp(pane->segment_text, segment_text) != 0)
		finish_coarse_pane(monitor, pane);
	if (!pane->open)
	{
		MemoryContext old = MemoryContextSwitchTo(pane->context);

		pane->open = true;
		pane->segment_text = pstrdup(segment_text);
		pane->row = (PaneRow){.monitor_id = monitor->monitor_id, .start = start, .part = 'b'};
		pane->row.segment = PointerGetDatum(DatumGetArrayTypePCopy(row.segment));
		memset(&pane->part, 0, sizeof(PanePart));
		pane_part_open(monitor, &pane->part);
		MemoryContextSwitchTo(old);
	}
	pane_table_decode(monitor, &row, &part);
	pane_part_merge(monitor, &pane->part, &part);
	pane_part_close(monitor, &part);
	pane->row.marks |= row.marks;
	pane->row.n_late += row.n_late;
}

/* Merges the panes of [start, end), by segment.  The monitor's levels say already that they are one. */
static void
merge_panes(CapturedMonitor *monitor, TimestampTz start, TimestampTz end)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(monitor->monitor_id), TimestampTzGetDatum(start), TimestampTzGetDatum(end)};
	CoarsePane	pane = {.context = AllocSetContextCreate(CurrentMemoryContext, "weir roll-up", ALLOCSET_DEFAULT_SIZES)};
	MemoryContext temporary = AllocSetContextCreate(CurrentMemoryContext, "weir pane", ALLOCSET_DEFAULT_SIZES);
	Portal		portal =
		SPI_cursor_open_with_args(NULL,
								  "SELECT " PANE_TABLE_COLUMNS
								  ", segment::text AS segment_text FROM weir.pane WHERE monitor_id = $1 "
								  "AND generation = 0 AND pane_start >= $2 AND pane_start < $3 ORDER BY segment, pane_start",
								  lengthof(types), types, values, NULL, false, 0);

	for (;;)
	{
		SPITupleTable *table;
		uint64		n;

		SPI_cursor_fetch(portal, true, CURSOR_BATCH);
		table = SPI_tuptable;
		n = SPI_processed;
		for (uint64 i = 0; i < n; i++)
		{
			MemoryContext old = MemoryContextSwitchTo(temporary);

			add_fine_pane(monitor, &pane, table->vals[i], table->tupdesc, start);
			MemoryContextSwitchTo(old);
			MemoryContextReset(temporary);
		}
		SPI_freetuptable(table);
		if (n == 0)
			break;
		CHECK_FOR_INTERRUPTS();
	}
	finish_coarse_pane(monitor, &pane);
	SPI_cursor_close(portal);
	/* The coarse ones stand in the place of the first. */
	execute_for_range("DELETE FROM weir.pane WHERE monitor_id = $1 AND generation = 0 AND pane_start > $2 AND pane_start < $3",
					  monitor->monitor_id, start, end);
	MemoryContextDelete(pane.context);
	MemoryContextDelete(temporary);
}

/* Up to where panes have this size already, or a coarser one. */
static TimestampTz
rolled_up_before(int monitor_id, Interval *size)
{
	Oid			types[] = {INT4OID, INTERVALOID};
	Datum		values[] = {Int32GetDatum(monitor_id), IntervalPGetDatum(size)};
	bool		is_null;

	sql_execute("SELECT coalesce(max(before), '-infinity') FROM weir.pane_level WHERE monitor_id = $1 AND pane_size >= $2", 2,
				types, values, NULL);
	return DatumGetTimestampTz(sql_value(0, 1, &is_null));
}

/* Where panes begin that are to be rolled up next; false when there are none before the bound. */
static bool
next_fine_pane(int monitor_id, TimestampTz since, TimestampTz bound, TimestampTz *start)
{
	bool		is_null;

	execute_for_range("SELECT min(pane_start) FROM weir.pane WHERE monitor_id = $1 AND generation = 0 AND pane_start >= $2 "
					  "AND pane_start < $3",
					  monitor_id, since, bound);
	*start = DatumGetTimestampTz(sql_value(0, 1, &is_null));
	return !is_null;
}

static void
store_level(CapturedMonitor *monitor, Interval *size, TimestampTz before)
{
	Oid			types[] = {INT4OID, INTERVALOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(monitor->monitor_id), IntervalPGetDatum(size), TimestampTzGetDatum(before)};

	sql_execute("INSERT INTO weir.pane_level (monitor_id, pane_size, before) VALUES ($1, $2, $3) "
				"ON CONFLICT (monitor_id, pane_size) DO UPDATE SET before = $3",
				3, types, values, NULL);
	level_load(monitor, GetMemoryChunkContext(monitor));
}

/* Moves the level's bound towards the new one, slice by slice. False when the time was up before that. */
static bool
roll_up(CapturedMonitor *monitor, Interval *size, TimestampTz bound, TimestampTz end_of_step)
{
	TimestampTz before = rolled_up_before(monitor->monitor_id, size);
	WindowClock clock;
	TimestampTz first;

	if (bound <= before)
		return true;

	window_clock_init(&clock, size, NULL, monitor->time_zone);
	while (next_fine_pane(monitor->monitor_id, before, bound, &first))
	{
		TimestampTz start = window_start(&clock, first);
		TimestampTz end = window_next(&clock, start);

		if (GetCurrentTimestamp() >= end_of_step)
			return false;
		store_level(monitor, size, end);
		/* A part of it was given up, before this size was in the policy: the rest cannot be told apart any more. */
		if (start < monitor->expired_before)
			give_up(monitor, end);
		else
		{
			merge_panes(monitor, start, end);
			(void) other_limit(monitor, start, end);
		}
		before = end;
	}
	store_level(monitor, size, bound);
	return true;
}

/* The coarsest first, so that a pane is merged once where it may be.  False when there is more to do. */
static bool
roll_up_all(List *monitors)
{
	TimestampTz end_of_step = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), STEP_MS);
	uint64		n = sql_execute("SELECT q.monitor_id, r.size, weir.tumble(q.watermark - r.after, r.size, NULL, q.time_zone) "
						   "FROM (SELECT m.monitor_id, m.options, m.time_zone, s.watermark FROM " QUIET_MONITORS
						   "AND m.options ? 'roll_up' FOR UPDATE OF s SKIP LOCKED) q, "
						   "LATERAL (SELECT (e.value ->> 'size')::interval AS size, (e.value ->> 'after')::interval AS after "
						   "FROM jsonb_array_elements(q.options -> 'roll_up') e) r ORDER BY q.monitor_id, r.size DESC",
						   0, NULL, NULL, NULL);
	SPITupleTable *table = SPI_tuptable;

	for (uint64 row = 0; row < n; row++)
	{
		HeapTuple	tuple = table->vals[row];
		bool		is_null;
		CapturedMonitor *monitor = definition_find(monitors, DatumGetInt32(SPI_getbinval(tuple, table->tupdesc, 1, &is_null)));
		Interval   *size = DatumGetIntervalP(SPI_getbinval(tuple, table->tupdesc, 2, &is_null));
		TimestampTz bound = DatumGetTimestampTz(SPI_getbinval(tuple, table->tupdesc, 3, &is_null));
		bool		is_done;

		if (monitor == NULL || is_null)
			continue;
		definition_blame(monitor->monitor_id);
		pane_forget(monitor->monitor_id, 0);
		is_done = roll_up(monitor, size, bound, end_of_step);
		definition_blame(0);
		if (!is_done)
			return false;
	}
	return true;
}

void
retention_apply(List *monitors)
{
	static TimestampTz next = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (now < next)
		return;
	next = TimestampTzPlusMilliseconds(now, PERIOD_MS);
	expire(monitors);
	if (!roll_up_all(monitors))
		next = TimestampTzPlusMilliseconds(now, NEXT_STEP_MS);
}
