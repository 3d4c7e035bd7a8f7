/*
 * partial_given_up.c
 *		Transactions in progress that are given up: only which ranges of event time they touched is remembered.
 */
#include "postgres.h"

#include "capture/level.h"
#include "capture/partial.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

static uint64 given_up_count;

/* ---- ranges ---- */

TouchedMonitor *
partial_touched(const Streamed *streamed, int monitor_id)
{
	ListCell   *cell;

	foreach(cell, streamed->touched)
	{
		TouchedMonitor *touched = lfirst(cell);

		if (touched->monitor_id == monitor_id)
			return touched;
	}
	return NULL;
}

static TouchedMonitor *
touched_monitor(Streamed *streamed, int monitor_id)
{
	TouchedMonitor *touched = partial_touched(streamed, monitor_id);
	MemoryContext old;

	if (touched != NULL)
		return touched;
	old = MemoryContextSwitchTo(GetMemoryChunkContext(streamed));
	touched = palloc0(sizeof(TouchedMonitor));
	touched->monitor_id = monitor_id;
	streamed->touched = lappend(streamed->touched, touched);
	MemoryContextSwitchTo(old);
	return touched;
}

/* Ranges ascend and do not touch each other; when they are too many, the two nearest become one. */
void
partial_touch(Streamed *streamed, int monitor_id, TimestampTz since, TimestampTz until)
{
	TouchedMonitor *touched = touched_monitor(streamed, monitor_id);
	TouchedRange *ranges = touched->ranges;
	int			at = 0;
	int			end;

	while (at < touched->n_ranges && ranges[at].until < since)
		at++;
	if (at < touched->n_ranges && ranges[at].since <= since && ranges[at].until >= until)
		return;
	for (end = at; end < touched->n_ranges && ranges[end].since <= until; end++)
	{
		since = Min(since, ranges[end].since);
		until = Max(until, ranges[end].until);
	}
	memmove(&ranges[at + 1], &ranges[end], sizeof(TouchedRange) * (touched->n_ranges - end));
	touched->n_ranges += 1 - (end - at);
	ranges[at] = (TouchedRange){since, until};
	if (touched->n_ranges > MOST_RANGES)
	{
		int			nearest = 0;

		for (int i = 1; i + 1 < touched->n_ranges; i++)
			if (ranges[i + 1].since - ranges[i].until < ranges[nearest + 1].since - ranges[nearest].until)
				nearest = i;
		ranges[nearest].until = ranges[nearest + 1].until;
		touched->n_ranges--;
		memmove(&ranges[nearest + 1], &ranges[nearest + 2], sizeof(TouchedRange) * (touched->n_ranges - nearest - 1));
	}
}

/* ---- giving up ---- */

/* Keeps marks that a rebuild could not tell. */
static void
give_up_set(Streamed *streamed, PartialSet *set)
{
	dlist_mutable_iter iterator;

	dlist_foreach_modify(iterator, &set->panes)
	{
		Pane	   *pane = dlist_container(Pane, node, iterator.cur);

		partial_touch(streamed, pane->monitor->monitor_id, pane->key.start, level_end(pane->monitor, pane->key.start));
		pane_part_close(pane->monitor, &pane->added);
		pane_part_close(pane->monitor, &pane->removed);
		if (pane->base.n > 0)
			pane->marks |= PANE_INCOMPLETE;
		pane_part_close(pane->monitor, &pane->base);
		pane->marks &= PANE_RETAINED | PANE_INCOMPLETE;
		if (pane->marks == 0)
			pane_remove(pane);
	}
}

void
partial_give_up(Streamed *streamed)
{
	dlist_iter	iterator;

	if (streamed->given_up)
		return;
	dlist_foreach(iterator, &streamed->sets)
		give_up_set(streamed, dlist_container(PartialSet, node, iterator.cur));
	streamed->given_up = true;
	given_up_count++;
}

uint64
partial_given_up_count(void)
{
	return given_up_count;
}
