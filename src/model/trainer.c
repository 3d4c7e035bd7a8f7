/*
 * trainer.c
 *		How a model is trained: a procedure of its owner's, or somebody outside.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/arguments.h"
#include "base/audit.h"
#include "base/sql.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "model/model.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_create_trainer);
PG_FUNCTION_INFO_V1(weir_drop_trainer);

/* Ten years, as comparisons of intervals have them. */
#define MAX_SECONDS (10.0 * MONTHS_PER_YEAR * DAYS_PER_MONTH * SECS_PER_DAY)

/* What weir.trainer keeps of a procedure. */
typedef struct TrainerProcedure
{
	char	   *schema;
	char	   *name;
	Oid			owner;
} TrainerProcedure;

Trainer
trainer_find(const char *name)
{
	Trainer		trainer;
	bool		is_null;

	if (sql_execute("SELECT trainer_id, owner::oid, procedure_name IS NULL FROM weir.trainer WHERE name = $1 FOR KEY SHARE", 1,
					(Oid[]){TEXTOID}, (Datum[]){CStringGetTextDatum(name)}, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("trainer \"%s\" does not exist", name),
				 errhint("Create it with weir.create_trainer().")));
	trainer.trainer_id = DatumGetInt32(sql_value(0, 1, &is_null));
	trainer.owner = DatumGetObjectId(sql_value(0, 2, &is_null));
	trainer.is_external = DatumGetBool(sql_value(0, 3, &is_null));
	return trainer;
}

/* Exactly (bigint, jsonb), a procedure, and one that the role may call. */
static TrainerProcedure
check_procedure(Oid function, Oid role)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	TrainerProcedure procedure;
	bool		has_output;
	Oid			schema;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("procedure with OID %u does not exist", function)));
	form = (Form_pg_proc) GETSTRUCT(tuple);
	(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proallargtypes, &has_output);
	has_output = !has_output;
	schema = form->pronamespace;
	procedure.schema = get_namespace_name(schema);
	procedure.name = pstrdup(NameStr(form->proname));
	procedure.owner = form->proowner;
	if (form->prokind != PROKIND_PROCEDURE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("%s.%s is not a procedure", procedure.schema, procedure.name),
				 errhint("A trainer is made by CREATE PROCEDURE %s(job_id bigint, config jsonb).",
						 quote_identifier(procedure.name))));
	if (has_output || form->pronargs != 2 || form->proargtypes.values[0] != INT8OID || form->proargtypes.values[1] != JSONBOID)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
			 errmsg("procedure %s.%s does not take (bigint, jsonb)", procedure.schema, procedure.name),
			 errdetail("A trainer's procedure gets the number of its job and its configuration, and gives nothing back."),
			 errhint("Declare it as %s(job_id bigint, config jsonb); of several with this name, choose by casting to regprocedure.",
					 quote_identifier(procedure.name))));
	ReleaseSysCache(tuple);

	if (!DatumGetBool(DirectFunctionCall3(has_schema_privilege_id_id, ObjectIdGetDatum(role), ObjectIdGetDatum(schema),
										  CStringGetTextDatum("USAGE"))) ||
		!DatumGetBool(DirectFunctionCall3(has_function_privilege_id_id, ObjectIdGetDatum(role), ObjectIdGetDatum(function),
										  CStringGetTextDatum("EXECUTE"))))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for procedure %s.%s", procedure.schema, procedure.name),
				 errdetail("Its jobs run as \"%s\".", GetUserNameFromId(role, false)),
				 errhint("Grant EXECUTE on the procedure and USAGE on its schema.")));
	return procedure;
}

/* The worker of a job connects as the owner, so the owner must be able to log in. */
static void
require_login(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		can_login;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for role %u", role);
	can_login = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
	ReleaseSysCache(tuple);
	if (!can_login)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("role \"%s\" cannot own a trainer: it is not permitted to log in", GetUserNameFromId(role, false)),
				 errdetail("A job runs in a background worker that connects as the trainer's owner."),
				 errhint("ALTER ROLE %s LOGIN; it needs no password.", quote_identifier(GetUserNameFromId(role, false)))));
}

static Interval *
parse_schedule(char *text)
{
	Interval   *schedule;
	double		seconds;

	if (text == NULL)
		return NULL;
	if (strchr(text, '*') != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a trainer's schedule is an interval, not \"%s\"", text),
				 errhint("For calendars let pg_cron call weir.enqueue_job().")));
	schedule =
		DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	seconds = model_interval_seconds(schedule);
	if (seconds < SECS_PER_MINUTE || seconds > MAX_SECONDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a trainer's schedule is from 1 minute to 10 years, not \"%s\"", text)));
	return schedule;
}

Datum
weir_create_trainer(PG_FUNCTION_ARGS)
{
	enum
	{
		NAME,
		MODEL,
		PROCEDURE,
		CONFIG,
		SCHEDULE,
		TIMEOUT,
		MAX_ATTEMPTS,
		COOLDOWN,
		MAX_RUNNING
	};
	char	   *name = required_name(fcinfo, NAME, "name", "trainer");
	char	   *model_name = required_text(fcinfo, MODEL, "model");
	Interval   *schedule = parse_schedule(argument_text(fcinfo, SCHEDULE));
	TrainerProcedure procedure = {NULL, NULL, InvalidOid};
	char	   *search_path = pstrdup(GetConfigOption("search_path", false, false));
	Oid			user = GetUserId();
	SqlScope	scope;
	Model		model;
	char		nulls[] = "             ";
	bool		is_null;
	int			trainer_id;

	require_argument(fcinfo, CONFIG, "config");
	require_argument(fcinfo, TIMEOUT, "timeout");
	require_argument(fcinfo, MAX_ATTEMPTS, "max_attempts");
	model_require_object(PG_GETARG_JSONB_P(CONFIG), "config");
	model_require_duration(PG_GETARG_INTERVAL_P(TIMEOUT), "timeout");
	if (PG_GETARG_INT32(MAX_ATTEMPTS) < 1 || PG_GETARG_INT32(MAX_ATTEMPTS) > 1000)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max_attempts must be between 1 and 1000")));
	require_argument(fcinfo, COOLDOWN, "cooldown");
	if (model_interval_seconds(PG_GETARG_INTERVAL_P(COOLDOWN)) < 0 ||
		model_interval_seconds(PG_GETARG_INTERVAL_P(COOLDOWN)) > MAX_SECONDS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("cooldown must be between zero and 10 years")));
	if (!PG_ARGISNULL(MAX_RUNNING) && (PG_GETARG_INT32(MAX_RUNNING) < 1 || PG_GETARG_INT32(MAX_RUNNING) > 1000))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max_running must be between 1 and 1000")));
	if (PG_ARGISNULL(MAX_RUNNING) && PG_ARGISNULL(PROCEDURE))
		nulls[11] = 'n';
	if (PG_ARGISNULL(PROCEDURE))
		nulls[3] = nulls[4] = nulls[5] = nulls[12] = 'n';
	else
	{
		procedure = check_procedure(PG_GETARG_OID(PROCEDURE), user);
		require_login(user);
	}
	if (schedule == NULL)
		nulls[7] = 'n';

	sql_begin(&scope);
	model = model_find(model_name, false);
	model_require_owner(user, model.owner, "model", model_name);
	if (sql_execute(
			"INSERT INTO weir.trainer (name, model_id, owner, procedure_schema, procedure_name, procedure_owner, config, schedule,"
			" timeout, max_attempts, cooldown, max_running, search_path)"
			" VALUES ($1, $2, $3::regrole, $4, $5, $6::regrole, $7, $8, $9, $10, $11, $12, $13)"
			" ON CONFLICT (name) DO NOTHING RETURNING trainer_id",
			13,
			(Oid[]){TEXTOID, INT4OID, OIDOID, TEXTOID, TEXTOID, OIDOID, JSONBOID, INTERVALOID, INTERVALOID, INT4OID, INTERVALOID,
					INT4OID, TEXTOID},
			(Datum[]){CStringGetTextDatum(name), Int32GetDatum(model.model_id), ObjectIdGetDatum(user),
					  procedure.schema ? CStringGetTextDatum(procedure.schema) : (Datum) 0,
					  procedure.name ? CStringGetTextDatum(procedure.name) : (Datum) 0, ObjectIdGetDatum(procedure.owner),
					  PG_GETARG_DATUM(CONFIG), IntervalPGetDatum(schedule), PG_GETARG_DATUM(TIMEOUT), PG_GETARG_DATUM(MAX_ATTEMPTS),
					  PG_GETARG_DATUM(COOLDOWN), Int32GetDatum(PG_ARGISNULL(MAX_RUNNING) ? 1 : PG_GETARG_INT32(MAX_RUNNING)),
					  CStringGetTextDatum(search_path)},
			nulls) == 0)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("trainer \"%s\" already exists", name)));
	trainer_id = DatumGetInt32(sql_value(0, 1, &is_null));
	sql_execute("INSERT INTO weir.trainer_state (trainer_id, next_at) VALUES ($1, now() + $2)", 2, (Oid[]){INT4OID, INTERVALOID},
				(Datum[]){Int32GetDatum(trainer_id), IntervalPGetDatum(schedule)}, schedule == NULL ? " n" : NULL);
	audit_write_row("create", "trainer", name, "trainer", "trainer_id", trainer_id);
	sql_end(&scope);

	if ((procedure.name != NULL || schedule != NULL) && !worker_is_preloaded())
		ereport(NOTICE,
				(errmsg("jobs of trainer \"%s\" will wait: weir's workers do not run", name),
				 errhint("Add weir to shared_preload_libraries and restart the server.")));
	worker_wake_at_commit();
	PG_RETURN_DATUM(DirectFunctionCall1(namein, CStringGetDatum(name)));
}

Datum
weir_drop_trainer(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "trainer");
	Oid			user = GetUserId();
	SqlScope	scope;
	Trainer		trainer;

	sql_begin(&scope);
	trainer = trainer_find(name);
	model_require_owner(user, trainer.owner, "trainer", name);
	if (sql_execute("SELECT name FROM weir.rule WHERE trainer = $1 ORDER BY name LIMIT 1", 1, (Oid[]){TEXTOID},
					(Datum[]){CStringGetTextDatum(name)}, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST), errmsg("trainer \"%s\" is used by a rule", name),
				 errhint("SELECT weir.drop_rule(%s);", quote_literal_cstr(sql_text(0, 1)))));
	sql_execute("UPDATE weir.job SET state = 'cancelled', finished_at = clock_timestamp(), lease_until = NULL"
				" WHERE trainer_id = $1 AND state IN ('queued', 'running')",
				1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(trainer.trainer_id)}, NULL);
	audit_write_row("drop", "trainer", name, "trainer", "trainer_id", trainer.trainer_id);
	job_log_cancelled(0, trainer.trainer_id);
	sql_execute("DELETE FROM weir.trainer WHERE trainer_id = $1", 1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(trainer.trainer_id)},
				NULL);
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_VOID();
}
