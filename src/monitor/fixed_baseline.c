/*
 * fixed_baseline.c
 *		Baselines that are the same for all windows of a segment.
 */
#include "postgres.h"

#include "base/sql.h"
#include "catalog/pg_type.h"
#include "monitor/windows.h"

typedef struct RangeMerge
{
	const WindowRequest *request;
	MemoryContext memory;
	SegmentMap *bundles;
	SegmentMap *baselines;
	List	   *keys;			/* of SegmentKey */
	TimestampTz since;
	TimestampTz until;
} RangeMerge;

static void
add_to_bundle(RangeMerge *range, const SegmentKey *segment, const Bundle *pane, bool is_within)
{
	void	  **bundle = segment_map_find(range->bundles, segment);

	if (*bundle == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(range->memory);
		SegmentKey *key = palloc(sizeof(SegmentKey));

		*bundle = bundle_create(range->memory, range->request->n_columns, 0);
		*key = segment_key_copy(segment, range->memory);
		range->keys = lappend(range->keys, key);
		MemoryContextSwitchTo(old);
	}
	if (is_within)
		bundle_add(*bundle, pane);
	else
		((Bundle *) *bundle)->marks |= MARK_ROLLED_UP;
}

static void
visit_pane(void *context, TimestampTz pane_start, TimestampTz pane_end, const SegmentKey *segment, const Bundle *pane)
{
	RangeMerge *range = context;
	SegmentKey	overall = overall_key();
	bool		is_within = pane_start >= range->since && pane_end <= range->until;

	/* Of one that was rolled up, only a part may be in the range. */
	add_to_bundle(range, &overall, pane, is_within);
	if (range->request->segments)
		add_to_bundle(range, segment, pane, is_within);
}

SegmentMap *
range_baseline(const WindowRequest *request, TimestampTz since, TimestampTz until)
{
	RangeMerge	range = {.request = request, .memory = CurrentMemoryContext, .since = since, .until = until};
	ListCell   *cell;

	range.bundles = segment_map_create(CurrentMemoryContext);
	range.baselines = segment_map_create(CurrentMemoryContext);
	pane_scan(request, since, until, visit_pane, &range);
	foreach(cell, range.keys)
	{
		SegmentKey *key = lfirst(cell);
		Bundle	   *bundle = *segment_map_find(range.bundles, key);

		*segment_map_find(range.baselines, key) = bundle_pack(bundle, range.memory);
		bundle_free(bundle);
	}
	return range.baselines;
}

SegmentMap *
stored_baseline(const WindowRequest *request)
{
	SegmentMap *baselines = segment_map_create(CurrentMemoryContext);
	Oid			type = INT4OID;
	Datum		monitor_id = Int32GetDatum(request->monitor_id);
	uint64		n =
		sql_execute("SELECT segment, summaries FROM weir.baseline_summary WHERE monitor_id = $1", 1, &type, &monitor_id, NULL);

	for (uint64 row = 0; row < n; row++)
	{
		bool		is_null;
		Datum		segment = sql_value(row, 1, &is_null);
		SegmentKey	key = is_null ? overall_key() : segment_key(segment, CurrentMemoryContext);
		Datum	   *packed = packed_create(request->n_columns);

		array_elements(sql_value(row, 2, &is_null), request->n_columns, request->columns, packed);
		*segment_map_find(baselines, &key) = packed;
	}
	return baselines;
}
