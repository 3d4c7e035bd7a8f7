-- report: results for people ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.sparkline(points float8[]) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_sparkline';
COMMENT ON FUNCTION weir.sparkline(float8[]) IS
    'One bar per number, from the lowest (U+2581) for the smallest to the full one (U+2588) for the largest; where all are '
    'equal, the lowest. NULL, NaN and infinities are spaces. In a database that is not UTF-8 the bars are the digits 1 to 8.';

-- One line per monitor -----------------------------------------------------------------------------------------------------------------------

CREATE VIEW weir.monitor_work WITH (security_barrier) AS
    SELECT m.monitor, a.open_alerts, j.jobs_running, j.jobs_failed, r.reviews_waiting
    FROM weir.monitors m
    CROSS JOIN LATERAL (SELECT count(*) AS open_alerts FROM weir.alerts x WHERE x.monitor = m.monitor AND x.state <> 'resolved') a
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE x.state IN ('queued', 'running')) AS jobs_running,
            count(*) FILTER (WHERE x.state IN ('failed', 'dead') AND x.finished_at > now() - interval '7 days') AS jobs_failed
        FROM weir.jobs x WHERE x.model = m.model OR x.alert_id IN (SELECT y.alert_id FROM weir.alerts y WHERE y.monitor = m.monitor)
    ) j
    CROSS JOIN LATERAL (
        SELECT count(*) AS reviews_waiting FROM weir.reviews x
        WHERE x.state = 'open' AND (x.kind = 'model_version' AND starts_with(x.subject, m.model || '/')
            OR x.kind = 'alert' AND x.subject IN (SELECT y.alert_id::text FROM weir.alerts y WHERE y.monitor = m.monitor)
            OR x.review_id IN (SELECT y.review_id FROM weir.audit_runs y WHERE y.monitor = m.monitor))
    ) r;
COMMENT ON VIEW weir.monitor_work IS
    'What waits for somebody, per monitor that one may read: open_alerts: not resolved; jobs of its model or its alerts: jobs_running (or queued), jobs_failed (in 7 days, and not '
    'tried again); reviews_waiting: open ones of its model''s versions, its alerts and its audits; all as far as one may see them.';
GRANT SELECT ON weir.monitor_work TO PUBLIC;

-- A function of its own, for what it joins looks expensive to the planner, and is never worth being compiled.
CREATE FUNCTION weir._overview(monitor text, since timestamptz, until timestamptz)
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, n bigint, is_final boolean, status text, n_columns bigint, n_drifted bigint, worst_column name, worst_metric text,
        worst_value float8, worst_threshold float8, worst_verdict text, fairness_column name, fairness_metric text, fairness_value float8, fairness_verdict text,
        verdict text, verdict_family text, verdict_subject text, verdict_metric text, verdict_value float8, open_alerts bigint, jobs_running bigint, jobs_failed bigint,
        reviews_waiting bigint)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 1 SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    SELECT w.window_start, w.window_end, w.n, w.is_final, w.status, d.n_columns, d.n_drifted, d.worst_column, d.worst_metric, d.worst_value, d.worst_threshold, d.worst_verdict,
        f.fairness_column, f.fairness_metric, f.fairness_value, f.fairness_verdict, v.verdict, CASE WHEN v.is_bad THEN v.family END, CASE WHEN v.is_bad THEN v.subject END,
        CASE WHEN v.is_bad THEN v.metric END, CASE WHEN v.is_bad THEN v.value END, k.open_alerts, k.jobs_running, k.jobs_failed, k.reviews_waiting
    FROM weir.monitor_work k
    LEFT JOIN LATERAL (
        SELECT * FROM weir.windows($1, since => $2, until => $3) x
        WHERE x.segment IS NULL AND x.n > 0 ORDER BY x.is_final DESC, x.window_start DESC LIMIT 1
    ) w ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS n_columns, count(*) FILTER (WHERE x.verdict IN ('warning', 'alert')) AS n_drifted,
            (array_agg(x.column_name ORDER BY x.value / x.threshold DESC NULLS LAST, x.column_name))[1] AS worst_column,
            (array_agg(x.metric ORDER BY x.value / x.threshold DESC NULLS LAST, x.column_name))[1] AS worst_metric,
            (array_agg(x.value ORDER BY x.value / x.threshold DESC NULLS LAST, x.column_name))[1] AS worst_value,
            (array_agg(x.threshold ORDER BY x.value / x.threshold DESC NULLS LAST, x.column_name))[1] AS worst_threshold,
            (array_agg(x.verdict ORDER BY x.value / x.threshold DESC NULLS LAST, x.column_name))[1] AS worst_verdict
        FROM weir.drift_scores($1, since => w.window_start, until => w.window_end) x
        WHERE x.is_primary AND x.segment IS NULL AND x.window_start = w.window_start AND x.status = 'ok'
    ) d ON w.window_start IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT x.protected AS fairness_column, x.metric AS fairness_metric, x.value AS fairness_value, x.verdict AS fairness_verdict
        FROM weir.fairness_scores($1, since => w.window_start, until => w.window_end) x
        WHERE x.is_primary AND x.segment IS NULL AND x.window_start = w.window_start
        ORDER BY array_position(ARRAY['alert', 'warning', 'ok'], x.verdict) NULLS LAST, x.protected LIMIT 1
    ) f ON w.window_start IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT x.verdict, nullif(x.verdict, 'ok') IS NOT NULL AS is_bad, x.family, x.subject, x.metric, x.value
        FROM weir.scores($1, since => w.window_start, until => w.window_end) x
        WHERE x.segment IS NULL AND x.window_start = w.window_start AND x.verdict IS NOT NULL
        ORDER BY x.verdict = 'alert' DESC, x.verdict = 'warning' DESC,
            -- Scores by which one decides, before the many others.
            CASE x.family WHEN 'drift' THEN x.subject = d.worst_column AND x.metric = d.worst_metric WHEN 'fairness' THEN x.subject = f.fairness_column AND x.metric = f.fairness_metric
                WHEN 'performance' THEN x.metric = ANY ('{roc_auc,balanced_accuracy,macro_f1,mean_absolute_error}') ELSE false END IS TRUE DESC,
            array_position(ARRAY['performance', 'fairness', 'drift'], x.family) NULLS LAST,
            x.value / nullif(x.threshold, 0) DESC NULLS LAST, x.subject, x.metric
        LIMIT 1
    ) v ON w.window_start IS NOT NULL
    WHERE k.monitor = $1;
END;
COMMENT ON FUNCTION weir._overview(text, timestamptz, timestamptz) IS
    'What weir.overview says of a monitor and of its last final window (before there is one, the last) among those that begin in [since, until). Internal.';

CREATE VIEW weir.overview WITH (security_barrier) AS
    SELECT m.monitor, m.state, o.window_start, o.n, o.is_final, o.verdict, o.verdict_family, o.verdict_subject, o.verdict_metric, o.verdict_value,
        o.open_alerts, c.state AS capture, c.lag AS capture_lag, o.jobs_running, o.jobs_failed, o.reviews_waiting,
        m.source, now() - m.watermark AS lag, o.window_end, o.status,
        o.n_columns, o.n_drifted, o.worst_column, o.worst_metric, o.worst_value, o.worst_threshold, o.worst_verdict,
        o.fairness_column, o.fairness_metric, o.fairness_value, o.fairness_verdict, m.baseline
    FROM weir.monitors m
    -- However long ago the last final window was, and whatever rows of the future there are, only the windows from the last rows that are surely final on are read.
    LEFT JOIN LATERAL weir._overview(m.monitor,
        CASE WHEN coalesce(m.final_rows_at, m.last_rows_at) >= timestamptz '4600-01-01 00:00:00+00 BC' THEN coalesce(m.final_rows_at, m.last_rows_at) - m.window_size END,
        CASE WHEN m.final_rows_at IS NOT NULL THEN greatest(m.watermark, now()) END) o ON true
    LEFT JOIN LATERAL (SELECT x.state, x.lag FROM weir.capture_status x WHERE x.database = current_database() LIMIT 1) c ON true;
COMMENT ON VIEW weir.overview IS
    'One line per monitor that one may read, for \watch: its state; its last final window (before there is one, the last) with its rows; verdict: the worst of all scores in it (primary ones first; alert, '
    'warning, ok; NULL: nothing could be judged), and, where it is not ok, its family, subject, metric and value; open_alerts: not resolved; capture and capture_lag: of the '
    'stream; jobs_running, jobs_failed, reviews_waiting: as in weir.monitor_work; lag (now minus the watermark); how many columns drift in the window and the worst of them relative to its threshold; the worst fairness among '
    'the protected columns.';
GRANT SELECT ON weir.overview TO PUBLIC;

-- Two distributions side by side, for pictures ---------------------------------------------------------------------------------------------------

CREATE FUNCTION weir._shown_value(value float8, unit text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN unit LIKE '%1970%' AND abs(value) < 1e11 THEN to_char(to_timestamp(value) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
                WHEN value = 0 THEN '0'
                WHEN value IN ('NaN', 'Infinity', '-Infinity') THEN value::text
                WHEN abs(value) >= 1e9 OR abs(value) < 1e-4 THEN to_char(value, 'FM9.999EEEE')
                ELSE trim_scale(round(value::numeric, greatest(0, 3 - floor(log(abs(value)))::int)))::text END;
COMMENT ON FUNCTION weir._shown_value(float8, text) IS 'A number of a summary as people read it: four digits, times as such (UTC). Internal.';

CREATE FUNCTION weir._paired_shares(baseline weir.summary, current weir.summary, n_bins int, n_categories int)
    RETURNS TABLE (place int, label text, is_category boolean, axis_low text, axis_high text, baseline_share float8, current_share float8)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 16
BEGIN ATOMIC
    -- The kind decides inside the arguments: those of constants are computed while the query is planned.
    WITH k AS (SELECT weir.kind(baseline) AS kind, weir.unit(baseline) AS unit),
    ends AS (
        SELECT n.unit, least(weir.quantile(n.b, 0.005), weir.quantile(n.c, 0.005)) AS low, greatest(weir.quantile(n.b, 0.995), weir.quantile(n.c, 0.995)) AS high
        FROM (SELECT k.unit, CASE WHEN k.kind = 'numeric' THEN baseline END AS b, CASE WHEN k.kind = 'numeric' THEN current END AS c FROM k) n
    ), axis AS (
        -- A part of the smallest numbers is none.
        SELECT e.unit, CASE WHEN abs(e.low) < 1e-290 THEN 0 ELSE e.low END AS low, CASE WHEN abs(e.high) < 1e-290 THEN 0 ELSE e.high END AS high FROM ends e
    ), bins AS (
        -- Weights, not a difference, which may be beyond what a number holds.
        SELECT i, axis.*, axis.low * (1 - (i - 1) / n_bins::float8) + axis.high * ((i - 1) / n_bins::float8) AS lower,
            axis.low * (1 - i / n_bins::float8) + axis.high * (i / n_bins::float8) AS upper
        FROM axis, generate_series(1, n_bins) i WHERE axis.low IS NOT NULL
    ), named AS (
        SELECT u.value, row_number() OVER (ORDER BY max(u.share) DESC, u.value) AS place
        FROM k CROSS JOIN LATERAL (SELECT * FROM weir.top(CASE WHEN k.kind = 'category' THEN baseline END, n_categories)
                                   UNION ALL SELECT * FROM weir.top(CASE WHEN k.kind = 'category' THEN current END, n_categories)) u
        GROUP BY u.value ORDER BY 2 LIMIT n_categories
    ), categories AS (
        SELECT n.place, n.value, coalesce((weir.frequency(baseline, n.value)).share, 0) AS before, coalesce((weir.frequency(current, n.value)).share, 0) AS now FROM named n
    )
    SELECT b.i, weir._shown_value(b.lower, b.unit) || ' to ' || weir._shown_value(b.upper, b.unit), false, left(weir._shown_value(b.low, b.unit), 10),
        left(weir._shown_value(b.high, b.unit), 10),
        CASE b.i WHEN n_bins THEN 1 ELSE weir.cdf(baseline, b.upper) END - CASE b.i WHEN 1 THEN 0 ELSE weir.cdf(baseline, b.lower) END,
        CASE b.i WHEN n_bins THEN 1 ELSE weir.cdf(current, b.upper) END - CASE b.i WHEN 1 THEN 0 ELSE weir.cdf(current, b.lower) END
    FROM bins b
    UNION ALL
    SELECT c.place, left(c.value, 60), true, NULL, NULL, c.before, c.now FROM categories c
    UNION ALL
    SELECT r.n + 1, '(all others)', true, NULL, NULL, r.before, r.now
    FROM (SELECT count(*)::int AS n, 1 - sum(c.before) AS before, 1 - sum(c.now) AS now FROM categories c) r WHERE r.before > 0.0005 OR r.now > 0.0005;
END;
COMMENT ON FUNCTION weir._paired_shares(weir.summary, weir.summary, int, int) IS
    'What a picture of two distributions shows: of numbers so many bins of equal width from the 0.5th to the 99.5th percentile of both sides, what lies beyond in the first '
    'and the last; of categories the most frequent of either side, and the others together. Shares of the values that are there. No rows of vectors. Internal.';

-- Reports ------------------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.report_text(monitor text) RETURNS text
    LANGUAGE c STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS 'MODULE_PATHNAME', 'weir_report_text';
COMMENT ON FUNCTION weir.report_text(text) IS
    'One screen about a monitor, for terminals: the verdict of its last final window (before there is one, the last) and what to do; per column the primary drift score, its '
    'threshold, its verdict and its course over the last windows (up to 30: lines have at most 79 places); the primary fairness and performance scores; open alerts. '
    'All of it is read from weir''s views as the caller, so it shows what he may see. Control characters in names are shown as ?. Errors: 42704 no such monitor, 42501 not readable.';

CREATE FUNCTION weir.report_html(monitor text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS text
    LANGUAGE c STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS 'MODULE_PATHNAME', 'weir_report_html';
COMMENT ON FUNCTION weir.report_html(text, timestamptz, timestamptz) IS
    'A page about a monitor in one HTML file, which needs no network and no script to be read: the verdict of its last final window and what to do, drift per column, a timeline, '
    'fairness, performance, data quality, alerts, jobs, model versions, reviews, state of capture, each with the query it came from. All of it is read from weir''s views as the caller, so it '
    'shows what he may see; values of personal columns are withheld. since, until: windows that begin in [since, until); NULL: the last 90 windows. The encoding is that of '
    'the client. Errors: 42704 no such monitor, 42501 not readable, 54000 more than 1000 windows.';

-- Comparisons --------------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.compare_html(baseline text, current text, columns text[] DEFAULT NULL, adjust text DEFAULT 'none', options jsonb DEFAULT '{}') RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_compare_html';
COMMENT ON FUNCTION weir.compare_html(text, text, text[], text, jsonb) IS
    'A page about the drift between two tables or queries in one HTML file, which needs no network and no script to be read: how many columns drift and what to do; per column, the '
    'worst first, both distributions, the primary score, its threshold and verdict, missing values; then for each column statistics of both sides beside each other, categories '
    'that are new, gone or changed most, all scores, and the queries behind them. Arguments and errors as in weir.compare; each side is read once, as the caller. Of columns '
    'that show values of personal or sensitive ones (weir.classify_column), directly or through views, subqueries and expressions, distributions, statistics and categories are withheld; '
    'scores and counts stay. The encoding is that of the client.';

CREATE FUNCTION weir.compare_html(baseline weir.summary, current weir.summary, name text DEFAULT 'values', options jsonb DEFAULT '{}') RETURNS text
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'weir_compare_summaries_html';
COMMENT ON FUNCTION weir.compare_html(weir.summary, weir.summary, text, jsonb) IS
    'The same page about two summaries, as one column of this name. options as in weir.drift. A summary tells nothing of where its values came from: it is for the caller to know whether '
    'they are personal. Errors: 22004 a summary is NULL, 42804 summaries of different kinds.';

-- Fairness and audits -------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.fairness_html(f weir.fairness_table, title text DEFAULT 'Fairness', reference text DEFAULT NULL, metrics text[] DEFAULT NULL, min_group_size int DEFAULT 30,
    confidence float8 DEFAULT 0.95, rule text DEFAULT 'four_fifths', thresholds jsonb DEFAULT NULL, adjust text DEFAULT 'holm', small_groups text DEFAULT 'mark') RETURNS text
    LANGUAGE c STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS 'MODULE_PATHNAME', 'weir_fairness_html';
COMMENT ON FUNCTION weir.fairness_html(weir.fairness_table, text, text, text[], int, float8, text, jsonb, text, text) IS
    'A page about the fairness of decisions in one HTML file, which needs no network and no script to be read: which groups are treated differently by the rule, metrics over all '
    'groups, rates by group, and differences from and ratios to the reference group, each with its interval drawn against the threshold, and the queries behind them. Arguments, '
    'columns and errors as in weir.fairness_metrics; title: the heading. Names of groups are shown, being what fairness is about; small_groups => ''suppress'' withholds the '
    'counts and rates of groups below min_group_size. 22004: f is NULL.';

CREATE FUNCTION weir.audit_html(run_id bigint) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS 'MODULE_PATHNAME', 'weir_audit_html';
COMMENT ON FUNCTION weir.audit_html(bigint) IS
    'A page about one run of a periodic audit (weir.audit_runs) in one HTML file: verdict, findings with the range that each metric had in the windows of the audit, the decisions of its '
    'sign-off, the other runs, and the queries behind them. Read from weir''s views as the caller. Error: 42704 no such run, or none that one may see.';

-- Models ---------------------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.model_html(model text, version int DEFAULT NULL) RETURNS text
    LANGUAGE c STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS 'MODULE_PATHNAME', 'weir_model_html';
COMMENT ON FUNCTION weir.model_html(text, int) IS
    'A model''s card as a page in one HTML file, which needs no network and no script to be read: what waits to be done, purpose and what weir.describe_model recorded, versions and which '
    'alias meant which when, metrics and evaluations of the version (NULL: the champion, before there is one the newest), performance and fairness over the last 90 windows of its monitors, '
    'lineage, reviews, audits, complaints by group, jobs, each with the query it came from. Read from weir''s views as the caller; weir.model_card gives the same in Markdown. Errors: 42704 '
    'no such model or version.';
