/*
 * calibration_sql.c
 *		Calibration of a binary performance, calibrators, and performance without labels.
 *
 * A calibrator is jsonb: {"method": "isotonic", "scores": [...], "values": [...]} or {"method": "platt", "coefficients": [...]}.
 */
#include "postgres.h"

#include <math.h>

#include "base/distributions.h"
#include "base/compat.h"
#include "base/memory.h"
#include "fairness/fairness_metrics.h"
#include "fmgr.h"
#include "funcapi.h"
#include "quality/estimate.h"
#include "quality/performance_datum.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(weir_calibration);
PG_FUNCTION_INFO_V1(weir_calibration_metrics);
PG_FUNCTION_INFO_V1(weir_fit_calibrator);
PG_FUNCTION_INFO_V1(weir_recalibrate);
PG_FUNCTION_INFO_V1(weir_estimate_performance);

#define MISCALIBRATION_P_VALUE 0.05 /* below it scores are mended before they are believed */
#define MISCALIBRATION_BINS 10

static const char *const method_names[] = {"isotonic", "platt", "logit", "temperature", "beta"};

static const Performance *
binary_performance(Datum datum)
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
	binned->performance = binary_performance(PG_GETARG_DATUM(0));
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

static CalibratorMethod
read_method(const char *name)
{
	for (int i = 0; i < lengthof(method_names); i++)
		if (strcmp(name, method_names[i]) == 0)
			return (CalibratorMethod) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no method of calibration \"%s\"", name),
			 errhint("There are isotonic, platt, logit, temperature and beta.")));
	return CALIBRATOR_ISOTONIC; /* not reached */
}

static void
push_numbers(JsonbParseState **state, const char *name, const double *numbers, size_t n)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = (char *) name;
	value.val.string.len = (int) strlen(name);
	pushJsonbValue(state, WJB_KEY, &value);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (size_t i = 0; i < n; i++)
	{
		JsonbValue	number = {.type = jbvNumeric};

		number.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(psprintf("%.17g", numbers[i])),
																 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
		pushJsonbValue(state, WJB_ELEM, &number);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

Datum
weir_fit_calibrator(PG_FUNCTION_ARGS)
{
	CalibratorMethod method = read_method(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	const Performance *performance = method == CALIBRATOR_ISOTONIC || method == CALIBRATOR_PLATT
		? performance_borrow(PG_GETARG_DATUM(0))
		: binary_performance(PG_GETARG_DATUM(0));
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	size_t		n_cells;
	ScoreCell  *cells;
	Calibrator	calibrator;
	JsonbParseState *state = NULL;
	JsonbValue	value = {.type = jbvString};

	if (performance->kind != PERFORMANCE_BINARY)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("calibration is not defined for this performance"),
				 errhint("It needs one of weir.binary_performance(label, score).")));
	cells = performance_cells(performance, allocator, &n_cells);
	if (!calibrator_fit(&calibrator, method, cells, n_cells, allocator))
		PG_RETURN_NULL();
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	value.val.string.val = (char *) "method";
	value.val.string.len = 6;
	pushJsonbValue(&state, WJB_KEY, &value);
	value.val.string.val = (char *) method_names[method];
	value.val.string.len = (int) strlen(method_names[method]);
	pushJsonbValue(&state, WJB_VALUE, &value);
	if (method == CALIBRATOR_ISOTONIC)
	{
		push_numbers(&state, "scores", calibrator.scores, calibrator.n_points);
		push_numbers(&state, "values", calibrator.values, calibrator.n_points);
	}
	else
		push_numbers(&state, "coefficients", calibrator.coefficients, 3);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

pg_noreturn static void
reject_calibrator(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("this is no calibrator"),
			 errhint("Take one from weir.fit_calibrator(performance, method).")));
}

static double *
read_numbers(Jsonb *json, const char *name, size_t *n)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&json->root, name, (int) strlen(name), NULL);
	double	   *numbers;

	if (value == NULL || value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		reject_calibrator();
	*n = JsonContainerSize(value->val.binary.data);
	numbers = palloc(sizeof(double) * (*n + 1));
	for (size_t i = 0; i < *n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(value->val.binary.data, (uint32) i);

		if (element->type != jbvNumeric)
			reject_calibrator();
		numbers[i] = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(element->val.numeric)));
	}
	return numbers;
}

static void
read_calibrator(Jsonb *json, Calibrator *calibrator)
{
	JsonbValue *method;
	size_t		n;

	memset(calibrator, 0, sizeof(Calibrator));
	if (!JB_ROOT_IS_OBJECT(json))
		reject_calibrator();
	method = getKeyJsonValueFromContainer(&json->root, "method", 6, NULL);
	if (method == NULL || method->type != jbvString)
		reject_calibrator();
	calibrator->method = read_method(pnstrdup(method->val.string.val, method->val.string.len));
	if (calibrator->method != CALIBRATOR_ISOTONIC)
	{
		double	   *coefficients = read_numbers(json, "coefficients", &n);

		if (n != 3)
			reject_calibrator();
		memcpy(calibrator->coefficients, coefficients, sizeof(calibrator->coefficients));
		return;
	}
	calibrator->scores = read_numbers(json, "scores", &calibrator->n_points);
	calibrator->values = read_numbers(json, "values", &n);
	if (n == 0 || n != calibrator->n_points)
		reject_calibrator();
	for (size_t i = 1; i < n; i++)
		if (!(calibrator->scores[i] > calibrator->scores[i - 1]) || !(calibrator->values[i] >= calibrator->values[i - 1]))
			reject_calibrator();
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
		read_calibrator(json, &cached->calibrator);
		cached->json = palloc(VARSIZE(json));
		memcpy(cached->json, json, VARSIZE(json));
		MemoryContextSwitchTo(old);
	}
	result = calibrator_apply(&cached->calibrator, PG_GETARG_FLOAT8(0));
	if (isnan(result))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(result);
}

/* ---- without labels ---- */

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

/* Hosmer and Lemeshow's test over deciles; nothing was fitted, so each bin has its degree of freedom. */
static bool
is_miscalibrated(const ScoreCell *cells, size_t n_cells)
{
	CalibrationBin bins[MISCALIBRATION_BINS];
	CalibrationScores scores;
	int			n = calibration_bins(cells, n_cells, CALIBRATION_EQUAL_MASS, MISCALIBRATION_BINS, bins);

	if (n == 0)
		return false;
	calibration_scores(cells, n_cells, bins, n, &scores);
	return !isfinite(scores.hosmer_lemeshow) || chi_square_upper(scores.hosmer_lemeshow, n) < MISCALIBRATION_P_VALUE;
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
	reference = binary_performance(PG_GETARG_DATUM(0));
	current = binary_performance(PG_GETARG_DATUM(1));
	cells = performance_cells(reference, allocator_in(CurrentMemoryContext), &n_cells);
	if (strcmp(calibrate, "always") == 0 || (strcmp(calibrate, "auto") == 0 && is_miscalibrated(cells, n_cells)))
	{
		has_calibrator = calibrator_fit(&calibrator, CALIBRATOR_ISOTONIC, cells, n_cells, allocator_in(CurrentMemoryContext));
		if (!has_calibrator)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the reference has labels of one class only"),
					 errhint("Take a longer reference, or calibrate => 'never' where scores are probabilities.")));
	}
	performance_binary_scores(current, threshold, z, 1, keep_realised, &rows);
	performance_estimate(current, has_calibrator ? &calibrator : NULL, threshold, z, min_n, put_estimate, &rows);
	return (Datum) 0;
}
