/*
 * windows_sql.c
 *		weir._pane_windows: windows over panes for the SQL functions that score them.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "monitor/definition.h"
#include "monitor/windows.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_pane_windows);

#define N_RESULT_COLUMNS 12

/* A stream with more windows without rows than this has holes too long to be shown. */
#define MAX_EMPTY_WINDOWS 10000

typedef enum Contents
{
	CONTENTS_COUNTS,
	CONTENTS_SUMMARIES,
	CONTENTS_DRIFT,
	CONTENTS_FAIRNESS
} Contents;

typedef struct Output
{
	ReturnSetInfo *set;
	Contents	contents;
	const WindowRequest *request;
	TimestampTz last_start;		/* counts: of all rows' last window; DT_NOBEGIN: there was none */
	int			n_empty;
} Output;

static Contents
contents_of(const char *text)
{
	static const char *const names[] = {"counts", "summaries", "drift", "fairness"};

	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(names[i], text) == 0)
			return (Contents) i;
	elog(ERROR, "unexpected contents \"%s\"", text);
}

/* ---- rows ---- */

/* A stale pane may have lost rows that it never had: of a partition that was attached and is not built yet, and changes already. */
static void
put_row(Output *output, const WindowResult *window, int item, Datum summary, Datum baseline, Datum fairness)
{
	const Bundle *bundle = window->bundle;
	int			marks = bundle->marks | (window->baseline ? packed_marks(window->baseline, output->request->n_columns) : 0);
	Datum		values[N_RESULT_COLUMNS] = {TimestampTzGetDatum(window->start),
									  TimestampTzGetDatum(window->end),
									  (Datum) 0,
									  Int64GetDatum(Max(bundle->n, 0)),
									  Int64GetDatum(Max(bundle->n_labelled, 0)),
									  Int64GetDatum(bundle->n_late),
									  Int32GetDatum(marks),
									  TimestampTzGetDatum(bundle->updated_at),
									  Int32GetDatum(item),
									  summary,
									  baseline,
									  fairness};
	bool		nulls[N_RESULT_COLUMNS] = {0};

	/* What a window has only as a part of something larger is not known. */
	if (marks & MARK_ROLLED_UP)
	{
		summary = fairness = (Datum) 0;
		nulls[3] = nulls[4] = nulls[5] = true;
	}
	if (window->segment->overall)
		nulls[2] = true;
	else
		values[2] = CStringGetTextDatum(window->segment->display);
	nulls[7] = TIMESTAMP_NOT_FINITE(bundle->updated_at);
	nulls[8] = item == 0;
	nulls[9] = summary == (Datum) 0;
	nulls[10] = baseline == (Datum) 0;
	nulls[11] = fairness == (Datum) 0;
	tuplestore_putvalues(output->set->setResult, output->set->setDesc, values, nulls);
}

/* The windows without rows between the last one of all rows and this one. */
static void
put_empty_windows(Output *output, const WindowResult *window)
{
	const WindowClock *clock = &output->request->slide_clock;
	bool		has_last = !TIMESTAMP_NOT_FINITE(output->last_start) && !TIMESTAMP_NOT_FINITE(window->start);
	int64		end = has_last ? window_index(clock, window->start) : 0;
	int64		index = has_last ? window_index(clock, output->last_start) + 1 : 0;
	Bundle		nothing = {.updated_at = DT_NOBEGIN};

	if (end - index > MAX_EMPTY_WINDOWS - output->n_empty)
		index = end;
	for (; index < end; index++)
	{
		TimestampTz start = window_boundary(clock, index);
		WindowResult empty = {.start = start,
							  .end = window_add(start, &output->request->window_size, clock->zone),
							  .segment = window->segment,
							  .bundle = &nothing};

		CHECK_FOR_INTERRUPTS();
		/* A day that the zone skipped is no window. */
		if (start <= output->last_start || start >= window->start)
			continue;
		put_row(output, &empty, 0, (Datum) 0, (Datum) 0, (Datum) 0);
		output->n_empty++;
		output->last_start = start;
	}
	output->last_start = window->start;
}

static void
put_window(void *context, const WindowResult *window)
{
	Output	   *output = context;
	const WindowRequest *request = output->request;
	const Bundle *bundle = window->bundle;

	if (output->contents == CONTENTS_COUNTS && window->segment->overall)
		put_empty_windows(output, window);
	if (output->contents == CONTENTS_COUNTS)
		put_row(output, window, 0, (Datum) 0, (Datum) 0, (Datum) 0);
	for (int i = 0; i < request->n_columns; i++)
	{
		Datum		summary = bundle->summaries[i] && !bundle->unknown[i] ? summary_to_datum(bundle->summaries[i]) : (Datum) 0;
		Datum		baseline = window->baseline ? window->baseline[i] : (Datum) 0;

		put_row(output, window, request->columns[i] + 1, summary, baseline, (Datum) 0);
	}
	for (int i = 0; i < request->n_protected; i++)
		put_row(output, window, request->protected_columns[i] + 1, (Datum) 0, (Datum) 0,
				bundle->fairness[i] ? fairness_to_datum(bundle->fairness[i]) : (Datum) 0);
}

/* ---- the request ---- */

typedef struct StoredBaseline
{
	bool		is_range;
	TimestampTz since;
	TimestampTz until;
} StoredBaseline;

/* Numbers from 1 as positions from 0; all n_all of them when the array is NULL. */
static int
positions(ArrayType *items, int n_all, int **result)
{
	Datum	   *values;
	int			n;

	if (items == NULL)
	{
		*result = palloc(sizeof(int) * Max(n_all, 1));
		for (int i = 0; i < n_all; i++)
			(*result)[i] = i;
		return n_all;
	}
	deconstruct_array(items, INT4OID, sizeof(int32), true, TYPALIGN_INT, &values, NULL, &n);
	*result = palloc(sizeof(int) * Max(n, 1));
	for (int i = 0; i < n; i++)
		(*result)[i] = DatumGetInt32(values[i]) - 1;
	return n;
}

static void
read_baseline(WindowRequest *request, StoredBaseline *stored)
{
	bool		is_null;
	char	   *form = sql_text(0, 7);
	char	   *moving = sql_text(0, 10);
	Datum		value;

	request->baseline = BASELINE_NONE;
	if (form == NULL)
		return;
	if (moving == NULL)
	{
		request->baseline = BASELINE_FIXED;
		stored->is_range = strcmp(form, "range") == 0;
		if (stored->is_range)
		{
			stored->since = DatumGetTimestampTz(sql_value(0, 8, &is_null));
			stored->until = DatumGetTimestampTz(sql_value(0, 9, &is_null));
		}
		return;
	}
	request->baseline = strcmp(moving, "previous_window") == 0 ? BASELINE_PREVIOUS_WINDOW
		: strcmp(moving, "trailing") == 0                      ? BASELINE_TRAILING
															   : BASELINE_SAME_HOUR_OF_WEEK;
	value = sql_value(0, 11, &is_null);
	request->span = is_null ? request->window_size : *DatumGetIntervalP(value);
}

/* False when there is no such monitor. */
static bool
read_monitor(FunctionCallInfo fcinfo, WindowRequest *request, Contents contents, StoredBaseline *stored)
{
	Oid			type = INT4OID;
	Datum		monitor_id = PG_GETARG_DATUM(0);
	ArrayType  *items = PG_ARGISNULL(7) ? NULL : PG_GETARG_ARRAYTYPE_P(7);
	Interval	pane_size;
	char	   *time_zone;
	bool		is_null;
	WindowClock window_clock;

	if (sql_execute("SELECT m.window_size, m.slide, m.pane_size, m.time_zone, "
					"ARRAY(SELECT c.ordinal FROM weir.monitor_column c WHERE c.monitor_id = m.monitor_id ORDER BY 1), "
					"CASE WHEN coalesce(m.prediction, m.score) IS NULL THEN 0 ELSE cardinality(m.protected) END, "
					"b.form, b.since, b.until, b.moving, b.span, m.first_protected, cardinality(m.segment_by) > 0 "
					"FROM weir.monitor m LEFT JOIN weir.baseline b USING (monitor_id) WHERE m.monitor_id = $1",
					1, &type, &monitor_id, NULL) == 0)
		return false;
	request->monitor_id = DatumGetInt32(monitor_id);
	request->window_size = *DatumGetIntervalP(sql_value(0, 1, &is_null));
	request->slide = *DatumGetIntervalP(sql_value(0, 2, &is_null));
	pane_size = *DatumGetIntervalP(sql_value(0, 3, &is_null));
	time_zone = sql_text(0, 4);
	if (!PG_ARGISNULL(2))
		request->window_size = request->slide = *PG_GETARG_INTERVAL_P(2);
	if (!PG_ARGISNULL(3))
		request->slide = *PG_GETARG_INTERVAL_P(3);
	request->is_bounded = !PG_ARGISNULL(2) || !PG_ARGISNULL(3);
	if (request->is_bounded)
		check_window_of_panes(&request->window_size, &request->slide, &pane_size, time_zone);
	window_clock_init(&request->slide_clock, &request->slide, NULL, time_zone);
	window_clock_init(&window_clock, &request->window_size, NULL, time_zone);
	request->tumbles = memcmp(&window_clock, &request->slide_clock, sizeof(WindowClock)) == 0;
	request->since = PG_ARGISNULL(4) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(4);
	request->until = PG_ARGISNULL(5) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(5);
	request->segments = PG_GETARG_BOOL(6) && DatumGetBool(sql_value(0, 13, &is_null));
	if (contents == CONTENTS_SUMMARIES || contents == CONTENTS_DRIFT)
		request->n_columns = positions(items ? items : DatumGetArrayTypeP(sql_value(0, 5, &is_null)), 0, &request->columns);
	if (contents == CONTENTS_FAIRNESS)
		request->n_protected = positions(items, DatumGetInt32(sql_value(0, 6, &is_null)), &request->protected_columns);
	request->first_protected = DatumGetInt32(sql_value(0, 12, &is_null));
	if (contents == CONTENTS_DRIFT)
		read_baseline(request, stored);
	return true;
}

Datum
weir_pane_windows(PG_FUNCTION_ARGS)
{
	Contents	contents = contents_of(required_text(fcinfo, 1, "contents"));
	WindowRequest request = {0};
	StoredBaseline stored = {0};
	Output		output = {.set = (ReturnSetInfo *) fcinfo->resultinfo,
					 .contents = contents,
					 .request = &request,
					 .last_start = DT_NOBEGIN};
	SegmentMap *fixed = NULL;
	SqlScope	scope;

	InitMaterializedSRF(fcinfo, 0);
	sql_begin(&scope);
	if (read_monitor(fcinfo, &request, contents, &stored) &&
		(contents == CONTENTS_COUNTS || request.n_columns > 0 || request.n_protected > 0))
	{
		if (request.baseline == BASELINE_FIXED)
			fixed = stored.is_range ? range_baseline(&request, stored.since, stored.until) : stored_baseline(&request);
		windows_read(&request, fixed, put_window, &output);
	}
	sql_end(&scope);
	return (Datum) 0;
}
