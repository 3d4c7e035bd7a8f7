/*
 * blame.c
 *		For whom the worker failed, or died, and how often: remembered across its restarts.
 *
 * The record lies in a file that is mapped into memory: what is written there outlives the process, whatever ends it, and costs no
 * more than a variable.  After a crash of the machine it tells nothing, and that is all right.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/blame.h"
#include "capture/definition.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/ipc.h"

/* Failures in a row. Between them the worker waits 1, 2, 4 seconds. */
#define MOST_FAILURES 4

#define RECORD_VERSION 0x77656901

typedef struct Record
{
	uint32		version;
	int			working_for;	/* monitor; 0: for none, or the process ended in an orderly way */
	int			monitor_id;		/* that failed last */
	int			failures;		/* of it, all with the position of the stream where it is */
	XLogRecPtr	position;
} Record;

static Record *record = NULL;

static void
file_name(Oid database, char *name)
{
	snprintf(name, MAXPGPATH, "%s/weir_blame_%u", DataDir, database);
}

/* Without it all goes on, but for the memory of what happened. */
static Record *
map_record(void)
{
	static Record without_file;
	char		name[MAXPGPATH];
	int			file;
	void	   *mapped = MAP_FAILED;

	file_name(MyDatabaseId, name);
	file = OpenTransientFile(name, O_RDWR | O_CREAT | PG_BINARY);
	if (file >= 0 && ftruncate(file, sizeof(Record)) == 0)
		mapped = mmap(NULL, sizeof(Record), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (mapped == MAP_FAILED)
		ereport(LOG, (errcode_for_file_access(), errmsg("could not map file \"%s\": %m", name)));
	if (file >= 0)
		CloseTransientFile(file);
	return mapped == MAP_FAILED ? &without_file : mapped;
}

/* Ended by the postmaster, because of somebody else. */
static void
quit(SIGNAL_ARGS)
{
	definition_blame(0);
	_exit(2);
}

static void
end_orderly(int code, Datum argument)
{
	definition_blame(0);
}

int
blame_open(XLogRecPtr position, const char **reason)
{
	int			died_for;

	if (record == NULL)
	{
		record = map_record();
		on_proc_exit(end_orderly, (Datum) 0);
		pqsignal(SIGQUIT, quit);
	}
	if (record->version != RECORD_VERSION)
	{
		memset(record, 0, sizeof(Record));
		record->version = RECORD_VERSION;
	}
	died_for = record->working_for;
	record->working_for = 0;
	definition_blame_in(&record->working_for);
	if (died_for == 0 || !blame_count(died_for, position))
		return 0;
	*reason =
		psprintf("the capture worker died %d times while it worked for it; mend what the server's log tells, and run weir.rebuild",
				 MOST_FAILURES);
	return died_for;
}

bool
blame_count(int monitor_id, XLogRecPtr position)
{
	if (record == NULL)
		return false;
	if (record->monitor_id != monitor_id || record->position != position)
		record->failures = 0;
	record->monitor_id = monitor_id;
	record->position = position;
	if (++record->failures < MOST_FAILURES)
		return false;
	record->failures = 0;
	return true;
}

void
blame_forget(Oid database)
{
	char		name[MAXPGPATH];

	file_name(database, name);
	if (unlink(name) != 0 && errno != ENOENT)
		ereport(LOG, (errcode_for_file_access(), errmsg("could not remove file \"%s\": %m", name)));
}
