/*
 * baseline_query.c
 *		A baseline from a query: its rows, summarized as the monitor's panes are.
 */
#include "postgres.h"

#include "base/memory.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "monitor/baseline_performance.h"
#include "monitor/baseline_query.h"
#include "monitor/windows.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#define FETCH_ROWS 1000

/* A column of the monitor, and where the query has it. */
typedef struct QueryColumn
{
	char	   *name;
	Oid			type;			/* in the monitor's source */
	SummaryKind kind;
	int			position;		/* in arrays of summaries, from 0 */
	int			attribute;		/* in the query's rows, from 1; 0: not there */
	ValueReader reader;
} QueryColumn;

struct BaselineRows
{
	int			monitor_id;
	MemoryContext memory;
	int			n_columns;
	QueryColumn *columns;
	int			n_segments;
	QueryColumn *segments;
	bool		has_segments;	/* the query has all segment columns */
	int64		n;
	BaselinePerformance *performance;
	SegmentMap *map;			/* of SegmentSummaries */
	List	   *segment_values; /* of SegmentSummaries */
	struct SegmentSummaries *overall;
};

typedef struct SegmentSummaries
{
	Datum		segment;		/* text[]; 0: all rows */
	Summary	  **summaries;
	Performance **performances;
} SegmentSummaries;

/* ---- the monitor ---- */

static int
read_columns(const char *query, int monitor_id, QueryColumn **columns, MemoryContext memory)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);
	int			n = sql_execute(query, 1, &type, &value, NULL);
	MemoryContext old = MemoryContextSwitchTo(memory);

	*columns = palloc0(sizeof(QueryColumn) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		bool		is_null;

		(*columns)[i].name = sql_text(i, 1);
		(*columns)[i].type = DatumGetObjectId(sql_value(i, 2, &is_null));
		(*columns)[i].kind = summary_kind_as_stored(sql_text(i, 3));
		(*columns)[i].position = DatumGetInt32(sql_value(i, 4, &is_null)) - 1;
	}
	MemoryContextSwitchTo(old);
	return n;
}

static void
read_monitor(BaselineRows *rows)
{
	SqlScope	scope;

	sql_begin(&scope);
	rows->n_columns =
		read_columns("SELECT column_name::text, data_type::oid, kind, ordinal FROM weir.monitor_column WHERE monitor_id = $1 "
					 "ORDER BY ordinal",
					 rows->monitor_id, &rows->columns, rows->memory);
	rows->n_segments =
		read_columns("SELECT s::text, 0::oid, 'category', i::int FROM weir.monitor, unnest(segment_by) WITH ORDINALITY u (s, i) "
					 "WHERE monitor_id = $1 ORDER BY i",
					 rows->monitor_id, &rows->segments, rows->memory);
	rows->performance = baseline_performance_load(rows->monitor_id, rows->memory);
	sql_end(&scope);
}

/* ---- the query ---- */

static void
find_in_rows(QueryColumn *column, TupleDesc shape)
{
	int			attribute = SPI_fnumber(shape, column->name);
	ValueReader expected;
	Oid			type;

	if (attribute <= 0)
		return;
	type = SPI_gettypeid(shape, attribute);
	if (!value_reader_init(&column->reader, type, column->kind, CurrentMemoryContext))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of the query is of type %s, which cannot be read as %s", column->name, format_type_be(type),
						summary_kind_name(column->kind)),
				 errhint("Cast it to the type that the monitored table has.")));
	if (OidIsValid(column->type) && value_reader_init(&expected, column->type, column->kind, CurrentMemoryContext) &&
		expected.unit != column->reader.unit)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of the query is of type %s, in the monitored table it is %s", column->name,
						format_type_be(type), format_type_be(column->type)),
				 errhint("Cast it to the type that the monitored table has.")));
	column->attribute = attribute;
}

static void
match_columns(BaselineRows *rows, TupleDesc shape)
{
	MemoryContext old = MemoryContextSwitchTo(rows->memory);
	int			n_found = 0;
	StringInfoData missing;

	initStringInfo(&missing);
	baseline_performance_match(rows->performance, shape);
	for (int i = 0; i < rows->n_columns; i++)
	{
		find_in_rows(&rows->columns[i], shape);
		n_found += rows->columns[i].attribute != 0;
		if (rows->columns[i].attribute == 0)
			appendStringInfo(&missing, "%s%s", missing.len == 0 ? "" : ", ", quote_identifier(rows->columns[i].name));
	}
	if (n_found == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("the query has none of the monitor's columns"),
				 errdetail("The monitor has %s.", missing.data), errhint("Name the query's columns as in the monitored table.")));
	if (missing.len > 0)
		ereport(NOTICE, (errmsg("the query has no column %s: no baseline for it", missing.data)));
	rows->has_segments = rows->n_segments > 0;
	for (int i = 0; i < rows->n_segments; i++)
	{
		find_in_rows(&rows->segments[i], shape);
		if (rows->segments[i].attribute == 0)
			rows->has_segments = false;
	}
	if (rows->n_segments > 0 && !rows->has_segments)
		ereport(NOTICE, (errmsg("the query does not have all segment columns: no baseline for segments")));
	MemoryContextSwitchTo(old);
}

static SegmentSummaries *
create_summaries(BaselineRows *rows)
{
	SegmentSummaries *entry = MemoryContextAllocZero(rows->memory, sizeof(SegmentSummaries));

	entry->summaries = MemoryContextAllocZero(rows->memory, sizeof(Summary *) * rows->n_columns);
	for (int i = 0; i < rows->n_columns; i++)
		if (rows->columns[i].attribute != 0)
			entry->summaries[i] =
				value_reader_summary(&rows->columns[i].reader, allocator_in(rows->memory), SUMMARY_DEFAULT_BUDGET);
	entry->performances = baseline_performance_create(rows->performance, rows->memory);
	return entry;
}

static Datum
segment_of_row(BaselineRows *rows, HeapTuple tuple, TupleDesc shape)
{
	Datum	   *values = palloc(sizeof(Datum) * rows->n_segments);
	bool	   *nulls = palloc(sizeof(bool) * rows->n_segments);
	int			dimensions[1] = {rows->n_segments};
	int			lower_bounds[1] = {1};

	for (int i = 0; i < rows->n_segments; i++)
	{
		Datum		value = SPI_getbinval(tuple, shape, rows->segments[i].attribute, &nulls[i]);

		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(value_reader_text(&rows->segments[i].reader, value));
	}
	return PointerGetDatum(construct_md_array(values, nulls, 1, dimensions, lower_bounds, TEXTOID, -1, false, TYPALIGN_INT));
}

static SegmentSummaries *
find_segment(BaselineRows *rows, HeapTuple tuple, TupleDesc shape)
{
	Datum		segment = segment_of_row(rows, tuple, shape);
	SegmentKey	key = segment_key(segment, CurrentMemoryContext);
	void	  **place = segment_map_find(rows->map, &key);

	if (*place == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(rows->memory);
		SegmentSummaries *entry = create_summaries(rows);

		entry->segment = PointerGetDatum(DatumGetArrayTypePCopy(segment));
		rows->segment_values = lappend(rows->segment_values, entry);
		*place = entry;
		MemoryContextSwitchTo(old);
	}
	return *place;
}

static void
add_row(BaselineRows *rows, HeapTuple tuple, TupleDesc shape)
{
	SegmentSummaries *segment = rows->has_segments ? find_segment(rows, tuple, shape) : NULL;

	baseline_performance_add(rows->performance, rows->overall->performances, tuple, shape);
	if (segment != NULL)
		baseline_performance_add(rows->performance, segment->performances, tuple, shape);

	for (int i = 0; i < rows->n_columns; i++)
	{
		QueryColumn *column = &rows->columns[i];
		bool		is_null;
		Datum		value;

		if (column->attribute == 0)
			continue;
		value = SPI_getbinval(tuple, shape, column->attribute, &is_null);
		value_reader_add(&column->reader, rows->overall->summaries[i], value, is_null);
		if (segment != NULL)
			value_reader_add(&column->reader, segment->summaries[i], value, is_null);
	}
	rows->n++;
}

BaselineRows *
baseline_query_run(int monitor_id, const char *query)
{
	BaselineRows *rows = palloc0(sizeof(BaselineRows));
	MemoryContext per_row;
	SPIPlanPtr	plan;
	Portal		portal;
	uint64		n;

	rows->monitor_id = monitor_id;
	rows->memory = CurrentMemoryContext;
	rows->map = segment_map_create(CurrentMemoryContext);
	read_monitor(rows);

	/* As the current user, with his search_path: it is his query. */
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	per_row = AllocSetContextCreate(CurrentMemoryContext, "weir baseline row", ALLOCSET_DEFAULT_SIZES);
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL || !SPI_is_cursor_plan(plan) ||
		((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->commandTag != CMDTAG_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the query of a baseline must be one SELECT")));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	match_columns(rows, portal->tupDesc);
	rows->overall = create_summaries(rows);
	do
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		n = SPI_processed;
		for (uint64 row = 0; row < n; row++)
		{
			MemoryContext old = MemoryContextSwitchTo(per_row);

			CHECK_FOR_INTERRUPTS();
			add_row(rows, SPI_tuptable->vals[row], SPI_tuptable->tupdesc);
			MemoryContextSwitchTo(old);
			MemoryContextReset(per_row);
		}
		SPI_freetuptable(SPI_tuptable);
	} while (n > 0);
	SPI_cursor_close(portal);
	SPI_finish();
	return rows;
}

int64
baseline_query_n(const BaselineRows *rows)
{
	return rows->n;
}

/* ---- storing ---- */

static Datum
summary_array(const BaselineRows *rows, const SegmentSummaries *entry, Oid type)
{
	int			n = Max(rows->n_columns == 0 ? 0 : rows->columns[rows->n_columns - 1].position + 1,
				baseline_performance_last_position(rows->performance) + 1);
	Datum	   *values = palloc0(sizeof(Datum) * Max(n, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(n, 1));
	int			dimensions[1] = {n};
	int			lower_bounds[1] = {1};
	int16		length;
	bool		by_value;
	char		alignment;

	memset(nulls, true, n);
	for (int i = 0; i < rows->n_columns; i++)
		if (entry->summaries[i] != NULL)
		{
			nulls[rows->columns[i].position] = false;
			values[rows->columns[i].position] = summary_to_datum(entry->summaries[i]);
		}
	baseline_performance_summaries(rows->performance, entry->performances, values, nulls);
	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_md_array(values, nulls, 1, dimensions, lower_bounds, type, length, by_value, alignment));
}

static void
store_row(const BaselineRows *rows, const SegmentSummaries *entry)
{
	Oid			summary_type = extension_type("summary");
	Oid			types[] = {INT4OID, TEXTARRAYOID, get_array_type(summary_type)};
	Datum		values[] = {Int32GetDatum(rows->monitor_id), entry->segment, summary_array(rows, entry, summary_type)};

	sql_execute("INSERT INTO weir.baseline_summary (monitor_id, segment, summaries) VALUES ($1, $2, $3)", lengthof(types), types,
				values, entry->segment == (Datum) 0 ? " n " : NULL);
}

void
baseline_query_store(BaselineRows *rows)
{
	ListCell   *cell;

	store_row(rows, rows->overall);
	foreach(cell, rows->segment_values)
		store_row(rows, lfirst(cell));
}
