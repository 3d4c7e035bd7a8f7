/*
 * alert.c
 *		Alerts: opened, kept up to date and resolved by rules; acknowledged and judged by people; told by NOTIFY.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "monitor/monitor.h"
#include "monitor/rule.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(weir_acknowledge_alert);
PG_FUNCTION_INFO_V1(weir_resolve_alert);
PG_FUNCTION_INFO_V1(weir_may_see_scores);

List *
alert_list(const Rule *rule, TimestampTz since)
{
	List	   *alerts = NIL;
	uint64		n =
		sql_execute("SELECT alert_id, family, subject, segment, resolved_at IS NULL, window_start, last_window_start, window_end,"
					" window_end + $2 FROM weir.alert WHERE rule_id = $1 AND (resolved_at IS NULL OR window_end + $2 >= $3)",
					3, (Oid[]){INT4OID, INTERVALOID, TIMESTAMPTZOID},
					(Datum[]){Int32GetDatum(rule->rule_id), IntervalPGetDatum(rule->cooldown), TimestampTzGetDatum(since)}, NULL);

	for (uint64 row = 0; row < n; row++)
	{
		RuleAlert  *alert = palloc0(sizeof(RuleAlert));
		bool		is_null;

		alert->alert_id = DatumGetInt64(sql_value(row, 1, &is_null));
		alert->family = sql_text(row, 2);
		alert->subject = sql_text(row, 3);
		alert->segment = sql_text(row, 4);
		alert->is_open = DatumGetBool(sql_value(row, 5, &is_null));
		alert->first_window = DatumGetTimestampTz(sql_value(row, 6, &is_null));
		alert->last_window = DatumGetTimestampTz(sql_value(row, 7, &is_null));
		alert->window_end = DatumGetTimestampTz(sql_value(row, 8, &is_null));
		alert->quiet_until = DatumGetTimestampTz(sql_value(row, 9, &is_null));
		alerts = lappend(alerts, alert);
	}
	return alerts;
}

/* The bound that the value crossed. */
static double
crossed_threshold(const Rule *rule, const RuleWindow *window)
{
	return rule->has_above && window->value > rule->above ? rule->above : rule->below;
}

/* One sentence: psi of income is 0.41, above 0.25, in loans from 2026-03-02 00:00 to 2026-03-03 00:00 UTC (n 5123), in 2 of the
 * last 3 windows */
static char *
describe(const Rule *rule, const RuleWindow *window)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, rule->metric);
	if (window->subject)
		appendStringInfo(&text, " of %s", window->subject);
	appendStringInfo(&text, " is %.4g, %s %.4g, in %s", window->value,
					 rule->has_above && window->value > rule->above ? "above" : "below", crossed_threshold(rule, window),
					 rule->monitor);
	if (window->segment)
		appendStringInfo(&text, ", segment %s,", window->segment);
	appendStringInfo(&text, " from %s %s (n " INT64_FORMAT ")", window->period, rule->time_zone, window->n);
	if (rule->out_of > 1)
		appendStringInfo(&text, ", in %d of the last %d windows", window->n_breached, rule->out_of);
	return text.data;
}

static char *
nullable_literal(const char *operator_if_value, const char *value)
{
	return value == NULL ? pstrdup("IS NULL") : psprintf("%s %s", operator_if_value, quote_literal_cstr(value));
}

/* The query that shows the scores behind an alert. */
static char *
explaining_query(const Rule *rule, const RuleWindow *window)
{
	return psprintf(
		"SELECT * FROM weir.scores WHERE monitor = %s AND metric = %s AND subject %s AND segment %s AND window_start <= %s"
		" ORDER BY window_start DESC LIMIT %d",
		quote_literal_cstr(rule->monitor), quote_literal_cstr(rule->metric), nullable_literal("=", window->subject),
		nullable_literal("=", window->segment), quote_literal_cstr(timestamptz_to_str(window->start)), Max(rule->out_of, 10));
}

/*
 * Tells listeners; event is opened, acknowledged or resolved.  Anybody may listen: neither values nor what they are of are told,
 * the view weir.alerts has these for who may see them.
 */
static void
notify(int64 alert_id, const char *event)
{
	sql_execute("SELECT pg_notify('weir_alerts', jsonb_build_object('event', $2, 'alert_id', alert_id, 'monitor', m.name,"
				" 'rule', a.rule, 'state', a.state, 'severity', severity)::text)"
				" FROM weir.alert a JOIN weir.monitor m USING (monitor_id) WHERE alert_id = $1",
				2, (Oid[]){INT8OID, TEXTOID}, (Datum[]){Int64GetDatum(alert_id), CStringGetTextDatum(event)}, NULL);
}

#define WRITE_COLUMNS 14

/* What opening and updating write alike: parameters $1 to $14. */
static void
written_values(const Rule *rule, const RuleWindow *window, Datum *values, char *nulls)
{
	memset(nulls, ' ', WRITE_COLUMNS);
	nulls[WRITE_COLUMNS] = '\0';
	values[0] = Int32GetDatum(rule->rule_id);
	values[1] = CStringGetTextDatum(window->family);
	values[2] = window->subject ? CStringGetTextDatum(window->subject) : (Datum) 0;
	values[3] = window->segment ? CStringGetTextDatum(window->segment) : (Datum) 0;
	values[4] = Float8GetDatum(window->value);
	values[5] = Float8GetDatum(crossed_threshold(rule, window));
	values[6] = Int64GetDatum(window->n);
	values[7] = TimestampTzGetDatum(window->start);
	values[8] = TimestampTzGetDatum(window->end);
	values[9] = CStringGetTextDatum(describe(rule, window));
	values[10] = CStringGetTextDatum(explaining_query(rule, window));
	values[11] = Int32GetDatum(window->n_breached);
	values[12] = BoolGetDatum(window->reading == READING_BREACH);
	values[13] = Int64GetDatum(0);
	if (window->subject == NULL)
		nulls[2] = 'n';
	if (window->segment == NULL)
		nulls[3] = 'n';
}

static Oid	written_types[WRITE_COLUMNS] = {INT4OID,        TEXTOID,        TEXTOID, TEXTOID, FLOAT8OID, FLOAT8OID, INT8OID,
										   TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, INT4OID,   BOOLOID,   INT8OID};

#define DETAIL \
	" jsonb_build_object('value', $5, 'threshold', $6, 'excess', $5 - $6, 'n', $7, 'window', jsonb_build_object('start', $8, 'end', $9)," \
	" 'windows_out_of_bounds', $12, 'query', $11)"

int64
alert_open(const Rule *rule, const RuleWindow *window, bool acts)
{
	Datum		values[WRITE_COLUMNS];
	char		nulls[WRITE_COLUMNS + 1];
	RuleActionCheck check;
	RuleActionRun run;
	int64		alert_id;
	int64		job_id = 0;
	bool		is_null;

	written_values(rule, window, values, nulls);
	sql_execute(
		"INSERT INTO weir.alert (monitor_id, rule_id, rule, severity, family, subject, segment, metric, value, threshold, n, window_start,"
		" window_end, last_window_start, message, detail)"
		" SELECT r.monitor_id, r.rule_id, r.name, r.severity, $2, $3, $4, r.metric, $5, $6, $7, $8, $9, $8, $10," DETAIL
		" || jsonb_build_object('peak', $5)"
		" FROM weir.rule r WHERE r.rule_id = $1 RETURNING alert_id",
		WRITE_COLUMNS - 2, written_types, values, nulls);
	alert_id = DatumGetInt64(sql_value(0, 1, &is_null));

	if (acts)
	{
		RuleFiring	firing = {.alert_id = alert_id,
							 .monitor = rule->monitor,
							 .rule = rule->name,
							 .rule_owner = rule->owner,
							 .trainer = rule->trainer,
							 .metric = rule->metric,
							 .subject = window->subject,
							 .segment = window->segment,
							 .window_start = window->start,
							 .window_end = window->end};

		if (!rule_find_action(rule->action, &check, &run))
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("unknown action \"%s\"", rule->action)));
		if (run != NULL)
			job_id = run(&firing);
		if (job_id != 0)
			sql_execute("UPDATE weir.alert SET job_id = $2 WHERE alert_id = $1", 2, (Oid[]){INT8OID, INT8OID},
						(Datum[]){Int64GetDatum(alert_id), Int64GetDatum(job_id)}, NULL);
	}
	notify(alert_id, "opened");
	return alert_id;
}

void
alert_update(const Rule *rule, const RuleWindow *window, const RuleAlert *alert)
{
	Datum		values[WRITE_COLUMNS];
	char		nulls[WRITE_COLUMNS + 1];

	written_values(rule, window, values, nulls);
	values[13] = Int64GetDatum(alert->alert_id);
	/* A window that is within bounds prolongs the alert where k of n still hold, but is not what it tells about. */
	sql_execute(
		"UPDATE weir.alert SET value = CASE WHEN $13 THEN $5 ELSE value END, threshold = CASE WHEN $13 THEN $6 ELSE threshold END,"
		" n = CASE WHEN $13 THEN $7 ELSE n END, message = CASE WHEN $13 THEN $10 ELSE message END,"
		" detail = CASE WHEN $13 THEN" DETAIL " || jsonb_build_object('peak',"
		" CASE WHEN abs($5 - $6) > abs((detail ->> 'peak')::float8 - threshold) THEN $5 ELSE (detail ->> 'peak')::float8 END)"
		" ELSE detail END, window_end = $9, last_window_start = $8, updated_at = now()"
		" WHERE alert_id = $14 AND ((value, n) IS DISTINCT FROM ($5, $7) OR last_window_start <> $8)",
		WRITE_COLUMNS, written_types, values, nulls);
}

void
alert_resolve(int64 alert_id, Oid by, const char *verdict, const char *note)
{
	sql_execute(
		"UPDATE weir.alert SET state = 'resolved', resolved_at = now(), updated_at = now(), resolved_by = nullif($2, 0)::regrole,"
		" verdict = coalesce($3, verdict), note = nullif(concat_ws(E'\\n', note, $4), '') WHERE alert_id = $1 AND resolved_at IS NULL",
		4, (Oid[]){INT8OID, OIDOID, TEXTOID, TEXTOID},
		(Datum[]){Int64GetDatum(alert_id), ObjectIdGetDatum(by), verdict ? CStringGetTextDatum(verdict) : (Datum) 0,
				  note ? CStringGetTextDatum(note) : (Datum) 0},
		(char[]){' ', ' ', verdict ? ' ' : 'n', note ? ' ' : 'n', '\0'});
	notify(alert_id, "resolved");
}

void
alert_judge(int64 alert_id, Oid by, const char *verdict, const char *note)
{
	SqlParameters parameters = {0};

	sql_add_int(&parameters, alert_id);
	if (sql_run("SELECT FROM weir.alert WHERE alert_id = $1 AND resolved_at IS NULL FOR UPDATE", &parameters) > 0)
		alert_resolve(alert_id, by, verdict, note);
	else
	{
		sql_add_text(&parameters, verdict);
		sql_add_text(&parameters, note);
		sql_run(
			"UPDATE weir.alert SET verdict = coalesce($2, verdict), note = nullif(concat_ws(E'\\n', note, $3), ''), updated_at = now()"
			" WHERE alert_id = $1",
			&parameters);
	}
	audit_write("resolve", "alert", psprintf(INT64_FORMAT, alert_id), "verdict", verdict, "note", note, NULL);
}

/* ---- people ---- */

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
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("alert " INT64_FORMAT " does not exist", alert_id)));
	(void) monitor_require_owner(monitor);
}

Datum
weir_acknowledge_alert(PG_FUNCTION_ARGS)
{
	Oid			user = GetUserId();
	int64		alert_id;
	SqlScope	scope;
	bool		is_open = false;

	require_argument(fcinfo, 0, "alert_id");
	alert_id = PG_GETARG_INT64(0);
	require_alert(alert_id, &is_open);
	if (!is_open)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("alert " INT64_FORMAT " is resolved already", alert_id)));
	sql_begin(&scope);
	if (sql_execute(
			"UPDATE weir.alert SET state = 'acknowledged', acknowledged_at = now(), acknowledged_by = $2::regrole, updated_at = now(),"
			" note = nullif(concat_ws(E'\\n', note, $3), '') WHERE alert_id = $1 AND resolved_at IS NULL",
			3, (Oid[]){INT8OID, OIDOID, TEXTOID},
			(Datum[]){Int64GetDatum(alert_id), ObjectIdGetDatum(user), PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1)},
			PG_ARGISNULL(1) ? "  n" : NULL) > 0)
	{
		notify(alert_id, "acknowledged");
		audit_write("acknowledge", "alert", psprintf(INT64_FORMAT, alert_id), "note", argument_text(fcinfo, 1), NULL);
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
	return !has_filter && segment == NULL && subject != NULL && family != NULL && strcmp(family, "drift") == 0 &&
		may_read_column(source, time_column) && may_read_column(source, subject);
}

Datum
weir_may_see_scores(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(rule_may_see_scores(PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)), PG_GETARG_BOOL(2), argument_text(fcinfo, 3),
									   argument_text(fcinfo, 4), argument_text(fcinfo, 5)));
}
