-- monitor: what features contribute to what models say, pane by pane -------------------------------------------------------------------------

-- Run-time state, not dumped: after a restore the latest panes are read again. Written by the worker that feeds learners.
CREATE TABLE weir.attribution (
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    model text NOT NULL,
    baseline_set_at timestamptz NOT NULL, -- of the baseline that panes were compared with; another one: all are read again
    read_since timestamptz NOT NULL,      -- panes that begin from here on are explained, whenever they come
    read_until timestamptz NOT NULL,      -- rows before it have been read; begin of a pane
    version int,                          -- of the model, which was asked last; NULL: its learner as it was
    looked_at timestamptz NOT NULL DEFAULT '-infinity', -- for rows that came late
    changes_seen_at timestamptz,          -- monitor_state.last_change_at when all of them had been looked for
    explained_at timestamptz NOT NULL DEFAULT '-infinity', -- the latest of its panes
    disabled_reason text,                 -- until the baseline or the champion is another
    waiting_reason text,                  -- what failed, and is tried again
    -- The baseline, kept until the key of what decides is another: the model, the rows.
    baseline_key text,
    baseline_n bigint,
    baseline_features text[],
    baseline_absolute float8[],
    baseline_explained_at timestamptz,
    PRIMARY KEY (monitor_id, model)
);
COMMENT ON TABLE weir.attribution IS 'Models whose contributions of features are kept for the panes of a monitor; read the view weir.window_attributions.';

CREATE TABLE weir.attribution_pane (
    monitor_id int NOT NULL,
    model text NOT NULL,
    pane_start timestamptz NOT NULL,
    pane_updated_at timestamptz NOT NULL, -- weir.pane.updated_at, as of which it is: another means late rows
    version int,
    n_rows bigint NOT NULL,               -- of the pane
    n bigint NOT NULL,                    -- explained of them
    n_baseline bigint NOT NULL,           -- explained of the baseline, with the same model
    features text[] NOT NULL,
    absolute float8[] NOT NULL,           -- mean absolute contribution of each
    baseline_absolute float8[] NOT NULL,
    explained_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (monitor_id, model, pane_start),
    FOREIGN KEY (monitor_id, model) REFERENCES weir.attribution ON DELETE CASCADE
);
COMMENT ON TABLE weir.attribution_pane IS 'What each feature contributes to what a model says of the rows of a pane, and of those of the baseline; read the view weir.window_attributions.';

CREATE FUNCTION weir._attribution_metric_names() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN ARRAY['attribution_ndcg_loss', 'attribution_total_variation'];
COMMENT ON FUNCTION weir._attribution_metric_names() IS 'Metrics of family attribution. Internal.';
