/*
 * worker.h
 *		Background workers: the launcher, one scheduler per database, services and one-off workers.
 *
 * This room knows no other room; rooms register with it in their init (from _PG_init, preloaded only).
 *
 *	launcher	one per server, connected to no database.  Starts a scheduler in every database that may have the extension.
 *	scheduler	one per database.  Exits when the extension is not there or has nothing to do; else starts the services and runs the
 *				registered tasks, each in a transaction and behind an error boundary of its own.
 *	service		a process with a main of its own, restarted by the scheduler with back-off when it dies (capture is one).
 *	one-off		started on request, once: a job, a build.
 */
#ifndef WEIR_WORKER_H
#define WEIR_WORKER_H

#include "postgres.h"

#include "postmaster/bgworker.h"
#include "storage/latch.h"

/*
 * A task of the scheduler: run about every period_ms, or sooner after worker_wake.  Called inside a transaction with an active
 * snapshot and search_path pinned; committed on return.  An error is rolled back and logged, and the task waits longer before each
 * next try.
 */
typedef void (*WorkerTask)(void);
extern void worker_register_task(const char *name, int period_ms, WorkerTask task);

/*
 * A service: wanted() is asked by the scheduler within a transaction, also where the extension is not (any more); main runs in a
 * process of its own, connected to the database, with signals set up and unblocked.  It returns to exit and be restarted when still
 * wanted.
 */
extern void worker_register_service(const char *name, bool (*wanted)(void), void (*main)(void));

/*
 * True while anything in this database needs the scheduler to stay; rooms register such a test (there are monitors, there are
 * trainers).
 */
extern void worker_register_presence(bool (*present)(void));

/*
 * Who sees to databases in which no scheduler runs.  concerns(): something of this database needs care even where weir.databases
 * keeps weir out; asked by the launcher.  care(): then called once by a scheduler there, within a transaction, which ends at once
 * if it may not stay. elsewhere(): called by the launcher every few seconds, which is connected to no database; is_served tells
 * whether a scheduler runs.
 */
extern void
worker_register_caretaker(bool (*concerns)(Oid database), void (*care)(void), void (*elsewhere)(bool (*is_served)(Oid)));

/* Called in any backend: at commit of the current transaction the launcher and this database's scheduler and services are woken. */
extern void worker_wake_at_commit(void);

/* The same at once, for use inside workers. */
extern void worker_wake(void);

/*
 * Starts a one-off worker in this database: the function is looked up by name among those registered, so that the pointer is valid
 * in the new process; connects as role (InvalidOid: the bootstrap superuser); argument is handed over.  False when no worker slot
 * is free (max_worker_processes).  handle may be NULL.
 */
typedef void (*WorkerOneOff)(int64 argument);
extern void worker_register_one_off(const char *name, WorkerOneOff run);
extern bool worker_start_one_off(const char *name, Oid role, int64 argument, BackgroundWorkerHandle **handle);

/*
 * A one-off worker that would do more of its kind offers itself as idle, and is woken with the scheduler until it withdraws; false
 * when there is no room.  Its end withdraws it, too.
 */
extern bool worker_offer_idle(Oid role);
extern void worker_withdraw_idle(void);

/* How many idle workers this database has that are connected as the role. */
extern int	worker_count_idle(Oid role);

/*
 * Called in any backend: ends weir's processes in a database and keeps new ones out, until they are let in again by the same
 * backend (is_there: the database was not dropped).
 */
extern void worker_keep_out(Oid database);
extern void worker_let_in(Oid database, bool is_there);

/* True when weir was loaded by shared_preload_libraries. */
extern bool worker_is_preloaded(void);

/* Waits on the latch up to timeout_ms, then handles interrupts (SIGTERM ends the process here) and configuration reloads. True when
 * the latch was set: somebody wants something. */
extern bool worker_wait(long timeout_ms);

/* Called by init.c. */
extern void worker_init(void);

#endif
