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
#include "drift/drift.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
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
#define MAX_OUT_OF 1000

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
}

/* ---- renamed columns ---- */

/* A subject is a column, or "column: group". Two columns may change names with each other: so in two steps. */
static void
rename_subjects(const char *table, Datum monitor_id, Datum renames)
{
	Oid			types[] = {INT4OID, JSONBOID};
	Datum		values[] = {monitor_id, renames};

	sql_execute(
		psprintf(
			"UPDATE weir.%s t SET subject = E'\\t' || ($2 ->> n.name) || pg_catalog.substr(t.subject, pg_catalog.length(n.name) + 1) "
			"FROM weir.rule r, pg_catalog.jsonb_object_keys($2) n(name) WHERE r.rule_id = t.rule_id AND r.monitor_id = $1 "
			"AND (t.subject = n.name OR pg_catalog.starts_with(t.subject, n.name || ': '))",
			table),
		2, types, values, NULL);
	sql_execute(psprintf("UPDATE weir.%s t SET subject = pg_catalog.substr(t.subject, 2) FROM weir.rule r "
						 "WHERE r.rule_id = t.rule_id AND r.monitor_id = $1 AND pg_catalog.starts_with(t.subject, E'\\t')",
						 table),
				1, types, values, NULL);
}

void
rule_follow_renames(void)
{
	uint64		n = sql_execute("WITH taken AS (DELETE FROM weir.column_rename RETURNING *) "
						   "SELECT monitor_id, renames FROM taken ORDER BY rename_id",
						   0, NULL, NULL, NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		Oid			types[] = {INT4OID, JSONBOID};
		bool		is_null;
		Datum		values[] = {SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_null),
						  SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &is_null)};

		sql_execute("UPDATE weir.rule SET column_name = $2 ->> column_name::text WHERE monitor_id = $1 AND $2 ? column_name::text",
					2, types, values, NULL);
		rename_subjects("rule_subject", values[0], values[1]);
		rename_subjects("alert", values[0], values[1]);
	}
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
	OPTIONS
};

static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), hint ? errhint("%s", hint) : 0));
}

static void
check_thresholds(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(ABOVE) && PG_ARGISNULL(BELOW))
		refuse("a rule needs a threshold", "Say above => or below =>, or both.");
	if ((!PG_ARGISNULL(ABOVE) && !isfinite(PG_GETARG_FLOAT8(ABOVE))) ||
		(!PG_ARGISNULL(BELOW) && !isfinite(PG_GETARG_FLOAT8(BELOW))))
		refuse("thresholds must be finite", NULL);
	if (!PG_ARGISNULL(ABOVE) && !PG_ARGISNULL(BELOW) && PG_GETARG_FLOAT8(BELOW) >= PG_GETARG_FLOAT8(ABOVE))
		refuse("\"below\" must be less than \"above\"", "Values from below to above are in order, others are not.");
}

static void
check_numbers(FunctionCallInfo fcinfo)
{
	static const struct
	{
		int			number;
		const char *name;
	} required[] = {{WINDOWS, "windows"}, {MIN_N, "min_n"},       {SEVERITY, "severity"},
					{ACTION, "action"},   {COOLDOWN, "cooldown"}, {OPTIONS, "options"}};
	Interval	zero = {0};

	for (size_t i = 0; i < lengthof(required); i++)
		require_argument(fcinfo, required[i].number, required[i].name);
	if (PG_GETARG_INT32(WINDOWS) < 1 ||
		(!PG_ARGISNULL(OUT_OF) && (PG_GETARG_INT32(OUT_OF) < PG_GETARG_INT32(WINDOWS) || PG_GETARG_INT32(OUT_OF) > MAX_OUT_OF)) ||
		PG_GETARG_INT32(WINDOWS) > MAX_OUT_OF)
		refuse(psprintf("windows and out_of must satisfy 1 <= windows <= out_of <= %d", MAX_OUT_OF),
			   "windows => 2, out_of => 3: two of the last three windows.");
	if (PG_GETARG_INT64(MIN_N) < 0)
		refuse("min_n must not be negative", NULL);
	if (DatumGetBool(DirectFunctionCall2(interval_lt, PG_GETARG_DATUM(COOLDOWN), IntervalPGetDatum(&zero))))
		refuse("cooldown must not be negative", NULL);
}

/* A family that has no such metric would never match. */
static void
check_family(const char *family, bool is_drift)
{
	if (strcmp(family, "drift") != 0 && strcmp(family, "fairness") != 0 && strcmp(family, "detector") != 0 &&
		strcmp(family, "capture") != 0 && strcmp(family, "performance") != 0)
		refuse(psprintf("there is no family of scores \"%s\"", family),
			   "The families are drift, fairness, performance, detector and capture.");
	if (is_drift != (strcmp(family, "drift") == 0))
		refuse(psprintf("the metric of the rule is not of family \"%s\"", family), "Leave option family out.");
}

/* Only options that mean something, with values of the right kind. */
static void
check_options(Jsonb *options, bool is_drift)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(options))
		refuse("options must be a JSON object", NULL);
	iterator = JsonbIteratorInit(&options->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char	   *key;
		bool		valid;

		if (token != WJB_KEY)
			continue;
		key = pnstrdup(value.val.string.val, value.val.string.len);
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (strcmp(key, "family") == 0)
		{
			valid = value.type == jbvString;
			if (valid)
				check_family(pnstrdup(value.val.string.val, value.val.string.len), is_drift);
		}
		else if (strcmp(key, "auto_resolve") == 0 || strcmp(key, "history") == 0)
			valid = value.type == jbvBool;
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown option \"%s\" of a rule", key),
					 errhint("Options are auto_resolve, family and history.")));
		if (!valid)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"%s\" of a rule has a value of the wrong type", key),
					 errhint("auto_resolve and history are booleans, family is a string.")));
	}
}

static void
check_action(const char *action, const char *trainer, Oid user)
{
	RuleActionCheck check;
	RuleActionRun run;
	SqlScope	scope;

	if (!rule_find_action(action, &check, &run))
		refuse(psprintf("unknown action \"%s\"", action), "The action is notify or retrain.");
	if (run == NULL && trainer != NULL)
		refuse(psprintf("action \"%s\" takes no trainer", action), "Say action => 'retrain' as well.");
	if (run != NULL && trainer == NULL)
		refuse(psprintf("action \"%s\" needs a trainer", action), "Say trainer => ; weir.create_trainer() makes one.");
	if (check != NULL)
	{
		sql_begin(&scope);
		check(trainer, user);
		sql_end(&scope);
	}
}

Datum
rule_rate_metrics(void)
{
	Datum		names[] = {CStringGetTextDatum("selection_rate"), CStringGetTextDatum("true_positive_rate"),
					 CStringGetTextDatum("false_positive_rate")};

	return PointerGetDatum(construct_array(names, lengthof(names), TEXTOID, -1, false, TYPALIGN_INT));
}

/* The name under which weir.scores has the metric; raises 22023 when the monitor does not have it. Inside an SQL scope. */
static char *
find_metric(int monitor_id, const char *monitor, const char *metric)
{
	char	   *name;
	bool		is_null;

	if (sql_execute("SELECT FROM weir._monitor_detectors($1) d WHERE d.name = $2", 2, (Oid[]){INT4OID, TEXTOID},
					(Datum[]){Int32GetDatum(monitor_id), CStringGetTextDatum(metric)}, NULL) > 0)
		return pstrdup(metric);
	if (sql_execute("SELECT WHERE $1 = ANY (weir._capture_metric_names())", 1, (Oid[]){TEXTOID},
					(Datum[]){CStringGetTextDatum(metric)}, NULL) > 0)
		return pstrdup(metric);
	sql_execute(
		"SELECT n.name, CASE WHEN n.is_drift THEN s.drift_metrics IS NULL OR EXISTS (SELECT FROM unnest(s.drift_metrics) u"
		" WHERE weir.drift_metric_name(u) = n.name)"
		" ELSE (n.is_fairness AND cardinality(m.protected) > 0 AND (s.fairness_metrics IS NULL OR n.name = ANY (s.fairness_metrics || s.rate_metrics)))"
		" OR EXISTS (SELECT FROM weir._performance_settings(m.monitor_id) p WHERE weir.performance_metric_name(n.name) = n.name"
		" AND p.ordinals IS NOT NULL AND (p.metrics IS NULL OR n.name = ANY (p.metrics))) END,"
		" array_to_string(weir.drift_metric_names() || weir.fairness_metric_names() || $3 || weir.performance_metric_names() || weir._capture_metric_names(), ', ')"
		" FROM weir.monitor m CROSS JOIN LATERAL weir._settings(m.monitor_id) s CROSS JOIN LATERAL (SELECT coalesce(weir.drift_metric_name($2),"
		" CASE WHEN $2 = ANY (weir.fairness_metric_names() || $3) THEN $2 END, weir.performance_metric_name($2)),"
		" weir.drift_metric_name($2) IS NOT NULL, $2 = ANY (weir.fairness_metric_names() || $3)) n (name, is_drift, is_fairness)"
		" WHERE m.monitor_id = $1",
		3, (Oid[]){INT4OID, TEXTOID, TEXTARRAYOID},
		(Datum[]){Int32GetDatum(monitor_id), CStringGetTextDatum(metric), rule_rate_metrics()}, NULL);
	name = sql_text(0, 1);
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown metric \"%s\"", metric),
				 errhint("Metrics are %s, and the names of the monitor's detectors (option detectors).", sql_text(0, 3))));
	if (!DatumGetBool(sql_value(0, 2, &is_null)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("monitor \"%s\" does not compute metric \"%s\"", monitor, name),
				 errdetail("It has no protected columns, no label beside its prediction, or other metrics were chosen for it.")));
	return name;
}

/* The subject of the rule must be one that the monitor has; inside an SQL scope. */
static void
check_subject(int monitor_id, const char *monitor, const char *column)
{
	if (sql_execute("SELECT FROM weir.monitor m WHERE monitor_id = $1 AND (EXISTS (SELECT FROM weir.monitor_column c"
					" WHERE c.monitor_id = m.monitor_id AND c.column_name = $2) OR EXISTS (SELECT FROM unnest(m.protected) p"
					" WHERE p = $2 OR starts_with($2::text, p || ': ')) OR $2 IN (m.prediction, m.score, m.label)"
					" OR $2::text = m.score || ': estimated')",
					2, (Oid[]){INT4OID, NAMEOID},
					(Datum[]){Int32GetDatum(monitor_id), DirectFunctionCall1(namein, CStringGetDatum(column))}, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("monitor \"%s\" has no column \"%s\"", monitor, column),
				 errhint("Leave column_name out for a rule on any column.")));
	/* A name ends where its bytes do, unseen; what is that long and no column's name is a group that may have been cut. */
	if (strlen(column) + pg_database_encoding_max_length() >= NAMEDATALEN &&
		sql_execute("SELECT FROM weir.monitor m WHERE monitor_id = $1 AND (EXISTS (SELECT FROM weir.monitor_column c"
					" WHERE c.monitor_id = m.monitor_id AND c.column_name = $2) OR $2 = ANY (m.protected)"
					" OR $2 IN (m.prediction, m.score, m.label))",
					2, (Oid[]){INT4OID, NAMEOID},
					(Datum[]){Int32GetDatum(monitor_id), DirectFunctionCall1(namein, CStringGetDatum(column))}, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG), errmsg("column_name \"%s\" is too long", column),
				 errdetail("A column and its group together have less than %d bytes here.",
						   NAMEDATALEN - pg_database_encoding_max_length()),
				 errhint("Name the column alone: the rule then watches each of its groups.")));
}

Datum
weir_create_rule(PG_FUNCTION_ARGS)
{
	char	   *name = required_name(fcinfo, NAME, "name", "rule");
	char	   *monitor = required_text(fcinfo, MONITOR, "monitor");
	char	   *metric = required_text(fcinfo, METRIC, "metric");
	char	   *trainer = argument_text(fcinfo, TRAINER);
	int			monitor_id = monitor_require_owner(monitor);
	char	   *severity;
	char	   *action;
	Oid			user = GetUserId();
	char		nulls[] = "                ";
	Datum		values[16];
	SqlScope	scope;
	int			rule_id;
	bool		is_null;

	check_numbers(fcinfo);
	check_thresholds(fcinfo);
	check_options(PG_GETARG_JSONB_P(OPTIONS), drift_metric_find(metric) >= 0);
	severity = argument_text(fcinfo, SEVERITY);
	if (strcmp(severity, "alert") != 0 && strcmp(severity, "warning") != 0)
		refuse(psprintf("unknown severity \"%s\"", severity), "The severity is warning or alert.");
	action = argument_text(fcinfo, ACTION);
	check_action(action, trainer, user);

	for (int i = 0; i < lengthof(values); i++)
	{
		if (i == MONITOR)
			values[i] = Int32GetDatum(monitor_id);
		else if (i > OPTIONS)
			values[i] = ObjectIdGetDatum(user);
		else if (PG_ARGISNULL(i))
			nulls[i] = 'n';
		else
			values[i] = PG_GETARG_DATUM(i);
	}
	sql_begin(&scope);
	values[METRIC] = CStringGetTextDatum(find_metric(monitor_id, monitor, metric));
	if (!PG_ARGISNULL(COLUMN_NAME))
		check_subject(monitor_id, monitor, NameStr(*PG_GETARG_NAME(COLUMN_NAME)));
	if (sql_execute(
			"INSERT INTO weir.rule (name, monitor_id, metric, above, below, column_name, segment, windows, out_of, min_n, severity,"
			" action, trainer, cooldown, options, owner)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, $8), $10, $11, $12, $13, $14, $15, $16::regrole)"
			" ON CONFLICT (name) DO NOTHING RETURNING rule_id",
			16,
			(Oid[]){TEXTOID, INT4OID, TEXTOID, FLOAT8OID, FLOAT8OID, NAMEOID, TEXTOID, INT4OID, INT4OID, INT8OID, TEXTOID, TEXTOID,
					TEXTOID, INTERVALOID, JSONBOID, OIDOID},
			values, nulls) == 0)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("rule \"%s\" already exists", name)));
	rule_id = DatumGetInt32(sql_value(0, 1, &is_null));
	rule_begin_state(rule_id);
	audit_write_row("create", "rule", name, "rule", "rule_id", rule_id);
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_DATUM(DirectFunctionCall1(namein, CStringGetDatum(name)));
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
	audit_write(enabled ? "enable" : "disable", "rule", required_text(fcinfo, 0, "rule"), NULL);
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
			"SELECT r.rule_id, r.name, r.owner::oid, r.monitor_id, m.name, m.source::oid, coalesce(m.time_zone, 'UTC'), r.metric, r.above,"
			" r.below, r.column_name, r.segment, r.windows, r.out_of, r.min_n, r.severity, r.action, r.trainer, r.cooldown,"
			" coalesce((r.options ->> 'auto_resolve')::boolean, true), r.options ->> 'family', m.time_column, m.filter IS NOT NULL"
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
	rule->metric = sql_text(0, 8);
	rule->above = DatumGetFloat8(sql_value(0, 9, &is_null));
	rule->has_above = !is_null;
	rule->below = DatumGetFloat8(sql_value(0, 10, &is_null));
	rule->has_below = !is_null;
	rule->column_name = sql_text(0, 11);
	rule->segment = sql_text(0, 12);
	rule->windows = DatumGetInt32(sql_value(0, 13, &is_null));
	rule->out_of = DatumGetInt32(sql_value(0, 14, &is_null));
	rule->min_n = DatumGetInt64(sql_value(0, 15, &is_null));
	rule->severity = sql_text(0, 16);
	rule->action = sql_text(0, 17);
	rule->trainer = sql_text(0, 18);
	rule->cooldown = palloc(sizeof(Interval));
	*rule->cooldown = *DatumGetIntervalP(sql_value(0, 19, &is_null));
	rule->auto_resolve = DatumGetBool(sql_value(0, 20, &is_null));
	rule->family = sql_text(0, 21);
	rule->time_column = sql_text(0, 22);
	rule->has_filter = DatumGetBool(sql_value(0, 23, &is_null));
	return rule;
}
