/*
 * report_text.c
 *		weir.report_text: one screen about a monitor.
 */
#include "postgres.h"

#include <math.h>

#include "base/arguments.h"
#include "base/sparkline.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "report/report.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define WIDTH 79 /* of a terminal */
#define N_WINDOWS 30
#define MIN_WINDOWS 8
#define NAME_WIDTH 28
#define NUMBERS_WIDTH 33 /* value, threshold and verdict */

PG_FUNCTION_INFO_V1(weir_report_text);

/* Text without control characters, which a terminal would obey. */
static void
append_clean(StringInfo out, const char *text)
{
	for (; text && *text;)
	{
		int			length = pg_mblen(text);

		if (report_is_control(text, length))
			appendStringInfoChar(out, '?');
		else
			appendBinaryStringInfo(out, text, length);
		text += length;
	}
}

/* The same in so many places of the screen, cut or filled up. */
static void
append_cell(StringInfo out, const char *text, int width)
{
	StringInfoData clean;
	int			used = 0;
	const char *at;

	initStringInfo(&clean);
	append_clean(&clean, text);
	for (at = clean.data; *at;)
	{
		int			length = pg_mblen(at);
		int			places = Max(0, pg_encoding_dsplen(GetDatabaseEncoding(), at));

		if (used + places > width)
			break;
		appendBinaryStringInfo(out, at, length);
		used += places;
		at += length;
	}
	appendStringInfoSpaces(out, width - used + 1);
}

static int
width_of(const char *text)
{
	int			width = 0;

	for (; text && *text; text += pg_mblen(text))
		width += report_is_control(text, pg_mblen(text)) ? 1 : Max(0, pg_encoding_dsplen(GetDatabaseEncoding(), text));
	return width;
}

/* A line, broken between words where the terminal ends, what follows indented by two. */
static void
append_wrapped(StringInfo out, const char *start, const char *text)
{
	int			used = width_of(start);

	appendStringInfoString(out, start);
	for (bool is_first = true; *text; is_first = false)
	{
		int			length = strcspn(text, " ");
		char	   *word = pnstrdup(text, length);
		int			width = width_of(word);

		if (!is_first && used + 1 + width > WIDTH)
		{
			appendStringInfoString(out, "\n  ");
			used = 2;
		}
		else if (!is_first)
		{
			appendStringInfoChar(out, ' ');
			used++;
		}
		append_clean(out, word);
		used += width;
		text += length;
		text += *text == ' ';
	}
	appendStringInfoChar(out, '\n');
}

static void
append_number(StringInfo out, uint64 row, int column)
{
	double		value = report_number(row, column);

	if (isnan(value))
		appendStringInfo(out, "%9s ", "");
	else
		appendStringInfo(out, "%9.4g ", value);
}

/* Rows of name, metric, value, threshold, verdict or status, and a float8[] of its course. */
static void
append_lines(StringInfo out, const char *title, uint64 n)
{
	int			widths[2] = {width_of(title), width_of("metric")};
	int			n_windows;

	if (n == 0)
		return;
	for (uint64 i = 0; i < n; i++)
		for (int k = 0; k < 2; k++)
			widths[k] = Min(NAME_WIDTH, Max(widths[k], width_of(sql_text(i, k + 1))));
	n_windows = Max(MIN_WINDOWS, Min(N_WINDOWS, WIDTH - widths[0] - widths[1] - 2 - NUMBERS_WIDTH));
	appendStringInfoChar(out, '\n');
	append_cell(out, title, widths[0]);
	append_cell(out, "metric", widths[1]);
	appendStringInfo(out, "%9s %9s verdict      last %d\n", "value", "threshold", n_windows);
	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;
		Datum		course = sql_value(i, 6, &is_null);

		append_cell(out, sql_text(i, 1), widths[0]);
		append_cell(out, sql_text(i, 2), widths[1]);
		append_number(out, i, 3);
		append_number(out, i, 4);
		append_cell(out, sql_text(i, 5), 12);
		if (!is_null)
		{
			Datum	   *elements;
			bool	   *nulls;
			int			n_values;
			double		values[N_WINDOWS + 1];
			double		threshold = report_number(i, 4);
			int			skipped;

			deconstruct_array(DatumGetArrayTypeP(course), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements,
							  &nulls, &n_values);
			skipped = Max(0, n_values - n_windows);
			n_values -= skipped;
			for (int k = 0; k < n_values; k++)
				values[k] = nulls[skipped + k] ? NAN : DatumGetFloat8(elements[skipped + k]);
			/* The threshold takes part in the scale, so that what is far below it is low; its own bar goes again. */
			values[n_values] = threshold;
			sparkline_append(out, values, n_values + 1, 0);
			out->len -= isnan(threshold) || GetDatabaseEncoding() != PG_UTF8 ? 1 : 3;
			out->data[out->len] = '\0';
		}
		while (out->len > 0 && out->data[out->len - 1] == ' ')
			out->data[--out->len] = '\0';
		appendStringInfoChar(out, '\n');
	}
}

/* The primary scores of a view over the windows, the newest N_WINDOWS of them; those of the last window stand before the course. */
#define COURSES(name, more, from) \
	"SELECT " name ", x.metric, max(x.value) FILTER (WHERE x.window_start = @window), " \
	"max(x.threshold) FILTER (WHERE x.window_start = @window), " \
	"coalesce(max(x.verdict) FILTER (WHERE x.window_start = @window), max(x.status) FILTER (WHERE x.window_start = @window)), " \
	"(array_agg(x.value ORDER BY x.window_start))[greatest(1, count(*) - 29):] " \
	"FROM " from "(@range) x WHERE x.segment IS NULL AND x.is_primary " more " GROUP BY 1, 2 " \
	"ORDER BY max(x.verdict) FILTER (WHERE x.window_start = @window) IS NOT DISTINCT FROM 'alert' DESC, " \
	"max(x.verdict) FILTER (WHERE x.window_start = @window) IS NOT DISTINCT FROM 'warning' DESC, 1, 2"

Datum
weir_report_text(PG_FUNCTION_ARGS)
{
	Report		report = {.out = makeStringInfo()};
	StringInfo	out = report.out;
	char	   *monitor = required_text(fcinfo, 0, "monitor");
	uint64		n;

	sql_connect();
	report_begin(&report, monitor, NULL, NULL, N_WINDOWS);
	n = report_run(report_sql(&report, report_advice));
	append_clean(out, monitor);
	appendStringInfo(out, ": %s", sql_text(0, 1));
	if (report.last_name)
		appendStringInfo(out, " in %s, %s",
						 report.last_is_final ? "the last final window"
											  : "the last window, not final "
												"yet",
						 report.last_name);
	appendStringInfoChar(out, '\n');
	for (uint64 i = 0; i < n; i++)
		append_wrapped(out, "- ", sql_text(i, 2));
	append_lines(out, "column", report_run(report_sql(&report, COURSES("x.column_name::text", "", "weir.drift_scores"))));
	append_lines(out, "fairness of",
				 report_run(report_sql(&report,
									   COURSES("x.protected::text",
											   "AND x.group_name IS "
											   "NULL",
											   "weir.fairness_scores"))));
	append_lines(out, "performance",
				 report_run(report_sql(&report,
									   COURSES("CASE WHEN x.is_estimate THEN 'estimated' ELSE 'from "
											   "labels' END",
											   "", "weir.performance_scores"))));
	n = report_run(report_sql(&report,
							  "SELECT format('%s %s %s, %s: %s', alert_id, severity, state, to_char(opened_at, 'YYYY-MM-DD "
							  "HH24:MI'), message) "
							  "FROM weir.alerts WHERE monitor = @monitor AND state <> 'resolved' ORDER BY alert_id DESC "
							  "LIMIT 10"));
	if (n > 0)
		appendStringInfoString(out, "\nopen alerts\n");
	for (uint64 i = 0; i < n; i++)
		append_wrapped(out, "", sql_text(i, 1));
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out->data, Max(0, out->len - 1)));
}
