/*
 * ordered_multiset.c
 *		64-bit keys with counts, in order.
 */
#include "summary/ordered_multiset.h"

#include <string.h>

#include "summary/memory_inline.h"

#define FEWEST_NODES 64
#define MAX_DEPTH 65 /* each step down decides a lower bit */

void
multiset_init(OrderedMultiset *set)
{
	memset(set, 0, sizeof(OrderedMultiset));
	set->free_node = MULTISET_NONE;
	set->root = MULTISET_NONE;
}

void
multiset_free(OrderedMultiset *set, Allocator allocator)
{
	release(allocator, set->nodes, sizeof(MultisetNode) * (size_t) set->room);
	multiset_init(set);
}

/* Two nodes at most are needed for a value: made sure of before any pointer to a node is taken. */
static void
reserve_two(OrderedMultiset *set, Allocator allocator)
{
	uint32_t	room;

	if (set->room - set->n_nodes >= 2)
		return;
	room = set->room == 0 ? FEWEST_NODES : 2 * set->room;
	set->nodes = reallocate(allocator, set->nodes, sizeof(MultisetNode) * (size_t) set->room, sizeof(MultisetNode) * (size_t) room);
	set->room = room;
}

static uint32_t
take_node(OrderedMultiset *set)
{
	uint32_t	node = set->free_node;

	if (node == MULTISET_NONE)
		return set->n_nodes++;
	set->free_node = set->nodes[node].child[0];
	return node;
}

static void
give_back(OrderedMultiset *set, uint32_t node)
{
	set->nodes[node].child[0] = set->free_node;
	set->free_node = node;
}

static inline int
side_of(uint64_t key, int bit)
{
	return (int) (key >> bit & 1);
}

void
multiset_add(OrderedMultiset *set, Allocator allocator, uint64_t key)
{
	uint32_t   *link = &set->root;
	uint32_t	leaf;
	uint32_t	inner;
	uint32_t	below;
	int			bit;

	reserve_two(set, allocator);
	while (*link != MULTISET_NONE)
	{
		MultisetNode *node = &set->nodes[*link];
		uint64_t	different = node->key ^ key;

		/* Shifted in two steps, for a shift of 64 is undefined. */
		if ((node->bit < 0 ? different : different >> node->bit >> 1) != 0)
			break;
		node->count++;
		if (node->bit < 0)
			return;
		link = &node->child[side_of(key, node->bit)];
	}
	leaf = take_node(set);
	set->nodes[leaf] = (MultisetNode){.key = key, .count = 1, .bit = -1};
	set->n_distinct++;
	below = *link;
	if (below == MULTISET_NONE)
	{
		*link = leaf;
		return;
	}

	/* Where the path leaves the trie both go on below a new inner node. */
	bit = 63 - __builtin_clzll(set->nodes[below].key ^ key);
	inner = take_node(set);
	set->nodes[inner] = (MultisetNode){.key = key, .count = set->nodes[below].count + 1, .bit = bit};
	set->nodes[inner].child[side_of(key, bit)] = leaf;
	set->nodes[inner].child[!side_of(key, bit)] = below;
	set->joined_at[bit]++;
	*link = inner;
}

bool
multiset_remove(OrderedMultiset *set, uint64_t key)
{
	uint32_t   *path[MAX_DEPTH];
	int			depth = 0;
	uint32_t   *link = &set->root;
	uint32_t	leaf;
	uint32_t	parent;

	if (*link == MULTISET_NONE)
		return false;
	while (set->nodes[*link].bit >= 0)
	{
		path[depth++] = link;
		link = &set->nodes[*link].child[side_of(key, set->nodes[*link].bit)];
	}
	leaf = *link;
	if (set->nodes[leaf].key != key)
		return false;
	for (int i = 0; i < depth; i++)
		set->nodes[*path[i]].count--;
	if (--set->nodes[leaf].count > 0)
		return true;
	set->n_distinct--;
	give_back(set, leaf);
	if (depth == 0)
	{
		set->root = MULTISET_NONE;
		return true;
	}

	/* The sibling takes the place of the parent. */
	parent = *path[depth - 1];
	set->joined_at[set->nodes[parent].bit]--;
	*path[depth - 1] = set->nodes[parent].child[link == &set->nodes[parent].child[0]];
	give_back(set, parent);
	return true;
}

int64_t
multiset_total(const OrderedMultiset *set)
{
	return set->root == MULTISET_NONE ? 0 : set->nodes[set->root].count;
}

static uint64_t
outermost(const OrderedMultiset *set, int side)
{
	const MultisetNode *node = &set->nodes[set->root];

	while (node->bit >= 0)
		node = &set->nodes[node->child[side]];
	return node->key;
}

uint64_t
multiset_first(const OrderedMultiset *set)
{
	return outermost(set, 0);
}

uint64_t
multiset_last(const OrderedMultiset *set)
{
	return outermost(set, 1);
}

int
multiset_level(const OrderedMultiset *set, int budget)
{
	uint32_t	n_bins = 1;
	int			level = 64;

	if (set->n_distinct <= (uint32_t) budget)
		return 0;
	while (level > 0 && n_bins + set->joined_at[level - 1] <= (uint32_t) budget)
		n_bins += set->joined_at[--level];
	return level;
}

MultisetBin
multiset_bin(const OrderedMultiset *set, int level, int64_t rank)
{
	const MultisetNode *node = &set->nodes[set->root];
	int64_t		before = 0;

	while (node->bit >= level)
	{
		const MultisetNode *lower = &set->nodes[node->child[0]];

		if (rank <= before + lower->count)
			node = lower;
		else
		{
			before += lower->count;
			node = &set->nodes[node->child[1]];
		}
	}
	return (MultisetBin){node->key >> level, before, node->count};
}

void
multiset_visit(const OrderedMultiset *set, int level, void (*visit)(void *context, uint64_t bin, int64_t count), void *context)
{
	uint32_t	waiting[MAX_DEPTH];
	int			n_waiting = 0;

	if (set->root == MULTISET_NONE)
		return;
	waiting[n_waiting++] = set->root;
	while (n_waiting > 0)
	{
		const MultisetNode *node = &set->nodes[waiting[--n_waiting]];

		if (node->bit >= level)
		{
			waiting[n_waiting++] = node->child[1];
			waiting[n_waiting++] = node->child[0];
		}
		else
			visit(context, node->key >> level, node->count);
	}
}
