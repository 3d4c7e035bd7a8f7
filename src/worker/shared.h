/*
 * shared.h
 *		What the processes of weir share: which databases are wanted, who runs there, whom to wake.  Inside this room only.
 */
#ifndef WEIR_WORKER_SHARED_H
#define WEIR_WORKER_SHARED_H

#include "postgres.h"

#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

#define WORKER_MAX_DATABASES 64
#define WORKER_MAX_SERVICES 4
#define WORKER_MAX_TASKS 16
#define WORKER_MAX_ONE_OFFS 8
#define WORKER_MAX_PRESENCES 8
#define WORKER_MAX_IDLE 64

typedef struct SharedProcess
{
	int			pid;			/* 0: not running */
	Latch	   *latch;
} SharedProcess;

typedef struct DatabaseEntry
{
	Oid			database;		/* InvalidOid: free */
	bool		wanted;			/* a scheduler should run, or look */
	bool		attended;		/* it runs its tasks: the extension suits the library */
	uint32		wakes;			/* how often somebody asked for attention */
	int			kept_out_by;	/* pid of a backend that needs the database to itself; 0: nobody does */
	int			n_processes;	/* of weir that are connected, or about to be */
	SharedProcess scheduler;
	SharedProcess services[WORKER_MAX_SERVICES];
} DatabaseEntry;

/* A one-off worker that has done what it was started for and would do more. */
typedef struct IdleProcess
{
	int			pid;			/* 0: free */
	Oid			database;
	Oid			role;
	Latch	   *latch;
} IdleProcess;

typedef struct WorkerShared
{
	LWLock	   *lock;
	SharedProcess launcher;
	IdleProcess idle[WORKER_MAX_IDLE];
	DatabaseEntry databases[WORKER_MAX_DATABASES];
} WorkerShared;

extern WorkerShared *worker_shared;

typedef struct RegisteredService
{
	const char *name;
	bool		(*wanted)(void);
	void		(*main)(void);
} RegisteredService;

typedef struct RegisteredTask
{
	const char *name;
	int			period_ms;
	void		(*run)(void);
} RegisteredTask;

typedef struct Caretaker
{
	bool		(*concerns)(Oid database);
	void		(*care)(void);
	void		(*elsewhere)(bool (*is_served)(Oid database));
} Caretaker;

extern Caretaker worker_caretaker; /* there is one */

extern RegisteredService worker_services[WORKER_MAX_SERVICES];
extern int	worker_n_services;
extern RegisteredTask worker_tasks[WORKER_MAX_TASKS];
extern int	worker_n_tasks;

/*
 * The entry of a database, or NULL; with create, a new one unless weir is at work in all that there are: one where it has nothing
 * to do makes room.  The lock must be held, exclusively to create.
 */
extern DatabaseEntry *worker_entry(Oid database, bool create);

/*
 * Publishes this process in shared memory until it exits.  Exits at once where another runs in its place already: a scheduler that
 * was ended by hand leaves its services running, and the next one finds them.
 */
extern void worker_publish(Oid database, int service);

/* Fills in what every worker of weir has in common; the caller adds type, argument and extra, then registers. */
extern void worker_describe(BackgroundWorker *worker, const char *function, const char *type);

/* Counts this process in until it exits; exits at once when the database is to be left alone. Before it connects. */
extern void worker_enter_database(Oid database);

/* Signals, connection, search_path: the beginning of every worker. */
extern void worker_begin(Oid database, Oid role);

/* True when anything registered says that this database needs its scheduler. Inside a transaction. */
extern bool worker_presence(void);

/* True when weir.databases names the database, or names none. */
extern bool worker_database_allowed(const char *name);

/* True once after the setting was changed. */
extern bool worker_databases_changed(void);

extern void worker_launcher_init(void);

#endif
