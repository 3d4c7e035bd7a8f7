/*
 * loss_model_sql.c
 *		Performance of a regression before the labels are there: fit_loss_model, expected_loss, estimate_regression_performance.
 */
#include "postgres.h"

#include <math.h>

#include "base/aggregate.h"
#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "quality/estimated_metric.h"
#include "quality/loss_model.h"
#include "quality/performance_datum.h"
#include "storage/shmem.h"
#include "summary/summary_datum.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(weir_fit_loss_model_accumulate);
PG_FUNCTION_INFO_V1(weir_fit_loss_model_final);
PG_FUNCTION_INFO_V1(weir_expected_loss);
PG_FUNCTION_INFO_V1(weir_estimate_regression_accumulate);
PG_FUNCTION_INFO_V1(weir_estimate_regression_bare_accumulate);
PG_FUNCTION_INFO_V1(weir_estimate_regression_combine);
PG_FUNCTION_INFO_V1(weir_estimate_regression_serialize);
PG_FUNCTION_INFO_V1(weir_estimate_regression_deserialize);
PG_FUNCTION_INFO_V1(weir_estimate_regression_final);
PG_FUNCTION_INFO_V1(weir_estimate_regression);

#define MAX_FITTED_ROWS 262144
#define SMALL_BUDGET 16 /* of summaries of which only the mean is read */

static void
interrupt(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* ---- fitting ---- */

typedef struct FittedRows
{
	MemoryContext context;
	int			n_features;		/* with the prediction; 0: not known yet */
	size_t		n;
	size_t		capacity;
	double	   *rows;			/* label, prediction, features */
	uint64		seen;			/* labelled rows so far */
	uint64		stride;			/* every so many of them are kept */
} FittedRows;

/* Rows past what is kept: every other one goes, and half as many come. */
static void
thin_out(FittedRows *rows, size_t width)
{
	for (size_t i = 0; i < rows->n / 2; i++)
		memmove(rows->rows + i * width, rows->rows + 2 * i * width, width * sizeof(double));
	rows->n /= 2;
	rows->stride *= 2;
}

static int
count_features(ArrayType *features)
{
	int			n = features == NULL ? 0 : ArrayGetNItems(ARR_NDIM(features), ARR_DIMS(features));

	if (n >= LOSS_TREE_MAX_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there can be at most %d features", LOSS_TREE_MAX_FEATURES - 1)));
	return n;
}

/* NULL, NaN and infinity are missing. */
static void
read_features(ArrayType *features, double *place)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (features == NULL)
		return;
	deconstruct_array(features, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		place[i] = nulls[i] ? NAN : DatumGetFloat8(elements[i]);
		if (!isfinite(place[i]))
			place[i] = NAN;
	}
	pfree(elements);
	pfree(nulls);
}

/* (state, label, prediction [, features]) */
Datum
weir_fit_loss_model_accumulate(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	FittedRows *rows = PG_ARGISNULL(0) ? NULL : (FittedRows *) PG_GETARG_POINTER(0);
	ArrayType  *features = NULL;
	size_t		width;
	double	   *row;

	if (rows == NULL)
	{
		rows = MemoryContextAllocZero(context, sizeof(FittedRows));
		rows->context = context;
		rows->stride = 1;
	}
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || !isfinite(PG_GETARG_FLOAT8(1)) || !isfinite(PG_GETARG_FLOAT8(2)) ||
		(PG_NARGS() > 3 && PG_ARGISNULL(3)) || rows->seen++ % rows->stride != 0)
		PG_RETURN_POINTER(rows);
	if (PG_NARGS() > 3)
		features = PG_GETARG_ARRAYTYPE_P(3);
	if (rows->n_features == 0)
		rows->n_features = 1 + count_features(features);
	if (rows->n_features != 1 + count_features(features))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("features of different lengths: %d and %d", rows->n_features - 1, count_features(features))));
	width = (size_t) rows->n_features + 1;
	if (rows->n == rows->capacity)
	{
		size_t		capacity = rows->capacity == 0 ? 256 : 2 * rows->capacity;
		Allocator	allocator = allocator_in(context);

		rows->rows = allocator.resize(allocator.context, rows->rows, rows->capacity * width * sizeof(double),
									  mul_size(capacity, width * sizeof(double)));
		rows->capacity = capacity;
	}
	row = rows->rows + rows->n * width;
	row[0] = PG_GETARG_FLOAT8(1);
	row[1] = PG_GETARG_FLOAT8(2);
	read_features(features, row + 2);
	if (++rows->n == MAX_FITTED_ROWS)
		thin_out(rows, width);
	PG_RETURN_POINTER(rows);
}

Datum
weir_fit_loss_model_final(PG_FUNCTION_ARGS)
{
	FittedRows *rows = PG_ARGISNULL(0) ? NULL : (FittedRows *) PG_GETARG_POINTER(0);
	LossModel  *model;
	bytea	   *result;
	size_t		size;

	if (rows == NULL || rows->n == 0)
		PG_RETURN_NULL();
	model = loss_model_fit(allocator_in(CurrentMemoryContext), rows->rows, rows->n, rows->n_features, interrupt);
	size = loss_model_encode(model, NULL);
	result = palloc(size + VARHDRSZ);
	SET_VARSIZE(result, size + VARHDRSZ);
	loss_model_encode(model, (uint8_t *) VARDATA(result));
	loss_model_free(model);
	PG_RETURN_BYTEA_P(result);
}

/* ---- applying ---- */

static LossModel *
model_of(bytea *bytes, MemoryContext context)
{
	LossModel  *model = loss_model_decode(allocator_in(context), (const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));

	if (model == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("this is no model of losses"),
				 errhint("Take one from weir.fit_loss_model(label, prediction, features).")));
	return model;
}

/* The bins of a row; false when the prediction is none. */
static bool
row_bins(const LossModel *model, double prediction, ArrayType *features, double *values, uint8_t *bins)
{
	if (!isfinite(prediction))
		return false;
	if (count_features(features) + 1 != model->bins->n_features)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the model was fitted with %d features, not %d", model->bins->n_features - 1, count_features(features))));
	values[0] = prediction;
	read_features(features, values + 1);
	loss_model_bins(model, values, bins);
	return true;
}

typedef struct CachedModel
{
	bytea	   *bytes;
	MemoryContext context;
	LossModel  *model;
} CachedModel;

/* The model last used at this place of the query: it is the same for all rows as a rule. */
static const LossModel *
cached_model(FunctionCallInfo fcinfo, bytea *bytes)
{
	CachedModel *cached = fcinfo->flinfo->fn_extra;

	if (cached == NULL)
	{
		cached = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CachedModel));
		cached->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "weir loss model", ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = cached;
	}
	if (cached->bytes == NULL || VARSIZE(cached->bytes) != VARSIZE(bytes) || memcmp(cached->bytes, bytes, VARSIZE(bytes)) != 0)
	{
		cached->bytes = NULL;
		MemoryContextReset(cached->context);
		cached->model = model_of(bytes, cached->context);
		cached->bytes = MemoryContextAlloc(cached->context, VARSIZE(bytes));
		memcpy(cached->bytes, bytes, VARSIZE(bytes));
	}
	return cached->model;
}

static LossKind
read_kind(const char *name)
{
	for (int i = 0; i < LOSS_N_KINDS; i++)
		if (strcmp(name, loss_names[i]) == 0)
			return (LossKind) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no loss \"%s\"", name),
			 errhint("There are absolute, squared, percentage and squared_logarithmic.")));
	return LOSS_ABSOLUTE;		/* not reached */
}

/* (model, prediction, features, loss) */
Datum
weir_expected_loss(PG_FUNCTION_ARGS)
{
	const LossModel *model;
	LossKind	kind = PG_ARGISNULL(3) ? LOSS_ABSOLUTE : read_kind(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	double		values[LOSS_TREE_MAX_FEATURES];
	uint8_t		bins[LOSS_TREE_MAX_FEATURES];

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	model = cached_model(fcinfo, PG_GETARG_BYTEA_P(0));
	if (model->trees[kind] == NULL ||
		!row_bins(model, PG_GETARG_FLOAT8(1), PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2), values, bins))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(loss_trees_apply(model->trees[kind], bins));
}

/* ---- estimating ---- */

typedef struct RegressionEstimate
{
	double		z;
	bool		fitted[LOSS_N_KINDS];
	double		deviation[LOSS_N_KINDS];
	Summary	   *losses[LOSS_N_KINDS]; /* exact sums, in whatever order rows come */
	LossModel  *model;			/* NULL in what other processes have sent */
} RegressionEstimate;

static RegressionEstimate *
create_estimate(MemoryContext context, double z)
{
	RegressionEstimate *estimate = MemoryContextAllocZero(context, sizeof(RegressionEstimate));

	estimate->z = z;
	for (int i = 0; i < LOSS_N_KINDS; i++)
		estimate->losses[i] = summary_create(allocator_in(context), SUMMARY_NUMERIC, SUMMARY_PLAIN, SMALL_BUDGET);
	return estimate;
}

static RegressionEstimate *
estimate_with(MemoryContext context, bytea *bytes, double confidence)
{
	RegressionEstimate *estimate = create_estimate(context, performance_normal_of_confidence(confidence));

	estimate->model = model_of(bytes, context);
	for (int i = 0; i < LOSS_N_KINDS; i++)
	{
		estimate->fitted[i] = estimate->model->trees[i] != NULL;
		estimate->deviation[i] = estimate->fitted[i] ? estimate->model->trees[i]->deviation : 0;
	}
	return estimate;
}

static void
estimate_row(RegressionEstimate *estimate, const uint8_t *bins)
{
	for (int i = 0; i < LOSS_N_KINDS; i++)
		if (estimate->fitted[i])
			summary_add_number(estimate->losses[i], loss_trees_apply(estimate->model->trees[i], bins));
}

/* argument: of the model; features lie between the prediction and it, or are none. */
static Datum
accumulate(FunctionCallInfo fcinfo, int argument)
{
	RegressionEstimate *estimate = PG_ARGISNULL(0) ? NULL : (RegressionEstimate *) PG_GETARG_POINTER(0);
	bool		has_features = argument == 3;
	double		values[LOSS_TREE_MAX_FEATURES];
	uint8_t		bins[LOSS_TREE_MAX_FEATURES];

	if (estimate == NULL)
	{
		/* The model of the first row holds for all. */
		if (PG_ARGISNULL(argument))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the model must not be null")));
		estimate = estimate_with(aggregate_context(fcinfo), PG_GETARG_BYTEA_PP(argument),
								 PG_NARGS() > argument + 1 && !PG_ARGISNULL(argument + 1) ? PG_GETARG_FLOAT8(argument + 1) : 0.95);
	}
	if (!PG_ARGISNULL(1) && !(has_features && PG_ARGISNULL(2)) &&
		row_bins(estimate->model, PG_GETARG_FLOAT8(1), has_features ? PG_GETARG_ARRAYTYPE_P(2) : NULL, values, bins))
		estimate_row(estimate, bins);
	PG_RETURN_POINTER(estimate);
}

Datum
weir_estimate_regression_accumulate(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, 3);
}

Datum
weir_estimate_regression_bare_accumulate(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, 2);
}

static void
merge(RegressionEstimate *into, const RegressionEstimate *from)
{
	for (int i = 0; i < LOSS_N_KINDS; i++)
	{
		into->fitted[i] = from->fitted[i];
		into->deviation[i] = from->deviation[i];
		summary_check_status(summary_merge(into->losses[i], from->losses[i]));
	}
}

Datum
weir_estimate_regression_combine(PG_FUNCTION_ARGS)
{
	RegressionEstimate *into = PG_ARGISNULL(0) ? NULL : (RegressionEstimate *) PG_GETARG_POINTER(0);
	RegressionEstimate *from = PG_ARGISNULL(1) ? NULL : (RegressionEstimate *) PG_GETARG_POINTER(1);

	if (from == NULL)
	{
		if (into == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(into);
	}
	if (into == NULL)
		into = create_estimate(aggregate_context(fcinfo), from->z);
	merge(into, from);
	PG_RETURN_POINTER(into);
}

/* For other processes, and other servers. */
Datum
weir_estimate_regression_serialize(PG_FUNCTION_ARGS)
{
	RegressionEstimate *estimate = (RegressionEstimate *) PG_GETARG_POINTER(0);
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendfloat8(&buffer, estimate->z);
	for (int i = 0; i < LOSS_N_KINDS; i++)
	{
		int			size = (int) summary_encoded_size(estimate->losses[i]);

		pq_sendbyte(&buffer, estimate->fitted[i]);
		pq_sendfloat8(&buffer, estimate->deviation[i]);
		pq_sendint32(&buffer, (uint32) size);
		enlargeStringInfo(&buffer, size);
		buffer.len += (int) summary_encode(estimate->losses[i], (uint8_t *) buffer.data + buffer.len);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

Datum
weir_estimate_regression_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	RegressionEstimate *estimate = palloc0(sizeof(RegressionEstimate));
	StringInfoData buffer;

	(void) aggregate_context(fcinfo);
	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, VARDATA_ANY(bytes), (int) VARSIZE_ANY_EXHDR(bytes));
	estimate->z = pq_getmsgfloat8(&buffer);
	for (int i = 0; i < LOSS_N_KINDS; i++)
	{
		int			size;

		estimate->fitted[i] = pq_getmsgbyte(&buffer) != 0;
		estimate->deviation[i] = pq_getmsgfloat8(&buffer);
		size = (int) pq_getmsgint(&buffer, 4);
		summary_check_status(summary_decode(allocator_in(CurrentMemoryContext), (const uint8_t *) pq_getmsgbytes(&buffer, size),
											(size_t) size, &estimate->losses[i]));
	}
	pq_getmsgend(&buffer);
	PG_RETURN_POINTER(estimate);
}

/* ---- results ---- */

static void
add_means(EstimatedMetrics *metrics, const char *name, const char *root_name, double mean, double half, int64 n)
{
	double		low = fmax(0, mean - half);

	estimated_metrics_add(metrics, name, NULL, mean, low, mean + half, n);
	if (root_name != NULL)
		estimated_metrics_add(metrics, root_name, NULL, sqrt(mean), sqrt(low), sqrt(mean + half), n);
}

/* means: NaN where the loss was not fitted. */
static Datum
told(FunctionCallInfo fcinfo, const double *means, const double *deviations, double z, int64 n)
{
	static const char *const names[LOSS_N_KINDS][2] = {
		{"mean_absolute_error", NULL},
		{"mean_squared_error", "root_mean_squared_error"},
		{"mean_absolute_percentage_error", NULL},
		{"mean_squared_logarithmic_error", "root_mean_squared_logarithmic_error"},
	};
	EstimatedMetrics *metrics = estimated_metrics_begin(fcinfo);

	for (int i = 0; i < LOSS_N_KINDS; i++)
		add_means(metrics, names[i][0], names[i][1], means[i], z * deviations[i] / sqrt((double) n), n);
	return estimated_metrics_end(metrics);
}

Datum
weir_estimate_regression_final(PG_FUNCTION_ARGS)
{
	RegressionEstimate *estimate;
	double		means[LOSS_N_KINDS];
	int64		n = 0;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	estimate = (RegressionEstimate *) PG_GETARG_POINTER(0);
	for (int i = 0; i < LOSS_N_KINDS; i++)
	{
		n = Max(n, summary_n(estimate->losses[i]));
		if (!summary_mean(estimate->losses[i], &means[i]))
			means[i] = NAN;
	}
	return told(fcinfo, means, estimate->deviation, estimate->z, n);
}

/* (predictions, model, confidence): a model without features, and a summary of predictions. */
Datum
weir_estimate_regression(PG_FUNCTION_ARGS)
{
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	Summary	   *predictions;
	LossModel  *model;
	SummaryBin *bins;
	size_t		n_bins;
	double		sums[LOSS_N_KINDS] = {0};
	double		deviations[LOSS_N_KINDS] = {0};
	int64		n = 0;
	double		z = performance_normal_of_confidence(PG_ARGISNULL(2) ? 0.95 : PG_GETARG_FLOAT8(2));

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	predictions = summary_from_datum(allocator, PG_GETARG_DATUM(0));
	if (summary_kind(predictions) != SUMMARY_NUMERIC)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("the summary is not one of numbers")));
	model = model_of(PG_GETARG_BYTEA_PP(1), CurrentMemoryContext);
	n_bins = summary_bins(predictions, summary_level(predictions), NULL, 0);
	bins = palloc(mul_size(n_bins + 1, sizeof(SummaryBin)));
	summary_bins(predictions, summary_level(predictions), bins, n_bins);
	for (size_t i = 0; i < n_bins; i++)
	{
		double		value = bins[i].lower == bins[i].upper ? bins[i].lower : bins[i].lower + (bins[i].upper - bins[i].lower) / 2;
		double		values[LOSS_TREE_MAX_FEATURES];
		uint8_t		row[LOSS_TREE_MAX_FEATURES];

		if (!row_bins(model, value, NULL, values, row))
			continue;
		n += bins[i].count;
		for (int kind = 0; kind < LOSS_N_KINDS; kind++)
			if (model->trees[kind] != NULL)
				sums[kind] += (double) bins[i].count * loss_trees_apply(model->trees[kind], row);
	}
	for (int kind = 0; kind < LOSS_N_KINDS; kind++)
	{
		deviations[kind] = model->trees[kind] != NULL ? model->trees[kind]->deviation : 0;
		sums[kind] = model->trees[kind] != NULL && n > 0 ? sums[kind] / (double) n : NAN;
	}
	return told(fcinfo, sums, deviations, z, n);
}
