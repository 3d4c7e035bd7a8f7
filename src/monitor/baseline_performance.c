/*
 * baseline_performance.c
 *		The performance of a baseline that comes from a query.
 */
#include "postgres.h"

#include <math.h>

#include "base/memory.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fairness/fairness_datum.h"
#include "monitor/baseline_performance.h"
#include "quality/performance_datum.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* One state, and the two columns that it is of. */
typedef struct Derivation
{
	char	   *name;
	PerformanceKind kind;
	bool		of_decisions;
	int			class_number;	/* of the probabilities of classes, from 1; 0: it is something else */
	bool		of_choice;
	char	   *class_name;
	bool		is_readable;
	int			attributes[2];	/* label, and prediction or score: in the query's rows, from 1 */
	OutcomeReader label_outcome;
	OutcomeReader prediction_outcome;
	ValueReader values[2];
	int			positions[PERFORMANCE_MAX_PARTS]; /* -1: not kept */
} Derivation;

struct BaselinePerformance
{
	MemoryContext memory;
	char	   *label;
	char	   *prediction;
	char	   *score;
	char	   *positive;
	int			n;
	Derivation	derivations[MAX_PERFORMANCES];
};

/* ---- the monitor ---- */

static char *
copied_text(int column, MemoryContext memory)
{
	char	   *text = sql_text(0, column);

	return text == NULL ? NULL : MemoryContextStrdup(memory, text);
}

static Derivation *
find_derivation(BaselinePerformance *baseline, const char *name, PerformanceKind kind)
{
	Derivation *derivation;

	for (int i = 0; i < baseline->n; i++)
		if (strcmp(baseline->derivations[i].name, name) == 0)
			return &baseline->derivations[i];
	if (baseline->n == MAX_PERFORMANCES)
		elog(ERROR, "a monitor has too many performances");
	derivation = &baseline->derivations[baseline->n++];
	derivation->name = MemoryContextStrdup(baseline->memory, name);
	derivation->kind = kind;
	derivation->of_decisions = strcmp(name, "decision_performance") == 0;
	derivation->class_number = performance_class_of_derivation(name, &derivation->of_choice);
	for (int i = 0; i < PERFORMANCE_MAX_PARTS; i++)
		derivation->positions[i] = -1;
	return derivation;
}

BaselinePerformance *
baseline_performance_load(int monitor_id, MemoryContext memory)
{
	BaselinePerformance *baseline = MemoryContextAllocZero(memory, sizeof(BaselinePerformance));
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum(monitor_id);
	uint64		n;

	baseline->memory = memory;
	if (sql_execute("SELECT label::text, prediction::text, score::text, positive FROM weir.monitor WHERE monitor_id = $1", 1, &type,
					&id, NULL) == 0)
		return baseline;
	baseline->label = copied_text(1, memory);
	baseline->prediction = copied_text(2, memory);
	baseline->score = copied_text(3, memory);
	baseline->positive = copied_text(4, memory);
	n = sql_execute("SELECT derivation, part, ordinal FROM weir.derived_column WHERE monitor_id = $1 ORDER BY ordinal", 1, &type,
					&id, NULL);
	for (uint64 row = 0; row < n; row++)
	{
		PerformanceKind kind;
		Derivation *derivation;
		char	   *part = sql_text(row, 2);
		const char *name;
		bool		is_null;

		if (!performance_kind_of_derivation(sql_text(row, 1), &kind))
			continue;
		derivation = find_derivation(baseline, sql_text(row, 1), kind);
		for (int i = 0; (name = performance_part_name(kind, i)) != NULL; i++)
			if (strcmp(name, part) == 0)
				derivation->positions[i] = DatumGetInt32(sql_value(row, 3, &is_null)) - 1;
	}
	for (int i = 0; i < baseline->n; i++)
	{
		Derivation *derivation = &baseline->derivations[i];
		Oid			types[] = {INT4OID, INT4OID};
		Datum		values[] = {id, Int32GetDatum(derivation->class_number - 1)};

		if (derivation->class_number > 0 &&
			sql_execute("SELECT options -> 'classes' ->> $2 FROM weir.monitor WHERE monitor_id = $1", 2, types, values, NULL) > 0)
			derivation->class_name = copied_text(1, memory);
	}
	return baseline;
}

/* ---- the query ---- */

static bool
can_be_read(BaselinePerformance *baseline, Derivation *derivation, const Oid *types)
{
	SummaryKind kind = derivation->kind == PERFORMANCE_CLASS ? SUMMARY_CATEGORY : SUMMARY_NUMERIC;

	if (derivation->class_number > 0)
		return derivation->class_name != NULL && getBaseType(types[1]) == FLOAT8ARRAYOID &&
			value_reader_init(&derivation->values[0], types[0], SUMMARY_CATEGORY, baseline->memory);
	if (derivation->kind == PERFORMANCE_BINARY)
		return outcome_reader_init(&derivation->label_outcome, types[0], baseline->positive, baseline->memory) &&
			(derivation->of_decisions
				 ? outcome_reader_init(&derivation->prediction_outcome, types[1], baseline->positive, baseline->memory)
				 : value_reader_init(&derivation->values[1], types[1], SUMMARY_NUMERIC, baseline->memory));
	return value_reader_init(&derivation->values[0], types[0], kind, baseline->memory) &&
		value_reader_init(&derivation->values[1], types[1], kind, baseline->memory) &&
		derivation->values[0].unit == derivation->values[1].unit;
}

void
baseline_performance_match(BaselinePerformance *baseline, TupleDesc shape)
{
	for (int i = 0; i < baseline->n; i++)
	{
		Derivation *derivation = &baseline->derivations[i];
		const char *names[2] = {derivation->of_choice ? baseline->prediction : baseline->label,
								derivation->kind == PERFORMANCE_BINARY && !derivation->of_decisions ? baseline->score
																									: baseline->prediction};
		Oid			types[2] = {InvalidOid, InvalidOid};

		for (int side = 0; side < 2; side++)
		{
			derivation->attributes[side] = names[side] == NULL ? 0 : SPI_fnumber(shape, names[side]);
			if (derivation->attributes[side] > 0)
				types[side] = SPI_gettypeid(shape, derivation->attributes[side]);
		}
		derivation->is_readable = OidIsValid(types[0]) && OidIsValid(types[1]) && can_be_read(baseline, derivation, types);
	}
}

/* ---- rows ---- */

Performance **
baseline_performance_create(const BaselinePerformance *baseline, MemoryContext memory)
{
	Performance **states = MemoryContextAllocZero(memory, sizeof(Performance *) * MAX_PERFORMANCES);

	for (int i = 0; i < baseline->n; i++)
		if (baseline->derivations[i].is_readable)
			states[i] = performance_create(allocator_in(memory), baseline->derivations[i].kind);
	return states;
}

static void
add_classes(const Derivation *derivation, Performance *state, const Datum *values, const bool *nulls)
{
	char	   *names[2] = {NULL, NULL};
	size_t		lengths[2] = {0, 0};

	for (int side = 0; side < 2; side++)
		if (!nulls[side])
			names[side] = performance_class_name(value_reader_text(&derivation->values[side], values[side]), &lengths[side]);
	performance_add_class(state, names[0], lengths[0], names[1], lengths[1]);
}

static void
add_probability(const Derivation *derivation, Performance *state, const Datum *values, const bool *nulls)
{
	size_t		length = 0;
	char	   *name = nulls[0] ? NULL : performance_class_name(value_reader_text(&derivation->values[0], values[0]), &length);
	int			label = -1;

	if (name != NULL)
		label = strlen(derivation->class_name) == length && memcmp(derivation->class_name, name, length) == 0;
	performance_add_binary(state, label, performance_probability(values[1], nulls[1], derivation->class_number));
}

static void
add_binary(const Derivation *derivation, Performance *state, const Datum *values, const bool *nulls)
{
	bool		valid;
	Outcome		label = outcome_reader_read(&derivation->label_outcome, values[0], nulls[0], &valid);
	double		score;

	/* As capture does: what is neither is not known. */
	if (!valid)
		label = OUTCOME_UNKNOWN;
	if (derivation->of_decisions)
	{
		Outcome		prediction = outcome_reader_read(&derivation->prediction_outcome, values[1], nulls[1], &valid);

		score = !valid || prediction == OUTCOME_UNKNOWN ? NAN : prediction == OUTCOME_POSITIVE;
	}
	else
		score = performance_number(&derivation->values[1], values[1], nulls[1]);
	performance_add_binary(state, label == OUTCOME_UNKNOWN ? -1 : label == OUTCOME_POSITIVE, score);
}

void
baseline_performance_add(const BaselinePerformance *baseline, Performance **states, HeapTuple row, TupleDesc shape)
{
	for (int i = 0; i < baseline->n; i++)
	{
		const Derivation *derivation = &baseline->derivations[i];
		Datum		values[2];
		bool		nulls[2];

		if (!derivation->is_readable)
			continue;
		for (int side = 0; side < 2; side++)
			values[side] = SPI_getbinval(row, shape, derivation->attributes[side], &nulls[side]);
		if (derivation->class_number > 0)
			add_probability(derivation, states[i], values, nulls);
		else if (derivation->kind == PERFORMANCE_BINARY)
			add_binary(derivation, states[i], values, nulls);
		else if (derivation->kind == PERFORMANCE_CLASS)
			add_classes(derivation, states[i], values, nulls);
		else
			performance_add_regression(states[i], !nulls[0], performance_number(&derivation->values[0], values[0], nulls[0]),
									   performance_number(&derivation->values[1], values[1], nulls[1]));
	}
}

/* ---- summaries ---- */

int
baseline_performance_last_position(const BaselinePerformance *baseline)
{
	int			last = -1;

	for (int i = 0; i < baseline->n; i++)
		for (int part = 0; part < PERFORMANCE_MAX_PARTS; part++)
			last = Max(last, baseline->derivations[i].positions[part]);
	return last;
}

void
baseline_performance_summaries(const BaselinePerformance *baseline, Performance *const *states, Datum *values, bool *nulls)
{
	for (int i = 0; i < baseline->n; i++)
		for (int part = 0; states[i] != NULL && part < states[i]->n_parts; part++)
		{
			int			position = baseline->derivations[i].positions[part];

			if (position < 0)
				continue;
			values[position] = summary_to_datum(states[i]->parts[part]);
			nulls[position] = false;
		}
}
