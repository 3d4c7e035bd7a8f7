/*
 * partial_definitions.c
 *		Transactions in progress across a change of definitions.
 *
 * Panes know their monitors, which are freed: what no rebuild could tell of them is put away before, and taken up after.
 */
#include "postgres.h"

#include "capture/level.h"
#include "capture/partial.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* A pane whose marks outlive the definition it was made by. */
typedef struct MarkedPane
{
	int			monitor_id;
	TimestampTz since;
	TimestampTz until;
	int			marks;
	int			n;				/* of the segment's values */
	SegmentValue values[FLEXIBLE_ARRAY_MEMBER];
} MarkedPane;

/* ---- before ---- */

static void
put_away_pane(PartialSet *set, Pane *pane)
{
	const Segment *segment = pane->key.segment;
	MarkedPane *marked = palloc0(offsetof(MarkedPane, values) + sizeof(SegmentValue) * segment->n);

	marked->monitor_id = pane->monitor->monitor_id;
	marked->since = pane->key.start;
	marked->until = level_end(pane->monitor, pane->key.start);
	marked->marks = pane->marks;
	marked->n = segment->n;
	for (int i = 0; i < segment->n; i++)
		if (segment->values[i] != NULL)
		{
			marked->values[i].length = segment->lengths[i];
			marked->values[i].bytes = pnstrdup(segment->values[i], segment->lengths[i]);
		}
	set->put_away = lappend(set->put_away, marked);
	pane_remove(pane);
}

void
partial_give_up_all(List *monitors)
{
	ListCell   *cell;

	foreach(cell, partial_transactions())
	{
		Streamed   *streamed = lfirst(cell);
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(streamed));
		List	   *served = NIL;
		ListCell   *monitor_cell;
		dlist_iter	set_iterator;

		partial_give_up(streamed);
		dlist_foreach(set_iterator, &streamed->sets)
		{
			PartialSet *set = dlist_container(PartialSet, node, set_iterator.cur);
			dlist_mutable_iter iterator;

			dlist_foreach_modify(iterator, &set->panes)
				put_away_pane(set, dlist_container(Pane, node, iterator.cur));
		}
		foreach(monitor_cell, monitors)
		{
			int			monitor_id = ((CapturedMonitor *) lfirst(monitor_cell))->monitor_id;

			if (!streamed->definitions_changed || list_member_int(streamed->known_monitors, monitor_id))
				served = lappend_int(served, monitor_id);
		}
		list_free(streamed->known_monitors);
		streamed->known_monitors = served;
		streamed->definitions_changed = true;
		MemoryContextSwitchTo(old);
	}
}

/* ---- after ---- */

/* Where panes are smaller now, or deletes are retracted, the table has to tell. */
static void
take_up_pane(Streamed *streamed, PartialSet *set, CapturedMonitor *monitor, const MarkedPane *marked)
{
	if (monitor->retracts_deletes || level_end(monitor, level_start(monitor, marked->since)) < marked->until)
		partial_touch(streamed, monitor->monitor_id, marked->since, marked->until);
	else
		partial_pane(set, monitor, level_start(monitor, marked->since),
					 segment_intern(marked->n, marked->values, monitor->segment_limit))
			->marks |= marked->marks;
}

static void
take_up_set(Streamed *streamed, PartialSet *set, List *monitors)
{
	ListCell   *cell;

	foreach(cell, set->totals)
	{
		PartialTotals *totals = lfirst(cell);

		totals->monitor = definition_find(monitors, totals->monitor_id);
		if (totals->monitor != NULL)
			continue;
		set->totals = foreach_delete_current(set->totals, cell);
		pfree(totals);
	}
	foreach(cell, set->put_away)
	{
		MarkedPane *marked = lfirst(cell);
		CapturedMonitor *monitor = definition_find(monitors, marked->monitor_id);

		if (monitor != NULL)
			take_up_pane(streamed, set, monitor, marked);
		for (int i = 0; i < marked->n; i++)
			if (marked->values[i].bytes != NULL)
				pfree((char *) marked->values[i].bytes);
	}
	list_free_deep(set->put_away);
	set->put_away = NIL;
}

void
partial_take_up(List *monitors)
{
	ListCell   *cell;

	foreach(cell, partial_transactions())
	{
		Streamed   *streamed = lfirst(cell);
		dlist_iter	iterator;

		dlist_foreach(iterator, &streamed->sets)
			take_up_set(streamed, dlist_container(PartialSet, node, iterator.cur), monitors);
	}
}
