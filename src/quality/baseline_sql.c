/*
 * baseline_sql.c
 *		A model against what repeats the last label: temporal_performance, temporal_regression.
 */
#include "postgres.h"

#include <math.h>

#include "base/aggregate.h"
#include "base/memory.h"
#include "fmgr.h"
#include "funcapi.h"
#include "quality/class_arguments.h"
#include "quality/performance_datum.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_temporal_performance_accumulate);
PG_FUNCTION_INFO_V1(weir_temporal_performance_final);
PG_FUNCTION_INFO_V1(weir_temporal_regression_accumulate);
PG_FUNCTION_INFO_V1(weir_temporal_regression_final);

/* Rows with a row before them: only these have a last label. */
typedef struct TemporalState
{
	Performance *performance;	/* of classes, these rows */
	char		last[PERFORMANCE_MAX_CLASS_LENGTH];
	size_t		last_length;
	bool		has_last;
	int64		n_repeated;		/* labels equal to the one before */
} TemporalState;

Datum
weir_temporal_performance_accumulate(PG_FUNCTION_ARGS)
{
	TemporalState *state = PG_ARGISNULL(0) ? NULL : (TemporalState *) PG_GETARG_POINTER(0);
	const ClassReaders *reader = class_readers(fcinfo);
	char	   *names[2];
	size_t		lengths[2];

	if (state == NULL)
	{
		MemoryContext context = aggregate_context(fcinfo);

		state = MemoryContextAllocZero(context, sizeof(TemporalState));
		state->performance = performance_create(allocator_in(context), PERFORMANCE_CLASS);
	}
	for (int side = 0; side < 2; side++)
		names[side] = read_class_name(fcinfo, &reader->sides[side], 1 + side, &lengths[side]);
	if (names[0] == NULL)
		PG_RETURN_POINTER(state);
	if (state->has_last && names[1] != NULL)
	{
		performance_add_class(state->performance, names[0], lengths[0], names[1], lengths[1]);
		state->n_repeated += lengths[0] == state->last_length && memcmp(names[0], state->last, lengths[0]) == 0;
	}
	memcpy(state->last, names[0], lengths[0]);
	state->last_length = lengths[0];
	state->has_last = true;
	PG_RETURN_POINTER(state);
}

/* What is read of the metrics of classes. */
typedef struct Kept
{
	double		accuracy;
	double		majority_accuracy;
	double		cohen_kappa;
	double		kappa_majority;
} Kept;

static void
keep(void *context, const PerformanceScore *score)
{
	Kept	   *kept = context;
	double		value = score->has_value ? score->value : NAN;

	if (strcmp(score->name, "accuracy") == 0)
		kept->accuracy = value;
	else if (strcmp(score->name, "majority_accuracy") == 0)
		kept->majority_accuracy = value;
	else if (strcmp(score->name, "cohen_kappa") == 0)
		kept->cohen_kappa = value;
	else if (strcmp(score->name, "kappa_majority") == 0)
		kept->kappa_majority = value;
}

static Datum
row_of(FunctionCallInfo fcinfo, int64 n, const double *numbers, int n_numbers, bool is_defined)
{
	TupleDesc	description = NULL;
	Datum		values[8];
	bool		nulls[8] = {false};

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
		PG_RETURN_NULL();
	values[0] = Int64GetDatum(n);
	for (int i = 0; i < n_numbers; i++)
		values[1 + i] = performance_float_or_null(numbers[i], &nulls[1 + i]);
	values[1 + n_numbers] = CStringGetTextDatum(is_defined ? "ok" : "undefined");
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls)));
}

Datum
weir_temporal_performance_final(PG_FUNCTION_ARGS)
{
	TemporalState *state;
	Kept		kept = {NAN, NAN, NAN, NAN};
	double		repeated = NAN;
	double		kappa = NAN;
	int64		n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (TemporalState *) PG_GETARG_POINTER(0);
	n = performance_n(state->performance);
	if (n > 0)
	{
		performance_class_scores(state->performance, 1, 1, keep, &kept);
		repeated = (double) state->n_repeated / (double) n;
		kappa = repeated < 1 ? (kept.accuracy - repeated) / (1 - repeated) : NAN;
	}
	return row_of(fcinfo, n,
				  (double[]){kept.accuracy, repeated, kept.majority_accuracy, kappa, kept.kappa_majority, kept.cohen_kappa}, 6,
				  n > 0);
}

/* ---- numbers ---- */

typedef struct TemporalErrors
{
	int64		n;
	double		errors;
	double		steps;			/* from one label to the next */
	double		last;
	bool		has_last;
} TemporalErrors;

Datum
weir_temporal_regression_accumulate(PG_FUNCTION_ARGS)
{
	TemporalErrors *state = PG_ARGISNULL(0) ? NULL : (TemporalErrors *) PG_GETARG_POINTER(0);
	double		label;

	if (state == NULL)
		state = MemoryContextAllocZero(aggregate_context(fcinfo), sizeof(TemporalErrors));
	if (PG_ARGISNULL(1) || !isfinite(PG_GETARG_FLOAT8(1)))
		PG_RETURN_POINTER(state);
	label = PG_GETARG_FLOAT8(1);
	if (state->has_last && !PG_ARGISNULL(2) && isfinite(PG_GETARG_FLOAT8(2)))
	{
		state->n++;
		state->errors += fabs(PG_GETARG_FLOAT8(2) - label);
		state->steps += fabs(label - state->last);
	}
	state->last = label;
	state->has_last = true;
	PG_RETURN_POINTER(state);
}

Datum
weir_temporal_regression_final(PG_FUNCTION_ARGS)
{
	TemporalErrors *state;
	double		n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (TemporalErrors *) PG_GETARG_POINTER(0);
	n = state->n == 0 ? NAN : (double) state->n;
	return row_of(fcinfo, state->n,
				  (double[]){state->errors / n, state->steps / n, state->steps > 0 ? state->errors / state->steps : NAN}, 3,
				  state->n > 0);
}
