/*
 * job.c
 *		The queue of jobs: what people and external workers do with it.
 *
 *	queued ──▶ running ──▶ succeeded
 *	  ▲           ├──────▶ failed		not to be tried again
 *	  └─ later ───┼──────▶ dead			attempts used up
 *	              └──────▶ cancelled	(also from queued)
 *
 * A claim counts the attempt and draws a fencing token; only the current token may report on a running job, so that a worker that
 * lost its lease and comes back late changes nothing.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/person.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "model/model.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_enqueue_job);
PG_FUNCTION_INFO_V1(weir_claim_job);
PG_FUNCTION_INFO_V1(weir_heartbeat);
PG_FUNCTION_INFO_V1(weir_complete_job);
PG_FUNCTION_INFO_V1(weir_fail_job);
PG_FUNCTION_INFO_V1(weir_cancel_job);
PG_FUNCTION_INFO_V1(weir_requeue_job);

/* After a failed attempt: doubled each time, up to an hour, and up to a quarter more so that jobs that failed together do not
 * return together. */
#define RETRY_AT \
	"clock_timestamp() + make_interval(secs => least(%s / 1000.0 * 2 ^ least(attempt - 1, 30), 3600)) * (1 + random() / 4)"
/* Characters of the messages of an external job that its log keeps: the last. */
#define OUTPUT_LIMIT "65536"
#define STATE_AFTER_FAILURE "CASE WHEN attempt >= max_attempts THEN 'dead' ELSE 'queued' END"

int64
job_enqueue(const Trainer *trainer, const Jsonb *config, const TimestampTz *run_after, int priority, const char *dedupe_key,
			int64 alert_id, Oid created_by)
{
	char		nulls[] = "        ";
	Datum		values[] = {Int32GetDatum(trainer->trainer_id),
					  JsonbPGetDatum(config),
					  run_after ? TimestampTzGetDatum(*run_after) : (Datum) 0,
					  Int32GetDatum(priority),
					  dedupe_key ? CStringGetTextDatum(dedupe_key) : (Datum) 0,
					  Int64GetDatum(alert_id),
					  ObjectIdGetDatum(created_by),
					  ObjectIdGetDatum(person())};
	Oid			types[] = {INT4OID, JSONBOID, TIMESTAMPTZOID, INT4OID, TEXTOID, INT8OID, OIDOID, OIDOID};
	bool		is_null;
	int64		job_id;

	if (run_after == NULL)
		nulls[2] = 'n';
	if (dedupe_key == NULL)
		nulls[4] = 'n';
	if (MyBackendType == B_BG_WORKER)
		nulls[7] = 'n';
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (sql_execute(
				"INSERT INTO weir.job (kind, trainer_id, trainer, model, owner, alert_id, priority, max_attempts, timeout, dedupe_key,"
				" config, created_by, created_by_person, run_after)"
				" SELECT CASE WHEN t.procedure_name IS NULL THEN 'external' ELSE 'procedure' END, t.trainer_id, t.name, m.name, t.owner,"
				" nullif($6, 0), $4, t.max_attempts, t.timeout, $5, t.config || $2, $7::regrole, $8::regrole, coalesce($3, clock_timestamp())"
				" FROM weir.trainer t JOIN weir.model m USING (model_id) WHERE t.trainer_id = $1"
				" ON CONFLICT (trainer_id, dedupe_key) WHERE state = 'queued' AND attempt = 0 DO NOTHING"
				" RETURNING job_id, true, CASE WHEN kind = 'external' THEN pg_notify('weir_jobs', trainer) END",
				8, types, values, nulls) > 0 ||
			sql_execute(
				"SELECT job_id, NULL::bool FROM weir.job WHERE trainer_id = $1 AND dedupe_key = $2 AND state = 'queued' AND attempt = 0",
				2, (Oid[]){INT4OID, TEXTOID}, (Datum[]){values[0], values[4]}, nulls[4] == 'n' ? " n" : NULL) > 0)
			break;
		/* The job that stood in the way was started meanwhile: try again. */
	}
	job_id = DatumGetInt64(sql_value(0, 1, &is_null));
	(void) sql_value(0, 2, &is_null);
	/* Who waits for the same as another asks for it to be no later and no less urgent; not if that meant waiting for a lock. */
	if (is_null)
		sql_execute(
			"UPDATE weir.job SET coalesced = coalesced + 1, priority = greatest(priority, $2),"
			" run_after = least(run_after, coalesce($3, clock_timestamp()))"
			" WHERE job_id = (SELECT job_id FROM weir.job WHERE job_id = $1 AND state = 'queued' FOR NO KEY UPDATE SKIP LOCKED)",
			3, (Oid[]){INT8OID, INT4OID, TIMESTAMPTZOID}, (Datum[]){Int64GetDatum(job_id), values[3], values[2]},
			run_after == NULL ? "  n" : NULL);
	worker_wake_at_commit();
	return job_id;
}

Datum
weir_enqueue_job(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "trainer");
	Oid			user = GetUserId();
	TimestampTz run_after = PG_ARGISNULL(2) ? 0 : PG_GETARG_TIMESTAMPTZ(2);
	SqlScope	scope;
	Trainer		trainer;
	int64		job_id;

	require_argument(fcinfo, 1, "config");
	require_argument(fcinfo, 3, "priority");
	model_require_object(PG_GETARG_JSONB_P(1), "config");
	if (TIMESTAMP_NOT_FINITE(run_after))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("run_after must be finite")));
	sql_begin(&scope);
	trainer = trainer_find(name);
	model_require_owner(user, trainer.owner, "trainer", name);
	job_id = job_enqueue(&trainer, PG_GETARG_JSONB_P(1), PG_ARGISNULL(2) ? NULL : &run_after, PG_GETARG_INT32(3),
						 argument_text(fcinfo, 4), 0, user);
	sql_end(&scope);
	PG_RETURN_INT64(job_id);
}

/* ---- the end of an attempt ---- */

/* The attempt that a statement "ended" has ended, as a line of the log; $2 to $6 are of that statement and of usage. */
#define LOG_ATTEMPT(ended, user_seconds, system_seconds, max_memory, output) \
	"WITH ended AS (" ended " RETURNING *) INSERT INTO weir.job_attempt (job_id, attempt, state, worker, started_at, finished_at," \
	" user_seconds, system_seconds, max_memory, output, error)" \
	" SELECT job_id, attempt, CASE WHEN state IN ('succeeded', 'cancelled') THEN state ELSE 'failed' END, claimed_by, started_at," \
	" clock_timestamp(), " user_seconds ", " system_seconds ", " max_memory ", coalesce(" output ", output), error FROM ended" \
	" WHERE started_at IS NOT NULL"

static uint64
end_attempt(const char *statement, int64 job_id, int64 token, Datum third, Oid third_type, bool third_is_null, bool retry,
			const JobUsage *usage)
{
	Oid			types[] = {INT8OID, INT8OID, third_type, BOOLOID, INT4OID, FLOAT8OID, FLOAT8OID, INT8OID, TEXTOID};
	Datum		values[] = {Int64GetDatum(job_id),
					  Int64GetDatum(token),
					  third,
					  BoolGetDatum(retry),
					  Int32GetDatum(model_job_retry_delay_ms),
					  Float8GetDatum(usage ? usage->user_seconds : 0),
					  Float8GetDatum(usage ? usage->system_seconds : 0),
					  Int64GetDatum(usage ? usage->max_memory : 0),
					  usage && usage->output ? CStringGetTextDatum(usage->output) : (Datum) 0};
	char		nulls[] = "         ";

	if (third_is_null)
		nulls[2] = 'n';
	if (usage == NULL)
		nulls[5] = nulls[6] = nulls[7] = 'n';
	if (usage == NULL || usage->output == NULL)
		nulls[8] = 'n';
	return sql_execute(statement, lengthof(types), types, values, nulls);
}

bool
job_record_success(int64 job_id, int64 token, const Jsonb *result, const JobUsage *usage)
{
	bool		current =
		end_attempt(LOG_ATTEMPT("UPDATE weir.job SET state = 'succeeded', finished_at = clock_timestamp(), lease_until = NULL,"
								" pid = NULL, backend_start = NULL, progress = 1, result = $3, error = NULL"
								" WHERE job_id = $1 AND token = $2 AND state = 'running'",
								"$6", "$7", "$8", "$9"),
					job_id, token, result ? JsonbPGetDatum(result) : (Datum) 0, JSONBOID, result == NULL, true, usage) > 0;

	if (current)
		sql_execute("UPDATE weir.trainer_state s SET rests_until = clock_timestamp() + t.cooldown"
					" FROM weir.job j JOIN weir.trainer t USING (trainer_id)"
					" WHERE j.job_id = $1 AND s.trainer_id = t.trainer_id AND t.cooldown > '0'",
					1, (Oid[]){INT8OID}, (Datum[]){Int64GetDatum(job_id)}, NULL);
	worker_wake_at_commit();
	return current;
}

bool
job_record_failure(int64 job_id, int64 token, const char *error, bool retry, const JobUsage *usage)
{
	char	   *statement =
		psprintf(LOG_ATTEMPT("UPDATE weir.job SET state = CASE WHEN NOT $4 THEN 'failed' ELSE " STATE_AFTER_FAILURE " END,"
							 " finished_at = CASE WHEN NOT $4 OR attempt >= max_attempts THEN clock_timestamp() END,"
							 " lease_until = NULL, pid = NULL, backend_start = NULL, error = $3, run_after = " RETRY_AT
							 " WHERE job_id = $1 AND token = $2 AND state = 'running'",
							 "$6", "$7", "$8", "$9"),
				 "$5::float8");
	bool		current = end_attempt(statement, job_id, token, CStringGetTextDatum(error), TEXTOID, false, retry, usage) > 0;

	worker_wake_at_commit();
	return current;
}

void
job_record_cancelled(int64 job_id, int64 token, const char *error, const JobUsage *usage)
{
	(void) end_attempt(LOG_ATTEMPT("UPDATE weir.job SET pid = NULL, backend_start = NULL, error = coalesce(error, $3)"
								   " WHERE job_id = $1 AND token = $2",
								   "$6", "$7", "$8", "$9"),
					   job_id, token, CStringGetTextDatum(error), TEXTOID, false, true, usage);
}

void
job_log_cancelled(int64 job_id, int trainer_id)
{
	sql_execute("INSERT INTO weir.job_attempt (job_id, attempt, state, worker, started_at, finished_at, output)"
				" SELECT job_id, attempt, state, claimed_by, started_at, clock_timestamp(), output FROM weir.job"
				" WHERE (job_id = $1 OR trainer_id = $2) AND kind = 'external' AND state = 'cancelled' AND started_at IS NOT NULL"
				" ON CONFLICT (job_id, attempt) DO NOTHING",
				2, (Oid[]){INT8OID, INT4OID}, (Datum[]){Int64GetDatum(job_id), Int32GetDatum(trainer_id)}, NULL);
}

void
job_fail_for_good(int64 job_id, const char *error)
{
	sql_execute(LOG_ATTEMPT("UPDATE weir.job SET state = 'failed', error = $2, finished_at = clock_timestamp(), lease_until = NULL,"
							" pid = NULL, backend_start = NULL WHERE job_id = $1",
							"NULL", "NULL", "NULL", "NULL::text") " ON CONFLICT (job_id, attempt) DO NOTHING",
				2, (Oid[]){INT8OID, TEXTOID}, (Datum[]){Int64GetDatum(job_id), CStringGetTextDatum(error)}, NULL);
	ereport(LOG, (errmsg("job " INT64_FORMAT " failed: %s", job_id, error)));
}

void
job_expire_leases(void)
{
	static SPIPlanPtr plan = NULL;
	char	   *statement = psprintf(
		LOG_ATTEMPT("UPDATE weir.job SET state = " STATE_AFTER_FAILURE ","
					" finished_at = CASE WHEN attempt >= max_attempts THEN clock_timestamp() END, lease_until = NULL,"
					" error = format('the lease of %%s passed without a heartbeat', coalesce(claimed_by, 'the external worker')),"
					" run_after = " RETRY_AT
					" WHERE job_id IN (SELECT job_id FROM weir.job WHERE state = 'running' AND kind = 'external'"
					" AND lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED)",
					"NULL", "NULL", "NULL", "NULL::text"),
		"$1::float8");

	/* Every claim asks, and mostly there is nothing to do. */
	if (sql_execute_kept(
			&plan, "SELECT FROM weir.job WHERE state = 'running' AND kind = 'external' AND lease_until < clock_timestamp() LIMIT 1",
			0, NULL, NULL, NULL) > 0)
		sql_execute(statement, 1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(model_job_retry_delay_ms)}, NULL);
}

/* ---- external workers ---- */

/* Every trainer that is named must exist, be external and belong to a role that the caller has. */
static void
check_claimed_trainers(ArrayType *names, Oid user)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name;
		Trainer		trainer;

		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			continue;
		name = TextDatumGetCString(elements[i]);
		trainer = trainer_find(name);
		model_require_owner(user, trainer.owner, "trainer", name);
		if (!trainer.is_external)
			ereport(NOTICE, (errmsg("jobs of trainer \"%s\" cannot be claimed: the server runs its procedure", name)));
	}
}

/*
 * The next job that the caller may have, locked; 0 when there is none.  Where its trainer limits how many run at once, its row is
 * locked, too, so that claims of that trainer follow each other.
 */
static int64
lock_next_external(Oid user, FunctionCallInfo fcinfo)
{
	static SPIPlanPtr plan = NULL;
	Datum		full = PointerGetDatum(construct_empty_array(INT4OID));

	for (;;)
	{
		bool		is_null;
		int64		job_id;
		Datum		trainer_id;

		CHECK_FOR_INTERRUPTS();
		if (sql_execute_kept(&plan,
							 "SELECT j.job_id, j.trainer_id, t.max_running FROM weir.job j JOIN weir.trainer t USING (trainer_id)"
							 " LEFT JOIN weir.trainer_state s USING (trainer_id)"
							 " WHERE j.state = 'queued' AND j.kind = 'external' AND j.run_after <= clock_timestamp()"
							 " AND ($2 IS NULL OR j.trainer = ANY ($2)) AND pg_has_role($1, j.owner::oid, 'USAGE')"
							 " AND (s.rests_until IS NULL OR s.rests_until <= clock_timestamp()) AND j.trainer_id <> ALL ($3)"
							 " ORDER BY j.priority DESC, j.run_after, j.job_id LIMIT 1 FOR UPDATE OF j SKIP LOCKED",
							 3, (Oid[]){OIDOID, TEXTARRAYOID, INT4ARRAYOID},
							 (Datum[]){ObjectIdGetDatum(user), PG_ARGISNULL(0) ? (Datum) 0 : PG_GETARG_DATUM(0), full},
							 PG_ARGISNULL(0) ? " n " : NULL) == 0)
			return 0;
		job_id = DatumGetInt64(sql_value(0, 1, &is_null));
		trainer_id = sql_value(0, 2, &is_null);
		(void) sql_value(0, 3, &is_null);
		if (is_null)
			return job_id;
		sql_execute("SELECT FROM weir.trainer WHERE trainer_id = $1 FOR NO KEY UPDATE", 1, (Oid[]){INT4OID}, &trainer_id, NULL);
		if (sql_execute("SELECT FROM weir.trainer t WHERE trainer_id = $1 AND max_running >"
						" (SELECT count(*) FROM weir.job j WHERE j.trainer_id = t.trainer_id AND j.state = 'running')",
						1, (Oid[]){INT4OID}, &trainer_id, NULL) > 0)
			return job_id;
		sql_execute("SELECT $1 || $2", 2, (Oid[]){INT4ARRAYOID, INT4OID}, (Datum[]){full, trainer_id}, NULL);
		full = datumCopy(sql_value(0, 1, &is_null), false, -1);
	}
}

Datum
weir_claim_job(PG_FUNCTION_ARGS)
{
	static SPIPlanPtr plan = NULL;
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			user = GetUserId();
	SqlScope	scope;
	int64		job_id;
	Datum		values[7];
	bool		nulls[7];

	require_argument(fcinfo, 1, "lease");
	model_require_duration(PG_GETARG_INTERVAL_P(1), "lease");
	InitMaterializedSRF(fcinfo, 0);

	sql_begin(&scope);
	if (!PG_ARGISNULL(0))
		check_claimed_trainers(PG_GETARG_ARRAYTYPE_P(0), user);
	job_expire_leases();
	job_id = lock_next_external(user, fcinfo);
	if (job_id != 0 &&
		sql_execute_kept(
			&plan,
			"UPDATE weir.job SET state = 'running', attempt = attempt + 1, token = nextval('weir.job_token_seq'), claimed_by = $3,"
			" started_at = clock_timestamp(), finished_at = NULL, progress = NULL, message = NULL, output = NULL,"
			" lease_until = clock_timestamp() + least($2, timeout) WHERE job_id = $1"
			" RETURNING job_id, token, trainer, model, attempt, lease_until, config",
			3, (Oid[]){INT8OID, INTERVALOID, TEXTOID},
			(Datum[]){Int64GetDatum(job_id), PG_GETARG_DATUM(1), PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2)},
			PG_ARGISNULL(2) ? "  n" : NULL) > 0)
	{
		for (int i = 0; i < 7; i++)
			values[i] = sql_value(0, i + 1, &nulls[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	sql_end(&scope);
	return (Datum) 0;
}

/* Finds the job and raises 42704 or 42501; the row is locked. Inside an SQL scope. */
static void
require_job(int64 job_id, Oid user)
{
	bool		is_null;

	if (sql_execute("SELECT owner::oid FROM weir.job WHERE job_id = $1 FOR NO KEY UPDATE", 1, (Oid[]){INT8OID},
					(Datum[]){Int64GetDatum(job_id)}, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("job " INT64_FORMAT " does not exist", job_id),
				 errhint("SELECT * FROM weir.jobs;")));
	if (!has_privs_of_role(user, DatumGetObjectId(sql_value(0, 1, &is_null))))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of job " INT64_FORMAT, job_id),
				 errhint("A job belongs to the owner of its trainer.")));
}

static void
warn_of_lost_job(int64 job_id)
{
	ereport(WARNING,
			(errmsg("job " INT64_FORMAT " is not held by this token any more: nothing was recorded", job_id),
			 errdetail("It was cancelled, finished, or its lease passed and it was given to another.")));
}

Datum
weir_heartbeat(PG_FUNCTION_ARGS)
{
	Oid			user = GetUserId();
	bool		has_token = !PG_ARGISNULL(1);
	char		nulls[] = "      ";
	SqlScope	scope;
	bool		alive;

	require_argument(fcinfo, 0, "job_id");
	require_argument(fcinfo, 4, "lease");
	model_require_duration(PG_GETARG_INTERVAL_P(4), "lease");
	if (!PG_ARGISNULL(2) && !(PG_GETARG_FLOAT8(2) >= 0 && PG_GETARG_FLOAT8(2) <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("progress must be between 0 and 1")));
	for (int i = 1; i < 4; i++)
		if (PG_ARGISNULL(i))
			nulls[i] = 'n';

	sql_begin(&scope);
	require_job(PG_GETARG_INT64(0), user);
	/* A procedure's job has no lease: the server sees whether its worker lives. */
	alive =
		sql_execute(
			"UPDATE weir.job SET progress = coalesce($3, progress), message = coalesce($4, message),"
			" output = CASE WHEN kind = 'external' AND $4 IS DISTINCT FROM message"
			" THEN right(concat_ws(E'\n', output, $4), " OUTPUT_LIMIT ") ELSE output END,"
			" lease_until = CASE kind WHEN 'external' THEN least(clock_timestamp() + $5, started_at + timeout) ELSE lease_until END"
			" WHERE job_id = $1 AND state = 'running' AND CASE WHEN $2 IS NULL THEN pid = $6"
			" ELSE token = $2 AND (kind = 'procedure' OR clock_timestamp() - started_at < timeout) END",
			6, (Oid[]){INT8OID, INT8OID, FLOAT8OID, TEXTOID, INTERVALOID, INT4OID},
			(Datum[]){PG_GETARG_DATUM(0), has_token ? PG_GETARG_DATUM(1) : (Datum) 0,
					  PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2), PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3),
					  PG_GETARG_DATUM(4), Int32GetDatum(MyProcPid)},
			nulls) > 0;
	sql_end(&scope);
	PG_RETURN_BOOL(alive);
}

Datum
weir_complete_job(PG_FUNCTION_ARGS)
{
	Oid			user = GetUserId();
	SqlScope	scope;
	bool		recorded;

	require_argument(fcinfo, 0, "job_id");
	require_argument(fcinfo, 1, "token");
	sql_begin(&scope);
	require_job(PG_GETARG_INT64(0), user);
	recorded = job_record_success(PG_GETARG_INT64(0), PG_GETARG_INT64(1), PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2), NULL);
	sql_end(&scope);
	if (!recorded)
		warn_of_lost_job(PG_GETARG_INT64(0));
	PG_RETURN_BOOL(recorded);
}

Datum
weir_fail_job(PG_FUNCTION_ARGS)
{
	char	   *error = required_text(fcinfo, 2, "error");
	Oid			user = GetUserId();
	SqlScope	scope;
	bool		recorded;

	require_argument(fcinfo, 0, "job_id");
	require_argument(fcinfo, 1, "token");
	require_argument(fcinfo, 3, "retry");
	sql_begin(&scope);
	require_job(PG_GETARG_INT64(0), user);
	recorded = job_record_failure(PG_GETARG_INT64(0), PG_GETARG_INT64(1), error, PG_GETARG_BOOL(3), NULL);
	sql_end(&scope);
	if (!recorded)
		warn_of_lost_job(PG_GETARG_INT64(0));
	PG_RETURN_BOOL(recorded);
}

/* ---- people ---- */

Datum
weir_cancel_job(PG_FUNCTION_ARGS)
{
	Oid			user = GetUserId();
	SqlScope	scope;
	bool		cancelled;

	require_argument(fcinfo, 0, "job_id");
	sql_begin(&scope);
	require_job(PG_GETARG_INT64(0), user);
	/* The pid stays: the scheduler interrupts that worker once this is committed. */
	cancelled = sql_execute("UPDATE weir.job SET state = 'cancelled', finished_at = clock_timestamp(), lease_until = NULL"
							" WHERE job_id = $1 AND state IN ('queued', 'running')",
							1, (Oid[]){INT8OID}, (Datum[]){PG_GETARG_DATUM(0)}, NULL) > 0;
	if (cancelled)
		audit_write("cancel", "job", psprintf(INT64_FORMAT, PG_GETARG_INT64(0)));
	job_log_cancelled(PG_GETARG_INT64(0), 0);
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_BOOL(cancelled);
}

Datum
weir_requeue_job(PG_FUNCTION_ARGS)
{
	Oid			user = GetUserId();
	SqlScope	scope;
	bool		queued;

	require_argument(fcinfo, 0, "job_id");
	sql_begin(&scope);
	require_job(PG_GETARG_INT64(0), user);
	/* attempt goes on counting, so that the job does not collide with a newer one of its key. */
	queued =
		sql_execute(
			"UPDATE weir.job SET state = 'queued', max_attempts = greatest(attempt, 1) + (SELECT max_attempts FROM weir.trainer t"
			" WHERE t.trainer_id = job.trainer_id), attempt = greatest(attempt, 1), finished_at = NULL, run_after = clock_timestamp()"
			" WHERE job_id = $1 AND state IN ('dead', 'failed', 'cancelled') AND pid IS NULL AND trainer_id IS NOT NULL",
			1, (Oid[]){INT8OID}, (Datum[]){PG_GETARG_DATUM(0)}, NULL) > 0;
	if (queued)
		audit_write("requeue", "job", psprintf(INT64_FORMAT, PG_GETARG_INT64(0)));
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_BOOL(queued);
}
