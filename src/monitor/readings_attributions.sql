-- monitor: whether models rest on other features than in the baseline -------------------------------------------------------------------------

-- Panes count by their rows, however many of them were explained.
CREATE FUNCTION weir._window_attributions(monitor_id int, model text, since timestamptz, until timestamptz)
    RETURNS TABLE (feature text, mean_absolute float8, share float8, baseline_mean_absolute float8, baseline_share float8, n bigint, n_baseline bigint, n_rows bigint)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH f AS (
        SELECT u.feature, sum(u.absolute * r.n) / sum(r.n)::float8 AS absolute,
            sum(u.baseline_absolute * r.n) / sum(r.n)::float8 AS baseline_absolute,
            sum(p.n)::bigint AS n, max(p.n_baseline) AS n_baseline, sum(r.n)::bigint AS n_rows
        FROM weir.attribution_pane p, unnest(p.features, p.absolute, p.baseline_absolute) u (feature, absolute, baseline_absolute),
            LATERAL (SELECT greatest(p.n_rows, p.n) AS n) r      -- while capture lags the pane may hold fewer than the table
        WHERE p.monitor_id = $1 AND p.model = $2 AND p.pane_start >= $3 AND p.pane_start < $4 AND p.n > 0 GROUP BY u.feature)
    SELECT f.feature, f.absolute, f.absolute / nullif(sum(f.absolute) OVER (), 0),
        f.baseline_absolute, f.baseline_absolute / nullif(sum(f.baseline_absolute) OVER (), 0), f.n, f.n_baseline, f.n_rows FROM f;
END;
COMMENT ON FUNCTION weir._window_attributions(int, text, timestamptz, timestamptz) IS 'Contributions of features in the panes that begin in [since, until), beside those in the baseline. Internal.';

CREATE FUNCTION weir._attribution_scores(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz, columns int[], only_metrics text[])
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, family text, subject text, metric text,
        value float8, threshold float8, n bigint, verdict text, is_final boolean, status text, p_value float8)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.monitor, w.window_start, w.window_end, NULL, 'attribution', a.model, x.metric, CASE WHEN f.n_baseline > 0 THEN d.value END, x.threshold, coalesce(f.n, 0),
        CASE WHEN s.status = 'ok' THEN d.verdict END, w.is_final AND w.window_end <= a.read_until, s.status, NULL::float8
    FROM (SELECT $1 AS monitor_id WHERE ($7 IS NULL OR $7 && weir._attribution_metric_names()) AND EXISTS (SELECT FROM weir.attribution e WHERE e.monitor_id = $1)
              -- Who may not read all columns that are summarized learns nothing of models that rest on them.
              AND ($6 IS NULL OR NOT EXISTS (SELECT FROM weir.monitor_column c WHERE c.monitor_id = $1 AND c.retired_at IS NULL AND c.ordinal <> ALL ($6)))) g
        CROSS JOIN LATERAL weir._windows(g.monitor_id, $2, $3, $4, $5, false, true, $6, NULL) w
        CROSS JOIN LATERAL weir._settings(g.monitor_id) o
        JOIN weir.attribution a ON a.monitor_id = g.monitor_id,
        LATERAL (SELECT array_agg(ROW(u.feature, u.mean_absolute, u.share, NULL, u.n)::weir.feature_attribution) AS current,
                     array_agg(ROW(u.feature, u.baseline_mean_absolute, u.baseline_share, NULL, u.n_baseline)::weir.feature_attribution) AS baseline,
                     max(u.n) AS n, max(u.n_baseline) AS n_baseline, max(u.n_rows) AS n_rows
                 FROM weir._window_attributions(g.monitor_id, a.model, w.window_start, w.window_end) u) f
        CROSS JOIN (VALUES ('attribution_ndcg_loss', 0.1::float8), ('attribution_total_variation', 0.2)) x (metric, threshold)
        LEFT JOIN LATERAL weir.attribution_drift(f.baseline, f.current) d ON d.metric = x.metric,
        LATERAL (SELECT CASE WHEN w.status IN ('stale', 'gap') THEN w.status WHEN f.n IS NULL OR f.n_rows < o.min_n OR w.window_end > a.read_until THEN 'insufficient'
                     WHEN f.n_baseline = 0 THEN 'no_baseline' WHEN d.value IS NULL THEN 'undefined' ELSE 'ok' END AS status) s
    WHERE ($7 IS NULL OR x.metric = ANY ($7)) AND (f.n IS NOT NULL OR a.disabled_reason IS NULL AND w.window_end > a.read_until);
END;
COMMENT ON FUNCTION weir._attribution_scores(int, interval, interval, timestamptz, timestamptz, int[], text[]) IS
    'Drift of the contributions of features as scores, without privileges. Internal.';

CREATE VIEW weir.window_attributions WITH (security_barrier) AS
    SELECT m.monitor, a.model, p.pane_start AS window_start, p.version, u.feature, u.absolute AS mean_absolute, u.absolute / nullif(t.absolute, 0) AS share,
        u.baseline_absolute / nullif(t.baseline_absolute, 0) AS baseline_share,
        p.n, p.n_baseline, p.n_rows, a.read_until, a.disabled_reason, a.waiting_reason
    FROM weir.monitors m JOIN weir.monitor o ON o.name = m.monitor JOIN weir.attribution a ON a.monitor_id = o.monitor_id
        LEFT JOIN weir.attribution_pane p ON p.monitor_id = a.monitor_id AND p.model = a.model
        LEFT JOIN LATERAL unnest(p.features, p.absolute, p.baseline_absolute) u (feature, absolute, baseline_absolute) ON true
        LEFT JOIN LATERAL (SELECT sum(s.absolute) AS absolute, sum(s.baseline_absolute) AS baseline_absolute FROM unnest(p.absolute, p.baseline_absolute) s (absolute, baseline_absolute)) t ON true
    WHERE has_table_privilege(m.source, 'SELECT');
COMMENT ON VIEW weir.window_attributions IS
    'What each feature contributes to what a model says of the rows of a monitor''s panes (window_start: where one begins), of tables that one may read wholly: mean absolute contribution and its share in the sum over all features (0 to 1) beside that of the baseline, explained by the same version (NULL: the learner as it was). '
    'Of a learner of the monitor (weir.create_learner), or of the monitor''s model where its champion has a signature with a learner; where the baseline is a range. n: rows explained of the pane''s n_rows, at most some 1000, by a hash of the row; n_baseline: of the baseline. Scores: family attribution of '
    'weir.scores. read_until: rows before it have been read, as soon as their windows were final; panes are read again when rows came late. disabled_reason: why the model is not explained; waiting_reason: what failed lately, and is tried again. One row with NULLs before the first pane.';
GRANT SELECT ON weir.window_attributions TO PUBLIC;

REVOKE ALL ON FUNCTION weir._window_attributions(int, text, timestamptz, timestamptz),
    weir._attribution_scores(int, interval, interval, timestamptz, timestamptz, int[], text[]) FROM PUBLIC;
