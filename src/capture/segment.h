/*
 * segment.h
 *		The values of segment_by, interned: equal segments are the same pointer.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_SEGMENT_H
#define WEIR_CAPTURE_SEGMENT_H

#include "postgres.h"

#define SEGMENT_NONE (&segment_none)

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

/* Finds or makes the segment; what is new is copied. */
extern Segment *segment_intern(int n, const SegmentValue *values);

extern void segment_hold(Segment *segment);

/* Forgets it when nobody holds it any more. */
extern void segment_release(Segment *segment);

#endif
