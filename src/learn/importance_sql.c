/*
 * importance_sql.c
 *		Aggregates that explain a model as a whole: permutation_importance, partial_dependence, feature_attributions.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/aggregate.h"
#include "base/memory.h"
#include "base/privileges.h"
#include "catalog/pg_type_d.h"
#include "common/shortest_dec.h"
#include "funcapi.h"
#include "learn/importance.h"
#include "learn/learner_datum.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(weir_importance_row);
PG_FUNCTION_INFO_V1(weir_importance_final);
PG_FUNCTION_INFO_V1(weir_dependence_row);
PG_FUNCTION_INFO_V1(weir_dependence_final);
PG_FUNCTION_INFO_V1(weir_attributions_row);
PG_FUNCTION_INFO_V1(weir_attributions_final);

#define MOST_MEMORY ((size_t) 256 * 1024 * 1024)
#define MOST_ROUNDS 1000
#define MOST_RESOLUTION 1000
#define FIRST_RESOLUTION 20

/* Of all three; arguments are those of the first row. */
typedef struct Explaining
{
	FeatureReader reader;
	KeptRows   *kept;
	int			rounds;
	int64		seed;
	int			feature;
	int			class;			/* -1: of regression, or the predicted one */
	int			resolution;
	int64		n;				/* rows, of attributions */
	double	   *contributions;
	double	   *sums;
	double	   *absolute;
} Explaining;

/* ---- beginning ---- */

static void
check_for_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

static Explaining *
begin(FunctionCallInfo fcinfo, MemoryContext context)
{
	Explaining *state = MemoryContextAllocZero(context, sizeof(Explaining));
	Learner	   *learner;

	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"model\" must not be null")));
	learner = learner_from_datum(context, PG_GETARG_DATUM(1));
	if (learner_n_rows(learner) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the model has not learned anything, and cannot be explained")));
	if (!learner_needs_label(learner_kind(learner)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("learner %s has no labels to be explained by", learner_name(learner_kind(learner)))));
	feature_reader_init(&state->reader, context, learner, get_fn_expr_argtype(fcinfo->flinfo, 2));
	state->kept = kept_rows_create(allocator_in(context), learner);
	state->kept->interrupt = check_for_interrupts;
	state->class = -1;
	return state;
}

static bool
is_regression(const Explaining *state)
{
	return learner_task(learner_kind(state->reader.learner)) == LEARNER_REGRESSION;
}

/* The class that the argument names, where it is there. */
static int
class_argument(FunctionCallInfo fcinfo, const Explaining *state, int number)
{
	text	   *name;
	int			class;

	if (PG_NARGS() <= number || PG_ARGISNULL(number) || is_regression(state))
		return -1;
	name = PG_GETARG_TEXT_PP(number);
	class = learner_class(state->reader.learner, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	if (class < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the model has no class \"%s\"", text_to_cstring(name)),
				 errhint("SELECT weir.learner_classes(model) lists its classes.")));
	return class;
}

static int64
integer_argument(FunctionCallInfo fcinfo, int number, const char *name, bool is_long, int64 initial, int64 low, int64 high)
{
	int64		value;

	if (PG_NARGS() <= number || PG_ARGISNULL(number))
		return initial;
	value = is_long ? PG_GETARG_INT64(number) : PG_GETARG_INT32(number);
	if (value < low || value > high)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between " INT64_FORMAT " and " INT64_FORMAT, name, low, high)));
	return value;
}

static void
keep(Explaining *state, double target)
{
	if (kept_rows_memory(state->kept) > MOST_MEMORY)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many rows to explain a model by"),
				 errhint("Take a sample of them, such as by TABLESAMPLE.")));
	kept_rows_add(state->kept, state->reader.row, target);
}

/* ---- results ---- */

static Datum
array_of_rows(const char *type_name, Datum *rows, int n)
{
	return PointerGetDatum(construct_array(rows, n, extension_type(type_name), -1, false, TYPALIGN_DOUBLE));
}

static Datum
row_of(TupleDesc shape, Datum *values, int n)
{
	bool		nulls[8] = {false};

	/* Numbers that have no value are NULL. */
	for (int i = 0; i < n; i++)
		nulls[i] = TupleDescAttr(shape, i)->atttypid == FLOAT8OID && isnan(DatumGetFloat8(values[i]));
	return HeapTupleGetDatum(heap_form_tuple(shape, values, nulls));
}

/* ---- permutation_importance(model, features, label [, rounds, seed]) ---- */

/* False when the row has no label. */
static bool
read_target(Explaining *state, Datum label, double *target)
{
	CategoryText text;

	if (is_regression(state))
	{
		*target = value_reader_number(&state->reader.label, label);
		return isfinite(*target) && fabs(*target) <= LEARNER_LARGEST;
	}
	value_reader_get_text(&state->reader.label, label, &text);
	*target = learner_class(state->reader.learner, text.bytes, text.length);
	category_text_free(&text);
	return true;
}

Datum
weir_importance_row(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Explaining *state = PG_ARGISNULL(0) ? NULL : (Explaining *) PG_GETARG_POINTER(0);
	double		target;

	if (state == NULL)
	{
		state = begin(fcinfo, context);
		feature_reader_init_label(&state->reader, get_fn_expr_argtype(fcinfo->flinfo, 3));
		state->rounds = (int) integer_argument(fcinfo, 4, "rounds", false, 5, 1, MOST_ROUNDS);
		state->seed = integer_argument(fcinfo, 5, "seed", true, 1, PG_INT64_MIN, PG_INT64_MAX);
	}
	if (!PG_ARGISNULL(2) && !PG_ARGISNULL(3) && read_target(state, PG_GETARG_DATUM(3), &target))
	{
		feature_reader_read(&state->reader, PG_GETARG_DATUM(2), false);
		keep(state, target);
	}
	PG_RETURN_POINTER(state);
}

Datum
weir_importance_final(PG_FUNCTION_ARGS)
{
	Explaining *state;
	TupleDesc	shape;
	size_t	   *permutation;
	Datum	   *rows;
	double		score;
	int			n;

	if (PG_ARGISNULL(0) || ((Explaining *) PG_GETARG_POINTER(0))->kept->n == 0)
		PG_RETURN_NULL();
	state = (Explaining *) PG_GETARG_POINTER(0);
	n = state->kept->n_features;
	shape = lookup_rowtype_tupdesc_copy(extension_type("feature_importance"), -1);
	permutation = MemoryContextAllocHuge(CurrentMemoryContext, state->kept->n * sizeof(size_t));
	rows = palloc(sizeof(Datum) * n);
	score = kept_rows_score(state->kept, 0, NULL);
	for (int i = 0; i < n; i++)
	{
		double		mean = 0;
		double		squares = 0;
		Datum		values[5];

		for (int round = 0; round < state->rounds; round++)
		{
			double		lost;
			double		off;

			permutation_draw(permutation, state->kept->n, (uint64_t) state->seed, (uint64_t) i * MOST_ROUNDS + round);
			lost = score - kept_rows_score(state->kept, i, permutation);
			off = lost - mean;
			mean += off / (round + 1);
			squares += off * (lost - mean);
		}
		values[0] = feature_label(state->reader.learner, i);
		values[1] = Float8GetDatum(mean);
		values[2] = Float8GetDatum(sqrt(squares / state->rounds));
		values[3] = Float8GetDatum(score);
		values[4] = Int64GetDatum((int64) state->kept->n);
		rows[i] = row_of(shape, values, 5);
	}
	return array_of_rows("feature_importance", rows, n);
}

/* ---- partial_dependence(model, features, feature [, class, resolution]) ---- */

Datum
weir_dependence_row(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Explaining *state = PG_ARGISNULL(0) ? NULL : (Explaining *) PG_GETARG_POINTER(0);

	if (state == NULL)
	{
		text	   *name;

		state = begin(fcinfo, context);
		if (PG_ARGISNULL(3))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"feature\" must not be null")));
		name = PG_GETARG_TEXT_PP(3);
		state->feature = learner_find_feature(state->reader.learner, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
		if (state->feature < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("the model has no feature \"%s\"", text_to_cstring(name)),
					 errhint("SELECT * FROM weir.learner_features(model) lists its features.")));
		if (state->feature >= learner_n_inputs(state->reader.learner))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("feature \"%s\" is added by the model itself, and does not change alone", text_to_cstring(name)),
					 errhint("Ask about the features that it is made of.")));
		state->class = class_argument(fcinfo, state, 4);
		/* Of two classes the second by name, as true of false and true. */
		if (state->class < 0 && !is_regression(state))
		{
			if (learner_n_classes(state->reader.learner) != 2)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("the model has %d classes: say which is meant", learner_n_classes(state->reader.learner)),
						 errhint("weir.partial_dependence(model, features, feature, class)")));
			state->class = 1 - learner_most_probable(state->reader.learner, (double[]){0.5, 0.5});
		}
		state->resolution = (int) integer_argument(fcinfo, 5, "resolution", false, FIRST_RESOLUTION, 2, MOST_RESOLUTION);
	}
	if (!PG_ARGISNULL(2))
	{
		feature_reader_read(&state->reader, PG_GETARG_DATUM(2), false);
		keep(state, 0);
	}
	PG_RETURN_POINTER(state);
}

Datum
weir_dependence_final(PG_FUNCTION_ARGS)
{
	Explaining *state;
	TupleDesc	shape;
	Datum	   *rows;
	double	   *grid;
	int			n;
	bool		is_categorical;

	if (PG_ARGISNULL(0) || ((Explaining *) PG_GETARG_POINTER(0))->kept->n == 0)
		PG_RETURN_NULL();
	state = (Explaining *) PG_GETARG_POINTER(0);
	shape = lookup_rowtype_tupdesc_copy(extension_type("dependence_point"), -1);
	is_categorical = learner_feature_is_categorical(state->reader.learner, state->feature);
	n = is_categorical ? learner_n_categories(state->reader.learner, state->feature) : state->resolution;
	grid = palloc(sizeof(double) * Max(n, 1));
	rows = palloc(sizeof(Datum) * Max(n, 1));
	if (!is_categorical)
		n = kept_rows_grid(state->kept, state->feature, state->resolution, grid);
	for (int i = 0; i < n; i++)
	{
		Datum		values[3];
		size_t		length = 0;
		const char *name = is_categorical ? learner_category_name(state->reader.learner, state->feature, i, &length) : NULL;

		values[0] = is_categorical ? PointerGetDatum(cstring_to_text_with_len(name, (int) length))
								   : CStringGetTextDatum(double_to_shortest_decimal(grid[i]));
		values[1] =
			Float8GetDatum(kept_rows_mean_prediction(state->kept, state->feature, is_categorical ? i : grid[i], state->class));
		values[2] = Int64GetDatum((int64) state->kept->n);
		rows[i] = row_of(shape, values, 3);
	}
	return array_of_rows("dependence_point", rows, n);
}

/* ---- feature_attributions(model, features [, class]) ---- */

Datum
weir_attributions_row(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Explaining *state = PG_ARGISNULL(0) ? NULL : (Explaining *) PG_GETARG_POINTER(0);
	const Learner *learner;
	double		probabilities[LEARNER_MAX_CLASSES];
	double		bias;
	int			class;

	if (state == NULL)
	{
		Size		size;

		state = begin(fcinfo, context);
		learner = state->reader.learner;
		if (!learner_explains(learner_kind(learner)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("learner %s has no contributions of features", learner_name(learner_kind(learner))),
					 errhint("weir.permutation_importance explains every model.")));
		state->class = class_argument(fcinfo, state, 3);
		size = sizeof(double) * Max(learner_n_features(learner), 1);
		state->contributions = MemoryContextAllocZero(context, size);
		state->sums = MemoryContextAllocZero(context, size);
		state->absolute = MemoryContextAllocZero(context, size);
	}
	CHECK_FOR_INTERRUPTS();
	if (PG_ARGISNULL(2))
		PG_RETURN_POINTER(state);
	learner = state->reader.learner;
	feature_reader_read(&state->reader, PG_GETARG_DATUM(2), false);
	class = state->class;
	if (class < 0 && !is_regression(state))
	{
		learner_probabilities(learner, state->reader.row, probabilities);
		class = learner_most_probable(learner, probabilities);
	}
	learner_contributions(learner, state->reader.row, Max(class, 0), &bias, state->contributions);
	state->n++;
	for (int i = 0; i < learner_n_features(learner); i++)
	{
		state->sums[i] += state->contributions[i];
		state->absolute[i] += fabs(state->contributions[i]);
	}
	PG_RETURN_POINTER(state);
}

Datum
weir_attributions_final(PG_FUNCTION_ARGS)
{
	Explaining *state;
	TupleDesc	shape;
	Datum	   *rows;
	double		total = 0;
	int			n;
	int			n_rows = 0;

	if (PG_ARGISNULL(0) || ((Explaining *) PG_GETARG_POINTER(0))->n == 0)
		PG_RETURN_NULL();
	state = (Explaining *) PG_GETARG_POINTER(0);
	n = learner_n_features(state->reader.learner);
	shape = lookup_rowtype_tupdesc_copy(extension_type("feature_attribution"), -1);
	rows = palloc(sizeof(Datum) * n);
	for (int i = 0; i < n; i++)
		total += state->absolute[i];
	for (int i = 0; i < n; i++)
	{
		Datum		values[5];

		if (learner_feature_source(state->reader.learner, i) != i)
			continue;
		values[0] = feature_label(state->reader.learner, i);
		values[1] = Float8GetDatum(state->absolute[i] / (double) state->n);
		values[2] = Float8GetDatum(total > 0 ? state->absolute[i] / total : NAN);
		values[3] = Float8GetDatum(state->sums[i] / (double) state->n);
		values[4] = Int64GetDatum(state->n);
		rows[n_rows++] = row_of(shape, values, 5);
	}
	return array_of_rows("feature_attribution", rows, n_rows);
}
