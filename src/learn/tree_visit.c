/*
 * tree_visit.c
 *		Trees node by node, for those who want to see or to export them.
 */
#include "learn/tree_node.h"

typedef struct Visit
{
	const Learner *learner;
	bool		is_regression;
	LearnerNodeVisitor visit;
	void	   *context;
	int			tree;
	double		vote;
	int			next;			/* the number of the next node */
} Visit;

static LearnerRelation
relation_to(const TreeNode *parent, int branch)
{
	switch (parent->kind)
	{
		case SPLIT_NUMBER: return branch == 0 ? RELATION_AT_MOST : RELATION_ABOVE;
		case SPLIT_CATEGORY: return branch == 0 ? RELATION_IS : RELATION_IS_NOT;
		default: return RELATION_IS;
	}
}

static void
visit_node(Visit *visit, const TreeNode *node, const TreeNode *parent, int parent_number, int branch)
{
	double		shares[LEARNER_MAX_CLASSES] = {0};
	double		weight = node_weight(node);
	LearnerNode said = {.tree = visit->tree,
						.number = visit->next++,
						.parent = parent_number,
						.depth = node->depth,
						.feature = -1,
						.is_leaf = node->kind == SPLIT_NONE,
						.weight = node->cover,
						.mean = node->targets.mean,
						.vote = visit->vote};

	if (parent != NULL)
	{
		said.feature = parent->feature;
		said.relation = relation_to(parent, branch);
		said.value = parent->kind == SPLIT_CATEGORIES ? parent->categories[branch] : parent->value;
		said.takes_missing = branch == node_common_branch(parent);
	}
	if (!visit->is_regression)
	{
		for (int i = 0; i < node->n_classes && weight > 0; i++)
			shares[i] = node->stats[i] / weight;
		said.shares = shares;
	}
	visit->visit(visit->context, &said);
	for (int i = 0; i < node->n_children; i++)
		visit_node(visit, node->children[i], node, said.number, i);
}

void
tree_visit(const Learner *learner, const Tree *tree, int number, double vote, LearnerNodeVisitor visit, void *context)
{
	Visit		state = {.learner = learner,
				   .is_regression = tree->settings->is_regression,
				   .visit = visit,
				   .context = context,
				   .tree = number,
				   .vote = vote};

	if (tree->root != NULL)
		visit_node(&state, tree->root, NULL, -1, 0);
}
