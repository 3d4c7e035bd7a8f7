/*
 * slot.c
 *		Care of the replication slot: where to begin, when to let go.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "base/compat.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "capture/gap.h"
#include "capture/slot.h"
#include "capture/status.h"
#include "capture/stream.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "replication/origin.h"
#include "replication/slot.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"

/* Weir's own writes are skipped by their origin, early; without a free place for one they are skipped later, by their tables. */
void
slot_set_up_origin(void)
{
	RepOriginId origin;
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		origin = replorigin_by_name(stream_slot_name(), true);
		if (origin == InvalidRepOriginId)
			origin = replorigin_create(stream_slot_name());
		REPLORIGIN_SESSION_SETUP(origin);
		replorigin_session_origin = origin;
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		replorigin_session_origin = InvalidRepOriginId;
	}
	PG_END_TRY();
}

/* What is wrong with the stored position, or NULL. */
static const char *
gap_reason(XLogRecPtr captured, int64 system_identifier, Oid database, const char *slot)
{
	XLogRecPtr	confirmed = stream_slot_confirmed();

	if (system_identifier != (int64) GetSystemIdentifier() || database != MyDatabaseId || strcmp(slot, stream_slot_name()) != 0)
		return "the stored position belongs to another database";
	if (!stream_slot_exists())
		return "the replication slot is gone";
	if (confirmed == InvalidXLogRecPtr)
		return "the replication slot has lost its WAL";
	if (confirmed > captured)
		return "the replication slot is ahead of the panes";
	if (captured > GetFlushRecPtr(NULL))
		return "the stored position is ahead of the server";
	return NULL;
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
	sql_execute("INSERT INTO weir.capture_progress (slot, system_identifier, database_oid, captured_lsn) VALUES ($1, $2, $3, $4) "
				"ON CONFLICT (singleton) DO UPDATE SET slot = $1, system_identifier = $2, database_oid = $3, captured_lsn = $4",
				4, types, values, NULL);
	sql_end(&scope);
	CommitTransactionCommand();
}

/* Where to begin: the stored position, or that of a new slot. */
XLogRecPtr
slot_find_position(void)
{
	SqlScope	scope;
	bool		has_progress;
	bool		is_null;
	XLogRecPtr	captured = InvalidXLogRecPtr;
	XLogRecPtr	position;
	const char *reason = NULL;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	sql_begin(&scope);
	has_progress = sql_execute("SELECT captured_lsn, system_identifier, database_oid, slot::text FROM weir.capture_progress", 0,
							   NULL, NULL, NULL) > 0;
	if (has_progress)
	{
		captured = DatumGetLSN(sql_value(0, 1, &is_null));
		reason = gap_reason(captured, DatumGetInt64(sql_value(0, 2, &is_null)), DatumGetObjectId(sql_value(0, 3, &is_null)),
							sql_text(0, 4));
	}
	sql_end(&scope);
	CommitTransactionCommand();
	if (has_progress && reason == NULL)
		return captured;

	status_set_state("creating its slot");
	stream_drop_slot();
	position = stream_create_slot();
	if (reason != NULL)
		gap_record(reason, captured, position);
	store_new_progress(position);
	return position;
}

/* Without monitors nobody needs the WAL that the slot keeps. */
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
		sql_end(&scope);
	}
	CommitTransactionCommand();
	stream_drop_slot();
}
