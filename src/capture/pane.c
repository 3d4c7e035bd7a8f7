/*
 * pane.c
 *		Panes in the capture worker's memory.
 */
#include "postgres.h"

#include "base/memory.h"
#include "capture/pane.h"
#include "common/hashfn.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

typedef struct SegmentEntry
{
	uint64		hash;
	List	   *segments;		/* all segments with this hash */
} SegmentEntry;

static MemoryContext parent_context;
static MemoryContext pane_context = NULL;
static HTAB *panes;
static HTAB *segments;
static List *dirty_panes;
static Segment no_segment = {.n = 0};

void
pane_reset(void)
{
	HASHCTL		control;

	if (pane_context != NULL)
		MemoryContextDelete(pane_context);
	pane_context = AllocSetContextCreate(parent_context, "weir panes", ALLOCSET_DEFAULT_SIZES);
	dirty_panes = NIL;

	memset(&control, 0, sizeof(control));
	control.keysize = sizeof(PaneKey);
	control.entrysize = sizeof(Pane);
	control.hcxt = pane_context;
	panes = hash_create("weir panes", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	control.keysize = sizeof(uint64);
	control.entrysize = sizeof(SegmentEntry);
	segments = hash_create("weir segments", 128, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
pane_init(MemoryContext parent)
{
	parent_context = parent;
	pane_reset();
}

Allocator
pane_allocator(void)
{
	return allocator_in(pane_context);
}

size_t
pane_memory(void)
{
	return MemoryContextMemAllocated(pane_context, true);
}

/* ---- segments ---- */

static Segment *
intern_segment(int n, char *const *values)
{
	size_t	   *lengths = palloc(sizeof(size_t) * Max(n, 1));
	size_t		key_length;
	char	   *key;
	uint64		hash;
	bool		found;
	SegmentEntry *entry;
	ListCell   *cell;
	Segment	   *segment;
	MemoryContext old;

	for (int i = 0; i < n; i++)
		lengths[i] = values[i] != NULL ? strlen(values[i]) : 0;
	key = palloc(Max(fairness_key_size(n, (const char *const *) values, lengths), 1));
	key_length = fairness_key(n, (const char *const *) values, lengths, key);
	hash = hash_bytes_extended((unsigned char *) key, (int) key_length, 0);
	entry = hash_search(segments, &hash, HASH_ENTER, &found);
	if (!found)
		entry->segments = NIL;
	foreach(cell, entry->segments)
	{
		segment = lfirst(cell);
		if (segment->key_length == key_length && memcmp(segment->key, key, key_length) == 0)
			return segment;
	}
	old = MemoryContextSwitchTo(pane_context);
	segment = palloc(sizeof(Segment));
	segment->n = n;
	segment->values = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		segment->values[i] = values[i] != NULL ? pstrdup(values[i]) : NULL;
	segment->key = palloc(Max(key_length, 1));
	memcpy(segment->key, key, key_length);
	segment->key_length = key_length;
	entry->segments = lappend(entry->segments, segment);
	MemoryContextSwitchTo(old);
	return segment;
}

/* ---- parts ---- */

void
pane_part_open(CapturedMonitor *monitor, PanePart *part)
{
	Allocator	allocator = pane_allocator();
	MemoryContext old;

	if (part->summaries != NULL)
		return;
	old = MemoryContextSwitchTo(pane_context);
	part->fairness = palloc0(sizeof(FairnessTable *) * Max(monitor->n_protected, 1));
	for (int i = 0; i < monitor->n_protected; i++)
		part->fairness[i] = fairness_create(allocator, 1, FAIRNESS_DEFAULT_MAX_GROUPS);
	part->summaries = palloc0(sizeof(Summary *) * Max(monitor->n_columns, 1));
	for (int i = 0; i < monitor->n_columns; i++)
		part->summaries[i] = value_reader_summary(&monitor->columns[i].reader, allocator, SUMMARY_DEFAULT_BUDGET);
	MemoryContextSwitchTo(old);
}

void
pane_part_close(CapturedMonitor *monitor, PanePart *part)
{
	if (part->summaries != NULL)
	{
		for (int i = 0; i < monitor->n_columns; i++)
			summary_free(part->summaries[i]);
		for (int i = 0; i < monitor->n_protected; i++)
			fairness_free(part->fairness[i]);
		pfree(part->summaries);
		pfree(part->fairness);
	}
	memset(part, 0, sizeof(PanePart));
}

void
pane_part_merge(CapturedMonitor *monitor, PanePart *into, const PanePart *from)
{
	if (from->summaries == NULL)
		return;
	pane_part_open(monitor, into);
	into->n += from->n;
	into->n_labelled += from->n_labelled;
	for (int i = 0; i < monitor->n_columns; i++)
		summary_check_status(summary_merge(into->summaries[i], from->summaries[i]));
	for (int i = 0; i < monitor->n_protected; i++)
		fairness_check_status(fairness_merge(into->fairness[i], from->fairness[i]));
}

void
pane_part_subtract(CapturedMonitor *monitor, PanePart *into, const PanePart *from)
{
	if (from->summaries == NULL)
		return;
	pane_part_open(monitor, into);
	into->n -= from->n;
	into->n_labelled -= from->n_labelled;
	for (int i = 0; i < monitor->n_columns; i++)
		summary_check_status(summary_subtract(into->summaries[i], from->summaries[i]));
	for (int i = 0; i < monitor->n_protected; i++)
		fairness_check_status(fairness_subtract(into->fairness[i], from->fairness[i]));
}

static bool
differs(char **difference, const char *what, int64 a, int64 b)
{
	if (difference != NULL)
		*difference = psprintf("%s: " INT64_FORMAT " in the panes, " INT64_FORMAT " in the table", what, a, b);
	return false;
}

bool
pane_part_equal(CapturedMonitor *monitor, const PanePart *a, const PanePart *b, char **difference)
{
	if (a->n != b->n)
		return differs(difference, "rows", a->n, b->n);
	if (a->n_labelled != b->n_labelled)
		return differs(difference, "labelled rows", a->n_labelled, b->n_labelled);
	if (a->n == 0)
		return true;
	for (int i = 0; i < monitor->n_columns; i++)
		if (!summary_equal(a->summaries[i], b->summaries[i]))
		{
			if (difference != NULL)
				*difference = psprintf("column \"%s\"", NameStr(monitor->columns[i].name));
			return false;
		}
	for (int i = 0; i < monitor->n_protected; i++)
		if (!fairness_equal(a->fairness[i], b->fairness[i]))
		{
			if (difference != NULL)
				*difference = psprintf("fairness by \"%s\"", NameStr(monitor->protected_columns[i].name));
			return false;
		}
	return true;
}

/* ---- panes ---- */

Pane *
pane_get(CapturedMonitor *monitor, int generation, TimestampTz start, int n_segments, char *const *segment_values)
{
	PaneKey		key;
	Pane	   *pane;
	bool		found;
	TimestampTz slide_start;

	memset(&key, 0, sizeof(key));
	key.monitor_id = monitor->monitor_id;
	key.generation = generation;
	key.start = start;
	key.segment = n_segments == 0 ? &no_segment : intern_segment(n_segments, segment_values);
	pane = hash_search(panes, &key, HASH_ENTER, &found);
	if (found)
		return pane;
	memset((char *) pane + sizeof(PaneKey), 0, sizeof(Pane) - sizeof(PaneKey));
	pane->monitor = monitor;
	slide_start = window_start(&monitor->slide_clock, start);
	pane->late_after = window_next(&monitor->slide_clock, slide_start) + monitor->lateness;
	return pane;
}

void
pane_mark_dirty(Pane *pane)
{
	MemoryContext old;

	if (pane->dirty)
		return;
	pane->dirty = true;
	old = MemoryContextSwitchTo(pane_context);
	dirty_panes = lappend(dirty_panes, pane);
	MemoryContextSwitchTo(old);
}

List *
pane_dirty_list(void)
{
	return dirty_panes;
}

void
pane_flushed(size_t memory_budget)
{
	ListCell   *cell;

	foreach(cell, dirty_panes)
		((Pane *) lfirst(cell))->dirty = false;
	list_free(dirty_panes);
	dirty_panes = NIL;
	if (pane_memory() > memory_budget)
		pane_reset();
}

void
pane_forget(int monitor_id, int generation)
{
	HASH_SEQ_STATUS scan;
	Pane	   *pane;

	hash_seq_init(&scan, panes);
	while ((pane = hash_seq_search(&scan)) != NULL)
	{
		if (pane->key.monitor_id != monitor_id || (generation >= 0 && pane->key.generation != generation))
			continue;
		pane_part_close(pane->monitor, &pane->added);
		pane_part_close(pane->monitor, &pane->removed);
		pane_part_close(pane->monitor, &pane->base);
		pane_part_close(pane->monitor, &pane->base_removed);
		if (pane->dirty)
			dirty_panes = list_delete_ptr(dirty_panes, pane);
		hash_search(panes, &pane->key, HASH_REMOVE, NULL);
	}
}

void
pane_mark_live(int monitor_id, int marks)
{
	HASH_SEQ_STATUS scan;
	Pane	   *pane;

	hash_seq_init(&scan, panes);
	while ((pane = hash_seq_search(&scan)) != NULL)
		if (pane->key.monitor_id == monitor_id && pane->key.generation == 0)
		{
			pane->marks |= marks;
			pane_mark_dirty(pane);
		}
}
