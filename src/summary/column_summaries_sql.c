/*
 * column_summaries_sql.c
 *		weir._summarize_columns(VARIADIC "any"), the aggregate that summarize_table and summarize_query run.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "summary/column_summaries.h"
#include "summary/summary_sql.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(weir_columns_transition);
PG_FUNCTION_INFO_V1(weir_columns_combine);
PG_FUNCTION_INFO_V1(weir_columns_serialize);
PG_FUNCTION_INFO_V1(weir_columns_deserialize);
PG_FUNCTION_INFO_V1(weir_columns_final);

#define N_RESULT 5

static ColumnSummaries *
create_state(FunctionCallInfo fcinfo, MemoryContext context)
{
	int			n_columns = PG_NARGS() - 1;
	Oid		   *types = palloc(sizeof(Oid) * (Size) Max(n_columns, 1));

	if (get_fn_expr_variadic(fcinfo->flinfo))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("columns are given one by one, not as an array")));
	for (int i = 0; i < n_columns; i++)
		types[i] = get_fn_expr_argtype(fcinfo->flinfo, i + 1);
	return column_summaries_create(context, n_columns, types);
}

Datum
weir_columns_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = require_aggregate_context(fcinfo);
	ColumnSummaries *state = PG_ARGISNULL(0) ? create_state(fcinfo, context) : (ColumnSummaries *) PG_GETARG_POINTER(0);

	column_summaries_add(state, fcinfo->args + 1);
	PG_RETURN_POINTER(state);
}

Datum
weir_columns_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = require_aggregate_context(fcinfo);
	ColumnSummaries *into = PG_ARGISNULL(0) ? NULL : (ColumnSummaries *) PG_GETARG_POINTER(0);
	ColumnSummaries *from = PG_ARGISNULL(1) ? NULL : (ColumnSummaries *) PG_GETARG_POINTER(1);

	if (from == NULL)
	{
		if (into == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(into);
	}
	if (into == NULL)
	{
		/* A copy in memory that lasts as long as the state. */
		into = column_summaries_deserialize(context, column_summaries_serialize(from));
		PG_RETURN_POINTER(into);
	}
	column_summaries_merge(into, from);
	PG_RETURN_POINTER(into);
}

Datum
weir_columns_serialize(PG_FUNCTION_ARGS)
{
	require_aggregate_context(fcinfo);
	PG_RETURN_BYTEA_P(column_summaries_serialize((ColumnSummaries *) PG_GETARG_POINTER(0)));
}

Datum
weir_columns_deserialize(PG_FUNCTION_ARGS)
{
	require_aggregate_context(fcinfo);
	PG_RETURN_POINTER(column_summaries_deserialize(CurrentMemoryContext, PG_GETARG_BYTEA_PP(0)));
}

/* weir.column_summary[], in the order of the arguments. */
Datum
weir_columns_final(PG_FUNCTION_ARGS)
{
	ColumnSummaries *state;
	Oid			type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	TupleDesc	descriptor;
	Datum	   *elements;
	int16		length;
	bool		by_value;
	char		alignment;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (ColumnSummaries *) PG_GETARG_POINTER(0);
	column_summaries_settle(state);
	descriptor = lookup_rowtype_tupdesc(type, -1);
	Assert(descriptor->natts == N_RESULT);
	elements = palloc(sizeof(Datum) * (Size) Max(state->n_columns, 1));
	for (int i = 0; i < state->n_columns; i++)
	{
		const ColumnSummary *column = &state->columns[i];
		char	   *minimum = column_minimum(column);
		char	   *maximum = column_maximum(column);
		Datum		values[N_RESULT];
		bool		nulls[N_RESULT] = {false};

		values[0] = Int64GetDatum(column->summary == NULL ? column->n : summary_n(column->summary));
		values[1] = Int64GetDatum(column->summary == NULL ? column->null_count : summary_null_count(column->summary));
		nulls[2] = minimum == NULL;
		values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(minimum);
		nulls[3] = maximum == NULL;
		values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(maximum);
		nulls[4] = column->summary == NULL;
		values[4] = nulls[4] ? (Datum) 0 : summary_to_datum(column->summary);
		elements[i] = heap_copy_tuple_as_datum(heap_form_tuple(descriptor, values, nulls), descriptor);
	}
	ReleaseTupleDesc(descriptor);
	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, state->n_columns, type, length, by_value, alignment));
}
