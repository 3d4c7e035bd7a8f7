/*
 * estimated_metric.h
 *		Arrays of rows that aggregates without labels give: weir.estimated_metric[] and weir.expected_cell[]; internal to this room.
 */
#ifndef WEIR_ESTIMATED_METRIC_H
#define WEIR_ESTIMATED_METRIC_H

#include "postgres.h"

#include "fmgr.h"

typedef struct EstimatedMetrics EstimatedMetrics;

/* Of the type that the function called, or the aggregate, returns. */
extern EstimatedMetrics *estimated_metrics_begin(FunctionCallInfo fcinfo);

/* A value that is NaN is undefined; ends that are NaN are none. class_name may be NULL. */
extern void estimated_metrics_add(EstimatedMetrics *metrics, const char *name, const char *class_name, double value, double low,
								  double high, int64 n);

extern void expected_cells_add(EstimatedMetrics *cells, const char *label, const char *prediction, double n);

/* The array. */
extern Datum estimated_metrics_end(EstimatedMetrics *metrics);

#endif
