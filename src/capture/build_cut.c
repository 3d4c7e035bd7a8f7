/*
 * build_cut.c
 *		Handing slices with their cuts to builders, see build.c.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "base/sql.h"
#include "capture/build.h"
#include "capture/fault.h"
#include "capture/level.h"
#include "capture/status.h"
#include "capture/stream.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/pg_lsn.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

#define OFFER_WAIT_MS 5000

/* A transaction that has written its commit record is seen soon, but where it waits for a standby. */
#define SEEN_WAIT_MS 20

/* Tells the builder; returns true when it took the snapshot. */
static bool
offer(int builder, const ActiveBuild *slice, const char *snapshot)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), OFFER_WAIT_MS);
	CaptureStatus *status = status_lock(MyDatabaseId);
	BuilderStatus *place = &status->builders[builder];
	bool		taken = false;
	bool		waiting = place->rendezvous == RENDEZVOUS_WANTED;

	if (waiting)
	{
		strlcpy(place->snapshot, snapshot, CAPTURE_SNAPSHOT_LENGTH);
		place->build = slice->number;
		place->slice = slice->slice;
		place->generation = slice->generation;
		place->rows_read = 0;
		place->rendezvous = RENDEZVOUS_OFFERED;
		SetLatch(place->latch);
	}
	status_unlock();
	while (waiting && !taken && GetCurrentTimestamp() < end)
	{
		worker_wait(10);
		(void) status_lock(MyDatabaseId);
		taken = place->rendezvous == RENDEZVOUS_TAKEN;
		waiting = taken || place->rendezvous == RENDEZVOUS_OFFERED;
		status_unlock();
	}
	(void) status_lock(MyDatabaseId);
	if (place->pid != 0 && !taken)
	{
		place->rendezvous = RENDEZVOUS_NONE;
		place->build = 0;
	}
	status_unlock();
	return taken;
}

/* The first slice that waits, with a new generation, but those of monitors that somebody has locked; false when there is none. */
static bool
next_slice(ActiveBuild *slice)
{
	bool		is_null;

	memset(slice, 0, sizeof(ActiveBuild));
	if (sql_execute("SELECT b.monitor_id, s.build_id, s.slice, pg_catalog.nextval('weir.generation')::int, s.since, s.until "
					"FROM (SELECT s.* FROM weir.build_slice s JOIN" PENDING_BUILDS "b USING (build_id) JOIN weir.monitor_state m "
					"USING (monitor_id) WHERE s.state = 'requested' AND b.state = 'reading' AND" BUILD_MAY_BEGIN IN_TURN
					", s.slice LIMIT 1 FOR UPDATE OF m SKIP LOCKED) s JOIN weir.build b USING (build_id)",
					0, NULL, NULL, NULL) == 0)
		return false;
	slice->monitor_id = DatumGetInt32(sql_value(0, 1, &is_null));
	slice->number = DatumGetInt32(sql_value(0, 2, &is_null));
	slice->slice = DatumGetInt32(sql_value(0, 3, &is_null));
	slice->generation = DatumGetInt32(sql_value(0, 4, &is_null));
	slice->since = DatumGetTimestampTz(sql_value(0, 5, &is_null));
	slice->until = DatumGetTimestampTz(sql_value(0, 6, &is_null));
	return true;
}

static bool
is_of_whole_panes(const CapturedMonitor *monitor, const ActiveBuild *slice)
{
	return level_start(monitor, slice->since) == slice->since && level_start(monitor, slice->until) == slice->until;
}

/* Begins a transaction whose snapshot sees all that is decoded. NULL, and no transaction, when some of it is not yet visible. */
static Snapshot
begin_within_snapshot(void)
{
	for (int waited = 0;; waited++)
	{
		Snapshot	snapshot;

		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		XactIsoLevel = XACT_REPEATABLE_READ;
		snapshot = GetTransactionSnapshot();
		if (stream_is_within(snapshot))
			return snapshot;
		AbortCurrentTransaction();
		if (waited == SEEN_WAIT_MS)
			return NULL;
		worker_wait(1);
	}
}

/* One slice for one builder. False when there is none for it, or not now. */
static bool
hand_over(int builder, List *monitors, const char *fingerprint)
{
	Snapshot	snapshot;
	SqlScope	scope;
	ActiveBuild slice;
	CapturedMonitor *monitor;
	char	   *name;
	char	   *present;
	bool		given;
	bool		is_aligned;
	Oid			types[] = {INT4OID, INT4OID, INT4OID, LSNOID};

	FAULT(FAULT_CUT);
	snapshot = begin_within_snapshot();
	if (snapshot == NULL)
		return false;
	name = ExportSnapshot(snapshot);
	sql_begin(&scope);
	present = definition_fingerprint();
	/* The builder reads the definition under this snapshot: it has to be the one that capture folds by. */
	given = present != NULL && fingerprint != NULL && strcmp(present, fingerprint) == 0 && next_slice(&slice);
	monitor = given ? definition_find(monitors, slice.monitor_id) : NULL;
	is_aligned = given && (monitor == NULL || is_of_whole_panes(monitor, &slice));
	if (is_aligned)
	{
		Datum		values[] = {Int32GetDatum(slice.number), Int32GetDatum(slice.slice), Int32GetDatum(slice.generation),
						  LSNGetDatum(GetXLogInsertRecPtr())};

		build_give_kept(&slice);
		sql_execute("UPDATE weir.build_slice SET state = 'reading', generation = $3, cut = pg_catalog.pg_current_snapshot(), "
					"cut_lsn = $4, attempt = attempt + 1, started_at = pg_catalog.clock_timestamp() "
					"WHERE build_id = $1 AND slice = $2",
					4, types, values, NULL);
		build_execute("UPDATE weir.monitor_state SET state = 'building' WHERE monitor_id = $1 AND state = 'starting'", &slice);
	}
	else if (given)
		/* Panes were rolled up at the very moment when it was planned. */
		build_begin_again(slice.monitor_id);
	sql_end(&scope);
	if (given && !is_aligned)
	{
		CommitTransactionCommand();
		return false;
	}
	if (!given || !offer(builder, &slice, name))
	{
		AbortCurrentTransaction();
		return false;
	}
	FAULT(FAULT_CUT_TAKEN);
	CommitTransactionCommand();
	FAULT(FAULT_CUT_COMMITTED);
	if (monitor != NULL)
		build_note_try(monitor, true);
	return true;
}

/* Nobody got a cut: those that wait for one have waited in vain. */
static void
note_vain(List *monitors)
{
	BuildCursor cursor = {.monitors = monitors};
	ActiveBuild *slice;

	while ((slice = build_next(&cursor)) != NULL)
		if (build_waits_for_builder(cursor.monitor, slice))
		{
			build_note_try(cursor.monitor, false);
			build_leave_monitor(&cursor);
		}
}

bool
build_hand_over_cuts(List *monitors, const char *fingerprint)
{
	bool		waits[CAPTURE_MAX_BUILDERS];
	bool		any_waits = false;
	bool		taken = false;
	CaptureStatus *status = status_lock(MyDatabaseId);

	for (int i = 0; i < CAPTURE_MAX_BUILDERS; i++)
		any_waits |= waits[i] = status->builders[i].pid != 0 && status->builders[i].rendezvous == RENDEZVOUS_WANTED;
	status_unlock();
	/* The first changes the fingerprint at most once, when it says that the monitor is being built: the others get theirs next
	 * time. */
	for (int i = 0; i < CAPTURE_MAX_BUILDERS; i++)
		if (waits[i])
			taken |= hand_over(i, monitors, fingerprint);
	if (any_waits && !taken)
		note_vain(monitors);
	return taken;
}
