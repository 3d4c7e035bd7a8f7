/*
 * capture.c
 *		The capture worker: when it is wanted, how it begins, and what it does where its loop (loop.c) fails.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "base/compat.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "base/withhold.h"
#include "capture/build.h"
#include "capture/capture.h"
#include "capture/definition.h"
#include "capture/fault.h"
#include "capture/loop.h"
#include "capture/priority.h"
#include "capture/set_aside.h"
#include "capture/settings.h"
#include "capture/slot.h"
#include "capture/status.h"
#include "capture/stream.h"
#include "capture/utility.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "worker/worker.h"

/* ---- presence ---- */

/*
 * The worker is wanted while there are monitors and nobody has paused it, and after that, after DROP EXTENSION, or for an upgrade,
 * until it has dropped its slot.
 */
static bool
capture_is_wanted(void)
{
	SqlScope	scope;
	bool		wanted;
	bool		is_null;

	if (!LOGICAL_DECODING_IS_POSSIBLE())
		return false;
	if (!OidIsValid(extension_oid(true)) || status_is_upgrading())
		return stream_slot_exists();
	sql_begin(&scope);
	sql_execute("SELECT EXISTS (SELECT FROM weir._captured_monitor), EXISTS (SELECT FROM weir.capture_pause)", 0, NULL, NULL, NULL);
	if (DatumGetBool(sql_value(0, 1, &is_null)))
		wanted = !DatumGetBool(sql_value(0, 2, &is_null));
	else
		wanted = stream_slot_exists();
	sql_end(&scope);
	return wanted;
}

/* ---- status ---- */

static void
forget_status(int code, Datum argument)
{
	CaptureStatus *status = status_lock(MyDatabaseId);

	if (status == NULL)
		return;
	if (status->pid == MyProcPid)
	{
		status->pid = 0;
		status->capture_latch = NULL;
		strlcpy(status->state, "stopped", sizeof(status->state));
	}
	status_unlock();
}

static void
publish_status(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);

	if (status == NULL)
		ereport(FATAL,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("weir captures in at most %d databases", CAPTURE_MAX_DATABASES)));
	status->pid = MyProcPid;
	status->capture_latch = MyLatch;
	status->visible_lsn = InvalidXLogRecPtr;
	strlcpy(status->state, "starting", sizeof(status->state));
	status_unlock();
	before_shmem_exit(forget_status, (Datum) 0);
}

/* ---- the worker ---- */

/* In the middle of a transaction that takes too long, or of the creation of a slot. */
static void
let_go(void)
{
	GapReason	reason;

	AbortOutOfAnyTransaction();
	if (slot_must_go(&reason))
		slot_let_go(&reason);
}

/* What one decoder gathers before large transactions are folded in progress: a server's own setting is meant for subscribers. */
static void
set_decoding_memory(void)
{
	SetConfigOption("logical_decoding_work_mem", psprintf("%d", capture_decoding_memory_kb), PGC_USERSET, PGC_S_OVERRIDE);
}

static void
capture_main(void)
{
	publish_status();
	SetConfigOption("synchronous_commit", "local", PGC_USERSET, PGC_S_OVERRIDE);
	set_decoding_memory();
	priority_lower();
	PG_TRY();
	{
		loop_run();
	}
	PG_CATCH();
	{
		ErrorData  *error;
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		error = CopyErrorData();
		MemoryContextSwitchTo(old);
		status_set_error(message_without_values(error));
		EmitErrorReport();
		FlushErrorState();
		if (stream_is_past_budget())
			let_go();
		else if (definition_blamed() != 0)
			set_aside_monitor(definition_blamed(), error, loop_position());
		proc_exit(1);
	}
	PG_END_TRY();
}

void
capture_init(void)
{
	settings_init();
	priority_init();
	fault_init();
	if (!process_shared_preload_libraries_in_progress)
		return;
	status_init();
	slot_guard_init();
	utility_init();
	worker_register_service("capture", capture_is_wanted, capture_main);
	worker_register_one_off("builder", builder_main);
}
