/*
 * rule_replay.c
 *		From scores to states: which windows are out of bounds, where an alert opens, goes on and resolves.
 *
 * Replaying windows that were replayed before changes nothing unless their scores did: a window that an alert covers already opens
 * no other, and only windows from the alert's last one on can resolve it.
 */
#include "postgres.h"

#include "base/sql.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "monitor/rule.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

/*
 * "The last out_of windows" are those of the calendar: a window that is missing counts as one that is not out of bounds.  The frame
 * is in intervals and follows the session's time zone, which is the monitor's while this runs.
 *
 * Only the metric is computed, of columns for drift, of protected columns for fairness.  Of fairness the rule sees one row per
 * protected column, or the groups where the metric exists for groups only or one is named.  Of performance it sees what is
 * realised, unless it names the estimates; a rate that fairness has too is that of the groups where there are such.
 */
static const char *const replay_query =
	"WITH asked AS ("
	" SELECT r.*, g.slide, m.protected, weir.drift_metric_name(r.metric) IS NOT NULL AS is_drift,"
	" r.metric = ANY (weir.fairness_metric_names()) AS is_fairness, r.metric = ANY ($11) AS is_rate"
	" FROM weir.rule r JOIN weir.monitor m USING (monitor_id) CROSS JOIN LATERAL weir._rule_grid(r.rule_id) g WHERE r.rule_id = $1"
	"), scored AS ("
	" SELECT s.window_start, s.window_end, s.family, s.subject, s.segment, s.value, s.n,"
	" CASE WHEN s.value IS NULL AND coalesce(s.n, 0) = 0 THEN 3"
	" WHEN s.value IS NULL OR s.value = 'NaN' OR s.status <> 'ok' OR (s.n < $4 AND s.family <> 'capture') THEN 2"
	" WHEN s.value > $5 OR s.value < $6 THEN 1 ELSE 0 END AS reading"
	" FROM asked r CROSS JOIN LATERAL weir._all_scores(r.monitor_id, NULL, NULL, $2 - r.slide * (r.out_of - 1), $3, r.segment IS NOT NULL, true,"
	" CASE WHEN is_fairness OR is_rate THEN '{}'::int[] WHEN is_drift AND r.column_name IS NOT NULL THEN"
	" ARRAY(SELECT c.ordinal FROM weir.monitor_column c WHERE c.monitor_id = r.monitor_id AND c.column_name = r.column_name) END,"
	" CASE WHEN is_drift THEN '{}'::int[] END, ARRAY[r.metric]) s"
	" WHERE s.is_final AND s.metric = r.metric AND s.window_start < $3"
	" AND CASE WHEN r.column_name IS NULL THEN NOT is_fairness OR s.subject = ANY (r.protected)"
	" ELSE s.subject = r.column_name OR (is_rate AND starts_with(s.subject, r.column_name || ': ')) END"
	" AND CASE WHEN r.segment = '*' THEN s.segment IS NOT NULL ELSE s.segment IS NOT DISTINCT FROM r.segment END"
	" AND CASE WHEN s.family = 'performance' THEN (r.column_name IS NOT NULL OR s.subject NOT LIKE '%: estimated')"
	" AND (NOT is_rate OR cardinality(r.protected) = 0 OR $7 IS NOT NULL) ELSE true END"
	" AND ($7 IS NULL OR s.family = $7)),"
	"counted AS (SELECT scored.*, count(*) FILTER (WHERE reading = 1) OVER (PARTITION BY family, subject, segment ORDER BY window_start"
	" RANGE BETWEEN $8 PRECEDING AND CURRENT ROW) AS n_breached FROM scored)"
	"SELECT window_start, window_end, window_end + $9, to_char(window_start, $10) || ' to ' || to_char(window_end, $10), family, subject, segment,"
	" value, n, reading, n_breached FROM counted WHERE window_start >= $2 ORDER BY window_start, family, subject, segment";

/* Of the alerts of one subject, the one that covers the window, else the latest that began before it; NULL when there is none. */
static RuleAlert *
find_alert(List *alerts, const RuleWindow *window)
{
	RuleAlert  *found = NULL;
	ListCell   *cell;

	foreach(cell, alerts)
	{
		RuleAlert  *alert = lfirst(cell);

		if (alert->first_window <= window->start && (found == NULL || alert->first_window > found->first_window))
			found = alert;
	}
	return found;
}

/* True when another alert of the subject begins after the window: what a late row changes here is history. */
static bool
has_later_alert(List *alerts, const RuleWindow *window)
{
	ListCell   *cell;

	foreach(cell, alerts)
	{
		RuleAlert  *alert = lfirst(cell);

		if (alert->is_open && alert->first_window > window->start)
			return true;
	}
	return false;
}

static const char *
window_state(const Rule *rule, const RuleWindow *window)
{
	switch (window->reading)
	{
		case READING_NO_DATA: return "no_data";
		case READING_INSUFFICIENT: return "insufficient";
		default:
			if (window->holds)
				return rule->severity;
			return window->reading == READING_BREACH ? "warning" : "ok";
	}
}

static void
read_window(const Rule *rule, SPITupleTable *table, uint64 row, RuleWindow *window)
{
	HeapTuple	tuple = table->vals[row];
	TupleDesc	descriptor = table->tupdesc;
	bool		is_null;

	window->start = DatumGetTimestampTz(SPI_getbinval(tuple, descriptor, 1, &is_null));
	window->end = DatumGetTimestampTz(SPI_getbinval(tuple, descriptor, 2, &is_null));
	window->quiet_until = DatumGetTimestampTz(SPI_getbinval(tuple, descriptor, 3, &is_null));
	window->period = SPI_getvalue(tuple, descriptor, 4);
	window->family = SPI_getvalue(tuple, descriptor, 5);
	window->subject = SPI_getvalue(tuple, descriptor, 6);
	window->segment = SPI_getvalue(tuple, descriptor, 7);
	window->value = DatumGetFloat8(SPI_getbinval(tuple, descriptor, 8, &is_null));
	window->has_value = !is_null;
	window->n = DatumGetInt64(SPI_getbinval(tuple, descriptor, 9, &is_null));
	if (is_null)
		window->n = 0;
	switch (DatumGetInt32(SPI_getbinval(tuple, descriptor, 10, &is_null)))
	{
		case 0: window->reading = READING_OK; break;
		case 1: window->reading = READING_BREACH; break;
		case 2: window->reading = READING_INSUFFICIENT; break;
		default: window->reading = READING_NO_DATA;
	}
	window->n_breached = (int) DatumGetInt64(SPI_getbinval(tuple, descriptor, 11, &is_null));
	window->holds = window->n_breached >= rule->windows;
	window->state = window_state(rule, window);
}

/* Opens, goes on with, or resolves an alert; returns one that opened, else NULL. alerts are those of the window's subject. */
static RuleAlert *
apply_window(const Rule *rule, const RuleWindow *window, List **alerts, const RuleSink *sink)
{
	RuleAlert  *alert = find_alert(*alerts, window);

	if (window->reading == READING_INSUFFICIENT || window->reading == READING_NO_DATA)
		return NULL;
	if (window->holds)
	{
		if (alert != NULL && alert->is_open && window->start >= alert->last_window)
		{
			alert->last_window = window->start;
			alert->window_end = window->end;
			alert->quiet_until = window->quiet_until;
			if (sink->update)
				sink->update(rule, window, alert, sink->argument);
			return NULL;
		}
		if (window->reading != READING_BREACH ||
			(alert != NULL && (alert->is_open || window->start <= alert->last_window || window->end < alert->quiet_until)) ||
			has_later_alert(*alerts, window))
			return NULL;
		alert = palloc0(sizeof(RuleAlert));
		alert->family = window->family;
		alert->subject = window->subject;
		alert->segment = window->segment;
		alert->is_open = true;
		alert->first_window = alert->last_window = window->start;
		alert->window_end = window->end;
		alert->quiet_until = window->quiet_until;
		if (sink->open)
			alert->alert_id = sink->open(rule, window, sink->argument);
		*alerts = lappend(*alerts, alert);
		return alert;
	}
	if (alert != NULL && alert->is_open && window->start >= alert->last_window && rule->auto_resolve)
	{
		alert->is_open = false;
		if (sink->resolve)
			sink->resolve(rule, window, alert, sink->argument);
	}
	return NULL;
}

List *
rule_replay(const Rule *rule, TimestampTz since, TimestampTz until, List *alerts, const RuleSink *sink)
{
	int			guc_level = NewGUCNestLevel();
	char		nulls[] = "           ";
	Interval	lookback;
	RuleSubjects *alerts_of = rule_subjects_create();
	ListCell   *cell;
	SPITupleTable *table;
	bool		is_null;
	uint64		n;

	(void) set_config_option("timezone", rule->time_zone, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	sql_execute("SELECT slide * ($2 - 1) FROM weir._rule_grid($1)", 2, (Oid[]){INT4OID, INT4OID},
				(Datum[]){Int32GetDatum(rule->rule_id), Int32GetDatum(rule->out_of)}, NULL);
	lookback = *DatumGetIntervalP(sql_value(0, 1, &is_null));

	foreach(cell, alerts)
	{
		RuleAlert  *alert = lfirst(cell);
		List	  **of_subject = (List **) rule_subjects_find(alerts_of, alert->family, alert->subject, alert->segment);

		*of_subject = lappend(*of_subject, alert);
	}
	if (!rule->has_above)
		nulls[4] = 'n';
	if (!rule->has_below)
		nulls[5] = 'n';
	if (rule->family == NULL)
		nulls[6] = 'n';
	n = sql_execute(replay_query, 11,
					(Oid[]){INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, FLOAT8OID, FLOAT8OID, TEXTOID, INTERVALOID,
							INTERVALOID, TEXTOID, TEXTARRAYOID},
					(Datum[]){Int32GetDatum(rule->rule_id), TimestampTzGetDatum(since), TimestampTzGetDatum(until),
							  Int64GetDatum(rule->min_n), Float8GetDatum(rule->above), Float8GetDatum(rule->below),
							  rule->family ? CStringGetTextDatum(rule->family) : (Datum) 0, IntervalPGetDatum(&lookback),
							  IntervalPGetDatum(rule->cooldown), CStringGetTextDatum("YYYY-MM-DD HH24:MI"), rule_rate_metrics()},
					nulls);
	table = SPI_tuptable;
	for (uint64 row = 0; row < n; row++)
	{
		RuleWindow	window;
		RuleAlert  *opened;

		CHECK_FOR_INTERRUPTS();
		read_window(rule, table, row, &window);
		opened = apply_window(rule, &window, (List **) rule_subjects_find(alerts_of, window.family, window.subject, window.segment),
							  sink);
		if (opened != NULL)
			alerts = lappend(alerts, opened);
		if (sink->window)
			sink->window(rule, &window, opened != NULL, sink->argument);
	}
	AtEOXact_GUC(true, guc_level);
	return alerts;
}
