-- monitor: change detectors over metrics of windows -----------------------------------------------------------------------------------------

CREATE FUNCTION weir._monitor_detectors(monitor_id int)
    RETURNS TABLE (ordinal bigint, name text, detector text, metric text, column_name text, options jsonb, is_statistic boolean)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT d.ordinal, coalesce(d.entry ->> 'name', concat(d.entry ->> 'detector', '_', x.metric)), d.entry ->> 'detector', x.metric, d.entry ->> 'column',
        coalesce(d.entry -> 'options', '{}'), s.is_statistic
    FROM weir.monitor m CROSS JOIN LATERAL jsonb_array_elements(m.options -> 'detectors') WITH ORDINALITY d (entry, ordinal),
        LATERAL (SELECT d.entry ->> 'metric'
                 IN ('n', 'null_share', 'distinct_count', 'mean', 'stddev', 'min', 'p25', 'p50', 'p75', 'p95', 'p99', 'max') AS is_statistic) s,
        -- Scores have short names too, like mean for the difference of means: a statistic comes first.
        LATERAL (SELECT coalesce(CASE WHEN NOT s.is_statistic THEN weir.drift_metric_name(d.entry ->> 'metric') END, d.entry ->> 'metric') AS metric) x
    WHERE m.monitor_id = $1;
END;
COMMENT ON FUNCTION weir._monitor_detectors(int) IS
    'Option detectors of a monitor: name is what weir.scores calls it, is_statistic tells metrics of weir.window_stats from those of '
    'weir.scores. Internal.';
REVOKE ALL ON FUNCTION weir._monitor_detectors(int) FROM PUBLIC;
