/*
 * rule_composite.c
 *		create_composite_rule: a rule over other rules of one monitor.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/monitor.h"
#include "monitor/rule.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(weir_create_composite_rule);

enum CompositeArgument
{
	COMPOSITE_NAME,
	COMPOSITE_PARTS,
	COMPOSITE_AT_LEAST,
	COMPOSITE_WINDOWS,
	COMPOSITE_OUT_OF,
	COMPOSITE_SEVERITY,
	COMPOSITE_ACTION,
	COMPOSITE_TRAINER,
	COMPOSITE_COOLDOWN,
	COMPOSITE_CLEAR_WINDOWS,
	COMPOSITE_OPTIONS
};

/* Reads the parts: their monitor must be one, and they fit together. Inside an SQL scope; the numbers of the rules are int[]. */
static Datum
read_parts(Datum names, int *n_parts, char **monitor)
{
	Datum		numbers;
	bool		is_null;
	Oid			type = TEXTARRAYOID;

	sql_execute(
		"SELECT count(*)::int, count(r.rule_id)::int, count(DISTINCT r.monitor_id)::int, bool_or(r.parts IS NOT NULL), bool_or(r.family = 'capture'),"
		" min(u.name) FILTER (WHERE r.rule_id IS NULL), min(m.name), array_agg(r.rule_id ORDER BY u.ordinality), count(DISTINCT r.rule_id)::int,"
		" bool_or(u.name IS NULL)"
		" FROM unnest($1) WITH ORDINALITY u (name, ordinality) LEFT JOIN weir.rule r ON r.name = u.name LEFT JOIN weir.monitor m USING (monitor_id)",
		1, &type, &names, NULL);
	*n_parts = DatumGetInt32(sql_value(0, 1, &is_null));
	if (*n_parts == 0 || DatumGetBool(sql_value(0, 10, &is_null)))
		rule_refuse("a composite rule needs parts", "parts => '{name of a rule, name of another}'");
	if (DatumGetInt32(sql_value(0, 2, &is_null)) < *n_parts)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("rule \"%s\" does not exist", sql_text(0, 6)),
				 errhint("SELECT rule FROM weir.rules lists them.")));
	if (DatumGetInt32(sql_value(0, 9, &is_null)) < *n_parts)
		rule_refuse("a part of a composite rule is named twice", NULL);
	if (DatumGetInt32(sql_value(0, 3, &is_null)) > 1)
		rule_refuse("the parts of a composite rule must be of one monitor", NULL);
	if (DatumGetBool(sql_value(0, 4, &is_null)))
		rule_refuse("a part of a composite rule cannot be composite itself", NULL);
	if (DatumGetBool(sql_value(0, 5, &is_null)))
		rule_refuse("a part of a composite rule cannot be a rule on a metric of capture",
					"Those are watched minute by minute of the wall clock.");
	*monitor = sql_text(0, 7);
	numbers = sql_value(0, 8, &is_null);
	return numbers;
}

Datum
weir_create_composite_rule(PG_FUNCTION_ARGS)
{
	static const RequiredArgument required[] = {{COMPOSITE_PARTS, "parts"},
												{COMPOSITE_WINDOWS, "windows"},
												{COMPOSITE_SEVERITY, "severity"},
												{COMPOSITE_ACTION, "action"},
												{COMPOSITE_COOLDOWN, "cooldown"},
												{COMPOSITE_OPTIONS, "options"},
												{COMPOSITE_CLEAR_WINDOWS, "clear_windows"}};
	char	   *name = required_name(fcinfo, COMPOSITE_NAME, "name", "rule");
	MemoryContext caller = CurrentMemoryContext;
	char	   *monitor;
	int			n_parts;
	int			at_least;
	int			monitor_id;
	Oid			user = GetUserId();
	Oid			types[] = {TEXTOID, INT4OID,     FLOAT8OID, INT4OID,  INT4OID,      TEXTOID, TEXTOID,
				   TEXTOID, INTERVALOID, INT4OID,   JSONBOID, INT4ARRAYOID, OIDOID};
	Datum		values[lengthof(types)];
	char		nulls[lengthof(types) + 1];
	Datum		parts;
	SqlScope	scope;

	rule_require_arguments(fcinfo, required, lengthof(required));
	rule_check_windows(PG_GETARG_INT32(COMPOSITE_WINDOWS), !PG_ARGISNULL(COMPOSITE_OUT_OF),
					   PG_ARGISNULL(COMPOSITE_OUT_OF) ? 0 : PG_GETARG_INT32(COMPOSITE_OUT_OF),
					   PG_GETARG_INT32(COMPOSITE_CLEAR_WINDOWS));
	rule_check_cooldown(PG_GETARG_DATUM(COMPOSITE_COOLDOWN));
	rule_check_severity(argument_text(fcinfo, COMPOSITE_SEVERITY));
	rule_check_options(PG_GETARG_JSONB_P(COMPOSITE_OPTIONS));
	rule_check_action(argument_text(fcinfo, COMPOSITE_ACTION), argument_text(fcinfo, COMPOSITE_TRAINER), user);
	sql_begin(&scope);
	(void) read_parts(PG_GETARG_DATUM(COMPOSITE_PARTS), &n_parts, &monitor);
	monitor = MemoryContextStrdup(caller, monitor);
	sql_end(&scope);
	monitor_id = monitor_require_owner(monitor);
	at_least = PG_ARGISNULL(COMPOSITE_AT_LEAST) ? n_parts : PG_GETARG_INT32(COMPOSITE_AT_LEAST);
	if (at_least < 1 || at_least > n_parts)
		rule_refuse(psprintf("at_least must be from 1 to %d, the number of the parts", n_parts), NULL);

	sql_begin(&scope);
	parts = read_parts(PG_GETARG_DATUM(COMPOSITE_PARTS), &n_parts, &monitor);
	memset(nulls, ' ', sizeof(nulls));
	nulls[lengthof(types)] = '\0';
	for (int i = 0; i <= COMPOSITE_OPTIONS; i++)
	{
		values[i] = fcinfo->args[i].value;
		if (PG_ARGISNULL(i))
			nulls[i] = 'n';
	}
	values[COMPOSITE_PARTS] = Int32GetDatum(monitor_id);
	values[COMPOSITE_AT_LEAST] = Float8GetDatum(at_least - 1);
	nulls[COMPOSITE_AT_LEAST] = ' ';
	values[COMPOSITE_OPTIONS + 1] = parts;
	values[COMPOSITE_OPTIONS + 2] = ObjectIdGetDatum(user);
	if (sql_execute(
			"INSERT INTO weir.rule (name, monitor_id, family, metric, above, windows, out_of, min_n, severity, action, trainer, cooldown,"
			" clear_windows, options, parts, owner)"
			" VALUES ($1, $2, 'rule', 'parts_holding', $3, $4, coalesce($5, $4), 0, $6, $7, $8, $9, $10, $11, $12, $13::regrole)"
			" ON CONFLICT (name) DO NOTHING RETURNING rule_id",
			lengthof(types), types, values, nulls) == 0)
		rule_refuse_name_taken(name);
	PG_RETURN_DATUM(rule_begin(&scope, name));
}
