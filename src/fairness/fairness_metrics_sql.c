/*
 * fairness_metrics_sql.c
 *		fairness_metrics: what a fairness table says of its groups, compared with each other, as rows.
 */
#include "postgres.h"

#include <math.h>

#include "base/distributions.h"
#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "drift/adjust.h"
#include "fairness/fairness_audit.h"
#include "fairness/fairness_datum.h"
#include "fairness/fairness_metrics.h"
#include "fairness/fairness_named.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_fairness_metrics);
PG_FUNCTION_INFO_V1(weir_fairness_metric_names);
PG_FUNCTION_INFO_V1(weir_fairness_rules);

/* ---- rules and thresholds ---- */

/* What a score is judged by: the named rule, with thresholds of the caller's for all ratios, all differences, or one metric. */
typedef struct Judgement
{
	const FairnessRule *rule;
	Jsonb	   *thresholds;		/* NULL: the rule's */
	Adjustment	adjustment;
	double		confidence;
} Judgement;

static void
check_thresholds(const Jsonb *thresholds)
{
	JsonbIterator *iterator = JsonbIteratorInit((JsonbContainer *) &thresholds->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *name = NULL;

	if (!JB_ROOT_IS_OBJECT(thresholds))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("thresholds must be an object"),
				 errhint("For example {\"ratio\": 0.9, \"difference\": 0.05, \"disparate_impact\": 0.8}.")));
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		if (token != WJB_VALUE || name == NULL)
			continue;
		if (strcmp(name, "ratio") != 0 && strcmp(name, "difference") != 0 && fairness_metric_find(name) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no fairness metric \"%s\"", name),
					 errhint("thresholds names ratio, difference or one of weir.fairness_metric_names().")));
		if (value.type != jbvNumeric ||
			!(DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value.val.numeric))) >= 0))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the threshold of \"%s\" must be a number from 0", name)));
	}
}

static Judgement
read_judgement(FunctionCallInfo fcinfo, int first, double confidence)
{
	char	   *name = PG_ARGISNULL(first) ? pstrdup("four_fifths") : text_to_cstring(PG_GETARG_TEXT_PP(first));
	char	   *adjust = PG_ARGISNULL(first + 2) ? pstrdup("none") : text_to_cstring(PG_GETARG_TEXT_PP(first + 2));
	int			adjustment = adjustment_find(adjust);
	Judgement	judgement = {.rule = fairness_rule_find(name), .confidence = confidence};

	if (judgement.rule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no rule of fairness \"%s\"", name),
				 errhint("See SELECT * FROM weir.fairness_rules().")));
	if (adjustment < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no way \"%s\" to adjust p-values", adjust),
				 errhint("There are none, bonferroni, holm, benjamini_hochberg and benjamini_yekutieli.")));
	judgement.adjustment = (Adjustment) adjustment;
	if (!PG_ARGISNULL(first + 1))
	{
		judgement.thresholds = PG_GETARG_JSONB_P(first + 1);
		check_thresholds(judgement.thresholds);
	}
	return judgement;
}

static double
threshold_of(const Judgement *judgement, int metric)
{
	const char *names[] = {fairness_metric_name(metric), fairness_metric_is_ratio(metric) ? "ratio" : "difference"};

	for (int i = 0; judgement->thresholds != NULL && i < lengthof(names); i++)
	{
		JsonbValue *value = getKeyJsonValueFromContainer(&judgement->thresholds->root, names[i], (int) strlen(names[i]), NULL);

		if (value != NULL)
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	}
	return fairness_rule_threshold(judgement->rule, metric);
}

/* ---- the rows ---- */

/* group NULL: the row over all groups. */
static void
put_score(ReturnSetInfo *result, int metric, const char *group_name, const char *reference_name, FairnessScore *score,
		  double p_adjusted, const Judgement *judgement, SmallGroups small_groups)
{
	const char *verdict;
	Datum		values[13] = {0};
	bool		nulls[13] = {false};

	score->threshold = threshold_of(judgement, metric);
	fairness_judge(metric, judgement->rule, p_adjusted, judgement->confidence, score);
	verdict = score_verdict_name(score->verdict);
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
	nulls[9] = isnan(score->threshold);
	values[9] = Float8GetDatum(score->threshold);
	nulls[10] = verdict == NULL;
	if (verdict != NULL)
		values[10] = CStringGetTextDatum(verdict);
	values[11] = CStringGetTextDatum(score_status_name(score->status));
	nulls[12] = !score->has_p_value || isnan(p_adjusted);
	values[12] = Float8GetDatum(p_adjusted);
	if (small_groups == SMALL_GROUPS_SUPPRESS && score->status == SCORE_INSUFFICIENT)
	{
		memset(nulls + 3, true, 6 * sizeof(bool));
		nulls[12] = true;
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
weir_fairness_metrics(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *asked = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	int32		min_group_size = PG_ARGISNULL(3) ? 30 : PG_GETARG_INT32(3);
	double		confidence = PG_ARGISNULL(4) ? 0.95 : PG_GETARG_FLOAT8(4);
	SmallGroups small_groups = fairness_read_small_groups(fcinfo, 5, false);
	Judgement	judgement = read_judgement(fcinfo, 6, confidence);
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	int			n_metrics;
	int		   *metrics;
	NamedGroup *groups;
	FairnessGroup *bare;
	FairnessScore *scores;
	double	   *p_values;
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	fairness_check_options(min_group_size, confidence);
	metrics = fairness_read_metrics(fcinfo, 2, &n_metrics);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	groups = fairness_named_groups(PG_GETARG_DATUM(0), &n);
	bare = fairness_bare_groups(groups, n);
	scores = palloc(mul_size(n + 1, sizeof(FairnessScore)));
	p_values = palloc(mul_size(n + 1, sizeof(double)));
	for (int i = 0; i < n_metrics; i++)
	{
		const NamedGroup *reference = fairness_reference_group(groups, n, asked, metrics[i], min_group_size);
		const char *reference_name = reference != NULL ? reference->name : asked;
		FairnessScore overall;

		for (size_t j = 0; j < n; j++)
		{
			CHECK_FOR_INTERRUPTS();
			fairness_compare(metrics[i], &bare[j], reference == NULL ? NULL : &reference->group, min_group_size, confidence,
							 &scores[j]);
			p_values[j] = &groups[j] != reference && scores[j].status == SCORE_OK ? scores[j].p_value : NAN;
		}
		adjust_p_values(allocator, p_values, n, judgement.adjustment);
		for (size_t j = 0; j < n; j++)
			if (&groups[j] != reference)
				put_score(result, metrics[i], groups[j].name, reference_name, &scores[j], p_values[j], &judgement, small_groups);
		fairness_compare_all(metrics[i], bare, n, min_group_size, confidence, allocator, &overall);
		put_score(result, metrics[i], NULL, NULL, &overall, overall.p_value, &judgement, small_groups);
	}
	return (Datum) 0;
}

Datum
weir_fairness_rules(PG_FUNCTION_ARGS)
{
	static const char *const evidence[] = {"grades", "ignored", "decides"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < fairness_rule_count(); i++)
	{
		const FairnessRule *rule = fairness_rule(i);
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = CStringGetTextDatum(rule->name);
		values[1] = Float8GetDatum(rule->ratio);
		nulls[1] = isnan(rule->ratio);
		values[2] = Float8GetDatum(rule->difference);
		nulls[2] = isnan(rule->difference);
		values[3] = CStringGetTextDatum(evidence[rule->evidence]);
		values[4] = CStringGetTextDatum(rule->source);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
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
