/*
 * ordered_multiset.h
 *		64-bit keys with counts, in order: what slides over a distribution needs.  Plain C.
 *
 * A binary trie without nodes of one child: an inner node says at which bit the keys below it first differ, and how many values
 * there are.  So inner nodes are the pairs of neighbouring keys, each at the highest bit in which the two differ, and counting
 * the nodes of each bit tells how many bins every level of the universal grid would have; the bins of a level are the subtrees
 * whose node lies below it.  Adding, removing and finding a rank take as many steps as the keys differ in bits on the way, some
 * log2 of their number, and nothing is sorted, counted or flattened to ask.
 */
#ifndef WEIR_ORDERED_MULTISET_H
#define WEIR_ORDERED_MULTISET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"

typedef struct MultisetNode
{
	uint64_t	key;			/* leaf: the key; inner node: one that is or was below it, of which the bits above `bit` count */
	int64_t		count;			/* values in the subtree */
	uint32_t	child[2];		/* of an inner node; of a free one child[0] is the next free */
	int			bit;			/* -1: a leaf */
} MultisetNode;

typedef struct OrderedMultiset
{
	MultisetNode *nodes;
	uint32_t	n_nodes;		/* ever used */
	uint32_t	room;
	uint32_t	free_node;		/* or MULTISET_NONE */
	uint32_t	root;			/* or MULTISET_NONE */
	uint32_t	n_distinct;
	uint32_t	joined_at[64];	/* inner nodes by their bit */
} OrderedMultiset;

#define MULTISET_NONE UINT32_MAX

/* The bin that holds a rank. */
typedef struct MultisetBin
{
	uint64_t	key;			/* shifted by the level */
	int64_t		before;			/* values in lower bins */
	int64_t		count;
} MultisetBin;

extern void multiset_init(OrderedMultiset *set);
extern void multiset_free(OrderedMultiset *set, Allocator allocator);
extern void multiset_add(OrderedMultiset *set, Allocator allocator, uint64_t key);

/* False, and nothing changed, when the key is not there. */
extern bool multiset_remove(OrderedMultiset *set, uint64_t key);

extern int64_t multiset_total(const OrderedMultiset *set);

/* There must be some. */
extern uint64_t multiset_first(const OrderedMultiset *set);
extern uint64_t multiset_last(const OrderedMultiset *set);

/* The smallest level at which at most that many bins are occupied. */
extern int	multiset_level(const OrderedMultiset *set, int budget);

/* The bin at the level that holds the value of this rank (1 is the smallest, the total the largest). */
extern MultisetBin multiset_bin(const OrderedMultiset *set, int level, int64_t rank);

/* Calls visit for each occupied bin of the level, in ascending order. */
extern void
multiset_visit(const OrderedMultiset *set, int level, void (*visit)(void *context, uint64_t bin, int64_t count), void *context);

#endif
