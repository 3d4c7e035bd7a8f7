/*
 * tree_target.c
 *		Leaves of regression trees (Ikonomovska, Gama and Dzeroski 2011): what they see of a feature, how well splitting by it would
 *		tell targets apart, and what they say: the mean of their targets or a linear model, whichever erred less of late.
 *
 * A number's values are kept in bins, each value its own until there are too many; then the two neighbours that hold least become
 *one, and values within it are its. So the targets up to the end of a bin are known exactly at any time, and those ends are where a
 *leaf can be split.
 */
#include "learn/tree_node.h"

/* Errors are not above, so that sums of their squares stay numbers. */
#define LARGEST_SQUARE 1e300

/* ---- seeing ---- */

static int
capacity_for(const Observer *observer, int n)
{
	int			capacity = observer->bin_capacity == 0 ? 4 : observer->bin_capacity;

	while (capacity < n)
		capacity *= 2;
	return capacity;
}

static void
make_room_for_bins(Learner *learner, Observer *observer, int n)
{
	int			capacity = capacity_for(observer, n);

	if (capacity == observer->bin_capacity)
		return;
	observer->bins = learner_grow(learner->allocator, observer->bins, (size_t) observer->bin_capacity * sizeof(Bin),
								  (size_t) capacity * sizeof(Bin));
	observer->bin_capacity = capacity;
}

/* The first bin that does not end below the value. */
static int
find_bin(const Observer *observer, double value)
{
	int			low = 0;
	int			high = observer->n_bins;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (observer->bins[middle].high < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
is_within(const Observer *observer, int bin, double value)
{
	return bin < observer->n_bins && value >= observer->bins[bin].low;
}

/* Of neighbours those two that hold least become one. */
static void
merge_two_bins(Observer *observer)
{
	Bin		   *bins = observer->bins;
	int			best = 0;

	for (int i = 1; i + 1 < observer->n_bins; i++)
		if (bins[i].targets.n + bins[i + 1].targets.n < bins[best].targets.n + bins[best + 1].targets.n)
			best = i;
	bins[best].high = bins[best + 1].high;
	bins[best].targets = spread_sum(bins[best].targets, bins[best + 1].targets);
	observer->n_bins--;
	memmove(bins + best + 1, bins + best + 2, (size_t) (observer->n_bins - best - 1) * sizeof(Bin));
}

size_t
target_observer_growth(const TreeSettings *settings, const Observer *observer, bool is_categorical, double value)
{
	int			n = observer->n_bins;

	if (is_categorical)
		n = value >= n ? (int) value + 1 : n;
	else if (n == observer->bin_capacity && n < settings->max_bins && !is_within(observer, find_bin(observer, value), value))
		n++;
	return n <= observer->bin_capacity ? 0 : (size_t) (capacity_for(observer, n) - observer->bin_capacity) * sizeof(Bin);
}

static void
add_number(Learner *learner, const TreeSettings *settings, Observer *observer, double value, double target, double weight)
{
	int			at = find_bin(observer, value);
	Bin		   *bin;

	if (!is_within(observer, at, value) && observer->n_bins >= settings->max_bins)
	{
		merge_two_bins(observer);
		at = find_bin(observer, value);
	}
	if (!is_within(observer, at, value))
	{
		make_room_for_bins(learner, observer, observer->n_bins + 1);
		bin = observer->bins + at;
		memmove(bin + 1, bin, (size_t) (observer->n_bins - at) * sizeof(Bin));
		*bin = (Bin){.low = value, .high = value};
		observer->n_bins++;
	}
	spread_add(&observer->bins[at].targets, target, weight);
}

void
target_observer_add(Learner *learner, const TreeSettings *settings, Observer *observer, bool is_categorical, double value,
					double target, double weight)
{
	if (!is_categorical)
	{
		add_number(learner, settings, observer, value, target, weight);
		return;
	}
	if (value >= observer->n_bins)
	{
		make_room_for_bins(learner, observer, (int) value + 1);
		observer->n_bins = (int) value + 1;
	}
	spread_add(&observer->bins[(int) value].targets, target, weight);
}

/* ---- how much less targets vary within the children ---- */

typedef struct Merit
{
	double		n;
	double		within;			/* sum of the children's weights times their variances */
	bool		is_possible;
} Merit;

static void
add_child(const TreeSettings *settings, const Spread *targets, Merit *merit)
{
	if (targets->n < settings->min_samples_split)
		merit->is_possible = false;
	merit->n += targets->n;
	merit->within += targets->n * spread_variance(targets);
}

/* Rows where the feature is missing say nothing of it: the merit counts for the share of the others. */
static void
consider(const Merit *merit, const Spread *all, const Spread *leaf, Split candidate, Split *best)
{
	if (!merit->is_possible)
		return;
	candidate.merit = (spread_variance(all) - merit->within / merit->n) * (merit->n / leaf->n);
	if (candidate.merit > best->merit)
		*best = candidate;
}

static void
consider_numbers(const TreeSettings *settings, const Observer *observer, const Spread *leaf, Split *best)
{
	Spread		above[TREE_MAX_BINS + 1];
	Spread		below = {0};

	above[observer->n_bins] = (Spread){0};
	for (int i = observer->n_bins - 1; i >= 0; i--)
		above[i] = spread_sum(observer->bins[i].targets, above[i + 1]);
	for (int i = 0; i + 1 < observer->n_bins; i++)
	{
		Merit		merit = {.is_possible = true};

		below = spread_sum(below, observer->bins[i].targets);
		add_child(settings, &below, &merit);
		add_child(settings, &above[i + 1], &merit);
		consider(&merit, &above[0], leaf, (Split){.kind = SPLIT_NUMBER, .feature = best->feature, .value = observer->bins[i].high},
				 best);
	}
}

/* The targets of all categories but one; -1: of all. */
static Spread
targets_but(const Observer *observer, int category)
{
	Spread		sum = {0};

	for (int i = 0; i < observer->n_bins; i++)
		if (i != category)
			sum = spread_sum(sum, observer->bins[i].targets);
	return sum;
}

static void
consider_categories(const TreeSettings *settings, const Observer *observer, const Spread *leaf, Split *best)
{
	Spread		all = targets_but(observer, -1);
	Merit		merit = {.is_possible = !settings->is_binary};
	int			n_seen = 0;

	for (int i = 0; i < observer->n_bins; i++)
		if (observer->bins[i].targets.n > 0)
		{
			n_seen++;
			add_child(settings, &observer->bins[i].targets, &merit);
		}
	if (n_seen < 2)
		return;
	consider(&merit, &all, leaf, (Split){.kind = SPLIT_CATEGORIES, .feature = best->feature}, best);
	for (int i = 0; i < observer->n_bins; i++)
	{
		Merit		one = {.is_possible = true};
		Spread		others;

		if (!(observer->bins[i].targets.n > 0))
			continue;
		others = targets_but(observer, i);
		add_child(settings, &observer->bins[i].targets, &one);
		add_child(settings, &others, &one);
		consider(&one, &all, leaf, (Split){.kind = SPLIT_CATEGORY, .feature = best->feature, .value = i}, best);
	}
}

Split
target_best_split(const TreeSettings *settings, const Observer *observer, bool is_categorical, int feature, const Spread *targets)
{
	Split		best = {.merit = -INFINITY, .feature = feature};

	if (is_categorical)
		consider_categories(settings, observer, targets, &best);
	else
		consider_numbers(settings, observer, targets, &best);
	return best;
}

Spread
split_child_targets(const Observer *observer, const Split *split, int i, int *category)
{
	Spread		sum = {0};
	int			number = -1;

	*category = split->kind == SPLIT_CATEGORY ? (int) split->value : 0;
	if (split->kind == SPLIT_NUMBER)
	{
		for (int j = 0; j < observer->n_bins; j++)
			if ((observer->bins[j].high <= split->value) == (i == 0))
				sum = spread_sum(sum, observer->bins[j].targets);
		return sum;
	}
	if (split->kind == SPLIT_CATEGORY)
		return i == 0 ? observer->bins[(int) split->value].targets : targets_but(observer, (int) split->value);
	for (int left = i; left >= 0;)
		left -= observer->bins[++number].targets.n > 0;
	*category = number;
	return observer->bins[number].targets;
}

/* ---- the linear model of a leaf ---- */

void
leaf_model_create(Learner *learner, const TreeSettings *settings, TreeNode *leaf, const TreeNode *from)
{
	if (!settings->is_regression || settings->leaf_prediction == LEAF_MEAN)
		return;
	leaf->model = learner_room(learner, sizeof(LinearInputs));
	linear_inputs_start(learner, leaf->model, 1, settings->model_is_scaled);
	if (from == NULL || from->model == NULL)
		return;
	linear_inputs_copy(learner, leaf->model, from->model);
	leaf->mean_error = from->mean_error;
	leaf->model_error = from->model_error;
}

void
leaf_model_free(Learner *learner, TreeNode *leaf)
{
	if (leaf->model == NULL)
		return;
	linear_inputs_free(learner, leaf->model);
	learner_release(learner, leaf->model, sizeof(LinearInputs));
	leaf->model = NULL;
}

static double
model_number(const Learner *learner, const TreeNode *leaf, const double *row)
{
	double		output;

	linear_outputs(learner, leaf->model, row, &output);
	return isfinite(output) && fabs(output) <= LEARNER_LARGEST ? output : leaf->targets.mean;
}

/* A step of stochastic gradient descent; never so long that it goes beyond the row's target. */
static void
model_learn(Learner *learner, const TreeSettings *settings, TreeNode *leaf, const double *row, double target, double weight)
{
	LinearInputs *model = leaf->model;
	double		rate = settings->model_rate;
	double		length = 1;
	double		gradient;

	linear_inputs_prepare(learner, model, row, 1);
	gradient = 2 * (model_number(learner, leaf, row) - target) * weight;
	for (int i = 0; i < model->n_features; i++)
	{
		Coefficient *coefficient;
		double		value = linear_input(learner, model, row, i, &coefficient);

		length += coefficient == NULL ? 0 : value * value;
	}
	rate = fmin(rate, 0.5 / (weight * length));
	model->intercepts->value -= rate * gradient;
	for (int i = 0; i < model->n_features; i++)
	{
		Coefficient *coefficient;
		double		value = linear_input(learner, model, row, i, &coefficient);

		if (coefficient != NULL)
			coefficient->value -= rate * gradient * value;
	}
}

/* ---- saying and learning ---- */

double
leaf_number(const Learner *learner, const TreeSettings *settings, const TreeNode *leaf, const double *row)
{
	if (leaf->model == NULL || (settings->leaf_prediction == LEAF_ADAPTIVE && leaf->mean_error < leaf->model_error))
		return leaf->targets.mean;
	return model_number(learner, leaf, row);
}

static void
add_error(double *sum, double decay, double error)
{
	*sum = fmin(LARGEST_SQUARE, decay * *sum + error * error);
}

void
leaf_learn_number(Learner *learner, Tree *tree, TreeNode *leaf, const double *row, double target, double weight)
{
	const TreeSettings *settings = tree->settings;

	if (leaf->model != NULL)
	{
		add_error(&leaf->mean_error, settings->selector_decay, target - leaf->targets.mean);
		add_error(&leaf->model_error, settings->selector_decay, target - model_number(learner, leaf, row));
		model_learn(learner, settings, leaf, row, target, weight);
	}
	split_count(learner, leaf, target, weight);
	(void) node_make_room(learner, tree, leaf, row, 0);
	for (int i = 0; i < leaf->n_observers; i++)
	{
		int			feature = leaf->observed == NULL ? i : leaf->observed[i];

		if (!isnan(row[feature]))
			target_observer_add(learner, settings, &leaf->observers[i], learner->is_categorical[feature], row[feature], target,
								weight);
	}
}
