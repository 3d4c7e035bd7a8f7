/*
 * adaptive_tree.c
 *		The Hoeffding adaptive tree (Bifet and Gavalda 2009): ADWIN watches the error at every node; where it grows, an alternate
 *		tree is grown beside, and takes the place when it has become better.
 */
#include <math.h>

#include "base/distributions.h"
#include "learn/tree_node.h"

size_t
watch_size(void)
{
	double		options[DETECTOR_MAX_OPTIONS];

	detector_initial_options(DETECTOR_ADWIN, options);
	return sizeof(Watch) + detector_memory(DETECTOR_ADWIN, options);
}

Watch *
watch_create(Learner *learner)
{
	Watch	   *watch = learner_room(learner, sizeof(Watch));
	double		options[DETECTOR_MAX_OPTIONS];

	detector_initial_options(DETECTOR_ADWIN, options);
	watch->detector = detector_create(learner->allocator, DETECTOR_ADWIN, options);
	return watch;
}

bool
errors_have_changed(Learner *learner, Detector *detector, double error)
{
	size_t		growth = detector_growth(detector);
	DetectorSignal signal;
	bool		observed;

	if (growth > 0 && !learner_make_room(learner, growth))
		detector_narrow(detector);
	detector_advance(detector, error, &signal, &observed);
	return signal == DETECTOR_DRIFT;
}

/* Of regression: the error as a share of three times the root mean square so far, at most 1, since ADWIN wants bounded numbers. */
static double
bounded_error(const Watch *watch, double error)
{
	double		square = watch->n > 0 ? watch->error * watch->error + watch->squares / watch->n : 0;

	return square > 0 ? fmin(1, error / (3 * sqrt(square))) : 0.5;
}

/* Whether the error at a node has changed; *grew tells that it grew. */
static bool
watch_error(Learner *learner, const Tree *tree, Watch *watch, double error, bool *grew)
{
	double		before = watch->error;
	double		deviation = error - before;
	bool		has_changed =
		errors_have_changed(learner, watch->detector, tree->settings->is_regression ? bounded_error(watch, error) : error);

	watch->n += 1;
	watch->error += deviation / watch->n;
	watch->squares += deviation * (error - watch->error);
	*grew = before <= watch->error;
	return has_changed;
}

static void
forget_error(Watch *watch)
{
	watch->n = 0;
	watch->error = 0;
	watch->squares = 0;
}

static void learn_at(Learner *learner, Tree *tree, TreeNode **place, const double *row, double target, double weight, int nested);

static void
learn_at_leaf(Learner *learner, Tree *tree, TreeNode **place, const double *row, double target, double weight)
{
	TreeNode   *leaf = *place;
	bool		grew;

	if (tree->settings->is_bootstrapped)
	{
		int			k = random_poisson(&learner->random, 1);

		if (k > 0)
			weight *= k;
	}
	if (watch_error(learner, tree, leaf->watch, leaf_error(learner, tree->settings, leaf, row, target), &grew) && !grew)
		forget_error(leaf->watch);
	leaf_learn(learner, tree, leaf, row, target, weight);
	attempt_to_split(learner, tree, place);
}

/* How far apart the errors of two nodes may be by chance: Hoeffding's bound, of regression that of a z-test of means. */
static double
bound_of_errors(const TreeSettings *settings, const Watch *watch, const Watch *other)
{
	if (settings->is_regression)
		return normal_quantile(1 - settings->switch_significance / 2) *
			sqrt(watch->squares / (watch->n * watch->n) + other->squares / (other->n * other->n));
	return sqrt(2 * watch->error * (1 - watch->error) * log(2 / settings->switch_significance) * (1 / other->n + 1 / watch->n));
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
	bound = bound_of_errors(settings, watch, other);
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
learn_at_split(Learner *learner, Tree *tree, TreeNode **place, const double *row, double target, double weight, int nested)
{
	TreeNode   *node = *place;
	Watch	   *watch = node->watch;
	bool		grew;
	bool		changed;
	int			branch;

	changed = watch_error(learner, tree, watch, leaf_error(learner, tree->settings, find_leaf(node, row), row, target), &grew);
	split_count(learner, node, target, weight);
	if (changed)
		forget_error(watch);
	if (changed && grew && nested < TREE_MAX_NESTED && learner_has_room(learner, node_size(learner, tree, 0, NULL)))
	{
		node_free(learner, tree, watch->alternate);
		watch->alternate = node_create(learner, tree, node->depth, NULL, 0);
		leaf_model_create(learner, tree->settings, watch->alternate, NULL);
		watch->alternate->targets.mean = node->targets.mean;
	}
	else if (watch->alternate != NULL)
		compare_alternate(learner, tree, place);
	/* The node may have been replaced, and then has learned. */
	if (*place != node)
	{
		learn_at(learner, tree, place, row, target, weight, nested);
		return;
	}
	if (watch->alternate != NULL)
		learn_at(learner, tree, &watch->alternate, row, target, weight, nested + 1);
	branch = node_branch(node, row);
	if (branch < 0 && node->kind == SPLIT_CATEGORIES && !isnan(row[node->feature]) &&
		learner_has_room(learner, branch_size(learner, tree)))
	{
		add_branch(learner, tree, node, (int) row[node->feature]);
		branch = node->n_children - 1;
	}
	learn_at(learner, tree, &node->children[branch >= 0 ? branch : node_common_branch(node)], row, target, weight, nested);
}

static void
learn_at(Learner *learner, Tree *tree, TreeNode **place, const double *row, double target, double weight, int nested)
{
	if ((*place)->kind == SPLIT_NONE)
		learn_at_leaf(learner, tree, place, row, target, weight);
	else
		learn_at_split(learner, tree, place, row, target, weight, nested);
}

void
adaptive_tree_learn(Learner *learner, Tree *tree, const double *row, double target, double weight)
{
	learn_at(learner, tree, &tree->root, row, target, weight, 0);
}

/* ---- asking: the leaf's and the alternates' answers, those that err less weighing more ---- */

/* Of regression the sum is in votes[0], and *n how many were asked. */
static void
add_votes(const Learner *learner, const Tree *tree, const TreeNode *leaf, const double *row, double *votes, int *n)
{
	double		says[LEARNER_MAX_CLASSES];
	double		error = leaf->watch->error;

	/* An alternate that has no rows yet says nothing. */
	if (tree->settings->is_regression && !(leaf->targets.n > 0))
		return;
	*n += 1;
	if (tree->settings->is_regression)
	{
		votes[0] += leaf_number(learner, tree->settings, leaf, row);
		return;
	}
	leaf_predict(learner, tree->settings, leaf, row, says);
	for (int i = 0; i < learner->classes.n; i++)
		votes[i] += error > 0 ? says[i] / (error * error) : says[i];
}

static void
collect_votes(const Learner *learner, const Tree *tree, const TreeNode *node, const double *row, double *votes, int *n)
{
	for (;;)
	{
		int			branch;

		if (node->kind == SPLIT_NONE)
			break;
		if (node->watch->alternate != NULL)
			collect_votes(learner, tree, node->watch->alternate, row, votes, n);
		branch = node_branch(node, row);
		node = node->children[branch >= 0 ? branch : node_common_branch(node)];
	}
	add_votes(learner, tree, node, row, votes, n);
}

/* Of regression the mean of what leaves say, as River has it. */
void
adaptive_tree_predict(const Learner *learner, const Tree *tree, const double *row, double *votes)
{
	double		sum = 0;
	int			n = 0;

	if (tree->settings->is_regression)
	{
		votes[0] = 0;
		collect_votes(learner, tree, tree->root, row, votes, &n);
		votes[0] = n > 0 ? votes[0] / n : find_leaf(tree->root, row)->targets.mean;
		return;
	}
	memset(votes, 0, (size_t) learner->classes.n * sizeof(double));
	collect_votes(learner, tree, tree->root, row, votes, &n);
	for (int i = 0; i < learner->classes.n; i++)
		sum += votes[i];
	for (int i = 0; i < learner->classes.n && sum > 0; i++)
		votes[i] /= sum;
}
