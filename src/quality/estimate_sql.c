/*
 * estimate_sql.c
 *		estimate_performance: a binary model before the labels are there, as rows.
 */
#include "postgres.h"

#include "base/memory.h"
#include "fmgr.h"
#include "funcapi.h"
#include "quality/calibrator_json.h"
#include "quality/estimate.h"
#include "quality/performance_datum.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_can_estimate);
PG_FUNCTION_INFO_V1(weir_estimate_performance);

typedef struct EstimateRows
{
	ReturnSetInfo *result;
	int			n_realised;
	PerformanceScore realised[64];
} EstimateRows;

static void
keep_realised(void *context, const PerformanceScore *score)
{
	EstimateRows *rows = context;

	if (rows->n_realised < lengthof(rows->realised))
		rows->realised[rows->n_realised++] = *score;
}

static void
put_estimate(void *context, const PerformanceScore *score)
{
	EstimateRows *rows = context;
	Datum		values[8] = {0};
	bool		nulls[8] = {false};

	values[0] = CStringGetTextDatum(score->name);
	nulls[1] = !score->has_value;
	values[1] = Float8GetDatum(score->value);
	nulls[2] = nulls[3] = !score->has_interval;
	values[2] = Float8GetDatum(score->low);
	values[3] = Float8GetDatum(score->high);
	values[4] = Int64GetDatum(score->n);
	nulls[5] = true;
	values[6] = Int64GetDatum(0);
	for (int i = 0; i < rows->n_realised; i++)
		if (strcmp(rows->realised[i].name, score->name) == 0)
		{
			nulls[5] = !rows->realised[i].has_value;
			values[5] = Float8GetDatum(rows->realised[i].value);
			values[6] = Int64GetDatum(rows->realised[i].n);
		}
	values[7] = CStringGetTextDatum(score_status_name(score->status));
	tuplestore_putvalues(rows->result->setResult, rows->result->setDesc, values, nulls);
}

/* Readings of a monitor leave out what would be an error here. */
static bool
are_probabilities(const Performance *performance)
{
	return performance->kind == PERFORMANCE_BINARY && summary_nan_count(performance->parts[BINARY_LOSSES]) == 0;
}

static bool
has_rows(const Summary *summary)
{
	SummaryStatistics statistics;

	summary_statistics(summary, &statistics);
	return statistics.n > 0;
}

Datum
weir_can_estimate(PG_FUNCTION_ARGS)
{
	const Performance *reference = performance_borrow(PG_GETARG_DATUM(0));
	const Performance *current = performance_borrow(PG_GETARG_DATUM(1));
	bool		as_they_are = strcmp(text_to_cstring(PG_GETARG_TEXT_PP(2)), "never") == 0;

	PG_RETURN_BOOL(are_probabilities(reference) && are_probabilities(current) &&
				   (as_they_are || (has_rows(reference->parts[BINARY_NEGATIVES]) && has_rows(reference->parts[BINARY_POSITIVES]))));
}

Datum
weir_estimate_performance(PG_FUNCTION_ARGS)
{
	EstimateRows rows = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	double		threshold = PG_ARGISNULL(2) ? 0.5 : PG_GETARG_FLOAT8(2);
	char	   *calibrate = PG_ARGISNULL(3) ? pstrdup("auto") : text_to_cstring(PG_GETARG_TEXT_PP(3));
	double		z = performance_normal_of_confidence(PG_ARGISNULL(4) ? 0.95 : PG_GETARG_FLOAT8(4));
	int32		min_n = PG_ARGISNULL(5) ? 1 : PG_GETARG_INT32(5);
	const Performance *reference;
	const Performance *current;
	Calibrator	calibrator;
	bool		has_calibrator = false;
	size_t		n_cells;
	ScoreCell  *cells;

	InitMaterializedSRF(fcinfo, 0);
	if (strcmp(calibrate, "auto") != 0 && strcmp(calibrate, "always") != 0 && strcmp(calibrate, "never") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("calibrate must be auto, always or never")));
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	reference = performance_of_probabilities(PG_GETARG_DATUM(0));
	current = performance_of_probabilities(PG_GETARG_DATUM(1));
	cells = performance_cells(reference, allocator_in(CurrentMemoryContext), &n_cells);
	if (strcmp(calibrate, "always") == 0 || (strcmp(calibrate, "auto") == 0 && calibrator_is_needed(cells, n_cells)))
	{
		has_calibrator = calibrator_fit(&calibrator, CALIBRATOR_ISOTONIC, cells, n_cells, allocator_in(CurrentMemoryContext));
		if (!has_calibrator)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the reference has labels of one class only"),
					 errhint("Take a longer reference, or calibrate => 'never' where scores are probabilities.")));
	}
	performance_binary_scores(current, &(PerformanceOptions) PERFORMANCE_OPTIONS(threshold, z), keep_realised, &rows);
	performance_estimate(current, has_calibrator ? &calibrator : NULL, threshold, z, min_n, put_estimate, &rows);
	return (Datum) 0;
}
