/*
 * learner_method.h
 *		What a learner is made of; internal to this room.
 */
#ifndef WEIR_LEARNER_METHOD_H
#define WEIR_LEARNER_METHOD_H

#include <math.h>

#include "learn/archive.h"
#include "learn/intervals.h"
#include "learn/learner.h"
#include "learn/names.h"
#include "learn/pipeline.h"
#include "learn/random.h"

typedef struct LearnerMethod
{
	const char *name;
	const char *reference;
	LearnerTask task;
	const Option *options;
	int			n_options;

	/* NULL: any valid options go together. */
	const char *(*check)(const double *options);

	/* The state is all zero before start, which comes when the features are known. */
	size_t		state_size;
	void		(*start)(Learner *learner);
	void		(*finish)(Learner *learner);
	void		(*learn)(Learner *learner, const double *row, double target, double weight);

	/* Probabilities of the classes, or the number. */
	void		(*predict)(const Learner *learner, const double *row, double *prediction);

	/* NULL: it has none. */
	void		(*contribute)(const Learner *learner, const double *row, int class, double *bias, double *contributions);

	/* Of what is made of trees: one after the other, also those that grow aside; NULL past the last. They share the memory. */
	struct Tree *(*tree)(Learner *learner, int number);

	/* NULL: it is not made of trees. Calls visit for each node of each tree. */
	void		(*visit_trees)(const Learner *learner, LearnerNodeVisitor visit, void *context);

	/* Reads into a started state. */
	void		(*archive)(Learner *learner, Archive *archive);
} LearnerMethod;

/* Every learner's: what its state may grow to. */
#define MEMORY_OPTION NUMBER_OPTION("max_memory", 64 * 1024 * 1024, 4096, 4e9)

/* Every regression's, last: how many errors are kept to tell intervals from, what they shall cover, and how fast that adapts. */
#define INTERVAL_OPTIONS \
	COUNT_OPTION("intervals", 0, 0, 100000), NUMBER_OPTION("interval_coverage", 0.9, ABOVE_ZERO, BELOW_ONE), \
		NUMBER_OPTION("interval_adaptation", 0.005, 0, 1)

extern const LearnerMethod linear_regression_method;
extern const LearnerMethod logistic_regression_method;
extern const LearnerMethod softmax_regression_method;
extern const LearnerMethod quantile_regression_method;
extern const LearnerMethod passive_aggressive_method;
extern const LearnerMethod passive_aggressive_regression_method;
extern const LearnerMethod alma_method;
extern const LearnerMethod recursive_least_squares_method;
extern const LearnerMethod gaussian_naive_bayes_method;
extern const LearnerMethod bernoulli_naive_bayes_method;
extern const LearnerMethod multinomial_naive_bayes_method;
extern const LearnerMethod hoeffding_tree_method;
extern const LearnerMethod hoeffding_adaptive_tree_method;
extern const LearnerMethod online_bagging_method;
extern const LearnerMethod adwin_bagging_method;
extern const LearnerMethod leveraging_bagging_method;
extern const LearnerMethod adaptive_random_forest_method;
extern const LearnerMethod streaming_random_patches_method;
extern const LearnerMethod extremely_fast_decision_tree_method;
extern const LearnerMethod hoeffding_tree_regression_method;
extern const LearnerMethod hoeffding_adaptive_tree_regression_method;
extern const LearnerMethod adaptive_random_forest_regression_method;
extern const LearnerMethod nearest_neighbors_method;
extern const LearnerMethod nearest_neighbors_regression_method;
extern const LearnerMethod k_means_method;
extern const LearnerMethod half_space_trees_method;
extern const LearnerMethod holt_winters_method;
extern const LearnerMethod online_bagging_regression_method;
extern const LearnerMethod adwin_bagging_regression_method;
extern const LearnerMethod leveraging_bagging_regression_method;
extern const LearnerMethod streaming_random_patches_regression_method;

extern const LearnerMethod *learner_method(LearnerKind kind);

struct Learner
{
	Allocator	outer;			/* the caller's */
	Allocator	allocator;		/* counts what it gives in held */
	size_t		held;
	size_t		reserved;		/* until it is started: what that takes, once the features are known */
	const LearnerMethod *method;
	LearnerKind kind;
	double		options[LEARNER_MAX_OPTIONS];
	double		max_memory;
	int64_t		n_rows;
	Names		features;
	bool	   *is_categorical; /* per feature */
	bool	   *is_indicator;	/* per feature: whether a category has this value, which is not scaled */
	Names	   *categories;		/* per feature */
	Names		classes;
	Random		random;
	Intervals	intervals;
	Pipeline	pipeline;
	int64_t		n_asked;		/* rows of which contributions were looked at */
	double	   *contributions;	/* their mean sizes, per feature */
	double		least_promise;	/* no leaf that observes promises less; not stored: 0 is true of any */
	bool		is_started;
	void	   *state;
};

/* Gives it a state, once its features are known. */
extern void learner_start(Learner *learner);

static inline void *
learner_room(Learner *learner, size_t size)
{
	void	   *room = learner->allocator.resize(learner->allocator.context, NULL, 0, size);

	memset(room, 0, size);
	return room;
}

static inline void
learner_release(Learner *learner, void *pointer, size_t size)
{
	if (pointer != NULL)
		learner->allocator.resize(learner->allocator.context, pointer, size, 0);
}

/* More room, what is new all zero. */
static inline void *
learner_grow(Allocator allocator, void *pointer, size_t old_size, size_t size)
{
	pointer = allocator.resize(allocator.context, pointer, old_size, size);
	memset((char *) pointer + old_size, 0, size - old_size);
	return pointer;
}

/* Whether so many bytes more are within the memory given: asked before anything grows. */
static inline bool
learner_has_room(const Learner *learner, size_t bytes)
{
	return (double) learner->held + (double) learner->reserved + (double) bytes <= learner->max_memory;
}

/* The same, where the leaves of trees that promise least may stop observing for it. */
extern bool tree_make_room(Learner *learner, size_t bytes);

static inline bool
learner_make_room(Learner *learner, size_t bytes)
{
	return learner_has_room(learner, bytes) ||
		(learner->method->tree != NULL && learner->is_started && tree_make_room(learner, bytes));
}

/* Of n numbers the logarithms of what is proportional to probabilities become probabilities; none of them NaN. */
static inline void
probabilities_of_logarithms(double *values, int n)
{
	double		largest = -INFINITY;
	double		sum = 0;

	for (int i = 0; i < n; i++)
		largest = values[i] > largest ? values[i] : largest;
	for (int i = 0; i < n; i++)
		sum += values[i] = largest == -INFINITY ? 1 : exp(values[i] - largest);
	for (int i = 0; i < n; i++)
		values[i] /= sum;
}

/* Probabilities proportional to votes that are not negative; all equal when there are none. */
static inline void
probabilities_of_votes(double *votes, int n)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
		sum += votes[i];
	for (int i = 0; i < n; i++)
		votes[i] = sum > 0 ? votes[i] / sum : 1.0 / n;
}

#endif
