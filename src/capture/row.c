/*
 * row.c
 *		Where a row belongs, and adding it to a pane: the same for decoded changes and for rows that the builder reads.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/withhold.h"
#include "capture/capture.h"
#include "capture/derived.h"
#include "capture/level.h"
#include "capture/row.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "quality/performance_datum.h"
#include "utils/timestamp.h"

/*
 * An error of the filter is the monitor's alone.  It may be caught here, against the rule for callbacks of the decoder, because
 * built-in immutable functions over values in memory hold nothing and read no catalog when they say that a value is wrong; any
 * other error (of memory, of a concurrent abort) goes on, and capture begins again.
 */
static bool
evaluate_filter(RelationMap *map, MonitorMap *entry)
{
	MemoryContext old = CurrentMemoryContext;
	volatile bool passes = false;

	PG_TRY();
	{
		bool		is_null;
		Datum		result = ExecEvalExprSwitchContext(entry->filter, map->expression_context, &is_null);

		passes = !is_null && DatumGetBool(result);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		definition_fail(entry->monitor, definition_reason(error), message_without_values(error));
	}
	PG_END_TRY();
	return passes;
}

static bool
passes_filter(RelationMap *map, MonitorMap *entry, RowImage *row)
{
	bool		passes;

	if (entry->filter == NULL)
		return true;
	/* Not the tuple: what is stored out of line and was not changed stands in the values only. */
	ExecClearTuple(map->slot);
	memcpy(map->slot->tts_values, row->values, map->slot->tts_tupleDescriptor->natts * sizeof(Datum));
	memcpy(map->slot->tts_isnull, row->nulls, map->slot->tts_tupleDescriptor->natts * sizeof(bool));
	ExecStoreVirtualTuple(map->slot);
	map->expression_context->ecxt_scantuple = map->slot;
	passes = evaluate_filter(map, entry);
	ResetExprContext(map->expression_context);
	return passes;
}

static Segment *
find_segment(MonitorMap *entry, RowImage *row)
{
	CapturedMonitor *monitor = entry->monitor;
	SegmentValue values[CAPTURE_MAX_SEGMENT_COLUMNS];
	CategoryText texts[CAPTURE_MAX_SEGMENT_COLUMNS];
	Segment	   *segment;

	if (monitor->n_segments == 0)
		return SEGMENT_NONE;
	for (int i = 0; i < monitor->n_segments; i++)
	{
		int			at = entry->segments[i] - 1;

		texts[i].allocated = NULL;
		values[i] = (SegmentValue){NULL, 0};
		if (row->nulls[at])
			continue;
		value_reader_get_text(&monitor->segments[i].reader, row->values[at], &texts[i]);
		values[i] = (SegmentValue){texts[i].bytes, texts[i].length};
	}
	segment = segment_intern(monitor->n_segments, values, monitor->segment_limit);
	for (int i = 0; i < monitor->n_segments; i++)
		category_text_free(&texts[i]);
	return segment;
}

void
row_find_place(RelationMap *map, MonitorMap *entry, RowImage *row, Place *place)
{
	CapturedMonitor *monitor = entry->monitor;

	place->inside = false;
	place->untimed = false;
	if (!passes_filter(map, entry, row))
		return;
	if (row->nulls[entry->time - 1] || !definition_time(monitor->time_type, row->values[entry->time - 1], &place->time))
	{
		place->untimed = true;
		return;
	}
	place->start = level_place(monitor, place->time);
	if (place->start < monitor->expired_before)
		return;
	place->segment = find_segment(entry, row);
	place->inside = true;
}

Outcome
row_outcome(const OutcomeReader *reader, RowImage *row, AttrNumber attribute)
{
	bool		valid;
	Outcome		outcome = outcome_reader_read(reader, row->values[attribute - 1], row->nulls[attribute - 1], &valid);

	return valid ? outcome : OUTCOME_UNKNOWN;
}

/* What the model decided of the row. */
static Outcome
row_decision(const MonitorMap *entry, RowImage *row)
{
	const CapturedMonitor *monitor = entry->monitor;
	double		score;

	if (!monitor->decides_by_score)
		return row_outcome(&monitor->prediction, row, entry->prediction);
	score = performance_number(&monitor->score_column.reader, row->values[entry->score - 1], row->nulls[entry->score - 1]);
	return isnan(score) ? OUTCOME_UNKNOWN : score >= monitor->threshold ? OUTCOME_POSITIVE : OUTCOME_NEGATIVE;
}

void
row_add_fairness(MonitorMap *entry, PanePart *part, RowImage *row)
{
	CapturedMonitor *monitor = entry->monitor;
	Outcome		prediction;
	Outcome		label;

	if (monitor->n_protected == 0)
		return;
	prediction = row_decision(entry, row);
	label = monitor->has_label ? row_outcome(&monitor->label, row, entry->label) : OUTCOME_UNKNOWN;
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

/* A text that has no code does not wait in the batch. */
void
row_add_category(CapturedMonitor *monitor, int i, PanePart *part, char *gathered, const char *bytes, size_t length)
{
	CapturedColumn *column = &monitor->columns[i];
	int			code = dictionary_code(monitor, column, bytes, length);

	if (code < 0)
	{
		batch_put_missing(&part->batch, gathered, i);
		summary_add_category(part->summaries[i], bytes, length);
		return;
	}
	batch_unput_missing(gathered, i);
	batch_put_code(gathered, column->place, code);
}

static void
add_category(CapturedMonitor *monitor, int i, PanePart *part, char *row, Datum value)
{
	CapturedColumn *column = &monitor->columns[i];
	CategoryText text;

	value_reader_get_text(&column->reader, value, &text);
	row_add_category(monitor, i, part, row, text.bytes, text.length);
	category_text_free(&text);
}

/* Most texts are short and stored as they are. */
static inline void
add_text(CapturedMonitor *monitor, int i, int place, PanePart *part, char *row, Datum value)
{
	const struct varlena *stored = (const struct varlena *) DatumGetPointer(value);
	int			code = -1;

	if (VARATT_IS_SHORT(stored) && !VARATT_IS_EXTERNAL(stored))
		code = dictionary_code(monitor, &monitor->columns[i], VARDATA_SHORT(stored), VARSIZE_SHORT(stored) - VARHDRSZ_SHORT);
	if (code >= 0)
		batch_put_code(row, place, code);
	else
		add_category(monitor, i, part, row, value);
}

static inline double
timestamp_number(const ValueReader *reader, Datum value)
{
	Timestamp	timestamp = DatumGetTimestamp(value);

	return TIMESTAMP_NOT_FINITE(timestamp) ? value_reader_number(reader, value) : (double) timestamp;
}

static pg_attribute_always_inline void
add_value(MonitorMap *entry, int i, PanePart *part, char *gathered, const RowImage *row)
{
	CapturedMonitor *monitor = entry->monitor;
	const MappedColumn *mapped = &entry->columns[i];
	int			place = mapped->place;
	Datum		value;

	if (mapped->attribute == InvalidAttrNumber)
	{
		batch_put_missing(&part->batch, gathered, i);
		return;
	}
	if (row->nulls[mapped->attribute - 1])
	{
		batch_put_null(&part->batch, gathered, i);
		return;
	}
	value = row->values[mapped->attribute - 1];
	switch (mapped->way)
	{
		case VALUE_FLOAT8: batch_put_number(gathered, place, DatumGetFloat8(value)); break;
		case VALUE_INT2: batch_put_number(gathered, place, (double) DatumGetInt16(value)); break;
		case VALUE_INT4: batch_put_number(gathered, place, (double) DatumGetInt32(value)); break;
		case VALUE_INT8: batch_put_number(gathered, place, (double) DatumGetInt64(value)); break;
		case VALUE_TIMESTAMP: batch_put_number(gathered, place, timestamp_number(&monitor->columns[i].reader, value)); break;
		case VALUE_BOOLEAN:
			batch_put_code(gathered, place, dictionary_boolean(monitor, &monitor->columns[i], DatumGetBool(value)));
			break;
		case VALUE_TEXT: add_text(monitor, i, place, part, gathered, value); break;
		case VALUE_VECTOR:
			/* Not worth gathering: each takes its time. */
			batch_put_missing(&part->batch, gathered, i);
			value_reader_add(&monitor->columns[i].reader, part->summaries[i], value, false);
			break;
		case VALUE_BY_TYPE:
			if (monitor->columns[i].reader.kind == SUMMARY_NUMERIC)
				batch_put_number(gathered, place, value_reader_number(&monitor->columns[i].reader, value));
			else
				add_category(monitor, i, part, gathered, value);
			break;
	}
}

void
row_add_value(MonitorMap *entry, int i, PanePart *part, char *gathered, const RowImage *row)
{
	add_value(entry, i, part, gathered, row);
}

void
row_add(MonitorMap *entry, PanePart *part, RowImage *row)
{
	CapturedMonitor *monitor = entry->monitor;
	char	   *gathered = pane_part_begin_row(monitor, part);
	int			n_columns = monitor->n_columns;

	part->n++;
	if (monitor->has_label && !row->nulls[entry->label - 1])
		part->n_labelled++;
	for (int i = 0; i < n_columns; i++)
		add_value(entry, i, part, gathered, row);
	for (int i = 0; i < monitor->n_derivations; i++)
		derived_add(entry, &monitor->derivations[i], part, gathered, row);
	row_add_fairness(entry, part, row);
}
