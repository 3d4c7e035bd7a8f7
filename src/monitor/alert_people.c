/*
 * alert_people.c
 *		What people do with alerts: acknowledge, snooze, resolve, judge; and who may see them.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/monitor.h"
#include "monitor/rule.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(weir_acknowledge_alert);
PG_FUNCTION_INFO_V1(weir_resolve_alert);
PG_FUNCTION_INFO_V1(weir_may_see_scores);

/* Raises 42704 or 42501; sets *is_open. The row is not locked: what follows checks again. */
static void
require_alert(int64 alert_id, bool *is_open)
{
	SqlScope	scope;
	MemoryContext caller = CurrentMemoryContext;
	char	   *monitor = NULL;
	bool		is_null;

	sql_begin(&scope);
	if (sql_execute(
			"SELECT m.name, resolved_at IS NULL FROM weir.alert a JOIN weir.monitor m USING (monitor_id) WHERE alert_id = $1", 1,
			(Oid[]){INT8OID}, (Datum[]){Int64GetDatum(alert_id)}, NULL) > 0)
	{
		monitor = MemoryContextStrdup(caller, sql_text(0, 1));
		*is_open = DatumGetBool(sql_value(0, 2, &is_null));
	}
	sql_end(&scope);
	if (monitor == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("alert " INT64_FORMAT " does not exist", alert_id),
				 errhint("SELECT * FROM weir.alerts;")));
	(void) monitor_require_owner(monitor);
}

Datum
weir_acknowledge_alert(PG_FUNCTION_ARGS)
{
	Oid			user = GetUserId();
	int64		alert_id;
	SqlScope	scope;
	bool		is_open = false;
	Interval	zero = {0};

	require_argument(fcinfo, 0, "alert_id");
	alert_id = PG_GETARG_INT64(0);
	if (!PG_ARGISNULL(2) && DatumGetBool(DirectFunctionCall2(interval_le, PG_GETARG_DATUM(2), IntervalPGetDatum(&zero))))
		rule_refuse("snooze must be longer than nothing", NULL);
	require_alert(alert_id, &is_open);
	if (!is_open)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("alert " INT64_FORMAT " is resolved already", alert_id)));
	sql_begin(&scope);
	if (sql_execute(
			"UPDATE weir.alert SET state = 'acknowledged', acknowledged_at = now(), acknowledged_by = $2::regrole, updated_at = now(),"
			" note = nullif(concat_ws(E'\\n', note, $3), ''), snoozed_until = now() + $4 WHERE alert_id = $1 AND resolved_at IS NULL",
			4, (Oid[]){INT8OID, OIDOID, TEXTOID, INTERVALOID},
			(Datum[]){Int64GetDatum(alert_id), ObjectIdGetDatum(user), PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1),
					  PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2)},
			(char[]){' ', ' ', PG_ARGISNULL(1) ? 'n' : ' ', PG_ARGISNULL(2) ? 'n' : ' ', '\0'}) > 0)
	{
		alert_write_event(alert_id, "acknowledged");
		audit_write("acknowledge", "alert", psprintf(INT64_FORMAT, alert_id), "note", argument_text(fcinfo, 1), "snooze",
					PG_ARGISNULL(2) ? NULL : DatumGetCString(DirectFunctionCall1(interval_out, PG_GETARG_DATUM(2))));
	}
	sql_end(&scope);
	PG_RETURN_VOID();
}

Datum
weir_resolve_alert(PG_FUNCTION_ARGS)
{
	char	   *verdict = argument_text(fcinfo, 1);
	char	   *note = argument_text(fcinfo, 2);
	Oid			user = GetUserId();
	int64		alert_id;
	SqlScope	scope;
	bool		is_open = false;

	require_argument(fcinfo, 0, "alert_id");
	alert_id = PG_GETARG_INT64(0);
	if (verdict != NULL && strcmp(verdict, "confirmed") != 0 && strcmp(verdict, "dismissed") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown verdict \"%s\"", verdict),
				 errhint("The verdict is confirmed, dismissed or NULL.")));
	require_alert(alert_id, &is_open);
	if (!is_open && verdict == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("alert " INT64_FORMAT " is resolved already", alert_id),
				 errhint("A verdict can still be given.")));
	sql_begin(&scope);
	alert_judge(alert_id, user, verdict, note);
	sql_end(&scope);
	PG_RETURN_VOID();
}

/* ---- who may see ---- */

/* The same as the functions of scores show. */
bool
rule_may_see_scores(Oid source, const char *time_column, bool has_filter, const char *family, const char *subject,
					const char *segment)
{
	if (may_read_table(source))
		return true;
	return !has_filter && segment == NULL && subject != NULL && family != NULL &&
		(strcmp(family, "drift") == 0 || strcmp(family, "statistics") == 0) && may_read_column(source, time_column) &&
		may_read_column(source, subject);
}

Datum
weir_may_see_scores(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(rule_may_see_scores(PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)), PG_GETARG_BOOL(2), argument_text(fcinfo, 3),
									   argument_text(fcinfo, 4), argument_text(fcinfo, 5)));
}
