-- monitor: windows over panes and their scores ----------------------------------------------------------------------------------------------
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
