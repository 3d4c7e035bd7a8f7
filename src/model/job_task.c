/*
 * job_task.c
 *		The scheduler's side of jobs: schedules, workers that died or hang, cancelled ones, and the launch of procedures.
 *
 * A launch counts the attempt in the scheduler's transaction while the job's row is locked; the worker's first act is to lock the
 * same row, so it begins after that commit, or finds the job queued and leaves.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "base/sql.h"
#include "base/withhold.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "model/data_version.h"
#include "model/fingerprint_plan.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "model/review.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/resowner.h"
#include "worker/worker.h"

/* How long a worker may take to start, and to end once it was told to. */
#define START_GRACE "interval '1 min'"
#define END_GRACE "interval '30 s'"

int			model_max_running_jobs = 2;
int			model_job_retry_delay_ms = 10000;
int			model_job_retention_s = 90 * SECS_PER_DAY;
int			model_prediction_retention_s = 365 * SECS_PER_DAY;

/* A process with that pid that started at that time. */
#define WORKER_LIVES "EXISTS (SELECT FROM pg_stat_get_activity(j.pid) a WHERE a.backend_start = j.backend_start)"

/* One job or trainer of those that a step of the task is about; what is not needed is left out. */
typedef struct TaskRow
{
	int64		job_id;
	int64		token;
	const char *error;
	Oid			owner;
	int			trainer_id;
	bool		launched;
} TaskRow;

/*
 * Does a step, or one row's part of it, in a subtransaction: an error that data or locks cause is undone, logged and returned, and
 * stops neither the other rows nor the task.  NULL: no error.
 */
static ErrorData *
try_step(void (*step)(TaskRow *), TaskRow *row, const char *what)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner resources = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		step(row);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = resources;
	if (error != NULL)
		ereport(LOG,
				(errmsg("%s: %s", what, message_without_values(error)),
				 hint_without_values(error) ? errhint("%s", hint_without_values(error)) : 0));
	return error;
}

/* Whether the same would happen again: not for locks, cancellation and want of resources. */
static bool
is_lasting(const ErrorData *error)
{
	int			class = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return class != ERRCODE_TO_CATEGORY(ERRCODE_LOCK_NOT_AVAILABLE) && class != ERRCODE_OPERATOR_INTERVENTION &&
		class != ERRCODE_INSUFFICIENT_RESOURCES && class != ERRCODE_TRANSACTION_ROLLBACK;
}

/* ---- schedules ---- */

static void
enqueue_one(TaskRow *row)
{
	Trainer		trainer = {.trainer_id = row->trainer_id, .owner = row->owner};
	Jsonb	   *config = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));

	(void) job_enqueue(&trainer, config, NULL, 0, "schedule", 0, trainer.owner);
	/* Times that passed while nothing ran are made up for once, not one by one. */
	sql_execute("UPDATE weir.trainer_state s SET next_at = greatest(s.next_at + t.schedule, now() + t.schedule / 2)"
				" FROM weir.trainer t WHERE t.trainer_id = s.trainer_id AND s.trainer_id = $1",
				1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(row->trainer_id)}, NULL);
}

/* After a restore the state of schedules is missing. */
static void
add_missing_state(TaskRow *row)
{
	sql_execute("INSERT INTO weir.trainer_state (trainer_id, next_at) SELECT trainer_id, now() + schedule FROM weir.trainer"
				" ON CONFLICT (trainer_id) DO NOTHING",
				0, NULL, NULL, NULL);
}

static void
enqueue_scheduled(TaskRow *all)
{
	uint64		n = sql_execute(
		"SELECT t.trainer_id, t.owner::oid, t.name FROM weir.trainer t JOIN weir.trainer_state s USING (trainer_id)"
		" WHERE s.next_at <= clock_timestamp() AND t.schedule IS NOT NULL ORDER BY s.next_at FOR NO KEY UPDATE OF s SKIP LOCKED",
		0, NULL, NULL, NULL);
	SPITupleTable *due = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;
		TaskRow		row = {.trainer_id = DatumGetInt32(SPI_getbinval(due->vals[i], due->tupdesc, 1, &is_null)),
					   .owner = DatumGetObjectId(SPI_getbinval(due->vals[i], due->tupdesc, 2, &is_null))};

		CHECK_FOR_INTERRUPTS();
		if (try_step(enqueue_one, &row,
					 psprintf("the scheduled job of trainer \"%s\" was not queued", SPI_getvalue(due->vals[i], due->tupdesc, 3))))
			sql_execute("UPDATE weir.trainer_state SET next_at = clock_timestamp() + interval '10 s' WHERE trainer_id = $1", 1,
						(Oid[]){INT4OID}, (Datum[]){Int32GetDatum(row.trainer_id)}, NULL);
	}
}

/* ---- workers ---- */

static void
record_orphan(TaskRow *row)
{
	(void) job_record_failure(row->job_id, row->token, row->error, true, NULL);
}

static void
expire_leases(TaskRow *all)
{
	job_expire_leases();
}

/* Attempts whose worker is no more: killed, crashed, the server restarted, or never started. */
static void
recover_orphans(TaskRow *all)
{
	uint64		n = sql_execute("SELECT j.job_id, j.token, j.pid FROM weir.job j WHERE j.state = 'running' AND j.kind = 'procedure'"
						   " AND CASE WHEN j.pid IS NULL THEN j.lease_until < clock_timestamp() ELSE NOT " WORKER_LIVES " END"
						   " FOR NO KEY UPDATE SKIP LOCKED",
						   0, NULL, NULL, NULL);
	SPITupleTable *lost = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;
		TaskRow		row = {.job_id = DatumGetInt64(SPI_getbinval(lost->vals[i], lost->tupdesc, 1, &is_null)),
					   .token = DatumGetInt64(SPI_getbinval(lost->vals[i], lost->tupdesc, 2, &is_null))};
		int			pid = DatumGetInt32(SPI_getbinval(lost->vals[i], lost->tupdesc, 3, &is_null));
		char	   *what = psprintf("job " INT64_FORMAT, row.job_id);
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		row.error = is_null ? pstrdup("its worker did not start in time; see the server's log")
							: psprintf("its worker (pid %d) ended without a result: killed, crashed, or the server restarted", pid);
		ereport(LOG, (errmsg("%s: %s", what, row.error)));
		error = try_step(record_orphan, &row, what);
		if (error != NULL && is_lasting(error))
			job_fail_for_good(row.job_id, error->message);
	}
}

/* Interrupts procedures whose job was cancelled, and ends those that outlive their timeout because they cannot be interrupted. */
static void
signal_workers(TaskRow *all)
{
	uint64		n;

	sql_execute(
		"UPDATE weir.job j SET pid = NULL, backend_start = NULL WHERE j.pid IS NOT NULL AND j.state <> 'running' AND NOT " WORKER_LIVES,
		0, NULL, NULL, NULL);
	n = sql_execute("SELECT j.pid, j.state = 'running' OR clock_timestamp() - j.finished_at > " END_GRACE " FROM weir.job j"
					" WHERE j.pid IS NOT NULL AND " WORKER_LIVES " AND (j.state <> 'running'"
					" OR clock_timestamp() - j.started_at - " END_GRACE " > j.timeout)",
					0, NULL, NULL, NULL);
	for (uint64 row = 0; row < n; row++)
	{
		bool		is_null;
		int			pid = DatumGetInt32(sql_value(row, 1, &is_null));
		bool		terminate = DatumGetBool(sql_value(row, 2, &is_null));

		if (kill(pid, terminate ? SIGTERM : SIGINT) != 0)
			ereport(LOG, (errmsg("could not signal the worker of a job (pid %d): %m", pid)));
	}
}

static void
launch_one(TaskRow *row)
{
	Oid			procedure;
	Oid			procedure_owner;
	char	   *obstacle = job_obstacle(row->job_id, &procedure, &procedure_owner);

	if (obstacle != NULL)
	{
		job_fail_for_good(row->job_id, obstacle);
		return;
	}
	row->launched = true;
	sql_execute(
		"UPDATE weir.job SET state = 'running', attempt = attempt + 1, token = nextval('weir.job_token_seq'), claimed_by = 'weir job',"
		" started_at = clock_timestamp(), finished_at = NULL, progress = NULL, message = NULL, output = NULL, pid = NULL, backend_start = NULL,"
		" lease_until = clock_timestamp() + " START_GRACE " WHERE job_id = $1",
		1, (Oid[]){INT8OID}, (Datum[]){Int64GetDatum(row->job_id)}, NULL);
	/* Last, as no rollback takes it back. */
	if (!worker_start_one_off("job", row->owner, row->job_id, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("no background worker slot is free"),
				 errhint("Raise max_worker_processes.")));
}

/*
 * Starts a worker for each job that may run now and that no idle worker of its owner will take: those are awake. False when another
 * look is worthwhile, as some could never run.
 */
static bool
launch_due(void)
{
	List	   *candidates = job_candidates();
	ListCell   *cell;
	bool		done = true;

	foreach(cell, candidates)
	{
		JobCandidate *candidate = lfirst(cell);
		TaskRow		row = {.job_id = candidate->job_id, .owner = candidate->owner};
		int			n_before = 0;
		ListCell   *before;
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		foreach(before, candidates)
		{
			if (before == cell)
				break;
			n_before += ((JobCandidate *) lfirst(before))->owner == candidate->owner;
		}
		if (n_before < worker_count_idle(candidate->owner) || !job_lock_queued(candidate->job_id))
			continue;
		error = try_step(launch_one, &row, psprintf("job " INT64_FORMAT " was not launched", row.job_id));
		if (error != NULL && !is_lasting(error))
			return true;		/* it waits */
		if (error != NULL)
			job_fail_for_good(row.job_id, error->message);
		done &= error == NULL && row.launched;
	}
	return done;
}

/* ---- history ---- */

static void
purge_finished(TaskRow *all)
{
	if (model_job_retention_s == 0)
		return;
	sql_execute("DELETE FROM weir.job WHERE job_id IN (SELECT job_id FROM weir.job WHERE created_at < $1 AND finished_at < $1"
				" AND state NOT IN ('queued', 'running') AND pid IS NULL FOR UPDATE SKIP LOCKED)",
				1, (Oid[]){TIMESTAMPTZOID},
				(Datum[]){TimestampTzGetDatum(GetCurrentTimestamp() - model_job_retention_s * USECS_PER_SEC)}, NULL);
}

static void
purge_predictions(TaskRow *all)
{
	if (model_prediction_retention_s > 0)
		sql_execute("DELETE FROM weir.prediction WHERE predicted_at < $1", 1, (Oid[]){TIMESTAMPTZOID},
					(Datum[]){TimestampTzGetDatum(GetCurrentTimestamp() - model_prediction_retention_s * USECS_PER_SEC)}, NULL);
}

static void
expire_data_versions(TaskRow *all)
{
	data_version_expire();
}

void
job_task(void)
{
	static TimestampTz next_purge = 0;
	SqlScope	scope;

	sql_begin(&scope);
	/* Somebody's open transaction may hold the key of a job: the scheduler has more to do than to wait for it. */
	(void) set_config_option("lock_timeout", "2s", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	try_step(add_missing_state, NULL, "schedules were not set");
	try_step(enqueue_scheduled, NULL, "scheduled jobs were not queued");
	try_step(expire_leases, NULL, "leases that passed were not ended");
	try_step(recover_orphans, NULL, "workers that are gone were not noticed");
	try_step(signal_workers, NULL, "workers of cancelled jobs were not interrupted");
	if (GetCurrentTimestamp() >= next_purge)
	{
		try_step(purge_finished, NULL, "old jobs were not removed");
		try_step(purge_predictions, NULL, "old predictions were not removed");
		try_step(expire_data_versions, NULL, "tables of old data versions were not dropped");
		next_purge = GetCurrentTimestamp() + USECS_PER_HOUR;
	}
	/* Last: workers that claim the next job themselves wait for the end of this transaction. */
	job_lock_starts();
	while (!launch_due())
		CHECK_FOR_INTERRUPTS();
	sql_end(&scope);
}

/* ---- start of the room ---- */

/* A trainer, or a job that is not over, keeps the scheduler. */
static bool
jobs_present(void)
{
	SqlScope	scope;
	bool		present;

	sql_begin(&scope);
	present = sql_execute("SELECT FROM weir.trainer UNION ALL SELECT FROM weir.job WHERE state IN ('queued', 'running') LIMIT 1", 0,
						  NULL, NULL, NULL) > 0;
	sql_end(&scope);
	return present;
}

void
model_init(void)
{
	fingerprint_plan_init();
	DefineCustomIntVariable("weir.max_running_jobs",
							"How many training jobs may run their procedures at the same time, per database.",
							"0: none; jobs wait.", &model_max_running_jobs, 2, 0, 1000, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.job_retry_delay",
							"How long after its first failed attempt a job is tried again; doubled after each further one.", NULL,
							&model_job_retry_delay_ms, 10000, 0, 3600000, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.job_worker_idle", "How long the worker of a job waits for another job of the same owner.",
							"0: every job has a worker of its own.", &model_job_worker_idle_ms, 5000, 0, 3600000, PGC_SIGHUP,
							GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.job_retention", "How long jobs are kept once they are over.", "0: for good.",
							&model_job_retention_s, 90 * SECS_PER_DAY, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	review_init();
	DefineCustomIntVariable("weir.prediction_retention", "How long predictions that were recorded are kept.", "0: for good.",
							&model_prediction_retention_s, 365 * SECS_PER_DAY, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL,
							NULL);
	rule_register_action("retrain", retrain_check, retrain_run);
	rule_register_action("roll_back", retrain_check, roll_back_run);
	monitor_register_data_versions(data_version_query_of);
	worker_register_task("jobs", 500, job_task);
	worker_register_one_off("job", job_work);
	worker_register_presence(jobs_present);
}
