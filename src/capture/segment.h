/*
 * segment.h
 *		The values of segment_by, interned: equal segments are the same pointer.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_SEGMENT_H
#define WEIR_CAPTURE_SEGMENT_H

#include "postgres.h"

#define SEGMENT_NONE (&segment_none)

/* Where there are too many, those with a hash above the monitor's limit are counted together: a segment without values. */
#define SEGMENT_OTHER SEGMENT_NONE
#define SEGMENT_KEEP_ALL PG_INT64_MAX

typedef struct Segment
{
	int			n;
	int64		references;		/* panes that have it; without any it may go */
	uint64		hash;
	struct Segment *next;		/* with the same hash */
	char	  **values;			/* NULL: unknown */
	size_t	   *lengths;
} Segment;

/* A value while it is looked up; bytes NULL: unknown. */
typedef struct SegmentValue
{
	const char *bytes;
	size_t		length;
} SegmentValue;

/* The segment of monitors that have no segment_by. */
extern Segment segment_none;

/* Forgets all segments: nobody may have one any more. */
extern void segment_reset(MemoryContext parent);

extern uint64 segment_hash(int n, const SegmentValue *values);

/* By its hash alone, so that it does not depend on which came first. */
static inline bool
segment_is_kept(uint64 hash, int64 limit)
{
	return (int64) (hash >> 1) <= limit;
}

/* Finds or makes the segment, SEGMENT_OTHER when it is not kept; what is new is copied. */
extern Segment *segment_intern(int n, const SegmentValue *values, int64 limit);

/* What a segment counts as under a limit that may have fallen since it was interned. */
static inline Segment *
segment_under_limit(Segment *segment, int64 limit)
{
	return segment->n == 0 || segment_is_kept(segment->hash, limit) ? segment : SEGMENT_OTHER;
}

extern void segment_hold(Segment *segment);

/* Forgets it when nobody holds it any more. */
extern void segment_release(Segment *segment);

#endif
