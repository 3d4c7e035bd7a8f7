/*
 * compare_sql.c
 *		compare and _compare_summaries: drift of every column between two tables or queries.
 *
 * Each side is read once, by one query that summarizes all columns, as the caller and with the caller's search_path.
 */
#include "postgres.h"

#include <math.h>

#include "base/arguments.h"
#include "base/compat.h"
#include "base/memory.h"
#include "base/privileges.h"
#include "base/query.h"
#include "catalog/pg_type_d.h"
#include "drift/adjust.h"
#include "drift/drift_datum.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "summary/summary_datum.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_compare);

typedef struct ComparedColumn
{
	char	   *name;
	bool		present[2];
	Oid			types[2];
	ValueReader readers[2];
	bool		has_kind;		/* of the side that is looked at */
	bool		comparable;
	const char *reason;			/* why not */
	SummaryKind kind;
	Summary	   *summaries[2];
} ComparedColumn;

/* A row of the result, before p-values are adjusted. */
typedef struct ComparedRow
{
	ComparedColumn *column;
	DriftMetric metric;
	DriftScore	score;
	Datum		values[DRIFT_ROW_COLUMNS];
	bool		nulls[DRIFT_ROW_COLUMNS];
	double		p_adjusted;
} ComparedRow;

static const char *const side_names[] = {"baseline", "current"};

/* ---- what is compared ---- */

static ComparedColumn *
find_column(List *columns, const char *name)
{
	ListCell   *cell;

	foreach(cell, columns)
		if (strcmp(((ComparedColumn *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	return NULL;
}

/* The columns of both sides, those of the baseline first, in their order. */
static List *
find_columns(const RowSource *sides)
{
	List	   *columns = NIL;

	for (int side = 0; side < 2; side++)
		for (int i = 0; i < sides[side].shape->natts; i++)
		{
			Form_pg_attribute attribute = TupleDescAttr(sides[side].shape, i);
			ComparedColumn *column = find_column(columns, NameStr(attribute->attname));

			if (column == NULL)
			{
				column = palloc0(sizeof(ComparedColumn));
				column->name = pstrdup(NameStr(attribute->attname));
				columns = lappend(columns, column);
			}
			if (column->present[side])
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN), errmsg("%s has two columns \"%s\"", side_names[side], column->name),
						 errhint("Give one of them another name in the query.")));
			column->present[side] = true;
			column->types[side] = attribute->atttypid;
		}
	return columns;
}

/* Those that are named, in their order. */
static List *
choose_columns(List *columns, ArrayType *names)
{
	List	   *chosen = NIL;
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name = nulls[i] ? NULL : TextDatumGetCString(values[i]);
		ComparedColumn *column = name == NULL ? NULL : find_column(columns, name);

		if (name == NULL)
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a column's name must not be null")));
		if (column == NULL)
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("neither side has a column \"%s\"", name)));
		if (!list_member_ptr(chosen, column))
			chosen = lappend(chosen, column);
	}
	return chosen;
}

/* {"age": "category"}; NULL where it says nothing. */
static char *
kind_given(Jsonb *kinds, const char *name)
{
	JsonbValue	value;
	char	   *kind;

	if (kinds == NULL || getKeyJsonValueFromContainer(&kinds->root, name, strlen(name), &value) == NULL)
		return NULL;
	kind = value.type == jbvString ? pnstrdup(value.val.string.val, value.val.string.len) : pstrdup("");
	if (strcmp(kind, "numeric") != 0 && strcmp(kind, "category") != 0 && strcmp(kind, "vector") != 0 && strcmp(kind, "ignore") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("kind of column \"%s\" is not valid", name),
				 errdetail("It must be \"numeric\", \"category\", \"vector\" or \"ignore\".")));
	return kind;
}

/* False when the column cannot be compared at all: its type has no kind on either side. */
static bool
choose_kind(ComparedColumn *column, const char *given)
{
	bool		found = false;

	for (int side = 0; side < 2; side++)
	{
		SummaryKind kind;

		if (!column->present[side])
			continue;
		if (given != NULL)
			kind = strcmp(given, "numeric") == 0 ? SUMMARY_NUMERIC
				: strcmp(given, "vector") == 0   ? SUMMARY_VECTOR
												 : SUMMARY_CATEGORY;
		else if (!value_kind_of_type(column->types[side], &kind))
			continue;
		if (!value_reader_init(&column->readers[side], column->types[side], kind, CurrentMemoryContext))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of %s is of type %s, which cannot be read as %s", column->name, side_names[side],
							format_type_be(column->types[side]),
							kind == SUMMARY_NUMERIC      ? "numeric"
								: kind == SUMMARY_VECTOR ? "a vector"
														 : "a category")));
		if (found && (column->kind != kind || column->readers[BASELINE].unit != column->readers[CURRENT].unit))
			column->reason = "the column has another type on the other side";
		column->comparable = found && column->reason == NULL;
		column->kind = found ? column->kind : kind;
		found = true;
	}
	if (!column->present[BASELINE])
		column->reason = "the baseline has no such column";
	else if (!column->present[CURRENT])
		column->reason = "the current sample has no such column";
	else if (!column->comparable && column->reason == NULL)
		column->reason = "the column has another type on the other side";
	return found;
}

/* ---- reading ---- */

static void
summarize_side(const char *from, List *columns, int side, MemoryContext memory)
{
	StringInfoData statement;
	ListCell   *cell;
	int			n = 0;

	initStringInfo(&statement);
	appendStringInfoString(&statement, "SELECT ");
	foreach(cell, columns)
	{
		ComparedColumn *column = lfirst(cell);

		if (!column->comparable)
			continue;
		appendStringInfo(&statement, "%sweir.summarize%s(%s)", n == 0 ? "" : ", ",
						 column->kind == SUMMARY_NUMERIC        ? "_numeric"
							 : column->kind == SUMMARY_CATEGORY ? "_category"
																: "",
						 quote_identifier(column->name));
		n++;
	}
	if (n == 0)
		return;
	appendStringInfo(&statement, " FROM %s", from);
	(void) SPI_execute(statement.data, true, 0);
	n = 0;
	foreach(cell, columns)
	{
		ComparedColumn *column = lfirst(cell);
		bool		is_null;
		Datum		summary;

		if (!column->comparable)
			continue;
		summary = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, ++n, &is_null);
		if (is_null)			/* no rows */
			column->summaries[side] = value_reader_summary(&column->readers[side], allocator_in(memory), SUMMARY_DEFAULT_BUDGET);
		else
			column->summaries[side] = summary_from_datum(allocator_in(memory), summary);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* ---- scores ---- */

static List *
score_column(ComparedColumn *column, ArrayType *metrics, const bool *wanted, Jsonb *options, List *rows)
{
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	DriftOptions parsed;
	DriftPair  *pair;
	bool		has_primary = false;

	drift_read_options(options, column->readers[BASELINE].unit, &parsed);
	pair = drift_pair_of_summaries(allocator, &parsed, column->summaries[BASELINE], column->summaries[CURRENT]);
	if (pair == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("column \"%s\" has vectors of different dimensions", column->name),
				 errhint("Leave it out with columns or kinds.")));
	for (int i = 0; i < DRIFT_N_METRICS; i++)
	{
		ComparedRow *row;

		CHECK_FOR_INTERRUPTS();
		if (!wanted[i] || !(metrics == NULL ? drift_metric_applies_to(i, pair) : drift_metric_applies(i, pair->kind)))
			continue;
		row = palloc0(sizeof(ComparedRow));
		row->column = column;
		row->metric = i;
		drift_row(pair, i, !has_primary, &row->score, row->values, row->nulls);
		row->p_adjusted = row->score.has_p_value ? row->score.p_value : NAN;
		rows = lappend(rows, row);
		has_primary = true;
	}
	drift_pair_free(pair);
	return rows;
}

/* The p-values of one metric, over the columns. */
static void
adjust_rows(List *rows, Adjustment adjustment)
{
	double	   *p_values = palloc(sizeof(double) * (list_length(rows) + 1));

	for (int metric = 0; metric < DRIFT_N_METRICS; metric++)
	{
		int			n = 0;
		ListCell   *cell;

		foreach(cell, rows)
			if (((ComparedRow *) lfirst(cell))->metric == metric)
				p_values[n++] = ((ComparedRow *) lfirst(cell))->p_adjusted;
		adjust_p_values(allocator_in(CurrentMemoryContext), p_values, n, adjustment);
		n = 0;
		foreach(cell, rows)
			if (((ComparedRow *) lfirst(cell))->metric == metric)
				((ComparedRow *) lfirst(cell))->p_adjusted = p_values[n++];
	}
}

/* ---- rows ---- */

#define N_RESULT_COLUMNS 13
#define N_WITH_SUMMARIES 15 /* of _compare_summaries: both summaries, in a column's primary row */

static const char *
kind_name(SummaryKind kind)
{
	return kind == SUMMARY_NUMERIC ? "numeric" : kind == SUMMARY_CATEGORY ? "category" : "vector";
}

static void
put_row(ReturnSetInfo *result, const ComparedRow *row, double significance)
{
	/* where the columns of drift() go: after column_name and kind, p_adjusted stands after p_value, and there is no error_bound */
	static const int place_of[DRIFT_ROW_COLUMNS] = {2, 3, 4, 6, 7, 8, -1, 9, 10, 11, 12};
	Datum		values[N_WITH_SUMMARIES] = {0};
	bool		nulls[N_WITH_SUMMARIES] = {false};

	values[0] = DirectFunctionCall1(namein, CStringGetDatum(row->column->name));
	values[1] = CStringGetTextDatum(kind_name(row->column->kind));
	for (int i = 0; i < DRIFT_ROW_COLUMNS; i++)
		if (place_of[i] >= 0)
		{
			values[place_of[i]] = row->values[i];
			nulls[place_of[i]] = row->nulls[i];
		}
	values[5] = Float8GetDatum(row->p_adjusted);
	nulls[5] = isnan(row->p_adjusted);
	/* what is not significant among so many is no drift */
	if (!nulls[10] && !nulls[5] && !(row->p_adjusted < significance))
		values[10] = CStringGetTextDatum("ok");
	for (int side = 0; side < 2; side++)
	{
		nulls[N_RESULT_COLUMNS + side] = result->setDesc->natts < N_WITH_SUMMARIES || !DatumGetBool(row->values[7]);
		if (!nulls[N_RESULT_COLUMNS + side])
			values[N_RESULT_COLUMNS + side] = summary_to_datum(row->column->summaries[side]);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* A column that cannot be compared has one row, which says why. */
static void
put_incomparable(ReturnSetInfo *result, const ComparedColumn *column, DriftMetric primary)
{
	Datum		values[N_WITH_SUMMARIES] = {0};
	bool		nulls[N_WITH_SUMMARIES];

	memset(nulls, true, sizeof(nulls));
	values[0] = DirectFunctionCall1(namein, CStringGetDatum(column->name));
	values[1] = CStringGetTextDatum(kind_name(column->kind));
	values[2] = CStringGetTextDatum(drift_metric_name(primary));
	values[9] = BoolGetDatum(true);
	values[11] = CStringGetTextDatum("undefined");
	values[12] = DirectFunctionCall1(jsonb_in, CStringGetDatum(psprintf("{\"reason\": \"%s\"}", column->reason)));
	nulls[0] = nulls[1] = nulls[2] = nulls[9] = nulls[11] = nulls[12] = false;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Options without "kinds", which is compare's own. */
static Jsonb *
split_options(Jsonb *options, Jsonb **kinds)
{
	JsonbValue	value;

	*kinds = NULL;
	if (options == NULL || !JB_ROOT_IS_OBJECT(options) ||
		getKeyJsonValueFromContainer(&options->root, "kinds", strlen("kinds"), &value) == NULL)
		return options;
	if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"kinds\" is not valid"),
				 errdetail("It must be an object, like {\"age\": \"category\"}.")));
	*kinds = JsonbValueToJsonb(&value);
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(options), CStringGetTextDatum("kinds")));
}

Datum
weir_compare(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *texts[2] = {required_text(fcinfo, 0, "baseline"), required_text(fcinfo, 1, "current")};
	ArrayType  *metrics = PG_ARGISNULL(3) ? NULL : PG_GETARG_ARRAYTYPE_P(3);
	char	   *adjust = required_text(fcinfo, 4, "adjust");
	int			adjustment = adjustment_find(adjust);
	bool		wanted[DRIFT_N_METRICS];
	DriftOptions parsed;
	Jsonb	   *options;
	Jsonb	   *kinds;
	RowSource	sides[2];
	List	   *columns;
	List	   *compared = NIL;
	List	   *rows = NIL;
	ListCell   *cell;
	int			primary = 0;

	if (adjustment < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no adjustment \"%s\"", adjust),
				 errhint("It is none, bonferroni, holm, benjamini_hochberg or benjamini_yekutieli.")));
	drift_read_metrics(metrics, wanted);
	while (primary < DRIFT_N_METRICS - 1 && !wanted[primary])
		primary++;
	options = split_options(PG_ARGISNULL(5) ? NULL : PG_GETARG_JSONB_P(5), &kinds);
	drift_read_options(options, SUMMARY_PLAIN, &parsed);
	InitMaterializedSRF(fcinfo, 0);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	for (int side = 0; side < 2; side++)
		sides[side] = row_source(texts[side], side_names[side], 0, NULL);
	columns = find_columns(sides);
	if (!PG_ARGISNULL(2))
		columns = choose_columns(columns, PG_GETARG_ARRAYTYPE_P(2));
	foreach(cell, columns)
	{
		ComparedColumn *column = lfirst(cell);
		char	   *given = kind_given(kinds, column->name);

		if (given != NULL && strcmp(given, "ignore") == 0)
			continue;
		if (choose_kind(column, given))
			compared = lappend(compared, column);
		else if (!PG_ARGISNULL(2))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" is of type %s, which cannot be compared", column->name,
							format_type_be(column->types[column->present[BASELINE] ? BASELINE : CURRENT])),
					 errhint("Cast it to a number or to text in a query.")));
	}
	for (int side = 0; side < 2; side++)
		summarize_side(sides[side].from, compared, side, CurrentMemoryContext);
	foreach(cell, compared)
		if (((ComparedColumn *) lfirst(cell))->comparable)
			rows = score_column(lfirst(cell), metrics, wanted, options, rows);
	adjust_rows(rows, (Adjustment) adjustment);
	foreach(cell, rows)
		put_row(result, lfirst(cell), parsed.significance);
	foreach(cell, compared)
		if (!((ComparedColumn *) lfirst(cell))->comparable)
			put_incomparable(result, lfirst(cell), primary);
	SPI_finish();
	return (Datum) 0;
}
