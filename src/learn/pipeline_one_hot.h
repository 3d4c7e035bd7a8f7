/*
 * pipeline_one_hot.h
 *		A category as a feature of 0 and 1 per value; internal to this room.
 */
#ifndef WEIR_PIPELINE_ONE_HOT_H
#define WEIR_PIPELINE_ONE_HOT_H

#include "learn/pipeline.h"

extern const Option *step_one_hot_options(int *n);

/* Values that it tells apart; features that it adds: one per value, and one for missing values if asked for. */
extern int	step_one_hot_values(const PipelineStep *step);
extern int	step_one_hot_width(const PipelineStep *step);

/* Adds them; NULL, or why they cannot be. */
extern const char *step_one_hot_bind(PipelineStep *step, const PipelineFeatures *features);
extern void step_one_hot_apply(const PipelineStep *step, double *row);

#endif
