/*
 * windows.c
 *		Windows as merges of panes, in one pass over the panes.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "monitor/windows.h"
#include "utils/memutils.h"

/* Two years of minutes, for sizes that a caller asks for; a view over a monitor's own windows must not fail. */
#define MAX_WINDOWS 1000000

#define HISTORY_DAYS_OF_SLACK 2 /* changes of the clocks move what a span looks back on by less than this */

typedef struct Place
{
	TimestampTz start;
	TimestampTz end;
} Place;

typedef struct OpenWindow
{
	Place		place;
	Bundle	   *bundle;
	Datum	   *baseline;		/* trailing: found when it opened */
} OpenWindow;

typedef struct PastWindow
{
	TimestampTz start;
	Datum	   *packed;
} PastWindow;

/* The windows of one segment, or of all rows. */
typedef struct Stream
{
	SegmentKey	segment;
	List	   *open;			/* of OpenWindow, ascending */
	Datum	   *fixed_baseline;
	List	   *past;			/* of PastWindow, ascending; for previous_window and same_hour_of_week */
	Trailing   *trailing;
	Bundle	   *slice;			/* trailing: the slice that is growing */
	TimestampTz slice_start;
} Stream;

typedef struct Reading
{
	const WindowRequest *request;
	WindowVisitor visit;
	void	   *context;
	SegmentMap *fixed;
	MemoryContext memory;
	SegmentMap *by_segment;		/* of Stream */
	List	   *streams;
	Stream	   *overall;
	int64		n_windows;		/* of all streams */

	TimestampTz pane_start;		/* of the pane read last */

	/* The windows that contain the slice read last. */
	TimestampTz slice_start;
	TimestampTz slice_end;
	int			n_places;
	int			capacity;
	Place	   *places;			/* ascending */
} Reading;

/* ---- time ---- */

static Interval
negative(const Interval *interval)
{
	return (Interval){.time = -interval->time, .day = -interval->day, .month = -interval->month};
}

static TimestampTz
back(const WindowRequest *request, TimestampTz ts, const Interval *interval)
{
	Interval	distance = negative(interval);

	return window_add(ts, &distance, request->slide_clock.zone);
}

/* The windows that contain the slice of ts. */
static void
find_places(Reading *reading, TimestampTz ts)
{
	const WindowRequest *request = reading->request;
	int64		index;
	int			n = 0;

	if (ts >= reading->slice_start && ts < reading->slice_end)
		return;
	reading->slice_start = window_start(&request->slide_clock, ts);
	reading->slice_end = window_next(&request->slide_clock, reading->slice_start);
	if (request->tumbles)
	{
		reading->places[0] = (Place){reading->slice_start, reading->slice_end};
		reading->n_places = 1;
		return;
	}
	for (index = window_index(&request->slide_clock, reading->slice_start);; index--)
	{
		TimestampTz start = window_boundary(&request->slide_clock, index);
		TimestampTz end = window_add(start, &request->window_size, request->slide_clock.zone);

		CHECK_FOR_INTERRUPTS();
		if (end <= reading->slice_start || TIMESTAMP_NOT_FINITE(start))
			break;
		/* A day that the zone skipped gives the same start twice. */
		if (n > 0 && reading->places[n - 1].start == start)
			continue;
		if (n == reading->capacity)
		{
			reading->capacity *= 2;
			reading->places = repalloc(reading->places, sizeof(Place) * reading->capacity);
		}
		reading->places[n++] = (Place){start, end};
	}
	for (int i = 0; i < n / 2; i++)
	{
		Place		place = reading->places[i];

		reading->places[i] = reading->places[n - 1 - i];
		reading->places[n - 1 - i] = place;
	}
	reading->n_places = n;
}

static bool
keeps_past(const WindowRequest *request)
{
	return request->baseline == BASELINE_PREVIOUS_WINDOW || request->baseline == BASELINE_SAME_HOUR_OF_WEEK;
}

static bool
is_asked_for(const WindowRequest *request, TimestampTz start)
{
	return start >= request->since && start < request->until;
}

/* ---- moving baselines ---- */

static Datum *
find_past(const Stream *stream, TimestampTz start)
{
	int			low = 0;
	int			high = list_length(stream->past);

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (((PastWindow *) list_nth(stream->past, middle))->start < start)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < list_length(stream->past) && ((PastWindow *) list_nth(stream->past, low))->start == start)
		return ((PastWindow *) list_nth(stream->past, low))->packed;
	return NULL;
}

/* The same time of the week in the weeks before, as far as the span goes. */
static Datum *
same_hour_baseline(const WindowRequest *request, const Stream *stream, TimestampTz start, MemoryContext context)
{
	TimestampTz limit = back(request, start, &request->span);
	Bundle	   *merge = bundle_create(context, request->n_columns, 0);
	bool		found = false;
	Datum	   *result;

	for (int week = 1;; week++)
	{
		Interval	distance = {.day = 7 * week};
		TimestampTz earlier = back(request, start, &distance);
		Datum	   *packed;

		CHECK_FOR_INTERRUPTS();
		/* Both may be -infinity, where the calendar begins. */
		if (TIMESTAMP_NOT_FINITE(earlier) || earlier < limit)
			break;
		packed = find_past(stream, earlier);
		if (packed == NULL)
			continue;
		bundle_add_packed(merge, packed);
		found = true;
	}
	result = found ? bundle_pack(merge, context) : NULL;
	bundle_free(merge);
	return result;
}

/* Remembers a closed window, and forgets those that no later window looks back on. */
static void
remember(Reading *reading, Stream *stream, const OpenWindow *window)
{
	const WindowRequest *request = reading->request;
	MemoryContext old = MemoryContextSwitchTo(reading->memory);
	TimestampTz limit = back(request, window->place.start, &request->span);
	PastWindow *past = palloc(sizeof(PastWindow));

	if (!TIMESTAMP_NOT_FINITE(limit))
		limit -= HISTORY_DAYS_OF_SLACK * USECS_PER_DAY;
	past->start = window->place.start;
	past->packed = bundle_pack(window->bundle, reading->memory);
	stream->past = lappend(stream->past, past);
	while (stream->past != NIL && ((PastWindow *) linitial(stream->past))->start < limit)
	{
		PastWindow *oldest = linitial(stream->past);

		packed_free(oldest->packed, request->n_columns);
		pfree(oldest);
		stream->past = list_delete_first(stream->past);
	}
	MemoryContextSwitchTo(old);
}

/* ---- streams ---- */

static Stream *
create_stream(Reading *reading, const SegmentKey *segment)
{
	const WindowRequest *request = reading->request;
	MemoryContext old = MemoryContextSwitchTo(reading->memory);
	Stream	   *stream = palloc0(sizeof(Stream));

	stream->segment = segment_key_copy(segment, reading->memory);
	if (request->baseline == BASELINE_FIXED)
		stream->fixed_baseline = *segment_map_find(reading->fixed, segment);
	if (request->baseline == BASELINE_TRAILING)
	{
		stream->trailing = trailing_create(reading->memory, request->n_columns);
		stream->slice = bundle_create(reading->memory, request->n_columns, 0);
		stream->slice_start = DT_NOBEGIN;
	}
	reading->streams = lappend(reading->streams, stream);
	MemoryContextSwitchTo(old);
	return stream;
}

static Stream *
find_stream(Reading *reading, const SegmentKey *segment)
{
	void	  **stream = segment_map_find(reading->by_segment, segment);

	if (*stream == NULL)
		*stream = create_stream(reading, segment);
	return *stream;
}

static void
close_window(Reading *reading, Stream *stream, OpenWindow *window)
{
	const WindowRequest *request = reading->request;

	if (is_asked_for(request, window->place.start))
	{
		MemoryContext temporary = AllocSetContextCreate(reading->memory, "weir window", ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(temporary);
		WindowResult result = {.start = window->place.start,
							   .end = window->place.end,
							   .segment = &stream->segment,
							   .bundle = window->bundle,
							   .baseline = stream->fixed_baseline};

		if (request->baseline == BASELINE_TRAILING)
			result.baseline = window->baseline;
		else if (request->baseline == BASELINE_PREVIOUS_WINDOW)
			result.baseline = find_past(stream, back(request, window->place.start, &request->window_size));
		else if (request->baseline == BASELINE_SAME_HOUR_OF_WEEK)
			result.baseline = same_hour_baseline(request, stream, window->place.start, temporary);
		reading->visit(reading->context, &result);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(temporary);
	}
	if (keeps_past(request))
		remember(reading, stream, window);
	packed_free(window->baseline, request->n_columns);
	bundle_free(window->bundle);
	pfree(window);
}

/* Closes the windows that end at or before the time. */
static void
close_until(Reading *reading, TimestampTz ts)
{
	ListCell   *cell;

	foreach(cell, reading->streams)
	{
		Stream	   *stream = lfirst(cell);

		while (stream->open != NIL && ((OpenWindow *) linitial(stream->open))->place.end <= ts)
		{
			close_window(reading, stream, linitial(stream->open));
			stream->open = list_delete_first(stream->open);
		}
	}
}

/* The stream's slice that is growing goes to what trails when another begins. */
static void
advance_slice(Reading *reading, Stream *stream)
{
	if (stream->slice_start == reading->slice_start)
		return;
	if (stream->slice_start != DT_NOBEGIN)
		trailing_push(stream->trailing, stream->slice_start, bundle_pack(stream->slice, reading->memory));
	bundle_reset(stream->slice);
	stream->slice_start = reading->slice_start;
}

static OpenWindow *
open_window(Reading *reading, Stream *stream, const Place *place)
{
	const WindowRequest *request = reading->request;
	OpenWindow *window = palloc0(sizeof(OpenWindow));

	if (request->is_bounded && ++reading->n_windows > MAX_WINDOWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("more than %d windows", MAX_WINDOWS),
				 errdetail("They are counted for all rows and for every segment."),
				 errhint("Ask for larger windows or a larger slide, or for less time with since => and until =>.")));
	window->place = *place;
	window->bundle = bundle_create(reading->memory, request->n_columns, request->n_protected);
	if (request->baseline == BASELINE_TRAILING)
	{
		/* Whatever was pushed lies before this window's start: a slice inside it would have opened it. */
		trailing_evict(stream->trailing, back(request, place->start, &request->span));
		window->baseline = trailing_merge(stream->trailing, reading->memory);
	}
	return window;
}

/* A pane as large as a slide's slice goes into all windows that contain it; of a larger one the windows that it does not fit into
 * know only that. */
static void
add_to_windows(Reading *reading, Stream *stream, TimestampTz first_window, TimestampTz pane_end, const Bundle *pane)
{
	const WindowRequest *request = reading->request;
	MemoryContext old = MemoryContextSwitchTo(reading->memory);
	ListCell   *cell = list_head(stream->open);

	for (int i = 0; i < reading->n_places; i++)
	{
		Place	   *place = &reading->places[i];
		OpenWindow *window;

		if (place->start < first_window || (!is_asked_for(request, place->start) && !keeps_past(request)))
			continue;
		while (cell != NULL && ((OpenWindow *) lfirst(cell))->place.start < place->start)
			cell = lnext(stream->open, cell);
		if (cell != NULL && ((OpenWindow *) lfirst(cell))->place.start == place->start)
			window = lfirst(cell);
		else
		{
			/* A window that is not open yet begins after all that are. */
			window = open_window(reading, stream, place);
			stream->open = lappend(stream->open, window);
			cell = NULL;
		}
		if (pane_end <= place->end && reading->pane_start >= place->start)
			bundle_add(window->bundle, pane);
		else
			window->bundle->marks |= MARK_ROLLED_UP;
	}
	MemoryContextSwitchTo(old);
}

static void
add_to_stream(Reading *reading, Stream *stream, TimestampTz pane_end, const Bundle *pane)
{
	MemoryContext old = MemoryContextSwitchTo(reading->memory);

	find_places(reading, reading->pane_start);
	if (stream->trailing != NULL)
	{
		advance_slice(reading, stream);
		bundle_add(stream->slice, pane);
	}
	MemoryContextSwitchTo(old);
	add_to_windows(reading, stream, DT_NOBEGIN, pane_end, pane);
	/* The windows that begin within it. */
	while (reading->slice_end < pane_end)
	{
		find_places(reading, reading->slice_end);
		add_to_windows(reading, stream, reading->slice_start, pane_end, pane);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
visit_pane(void *context, TimestampTz pane_start, TimestampTz pane_end, const SegmentKey *segment, const Bundle *pane)
{
	Reading	   *reading = context;

	reading->pane_start = pane_start;
	close_until(reading, pane_start);
	add_to_stream(reading, reading->overall, pane_end, pane);
	if (reading->request->segments)
		add_to_stream(reading, find_stream(reading, segment), pane_end, pane);
}

void
windows_read(const WindowRequest *request, SegmentMap *fixed, WindowVisitor visit, void *context)
{
	Reading	   *reading = palloc0(sizeof(Reading));
	SegmentKey	overall = overall_key();
	TimestampTz since = request->since;
	TimestampTz until = request->until;

	reading->request = request;
	reading->fixed = fixed;
	reading->visit = visit;
	reading->context = context;
	reading->memory = CurrentMemoryContext;
	reading->by_segment = segment_map_create(CurrentMemoryContext);
	reading->slice_start = reading->slice_end = DT_NOBEGIN;
	reading->capacity = 16;
	reading->places = palloc(sizeof(Place) * reading->capacity);
	reading->overall = create_stream(reading, &overall);

	if (!TIMESTAMP_NOT_FINITE(since) && request->baseline != BASELINE_NONE && request->baseline != BASELINE_FIXED)
	{
		/* Far enough back for the first window's baseline to be whole. */
		since = back(request, back(request, since, &request->span), &request->window_size);
		if (!TIMESTAMP_NOT_FINITE(since))
			since -= HISTORY_DAYS_OF_SLACK * USECS_PER_DAY;
	}
	if (!TIMESTAMP_NOT_FINITE(until))
		until = window_add(until, &request->window_size, request->slide_clock.zone);
	pane_scan(request, since, until, visit_pane, reading);
	close_until(reading, DT_NOEND);
}
