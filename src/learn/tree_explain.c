/*
 * tree_explain.c
 *		What each feature contributes to what a tree says: path-dependent SHAP values (Lundberg, Erion and Lee 2018, algorithm 2).
 *
 * The row's own leaf is taken to say what it predicts for the row, other leaves the shares of their classes, or the mean of their
 *targets; so bias and contributions sum to the prediction, by naive Bayes or a linear model in the leaf too. An adaptive tree's
 *alternates are explained as trees of their own, weighted as they are in the prediction.
 */
#include "learn/tree_node.h"

/* One feature on the way from the root. */
typedef struct Step
{
	int			feature;
	double		zero;			/* the share of rows that pass here when the feature is unknown */
	double		one;			/* 1 when the row passes here, else 0 */
	double		weight;			/* of the subsets of the features before of that size */
} Step;

typedef struct Explanation
{
	const Learner *learner;
	const Tree *tree;
	const double *row;
	int			class;
	double		factor;
	double	   *bias;
	double	   *contributions;
} Explanation;

static int
extend(Step *path, int length, double zero, double one, int feature)
{
	path[length] = (Step){.feature = feature, .zero = zero, .one = one, .weight = length == 0 ? 1 : 0};
	for (int i = length - 1; i >= 0; i--)
	{
		path[i + 1].weight += one * path[i].weight * (i + 1) / (length + 1);
		path[i].weight = zero * path[i].weight * (length - i) / (length + 1);
	}
	return length + 1;
}

static int
unwind(Step *path, int length, int at)
{
	double		one = path[at].one;
	double		zero = path[at].zero;
	double		next = path[length - 1].weight;

	for (int i = length - 2; i >= 0; i--)
	{
		if (one != 0)
		{
			double		before = path[i].weight;

			path[i].weight = next * length / ((i + 1) * one);
			next = before - path[i].weight * zero * (length - 1 - i) / length;
		}
		else
			path[i].weight = path[i].weight * length / (zero * (length - 1 - i));
	}
	for (int i = at; i < length - 1; i++)
	{
		path[i].feature = path[i + 1].feature;
		path[i].zero = path[i + 1].zero;
		path[i].one = path[i + 1].one;
	}
	return length - 1;
}

static double
unwound_sum(const Step *path, int length, int at)
{
	Step		copy[TREE_MAX_DEPTH + 2];
	double		sum = 0;

	memcpy(copy, path, (size_t) length * sizeof(Step));
	length = unwind(copy, length, at);
	for (int i = 0; i < length; i++)
		sum += copy[i].weight;
	return sum;
}

static double
leaf_value(const Explanation *explanation, const TreeNode *leaf, bool is_own)
{
	double		votes[LEARNER_MAX_CLASSES];
	double		weight = node_weight(leaf);

	if (explanation->tree->settings->is_regression)
		return is_own ? leaf_number(explanation->learner, explanation->tree->settings, leaf, explanation->row) : leaf->targets.mean;
	if (is_own)
	{
		leaf_predict(explanation->learner, explanation->tree->settings, leaf, explanation->row, votes);
		probabilities_of_votes(votes, explanation->learner->classes.n);
		return votes[explanation->class];
	}
	return explanation->class < leaf->n_classes && weight > 0 ? leaf->stats[explanation->class] / weight : 0;
}

/* share: of all rows those that come here. */
static void
explain_node(const Explanation *explanation, const TreeNode *node, const Step *parent, int length, double zero, double one,
			 int feature, bool is_own, double share)
{
	Step		path[TREE_MAX_DEPTH + 2];
	double		cover = 0;
	double		zero_so_far = 1;
	double		one_so_far = 1;
	int			branch;

	if (length > 0)
		memcpy(path, parent, (size_t) length * sizeof(Step));
	length = extend(path, length, zero, one, feature);
	if (node->kind == SPLIT_NONE)
	{
		double		value = explanation->factor * leaf_value(explanation, node, is_own);

		for (int i = 1; i < length; i++)
			explanation->contributions[path[i].feature] += unwound_sum(path, length, i) * (path[i].one - path[i].zero) * value;
		*explanation->bias += share * value;
		return;
	}
	for (int i = 0; i < node->n_children; i++)
		cover += node->children[i]->cover;
	/* A feature that was met before counts once. */
	for (int i = 1; i < length; i++)
		if (path[i].feature == node->feature)
		{
			zero_so_far = path[i].zero;
			one_so_far = path[i].one;
			length = unwind(path, length, i);
			break;
		}
	branch = node_branch(node, explanation->row);
	if (branch < 0)
		branch = node_common_branch(node);
	for (int i = 0; i < node->n_children; i++)
	{
		double		ratio = cover > 0 ? node->children[i]->cover / cover : 1.0 / node->n_children;
		double		one_here = i == branch ? one_so_far : 0;

		/* Nothing comes here, whether the feature is known or not. */
		if (zero_so_far * ratio == 0 && one_here == 0)
			continue;
		explain_node(explanation, node->children[i], path, length, zero_so_far * ratio, one_here, node->feature,
					 is_own && i == branch, share * ratio);
	}
}

static void
explain_tree(const Explanation *explanation, const TreeNode *root, double factor)
{
	Explanation weighted = *explanation;

	weighted.factor = factor;
	explain_node(&weighted, root, NULL, 0, 1, 1, -1, true, 1);
}

/* How much the answer of a leaf weighs in an adaptive tree. */
static double
answer_weight(const Explanation *explanation, const TreeNode *root)
{
	const TreeNode *leaf = find_leaf(root, explanation->row);
	double		error = leaf->watch->error;

	/* A leaf that has seen nothing says nothing. */
	if (!(node_weight(leaf) > 0))
		return 0;
	if (explanation->tree->settings->is_regression)
		return 1;
	return error > 0 ? 1 / (error * error) : 1;
}

/* The alternates on the row's way, in turn: adds up weights, or explains when given their sum. */
static double
walk_alternates(const Explanation *explanation, const TreeNode *root, double factor)
{
	double		weight = answer_weight(explanation, root);

	if (factor > 0 && weight > 0)
		explain_tree(explanation, root, weight * factor);
	for (const TreeNode *node = root; node->kind != SPLIT_NONE;)
	{
		int			branch = node_branch(node, explanation->row);

		if (node->watch->alternate != NULL)
			weight += walk_alternates(explanation, node->watch->alternate, factor);
		node = node->children[branch >= 0 ? branch : node_common_branch(node)];
	}
	return weight;
}

void
tree_contribute(const Learner *learner, const Tree *tree, const double *row, int class, double weight, double *bias,
				double *contributions)
{
	Explanation explanation =
		{.learner = learner, .tree = tree, .row = row, .class = class, .bias = bias, .contributions = contributions};
	double		sum;

	if (tree->root == NULL)
	{
		*bias += tree->settings->is_regression ? 0 : weight / learner->classes.n;
		return;
	}
	if (!tree->settings->is_adaptive)
	{
		explain_tree(&explanation, tree->root, weight);
		return;
	}
	sum = walk_alternates(&explanation, tree->root, 0);
	if (sum > 0)
		walk_alternates(&explanation, tree->root, weight / sum);
	else if (tree->settings->is_regression)
		*bias += weight * find_leaf(tree->root, row)->targets.mean;
	else
		*bias += weight / learner->classes.n;
}
