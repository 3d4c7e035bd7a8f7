/*
 * pane.c
 *		Panes in the capture worker's memory.
 */
#include "postgres.h"

#include "capture/derived.h"
#include "capture/pane.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Panes looked up lately stand here under their hash: most rows need no more. */
#define RECENT 4096

#define FEW_ROWS 16

/* Up to here, few panes take most rows, and the largest batches pay. */
#define ROOMY ((size_t) 32 * 1024 * 1024)

/* A pane that was written stays so long for the next change. */
#define KEPT_SECONDS 60

/* Panes as the table has them take at most this part of the budget: the rest is for what is not written yet. */
#define CACHE_SHARE 4
#define COLD_SHARE 16

/* Between two flushes. */
#define HOT_ROWS 1000

static MemoryContext parent_context;
static MemoryContext pane_context = NULL;
static size_t allocated;
static HTAB *panes;
static HTAB *slices;			/* how many panes in memory a slice of time has: one for each segment */
static Pane *recent[RECENT];
static dlist_head dirty_panes;
static int	n_dirty_panes;
static dlist_head clean_panes;	/* those flushed longest ago first */

typedef struct SliceKey
{
	int			monitor_id;
	int			generation;
	TimestampTz start;
} SliceKey;

typedef struct Slice
{
	SliceKey	key;
	int			n_panes;
} Slice;

void
pane_reset(void)
{
	HASHCTL		control;

	if (pane_context != NULL)
		MemoryContextDelete(pane_context);
	pane_context = AllocSetContextCreate(parent_context, "weir panes", ALLOCSET_DEFAULT_SIZES);
	allocated = 0;
	memset(recent, 0, sizeof(recent));
	dlist_init(&dirty_panes);
	n_dirty_panes = 0;
	dlist_init(&clean_panes);

	memset(&control, 0, sizeof(control));
	control.keysize = sizeof(PaneKey);
	control.entrysize = sizeof(Pane);
	control.hcxt = pane_context;
	panes = hash_create("weir panes", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	memset(&control, 0, sizeof(control));
	control.keysize = sizeof(SliceKey);
	control.entrysize = sizeof(Slice);
	control.hcxt = pane_context;
	slices = hash_create("weir slices", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	segment_reset(parent_context);
}

void
pane_init(MemoryContext parent)
{
	parent_context = parent;
	pane_reset();
}

/* ---- memory ---- */

/* Counts what is held: what was freed stays with the context, for the next. */
static void *
resize_counted(void *context, void *pointer, size_t old_size, size_t size)
{
	allocated += size;
	allocated -= old_size;
	if (size == 0)
	{
		if (pointer != NULL)
			pfree(pointer);
		return NULL;
	}
	if (pointer == NULL)
		return MemoryContextAllocHuge(pane_context, size);
	return repalloc_huge(pointer, size);
}

Allocator
pane_allocator(void)
{
	return (Allocator){.resize = resize_counted, .context = NULL};
}

size_t
pane_memory(void)
{
	return allocated + (size_t) hash_get_num_entries(panes) * sizeof(Pane);
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
		part->summaries[i] = monitor->columns[i].is_derived
			? derived_summary(&monitor->columns[i], allocator)
			: value_reader_summary(&monitor->columns[i].reader, allocator, SUMMARY_DEFAULT_BUDGET);
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
	batch_close(&part->batch, pane_allocator());
	bms_free(part->unknown);
	memset(part, 0, sizeof(PanePart));
}

void
pane_part_set_unknown(PanePart *part, int column)
{
	MemoryContext old = MemoryContextSwitchTo(pane_context);

	part->unknown = bms_add_member(part->unknown, column);
	MemoryContextSwitchTo(old);
}

/* What lacks rows in one lacks them in both together. */
static void
unite_unknown(PanePart *into, const PanePart *from)
{
	MemoryContext old = MemoryContextSwitchTo(pane_context);

	into->unknown = bms_add_members(into->unknown, from->unknown);
	MemoryContextSwitchTo(old);
}

void
pane_part_settle(CapturedMonitor *monitor, PanePart *part)
{
	if (part->batch.capacity == 0)
		return;
	batch_fold(&part->batch, monitor, part->summaries);
	batch_close(&part->batch, pane_allocator());
}

void
pane_part_make_room(CapturedMonitor *monitor, PanePart *part)
{
	if (part->batch.capacity == 0)
	{
		pane_part_open(monitor, part);
		batch_open(&part->batch, monitor, part->n < FEW_ROWS, pane_allocator());
	}
	else
	{
		batch_fold(&part->batch, monitor, part->summaries);
		batch_grow(&part->batch, monitor, allocated < ROOMY, pane_allocator());
	}
}

void
pane_part_merge(CapturedMonitor *monitor, PanePart *into, PanePart *from)
{
	if (from->summaries == NULL)
		return;
	pane_part_settle(monitor, from);
	pane_part_open(monitor, into);
	unite_unknown(into, from);
	into->n += from->n;
	into->n_labelled += from->n_labelled;
	for (int i = 0; i < monitor->n_columns; i++)
		summary_check_status(summary_merge(into->summaries[i], from->summaries[i]));
	for (int i = 0; i < monitor->n_protected; i++)
		fairness_check_status(fairness_merge(into->fairness[i], from->fairness[i]));
}

void
pane_part_move(CapturedMonitor *monitor, PanePart *into, PanePart *from)
{
	if (into->summaries == NULL)
		*into = *from;
	else
	{
		pane_part_merge(monitor, into, from);
		pane_part_close(monitor, from);
	}
	memset(from, 0, sizeof(PanePart));
}

void
pane_part_subtract(CapturedMonitor *monitor, PanePart *into, PanePart *from)
{
	if (from->summaries == NULL)
		return;
	pane_part_settle(monitor, from);
	pane_part_settle(monitor, into);
	pane_part_open(monitor, into);
	unite_unknown(into, from);
	into->n -= from->n;
	into->n_labelled -= from->n_labelled;
	for (int i = 0; i < monitor->n_columns; i++)
		summary_check_status(summary_subtract(into->summaries[i], from->summaries[i]));
	for (int i = 0; i < monitor->n_protected; i++)
		fairness_check_status(fairness_subtract(into->fairness[i], from->fairness[i]));
}

size_t
pane_part_memory(CapturedMonitor *monitor, const PanePart *part)
{
	size_t		memory = part->batch.size;

	if (part->summaries == NULL)
		return memory;
	for (int i = 0; i < monitor->n_columns; i++)
		memory += summary_memory(part->summaries[i]);
	for (int i = 0; i < monitor->n_protected; i++)
		memory += fairness_memory(part->fairness[i]);
	return memory;
}

static bool
differs(char **difference, const char *what, int64 a, int64 b)
{
	if (difference != NULL)
		*difference = psprintf("%s: " INT64_FORMAT " in the panes, " INT64_FORMAT " in the table", what, a, b);
	return false;
}

bool
pane_part_equal(CapturedMonitor *monitor, PanePart *a, PanePart *b, char **difference)
{
	if (a->n != b->n)
		return differs(difference, "rows", a->n, b->n);
	if (a->n_labelled != b->n_labelled)
		return differs(difference, "labelled rows", a->n_labelled, b->n_labelled);
	if (a->n == 0)
		return true;
	pane_part_settle(monitor, a);
	pane_part_settle(monitor, b);
	for (int i = 0; i < monitor->n_columns; i++)
		/* Of a column that the table has no more, or that was not built yet, there is nothing to compare with. */
		if (!monitor->columns[i].retired && !bms_is_member(i, a->unknown) && !bms_is_member(i, b->unknown) &&
			!summary_equal(a->summaries[i], b->summaries[i]))
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

static inline uint32
recent_index(const PaneKey *key)
{
	uint64		hash = (uint64) key->start ^ (uint64) (uintptr_t) key->segment * UINT64CONST(0xff51afd7ed558ccd) ^
		((uint64) (uint32) key->generation << 32 | (uint32) key->monitor_id);

	return (uint32) (hash * UINT64CONST(0x9e3779b97f4a7c15) >> 32) % RECENT;
}

static inline bool
same_key(const PaneKey *a, const PaneKey *b)
{
	return a->start == b->start && a->segment == b->segment && a->generation == b->generation && a->monitor_id == b->monitor_id;
}

/* ---- how many segments ---- */

static void
count_pane(CapturedMonitor *monitor, const PaneKey *pane, int difference)
{
	SliceKey	key = {.monitor_id = pane->monitor_id, .generation = pane->generation, .start = pane->start};
	bool		found;
	Slice	   *slice;

	if (pane->segment == SEGMENT_OTHER)
		return;
	slice = hash_search(slices, &key, HASH_ENTER, &found);
	if (!found)
		slice->n_panes = 0;
	slice->n_panes += difference;
	if (slice->n_panes <= 0)
		hash_search(slices, &key, HASH_REMOVE, NULL);
	else if (slice->n_panes > monitor->max_groups)
		monitor->has_many_segments = true;
}

Pane *
pane_get(CapturedMonitor *monitor, int generation, TimestampTz start, Segment *segment)
{
	PaneKey		key = {.monitor_id = monitor->monitor_id, .generation = generation, .start = start, .segment = segment};
	uint32		index = recent_index(&key);
	Pane	   *pane = recent[index];
	bool		found;
	TimestampTz slide_start;

	if (pane != NULL && same_key(&pane->key, &key))
		return pane;
	pane = hash_search(panes, &key, HASH_ENTER, &found);
	recent[index] = pane;
	if (found)
		return pane;
	memset((char *) pane + sizeof(PaneKey), 0, sizeof(Pane) - sizeof(PaneKey));
	pane->monitor = monitor;
	slide_start = window_start(&monitor->slide_clock, start);
	pane->late_after = window_next(&monitor->slide_clock, slide_start) + monitor->lateness;
	segment_hold(segment);
	count_pane(monitor, &pane->key, 1);
	if (generation >= 0)
		dlist_push_tail(&clean_panes, &pane->node);
	return pane;
}

static void
close_parts(Pane *pane)
{
	pane_part_close(pane->monitor, &pane->added);
	pane_part_close(pane->monitor, &pane->removed);
	pane_part_close(pane->monitor, &pane->base);
	pane_part_close(pane->monitor, &pane->base_removed);
}

void
pane_remove(Pane *pane)
{
	uint32		index = recent_index(&pane->key);

	close_parts(pane);
	dlist_delete(&pane->node);
	n_dirty_panes -= pane->dirty;
	segment_release(pane->key.segment);
	if (recent[index] == pane)
		recent[index] = NULL;
	count_pane(pane->monitor, &pane->key, -1);
	hash_search(panes, &pane->key, HASH_REMOVE, NULL);
}

void
pane_mark_dirty(Pane *pane)
{
	if (pane->dirty)
		return;
	pane->dirty = true;
	n_dirty_panes++;
	dlist_delete(&pane->node);
	dlist_push_tail(&dirty_panes, &pane->node);
}

dlist_head *
pane_dirty_list(void)
{
	return &dirty_panes;
}

int
pane_n_dirty(void)
{
	return n_dirty_panes;
}

void
pane_written(Pane *pane, size_t memory_budget)
{
	bool		is_hot = pane->base.n - pane->flushed_n >= HOT_ROWS;

	/* A pane in memory doubles or triples when rows are added to it: that pays only where many come. */
	pane->flushed_n = pane->base.n;
	if (pane_memory() <= memory_budget / (is_hot ? CACHE_SHARE : COLD_SHARE))
		return;
	close_parts(pane);
	pane->loaded = false;
	pane->marks = 0;
	pane->n_late = 0;
}

/* Whether the pane that was flushed longest ago is to go. */
static bool
oldest_must_go(size_t memory_budget, TimestampTz now)
{
	return !dlist_is_empty(&clean_panes) &&
		(pane_memory() > memory_budget / CACHE_SHARE ||
		 dlist_head_element(Pane, node, &clean_panes)->flushed_at < now - KEPT_SECONDS * USECS_PER_SEC);
}

void
pane_flushed(size_t memory_budget)
{
	dlist_mutable_iter iterator;
	TimestampTz now = GetCurrentTimestamp();

	dlist_foreach_modify(iterator, &dirty_panes)
	{
		Pane	   *pane = dlist_container(Pane, node, iterator.cur);

		pane->dirty = false;
		n_dirty_panes--;
		pane->flushed_at = now;
		dlist_delete(&pane->node);
		dlist_push_tail(&clean_panes, &pane->node);
	}
	while (oldest_must_go(memory_budget, now))
		pane_remove(dlist_head_element(Pane, node, &clean_panes));
}

void
pane_forget(int monitor_id, int generation)
{
	HASH_SEQ_STATUS scan;
	Pane	   *pane;

	hash_seq_init(&scan, panes);
	while ((pane = hash_seq_search(&scan)) != NULL)
		if (pane->key.monitor_id == monitor_id && pane->key.generation >= 0 &&
			(generation < 0 || pane->key.generation == generation))
			pane_remove(pane);
}

void
pane_mark_retained(int monitor_id)
{
	HASH_SEQ_STATUS scan;
	Pane	   *pane;

	hash_seq_init(&scan, panes);
	while ((pane = hash_seq_search(&scan)) != NULL)
		if (pane->key.monitor_id == monitor_id && (pane->key.generation == 0 || pane->is_kept))
		{
			pane->marks |= pane->is_kept ? PANE_INCOMPLETE : PANE_RETAINED;
			pane_mark_dirty(pane);
		}
}
