/*
 * fairness_groups_sql.c
 *		fairness_groups and fairness_rates: what a fairness table says of each group by itself, as rows.
 */
#include "postgres.h"

#include <math.h>

#include "base/distributions.h"
#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "fairness/fairness_audit.h"
#include "fairness/fairness_metrics.h"
#include "fairness/fairness_named.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_fairness_groups);
PG_FUNCTION_INFO_V1(weir_fairness_rates);

static const FairnessRate shown_rates[] =
	{RATE_BASE,          RATE_ACCURACY,       RATE_TRUE_POSITIVE,       RATE_FALSE_POSITIVE,
	 RATE_TRUE_NEGATIVE, RATE_FALSE_NEGATIVE, RATE_POSITIVE_PREDICTIVE, RATE_NEGATIVE_PREDICTIVE};

static void
set_rate(Datum *value, bool *is_null, const FairnessGroup *group, FairnessRate rate)
{
	Proportion	proportion = fairness_rate(group, rate);

	*is_null = proportion.trials == 0;
	if (!*is_null)
		*value = Float8GetDatum((double) proportion.successes / (double) proportion.trials);
}

SmallGroups
fairness_read_small_groups(FunctionCallInfo fcinfo, int argument, bool may_shrink)
{
	static const char *const names[] = {"mark", "suppress", "shrink"};
	char	   *name = PG_ARGISNULL(argument) ? pstrdup("mark") : text_to_cstring(PG_GETARG_TEXT_PP(argument));

	for (int i = 0; i < (may_shrink ? 3 : 2); i++)
		if (strcmp(name, names[i]) == 0)
			return (SmallGroups) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("small_groups cannot be \"%s\"", name),
			 errhint(may_shrink ? "It is mark, suppress or shrink." : "It is mark or suppress.")));
	return SMALL_GROUPS_MARK;	/* not reached */
}

/* Replaces the rates of all rows by shrunk ones: rates[group][rate]. */
static double **
shrink_rates(const NamedGroup *groups, size_t n, const FairnessRate *rates, int n_rates)
{
	double	  **shrunk = palloc(mul_size(n_rates, sizeof(double *)));
	Proportion *proportions = palloc(mul_size(n + 1, sizeof(Proportion)));

	for (int i = 0; i < n_rates; i++)
	{
		shrunk[i] = palloc(mul_size(n + 1, sizeof(double)));
		for (size_t j = 0; j < n; j++)
			proportions[j] = fairness_rate(&groups[j].group, rates[i]);
		fairness_shrink(proportions, n, shrunk[i]);
	}
	return shrunk;
}

static void
put_group(ReturnSetInfo *result, const NamedGroup *named, int32 min_group_size, double z, SmallGroups small_groups,
		  double *const *shrunk, size_t number)
{
	const FairnessGroup *group = &named->group;
	Proportion	selection = fairness_rate(group, RATE_SELECTION);
	Proportion	base = fairness_rate(group, RATE_BASE);
	ScoreStatus status = selection.trials == 0        ? SCORE_UNDEFINED
		: fairness_group_size(group) < min_group_size ? SCORE_INSUFFICIENT
													  : SCORE_OK;
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
	for (int i = 0; i < lengthof(shown_rates); i++, column++)
		set_rate(&values[column], &nulls[column], group, shown_rates[i]);
	if (shrunk != NULL)
		for (int i = 0; i <= lengthof(shown_rates); i++)
		{
			int			at = i == 0 ? 4 : 6 + i;

			nulls[at] = isnan(shrunk[i][number]);
			values[at] = Float8GetDatum(shrunk[i][number]);
		}
	if (small_groups == SMALL_GROUPS_SUPPRESS && status == SCORE_INSUFFICIENT)
		memset(nulls + 1, true, sizeof(nulls) - 2 * sizeof(bool));
	values[column] = CStringGetTextDatum(score_status_name(status));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
weir_fairness_groups(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int32		min_group_size = PG_ARGISNULL(1) ? 1 : PG_GETARG_INT32(1);
	double		confidence = PG_ARGISNULL(2) ? 0.95 : PG_GETARG_FLOAT8(2);
	SmallGroups small_groups = fairness_read_small_groups(fcinfo, 3, true);
	double	  **shrunk = NULL;
	NamedGroup *groups;
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	fairness_check_options(min_group_size, confidence);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	groups = fairness_named_groups(PG_GETARG_DATUM(0), &n);
	if (small_groups == SMALL_GROUPS_SHRINK)
	{
		FairnessRate rates[lengthof(shown_rates) + 1] = {RATE_SELECTION};

		memcpy(rates + 1, shown_rates, sizeof(shown_rates));
		shrunk = shrink_rates(groups, n, rates, lengthof(rates));
	}
	for (size_t i = 0; i < n; i++)
		put_group(result, &groups[i], min_group_size, -normal_quantile((1 - confidence) / 2), small_groups, shrunk, i);
	return (Datum) 0;
}

/* ---- every rate with its interval ---- */

/* The rates that an argument (text[]) names, or all. */
static const NamedRate **
read_rates(FunctionCallInfo fcinfo, int argument, int *n)
{
	const NamedRate **rates;
	Datum	   *names;
	bool	   *nulls;

	if (PG_ARGISNULL(argument))
	{
		*n = fairness_n_named_rates;
		rates = palloc(mul_size(*n, sizeof(*rates)));
		for (int i = 0; i < *n; i++)
			rates[i] = &fairness_named_rates[i];
		return rates;
	}
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, n);
	rates = palloc(mul_size(Max(*n, 1), sizeof(*rates)));
	for (int i = 0; i < *n; i++)
	{
		rates[i] = nulls[i] ? NULL : fairness_rate_find(TextDatumGetCString(names[i]));
		if (rates[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there is no rate \"%s\"", nulls[i] ? "NULL" : TextDatumGetCString(names[i])),
					 errhint("SELECT rate FROM weir.fairness_spread(f) lists them.")));
	}
	return rates;
}

static void
put_rate(ReturnSetInfo *result, const NamedGroup *named, const NamedRate *rate, int32 min_group_size, double z,
		 SmallGroups small_groups)
{
	Proportion	proportion = fairness_rate(&named->group, rate->rate);
	ScoreStatus status = proportion.trials == 0 ? SCORE_UNDEFINED
		: proportion.trials < min_group_size    ? SCORE_INSUFFICIENT
												: SCORE_OK;
	Datum		values[7] = {0};
	bool		nulls[7] = {false};

	values[0] = CStringGetTextDatum(rate->name);
	values[1] = CStringGetTextDatum(named->name);
	if (proportion.trials > 0)
	{
		double		low;
		double		high;

		wilson_interval(proportion, z, &low, &high);
		values[2] = Float8GetDatum((double) proportion.successes / (double) proportion.trials);
		values[3] = Float8GetDatum(low);
		values[4] = Float8GetDatum(high);
	}
	else
		nulls[2] = nulls[3] = nulls[4] = true;
	values[5] = Int64GetDatum(proportion.trials);
	values[6] = CStringGetTextDatum(score_status_name(status));
	/* That nobody of a small group is in the denominator tells of everybody in it. */
	if (small_groups == SMALL_GROUPS_SUPPRESS &&
		(status == SCORE_INSUFFICIENT || fairness_group_size(&named->group) < min_group_size))
	{
		values[6] = CStringGetTextDatum(score_status_name(SCORE_INSUFFICIENT));
		memset(nulls + 2, true, 4 * sizeof(bool));
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
weir_fairness_rates(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int32		min_group_size = PG_ARGISNULL(2) ? 1 : PG_GETARG_INT32(2);
	double		confidence = PG_ARGISNULL(3) ? 0.95 : PG_GETARG_FLOAT8(3);
	SmallGroups small_groups = fairness_read_small_groups(fcinfo, 4, false);
	double		z;
	const NamedRate **rates;
	NamedGroup *groups;
	int			n_rates;
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	fairness_check_options(min_group_size, confidence);
	rates = read_rates(fcinfo, 1, &n_rates);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	z = -normal_quantile((1 - confidence) / 2);
	groups = fairness_named_groups(PG_GETARG_DATUM(0), &n);
	for (int i = 0; i < n_rates; i++)
	{
		for (size_t j = 0; j < n; j++)
			put_rate(result, &groups[j], rates[i], min_group_size, z, small_groups);
		CHECK_FOR_INTERRUPTS();
	}
	return (Datum) 0;
}
