/*
 * source_apply.c
 *		What is done about DDL that source_watch.c has noticed, when the stream has come so far.
 */
#include "postgres.h"

#include "base/sql.h"
#include "capture/build.h"
#include "capture/level.h"
#include "capture/pane.h"
#include "capture/source.h"
#include "catalog/pg_type.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

static void
change_range(CapturedMonitor *monitor, bool rebuild, TimestampTz since, TimestampTz until)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID};
	Datum		values[4];

	/* Whole panes. */
	since = level_start(monitor, since);
	until = level_ceiling(monitor, until);
	values[0] = Int32GetDatum(monitor->monitor_id);
	values[1] = TimestampTzGetDatum(since);
	values[2] = TimestampTzGetDatum(until);
	values[3] = Int32GetDatum(rebuild ? PANE_INEXACT : PANE_RETAINED);
	sql_execute(
		"UPDATE weir.pane SET marks = marks | $4 WHERE monitor_id = $1 AND generation = 0 AND pane_start >= $2 AND pane_start < $3",
		4, types, values, NULL);
	pane_forget(monitor->monitor_id, 0);
	if (!rebuild)
	{
		build_mark_lost(monitor->monitor_id, since, until);
		build_forget_kept(monitor);
	}
	build_begin_slices_again(monitor->monitor_id, since, until);
	since = Max(since, monitor->begins);
	values[1] = TimestampTzGetDatum(since);
	if (rebuild && since < until)
		sql_execute(
			"INSERT INTO weir.build (monitor_id, kind, since, until, kept) SELECT $1, 'rebuild', $2, $3, pg_catalog.nextval('weir.generation') WHERE NOT EXISTS "
			"(SELECT FROM weir.build WHERE monitor_id = $1 AND kind <> 'verify' AND state = 'requested' AND since <= $2 AND until >= $3)",
			3, types, values, NULL);
}

/* A partition that was emptied takes the rows of its range with it. */
static void
apply_truncated_parts(CapturedMonitor *monitor)
{
	ListCell   *cell;

	foreach(cell, monitor->truncated_parts)
	{
		Oid			types[] = {INT4OID, OIDOID};
		Datum		values[] = {Int32GetDatum(monitor->monitor_id), ObjectIdGetDatum(lfirst_oid(cell))};
		TimestampTz since = DT_NOBEGIN;
		TimestampTz until = DT_NOEND;
		bool		is_null;

		if (sql_execute("SELECT since, until FROM weir.source_relation WHERE monitor_id = $1 AND relation = $2", 2, types, values,
						NULL) == 1)
		{
			since = DatumGetTimestampTz(sql_value(0, 1, &is_null));
			until = DatumGetTimestampTz(sql_value(0, 2, &is_null));
		}
		change_range(monitor, monitor->retracts_deletes, since, until);
	}
	list_free(monitor->truncated_parts);
	monitor->truncated_parts = NIL;
}

/* Where the first of what was noticed is that the stream has not reached. */
static void
note_pending(CapturedMonitor *monitor)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor->monitor_id);
	bool		is_null;

	sql_execute("SELECT min(noticed_lsn) FROM weir.source_change WHERE monitor_id = $1", 1, &type, &value, NULL);
	value = sql_value(0, 1, &is_null);
	monitor->source_change_lsn = is_null ? InvalidXLogRecPtr : DatumGetLSN(value);
}

void
source_note_pending(List *monitors)
{
	ListCell   *cell;

	foreach(cell, monitors)
		note_pending(lfirst(cell));
}

bool
source_apply_changes(List *monitors, XLogRecPtr position)
{
	ListCell   *cell;
	bool		changed = false;

	foreach(cell, monitors)
	{
		CapturedMonitor *monitor = lfirst(cell);
		Oid			types[] = {INT4OID, LSNOID};
		Datum		values[] = {Int32GetDatum(monitor->monitor_id), LSNGetDatum(position)};
		uint64		n;
		SPITupleTable *rows;
		bool		is_null;

		if (monitor->failure != NULL)
		{
			ereport(LOG, (errmsg("weir disables monitor \"%s\": %s", monitor->name, monitor->logged_failure)));
			definition_disable(monitor->monitor_id, monitor->failure);
			changed = true;
			continue;
		}
		definition_blame(monitor->monitor_id);
		changed |= monitor->truncated_parts != NIL;
		apply_truncated_parts(monitor);
		n = sql_execute("DELETE FROM weir.source_change WHERE monitor_id = $1 AND noticed_lsn <= $2 RETURNING effect, since, until",
						2, types, values, NULL);
		rows = SPI_tuptable;
		for (uint64 i = 0; i < n; i++)
			change_range(monitor, strcmp(SPI_getvalue(rows->vals[i], rows->tupdesc, 1), "rebuild") == 0,
						 DatumGetTimestampTz(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &is_null)),
						 DatumGetTimestampTz(SPI_getbinval(rows->vals[i], rows->tupdesc, 3, &is_null)));
		changed |= n > 0;
		note_pending(monitor);
		definition_blame(0);
	}
	return changed;
}
