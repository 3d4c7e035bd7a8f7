/*
 * fingerprint_plan.c
 *		Plans in which fingerprint(t) reads the rows where they lie.
 *
 * An aggregate over a record has each row made a record first, which costs more than to scan and to hash it.  So in finished plans
 * the aggregate is replaced by weir._fingerprint_of_slot(columns), which looks at the row that the executor holds, where that is
 * sure to have the columns of the record, in their order, and nothing before them:
 *
 * - fingerprint(t) over scans that hand on the row as a whole, of the table t, or, below Append, of its partitions or of what
 *   inherits from it: they hand on its columns instead, whichever of their own these are;
 * - fingerprint(ROW(a, b)) over a plan whose first columns are a and b, as from FROM (SELECT ...) AS t.
 *
 * The result is the same, so nothing depends on it but time: where the library is not loaded before planning, or the plan is
 * another one (a partition is a foreign table, say), records are hashed.
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
#include "parser/parse_type.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

static planner_hook_type previous_planner = NULL;

/* What is done to one node of aggregation. */
typedef struct Replacement
{
	Oid			function;		/* weir._fingerprint_of_slot */
	Oid			record;			/* the type of the records that scans make */
	int			n_columns;		/* of such a record; 0: what is below hands on what it does */
	int		   *places;			/* per column handed on: 0: it is the record, else the column of the record that it is */
	int			n_places;
	List	   *plans;			/* those below, and */
	List	   *columns;		/* what each shall hand on */
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

/* Below an aggregate the record may have been made one of a parent table's. */
static Expr *
unconverted(Expr *record)
{
	while (IsA(record, ConvertRowtypeExpr))
		record = ((ConvertRowtypeExpr *) record)->arg;
	return record;
}

static Expr *
record_of(const Aggref *aggregate)
{
	return linitial_node(TargetEntry, aggregate->args)->expr;
}

/* How many columns of the row are those of the record; -1: they are not. */
static int
columns_of_record(const Replacement *replacement, Expr *record)
{
	Var		   *row = (Var *) unconverted(record);
	int			n = 0;
	ListCell   *cell;

	if (replacement->n_columns > 0)
	{
		if (!IsA(row, Var) || row->varattno < 1 || row->varattno > replacement->n_places ||
			replacement->places[row->varattno - 1] != 0 || exprType((Node *) record) != replacement->record)
			return -1;
		return replacement->n_columns;
	}
	if (!IsA(record, RowExpr))
		return -1;
	foreach(cell, ((RowExpr *) record)->args)
	{
		Var		   *column = lfirst(cell);

		if (!IsA(column, Var) || column->varno != OUTER_VAR || column->varattno != ++n)
			return -1;
	}
	return n > 0 ? n : -1;
}

static Node *
replace_aggregates(Node *node, void *context)
{
	Replacement *replacement = context;

	if (node == NULL)
		return NULL;
	if (IsA(node, Aggref) && is_fingerprint((Aggref *) node))
	{
		int			columns = columns_of_record(replacement, record_of((Aggref *) node));

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
	if (IsA(node, Var) && ((Var *) node)->varno == OUTER_VAR && replacement->n_columns > 0)
	{
		Var		   *column = copyObject((Var *) node);
		int			place =
			column->varattno < 1 || column->varattno > replacement->n_places ? 0 : replacement->places[column->varattno - 1];

		if (place > 0)
			column->varattno = place;
		else
			replacement->impossible = true;
		return (Node *) column;
	}
	return expression_tree_mutator(node, replace_aggregates, context);
}

/* The columns of the record in the scanned table, as a scan hands them on; NIL: not all of them are stored. */
static List *
scanned_columns(const RangeTblEntry *table, Index scanned, TupleDesc record)
{
	Relation	relation = table_open(table->relid, NoLock); /* which the planner has locked */
	TupleDesc	shape = RelationGetDescr(relation);
	List	   *columns = NIL;
	int			next = 0;		/* mostly they are in the same order */

	for (int i = 0; i < record->natts; i++)
	{
		Form_pg_attribute wanted = TupleDescAttr(record, i);
		Form_pg_attribute attribute = NULL;
		Var		   *column;

		if (wanted->attisdropped)
			continue;
		for (int tried = 0; tried < shape->natts && attribute == NULL; tried++, next++)
		{
			Form_pg_attribute candidate = TupleDescAttr(shape, next % shape->natts);

			if (!candidate->attisdropped && strcmp(NameStr(candidate->attname), NameStr(wanted->attname)) == 0)
				attribute = candidate;
		}
		if (attribute == NULL || attribute->atttypid != wanted->atttypid ||
			(attribute->attgenerated != '\0' && attribute->attgenerated != ATTRIBUTE_GENERATED_STORED))
		{
			columns = NIL;
			break;
		}
		column = makeVar(scanned, attribute->attnum, attribute->atttypid, attribute->atttypmod, attribute->attcollation, 0);
		columns = lappend(columns,
						  makeTargetEntry((Expr *) column, list_length(columns) + 1, pstrdup(NameStr(attribute->attname)), false));
	}
	table_close(relation, NoLock);
	return columns;
}

/* Which column of the record a scan hands on; 0: the record; -1: something else. */
static int
place_of(Expr *given, Index scanned, List *columns)
{
	Var		   *column = (Var *) unconverted(given);
	ListCell   *cell;

	if (!IsA(column, Var) || column->varno != (int) scanned)
		return -1;
	if (column->varattno == 0)
		return 0;
	foreach(cell, columns)
	{
		TargetEntry *entry = lfirst(cell);

		if (((Var *) entry->expr)->varattno == column->varattno)
			return entry->resno;
	}
	return -1;
}

static void
add_plan(Replacement *replacement, Plan *plan, List *columns)
{
	replacement->plans = lappend(replacement->plans, plan);
	replacement->columns = lappend(replacement->columns, columns);
}

/* False where a scan does not hand on records, or something else than those before it. */
static bool
add_scan(Replacement *replacement, Plan *scan, PlannedStmt *statement)
{
	Index		scanned = ((Scan *) scan)->scanrelid;
	TupleDesc	record = lookup_rowtype_tupdesc(replacement->record, -1);
	List	   *columns = scanned_columns(rt_fetch(scanned, statement->rtable), scanned, record);
	bool		is_first = replacement->places == NULL;

	ReleaseTupleDesc(record);
	if (columns == NIL || (!is_first && list_length(scan->targetlist) != replacement->n_places))
		return false;
	if (is_first)
	{
		replacement->n_columns = list_length(columns);
		replacement->n_places = list_length(scan->targetlist);
		replacement->places = palloc(sizeof(int) * replacement->n_places);
	}
	for (int i = 0; i < replacement->n_places; i++)
	{
		int			place = place_of(list_nth_node(TargetEntry, scan->targetlist, i)->expr, scanned, columns);

		if (!is_first && place != replacement->places[i])
			return false;
		replacement->places[i] = place;
	}
	add_plan(replacement, scan, columns);
	return true;
}

static bool
add_plans(Replacement *replacement, Plan *plan, PlannedStmt *statement)
{
	List	   *columns = NIL;
	ListCell   *cell;

	if (IsA(plan, SeqScan) || IsA(plan, IndexScan) || IsA(plan, BitmapHeapScan))
		return add_scan(replacement, plan, statement);
	if (!IsA(plan, Append))
		return false;
	foreach(cell, ((Append *) plan)->appendplans)
	{
		if (!add_plans(replacement, lfirst(cell), statement))
			return false;
	}
	if (replacement->plans == NIL)
		return false;
	foreach(cell, llast_node(List, replacement->columns))
	{
		TargetEntry *entry = lfirst(cell);
		Var		   *column = makeVarFromTargetEntry(OUTER_VAR, entry);

		columns = lappend(columns, makeTargetEntry((Expr *) column, entry->resno, entry->resname, false));
	}
	add_plan(replacement, plan, columns);
	return true;
}

/* The type of the records that the first fingerprint takes as they come from below. */
static bool
find_record(Node *node, void *type)
{
	if (node == NULL)
		return false;
	if (IsA(node, Aggref) && is_fingerprint((Aggref *) node) && IsA(unconverted(record_of((Aggref *) node)), Var))
	{
		*(Oid *) type = exprType((Node *) record_of((Aggref *) node));
		return true;
	}
	return expression_tree_walker(node, find_record, type);
}

static void
replace_in(Agg *aggregation, PlannedStmt *statement)
{
	Replacement replacement = {0};
	List	   *output;
	List	   *condition;
	ListCell   *plan;
	ListCell   *columns;

	replacement.function = LookupFuncName(list_make2(makeString(pstrdup("weir")), makeString(pstrdup("_fingerprint_of_slot"))), 1,
										  (Oid[]){INT4OID}, true);
	if (!OidIsValid(replacement.function))
		return;
	if ((find_record((Node *) aggregation->plan.targetlist, &replacement.record) ||
		 find_record((Node *) aggregation->plan.qual, &replacement.record)) &&
		OidIsValid(typeidTypeRelid(replacement.record)) && !add_plans(&replacement, outerPlan(aggregation), statement))
		replacement = (Replacement){.function = replacement.function};
	output = (List *) replace_aggregates((Node *) aggregation->plan.targetlist, &replacement);
	condition = (List *) replace_aggregates((Node *) aggregation->plan.qual, &replacement);
	if (!replacement.found || replacement.impossible)
		return;
	aggregation->plan.targetlist = output;
	aggregation->plan.qual = condition;
	forboth(plan, replacement.plans, columns, replacement.columns)
		((Plan *) lfirst(plan))->targetlist = lfirst(columns);
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
plan_statement(PLANNER_PARAMETERS)
{
	PlannedStmt *statement = previous_planner ? previous_planner(PLANNER_ARGUMENTS) : standard_planner(PLANNER_ARGUMENTS);

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
