/*
 * worker.c
 *		What all background workers of weir have in common: registration, shared memory, waking, one-off workers.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/withhold.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/varlena.h"
#include "worker/shared.h"
#include "worker/worker.h"

typedef struct RegisteredOneOff
{
	const char *name;
	WorkerOneOff run;
} RegisteredOneOff;

/* Travels in bgw_extra. */
typedef struct OneOffRequest
{
	int32		index;
	Oid			role;
	int64		argument;
} OneOffRequest;

WorkerShared *worker_shared = NULL;
Caretaker	worker_caretaker;
RegisteredService worker_services[WORKER_MAX_SERVICES];
int			worker_n_services = 0;
RegisteredTask worker_tasks[WORKER_MAX_TASKS];
int			worker_n_tasks = 0;

static RegisteredOneOff one_offs[WORKER_MAX_ONE_OFFS];
static int	n_one_offs = 0;
static bool (*presences[WORKER_MAX_PRESENCES])(void);
static int	n_presences = 0;

static char *allowed_databases = NULL;
static bool wake_pending = false;
static shmem_request_hook_type previous_shmem_request = NULL;
static shmem_startup_hook_type previous_shmem_startup = NULL;

PGDLLEXPORT void weir_one_off_main(Datum argument);
PG_FUNCTION_INFO_V1(weir_wake);

/* ---- registration ---- */

void
worker_register_task(const char *name, int period_ms, WorkerTask task)
{
	if (worker_n_tasks == WORKER_MAX_TASKS)
		elog(ERROR, "too many tasks registered");
	worker_tasks[worker_n_tasks++] = (RegisteredTask){.name = name, .period_ms = period_ms, .run = task};
}

void
worker_register_service(const char *name, bool (*wanted)(void), void (*main)(void))
{
	if (worker_n_services == WORKER_MAX_SERVICES)
		elog(ERROR, "too many services registered");
	worker_services[worker_n_services++] = (RegisteredService){.name = name, .wanted = wanted, .main = main};
}

void
worker_register_caretaker(bool (*concerns)(Oid database), void (*care)(void), void (*elsewhere)(bool (*is_served)(Oid)))
{
	if (worker_caretaker.care != NULL)
		elog(ERROR, "a caretaker is registered already");
	worker_caretaker = (Caretaker){.concerns = concerns, .care = care, .elsewhere = elsewhere};
}

void
worker_register_presence(bool (*present)(void))
{
	if (n_presences == WORKER_MAX_PRESENCES)
		elog(ERROR, "too many presence tests registered");
	presences[n_presences++] = present;
}

void
worker_register_one_off(const char *name, WorkerOneOff run)
{
	if (n_one_offs == WORKER_MAX_ONE_OFFS)
		elog(ERROR, "too many one-off workers registered");
	one_offs[n_one_offs++] = (RegisteredOneOff){.name = name, .run = run};
}

bool
worker_presence(void)
{
	for (int i = 0; i < n_presences; i++)
		if (presences[i]())
			return true;
	return false;
}

bool
worker_is_preloaded(void)
{
	return worker_shared != NULL;
}

/* ---- shared memory ---- */

static void
request_shared_memory(void)
{
	if (previous_shmem_request)
		previous_shmem_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(WorkerShared)));
	RequestNamedLWLockTranche("weir_worker", 1);
}

static void
startup_shared_memory(void)
{
	bool		found;

	if (previous_shmem_startup)
		previous_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	worker_shared = ShmemInitStruct("weir worker", sizeof(WorkerShared), &found);
	if (!found)
	{
		memset(worker_shared, 0, sizeof(WorkerShared));
		worker_shared->lock = &GetNamedLWLockTranche("weir_worker")->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Nothing of weir runs there, or is about to. */
static bool
is_unused(const DatabaseEntry *entry)
{
	for (int i = 0; i < WORKER_MAX_SERVICES; i++)
		if (entry->services[i].pid != 0)
			return false;
	return !entry->wanted && entry->kept_out_by == 0 && entry->n_processes == 0 && entry->scheduler.pid == 0;
}

DatabaseEntry *
worker_entry(Oid database, bool create)
{
	DatabaseEntry *unused = NULL;

	for (int i = 0; i < WORKER_MAX_DATABASES; i++)
	{
		DatabaseEntry *entry = &worker_shared->databases[i];

		if (entry->database == database)
			return entry;
		if (!OidIsValid(entry->database) && unused == NULL)
			unused = entry;
	}
	for (int i = 0; i < WORKER_MAX_DATABASES && create && unused == NULL; i++)
		if (is_unused(&worker_shared->databases[i]))
			unused = &worker_shared->databases[i];
	if (!create || unused == NULL)
		return NULL;
	memset(unused, 0, sizeof(DatabaseEntry));
	unused->database = database;
	return unused;
}

/* Database InvalidOid: the launcher; service -1: the scheduler. */
static SharedProcess *
shared_process(Oid database, int service)
{
	DatabaseEntry *entry;

	if (!OidIsValid(database))
		return &worker_shared->launcher;
	entry = worker_entry(database, true);
	if (entry == NULL)
		return NULL;
	return service < 0 ? &entry->scheduler : &entry->services[service];
}

static Oid	published_database;
static int	published_service;

static void
unpublish(int code, Datum argument)
{
	SharedProcess *process;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	process = shared_process(published_database, published_service);
	if (process != NULL && process->pid == MyProcPid)
		*process = (SharedProcess){0};
	LWLockRelease(worker_shared->lock);
}

void
worker_publish(Oid database, int service)
{
	SharedProcess *process;
	bool		taken;

	published_database = database;
	published_service = service;
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	process = shared_process(database, service);
	taken = process == NULL || process->pid != 0;
	if (!taken)
	{
		process->pid = MyProcPid;
		process->latch = MyLatch;
	}
	LWLockRelease(worker_shared->lock);
	if (taken)
		proc_exit(0);
	before_shmem_exit(unpublish, (Datum) 0);
}

/* ---- waking ---- */

static void
set_latch_of(SharedProcess *process)
{
	if (process->latch != NULL)
		SetLatch(process->latch);
}

void
worker_wake(void)
{
	DatabaseEntry *entry;

	if (worker_shared == NULL)
		return;
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_entry(MyDatabaseId, true);
	if (entry != NULL)
	{
		entry->wanted = true;
		entry->wakes++;
		set_latch_of(&entry->scheduler);
		for (int i = 0; i < worker_n_services; i++)
			set_latch_of(&entry->services[i]);
	}
	for (int i = 0; i < WORKER_MAX_IDLE; i++)
		if (worker_shared->idle[i].pid != 0 && worker_shared->idle[i].database == MyDatabaseId)
			SetLatch(worker_shared->idle[i].latch);
	set_latch_of(&worker_shared->launcher);
	LWLockRelease(worker_shared->lock);
}

static void
wake_on_commit(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_COMMIT && wake_pending)
		worker_wake();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		wake_pending = false;
}

void
worker_wake_at_commit(void)
{
	static bool registered = false;

	if (!registered)
	{
		RegisterXactCallback(wake_on_commit, NULL);
		registered = true;
	}
	wake_pending = true;
}

bool
worker_wait(long timeout_ms)
{
	int			events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout_ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	return (events & WL_LATCH_SET) != 0;
}

/* ---- beginning of every worker ---- */

void
worker_describe(BackgroundWorker *worker, const char *function, const char *type)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "weir", BGW_MAXLEN);
	strlcpy(worker->bgw_function_name, function, BGW_MAXLEN);
	strlcpy(worker->bgw_type, type, BGW_MAXLEN);
	strlcpy(worker->bgw_name, type, BGW_MAXLEN);
}

/*
 * What people set for a database, or for all, is meant for their sessions: that these write nothing, or give up soon. Texts that
 * travel between statements are read as they were written.
 */
static void
use_own_settings(void)
{
	static const char *const settings[][2] = {
		{"default_transaction_read_only", "off"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_deferrable", "off"},
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"transaction_timeout", "0"}, /* since PostgreSQL 17 */
		{"session_replication_role", "origin"},
		{"DateStyle", "ISO"},
		{"IntervalStyle", "postgres"},
		{"array_nulls", "on"},
		{"standard_conforming_strings", "on"},
		/* Statements are short, and of tables that the planner takes for large. */
		{"jit", "off"},
	};

	for (int i = 0; i < lengthof(settings); i++)
		if (GetConfigOption(settings[i][0], true, false) != NULL)
			SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

void
worker_begin(Oid database, Oid role)
{
	withhold_values();
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	if (OidIsValid(database))
		worker_enter_database(database);
	if (OidIsValid(database))
		BackgroundWorkerInitializeConnectionByOid(database, role, 0);
	else
		BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	if (!OidIsValid(role))
		use_own_settings();
	pgstat_report_appname(MyBgworkerEntry->bgw_type);
}

bool
worker_databases_changed(void)
{
	static char *known = NULL;
	bool		changed = known != NULL && strcmp(known, allowed_databases) != 0;

	if (known == NULL || changed)
	{
		if (known != NULL)
			pfree(known);
		known = MemoryContextStrdup(TopMemoryContext, allowed_databases);
	}
	return changed;
}

bool
worker_database_allowed(const char *name)
{
	char	   *copy;
	List	   *names;
	ListCell   *cell;
	bool		allowed = false;

	if (allowed_databases == NULL || allowed_databases[0] == '\0')
		return true;
	copy = pstrdup(allowed_databases);
	if (!SplitIdentifierString(copy, ',', &names))
		return false;
	foreach(cell, names)
		if (strcmp((const char *) lfirst(cell), name) == 0)
			allowed = true;
	list_free(names);
	pfree(copy);
	return allowed;
}

/* A statement trigger on tables of definitions: pg_restore fills them without calling any function of ours. */
Datum
weir_wake(PG_FUNCTION_ARGS)
{
	worker_wake_at_commit();
	return PointerGetDatum(NULL); /* a trigger returns no SQL value */
}

/* ---- one-off workers ---- */

bool
worker_start_one_off(const char *name, Oid role, int64 argument, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;
	OneOffRequest request = {.index = -1, .role = role, .argument = argument};
	char		type[BGW_MAXLEN];

	for (int i = 0; i < n_one_offs; i++)
		if (strcmp(one_offs[i].name, name) == 0)
			request.index = i;
	if (request.index < 0)
		elog(ERROR, "no one-off worker is registered as \"%s\"", name);

	snprintf(type, sizeof(type), "weir %s", name);
	worker_describe(&worker, "weir_one_off_main", type);
	worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
	worker.bgw_notify_pid = MyProcPid;
	StaticAssertStmt(sizeof(OneOffRequest) <= BGW_EXTRALEN, "the request fits");
	memcpy(worker.bgw_extra, &request, sizeof(request));
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

void
weir_one_off_main(Datum argument)
{
	OneOffRequest request;

	memcpy(&request, MyBgworkerEntry->bgw_extra, sizeof(request));
	worker_begin(DatumGetObjectId(argument), request.role);
	one_offs[request.index].run(request.argument);
	proc_exit(0);
}

/* ---- idle workers ---- */

static void
withdraw_at_exit(int code, Datum argument)
{
	worker_withdraw_idle();
}

bool
worker_offer_idle(Oid role)
{
	static bool registered = false;
	bool		offered = false;

	if (!registered)
	{
		before_shmem_exit(withdraw_at_exit, (Datum) 0);
		registered = true;
	}
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < WORKER_MAX_IDLE && !offered; i++)
		if (worker_shared->idle[i].pid == 0)
		{
			worker_shared->idle[i] = (IdleProcess){.pid = MyProcPid, .database = MyDatabaseId, .role = role, .latch = MyLatch};
			offered = true;
		}
	LWLockRelease(worker_shared->lock);
	return offered;
}

void
worker_withdraw_idle(void)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < WORKER_MAX_IDLE; i++)
		if (worker_shared->idle[i].pid == MyProcPid)
			worker_shared->idle[i] = (IdleProcess){0};
	LWLockRelease(worker_shared->lock);
}

int
worker_count_idle(Oid role)
{
	int			n = 0;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	for (int i = 0; i < WORKER_MAX_IDLE; i++)
		n += worker_shared->idle[i].pid != 0 && worker_shared->idle[i].database == MyDatabaseId &&
			worker_shared->idle[i].role == role;
	LWLockRelease(worker_shared->lock);
	return n;
}

/* ---- start ---- */

static bool
check_databases(char **value, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*value);
	List	   *names;
	bool		valid = SplitIdentifierString(copy, ',', &names);

	if (!valid)
		GUC_check_errdetail("The list of database names is not valid.");
	list_free(names);
	pfree(copy);
	return valid;
}

void
worker_init(void)
{
	DefineCustomStringVariable("weir.databases", "Databases in which weir may run its workers.",
							   "Comma-separated; empty: every database that has monitors.", &allowed_databases, "", PGC_SIGHUP,
							   GUC_LIST_INPUT, check_databases, NULL, NULL);

	/* Neither pg_upgrade's servers nor a library loaded by hand run workers. */
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	previous_shmem_request = shmem_request_hook;
	shmem_request_hook = request_shared_memory;
	previous_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = startup_shared_memory;
	worker_launcher_init();
}
