-- monitor: sources compared with each other ----------------------------------------------------------------------------------------------------
--
-- A source is a segment of a monitor (its publishers, by a column that names them), or a monitor beside others (option sources).

-- Where the rows of sources come from: the monitor itself by segments, or it and those that it names, whose panes are alike and whose tables its
-- owner may read.
CREATE FUNCTION weir._sources(monitor_id int, peers int[]) RETURNS TABLE (source_id int, name text, by_segment boolean)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 5 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.monitor_id, p.name, false
    FROM weir.monitor m JOIN weir.monitor p ON p.monitor_id = m.monitor_id
        OR m.options -> 'sources' ? p.name AND p.pane_size = m.pane_size AND p.time_zone IS NOT DISTINCT FROM m.time_zone
            AND (peers IS NULL OR p.monitor_id = ANY (peers)) AND pg_has_role(m.owner::oid, p.owner::oid, 'USAGE')
    WHERE m.monitor_id = $1 AND jsonb_typeof(m.options -> 'sources') = 'array'
    UNION ALL
    SELECT m.monitor_id, m.name, true FROM weir.monitor m
    WHERE m.monitor_id = $1 AND jsonb_typeof(m.options -> 'sources') IS DISTINCT FROM 'array' AND cardinality(m.segment_by) > 0;
END;
COMMENT ON FUNCTION weir._sources(int, int[]) IS 'The monitors whose rows, or segments, are compared as sources. Internal.';

-- Rows per source and window, those without rows too, with what was usual before.
CREATE FUNCTION weir._source_volumes(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz, segments boolean, peers int[])
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, source text, n bigint, n_all bigint, marks int, row_share float8, usual_share float8,
        share_error float8, n_past int, silence float8, longest_silence float8)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH grid AS (
        SELECT coalesce($3, $2, m.slide) AS slide, coalesce($2, m.window_size) AS window_size FROM weir.monitor m WHERE m.monitor_id = $1
    ), counts AS MATERIALIZED (
        SELECT p.window_start, p.window_end, CASE WHEN s.by_segment THEN p.segment ELSE s.name END AS source, p.n, p.marks
        FROM grid g, weir._sources($1, peers) s,
            LATERAL weir._pane_windows(s.source_id, 'counts', g.window_size, g.slide,
                                       -- Where the calendar begins, nothing can be taken from a time: a slide is at most ten years.
                                       CASE WHEN since >= timestamptz '3600-01-01 00:00:00+00 BC' THEN since - 100 * g.slide END,
                                       until, s.by_segment AND segments, NULL) p
        WHERE p.segment IS NOT NULL OR NOT s.by_segment
    ), filled AS (
        -- From the first window on in which it has rows.
        SELECT w.window_start, w.window_end, f.source, coalesce(c.n, 0) AS n, coalesce(c.marks, 0) AS marks
        FROM (SELECT DISTINCT c.window_start, c.window_end FROM counts c) w
            JOIN (SELECT c.source, min(c.window_start) AS first FROM counts c WHERE c.n > 0 GROUP BY 1) f ON w.window_start >= f.first
            LEFT JOIN counts c ON c.source = f.source AND c.window_start = w.window_start
    ), shared AS (
        SELECT f.*, sum(f.n) OVER (PARTITION BY f.window_start)::bigint AS n_all, f.n::float8 / nullif(sum(f.n) OVER (PARTITION BY f.window_start), 0)::float8 AS row_share,
            -- In seconds, for no interval reaches from where the calendar begins to where it ends; a window there ends never.
            extract(epoch FROM least(f.window_end, timestamptz '294276-12-31 23:59:59.999999+00')) AS ends,
            extract(epoch FROM max(least(f.window_end, timestamptz '294276-12-31 23:59:59.999999+00')) FILTER (WHERE f.n > 0) OVER (PARTITION BY f.source ORDER BY f.window_start)) AS last_seen
        FROM filled f
    ), gaps AS (
        SELECT s.*, CASE WHEN s.n > 0 THEN greatest(extract(epoch FROM s.window_start) - lag(s.last_seen) OVER (PARTITION BY s.source ORDER BY s.window_start), 0) END AS gap FROM shared s
    ), past AS (
        SELECT g.*, array_agg(g.row_share) OVER (PARTITION BY g.source ORDER BY g.window_start ROWS BETWEEN 28 PRECEDING AND 1 PRECEDING) AS shares,
            max(g.gap) OVER (PARTITION BY g.source ORDER BY g.window_start ROWS BETWEEN 100 PRECEDING AND 1 PRECEDING) AS longest
        FROM gaps g
    )
    SELECT p.window_start, p.window_end, p.source, p.n, p.n_all, p.marks, p.row_share, e.median,
        greatest(1.4826 * e.deviation, sqrt(e.median * (1 - e.median) / nullif(p.n_all, 0))), e.n_past, (p.ends - p.last_seen)::float8,
        (coalesce(p.longest, 0) + extract(epoch FROM g.slide))::float8
    FROM past p CROSS JOIN grid g
        LEFT JOIN LATERAL (SELECT count(x)::int AS n_past, percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS median FROM unnest(p.shares) x) m ON true
        LEFT JOIN LATERAL (SELECT m.n_past, m.median, percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(x - m.median)) AS deviation FROM unnest(p.shares) x) e ON m.n_past >= 3
    WHERE since IS NULL OR p.window_start >= since;
END;
COMMENT ON FUNCTION weir._source_volumes(int, interval, interval, timestamptz, timestamptz, boolean, int[]) IS
    'How many rows each source has in each window, against its own past. Internal.';

CREATE FUNCTION weir._source_scores(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, labels boolean, columns int[], protected int[], peers int[] DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, source text, column_name name, metric text, value float8, threshold float8,
        peer_value float8, n bigint, n_peers bigint, verdict text, is_final boolean, status text, detail jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH asked AS MATERIALIZED (
        SELECT s.monitor, s.final_before, s.gap_until, s.min_n, s.drift_options, weir._column_constraints(m.options -> 'constraints', NULL) AS checks, m.label,
            coalesce($2, m.window_size) AS window_size, coalesce($3, $2, m.slide) AS slide
        FROM weir._settings(monitor_id) s, weir.monitor m WHERE m.monitor_id = $1
    ), own_columns AS MATERIALIZED (
        SELECT c.ordinal, c.column_name, c.kind,
            -- In place of what quotes values.
            CASE WHEN weir._is_withheld(c.class) THEN jsonb_build_object('withheld', c.class) END AS withheld
        FROM weir.monitor_column c
        WHERE c.monitor_id = $1 AND (columns IS NULL OR c.ordinal = ANY (columns)) AND c.kind <> 'vector' AND c.retired_at IS NULL
            AND NOT EXISTS (SELECT FROM weir.monitor m WHERE m.monitor_id = $1 AND c.column_name = ANY (m.segment_by))
    ), volumes AS MATERIALIZED (
        SELECT * FROM weir._source_volumes($1, $2, $3, $4, $5, $6, peers)
    ), parts AS MATERIALIZED (
        -- Columns of other monitors are those of the same name and kind.
        SELECT p.window_start, p.window_end, CASE WHEN s.by_segment THEN p.segment ELSE s.name END AS source, o.column_name, o.kind,
            coalesce(o.withheld, CASE WHEN weir._is_withheld(c.class) THEN jsonb_build_object('withheld', c.class) END) AS withheld, p.marks, p.summary
        FROM asked a CROSS JOIN weir._sources($1, peers) s CROSS JOIN
            LATERAL (SELECT array_agg(c.ordinal) AS ordinals FROM weir.monitor_column c JOIN own_columns o ON o.column_name = c.column_name AND o.kind = c.kind
                     WHERE c.monitor_id = s.source_id) k CROSS JOIN
            LATERAL weir._pane_windows(s.source_id, 'summaries', a.window_size, a.slide, since, until, s.by_segment AND segments, coalesce(k.ordinals, '{}')) p
            JOIN weir.monitor_column c ON c.monitor_id = s.source_id AND c.ordinal = p.item
            JOIN own_columns o ON o.column_name = c.column_name
        WHERE (p.segment IS NOT NULL OR NOT s.by_segment) AND p.summary IS NOT NULL
    ), compared AS MATERIALIZED (
        -- What the others hold together: of all what is not of this one.
        SELECT x.*, CASE WHEN weir.value_count(x.together) + weir.null_count(x.together) > weir.value_count(x.summary) + weir.null_count(x.summary)
                         THEN weir.summary_minus(x.together, x.summary) END AS others
        FROM (SELECT p.*, weir.merge(p.summary) OVER (PARTITION BY p.window_start, p.column_name, weir.unit(p.summary)) AS together,
                  bit_or(p.marks) OVER (PARTITION BY p.window_start, p.column_name) AS all_marks,
                  jsonb_agg(p.withheld) FILTER (WHERE p.withheld IS NOT NULL) OVER (PARTITION BY p.window_start, p.column_name) -> 0 AS any_withheld FROM parts p) x
    ), judged AS MATERIALIZED (
        SELECT c.window_start, c.window_end, c.source, c.column_name, q.metric, q.value, v.threshold, q.baseline_value AS peer_value, q.n, q.n_baseline AS n_peers, v.verdict,
            v.final_status AS status, v.full_detail AS detail
        FROM compared c, asked a, LATERAL weir._quality_measures(c.others, c.summary, '{}') q,
            LATERAL weir._quality_verdict(q.metric, q.value, q.baseline_value, q.standard_error, least(q.n, q.n_baseline), q.n_baseline, a.min_n,
                weir._status(coalesce(c.window_start < a.gap_until, false), c.all_marks, 0, 0, 'ok'), q.reason, coalesce(c.any_withheld, q.detail), NULL) v
        WHERE q.metric IN ('null_share', 'nan_share', 'infinite_share', 'out_of_range_share', 'unseen_share', 'constant')
            AND NOT (c.column_name = a.label AND q.metric = 'null_share') IS TRUE
        UNION ALL
        SELECT c.window_start, c.window_end, c.source, c.column_name, d.metric, d.value, d.threshold, NULL, d.n_current, d.n_baseline, CASE WHEN t.status = 'ok' THEN d.verdict END,
            t.status, coalesce(c.any_withheld, d.detail)
        FROM compared c, asked a, LATERAL weir.drift(c.others, c.summary, '{psi}', a.drift_options) d,
            LATERAL weir._status(coalesce(c.window_start < a.gap_until, false), c.all_marks, least(d.n_current, d.n_baseline), a.min_n, d.status) AS t (status)
        UNION ALL
        SELECT w.window_start, w.window_end, w.source, NULL, x.metric, x.value, v.threshold, x.expected, NULL, NULL, CASE WHEN w.window_end <= a.final_before THEN v.verdict END,
            CASE WHEN w.window_end <= a.final_before OR v.final_status <> 'ok' THEN v.final_status ELSE 'insufficient' END, v.full_detail
        FROM volumes w, asked a,
            LATERAL (VALUES ('row_share', w.row_share, w.usual_share, w.share_error, w.n_past), ('silence', w.silence, w.longest_silence, 0, 1)) x (metric, value, expected, error, n_past),
            LATERAL weir._quality_verdict(x.metric, x.value, x.expected, x.error, 0, coalesce(x.n_past, 0), 0,
                weir._status(coalesce(w.window_start < a.gap_until, false), w.marks, 0, 0, 'ok'), NULL, NULL, a.checks -> x.metric) v
    ), faults AS MATERIALIZED (
        -- NULL where nothing could be judged.
        SELECT w.window_start, w.window_end, w.source, w.row_share, f.share, f.names, a.checks,
            w.row_share * (1 - coalesce(f.share, 0)) / nullif(sum(w.row_share * (1 - coalesce(f.share, 0))) OVER (PARTITION BY w.window_start), 0) AS weight
        FROM volumes w CROSS JOIN asked a
            LEFT JOIN (SELECT j.window_start, j.source, count(*) FILTER (WHERE j.verdict <> 'ok')::float8 / nullif(count(j.verdict), 0) AS share,
                           jsonb_agg(concat_ws(' of ', j.metric, j.column_name) ORDER BY j.metric, j.column_name) FILTER (WHERE j.verdict <> 'ok') AS names
                       FROM judged j GROUP BY 1, 2) f ON f.window_start = w.window_start AND f.source = w.source
    )
    SELECT a.monitor, j.window_start, j.window_end, j.source, j.column_name, j.metric, j.value, j.threshold, j.peer_value, j.n, j.n_peers, j.verdict,
        coalesce(j.window_end <= a.final_before, false), j.status, j.detail
    FROM judged j, asked a
    UNION ALL
    SELECT a.monitor, f.window_start, f.window_end, f.source, NULL, x.metric, x.value, v.threshold, NULL, NULL, NULL, v.verdict,
        coalesce(f.window_end <= a.final_before, false), v.final_status, v.full_detail
    FROM faults f, asked a, LATERAL (VALUES ('fault_share', f.share, jsonb_build_object('faults', f.names)), ('weight', f.weight, NULL)) x (metric, value, detail),
        LATERAL weir._quality_verdict(x.metric, x.value, NULL, NULL, 0, 1, 0, 'ok', NULL, CASE WHEN x.detail ->> 'faults' IS NOT NULL THEN x.detail END, f.checks -> x.metric) v;
END;
COMMENT ON FUNCTION weir._source_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], int[]) IS
    'weir.source_scores without privileges. Internal.';

REVOKE ALL ON FUNCTION weir._sources(int, int[]), weir._source_volumes(int, interval, interval, timestamptz, timestamptz, boolean, int[]),
    weir._source_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], int[])
    FROM PUBLIC;

CREATE FUNCTION weir.source_scores(monitor text, window_size interval DEFAULT NULL, slide interval DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, source text, column_name name, metric text, value float8, threshold float8,
        peer_value float8, n bigint, n_peers bigint, verdict text, is_final boolean, status text, detail jsonb)
    AS 'MODULE_PATHNAME', 'weir_source_scores' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000;
COMMENT ON FUNCTION weir.source_scores(text, interval, interval, timestamptz, timestamptz) IS
    'Sources of one thing compared with each other, window by window: the segments of a monitor (segment_by the column that names the publisher), or, with option sources => ["other '
    'monitor", ...], a monitor and others, whose columns are matched by name. Of each source: row_share, its share of the rows, against what was usual of it; silence, seconds since the last window '
    'in which it had rows; per column null_share, nan_share, infinite_share, out_of_range_share, unseen_share and constant (see weir.quality_checks), and psi (see weir.drift), each '
    'against all other sources together in the same window; fault_share, the share of these checks that found a fault (detail.faults names them), alert above a half; '
    'weight, a proposal in [0, 1] for how much to rely on it: its share of rows, times the share of checks without a fault, normed to sum to 1. value, threshold, verdict and status as in '
    'weir.quality_scores; peer_value: what the others, or the past, let one expect; n, n_peers: values compared. row_share and silence are judged when the window '
    'is final. fault_share, silence, row_share and weight are in weir.scores too, where option sources is set ("segments", or names), family source. Monitors are compared where their panes have one size '
    'and time zone, the monitor''s owner is a member of their owners, and one may read all of their tables. Windows, privileges and errors as in weir.drift_scores. Without segments and option sources: no rows, and a NOTICE.';

CREATE VIEW weir.source_scores WITH (security_barrier) AS
    SELECT m.monitor, r.window_start, r.window_end, r.source, r.column_name, r.metric, r.value, r.threshold, r.peer_value, r.n, r.n_peers, r.verdict, r.is_final, r.status, r.detail
    FROM weir.monitors m CROSS JOIN LATERAL weir.source_scores(m.monitor) r WHERE m.options ? 'sources';
COMMENT ON VIEW weir.source_scores IS
    'Sources compared, of all monitors with option sources that one may read; columns as in the function weir.source_scores(monitor, ...), which takes a range of time and other window sizes.';
GRANT SELECT ON weir.source_scores TO PUBLIC;
