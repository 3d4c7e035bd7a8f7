/*
 * section_fairness.c
 *		Of several pages: fairness over time, over all groups and by group, with intervals.
 */
#include "postgres.h"

#include "base/sql.h"
#include "report/page.h"
#include "report/report.h"
#include "report/sections.h"

static const char course_query[] =
	"WITH " REPORT_PLACES
	", f AS (SELECT *, window_start = @window AS is_last FROM weir.fairness_scores(@range) WHERE segment IS NULL AND group_name IS NULL "
	"AND value IS NOT NULL) "
	"SELECT f.protected::text, f.metric, array_agg(w.place ORDER BY f.window_start), array_agg(f.value ORDER BY f.window_start), "
	"string_agg(left(coalesce(f.verdict, '-'), 1), '' ORDER BY f.window_start), array_agg(to_char(f.window_start, 'YYYY-MM-DD "
	"HH24:MI') ORDER BY f.window_start), max(f.value) FILTER (WHERE is_last), max(f.threshold), max(f.verdict) FILTER (WHERE is_last), "
	"max(f.status) FILTER (WHERE is_last), bool_or(f.is_primary OR is_last AND f.verdict <> 'ok') AS is_shown "
	"FROM f JOIN w ON w.window_start = f.window_start GROUP BY f.protected, f.metric ORDER BY is_shown DESC, f.protected, "
	"bool_or(f.is_primary) DESC, max(f.verdict) FILTER (WHERE is_last) = 'alert' DESC NULLS LAST, f.metric";

static void
add_course(StringInfo out, uint64 row)
{
	int			n_points;
	Point	   *points = report_points(row, 3, 6, &n_points);

	appendStringInfoString(out, "<tr>");
	html_text_cell(out, sql_text(row, 1));
	html_text_cell(out, sql_text(row, 2));
	html_verdict_cell(out, sql_text(row, 9), sql_text(row, 10));
	appendStringInfoString(out, "<td>");
	chart_course(out,
				 psprintf("%s of %s over %d windows, last %s", sql_text(row, 2), sql_text(row, 1), n_points,
						  sql_text(row, 7) ? sql_text(row, 7) : "unknown"),
				 points, n_points, report_number(row, 8), NULL, 0, report_number(row, 7), false);
	appendStringInfoString(out, "</td>");
	html_number_cell(out, row, 7);
	html_number_cell(out, row, 8);
	appendStringInfoString(out, "</tr>\n");
}

static void
add_courses(Report *report)
{
	static const CoursesText text = {
		.label = "Fairness over the windows",
		.caption =
			"Fairness over the windows: the primary metric, and what is beyond its threshold (dashed) in the last, over all groups",
		.rest_label = "Other metrics of fairness over the windows",
		.rest_summary = "The other metrics over the windows",
		.columns = "<th scope=\"col\">protected</th><th scope=\"col\">metric</th><th scope=\"col\">verdict</th><th>course</th>"
				   "<th scope=\"col\" class=\"n\">value</th><th scope=\"col\" class=\"n\">threshold</th>",
	};
	char	   *sql = report_sql(report, course_query);
	uint64		n = report_run(sql);
	Course	   *courses;

	section_courses(report->out, n, 11, &text, add_course);
	if (n == 0)
		return;
	courses = palloc(mul_size(sizeof(Course), n));
	for (uint64 row = 0; row < n; row++)
	{
		courses[row].points = report_points(row, 3, 6, &courses[row].n);
		courses[row].name = psprintf("%s of %s", sql_text(row, 2), sql_text(row, 1));
	}
	section_courses_table(report->out, "Fairness over all groups by window", courses, (int) n, false);
	html_query(report->out, "it", sql);
}

static bool
add_part(Report *report, const char *caption, const char *pattern, const char *rows, Axis axis)
{
	char	   *sql = report_sql(report, psprintf(pattern, report->monitor ? "f.protected," : "", rows));

	if (report_run(sql) == 0)
		return false;
	html_table_on_axis(report->out, caption, axis);
	html_query(report->out, "it", sql);
	return true;
}

#define IS_DIFFERENCE "f.metric LIKE '%%difference'"
#define IS_RATIO "(f.metric LIKE '%%ratio' OR f.metric = 'disparate_impact')"
#define BY_GROUP \
	"SELECT %s f.metric, f.group_name AS \"group\", f.reference_group AS reference, f.verdict, f.value, f.low, f.high, f.threshold, " \
	"f.n, f.status FROM %s WHERE f.value IS NOT NULL AND f.group_name IS NOT NULL AND "

void
section_fairness_rows(Report *report, const char *rows)
{
	bool		has_any = false;

	has_any |= add_part(report, "Over all groups",
						"SELECT %s f.metric, f.verdict, f.value, f.low, f.high, f.threshold, f.n, f.status FROM %s WHERE "
						"f.value IS NOT NULL AND f.group_name IS NULL ORDER BY f.protected, f.is_primary DESC, f.metric",
						rows, AXIS_EACH);
	has_any |= add_part(report, "Rates by group",
						"SELECT %s f.metric, f.group_name AS \"group\", f.n, f.value, f.low, f.high, f.status FROM %s WHERE "
						"f.value IS NOT NULL AND f.group_name IS NOT NULL AND NOT " IS_DIFFERENCE " AND NOT " IS_RATIO
						" ORDER BY f.protected, f.metric, f.group_name",
						rows, AXIS_RATE);
	has_any |= add_part(report, "Differences from the reference group",
						BY_GROUP IS_DIFFERENCE " ORDER BY f.protected, f.metric, f.group_name", rows, AXIS_DIFFERENCE);
	has_any |= add_part(report, "Ratios to the reference group", BY_GROUP IS_RATIO " ORDER BY f.protected, f.metric, f.group_name",
						rows, AXIS_RATIO);
	if (!has_any)
		appendStringInfoString(report->out,
							   "<p>Nothing has a value: there are no protected columns, no rows of theirs, or you may not "
							   "read them.</p>\n");
}

void
section_fairness(Report *report)
{
	add_courses(report);
	section_fairness_rows(report,
						  "(SELECT s.protected::text, s.metric, s.group_name, s.reference_group, s.value, s.low, s.high, "
						  "s.threshold, s.n, s.verdict, s.status, s.is_primary FROM weir.fairness_scores(@last) s "
						  "WHERE s.segment IS NULL AND s.window_start = @window) f");
}
