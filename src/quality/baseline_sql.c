/*
 * baseline_sql.c
 *		A model against what repeats the last label: temporal_performance, temporal_regression.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/aggregate.h"
#include "fmgr.h"
#include "funcapi.h"
#include "quality/class_arguments.h"
#include "quality/performance_datum.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(weir_temporal_performance_accumulate);
PG_FUNCTION_INFO_V1(weir_temporal_performance_final);
PG_FUNCTION_INFO_V1(weir_temporal_regression_accumulate);
PG_FUNCTION_INFO_V1(weir_temporal_regression_final);

/*
 * Prequential evaluation with a fading factor (Gama, Sebastiao and Rodrigues 2013): what a row says counts the factor's power of
 * how many rows came after it.  Instead of fading what is there, each row weighs more than the one before; sums are scaled down
 * long before they overflow.
 */
typedef struct Fading
{
	double		factor;			/* 1: none */
	double		weight;			/* of the last row */
	double		n;				/* sum of the weights, and of their squares */
	double		squares;
} Fading;

#define MAX_WEIGHT 1e100

typedef struct ClassKey
{
	char		name[PERFORMANCE_MAX_CLASS_LENGTH];
	size_t		length;
} ClassKey;

typedef struct ClassWeights
{
	ClassKey	key;
	double		labelled;
	double		predicted;
} ClassWeights;

/* Rows with a row before them: only these have a last label. */
typedef struct TemporalState
{
	Fading		fading;
	HTAB	   *classes;		/* of ClassWeights */
	ClassKey	last;
	bool		has_last;
	int64		n;
	double		correct;
	double		repeated;		/* labels equal to the one before */
} TemporalState;

/* The factor of the first row; every row must have the same. */
static void
read_fading(FunctionCallInfo fcinfo, Fading *fading, bool is_new)
{
	double		factor = PG_NARGS() < 4 ? 1 : PG_ARGISNULL(3) ? NAN : PG_GETARG_FLOAT8(3);

	if (!(factor > 0 && factor <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("fading_factor must lie above 0 and not above 1"),
				 errhint("With 0.999 a row counts half as much after 693 others.")));
	if (is_new)
		*fading = (Fading){.factor = factor, .weight = 1};
	else if (factor != fading->factor)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("fading_factor must be the same for all rows")));
}

/* The weight of the next row. scale: by what sums are to be multiplied before it is added. */
static double
fade(Fading *fading, double *scale)
{
	*scale = 1;
	fading->weight /= fading->factor;
	if (fading->weight > MAX_WEIGHT)
	{
		*scale = 1 / fading->weight;
		fading->n *= *scale;
		fading->squares *= *scale * *scale;
		fading->weight = 1;
	}
	fading->n += fading->weight;
	fading->squares += fading->weight * fading->weight;
	return fading->weight;
}

/* So many rows of equal weight say as much. */
static double
effective_n(const Fading *fading)
{
	return fading->n == 0 ? NAN : fading->n * fading->n / fading->squares;
}

static ClassKey
class_key(const char *name, size_t length)
{
	ClassKey	key;

	memset(&key, 0, sizeof(key));
	memcpy(key.name, name, length);
	key.length = length;
	return key;
}

static ClassWeights *
class_weights(TemporalState *state, const ClassKey *key)
{
	bool		found;
	ClassWeights *weights = hash_search(state->classes, key, HASH_ENTER, &found);

	if (!found)
		weights->labelled = weights->predicted = 0;
	return weights;
}

static void
scale_classes(TemporalState *state, double scale)
{
	HASH_SEQ_STATUS scan;
	ClassWeights *weights;

	state->correct *= scale;
	state->repeated *= scale;
	hash_seq_init(&scan, state->classes);
	while ((weights = hash_seq_search(&scan)) != NULL)
	{
		weights->labelled *= scale;
		weights->predicted *= scale;
	}
}

Datum
weir_temporal_performance_accumulate(PG_FUNCTION_ARGS)
{
	TemporalState *state = PG_ARGISNULL(0) ? NULL : (TemporalState *) PG_GETARG_POINTER(0);
	const ClassReaders *reader = class_readers(fcinfo);
	bool		is_new = state == NULL;
	char	   *names[2];
	size_t		lengths[2];
	ClassKey	keys[2];

	if (is_new)
	{
		MemoryContext context = aggregate_context(fcinfo);
		HASHCTL		shape = {.keysize = sizeof(ClassKey), .entrysize = sizeof(ClassWeights), .hcxt = context};

		state = MemoryContextAllocZero(context, sizeof(TemporalState));
		state->classes = hash_create("weir classes", 16, &shape, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	read_fading(fcinfo, &state->fading, is_new);
	for (int side = 0; side < 2; side++)
	{
		names[side] = read_class_name(fcinfo, &reader->sides[side], 1 + side, &lengths[side]);
		if (names[side] != NULL)
			keys[side] = class_key(names[side], lengths[side]);
	}
	if (names[0] == NULL)
		PG_RETURN_POINTER(state);
	if (state->has_last && names[1] != NULL)
	{
		double		scale;
		double		weight = fade(&state->fading, &scale);

		if (scale != 1)
			scale_classes(state, scale);
		state->n++;
		state->correct += memcmp(&keys[0], &keys[1], sizeof(ClassKey)) == 0 ? weight : 0;
		state->repeated += memcmp(&keys[0], &state->last, sizeof(ClassKey)) == 0 ? weight : 0;
		class_weights(state, &keys[0])->labelled += weight;
		class_weights(state, &keys[1])->predicted += weight;
	}
	state->last = keys[0];
	state->has_last = true;
	PG_RETURN_POINTER(state);
}

/* What agreement there is beyond that by chance, of what there could be. */
static double
beyond(double observed, double by_chance, double all)
{
	return by_chance < all ? (observed - by_chance) / (all - by_chance) : NAN;
}

static Datum
row_of(FunctionCallInfo fcinfo, int64 n, const double *numbers, int n_numbers, double effective)
{
	TupleDesc	description = NULL;
	Datum		values[9];
	bool		nulls[9] = {false};

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
		PG_RETURN_NULL();
	values[0] = Int64GetDatum(n);
	for (int i = 0; i < n_numbers; i++)
		values[1 + i] = performance_float_or_null(numbers[i], &nulls[1 + i]);
	values[1 + n_numbers] = CStringGetTextDatum(n > 0 ? "ok" : "undefined");
	values[2 + n_numbers] = performance_float_or_null(effective, &nulls[2 + n_numbers]);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls)));
}

Datum
weir_temporal_performance_final(PG_FUNCTION_ARGS)
{
	TemporalState *state;
	HASH_SEQ_STATUS scan;
	ClassWeights *weights;
	double		by_chance = 0;
	double		most = 0;
	double		n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (TemporalState *) PG_GETARG_POINTER(0);
	n = state->n == 0 ? NAN : state->fading.n;
	hash_seq_init(&scan, state->classes);
	while ((weights = hash_seq_search(&scan)) != NULL)
	{
		by_chance += weights->labelled / n * weights->predicted;
		most = Max(most, weights->labelled);
	}
	return row_of(fcinfo, state->n,
				  (double[]){state->correct / n, state->repeated / n, most / n, beyond(state->correct, state->repeated, n),
							 beyond(state->correct, most, n), beyond(state->correct, by_chance, n)},
				  6, effective_n(&state->fading));
}

/* ---- numbers ---- */

typedef struct TemporalErrors
{
	Fading		fading;
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
	bool		is_new = state == NULL;
	double		label;

	if (is_new)
		state = MemoryContextAllocZero(aggregate_context(fcinfo), sizeof(TemporalErrors));
	read_fading(fcinfo, &state->fading, is_new);
	if (PG_ARGISNULL(1) || !isfinite(PG_GETARG_FLOAT8(1)))
		PG_RETURN_POINTER(state);
	label = PG_GETARG_FLOAT8(1);
	if (state->has_last && !PG_ARGISNULL(2) && isfinite(PG_GETARG_FLOAT8(2)))
	{
		double		scale;
		double		weight = fade(&state->fading, &scale);

		state->n++;
		state->errors = state->errors * scale + weight * fabs(PG_GETARG_FLOAT8(2) - label);
		state->steps = state->steps * scale + weight * fabs(label - state->last);
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
	n = state->n == 0 ? NAN : state->fading.n;
	return row_of(fcinfo, state->n,
				  (double[]){state->errors / n, state->steps / n, state->steps > 0 ? state->errors / state->steps : NAN}, 3,
				  effective_n(&state->fading));
}
