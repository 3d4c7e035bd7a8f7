/*
 * build.c
 *		Capture's side of a build: handing slices with their cuts to builders, and seeing them to their end.
 *
 * A build reads a range of event time again.  A builder plans it as slices; each slice goes its own way, so that no snapshot is old
 * for long and a crash costs the slices under way only:
 *
 *	 requested ──cut──▶ reading ──builder──▶ read ──position past the cut──▶ done (swapped in, or compared)
 *		 ▲                 │ builder died, or the source was truncated
 *		 └─────────────────┘
 *
 * The cut is taken at a position of the stream where everything decoded is flushed, with a snapshot that sees all of it.  So what
 * the cut does not see is exactly what capture decodes from then on, less the transactions between the position and the cut that it
 * does see (cut_contains), and the sum of both is the slice as of any later position.  Slices are disjoint ranges of event time,
 *each row image belongs to one of them by its time alone, and each has its own cut: a row that moves from one slice to another is
 * removed from the first iff its transaction is not in the first's cut, and added to the second iff it is not in the second's; in
 * both cases that is what the slice, as it was read, lacks.  So every slice is exact by itself, whatever the others do.
 *
 * The panes of a slice are of a generation of their own, new with every cut: what a builder leaves behind that was given up
 * meanwhile mixes with nothing.
 */
#include "postgres.h"

#include "base/sql.h"
#include "capture/build.h"
#include "capture/fault.h"
#include "capture/gap.h"
#include "capture/other.h"
#include "capture/pane.h"
#include "capture/settings.h"
#include "capture/status.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

/* Flushes for the sake of builds that came to nothing are tried again later and later. */
#define LEAST_VAIN_MS 100
#define MOST_VAIN_MS 3200

#define MAX_ATTEMPTS 5
#define BUILDER_RETRY_MS 100
#define NO_SLOT_RETRY_MS 5000

/* ---- all builds ---- */

ActiveBuild *
build_next(BuildCursor *cursor)
{
	for (; cursor->next_monitor < list_length(cursor->monitors); build_leave_monitor(cursor))
	{
		cursor->monitor = list_nth(cursor->monitors, cursor->next_monitor);
		if (cursor->next_build < list_length(cursor->monitor->builds))
			return list_nth(cursor->monitor->builds, cursor->next_build++);
	}
	return NULL;
}

void
build_leave_monitor(BuildCursor *cursor)
{
	cursor->next_monitor++;
	cursor->next_build = 0;
}

/* ---- builders ---- */

typedef struct BusyBuilder
{
	int			build;
	int			slice;
	int			generation;
} BusyBuilder;

static BusyBuilder busy_builders[CAPTURE_MAX_BUILDERS];

void
build_note_builders(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);

	memset(busy_builders, 0, sizeof(busy_builders));
	if (status == NULL)
		return;
	for (int i = 0; i < CAPTURE_MAX_BUILDERS; i++)
		if (status->builders[i].pid != 0)
			busy_builders[i] = (BusyBuilder){.build = status->builders[i].build,
											 .slice = status->builders[i].slice,
											 .generation = status->builders[i].generation};
	status_unlock();
}

static bool
is_with_a_builder(const ActiveBuild *slice)
{
	for (int i = 0; i < CAPTURE_MAX_BUILDERS; i++)
		if (busy_builders[i].build == slice->number && busy_builders[i].slice == slice->slice &&
			busy_builders[i].generation == slice->generation)
			return true;
	return false;
}

/* Verify waits for that, see BUILD_MAY_BEGIN. */
static bool
is_being_made(const CapturedMonitor *monitor)
{
	ListCell   *cell;

	foreach(cell, monitor->builds)
	{
		BuildKind	kind = ((ActiveBuild *) lfirst(cell))->kind;

		if (kind == BUILD_INITIAL || kind == BUILD_HEAL)
			return true;
	}
	return false;
}

bool
build_waits_for_builder(const CapturedMonitor *monitor, const ActiveBuild *slice)
{
	return slice->state == BUILD_REQUESTED && !(slice->kind == BUILD_VERIFY && is_being_made(monitor));
}

static bool
has_slices(List *monitors, bool only_requested)
{
	BuildCursor cursor = {.monitors = monitors};
	ActiveBuild *build;

	while ((build = build_next(&cursor)) != NULL)
		if (!only_requested || build_waits_for_builder(cursor.monitor, build))
			return true;
	return false;
}

bool
build_is_under_way(List *monitors)
{
	return has_slices(monitors, false);
}

static int
running_builders(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	int			n = 0;

	if (status == NULL)
		return CAPTURE_MAX_BUILDERS;
	for (int i = 0; i < CAPTURE_MAX_BUILDERS; i++)
		n += status->builders[i].pid != 0;
	status_unlock();
	return n;
}

/* One at a time: the next when the last one has begun or ended. */
void
build_start_builders(List *monitors)
{
	static TimestampTz next = 0;
	static BackgroundWorkerHandle *handle = NULL;
	TimestampTz now = GetCurrentTimestamp();
	MemoryContext old;
	pid_t		pid;

	if (now < next || !has_slices(monitors, true) || running_builders() >= Min(build_workers, CAPTURE_MAX_BUILDERS))
		return;
	if (handle != NULL && GetBackgroundWorkerPid(handle, &pid) == BGWH_NOT_YET_STARTED)
		return;
	if (handle != NULL)
		pfree(handle);
	handle = NULL;
	next = TimestampTzPlusMilliseconds(now, BUILDER_RETRY_MS);
	old = MemoryContextSwitchTo(TopMemoryContext);
	if (!worker_start_one_off("builder", InvalidOid, 0, &handle))
	{
		handle = NULL;
		next = TimestampTzPlusMilliseconds(now, NO_SLOT_RETRY_MS);
		if (running_builders() == 0)
			ereport(LOG,
					(errmsg("weir could not start its builder: no background worker slot is free"),
					 errhint("Raise max_worker_processes.")));
	}
	MemoryContextSwitchTo(old);
}

/* ---- statements ---- */

uint64
build_execute(const char *statement, const ActiveBuild *slice)
{
	Oid			types[] = {INT4OID, INT4OID, INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(slice->monitor_id), Int32GetDatum(slice->number),      Int32GetDatum(slice->slice),
					  Int32GetDatum(slice->generation), TimestampTzGetDatum(slice->since), TimestampTzGetDatum(slice->until)};

	return sql_execute(statement, lengthof(types), types, values, NULL);
}

/* False when somebody has the monitor's state locked, because he is dropping or altering it: capture waits for nobody. */
static bool
lock_state(int monitor_id)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);

	return sql_execute("SELECT FROM weir.monitor_state WHERE monitor_id = $1 FOR UPDATE SKIP LOCKED", 1, &type, &value, NULL) == 1;
}

/* ---- what a flush is wanted for ---- */

/* Somebody has the monitor locked, or a standby is silent.  What others wait for is not put off by that. */
void
build_note_try(CapturedMonitor *monitor, bool succeeded)
{
	monitor->vain_ms = succeeded ? 0 : Min(Max(2 * monitor->vain_ms, LEAST_VAIN_MS), MOST_VAIN_MS);
	monitor->next_try = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), monitor->vain_ms);
}

static bool
a_builder_waits(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	bool		found = false;

	for (int i = 0; i < CAPTURE_MAX_BUILDERS; i++)
		found |= status->builders[i].pid != 0 && status->builders[i].rendezvous == RENDEZVOUS_WANTED;
	status_unlock();
	return found;
}

static bool
may_be_finished(const CapturedMonitor *monitor, const ActiveBuild *slice, XLogRecPtr position)
{
	/* The builder may have read a table that DDL has changed since the cut. */
	return slice->state == BUILD_READ && position >= slice->cut_lsn && monitor->source_change_lsn == InvalidXLogRecPtr &&
		!(slice->kind == BUILD_VERIFY && is_being_made(monitor));
}

bool
build_wants_flush(List *monitors, XLogRecPtr position)
{
	BuildCursor cursor = {.monitors = monitors};
	ActiveBuild *slice;
	TimestampTz now = GetCurrentTimestamp();
	bool		wanted = a_builder_waits();

	while ((slice = build_next(&cursor)) != NULL)
	{
		if (now < cursor.monitor->next_try)
			build_leave_monitor(&cursor);
		else if (may_be_finished(cursor.monitor, slice, position) || (wanted && build_waits_for_builder(cursor.monitor, slice)))
			return true;
	}
	return false;
}

/* ---- the end ---- */

/* What the monitor and its gaps are told when the last slice is done. */
static void
finish_build(const ActiveBuild *slice)
{
	build_execute("UPDATE weir.build b SET state = 'done', finished_at = pg_catalog.clock_timestamp(), "
				  "rows_read = (SELECT sum(s.rows_read) FROM weir.build_slice s WHERE s.build_id = $2) WHERE build_id = $2",
				  slice);
	build_execute(
		"UPDATE weir.monitor_state s SET state = 'active', reason = NULL, "
		"inexact_since = CASE WHEN b.kind <> 'columns' AND b.since = '-infinity' AND b.until = 'infinity' THEN b.inexact_since "
		"ELSE s.inexact_since END "
		"FROM weir.build b WHERE b.build_id = $2 AND b.kind <> 'verify' AND s.monitor_id = b.monitor_id AND NOT EXISTS "
		"(SELECT FROM weir.build o WHERE o.monitor_id = $1 AND o.kind = 'build' AND o.state NOT IN ('done', 'failed'))",
		slice);
	gap_close_healed();
	build_execute("DELETE FROM weir.build_slice WHERE build_id = $2", slice);
	/* What slices left that were begun again. */
	build_execute("DELETE FROM weir.pane WHERE monitor_id = $1 AND generation NOT IN" BUILD_LASTING_GENERATIONS
				  "AND generation NOT IN (SELECT generation FROM weir.build_slice WHERE generation IS NOT NULL)",
				  slice);
	/* Some are kept, to be looked at. */
	build_execute(
		"DELETE FROM weir.build WHERE monitor_id = $1 AND state IN ('done', 'failed') AND build_id NOT IN "
		"(SELECT build_id FROM weir.build WHERE monitor_id = $1 AND state IN ('done', 'failed') ORDER BY build_id DESC LIMIT 20)",
		slice);
}

/* One step. False when it has to be tried again later. */
static bool
finish_slice(CapturedMonitor *monitor, const ActiveBuild *slice, XLogRecPtr position)
{
	ActiveBuild part = *slice;

	if (!lock_state(slice->monitor_id))
		return false;
	part.until = build_step_end(monitor, slice);
	other_adopt(monitor, &part);
	if (slice->kind == BUILD_VERIFY)
		build_compare_slice(monitor, &part, position);
	else if (slice->kind == BUILD_COLUMNS)
		build_complete_slice(monitor, &part);
	else
	{
		build_swap_slice(monitor, &part);
		/* The watermark of rows that were there before. */
		build_execute(
			"UPDATE weir.monitor_state s SET watermark = greatest(s.watermark, least(pg_catalog.clock_timestamp(), p.latest)) "
			"FROM (SELECT max(pane_start) AS latest FROM weir.pane WHERE monitor_id = $1 AND generation = 0 "
			"AND pane_start >= $5 AND pane_start < $6) p WHERE s.monitor_id = $1 AND p.latest IS NOT NULL",
			&part);
	}
	pane_forget(slice->monitor_id, slice->generation);
	build_drop_kept(&part);
	FAULT(FAULT_SLICE_STEP);
	if (part.until < slice->until)
	{
		build_execute("UPDATE weir.build_slice SET since = $6 WHERE build_id = $2 AND slice = $3", &part);
		return true;
	}
	build_execute("UPDATE weir.build_slice SET state = 'done', finished_at = pg_catalog.clock_timestamp() "
				  "WHERE build_id = $2 AND slice = $3",
				  slice);
	if (build_execute("SELECT FROM weir.build_slice WHERE build_id = $2 AND state <> 'done' LIMIT 1", slice) == 0)
		finish_build(slice);
	return true;
}

/* The builder died: the slice once more, up to a point. False when the build ended with it. */
static bool
begin_slice_again(const ActiveBuild *slice)
{
	build_execute("DELETE FROM weir.pane WHERE monitor_id = $1 AND generation = $4", slice);
	pane_forget(slice->monitor_id, slice->generation);
	if (slice->attempt < MAX_ATTEMPTS)
	{
		build_execute("UPDATE weir.build_slice SET state = 'requested', cut = NULL, cut_lsn = NULL, generation = NULL "
					  "WHERE build_id = $2 AND slice = $3",
					  slice);
		return true;
	}
	if (slice->kind != BUILD_VERIFY)
		definition_disable(slice->monitor_id, "the builder died too often");
	build_execute("UPDATE weir.build SET state = 'failed', error = 'the builder died too often', "
				  "finished_at = pg_catalog.clock_timestamp() WHERE build_id = $2",
				  slice);
	build_execute("DELETE FROM weir.pane WHERE generation IN (SELECT generation FROM weir.build_slice WHERE build_id = $2 "
				  "UNION ALL SELECT kept FROM weir.build WHERE build_id = $2)",
				  slice);
	build_execute("DELETE FROM weir.build_slice WHERE build_id = $2", slice);
	return false;
}

static bool took_step = false;

bool
build_took_step(void)
{
	return took_step;
}

bool
build_advance(List *monitors, XLogRecPtr position, bool is_flushed)
{
	BuildCursor cursor = {.monitors = monitors};
	ActiveBuild *slice;
	CapturedMonitor *locked = NULL;
	bool		changed = false;

	took_step = false;
	while ((slice = build_next(&cursor)) != NULL)
	{
		definition_blame(cursor.monitor->monitor_id);
		if (is_flushed && !took_step && cursor.monitor != locked && may_be_finished(cursor.monitor, slice, position))
		{
			changed |= took_step = finish_slice(cursor.monitor, slice, position);
			build_note_try(cursor.monitor, took_step);
			if (!took_step)
				locked = cursor.monitor;
		}
		else if (slice->state == BUILD_READING && !is_with_a_builder(slice))
		{
			changed = true;
			/* The other slices in the list went with it. */
			if (!begin_slice_again(slice))
				build_leave_monitor(&cursor);
		}
	}
	definition_blame(0);
	return changed;
}

static bool
is_among(int number, const int *numbers, int n)
{
	for (int i = 0; i < n; i++)
		if (numbers[i] == number)
			return true;
	return false;
}

static bool
has_a_builder(const CapturedMonitor *monitor, int build)
{
	ListCell   *cell;

	foreach(cell, monitor->builds)
		if (((ActiveBuild *) lfirst(cell))->number == build && is_with_a_builder(lfirst(cell)))
			return true;
	return false;
}

bool
build_abandon_verifications(List *monitors, const int *awaited, int n)
{
	BuildCursor cursor = {.monitors = monitors};
	ActiveBuild *slice;
	bool		found = false;

	while ((slice = build_next(&cursor)) != NULL)
	{
		/* What a builder is reading it reads to its end: then there is no other slice for it. */
		if (slice->kind != BUILD_VERIFY || is_among(slice->number, awaited, n) || has_a_builder(cursor.monitor, slice->number))
			continue;
		found = true;
		if (slice->generation != 0)
		{
			build_execute("DELETE FROM weir.pane WHERE monitor_id = $1 AND generation = $4", slice);
			pane_forget(slice->monitor_id, slice->generation);
		}
		build_execute("DELETE FROM weir.build_slice WHERE build_id = $2", slice);
		build_execute("UPDATE weir.build SET state = 'failed', error = 'nobody waits for it any more', "
					  "finished_at = pg_catalog.clock_timestamp() WHERE build_id = $2",
					  slice);
	}
	return found;
}

void
build_begin_slices_again(int monitor_id, TimestampTz since, TimestampTz until)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(monitor_id), TimestampTzGetDatum(since), TimestampTzGetDatum(until)};

	sql_execute(
		"UPDATE weir.build_slice s SET state = 'requested', cut = NULL, cut_lsn = NULL, generation = NULL FROM weir.build b "
		"WHERE b.build_id = s.build_id AND b.monitor_id = $1 AND s.state IN ('reading', 'read') AND s.since < $3 "
		"AND s.until > $2",
		3, types, values, NULL);
}

void
build_begin_again(int monitor_id)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);

	sql_execute("DELETE FROM weir.build_slice s USING weir.build b WHERE b.build_id = s.build_id AND $1 IN (0, b.monitor_id)", 1,
				&type, &value, NULL);
	sql_execute("UPDATE weir.build SET" BUILD_BEGINS_AGAIN "WHERE state = 'reading' AND $1 IN (0, monitor_id)", 1, &type, &value,
				NULL);
	sql_execute("DELETE FROM weir.pane WHERE $1 IN (0, monitor_id) AND generation NOT IN" BUILD_LASTING_GENERATIONS, 1, &type,
				&value, NULL);
}
