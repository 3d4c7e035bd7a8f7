/*
 * build_finish.c
 *		The end of a slice: its panes are compared with the live ones, or take their place.
 *
 * Both as of one position, in the transaction that stores it.  That may be any position past the cut, and another one for every
 *pane: so a slice with many panes ends in steps, from its begin on, and capture reads on between them.  What a step has done is no
 *part of the slice any more.
 */
#include "postgres.h"

#include "base/sql.h"
#include "capture/build.h"
#include "capture/level.h"
#include "capture/other.h"
#include "capture/pane.h"
#include "capture/pane_table.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#define CURSOR_BATCH 50

#define LIVE_IN_RANGE " monitor_id = $1 AND generation = 0 AND pane_start >= $5 AND pane_start < $6"
#define SHADOW " monitor_id = $1 AND generation = $4 AND pane_start >= $5 AND pane_start < $6"

/* Each built row s beside the live pane l. Both ranges are given, for the planner concludes none from the other. */
#define SHADOW_AND_LIVE \
	" s.monitor_id = $1 AND s.generation = $4 AND s.pane_start >= $5 AND s.pane_start < $6 AND l.monitor_id = $1 " \
	"AND l.generation = 0 AND l.pane_start >= $5 AND l.pane_start < $6 AND l.pane_start = s.pane_start AND l.segment = s.segment"

/* The live pane l has rows that the table has deleted, of which not all are in what was built. */
#define HOLDS_MORE \
	" l.marks & 2 <> 0 AND NOT EXISTS (SELECT FROM weir.pane k WHERE k.monitor_id = $1 AND k.generation = " \
	"(SELECT kept FROM weir.build WHERE build_id = $2) AND k.pane_start >= $5 AND k.pane_start < $6 AND k.pane_start = l.pane_start " \
	"AND k.segment = l.segment AND k.marks & 8 = 0)"

#define ROWS_BUILT \
	" coalesce((SELECT sum(CASE s.part WHEN 'r' THEN -s.n ELSE s.n END) FROM weir.pane s WHERE s.monitor_id = $1 " \
	"AND s.generation = $4 AND s.pane_start = l.pane_start AND s.segment = l.segment), 0)"

/* ---- steps ---- */

/* Panes of a step, live and built, but for those of one slice of event time, which go together. */
#define STEP_PANES 1000

#define PANES_FROM(generation, comparison) \
	"(SELECT pane_start FROM weir.pane WHERE monitor_id = $1 AND generation = " generation " AND pane_start " comparison " $5 " \
	"AND pane_start < $6 ORDER BY pane_start LIMIT %d)"

/* The begin of the pane after the first thousand. */
static TimestampTz
after_step(const ActiveBuild *slice)
{
	TimestampTz end;
	bool		is_null;

	if (build_execute(psprintf("SELECT pane_start FROM (" PANES_FROM("0", ">=") " UNION ALL " PANES_FROM(
								   "$4", ">=") ") p ORDER BY 1 OFFSET %d LIMIT 1",
							   STEP_PANES + 1, STEP_PANES + 1, STEP_PANES),
					  slice) == 0)
		return slice->until;
	end = DatumGetTimestampTz(sql_value(0, 1, &is_null));
	if (end > slice->since)
		return end;
	/* More segments than that. */
	build_execute(psprintf("SELECT min(pane_start) FROM (" PANES_FROM("0", ">") " UNION ALL " PANES_FROM("$4", ">") ") p", 1, 1),
				  slice);
	end = DatumGetTimestampTz(sql_value(0, 1, &is_null));
	return is_null ? slice->until : end;
}

/* Live panes may have another size than those that take their place: a step ends where no pane of either does not. */
TimestampTz
build_step_end(const CapturedMonitor *monitor, const ActiveBuild *slice)
{
	ActiveBuild part = *slice;
	TimestampTz end = after_step(slice);
	bool		is_null;

	while (end < slice->until)
	{
		part.until = level_ceiling(monitor, end);
		build_execute("SELECT max(pane_end) FROM weir.pane WHERE" LIVE_IN_RANGE " AND pane_end > $6", &part);
		end = DatumGetTimestampTz(sql_value(0, 1, &is_null));
		if (is_null)
			return Min(part.until, slice->until);
	}
	return slice->until;
}

/* ---- verify ---- */

/* All rows of one pane, put together: what the table has as of the present position, and what is live. */
typedef struct ComparedPane
{
	bool		open;
	TimestampTz start;
	Datum		segment;
	char	   *segment_text;
	PanePart	shadow;
	PanePart	live;
	bool		has_live;
	PaneRow		live_row;
} ComparedPane;

typedef struct Comparison
{
	int64		panes;
	int64		equal;
	int64		different;
	int64		marked;
	char	   *first_difference;
	MemoryContext memory;		/* that outlives panes */
} Comparison;

typedef void (*PaneFinisher)(CapturedMonitor *monitor, ComparedPane *pane, void *context);

static void
compare_pane(CapturedMonitor *monitor, ComparedPane *pane, void *context)
{
	Comparison *comparison = context;
	char	   *difference = NULL;

	if (pane->shadow.n != 0 || (pane->has_live && pane->live.n != 0))
	{
		comparison->panes++;
		if (pane->has_live && pane->live_row.marks != 0)
			comparison->marked++;
		else if (pane_part_equal(monitor, &pane->live, &pane->shadow, comparison->first_difference ? NULL : &difference))
			comparison->equal++;
		else
		{
			comparison->different++;
			if (comparison->first_difference == NULL)
				comparison->first_difference =
					MemoryContextStrdup(comparison->memory,
										psprintf("pane %s, segment %s: %s", timestamptz_to_str(pane->start), pane->segment_text,
												 difference));
		}
	}
}

static void
finish_pane(CapturedMonitor *monitor, ComparedPane *pane, PaneFinisher finish, void *context)
{
	if (!pane->open)
		return;
	finish(monitor, pane, context);
	pane_part_close(monitor, &pane->shadow);
	pane_part_close(monitor, &pane->live);
	memset(pane, 0, sizeof(ComparedPane));
}

static void
add_to_pane(CapturedMonitor *monitor, ComparedPane *pane, const PaneRow *row, const char *segment_text)
{
	PanePart	part;

	if (!pane->open)
	{
		pane->open = true;
		pane->start = row->start;
		pane->segment_text = pstrdup(segment_text);
	}
	pane_table_decode(monitor, row, &part);
	if (row->generation == 0)
	{
		pane->live = part;
		pane->has_live = true;
		pane->live_row = *row;
		pane->live_row.segment = PointerGetDatum(DatumGetArrayTypePCopy(row->segment));
		return;
	}
	if (row->part == 'r')
		pane_part_subtract(monitor, &pane->shadow, &part);
	else
		pane_part_merge(monitor, &pane->shadow, &part);
	pane_part_close(monitor, &part);
}

/* Every pane of the slice, live and as it was built. Parts come in the order a, b, r, so that what is subtracted is there. */
static void
visit_panes(CapturedMonitor *monitor, const ActiveBuild *slice, PaneFinisher finish, void *context)
{
	Oid			types[] = {INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(slice->monitor_id), Int32GetDatum(slice->generation), TimestampTzGetDatum(slice->since),
					  TimestampTzGetDatum(slice->until)};
	/* Not read-only: it must see what this transaction has just flushed. */
	Portal		portal =
		SPI_cursor_open_with_args(NULL,
								  "SELECT " PANE_TABLE_COLUMNS ", segment::text AS segment_text FROM weir.pane "
								  "WHERE monitor_id = $1 AND generation IN (0, $2) AND pane_start >= $3 AND pane_start < $4 "
								  "ORDER BY pane_start, segment, generation, part",
								  4, types, values, NULL, false, 0);
	ComparedPane pane = {0};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext memory = AllocSetContextCreate(caller, "weir pane of a build", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		SPITupleTable *table;
		uint64		n;

		SPI_cursor_fetch(portal, true, CURSOR_BATCH);
		table = SPI_tuptable;
		n = SPI_processed;
		if (n == 0)
			break;
		for (uint64 i = 0; i < n; i++)
		{
			PaneRow		row;
			char	   *segment_text = SPI_getvalue(table->vals[i], table->tupdesc, 12);

			pane_table_row(table->vals[i], table->tupdesc, &row);
			MemoryContextSwitchTo(memory);
			if (pane.open && (pane.start != row.start || strcmp(pane.segment_text, segment_text) != 0))
			{
				finish_pane(monitor, &pane, finish, context);
				MemoryContextReset(memory);
			}
			add_to_pane(monitor, &pane, &row, segment_text);
			MemoryContextSwitchTo(caller);
			pfree(segment_text);
		}
		SPI_freetuptable(table);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(memory);
	finish_pane(monitor, &pane, finish, context);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(memory);
	SPI_cursor_close(portal);
}

void
build_compare_slice(CapturedMonitor *monitor, const ActiveBuild *slice, XLogRecPtr position)
{
	Comparison	comparison = {.memory = CurrentMemoryContext};
	Oid			types[] = {INT4OID, INT8OID, INT8OID, INT8OID, INT8OID, LSNOID, TEXTOID};
	Datum		values[7];

	visit_panes(monitor, slice, compare_pane, &comparison);
	values[0] = Int32GetDatum(slice->number);
	values[1] = Int64GetDatum(comparison.panes);
	values[2] = Int64GetDatum(comparison.equal);
	values[3] = Int64GetDatum(comparison.different);
	values[4] = Int64GetDatum(comparison.marked);
	values[5] = LSNGetDatum(position);
	values[6] = comparison.first_difference ? CStringGetTextDatum(comparison.first_difference) : (Datum) 0;
	sql_execute("UPDATE weir.build SET panes = coalesce(panes, 0) + $2, equal = coalesce(equal, 0) + $3, "
				"different = coalesce(different, 0) + $4, marked = coalesce(marked, 0) + $5, compared_lsn = $6, "
				"first_difference = coalesce(first_difference, $7) WHERE build_id = $1",
				7, types, values, comparison.first_difference ? NULL : "      n");
	build_execute("DELETE FROM weir.pane WHERE" SHADOW, slice);
}

/* ---- columns that were added ---- */

/*
 * What the table has deleted before it was read, nobody can add up any more, unless it was kept: the live pane has the rows of the
 * table and all that were deleted, the shadow the rows of the table and some that were deleted.  So these are the same where they
 * are as many.
 */
static bool
has_all_rows(const ComparedPane *pane)
{
	int			marks = pane->live_row.marks;

	return (marks & PANE_RETAINED) == 0 || ((marks & (PANE_INEXACT | PANE_STALE)) == 0 && pane->live.n == pane->shadow.n);
}

static void
complete_pane(CapturedMonitor *monitor, ComparedPane *pane, void *context)
{
	Bitmapset  *columns = context;
	int			i = -1;

	if (!pane->has_live || !has_all_rows(pane))
		return;
	pane_part_open(monitor, &pane->shadow);
	pane_part_settle(monitor, &pane->shadow);
	while ((i = bms_next_member(columns, i)) >= 0)
	{
		Summary	   *summary = pane->live.summaries[i];

		pane->live.summaries[i] = pane->shadow.summaries[i];
		pane->shadow.summaries[i] = summary;
		pane->live.unknown = bms_del_member(pane->live.unknown, i);
	}
	pane_table_encode(monitor, &pane->live, &pane->live_row);
	pane_table_write(&pane->live_row);
}

Bitmapset *
build_columns(const CapturedMonitor *monitor, int build)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(build);
	uint64		n = sql_execute("SELECT pg_catalog.unnest(columns) - 1 FROM weir.build WHERE build_id = $1", 1, &type, &value, NULL);
	Bitmapset  *columns = NULL;
	bool		is_null;

	for (uint64 row = 0; row < n; row++)
		for (int i = 0; i < monitor->n_columns; i++)
			if (monitor->columns[i].position == DatumGetInt32(sql_value(row, 1, &is_null)))
				columns = bms_add_member(columns, i);
	return columns;
}

void
build_complete_slice(CapturedMonitor *monitor, const ActiveBuild *slice)
{
	visit_panes(monitor, slice, complete_pane, build_columns(monitor, slice->number));
	build_execute("DELETE FROM weir.pane WHERE" SHADOW, slice);
	pane_forget(slice->monitor_id, 0);
}

/* ---- build and rebuild ---- */

/* What panes knew of a column that the table has no more, nobody can read again. */
static void
keep_retired_columns(CapturedMonitor *monitor, const ActiveBuild *slice)
{
	for (int i = 0; i < monitor->n_columns; i++)
		if (monitor->columns[i].retired)
			build_execute(psprintf("UPDATE weir.pane s SET summaries[%d] = l.summaries[%d] FROM weir.pane l WHERE" SHADOW_AND_LIVE
								   " AND s.part = 'b'",
								   monitor->columns[i].position + 1, monitor->columns[i].position + 1),
						  slice);
}

/* Replaces the live panes of the range by the shadow's; panes that hold rows which the table has deleted stay as they are. */
void
build_swap_slice(CapturedMonitor *monitor, const ActiveBuild *slice)
{
	uint64		n;
	SPITupleTable *table;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext memory = AllocSetContextCreate(caller, "weir pane of a build", ALLOCSET_DEFAULT_SIZES);
	int			settings = NewGUCNestLevel();

	/*
	 * As long as nobody has analysed the panes they look like a few rows, and a loop over all of them for each is planned as gladly
	 * as anything else.
	 */
	(void) set_config_option("enable_nestloop", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);

	/*
	 * Deletions that capture did not see, and that this monitor ignores: a pane that holds more rows than the table has left keeps
	 * them.
	 */
	if (slice->kind == BUILD_HEAL && !monitor->retracts_deletes)
	{
		build_execute("UPDATE weir.pane k SET marks = k.marks | 8 FROM weir.pane l WHERE k.monitor_id = $1 AND k.generation = "
					  "(SELECT kept FROM weir.build WHERE build_id = $2) AND k.pane_start >= $5 AND k.pane_start < $6 "
					  "AND l.monitor_id = $1 AND l.generation = 0 AND l.pane_start >= $5 AND l.pane_start < $6 "
					  "AND l.pane_start = k.pane_start AND l.segment = k.segment AND l.n >" ROWS_BUILT,
					  slice);
		build_execute(
			"UPDATE weir.pane l SET marks = l.marks | 2 WHERE l.monitor_id = $1 AND l.generation = 0 AND l.pane_start >= $5 "
			"AND l.pane_start < $6 AND l.marks & 2 = 0 AND l.n >" ROWS_BUILT,
			slice);
	}
	build_execute("DELETE FROM weir.pane s USING weir.pane l WHERE" SHADOW_AND_LIVE " AND" HOLDS_MORE, slice);
	/* What was kept from before the definition changed has not followed the changes since. */
	if (slice->kind == BUILD_INITIAL)
		build_execute("UPDATE weir.pane l SET marks = l.marks | 1 WHERE" LIVE_IN_RANGE " AND" HOLDS_MORE, slice);
	build_execute("UPDATE weir.pane s SET n_late = l.n_late FROM weir.pane l WHERE" SHADOW_AND_LIVE, slice);
	keep_retired_columns(monitor, slice);
	build_execute("DELETE FROM weir.pane l WHERE" LIVE_IN_RANGE " AND NOT (" HOLDS_MORE ")", slice);
	n = build_execute("SELECT DISTINCT pane_start, segment FROM weir.pane WHERE" SHADOW " AND part <> 'b'", slice);
	table = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		const char	parts[] = {'b', 'a', 'r'};
		bool		is_null;
		PanePart	sum = {0};
		PaneRow		row = {.monitor_id = slice->monitor_id, .generation = slice->generation};
		int			marks = 0;
		int64		n_late = 0;

		MemoryContextSwitchTo(memory);
		row.start = DatumGetTimestampTz(SPI_getbinval(table->vals[i], table->tupdesc, 1, &is_null));
		row.segment = SPI_getbinval(table->vals[i], table->tupdesc, 2, &is_null);
		for (int p = 0; p < 3; p++)
		{
			PanePart	part;
			PaneRow		stored = row;
			SPITupleTable *read;

			stored.part = parts[p];
			if (!pane_table_read(&stored))
				continue;
			read = SPI_tuptable;
			pane_table_decode(monitor, &stored, &part);
			if (parts[p] == 'r')
				pane_part_subtract(monitor, &sum, &part);
			else
				pane_part_merge(monitor, &sum, &part);
			pane_part_close(monitor, &part);
			marks |= stored.marks;
			n_late = Max(n_late, stored.n_late);
			pane_table_delete(&stored);
			SPI_freetuptable(read);
		}
		row.generation = 0;
		row.part = 'b';
		row.marks = marks;
		row.n_late = n_late;
		pane_part_open(monitor, &sum);
		pane_table_encode(monitor, &sum, &row);
		pane_table_write(&row);
		pane_part_close(monitor, &sum);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(memory);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextDelete(memory);
	build_execute("UPDATE weir.pane SET generation = 0, updated_at = pg_catalog.clock_timestamp() WHERE" SHADOW, slice);
	AtEOXact_GUC(true, settings);

	/* Whatever was cached of the range is not what the table has any more. */
	pane_forget(slice->monitor_id, 0);
	(void) other_limit(monitor, slice->since, slice->until);
}
