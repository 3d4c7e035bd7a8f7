/*
 * model.c
 *		Start of the room; models and their versions.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "model/data_version.h"
#include "model/model.h"
#include "model/review.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(weir_create_model);
PG_FUNCTION_INFO_V1(weir_drop_model);
PG_FUNCTION_INFO_V1(weir_create_model_version);
PG_FUNCTION_INFO_V1(weir_model_artifact);
PG_FUNCTION_INFO_V1(weir_may_see);

Model
model_find(const char *name, bool lock)
{
	Model		model;
	bool		is_null;

	if (sql_execute(lock ? "SELECT model_id, owner::oid, approvals FROM weir.model WHERE name = $1 FOR NO KEY UPDATE"
						 : "SELECT model_id, owner::oid, approvals FROM weir.model WHERE name = $1",
					1, (Oid[]){TEXTOID}, (Datum[]){CStringGetTextDatum(name)}, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", name),
				 errhint("Create it with weir.create_model(), or with weir.create_learner() if it is to learn here.")));
	model.model_id = DatumGetInt32(sql_value(0, 1, &is_null));
	model.owner = DatumGetObjectId(sql_value(0, 2, &is_null));
	model.approvals = DatumGetInt32(sql_value(0, 3, &is_null));
	return model;
}

void
model_require_owner(Oid role, Oid owner, const char *what, const char *name)
{
	if (!has_privs_of_role(role, owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of %s \"%s\"", what, name),
				 errhint("Ask its owner to run this, or to grant you membership in the owning role.")));
}

void
model_notify(const char *event, const char *model, int version, const char *alias)
{
	SqlParameters parameters = {0};

	sql_add_text(&parameters, event);
	sql_add_text(&parameters, model);
	sql_add_int(&parameters, version);
	sql_add_text(&parameters, alias);
	sql_run("SELECT pg_notify('weir_models',"
			" jsonb_build_object('event', $1, 'model', $2, 'version', nullif($3, 0), 'alias', $4)::text)",
			&parameters);
}

void
model_require_object(const Jsonb *value, const char *what)
{
	if (!JB_ROOT_IS_OBJECT(value))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"%s\" must be a JSON object", what)));
}

double
model_interval_seconds(const Interval *interval)
{
	if (interval->month < 0 || interval->day < 0 || interval->time < 0)
		return -1;
	return ((double) interval->month * DAYS_PER_MONTH + interval->day) * SECS_PER_DAY + interval->time / (double) USECS_PER_SEC;
}

void
model_require_duration(const Interval *interval, const char *what)
{
	double		seconds = model_interval_seconds(interval);

	if (seconds <= 0 || seconds > 30.0 * SECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be longer than zero and at most 30 days", what)));
}

static Datum
name_datum(const char *name)
{
	return DirectFunctionCall1(namein, CStringGetDatum(name));
}

Datum
weir_create_model(PG_FUNCTION_ARGS)
{
	char	   *name = required_name(fcinfo, 0, "name", "model");
	char	   *risk = required_text(fcinfo, 2, "risk");
	int			approvals;
	Oid			user = GetUserId();
	SqlScope	scope;

	require_argument(fcinfo, 3, "approvals");
	approvals = PG_GETARG_INT32(3);
	if (strcmp(risk, "low") != 0 && strcmp(risk, "normal") != 0 && strcmp(risk, "high") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown risk \"%s\"", risk),
				 errhint("The risk is low, normal or high.")));
	if (approvals < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("approvals must not be negative")));

	sql_begin(&scope);
	if (sql_execute("INSERT INTO weir.model (name, owner, purpose, risk, approvals) VALUES ($1, $2::oid::regrole, $3, $4, $5)"
					" ON CONFLICT (name) DO NOTHING",
					5, (Oid[]){TEXTOID, OIDOID, TEXTOID, TEXTOID, INT4OID},
					(Datum[]){CStringGetTextDatum(name), ObjectIdGetDatum(user), PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1),
							  CStringGetTextDatum(risk), Int32GetDatum(approvals)},
					PG_ARGISNULL(1) ? "  n  " : NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("model \"%s\" already exists", name)));
	audit_write("create", "model", name, "purpose", argument_text(fcinfo, 1), "risk", risk, "approvals", psprintf("%d", approvals));
	model_notify("created", name, 0, NULL);
	sql_end(&scope);
	PG_RETURN_DATUM(name_datum(name));
}

Datum
weir_drop_model(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "model");
	Oid			user = GetUserId();
	SqlScope	scope;
	Model		model;

	sql_begin(&scope);
	model = model_find(name, true);
	model_require_owner(user, model.owner, "model", name);
	if (sql_execute("SELECT FROM weir.model_version WHERE model_id = $1 LIMIT 1", 1, (Oid[]){INT4OID},
					(Datum[]){Int32GetDatum(model.model_id)}, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST), errmsg("model \"%s\" has versions", name),
				 errdetail("What was trained and who decided on it is a record that is kept.")));
	if (sql_execute("SELECT name FROM weir.trainer WHERE model_id = $1 ORDER BY name LIMIT 1", 1, (Oid[]){INT4OID},
					(Datum[]){Int32GetDatum(model.model_id)}, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST), errmsg("model \"%s\" has a trainer", name),
				 errhint("SELECT weir.drop_trainer(%s);", quote_literal_cstr(sql_text(0, 1)))));
	audit_write("drop", "model", name);
	model_notify("dropped", name, 0, NULL);
	sql_execute("DELETE FROM weir.model WHERE model_id = $1", 1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(model.model_id)}, NULL);
	sql_end(&scope);
	PG_RETURN_VOID();
}

/* The job that a version names must be one of the same model, and of somebody whose role the caller has. */
static void
check_job_of_version(int64 job_id, const char *model, Oid user)
{
	bool		is_null;
	char	   *job_model;

	if (sql_execute("SELECT model, owner::oid FROM weir.job WHERE job_id = $1", 1, (Oid[]){INT8OID},
					(Datum[]){Int64GetDatum(job_id)}, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("job " INT64_FORMAT " does not exist", job_id)));
	job_model = sql_text(0, 1);
	if (strcmp(job_model, model) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("job " INT64_FORMAT " is not a job of model \"%s\"", job_id, model),
				 errdetail("It trains model \"%s\".", job_model)));
	if (!has_privs_of_role(user, DatumGetObjectId(sql_value(0, 2, &is_null))))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of job " INT64_FORMAT, job_id)));
}

Datum
weir_create_model_version(PG_FUNCTION_ARGS)
{
	enum
	{
		MODEL,
		ARTIFACT,
		URI,
		METRICS,
		DATA_VERSION,
		JOB,
		CODE_VERSION,
		SIGNATURE,
		NOTE,
		HASH,
		N_ARGUMENTS
	};
	char	   *name = required_text(fcinfo, MODEL, "model");
	Oid			user = GetUserId();
	Oid			types[N_ARGUMENTS + 1] = {INT4OID, BYTEAOID, TEXTOID, JSONBOID, INT8OID, INT8OID,
								  TEXTOID, JSONBOID, TEXTOID, TEXTOID,  OIDOID};
	Datum		values[N_ARGUMENTS + 1] = {0};
	char		nulls[N_ARGUMENTS + 2];
	SqlScope	scope;
	Model		model;
	bool		is_null;
	int			version;
	char	   *hash;
	char	   *code_version;

	require_argument(fcinfo, METRICS, "metrics");
	model_require_object(PG_GETARG_JSONB_P(METRICS), "metrics");
	if (!PG_ARGISNULL(ARTIFACT) && !PG_ARGISNULL(URI))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("artifact and artifact_uri exclude each other"),
				 errhint("Store the artefact in the database, or name where it is.")));
	memset(nulls, ' ', sizeof(nulls));
	nulls[N_ARGUMENTS + 1] = '\0';
	for (int i = ARTIFACT; i < N_ARGUMENTS; i++)
	{
		if (PG_ARGISNULL(i))
			nulls[i] = 'n';
		else
			values[i] = PG_GETARG_DATUM(i);
	}
	values[N_ARGUMENTS] = ObjectIdGetDatum(user);

	sql_begin(&scope);
	model = model_find(name, true); /* the lock makes versions follow each other */
	model_require_owner(user, model.owner, "model", name);
	if (!PG_ARGISNULL(JOB))
		check_job_of_version(PG_GETARG_INT64(JOB), name, user);
	if (!PG_ARGISNULL(DATA_VERSION))
		data_version_require(PG_GETARG_INT64(DATA_VERSION), user);
	values[MODEL] = Int32GetDatum(model.model_id);
	/* Jobs are removed in time: what it takes to train the same again is kept here. */
	sql_execute(
		"INSERT INTO weir.model_version (model_id, version, artifact, artifact_uri, metrics, data_version, job_id, code_version,"
		" signature, note, artifact_hash, created_by, trainer, config, job_person, trainer_person, procedure_owner)"
		" SELECT $1, 1 + coalesce((SELECT max(version) FROM weir.model_version WHERE model_id = $1), 0), $2, $3, $4, $5, $6,"
		" coalesce($7, 'sha256:' || encode(sha256(convert_to(pg_get_functiondef(p.oid), 'UTF8')), 'hex')), $8, $9,"
		" coalesce(encode(sha256($2), 'hex'), lower($10)), $11::regrole, j.trainer, j.config, coalesce(j.created_by_person, t.created_by_person),"
		" t.created_by_person, p.proowner"
		" FROM (SELECT) one LEFT JOIN weir.job j ON j.job_id = $6 LEFT JOIN weir.trainer t ON t.trainer_id = j.trainer_id"
		" LEFT JOIN pg_proc p ON p.oid = to_regprocedure(quote_ident(t.procedure_schema) || '.' || quote_ident(t.procedure_name) ||"
		" '(bigint, jsonb)') AND p.prokind = 'p' RETURNING version, artifact_hash, code_version",
		N_ARGUMENTS + 1, types, values, nulls);
	version = DatumGetInt32(sql_value(0, 1, &is_null));
	hash = sql_text(0, 2);
	code_version = sql_text(0, 3);
	audit_write("create", "model_version", psprintf("%s/%d", name, version), "artifact_hash", hash, "data_version",
				PG_ARGISNULL(DATA_VERSION) ? NULL : psprintf(INT64_FORMAT, PG_GETARG_INT64(DATA_VERSION)), "job_id",
				PG_ARGISNULL(JOB) ? NULL : psprintf(INT64_FORMAT, PG_GETARG_INT64(JOB)), "code_version", code_version, "note",
				argument_text(fcinfo, NOTE));
	model_notify("registered", name, version, NULL);
	sql_end(&scope);
	PG_RETURN_INT32(version);
}

Datum
weir_model_artifact(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "model");
	Oid			user = GetUserId();
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext old;
	SqlScope	scope;
	Model		model;
	Datum		artifact = (Datum) 0;
	bool		is_null;

	require_argument(fcinfo, 1, "version");
	sql_begin(&scope);
	model = model_find(name, false);
	if (!has_privs_of_role(user, ROLE_PG_READ_ALL_DATA))
		model_require_owner(user, model.owner, "model", name);
	if (sql_execute("SELECT artifact FROM weir.model_version WHERE model_id = $1 AND version = $2", 2, (Oid[]){INT4OID, INT4OID},
					(Datum[]){Int32GetDatum(model.model_id), PG_GETARG_DATUM(1)}, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" has no version %d", name, PG_GETARG_INT32(1))));
	artifact = sql_value(0, 1, &is_null);
	if (!is_null)
	{
		old = MemoryContextSwitchTo(caller);
		artifact = PointerGetDatum(PG_DETOAST_DATUM_COPY(artifact));
		MemoryContextSwitchTo(old);
	}
	sql_end(&scope);
	if (is_null)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(artifact);
}

Datum
weir_may_see(PG_FUNCTION_ARGS)
{
	Oid			owner = PG_GETARG_OID(0);

	PG_RETURN_BOOL(has_privs_of_role(GetUserId(), owner) || has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_DATA));
}
