/*
 * job_run.c
 *		One attempt of a job: calls the trainer's procedure and records how it ended.
 *
 * Success is recorded in the transaction that the procedure left open: either both are committed or neither.  A name can come to
 * mean another procedure after it was checked: the one that passed is locked, and nothing but that one is called.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/compat.h"
#include "base/sql.h"
#include "base/withhold.h"
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

/* A transaction begins at its own time: now() in it is that. */
static void
begin_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
}

void
job_begin_own_transaction(void)
{
	begin_transaction();
	XactReadOnly = false;
	XactIsoLevel = XACT_READ_COMMITTED;
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
job_end_own_transaction(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
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

	/* Names in the procedure mean what they meant where the trainer was made. */
	SetConfigOption("search_path", job->search_path, PGC_USERSET, PGC_S_SESSION);
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
record_success(const RunningJob *job, const JobUsage *usage)
{
	SqlScope	scope;

	if (XactReadOnly)
	{
		CommitTransactionCommand();
		reset_settings();
		job_begin_own_transaction();
	}
	else
		PushActiveSnapshot(GetTransactionSnapshot());
	sql_begin(&scope);
	if (!job_record_success(job->job_id, job->token, NULL, usage))
		ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("job " INT64_FORMAT " was cancelled", job->job_id)));
	sql_end(&scope);
	job_end_own_transaction();
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

/* False when the job was cancelled meanwhile. */
static bool
record_failure(const RunningJob *job, const char *error, const char *logged, const JobUsage *usage)
{
	SqlScope	scope;
	bool		current;

	debug_query_string = NULL;
	reset_settings();
	job_begin_own_transaction();
	sql_begin(&scope);
	current = job_record_failure(job->job_id, job->token, error, true, usage);
	if (current)
		ereport(LOG,
				(errmsg("job " INT64_FORMAT " failed: %s", job->job_id, logged), errhint("weir.job_log has all that it said.")));
	else
		job_record_cancelled(job->job_id, job->token, error, usage);
	sql_end(&scope);
	job_end_own_transaction();
	return current;
}

JobEnd
job_run(const RunningJob *job, MemoryContext context)
{
	char *volatile error_text = NULL;
	const char *volatile logged = NULL;
	volatile bool timed_out = false;
	TimestampTz started_at = GetCurrentTimestamp();
	JobUsage	usage;

	MemoryContextSwitchTo(context);
	job_meter_begin();
	PG_TRY();
	{
		enable_timeout_after(STATEMENT_TIMEOUT, (int) Max(job->timeout_ms, 1));
		begin_transaction();
		MemoryContextSwitchTo(context);
		call_procedure(job);
		disable_timeout(STATEMENT_TIMEOUT, false);
		CHECK_FOR_INTERRUPTS();
		usage = job_meter_end();
		record_success(job, &usage);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		timed_out = TimestampDifferenceExceeds(started_at, GetCurrentTimestamp(), (int) job->timeout_ms);

		disable_timeout(STATEMENT_TIMEOUT, false);
		HOLD_INTERRUPTS();
		QueryCancelPending = false;
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		error_text = describe_error(job, error, timed_out);
		logged = message_without_values(error);
		FlushErrorState();
		AbortCurrentTransaction();
		PortalErrorCleanup();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();

	MemoryContextSwitchTo(context);
	debug_query_string = NULL;
	if (error_text == NULL)
		return JOB_SUCCEEDED;
	usage = job_meter_end();
	return record_failure(job, error_text, logged, &usage) && !timed_out ? JOB_FAILED : JOB_INTERRUPTED;
}
