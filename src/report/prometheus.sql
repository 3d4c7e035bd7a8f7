-- report: the state of everything for Prometheus -----------------------------------------------------------------------------------------------

-- Labels of one sample: names and values by turns; what is NULL is left out, as an empty label is no label.
CREATE FUNCTION weir._prometheus_labels(VARIADIC pairs text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT '{' || string_agg(pairs[i] || '="' || replace(replace(replace(pairs[i + 1], E'\\', E'\\\\'), '"', E'\\"'), E'\n', E'\\n') || '"', ',' ORDER BY i) || '}'
            FROM generate_series(1, cardinality(pairs), 2) i WHERE pairs[i + 1] IS NOT NULL);
COMMENT ON FUNCTION weir._prometheus_labels(text[]) IS 'Labels in Prometheus''s exposition format. Internal.';

CREATE FUNCTION weir._severity_number(verdict text) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN CASE verdict WHEN 'ok' THEN 0 WHEN 'warning' THEN 1 WHEN 'alert' THEN 2 END;
COMMENT ON FUNCTION weir._severity_number(text) IS 'A verdict as a number: 0 ok, 1 warning, 2 alert. Internal.';

-- ---- the newest scores, one row each: what exporters read -----------------------------------------------------------------------------------

CREATE VIEW weir.current_scores WITH (security_barrier) AS
    WITH o AS MATERIALIZED (SELECT monitor, window_start, window_end FROM weir.overview WHERE window_start IS NOT NULL)
    SELECT o.monitor, x.window_start, x.window_end, 'drift' AS family, x.column_name::text AS subject, x.metric, false AS is_estimate, x.value, x.threshold, x.n, x.is_primary,
        x.verdict, x.is_final, x.status
    FROM o CROSS JOIN LATERAL weir.drift_scores(o.monitor, since => o.window_start, until => o.window_end) x
    WHERE x.segment IS NULL AND x.window_start = o.window_start
    UNION ALL
    SELECT o.monitor, x.window_start, x.window_end, 'fairness', x.protected::text, x.metric, false, x.value, x.threshold, x.n, x.is_primary, x.verdict, x.is_final, x.status
    FROM o CROSS JOIN LATERAL weir.fairness_scores(o.monitor, since => o.window_start, until => o.window_end) x
    WHERE x.segment IS NULL AND x.group_name IS NULL AND x.window_start = o.window_start
    UNION ALL
    SELECT o.monitor, x.window_start, x.window_end, 'performance', NULL, x.metric, x.is_estimate, x.value, x.threshold, x.n, x.is_primary, x.verdict, x.is_final, x.status
    FROM o CROSS JOIN LATERAL weir.performance_scores(o.monitor, since => o.window_start, until => o.window_end) x
    WHERE x.segment IS NULL AND x.is_estimate AND x.window_start = o.window_start
    UNION ALL
    -- Labels come late: what they say is of the newest window in which some have arrived.
    SELECT o.monitor, x.window_start, x.window_end, 'performance', NULL, x.metric, false, x.value, x.threshold, x.n, x.is_primary, x.verdict, x.is_final, x.status
    FROM o JOIN weir.monitor m ON m.name = o.monitor
    CROSS JOIN LATERAL (SELECT p.pane_start, coalesce(p.pane_end, p.pane_start + m.pane_size) AS pane_end FROM weir.pane p
                        WHERE p.monitor_id = m.monitor_id AND p.generation = 0 AND p.pane_start < o.window_end AND p.n_labelled > 0
                        ORDER BY p.pane_start DESC LIMIT 1) l
    CROSS JOIN LATERAL (SELECT w.window_start, w.window_end FROM weir.windows(o.monitor, since => l.pane_start - m.window_size, until => least(l.pane_end, o.window_end)) w
                        WHERE w.segment IS NULL AND w.n_labelled > 0 ORDER BY w.window_start DESC LIMIT 1) w
    CROSS JOIN LATERAL weir.performance_scores(o.monitor, since => w.window_start, until => w.window_end) x
    WHERE x.segment IS NULL AND NOT x.is_estimate AND x.window_start = w.window_start
    UNION ALL
    SELECT o.monitor, x.window_start, x.window_end, 'quality', x.column_name::text, x.metric, false, x.value, x.threshold, x.n, NULL, x.verdict, x.is_final, x.status
    FROM o CROSS JOIN LATERAL weir.quality_scores(o.monitor, since => o.window_start, until => o.window_end) x
    WHERE x.segment IS NULL AND x.window_start = o.window_start;
COMMENT ON VIEW weir.current_scores IS
    'The scores of the last final window (before there is one, of the last) of every monitor that one may read, over all rows: of family drift (subject: the column), fairness (the protected '
    'column; over all its groups), performance (is_estimate: without labels; those with labels are of the newest window that has some) and quality (the column, or NULL). For tables and exporters; '
    'other columns as in weir.scores.';
GRANT SELECT ON weir.current_scores TO PUBLIC;

-- ---- exposition format -------------------------------------------------------------------------------------------------------------------------

CREATE VIEW weir.prometheus_metrics WITH (security_barrier) AS
    WITH o AS MATERIALIZED (SELECT * FROM weir.overview), s AS MATERIALIZED (SELECT * FROM weir.current_scores WHERE value IS NOT NULL OR family = 'quality'),
    family (ordinal, metric, type, help) AS (VALUES
        (1, 'weir_info', 'gauge', 'Version of the extension.'),
        (10, 'weir_capture_up', 'gauge', 'Whether capture follows the stream of changes (1) or not (0).'),
        (11, 'weir_capture_state_info', 'gauge', 'State of capture, as in weir.capture_status.'),
        (12, 'weir_capture_lag_bytes', 'gauge', 'Write-ahead log that capture has still to read.'),
        (13, 'weir_capture_lag_seconds', 'gauge', 'Time since capture was last level with the write-ahead log.'),
        (14, 'weir_capture_rows_total', 'counter', 'Changes folded into panes.'),
        (15, 'weir_capture_memory_bytes', 'gauge', 'Memory of the capture worker.'),
        (16, 'weir_capture_wal_kept_bytes', 'gauge', 'Write-ahead log that the slot keeps.'),
        (17, 'weir_capture_wal_budget_bytes', 'gauge', 'Write-ahead log that the slot may keep (weir.max_wal).'),
        (18, 'weir_capture_spill_bytes', 'gauge', 'Changes of large transactions on disk.'),
        (19, 'weir_capture_xmin_age_transactions', 'gauge', 'For how many transactions the slot holds back vacuum of the catalogs.'),
        (20, 'weir_capture_gaps', 'gauge', 'Stretches of the stream that were missed and are not healed yet.'),
        (21, 'weir_capture_last_commit_timestamp_seconds', 'gauge', 'When the last change that was folded was committed.'),
        (30, 'weir_monitor_state_info', 'gauge', 'State of the monitor: starting, building, active or disabled.'),
        (31, 'weir_monitor_lag_seconds', 'gauge', 'Now minus the latest event time seen: how fresh the data are.'),
        (32, 'weir_monitor_watermark_timestamp_seconds', 'gauge', 'The latest event time seen.'),
        (33, 'weir_monitor_last_change_timestamp_seconds', 'gauge', 'When the last change was captured.'),
        (34, 'weir_monitor_untimed_rows_total', 'counter', 'Rows left out because their time is NULL or infinite.'),
        (35, 'weir_monitor_window_start_timestamp_seconds', 'gauge', 'Where the last final window begins; the scores are of it.'),
        (36, 'weir_monitor_window_end_timestamp_seconds', 'gauge', 'Where the last final window ends.'),
        (37, 'weir_monitor_window_rows', 'gauge', 'Rows in the last final window.'),
        (38, 'weir_monitor_verdict', 'gauge', 'The worst verdict of the last final window: 0 ok, 1 warning, 2 alert.'),
        (39, 'weir_monitor_columns', 'gauge', 'Columns whose drift could be judged.'),
        (40, 'weir_monitor_drifted_columns', 'gauge', 'Columns that drift (warning or alert).'),
        (41, 'weir_monitor_open_alerts', 'gauge', 'Alerts that are not resolved.'),
        (42, 'weir_monitor_running_jobs', 'gauge', 'Jobs of its model or its alerts that run or wait.'),
        (43, 'weir_monitor_failed_jobs', 'gauge', 'Jobs of its model or its alerts that have failed in 7 days.'),
        (44, 'weir_monitor_waiting_reviews', 'gauge', 'Reviews that wait for somebody.'),
        (50, 'weir_storage_panes', 'gauge', 'Panes kept.'),
        (51, 'weir_storage_rows', 'gauge', 'Rows folded into the panes kept.'),
        (52, 'weir_storage_bytes', 'gauge', 'Size of the panes kept.'),
        (60, 'weir_drift_score', 'gauge', 'Primary drift score of the column in the last final window.'),
        (61, 'weir_drift_threshold', 'gauge', 'From which score on it alerts.'),
        (62, 'weir_drift_verdict', 'gauge', 'Verdict: 0 ok, 1 warning, 2 alert.'),
        (63, 'weir_fairness_score', 'gauge', 'Fairness over the groups of the protected column in the last final window.'),
        (64, 'weir_fairness_threshold', 'gauge', 'From where on it alerts.'),
        (65, 'weir_fairness_verdict', 'gauge', 'Verdict: 0 ok, 1 warning, 2 alert.'),
        (66, 'weir_performance_score', 'gauge', 'Performance in the last final window (estimated) or the newest one with labels.'),
        (67, 'weir_performance_threshold', 'gauge', 'From where on it alerts.'),
        (68, 'weir_performance_verdict', 'gauge', 'Verdict: 0 ok, 1 warning, 2 alert.'),
        (69, 'weir_quality_checks', 'gauge', 'Checks of data quality in the last final window by verdict.'),
        (70, 'weir_alerts_open', 'gauge', 'Alerts that are not resolved, by severity and state.'),
        (80, 'weir_model_jobs', 'gauge', 'Jobs by state, as long as they are kept (weir.job_retention).'),
        (81, 'weir_model_latest_version', 'gauge', 'The newest version of the model.'),
        (82, 'weir_model_alias_version', 'gauge', 'The version that the alias means.'),
        (90, 'weir_build_done_ratio', 'gauge', 'Share of the rows that a build under way has read.'),
        (91, 'weir_build_left_seconds', 'gauge', 'Time left of a build under way, at its present rate.')
    ),
    sample (metric, labels, value) AS (
        SELECT 'weir_info', weir._prometheus_labels('database', current_database(), 'version', extversion), 1::float8 FROM pg_extension WHERE extname = 'weir'
        UNION ALL
        SELECT x.metric, weir._prometheus_labels('database', c.database, 'state', x.state), x.value
        FROM weir.capture_status c, LATERAL (VALUES
            ('weir_capture_up', NULL, (c.state IN ('streaming', 'catching up'))::int::float8), ('weir_capture_state_info', c.state, 1), ('weir_capture_lag_bytes', NULL, c.lag_bytes),
            ('weir_capture_lag_seconds', NULL, extract(epoch FROM c.lag)), ('weir_capture_rows_total', NULL, c.rows_total), ('weir_capture_memory_bytes', NULL, c.memory_bytes),
            ('weir_capture_wal_kept_bytes', NULL, c.wal_kept_bytes), ('weir_capture_wal_budget_bytes', NULL, c.wal_budget_bytes), ('weir_capture_spill_bytes', NULL, c.spill_bytes),
            ('weir_capture_xmin_age_transactions', NULL, c.xmin_age), ('weir_capture_gaps', NULL, c.gaps),
            ('weir_capture_last_commit_timestamp_seconds', NULL, extract(epoch FROM c.last_commit_at))) x (metric, state, value)
        UNION ALL
        SELECT x.metric, weir._prometheus_labels('database', current_database(), 'monitor', o.monitor, 'state', x.state), x.value
        FROM o JOIN weir.monitors m ON m.monitor = o.monitor, LATERAL (VALUES
            ('weir_monitor_state_info', o.state, 1::float8), ('weir_monitor_lag_seconds', NULL, extract(epoch FROM o.lag)),
            ('weir_monitor_watermark_timestamp_seconds', NULL, extract(epoch FROM m.watermark)), ('weir_monitor_last_change_timestamp_seconds', NULL, extract(epoch FROM m.last_change_at)),
            ('weir_monitor_untimed_rows_total', NULL, m.n_untimed), ('weir_monitor_window_start_timestamp_seconds', NULL, extract(epoch FROM o.window_start)),
            ('weir_monitor_window_end_timestamp_seconds', NULL, extract(epoch FROM o.window_end)), ('weir_monitor_window_rows', NULL, o.n),
            ('weir_monitor_verdict', NULL, weir._severity_number(o.verdict)), ('weir_monitor_columns', NULL, o.n_columns), ('weir_monitor_drifted_columns', NULL, o.n_drifted),
            ('weir_monitor_open_alerts', NULL, o.open_alerts), ('weir_monitor_running_jobs', NULL, o.jobs_running), ('weir_monitor_failed_jobs', NULL, o.jobs_failed),
            ('weir_monitor_waiting_reviews', NULL, o.reviews_waiting)) x (metric, state, value)
        UNION ALL
        SELECT x.metric, weir._prometheus_labels('database', current_database(), 'monitor', p.monitor), x.value
        FROM (SELECT monitor, sum(panes) AS panes, sum(n) AS n, sum(bytes) AS bytes FROM weir.monitor_storage GROUP BY monitor) p,
            LATERAL (VALUES ('weir_storage_panes', p.panes), ('weir_storage_rows', p.n), ('weir_storage_bytes', p.bytes)) x (metric, value)
        UNION ALL
        SELECT 'weir_' || s.family || x.part, weir._prometheus_labels('database', current_database(), 'monitor', s.monitor, CASE s.family WHEN 'drift' THEN 'column_name' ELSE 'protected' END,
                s.subject, 'metric', s.metric, 'is_estimate', CASE s.family WHEN 'performance' THEN s.is_estimate::text END), x.value
        FROM s, LATERAL (VALUES ('_score', s.value), ('_threshold', s.threshold), ('_verdict', weir._severity_number(s.verdict))) x (part, value)
        WHERE s.family = 'drift' AND s.is_primary OR s.family IN ('fairness', 'performance')
        UNION ALL
        SELECT 'weir_quality_checks', weir._prometheus_labels('database', current_database(), 'monitor', o.monitor, 'verdict', v.verdict), count(s.metric)
        FROM o CROSS JOIN unnest(ARRAY['ok', 'warning', 'alert']) v (verdict)
        LEFT JOIN s ON s.monitor = o.monitor AND s.family = 'quality' AND s.verdict = v.verdict GROUP BY o.monitor, v.verdict
        UNION ALL
        SELECT 'weir_alerts_open', weir._prometheus_labels('database', current_database(), 'monitor', a.monitor, 'severity', a.severity, 'state', a.state), count(*)
        FROM weir.alerts a WHERE a.state <> 'resolved' GROUP BY a.monitor, a.severity, a.state
        UNION ALL
        SELECT 'weir_model_jobs', weir._prometheus_labels('database', current_database(), 'model', t.model, 'trainer', t.trainer, 'state', x.state),
            (SELECT count(*) FROM weir.jobs j WHERE j.trainer = t.trainer AND j.state = x.state)
        FROM weir.trainers t, unnest(ARRAY['queued', 'running', 'succeeded', 'failed', 'dead', 'cancelled']) x (state)
        UNION ALL
        SELECT 'weir_model_latest_version', weir._prometheus_labels('database', current_database(), 'model', m.model), m.latest_version FROM weir.models m
        UNION ALL
        SELECT 'weir_model_alias_version', weir._prometheus_labels('database', current_database(), 'model', a.model, 'alias', a.alias), a.version
        FROM weir.model_aliases a WHERE a.until IS NULL
        UNION ALL
        SELECT x.metric, weir._prometheus_labels('database', current_database(), 'monitor', b.monitor, 'build_id', b.build_id::text, 'kind', b.kind), x.value
        FROM weir.progress b, LATERAL (VALUES ('weir_build_done_ratio', b.share_done), ('weir_build_left_seconds', extract(epoch FROM b.time_left))) x (metric, value)
        WHERE b.finished_at IS NULL
    )
    SELECT l.line
    FROM (
        SELECT f.ordinal, 0 AS place, '' AS labels, l.line
        FROM family f, LATERAL (VALUES (format(E'# HELP %s %s', f.metric, f.help)), (format('# TYPE %s %s', f.metric, f.type))) l (line)
        WHERE EXISTS (SELECT FROM sample x WHERE x.metric = f.metric AND x.value IS NOT NULL)
        UNION ALL
        SELECT f.ordinal, 1, x.labels, x.metric || coalesce(x.labels, '') || ' ' || CASE x.value WHEN 'Infinity' THEN '+Inf' WHEN '-Infinity' THEN '-Inf' ELSE x.value::text END
        FROM family f JOIN sample x ON x.metric = f.metric WHERE x.value IS NOT NULL
    ) l ORDER BY l.ordinal, l.place, l.labels COLLATE "C", l.line COLLATE "C";
COMMENT ON VIEW weir.prometheus_metrics IS
    'The state of capture, of every monitor that one may read, and of models and jobs, in Prometheus''s text format (version 0.0.4): one line a row, in order, with HELP and TYPE. '
    'Scores are of the last final window over all rows (weir.current_scores); verdicts are 0 ok, 1 warning, 2 alert; times are in seconds since 1970. Where there is no value, there is no line. '
    'weir.prometheus_text() gives it as one text.';
GRANT SELECT ON weir.prometheus_metrics TO PUBLIC;

CREATE FUNCTION weir.prometheus_text() RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off
    RETURN (SELECT string_agg(line, E'\n') || E'\n' FROM weir.prometheus_metrics);
COMMENT ON FUNCTION weir.prometheus_text() IS
    'weir.prometheus_metrics as one text, each line ended by a line feed: what a scrape returns, for servers that publish a function over HTTP. Content type: text/plain; version=0.0.4.';
