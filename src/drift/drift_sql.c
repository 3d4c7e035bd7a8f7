/*
 * drift_sql.c
 *		drift() and each score by name, on summaries, on arrays of numbers and on arrays of texts.
 */
#include "postgres.h"

#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "drift/drift_detail.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "summary/summary_datum.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_drift_summaries);
PG_FUNCTION_INFO_V1(weir_drift_numbers);
PG_FUNCTION_INFO_V1(weir_drift_texts);
PG_FUNCTION_INFO_V1(weir_drift_metric_name);
PG_FUNCTION_INFO_V1(weir_drift_metric_names);

static DriftPair *
pair_of_summaries(FunctionCallInfo fcinfo)
{
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	Summary	   *baseline = summary_from_datum(allocator, PG_GETARG_DATUM(0));
	Summary	   *current = summary_from_datum(allocator, PG_GETARG_DATUM(1));
	DriftPair  *pair = drift_pair_of_summaries(allocator, baseline, current);

	if (pair == NULL)
		summary_check_status(SUMMARY_KIND_MISMATCH);
	return pair;
}

static double *
read_numbers(ArrayType *array, int *n, int64 *n_missing)
{
	Datum	   *elements;
	bool	   *nulls;
	double	   *values;
	int			kept = 0;

	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, n);
	values = palloc(mul_size(sizeof(double), *n + 1));
	for (int i = 0; i < *n; i++)
		if (!nulls[i])
			values[kept++] = DatumGetFloat8(elements[i]);
	*n_missing = *n - kept;
	*n = kept;
	pfree(elements);
	pfree(nulls);
	return values;
}

static DriftPair *
pair_of_numbers(FunctionCallInfo fcinfo)
{
	double	   *values[2];
	int			n[2];
	int64		n_missing[2];

	for (int side = 0; side < 2; side++)
		values[side] = read_numbers(PG_GETARG_ARRAYTYPE_P(side), &n[side], &n_missing[side]);
	return drift_pair_of_numbers(allocator_in(CurrentMemoryContext), values[BASELINE], n[BASELINE], n_missing[BASELINE],
								 values[CURRENT], n[CURRENT], n_missing[CURRENT]);
}

static DriftText *
read_texts(ArrayType *array, int *n, int64 *n_missing)
{
	Datum	   *elements;
	bool	   *nulls;
	DriftText  *texts;
	int			kept = 0;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, n);
	texts = palloc(mul_size(sizeof(DriftText), *n + 1));
	for (int i = 0; i < *n; i++)
		if (!nulls[i])
		{
			text	   *element = DatumGetTextPP(elements[i]);

			texts[kept].bytes = VARDATA_ANY(element);
			texts[kept].length = VARSIZE_ANY_EXHDR(element);
			kept++;
		}
	*n_missing = *n - kept;
	*n = kept;
	pfree(elements);
	pfree(nulls);
	return texts;
}

static DriftPair *
pair_of_texts(FunctionCallInfo fcinfo)
{
	DriftText  *texts[2];
	int			n[2];
	int64		n_missing[2];

	for (int side = 0; side < 2; side++)
		texts[side] = read_texts(PG_GETARG_ARRAYTYPE_P(side), &n[side], &n_missing[side]);
	return drift_pair_of_texts(allocator_in(CurrentMemoryContext), texts[BASELINE], n[BASELINE], n_missing[BASELINE],
							   texts[CURRENT], n[CURRENT], n_missing[CURRENT]);
}

/* The metrics asked for, each once, in the order of the catalogue. */
static void
read_metrics(FunctionCallInfo fcinfo, int argument, bool wanted[DRIFT_N_METRICS])
{
	Datum	   *names;
	bool	   *nulls;
	int			n;

	for (int i = 0; i < DRIFT_N_METRICS; i++)
		wanted[i] = PG_ARGISNULL(argument);
	if (PG_ARGISNULL(argument))
		return;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name;
		int			metric;

		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a metric's name must not be null")));
		name = TextDatumGetCString(names[i]);
		metric = drift_metric_find(name);
		if (metric >= 0)
			wanted[metric] = true;
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no drift metric \"%s\"", name),
					 errhint("See SELECT weir.drift_metric_names().")));
	}
}

static void
put_score(ReturnSetInfo *result, DriftPair *pair, DriftMetric metric, bool is_primary)
{
	DriftScore	score;
	const char *verdict;
	Datum		values[11] = {0};
	bool		nulls[11] = {false};

	drift_score(pair, metric, &score);
	verdict = score_verdict_name(score.verdict);
	values[0] = CStringGetTextDatum(drift_metric_name(metric));
	nulls[1] = !score.has_value;
	values[1] = Float8GetDatum(score.value);
	nulls[2] = !score.has_p_value;
	values[2] = Float8GetDatum(score.p_value);
	nulls[3] = !score.has_threshold || !score.has_value;
	values[3] = Float8GetDatum(score.threshold);
	values[4] = Int64GetDatum(score.n[BASELINE]);
	values[5] = Int64GetDatum(score.n[CURRENT]);
	nulls[6] = !score.has_error_bound;
	values[6] = Float8GetDatum(score.error_bound);
	values[7] = BoolGetDatum(is_primary);
	nulls[8] = verdict == NULL;
	if (verdict != NULL)
		values[8] = CStringGetTextDatum(verdict);
	values[9] = CStringGetTextDatum(score_status_name(score.status));
	values[10] = drift_detail(pair, metric, &score);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static Datum
drift_rows(FunctionCallInfo fcinfo, DriftPair *(*make_pair)(FunctionCallInfo))
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		wanted[DRIFT_N_METRICS];
	bool		has_primary = false;
	DriftPair  *pair;

	InitMaterializedSRF(fcinfo, 0);
	read_metrics(fcinfo, 2, wanted);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	pair = make_pair(fcinfo);
	for (int i = 0; i < DRIFT_N_METRICS; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!wanted[i] || !drift_metric_applies(i, pair->kind))
			continue;
		put_score(result, pair, i, !has_primary);
		has_primary = true;
	}
	drift_pair_free(pair);
	return (Datum) 0;
}

Datum
weir_drift_summaries(PG_FUNCTION_ARGS)
{
	return drift_rows(fcinfo, pair_of_summaries);
}

Datum
weir_drift_numbers(PG_FUNCTION_ARGS)
{
	return drift_rows(fcinfo, pair_of_numbers);
}

Datum
weir_drift_texts(PG_FUNCTION_ARGS)
{
	return drift_rows(fcinfo, pair_of_texts);
}

/* One score alone: NULL where it has no value, or does not apply to the kind. */
static Datum
one_score(FunctionCallInfo fcinfo, DriftMetric metric, DriftPair *pair)
{
	DriftScore	score = {0};

	if (drift_metric_applies(metric, pair->kind))
		drift_score(pair, metric, &score);
	drift_pair_free(pair);
	if (!score.has_value)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(score.value);
}

#define SCORE_FUNCTION(name, metric, make_pair) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) \
	{ \
		return one_score(fcinfo, metric, make_pair(fcinfo)); \
	} \
	extern int no_such_variable

SCORE_FUNCTION(weir_psi_summaries, DRIFT_PSI, pair_of_summaries);
SCORE_FUNCTION(weir_psi_numbers, DRIFT_PSI, pair_of_numbers);
SCORE_FUNCTION(weir_psi_texts, DRIFT_PSI, pair_of_texts);
SCORE_FUNCTION(weir_kolmogorov_smirnov_summaries, DRIFT_KOLMOGOROV_SMIRNOV, pair_of_summaries);
SCORE_FUNCTION(weir_kolmogorov_smirnov_numbers, DRIFT_KOLMOGOROV_SMIRNOV, pair_of_numbers);
SCORE_FUNCTION(weir_jensen_shannon_summaries, DRIFT_JENSEN_SHANNON, pair_of_summaries);
SCORE_FUNCTION(weir_jensen_shannon_numbers, DRIFT_JENSEN_SHANNON, pair_of_numbers);
SCORE_FUNCTION(weir_jensen_shannon_texts, DRIFT_JENSEN_SHANNON, pair_of_texts);
SCORE_FUNCTION(weir_wasserstein_summaries, DRIFT_WASSERSTEIN, pair_of_summaries);
SCORE_FUNCTION(weir_wasserstein_numbers, DRIFT_WASSERSTEIN, pair_of_numbers);
SCORE_FUNCTION(weir_wasserstein_normalized_summaries, DRIFT_WASSERSTEIN_NORMALIZED, pair_of_summaries);
SCORE_FUNCTION(weir_wasserstein_normalized_numbers, DRIFT_WASSERSTEIN_NORMALIZED, pair_of_numbers);
SCORE_FUNCTION(weir_chi_square_summaries, DRIFT_CHI_SQUARE, pair_of_summaries);
SCORE_FUNCTION(weir_chi_square_texts, DRIFT_CHI_SQUARE, pair_of_texts);
SCORE_FUNCTION(weir_cramers_v_summaries, DRIFT_CRAMERS_V, pair_of_summaries);
SCORE_FUNCTION(weir_cramers_v_texts, DRIFT_CRAMERS_V, pair_of_texts);
SCORE_FUNCTION(weir_hellinger_summaries, DRIFT_HELLINGER, pair_of_summaries);
SCORE_FUNCTION(weir_hellinger_numbers, DRIFT_HELLINGER, pair_of_numbers);
SCORE_FUNCTION(weir_hellinger_texts, DRIFT_HELLINGER, pair_of_texts);
SCORE_FUNCTION(weir_total_variation_summaries, DRIFT_TOTAL_VARIATION, pair_of_summaries);
SCORE_FUNCTION(weir_total_variation_numbers, DRIFT_TOTAL_VARIATION, pair_of_numbers);
SCORE_FUNCTION(weir_total_variation_texts, DRIFT_TOTAL_VARIATION, pair_of_texts);
SCORE_FUNCTION(weir_kullback_leibler_summaries, DRIFT_KULLBACK_LEIBLER, pair_of_summaries);
SCORE_FUNCTION(weir_kullback_leibler_numbers, DRIFT_KULLBACK_LEIBLER, pair_of_numbers);
SCORE_FUNCTION(weir_kullback_leibler_texts, DRIFT_KULLBACK_LEIBLER, pair_of_texts);
SCORE_FUNCTION(weir_l_infinity_summaries, DRIFT_L_INFINITY, pair_of_summaries);
SCORE_FUNCTION(weir_l_infinity_texts, DRIFT_L_INFINITY, pair_of_texts);

/* The canonical name of a metric given by any of its names, or NULL. */
Datum
weir_drift_metric_name(PG_FUNCTION_ARGS)
{
	int			metric = drift_metric_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (metric < 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(drift_metric_name(metric)));
}

Datum
weir_drift_metric_names(PG_FUNCTION_ARGS)
{
	Datum		names[DRIFT_N_METRICS];

	for (int i = 0; i < DRIFT_N_METRICS; i++)
		names[i] = CStringGetTextDatum(drift_metric_name(i));
	PG_RETURN_ARRAYTYPE_P(construct_array(names, DRIFT_N_METRICS, TEXTOID, -1, false, TYPALIGN_INT));
}
