/*
 * filter.c
 *		A monitor's row filter: as simple as a publication's.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "base/compat.h"
#include "capture/capture.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/queryenvironment.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

static void
refuse(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("the filter is not simple enough"), errdetail("%s", detail),
			 errhint("Use columns, constants and built-in immutable operators and functions, as in a publication's row filter.")));
}

static bool
function_is_refused(Oid function, void *context)
{
	return function >= FirstNormalObjectId || func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

/* context is the relation that the filter is over. */
static bool
refuse_what_is_not_simple(Node *node, void *context)
{
	TupleDesc	shape = RelationGetDescr((Relation) context);

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
			if (((Var *) node)->varattno <= 0)
				refuse("System columns and whole rows are not allowed.");
			if (TupleDescAttr(shape, ((Var *) node)->varattno - 1)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
				refuse("Virtual generated columns are not allowed: their values are not in the write-ahead log.");
			break;
		case T_Const:
		case T_FuncExpr:
		case T_BoolExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CaseTestExpr:
		case T_ArrayExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_List: break;
		default: refuse("Subqueries, aggregates, window functions, parameters and the like are not allowed.");
	}
	if (exprType(node) >= FirstNormalObjectId && !IsA(node, List) && !IsA(node, CaseWhen))
		refuse("User-defined types are not allowed.");
	if (check_functions_in_node(node, function_is_refused, NULL))
		refuse("User-defined or not immutable functions and operators are not allowed.");
	return expression_tree_walker(node, refuse_what_is_not_simple, context);
}

/* The condition of a SELECT that has nothing else, or NULL. */
static Node *
only_condition(List *statements)
{
	SelectStmt *select;

	if (list_length(statements) != 1 || !IsA(linitial_node(RawStmt, statements)->stmt, SelectStmt))
		return NULL;
	select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;
	if (select->op != SETOP_NONE || select->groupClause || select->havingClause || select->sortClause || select->limitCount ||
		select->limitOffset || select->lockingClause || select->windowClause || select->fromClause || select->intoClause)
		return NULL;
	return select->whereClause;
}

Node *
capture_parse_filter_of(Relation relation, const char *filter, List *column_names)
{
	int			guc_level = NewGUCNestLevel();
	ParseState *state = make_parsestate(NULL);
	EphemeralNamedRelationData columns = {0};
	RangeVar   *name = makeRangeVar(NULL, RelationGetRelationName(relation), -1);
	Node	   *condition;
	Node	   *expression;

	/* The same names must mean the same things whoever parses it, whenever. */
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	condition = only_condition(raw_parser(psprintf("SELECT 1 WHERE (%s)", filter), RAW_PARSE_DEFAULT));
	if (condition == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR), errmsg("the filter is not one expression"),
				 errhint("Write what would stand in a WHERE clause: filter => $$amount > 0$$.")));

	/* No source text: positions in the filter mean nothing to who sees the error. */
	if (column_names != NIL)
		name->alias = makeAlias(name->relname, column_names);
	/* By the columns alone: the stream's catalog is that of the past, and a lock would wait for those who change the table. */
	columns.md.name = name->relname;
	columns.md.reliddesc = InvalidOid;
	columns.md.tupdesc = RelationGetDescr(relation);
	columns.md.enrtype = ENR_NAMED_TUPLESTORE;
	state->p_queryEnv = create_queryEnv();
	register_ENR(state->p_queryEnv, &columns);
	addNSItemToQuery(state, addRangeTableEntryForENR(state, name, true), false, true, true);
	expression = transformWhereClause(state, copyObject(condition), EXPR_KIND_WHERE, "filter");
	assign_expr_collations(state, expression);
	(void) refuse_what_is_not_simple(expression, relation);
	free_parsestate(state);
	AtEOXact_GUC(true, guc_level);
	return expression;
}

/* ---- text ---- */

char *
capture_filter_text(Node *filter, Oid relation)
{
	int			guc_level = NewGUCNestLevel();
	char	   *text;

	(void) set_config_option("DateStyle", "ISO", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("IntervalStyle", "postgres", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	text = deparse_expression(filter, deparse_context_for(get_rel_name(relation), relation), false, false);
	AtEOXact_GUC(true, guc_level);
	return text;
}

static bool
is_of_time(Oid type)
{
	Oid			element = get_element_type(type);
	Oid			range = get_multirange_range(type);
	char		category;
	bool		is_preferred;

	if (OidIsValid(element))
		return is_of_time(element);
	if (OidIsValid(range))
		return is_of_time(range);
	range = get_range_subtype(type);
	if (OidIsValid(range))
		return is_of_time(range);
	get_type_category_preferred(type, &category, &is_preferred);
	return category == TYPCATEGORY_DATETIME || category == TYPCATEGORY_TIMESPAN;
}

static bool
has_times(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const))
		return is_of_time(((Const *) node)->consttype);
	return expression_tree_walker(node, has_times, context);
}

char *
capture_settled_filter(Oid relation, char *filter)
{
	Relation	table = table_open(relation, AccessShareLock);
	Node	   *expression = capture_parse_filter_of(table, filter, NIL);

	table_close(table, NoLock);
	return has_times(expression, NULL) ? capture_filter_text(expression, relation) : filter;
}
