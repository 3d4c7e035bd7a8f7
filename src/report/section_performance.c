/*
 * section_performance.c
 *		Of a monitor's and of a model's page: a row per metric of performance, from labels and estimated.
 */
#include "postgres.h"

#include <math.h>

#include "base/sql.h"
#include "report/page.h"
#include "report/report.h"
#include "report/sections.h"

/* The newest window with labels stands for a metric: in the last final one they may not have arrived. */
static const char performance_query[] =
	"WITH " REPORT_PLACES
	", p AS (SELECT *, NOT is_estimate AND window_start = max(window_start) FILTER (WHERE NOT is_estimate AND value IS "
	"NOT NULL) OVER (PARTITION BY metric) AS is_last, "
	"is_estimate AND window_start = @window AS is_last_estimate FROM weir.performance_scores(@range) WHERE segment IS NULL) "
	"SELECT p.metric, array_agg(w.place ORDER BY p.window_start) FILTER (WHERE NOT p.is_estimate), array_agg(p.value ORDER BY "
	"p.window_start) FILTER (WHERE NOT p.is_estimate), "
	"string_agg(left(coalesce(p.verdict, '-'), 1), '' ORDER BY p.window_start) FILTER (WHERE NOT p.is_estimate), "
	"array_agg(w.place ORDER BY p.window_start) FILTER (WHERE p.is_estimate), array_agg(p.value ORDER BY p.window_start) FILTER "
	"(WHERE p.is_estimate), NULL::text, "
	"max(p.value) FILTER (WHERE is_last), max(p.low) FILTER (WHERE is_last), max(p.high) FILTER (WHERE is_last), "
	"max(p.baseline_value) FILTER (WHERE is_last), "
	"max(p.threshold) FILTER (WHERE is_last), max(p.value) FILTER (WHERE is_last_estimate), max(p.n) FILTER (WHERE is_last)::float8, "
	"max(p.verdict) FILTER (WHERE is_last), "
	"max(p.status) FILTER (WHERE is_last), to_char(max(p.window_start) FILTER (WHERE is_last), 'YYYY-MM-DD HH24:MI'), "
	"array_agg(to_char(p.window_start, 'YYYY-MM-DD HH24:MI') ORDER BY p.window_start) FILTER (WHERE NOT p.is_estimate), "
	"array_agg(to_char(p.window_start, 'YYYY-MM-DD HH24:MI') ORDER BY p.window_start) FILTER (WHERE p.is_estimate), "
	"coalesce(bool_or(p.is_primary), false) OR coalesce(max(p.verdict) FILTER (WHERE is_last), 'ok') <> 'ok' AS is_shown "
	"FROM p JOIN w ON w.window_start = p.window_start "
	"GROUP BY p.metric ORDER BY is_shown DESC, bool_or(p.is_primary) DESC, max(p.verdict) FILTER (WHERE is_last) IS NOT DISTINCT FROM 'alert' DESC, "
	"p.metric";

/* ---- columns of that query ---- */
enum
{
	METRIC = 1,
	PLACES,						/* and values, verdicts */
	ESTIMATED_PLACES = 5,
	VALUE = 8,					/* low, high, baseline */
	THRESHOLD = 12,
	ESTIMATE,
	N,
	VERDICT,
	STATUS,
	LAST_WINDOW,
	WINDOWS,
	ESTIMATED_WINDOWS,
	IS_SHOWN
};

static const char columns[] =
	"<th scope=\"col\">metric</th><th scope=\"col\">verdict</th><th>course</th><th scope=\"col\" class=\"n\">value</th><th "
	"scope=\"col\" class=\"n\">low</th><th scope=\"col\" class=\"n\">high</th><th scope=\"col\" class=\"n\">baseline</th><th "
	"scope=\"col\" class=\"n\">threshold</th><th scope=\"col\" class=\"n\">estimated</th><th scope=\"col\" class=\"n\">rows</th><th "
	"scope=\"col\">window</th>";

static void
add_metric(StringInfo out, uint64 row)
{
	int			n_points;
	int			n_estimates;
	Point	   *points = report_points(row, PLACES, WINDOWS, &n_points);
	Point	   *estimates = report_points(row, ESTIMATED_PLACES, ESTIMATED_WINDOWS, &n_estimates);
	char	   *metric = sql_text(row, METRIC);

	appendStringInfoString(out, "<tr><th scope=\"row\">");
	html_name(out, metric);
	appendStringInfoString(out, "</th>");
	html_verdict_cell(out, sql_text(row, VERDICT), sql_text(row, STATUS));
	appendStringInfoString(out, "<td>");
	chart_course(out,
				 psprintf("%s over %d windows, last %s", metric, Max(n_points, n_estimates),
						  sql_text(row, VALUE) ? sql_text(row, VALUE) : "unknown"),
				 points, n_points, report_number(row, THRESHOLD), estimates, n_estimates, report_number(row, VALUE), false);
	appendStringInfoString(out, "</td>");
	for (int column = VALUE; column <= N; column++)
		html_number_cell(out, row, column);
	html_text_cell(out, sql_text(row, LAST_WINDOW));
	appendStringInfoString(out, "</tr>\n");
}

/* Values from labels and estimates, each where there are some. */
static void
add_courses(StringInfo out, uint64 n)
{
	Course	   *courses = palloc(mul_size(sizeof(Course), 2 * n + 1));
	int			n_courses = 0;

	for (uint64 row = 0; row < n; row++)
		for (int is_estimate = 0; is_estimate <= 1; is_estimate++)
		{
			Course	   *course = &courses[n_courses];

			course->points =
				report_points(row, is_estimate ? ESTIMATED_PLACES : PLACES, is_estimate ? ESTIMATED_WINDOWS : WINDOWS, &course->n);
			course->name = psprintf("%s%s", sql_text(row, METRIC), is_estimate ? ", estimated" : "");
			n_courses += course->n > 0;
		}
	section_courses_table(out, "Performance by window", courses, n_courses, false);
}

void
section_performance(Report *report)
{
	static const CoursesText text = {
		.label = "Performance",
		.caption =
			"Performance of the model, with its interval. Values are those of the newest window with labels; estimated, without "
			"labels, those of the last window. Course: line from labels, grey dashes estimated.",
		.rest_label = "Other metrics of performance",
		.rest_summary = "The other metrics",
		.columns = columns,
	};
	StringInfo	out = report->out;
	char	   *sql = report_sql(report, performance_query);
	uint64		n = report_run(sql);

	if (n == 0)
		appendStringInfoString(out,
							   "<p>Nothing is measured: the monitor has no label with a prediction or score, or you may not read "
							   "them.</p>\n");
	section_courses(out, n, IS_SHOWN, &text, add_metric);
	add_courses(out, n);
	html_query(out, "it", sql);
}
