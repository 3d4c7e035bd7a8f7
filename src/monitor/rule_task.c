/*
 * rule_task.c
 *		When rules are evaluated: the scheduler's task.
 *
 * A rule has work when a window became final since its last turn, or when panes of windows it has evaluated changed (late rows,
 * retractions, a rebuild).  New windows are seen at once; changed panes are looked for at most every LOOK_BACK_SECONDS and only
 * while the monitor changes, as that reads the list of panes.
 */
#include "postgres.h"

#include "base/sql.h"
#include "base/withhold.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/boundary.h"
#include "monitor/rule.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

/* A long history is evaluated in portions of so many windows and scores, and a turn of the task does not last much longer than
 * this. */
#define WINDOWS_PER_PORTION 200
#define SCORES_PER_PORTION 20000
#define TURN_MS 5000
#define LOOK_BACK_SECONDS "10"

/* ---- writing what a replay finds ---- */

/* Of one subject and segment: its latest window, and since when it is in that state. */
typedef struct SubjectState
{
	RuleWindow	window;
	TimestampTz since;
	bool		is_constant;	/* in all windows of this replay */
} SubjectState;

typedef struct LiveArgument
{
	List	   *subjects;		/* of SubjectState */
	RuleSubjects *states;		/* the same */
} LiveArgument;

/* Each takes a reading of one window, of all its segments if there are some: so many in one turn, others when they are next
 * updated. */
#define MAX_EXPLAINED 50
#define MAX_SEGMENTS_EXPLAINED 5

/* The last window of each subject is what the rule's state tells. */
static void
live_window(const Rule *rule, const RuleWindow *window, RuleEvent event, void *argument)
{
	LiveArgument *live = argument;
	SubjectState **place = (SubjectState **) rule_subjects_find(live->states, window->family, window->subject, window->segment);
	SubjectState *subject = *place;

	if (subject == NULL)
	{
		subject = *place = palloc0(sizeof(SubjectState));
		live->subjects = lappend(live->subjects, subject);
		subject->since = window->start;
		subject->is_constant = true;
	}
	else if (strcmp(subject->window.state, window->state) != 0)
	{
		subject->since = window->start;
		subject->is_constant = false;
	}
	subject->window = *window;
}

static void
write_subjects(const Rule *rule, List *subjects)
{
	ListCell   *cell;

	foreach(cell, subjects)
	{
		SubjectState *subject = lfirst(cell);
		RuleWindow *window = &subject->window;
		char		nulls[] = "          ";

		if (window->subject == NULL)
			nulls[2] = 'n';
		if (window->segment == NULL)
			nulls[3] = 'n';
		if (!window->has_value)
			nulls[5] = 'n';
		sql_execute("INSERT INTO weir.rule_subject AS s (rule_id, family, subject, segment, state, value, n, window_start, since)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (rule_id, family, subject, segment) DO UPDATE"
					" SET state = excluded.state, value = excluded.value, n = excluded.n, window_start = excluded.window_start,"
					" since = CASE WHEN s.state = excluded.state AND $10 THEN s.since ELSE excluded.since END"
					" WHERE s.window_start <= excluded.window_start AND (s.state, s.value, s.n, s.window_start)"
					" IS DISTINCT FROM (excluded.state, excluded.value, excluded.n, excluded.window_start)",
					10,
					(Oid[]){INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, FLOAT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID,
							BOOLOID},
					(Datum[]){Int32GetDatum(rule->rule_id), CStringGetTextDatum(window->family),
							  window->subject ? CStringGetTextDatum(window->subject) : (Datum) 0,
							  window->segment ? CStringGetTextDatum(window->segment) : (Datum) 0,
							  CStringGetTextDatum(window->state), Float8GetDatum(window->value), Int64GetDatum(window->n),
							  TimestampTzGetDatum(window->start), TimestampTzGetDatum(subject->since),
							  BoolGetDatum(subject->is_constant)},
					nulls);
	}
}

/*
 * Subjects that the latest final window has no score of: it has none of their rows.  The first such window is the one after their
 * last, in the monitor's time zone.
 */
static void
write_missing_subjects(const Rule *rule, TimestampTz latest_final)
{
	int			guc_level = NewGUCNestLevel();

	(void) set_config_option("timezone", rule->time_zone, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	sql_execute("UPDATE weir.rule_subject s SET state = 'no_data', value = NULL, n = 0, window_start = $2,"
				" since = CASE WHEN s.state = 'no_data' THEN s.since ELSE least(s.window_start + g.slide, $2) END"
				" FROM weir._rule_grid($1) g WHERE s.rule_id = $1 AND s.window_start < $2",
				2, (Oid[]){INT4OID, TIMESTAMPTZOID}, (Datum[]){Int32GetDatum(rule->rule_id), TimestampTzGetDatum(latest_final)},
				NULL);
	AtEOXact_GUC(true, guc_level);
}

static int64
live_open(const Rule *rule, const RuleWindow *window, void *argument)
{
	int64		alert_id = alert_open(rule, window);

	alert_announce(alert_id);
	return alert_id;
}

static void
live_update(const Rule *rule, const RuleWindow *window, RuleAlert *alert, bool escalates, void *argument)
{
	alert->is_written |= alert_update(rule, window, alert);
	if (escalates)
		alert_announce(alert->alert_id);
}

/* Once for each alert, and only of the window that it tells of in the end; the latest first. */
static void
explain_alerts(const Rule *rule, const List *alerts)
{
	int			guc_level = NewGUCNestLevel();
	int			n = 0;

	(void) set_config_option("timezone", rule->time_zone, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	for (int i = list_length(alerts) - 1; i >= 0; i--)
	{
		RuleAlert  *alert = list_nth(alerts, i);

		if (!alert->is_written || n++ >= (alert->segment != NULL ? MAX_SEGMENTS_EXPLAINED : MAX_EXPLAINED))
			continue;
		CHECK_FOR_INTERRUPTS();
		alert_explain(alert->alert_id);
	}
	AtEOXact_GUC(true, guc_level);
}

static void
live_resolve(const Rule *rule, const RuleWindow *window, RuleAlert *alert, void *argument)
{
	alert_resolve(alert->alert_id, InvalidOid, NULL, NULL);
}

/* ---- what there is to do ---- */

/* Where a rule stands, read from its state and its monitor's. */
typedef struct RuleProgress
{
	TimestampTz evaluated_to;
	TimestampTz latest_final;	/* begin of the last final window; DT_NOBEGIN: none */
	TimestampTz begins_after;
	TimestampTz panes_seen_at;
	TimestampTz changes_seen_at;
	TimestampTz baseline_set_at;
	bool		baseline_changed;
	TimestampTz changed_since;	/* windows evaluated before, from the first changed one… */
	TimestampTz changed_until;	/* …to where their change can matter; DT_NOBEGIN: none */
	TimestampTz portion_end;	/* how far to evaluate now, exclusive */
} RuleProgress;

void
rule_begin_state(int rule_id)
{
	sql_execute(
		"INSERT INTO weir.rule_state (rule_id, begins_after, evaluated_to, baseline_set_at, panes_seen_at)"
		" SELECT rule_id, b, b, (SELECT set_at FROM weir.baseline l WHERE l.monitor_id = r.monitor_id),"
		" coalesce((SELECT max(updated_at) FROM weir.pane p WHERE p.monitor_id = r.monitor_id AND generation = 0), '-infinity')"
		" FROM weir.rule r CROSS JOIN LATERAL (SELECT CASE WHEN (options ->> 'history')::boolean THEN '-infinity' ELSE"
		" coalesce((SELECT latest_final FROM weir._rule_grid(r.rule_id)) - interval '1 microsecond', '-infinity') END AS b) AS begin"
		" WHERE rule_id = $1 ON CONFLICT (rule_id) DO NOTHING",
		1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(rule_id)}, NULL);
}

static TimestampTz
time_value(int column)
{
	bool		is_null;
	TimestampTz value = DatumGetTimestampTz(sql_value(0, column, &is_null));

	return is_null ? DT_NOBEGIN : value;
}

/* Reads the progress and how far this turn goes. */
static RuleProgress
read_progress(const Rule *rule)
{
	RuleProgress progress;
	bool		is_null;

	/*
	 * A window holds a changed pane when it begins within a window's size before it; its change matters to the out_of windows that
	 * look back at it, and one more decides whether an alert that it opened resolves.
	 */
	sql_execute(
		"SELECT s.evaluated_to, g.latest_final, s.begins_after,"
		" greatest(p.newest, s.panes_seen_at, (SELECT max(a.explained_at) FROM weir._rule_attributions(r.rule_id) a)),"
		" t.last_change_at, b.set_at, NOT g.is_capture AND b.set_at IS DISTINCT FROM s.baseline_set_at,"
		" greatest(p.first - g.window_size, s.begins_after + interval '1 microsecond'),"
		" CASE WHEN p.first IS NOT NULL AND (b.form = 'moving' OR EXISTS (SELECT FROM weir.rule l WHERE (l.rule_id = r.rule_id OR l.rule_id = ANY (r.parts))"
		" AND p.first < (l.learn ->> 'until')::timestamptz)) THEN 'infinity' ELSE p.last + g.slide * (weir._rule_reach(r.rule_id) + 1) END,"
		" greatest(s.evaluated_to, s.begins_after, (SELECT min(pane_start) - m.window_size FROM weir.pane"
		" WHERE monitor_id = m.monitor_id AND generation = 0 AND NOT g.is_capture),"
		" (SELECT min(minute) FROM weir.capture_minute WHERE g.is_capture)) + g.slide * greatest(1, least($2, $3 / n.subjects))"
		" FROM weir.rule r JOIN weir.rule_state s USING (rule_id) JOIN weir.monitor m USING (monitor_id)"
		" JOIN weir.monitor_state t USING (monitor_id) LEFT JOIN weir.baseline b USING (monitor_id)"
		" CROSS JOIN LATERAL weir._rule_grid(r.rule_id) g"
		" CROSS JOIN LATERAL (SELECT max(c.updated_at) AS newest,"
		" min(c.pane_start) FILTER (WHERE c.updated_at > s.panes_seen_at AND c.pane_start < s.evaluated_to + m.window_size) AS first,"
		" max(c.pane_start) FILTER (WHERE c.updated_at > s.panes_seen_at AND c.pane_start < s.evaluated_to + m.window_size) AS last"
		" FROM (SELECT pane_start, updated_at FROM weir.pane WHERE monitor_id = m.monitor_id AND generation = 0"
		" AND r.family NOT IN ('capture', 'attribution') UNION ALL"
		" SELECT e.pane_start, e.explained_at FROM weir.attribution_pane e WHERE e.monitor_id = m.monitor_id"
		" AND e.model IN (SELECT a.model FROM weir._rule_attributions(r.rule_id) a)) c) p"
		" CROSS JOIN LATERAL (SELECT greatest(1, (SELECT count(*) FROM weir.rule_subject WHERE rule_id = r.rule_id),"
		" CASE WHEN r.segment = '*' THEN (SELECT count(*) FROM weir.pane WHERE monitor_id = m.monitor_id AND generation = 0"
		" AND pane_start = (SELECT max(pane_start) FROM weir.pane WHERE monitor_id = m.monitor_id AND generation = 0)) END) AS subjects) n"
		" WHERE r.rule_id = $1",
		3, (Oid[]){INT4OID, INT4OID, INT4OID},
		(Datum[]){Int32GetDatum(rule->rule_id), Int32GetDatum(WINDOWS_PER_PORTION), Int32GetDatum(SCORES_PER_PORTION)}, NULL);
	progress.evaluated_to = time_value(1);
	progress.latest_final = time_value(2);
	progress.begins_after = time_value(3);
	progress.panes_seen_at = time_value(4);
	progress.changes_seen_at = time_value(5);
	progress.baseline_set_at = time_value(6);
	progress.baseline_changed = DatumGetBool(sql_value(0, 7, &is_null));
	progress.changed_since = time_value(8);
	progress.changed_until = time_value(9);
	progress.portion_end = time_value(10);
	return progress;
}

static void
save_progress(const Rule *rule, const RuleProgress *progress)
{
	sql_execute(
		"UPDATE weir.rule_state SET evaluated_to = $2, panes_seen_at = $3, evaluated_at = clock_timestamp(), changes_seen_at = $4,"
		" baseline_set_at = nullif($5, '-infinity') WHERE rule_id = $1",
		5, (Oid[]){INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
		(Datum[]){Int32GetDatum(rule->rule_id), TimestampTzGetDatum(progress->evaluated_to),
				  TimestampTzGetDatum(progress->panes_seen_at), TimestampTzGetDatum(progress->changes_seen_at),
				  TimestampTzGetDatum(progress->baseline_set_at)},
		NULL);
}

/*
 * What to replay: [*since, *until) of windows that are new, which may be empty, and the changed range of the progress, which is
 * DT_NOBEGIN when there is none. Moves progress->evaluated_to to where the rule will stand afterwards.
 */
static void
plan_turn(RuleProgress *progress, TimestampTz *since, TimestampTz *until)
{
	TimestampTz begin = Max(progress->evaluated_to, progress->begins_after);

	*since = *until = TIMESTAMP_NOT_FINITE(begin) ? begin : begin + 1;
	if (progress->changed_until <= progress->changed_since)
		progress->changed_until = DT_NOBEGIN; /* only windows before the rule began */
	if (TIMESTAMP_IS_NOBEGIN(progress->latest_final))
		return;
	if (progress->latest_final > progress->evaluated_to)
	{
		*until = Min(progress->latest_final + 1, Max(progress->portion_end, *since + 1));
		progress->evaluated_to = Min(progress->latest_final, *until - 1);
		if (progress->evaluated_to < progress->latest_final)
			worker_wake_at_commit(); /* the next portion */
	}
	else
		/* A stream of the past went on after a pause in which the wall clock had made its windows final: they are open again. */
		progress->evaluated_to = progress->latest_final;
	if (progress->baseline_changed && progress->evaluated_to == progress->latest_final)
		*since = Min(*since, Max(progress->latest_final, progress->begins_after + 1));
	if (progress->baseline_changed)
		*until = Max(*until, progress->latest_final + 1);
}

/* Whether one of those from that position on is open. */
static bool
has_open_alert(List *alerts, int position)
{
	for (int i = position; i < list_length(alerts); i++)
		if (((RuleAlert *) list_nth(alerts, i))->is_open)
			return true;
	return false;
}

/* Some of what was read may have had former names, and some the new ones. */
static void
require_present_names(const Rule *rule)
{
	if (sql_execute("SELECT FROM weir.rule r WHERE r.rule_id = $1 AND r.family <> 'capture' AND " NAMES_ARE_BEHIND("r.monitor_id"),
					1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(rule->rule_id)}, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("columns or labels in the table of monitor \"%s\" were renamed meanwhile", rule->monitor)));
}

void
rule_evaluate(int rule_id)
{
	SqlScope	scope;
	Rule	   *rule;

	sql_begin(&scope);
	rule = rule_load(NULL, rule_id);
	if (rule != NULL)
	{
		RuleProgress progress = read_progress(rule);
		LiveArgument live = {.states = rule_subjects_create()};
		RuleSink	sink = {.window = live_window,
						 .open = live_open,
						 .update = live_update,
						 .resolve = live_resolve,
						 .argument = &live};
		bool		has_change;
		TimestampTz since;
		TimestampTz until;
		List	   *alerts;

		plan_turn(&progress, &since, &until);
		has_change = !TIMESTAMP_IS_NOBEGIN(progress.changed_until);
		alerts = alert_list(rule, has_change ? Min(since, progress.changed_since) : since);
		if (has_change && progress.changed_until >= since)
		{
			since = Min(since, progress.changed_since); /* the two ranges touch: one replay */
			until = Max(until, progress.evaluated_to + 1);
		}
		else if (has_change)
		{
			int			n_before = list_length(alerts);

			alerts = rule_replay(rule, progress.changed_since, progress.changed_until, alerts, &sink);
			if (has_open_alert(alerts, n_before))
			{
				since = progress.changed_until; /* it goes on, or resolves, in windows that did not change */
				until = Max(until, progress.evaluated_to + 1);
			}
		}
		if (until > since)
			alerts = rule_replay(rule, since, until, alerts, &sink);
		explain_alerts(rule, alerts);
		write_subjects(rule, live.subjects);
		if (progress.evaluated_to == progress.latest_final && !TIMESTAMP_IS_NOBEGIN(progress.latest_final))
			write_missing_subjects(rule, progress.latest_final);
		save_progress(rule, &progress);
		require_present_names(rule);
	}
	sql_end(&scope);
}

/* ---- the task ---- */

void
rule_disable(int rule_id, const char *reason)
{
	SqlScope	scope;

	sql_begin(&scope);
	sql_execute("UPDATE weir.rule_state SET disabled_reason = $2, evaluated_at = clock_timestamp() WHERE rule_id = $1", 2,
				(Oid[]){INT4OID, TEXTOID}, (Datum[]){Int32GetDatum(rule_id), CStringGetTextDatum(reason)}, NULL);
	sql_end(&scope);
}

/* How far a monitor's windows are final, asked once in a turn. */
typedef struct MonitorFinal
{
	int			monitor_id;
	TimestampTz until;
	TimestampTz latest;			/* DT_NOBEGIN: none is */
} MonitorFinal;

/* A rule that may have work. */
typedef struct RuleTurn
{
	int			rule_id;
	int			monitor_id;
	bool		has_state;
	bool		has_work;		/* whatever is final */
	bool		is_capture;		/* its windows are minutes of the wall clock */
	TimestampTz until;			/* later windows are not final for it */
	TimestampTz evaluated_to;
} RuleTurn;

static MonitorFinal *
find_final(List *finals, int monitor_id, TimestampTz until)
{
	ListCell   *cell;

	foreach(cell, finals)
	{
		MonitorFinal *final = lfirst(cell);

		if (final->monitor_id == monitor_id && final->until == until)
			return final;
	}
	return NULL;
}

static MonitorFinal *
read_final(int monitor_id, TimestampTz until)
{
	MonitorFinal *final = palloc(sizeof(MonitorFinal));
	SqlScope	scope;

	sql_begin(&scope);
	sql_execute("SELECT weir._latest_final($1, $2)", 2, (Oid[]){INT4OID, TIMESTAMPTZOID},
				(Datum[]){Int32GetDatum(monitor_id), TimestampTzGetDatum(until)}, NULL);
	*final = (MonitorFinal){.monitor_id = monitor_id, .until = until, .latest = time_value(1)};
	sql_end(&scope);
	return final;
}

static bool
is_due(const RuleTurn *turn, const MonitorFinal *final)
{
	return turn->has_work || (!turn->is_capture && !TIMESTAMP_IS_NOBEGIN(final->latest) && final->latest != turn->evaluated_to);
}

/* A rule's turn, which looks how far its monitor is final when no other rule's has.  Whether it was evaluated. */
static bool
take_turn(const RuleTurn *turn, List **finals)
{
	MonitorFinal *final = find_final(*finals, turn->monitor_id, turn->until);
	SqlScope	scope;

	if (!turn->has_state)
	{
		/* It was restored from a dump: it begins with what comes now. */
		sql_begin(&scope);
		rule_begin_state(turn->rule_id);
		sql_end(&scope);
		return false;
	}
	if (final == NULL && !turn->has_work && !turn->is_capture)
	{
		final = read_final(turn->monitor_id, turn->until);
		*finals = lappend(*finals, final);
	}
	if (!is_due(turn, final))
		return false;
	rule_evaluate(turn->rule_id);
	return true;
}

typedef struct TurnArgument
{
	const RuleTurn *turn;
	List	  **finals;
	bool		is_evaluated;
} TurnArgument;

static void
take_turn_of(void *argument)
{
	TurnArgument *of = argument;

	of->is_evaluated = take_turn(of->turn, of->finals);
}

/* Takes a turn so that an error stays the rule's own: it is undone, the rule disabled, and the others go on.  Whether it was
 * evaluated. */
static bool
take_turn_behind_boundary(const RuleTurn *turn, List **finals)
{
	TurnArgument of = {turn, finals, false};
	ErrorData  *error = run_behind_boundary(take_turn_of, &of);

	if (error == NULL)
		return of.is_evaluated;
	ereport(LOG, (errmsg("weir could not evaluate rule %d: %s", turn->rule_id, message_without_values(error))));
	/* One without state has nowhere to be disabled. */
	if (error_is_lasting(error->sqlerrcode) && turn->has_state)
		rule_disable(turn->rule_id, error->message);
	FreeErrorData(error);
	return false;
}

/* Those of active monitors that are not disabled, the longest not evaluated first. */
static List *
list_turns(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *turns = NIL;
	SqlScope	scope;
	uint64		n;

	sql_begin(&scope);
	n = sql_execute(
		"SELECT r.rule_id, r.monitor_id, s.rule_id IS NOT NULL, coalesce(b.set_at IS DISTINCT FROM s.baseline_set_at"
		" OR r.family IN ('attribution', 'rule') AND (SELECT max(a.explained_at) FROM weir._rule_attributions(r.rule_id) a) > s.panes_seen_at"
		" OR w.finished_at > s.evaluated_at OR (m.last_change_at IS DISTINCT FROM s.changes_seen_at"
		" AND s.evaluated_at < clock_timestamp() - interval '" LOOK_BACK_SECONDS
		" s'), false) AND NOT c.is_capture OR (c.is_capture AND (SELECT max(minute) FROM weir.capture_minute) > s.evaluated_to), coalesce(s.evaluated_to, '-infinity'),"
		" c.is_capture, CASE WHEN r.family IN ('attribution', 'rule') THEN weir._rule_explained_until(r.rule_id) ELSE 'infinity' END"
		" FROM weir.rule r JOIN weir.monitor_state m USING (monitor_id) LEFT JOIN weir.rule_state s USING (rule_id)"
		" LEFT JOIN weir.baseline b USING (monitor_id)"
		" LEFT JOIN (SELECT monitor_id, max(finished_at) AS finished_at FROM weir.build WHERE kind <> 'verify' GROUP BY 1) w"
		" USING (monitor_id) CROSS JOIN LATERAL (SELECT r.family = 'capture' AS is_capture) c"
		" WHERE (c.is_capture OR (m.state = 'active' AND NOT " NAMES_ARE_BEHIND(
			"r.monitor_id") "))"
							" AND s.disabled_reason IS NULL ORDER BY s.evaluated_at NULLS FIRST, r.rule_id",
		0, NULL, NULL, NULL);
	for (uint64 row = 0; row < n; row++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		RuleTurn   *turn = palloc(sizeof(RuleTurn));
		bool		is_null;

		turn->rule_id = DatumGetInt32(sql_value(row, 1, &is_null));
		turn->monitor_id = DatumGetInt32(sql_value(row, 2, &is_null));
		turn->has_state = DatumGetBool(sql_value(row, 3, &is_null));
		turn->has_work = DatumGetBool(sql_value(row, 4, &is_null));
		turn->evaluated_to = DatumGetTimestampTz(sql_value(row, 5, &is_null));
		turn->is_capture = DatumGetBool(sql_value(row, 6, &is_null));
		turn->until = DatumGetTimestampTz(sql_value(row, 7, &is_null));
		turns = lappend(turns, turn);
		MemoryContextSwitchTo(old);
	}
	sql_end(&scope);
	return turns;
}

void
rule_task(void)
{
	TimestampTz started_at = GetCurrentTimestamp();
	List	   *finals = NIL;	/* of MonitorFinal */
	ListCell   *cell;
	int			guc_level = NewGUCNestLevel();

	/* Somebody's open transaction may hold an alert or the key of a job: such a rule has another turn, the others do not wait. */
	(void) set_config_option("lock_timeout", "2s", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	renames_follow();
	foreach(cell, list_turns())
	{
		RuleTurn   *turn = lfirst(cell);
		MonitorFinal *final = find_final(finals, turn->monitor_id, turn->until);

		CHECK_FOR_INTERRUPTS();
		if (turn->has_state && final != NULL && !is_due(turn, final))
			continue;

		/* Only one that was evaluated, and is now the last in the order, may end the turn: the others are the first of the next
		 * one. If looks at idle monitors and errors ended it too, those behind them might never have a turn. */
		if (take_turn_behind_boundary(turn, &finals) && TimestampDifferenceExceeds(started_at, GetCurrentTimestamp(), TURN_MS))
			break;
	}
	AtEOXact_GUC(true, guc_level);
}

/* For tests: a turn of one rule, a turn of the task. No SQL function of weir's leads here. */
PG_FUNCTION_INFO_V1(weir_evaluate_rule);
PG_FUNCTION_INFO_V1(weir_run_rule_task);

Datum
weir_evaluate_rule(PG_FUNCTION_ARGS)
{
	rule_evaluate(PG_GETARG_INT32(0));
	PG_RETURN_VOID();
}

Datum
weir_run_rule_task(PG_FUNCTION_ARGS)
{
	rule_task();
	PG_RETURN_VOID();
}
