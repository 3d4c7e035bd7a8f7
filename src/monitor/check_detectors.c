/*
 * check_detectors.c
 *		Option detectors of a monitor: change detectors over a metric of its windows.
 */
#include "postgres.h"

#include "base/sql.h"
#include "catalog/pg_type_d.h"
#include "detect/detector_datum.h"
#include "drift/drift.h"
#include "fairness/fairness_metrics.h"
#include "fmgr.h"
#include "monitor/definition.h"
#include "monitor/row_detectors.h"
#include "utils/builtins.h"

static const char *const statistics[] = {"n",   "null_share", "distinct_count", "mean", "stddev", "min", "p25", "p50", "p75", "p95",
										 "p99", "max"};

static const char *const members[] = {"detector", "metric", "column", "name", "options"};

static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), errhint("%s", hint)));
}

static bool
is_statistic(const char *name)
{
	for (int i = 0; i < lengthof(statistics); i++)
		if (strcmp(statistics[i], name) == 0)
			return true;
	return false;
}

static bool
is_metric(const char *name)
{
	return is_statistic(name) || drift_metric_find(name) >= 0 || is_score_metric(name);
}

/* Of single rows: of the table, and of prediction and label. */
static bool
is_row_metric(const char *name)
{
	return strcmp(name, "value") == 0 || strcmp(name, "error") == 0;
}

/* As weir.scores calls it; a statistic comes before a score with that as its short name. */
static const char *
metric_name(const char *metric)
{
	return !is_statistic(metric) && drift_metric_find(metric) >= 0 ? drift_metric_name(drift_metric_find(metric)) : metric;
}

/* A string member of the entry, or NULL. */
static char *
member_text(JsonbContainer *entry, const char *name)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(entry, name, strlen(name), &value) == NULL || value.type == jbvNull)
		return NULL;
	if (value.type != jbvString)
		refuse(psprintf("member \"%s\" of option detectors must be a string", name),
			   "For example {\"detector\": \"ewma\", \"metric\": \"mean\"}.");
	return pnstrdup(value.val.string.val, value.val.string.len);
}

static void
check_members(JsonbContainer *entry)
{
	JsonbIterator *iterator = JsonbIteratorInit(entry);
	JsonbIteratorToken token;
	JsonbValue	value;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		bool		is_known = token != WJB_KEY;

		for (int i = 0; i < lengthof(members) && !is_known; i++)
			is_known =
				strlen(members[i]) == value.val.string.len && memcmp(members[i], value.val.string.val, value.val.string.len) == 0;
		if (!is_known)
			refuse(psprintf("a detector of a monitor has no member \"%s\"", pnstrdup(value.val.string.val, value.val.string.len)),
				   "Its members are detector, metric, column, name and options.");
	}
}

static void
check_detector(JsonbContainer *entry, const char *detector, bool of_rows)
{
	JsonbValue	options;
	Jsonb	   *given = NULL;
	int			kind = detector_find(detector);

	if (getKeyJsonValueFromContainer(entry, "options", strlen("options"), &options) != NULL)
	{
		if (options.type != jbvBinary)
			refuse("member \"options\" of option detectors must be an object", "For example {\"drift_level\": 3}.");
		given = JsonbValueToJsonb(&options);
	}
	/* Raises an error of its own for what is not known or not valid. */
	detector_free(detector_from_names(CurrentMemoryContext, detector, given));
	if (detector_input(kind) != DETECTOR_NUMBER && !of_rows)
		refuse(
			psprintf("detector %s does not take every number that a window can have", detector),
			"Those that do: SELECT detector FROM weir.detectors WHERE input = 'number'. The others read rows: metric error or value.");
}

bool
check_detectors(JsonbValue *value)
{
	List	   *names = NIL;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data) || JsonContainerIsScalar(value->val.binary.data))
		return false;
	for (uint32 i = 0; i < JsonContainerSize(value->val.binary.data); i++)
	{
		JsonbValue *member = getIthJsonbValueFromContainer(value->val.binary.data, i);
		JsonbContainer *entry;
		char	   *detector;
		char	   *metric;
		char	   *name;
		ListCell   *cell;

		if (member->type != jbvBinary || !JsonContainerIsObject(member->val.binary.data))
			return false;
		entry = member->val.binary.data;
		check_members(entry);
		detector = member_text(entry, "detector");
		metric = member_text(entry, "metric");
		if (detector == NULL || metric == NULL)
			return false;
		check_detector(entry, detector, is_row_metric(metric));
		if (!is_metric(metric) && !is_row_metric(metric))
			refuse(
				psprintf("there is no metric \"%s\" for a detector", metric),
				"Metrics are those of weir.scores, and n, null_share, distinct_count, mean, stddev, min, p25, p50, p75, p95, p99 and max of weir.window_stats; value and error of single rows.");
		if ((member_text(entry, "column") == NULL) != (strcmp(metric, "value") != 0) && is_row_metric(metric))
			refuse(strcmp(metric, "value") == 0 ? "a detector over values of rows needs a column"
												: "a detector over errors takes no column",
				   "An error is where prediction and label differ; a value is that of a column.");
		name = member_text(entry, "name");
		if (name == NULL)
			name = psprintf("%s_%s", detector, metric_name(metric));
		if (name[0] == '\0' || is_metric(name) || is_row_metric(name))
			refuse(psprintf("a detector cannot be called \"%s\"", name), "Give another name: it must not be that of a metric.");
		foreach(cell, names)
			if (strcmp(lfirst(cell), name) == 0)
				refuse(psprintf("two detectors of a monitor are called \"%s\"", name), "Give one of them another name.");
		names = lappend(names, name);
	}
	return true;
}

void
check_detector_columns(int monitor_id)
{
	SqlScope	scope;
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);

	sql_begin(&scope);
	if (sql_execute(
			"SELECT d.name, d.column_name FROM weir._monitor_detectors($1) d JOIN weir.monitor m ON m.monitor_id = $1"
			" WHERE d.column_name IS NOT NULL AND NOT EXISTS (SELECT FROM weir.monitor_column c WHERE c.monitor_id = $1 AND c.column_name = d.column_name)"
			" AND NOT EXISTS (SELECT FROM unnest(m.protected) p WHERE p = d.column_name OR starts_with(d.column_name, p || ': '))",
			1, &type, &value, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("detector \"%s\" names column \"%s\", which the monitor does not have", sql_text(0, 1), sql_text(0, 2)),
				 errhint("Leave column out for every column that has the metric.")));
	if (sql_execute("SELECT d.name FROM weir._monitor_detectors($1) d JOIN weir.monitor m ON m.monitor_id = $1"
					" WHERE d.metric = 'error' AND (m.prediction IS NULL OR m.label IS NULL)",
					1, &type, &value, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("detector \"%s\" reads errors, but the monitor has no prediction and label", sql_text(0, 1)),
				 errhint("create_monitor takes prediction => and label => .")));
	sql_end(&scope);
	settle_row_detectors(monitor_id);
}
