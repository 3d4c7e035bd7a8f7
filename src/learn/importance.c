/*
 * importance.c
 *		What matters to a model, told from rows: permutation importance and partial dependence.
 */
#include "learn/importance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learn/archive.h"
#include "learn/random.h"

KeptRows *
kept_rows_create(Allocator allocator, const Learner *learner)
{
	KeptRows   *kept = allocator.resize(allocator.context, NULL, 0, sizeof(KeptRows));
	int			n = learner_n_inputs(learner);

	*kept = (KeptRows){.allocator = allocator, .learner = learner, .n_features = n};
	kept->scratch = allocator.resize(allocator.context, NULL, 0, (size_t) (n + 1) * sizeof(double));
	return kept;
}

static void
grow(KeptRows *kept)
{
	size_t		capacity = kept->capacity == 0 ? 256 : 2 * kept->capacity;
	size_t		width = (size_t) kept->n_features * sizeof(double);

	kept->rows = kept->allocator.resize(kept->allocator.context, kept->rows, kept->capacity * width, capacity * width);
	kept->targets =
		kept->allocator.resize(kept->allocator.context, kept->targets, kept->capacity * sizeof(double), capacity * sizeof(double));
	kept->capacity = capacity;
}

void
kept_rows_add(KeptRows *kept, const double *row, double target)
{
	if (kept->n == kept->capacity)
		grow(kept);
	memcpy(kept->rows + kept->n * (size_t) kept->n_features, row, (size_t) kept->n_features * sizeof(double));
	kept->targets[kept->n++] = target;
}

size_t
kept_rows_memory(const KeptRows *kept)
{
	return kept->capacity * (size_t) (kept->n_features + 1) * sizeof(double);
}

/* Row i, as the model is asked about it. */
static const double *
row_with(KeptRows *kept, size_t i, int feature, double value)
{
	memcpy(kept->scratch, kept->rows + i * (size_t) kept->n_features, (size_t) kept->n_features * sizeof(double));
	kept->scratch[feature] = value;
	return kept->scratch;
}

/* The model may be slow, and the rows many. */
static void
interrupt(const KeptRows *kept, size_t i)
{
	if (kept->interrupt != NULL && i % 128 == 0)
		kept->interrupt();
}

static double
value_at(const KeptRows *kept, size_t i, int feature)
{
	return kept->rows[i * (size_t) kept->n_features + (size_t) feature];
}

static bool
is_regression(const KeptRows *kept)
{
	return learner_task(learner_kind(kept->learner)) == LEARNER_REGRESSION;
}

double
kept_rows_score(KeptRows *kept, int feature, const size_t *permutation)
{
	double		probabilities[LEARNER_MAX_CLASSES];
	double		hits = 0;
	double		errors = 0;
	double		mean = 0;
	double		spread = 0;

	for (size_t i = 0; i < kept->n; i++)
	{
		const double *row = row_with(kept, i, feature, value_at(kept, permutation == NULL ? i : permutation[i], feature));
		double		off = kept->targets[i] - mean;

		interrupt(kept, i);
		if (is_regression(kept))
		{
			double		error = learner_number(kept->learner, row) - kept->targets[i];

			errors += error * error;
			mean += off / (double) (i + 1);
			spread += off * (kept->targets[i] - mean);
			continue;
		}
		learner_probabilities(kept->learner, row, probabilities);
		hits += learner_most_probable(kept->learner, probabilities) == kept->targets[i];
	}
	if (is_regression(kept))
		return spread > 0 ? 1 - errors / spread : NAN;
	return kept->n > 0 ? hits / (double) kept->n : NAN;
}

void
permutation_draw(size_t *permutation, size_t n, uint64_t seed, uint64_t number)
{
	Random		random;

	random_seed(&random, seed * UINT64_C(0x9e3779b97f4a7c15) + number);
	for (size_t i = 0; i < n; i++)
		permutation[i] = i;
	for (size_t i = n; i > 1; i--)
	{
		size_t		other = (size_t) (random_uniform(&random) * (double) i);
		size_t		kept = permutation[i - 1];

		permutation[i - 1] = permutation[other];
		permutation[other] = kept;
	}
}

double
kept_rows_mean_prediction(KeptRows *kept, int feature, double value, int class)
{
	double		probabilities[LEARNER_MAX_CLASSES];
	double		sum = 0;

	for (size_t i = 0; i < kept->n; i++)
	{
		const double *row = row_with(kept, i, feature, value);

		interrupt(kept, i);
		if (is_regression(kept))
			sum += learner_number(kept->learner, row);
		else
		{
			learner_probabilities(kept->learner, row, probabilities);
			sum += probabilities[class];
		}
	}
	return kept->n > 0 ? sum / (double) kept->n : NAN;
}

/* ---- grids ---- */

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
quantile_of(const double *sorted, size_t n, double p)
{
	double		place = (double) n * p + 0.4 + p * (1 - 0.4 - 0.4);
	double		low = floor(place < 1 ? 1 : place > (double) n - 1 ? (double) n - 1 : place);
	double		rest = place - low;

	if (n == 1)
		return sorted[0];
	rest = rest < 0 ? 0 : rest > 1 ? 1 : rest;
	return (1 - rest) * sorted[(size_t) low - 1] + rest * sorted[(size_t) low];
}

int
kept_rows_grid(const KeptRows *kept, int feature, int resolution, double *grid)
{
	Allocator	allocator = kept->allocator;
	double	   *sorted;
	size_t		n = 0;
	int			n_grid = 0;
	bool		is_fine = false;

	if (kept->n == 0)
		return 0;
	sorted = allocator.resize(allocator.context, NULL, 0, kept->n * sizeof(double));
	for (size_t i = 0; i < kept->n; i++)
		if (!isnan(value_at(kept, i, feature)))
			sorted[n++] = value_at(kept, i, feature);
	qsort(sorted, n, sizeof(double), compare_doubles);
	for (size_t i = 0; i < n && !is_fine; i++)
		if (i == 0 || sorted[i] != sorted[i - 1])
		{
			is_fine = n_grid >= resolution - 1;
			grid[n_grid++] = sorted[i];
		}
	if (is_fine)
	{
		double		low = quantile_of(sorted, n, 0.05);
		double		high = quantile_of(sorted, n, 0.95);

		n_grid = low < high ? resolution : 1;
		for (int i = 0; i < n_grid; i++)
			grid[i] = n_grid == 1 ? low : low + (high - low) / (double) (resolution - 1) * i;
	}
	allocator.resize(allocator.context, sorted, kept->n * sizeof(double), 0);
	return n_grid;
}
