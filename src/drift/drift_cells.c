/*
 * drift_cells.c
 *		The few, well-filled cells on which PSI and its relatives are computed.
 */
#include "drift/drift_cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

DriftCell *
drift_add_cell(DriftPair *pair, DriftCellKind kind)
{
	DriftCell  *cell = &pair->cells[pair->n_cells++];

	memset(cell, 0, sizeof(DriftCell));
	cell->kind = kind;
	return cell;
}

static void
allocate_cells(DriftPair *pair, size_t capacity)
{
	pair->cells_capacity = capacity;
	pair->cells = pair->allocator.resize(pair->allocator.context, NULL, 0, capacity * sizeof(DriftCell));
}

static void
add_missing_cell(DriftPair *pair)
{
	DriftCell  *cell;

	if (pair->n_missing[BASELINE] == 0 && pair->n_missing[CURRENT] == 0)
		return;
	cell = drift_add_cell(pair, CELL_MISSING);
	for (int side = 0; side < 2; side++)
		cell->n[side] = pair->n_missing[side];
}

/* The cell that is still open at its upper end; a new one begins at lower. */
static DriftCell *
open_cell(DriftPair *pair, double lower)
{
	DriftCell  *cell = drift_add_cell(pair, CELL_VALUES);

	cell->lower = lower;
	cell->upper = INFINITY;
	return cell;
}

static void
add_bin(DriftCell *cell, const DriftBin *bin)
{
	for (int side = 0; side < 2; side++)
		cell->n[side] += bin->n[side];
}

/* An open cell that neither sample entered is dropped when it ends. */
static void
close_cell(DriftPair *pair, double upper)
{
	DriftCell  *cell = &pair->cells[pair->n_cells - 1];

	cell->upper = upper;
	if (cell->n[BASELINE] == 0 && cell->n[CURRENT] == 0)
		pair->n_cells--;
}

/* Number of quantiles at or below a cumulative count. */
static int
quantiles(int64_t cumulative, int64_t n, int n_quantiles)
{
	return (int) ((double) cumulative / (double) n * n_quantiles + 1e-9);
}

/* Each quantile, the heavy bins and the gaps beside them. */
static void
make_quantile_cells(DriftPair *pair, int n_quantiles)
{
	int64_t		n = pair->n_values[BASELINE];
	int64_t		cumulative = 0;
	int			reached = 0;	/* quantiles at or below what was seen */

	allocate_cells(pair, 3 * (size_t) n_quantiles + 2);
	open_cell(pair, -INFINITY);
	for (size_t i = 0; i < pair->n_bins; i++)
	{
		const DriftBin *bin = &pair->bins[i];
		int			before = reached;
		DriftCell  *cell;

		cumulative += bin->n[BASELINE];
		if (bin->n[BASELINE] > 0)
			reached = quantiles(cumulative, n, n_quantiles);
		if (n > 0 && (double) bin->n[BASELINE] * n_quantiles >= (double) n)
		{
			close_cell(pair, bin->lower);
			cell = drift_add_cell(pair, CELL_VALUES);
			cell->lower = bin->lower;
			cell->upper = bin->upper;
			add_bin(cell, bin);
			open_cell(pair, bin->upper);
			continue;
		}
		cell = &pair->cells[pair->n_cells - 1];
		add_bin(cell, bin);
		if (n > 0 && reached > before && cumulative < n)
		{
			close_cell(pair, bin->upper);
			open_cell(pair, bin->upper);
		}
	}
	close_cell(pair, INFINITY);
}

typedef struct Ranked
{
	size_t		index;
	double		weight;
} Ranked;

/* By descending weight; categories are in order of their bytes, so the index decides among equals. */
static int
compare_ranked(const void *a, const void *b)
{
	const Ranked *left = a;
	const Ranked *right = b;

	if (left->weight != right->weight)
		return left->weight < right->weight ? 1 : -1;
	return (left->index > right->index) - (left->index < right->index);
}

static void
choose_categories(DriftPair *pair)
{
	size_t		size = pair->n_categories * sizeof(Ranked);
	Ranked	   *ranked = pair->allocator.resize(pair->allocator.context, NULL, 0, size);
	double		rows[2] = {fmax(1, (double) drift_n_rows(pair, BASELINE)), fmax(1, (double) drift_n_rows(pair, CURRENT))};
	double		smaller_share = fmin(rows[BASELINE], rows[CURRENT]) / (rows[BASELINE] + rows[CURRENT]);

	for (size_t i = 0; i < pair->n_categories; i++)
	{
		const DriftCategory *category = &pair->categories[i];

		ranked[i].index = i;
		ranked[i].weight = (double) category->n[BASELINE] / rows[BASELINE] + (double) category->n[CURRENT] / rows[CURRENT];
	}
	qsort(ranked, pair->n_categories, sizeof(Ranked), compare_ranked);
	for (size_t i = 0; i < pair->n_categories; i++)
	{
		DriftCategory *category = &pair->categories[ranked[i].index];
		double		total = (double) category->n[BASELINE] + (double) category->n[CURRENT];

		if (pair->options.top_k > 0)
			category->has_cell = i < (size_t) pair->options.top_k;
		else
			category->has_cell = i < DRIFT_ALWAYS_KEPT_CATEGORIES || total * smaller_share >= DRIFT_MIN_EXPECTED;
	}
	pair->allocator.resize(pair->allocator.context, ranked, size, 0);
}

static void
make_category_cells(DriftPair *pair)
{
	DriftCell	rare = {.kind = CELL_RARE};

	allocate_cells(pair, pair->n_categories + 3);
	if (pair->n_categories > 0)
		choose_categories(pair);
	for (size_t i = 0; i < pair->n_categories; i++)
	{
		const DriftCategory *category = &pair->categories[i];
		DriftCell  *cell = &rare;

		if (category->has_cell)
		{
			cell = drift_add_cell(pair, CELL_CATEGORY);
			cell->category = i;
		}
		for (int side = 0; side < 2; side++)
			cell->n[side] += category->n[side];
	}
	if (rare.n[BASELINE] > 0 || rare.n[CURRENT] > 0)
		*drift_add_cell(pair, CELL_RARE) = rare;
	if (pair->n_other[BASELINE] > 0 || pair->n_other[CURRENT] > 0)
	{
		DriftCell  *cell = drift_add_cell(pair, CELL_OTHER);

		for (int side = 0; side < 2; side++)
			cell->n[side] = pair->n_other[side];
	}
}

static void
make_number_cells(DriftPair *pair)
{
	const DriftOptions *options = &pair->options;
	int			n_bins = options->n_bins > 0 ? options->n_bins : DRIFT_QUANTILE_CELLS;

	switch (options->binning)
	{
		case BINNING_QUANTILE: make_quantile_cells(pair, n_bins); break;
		case BINNING_GRID:
			allocate_cells(pair, (size_t) n_bins + 3);
			drift_make_grid_cells(pair, n_bins);
			break;
		case BINNING_EDGES:
			allocate_cells(pair, (size_t) options->n_edges + 2);
			drift_cut_at_edges(pair, options->edges, options->n_edges);
			break;
		default:
			n_bins = drift_equal_width_bins(pair, n_bins);
			allocate_cells(pair, (size_t) n_bins + 2);
			drift_make_equal_width_cells(pair, n_bins);
	}
}

void
drift_make_cells(DriftPair *pair)
{
	if (pair->has_cells)
		return;
	pair->has_cells = true;
	if (pair->kind == SUMMARY_NUMERIC)
		make_number_cells(pair);
	else if (pair->kind == SUMMARY_CATEGORY)
		make_category_cells(pair);
	else
		return;
	add_missing_cell(pair);
	for (size_t i = 0; i < pair->n_cells; i++)
		pair->n_occupied += pair->cells[i].n[BASELINE] > 0 || pair->cells[i].n[CURRENT] > 0;
}
