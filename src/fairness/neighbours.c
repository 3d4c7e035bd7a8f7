/*
 * neighbours.c
 *		The nearest rows to a point: a k-d tree over an array of row numbers.
 *
 * A node is a range of that array; its middle element splits it along the dimension in which the range is widest. Ranges of a few
 * rows are searched through.
 */
#include "fairness/neighbours.h"

#include <math.h>
#include <string.h>

#define LEAF_ROWS 16

struct NeighbourTree
{
	Allocator	allocator;
	const double *points;
	size_t		n;
	int			dimension;
	size_t	   *rows;
	uint16_t   *split;			/* by middle: along which dimension */
};

typedef struct Search
{
	const NeighbourTree *tree;
	const double *point;
	size_t		k;
	size_t		n_found;
	Neighbour  *found;
} Search;

static double
coordinate(const NeighbourTree *tree, size_t at, int dimension)
{
	return tree->points[tree->rows[at] * (size_t) tree->dimension + (size_t) dimension];
}

static void
swap(NeighbourTree *tree, size_t a, size_t b)
{
	size_t		row = tree->rows[a];

	tree->rows[a] = tree->rows[b];
	tree->rows[b] = row;
}

/* Puts the element of that rank at its place, smaller ones before it, larger ones behind (Hoare's quickselect, median of three). */
static void
select_rank(NeighbourTree *tree, size_t first, size_t end, size_t rank, int dimension)
{
	while (end - first > 1)
	{
		size_t		low = first;
		size_t		high = end - 1;
		double		a = coordinate(tree, first, dimension);
		double		b = coordinate(tree, first + (end - first) / 2, dimension);
		double		c = coordinate(tree, end - 1, dimension);
		double		pivot = fmax(fmin(a, b), fmin(fmax(a, b), c));

		while (low <= high)
		{
			while (coordinate(tree, low, dimension) < pivot)
				low++;
			while (coordinate(tree, high, dimension) > pivot)
				high--;
			if (low <= high)
			{
				swap(tree, low, high);
				low++;
				if (high == 0)
					break;
				high--;
			}
		}
		if (rank <= high)
			end = high + 1;
		else if (rank >= low)
			first = low;
		else
			return;
	}
}

static int
widest_dimension(const NeighbourTree *tree, size_t first, size_t end)
{
	double		widest = -1;
	int			dimension = 0;

	for (int i = 0; i < tree->dimension; i++)
	{
		double		least = INFINITY;
		double		most = -INFINITY;

		for (size_t at = first; at < end; at++)
		{
			least = fmin(least, coordinate(tree, at, i));
			most = fmax(most, coordinate(tree, at, i));
		}
		if (most - least > widest)
		{
			widest = most - least;
			dimension = i;
		}
	}
	return dimension;
}

static void
build(NeighbourTree *tree, size_t first, size_t end)
{
	while (end - first > LEAF_ROWS)
	{
		size_t		middle = first + (end - first) / 2;
		int			dimension = widest_dimension(tree, first, end);

		select_rank(tree, first, end, middle, dimension);
		tree->split[middle] = (uint16_t) dimension;
		build(tree, first, middle);
		first = middle + 1;
	}
}

NeighbourTree *
neighbours_create(Allocator allocator, const double *points, size_t n, int dimension)
{
	NeighbourTree *tree = allocator.resize(allocator.context, NULL, 0, sizeof(NeighbourTree));

	tree->allocator = allocator;
	tree->points = points;
	tree->n = n;
	tree->dimension = dimension;
	tree->rows = allocator.resize(allocator.context, NULL, 0, (n + 1) * sizeof(size_t));
	tree->split = allocator.resize(allocator.context, NULL, 0, (n + 1) * sizeof(uint16_t));
	for (size_t i = 0; i < n; i++)
		tree->rows[i] = i;
	build(tree, 0, n);
	return tree;
}

void
neighbours_free(NeighbourTree *tree)
{
	Allocator	allocator = tree->allocator;

	allocator.resize(allocator.context, tree->rows, (tree->n + 1) * sizeof(size_t), 0);
	allocator.resize(allocator.context, tree->split, (tree->n + 1) * sizeof(uint16_t), 0);
	allocator.resize(allocator.context, tree, sizeof(NeighbourTree), 0);
}

static bool
is_nearer(const Neighbour *a, const Neighbour *b)
{
	return a->distance < b->distance || (a->distance == b->distance && a->row < b->row);
}

static void
look_at(Search *search, size_t at)
{
	const NeighbourTree *tree = search->tree;
	const double *point = tree->points + tree->rows[at] * (size_t) tree->dimension;
	Neighbour	neighbour = {.distance = 0, .row = tree->rows[at]};
	size_t		place;

	for (int i = 0; i < tree->dimension; i++)
	{
		double		gap = point[i] - search->point[i];

		neighbour.distance += gap * gap;
	}
	if (search->n_found == search->k && !is_nearer(&neighbour, &search->found[search->k - 1]))
		return;
	if (search->n_found < search->k)
		search->n_found++;
	for (place = search->n_found - 1; place > 0 && is_nearer(&neighbour, &search->found[place - 1]); place--)
		search->found[place] = search->found[place - 1];
	search->found[place] = neighbour;
}

static void
descend(Search *search, size_t first, size_t end)
{
	while (end - first > LEAF_ROWS)
	{
		const NeighbourTree *tree = search->tree;
		size_t		middle = first + (end - first) / 2;
		int			dimension = tree->split[middle];
		double		gap = search->point[dimension] - coordinate(tree, middle, dimension);

		look_at(search, middle);
		if (gap <= 0)
			descend(search, first, middle);
		else
			descend(search, middle + 1, end);
		/* Equally far ones behind the split may come first. */
		if (search->n_found == search->k && gap * gap > search->found[search->k - 1].distance)
			return;
		if (gap <= 0)
			first = middle + 1;
		else
			end = middle;
	}
	for (size_t at = first; at < end; at++)
		look_at(search, at);
}

size_t
neighbours_find(const NeighbourTree *tree, const double *point, size_t k, Neighbour *found)
{
	Search		search = {.tree = tree, .point = point, .k = k, .found = found};

	if (k > 0)
		descend(&search, 0, tree->n);
	return search.n_found;
}
