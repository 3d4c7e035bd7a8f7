/*
 * pane_table.c
 *		Panes between memory and the table weir.pane.
 */
#include "postgres.h"

#include "base/privileges.h"
#include "base/sql.h"
#include "capture/level.h"
#include "capture/pane_table.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#define KEY_CONDITION " monitor_id = $1 AND generation = $2 AND pane_start = $3 AND segment = $4 AND part = $5"

/* Element type of one of weir's array columns. */
typedef struct ElementType
{
	Oid			type;
	int16		length;
	bool		by_value;
	char		alignment;
} ElementType;

static void
element_type(const char *name, ElementType *element)
{
	element->type = extension_type(name);
	get_typlenbyvalalign(element->type, &element->length, &element->by_value, &element->alignment);
}

Datum
pane_table_segment(const Segment *segment)
{
	Datum	   *values;
	bool	   *nulls;
	int			dimension = segment->n;
	int			lower_bound = 1;

	if (segment->n == 0)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	values = palloc(sizeof(Datum) * segment->n);
	nulls = palloc(sizeof(bool) * segment->n);
	for (int i = 0; i < segment->n; i++)
	{
		nulls[i] = segment->values[i] == NULL;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(segment->values[i]);
	}
	return PointerGetDatum(construct_md_array(values, nulls, 1, &dimension, &lower_bound, TEXTOID, -1, false, TYPALIGN_INT));
}

/* An array of n elements by position, 0 for what is NULL. */
static Datum
array_of_elements(const char *type, int n, const Datum *values)
{
	ElementType element;
	bool	   *nulls = palloc(sizeof(bool) * Max(n, 1));
	int			lower_bound = 1;

	element_type(type, &element);
	if (n == 0)
		return PointerGetDatum(construct_empty_array(element.type));
	for (int i = 0; i < n; i++)
		nulls[i] = values[i] == (Datum) 0;
	return PointerGetDatum(construct_md_array((Datum *) values, nulls, 1, &n, &lower_bound, element.type, element.length,
											  element.by_value, element.alignment));
}

/* The elements of such an array. */
static int
elements_of_array(const char *type, Datum array, Datum **values)
{
	ElementType element;
	bool	   *nulls;
	int			n;

	element_type(type, &element);
	deconstruct_array(DatumGetArrayTypeP(array), element.type, element.length, element.by_value, element.alignment, values, &nulls,
					  &n);
	for (int i = 0; i < n; i++)
		if (nulls[i])
			(*values)[i] = (Datum) 0;
	return n;
}

void
pane_table_encode(CapturedMonitor *monitor, PanePart *part, PaneRow *row)
{
	int			n_summaries = monitor->n_columns == 0 ? 0 : monitor->columns[monitor->n_columns - 1].position + 1;
	int			n_fairness = monitor->n_protected == 0 ? 0 : monitor->first_protected + monitor->n_protected;
	Datum	   *values = palloc0(sizeof(Datum) * Max(1, Max(n_summaries, n_fairness)));

	pane_part_settle(monitor, part);
	row->is_coarse = level_is_coarse(monitor, row->start, &row->end);
	row->n = part->n;
	row->n_labelled = part->n_labelled;
	for (int i = 0; i < monitor->n_columns; i++)
		if (!bms_is_member(i, part->unknown))
			values[monitor->columns[i].position] = summary_to_datum(part->summaries[i]);
	row->summaries = array_of_elements("summary", n_summaries, values);
	memset(values, 0, sizeof(Datum) * Max(1, n_fairness));
	for (int i = 0; i < monitor->n_protected; i++)
		values[monitor->first_protected + i] = fairness_to_datum(part->fairness[i]);
	row->fairness = array_of_elements("fairness_table", n_fairness, values);
}

void
pane_table_decode(CapturedMonitor *monitor, const PaneRow *row, PanePart *part)
{
	Datum	   *values;
	int			n;

	memset(part, 0, sizeof(PanePart));
	pane_part_open(monitor, part);
	part->n = row->n;
	part->n_labelled = row->n_labelled;

	n = elements_of_array("summary", row->summaries, &values);
	for (int i = 0; i < monitor->n_columns; i++)
	{
		int			position = monitor->columns[i].position;

		if (position >= n || values[position] == (Datum) 0)
		{
			pane_part_set_unknown(part, i);
			continue;
		}
		summary_free(part->summaries[i]);
		part->summaries[i] = summary_from_datum(pane_allocator(), values[position]);
	}
	n = elements_of_array("fairness_table", row->fairness, &values);
	for (int i = 0; i < monitor->n_protected; i++)
	{
		int			position = monitor->first_protected + i;

		/* All panes of the protected columns of now are built anew, so none of these is looked at. */
		if (position >= n || values[position] == (Datum) 0)
			continue;
		fairness_free(part->fairness[i]);
		part->fairness[i] = fairness_from_datum(pane_allocator(), values[position]);
	}
}

/* ---- rows ---- */

static SPIPlanPtr
kept_plan(SPIPlanPtr *plan, const char *statement, int n, const Oid *types)
{
	if (*plan == NULL)
	{
		*plan = SPI_prepare(statement, n, (Oid *) types);
		if (*plan == NULL)
			elog(ERROR, "could not prepare \"%s\": %s", statement, SPI_result_code_string(SPI_result));
		SPI_keepplan(*plan);
	}
	return *plan;
}

/* SPI leaves its own memory context behind; callers keep theirs. */
static void
execute_plan(SPIPlanPtr plan, const Datum *values, const char *nulls, int expected)
{
	MemoryContext old = CurrentMemoryContext;
	int			result = SPI_execute_plan(plan, (Datum *) values, nulls, false, 0);

	if (result != expected)
		elog(ERROR, "SPI could not execute a plan over panes: %s", SPI_result_code_string(result));
	MemoryContextSwitchTo(old);
}

#define N_KEY 5

static void
key_parameters(const PaneRow *row, Datum *values)
{
	values[0] = Int32GetDatum(row->monitor_id);
	values[1] = Int32GetDatum(row->generation);
	values[2] = TimestampTzGetDatum(row->start);
	values[3] = row->segment;
	values[4] = CharGetDatum(row->part);
}

static const Oid key_types[N_KEY] = {INT4OID, INT4OID, TIMESTAMPTZOID, TEXTARRAYOID, CHAROID};

void
pane_table_row(HeapTuple tuple, TupleDesc shape, PaneRow *row)
{
	bool		is_null;

	row->monitor_id = DatumGetInt32(SPI_getbinval(tuple, shape, 1, &is_null));
	row->generation = DatumGetInt32(SPI_getbinval(tuple, shape, 2, &is_null));
	row->start = DatumGetTimestampTz(SPI_getbinval(tuple, shape, 3, &is_null));
	row->segment = SPI_getbinval(tuple, shape, 4, &is_null);
	row->part = DatumGetChar(SPI_getbinval(tuple, shape, 5, &is_null));
	row->n = DatumGetInt64(SPI_getbinval(tuple, shape, 6, &is_null));
	row->n_labelled = DatumGetInt64(SPI_getbinval(tuple, shape, 7, &is_null));
	row->n_late = DatumGetInt64(SPI_getbinval(tuple, shape, 8, &is_null));
	row->marks = DatumGetInt32(SPI_getbinval(tuple, shape, 9, &is_null));
	row->summaries = SPI_getbinval(tuple, shape, 10, &is_null);
	row->fairness = SPI_getbinval(tuple, shape, 11, &is_null);
}

bool
pane_table_read(PaneRow *row)
{
	static SPIPlanPtr plan = NULL;
	Datum		values[N_KEY];

	key_parameters(row, values);
	execute_plan(kept_plan(&plan, "SELECT " PANE_TABLE_COLUMNS " FROM weir.pane WHERE" KEY_CONDITION, N_KEY, key_types), values,
				 NULL, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return false;
	pane_table_row(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, row);
	return true;
}

void
pane_table_write(const PaneRow *row)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {INT4OID, INT4OID, TIMESTAMPTZOID, TEXTARRAYOID, CHAROID,    INT8OID,
				   INT8OID, INT8OID, INT4OID,        InvalidOid,   InvalidOid, TIMESTAMPTZOID};
	Datum		values[12];

	if (plan == NULL)
	{
		types[9] = get_array_type(extension_type("summary"));
		types[10] = get_array_type(extension_type("fairness_table"));
	}
	key_parameters(row, values);
	values[5] = Int64GetDatum(row->n);
	values[6] = Int64GetDatum(row->n_labelled);
	values[7] = Int64GetDatum(row->n_late);
	values[8] = Int32GetDatum(row->marks);
	values[9] = row->summaries;
	values[10] = row->fairness;
	values[11] = TimestampTzGetDatum(row->end);
	execute_plan(
		kept_plan(
			&plan,
			"INSERT INTO weir.pane (" PANE_TABLE_COLUMNS ", pane_end, updated_at) "
			"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, pg_catalog.clock_timestamp()) "
			"ON CONFLICT (monitor_id, generation, pane_start, segment, part) DO UPDATE SET n = $6, n_labelled = $7, "
			"n_late = $8, marks = $9, summaries = $10, fairness = $11, pane_end = $12, updated_at = pg_catalog.clock_timestamp()",
			12, types),
		values, row->is_coarse ? NULL : "           n", SPI_OK_INSERT);
}

void
pane_table_delete(const PaneRow *row)
{
	static SPIPlanPtr plan = NULL;
	Datum		values[N_KEY];

	key_parameters(row, values);
	execute_plan(kept_plan(&plan, "DELETE FROM weir.pane WHERE" KEY_CONDITION, N_KEY, key_types), values, NULL, SPI_OK_DELETE);
}
