/*
 * row.c
 *		Where a row belongs, and adding it to a pane: the same for decoded changes and for rows that the builder reads.
 */
#include "postgres.h"

#include "capture/row.h"
#include "executor/executor.h"
#include "utils/timestamp.h"

static bool
passes_filter(RelationMap *map, MonitorMap *entry, RowImage *row)
{
	Datum		result;
	bool		is_null;

	if (entry->filter == NULL)
		return true;
	/* Not the tuple: what is stored out of line and was not changed stands in the values only. */
	ExecClearTuple(map->slot);
	memcpy(map->slot->tts_values, row->values, map->slot->tts_tupleDescriptor->natts * sizeof(Datum));
	memcpy(map->slot->tts_isnull, row->nulls, map->slot->tts_tupleDescriptor->natts * sizeof(bool));
	ExecStoreVirtualTuple(map->slot);
	map->expression_context->ecxt_scantuple = map->slot;
	result = ExecEvalExprSwitchContext(entry->filter, map->expression_context, &is_null);
	ResetExprContext(map->expression_context);
	return !is_null && DatumGetBool(result);
}

void
row_find_place(RelationMap *map, MonitorMap *entry, RowImage *row, bool counts_untimed, Place *place)
{
	CapturedMonitor *monitor = entry->monitor;

	place->inside = false;
	if (!passes_filter(map, entry, row))
		return;
	if (row->nulls[entry->time - 1] || !definition_time(monitor->time_type, row->values[entry->time - 1], &place->time))
	{
		if (counts_untimed)
		{
			monitor->n_untimed++;
			monitor->state_changed = true;
		}
		return;
	}
	if (place->time < monitor->slice_start || place->time >= monitor->slice_end)
	{
		monitor->slice_start = window_start(&monitor->pane_clock, place->time);
		monitor->slice_end = window_next(&monitor->pane_clock, monitor->slice_start);
	}
	place->start = monitor->slice_start;
	if (place->start < monitor->expired_before)
		return;
	for (int i = 0; i < monitor->n_segments; i++)
		place->segment[i] = row->nulls[entry->segments[i] - 1]
			? NULL
			: value_reader_text(&monitor->segments[i].reader, row->values[entry->segments[i] - 1]);
	place->inside = true;
}

bool
row_same_place(CapturedMonitor *monitor, const Place *a, const Place *b)
{
	if (a->start != b->start)
		return false;
	for (int i = 0; i < monitor->n_segments; i++)
	{
		if ((a->segment[i] == NULL) != (b->segment[i] == NULL))
			return false;
		if (a->segment[i] != NULL && strcmp(a->segment[i], b->segment[i]) != 0)
			return false;
	}
	return true;
}

static Outcome
read_outcome(const OutcomeReader *reader, RowImage *row, AttrNumber attribute)
{
	bool		valid;
	Outcome		outcome = outcome_reader_read(reader, row->values[attribute - 1], row->nulls[attribute - 1], &valid);

	return valid ? outcome : OUTCOME_UNKNOWN;
}

void
row_add_fairness(MonitorMap *entry, PanePart *part, RowImage *row)
{
	CapturedMonitor *monitor = entry->monitor;
	Outcome		prediction;
	Outcome		label;

	if (monitor->n_protected == 0)
		return;
	prediction = read_outcome(&monitor->prediction, row, entry->prediction);
	label = monitor->has_label ? read_outcome(&monitor->label, row, entry->label) : OUTCOME_UNKNOWN;
	for (int i = 0; i < monitor->n_protected; i++)
	{
		AttrNumber	attribute = entry->protected_columns[i];
		const char *value =
			row->nulls[attribute - 1] ? NULL : value_reader_text(&monitor->protected_columns[i].reader, row->values[attribute - 1]);
		size_t		length = value ? strlen(value) : 0;
		char	   *key = palloc(fairness_key_size(1, &value, &length));

		length = fairness_key(1, &value, &length, key);
		fairness_check_status(fairness_add(part->fairness[i], key, length, prediction, label, 1));
	}
}

void
row_add(MonitorMap *entry, PanePart *part, RowImage *row)
{
	CapturedMonitor *monitor = entry->monitor;

	pane_part_open(monitor, part);
	part->n++;
	if (monitor->has_label && !row->nulls[entry->label - 1])
		part->n_labelled++;
	for (int i = 0; i < monitor->n_columns; i++)
	{
		int			at = entry->columns[i] - 1;

		value_reader_add(&monitor->columns[i].reader, part->summaries[i], row->values[at], row->nulls[at]);
	}
	row_add_fairness(entry, part, row);
}
