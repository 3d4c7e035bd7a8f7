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

extern const char *const tree_criteria[];
extern const char *const tree_leaf_predictions[];

/* Numbered as above; grace period and delta differ between methods. */
#define TREE_OPTIONS(grace_period, delta) \
	MEMORY_OPTION, COUNT_OPTION("grace_period", grace_period, 1, 1e9), NUMBER_OPTION("delta", delta, ABOVE_ZERO, BELOW_ONE), \
		NUMBER_OPTION("tie_threshold", 0.05, 0, 1), COUNT_OPTION("max_depth", TREE_MAX_DEPTH, 0, TREE_MAX_DEPTH), \
		{"criterion", OPTION_IS_CHOICE, CRITERION_INFORMATION_GAIN, 0, CRITERION_GINI, tree_criteria}, \
		{"leaf_prediction", OPTION_IS_CHOICE, LEAF_ADAPTIVE, 0, LEAF_ADAPTIVE, tree_leaf_predictions}, \
		NUMBER_OPTION("naive_bayes_threshold", 0, 0, 1e9), BOOLEAN_OPTION("binary_split", 0)

extern TreeSettings tree_settings(const double *options);

#endif
