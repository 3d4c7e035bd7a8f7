/*
 * calibrator_json.c
 *		Calibrators as jsonb: {"method": "isotonic", "scores": [...], "values": [...]} or {"method": "platt", "coefficients":
 *[...]}.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/distributions.h"
#include "fmgr.h"
#include "quality/calibrator_json.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#define MISCALIBRATION_P_VALUE 0.05 /* below it scores are mended before they are believed */
#define MISCALIBRATION_BINS 10

static const char *const method_names[] = {"isotonic", "platt", "logit", "temperature", "beta"};

CalibratorMethod
calibrator_method(const char *name)
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
push_numbers(JsonbInState *state, const char *name, const double *numbers, size_t n)
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

static void
push_text(JsonbInState *state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = (char *) text;
	value.val.string.len = (int) strlen(text);
	pushJsonbValue(state, token, &value);
}

void
calibrator_push(JsonbInState *state, const Calibrator *calibrator)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_text(state, WJB_KEY, "method");
	push_text(state, WJB_VALUE, method_names[calibrator->method]);
	if (calibrator->method == CALIBRATOR_ISOTONIC)
	{
		push_numbers(state, "scores", calibrator->scores, calibrator->n_points);
		push_numbers(state, "values", calibrator->values, calibrator->n_points);
	}
	else
		push_numbers(state, "coefficients", calibrator->coefficients, 3);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

pg_noreturn static void
reject_calibrator(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("this is no calibrator"),
			 errhint("Take one from weir.fit_calibrator(performance, method).")));
}

static double *
read_numbers(JsonbContainer *json, const char *name, size_t *n)
{
	JsonbValue *value = getKeyJsonValueFromContainer(json, name, (int) strlen(name), NULL);
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

void
calibrator_read(JsonbContainer *json, Calibrator *calibrator)
{
	JsonbValue *method;
	size_t		n;

	memset(calibrator, 0, sizeof(Calibrator));
	if (!JsonContainerIsObject(json))
		reject_calibrator();
	method = getKeyJsonValueFromContainer(json, "method", 6, NULL);
	if (method == NULL || method->type != jbvString)
		reject_calibrator();
	calibrator->method = calibrator_method(pnstrdup(method->val.string.val, method->val.string.len));
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

/* Hosmer and Lemeshow's test over deciles; nothing was fitted, so each bin has its degree of freedom. */
bool
calibrator_is_needed(const ScoreCell *cells, size_t n_cells)
{
	CalibrationBin bins[MISCALIBRATION_BINS];
	CalibrationScores scores;
	int			n = calibration_bins(cells, n_cells, CALIBRATION_EQUAL_MASS, MISCALIBRATION_BINS, bins);

	if (n == 0)
		return false;
	calibration_scores(cells, n_cells, bins, n, &scores);
	return !isfinite(scores.hosmer_lemeshow) || chi_square_upper(scores.hosmer_lemeshow, n) < MISCALIBRATION_P_VALUE;
}
