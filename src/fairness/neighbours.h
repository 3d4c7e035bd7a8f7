/*
 * neighbours.h
 *		The nearest rows to a point: a k-d tree (Bentley 1975).  Plain C.
 */
#ifndef WEIR_NEIGHBOURS_H
#define WEIR_NEIGHBOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"

typedef struct NeighbourTree NeighbourTree;

typedef struct Neighbour
{
	double		distance;		/* squared, Euclidean */
	size_t		row;
} Neighbour;

/* points holds n times dimension finite numbers; it must outlive the tree. */
extern NeighbourTree *neighbours_create(Allocator allocator, const double *points, size_t n, int dimension);
extern void neighbours_free(NeighbourTree *tree);

/* The nearest rows, at most k of them, nearest first; of equally near ones those that come first. Returns how many. */
extern size_t neighbours_find(const NeighbourTree *tree, const double *point, size_t k, Neighbour *found);

#endif
