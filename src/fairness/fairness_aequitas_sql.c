/*
 * fairness_aequitas_sql.c
 *		Aequitas' metrics under its names, with tests.
 */
#include "postgres.h"

#include <math.h>

#include "fairness/fairness_named.h"
#include "fairness/fairness_tests.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_fairness_aequitas);

/* ppr is a group's share of all that are chosen; the others are rates of the group. */
static const NamedRate metrics[] = {
	{"ppr", RATE_SELECTION},           {"pprev", RATE_SELECTION},    {"precision", RATE_POSITIVE_PREDICTIVE},
	{"fdr", RATE_FALSE_DISCOVERY},     {"for", RATE_FALSE_OMISSION}, {"fpr", RATE_FALSE_POSITIVE},
	{"fnr", RATE_FALSE_NEGATIVE},      {"tpr", RATE_TRUE_POSITIVE},  {"tnr", RATE_TRUE_NEGATIVE},
	{"npv", RATE_NEGATIVE_PREDICTIVE},
};

#define PPR 0

typedef struct Audit
{
	NamedGroup *groups;
	size_t		n;
	const char *reference;		/* as asked for */
	int32		min_group_size;
	double		n_selected;		/* of all groups */
} Audit;

static double
value_of(const Audit *audit, const FairnessGroup *group, int metric)
{
	Proportion	rate = fairness_rate(group, metrics[metric].rate);

	if (metric == PPR)
		return audit->n_selected == 0 || rate.trials == 0 ? NAN : (double) rate.successes / audit->n_selected;
	return rate.trials == 0 ? NAN : (double) rate.successes / (double) rate.trials;
}

static bool
is_large(const Audit *audit, const FairnessGroup *group)
{
	return fairness_group_size(group) >= audit->min_group_size;
}

/* The smallest value of a group that is large enough; where none is, of any. */
static const NamedGroup *
smallest(const Audit *audit, int metric)
{
	const NamedGroup *best = NULL;
	double		least = INFINITY;

	for (int pass = 0; pass < 2 && best == NULL; pass++)
		for (size_t i = 0; i < audit->n; i++)
		{
			double		value = value_of(audit, &audit->groups[i].group, metric);

			if (!isnan(value) && value < least && (pass == 1 || is_large(audit, &audit->groups[i].group)))
			{
				least = value;
				best = &audit->groups[i];
			}
		}
	return best;
}

static const NamedGroup *
reference_of(const Audit *audit, int metric)
{
	if (audit->reference != NULL && strcmp(audit->reference, "min_metric") == 0)
		return smallest(audit, metric);
	return fairness_reference_group(audit->groups, audit->n, audit->reference, metric, 1);
}

static ProportionTest
read_test(FunctionCallInfo fcinfo, int argument)
{
	char	   *name = PG_ARGISNULL(argument) ? pstrdup("proportions") : text_to_cstring(PG_GETARG_TEXT_PP(argument));

	for (int i = 0; i < N_PROPORTION_TESTS; i++)
		if (strcmp(name, proportion_test_names[i]) == 0)
			return (ProportionTest) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no test \"%s\"", name),
			 errhint("It is proportions, welch or brown_forsythe.")));
	return TEST_PROPORTIONS;	/* not reached */
}

Datum
weir_fairness_aequitas(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	double		tau = PG_ARGISNULL(2) ? 0.8 : PG_GETARG_FLOAT8(2);
	ProportionTest test = read_test(fcinfo, 4);
	double		confidence = PG_ARGISNULL(5) ? 0.95 : PG_GETARG_FLOAT8(5);
	Audit		audit = {.reference = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)),
				   .min_group_size = PG_ARGISNULL(3) ? 1 : PG_GETARG_INT32(3)};

	InitMaterializedSRF(fcinfo, 0);
	fairness_check_options(audit.min_group_size, confidence);
	if (!(tau > 0 && tau <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("tau must lie above 0 and not above 1"),
				 errhint("0.8 is usual.")));
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	audit.groups = fairness_named_groups(PG_GETARG_DATUM(0), &audit.n);
	for (size_t i = 0; i < audit.n; i++)
		audit.n_selected += (double) fairness_rate(&audit.groups[i].group, RATE_SELECTION).successes;
	for (size_t i = 0; i < audit.n; i++)
		for (int metric = 0; metric < lengthof(metrics); metric++)
		{
			const NamedGroup *group = &audit.groups[i];
			const NamedGroup *reference = reference_of(&audit, metric);
			const char *name = reference != NULL ? reference->name : audit.reference;
			double		value = value_of(&audit, &group->group, metric);
			double		other = reference == NULL ? NAN : value_of(&audit, &reference->group, metric);
			double		disparity = other == 0 ? NAN : value / other;
			double		p = NAN;
			Datum		values[10];
			bool		nulls[10] = {false};

			CHECK_FOR_INTERRUPTS();
			if (metric != PPR && reference != NULL && reference != group)
				p = proportion_test(test, fairness_rate(&group->group, metrics[metric].rate),
									fairness_rate(&reference->group, metrics[metric].rate), 1 - confidence);
			values[0] = CStringGetTextDatum(group->name);
			nulls[1] = name == NULL;
			values[1] = name == NULL ? (Datum) 0 : CStringGetTextDatum(name);
			values[2] = CStringGetTextDatum(metrics[metric].name);
			values[3] = Float8GetDatum(value);
			nulls[3] = isnan(value);
			values[4] = Float8GetDatum(other);
			nulls[4] = isnan(other);
			values[5] = Float8GetDatum(disparity);
			nulls[5] = isnan(disparity);
			values[6] = BoolGetDatum(disparity >= tau && disparity <= 1 / tau);
			nulls[6] = nulls[5] || !is_large(&audit, &group->group);
			values[7] = CStringGetTextDatum(nulls[5] ? "undefined" : nulls[6] ? "insufficient" : "ok");
			values[8] = Float8GetDatum(p);
			values[9] = BoolGetDatum(p < 1 - confidence);
			nulls[8] = nulls[9] = isnan(p);
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
	return (Datum) 0;
}
