/*
 * tree_options.h
 *		The options that all trees have; internal to this room.
 */
#ifndef WEIR_TREE_OPTIONS_H
#define WEIR_TREE_OPTIONS_H

#include "learn/tree_node.h"

enum
{
	MAX_MEMORY,
	GRACE_PERIOD,
	DELTA,
	TIE_THRESHOLD,
	MAX_DEPTH,
	CRITERION,
	LEAF_PREDICTION,
	BAYES_THRESHOLD,
	BINARY_SPLIT,
	N_TREE_OPTIONS
};

/* Of regression, after those up to the depth. */
enum
{
	TARGET_LEAF_PREDICTION = MAX_DEPTH + 1,
	TARGET_SELECTOR_DECAY,
	TARGET_MODEL_RATE,
	TARGET_MODEL_SCALE,
	TARGET_MIN_SAMPLES_SPLIT,
	TARGET_MAX_BINS,
	TARGET_BINARY_SPLIT,
	N_TARGET_TREE_OPTIONS
};

extern const char *const tree_criteria[];
extern const char *const tree_leaf_predictions[];
extern const char *const target_leaf_predictions[];

/* Numbered as above; grace period, delta and the rate at which linear models in leaves learn differ between methods. */
#define TREE_OPTIONS(grace_period, delta) \
	MEMORY_OPTION, COUNT_OPTION("grace_period", grace_period, 1, 1e9), NUMBER_OPTION("delta", delta, ABOVE_ZERO, BELOW_ONE), \
		NUMBER_OPTION("tie_threshold", 0.05, 0, 1), COUNT_OPTION("max_depth", TREE_MAX_DEPTH, 0, TREE_MAX_DEPTH), \
		{"criterion", OPTION_IS_CHOICE, CRITERION_INFORMATION_GAIN, 0, CRITERION_GINI, tree_criteria}, \
		{"leaf_prediction", OPTION_IS_CHOICE, LEAF_ADAPTIVE, 0, LEAF_ADAPTIVE, tree_leaf_predictions}, \
		NUMBER_OPTION("naive_bayes_threshold", 0, 0, 1e9), BOOLEAN_OPTION("binary_split", 0)

#define TARGET_TREE_OPTIONS(grace_period, delta, learning_rate) \
	MEMORY_OPTION, COUNT_OPTION("grace_period", grace_period, 1, 1e9), NUMBER_OPTION("delta", delta, ABOVE_ZERO, BELOW_ONE), \
		NUMBER_OPTION("tie_threshold", 0.05, 0, 1), COUNT_OPTION("max_depth", TREE_MAX_DEPTH, 0, TREE_MAX_DEPTH), \
		{"leaf_prediction", OPTION_IS_CHOICE, LEAF_ADAPTIVE, 0, LEAF_ADAPTIVE, target_leaf_predictions}, \
		NUMBER_OPTION("selector_decay", 0.95, 0, 1), NUMBER_OPTION("learning_rate", learning_rate, 0, 1e6), \
		BOOLEAN_OPTION("scale", 1), COUNT_OPTION("min_samples_split", 5, 1, 1e9), COUNT_OPTION("max_bins", 64, 4, TREE_MAX_BINS), \
		BOOLEAN_OPTION("binary_split", 0)

/* The state of a learner of one tree. */
typedef struct SingleTree
{
	TreeSettings settings;
	Tree		tree;
} SingleTree;

extern TreeSettings tree_settings(const Learner *learner);

#endif
