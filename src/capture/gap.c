/*
 * gap.c
 *		Stretches of the stream that capture did not see: recorded, and healed from the tables.
 *
 * What was missed may concern any time, so a monitor is healed by a build of its whole range, of the kind 'heal'; until that is
 * done, its readings have the status gap.  The open gaps are those that a monitor has still to be healed from.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/sql.h"
#include "capture/build.h"
#include "capture/fault.h"
#include "capture/gap.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/*
 * Capture that is too slow for its budget would heal and overrun for ever.  The first time it begins again at once, then after ever
 * longer, up to an hour; a gap less than an hour after the last one of its kind counts as the next time.
 */
#define RETRY_AT \
	"pg_catalog.now() + CASE WHEN $3 AND $4 > 1 THEN least(interval '1 hour', interval '30 s' * pg_catalog.power(2, least($4 - 2, 10))) " \
	"ELSE interval '0' END"

static int
attempts_before(const GapReason *reason)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(reason->kind);
	bool		is_null;
	int			attempts;

	sql_execute("SELECT coalesce(max(attempts), 0) FROM weir.gap WHERE kind = $1 "
				"AND coalesce(healed_at, 'infinity') > pg_catalog.now() - interval '1 hour'",
				1, &type, &value, NULL);
	attempts = DatumGetInt32(sql_value(0, 1, &is_null));
	return attempts;
}

void
gap_write(const GapReason *reason)
{
	Oid			types[] = {TEXTOID, TEXTOID, BOOLOID, INT4OID};
	Datum		values[] = {CStringGetTextDatum(reason->kind), CStringGetTextDatum(reason->text), BoolGetDatum(reason->over_budget),
					  Int32GetDatum(attempts_before(reason) + 1)};

	if (sql_execute("UPDATE weir.gap SET reason = $2, attempts = $4, to_lsn = NULL, retry_at = " RETRY_AT
					" WHERE kind = $1 AND healed_at IS NULL",
					4, types, values, NULL) == 0)
		sql_execute("INSERT INTO weir.gap (kind, reason, attempts, retry_at, from_lsn) "
					"SELECT $1, $2, $4, " RETRY_AT ", (SELECT captured_lsn FROM weir.capture_progress)",
					4, types, values, NULL);
	sql_execute("UPDATE weir.capture_progress SET captured_lsn = NULL", 0, NULL, NULL, NULL);
	build_begin_again(0);
	build_mark_lost(0, DT_NOBEGIN, DT_NOEND);

	/*
	 * Monitors whose first build is still to come need no other.  One that left out what was there before it is healed from there
	 * on: of what lies before, its table has more.
	 */
	sql_execute("UPDATE weir.pane p SET marks = marks | 1 FROM weir.monitor m WHERE m.monitor_id = p.monitor_id AND NOT m.backfill "
				"AND p.generation = 0 AND p.pane_start < m.created_at",
				0, NULL, NULL, NULL);
	sql_execute(
		"INSERT INTO weir.build (monitor_id, kind, since) SELECT m.monitor_id, 'heal', CASE WHEN m.backfill THEN '-infinity' ELSE m.created_at END "
		"FROM weir._captured_monitor m JOIN weir.monitor_state s USING (monitor_id) WHERE s.state <> 'disabled' AND NOT EXISTS "
		"(SELECT FROM weir.build b WHERE b.monitor_id = m.monitor_id AND b.kind IN ('build', 'heal') "
		"AND b.state NOT IN ('done', 'failed'))",
		0, NULL, NULL, NULL);
	gap_close_healed();
	ereport(WARNING,
			(errmsg("weir has missed changes of this database: %s", reason->text),
			 errdetail(
				 "Readings of its monitors have the status gap until they are built again from their tables, in the background."),
			 errhint("SELECT * FROM weir.gaps and weir.progress show how far that is.")));
}

void
gap_record(const GapReason *reason)
{
	SqlScope	scope;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	sql_begin(&scope);
	gap_write(reason);
	sql_end(&scope);
	FAULT(FAULT_GAP_WRITTEN);
	CommitTransactionCommand();
	FAULT(FAULT_GAP_COMMITTED);
}

TimestampTz
gap_retry_at(void)
{
	bool		is_null;
	Datum		retry_at;

	sql_execute("SELECT max(retry_at) FROM weir.gap WHERE healed_at IS NULL", 0, NULL, NULL, NULL);
	retry_at = sql_value(0, 1, &is_null);
	return is_null ? 0 : DatumGetTimestampTz(retry_at);
}

void
gap_close_healed(void)
{
	sql_execute("UPDATE weir.gap SET healed_at = pg_catalog.clock_timestamp() WHERE healed_at IS NULL AND NOT EXISTS "
				"(SELECT FROM weir.build b JOIN weir.monitor_state s USING (monitor_id) WHERE b.kind = 'heal' "
				"AND b.state NOT IN ('done', 'failed') AND s.state <> 'disabled')",
				0, NULL, NULL, NULL);
}
