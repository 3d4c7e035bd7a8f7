/*
 * card.c
 *		What people say about a model: for its card.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"

PG_FUNCTION_INFO_V1(weir_describe_model);

Datum
weir_describe_model(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "model");
	Oid			user = GetUserId();
	SqlParameters parameters = {0};
	SqlScope	scope;
	bool		is_null;

	sql_begin(&scope);
	sql_add_text(&parameters, name);
	if (sql_run("SELECT owner::oid FROM weir.model WHERE name = $1", &parameters) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", name)));
	if (!has_privs_of_role(user, DatumGetObjectId(sql_value(0, 1, &is_null))))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of model \"%s\"", name)));
	for (int i = 1; i <= 4; i++)
		sql_add_text(&parameters, argument_text(fcinfo, i));
	sql_run("INSERT INTO weir.model_description (model_id, disclosure, intended_use, limitations, contact)"
			" SELECT model_id, $2, $3, $4, $5 FROM weir.model WHERE name = $1 ON CONFLICT (model_id) DO UPDATE SET"
			" disclosure = coalesce(EXCLUDED.disclosure, model_description.disclosure),"
			" intended_use = coalesce(EXCLUDED.intended_use, model_description.intended_use),"
			" limitations = coalesce(EXCLUDED.limitations, model_description.limitations),"
			" contact = coalesce(EXCLUDED.contact, model_description.contact)",
			&parameters);
	audit_write("describe", "model", name, "disclosure", argument_text(fcinfo, 1), "intended_use", argument_text(fcinfo, 2),
				"limitations", argument_text(fcinfo, 3), "contact", argument_text(fcinfo, 4));
	sql_end(&scope);
	PG_RETURN_VOID();
}
