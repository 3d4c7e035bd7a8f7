/*
 * class_estimate_sql.c
 *		Performance of a model of several classes before the labels are there: estimate_class_performance,
 *		expected_confusion_matrix.
 */
#include "postgres.h"

#include <math.h>

#include "base/aggregate.h"
#include "base/compat.h"
#include "base/memory.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "quality/calibrator_json.h"
#include "quality/class_arguments.h"
#include "quality/class_estimate.h"
#include "quality/estimated_metric.h"
#include "quality/performance_datum.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_class_estimate_accumulate);
PG_FUNCTION_INFO_V1(weir_class_estimate_combine);
PG_FUNCTION_INFO_V1(weir_class_estimate_serialize);
PG_FUNCTION_INFO_V1(weir_class_estimate_deserialize);
PG_FUNCTION_INFO_V1(weir_class_estimate_final);
PG_FUNCTION_INFO_V1(weir_expected_confusion_final);

/* ---- the state ---- */

typedef struct EstimateState
{
	ClassEstimate estimate;
	double		z;
	char	   *names[CLASS_ESTIMATE_MAX_CLASSES];
	const Calibrator *calibrators[CLASS_ESTIMATE_MAX_CLASSES];
} EstimateState;

static EstimateState *
create_state(MemoryContext context, int n_classes)
{
	EstimateState *state = MemoryContextAllocZero(context, sizeof(EstimateState));

	class_estimate_init(&state->estimate, n_classes, MemoryContextAllocZero(context, class_estimate_size(n_classes)));
	return state;
}

pg_noreturn static void
reject_calibrator(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("this is no calibrator of classes"),
			 errhint("Take one from weir.fit_class_calibrator(label, probabilities, classes).")));
}

static JsonbContainer *
elements_in(Jsonb *json, const char *name)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&json->root, name, (int) strlen(name), NULL);

	if (value == NULL || value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		reject_calibrator();
	return value->val.binary.data;
}

static EstimateState *
first_state(FunctionCallInfo fcinfo, Jsonb *json, double z)
{
	MemoryContext context = aggregate_context(fcinfo);
	MemoryContext old = MemoryContextSwitchTo(context);
	JsonbContainer *classes;
	JsonbContainer *calibrators;
	EstimateState *state;
	int			n;

	if (!JB_ROOT_IS_OBJECT(json))
		reject_calibrator();
	classes = elements_in(json, "classes");
	calibrators = elements_in(json, "calibrators");
	n = (int) JsonContainerSize(classes);
	if (n < 2 || n > CLASS_ESTIMATE_MAX_CLASSES || JsonContainerSize(calibrators) != n)
		reject_calibrator();
	state = create_state(context, n);
	state->z = z;
	for (int i = 0; i < n; i++)
	{
		JsonbValue *name = getIthJsonbValueFromContainer(classes, (uint32) i);
		JsonbValue *calibrator = getIthJsonbValueFromContainer(calibrators, (uint32) i);

		if (name->type != jbvString)
			reject_calibrator();
		state->names[i] = pnstrdup(name->val.string.val, name->val.string.len);
		if (calibrator->type == jbvNull)
			continue;
		if (calibrator->type != jbvBinary)
			reject_calibrator();
		state->calibrators[i] = palloc(sizeof(Calibrator));
		calibrator_read(calibrator->val.binary.data, (Calibrator *) state->calibrators[i]);
	}
	MemoryContextSwitchTo(old);
	return state;
}

/* (state, prediction, probabilities, calibrator [, confidence]) */
Datum
weir_class_estimate_accumulate(PG_FUNCTION_ARGS)
{
	EstimateState *state;
	const ValueReader *reader = class_reader(fcinfo, "prediction");
	double		raw[CLASS_ESTIMATE_MAX_CLASSES];
	double		mended[CLASS_ESTIMATE_MAX_CLASSES];
	CategoryText text;
	int			class;

	if (PG_ARGISNULL(0))
	{
		/* The calibrator of the first row holds for all. */
		if (PG_ARGISNULL(3))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the calibrator must not be null")));
		state = first_state(fcinfo, PG_GETARG_JSONB_P(3),
							performance_normal_of_confidence(PG_NARGS() > 4 && !PG_ARGISNULL(4) ? PG_GETARG_FLOAT8(4) : 0.95));
	}
	else
		state = (EstimateState *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(1) || !read_probabilities(fcinfo, 2, state->estimate.n_classes, raw))
		PG_RETURN_POINTER(state);
	value_reader_get_text(reader, PG_GETARG_DATUM(1), &text);
	class = class_of(state->names, state->estimate.n_classes, text.bytes, text.length, "prediction");
	category_text_free(&text);
	class_estimate_mend(state->estimate.n_classes, state->calibrators, raw, mended);
	class_estimate_add(&state->estimate, class, raw, mended);
	PG_RETURN_POINTER(state);
}

/* What a final function needs of a state: its names and its sums. */
static EstimateState *
copy_state(MemoryContext context, const EstimateState *from)
{
	EstimateState *state = create_state(context, from->estimate.n_classes);

	state->z = from->z;
	for (int i = 0; i < from->estimate.n_classes; i++)
		state->names[i] = MemoryContextStrdup(context, from->names[i]);
	class_estimate_merge(&state->estimate, &from->estimate);
	return state;
}

Datum
weir_class_estimate_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	EstimateState *into = PG_ARGISNULL(0) ? NULL : (EstimateState *) PG_GETARG_POINTER(0);
	EstimateState *from = PG_ARGISNULL(1) ? NULL : (EstimateState *) PG_GETARG_POINTER(1);

	if (from == NULL && into == NULL)
		PG_RETURN_NULL();
	if (from == NULL)
		PG_RETURN_POINTER(into);
	if (into == NULL)
		PG_RETURN_POINTER(copy_state(context, from));
	check_same_classes(into->names, into->estimate.n_classes, from->names, from->estimate.n_classes);
	class_estimate_merge(&into->estimate, &from->estimate);
	PG_RETURN_POINTER(into);
}

Datum
weir_class_estimate_serialize(PG_FUNCTION_ARGS)
{
	EstimateState *state = (EstimateState *) PG_GETARG_POINTER(0);
	ClassEstimate *estimate = &state->estimate;
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendint32(&buffer, estimate->n_classes);
	pq_sendfloat8(&buffer, state->z);
	pq_sendint64(&buffer, estimate->n);
	for (int i = 0; i < estimate->n_classes; i++)
	{
		pq_sendbytes(&buffer, state->names[i], (int) strlen(state->names[i]) + 1);
		pq_sendint64(&buffer, estimate->n_predicted[i]);
	}
	/* Between processes, and servers, of one kind of machine: as they lie in memory. */
	pq_sendbytes(&buffer, (const char *) estimate->expected, (int) class_estimate_size(estimate->n_classes));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

Datum
weir_class_estimate_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData buffer;
	EstimateState *state;
	double		z;
	int			n_classes;

	(void) aggregate_context(fcinfo);
	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	n_classes = pq_getmsgint(&buffer, 4);
	z = pq_getmsgfloat8(&buffer);
	if (n_classes < 2 || n_classes > CLASS_ESTIMATE_MAX_CLASSES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("serialized state of an aggregate is damaged")));
	state = create_state(CurrentMemoryContext, n_classes);
	state->z = z;
	state->estimate.n = pq_getmsgint64(&buffer);
	for (int i = 0; i < n_classes; i++)
	{
		state->names[i] = pstrdup(pq_getmsgrawstring(&buffer));
		state->estimate.n_predicted[i] = pq_getmsgint64(&buffer);
	}
	memcpy(state->estimate.expected, pq_getmsgbytes(&buffer, (int) class_estimate_size(n_classes)), class_estimate_size(n_classes));
	pq_getmsgend(&buffer);
	PG_RETURN_POINTER(state);
}

/* ---- results ---- */

typedef struct ScoreRows
{
	const EstimateState *state;
	EstimatedMetrics *metrics;
} ScoreRows;

static void
keep_score(void *context, const ClassScore *score)
{
	ScoreRows  *rows = context;
	double		half = rows->state->z * score->half_width;

	estimated_metrics_add(rows->metrics, score->name, score->class < 0 ? NULL : rows->state->names[score->class], score->value,
						  fmax(0, score->value - half), fmin(1, score->value + half), rows->state->estimate.n);
}

Datum
weir_class_estimate_final(PG_FUNCTION_ARGS)
{
	ScoreRows	rows;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	rows.state = (EstimateState *) PG_GETARG_POINTER(0);
	rows.metrics = estimated_metrics_begin(fcinfo);
	class_estimate_scores(&rows.state->estimate, allocator_in(CurrentMemoryContext), keep_score, &rows);
	PG_RETURN_DATUM(estimated_metrics_end(rows.metrics));
}

Datum
weir_expected_confusion_final(PG_FUNCTION_ARGS)
{
	EstimateState *state;
	EstimatedMetrics *cells;
	int			n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (EstimateState *) PG_GETARG_POINTER(0);
	n = state->estimate.n_classes;
	cells = estimated_metrics_begin(fcinfo);
	for (int class = 0; class < n; class ++)
		for (int prediction = 0; prediction < n; prediction++)
			expected_cells_add(cells, state->names[class], state->names[prediction],
							   class_estimate_expected(&state->estimate, prediction, class));
	PG_RETURN_DATUM(estimated_metrics_end(cells));
}
