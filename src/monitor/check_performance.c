/*
 * check_performance.c
 *		Option performance of a monitor: {"threshold": 0.5, "thresholds": {"roc_auc": 0.7, "mean_error": [-1, 1]}, "calibrate":
 *"auto", "estimate": true, "beta": 2, "n_features": 5, "quantile": 0.9}, does it make sense.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "monitor/definition.h"
#include "quality/performance_metric.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

static char *
string_of(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static bool
is_range(const JsonbValue *value)
{
	JsonbContainer *container = value->type == jbvBinary ? value->val.binary.data : NULL;

	if (container == NULL || !JsonContainerIsArray(container) || JsonContainerSize(container) != 2)
		return false;
	for (int i = 0; i < 2; i++)
		if (getIthJsonbValueFromContainer(container, i)->type != jbvNumeric)
			return false;
	return true;
}

/* A number where one side is worse, [lowest, highest] for any metric. */
static bool
are_thresholds(const JsonbValue *value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	member;
	const PerformanceMetric *metric = NULL;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		return false;
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &member, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			metric = performance_metric_find(string_of(&member));
			/* By its full name, as readings have it. */
			if (metric == NULL || strcmp(metric->name, string_of(&member)) != 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("there is no metric of performance \"%s\"", string_of(&member)),
						 errhint("SELECT weir.performance_metric_names() lists them.")));
		}
		else if (token == WJB_VALUE && !is_range(&member) && (member.type != jbvNumeric || metric == NULL || metric->better == 0))
			return false;
	}
	return true;
}

static bool
is_calibrate(const JsonbValue *value)
{
	return value->type == jbvString &&
		(strcmp(string_of(value), "auto") == 0 || strcmp(string_of(value), "always") == 0 ||
		 strcmp(string_of(value), "never") == 0);
}

static bool
is_number_between(const JsonbValue *value, double above, double below, bool whole)
{
	double		number;

	if (value->type != jbvNumeric)
		return false;
	number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	return number > above && number < below && (!whole || number == floor(number));
}

bool
performance_options_are_valid(const JsonbValue *value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	member;
	const char *name = "";

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		return false;
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &member, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = string_of(&member);
		else if (token == WJB_VALUE &&
				 !(strcmp(name, "threshold") == 0        ? member.type == jbvNumeric
					   : strcmp(name, "thresholds") == 0 ? are_thresholds(&member)
					   : strcmp(name, "calibrate") == 0  ? is_calibrate(&member)
					   : strcmp(name, "estimate") == 0   ? member.type == jbvBool
					   : strcmp(name, "beta") == 0       ? is_number_between(&member, 0, 1e9, false)
					   : strcmp(name, "n_features") == 0 ? is_number_between(&member, -1, 1e9, true)
					   : strcmp(name, "quantile") == 0   ? is_number_between(&member, 0, 1, false)
														 : false))
			return false;
	}
	return true;
}
