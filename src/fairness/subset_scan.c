/*
 * subset_scan.c
 *		Multi-dimensional subset scan.
 *
 * With q fixed the score of a subset is a sum over its values of one attribute, so the best subset of these is that of the values
 * with a positive term; each term is concave in log q, hence positive on one interval, and only the ends of these intervals need
 * be looked at (additive linear-time subset scanning, Speakman et al. 2016).  Where the subsets of all other attributes are few,
 * each of them is looked at, which finds the best of all; else one attribute after the other is set to its best subset until
 * nothing improves, from the whole and from random subsets.
 *
 * The normaliser of the likelihood, sum of n log(1 - p + p q), depends on expectations alone.  It is kept for each cell, with its
 * derivative, at nodes of log q: sums over cells are sums of these vectors, and between nodes cubic interpolation is close to
 * double precision.  The subset that is found is scored again from its expectations.
 */
#include "fairness/subset_scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "drift/drift_vectors.h"
#include "fairness/fairness_draw.h"

#define N_NODES 257
#define MAX_EXHAUSTIVE 4096 /* subsets of the other attributes that are all looked at */

/* Outcomes and normaliser of some rows, by which their score at any q is known. */
typedef struct Terms
{
	double		observed;
	double		values[N_NODES];
	double		slopes[N_NODES];
} Terms;

typedef struct Span
{
	double		low;			/* where in log q the term of a value is positive */
	double		high;
} Span;

typedef struct End
{
	double		at;
	int			value;
	bool		opens;
} End;

struct SubsetScan
{
	Allocator	allocator;
	const ScanProblem *problem;
	int		   *offsets;		/* of each attribute's values among all */
	int			n_all_values;
	int			widest;			/* attribute with most values */
	int			most_values;
	double		sign;			/* 1: log q from 0 to the limit; -1: down to minus that */
	Terms	   *cells[2];		/* of higher and of lower q */
	int64_t	   *observed;		/* by cell: as they are, or drawn anew */
	uint64_t	state;

	bool	   *included;		/* the subset at hand */
	bool	   *best;
	double		best_score;
	Terms	   *by_value;		/* of the attribute at hand */
	Terms		all;
	Terms		chosen;
	Span	   *spans;
	End		   *ends;
	bool	   *inside;
	int		   *order;
	ScanResult	result;
};

static void *
take(SubsetScan *scan, size_t n, size_t size)
{
	return scan->allocator.resize(scan->allocator.context, NULL, 0, (n + 1) * size);
}

static void
give_back(SubsetScan *scan, void *memory, size_t n, size_t size)
{
	if (memory != NULL)
		scan->allocator.resize(scan->allocator.context, memory, (n + 1) * size, 0);
}

/* ---- the score as a function of log q, both counted in the direction of the scan ---- */

static double
step_of_nodes(void)
{
	return log(SCAN_MAX_ODDS) / (N_NODES - 1);
}

static void
add_terms(Terms *into, const Terms *from, double factor)
{
	into->observed += factor * from->observed;
	for (int i = 0; i < N_NODES; i++)
	{
		into->values[i] += factor * from->values[i];
		into->slopes[i] += factor * from->slopes[i];
	}
}

/* Of the interval after node i, at a share t of it: the normaliser and its slope. */
static void
normaliser(const Terms *terms, int i, double t, double *value, double *slope)
{
	double		h = step_of_nodes();
	double		a = terms->values[i];
	double		b = terms->values[i + 1];
	double		c = h * terms->slopes[i];
	double		d = h * terms->slopes[i + 1];
	double		rest = b - a - c;
	double		bend = d - c;
	double		second = 3 * rest - bend;
	double		third = bend - 2 * rest;

	*value = a + t * (c + t * (second + t * third));
	*slope = (c + t * (2 * second + 3 * t * third)) / h;
}

/* The highest score of the terms, and where. The score is concave: its slope falls. */
static double
maximum(const SubsetScan *scan, const Terms *terms, double *at)
{
	double		observed = scan->sign * terms->observed;
	int			low = 0;
	int			high = N_NODES - 1;
	double		left = 0;
	double		right = 1;
	double		value;
	double		slope;

	*at = 0;
	if (observed <= terms->slopes[0])
		return 0;
	*at = step_of_nodes() * (N_NODES - 1);
	if (observed >= terms->slopes[N_NODES - 1])
		return observed * *at - terms->values[N_NODES - 1];
	while (high - low > 1)
	{
		int			middle = (low + high) / 2;

		if (observed > terms->slopes[middle])
			low = middle;
		else
			high = middle;
	}
	for (int i = 0; i < 40; i++)
	{
		double		middle = (left + right) / 2;

		normaliser(terms, low, middle, &value, &slope);
		if (observed > slope)
			left = middle;
		else
			right = middle;
	}
	normaliser(terms, low, left, &value, &slope);
	*at = step_of_nodes() * (low + left);
	return observed * *at - value;
}

static double
score_at(const SubsetScan *scan, const Terms *terms, double at)
{
	double		place = at / step_of_nodes();
	int			i = (int) fmin(N_NODES - 2, floor(place));
	double		value;
	double		slope;

	normaliser(terms, i, place - i, &value, &slope);
	return scan->sign * terms->observed * at - value;
}

/* Between a place where the score is above the penalty and one where it is not. */
static double
root_between(const SubsetScan *scan, const Terms *terms, double penalty, double above, double below)
{
	for (int i = 0; i < 45; i++)
	{
		double		middle = (above + below) / 2;

		if (score_at(scan, terms, middle) > penalty)
			above = middle;
		else
			below = middle;
	}
	return (above + below) / 2;
}

/* False when the term of a value is nowhere positive. */
static bool
span_of(const SubsetScan *scan, const Terms *terms, double penalty, Span *span)
{
	double		limit = step_of_nodes() * (N_NODES - 1);
	double		at;

	if (maximum(scan, terms, &at) <= penalty || at == 0)
		return false;
	span->low = penalty <= 0 ? 0 : root_between(scan, terms, penalty, at, 0);
	span->high = score_at(scan, terms, limit) > penalty ? limit : root_between(scan, terms, penalty, at, limit);
	return true;
}

/* ---- one attribute, given the others ---- */

static bool
matches(const SubsetScan *scan, const ScanCell *cell, int but)
{
	for (int i = 0; i < scan->problem->n_attributes; i++)
		if (i != but && !scan->included[scan->offsets[i] + cell->values[i]])
			return false;
	return true;
}

static double
penalty_of(const SubsetScan *scan, int but)
{
	double		penalty = 0;

	for (int i = 0; i < scan->problem->n_attributes; i++)
	{
		int			n = 0;

		for (int j = 0; j < scan->problem->n_values[i]; j++)
			n += scan->included[scan->offsets[i] + j];
		if (i != but && n < scan->problem->n_values[i])
			penalty += n * scan->problem->penalty;
	}
	return penalty;
}

static int
compare_ends(const void *a, const void *b)
{
	const End  *x = a;
	const End  *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (x->opens ? 1 : 0) - (y->opens ? 1 : 0);
}

/* Sets the attribute to its best subset, and returns the score of the whole. */
static double
optimise(SubsetScan *scan, int attribute)
{
	const ScanProblem *problem = scan->problem;
	int			n_values = problem->n_values[attribute];
	bool	   *included = scan->included + scan->offsets[attribute];
	int			n_ends = 0;
	double		best;
	double		at;
	int			n_inside = 0;

	memset(&scan->all, 0, sizeof(Terms));
	memset(scan->by_value, 0, (size_t) n_values * sizeof(Terms));
	if (problem->pause != NULL)
		problem->pause();
	for (size_t i = 0; i < problem->n_cells; i++)
		if (matches(scan, &problem->cells[i], attribute))
		{
			Terms	   *terms = &scan->by_value[problem->cells[i].values[attribute]];

			scan->cells[scan->sign < 0][i].observed = (double) scan->observed[i];
			add_terms(terms, &scan->cells[scan->sign < 0][i], 1);
		}
	for (int i = 0; i < n_values; i++)
		add_terms(&scan->all, &scan->by_value[i], 1);

	/* All of its values cost nothing. */
	best = maximum(scan, &scan->all, &at);
	for (int i = 0; i < n_values; i++)
	{
		included[i] = true;
		scan->inside[i] = false;
		if (!span_of(scan, &scan->by_value[i], problem->penalty, &scan->spans[i]))
			continue;
		scan->ends[n_ends++] = (End){scan->spans[i].low, i, true};
		scan->ends[n_ends++] = (End){scan->spans[i].high, i, false};
	}
	qsort(scan->ends, (size_t) n_ends, sizeof(End), compare_ends);
	memset(&scan->chosen, 0, sizeof(Terms));
	for (int i = 0; i < n_ends; i++)
	{
		double		score;

		scan->inside[scan->ends[i].value] = scan->ends[i].opens;
		add_terms(&scan->chosen, &scan->by_value[scan->ends[i].value], scan->ends[i].opens ? 1 : -1);
		n_inside += scan->ends[i].opens ? 1 : -1;
		/* Of values that open at the same place only all together are of use. */
		if (n_inside == 0 || (i + 1 < n_ends && scan->ends[i + 1].at == scan->ends[i].at))
			continue;
		score = maximum(scan, &scan->chosen, &at) - (n_inside < n_values ? n_inside * problem->penalty : 0);
		if (score > best + 1e-12 * fabs(best))
		{
			best = score;
			memcpy(included, scan->inside, (size_t) n_values * sizeof(bool));
		}
	}
	return best - penalty_of(scan, attribute);
}

static void
consider(SubsetScan *scan, double score)
{
	if (score > scan->best_score)
	{
		scan->best_score = score;
		memcpy(scan->best, scan->included, (size_t) scan->n_all_values * sizeof(bool));
	}
}

/* ---- the search ---- */

/* How many subsets the attributes but the widest have together; beyond the limit: too many. */
static double
n_of_others(const SubsetScan *scan)
{
	double		n = 1;

	for (int i = 0; i < scan->problem->n_attributes; i++)
		if (i != scan->widest)
			n *= exp2(fmin(60, scan->problem->n_values[i])) - 1;
	return n;
}

static void
search_all(SubsetScan *scan, int attribute)
{
	if (attribute == scan->widest)
		attribute++;
	if (attribute >= scan->problem->n_attributes)
	{
		consider(scan, optimise(scan, scan->widest));
		return;
	}
	for (unsigned long subset = 1; subset < 1UL << scan->problem->n_values[attribute]; subset++)
	{
		for (int i = 0; i < scan->problem->n_values[attribute]; i++)
			scan->included[scan->offsets[attribute] + i] = (subset >> i & 1) != 0;
		search_all(scan, attribute + 1);
	}
}

static void
start_at_random(SubsetScan *scan)
{
	double		share = draw_uniform(&scan->state);

	for (int i = 0; i < scan->problem->n_attributes; i++)
	{
		bool	   *included = scan->included + scan->offsets[i];
		int			n = 0;

		for (int j = 0; j < scan->problem->n_values[i]; j++)
			n += included[j] = draw_uniform(&scan->state) < share;
		if (n == 0)
			included[(int) (draw_uniform(&scan->state) * scan->problem->n_values[i])] = true;
	}
}

static void
ascend(SubsetScan *scan)
{
	int			n = scan->problem->n_attributes;
	double		reached = -INFINITY;
	int			idle = 0;

	for (int i = 0; i < n; i++)
		scan->order[i] = i;
	for (int i = n - 1; i > 0; i--)
	{
		int			other = (int) (draw_uniform(&scan->state) * (i + 1));
		int			kept = scan->order[i];

		scan->order[i] = scan->order[other];
		scan->order[other] = kept;
	}
	for (int step = 0; idle < n; step++)
	{
		double		score = optimise(scan, scan->order[step % n]);

		idle = score > reached + 1e-9 * fmax(1, fabs(reached)) ? 1 : idle + 1;
		reached = fmax(reached, score);
	}
	consider(scan, reached);
}

static void
search(SubsetScan *scan, bool higher)
{
	scan->sign = higher ? 1 : -1;
	scan->best_score = -INFINITY;
	memset(scan->included, true, (size_t) scan->n_all_values * sizeof(bool));
	if (n_of_others(scan) <= MAX_EXHAUSTIVE)
	{
		search_all(scan, 0);
		return;
	}
	for (int i = 0; i <= scan->problem->n_restarts; i++)
	{
		if (i > 0)
			start_at_random(scan);
		ascend(scan);
	}
}

/* ---- the subset found, from its expectations ---- */

static void
expect(const SubsetScan *scan, double log_odds, double *value, double *slope, double *curvature)
{
	double		q = exp(log_odds);

	*value = *slope = *curvature = 0;
	for (size_t i = 0; i < scan->problem->n_cells; i++)
	{
		const ScanCell *cell = &scan->problem->cells[i];

		if (!matches(scan, cell, -1))
			continue;
		for (size_t j = 0; j < cell->n_expectations; j++)
		{
			double		p = cell->expectations[j].probability;
			double		n = (double) cell->expectations[j].n;
			double		odds = p * q / (1 - p + p * q);

			*value += n * log1p(p * (q - 1));
			*slope += n * odds;
			*curvature += n * odds * (1 - odds);
		}
	}
}

static void
describe(SubsetScan *scan)
{
	ScanResult *result = &scan->result;
	double		limit = scan->sign * log(SCAN_MAX_ODDS);
	double		low = fmin(0, limit);
	double		high = fmax(0, limit);
	double		at = 0;
	double		value;
	double		slope;
	double		curvature;

	memcpy(scan->included, scan->best, (size_t) scan->n_all_values * sizeof(bool));
	result->is_exact = n_of_others(scan) <= MAX_EXHAUSTIVE;
	result->n = result->observed = 0;
	for (size_t i = 0; i < scan->problem->n_cells; i++)
		if (matches(scan, &scan->problem->cells[i], -1))
		{
			result->observed += scan->observed[i];
			for (size_t j = 0; j < scan->problem->cells[i].n_expectations; j++)
				result->n += scan->problem->cells[i].expectations[j].n;
		}
	expect(scan, 0, &value, &result->expected, &curvature);
	/* Newton's steps, kept inside what is left of the range. */
	for (int i = 0; i < 100; i++)
	{
		double		next;

		expect(scan, at, &value, &slope, &curvature);
		if (slope < (double) result->observed)
			low = at;
		else
			high = at;
		next = curvature > 0 ? at + ((double) result->observed - slope) / curvature : INFINITY;
		if (!(next > low && next < high))
			next = (low + high) / 2;
		if (fabs(next - at) < 1e-14 * fmax(1, fabs(at)))
			break;
		at = next;
	}
	if (fabs(limit - at) < 1e-9)
		at = limit;
	expect(scan, at, &value, &slope, &curvature);
	result->score = fmax(0, (double) result->observed * at - value) - penalty_of(scan, -1);
	result->odds = exp(at);
	result->included = scan->included;
}

/* ---- outside ---- */

static void
tabulate(const ScanCell *cell, double sign, Terms *terms)
{
	memset(terms, 0, sizeof(Terms));
	for (int i = 0; i < N_NODES; i++)
	{
		double		q = exp(sign * step_of_nodes() * i);

		for (size_t j = 0; j < cell->n_expectations; j++)
		{
			double		p = cell->expectations[j].probability;
			double		n = (double) cell->expectations[j].n;

			terms->values[i] += n * log1p(p * (q - 1));
			terms->slopes[i] += sign * n * p * q / (1 - p + p * q);
		}
	}
}

SubsetScan *
scan_create(Allocator allocator, const ScanProblem *problem)
{
	SubsetScan *scan = allocator.resize(allocator.context, NULL, 0, sizeof(SubsetScan));

	memset(scan, 0, sizeof(SubsetScan));
	scan->allocator = allocator;
	scan->problem = problem;
	scan->state = problem->seed;
	scan->offsets = take(scan, (size_t) problem->n_attributes, sizeof(int));
	scan->order = take(scan, (size_t) problem->n_attributes, sizeof(int));
	for (int i = 0; i < problem->n_attributes; i++)
	{
		scan->offsets[i] = scan->n_all_values;
		scan->n_all_values += problem->n_values[i];
		if (problem->n_values[i] > scan->most_values)
		{
			scan->most_values = problem->n_values[i];
			scan->widest = i;
		}
	}
	scan->included = take(scan, (size_t) scan->n_all_values, sizeof(bool));
	scan->best = take(scan, (size_t) scan->n_all_values, sizeof(bool));
	scan->by_value = take(scan, (size_t) scan->most_values, sizeof(Terms));
	scan->spans = take(scan, (size_t) scan->most_values, sizeof(Span));
	scan->inside = take(scan, (size_t) scan->most_values, sizeof(bool));
	scan->ends = take(scan, 2 * (size_t) scan->most_values, sizeof(End));
	scan->observed = take(scan, problem->n_cells, sizeof(int64_t));
	for (int direction = 0; direction < 2; direction++)
	{
		scan->cells[direction] = take(scan, problem->n_cells, sizeof(Terms));
		for (size_t i = 0; i < problem->n_cells; i++)
			tabulate(&problem->cells[i], direction == 0 ? 1 : -1, &scan->cells[direction][i]);
	}
	return scan;
}

const ScanResult *
scan_find(SubsetScan *scan, bool higher)
{
	for (size_t i = 0; i < scan->problem->n_cells; i++)
		scan->observed[i] = scan->problem->cells[i].observed;
	search(scan, higher);
	describe(scan);
	return &scan->result;
}

static int64_t
rows_of(const ScanCell *cell)
{
	int64_t		n = 0;

	for (size_t i = 0; i < cell->n_expectations; i++)
		n += cell->expectations[i].n;
	return n;
}

double
scan_simulate(SubsetScan *scan, bool higher, bool conserve_total)
{
	const ScanProblem *problem = scan->problem;
	int64_t		outcomes = 0;
	int64_t		rows = 0;

	for (size_t i = 0; i < problem->n_cells; i++)
	{
		outcomes += problem->cells[i].observed;
		rows += rows_of(&problem->cells[i]);
	}
	for (size_t i = 0; i < problem->n_cells; i++)
	{
		const ScanCell *cell = &problem->cells[i];

		scan->observed[i] = 0;
		if (conserve_total)
		{
			int64_t		n = rows_of(cell);

			scan->observed[i] = draw_successes(outcomes, rows, n, &scan->state);
			outcomes -= scan->observed[i];
			rows -= n;
		}
		else
			for (size_t j = 0; j < cell->n_expectations; j++)
				scan->observed[i] += draw_binomial(cell->expectations[j].n, cell->expectations[j].probability, &scan->state);
	}
	search(scan, higher);
	return scan->best_score;
}

void
scan_free(SubsetScan *scan)
{
	const ScanProblem *problem = scan->problem;
	Allocator	allocator = scan->allocator;

	give_back(scan, scan->offsets, (size_t) problem->n_attributes, sizeof(int));
	give_back(scan, scan->order, (size_t) problem->n_attributes, sizeof(int));
	give_back(scan, scan->included, (size_t) scan->n_all_values, sizeof(bool));
	give_back(scan, scan->best, (size_t) scan->n_all_values, sizeof(bool));
	give_back(scan, scan->by_value, (size_t) scan->most_values, sizeof(Terms));
	give_back(scan, scan->spans, (size_t) scan->most_values, sizeof(Span));
	give_back(scan, scan->inside, (size_t) scan->most_values, sizeof(bool));
	give_back(scan, scan->ends, 2 * (size_t) scan->most_values, sizeof(End));
	give_back(scan, scan->observed, problem->n_cells, sizeof(int64_t));
	for (int direction = 0; direction < 2; direction++)
		give_back(scan, scan->cells[direction], problem->n_cells, sizeof(Terms));
	allocator.resize(allocator.context, scan, sizeof(SubsetScan), 0);
}
