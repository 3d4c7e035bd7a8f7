/*
 * build.c
 *		Capture's side of a build: handing over the cut, and the end.
 *
 *	 requested ──cut──▶ reading ──builder──▶ read ──position past the cut──▶ done (swapped in, or compared)
 *		 ▲                 │ builder died, or the source was truncated
 *		 └─────────────────┘
 *
 * The cut is taken at a position of the stream where everything decoded is flushed, with a snapshot that sees all of it.  So what
 *the cut does not see is exactly what capture decodes from then on, less the transactions between the position and the cut that it
 *does see (cut_contains), and the sum of both is the range as of any later position.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "base/sql.h"
#include "capture/build.h"
#include "capture/pane.h"
#include "capture/pane_table.h"
#include "capture/status.h"
#include "capture/stream.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

#define OFFER_WAIT_MS 5000
#define MAX_ATTEMPTS 5
#define CURSOR_BATCH 50

bool
build_has_builder(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	bool		running;

	if (status == NULL)
		return false;
	running = status->builder_pid != 0;
	status_unlock();
	return running;
}

static ActiveBuild *
find_build(List *monitors, int build_id)
{
	ListCell   *cell;

	foreach(cell, monitors)
	{
		ListCell   *build_cell;

		foreach(build_cell, ((CapturedMonitor *) lfirst(cell))->builds)
			if (((ActiveBuild *) lfirst(build_cell))->build_id == build_id)
				return lfirst(build_cell);
	}
	return NULL;
}

/* False when somebody has the monitor's state locked, because he is dropping or altering it: capture waits for nobody. */
static bool
lock_state(int monitor_id)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);

	return sql_execute("SELECT FROM weir.monitor_state WHERE monitor_id = $1 FOR UPDATE SKIP LOCKED", 1, &type, &value, NULL) == 1;
}

/* ---- handing over ---- */

/* Tells the builder; returns true when it took the snapshot. */
static bool
offer(const char *snapshot)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), OFFER_WAIT_MS);
	CaptureStatus *status = status_lock(MyDatabaseId);
	bool		taken = false;
	bool		waiting = status->rendezvous == RENDEZVOUS_WANTED;

	if (waiting)
	{
		strlcpy(status->snapshot, snapshot, CAPTURE_SNAPSHOT_LENGTH);
		status->rendezvous = RENDEZVOUS_OFFERED;
		SetLatch(status->builder_latch);
	}
	status_unlock();
	while (waiting && !taken && GetCurrentTimestamp() < end)
	{
		worker_wait(10);
		status = status_lock(MyDatabaseId);
		taken = status->rendezvous == RENDEZVOUS_TAKEN;
		waiting = taken || status->rendezvous == RENDEZVOUS_OFFERED;
		status_unlock();
	}
	status = status_lock(MyDatabaseId);
	if (status->builder_pid != 0)
		status->rendezvous = RENDEZVOUS_NONE;
	status_unlock();
	return taken;
}

bool
build_hand_over_cut(List *monitors)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	ActiveBuild *build = NULL;
	Snapshot	snapshot;
	char	   *name;
	SqlScope	scope;
	Oid			types[] = {INT4OID, LSNOID};
	Datum		values[2];

	if (status->rendezvous == RENDEZVOUS_WANTED)
		build = find_build(monitors, status->build_id);
	status_unlock();
	if (build == NULL || build->state != BUILD_REQUESTED)
		return false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	XactIsoLevel = XACT_REPEATABLE_READ;
	snapshot = GetTransactionSnapshot();
	if (!stream_is_within(snapshot))
	{
		/* A transaction is in the stream already and not yet visible: soon, or when its standby answers. */
		AbortCurrentTransaction();
		return false;
	}
	name = ExportSnapshot(snapshot);
	values[0] = Int32GetDatum(build->build_id);
	values[1] = LSNGetDatum(GetXLogInsertRecPtr());
	sql_begin(&scope);
	if (!lock_state(build->monitor_id))
	{
		sql_end(&scope);
		AbortCurrentTransaction();
		return false;
	}
	sql_execute(
		"UPDATE weir.build SET state = 'reading', cut = pg_catalog.pg_current_snapshot(), cut_lsn = $2, attempt = attempt + 1, "
		"started_at = pg_catalog.clock_timestamp() WHERE build_id = $1",
		2, types, values, NULL);
	sql_execute("DELETE FROM weir.pane WHERE generation = $1", 1, types, values, NULL);
	sql_execute(
		"UPDATE weir.monitor_state SET state = 'building' WHERE monitor_id = (SELECT monitor_id FROM weir.build WHERE build_id = $1) "
		"AND state = 'starting'",
		1, types, values, NULL);
	sql_end(&scope);
	if (!offer(name))
	{
		AbortCurrentTransaction();
		return false;
	}
	CommitTransactionCommand();
	pane_forget(build->monitor_id, build->build_id);
	return true;
}

/* ---- the end ---- */

/* SPI parameters that every statement about a build shares: $1 monitor, $2 generation, $3 since, $4 until. */
static uint64
execute_for_build(const char *statement, const ActiveBuild *build)
{
	Oid			types[] = {INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(build->monitor_id), Int32GetDatum(build->build_id), TimestampTzGetDatum(build->since),
					  TimestampTzGetDatum(build->until)};

	return sql_execute(statement, 4, types, values, NULL);
}

#define LIVE_IN_RANGE " monitor_id = $1 AND generation = 0 AND pane_start >= $3 AND pane_start < $4"
#define SHADOW " monitor_id = $1 AND generation = $2"

/* All rows of one slice and segment, put together: what the table has as of the present position. */
typedef struct Slice
{
	bool		open;
	TimestampTz start;
	Datum		segment;
	char	   *segment_text;
	PanePart	shadow;
	PanePart	live;
	bool		has_live;
	PaneRow		live_row;
} Slice;

typedef struct Comparison
{
	int64		panes;
	int64		equal;
	int64		different;
	int64		marked;
	char	   *first_difference;
} Comparison;

static void
finish_slice(CapturedMonitor *monitor, Slice *slice, Comparison *comparison)
{
	char	   *difference = NULL;

	if (!slice->open)
		return;
	if (slice->shadow.n != 0 || (slice->has_live && slice->live.n != 0))
	{
		comparison->panes++;
		if (slice->has_live && slice->live_row.marks != 0)
			comparison->marked++;
		else if (pane_part_equal(monitor, &slice->live, &slice->shadow, comparison->first_difference ? NULL : &difference))
			comparison->equal++;
		else
		{
			comparison->different++;
			if (comparison->first_difference == NULL)
				comparison->first_difference =
					psprintf("pane %s, segment %s: %s", timestamptz_to_str(slice->start), slice->segment_text, difference);
		}
	}
	pane_part_close(monitor, &slice->shadow);
	pane_part_close(monitor, &slice->live);
	memset(slice, 0, sizeof(Slice));
}

static void
add_to_slice(CapturedMonitor *monitor, Slice *slice, const PaneRow *row, const char *segment_text)
{
	PanePart	part;

	if (!slice->open)
	{
		slice->open = true;
		slice->start = row->start;
		slice->segment_text = pstrdup(segment_text);
	}
	if (!pane_table_decode(monitor, row, &part))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a pane of monitor \"%s\" does not have the monitor's columns", monitor->name)));
	if (row->generation == 0)
	{
		slice->live = part;
		slice->has_live = true;
		slice->live_row = *row;
		return;
	}
	if (row->part == 'r')
		pane_part_subtract(monitor, &slice->shadow, &part);
	else
		pane_part_merge(monitor, &slice->shadow, &part);
	pane_part_close(monitor, &part);
}

/* Calls back for every slice of the range, parts in the order a, b, r so that what is subtracted is there. */
static void
compare_panes(CapturedMonitor *monitor, ActiveBuild *build, Comparison *comparison)
{
	Oid			types[] = {INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(build->monitor_id), Int32GetDatum(build->build_id), TimestampTzGetDatum(build->since),
					  TimestampTzGetDatum(build->until)};
	/* Not read-only: it must see what this transaction has just flushed. */
	Portal		portal =
		SPI_cursor_open_with_args(NULL,
								  "SELECT " PANE_TABLE_COLUMNS ", segment::text AS segment_text FROM weir.pane "
								  "WHERE monitor_id = $1 AND generation IN (0, $2) AND pane_start >= $3 AND pane_start < $4 "
								  "ORDER BY pane_start, segment, generation, part",
								  4, types, values, NULL, false, 0);
	Slice		slice = {0};

	for (;;)
	{
		SPI_cursor_fetch(portal, true, CURSOR_BATCH);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			PaneRow		row;
			char	   *segment_text = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 12);

			pane_table_row(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, &row);
			if (slice.open && (slice.start != row.start || strcmp(slice.segment_text, segment_text) != 0))
				finish_slice(monitor, &slice, comparison);
			add_to_slice(monitor, &slice, &row, segment_text);
		}
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	}
	finish_slice(monitor, &slice, comparison);
	SPI_cursor_close(portal);
}

static void
finish_verify(CapturedMonitor *monitor, ActiveBuild *build, XLogRecPtr position)
{
	Comparison	comparison = {0};
	Oid			types[] = {INT4OID, INT8OID, INT8OID, INT8OID, INT8OID, LSNOID, TEXTOID};
	Datum		values[7];

	compare_panes(monitor, build, &comparison);
	values[0] = Int32GetDatum(build->build_id);
	values[1] = Int64GetDatum(comparison.panes);
	values[2] = Int64GetDatum(comparison.equal);
	values[3] = Int64GetDatum(comparison.different);
	values[4] = Int64GetDatum(comparison.marked);
	values[5] = LSNGetDatum(position);
	values[6] = comparison.first_difference ? CStringGetTextDatum(comparison.first_difference) : (Datum) 0;
	sql_execute(
		"UPDATE weir.build SET panes = $2, equal = $3, different = $4, marked = $5, compared_lsn = $6, first_difference = $7 "
		"WHERE build_id = $1",
		7, types, values, comparison.first_difference ? NULL : "      n");
	execute_for_build("DELETE FROM weir.pane WHERE" SHADOW, build);
}

/* Replaces the live panes of the range by the shadow's; panes that hold rows which the table has deleted stay as they are. */
static void
swap(CapturedMonitor *monitor, ActiveBuild *build)
{
	uint64		n;
	SPITupleTable *table;

	execute_for_build(
		"DELETE FROM weir.pane s USING weir.pane l WHERE s.monitor_id = $1 AND s.generation = $2 AND l.monitor_id = $1 "
		"AND l.generation = 0 AND l.pane_start = s.pane_start AND l.segment = s.segment AND l.marks & 2 <> 0",
		build);
	execute_for_build("UPDATE weir.pane s SET n_late = l.n_late FROM weir.pane l WHERE s.monitor_id = $1 AND s.generation = $2 "
					  "AND l.monitor_id = $1 AND l.generation = 0 AND l.pane_start = s.pane_start AND l.segment = s.segment",
					  build);
	execute_for_build("DELETE FROM weir.pane WHERE" LIVE_IN_RANGE " AND marks & 2 = 0", build);
	n = execute_for_build("SELECT DISTINCT pane_start, segment FROM weir.pane WHERE" SHADOW " AND part <> 'b'", build);
	table = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		const char	parts[] = {'b', 'a', 'r'};
		bool		is_null;
		PanePart	sum = {0};
		PaneRow		row = {.monitor_id = build->monitor_id, .generation = build->build_id};
		int			marks = 0;
		int64		n_late = 0;

		row.start = DatumGetTimestampTz(SPI_getbinval(table->vals[i], table->tupdesc, 1, &is_null));
		row.segment = SPI_getbinval(table->vals[i], table->tupdesc, 2, &is_null);
		for (int p = 0; p < 3; p++)
		{
			PanePart	part;
			PaneRow		stored = row;

			stored.part = parts[p];
			if (!pane_table_read(&stored))
				continue;
			if (!pane_table_decode(monitor, &stored, &part))
				elog(ERROR, "a built pane of monitor %d has another shape", monitor->monitor_id);
			if (parts[p] == 'r')
				pane_part_subtract(monitor, &sum, &part);
			else
				pane_part_merge(monitor, &sum, &part);
			pane_part_close(monitor, &part);
			marks |= stored.marks;
			n_late = Max(n_late, stored.n_late);
			pane_table_delete(&stored);
		}
		row.generation = 0;
		row.part = 'b';
		row.marks = marks;
		row.n_late = n_late;
		pane_part_open(monitor, &sum);
		pane_table_encode(monitor, &sum, &row);
		pane_table_write(&row);
		pane_part_close(monitor, &sum);
		CHECK_FOR_INTERRUPTS();
	}
	execute_for_build("UPDATE weir.pane SET generation = 0, updated_at = pg_catalog.clock_timestamp() WHERE" SHADOW, build);

	/* Whatever was cached of the range is not what the table has any more. */
	pane_forget(build->monitor_id, 0);
}

/* False when it has to be tried again later. */
static bool
finish(CapturedMonitor *monitor, ActiveBuild *build, XLogRecPtr position)
{
	if (!lock_state(build->monitor_id))
		return false;
	if (build->kind == BUILD_VERIFY)
		finish_verify(monitor, build, position);
	else
	{
		swap(monitor, build);
		execute_for_build("UPDATE weir.monitor_state s SET state = 'active', reason = NULL, "
						  "inexact_since = CASE WHEN $3 = '-infinity' AND $4 = 'infinity' THEN NULL ELSE s.inexact_since END "
						  "WHERE s.monitor_id = $1",
						  build);
		/* The watermark of rows that were there before. */
		execute_for_build(
			"UPDATE weir.monitor_state s SET watermark = greatest(s.watermark, least(pg_catalog.clock_timestamp(), p.latest)) "
			"FROM (SELECT max(pane_start) AS latest FROM weir.pane WHERE" LIVE_IN_RANGE ") p "
			"WHERE s.monitor_id = $1 AND p.latest IS NOT NULL",
			build);
	}
	execute_for_build("UPDATE weir.build SET state = 'done', finished_at = pg_catalog.clock_timestamp() "
					  "WHERE build_id = $2",
					  build);
	execute_for_build("UPDATE weir.gap SET healed_at = pg_catalog.clock_timestamp() WHERE healed_at IS NULL AND NOT EXISTS "
					  "(SELECT FROM weir.build b JOIN weir.monitor_state s USING (monitor_id) WHERE b.kind <> 'verify' "
					  "AND b.state NOT IN ('done', 'failed') AND s.state <> 'disabled')",
					  build);
	/* Some are kept, to be looked at. */
	execute_for_build("DELETE FROM weir.build WHERE monitor_id = $1 AND state IN ('done', 'failed') AND build_id NOT IN "
					  "(SELECT build_id FROM weir.build WHERE monitor_id = $1 ORDER BY build_id DESC LIMIT 20)",
					  build);
	pane_forget(build->monitor_id, build->build_id);
	return true;
}

/* The builder died: once more, up to a point. */
static void
begin_again(ActiveBuild *build)
{
	const char *statement = build->attempt < MAX_ATTEMPTS
		? "UPDATE weir.build SET state = 'requested', cut = NULL, cut_lsn = NULL WHERE build_id = $2"
		: "UPDATE weir.build SET state = 'failed', error = 'the builder died too often', "
		  "finished_at = pg_catalog.clock_timestamp() "
		  "WHERE build_id = $2";

	execute_for_build(statement, build);
	if (build->attempt >= MAX_ATTEMPTS && build->kind != BUILD_VERIFY && lock_state(build->monitor_id))
		execute_for_build(
			"UPDATE weir.monitor_state SET state = 'disabled', reason = 'the builder died too often' WHERE monitor_id = $1", build);
	execute_for_build("DELETE FROM weir.pane WHERE" SHADOW, build);
	pane_forget(build->monitor_id, build->build_id);
}

bool
build_advance(List *monitors, XLogRecPtr position, bool has_builder)
{
	ListCell   *cell;
	bool		changed = false;

	foreach(cell, monitors)
	{
		CapturedMonitor *monitor = lfirst(cell);
		ListCell   *build_cell;

		foreach(build_cell, monitor->builds)
		{
			ActiveBuild *build = lfirst(build_cell);

			definition_blame(monitor->monitor_id);
			if (build->state == BUILD_READ && position >= build->cut_lsn)
				changed |= finish(monitor, build, position);
			else if (build->state == BUILD_READING && !has_builder)
			{
				begin_again(build);
				changed = true;
			}
		}
	}
	definition_blame(0);
	return changed;
}
