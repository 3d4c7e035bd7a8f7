/*
 * fairness_html.c
 *		weir.fairness_html, a page about the fairness of one table of counts, and weir.audit_html, about a run of a periodic audit.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/sql.h"
#include "fmgr.h"
#include "report/page.h"
#include "report/report.h"
#include "report/sections.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(weir_fairness_html);
PG_FUNCTION_INFO_V1(weir_audit_html);

/* An argument as a literal of its type. */
static char *
literal_of(FunctionCallInfo fcinfo, int number)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, number);
	Oid			output;
	bool		is_varlena;

	if (PG_ARGISNULL(number))
		return pstrdup("NULL");
	getTypeOutputInfo(type, &output, &is_varlena);
	return psprintf("%s::%s", quote_literal_cstr(OidOutputFunctionCall(output, PG_GETARG_DATUM(number))),
					format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY));
}

/* Verdict and what to do: rows with severity and text, the worst first. */
static void
add_advice(Report *report, const char *headline, const char *pattern)
{
	StringInfo	out = report->out;
	uint64		n = report_run(report_sql(report, pattern));
	const char *severity = n > 0 ? sql_text(0, 1) : "unknown";

	appendStringInfo(out, "<div class=\"head %s\"><p>", severity);
	html_verdict(out, severity);
	html_text(out, headline);
	section_advice(out, n);
}

static void
begin_page(Report *report, const char *what, const char *title)
{
	html_begin(report->out, psprintf("%s: weir %s", title, what));
	appendStringInfo(report->out, "<header><p class=\"soft\">weir %s</p><h1>", what);
	html_text(report->out, title);
	appendStringInfoString(report->out, "</h1><dl>");
}

/* ---- a table of counts ---- */

/* The arguments of fairness_metrics in the order of those of fairness_html. */
enum
{
	TABLE,
	TITLE,
	REFERENCE,
	METRICS,
	MIN_GROUP_SIZE,
	CONFIDENCE,
	RULE,
	THRESHOLDS,
	ADJUST,
	SMALL_GROUPS
};

Datum
weir_fairness_html(PG_FUNCTION_ARGS)
{
	Report		report = {.out = makeStringInfo()};
	char	   *title = required_text(fcinfo, TITLE, "title");
	char	   *table;
	char	   *metrics;
	char	   *groups;
	char	   *rates;
	char	   *headline;
	char	   *rows;

	require_argument(fcinfo, TABLE, "f");
	table = literal_of(fcinfo, TABLE);
	metrics =
		psprintf("weir.fairness_metrics(%s, reference => %s, metrics => %s, min_group_size => %s, confidence => %s, rule => %s, "
				 "thresholds => %s, adjust => %s, small_groups => %s)",
				 table, literal_of(fcinfo, REFERENCE), literal_of(fcinfo, METRICS), literal_of(fcinfo, MIN_GROUP_SIZE),
				 literal_of(fcinfo, CONFIDENCE), literal_of(fcinfo, RULE), literal_of(fcinfo, THRESHOLDS),
				 literal_of(fcinfo, ADJUST), literal_of(fcinfo, SMALL_GROUPS));
	groups = psprintf("weir.fairness_groups(%s, min_group_size => %s, confidence => %s, small_groups => %s)", table,
					  literal_of(fcinfo, MIN_GROUP_SIZE), literal_of(fcinfo, CONFIDENCE), literal_of(fcinfo, SMALL_GROUPS));
	rates = psprintf("weir.fairness_rates(%s, min_group_size => %s, confidence => %s, small_groups => %s)", table,
					 literal_of(fcinfo, MIN_GROUP_SIZE), literal_of(fcinfo, CONFIDENCE), literal_of(fcinfo, SMALL_GROUPS));
	rows = psprintf(
		"(SELECT NULL AS protected, m.metric, m.group_name, m.reference_group, m.value, m.low, m.high, m.threshold, m.n, m.verdict, "
		"m.status, false AS is_primary FROM %s m UNION ALL SELECT NULL, r.rate, r.group_name, NULL, r.value, r.low, r.high, NULL, r.n, "
		"NULL, r.status, false FROM %s r) f",
		metrics, rates);
	sql_connect();
	begin_page(&report, "fairness audit", title);
	report_run(
		psprintf("SELECT count(*)::text, sum(n)::text, to_char(now(), 'YYYY-MM-DD HH24:MI '), current_setting('TimeZone') FROM %s",
				 groups));
	html_fact(report.out, "Groups", sql_text(0, 1));
	html_fact(report.out, "Rows", sql_text(0, 2));
	html_fact(report.out, "Report made", psprintf("%s%s", sql_text(0, 3), sql_text(0, 4)));
	report_run(
		psprintf("SELECT format('%%s: ratios below %%s, differences beyond %%s; chance: %%s (%%s)', rule, ratio, difference, "
				 "evidence, source) FROM weir.fairness_rules() WHERE rule = %s",
				 literal_of(fcinfo, RULE)));
	html_fact(report.out, "Rule", SPI_processed > 0 ? sql_text(0, 1) : NULL);
	html_fact(report.out, "Other thresholds", argument_text(fcinfo, THRESHOLDS) ? literal_of(fcinfo, THRESHOLDS) : NULL);
	appendStringInfoString(report.out, "</dl>");
	report_run(psprintf("SELECT format(': %%s alerts and %%s warnings in %%s comparisons of groups', "
						"count(*) FILTER (WHERE verdict = 'alert'), count(*) FILTER (WHERE verdict = 'warning'), count(verdict)), "
						"count(verdict)::float8 FROM %s WHERE group_name IS NOT NULL",
						metrics));
	headline = report_number(0, 2) > 0 ? sql_text(0, 1) : NULL;
	add_advice(
		&report, headline,
		psprintf(
			"WITH m AS MATERIALIZED (SELECT * FROM %s) SELECT severity, advice FROM ("
			"SELECT m.verdict AS severity, format('%%s: %%s is %%s%%s (threshold %%s)', m.metric, CASE WHEN m.group_name IS NULL THEN 'the "
			"farthest of all groups' ELSE m.group_name || ' against ' || m.reference_group END, round(m.value::numeric, 3), format(' (%%s to "
			"%%s)', round(m.low::numeric, 3), round(m.high::numeric, 3)), m.threshold) AS advice, 1 AS place, m.value FROM m WHERE m.verdict IN "
			"('alert', 'warning') AND m.group_name IS NOT NULL "
			"UNION ALL SELECT 'warning', format('%%s groups are too small to judge: %%s', count(DISTINCT m.group_name), "
			"left(string_agg(DISTINCT m.group_name, ', '), 200)), 2, NULL FROM m WHERE m.status = 'insufficient' AND m.group_name IS NOT NULL "
			"HAVING count(*) > 0 "
			"UNION ALL SELECT CASE WHEN count(m.verdict) > 0 THEN 'ok' ELSE 'unknown' END, CASE WHEN count(m.verdict) > 0 THEN 'No group is "
			"treated differently by this rule.' ELSE 'Nothing could be judged.' END, 3, NULL FROM m HAVING coalesce(bool_and(m.verdict = "
			"'ok'), true)) a ORDER BY severity = 'alert' DESC, severity = 'unknown' DESC, severity = 'warning' DESC, place, value LIMIT 25",
			metrics));
	html_begin_section(report.out, "fairness", "Groups");
	section_fairness_rows(&report, rows);
	html_end_section(report.out);
	section_query(&report, "rates", "All rates of the groups", "Counts and rates of the groups",
				  psprintf("SELECT * FROM %s", groups), "There are no rows.");
	section_query(&report, "rules", "Rules", "The named rules by which groups can be judged", "SELECT * FROM weir.fairness_rules()",
				  "");
	html_end(report.out);
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(report.out->data, report.out->len));
}

/* ---- a run of a periodic audit ---- */

static void
add_findings(Report *report, const char *kind, const char *run)
{
	if (strcmp(kind, "representativeness") == 0)
		section_query(
			report, "findings", "Findings", "Groups of the rows against the population",
			psprintf("SELECT r.* FROM weir.audit_runs a, jsonb_to_recordset(a.findings) r (group_name text, n bigint, share "
					 "float8, population_share float8, ratio float8, chi_square float8, p_value float8, effect_size float8) "
					 "WHERE a.run_id = %s ORDER BY r.ratio",
					 run),
			"Nothing could be judged.");
	else
	{
		static const char findings[] =
			"SELECT r.protected, r.metric, r.group_name AS \"group\", r.reference_group AS reference, CASE WHEN r.n_alert > 0 THEN 'alert' "
			"WHEN r.n_warning > 0 THEN 'warning' WHEN r.threshold IS NOT NULL THEN 'ok' END AS verdict, r.last AS value, r.low AS lowest, "
			"r.high AS highest, r.threshold, r.n_windows AS windows, r.n_warning AS warnings, r.n_alert AS alerts FROM weir.audit_runs a, "
			"jsonb_to_recordset(a.findings) r (protected text, metric text, group_name text, reference_group text, last float8, low float8, "
			"high float8, threshold float8, n_windows bigint, n_warning bigint, n_alert bigint) WHERE a.run_id = %s ORDER BY r.n_alert "
			"DESC, r.n_warning DESC, r.protected, r.metric, r.group_name";

		section_query(
			report, "findings", "Findings",
			"Metrics over the windows of the audit: value is that of the last window; warnings, alerts: windows with that verdict",
			psprintf(findings, run), "Nothing could be judged.");
	}
}

Datum
weir_audit_html(PG_FUNCTION_ARGS)
{
	Report		report = {.out = makeStringInfo()};
	char	   *run;
	char	   *kind;
	char	   *title;

	require_argument(fcinfo, 0, "run_id");
	run = psprintf(INT64_FORMAT, PG_GETARG_INT64(0));
	sql_connect();
	if (report_run(
			psprintf("SELECT audit, kind, monitor, to_char(since, 'YYYY-MM-DD HH24:MI'), to_char(until, 'YYYY-MM-DD HH24:MI'), "
					 "to_char(ran_at, 'YYYY-MM-DD HH24:MI'), review_state FROM weir.audit_runs WHERE run_id = %s",
					 run)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("audit run %s does not exist", run),
				 errhint("SELECT run_id, audit FROM weir.audit_runs;")));
	title = sql_text(0, 1);
	kind = sql_text(0, 2);
	begin_page(&report, "audit", title);
	html_fact(report.out, "Kind", kind);
	html_fact(report.out, "Monitor", sql_text(0, 3));
	html_fact(report.out, "Windows from", sql_text(0, 4));
	html_fact(report.out, "until", sql_text(0, 5));
	html_fact(report.out, "Ran", sql_text(0, 6));
	html_fact(report.out, "Sign-off", sql_text(0, 7) ? sql_text(0, 7) : "not asked for");
	appendStringInfoString(report.out, "</dl>");
	add_advice(
		&report, NULL,
		psprintf(
			"SELECT coalesce(verdict, 'unknown'), CASE verdict WHEN 'ok' THEN 'Nothing was found.' WHEN 'alert' THEN 'Groups are "
			"treated or represented unequally: see the findings, and decide in the review.' WHEN 'warning' THEN 'Something "
			"may be unequal: see the findings.' ELSE 'Nothing could be judged.' END FROM weir.audit_runs WHERE run_id = %s "
			"UNION ALL SELECT NULL, format('Sign-off is %%s%%s: weir.review(%%s, decision, reason).', review_state, CASE WHEN "
			"is_overdue THEN ', and overdue' END, review_id) FROM weir.audit_runs WHERE run_id = %s AND review_state = 'open'",
			run, run));
	add_findings(&report, kind, run);
	section_query(
		&report, "review", "Sign-off", "Decisions of the review",
		psprintf("SELECT r.review_id, r.state, d.person, d.decision, d.reason, to_char(d.decided_at, 'YYYY-MM-DD HH24:MI') AS "
				 "decided FROM weir.audit_runs a JOIN weir.reviews r ON r.review_id = a.review_id LEFT JOIN LATERAL "
				 "jsonb_to_recordset(r.decisions) d (person text, decision text, reason text, decided_at timestamptz) ON true "
				 "WHERE a.run_id = %s ORDER BY d.decided_at",
				 run),
		"No review was asked for.");
	section_query(
		&report, "runs", "All runs", "Runs of this audit, the last 50",
		psprintf("SELECT r.run_id, to_char(r.ran_at, 'YYYY-MM-DD HH24:MI') AS ran, r.verdict, r.review_state AS sign_off FROM "
				 "weir.audit_runs r WHERE r.audit = %s ORDER BY r.run_id DESC LIMIT 50",
				 quote_literal_cstr(title)),
		"No runs.");
	html_end(report.out);
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(report.out->data, report.out->len));
}
