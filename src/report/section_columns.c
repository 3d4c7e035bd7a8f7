/*
 * section_columns.c
 *		Of a monitor's page: a row per column, with the course of its primary score and its distribution.
 */
#include "postgres.h"

#include <math.h>

#include "base/sql.h"
#include "miscadmin.h"
#include "report/page.h"
#include "report/report.h"
#include "report/sections.h"

static const char columns_query[] =
	"WITH " REPORT_PLACES ", d AS MATERIALIZED (SELECT * FROM weir.drift_scores(@range) WHERE segment IS NULL AND is_primary), "
	"b AS (SELECT x.* FROM weir.window_distributions(@last) x WHERE x.segment IS NULL AND x.window_start = @window), "
	"h AS (SELECT b.column_name, array_agg(s.baseline_share ORDER BY s.place) AS before, array_agg(s.current_share ORDER BY s.place) AS "
	"now, array_agg(s.label ORDER BY s.place) AS labels, bool_or(s.is_category) AS is_category, min(s.axis_low) AS low, "
	"min(s.axis_high) AS high, "
	"string_agg(format('%s: %s %% (before %s %%)', s.label, round((100 * s.current_share)::numeric, 1), round((100 * "
	"s.baseline_share)::numeric, 1)), ', ' ORDER BY s.place) AS told "
	"FROM b, LATERAL weir._paired_shares(b.baseline, b.summary, 16, 5) s GROUP BY b.column_name) "
	"SELECT d.column_name::text, array_agg(w.place ORDER BY d.window_start), array_agg(d.value ORDER BY d.window_start), "
	"string_agg(left(coalesce(d.verdict, '-'), 1), '' ORDER BY d.window_start), "
	"array_agg(to_char(d.window_start, 'YYYY-MM-DD HH24:MI') ORDER BY d.window_start), "
	"max(d.metric), max(d.value) FILTER (WHERE is_last), max(d.threshold) FILTER (WHERE is_last), max(d.p_adjusted) FILTER (WHERE "
	"is_last), "
	"max(d.verdict) FILTER (WHERE is_last), max(d.status) FILTER (WHERE is_last), max(b.n)::float8, max(s.null_share), "
	"max(h.before), max(h.now), max(h.labels), bool_or(h.is_category), max(h.low), max(h.high), max(h.told), "
	"array_agg(extract(epoch FROM d.window_start)::float8 ORDER BY d.window_start) "
	"FROM (SELECT *, window_start = @window AS is_last FROM d) d JOIN w ON w.window_start = d.window_start LEFT JOIN b ON "
	"b.column_name = d.column_name "
	"LEFT JOIN h ON h.column_name = d.column_name "
	"LEFT JOIN (SELECT * FROM weir.window_stats(@last) WHERE segment IS NULL AND window_start = @window) s ON s.column_name = "
	"d.column_name "
	"GROUP BY d.column_name ORDER BY max(d.verdict) FILTER (WHERE is_last) IS NOT DISTINCT FROM 'alert' DESC, max(d.verdict) FILTER "
	"(WHERE is_last) IS NOT DISTINCT FROM 'warning' DESC, "
	"max(d.value / nullif(d.threshold, 0)) FILTER (WHERE is_last) DESC NULLS LAST, d.column_name";

/* ---- columns of that query ---- */
enum
{
	NAME = 1,
	PLACES,						/* and values, verdicts */
	WINDOWS = 5,
	METRIC,
	VALUE,
	THRESHOLD,
	P_ADJUSTED,
	VERDICT,
	STATUS,
	N,
	NULL_SHARE,
	SHARES,						/* SHARES_COLUMNS of them */
	TOLD = SHARES + SHARES_COLUMNS,
	EPOCHS
};

static void
add_column(StringInfo out, uint64 row)
{
	int			n;
	Point	   *points = report_points(row, PLACES, WINDOWS, &n);
	char	   *name = sql_text(row, NAME);
	char	   *metric = sql_text(row, METRIC);
	Shares		shares;

	appendStringInfoString(out, "<tr><th scope=\"row\">");
	html_name(out, name);
	appendStringInfoString(out, "</th>");
	html_verdict_cell(out, sql_text(row, VERDICT), sql_text(row, STATUS));
	appendStringInfoString(out, "<td>");
	chart_course(out,
				 psprintf("%s of %s over %d windows, last %s, threshold %s", metric ? metric : "drift", name, n,
						  sql_text(row, VALUE) ? sql_text(row, VALUE) : "unknown",
						  sql_text(row, THRESHOLD) ? sql_text(row, THRESHOLD) : "none"),
				 points, n, report_number(row, THRESHOLD), NULL, 0, report_number(row, VALUE), true);
	appendStringInfoString(out, "</td>");
	html_text_cell(out, metric);
	html_number_cell(out, row, VALUE);
	html_number_cell(out, row, THRESHOLD);
	html_p_value_cell(out, report_number(row, P_ADJUSTED));
	appendStringInfoString(out, "<td>");
	shares_read(&shares, row, SHARES);
	if (shares.n > 0)
		chart_shares(out, psprintf("Distribution of %s: %s", name, sql_text(row, TOLD)), &shares);
	else
		appendStringInfoString(out, "<span class=\"soft\">not shown</span>");
	appendStringInfoString(out, "</td>");
	html_number_cell(out, row, N);
	html_share_cell(out, report_number(row, NULL_SHARE));
	appendStringInfoString(out, "</tr>\n");
}

/* The courses as a table, from the result that they were drawn from. */
static void
add_courses(StringInfo out, uint64 n)
{
	Course	   *courses = palloc(mul_size(sizeof(Course), n));

	for (uint64 row = 0; row < n; row++)
	{
		courses[row].points = report_points(row, PLACES, WINDOWS, &courses[row].n);
		courses[row].name = psprintf("%s of %s", sql_text(row, METRIC), sql_text(row, NAME));
	}
	section_courses_table(out, "Primary drift scores by window", courses, (int) n, true);
}

static int
order_readings(const void *a, const void *b)
{
	double		left = ((const DriftReading *) a)->window_start;
	double		right = ((const DriftReading *) b)->window_start;

	return left < right ? -1 : left > right;
}

/* The same by window. */
static DriftReadings
gather_readings(uint64 n)
{
	DriftReadings drift = {0};
	Size		n_all = 0;
	int			n_points;

	for (uint64 row = 0; row < n; row++)
	{
		(void) numbers_at(row, EPOCHS, &n_points);
		n_all += n_points;
	}
	drift.readings = palloc(mul_size(sizeof(DriftReading), n_all + 1));
	for (uint64 row = 0; row < n; row++)
	{
		double	   *starts = numbers_at(row, EPOCHS, &n_points);
		char	   *verdicts = sql_text(row, PLACES + 2);
		char	   *name = sql_text(row, NAME);

		for (int i = 0; i < n_points; i++)
			drift.readings[drift.n++] = (DriftReading){starts[i], verdicts[i], name};
	}
	qsort(drift.readings, drift.n, sizeof(DriftReading), order_readings);
	return drift;
}

DriftReadings
section_columns(Report *report)
{
	DriftReadings drift;
	StringInfo	out = report->out;
	char	   *sql = report_sql(report, columns_query);
	uint64		n;

	html_begin_section(out, "columns", "Columns");
	n = report_run(sql);
	if (n > 0)
	{
		html_begin_table(
			out, "Drift of columns",
			"Drift of each column against the baseline. Course: the primary score over the windows, dashed: its threshold. "
			"Distribution: bars are the last window, the dark line is the baseline.",
			"<th scope=\"col\">column</th><th scope=\"col\">verdict</th><th>course</th><th scope=\"col\">metric</th><th "
			"scope=\"col\" class=\"n\">value</th><th scope=\"col\" class=\"n\">threshold</th><th scope=\"col\" "
			"class=\"n\">p adjusted</th><th>distribution</th><th scope=\"col\" class=\"n\">values</th><th scope=\"col\" "
			"class=\"n\">missing</th>");
		for (uint64 i = 0; i < n; i++)
			add_column(out, i);
		html_end_table(out);
		add_courses(out, n);
	}
	else
		appendStringInfoString(out, "<p>No scores.</p>\n");
	drift = gather_readings(n);
	html_query(out, "it", sql);
	appendStringInfoString(out, "<details><summary>All scores of the last window</summary>");
	section_table(
		report, "Drift scores of the last window",
		"SELECT column_name::text AS \"column\", metric, value, threshold, p_value, p_adjusted, n, n_baseline, error_bound, "
		"verdict, status FROM weir.drift_scores(@last) "
		"WHERE segment IS NULL AND window_start = @window ORDER BY column_name, is_primary DESC, metric",
		"No scores.");
	appendStringInfoString(out, "</details>");
	html_end_section(out);
	return drift;
}
