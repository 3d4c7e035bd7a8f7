/*
 * trees_sql.c
 *		The trees of a model, a row per node.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "learn/learner_datum.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_learner_trees);

enum
{
	NODE_TREE,
	NODE_NUMBER,
	NODE_PARENT,
	NODE_DEPTH,
	NODE_FEATURE,
	NODE_RELATION,
	NODE_THRESHOLD,
	NODE_CATEGORY,
	NODE_TAKES_MISSING,
	NODE_IS_LEAF,
	NODE_WEIGHT,
	NODE_CLASS_SHARES,
	NODE_MEAN,
	NODE_VOTE,
	N_COLUMNS
};

typedef struct NodesInto
{
	const Learner *learner;
	ReturnSetInfo *result;
	MemoryContext context;		/* of one node */
} NodesInto;

static const char *
relation_text(LearnerRelation relation)
{
	switch (relation)
	{
		case RELATION_AT_MOST: return "<=";
		case RELATION_ABOVE: return ">";
		case RELATION_IS: return "=";
		default: return "<>";
	}
}

/* How rows come here from the parent. */
static void
put_condition(const NodesInto *into, const LearnerNode *node, Datum *values, bool *nulls)
{
	bool		is_number = node->relation == RELATION_AT_MOST || node->relation == RELATION_ABOVE;

	values[NODE_FEATURE] = feature_label(into->learner, node->feature);
	values[NODE_RELATION] = CStringGetTextDatum(relation_text(node->relation));
	values[NODE_THRESHOLD] = Float8GetDatum(node->value);
	nulls[NODE_THRESHOLD] = !is_number;
	nulls[NODE_CATEGORY] = is_number || node->value >= learner_n_categories(into->learner, node->feature);
	if (!nulls[NODE_CATEGORY])
	{
		size_t		length;
		const char *name = learner_category_name(into->learner, node->feature, (int) node->value, &length);

		values[NODE_CATEGORY] = PointerGetDatum(cstring_to_text_with_len(name, (int) length));
	}
	values[NODE_TAKES_MISSING] = BoolGetDatum(node->takes_missing);
}

static void
put_node(void *argument, const LearnerNode *node)
{
	const NodesInto *into = argument;
	MemoryContext old = MemoryContextSwitchTo(into->context);
	Datum		values[N_COLUMNS] = {0};
	bool		nulls[N_COLUMNS] = {false};

	CHECK_FOR_INTERRUPTS();
	values[NODE_TREE] = Int32GetDatum(node->tree);
	values[NODE_NUMBER] = Int32GetDatum(node->number);
	values[NODE_PARENT] = Int32GetDatum(node->parent);
	values[NODE_DEPTH] = Int32GetDatum(node->depth);
	if (node->parent >= 0)
		put_condition(into, node, values, nulls);
	else
		for (int i = NODE_PARENT; i <= NODE_TAKES_MISSING; i++)
			nulls[i] = i != NODE_DEPTH;
	values[NODE_IS_LEAF] = BoolGetDatum(node->is_leaf);
	values[NODE_WEIGHT] = Float8GetDatum(node->weight);
	nulls[NODE_CLASS_SHARES] = node->shares == NULL;
	if (node->shares != NULL)
		values[NODE_CLASS_SHARES] = class_numbers(into->learner, node->shares);
	nulls[NODE_MEAN] = node->shares != NULL;
	values[NODE_MEAN] = Float8GetDatum(node->mean);
	values[NODE_VOTE] = Float8GetDatum(node->vote);
	tuplestore_putvalues(into->result->setResult, into->result->setDesc, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(into->context);
}

Datum
weir_learner_trees(PG_FUNCTION_ARGS)
{
	const Learner *learner = cached_learner(fcinfo);
	NodesInto	into = {.learner = learner, .result = (ReturnSetInfo *) fcinfo->resultinfo};

	if (!learner_has_trees(learner_kind(learner)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("learner %s is not made of trees", learner_name(learner_kind(learner)))));
	InitMaterializedSRF(fcinfo, 0);
	into.context = AllocSetContextCreate(CurrentMemoryContext, "weir tree node", ALLOCSET_SMALL_SIZES);
	learner_visit_trees(learner, put_node, &into);
	MemoryContextDelete(into.context);
	return (Datum) 0;
}
