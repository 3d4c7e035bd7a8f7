/*
 * learner.h
 *		Models that learn one row at a time.
 *
 * Plain C. A row is an array of numbers, one per feature: a number, or the code of a category; NaN is a missing value. A target is
 *the code of a class, or a number. A Learner knows its features and classes by name, so a stored one can be asked by whoever has
 *only it. Encoded it can be stored, and going on from what was stored gives what one run would have given, bit for bit.
 */
#ifndef WEIR_LEARNER_H
#define WEIR_LEARNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"
#include "base/options.h"
#include "learn/pipeline.h"
#include "learn/present_label.h"

/* Stored: numbers never change. */
typedef enum LearnerKind
{
	LEARNER_LINEAR_REGRESSION = 0,
	LEARNER_LOGISTIC_REGRESSION = 1,
	LEARNER_SOFTMAX_REGRESSION = 2,
	LEARNER_QUANTILE_REGRESSION = 3,
	LEARNER_PASSIVE_AGGRESSIVE = 4,
	LEARNER_PASSIVE_AGGRESSIVE_REGRESSION = 5,
	LEARNER_ALMA = 6,
	LEARNER_RECURSIVE_LEAST_SQUARES = 7,
	LEARNER_GAUSSIAN_NAIVE_BAYES = 8,
	LEARNER_BERNOULLI_NAIVE_BAYES = 9,
	LEARNER_MULTINOMIAL_NAIVE_BAYES = 10,
	LEARNER_HOEFFDING_TREE = 11,
	LEARNER_HOEFFDING_ADAPTIVE_TREE = 12,
	LEARNER_ONLINE_BAGGING = 13,
	LEARNER_ADWIN_BAGGING = 14,
	LEARNER_LEVERAGING_BAGGING = 15,
	LEARNER_ADAPTIVE_RANDOM_FOREST = 16,
	LEARNER_STREAMING_RANDOM_PATCHES = 17,
	LEARNER_EXTREMELY_FAST_DECISION_TREE = 18,
	LEARNER_HOEFFDING_TREE_REGRESSION = 19,
	LEARNER_HOEFFDING_ADAPTIVE_TREE_REGRESSION = 20,
	LEARNER_ADAPTIVE_RANDOM_FOREST_REGRESSION = 21,
	LEARNER_NEAREST_NEIGHBORS = 22,
	LEARNER_NEAREST_NEIGHBORS_REGRESSION = 23,
	LEARNER_K_MEANS = 24,
	LEARNER_HALF_SPACE_TREES = 25,
	LEARNER_HOLT_WINTERS = 26,
	LEARNER_ONLINE_BAGGING_REGRESSION = 27,
	LEARNER_ADWIN_BAGGING_REGRESSION = 28,
	LEARNER_LEVERAGING_BAGGING_REGRESSION = 29,
	LEARNER_STREAMING_RANDOM_PATCHES_REGRESSION = 30,
	LEARNER_N_KINDS
} LearnerKind;

typedef enum LearnerTask
{
	LEARNER_BINARY,				/* two classes */
	LEARNER_CLASSES,			/* any number of classes */
	LEARNER_REGRESSION,			/* a number */
	LEARNER_CLUSTERS,			/* no labels: the number of a cluster, from 0 */
	LEARNER_ANOMALIES			/* no labels: a score from 0, usual, to 1 */
} LearnerTask;

#define LEARNER_MAX_OPTIONS 24

typedef struct Learner Learner;

/* ---- the catalogue ---- */

extern const char *learner_name(LearnerKind kind);

/* -1 when there is none of that name. */
extern int	learner_find(const char *name);
extern const char *learner_reference(LearnerKind kind);
extern LearnerTask learner_task(LearnerKind kind);

/* Whether there are classes to tell apart; else a number is said. */
extern bool learner_tells_classes(LearnerKind kind);

/* Whether a row needs a label to be learned. */
extern bool learner_needs_label(LearnerKind kind);
extern int	learner_n_options(LearnerKind kind);
extern const Option *learner_option(LearnerKind kind, int number);

/* -1 when the learner has none of that name. */
extern int	learner_find_option(LearnerKind kind, const char *name);
extern void learner_initial_options(LearnerKind kind, double *options);

/* NULL when the options, each valid in itself, go together; else a sentence that says why not. */
extern const char *learner_check_options(LearnerKind kind, const double *options);

/* ---- life ---- */

/* Options must be valid and go together. */
extern Learner *learner_create(Allocator allocator, LearnerKind kind, const double *options);
extern void learner_free(Learner *learner);

extern LearnerKind learner_kind(const Learner *learner);
extern const double *learner_options(const Learner *learner);

/* Rows learned. */
extern int64_t learner_n_rows(const Learner *learner);

/* Bytes that the model holds; those that it will before its first row, once its features are known: max_memory is to be no less. */
extern size_t learner_memory(const Learner *learner);
extern size_t learner_first_memory(Learner *learner);

/* ---- features and classes ---- */

/* A step of the pipeline, before the features are named; with the values that it is given, in order, false for one given twice. */
extern void learner_add_step(Learner *learner, StepKind kind, const char *const *names, const double *options);
extern bool learner_add_step_value(Learner *learner, const char *name, size_t length);

/* The features that come from outside are named: steps find theirs. NULL, or why step *number cannot be done. */
extern const char *learner_bind_steps(Learner *learner, int *number);
extern const Pipeline *learner_pipeline(const Learner *learner);

/* Features that come from outside; those that steps of the pipeline add are behind them. A row has room for all. */
extern int	learner_n_inputs(const Learner *learner);

/* Features are named before the first row; the number of the new one. At most LEARNER_MAX_FEATURES, no name twice. */
extern int	learner_add_feature(Learner *learner, const char *name, size_t length, bool is_categorical);
extern int	learner_n_features(const Learner *learner);
extern const char *learner_feature_name(const Learner *learner, int feature, size_t *length);
extern bool learner_feature_is_categorical(const Learner *learner, int feature);

/* Of a feature that a step puts, with others, in the place of one from outside, that one; of others themselves. */
extern int	learner_feature_source(const Learner *learner, int feature);

/* The category that such a feature stands for, -1 where none is known yet, or it stands for missing values. */
extern int	learner_feature_value(const Learner *learner, int feature);

/* -1 when there is none of that name. */
extern int	learner_find_feature(const Learner *learner, const char *name, size_t length);

/*
 * The code of a category, NaN for one not known (of a feature that one_hot makes several of, a code of its own: other than missing
 * values, it is one of the others); learner_category_add makes it known while there is room.
 */
extern double learner_category(const Learner *learner, int feature, const char *name, size_t length);
extern double learner_category_add(Learner *learner, int feature, const char *name, size_t length);
extern int	learner_n_categories(const Learner *learner, int feature);
extern const char *learner_category_name(const Learner *learner, int feature, int category, size_t *length);

/* The code of a class, -1 for one not known; learner_class_add makes it known, -1 when there are too many or there is no memory. */
extern int	learner_class(const Learner *learner, const char *name, size_t length);
extern int	learner_class_add(Learner *learner, const char *name, size_t length);
extern int	learner_n_classes(const Learner *learner);
extern const char *learner_class_name(const Learner *learner, int class, size_t *length);

/*
 * What it has learned of categories of a feature, and of classes, it knows under other names from now on.  The former one stays
 * where there is no memory for a longer one, where another has the name already, and of values that were given to one_hot.
 */
extern void learner_rename_categories(Learner *learner, int feature, PresentLabel present, void *context);
extern void learner_rename_classes(Learner *learner, PresentLabel present, void *context);

/* ---- learning and asking ---- */

/* One row, with a weight above 0. The target is the code of a class, or a finite number. */
extern void learner_learn(Learner *learner, const double *row, double target, double weight);

/* Of classifiers: a probability per class, which sum to 1; nothing is known before the first row: all equal. */
extern void learner_probabilities(const Learner *learner, const double *row, double *probabilities);

/* The most probable class; of equally probable ones the first by name; -1 when no class is known. */
extern int	learner_most_probable(const Learner *learner, const double *probabilities);

/* Of regression: the number; a cluster; a score. NaN before the first row. */
extern double learner_number(const Learner *learner, const double *row);

/*
 * Of regression with option intervals: how far the target is from what is said, in a share of rows that is coverage; NaN: that of
 * option interval_coverage, adapted. Infinite while too few errors are known, NaN where none are kept.
 */
extern double learner_interval(const Learner *learner, double coverage);

/*
 * What each feature contributes to what the learner says of the class (of regression: to the number; class is ignored): the bias
 * and n_features contributions sum to it. Linear models say log-odds (softmax: the class's score; margin classifiers: the margin),
 * naive Bayes the logarithm of the class's joint likelihood, trees and forests the probability or the number: path-dependent SHAP
 * values (Lundberg, Erion and Lee 2018) over the weights that their nodes have seen. What features contribute that stand in the
 * place of one from outside is summed there, and they have nothing; learner_parts gives each its own.
 */
extern bool learner_explains(LearnerKind kind);
extern void learner_contributions(const Learner *learner, const double *row, int class, double *bias, double *contributions);
extern void learner_parts(const Learner *learner, const double *row, int class, double *bias, double *contributions);

/*
 * How large the contributions of a feature (with those that stand in its place; of one of these its own) are in the mean, over one
 * row learned in 256; NaN while none was looked at.
 */
extern double learner_mean_contribution(const Learner *learner, int feature);

/* ---- trees, node by node ---- */

/* How rows come to a node from the one above: the feature is at most or above the value, or is or is not the category. */
typedef enum LearnerRelation
{
	RELATION_NONE,				/* a root */
	RELATION_AT_MOST,
	RELATION_ABOVE,
	RELATION_IS,
	RELATION_IS_NOT
} LearnerRelation;

typedef struct LearnerNode
{
	int			tree;			/* from 0, in a learner of one always 0 */
	int			number;			/* within the tree from 0, parents before children */
	int			parent;			/* -1: none */
	int			depth;
	int			feature;		/* that of the parent's split */
	LearnerRelation relation;
	double		value;			/* or the code of a category */
	bool		takes_missing;	/* rows whose feature is missing, or of a category that the split does not know, come here */
	bool		is_leaf;
	double		weight;			/* of rows that came here */
	const double *shares;		/* of the classes among them, NULL of regression */
	double		mean;			/* of their numbers */
	double		vote;			/* how much the tree's answer weighs beside those of others */
} LearnerNode;

typedef void (*LearnerNodeVisitor)(void *context, const LearnerNode *node);

/* Whether it is made of trees; then all their nodes, from the root, left before right. Trees that may replace others are left out.
 */
extern bool learner_has_trees(LearnerKind kind);
extern void learner_visit_trees(const Learner *learner, LearnerNodeVisitor visit, void *context);

/* ---- the stored form ---- */

typedef enum LearnerStatus
{
	LEARNER_OK = 0,
	LEARNER_CORRUPT,			/* not what learner_encode writes */
	LEARNER_OTHER_VERSION
} LearnerStatus;

extern size_t learner_encoded_size(const Learner *learner);
extern void learner_encode(const Learner *learner, uint8_t *bytes);

/* Bytes may come from anybody; what decodes can be used safely and encodes to the same bytes. */
extern LearnerStatus learner_decode(Allocator allocator, const uint8_t *bytes, size_t size, Learner **learner);

#endif
