/*
 * train_sql.c
 *		Learning: the aggregate train, the function learn for one row, and the window function test_then_train.
 */
#include "postgres.h"

#include "base/aggregate.h"
#include "learn/learner_datum.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "windowapi.h"

PG_FUNCTION_INFO_V1(weir_train_begin);
PG_FUNCTION_INFO_V1(weir_train_continue);
PG_FUNCTION_INFO_V1(weir_train_final);
PG_FUNCTION_INFO_V1(weir_learn);
PG_FUNCTION_INFO_V1(weir_test_then_train);

/* One row: nothing is learned where there is no label or no row. */
static void
learn_row(FeatureReader *reader, Datum features, Datum label)
{
	double		target;

	feature_reader_read(reader, features, true);
	if (feature_reader_target(reader, label, &target))
		learner_learn(reader->learner, reader->row, target, 1);
}

/* Whether a row with such a label is learned. */
static bool
is_label(const FeatureReader *reader, bool is_null)
{
	return !is_null || !learner_needs_label(learner_kind(reader->learner));
}

/* ---- train(learner, features, label [, options] ORDER BY ...) ---- */

typedef struct TrainState
{
	int			n_rows;
	FeatureReader reader;
} TrainState;

static TrainState *
train_state(FunctionCallInfo fcinfo, MemoryContext context, Learner *learner)
{
	TrainState *state = MemoryContextAllocZero(context, sizeof(TrainState));

	feature_reader_init(&state->reader, context, learner, get_fn_expr_argtype(fcinfo->flinfo, 2));
	feature_reader_init_label(&state->reader, get_fn_expr_argtype(fcinfo->flinfo, 3));
	return state;
}

static Datum
train_row(FunctionCallInfo fcinfo, TrainState *state)
{
	/* Learners of many trees take long for a row. */
	if ((++state->n_rows & 0xff) == 0)
		CHECK_FOR_INTERRUPTS();
	if (!PG_ARGISNULL(2) && is_label(&state->reader, PG_ARGISNULL(3)))
		learn_row(&state->reader, PG_GETARG_DATUM(2), PG_GETARG_DATUM(3));
	PG_RETURN_POINTER(state);
}

static void
require_argument_at(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_NARGS() > number && PG_ARGISNULL(number))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"%s\" must not be null", name)));
}

Datum
weir_train_begin(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	TrainState *state = PG_ARGISNULL(0) ? NULL : (TrainState *) PG_GETARG_POINTER(0);

	if (state == NULL)
	{
		require_argument_at(fcinfo, 1, "learner");
		require_argument_at(fcinfo, 4, "options");
		state = train_state(fcinfo, context,
							learner_from_names(context, text_to_cstring(PG_GETARG_TEXT_PP(1)),
											   PG_NARGS() > 4 ? PG_GETARG_JSONB_P(4) : NULL));
	}
	return train_row(fcinfo, state);
}

Datum
weir_train_continue(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	TrainState *state = PG_ARGISNULL(0) ? NULL : (TrainState *) PG_GETARG_POINTER(0);

	if (state == NULL)
	{
		require_argument_at(fcinfo, 1, "model");
		state = train_state(fcinfo, context, learner_from_datum(context, PG_GETARG_DATUM(1)));
	}
	return train_row(fcinfo, state);
}

Datum
weir_train_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	return learner_to_datum(((TrainState *) PG_GETARG_POINTER(0))->reader.learner);
}

/* ---- learn(model, features, label): the model after one more row ---- */

Datum
weir_learn(PG_FUNCTION_ARGS)
{
	FeatureReader reader;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		return PG_GETARG_DATUM(0);
	feature_reader_init(&reader, CurrentMemoryContext, learner_from_datum(CurrentMemoryContext, PG_GETARG_DATUM(0)),
						get_fn_expr_argtype(fcinfo->flinfo, 1));
	if (!is_label(&reader, PG_ARGISNULL(2)))
		return PG_GETARG_DATUM(0);
	feature_reader_init_label(&reader, get_fn_expr_argtype(fcinfo->flinfo, 2));
	learn_row(&reader, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2));
	return learner_to_datum(reader.learner);
}

/* ---- test_then_train(learner, features, label, options) OVER (ORDER BY ...) ---- */

/* Of a partition; all zero at first. */
typedef struct WindowState
{
	bool		is_started;
	FeatureReader reader;
} WindowState;

static FeatureReader *
window_reader(FunctionCallInfo fcinfo, WindowObject window)
{
	WindowState *state = WinGetPartitionLocalMemory(window, sizeof(WindowState));
	MemoryContext context = GetMemoryChunkContext(state);
	bool		no_learner;
	bool		no_options;
	Datum		learner;
	Datum		options;

	if (state->is_started)
		return &state->reader;
	learner = WinGetFuncArgCurrent(window, 0, &no_learner);
	options = WinGetFuncArgCurrent(window, 3, &no_options);
	if (no_learner || no_options)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", no_learner ? "learner" : "options")));
	feature_reader_init(&state->reader, context, learner_from_names(context, TextDatumGetCString(learner), DatumGetJsonbP(options)),
						get_fn_expr_argtype(fcinfo->flinfo, 1));
	feature_reader_init_label(&state->reader, get_fn_expr_argtype(fcinfo->flinfo, 2));
	state->is_started = true;
	return &state->reader;
}

Datum
weir_test_then_train(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	FeatureReader *reader = window_reader(fcinfo, window);
	bool		no_features;
	bool		no_label;
	Datum		features = WinGetFuncArgCurrent(window, 1, &no_features);
	Datum		label = WinGetFuncArgCurrent(window, 2, &no_label);
	double		target;
	Datum		prediction;
	bool		is_known;

	CHECK_FOR_INTERRUPTS();
	/* Rows before this one are not asked for again. */
	WinSetMarkPosition(window, WinGetCurrentPosition(window));
	if (no_features)
		PG_RETURN_NULL();
	/* Categories become known before the prediction; that changes nothing of what it is. */
	no_label = !is_label(reader, no_label);
	/* What the features are, the first row with a label tells. */
	if (no_label && learner_n_features(reader->learner) == 0)
		PG_RETURN_NULL();
	feature_reader_read(reader, features, !no_label);
	prediction = learner_prediction(reader, &is_known);
	if (!no_label && feature_reader_target(reader, label, &target))
		learner_learn(reader->learner, reader->row, target, 1);
	if (!is_known)
		PG_RETURN_NULL();
	return prediction;
}
