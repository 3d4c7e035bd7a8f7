/*
 * fairness_metrics_sql.c
 *		fairness_groups and fairness_metrics: what a fairness table says, as rows.
 */
#include "postgres.h"

#include <math.h>

#include "base/distributions.h"
#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "fairness/fairness_datum.h"
#include "fairness/fairness_metrics.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_fairness_groups);
PG_FUNCTION_INFO_V1(weir_fairness_metrics);
PG_FUNCTION_INFO_V1(weir_fairness_metric_names);

typedef struct NamedGroup
{
	char	   *name;			/* for people */
	FairnessGroup group;
} NamedGroup;

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const NamedGroup *) a)->name, ((const NamedGroup *) b)->name);
}

/* The groups by name. */
static NamedGroup *
read_groups(Datum datum, size_t *n)
{
	FairnessTable *table = fairness_from_datum(allocator_in(CurrentMemoryContext), datum);
	FairnessGroup *groups;
	NamedGroup *result;

	*n = fairness_groups(table, NULL, 0);
	groups = palloc(mul_size(*n + 1, sizeof(FairnessGroup)));
	result = palloc(mul_size(*n + 1, sizeof(NamedGroup)));
	fairness_groups(table, groups, *n);
	for (size_t i = 0; i < *n; i++)
	{
		size_t		length = fairness_key_display(groups[i].key, groups[i].length, NULL, 0);

		result[i].name = palloc(add_size(length, 1));
		fairness_key_display(groups[i].key, groups[i].length, result[i].name, length);
		result[i].name[length] = '\0';
		result[i].group = groups[i];
	}
	if (*n > 1)
		qsort(result, *n, sizeof(NamedGroup), compare_names);
	return result;
}

static void
check_options(int32 min_group_size, double confidence)
{
	if (min_group_size < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("min_group_size must not be negative")));
	if (!(confidence > 0 && confidence < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("confidence must lie between 0 and 1"),
				 errhint("0.95 is usual.")));
}

static void
set_rate(Datum *value, bool *is_null, const FairnessGroup *group, FairnessRate rate)
{
	Proportion	proportion = fairness_rate(group, rate);

	*is_null = proportion.trials == 0;
	if (!*is_null)
		*value = Float8GetDatum((double) proportion.successes / (double) proportion.trials);
}

static void
put_group(ReturnSetInfo *result, const NamedGroup *named, int32 min_group_size, double z)
{
	const FairnessGroup *group = &named->group;
	Proportion	selection = fairness_rate(group, RATE_SELECTION);
	Proportion	base = fairness_rate(group, RATE_BASE);
	ScoreStatus status = selection.trials == 0        ? SCORE_UNDEFINED
		: fairness_group_size(group) < min_group_size ? SCORE_INSUFFICIENT
													  : SCORE_OK;
	static const FairnessRate rates[] =
		{RATE_BASE,          RATE_ACCURACY,       RATE_TRUE_POSITIVE,       RATE_FALSE_POSITIVE,
		 RATE_TRUE_NEGATIVE, RATE_FALSE_NEGATIVE, RATE_POSITIVE_PREDICTIVE, RATE_NEGATIVE_PREDICTIVE};
	Datum		values[16] = {0};
	bool		nulls[16] = {false};
	int			column = 0;

	values[column++] = CStringGetTextDatum(named->name);
	values[column++] = Int64GetDatum(fairness_group_size(group));
	values[column++] = Int64GetDatum(base.successes);
	values[column++] = Int64GetDatum(base.trials - base.successes);
	set_rate(&values[column], &nulls[column], group, RATE_SELECTION);
	column++;
	nulls[column] = nulls[column + 1] = selection.trials == 0;
	if (selection.trials > 0)
	{
		double		low;
		double		high;

		wilson_interval(selection, z, &low, &high);
		values[column] = Float8GetDatum(low);
		values[column + 1] = Float8GetDatum(high);
	}
	column += 2;
	for (int i = 0; i < lengthof(rates); i++, column++)
		set_rate(&values[column], &nulls[column], group, rates[i]);
	values[column] = CStringGetTextDatum(score_status_name(status));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
weir_fairness_groups(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int32		min_group_size = PG_ARGISNULL(1) ? 1 : PG_GETARG_INT32(1);
	double		confidence = PG_ARGISNULL(2) ? 0.95 : PG_GETARG_FLOAT8(2);
	NamedGroup *groups;
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	check_options(min_group_size, confidence);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	groups = read_groups(PG_GETARG_DATUM(0), &n);
	for (size_t i = 0; i < n; i++)
		put_group(result, &groups[i], min_group_size, -normal_quantile((1 - confidence) / 2));
	return (Datum) 0;
}

static bool
is_known(const FairnessGroup *group)
{
	size_t		offset = 0;
	const char *value;
	size_t		length;

	while (fairness_key_next(group->key, group->length, &offset, &value, &length))
		if (value == NULL)
			return false;
	return true;
}

/* The one asked for, or the largest whose values are all known, or the largest; the first by name among equals. */
static const NamedGroup *
find_reference(const NamedGroup *groups, size_t n, const char *name)
{
	const NamedGroup *best = NULL;

	for (size_t i = 0; i < n; i++)
	{
		const FairnessGroup *group = &groups[i].group;

		if (name != NULL)
		{
			if (strcmp(groups[i].name, name) == 0)
				return &groups[i];
			continue;
		}
		if (best == NULL || (is_known(group) && !is_known(&best->group)) ||
			(is_known(group) == is_known(&best->group) && fairness_group_size(group) > fairness_group_size(&best->group)))
			best = &groups[i];
	}
	return best;
}

static int *
read_metrics(FunctionCallInfo fcinfo, int argument, int *n)
{
	int		   *metrics;
	Datum	   *names;
	bool	   *nulls;

	if (PG_ARGISNULL(argument))
	{
		*n = fairness_metric_count();
		metrics = palloc(sizeof(int) * *n);
		for (int i = 0; i < *n; i++)
			metrics[i] = i;
		return metrics;
	}
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, n);
	metrics = palloc(sizeof(int) * (*n + 1));
	for (int i = 0; i < *n; i++)
	{
		const char *name;

		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a metric's name must not be null")));
		name = TextDatumGetCString(names[i]);
		metrics[i] = fairness_metric_find(name);
		if (metrics[i] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no fairness metric \"%s\"", name),
					 errhint("See SELECT weir.fairness_metric_names().")));
	}
	return metrics;
}

/* group NULL: the row over all groups. */
static void
put_score(ReturnSetInfo *result, int metric, const char *group_name, const char *reference_name, const FairnessScore *score)
{
	const char *verdict = score_verdict_name(score->verdict);
	Datum		values[12] = {0};
	bool		nulls[12] = {false};

	values[0] = CStringGetTextDatum(fairness_metric_name(metric));
	nulls[1] = group_name == NULL;
	if (group_name != NULL)
		values[1] = CStringGetTextDatum(group_name);
	nulls[2] = reference_name == NULL;
	if (reference_name != NULL)
		values[2] = CStringGetTextDatum(reference_name);
	nulls[3] = !score->has_value;
	values[3] = Float8GetDatum(score->value);
	nulls[4] = nulls[5] = !score->has_interval;
	values[4] = Float8GetDatum(score->low);
	values[5] = Float8GetDatum(score->high);
	nulls[6] = !score->has_p_value;
	values[6] = Float8GetDatum(score->p_value);
	values[7] = Int64GetDatum(score->n);
	nulls[8] = group_name == NULL;
	values[8] = Int64GetDatum(score->n_reference);
	values[9] = Float8GetDatum(score->threshold);
	nulls[10] = verdict == NULL;
	if (verdict != NULL)
		values[10] = CStringGetTextDatum(verdict);
	values[11] = CStringGetTextDatum(score_status_name(score->status));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
weir_fairness_metrics(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *reference_name = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	int32		min_group_size = PG_ARGISNULL(3) ? 30 : PG_GETARG_INT32(3);
	double		confidence = PG_ARGISNULL(4) ? 0.95 : PG_GETARG_FLOAT8(4);
	int			n_metrics;
	int		   *metrics;
	NamedGroup *groups;
	FairnessGroup *bare;
	const NamedGroup *reference;
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	check_options(min_group_size, confidence);
	metrics = read_metrics(fcinfo, 2, &n_metrics);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	groups = read_groups(PG_GETARG_DATUM(0), &n);
	bare = palloc(mul_size(n + 1, sizeof(FairnessGroup)));
	for (size_t i = 0; i < n; i++)
		bare[i] = groups[i].group;
	reference = find_reference(groups, n, reference_name);
	if (reference != NULL)
		reference_name = reference->name;
	for (int i = 0; i < n_metrics; i++)
	{
		FairnessScore score;

		for (size_t j = 0; j < n; j++)
		{
			CHECK_FOR_INTERRUPTS();
			if (&groups[j] == reference)
				continue;
			fairness_compare(metrics[i], &bare[j], reference == NULL ? NULL : &reference->group, min_group_size, confidence,
							 &score);
			put_score(result, metrics[i], groups[j].name, reference_name, &score);
		}
		fairness_compare_all(metrics[i], bare, n, min_group_size, confidence, allocator_in(CurrentMemoryContext), &score);
		put_score(result, metrics[i], NULL, NULL, &score);
	}
	return (Datum) 0;
}

Datum
weir_fairness_metric_names(PG_FUNCTION_ARGS)
{
	int			n = fairness_metric_count();
	Datum	   *names = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
		names[i] = CStringGetTextDatum(fairness_metric_name(i));
	PG_RETURN_ARRAYTYPE_P(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}
