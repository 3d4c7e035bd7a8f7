/*
 * job_task.c
 *		The scheduler's side of jobs: schedules, workers that died or hang, cancelled ones, and the launch of procedures.
 *
 * A launch counts the attempt in the scheduler's transaction while the job's row is locked; the worker's first act is to lock the
 * same row, so it begins after that commit, or finds the job queued and leaves.
 */
#include "postgres.h"

#include <signal.h>

#include "base/sql.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "model/model.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "worker/worker.h"

/* How long a worker may take to start, and to end once it was told to. */
#define START_GRACE "interval '1 min'"
#define END_GRACE "interval '30 s'"

int			model_max_running_jobs = 2;
int			model_job_retry_delay_ms = 10000;

/* A process with that pid that started at that time. */
#define WORKER_LIVES "EXISTS (SELECT FROM pg_stat_get_activity(j.pid) a WHERE a.backend_start = j.backend_start)"

static void
enqueue_scheduled(void)
{
	uint64		n =
		sql_execute("SELECT t.trainer_id, t.owner::oid, t.name FROM weir.trainer t JOIN weir.trainer_state s USING (trainer_id)"
					" WHERE s.next_at <= clock_timestamp() ORDER BY s.next_at FOR NO KEY UPDATE OF s SKIP LOCKED",
					0, NULL, NULL, NULL);
	SPITupleTable *due = SPI_tuptable;
	Jsonb	   *config = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));

	for (uint64 row = 0; row < n; row++)
	{
		Trainer		trainer;
		bool		is_null;

		trainer.trainer_id = DatumGetInt32(SPI_getbinval(due->vals[row], due->tupdesc, 1, &is_null));
		trainer.owner = DatumGetObjectId(SPI_getbinval(due->vals[row], due->tupdesc, 2, &is_null));
		trainer.is_external = false;
		(void) job_enqueue(&trainer, config, NULL, 0, "schedule", 0, trainer.owner);
		/* Times that passed while nothing ran are made up for once, not one by one. */
		sql_execute("UPDATE weir.trainer_state s SET next_at = greatest(s.next_at + t.schedule, now() + t.schedule / 2)"
					" FROM weir.trainer t WHERE t.trainer_id = s.trainer_id AND s.trainer_id = $1",
					1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(trainer.trainer_id)}, NULL);
	}
	/* After a restore the state of schedules is missing. */
	sql_execute("INSERT INTO weir.trainer_state (trainer_id, next_at) SELECT trainer_id, now() + schedule FROM weir.trainer"
				" WHERE schedule IS NOT NULL ON CONFLICT (trainer_id) DO NOTHING",
				0, NULL, NULL, NULL);
}

/* Attempts whose worker is no more: killed, crashed, the server restarted, or never started. */
static void
recover_orphans(void)
{
	uint64		n = sql_execute("SELECT j.job_id, j.token, j.pid FROM weir.job j WHERE j.state = 'running' AND j.kind = 'procedure'"
						   " AND CASE WHEN j.pid IS NULL THEN j.lease_until < clock_timestamp() ELSE NOT " WORKER_LIVES " END"
						   " FOR NO KEY UPDATE SKIP LOCKED",
						   0, NULL, NULL, NULL);
	SPITupleTable *lost = SPI_tuptable;

	for (uint64 row = 0; row < n; row++)
	{
		bool		is_null;
		int64		job_id = DatumGetInt64(SPI_getbinval(lost->vals[row], lost->tupdesc, 1, &is_null));
		int64		token = DatumGetInt64(SPI_getbinval(lost->vals[row], lost->tupdesc, 2, &is_null));
		int			pid = DatumGetInt32(SPI_getbinval(lost->vals[row], lost->tupdesc, 3, &is_null));
		char	   *error = is_null
			? pstrdup("its worker did not start in time; see the server's log")
			: psprintf("its worker (pid %d) ended without a result: killed, crashed, or the server restarted", pid);

		(void) job_record_failure(job_id, token, error, true);
		ereport(LOG, (errmsg("job " INT64_FORMAT ": %s", job_id, error)));
	}
}

/* Interrupts procedures whose job was cancelled, and ends those that outlive their timeout because they cannot be interrupted. */
static void
signal_workers(void)
{
	uint64		n;

	sql_execute(
		"UPDATE weir.job j SET pid = NULL, backend_start = NULL WHERE j.pid IS NOT NULL AND j.state <> 'running' AND NOT " WORKER_LIVES,
		0, NULL, NULL, NULL);
	n = sql_execute("SELECT j.pid, j.state = 'running' OR j.finished_at + " END_GRACE " < clock_timestamp() FROM weir.job j"
					" WHERE j.pid IS NOT NULL AND " WORKER_LIVES " AND (j.state <> 'running'"
					" OR j.started_at + j.timeout + " END_GRACE " < clock_timestamp())",
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

/* Why the job cannot be launched as its owner, or NULL. Checked each time: roles and procedures change. */
static char *
launch_obstacle(int64 job_id)
{
	sql_execute(
		"SELECT CASE"
		" WHEN r.oid IS NULL THEN 'the role that owns the trainer does not exist any more'"
		" WHEN NOT r.rolcanlogin THEN format('the trainer''s owner \"%s\" is not permitted to log in', r.rolname)"
		" WHEN NOT has_database_privilege(r.oid, d.oid, 'CONNECT') THEN"
		" format('the trainer''s owner \"%s\" may not connect to database \"%s\"', r.rolname, d.datname)"
		" WHEN p.oid IS NULL OR p.prokind <> 'p' THEN"
		" format('procedure %I.%I(bigint, jsonb) does not exist any more', t.procedure_schema, t.procedure_name)"
		" WHEN p.proowner <> t.procedure_owner AND p.proowner <> t.owner THEN"
		" format('procedure %I.%I(bigint, jsonb) has another owner than when the trainer was made', t.procedure_schema, t.procedure_name)"
		" WHEN NOT has_schema_privilege(r.oid, p.pronamespace, 'USAGE') OR NOT has_function_privilege(r.oid, p.oid, 'EXECUTE') THEN"
		" format('the trainer''s owner \"%s\" may not execute procedure %I.%I', r.rolname, t.procedure_schema, t.procedure_name)"
		" END FROM weir.job j JOIN weir.trainer t USING (trainer_id) CROSS JOIN pg_database d LEFT JOIN pg_roles r ON r.oid = t.owner"
		" LEFT JOIN pg_proc p ON p.oid = to_regprocedure(format('%I.%I(bigint, jsonb)', t.procedure_schema, t.procedure_name))"
		" WHERE j.job_id = $1 AND d.datname = current_database()",
		1, (Oid[]){INT8OID}, (Datum[]){Int64GetDatum(job_id)}, NULL);
	return SPI_processed == 0 ? pstrdup("its trainer does not exist any more") : sql_text(0, 1);
}

/* Launches at most one job; false when there is none to launch, or no room. */
static bool
launch_next(void)
{
	bool		is_null;
	int64		job_id;
	Oid			owner;
	char	   *obstacle;

	/* One at a time per trainer: two of them would train the same model twice. */
	if (sql_execute("SELECT j.job_id, j.owner::oid FROM weir.job j WHERE j.kind = 'procedure' AND j.state = 'queued'"
					" AND j.run_after <= clock_timestamp() AND j.trainer_id IS NOT NULL"
					" AND NOT EXISTS (SELECT FROM weir.job r WHERE r.trainer_id = j.trainer_id AND r.state = 'running')"
					" AND (SELECT count(*) FROM weir.job r WHERE r.state = 'running' AND r.kind = 'procedure') < $1"
					" ORDER BY j.priority DESC, j.run_after, j.job_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED",
					1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(model_max_running_jobs)}, NULL) == 0)
		return false;
	job_id = DatumGetInt64(sql_value(0, 1, &is_null));
	owner = DatumGetObjectId(sql_value(0, 2, &is_null));
	obstacle = launch_obstacle(job_id);
	if (obstacle != NULL)
	{
		sql_execute("UPDATE weir.job SET state = 'failed', error = $2, finished_at = clock_timestamp() WHERE job_id = $1", 2,
					(Oid[]){INT8OID, TEXTOID}, (Datum[]){Int64GetDatum(job_id), CStringGetTextDatum(obstacle)}, NULL);
		ereport(LOG, (errmsg("job " INT64_FORMAT " failed: %s", job_id, obstacle)));
		return true;
	}
	if (!worker_start_one_off("job", owner, job_id, NULL))
	{
		ereport(LOG,
				(errmsg("job " INT64_FORMAT " waits: no background worker slot is free", job_id),
				 errhint("Raise max_worker_processes.")));
		return false;
	}
	sql_execute(
		"UPDATE weir.job SET state = 'running', attempt = attempt + 1, token = nextval('weir.job_token_seq'), claimed_by = 'weir job',"
		" started_at = clock_timestamp(), finished_at = NULL, progress = NULL, message = NULL, pid = NULL, backend_start = NULL,"
		" lease_until = clock_timestamp() + " START_GRACE " WHERE job_id = $1",
		1, (Oid[]){INT8OID}, (Datum[]){Int64GetDatum(job_id)}, NULL);
	return true;
}

void
job_task(void)
{
	SqlScope	scope;

	sql_begin(&scope);
	/* Somebody's open transaction may hold the key of a job: the scheduler has more to do than to wait for it. */
	(void) set_config_option("lock_timeout", "2s", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	enqueue_scheduled();
	job_expire_leases();
	recover_orphans();
	signal_workers();
	while (launch_next())
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
	DefineCustomIntVariable("weir.max_running_jobs",
							"How many training jobs may run their procedures at the same time, per database.",
							"0: none; jobs wait.", &model_max_running_jobs, 2, 0, 1000, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.job_retry_delay",
							"How long after its first failed attempt a job is tried again; doubled after each further one.", NULL,
							&model_job_retry_delay_ms, 10000, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	rule_register_action("retrain", retrain_check, retrain_run);
	worker_register_task("jobs", 500, job_task);
	worker_register_one_off("job", job_run);
	worker_register_presence(jobs_present);
}
