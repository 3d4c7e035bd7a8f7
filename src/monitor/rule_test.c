/*
 * rule_test.c
 *		weir.test_rule: what a rule would have found, by the replay that the scheduler does.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/sql.h"
#include "fmgr.h"
#include "funcapi.h"
#include "monitor/rule.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_test_rule);

static void
test_window(const Rule *rule, const RuleWindow *window, RuleEvent event, void *argument)
{
	ReturnSetInfo *result = argument;
	static const char *const names[] = {NULL, "opened", "escalated", "resolved"};
	Datum		values[9];
	bool		nulls[9] = {false};

	values[0] = TimestampTzGetDatum(window->start);
	values[1] = window->subject ? CStringGetTextDatum(window->subject) : (Datum) 0;
	nulls[1] = window->subject == NULL;
	values[2] = window->segment ? CStringGetTextDatum(window->segment) : (Datum) 0;
	nulls[2] = window->segment == NULL;
	values[3] = Float8GetDatum(window->value);
	nulls[3] = !window->has_value;
	values[4] = CStringGetTextDatum(window->state);
	values[5] = Int64GetDatum(window->n);
	values[6] = BoolGetDatum(event == EVENT_OPENED || event == EVENT_ESCALATED);
	values[7] = Float8GetDatum(window->threshold);
	nulls[7] = !window->has_threshold;
	values[8] = names[event] ? CStringGetTextDatum(names[event]) : (Datum) 0;
	nulls[8] = names[event] == NULL;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
weir_test_rule(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "rule");
	TimestampTz since = PG_ARGISNULL(1) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(1);
	TimestampTz until = PG_ARGISNULL(2) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(2);
	RuleSink	sink = {.window = test_window, .argument = fcinfo->resultinfo};
	SqlScope	scope;
	Rule	   *rule;
	Rule		shown = {0};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext inside;

	InitMaterializedSRF(fcinfo, 0);
	sql_begin(&scope);
	rule = rule_load(name, 0);
	if (rule != NULL)
	{
		inside = MemoryContextSwitchTo(caller);
		shown.source = rule->source;
		shown.time_column = pstrdup(rule->time_column);
		shown.has_filter = rule->has_filter;
		shown.family = pstrdup(rule->family);
		shown.column_name = rule->column_name ? pstrdup(rule->column_name) : NULL;
		shown.segment = rule->segment ? pstrdup(rule->segment) : NULL;
		MemoryContextSwitchTo(inside);
	}
	sql_end(&scope);
	if (rule == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("rule \"%s\" does not exist", name)));
	/* Checked as the caller, outside of the scope. */
	if (!rule_may_see_scores(shown.source, shown.time_column, shown.has_filter, shown.family, shown.column_name, shown.segment))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for the source of rule \"%s\"", name),
				 errhint("Its scores are for those who may read the monitored table.")));

	sql_begin(&scope);
	rule = rule_load(name, 0);
	if (rule != NULL)
		(void) rule_replay(rule, since, until, NIL, &sink);
	sql_end(&scope);
	return (Datum) 0;
}
