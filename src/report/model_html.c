/*
 * model_html.c
 *		weir.model_html: a page about a model, its card.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/sql.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "report/page.h"
#include "report/report.h"
#include "report/sections.h"
#include "utils/builtins.h"

#define N_WINDOWS 90
#define ALIAS_WIDTH 900
#define ALIAS_LEFT 110
#define ALIAS_LANE 30

PG_FUNCTION_INFO_V1(weir_model_html);

/* What is to be done, worst first; never without a row. */
static const char advice_query[] =
	"WITH o AS MATERIALIZED (SELECT monitor, verdict, verdict_family, verdict_subject, verdict_metric, verdict_value, open_alerts FROM "
	"weir.overview WHERE monitor IN (SELECT monitor FROM weir.monitors WHERE model = @model)), "
	"a AS (SELECT o.verdict AS severity, 1 AS place, format('Monitor %s: %s of %s is %s in its last final window.', o.monitor, "
	"o.verdict_metric, o.verdict_subject, round(o.verdict_value::numeric, 4)) AS advice FROM o WHERE o.verdict IN ('alert', 'warning') "
	"UNION ALL SELECT 'alert', 2, format('Monitor %s has %s open: weir.acknowledge_alert, then weir.resolve_alert.', o.monitor, CASE "
	"o.open_alerts WHEN 1 THEN 'one alert' ELSE o.open_alerts || ' alerts' END) FROM o WHERE o.open_alerts > 0 "
	"UNION ALL SELECT 'alert', 3, format('%s overdue: weir.answer_complaint.', CASE sum(n_overdue) WHEN 1 THEN 'One complaint is' ELSE "
	"sum(n_overdue) || ' complaints are' END) FROM weir.complaint_counts WHERE model = @model HAVING sum(n_overdue) > 0 "
	"UNION ALL SELECT 'warning', 4, format('%s: weir.review.', CASE count(*) WHEN 1 THEN 'One review waits' ELSE count(*) || ' reviews "
	"wait' END) FROM weir.reviews WHERE state = 'open' AND kind = 'model_version' AND starts_with(subject, @model || '/') HAVING count(*) "
	"> 0 "
	"UNION ALL SELECT 'warning', 5, 'No version is champion: weir.promote_model.' WHERE NOT EXISTS (SELECT FROM weir.model_versions "
	"WHERE model = @model AND 'champion' = ANY (aliases)) "
	"UNION ALL SELECT 'warning', 6, 'Nothing watches it: weir.create_monitor with model => its name.' WHERE NOT EXISTS (SELECT FROM o) "
	"UNION ALL SELECT 'warning', 7, 'Its card lacks ' || array_to_string(array_remove(ARRAY[CASE WHEN m.purpose IS NULL THEN 'a purpose' "
	"END, CASE WHEN d.intended_use IS NULL THEN 'its intended use' END, CASE WHEN d.limitations IS NULL THEN 'limitations' END, CASE WHEN "
	"d.disclosure IS NULL THEN 'how people are told' END, CASE WHEN d.contact IS NULL THEN 'a contact' END], NULL), ', ') || ': "
	"weir.describe_model.' FROM weir.models m LEFT JOIN weir.model_descriptions d USING (model) WHERE m.model = @model AND (m.purpose IS "
	"NULL OR d.intended_use IS NULL OR d.limitations IS NULL OR d.disclosure IS NULL OR d.contact IS NULL)) "
	"SELECT severity, advice FROM (SELECT * FROM a UNION ALL SELECT 'ok', 9, 'Nothing needs to be done.' WHERE NOT EXISTS (SELECT FROM "
	"a)) x ORDER BY severity <> 'alert', place, advice LIMIT 25";

static void
add_head(Report *report)
{
	static const char *const labels[] = {"Version",   "State",        "Purpose",     "Risk",       "Approvals needed",
										 "Owner",     "Intended use", "Limitations", "Disclosure", "Contact",
										 "Created",   "Code version", "Artefact",    "SHA-256",    "Note",
										 "Time zone", "Report made"};
	StringInfo	out = report->out;
	uint64		n;
	char	   *severity;

	html_begin(out, psprintf("%s: weir model card", report->model));
	appendStringInfoString(out, "<header><p class=\"soft\">weir model card</p><h1>");
	html_text(out, report->model);
	appendStringInfoString(out, "</h1><dl>");
	report_run(report_sql(
		report,
		"SELECT v.version::text, v.state || coalesce(' as ' || nullif(array_to_string(v.aliases, ', '), ''), ''), m.purpose, m.risk, "
		"m.approvals::text, m.owner::text, d.intended_use, d.limitations, d.disclosure, d.contact, to_char(v.created_at, 'YYYY-MM-DD "
		"HH24:MI') || ' by ' || v.created_by, v.code_version, v.artifact_uri, v.artifact_hash, v.note, current_setting('TimeZone'), "
		"to_char(now(), 'YYYY-MM-DD HH24:MI') FROM weir.models m LEFT JOIN weir.model_descriptions d USING (model) LEFT JOIN "
		"weir.model_versions v ON v.model = m.model AND v.version = @version WHERE m.model = @model"));
	for (int i = 0; i < lengthof(labels); i++)
		html_fact(out, labels[i], sql_text(0, i + 1));
	appendStringInfoString(out, "</dl>");
	n = report_run(report_sql(report, advice_query));
	severity = sql_text(0, 1);
	appendStringInfo(out, "<div class=\"head %s\"><p>", severity);
	html_verdict(out, severity);
	section_advice(out, n);
	appendStringInfoString(out,
						   "<nav aria-label=\"Sections\"><a href=\"#versions\">Versions</a><a "
						   "href=\"#metrics\">Metrics</a><a href=\"#operation\">In operation</a><a href=\"#lineage\">Lineage</a><a "
						   "href=\"#reviews\">Reviews</a><a href=\"#complaints\">Complaints</a><a href=\"#jobs\">Jobs</a></nav>\n");
}

/* ---- which version each alias meant when ---- */

static const char alias_query[] =
	"WITH a AS (SELECT *, coalesce(until, now()) AS till FROM weir.model_aliases WHERE model = @model), "
	"r AS (SELECT min(since) AS first, nullif(extract(epoch FROM now() - min(since))::float8, 0) AS span FROM a) "
	"SELECT a.alias, a.version::text, extract(epoch FROM a.since - r.first)::float8 / r.span, extract(epoch FROM a.till - r.first)::float8 "
	"/ r.span, format('%s was version %s from %s%s, by %s%s', a.alias, a.version, to_char(a.since, 'YYYY-MM-DD HH24:MI'), ' to ' || "
	"to_char(a.until, 'YYYY-MM-DD HH24:MI'), a.set_by, ': ' || a.reason), to_char(a.since, 'YYYY-MM-DD HH24:MI') FROM a, r ORDER BY "
	"a.alias, a.since";

static void
add_aliases(Report *report)
{
	StringInfo	out = report->out;
	char	   *sql = report_sql(report, alias_query);
	uint64		n = report_run(sql);
	int			n_lanes = 0;
	int			lane = -1;

	for (uint64 i = 0; i < n; i++)
		n_lanes += i == 0 || strcmp(sql_text(i, 1), sql_text(i - 1, 1)) != 0;
	if (n == 0)
		return;
	appendStringInfo(
		out,
		"<figure><div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Aliases over time\"><svg "
		"role=\"img\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" aria-label=\"Which version each alias meant, over "
		"time; the table below lists it\">",
		ALIAS_WIDTH, n_lanes * ALIAS_LANE + 18, ALIAS_WIDTH, n_lanes * ALIAS_LANE + 18);
	for (uint64 i = 0; i < n; i++)
	{
		double		from = report_number(i, 3);
		double		to = report_number(i, 4);
		double		left = ALIAS_LEFT + (from >= 0 ? from : 0) * (ALIAS_WIDTH - ALIAS_LEFT);
		double		right = ALIAS_LEFT + (to >= 0 ? to : 1) * (ALIAS_WIDTH - ALIAS_LEFT);

		if (i == 0 || strcmp(sql_text(i, 1), sql_text(i - 1, 1)) != 0)
		{
			lane++;
			appendStringInfo(out, "<text x=\"0\" y=\"%d\">", lane * ALIAS_LANE + 26);
			html_text(out, pnstrdup(sql_text(i, 1), pg_mbcliplen(sql_text(i, 1), (int) strlen(sql_text(i, 1)), 16)));
			appendStringInfoString(out, "</text>");
		}
		appendStringInfoString(out, "<g data-tip=\"");
		html_text(out, sql_text(i, 5));
		appendStringInfo(out, "\"><rect class=\"now\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"10\"/>", left,
						 lane * ALIAS_LANE + 17, right - left > 3 ? right - left - 1 : 2);
		if (right - left > 24)
			appendStringInfo(out, "<text x=\"%.1f\" y=\"%d\">v%s</text>", left, lane * ALIAS_LANE + 13, sql_text(i, 2));
		appendStringInfoString(out, "</g>");
	}
	appendStringInfo(
		out, "<text x=\"%d\" y=\"%d\">%s</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">now</text></svg></div></figure>\n",
		ALIAS_LEFT, n_lanes * ALIAS_LANE + 14, sql_text(0, 6), ALIAS_WIDTH, n_lanes * ALIAS_LANE + 14);
	html_query(out, "it", sql);
}

static void
add_versions(Report *report)
{
	html_begin_section(report->out, "versions", "Versions and aliases");
	add_aliases(report);
	section_table(
		report, "Versions, the newest first; the last 50",
		"SELECT v.version, v.state, array_to_string(v.aliases, ', ') AS aliases, to_char(v.created_at, 'YYYY-MM-DD HH24:MI') AS "
		"created, v.created_by::text, v.trainer, v.job_id, v.data_version, left(v.code_version, 24) AS code_version, v.note FROM weir.model_versions v WHERE "
		"v.model = @model ORDER BY v.version DESC LIMIT 50",
		"There is no version.");
	section_table(
		report, "What each alias meant, the last 50 changes",
		"SELECT a.alias, a.version, to_char(a.since, 'YYYY-MM-DD HH24:MI') AS since, to_char(a.until, 'YYYY-MM-DD HH24:MI') AS "
		"until, a.set_by::text, a.reason FROM weir.model_aliases a WHERE a.model = @model ORDER BY a.since DESC LIMIT 50",
		"No version was ever live.");
	html_end_section(report->out);
	html_begin_section(report->out, "metrics", "Metrics and evaluations");
	section_table(
		report, "Metrics of this version and of the one before",
		"SELECT coalesce(n.key, b.key) AS metric, n.value AS this_version, b.value AS version_before FROM (SELECT e.* FROM "
		"weir.model_versions v, jsonb_each_text(v.metrics) e WHERE v.model = @model AND v.version = @version) n FULL JOIN (SELECT "
		"e.* FROM weir.model_versions v, jsonb_each_text(v.metrics) e WHERE v.model = @model AND v.version = (SELECT "
		"max(x.version) FROM weir.model_versions x WHERE x.model = @model AND x.version < @version)) b ON b.key = n.key ORDER BY 1",
		"No metrics are recorded.");
	section_table(
		report, "Evaluations of this version: difference from the version it was compared with, with its interval",
		"SELECT s.evaluation_id AS evaluation, s.against, s.metric, s.group_name AS \"group\", s.champion_value, s.challenger_value, "
		"s.difference AS value, s.low, s.high, s.n, s.outcome FROM weir.evaluation_scores s WHERE s.model = @model AND s.version = "
		"@version ORDER BY s.evaluation_id DESC, s.is_primary DESC, s.metric, s.group_name LIMIT 100",
		"It was not evaluated.");
	html_end_section(report->out);
}

/* ---- in operation: by monitor ---- */

static void
add_operation(Report *report)
{
	StringInfo	out = report->out;
	uint64		n;
	char	  **monitors;

	html_begin_section(out, "operation", "In operation");
	n = report_run(report_sql(report, "SELECT monitor FROM weir.monitors WHERE model = @model ORDER BY monitor"));
	monitors = palloc(sizeof(char *) * (n + 1));
	for (uint64 i = 0; i < n; i++)
		monitors[i] = sql_text(i, 1);
	if (n == 0)
		appendStringInfoString(out, "<p>No monitor that you may read belongs to it.</p>\n");
	for (uint64 i = 0; i < n; i++)
	{
		Report		monitor = {.out = out};

		report_begin(&monitor, monitors[i], NULL, NULL, N_WINDOWS);
		appendStringInfoString(out, "<h3>Monitor ");
		html_text(out, monitors[i]);
		if (monitor.last_name)
		{
			appendStringInfoString(out, ": <span class=\"soft\">the last window is ");
			html_text(out, monitor.last_name);
			appendStringInfoString(out, "</span>");
		}
		appendStringInfoString(out, "</h3>\n");
		section_performance(&monitor);
		section_fairness(&monitor);
		CHECK_FOR_INTERRUPTS();
	}
	html_end_section(out);
}

static void
add_lists(Report *report)
{
	section_query(
		report, "lineage", "Lineage", "From rows to predictions: the versions, the newest first; the last 50",
		"SELECT l.version, array_to_string(l.aliases, ', ') AS aliases, l.job_id, l.trainer, l.config::text, l.data_version, "
		"l.data_name, l.n, l.data_status, left(l.content_hash, 16) AS content_hash, left(l.query, 500) AS query, l.n_predictions, "
		"to_char(l.first_predicted_at, 'YYYY-MM-DD HH24:MI') AS first_prediction, to_char(l.last_predicted_at, 'YYYY-MM-DD "
		"HH24:MI') AS last_prediction FROM weir.lineage l WHERE l.model = @model ORDER BY l.version DESC LIMIT 50",
		"There is no version.");
	section_query(
		report, "reviews", "Reviews and audits", "Reviews of its versions, open ones first; the last 50",
		"SELECT r.review_id, r.state, r.subject, to_char(r.requested_at, 'YYYY-MM-DD HH24:MI') AS requested, d.person, d.decision, "
		"d.reason, to_char(r.due_at, 'YYYY-MM-DD HH24:MI') AS due, r.is_overdue FROM weir.reviews r LEFT JOIN LATERAL "
		"jsonb_to_recordset(r.decisions) d (person text, decision text, reason text) ON true WHERE r.kind = 'model_version' AND "
		"starts_with(r.subject, @model || '/') ORDER BY r.state = 'open' DESC, r.review_id DESC LIMIT 50",
		"No reviews.");
	section_query(
		report, "audits", "Periodic audits", "Runs of the audits of its monitors, the last 50",
		"SELECT r.run_id, r.audit, r.kind, r.monitor, to_char(r.ran_at, 'YYYY-MM-DD HH24:MI') AS ran, r.verdict, r.review_state AS "
		"sign_off, r.is_overdue FROM weir.audit_runs r JOIN weir.monitors m ON m.monitor = r.monitor WHERE m.model = @model ORDER "
		"BY r.run_id DESC LIMIT 50",
		"No audits.");
	section_query(
		report, "complaints", "Complaints", "Complaints about its decisions, by version and group",
		"SELECT c.monitor, c.model_version AS version, c.group_name AS \"group\", c.n, c.n_open, c.n_overdue, c.n_upheld, "
		"c.upheld_share FROM weir.complaint_counts c WHERE c.model = @model ORDER BY c.n_overdue DESC, c.n DESC, c.monitor, "
		"c.model_version, c.group_name",
		"No complaints.");
	section_query(
		report, "jobs", "Jobs", "Its jobs, the last 50",
		"SELECT j.job_id, j.state, j.trainer, j.kind, to_char(j.created_at, 'YYYY-MM-DD HH24:MI') AS created, date_trunc('milliseconds', j.duration)::text AS duration, "
		"j.attempt, j.alert_id, j.error FROM weir.jobs j WHERE j.model = @model ORDER BY j.job_id DESC LIMIT 50",
		"No jobs.");
}

Datum
weir_model_html(PG_FUNCTION_ARGS)
{
	Report		report = {.out = makeStringInfo(), .model = required_text(fcinfo, 0, "model")};

	sql_connect();
	if (report_run(report_sql(&report, "SELECT FROM weir.models WHERE model = @model")) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", report.model),
				 errhint("SELECT model FROM weir.models;")));
	/* The champion, before there is one the newest. */
	if (!PG_ARGISNULL(1))
		report.version = psprintf("%d", PG_GETARG_INT32(1));
	if (report_run(report_sql(&report,
							  "SELECT version::text FROM weir.model_versions WHERE model = @model AND (@version::int IS NULL OR "
							  "version = @version) ORDER BY 'champion' = ANY (aliases) DESC, version DESC LIMIT 1")) == 1)
		report.version = sql_text(0, 1);
	else if (report.version)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" has no version %s", report.model, report.version)));
	add_head(&report);
	add_versions(&report);
	add_operation(&report);
	add_lists(&report);
	html_end(report.out);
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(report.out->data, report.out->len));
}
