/*
 * job_run.c
 *		The worker of one job: calls the trainer's procedure as its owner and records how it ended.
 *
 * The process is connected as the trainer's owner and does nothing else, so the procedure has a session of its own: it may COMMIT,
 * use temporary tables and change settings.  Success is recorded in the transaction that the procedure left open: either both are
 * committed or neither.
 *
 * What the scheduler checked before the launch is checked again here, as a name can come to mean another procedure in between; the
 * one that passed is then locked, and nothing but that one is called.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/compat.h"
#include "base/sql.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "model/model.h"
#include "nodes/params.h"
#include "parser/analyze.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "tcop/dest.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timeout.h"
#include "worker/worker.h"

typedef struct RunningJob
{
	int64		job_id;
	int64		token;
	char	   *schema;
	char	   *procedure;
	Oid			procedure_oid;
	Oid			procedure_owner;
	char	   *timeout;		/* as people write it */
	int64		timeout_ms;
	Jsonb	   *config;
} RunningJob;

/* A transaction begins at its own time: now() in it is that. */
static void
begin_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
}

/* A transaction for SQL of weir's own, whatever the role's defaults are: SPI wants a snapshot outside of itself. */
static void
begin_own_transaction(void)
{
	begin_transaction();
	XactReadOnly = false;
	XactIsoLevel = XACT_READ_COMMITTED;
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
end_own_transaction(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* Makes the job this worker's; false when it is not to be run (any more). Results live in context. */
static bool
begin_job(int64 job_id, RunningJob *job, MemoryContext context)
{
	SqlScope	scope;
	MemoryContext old;
	char	   *obstacle = NULL;
	bool		is_null;
	bool		is_mine;
	bool		begun = false;

	begin_own_transaction();
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
	else if (is_mine &&
			 sql_execute("UPDATE weir.job j SET pid = $2, backend_start = $3, started_at = clock_timestamp(),"
						 " lease_until = clock_timestamp() + least(j.timeout, interval '30 days')"
						 " FROM weir.trainer t WHERE j.job_id = $1 AND t.trainer_id = j.trainer_id"
						 " RETURNING j.token, t.procedure_schema, t.procedure_name, j.timeout::text,"
						 " least(extract(epoch FROM j.timeout) * 1000, 2147483647)::bigint, j.config",
						 3, (Oid[]){INT8OID, INT4OID, TIMESTAMPTZOID},
						 (Datum[]){Int64GetDatum(job_id), Int32GetDatum(MyProcPid), TimestampTzGetDatum(MyStartTimestamp)},
						 NULL) > 0)
	{
		old = MemoryContextSwitchTo(context);
		job->job_id = job_id;
		job->token = DatumGetInt64(sql_value(0, 1, &is_null));
		job->schema = pstrdup(NameStr(*DatumGetName(sql_value(0, 2, &is_null))));
		job->procedure = pstrdup(NameStr(*DatumGetName(sql_value(0, 3, &is_null))));
		job->timeout = TextDatumGetCString(sql_value(0, 4, &is_null));
		job->timeout_ms = DatumGetInt64(sql_value(0, 5, &is_null));
		job->config = DatumGetJsonbPCopy(sql_value(0, 6, &is_null));
		MemoryContextSwitchTo(old);
		begun = true;
	}
	sql_end(&scope);
	end_own_transaction();
	return begun;
}

static void
refuse_other_procedure(const RunningJob *job)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("procedure %s.%s(bigint, jsonb) was changed while its job began", quote_identifier(job->schema),
					quote_identifier(job->procedure))));
}

/* Since it was checked the procedure may have been dropped or given away; from here on it cannot be: both need a stronger lock. */
static void
hold_procedure(const RunningJob *job)
{
	HeapTuple	tuple;

	LockDatabaseObject(ProcedureRelationId, job->procedure_oid, 0, AccessShareLock);
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(job->procedure_oid));
	if (!HeapTupleIsValid(tuple) || ((Form_pg_proc) GETSTRUCT(tuple))->proowner != job->procedure_owner)
		refuse_other_procedure(job);
	ReleaseSysCache(tuple);
}

/*
 * CALL schema.procedure(job_id, config) as a client's top-level statement would, through a portal: what SPI offers cannot give a
 * procedure transaction control outside of one.  Runs in the current transaction and leaves one open; memory is the job's, as the
 * procedure may end transactions.
 */
static void
call_procedure(const RunningJob *job)
{
	StringInfoData statement;
	Oid			types[] = {INT8OID, JSONBOID};
	ParamListInfo parameters = makeParamList(2);
	List	   *queries;
	List	   *plans;
	Portal		portal;
	QueryCompletion completion;

	initStringInfo(&statement);
	appendStringInfo(&statement, "CALL %s.%s($1, $2)", quote_identifier(job->schema), quote_identifier(job->procedure));
	parameters->params[0] = (ParamExternData){.value = Int64GetDatum(job->job_id), .pflags = PARAM_FLAG_CONST, .ptype = INT8OID};
	parameters->params[1] = (ParamExternData){.value = JsonbPGetDatum(job->config), .pflags = PARAM_FLAG_CONST, .ptype = JSONBOID};
	debug_query_string = statement.data;
	pgstat_report_activity(STATE_RUNNING, statement.data);

	hold_procedure(job);
	PushActiveSnapshot(GetTransactionSnapshot());
	queries =
		pg_analyze_and_rewrite_fixedparams(linitial_node(RawStmt, pg_parse_query(statement.data)), statement.data, types, 2, NULL);
	if (castNode(CallStmt, linitial_node(Query, queries)->utilityStmt)->funcexpr->funcid != job->procedure_oid)
		refuse_other_procedure(job);
	plans = pg_plan_queries(queries, statement.data, 0, parameters);
	PopActiveSnapshot();

	portal = CreatePortal("weir job", true, true);
	portal->visible = false;
	PortalDefineQuery(portal, NULL, statement.data, CMDTAG_CALL, plans, NULL);
	PortalStart(portal, parameters, 0, InvalidSnapshot);
	(void) portal_run_all(portal, None_Receiver, &completion);
	PortalDrop(portal, false);
}

/* Settings that the procedure changed for its session must not get into the way of recording how it ended. */
static void
reset_settings(void)
{
	begin_transaction();
	ResetAllOptions();
	CommitTransactionCommand();
}

/* Records the end in the transaction that the procedure left open, where that can write. */
static void
record_success(const RunningJob *job)
{
	SqlScope	scope;

	if (XactReadOnly)
	{
		CommitTransactionCommand();
		reset_settings();
		begin_own_transaction();
	}
	else
		PushActiveSnapshot(GetTransactionSnapshot());
	sql_begin(&scope);
	if (!job_record_success(job->job_id, job->token, NULL))
		ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("job " INT64_FORMAT " was cancelled", job->job_id)));
	sql_end(&scope);
	end_own_transaction();
}

static char *
describe_error(const RunningJob *job, const ErrorData *error, bool timed_out)
{
	StringInfoData text;

	initStringInfo(&text);
	if (timed_out && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		appendStringInfo(&text, "timed out after %s", job->timeout);
	else
		appendStringInfoString(&text, error->message ? error->message : "unknown error");
	appendStringInfo(&text, " (SQLSTATE %s)", unpack_sql_state(error->sqlerrcode));
	if (error->detail)
		appendStringInfo(&text, "\nDETAIL: %s", error->detail);
	if (error->hint)
		appendStringInfo(&text, "\nHINT: %s", error->hint);
	if (error->context)
		appendStringInfo(&text, "\nCONTEXT: %s", error->context);
	return text.data;
}

static void
record_failure(const RunningJob *job, const char *error)
{
	SqlScope	scope;

	debug_query_string = NULL;
	reset_settings();
	begin_own_transaction();
	sql_begin(&scope);
	if (job_record_failure(job->job_id, job->token, error, true))
		ereport(LOG, (errmsg("job " INT64_FORMAT " failed: %s", job->job_id, error)));
	else						/* cancelled: nothing to record but that this worker is done with it */
		sql_execute("UPDATE weir.job SET pid = NULL, backend_start = NULL WHERE job_id = $1 AND token = $2", 2,
					(Oid[]){INT8OID, INT8OID}, (Datum[]){Int64GetDatum(job->job_id), Int64GetDatum(job->token)}, NULL);
	sql_end(&scope);
	end_own_transaction();
}

void
job_run(int64 job_id)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "weir job", ALLOCSET_DEFAULT_SIZES);
	RunningJob	job = {0};
	char *volatile error_text = NULL;
	TimestampTz started_at;

	MemoryContextSwitchTo(context);
	if (!begin_job(job_id, &job, context))
		proc_exit(0);
	MemoryContextSwitchTo(context);
	started_at = GetCurrentTimestamp();

	PG_TRY();
	{
		enable_timeout_after(STATEMENT_TIMEOUT, (int) Max(job.timeout_ms, 1));
		begin_transaction();
		MemoryContextSwitchTo(context);
		call_procedure(&job);
		disable_timeout(STATEMENT_TIMEOUT, false);
		CHECK_FOR_INTERRUPTS();
		record_success(&job);
	}
	PG_CATCH();
	{
		bool		timed_out = TimestampDifferenceExceeds(started_at, GetCurrentTimestamp(), (int) job.timeout_ms);

		disable_timeout(STATEMENT_TIMEOUT, false);
		HOLD_INTERRUPTS();
		QueryCancelPending = false;
		MemoryContextSwitchTo(context);
		error_text = describe_error(&job, CopyErrorData(), timed_out);
		FlushErrorState();
		AbortCurrentTransaction();
		PortalErrorCleanup();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();

	MemoryContextSwitchTo(context);
	if (error_text != NULL)
		record_failure(&job, error_text);
	pgstat_report_stat(true);
	worker_wake();
	proc_exit(0);
}
