-- monitor: data quality of windows -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir._quality_names() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT array_agg(metric) FROM weir.quality_checks WHERE scope <> 'source');
COMMENT ON FUNCTION weir._quality_names() IS 'The checks of data quality. Internal.';

CREATE FUNCTION weir._quality_columns(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, columns int[], constraints jsonb, label name, only_metrics text[])
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, segment text, column_name name, metric text, value float8, baseline_value float8,
        standard_error float8, n bigint, n_baseline bigint, marks int, reason text, detail jsonb, wanted jsonb, is_key boolean)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH checked AS MATERIALIZED (
        SELECT c.ordinal, c.column_name, c.kind, c.retired_at, weir._column_constraints(constraints, c.column_name::text) AS checks,
            -- In place of what quotes values.
            CASE WHEN weir._is_withheld(c.class) THEN jsonb_build_object('withheld', c.class) END AS withheld
        FROM weir.monitor_column c WHERE c.monitor_id = $1 AND (columns IS NULL OR c.ordinal = ANY (columns))
    ), wanted AS MATERIALIZED (
        -- Without a check to compute no pane is read.
        SELECT coalesce(array_agg(c.ordinal) FILTER (WHERE only_metrics IS NULL OR EXISTS (SELECT FROM weir.quality_checks k WHERE k.scope = 'column' AND k.metric = ANY (only_metrics)
                                                         AND k.metric NOT IN ('schema_change', 'order_break_share', 'pattern_mismatch_share', 'correlation'))), '{}') AS measured,
            coalesce(array_agg(c.ordinal) FILTER (WHERE c.checks ? 'order_break_share' AND (only_metrics IS NULL OR 'order_break_share' = ANY (only_metrics))), '{}') AS ordered,
            coalesce(array_agg(c.ordinal) FILTER (WHERE c.checks ? 'pattern_mismatch_share' AND (only_metrics IS NULL OR 'pattern_mismatch_share' = ANY (only_metrics))), '{}') AS patterns
        FROM checked c
    )
    SELECT p.window_start, p.window_end, p.segment, c.column_name, q.metric, q.value, q.baseline_value, q.standard_error, q.n, q.n_baseline, p.marks, q.reason,
        coalesce(c.withheld, q.detail), c.checks -> q.metric, q.is_key
    FROM wanted w, LATERAL weir._pane_windows($1, 'drift', window_size, slide, since, until, segments, w.measured) p JOIN checked c ON c.ordinal = p.item,
        LATERAL weir._quality_measures(CASE WHEN c.kind = 'vector' AND weir.vector_dimension(p.baseline) <> weir.vector_dimension(p.summary) THEN NULL ELSE p.baseline END,
                                       p.summary, c.checks) q
    WHERE (c.retired_at IS NULL OR weir.value_count(p.summary) + weir.null_count(p.summary) > 0)
        -- A label that is missing has not arrived yet.
        AND NOT (c.column_name = label AND q.metric = 'null_share') IS TRUE
    UNION ALL
    -- Of the order of rows panes know that of windows: no value should be below the maximum of the window before.
    SELECT o.window_start, o.window_end, o.segment, o.column_name, 'order_break_share', q.value, NULL, NULL, coalesce(q.n, weir.value_count(o.summary)), NULL, o.marks,
        CASE WHEN q.value IS NULL THEN 'no window before it' END, coalesce(o.withheld, CASE WHEN q.value IS NOT NULL THEN jsonb_build_object('maximum_before', o.before) END),
        o.checks -> 'order_break_share', false
    FROM (SELECT p.window_start, p.window_end, p.segment, p.summary, p.marks, c.column_name, c.checks, c.withheld,
              CASE WHEN lag(p.window_end) OVER before <= p.window_start THEN lag(weir.max_value(p.summary)) OVER before END AS before
          FROM wanted w, LATERAL weir._pane_windows($1, 'summaries', window_size, slide,
                                                    CASE WHEN since >= timestamptz '4600-01-01 00:00:00+00 BC'
                                                         THEN since - coalesce(window_size, (SELECT m.window_size FROM weir.monitor m WHERE m.monitor_id = $1)) END,
                                                    until, segments, w.ordered) p JOIN checked c ON c.ordinal = p.item
          WHERE c.kind = 'numeric' AND weir.value_count(p.summary) > 0
          WINDOW before AS (PARTITION BY p.item, p.segment ORDER BY p.window_start)) o
        LEFT JOIN LATERAL (SELECT m.value, m.n FROM weir._quality_measures(NULL, o.summary,
                               jsonb_build_object('out_of_range_share', jsonb_build_object('expected', jsonb_build_object('min', o.before)))) m
                           WHERE m.metric = 'out_of_range_share' AND o.before IS NOT NULL) q ON true
    WHERE since IS NULL OR o.window_start >= since
    UNION ALL
    -- Of the categories that are kept, how many rows do not match: all of them, or a sample that is as good as random.
    SELECT p.window_start, p.window_end, p.segment, c.column_name, 'pattern_mismatch_share', t.value, NULL, NULL, coalesce(t.n, 0), NULL, p.marks,
        CASE WHEN c.kind <> 'category' THEN 'the column is not of kind category' END, coalesce(c.withheld, t.detail), c.checks -> 'pattern_mismatch_share', false
    FROM wanted w, LATERAL weir._pane_windows($1, 'summaries', window_size, slide, since, until, segments, w.patterns) p JOIN checked c ON c.ordinal = p.item
        LEFT JOIN LATERAL (
            SELECT sum(x.count) FILTER (WHERE x.mismatch)::float8 / nullif(sum(x.count), 0) AS value, sum(x.count)::bigint AS n,
                jsonb_build_object('values', (jsonb_agg(x.value ORDER BY x.count DESC, x.value) FILTER (WHERE x.mismatch AND x.number <= 10))) AS detail
            FROM (SELECT v.value, v.count, v.mismatch, row_number() OVER (PARTITION BY v.mismatch ORDER BY v.count DESC, v.value) AS number
                  FROM (SELECT k.value, k.count, k.value !~ (c.checks #>> '{pattern_mismatch_share,expected}') AS mismatch
                        FROM weir.top(CASE WHEN c.kind = 'category' THEN p.summary END, 65536) k WHERE k.count_error = 0) v) x
        ) s ON c.kind = 'category',
        LATERAL (SELECT coalesce(s.value, CASE WHEN s.n > 0 THEN 0 END) AS value, s.n, nullif(jsonb_strip_nulls(s.detail), '{}') AS detail) t;
END;
COMMENT ON FUNCTION weir._quality_columns(int, interval, interval, timestamptz, timestamptz, boolean, int[], jsonb, name, text[]) IS
    'Checks of columns per window, before they are judged. Internal.';

CREATE FUNCTION weir._quality_windows(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, only_metrics text[])
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, segment text, metric text, value float8, baseline_value float8,
        standard_error float8, n bigint, n_baseline bigint, marks int, reason text, detail jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH counted AS MATERIALIZED (
        SELECT w.window_start, w.window_end, w.segment, w.n, w.n_late, w.marks,
            array_agg(w.n) OVER (PARTITION BY w.segment, extract(isodow FROM w.local_time), w.local_time::time ORDER BY w.window_start ROWS BETWEEN 8 PRECEDING AND 1 PRECEDING) AS of_week,
            array_agg(w.n) OVER (PARTITION BY w.segment, w.local_time::time ORDER BY w.window_start ROWS BETWEEN 28 PRECEDING AND 1 PRECEDING) AS of_day,
            array_agg(w.n) OVER (PARTITION BY w.segment ORDER BY w.window_start ROWS BETWEEN 30 PRECEDING AND 1 PRECEDING) AS recent,
            first_value(w.window_start) OVER (PARTITION BY w.segment ORDER BY w.window_start ROWS 30 PRECEDING)
                <= CASE WHEN w.window_start >= timestamptz '4600-01-01 00:00:00+00 BC' THEN w.window_start - interval '1 day' END AS is_long,
            w.last_change_at, w.watermark, w.usual
        FROM (SELECT p.*, s.watermark, s.last_change_at,
                  -- Where the calendar ends, there may be no local time.
                  CASE WHEN p.window_start BETWEEN timestamptz '4600-01-01 00:00:00+00 BC' AND timestamptz '294276-01-01 00:00:00+00'
                       THEN p.window_start AT TIME ZONE coalesce(m.time_zone, 'UTC') END AS local_time,
                  extract(epoch FROM coalesce($2, m.window_size) + m.lateness)::float8 AS usual
              FROM weir.monitor m JOIN weir.monitor_state s USING (monitor_id),
                  LATERAL weir._pane_windows(m.monitor_id, 'counts', $2, $3,
                                             -- Where the calendar begins, nothing can be taken from a time.
                                             CASE WHEN since >= timestamptz '4600-01-01 00:00:00+00 BC'
                                                  THEN since - CASE WHEN only_metrics IS NULL OR 'row_count' = ANY (only_metrics) THEN interval '57 days' ELSE '0' END END,
                                             until, segments, NULL) p
              WHERE m.monitor_id = $1 AND (only_metrics IS NULL OR EXISTS (SELECT FROM weir.quality_checks k WHERE k.metric = ANY (only_metrics)
                                                                               AND (k.scope = 'window' OR k.metric = 'schema_change')))) w
    ), asked AS (
        SELECT c.*, CASE WHEN cardinality(c.of_week) >= 3 THEN c.of_week WHEN cardinality(c.of_day) >= 3 THEN c.of_day WHEN cardinality(c.recent) >= 3 AND c.is_long THEN c.recent END AS past,
            CASE WHEN cardinality(c.of_week) >= 3 THEN 'hour_of_week' WHEN cardinality(c.of_day) >= 3 THEN 'hour_of_day' WHEN cardinality(c.recent) >= 3 AND c.is_long THEN 'recent' END AS seasonality
        FROM counted c WHERE since IS NULL OR c.window_start >= since
    )
    SELECT a.window_start, a.window_end, a.segment, 'row_count', a.n, e.median, greatest(1.4826 * e.deviation, sqrt(e.median),
            -- They are of different times of the day: what there was among them is in order.
            CASE WHEN a.seasonality = 'recent' THEN m.spread / 3 END), NULL::bigint, cardinality(a.past), a.marks, NULL,
        CASE WHEN a.past IS NOT NULL THEN jsonb_build_object('seasonality', a.seasonality, 'windows', cardinality(a.past)) END
    FROM asked a
        LEFT JOIN LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS median, (max(x) - min(x))::float8 AS spread FROM unnest(a.past) x) m ON true
        LEFT JOIN LATERAL (SELECT m.median, percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(x - m.median)) AS deviation FROM unnest(a.past) x) e ON true
    UNION ALL
    SELECT a.window_start, a.window_end, a.segment, 'late_share', a.n_late::float8 / nullif(a.n, 0), NULL, NULL, coalesce(a.n, 0), NULL, a.marks, NULL, NULL FROM asked a
    UNION ALL
    SELECT a.window_start, a.window_end, NULL, 'freshness', extract(epoch FROM now() - a.watermark)::float8, a.usual, NULL, NULL, NULL, 0, NULL,
        jsonb_build_object('newest', a.watermark, 'last_change_at', a.last_change_at)
    FROM asked a WHERE a.segment IS NULL AND a.watermark >= a.window_start AND a.watermark < a.window_end
    UNION ALL
    SELECT a.window_start, a.window_end, NULL, 'schema_change', x.n, NULL, NULL, NULL, NULL, 0, NULL, CASE WHEN x.n > 0 THEN jsonb_build_object('changes', x.changes) END
    FROM asked a,
        LATERAL (SELECT count(*) AS n, jsonb_agg(jsonb_strip_nulls(jsonb_build_object('column_name', h.column_name, 'change', h.change, 'name_before', nullif(h.name_before, h.column_name),
                                                     'type_before', h.type_before, 'type_after', nullif(h.type_after, h.type_before))) ORDER BY h.noticed_at, h.column_name) AS changes
                 FROM weir.schema_change h WHERE h.monitor_id = $1 AND h.event_at >= a.window_start AND h.event_at < a.window_end) x
    WHERE a.segment IS NULL;
END;
COMMENT ON FUNCTION weir._quality_windows(int, interval, interval, timestamptz, timestamptz, boolean, text[]) IS
    'Checks of whole windows, before they are judged. Internal.';

-- The type that a column has in a window, as far as changes tell; NULL where it is missing.
CREATE FUNCTION weir._type_at(monitor_id int, source oid, column_name text, at timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN b.monitor_id IS NOT NULL THEN b.type_after WHEN a.monitor_id IS NOT NULL THEN a.type_before
                ELSE (SELECT format_type(t.atttypid, t.atttypmod) FROM pg_attribute t WHERE t.attrelid = $2 AND t.attnum = n.attribute AND NOT t.attisdropped) END
    -- A column is followed by its number: that of the name now, or when it was last heard of.
    FROM (SELECT coalesce((SELECT t.attnum::int FROM pg_attribute t WHERE t.attrelid = $2 AND t.attname = $3 AND t.attnum > 0 AND NOT t.attisdropped),
                          (SELECT h.attribute FROM weir.schema_change h WHERE h.monitor_id = $1 AND h.column_name = $3 ORDER BY h.noticed_at DESC LIMIT 1)) AS attribute) n
        LEFT JOIN LATERAL (SELECT * FROM weir.schema_change h WHERE h.monitor_id = $1 AND h.attribute = n.attribute AND h.event_at < $4
                           ORDER BY h.noticed_at DESC LIMIT 1) b ON true
        LEFT JOIN LATERAL (SELECT * FROM weir.schema_change h WHERE h.monitor_id = $1 AND h.attribute = n.attribute AND h.event_at >= $4
                           ORDER BY h.noticed_at LIMIT 1) a ON true;
END;
COMMENT ON FUNCTION weir._type_at(int, oid, text, timestamptz) IS 'The type that a column of a monitor''s source had before a time; NULL where it was missing. Internal.';

CREATE FUNCTION weir._quality_scores(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, labels boolean, columns int[], protected int[], only_metrics text[] DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, column_name name, metric text, value float8,
        threshold float8, baseline_value float8, n bigint, verdict text, is_final boolean, status text, detail jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH asked AS MATERIALIZED (
        SELECT s.monitor, s.final_before, s.gap_until, s.min_n, m.label, m.source, coalesce(m.options -> 'constraints', '[]') AS constraints
        FROM weir._settings(monitor_id) s, weir.monitor m WHERE m.monitor_id = $1 AND (only_metrics IS NULL OR only_metrics && weir._quality_names())
    ), of_window AS MATERIALIZED (
        SELECT a.monitor AS name, weir._column_constraints(a.constraints, NULL) AS checks FROM asked a
    ), measured AS (
        SELECT q.window_start, q.window_end, q.segment, q.column_name, q.metric, q.value, q.baseline_value, q.standard_error, q.n, q.n_baseline, q.marks,
            q.reason, q.detail, q.wanted, q.is_key, a.min_n
        FROM asked a, LATERAL weir._quality_columns($1, $2, $3, $4, $5, $6, $8, a.constraints, a.label, $10) q
        UNION ALL
        SELECT q.window_start, q.window_end, q.segment, NULL, q.metric, q.value, q.baseline_value, q.standard_error, q.n, q.n_baseline, q.marks,
            q.reason, q.detail, o.checks -> q.metric, false, CASE WHEN q.metric = 'late_share' THEN a.min_n ELSE 0 END
        FROM asked a, of_window o, LATERAL weir._quality_windows($1, $2, $3, $4, $5, $6, $10) q
        UNION ALL
        -- What constraints say of types, also of columns that are not summarized.
        SELECT p.window_start, p.window_end, NULL, x.column_name::name, 'schema_change', (f.found IS DISTINCT FROM x.expected)::int, 0, 0, NULL, 1, 0, NULL,
            CASE WHEN f.found IS DISTINCT FROM x.expected
                 THEN jsonb_build_object('change', CASE WHEN f.found IS NULL THEN 'missing' ELSE 'type' END, 'expected', x.expected, 'found', f.found) END, x.wanted, false, 0
        FROM asked a,
            LATERAL (SELECT e ->> 'column_name' AS column_name, e ->> 'expected' AS expected, jsonb_strip_nulls(e - ARRAY['column_name', 'metric']) AS wanted
                     FROM jsonb_array_elements(a.constraints) e WHERE e ->> 'metric' = 'schema_change' AND e ->> 'column_name' IS NOT NULL AND e ->> 'expected' IS NOT NULL
                         AND ($10 IS NULL OR 'schema_change' = ANY ($10))) x,
            LATERAL weir._pane_windows($1, 'counts', $2, $3, $4, $5, false, NULL) p,
            LATERAL weir._type_at($1, a.source::oid, x.column_name, p.window_end) AS f (found)
        WHERE $8 IS NULL OR EXISTS (SELECT FROM weir.monitor_column c WHERE c.monitor_id = $1 AND c.column_name = x.column_name AND c.ordinal = ANY ($8))
    )
    SELECT a.monitor, q.window_start, q.window_end, q.segment, q.column_name, q.metric, q.value, v.threshold, q.baseline_value, q.n,
        CASE WHEN NOT o.too_early THEN v.verdict END, f.is_final, CASE WHEN o.too_early THEN 'insufficient' ELSE v.final_status END, v.full_detail
    FROM measured q, asked a,
        LATERAL (SELECT coalesce(q.window_end <= a.final_before, false) AS is_final) f,
        LATERAL weir._quality_verdict(q.metric, q.value, q.baseline_value, q.standard_error, coalesce(q.n, 0), coalesce(q.n_baseline, 0), q.min_n,
            weir._status(coalesce(q.window_start < a.gap_until, false), q.marks, 0, 0, 'ok'), q.reason, q.detail, q.wanted, q.is_key) v,
        -- An open window can still get the rows that it lacks.
        LATERAL (SELECT q.metric = 'row_count' AND NOT f.is_final AND v.verdict <> 'ok' AND q.value < v.threshold IS TRUE AS too_early) o
    WHERE only_metrics IS NULL OR q.metric = ANY (only_metrics);
END;
COMMENT ON FUNCTION weir._quality_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], text[]) IS
    'weir.quality_scores without privileges. Internal.';

CREATE FUNCTION weir._monitor_constraints(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, labels boolean, columns int[], protected int[])
    RETURNS TABLE (column_name text, metric text, low float8, high float8, expected jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT x.column_name, x.metric, x.low, x.high, x.expected
    FROM weir.monitor_column c JOIN weir.monitor m USING (monitor_id)
        -- The baseline of the last window that has one: the baseline itself, where it does not move.
        JOIN LATERAL (SELECT DISTINCT ON (p.item) p.item, p.baseline FROM weir._pane_windows($1, 'drift', NULL, NULL, NULL, NULL, false, columns) p
                      WHERE p.baseline IS NOT NULL ORDER BY p.item, p.window_start DESC) b ON b.item = c.ordinal,
        LATERAL weir.suggest_constraints(c.column_name::text, b.baseline, format_type(c.data_type, NULL)) x
    WHERE c.monitor_id = $1 AND c.retired_at IS NULL AND NOT (c.column_name = m.label AND x.metric = 'null_share') IS TRUE
        -- Those made of the values of the column.
        AND NOT (weir._is_withheld(c.class) AND x.expected IS NOT NULL)
    ORDER BY c.ordinal, x.metric;
END;
COMMENT ON FUNCTION weir._monitor_constraints(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[]) IS
    'weir.suggest_constraints of a monitor without privileges. Internal.';

REVOKE ALL ON FUNCTION weir._quality_columns(int, interval, interval, timestamptz, timestamptz, boolean, int[], jsonb, name, text[]),
    weir._quality_windows(int, interval, interval, timestamptz, timestamptz, boolean, text[]), weir._type_at(int, oid, text, timestamptz),
    weir._quality_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], text[]),
    weir._monitor_constraints(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[])
    FROM PUBLIC;

-- ---- for everybody ----------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.quality_scores(monitor text, window_size interval DEFAULT NULL, slide interval DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, column_name name, metric text, value float8,
        threshold float8, baseline_value float8, n bigint, verdict text, is_final boolean, status text, detail jsonb)
    AS 'MODULE_PATHNAME', 'weir_quality_scores' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000;
COMMENT ON FUNCTION weir.quality_scores(text, interval, interval, timestamptz, timestamptz) IS
    'Data quality of each window, one row per check (metric, see weir.quality_checks) and column; column_name NULL: of the rows as such, or of all columns. '
    'value, baseline_value: what is, and what the baseline (weir.set_baseline), or for row_count the windows before, let one expect. threshold: the '
    'bound that was crossed, else the nearer one: that of a constraint (weir.set_constraints), else the expected value plus or minus the larger of the check''s '
    'tolerance and three standard errors; detail has low and high where there are both, the categories or the range behind the value, '
    'and constraint where one was set. n rows; NULL where their number is no matter. verdict: ok, warning, alert, NULL unless status is ok. status: ok, '
    'insufficient (n below option min_n, or an open window that has too few rows yet), no_baseline (nothing to compare with, and no constraint), undefined '
    '(detail.reason), stale, gap, rolled_up as in weir.window_stats. A label that is NULL is not missing. '
    'Windows, segments, privileges and errors as in weir.drift_scores; columns that the caller may not read are left out.';

CREATE VIEW weir.quality_scores WITH (security_barrier) AS
    SELECT m.monitor, r.window_start, r.window_end, r.segment, r.column_name, r.metric, r.value, r.threshold, r.baseline_value, r.n, r.verdict, r.is_final, r.status, r.detail
    FROM weir.monitors m CROSS JOIN LATERAL weir.quality_scores(m.monitor) r;
COMMENT ON VIEW weir.quality_scores IS
    'Data quality per window of all monitors that one may read; columns as in the function weir.quality_scores(monitor, ...), which takes a range of '
    'time and other window sizes.';
GRANT SELECT ON weir.quality_scores TO PUBLIC;

CREATE FUNCTION weir.suggest_constraints(monitor text)
    RETURNS TABLE (column_name text, metric text, low float8, high float8, expected jsonb)
    AS 'MODULE_PATHNAME', 'weir_suggest_constraints' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION weir.suggest_constraints(text) IS
    'Constraints that hold in the baseline of a monitor, of each column, as weir.suggest_constraints(column_name, summary, data_type) gives them; none '
    'without a baseline (weir.set_baseline). Of columns that the caller may read. Errors: 42704 no such monitor, 42501 not readable.';

CREATE FUNCTION weir.set_constraints(monitor text, constraints jsonb) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT weir.alter_monitor(monitor, options => jsonb_build_object('constraints', constraints));
END;
COMMENT ON FUNCTION weir.set_constraints(text, jsonb) IS
    'Sets what the data of a monitor are to keep to, in place of what was set before (NULL: nothing): an array of objects with the columns of weir.constraints, [{"column_name": '
    '"income", "metric": "null_share", "high": 0.05}, ...]. Without column_name a constraint holds for all columns. It is option constraints of weir.alter_monitor. '
    'Needs ownership of the monitor or of its table. Errors: 42704 no such monitor, 22023 what is not a constraint.';

CREATE VIEW weir.constraints WITH (security_barrier) AS
    SELECT m.name AS monitor, c.column_name, c.metric, c.low, c.high, c.tolerance, c.expected, c.severity, c.name, c.enabled
    FROM weir.monitor m, jsonb_to_recordset(m.options -> 'constraints') c (column_name text, metric text, low float8, high float8, tolerance float8, expected jsonb, severity text,
        name text, enabled boolean)
    WHERE pg_has_role(m.owner::oid, 'USAGE') OR weir.may_read_rows(m.source, coalesce(c.column_name::name, m.time_column), m.filter IS NOT NULL);
COMMENT ON VIEW weir.constraints IS
    'Constraints of the monitors, those on columns that one may read. column_name: NULL for all columns, or for the rows as such; metric: the check '
    '(weir.quality_checks); low, high: bounds of its value; tolerance: without them, how far from the baseline is in order; expected: what is in order, in the form that the '
    'check needs; severity: the verdict of a fault, warning or alert; name: what you call it, shown in detail.constraint; enabled: false leaves the check out. '
    'SELECT jsonb_agg(to_jsonb(c) - ''monitor'') exports them, weir.set_constraints imports.';
GRANT SELECT ON weir.constraints TO PUBLIC;

CREATE VIEW weir.schema_changes WITH (security_barrier) AS
    SELECT m.name AS monitor, h.noticed_at, h.event_at, h.column_name, h.change, h.name_before, h.type_before, h.type_after
    FROM weir.monitor m JOIN weir.schema_change h USING (monitor_id)
    WHERE pg_has_role(m.owner::oid, 'USAGE') OR weir.may_read_rows(m.source, m.time_column, m.filter IS NOT NULL);
COMMENT ON VIEW weir.schema_changes IS
    'Columns of sources that capture has seen added, dropped, renamed or retyped, of the monitors that one may read: when it was noticed, the latest event time '
    'then (its window shows it as schema_change in weir.quality_scores), the name, and name and type before and after.';
GRANT SELECT ON weir.schema_changes TO PUBLIC;
