-- monitor: change detectors over metrics of windows -----------------------------------------------------------------------------------------

CREATE FUNCTION weir._monitor_detectors(monitor_id int)
    RETURNS TABLE (ordinal bigint, name text, detector text, metric text, column_name text, options jsonb, is_statistic boolean, is_row boolean)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT d.ordinal, coalesce(d.entry ->> 'name', concat(d.entry ->> 'detector', '_', x.metric)), d.entry ->> 'detector', x.metric, d.entry ->> 'column',
        coalesce(d.entry -> 'options', '{}'), s.is_statistic,
        d.entry ->> 'metric' IN ('value', 'error')
    FROM weir.monitor m CROSS JOIN LATERAL jsonb_array_elements(m.options -> 'detectors') WITH ORDINALITY d (entry, ordinal),
        LATERAL (SELECT d.entry ->> 'metric'
                 IN ('n', 'null_share', 'distinct_count', 'mean', 'stddev', 'min', 'p25', 'p50', 'p75', 'p95', 'p99', 'max') AS is_statistic) s,
        -- Scores have short names too, like mean for the difference of means: a statistic comes first.
        LATERAL (SELECT coalesce(CASE WHEN NOT s.is_statistic THEN weir.drift_metric_name(d.entry ->> 'metric') END, d.entry ->> 'metric') AS metric) x
    WHERE m.monitor_id = $1;
END;
COMMENT ON FUNCTION weir._monitor_detectors(int) IS
    'Option detectors of a monitor: name is what weir.scores calls it, is_statistic tells metrics of weir.window_stats from those of '
    'weir.scores, is_row those that read the rows of the table. Internal.';
REVOKE ALL ON FUNCTION weir._monitor_detectors(int) FROM PUBLIC;

-- What detectors over rows have found. Run-time state, not dumped: a restored one reads its table again.
CREATE TABLE weir.row_detector (
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    name text NOT NULL,
    detector text NOT NULL,               -- the definition that it began with
    options jsonb NOT NULL,
    metric text NOT NULL,
    column_name text,
    state weir.detector_state,            -- NULL before the first row
    read_until timestamptz NOT NULL DEFAULT '-infinity', -- rows before it have been read; begin of a pane
    disabled_reason text,
    PRIMARY KEY (monitor_id, name)
);
COMMENT ON TABLE weir.row_detector IS 'Change detectors over the rows of monitored tables, as far as they have read; read the view weir.row_detectors.';

CREATE TABLE weir.row_detector_pane (
    monitor_id int NOT NULL,
    name text NOT NULL,
    pane_start timestamptz NOT NULL,
    n bigint NOT NULL,                    -- rows with a value
    n_warnings bigint NOT NULL,
    n_drifts bigint NOT NULL,
    first_drift_at timestamptz,           -- time of the row at which the first of them was seen
    PRIMARY KEY (monitor_id, name, pane_start),
    FOREIGN KEY (monitor_id, name) REFERENCES weir.row_detector ON DELETE CASCADE
);
COMMENT ON TABLE weir.row_detector_pane IS 'What each detector over rows has found in each pane; shown in weir.scores.';

CREATE FUNCTION weir._settle_row_detectors(monitor_id int) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    DELETE FROM weir.row_detector r WHERE r.monitor_id = $1
        AND NOT EXISTS (SELECT FROM weir._monitor_detectors($1) d WHERE d.is_row AND d.name = r.name
                        AND (d.detector, d.options, d.metric, d.column_name) IS NOT DISTINCT FROM (r.detector, r.options, r.metric, r.column_name));
    INSERT INTO weir.row_detector (monitor_id, name, detector, options, metric, column_name)
        SELECT $1, d.name, d.detector, d.options, d.metric, d.column_name FROM weir._monitor_detectors($1) d WHERE d.is_row
        ON CONFLICT DO NOTHING;
END;
COMMENT ON FUNCTION weir._settle_row_detectors(int) IS
    'Detectors over rows that a monitor''s options do not have any more, or have otherwise, end; those that are new begin. Internal.';
REVOKE ALL ON FUNCTION weir._settle_row_detectors(int) FROM PUBLIC;
