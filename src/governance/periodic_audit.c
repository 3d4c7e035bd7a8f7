/*
 * periodic_audit.c
 *		Audits that fall due by schedule: of fairness, and of how well the data represent a population. Somebody else signs them
 *		off.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "base/arguments.h"
#include "base/audit.h"
#include "base/distributions.h"
#include "base/person.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "governance/governance.h"
#include "miscadmin.h"
#include "model/review.h"
#include "monitor/monitor.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_create_audit);
PG_FUNCTION_INFO_V1(weir_drop_audit);
PG_FUNCTION_INFO_V1(weir_run_audit);
PG_FUNCTION_INFO_V1(weir_chi_square_p_value);

Datum
weir_chi_square_p_value(PG_FUNCTION_ARGS)
{
	double		statistic = PG_GETARG_FLOAT8(0);
	int64		degrees = PG_GETARG_INT64(1);

	if (degrees < 1 || isnan(statistic))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(chi_square_upper(statistic, (double) degrees));
}

/* ---- reviews of audits ---- */

static void
find_run(const char *subject, ReviewSubject *found)
{
	SqlParameters parameters = {0};
	bool		is_null;
	char	   *end;
	long long	run_id = strtoll(subject, &end, 10);

	if (*subject < '0' || *subject > '9' || *end != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is not the number of an audit", subject),
				 errhint("The subject is run_id of weir.audit_runs, as in '17'.")));
	sql_add_int(&parameters, run_id);
	if (sql_run("SELECT owner::oid, approvals FROM weir.audit_run WHERE run_id = $1", &parameters) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("audit run %lld does not exist", run_id)));
	found->subject = psprintf("%lld", run_id);
	found->owner = DatumGetObjectId(sql_value(0, 1, &is_null));
	found->approvals = DatumGetInt32(sql_value(0, 2, &is_null));
}

const ReviewKind audit_kind = {"audit", "approve", "approved", "reject", "rejected", true, find_run, NULL};

/* ---- definitions ---- */

Datum
weir_create_audit(PG_FUNCTION_ARGS)
{
	enum
	{
		NAME,
		MONITOR,
		KIND,
		SCHEDULE,
		COLUMN_NAME,
		POPULATION,
		REVIEWERS,
		APPROVALS,
		GRACE,
		FIRST_AT
	};
	char	   *name = required_name(fcinfo, NAME, "name", "audit");
	int			monitor_id = monitor_require_owner(required_text(fcinfo, MONITOR, "monitor"));
	char	   *kind = required_text(fcinfo, KIND, "kind");
	Oid			user = GetUserId();
	Datum		reviewers = (Datum) 0;
	SqlParameters parameters = {0};
	SqlScope	scope;
	bool		is_null;

	require_argument(fcinfo, SCHEDULE, "schedule");
	require_argument(fcinfo, GRACE, "grace");
	require_argument(fcinfo, APPROVALS, "approvals");
	if (PG_GETARG_INT32(APPROVALS) < 1 || PG_GETARG_INT32(APPROVALS) > 100)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("approvals must be between 1 and 100")));
	if (strcmp(kind, "fairness") != 0 && strcmp(kind, "representativeness") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown kind of audit \"%s\"", kind),
				 errhint("It is fairness or representativeness.")));
	if (strcmp(kind, "fairness") == 0 ? !PG_ARGISNULL(COLUMN_NAME) || !PG_ARGISNULL(POPULATION)
									  : PG_ARGISNULL(COLUMN_NAME) || PG_ARGISNULL(POPULATION))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column_name and population belong to an audit of representativeness, and only there"),
				 errhint("column_name => 'sex', population => '{\"F\": 0.51, \"M\": 0.49}'")));
	if (!PG_ARGISNULL(REVIEWERS))
		reviewers = review_roles(PG_GETARG_ARRAYTYPE_P(REVIEWERS));

	sql_begin(&scope);
	sql_add_text(&parameters, name);
	sql_add(&parameters, INT4OID, Int32GetDatum(monitor_id), false);
	sql_add_role(&parameters, user);
	sql_add_text(&parameters, kind);
	sql_add_text(&parameters, PG_ARGISNULL(COLUMN_NAME) ? NULL : NameStr(*PG_GETARG_NAME(COLUMN_NAME)));
	sql_add(&parameters, JSONBOID, PG_ARGISNULL(POPULATION) ? (Datum) 0 : PG_GETARG_DATUM(POPULATION), PG_ARGISNULL(POPULATION));
	sql_add(&parameters, INTERVALOID, PG_GETARG_DATUM(SCHEDULE), false);
	sql_add(&parameters, get_array_type(REGROLEOID), reviewers, reviewers == (Datum) 0);
	sql_add(&parameters, INT4OID, PG_GETARG_DATUM(APPROVALS), false);
	sql_add(&parameters, INTERVALOID, PG_GETARG_DATUM(GRACE), false);
	sql_add(&parameters, TIMESTAMPTZOID, PG_ARGISNULL(FIRST_AT) ? (Datum) 0 : PG_GETARG_DATUM(FIRST_AT), PG_ARGISNULL(FIRST_AT));
	if (sql_execute(
			"SELECT WHERE $7 BETWEEN interval '1 hour' AND interval '10 years' AND $10 BETWEEN interval '0' AND interval '10 years'"
			" AND ($11 IS NULL OR isfinite($11))",
			parameters.n, parameters.types, parameters.values, parameters.nulls) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("schedule must be from an hour to ten years, grace at most ten years, first_at finite")));
	if (!PG_ARGISNULL(POPULATION))
	{
		if (!JB_ROOT_IS_OBJECT(PG_GETARG_JSONB_P(POPULATION)) ||
			sql_execute(
				"SELECT FROM jsonb_each($1) HAVING count(*) < 2 OR bool_or(jsonb_typeof(value) <> 'number') OR count(*) FILTER"
				" (WHERE jsonb_typeof(value) = 'number' AND value::text::numeric <= 0) > 0",
				1, &parameters.types[5], &parameters.values[5], NULL) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("population must be an object with a positive share for each of two groups or more"),
					 errhint("population => '{\"F\": 0.51, \"M\": 0.49}'")));
		if (sql_execute(
				"SELECT trim_scale(sum(value::text::numeric)) FROM jsonb_each($1) HAVING abs(sum(value::text::numeric) - 1) > 0.01",
				1, &parameters.types[5], &parameters.values[5], NULL) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the shares of population add up to %s, not 1", sql_text(0, 1)),
					 errdetail("What rounding leaves, up to 0.01, is let pass."),
					 errhint("population => '{\"F\": 0.51, \"M\": 0.49}'; divide numbers of people by all of them.")));
		if (sql_run("SELECT FROM weir.monitor_column WHERE monitor_id = $2 AND column_name = $5 AND retired_at IS NULL",
					&parameters) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the monitor does not summarize column \"%s\"", NameStr(*PG_GETARG_NAME(COLUMN_NAME)))));
	}
	if (sql_run(
			"INSERT INTO weir.periodic_audit (name, monitor_id, owner, kind, column_name, population, schedule, reviewers, approvals, grace,"
			" next_at) VALUES ($1, $2, $3::regrole, $4, $5, $6, $7, $8, $9, $10, coalesce($11, now() + $7))"
			" ON CONFLICT (name) DO NOTHING RETURNING audit_id",
			&parameters) == 0)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("audit \"%s\" already exists", name)));
	audit_write_row("create", "audit", name, "periodic_audit", "audit_id", DatumGetInt32(sql_value(0, 1, &is_null)));
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_DATUM(DirectFunctionCall1(namein, CStringGetDatum(name)));
}

static int
owned_audit(const char *name)
{
	return governance_owned("audit", "periodic_audit", "audit_id", name);
}

Datum
weir_drop_audit(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "audit");
	int			audit_id = owned_audit(name);
	SqlParameters parameters = {0};
	SqlScope	scope;

	sql_begin(&scope);
	sql_add_int(&parameters, audit_id);
	audit_write_row("drop", "audit", name, "periodic_audit", "audit_id", audit_id);
	sql_run("DELETE FROM weir.periodic_audit WHERE audit_id = $1", &parameters);
	sql_end(&scope);
	PG_RETURN_VOID();
}

/* ---- running ---- */

/* Looks at the windows since the last run, and asks for a sign-off; inside an SQL scope. */
static int64
run_audit(int audit_id)
{
	SqlParameters parameters = {0};
	ReviewSubject subject = {0};
	int64		run_id;
	Datum		reviewers;
	Datum		due_at;
	char	   *note;
	bool		is_null;

	sql_add_int(&parameters, audit_id);
	sql_run("SELECT FROM weir.periodic_audit WHERE audit_id = $1 FOR UPDATE", &parameters);
	sql_run(
		"INSERT INTO weir.audit_run (audit_id, audit, monitor, kind, owner, approvals, since, until, verdict, findings)"
		" SELECT a.audit_id, a.name, m.name, a.kind, a.owner, a.approvals, w.since, w.until, f.verdict, f.findings"
		" FROM weir.periodic_audit a JOIN weir.monitor m USING (monitor_id) LEFT JOIN weir.monitor_state s USING (monitor_id),"
		" LATERAL (SELECT least(s.watermark, now()) AS now_at) n,"
		" LATERAL (SELECT coalesce((SELECT max(r.until) FROM weir.audit_run r WHERE r.audit_id = a.audit_id), n.now_at - a.schedule) AS since,"
		"  coalesce(n.now_at, now()) AS until) w,"
		" LATERAL weir._audit_findings(a.monitor_id, a.kind, a.column_name, a.population, w.since, w.until) f"
		" WHERE a.audit_id = $1 RETURNING run_id, owner::oid, approvals, format('%s of monitor %s: %s', kind, monitor, coalesce(verdict, 'no verdict'))",
		&parameters);
	run_id = DatumGetInt64(sql_value(0, 1, &is_null));
	subject.subject = psprintf(INT64_FORMAT, run_id);
	subject.owner = DatumGetObjectId(sql_value(0, 2, &is_null));
	subject.approvals = DatumGetInt32(sql_value(0, 3, &is_null));
	note = sql_text(0, 4);
	sql_run(
		"UPDATE weir.periodic_audit SET next_at = CASE WHEN next_at > now() THEN now() + schedule ELSE greatest(next_at + schedule, now() + schedule / 2) END, last_error = NULL WHERE audit_id = $1"
		" RETURNING reviewers, now() + grace",
		&parameters);
	reviewers = sql_value(0, 1, &is_null);
	if (is_null)
		reviewers = (Datum) 0;
	due_at = sql_value(0, 2, &is_null);
	(void) review_request(&audit_kind, &subject, subject.owner, reviewers, 1, note, due_at);
	return run_id;
}

Datum
weir_run_audit(PG_FUNCTION_ARGS)
{
	int			audit_id = owned_audit(required_text(fcinfo, 0, "audit"));
	SqlScope	scope;
	int64		run_id;

	sql_begin(&scope);
	run_id = run_audit(audit_id);
	sql_end(&scope);
	PG_RETURN_INT64(run_id);
}

/* An audit that cannot be run keeps its reason and is tried again in an hour; the others go on. */
static void
run_audit_safely(int audit_id)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		(void) run_audit(audit_id);
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
	CurrentResourceOwner = owner;
	if (error != NULL)
	{
		SqlParameters parameters = {0};

		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			ReThrowError(error);
		sql_add_int(&parameters, audit_id);
		sql_add_text(&parameters, error->message);
		sql_run("UPDATE weir.periodic_audit SET last_error = $2, next_at = now() + interval '1 hour' WHERE audit_id = $1",
				&parameters);
	}
}

void
periodic_audit_task(void)
{
	SqlScope	scope;
	uint64		n;
	int		   *due;
	bool		is_null;

	sql_begin(&scope);
	n = sql_execute("SELECT audit_id FROM weir.periodic_audit WHERE next_at <= now() ORDER BY next_at FOR UPDATE SKIP LOCKED", 0,
					NULL, NULL, NULL);
	due = palloc(sizeof(int) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
		due[i] = DatumGetInt32(sql_value(i, 1, &is_null));
	for (uint64 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		run_audit_safely(due[i]);
	}
	retention_of_classes();
	review_remind();
	sql_end(&scope);
}
