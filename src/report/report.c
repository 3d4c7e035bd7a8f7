/*
 * report.c
 *		What reports have in common.
 */
#include "postgres.h"

#include <math.h>

#include "base/sql.h"
#include "mb/pg_wchar.h"
#include "report/report.h"
#include "utils/builtins.h"

static const char *
literal(const char *value)
{
	return value ? quote_literal_cstr(value) : "NULL";
}

bool
report_is_control(const char *text, int length)
{
	const unsigned char *bytes = (const unsigned char *) text;

	if (length == 1)
		return *bytes < 0x20 || *bytes == 0x7f;
	if (GetDatabaseEncoding() != PG_UTF8)
		return false;
	return (length == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0) ||
		(length == 3 && bytes[0] == 0xe2 &&
		 ((bytes[1] == 0x80 && ((bytes[2] >= 0xaa && bytes[2] <= 0xae) || bytes[2] == 0x8e || bytes[2] == 0x8f)) ||
		  (bytes[1] == 0x81 && bytes[2] >= 0xa6 && bytes[2] <= 0xa9)));
}

char *
report_sql(const Report *report, const char *pattern)
{
	const char *monitor = report->monitor ? quote_literal_cstr(report->monitor) : "NULL";
	StringInfoData sql;

	/* Pages about neither have nothing to fill in, but names that somebody chose. */
	if (report->monitor == NULL && report->model == NULL)
		return pstrdup(pattern);
	initStringInfo(&sql);
	while (*pattern)
	{
		if (strncmp(pattern, "@monitor", 8) == 0)
		{
			appendStringInfoString(&sql, monitor);
			pattern += 8;
		}
		else if (strncmp(pattern, "@range", 6) == 0)
		{
			appendStringInfo(&sql, "%s, since => %s, until => %s", monitor, report->since, report->until);
			pattern += 6;
		}
		else if (strncmp(pattern, "@last", 5) == 0)
		{
			appendStringInfo(&sql, "%s, since => %s, until => %s", monitor, report->last_start, report->last_end);
			pattern += 5;
		}
		else if (strncmp(pattern, "@window", 7) == 0)
		{
			appendStringInfoString(&sql, report->last_start);
			pattern += 7;
		}
		else if (strncmp(pattern, "@model", 6) == 0)
		{
			appendStringInfoString(&sql, report->model ? quote_literal_cstr(report->model) : "NULL");
			pattern += 6;
		}
		else if (strncmp(pattern, "@version", 8) == 0)
		{
			appendStringInfoString(&sql, report->version ? report->version : "NULL");
			pattern += 8;
		}
		else
			appendStringInfoChar(&sql, *pattern++);
	}
	return sql.data;
}

uint64
report_run(const char *sql)
{
	SPI_freetuptable(SPI_tuptable);
	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI could not execute \"%s\"", sql);
	return SPI_processed;
}

double
report_number(uint64 row, int column)
{
	bool		is_null;
	Datum		value = sql_value(row, column, &is_null);

	return is_null ? NAN : DatumGetFloat8(value);
}

void
report_begin(Report *report, const char *monitor, const char *since, const char *until, int n_windows)
{
	report->monitor = monitor;
	report->since = literal(since);
	report->until = literal(until);
	report->last_start = report->last_end = "NULL";
	if (since == NULL)
	{
		/*
		 * The last windows with rows that are not of the future; of a time where the calendar begins, nothing can be taken.
		 */
		report_run(psprintf(
			"SELECT CASE WHEN x.at >= timestamptz '4600-01-01 00:00:00+00 BC' THEN (x.at - %d * m.slide)::text END, CASE WHEN "
			"%s::timestamptz IS NULL AND m.final_rows_at IS NOT NULL THEN (m.watermark + m.window_size)::text END "
			"FROM weir.monitors m, LATERAL (SELECT least(m.watermark, least(coalesce(m.final_rows_at, m.last_rows_at), '290000-01-01') + 2 * "
			"m.window_size, %s::timestamptz) AS at) x WHERE m.monitor = %s",
			n_windows, report->until, report->until, quote_literal_cstr(monitor)));
		if (SPI_processed == 1)
		{
			report->since = literal(sql_text(0, 1));
			if (sql_text(0, 2))
				report->until = literal(sql_text(0, 2));
		}
	}
	if (report_run(report_sql(report,
							  "SELECT window_start::text, window_end::text, "
							  "to_char(window_start, 'YYYY-MM-DD HH24:MI') || ' to ' || to_char(window_end, 'YYYY-MM-DD "
							  "HH24:MI'), is_final "
							  "FROM weir.windows(@range) w WHERE segment IS NULL AND n > 0 ORDER BY is_final DESC, w.window_start "
							  "DESC LIMIT 1")) == 1)
	{
		bool		is_null;

		report->last_start = literal(sql_text(0, 1));
		report->last_end = literal(sql_text(0, 2));
		report->last_name = sql_text(0, 3);
		report->last_is_final = DatumGetBool(sql_value(0, 4, &is_null));
	}
}

const char *const report_advice =
	"WITH s AS MATERIALIZED (SELECT *, (family, subject, metric) IN (SELECT 'drift', column_name::text, metric FROM "
	"weir.drift_scores(@last) WHERE is_primary "
	"UNION ALL SELECT 'fairness', protected::text, metric FROM weir.fairness_scores(@last) WHERE is_primary) OR family = 'performance' AND "
	"metric IN (SELECT metric FROM weir.performance_scores(@last) WHERE is_primary) AS is_primary FROM "
	"weir.scores(@last) WHERE segment IS NULL AND window_start = @window AND verdict IS NOT NULL), "
	"worst AS (SELECT DISTINCT ON (family) family, subject, metric, value, threshold, verdict, "
	"count(*) OVER (PARTITION BY family) AS n FROM s WHERE verdict <> 'ok' "
	"ORDER BY family, verdict = 'alert' DESC, is_primary IS TRUE DESC, value / nullif(threshold, 0) DESC NULLS LAST, subject, metric), "
	"o AS (SELECT * FROM weir.monitor_work WHERE monitor = @monitor), "
	"a AS (SELECT 'alert' AS severity, 1 AS place, format('Capture does not run for this monitor (%s%s): see weir.capture_status.', "
	"state, ': ' || reason) AS advice "
	"FROM weir.monitors WHERE monitor = @monitor AND state NOT IN ('active', 'building', 'starting') "
	"UNION ALL SELECT verdict, 2, CASE family "
	"WHEN 'performance' THEN format('The model does worse: %s is %s (threshold %s). Look at the worst segments, then retrain: "
	"weir.enqueue_job.', metric, "
	"weir._shown_value(value, NULL), weir._shown_value(threshold, NULL)) "
	"WHEN 'fairness' THEN format('Groups of %s are treated differently: %s is %s (threshold %s). Ask for a review before going on.', "
	"subject, metric, "
	"weir._shown_value(value, NULL), weir._shown_value(threshold, NULL)) "
	"WHEN 'drift' THEN format('%s drifts: %s is %s (threshold %s). Find out where its rows come from; if the change is meant to last, "
	"weir.set_baseline.', subject, metric, "
	"weir._shown_value(value, NULL), weir._shown_value(threshold, NULL)) "
	"WHEN 'quality' THEN format('Data quality: %s%s is %s (expected up to %s)%s. Mend it where the rows come from.', subject || ': ', "
	"metric, "
	"coalesce(weir._shown_value(value, NULL), 'unknown'), coalesce(weir._shown_value(threshold, NULL), 'unknown'), CASE WHEN "
	"n > 1 THEN format(', and %s more', n - 1) END) "
	"ELSE format('%s: %s%s is %s.', family, subject || ' ', metric, value) END FROM worst "
	"UNION ALL SELECT 'alert', 3, format('%s open: weir.acknowledge_alert, then weir.resolve_alert.', CASE open_alerts WHEN 1 THEN "
	"'One alert is' ELSE open_alerts || ' alerts are' END) "
	"FROM o WHERE open_alerts > 0 "
	"UNION ALL SELECT 'warning', 4, format('%s in the last 7 days: see weir.job_log.', CASE jobs_failed WHEN 1 THEN 'One job failed' "
	"ELSE jobs_failed || ' jobs failed' END) FROM o WHERE jobs_failed > 0 "
	"UNION ALL SELECT 'warning', 5, format('%s: see weir.reviews.', CASE reviews_waiting WHEN 1 THEN 'One review waits' ELSE "
	"reviews_waiting || ' reviews wait' END) FROM o WHERE reviews_waiting > 0 "
	"UNION ALL SELECT 'warning', 6, 'There is nothing to compare with: weir.set_baseline.' FROM weir.monitors WHERE monitor = "
	"@monitor AND baseline IS NULL) "
	"SELECT severity, advice FROM (SELECT severity, advice, place FROM a UNION ALL "
	"SELECT CASE WHEN EXISTS (SELECT FROM s) THEN 'ok' ELSE 'unknown' END, "
	"CASE WHEN EXISTS (SELECT FROM s) THEN 'Nothing needs to be done.' ELSE 'No window could be judged yet.' END, 9 "
	"WHERE NOT EXISTS (SELECT FROM a)) x ORDER BY severity <> 'alert', place, advice";
