/*
 * domain_classifier.c
 *		Can a classifier tell which sample a vector is from?  Gradient-boosted trees of two levels on binned elements, in five-fold
 *		cross-validation; the same result on every machine.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/distributions.h"
#include "drift/drift_vectors.h"

#define N_FOLDS 5
#define N_CODES 32 /* quantile bins of an element */
#define N_ROUNDS 60
#define LEARNING_RATE 0.2
#define LEAF_PENALTY 1.0
#define N_NODES 3 /* root and its children */
#define N_LEAVES 4

typedef struct Learner
{
	Allocator	allocator;
	int			d;
	int			n;
	uint8_t	   *codes;			/* n x d */
	bool	   *is_current;
	int		   *fold;
	double	   *score;			/* log odds so far */
	double	   *gradient;
	double	   *curvature;
	uint8_t	   *node;			/* of each row, in the tree that is being grown */
} Learner;

typedef struct Split
{
	int			element;		/* -1: none is worth it */
	uint8_t		code;			/* at or below goes left */
} Split;

static void *
allocate(Allocator allocator, size_t size)
{
	return allocator.resize(allocator.context, NULL, 0, size);
}

static double
element_of(const DriftPair *pair, int row, int element)
{
	int			n = (int) drift_rows_used(pair, BASELINE);

	return row < n ? drift_row_used(pair, BASELINE, row)[element] : drift_row_used(pair, CURRENT, row - n)[element];
}

static void
encode(const DriftPair *pair, Learner *learner)
{
	size_t		size = (size_t) learner->n * sizeof(double);
	double	   *sorted = allocate(learner->allocator, size);

	for (int element = 0; element < learner->d; element++)
	{
		double		edges[N_CODES - 1];

		for (int row = 0; row < learner->n; row++)
			sorted[row] = element_of(pair, row, element);
		sort_doubles(learner->allocator, sorted, (size_t) learner->n);
		for (int i = 1; i < N_CODES; i++)
			edges[i - 1] = sorted[(size_t) i * (size_t) learner->n / N_CODES];
		for (int row = 0; row < learner->n; row++)
		{
			double		value = element_of(pair, row, element);
			uint8_t		code = 0;

			while (code < N_CODES - 1 && edges[code] < value)
				code++;
			learner->codes[(size_t) row * (size_t) learner->d + (size_t) element] = code;
		}
	}
	learner->allocator.resize(learner->allocator.context, sorted, size, 0);
}

/* Deals rows out to folds at random, each sample by itself so that all folds have the same mixture. */
static void
deal_folds(Learner *learner, int n, uint64_t seed)
{
	int			begins[3] = {0, n, learner->n};

	for (int side = 0; side < 2; side++)
	{
		for (int row = begins[side]; row < begins[side + 1]; row++)
			learner->fold[row] = (row - begins[side]) % N_FOLDS;
		for (int row = begins[side + 1] - 1; row > begins[side]; row--)
		{
			int			other = begins[side] + (int) (drift_random(&seed) % (uint64_t) (row - begins[side] + 1));
			int			swap = learner->fold[row];

			learner->fold[row] = learner->fold[other];
			learner->fold[other] = swap;
		}
	}
}

/* The split of a node's training rows that lowers the loss most. */
static Split
best_split(const Learner *learner, int node, int fold)
{
	Split		best = {-1, 0};
	double		best_gain = 1e-9;

	for (int element = 0; element < learner->d; element++)
	{
		double		gradients[N_CODES] = {0};
		double		curvatures[N_CODES] = {0};
		double		gradient = 0;
		double		curvature = 0;
		double		left_gradient = 0;
		double		left_curvature = 0;

		for (int row = 0; row < learner->n; row++)
		{
			uint8_t		code = learner->codes[(size_t) row * (size_t) learner->d + (size_t) element];

			if (learner->node[row] != node || learner->fold[row] == fold)
				continue;
			gradients[code] += learner->gradient[row];
			curvatures[code] += learner->curvature[row];
		}
		for (int code = 0; code < N_CODES; code++)
		{
			gradient += gradients[code];
			curvature += curvatures[code];
		}
		for (int code = 0; code < N_CODES - 1; code++)
		{
			double		gain;

			left_gradient += gradients[code];
			left_curvature += curvatures[code];
			gain = left_gradient * left_gradient / (left_curvature + LEAF_PENALTY) +
				(gradient - left_gradient) * (gradient - left_gradient) / (curvature - left_curvature + LEAF_PENALTY) -
				gradient * gradient / (curvature + LEAF_PENALTY);
			if (gain > best_gain)
			{
				best_gain = gain;
				best.element = element;
				best.code = code;
			}
		}
	}
	return best;
}

/* One more tree; rows of the fold are scored, but not learnt from. */
static void
grow_tree(Learner *learner, int fold)
{
	double		gradients[N_LEAVES] = {0};
	double		curvatures[N_LEAVES] = {0};

	for (int row = 0; row < learner->n; row++)
	{
		double		p = 1 / (1 + exp(-learner->score[row]));

		learner->gradient[row] = (learner->is_current[row] ? 1 : 0) - p;
		learner->curvature[row] = p * (1 - p);
		learner->node[row] = 0;
	}
	/* nodes 0; 1 and 2; the leaves are 3 to 6 */
	for (int node = 0; node < N_NODES; node++)
	{
		Split		split = best_split(learner, node, fold);

		for (int row = 0; row < learner->n; row++)
			if (learner->node[row] == node)
				learner->node[row] = 2 * node + 1 +
					(split.element >= 0 &&
					 learner->codes[(size_t) row * (size_t) learner->d + (size_t) split.element] > split.code);
	}
	for (int row = 0; row < learner->n; row++)
		if (learner->fold[row] != fold)
		{
			gradients[learner->node[row] - N_NODES] += learner->gradient[row];
			curvatures[learner->node[row] - N_NODES] += learner->curvature[row];
		}
	for (int row = 0; row < learner->n; row++)
	{
		int			leaf = learner->node[row] - N_NODES;

		learner->score[row] += LEARNING_RATE * gradients[leaf] / (curvatures[leaf] + LEAF_PENALTY);
	}
}

typedef struct Scored
{
	double		score;
	bool		is_current;
} Scored;

static int
compare_scored(const void *a, const void *b)
{
	double		left = ((const Scored *) a)->score;
	double		right = ((const Scored *) b)->score;

	return (left > right) - (left < right);
}

/* Area under the ROC curve of the rows of a fold, ties half; and its variance where the scores say nothing. */
static double
area_of_fold(const Learner *learner, int fold, double *variance)
{
	size_t		size = (size_t) learner->n * sizeof(Scored);
	Scored	   *scored = allocate(learner->allocator, size);
	int			n = 0;
	double		counts[2] = {0, 0};
	double		wins = 0;
	double		below = 0;

	for (int row = 0; row < learner->n; row++)
		if (learner->fold[row] == fold)
			scored[n++] = (Scored){learner->score[row], learner->is_current[row]};
	if (n > 1)
		qsort(scored, (size_t) n, sizeof(Scored), compare_scored);
	for (int i = 0; i < n;)
	{
		double		group[2] = {0, 0};
		int			j = i;

		for (; j < n && scored[j].score == scored[i].score; j++)
			group[scored[j].is_current]++;
		wins += group[1] * (below + group[0] / 2);
		below += group[0];
		counts[0] += group[0];
		counts[1] += group[1];
		i = j;
	}
	learner->allocator.resize(learner->allocator.context, scored, size, 0);
	*variance = (counts[0] + counts[1] + 1) / (12 * counts[0] * counts[1]);
	return wins / (counts[0] * counts[1]);
}

void
drift_score_domain_classifier(DriftPair *pair, DriftScore *score)
{
	int			n = (int) drift_rows_used(pair, BASELINE);
	int			m = (int) drift_rows_used(pair, CURRENT);
	Learner		learner = {.allocator = pair->allocator, .d = pair->vectors->dimension, .n = n + m};
	size_t		rows = (size_t) (n + m);
	int			n_rounds = learner.d <= 256 ? N_ROUNDS : (int) fmax(10, N_ROUNDS * 256.0 / learner.d);
	double		area = 0;
	double		variance = 0;

	if (n < 2 * N_FOLDS || m < 2 * N_FOLDS)
	{
		drift_undefined(score, "a sample has fewer than ten vectors");
		return;
	}
	learner.codes = allocate(pair->allocator, rows * (size_t) learner.d);
	learner.is_current = allocate(pair->allocator, rows * sizeof(bool));
	learner.fold = allocate(pair->allocator, rows * sizeof(int));
	learner.score = allocate(pair->allocator, rows * sizeof(double));
	learner.gradient = allocate(pair->allocator, rows * sizeof(double));
	learner.curvature = allocate(pair->allocator, rows * sizeof(double));
	learner.node = allocate(pair->allocator, rows);
	for (int row = 0; row < learner.n; row++)
		learner.is_current[row] = row >= n;
	encode(pair, &learner);
	deal_folds(&learner, n, pair->options.seed);
	for (int fold = 0; fold < N_FOLDS; fold++)
	{
		double		fold_variance;

		for (int row = 0; row < learner.n; row++)
			learner.score[row] = log((double) m / (double) n);
		for (int round = 0; round < n_rounds; round++)
		{
			drift_pause();
			grow_tree(&learner, fold);
		}
		area += area_of_fold(&learner, fold, &fold_variance) / N_FOLDS;
		/* folds share most of what they learn from: Nadeau and Bengio's correction (2003), 1/k + n_test/n_train instead of 1/k */
		variance += fold_variance / N_FOLDS * (1.0 / N_FOLDS + 1.0 / (N_FOLDS - 1));
	}
	pair->allocator.resize(pair->allocator.context, learner.codes, rows * (size_t) learner.d, 0);
	pair->allocator.resize(pair->allocator.context, learner.is_current, rows * sizeof(bool), 0);
	pair->allocator.resize(pair->allocator.context, learner.fold, rows * sizeof(int), 0);
	pair->allocator.resize(pair->allocator.context, learner.score, rows * sizeof(double), 0);
	pair->allocator.resize(pair->allocator.context, learner.gradient, rows * sizeof(double), 0);
	pair->allocator.resize(pair->allocator.context, learner.curvature, rows * sizeof(double), 0);
	pair->allocator.resize(pair->allocator.context, learner.node, rows, 0);
	score->has_value = true;
	score->value = area;
	score->has_standard_error = true;
	score->standard_error = sqrt(variance);
	score->has_p_value = true;
	score->test = "mann_whitney of five folds, one-sided";
	score->p_value = normal_upper((area - 0.5) / sqrt(variance));
}
