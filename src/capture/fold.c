/*
 * fold.c
 *		From a decoded change to the panes it touches.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "capture/capture.h"
#include "capture/derived.h"
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
static Streamed *in_progress = NULL; /* what is folded now; NULL: changes of a transaction that is over */
static PartialSet *set_in_progress;
static TimestampTz transaction_now;
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

static bool
same_value(Relation relation, AttrNumber attribute, RowImage *a, RowImage *b)
{
	int			at = attribute - 1;
	Form_pg_attribute shape = TupleDescAttr(RelationGetDescr(relation), at);

	if (a->nulls[at] || b->nulls[at])
		return a->nulls[at] && b->nulls[at];
	return datumIsEqual(a->values[at], b->values[at], shape->attbyval, shape->attlen);
}

static bool
inputs_differ(Relation relation, MonitorMap *entry, const CapturedDerivation *derivation, RowImage *old_row, RowImage *new_row)
{
	AttrNumber	inputs[DERIVED_MAX_INPUTS];

	derivation->method->inputs(entry, inputs);
	for (int i = 0; i < DERIVED_MAX_INPUTS; i++)
		if (inputs[i] != InvalidAttrNumber && !same_value(relation, inputs[i], old_row, new_row))
			return true;
	return false;
}

/* Only what differs is taken back and added, so that an update of a label leaves the extremes of other columns alone. */
static void
replace_row(Relation relation, MonitorMap *entry, Pane *pane, RowImage *old_row, RowImage *new_row)
{
	CapturedMonitor *monitor = entry->monitor;
	PanePart   *added = pane_part_to_add(pane);
	char	   *removed_row = pane_part_begin_row(monitor, &pane->removed);
	char	   *added_row = pane_part_begin_row(monitor, added);
	bool		outcome_differs = monitor->has_label && !same_value(relation, entry->label, old_row, new_row);

	if (monitor->has_label)
	{
		pane->removed.n_labelled += !old_row->nulls[entry->label - 1];
		added->n_labelled += !new_row->nulls[entry->label - 1];
	}
	for (int i = 0; i < monitor->n_columns; i++)
	{
		AttrNumber	attribute = entry->columns[i].attribute;

		if (attribute == InvalidAttrNumber || same_value(relation, attribute, old_row, new_row))
		{
			batch_put_missing(&pane->removed.batch, removed_row, i);
			batch_put_missing(&added->batch, added_row, i);
			continue;
		}
		row_add_value(entry, i, &pane->removed, removed_row, old_row);
		row_add_value(entry, i, added, added_row, new_row);
	}
	for (int i = 0; i < monitor->n_derivations; i++)
		if (inputs_differ(relation, entry, &monitor->derivations[i], old_row, new_row))
		{
			derived_add(entry, &monitor->derivations[i], &pane->removed, removed_row, old_row);
			derived_add(entry, &monitor->derivations[i], added, added_row, new_row);
		}
	if (monitor->n_protected > 0)
	{
		outcome_differs |= !same_value(relation, monitor->decides_by_score ? entry->score : entry->prediction, old_row, new_row);
		for (int i = 0; i < monitor->n_protected; i++)
			outcome_differs |= !same_value(relation, entry->protected_columns[i], old_row, new_row);
		if (outcome_differs)
		{
			row_add_fairness(entry, &pane->removed, old_row);
			row_add_fairness(entry, added, new_row);
		}
	}
}

/* ---- changes ---- */

typedef enum Change
{
	CHANGE_ADD,
	CHANGE_REMOVE,
	CHANGE_REPLACE,
	CHANGE_MARK_INEXACT,
	CHANGE_MARK_RETAINED
} Change;

static void
change_pane(Relation relation, MonitorMap *entry, Pane *pane, Change change, RowImage *old_row, RowImage *new_row)
{
	switch (change)
	{
		case CHANGE_ADD: row_add(entry, pane_part_to_add(pane), new_row); break;
		case CHANGE_REMOVE: row_add(entry, &pane->removed, old_row); break;
		case CHANGE_REPLACE: replace_row(relation, entry, pane, old_row, new_row); break;
		case CHANGE_MARK_INEXACT: pane->marks |= PANE_INEXACT; break;
		case CHANGE_MARK_RETAINED: pane->marks |= PANE_RETAINED; break;
	}
}

/* A change of a transaction in progress. */
static void
change_partial(Relation relation, MonitorMap *entry, const Place *place, Change change, RowImage *old_row, RowImage *new_row)
{
	CapturedMonitor *monitor = entry->monitor;
	PartialTotals *totals = partial_totals(set_in_progress, monitor);

	/* A mark costs nothing to remember, and no rebuild could tell it. */
	if (!in_progress->given_up || change == CHANGE_MARK_RETAINED)
		change_pane(relation, entry, partial_pane(set_in_progress, monitor, place->start, place->segment), change, old_row,
					new_row);
	else
		partial_touch(in_progress, monitor->monitor_id, place->start, level_end(monitor, place->start));
	if (change == CHANGE_ADD || change == CHANGE_REPLACE)
		totals->watermark = Max(totals->watermark, Min(place->time, transaction_now));
}

static void
apply(Relation relation, MonitorMap *entry, const Place *place, Change change, RowImage *old_row, RowImage *new_row)
{
	CapturedMonitor *monitor = entry->monitor;
	int			generation;

	if (in_progress != NULL)
	{
		change_partial(relation, entry, place, change, old_row, new_row);
		return;
	}
	for (int i = 0; (generation = generation_of(monitor, place->start, i)) >= 0; i++)
	{
		Pane	   *pane = pane_get(monitor, generation, place->start, place->segment);

		pane_mark_dirty(pane);
		change_pane(relation, entry, pane, change, old_row, new_row);
		if (change == CHANGE_ADD && generation == 0 && monitor->watermark >= pane->late_after)
			pane->n_late++;
	}
	if (change == CHANGE_ADD || change == CHANGE_REPLACE)
		monitor->pending_watermark = Max(monitor->pending_watermark, Min(place->time, transaction_now));
	monitor->last_change_at = transaction_now;
	monitor->state_changed = true;
}

static void
mark_monitor_inexact(CapturedMonitor *monitor)
{
	if (in_progress != NULL)
	{
		partial_totals(set_in_progress, monitor)->inexact = true;
		return;
	}
	if (monitor->inexact_since == 0)
		monitor->inexact_since = transaction_now;
	monitor->state_changed = true;
}

/*
 * A row from before columns that the monitor cannot do without.  An initial build has it, or will: its cut lies behind.  Elsewhere
 * the table is read again when the stream reaches what has changed it (source_watch.c); a monitor that begins later lacks the row.
 */
static void
pass_over(CapturedMonitor *monitor)
{
	ListCell   *cell;

	foreach(cell, monitor->builds)
		if (((ActiveBuild *) lfirst(cell))->kind == BUILD_INITIAL)
			return;
	mark_monitor_inexact(monitor);
}

static void
count_untimed(CapturedMonitor *monitor)
{
	if (in_progress != NULL)
		partial_totals(set_in_progress, monitor)->n_untimed++;
	else
	{
		monitor->n_untimed++;
		monitor->state_changed = true;
	}
}

/*
 * The old row is not all there: say which panes are no longer exact, or that some pane of the monitor is not.  mark is what becomes
 * of the pane that the row leaves.
 */
static void
apply_incomplete(Relation relation, RelationMap *map, MonitorMap *entry, RowImage *old_row, RowImage *new_row, Change mark)
{
	Place		place;

	if (entry->filter != NULL || !entry->identity_places_rows)
		mark_monitor_inexact(entry->monitor);
	if (entry->filter == NULL && entry->identity_places_rows && old_row != NULL)
	{
		row_find_place(map, entry, old_row, &place);
		if (place.inside)
			apply(relation, entry, &place, mark, NULL, NULL);
	}
	/* Without the old row its values may be stored out of line, where nobody can read them from here. */
	if (new_row != NULL && entry->filter == NULL && entry->monitor->n_segments == 0)
	{
		row_find_place(map, entry, new_row, &place);
		if (place.inside)
			apply(relation, entry, &place, CHANGE_MARK_INEXACT, NULL, NULL);
	}
}

static void
fold_for_monitor(Relation relation, RelationMap *map, MonitorMap *entry, RowImage *old_row, RowImage *new_row, bool old_complete,
				 MoveAnswer moves)
{
	CapturedMonitor *monitor = entry->monitor;
	/* A row that moves to another partition is not deleted. */
	bool		is_kept = new_row == NULL && !monitor->retracts_deletes && moves != MOVE_YES;
	Change		kept_mark = moves == MOVE_NO ? CHANGE_MARK_RETAINED : CHANGE_MARK_INEXACT;
	bool		is_insert = old_row == NULL && old_complete;
	Place		old_place = {0};
	Place		new_place = {0};

	if (monitor->failure != NULL)
		return;
	if (entry->precedes)
	{
		pass_over(monitor);
		return;
	}
	if (entry->learners != NIL)
		learner_change_note(relation, map, entry, old_row, new_row, old_complete, moves);
	if (!is_insert && !old_complete)
	{
		apply_incomplete(relation, map, entry, old_row, new_row, is_kept ? kept_mark : CHANGE_MARK_INEXACT);
		return;
	}
	if (old_row != NULL)
		row_find_place(map, entry, old_row, &old_place);
	if (new_row != NULL)
		row_find_place(map, entry, new_row, &new_place);
	if (is_insert && new_place.untimed)
		count_untimed(monitor);

	if (is_kept)
	{
		if (old_place.inside)
			apply(relation, entry, &old_place, kept_mark, NULL, NULL);
		return;
	}
	if (old_place.inside && new_place.inside && old_place.start == new_place.start && old_place.segment == new_place.segment)
	{
		apply(relation, entry, &new_place, CHANGE_REPLACE, old_row, new_row);
		return;
	}
	if (old_place.inside)
		apply(relation, entry, &old_place, CHANGE_REMOVE, old_row, NULL);
	if (new_place.inside)
		apply(relation, entry, &new_place, CHANGE_ADD, NULL, new_row);
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
	if (in_progress != NULL)
		set_in_progress->n_rows++;
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
		fold_for_monitor(relation, map, entry, old_tuple ? &old_row : NULL, new_tuple ? &new_row : NULL, old_complete, moves);
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
		pane_mark_live(monitor->monitor_id, PANE_RETAINED);
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

		if (whole && in_progress != NULL)
			partial_truncate(in_progress, set_in_progress->xid, monitor->monitor_id, InvalidOid);
		else if (whole)
			truncate_monitor(monitor);
		for (int i = 0; i < n_relations && !whole; i++)
			if (relation_descends_from(truncated[i], monitor->source))
			{
				if (in_progress != NULL)
					partial_truncate(in_progress, set_in_progress->xid, monitor->monitor_id, truncated[i]);
				else
					remember_truncated_part(monitor, truncated[i]);
			}
	}
}

/* ---- transactions ---- */

void
fold_tick(TimestampTz now)
{
	transaction_now = now;
}

void
fold_begin(TransactionId xid, XLogRecPtr end_lsn)
{
	in_progress = NULL;
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
	in_progress = stream_in_progress = NULL;
	partial_limit(partial_budget());
}

void
fold_stream_change(TransactionId xid, Relation relation, HeapTuple old_tuple, HeapTuple new_tuple, bool old_complete,
				   MoveAnswer moves)
{
	in_progress = stream_in_progress;
	set_in_progress = partial_set(in_progress, xid);
	partial_note_relation(in_progress, RelationGetRelid(relation));
	learner_change_within(xid);
	fold_change(relation, old_tuple, new_tuple, old_complete, moves);
	in_progress = NULL;
	partial_limit_now_and_then(partial_budget());
}

void
fold_stream_truncate(TransactionId xid, int n_relations, const Oid *relations)
{
	in_progress = stream_in_progress;
	set_in_progress = partial_set(in_progress, xid);
	for (int i = 0; i < n_relations; i++)
		partial_note_relation(in_progress, relations[i]);
	fold_truncate(n_relations, relations);
	in_progress = NULL;
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
	for (int i = 1; (generation = next) >= 0; i++)
	{
		Pane	   *pane = pane_get(monitor, generation, start, segment);

		next = generation_of(monitor, start, i);
		pane_mark_dirty(pane);
		pane->marks |= partial->marks;
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
			mark_monitor_inexact(monitor);
		monitor->last_change_at = transaction_now;
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
