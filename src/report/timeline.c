/*
 * timeline.c
 *		Windows, drift, alerts, jobs and model versions on one axis of time.
 */
#include "postgres.h"

#include <math.h>

#include "base/sql.h"
#include "miscadmin.h"
#include "report/page.h"
#include "report/timeline.h"

#define WIDTH 1000
#define LEFT 80 /* names of lanes */
#define RIGHT 8 /* for what stands at the end */
#define LANE 34
#define N_LANES 5
#define N_TRACKS 4
#define TRACK 7

static const char *const lanes[N_LANES] = {"Rows", "Drift", "Alerts", "Retraining", "Model"};

/*
 * A row per thing: lane 0 windows with rows, 2 alerts, 3 jobs, 4 versions; from and to in [0, 1]. What drifts in the windows, lane
 * 1, was read for the courses of the columns.
 */
static const char things_query[] =
	"WITH w AS MATERIALIZED (SELECT window_start, window_end, n FROM weir.windows(@range) WHERE segment IS NULL), "
	"e AS (SELECT min(window_start) AS first, max(window_end) AS last FROM w), "
	/* what happens just now happens after the last window, where rows come to the end of it */
	"r AS (SELECT first, extract(epoch FROM greatest(last, CASE WHEN now() < last + (last - first) / 20 THEN now() END) - first)::float8 AS span FROM e), "
	"t AS (SELECT 0 AS lane, window_start AS at, window_end AS till, n::float8 / nullif(max(n) OVER (), 0) AS height, NULL AS "
	"verdict, n || ' rows' AS label FROM w "
	"UNION ALL SELECT 2, coalesce(window_start, opened_at), coalesce(window_end, opened_at), NULL, CASE severity WHEN 'warning' THEN "
	"'warning' ELSE 'alert' END, format('alert %s: %s', alert_id, message) "
	"FROM weir.alerts WHERE monitor = @monitor "
	"UNION ALL SELECT 3, j.created_at, coalesce(j.finished_at, j.created_at), NULL, CASE WHEN j.state IN ('failed', 'dead') THEN "
	"'alert' ELSE 'ok' END, format('job %s: %s', j.job_id, j.state) "
	"FROM weir.jobs j WHERE j.model = (SELECT m.model FROM weir.monitors m WHERE m.monitor = @monitor) OR j.alert_id IN (SELECT "
	"a.alert_id FROM weir.alerts a WHERE a.monitor = @monitor) "
	"UNION ALL SELECT 4, v.created_at, v.created_at, NULL, 'ok', format('version %s', v.version) "
	"FROM weir.model_versions v JOIN weir.monitors m ON m.model = v.model WHERE m.monitor = @monitor "
	"UNION ALL SELECT 4, a.since, a.since, NULL, 'warning', format('%s is version %s', a.alias, a.version) "
	"FROM weir.model_aliases a JOIN weir.monitors m ON m.model = a.model WHERE m.monitor = @monitor) "
	"SELECT t.lane, extract(epoch FROM t.at - r.first)::float8 / nullif(r.span, 0), extract(epoch FROM t.till - r.first)::float8 / "
	"nullif(r.span, 0), t.height, t.verdict, "
	"to_char(t.at, 'YYYY-MM-DD HH24:MI') || ', ' || t.label, to_char(t.at, CASE WHEN t.at = date_trunc('day', t.at) THEN 'YYYY-MM-DD' ELSE "
	"'YYYY-MM-DD HH24:MI' END), extract(epoch FROM t.at)::float8 FROM t, r ORDER BY t.lane, t.at";

static double
place(double share)
{
	return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static void
add_bar(StringInfo out, const char *class, double from, double to, int lane, double height)
{
	double		tall = (LANE - 8) * height;

	appendStringInfo(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", class, place(from) + 0.3,
					 (lane + 1) * LANE - tall, fmax(0.7, place(to) - place(from) - 0.6), tall);
}

/* Alerts that overlap stand above each other; *ends is until where each track is taken. More than there are tracks lie over the
 * first. */
static int
choose_track(double *ends, double from, double to)
{
	int			track = 0;

	while (track < N_TRACKS - 1 && ends[track] > from)
		track++;
	if (ends[track] > from)
		track = 0;
	ends[track] = fmax(ends[track], fmax(to, from + (double) TRACK / (WIDTH - LEFT - RIGHT)));
	return track;
}

/* What happened, for the table below the picture. */
typedef struct Happening
{
	double		at;
	int			lane;
	const char *text;
} Happening;

typedef struct Happenings
{
	int			n;
	Happening  *list;
} Happenings;

static int
order_happenings(const void *a, const void *b)
{
	const Happening *left = a;
	const Happening *right = b;

	return left->at < right->at ? -1 : left->at > right->at ? 1 : left->lane - right->lane;
}

static void
add_table(StringInfo out, Happenings *happenings)
{
	appendStringInfoString(out, "<details><summary>The timeline as a table</summary>");
	html_begin_table(out, "Timeline as a table", "What the picture shows, in the order of time",
					 "<th scope=\"col\">what</th><th scope=\"col\">when and how</th>");
	qsort(happenings->list, happenings->n, sizeof(Happening), order_happenings);
	for (int i = 0; i < happenings->n; i++)
	{
		appendStringInfo(out, "<tr><td>%s</td>", lanes[happenings->list[i].lane]);
		html_text_cell(out, happenings->list[i].text);
		appendStringInfoString(out, "</tr>\n");
	}
	html_end_table(out);
	appendStringInfoString(out, "</details>\n");
}

/*
 * What drifts in the window that begins then; *next is the first reading that was not looked at. Returns it as text, NULL for
 * nothing.
 */
static char *
add_drift(StringInfo out, const DriftReadings *drift, int *next, double start, const char *window, double from, double to)
{
	char	   *text = NULL;
	int			n = 0;
	int			n_drifting = 0;
	bool		has_alert = false;
	StringInfoData names;

	initStringInfo(&names);
	while (*next < drift->n && drift->readings[*next].window_start < start)
		(*next)++;
	for (; *next < drift->n && drift->readings[*next].window_start == start; (*next)++, n++)
	{
		const DriftReading *reading = &drift->readings[*next];

		if (reading->verdict != 'a' && reading->verdict != 'w')
			continue;
		appendStringInfo(&names, "%s%s", n_drifting > 0 ? ", " : "", reading->column_name);
		n_drifting++;
		has_alert |= reading->verdict == 'a';
	}
	if (n_drifting > 0)
	{
		text = psprintf("%s, %d of %d columns drift: %s", window, n_drifting, n, names.data);
		appendStringInfoString(out, "<g data-tip=\"");
		html_text(out, text);
		appendStringInfoString(out, "\">");
		add_bar(out, has_alert ? "f-alert" : "f-warning", from, to, 1, fmax(0.12, (double) n_drifting / n));
		appendStringInfoString(out, "</g>");
	}
	pfree(names.data);
	return text;
}

static void
add_thing(StringInfo out, uint64 row, int lane, int track, double from, double to)
{
	double		height = report_number(row, 4);
	char	   *verdict = sql_text(row, 5);
	double		bottom = (lane + 1) * LANE;

	appendStringInfoString(out, "<g data-tip=\"");
	html_text(out, sql_text(row, 6));
	appendStringInfoString(out, "\">");
	if (lane == 0)
		add_bar(out, "now", from, to, lane, isnan(height) ? 0 : height);
	else if (lane == 2)
		appendStringInfo(out,
						 "<rect class=\"f-%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
						 "height=\"%d\"/>",
						 verdict, place(from), bottom - (track + 1) * TRACK, fmax(TRACK, place(to) - place(from) - 1), TRACK - 1);
	else if (lane == 3)
		appendStringInfo(out, "<circle class=\"f-%s\" r=\"5\" cx=\"%.1f\" cy=\"%.1f\"/>", verdict, place(from), bottom - 12);
	else
		appendStringInfo(out, "<path class=\"f-%s\" d=\"M%.1f %.1fl6 11h-12z\"/>", verdict, place(from), bottom - 18);
	appendStringInfoString(out, "</g>");
}

char *
timeline_append(Report *report, const DriftReadings *drift)
{
	StringInfo	out = report->out;
	char	   *sql = report_sql(report, things_query);
	uint64		n = report_run(sql);
	uint64		n_windows = 0;
	int			outside = 0;
	int			next = 0;
	double		ends[N_TRACKS] = {0};
	bool		is_null;
	/* each window may drift, too */
	Happenings	happenings = {.list = palloc(mul_size(sizeof(Happening), 2 * n + 1))};

	for (uint64 i = 0; i < n; i++)
		n_windows += DatumGetInt32(sql_value(i, 1, &is_null)) == 0;
	if (n_windows == 0)
	{
		appendStringInfoString(out, "<p>No windows.</p>\n");
		return sql;
	}
	appendStringInfo(out,
					 "<figure><div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Timeline\"><svg "
					 "role=\"img\" class=\"fill\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
					 "aria-label=\"Timeline of rows, drift, alerts, retraining and model versions; as a table below"
					 "\">",
					 WIDTH, N_LANES * LANE + 24, WIDTH, N_LANES * LANE + 24);
	for (int i = 0; i < N_LANES; i++)
		appendStringInfo(out,
						 "<text x=\"0\" y=\"%d\">%s</text><line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" "
						 "y2=\"%d\"/>",
						 (i + 1) * LANE - 8, lanes[i], LEFT, WIDTH, (i + 1) * LANE, (i + 1) * LANE);
	for (uint64 i = 0; i < n; i++)
	{
		int			lane = DatumGetInt32(sql_value(i, 1, &is_null));
		double		from = report_number(i, 2);
		double		to = report_number(i, 3);

		if (!(from >= 0 && from <= 1))
		{
			outside++;
			continue;
		}
		add_thing(out, i, lane, lane == 2 ? choose_track(ends, from, fmin(1, to)) : 0, from, fmin(1, to));
		happenings.list[happenings.n++] = (Happening){from, lane, sql_text(i, 6)};
		if (lane == 0)
		{
			const char *drifting = add_drift(out, drift, &next, report_number(i, 8), sql_text(i, 7), from, fmin(1, to));

			if (drifting != NULL)
				happenings.list[happenings.n++] = (Happening){from, 1, drifting};
		}
		/* windows come first: a date at every sixth of them */
		if (lane == 0 && i % Max(1, (n_windows + 5) / 6) == 0 && from < 0.92)
			appendStringInfo(out, "<text x=\"%.1f\" y=\"%d\">%s</text>", place(from), N_LANES * LANE + 16, sql_text(i, 7));
		CHECK_FOR_INTERRUPTS();
	}
	appendStringInfoString(out,
						   "</svg></div><figcaption>Rows: per window. Drift: share of the columns that drift (amber: warning, "
						   "vermilion: alert). Alerts stand at their window; jobs, versions (blue) and "
						   "changes of an alias (amber) at the time they happened.");
	if (outside > 0)
		appendStringInfo(out, " %d lie outside of the range and are listed below only.", outside);
	appendStringInfoString(out, "</figcaption></figure>\n");
	add_table(out, &happenings);
	return sql;
}
