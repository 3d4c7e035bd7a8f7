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
#define LANE 34
#define N_LANES 5

/* A row per thing: lane 0 windows with rows, 1 drifting columns, 2 alerts, 3 jobs, 4 versions; from and to in [0, 1]. */
static const char things_query[] =
	"WITH w AS MATERIALIZED (SELECT window_start, window_end, n FROM weir.windows(@range) WHERE segment IS NULL), "
	"r AS (SELECT min(window_start) AS first, extract(epoch FROM max(window_end) - min(window_start))::float8 AS span FROM w), "
	"t AS (SELECT 0 AS lane, window_start AS at, window_end AS till, n::float8 / nullif(max(n) OVER (), 0) AS height, NULL AS "
	"verdict, n || ' rows' AS label FROM w "
	"UNION ALL SELECT 1, w.window_start, w.window_end, (count(*) FILTER (WHERE d.verdict <> 'ok'))::float8 / nullif(count(*), 0), "
	"CASE WHEN bool_or(d.verdict = 'alert') THEN 'alert' WHEN bool_or(d.verdict = 'warning') THEN 'warning' END, "
	"format('%s of %s columns drift: %s', count(*) FILTER (WHERE d.verdict <> 'ok'), count(*), string_agg(d.column_name::text, ', ' "
	"ORDER BY d.column_name) FILTER (WHERE d.verdict <> 'ok')) "
	"FROM w JOIN weir.drift_scores(@range) d ON d.window_start = w.window_start AND d.segment IS NULL AND d.is_primary GROUP BY "
	"w.window_start, w.window_end HAVING bool_or(d.verdict <> 'ok') "
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
	"to_char(t.at, 'YYYY-MM-DD HH24:MI') || ', ' || t.label, to_char(t.at, 'YYYY-MM-DD HH24:MI') FROM t, r ORDER BY t.lane, t.at";

static double
place(double share)
{
	return LEFT + share * (WIDTH - LEFT);
}

static void
add_thing(StringInfo out, uint64 row, int lane, double from, double to)
{
	double		height = report_number(row, 4);
	char	   *verdict = sql_text(row, 5);
	double		bottom = (lane + 1) * LANE;

	appendStringInfoString(out, "<g><title>");
	html_text(out, sql_text(row, 6));
	appendStringInfoString(out, "</title>");
	if (lane <= 1)
	{
		double		tall = fmax(lane == 0 ? 0 : 3, (LANE - 8) * (isnan(height) ? 0 : height));

		appendStringInfo(out,
						 "<rect class=\"%s%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
						 "height=\"%.1f\"/>",
						 lane == 0 ? "now" : "f-", lane == 0 ? "" : verdict, place(from) + 0.3, bottom - tall,
						 fmax(0.7, place(to) - place(from) - 0.6), tall);
	}
	else if (lane == 2)
		appendStringInfo(out,
						 "<rect class=\"f-%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
						 "height=\"12\"/>",
						 verdict, place(from), bottom - 18, fmax(6, place(to) - place(from) - 1));
	else if (lane == 3)
		appendStringInfo(out, "<circle class=\"f-%s\" r=\"5\" cx=\"%.1f\" cy=\"%.1f\"/>", verdict, place(from), bottom - 12);
	else
		appendStringInfo(out, "<path class=\"f-%s\" d=\"M%.1f %.1fl6 11h-12z\"/>", verdict, place(from), bottom - 18);
	appendStringInfoString(out, "</g>");
}

char *
timeline_append(Report *report)
{
	static const char *const lanes[N_LANES] = {"Rows", "Drift", "Alerts", "Jobs", "Versions"};
	StringInfo	out = report->out;
	char	   *sql = report_sql(report, things_query);
	uint64		n = report_run(sql);
	uint64		n_windows = 0;
	int			outside = 0;
	bool		is_null;

	for (uint64 i = 0; i < n; i++)
		n_windows += DatumGetInt32(sql_value(i, 1, &is_null)) == 0;
	if (n_windows == 0)
	{
		appendStringInfoString(out, "<p>No windows.</p>\n");
		return sql;
	}
	appendStringInfo(out,
					 "<figure style=\"margin:0\"><div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Timeline\"><svg "
					 "role=\"img\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
					 "aria-label=\"Timeline of rows, drift, alerts, jobs and model versions; the tables of the page list them "
					 "all\">",
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
		add_thing(out, i, lane, from, fmin(1, to));
		/* windows come first: a date at every sixth of them */
		if (lane == 0 && i % Max(1, (n_windows + 5) / 6) == 0 && from < 0.92)
			appendStringInfo(out, "<text x=\"%.1f\" y=\"%d\">%.16s</text>", place(from), N_LANES * LANE + 16, sql_text(i, 7));
		CHECK_FOR_INTERRUPTS();
	}
	appendStringInfoString(out,
						   "</svg></div><figcaption>Rows: per window. Drift: share of the columns that drift (amber: warning, "
						   "vermilion: alert). Alerts stand at their window; jobs, versions (blue) and "
						   "changes of an alias (amber) at the time they happened.");
	if (outside > 0)
		appendStringInfo(out, " %d lie outside of the range and are listed below only.", outside);
	appendStringInfoString(out, "</figcaption></figure>\n");
	return sql;
}
