/*
 * windows.h
 *		Windows as merges of panes, with their baselines.  Inside this room only.
 *
 * Panes are read once, in the order of time.  Each stream (one per segment, and one for all rows together) holds the windows that
 *are open at that time; what a moving baseline looks back on is kept in packed form.
 */
#ifndef WEIR_MONITOR_WINDOWS_H
#define WEIR_MONITOR_WINDOWS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "fairness/fairness_datum.h"
#include "nodes/pg_list.h"
#include "summary/summary_datum.h"
#include "window/window.h"

typedef enum BaselineForm
{
	BASELINE_NONE,
	BASELINE_FIXED,				/* a range, a query, a data version: the same for all windows of a segment */
	BASELINE_PREVIOUS_WINDOW,
	BASELINE_TRAILING,
	BASELINE_SAME_HOUR_OF_WEEK
} BaselineForm;

/* Which windows, and what of them. */
typedef struct WindowRequest
{
	int			monitor_id;
	Interval	window_size;
	Interval	slide;
	WindowClock slide_clock;
	bool		tumbles;		/* window_size = slide */
	TimestampTz since;			/* windows that begin in [since, until) */
	TimestampTz until;
	bool		segments;		/* a row per segment too, where the monitor has segments */
	bool		is_bounded;		/* more windows than a caller can want are an error */
	int			n_columns;		/* wanted of pane.summaries, by position from 0 */
	int		   *columns;
	int			n_protected;	/* wanted of pane.fairness */
	int		   *protected_columns; /* of the monitor's protected columns, by position from 0 */
	int			first_protected; /* position in pane.fairness of the first of them */
	BaselineForm baseline;
	Interval	span;			/* how far a moving baseline looks back */
} WindowRequest;

/* ---- bundle.c: what panes and windows hold ---- */

typedef struct Bundle
{
	MemoryContext context;		/* its own */
	int64		n;
	int64		n_labelled;
	int64		n_late;
	int			marks;
	TimestampTz updated_at;
	int			n_summaries;
	int			n_fairness;
	Summary	  **summaries;		/* NULL: none merged yet */
	bool	   *unknown;		/* a pane with rows did not have it: the column was added later */
	FairnessTable **fairness;
} Bundle;

extern Bundle *bundle_create(MemoryContext parent, int n_summaries, int n_fairness);
extern void bundle_reset(Bundle *bundle);
extern void bundle_free(Bundle *bundle);
extern void bundle_add(Bundle *into, const Bundle *from);

/* Packed summaries: as many as are wanted, 0 where there is none, and after them the marks of what they were merged from. */

/* Adds packed summaries and their marks. */
extern void bundle_add_packed(Bundle *into, const Datum *packed);

/* Its summaries as flat values in the context, and its marks. */
extern Datum *bundle_pack(const Bundle *bundle, MemoryContext context);
extern Datum *packed_create(int n);
extern int	packed_marks(const Datum *packed, int n);
extern void packed_free(Datum *packed, int n);

/* ---- segment.c ---- */

/*
 * A segment's identity: the bytes of its text[], which has no values for those segments that capture puts together; overall is that
 * of the stream of all rows.
 */
typedef struct SegmentKey
{
	bool		overall;
	uint32		hash;
	size_t		length;
	char	   *bytes;
	char	   *display;		/* 'north | (unknown)', another one for every segment; NULL for overall */
} SegmentKey;

extern SegmentKey segment_key(Datum segment, MemoryContext context);
extern SegmentKey overall_key(void);
extern SegmentKey segment_key_copy(const SegmentKey *key, MemoryContext context);
extern bool segment_key_equal(const SegmentKey *a, const SegmentKey *b);

/* The name that a value has now, its position in the segment from 1; NULL: the same. */
typedef const char *(*SegmentValueName)(void *context, int position, const char *value);

/* How a segment that was displayed so is displayed with these names; NULL: the same. */
extern char *segment_display_renamed(const char *display, SegmentValueName name, void *context);

/* A place per segment for one pointer, NULL at first. */
typedef struct SegmentMap SegmentMap;

extern SegmentMap *segment_map_create(MemoryContext context);
extern void **segment_map_find(SegmentMap *map, const SegmentKey *key);

/* ---- pane_scan.c ---- */

/* Panes were rolled up that are larger than what is asked for: what they hold cannot be told apart. In Bundle.marks beside those of
 * panes. */
#define MARK_ROLLED_UP 64

/*
 * Called for each live pane; pane and segment live until it returns.  pane_end is DT_NOBEGIN for panes of the monitor's pane size,
 * of which all windows are made; one that was rolled up may be larger than a window.
 */
typedef void (*PaneVisitor)(void *context, TimestampTz pane_start, TimestampTz pane_end, const SegmentKey *segment,
							const Bundle *pane);

/* Visits the live panes that have to do with [since, until) in order of time. Needs an SPI connection. */
extern void pane_scan(const WindowRequest *request, TimestampTz since, TimestampTz until, PaneVisitor visit, void *context);

/* ---- trailing.c: the merge of the last so much time, moving forward ---- */

typedef struct Trailing Trailing;

extern Trailing *trailing_create(MemoryContext context, int n_summaries);

/* Adds a slice; starts ascend. Takes over packed. */
extern void trailing_push(Trailing *trailing, TimestampTz start, Datum *packed);

/* Forgets slices that begin before limit; limits ascend. */
extern void trailing_evict(Trailing *trailing, TimestampTz limit);

/* All that is left, merged; NULL when nothing is. */
extern Datum *trailing_merge(Trailing *trailing, MemoryContext context);

/* ---- windows.c ---- */

typedef struct WindowResult
{
	TimestampTz start;
	TimestampTz end;
	const SegmentKey *segment;
	const Bundle *bundle;
	const Datum *baseline;		/* packed, by wanted column; NULL or 0: none */
} WindowResult;

typedef void (*WindowVisitor)(void *context, const WindowResult *window);

/* fixed: the packed baseline (Datum *) of each segment, for BASELINE_FIXED only. */
extern void windows_read(const WindowRequest *request, SegmentMap *fixed, WindowVisitor visit, void *context);

/* ---- fixed_baseline.c ---- */

/* From the panes that begin in [since, until). */
extern SegmentMap *range_baseline(const WindowRequest *request, TimestampTz since, TimestampTz until);

/* From what set_baseline stored. */
extern SegmentMap *stored_baseline(const WindowRequest *request);

/* Elements of an array of varlenas, by position from 0; 0 for what is NULL or not there. They point into the array. */
extern void array_elements(Datum array, int n, const int *positions, Datum *elements);

#endif
