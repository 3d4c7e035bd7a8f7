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

CREATE VIEW weir.overview WITH (security_barrier) AS
    SELECT m.monitor, m.state, w.window_start, w.n, w.is_final,
        v.verdict, CASE WHEN v.is_bad THEN v.family END AS verdict_family, CASE WHEN v.is_bad THEN v.subject END AS verdict_subject,
        CASE WHEN v.is_bad THEN v.metric END AS verdict_metric, CASE WHEN v.is_bad THEN v.value END AS verdict_value,
        k.open_alerts, c.state AS capture, c.lag AS capture_lag, k.jobs_running, k.jobs_failed, k.reviews_waiting,
        m.source, now() - m.watermark AS lag, w.window_end, w.status,
        d.n_columns, d.n_drifted, d.worst_column, d.worst_metric, d.worst_value, d.worst_threshold, d.worst_verdict,
        f.fairness_column, f.fairness_metric, f.fairness_value, f.fairness_verdict, m.baseline
    FROM weir.monitors m
    LEFT JOIN LATERAL (
        -- The last final window; before there is one, the last.
        SELECT * FROM weir.windows(m.monitor, since => CASE WHEN m.watermark >= timestamptz '4600-01-01 00:00:00+00 BC'
                                                        THEN m.watermark - 4 * m.window_size - m.lateness END) x
        WHERE x.segment IS NULL AND x.n > 0 ORDER BY x.is_final DESC, x.window_start DESC LIMIT 1
    ) w ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS n_columns, count(*) FILTER (WHERE x.verdict IN ('warning', 'alert')) AS n_drifted,
            (array_agg(x.column_name ORDER BY x.value / x.threshold DESC NULLS LAST, x.column_name))[1] AS worst_column,
            (array_agg(x.metric ORDER BY x.value / x.threshold DESC NULLS LAST, x.column_name))[1] AS worst_metric,
            (array_agg(x.value ORDER BY x.value / x.threshold DESC NULLS LAST, x.column_name))[1] AS worst_value,
            (array_agg(x.threshold ORDER BY x.value / x.threshold DESC NULLS LAST, x.column_name))[1] AS worst_threshold,
            (array_agg(x.verdict ORDER BY x.value / x.threshold DESC NULLS LAST, x.column_name))[1] AS worst_verdict
        FROM weir.drift_scores(m.monitor, since => w.window_start, until => w.window_end) x
        WHERE x.is_primary AND x.segment IS NULL AND x.window_start = w.window_start AND x.status = 'ok'
    ) d ON w.window_start IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT x.protected AS fairness_column, x.metric AS fairness_metric, x.value AS fairness_value, x.verdict AS fairness_verdict
        FROM weir.fairness_scores(m.monitor, since => w.window_start, until => w.window_end) x
        WHERE x.is_primary AND x.segment IS NULL AND x.window_start = w.window_start
        ORDER BY array_position(ARRAY['alert', 'warning', 'ok'], x.verdict) NULLS LAST, x.protected LIMIT 1
    ) f ON w.window_start IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT x.verdict, nullif(x.verdict, 'ok') IS NOT NULL AS is_bad, x.family, x.subject, x.metric, x.value
        FROM weir.scores(m.monitor, since => w.window_start, until => w.window_end) x
        WHERE x.segment IS NULL AND x.window_start = w.window_start AND x.verdict IS NOT NULL
        ORDER BY x.verdict = 'alert' DESC, x.verdict = 'warning' DESC, array_position(ARRAY['performance', 'fairness', 'drift'], x.family) NULLS LAST,
            x.value / nullif(x.threshold, 0) DESC NULLS LAST, x.subject, x.metric
        LIMIT 1
    ) v ON w.window_start IS NOT NULL
    LEFT JOIN weir.capture_status c ON c.database = current_database()
    JOIN weir.monitor_work k ON k.monitor = m.monitor;
COMMENT ON VIEW weir.overview IS
    'One line per monitor that one may read, for \watch: its state; its last final window (before there is one, the last) with its rows; verdict: the worst of all scores in it (alert, '
    'warning, ok; NULL: nothing could be judged), and, where it is not ok, its family, subject, metric and value; open_alerts: not resolved; capture and capture_lag: of the '
    'stream; jobs_running, jobs_failed, reviews_waiting: as in weir.monitor_work; lag (now minus the watermark); how many columns drift in the window and the worst of them relative to its threshold; the worst fairness among '
    'the protected columns.';
GRANT SELECT ON weir.overview TO PUBLIC;

-- Reports ------------------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.report_text(monitor text) RETURNS text
    LANGUAGE c STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS 'MODULE_PATHNAME', 'weir_report_text';
COMMENT ON FUNCTION weir.report_text(text) IS
    'One screen about a monitor, for terminals: the verdict of its last final window (before there is one, the last) and what to do; per column the primary drift score, its '
    'threshold, its verdict and its course over the last 30 windows; the primary fairness and performance scores; open alerts. All of it is read from weir''s views as the caller, so it '
    'shows what he may see. Control characters in names are shown as ?. Errors: 42704 no such monitor, 42501 not readable.';

CREATE FUNCTION weir.report_html(monitor text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS text
    LANGUAGE c STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS 'MODULE_PATHNAME', 'weir_report_html';
COMMENT ON FUNCTION weir.report_html(text, timestamptz, timestamptz) IS
    'A page about a monitor in one HTML file, which needs no network and no script to be read: the verdict of its last final window and what to do, drift per column, a timeline, '
    'fairness, performance, data quality, alerts, jobs, model versions, reviews, state of capture, each with the query it came from. All of it is read from weir''s views as the caller, so it '
    'shows what he may see; values of personal columns are withheld. since, until: windows that begin in [since, until); NULL: the last 90 windows. The encoding is that of '
    'the client. Errors: 42704 no such monitor, 42501 not readable, 54000 more than 1000 windows.';
