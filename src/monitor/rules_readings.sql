-- monitor: what rules read: scores, whether they are out of bounds, and in how many of the last windows -------------------------------------
--
-- Intervals are added in the time zone of the session, which is the monitor's while a rule is evaluated.

-- Of fairness a rule sees one row per protected column, or the groups where the metric exists for groups only or one is named.
CREATE FUNCTION weir._rule_scores(rule_id int, since timestamptz, until timestamptz)
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, family text, subject text, segment text, value float8, n bigint, p_value float8,
        has_data boolean, is_decided boolean)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10000 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH asked AS (
        SELECT r.*, m.protected,
            CASE WHEN r.family = 'fairness' OR r.family = 'capture' THEN '{}'::int[]
                 WHEN r.family IN ('drift', 'statistics') AND r.column_name IS NOT NULL
                 THEN ARRAY(SELECT c.ordinal FROM weir.monitor_column c WHERE c.monitor_id = r.monitor_id AND c.column_name = r.column_name) END AS columns,
            CASE WHEN r.family IN ('drift', 'statistics', 'capture') THEN '{}'::int[] END AS protected_positions,
            r.family = 'fairness' AND NOT r.metric = ANY (weir._rate_metric_names()) AS is_over_groups,
            EXISTS (SELECT FROM weir.silence l WHERE l.applies_to = 'windows') AS has_silences
        FROM weir.rule r JOIN weir.monitor m USING (monitor_id) WHERE r.rule_id = $1
    )
    SELECT s.window_start, s.window_end, s.family, s.subject, s.segment, s.value, s.n, s.p_value,
        s.value IS NOT NULL OR s.n > 0,
        s.value IS NOT NULL AND s.value <> 'NaN' AND s.status = 'ok' AND (s.n IS NULL OR s.n >= r.min_n OR s.family = 'capture'
                OR s.family = 'quality' AND (s.subject IS NULL OR s.metric = 'schema_change'))
            AND NOT (r.has_silences AND weir._is_silenced(r.rule_id, 'windows', s.window_start, s.window_end))
    FROM asked r CROSS JOIN LATERAL weir._all_scores(r.monitor_id, NULL, NULL, $2, $3, r.segment IS NOT NULL, true, r.columns, r.protected_positions,
        ARRAY[r.metric]) s
    WHERE s.is_final AND s.family = r.family AND s.metric = r.metric AND ($3 IS NULL OR s.window_start < $3)
        AND CASE WHEN r.column_name IS NULL THEN NOT is_over_groups OR s.subject = ANY (r.protected)
                 ELSE s.subject = r.column_name OR (r.family <> 'performance' AND NOT is_over_groups AND starts_with(s.subject, r.column_name || ': ')) END
        -- Of performance: what is realised, unless the estimates are named.
        AND (r.family <> 'performance' OR r.column_name IS NOT NULL OR s.subject IS NULL OR s.subject NOT LIKE '%: estimated')
        AND CASE WHEN r.segment = '*' THEN s.segment IS NOT NULL ELSE s.segment IS NOT DISTINCT FROM r.segment END;
END;
COMMENT ON FUNCTION weir._rule_scores(int, timestamptz, timestamptz) IS
    'The final scores that a rule looks at; is_decided: they can be relied on, and there are rows enough. Internal.';

CREATE FUNCTION weir._next_value_p(value float8, mean float8, stddev float8, n bigint) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_next_value_p';
COMMENT ON FUNCTION weir._next_value_p(float8, float8, float8, bigint) IS
    'Two-sided p-value of a next value after n normal ones with this mean and sample standard deviation: Student''s t with n - 1 degrees of freedom
of (value - mean) / (stddev sqrt(1 + 1 / n)). Internal.';

-- reading: 0 within bounds, 1 out of bounds, 2 undecided, 3 no data. Frames are of the calendar: windows that are missing have nothing to say.
CREATE FUNCTION weir._rule_levels(rule_id int, since timestamptz, until timestamptz, slide interval, learnt_frame interval)
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, family text, subject text, segment text, value float8, n bigint, threshold float8,
        p_value float8, p_adjusted float8, reading int, is_warned boolean, is_uncleared boolean)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10000 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH rule AS (
        SELECT r.*, r.learn ->> 'method' AS method, r.learn ? 'since' AS has_reference, (r.learn ->> 'min_windows')::int AS min_windows,
            (r.learn ->> 'k')::float8 AS k, (r.learn ->> 'warning_k')::float8 AS warning_k, (r.learn ->> 'clear_k')::float8 AS clear_k,
            (r.learn ->> 'quantile')::float8 AS q, (r.learn ->> 'warning_quantile')::float8 AS warning_q, (r.learn ->> 'clear_quantile')::float8 AS clear_q,
            coalesce(r.learn ->> 'direction' <> 'below', true) AS is_up, coalesce(r.learn ->> 'direction' <> 'above', true) AS is_down
        FROM weir.rule r WHERE r.rule_id = $1
    ), quantiles AS (
        -- In the order in which they are read below; those that are not asked for are NULL.
        SELECT CASE WHEN r.method = 'quantile' THEN ARRAY[r.q, 1 - r.q, r.warning_q, 1 - r.warning_q, r.clear_q, 1 - r.clear_q] ELSE '{}' END AS wanted FROM rule r
    ), scored AS (
        SELECT s.*, CASE WHEN s.is_decided AND abs(s.value) < 'infinity' THEN s.value END AS taught
        FROM weir._rule_scores($1, $2 - $5, $3) s
    ), reference AS (
        SELECT s.family, s.subject, s.segment, avg(s.value) AS mean, stddev_samp(s.value) AS stddev, count(*) AS n,
            CASE WHEN r.method = 'quantile' THEN weir.quantile(weir.summarize(s.value), (SELECT wanted FROM quantiles)) END AS quantiles
        FROM rule r, LATERAL weir._rule_scores($1, (r.learn ->> 'since')::timestamptz, (r.learn ->> 'until')::timestamptz) s
        WHERE r.has_reference AND s.is_decided AND abs(s.value) < 'infinity' AND s.window_end <= (r.learn ->> 'until')::timestamptz
        GROUP BY r.method, s.family, s.subject, s.segment
    ), history AS (
        -- Only one part is executed: frames cost, where they are not asked for, too.
        SELECT s.*, NULL::float8 AS mean, NULL::float8 AS stddev, NULL::bigint AS n_taught, NULL::weir.summary AS summary
        FROM scored s WHERE (SELECT r.learn IS NULL OR r.has_reference FROM rule r)
        UNION ALL
        SELECT s.*, avg(s.taught) OVER before, stddev_samp(s.taught) OVER before, count(s.taught) OVER before, NULL
        FROM scored s WHERE (SELECT r.method = 'stddev' AND NOT r.has_reference FROM rule r)
        WINDOW before AS (PARTITION BY s.family, s.subject, s.segment ORDER BY s.window_start RANGE BETWEEN $5 PRECEDING AND $4 PRECEDING)
        UNION ALL
        SELECT s.*, NULL, NULL, count(s.taught) OVER before, weir.summarize(s.taught) OVER before
        FROM scored s WHERE (SELECT r.method = 'quantile' AND NOT r.has_reference FROM rule r)
        WINDOW before AS (PARTITION BY s.family, s.subject, s.segment ORDER BY s.window_start RANGE BETWEEN $5 PRECEDING AND $4 PRECEDING)
    ), learnt AS (
        SELECT h.window_start, h.window_end, h.family, h.subject, h.segment, h.value, h.n, h.p_value, h.has_data, h.is_decided,
            CASE WHEN r.has_reference THEN f.mean ELSE h.mean END AS mean, CASE WHEN r.has_reference THEN f.stddev ELSE h.stddev END AS stddev,
            CASE WHEN r.has_reference THEN f.n ELSE h.n_taught END AS n_taught,
            CASE WHEN r.has_reference THEN f.quantiles ELSE weir.quantile(h.summary, (SELECT wanted FROM quantiles)) END AS quantiles
        FROM rule r CROSS JOIN history h LEFT JOIN reference f
            ON f.family = h.family AND f.subject IS NOT DISTINCT FROM h.subject AND f.segment IS NOT DISTINCT FROM h.segment
        WHERE h.window_start >= $2
    ), bounded AS (
        SELECT l.*, b.*, l.is_decided AND (r.learn IS NULL OR coalesce(l.n_taught, 0) >= r.min_windows) AS is_judged,
            CASE WHEN r.method = 'stddev' THEN weir._next_value_p(l.value, l.mean, l.stddev, l.n_taught) ELSE l.p_value END AS p
        FROM rule r, learnt l, LATERAL (SELECT
            CASE WHEN r.learn IS NULL THEN r.above WHEN r.is_up THEN greatest(r.above, CASE r.method WHEN 'stddev' THEN l.mean + r.k * l.stddev ELSE l.quantiles[1] END) END,
            CASE WHEN r.learn IS NULL THEN r.below WHEN r.is_down THEN least(r.below, CASE r.method WHEN 'stddev' THEN l.mean - r.k * l.stddev ELSE l.quantiles[2] END) END,
            CASE WHEN r.learn IS NULL THEN r.warning_above WHEN r.is_up THEN CASE r.method WHEN 'stddev' THEN l.mean + r.warning_k * l.stddev ELSE l.quantiles[3] END END,
            CASE WHEN r.learn IS NULL THEN r.warning_below WHEN r.is_down THEN CASE r.method WHEN 'stddev' THEN l.mean - r.warning_k * l.stddev ELSE l.quantiles[4] END END,
            CASE WHEN r.learn IS NULL THEN r.clear_below WHEN r.is_up THEN CASE r.method WHEN 'stddev' THEN l.mean + r.clear_k * l.stddev ELSE l.quantiles[5] END END,
            CASE WHEN r.learn IS NULL THEN r.clear_above WHEN r.is_down THEN CASE r.method WHEN 'stddev' THEN l.mean - r.clear_k * l.stddev ELSE l.quantiles[6] END END)
            b (above, below, warning_above, warning_below, clear_below, clear_above)
    ), adjusted AS (
        SELECT b.*, NULL::float8 AS p_adjusted FROM bounded b WHERE (SELECT r.false_discovery_rate IS NULL FROM rule r)
        UNION ALL
        SELECT b.*, weir.adjusted_p_value(CASE WHEN b.is_judged THEN b.p END, 'benjamini_hochberg') OVER (PARTITION BY b.window_start)
        FROM bounded b WHERE (SELECT r.false_discovery_rate IS NOT NULL FROM rule r)
    ), judged AS (
        SELECT a.*, j.*
        FROM rule r, adjusted a,
            LATERAL (SELECT a.is_judged AND (r.false_discovery_rate IS NULL OR a.p_adjusted IS NOT NULL) AS is_certain,
                         r.false_discovery_rate IS NULL OR coalesce(a.p_adjusted <= r.false_discovery_rate, false) AS is_significant) t,
            LATERAL (SELECT coalesce(a.value > a.above OR a.value < a.below, false) AND t.is_significant AS is_beyond,
                         coalesce(a.value > a.warning_above, false) OR coalesce(a.value < a.warning_below, false) AS is_beyond_first,
                         coalesce(a.value > a.clear_below, false) OR coalesce(a.value < a.clear_above, false) AS is_beyond_clear) x,
            LATERAL (SELECT CASE WHEN NOT a.has_data THEN 3 WHEN NOT t.is_certain THEN 2 WHEN x.is_beyond THEN 1 ELSE 0 END AS reading,
                         t.is_certain AND (x.is_beyond OR x.is_beyond_first AND t.is_significant) AS is_warned,
                         t.is_certain AND (x.is_beyond OR x.is_beyond_first AND t.is_significant OR x.is_beyond_clear) AS is_uncleared,
                         CASE WHEN a.value > a.above THEN a.above WHEN a.value < a.below THEN a.below WHEN a.value > a.warning_above THEN a.warning_above
                              WHEN a.value < a.warning_below THEN a.warning_below WHEN a.below IS NULL THEN a.above WHEN a.above IS NULL THEN a.below
                              WHEN a.above - a.value <= a.value - a.below THEN a.above ELSE a.below END AS threshold) j
    )
    SELECT j.window_start, j.window_end, j.family, j.subject, j.segment, j.value, j.n, j.threshold, j.p, j.p_adjusted, j.reading, j.is_warned, j.is_uncleared
    FROM rule r, judged j WHERE r.share IS NULL
    UNION ALL
    SELECT t.window_start, t.window_end, t.family, NULL, t.segment, t.n_beyond::float8 / nullif(t.n, 0), t.n, t.share, NULL, NULL,
        CASE WHEN t.n > 0 THEN CASE WHEN t.n_beyond > 0 AND t.n_beyond >= t.share * t.n THEN 1 ELSE 0 END WHEN t.has_data THEN 2 ELSE 3 END,
        t.n_warned > 0 AND t.n_warned >= t.share * t.n, t.n_uncleared > 0 AND t.n_uncleared >= t.share * t.n
    FROM (SELECT j.window_start, j.window_end, j.family, j.segment, r.share, bool_or(j.has_data) AS has_data, count(*) FILTER (WHERE j.reading < 2) AS n,
              count(*) FILTER (WHERE j.reading = 1) AS n_beyond, count(*) FILTER (WHERE j.is_warned) AS n_warned,
              count(*) FILTER (WHERE j.is_uncleared) AS n_uncleared
          FROM rule r, judged j WHERE r.share IS NOT NULL GROUP BY j.window_start, j.window_end, j.family, j.segment, r.share) t;
END;
COMMENT ON FUNCTION weir._rule_levels(int, timestamptz, timestamptz, interval, interval) IS
    'The windows of a rule against its bounds, which are learnt from the learnt_frame before each window where the rule says so. Internal.';

CREATE FUNCTION weir._simple_readings(rule_id int, since timestamptz, until timestamptz, slide interval, frame interval, clear_frame interval,
    learnt_frame interval)
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, family text, subject text, segment text, value float8, n bigint, threshold float8,
        p_value float8, p_adjusted float8, reading int, is_warned boolean, n_breached bigint, n_warned bigint, n_uncleared bigint)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10000 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT * FROM (
        SELECT l.window_start, l.window_end, l.family, l.subject, l.segment, l.value, l.n, l.threshold, l.p_value, l.p_adjusted, l.reading, l.is_warned,
            count(*) FILTER (WHERE l.reading = 1) OVER last AS n_breached, count(*) FILTER (WHERE l.is_warned) OVER last AS n_warned,
            count(*) FILTER (WHERE l.is_uncleared) OVER last_to_clear AS n_uncleared
        FROM weir._rule_levels($1, $2 - greatest($5, $6), $3, $4, $7) l
        WINDOW last AS (PARTITION BY l.family, l.subject, l.segment ORDER BY l.window_start RANGE BETWEEN $5 PRECEDING AND CURRENT ROW),
            last_to_clear AS (PARTITION BY l.family, l.subject, l.segment ORDER BY l.window_start RANGE BETWEEN $6 PRECEDING AND CURRENT ROW)) q
    WHERE q.window_start >= $2;
END;
COMMENT ON FUNCTION weir._simple_readings(int, timestamptz, timestamptz, interval, interval, interval, interval) IS
    'What a rule that is not composite reads in the windows that begin in [since, until). Internal.';

CREATE FUNCTION weir._part_readings(rule_id int, since timestamptz, until timestamptz)
    RETURNS TABLE (part int, window_start timestamptz, window_end timestamptz, subject text, segment text, value float8, n bigint, threshold float8,
        is_decided boolean, has_data boolean, holds boolean)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10000 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.rule_id, s.window_start, s.window_end, s.subject, s.segment, s.value, s.n, s.threshold, s.reading < 2, s.reading < 3,
        s.reading < 2 AND greatest(s.n_breached, s.n_warned) >= p.windows
    FROM weir.rule r JOIN weir.rule p ON p.rule_id = ANY (r.parts) CROSS JOIN LATERAL weir._rule_grid(p.rule_id) g
        CROSS JOIN LATERAL weir._simple_readings(p.rule_id, $2, $3, g.slide, g.slide * (p.out_of - 1), g.slide * (p.clear_windows - 1),
            g.slide * coalesce((p.learn ->> 'windows')::int, 1)) s
    WHERE r.rule_id = $1;
END;
COMMENT ON FUNCTION weir._part_readings(int, timestamptz, timestamptz) IS 'What the parts of a composite rule read. Internal.';

CREATE FUNCTION weir._composite_readings(rule_id int, since timestamptz, until timestamptz, frame interval, clear_frame interval)
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, family text, subject text, segment text, value float8, n bigint, threshold float8,
        p_value float8, p_adjusted float8, reading int, is_warned boolean, n_breached bigint, n_warned bigint, n_uncleared bigint)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 1000 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH parts AS (
        SELECT p.part, p.window_start, p.window_end, bool_or(p.holds) AS holds, bool_or(p.is_decided) AS is_decided, bool_or(p.has_data) AS has_data
        FROM weir._part_readings($1, $2 - greatest($4, $5), $3) p GROUP BY p.part, p.window_start, p.window_end
    ), windows AS (
        SELECT p.window_start, p.window_end, count(*) FILTER (WHERE p.holds) AS n_holding, count(*) FILTER (WHERE p.is_decided) AS n_decided,
            bool_or(p.has_data) AS has_data
        FROM parts p GROUP BY p.window_start, p.window_end
    ), judged AS (
        SELECT w.*, r.above + 1 AS at_least, w.n_holding > r.above AS is_beyond,
            CASE WHEN w.n_holding > r.above THEN 1 WHEN NOT w.has_data THEN 3
                 WHEN w.n_holding + cardinality(r.parts) - w.n_decided > r.above THEN 2 ELSE 0 END AS reading
        FROM weir.rule r, windows w WHERE r.rule_id = $1
    )
    SELECT * FROM (
        SELECT j.window_start, j.window_end, 'rule', NULL::text, NULL::text, j.n_holding::float8, j.n_decided, j.at_least, NULL::float8, NULL::float8, j.reading,
            j.is_beyond, count(*) FILTER (WHERE j.is_beyond) OVER last, count(*) FILTER (WHERE j.is_beyond) OVER last,
            count(*) FILTER (WHERE j.is_beyond) OVER last_to_clear
        FROM judged j
        WINDOW last AS (ORDER BY j.window_start RANGE BETWEEN $4 PRECEDING AND CURRENT ROW),
            last_to_clear AS (ORDER BY j.window_start RANGE BETWEEN $5 PRECEDING AND CURRENT ROW)) q
    WHERE q.window_start >= $2;
END;
COMMENT ON FUNCTION weir._composite_readings(int, timestamptz, timestamptz, interval, interval) IS 'What a composite rule reads. Internal.';

CREATE FUNCTION weir._rule_readings(rule_id int, since timestamptz, until timestamptz)
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, family text, subject text, segment text, value float8, n bigint, threshold float8,
        p_value float8, p_adjusted float8, reading int, is_warned boolean, n_breached bigint, n_warned bigint, n_uncleared bigint)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10000 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.* FROM weir.rule r CROSS JOIN LATERAL weir._rule_grid(r.rule_id) g
        CROSS JOIN LATERAL weir._simple_readings(r.rule_id, $2, $3, g.slide, g.slide * (r.out_of - 1), g.slide * (r.clear_windows - 1),
            g.slide * coalesce((r.learn ->> 'windows')::int, 1)) s
    WHERE r.rule_id = $1 AND r.parts IS NULL
    UNION ALL
    SELECT s.* FROM weir.rule r CROSS JOIN LATERAL weir._rule_grid(r.rule_id) g
        CROSS JOIN LATERAL weir._composite_readings(r.rule_id, $2, $3, g.slide * (r.out_of - 1), g.slide * (r.clear_windows - 1)) s
    WHERE r.rule_id = $1 AND r.parts IS NOT NULL;
END;
COMMENT ON FUNCTION weir._rule_readings(int, timestamptz, timestamptz) IS
    'What a rule reads in the final windows that begin in [since, until): n_breached, n_warned: how many of its last windows are out of bounds,
n_uncleared: how many of those that clear it are beyond the bound for clearing. Internal.';

REVOKE ALL ON FUNCTION weir._rule_scores(int, timestamptz, timestamptz), weir._next_value_p(float8, float8, float8, bigint),
    weir._rule_levels(int, timestamptz, timestamptz, interval, interval),
    weir._simple_readings(int, timestamptz, timestamptz, interval, interval, interval, interval), weir._part_readings(int, timestamptz, timestamptz),
    weir._composite_readings(int, timestamptz, timestamptz, interval, interval), weir._rule_readings(int, timestamptz, timestamptz)
    FROM PUBLIC;
