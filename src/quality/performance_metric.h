/*
 * performance_metric.h
 *		The metrics of performance by name, and which way each is better.  Plain C.
 */
#ifndef WEIR_PERFORMANCE_METRIC_H
#define WEIR_PERFORMANCE_METRIC_H

#include <stdbool.h>

#include "quality/performance.h"

typedef struct PerformanceMetric
{
	const char *name;
	const char *alias;			/* a usual short form, or NULL */
	int			better;			/* 1: higher, -1: lower, 0: neither */
	double		lowest;
	double		highest;
	bool		of_scores;		/* of a binary model: needs the scores, not the decisions */
	bool		is_baseline;	/* what a model without skill reaches, not what this one does */
	bool		kinds[4];		/* by PerformanceKind */
	const char *option;			/* without which there is no such metric; NULL: none is needed */
} PerformanceMetric;

/* By name or alias; NULL when there is none. */
extern const PerformanceMetric *performance_metric_find(const char *name);

/* In order, from 0; NULL after the last. */
extern const PerformanceMetric *performance_metric(int i);

#endif
