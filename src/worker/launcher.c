/*
 * launcher.c
 *		One per server: starts a scheduler in every database that may need one.
 *
 * It is connected to no database, so it cannot see where the extension is: it lets a scheduler look, once per database when the
 *server starts or the database appears, and again when a backend says so (worker_wake).  A scheduler that finds nothing to do takes
 *its entry back; one that dies is started again, later each time.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/shared.h"
#include "worker/worker.h"

#define LOOK_FOR_NEW_DATABASES_MS 10000
#define SOONEST_LOOK_MS 200
#define FIRST_RESTART_DELAY_MS 1000
#define LAST_RESTART_DELAY_MS 60000
#define NO_SLOT_RETRY_MS 6000

/* What the launcher itself remembers of a database it has seen. */
typedef struct KnownDatabase
{
	Oid			database;
	bool		seen;			/* in the last scan */
	bool		asked;			/* a scheduler was wanted, to look whether there is anything to do */
	BackgroundWorkerHandle *handle;
	TimestampTz start_after;
	int			restart_delay_ms;
} KnownDatabase;

PGDLLEXPORT void weir_launcher_main(Datum argument);

static List *known_databases = NIL;

static KnownDatabase *
known_database(Oid database)
{
	ListCell   *cell;
	MemoryContext old;
	KnownDatabase *known;

	foreach(cell, known_databases)
	{
		known = lfirst(cell);
		if (known->database == database)
			return known;
	}
	old = MemoryContextSwitchTo(TopMemoryContext);
	known = palloc0(sizeof(KnownDatabase));
	known->database = database;
	known_databases = lappend(known_databases, known);
	MemoryContextSwitchTo(old);
	return known;
}

/* True when somebody asks for attention in a database that was just created. forget: for one that is none of ours, once is enough.
 */
static bool
unknown_database_is_wanted(bool forget)
{
	bool		found = false;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < WORKER_MAX_DATABASES; i++)
	{
		DatabaseEntry *entry = &worker_shared->databases[i];
		bool		is_known = false;
		ListCell   *cell;

		foreach(cell, known_databases)
			is_known |= ((KnownDatabase *) lfirst(cell))->database == entry->database;
		if (!OidIsValid(entry->database) || !entry->wanted || is_known)
			continue;
		found = true;
		if (forget)
			entry->wanted = false;
	}
	LWLockRelease(worker_shared->lock);
	return found;
}

/* False when weir is at work in so many databases that there is no place for this one, which is then asked again later. */
static bool
want_scheduler(Oid database)
{
	DatabaseEntry *entry;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_entry(database, true);
	if (entry != NULL)
		entry->wanted = true;
	LWLockRelease(worker_shared->lock);
	return entry != NULL;
}

/* Wants a scheduler in each database that was not there before; forgets those that are gone. */
static void
look_for_databases(void)
{
	Relation	catalog;
	TableScanDesc scan;
	HeapTuple	tuple;
	ListCell   *cell;

	foreach(cell, known_databases)
		((KnownDatabase *) lfirst(cell))->seen = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	catalog = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(catalog, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		KnownDatabase *known;

		if (!database->datallowconn || database->datistemplate ||
			(!worker_database_allowed(NameStr(database->datname)) &&
			 !(worker_caretaker.concerns != NULL && worker_caretaker.concerns(database->oid))))
			continue;
		known = known_database(database->oid);
		known->seen = true;
		known->asked = known->asked || want_scheduler(database->oid);
	}
	table_endscan(scan);
	table_close(catalog, AccessShareLock);
	CommitTransactionCommand();

	foreach(cell, known_databases)
	{
		KnownDatabase *known = lfirst(cell);

		if (!known->seen && known->handle == NULL)
		{
			DatabaseEntry *entry;

			LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
			entry = worker_entry(known->database, false);
			if (entry != NULL)
				memset(entry, 0, sizeof(DatabaseEntry));
			LWLockRelease(worker_shared->lock);
			known_databases = foreach_delete_current(known_databases, cell);
			pfree(known);
		}
	}
}

/* Starts what should run and does not; returns how long to wait at most before looking again. */
static long
start_schedulers(void)
{
	long		wait_ms = LOOK_FOR_NEW_DATABASES_MS;
	ListCell   *cell;

	foreach(cell, known_databases)
	{
		KnownDatabase *known = lfirst(cell);
		DatabaseEntry *entry;
		bool		wanted;
		pid_t		pid;
		TimestampTz now = GetCurrentTimestamp();

		LWLockAcquire(worker_shared->lock, LW_SHARED);
		entry = worker_entry(known->database, false);
		wanted = entry != NULL && entry->wanted && entry->kept_out_by == 0 && known->seen;
		LWLockRelease(worker_shared->lock);

		if (known->handle != NULL)
		{
			if (GetBackgroundWorkerPid(known->handle, &pid) != BGWH_STOPPED)
				continue;
			pfree(known->handle);
			known->handle = NULL;
			if (wanted)			/* it died: it would have taken its entry back */
			{
				known->restart_delay_ms = Min(Max(known->restart_delay_ms * 2, FIRST_RESTART_DELAY_MS), LAST_RESTART_DELAY_MS);
				known->start_after = TimestampTzPlusMilliseconds(now, known->restart_delay_ms);
			}
			else
				known->restart_delay_ms = 0;
		}
		if (!wanted)
			continue;
		if (known->start_after > now)
			wait_ms = Min(wait_ms, Max(1, TimestampDifferenceMilliseconds(now, known->start_after)));
		else
		{
			BackgroundWorker worker;
			MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

			worker_describe(&worker, "weir_scheduler_main", "weir scheduler");
			worker.bgw_main_arg = ObjectIdGetDatum(known->database);
			worker.bgw_notify_pid = MyProcPid;
			if (!RegisterDynamicBackgroundWorker(&worker, &known->handle))
			{
				known->handle = NULL;
				known->start_after = TimestampTzPlusMilliseconds(now, NO_SLOT_RETRY_MS);
				ereport(LOG,
						(errmsg("weir could not start its scheduler: no background worker slot is free"),
						 errhint("Raise max_worker_processes.")));
			}
			MemoryContextSwitchTo(old);
			if (known->handle == NULL)
				return Min(wait_ms, NO_SLOT_RETRY_MS);
		}
	}
	return wait_ms;
}

static bool
is_served(Oid database)
{
	DatabaseEntry *entry;
	bool		served;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	entry = worker_entry(database, false);
	served = entry != NULL && entry->scheduler.pid != 0 && entry->attended;
	LWLockRelease(worker_shared->lock);
	return served;
}

/* Schedulers look again in every database that is known. */
static void
want_all(void)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < WORKER_MAX_DATABASES; i++)
		if (OidIsValid(worker_shared->databases[i].database))
			worker_shared->databases[i].wanted = true;
	LWLockRelease(worker_shared->lock);
}

void
weir_launcher_main(Datum argument)
{
	TimestampTz next_look = 0;
	long		wait_ms;

	worker_begin(InvalidOid, InvalidOid);
	worker_publish(InvalidOid, 0);
	for (;;)
	{
		if (GetCurrentTimestamp() >= next_look)
		{
			look_for_databases();
			if (worker_caretaker.elsewhere != NULL)
				worker_caretaker.elsewhere(is_served);
			(void) unknown_database_is_wanted(true);
			next_look = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOOK_FOR_NEW_DATABASES_MS);
		}
		wait_ms = start_schedulers();
		worker_wait(Min(wait_ms, Max(1, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next_look))));
		if (unknown_database_is_wanted(false))
			next_look = Min(next_look, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), SOONEST_LOOK_MS));
		/* weir.databases may have changed. */
		if (worker_databases_changed())
		{
			want_all();
			next_look = 0;
		}
	}
}

void
worker_launcher_init(void)
{
	BackgroundWorker worker;

	worker_describe(&worker, "weir_launcher_main", "weir launcher");
	worker.bgw_restart_time = 1;
	RegisterBackgroundWorker(&worker);
}
