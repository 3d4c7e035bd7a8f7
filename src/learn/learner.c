/*
 * learner.c
 *		Models that learn one row at a time: the catalogue, their features and classes, learning and asking.
 */
#include "learn/fit.h"
#include "learn/learner_method.h"
#include "learn/pipeline_one_hot.h"

static const LearnerMethod *const methods[LEARNER_N_KINDS] = {
	[LEARNER_LINEAR_REGRESSION] = &linear_regression_method,
	[LEARNER_LOGISTIC_REGRESSION] = &logistic_regression_method,
	[LEARNER_SOFTMAX_REGRESSION] = &softmax_regression_method,
	[LEARNER_QUANTILE_REGRESSION] = &quantile_regression_method,
	[LEARNER_PASSIVE_AGGRESSIVE] = &passive_aggressive_method,
	[LEARNER_PASSIVE_AGGRESSIVE_REGRESSION] = &passive_aggressive_regression_method,
	[LEARNER_ALMA] = &alma_method,
	[LEARNER_RECURSIVE_LEAST_SQUARES] = &recursive_least_squares_method,
	[LEARNER_GAUSSIAN_NAIVE_BAYES] = &gaussian_naive_bayes_method,
	[LEARNER_BERNOULLI_NAIVE_BAYES] = &bernoulli_naive_bayes_method,
	[LEARNER_MULTINOMIAL_NAIVE_BAYES] = &multinomial_naive_bayes_method,
	[LEARNER_HOEFFDING_TREE] = &hoeffding_tree_method,
	[LEARNER_HOEFFDING_ADAPTIVE_TREE] = &hoeffding_adaptive_tree_method,
	[LEARNER_ONLINE_BAGGING] = &online_bagging_method,
	[LEARNER_ADWIN_BAGGING] = &adwin_bagging_method,
	[LEARNER_LEVERAGING_BAGGING] = &leveraging_bagging_method,
	[LEARNER_ADAPTIVE_RANDOM_FOREST] = &adaptive_random_forest_method,
	[LEARNER_STREAMING_RANDOM_PATCHES] = &streaming_random_patches_method,
	[LEARNER_EXTREMELY_FAST_DECISION_TREE] = &extremely_fast_decision_tree_method,
	[LEARNER_HOEFFDING_TREE_REGRESSION] = &hoeffding_tree_regression_method,
	[LEARNER_HOEFFDING_ADAPTIVE_TREE_REGRESSION] = &hoeffding_adaptive_tree_regression_method,
	[LEARNER_ADAPTIVE_RANDOM_FOREST_REGRESSION] = &adaptive_random_forest_regression_method,
	[LEARNER_NEAREST_NEIGHBORS] = &nearest_neighbors_method,
	[LEARNER_NEAREST_NEIGHBORS_REGRESSION] = &nearest_neighbors_regression_method,
	[LEARNER_K_MEANS] = &k_means_method,
	[LEARNER_HALF_SPACE_TREES] = &half_space_trees_method,
	[LEARNER_HOLT_WINTERS] = &holt_winters_method,
	[LEARNER_ONLINE_BAGGING_REGRESSION] = &online_bagging_regression_method,
	[LEARNER_ADWIN_BAGGING_REGRESSION] = &adwin_bagging_regression_method,
	[LEARNER_LEVERAGING_BAGGING_REGRESSION] = &leveraging_bagging_regression_method,
	[LEARNER_STREAMING_RANDOM_PATCHES_REGRESSION] = &streaming_random_patches_regression_method,
};

const LearnerMethod *
learner_method(LearnerKind kind)
{
	return methods[kind];
}

/* ---- the catalogue ---- */

const char *
learner_name(LearnerKind kind)
{
	return methods[kind]->name;
}

int
learner_find(const char *name)
{
	for (int kind = 0; kind < LEARNER_N_KINDS; kind++)
		if (strcmp(methods[kind]->name, name) == 0)
			return kind;
	return -1;
}

const char *
learner_reference(LearnerKind kind)
{
	return methods[kind]->reference;
}

LearnerTask
learner_task(LearnerKind kind)
{
	return methods[kind]->task;
}

bool
learner_tells_classes(LearnerKind kind)
{
	return methods[kind]->task == LEARNER_BINARY || methods[kind]->task == LEARNER_CLASSES;
}

bool
learner_needs_label(LearnerKind kind)
{
	return methods[kind]->task != LEARNER_CLUSTERS && methods[kind]->task != LEARNER_ANOMALIES;
}

int
learner_n_options(LearnerKind kind)
{
	return methods[kind]->n_options;
}

const Option *
learner_option(LearnerKind kind, int number)
{
	return &methods[kind]->options[number];
}

int
learner_find_option(LearnerKind kind, const char *name)
{
	return option_find(methods[kind]->options, methods[kind]->n_options, name);
}

void
learner_initial_options(LearnerKind kind, double *options)
{
	options_initial(methods[kind]->options, methods[kind]->n_options, options);
}

const char *
learner_check_options(LearnerKind kind, const double *options)
{
	return methods[kind]->check == NULL ? NULL : methods[kind]->check(options);
}

bool
learner_explains(LearnerKind kind)
{
	return methods[kind]->contribute != NULL;
}

/* ---- life ---- */

static void *
resize_counted(void *context, void *pointer, size_t old_size, size_t size)
{
	Learner	   *learner = context;

	pointer = learner->outer.resize(learner->outer.context, pointer, old_size, size);
	learner->held += size - old_size;
	return pointer;
}

/* Learners of numbers keep how far off they were, when asked to. */
static void
start_intervals(Learner *learner)
{
	int			first = learner_find_option(learner->kind, "intervals");

	if (first >= 0)
		intervals_start(learner->allocator, &learner->intervals, (int) learner->options[first], learner->options[first + 1],
						learner->options[first + 2]);
}

Learner *
learner_create(Allocator allocator, LearnerKind kind, const double *options)
{
	Learner	   *learner = allocator.resize(allocator.context, NULL, 0, sizeof(Learner));
	int			seed = learner_find_option(kind, "seed");

	*learner = (Learner){.outer = allocator, .held = sizeof(Learner), .kind = kind, .method = methods[kind]};
	learner->allocator = (Allocator){.resize = resize_counted, .context = learner};
	memcpy(learner->options, options, (size_t) methods[kind]->n_options * sizeof(double));
	learner->max_memory = options[learner_find_option(kind, "max_memory")];
	random_seed(&learner->random, seed < 0 ? 0 : (uint64_t) options[seed]);
	return learner;
}

/* As before it was started. */
static void
stop(Learner *learner)
{
	if (!learner->is_started)
		return;
	learner->method->finish(learner);
	learner->allocator.resize(learner->allocator.context, learner->state, learner->method->state_size, 0);
	learner_release(learner, learner->contributions, (size_t) learner->features.n * sizeof(double));
	intervals_free(learner->allocator, &learner->intervals);
	learner->state = NULL;
	learner->contributions = NULL;
	learner->intervals = (Intervals){0};
	learner->is_started = false;
}

void
learner_free(Learner *learner)
{
	int			n = learner->features.n;

	stop(learner);
	for (int i = 0; i < n; i++)
		names_free(learner->allocator, &learner->categories[i]);
	if (n > 0)
	{
		learner->allocator.resize(learner->allocator.context, learner->categories, (size_t) n * sizeof(Names), 0);
		learner->allocator.resize(learner->allocator.context, learner->is_categorical, (size_t) n * sizeof(bool), 0);
		learner->allocator.resize(learner->allocator.context, learner->is_indicator, (size_t) n * sizeof(bool), 0);
	}
	names_free(learner->allocator, &learner->features);
	names_free(learner->allocator, &learner->classes);
	pipeline_free(learner->allocator, &learner->pipeline);
	learner->outer.resize(learner->outer.context, learner, sizeof(Learner), 0);
}

LearnerKind
learner_kind(const Learner *learner)
{
	return learner->kind;
}

const double *
learner_options(const Learner *learner)
{
	return learner->options;
}

int64_t
learner_n_rows(const Learner *learner)
{
	return learner->n_rows;
}

size_t
learner_memory(const Learner *learner)
{
	return learner->held;
}

/* ---- features and classes ---- */

int
learner_add_feature(Learner *learner, const char *name, size_t length, bool is_categorical)
{
	int			n = learner->features.n;

	if (names_add(learner->allocator, &learner->features, name, length, LEARNER_MAX_FEATURES) != n)
		return -1;
	learner->is_categorical =
		learner_grow(learner->allocator, learner->is_categorical, (size_t) n * sizeof(bool), (size_t) (n + 1) * sizeof(bool));
	learner->is_indicator =
		learner_grow(learner->allocator, learner->is_indicator, (size_t) n * sizeof(bool), (size_t) (n + 1) * sizeof(bool));
	learner->categories =
		learner_grow(learner->allocator, learner->categories, (size_t) n * sizeof(Names), (size_t) (n + 1) * sizeof(Names));
	learner->is_categorical[n] = is_categorical;
	return n;
}

int
learner_n_features(const Learner *learner)
{
	return learner->features.n;
}

static const char *
name_of(const Names *names, int number, size_t *length)
{
	*length = names->names[number].length;
	return names->names[number].bytes;
}

const char *
learner_feature_name(const Learner *learner, int feature, size_t *length)
{
	return name_of(&learner->features, feature, length);
}

bool
learner_feature_is_categorical(const Learner *learner, int feature)
{
	return learner->is_categorical[feature] || pipeline_encodes(&learner->pipeline, feature);
}

/* ---- the pipeline ---- */

void
learner_add_step(Learner *learner, StepKind kind, const char *const *names, const double *options)
{
	pipeline_add(learner->allocator, &learner->pipeline, kind, names, options);
}

bool
learner_add_step_value(Learner *learner, const char *name, size_t length)
{
	Names	   *values = &learner->pipeline.steps[learner->pipeline.n_steps - 1].values;
	int			n = values->n;

	return names_add(learner->allocator, values, name, length, LEARNER_MAX_CATEGORIES) == n;
}

static int
find_for_step(void *context, const char *name)
{
	return learner_find_feature(context, name, strlen(name));
}

static bool
is_categorical_for_step(void *context, int feature)
{
	return ((Learner *) context)->is_categorical[feature];
}

static int
add_for_step(void *context, const char *name)
{
	return learner_add_feature(context, name, strlen(name), false);
}

static bool
know_for_step(void *context, int feature, int code, const char *name, size_t length)
{
	Learner	   *learner = context;

	return names_add(learner->allocator, &learner->categories[feature], name, length, LEARNER_MAX_CATEGORIES) == code;
}

const char *
learner_bind_steps(Learner *learner, int *number)
{
	PipelineFeatures features = {.context = learner,
								 .find = find_for_step,
								 .is_categorical = is_categorical_for_step,
								 .add = add_for_step,
								 .know = know_for_step};
	const char *conflict = pipeline_bind(&learner->pipeline, &features, learner->features.n, number);

	if (conflict != NULL)
		return conflict;
	for (int i = 0; i < learner->features.n; i++)
	{
		if (pipeline_encodes(&learner->pipeline, i))
			learner->is_categorical[i] = false;
		learner->is_indicator[i] =
			pipeline_one_hot_of(&learner->pipeline, i) != NULL || pipeline_one_hot_with(&learner->pipeline, i) != NULL;
	}
	return NULL;
}

const Pipeline *
learner_pipeline(const Learner *learner)
{
	return &learner->pipeline;
}

int
learner_n_inputs(const Learner *learner)
{
	return learner->pipeline.n_steps > 0 && learner->pipeline.n_inputs > 0 ? learner->pipeline.n_inputs : learner->features.n;
}

int
learner_feature_source(const Learner *learner, int feature)
{
	const PipelineStep *step = pipeline_one_hot_with(&learner->pipeline, feature);

	return step == NULL ? feature : step->places[STEP_FEATURE];
}

int
learner_feature_value(const Learner *learner, int feature)
{
	const PipelineStep *step = pipeline_one_hot_with(&learner->pipeline, feature);
	int			code = step == NULL ? -1 : feature - step->first;

	return step != NULL && code < step_one_hot_values(step) && code < learner->categories[step->places[STEP_FEATURE]].n ? code : -1;
}

/* The row as the learner sees it: itself, or what steps make of it in the room given. */
static const double *
seen(const Learner *learner, const double *row, double *room)
{
	if (learner->pipeline.n_steps == 0)
		return row;
	memcpy(room, row, (size_t) learner->pipeline.n_inputs * sizeof(double));
	pipeline_apply(&learner->pipeline, room);
	return room;
}

int
learner_find_feature(const Learner *learner, const char *name, size_t length)
{
	return names_find(&learner->features, name, length);
}

/* One that is not known is missing, unless a step tells it from those that are. */
static double
category_code(const Learner *learner, int feature, int code)
{
	if (code >= 0)
		return code;
	return learner->is_indicator[feature] ? LEARNER_MAX_CATEGORIES : NAN;
}

double
learner_category(const Learner *learner, int feature, const char *name, size_t length)
{
	return category_code(learner, feature, names_find(&learner->categories[feature], name, length));
}

double
learner_category_add(Learner *learner, int feature, const char *name, size_t length)
{
	if (!learner_has_room(learner, names_growth(&learner->categories[feature], length)))
		return learner_category(learner, feature, name, length);
	return category_code(learner, feature,
						 names_add(learner->allocator, &learner->categories[feature], name, length,
								   pipeline_max_categories(&learner->pipeline, feature)));
}

int
learner_n_categories(const Learner *learner, int feature)
{
	return learner->categories[feature].n;
}

const char *
learner_category_name(const Learner *learner, int feature, int category, size_t *length)
{
	return name_of(&learner->categories[feature], category, length);
}

int
learner_class(const Learner *learner, const char *name, size_t length)
{
	return names_find(&learner->classes, name, length);
}

int
learner_class_add(Learner *learner, const char *name, size_t length)
{
	size_t		growth = names_growth(&learner->classes, length);

	if (!learner_has_room(learner, growth) && names_find(&learner->classes, name, length) < 0 &&
		!learner_make_room(learner, growth))
		return -1;
	return names_add(learner->allocator, &learner->classes, name, length,
					 learner->method->task == LEARNER_BINARY ? 2 : LEARNER_MAX_CLASSES);
}

int
learner_n_classes(const Learner *learner)
{
	return learner->classes.n;
}

const char *
learner_class_name(const Learner *learner, int class, size_t *length)
{
	return name_of(&learner->classes, class, length);
}

/* ---- learning and asking ---- */

void
learner_start(Learner *learner)
{
	learner->state = learner_room(learner, learner->method->state_size);
	start_intervals(learner);
	if (learner->method->contribute != NULL)
		learner->contributions = learner_room(learner, (size_t) learner->features.n * sizeof(double));
	learner->is_started = true;
	learner->reserved = 0;
	learner->method->start(learner);
}

size_t
learner_first_memory(Learner *learner)
{
	Random		random = learner->random;
	size_t		held;

	if (learner->is_started)
		return learner->held;
	learner_start(learner);
	held = learner->held;
	stop(learner);
	learner->random = random;
	learner->reserved = held - learner->held;
	return held;
}

static bool
has_room(void *learner, size_t bytes)
{
	return learner_has_room(learner, bytes);
}

/* What parts contribute, to that of the feature in whose place they are, too. */
static void
add_parts(const Learner *learner, double *contributions)
{
	for (int i = learner_n_inputs(learner); i < learner->features.n; i++)
		if (learner_feature_source(learner, i) != i)
			contributions[learner_feature_source(learner, i)] += contributions[i];
}

/* One row in so many is asked what its features contribute. */
#define ASK_EVERY 256

static void
ask_for_contributions(Learner *learner, const double *row, double target)
{
	double		bias = 0;
	double		contributions[LEARNER_MAX_FEATURES] = {0};
	double		share;

	learner->n_asked++;
	/* So that what was long ago counts less and less. */
	share = fmax(1.0 / (double) learner->n_asked, 0.02);
	learner->method->contribute(learner, row, (int) (learner_tells_classes(learner->kind) ? target : 0), &bias, contributions);
	add_parts(learner, contributions);
	for (int i = 0; i < learner->features.n; i++)
		if (isfinite(contributions[i]))
			learner->contributions[i] += share * (fabs(contributions[i]) - learner->contributions[i]);
}

void
learner_learn(Learner *learner, const double *row, double target, double weight)
{
	double		room[LEARNER_MAX_FEATURES];

	if (!learner->is_started)
		learner_start(learner);
	if (learner->intervals.window > 0 && learner->n_rows > 0)
		intervals_add(&learner->intervals, learner_number(learner, row), target);
	if (learner->pipeline.n_steps > 0)
	{
		memcpy(room, row, (size_t) learner->pipeline.n_inputs * sizeof(double));
		pipeline_learn(learner->allocator, has_room, &learner->pipeline, room, target, weight);
		row = room;
	}
	learner->method->learn(learner, row, target, weight);
	learner->n_rows++;
	if (learner->contributions != NULL && learner->n_rows % ASK_EVERY == 0)
		ask_for_contributions(learner, row, target);
}

void
fit_rows(Learner *learner, int64_t n)
{
	learner->n_rows = n;
}

void
learner_probabilities(const Learner *learner, const double *row, double *probabilities)
{
	double		room[LEARNER_MAX_FEATURES];

	if (learner->is_started)
		learner->method->predict(learner, seen(learner, row, room), probabilities);
	else
		for (int i = 0; i < learner->classes.n; i++)
			probabilities[i] = 1.0 / learner->classes.n;
}

int
learner_most_probable(const Learner *learner, const double *probabilities)
{
	int			best = learner->classes.n == 0 ? -1 : 0;

	for (int i = 1; i < learner->classes.n; i++)
		if (probabilities[i] > probabilities[best] ||
			(probabilities[i] == probabilities[best] && names_before(&learner->classes, i, best)))
			best = i;
	return best;
}

double
learner_number(const Learner *learner, const double *row)
{
	double		room[LEARNER_MAX_FEATURES];
	double		prediction = NAN;

	if (learner->is_started)
		learner->method->predict(learner, seen(learner, row, room), &prediction);
	return prediction;
}

double
learner_interval(const Learner *learner, double coverage)
{
	return learner->intervals.window > 0 ? intervals_width(&learner->intervals, coverage) : NAN;
}

void
learner_contributions(const Learner *learner, const double *row, int class, double *bias, double *contributions)
{
	learner_parts(learner, row, class, bias, contributions);
	add_parts(learner, contributions);
	for (int i = learner_n_inputs(learner); i < learner->features.n; i++)
		if (learner_feature_source(learner, i) != i)
			contributions[i] = 0;
}

void
learner_parts(const Learner *learner, const double *row, int class, double *bias, double *contributions)
{
	double		room[LEARNER_MAX_FEATURES];

	*bias = 0;
	memset(contributions, 0, (size_t) learner->features.n * sizeof(double));
	if (learner->is_started)
		learner->method->contribute(learner, seen(learner, row, room), class, bias, contributions);
}

double
learner_mean_contribution(const Learner *learner, int feature)
{
	return learner->contributions != NULL && learner->n_asked > 0 ? learner->contributions[feature] : NAN;
}

/* ---- trees, node by node ---- */

bool
learner_has_trees(LearnerKind kind)
{
	return methods[kind]->visit_trees != NULL;
}

void
learner_visit_trees(const Learner *learner, LearnerNodeVisitor visit, void *context)
{
	if (learner->is_started)
		learner->method->visit_trees(learner, visit, context);
}
