/*
 * classification_query.c
 *		Which columns of a query's result show values of personal or sensitive columns of tables.
 *
 * The query is read after views have been put in, and each expression is followed to the columns of tables that it is made of,
 *through subqueries, joins, unions and common table expressions.  What filters, groups or sorts rows does not count.
 */
#include "postgres.h"

#include "base/compat.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "monitor/classification.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

/* A query and those around it. */
typedef struct Scope
{
	Query	   *query;
	struct Scope *outer;
} Scope;

typedef struct Walk
{
	Scope	   *scope;
	List	   *seen;			/* common table expressions on the way here: they may be recursive */
} Walk;

static bool shows_withheld(Node *node, Walk *walk);

static bool
column_is_withheld(Oid relation, AttrNumber attribute)
{
	if (attribute > 0)
		return classification_is_withheld(relation, attribute);
	/* the whole row */
	for (int i = 1; attribute == 0 && get_attname(relation, i, true) != NULL; i++)
		if (classification_is_withheld(relation, i))
			return true;
	return false;
}

/* Of the query's result the column with this number, or of the whole row each. */
static bool
result_is_withheld(Query *query, AttrNumber column, Walk *walk)
{
	Scope		scope = {query, walk->scope};
	Walk		inner = {&scope, walk->seen};
	ListCell   *cell;

	check_stack_depth();
	foreach(cell, query->targetList)
	{
		TargetEntry *entry = lfirst(cell);

		if ((column == 0 || entry->resno == column) && !entry->resjunk && shows_withheld((Node *) entry->expr, &inner))
			return true;
	}
	/* of a union each arm */
	if (query->setOperations != NULL)
		foreach(cell, query->rtable)
		{
			RangeTblEntry *arm = lfirst(cell);

			if (arm->rtekind == RTE_SUBQUERY && result_is_withheld(arm->subquery, column, &inner))
				return true;
		}
	return false;
}

static bool
cte_is_withheld(RangeTblEntry *entry, AttrNumber column, Scope *scope, Walk *walk)
{
	ListCell   *cell;

	for (Index level = 0; level < entry->ctelevelsup && scope != NULL; level++)
		scope = scope->outer;
	foreach(cell, scope != NULL ? scope->query->cteList : NIL)
	{
		CommonTableExpr *expression = lfirst(cell);
		Walk		inner = {scope, walk->seen};

		if (strcmp(expression->ctename, entry->ctename) != 0 || list_member_ptr(walk->seen, expression))
			continue;
		inner.seen = lappend(list_copy(walk->seen), expression);
		return result_is_withheld(castNode(Query, expression->ctequery), column, &inner);
	}
	return false;
}

static bool
variable_is_withheld(Var *variable, Walk *walk)
{
	Scope	   *scope = walk->scope;
	RangeTblEntry *entry;
	Walk		inner;

	check_stack_depth();
	for (Index level = 0; level < variable->varlevelsup && scope != NULL; level++)
		scope = scope->outer;
	if (scope == NULL || variable->varno < 1 || variable->varno > list_length(scope->query->rtable))
		return false;
	inner = (Walk){scope, walk->seen};
	entry = rt_fetch(variable->varno, scope->query->rtable);
	switch (entry->rtekind)
	{
		case RTE_RELATION: return column_is_withheld(entry->relid, variable->varattno);
		case RTE_SUBQUERY: return result_is_withheld(entry->subquery, variable->varattno, &inner);
		case RTE_CTE: return cte_is_withheld(entry, variable->varattno, scope, walk);
		case RTE_JOIN:
			if (variable->varattno > 0)
				return shows_withheld(list_nth(entry->joinaliasvars, variable->varattno - 1), &inner);
			return shows_withheld((Node *) entry->joinaliasvars, &inner);
		case RTE_FUNCTION: return shows_withheld((Node *) entry->functions, &inner);
		case RTE_TABLEFUNC: return shows_withheld((Node *) entry->tablefunc, &inner);
		case RTE_VALUES: return shows_withheld((Node *) entry->values_lists, &inner);
		default: return shows_withheld((Node *) group_expressions_of(entry), &inner);
	}
}

static bool
shows_withheld(Node *node, Walk *walk)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return variable_is_withheld((Var *) node, walk);
	if (IsA(node, Query))
		return result_is_withheld((Query *) node, 0, walk);
	return expression_tree_walker(node, shows_withheld, walk);
}

bool *
classification_of_query(const char *query, int n_columns)
{
	bool	   *withheld = palloc0(sizeof(bool) * Max(n_columns, 1));
	SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);
	CachedPlanSource *source = plan == NULL ? NULL : linitial(SPI_plan_get_plan_sources(plan));
	Query	   *read;
	Walk		walk = {0};

	/* what cannot be looked into is withheld */
	if (source == NULL || source->query_list == NIL)
	{
		memset(withheld, true, sizeof(bool) * n_columns);
		return withheld;
	}
	read = linitial_node(Query, source->query_list);
	for (int i = 0; i < n_columns; i++)
		withheld[i] = result_is_withheld(read, i + 1, &walk);
	SPI_freeplan(plan);
	return withheld;
}
