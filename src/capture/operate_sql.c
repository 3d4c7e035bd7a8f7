/*
 * operate_sql.c
 *		What an administrator does with capture: pause, resume, prepare for pg_upgrade.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "base/audit.h"
#include "base/compat.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "capture/slot.h"
#include "capture/status.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "replication/slot.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_pause_capture);
PG_FUNCTION_INFO_V1(weir_resume_capture);
PG_FUNCTION_INFO_V1(weir_prepare_upgrade);

#define POLL_MS 100
#define UPGRADE_WAIT_MS 60000

/* Capture lets go of its slot by itself within a second or two; of what nobody holds for longer, no worker takes care. */
#define UNATTENDED_MS 5000

Datum
weir_pause_capture(PG_FUNCTION_ARGS)
{
	char	   *user = GetUserNameFromId(GetUserId(), false);
	SqlScope	scope;

	require_role(extension_owner(), "extension \"weir\"");
	sql_begin(&scope);
	sql_execute("INSERT INTO weir.capture_pause (paused_by) VALUES ($1) ON CONFLICT DO NOTHING", 1, (Oid[]){TEXTOID},
				(Datum[]){CStringGetTextDatum(user)}, NULL);
	audit_write("pause", "capture", "this database");
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_VOID();
}

Datum
weir_resume_capture(PG_FUNCTION_ARGS)
{
	SqlScope	scope;

	require_role(extension_owner(), "extension \"weir\"");
	sql_begin(&scope);
	sql_execute("DELETE FROM weir.capture_pause", 0, NULL, NULL, NULL);
	audit_write("resume", "capture", "this database");
	sql_end(&scope);
	if (worker_is_preloaded() && superuser())
		status_set_upgrading(false);
	worker_wake_at_commit();
	PG_RETURN_VOID();
}

/* A slot of weir's; false when there is none left. */
static bool
find_slot(NameData *name, bool *is_active)
{
	bool		found = false;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (int i = 0; i < max_replication_slots && !found; i++)
	{
		ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[i];

		if (!slot->in_use || strcmp(NameStr(slot->data.plugin), "weir") != 0)
			continue;
		found = true;
		*name = slot->data.name;
		*is_active = SLOT_IS_ACTIVE(slot);
	}
	LWLockRelease(ReplicationSlotControlLock);
	return found;
}

static int
count_slots(void)
{
	int			n = 0;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (int i = 0; i < max_replication_slots; i++)
		if (ReplicationSlotCtl->replication_slots[i].in_use &&
			strcmp(NameStr(ReplicationSlotCtl->replication_slots[i].data.plugin), "weir") == 0)
			n++;
	LWLockRelease(ReplicationSlotControlLock);
	return n;
}

Datum
weir_prepare_upgrade(PG_FUNCTION_ARGS)
{
	TimestampTz begun = GetCurrentTimestamp();
	int			n;
	NameData	name;
	bool		is_active;

	if (!superuser() && !has_rolreplication(GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to drop the replication slots of weir"),
				 errhint("Run weir.prepare_upgrade() as a superuser or a role with the REPLICATION attribute.")));
	if (!worker_is_preloaded())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("weir is not preloaded, so it has nothing to prepare"),
				 errhint("Drop slots that an earlier start left behind with pg_drop_replication_slot().")));
	n = count_slots();
	status_set_upgrading(true);
	while (find_slot(&name, &is_active))
	{
		TimestampTz now = GetCurrentTimestamp();

		status_wake_all();
		if (now - begun > UPGRADE_WAIT_MS * INT64CONST(1000))
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED), errmsg("replication slot \"%s\" is still in use", NameStr(name)),
					 errdetail("Capture may be reading a large transaction."),
					 errhint("Call weir.prepare_upgrade() again; it goes on where it was.")));
		if (!is_active && now - begun > UNATTENDED_MS * INT64CONST(1000))
			ReplicationSlotDrop(NameStr(name), true);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, POLL_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	ereport(NOTICE,
			(errmsg("weir captures in no database of this server until it starts again"),
			 errdetail("The monitors of an upgraded cluster are built again from their tables when it starts first."),
			 errhint("Stop the server and run pg_upgrade; weir.resume_capture() takes it back.")));
	PG_RETURN_INT32(n);
}
