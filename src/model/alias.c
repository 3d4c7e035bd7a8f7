/*
 * alias.c
 *		Aliases: which version of a model is meant, since when, by whose decision; and the way back.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "model/evaluation.h"
#include "model/model.h"
#include "model/review.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_promote_model);
PG_FUNCTION_INFO_V1(weir_roll_back_model);

/* Ends what the alias means now and lets it mean version; previous 0: none. Inside an SQL scope. */
static void
set_alias(const Model *model, const char *alias, int version, int previous, const char *reason, Oid user)
{
	Datum		values[] = {Int32GetDatum(model->model_id), CStringGetTextDatum(alias),
					  Int32GetDatum(version),         Int32GetDatum(previous),
					  ObjectIdGetDatum(user),         reason == NULL ? (Datum) 0 : CStringGetTextDatum(reason)};

	sql_execute("UPDATE weir.model_alias SET until = clock_timestamp() WHERE model_id = $1 AND alias = $2 AND until IS NULL", 2,
				(Oid[]){INT4OID, TEXTOID}, values, NULL);
	sql_execute("INSERT INTO weir.model_alias (model_id, alias, version, previous, set_by, reason)"
				" VALUES ($1, $2, $3, nullif($4, 0), $5::regrole, $6)",
				6, (Oid[]){INT4OID, TEXTOID, INT4OID, INT4OID, OIDOID, TEXTOID}, values, reason == NULL ? "     n" : NULL);
}

int
model_alias_version(int model_id, const char *alias)
{
	bool		is_null;

	if (sql_execute("SELECT version FROM weir.model_alias WHERE model_id = $1 AND alias = $2 AND until IS NULL", 2,
					(Oid[]){INT4OID, TEXTOID}, (Datum[]){Int32GetDatum(model_id), CStringGetTextDatum(alias)}, NULL) == 0)
		return 0;
	return DatumGetInt32(sql_value(0, 1, &is_null));
}

void
model_promote(const char *name, int version, const char *alias, const char *reason)
{
	Oid			user = GetUserId();
	SqlScope	scope;
	Model		model;
	int			previous = 0;
	int			current = 0;
	bool		is_null;

	sql_begin(&scope);
	model = model_find(name, true);
	model_require_owner(user, model.owner, "model", name);
	if (sql_execute("SELECT FROM weir.model_version WHERE model_id = $1 AND version = $2", 2, (Oid[]){INT4OID, INT4OID},
					(Datum[]){Int32GetDatum(model.model_id), Int32GetDatum(version)}, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" has no version %d", name, version),
				 errhint("SELECT version FROM weir.model_versions WHERE model = %s;", quote_literal_cstr(name))));
	if (sql_execute("SELECT alias_id, version FROM weir.model_alias WHERE model_id = $1 AND alias = $2 AND until IS NULL", 2,
					(Oid[]){INT4OID, TEXTOID}, (Datum[]){Int32GetDatum(model.model_id), CStringGetTextDatum(alias)}, NULL) > 0)
	{
		previous = DatumGetInt32(sql_value(0, 1, &is_null));
		current = DatumGetInt32(sql_value(0, 2, &is_null));
		if (current == version)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("version %d of model \"%s\" is its %s already", version, name, alias)));
	}
	/* These two answer nobody yet: a version stands beside the champion while people decide. */
	if (strcmp(alias, "challenger") != 0 && strcmp(alias, "shadow") != 0)
	{
		promotion_require_passed(model.model_id, name, version, current);
		review_require_approval(name, version, model.approvals);
	}
	set_alias(&model, alias, version, previous, reason, user);
	audit_write("promote", "model_version", psprintf("%s/%d", name, version), "alias", alias, "reason", reason);
	model_notify("promoted", name, version, alias);
	sql_end(&scope);
}

Datum
weir_promote_model(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "model");
	char	   *alias = required_name(fcinfo, 2, "alias", "alias");

	require_argument(fcinfo, 1, "version");
	model_promote(name, PG_GETARG_INT32(1), alias, argument_text(fcinfo, 3));
	PG_RETURN_VOID();
}

int
model_roll_back(const char *name, const char *alias, const char *reason, Oid user)
{
	Model		model = model_find(name, true);
	int			version;
	int			previous;
	bool		is_null;

	if (sql_execute(
			"SELECT p.version, coalesce(p.previous, 0) FROM weir.model_alias c JOIN weir.model_alias p ON p.alias_id = c.previous"
			" WHERE c.model_id = $1 AND c.alias = $2 AND c.until IS NULL",
			2, (Oid[]){INT4OID, TEXTOID}, (Datum[]){Int32GetDatum(model.model_id), CStringGetTextDatum(alias)}, NULL) == 0)
		return 0;
	version = DatumGetInt32(sql_value(0, 1, &is_null));
	previous = DatumGetInt32(sql_value(0, 2, &is_null));
	set_alias(&model, alias, version, previous, reason, user);
	audit_write("roll_back", "model_version", psprintf("%s/%d", name, version), "alias", alias, "reason", reason);
	model_notify("rolled_back", name, version, alias);
	return version;
}

Datum
weir_roll_back_model(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "model");
	char	   *reason = required_text(fcinfo, 1, "reason");
	char	   *alias = required_text(fcinfo, 2, "alias");
	Oid			user = GetUserId();
	SqlScope	scope;
	Model		model;
	int			version;

	sql_begin(&scope);
	model = model_find(name, true);
	model_require_owner(user, model.owner, "model", name);
	version = model_roll_back(name, alias, reason, user);
	if (version == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no earlier %s of model \"%s\" to roll back to", alias, name),
				 errhint("SELECT alias, version, since, until FROM weir.model_aliases WHERE model = %s;",
						 quote_literal_cstr(name))));
	sql_end(&scope);
	PG_RETURN_INT32(version);
}
