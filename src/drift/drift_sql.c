/*
 * drift_sql.c
 *		drift() and each score by name, on summaries, on arrays of numbers and on arrays of texts.
 */
#include "postgres.h"

#include <math.h>

#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "drift/drift_detail.h"
#include "drift/drift_datum.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "summary/summary_datum.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_drift_summaries);
PG_FUNCTION_INFO_V1(weir_drift_numbers);
PG_FUNCTION_INFO_V1(weir_drift_texts);
PG_FUNCTION_INFO_V1(weir_score_summaries);
PG_FUNCTION_INFO_V1(weir_score_numbers);
PG_FUNCTION_INFO_V1(weir_score_texts);
PG_FUNCTION_INFO_V1(weir_drift_metric_name);
PG_FUNCTION_INFO_V1(weir_drift_metric_names);
PG_FUNCTION_INFO_V1(weir_drift_metric_limit);

/* Makes the pair of the first two arguments, with the options of the one at that position. */
typedef DriftPair *PairMaker(FunctionCallInfo fcinfo, int options_argument);

static void
options_of(FunctionCallInfo fcinfo, int argument, SummaryUnit unit, DriftOptions *options)
{
	drift_read_options(PG_ARGISNULL(argument) ? NULL : PG_GETARG_JSONB_P(argument), unit, options);
}

DriftPair *
drift_require_pair(Allocator allocator, const DriftOptions *options, const Summary *baseline, const Summary *current)
{
	DriftPair  *pair = drift_pair_of_summaries(allocator, options, baseline, current);

	if (pair == NULL)
		summary_check_status(summary_kind(baseline) == SUMMARY_VECTOR && summary_kind(current) == SUMMARY_VECTOR
								 ? SUMMARY_DIMENSION_MISMATCH
								 : SUMMARY_KIND_MISMATCH);
	return pair;
}

static DriftPair *
pair_of_summaries(FunctionCallInfo fcinfo, int options_argument)
{
	DriftOptions options;
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	Summary	   *baseline = summary_from_datum(allocator, PG_GETARG_DATUM(0));
	Summary	   *current = summary_from_datum(allocator, PG_GETARG_DATUM(1));

	options_of(fcinfo, options_argument, summary_unit(baseline), &options);
	return drift_require_pair(allocator, &options, baseline, current);
}

/* NULL elements of vectors are NaN. */
static double *
read_vectors(ArrayType *array)
{
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	double	   *values = palloc_extended(mul_size(sizeof(double), n + 1), MCXT_ALLOC_HUGE);
	uint8	   *bitmap = ARR_NULLBITMAP(array);
	const double *next = (const double *) ARR_DATA_PTR(array);

	for (int i = 0; i < n; i++)
		values[i] = bitmap == NULL || (bitmap[i / 8] & (1 << i % 8)) ? *next++ : NAN;
	return values;
}

/* Arrays of two dimensions: a row is a vector. */
static DriftPair *
pair_of_vectors(FunctionCallInfo fcinfo, const DriftOptions *options)
{
	ArrayType  *arrays[2] = {PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_ARRAYTYPE_P(1)};
	int			dimension = 0;
	size_t		n[2] = {0, 0};

	for (int side = 0; side < 2; side++)
	{
		if (ARR_NDIM(arrays[side]) == 0)
			continue;
		if (ARR_NDIM(arrays[side]) != 2 || (dimension != 0 && ARR_DIMS(arrays[side])[1] != dimension))
			ereport(ERROR,
					(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					 errmsg("both samples must be arrays of vectors with the same number of elements"),
					 errhint("array_agg(v) of a float8[] column gives such an array.")));
		dimension = ARR_DIMS(arrays[side])[1];
		n[side] = ARR_DIMS(arrays[side])[0];
	}
	return drift_pair_of_vectors(allocator_in(CurrentMemoryContext), options, dimension, read_vectors(arrays[BASELINE]),
								 n[BASELINE], 0, read_vectors(arrays[CURRENT]), n[CURRENT], 0);
}

static double *
read_numbers(ArrayType *array, int *n, int64 *n_missing)
{
	int			n_elements = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	double	   *values = palloc_extended(mul_size(sizeof(double), n_elements + 1), MCXT_ALLOC_HUGE);
	uint8	   *bitmap = ARR_NULLBITMAP(array);
	const double *next = (const double *) ARR_DATA_PTR(array);
	int			kept = 0;

	if (bitmap == NULL)
	{
		memcpy(values, next, sizeof(double) * n_elements);
		kept = n_elements;
	}
	else
		for (int i = 0; i < n_elements; i++)
			if (bitmap[i / 8] & (1 << i % 8))
				values[kept++] = *next++;
	*n_missing = n_elements - kept;
	*n = kept;
	return values;
}

static DriftPair *
pair_of_numbers(FunctionCallInfo fcinfo, int options_argument)
{
	DriftOptions options;
	double	   *values[2];
	int			n[2];
	int64		n_missing[2];

	options_of(fcinfo, options_argument, SUMMARY_PLAIN, &options);
	if (ARR_NDIM(PG_GETARG_ARRAYTYPE_P(0)) > 1 || ARR_NDIM(PG_GETARG_ARRAYTYPE_P(1)) > 1)
		return pair_of_vectors(fcinfo, &options);
	for (int side = 0; side < 2; side++)
		values[side] = read_numbers(PG_GETARG_ARRAYTYPE_P(side), &n[side], &n_missing[side]);
	return drift_pair_of_numbers(allocator_in(CurrentMemoryContext), &options, values[BASELINE], n[BASELINE], n_missing[BASELINE],
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
pair_of_texts(FunctionCallInfo fcinfo, int options_argument)
{
	DriftOptions options;
	DriftText  *texts[2];
	int			n[2];
	int64		n_missing[2];

	options_of(fcinfo, options_argument, SUMMARY_PLAIN, &options);
	for (int side = 0; side < 2; side++)
		texts[side] = read_texts(PG_GETARG_ARRAYTYPE_P(side), &n[side], &n_missing[side]);
	return drift_pair_of_texts(allocator_in(CurrentMemoryContext), &options, texts[BASELINE], n[BASELINE], n_missing[BASELINE],
							   texts[CURRENT], n[CURRENT], n_missing[CURRENT]);
}

void
drift_row(DriftPair *pair, DriftMetric metric, bool is_primary, DriftScore *score, Datum values[DRIFT_ROW_COLUMNS],
		  bool nulls[DRIFT_ROW_COLUMNS])
{
	const char *verdict;

	drift_score(pair, metric, score);
	verdict = score_verdict_name(score->verdict);
	memset(nulls, 0, sizeof(bool) * DRIFT_ROW_COLUMNS);
	values[0] = CStringGetTextDatum(drift_metric_name(metric));
	nulls[1] = !score->has_value;
	values[1] = Float8GetDatum(score->value);
	nulls[2] = !score->has_p_value;
	values[2] = Float8GetDatum(score->p_value);
	nulls[3] = !score->has_threshold || !score->has_value;
	values[3] = Float8GetDatum(score->threshold);
	values[4] = Int64GetDatum(score->n[BASELINE]);
	values[5] = Int64GetDatum(score->n[CURRENT]);
	nulls[6] = !score->has_error_bound || !score->has_value;
	values[6] = Float8GetDatum(score->error_bound);
	values[7] = BoolGetDatum(is_primary);
	nulls[8] = verdict == NULL;
	values[8] = verdict != NULL ? CStringGetTextDatum(verdict) : (Datum) 0;
	values[9] = CStringGetTextDatum(score_status_name(score->status));
	nulls[10] = false;
	values[10] = drift_detail(pair, metric, score);
}

/* All that apply when metrics is NULL, else those that it names and that are of this kind. */
static Datum
drift_rows(FunctionCallInfo fcinfo, PairMaker *make_pair)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		wanted[DRIFT_N_METRICS];
	bool		has_primary = false;
	DriftPair  *pair;

	InitMaterializedSRF(fcinfo, 0);
	drift_read_metrics(PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2), wanted);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	pair = make_pair(fcinfo, 3);
	for (int i = 0; i < DRIFT_N_METRICS; i++)
	{
		DriftScore	score;
		Datum		values[DRIFT_ROW_COLUMNS];
		bool		nulls[DRIFT_ROW_COLUMNS];

		CHECK_FOR_INTERRUPTS();
		if (!wanted[i] || !(PG_ARGISNULL(2) ? drift_metric_applies_to(i, pair) : drift_metric_applies(i, pair->kind)))
			continue;
		drift_row(pair, i, !has_primary, &score, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
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

/*
 * Each score has functions called after it.  They share their C code, which knows the score by the name of the function that is
 * called; found once per query.
 */
DriftMetric
drift_metric_of_function(FunctionCallInfo fcinfo)
{
	DriftMetric *metric = fcinfo->flinfo->fn_extra;
	char	   *name;
	int			found;

	if (metric != NULL)
		return *metric;
	name = get_func_name(fcinfo->flinfo->fn_oid);
	/* of the aggregate psi: _psi_final */
	if (name != NULL && name[0] == '_' && strlen(name) > strlen("_final") &&
		strcmp(name + strlen(name) - strlen("_final"), "_final") == 0)
		found = drift_metric_find(pnstrdup(name + 1, strlen(name) - 1 - strlen("_final")));
	else
		found = name == NULL ? -1 : drift_metric_find(name);
	if (found < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("there is no drift metric \"%s\"", name ? name : ""),
				 errhint("The functions of weir must keep the names that they were created with.")));
	metric = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(DriftMetric));
	*metric = (DriftMetric) found;
	fcinfo->flinfo->fn_extra = metric;
	return *metric;
}

/* NULL where it has no value, or does not apply to the kind. */
static Datum
one_score(FunctionCallInfo fcinfo, PairMaker *make_pair)
{
	DriftMetric metric = drift_metric_of_function(fcinfo);
	DriftPair  *pair = make_pair(fcinfo, 2);
	DriftScore	score = {0};

	if (drift_metric_applies(metric, pair->kind))
		drift_score(pair, metric, &score);
	drift_pair_free(pair);
	if (!score.has_value)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(score.value);
}

Datum
weir_score_summaries(PG_FUNCTION_ARGS)
{
	return one_score(fcinfo, pair_of_summaries);
}

Datum
weir_score_numbers(PG_FUNCTION_ARGS)
{
	return one_score(fcinfo, pair_of_numbers);
}

Datum
weir_score_texts(PG_FUNCTION_ARGS)
{
	return one_score(fcinfo, pair_of_texts);
}

/* The canonical name of a metric given by any of its names, or NULL. */
Datum
weir_drift_metric_name(PG_FUNCTION_ARGS)
{
	int			metric = drift_metric_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (metric < 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(drift_metric_name(metric)));
}

/* All, or those that monitors compute when nobody says which. */
Datum
weir_drift_metric_names(PG_FUNCTION_ARGS)
{
	bool		common_only = PG_GETARG_BOOL(0);
	Datum		names[DRIFT_N_METRICS];
	int			n = 0;

	for (int i = 0; i < DRIFT_N_METRICS; i++)
		if (!common_only || drift_metric_is_common(i))
			names[n++] = CStringGetTextDatum(drift_metric_name(i));
	PG_RETURN_ARRAYTYPE_P(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
weir_drift_metric_limit(PG_FUNCTION_ARGS)
{
	int			metric = drift_metric_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (metric < 0 || isinf(drift_metric_limit(metric)))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(drift_metric_limit(metric));
}
