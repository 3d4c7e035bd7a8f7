/*
 * complaint.c
 *		Complaints about decisions: filed with the prediction as it was, answered within a time.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "governance/governance.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(weir_file_complaint);
PG_FUNCTION_INFO_V1(weir_answer_complaint);

/*
 * What was decided about the row, and of which groups it is, as the current user may read them. Raises 02000 when there is no such
 * row.
 */
static void
read_decision(const GovernedMonitor *monitor, const char *key, MemoryContext context, char **prediction, char **group_name)
{
	StringInfoData query;
	SqlParameters parameters = {0};
	SqlScope	scope;
	bool		found;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT jsonb_strip_nulls(jsonb_build_object(");
	appendStringInfo(&query, "'decided_at', %s", quote_identifier(monitor->time_column));
	if (monitor->prediction != NULL)
		appendStringInfo(&query, ", 'prediction', %s", quote_identifier(monitor->prediction));
	if (monitor->score != NULL)
		appendStringInfo(&query, ", 'score', %s", quote_identifier(monitor->score));
	appendStringInfoString(&query, "))::text, ");
	if (monitor->n_protected == 0)
		appendStringInfoString(&query, "NULL::text");
	else
		appendStringInfoString(&query, "concat_ws(' | '");
	for (int i = 0; i < monitor->n_protected; i++)
		appendStringInfo(&query, ", coalesce(%s::text, '(unknown)')", quote_identifier(monitor->protected_columns[i]));
	appendStringInfo(&query, "%s FROM %s WHERE %s::text = $1", monitor->n_protected > 0 ? ")" : "", monitor->relation,
					 quote_identifier(monitor->key_column));
	sql_add_text(&parameters, key);
	sql_begin_as(&scope, GetUserId());
	found = sql_run(query.data, &parameters) > 0;
	if (found)
	{
		*prediction = MemoryContextStrdup(context, sql_text(0, 1));
		*group_name = sql_text(0, 2) == NULL ? NULL : MemoryContextStrdup(context, sql_text(0, 2));
	}
	sql_end(&scope);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND), errmsg("there is no row with this key in %s", monitor->relation),
				 errhint("row_key is the value of column \"%s\".", monitor->key_column)));
}

Datum
weir_file_complaint(PG_FUNCTION_ARGS)
{
	enum
	{
		MONITOR,
		ROW_KEY,
		COMPLAINT,
		COMPLAINANT,
		MODEL_VERSION,
		EXPLANATION,
		DUE_AT
	};
	GovernedMonitor *monitor = governed_monitor(required_text(fcinfo, MONITOR, "monitor"));
	char	   *key = required_text(fcinfo, ROW_KEY, "row_key");
	char	   *complaint = required_text(fcinfo, COMPLAINT, "complaint");
	char	   *prediction = NULL;
	char	   *group_name = NULL;
	Oid			user = GetUserId();
	SqlParameters parameters = {0};
	SqlScope	scope;
	int64		complaint_id;
	bool		is_null;

	require_words(complaint, "complaint");
	if (!PG_ARGISNULL(DUE_AT) &&
		(TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(DUE_AT)) || PG_GETARG_TIMESTAMPTZ(DUE_AT) <= GetCurrentTimestamp()))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("due_at must be in the future")));
	read_decision(monitor, key, CurrentMemoryContext, &prediction, &group_name);

	sql_begin(&scope);
	sql_add(&parameters, INT4OID, Int32GetDatum(monitor->monitor_id), false);
	sql_add_text(&parameters, monitor->name);
	sql_add_text(&parameters, monitor->model);
	sql_add(&parameters, INT4OID, PG_ARGISNULL(MODEL_VERSION) ? (Datum) 0 : PG_GETARG_DATUM(MODEL_VERSION),
			PG_ARGISNULL(MODEL_VERSION));
	sql_add_text(&parameters, key);
	sql_add_text(&parameters, prediction);
	sql_add(&parameters, JSONBOID, PG_ARGISNULL(EXPLANATION) ? (Datum) 0 : PG_GETARG_DATUM(EXPLANATION), PG_ARGISNULL(EXPLANATION));
	sql_add_text(&parameters, group_name);
	sql_add_text(&parameters, complaint);
	sql_add_text(&parameters, argument_text(fcinfo, COMPLAINANT));
	sql_add_role(&parameters, user);
	sql_add(&parameters, TIMESTAMPTZOID, PG_ARGISNULL(DUE_AT) ? (Datum) 0 : PG_GETARG_DATUM(DUE_AT), PG_ARGISNULL(DUE_AT));
	sql_add_role(&parameters, monitor->owner);
	if (!PG_ARGISNULL(MODEL_VERSION) &&
		sql_run("SELECT FROM weir.model m JOIN weir.model_version v USING (model_id) WHERE m.name = $3 AND v.version = $4",
				&parameters) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" has no version %d", monitor->model ? monitor->model : "", PG_GETARG_INT32(MODEL_VERSION))));
	/* Without a version: the champion of the time of the decision. */
	sql_run("INSERT INTO weir.complaint (monitor_id, monitor, model, model_version, row_key, prediction, explanation, group_name,"
			" complaint, complainant, filed_by, due_at, owner)"
			" VALUES ($1, $2, $3, coalesce($4, (SELECT a.version FROM weir.model m JOIN weir.model_alias a USING (model_id)"
			"  WHERE m.name = $3 AND a.alias = 'champion' AND a.since <= ($6::jsonb ->> 'decided_at')::timestamptz"
			"  AND ($6::jsonb ->> 'decided_at')::timestamptz < coalesce(a.until, 'infinity') ORDER BY a.since DESC LIMIT 1)),"
			" $5, $6::jsonb, $7, $8, $9, $10, $11::regrole, coalesce($12, now() + interval '30 days'), $13::regrole)"
			" RETURNING complaint_id",
			&parameters);
	complaint_id = DatumGetInt64(sql_value(0, 1, &is_null));
	/* What it says is personal: the audit log, which forgets nothing, knows that there was one. */
	audit_write("file", "complaint", psprintf(INT64_FORMAT, complaint_id), "monitor", monitor->name);
	sql_end(&scope);
	PG_RETURN_INT64(complaint_id);
}

Datum
weir_answer_complaint(PG_FUNCTION_ARGS)
{
	char	   *outcome = required_text(fcinfo, 1, "outcome");
	char	   *answer = required_text(fcinfo, 2, "answer");
	Oid			user = GetUserId();
	SqlParameters parameters = {0};
	SqlScope	scope;
	bool		is_null;

	require_argument(fcinfo, 0, "complaint_id");
	if (strcmp(outcome, "upheld") != 0 && strcmp(outcome, "partly_upheld") != 0 && strcmp(outcome, "rejected") != 0 &&
		strcmp(outcome, "withdrawn") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown outcome \"%s\"", outcome),
				 errhint("It is upheld, partly_upheld, rejected or withdrawn.")));
	require_words(answer, "answer");
	sql_begin(&scope);
	sql_add_int(&parameters, PG_GETARG_INT64(0));
	sql_add_text(&parameters, outcome);
	sql_add_text(&parameters, answer);
	sql_add_role(&parameters, user);
	if (sql_execute(
			"SELECT coalesce(m.owner, c.owner)::oid, c.outcome FROM weir.complaint c LEFT JOIN weir.monitor m USING (monitor_id)"
			" WHERE complaint_id = $1 FOR UPDATE OF c",
			1, parameters.types, parameters.values, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("complaint " INT64_FORMAT " does not exist", PG_GETARG_INT64(0))));
	if (!has_privs_of_role(user, DatumGetObjectId(sql_value(0, 1, &is_null))))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("complaint " INT64_FORMAT " is answered by the owner of its monitor", PG_GETARG_INT64(0))));
	if (sql_text(0, 2) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("complaint " INT64_FORMAT " is %s already", PG_GETARG_INT64(0), sql_text(0, 2))));
	sql_run(
		"UPDATE weir.complaint SET outcome = $2, answer = $3, answered_by = $4::regrole, answered_at = now() WHERE complaint_id = $1",
		&parameters);
	audit_write("answer", "complaint", psprintf(INT64_FORMAT, PG_GETARG_INT64(0)), "outcome", outcome);
	sql_end(&scope);
	PG_RETURN_VOID();
}
