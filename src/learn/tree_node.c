/*
 * tree_node.c
 *		The nodes of trees: made, counted, walked, stored.
 */
#include "learn/tree_node.h"

size_t
observers_size(const Learner *learner, const Tree *tree)
{
	int			n = learner->features.n;

	if (tree->settings->n_observed > 0 && tree->settings->n_observed < n)
		n = tree->settings->n_observed;
	return (size_t) n * (sizeof(Observer) + sizeof(int));
}

size_t
node_size(const Learner *learner, const Tree *tree, int n_classes, const TreeNode *from)
{
	size_t		size = sizeof(TreeNode) + (size_t) n_classes * sizeof(double) + observers_size(learner, tree);

	if (tree->settings->is_adaptive)
		size += watch_size();
	if (tree->settings->is_regression && tree->settings->leaf_prediction != LEAF_MEAN)
		size += sizeof(LinearInputs) + linear_inputs_size(learner, from == NULL ? NULL : from->model);
	return size;
}

/* Which features a new leaf observes: of those allowed, so many drawn at random, in order. */
static void
draw_observed(Learner *learner, const Tree *tree, TreeNode *node)
{
	int			n_features = learner->features.n;
	int			n_allowed = 0;
	int			n_wanted;

	for (int i = 0; i < n_features; i++)
		n_allowed += tree->allowed == NULL || tree->allowed[i];
	n_wanted = tree->settings->n_observed > 0 && tree->settings->n_observed < n_allowed ? tree->settings->n_observed : n_allowed;
	node->n_observers = n_wanted;
	if (n_wanted == n_features)
		return;
	node->observed = learner_room(learner, (size_t) n_wanted * sizeof(int));
	/* Each sample is equally likely (Knuth 3.4.2, algorithm S). */
	for (int i = 0, n = 0; i < n_features; i++)
		if (tree->allowed == NULL || tree->allowed[i])
			if (random_below(&learner->random, n_allowed--) < n_wanted - n)
				node->observed[n++] = i;
}

void
node_activate(Learner *learner, Tree *tree, TreeNode *node)
{
	draw_observed(learner, tree, node);
	node->observers = learner_room(learner, (size_t) node->n_observers * sizeof(Observer));
	node->is_active = true;
	learner->least_promise = fmin(learner->least_promise, node_promise(node));
}

void
node_deactivate(Learner *learner, TreeNode *node)
{
	for (int i = 0; i < node->n_observers; i++)
		observer_free(learner, &node->observers[i]);
	learner_release(learner, node->observers, (size_t) node->n_observers * sizeof(Observer));
	learner_release(learner, node->observed, (size_t) node->n_observers * sizeof(int));
	node->observers = NULL;
	node->observed = NULL;
	node->n_observers = 0;
	node->is_active = false;
}

void
node_move_observers(TreeNode *from, TreeNode *to)
{
	to->is_active = from->is_active;
	to->n_observers = from->n_observers;
	to->observed = from->observed;
	to->observers = from->observers;
	from->observers = NULL;
	from->observed = NULL;
	from->n_observers = 0;
	from->is_active = false;
}

TreeNode *
node_create(Learner *learner, Tree *tree, int depth, const double *stats, int n_classes)
{
	TreeNode   *node = learner_room(learner, sizeof(TreeNode));

	node->depth = depth;
	if (n_classes > 0)
	{
		node->stats = learner_room(learner, (size_t) n_classes * sizeof(double));
		memcpy(node->stats, stats, (size_t) n_classes * sizeof(double));
		node->n_classes = n_classes;
	}
	node->cover = node->last_attempt = node_weight(node);
	node_activate(learner, tree, node);
	if (tree->settings->is_adaptive)
		node->watch = watch_create(learner);
	return node;
}

void
node_prune(Learner *learner, Tree *tree, TreeNode *node)
{
	for (int i = 0; i < node->n_children; i++)
		node_free(learner, tree, node->children[i]);
	learner_release(learner, node->children, (size_t) node->n_children * sizeof(TreeNode *));
	learner_release(learner, node->categories, (size_t) node->n_children * sizeof(int));
	node->kind = SPLIT_NONE;
	node->n_children = 0;
	node->children = NULL;
	node->categories = NULL;
}

void
node_free(Learner *learner, Tree *tree, TreeNode *node)
{
	if (node == NULL)
		return;
	node_prune(learner, tree, node);
	learner_release(learner, node->stats, (size_t) node->n_classes * sizeof(double));
	if (node->watch != NULL)
	{
		node_free(learner, tree, node->watch->alternate);
		if (node->watch->detector != NULL)
			detector_free(node->watch->detector);
		learner_release(learner, node->watch, sizeof(Watch));
	}
	node_deactivate(learner, node);
	leaf_model_free(learner, node);
	learner_release(learner, node, sizeof(TreeNode));
}

double
node_weight(const TreeNode *node)
{
	double		weight = node->targets.n;

	for (int i = 0; i < node->n_classes; i++)
		weight += node->stats[i];
	return weight;
}

double
node_promise(const TreeNode *leaf)
{
	double		largest = 0;

	if (leaf->n_classes == 0)
		return leaf->targets.squares;
	for (int i = 0; i < leaf->n_classes; i++)
		largest = fmax(largest, leaf->stats[i]);
	return node_weight(leaf) - largest;
}

static size_t
counts_growth(const TreeNode *node, int class)
{
	return class >= node->n_classes ? (size_t) (class + 1 - node->n_classes) * sizeof(double) : 0;
}

bool
node_make_room(Learner *learner, const Tree *tree, TreeNode *node, const double *row, int class)
{
	const TreeSettings *settings = tree->settings;
	size_t		counts = settings->is_regression ? 0 : counts_growth(node, class);
	size_t		growth = counts;

	for (int i = 0; i < node->n_observers; i++)
	{
		const Observer *observer = &node->observers[i];
		int			feature = node->observed == NULL ? i : node->observed[i];
		bool		is_categorical = learner->is_categorical[feature];

		if (!isnan(row[feature]))
			growth += settings->is_regression ? target_observer_growth(settings, observer, is_categorical, row[feature])
											  : observer_growth(observer, is_categorical, row[feature], class);
	}
	if (growth == 0 || learner_make_room(learner, growth))
		return true;
	if (node->is_active)
		node_deactivate(learner, node);
	return learner_has_room(learner, counts);
}

void
node_count(Learner *learner, TreeNode *node, int class, double weight)
{
	if (class >= node->n_classes)
	{
		if (!learner_make_room(learner, counts_growth(node, class)))
			return;
		node->stats = learner_grow(learner->allocator, node->stats, (size_t) node->n_classes * sizeof(double),
								   (size_t) (class + 1) * sizeof(double));
		node->n_classes = class + 1;
	}
	node->stats[class] += weight;
	node->cover += weight;
}

int
node_branch(const TreeNode *node, const double *row)
{
	double		value = row[node->feature];

	if (isnan(value))
		return -1;
	switch (node->kind)
	{
		case SPLIT_NUMBER: return value <= node->value ? 0 : 1;
		case SPLIT_CATEGORY: return value == node->value ? 0 : 1;
		default:
			for (int i = 0; i < node->n_children; i++)
				if (node->categories[i] == value)
					return i;
			return -1;
	}
}

int
node_common_branch(const TreeNode *node)
{
	int			best = 0;

	for (int i = 1; i < node->n_children; i++)
		if (node->children[i]->cover > node->children[best]->cover)
			best = i;
	return best;
}

/* ---- the stored form ---- */

static void
archive_number_evidence(Archive *archive, NumberEvidence *numbers)
{
	archive_double(archive, &numbers->n);
	archive_double(archive, &numbers->mean);
	archive_double(archive, &numbers->squares);
	archive_double(archive, &numbers->low);
	archive_double(archive, &numbers->high);
	archive_double(archive, &numbers->constant);
	archive_double(archive, &numbers->factor);
}

/* Bins of numbers ascend, so that what is looked for is found. */
static void
archive_bins(Archive *archive, const TreeSettings *settings, Observer *observer, bool is_categorical)
{
	int			n = observer->n_bins;
	int			capacity = observer->bin_capacity;

	archive_count(archive, &n, 0, is_categorical ? LEARNER_MAX_CATEGORIES : settings->max_bins);
	/* Room is part of what a model holds, and must not differ when it goes on. */
	archive_count(archive, &capacity, n, n == 0 ? 0 : n < 2 ? 4 : 2 * n);
	if (archive_reads(archive))
	{
		if ((size_t) n * sizeof(Spread) > archive_left(archive))
			archive_refuse(archive);
		observer->bins = archive_room(archive, archive_is_corrupt(archive) ? 0 : capacity, sizeof(Bin));
		if (observer->bins == NULL)
			return;
		observer->n_bins = n;
		observer->bin_capacity = capacity;
	}
	for (int i = 0; i < n && !archive_is_corrupt(archive); i++)
	{
		Bin		   *bin = &observer->bins[i];

		archive_spread(archive, &bin->targets);
		if (is_categorical)
			continue;
		archive_double(archive, &bin->low);
		archive_double(archive, &bin->high);
		if (archive_reads(archive) && !(bin->low <= bin->high && (i == 0 || bin[-1].high < bin->low)))
			archive_refuse(archive);
	}
}

static void
archive_observer(const Learner *learner, Archive *archive, const TreeSettings *settings, Observer *observer, bool is_categorical)
{
	int			n_classes = observer->n_classes;
	int			n_categories = observer->n_categories;

	if (settings->is_regression)
	{
		archive_bins(archive, settings, observer, is_categorical);
		return;
	}
	archive_count(archive, &n_classes, 0, learner->classes.n);
	if (!is_categorical)
	{
		if (archive_reads(archive))
		{
			if ((size_t) n_classes * sizeof(NumberEvidence) > archive_left(archive))
				archive_refuse(archive);
			observer->numbers = archive_room(archive, archive_is_corrupt(archive) ? 0 : n_classes, sizeof(NumberEvidence));
			observer->n_classes = observer->numbers == NULL ? 0 : n_classes;
		}
		for (int i = 0; i < observer->n_classes; i++)
			archive_number_evidence(archive, &observer->numbers[i]);
		return;
	}
	archive_count(archive, &n_categories, 0, LEARNER_MAX_CATEGORIES);
	if (archive_reads(archive))
	{
		/* Room for both is there or neither is. */
		if ((n_classes == 0) != (n_categories == 0) ||
			((uint64_t) n_classes * (uint64_t) (n_categories + 1)) * 8 > archive_left(archive))
			archive_refuse(archive);
		if (archive_is_corrupt(archive) || n_classes == 0)
			return;
		observer->counts = archive_room(archive, (int64_t) n_classes * n_categories, sizeof(double));
		observer->totals = archive_room(archive, n_classes, sizeof(double));
		observer->n_classes = n_classes;
		observer->n_categories = n_categories;
	}
	for (int i = 0; i < n_classes * n_categories; i++)
		archive_double(archive, &observer->counts[i]);
	for (int i = 0; i < n_classes; i++)
		archive_double(archive, &observer->totals[i]);
}

static void
archive_model(Learner *learner, Archive *archive, const TreeSettings *settings, TreeNode *node)
{
	archive_double(archive, &node->mean_error);
	archive_double(archive, &node->model_error);
	if (settings->leaf_prediction == LEAF_MEAN)
		return;
	if (archive_reads(archive))
		leaf_model_create(learner, settings, node, NULL);
	archive_linear_inputs(archive, node->model);
	if (archive_reads(archive) && node->model->n_outputs != 1)
		archive_refuse(archive);
}

static void
archive_leaf(Learner *learner, Archive *archive, Tree *tree, TreeNode *node)
{
	bool		is_drawn = node->observed != NULL;
	int			n = node->n_observers;

	archive_double(archive, &node->last_attempt);
	if (tree->settings->is_regression && !archive_is_corrupt(archive))
		archive_model(learner, archive, tree->settings, node);
	else
	{
		archive_double(archive, &node->majority_correct);
		archive_double(archive, &node->bayes_correct);
	}
	archive_boolean(archive, &node->is_active);
	if (!node->is_active)
		return;
	archive_boolean(archive, &is_drawn);
	archive_count(archive, &n, 0, learner->features.n);
	if (archive_reads(archive))
	{
		if (!is_drawn && n != learner->features.n)
			archive_refuse(archive);
		node->observers = archive_room(archive, n, sizeof(Observer));
		if (node->observers == NULL)
		{
			archive_refuse(archive);
			return;
		}
		node->n_observers = n;
		if (is_drawn)
			node->observed = archive_room(archive, n, sizeof(int));
		if (is_drawn && node->observed == NULL)
			return;
	}
	for (int i = 0; i < n && !archive_is_corrupt(archive); i++)
	{
		int			feature = i;

		if (node->observed != NULL)
		{
			archive_count(archive, &node->observed[i], 0, learner->features.n - 1);
			feature = node->observed[i];
		}
		archive_observer(learner, archive, tree->settings, &node->observers[i], learner->is_categorical[feature]);
	}
}

void
archive_detector(Archive *archive, Detector **detector)
{
	int			size = archive_reads(archive) ? 0 : (int) detector_encoded_size(*detector);

	archive_count(archive, &size, 0, 1 << 20);
	if (archive_reads(archive))
	{
		if (*detector != NULL)
			detector_free(*detector);
		*detector = NULL;
		if ((size_t) size > archive_left(archive))
			archive_refuse(archive);
		if (archive_is_corrupt(archive) ||
			detector_decode(archive->allocator, archive->reader.bytes + archive->reader.position, (size_t) size, detector) !=
				DETECTOR_OK)
		{
			*detector = NULL;
			archive_refuse(archive);
			return;
		}
		archive->reader.position += (size_t) size;
		if (detector_kind(*detector) != DETECTOR_ADWIN)
			archive_refuse(archive);
		return;
	}
	if (archive->mode == ARCHIVE_WRITE)
		detector_encode(*detector, archive->buffer + archive->position);
	archive->position += (size_t) size;
}

static void archive_node(Learner *learner, Archive *archive, Tree *tree, TreeNode **place, int depth, int nested);

static void
archive_watch(Learner *learner, Archive *archive, Tree *tree, TreeNode *node, int nested)
{
	bool		has_alternate;

	if (archive_reads(archive))
	{
		node->watch = archive_room(archive, 1, sizeof(Watch));
		if (node->watch == NULL)
			return;
	}
	archive_detector(archive, &node->watch->detector);
	archive_double(archive, &node->watch->n);
	archive_double(archive, &node->watch->error);
	if (tree->settings->is_regression)
		archive_double(archive, &node->watch->squares);
	has_alternate = node->watch->alternate != NULL;
	archive_boolean(archive, &has_alternate);
	if (has_alternate && !archive_is_corrupt(archive))
		archive_node(learner, archive, tree, &node->watch->alternate, node->depth, nested + 1);
}

static void
archive_split(Learner *learner, Archive *archive, Tree *tree, TreeNode *node, int nested)
{
	int			n = node->n_children;

	archive_count(archive, &node->feature, 0, learner->features.n - 1);
	archive_double(archive, &node->value);
	archive_count(archive, &n, node->kind == SPLIT_CATEGORIES ? 1 : 2, node->kind == SPLIT_CATEGORIES ? LEARNER_MAX_CATEGORIES : 2);
	if (archive_reads(archive))
	{
		if (learner->is_categorical[node->feature] != (node->kind != SPLIT_NUMBER))
			archive_refuse(archive);
		node->children = archive_room(archive, n, sizeof(TreeNode *));
		if (node->children == NULL)
			return;
		node->n_children = n;
		if (node->kind == SPLIT_CATEGORIES)
			node->categories = archive_room(archive, n, sizeof(int));
	}
	for (int i = 0; i < n; i++)
	{
		if (node->kind == SPLIT_CATEGORIES && node->categories != NULL)
			archive_count(archive, &node->categories[i], 0, LEARNER_MAX_CATEGORIES - 1);
		archive_node(learner, archive, tree, &node->children[i], node->depth + 1, nested);
	}
}

/* A tree that was read whole has a node at every place; one that was not is freed at once. */
static void
archive_node(Learner *learner, Archive *archive, Tree *tree, TreeNode **place, int depth, int nested)
{
	TreeNode   *node;
	int			kind;

	if (archive_reads(archive) && (depth > TREE_MAX_DEPTH || nested > TREE_MAX_NESTED))
		archive_refuse(archive);
	if (archive_reads(archive))
		*place = archive_room(archive, 1, sizeof(TreeNode));
	node = *place;
	if (node == NULL)
		return;
	kind = (int) node->kind;
	archive_count(archive, &kind, SPLIT_NONE, SPLIT_CATEGORIES);
	node->kind = (SplitKind) kind;
	node->depth = depth;
	archive_double(archive, &node->cover);
	if (archive_reads(archive))
	{
		int			n_classes = 0;

		archive_count(archive, &n_classes, 0, learner->classes.n);
		archive_doubles(archive, &node->stats, n_classes);
		node->n_classes = node->stats == NULL ? 0 : n_classes;
	}
	else
	{
		archive_count(archive, &node->n_classes, 0, LEARNER_MAX_CLASSES);
		archive_doubles(archive, &node->stats, node->n_classes);
	}
	if (tree->settings->is_regression)
		archive_spread(archive, &node->targets);
	if (tree->settings->is_adaptive && !archive_is_corrupt(archive))
		archive_watch(learner, archive, tree, node, nested);
	if (archive_is_corrupt(archive))
		return;
	if (node->kind == SPLIT_NONE || tree->settings->reconsider_after > 0)
		archive_leaf(learner, archive, tree, node);
	if (node->kind != SPLIT_NONE && !archive_is_corrupt(archive))
		archive_split(learner, archive, tree, node, nested);
}

void
archive_tree(Learner *learner, Archive *archive, Tree *tree)
{
	bool		has_root = tree->root != NULL;

	archive_boolean(archive, &has_root);
	if (has_root && !archive_is_corrupt(archive))
		archive_node(learner, archive, tree, &tree->root, 0, 0);
}
