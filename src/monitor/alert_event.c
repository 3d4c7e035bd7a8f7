/*
 * alert_event.c
 *		The outbox of alerts: events are written with what they tell of, numbered and told in the order in which they became
 *		visible.
 *
 * The scheduler of the database is the only one that numbers, one transaction after the other, and only events that it sees
 * committed: so no event with a lower number ever appears after a higher one, and nobody has to wait for anybody to write one.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/privileges.h"
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

PG_FUNCTION_INFO_V1(weir_number_alert_events);

/* In one transaction of the task. */
#define MAX_NUMBERED 10000
#define MAX_ANNOUNCED 1000

static int	event_retention_s = 30 * SECS_PER_DAY;

void
alert_event_init(void)
{
	DefineCustomIntVariable("weir.alert_event_retention", "How long events of alerts are kept for consumers.", "0: for good.",
							&event_retention_s, 30 * SECS_PER_DAY, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	worker_register_task("alert events", 1000, alert_event_task);
}

/* An alert that nobody was told of resolves without a word. */
void
alert_write_event(int64 alert_id, const char *event)
{
	if (sql_execute(
			"INSERT INTO weir.alert_event (alert_id, event, state, severity) SELECT alert_id, $2, state, severity FROM weir.alert"
			" WHERE alert_id = $1 AND told_severity IS NOT NULL",
			2, (Oid[]){INT8OID, TEXTOID}, (Datum[]){Int64GetDatum(alert_id), CStringGetTextDatum(event)}, NULL) > 0)
		worker_wake_at_commit();
}

/* ---- telling, and acting ---- */

/* Open alerts of $1 (NULL: all) of which there is something to tell that is not kept back; locked rows of others are left for
 * later. */
#define DUE_ALERTS \
	"SELECT a.alert_id, a.rule_id, a.told_severity, (r.options ->> 'silent')::boolean IS TRUE, a.snoozed_until IS NOT NULL AND a.told_severity = a.severity," \
	" r.action <> 'notify' AND a.job_id IS NULL AND (a.severity = 'alert' OR r.severity = 'warning')" \
	" AND (s.acted_at IS NULL OR a.window_end >= s.acted_at + r.cooldown)" \
	" FROM weir.alert a JOIN weir.rule r USING (rule_id) LEFT JOIN weir.rule_state s USING (rule_id)" \
	" WHERE a.resolved_at IS NULL AND a.rule_id IS NOT NULL AND (a.snoozed_until IS NULL OR a.snoozed_until <= now())" \
	" AND NOT weir._is_silenced(a.rule_id, 'notifications', now(), now() + interval '1 microsecond')"

static int64
act(int64 alert_id, int rule_id)
{
	const Rule *rule = rule_load(NULL, rule_id);
	RuleFiring	firing = {.alert_id = alert_id,
						 .monitor = rule->monitor,
						 .rule = rule->name,
						 .rule_owner = rule->owner,
						 .trainer = rule->trainer,
						 .metric = rule->metric};
	RuleActionCheck check;
	RuleActionRun run;
	int64		job_id = 0;
	bool		is_null;

	sql_execute("SELECT subject, segment, last_window_start, window_end FROM weir.alert WHERE alert_id = $1", 1, (Oid[]){INT8OID},
				(Datum[]){Int64GetDatum(alert_id)}, NULL);
	firing.subject = sql_text(0, 1);
	firing.segment = sql_text(0, 2);
	firing.window_start = DatumGetTimestampTz(sql_value(0, 3, &is_null));
	firing.window_end = DatumGetTimestampTz(sql_value(0, 4, &is_null));
	if (!rule_find_action(rule->action, &check, &run))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("unknown action \"%s\"", rule->action)));
	if (run != NULL)
		job_id = run(&firing);
	sql_execute("UPDATE weir.rule_state SET acted_at = greatest(acted_at, $2) WHERE rule_id = $1", 2,
				(Oid[]){INT4OID, TIMESTAMPTZOID}, (Datum[]){Int32GetDatum(rule_id), TimestampTzGetDatum(firing.window_end)}, NULL);
	return job_id;
}

/* What row of the last result says of an alert. */
typedef struct DueAlert
{
	int64		alert_id;
	int			rule_id;
	bool		is_told;
	bool		is_silent;
	bool		is_reminder;
	bool		acts;
} DueAlert;

static DueAlert
read_due(SPITupleTable *table, uint64 row)
{
	HeapTuple	tuple = table->vals[row];
	TupleDesc	descriptor = table->tupdesc;
	bool		is_null;
	DueAlert	due;

	due.alert_id = DatumGetInt64(SPI_getbinval(tuple, descriptor, 1, &is_null));
	due.rule_id = DatumGetInt32(SPI_getbinval(tuple, descriptor, 2, &is_null));
	(void) SPI_getbinval(tuple, descriptor, 3, &is_null);
	due.is_told = !is_null;
	due.is_silent = DatumGetBool(SPI_getbinval(tuple, descriptor, 4, &is_null));
	due.is_reminder = DatumGetBool(SPI_getbinval(tuple, descriptor, 5, &is_null));
	due.acts = DatumGetBool(SPI_getbinval(tuple, descriptor, 6, &is_null));
	return due;
}

static void
tell(const DueAlert *due)
{
	int64		job_id = due->acts ? act(due->alert_id, due->rule_id) : 0;

	sql_execute(
		"UPDATE weir.alert SET job_id = coalesce(job_id, nullif($2, 0)), told_severity = CASE WHEN $3 THEN told_severity ELSE severity END,"
		" state = CASE WHEN $4 THEN 'open' ELSE state END, snoozed_until = NULL, updated_at = now() WHERE alert_id = $1",
		4, (Oid[]){INT8OID, INT8OID, BOOLOID, BOOLOID},
		(Datum[]){Int64GetDatum(due->alert_id), Int64GetDatum(job_id), BoolGetDatum(due->is_silent),
				  BoolGetDatum(due->is_reminder)},
		NULL);
	if (!due->is_silent)
		alert_write_event(due->alert_id, due->is_reminder ? "reminded" : due->is_told ? "escalated" : "opened");
}

void
alert_announce(int64 alert_id)
{
	DueAlert	due;

	if (sql_execute(DUE_ALERTS " AND a.alert_id = $1 AND a.told_severity IS DISTINCT FROM a.severity", 1, (Oid[]){INT8OID},
					(Datum[]){Int64GetDatum(alert_id)}, NULL) == 0)
		return;
	due = read_due(SPI_tuptable, 0);
	tell(&due);
}

/* One alert behind an error boundary: an action that fails disables its rule, as it does where the alert opens. */
static void
tell_of(void *argument)
{
	SqlScope	scope;

	sql_begin(&scope);
	tell(argument);
	sql_end(&scope);
}

/* What a silence or a snooze kept back, and is to be told now. */
static void
tell_of_kept_back(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *alerts = NIL;
	ListCell   *cell;
	SqlScope	scope;
	uint64		n;

	sql_begin(&scope);
	n = sql_execute(
		DUE_ALERTS " AND (r.options ->> 'silent')::boolean IS NOT TRUE"
				   " AND (a.told_severity IS DISTINCT FROM a.severity OR a.snoozed_until IS NOT NULL) AND s.disabled_reason IS NULL"
				   " ORDER BY a.alert_id LIMIT $1 FOR UPDATE OF a SKIP LOCKED",
		1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(MAX_ANNOUNCED)}, NULL);
	for (uint64 row = 0; row < n; row++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		DueAlert   *due = palloc(sizeof(DueAlert));

		*due = read_due(SPI_tuptable, row);
		alerts = lappend(alerts, due);
		MemoryContextSwitchTo(old);
	}
	sql_end(&scope);
	foreach(cell, alerts)
	{
		DueAlert   *due = lfirst(cell);
		ErrorData  *error = run_behind_boundary(tell_of, due);

		CHECK_FOR_INTERRUPTS();
		if (error != NULL)
		{
			ereport(LOG,
					(errmsg("weir could not tell of alert " INT64_FORMAT ": %s", due->alert_id, message_without_values(error))));
			if (error_is_lasting(error->sqlerrcode))
				rule_disable(due->rule_id, error->message);
			FreeErrorData(error);
		}
	}
}

/* ---- numbers ---- */

/* Anybody may listen: neither values nor what they are of are told, the view weir.alert_events has these for who may see them. */
static uint64
number_events(void)
{
	return sql_execute(
		"WITH picked AS MATERIALIZED (SELECT entry FROM weir.alert_event WHERE event_id IS NULL ORDER BY entry LIMIT $1 FOR UPDATE SKIP LOCKED),"
		" due AS MATERIALIZED (SELECT entry, row_number() OVER (ORDER BY entry) AS ordinal FROM picked),"
		" moved AS (UPDATE weir.alert_event_position SET last_event_id = last_event_id + (SELECT count(*) FROM due)"
		" WHERE EXISTS (SELECT FROM due) RETURNING last_event_id - (SELECT count(*) FROM due) AS before),"
		" numbered AS (UPDATE weir.alert_event e SET event_id = moved.before + due.ordinal FROM due, moved WHERE e.entry = due.entry"
		" RETURNING e.event_id, e.alert_id, e.event, e.state, e.severity),"
		" told AS MATERIALIZED (SELECT n.event_id, jsonb_build_object('event_id', n.event_id, 'event', n.event, 'alert_id', n.alert_id, 'monitor', m.name,"
		" 'rule', a.rule, 'state', n.state, 'severity', n.severity)::text AS payload"
		" FROM numbered n JOIN weir.alert a USING (alert_id) JOIN weir.monitor m USING (monitor_id) ORDER BY n.event_id)"
		" SELECT pg_notify('weir_alerts', payload) FROM told",
		1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(MAX_NUMBERED)}, NULL);
}

static void
expire_events(void)
{
	if (event_retention_s == 0)
		return;
	sql_execute(
		"WITH gone AS (DELETE FROM weir.alert_event WHERE entry IN (SELECT entry FROM weir.alert_event WHERE event_id IS NOT NULL"
		" AND occurred_at < now() - make_interval(secs => $1) ORDER BY event_id LIMIT $2) RETURNING event_id)"
		" UPDATE weir.alert_event_position SET expired_to = greatest(expired_to, (SELECT max(event_id) FROM gone)) WHERE EXISTS (SELECT FROM gone)",
		2, (Oid[]){FLOAT8OID, INT4OID}, (Datum[]){Float8GetDatum(event_retention_s), Int32GetDatum(MAX_NUMBERED)}, NULL);
}

void
alert_event_task(void)
{
	static TimestampTz expired_at = 0;
	TimestampTz now = GetCurrentTimestamp();
	SqlScope	scope;
	int			guc_level = NewGUCNestLevel();

	/* As in the task of rules. */
	(void) set_config_option("lock_timeout", "2s", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	tell_of_kept_back();
	sql_begin(&scope);
	if (number_events() >= MAX_NUMBERED)
		worker_wake_at_commit();
	if (TimestampDifferenceExceeds(expired_at, now, 60 * 1000))
	{
		expire_events();
		expired_at = now;
	}
	sql_end(&scope);
	AtEOXact_GUC(true, guc_level);
}

/* For tests: a turn of the task. No SQL function of weir's leads here. */
Datum
weir_number_alert_events(PG_FUNCTION_ARGS)
{
	alert_event_task();
	PG_RETURN_VOID();
}
