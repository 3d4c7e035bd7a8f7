/*
 * derive.c
 *		Which derived columns a monitor has: what its definition says of the model's task.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fairness/fairness_datum.h"
#include "monitor/definition.h"
#include "quality/performance_datum.h"
#include "summary/summary_datum.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

static const char *const task_names[] = {"none", "binary", "class", "regression"};

bool
task_is_known(const char *name)
{
	for (int i = 0; i < lengthof(task_names); i++)
		if (strcmp(task_names[i], name) == 0)
			return true;
	return false;
}

static Oid
type_of(Relation source, const char *name)
{
	AttrNumber	attribute = name == NULL ? InvalidAttrNumber : get_attnum(RelationGetRelid(source), name);

	return attribute > 0 ? getBaseType(get_atttype(RelationGetRelid(source), attribute)) : InvalidOid;
}

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/* The kind that the definition summarizes the column as, else that of its type. False when it has none. */
static bool
kind_of(const MonitorDefinition *definition, const char *name, Oid type, SummaryKind *kind)
{
	ListCell   *cell;

	foreach(cell, definition->columns)
	{
		MonitorColumn *column = lfirst(cell);

		if (strcmp(column->name, name) == 0)
		{
			*kind = column->kind;
			return true;
		}
	}
	return value_kind_of_type(type, kind);
}

int
monitor_n_classes(const MonitorDefinition *definition)
{
	JsonbValue	classes;

	if (getKeyJsonValueFromContainer(&definition->options->root, "classes", strlen("classes"), &classes) == NULL ||
		classes.type != jbvBinary || !JsonContainerIsArray(classes.val.binary.data))
		return 0;
	return (int) JsonContainerSize(classes.val.binary.data);
}

/*
 * A score means a binary model, and so does what is read as an outcome.  Categories are classes; other numbers than integers, which
 * are taken for outcomes of 0 and 1, are a regression.
 */
static MonitorTask
infer_task(const MonitorDefinition *definition, Relation source)
{
	Oid			label = type_of(source, definition->label);
	Oid			prediction = type_of(source, definition->prediction);
	SummaryKind label_kind;
	SummaryKind prediction_kind;

	if (monitor_n_classes(definition) > 0)
		return TASK_CLASS;
	if (definition->score != NULL || definition->positive != NULL || definition->protected_columns != NIL || label == BOOLOID ||
		prediction == BOOLOID)
		return TASK_BINARY;
	if (!kind_of(definition, definition->label, label, &label_kind) ||
		!kind_of(definition, definition->prediction, prediction, &prediction_kind))
		return TASK_BINARY;
	if (label_kind == SUMMARY_CATEGORY || prediction_kind == SUMMARY_CATEGORY)
		return TASK_CLASS;
	return is_integer(label) && is_integer(prediction) ? TASK_BINARY : TASK_REGRESSION;
}

MonitorTask
monitor_task(const MonitorDefinition *definition, Relation source)
{
	char	   *given = option_text(definition->options, "task");
	bool		has_both = definition->label != NULL && (definition->prediction != NULL || definition->score != NULL);
	MonitorTask task = TASK_NONE;

	for (int i = 0; given != NULL && i < lengthof(task_names); i++)
		if (strcmp(task_names[i], given) == 0)
			task = (MonitorTask) i;
	if (given != NULL && task != TASK_NONE && !has_both)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option task needs a label and a prediction or a score"),
				 errhint("Name the columns: label => 'repaid', prediction => 'approved'.")));
	if ((task == TASK_CLASS || task == TASK_REGRESSION) && definition->prediction == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("task \"%s\" needs a prediction", given),
				 errhint("Name the column that holds what the model says: prediction => 'forecast'.")));
	if (given != NULL || !has_both)
		return task;
	return infer_task(definition, source);
}

double
monitor_deciding_threshold(const MonitorDefinition *definition)
{
	JsonbValue	performance;
	JsonbValue	threshold;

	if (definition->protected_columns == NIL || definition->prediction != NULL || definition->score == NULL)
		return NAN;
	if (getKeyJsonValueFromContainer(&definition->options->root, "performance", strlen("performance"), &performance) == NULL ||
		performance.type != jbvBinary ||
		getKeyJsonValueFromContainer(performance.val.binary.data, "threshold", strlen("threshold"), &threshold) == NULL)
		return 0.5;
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(threshold.val.numeric)));
}

/* ---- the columns ---- */

#define MAX_DERIVED (2 * PERFORMANCE_MAX_PARTS + 2 * BINARY_N_PARTS * PERFORMANCE_MAX_CLASSES)

typedef struct DerivedColumns
{
	int			n;
	const char *derivations[MAX_DERIVED];
	const char *parts[MAX_DERIVED];
} DerivedColumns;

static void
want(DerivedColumns *wanted, const char *derivation, PerformanceKind kind, int n_parts)
{
	const char *part;

	for (int i = 0; i < n_parts && (part = performance_part_name(kind, i)) != NULL; i++)
	{
		wanted->derivations[wanted->n] = derivation;
		wanted->parts[wanted->n++] = part;
	}
}

void
store_derived_columns(const MonitorDefinition *definition, MonitorTask task)
{
	DerivedColumns wanted = {0};
	Oid			types[] = {INT4OID, TEXTOID, TEXTOID};
	Datum		values[] = {Int32GetDatum(definition->monitor_id), 0, 0};

	if (task == TASK_BINARY && definition->score != NULL)
		want(&wanted, "binary_performance", PERFORMANCE_BINARY, BINARY_N_PARTS);
	/* Outcomes of 0 and 1 have no losses, and unlabelled ones tell nothing. */
	if (task == TASK_BINARY && definition->prediction != NULL)
		want(&wanted, "decision_performance", PERFORMANCE_BINARY, BINARY_POSITIVES + 1);
	if (task == TASK_CLASS)
		want(&wanted, "class_performance", PERFORMANCE_CLASS, CLASS_N_PARTS);
	for (int i = 1; task == TASK_CLASS && definition->score != NULL && i <= monitor_n_classes(definition); i++)
	{
		want(&wanted, psprintf("probability_%d_performance", i), PERFORMANCE_BINARY, BINARY_N_PARTS);
		/* What is predicted has no losses, and is never late. */
		want(&wanted, psprintf("choice_%d_performance", i), PERFORMANCE_BINARY, BINARY_POSITIVES + 1);
	}
	if (task == TASK_REGRESSION)
		want(&wanted, "regression_performance", PERFORMANCE_REGRESSION, REGRESSION_N_PARTS);
	sql_execute("DELETE FROM weir.derived_column WHERE monitor_id = $1 AND derivation LIKE '%_performance'", 1, types, values,
				NULL);
	for (int i = 0; i < wanted.n; i++)
	{
		values[1] = CStringGetTextDatum(wanted.derivations[i]);
		values[2] = CStringGetTextDatum(wanted.parts[i]);
		sql_execute(
			"WITH m AS (UPDATE weir.monitor SET last_ordinal = last_ordinal + 1 WHERE monitor_id = $1 RETURNING last_ordinal) "
			"INSERT INTO weir.derived_column (monitor_id, ordinal, derivation, part) SELECT $1, last_ordinal, $2, $3 FROM m",
			3, types, values, NULL);
	}
}
