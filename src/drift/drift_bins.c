/*
 * drift_bins.c
 *		Cells other than quantiles: equal widths, given edges, the universal grid.
 */
#include "drift/drift_cells.h"

#include <math.h>
#include <string.h>

#include "summary/distribution.h"

static double
middle_of(const DriftBin *bin)
{
	return bin->lower == bin->upper ? bin->lower : bin->lower / 2 + bin->upper / 2;
}

/* Rows of a bin that count for the range: the baseline's, or both samples'. */
static double
rows_in_range(const DriftPair *pair, const DriftBin *bin)
{
	if (isinf(bin->lower))
		return 0;
	return (double) bin->n[BASELINE] + (pair->options.pooled_range ? (double) bin->n[CURRENT] : 0);
}

/* numpy.histogram_bin_edges(x, 'doane') and 'sturges'. */
int
drift_equal_width_bins(const DriftPair *pair, int n_bins)
{
	double		n = 0;
	double		mean = 0;
	double		squares = 0;
	double		cubes = 0;
	double		deviation;
	double		rule;

	if (pair->options.binning == BINNING_EQUAL_WIDTH)
		return n_bins;
	for (size_t i = 0; i < pair->n_bins; i++)
	{
		double		rows = rows_in_range(pair, &pair->bins[i]);

		n += rows;
		if (rows > 0)
			mean += (middle_of(&pair->bins[i]) - mean) * rows / n;
	}
	if (n < 1)
		return 1;
	rule = log2(n) + 1;
	if (pair->options.binning == BINNING_DOANE)
	{
		if (n <= 2)
			return 1;
		for (size_t i = 0; i < pair->n_bins; i++)
		{
			double		rows = rows_in_range(pair, &pair->bins[i]);

			deviation = rows > 0 ? middle_of(&pair->bins[i]) - mean : 0;
			squares += rows * deviation * deviation;
			cubes += rows * deviation * deviation * deviation;
		}
		deviation = sqrt(squares / n);
		if (!(deviation > 0) || !isfinite(cubes))
			return 1;
		rule += log2(1 + fabs(cubes / n) / (deviation * deviation * deviation) / sqrt(6 * (n - 2) / ((n + 1) * (n + 3))));
	}
	return (int) ceil(rule);
}

static DriftCell *
open_cell(DriftPair *pair, double lower, double upper)
{
	DriftCell  *cell = drift_add_cell(pair, CELL_VALUES);

	cell->lower = lower;
	cell->upper = upper;
	return cell;
}

static void
add_bin(DriftCell *cell, const DriftBin *bin)
{
	for (int side = 0; side < 2; side++)
		cell->n[side] += bin->n[side];
}

void
drift_cut_at_edges(DriftPair *pair, const double *edges, int n_edges)
{
	DriftCell  *cell = NULL;
	int			next = 0;		/* the first edge that is not below the value */
	int			last = -1;

	for (size_t i = 0; i < pair->n_bins; i++)
	{
		const DriftBin *bin = &pair->bins[i];
		double		middle = middle_of(bin);

		while (next < n_edges && edges[next] < middle)
			next++;
		if (next != last)
			cell = open_cell(pair, next == 0 ? -INFINITY : edges[next - 1], next == n_edges ? INFINITY : edges[next]);
		last = next;
		add_bin(cell, bin);
		/* a bin of several values that an edge cuts */
		if ((next > 0 && edges[next - 1] >= bin->lower) || (next < n_edges && edges[next] < bin->upper))
			for (int side = 0; side < 2; side++)
				pair->straddling[side] += (double) bin->n[side];
	}
}

void
drift_make_equal_width_cells(DriftPair *pair, int n_bins)
{
	size_t		size = (size_t) n_bins * sizeof(double);
	double	   *edges = pair->allocator.resize(pair->allocator.context, NULL, 0, size);
	double		lowest = INFINITY;
	double		highest = -INFINITY;
	int			n_edges = 0;

	for (size_t i = 0; i < pair->n_bins; i++)
		if (rows_in_range(pair, &pair->bins[i]) > 0)
		{
			lowest = fmin(lowest, pair->bins[i].lower);
			highest = fmax(highest, pair->bins[i].upper);
		}
	if (lowest < highest)
		for (int i = 1; i < n_bins; i++)
		{
			double		share = (double) i / n_bins;

			edges[n_edges++] = lowest * (1 - share) + highest * share;
		}
	else if (lowest == highest)
	{
		/* A constant: below it, the constant itself, above. */
		edges[n_edges++] = nextafter(lowest, -INFINITY);
		if (n_bins > 1)
			edges[n_edges++] = lowest;
	}
	drift_cut_at_edges(pair, edges, n_edges);
	pair->allocator.resize(pair->allocator.context, edges, size, 0);
}

/* The level at which two values come into one bin. */
static int
shared_level(double a, double b)
{
	uint64_t	difference = distribution_key(a) ^ distribution_key(b);

	return difference == 0 ? 0 : 64 - __builtin_clzll(difference);
}

void
drift_make_grid_cells(DriftPair *pair, int n_bins)
{
	size_t		merges[65] = {0}; /* how many neighbours come together at each level */
	size_t		n = 0;
	int			level = 0;
	const DriftBin *previous = NULL;
	DriftCell  *cell = NULL;

	for (size_t i = 0; i < pair->n_bins; i++)
	{
		const DriftBin *bin = &pair->bins[i];

		if (isinf(bin->lower))
			continue;
		if (previous != NULL)
			merges[shared_level(previous->lower, bin->lower)]++;
		previous = bin;
		n++;
	}
	n -= merges[0];
	while (n > (size_t) n_bins && level < 64)
		n -= merges[++level];
	previous = NULL;
	for (size_t i = 0; i < pair->n_bins; i++)
	{
		const DriftBin *bin = &pair->bins[i];

		if (previous == NULL || isinf(bin->lower) || isinf(previous->lower) || shared_level(previous->lower, bin->lower) > level)
			cell = open_cell(pair, bin->lower, bin->upper);
		cell->upper = bin->upper;
		add_bin(cell, bin);
		previous = bin;
	}
}
