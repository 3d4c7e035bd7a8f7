/*
 * epps_singleton.c
 *		The test of Epps and Singleton (1986): do the samples have the same characteristic function, at two points.
 */
#include "drift/drift.h"

#include <math.h>
#include <string.h>

#include "base/distributions.h"
#include "drift/matrix.h"

#define N_PARTS 4 /* cosine and sine at 0.4 and at 0.8 half interquartile ranges */
#define FIRST_POINT 0.4
#define SMALL_SAMPLE 25

static double
middle_of(const DriftBin *bin)
{
	return bin->lower == bin->upper ? bin->lower : bin->lower / 2 + bin->upper / 2;
}

/* Of both samples together, the value of a rank from 0. */
static double
pooled_value(const DriftPair *pair, int64_t rank)
{
	int64_t		below = 0;

	for (size_t i = 0; i < pair->n_bins; i++)
	{
		below += pair->bins[i].n[BASELINE] + pair->bins[i].n[CURRENT];
		if (below > rank)
			return middle_of(&pair->bins[i]);
	}
	return middle_of(&pair->bins[pair->n_bins - 1]);
}

/* Linear between order statistics, as numpy.percentile. */
static double
pooled_quantile(const DriftPair *pair, double p)
{
	int64_t		n = pair->n_values[BASELINE] + pair->n_values[CURRENT];
	double		position = p * (double) (n - 1);
	int64_t		rank = (int64_t) floor(position);
	double		low = pooled_value(pair, rank);

	return low + (position - (double) rank) * (pooled_value(pair, rank + 1 < n ? rank + 1 : rank) - low);
}

typedef struct Parts
{
	double		mean[N_PARTS];
	double		products[N_PARTS * N_PARTS];
} Parts;

static void
parts_at(double x, double parts[N_PARTS])
{
	double		sine = sin(FIRST_POINT * x);
	double		cosine = cos(FIRST_POINT * x);

	/* in scipy's order: both cosines, both sines; the second point is twice the first */
	parts[0] = cosine;
	parts[1] = 1 - 2 * sine * sine;
	parts[2] = sine;
	parts[3] = 2 * sine * cosine;
}

static void
gather(const DriftPair *pair, double scale, Parts sides[2])
{
	double		per_row[2] = {1 / (double) pair->n_values[BASELINE], 1 / (double) pair->n_values[CURRENT]};
	double		per_scale = 1 / scale;

	memset(sides, 0, sizeof(Parts) * 2);
	for (size_t i = 0; i < pair->n_bins; i++)
	{
		const DriftBin *bin = &pair->bins[i];
		double		parts[N_PARTS];

		parts_at(middle_of(bin) * per_scale, parts);
		for (int side = 0; side < 2; side++)
		{
			double		weight = (double) bin->n[side] * per_row[side];
			Parts	   *sums = &sides[side];

			if (bin->n[side] == 0)
				continue;
			for (int a = 0; a < N_PARTS; a++)
			{
				double		weighted = weight * parts[a];

				sums->mean[a] += weighted;
				for (int b = 0; b <= a; b++)
					sums->products[a * N_PARTS + b] += weighted * parts[b];
			}
		}
	}
}

void
drift_score_epps_singleton(DriftPair *pair, DriftScore *score)
{
	double		n = (double) pair->n_values[BASELINE];
	double		m = (double) pair->n_values[CURRENT];
	double		total = n + m;
	Parts		sides[2];
	double		covariance[N_PARTS * N_PARTS];
	double		values[N_PARTS];
	double		vectors[N_PARTS * N_PARTS];
	double		scale;
	double		statistic = 0;
	int			rank = 0;

	if (drift_has_infinities(pair))
	{
		drift_undefined(score, "a sample holds infinite values");
		return;
	}
	if (n < 5 || m < 5)
	{
		drift_undefined(score, "a sample has fewer than five values");
		return;
	}
	scale = (pooled_quantile(pair, 0.75) - pooled_quantile(pair, 0.25)) / 2;
	if (!(scale > 0) || !isfinite(scale))
	{
		drift_undefined(score, "the interquartile range is zero or infinite");
		return;
	}
	gather(pair, scale, sides);
	for (int a = 0; a < N_PARTS; a++)
		for (int b = 0; b <= a; b++)
		{
			int			place = a * N_PARTS + b;

			covariance[place] = total / n * (sides[BASELINE].products[place] - sides[BASELINE].mean[a] * sides[BASELINE].mean[b]) +
				total / m * (sides[CURRENT].products[place] - sides[CURRENT].mean[a] * sides[CURRENT].mean[b]);
			covariance[b * N_PARTS + a] = covariance[place];
		}
	matrix_eigen(N_PARTS, covariance, values, vectors);
	for (int k = 0; k < N_PARTS; k++)
	{
		double		projection = 0;

		if (!(values[k] > 1e-13 * values[0]))
			continue;			/* the pseudo-inverse leaves it out */
		for (int a = 0; a < N_PARTS; a++)
			projection += vectors[k * N_PARTS + a] * (sides[BASELINE].mean[a] - sides[CURRENT].mean[a]);
		statistic += total * projection * projection / values[k];
		rank++;
	}
	if (rank == 0)
	{
		drift_undefined(score, "the samples do not vary");
		return;
	}
	if (fmax(n, m) < SMALL_SAMPLE)
		statistic /= 1 + pow(total, -0.45) + 10.1 * (pow(n, -1.7) + pow(m, -1.7));
	score->has_value = true;
	score->value = statistic;
	score->has_error_bound = !pair->is_binned;
	score->threshold *= n / total * m;
	score->warning_threshold *= n / total * m;
	score->has_p_value = true;
	score->test = "epps_singleton";
	score->degrees_of_freedom = rank;
	score->p_value = chi_square_upper(statistic, rank);
}
