/*
 * moving_sql.c
 *		summarize and stats over frames that slide: the moving states of the aggregates (quantile's are in quantile_sql.c).
 */
#include "postgres.h"

#include <math.h>

#include "base/memory.h"
#include "fmgr.h"
#include "summary/moving_summary.h"
#include "summary/summary_datum.h"
#include "summary/summary_sql.h"

PG_FUNCTION_INFO_V1(weir_moving_summary_enter);
PG_FUNCTION_INFO_V1(weir_moving_numeric_enter);
PG_FUNCTION_INFO_V1(weir_moving_category_enter);
PG_FUNCTION_INFO_V1(weir_moving_summary_leave);
PG_FUNCTION_INFO_V1(weir_moving_summary_final);
PG_FUNCTION_INFO_V1(weir_moving_stats_final);
PG_FUNCTION_INFO_V1(weir_moving_distinct_final);

static Datum
enter(FunctionCallInfo fcinfo, WantedKind wanted)
{
	MemoryContext context = require_aggregate_context(fcinfo);
	const ValueReader *reader = aggregate_value_reader(fcinfo, wanted);
	MovingSummary *moving;

	if (PG_ARGISNULL(0))
		moving = moving_create(allocator_in(context), reader->kind, reader->unit, requested_budget(fcinfo), true);
	else
		moving = (MovingSummary *) PG_GETARG_POINTER(0);
	value_reader_enter(reader, moving, PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	PG_RETURN_POINTER(moving);
}

Datum
weir_moving_summary_enter(PG_FUNCTION_ARGS)
{
	return enter(fcinfo, WANT_DEFAULT);
}

Datum
weir_moving_numeric_enter(PG_FUNCTION_ARGS)
{
	return enter(fcinfo, WANT_NUMERIC);
}

Datum
weir_moving_category_enter(PG_FUNCTION_ARGS)
{
	return enter(fcinfo, WANT_CATEGORY);
}

static WantedKind
wanted_kind(SummaryKind kind)
{
	return kind == SUMMARY_NUMERIC ? WANT_NUMERIC : kind == SUMMARY_CATEGORY ? WANT_CATEGORY : WANT_DEFAULT;
}

Datum
weir_moving_summary_leave(PG_FUNCTION_ARGS)
{
	MovingSummary *moving;
	const ValueReader *reader;

	require_aggregate_context(fcinfo);
	moving = (MovingSummary *) PG_GETARG_POINTER(0);
	reader = aggregate_value_reader(fcinfo, wanted_kind(moving_kind(moving)));

	/* NULL makes the server compute the frame anew. */
	if (!value_reader_leave(reader, moving, PG_GETARG_DATUM(1), PG_ARGISNULL(1)))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(moving);
}

Datum
weir_moving_summary_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(
		summary_to_datum(moving_snapshot((const MovingSummary *) PG_GETARG_POINTER(0), allocator_in(CurrentMemoryContext))));
}

Datum
weir_moving_stats_final(PG_FUNCTION_ARGS)
{
	const MovingSummary *moving;
	SummaryStatistics statistics;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	moving = (const MovingSummary *) PG_GETARG_POINTER(0);
	moving_statistics(moving, &statistics);
	return statistics_datum(fcinfo, moving_unit(moving), &statistics);
}

Datum
weir_moving_distinct_final(PG_FUNCTION_ARGS)
{
	double		estimate;
	double		error;
	Summary	   *snapshot;

	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(0);
	snapshot = moving_snapshot((const MovingSummary *) PG_GETARG_POINTER(0), allocator_in(CurrentMemoryContext));
	if (!summary_distinct(snapshot, &estimate, &error))
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) rint(estimate));
}
