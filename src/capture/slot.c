/*
 * slot.c
 *		Care of the replication slot: where to begin, what to confirm, when to let go.
 *
 * A lost slot is never made again as if nothing had been: the gap is recorded first, in a transaction that forgets the position,
 *and only then is the slot dropped and, when its time has come, another one created.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/timeline.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "base/compat.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "capture/blame.h"
#include "capture/build.h"
#include "capture/capture.h"
#include "capture/fault.h"
#include "capture/gap.h"
#include "capture/slot.h"
#include "capture/status.h"
#include "capture/stream.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "replication/origin.h"
#include "replication/slot.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

#define BACK_OFF_LOOK_MS 5000

/* ---- the origin of weir's own writes ---- */

/* Weir's own writes are skipped by their origin, early; without a free place for one they are skipped later, by their tables. */
void
slot_set_up_origin(void)
{
	ReplOriginId origin;
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		origin = replorigin_by_name(stream_slot_name(), true);
		if (origin == InvalidReplOriginId)
			origin = replorigin_create(stream_slot_name());
		REPLORIGIN_SESSION_SETUP(origin);
		SESSION_ORIGIN = origin;
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		SESSION_ORIGIN = InvalidReplOriginId;
	}
	PG_END_TRY();
}

static void
forget_session_origin(int code, Datum argument)
{
	SESSION_ORIGIN = InvalidReplOriginId;
}

/*
 * Records are passed over one by one, by the origin that they carry.  The end of a transaction must not have it, nor that of a
 * subtransaction, be it after an error or because the worker has to exit: it would set down in the origin's state, which capture
 * alone has set up, how far it has come.
 */
void
capture_pass_over(void (*write)(void *argument), void *argument)
{
	SESSION_ORIGIN = replorigin_by_name(stream_slot_name(), true);
	PG_ENSURE_ERROR_CLEANUP(forget_session_origin, (Datum) 0);
	{
		write(argument);
	}
	PG_END_ENSURE_ERROR_CLEANUP(forget_session_origin, (Datum) 0);
	forget_session_origin(0, (Datum) 0);
}

static void
drop_origin(void)
{
	if (SESSION_ORIGIN != InvalidReplOriginId)
	{
		replorigin_session_reset();
		SESSION_ORIGIN = InvalidReplOriginId;
	}
	replorigin_drop_by_name(stream_slot_name(), true, false);
}

/* Of a database that is dropped: it would take the place of another one's, or of a subscription's, for ever. */
void
slot_forget_origin(Oid database)
{
	char		name[NAMEDATALEN];

	snprintf(name, sizeof(name), "weir_%u", database);
	replorigin_drop_by_name(name, true, false);
}

/* ---- where to begin ---- */

/* Archives and restored backups may lack it. On any timeline: the segment where one ended may exist under the next one's name only.
 */
static bool
wal_is_there(XLogRecPtr position)
{
	XLogSegNo	segment;
	XLogSegNo	present_segment;
	ListCell   *cell;

	XLByteToSeg(position, segment, wal_segment_size);
	XLByteToSeg(GetFlushRecPtr(NULL), present_segment, wal_segment_size);
	if (segment >= present_segment)
		return true;
	foreach(cell, readTimeLineHistory(GetWALInsertionTimeLine()))
	{
		char		path[MAXPGPATH];

		XLogFilePath(path, ((TimeLineHistoryEntry *) lfirst(cell))->tli, segment, wal_segment_size);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* What is wrong with the stored position and the slot, if anything. */
static void
find_gap(XLogRecPtr captured, int64 system_identifier, Oid database, const char *slot, GapReason *reason)
{
	SlotFacts	facts;

	slot_facts(stream_slot_name(), &facts);
	if (system_identifier != (int64) GetSystemIdentifier())
		*reason =
			(GapReason){"foreign identity", "its position is that of another cluster, of which this one is an upgrade or a copy"};
	else if (database != MyDatabaseId || strcmp(slot, stream_slot_name()) != 0)
		*reason = (GapReason){"foreign identity", "its position is that of another database, of which this one is a copy"};
	else if (!facts.exists)
		*reason = (GapReason){"slot missing", "its replication slot is not there"};
	else if (facts.is_lost)
		*reason = (GapReason){"slot invalidated",
							  "the server has invalidated its replication slot, which kept too much or was idle for too long"};
	else if (facts.confirmed_lsn > captured)
		*reason = (GapReason){"slot ahead", "its replication slot has moved ahead of the panes"};
	else if (captured > GetFlushRecPtr(NULL))
		*reason = (GapReason){"position ahead", "its position lies ahead of the server's"};
	else if (!wal_is_there(facts.restart_lsn))
		*reason = (GapReason){"wal missing", "the WAL that its replication slot begins with is not there"};
}

/* The stored position; invalid when there is none, as before the first monitor or after a gap. */
static XLogRecPtr
read_position(GapReason *reason)
{
	SqlScope	scope;
	XLogRecPtr	captured = InvalidXLogRecPtr;
	bool		is_null = true;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	sql_begin(&scope);
	if (sql_execute("SELECT captured_lsn, system_identifier, database_oid, slot::text FROM weir.capture_progress "
					"WHERE captured_lsn IS NOT NULL",
					0, NULL, NULL, NULL) > 0)
	{
		captured = DatumGetLSN(sql_value(0, 1, &is_null));
		find_gap(captured, DatumGetInt64(sql_value(0, 2, &is_null)), DatumGetObjectId(sql_value(0, 3, &is_null)), sql_text(0, 4),
				 reason);
	}
	sql_end(&scope);
	CommitTransactionCommand();
	return captured;
}

/* False when there is nobody left to begin again for. */
static bool
wait_for_retry(void)
{
	for (;;)
	{
		SqlScope	scope;
		TimestampTz retry_at = 0;
		bool		is_null;
		bool		is_wanted = false;

		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		if (OidIsValid(extension_oid(true)))
		{
			sql_begin(&scope);
			retry_at = gap_retry_at();
			sql_execute("SELECT EXISTS (SELECT FROM weir._captured_monitor)", 0, NULL, NULL, NULL);
			is_wanted = DatumGetBool(sql_value(0, 1, &is_null));
			sql_end(&scope);
		}
		CommitTransactionCommand();
		if (!is_wanted)
			return false;
		if (retry_at <= GetCurrentTimestamp())
			return true;
		status_set_state("backing off");
		worker_wait(Min(BACK_OFF_LOOK_MS, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), retry_at) + 1));
	}
}

static void
store_new_progress(XLogRecPtr position)
{
	SqlScope	scope;
	Oid			types[] = {NAMEOID, INT8OID, OIDOID, LSNOID};
	Datum		values[4];

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	values[0] = DirectFunctionCall1(namein, CStringGetDatum(stream_slot_name()));
	values[1] = Int64GetDatum((int64) GetSystemIdentifier());
	values[2] = ObjectIdGetDatum(MyDatabaseId);
	values[3] = LSNGetDatum(position);
	sql_begin(&scope);
	sql_execute("UPDATE weir.gap SET to_lsn = $4 WHERE healed_at IS NULL", 4, types, values, NULL);
	sql_execute("INSERT INTO weir.capture_progress (slot, system_identifier, database_oid, captured_lsn) VALUES ($1, $2, $3, $4) "
				"ON CONFLICT (singleton) DO UPDATE SET slot = $1, system_identifier = $2, database_oid = $3, captured_lsn = $4, "
				"follows_labels = false, follows_learners = false",
				4, types, values, NULL);
	build_keep_all();
	sql_end(&scope);
	CommitTransactionCommand();
}

XLogRecPtr
slot_find_position(void)
{
	GapReason	reason = {0};
	XLogRecPtr	position = read_position(&reason);

	if (reason.kind == NULL)
		(void) slot_must_go(&reason);
	if (reason.kind == NULL && position != InvalidXLogRecPtr)
		return position;
	if (reason.kind != NULL)
		slot_let_go(&reason);
	stream_drop_slot();
	if (status_is_upgrading() || !wait_for_retry())
		return InvalidXLogRecPtr;
	status_set_state("creating its slot");
	position = stream_create_slot();
	FAULT(FAULT_SLOT_CREATED);
	store_new_progress(position);
	FAULT(FAULT_POSITION_STORED);
	return position;
}

/* ---- what to confirm ---- */

/* Standbys that copy slots stream through slots of their own; where none is named, those that are connected count. */
static bool
standbys_have(XLogRecPtr lsn)
{
	const char *named;
	bool		have = true;

	if (!SLOT_IS_COPIED(MyReplicationSlot))
		return true;
	named = GetConfigOption("synchronized_standby_slots", true, false);
	if (named != NULL && named[0] != '\0')
		return named_standbys_have(lsn);
	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (int i = 0; i < max_replication_slots && have; i++)
	{
		ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[i];

		if (!slot->in_use || SlotIsLogical(slot))
			continue;
		SpinLockAcquire(&slot->mutex);
		have = !SLOT_IS_ACTIVE(slot) || slot->data.restart_lsn == InvalidXLogRecPtr || slot->data.restart_lsn >= lsn;
		SpinLockRelease(&slot->mutex);
	}
	LWLockRelease(ReplicationSlotControlLock);
	return have;
}

void
slot_confirm(XLogRecPtr position, XLogRecPtr written)
{
	static XLogRecPtr pending = InvalidXLogRecPtr;
	static XLogRecPtr pending_written;
	static bool complained = false;
	SlotFacts	facts;

	/* Under load what waits must not be replaced by what is newer, or it would wait for ever. */
	if (pending == InvalidXLogRecPtr)
	{
		pending = position;
		pending_written = written;
	}
	if (pending == InvalidXLogRecPtr)
		return;
	if (!standbys_have(pending_written))
	{
		slot_facts(stream_slot_name(), &facts);
		if (!slot_is_half_way(&facts))
			return;
		if (!complained)
			ereport(LOG,
					(errmsg("weir confirms its slot ahead of the standbys, which are far behind"),
					 errdetail("Half of the budget of its slot is used up."),
					 errhint("A standby that is promoted before it has caught up finds a gap, which is healed from the tables.")));
		complained = true;
	}
	else
		complained = false;
	stream_confirm(pending);
	pending = InvalidXLogRecPtr;
}

/* ---- when to let go ---- */

bool
slot_must_go(GapReason *reason)
{
	CaptureStatus *status;
	SlotFacts	facts;

	memset(reason, 0, sizeof(GapReason));
	if (status_is_upgrading())
	{
		*reason = (GapReason){"upgrade", "weir.prepare_upgrade() dropped its replication slot"};
		return true;
	}
	slot_facts(stream_slot_name(), &facts);
	if (slot_over_budget(stream_slot_name(), &facts, reason))
		return true;

	/* The guard has ended the worker, and what was too much went with it. */
	status = status_lock(MyDatabaseId);
	if (status != NULL)
	{
		if (status->must_go[0] != '\0')
		{
			reason->kind = pstrdup(status->must_go);
			reason->text = psprintf("its slot was past its %s, and the worker that held it was ended", status->must_go);
			reason->over_budget = true;
		}
		status->must_go[0] = '\0';
		status->pressed_pid = 0;
		status_unlock();
	}
	return reason->kind != NULL;
}

void
slot_let_go(const GapReason *reason)
{
	status_set_state("letting go of its slot");
	gap_record(reason);
	if (MyReplicationSlot != NULL)
		ReplicationSlotRelease();
	stream_drop_slot();
}

void
slot_retire(void)
{
	SqlScope	scope;

	if (MyReplicationSlot != NULL)
		ReplicationSlotRelease();
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (OidIsValid(extension_oid(true)))
	{
		sql_begin(&scope);
		sql_execute("DELETE FROM weir.pane WHERE monitor_id NOT IN (SELECT monitor_id FROM weir.monitor)", 0, NULL, NULL, NULL);
		sql_execute("DELETE FROM weir.build WHERE monitor_id NOT IN (SELECT monitor_id FROM weir.monitor)", 0, NULL, NULL, NULL);
		sql_execute("DELETE FROM weir.source_relation", 0, NULL, NULL, NULL);
		sql_execute("DELETE FROM weir.source_change", 0, NULL, NULL, NULL);
		sql_execute("DELETE FROM weir.capture_progress", 0, NULL, NULL, NULL);
		sql_execute("UPDATE weir.gap SET healed_at = pg_catalog.clock_timestamp() WHERE healed_at IS NULL", 0, NULL, NULL, NULL);
		sql_end(&scope);
	}
	drop_origin();
	CommitTransactionCommand();
	stream_drop_slot();
	blame_forget(MyDatabaseId);
}
