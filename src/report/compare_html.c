/*
 * compare_html.c
 *		weir.compare_html: a page about the drift between two tables, queries or summaries.
 *
 * Each side is read once, as the caller and with his search_path; everything after that is weir's own.
 */
#include "postgres.h"

#include <math.h>

#include "base/arguments.h"
#include "base/query.h"
#include "base/sql.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/classification.h"
#include "report/page.h"
#include "report/report.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(weir_compare_html);
PG_FUNCTION_INFO_V1(weir_compare_summaries_html);

/* A score of a column; NaN for NULL. */
typedef struct Score
{
	const char *metric;
	double		value;
	double		p_value;
	double		p_adjusted;
	double		threshold;
	const char *verdict;
	const char *status;
} Score;

typedef struct Column
{
	const char *name;
	const char *kind;
	int			place;			/* in which it came */
	Score	   *scores;			/* the primary one first */
	int			n_scores;
	double		n_baseline;
	double		n_current;
	const char *reason;			/* why there is no score, or NULL */
	Datum		summaries[2];	/* 0: none */
	bool		is_withheld;
	bool		is_time;		/* a summary of seconds since 1970 */
} Column;

typedef struct Comparison
{
	StringInfo	out;
	const char *names[2];		/* of the sides */
	const char *texts[2];		/* as they were given; NULL of summaries */
	const char *froms[2];		/* what stands after FROM; NULL of summaries */
	Column	   *columns;
	int			n_columns;
	char	   *query;			/* that gives the scores */
	Oid			summary_type;
} Comparison;

/* ---- reading ---- */

static double
number_of(uint64 row, int column)
{
	char	   *text = sql_text(row, column);

	return text == NULL ? NAN : DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(text)));
}

/* What READ selects, gathered by column; the primary score comes first. */
#define READ \
	"column_name::pg_catalog.text, kind, metric, value, p_value, p_adjusted, threshold, n_baseline, n_current, verdict, status, " \
	"pg_catalog.jsonb_extract_path_text(detail, 'reason'), baseline_summary, current_summary "

static void
gather(Comparison *comparison)
{
	uint64		n = SPI_processed;

	comparison->columns = palloc0(mul_size(sizeof(Column), n + 1));
	for (uint64 row = 0; row < n; row++)
	{
		char	   *name = sql_text(row, 1);
		Column	   *column = &comparison->columns[Max(comparison->n_columns - 1, 0)];

		if (comparison->n_columns == 0 || strcmp(column->name, name) != 0)
		{
			column = &comparison->columns[comparison->n_columns];
			column->name = name;
			column->kind = sql_text(row, 2);
			column->place = comparison->n_columns++;
			column->scores = palloc0(mul_size(sizeof(Score), n - row));
			column->n_baseline = number_of(row, 8);
			column->n_current = number_of(row, 9);
			column->reason = sql_text(row, 12);
			for (int side = 0; side < 2; side++)
			{
				bool		is_null;
				Datum		summary = sql_value(row, 13 + side, &is_null);

				column->summaries[side] = is_null ? (Datum) 0 : summary;
			}
		}
		column->scores[column->n_scores++] = (Score){
			.metric = sql_text(row, 3),
			.value = number_of(row, 4),
			.p_value = number_of(row, 5),
			.p_adjusted = number_of(row, 6),
			.threshold = number_of(row, 7),
			.verdict = sql_text(row, 10),
			.status = sql_text(row, 11),
		};
	}
}

static int
badness(const Column *column)
{
	const char *verdict = column->scores[0].verdict;

	return verdict == NULL ? 0 : strcmp(verdict, "alert") == 0 ? 3 : strcmp(verdict, "warning") == 0 ? 2 : 1;
}

static double
excess(const Column *column)
{
	double		times = column->scores[0].value / column->scores[0].threshold;

	return isnan(times) ? -1 : times;
}

/* The worst first; what could not be judged last. */
static int
order_columns(const void *a, const void *b)
{
	const Column *left = a;
	const Column *right = b;

	if (badness(left) != badness(right))
		return badness(right) - badness(left);
	if (excess(left) != excess(right))
		return excess(left) > excess(right) ? -1 : 1;
	return left->place - right->place;
}

/* ---- queries over the two summaries of a column ---- */

/* @baseline and @current stand for them. */
static const char shares_query[] =
	"SELECT array_agg(s.baseline_share ORDER BY s.place), array_agg(s.current_share ORDER BY s.place), array_agg(s.label ORDER BY "
	"s.place), bool_or(s.is_category), min(s.axis_low), min(s.axis_high), string_agg(format('%s: %s %%, baseline %s %%', s.label, "
	"round((100 * s.current_share)::numeric, 1), round((100 * s.baseline_share)::numeric, 1)), ', ' ORDER BY s.place) FROM "
	"weir._paired_shares(@baseline, @current, 24, 6) s";

#define STATISTICS \
	"WITH s AS MATERIALIZED (SELECT @baseline AS b, @current AS c), " \
	"q AS MATERIALIZED (SELECT s.*, weir.stats(b) AS sb, weir.stats(c) AS sc, CASE WHEN weir.kind(b) = 'numeric' THEN " \
	"weir.quantile(b, p.p) END AS qb, CASE WHEN weir.kind(c) = 'numeric' THEN weir.quantile(c, p.p) END AS qc FROM s, (VALUES " \
	"('{0.01,0.05,0.25,0.5,0.75,0.95,0.99}'::float8[])) p (p)), " \
	"v AS (SELECT v.* FROM q, LATERAL (VALUES (1, 'values', weir.value_count(b)::float8, weir.value_count(c)::float8), " \
	"(2, 'missing', weir.null_count(b)::float8, weir.null_count(c)::float8), (3, 'missing share', weir.null_share(b), " \
	"weir.null_share(c)), (4, 'distinct values', weir.distinct_count(b)::float8, weir.distinct_count(c)::float8), " \
	"(5, 'mean', (sb).mean, (sc).mean), (6, 'standard deviation', (sb).stddev, (sc).stddev), (7, 'skewness', (sb).skewness, " \
	"(sc).skewness), (8, 'minimum', (sb).min, (sc).min), (9, '1st percentile', qb[1], qc[1]), (10, '5th percentile', qb[2], " \
	"qc[2]), (11, '25th percentile', qb[3], qc[3]), (12, 'median', qb[4], qc[4]), (13, '75th percentile', qb[5], qc[5]), " \
	"(14, '95th percentile', qb[6], qc[6]), (15, '99th percentile', qb[7], qc[7]), (16, 'maximum', (sb).max, (sc).max)) " \
	"v (place, statistic, baseline, current) WHERE v.baseline IS NOT NULL OR v.current IS NOT NULL) "

static const char statistics_query[] = STATISTICS
	"SELECT statistic, baseline, current, CASE WHEN abs(current) < 8e307 AND abs(baseline) < 8e307 THEN current - baseline END "
	"AS change FROM v ORDER BY place";

/* Of times, as such where they are points in time. */
static const char times_query[] = STATISTICS
	"SELECT statistic, CASE place WHEN 6 THEN date_trunc('seconds', baseline * interval '1 s')::text ELSE "
	"weir._shown_value(baseline, CASE WHEN place NOT IN (1, 2, 3, 4, 7) THEN '1970' END) END AS baseline, CASE place WHEN 6 "
	"THEN date_trunc('seconds', current * interval '1 s')::text ELSE weir._shown_value(current, CASE WHEN place NOT IN (1, "
	"2, 3, 4, 7) THEN '1970' END) END AS current FROM v ORDER BY place";

/* What may be told of a column that is withheld. */
static const char counts_query[] = STATISTICS "SELECT statistic, baseline, current FROM v WHERE place <= 4 ORDER BY place";

static const char categories_query[] =
	"WITH s AS MATERIALIZED (SELECT @baseline AS b, @current AS c), v AS (SELECT t.value FROM s, weir.top(s.b, 25) t UNION SELECT "
	"t.value FROM s, weir.top(s.c, 25) t) "
	"SELECT left(v.value, 200) AS category, fb.share AS baseline_share, fc.share AS current_share, fc.share - fb.share AS change, "
	"CASE WHEN coalesce(fb.high, 0) = 0 THEN 'new' WHEN coalesce(fc.high, 0) = 0 THEN 'vanished' ELSE '' END AS remark "
	"FROM s, v, LATERAL weir.frequency(s.b, v.value) fb, LATERAL weir.frequency(s.c, v.value) fc "
	"ORDER BY abs(coalesce(fc.share, 0) - coalesce(fb.share, 0)) DESC, v.value LIMIT 30";

/* The pattern with something in the place of the summaries. */
static char *
fill_in(const char *pattern, const char *baseline, const char *current)
{
	StringInfoData sql;

	initStringInfo(&sql);
	while (*pattern)
	{
		if (strncmp(pattern, "@baseline", 9) == 0)
		{
			appendStringInfoString(&sql, baseline);
			pattern += 9;
		}
		else if (strncmp(pattern, "@current", 8) == 0)
		{
			appendStringInfoString(&sql, current);
			pattern += 8;
		}
		else
			appendStringInfoChar(&sql, *pattern++);
	}
	return sql.data;
}

static uint64
run_on_summaries(const Comparison *comparison, const Column *column, const char *pattern)
{
	SqlParameters parameters = {0};

	for (int side = 0; side < 2; side++)
		sql_add(&parameters, comparison->summary_type, column->summaries[side], column->summaries[side] == (Datum) 0);
	return sql_run(fill_in(pattern, "$1", "$2"), &parameters);
}

/* The query as anybody can run it. */
static void
show_query(const Comparison *comparison, const Column *column, const char *what, const char *pattern)
{
	const char *shown[2] = {"baseline", "current"};
	const char *suffix = strcmp(column->kind, "numeric") == 0 ? "_numeric"
		: strcmp(column->kind, "category") == 0               ? "_category"
															  : "";

	for (int side = 0; side < 2; side++)
		if (comparison->froms[side] != NULL)
			shown[side] =
				psprintf("(SELECT weir.summarize%s(%s) FROM %s)", suffix, quote_identifier(column->name), comparison->froms[side]);
	html_query(comparison->out, what, fill_in(pattern, shown[0], shown[1]));
}

/* ---- parts of the page ---- */

static void
add_head(Comparison *comparison)
{
	StringInfo	out = comparison->out;
	int			n_judged = 0;
	int			n_drifted = 0;
	int			worst = 0;
	const char *severity;

	for (int i = 0; i < comparison->n_columns; i++)
	{
		int			badness_of = badness(&comparison->columns[i]);

		n_judged += badness_of > 0;
		n_drifted += badness_of > 1;
		worst = Max(worst, badness_of);
	}
	severity = worst == 3 ? "alert" : worst == 2 ? "warning" : worst == 1 ? "ok" : "unknown";
	appendStringInfoString(out, "<header><p class=\"soft\">weir comparison</p><h1>");
	html_text(out, comparison->names[1]);
	appendStringInfoString(out, " against ");
	html_text(out, comparison->names[0]);
	appendStringInfoString(out, "</h1><dl>");
	html_fact(out, "Baseline", comparison->texts[0]);
	html_fact(out, "Current", comparison->texts[1]);
	sql_execute("SELECT current_setting('TimeZone'), to_char(now(), 'YYYY-MM-DD HH24:MI')", 0, NULL, NULL, NULL);
	html_fact(out, "Report made", psprintf("%s %s", sql_text(0, 2), sql_text(0, 1)));
	appendStringInfo(out, "</dl><div class=\"head %s\"><p>", severity);
	html_verdict(out, severity);
	if (n_judged == 0)
		appendStringInfoString(out, ": no column could be judged</p><ul>");
	else
		appendStringInfo(out, ": %d of %d column%s drift%s</p><ul>", n_drifted, n_judged, n_judged == 1 ? "" : "s",
						 n_drifted == 1 ? "s" : "");
	for (int i = 0; i < comparison->n_columns; i++)
	{
		Column	   *column = &comparison->columns[i];
		Score	   *score = &column->scores[0];

		if (badness(column) == 1)
			continue;
		appendStringInfoString(out, "<li>");
		html_text(out, column->name);
		if (badness(column) > 1)
			html_text(out, psprintf(" drifts: %s is %.3g (threshold %.3g).", score->metric, score->value, score->threshold));
		else
			html_text(out, psprintf(" was not judged: %s.", column->reason ? column->reason : score->status));
		appendStringInfoString(out, "</li>");
	}
	appendStringInfoString(out,
						   n_drifted > 0
							   ? "<li>Find out where the rows of these columns come from. What is meant to last calls for "
								 "a new baseline, and for models to be fitted anew.</li>"
							   : n_judged > 0 ? "<li>Nothing needs to be done.</li>"
											  : "");
	appendStringInfoString(out, "</ul></div></header>\n");
}

static void
add_distribution(Comparison *comparison, const Column *column)
{
	StringInfo	out = comparison->out;
	Shares		shares = {0};

	appendStringInfoString(out, "<td>");
	if (column->summaries[0] != (Datum) 0 && !column->is_withheld && run_on_summaries(comparison, column, shares_query) == 1)
		shares_read(&shares, 0, 1);
	if (shares.n > 0)
		chart_shares(out, psprintf("Distribution of %s: %s", column->name, sql_text(0, SHARES_COLUMNS + 1)), &shares);
	else
		appendStringInfo(out, "<span class=\"soft\">%s</span>", column->is_withheld ? "withheld" : "not shown");
	appendStringInfoString(out, "</td>");
}

static void
add_missing(Comparison *comparison, const Column *column)
{
	if (column->summaries[0] != (Datum) 0 &&
		run_on_summaries(comparison, column, "SELECT weir.null_share(@baseline), weir.null_share(@current)") == 1)
	{
		html_share_cell(comparison->out, report_number(0, 1));
		html_share_cell(comparison->out, report_number(0, 2));
	}
	else
		appendStringInfoString(comparison->out, "<td class=\"n\"></td><td class=\"n\"></td>");
}

/* Times are summaries of seconds. */
static void
mark_times(Comparison *comparison)
{
	for (int i = 0; i < comparison->n_columns; i++)
	{
		Column	   *column = &comparison->columns[i];

		if (column->summaries[0] == (Datum) 0 && column->summaries[1] == (Datum) 0)
			continue;
		run_on_summaries(comparison, column, "SELECT coalesce(weir.unit(@baseline), weir.unit(@current), '') LIKE '%1970%'");
		column->is_time = strcmp(sql_text(0, 1), "t") == 0;
	}
}

static void
add_columns(Comparison *comparison)
{
	StringInfo	out = comparison->out;

	html_begin_section(out, "columns", "Columns");
	html_begin_table(
		out, "Drift of columns",
		"Each column against the baseline, the worst first. Distribution: bars are the current values, the dark line is the "
		"baseline.",
		"<th scope=\"col\">column</th><th scope=\"col\">verdict</th><th>distribution</th><th scope=\"col\">metric</th>"
		"<th scope=\"col\" class=\"n\">value</th><th scope=\"col\" class=\"n\">threshold</th><th scope=\"col\" "
		"class=\"n\">p adjusted</th><th scope=\"col\" class=\"n\">rows before</th><th scope=\"col\" class=\"n\">rows "
		"now</th><th scope=\"col\" class=\"n\">missing before</th><th scope=\"col\" class=\"n\">missing now</th>");
	for (int i = 0; i < comparison->n_columns; i++)
	{
		Column	   *column = &comparison->columns[i];
		Score	   *score = &column->scores[0];

		appendStringInfoString(out, "<tr><th scope=\"row\">");
		html_name(out, column->name);
		appendStringInfo(out, "<br><span class=\"soft\">%s</span></th>", column->is_time ? "time" : column->kind);
		html_verdict_cell(out, score->verdict, score->status);
		add_distribution(comparison, column);
		html_text_cell(out, score->metric);
		html_value_cell(out, score->value);
		html_value_cell(out, score->threshold);
		html_p_value_cell(out, score->p_adjusted);
		html_value_cell(out, column->n_baseline);
		html_value_cell(out, column->n_current);
		add_missing(comparison, column);
		appendStringInfoString(out, "</tr>\n");
		CHECK_FOR_INTERRUPTS();
	}
	html_end_table(out);
	html_query(out, "it", comparison->query);
	html_end_section(out);
}

static void
add_scores(StringInfo out, const Column *column)
{
	html_begin_table(
		out, psprintf("Scores of %s", column->name),
		psprintf("All scores of %s%s", column->name, column->is_time ? "; distances in seconds" : ""),
		"<th scope=\"col\">metric</th><th scope=\"col\" class=\"n\">value</th><th scope=\"col\" "
		"class=\"n\">threshold</th><th scope=\"col\" class=\"n\">p</th><th scope=\"col\" class=\"n\">p adjusted</th><th "
		"scope=\"col\">verdict</th>");
	for (int i = 0; i < column->n_scores; i++)
	{
		const Score *score = &column->scores[i];

		appendStringInfoString(out, "<tr>");
		html_text_cell(out, score->metric);
		html_value_cell(out, score->value);
		html_value_cell(out, score->threshold);
		html_p_value_cell(out, score->p_value);
		html_p_value_cell(out, score->p_adjusted);
		html_verdict_cell(out, score->verdict, score->status);
		appendStringInfoString(out, "</tr>\n");
	}
	html_end_table(out);
}

/* A table of a query over the summaries, where it has rows. */
static void
add_summaries_table(Comparison *comparison, const Column *column, const char *caption, const char *pattern)
{
	if (run_on_summaries(comparison, column, pattern) == 0)
		return;
	html_table(comparison->out, caption);
	show_query(comparison, column, "it", pattern);
}

static void
add_column(Comparison *comparison, const Column *column)
{
	StringInfo	out = comparison->out;

	appendStringInfo(out, "<details class=\"column\"%s><summary>", badness(column) > 1 ? " open=\"\"" : "");
	html_text(out, column->name);
	appendStringInfoString(out, ": ");
	if (column->scores[0].verdict)
		html_verdict(out, column->scores[0].verdict);
	else
		html_text(out, column->reason ? column->reason : column->scores[0].status);
	appendStringInfoString(out, "</summary>\n");
	if (column->summaries[0] != (Datum) 0)
	{
		add_summaries_table(comparison, column, psprintf("Statistics of %s", column->name),
							column->is_withheld   ? counts_query
								: column->is_time ? times_query
												  : statistics_query);
		if (column->is_withheld)
			appendStringInfoString(out, "<p>Values of this column are personal or sensitive, and withheld.</p>\n");
		else if (strcmp(column->kind, "category") == 0)
			add_summaries_table(comparison, column, psprintf("Categories of %s, those that changed most first", column->name),
								categories_query);
		if (!column->is_withheld && strcmp(column->kind, "vector") != 0)
			show_query(comparison, column, "the distribution above", shares_query);
	}
	add_scores(out, column);
	appendStringInfoString(out, "</details>\n");
}

static Datum
make_page(Comparison *comparison)
{
	int			guc_level = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	qsort(comparison->columns, comparison->n_columns, sizeof(Column), order_columns);
	html_begin(comparison->out, psprintf("%s against %s: weir comparison", comparison->names[1], comparison->names[0]));
	mark_times(comparison);
	add_head(comparison);
	add_columns(comparison);
	html_begin_section(comparison->out, "each", "Each column");
	for (int i = 0; i < comparison->n_columns; i++)
		add_column(comparison, &comparison->columns[i]);
	html_end_section(comparison->out);
	html_end(comparison->out);
	AtEOXact_GUC(true, guc_level);
	SPI_finish();
	return PointerGetDatum(cstring_to_text_with_len(comparison->out->data, comparison->out->len));
}

/* ---- two tables or queries ---- */

/* Columns of that name which show values of personal or sensitive ones on either side. */
static void
mark_withheld(Comparison *comparison, const RowSource *side)
{
	bool	   *withheld = classification_of_query(side->query, side->shape->natts);

	for (int i = 0; i < side->shape->natts; i++)
		for (int j = 0; withheld[i] && j < comparison->n_columns; j++)
			if (strcmp(comparison->columns[j].name, NameStr(TupleDescAttr(side->shape, i)->attname)) == 0)
				comparison->columns[j].is_withheld = true;
}

Datum
weir_compare_html(PG_FUNCTION_ARGS)
{
	Comparison	comparison = {.out = makeStringInfo()};
	char	   *texts[2] = {required_text(fcinfo, 0, "baseline"), required_text(fcinfo, 1, "current")};
	char	   *adjust = required_text(fcinfo, 3, "adjust");
	RowSource	sides[2];
	SqlParameters parameters = {0};
	StringInfoData query;

	sql_connect();
	for (int side = 0; side < 2; side++)
	{
		sides[side] = row_source(texts[side], side == 0 ? "baseline" : "current", 0, NULL);
		comparison.texts[side] = texts[side];
		comparison.froms[side] = sides[side].from;
		comparison.names[side] = sides[side].is_query ? (side == 0 ? "the baseline query" : "the current query") : texts[side];
		sql_add_text(&parameters, texts[side]);
	}
	sql_add(&parameters, TEXTARRAYOID, PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2), PG_ARGISNULL(2));
	sql_add_text(&parameters, adjust);
	sql_add(&parameters, JSONBOID, PG_ARGISNULL(4) ? (Datum) 0 : PG_GETARG_DATUM(4), PG_ARGISNULL(4));
	sql_run("SELECT " READ "FROM weir._compare_summaries($1, $2, $3, NULL, $4, $5)", &parameters);
	comparison.summary_type = SPI_gettypeid(SPI_tuptable->tupdesc, 13);
	gather(&comparison);
	for (int side = 0; side < 2; side++)
		mark_withheld(&comparison, &sides[side]);

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT * FROM weir.compare(baseline => %s, current => %s", quote_literal_cstr(texts[0]),
					 quote_literal_cstr(texts[1]));
	sql_run("SELECT $3::pg_catalog.text, $5::pg_catalog.text, $1, $2, $4", &parameters);
	if (sql_text(0, 1))
		appendStringInfo(&query, ", columns => %s", quote_literal_cstr(sql_text(0, 1)));
	if (strcmp(adjust, "none") != 0)
		appendStringInfo(&query, ", adjust => %s", quote_literal_cstr(adjust));
	if (sql_text(0, 2) && strcmp(sql_text(0, 2), "{}") != 0)
		appendStringInfo(&query, ", options => %s", quote_literal_cstr(sql_text(0, 2)));
	appendStringInfoString(&query, ") WHERE is_primary");
	comparison.query = query.data;
	return make_page(&comparison);
}

/* ---- two summaries ---- */

Datum
weir_compare_summaries_html(PG_FUNCTION_ARGS)
{
	Comparison	comparison = {.out = makeStringInfo(), .names = {"the baseline", "the current summary"}};
	char	   *name = required_text(fcinfo, 2, "name");
	SqlParameters parameters = {0};

	require_argument(fcinfo, 0, "baseline");
	require_argument(fcinfo, 1, "current");
	sql_connect();
	comparison.summary_type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	for (int side = 0; side < 2; side++)
		sql_add(&parameters, comparison.summary_type, PG_GETARG_DATUM(side), false);
	sql_add_text(&parameters, name);
	sql_add(&parameters, JSONBOID, PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3), PG_ARGISNULL(3));
	sql_run("SELECT " READ "FROM (SELECT $3 AS column_name, weir.kind($1) AS kind, d.*, d.p_value AS p_adjusted, $1 AS "
			"baseline_summary, $2 AS current_summary FROM weir.drift($1, $2, NULL, $4) d) x",
			&parameters);
	gather(&comparison);
	comparison.query = pstrdup("SELECT * FROM weir.drift(baseline, current)");
	return make_page(&comparison);
}
