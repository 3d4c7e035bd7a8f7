/*
 * summarize_table_sql.c
 *		The columns of a table or a query with their summaries: what weir.summarize_table and weir.summarize_query show.
 *
 * One statement over all columns, so each row is read once, and by several processes where the planner sees fit.  It runs as the
 * invoker, with the invoker's search_path and settings; names of weir in it are qualified.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "base/arguments.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "summary/summary_datum.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(weir_table_columns);
PG_FUNCTION_INFO_V1(weir_query_columns);

#define N_RESULT 8
#define COLUMNS_PER_CALL 90 /* a call takes 100 arguments at most */

/* A column that is to be summarised. */
typedef struct WantedColumn
{
	char	   *name;			/* as it is shown */
	char	   *reference;		/* as it stands in the statement */
	Oid			type;
	int32		typmod;
} WantedColumn;

/* ---- which columns ---- */

static WantedColumn *
wanted_columns(TupleDesc descriptor, ArrayType *names, bool by_number, int *n)
{
	WantedColumn *columns = palloc(mul_size(sizeof(WantedColumn), (Size) Max(descriptor->natts, 1)));
	Datum	   *elements = NULL;
	bool	   *nulls = NULL;
	int			n_names = descriptor->natts;

	if (names != NULL)
		deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n_names);
	*n = 0;
	for (int i = 0; i < n_names; i++)
	{
		int			number = i;
		Form_pg_attribute attribute;

		if (names != NULL)
		{
			char	   *name = nulls[i] ? NULL : TextDatumGetCString(elements[i]);

			if (name == NULL)
				ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("names of columns must not be null")));
			for (number = 0; number < descriptor->natts; number++)
				if (!TupleDescAttr(descriptor, number)->attisdropped &&
					strcmp(NameStr(TupleDescAttr(descriptor, number)->attname), name) == 0)
					break;
			if (number == descriptor->natts)
				ereport(ERROR,
						(errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("column \"%s\" does not exist", name),
						 errhint("Names are taken as they are, in upper and lower case.")));
			for (int j = 0; j < *n; j++)
				if (strcmp(columns[j].name, name) == 0)
					ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN), errmsg("column \"%s\" is named twice", name)));
		}
		attribute = TupleDescAttr(descriptor, number);
		if (attribute->attisdropped)
			continue;
		columns[(*n)++] =
			(WantedColumn){.name = pstrdup(NameStr(attribute->attname)),
						   .reference = by_number ? psprintf("weir_row.c%d", number + 1)
												  : psprintf("weir_row.%s", quote_identifier(NameStr(attribute->attname))),
						   .type = attribute->atttypid,
						   .typmod = attribute->atttypmod};
	}
	return columns;
}

/* ---- running and results ---- */

static const char *
kind_of(Oid type)
{
	SummaryKind kind;

	return value_kind_of_type(type, &kind) ? summary_kind_name(kind) : NULL;
}

static void
put_column(ReturnSetInfo *result, const WantedColumn *column, HeapTupleHeader found)
{
	const char *kind = kind_of(column->type);
	Datum		values[N_RESULT];
	bool		nulls[N_RESULT] = {false};

	values[0] = CStringGetTextDatum(column->name);
	values[1] = CStringGetTextDatum(format_type_with_typemod(column->type, column->typmod));
	nulls[2] = kind == NULL;
	values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(kind);
	if (found == NULL)
	{
		/* No rows at all. */
		values[3] = values[4] = Int64GetDatum(0);
		nulls[5] = nulls[6] = nulls[7] = true;
	}
	else
		for (int i = 3; i < N_RESULT; i++)
			values[i] = GetAttributeByNum(found, (AttrNumber) (i - 2), &nulls[i]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
run(ReturnSetInfo *result, const WantedColumn *columns, int n_columns, const char *source, const char *condition)
{
	StringInfoData statement;

	if (n_columns == 0)
		return;
	initStringInfo(&statement);
	appendStringInfoString(&statement, "SELECT ");
	for (int i = 0; i < n_columns; i++)
	{
		if (i % COLUMNS_PER_CALL == 0)
			appendStringInfoString(&statement, i == 0 ? "weir._summarize_columns(" : "), weir._summarize_columns(");
		else
			appendStringInfoString(&statement, ", ");
		appendStringInfoString(&statement, columns[i].reference);
	}
	appendStringInfo(&statement, ") FROM %s", source);
	if (condition != NULL)
		appendStringInfo(&statement, " WHERE (%s\n)", condition);
	SPI_execute(statement.data, true, 0);
	Assert(SPI_processed == 1); /* an aggregate without GROUP BY */
	for (int first = 0; first < n_columns; first += COLUMNS_PER_CALL)
	{
		bool		is_null;
		Datum		array = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, first / COLUMNS_PER_CALL + 1, &is_null);
		Oid			type = get_element_type(SPI_gettypeid(SPI_tuptable->tupdesc, first / COLUMNS_PER_CALL + 1));
		Datum	   *elements = NULL;
		int			n_elements = Min(COLUMNS_PER_CALL, n_columns - first);

		if (!is_null)
		{
			int16		length;
			bool		by_value;
			char		alignment;
			int			found;

			get_typlenbyvalalign(type, &length, &by_value, &alignment);
			deconstruct_array(DatumGetArrayTypeP(array), type, length, by_value, alignment, &elements, NULL, &found);
			Assert(found == n_elements);
		}
		for (int i = 0; i < n_elements; i++)
			put_column(result, &columns[first + i], is_null ? NULL : DatumGetHeapTupleHeader(elements[i]));
	}
}

/* ---- a table ---- */

/* A syntax error is one in the filter, not in the statement that called. */
static void
blame_filter(void *statement)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(statement);
	}
}

/* What a filter is must be one condition: nothing may follow it, and nothing may close the parenthesis that it stands in. */
static void
require_condition(const char *filter)
{
	char	   *statement = psprintf("SELECT 1 WHERE (%s\n)", filter);
	ErrorContextCallback callback;
	List	   *statements;
	const SelectStmt *select;

	callback.previous = error_context_stack;
	callback.callback = blame_filter;
	callback.arg = statement;
	error_context_stack = &callback;
	statements = raw_parser(statement, RAW_PARSE_DEFAULT);
	error_context_stack = callback.previous;
	select = list_length(statements) == 1 && IsA(linitial_node(RawStmt, statements)->stmt, SelectStmt)
		? (const SelectStmt *) linitial_node(RawStmt, statements)->stmt
		: NULL;
	if (select == NULL || select->op != SETOP_NONE || select->whereClause == NULL || select->groupClause || select->havingClause ||
		select->sortClause || select->limitCount || select->limitOffset || select->lockingClause || select->windowClause ||
		select->fromClause || select->intoClause)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR), errmsg("the filter is not one condition"),
				 errhint("Write what would stand in a WHERE clause: filter => $$amount > 0$$.")));
}

static ArrayType *
argument_names(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : PG_GETARG_ARRAYTYPE_P(number);
}

Datum
weir_table_columns(PG_FUNCTION_ARGS)
{
	Oid			source;
	char	   *filter = argument_text(fcinfo, 2);
	Relation	relation;
	WantedColumn *columns;
	char	   *name;
	int			n;

	require_argument(fcinfo, 0, "source");
	source = PG_GETARG_OID(0);
	relation = try_relation_open(source, AccessShareLock);
	if (relation == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", source)));
	switch (relation->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE: break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is no table or view", RelationGetRelationName(relation)),
					 errhint("weir.summarize_query summarizes a query.")));
	}
	if (filter != NULL)
		require_condition(filter);
	columns = wanted_columns(RelationGetDescr(relation), argument_names(fcinfo, 1), false, &n);
	name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)), RelationGetRelationName(relation));
	relation_close(relation, NoLock);
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	run((ReturnSetInfo *) fcinfo->resultinfo, columns, n, psprintf("%s AS weir_row", name), filter);
	SPI_finish();
	PG_RETURN_NULL();
}

/* ---- a query ---- */

static char *
without_semicolon(char *query)
{
	Size		length = strlen(query);

	while (length > 0 && (isspace((unsigned char) query[length - 1]) || query[length - 1] == ';'))
		length--;
	query[length] = '\0';
	return query;
}

/* The columns of the query's result; it must be one SELECT (or VALUES, TABLE). */
static TupleDesc
describe(const char *query)
{
	SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);
	CachedPlanSource *source;

	source = plan != NULL && list_length(SPI_plan_get_plan_sources(plan)) == 1 ? linitial(SPI_plan_get_plan_sources(plan)) : NULL;
	if (source != NULL && source->commandTag == CMDTAG_SELECT && source->resultDesc != NULL)
		return CreateTupleDescCopy(source->resultDesc);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the query must be one SELECT"),
			 errhint("Make a view or a temporary table of anything else.")));
	return NULL;				/* not reached */
}

Datum
weir_query_columns(PG_FUNCTION_ARGS)
{
	char	   *query = without_semicolon(required_text(fcinfo, 0, "query"));
	StringInfoData source;
	WantedColumn *columns;
	TupleDesc	descriptor;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	descriptor = describe(query);
	columns = wanted_columns(descriptor, argument_names(fcinfo, 1), true, &n);

	/* Columns by number, for a query may give two of them the same name. */
	initStringInfo(&source);
	appendStringInfo(&source, "(%s\n) AS weir_row (", query);
	for (int i = 0; i < descriptor->natts; i++)
		appendStringInfo(&source, "%sc%d", i == 0 ? "" : ", ", i + 1);
	appendStringInfoChar(&source, ')');
	run((ReturnSetInfo *) fcinfo->resultinfo, columns, n, source.data, NULL);
	SPI_finish();
	PG_RETURN_NULL();
}
