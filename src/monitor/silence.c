/*
 * silence.c
 *		Silences: periods in which rules are silent, once or recurring.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/monitor.h"
#include "monitor/rule.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_create_silence);
PG_FUNCTION_INFO_V1(weir_drop_silence);

enum SilenceArgument
{
	MONITOR,
	RULE,
	SINCE,
	UNTIL,
	EVERY,
	REPEAT_UNTIL,
	TIME_ZONE,
	APPLIES_TO,
	REASON
};

/* The monitor of a rule; raises 42704. */
static char *
monitor_of_rule(const char *name)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *monitor = NULL;
	SqlScope	scope;

	sql_begin(&scope);
	if (sql_execute("SELECT m.name FROM weir.rule r JOIN weir.monitor m USING (monitor_id) WHERE r.name = $1", 1, (Oid[]){TEXTOID},
					(Datum[]){CStringGetTextDatum(name)}, NULL) > 0)
		monitor = MemoryContextStrdup(caller, sql_text(0, 1));
	sql_end(&scope);
	if (monitor == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("rule \"%s\" does not exist", name),
				 errhint("SELECT rule FROM weir.rules lists them.")));
	return monitor;
}

static void
check_period(TimestampTz since, TimestampTz until, const Interval *every, bool has_repeat_until)
{
	if (TIMESTAMP_NOT_FINITE(since) || TIMESTAMP_IS_NOBEGIN(until) || (TIMESTAMP_IS_NOEND(until) && every != NULL))
		rule_refuse("a silence begins at a finite time, and ends at one if it recurs", NULL);
	if (since >= until)
		rule_refuse("a silence must end after it begins", "since => '2026-03-01 02:00', until => '2026-03-01 04:00'");
	if (every == NULL)
	{
		if (has_repeat_until)
			rule_refuse("repeat_until is for a silence that recurs", "Say every => '7 days' as well.");
		return;
	}
	if (every->month != 0)
		rule_refuse("a silence recurs after days and times of day, not after months", "every => '7 days': each week.");
	if (every->day < 0 || every->time < 0 || every->day * (double) USECS_PER_DAY + every->time < until - since)
		rule_refuse("a silence must not recur before it is over", NULL);
}

Datum
weir_create_silence(PG_FUNCTION_ARGS)
{
	char	   *monitor = argument_text(fcinfo, MONITOR);
	char	   *rule = argument_text(fcinfo, RULE);
	char	   *zone = argument_text(fcinfo, TIME_ZONE);
	char	   *applies_to = argument_text(fcinfo, APPLIES_TO);
	TimestampTz since = PG_ARGISNULL(SINCE) ? GetCurrentTransactionStartTimestamp() : PG_GETARG_TIMESTAMPTZ(SINCE);
	Oid			user = GetUserId();
	Oid			types[] = {INT4OID,        TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INTERVALOID,
				   TIMESTAMPTZOID, TEXTOID, TEXTOID,        TEXTOID,        OIDOID};
	Datum		values[lengthof(types)];
	char		nulls[lengthof(types) + 1];
	int			monitor_id;
	SqlScope	scope;
	bool		is_null;
	int			silence_id;

	if ((monitor == NULL) == (rule == NULL))
		rule_refuse("a silence is of one monitor or of one rule", "Say monitor => or rule =>.");
	if (rule != NULL)
		monitor = monitor_of_rule(rule);
	monitor_id = monitor_require_owner(monitor);
	require_argument(fcinfo, UNTIL, "until");
	require_argument(fcinfo, APPLIES_TO, "applies_to");
	check_period(since, PG_GETARG_TIMESTAMPTZ(UNTIL), PG_ARGISNULL(EVERY) ? NULL : PG_GETARG_INTERVAL_P(EVERY),
				 !PG_ARGISNULL(REPEAT_UNTIL));
	if (strcmp(applies_to, "notifications") != 0 && strcmp(applies_to, "windows") != 0)
		rule_refuse(psprintf("a silence cannot apply to \"%s\"", applies_to), "It applies to notifications or to windows.");
	if (zone != NULL && pg_tzset(zone) == NULL)
		rule_refuse(psprintf("unknown time zone \"%s\"", zone), NULL);
	memset(nulls, ' ', sizeof(nulls));
	nulls[lengthof(types)] = '\0';
	for (int i = RULE; i <= REASON; i++)
	{
		values[i] = fcinfo->args[i].value;
		if (PG_ARGISNULL(i))
			nulls[i] = 'n';
	}
	values[MONITOR] = Int32GetDatum(monitor_id);
	values[SINCE] = TimestampTzGetDatum(since);
	nulls[SINCE] = ' ';
	values[REASON + 1] = ObjectIdGetDatum(user);
	sql_begin(&scope);
	sql_execute(
		"INSERT INTO weir.silence (monitor_id, rule_id, since, until, every, repeat_until, time_zone, applies_to, reason, created_by)"
		" SELECT $1, (SELECT rule_id FROM weir.rule WHERE name = $2), $3, $4, $5, $6, coalesce($7, m.time_zone, 'UTC'), $8, $9, $10::regrole"
		" FROM weir.monitor m WHERE m.monitor_id = $1 RETURNING silence_id",
		lengthof(types), types, values, nulls);
	silence_id = DatumGetInt32(sql_value(0, 1, &is_null));
	audit_write_row("create", "silence", psprintf("%d", silence_id), "silence", "silence_id", silence_id);
	sql_end(&scope);
	PG_RETURN_INT32(silence_id);
}

Datum
weir_drop_silence(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			type = INT4OID;
	Datum		value;
	char	   *monitor = NULL;
	SqlScope	scope;

	require_argument(fcinfo, 0, "silence_id");
	value = PG_GETARG_DATUM(0);
	sql_begin(&scope);
	if (sql_execute("SELECT m.name FROM weir.silence s JOIN weir.monitor m USING (monitor_id) WHERE s.silence_id = $1", 1, &type,
					&value, NULL) > 0)
		monitor = MemoryContextStrdup(caller, sql_text(0, 1));
	sql_end(&scope);
	if (monitor == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("silence %d does not exist", PG_GETARG_INT32(0)),
				 errhint("SELECT * FROM weir.silences lists them.")));
	(void) monitor_require_owner(monitor);
	sql_begin(&scope);
	audit_write_row("drop", "silence", psprintf("%d", DatumGetInt32(value)), "silence", "silence_id", DatumGetInt32(value));
	sql_execute("DELETE FROM weir.silence WHERE silence_id = $1", 1, &type, &value, NULL);
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_VOID();
}
