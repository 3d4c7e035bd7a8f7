/*
 * tree.c
 *		Hoeffding trees (Domingos and Hulten 2000): a leaf is split when what it saw suffices to be sure that the best way to do so
 *		is the best. Leaves predict by majority or by naive Bayes, whichever was right more often (Holmes, Kirkby and Pfahringer
 *		2005). Of regression they follow Ikonomovska, Gama and Dzeroski (2011). Extremely fast decision trees (Manapragada, Webb and
 *		Salehi 2018) split when that is surely better than not to, go on observing at splits, and reconsider them.
 *
 * Conventions are River's, but: a leaf of nearly one class is left as it is; when the memory given does not suffice, the
 *least promising leaves stop observing, and begin again when others promise less.
 */
#include "learn/tree_node.h"

void
tree_free(Learner *learner, Tree *tree)
{
	node_free(learner, tree, tree->root);
	tree->root = NULL;
}

int
most_votes(const double *votes, int n)
{
	int			best = -1;

	for (int i = 0; i < n; i++)
		if (votes[i] > (best < 0 ? 0 : votes[best]))
			best = i;
	return best;
}

TreeNode *
find_leaf(const TreeNode *node, const double *row)
{
	while (node->kind != SPLIT_NONE)
	{
		int			branch = node_branch(node, row);

		node = node->children[branch >= 0 ? branch : node_common_branch(node)];
	}
	return (TreeNode *) node;
}

/* ---- what a leaf says ---- */

static void
majority_predict(const TreeNode *leaf, double *votes, int n_classes)
{
	double		weight = node_weight(leaf);

	for (int i = 0; i < n_classes; i++)
		votes[i] = i < leaf->n_classes && weight > 0 ? leaf->stats[i] / weight : 0;
}

static void
bayes_predict(const Learner *learner, const TreeNode *leaf, const double *row, double *votes)
{
	int			n_classes = leaf->n_classes < learner->classes.n ? leaf->n_classes : learner->classes.n;
	double		weight = node_weight(leaf);
	double		sum = 0;
	double		largest = -INFINITY;

	for (int i = 0; i < learner->classes.n; i++)
		votes[i] = i < n_classes && leaf->stats[i] > 0 ? log(leaf->stats[i] / weight) : -INFINITY;
	for (int i = 0; i < leaf->n_observers; i++)
	{
		int			feature = leaf->observed == NULL ? i : leaf->observed[i];
		double		value = row[feature];

		if (isnan(value))
			continue;
		for (int class = 0; class < n_classes; class ++)
		{
			double		says = observer_log_likelihood(&leaf->observers[i], learner->is_categorical[feature], value, class);

			if (says > -INFINITY)
				votes[class] += says;
		}
	}
	for (int i = 0; i < n_classes; i++)
		if (votes[i] > largest)
			largest = votes[i];
	for (int i = 0; i < learner->classes.n; i++)
		sum += votes[i] = votes[i] > -INFINITY ? exp(votes[i] - largest) : 0;
	for (int i = 0; i < learner->classes.n && sum > 0; i++)
		votes[i] /= sum;
}

void
leaf_predict(const Learner *learner, const TreeSettings *settings, const TreeNode *leaf, const double *row, double *votes)
{
	bool		is_bayes = leaf->is_active &&
		(settings->leaf_prediction == LEAF_NAIVE_BAYES
			 ? node_weight(leaf) >= settings->bayes_threshold
			 : settings->leaf_prediction == LEAF_ADAPTIVE && leaf->bayes_correct >= leaf->majority_correct);

	if (is_bayes)
		bayes_predict(learner, leaf, row, votes);
	else
		majority_predict(leaf, votes, learner->classes.n);
}

void
tree_predict(const Learner *learner, const Tree *tree, const double *row, double *votes)
{
	if (tree->root == NULL && tree->settings->is_regression)
		votes[0] = NAN;
	else if (tree->root == NULL)
		memset(votes, 0, (size_t) learner->classes.n * sizeof(double));
	else if (tree->settings->is_adaptive)
		adaptive_tree_predict(learner, tree, row, votes);
	else if (tree->settings->is_regression)
		votes[0] = leaf_number(learner, tree->settings, find_leaf(tree->root, row), row);
	else
		leaf_predict(learner, tree->settings, find_leaf(tree->root, row), row, votes);
}

double
leaf_error(const Learner *learner, const TreeSettings *settings, const TreeNode *leaf, const double *row, double target)
{
	double		votes[LEARNER_MAX_CLASSES];

	if (settings->is_regression)
		return fabs(target - leaf_number(learner, settings, leaf, row));
	leaf_predict(learner, settings, leaf, row, votes);
	return most_votes(votes, learner->classes.n) != (int) target;
}

/* ---- learning ---- */

void
split_count(Learner *learner, TreeNode *node, double target, double weight)
{
	if (learner->method->task != LEARNER_REGRESSION)
	{
		node_count(learner, node, (int) target, weight);
		return;
	}
	spread_add(&node->targets, target, weight);
	node->cover += weight;
}

/* Takes a row into what a node observes. */
static void
observe(Learner *learner, TreeNode *node, const double *row, int class, double weight)
{
	for (int i = 0; i < node->n_observers; i++)
	{
		int			feature = node->observed == NULL ? i : node->observed[i];

		if (!isnan(row[feature]))
			observer_add(learner, &node->observers[i], learner->is_categorical[feature], row[feature], class, weight);
	}
}

void
leaf_learn(Learner *learner, Tree *tree, TreeNode *leaf, const double *row, double target, double weight)
{
	int			class = (int) target;

	if (tree->settings->is_regression)
	{
		leaf_learn_number(learner, tree, leaf, row, target, weight);
		return;
	}
	if (!node_make_room(learner, tree, leaf, row, class))
		return;
	if (leaf->is_active && tree->settings->leaf_prediction == LEAF_ADAPTIVE)
	{
		double		votes[LEARNER_MAX_CLASSES];
		int			majority = most_votes(leaf->stats, leaf->n_classes);

		if (majority < 0 || majority == class)
			leaf->majority_correct += weight;
		bayes_predict(learner, leaf, row, votes);
		if (most_votes(votes, learner->classes.n) == class)
			leaf->bayes_correct += weight;
	}
	node_count(learner, leaf, class, weight);
	observe(learner, leaf, row, class, weight);
}

size_t
branch_size(const Learner *learner, const Tree *tree)
{
	return node_size(learner, tree, 0, NULL) + sizeof(TreeNode *) + sizeof(int);
}

TreeNode **
add_branch(Learner *learner, Tree *tree, TreeNode *node, int category)
{
	size_t		n = (size_t) node->n_children;

	node->children = learner_grow(learner->allocator, node->children, n * sizeof(TreeNode *), (n + 1) * sizeof(TreeNode *));
	node->categories = learner_grow(learner->allocator, node->categories, n * sizeof(int), (n + 1) * sizeof(int));
	node->categories[n] = category;
	node->children[n] = node_create(learner, tree, node->depth + 1, NULL, 0);
	leaf_model_create(learner, tree->settings, node->children[n], NULL);
	/* What it says before its first row. */
	node->children[n]->targets.mean = node->targets.mean;
	node->n_children++;
	return &node->children[n];
}

/* ---- growing ---- */

/* Leaves that do not observe ask for room after so many times the grace period. */
#define PATIENCE 5

static bool
is_worth_trying(const TreeSettings *settings, const TreeNode *leaf)
{
	double		largest = 0;
	double		weight = node_weight(leaf);
	int			n = 0;

	if (settings->is_regression)
		return leaf->targets.squares > 0;
	for (int i = 0; i < leaf->n_classes; i++)
	{
		n += leaf->stats[i] > 0;
		largest = fmax(largest, leaf->stats[i]);
	}
	return n >= 2 && largest / weight <= settings->max_class_share;
}

/* A child as what the leaf observed lets one expect it. */
static TreeNode *
create_child(Learner *learner, Tree *tree, const TreeNode *leaf, int n_classes, const Observer *observer, const Split *split,
			 int number, int *category)
{
	double		stats[LEARNER_MAX_CLASSES];
	TreeNode   *child;

	if (!tree->settings->is_regression)
	{
		split_child(observer, split, number, stats, n_classes, category);
		return node_create(learner, tree, leaf->depth + 1, stats, n_classes);
	}
	child = node_create(learner, tree, leaf->depth + 1, NULL, 0);
	child->targets = split_child_targets(observer, split, number, category);
	child->cover = child->last_attempt = child->targets.n;
	leaf_model_create(learner, tree->settings, child, leaf);
	return child;
}

/* The ways to split a node, one per feature. */
typedef struct Choice
{
	Split		best;
	double		second;			/* merit */
	double		current;		/* of a split: merit of the best way by its feature */
	const Observer *observer;	/* of the best */
} Choice;

/* Bytes of what takes the place of a leaf. */
static size_t
split_size(const Learner *learner, const Tree *tree, const TreeNode *leaf, const Choice *choice)
{
	size_t		n = (size_t) split_n_children(choice->observer, &choice->best);

	return sizeof(TreeNode) + (tree->settings->is_adaptive ? watch_size() : 0) +
		n * (node_size(learner, tree, leaf->n_classes, leaf) + sizeof(TreeNode *) + sizeof(int));
}

static void
split_leaf(Learner *learner, Tree *tree, TreeNode **place, const Observer *observer, const Split *split)
{
	TreeNode   *leaf = *place;
	TreeNode   *node = learner_room(learner, sizeof(TreeNode));
	int			n = split_n_children(observer, split);

	node->kind = split->kind;
	node->feature = split->feature;
	node->value = split->value;
	node->depth = leaf->depth;
	node->cover = leaf->cover;
	node->targets = leaf->targets;
	node->n_classes = leaf->n_classes;
	node->stats = leaf->stats;
	leaf->n_classes = 0;
	leaf->stats = NULL;
	node->n_children = n;
	node->children = learner_room(learner, (size_t) n * sizeof(TreeNode *));
	if (split->kind == SPLIT_CATEGORIES)
		node->categories = learner_room(learner, (size_t) n * sizeof(int));
	for (int i = 0; i < n; i++)
	{
		int			category;

		node->children[i] = create_child(learner, tree, leaf, node->n_classes, observer, split, i, &category);
		if (node->categories != NULL)
			node->categories[i] = category;
	}
	if (tree->settings->is_adaptive)
		node->watch = watch_create(learner);
	if (tree->settings->reconsider_after > 0)
	{
		node_move_observers(leaf, node);
		node->last_attempt = node_weight(node);
	}
	*place = node;
	node_free(learner, tree, leaf);
}

/* Hoeffding's bound of the difference of two means of so many numbers within a range. */
static double
hoeffding_bound(double range, double delta, double n)
{
	return sqrt(range * range * log(1 / delta) / (2 * n));
}

static Choice
choose_split(const Learner *learner, const Tree *tree, const TreeNode *node)
{
	Choice		choice = {.best = {.merit = -INFINITY}, .second = -INFINITY, .current = -INFINITY};

	for (int i = 0; i < node->n_observers; i++)
	{
		int			feature = node->observed == NULL ? i : node->observed[i];
		bool		is_categorical = learner->is_categorical[feature];
		const Observer *observer = &node->observers[i];
		Split		split = tree->settings->is_regression
			? target_best_split(tree->settings, observer, is_categorical, feature, &node->targets)
			: observer_best_split(tree->settings, observer, is_categorical, feature, node->stats, node->n_classes);

		if (feature == node->feature)
			choice.current = split.merit;
		if (split.merit > choice.best.merit)
		{
			choice.second = choice.best.merit;
			choice.best = split;
			choice.observer = observer;
		}
		else if (split.merit > choice.second)
			choice.second = split.merit;
	}
	return choice;
}

/* How far the merits of a node's splits may be from what they seem. */
static double
bound_of(const TreeSettings *settings, const TreeNode *node)
{
	double		range = settings->is_regression ? 1 : criterion_range(settings->criterion, node->stats, node->n_classes);

	return hoeffding_bound(range, settings->delta, node_weight(node));
}

/* Whether the best way to split is sure to be: better than the second best or, of trees that reconsider, than none. */
static bool
is_sure(const TreeSettings *settings, const Choice *choice, double bound)
{
	if (bound < settings->tie_threshold)
		return choice->best.merit > 0 || !settings->is_regression;
	if (settings->is_regression)
		return choice->best.merit > 0 && fmax(choice->second, 0) / choice->best.merit < 1 - bound;
	return choice->best.merit - (settings->reconsider_after > 0 ? 0 : choice->second) > bound;
}

void
attempt_to_split(Learner *learner, Tree *tree, TreeNode **place)
{
	const TreeSettings *settings = tree->settings;
	TreeNode   *leaf = *place;
	double		weight = node_weight(leaf);
	Choice		choice;

	if (weight - leaf->last_attempt < settings->grace_period * (leaf->is_active ? 1 : PATIENCE))
		return;
	leaf->last_attempt = weight;
	if (!leaf->is_active)
		observe_again(learner, tree, leaf);
	if (!leaf->is_active || leaf->depth >= settings->max_depth || !is_worth_trying(settings, leaf))
		return;
	choice = choose_split(learner, tree, leaf);
	if (choice.best.kind == SPLIT_NONE || !is_sure(settings, &choice, bound_of(settings, leaf)))
		return;
	/* It may be itself what promises least. */
	if (!learner_make_room(learner, split_size(learner, tree, leaf, &choice)) || !leaf->is_active)
		return;
	split_leaf(learner, tree, place, choice.observer, &choice.best);
}

/*
 * Manapragada, Webb and Salehi (2018): another feature that surely splits better takes the place; where the same one does, its
 * threshold follows. Whether the branches were made anew, of what was observed: then the row is in them.
 */
static bool
reconsider_split(Learner *learner, Tree *tree, TreeNode **place)
{
	const TreeSettings *settings = tree->settings;
	TreeNode   *node = *place;
	double		weight = node_weight(node);
	Choice		choice;
	double		bound;

	if (!node->is_active || weight - node->last_attempt < settings->reconsider_after)
		return false;
	node->last_attempt = weight;
	choice = choose_split(learner, tree, node);
	if (choice.best.kind == SPLIT_NONE)
		return false;
	bound = bound_of(settings, node);
	if (choice.best.feature == node->feature)
	{
		if (bound < settings->tie_threshold && choice.best.kind == SPLIT_NUMBER)
			node->value = choice.best.value;
		return false;
	}
	if (choice.best.merit - choice.current <= bound && bound >= settings->tie_threshold)
		return false;
	if (!learner_make_room(learner, split_size(learner, tree, node, &choice)) || !node->is_active)
		return false;
	node_prune(learner, tree, node);
	split_leaf(learner, tree, place, choice.observer, &choice.best);
	return true;
}

/* ---- a row's way ---- */

void
tree_learn(Learner *learner, Tree *tree, const double *row, double target, double weight)
{
	TreeNode  **place = &tree->root;

	if (tree->root == NULL)
	{
		if (!learner_make_room(learner, node_size(learner, tree, 0, NULL)))
			return;
		tree->root = node_create(learner, tree, 0, NULL, 0);
		leaf_model_create(learner, tree->settings, tree->root, NULL);
	}
	if (tree->settings->is_adaptive)
	{
		adaptive_tree_learn(learner, tree, row, target, weight);
		return;
	}
	while ((*place)->kind != SPLIT_NONE)
	{
		TreeNode   *node = *place;
		int			branch;

		if (tree->settings->reconsider_after > 0)
		{
			if (node_make_room(learner, tree, node, row, (int) target))
			{
				node_count(learner, node, (int) target, weight);
				observe(learner, node, row, (int) target, weight);
			}
			if (reconsider_split(learner, tree, place))
				return;
		}
		else
			node->cover += weight;
		branch = node_branch(node, row);
		if (branch >= 0)
			place = &node->children[branch];
		else if (node->kind == SPLIT_CATEGORIES && !isnan(row[node->feature]) &&
				 learner_has_room(learner, branch_size(learner, tree)))
			place = add_branch(learner, tree, node, (int) row[node->feature]);
		else
			place = &node->children[node_common_branch(node)];
	}
	leaf_learn(learner, tree, *place, row, target, weight);
	attempt_to_split(learner, tree, place);
}
