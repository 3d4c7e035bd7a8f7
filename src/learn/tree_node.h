/*
 * tree_node.h
 *		What trees are made of; internal to this room.
 *
 * A leaf counts its classes and, while it is active, observes what each feature says of them: numbers as a normal distribution per
 * class (Pfahringer, Holmes and Kirkby 2008), categories by count. From that it predicts, and is split. Of regression a leaf keeps
 * the mean and spread of its targets, in bins of each feature too, and a linear model.
 */
#ifndef WEIR_TREE_NODE_H
#define WEIR_TREE_NODE_H

#include "detect/detector.h"
#include "learn/learner_method.h"
#include "learn/linear_inputs.h"
#include "learn/spread.h"

/* Of a number within a class. */
typedef struct NumberEvidence
{
	double		n;
	double		mean;
	double		squares;		/* sum of squared deviations */
	double		low;
	double		high;
	/* The log-density of x is constant - factor * (x - mean)^2; constant is -infinity while there is no spread. */
	double		constant;
	double		factor;
} NumberEvidence;

/* The targets of the rows whose number lies between low and high, or that have a category. */
typedef struct Bin
{
	double		low;
	double		high;
	Spread		targets;
} Bin;

/* What a leaf has seen of one feature. */
typedef struct Observer
{
	/* of classes */
	int			n_classes;
	NumberEvidence *numbers;	/* of a number: per class */
	int			n_categories;
	double	   *counts;			/* of a category: weights by category, then class */
	double	   *totals;			/* and per class */
	/* of regression */
	int			n_bins;
	int			bin_capacity;
	Bin		   *bins;			/* of a number: ascending, disjoint; of a category: one each */
} Observer;

typedef enum SplitKind
{
	SPLIT_NONE = 0,				/* a leaf */
	SPLIT_NUMBER,				/* at most value: child 0; else child 1 */
	SPLIT_CATEGORY,				/* is value: child 0; else child 1 */
	SPLIT_CATEGORIES			/* a child per category */
} SplitKind;

typedef struct TreeNode TreeNode;

/* Of adaptive trees: how a node fares, and what may replace it. */
typedef struct Watch
{
	Detector   *detector;
	double		n;				/* rows */
	double		error;			/* their mean error */
	double		squares;		/* of regression: the errors' sum of squared deviations */
	TreeNode   *alternate;
} Watch;

struct TreeNode
{
	SplitKind	kind;
	int			feature;
	double		value;
	int			n_children;
	TreeNode  **children;
	int		   *categories;		/* of SPLIT_CATEGORIES: of each child */
	int			depth;
	double		cover;			/* weight that came here, or was estimated to when it was made */
	int			n_classes;
	double	   *stats;			/* weight per class */
	Spread		targets;		/* of regression */
	Watch	   *watch;
	/* of leaves */
	double		last_attempt;	/* weight at the last attempt to split */
	double		majority_correct;
	double		bayes_correct;
	double		mean_error;		/* of regression: squared errors, those of long ago counting less */
	double		model_error;
	LinearInputs *model;
	bool		is_active;		/* observes; of trees that reconsider, splits do too */
	int			n_observers;
	int		   *observed;		/* their features; NULL: all in order */
	Observer   *observers;
};

typedef enum LeafPrediction
{
	LEAF_MAJORITY = 0,
	LEAF_NAIVE_BAYES,
	LEAF_ADAPTIVE				/* whichever was right more often */
} LeafPrediction;

/* Of regression the same numbers stand for others. */
#define LEAF_MEAN LEAF_MAJORITY
#define LEAF_MODEL LEAF_NAIVE_BAYES

typedef enum SplitCriterion
{
	CRITERION_INFORMATION_GAIN = 0,
	CRITERION_GINI
} SplitCriterion;

typedef struct TreeSettings
{
	double		grace_period;
	double		delta;
	double		tie_threshold;
	int			max_depth;
	SplitCriterion criterion;
	LeafPrediction leaf_prediction;
	double		bayes_threshold;
	bool		is_binary;		/* categories are split one against the others alone */
	double		min_branch_share;
	double		max_class_share;
	int			n_observed;		/* features that a leaf observes, drawn when it is made; 0: all */
	bool		is_adaptive;
	bool		is_bootstrapped;
	double		drift_window;
	double		switch_significance;
	double		reconsider_after; /* weight after which a split is reconsidered; 0: never */
	bool		is_regression;
	double		min_samples_split;
	int			max_bins;
	double		selector_decay;
	double		model_rate;
	bool		model_is_scaled;
} TreeSettings;

typedef struct Tree
{
	const TreeSettings *settings;
	const bool *allowed;		/* features that may be used; NULL: all */
	TreeNode   *root;
} Tree;

#define TREE_MAX_DEPTH 64
#define TREE_MAX_NESTED 2 /* alternates of alternates */

/* ---- tree_node.c ---- */

/* Bytes of a new leaf with counts of so many classes, and with the model of another or, from NULL, of its own. */
extern size_t node_size(const Learner *learner, const Tree *tree, int n_classes, const TreeNode *from);

/* Bytes that a leaf takes to observe. */
extern size_t observers_size(const Learner *learner, const Tree *tree);
extern TreeNode *node_create(Learner *learner, Tree *tree, int depth, const double *stats, int n_classes);
extern void node_free(Learner *learner, Tree *tree, TreeNode *node);

/* Makes a split a leaf again. */
extern void node_prune(Learner *learner, Tree *tree, TreeNode *node);

/* Frees what a leaf observes: it can no longer be split. */
extern void node_deactivate(Learner *learner, TreeNode *node);
extern void node_activate(Learner *learner, Tree *tree, TreeNode *node);
extern double node_weight(const TreeNode *node);

/*
 * How much a leaf stands to gain from being split, which only grows: of regression the sum of squared deviations, else what is not
 * of its class.
 */
extern double node_promise(const TreeNode *node);

/*
 * Makes room for what a row may add to a node, which stops observing where there is none; false when there is none for its counts
 * either. The class counts for nothing where numbers are learned.
 */
extern bool node_make_room(Learner *learner, const Tree *tree, TreeNode *node, const double *row, int class);

/* Adds to the count of a class, where there is room for it. */
extern void node_count(Learner *learner, TreeNode *node, int class, double weight);

/* The number of the child where a row goes; -1 when it has no such: a missing value, a category with no child. */
extern int	node_branch(const TreeNode *node, const double *row);

/* The child that has seen most. */
extern int	node_common_branch(const TreeNode *node);
/* A detector that is ADWIN. */
extern void archive_detector(Archive *archive, Detector **detector);

/* What a node observes, which it does no longer. */
extern void node_move_observers(TreeNode *from, TreeNode *to);
extern void archive_tree(Learner *learner, Archive *archive, Tree *tree);

/* ---- tree_target.c: what leaves of regression see and say ---- */

#define TREE_MAX_BINS 256

/* Bytes that adding a value may take. */
extern size_t target_observer_growth(const TreeSettings *settings, const Observer *observer, bool is_categorical, double value);
extern void target_observer_add(Learner *learner, const TreeSettings *settings, Observer *observer, bool is_categorical,
								double value, double target, double weight);

/* The model that a new leaf has, that of the leaf which was split or, from NULL, one that knows nothing. */
extern void leaf_model_create(Learner *learner, const TreeSettings *settings, TreeNode *leaf, const TreeNode *from);
extern void leaf_model_free(Learner *learner, TreeNode *leaf);
extern double leaf_number(const Learner *learner, const TreeSettings *settings, const TreeNode *leaf, const double *row);
extern void leaf_learn_number(Learner *learner, Tree *tree, TreeNode *leaf, const double *row, double target, double weight);

/* ---- tree_observer.c ---- */

extern void observer_free(Learner *learner, Observer *observer);

/* Bytes that adding a value takes, for a while. */
extern size_t observer_growth(const Observer *observer, bool is_categorical, double value, int class);
extern void observer_add(Learner *learner, Observer *observer, bool is_categorical, double value, int class, double weight);

/* The logarithm of what the value says of the class; -infinity when it says nothing. */
static inline double
observer_log_likelihood(const Observer *observer, bool is_categorical, double value, int class)
{
	double		count;

	if (class >= observer->n_classes)
		return -INFINITY;
	if (!is_categorical)
	{
		const NumberEvidence *numbers = &observer->numbers[class];
		double		deviation = value - numbers->mean;

		return numbers->constant - numbers->factor * deviation * deviation;
	}
	if (value >= observer->n_categories)
		return -INFINITY;
	count = observer->counts[(ptrdiff_t) value * observer->n_classes + class];
	return count > 0 ? log(count / observer->totals[class]) : -INFINITY;
}

/* A way to split a leaf. */
typedef struct Split
{
	SplitKind	kind;			/* SPLIT_NONE: no way */
	int			feature;
	double		value;
	double		merit;			/* -infinity for no way */
} Split;

extern double criterion_of(SplitCriterion criterion, const double *stats, int n_classes);
extern double criterion_range(SplitCriterion criterion, const double *stats, int n_classes);

/* The best way to split by what one feature says; stats are the leaf's. */
extern Split observer_best_split(const TreeSettings *settings, const Observer *observer, bool is_categorical, int feature,
								 const double *stats, int n_classes);

/* Of regression, where the leaf has seen such targets; and the targets that child number i begins with. */
extern Split
target_best_split(const TreeSettings *settings, const Observer *observer, bool is_categorical, int feature, const Spread *targets);
extern Spread split_child_targets(const Observer *observer, const Split *split, int i, int *category);

/* How many children the split makes, and the weights per class that child number i begins with. */
extern int	split_n_children(const Observer *observer, const Split *split);
extern void split_child(const Observer *observer, const Split *split, int i, double *stats, int n_classes, int *category);

/* ---- tree.c ---- */

extern void tree_free(Learner *learner, Tree *tree);
extern void tree_learn(Learner *learner, Tree *tree, const double *row, double target, double weight);

/* Probabilities per class, that sum to 1; all 0 while nothing is known. Of regression one number, NaN while nothing is known. */
extern void tree_predict(const Learner *learner, const Tree *tree, const double *row, double *votes);

/* What a leaf says, likewise. */
extern void
leaf_predict(const Learner *learner, const TreeSettings *settings, const TreeNode *leaf, const double *row, double *votes);
extern void leaf_learn(Learner *learner, Tree *tree, TreeNode *leaf, const double *row, double target, double weight);

/* How far a leaf is off: 1 for the wrong class, else 0; of regression the distance. */
extern double
leaf_error(const Learner *learner, const TreeSettings *settings, const TreeNode *leaf, const double *row, double target);

/* Splits the leaf at *place when it is time to and worth it. */
extern void attempt_to_split(Learner *learner, Tree *tree, TreeNode **place);

/* Counts a row at a split. */
extern void split_count(Learner *learner, TreeNode *node, double target, double weight);

/* Walks from a node to the leaf of a row. */
extern TreeNode *find_leaf(const TreeNode *node, const double *row);

/* Adds a child for a category that a split has not met; the child's place. Its bytes. */
extern size_t branch_size(const Learner *learner, const Tree *tree);
extern TreeNode **add_branch(Learner *learner, Tree *tree, TreeNode *node, int category);

/* The class with most votes, the first of several; -1 when there are none. */
extern int	most_votes(const double *votes, int n);

/* ---- tree_room.c ---- */

/*
 * A leaf that stopped observing begins again where there is room, or where another that promises much less makes room. That all
 * promise more is mostly known without looking, for promises only grow.
 */
extern void observe_again(Learner *learner, Tree *tree, TreeNode *leaf);

/* ---- adaptive_tree.c ---- */

extern void adaptive_tree_learn(Learner *learner, Tree *tree, const double *row, double target, double weight);
extern void adaptive_tree_predict(const Learner *learner, const Tree *tree, const double *row, double *votes);

/* The detector that watches a new node; its bytes. */
extern Watch *watch_create(Learner *learner);
extern size_t watch_size(void);

/* Whether the errors that a detector watches have changed with this one.  Where memory is short, it looks less far back. */
extern bool errors_have_changed(Learner *learner, Detector *detector, double error);

/* ---- tree_explain.c ---- */

/* Adds weight times the contributions to the probability of a class. */
extern void tree_contribute(const Learner *learner, const Tree *tree, const double *row, int class, double weight, double *bias,
							double *contributions);

/* ---- tree_visit.c ---- */

/* All nodes of a tree, which is that number of its learner's. */
extern void tree_visit(const Learner *learner, const Tree *tree, int number, double vote, LearnerNodeVisitor visit, void *context);

#endif
