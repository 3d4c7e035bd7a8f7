/*
 * estimated_metric.c
 *		Arrays of rows that aggregates without labels give.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "funcapi.h"
#include "quality/estimated_metric.h"
#include "quality/performance_datum.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

struct EstimatedMetrics
{
	Oid			type;
	TupleDesc	description;
	ArrayBuildState *array;
};

EstimatedMetrics *
estimated_metrics_begin(FunctionCallInfo fcinfo)
{
	EstimatedMetrics *metrics = palloc0(sizeof(EstimatedMetrics));

	metrics->type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	Assert(OidIsValid(metrics->type));
	metrics->description = lookup_rowtype_tupdesc_copy(metrics->type, -1);
	return metrics;
}

static void
add(EstimatedMetrics *metrics, Datum *values, bool *nulls)
{
	HeapTuple	tuple = heap_form_tuple(metrics->description, values, nulls);

	metrics->array = accumArrayResult(metrics->array, HeapTupleGetDatum(tuple), false, metrics->type, CurrentMemoryContext);
}

void
estimated_metrics_add(EstimatedMetrics *metrics, const char *name, const char *class_name, double value, double low, double high,
					  int64 n)
{
	Datum		values[7] = {0};
	bool		nulls[7] = {false};

	if (isnan(value))
		low = high = NAN;
	values[0] = CStringGetTextDatum(name);
	nulls[1] = class_name == NULL;
	if (class_name != NULL)
		values[1] = CStringGetTextDatum(class_name);
	values[2] = performance_float_or_null(value, &nulls[2]);
	values[3] = performance_float_or_null(low, &nulls[3]);
	values[4] = performance_float_or_null(high, &nulls[4]);
	values[5] = Int64GetDatum(n);
	values[6] = CStringGetTextDatum(isnan(value) ? "undefined" : "ok");
	add(metrics, values, nulls);
}

void
expected_cells_add(EstimatedMetrics *cells, const char *label, const char *prediction, double n)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = CStringGetTextDatum(label);
	values[1] = CStringGetTextDatum(prediction);
	values[2] = Float8GetDatum(n);
	add(cells, values, nulls);
}

Datum
estimated_metrics_end(EstimatedMetrics *metrics)
{
	if (metrics->array == NULL)
		return PointerGetDatum(construct_empty_array(metrics->type));
	return makeArrayResult(metrics->array, CurrentMemoryContext);
}
