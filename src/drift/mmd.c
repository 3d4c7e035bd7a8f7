/*
 * mmd.c
 *		Maximum mean discrepancy and energy distance of vectors, with permutation tests.
 *
 * Both are sums over pairs of vectors of a function of their distance.  The matrix of the pooled sample is computed once; a
 * permutation deals the rows out anew, and only the sum within the first sample has to be added up again: the others follow from it
 *and from the sums of rows.  Several permutations share one pass over the matrix.
 */
#include <math.h>
#include <string.h>

#include "base/distributions.h"
#include "drift/drift_vectors.h"

typedef struct Pooled
{
	Allocator	allocator;
	int64_t		n;				/* of the baseline, which stands first */
	int64_t		total;
	double	   *matrix;			/* total x total */
	double	   *row_sums;
	double		sum;
} Pooled;

/* Squared distances. */
static Pooled
pool(const DriftPair *pair)
{
	Pooled		pooled = {.allocator = pair->allocator, .n = drift_rows_used(pair, BASELINE)};
	int			d = pair->vectors->dimension;
	size_t		total;

	pooled.total = pooled.n + drift_rows_used(pair, CURRENT);
	total = (size_t) pooled.total;
	pooled.matrix = pooled.allocator.resize(pooled.allocator.context, NULL, 0, total * total * sizeof(double));
	pooled.row_sums = pooled.allocator.resize(pooled.allocator.context, NULL, 0, total * sizeof(double));
	for (int64_t i = 0; i < pooled.total; i++)
	{
		const double *a = i < pooled.n ? drift_row_used(pair, BASELINE, i) : drift_row_used(pair, CURRENT, i - pooled.n);

		pooled.matrix[i * pooled.total + i] = 0;
		for (int64_t j = 0; j < i; j++)
		{
			const double *b = j < pooled.n ? drift_row_used(pair, BASELINE, j) : drift_row_used(pair, CURRENT, j - pooled.n);
			double		square = 0;

			for (int k = 0; k < d; k++)
				square += (a[k] - b[k]) * (a[k] - b[k]);
			pooled.matrix[i * pooled.total + j] = pooled.matrix[j * pooled.total + i] = square;
		}
	}
	return pooled;
}

static void
release_pooled(Pooled *pooled)
{
	size_t		total = (size_t) pooled->total;

	pooled->allocator.resize(pooled->allocator.context, pooled->matrix, total * total * sizeof(double), 0);
	pooled->allocator.resize(pooled->allocator.context, pooled->row_sums, total * sizeof(double), 0);
}

/* The median of the distances between different vectors, squared. */
static double
median_square(const Pooled *pooled)
{
	size_t		n = (size_t) (pooled->total * (pooled->total - 1) / 2);
	double	   *squares = pooled->allocator.resize(pooled->allocator.context, NULL, 0, (n + 1) * sizeof(double));
	size_t		k = 0;
	double		median;

	for (int64_t i = 0; i < pooled->total; i++)
		for (int64_t j = 0; j < i; j++)
			squares[k++] = pooled->matrix[i * pooled->total + j];
	sort_doubles(pooled->allocator, squares, n);
	median = (sqrt(squares[(n - 1) / 2]) + sqrt(squares[n / 2])) / 2;
	pooled->allocator.resize(pooled->allocator.context, squares, (n + 1) * sizeof(double), 0);
	return median * median;
}

/* The diagonal stays out of the sums. */
static void
sum_rows(Pooled *pooled)
{
	pooled->sum = 0;
	for (int64_t i = 0; i < pooled->total; i++)
	{
		double		sum = 0;

		for (int64_t j = 0; j < pooled->total; j++)
			sum += j == i ? 0 : pooled->matrix[i * pooled->total + j];
		pooled->row_sums[i] = sum;
		pooled->sum += sum;
	}
}

#define BATCH 16 /* permutations per pass */

/* The statistic from the sum within the first sample and the sum of the rows of its vectors. */
typedef double (*Statistic)(const Pooled *pooled, double within_first, double rows);

/* The unbiased estimate of the squared MMD; the matrix holds the kernel. */
static double
mmd_statistic(const Pooled *pooled, double within_first, double rows)
{
	double		n = (double) pooled->n;
	double		m = (double) (pooled->total - pooled->n);
	double		between = rows - within_first;
	double		within_second = pooled->sum - within_first - 2 * between;

	return within_first / (n * (n - 1)) + within_second / (m * (m - 1)) - 2 * between / (n * m);
}

/* The squared energy distance; the matrix holds distances. */
static double
energy_statistic(const Pooled *pooled, double within_first, double rows)
{
	double		n = (double) pooled->n;
	double		m = (double) (pooled->total - pooled->n);
	double		between = rows - within_first;
	double		within_second = pooled->sum - within_first - 2 * between;

	return 2 * between / (n * m) - within_first / (n * n) - within_second / (m * m);
}

/* members: for each vector, in how far (0 or 1) it is in the first sample of each permutation of the batch. */
static void
statistics_of(const Pooled *pooled, Statistic statistic, const double *members, double *results)
{
	double		within[BATCH] = {0};
	double		rows[BATCH] = {0};

	for (int64_t i = 0; i < pooled->total; i++)
	{
		const double *row = pooled->matrix + i * pooled->total;
		const double *own = members + i * BATCH;
		double		sums[BATCH] = {0};

		for (int64_t j = 0; j < i; j++)
			for (int k = 0; k < BATCH; k++)
				sums[k] += row[j] * members[j * BATCH + k];
		for (int k = 0; k < BATCH; k++)
		{
			within[k] += own[k] * sums[k];
			rows[k] += own[k] * pooled->row_sums[i];
		}
	}
	for (int k = 0; k < BATCH; k++)
		results[k] = statistic(pooled, 2 * within[k], rows[k]);
}

static double
permutation_test(const Pooled *pooled, Statistic statistic, int n_permutations, uint64_t seed, double *value)
{
	Allocator	allocator = pooled->allocator;
	size_t		order_size = (size_t) pooled->total * sizeof(int32_t);
	size_t		members_size = (size_t) pooled->total * BATCH * sizeof(double);
	int32_t	   *order = allocator.resize(allocator.context, NULL, 0, order_size);
	double	   *members = allocator.resize(allocator.context, NULL, 0, members_size);
	double		results[BATCH] = {0};
	double		tolerance = 0;
	int			as_extreme = 0;

	for (int64_t i = 0; i < pooled->total; i++)
		order[i] = (int32_t) i;
	/* the first of all is the sample as it came */
	for (int done = 0; done < n_permutations + 1; done += BATCH)
	{
		drift_pause();
		memset(members, 0, members_size);
		for (int k = 0; k < BATCH && done + k < n_permutations + 1; k++)
			for (int64_t i = 0; i < pooled->n; i++)
			{
				if (done + k > 0)
				{
					/* only the first n need to be drawn */
					int64_t		j = i + (int64_t) (drift_random(&seed) % (uint64_t) (pooled->total - i));
					int32_t		swap = order[i];

					order[i] = order[j];
					order[j] = swap;
				}
				members[(int64_t) order[i] * BATCH + k] = 1;
			}
		statistics_of(pooled, statistic, members, results);
		if (done == 0)
		{
			*value = results[0];
			tolerance = 1e-12 * fabs(*value); /* another order of the same sums */
		}
		for (int k = done == 0; k < BATCH && done + k < n_permutations + 1; k++)
			as_extreme += results[k] >= *value - tolerance;
	}
	allocator.resize(allocator.context, order, order_size, 0);
	allocator.resize(allocator.context, members, members_size, 0);
	return (double) (as_extreme + 1) / (double) (n_permutations + 1);
}

static bool
enough_rows(const DriftPair *pair, DriftScore *score)
{
	if (pair->vectors->n[BASELINE] >= 2 && pair->vectors->n[CURRENT] >= 2)
		return true;
	drift_undefined(score, "a sample has only one vector");
	return false;
}

/* Of summaries: the distance of the embeddings, less what chance gives. */
static void
mmd_of_embeddings(const DriftVectors *vectors, DriftScore *score)
{
	if (!vectors->has_distance)
	{
		drift_undefined(score, "the summaries have no embedding");
		return;
	}
	score->has_value = true;
	score->value = vectors->distance_squared - vectors->distance_expected;
	score->has_p_value = true;
	score->test = "mmd of embeddings, upper bound";

	/*
	 * Under the null hypothesis the distance is a sum of squares of normal variables; with its mean known, no such sum has a
	 * heavier tail than a single square (Szekely and Bakirov 2003, for p below 0.215).
	 */
	if (vectors->distance_expected > 0)
		score->p_value = chi_square_upper(vectors->distance_squared / vectors->distance_expected, 1);
	else
		score->p_value = vectors->distance_squared > 0 ? 0 : 1;
}

void
drift_score_mmd(DriftPair *pair, DriftScore *score)
{
	Pooled		pooled;
	double		bandwidth;

	if (!enough_rows(pair, score))
		return;
	if (pair->vectors->rows[BASELINE] == NULL)
	{
		mmd_of_embeddings(pair->vectors, score);
		return;
	}
	pooled = pool(pair);
	bandwidth = median_square(&pooled);
	if (bandwidth > 0 && isfinite(bandwidth))
	{
		for (int64_t i = 0; i < pooled.total * pooled.total; i++)
			pooled.matrix[i] = exp(-pooled.matrix[i] / (2 * bandwidth));
		sum_rows(&pooled);
		score->has_value = true;
		score->has_p_value = true;
		score->test = "mmd, permutations";
		score->has_error_bound = drift_rows_used(pair, BASELINE) == pair->vectors->n[BASELINE] &&
			drift_rows_used(pair, CURRENT) == pair->vectors->n[CURRENT];
		score->p_value = permutation_test(&pooled, mmd_statistic, pair->options.n_permutations, pair->options.seed, &score->value);
	}
	else
		drift_undefined(score, "the median distance between vectors is zero or infinite");
	release_pooled(&pooled);
}

void
drift_score_energy(DriftPair *pair, DriftScore *score)
{
	Pooled		pooled;
	double		square = 0;
	double		spread = 0;

	if (!enough_rows(pair, score))
		return;
	if (pair->vectors->rows[BASELINE] == NULL)
	{
		drift_undefined(score, "summaries of vectors do not keep distances");
		return;
	}
	pooled = pool(pair);
	for (int64_t i = 0; i < pooled.total * pooled.total; i++)
		pooled.matrix[i] = sqrt(pooled.matrix[i]);
	sum_rows(&pooled);
	score->has_p_value = true;
	score->test = "energy, permutations";
	score->has_error_bound = drift_rows_used(pair, BASELINE) == pair->vectors->n[BASELINE] &&
		drift_rows_used(pair, CURRENT) == pair->vectors->n[CURRENT];
	score->p_value = permutation_test(&pooled, energy_statistic, pair->options.n_permutations, pair->options.seed, &square);
	score->has_value = isfinite(square);
	score->value = sqrt(fmax(0, square));
	for (int i = 0; i < pair->vectors->dimension; i++)
		spread += pair->vectors->variance[BASELINE][i];
	score->threshold *= sqrt(sqrt(spread));
	score->warning_threshold *= sqrt(sqrt(spread));
	if (!score->has_value)
		drift_undefined(score, "the distance is too large for a number");
	release_pooled(&pooled);
}
