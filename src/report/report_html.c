/*
 * report_html.c
 *		weir.report_html: a page about a monitor.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/sql.h"
#include "fmgr.h"
#include "report/page.h"
#include "report/report.h"
#include "report/sections.h"
#include "report/timeline.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define MAX_WINDOWS 1000
#define DEFAULT_WINDOWS 90

PG_FUNCTION_INFO_V1(weir_report_html);

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
			html_fact(out, labels[i], sql_text(0, i + 1));
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
	section_advice(out, n);
	appendStringInfoString(out,
						   "<nav aria-label=\"Sections\"><a href=\"#columns\">Columns</a><a "
						   "href=\"#timeline\">Timeline</a><a href=\"#performance\">Performance</a>"
						   "<a href=\"#fairness\">Fairness</a><a href=\"#quality\">Data quality</a><a "
						   "href=\"#alerts\">Alerts</a><a href=\"#jobs\">Jobs</a><a href=\"#versions\">Model versions</a>"
						   "<a href=\"#reviews\">Reviews</a><a href=\"#capture\">Capture</a></nav>\n");
}

static void
add_quality(Report *report)
{
	html_begin_section(report->out, "quality", "Data quality");
	section_table(
		report, "Checks of the last window that are not ok",
		"SELECT coalesce(column_name::text, '(all rows)') AS \"column\", metric, value, threshold, baseline_value, n, verdict "
		"FROM weir.quality_scores(@last) "
		"WHERE segment IS NULL AND window_start = @window AND verdict <> 'ok' ORDER BY verdict, column_name, metric",
		"No check of the last window found anything.");
	appendStringInfoString(report->out, "<details><summary>All checks of the last window</summary>");
	section_table(
		report, "Checks of the last window",
		"SELECT coalesce(column_name::text, '(all rows)') AS \"column\", metric, value, threshold, baseline_value, n, verdict, "
		"status FROM weir.quality_scores(@last) "
		"WHERE segment IS NULL AND window_start = @window ORDER BY column_name, metric",
		"No checks.");
	appendStringInfoString(report->out, "</details>");
	html_end_section(report->out);
}

static void
add_lists(Report *report)
{
	html_begin_section(report->out, "fairness", "Fairness");
	section_fairness(report);
	html_end_section(report->out);
	add_quality(report);
	section_query(
		report, "alerts", "Alerts", "Alerts of the range, those not resolved first; the last 100",
		"SELECT alert_id, severity, state, message, note, rule, subject, segment, metric, value, threshold, to_char(window_start, "
		"'YYYY-MM-DD HH24:MI') AS \"window\", "
		"to_char(opened_at, 'YYYY-MM-DD HH24:MI') AS opened FROM weir.alerts "
		"WHERE monitor = @monitor AND (state <> 'resolved' OR window_start IS NULL OR window_start >= (SELECT "
		"min(window_start) FROM weir.windows(@range))) "
		"ORDER BY state <> 'resolved' DESC, alert_id DESC LIMIT 100",
		"No alerts.");
	section_query(
		report, "jobs", "Jobs", "Jobs of the model and of alerts, the last 50",
		"SELECT j.job_id, j.state, j.trainer, j.kind, to_char(j.created_at, 'YYYY-MM-DD HH24:MI') AS created, date_trunc('milliseconds', j.duration) AS duration, "
		"j.progress, j.attempt, j.alert_id, j.error FROM weir.jobs j "
		"WHERE j.model = (SELECT m.model FROM weir.monitors m WHERE m.monitor = @monitor) OR j.alert_id IN (SELECT a.alert_id "
		"FROM weir.alerts a WHERE a.monitor = @monitor) "
		"ORDER BY j.job_id DESC LIMIT 50",
		"No jobs.");
	section_query(
		report, "versions", "Model versions", "Versions of the model, the last 20",
		"SELECT v.version, v.state, array_to_string(v.aliases, ', ') AS aliases, to_char(v.created_at, 'YYYY-MM-DD HH24:MI') "
		"AS created, v.created_by::text, v.job_id, v.metrics::text, v.note "
		"FROM weir.model_versions v JOIN weir.monitors m ON m.model = v.model WHERE m.monitor = @monitor ORDER BY v.version "
		"DESC LIMIT 20",
		"The monitor belongs to no model, or the model has no version.");
	section_query(
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
	html_begin_section(report->out, "capture", "Capture");
	section_table(
		report, "State of the stream in this database",
		"SELECT state, date_trunc('milliseconds', lag) AS lag, lag_bytes, rows_per_second, rows_total, gaps, to_char(last_commit_at, 'YYYY-MM-DD HH24:MI') AS "
		"last_commit, pg_size_pretty(wal_kept_bytes) AS wal_kept, pg_size_pretty(memory_bytes) AS memory, last_error "
		"FROM weir.capture_status WHERE database = current_database()",
		"Nothing is captured in this database.");
	section_table(report, "Panes and builds",
				  "SELECT kind, phase AS state, share_done, rows_done, to_char(requested_at, 'YYYY-MM-DD HH24:MI') AS requested, "
				  "to_char(finished_at, 'YYYY-MM-DD HH24:MI') AS finished, error "
				  "FROM weir.progress WHERE monitor = @monitor ORDER BY build_id DESC LIMIT 10",
				  "No builds.");
	html_end_section(report->out);
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
	DriftReadings drift;

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
	drift = section_columns(&report);
	html_begin_section(report.out, "timeline", "Timeline");
	html_query(report.out, "it", timeline_append(&report, &drift));
	html_end_section(report.out);
	html_begin_section(report.out, "performance", "Performance");
	section_performance(&report);
	html_end_section(report.out);
	add_lists(&report);
	html_end(report.out);
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(report.out->data, report.out->len));
}
