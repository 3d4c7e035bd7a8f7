/*
 * fairness_subgroup.c
 *		Rich subgroup fairness, from the counts of cells.
 *
 * The weighted disparity of a subgroup is |sum of (successes - rate of all * trials)| / rows: what a cell adds does not depend on
 * what else is in the subgroup.
 */
#include "fairness/fairness_subgroup.h"

#include <math.h>
#include <string.h>

#include "fairness/fairness_draw.h"

struct SubgroupSearch
{
	Allocator	allocator;
	const SubgroupProblem *problem;
	int64_t	   *successes;		/* by cell: as they are, or dealt anew */
	double	   *excesses;		/* successes - rate of all * trials */

	/* Conjunctions: for each set of attributes the number of each cell's candidate. */
	size_t		n_sets;
	uint64_t   *sets;
	int		   *candidates;		/* by set and cell */
	double	   *sums;			/* by candidate, of one set */

	/* Linear: an orthonormal basis of what is linear in the values, by column and cell, weighted by the roots of the trials. */
	size_t		n_basis;
	size_t		basis_capacity;
	double	   *basis;
	double	   *fitted;

	Subgroup	found;
};

static void *
take(SubgroupSearch *search, size_t n, size_t size)
{
	return search->allocator.resize(search->allocator.context, NULL, 0, (n + 1) * size);
}

static void
give_back(SubgroupSearch *search, void *memory, size_t n, size_t size)
{
	search->allocator.resize(search->allocator.context, memory, (n + 1) * size, 0);
}

/* ---- preparation ---- */

static int
n_set(uint64_t set)
{
	int			n = 0;

	for (; set != 0; set &= set - 1)
		n++;
	return n;
}

double
subgroup_n_candidates(const SubgroupProblem *problem)
{
	double		sets = 0;
	double		choose = 1;

	for (int i = 1; i <= problem->depth && i <= problem->n_attributes; i++)
	{
		choose *= (double) (problem->n_attributes - i + 1) / i;
		sets += choose;
	}
	return sets * (double) problem->n_cells;
}

static bool
same_values(const SubgroupProblem *problem, uint64_t set, size_t a, size_t b)
{
	for (int i = 0; i < problem->n_attributes; i++)
		if ((set >> i & 1) != 0 && problem->values[a][i] != problem->values[b][i])
			return false;
	return true;
}

/* Numbers the different combinations of the attributes in the set; a cell's is that of the first cell that has it. */
static void
number_candidates(SubgroupSearch *search, uint64_t set, int *numbers)
{
	const SubgroupProblem *problem = search->problem;

	for (size_t i = 0; i < problem->n_cells; i++)
	{
		size_t		first = 0;

		if (problem->pause != NULL)
			problem->pause();
		while (!same_values(problem, set, first, i))
			first++;
		numbers[i] = (int) first;
	}
}

static void
prepare_conjunctions(SubgroupSearch *search)
{
	const SubgroupProblem *problem = search->problem;
	size_t		n = (size_t) (subgroup_n_candidates(problem) / fmax(1, (double) problem->n_cells) + 0.5);
	size_t		filled = 0;

	search->n_sets = n;
	search->sets = take(search, n, sizeof(uint64_t));
	search->candidates = take(search, n * problem->n_cells, sizeof(int));
	search->sums = take(search, problem->n_cells, sizeof(double));

	/* By how many attributes they name, so that the simplest of equal ones is found first. */
	for (int depth = 1; depth <= problem->depth && filled < n; depth++)
	{
		uint64_t	set = (UINT64_C(1) << depth) - 1;

		while (filled < n && n_set(set) == depth)
		{
			uint64_t	lowest = set & (~set + 1);
			uint64_t	next = set + lowest;

			search->sets[filled] = set;
			number_candidates(search, set, search->candidates + filled * problem->n_cells);
			filled++;
			/* The next larger number with as many bits (Gosper). */
			if (problem->n_attributes < 64 ? (next >> problem->n_attributes) != 0 : next < set)
				break;
			set = next | (((set ^ next) / lowest) >> 2);
		}
	}
	search->n_sets = filled;
}

/* Gram and Schmidt, twice, over a constant and each value; what is a combination of the columns before is left out. */
static void
prepare_basis(SubgroupSearch *search)
{
	const SubgroupProblem *problem = search->problem;
	size_t		n = problem->n_cells;
	size_t		capacity = 1;

	for (int i = 0; i < problem->n_attributes; i++)
		capacity += (size_t) problem->n_values[i];
	capacity = capacity < n ? capacity : n;
	search->basis_capacity = capacity;
	search->basis = take(search, capacity * n, sizeof(double));
	search->fitted = take(search, n, sizeof(double));
	for (int i = -1; i < problem->n_attributes; i++)
		for (int value = 0; value < (i < 0 ? 1 : problem->n_values[i]) && search->n_basis < capacity; value++)
		{
			double	   *column = search->basis + search->n_basis * n;
			double		before = 0;
			double		after = 0;

			if (problem->pause != NULL)
				problem->pause();
			for (size_t j = 0; j < n; j++)
			{
				column[j] = i < 0 || problem->values[j][i] == value ? sqrt((double) problem->rates[j].trials) : 0;
				before += column[j] * column[j];
			}
			for (int pass = 0; pass < 2; pass++)
				for (size_t k = 0; k < search->n_basis; k++)
				{
					const double *other = search->basis + k * n;
					double		product = 0;

					for (size_t j = 0; j < n; j++)
						product += other[j] * column[j];
					for (size_t j = 0; j < n; j++)
						column[j] -= product * other[j];
				}
			for (size_t j = 0; j < n; j++)
				after += column[j] * column[j];
			if (after <= 1e-18 * before)
				continue;
			for (size_t j = 0; j < n; j++)
				column[j] /= sqrt(after);
			search->n_basis++;
		}
}

SubgroupSearch *
subgroup_create(Allocator allocator, const SubgroupProblem *problem)
{
	SubgroupSearch *search = allocator.resize(allocator.context, NULL, 0, sizeof(SubgroupSearch));

	memset(search, 0, sizeof(SubgroupSearch));
	search->allocator = allocator;
	search->problem = problem;
	search->successes = take(search, problem->n_cells, sizeof(int64_t));
	search->excesses = take(search, problem->n_cells, sizeof(double));
	search->found.members = take(search, problem->n_cells, sizeof(bool));
	prepare_conjunctions(search);
	prepare_basis(search);
	return search;
}

void
subgroup_free(SubgroupSearch *search)
{
	size_t		n = search->problem->n_cells;
	size_t		n_sets = (size_t) (subgroup_n_candidates(search->problem) / fmax(1, (double) n) + 0.5);

	give_back(search, search->successes, n, sizeof(int64_t));
	give_back(search, search->excesses, n, sizeof(double));
	give_back(search, search->found.members, n, sizeof(bool));
	give_back(search, search->sets, n_sets, sizeof(uint64_t));
	give_back(search, search->candidates, n_sets * n, sizeof(int));
	give_back(search, search->sums, n, sizeof(double));
	give_back(search, search->basis, search->basis_capacity * n, sizeof(double));
	give_back(search, search->fitted, n, sizeof(double));
	search->allocator.resize(search->allocator.context, search, sizeof(SubgroupSearch), 0);
}

/* ---- the families ---- */

static void
count_excesses(SubgroupSearch *search)
{
	const SubgroupProblem *problem = search->problem;
	double		successes = 0;
	double		trials = 0;

	for (size_t i = 0; i < problem->n_cells; i++)
	{
		successes += (double) search->successes[i];
		trials += (double) problem->rates[i].trials;
	}
	for (size_t i = 0; i < problem->n_cells; i++)
		search->excesses[i] =
			((double) search->successes[i] * trials - successes * (double) problem->rates[i].trials) / fmax(1, trials);
}

/* The largest size of a sum over a candidate; which it is. */
static double
best_conjunction(SubgroupSearch *search, size_t *best_set, size_t *best_candidate)
{
	size_t		n = search->problem->n_cells;
	double		best = 0;

	*best_set = search->n_sets;
	for (size_t set = 0; set < search->n_sets; set++)
	{
		const int  *numbers = search->candidates + set * n;

		memset(search->sums, 0, n * sizeof(double));
		for (size_t i = 0; i < n; i++)
			search->sums[numbers[i]] += search->excesses[i];
		for (size_t i = 0; i < n; i++)
			if (fabs(search->sums[i]) > best * (1 + 1e-12) + 1e-12)
			{
				best = fabs(search->sums[i]);
				*best_set = set;
				*best_candidate = i;
			}
	}
	return best;
}

/* The sum over the cells to which least squares give more than the rate of all. */
static double
linear_excess(SubgroupSearch *search)
{
	const SubgroupProblem *problem = search->problem;
	size_t		n = problem->n_cells;
	double		largest = 0;
	double		sums[2] = {0, 0};

	memset(search->fitted, 0, n * sizeof(double));
	for (size_t k = 0; k < search->n_basis; k++)
	{
		const double *column = search->basis + k * n;
		double		product = 0;

		for (size_t i = 0; i < n; i++)
			if (problem->rates[i].trials > 0)
				product += column[i] * search->excesses[i] / sqrt((double) problem->rates[i].trials);
		for (size_t i = 0; i < n; i++)
			search->fitted[i] += product * column[i];
	}
	for (size_t i = 0; i < n; i++)
	{
		search->fitted[i] = problem->rates[i].trials > 0 ? search->fitted[i] / sqrt((double) problem->rates[i].trials) : 0;
		largest = fmax(largest, fabs(search->fitted[i]));
	}
	for (size_t i = 0; i < n; i++)
	{
		/* What is 0 but for rounding is on the plane. */
		if (fabs(search->fitted[i]) <= 1e-12 * fmax(1e-3, largest))
			search->fitted[i] = 0;
		if (search->fitted[i] != 0)
			sums[search->fitted[i] > 0] += search->excesses[i];
	}
	return fmax(fabs(sums[0]), fabs(sums[1]));
}

static double
any_excess(const SubgroupSearch *search)
{
	double		sum = 0;

	for (size_t i = 0; i < search->problem->n_cells; i++)
		sum += fmax(0, search->excesses[i]);
	return sum;
}

/* Of the two sides of a cut, the one that concerns fewer. */
static void
choose_side(SubgroupSearch *search, const double *values)
{
	const SubgroupProblem *problem = search->problem;
	int64_t		trials[2] = {0, 0};
	bool		positive;

	for (size_t i = 0; i < problem->n_cells; i++)
		if (values[i] != 0)
			trials[values[i] > 0] += problem->rates[i].trials;
	positive = trials[1] <= trials[0];
	for (size_t i = 0; i < problem->n_cells; i++)
		search->found.members[i] = positive ? values[i] > 0 : values[i] < 0;
}

const Subgroup *
subgroup_find(SubgroupSearch *search, SubgroupFamily family)
{
	const SubgroupProblem *problem = search->problem;
	Subgroup   *found = &search->found;
	double		excess = 0;
	size_t		set;
	size_t		candidate = 0;

	for (size_t i = 0; i < problem->n_cells; i++)
		search->successes[i] = problem->rates[i].successes;
	count_excesses(search);
	memset(found->members, 0, problem->n_cells * sizeof(bool));
	found->named = 0;
	found->gamma = NAN;
	found->rate = (Proportion){0, 0};
	switch (family)
	{
		case SUBGROUP_CONJUNCTION:
			excess = best_conjunction(search, &set, &candidate);
			if (set == search->n_sets)
				break;
			found->named = search->sets[set];
			found->example = candidate;
			for (size_t i = 0; i < problem->n_cells; i++)
				found->members[i] = search->candidates[set * problem->n_cells + i] == (int) candidate;
			break;
		case SUBGROUP_LINEAR:
			excess = linear_excess(search);
			choose_side(search, search->fitted);
			break;
		case SUBGROUP_ANY:
			excess = any_excess(search);
			choose_side(search, search->excesses);
			break;
		case SUBGROUP_N_FAMILIES: break;
	}
	for (size_t i = 0; i < problem->n_cells; i++)
		if (found->members[i])
		{
			found->rate.successes += problem->rates[i].successes;
			found->rate.trials += problem->rates[i].trials;
		}
	if (problem->n_rows > 0)
		found->gamma = excess / (double) problem->n_rows;
	return found;
}

void
subgroup_simulate(SubgroupSearch *search, uint64_t *state, double gammas[SUBGROUP_N_FAMILIES])
{
	const SubgroupProblem *problem = search->problem;
	int64_t		successes = 0;
	int64_t		trials = 0;
	size_t		set;
	size_t		candidate;

	for (size_t i = 0; i < problem->n_cells; i++)
	{
		successes += problem->rates[i].successes;
		trials += problem->rates[i].trials;
	}
	for (size_t i = 0; i < problem->n_cells; i++)
	{
		search->successes[i] = draw_successes(successes, trials, problem->rates[i].trials, state);
		successes -= search->successes[i];
		trials -= problem->rates[i].trials;
	}
	count_excesses(search);
	gammas[SUBGROUP_CONJUNCTION] = best_conjunction(search, &set, &candidate) / (double) problem->n_rows;
	gammas[SUBGROUP_LINEAR] = linear_excess(search) / (double) problem->n_rows;
	gammas[SUBGROUP_ANY] = any_excess(search) / (double) problem->n_rows;
}
