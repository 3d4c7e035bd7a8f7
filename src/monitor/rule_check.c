/*
 * rule_check.c
 *		Arguments of rules: options, actions, metrics and subjects that make sense for a monitor.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "monitor/rule.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#define MAX_OUT_OF 1000

void
rule_refuse(const char *message, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}

void
rule_check_windows(int32 windows, bool has_out_of, int32 out_of, int32 clear_windows)
{
	if (windows < 1 || windows > MAX_OUT_OF || (has_out_of && (out_of < windows || out_of > MAX_OUT_OF)))
		rule_refuse(psprintf("windows and out_of must satisfy 1 <= windows <= out_of <= %d", MAX_OUT_OF),
					"windows => 2, out_of => 3: two of the last three windows.");
	if (clear_windows < 1 || clear_windows > MAX_OUT_OF)
		rule_refuse(psprintf("clear_windows must be from 1 to %d", MAX_OUT_OF), NULL);
}

void
rule_check_cooldown(Datum cooldown)
{
	Interval	zero = {0};

	if (DatumGetBool(DirectFunctionCall2(interval_lt, cooldown, IntervalPGetDatum(&zero))))
		rule_refuse("cooldown must not be negative", NULL);
}

void
rule_check_severity(const char *severity)
{
	if (rule_level_of(severity) == LEVEL_NONE)
		rule_refuse(psprintf("unknown severity \"%s\"", severity), "The severity is warning or alert.");
}

void
rule_require_arguments(FunctionCallInfo fcinfo, const RequiredArgument *required, size_t n)
{
	for (size_t i = 0; i < n; i++)
		require_argument(fcinfo, required[i].number, required[i].name);
}

/* Only options that mean something, with values of the right kind. */
void
rule_check_options(Jsonb *options)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(options))
		rule_refuse("options must be a JSON object", NULL);
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
			valid = value.type == jbvString;
		else if (strcmp(key, "auto_resolve") == 0 || strcmp(key, "history") == 0 || strcmp(key, "silent") == 0)
			valid = value.type == jbvBool;
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown option \"%s\" of a rule", key),
					 errhint("Options are auto_resolve, family, history and silent.")));
		if (!valid)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"%s\" of a rule has a value of the wrong type", key),
					 errhint("auto_resolve, history and silent are booleans, family is a string.")));
	}
}

void
rule_check_action(const char *action, const char *trainer, Oid user)
{
	RuleActionCheck check;
	RuleActionRun run;
	SqlScope	scope;

	if (!rule_find_action(action, &check, &run))
		rule_refuse(psprintf("unknown action \"%s\"", action), "The action is notify, retrain or roll_back.");
	if (run == NULL && trainer != NULL)
		rule_refuse(psprintf("action \"%s\" takes no trainer", action), "Say action => 'retrain' as well.");
	if (run != NULL && trainer == NULL)
		rule_refuse(psprintf("action \"%s\" needs a trainer", action), "Say trainer => ; weir.create_trainer() makes one.");
	if (check != NULL)
	{
		sql_begin(&scope);
		check(trainer, user);
		sql_end(&scope);
	}
}

/* Where a family is not known beforehand, what it computes of the latest panes tells. */
static bool
find_computed(int monitor_id, const char *metric, const char *family)
{
	return sql_execute(
			   "SELECT s.family, s.metric, true FROM weir._all_scores($1, NULL, NULL, (SELECT max(pane_start) - m.window_size FROM weir.pane p"
			   " JOIN weir.monitor m USING (monitor_id) WHERE p.monitor_id = $1 AND generation = 0 GROUP BY m.window_size), NULL, false, true, NULL, NULL,"
			   " ARRAY[$2]) s WHERE s.metric = $2 AND ($3 IS NULL OR s.family = $3) LIMIT 1",
			   3, (Oid[]){INT4OID, TEXTOID, TEXTOID},
			   (Datum[]){Int32GetDatum(monitor_id), CStringGetTextDatum(metric), family ? CStringGetTextDatum(family) : (Datum) 0},
			   family ? NULL : "  n") > 0;
}

static void
refuse_family(const char *family, const char *metric)
{
	static const char *const families[] = {"drift",      "fairness", "performance", "quality",    "source",
										   "statistics", "detector", "capture",     "attribution"};

	for (size_t i = 0; i < lengthof(families); i++)
		if (strcmp(families[i], family) == 0)
			rule_refuse(psprintf("there is no metric \"%s\" in family \"%s\"", metric, family), "Leave option family out.");
	rule_refuse(psprintf("there is no family of scores \"%s\"", family),
				"The families are drift, fairness, performance, quality, source, attribution, statistics, detector and capture.");
}

void
rule_find_metric(int monitor_id, const char *monitor, const char *metric, const char *family, char **found_family,
				 char **found_metric)
{
	bool		is_null;

	if (sql_execute(
			"SELECT f.family, f.metric, coalesce(f.is_computed, false) FROM weir._score_families($1, $2) WITH ORDINALITY f (family, metric, is_computed, ordinality)"
			" WHERE $3 IS NULL OR f.family = $3 ORDER BY is_computed DESC, metric <> $2, ordinality LIMIT 1",
			3, (Oid[]){INT4OID, TEXTOID, TEXTOID},
			(Datum[]){Int32GetDatum(monitor_id), CStringGetTextDatum(metric), family ? CStringGetTextDatum(family) : (Datum) 0},
			family ? NULL : "  n") == 0 &&
		!find_computed(monitor_id, metric, family))
	{
		if (family != NULL)
			refuse_family(family, metric);
		sql_execute(
			"SELECT array_to_string(weir.drift_metric_names() || weir.fairness_metric_names() || weir._rate_metric_names()"
			" || weir.performance_metric_names() || weir._quality_names() || weir._attribution_metric_names() || weir._statistic_names() || weir._capture_metric_names(), ', ')",
			0, NULL, NULL, NULL);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown metric \"%s\"", metric),
				 errhint("Metrics are %s, and the names of the monitor's detectors (option detectors).", sql_text(0, 1))));
	}
	*found_family = sql_text(0, 1);
	*found_metric = sql_text(0, 2);
	if (!DatumGetBool(sql_value(0, 3, &is_null)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("monitor \"%s\" does not compute metric \"%s\"", monitor, *found_metric),
				 errdetail("It has no protected columns, no label beside its prediction, or other metrics were chosen for it.")));
	if (strcmp(*found_family, "quality") == 0 && strcmp(*found_metric, "freshness") == 0)
		rule_refuse("freshness is of now, and of no window that is final",
					"A rule that is to notice that rows stay away watches row_count, time_without_rows, or silence of a source.");
}

/* The sources of a monitor are its segments, or other monitors beside it (option sources). */
static void
check_source_segment(int monitor_id, const char *monitor, const char *segment)
{
	bool		by_segment;

	sql_execute("SELECT jsonb_typeof(options -> 'sources') FROM weir.monitor WHERE monitor_id = $1", 1, (Oid[]){INT4OID},
				(Datum[]){Int32GetDatum(monitor_id)}, NULL);
	by_segment = strcmp(sql_text(0, 1), "string") == 0;
	if (by_segment && segment == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the sources of monitor \"%s\" are its segments", monitor),
				 errhint("Say segment => '*' for each of them, or name one.")));
	if (!by_segment && segment != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the sources of monitor \"%s\" are monitors", monitor),
				 errdetail("A rule watches its own monitor among them."),
				 errhint("Leave segment out, and make a rule of each monitor that names the others in its option sources.")));
}

/* The segment must be one that the monitor could have: which of them there are, the rows tell. NULL: all rows together. */
void
rule_check_segment(int monitor_id, const char *monitor, const char *family, const char *segment)
{
	SqlParameters parameters = {0};

	if (strcmp(family, "source") == 0)
		check_source_segment(monitor_id, monitor, segment);
	if (strcmp(family, "source") == 0 || segment == NULL)
		return;
	sql_add_int(&parameters, monitor_id);
	sql_add_text(&parameters, segment);
	if (strcmp(family, "capture") == 0 || strcmp(family, "attribution") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("scores of family \"%s\" have no segments", family),
				 errhint("Leave segment out.")));
	if (sql_run("SELECT array_to_string(segment_by, ', '), $2 = '*' OR $2 = '(other)' OR cardinality(segment_by) = 1"
				" OR cardinality(string_to_array($2, ' | ')) >= cardinality(segment_by) FROM weir.monitor"
				" WHERE monitor_id = $1 AND segment_by <> '{}'",
				&parameters) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("monitor \"%s\" has no segments", monitor),
				 errhint("Leave segment out, or name the columns that make segments in segment_by of the monitor.")));
	if (strcmp(sql_text(0, 2), "t") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("monitor \"%s\" has no segment \"%s\"", monitor, segment),
				 errdetail("A segment of it has a value of each of: %s.", sql_text(0, 1)),
				 errhint("Write all of them, with ' | ' in between, as weir.windows shows them; '*' for every segment apart.")));
}

/* What the scores of the family are of, as SQL: NULL of none, else the names, of which a group may follow. */
static const char *const subjects_of_family =
	"SELECT CASE WHEN $1 IN ('capture', 'source') OR $1 = 'statistics' AND $2 IN ('rows', 'late_rows')"
	"     OR $1 = 'quality' AND EXISTS (SELECT FROM weir.quality_checks k WHERE k.metric = $2 AND k.scope = 'window') THEN NULL"
	" WHEN $1 = 'fairness' THEN m.protected::text[]"
	" WHEN $1 = 'performance' THEN array_remove(ARRAY[m.score, m.prediction, m.score || ': estimated', m.prediction || ': estimated']::text[], NULL)"
	" WHEN $1 = 'attribution' THEN array_remove(ARRAY[m.model] || ARRAY(SELECT o.name FROM weir.monitor_learner l JOIN weir.model o USING (model_id)"
	"     WHERE l.monitor_id = m.monitor_id ORDER BY 1), NULL)"
	" ELSE ARRAY(SELECT c.column_name::text FROM weir.monitor_column c WHERE c.monitor_id = m.monitor_id AND (c.retired_at IS NULL OR $2 = 'schema_change')"
	"     ORDER BY c.ordinal) END AS subjects"
	" FROM weir.monitor m WHERE m.monitor_id = $3";

/* The subject of the rule must be one that the monitor has, and scores of the family are of. */
void
rule_check_subject(int monitor_id, const char *monitor, const char *family, const char *metric, const char *column)
{
	SqlParameters parameters = {0};

	if (sql_execute(
			"SELECT FROM weir.monitor m WHERE monitor_id = $1 AND (EXISTS (SELECT FROM weir.monitor_column c"
			" WHERE c.monitor_id = m.monitor_id AND c.column_name = $2) OR EXISTS (SELECT FROM unnest(m.protected) p"
			" WHERE p = $2 OR starts_with($2::text, p || ': ')) OR $2 IN (m.prediction, m.score, m.label)"
			" OR $2::text IN (m.score || ': estimated', m.prediction || ': estimated', m.model) OR EXISTS (SELECT FROM weir.monitor_learner l"
			" JOIN weir.model o USING (model_id) WHERE l.monitor_id = m.monitor_id AND o.name = $2::text))",
			2, (Oid[]){INT4OID, NAMEOID},
			(Datum[]){Int32GetDatum(monitor_id), DirectFunctionCall1(namein, CStringGetDatum(column))}, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("monitor \"%s\" has no column \"%s\"", monitor, column),
				 errhint("Leave column_name out for a rule on any column.")));
	sql_add_text(&parameters, family);
	sql_add_text(&parameters, metric);
	sql_add_int(&parameters, monitor_id);
	sql_add_text(&parameters, column);
	if (sql_run(
			psprintf(
				"SELECT array_to_string(s.subjects, ', ') FROM (%s) s WHERE s.subjects IS NULL OR NOT EXISTS (SELECT FROM unnest(s.subjects) u"
				" WHERE u = $4 OR $1 = 'fairness' AND starts_with($4, u || ': '))",
				subjects_of_family),
			&parameters) > 0)
	{
		char	   *subjects = sql_text(0, 1);

		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("scores of family \"%s\" by the name of \"%s\" are not of \"%s\"", family, metric, column),
				 subjects != NULL ? errdetail("They are of %s.", subjects) : errdetail("They are of no single column."),
				 errhint(subjects != NULL ? "Leave column_name out, or name one of these." : "Leave column_name out.")));
	}
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

/* What is misspelt, of another kind of column or chosen away looks like what has not come yet: so it is said, and not refused. */
void
rule_notice_nothing(int rule_id, const char *name)
{
	if (sql_execute("SELECT FROM weir._rule_grid($1) g WHERE g.latest_final IS NOT NULL"
					" AND NOT EXISTS (SELECT FROM weir._rule_readings($1, g.latest_final, NULL))",
					1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(rule_id)}, NULL) > 0)
		ereport(NOTICE,
				(errmsg("rule \"%s\" has nothing to look at in the latest final window", name),
				 errhint("weir.scores, and weir.window_stats for statistics, show which column, segment and metric there are.")));
}
