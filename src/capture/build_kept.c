/*
 * build_kept.c
 *		Rows that the table deletes before a build has read them, where a monitor ignores deletes.
 *
 * Such a monitor has, from the commit that asked for a build on, all rows that the table had then or got later.  A slice reads what
 * the table has at its cut; what is missing are exactly the rows that the stream says were deleted between that commit and the cut.
 * So capture keeps them apart, by pane, in a generation of the build's own (weir.build.kept), which goes on until a slice is
 * done, and gives a copy to every slice when it takes its cut:
 *
 *	 commit of the request          cut              position at the end of the slice
 *	       |──── kept: deleted ─────▶|──── kept: deleted ────▶|
 *	                                 copy of it: added         dropped
 *	                                 |── changes, deletes ────▶|
 *	                                     mark the slice's panes
 *
 * What the cut does not see was inserted later, hence decoded later, or has been deleted before: so nothing is counted twice.
 * Transactions of the stream that the cut sees after all, although they are decoded behind it, give their deletions to both.  A
 *slice that begins again has a new cut, and takes a new copy.
 *
 * Where the stream had to pass that commit before it was visible (request.c), rows are kept from when it is noticed on.  Panes that
 * lost some by then have been marked, as those have that lost them before the request.  A monitor that was not captured at that
 * time has no such panes: it is inexact.
 *
 * In a pane that lost rows before the request, or in a way that the stream does not tell (a partition that was dropped, TRUNCATE,
 * a delete without its old row), what is kept is not all that the table lacks: it is marked incomplete, and the live pane stays
 * in place of what was built.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "base/sql.h"
#include "capture/build.h"
#include "capture/pane.h"
#include "capture/partial.h"
#include "capture/request.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define KEPT_OF_MONITOR "SELECT kept FROM weir.build WHERE monitor_id = $1 AND kept IS NOT NULL AND state NOT IN ('done', 'failed')"

void
build_keep_requested(void)
{
	Oid			type = INT4ARRAYOID;
	Datum		value = PointerGetDatum(request_builds());

	sql_execute("UPDATE weir.build SET kept = pg_catalog.nextval('weir.generation') WHERE build_id = ANY ($1) AND kept IS NULL "
				"AND kind <> 'verify' AND state NOT IN ('done', 'failed')",
				1, &type, &value, NULL);
}

void
build_keep_all(void)
{
	sql_execute("UPDATE weir.build SET kept = pg_catalog.nextval('weir.generation') WHERE kept IS NULL AND kind <> 'verify' "
				"AND state NOT IN ('done', 'failed')",
				0, NULL, NULL, NULL);
}

/* ---- requests that were passed ---- */

typedef struct UnkeptBuild
{
	int			number;
	XLogRecPtr	asked_before;	/* the commit of its request lies before */
} UnkeptBuild;

static List *unkept = NIL;

/* Builds are seen when their request is committed, mostly before the stream comes to that. */
static XLogRecPtr
asked_before(int number, XLogRecPtr now)
{
	UnkeptBuild *build;
	ListCell   *cell;
	MemoryContext old;

	foreach(cell, unkept)
	{
		build = lfirst(cell);
		if (build->number == number)
			return build->asked_before;
	}
	old = MemoryContextSwitchTo(TopMemoryContext);
	build = palloc(sizeof(UnkeptBuild));
	*build = (UnkeptBuild){.number = number, .asked_before = now};
	unkept = lappend(unkept, build);
	MemoryContextSwitchTo(old);
	return now;
}

List *
build_find_passed(List *monitors, XLogRecPtr position)
{
	XLogRecPtr	now = GetXLogInsertRecPtr();
	bool		has_unkept = false;
	List	   *passed = NIL;
	BuildCursor cursor = {.monitors = monitors};
	ActiveBuild *build;

	while ((build = build_next(&cursor)) != NULL)
	{
		if (cursor.monitor->retracts_deletes || build->kept != 0 || build->kind == BUILD_VERIFY ||
			(build->kind == BUILD_INITIAL && !cursor.monitor->backfill))
			continue;
		has_unkept = true;
		if (position >= asked_before(build->number, now) || (build->has_cut && position >= build->cut_lsn))
			passed = list_append_unique_int(passed, build->number);
	}
	if (!has_unkept)
	{
		list_free_deep(unkept);
		unkept = NIL;
	}
	return passed;
}

void
build_keep_passed(List *passed)
{
	Oid			type = INT4ARRAYOID;
	Datum	   *numbers = palloc(sizeof(Datum) * list_length(passed));
	Datum		value;
	ListCell   *cell;

	foreach(cell, passed)
		numbers[foreach_current_index(cell)] = Int32GetDatum(lfirst_int(cell));
	value = PointerGetDatum(construct_array(numbers, list_length(passed), INT4OID, sizeof(int32), true, TYPALIGN_INT));
	sql_execute(
		"UPDATE weir.build SET kept = pg_catalog.nextval('weir.generation'), inexact_since = CASE WHEN kind IN ('build', 'heal') "
		"THEN coalesce(inexact_since, pg_catalog.clock_timestamp()) ELSE inexact_since END "
		"WHERE build_id = ANY ($1) AND kept IS NULL",
		1, &type, &value, NULL);
}

bool
build_keeps_anew(List *monitors, bool all)
{
	static int	last = 0;
	int			newest = 0;
	BuildCursor cursor = {.monitors = monitors};
	ActiveBuild *build;
	bool		is_touched = false;

	while ((build = build_next(&cursor)) != NULL)
	{
		if (build->kept == 0)
			continue;
		newest = Max(newest, build->number);
		is_touched = is_touched || ((all || build->number > last) && partial_touches_source(cursor.monitor));
	}
	last = Max(last, newest);
	return is_touched;
}

/* ---- a slice ---- */

void
build_give_kept(const ActiveBuild *slice)
{
	build_execute(
		"INSERT INTO weir.pane (monitor_id, generation, pane_start, pane_end, segment, part, n, n_labelled, n_late, marks, "
		"summaries, fairness) SELECT $1, $4, pane_start, pane_end, segment, 'a', n, n_labelled, 0, "
		"marks & 1 | CASE WHEN n > 0 THEN 2 ELSE 0 END, summaries, fairness FROM weir.pane WHERE monitor_id = $1 "
		"AND generation = (SELECT kept FROM weir.build WHERE build_id = $2) AND pane_start >= $5 AND pane_start < $6",
		slice);
}

void
build_drop_kept(const ActiveBuild *slice)
{
	if (slice->kept == 0)
		return;
	build_execute("DELETE FROM weir.pane WHERE monitor_id = $1 AND generation = (SELECT kept FROM weir.build WHERE build_id = $2) "
				  "AND pane_start >= $5 AND pane_start < $6",
				  slice);
	pane_forget(slice->monitor_id, slice->kept);
}

/* ---- what it lacks ---- */

bool
build_lost_before(const Pane *kept, Datum segment)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TEXTARRAYOID, INT4OID};
	Datum		values[] = {Int32GetDatum(kept->key.monitor_id), TimestampTzGetDatum(kept->key.start), segment,
					  Int32GetDatum(kept->key.generation)};

	return sql_execute("SELECT FROM weir.pane WHERE monitor_id = $1 AND pane_start = $2 AND segment = $3 AND (generation = 0 "
					   "AND marks & 2 <> 0 OR n > 0 AND generation <> $4 AND generation IN (" KEPT_OF_MONITOR ")) LIMIT 1",
					   lengthof(types), types, values, NULL) > 0;
}

void
build_mark_kept(int monitor_id, TimestampTz since, TimestampTz until)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(monitor_id), TimestampTzGetDatum(since), TimestampTzGetDatum(until)};

	sql_execute("UPDATE weir.pane p SET marks = marks | 8 FROM weir.build b WHERE $1 IN (0, b.monitor_id) "
				"AND b.state NOT IN ('done', 'failed') AND p.monitor_id = b.monitor_id AND p.generation = b.kept "
				"AND p.pane_start >= $2 AND p.pane_start < $3",
				lengthof(types), types, values, NULL);
}

void
build_mark_lost(int monitor_id, TimestampTz since, TimestampTz until)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(monitor_id), TimestampTzGetDatum(since), TimestampTzGetDatum(until)};

	build_mark_kept(monitor_id, since, until);
	/* Where there are no panes yet that would keep them. */
	sql_execute(
		"UPDATE weir.build b SET inexact_since = coalesce(b.inexact_since, pg_catalog.clock_timestamp()) FROM weir.monitor m "
		"WHERE $1 IN (0, b.monitor_id) AND m.monitor_id = b.monitor_id AND m.on_delete = 'ignore' AND b.kind = 'build' "
		"AND b.kept IS NOT NULL AND b.state NOT IN ('done', 'failed') AND (NOT EXISTS (SELECT FROM weir.build_slice s "
		"WHERE s.build_id = b.build_id) OR EXISTS (SELECT FROM weir.build_slice s WHERE s.build_id = b.build_id "
		"AND s.state <> 'done' AND s.since < $3 AND s.until > $2))",
		lengthof(types), types, values, NULL);
}

void
build_forget_kept(CapturedMonitor *monitor)
{
	ListCell   *cell;

	foreach(cell, monitor->builds)
		if (((ActiveBuild *) lfirst(cell))->kept != 0)
			pane_forget(monitor->monitor_id, ((ActiveBuild *) lfirst(cell))->kept);
}
