/*
 * job_worker.c
 *		The worker process of jobs: runs the one it was started for, then others of the same owner.
 *
 * The process is connected as the trainer's owner and does nothing else, so a procedure has a session of its own: it may COMMIT,
 *use temporary tables and change settings.  Between two jobs the session is discarded as by DISCARD ALL.  A worker takes the next
 *job itself, which spares the start of a process; it ends when it has been idle, after a minute, or when somebody else's jobs come
 * first.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "commands/discard.h"
#include "miscadmin.h"
#include "model/model.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

/* Role settings and memory that something left behind last no longer. */
#define WORKER_LIFE_MS 60000

int			model_job_worker_idle_ms = 5000;

typedef enum NextJob
{
	NEXT_CLAIMED,
	NEXT_NONE,
	NEXT_OTHERS					/* only other owners' jobs may start */
} NextJob;

/* Reads the row that the claim returned; texts live in context. */
static void
read_claim(RunningJob *job, int64 job_id, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		is_null;

	job->job_id = job_id;
	job->token = DatumGetInt64(sql_value(0, 1, &is_null));
	job->schema = pstrdup(NameStr(*DatumGetName(sql_value(0, 2, &is_null))));
	job->procedure = pstrdup(NameStr(*DatumGetName(sql_value(0, 3, &is_null))));
	job->timeout = TextDatumGetCString(sql_value(0, 4, &is_null));
	job->timeout_ms = DatumGetInt64(sql_value(0, 5, &is_null));
	job->config = DatumGetJsonbPCopy(sql_value(0, 6, &is_null));
	job->search_path = TextDatumGetCString(sql_value(0, 7, &is_null));
	MemoryContextSwitchTo(old);
}

/* Makes a job this process's; counted: the scheduler has counted the attempt already. False when it is gone. */
static bool
take(int64 job_id, bool counted, RunningJob *job, MemoryContext context)
{
	if (sql_execute("UPDATE weir.job j SET state = 'running', pid = $2, backend_start = $3, started_at = clock_timestamp(),"
					" lease_until = clock_timestamp() + least(j.timeout, interval '30 days'),"
					" attempt = CASE WHEN $4 THEN attempt ELSE attempt + 1 END,"
					" token = CASE WHEN $4 THEN token ELSE nextval('weir.job_token_seq') END, claimed_by = 'weir job',"
					" finished_at = NULL, progress = NULL, message = NULL, output = NULL"
					" FROM weir.trainer t WHERE j.job_id = $1 AND t.trainer_id = j.trainer_id"
					" RETURNING j.token, t.procedure_schema, t.procedure_name, j.timeout::text,"
					" least(extract(epoch FROM j.timeout) * 1000, 2147483647)::bigint, j.config, coalesce(t.search_path, '')",
					4, (Oid[]){INT8OID, INT4OID, TIMESTAMPTZOID, BOOLOID},
					(Datum[]){Int64GetDatum(job_id), Int32GetDatum(MyProcPid), TimestampTzGetDatum(MyStartTimestamp),
							  BoolGetDatum(counted)},
					NULL) == 0)
		return false;
	read_claim(job, job_id, context);
	return true;
}

/* The job that the scheduler launched this worker for; false when it is not to be run (any more). */
static bool
begin_launched(int64 job_id, RunningJob *job, MemoryContext context)
{
	SqlScope	scope;
	char	   *obstacle = NULL;
	bool		is_mine;
	bool		begun = false;

	job_begin_own_transaction();
	sql_begin(&scope);
	/* By its number alone, as the lock has to wait for the scheduler's transaction, which counts the attempt. */
	sql_execute("SELECT FROM weir.job WHERE job_id = $1 FOR NO KEY UPDATE", 1, (Oid[]){INT8OID}, (Datum[]){Int64GetDatum(job_id)},
				NULL);
	is_mine =
		sql_execute("SELECT FROM weir.job WHERE job_id = $1 AND state = 'running' AND pid IS NULL AND kind = 'procedure'"
					" AND owner = $2::regrole",
					2, (Oid[]){INT8OID, OIDOID}, (Datum[]){Int64GetDatum(job_id), ObjectIdGetDatum(GetSessionUserId())}, NULL) > 0;
	if (is_mine)
		obstacle = job_obstacle(job_id, &job->procedure_oid, &job->procedure_owner);
	if (obstacle != NULL)
		job_fail_for_good(job_id, obstacle);
	else if (is_mine)
		begun = take(job_id, true, job, context);
	sql_end(&scope);
	job_end_own_transaction();
	return begun;
}

static NextJob
begin_next(RunningJob *job, MemoryContext context)
{
	NextJob		next = NEXT_NONE;
	Oid			role = GetSessionUserId();
	SqlScope	scope;
	ListCell   *cell;

	pgstat_report_activity(STATE_RUNNING, "weir: claim of the next job");
	job_begin_own_transaction();
	if (extension_lock())
	{
		sql_begin(&scope);
		job_lock_starts();
		foreach(cell, job_candidates())
		{
			JobCandidate *candidate = lfirst(cell);
			char	   *obstacle;

			if (candidate->owner != role)
			{
				next = NEXT_OTHERS;
				continue;
			}
			if (!job_lock_queued(candidate->job_id))
				continue;
			obstacle = job_obstacle(candidate->job_id, &job->procedure_oid, &job->procedure_owner);
			if (obstacle != NULL)
				job_fail_for_good(candidate->job_id, obstacle);
			else if (take(candidate->job_id, false, job, context))
			{
				next = NEXT_CLAIMED;
				break;
			}
		}
		sql_end(&scope);
	}
	job_end_own_transaction();
	return next;
}

/* As DISCARD ALL. */
static void
discard_session(void)
{
	DiscardStmt statement = {.type = T_DiscardStmt, .target = DISCARD_ALL};

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	DiscardCommand(&statement, true);
	CommitTransactionCommand();
}

/* Waits for a job of this owner; false when the time is over, or somebody else needs the place. */
static bool
await_next(RunningJob *job, MemoryContext context, TimestampTz life_end)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), model_job_worker_idle_ms);
	NextJob		next;

	end = Min(end, life_end);
	for (;;)
	{
		long		wait_ms;

		/* Offered before it looks, so that it misses nothing. */
		if (!worker_offer_idle(GetSessionUserId()))
			return false;
		next = begin_next(job, context);
		wait_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
		if (next == NEXT_NONE && wait_ms > 0)
		{
			pgstat_report_stat(true);
			pgstat_report_activity(STATE_IDLE, NULL);
			(void) worker_wait(wait_ms);
		}
		worker_withdraw_idle();
		if (next == NEXT_CLAIMED)
			return true;
		if (next == NEXT_OTHERS || wait_ms <= 0)
			return false;
	}
}

void
job_work(int64 job_id)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "weir job", ALLOCSET_DEFAULT_SIZES);
	RunningJob	job = {0};
	TimestampTz life_end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), WORKER_LIFE_MS);
	bool		begun = begin_launched(job_id, &job, context);

	while (begun)
	{
		JobEnd		end = job_run(&job, context);

		pgstat_report_stat(true);
		/* A signal that was meant for this job must not hit the next. */
		if (end == JOB_INTERRUPTED || model_job_worker_idle_ms == 0 || GetCurrentTimestamp() >= life_end)
			break;
		MemoryContextSwitchTo(TopMemoryContext);
		discard_session();
		MemoryContextReset(context);
		begun = await_next(&job, context, life_end);
	}
	worker_wake();
	proc_exit(0);
}
