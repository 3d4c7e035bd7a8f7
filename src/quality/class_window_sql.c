/*
 * class_window_sql.c
 *		estimate_classes: a model of several classes before the labels are there, from one performance per class.
 *
 * Each class's probability is mended against the rest on the reference, and all of them are scaled so that the expected rows of the
 * classes are as many as there are rows; a row's probabilities are not known together, so they are not scaled row by row.
 */
#include "postgres.h"

#include <math.h>

#include "base/memory.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "quality/calibrator_json.h"
#include "quality/performance_datum.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_estimate_classes);

/* Rows of a bin of probabilities, predicted as the class or not. */
typedef struct ClassBin
{
	double		n;
	double		p;
	bool		is_chosen;
} ClassBin;

typedef struct ClassEstimate
{
	size_t		n_bins;
	ClassBin   *bins;
	double		n_chosen;
	double		n_rows;
	double		expected;		/* rows of the class */
	double		correct;		/* of these, predicted so */
} ClassEstimate;

static Datum *
performances_of(FunctionCallInfo fcinfo, int argument, int *n)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(argument);
	Datum	   *values;
	bool	   *nulls;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &values, &nulls, n);
	for (int i = 0; i < *n; i++)
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a performance must not be null"),
					 errhint("There is one per class, of the reference and of what is to be estimated.")));
	return values;
}

/* NULL: the scores are taken as they are. */
static Calibrator *
calibrator_of(const Performance *reference, const char *calibrate)
{
	Calibrator *calibrator = palloc(sizeof(Calibrator));
	size_t		n;
	ScoreCell  *cells = performance_cells(reference, allocator_in(CurrentMemoryContext), &n);

	if (strcmp(calibrate, "never") == 0 || (strcmp(calibrate, "auto") == 0 && !calibrator_is_needed(cells, n)) ||
		!calibrator_fit(calibrator, CALIBRATOR_ISOTONIC, cells, n, allocator_in(CurrentMemoryContext)))
		return NULL;
	return calibrator;
}

static ClassEstimate
estimate_class(const Performance *reference, const Performance *choices, const char *calibrate)
{
	Calibrator *calibrator = calibrator_of(reference, calibrate);
	ClassEstimate estimate = {0};
	size_t		room = 0;

	for (int part = BINARY_NEGATIVES; part <= BINARY_POSITIVES; part++)
		room += summary_bins(choices->parts[part], summary_level(choices->parts[part]), NULL, 0);
	estimate.bins = palloc(mul_size(room + 1, sizeof(ClassBin)));
	for (int part = BINARY_NEGATIVES; part <= BINARY_POSITIVES; part++)
	{
		const Summary *scores = choices->parts[part];
		size_t		n = summary_bins(scores, summary_level(scores), NULL, 0);
		SummaryBin *bins = palloc(mul_size(n + 1, sizeof(SummaryBin)));

		summary_bins(scores, summary_level(scores), bins, n);
		for (size_t i = 0; i < n; i++)
		{
			double		score = bins[i].lower + (bins[i].lower == bins[i].upper ? 0 : (bins[i].upper - bins[i].lower) / 2);
			ClassBin   *bin = &estimate.bins[estimate.n_bins++];

			bin->n = (double) bins[i].count;
			bin->p = calibrator != NULL ? calibrator_apply(calibrator, score) : fmin(1, fmax(0, score));
			bin->is_chosen = part == BINARY_POSITIVES;
			estimate.n_rows += bin->n;
			estimate.n_chosen += bin->is_chosen ? bin->n : 0;
			estimate.expected += bin->n * bin->p;
			estimate.correct += bin->is_chosen ? bin->n * bin->p : 0;
		}
	}
	return estimate;
}

/*
 * The variance of a metric whose derivative by the label of a row being the class is known, for rows predicted so and for others.
 * A row has one label: what all classes' derivatives have in common changes nothing, and the rest bounds the variance from above.
 */
static double
variance_of(const ClassEstimate *classes, int n_classes, const double *chosen, const double *other)
{
	double		weight = 0;
	double		mean = 0;
	double		sum = 0;

	for (int i = 0; i < n_classes; i++)
		for (size_t j = 0; j < classes[i].n_bins; j++)
		{
			const ClassBin *bin = &classes[i].bins[j];

			weight += bin->n * bin->p;
			mean += bin->n * bin->p * (bin->is_chosen ? chosen[i] : other[i]);
		}
	mean = weight > 0 ? mean / weight : 0;
	for (int i = 0; i < n_classes; i++)
		for (size_t j = 0; j < classes[i].n_bins; j++)
		{
			const ClassBin *bin = &classes[i].bins[j];
			double		slope = (bin->is_chosen ? chosen[i] : other[i]) - mean;

			sum += bin->n * bin->p * slope * slope;
		}
	return sum;
}

static void
put_metric(ReturnSetInfo *result, const char *name, double value, double half, int64 n)
{
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = CStringGetTextDatum(name);
	values[1] = performance_float_or_null(value, &nulls[1]);
	values[2] = performance_float_or_null(isnan(value) ? NAN : fmax(0, value - half), &nulls[2]);
	values[3] = performance_float_or_null(isnan(value) ? NAN : fmin(1, value + half), &nulls[3]);
	values[4] = Int64GetDatum(n);
	values[5] = CStringGetTextDatum(isnan(value) ? "undefined" : "ok");
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
weir_estimate_classes(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"accuracy", "macro_precision", "macro_recall", "macro_f1"};
	char	   *calibrate = PG_ARGISNULL(2) ? pstrdup("auto") : text_to_cstring(PG_GETARG_TEXT_PP(2));
	double		z = performance_normal_of_confidence(PG_ARGISNULL(3) ? 0.95 : PG_GETARG_FLOAT8(3));
	Datum	   *references;
	Datum	   *choices;
	ClassEstimate *classes;
	double	   *slopes[2];
	double		total = 0;
	double		n_rows = 0;
	int			n_classes;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	if (strcmp(calibrate, "auto") != 0 && strcmp(calibrate, "always") != 0 && strcmp(calibrate, "never") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("calibrate must be auto, always or never")));
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	references = performances_of(fcinfo, 0, &n_classes);
	choices = performances_of(fcinfo, 1, &n);
	if (n != n_classes || n < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%d references but %d performances", n_classes, n),
				 errhint("There is one per class, of at least two classes.")));
	classes = palloc(mul_size(n, sizeof(ClassEstimate)));
	for (int side = 0; side < 2; side++)
		slopes[side] = palloc(mul_size(n, sizeof(double)));
	for (int i = 0; i < n; i++)
	{
		classes[i] =
			estimate_class(performance_of_probabilities(references[i]), performance_of_probabilities(choices[i]), calibrate);
		total += classes[i].expected;
		n_rows = Max(n_rows, classes[i].n_rows);
	}
	for (int i = 0; i < n && total > 0; i++)
	{
		double		scale = n_rows / total;

		classes[i].expected *= scale;
		classes[i].correct *= scale;
		for (size_t j = 0; j < classes[i].n_bins; j++)
			classes[i].bins[j].p *= scale;
	}
	for (int metric = 0; metric < lengthof(names); metric++)
	{
		double		value = n_rows > 0 ? 0 : NAN;

		for (int i = 0; i < n; i++)
		{
			const ClassEstimate *class = &classes[i];
			double		both = class->n_chosen + class->expected;
			double		recall = class->expected > 0 ? class->correct / class->expected : 0;
			double		own = metric == 0                 ? class->correct / n_rows
				: metric == 1 && class->n_chosen > 0 ? class->correct / class->n_chosen / n
				: metric == 2                        ? recall / n
				: metric == 3 && both > 0            ? 2 * class->correct / both / n
													 : 0;

			value += own;
			/* By a label of the class more: of a row predicted so, of another. */
			slopes[0][i] = metric == 0               ? 1 / n_rows
				: metric == 1                        ? (class->n_chosen > 0 ? 1 / class->n_chosen / n : 0)
				: metric == 2 && class->expected > 0 ? (1 - recall) / class->expected / n
				: metric == 3 && both > 0            ? (2 - 2 * class->correct / both) / both / n
													 : 0;
			slopes[1][i] = metric == 2 && class->expected > 0 ? -recall / class->expected / n
				: metric == 3 && both > 0                     ? -2 * class->correct / both / both / n
															  : 0;
		}
		put_metric((ReturnSetInfo *) fcinfo->resultinfo, names[metric], value,
				   z * sqrt(variance_of(classes, n, slopes[0], slopes[1])), (int64) n_rows);
	}
	return (Datum) 0;
}
