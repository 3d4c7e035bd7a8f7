/*
 * performance_metric_sql.c
 *		The metrics of performance by name, in SQL.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "quality/performance_metric.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_performance_metric_name);
PG_FUNCTION_INFO_V1(weir_performance_metric_names);
PG_FUNCTION_INFO_V1(weir_performance_metric_list);

Datum
weir_performance_metric_name(PG_FUNCTION_ARGS)
{
	const PerformanceMetric *metric = performance_metric_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (metric == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(metric->name));
}

Datum
weir_performance_metric_names(PG_FUNCTION_ARGS)
{
	ArrayBuildState *names = NULL;
	const PerformanceMetric *metric;

	for (int i = 0; (metric = performance_metric(i)) != NULL; i++)
		names = accumArrayResult(names, CStringGetTextDatum(metric->name), false, TEXTOID, CurrentMemoryContext);
	PG_RETURN_DATUM(makeArrayResult(names, CurrentMemoryContext));
}

Datum
weir_performance_metric_list(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const PerformanceMetric *metric;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; (metric = performance_metric(i)) != NULL; i++)
	{
		Datum		values[7] = {CStringGetTextDatum(metric->name), Int32GetDatum(metric->better),   Float8GetDatum(metric->lowest),
						   Float8GetDatum(metric->highest),   BoolGetDatum(metric->of_scores), BoolGetDatum(metric->is_baseline)};
		bool		nulls[7] = {false};

		nulls[6] = metric->option == NULL;
		if (metric->option != NULL)
			values[6] = CStringGetTextDatum(metric->option);

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
