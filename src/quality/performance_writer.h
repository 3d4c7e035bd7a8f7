/*
 * performance_writer.h
 *		How metrics of performance are told; internal to this room.  Plain C.
 *
 * A value that is NaN is undefined: it has an empty denominator.
 */
#ifndef WEIR_PERFORMANCE_WRITER_H
#define WEIR_PERFORMANCE_WRITER_H

#include "fairness/fairness_metrics.h"
#include "quality/performance.h"

typedef struct ScoreWriter
{
	PerformanceSink sink;
	void	   *context;
	double		z;
	int64_t		min_n;
	int64_t		n;				/* rows with label and prediction */
	double		cut;			/* share of the rows in the cell that the threshold cuts through */
} ScoreWriter;

/* NaN when the denominator is 0. */
extern double score_ratio(double numerator, double denominator);

extern void tell_undefined(const ScoreWriter *writer, const char *name, int64_t n);
extern void tell_value(const ScoreWriter *writer, const char *name, double value, int64_t n, double error_bound);
extern void
tell_interval(const ScoreWriter *writer, const char *name, double value, double low, double high, int64_t n, double error_bound);

/* With Wilson's interval. */
extern void tell_rate(const ScoreWriter *writer, const char *name, int64_t successes, int64_t trials);

/* Of losses that are not below 0, with the interval of a mean; variance is that of one loss. */
extern void tell_mean(const ScoreWriter *writer, const char *name, double mean, double variance, int64_t n);

/* Cohen's kappa against an agreement by chance. */
extern void tell_agreement(const ScoreWriter *writer, const char *name, double observed, double by_chance);

#endif
