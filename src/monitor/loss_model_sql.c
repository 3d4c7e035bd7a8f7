/*
 * loss_model_sql.c
 *		set_loss_model: the model that tells a regression's errors before its labels are there.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/monitor.h"

PG_FUNCTION_INFO_V1(weir_set_loss_model);

Datum
weir_set_loss_model(PG_FUNCTION_ARGS)
{
	char	   *monitor = required_text(fcinfo, 0, "monitor");
	int			monitor_id = monitor_require_owner(monitor);
	Oid			types[] = {INT4OID, BYTEAOID, OIDOID};
	Datum		model = PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1);
	Datum		values[] = {Int32GetDatum(monitor_id), model, ObjectIdGetDatum(GetUserId())};
	SqlScope	scope;

	sql_begin(&scope);
	if (PG_ARGISNULL(1))
		sql_execute("DELETE FROM weir.loss_model WHERE monitor_id = $1", 1, types, values, NULL);
	else
	{
		if (sql_execute("SELECT FROM weir.derived_column WHERE monitor_id = $1 "
						"AND derivation = 'regression_performance' LIMIT 1",
						1, types, values, NULL) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("monitor \"%s\" does not watch a regression", monitor),
					 errhint("It needs a label and a prediction that are numbers, or option task.")));
		/* Reading is the check: it raises an error for bytes that are no model, or one with features. */
		sql_execute("SELECT weir.expected_loss($2, 0) WHERE $1 IS NOT NULL", 2, types, values, NULL);
		sql_execute("INSERT INTO weir.loss_model (monitor_id, model, set_by) VALUES ($1, $2, $3) "
					"ON CONFLICT (monitor_id) DO UPDATE SET model = $2, set_by = $3, set_at = pg_catalog.now()",
					3, types, values, NULL);
	}
	audit_write(PG_ARGISNULL(1) ? "drop" : "set", "loss_model", monitor);
	sql_end(&scope);
	PG_RETURN_VOID();
}
