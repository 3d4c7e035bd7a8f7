/*
 * calibration_sql.c
 *		Calibration of a binary performance, and calibrators.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/distributions.h"
#include "base/memory.h"
#include "fairness/fairness_metrics.h"
#include "fmgr.h"
#include "funcapi.h"
#include "quality/calibrator_json.h"
#include "quality/performance_datum.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_calibration);
PG_FUNCTION_INFO_V1(weir_calibration_metrics);
PG_FUNCTION_INFO_V1(weir_fit_calibrator);
PG_FUNCTION_INFO_V1(weir_recalibrate);

const Performance *
performance_of_probabilities(Datum datum)
{
	const Performance *performance = performance_borrow(datum);

	if (performance->kind != PERFORMANCE_BINARY)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("calibration is not defined for this performance"),
				 errhint("It needs one of weir.binary_performance(label, score).")));
	if (summary_nan_count(performance->parts[BINARY_LOSSES]) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("scores lie outside [0, 1]"),
				 errdetail("Calibration is a property of probabilities."),
				 errhint("Make probabilities of them: weir.recalibrate(score, weir.fit_calibrator(performance, 'platt')).")));
	return performance;
}

/* ---- reliability ---- */

typedef struct Binned
{
	const Performance *performance;
	ScoreCell  *cells;
	size_t		n_cells;
	CalibrationBin bins[CALIBRATION_MAX_BINS];
	int			n_bins;
} Binned;

static Binned *
read_bins(FunctionCallInfo fcinfo)
{
	Binned	   *binned = palloc(sizeof(Binned));
	int32		n_bins = PG_ARGISNULL(1) ? 10 : PG_GETARG_INT32(1);
	char	   *method = PG_ARGISNULL(2) ? pstrdup("width") : text_to_cstring(PG_GETARG_TEXT_PP(2));
	CalibrationBinning binning = CALIBRATION_EQUAL_WIDTH;

	if (n_bins < 1 || n_bins > CALIBRATION_MAX_BINS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("bins must lie between 1 and %d", CALIBRATION_MAX_BINS)));
	if (strcmp(method, "mass") == 0)
		binning = CALIBRATION_EQUAL_MASS;
	else if (strcmp(method, "width") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no method \"%s\" of making bins", method),
				 errhint("It is width (the same width) or mass (the same number of rows).")));
	binned->performance = performance_of_probabilities(PG_GETARG_DATUM(0));
	binned->cells = performance_cells(binned->performance, allocator_in(CurrentMemoryContext), &binned->n_cells);
	binned->n_bins = calibration_bins(binned->cells, binned->n_cells, binning, n_bins, binned->bins);
	return binned;
}

Datum
weir_calibration(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	double		z = performance_normal_of_confidence(PG_ARGISNULL(3) ? 0.95 : PG_GETARG_FLOAT8(3));
	Binned	   *binned;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	binned = read_bins(fcinfo);
	for (int i = 0; i < binned->n_bins; i++)
	{
		const CalibrationBin *bin = &binned->bins[i];
		double		low = NAN;
		double		high = NAN;
		Datum		values[9];
		bool		nulls[9] = {false};

		if (bin->n > 0)
			wilson_interval((Proportion){(int64_t) bin->n_positive, (int64_t) bin->n}, z, &low, &high);
		values[0] = Int32GetDatum(i + 1);
		values[1] = Float8GetDatum(bin->low);
		values[2] = Float8GetDatum(bin->high);
		values[3] = Int64GetDatum((int64) bin->n);
		values[4] = Int64GetDatum((int64) bin->n_positive);
		values[5] = performance_float_or_null(bin->n > 0 ? bin->score_sum / bin->n : NAN, &nulls[5]);
		values[6] = performance_float_or_null(bin->n > 0 ? bin->n_positive / bin->n : NAN, &nulls[6]);
		values[7] = performance_float_or_null(low, &nulls[7]);
		values[8] = performance_float_or_null(high, &nulls[8]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* metric, value, p_value, n, status, error_bound */
static void
put_metric(ReturnSetInfo *result, const char *name, double value, double p_value, int64 n, double error_bound)
{
	Datum		values[6];
	bool		nulls[6] = {false};
	bool		is_defined = n > 0 && !isnan(value);

	values[0] = CStringGetTextDatum(name);
	values[1] = performance_float_or_null(is_defined ? value : NAN, &nulls[1]);
	values[2] = performance_float_or_null(is_defined ? p_value : NAN, &nulls[2]);
	values[3] = Int64GetDatum(n);
	values[4] = CStringGetTextDatum(is_defined ? "ok" : "undefined");
	values[5] = performance_float_or_null(is_defined ? error_bound : NAN, &nulls[5]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
weir_calibration_metrics(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Binned	   *binned;
	CalibrationScores scores;
	ScoreMoments moments = {.brier = NAN};
	Calibrator	curve;
	double		z;
	bool		has_curve;
	int64		n;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	binned = read_bins(fcinfo);
	n = performance_n(binned->performance);
	calibration_scores(binned->cells, binned->n_cells, binned->bins, binned->n_bins, &scores);
	if (n > 0)
		performance_score_moments(binned->performance, &moments);
	has_curve = calibrator_fit(&curve, CALIBRATOR_LOGIT, binned->cells, binned->n_cells, allocator_in(CurrentMemoryContext));
	put_metric(result, "expected_calibration_error", scores.expected_error, NAN, n, scores.score_bound);
	put_metric(result, "maximum_calibration_error", scores.maximum_error, NAN, n, NAN);
	put_metric(result, "root_mean_squared_calibration_error", scores.root_mean_squared_error, NAN, n, scores.score_bound);
	put_metric(result, "brier_score", moments.brier, NAN, n, 0);
	put_metric(result, "reliability", scores.reliability, NAN, n, NAN);
	put_metric(result, "resolution", scores.resolution, NAN, n, 0);
	put_metric(result, "uncertainty", scores.uncertainty, NAN, n, 0);
	put_metric(result, "within_bins", moments.brier - (scores.reliability - scores.resolution + scores.uncertainty), NAN, n, NAN);
	put_metric(result, "calibration_in_the_large", moments.base_rate - moments.mean_score, NAN, n, 0);
	put_metric(result, "calibration_slope", has_curve ? curve.coefficients[1] : NAN, NAN, n, NAN);
	put_metric(result, "calibration_intercept", has_curve ? curve.coefficients[0] : NAN, NAN, n, NAN);
	put_metric(result, "hosmer_lemeshow", isfinite(scores.hosmer_lemeshow) ? scores.hosmer_lemeshow : NAN,
			   scores.hosmer_lemeshow_bins > 2 ? chi_square_upper(scores.hosmer_lemeshow, scores.hosmer_lemeshow_bins - 2) : NAN, n,
			   NAN);
	z = calibration_spiegelhalter(binned->performance);
	put_metric(result, "spiegelhalter_z", z, normal_two_sided(z), n, 0);
	return (Datum) 0;
}

/* ---- calibrators ---- */

Datum
weir_fit_calibrator(PG_FUNCTION_ARGS)
{
	CalibratorMethod method = calibrator_method(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	const Performance *performance = method == CALIBRATOR_ISOTONIC || method == CALIBRATOR_PLATT
		? performance_borrow(PG_GETARG_DATUM(0))
		: performance_of_probabilities(PG_GETARG_DATUM(0));
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	size_t		n_cells;
	ScoreCell  *cells;
	Calibrator	calibrator;
	JsonbInState state = {0};

	if (performance->kind != PERFORMANCE_BINARY)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("calibration is not defined for this performance"),
				 errhint("It needs one of weir.binary_performance(label, score).")));
	cells = performance_cells(performance, allocator, &n_cells);
	if (!calibrator_fit(&calibrator, method, cells, n_cells, allocator))
		PG_RETURN_NULL();
	calibrator_push(&state, &calibrator);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(state.result));
}

/* The calibrator last used at this place of the query: it is the same for all rows as a rule. */
typedef struct CachedCalibrator
{
	Jsonb	   *json;
	MemoryContext context;
	Calibrator	calibrator;
} CachedCalibrator;

Datum
weir_recalibrate(PG_FUNCTION_ARGS)
{
	Jsonb	   *json = PG_GETARG_JSONB_P(1);
	CachedCalibrator *cached = fcinfo->flinfo->fn_extra;
	double		result;

	if (cached == NULL)
	{
		cached = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CachedCalibrator));
		cached->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "weir calibrator", ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = cached;
	}
	if (cached->json == NULL || VARSIZE(cached->json) != VARSIZE(json) || memcmp(cached->json, json, VARSIZE(json)) != 0)
	{
		MemoryContext old;

		cached->json = NULL;
		MemoryContextReset(cached->context);
		old = MemoryContextSwitchTo(cached->context);
		calibrator_read(&json->root, &cached->calibrator);
		cached->json = palloc(VARSIZE(json));
		memcpy(cached->json, json, VARSIZE(json));
		MemoryContextSwitchTo(old);
	}
	result = calibrator_apply(&cached->calibrator, PG_GETARG_FLOAT8(0));
	if (isnan(result))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(result);
}
