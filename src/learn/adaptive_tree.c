/*
 * adaptive_tree.c
 *		The Hoeffding adaptive tree (Bifet and Gavalda 2009): ADWIN watches the error at every node; where it grows, an alternate
 *		tree is grown beside, and takes the place when it has become better.
 */
#include "learn/tree_node.h"

Watch *
watch_create(Learner *learner)
{
	Watch	   *watch = learner_room(learner, sizeof(Watch));
	double		options[DETECTOR_MAX_OPTIONS];

	detector_initial_options(DETECTOR_ADWIN, options);
	watch->detector = detector_create(learner->allocator, DETECTOR_ADWIN, options);
	return watch;
}

/* Whether the error at a node has changed; *grew tells that it grew. */
static bool
watch_error(Watch *watch, bool is_error, bool *grew)
{
	double		before = watch->error;
	DetectorSignal signal;
	bool		observed;

	detector_advance(watch->detector, is_error, &signal, &observed);
	watch->n += 1;
	watch->error += (is_error - watch->error) / watch->n;
	*grew = before <= watch->error;
	return signal == DETECTOR_DRIFT;
}

static void
forget_error(Watch *watch)
{
	watch->n = 0;
	watch->error = 0;
}

static int
predicted_class(const Learner *learner, const Tree *tree, const TreeNode *leaf, const double *row)
{
	double		votes[LEARNER_MAX_CLASSES];

	leaf_predict(learner, tree->settings, leaf, row, votes);
	return most_votes(votes, learner->classes.n);
}

static void learn_at(Learner *learner, Tree *tree, TreeNode **place, const double *row, int class, double weight, int nested);

static void
learn_at_leaf(Learner *learner, Tree *tree, TreeNode **place, const double *row, int class, double weight)
{
	TreeNode   *leaf = *place;
	bool		grew;

	if (tree->settings->is_bootstrapped)
	{
		int			k = random_poisson(&learner->random, 1);

		if (k > 0)
			weight *= k;
	}
	if (watch_error(leaf->watch, predicted_class(learner, tree, leaf, row) != class, &grew) && !grew)
		forget_error(leaf->watch);
	leaf_learn(learner, tree, leaf, row, class, weight);
	attempt_to_split(learner, tree, place);
}

/* The alternate tree takes the place of the node, or is given up, when either has become better than chance explains. */
static void
compare_alternate(Learner *learner, Tree *tree, TreeNode **place)
{
	TreeNode   *node = *place;
	Watch	   *watch = node->watch;
	Watch	   *other = watch->alternate->watch;
	const TreeSettings *settings = tree->settings;
	double		bound;

	if (other->n <= settings->drift_window || watch->n <= settings->drift_window)
		return;
	bound = sqrt(2 * watch->error * (1 - watch->error) * log(2 / settings->switch_significance) * (1 / other->n + 1 / watch->n));
	if (bound < watch->error - other->error)
	{
		*place = watch->alternate;
		watch->alternate = NULL;
		node_free(learner, tree, node);
	}
	else if (bound < other->error - watch->error)
	{
		node_free(learner, tree, watch->alternate);
		watch->alternate = NULL;
	}
}

static void
learn_at_split(Learner *learner, Tree *tree, TreeNode **place, const double *row, int class, double weight, int nested)
{
	TreeNode   *node = *place;
	Watch	   *watch = node->watch;
	bool		grew;
	bool		changed;
	int			branch;

	changed = watch_error(watch, predicted_class(learner, tree, find_leaf(node, row), row) != class, &grew);
	node_count(learner, node, class, weight);
	if (changed)
		forget_error(watch);
	if (changed && grew && nested < TREE_MAX_NESTED && !learner_is_full(learner))
	{
		node_free(learner, tree, watch->alternate);
		watch->alternate = node_create(learner, tree, node->depth, NULL, 0);
	}
	else if (watch->alternate != NULL)
		compare_alternate(learner, tree, place);
	/* The node may have been replaced, and then has learned. */
	if (*place != node)
	{
		learn_at(learner, tree, place, row, class, weight, nested);
		return;
	}
	if (watch->alternate != NULL)
		learn_at(learner, tree, &watch->alternate, row, class, weight, nested + 1);
	branch = node_branch(node, row);
	if (branch < 0 && node->kind == SPLIT_CATEGORIES && !isnan(row[node->feature]) && !learner_is_full(learner))
	{
		add_branch(learner, tree, node, (int) row[node->feature]);
		branch = node->n_children - 1;
	}
	learn_at(learner, tree, &node->children[branch >= 0 ? branch : node_common_branch(node)], row, class, weight, nested);
}

static void
learn_at(Learner *learner, Tree *tree, TreeNode **place, const double *row, int class, double weight, int nested)
{
	if ((*place)->kind == SPLIT_NONE)
		learn_at_leaf(learner, tree, place, row, class, weight);
	else
		learn_at_split(learner, tree, place, row, class, weight, nested);
}

void
adaptive_tree_learn(Learner *learner, Tree *tree, const double *row, int class, double weight)
{
	learn_at(learner, tree, &tree->root, row, class, weight, 0);
}

/* ---- asking: the leaf's and the alternates' answers, those that err less weighing more ---- */

static void
add_votes(const Learner *learner, const Tree *tree, const TreeNode *leaf, const double *row, double *votes)
{
	double		says[LEARNER_MAX_CLASSES];
	double		error = leaf->watch->error;

	leaf_predict(learner, tree->settings, leaf, row, says);
	for (int i = 0; i < learner->classes.n; i++)
		votes[i] += error > 0 ? says[i] / (error * error) : says[i];
}

static void
collect_votes(const Learner *learner, const Tree *tree, const TreeNode *node, const double *row, double *votes)
{
	for (;;)
	{
		int			branch;

		if (node->kind == SPLIT_NONE)
			break;
		if (node->watch->alternate != NULL)
			collect_votes(learner, tree, node->watch->alternate, row, votes);
		branch = node_branch(node, row);
		node = node->children[branch >= 0 ? branch : node_common_branch(node)];
	}
	add_votes(learner, tree, node, row, votes);
}

void
adaptive_tree_predict(const Learner *learner, const Tree *tree, const double *row, double *votes)
{
	double		sum = 0;

	memset(votes, 0, (size_t) learner->classes.n * sizeof(double));
	collect_votes(learner, tree, tree->root, row, votes);
	for (int i = 0; i < learner->classes.n; i++)
		sum += votes[i];
	for (int i = 0; i < learner->classes.n && sum > 0; i++)
		votes[i] /= sum;
}
