/*
 * derived.c
 *		Derived columns: what a row says of the model's performance.
 */
#include "postgres.h"

#include <math.h>

#include "base/sql.h"
#include "capture/derived.h"
#include "catalog/pg_type.h"
#include "quality/performance_datum.h"
#include "utils/builtins.h"

/* ---- values ---- */

static void
add_number(const MonitorMap *entry, const CapturedDerivation *derivation, int part_number, char *gathered, double value)
{
	int			column = derivation->columns[part_number];

	if (column < 0)
		return;
	batch_unput_missing(gathered, column);
	batch_put_number(gathered, entry->monitor->columns[column].place, value);
}

static void
add_null(const CapturedDerivation *derivation, int part_number, PanePart *part, char *gathered)
{
	int			column = derivation->columns[part_number];

	if (column >= 0)
		batch_put_null(&part->batch, gathered, column);
}

/* ---- binary ---- */

/* first: of the state's parts among those of the derivation. */
static void
add_binary(const MonitorMap *entry, const CapturedDerivation *derivation, int first, PanePart *part, char *gathered, Outcome label,
		   double score)
{
	int			side = first + (label == OUTCOME_POSITIVE ? BINARY_POSITIVES : BINARY_NEGATIVES);

	if (label == OUTCOME_UNKNOWN)
	{
		if (!isnan(score))
			add_number(entry, derivation, first + BINARY_UNLABELLED, gathered, score);
		return;
	}
	if (isnan(score))
	{
		add_null(derivation, side, part, gathered);
		return;
	}
	add_number(entry, derivation, side, gathered, score);
	add_number(entry, derivation, first + BINARY_LOSSES, gathered, performance_loss(label == OUTCOME_POSITIVE, score));
}

static void
score_inputs(const MonitorMap *entry, AttrNumber inputs[DERIVED_MAX_INPUTS])
{
	inputs[0] = inputs[2] = entry->label;
	inputs[1] = entry->score;
}

static void
add_score(MonitorMap *entry, const CapturedDerivation *derivation, PanePart *part, char *gathered, RowImage *row)
{
	int			at = entry->score - 1;

	add_binary(entry, derivation, 0, part, gathered, row_outcome(&entry->monitor->label, row, entry->label),
			   performance_number(&entry->monitor->score_column.reader, row->values[at], row->nulls[at]));
}

static void
prediction_inputs(const MonitorMap *entry, AttrNumber inputs[DERIVED_MAX_INPUTS])
{
	inputs[0] = inputs[2] = entry->label;
	inputs[1] = entry->prediction;
}

static void
add_decision(MonitorMap *entry, const CapturedDerivation *derivation, PanePart *part, char *gathered, RowImage *row)
{
	Outcome		prediction = row_outcome(&entry->monitor->prediction, row, entry->prediction);

	add_binary(entry, derivation, 0, part, gathered, row_outcome(&entry->monitor->label, row, entry->label),
			   prediction == OUTCOME_UNKNOWN ? NAN : prediction == OUTCOME_POSITIVE);
}

/* ---- classes ---- */

static void
add_class(MonitorMap *entry, const CapturedDerivation *derivation, PanePart *part, char *gathered, RowImage *row)
{
	CapturedMonitor *monitor = entry->monitor;
	const ValueReader *readers[2] = {&monitor->label_value, &monitor->prediction_value};
	AttrNumber	attributes[2] = {entry->label, entry->prediction};
	char	   *names[2];
	size_t		lengths[2];
	char		pair[PERFORMANCE_MAX_PAIR_LENGTH];

	if (row->nulls[entry->label - 1])
		return;
	if (row->nulls[entry->prediction - 1])
	{
		add_null(derivation, CLASS_PAIRS, part, gathered);
		return;
	}
	for (int side = 0; side < 2; side++)
		names[side] = performance_class_name(value_reader_text(readers[side], row->values[attributes[side] - 1]), &lengths[side]);
	row_add_category(monitor, derivation->columns[CLASS_PAIRS], part, gathered, pair,
					 performance_make_pair(pair, names[0], lengths[0], names[1], lengths[1]));
}

/* ---- probabilities of classes: each against the rest, by the label and by what is predicted ---- */

static void
probability_inputs(const MonitorMap *entry, AttrNumber inputs[DERIVED_MAX_INPUTS])
{
	inputs[0] = entry->label;
	inputs[1] = entry->score;
	inputs[2] = entry->prediction;
}

static int
first_part(int class_number, bool of_choice)
{
	return (2 * (class_number - 1) + of_choice) * BINARY_N_PARTS;
}

static void
add_probabilities(MonitorMap *entry, const CapturedDerivation *derivation, PanePart *part, char *gathered, RowImage *row)
{
	CapturedMonitor *monitor = entry->monitor;
	const ValueReader *readers[2] = {&monitor->label_value, &monitor->prediction_value};
	AttrNumber	attributes[2] = {entry->label, entry->prediction};
	int			at = entry->score - 1;

	for (int side = 0; side < 2; side++)
	{
		bool		is_known = !row->nulls[attributes[side] - 1];
		size_t		length = 0;
		char	   *name =
			is_known ? performance_class_name(value_reader_text(readers[side], row->values[attributes[side] - 1]), &length) : NULL;

		for (int i = 0; i < monitor->n_classes; i++)
		{
			Outcome		outcome = !is_known                                                                   ? OUTCOME_UNKNOWN
				: strlen(monitor->classes[i]) == length && memcmp(monitor->classes[i], name, length) == 0 ? OUTCOME_POSITIVE
																										  : OUTCOME_NEGATIVE;

			add_binary(entry, derivation, first_part(i + 1, side == 1), part, gathered, outcome,
					   performance_probability(row->values[at], row->nulls[at], i + 1));
		}
	}
}

/* ---- numbers ---- */

static void
add_regression(MonitorMap *entry, const CapturedDerivation *derivation, PanePart *part, char *gathered, RowImage *row)
{
	CapturedMonitor *monitor = entry->monitor;
	double		label = performance_number(&monitor->label_value, row->values[entry->label - 1], row->nulls[entry->label - 1]);
	double		prediction =
		performance_number(&monitor->prediction_value, row->values[entry->prediction - 1], row->nulls[entry->prediction - 1]);
	double		values[REGRESSION_N_PARTS];

	if (!isfinite(label))
		return;
	if (!isfinite(prediction))
	{
		add_null(derivation, REGRESSION_ERRORS, part, gathered);
		return;
	}
	performance_regression_values(label, prediction, values);
	for (int i = 0; i < REGRESSION_N_PARTS; i++)
		add_number(entry, derivation, i, gathered, values[i]);
}

/* ---- what monitors have ---- */

static const DerivationMethod methods[] = {
	{"binary_performance", PERFORMANCE_BINARY, score_inputs, add_score},
	{"decision_performance", PERFORMANCE_BINARY, prediction_inputs, add_decision},
	{"class_performance", PERFORMANCE_CLASS, prediction_inputs, add_class},
	{"regression_performance", PERFORMANCE_REGRESSION, prediction_inputs, add_regression},
	{"probabilities", PERFORMANCE_BINARY, probability_inputs, add_probabilities}, /* of the derivations of all classes */
};

static const DerivationMethod *
find_method(const char *name)
{
	bool		of_choice;

	if (performance_class_of_derivation(name, &of_choice) > 0)
		name = "probabilities";
	for (int i = 0; i < lengthof(methods); i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	elog(ERROR, "unexpected derivation \"%s\"", name);
}

void
derived_prepare(CapturedMonitor *monitor, bool has_fairness)
{
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum(monitor->monitor_id);
	uint64		n = sql_execute("SELECT DISTINCT derivation FROM weir.derived_column WHERE monitor_id = $1", 1, &type, &id, NULL);
	bool		is_binary = false;

	monitor->derivations = palloc0(sizeof(CapturedDerivation) * lengthof(methods));
	for (uint64 i = 0; i < n; i++)
	{
		const DerivationMethod *method = find_method(sql_text(i, 1));

		monitor->reads_probabilities |= method->inputs == probability_inputs;
		monitor->needs_score |= method->inputs != prediction_inputs;
		monitor->needs_prediction |= method->inputs != score_inputs;
		if (method->inputs == probability_inputs)
			continue;
		is_binary |= method->performance == PERFORMANCE_BINARY;
		if (method->performance == PERFORMANCE_BINARY)
			continue;
		monitor->reads_values = true;
		monitor->value_kind = method->performance == PERFORMANCE_CLASS ? SUMMARY_CATEGORY : SUMMARY_NUMERIC;
	}
	monitor->needs_score |= monitor->decides_by_score;
	monitor->reads_outcomes = is_binary || has_fairness || monitor->decides_by_score;
}

void
derived_column(CapturedMonitor *monitor, int column, const char *derivation, const char *part)
{
	CapturedColumn *captured = &monitor->columns[column];
	const DerivationMethod *method = find_method(derivation);
	CapturedDerivation *of = monitor->derivations;
	bool		of_choice = false;
	int			number = performance_class_of_derivation(derivation, &of_choice);

	while (of < monitor->derivations + monitor->n_derivations && of->method != method)
		of++;
	if (of == monitor->derivations + monitor->n_derivations)
	{
		monitor->n_derivations++;
		of->method = method;
		for (int i = 0; i < DERIVED_MAX_PARTS; i++)
			of->columns[i] = -1;
	}
	captured->is_derived = true;
	captured->performance = method->performance;
	captured->part = -1;
	for (int i = 0; i < PERFORMANCE_MAX_PARTS && captured->part < 0; i++)
		if (performance_part_name(method->performance, i) != NULL &&
			strcmp(performance_part_name(method->performance, i), part) == 0)
			captured->part = i;
	if (captured->part < 0)
		elog(ERROR, "unexpected part \"%s\" of derivation \"%s\"", part, derivation);
	of->columns[(number > 0 ? first_part(number, of_choice) : 0) + captured->part] = column;
	captured->reader.kind = method->performance == PERFORMANCE_CLASS ? SUMMARY_CATEGORY : SUMMARY_NUMERIC;
	captured->retired = method->inputs != prediction_inputs && monitor->score_column.attribute == InvalidAttrNumber;
	namestrcpy(&captured->name, psprintf("%s: %s", derivation, part));
}

Summary *
derived_summary(const CapturedColumn *column, Allocator allocator)
{
	return performance_part_create(allocator, column->performance, column->part);
}

bool
derived_is_here(const MonitorMap *entry, const CapturedDerivation *derivation)
{
	AttrNumber	inputs[DERIVED_MAX_INPUTS];

	derivation->method->inputs(entry, inputs);
	for (int i = 0; i < DERIVED_MAX_INPUTS; i++)
		if (inputs[i] == InvalidAttrNumber)
			return false;
	return true;
}
