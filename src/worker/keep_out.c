/*
 * keep_out.c
 *		Keeps weir's processes out of a database while a command needs it to itself.
 *
 * Each process counts itself in before it connects, so that none is missed that has begun and is not connected yet.
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/timestamp.h"
#include "worker/shared.h"
#include "worker/worker.h"

#define PATIENCE_MS 30000
#define POLL_MS 10

static Oid	entered_database;

static void
count_out(int code, Datum argument)
{
	DatabaseEntry *entry;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_entry(entered_database, false);
	if (entry != NULL && entry->n_processes > 0)
		entry->n_processes--;
	LWLockRelease(worker_shared->lock);
}

void
worker_enter_database(Oid database)
{
	DatabaseEntry *entry;
	bool		kept_out;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_entry(database, true);
	kept_out = entry != NULL && entry->kept_out_by != 0;
	if (entry != NULL && !kept_out)
		entry->n_processes++;
	LWLockRelease(worker_shared->lock);
	if (kept_out)
		proc_exit(0);
	entered_database = database;
	/* After its slot is released, which DROP DATABASE does not wait for. */
	if (entry != NULL)
		on_shmem_exit(count_out, (Datum) 0);
}

static bool
processes_are_left(Oid database)
{
	DatabaseEntry *entry;
	bool		left;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	entry = worker_entry(database, false);
	left = entry != NULL && entry->n_processes > 0;
	LWLockRelease(worker_shared->lock);
	return left;
}

static void
end_processes(Oid database)
{
	for (uint32 i = 0; i < ProcGlobal->allProcCount; i++)
	{
		PGPROC	   *process = &ProcGlobal->allProcs[i];
		int			pid = process->pid;
		const char *type;

		if (pid == 0 || process->databaseId != database)
			continue;
		type = GetBackgroundWorkerTypeByPid(pid);
		if (type != NULL && strncmp(type, "weir ", 5) == 0)
			kill(pid, SIGTERM);
	}
}

void
worker_keep_out(Oid database)
{
	DatabaseEntry *entry;
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), PATIENCE_MS);

	if (worker_shared == NULL)
		return;
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_entry(database, true);
	if (entry != NULL)
		entry->kept_out_by = MyProcPid;
	LWLockRelease(worker_shared->lock);
	while (processes_are_left(database) && GetCurrentTimestamp() < end)
	{
		end_processes(database);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, POLL_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

void
worker_let_in(Oid database, bool is_there)
{
	DatabaseEntry *entry;

	if (worker_shared == NULL)
		return;
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_entry(database, false);
	if (entry != NULL && entry->kept_out_by == MyProcPid)
	{
		if (is_there)
		{
			entry->kept_out_by = 0;
			entry->wanted = true;
			entry->wakes++;
		}
		else
			memset(entry, 0, sizeof(DatabaseEntry));
		if (worker_shared->launcher.latch != NULL)
			SetLatch(worker_shared->launcher.latch);
	}
	LWLockRelease(worker_shared->lock);
}
