/*
 * fingerprint_plan.c
 *		Plans in which fingerprint(t) reads the rows where they lie.
 *
 * An aggregate over a record has each row made a record first, which costs more than to scan and to hash it.  So in finished plans
 * the aggregate is replaced by weir._fingerprint_of_slot(columns), which looks at the row that the executor holds, where that is
 * sure to have the columns of the record, in their order, and nothing before them:
 *
 * - fingerprint(t) over a scan of the table t that hands on the row as a whole: the scan hands on its columns instead;
 * - fingerprint(ROW(a, b)) over a plan whose first columns are a and b, as from FROM (SELECT ...) AS t.
 *
 * The result is the same, so nothing depends on it but time: where the library is not loaded before planning, or the plan is
 *another one, records are hashed.
 */
#include "postgres.h"

#include "access/table.h"
#include "base/compat.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "model/fingerprint_plan.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/planner.h"
#include "parser/parse_func.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static planner_hook_type previous_planner = NULL;

/* What is done to one node of aggregation. */
typedef struct Replacement
{
	List	   *given;			/* the columns that the node below hands on */
	List	   *columns;		/* those that it shall hand on: the table's; NIL: the same */
	Index		scanned;		/* the table whose rows those are */
	Oid			function;		/* weir._fingerprint_of_slot */
	bool		found;
	bool		impossible;
} Replacement;

static bool
is_fingerprint(const Aggref *aggregate)
{
	char	   *name;
	Oid			weir;

	if (list_length(aggregate->args) != 1 || aggregate->aggdistinct != NIL || aggregate->aggorder != NIL)
		return false;
	name = get_func_name(aggregate->aggfnoid);
	if (name == NULL || strcmp(name, "fingerprint") != 0)
		return false;
	weir = get_namespace_oid("weir", true);
	return OidIsValid(weir) && get_func_namespace(aggregate->aggfnoid) == weir;
}

static bool
is_whole_row(const Replacement *replacement, int column)
{
	Var		   *given;

	if (column < 1 || column > list_length(replacement->given))
		return false;
	given = (Var *) list_nth_node(TargetEntry, replacement->given, column - 1)->expr;
	return IsA(given, Var) && given->varattno == 0 && given->varno == (int) replacement->scanned;
}

/* How many columns of the row are those of the record; -1: they are not. */
static int
columns_of_record(const Replacement *replacement, Expr *record)
{
	int			n = 0;
	ListCell   *cell;

	if (IsA(record, Var) && replacement->columns != NIL)
		return is_whole_row(replacement, ((Var *) record)->varattno) ? list_length(replacement->columns) : -1;
	if (!IsA(record, RowExpr) || replacement->columns != NIL)
		return -1;
	foreach(cell, ((RowExpr *) record)->args)
	{
		Var		   *column = lfirst(cell);

		if (!IsA(column, Var) || column->varno != OUTER_VAR || column->varattno != ++n)
			return -1;
	}
	return n > 0 ? n : -1;
}

/* Where the table's columns take the place of what was given: which of them this is. */
static Node *
replace_column(Var *column, Replacement *replacement)
{
	Var		   *given = (Var *) list_nth_node(TargetEntry, replacement->given, column->varattno - 1)->expr;
	ListCell   *cell;

	foreach(cell, replacement->columns)
	{
		TargetEntry *entry = lfirst(cell);
		Var		   *replaced;

		if (!IsA(given, Var) || ((Var *) entry->expr)->varattno != given->varattno)
			continue;
		replaced = copyObject(column);
		replaced->varattno = entry->resno;
		return (Node *) replaced;
	}
	replacement->impossible = true;
	return (Node *) column;
}

static Node *
replace_aggregates(Node *node, void *context)
{
	Replacement *replacement = context;

	if (node == NULL)
		return NULL;
	if (IsA(node, Aggref) && is_fingerprint((Aggref *) node))
	{
		int			columns = columns_of_record(replacement, linitial_node(TargetEntry, ((Aggref *) node)->args)->expr);

		if (columns >= 0)
		{
			Aggref	   *replaced = copyObject((Aggref *) node);
			Const	   *number =
				makeConst(INT4OID, FINGERPRINT_SLOT_MARK, InvalidOid, sizeof(int32), Int32GetDatum(columns), false, true);

			replaced->aggfnoid = replacement->function;
			replaced->aggargtypes = list_make1_oid(INT4OID);
			replaced->args = list_make1(makeTargetEntry((Expr *) number, 1, NULL, false));
			replaced->aggfilter = (Expr *) replace_aggregates((Node *) replaced->aggfilter, context);
			replacement->found = true;
			return (Node *) replaced;
		}
	}
	if (IsA(node, Var) && replacement->columns != NIL && ((Var *) node)->varno == OUTER_VAR)
		return replace_column((Var *) node, replacement);
	return expression_tree_mutator(node, replace_aggregates, context);
}

/* The columns of the scanned table, as a scan hands them on; NIL: not all of them are stored. */
static List *
columns_of_table(const RangeTblEntry *table, Index scanned)
{
	Relation	relation = table_open(table->relid, NoLock); /* which the planner has locked */
	TupleDesc	shape = RelationGetDescr(relation);
	List	   *columns = NIL;

	for (int i = 1; i <= shape->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(shape, i - 1);
		Var		   *column;

		if (attribute->attisdropped)
			continue;
		if (attribute->attgenerated != '\0' && attribute->attgenerated != ATTRIBUTE_GENERATED_STORED)
		{
			columns = NIL;
			break;
		}
		column = makeVar(scanned, i, attribute->atttypid, attribute->atttypmod, attribute->attcollation, 0);
		columns = lappend(columns,
						  makeTargetEntry((Expr *) column, list_length(columns) + 1, pstrdup(NameStr(attribute->attname)), false));
	}
	table_close(relation, NoLock);
	return columns;
}

static bool
is_scan_of_rows(const Plan *plan)
{
	return IsA(plan, SeqScan) || IsA(plan, IndexScan) || IsA(plan, BitmapHeapScan);
}

static void
replace_in(Agg *aggregation, PlannedStmt *statement)
{
	Plan	   *below = outerPlan(aggregation);
	Replacement replacement = {.given = below->targetlist};
	List	   *output;
	List	   *condition;

	if (is_scan_of_rows(below))
	{
		bool		hands_on_rows = false;

		replacement.scanned = ((Scan *) below)->scanrelid;
		for (int i = 1; i <= list_length(below->targetlist); i++)
			hands_on_rows |= is_whole_row(&replacement, i);
		if (hands_on_rows)
			replacement.columns = columns_of_table(rt_fetch(replacement.scanned, statement->rtable), replacement.scanned);
	}
	replacement.function = LookupFuncName(list_make2(makeString(pstrdup("weir")), makeString(pstrdup("_fingerprint_of_slot"))), 1,
										  (Oid[]){INT4OID}, true);
	if (!OidIsValid(replacement.function))
		return;
	output = (List *) replace_aggregates((Node *) aggregation->plan.targetlist, &replacement);
	condition = (List *) replace_aggregates((Node *) aggregation->plan.qual, &replacement);
	if (!replacement.found || replacement.impossible)
		return;
	aggregation->plan.targetlist = output;
	aggregation->plan.qual = condition;
	if (replacement.columns != NIL)
		below->targetlist = replacement.columns;
}

static bool
has_fingerprint(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Aggref) && is_fingerprint((Aggref *) node))
		return true;
	return expression_tree_walker(node, has_fingerprint, context);
}

static void replace_in_plan(Plan *plan, PlannedStmt *statement);

static void
replace_in_plans(List *plans, PlannedStmt *statement)
{
	ListCell   *cell;

	foreach(cell, plans)
		replace_in_plan(lfirst(cell), statement);
}

static void
replace_in_plan(Plan *plan, PlannedStmt *statement)
{
	if (plan == NULL)
		return;
	if (IsA(plan, Agg))
	{
		Agg		   *aggregation = (Agg *) plan;

		/* All rows are one group: where rows are sorted or spilled, what they hold is not sure. */
		if (aggregation->aggstrategy == AGG_PLAIN && aggregation->chain == NIL && !DO_AGGSPLIT_COMBINE(aggregation->aggsplit) &&
			has_fingerprint((Node *) plan->targetlist, NULL))
			replace_in(aggregation, statement);
	}
	else if (IsA(plan, Append))
		replace_in_plans(((Append *) plan)->appendplans, statement);
	else if (IsA(plan, SubqueryScan))
		replace_in_plan(((SubqueryScan *) plan)->subplan, statement);
	replace_in_plan(outerPlan(plan), statement);
	replace_in_plan(innerPlan(plan), statement);
}

static PlannedStmt *
plan_statement(Query *query, const char *text, int options, ParamListInfo parameters)
{
	PlannedStmt *statement =
		previous_planner ? previous_planner(query, text, options, parameters) : standard_planner(query, text, options, parameters);

	replace_in_plan(statement->planTree, statement);
	replace_in_plans(statement->subplans, statement);
	return statement;
}

void
fingerprint_plan_init(void)
{
	previous_planner = planner_hook;
	planner_hook = plan_statement;
}
