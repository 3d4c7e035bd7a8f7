/*
 * tree_observer.c
 *		What a leaf sees of a feature, and how well splitting by it would tell the classes apart.
 */
#include "learn/tree_node.h"

/* Candidates between the lowest and the highest number. */
#define N_CANDIDATES 10

#define HALF_LOG_TWO_PI 0.91893853320467274178

void
observer_free(Learner *learner, Observer *observer)
{
	size_t		n_classes = (size_t) observer->n_classes;

	learner_release(learner, observer->numbers, n_classes * sizeof(NumberEvidence));
	learner_release(learner, observer->counts, n_classes * (size_t) observer->n_categories * sizeof(double));
	learner_release(learner, observer->totals, n_classes * sizeof(double));
	learner_release(learner, observer->bins, (size_t) observer->bin_capacity * sizeof(Bin));
	*observer = (Observer){0};
}

/* ---- seeing ---- */

size_t
observer_growth(const Observer *observer, bool is_categorical, double value, int class)
{
	size_t		n_classes = (size_t) (class >= observer->n_classes ? class + 1 : observer->n_classes);
	size_t		n_categories = (size_t) observer->n_categories;

	if (!is_categorical)
		return (n_classes - (size_t) observer->n_classes) * sizeof(NumberEvidence);
	if (class < observer->n_classes && value < observer->n_categories)
		return 0;
	if (value >= observer->n_categories)
		n_categories = (size_t) value + 1;
	/* The counts of before are there until they are copied. */
	return (n_classes * n_categories + n_classes - (size_t) observer->n_classes) * sizeof(double);
}

static void
add_number(Learner *learner, Observer *observer, double value, int class, double weight)
{
	NumberEvidence *numbers;
	double		deviation;
	double		variance;

	if (class >= observer->n_classes)
	{
		observer->numbers =
			learner_grow(learner->allocator, observer->numbers, (size_t) observer->n_classes * sizeof(NumberEvidence),
						 (size_t) (class + 1) * sizeof(NumberEvidence));
		for (int i = observer->n_classes; i <= class; i++)
			observer->numbers[i].constant = -INFINITY;
		observer->n_classes = class + 1;
	}
	numbers = &observer->numbers[class];
	if (numbers->n == 0)
		numbers->low = numbers->high = value;
	else if (value < numbers->low)
		numbers->low = value;
	else if (value > numbers->high)
		numbers->high = value;
	numbers->n += weight;
	deviation = value - numbers->mean;
	numbers->mean += weight / numbers->n * deviation;
	numbers->squares += weight * deviation * (value - numbers->mean);
	variance = numbers->n > 1 ? numbers->squares / (numbers->n - 1) : 0;
	if (variance > 0)
	{
		numbers->factor = 0.5 / variance;
		numbers->constant = -HALF_LOG_TWO_PI - 0.5 * log(variance);
	}
}

static void
add_category(Learner *learner, Observer *observer, int category, int class, double weight)
{
	if (class >= observer->n_classes || category >= observer->n_categories)
	{
		int			n_classes = class >= observer->n_classes ? class + 1 : observer->n_classes;
		int			n_categories = category >= observer->n_categories ? category + 1 : observer->n_categories;
		double	   *counts = learner_room(learner, (size_t) n_classes * (size_t) n_categories * sizeof(double));

		for (int i = 0; i < observer->n_categories; i++)
			memcpy(counts + (ptrdiff_t) i * n_classes, observer->counts + (ptrdiff_t) i * observer->n_classes,
				   (size_t) observer->n_classes * sizeof(double));
		learner_release(learner, observer->counts, (size_t) observer->n_classes * (size_t) observer->n_categories * sizeof(double));
		observer->counts = counts;
		observer->totals = learner_grow(learner->allocator, observer->totals, (size_t) observer->n_classes * sizeof(double),
										(size_t) n_classes * sizeof(double));
		observer->n_classes = n_classes;
		observer->n_categories = n_categories;
	}
	observer->counts[(ptrdiff_t) category * observer->n_classes + class] += weight;
	observer->totals[class] += weight;
}

void
observer_add(Learner *learner, Observer *observer, bool is_categorical, double value, int class, double weight)
{
	if (is_categorical)
		add_category(learner, observer, (int) value, class, weight);
	else
		add_number(learner, observer, value, class, weight);
}

/* ---- how mixed classes are ---- */

double
criterion_of(SplitCriterion criterion, const double *stats, int n_classes)
{
	double		sum = 0;
	double		result = 0;

	for (int i = 0; i < n_classes; i++)
		if (stats[i] > 0)
			sum += stats[i];
	if (!(sum > 0))
		return 0;
	if (criterion == CRITERION_GINI)
	{
		for (int i = 0; i < n_classes; i++)
			if (stats[i] > 0)
				result += stats[i] / sum * (stats[i] / sum);
		return 1 - result;
	}
	for (int i = 0; i < n_classes; i++)
		if (stats[i] > 0)
			result -= stats[i] * log2(stats[i]);
	return (result + sum * log2(sum)) / sum;
}

double
criterion_range(SplitCriterion criterion, const double *stats, int n_classes)
{
	int			n = 0;

	if (criterion == CRITERION_GINI)
		return 1;
	for (int i = 0; i < n_classes; i++)
		n += stats[i] > 0;
	return log2(n > 2 ? n : 2);
}

/* ---- what a split makes of the classes ---- */

static double
normal_below(double z)
{
	return 0.5 * erfc(-z * 0.70710678118654752440);
}

/* Of the numbers of a class, the weight estimated to be at most a threshold. */
static double
weight_below(const NumberEvidence *numbers, double threshold)
{
	double		variance = numbers->n > 1 ? numbers->squares / (numbers->n - 1) : 0;

	if (numbers->n == 0 || threshold < numbers->low)
		return 0;
	if (threshold >= numbers->high)
		return numbers->n;
	return variance > 0 ? normal_below((threshold - numbers->mean) / sqrt(variance)) * numbers->n : 0;
}

int
split_n_children(const Observer *observer, const Split *split)
{
	int			n = 0;

	if (split->kind != SPLIT_CATEGORIES)
		return 2;
	for (int i = 0; i < observer->n_bins; i++)
		n += observer->bins[i].targets.n > 0;
	for (int i = 0; i < observer->n_categories; i++)
		for (int class = 0; class < observer->n_classes; class ++)
			if (observer->counts[(ptrdiff_t) i * observer->n_classes + class] > 0)
			{
				n++;
				break;
			}
	return n;
}

static bool
category_is_seen(const Observer *observer, int category)
{
	for (int class = 0; class < observer->n_classes; class ++)
		if (observer->counts[(ptrdiff_t) category * observer->n_classes + class] > 0)
			return true;
	return false;
}

void
split_child(const Observer *observer, const Split *split, int i, double *stats, int n_classes, int *category)
{
	int			n = observer->n_classes < n_classes ? observer->n_classes : n_classes;
	int			number = split->kind == SPLIT_CATEGORY ? (int) split->value : 0;

	memset(stats, 0, (size_t) n_classes * sizeof(double));
	if (split->kind == SPLIT_CATEGORIES)
		for (int left = i;; number++)
			if (category_is_seen(observer, number) && left-- == 0)
				break;
	*category = number;
	for (int class = 0; class < n; class ++)
	{
		if (split->kind == SPLIT_NUMBER)
		{
			double		below = weight_below(&observer->numbers[class], split->value);

			stats[class] = i == 0 ? below : observer->numbers[class].n - below;
			continue;
		}
		stats[class] = observer->counts[(ptrdiff_t) number * observer->n_classes + class];
		if (split->kind == SPLIT_CATEGORY && i == 1)
			stats[class] = observer->totals[class] - stats[class];
	}
}

/* How much less mixed the classes are. */
static double
observer_merit(const TreeSettings *settings, const Observer *observer, const Split *split, const double *stats, int n_classes)
{
	double		child[LEARNER_MAX_CLASSES];
	int			n_children = split_n_children(observer, split);
	double		total = 0;
	double		mixed = 0;
	int			n_large = 0;
	int			category;

	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < n_children; i++)
		{
			double		weight = 0;

			split_child(observer, split, i, child, n_classes, &category);
			for (int class = 0; class < n_classes; class ++)
				weight += child[class];
			if (pass == 0)
				total += weight;
			else
			{
				n_large += weight / total > settings->min_branch_share;
				mixed += weight * criterion_of(settings->criterion, child, n_classes);
			}
		}
	if (n_large < 2)
		return -INFINITY;
	return criterion_of(settings->criterion, stats, n_classes) - mixed / total;
}

static void
consider(const TreeSettings *settings, const Observer *observer, Split candidate, const double *stats, int n_classes, Split *best)
{
	candidate.merit = observer_merit(settings, observer, &candidate, stats, n_classes);
	if (candidate.merit > best->merit)
		*best = candidate;
}

Split
observer_best_split(const TreeSettings *settings, const Observer *observer, bool is_categorical, int feature, const double *stats,
					int n_classes)
{
	Split		best = {.merit = -INFINITY, .feature = feature};
	double		low = INFINITY;
	double		high = -INFINITY;

	if (is_categorical)
	{
		if (!settings->is_binary)
			consider(settings, observer, (Split){.kind = SPLIT_CATEGORIES, .feature = feature}, stats, n_classes, &best);
		for (int i = 0; i < observer->n_categories; i++)
			if (category_is_seen(observer, i))
				consider(settings, observer, (Split){.kind = SPLIT_CATEGORY, .feature = feature, .value = i}, stats, n_classes,
						 &best);
		return best;
	}
	for (int i = 0; i < observer->n_classes; i++)
		if (observer->numbers[i].n > 0)
		{
			low = fmin(low, observer->numbers[i].low);
			high = fmax(high, observer->numbers[i].high);
		}
	for (int i = 1; low < high && i <= N_CANDIDATES; i++)
	{
		double		value = low + (high - low) / (N_CANDIDATES + 1.0) * i;

		if (low < value && value < high)
			consider(settings, observer, (Split){.kind = SPLIT_NUMBER, .feature = feature, .value = value}, stats, n_classes,
					 &best);
	}
	return best;
}
