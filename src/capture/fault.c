/*
 * fault.c
 *		Faults on purpose, for tests: the worker dies, fails or waits at a named point.
 */
#include "postgres.h"

#include <signal.h>
#include <unistd.h>

#include "capture/fault.h"
#include "common/string.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/guc.h"
#include "worker/worker.h"

#define WAIT_MS 10

typedef enum FaultAction
{
	ACTION_KILL,
	ACTION_EXIT,
	ACTION_ERROR,
	ACTION_MEMORY,
	ACTION_WAIT,
	ACTIONS
} FaultAction;

typedef struct Fault
{
	FaultPoint	point;
	FaultAction action;
	int			times;			/* 0: for ever */
	int			every;
} Fault;

bool		fault_is_set = false;

static const char *const point_names[FAULT_POINTS] = {
	[FAULT_CHANGE] = "change",
	[FAULT_FOLD] = "fold",
	[FAULT_COMMIT] = "commit",
	[FAULT_STREAM_CHANGE] = "stream_change",
	[FAULT_STREAM_ABORT] = "stream_abort",
	[FAULT_STREAM_COMMIT] = "stream_commit",
	[FAULT_STREAM_MERGED] = "stream_merged",
	[FAULT_DEFINITIONS] = "definitions",
	[FAULT_FLUSH_BEGIN] = "flush_begin",
	[FAULT_FLUSH_DECIDED] = "flush_decided",
	[FAULT_PANE_WRITTEN] = "pane_written",
	[FAULT_LIMIT_LOWERED] = "limit_lowered",
	[FAULT_FLUSH_WRITTEN] = "flush_written",
	[FAULT_FLUSH_COMMITTED] = "flush_committed",
	[FAULT_BEFORE_CONFIRM] = "before_confirm",
	[FAULT_AFTER_CONFIRM] = "after_confirm",
	[FAULT_PLAN] = "plan",
	[FAULT_CUT] = "cut",
	[FAULT_CUT_TAKEN] = "cut_taken",
	[FAULT_CUT_COMMITTED] = "cut_committed",
	[FAULT_SLICE_READ] = "slice_read",
	[FAULT_SLICE_WRITTEN] = "slice_written",
	[FAULT_SLICE_COMMITTED] = "slice_committed",
	[FAULT_SLICE_STEP] = "slice_step",
	[FAULT_GAP_WRITTEN] = "gap_written",
	[FAULT_GAP_COMMITTED] = "gap_committed",
	[FAULT_SLOT_CREATED] = "slot_created",
	[FAULT_POSITION_STORED] = "position_stored",
	[FAULT_LABELS_WRITTEN] = "labels_written",
	[FAULT_LABELS_COMMITTED] = "labels_committed",
	[FAULT_LEARNER_BEGUN] = "learner_begun",
	[FAULT_LEARNER_READ] = "learner_read",
	[FAULT_LEARNER_APPLIED] = "learner_applied",
	[FAULT_LEARNER_STORED] = "learner_stored",
	[FAULT_LEARNER_COMMITTED] = "learner_committed",
};
static const char *const action_names[ACTIONS] = {"kill", "exit", "error", "memory", "wait"};

static char *setting = NULL;
static Fault fault;
static int	passes;
static int	fired;				/* -1: not yet read from the file */

/* ---- the setting ---- */

static int
find_name(const char *name, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

static bool
parse_count(const char *text, int *count)
{
	char	   *end;

	*count = strtoint(text, &end, 10);
	return end != text && *end == '\0' && *count >= 0;
}

static bool
parse(const char *value, Fault *result)
{
	char	   *copy = pstrdup(value);
	char	   *parts[4] = {copy, NULL, NULL, NULL};
	int			n = 1;
	int			point;
	int			action = ACTION_KILL;
	bool		valid = true;

	*result = (Fault){.times = 1, .every = 1};
	for (char *c = copy; *c != '\0' && n < 4; c++)
		if (*c == ':')
		{
			*c = '\0';
			parts[n++] = c + 1;
		}
	point = find_name(parts[0], point_names, FAULT_POINTS);
	if (parts[1] != NULL)
		action = find_name(parts[1], action_names, ACTIONS);
	if (parts[2] != NULL)
		valid &= parse_count(parts[2], &result->times);
	if (parts[3] != NULL)
		valid &= parse_count(parts[3], &result->every) && result->every > 0;
	result->point = (FaultPoint) point;
	result->action = (FaultAction) action;
	pfree(copy);
	return valid && point >= 0 && action >= 0;
}

static bool
check_fault(char **value, void **extra, GucSource source)
{
	Fault		parsed;

	if ((*value)[0] == '\0' || parse(*value, &parsed))
		return true;
	GUC_check_errdetail("It is point[:action[:times[:every]]]; src/capture/fault.h of weir's source has the points and actions.");
	return false;
}

static void
assign_fault(const char *value, void *extra)
{
	fault_is_set = value[0] != '\0' && parse(value, &fault);
	passes = 0;
	fired = -1;
}

void
fault_init(void)
{
	DefineCustomStringVariable("weir.fault", "For tests: makes capture die, fail or wait at a named point.", NULL, &setting, "",
							   PGC_SUSET, GUC_NOT_IN_SAMPLE | GUC_NO_SHOW_ALL | GUC_SUPERUSER_ONLY, check_fault, assign_fault,
							   NULL);
}

/* ---- how often it fired ---- */

static const char *
count_file(void)
{
	static char path[MAXPGPATH];

	snprintf(path, sizeof(path), "%s/weir_fault_%u", DataDir, MyDatabaseId);
	return path;
}

/* The file has the setting that it counts, and the count. */
static int
times_fired(void)
{
	char		line[256];
	int			result = 0;
	FILE	   *file = AllocateFile(count_file(), "r");

	if (file == NULL)
		return 0;
	if (fgets(line, sizeof(line), file) != NULL)
	{
		char	   *space = strchr(line, ' ');

		if (space != NULL && strncmp(space + 1, setting, strlen(setting)) == 0 && strcmp(space + 1 + strlen(setting), "\n") == 0)
			result = atoi(line);
	}
	FreeFile(file);
	return result;
}

static void
remember_fired(void)
{
	FILE	   *file = AllocateFile(count_file(), "w");

	if (file == NULL)
	{
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not write file \"%s\": %m", count_file())));
		return;					/* not reached */
	}
	fprintf(file, "%d %s\n", fired, setting);
	FreeFile(file);
}

void
fault_reach(FaultPoint point)
{
	Fault		met = fault;

	if (point != fault.point || ++passes % fault.every != 0)
		return;
	if (fired < 0)
		fired = times_fired();
	if (fault.times != 0 && fired >= fault.times)
		return;
	fired++;
	remember_fired();
	ereport(LOG, (errmsg("weir.fault: %s at %s", action_names[met.action], point_names[point])));
	switch (met.action)
	{
		case ACTION_KILL: kill(MyProcPid, SIGKILL); break;
		case ACTION_EXIT: _exit(2);
		case ACTION_ERROR:
			ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("weir.fault: error at %s", point_names[point])));
			break;
		case ACTION_MEMORY:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"), errdetail("weir.fault: at %s", point_names[point])));
			break;
		case ACTION_WAIT:
			while (fault_is_set && memcmp(&met, &fault, sizeof(Fault)) == 0)
				worker_wait(WAIT_MS);
			break;
		case ACTIONS: break;
	}
}
