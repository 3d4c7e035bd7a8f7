/*
 * downsample_sql.c
 *		largest_triangle and min_max_points in SQL: arrays of points, to be unnested.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "series/downsample.h"
#include "series/series_sql.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#define MOST_POINTS 1000000

/* The points as an array of the aggregate's result type, whose elements are rows (ts, value). */
static Datum
array_of_points(FunctionCallInfo fcinfo, const Point *points, size_t n)
{
	Oid			row_type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	TupleDesc	descriptor = lookup_rowtype_tupdesc(row_type, -1);
	Oid			time_type = TupleDescAttr(descriptor, 0)->atttypid;
	Datum	   *rows = palloc(mul_size(sizeof(Datum), n));
	bool		nulls[2] = {false, false};
	Datum		result;

	for (size_t i = 0; i < n; i++)
	{
		Datum		values[2] = {time_datum(time_type, points[i].time), Float8GetDatum(points[i].value)};

		CHECK_FOR_INTERRUPTS();
		rows[i] = HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
	}
	ReleaseTupleDesc(descriptor);
	result = PointerGetDatum(construct_array(rows, (int) n, row_type, -1, false, TYPALIGN_DOUBLE));
	return result;
}

static Datum
downsampled(FunctionCallInfo fcinfo, size_t (*choose)(const Points *points, size_t n, Point *chosen))
{
	SeriesState *state = series_sorted(fcinfo);
	Point	   *chosen;
	size_t		n;

	if (state == NULL || !state->has_parameter)
		PG_RETURN_NULL();
	if (state->number < 2 || state->number > MOST_POINTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("number of points must be between 2 and %d", MOST_POINTS)));
	n = Min((size_t) state->number, state->points.n);
	chosen = palloc(sizeof(Point) * n);
	n = choose(&state->points, (size_t) state->number, chosen);
	return array_of_points(fcinfo, chosen, n);
}

PG_FUNCTION_INFO_V1(weir_largest_triangle_final);
Datum
weir_largest_triangle_final(PG_FUNCTION_ARGS)
{
	return downsampled(fcinfo, downsample_largest_triangle);
}

PG_FUNCTION_INFO_V1(weir_min_max_points_final);
Datum
weir_min_max_points_final(PG_FUNCTION_ARGS)
{
	return downsampled(fcinfo, downsample_extremes);
}
