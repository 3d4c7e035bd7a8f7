/*
 * pane_scan.c
 *		Reads the live panes of a monitor in the order of time.
 */
#include "postgres.h"

#include "base/memory.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "monitor/windows.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define FETCH_ROWS 100

void
array_elements(Datum array_datum, int n, const int *positions, Datum *elements)
{
	ArrayType  *array = DatumGetArrayTypeP(array_datum);
	int16		length;
	bool		by_value;
	char		alignment;
	Datum	   *values;
	bool	   *nulls;
	int			n_values;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &alignment);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, alignment, &values, &nulls, &n_values);
	for (int i = 0; i < n; i++)
		elements[i] = positions[i] < n_values && !nulls[positions[i]] ? values[positions[i]] : (Datum) 0;
}

static Datum
column_value(HeapTuple tuple, TupleDesc shape, int column)
{
	bool		is_null;
	Datum		value = SPI_getbinval(tuple, shape, column, &is_null);

	if (is_null)
		elog(ERROR, "column %d of a pane is null", column);
	return value;
}

static void
read_pane(const WindowRequest *request, HeapTuple tuple, TupleDesc shape, Bundle *pane, Datum *elements)
{
	Allocator	allocator = allocator_in(pane->context);

	pane->n = DatumGetInt64(column_value(tuple, shape, 3));
	pane->n_labelled = DatumGetInt64(column_value(tuple, shape, 4));
	pane->n_late = DatumGetInt64(column_value(tuple, shape, 5));
	pane->marks = DatumGetInt32(column_value(tuple, shape, 6));
	pane->updated_at = DatumGetTimestampTz(column_value(tuple, shape, 7));
	/* The arrays are stored out of line and fetched only where they are wanted; only the elements wanted are decoded. */
	if (request->n_columns > 0)
	{
		array_elements(column_value(tuple, shape, 8), request->n_columns, request->columns, elements);
		for (int i = 0; i < request->n_columns; i++)
			if (elements[i] != (Datum) 0)
				pane->summaries[i] = summary_from_datum(allocator, elements[i]);
	}
	if (request->n_protected > 0)
	{
		int		   *positions = palloc(sizeof(int) * request->n_protected);

		for (int i = 0; i < request->n_protected; i++)
			positions[i] = request->first_protected + request->protected_columns[i];
		array_elements(column_value(tuple, shape, 9), request->n_protected, positions, elements);
		for (int i = 0; i < request->n_protected; i++)
			if (elements[i] != (Datum) 0)
				pane->fairness[i] = fairness_from_datum(allocator, elements[i]);
	}
}

/* Where the pane begins that contains ts, if panes there were rolled up; else ts. */
static TimestampTz
start_of_pane(int monitor_id, TimestampTz ts)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(monitor_id), TimestampTzGetDatum(ts)};
	bool		is_null;

	if (sql_execute("SELECT weir.tumble($2, l.pane_size, NULL, m.time_zone) FROM weir.pane_level l JOIN weir.monitor m "
					"USING (monitor_id) WHERE l.monitor_id = $1 AND l.before > $2 ORDER BY l.before LIMIT 1",
					lengthof(types), types, values, NULL) > 0)
		ts = DatumGetTimestampTz(sql_value(0, 1, &is_null));
	return ts;
}

void
pane_scan(const WindowRequest *request, TimestampTz since, TimestampTz until, PaneVisitor visit, void *context)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(request->monitor_id), TimestampTzGetDatum(since), TimestampTzGetDatum(until)};
	Datum	   *elements = palloc(sizeof(Datum) * Max(Max(request->n_columns, request->n_protected), 1));
	Bundle	   *pane = bundle_create(CurrentMemoryContext, request->n_columns, request->n_protected);
	Portal		portal;

	values[1] = TimestampTzGetDatum(start_of_pane(request->monitor_id, since));
	portal = SPI_cursor_open_with_args(
		NULL,
		"SELECT pane_start, segment, n, n_labelled, n_late, "
		"marks | (SELECT (inexact_since IS NOT NULL)::int FROM weir.monitor_state WHERE monitor_id = $1), "
		"updated_at, summaries, fairness, pane_end "
		"FROM weir.pane WHERE monitor_id = $1 AND generation = 0 AND part = 'b' "
		"AND pane_start >= $2 AND pane_start < $3 ORDER BY pane_start",
		lengthof(types), types, values, NULL, true, 0);
	for (;;)
	{
		SPITupleTable *rows;
		uint64		n;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		rows = SPI_tuptable;
		n = SPI_processed;
		for (uint64 row = 0; row < n; row++)
		{
			MemoryContext old = MemoryContextSwitchTo(pane->context);
			SegmentKey	segment;
			bool		is_fine;
			Datum		end = SPI_getbinval(rows->vals[row], rows->tupdesc, 10, &is_fine);

			CHECK_FOR_INTERRUPTS();
			segment = segment_key(column_value(rows->vals[row], rows->tupdesc, 2), pane->context);
			read_pane(request, rows->vals[row], rows->tupdesc, pane, elements);
			MemoryContextSwitchTo(old);
			visit(context, DatumGetTimestampTz(column_value(rows->vals[row], rows->tupdesc, 1)),
				  is_fine ? DT_NOBEGIN : DatumGetTimestampTz(end), &segment, pane);
			bundle_reset(pane);
		}
		SPI_freetuptable(rows);
		if (n == 0)
			break;
	}
	SPI_cursor_close(portal);
	bundle_free(pane);
}
