/*
 * rule.c
 *		Definitions of rules: create, drop, enable, load.
 */
#include "postgres.h"

#include <math.h>

#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/monitor.h"
#include "monitor/rule.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_create_rule);
PG_FUNCTION_INFO_V1(weir_drop_rule);
PG_FUNCTION_INFO_V1(weir_enable_rule);

#define MAX_ACTIONS 8

typedef struct RegisteredAction
{
	const char *name;
	RuleActionCheck check;
	RuleActionRun run;
} RegisteredAction;

static RegisteredAction actions[MAX_ACTIONS] = {{.name = "notify"}};
static int	n_actions = 1;

void
rule_register_action(const char *name, RuleActionCheck check, RuleActionRun run)
{
	if (n_actions == MAX_ACTIONS)
		elog(ERROR, "too many actions registered");
	actions[n_actions++] = (RegisteredAction){.name = name, .check = check, .run = run};
}

bool
rule_find_action(const char *name, RuleActionCheck *check, RuleActionRun *run)
{
	for (int i = 0; i < n_actions; i++)
		if (strcmp(actions[i].name, name) == 0)
		{
			*check = actions[i].check;
			*run = actions[i].run;
			return true;
		}
	return false;
}

void
rule_init(void)
{
	worker_register_task("rules", 1000, rule_task);
	worker_register_task("capture watch", 5000, capture_watch_task);
	alert_event_init();
}

/* ---- create ---- */

enum RuleArgument
{
	NAME,
	MONITOR,
	METRIC,
	ABOVE,
	BELOW,
	COLUMN_NAME,
	SEGMENT,
	WINDOWS,
	OUT_OF,
	MIN_N,
	SEVERITY,
	ACTION,
	TRAINER,
	COOLDOWN,
	OPTIONS,
	WARNING_ABOVE,
	WARNING_BELOW,
	CLEAR_BELOW,
	CLEAR_ABOVE,
	CLEAR_WINDOWS,
	LEARN,
	FALSE_DISCOVERY_RATE,
	SHARE
};

const char *
rule_level_name(RuleLevel level)
{
	return level == LEVEL_ALERT ? "alert" : level == LEVEL_WARNING ? "warning" : "ok";
}

RuleLevel
rule_level_of(const char *name)
{
	return strcmp(name, "alert") == 0 ? LEVEL_ALERT : strcmp(name, "warning") == 0 ? LEVEL_WARNING : LEVEL_NONE;
}

/* NaN when it is NULL. */
static double
bound_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		return NAN;
	if (!isfinite(PG_GETARG_FLOAT8(number)))
		rule_refuse("thresholds must be finite", NULL);
	return PG_GETARG_FLOAT8(number);
}

/* What is NaN is not compared. */
static void
check_bounds(FunctionCallInfo fcinfo)
{
	double		above = bound_argument(fcinfo, ABOVE, "above");
	double		below = bound_argument(fcinfo, BELOW, "below");
	double		warning_above = bound_argument(fcinfo, WARNING_ABOVE, "warning_above");
	double		warning_below = bound_argument(fcinfo, WARNING_BELOW, "warning_below");
	double		clear_below = bound_argument(fcinfo, CLEAR_BELOW, "clear_below");
	double		clear_above = bound_argument(fcinfo, CLEAR_ABOVE, "clear_above");
	double		first_above = isnan(warning_above) ? above : warning_above;
	double		first_below = isnan(warning_below) ? below : warning_below;

	if (!PG_ARGISNULL(LEARN))
	{
		if (!isnan(warning_above) || !isnan(warning_below) || !isnan(clear_below) || !isnan(clear_above))
			rule_refuse("a rule that learns its bounds learns those for warning and clearing, too",
						"Give warning_k and clear_k, or warning_quantile and clear_quantile, in learn.");
	}
	else if (isnan(above) && isnan(below))
		rule_refuse("a rule needs a threshold",
					"Say above => or below =>, or both, or learn => for bounds from the history of the score.");
	if (below >= above)
		rule_refuse("\"below\" must be less than \"above\"", "Values from below to above are in order, others are not.");
	if ((!isnan(warning_above) && !(warning_above < above)) || (!isnan(warning_below) && !(warning_below > below)) ||
		first_below >= first_above)
		rule_refuse("the bounds for warnings must lie within those for alerts",
					"above => 0.25, warning_above => 0.1: from 0.1 on it is a warning.");
	if ((!isnan(clear_below) && !(clear_below <= first_above)) || (!isnan(clear_above) && !(clear_above >= first_below)) ||
		clear_above > clear_below)
		rule_refuse("the bounds for clearing must lie within those for opening",
					"above => 0.25, clear_below => 0.2: what opened above 0.25 resolves below 0.2.");
}

static void
check_numbers(FunctionCallInfo fcinfo)
{
	static const RequiredArgument required[] =
		{{WINDOWS, "windows"},   {MIN_N, "min_n"},     {SEVERITY, "severity"},          {ACTION, "action"},
		 {COOLDOWN, "cooldown"}, {OPTIONS, "options"}, {CLEAR_WINDOWS, "clear_windows"}};

	rule_require_arguments(fcinfo, required, lengthof(required));
	rule_check_windows(PG_GETARG_INT32(WINDOWS), !PG_ARGISNULL(OUT_OF), PG_ARGISNULL(OUT_OF) ? 0 : PG_GETARG_INT32(OUT_OF),
					   PG_GETARG_INT32(CLEAR_WINDOWS));
	if (PG_GETARG_INT64(MIN_N) < 0)
		rule_refuse("min_n must not be negative", NULL);
	rule_check_cooldown(PG_GETARG_DATUM(COOLDOWN));
	if (!PG_ARGISNULL(SHARE))
	{
		if (!(PG_GETARG_FLOAT8(SHARE) > 0 && PG_GETARG_FLOAT8(SHARE) <= 1))
			rule_refuse("share must be above 0 and at most 1", "share => 0.3: out of bounds when three of ten columns are.");
		if (!PG_ARGISNULL(COLUMN_NAME))
			rule_refuse("a rule on a share of the columns takes no column_name", "Leave column_name out.");
	}
	if (!PG_ARGISNULL(FALSE_DISCOVERY_RATE) &&
		!(PG_GETARG_FLOAT8(FALSE_DISCOVERY_RATE) > 0 && PG_GETARG_FLOAT8(FALSE_DISCOVERY_RATE) < 1))
		rule_refuse("false_discovery_rate must be between 0 and 1",
					"false_discovery_rate => 0.05: at most one of twenty columns found is expected to be chance.");
}

/* Scores of drift have p-values, and those of fairness but for the rates of single groups. */
static void
check_false_discovery_rate(FunctionCallInfo fcinfo, const char *family, const char *metric, bool learns_stddev)
{
	bool		is_null;

	if (PG_ARGISNULL(FALSE_DISCOVERY_RATE) || learns_stddev || strcmp(family, "drift") == 0)
		return;
	sql_execute("SELECT $1 = ANY (weir._rate_metric_names())", 1, (Oid[]){TEXTOID}, (Datum[]){CStringGetTextDatum(metric)}, NULL);
	if (strcmp(family, "fairness") != 0 || DatumGetBool(sql_value(0, 1, &is_null)))
		rule_refuse(psprintf("metric %s of family %s has no p-values for a false discovery rate", metric, family),
					"learn => '{\"method\": \"stddev\"}' gives them some, from the history of each score.");
}

/* A string member of an object; NULL when it is not there. */
static char *
text_member(Jsonb *object, const char *name)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&object->root, name, strlen(name), NULL);

	return value != NULL && value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : NULL;
}

static bool
text_member_is(Jsonb *object, const char *name, const char *text)
{
	char	   *member = text_member(object, name);

	return member != NULL && strcmp(member, text) == 0;
}

Datum
rule_begin(SqlScope *scope, const char *name)
{
	bool		is_null;
	int			rule_id = DatumGetInt32(sql_value(0, 1, &is_null));

	rule_begin_state(rule_id);
	rule_notice_nothing(rule_id, name);
	audit_write_row("create", "rule", name, "rule", "rule_id", rule_id);
	sql_end(scope);
	worker_wake_at_commit();
	return DirectFunctionCall1(namein, CStringGetDatum(name));
}

void
rule_refuse_name_taken(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("rule \"%s\" already exists", name)));
}

Datum
weir_create_rule(PG_FUNCTION_ARGS)
{
	char	   *name = required_name(fcinfo, NAME, "name", "rule");
	char	   *monitor = required_text(fcinfo, MONITOR, "monitor");
	char	   *metric = required_text(fcinfo, METRIC, "metric");
	char	   *family;
	int			monitor_id = monitor_require_owner(monitor);
	Oid			user = GetUserId();
	Oid			types[] = {TEXTOID,   INT4OID, TEXTOID,  FLOAT8OID, FLOAT8OID,   NAMEOID,  TEXTOID,   INT4OID,   INT4OID,
				   INT8OID,   TEXTOID, TEXTOID,  TEXTOID,   INTERVALOID, JSONBOID, FLOAT8OID, FLOAT8OID, FLOAT8OID,
				   FLOAT8OID, INT4OID, JSONBOID, FLOAT8OID, FLOAT8OID,   OIDOID,   TEXTOID};
	char		nulls[lengthof(types) + 1];
	Datum		values[lengthof(types)];
	Jsonb	   *learn = NULL;
	SqlScope	scope;

	check_numbers(fcinfo);
	check_bounds(fcinfo);
	rule_check_options(PG_GETARG_JSONB_P(OPTIONS));
	rule_check_severity(argument_text(fcinfo, SEVERITY));
	rule_check_action(argument_text(fcinfo, ACTION), argument_text(fcinfo, TRAINER), user);
	family = text_member(PG_GETARG_JSONB_P(OPTIONS), "family");

	memset(nulls, ' ', sizeof(nulls));
	nulls[lengthof(types)] = '\0';
	for (int i = 0; i <= SHARE; i++)
	{
		values[i] = fcinfo->args[i].value;
		if (PG_ARGISNULL(i))
			nulls[i] = 'n';
	}
	values[MONITOR] = Int32GetDatum(monitor_id);
	values[SHARE + 1] = ObjectIdGetDatum(user);
	sql_begin(&scope);
	rule_find_metric(monitor_id, monitor, metric, family, &family, &metric);
	if (!PG_ARGISNULL(LEARN))
	{
		learn =
			rule_check_learn(PG_GETARG_JSONB_P(LEARN), strcmp(family, "drift") == 0, !PG_ARGISNULL(ABOVE), !PG_ARGISNULL(BELOW));
		values[LEARN] = JsonbPGetDatum(learn);
	}
	check_false_discovery_rate(fcinfo, family, metric, learn != NULL && text_member_is(learn, "method", "stddev"));
	values[METRIC] = CStringGetTextDatum(metric);
	values[SHARE + 2] = CStringGetTextDatum(family);
	if (!PG_ARGISNULL(COLUMN_NAME))
		rule_check_subject(monitor_id, monitor, family, metric, NameStr(*PG_GETARG_NAME(COLUMN_NAME)));
	rule_check_segment(monitor_id, monitor, family, argument_text(fcinfo, SEGMENT));
	if (sql_execute(
			"INSERT INTO weir.rule (name, monitor_id, metric, above, below, column_name, segment, windows, out_of, min_n, severity,"
			" action, trainer, cooldown, options, warning_above, warning_below, clear_below, clear_above, clear_windows, learn,"
			" false_discovery_rate, share, owner, family)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, $8), $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,"
			" $23, $24::regrole, $25) ON CONFLICT (name) DO NOTHING RETURNING rule_id",
			lengthof(types), types, values, nulls) == 0)
		rule_refuse_name_taken(name);
	PG_RETURN_DATUM(rule_begin(&scope, name));
}

/* ---- drop, enable ---- */

static Rule *
load_for_owner(const char *name)
{
	SqlScope	scope;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext old;
	Rule	   *rule;
	Rule	   *result = NULL;

	sql_begin(&scope);
	rule = rule_load(name, 0);
	if (rule != NULL)
	{
		old = MemoryContextSwitchTo(caller);
		result = palloc(sizeof(Rule));
		*result = (Rule){.rule_id = rule->rule_id, .monitor_id = rule->monitor_id, .monitor = pstrdup(rule->monitor)};
		MemoryContextSwitchTo(old);
	}
	sql_end(&scope);
	if (result == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("rule \"%s\" does not exist", name),
				 errhint("SELECT rule FROM weir.rules lists them.")));
	else
		(void) monitor_require_owner(result->monitor);
	return result;
}

Datum
weir_drop_rule(PG_FUNCTION_ARGS)
{
	Rule	   *rule = load_for_owner(required_text(fcinfo, 0, "rule"));
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(rule->rule_id);
	SqlScope	scope;
	SPITupleTable *table;
	uint64		n;

	sql_begin(&scope);
	if (sql_execute("SELECT name FROM weir.rule WHERE $1 = ANY (parts) ORDER BY name", 1, &type, &value, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST), errmsg("the rule is part of rule \"%s\"", sql_text(0, 1)),
				 errhint("Drop the composite rule first.")));
	n = sql_execute("SELECT alert_id FROM weir.alert WHERE rule_id = $1 AND resolved_at IS NULL ORDER BY alert_id", 1, &type,
					&value, NULL);
	table = SPI_tuptable;
	for (uint64 row = 0; row < n; row++)
	{
		bool		is_null;

		CHECK_FOR_INTERRUPTS();
		alert_resolve(DatumGetInt64(SPI_getbinval(table->vals[row], table->tupdesc, 1, &is_null)), InvalidOid, NULL,
					  "its rule was dropped");
	}
	audit_write_row("drop", "rule", required_text(fcinfo, 0, "rule"), "rule", "rule_id", rule->rule_id);
	sql_execute("DELETE FROM weir.rule WHERE rule_id = $1", 1, &type, &value, NULL);
	sql_end(&scope);
	PG_RETURN_VOID();
}

Datum
weir_enable_rule(PG_FUNCTION_ARGS)
{
	Rule	   *rule = load_for_owner(required_text(fcinfo, 0, "rule"));
	Oid			user = GetUserId();
	bool		enabled;
	SqlScope	scope;

	require_argument(fcinfo, 1, "enabled");
	enabled = PG_GETARG_BOOL(1);
	sql_begin(&scope);
	rule_begin_state(rule->rule_id);
	sql_execute(
		"UPDATE weir.rule_state SET disabled_reason = CASE WHEN NOT $2 THEN format('disabled by %s', $3::regrole) END WHERE rule_id = $1",
		3, (Oid[]){INT4OID, BOOLOID, OIDOID},
		(Datum[]){Int32GetDatum(rule->rule_id), BoolGetDatum(enabled), ObjectIdGetDatum(user)}, NULL);
	audit_write(enabled ? "enable" : "disable", "rule", required_text(fcinfo, 0, "rule"));
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_VOID();
}

/* ---- load ---- */

Rule *
rule_load(const char *name, int rule_id)
{
	Rule	   *rule;
	bool		is_null;

	if (sql_execute(
			"SELECT r.rule_id, r.name, r.owner::oid, r.monitor_id, m.name, m.source::oid, coalesce(m.time_zone, 'UTC'), r.family, r.metric,"
			" r.column_name, r.segment, r.windows, r.out_of, r.severity, r.action, r.trainer, r.cooldown,"
			" coalesce((r.options ->> 'auto_resolve')::boolean, true), coalesce((r.options ->> 'silent')::boolean, false), m.time_column,"
			" m.filter IS NOT NULL, r.parts IS NOT NULL, r.share IS NOT NULL, r.learn IS NOT NULL"
			" FROM weir.rule r JOIN weir.monitor m USING (monitor_id) WHERE r.name = $1 OR r.rule_id = $2",
			2, (Oid[]){TEXTOID, INT4OID}, (Datum[]){name ? CStringGetTextDatum(name) : (Datum) 0, Int32GetDatum(rule_id)},
			name ? NULL : "n ") == 0)
		return NULL;
	rule = palloc0(sizeof(Rule));
	rule->rule_id = DatumGetInt32(sql_value(0, 1, &is_null));
	rule->name = sql_text(0, 2);
	rule->owner = DatumGetObjectId(sql_value(0, 3, &is_null));
	rule->monitor_id = DatumGetInt32(sql_value(0, 4, &is_null));
	rule->monitor = sql_text(0, 5);
	rule->source = DatumGetObjectId(sql_value(0, 6, &is_null));
	rule->time_zone = sql_text(0, 7);
	rule->family = sql_text(0, 8);
	rule->metric = sql_text(0, 9);
	rule->column_name = sql_text(0, 10);
	rule->segment = sql_text(0, 11);
	rule->windows = DatumGetInt32(sql_value(0, 12, &is_null));
	rule->out_of = DatumGetInt32(sql_value(0, 13, &is_null));
	rule->severity = rule_level_of(sql_text(0, 14));
	rule->action = sql_text(0, 15);
	rule->trainer = sql_text(0, 16);
	rule->cooldown = palloc(sizeof(Interval));
	*rule->cooldown = *DatumGetIntervalP(sql_value(0, 17, &is_null));
	rule->auto_resolve = DatumGetBool(sql_value(0, 18, &is_null));
	rule->is_silent = DatumGetBool(sql_value(0, 19, &is_null));
	rule->time_column = sql_text(0, 20);
	rule->has_filter = DatumGetBool(sql_value(0, 21, &is_null));
	rule->is_composite = DatumGetBool(sql_value(0, 22, &is_null));
	rule->is_share = DatumGetBool(sql_value(0, 23, &is_null));
	rule->is_learnt = DatumGetBool(sql_value(0, 24, &is_null));
	return rule;
}
