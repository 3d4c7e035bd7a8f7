/*
 * pipeline.h
 *		Steps that make of a row what a learner sees; kept with the model, so that they are the same when it is asked.  Plain C.
 *
 * A step changes a feature in its place (impute, target_encode, scale), adds one (window), or puts several in its place (one_hot).
 * Steps are done in order. What they know, they know of rows learned; the row at hand counts in windows too, so asking and learning
 * see the same.
 */
#ifndef WEIR_PIPELINE_H
#define WEIR_PIPELINE_H

#include "base/options.h"
#include "learn/limits.h"
#include "learn/archive.h"
#include "learn/names.h"
#include "learn/spread.h"

/* Stored: numbers never change. */
typedef enum StepKind
{
	STEP_IMPUTE = 0,
	STEP_TARGET_ENCODE = 1,
	STEP_SCALE = 2,
	STEP_WINDOW = 3,
	STEP_ONE_HOT = 4,
	STEP_N_KINDS
} StepKind;

/* What names a step can give; empty: none. */
typedef enum StepName
{
	STEP_FEATURE,
	STEP_BY,
	STEP_TIME,
	STEP_AS,
	STEP_N_NAMES
} StepName;

#define PIPELINE_MAX_STEPS 64
#define STEP_MAX_OPTIONS 4

extern const char *const step_kinds[];
extern const char *const step_names[];
extern const Option *step_options(StepKind kind, int *n);

typedef struct PipelineSlot PipelineSlot;

typedef struct PipelineStep
{
	StepKind	kind;
	char	   *names[STEP_N_NAMES];
	double		options[STEP_MAX_OPTIONS];
	/* where the features are, once they are known; -1: not given */
	int			places[STEP_N_NAMES];
	/* impute, scale, target_encode: what was seen */
	Spread		spread;
	double		low;
	double		high;
	double		last;
	int			n_categories;
	int			category_capacity;
	Spread	   *categories;		/* per category: of targets or, to impute, how often it came */
	/* window: rows by key, the key learned last first */
	int			n_slots;
	int			slot_capacity;
	PipelineSlot *slots;
	int			n_buckets;
	int		   *buckets;		/* number of a slot + 1 */
	int			newest;			/* -1: none */
	int			oldest;
	/* one_hot: the values that are given, in order; the first of the features that stand for values */
	Names		values;
	int			first;
} PipelineStep;

typedef struct Pipeline
{
	int			n_steps;
	PipelineStep *steps;
	int			n_inputs;		/* features that come from outside, once known; others are added behind them */
} Pipeline;

/* Adds a step; names and options are copied. */
extern PipelineStep *
pipeline_add(Allocator allocator, Pipeline *pipeline, StepKind kind, const char *const *names, const double *options);
extern void pipeline_free(Allocator allocator, Pipeline *pipeline);

/* Steps and their options, then what they know. */
extern void archive_pipeline(Archive *archive, Pipeline *pipeline);
extern void archive_pipeline_state(Archive *archive, Pipeline *pipeline);

/* What the steps make of a row, which has room for all features; inputs are changed in their place. */
extern void pipeline_apply(const Pipeline *pipeline, double *row);

/* Whether there is room for so many bytes more; context is that of the allocator. */
typedef bool (*HasRoom)(void *context, size_t bytes);

/* The same, and steps get to know the row, as far as there is room. */
extern void pipeline_learn(Allocator allocator, HasRoom has_room, Pipeline *pipeline, double *row, double target, double weight);

/*
 * Steps find their features among those named so far, and add theirs; NULL, or a sentence that says why one, *number, cannot. add
 * gives the place of a new feature, -1 when there is no room or the name is taken; know makes a category known, false when its code
 * is another.
 */
typedef struct PipelineFeatures
{
	void	   *context;
	int			(*find)(void *context, const char *name);
	bool		(*is_categorical)(void *context, int feature);
	int			(*add)(void *context, const char *name);
	bool		(*know)(void *context, int feature, int code, const char *name, size_t length);
} PipelineFeatures;

extern const char *pipeline_bind(Pipeline *pipeline, const PipelineFeatures *features, int n_inputs, int *number);

/* Whether a step makes a number, or numbers, of the category that a feature is. */
extern bool pipeline_encodes(const Pipeline *pipeline, int feature);

/* The step that makes a feature of 0 and 1 per value of a feature, or that adds the feature as one of these; NULL: none. */
extern const PipelineStep *pipeline_one_hot_of(const Pipeline *pipeline, int feature);
extern const PipelineStep *pipeline_one_hot_with(const Pipeline *pipeline, int feature);

/* How many of a feature's categories steps and learner tell apart. */
extern int	pipeline_max_categories(const Pipeline *pipeline, int feature);

#endif
