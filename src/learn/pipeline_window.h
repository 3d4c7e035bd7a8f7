/*
 * pipeline_window.h
 *		What the last rows with the same key say of a feature; internal to this room.
 */
#ifndef WEIR_PIPELINE_WINDOW_H
#define WEIR_PIPELINE_WINDOW_H

#include "learn/pipeline.h"

extern const Option *step_window_options(int *n);

/* NULL when the step's names and its options go together; else a sentence that says why not. */
extern const char *step_window_check(const PipelineStep *step);

/* The statistic over the rows learned and this one; NaN where there is none. */
extern double step_window_value(const PipelineStep *step, const double *row);
extern void step_window_add(Allocator allocator, HasRoom has_room, PipelineStep *step, const double *row);
extern void step_window_free(Allocator allocator, PipelineStep *step);
extern void archive_step_window(Archive *archive, PipelineStep *step);

#endif
