/*
 * baseline_performance.h
 *		The performance of a baseline that comes from a query: the derived columns of its rows.  Inside this room only.
 */
#ifndef WEIR_BASELINE_PERFORMANCE_H
#define WEIR_BASELINE_PERFORMANCE_H

#include "postgres.h"

#include "executor/spi.h"
#include "quality/performance.h"

#define MAX_PERFORMANCES \
	(2 + 2 * PERFORMANCE_MAX_CLASSES) /* of a monitor: of scores and decisions; of classes and their probabilities */

typedef struct BaselinePerformance BaselinePerformance;

/* What the monitor keeps of its model's performance.  Inside an SPI scope. */
extern BaselinePerformance *baseline_performance_load(int monitor_id, MemoryContext memory);

/* Looks where the query's rows have label, prediction and score; what they lack has no baseline. */
extern void baseline_performance_match(BaselinePerformance *baseline, TupleDesc shape);

/* Empty states for rows, as many as MAX_PERFORMANCES. */
extern Performance **baseline_performance_create(const BaselinePerformance *baseline, MemoryContext memory);
extern void baseline_performance_add(const BaselinePerformance *baseline, Performance **states, HeapTuple row, TupleDesc shape);

/* The highest position of a part, -1 when there is none; and the parts as summaries at their positions. */
extern int	baseline_performance_last_position(const BaselinePerformance *baseline);
extern void
baseline_performance_summaries(const BaselinePerformance *baseline, Performance *const *states, Datum *values, bool *nulls);

#endif
