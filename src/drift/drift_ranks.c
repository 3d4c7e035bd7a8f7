/*
 * drift_ranks.c
 *		Scores that compare the two distribution functions, or the ranks: all from one pass over the bins.
 *
 * A bin of several values is taken as a group of equal values at its middle; the bounds say how far the score of the values
 * themselves can be from that.
 */
#include "drift/drift.h"

#include <math.h>
#include <string.h>

#include "base/distributions.h"

static double
middle_of(const DriftBin *bin)
{
	return bin->lower == bin->upper ? bin->lower : bin->lower / 2 + bin->upper / 2;
}

/*
 * T of Cramer and von Mises is (n m / N^2) sum l (F - G)^2 over the groups of l equal values, with the distribution functions at
 * the end of the group (Anderson 1962): no difference of large sums is taken, and equal samples have 0 also where there are ties.
 * Anderson and Darling's takes both in the middle of the group (Scholz and Stephens 1987).
 */
static void
pass(DriftPair *pair, DriftRanks *ranks)
{
	double		n = (double) pair->n_values[BASELINE];
	double		m = (double) pair->n_values[CURRENT];
	double		total = n + m;
	double		per_baseline = 1 / n;
	double		per_current = 1 / m;
	double		below[2] = {0, 0};
	double		before = 0;		/* F - G */
	double		previous = pair->n_bins > 0 ? middle_of(&pair->bins[0]) : 0;
	double		highest = 0;	/* of F - G, and of G - F; with what may lie within bins */
	double		lowest = 0;
	double		highest_within = 0;
	double		lowest_within = 0;
	double		area = 0;
	double		squares = 0;
	double		widths[2] = {0, 0};
	double		cramer = 0;		/* sum l d^2 */
	double		cramer_low = 0; /* of the bins of several values: the least and the most, and what was taken */
	double		cramer_high = 0;
	double		cramer_taken = 0;
	double		anderson = 0;
	double		anderson_low = 0;
	double		anderson_high = 0;
	double		anderson_taken = 0;

	memset(ranks, 0, sizeof(DriftRanks));
	for (size_t i = 0; i < pair->n_bins; i++)
	{
		const DriftBin *bin = &pair->bins[i];
		double		a = (double) bin->n[BASELINE];
		double		b = (double) bin->n[CURRENT];
		double		l = a + b;
		double		middle = middle_of(bin);
		double		rank = below[BASELINE] + below[CURRENT] + l / 2;
		double		product = rank * (total - rank) - total * l / 4;
		double		after = (below[BASELINE] + a) / n - (below[CURRENT] + b) / m;
		double		d = (before + after) / 2;
		double		taken = 0;

		area += fabs(before) * (middle - previous);
		squares += before * before * (middle - previous);
		previous = middle;
		cramer += l * after * after;
		if (product > 0)		/* not when one group is all there is */
			taken = l * d * d / product;
		anderson += taken;
		ranks->baseline_wins += a * (below[CURRENT] + b / 2);
		ranks->ties += l * l * l - l;
		if (bin->lower < bin->upper)
		{
			/* Inside, F may rise before G or after it. */
			double		p = a * per_baseline;
			double		q = b * per_current;
			double		high = before + p;
			double		low = before - q;
			double		most = larger_of(high * high, low * low);
			double		least = high >= 0 && low <= 0 ? 0 : smaller_of(high * high, low * low);
			double		first = rank - (l - 1) / 2;
			double		last = rank + (l - 1) / 2;
			double		at_first = first * (total - first) - total / 4;
			double		at_last = last * (total - last) - total / 4;
			double		at_least = smaller_of(at_first, at_last);
			double		at_most = first <= total / 2 && last >= total / 2 ? total * total / 4 : larger_of(at_first, at_last);
			double		width = bin->upper / 2 - bin->lower / 2;

			highest_within = larger_of(highest_within, high);
			lowest_within = smaller_of(lowest_within, low);
			ranks->area_bound += (p + q) * width;
			widths[BASELINE] += p * p * width;
			widths[CURRENT] += q * q * width;
			ranks->undecided_pairs += a * b;
			cramer_low += l * least;
			cramer_high += l * most;
			cramer_taken += l * after * after;
			anderson_taken += taken;
			/* At the ends the first k values differ by k rows of one side at most. */
			if (rank == l / 2 || rank == total - l / 2)
				anderson_high += 2 * l * l / (fmin(n, m) * fmin(n, m) * fmax(1, total - l));
			else
			{
				double		scale = l / (at_least * at_most);

				anderson_low += least * at_least * scale;
				anderson_high += most * at_most * scale;
			}
		}
		below[BASELINE] += a;
		below[CURRENT] += b;
		before = after;
		highest = larger_of(highest, after);
		lowest = smaller_of(lowest, after);
	}
	ranks->kuiper = highest - lowest;
	ranks->kuiper_bound = fmax(highest, highest_within) - fmin(lowest, lowest_within) - ranks->kuiper;
	ranks->area = area;
	ranks->energy = sqrt(2 * squares);
	ranks->energy_bound = sqrt(4 * widths[BASELINE]) + sqrt(4 * widths[CURRENT]); /* the widths are halves */
	ranks->cramer_von_mises = n * m / (total * total) * cramer;
	ranks->cramer_von_mises_bound = n * m / (total * total) * fmax(cramer_high - cramer_taken, cramer_taken - cramer_low);
	ranks->anderson_darling = (total - 1) / total * n * m * anderson;
	if (pair->is_binned)
		ranks->anderson_darling_bound =
			(total - 1) / total * n * m * fmax(anderson_high - anderson_taken, anderson_taken - anderson_low) + 1 / total;
}

const DriftRanks *
drift_ranks(DriftPair *pair)
{
	if (!pair->has_ranks)
		pass(pair, &pair->ranks);
	pair->has_ranks = true;
	return &pair->ranks;
}

void
drift_borrow_p_value(DriftPair *pair, DriftScore *score)
{
	KolmogorovResult test;

	drift_kolmogorov(pair, &test);
	score->has_p_value = true;
	score->p_value = test.p_value;
	score->test = test.is_exact ? "kolmogorov_smirnov, exact" : "kolmogorov_smirnov, asymptotic";
}

static void
set_value(DriftScore *score, double value, double bound)
{
	score->has_value = true;
	score->value = value;
	score->has_error_bound = isfinite(bound);
	score->error_bound = fmax(0, bound);
}

static void
score_kolmogorov(DriftPair *pair, DriftScore *score)
{
	KolmogorovResult result;

	drift_kolmogorov(pair, &result);
	set_value(score, result.distance, result.error_bound);
	drift_borrow_p_value(pair, score);
	score->has_location = result.distance > 0;
	score->location = result.location;
	memcpy(score->location_share, result.location_share, sizeof(score->location_share));
}

static void
scale_threshold(DriftScore *score, double factor)
{
	score->threshold *= factor;
	score->warning_threshold *= factor;
}

/* Wasserstein and energy distances. */
static void
score_distance(DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	const DriftMoments *moments = drift_moments(pair);
	const DriftRanks *ranks;
	double		unit = drift_unit(pair);
	bool		has_spread = moments[BASELINE].n > 1;
	double		spread = sqrt(moments[BASELINE].variance);
	double		value;
	double		bound;

	if (drift_has_infinities(pair))
	{
		drift_undefined(score, "a sample holds infinite values");
		return;
	}
	ranks = drift_ranks(pair);
	value = metric == DRIFT_ENERGY_DISTANCE ? ranks->energy : ranks->area;
	bound = metric == DRIFT_ENERGY_DISTANCE ? ranks->energy_bound : ranks->area_bound;
	if (!isfinite(value) || !isfinite(bound))
	{
		drift_undefined(score, "the distance is too large for a number");
		return;
	}
	if (metric == DRIFT_WASSERSTEIN_NORMALIZED)
	{
		if (!(has_spread && spread > 0) && value > 0)
		{
			drift_undefined(score, "the baseline does not vary");
			return;
		}
		if (value > 0 || bound > 0)
			set_value(score, value / spread, bound / spread);
		else
			set_value(score, 0, 0);
	}
	else if (metric == DRIFT_ENERGY_DISTANCE)
	{
		/* its unit is the root of the column's */
		set_value(score, value * sqrt(unit), bound * sqrt(unit));
		scale_threshold(score, sqrt(spread * unit));
		score->has_threshold = score->has_threshold && has_spread;
	}
	else
	{
		set_value(score, value * unit, bound * unit);
		scale_threshold(score, spread * unit);
		score->has_threshold = score->has_threshold && has_spread;
	}
	drift_borrow_p_value(pair, score);
}

static void
score_kuiper(DriftPair *pair, DriftScore *score)
{
	const DriftRanks *ranks = drift_ranks(pair);
	double		n = (double) pair->n_values[BASELINE];
	double		m = (double) pair->n_values[CURRENT];
	double		root = sqrt(n / (n + m) * m);

	set_value(score, ranks->kuiper, ranks->kuiper_bound);
	score->has_p_value = true;
	score->test = "kuiper, asymptotic";
	score->p_value = kuiper_upper((root + 0.155 + 0.24 / root) * ranks->kuiper);
}

static void
score_cramer_von_mises(DriftPair *pair, DriftScore *score)
{
	const DriftRanks *ranks = drift_ranks(pair);
	int64_t		sizes[2] = {pair->n_values[BASELINE], pair->n_values[CURRENT]};
	double		n = (double) sizes[BASELINE];
	double		m = (double) sizes[CURRENT];
	double		total = n + m;
	double		expected = (1 + 1 / total) / 6;
	double		variance = (total + 1) * (4 * n * m * total - 3 * (n * n + m * m) - 2 * n * m) / (45 * total * total * 4 * n * m);
	bool		is_exact = pair->options.test == TEST_EXACT
		? fmax(n, m) <= CRAMER_VON_MISES_EXACT_LIMIT
		: pair->options.test == TEST_AUTO && fmax(n, m) <= CRAMER_VON_MISES_EXACT_LIMIT && ranks->ties == 0;

	if (n < 2 || m < 2)
	{
		drift_undefined(score, "a sample has only one value");
		return;
	}
	set_value(score, ranks->cramer_von_mises, ranks->cramer_von_mises_bound);
	scale_threshold(score, n / total * m);
	score->has_p_value = true;
	score->test = is_exact ? "cramer_von_mises, exact" : "cramer_von_mises, asymptotic";
	if (is_exact)
		score->p_value = cramer_von_mises_exact(pair->allocator, ranks->cramer_von_mises, (int) n, (int) m);
	else
		score->p_value = cramer_von_mises_upper(1.0 / 6 + (ranks->cramer_von_mises - expected) / sqrt(45 * variance));
}

/*
 * Scholz and Stephens (1987) with ranks in the middle of ties.  The statistic is centred and scaled by its standard deviation; p is
 * interpolated in their table as scipy does it, and never outside of it: 0.001 to 0.25.
 */
static void
score_anderson_darling(DriftPair *pair, DriftScore *score)
{
	/* log p as a polynomial of the statistic: least squares through the table's seven points for two samples */
	static const double curve[] = {0.018198094574111343, -1.0082265644652515, -1.077770279820486};
	const DriftRanks *ranks = drift_ranks(pair);
	double		n = (double) pair->n_values[BASELINE];
	double		m = (double) pair->n_values[CURRENT];
	double		total = n + m;
	double		inverses = 1 / n + 1 / m;
	double		h = harmonic(pair->n_values[BASELINE] + pair->n_values[CURRENT] - 1);
	double		g = harmonic_squares(pair->n_values[BASELINE] + pair->n_values[CURRENT] - 1) - 2 * h / total;
	double		a = 4 * g - 6 + (10 - 6 * g) * inverses;
	double		b = (2 * g - 4) * 4 + 16 * h + (2 * g - 14 * h - 4) * inverses - 8 * h + 4 * g - 6;
	double		c = (6 * h + 2 * g - 2) * 4 + (4 * h - 4 * g + 6) * 2 + (2 * h - 6) * inverses + 4 * h;
	double		d = (2 * h + 6) * 4 - 8 * h;
	double		deviation;

	if (pair->n_bins < 2)
	{
		drift_undefined(score, "all values are equal");
		return;
	}
	if (total < 4)
	{
		drift_undefined(score, "the samples have fewer than four values");
		return;
	}
	deviation = sqrt((((a * total + b) * total + c) * total + d) / ((total - 1) * (total - 2) * (total - 3)));
	set_value(score, (ranks->anderson_darling - 1) / deviation, ranks->anderson_darling_bound / deviation);
	score->has_statistic = true;
	score->statistic = ranks->anderson_darling;
	scale_threshold(score, n / total * m / deviation);
	score->has_p_value = true;
	score->test = "anderson_darling, interpolated between 0.001 and 0.25";
	if (score->value < 0.325)
		score->p_value = 0.25;
	else if (score->value > 6.546)
		score->p_value = 0.001;
	else
		score->p_value = exp((curve[0] * score->value + curve[1]) * score->value + curve[2]);
}

/* ---- Mann-Whitney ---- */

/*
 * P(U >= u), u at least n m / 2, of all ways to deal n + m different values out.  How often each U occurs are the coefficients of
 * the product over k of (1 - q^(m + k)) / (1 - q^k), k from 1 to n: one factor at a time, as probabilities, and by symmetry only
 * as far as n m - u.
 */
static double
exact_mann_whitney(Allocator allocator, int64_t n, int64_t m, double u)
{
	int64_t		smaller = n < m ? n : m;
	int64_t		larger = n < m ? m : n;
	int64_t		last = n * m - (int64_t) ceil(u);
	size_t		size = (size_t) (last + 1) * sizeof(double);
	double	   *shares = allocator.resize(allocator.context, NULL, 0, size);
	double		lower = 0;

	memset(shares, 0, size);
	shares[0] = 1;
	for (int64_t k = 1; k <= smaller; k++)
	{
		double		scale = (double) k / (double) (larger + k);

		drift_pause();
		for (int64_t area = last; area >= larger + k; area--)
			shares[area] -= shares[area - larger - k];
		for (int64_t area = k; area <= last; area++)
			shares[area] += shares[area - k];
		for (int64_t area = 0; area <= last; area++)
			shares[area] *= scale;
	}
	for (int64_t area = 0; area <= last; area++)
		lower += shares[area];
	allocator.resize(allocator.context, shares, size, 0);
	return fmax(0, lower);
}

/* As scipy's: without ties, while the smaller sample is small; on request as long as the work is bearable. */
static bool
mann_whitney_is_exact(const DriftPair *pair, const DriftRanks *ranks)
{
	double		n = (double) pair->n_values[BASELINE];
	double		m = (double) pair->n_values[CURRENT];
	double		smaller = fmin(n, m);

	if (ranks->ties != 0 || pair->options.test == TEST_ASYMPTOTIC)
		return false;
	return n * m * smaller <= DRIFT_RANK_MAX_EXACT && (smaller <= DRIFT_RANK_EXACT_LIMIT || pair->options.test == TEST_EXACT);
}

static void
score_mann_whitney(DriftPair *pair, DriftScore *score)
{
	const DriftRanks *ranks = drift_ranks(pair);
	double		n = (double) pair->n_values[BASELINE];
	double		m = (double) pair->n_values[CURRENT];
	double		total = n + m;
	double		larger = fmax(ranks->baseline_wins, n * m - ranks->baseline_wins);
	double		variance = n * m / 12 * (total + 1 - ranks->ties / (total * (total - 1)));
	bool		is_exact = mann_whitney_is_exact(pair, ranks);

	set_value(score, fmin(1, 2 * larger / (n * m) - 1), ranks->undecided_pairs / (n * m));
	score->has_statistic = true;
	score->statistic = ranks->baseline_wins;
	score->has_level = true;	/* the share of pairs in which each side has the larger value */
	score->level[BASELINE] = ranks->baseline_wins / (n * m);
	score->level[CURRENT] = 1 - score->level[BASELINE];
	score->has_p_value = true;
	score->test = is_exact ? "mann_whitney, exact" : "mann_whitney, asymptotic";
	if (is_exact)
		score->p_value =
			fmin(1, 2 * exact_mann_whitney(pair->allocator, pair->n_values[BASELINE], pair->n_values[CURRENT], larger));
	else if (variance > 0)
		score->p_value = fmin(1, 2 * normal_upper((larger - n * m / 2 - 0.5) / sqrt(variance)));
	else
		score->p_value = 1;
}

void
drift_score_ranks(DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	switch (metric)
	{
		case DRIFT_KOLMOGOROV_SMIRNOV: score_kolmogorov(pair, score); break;
		case DRIFT_KUIPER: score_kuiper(pair, score); break;
		case DRIFT_CRAMER_VON_MISES: score_cramer_von_mises(pair, score); break;
		case DRIFT_ANDERSON_DARLING: score_anderson_darling(pair, score); break;
		case DRIFT_MANN_WHITNEY: score_mann_whitney(pair, score); break;
		default: score_distance(pair, metric, score);
	}
}
