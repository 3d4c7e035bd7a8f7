-- monitor: all scores in one shape, after every family that is among them ------------------------------------------------------------------

CREATE FUNCTION weir._all_scores(monitor_id int, window_size interval, slide interval, since timestamptz, until timestamptz,
    segments boolean, labels boolean, columns int[], protected int[], only_metrics text[] DEFAULT NULL, predictions boolean DEFAULT true,
    peers int[] DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, family text, subject text, metric text,
        value float8, threshold float8, n bigint, verdict text, is_final boolean, status text, p_value float8)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT * FROM weir._metric_scores($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    UNION ALL
    SELECT * FROM weir._detector_scores($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    UNION ALL
    SELECT * FROM weir._capture_scores($1, $4, $5, $10)
    UNION ALL
    SELECT * FROM weir._statistic_scores($1, $2, $3, $4, $5, $6, $7, $8, $10)
    UNION ALL
    SELECT p.monitor, p.window_start, p.window_end, p.segment, 'performance', p.subject, p.metric, p.value, p.threshold, p.n, p.verdict, p.is_final, p.status, NULL
    FROM weir._performance_scores($1, $2, $3, $4, $5, $6, $7 AND $11, $10) p
    UNION ALL
    SELECT * FROM weir._attribution_scores($1, $2, $3, $4, $5, $8, $10)
    UNION ALL
    -- A rule brings its own bound, so it needs no baseline.
    SELECT q.monitor, q.window_start, q.window_end, q.segment, 'quality', q.column_name::text, q.metric, q.value, q.threshold, q.n, q.verdict, q.is_final,
        CASE WHEN $10 IS NOT NULL AND q.status = 'no_baseline' AND q.value IS NOT NULL THEN 'ok' ELSE q.status END, NULL
    FROM weir._quality_scores($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) q
    UNION ALL
    -- What is of a source as a whole: a segment, or the monitor among others.
    SELECT r.monitor, r.window_start, r.window_end, CASE WHEN g.by_segment THEN r.source END, 'source', NULL, r.metric, r.value, r.threshold, r.n, r.verdict, r.is_final, r.status, NULL
    FROM (SELECT m.monitor_id, m.name, jsonb_typeof(m.options -> 'sources') = 'string' AS by_segment FROM weir.monitor m
          WHERE m.monitor_id = $1 AND m.options ? 'sources' AND ($10 IS NULL OR $10 && ARRAY['row_share', 'silence', 'fault_share', 'weight'])
              AND ($6 OR jsonb_typeof(m.options -> 'sources') = 'array')) g,
        LATERAL weir._source_scores(g.monitor_id, $2, $3, $4, $5, $6, $7, $8, $9, $12) r
    WHERE r.column_name IS NULL AND (g.by_segment OR r.source = g.name) AND ($10 IS NULL OR r.metric = ANY ($10));
END;
COMMENT ON FUNCTION weir._all_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], text[], boolean, int[]) IS
    'weir.scores without privileges. Internal.';

CREATE FUNCTION weir._scores(monitor_id int, since timestamptz, until timestamptz, only_metrics text[] DEFAULT NULL)
    RETURNS TABLE (monitor text, window_start timestamptz, window_end timestamptz, segment text, family text, subject text, metric text,
        value float8, threshold float8, n bigint, verdict text, is_final boolean, status text, p_value float8)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT * FROM weir._all_scores(monitor_id, NULL, NULL, since, until, true, true, NULL, NULL, only_metrics);
END;
COMMENT ON FUNCTION weir._scores(int, timestamptz, timestamptz, text[]) IS
    'All scores of the monitor''s windows that begin in [since, until), for rules; only_metrics: only these are computed (NULL: '
    'all). Internal.';

REVOKE ALL ON FUNCTION weir._all_scores(int, interval, interval, timestamptz, timestamptz, boolean, boolean, int[], int[], text[], boolean, int[]),
    weir._scores(int, timestamptz, timestamptz, text[])
    FROM PUBLIC;
