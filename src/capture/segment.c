/*
 * segment.c
 *		The values of segment_by, interned.
 */
#include "postgres.h"

#include "capture/segment.h"
#include "common/hashfn.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* Segments looked up lately stand here under their hash: most rows need no more. */
#define RECENT 1024

typedef struct SegmentEntry
{
	uint64		hash;
	Segment	   *first;
} SegmentEntry;

Segment		segment_none = {.n = 0};

static MemoryContext segment_context = NULL;
static HTAB *segments;
static Segment *recent[RECENT];

void
segment_reset(MemoryContext parent)
{
	HASHCTL		control = {.keysize = sizeof(uint64), .entrysize = sizeof(SegmentEntry)};

	if (segment_context != NULL)
		MemoryContextDelete(segment_context);
	segment_context = AllocSetContextCreate(parent, "weir segments", ALLOCSET_DEFAULT_SIZES);
	control.hcxt = segment_context;
	segments = hash_create("weir segments", 128, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	memset(recent, 0, sizeof(recent));
}

uint64
segment_hash(int n, const SegmentValue *values)
{
	uint64		hash = 0;

	for (int i = 0; i < n; i++)
	{
		uint64		one = values[i].bytes == NULL
			? UINT64CONST(0x9e3779b97f4a7c15)
			: hash_bytes_extended((const unsigned char *) values[i].bytes, (int) values[i].length, values[i].length);

		hash = hash_combine64(hash, one);
	}
	return hash;
}

static bool
has_values(const Segment *segment, uint64 hash, int n, const SegmentValue *values)
{
	if (segment->hash != hash || segment->n != n)
		return false;
	for (int i = 0; i < n; i++)
	{
		if ((segment->values[i] == NULL) != (values[i].bytes == NULL))
			return false;
		if (values[i].bytes != NULL &&
			(segment->lengths[i] != values[i].length || memcmp(segment->values[i], values[i].bytes, values[i].length) != 0))
			return false;
	}
	return true;
}

static Segment *
make_segment(uint64 hash, int n, const SegmentValue *values)
{
	MemoryContext old = MemoryContextSwitchTo(segment_context);
	Segment	   *segment = palloc0(sizeof(Segment));

	segment->n = n;
	segment->hash = hash;
	segment->values = palloc0(sizeof(char *) * n);
	segment->lengths = palloc0(sizeof(size_t) * n);
	for (int i = 0; i < n; i++)
		if (values[i].bytes != NULL)
		{
			segment->lengths[i] = values[i].length;
			segment->values[i] = pnstrdup(values[i].bytes, values[i].length);
		}
	MemoryContextSwitchTo(old);
	return segment;
}

Segment *
segment_intern(int n, const SegmentValue *values, int64 limit)
{
	uint64		hash;
	bool		found;
	SegmentEntry *entry;
	Segment	   *segment;

	if (n == 0)
		return SEGMENT_NONE;
	hash = segment_hash(n, values);
	if (!segment_is_kept(hash, limit))
		return SEGMENT_OTHER;
	segment = recent[hash % RECENT];
	if (segment != NULL && has_values(segment, hash, n, values))
		return segment;
	entry = hash_search(segments, &hash, HASH_ENTER, &found);
	if (!found)
		entry->first = NULL;
	for (segment = entry->first; segment != NULL; segment = segment->next)
		if (has_values(segment, hash, n, values))
			break;
	if (segment == NULL)
	{
		segment = make_segment(hash, n, values);
		segment->next = entry->first;
		entry->first = segment;
	}
	recent[hash % RECENT] = segment;
	return segment;
}

void
segment_hold(Segment *segment)
{
	segment->references++;
}

void
segment_release(Segment *segment)
{
	SegmentEntry *entry;
	Segment	  **link;

	if (--segment->references > 0 || segment == SEGMENT_NONE)
		return;
	entry = hash_search(segments, &segment->hash, HASH_FIND, NULL);
	for (link = &entry->first; *link != segment;)
		link = &(*link)->next;
	*link = segment->next;
	if (entry->first == NULL)
		hash_search(segments, &segment->hash, HASH_REMOVE, NULL);
	if (recent[segment->hash % RECENT] == segment)
		recent[segment->hash % RECENT] = NULL;
	for (int i = 0; i < segment->n; i++)
		if (segment->values[i] != NULL)
			pfree(segment->values[i]);
	pfree(segment->values);
	pfree(segment->lengths);
	pfree(segment);
}
