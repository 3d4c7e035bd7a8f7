/*
 * tree_room.c
 *		Room for trees that grow: leaves stop observing, those first that promise least, of all trees of the model.
 */
#include "learn/tree_node.h"

/* A leaf that observes, and where it is among all. */
typedef struct Observing
{
	double		promise;
	int			number;
	TreeNode   *node;
} Observing;

typedef struct AllObserving
{
	int			n;
	int			capacity;
	Observing  *list;
} AllObserving;

static void
gather(Allocator allocator, TreeNode *node, AllObserving *all)
{
	for (int i = 0; i < node->n_children; i++)
		gather(allocator, node->children[i], all);
	if (node->watch != NULL && node->watch->alternate != NULL)
		gather(allocator, node->watch->alternate, all);
	if (!node->is_active)
		return;
	if (all->n == all->capacity)
	{
		int			capacity = all->capacity == 0 ? 64 : 2 * all->capacity;

		all->list = allocator.resize(allocator.context, all->list, (size_t) all->capacity * sizeof(Observing),
									 (size_t) capacity * sizeof(Observing));
		all->capacity = capacity;
	}
	all->list[all->n] = (Observing){.promise = node_promise(node), .number = all->n, .node = node};
	all->n++;
}

/* Of those that promise as much, the first. */
static bool
is_before(const Observing *a, const Observing *b)
{
	return a->promise < b->promise || (a->promise == b->promise && a->number < b->number);
}

static void
sift_down(AllObserving *all, int at)
{
	for (;;)
	{
		int			child = 2 * at + 1;
		Observing	moved = all->list[at];

		if (child + 1 < all->n && is_before(&all->list[child + 1], &all->list[child]))
			child++;
		if (child >= all->n || !is_before(&all->list[child], &moved))
			return;
		all->list[at] = all->list[child];
		all->list[child] = moved;
		at = child;
	}
}

/* Those of all trees, for they share the memory: a heap, what promises least in front. Outside of what the model holds. */
static AllObserving
gather_all(Learner *learner)
{
	AllObserving all = {0};
	Tree	   *tree;

	for (int i = 0; (tree = learner->method->tree(learner, i)) != NULL; i++)
		if (tree->root != NULL)
			gather(learner->outer, tree->root, &all);
	for (int i = all.n / 2; i-- > 0;)
		sift_down(&all, i);
	return all;
}

static void
forget_all(Learner *learner, AllObserving *all)
{
	/* None that is left promises less; one that begins to observe says so (node_activate). */
	learner->least_promise = INFINITY;
	if (all->list == NULL)
		return;
	if (all->n > 0)
		learner->least_promise = all->list[0].promise;
	learner->outer.resize(learner->outer.context, all->list, (size_t) all->capacity * sizeof(Observing), 0);
}

static void
deactivate_first(Learner *learner, AllObserving *all)
{
	node_deactivate(learner, all->list[0].node);
	all->list[0] = all->list[--all->n];
	if (all->n > 0)
		sift_down(all, 0);
}

/* So much is freed at once, that what was freed lasts for some time. */
#define SHARE_KEPT 0.95

/* What asks for more than this share is not worth that others stop. */
#define LARGEST_SHARE 0.25

/* Kirkby (2007): when there is too little memory, the leaves that promise least stop observing. */
bool
tree_make_room(Learner *learner, size_t bytes)
{
	AllObserving all;

	/* Or none observes. */
	if ((double) bytes > LARGEST_SHARE * learner->max_memory || learner->least_promise == INFINITY)
		return learner_has_room(learner, bytes);
	all = gather_all(learner);
	while (all.n > 0 && (double) learner->held + (double) bytes > SHARE_KEPT * learner->max_memory)
		deactivate_first(learner, &all);
	forget_all(learner, &all);
	return learner_has_room(learner, bytes);
}

void
observe_again(Learner *learner, Tree *tree, TreeNode *leaf)
{
	size_t		size = observers_size(learner, tree);

	if ((double) learner->held + (double) size > SHARE_KEPT * learner->max_memory)
	{
		AllObserving all;
		bool		gives_way;

		if (2 * learner->least_promise > node_promise(leaf))
			return;
		all = gather_all(learner);
		gives_way = all.n > 0 && 2 * all.list[0].promise <= node_promise(leaf);
		if (gives_way)
			deactivate_first(learner, &all);
		forget_all(learner, &all);
		if (!gives_way)
			return;
	}
	if (learner_has_room(learner, size))
		node_activate(learner, tree, leaf);
}
