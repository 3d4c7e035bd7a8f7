-- monitor: performance of the model per window ---------------------------------------------------------------------------------------------------

CREATE FUNCTION weir._performance_settings(monitor_id int, only_metrics text[] DEFAULT NULL)
    RETURNS TABLE (threshold float8, calibrate text, estimates boolean, estimates_decisions boolean, thresholds jsonb, metrics text[], ordinals int[], has_score boolean, has_decision boolean,
        primary_metric text, k float8, learn_since timestamptz, learn_until timestamptz, beta float8, n_features int, quantile float8, classes text[])
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 1 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((o.performance ->> 'threshold')::float8, 0.5), coalesce(o.performance ->> 'calibrate', 'auto'),
        coalesce((o.performance ->> 'estimate')::boolean, true), o.performance ? 'threshold' OR NOT d.has_decision, coalesce(o.performance -> 'thresholds', '{}'),
        w.metrics, d.ordinals, d.has_score, d.has_decision,
        CASE WHEN w.metrics IS NOT NULL THEN w.metrics[1] WHEN d.has_score THEN 'roc_auc' WHEN d.has_decision THEN 'balanced_accuracy' WHEN d.has_class THEN 'macro_f1'
             ELSE 'mean_absolute_error' END,
        CASE WHEN o.learning ->> 'method' IS DISTINCT FROM 'none' THEN coalesce((o.learning ->> 'k')::float8, 3) END,
        coalesce((o.learning ->> 'since')::timestamptz, b.since), coalesce((o.learning ->> 'until')::timestamptz, b.until),
        (o.performance ->> 'beta')::float8, (o.performance ->> 'n_features')::int, (o.performance ->> 'quantile')::float8,
        CASE WHEN d.has_probabilities THEN ARRAY(SELECT jsonb_array_elements_text(m.options -> 'classes')) END
    FROM weir.monitor m LEFT JOIN weir.baseline b USING (monitor_id),
        LATERAL (SELECT m.options -> 'performance' AS performance,
                     CASE jsonb_typeof(m.options -> 'learn_thresholds') WHEN 'string' THEN jsonb_build_object('method', m.options -> 'learn_thresholds')
                         WHEN 'object' THEN m.options -> 'learn_thresholds' END AS learning) o,
        LATERAL (SELECT array_agg(c.ordinal ORDER BY c.ordinal) AS ordinals, coalesce(bool_or(c.derivation = 'binary_performance'), false) AS has_score,
                     coalesce(bool_or(c.derivation = 'decision_performance'), false) AS has_decision,
                     coalesce(bool_or(c.derivation = 'class_performance'), false) AS has_class,
                     coalesce(bool_or(c.derivation LIKE E'probability\\_%'), false) AS has_probabilities
                 FROM weir.derived_column c WHERE c.monitor_id = m.monitor_id AND c.derivation LIKE E'%\\_performance') d,
        -- NULL: all of them.
        LATERAL (SELECT CASE WHEN m.metrics IS NULL AND only_metrics IS NULL THEN NULL
                             ELSE ARRAY(SELECT u FROM unnest(coalesce(m.metrics, only_metrics)) u
                                        WHERE weir.performance_metric_name(u) = u AND (only_metrics IS NULL OR u = ANY (only_metrics))) END AS metrics) w
    WHERE m.monitor_id = $1;
END;
COMMENT ON FUNCTION weir._performance_settings(int, text[]) IS
    'What the readings of a monitor''s performance depend on; ordinals NULL: it has none. k: how many standard deviations around the mean of the windows that begin in '
    '[learn_since, learn_until) thresholds are; NULL: they are not learnt. Internal.';

CREATE FUNCTION weir._performances(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz, segments boolean, ordinals int[])
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, segment text, n bigint, n_labelled bigint, marks int, derivation text, performance weir.performance,
        baseline weir.performance, baseline_of timestamptz)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- A baseline that does not move is put together once, for the first window; baseline_of says for which.
    WITH parts AS MATERIALIZED (
        SELECT p.window_start, p.window_end, p.segment, p.n, p.n_labelled, bit_or(p.marks) AS marks, d.derivation, array_agg(d.part ORDER BY d.ordinal) AS names,
            array_agg(p.summary ORDER BY d.ordinal) AS summaries, array_agg(p.baseline ORDER BY d.ordinal) AS baselines,
            CASE WHEN m.moving IS NOT NULL THEN p.window_start ELSE min(p.window_start) OVER (PARTITION BY p.segment, d.derivation) END AS baseline_of
        FROM weir._pane_windows(monitor_id, 'drift', window_size, slide, since, until, segments, ordinals) p
            JOIN weir.derived_column d ON d.monitor_id = $1 AND d.ordinal = p.item
            LEFT JOIN weir.baseline m ON m.monitor_id = $1
        GROUP BY p.window_start, p.window_end, p.segment, p.n, p.n_labelled, d.derivation, m.moving
    ), baselines AS MATERIALIZED (
        SELECT p.segment, p.derivation, p.window_start, weir._performance_of(p.derivation, 0, p.names, p.baselines) AS performance FROM parts p WHERE p.window_start = p.baseline_of
    )
    SELECT p.window_start, p.window_end, p.segment, p.n, p.n_labelled, p.marks, p.derivation, weir._performance_of(p.derivation, p.n, p.names, p.summaries), b.performance, p.baseline_of
    FROM parts p LEFT JOIN baselines b ON b.window_start = p.baseline_of AND b.derivation = p.derivation AND b.segment IS NOT DISTINCT FROM p.segment;
END;
COMMENT ON FUNCTION weir._performances(int, interval, interval, timestamptz, timestamptz, boolean, int[]) IS
    'The performance of each window and of its baseline, put together from the summaries at these ordinals; windows of the same segment and derivation with the same baseline_of have the same '
    'baseline. Internal.';

CREATE FUNCTION weir._performance_values(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz, segments boolean,
    only_metrics text[], estimates boolean)
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, segment text, n_rows bigint, n_labelled bigint, marks int, derivation text, metric text, value float8,
        low float8, high float8, n bigint, status text, error_bound float8, is_estimate boolean, baseline_value float8)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH settings AS MATERIALIZED (
        SELECT s.*, g.confidence FROM weir._performance_settings(monitor_id, only_metrics) s, weir._settings(monitor_id, '{}') g
        WHERE s.ordinals IS NOT NULL AND s.metrics IS DISTINCT FROM '{}'
    ), performances AS MATERIALIZED (
        SELECT p.* FROM settings s, LATERAL weir._performances($1, window_size, slide, since, until, segments, s.ordinals) p
    ), baselines AS MATERIALIZED (
        -- Once for all windows that have the same one.
        SELECT p.segment, p.derivation, p.window_start, b.metrics, b.values, (weir.performance_counts(p.baseline)).n
        FROM settings s, performances p,
            LATERAL (SELECT array_agg(v.metric) AS metrics, array_agg(v.value) AS values
                     FROM weir.performance_metrics(p.baseline, s.threshold, NULL, s.confidence, 1, s.beta, s.n_features, s.quantile) v) b
        WHERE p.window_start = p.baseline_of
    ), compared AS MATERIALIZED (
        SELECT p.*, b.metrics AS baseline_metrics, b.values AS baseline_values, b.n AS baseline_n
        FROM performances p LEFT JOIN baselines b ON b.window_start = p.baseline_of AND b.derivation = p.derivation AND b.segment IS NOT DISTINCT FROM p.segment
    ), class_windows AS MATERIALIZED (
        SELECT p.window_start, p.window_end, p.segment, p.n, p.n_labelled, bit_or(p.marks) AS marks, p.baseline_of,
            array_agg(p.performance ORDER BY p.class_number) FILTER (WHERE p.derivation LIKE E'probability\\_%') AS labels,
            array_agg(p.performance ORDER BY p.class_number) FILTER (WHERE p.derivation LIKE E'choice\\_%') AS choices,
            array_agg(p.baseline ORDER BY p.class_number) FILTER (WHERE p.derivation LIKE E'probability\\_%') AS baseline_labels,
            coalesce(bool_and(weir._can_estimate(p.baseline, p.performance, p.calibrate) AND (weir.performance_counts(p.baseline)).n > 0)
                         FILTER (WHERE p.derivation LIKE E'probability\\_%'), false) AND count(p.baseline) = count(*) AS has_baseline
        FROM (SELECT q.*, split_part(q.derivation, '_', 2)::int AS class_number, s.calibrate FROM settings s, performances q
              WHERE q.derivation LIKE ANY (E'{probability\\\\_%,choice\\\\_%}')) p
        GROUP BY p.window_start, p.window_end, p.segment, p.n, p.n_labelled, p.baseline_of
        HAVING count(p.performance) = count(*)
    ), class_baselines AS MATERIALIZED (
        SELECT c.segment, c.window_start, x.metric, x.value FROM settings s, class_windows c, LATERAL weir.class_ranking(s.classes, c.baseline_labels, s.confidence) x
        WHERE c.window_start = c.baseline_of AND c.has_baseline AND x.class_name IS NULL
    )
    SELECT p.window_start, p.window_end, p.segment, p.n, p.n_labelled, p.marks, p.derivation, x.metric, x.value, x.low, x.high, x.n,
        CASE WHEN p.n_labelled = 0 THEN 'no_labels' ELSE x.status END, x.error_bound, false, p.baseline_values[array_position(p.baseline_metrics, x.metric)]
    FROM settings s, compared p,
        LATERAL (SELECT v.metric, v.value, v.low, v.high, v.n, v.status, v.error_bound
                 FROM weir.performance_metrics(p.performance, s.threshold, NULL, s.confidence, 1, s.beta, s.n_features, s.quantile) v
                     JOIN weir._performance_metric_list() l USING (metric)
                 WHERE (s.metrics IS NULL OR v.metric = ANY (s.metrics))
                   -- Decisions are those of the prediction where there is one, else the score's. Probabilities of classes come together, below.
                   AND p.derivation NOT LIKE ALL (E'{probability\\\\_%,choice\\\\_%}')
                   AND CASE p.derivation WHEN 'binary_performance' THEN l.of_scores OR NOT s.has_decision WHEN 'decision_performance' THEN NOT l.of_scores ELSE true END) x
    UNION ALL
    SELECT p.window_start, p.window_end, p.segment, p.n, p.n_labelled, p.marks, p.derivation, x.metric, x.value, x.low, x.high, x.n, x.status, NULL, true,
        p.baseline_values[array_position(p.baseline_metrics, x.metric)]
    FROM settings s, compared p,
        LATERAL (SELECT v.metric, v.value, v.low, v.high, v.n, v.status
                 FROM weir.estimate_performance(p.baseline, p.performance, s.threshold, s.calibrate, s.confidence, 1) v
                     JOIN weir._performance_metric_list() l USING (metric)
                 WHERE (s.metrics IS NULL OR v.metric = ANY (s.metrics))
                   -- Where the prediction decides, nobody knows from which score on, unless it is said.
                   AND (l.of_scores OR v.metric = 'base_rate' OR s.estimates_decisions)) x
    WHERE $8 AND s.estimates AND p.derivation = 'binary_performance' AND weir._can_estimate(p.baseline, p.performance, s.calibrate)
    UNION ALL
    -- The errors of a regression, expected from how its predictions are distributed.
    SELECT p.window_start, p.window_end, p.segment, p.n, p.n_labelled, p.marks, p.derivation, x.metric, x.value, x.low, x.high, x.n, x.status, NULL, true,
        p.baseline_values[array_position(p.baseline_metrics, x.metric)]
    FROM settings s JOIN weir.loss_model l ON l.monitor_id = $1 JOIN weir.monitor m ON m.monitor_id = $1
            JOIN weir.monitor_column c ON c.monitor_id = $1 AND c.column_name = m.prediction AND c.kind = 'numeric'
                AND c.data_type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'float4'::regtype, 'float8'::regtype, 'numeric'::regtype),
        LATERAL weir._pane_windows($1, 'summaries', $2, $3, $4, $5, $6, ARRAY[c.ordinal]) w
            JOIN compared p ON p.window_start = w.window_start AND p.segment IS NOT DISTINCT FROM w.segment AND p.derivation = 'regression_performance',
        LATERAL (SELECT v.metric, v.value, v.low, v.high, v.n, v.status
                 FROM unnest(weir.estimate_regression(w.summary, l.model, s.confidence)) v
                 WHERE s.metrics IS NULL OR v.metric = ANY (s.metrics)) x
    WHERE $8 AND s.estimates
    UNION ALL
    -- One row says that there is nothing to be had.
    SELECT p.window_start, p.window_end, p.segment, p.n, p.n_labelled, p.marks, p.derivation, s.primary_metric, NULL, NULL, NULL, NULL, 'undefined', NULL, false, NULL
    FROM settings s, performances p
    WHERE p.performance IS NULL AND p.derivation NOT LIKE ALL (E'{probability\\\\_%,choice\\\\_%}') AND (p.derivation <> 'decision_performance' OR NOT s.has_score)
    UNION ALL
    -- Several classes, each against the rest: realised, and expected.
    SELECT c.window_start, c.window_end, c.segment, c.n, c.n_labelled, c.marks, 'class_performance', x.metric, x.value, x.low, x.high, x.n,
        CASE WHEN c.n_labelled = 0 THEN 'no_labels' ELSE x.status END, x.error_bound, false, b.value
    FROM settings s CROSS JOIN class_windows c CROSS JOIN LATERAL weir.class_ranking(s.classes, c.labels, s.confidence) x
        LEFT JOIN class_baselines b ON b.window_start = c.baseline_of AND b.segment IS NOT DISTINCT FROM c.segment AND b.metric = x.metric
    WHERE x.class_name IS NULL AND (s.metrics IS NULL OR x.metric = ANY (s.metrics))
    UNION ALL
    SELECT c.window_start, c.window_end, c.segment, c.n, c.n_labelled, c.marks, 'class_performance', x.metric, x.value, x.low, x.high, x.n, x.status, NULL, true, x.baseline_value
    FROM settings s CROSS JOIN class_windows c CROSS JOIN LATERAL (
        SELECT e.metric, e.value, e.low, e.high, e.n, e.status, p.baseline_values[array_position(p.baseline_metrics, e.metric)] AS baseline_value
        FROM weir.estimate_classes(c.baseline_labels, c.choices, s.calibrate, s.confidence) e
            LEFT JOIN compared p ON p.window_start = c.window_start AND p.segment IS NOT DISTINCT FROM c.segment AND p.derivation = 'class_performance'
        UNION ALL
        SELECT 'macro_roc_auc', avg(e.value), avg(e.low), avg(e.high), max(e.n), CASE WHEN count(e.value) = cardinality(s.classes) THEN 'ok' ELSE 'undefined' END, b.value
        FROM unnest(c.baseline_labels, c.labels) u (reference, current), LATERAL weir.estimate_performance(u.reference, u.current, 0.5, s.calibrate, s.confidence, 1) e
            LEFT JOIN class_baselines b ON b.window_start = c.baseline_of AND b.segment IS NOT DISTINCT FROM c.segment AND b.metric = 'macro_roc_auc'
        WHERE e.metric = 'roc_auc' GROUP BY b.value) x
    WHERE $8 AND s.estimates AND c.has_baseline AND (s.metrics IS NULL OR x.metric = ANY (s.metrics));
END;
COMMENT ON FUNCTION weir._performance_values(int, interval, interval, timestamptz, timestamptz, boolean, text[], boolean) IS
    'Performance per window, with that of the baseline, before thresholds; estimates: those without labels too. Internal.';

-- As wide as the metric wandered among the windows of the reference (NannyML's threshold).
CREATE FUNCTION weir._learnt_performance(monitor_id int, window_size interval, slide interval, segments boolean, only_metrics text[])
    RETURNS TABLE (segment text, metric text, lowest float8, highest float8, learnt jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.segment, r.metric, CASE WHEN r.mean - r.k * r.stddev >= l.lowest THEN r.mean - r.k * r.stddev END,
        CASE WHEN r.mean + r.k * r.stddev <= l.highest THEN r.mean + r.k * r.stddev END,
        jsonb_build_object('method', 'stddev', 'windows', r.n, 'mean', r.mean, 'stddev', r.stddev)
    FROM (SELECT v.segment, v.metric, s.k, count(*) AS n, avg(v.value) AS mean, stddev_samp(v.value) AS stddev
          FROM weir._performance_settings(monitor_id, only_metrics) s, weir._settings(monitor_id, '{}') g,
            LATERAL weir._performance_values($1, window_size, slide, s.learn_since, s.learn_until, segments, only_metrics, false) v
          WHERE s.k IS NOT NULL AND s.learn_since < s.learn_until AND v.window_end <= s.learn_until AND v.status = 'ok' AND v.marks & 69 = 0 AND v.n >= g.min_n
          GROUP BY v.segment, v.metric, s.k) r
        JOIN weir._performance_metric_list() l USING (metric)
    WHERE r.n >= 3;
END;
COMMENT ON FUNCTION weir._learnt_performance(int, interval, interval, boolean, text[]) IS
    'Thresholds of performance from the windows of the baseline''s range; no row where fewer than three could teach, no end beyond what the metric can reach. Internal.';

CREATE FUNCTION weir._performance_scores(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, may_see boolean, only_metrics text[] DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, metric text, value float8, low float8, high float8,
        baseline_value float8, threshold float8, n bigint, label_share float8, is_estimate boolean, verdict text, is_final boolean, status text, is_primary boolean,
        error_bound float8, subject text, detail jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH learnt AS MATERIALIZED (
        SELECT * FROM weir._learnt_performance(monitor_id, window_size, slide, segments, only_metrics) WHERE may_see
    ), judged AS (
        SELECT g.monitor, v.window_start, v.window_end, v.segment, v.metric, v.value, v.low, v.high, v.baseline_value, v.n,
            v.n_labelled::float8 / nullif(v.n_rows, 0) AS label_share, v.is_estimate, coalesce(v.window_end <= g.final_before, false) AS is_final,
            weir._status(coalesce(v.window_start < g.gap_until, false), v.marks, v.n, g.min_n, v.status) AS status,
            v.metric = s.primary_metric AND NOT v.is_estimate AS is_primary, v.error_bound, coalesce(m.better, 0) AS better,
            CASE WHEN v.derivation = 'binary_performance' THEN d.score::text ELSE d.prediction::text END || CASE WHEN v.is_estimate THEN ': estimated' ELSE '' END AS subject,
            CASE WHEN t.given IS NULL THEN l.lowest
                 WHEN jsonb_typeof(t.given) = 'array' THEN (t.given ->> 0)::float8 WHEN m.better = 1 THEN (t.given #>> '{}')::float8 END AS lowest,
            CASE WHEN t.given IS NULL THEN l.highest
                 WHEN jsonb_typeof(t.given) = 'array' THEN (t.given ->> 1)::float8 WHEN m.better = -1 THEN (t.given #>> '{}')::float8 END AS highest,
            CASE WHEN t.given IS NULL THEN l.learnt END AS learnt
        FROM weir.monitor d, weir._performance_settings($1, $8) s, weir._settings($1, '{}') g,
            LATERAL weir._performance_values($1, $2, $3, $4, $5, $6, $8, true) v
            LEFT JOIN weir._performance_metric_list() m USING (metric)
            LEFT JOIN learnt l ON l.metric = v.metric AND l.segment IS NOT DISTINCT FROM v.segment,
            LATERAL (SELECT s.thresholds -> v.metric AS given) t
        WHERE d.monitor_id = $1 AND may_see
    )
    SELECT j.monitor, j.window_start, j.window_end, j.segment, j.metric, j.value, j.low, j.high, j.baseline_value,
        -- The side on which it is worse; where neither is, the nearer one.
        CASE WHEN j.better = 1 THEN j.lowest WHEN j.better = -1 THEN j.highest WHEN abs(j.value - j.lowest) <= abs(j.highest - j.value) * (1 + 1e-9) THEN j.lowest
             ELSE coalesce(j.highest, j.lowest) END,
        j.n, j.label_share, j.is_estimate,
        CASE WHEN j.status <> 'ok' THEN NULL
             WHEN (j.better >= 0 AND j.value < j.lowest) OR (j.better <= 0 AND j.value > j.highest) THEN 'alert'
             WHEN CASE j.better WHEN 1 THEN j.lowest WHEN -1 THEN j.highest ELSE coalesce(j.lowest, j.highest) END IS NOT NULL OR j.learnt IS NOT NULL THEN 'ok'
             -- Without a threshold: worse than the baseline, beyond chance.
             WHEN (j.better = 1 AND j.high < j.baseline_value) OR (j.better = -1 AND j.low > j.baseline_value) THEN 'warning'
             WHEN j.better <> 0 AND j.baseline_value IS NOT NULL AND j.low IS NOT NULL THEN 'ok' END,
        j.is_final, j.status, j.is_primary, j.error_bound, j.subject,
        nullif(jsonb_strip_nulls(jsonb_build_object('learnt', j.learnt, 'lowest', j.lowest, 'highest', j.highest)), '{}')
    FROM judged j;
END;
COMMENT ON FUNCTION weir._performance_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, text[]) IS
    'weir.performance_scores without privileges, with the subject that scores have; no row unless may_see. Internal.';

CREATE FUNCTION weir._window_performances(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, may_see boolean)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, kind text, n bigint, n_labelled bigint,
        performance weir.performance, baseline weir.performance, is_final boolean, status text)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT g.monitor, p.window_start, p.window_end, p.segment,
        CASE p.derivation WHEN 'binary_performance' THEN 'score' WHEN 'class_performance' THEN 'class'
            WHEN 'regression_performance' THEN 'regression' WHEN 'decision_performance' THEN 'decision'
            ELSE split_part(p.derivation, '_', 1) || ' of ' || s.classes[split_part(p.derivation, '_', 2)::int] END, p.n, p.n_labelled,
        CASE WHEN NOT h.withheld THEN p.performance END, CASE WHEN NOT h.withheld THEN p.baseline END,
        coalesce(p.window_end <= g.final_before, false),
        weir._status(coalesce(p.window_start < g.gap_until, false), p.marks, p.n_labelled, g.min_n,
            CASE WHEN p.performance IS NULL THEN 'undefined' WHEN p.n_labelled = 0 THEN 'no_labels' ELSE 'ok' END)
    FROM weir._settings($1, '{}') g, weir._performance_settings($1) s, LATERAL weir._performances($1, $2, $3, $4, $5, $6, s.ordinals) p,
        -- Scores, numbers and classes stand in the state as they are; of decisions there are counts.
        LATERAL (SELECT p.derivation <> 'decision_performance' AND EXISTS (
                     SELECT FROM weir.monitor m, unnest(CASE p.derivation WHEN 'binary_performance' THEN ARRAY[m.score] WHEN 'class_performance' THEN ARRAY[m.label, m.prediction]
                         WHEN 'regression_performance' THEN ARRAY[m.label, m.prediction] ELSE ARRAY[m.label, m.prediction, m.score] END) u (column_name)
                         LEFT JOIN weir.monitor_column c ON c.monitor_id = $1 AND c.column_name = u.column_name
                     WHERE m.monitor_id = $1 AND weir._is_withheld(coalesce(weir.column_class(m.source, u.column_name), c.class))) AS withheld) h
    WHERE may_see AND s.ordinals IS NOT NULL;
END;
COMMENT ON FUNCTION weir._window_performances(int, interval, interval, timestamptz, timestamptz, boolean, boolean) IS
    'weir.window_performances without privileges; no row unless may_see. Internal.';

REVOKE ALL ON FUNCTION weir._performance_settings(int, text[]), weir._window_performances(int, interval, interval, timestamptz, timestamptz, boolean, boolean),
    weir._performances(int, interval, interval, timestamptz, timestamptz, boolean, int[]),
    weir._performance_values(int, interval, interval, timestamptz, timestamptz, boolean, text[], boolean),
    weir._learnt_performance(int, interval, interval, boolean, text[]),
    weir._performance_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, text[])
    FROM PUBLIC;

CREATE FUNCTION weir.performance_scores(monitor text, window_size interval DEFAULT NULL, slide interval DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, metric text, value float8, low float8, high float8,
        baseline_value float8, threshold float8, n bigint, label_share float8, is_estimate boolean, verdict text, is_final boolean, status text, is_primary boolean,
        error_bound float8, detail jsonb)
    AS 'MODULE_PATHNAME', 'weir_performance_scores' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 1000;
COMMENT ON FUNCTION weir.performance_scores(text, interval, interval, timestamptz, timestamptz) IS
    'How good the model''s predictions are per window, of monitors that have a label and a prediction or a score: the metrics of weir.performance_metrics, one row each. '
    'Ranking and probabilities are those of the score; decisions are those of the prediction, or score >= threshold (option performance) where there is none. value with its '
    'confidence interval low to high; baseline_value: the same of the baseline; n: rows in the denominator; label_share: which share of the window''s rows has a label by now, in '
    '[0, 1]; error_bound: how far value may lie from that of the rows (NULL: not known). is_estimate: what the value will be once all labels are there, expected from the scores '
    'alone, after mending them on the labelled rows of the baseline (weir.estimate_performance), or, of a regression, from the model of weir.set_loss_model; decisions among them are score >= threshold, and shown beside a prediction only where '
    'option performance says the threshold. threshold: the end on which the metric is worse, from option performance, or '
    'mean - 3 standard deviations (+ where lower is better) of the metric over the windows in the range of the baseline, if there are three (option learn_thresholds: k, since, until; '
    'none); detail has both ends. verdict: alert beyond it; without a threshold, warning where the whole interval is worse than baseline_value; NULL unless status is ok. status: ok, '
    'insufficient (n below option min_n), no_labels, undefined (an empty denominator, or not built yet), stale (a change could not be taken back from a pane: weir.rebuild mends it), '
    'gap, rolled_up. Labels that come late, as an update of their row, change the window of the prediction. Seen by who may read label, prediction and score. monitor: as in '
    'weir.monitors. window_size, slide: other windows than the monitor''s own, made of the same panes; NULL: the monitor''s (slide NULL with a window_size given: windows that do not '
    'overlap). since, until: windows that begin in [since, until). segment: NULL for all rows together, else the values of segment_by, joined by " | ", or (other). Open windows are '
    'shown too. is_final: the watermark has passed window_end plus lateness; without changes for idle_grace, the wall clock counts. Errors: 42704 no such monitor, 42501 not '
    'readable, 22023 windows that the panes do not fit, 54000 more than a million of them.';

CREATE FUNCTION weir.window_performances(monitor text, window_size interval DEFAULT NULL, slide interval DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, kind text, n bigint, n_labelled bigint,
        performance weir.performance, baseline weir.performance, is_final boolean, status text)
    AS 'MODULE_PATHNAME', 'weir_window_performances' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION weir.window_performances(text, interval, interval, timestamptz, timestamptz) IS
    'The state behind weir.performance_scores, per window and segment: performance, and that of the baseline, for weir.confusion_matrix, calibration, threshold_curve, gain_table, '
    'business_value, class_report, merge and others. kind: score (label and score), decision (label and prediction, scores of 0 and 1), class or regression; with option classes "probability of CLASS" (is it the label? its probability) and "choice of CLASS" (is it predicted?). n: rows of the window; '
    'n_labelled: those with a label. The states are NULL where they hold values of a personal or sensitive column (weir.classify_column): the score; prediction or label of classes and '
    'regressions. Windows, status, privileges and errors as in weir.performance_scores.';

CREATE VIEW weir.performance_scores WITH (security_barrier) AS
    SELECT m.monitor, r.window_start, r.window_end, r.segment, r.metric, r.value, r.low, r.high, r.baseline_value, r.threshold, r.n, r.label_share, r.is_estimate,
        r.verdict, r.is_final, r.status, r.is_primary, r.error_bound, r.detail
    FROM weir.monitors m CROSS JOIN LATERAL weir.performance_scores(m.monitor) r;
COMMENT ON VIEW weir.performance_scores IS
    'Performance of the models per window of all monitors that one may read; columns as in the function weir.performance_scores(monitor, ...), which takes a range of time and '
    'other window sizes.';
GRANT SELECT ON weir.performance_scores TO PUBLIC;
