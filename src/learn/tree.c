/*
 * tree.c
 *		Hoeffding trees (Domingos and Hulten 2000): a leaf is split when what it saw suffices to be sure that the best way to do so
 *		is the best. Leaves predict by majority or by naive Bayes, whichever was right more often (Holmes, Kirkby and Pfahringer
 *		2005).
 *
 * Conventions are River's, but: a leaf of nearly one class is left as it is; what fits no longer into the memory given loses what
 *the least promising leaves observe, and nothing grows until there is room.
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
	if (tree->root == NULL)
		memset(votes, 0, (size_t) learner->classes.n * sizeof(double));
	else if (tree->settings->is_adaptive)
		adaptive_tree_predict(learner, tree, row, votes);
	else
		leaf_predict(learner, tree->settings, find_leaf(tree->root, row), row, votes);
}

/* ---- learning ---- */

void
leaf_learn(Learner *learner, Tree *tree, TreeNode *leaf, const double *row, int class, double weight)
{
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
	for (int i = 0; i < leaf->n_observers; i++)
	{
		int			feature = leaf->observed == NULL ? i : leaf->observed[i];

		if (!isnan(row[feature]))
			observer_add(learner, &leaf->observers[i], learner->is_categorical[feature], row[feature], class, weight);
	}
}

TreeNode **
add_branch(Learner *learner, Tree *tree, TreeNode *node, int category)
{
	size_t		n = (size_t) node->n_children;

	node->children = learner_grow(learner->allocator, node->children, n * sizeof(TreeNode *), (n + 1) * sizeof(TreeNode *));
	node->categories = learner_grow(learner->allocator, node->categories, n * sizeof(int), (n + 1) * sizeof(int));
	node->categories[n] = category;
	node->children[n] = node_create(learner, tree, node->depth + 1, NULL, 0);
	node->n_children++;
	return &node->children[n];
}

void
tree_learn(Learner *learner, Tree *tree, const double *row, int class, double weight)
{
	TreeNode  **place = &tree->root;

	if (tree->root == NULL)
		tree->root = node_create(learner, tree, 0, NULL, 0);
	if (tree->settings->is_adaptive)
	{
		adaptive_tree_learn(learner, tree, row, class, weight);
		return;
	}
	while ((*place)->kind != SPLIT_NONE)
	{
		TreeNode   *node = *place;
		int			branch = node_branch(node, row);

		node->cover += weight;
		if (branch >= 0)
			place = &node->children[branch];
		else if (node->kind == SPLIT_CATEGORIES && !isnan(row[node->feature]) && !learner_is_full(learner))
			place = add_branch(learner, tree, node, (int) row[node->feature]);
		else
			place = &node->children[node_common_branch(node)];
	}
	leaf_learn(learner, tree, *place, row, class, weight);
	attempt_to_split(learner, tree, place);
}

/* ---- growing ---- */

/* The leaf that stands to gain least from being split; NULL when none observes any more. */
static void
find_least_promising(TreeNode *node, TreeNode **least, double *promise)
{
	double		largest = 0;
	double		others;

	for (int i = 0; i < node->n_children; i++)
		find_least_promising(node->children[i], least, promise);
	if (node->watch != NULL && node->watch->alternate != NULL)
		find_least_promising(node->watch->alternate, least, promise);
	if (node->kind != SPLIT_NONE || !node->is_active)
		return;
	for (int i = 0; i < node->n_classes; i++)
		largest = fmax(largest, node->stats[i]);
	others = node_weight(node) - largest;
	if (*least == NULL || others < *promise)
	{
		*least = node;
		*promise = others;
	}
}

/* Kirkby (2007): while there is too little memory, the leaf that promises least stops observing. */
static void
keep_within_memory(Learner *learner, Tree *tree)
{
	while (learner_is_full(learner))
	{
		TreeNode   *least = NULL;
		double		promise = 0;

		find_least_promising(tree->root, &least, &promise);
		if (least == NULL)
			return;
		node_deactivate(learner, least);
	}
}

static bool
is_worth_trying(const TreeSettings *settings, const TreeNode *leaf)
{
	double		largest = 0;
	double		weight = node_weight(leaf);
	int			n = 0;

	for (int i = 0; i < leaf->n_classes; i++)
	{
		n += leaf->stats[i] > 0;
		largest = fmax(largest, leaf->stats[i]);
	}
	return n >= 2 && largest / weight <= settings->max_class_share;
}

static void
split_leaf(Learner *learner, Tree *tree, TreeNode **place, const Observer *observer, const Split *split)
{
	TreeNode   *leaf = *place;
	TreeNode   *node = learner_room(learner, sizeof(TreeNode));
	int			n = split_n_children(observer, split);
	double		stats[LEARNER_MAX_CLASSES];

	node->kind = split->kind;
	node->feature = split->feature;
	node->value = split->value;
	node->depth = leaf->depth;
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

		split_child(observer, split, i, stats, node->n_classes, &category);
		node->children[i] = node_create(learner, tree, leaf->depth + 1, stats, node->n_classes);
		node->cover += node->children[i]->cover;
		if (node->categories != NULL)
			node->categories[i] = category;
	}
	if (tree->settings->is_adaptive)
		node->watch = watch_create(learner);
	*place = node;
	node_free(learner, tree, leaf);
}

/* Hoeffding's bound of the difference of two means of so many numbers within a range. */
static double
hoeffding_bound(double range, double delta, double n)
{
	return sqrt(range * range * log(1 / delta) / (2 * n));
}

void
attempt_to_split(Learner *learner, Tree *tree, TreeNode **place)
{
	const TreeSettings *settings = tree->settings;
	TreeNode   *leaf = *place;
	double		weight = node_weight(leaf);
	Split		best = {.merit = -INFINITY};
	double		second = -INFINITY;
	const Observer *chosen = NULL;
	double		bound;

	if (!leaf->is_active || weight - leaf->last_attempt < settings->grace_period)
		return;
	leaf->last_attempt = weight;
	if (leaf->depth >= settings->max_depth || !is_worth_trying(settings, leaf))
		return;
	for (int i = 0; i < leaf->n_observers; i++)
	{
		int			feature = leaf->observed == NULL ? i : leaf->observed[i];
		bool		is_categorical = learner->is_categorical[feature];
		const Observer *observer = &leaf->observers[i];
		Split		split = observer_best_split(settings, observer, is_categorical, feature, leaf->stats, leaf->n_classes);

		if (split.merit > best.merit)
		{
			second = best.merit;
			best = split;
			chosen = observer;
		}
		else if (split.merit > second)
			second = split.merit;
	}
	if (best.kind == SPLIT_NONE)
		return;
	bound = hoeffding_bound(criterion_range(settings->criterion, leaf->stats, leaf->n_classes), settings->delta, weight);
	if (best.merit - second > bound || bound < settings->tie_threshold)
	{
		split_leaf(learner, tree, place, chosen, &best);
		keep_within_memory(learner, tree);
	}
}
