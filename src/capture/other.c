/*
 * other.c
 *		Too many segments: which are kept, and putting the others together.
 */
#include "postgres.h"

#include "base/sql.h"
#include "capture/build.h"
#include "capture/capture.h"
#include "capture/fault.h"
#include "capture/other.h"
#include "capture/pane_table.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define CURSOR_BATCH 1000

/* ---- hashes ---- */

static uint64
hash_of_array(Datum segment)
{
	SegmentValue values[CAPTURE_MAX_SEGMENT_COLUMNS];
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(segment), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		values[i] = nulls[i]
			? (SegmentValue){NULL, 0}
			: (SegmentValue){VARDATA_ANY(DatumGetPointer(elements[i])), VARSIZE_ANY_EXHDR(DatumGetPointer(elements[i]))};
	return segment_hash(n, values);
}

/* ---- the limit ---- */

typedef struct Range
{
	int			generation;
	char		part;			/* one row per segment */
	TimestampTz since;
	TimestampTz until;
} Range;

static uint64
execute_for_range(const char *statement, const CapturedMonitor *monitor, const Range *range)
{
	Oid			types[] = {INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, CHAROID, INT4OID};
	Datum		values[] = {Int32GetDatum(monitor->monitor_id), Int32GetDatum(range->generation), TimestampTzGetDatum(range->since),
					  TimestampTzGetDatum(range->until),  CharGetDatum(range->part),        Int32GetDatum(monitor->max_groups)};

	return sql_execute(statement, lengthof(types), types, values, NULL);
}

#define SEGMENTS_IN_RANGE \
	" FROM weir.pane WHERE monitor_id = $1 AND generation = $2 AND pane_start >= $3 AND pane_start < $4 AND part = $5 " \
	"AND segment <> '{}' "

/* The highest limit, half by half, under which the segments of the slice are not too many. */
static int64
limit_that_fits(const CapturedMonitor *monitor, const Range *slice)
{
	int64		limit = monitor->segment_limit;
	uint64		n = execute_for_range("SELECT segment" SEGMENTS_IN_RANGE, monitor, slice);
	uint64	   *hashes = palloc(sizeof(uint64) * Max(n, 1));
	bool		is_null;

	for (uint64 i = 0; i < n; i++)
		hashes[i] = hash_of_array(sql_value(i, 1, &is_null));
	for (;; limit /= 2)
	{
		int64		n_kept = 0;

		for (uint64 i = 0; i < n; i++)
			n_kept += segment_is_kept(hashes[i], limit);
		if (n_kept <= monitor->max_groups || limit == 0)
			break;
	}
	pfree(hashes);
	return limit;
}

/* The limit for a range: that of the slice with most segments, which may leave others with too many. */
static int64
limit_for_range(const CapturedMonitor *monitor, Range range)
{
	bool		is_null;

	if (execute_for_range("SELECT pane_start" SEGMENTS_IN_RANGE
						  "GROUP BY pane_start HAVING pg_catalog.count(*) > $6 ORDER BY pg_catalog.count(*) DESC LIMIT 1",
						  monitor, &range) == 0)
		return monitor->segment_limit;
	range.since = DatumGetTimestampTz(sql_value(0, 1, &is_null));
	range.until = range.since + 1;
	return limit_that_fits(monitor, &range);
}

/* ---- putting together ---- */

/* The pane of SEGMENT_OTHER that is growing. */
typedef struct OtherPane
{
	bool		open;
	PaneRow		row;
	PanePart	sum;
} OtherPane;

/* Adds what the table has under the key; false when there is nothing. */
static bool
add_stored(CapturedMonitor *monitor, OtherPane *other, const PaneRow *key)
{
	PaneRow		stored = *key;
	PanePart	part;
	SPITupleTable *read;

	if (!pane_table_read(&stored))
		return false;
	read = SPI_tuptable;
	pane_table_decode(monitor, &stored, &part);
	pane_part_move(monitor, &other->sum, &part);
	other->row.marks |= stored.marks;
	other->row.n_late += stored.n_late;
	SPI_freetuptable(read);
	return true;
}

static void
finish_other(CapturedMonitor *monitor, OtherPane *other)
{
	bool		is_coarse = other->row.is_coarse;
	TimestampTz end = other->row.end;

	if (!other->open)
		return;
	other->row.segment = PointerGetDatum(construct_empty_array(TEXTOID));
	(void) add_stored(monitor, other, &other->row);
	pane_table_encode(monitor, &other->sum, &other->row);
	/* It may be of a size that is not the monitor's any more. */
	other->row.is_coarse = is_coarse;
	other->row.end = end;
	pane_table_write(&other->row);
	pane_part_close(monitor, &other->sum);
	other->open = false;
}

static void
put_together(CapturedMonitor *monitor, OtherPane *other, HeapTuple tuple, TupleDesc shape)
{
	bool		is_fine;
	bool		is_null;
	PaneRow		key = {.monitor_id = monitor->monitor_id,
				   .generation = DatumGetInt32(SPI_getbinval(tuple, shape, 1, &is_null)),
				   .start = DatumGetTimestampTz(SPI_getbinval(tuple, shape, 2, &is_null)),
				   .segment = SPI_getbinval(tuple, shape, 3, &is_null),
				   .part = DatumGetChar(SPI_getbinval(tuple, shape, 4, &is_null))};

	key.end = DatumGetTimestampTz(SPI_getbinval(tuple, shape, 5, &is_fine));
	key.is_coarse = !is_fine;
	if (segment_is_kept(hash_of_array(key.segment), monitor->segment_limit))
		return;
	if (other->open && (other->row.start != key.start || other->row.part != key.part))
		finish_other(monitor, other);
	if (!other->open)
	{
		other->open = true;
		other->row = key;
	}
	if (add_stored(monitor, other, &key))
		pane_table_delete(&key);
}

/* Merges the panes of a generation in the range that lie above the limit, each into SEGMENT_OTHER of its slice and part. */
static void
gather(CapturedMonitor *monitor, int generation, TimestampTz since, TimestampTz until)
{
	Oid			types[] = {INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(monitor->monitor_id), Int32GetDatum(generation), TimestampTzGetDatum(since),
					  TimestampTzGetDatum(until)};
	MemoryContext temporary = AllocSetContextCreate(CurrentMemoryContext, "weir other segments", ALLOCSET_DEFAULT_SIZES);
	OtherPane	other = {0};
	Portal		portal;

	portal = SPI_cursor_open_with_args(
		NULL,
		"SELECT generation, pane_start, segment, part, pane_end FROM weir.pane WHERE monitor_id = $1 "
		"AND generation = $2 AND pane_start >= $3 AND pane_start < $4 AND segment <> '{}' ORDER BY pane_start, part",
		lengthof(types), types, values, NULL, false, 0);
	for (;;)
	{
		SPITupleTable *table;
		uint64		n;
		MemoryContext old;

		SPI_cursor_fetch(portal, true, CURSOR_BATCH);
		table = SPI_tuptable;
		n = SPI_processed;
		old = MemoryContextSwitchTo(temporary);
		for (uint64 i = 0; i < n; i++)
		{
			put_together(monitor, &other, table->vals[i], table->tupdesc);
			MemoryContextReset(temporary);
			CHECK_FOR_INTERRUPTS();
		}
		if (n == 0)
			finish_other(monitor, &other);
		MemoryContextSwitchTo(old);
		SPI_freetuptable(table);
		if (n == 0)
			break;
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(temporary);
}

/* ---- capture ---- */

/* What is kept for builds has the segments of the live panes; of those that are put together some may have lost rows before. */
static void
gather_kept(CapturedMonitor *monitor)
{
	ListCell   *cell;

	build_mark_kept(monitor->monitor_id, DT_NOBEGIN, DT_NOEND);
	build_forget_kept(monitor);
	foreach(cell, monitor->builds)
		if (((ActiveBuild *) lfirst(cell))->kept != 0)
			gather(monitor, ((ActiveBuild *) lfirst(cell))->kept, DT_NOBEGIN, DT_NOEND);
}

/* False when somebody has the monitor's state locked. */
static bool
lower_limit(CapturedMonitor *monitor, int64 limit)
{
	Oid			types[] = {INT4OID, INT8OID};
	Datum		values[] = {Int32GetDatum(monitor->monitor_id), Int64GetDatum(limit)};

	if (sql_execute(
			"UPDATE weir.monitor_state s SET segment_limit = $2, other_since = coalesce(s.other_since, pg_catalog.clock_timestamp()) "
			"FROM (SELECT monitor_id FROM weir.monitor_state WHERE monitor_id = $1 FOR UPDATE SKIP LOCKED) l "
			"WHERE s.monitor_id = l.monitor_id",
			2, types, values, NULL) == 0)
		return false;
	ereport(monitor->segment_limit == SEGMENT_KEEP_ALL ? WARNING : LOG,
			(errmsg("weir puts segments of monitor \"%s\" together as (other): more than %d are in a pane", monitor->name,
					monitor->max_groups),
			 errdetail("About %.3g %% of all segments are kept.", 100.0 * ((double) limit / (double) SEGMENT_KEEP_ALL)),
			 errhint("Segment by columns with fewer values, or raise the option max_groups with weir.alter_monitor.")));
	monitor->segment_limit = limit;
	gather(monitor, 0, DT_NOBEGIN, DT_NOEND);
	pane_forget(monitor->monitor_id, 0);
	gather_kept(monitor);
	FAULT(FAULT_LIMIT_LOWERED);
	return true;
}

static bool
limit_range(CapturedMonitor *monitor, const Range *range)
{
	for (;;)
	{
		int64		limit = limit_for_range(monitor, *range);

		if (limit >= monitor->segment_limit)
			return true;
		if (!lower_limit(monitor, limit))
			return false;
	}
}

bool
other_limit(CapturedMonitor *monitor, TimestampTz since, TimestampTz until)
{
	Range		range = {.generation = 0, .part = 'b', .since = since, .until = until};

	return monitor->n_segments == 0 || limit_range(monitor, &range);
}

void
other_adopt(CapturedMonitor *monitor, const ActiveBuild *slice)
{
	if (slice->segment_limit < monitor->segment_limit && !lower_limit(monitor, slice->segment_limit))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("the state of monitor \"%s\" is locked", monitor->name),
				 errhint("It is tried again once the transaction that holds it is over.")));
	if (monitor->segment_limit != SEGMENT_KEEP_ALL)
		gather(monitor, slice->generation, slice->since, slice->until);
}

/* Slices that have a segment more. */
typedef struct NotedSlice
{
	int			monitor_id;
	int			generation;
	TimestampTz start;
} NotedSlice;

static HTAB *noted = NULL;

void
other_note_new(const Pane *pane)
{
	NotedSlice	slice = {.monitor_id = pane->key.monitor_id, .generation = pane->key.generation, .start = pane->key.start};

	if (pane->key.segment == SEGMENT_OTHER)
		return;
	if (noted == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(NotedSlice), .entrysize = sizeof(NotedSlice), .hcxt = TopMemoryContext};

		noted = hash_create("weir slices with new segments", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	(void) hash_search(noted, &slice, HASH_ENTER, NULL);
}

void
other_limit_noted(List *monitors)
{
	HASH_SEQ_STATUS scan;
	NotedSlice *slice;

	if (noted == NULL)
		return;
	hash_seq_init(&scan, noted);
	while ((slice = hash_seq_search(&scan)) != NULL)
	{
		Range		range = {.generation = slice->generation,
					   .part = slice->generation == 0 ? 'b' : 'a',
					   .since = slice->start,
					   .until = slice->start + 1};
		bool		done = true;
		ListCell   *cell;

		foreach(cell, monitors)
		{
			CapturedMonitor *monitor = lfirst(cell);

			if (monitor->monitor_id != slice->monitor_id)
				continue;
			definition_blame(monitor->monitor_id);
			done = limit_range(monitor, &range);
			definition_blame(0);
		}
		if (done)
			(void) hash_search(noted, slice, HASH_REMOVE, NULL);
	}
}

/* ---- the builder ---- */

void
other_limit_generation(CapturedMonitor *monitor, int generation)
{
	Range		range = {.generation = generation, .part = 'b', .since = DT_NOBEGIN, .until = DT_NOEND};
	int64		limit;

	monitor->has_many_segments = false;
	while (monitor->n_segments > 0 && (limit = limit_for_range(monitor, range)) < monitor->segment_limit)
	{
		monitor->segment_limit = limit;
		gather(monitor, generation, DT_NOBEGIN, DT_NOEND);
	}
}
