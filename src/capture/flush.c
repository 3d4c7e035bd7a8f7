/*
 * flush.c
 *		Writes what was folded: panes, states of monitors and the position, in one transaction.
 */
#include "postgres.h"

#include "base/sql.h"
#include "capture/build.h"
#include "capture/capture.h"
#include "capture/fault.h"
#include "capture/flush.h"
#include "capture/level.h"
#include "capture/fold.h"
#include "capture/other.h"
#include "capture/generation.h"
#include "capture/label_change.h"
#include "capture/learner_change.h"
#include "capture/pane.h"
#include "capture/pane_table.h"
#include "capture/partial.h"
#include "capture/settings.h"
#include "capture/stream.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

static uint64 rows_told = 0;

bool
flush_has_rows(List *monitors)
{
	ListCell   *cell;

	if (!dlist_is_empty(pane_dirty_list()) || label_change_is_noted() || learner_change_is_noted())
		return true;
	foreach(cell, monitors)
		if (((CapturedMonitor *) lfirst(cell))->truncated || ((CapturedMonitor *) lfirst(cell))->unfolded != NIL)
			return true;
	return false;
}

bool
flush_is_needed(List *monitors)
{
	ListCell   *cell;
	ListCell   *learner_cell;

	if (flush_has_rows(monitors))
		return true;
	foreach(cell, monitors)
	{
		CapturedMonitor *monitor = lfirst(cell);

		if (monitor->state_changed)
			return true;
		foreach(learner_cell, monitor->learners)
		{
			CapturedLearner *learner = lfirst(learner_cell);

			if (learner->failure != NULL && !learner->failure_told)
				return true;
		}
	}
	return false;
}

/* What the table has under the key, into the pane's base.  False when there is nothing. */
static bool
load_part(Pane *pane, const PaneRow *key, char name, PanePart *part)
{
	PaneRow		row = *key;
	SPITupleTable *read;

	row.part = name;
	if (!pane_table_read(&row))
		return false;
	read = SPI_tuptable;
	pane_part_close(pane->monitor, part);
	pane_table_decode(pane->monitor, &row, part);
	pane->marks |= row.marks;
	if (name == 'b')
		pane->n_late += row.n_late;
	SPI_freetuptable(read);
	return true;
}

static void
store_part(Pane *pane, PaneRow *row, char name, PanePart *part)
{
	row->part = name;
	row->marks = pane->marks;
	row->n_late = pane->n_late;
	pane_table_encode(pane->monitor, part, row);
	pane_table_write(row);
}

/* Whether a transaction touched it that is not folded, and the table will tell. */
static bool
is_unfolded(CapturedMonitor *monitor, TimestampTz start)
{
	ListCell   *cell;

	foreach(cell, monitor->unfolded)
	{
		TouchedRange *range = lfirst(cell);

		if (start >= Max(level_start(monitor, range->since), monitor->begins) && start < range->until)
			return true;
	}
	return false;
}

static void
write_pane(Pane *pane)
{
	PaneRow		row = {.monitor_id = pane->key.monitor_id,
				   .generation = pane->key.generation,
				   .start = pane->key.start,
				   .segment = pane_table_segment(pane->key.segment)};
	bool		is_live = pane->key.generation == 0;

	if (is_live && (generation_is_stale(pane->monitor, pane->key.start) || is_unfolded(pane->monitor, pane->key.start)))
		pane->marks |= PANE_STALE;
	if (!pane->loaded)
	{
		if (!load_part(pane, &row, is_live ? 'b' : 'a', &pane->base))
		{
			other_note_new(pane);
			if (pane->is_kept && build_lost_before(pane, row.segment))
				pane->marks |= PANE_INCOMPLETE;
		}
		if (!is_live)
			load_part(pane, &row, 'r', &pane->base_removed);
		pane->loaded = true;
	}
	pane_part_move(pane->monitor, &pane->base, &pane->added);
	pane_part_open(pane->monitor, &pane->base);
	pane_part_settle(pane->monitor, &pane->base);
	if (is_live)
	{
		pane_part_subtract(pane->monitor, &pane->base, &pane->removed);
		store_part(pane, &row, 'b', &pane->base);
	}
	else
	{
		pane_part_merge(pane->monitor, &pane->base_removed, &pane->removed);
		store_part(pane, &row, 'a', &pane->base);
		if (pane->base_removed.summaries != NULL)
			store_part(pane, &row, 'r', &pane->base_removed);
	}
	pane_part_close(pane->monitor, &pane->removed);
}

static void
execute_for_monitor(const char *statement, int monitor_id)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);

	sql_execute(statement, 1, &type, &value, NULL);
}

/* The source was emptied: so are the panes from before, and builds begin again. */
static void
write_truncation(CapturedMonitor *monitor)
{
	if (monitor->retracts_deletes)
		execute_for_monitor("DELETE FROM weir.pane WHERE monitor_id = $1", monitor->monitor_id);
	else
	{
		execute_for_monitor("UPDATE weir.pane SET marks = marks | 2 WHERE monitor_id = $1 AND generation = 0", monitor->monitor_id);
		build_mark_lost(monitor->monitor_id, DT_NOBEGIN, DT_NOEND);
	}
	build_begin_again(monitor->monitor_id);
}

/* What a transaction that is not folded did before the monitor began, nothing tells: the table has what was there, too. */
static void
leave_out(CapturedMonitor *monitor)
{
	if (monitor->inexact_since == 0)
		monitor->inexact_since = GetCurrentTimestamp();
	monitor->state_changed = true;
	ereport(LOG,
			(errmsg("weir leaves out of monitor \"%s\" what a large transaction changed before %s", monitor->name,
					timestamptz_to_str(monitor->begins)),
			 errdetail("The monitor was created then, with backfill => false, and its table has what was there before, too."),
			 errhint("weir.rebuild reads the whole table.")));
}

/*
 * A transaction that is not folded: live panes of its ranges are stale until they are built again.  Builds under way there begin
 * again, so that their cut sees it; an initial one that has no cut yet will see it anyway.
 */
static void
write_unfolded(CapturedMonitor *monitor)
{
	ListCell   *cell;

	foreach(cell, monitor->unfolded)
	{
		TouchedRange *range = lfirst(cell);
		Oid			types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
		Datum		values[3];
		TimestampTz since = level_start(monitor, range->since);
		TimestampTz until = level_ceiling(monitor, range->until);

		values[0] = Int32GetDatum(monitor->monitor_id);
		if (since < monitor->begins)
		{
			leave_out(monitor);
			since = monitor->begins;
		}
		if (since >= until)
			continue;
		values[1] = TimestampTzGetDatum(since);
		values[2] = TimestampTzGetDatum(until);
		sql_execute("UPDATE weir.pane SET marks = marks | 4 WHERE monitor_id = $1 AND generation = 0 AND pane_start >= $2 "
					"AND pane_start < $3 AND marks & 4 = 0",
					3, types, values, NULL);
		build_begin_slices_again(monitor->monitor_id, since, until);
		sql_execute(
			"INSERT INTO weir.build (monitor_id, kind, since, until, heals, kept) SELECT $1, 'rebuild', $2, $3, true, pg_catalog.nextval('weir.generation') WHERE NOT EXISTS "
			"(SELECT FROM weir.build WHERE monitor_id = $1 AND state = 'requested' AND since <= $2 AND until >= $3 "
			"AND (kind = 'build' OR kind = 'rebuild' AND heals))",
			3, types, values, NULL);
	}
}

/* A monitor that somebody is dropping right now is skipped, not waited for. */
static void
write_state(CapturedMonitor *monitor)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID};
	Datum		values[] = {Int32GetDatum(monitor->monitor_id), TimestampTzGetDatum(monitor->watermark),
					  TimestampTzGetDatum(monitor->last_change_at), TimestampTzGetDatum(monitor->inexact_since),
					  Int64GetDatum(monitor->n_untimed)};
	char		nulls[] = "     ";

	if (monitor->watermark == DT_NOBEGIN)
		nulls[1] = 'n';
	if (monitor->last_change_at == 0)
		nulls[2] = 'n';
	if (monitor->inexact_since == 0)
		nulls[3] = 'n';
	monitor->state_written =
		sql_execute(
			"UPDATE weir.monitor_state s SET watermark = greatest(s.watermark, $2), last_change_at = $3, inexact_since = coalesce(s.inexact_since, $4), "
			"n_untimed = s.n_untimed + $5 "
			"FROM (SELECT monitor_id FROM weir.monitor_state WHERE monitor_id = $1 FOR UPDATE SKIP LOCKED) l "
			"WHERE s.monitor_id = l.monitor_id",
			5, types, values, nulls) == 1;
	/* What is read before that, or beside it, does not make it good. */
	if (monitor->inexact_since != 0)
		sql_execute("UPDATE weir.build SET inexact_since = coalesce(inexact_since, $4) WHERE monitor_id = $1 AND kind <> 'verify' "
					"AND (state = 'reading' OR kept IS NOT NULL AND state = 'requested')",
					5, types, values, nulls);
}

static void
write_progress(XLogRecPtr position)
{
	Oid			types[] = {LSNOID, TIMESTAMPTZOID, INT8OID};
	Datum		values[] = {LSNGetDatum(position), TimestampTzGetDatum(stream_last_commit_at()),
					  Int64GetDatum(fold_row_count() - rows_told)};

	if (sql_execute("UPDATE weir.capture_progress SET captured_lsn = $1, last_commit_at = coalesce($2, last_commit_at), "
					"rows_total = rows_total + $3, updated_at = pg_catalog.clock_timestamp()",
					3, types, values, stream_last_commit_at() == 0 ? " n " : NULL) != 1)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the position of capture is gone")));
}

/* What is kept for builds goes before the live panes: it is asked whether these had lost rows before. */
static void
write_panes(bool are_kept)
{
	MemoryContext pane_memory = AllocSetContextCreate(CurrentMemoryContext, "weir flush", ALLOCSET_DEFAULT_SIZES);
	dlist_iter	iterator;

	dlist_foreach(iterator, pane_dirty_list())
	{
		Pane	   *pane = dlist_container(Pane, node, iterator.cur);
		MemoryContext old;

		if (pane->is_kept != are_kept)
			continue;
		old = MemoryContextSwitchTo(pane_memory);
		definition_blame(pane->key.monitor_id);
		write_pane(pane);
		pane_written(pane, (size_t) capture_memory_kb * 1024);
		FAULT(FAULT_PANE_WRITTEN);
		definition_blame(0);
		MemoryContextSwitchTo(old);
		MemoryContextReset(pane_memory);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextDelete(pane_memory);
}

void
flush_write(List *monitors, XLogRecPtr position)
{
	ListCell   *cell;

	foreach(cell, monitors)
		if (((CapturedMonitor *) lfirst(cell))->truncated)
			write_truncation(lfirst(cell));
	foreach(cell, monitors)
		write_unfolded(lfirst(cell));
	write_panes(true);
	write_panes(false);
	other_limit_noted(monitors);
	label_change_write();
	learner_change_write(monitors);
	foreach(cell, monitors)
		if (((CapturedMonitor *) lfirst(cell))->state_changed)
			write_state(lfirst(cell));
	write_progress(position);
}

void
flush_committed(List *monitors)
{
	ListCell   *cell;

	foreach(cell, monitors)
	{
		CapturedMonitor *monitor = lfirst(cell);

		monitor->truncated = false;
		list_free_deep(monitor->unfolded);
		monitor->unfolded = NIL;
		if (!monitor->state_written)
			continue;
		monitor->state_changed = false;
		monitor->state_written = false;
		monitor->inexact_since = 0;
		monitor->n_untimed = 0;
	}
	rows_told = fold_row_count();
	pane_flushed((size_t) capture_memory_kb * 1024);
}
