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

static const char *const replay_query =
	"SELECT window_start, window_end, window_end + $4, to_char(window_start, $5) || ' to ' || to_char(window_end, $5), family, subject, segment,"
	" value, n, threshold, reading, is_warned, n_breached, n_warned, n_uncleared, p_adjusted"
	" FROM weir._rule_readings($1, $2, $3) ORDER BY window_start, family, subject, segment";

/*
 * Of the alerts of one subject that began by the window: the open one, else the latest; NULL when there is none.  (What came late
 * may have opened one that began before another which is over.)
 */
static RuleAlert *
find_alert(List *alerts, const RuleWindow *window)
{
	RuleAlert  *found = NULL;
	ListCell   *cell;

	foreach(cell, alerts)
	{
		RuleAlert  *alert = lfirst(cell);

		if (alert->first_window <= window->start &&
			(found == NULL || (alert->is_open && !found->is_open) ||
			 (alert->is_open == found->is_open && alert->first_window > found->first_window)))
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

/* At which level the rule holds in the window. */
static RuleLevel
holding_level(const Rule *rule, const RuleWindow *window)
{
	if (window->n_breached >= rule->windows)
		return rule->severity;
	return window->n_warned >= rule->windows ? LEVEL_WARNING : LEVEL_NONE;
}

/* While an alert is not cleared, its subject stays in the alert's state. */
static const char *
window_state(const RuleWindow *window, const RuleAlert *alert)
{
	RuleLevel	level = window->level;

	if (window->reading == READING_NO_DATA)
		return "no_data";
	if (window->reading == READING_INSUFFICIENT)
		return "insufficient";
	if (level == LEVEL_NONE && alert != NULL && alert->is_open && window->start >= alert->last_window && !window->is_clear)
		level = alert->level;
	if (level == LEVEL_NONE && (window->reading == READING_BREACH || window->is_warned))
		level = LEVEL_WARNING;
	return rule_level_name(level);
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
	window->threshold = DatumGetFloat8(SPI_getbinval(tuple, descriptor, 10, &is_null));
	window->has_threshold = !is_null;
	switch (DatumGetInt32(SPI_getbinval(tuple, descriptor, 11, &is_null)))
	{
		case 0: window->reading = READING_OK; break;
		case 1: window->reading = READING_BREACH; break;
		case 2: window->reading = READING_INSUFFICIENT; break;
		default: window->reading = READING_NO_DATA;
	}
	window->is_warned = DatumGetBool(SPI_getbinval(tuple, descriptor, 12, &is_null));
	window->n_breached = (int) DatumGetInt64(SPI_getbinval(tuple, descriptor, 13, &is_null));
	window->n_warned = (int) DatumGetInt64(SPI_getbinval(tuple, descriptor, 14, &is_null));
	window->is_clear = DatumGetInt64(SPI_getbinval(tuple, descriptor, 15, &is_null)) == 0;
	window->p_adjusted = DatumGetFloat8(SPI_getbinval(tuple, descriptor, 16, &is_null));
	window->has_p_adjusted = !is_null;
	window->level = holding_level(rule, window);
}

/* The alert goes on; true when it escalates. */
static bool
continue_alert(const Rule *rule, const RuleWindow *window, RuleAlert *alert, const RuleSink *sink)
{
	bool		escalates = window->level > alert->level;

	alert->last_window = window->start;
	alert->window_end = window->end;
	alert->quiet_until = window->quiet_until;
	alert->level = Max(alert->level, window->level);
	if (sink->update)
		sink->update(rule, window, alert, escalates, sink->argument);
	return escalates;
}

/* True when the window itself, and not only those before it, is beyond the bound of the level at which the rule holds. */
static bool
is_beyond(const Rule *rule, const RuleWindow *window)
{
	return window->reading == READING_BREACH || (window->is_warned && window->level < rule->severity);
}

/* Opens, goes on with, or resolves an alert; sets *opened to one that opened, else NULL. alerts are those of the window's subject.
 */
static RuleEvent
apply_window(const Rule *rule, const RuleWindow *window, List **alerts, const RuleSink *sink, RuleAlert **opened)
{
	RuleAlert  *alert = find_alert(*alerts, window);

	*opened = NULL;
	if (window->reading == READING_INSUFFICIENT || window->reading == READING_NO_DATA)
		return EVENT_NONE;
	if (window->level != LEVEL_NONE)
	{
		if (alert != NULL && alert->is_open && window->start >= alert->last_window)
			return continue_alert(rule, window, alert, sink) ? EVENT_ESCALATED : EVENT_NONE;
		if (!is_beyond(rule, window) ||
			(alert != NULL && (alert->is_open || window->start <= alert->last_window || window->end < alert->quiet_until)) ||
			has_later_alert(*alerts, window))
			return EVENT_NONE;
		alert = palloc0(sizeof(RuleAlert));
		alert->family = window->family;
		alert->subject = window->subject;
		alert->segment = window->segment;
		alert->is_open = true;
		alert->level = window->level;
		alert->first_window = alert->last_window = window->start;
		alert->window_end = window->end;
		alert->quiet_until = window->quiet_until;
		alert->is_written = true;
		if (sink->open)
			alert->alert_id = sink->open(rule, window, sink->argument);
		*alerts = lappend(*alerts, alert);
		*opened = alert;
		return EVENT_OPENED;
	}
	if (alert != NULL && alert->is_open && window->start >= alert->last_window && window->is_clear && rule->auto_resolve)
	{
		alert->is_open = false;
		if (sink->resolve)
			sink->resolve(rule, window, alert, sink->argument);
		return EVENT_RESOLVED;
	}
	return EVENT_NONE;
}

List *
rule_replay(const Rule *rule, TimestampTz since, TimestampTz until, List *alerts, const RuleSink *sink)
{
	int			guc_level = NewGUCNestLevel();
	RuleSubjects *alerts_of = rule_subjects_create();
	ListCell   *cell;
	SPITupleTable *table;
	uint64		n;

	(void) set_config_option("timezone", rule->time_zone, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	foreach(cell, alerts)
	{
		RuleAlert  *alert = lfirst(cell);
		List	  **of_subject = (List **) rule_subjects_find(alerts_of, alert->family, alert->subject, alert->segment);

		*of_subject = lappend(*of_subject, alert);
	}
	n = sql_execute(replay_query, 5, (Oid[]){INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INTERVALOID, TEXTOID},
					(Datum[]){Int32GetDatum(rule->rule_id), TimestampTzGetDatum(since), TimestampTzGetDatum(until),
							  IntervalPGetDatum(rule->cooldown), CStringGetTextDatum("YYYY-MM-DD HH24:MI")},
					NULL);
	table = SPI_tuptable;
	for (uint64 row = 0; row < n; row++)
	{
		RuleWindow	window;
		RuleAlert  *opened;
		List	  **of_subject;
		RuleEvent	event;

		CHECK_FOR_INTERRUPTS();
		read_window(rule, table, row, &window);
		of_subject = (List **) rule_subjects_find(alerts_of, window.family, window.subject, window.segment);
		event = apply_window(rule, &window, of_subject, sink, &opened);
		if (opened != NULL)
			alerts = lappend(alerts, opened);
		window.state = window_state(&window, find_alert(*of_subject, &window));
		if (sink->window)
			sink->window(rule, &window, event, sink->argument);
	}
	AtEOXact_GUC(true, guc_level);
	return alerts;
}
