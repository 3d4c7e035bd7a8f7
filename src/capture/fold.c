/*
 * fold.c
 *		From a decoded change to the panes it touches.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "capture/capture.h"
#include "capture/change.h"
#include "capture/fault.h"
#include "capture/fold.h"
#include "capture/level.h"
#include "capture/generation.h"
#include "capture/label_change.h"
#include "capture/learner_change.h"
#include "capture/pane.h"
#include "capture/partial.h"
#include "capture/relation_map.h"
#include "capture/row.h"
#include "capture/settings.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

static MemoryContext fold_context = NULL;
static MemoryContext row_context;
static List *served_monitors;
static uint64 row_count;
static uint64 streamed_row_count;
static Streamed *stream_in_progress = NULL; /* between the start and the stop of a block of its changes */
static FoldedTransaction transaction; /* what is folded now */
static Datum *deformed_values[2];
static bool *deformed_nulls[2];

void
fold_set_monitors(List *monitors)
{
	if (fold_context != NULL)
		MemoryContextDelete(fold_context);
	fold_context = AllocSetContextCreate(TopMemoryContext, "weir fold", ALLOCSET_DEFAULT_SIZES);
	row_context = AllocSetContextCreate(fold_context, "weir row", ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < 2; i++)
	{
		deformed_values[i] = MemoryContextAlloc(fold_context, sizeof(Datum) * MaxTupleAttributeNumber);
		deformed_nulls[i] = MemoryContextAlloc(fold_context, sizeof(bool) * MaxTupleAttributeNumber);
	}
	served_monitors = monitors;
	relation_map_reset(monitors, fold_context);
}

/* ---- rows ---- */

static void
deform(Relation relation, HeapTuple tuple, int which, RowImage *row)
{
	row->values = deformed_values[which];
	row->nulls = deformed_nulls[which];
	heap_deform_tuple(tuple, RelationGetDescr(relation), row->values, row->nulls);
}

/* A value that was not changed and is stored out of line is not in the stream: the old row has it. */
static bool
complete_from_old(Relation relation, HeapTuple tuple, RowImage *new_row, const RowImage *old_row)
{
	TupleDesc	shape = RelationGetDescr(relation);

	if (!HeapTupleHasExternal(tuple))
		return true;
	for (int i = 0; i < shape->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(shape, i);

		if (attribute->attisdropped || attribute->attlen != -1 || new_row->nulls[i] ||
			!VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(new_row->values[i])))
			continue;
		if (old_row == NULL)
			return false;
		new_row->values[i] = old_row->values[i];
		new_row->nulls[i] = old_row->nulls[i];
	}
	return true;
}

void
fold_change(Relation relation, HeapTuple old_tuple, HeapTuple new_tuple, bool old_complete, MoveAnswer moves)
{
	RelationMap *map = relation_map_get(relation);
	RowImage	old_row;
	RowImage	new_row;
	ListCell   *cell;
	MemoryContext old;
	bool		is_counted = false; /* by learners, however many monitors it is for */

	if (map->label_keys != NIL)
	{
		old = MemoryContextSwitchTo(row_context);
		label_change_note(map->label_keys, relation, old_tuple, new_tuple);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
	if (map->monitors == NIL)
		return;
	if (transaction.in_progress != NULL)
		transaction.set->n_rows++;
	else
		row_count++;
	old = MemoryContextSwitchTo(row_context);
	if (old_tuple != NULL)
		deform(relation, old_tuple, 0, &old_row);
	if (new_tuple != NULL)
	{
		deform(relation, new_tuple, 1, &new_row);
		if (!complete_from_old(relation, new_tuple, &new_row, old_tuple != NULL && old_complete ? &old_row : NULL))
			old_complete = false;
	}
	foreach(cell, map->monitors)
	{
		MonitorMap *entry = lfirst(cell);

		if (entry->learners != NIL && !is_counted)
			learner_change_next();
		is_counted |= entry->learners != NIL;
		definition_blame(entry->monitor->monitor_id);
		FAULT(FAULT_FOLD);
		change_fold(&transaction, relation, map, entry, old_tuple ? &old_row : NULL, new_tuple ? &new_row : NULL, old_complete,
					moves);
	}
	definition_blame(0);
	MemoryContextSwitchTo(old);
	MemoryContextReset(row_context);
}

static void
truncate_monitor(CapturedMonitor *monitor)
{
	monitor->truncated = true;
	monitor->state_changed = true;
	if (monitor->retracts_deletes)
		pane_forget(monitor->monitor_id, -1);
	else
		pane_mark_retained(monitor->monitor_id);
}

static void
remember_truncated_part(CapturedMonitor *monitor, Oid part)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(monitor));

	monitor->truncated_parts = list_append_unique_oid(monitor->truncated_parts, part);
	monitor->state_changed = true;
	MemoryContextSwitchTo(old);
}

static bool
is_among(Oid relation, int n, const Oid *relations)
{
	for (int i = 0; i < n; i++)
		if (relations[i] == relation)
			return true;
	return false;
}

/* Of a table with children, TRUNCATE ONLY leaves these. */
static bool
is_whole(Oid source, int n_relations, const Oid *truncated)
{
	ListCell   *cell;

	if (!is_among(source, n_relations, truncated))
		return false;
	if (get_rel_relkind(source) == RELKIND_PARTITIONED_TABLE)
		return true;
	foreach(cell, find_all_inheritors(source, NoLock, NULL))
		if (!is_among(lfirst_oid(cell), n_relations, truncated))
			return false;
	return true;
}

/* The list has the tables that were named and all their partitions. */
void
fold_truncate(int n_relations, const Oid *truncated)
{
	ListCell   *cell;

	label_change_note_truncate(n_relations, truncated);
	foreach(cell, served_monitors)
	{
		CapturedMonitor *monitor = lfirst(cell);
		bool		whole = is_whole(monitor->source, n_relations, truncated);

		if (whole && transaction.in_progress != NULL)
			partial_truncate(transaction.in_progress, transaction.set->xid, monitor->monitor_id, InvalidOid);
		else if (whole)
			truncate_monitor(monitor);
		for (int i = 0; i < n_relations && !whole; i++)
			if (relation_descends_from(truncated[i], monitor->source))
			{
				if (transaction.in_progress != NULL)
					partial_truncate(transaction.in_progress, transaction.set->xid, monitor->monitor_id, truncated[i]);
				else
					remember_truncated_part(monitor, truncated[i]);
			}
	}
}

/* ---- transactions ---- */

void
fold_tick(TimestampTz now)
{
	transaction.now = now;
}

void
fold_begin(TransactionId xid, XLogRecPtr end_lsn)
{
	transaction.in_progress = NULL;
	label_change_begin(xid);
	learner_change_begin(xid);
	generation_begin(served_monitors, xid, end_lsn);
}

void
fold_commit(TimestampTz committed_at)
{
	ListCell   *cell;

	foreach(cell, served_monitors)
	{
		CapturedMonitor *monitor = lfirst(cell);

		monitor->watermark = Max(monitor->watermark, monitor->pending_watermark);
		monitor->pending_watermark = DT_NOBEGIN;
	}
}

/* ---- transactions in progress ---- */

/* Half of what panes may take in all. */
static size_t
partial_budget(void)
{
	return (size_t) capture_memory_kb * 1024 / 2;
}

void
fold_stream_start(TransactionId xid)
{
	definition_blame(0);
	stream_in_progress = partial_transaction(xid, true);
	label_change_begin_stream(xid);
	learner_change_begin_stream(xid);
}

void
fold_stream_stop(void)
{
	definition_blame(0);
	transaction.in_progress = stream_in_progress = NULL;
	partial_limit(partial_budget());
}

void
fold_stream_change(TransactionId xid, Relation relation, HeapTuple old_tuple, HeapTuple new_tuple, bool old_complete,
				   MoveAnswer moves)
{
	transaction.in_progress = stream_in_progress;
	transaction.set = partial_set(transaction.in_progress, xid);
	partial_note_relation(transaction.in_progress, RelationGetRelid(relation));
	learner_change_within(xid);
	fold_change(relation, old_tuple, new_tuple, old_complete, moves);
	transaction.in_progress = NULL;
	partial_limit_now_and_then(partial_budget());
}

void
fold_stream_truncate(TransactionId xid, int n_relations, const Oid *relations)
{
	transaction.in_progress = stream_in_progress;
	transaction.set = partial_set(transaction.in_progress, xid);
	for (int i = 0; i < n_relations; i++)
		partial_note_relation(transaction.in_progress, relations[i]);
	fold_truncate(n_relations, relations);
	transaction.in_progress = NULL;
}

void
fold_stream_abort(TransactionId top_xid, TransactionId xid)
{
	Streamed   *streamed = partial_transaction(top_xid, false);

	if (streamed != NULL)
		partial_abort(streamed, xid);
	if (top_xid == xid)
		label_change_abort_stream(xid);
	learner_change_abort_stream(top_xid, xid);
}

/* As changes of transactions that are over do, see change.c. */
static void
merge_kept(Pane *partial, TimestampTz start, Segment *segment)
{
	CapturedMonitor *monitor = partial->monitor;
	ActiveBuild *build;

	for (int i = 0; (build = generation_keeper(monitor, start, i)) != NULL; i++)
	{
		Pane	   *kept = pane_get(monitor, build->kept, start, segment);

		kept->is_kept = true;
		pane_mark_dirty(kept);
		pane_part_merge(monitor, pane_part_to_add(kept), &partial->base);
		if (partial->marks & PANE_INCOMPLETE)
			kept->marks |= PANE_INEXACT | PANE_INCOMPLETE;
		if (build->skips_transaction)
		{
			Pane	   *shadow = pane_get(monitor, build->generation, start, segment);

			pane_mark_dirty(shadow);
			pane_part_merge(monitor, pane_part_to_add(shadow), &partial->base);
			shadow->marks |= PANE_RETAINED | (partial->marks & PANE_INCOMPLETE ? PANE_INEXACT : 0);
		}
	}
}

/* The last pane that gets the rows may have their memory. */
static void
merge_partial(Pane *partial)
{
	CapturedMonitor *monitor = partial->monitor;
	Segment	   *segment = segment_under_limit(partial->key.segment, monitor->segment_limit);
	/* Panes may have been rolled up since the row came. */
	TimestampTz start = level_start(partial->monitor, partial->key.start);
	int			generation;
	int			next = generation_of(monitor, start, 0);

	if (start < monitor->expired_before)
		return;
	if (partial->base.n > 0 || (partial->marks & PANE_INCOMPLETE) != 0)
		merge_kept(partial, start, segment);
	for (int i = 1; (generation = next) >= 0; i++)
	{
		Pane	   *pane = pane_get(monitor, generation, start, segment);

		next = generation_of(monitor, start, i);
		pane_mark_dirty(pane);
		pane->marks |= partial->marks & ~PANE_INCOMPLETE;
		if (generation == 0 && monitor->watermark >= pane->late_after)
			pane->n_late += partial->added.n;
		if (next >= 0)
		{
			pane_part_merge(monitor, pane_part_to_add(pane), &partial->added);
			pane_part_merge(monitor, &pane->removed, &partial->removed);
		}
		else
		{
			pane_part_move(monitor, pane_part_to_add(pane), &partial->added);
			pane_part_move(monitor, &pane->removed, &partial->removed);
		}
	}
}

static void
merge_set(Streamed *streamed, PartialSet *set)
{
	dlist_mutable_iter iterator;
	ListCell   *cell;

	dlist_foreach_modify(iterator, &set->panes)
	{
		Pane	   *pane = dlist_container(Pane, node, iterator.cur);

		definition_blame(pane->monitor->monitor_id);
		if (!pane->monitor->retracts_deletes || set->epoch >= partial_first_epoch(streamed, pane->monitor->monitor_id))
			merge_partial(pane);
		pane_remove(pane);
	}
	definition_blame(0);
	foreach(cell, set->totals)
	{
		PartialTotals *totals = lfirst(cell);
		CapturedMonitor *monitor = totals->monitor;

		if (totals->watermark != DT_NOBEGIN)
			monitor->pending_watermark = Max(monitor->pending_watermark, totals->watermark);
		monitor->n_untimed += totals->n_untimed;
		if (totals->inexact)
			change_mark_inexact(&transaction, monitor);
		monitor->last_change_at = transaction.now;
		monitor->state_changed = true;
	}
	row_count += set->n_rows;
	streamed_row_count += set->n_rows;
}

static void
apply_truncations(Streamed *streamed)
{
	ListCell   *cell;

	foreach(cell, served_monitors)
	{
		CapturedMonitor *monitor = lfirst(cell);
		ListCell   *truncation_cell;

		foreach(truncation_cell, streamed->truncations)
		{
			PartialTruncation *truncation = lfirst(truncation_cell);

			if (truncation->monitor_id != monitor->monitor_id)
				continue;
			if (OidIsValid(truncation->part))
				remember_truncated_part(monitor, truncation->part);
			else
				truncate_monitor(monitor);
		}
	}
}

/* What was not folded is to be read from the table: the flush asks for it. */
static void
leave_to_rebuild(Streamed *streamed, CapturedMonitor *monitor)
{
	TouchedMonitor *touched = partial_touched(streamed, monitor->monitor_id);
	MemoryContext old = MemoryContextSwitchTo(fold_context);
	TouchedRange *range;

	for (int i = 0; touched != NULL && i < touched->n_ranges; i++)
	{
		range = palloc(sizeof(TouchedRange));
		*range = touched->ranges[i];
		monitor->unfolded = lappend(monitor->unfolded, range);
	}
	if (streamed->definitions_changed && !list_member_int(streamed->known_monitors, monitor->monitor_id))
	{
		ListCell   *cell;
		bool		is_source = false;

		foreach(cell, streamed->relations)
			is_source |= relation_descends_from(lfirst_oid(cell), monitor->source);
		if (is_source)
		{
			range = palloc(sizeof(TouchedRange));
			*range = (TouchedRange){DT_NOBEGIN, DT_NOEND};
			monitor->unfolded = lappend(monitor->unfolded, range);
		}
	}
	MemoryContextSwitchTo(old);
}

void
fold_stream_commit(TransactionId xid, XLogRecPtr end_lsn)
{
	Streamed   *streamed = partial_transaction(xid, false);
	dlist_iter	iterator;
	ListCell   *cell;

	fold_begin(xid, end_lsn);
	label_change_commit_stream(xid, streamed != NULL && streamed->definitions_changed);
	learner_change_commit_stream(xid);
	if (streamed == NULL)
		return;
	apply_truncations(streamed);
	dlist_foreach(iterator, &streamed->sets)
		merge_set(streamed, dlist_container(PartialSet, node, iterator.cur));
	if (streamed->given_up)
		foreach(cell, served_monitors)
			leave_to_rebuild(streamed, lfirst(cell));
	partial_forget(streamed);
}

uint64
fold_streamed_row_count(void)
{
	return streamed_row_count;
}

uint64
fold_row_count(void)
{
	return row_count;
}
