-- monitor: windows over panes, scores, views ------------------------------------------------------------------------------------------------
--
-- Functions that begin with an underscore take a monitor's id and check no privilege: nobody but weir's own code may execute them.

CREATE FUNCTION weir._pane_windows(monitor_id int, contents text, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, items int[])
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, segment text, n bigint, n_labelled bigint, n_late bigint, marks int,
        updated_at timestamptz, item int, summary weir.summary, baseline weir.summary, fairness weir.fairness_table)
    AS 'MODULE_PATHNAME', 'weir_pane_windows' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000;
COMMENT ON FUNCTION weir._pane_windows(int, text, interval, interval, timestamptz, timestamptz, boolean, int[]) IS
    'Windows that begin in [since, until), as merges of panes. contents: counts (a row per window and segment), summaries (a row '
    'per column), drift (with its baseline) or fairness (a row per protected column). items: which columns or protected columns, '
    'by number; NULL for all. NULL sizes: the monitor''s. Internal.';

CREATE FUNCTION weir._rate_metric_names() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN ARRAY['selection_rate', 'true_positive_rate', 'false_positive_rate'];
COMMENT ON FUNCTION weir._rate_metric_names() IS 'Metrics of groups, which have no row over all groups. Internal.';

CREATE FUNCTION weir._settings(monitor_id int, only_metrics text[] DEFAULT NULL)
    RETURNS TABLE (monitor text, final_before timestamptz, has_gap boolean, min_n bigint, min_group_size int, confidence float8,
        reference jsonb, adjust text, drift_metrics text[], fairness_metrics text[], rate_metrics text[], adjust_over text, drift_options jsonb,
        drift_by_column jsonb, learning jsonb, gap_until timestamptz)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 1 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT m.name,
        -- Windows that end at or before this are final; what detectors over rows have not read yet is not.
        CASE WHEN f.final_before IS NOT NULL
             THEN least(f.final_before, (SELECT min(r.read_until) FROM weir.row_detector r
                                         WHERE r.monitor_id = m.monitor_id AND r.disabled_reason IS NULL)) END,
        g.gap_until IS NOT NULL,
        coalesce((m.options ->> 'min_n')::bigint, 30),
        coalesce((m.options ->> 'min_group_size')::int, 30),
        coalesce((m.options ->> 'confidence')::float8, 0.95),
        m.options -> 'reference',
        coalesce(m.options ->> 'adjust', 'holm'),
        CASE WHEN w.wanted IS NULL THEN weir.drift_metric_names(common_only => true)
             ELSE ARRAY(SELECT u FROM unnest(w.wanted) u WHERE weir.drift_metric_name(u) IS NOT NULL) END,
        CASE WHEN w.wanted IS NOT NULL THEN ARRAY(SELECT u FROM unnest(w.wanted) u WHERE u = ANY (weir.fairness_metric_names())) END,
        CASE WHEN w.wanted IS NOT NULL
             THEN ARRAY(SELECT u FROM unnest(w.wanted) u WHERE u = ANY (weir._rate_metric_names())) END,
        coalesce(m.options ->> 'adjust_over', 'columns'),
        coalesce(m.options -> 'drift', '{}')
            || CASE WHEN m.options ? 'thresholds' THEN jsonb_build_object('thresholds', m.options -> 'thresholds') ELSE '{}' END,
        coalesce(m.options -> 'drift_by_column', '{}'),
        CASE jsonb_typeof(m.options -> 'learn_thresholds') WHEN 'string' THEN jsonb_build_object('method', m.options -> 'learn_thresholds')
            WHEN 'object' THEN m.options -> 'learn_thresholds' END,
        g.gap_until
    FROM weir.monitor m, LATERAL (SELECT weir._final_before(m.monitor_id) AS final_before) f,
        LATERAL (SELECT CASE WHEN m.metrics IS NULL THEN only_metrics
                             WHEN only_metrics IS NULL THEN m.metrics
                             ELSE ARRAY(SELECT u FROM unnest(m.metrics) u
                                        WHERE coalesce(weir.drift_metric_name(u), u)
                                              IN (SELECT coalesce(weir.drift_metric_name(o), o) FROM unnest(only_metrics) o)) END AS wanted) w,
        -- After a gap the panes from there on are healed: slices are built the newest first.
        LATERAL (SELECT max(coalesce(h.until, b.until)) AS gap_until
                   FROM weir.build b LEFT JOIN weir.build_slice h ON h.build_id = b.build_id AND h.state <> 'done'
                   WHERE b.monitor_id = m.monitor_id AND b.state NOT IN ('done', 'failed')
                       -- Panes of another size are not marked as such before capture has taken note.
                       AND (b.kind = 'heal' OR b.pane_size_before IS NOT NULL AND NOT b.is_prepared)) g
    WHERE m.monitor_id = $1;
END;
COMMENT ON FUNCTION weir._settings(int, text[]) IS
    'What the readings of a monitor depend on. Lists of metrics: those of the monitor, only_metrics of them when given; NULL for '
    'all. Internal.';

-- The first three hold for every reading, in this order.
-- inlined: it is computed for each row of every reading.
CREATE FUNCTION weir._status(has_gap boolean, marks int, n bigint, min_n bigint, status text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN has_gap THEN 'gap' WHEN marks OPERATOR(pg_catalog.&) 64 OPERATOR(pg_catalog.<>) 0 THEN 'rolled_up' WHEN marks OPERATOR(pg_catalog.&) 5 OPERATOR(pg_catalog.<>) 0 THEN 'stale'
                WHEN status OPERATOR(pg_catalog.=) 'ok' AND n OPERATOR(pg_catalog.<) min_n THEN 'insufficient' ELSE status END;
COMMENT ON FUNCTION weir._status(boolean, int, bigint, bigint, text) IS
    'The status of a reading: gap (capture missed changes), rolled_up (a pane is larger than the window, or cut by the baseline), stale (a pane of the window or its baseline could not take back a change), insufficient (n < '
    'min_n), else the one given. Internal.';

CREATE FUNCTION weir._windows(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, labels boolean, columns int[], protected int[])
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, n bigint, n_labelled bigint, n_late bigint,
        is_final boolean, status text, updated_at timestamptz, label_share float8)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.monitor, p.window_start, p.window_end, p.segment, p.n, CASE WHEN labels THEN p.n_labelled END, p.n_late,
        coalesce(p.window_end <= s.final_before, false), weir._status(coalesce(p.window_start < s.gap_until, false), p.marks, p.n, s.min_n, CASE WHEN p.n = 0 THEN 'insufficient' ELSE 'ok' END),
        p.updated_at, CASE WHEN labels AND (SELECT m.label IS NOT NULL FROM weir.monitor m WHERE m.monitor_id = $1) THEN p.n_labelled::float8 / nullif(p.n, 0) END
    FROM weir._settings(monitor_id) s,
        weir._pane_windows(monitor_id, 'counts', window_size, slide, since, until, segments, NULL) p;
END;
COMMENT ON FUNCTION weir._windows(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[]) IS
    'weir.windows without privileges. Internal.';

CREATE FUNCTION weir._window_stats(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, labels boolean, columns int[], protected int[])
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, column_name name, kind text, n bigint,
        null_count bigint, null_share float8, mean float8, stddev float8, min float8, p25 float8, p50 float8, p75 float8, p95 float8, p99 float8,
        max float8, distinct_count bigint, top_values jsonb, summary weir.summary, is_final boolean, status text)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.monitor, p.window_start, p.window_end, p.segment, c.column_name, c.kind, x.n, x.null_count,
        x.null_count::float8 / nullif(x.n + x.null_count, 0), CASE WHEN NOT h.withheld OR x.n >= 10 THEN x.mean END,
        CASE WHEN NOT h.withheld OR x.n >= 10 THEN x.stddev END, CASE WHEN NOT h.withheld THEN x.min END, q.q[1], q.q[2], q.q[3], q.q[4], q.q[5],
        CASE WHEN NOT h.withheld THEN x.max END, weir.distinct_count(p.summary), t.top_values, CASE WHEN NOT h.withheld THEN p.summary END,
        coalesce(p.window_end <= s.final_before, false), weir._status(coalesce(p.window_start < s.gap_until, false), p.marks, x.n, s.min_n,
            CASE WHEN p.summary IS NULL AND p.n > 0 THEN 'undefined' ELSE 'ok' END)
    FROM weir._settings(monitor_id) s,
        weir._pane_windows(monitor_id, 'summaries', window_size, slide, since, until, segments, columns) p
        JOIN weir.monitor_column c ON c.monitor_id = $1 AND c.ordinal = p.item
        -- A column that the table has no more is shown where there is something of it.
        JOIN LATERAL weir.stats(p.summary) x ON c.retired_at IS NULL OR x.n + x.null_count > 0,
        -- Values of personal columns leave here in no form: what rules, detectors and reports tell of them comes from these rows.
        LATERAL (SELECT weir._is_withheld(c.class) AS withheld) h,
        LATERAL (SELECT CASE WHEN c.kind <> 'category' AND NOT h.withheld THEN weir.quantile(p.summary, ARRAY[0.25, 0.5, 0.75, 0.95, 0.99]) END AS q) q,
        LATERAL (SELECT jsonb_agg(jsonb_build_object('value', v.value, 'n', v.n, 'share', v.share)) AS top_values
                 FROM weir.top(p.summary, 5) v (value, n, share) WHERE c.kind = 'category' AND NOT h.withheld) t;
END;
COMMENT ON FUNCTION weir._window_stats(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[]) IS
    'weir.window_stats without privileges. Internal.';

CREATE FUNCTION weir._window_distributions(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, columns int[])
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, column_name name, kind text, n bigint,
        n_baseline bigint, summary weir.summary, baseline weir.summary, is_final boolean, status text)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.monitor, p.window_start, p.window_end, p.segment, c.column_name, c.kind, weir.value_count(p.summary), weir.value_count(p.baseline),
        CASE WHEN NOT weir._is_withheld(c.class) THEN p.summary END, CASE WHEN NOT weir._is_withheld(c.class) THEN p.baseline END,
        coalesce(p.window_end <= s.final_before, false),
        weir._status(coalesce(p.window_start < s.gap_until, false), p.marks, weir.value_count(p.summary), s.min_n,
            CASE WHEN p.summary IS NULL AND p.n > 0 THEN 'undefined' WHEN p.baseline IS NULL THEN 'no_baseline' ELSE 'ok' END)
    FROM weir._settings(monitor_id, '{}') s,
        weir._pane_windows(monitor_id, 'drift', window_size, slide, since, until, segments, columns) p
        JOIN weir.monitor_column c ON c.monitor_id = $1 AND c.ordinal = p.item AND c.retired_at IS NULL;
END;
COMMENT ON FUNCTION weir._window_distributions(int, interval, interval, timestamptz, timestamptz, boolean, int[]) IS
    'weir.window_distributions without privileges. Internal.';

-- The metrics of a column: those of the monitor, or its own in option drift_by_column, of which a rule may want only some.
-- inlined: it is computed for each column of every window.
CREATE FUNCTION weir._column_metrics(by_column jsonb, column_name name, metrics text[], only_metrics text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (by_column OPERATOR(pg_catalog.->) column_name::pg_catalog.text) OPERATOR(pg_catalog.?) 'metrics'
                THEN ARRAY(SELECT weir.drift_metric_name(u)
                           FROM pg_catalog.jsonb_array_elements_text(by_column OPERATOR(pg_catalog.->) column_name::pg_catalog.text
                                                                     OPERATOR(pg_catalog.->) 'metrics') u
                           WHERE only_metrics IS NULL
                              OR weir.drift_metric_name(u) OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT weir.drift_metric_name(o)
                                                                                             FROM pg_catalog.unnest(only_metrics) o)))
                ELSE metrics END;
COMMENT ON FUNCTION weir._column_metrics(jsonb, name, text[], text[]) IS
    'The drift metrics of one column. Inlined. Internal.';

CREATE FUNCTION weir._drift_values(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, columns int[], only_metrics text[])
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, segment text, column_name name, metric text, value float8,
        threshold float8, p_value float8, n bigint, n_baseline bigint, error_bound float8, is_primary boolean, verdict text, marks int, status text,
        detail jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.window_start, p.window_end, p.segment, c.column_name, d.metric, d.value, d.threshold, d.p_value, d.n_current, d.n_baseline,
        d.error_bound, d.is_primary, d.verdict, p.marks, d.status,
        -- It names bins and categories.
        CASE WHEN weir._is_withheld(c.class) THEN jsonb_build_object('withheld', c.class) ELSE d.detail END
    FROM weir._settings(monitor_id, only_metrics) s,
        -- Without a metric to compute no pane is read.
        LATERAL weir._pane_windows(monitor_id, 'drift', window_size, slide, since, until, segments,
                                   CASE WHEN s.drift_metrics = '{}' AND s.drift_by_column = '{}' THEN '{}' ELSE columns END) p
        JOIN weir.monitor_column c ON c.monitor_id = $1 AND c.ordinal = p.item
            AND (c.retired_at IS NULL OR (SELECT x.n + x.null_count > 0 FROM weir.stats(p.summary) x))
        JOIN weir.monitor m ON m.monitor_id = $1,
        LATERAL weir._column_metrics(s.drift_by_column, c.column_name, s.drift_metrics, only_metrics) wanted,
        -- Vectors of another length cannot be compared.
        LATERAL (SELECT CASE WHEN c.kind = 'vector' AND weir.vector_dimension(p.baseline) <> weir.vector_dimension(p.summary) THEN NULL
                             ELSE p.baseline END AS summary) baseline,
        LATERAL (
            -- A label that is missing has not arrived yet: that is no drift of the labels.
            SELECT * FROM weir.drift(CASE WHEN c.column_name = m.label THEN weir._without_nulls(baseline.summary) ELSE baseline.summary END,
                                     CASE WHEN c.column_name = m.label THEN weir._without_nulls(p.summary) ELSE p.summary END,
                                     wanted, s.drift_options || coalesce(s.drift_by_column -> c.column_name::text, '{}') - 'metrics')
            UNION ALL
            -- One row says that there is nothing to compare with.
            SELECT CASE WHEN c.kind = 'vector' AND wanted[1] = 'psi' THEN 'mmd' ELSE weir.drift_metric_name(wanted[1]) END,
                NULL, NULL, NULL, NULL, p.n, NULL, true, NULL, 'no_baseline', NULL
            WHERE (baseline.summary IS NULL OR p.marks & 64 <> 0) AND wanted <> '{}'
        ) d;
END;
COMMENT ON FUNCTION weir._drift_values(int, interval, interval, timestamptz, timestamptz, boolean, int[], text[]) IS
    'Drift per window and column, before p-values are adjusted and thresholds learnt. Internal.';

-- Thresholds from the scores of the windows that lie in the range of the baseline, or in the one that option learn_thresholds names.
CREATE FUNCTION weir._learnt_thresholds(monitor_id int, window_size interval, slide interval, segments boolean, columns int[], only_metrics text[])
    RETURNS TABLE (segment text, column_name name, metric text, threshold float8, learnt jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.segment, r.column_name, r.metric,
        least(weir.drift_metric_limit(r.metric),
              CASE r.learning ->> 'method' WHEN 'quantile' THEN weir.quantile(r.summary, r.quantile) ELSE r.mean + r.k * r.stddev END),
        jsonb_build_object('method', coalesce(r.learning ->> 'method', 'stddev'), 'windows', r.n, 'mean', r.mean, 'stddev', r.stddev)
    FROM (SELECT d.segment, d.column_name, d.metric, s.learning, count(d.value) AS n, avg(d.value) AS mean, stddev_samp(d.value) AS stddev,
            weir.summarize(d.value) AS summary, coalesce((s.learning ->> 'k')::float8, 3) AS k, coalesce((s.learning ->> 'quantile')::float8, 0.99) AS quantile
          FROM (SELECT z.learning, coalesce((z.learning ->> 'since')::timestamptz, b.since) AS since,
                    coalesce((z.learning ->> 'until')::timestamptz, b.until) AS until
                FROM weir._settings(monitor_id, only_metrics) z LEFT JOIN weir.baseline b ON b.monitor_id = $1
                WHERE z.learning ->> 'method' IS DISTINCT FROM 'none' AND z.learning IS NOT NULL) s,
            LATERAL weir._drift_values(monitor_id, window_size, slide, s.since, s.until, segments, columns, only_metrics) d
          WHERE s.since < s.until AND d.window_end <= s.until AND d.status = 'ok'
          GROUP BY d.segment, d.column_name, d.metric, s.learning) r
    WHERE r.n >= 3;
END;
COMMENT ON FUNCTION weir._learnt_thresholds(int, interval, interval, boolean, int[], text[]) IS
    'Thresholds that option learn_thresholds asks for; no row where fewer than three windows could teach. Internal.';

CREATE FUNCTION weir._drift_scores(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, labels boolean, columns int[], protected int[], only_metrics text[] DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, column_name name, metric text, value float8,
        threshold float8, p_value float8, p_adjusted float8, n bigint, n_baseline bigint, error_bound float8, is_primary boolean, verdict text,
        is_final boolean, status text, detail jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH learnt AS MATERIALIZED (
        SELECT * FROM weir._learnt_thresholds(monitor_id, window_size, slide, segments, columns, only_metrics)
    ), adjusted AS (
        SELECT s.monitor, d.window_start, d.window_end, d.segment, d.column_name, d.metric, d.value, d.threshold, d.p_value,
            weir.adjusted_p_value(d.p_value, s.adjust)
                OVER (PARTITION BY d.segment, d.metric, CASE WHEN s.adjust_over = 'columns' THEN d.window_start END,
                                   CASE WHEN s.adjust_over = 'windows' THEN d.column_name END) AS p_adjusted,
            d.n, d.n_baseline, d.error_bound, d.is_primary, d.verdict, coalesce(d.window_end <= s.final_before, false) AS is_final,
            weir._status(s.has_gap, d.marks, least(d.n, d.n_baseline), s.min_n, d.status) AS status, d.detail,
            coalesce((s.drift_options ->> 'significance')::float8, 0.05) AS significance
        FROM weir._settings(monitor_id, only_metrics) s,
            LATERAL weir._drift_values(monitor_id, window_size, slide, since, until, segments, columns, only_metrics) d
    )
    SELECT a.monitor, a.window_start, a.window_end, a.segment, a.column_name, a.metric, a.value, coalesce(l.threshold, a.threshold), a.p_value,
        a.p_adjusted, a.n, a.n_baseline, a.error_bound, a.is_primary,
        -- What is not significant among so many is no drift; learnt thresholds know by themselves how far chance reaches.
        CASE WHEN a.status <> 'ok' THEN NULL
             WHEN l.threshold IS NOT NULL
             THEN CASE WHEN a.value > l.threshold OR (a.value = l.threshold AND a.value = weir.drift_metric_limit(a.metric)) THEN 'alert' ELSE 'ok' END
             WHEN a.p_adjusted >= a.significance AND a.verdict IS NOT NULL THEN 'ok'
             ELSE a.verdict END,
        a.is_final, a.status, CASE WHEN l.threshold IS NULL THEN a.detail ELSE a.detail - 'warning_threshold' || jsonb_build_object('learnt', l.learnt) END
    FROM adjusted a LEFT JOIN learnt l ON l.segment IS NOT DISTINCT FROM a.segment AND l.column_name = a.column_name AND l.metric = a.metric;
END;
COMMENT ON FUNCTION weir._drift_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], text[]) IS
    'weir.drift_scores without privileges. Internal.';

CREATE FUNCTION weir._fairness_scores(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, labels boolean, columns int[], protected int[], only_metrics text[] DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, protected name, group_name text,
        reference_group text, metric text, value float8, low float8, high float8, threshold float8, n bigint, n_reference bigint, verdict text,
        is_final boolean, status text, p_value float8, is_primary boolean)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH scored AS (
        SELECT s.monitor, p.window_start, p.window_end, p.segment, m.protected[p.item] AS protected, f.group_name, f.reference_group, f.metric,
            f.value, f.low, f.high, f.threshold, f.n, f.n_reference, f.verdict, coalesce(p.window_end <= s.final_before, false) AS is_final,
            weir._status(coalesce(p.window_start < s.gap_until, false), p.marks, p.n, 0,
                CASE WHEN p.n_labelled = 0 AND f.value IS NULL
                          AND f.metric NOT IN ('selection_rate', 'demographic_parity_difference', 'demographic_parity_ratio', 'disparate_impact')
                     THEN 'no_labels' ELSE f.status END) AS status,
            f.p_value, f.group_name IS NULL AND f.metric = coalesce(s.fairness_metrics[1], 'demographic_parity_ratio') AS is_primary
        FROM weir.monitor m,
            weir._settings($1, only_metrics) s,
            LATERAL weir._pane_windows($1, 'fairness', $2, $3, $4, $5, $6, -- by number: the monitor has a window_size too
                                       CASE WHEN s.fairness_metrics = '{}' AND s.rate_metrics = '{}' THEN '{}' ELSE $9 END) p,
            LATERAL (
                SELECT x.metric, x.group_name, x.reference_group, x.value, x.low, x.high, x.p_value, x.n, x.n_reference, x.threshold, x.verdict,
                    x.status
                FROM weir.fairness_metrics(p.fairness, s.reference ->> m.protected[p.item]::text, s.fairness_metrics, s.min_group_size,
                    s.confidence) x
                UNION ALL
                SELECT r.rate, r.group_name, NULL, r.value, r.low, r.high, NULL, r.n, NULL, NULL, NULL, r.status
                FROM weir.fairness_rates(p.fairness, coalesce(s.rate_metrics, weir._rate_metric_names()), s.min_group_size, s.confidence) r
                UNION ALL
                -- One row says that the window is not to be had any more.
                SELECT coalesce(s.fairness_metrics[1], 'demographic_parity_ratio'), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'undefined'
                WHERE p.marks & 64 <> 0
            ) f
        WHERE m.monitor_id = $1
    )
    SELECT monitor, window_start, window_end, segment, scored.protected, group_name, reference_group, metric, value, low, high, threshold, n,
        n_reference, CASE WHEN status = 'ok' THEN verdict END, is_final, status, p_value, is_primary
    FROM scored;
END;
COMMENT ON FUNCTION weir._fairness_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], text[]) IS
    'weir.fairness_scores without privileges. Internal.';

CREATE FUNCTION weir._metric_scores(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, labels boolean, columns int[], protected int[], only_metrics text[] DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, family text, subject text, metric text,
        value float8, threshold float8, n bigint, verdict text, is_final boolean, status text, p_value float8)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT d.monitor, d.window_start, d.window_end, d.segment, 'drift', d.column_name::text, d.metric, d.value, d.threshold, d.n, d.verdict,
        d.is_final, d.status, d.p_value
    FROM weir._drift_scores($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) d
    UNION ALL
    SELECT f.monitor, f.window_start, f.window_end, f.segment, 'fairness', concat_ws(': ', f.protected, f.group_name), f.metric, f.value, f.threshold,
        f.n, f.verdict, f.is_final, f.status, f.p_value
    FROM weir._fairness_scores($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) f;
END;
COMMENT ON FUNCTION weir._metric_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], text[]) IS
    'Scores of drift and fairness in one shape, without privileges. Internal.';

CREATE FUNCTION weir._detector_scores(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, labels boolean, columns int[], protected int[], only_metrics text[] DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, family text, subject text, metric text,
        value float8, threshold float8, n bigint, verdict text, is_final boolean, status text, p_value float8)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH wanted AS MATERIALIZED (
        SELECT * FROM weir._monitor_detectors(monitor_id) d WHERE only_metrics IS NULL OR d.name = ANY (only_metrics)
    ), readings AS (
        -- A detector begins with the first window that there is, whatever is asked for; without a detector nothing is read.
        SELECT w.ordinal, w.name, w.detector, w.options, r.monitor, r.window_start, r.window_end, r.segment, r.column_name::text AS subject, r.n,
            r.is_final, r.status,
            CASE w.metric WHEN 'n' THEN r.n WHEN 'null_share' THEN r.null_share WHEN 'distinct_count' THEN r.distinct_count WHEN 'mean' THEN r.mean
                WHEN 'stddev' THEN r.stddev WHEN 'min' THEN r.min WHEN 'p25' THEN r.p25 WHEN 'p50' THEN r.p50 WHEN 'p75' THEN r.p75
                WHEN 'p95' THEN r.p95 WHEN 'p99' THEN r.p99 WHEN 'max' THEN r.max END AS value
        FROM (SELECT $1 AS monitor_id FROM wanted WHERE is_statistic LIMIT 1) g
            CROSS JOIN LATERAL weir._window_stats(g.monitor_id, $2, $3, NULL, $5, $6, $7, $8, $9) r
            JOIN wanted w ON w.is_statistic AND (w.column_name IS NULL OR w.column_name = r.column_name::text)
                AND (r.kind = 'numeric' OR w.metric IN ('n', 'null_share', 'distinct_count'))
        UNION ALL
        SELECT w.ordinal, w.name, w.detector, w.options, r.monitor, r.window_start, r.window_end, r.segment, r.subject, r.n, r.is_final, r.status, r.value
        FROM (SELECT $1 AS monitor_id, array_agg(DISTINCT metric) AS metrics FROM wanted WHERE NOT is_statistic AND NOT is_row HAVING count(*) > 0) g
            CROSS JOIN LATERAL weir._metric_scores(g.monitor_id, $2, $3, NULL, $5, $6, $7, $8, $9, g.metrics) r
            JOIN wanted w ON w.metric = r.metric AND (w.column_name IS NULL OR w.column_name = r.subject)
    ), judged AS (
        SELECT readings.*,
            weir.detect(CASE WHEN status = 'ok' AND abs(value) <= 1e140 THEN value END, detector, options)
                OVER (PARTITION BY ordinal, subject, segment ORDER BY window_start) AS signal
        FROM readings
    )
    SELECT monitor, window_start, window_end, segment, 'detector', subject, name,
        CASE signal WHEN 'stable' THEN 0 WHEN 'warning' THEN 1 WHEN 'drift' THEN 2 END, 1, n,
        CASE signal WHEN 'stable' THEN 'ok' WHEN 'warning' THEN 'warning' WHEN 'drift' THEN 'alert' END, is_final,
        CASE WHEN status = 'ok' AND signal IS NULL THEN 'undefined' ELSE status END, NULL::float8
    FROM judged WHERE $4 IS NULL OR window_start >= $4
    UNION ALL
    -- What detectors over rows have found, pane by pane.
    SELECT p.monitor, p.window_start, p.window_end, NULL, 'detector', coalesce(w.column_name, g.prediction), w.name, x.value, 1, coalesce(x.n, 0),
        CASE WHEN x.status = 'ok' THEN CASE x.value WHEN 0 THEN 'ok' WHEN 1 THEN 'warning' ELSE 'alert' END END, p.is_final, x.status, NULL
    FROM (SELECT m.monitor_id, m.prediction::text, m.label::text FROM weir.monitor m WHERE m.monitor_id = $1 AND EXISTS (SELECT FROM wanted WHERE is_row)) g
        CROSS JOIN LATERAL weir._windows(g.monitor_id, $2, $3, $4, $5, false, $7, $8, $9) p
        JOIN wanted w ON w.is_row
            -- Both columns of an error must be readable, or the one of a value.
            AND ($8 IS NULL OR (w.metric = 'value' OR $7)
                AND EXISTS (SELECT FROM weir.monitor_column c WHERE c.monitor_id = $1 AND c.column_name::text = coalesce(w.column_name, g.prediction) AND c.ordinal = ANY ($8)))
        JOIN weir.row_detector r ON r.monitor_id = $1 AND r.name = w.name,
        LATERAL (SELECT sum(d.n)::bigint AS n,
                     CASE WHEN r.disabled_reason IS NOT NULL THEN 'undefined'
                          WHEN p.window_end > r.read_until OR coalesce(sum(d.n), 0) = 0 THEN 'insufficient' ELSE 'ok' END AS status,
                     CASE WHEN r.disabled_reason IS NOT NULL OR p.window_end > r.read_until OR coalesce(sum(d.n), 0) = 0 THEN NULL
                          WHEN sum(d.n_drifts) > 0 THEN 2 WHEN sum(d.n_warnings) > 0 THEN 1 ELSE 0 END AS value
                 FROM weir.row_detector_pane d WHERE d.monitor_id = $1 AND d.name = w.name AND d.pane_start >= p.window_start AND d.pane_start < p.window_end) x;
END;
COMMENT ON FUNCTION weir._detector_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], text[]) IS
    'What the detectors of a monitor (option detectors) say after each window, without privileges. Internal.';

CREATE FUNCTION weir._statistic_names() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN ARRAY['rows', 'late_rows', 'n', 'null_share', 'distinct_count', 'mean', 'stddev', 'min', 'p25', 'p50', 'p75', 'p95', 'p99', 'max'];
COMMENT ON FUNCTION weir._statistic_names() IS 'Statistics of windows that rules may watch. Internal.';

-- Only where asked for by name: they are of the database, not of the data.
CREATE FUNCTION weir._capture_scores(monitor_id int, since timestamptz, until timestamptz, only_metrics text[])
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, family text, subject text, metric text,
        value float8, threshold float8, n bigint, verdict text, is_final boolean, status text, p_value float8)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT m.name, h.minute, h.minute + interval '1 minute', NULL, 'capture', NULL, x.metric, x.value, NULL::float8, h.samples, NULL,
        h.minute + interval '1 minute' <= now(), 'ok', NULL::float8
    FROM weir.monitor m, weir.capture_minute h,
        LATERAL (VALUES ('capture_lag', h.lag), ('capture_lag_bytes', h.lag_bytes), ('capture_wal_kept_bytes', h.wal_kept_bytes),
                        ('capture_gaps', h.gaps), ('time_without_rows', (h.quiet ->> m.monitor_id::text)::float8)) x (metric, value)
    WHERE m.monitor_id = $1 AND x.value IS NOT NULL AND x.metric = ANY (only_metrics) AND h.minute >= coalesce(since, '-infinity') AND h.minute < coalesce(until, 'infinity');
END;
COMMENT ON FUNCTION weir._capture_scores(int, timestamptz, timestamptz, text[]) IS
    'Minutes of weir.capture_history as scores, of the metrics of capture that only_metrics names. Internal.';

-- Only where asked for by name: weir.window_stats shows them all. n is NULL where the value itself counts rows: then no number of rows is too small.
CREATE FUNCTION weir._statistic_scores(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, labels boolean, columns int[], only_metrics text[])
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, family text, subject text, metric text,
        value float8, threshold float8, n bigint, verdict text, is_final boolean, status text, p_value float8)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.monitor, r.window_start, r.window_end, r.segment, 'statistics', r.column_name::text, x.metric, x.value, NULL::float8,
        CASE WHEN x.metric <> 'n' THEN r.n + CASE x.metric WHEN 'null_share' THEN r.null_count ELSE 0 END END, NULL::text, r.is_final,
        CASE WHEN x.metric IN ('n', 'null_share') AND r.status = 'insufficient' THEN 'ok' ELSE r.status END, NULL::float8
    FROM (SELECT $1 AS monitor_id WHERE only_metrics && weir._statistic_names() AND NOT only_metrics <@ ARRAY['rows', 'late_rows']) g
        CROSS JOIN LATERAL weir._window_stats(g.monitor_id, $2, $3, $4, $5, $6, $7, $8, NULL) r,
        LATERAL (VALUES ('n', r.n::float8), ('null_share', r.null_share), ('distinct_count', r.distinct_count), ('mean', r.mean), ('stddev', r.stddev),
                        ('min', r.min), ('p25', r.p25), ('p50', r.p50), ('p75', r.p75), ('p95', r.p95), ('p99', r.p99), ('max', r.max)) x (metric, value)
    WHERE x.metric = ANY (only_metrics) AND (r.kind = 'numeric' OR x.metric IN ('n', 'null_share', 'distinct_count'))
    UNION ALL
    SELECT w.monitor, w.window_start, w.window_end, w.segment, 'statistics', NULL, x.metric, x.value, NULL, NULL, NULL, w.is_final,
        CASE w.status WHEN 'insufficient' THEN 'ok' ELSE w.status END, NULL
    FROM (SELECT $1 AS monitor_id WHERE only_metrics && ARRAY['rows', 'late_rows']) g
        CROSS JOIN LATERAL weir._windows(g.monitor_id, $2, $3, $4, $5, $6, $7, $8, NULL) w,
        LATERAL (VALUES ('rows', w.n), ('late_rows', w.n_late)) x (metric, value)
    WHERE x.metric = ANY (only_metrics);
END;
COMMENT ON FUNCTION weir._statistic_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], text[]) IS
    'Those statistics of weir.window_stats and weir.windows as scores that only_metrics names. Internal.';

REVOKE ALL ON FUNCTION weir._final_before(int), weir._pane_windows(int, text, interval, interval, timestamptz, timestamptz, boolean, int[]), weir._settings(int, text[]),
    weir._status(boolean, int, bigint, bigint, text),
    weir._windows(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[]),
    weir._window_stats(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[]),
    weir._window_distributions(int, interval, interval, timestamptz, timestamptz, boolean, int[]),
    weir._drift_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], text[]),
    weir._drift_values(int, interval, interval, timestamptz, timestamptz, boolean, int[], text[]),
    weir._learnt_thresholds(int, interval, interval, boolean, int[], text[]), weir._column_metrics(jsonb, name, text[], text[]),
    weir._fairness_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], text[]),
    weir._metric_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], text[]),
    weir._detector_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], text[]),
    weir._capture_scores(int, timestamptz, timestamptz, text[]),
    weir._statistic_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], text[])
    FROM PUBLIC;

-- ---- for everybody: functions and the views over all monitors that one may read --------------------------------------------------------

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
