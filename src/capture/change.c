/*
 * change.c
 *		One change of a row, for one monitor.
 */
#include "postgres.h"

#include "capture/change.h"
#include "capture/derived.h"
#include "capture/generation.h"
#include "capture/learner_change.h"
#include "capture/level.h"
#include "capture/pane.h"
#include "utils/datum.h"

/* ---- what differs ---- */

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
	CHANGE_KEEP,				/* the table has the row no more, the pane keeps it */
	CHANGE_KEEP_UNSEEN,			/* the same of a row that is not all there */
	CHANGE_KEEP_UNSURE,			/* or it has moved: nobody knows */
	CHANGE_MARK_INEXACT
} Change;

static void
change_pane(Relation relation, MonitorMap *entry, Pane *pane, Change change, RowImage *old_row, RowImage *new_row)
{
	switch (change)
	{
		case CHANGE_ADD: row_add(entry, pane_part_to_add(pane), new_row); break;
		case CHANGE_REMOVE: row_add(entry, &pane->removed, old_row); break;
		case CHANGE_REPLACE: replace_row(relation, entry, pane, old_row, new_row); break;
		case CHANGE_KEEP:
		case CHANGE_KEEP_UNSEEN: pane->marks |= PANE_RETAINED; break;
		case CHANGE_KEEP_UNSURE:
		case CHANGE_MARK_INEXACT: pane->marks |= PANE_INEXACT; break;
	}
}

static inline bool
is_kept_change(Change change)
{
	return change == CHANGE_KEEP || change == CHANGE_KEEP_UNSEEN || change == CHANGE_KEEP_UNSURE;
}

/* What is kept of the row for builds that will not find it in the table, see build_kept.c. */
static void
keep_for_builds(MonitorMap *entry, const Place *place, Change change, RowImage *old_row)
{
	CapturedMonitor *monitor = entry->monitor;
	ActiveBuild *build;

	for (int i = 0; (build = generation_keeper(monitor, place->start, i)) != NULL; i++)
	{
		Pane	   *kept = pane_get(monitor, build->kept, place->start, place->segment);

		kept->is_kept = true;
		pane_mark_dirty(kept);
		if (change == CHANGE_KEEP)
			row_add(entry, pane_part_to_add(kept), old_row);
		else
			kept->marks |= PANE_INEXACT | PANE_INCOMPLETE;

		/* The slice has what was kept until its cut; but the cut does not see this row any more. */
		if (build->skips_transaction)
		{
			Pane	   *shadow = pane_get(monitor, build->generation, place->start, place->segment);

			pane_mark_dirty(shadow);
			shadow->marks |= change == CHANGE_KEEP ? PANE_RETAINED : PANE_INEXACT;
			if (change == CHANGE_KEEP)
				row_add(entry, pane_part_to_add(shadow), old_row);
		}
	}
}

/* A change of a transaction in progress. */
static void
change_partial(FoldedTransaction *transaction, Relation relation, MonitorMap *entry, const Place *place, Change change,
			   RowImage *old_row, RowImage *new_row)
{
	CapturedMonitor *monitor = entry->monitor;
	PartialTotals *totals = partial_totals(transaction->set, monitor);
	bool		given_up = transaction->in_progress->given_up;

	/* A mark costs nothing to remember, and no rebuild could tell it. */
	if (!given_up || change == CHANGE_KEEP || change == CHANGE_KEEP_UNSEEN)
	{
		Pane	   *pane = partial_pane(transaction->set, monitor, place->start, place->segment);

		change_pane(relation, entry, pane, change, old_row, new_row);
		if (is_kept_change(change) && (given_up || change != CHANGE_KEEP))
			pane->marks |= PANE_INCOMPLETE;
		else if (change == CHANGE_KEEP && generation_keeper(monitor, place->start, 0) != NULL)
			row_add(entry, &pane->base, old_row);
	}
	else
		partial_touch(transaction->in_progress, monitor->monitor_id, place->start, level_end(monitor, place->start));
	if (change == CHANGE_ADD || change == CHANGE_REPLACE)
		totals->watermark = Max(totals->watermark, Min(place->time, transaction->now));
}

static void
apply(FoldedTransaction *transaction, Relation relation, MonitorMap *entry, const Place *place, Change change, RowImage *old_row,
	  RowImage *new_row)
{
	CapturedMonitor *monitor = entry->monitor;
	int			generation;

	if (transaction->in_progress != NULL)
	{
		change_partial(transaction, relation, entry, place, change, old_row, new_row);
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
	if (is_kept_change(change))
		keep_for_builds(entry, place, change, old_row);
	if (change == CHANGE_ADD || change == CHANGE_REPLACE)
		monitor->pending_watermark = Max(monitor->pending_watermark, Min(place->time, transaction->now));
	monitor->last_change_at = transaction->now;
	monitor->state_changed = true;
}

void
change_mark_inexact(FoldedTransaction *transaction, CapturedMonitor *monitor)
{
	if (transaction->in_progress != NULL)
	{
		partial_totals(transaction->set, monitor)->inexact = true;
		return;
	}
	if (monitor->inexact_since == 0)
		monitor->inexact_since = transaction->now;
	monitor->state_changed = true;
}

/*
 * A row from before columns that the monitor cannot do without.  An initial build has it, or will: its cut lies behind; unless it
 * is deleted, and to be kept.  Elsewhere the table is read again when the stream reaches what has changed it (source_watch.c); a
 * monitor that begins later lacks the row.
 */
static void
pass_over(FoldedTransaction *transaction, CapturedMonitor *monitor, bool is_kept)
{
	ListCell   *cell;

	foreach(cell, monitor->builds)
		if (((ActiveBuild *) lfirst(cell))->kind == BUILD_INITIAL && !(is_kept && ((ActiveBuild *) lfirst(cell))->kept != 0))
			return;
	change_mark_inexact(transaction, monitor);
}

static void
count_untimed(FoldedTransaction *transaction, CapturedMonitor *monitor)
{
	if (transaction->in_progress != NULL)
		partial_totals(transaction->set, monitor)->n_untimed++;
	else
	{
		monitor->n_untimed++;
		monitor->state_changed = true;
	}
}

/*
 * The old row is not all there: say which panes are no longer exact, or that some pane of the monitor is not.  change is what
 * becomes of the pane that the row leaves.
 */
static void
apply_incomplete(FoldedTransaction *transaction, Relation relation, RelationMap *map, MonitorMap *entry, RowImage *old_row,
				 RowImage *new_row, Change change)
{
	Place		place;

	if (entry->filter != NULL || !entry->identity_places_rows)
		change_mark_inexact(transaction, entry->monitor);
	if (entry->filter == NULL && entry->identity_places_rows && old_row != NULL)
	{
		row_find_place(map, entry, old_row, &place);
		if (place.inside)
			apply(transaction, relation, entry, &place, change, NULL, NULL);
	}
	/* Without the old row its values may be stored out of line, where nobody can read them from here. */
	if (new_row != NULL && entry->filter == NULL && entry->monitor->n_segments == 0)
	{
		row_find_place(map, entry, new_row, &place);
		if (place.inside)
			apply(transaction, relation, entry, &place, CHANGE_MARK_INEXACT, NULL, NULL);
	}
}

void
change_fold(FoldedTransaction *transaction, Relation relation, RelationMap *map, MonitorMap *entry, RowImage *old_row,
			RowImage *new_row, bool old_complete, MoveAnswer moves)
{
	CapturedMonitor *monitor = entry->monitor;
	/* A row that moves to another partition is not deleted. */
	bool		is_kept = new_row == NULL && !monitor->retracts_deletes && moves != MOVE_YES;
	bool		is_insert = old_row == NULL && old_complete;
	Place		old_place = {0};
	Place		new_place = {0};

	if (monitor->failure != NULL)
		return;
	if (entry->precedes)
	{
		pass_over(transaction, monitor, is_kept);
		return;
	}
	if (entry->learners != NIL)
		learner_change_note(relation, map, entry, old_row, new_row, old_complete, moves);
	if (!is_insert && !old_complete)
	{
		apply_incomplete(transaction, relation, map, entry, old_row, new_row,
						 !is_kept               ? CHANGE_MARK_INEXACT
							 : moves == MOVE_NO ? CHANGE_KEEP_UNSEEN
												: CHANGE_KEEP_UNSURE);
		return;
	}
	if (old_row != NULL)
		row_find_place(map, entry, old_row, &old_place);
	if (new_row != NULL)
		row_find_place(map, entry, new_row, &new_place);
	if (is_insert && new_place.untimed)
		count_untimed(transaction, monitor);

	if (is_kept)
	{
		if (old_place.inside)
			apply(transaction, relation, entry, &old_place, moves == MOVE_NO ? CHANGE_KEEP : CHANGE_KEEP_UNSURE, old_row, NULL);
		return;
	}
	if (old_place.inside && new_place.inside && old_place.start == new_place.start && old_place.segment == new_place.segment)
	{
		apply(transaction, relation, entry, &new_place, CHANGE_REPLACE, old_row, new_row);
		return;
	}
	if (old_place.inside)
		apply(transaction, relation, entry, &old_place, CHANGE_REMOVE, old_row, NULL);
	if (new_place.inside)
		apply(transaction, relation, entry, &new_place, CHANGE_ADD, NULL, new_row);
}
