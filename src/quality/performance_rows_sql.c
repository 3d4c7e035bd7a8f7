/*
 * performance_rows_sql.c
 *		What a performance says, as rows: metrics, confusion matrix, classes, curves, gains; and its business value.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/distributions.h"
#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "fairness/fairness_metrics.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "quality/class_performance.h"
#include "quality/performance_datum.h"
#include "quality/performance_metric.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_performance_metrics);
PG_FUNCTION_INFO_V1(weir_performance_kind);
PG_FUNCTION_INFO_V1(weir_performance_counts);
PG_FUNCTION_INFO_V1(weir_confusion_matrix);
PG_FUNCTION_INFO_V1(weir_class_report);
PG_FUNCTION_INFO_V1(weir_threshold_curve);
PG_FUNCTION_INFO_V1(weir_gain_table);
PG_FUNCTION_INFO_V1(weir_business_value);

static double
ratio(double numerator, double denominator)
{
	return denominator == 0 ? NAN : numerator / denominator;
}

static void
require_kind(const Performance *performance, PerformanceKind kind, const char *what)
{
	if (performance->kind != kind)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("%s is not defined for this performance", what),
				 kind == PERFORMANCE_BINARY ? errhint("It needs one of weir.binary_performance(label, score).")
											: errhint("It needs one of weir.class_performance(label, prediction).")));
}

/* ---- metrics ---- */

typedef struct MetricRows
{
	ReturnSetInfo *result;
	int			n_wanted;		/* -1: all */
	char	  **wanted;
	bool	   *found;
} MetricRows;

static void
put_metric(void *context, const PerformanceScore *score)
{
	MetricRows *rows = context;
	Datum		values[7] = {0};
	bool		nulls[7] = {false};
	bool		is_wanted = rows->n_wanted < 0;

	for (int i = 0; i < rows->n_wanted; i++)
		if (strcmp(rows->wanted[i], score->name) == 0)
			is_wanted = rows->found[i] = true;
	if (!is_wanted)
		return;
	values[0] = CStringGetTextDatum(score->name);
	nulls[1] = !score->has_value;
	values[1] = Float8GetDatum(score->value);
	nulls[2] = nulls[3] = !score->has_interval;
	values[2] = Float8GetDatum(score->low);
	values[3] = Float8GetDatum(score->high);
	values[4] = Int64GetDatum(score->n);
	values[5] = CStringGetTextDatum(score_status_name(score->status));
	nulls[6] = !score->has_value;
	values[6] = Float8GetDatum(score->error_bound);
	tuplestore_putvalues(rows->result->setResult, rows->result->setDesc, values, nulls);
}

static void
read_wanted(MetricRows *rows, ArrayType *array)
{
	Datum	   *names;
	bool	   *nulls;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &rows->n_wanted);
	rows->wanted = palloc(mul_size(sizeof(char *), rows->n_wanted + 1));
	rows->found = palloc0(mul_size(sizeof(bool), rows->n_wanted + 1));
	for (int i = 0; i < rows->n_wanted; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a metric's name must not be null")));
		rows->wanted[i] = TextDatumGetCString(names[i]);
	}
}

static PerformanceOptions
read_options(FunctionCallInfo fcinfo)
{
	PerformanceOptions options =
		PERFORMANCE_OPTIONS(PG_ARGISNULL(1) ? 0.5 : PG_GETARG_FLOAT8(1),
							performance_normal_of_confidence(PG_ARGISNULL(3) ? 0.95 : PG_GETARG_FLOAT8(3)));

	options.min_n = PG_ARGISNULL(4) ? 1 : PG_GETARG_INT32(4);
	options.beta = PG_ARGISNULL(5) ? NAN : PG_GETARG_FLOAT8(5);
	options.n_features = PG_ARGISNULL(6) ? -1 : PG_GETARG_INT32(6);
	options.quantile = PG_ARGISNULL(7) ? NAN : PG_GETARG_FLOAT8(7);
	if (isnan(options.threshold))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("threshold must be a number")));
	if (!PG_ARGISNULL(5) && !(options.beta > 0 && isfinite(options.beta)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("beta must be a number above 0"),
				 errhint("2 counts recall twice as much as precision, 0.5 half as much.")));
	if (!PG_ARGISNULL(6) && options.n_features < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("n_features must not be negative")));
	if (!PG_ARGISNULL(7) && !(options.quantile > 0 && options.quantile < 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("quantile must lie between 0 and 1")));
	return options;
}

static bool
needs_argument(const char *metric)
{
	const PerformanceMetric *known = performance_metric_find(metric);

	return known != NULL && known->option != NULL;
}

Datum
weir_performance_metrics(PG_FUNCTION_ARGS)
{
	MetricRows	rows = {.result = (ReturnSetInfo *) fcinfo->resultinfo, .n_wanted = -1};
	PerformanceOptions options = read_options(fcinfo);
	const Performance *performance;

	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(2))
		read_wanted(&rows, PG_GETARG_ARRAYTYPE_P(2));
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	performance = performance_borrow(PG_GETARG_DATUM(0));
	if (performance->kind == PERFORMANCE_BINARY)
		performance_binary_scores(performance, &options, put_metric, &rows);
	else if (performance->kind == PERFORMANCE_CLASS)
		performance_class_scores(performance, &options, put_metric, &rows);
	else
		performance_regression_scores(performance, &options, put_metric, &rows);
	for (int i = 0; i < rows.n_wanted; i++)
		if (!rows.found[i])
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no performance metric \"%s\" here", rows.wanted[i]),
				 needs_argument(rows.wanted[i])
					 ? errhint(
						   "f_beta needs beta, adjusted_r2 needs n_features, pinball_loss and coverage need quantile; areas of several "
						   "classes are those of weir.class_ranking.")
					 : errhint("Without a list, performance_metrics gives all that this performance has.")));
	return (Datum) 0;
}

Datum
weir_performance_kind(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"binary", "class", "regression"};

	PG_RETURN_TEXT_P(cstring_to_text(names[performance_borrow(PG_GETARG_DATUM(0))->kind - 1]));
}

Datum
weir_performance_counts(PG_FUNCTION_ARGS)
{
	const Performance *performance = performance_borrow(PG_GETARG_DATUM(0));
	TupleDesc	description;
	Datum		values[3];
	bool		nulls[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the result is not a row");
	values[0] = Int64GetDatum(performance_n(performance));
	values[1] = Int64GetDatum(performance->n_unlabelled);
	values[2] = Int64GetDatum(performance->n_unpredicted);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls)));
}

/* ---- confusion matrix and classes ---- */

static void
put_pair(ReturnSetInfo *result, const char *label, size_t label_length, const char *prediction, size_t prediction_length, int64 n)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = PointerGetDatum(cstring_to_text_with_len(label, (int) label_length));
	values[1] = PointerGetDatum(cstring_to_text_with_len(prediction, (int) prediction_length));
	values[2] = Int64GetDatum(n);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static ScoreCell *
cells_of(const Performance *performance, size_t *n)
{
	return performance_cells(performance, allocator_in(CurrentMemoryContext), n);
}

Datum
weir_confusion_matrix(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const Performance *performance;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	performance = performance_borrow(PG_GETARG_DATUM(0));
	if (performance->kind == PERFORMANCE_BINARY)
	{
		size_t		n;
		ScoreCell  *cells = cells_of(performance, &n);
		Confusion	confusion;

		confusion_at(cells, n, PG_ARGISNULL(1) ? 0.5 : PG_GETARG_FLOAT8(1), &confusion);
		put_pair(result, "negative", 8, "negative", 8, confusion.true_negatives);
		put_pair(result, "negative", 8, "positive", 8, confusion.false_positives);
		put_pair(result, "positive", 8, "negative", 8, confusion.false_negatives);
		put_pair(result, "positive", 8, "positive", 8, confusion.true_positives);
	}
	else
	{
		const Summary *pairs;
		SummaryCategory *categories;
		size_t		n;

		require_kind(performance, PERFORMANCE_CLASS, "a confusion matrix");
		pairs = performance->parts[CLASS_PAIRS];
		n = summary_categories(pairs, NULL, 0);
		categories = palloc(mul_size(n + 1, sizeof(SummaryCategory)));
		summary_categories(pairs, categories, n);
		for (size_t i = 0; i < n; i++)
		{
			const char *label;
			const char *prediction;
			size_t		lengths[2];

			CHECK_FOR_INTERRUPTS();
			if (performance_pair(categories[i].bytes, categories[i].length, &label, &lengths[0], &prediction, &lengths[1]))
				put_pair(result, label, lengths[0], prediction, lengths[1], categories[i].count);
		}
	}
	return (Datum) 0;
}

Datum
weir_class_report(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	double		z = performance_normal_of_confidence(PG_ARGISNULL(1) ? 0.95 : PG_GETARG_FLOAT8(1));
	const Performance *performance;
	ClassCounts *classes;
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	performance = performance_borrow(PG_GETARG_DATUM(0));
	require_kind(performance, PERFORMANCE_CLASS, "a report by class");
	classes = performance_classes(performance, allocator_in(CurrentMemoryContext), &n);
	for (size_t i = 0; i < n; i++)
	{
		const ClassCounts *class = &classes[i];
		Proportion	rates[2] = {{class->n_correct, class->n_predicted}, {class->n_correct, class->n_labelled}};
		Datum		values[10] = {0};
		bool		nulls[10] = {false};
		int			column = 0;

		values[column++] = PointerGetDatum(cstring_to_text_with_len(class->name, (int) class->length));
		values[column++] = Int64GetDatum(class->n_labelled);
		values[column++] = Int64GetDatum(class->n_predicted);
		for (int j = 0; j < 2; j++)
		{
			double		low = NAN;
			double		high = NAN;

			if (rates[j].trials > 0)
				wilson_interval(rates[j], z, &low, &high);
			values[column] =
				performance_float_or_null(ratio((double) rates[j].successes, (double) rates[j].trials), &nulls[column]);
			column++;
			values[column] = performance_float_or_null(low, &nulls[column]);
			column++;
			values[column] = performance_float_or_null(high, &nulls[column]);
			column++;
		}
		values[column] =
			performance_float_or_null(ratio(2 * (double) class->n_correct, (double) (class->n_labelled + class->n_predicted)),
									  &nulls[column]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- curves ---- */

/* One row per score that can be told apart, from the highest down: what a threshold there gives. */
Datum
weir_threshold_curve(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const Performance *performance;
	ScoreCell  *cells;
	size_t		n;
	double		negatives = 0;
	double		positives = 0;
	double		above[2] = {0, 0};

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	performance = performance_borrow(PG_GETARG_DATUM(0));
	require_kind(performance, PERFORMANCE_BINARY, "a curve over thresholds");
	cells = cells_of(performance, &n);
	for (size_t i = 0; i < n; i++)
	{
		negatives += (double) cells[i].negatives;
		positives += (double) cells[i].positives;
	}
	for (size_t i = n; i-- > 0;)
	{
		Datum		values[8];
		bool		nulls[8] = {false};

		CHECK_FOR_INTERRUPTS();
		above[0] += (double) cells[i].negatives;
		above[1] += (double) cells[i].positives;
		values[0] = Float8GetDatum(cells[i].lower);
		values[1] = Int64GetDatum((int64) above[1]);
		values[2] = Int64GetDatum((int64) above[0]);
		values[3] = performance_float_or_null(ratio(above[1], positives), &nulls[3]);
		values[4] = performance_float_or_null(ratio(above[0], negatives), &nulls[4]);
		values[5] = performance_float_or_null(ratio(above[1], above[0] + above[1]), &nulls[5]);
		values[6] = performance_float_or_null(ratio(2 * above[1], above[0] + above[1] + positives), &nulls[6]);
		values[7] = Float8GetDatum((above[0] + above[1]) / (negatives + positives));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* Rows by descending score in so many parts of the same size; the rows of a cell that an end cuts through are divided evenly. */
Datum
weir_gain_table(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int32		n_parts = PG_ARGISNULL(1) ? 10 : PG_GETARG_INT32(1);
	const Performance *performance;
	ScoreCell  *cells;
	size_t		n;
	size_t		next;
	double		total[2] = {0, 0};
	double		seen = 0;
	double		cumulated = 0;
	double		taken = 0;		/* of the cell at hand, the share that earlier parts have */

	InitMaterializedSRF(fcinfo, 0);
	if (n_parts < 1 || n_parts > 1000)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("parts must lie between 1 and 1000")));
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	performance = performance_borrow(PG_GETARG_DATUM(0));
	require_kind(performance, PERFORMANCE_BINARY, "a table of gains");
	cells = cells_of(performance, &n);
	for (size_t i = 0; i < n; i++)
	{
		total[0] += (double) cells[i].negatives;
		total[1] += (double) cells[i].positives;
	}
	next = n;
	for (int part = 1; part <= n_parts && total[0] + total[1] > 0; part++)
	{
		double		end = (total[0] + total[1]) * part / n_parts;
		double		size = end - seen;
		double		positives = 0;
		double		lowest = NAN;
		Datum		values[8];
		bool		nulls[8] = {false};

		while (next > 0 && seen < end)
		{
			const ScoreCell *cell = &cells[next - 1];
			double		rows = (double) (cell->negatives + cell->positives);
			double		share = fmin(1 - taken, (end - seen) / rows);

			positives += share * (double) cell->positives;
			seen += share * rows;
			taken += share;
			lowest = cell->lower;
			if (taken < 1 - 1e-12)
				break;
			taken = 0;
			next--;
		}
		seen = end;
		cumulated += positives;
		values[0] = Int32GetDatum(part);
		values[1] = performance_float_or_null(lowest, &nulls[1]);
		values[2] = Float8GetDatum(size);
		values[3] = Float8GetDatum(positives);
		values[4] = performance_float_or_null(ratio(positives, size), &nulls[4]);
		values[5] = performance_float_or_null(ratio(ratio(positives, size), total[1] / (total[0] + total[1])), &nulls[5]);
		values[6] = performance_float_or_null(ratio(cumulated, total[1]), &nulls[6]);
		values[7] = performance_float_or_null(ratio(ratio(cumulated, end), total[1] / (total[0] + total[1])), &nulls[7]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
weir_business_value(PG_FUNCTION_ARGS)
{
	const Performance *performance = performance_borrow(PG_GETARG_DATUM(0));
	size_t		n;
	ScoreCell  *cells;
	Confusion	confusion;

	require_kind(performance, PERFORMANCE_BINARY, "a business value");
	cells = cells_of(performance, &n);
	confusion_at(cells, n, PG_GETARG_FLOAT8(1), &confusion);
	PG_RETURN_FLOAT8(
		(double) confusion.true_positives * PG_GETARG_FLOAT8(2) + (double) confusion.false_positives * PG_GETARG_FLOAT8(3) +
		(double) confusion.true_negatives * PG_GETARG_FLOAT8(4) + (double) confusion.false_negatives * PG_GETARG_FLOAT8(5));
}
