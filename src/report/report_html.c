/*
 * report_html.c
 *		weir.report_html: a page about a monitor.
 */
#include "postgres.h"

#include <math.h>

#include "base/arguments.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "report/page.h"
#include "report/report.h"
#include "report/timeline.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/timestamp.h"

#define MAX_WINDOWS 1000
#define DEFAULT_WINDOWS 90

PG_FUNCTION_INFO_V1(weir_report_html);

/* The float8[] in a column, NaN for NULL; none for NULL. */
static double *
numbers_at(uint64 row, int column, int *n)
{
	bool		is_null;
	Datum		array = sql_value(row, column, &is_null);
	Datum	   *elements;
	bool	   *nulls;
	double	   *values;

	*n = 0;
	if (is_null)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(array), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, n);
	values = palloc(mul_size(sizeof(double), (Size) Max(*n, 1)));
	for (int i = 0; i < *n; i++)
		values[i] = nulls[i] ? NAN : DatumGetFloat8(elements[i]);
	return values;
}

/* Places in [0, 1], values and the first letters of verdicts, of three columns beginning with this one. */
static Point *
points_at(uint64 row, int column, int *n)
{
	int			n_values;
	double	   *places = numbers_at(row, column, n);
	double	   *values = numbers_at(row, column + 1, &n_values);
	char	   *verdicts = sql_text(row, column + 2);
	Point	   *points = palloc0(mul_size(sizeof(Point), (Size) Max(*n, 1)));

	for (int i = 0; i < *n; i++)
		points[i] = (Point){places[i], values[i], verdicts && i < (int) strlen(verdicts) ? verdicts[i] : '-'};
	return points;
}

static void
number_cell(StringInfo out, uint64 row, int column)
{
	char	   *exact = sql_text(row, column);

	if (exact == NULL)
	{
		appendStringInfoString(out, "<td class=\"n\"></td>");
		return;
	}
	appendStringInfo(out, "<td class=\"n\" data-value=\"%s\">", exact);
	html_number(out, report_number(row, column));
	appendStringInfoString(out, "</td>");
}

static void
text_cell(StringInfo out, const char *text)
{
	appendStringInfoString(out, "<td>");
	html_text(out, text);
	appendStringInfoString(out, "</td>");
}

static void
verdict_cell(StringInfo out, const char *verdict, const char *status)
{
	appendStringInfoString(out, "<td>");
	if (verdict)
		html_verdict(out, verdict);
	else
		html_text(out, status);
	appendStringInfoString(out, "</td>");
}

static void
begin_section(Report *report, const char *id, const char *title)
{
	appendStringInfo(report->out, "<section id=\"%s\"><h2>%s</h2>\n", id, title);
}

static void
end_section(Report *report, const char *sql)
{
	html_query(report->out, sql);
	appendStringInfoString(report->out, "</section>\n");
}

/* A table of a query, or that there is nothing to show. */
static void
add_table(Report *report, const char *caption, const char *pattern, const char *nothing)
{
	char	   *sql = report_sql(report, pattern);

	if (report_run(sql) > 0)
		html_table(report->out, caption);
	else
		appendStringInfo(report->out, "<p>%s</p>\n", nothing);
	html_query(report->out, sql);
}

static void
add_section(Report *report, const char *id, const char *title, const char *caption, const char *pattern, const char *nothing)
{
	begin_section(report, id, title);
	add_table(report, caption, pattern, nothing);
	appendStringInfoString(report->out, "</section>\n");
}

/* The worst of what is to be done is the headline. */
static void
add_head(Report *report)
{
	StringInfo	out = report->out;
	uint64		n;
	char	   *severity;

	report_run(report_sql(report,
						  "SELECT source::text, state, window_size::text, to_char(watermark, 'YYYY-MM-DD HH24:MI'), baseline, "
						  "model, current_setting('TimeZone'), "
						  "to_char(now(), 'YYYY-MM-DD HH24:MI') FROM weir.monitors WHERE monitor = @monitor"));
	appendStringInfoString(out, "<header><p class=\"soft\">weir report</p><h1>");
	html_text(out, report->monitor);
	appendStringInfoString(out, "</h1>");
	if (SPI_processed == 1)
	{
		static const char *const labels[] = {"Source",   "State", "Windows of", "Data up to",
											 "Baseline", "Model", "Time zone",  "Report made"};

		appendStringInfoString(out, "<dl>");
		for (int i = 0; i < lengthof(labels); i++)
			if (sql_text(0, i + 1))
			{
				appendStringInfo(out, "<dt class=\"soft\">%s</dt><dd>", labels[i]);
				html_text(out, sql_text(0, i + 1));
				appendStringInfoString(out, "</dd>");
			}
		appendStringInfoString(out, "</dl>");
	}
	n = report_run(report_sql(report, report_advice));
	severity = sql_text(0, 1);
	appendStringInfo(out, "<div class=\"head %s\"><p>", severity);
	html_verdict(out, severity);
	appendStringInfoString(out,
						   report->last_name == NULL   ? ": there are no windows "
														 "yet"
							   : report->last_is_final ? ": the last final window, "
													   : ": the last window, not final yet, ");
	html_text(out, report->last_name);
	appendStringInfoString(out, "</p><ul>");
	for (uint64 i = 0; i < n; i++)
	{
		appendStringInfoString(out, "<li>");
		html_text(out, sql_text(i, 2));
		appendStringInfoString(out, "</li>");
	}
	appendStringInfoString(out,
						   "</ul></div></header>\n<nav aria-label=\"Sections\"><a href=\"#columns\">Columns</a><a "
						   "href=\"#timeline\">Timeline</a><a href=\"#performance\">Performance</a>"
						   "<a href=\"#fairness\">Fairness</a><a href=\"#quality\">Data quality</a><a "
						   "href=\"#alerts\">Alerts</a><a href=\"#jobs\">Jobs</a><a href=\"#versions\">Model versions</a>"
						   "<a href=\"#reviews\">Reviews</a><a href=\"#capture\">Capture</a></nav>\n");
}

/* Where a window lies in the range, 0 to 1. */
#define PLACES \
	"w AS MATERIALIZED (SELECT window_start, " \
	"coalesce(extract(epoch FROM window_start - min(window_start) OVER ())::float8 " \
	"/ nullif(extract(epoch FROM max(window_start) OVER () - min(window_start) OVER ())::float8, 0), 1) AS place " \
	"FROM weir.windows(@range) WHERE segment IS NULL) "

static const char columns_query[] =
	"WITH " PLACES ", d AS MATERIALIZED (SELECT * FROM weir.drift_scores(@range) WHERE segment IS NULL AND is_primary), "
	"b AS (SELECT x.*, CASE WHEN x.kind NOT IN ('category', 'vector') THEN least(weir.quantile(x.summary, 0.005), "
	"weir.quantile(x.baseline, 0.005)) END AS low, "
	"CASE WHEN x.kind NOT IN ('category', 'vector') THEN greatest(weir.quantile(x.summary, 0.995), weir.quantile(x.baseline, 0.995)) "
	"END AS high "
	"FROM weir.window_distributions(@last) x WHERE x.segment IS NULL AND x.window_start = @window), "
	"bins AS (SELECT b.column_name, i::text AS bin, i AS place, "
	"CASE i WHEN 16 THEN 1 ELSE weir.cdf(b.baseline, low + (high - low) * i / 16) END - CASE i WHEN 1 THEN 0 ELSE "
	"weir.cdf(b.baseline, low + (high - low) * (i - 1) / 16) END AS share_before, "
	"CASE i WHEN 16 THEN 1 ELSE weir.cdf(b.summary, low + (high - low) * i / 16) END - CASE i WHEN 1 THEN 0 ELSE weir.cdf(b.summary, "
	"low + (high - low) * (i - 1) / 16) END AS share_now "
	"FROM b, generate_series(1, 16) i WHERE low IS NOT NULL "
	"UNION ALL SELECT b.column_name, t.value, t.place, (weir.frequency(b.baseline, t.value)).share, (weir.frequency(b.summary, "
	"t.value)).share "
	"FROM b, LATERAL (SELECT u.value, row_number() OVER (ORDER BY max(u.share) DESC, u.value) AS place "
	"FROM (SELECT * FROM weir.top(b.baseline, 8) UNION ALL SELECT * FROM weir.top(b.summary, 8)) u GROUP BY u.value ORDER BY 2 LIMIT "
	"8) t WHERE b.kind = 'category'), "
	"h AS (SELECT column_name, array_agg(share_before ORDER BY place) AS before, array_agg(share_now ORDER BY place) AS now, "
	"string_agg(bin, ', ' ORDER BY place) AS names, "
	"string_agg(format('%s: %s %% (before %s %%)', bin, round((100 * share_now)::numeric, 1), round((100 * share_before)::numeric, "
	"1)), ', ' ORDER BY place) AS told FROM bins GROUP BY column_name) "
	"SELECT d.column_name::text, array_agg(w.place ORDER BY d.window_start), array_agg(d.value ORDER BY d.window_start), "
	"string_agg(left(coalesce(d.verdict, '-'), 1), '' ORDER BY d.window_start), "
	"max(d.metric), max(d.value) FILTER (WHERE is_last), max(d.threshold) FILTER (WHERE is_last), max(d.p_adjusted) FILTER (WHERE "
	"is_last), "
	"max(d.verdict) FILTER (WHERE is_last), max(d.status) FILTER (WHERE is_last), max(b.n)::float8, max(s.null_share), "
	"max(h.before), max(h.now), CASE WHEN max(b.kind) = 'category' THEN left(max(h.names), 60) "
	"WHEN max(b.low) IS NOT NULL THEN trim_scale(round(max(b.low)::numeric, 3)) || ' to ' || trim_scale(round(max(b.high)::numeric, "
	"3)) END, "
	"max(h.told), string_agg(to_char(d.window_start, 'YYYY-MM-DD HH24:MI'), '|' ORDER BY d.window_start) "
	"FROM (SELECT *, window_start = @window AS is_last FROM d) d JOIN w ON w.window_start = d.window_start LEFT JOIN b ON "
	"b.column_name = d.column_name "
	"LEFT JOIN h ON h.column_name = d.column_name "
	"LEFT JOIN (SELECT * FROM weir.window_stats(@last) WHERE segment IS NULL AND window_start = @window) s ON s.column_name = "
	"d.column_name "
	"GROUP BY d.column_name ORDER BY max(d.verdict) FILTER (WHERE is_last) IS NOT DISTINCT FROM 'alert' DESC, max(d.verdict) FILTER "
	"(WHERE is_last) IS NOT DISTINCT FROM 'warning' DESC, "
	"max(d.value / nullif(d.threshold, 0)) FILTER (WHERE is_last) DESC NULLS LAST, d.column_name";

static void
add_column(StringInfo out, uint64 row)
{
	int			n;
	int			n_before;
	int			n_now;
	Point	   *points = points_at(row, 2, &n);
	double	   *before = numbers_at(row, 13, &n_before);
	double	   *now = numbers_at(row, 14, &n_now);
	char	   *name = sql_text(row, 1);
	char	   *metric = sql_text(row, 5);

	appendStringInfoString(out, "<tr><th scope=\"row\">");
	html_text(out, name);
	appendStringInfoString(out, "</th>");
	verdict_cell(out, sql_text(row, 9), sql_text(row, 10));
	appendStringInfoString(out, "<td>");
	chart_course(out,
				 psprintf("%s of %s over %d windows, last %s, threshold "
						  "%s",
						  metric ? metric : "drift", name, n, sql_text(row, 6) ? sql_text(row, 6) : "unknown",
						  sql_text(row, 7) ? sql_text(row, 7) : "none"),
				 points, n, report_number(row, 7), NULL, 0, true);
	appendStringInfoString(out, "</td>");
	text_cell(out, metric);
	for (int column = 6; column <= 8; column++)
		number_cell(out, row, column);
	appendStringInfoString(out, "<td>");
	if (n_now > 0 && n_before == n_now)
	{
		chart_distributions(out,
							psprintf("Distribution of %s: "
									 "%s",
									 name, sql_text(row, 16) ? sql_text(row, 16) : ""),
							before, now, n_now);
		appendStringInfoString(out, "<span class=\"soft\">");
		html_text(out, sql_text(row, 15));
		appendStringInfoString(out, "</span>");
	}
	else
		appendStringInfoString(out, "<span class=\"soft\">not shown</span>");
	appendStringInfoString(out, "</td>");
	number_cell(out, row, 11);
	number_cell(out, row, 12);
	appendStringInfoString(out, "</tr>\n");
}

/* The courses as a table, from the result that they were drawn from. */
static void
add_courses(StringInfo out, uint64 n)
{
	appendStringInfoString(out,
						   "<details><summary>The courses as a table</summary><div class=\"wide\" tabindex=\"0\" role=\"region\" "
						   "aria-label=\"Primary scores by window\"><table class=\"s\">"
						   "<caption>Primary drift scores by window</caption><thead><tr><th scope=\"col\">column</th><th "
						   "scope=\"col\">window</th><th scope=\"col\">metric</th>"
						   "<th scope=\"col\" class=\"n\">value</th><th scope=\"col\">verdict</th></tr></thead><tbody>\n");
	for (uint64 row = 0; row < n; row++)
	{
		int			n_points;
		Point	   *points = points_at(row, 2, &n_points);
		char	   *window = strtok(sql_text(row, 17), "|");

		for (int i = 0; i < n_points && window; i++, window = strtok(NULL, "|"))
		{
			appendStringInfoString(out, "<tr>");
			text_cell(out, sql_text(row, 1));
			text_cell(out, window);
			text_cell(out, sql_text(row, 5));
			if (isnan(points[i].value))
				appendStringInfoString(out, "<td></td>");
			else
			{
				appendStringInfo(out, "<td class=\"n\" data-value=\"%s\">", float8out_internal(points[i].value));
				html_number(out, points[i].value);
				appendStringInfoString(out, "</td>");
			}
			text_cell(out,
					  points[i].verdict == 'a'       ? "alert"
						  : points[i].verdict == 'w' ? "warning"
						  : points[i].verdict == 'o' ? "ok"
													 : NULL);
			appendStringInfoString(out, "</tr>\n");
		}
		CHECK_FOR_INTERRUPTS();
	}
	appendStringInfoString(out, "</tbody></table></div></details>\n");
}

static void
add_columns(Report *report)
{
	StringInfo	out = report->out;
	char	   *sql = report_sql(report, columns_query);
	uint64		n;

	begin_section(report, "columns", "Columns");
	n = report_run(sql);
	if (n > 0)
	{
		appendStringInfoString(
			out,
			"<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Drift of columns\"><table "
			"class=\"s\"><caption><span>Drift of each column against the baseline. Course: the primary score over the windows, "
			"dashed: its threshold. Distribution: bars are the last window, the grey line is the "
			"baseline.</span></caption><thead><tr><th scope=\"col\">column</th><th scope=\"col\">verdict</th>"
			"<th>course</th><th scope=\"col\">metric</th><th scope=\"col\" class=\"n\">value</th><th "
			"scope=\"col\" class=\"n\">threshold</th>"
			"<th scope=\"col\" class=\"n\">p adjusted</th><th>distribution</th><th scope=\"col\" "
			"class=\"n\">values</th>"
			"<th scope=\"col\" class=\"n\">missing share</th></tr></thead><tbody>\n");
		for (uint64 i = 0; i < n; i++)
			add_column(out, i);
		appendStringInfoString(out, "</tbody></table></div>\n");
		add_courses(out, n);
	}
	else
		appendStringInfoString(out, "<p>No scores.</p>\n");
	html_query(out, sql);
	appendStringInfoString(out, "<details><summary>All scores of the last window</summary>");
	add_table(report, "Drift scores of the last window",
			  "SELECT column_name::text AS \"column\", metric, value, threshold, p_value, p_adjusted, n, n_baseline, error_bound, "
			  "verdict, status FROM weir.drift_scores(@last) "
			  "WHERE segment IS NULL AND window_start = @window ORDER BY column_name, is_primary DESC, metric",
			  "No scores.");
	appendStringInfoString(out, "</details></section>\n");
}

/* The newest window with labels stands for a metric: in the last final one they may not have arrived. */
static const char performance_query[] =
	"WITH " PLACES
	", p AS (SELECT *, NOT is_estimate AND window_start = max(window_start) FILTER (WHERE NOT is_estimate AND value IS "
	"NOT NULL) OVER (PARTITION BY metric) AS is_last, "
	"is_estimate AND window_start = @window AS is_last_estimate FROM weir.performance_scores(@range) WHERE segment IS NULL) "
	"SELECT p.metric, array_agg(w.place ORDER BY p.window_start) FILTER (WHERE NOT p.is_estimate), array_agg(p.value ORDER BY "
	"p.window_start) FILTER (WHERE NOT p.is_estimate), "
	"string_agg(left(coalesce(p.verdict, '-'), 1), '' ORDER BY p.window_start) FILTER (WHERE NOT p.is_estimate), "
	"array_agg(w.place ORDER BY p.window_start) FILTER (WHERE p.is_estimate), array_agg(p.value ORDER BY p.window_start) FILTER "
	"(WHERE p.is_estimate), NULL, "
	"max(p.value) FILTER (WHERE is_last), max(p.low) FILTER (WHERE is_last), max(p.high) FILTER (WHERE is_last), "
	"max(p.baseline_value) FILTER (WHERE is_last), "
	"max(p.threshold) FILTER (WHERE is_last), max(p.value) FILTER (WHERE is_last_estimate), max(p.n) FILTER (WHERE is_last)::float8, "
	"max(p.verdict) FILTER (WHERE is_last), "
	"max(p.status) FILTER (WHERE is_last), to_char(max(p.window_start) FILTER (WHERE is_last), 'YYYY-MM-DD HH24:MI') "
	"FROM p JOIN w ON w.window_start = p.window_start "
	"GROUP BY p.metric ORDER BY bool_or(p.is_primary) DESC, max(p.verdict) FILTER (WHERE is_last) IS NOT DISTINCT FROM 'alert' DESC, "
	"p.metric";

static void
add_performance(Report *report)
{
	StringInfo	out = report->out;
	char	   *sql = report_sql(report, performance_query);
	uint64		n;

	begin_section(report, "performance", "Performance");
	n = report_run(sql);
	if (n > 0)
		appendStringInfoString(
			out,
			"<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Performance\"><table "
			"class=\"s\"><caption><span>Performance of the model, with its interval. Values are those of the newest window with "
			"labels; estimated, without labels, those of the last window. Course: line from labels, grey dashes "
			"estimated.</span></caption>"
			"<thead><tr><th scope=\"col\">metric</th><th scope=\"col\">verdict</th><th>course</th><th "
			"scope=\"col\" class=\"n\">value</th><th scope=\"col\" class=\"n\">low</th>"
			"<th scope=\"col\" class=\"n\">high</th><th scope=\"col\" class=\"n\">baseline</th><th "
			"scope=\"col\" class=\"n\">threshold</th><th scope=\"col\" class=\"n\">estimated</th>"
			"<th scope=\"col\" class=\"n\">rows</th><th scope=\"col\">window</th></tr></thead><tbody>\n");
	for (uint64 i = 0; i < n; i++)
	{
		int			n_points;
		int			n_estimates;
		Point	   *points = points_at(i, 2, &n_points);
		Point	   *estimates = points_at(i, 5, &n_estimates);
		char	   *metric = sql_text(i, 1);

		appendStringInfoString(out, "<tr><th scope=\"row\">");
		html_text(out, metric);
		appendStringInfoString(out, "</th>");
		verdict_cell(out, sql_text(i, 15), sql_text(i, 16));
		appendStringInfoString(out, "<td>");
		chart_course(out,
					 psprintf("%s over %d windows, last "
							  "%s",
							  metric, Max(n_points, n_estimates), sql_text(i, 8) ? sql_text(i, 8) : "unknown"),
					 points, n_points, report_number(i, 12), estimates, n_estimates, false);
		appendStringInfoString(out, "</td>");
		for (int column = 8; column <= 14; column++)
			number_cell(out, i, column);
		appendStringInfo(out, "<td class=\"n\">%s</td>", sql_text(i, 17) ? sql_text(i, 17) : "");
		appendStringInfoString(out, "</tr>\n");
	}
	appendStringInfoString(out,
						   n > 0 ? "</tbody></table></div>\n"
								 : "<p>Nothing is measured: the monitor has no label with a "
								   "prediction or score, or you may not read them.</p>\n");
	end_section(report, sql);
}

static void
add_quality(Report *report)
{
	begin_section(report, "quality", "Data quality");
	add_table(
		report, "Checks of the last window that are not ok",
		"SELECT coalesce(column_name::text, '(all rows)') AS \"column\", metric, value, threshold, baseline_value, n, verdict "
		"FROM weir.quality_scores(@last) "
		"WHERE segment IS NULL AND window_start = @window AND verdict <> 'ok' ORDER BY verdict, column_name, metric",
		"No check of the last window found anything.");
	appendStringInfoString(report->out, "<details><summary>All checks of the last window</summary>");
	add_table(
		report, "Checks of the last window",
		"SELECT coalesce(column_name::text, '(all rows)') AS \"column\", metric, value, threshold, baseline_value, n, verdict, "
		"status FROM weir.quality_scores(@last) "
		"WHERE segment IS NULL AND window_start = @window ORDER BY column_name, metric",
		"No checks.");
	appendStringInfoString(report->out, "</details></section>\n");
}

static void
add_lists(Report *report)
{
	add_section(
		report, "fairness", "Fairness",
		"Fairness of the last window: what has a value of the metrics, and of the rates by "
		"group with their intervals",
		"SELECT protected::text, metric, coalesce(group_name, '(all groups)') AS \"group\", reference_group AS reference, "
		"value, low, high, threshold, n, verdict, status FROM weir.fairness_scores(@last) "
		"WHERE segment IS NULL AND window_start = @window AND value IS NOT NULL ORDER BY protected, is_primary DESC, "
		"group_name IS NULL DESC, metric, group_name",
		"Nothing has a value: the monitor has no protected columns, there are no rows of theirs, or you may not read them.");
	add_quality(report);
	add_section(report, "alerts", "Alerts", "Alerts of the range, those not resolved first; the last 100",
				"SELECT alert_id, severity, state, rule, subject, segment, metric, value, threshold, to_char(window_start, "
				"'YYYY-MM-DD HH24:MI') AS \"window\", "
				"to_char(opened_at, 'YYYY-MM-DD HH24:MI') AS opened, message, note FROM weir.alerts "
				"WHERE monitor = @monitor AND (state <> 'resolved' OR window_start IS NULL OR window_start >= (SELECT "
				"min(window_start) FROM weir.windows(@range))) "
				"ORDER BY state <> 'resolved' DESC, alert_id DESC LIMIT 100",
				"No alerts.");
	add_section(
		report, "jobs", "Jobs", "Jobs of the model and of alerts, the last 50",
		"SELECT j.job_id, j.state, j.trainer, j.kind, to_char(j.created_at, 'YYYY-MM-DD HH24:MI') AS created, j.duration, "
		"j.progress, j.attempt, j.alert_id, j.error FROM weir.jobs j "
		"WHERE j.model = (SELECT m.model FROM weir.monitors m WHERE m.monitor = @monitor) OR j.alert_id IN (SELECT a.alert_id "
		"FROM weir.alerts a WHERE a.monitor = @monitor) "
		"ORDER BY j.job_id DESC LIMIT 50",
		"No jobs.");
	add_section(
		report, "versions", "Model versions", "Versions of the model, the last 20",
		"SELECT v.version, v.state, array_to_string(v.aliases, ', ') AS aliases, to_char(v.created_at, 'YYYY-MM-DD HH24:MI') "
		"AS created, v.created_by::text, v.job_id, v.metrics::text, v.note "
		"FROM weir.model_versions v JOIN weir.monitors m ON m.model = v.model WHERE m.monitor = @monitor ORDER BY v.version "
		"DESC LIMIT 20",
		"The monitor belongs to no model, or the model has no version.");
	add_section(
		report, "reviews", "Reviews", "Reviews of versions, alerts and audits, open ones first; the last 50",
		"SELECT r.review_id, r.state, r.kind, r.subject, to_char(r.requested_at, 'YYYY-MM-DD HH24:MI') AS requested, "
		"r.n_decisions || ' of ' || r.approvals AS decisions, "
		"to_char(r.due_at, 'YYYY-MM-DD HH24:MI') AS due, r.is_overdue, r.note FROM weir.reviews r, weir.monitors m WHERE "
		"m.monitor = @monitor "
		"AND (r.kind = 'model_version' AND starts_with(r.subject, m.model || '/') "
		"OR r.kind = 'alert' AND r.subject IN (SELECT a.alert_id::text FROM weir.alerts a WHERE a.monitor = @monitor) "
		"OR r.review_id IN (SELECT a.review_id FROM weir.audit_runs a WHERE a.monitor = @monitor)) ORDER BY r.state = 'open' "
		"DESC, r.review_id DESC LIMIT 50",
		"No reviews.");
	begin_section(report, "capture", "Capture");
	add_table(report, "State of the stream in this database",
			  "SELECT state, lag, lag_bytes, rows_per_second, rows_total, gaps, to_char(last_commit_at, 'YYYY-MM-DD HH24:MI') AS "
			  "last_commit, wal_kept_bytes, memory_bytes, last_error "
			  "FROM weir.capture_status WHERE database = current_database()",
			  "Nothing is captured in this database.");
	add_table(report, "Panes and builds",
			  "SELECT kind, phase AS state, share_done, rows_done, to_char(requested_at, 'YYYY-MM-DD HH24:MI') AS requested, "
			  "to_char(finished_at, 'YYYY-MM-DD HH24:MI') AS finished, error "
			  "FROM weir.progress WHERE monitor = @monitor ORDER BY build_id DESC LIMIT 10",
			  "No builds.");
	appendStringInfoString(report->out, "</section>\n");
}

static char *
time_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : DatumGetCString(DirectFunctionCall1(timestamptz_out, PG_GETARG_DATUM(number)));
}

Datum
weir_report_html(PG_FUNCTION_ARGS)
{
	Report		report = {.out = makeStringInfo()};
	char	   *monitor = required_text(fcinfo, 0, "monitor");

	sql_connect();
	report_begin(&report, monitor, time_argument(fcinfo, 1), time_argument(fcinfo, 2), DEFAULT_WINDOWS);
	if (report_run(report_sql(&report, "SELECT window_start FROM weir.windows(@range) WHERE segment IS NULL")) > MAX_WINDOWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a report has at most %d "
						"windows",
						MAX_WINDOWS),
				 errhint("Ask for a shorter range with since and until.")));
	html_begin(report.out, psprintf("%s: weir report", monitor));
	add_head(&report);
	add_columns(&report);
	begin_section(&report, "timeline", "Timeline");
	end_section(&report, timeline_append(&report));
	add_performance(&report);
	add_lists(&report);
	html_end(report.out);
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(report.out->data, report.out->len));
}
