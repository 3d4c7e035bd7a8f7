/*
 * test_tree_explain.c
 *		Path-dependent SHAP values of trees against their definition: for every subset of features the expectation when only those
 *		are known, by walking the tree; and from these the Shapley values.
 */
#include <math.h>

#include "learn/tree_options.h"
#include "learner_exercise.h"

typedef struct Game
{
	const Learner *learner;
	const TreeSettings *settings;
	const double *row;
	int			class;
	const TreeNode *own;		/* the leaf of the row */
} Game;

static double
leaf_says(const Game *game, const TreeNode *leaf)
{
	double		votes[LEARNER_MAX_CLASSES];

	if (game->settings->is_regression)
		return leaf == game->own ? leaf_number(game->learner, game->settings, leaf, game->row) : leaf->targets.mean;
	if (leaf == game->own)
	{
		leaf_predict(game->learner, game->settings, leaf, game->row, votes);
		probabilities_of_votes(votes, learner_n_classes(game->learner));
		return votes[game->class];
	}
	return game->class < leaf->n_classes && node_weight(leaf) > 0 ? leaf->stats[game->class] / node_weight(leaf) : 0;
}

/* What the tree is expected to say when the features of the subset are known. */
static double
expectation(const Game *game, const TreeNode *node, unsigned subset)
{
	double		cover = 0;
	double		sum = 0;
	int			branch;

	if (node->kind == SPLIT_NONE)
		return leaf_says(game, node);
	if (subset >> node->feature & 1)
	{
		branch = node_branch(node, game->row);
		return expectation(game, node->children[branch >= 0 ? branch : node_common_branch(node)], subset);
	}
	for (int i = 0; i < node->n_children; i++)
		cover += node->children[i]->cover;
	for (int i = 0; i < node->n_children; i++)
		sum +=
			(cover > 0 ? node->children[i]->cover / cover : 1.0 / node->n_children) * expectation(game, node->children[i], subset);
	return sum;
}

static double
shapley(const Game *game, const TreeNode *root, int feature)
{
	static const double weights[EXERCISE_FEATURES] = {1 / 5.0, 1 / 20.0, 1 / 30.0, 1 / 20.0, 1 / 5.0};
	double		value = 0;

	for (unsigned subset = 0; subset < 1u << EXERCISE_FEATURES; subset++)
		if (!(subset >> feature & 1))
			value += weights[__builtin_popcount(subset)] *
				(expectation(game, root, subset | 1u << feature) - expectation(game, root, subset));
	return value;
}

static void
test_tree(LearnerKind kind)
{
	double		options[LEARNER_MAX_OPTIONS];
	Learner	   *learner;
	const SingleTree *single;
	bool		good = true;

	learner_initial_options(kind, options);
	options[learner_find_option(kind, "grace_period")] = 30;
	options[learner_find_option(kind, "delta")] = 0.1;
	learner = learner_create(unit_allocator(), kind, options);
	learner_name_features(learner);
	learner_exercise(learner, 0, 2000);
	single = learner->state;
	CHECK(single->tree.root->kind != SPLIT_NONE, "%s: the tree has grown", learner_name(kind));
	for (int i = 0; i < 200; i++)
	{
		double		row[EXERCISE_FEATURES];
		double		contributions[EXERCISE_FEATURES];
		double		bias;
		Game		game = {.learner = learner, .settings = &single->settings, .row = row, .class = 1};

		learner_draw_row(learner, i, false, row);
		game.own = find_leaf(single->tree.root, row);
		learner_contributions(learner, row, 1, &bias, contributions);
		EXPECT(&good, fabs(bias - expectation(&game, single->tree.root, 0)) < 1e-9 * fmax(1, fabs(bias)), "bias of row %d", i);
		for (int j = 0; j < EXERCISE_FEATURES; j++)
			EXPECT(&good, fabs(contributions[j] - shapley(&game, single->tree.root, j)) < 1e-9 * fmax(1, fabs(contributions[j])),
				   "row %d, feature %d: %g is not %g", i, j, contributions[j], shapley(&game, single->tree.root, j));
	}
	CHECK(good, "%s: contributions are Shapley values", learner_name(kind));
	learner_free(learner);
}

int
main(void)
{
	test_tree(LEARNER_HOEFFDING_TREE);
	test_tree(LEARNER_EXTREMELY_FAST_DECISION_TREE);
	test_tree(LEARNER_HOEFFDING_TREE_REGRESSION);
	CHECK(unit_allocated() == 0, "no memory is left");
	return unit_summary();
}
