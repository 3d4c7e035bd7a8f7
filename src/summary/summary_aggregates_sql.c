/*
 * summary_aggregates_sql.c
 *		summarize, merge and stats: transition and combine functions.  The state is a live summary (summary_object.h).
 */
#include "postgres.h"

#include "base/memory.h"
#include "fmgr.h"
#include "summary/summary_datum.h"
#include "summary/summary_object.h"
#include "summary/summary_sql.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_summarize_transition);
PG_FUNCTION_INFO_V1(weir_summarize_numeric_transition);
PG_FUNCTION_INFO_V1(weir_summarize_category_transition);
PG_FUNCTION_INFO_V1(weir_summary_combine);

MemoryContext
require_aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("this function can be called only as part of an aggregate")));
	return context;
}

static void
type_has_no_kind(Oid type, bool numeric)
{
	if (numeric)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("values of type %s cannot be read as numbers", format_type_be(type)),
			 errhint(
				 "Numbers, booleans, intervals, dates and times can; cast the value, or count it with weir.summarize_category.")));
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("values of type %s cannot be summarized", format_type_be(type)),
			 errhint("Cast the value to a number or to text.")));
}

const ValueReader *
aggregate_value_reader(FunctionCallInfo fcinfo, WantedKind wanted)
{
	ValueReader *reader = fcinfo->flinfo->fn_extra;
	SummaryKind kind = wanted == WANT_NUMERIC ? SUMMARY_NUMERIC : SUMMARY_CATEGORY;
	Oid			type;

	if (reader != NULL)
		return reader;
	type = get_fn_expr_argtype(fcinfo->flinfo, 1);
	if (!OidIsValid(type))
		elog(ERROR, "could not determine the type of the aggregated values");
	reader = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(ValueReader));
	if ((wanted == WANT_DEFAULT && !value_kind_of_type(type, &kind)) ||
		!value_reader_init(reader, type, kind, fcinfo->flinfo->fn_mcxt))
		type_has_no_kind(type, wanted == WANT_NUMERIC);
	fcinfo->flinfo->fn_extra = reader;
	return reader;
}

int
requested_budget(FunctionCallInfo fcinfo)
{
	int			bins;

	if (PG_NARGS() < 3 || PG_ARGISNULL(2))
		return SUMMARY_DEFAULT_BUDGET;
	bins = PG_GETARG_INT32(2);
	if (bins < SUMMARY_MIN_BUDGET || bins > SUMMARY_MAX_BUDGET)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of bins must be between %d and %d", SUMMARY_MIN_BUDGET, SUMMARY_MAX_BUDGET)));
	return bins;
}

static Datum
transition(FunctionCallInfo fcinfo, WantedKind wanted)
{
	MemoryContext context = require_aggregate_context(fcinfo);
	const ValueReader *reader = aggregate_value_reader(fcinfo, wanted);
	SummaryObject *object;

	if (PG_ARGISNULL(0))
	{
		int			budget = requested_budget(fcinfo);

		object = summary_object_create(context);
		object->summary = value_reader_summary(reader, allocator_in(object->header.eoh_context), budget);
	}
	else
		object = summary_object_for_change(PG_GETARG_DATUM(0), context);
	value_reader_add(reader, object->summary, PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	return EOHPGetRWDatum(&object->header);
}

Datum
weir_summarize_transition(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, WANT_DEFAULT);
}

Datum
weir_summarize_numeric_transition(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, WANT_NUMERIC);
}

Datum
weir_summarize_category_transition(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, WANT_CATEGORY);
}

/* Both the combine function of every aggregate here and the transition function of merge; NULLs leave the state as it is. */
Datum
weir_summary_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = require_aggregate_context(fcinfo);
	SummaryObject *object;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		return PG_GETARG_DATUM(0);
	}
	if (PG_ARGISNULL(0))
	{
		object = summary_object_create(context);
		object->summary = summary_from_datum(allocator_in(object->header.eoh_context), PG_GETARG_DATUM(1));
	}
	else
	{
		object = summary_object_for_change(PG_GETARG_DATUM(0), context);
		summary_check_status(summary_merge(object->summary, summary_borrow(PG_GETARG_DATUM(1))));
	}
	return EOHPGetRWDatum(&object->header);
}
