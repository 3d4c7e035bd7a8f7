/*
 * slot_budget.c
 *		What a slot of weir may keep: WAL, spilled changes, old versions of catalog rows.  And who sees to it when capture cannot.
 *
 * What WAL its own slot keeps, capture looks at whenever it has read for a moment, and every so many changes of one transaction;
 * at the rest every second.  While it does not run or is paused the scheduler of the database does; and where no scheduler may run
 * (weir.databases, a database that takes no connections) the launcher.
 *
 * A slot keeps WAL from the oldest transaction that was in progress at a point which the server logs every 15 seconds, and learns
 * what was read when that is confirmed.  Where the budget is small beside what is written in that time, capture does not let that
 * count: an eighth of it at most waits to be flushed, and such points are logged more often.
 */
#include "postgres.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

#include "access/transam.h"
#include "access/xlog.h"
#include "base/compat.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "capture/settings.h"
#include "capture/slot.h"
#include "capture/status.h"
#include "miscadmin.h"
#include "replication/slot.h"
#include "storage/fd.h"
#include "storage/proc.h"
#include "storage/standby.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

#define GUARD_MS 1000

/* A worker that is past its budget and does not look: it ends, and lets go when it begins again. */
#define PATIENCE_MS 10000

const char *
slot_name_of(Oid database)
{
	static char name[NAMEDATALEN];

	snprintf(name, sizeof(name), "weir_%u", database);
	return name;
}

static void
read_facts(ReplicationSlot *slot, SlotFacts *facts)
{
	SpinLockAcquire(&slot->mutex);
	facts->exists = true;
	facts->is_lost = SLOT_IS_INVALIDATED(slot);
	facts->active_pid = SLOT_ACTIVE_PID(slot);
	facts->restart_lsn = slot->data.restart_lsn;
	facts->confirmed_lsn = slot->data.confirmed_flush;
	facts->catalog_xmin = slot->data.catalog_xmin;
	SpinLockRelease(&slot->mutex);
}

void
slot_facts(const char *name, SlotFacts *facts)
{
	ReplicationSlot *slot;

	memset(facts, 0, sizeof(SlotFacts));
	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	slot = SearchNamedReplicationSlot(name, false);
	if (slot != NULL)
		read_facts(slot, facts);
	LWLockRelease(ReplicationSlotControlLock);
}

int64
slot_spilled_bytes(const char *name)
{
	char		path[MAXPGPATH];
	DIR		   *directory;
	struct dirent *entry;
	int64		bytes = 0;

	snprintf(path, sizeof(path), "pg_replslot/%s", name);
	directory = AllocateDir(path);
	if (directory == NULL)
		return 0;
	while ((entry = ReadDirExtended(directory, path, DEBUG1)) != NULL)
	{
		char		file[MAXPGPATH * 2];
		struct stat status;

		if (strncmp(entry->d_name, "xid-", 4) != 0)
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (stat(file, &status) == 0)
			bytes += status.st_size;
	}
	FreeDir(directory);
	return bytes;
}

/* ---- budgets ---- */

static int64
kept_wal(const SlotFacts *facts)
{
	XLogRecPtr	present = GetFlushRecPtr(NULL);

	return facts->restart_lsn == InvalidXLogRecPtr || facts->restart_lsn > present ? 0 : (int64) (present - facts->restart_lsn);
}

static int64
xmin_age(const SlotFacts *facts)
{
	return TransactionIdIsNormal(facts->catalog_xmin)
		? (int32) (XidFromFullTransactionId(ReadNextFullTransactionId()) - facts->catalog_xmin)
		: 0;
}

#define MEGABYTE (INT64CONST(1024) * 1024)

static bool
over_megabytes(int64 bytes, int limit_mb)
{
	return limit_mb >= 0 && bytes > limit_mb * MEGABYTE;
}

bool
slot_over_budget(const char *name, const SlotFacts *facts, GapReason *reason)
{
	int64		spilled;

	memset(reason, 0, sizeof(GapReason));
	if (!facts->exists || facts->is_lost)
		return false;
	reason->over_budget = true;
	if (over_megabytes(kept_wal(facts), capture_max_wal_mb))
	{
		reason->kind = "wal budget";
		reason->text = psprintf("its slot kept " INT64_FORMAT " MB of WAL, more than weir.max_wal (%d MB)",
								kept_wal(facts) / MEGABYTE, capture_max_wal_mb);
		return true;
	}
	if (xmin_age(facts) > capture_max_xmin_age)
	{
		reason->kind = "xmin budget";
		reason->text = psprintf("its slot held back vacuum of the catalogs for " INT64_FORMAT
								" transactions, more than weir.max_xmin_age (%d)",
								xmin_age(facts), capture_max_xmin_age);
		return true;
	}
	if (capture_max_spill_mb >= 0 && over_megabytes(spilled = slot_spilled_bytes(name), capture_max_spill_mb))
	{
		reason->kind = "spill budget";
		reason->text = psprintf("decoding spilled " INT64_FORMAT " MB to disk, more than weir.max_spill (%d MB)",
								spilled / MEGABYTE, capture_max_spill_mb);
		return true;
	}
	reason->over_budget = false;
	return false;
}

/* ---- the worker's own ---- */

/* Of the budget: what may wait to be flushed, from where on it matters how far back the slot begins, and how often it may do so
 * anew. */
#define UNFLUSHED_SHARE 8
#define RESTART_SHARE 4
#define RESTART_STEP 16

static bool
over_share(XLogRecPtr bytes, int share)
{
	return capture_max_wal_mb >= 0 && bytes > (XLogRecPtr) capture_max_wal_mb * MEGABYTE / share;
}

static XLogRecPtr
own_kept_wal(void)
{
	XLogRecPtr	present = GetFlushRecPtr(NULL);
	/* Nobody else writes it. */
	XLogRecPtr	first = MyReplicationSlot == NULL ? InvalidXLogRecPtr : MyReplicationSlot->data.restart_lsn;

	return first == InvalidXLogRecPtr || first > present ? 0 : present - first;
}

bool
slot_keeps_too_much(void)
{
	return over_share(own_kept_wal(), 1);
}

bool
slot_needs_flush(XLogRecPtr unflushed)
{
	return over_share(unflushed, UNFLUSHED_SHARE);
}

void
slot_offer_restart(void)
{
	static XLogRecPtr last = InvalidXLogRecPtr;
	XLogRecPtr	present;

	if (!over_share(own_kept_wal(), RESTART_SHARE))
		return;
	present = GetFlushRecPtr(NULL);
	if (last <= present && !over_share(present - last, RESTART_STEP))
		return;
	(void) LogStandbySnapshot();
	last = present;
}

bool
slot_is_half_way(const SlotFacts *facts)
{
	return over_megabytes(kept_wal(facts) * 2, capture_max_wal_mb) || xmin_age(facts) > capture_max_xmin_age / 2;
}

/* ---- the guard of one database ---- */

static bool
is_extension_without_monitors(void)
{
	bool		is_null;

	sql_execute("SELECT NOT EXISTS (SELECT FROM weir._captured_monitor)", 0, NULL, NULL, NULL);
	return DatumGetBool(sql_value(0, 1, &is_null));
}

/* The worker holds the slot: it lets go by itself, or it is ended and does so when it begins again. */
static void
press_worker(int pid, const char *kind)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	TimestampTz now = GetCurrentTimestamp();
	bool		is_late = false;

	if (status == NULL)
		return;
	if (status->pressed_pid != pid)
	{
		status->pressed_pid = pid;
		status->pressed_at = now;
	}
	else if (now - status->pressed_at > PATIENCE_MS * INT64CONST(1000))
	{
		is_late = status->pid == pid;
		strlcpy(status->must_go, kind, sizeof(status->must_go));
	}
	status_unlock();
	if (is_late)
	{
		ereport(LOG, (errmsg("weir ends its capture worker %d, which is past its %s and does not answer", pid, kind)));
		kill(pid, SIGTERM);
	}
}

/* A task of the scheduler: within a transaction. */
static void
guard_slot(void)
{
	const char *name = slot_name_of(MyDatabaseId);
	SlotFacts	facts;
	GapReason	reason;
	SqlScope	scope;

	slot_facts(name, &facts);
	if (!slot_over_budget(name, &facts, &reason))
		return;
	if (facts.active_pid != 0)
	{
		press_worker(facts.active_pid, reason.kind);
		return;
	}
	sql_begin(&scope);
	if (!is_extension_without_monitors())
		gap_write(&reason);
	sql_end(&scope);
	ReplicationSlotDrop(name, true);
}

/* ---- the guard of databases where no scheduler runs ---- */

/* In the launcher, which is connected to no database and can record nothing: capture will find its slot gone. */
static void
guard_slots_elsewhere(bool (*is_served)(Oid database))
{
	for (int i = 0; i < max_replication_slots; i++)
	{
		ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[i];
		SlotFacts	facts = {0};
		GapReason	reason;
		NameData	name;
		Oid			database = InvalidOid;

		LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
		if (slot->in_use && strcmp(NameStr(slot->data.plugin), "weir") == 0)
		{
			read_facts(slot, &facts);
			name = slot->data.name;
			database = slot->data.database;
		}
		LWLockRelease(ReplicationSlotControlLock);
		if (!facts.exists || facts.active_pid != 0 || is_served(database))
			continue;
		if (!slot_over_budget(NameStr(name), &facts, &reason))
			continue;
		ereport(WARNING,
				(errmsg("weir drops replication slot \"%s\": %s", NameStr(name), reason.text),
				 errdetail("Capture does not run in its database %u.", database),
				 errhint(
					 "See weir.databases, ALTER DATABASE ... ALLOW_CONNECTIONS, and whether ALTER EXTENSION weir UPDATE was run "
					 "there. The gap will be healed when capture runs there again.")));
		ReplicationSlotDrop(NameStr(name), true);
	}
}

/* True when the database has a slot of weir's. */
static bool
has_slot(Oid database)
{
	SlotFacts	facts;

	slot_facts(slot_name_of(database), &facts);
	return facts.exists;
}

/* In a database where workers may not run, or no more: nobody else would notice that its slot serves nobody. Within a transaction.
 */
static void
drop_orphan(void)
{
	const char *name = slot_name_of(MyDatabaseId);
	SqlScope	scope;
	SlotFacts	facts;
	bool		is_orphan = true;

	slot_facts(name, &facts);
	if (!facts.exists || facts.active_pid != 0)
		return;
	if (OidIsValid(extension_oid(true)))
	{
		sql_begin(&scope);
		is_orphan = is_extension_without_monitors();
		sql_end(&scope);
	}
	if (!is_orphan)
		return;
	ereport(LOG, (errmsg("weir drops replication slot \"%s\", which serves no monitor any more", name)));
	ReplicationSlotDrop(name, true);
}

void
slot_guard_init(void)
{
	worker_register_task("slot", GUARD_MS, guard_slot);
	worker_register_caretaker(has_slot, drop_orphan, guard_slots_elsewhere);
}
