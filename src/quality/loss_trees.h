/*
 * loss_trees.h
 *		What a model's error will be, from its inputs: boosted regression trees over histograms.  Plain C.
 *
 * Direct loss estimation (NannyML): a second model, fitted on labelled rows, says how large the error of the first one is for a
 * row.  The trees are Friedman's gradient boosting (2001) of squared error, grown leaf by leaf over at most 255 bins per feature
 * as LightGBM does (Ke et al. 2017), with its defaults.  A missing feature (NaN) goes to the side that fits better.
 */
#ifndef WEIR_LOSS_TREES_H
#define WEIR_LOSS_TREES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"

#define LOSS_TREES 100
#define LOSS_TREE_LEAVES 31
#define LOSS_TREE_RATE 0.1
#define LOSS_TREE_MIN_ROWS 20 /* of a leaf */
#define LOSS_TREE_BINS 255
#define LOSS_TREE_MAX_FEATURES 1000

typedef struct LossNode
{
	uint16_t	feature;
	uint8_t		bin;			/* up to this bin a row goes left */
	bool		is_leaf;
	bool		missing_left;
	uint16_t	right;			/* the left child is the next node */
	double		value;			/* of a leaf */
} LossNode;

typedef struct LossTree
{
	int			n_nodes;
	LossNode	nodes[2 * LOSS_TREE_LEAVES - 1]; /* a node before its children, the left one first */
} LossTree;

typedef struct LossTrees
{
	Allocator	allocator;
	double		base;			/* the mean: what the trees add to */
	double		deviation;		/* standard deviation of one row's loss (of the population) */
	int			n_trees;
	LossTree   *trees;
} LossTrees;

/* The edges between the bins of each feature, ascending: bin i holds what is above edge i - 1 and not above edge i. */
typedef struct LossBins
{
	Allocator	allocator;
	int			n_features;
	int		   *n_edges;
	double	  **edges;
} LossBins;

/* features: n rows of n_features each, NaN where missing. */
extern LossBins *loss_bins_fit(Allocator allocator, const double *features, size_t n, int n_features);
extern void loss_bins_free(LossBins *bins);

/* Missing is LOSS_TREE_BINS. */
extern uint8_t loss_bin(const LossBins *bins, int feature, double value);

/* binned: by feature, then row. interrupt is called now and then. */
extern LossTrees *loss_trees_fit(Allocator allocator, const LossBins *bins, const uint8_t *binned, const double *losses, size_t n,
								 void (*interrupt)(void));
extern void loss_trees_free(LossTrees *trees);

/* row: the bins of a row's features. Never below 0. */
extern double loss_trees_apply(const LossTrees *trees, const uint8_t *row);

#endif
