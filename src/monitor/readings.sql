-- monitor: windows and scores for everybody: functions, and the views over all monitors that one may read ------------------------------------

CREATE FUNCTION weir.may_read_rows(source regclass, time_column name, has_filter boolean) RETURNS boolean
    AS 'MODULE_PATHNAME', 'weir_may_read_rows' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.may_read_rows(regclass, name, boolean) IS
    'True when the current user may see a monitor with this source at all: SELECT on the time column (on the whole table when it '
    'has a filter), and no row-level security that would hide rows.';

CREATE FUNCTION weir.windows(monitor text, window_size interval DEFAULT NULL, slide interval DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, n bigint, n_labelled bigint, n_late bigint,
        is_final boolean, status text, updated_at timestamptz, label_share float8)
    AS 'MODULE_PATHNAME', 'weir_windows' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION weir.windows(text, interval, interval, timestamptz, timestamptz) IS
    'Windows of a monitor, those without rows between the first and the last one too (unless there are more than 10000 of them): n rows, n_labelled rows with a label (NULL when the caller may not read it), label_share: which share of n that is, in [0, 1], n_late rows that came '
    'after their window was final. status: ok, insufficient (n below option min_n), stale (a change could not be taken back from '
    'a pane: weir.rebuild mends it), gap (capture has missed changes and not healed yet), rolled_up (its panes are larger by now: nothing is known of it). monitor: as in weir.monitors. '
    'window_size, slide: other windows than the monitor''s own, made of the same panes; NULL: the monitor''s (slide NULL with a '
    'window_size given: windows that do not overlap). since, until: windows that begin in [since, until). Needs SELECT on the '
    'time column of the source, on the whole table when the monitor has a filter; columns that the caller may not read are left '
    'out. segment: NULL for all rows together, else the values of segment_by, joined by " | ", or (other). Open windows are shown too. '
    'is_final: the watermark has passed window_end plus lateness; without changes for idle_grace, the wall clock counts. Errors: '
    '42704 no such monitor, 42501 not readable, 22023 windows that the panes do not fit, '
    '54000 more than a million of them.';

CREATE FUNCTION weir.window_stats(monitor text, window_size interval DEFAULT NULL, slide interval DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, column_name name, kind text, n bigint,
        null_count bigint, null_share float8, mean float8, stddev float8, min float8, p25 float8, p50 float8, p75 float8, p95 float8, p99 float8,
        max float8, distinct_count bigint, top_values jsonb, summary weir.summary, is_final boolean, status text)
    AS 'MODULE_PATHNAME', 'weir_window_stats' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 1000;
COMMENT ON FUNCTION weir.window_stats(text, interval, interval, timestamptz, timestamptz) IS
    'Statistics of each column per window. n: values that are not NULL; null_share in [0, 1]; mean, stddev (sample), minimum, '
    'quantiles and maximum: in units of the column (durations in seconds, times in seconds since 1970), NULL for categories and '
    'where undefined; top_values: the five most frequent categories as [{"value", "n", "share"}]; summary: everything that is '
    'known, for weir.quantile, weir.cdf, weir.drift and others. status: ok, insufficient (n below option min_n), stale (a change '
    'could not be taken back from a pane: weir.rebuild mends it), undefined (a column that was added, and is not built there yet), gap (capture has missed changes and not healed yet), rolled_up (its panes are larger by now: nothing is known of it). monitor: '
    'as in weir.monitors. window_size, slide: other windows than the monitor''s own, made of the same panes; NULL: the monitor''s '
    '(slide NULL with a window_size given: windows that do not overlap). since, until: windows that begin in [since, until). '
    'Needs SELECT on the time column of the source, on the whole table when the monitor has a filter; columns that the caller may '
    'not read are left out. segment: NULL for all rows together, else the values of segment_by, joined by " | ", or (other). Open windows are '
    'shown too. is_final: the watermark has passed window_end plus lateness; without changes for idle_grace, the wall clock '
    'counts. Errors: 42704 no such monitor, 42501 not readable, 22023 windows that the panes do not fit, '
    '54000 more than a million of them.';

CREATE FUNCTION weir.window_distributions(monitor text, window_size interval DEFAULT NULL, slide interval DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, column_name name, kind text, n bigint,
        n_baseline bigint, summary weir.summary, baseline weir.summary, is_final boolean, status text)
    AS 'MODULE_PATHNAME', 'weir_window_distributions' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 1000;
COMMENT ON FUNCTION weir.window_distributions(text, interval, interval, timestamptz, timestamptz) IS
    'What weir.drift_scores compares, per window and column: summary of the window and of its baseline (NULL: there is none), for weir.histogram, weir.cdf, weir.top, weir.drift and '
    'others; both NULL for personal and sensitive columns. n, n_baseline: values that are not NULL. Windows, status, privileges and errors as in weir.window_stats; status '
    'no_baseline: nothing to compare with.';

CREATE FUNCTION weir.drift_scores(monitor text, window_size interval DEFAULT NULL, slide interval DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, column_name name, metric text, value float8,
        threshold float8, p_value float8, p_adjusted float8, n bigint, n_baseline bigint, error_bound float8, is_primary boolean, verdict text,
        is_final boolean, status text, detail jsonb)
    AS 'MODULE_PATHNAME', 'weir_drift_scores' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000;
COMMENT ON FUNCTION weir.drift_scores(text, interval, interval, timestamptz, timestamptz) IS
    'How far each column of each window is from the baseline (weir.set_baseline): value, threshold, p_value, error_bound and '
    'detail as weir.drift gives them; one row per metric, one per column is_primary. p_adjusted: p_value corrected for the '
    'columns tested in the same window and segment (options adjust: holm, bonferroni, benjamini_hochberg, benjamini_yekutieli or none; adjust_over: '
    'columns, windows - of those that this call reads - or both). threshold: from options thresholds, or learnt (option learn_thresholds; '
    'detail.learnt). n, n_baseline: rows behind the score. verdict: ok, warning, alert, the latter two only where p_adjusted is significant; NULL '
    'unless status is ok. status: ok, insufficient (n below option min_n), stale (a '
    'change could not be taken back from a pane of the window or of its baseline: weir.rebuild mends it), gap (capture has missed changes and not healed yet), '
    'no_baseline (a segment that the baseline does not have, or none was set), undefined. monitor: as in weir.monitors. '
    'window_size, slide: other windows than the monitor''s own, made of the same panes; NULL: the monitor''s (slide NULL with a '
    'window_size given: windows that do not overlap). since, until: windows that begin in [since, until). Needs SELECT on the '
    'time column of the source, on the whole table when the monitor has a filter; columns that the caller may not read are left '
    'out. segment: NULL for all rows together, else the values of segment_by, joined by " | ", or (other). Open windows are shown too. '
    'is_final: the watermark has passed window_end plus lateness; without changes for idle_grace, the wall clock counts. Errors: '
    '42704 no such monitor, 42501 not readable, 22023 windows that the panes do not fit, '
    '54000 more than a million of them.';

CREATE FUNCTION weir.drift_shares(monitor text, window_size interval DEFAULT NULL, slide interval DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL, share_threshold float8 DEFAULT 0.5)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, n_columns bigint, n_drifted bigint, share float8,
        threshold float8, verdict text, is_final boolean, drifted name[])
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 100 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.monitor, s.window_start, s.window_end, s.segment, s.n_columns, s.n_drifted, s.n_drifted::float8 / nullif(s.n_columns, 0), share_threshold,
        CASE WHEN s.n_columns > 0 THEN CASE WHEN s.n_drifted > 0 AND s.n_drifted >= s.n_columns * share_threshold THEN 'alert' ELSE 'ok' END END,
        s.is_final, s.drifted
    FROM (SELECT d.monitor, d.window_start, d.window_end, d.segment, d.is_final, count(d.verdict) AS n_columns,
            count(*) FILTER (WHERE d.verdict <> 'ok') AS n_drifted,
            array_agg(d.column_name ORDER BY d.column_name) FILTER (WHERE d.verdict <> 'ok') AS drifted
          FROM weir.drift_scores($1, $2, $3, $4, $5) d WHERE d.is_primary
          GROUP BY d.monitor, d.window_start, d.window_end, d.segment, d.is_final) s;
END;
COMMENT ON FUNCTION weir.drift_shares(text, interval, interval, timestamptz, timestamptz, float8) IS
    'How many columns of each window drift: n_columns have a verdict, n_drifted of them one of warning or alert in their primary score; share, NULL when no '
    'column could be judged. verdict: alert from share_threshold on. Arguments, windows and privileges as in weir.drift_scores.';

CREATE FUNCTION weir.fairness_scores(monitor text, window_size interval DEFAULT NULL, slide interval DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, protected name, group_name text,
        reference_group text, metric text, value float8, low float8, high float8, threshold float8, n bigint, n_reference bigint, verdict text,
        is_final boolean, status text, p_value float8, is_primary boolean)
    AS 'MODULE_PATHNAME', 'weir_fairness_scores' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 1000;
COMMENT ON FUNCTION weir.fairness_scores(text, interval, interval, timestamptz, timestamptz) IS
    'Fairness of the predictions per window and protected column: metrics of weir.fairness_metrics (group_name against '
    'reference_group; group_name NULL: over all groups) and per group selection_rate, true_positive_rate, false_positive_rate. '
    'low, high: confidence interval; n, n_reference: rows behind it. is_primary: one row per protected column. Seen by who may '
    'read prediction, label and protected column. verdict: NULL unless status is ok. status: ok, insufficient (a group below '
    'option min_group_size), stale (a change could not be taken back from a pane: weir.rebuild mends it), gap (capture has missed '
    'changes and not healed yet), no_labels, undefined. monitor: as in weir.monitors. window_size, slide: other windows than the '
    'monitor''s own, made of the same panes; NULL: the monitor''s (slide NULL with a window_size given: windows that do not '
    'overlap). since, until: windows that begin in [since, until). Needs SELECT on the time column of the source, on the whole '
    'table when the monitor has a filter; columns that the caller may not read are left out. segment: NULL for all rows together, '
    'else the values of segment_by, joined by " | ", or (other). Open windows are shown too. is_final: the watermark has passed window_end '
    'plus lateness; without changes for idle_grace, the wall clock counts. Errors: 42704 no such monitor, 42501 not readable, '
    '22023 windows that the panes do not fit, '
    '54000 more than a million of them.';

CREATE FUNCTION weir.scores(monitor text, window_size interval DEFAULT NULL, slide interval DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, family text, subject text, metric text,
        value float8, threshold float8, n bigint, verdict text, is_final boolean, status text, p_value float8)
    AS 'MODULE_PATHNAME', 'weir_scores' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000;
COMMENT ON FUNCTION weir.scores(text, interval, interval, timestamptz, timestamptz) IS
    'All scores in one shape, for rules and dashboards. family: drift (subject: the column), fairness (subject: the protected '
    'column, "column: group" for a group of it), performance (weir.performance_scores), quality (weir.quality_scores; subject: the column, or NULL), source (weir.source_scores of a source as a '
    'whole: the segment, or the monitor), attribution (whether a model rests on other features than in the baseline, see weir.window_attributions; subject: the model) or detector (subject: that of the metric it follows; metric: its name in option detectors; '
    'value: 0 stable, 1 warning, 2 drift; the detector begins with the first window kept). verdict: NULL unless status is ok; status as in weir.drift_scores and '
    'weir.fairness_scores. p_value: of the test behind the score, not adjusted; NULL where there is none. monitor: as in weir.monitors. window_size, slide: other windows than the monitor''s own, made of the '
    'same panes; NULL: the monitor''s (slide NULL with a window_size given: windows that do not overlap). since, until: windows '
    'that begin in [since, until). Needs SELECT on the time column of the source, on the whole table when the monitor has a '
    'filter; columns that the caller may not read are left out. segment: NULL for all rows together, else the values of '
    'segment_by, joined by " | ", or (other). Open windows are shown too. is_final: the watermark has passed window_end plus lateness; '
    'without changes for idle_grace, the wall clock counts. Errors: 42704 no such monitor, 42501 not readable, 22023 windows that '
    'the panes do not fit.';

CREATE VIEW weir.monitors WITH (security_barrier) AS
    SELECT m.name AS monitor, m.source, coalesce(s.state, 'starting') AS state,
        -- It may quote a value.
        CASE WHEN weir.may_read_rows(m.source, m.time_column, true) OR pg_has_role(m.owner::oid, 'USAGE') THEN s.reason END AS reason, s.watermark, s.last_change_at, s.inexact_since,
        coalesce(s.n_untimed, 0) AS n_untimed, m.time_column, m.window_size, m.slide, m.pane_size, m.lateness, coalesce(m.time_zone, 'UTC') AS time_zone,
        (SELECT array_agg(c.column_name || ' ' || c.kind || coalesce(' (' || c.retired_reason || ')', '') ORDER BY c.ordinal)
         FROM weir.monitor_column c WHERE c.monitor_id = m.monitor_id) AS columns,
        m.segment_by, m.model, m.prediction, m.score, m.label, m.positive, m.protected,
        CASE b.form WHEN 'range' THEN format('range %s to %s', b.since, b.until)
                    WHEN 'query' THEN format('query (%s rows)', b.n)
                    WHEN 'data_version' THEN format('data version %s (%s rows)', b.data_version, b.n)
                    WHEN 'moving' THEN concat_ws(' ', b.moving, b.span) END AS baseline,
        b.set_at AS baseline_set_at, m.metrics, m.filter, m.backfill, m.retention, m.on_delete,
        -- Constraints tell values; the view weir.constraints shows those on columns that one may read.
        CASE WHEN weir.may_read_rows(m.source, m.time_column, true) OR pg_has_role(m.owner::oid, 'USAGE') THEN m.options ELSE m.options - 'constraints' END AS options,
        m.owner, m.created_at,
        s.other_since, CASE WHEN cardinality(m.segment_by) > 0 THEN coalesce(s.segment_limit / 9223372036854775807::float8, 1) END AS kept_share,
        (SELECT max(p.pane_start) FROM weir.pane p WHERE p.monitor_id = m.monitor_id AND p.generation = 0 AND p.n > 0
             -- Where the calendar begins, nothing can be taken from a time.
             AND p.pane_start <= CASE WHEN s.watermark >= timestamptz '4600-01-01 00:00:00+00 BC' THEN s.watermark - m.lateness - m.window_size END) AS final_rows_at,
        (SELECT max(p.pane_start) FROM weir.pane p WHERE p.monitor_id = m.monitor_id AND p.generation = 0 AND p.n > 0) AS last_rows_at
    FROM weir.monitor m LEFT JOIN weir.monitor_state s USING (monitor_id) LEFT JOIN weir.baseline b USING (monitor_id)
    WHERE weir.may_read_rows(m.source, m.time_column, m.filter IS NOT NULL)
        -- Of a table that was dropped, the owner of the monitor still sees what was known.
        OR (NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = m.source) AND pg_has_role(m.owner::oid, 'USAGE'));
COMMENT ON VIEW weir.monitors IS
    'Monitors whose source one may read. state: starting, building (existing rows are being read), active, disabled (reason says '
    'why, to who may read the whole table). watermark: latest event time seen; last_change_at: when the last change was captured; inexact_since: when an update or '
    'delete arrived that could not be taken back from its window, because the old row was not known (see weir.check_setup); '
    'n_untimed: rows left out because their time is NULL or infinite. baseline: what weir.set_baseline set. other_since: since when segments are put together as (other), because '
    'a pane had more than option max_groups; kept_share: about which share of the possible segments is kept apart, from 0 to 1; NULL without segment_by. '
    'final_rows_at: when the newest rows are of which all windows are surely final, to a slice of event time (pane_size); last_rows_at: when the newest rows are, those of the future included.';
GRANT SELECT ON weir.monitors TO PUBLIC;

CREATE FUNCTION weir.window_size_at_least(monitor text, duration interval) RETURNS interval
    LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN $2 <= m.slide THEN NULL
                ELSE coalesce((SELECT s FROM unnest('{10 s,30 s,1 min,5 min,15 min,30 min,1 h,2 h,3 h,6 h,12 h,1 day,7 days,28 days}'::interval[]) s
                               WHERE s >= $2 AND extract(month FROM m.window_size) + extract(year FROM m.window_size) = 0
                                 AND extract(epoch FROM s) % extract(epoch FROM m.window_size) = 0
                               ORDER BY s LIMIT 1),
                              ceil(extract(epoch FROM $2) / extract(epoch FROM m.window_size))::float8 * m.window_size) END
    FROM weir.monitors m WHERE m.monitor = $1;
END;
COMMENT ON FUNCTION weir.window_size_at_least(text, interval) IS
    'A window size for charts, to be given to weir.windows, weir.drift_scores and the like: the shortest usual multiple of the monitor''s window_size that is at least duration; NULL (the '
    'monitor''s own windows) where these begin no more often than that. So a chart of a year asks for windows no shorter than one of its pixels. NULL too for a monitor that there is not.';

CREATE VIEW weir.progress WITH (security_barrier) AS
    SELECT m.monitor, b.build_id, b.kind,
        CASE WHEN b.state = 'requested' AND b.started_at IS NULL THEN 'waiting'
             WHEN b.state = 'requested' THEN 'planning'
             WHEN b.state = 'reading' AND s.n_waiting = 0 AND s.n_reading = 0 THEN 'catching up'
             ELSE b.state END AS phase,
        b.since, b.until, b.method, s.n_slices AS slices, s.n_done AS slices_done, x.rows_done, greatest(b.rows_total, x.rows_done) AS rows_total,
        CASE b.state WHEN 'done' THEN 1 WHEN 'reading' THEN least(1, x.rows_done::float8 / nullif(greatest(b.rows_total, x.rows_done), 0)) END AS share_done,
        x.rows_done / nullif(x.seconds, 0) AS rows_per_second,
        CASE WHEN b.state = 'reading' AND x.rows_done > 0
             THEN greatest(b.rows_total - x.rows_done, 0)::float8 / x.rows_done * x.seconds * interval '1 s' END AS time_left,
        s.read_since, b.requested_at, b.started_at, b.finished_at,
        CASE WHEN weir.may_read_rows(d.source, d.time_column, true) OR pg_has_role(d.owner::oid, 'USAGE') THEN b.error END AS error
    FROM weir.monitors m JOIN weir.monitor d ON d.name = m.monitor JOIN weir.build b USING (monitor_id),
        LATERAL (SELECT count(*) AS n_slices, count(*) FILTER (WHERE p.state = 'done') AS n_done, count(*) FILTER (WHERE p.state = 'requested') AS n_waiting,
                     count(*) FILTER (WHERE p.state = 'reading') AS n_reading, min(p.since) FILTER (WHERE p.state = 'done') AS read_since,
                     sum(CASE WHEN p.state = 'reading' THEN r.rows_read ELSE p.rows_read END) AS rows_read
                 FROM weir.build_slice p LEFT JOIN weir._builders() r USING (build_id, slice) WHERE p.build_id = b.build_id) s,
        LATERAL (SELECT coalesce(b.rows_read, s.rows_read, 0)::bigint AS rows_done,
                     extract(epoch FROM coalesce(b.finished_at, clock_timestamp()) - b.started_at)::float8 AS seconds) x;
COMMENT ON VIEW weir.progress IS
    'Builds of the monitors that one may read: those under way, and the last ones of each monitor. kind: build (rows that were '
    'there before), rebuild or verify. phase: waiting, planning (again, after a TRUNCATE), reading, catching up (all is read; the '
    'stream has yet to pass it), done, failed (error says why, to who may read the whole table). since, until: its range; method: how it is read, and why so; '
    'slices, slices_done: parts of the range, each under a snapshot of its own, the newest first; read_since: everything since then '
    'is done. rows_done of about rows_total, share_done in [0, 1], rows_per_second since started_at, time_left at that rate. '
    'weir.build_workers, weir.build_slice_rows and weir.build_rate govern it.';
GRANT SELECT ON weir.progress TO PUBLIC;

CREATE VIEW weir.monitor_storage WITH (security_barrier) AS
    SELECT m.monitor, coalesce(l.pane_size, m.pane_size) AS pane_size, count(*) AS panes, count(DISTINCT p.segment) AS segments,
        sum(p.n)::bigint AS n, sum(pg_column_size(p.summaries) + pg_column_size(p.fairness) + pg_column_size(p.segment) + 100)::bigint AS bytes,
        min(p.pane_start) AS since, max(coalesce(p.pane_end, p.pane_start + m.pane_size)) AS until, max(p.updated_at) AS updated_at
    FROM weir.monitors m JOIN weir.monitor d ON d.name = m.monitor JOIN weir.pane p ON p.monitor_id = d.monitor_id AND p.generation = 0
    LEFT JOIN LATERAL (SELECT v.pane_size FROM weir.pane_level v WHERE v.monitor_id = d.monitor_id AND v.before > p.pane_start
                       ORDER BY v.before LIMIT 1) l ON p.pane_end IS NOT NULL
    GROUP BY m.monitor, coalesce(l.pane_size, m.pane_size);
COMMENT ON VIEW weir.monitor_storage IS
    'What the panes of the monitors that one may read take, by monitor and pane size (older panes may be coarser, see option roll_up of '
    'weir.create_monitor): panes, the segments among them, n rows in them, bytes as stored (compressed; without indexes and free space), and the '
    'event times from since to until that they cover.';
GRANT SELECT ON weir.monitor_storage TO PUBLIC;

CREATE VIEW weir.windows WITH (security_barrier) AS
    SELECT m.monitor, r.window_start, r.window_end, r.segment, r.n, r.n_labelled, r.n_late, r.is_final, r.status, r.updated_at, r.label_share
    FROM weir.monitors m CROSS JOIN LATERAL weir.windows(m.monitor) r;
COMMENT ON VIEW weir.windows IS
    'Windows of all monitors that one may read; columns as in the function weir.windows(monitor, ...), which takes a range of '
    'time and other window sizes.';
GRANT SELECT ON weir.windows TO PUBLIC;

CREATE VIEW weir.window_stats WITH (security_barrier) AS
    SELECT m.monitor, r.window_start, r.window_end, r.segment, r.column_name, r.kind, r.n, r.null_count, r.null_share, r.mean,
        r.stddev, r.min, r.p25, r.p50, r.p75, r.p95, r.p99, r.max, r.distinct_count, r.top_values, r.summary, r.is_final, r.status
    FROM weir.monitors m CROSS JOIN LATERAL weir.window_stats(m.monitor) r;
COMMENT ON VIEW weir.window_stats IS
    'Statistics of each column per window of all monitors that one may read; columns as in the function '
    'weir.window_stats(monitor, ...), which takes a range of time and other window sizes.';
GRANT SELECT ON weir.window_stats TO PUBLIC;

CREATE VIEW weir.drift_scores WITH (security_barrier) AS
    SELECT m.monitor, r.window_start, r.window_end, r.segment, r.column_name, r.metric, r.value, r.threshold, r.p_value,
        r.p_adjusted, r.n, r.n_baseline, r.error_bound, r.is_primary, r.verdict, r.is_final, r.status, r.detail
    FROM weir.monitors m CROSS JOIN LATERAL weir.drift_scores(m.monitor) r;
COMMENT ON VIEW weir.drift_scores IS
    'Drift of each column per window of all monitors that one may read; columns as in the function weir.drift_scores(monitor, '
    '...), which takes a range of time and other window sizes.';
GRANT SELECT ON weir.drift_scores TO PUBLIC;

CREATE VIEW weir.fairness_scores WITH (security_barrier) AS
    SELECT m.monitor, r.window_start, r.window_end, r.segment, r.protected, r.group_name, r.reference_group, r.metric, r.value,
        r.low, r.high, r.threshold, r.n, r.n_reference, r.verdict, r.is_final, r.status, r.p_value, r.is_primary
    FROM weir.monitors m CROSS JOIN LATERAL weir.fairness_scores(m.monitor) r;
COMMENT ON VIEW weir.fairness_scores IS
    'Fairness per window of all monitors that one may read; columns as in the function weir.fairness_scores(monitor, ...), which '
    'takes a range of time and other window sizes.';
GRANT SELECT ON weir.fairness_scores TO PUBLIC;

CREATE VIEW weir.scores WITH (security_barrier) AS
    SELECT m.monitor, r.window_start, r.window_end, r.segment, r.family, r.subject, r.metric, r.value, r.threshold, r.n, r.verdict,
        r.is_final, r.status, r.p_value
    FROM weir.monitors m CROSS JOIN LATERAL weir.scores(m.monitor) r;
COMMENT ON VIEW weir.scores IS
    'All scores in one shape of all monitors that one may read; columns as in the function weir.scores(monitor, ...), which takes '
    'a range of time and other window sizes.';
GRANT SELECT ON weir.scores TO PUBLIC;

CREATE VIEW weir.row_detectors WITH (security_barrier) AS
    SELECT m.monitor, r.name, r.detector, coalesce(r.column_name, m.prediction::text) AS subject, r.read_until, weir.signal(r.state) AS signal, x.n, x.n_drifts, d.last_drift_at,
        r.disabled_reason
    FROM weir.monitors m JOIN weir.monitor o ON o.name = m.monitor JOIN weir.row_detector r USING (monitor_id),
        LATERAL weir.detector_stats(r.state) x,
        LATERAL (SELECT max(p.first_drift_at) AS last_drift_at FROM weir.row_detector_pane p WHERE p.monitor_id = r.monitor_id AND p.name = r.name) d
    WHERE has_table_privilege(m.source, 'SELECT');
COMMENT ON VIEW weir.row_detectors IS
    'Change detectors over the rows of monitored tables that one may read: rows before read_until have been read; signal after the last of them; n: rows '
    'with a value; n_drifts: changes seen; last_drift_at: time of the row at which the first change was seen in the last pane that has one. disabled_reason: '
    'why it stands still; weir.alter_monitor with another definition begins it anew.';
GRANT SELECT ON weir.row_detectors TO PUBLIC;
