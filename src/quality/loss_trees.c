/*
 * loss_trees.c
 *		Boosted regression trees over histograms.
 *
 * Rows are kept in an array in which each node of a tree owns a range; splitting partitions it.  A node's histogram has, per
 * feature and bin, the rows and their residuals; of two children the larger one's is its parent's less the smaller one's.
 */
#include "quality/loss_trees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_CELLS (LOSS_TREE_BINS + 1)
#define MISSING LOSS_TREE_BINS

/* ---- bins ---- */

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static void *
take(Allocator allocator, size_t size)
{
	return allocator.resize(allocator.context, NULL, 0, size);
}

static void
give(Allocator allocator, void *memory, size_t size)
{
	allocator.resize(allocator.context, memory, size, 0);
}

/* Half way between neighbours while they are few, else the percentiles that part the rows evenly. */
static int
fit_edges(double *sorted, size_t n, double *edges)
{
	size_t		n_distinct = n > 0;
	int			n_edges = 0;

	for (size_t i = 1; i < n; i++)
		n_distinct += sorted[i] > sorted[i - 1];
	if (n_distinct <= LOSS_TREE_BINS)
	{
		for (size_t i = 1; i < n; i++)
			if (sorted[i] > sorted[i - 1])
				edges[n_edges++] = sorted[i - 1] + (sorted[i] - sorted[i - 1]) / 2;
		return n_edges;
	}
	for (int i = 1; i < LOSS_TREE_BINS; i++)
	{
		double		rank = (double) i / LOSS_TREE_BINS * (double) (n - 1);
		double		low = sorted[(size_t) floor(rank)];
		double		edge = low + (sorted[(size_t) ceil(rank)] - low) / 2;

		if (n_edges == 0 || edge > edges[n_edges - 1])
			edges[n_edges++] = edge;
	}
	return n_edges;
}

LossBins *
loss_bins_fit(Allocator allocator, const double *features, size_t n, int n_features)
{
	LossBins   *bins = take(allocator, sizeof(LossBins));
	double	   *sorted = take(allocator, (n + 1) * sizeof(double));

	bins->allocator = allocator;
	bins->n_features = n_features;
	bins->n_edges = take(allocator, (size_t) (n_features + 1) * sizeof(int));
	bins->edges = take(allocator, (size_t) (n_features + 1) * sizeof(double *));
	for (int f = 0; f < n_features; f++)
	{
		size_t		known = 0;

		for (size_t i = 0; i < n; i++)
			if (!isnan(features[i * (size_t) n_features + (size_t) f]))
				sorted[known++] = features[i * (size_t) n_features + (size_t) f];
		qsort(sorted, known, sizeof(double), compare_doubles);
		bins->edges[f] = take(allocator, LOSS_TREE_BINS * sizeof(double));
		bins->n_edges[f] = fit_edges(sorted, known, bins->edges[f]);
	}
	give(allocator, sorted, (n + 1) * sizeof(double));
	return bins;
}

void
loss_bins_free(LossBins *bins)
{
	Allocator	allocator = bins->allocator;

	for (int f = 0; f < bins->n_features; f++)
		give(allocator, bins->edges[f], LOSS_TREE_BINS * sizeof(double));
	give(allocator, bins->edges, (size_t) (bins->n_features + 1) * sizeof(double *));
	give(allocator, bins->n_edges, (size_t) (bins->n_features + 1) * sizeof(int));
	give(allocator, bins, sizeof(LossBins));
}

uint8_t
loss_bin(const LossBins *bins, int feature, double value)
{
	const double *edges = bins->edges[feature];
	int			low = 0;
	int			high = bins->n_edges[feature];

	if (isnan(value))
		return MISSING;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (edges[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return (uint8_t) low;
}

/* ---- growing one tree ---- */

typedef struct Cell
{
	double		sum;			/* of residuals */
	int64_t		n;
} Cell;

/* A leaf that may be split: its rows, its histogram and its best split. */
typedef struct Leaf
{
	size_t		first;
	size_t		end;
	double		sum;
	Cell	   *cells;			/* [feature][bin]; NULL once given to a child */
	double		gain;			/* 0: it cannot be split */
	int			feature;
	int			bin;
	bool		missing_left;
	int			split[2];		/* its children among the leaves; -1: none */
} Leaf;

typedef struct Grower
{
	Allocator	allocator;
	const LossBins *bins;
	const uint8_t *binned;
	size_t		n;
	size_t		cells_size;
	double	   *residuals;
	uint32_t   *rows;
	uint32_t   *scratch;
	Leaf		leaves[2 * LOSS_TREE_LEAVES - 1]; /* all nodes; those that were split have children */
	int			n_nodes;
} Grower;

static const uint8_t *
column(const Grower *grower, int feature)
{
	return grower->binned + (size_t) feature * grower->n;
}

static void
count_cells(const Grower *grower, Leaf *leaf)
{
	leaf->cells = take(grower->allocator, grower->cells_size);
	memset(leaf->cells, 0, grower->cells_size);
	for (int f = 0; f < grower->bins->n_features; f++)
	{
		const uint8_t *values = column(grower, f);
		Cell	   *cells = leaf->cells + (size_t) f * N_CELLS;

		for (size_t i = leaf->first; i < leaf->end; i++)
		{
			uint32_t	row = grower->rows[i];

			cells[values[row]].sum += grower->residuals[row];
			cells[values[row]].n++;
		}
	}
}

static void
try_split(Leaf *leaf, int feature, int bin, bool missing_left, double sum, int64_t n)
{
	int64_t		other = (int64_t) (leaf->end - leaf->first) - n;
	double		gain;

	if (n < LOSS_TREE_MIN_ROWS || other < LOSS_TREE_MIN_ROWS)
		return;
	gain = sum * sum / (double) n + (leaf->sum - sum) * (leaf->sum - sum) / (double) other -
		leaf->sum * leaf->sum / (double) (n + other);
	if (gain <= leaf->gain)
		return;
	leaf->gain = gain;
	leaf->feature = feature;
	leaf->bin = bin;
	leaf->missing_left = missing_left;
}

static void
find_split(const Grower *grower, Leaf *leaf)
{
	leaf->gain = 0;
	leaf->split[0] = leaf->split[1] = -1;
	if (leaf->end - leaf->first < 2 * LOSS_TREE_MIN_ROWS)
		return;
	for (int f = 0; f < grower->bins->n_features; f++)
	{
		const Cell *cells = leaf->cells + (size_t) f * N_CELLS;
		double		sum = 0;
		int64_t		n = 0;

		for (int bin = 0; bin <= grower->bins->n_edges[f]; bin++)
		{
			sum += cells[bin].sum;
			n += cells[bin].n;
			/* All known values to the left say something only where some are missing. */
			if (bin < grower->bins->n_edges[f] || cells[MISSING].n > 0)
				try_split(leaf, f, bin, false, sum, n);
			if (bin < grower->bins->n_edges[f] && cells[MISSING].n > 0)
				try_split(leaf, f, bin, true, sum + cells[MISSING].sum, n + cells[MISSING].n);
		}
	}
}

/* What is left for the other child; a leaf that is split has cells, and so has each child. */
static void
subtract_cells(Cell *cells, const Cell *others, size_t n)
{
	for (size_t i = 0; cells != NULL && others != NULL && i < n; i++)
	{
		cells[i].sum -= others[i].sum;
		cells[i].n -= others[i].n;
	}
}

static bool
goes_left(uint8_t value, int bin, bool missing_left)
{
	return value == MISSING ? missing_left : value <= bin;
}

static void
split(Grower *grower, int number)
{
	Leaf	   *leaf = &grower->leaves[number];
	Leaf	   *sides[2] = {&grower->leaves[grower->n_nodes], &grower->leaves[grower->n_nodes + 1]};
	const uint8_t *values = column(grower, leaf->feature);
	size_t		left = leaf->first;
	size_t		n_right = 0;
	double		sum = 0;
	int			small;

	for (size_t i = leaf->first; i < leaf->end; i++)
	{
		uint32_t	row = grower->rows[i];

		if (goes_left(values[row], leaf->bin, leaf->missing_left))
		{
			grower->rows[left++] = row;
			sum += grower->residuals[row];
		}
		else
			grower->scratch[n_right++] = row;
	}
	memcpy(grower->rows + left, grower->scratch, n_right * sizeof(uint32_t));
	*sides[0] = (Leaf){.first = leaf->first, .end = left, .sum = sum};
	*sides[1] = (Leaf){.first = left, .end = leaf->end, .sum = leaf->sum - sum};
	small = left - leaf->first <= n_right ? 0 : 1;
	count_cells(grower, sides[small]);
	subtract_cells(leaf->cells, sides[small]->cells, (size_t) grower->bins->n_features * N_CELLS);
	sides[1 - small]->cells = leaf->cells;
	leaf->cells = NULL;
	leaf->split[0] = grower->n_nodes;
	leaf->split[1] = grower->n_nodes + 1;
	grower->n_nodes += 2;
	find_split(grower, sides[0]);
	find_split(grower, sides[1]);
}

static void
grow(Grower *grower)
{
	Leaf	   *root = &grower->leaves[0];

	*root = (Leaf){.first = 0, .end = grower->n};
	for (size_t i = 0; i < grower->n; i++)
	{
		grower->rows[i] = (uint32_t) i;
		root->sum += grower->residuals[i];
	}
	grower->n_nodes = 1;
	count_cells(grower, root);
	find_split(grower, root);
	while (grower->n_nodes < 2 * LOSS_TREE_LEAVES - 1)
	{
		int			best = -1;

		for (int i = 0; i < grower->n_nodes; i++)
			if (grower->leaves[i].split[0] < 0 && grower->leaves[i].gain > 0 &&
				(best < 0 || grower->leaves[i].gain > grower->leaves[best].gain))
				best = i;
		if (best < 0)
			break;
		split(grower, best);
	}
	for (int i = 0; i < grower->n_nodes; i++)
		if (grower->leaves[i].cells != NULL)
			give(grower->allocator, grower->leaves[i].cells, grower->cells_size);
}

/* Writes the node and what is below it; rows of its leaves come nearer to their losses. */
static void
write_node(Grower *grower, int number, LossTree *tree)
{
	const Leaf *leaf = &grower->leaves[number];
	LossNode   *node = &tree->nodes[tree->n_nodes++];

	memset(node, 0, sizeof(LossNode));
	node->is_leaf = leaf->split[0] < 0;
	if (node->is_leaf)
	{
		node->value = LOSS_TREE_RATE * leaf->sum / (double) (leaf->end - leaf->first);
		for (size_t i = leaf->first; i < leaf->end; i++)
			grower->residuals[grower->rows[i]] -= node->value;
		return;
	}
	node->feature = (uint16_t) leaf->feature;
	node->bin = (uint8_t) leaf->bin;
	node->missing_left = leaf->missing_left;
	write_node(grower, leaf->split[0], tree);
	node->right = (uint16_t) tree->n_nodes;
	write_node(grower, leaf->split[1], tree);
}

/* ---- boosting ---- */

LossTrees *
loss_trees_fit(Allocator allocator, const LossBins *bins, const uint8_t *binned, const double *losses, size_t n,
			   void (*interrupt)(void))
{
	LossTrees  *trees = take(allocator, sizeof(LossTrees));
	Grower	   *grower = take(allocator, sizeof(Grower));
	double		squares = 0;

	memset(trees, 0, sizeof(LossTrees));
	memset(grower, 0, sizeof(Grower));
	trees->allocator = allocator;
	trees->trees = take(allocator, LOSS_TREES * sizeof(LossTree));
	memset(trees->trees, 0, LOSS_TREES * sizeof(LossTree));
	grower->allocator = allocator;
	grower->bins = bins;
	grower->binned = binned;
	grower->n = n;
	grower->cells_size = (size_t) bins->n_features * N_CELLS * sizeof(Cell);
	grower->residuals = take(allocator, (n + 1) * sizeof(double));
	grower->rows = take(allocator, (n + 1) * sizeof(uint32_t));
	grower->scratch = take(allocator, (n + 1) * sizeof(uint32_t));
	for (size_t i = 0; i < n; i++)
		trees->base += losses[i] / (double) n;
	for (size_t i = 0; i < n; i++)
	{
		grower->residuals[i] = losses[i] - trees->base;
		squares += grower->residuals[i] * grower->residuals[i] / (double) n;
	}
	trees->deviation = sqrt(squares);
	while (n > 0 && trees->n_trees < LOSS_TREES)
	{
		interrupt();
		grow(grower);
		if (grower->n_nodes == 1)
			break;				/* nothing is left to be told apart */
		write_node(grower, 0, &trees->trees[trees->n_trees++]);
	}
	give(allocator, grower->residuals, (n + 1) * sizeof(double));
	give(allocator, grower->rows, (n + 1) * sizeof(uint32_t));
	give(allocator, grower->scratch, (n + 1) * sizeof(uint32_t));
	give(allocator, grower, sizeof(Grower));
	return trees;
}

void
loss_trees_free(LossTrees *trees)
{
	Allocator	allocator = trees->allocator;

	give(allocator, trees->trees, LOSS_TREES * sizeof(LossTree));
	give(allocator, trees, sizeof(LossTrees));
}

double
loss_trees_apply(const LossTrees *trees, const uint8_t *row)
{
	double		value = trees->base;

	for (int i = 0; i < trees->n_trees; i++)
	{
		const LossNode *node = trees->trees[i].nodes;

		while (!node->is_leaf)
			node = goes_left(row[node->feature], node->bin, node->missing_left) ? node + 1 : trees->trees[i].nodes + node->right;
		value += node->value;
	}
	return fmax(0, value);
}
