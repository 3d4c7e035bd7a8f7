/*
 * alert.c
 *		Alerts as rules open them, keep them up to date and resolve them.
 */
#include "postgres.h"

#include "base/audit.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "monitor/rule.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

List *
alert_list(const Rule *rule, TimestampTz since)
{
	List	   *alerts = NIL;
	uint64		n = sql_execute(
		"SELECT alert_id, family, subject, segment, resolved_at IS NULL, window_start, last_window_start, window_end,"
		" window_end + $2, severity FROM weir.alert WHERE rule_id = $1 AND (resolved_at IS NULL OR window_end + $2 >= $3)",
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
		alert->level = rule_level_of(sql_text(row, 10));
		alerts = lappend(alerts, alert);
	}
	return alerts;
}

/*
 * One sentence: psi of income is 0.41, above 0.25, in loans from 2026-03-02 00:00 to 2026-03-03 00:00 UTC (n 5123), in 2 of the
 * last 3 windows
 */
static char *
describe(const Rule *rule, const RuleWindow *window)
{
	StringInfoData text;
	int			n_beyond = window->level < rule->severity ? window->n_warned : window->n_breached;

	initStringInfo(&text);
	if (rule->is_composite)
		appendStringInfo(&text, "%.0f parts of rule %s hold, at least %.0f, in %s from %s %s", window->value, rule->name,
						 window->threshold, rule->monitor, window->period, rule->time_zone);
	else
	{
		if (rule->is_share)
			appendStringInfo(&text, "the share of columns whose %s is out of bounds is %.4g, at least %.4g, in %s", rule->metric,
							 window->value, window->threshold, rule->monitor);
		else
		{
			appendStringInfoString(&text, rule->metric);
			if (window->subject)
				appendStringInfo(&text, " of %s", window->subject);
			appendStringInfo(&text, " is %.4g, %s %.4g%s, in %s", window->value,
							 window->value > window->threshold ? "above" : "below", window->threshold,
							 rule->is_learnt ? " (learnt)" : "", rule->monitor);
		}
		if (window->segment)
			appendStringInfo(&text, ", segment %s,", window->segment);
		appendStringInfo(&text, " from %s %s (n " INT64_FORMAT ")", window->period, rule->time_zone, window->n);
	}
	if (rule->out_of > 1)
		appendStringInfo(&text, ", in %d of the last %d windows", n_beyond, rule->out_of);
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
	char	   *monitor = quote_literal_cstr(rule->monitor);
	char	   *until = quote_literal_cstr(timestamptz_to_str(window->start));
	int			limit = Max(rule->out_of, 10);

	if (rule->is_composite)
		return psprintf("SELECT * FROM weir.rule_states WHERE rule IN (SELECT unnest(parts) FROM weir.rules WHERE rule = %s)",
						quote_literal_cstr(rule->name));
	if (strcmp(rule->family, "capture") == 0)
		return psprintf("SELECT * FROM weir.capture_history WHERE began_at <= %s ORDER BY began_at DESC LIMIT %d", until, limit);
	if (strcmp(rule->family, "statistics") == 0 && (window->subject != NULL || rule->is_share))
		return psprintf(
			"SELECT * FROM weir.window_stats WHERE monitor = %s%s AND segment %s AND window_start <= %s ORDER BY window_start DESC LIMIT %d",
			monitor, window->subject ? psprintf(" AND column_name = %s", quote_literal_cstr(window->subject)) : "",
			nullable_literal("=", window->segment), until, limit);
	if (strcmp(rule->family, "statistics") == 0)
		return psprintf(
			"SELECT * FROM weir.windows WHERE monitor = %s AND segment %s AND window_start <= %s ORDER BY window_start DESC LIMIT %d",
			monitor, nullable_literal("=", window->segment), until, limit);
	return psprintf(
		"SELECT * FROM weir.scores WHERE monitor = %s AND family = %s AND metric = %s%s AND segment %s AND window_start <= %s"
		" ORDER BY window_start DESC LIMIT %d",
		monitor, quote_literal_cstr(rule->family), quote_literal_cstr(rule->metric),
		rule->is_share ? "" : psprintf(" AND subject %s", nullable_literal("=", window->subject)),
		nullable_literal("=", window->segment), until, rule->is_share ? 100 : limit);
}

#define WRITE_COLUMNS 16

/* What opening and updating write alike: parameters $1 to $16. */
static void
written_values(const Rule *rule, const RuleWindow *window, int64 alert_id, Datum *values, char *nulls)
{
	memset(nulls, ' ', WRITE_COLUMNS);
	nulls[WRITE_COLUMNS] = '\0';
	values[0] = Int32GetDatum(rule->rule_id);
	values[1] = CStringGetTextDatum(window->family);
	values[2] = window->subject ? CStringGetTextDatum(window->subject) : (Datum) 0;
	values[3] = window->segment ? CStringGetTextDatum(window->segment) : (Datum) 0;
	values[4] = Float8GetDatum(window->value);
	values[5] = Float8GetDatum(window->threshold);
	values[6] = Int64GetDatum(window->n);
	values[7] = TimestampTzGetDatum(window->start);
	values[8] = TimestampTzGetDatum(window->end);
	values[9] = CStringGetTextDatum(describe(rule, window));
	values[10] = CStringGetTextDatum(explaining_query(rule, window));
	values[11] = Int32GetDatum(window->level < rule->severity ? window->n_warned : window->n_breached);
	values[12] = BoolGetDatum(window->reading == READING_BREACH || window->is_warned);
	values[13] = CStringGetTextDatum(rule_level_name(window->level));
	values[14] = Float8GetDatum(window->p_adjusted);
	values[15] = Int64GetDatum(alert_id);
	if (!window->has_p_adjusted)
		nulls[14] = 'n';
	if (window->subject == NULL)
		nulls[2] = 'n';
	if (window->segment == NULL)
		nulls[3] = 'n';
}

static Oid	written_types[WRITE_COLUMNS] = {INT4OID, TEXTOID,        TEXTOID,        TEXTOID, FLOAT8OID, FLOAT8OID,
										   INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID,   INT4OID,
										   BOOLOID, TEXTOID,        FLOAT8OID,      INT8OID};

#define DETAIL \
	" jsonb_build_object('value', $5, 'threshold', $6, 'excess', $5 - $6, 'n', $7, 'window', jsonb_build_object('start', $8, 'end', $9)," \
	" 'windows_out_of_bounds', $12, 'query', $11, 'explanation', NULL)" \
	" || jsonb_strip_nulls(jsonb_build_object('p_adjusted', $15))"

int64
alert_open(const Rule *rule, const RuleWindow *window)
{
	Datum		values[WRITE_COLUMNS];
	char		nulls[WRITE_COLUMNS + 1];
	bool		is_null;

	written_values(rule, window, 0, values, nulls);
	sql_execute(
		"INSERT INTO weir.alert (monitor_id, rule_id, rule, severity, family, subject, segment, metric, value, threshold, n, window_start,"
		" window_end, last_window_start, message, detail)"
		" SELECT r.monitor_id, r.rule_id, r.name, $14, $2, $3, $4, r.metric, $5, $6, $7, $8, $9, $8, $10," DETAIL
		" || jsonb_build_object('peak', $5)"
		" FROM weir.rule r WHERE r.rule_id = $1 RETURNING alert_id",
		WRITE_COLUMNS - 1, written_types, values, nulls);
	return DatumGetInt64(sql_value(0, 1, &is_null));
}

bool
alert_update(const Rule *rule, const RuleWindow *window, const RuleAlert *alert)
{
	Datum		values[WRITE_COLUMNS];
	char		nulls[WRITE_COLUMNS + 1];

	written_values(rule, window, alert->alert_id, values, nulls);
	/*
	 * A window that is within bounds prolongs the alert where k of n still hold, but is not what it tells about. The severity of an
	 * alert is the highest that it has reached.
	 */
	return sql_execute(
			   "UPDATE weir.alert SET value = CASE WHEN $13 THEN $5 ELSE value END, threshold = CASE WHEN $13 THEN $6 ELSE threshold END,"
			   " n = CASE WHEN $13 THEN $7 ELSE n END, message = CASE WHEN $13 THEN $10 ELSE message END,"
			   " detail = CASE WHEN $13 THEN" DETAIL " || jsonb_build_object('peak',"
			   " CASE WHEN abs($5 - $6) > abs((detail ->> 'peak')::float8 - threshold) THEN $5 ELSE (detail ->> 'peak')::float8 END)"
			   " ELSE detail END, window_end = $9, last_window_start = $8, updated_at = now(),"
			   " severity = CASE WHEN $14 = 'alert' THEN $14 ELSE severity END"
			   " WHERE alert_id = $16 AND ((value, n) IS DISTINCT FROM ($5, $7) OR last_window_start <> $8 OR (severity, $14) = ('warning', 'alert'))"
			   " AND $2 = family",
			   WRITE_COLUMNS, written_types, values, nulls) > 0;
}

void
alert_explain(int64 alert_id)
{
	SqlParameters parameters = {0};

	sql_add_int(&parameters, alert_id);
	sql_run("UPDATE weir.alert SET detail = detail || jsonb_build_object('explanation',"
			" weir._explanation(rule_id, subject, segment, (detail #>> '{window,start}')::timestamptz))"
			" WHERE alert_id = $1 AND jsonb_typeof(detail -> 'explanation') = 'null'",
			&parameters);
}

void
alert_resolve(int64 alert_id, Oid by, const char *verdict, const char *note)
{
	if (sql_execute(
			"UPDATE weir.alert SET state = 'resolved', resolved_at = now(), updated_at = now(), resolved_by = nullif($2, 0)::regrole,"
			" verdict = coalesce($3, verdict), note = nullif(concat_ws(E'\\n', note, $4), ''), snoozed_until = NULL"
			" WHERE alert_id = $1 AND resolved_at IS NULL",
			4, (Oid[]){INT8OID, OIDOID, TEXTOID, TEXTOID},
			(Datum[]){Int64GetDatum(alert_id), ObjectIdGetDatum(by), verdict ? CStringGetTextDatum(verdict) : (Datum) 0,
					  note ? CStringGetTextDatum(note) : (Datum) 0},
			(char[]){' ', ' ', verdict ? ' ' : 'n', note ? ' ' : 'n', '\0'}) > 0)
		alert_write_event(alert_id, "resolved");
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
	audit_write("resolve", "alert", psprintf(INT64_FORMAT, alert_id), "verdict", verdict, "note", note);
}
