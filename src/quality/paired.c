/*
 * paired.c
 *		Two models on the same rows.
 */
#include "quality/paired.h"

#include <math.h>
#include <stdlib.h>

#include "base/distributions.h"

/* Calls of tick happen after so many draws. */
#define TICK_DRAWS 1000000

/* ---- random numbers: SplitMix64 (Steele, Lea and Flood 2014) ---- */

static uint64_t
random_next(uint64_t *state)
{
	uint64_t	z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* In (0, 1). */
static double
random_unit(uint64_t *state)
{
	return ((random_next(state) >> 11) + 0.5) * 0x1p-53;
}

/* By the upper 64 bits of a product; the bias is below n / 2^64. */
static int64_t
random_index(uint64_t *state, int64_t n)
{
	return (int64_t) (((unsigned __int128) random_next(state) * (uint64_t) n) >> 64);
}

/* Inversion for small means; from 50 on the rounded normal, whose skewness is below 0.15. */
static double
random_poisson(uint64_t *state, double mean)
{
	double		u = random_unit(state);
	double		probability;
	double		k = 0;

	if (mean <= 0)
		return 0;
	if (mean >= 50)
		return fmax(0, floor(mean + sqrt(mean) * normal_quantile(u) + 0.5));
	probability = exp(-mean);
	while (u > probability && k < 1000)
	{
		u -= probability;
		k++;
		probability *= mean / k;
	}
	return k;
}

static PairedResult
nothing(int64_t n)
{
	return (PairedResult){.n = n, .champion = NAN, .challenger = NAN, .difference = NAN, .low = NAN, .high = NAN, .p_value = NAN};
}

/* Interval and p-value of a difference with this standard error. */
static void
judge_by_normal(PairedResult *result, double error, double confidence)
{
	double		z = normal_quantile(0.5 + confidence / 2);

	result->low = result->difference - z * error;
	result->high = result->difference + z * error;
	result->p_value = error > 0 ? normal_two_sided(result->difference / error) : result->difference == 0 ? 1 : 0;
}

/* ---- accuracy ---- */

double
mcnemar_p_value(int64_t only_a, int64_t only_b)
{
	double		n = (double) only_a + (double) only_b;
	double		k = only_a < only_b ? only_a : only_b;
	double		sum = 0;
	double		term;

	if (only_a == only_b)
		return 1;
	/* Twice P(X <= k), X binomial(n, 1/2), from its largest term down. */
	term = exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) - n * M_LN2);
	for (; k >= 0 && term > sum * 1e-17; k--)
	{
		sum += term;
		term *= k / (n - k + 1);
	}
	return fmin(1, 2 * sum);
}

PairedResult
paired_accuracy(const bool *champion_right, const bool *challenger_right, int64_t n, double confidence)
{
	PairedResult result = nothing(n);
	int64_t		both = 0;
	int64_t		only_champion = 0;
	int64_t		only_challenger = 0;

	if (n == 0)
		return result;
	for (int64_t i = 0; i < n; i++)
	{
		both += champion_right[i] && challenger_right[i];
		only_champion += champion_right[i] && !challenger_right[i];
		only_challenger += !champion_right[i] && challenger_right[i];
	}
	result.champion = (double) (both + only_champion) / n;
	result.challenger = (double) (both + only_challenger) / n;
	result.difference = (double) (only_challenger - only_champion) / n;
	judge_by_normal(&result,
					sqrt(fmax(0, (double) (only_champion + only_challenger) / n - result.difference * result.difference) / n),
					confidence);
	result.p_value = mcnemar_p_value(only_champion, only_challenger);
	result.method = "mcnemar";
	return result;
}

/* ---- area under the ROC curve ---- */

typedef struct RankedScore
{
	double		score;
	int64_t		row;
} RankedScore;

static int
compare_scores(const void *a, const void *b)
{
	double		x = ((const RankedScore *) a)->score;
	double		y = ((const RankedScore *) b)->score;

	return (x > y) - (x < y);
}

/*
 * For every row the share of rows of the other label that it wins against, ties half: DeLong's structural components. Returns the
 * area. scores and counts are room for n.
 */
static double
structural_components(const bool *label, const double *score, int64_t n, int64_t n_positive, RankedScore *scores, double *component)
{
	int64_t		n_negative = n - n_positive;
	int64_t		positives_below = 0;
	int64_t		negatives_below = 0;
	double		area = 0;

	for (int64_t i = 0; i < n; i++)
		scores[i] = (RankedScore){.score = score[i], .row = i};
	qsort(scores, n, sizeof(RankedScore), compare_scores);
	for (int64_t begin = 0, end; begin < n; begin = end)
	{
		int64_t		positives = 0;

		for (end = begin; end < n && scores[end].score == scores[begin].score; end++)
			positives += label[scores[end].row];
		for (int64_t i = begin; i < end; i++)
		{
			if (label[scores[i].row])
			{
				component[scores[i].row] = (negatives_below + 0.5 * (end - begin - positives)) / n_negative;
				area += component[scores[i].row];
			}
			else
				component[scores[i].row] = (n_positive - positives_below - 0.5 * positives) / n_positive;
		}
		positives_below += positives;
		negatives_below += end - begin - positives;
	}
	return area / n_positive;
}

PairedResult
paired_roc_auc(Allocator allocator, const bool *label, const double *champion, const double *challenger, int64_t n,
			   double confidence)
{
	PairedResult result = nothing(n);
	int64_t		n_positive = 0;
	size_t		room = n * sizeof(RankedScore) + 2 * n * sizeof(double);
	RankedScore *scores;
	double	   *components[2];
	double		squares[2] = {0, 0};
	double		mean[2];

	for (int64_t i = 0; i < n; i++)
		n_positive += label[i];
	if (n_positive == 0 || n_positive == n)
		return result;
	scores = allocator.resize(allocator.context, NULL, 0, room);
	components[0] = (double *) (scores + n);
	components[1] = components[0] + n;
	result.champion = structural_components(label, champion, n, n_positive, scores, components[0]);
	result.challenger = structural_components(label, challenger, n, n_positive, scores, components[1]);
	result.difference = result.challenger - result.champion;
	result.method = "delong";
	if (n_positive >= 2 && n - n_positive >= 2)
	{
		int64_t		size[2] = {n - n_positive, n_positive};

		/* Of each label, the mean of differences of components is that of the areas. */
		mean[0] = mean[1] = result.difference;
		for (int64_t i = 0; i < n; i++)
		{
			double		deviation = components[1][i] - components[0][i] - mean[label[i]];

			squares[label[i]] += deviation * deviation;
		}
		judge_by_normal(&result, sqrt(squares[0] / (size[0] - 1.0) / size[0] + squares[1] / (size[1] - 1.0) / size[1]), confidence);
	}
	allocator.resize(allocator.context, scores, room, 0);
	return result;
}

/* ---- means ---- */

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* The percentile interval of resampled differences (they are sorted), and twice the smaller share on one side of zero. */
static void
judge_by_resamples(PairedResult *result, double *differences, int n, double confidence)
{
	int64_t		at_most = 0;
	int64_t		at_least = 0;
	double		tail = (1 - confidence) / 2;

	qsort(differences, n, sizeof(double), compare_doubles);
	for (int i = 0; i < n; i++)
	{
		at_most += differences[i] <= 0;
		at_least += differences[i] >= 0;
	}
	result->low = differences[(int) floor(tail * (n - 1) + 0.5)];
	result->high = differences[(int) floor((1 - tail) * (n - 1) + 0.5)];
	result->p_value = fmin(1, 2.0 * (1 + (at_most < at_least ? at_most : at_least)) / (n + 1));
}

static double
value_of_mean(double mean, bool square_root)
{
	return square_root ? sqrt(mean) : mean;
}

/* By the delta method: the root's slope at each mean is 1 / (2 root). */
static double
error_of_mean_difference(const double *champion, const double *challenger, int64_t n, const PairedResult *result, bool square_root)
{
	double		slopes[2] = {1, 1};
	double		means[2] = {result->champion, result->challenger};
	double		squares = 0;
	double		centre;

	if (square_root)
	{
		for (int i = 0; i < 2; i++)
		{
			slopes[i] = means[i] > 0 ? 1 / (2 * means[i]) : 0;
			means[i] *= means[i];
		}
	}
	centre = slopes[1] * means[1] - slopes[0] * means[0];
	for (int64_t i = 0; i < n; i++)
	{
		double		deviation = slopes[1] * challenger[i] - slopes[0] * champion[i] - centre;

		squares += deviation * deviation;
	}
	return sqrt(squares / (n - 1.0) / n);
}

PairedResult
paired_mean(Allocator allocator, const double *champion, const double *challenger, int64_t n, bool square_root,
			const PairedOptions *options)
{
	PairedResult result = nothing(n);
	double		sums[2] = {0, 0};
	uint64_t	state = options->seed;
	double	   *differences;
	int64_t		until_tick = TICK_DRAWS;

	if (n == 0)
		return result;
	for (int64_t i = 0; i < n; i++)
	{
		sums[0] += champion[i];
		sums[1] += challenger[i];
	}
	result.champion = value_of_mean(sums[0] / n, square_root);
	result.challenger = value_of_mean(sums[1] / n, square_root);
	result.difference = result.challenger - result.champion;
	if (n < 2 || !isfinite(result.difference))
		return result;
	if ((double) n * options->rounds > PAIRED_MAX_DRAWS)
	{
		judge_by_normal(&result, error_of_mean_difference(champion, challenger, n, &result, square_root), options->confidence);
		result.method = "normal";
		return result;
	}
	differences = allocator.resize(allocator.context, NULL, 0, options->rounds * sizeof(double));
	for (int round = 0; round < options->rounds; round++)
	{
		double		a = 0;
		double		b = 0;

		for (int64_t i = 0; i < n; i++)
		{
			int64_t		row = random_index(&state, n);

			a += champion[row];
			b += challenger[row];
		}
		differences[round] = value_of_mean(b / n, square_root) - value_of_mean(a / n, square_root);
		until_tick -= n;
		if (until_tick <= 0 && options->tick != NULL)
		{
			options->tick();
			until_tick = TICK_DRAWS;
		}
	}
	judge_by_resamples(&result, differences, options->rounds, options->confidence);
	result.method = "bootstrap";
	allocator.resize(allocator.context, differences, options->rounds * sizeof(double), 0);
	return result;
}

/* ---- gaps between groups ---- */

/* [label][champion's prediction][challenger's prediction], possibly resampled. */
typedef double Counts[2][2][2];

typedef struct Extremes
{
	double		smallest;
	double		largest;
	int			n;
} Extremes;

static void
take_rate(Extremes *extremes, double numerator, double denominator)
{
	double		rate;

	if (denominator <= 0)
		return;
	rate = numerator / denominator;
	extremes->smallest = extremes->n == 0 ? rate : fmin(extremes->smallest, rate);
	extremes->largest = extremes->n == 0 ? rate : fmax(extremes->largest, rate);
	extremes->n++;
}

static double
spread(const Extremes *extremes)
{
	return extremes->n < 2 ? NAN : extremes->largest - extremes->smallest;
}

/* How many rows of a label the model (0: champion) predicts to be positive, and how many there are. */
static double
positive_predictions(Counts counts, int label, int model, double *n)
{
	double	   *cells = &counts[label][0][0];

	*n = cells[0] + cells[1] + cells[2] + cells[3];
	return cells[3] + (model == 0 ? cells[2] : cells[1]);
}

static double
gap_of(PairedGap gap, Counts *groups, int n_groups, int model)
{
	Extremes	rates[2] = {{0}};

	for (int i = 0; i < n_groups; i++)
	{
		double		n[2];
		double		positive[2];

		for (int label = 0; label < 2; label++)
			positive[label] = positive_predictions(groups[i], label, model, &n[label]);
		if (gap == GAP_DEMOGRAPHIC_PARITY)
			take_rate(&rates[0], positive[0] + positive[1], n[0] + n[1]);
		else
			for (int label = 0; label < 2; label++)
				take_rate(&rates[label], positive[label], n[label]);
	}
	if (gap == GAP_DEMOGRAPHIC_PARITY)
		return spread(&rates[0]);
	return fmax(spread(&rates[0]), spread(&rates[1])); /* NaN gives way to the other */
}

PairedResult
paired_gap(Allocator allocator, PairedGap gap, const PairedCounts *groups, int n_groups, const PairedOptions *options)
{
	PairedResult result = nothing(0);
	size_t		size = n_groups * sizeof(Counts);
	Counts	   *counts = allocator.resize(allocator.context, NULL, 0, size + options->rounds * sizeof(double));
	double	   *differences = (double *) (counts + n_groups);
	uint64_t	state = options->seed;
	int			n = 0;

	for (int i = 0; i < n_groups; i++)
		for (int cell = 0; cell < 8; cell++)
		{
			(&counts[i][0][0][0])[cell] = (&groups[i].n[0][0][0])[cell];
			result.n += (&groups[i].n[0][0][0])[cell];
		}
	result.champion = gap_of(gap, counts, n_groups, 0);
	result.challenger = gap_of(gap, counts, n_groups, 1);
	result.difference = result.challenger - result.champion;
	for (int round = 0; round < options->rounds && isfinite(result.difference); round++)
	{
		for (int i = 0; i < n_groups; i++)
			for (int cell = 0; cell < 8; cell++)
				(&counts[i][0][0][0])[cell] = random_poisson(&state, (&groups[i].n[0][0][0])[cell]);
		differences[n] = gap_of(gap, counts, n_groups, 1) - gap_of(gap, counts, n_groups, 0);
		n += isfinite(differences[n]);
		if (round % 100 == 99 && options->tick != NULL)
			options->tick();
	}
	if (n >= options->rounds / 2 && n > 0)
	{
		judge_by_resamples(&result, differences, n, options->confidence);
		result.method = "bootstrap";
	}
	allocator.resize(allocator.context, counts, size + options->rounds * sizeof(double), 0);
	return result;
}
