/*
 * scheduler.c
 *		One per database: keeps the services running and runs the registered tasks.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "base/privileges.h"
#include "base/version.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/shared.h"
#include "worker/worker.h"

#define LONGEST_WAIT_MS 5000
#define FIRST_RETRY_MS 1000
#define LAST_RETRY_MS 60000

typedef struct Timing
{
	TimestampTz next;
	int			retry_ms;		/* 0 while all is well */
} Timing;

PGDLLEXPORT void weir_scheduler_main(Datum argument);
PGDLLEXPORT void weir_service_main(Datum argument);

static BackgroundWorkerHandle *service_handles[WORKER_MAX_SERVICES];
static Timing service_timing[WORKER_MAX_SERVICES];
static Timing task_timing[WORKER_MAX_TASKS];
static bool service_wanted[WORKER_MAX_SERVICES];
static bool has_extension;
static bool has_other_version;

static void
back_off(Timing *timing)
{
	timing->retry_ms = Min(Max(timing->retry_ms * 2, FIRST_RETRY_MS), LAST_RETRY_MS);
	timing->next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timing->retry_ms);
}

/* Runs a function in a transaction of its own; false when it failed (the error is logged and rolled back). */
static bool
run_in_transaction(const char *name, void (*function)(void *), void *argument)
{
	volatile bool succeeded = true;
	MemoryContext old = CurrentMemoryContext;

	pgstat_report_activity(STATE_RUNNING, name);
	PG_TRY();
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		function(argument);
		if (ActiveSnapshotSet())
			PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		HOLD_INTERRUPTS();
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		RESUME_INTERRUPTS();
		succeeded = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return succeeded;
}

/* Before any lock on a table: DROP EXTENSION locks the extension first, too, so one of the two waits instead of a deadlock. */
static void
call_task(void *argument)
{
	if (extension_lock())
		((RegisteredTask *) argument)->run();
}

/*
 * True, and said once, while the catalogue is of another version than the library: neither knows the other's functions and columns,
 * so nothing runs until ALTER EXTENSION or a restart has brought them together.
 */
static bool
is_other_version(void)
{
	char	   *version = extension_version();
	bool		had_other = has_other_version;

	has_other_version = strcmp(version, WEIR_VERSION) != 0;
	if (has_other_version && !had_other)
		ereport(LOG,
				(errmsg("weir does nothing in database \"%s\"", get_database_name(MyDatabaseId)),
				 errdetail("The extension is of version %s there, the library that the server has loaded of %s.", version,
						   WEIR_VERSION),
				 errhint("Run ALTER EXTENSION weir UPDATE in it, or restart the server where that has been done.")));
	return has_other_version;
}

/* Sets *argument when the scheduler should stay, and asks which services are wanted. */
static void
look_around(void *argument)
{
	bool	   *stay = argument;
	char	   *database = get_database_name(MyDatabaseId);

	*stay = false;
	has_extension = false;
	memset(service_wanted, 0, sizeof(service_wanted));
	if (database == NULL || !worker_database_allowed(database))
	{
		if (worker_caretaker.care != NULL)
			worker_caretaker.care();
		return;
	}
	has_extension = extension_lock();
	if (has_extension && is_other_version())
	{
		has_extension = false;
		*stay = true;			/* nobody says when it is updated */
		return;
	}
	for (int i = 0; i < worker_n_services; i++)
		service_wanted[i] = worker_services[i].wanted();
	*stay = has_extension && worker_presence();
	for (int i = 0; i < worker_n_services; i++)
		*stay |= service_wanted[i];
}

/* A service that an earlier scheduler started; ended by its pid when it is not wanted any more. */
static bool
runs_without_us(int i)
{
	DatabaseEntry *entry;
	int			pid;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	entry = worker_entry(MyDatabaseId, false);
	pid = entry != NULL ? entry->services[i].pid : 0;
	LWLockRelease(worker_shared->lock);
	if (pid != 0 && !service_wanted[i])
		kill(pid, SIGTERM);
	return pid != 0;
}

static void
keep_service(int i)
{
	pid_t		pid;
	TimestampTz now = GetCurrentTimestamp();
	BgwHandleStatus status;

	if (service_handles[i] != NULL)
	{
		status = GetBackgroundWorkerPid(service_handles[i], &pid);
		if (status == BGWH_STARTED && !service_wanted[i])
			TerminateBackgroundWorker(service_handles[i]);
		if (status != BGWH_STOPPED)
			return;
		pfree(service_handles[i]);
		service_handles[i] = NULL;
		if (service_wanted[i])
			back_off(&service_timing[i]);
	}
	if (runs_without_us(i))
		return;
	if (service_wanted[i] && service_timing[i].next <= now)
	{
		BackgroundWorker worker;
		char		type[BGW_MAXLEN];
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		snprintf(type, sizeof(type), "weir %s", worker_services[i].name);
		worker_describe(&worker, "weir_service_main", type);
		worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
		worker.bgw_notify_pid = MyProcPid;
		memcpy(worker.bgw_extra, &i, sizeof(i));
		if (!RegisterDynamicBackgroundWorker(&worker, &service_handles[i]))
		{
			service_handles[i] = NULL;
			back_off(&service_timing[i]);
			ereport(LOG,
					(errmsg("weir could not start its %s worker: no background worker slot is free", worker_services[i].name),
					 errhint("Raise max_worker_processes.")));
		}
		MemoryContextSwitchTo(old);
	}
}

/* A service that has run for a while is well again. */
static void
forgive_services(void)
{
	for (int i = 0; i < worker_n_services; i++)
		if (service_timing[i].retry_ms > 0 && service_handles[i] != NULL &&
			GetCurrentTimestamp() > TimestampTzPlusMilliseconds(service_timing[i].next, LAST_RETRY_MS))
			service_timing[i].retry_ms = 0;
}

static uint32
count_wakes(void)
{
	DatabaseEntry *entry;
	uint32		wakes;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	entry = worker_entry(MyDatabaseId, false);
	wakes = entry != NULL ? entry->wakes : 0;
	LWLockRelease(worker_shared->lock);
	return wakes;
}

/* Whether this scheduler runs its tasks: what they see to is the launcher's otherwise. */
static void
tell_attended(void)
{
	DatabaseEntry *entry;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_entry(MyDatabaseId, false);
	if (entry != NULL)
		entry->attended = has_extension;
	LWLockRelease(worker_shared->lock);
}

/* Takes the entry back unless somebody asked for attention since the given count was read. */
static bool
take_back_entry(uint32 wakes)
{
	DatabaseEntry *entry;
	bool		taken;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_entry(MyDatabaseId, false);
	taken = entry == NULL || entry->wakes == wakes;
	if (entry != NULL && taken)
		entry->wanted = false;
	LWLockRelease(worker_shared->lock);
	return taken;
}

void
weir_scheduler_main(Datum argument)
{
	uint32		last_wakes = 0;

	worker_begin(DatumGetObjectId(argument), InvalidOid);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);
	/* A standby that does not answer must not stop it: it also sees to what slots keep. */
	SetConfigOption("synchronous_commit", "local", PGC_USERSET, PGC_S_OVERRIDE);
	worker_publish(MyDatabaseId, -1);

	for (;;)
	{
		uint32		wakes = count_wakes();
		bool		woken = wakes != last_wakes;
		bool		stay;
		TimestampTz now;
		long		wait_ms = LONGEST_WAIT_MS;

		last_wakes = wakes;
		if (!run_in_transaction("looking at what there is to do", look_around, &stay))
			proc_exit(1);		/* the launcher tries again later */
		tell_attended();
		for (int i = 0; i < worker_n_services; i++)
			keep_service(i);
		forgive_services();
		if (!stay)
		{
			bool		running = false;
			pid_t		pid;

			for (int i = 0; i < worker_n_services; i++)
				running |= runs_without_us(i) ||
					(service_handles[i] != NULL && GetBackgroundWorkerPid(service_handles[i], &pid) != BGWH_STOPPED);
			if (!running && take_back_entry(wakes))
				proc_exit(0);
			worker_wait(100);
			continue;
		}
		for (int i = 0; i < worker_n_tasks && has_extension; i++)
		{
			now = GetCurrentTimestamp();
			if (task_timing[i].next <= now || (woken && task_timing[i].retry_ms == 0))
			{
				if (run_in_transaction(worker_tasks[i].name, call_task, &worker_tasks[i]))
				{
					task_timing[i].retry_ms = 0;
					task_timing[i].next = TimestampTzPlusMilliseconds(now, worker_tasks[i].period_ms);
				}
				else
					back_off(&task_timing[i]);
			}
			wait_ms = Min(wait_ms, Max(1, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), task_timing[i].next)));
		}
		for (int i = 0; i < worker_n_services; i++)
			if (service_wanted[i] && service_handles[i] == NULL)
				wait_ms = Min(wait_ms, Max(10, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), service_timing[i].next)));
		worker_wait(wait_ms);
	}
}

void
weir_service_main(Datum argument)
{
	int			service;

	memcpy(&service, MyBgworkerEntry->bgw_extra, sizeof(service));
	worker_begin(DatumGetObjectId(argument), InvalidOid);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);
	worker_publish(MyDatabaseId, service);
	worker_services[service].main();
	proc_exit(0);
}
