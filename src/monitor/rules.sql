-- monitor: rules and alerts -----------------------------------------------------------------------------------------------------------------

CREATE TABLE weir.rule (
    rule_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    owner regrole NOT NULL,               -- who made it; its action is taken on his behalf
    family text NOT NULL,                 -- of scores; rule: of other rules
    metric text NOT NULL,
    above float8,
    below float8,
    warning_above float8,                 -- a first level, whose alerts are warnings
    warning_below float8,
    clear_below float8,                   -- what opened above resolves below this; NULL: the bound that it crossed
    clear_above float8,
    clear_windows int NOT NULL,           -- in how many of the last windows none may be beyond that
    learn jsonb,                          -- bounds from the history of the score itself
    false_discovery_rate float8,          -- over all subjects of a window
    share float8,                         -- of the subjects of a window: they are looked at together
    parts int[],                          -- rule_id of the rules that a composite rule consists of
    column_name name,                     -- NULL: any
    segment text,                         -- NULL: all rows; '*': every segment
    windows int NOT NULL,
    out_of int NOT NULL,
    min_n bigint NOT NULL,
    severity text NOT NULL CHECK (severity IN ('warning', 'alert')),
    action text NOT NULL,
    trainer text,
    cooldown interval NOT NULL,
    options jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(above, below, learn, parts) > 0),
    CHECK (windows BETWEEN 1 AND out_of)
);
COMMENT ON TABLE weir.rule IS 'Definitions of rules, one row each; read the view weir.rules.';
CREATE INDEX ON weir.rule (monitor_id);

-- Run-time state, not dumped: a restored rule goes on with the first window that becomes final.
CREATE TABLE weir.rule_state (
    rule_id int PRIMARY KEY REFERENCES weir.rule ON DELETE CASCADE,
    disabled_reason text,                 -- NULL: the rule is evaluated
    begins_after timestamptz NOT NULL,    -- windows that begin here or earlier are not the rule's business; -infinity: all are
    evaluated_to timestamptz NOT NULL,    -- begin of the last final window that was evaluated; -infinity: none
    panes_seen_at timestamptz NOT NULL,   -- newest pane.updated_at that was taken into account
    changes_seen_at timestamptz,          -- monitor_state.last_change_at when panes were last looked through
    baseline_set_at timestamptz,          -- of the baseline it was evaluated against
    evaluated_at timestamptz,
    acted_at timestamptz                  -- end of the window that last set off the action
);
COMMENT ON TABLE weir.rule_state IS 'How far each rule has come; read the view weir.rules.';

CREATE TABLE weir.rule_subject (
    rule_id int NOT NULL REFERENCES weir.rule ON DELETE CASCADE,
    family text NOT NULL,
    subject text,
    segment text,
    state text NOT NULL CHECK (state IN ('ok', 'warning', 'alert', 'insufficient', 'no_data')),
    value float8,
    n bigint,
    window_start timestamptz NOT NULL,
    since timestamptz NOT NULL,           -- first window of this state
    UNIQUE NULLS NOT DISTINCT (rule_id, family, subject, segment)
) WITH (fillfactor = 80);
COMMENT ON TABLE weir.rule_subject IS 'The state of each rule per column and segment; read the view weir.rule_states.';

CREATE TABLE weir.alert (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    rule_id int REFERENCES weir.rule ON DELETE SET NULL,
    rule text NOT NULL,
    severity text NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'acknowledged', 'resolved')),
    family text NOT NULL,
    subject text,
    segment text,
    metric text NOT NULL,
    value float8 NOT NULL,                -- in the latest window that was out of bounds
    threshold float8 NOT NULL,
    n bigint,
    window_start timestamptz NOT NULL,    -- begin of the window that opened it
    window_end timestamptz NOT NULL,      -- end of the latest window in which the condition held
    last_window_start timestamptz NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    resolved_by regrole,                  -- NULL: by itself
    acknowledged_at timestamptz,
    acknowledged_by regrole,
    verdict text CHECK (verdict IN ('confirmed', 'dismissed')),
    note text,
    job_id bigint,                        -- jobs are not dumped: no foreign key
    message text NOT NULL,
    detail jsonb NOT NULL,
    told_severity text,                   -- the severity that events have told of; NULL: of nothing yet
    snoozed_until timestamptz,
    CHECK ((state = 'resolved') = (resolved_at IS NOT NULL))
);
COMMENT ON TABLE weir.alert IS 'What rules have found; read the view weir.alerts.';
CREATE UNIQUE INDEX alert_open ON weir.alert (rule_id, family, subject, segment) NULLS NOT DISTINCT WHERE resolved_at IS NULL AND rule_id IS NOT NULL;
CREATE INDEX ON weir.alert (rule_id, window_end);
CREATE INDEX ON weir.alert (monitor_id, opened_at);

-- Alerts are dumped too: who acknowledged and what people decided is a record.
SELECT pg_catalog.pg_extension_config_dump('weir.rule', '');
SELECT pg_catalog.pg_extension_config_dump('weir.rule_rule_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.alert', '');
SELECT pg_catalog.pg_extension_config_dump('weir.alert_alert_id_seq', '');

CREATE FUNCTION weir._latest_final(monitor_id int, until timestamptz DEFAULT 'infinity') RETURNS timestamptz
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'weir_latest_final';
COMMENT ON FUNCTION weir._latest_final(int, timestamptz) IS
'Begin of the last final window of the monitor that is not later than its data, and ends by until; NULL while there is none. Internal.';

-- A rule on one model waits for none but that.
CREATE FUNCTION weir._rule_attributions(rule_id int) RETURNS TABLE (model text, read_until timestamptz, explained_at timestamptz)
    LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED ROWS 2 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT a.model, a.read_until, a.explained_at
    FROM weir.rule r JOIN weir.rule p ON p.rule_id = ANY (r.rule_id || r.parts)
        JOIN weir.attribution a ON a.monitor_id = p.monitor_id AND (p.column_name IS NULL OR a.model = p.column_name::text)
    WHERE r.rule_id = $1 AND p.family = 'attribution' AND a.disabled_reason IS NULL;
END;
COMMENT ON FUNCTION weir._rule_attributions(int) IS
'The models of which a rule, or a part of it, looks at what they rest on, and that are being explained. Internal.';

CREATE FUNCTION weir._rule_explained_until(rule_id int) RETURNS timestamptz
    LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT min(a.read_until) FROM weir._rule_attributions($1) a), CASE WHEN r.family = 'attribution' THEN timestamptz '-infinity' ELSE 'infinity' END)
    FROM weir.rule r WHERE r.rule_id = $1;
END;
COMMENT ON FUNCTION weir._rule_explained_until(int) IS
'Rows before it have been explained for the rule by its models: -infinity, none have; infinity, it waits for none. Internal.';
REVOKE ALL ON FUNCTION weir._latest_final(int, timestamptz), weir._rule_attributions(int), weir._rule_explained_until(int) FROM PUBLIC;

CREATE FUNCTION weir._rule_grid(rule_id int, OUT slide interval, OUT window_size interval, OUT latest_final timestamptz, OUT is_capture boolean)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN c.is_capture THEN interval '1 minute' ELSE m.slide END, CASE WHEN c.is_capture THEN interval '1 minute' ELSE m.window_size END,
        CASE WHEN c.is_capture THEN (SELECT max(minute) FROM weir.capture_minute) ELSE weir._latest_final(m.monitor_id, weir._rule_explained_until(r.rule_id)) END, c.is_capture
    FROM weir.rule r JOIN weir.monitor m USING (monitor_id), LATERAL (SELECT r.family = 'capture' AS is_capture) c
    WHERE r.rule_id = $1;
END;
COMMENT ON FUNCTION weir._rule_grid(int) IS
'The windows that a rule looks at, and the begin of the last one that is final: those of its monitor, or minutes of the wall clock for what is watched of capture. Internal.';

CREATE FUNCTION weir._rule_reach(rule_id int) RETURNS int
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT max(greatest(p.out_of, p.clear_windows) + CASE WHEN p.learn ? 'since' THEN 0 ELSE coalesce((p.learn ->> 'windows')::int, 0) END)::int
        + CASE WHEN r.parts IS NULL THEN 0 ELSE greatest(r.out_of, r.clear_windows) END
    FROM weir.rule r JOIN weir.rule p ON p.rule_id = r.rule_id OR p.rule_id = ANY (r.parts) WHERE r.rule_id = $1 GROUP BY r.rule_id;
END;
COMMENT ON FUNCTION weir._rule_reach(int) IS 'For how many windows what one window says can matter. Internal.';

CREATE FUNCTION weir._score_families(monitor_id int, metric text) RETURNS TABLE (family text, metric text, is_computed boolean)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- One part for each family of weir._all_scores, in the order in which a name that several have is understood.
    SELECT 'detector', d.name, true FROM weir._monitor_detectors($1) d WHERE d.name = $2
    UNION ALL
    SELECT 'capture', $2, true WHERE $2 = ANY (weir._capture_metric_names())
    UNION ALL
    SELECT 'drift', weir.drift_metric_name($2), s.drift_metrics IS NULL OR EXISTS (SELECT FROM unnest(s.drift_metrics) u
        WHERE weir.drift_metric_name(u) = weir.drift_metric_name($2))
    FROM weir._settings($1) s WHERE weir.drift_metric_name($2) IS NOT NULL
    UNION ALL
    SELECT 'fairness', $2, cardinality(m.protected) > 0 AND (s.fairness_metrics IS NULL OR $2 = ANY (s.fairness_metrics || s.rate_metrics))
    FROM weir._settings($1) s, weir.monitor m
    WHERE m.monitor_id = $1 AND $2 = ANY (weir.fairness_metric_names() || weir._rate_metric_names())
    UNION ALL
    SELECT 'performance', l.metric, p.ordinals IS NOT NULL AND (p.metrics IS NULL OR l.metric = ANY (p.metrics))
            -- What needs to be told something is computed where it is.
            AND CASE l.option WHEN 'beta' THEN p.beta IS NOT NULL WHEN 'n_features' THEN p.n_features IS NOT NULL WHEN 'quantile' THEN p.quantile IS NOT NULL
                WHEN 'classes' THEN p.classes IS NOT NULL ELSE true END
    FROM weir._performance_settings($1) p, weir._performance_metric_list() l WHERE l.metric = weir.performance_metric_name($2)
    UNION ALL
    SELECT 'attribution', $2, m.model IS NOT NULL OR EXISTS (SELECT FROM weir.monitor_learner l WHERE l.monitor_id = $1)
    FROM weir.monitor m WHERE m.monitor_id = $1 AND $2 = ANY (weir._attribution_metric_names())
    UNION ALL
    SELECT 'quality', $2, true WHERE $2 = ANY (weir._quality_names())
    UNION ALL
    SELECT 'source', $2, m.options ? 'sources' FROM weir.monitor m WHERE m.monitor_id = $1 AND $2 IN (SELECT k.metric FROM weir.quality_checks k WHERE k.scope = 'source')
    UNION ALL
    SELECT 'statistics', $2, true WHERE $2 = ANY (weir._statistic_names());
END;
COMMENT ON FUNCTION weir._score_families(int, text) IS 'Which families of scores know a metric, by which name, and whether the monitor computes it. Internal.';
REVOKE ALL ON FUNCTION weir._rule_grid(int), weir._rule_reach(int), weir._score_families(int, text) FROM PUBLIC;

CREATE FUNCTION weir.create_rule(name text, monitor text, metric text, above float8 = NULL, below float8 = NULL, column_name name = NULL,
    segment text = NULL, windows int = 1, out_of int = NULL, min_n bigint = 30, severity text = 'alert', action text = 'notify',
    trainer text = NULL, cooldown interval = '0', options jsonb = '{}', warning_above float8 = NULL, warning_below float8 = NULL,
    clear_below float8 = NULL, clear_above float8 = NULL, clear_windows int = 1, learn jsonb = NULL, false_discovery_rate float8 = NULL,
    share float8 = NULL) RETURNS name
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_create_rule';
COMMENT ON FUNCTION weir.create_rule(text, text, text, float8, float8, name, text, int, int, bigint, text, text, text, interval, jsonb, float8, float8, float8,
    float8, int, jsonb, float8, float8) IS
'Watches a metric of weir.scores, or a statistic of weir.window_stats (n, null_share, distinct_count, mean, stddev, min, p25 to p99, max) or
weir.windows (rows, late_rows), and returns the rule''s name. A window is out of bounds when the value is above "above" or below "below"; the rule holds when
that is so for "windows" of the last "out_of" final windows (NULL: as many as windows) that end with the present one. column_name NULL: every
column apart, else what scores of that name are of (22023 otherwise; of family attribution the model); segment NULL: all rows together, ''*'': every segment apart. A NOTICE says
when the latest final window has nothing that the rule would look at. Windows with n < min_n or a status other than ok decide nothing. One
alert is opened per column and segment, kept up to date, and resolved by itself. severity: warning, alert. warning_above, warning_below: a
first level, whose alerts have severity warning and become alerts when the other bound is crossed. clear_below, clear_above: what opened above
(below) resolves only below (above) this; clear_windows: and when none of the last so many windows is beyond that. learn: bounds from the history of
each score itself, {"method": "stddev" (mean and k standard deviations) or "quantile", "k": 3, "quantile": 0.99, "windows": 30 (the windows before),
or "since" and "until" (those that end in between), "min_windows": 5 (fewer decide nothing), "direction": above, below or both, "warning_k", "clear_k",
"warning_quantile", "clear_quantile"}; above and below are then bounds that must be crossed as well. false_discovery_rate: what is out of bounds must
also be significant, by p-values adjusted (Benjamini and Hochberg 1995) over all columns and segments of the window: that share of false alarms among the
columns and segments found is expected at most; p-values are those of the scores, with learn (stddev) of Student''s t of a next value. share: the
columns are looked at together: out of bounds when at least that share of those that could be judged is. action: notify, roll_back (the champion of
the trainer''s model is taken back to the version before) or retrain (besides, a
job of the trainer, queued in the same transaction, when an alert opens or a warning becomes one). Within cooldown (of event time) after an alert''s
last window no other opens for the same column and segment, nor is the action taken again. Metrics of capture itself
(capture_lag in seconds, capture_lag_bytes, capture_wal_kept_bytes, capture_gaps, and time_without_rows: seconds since the monitor''s source last
changed) are watched minute by minute of the wall clock, whatever the monitor''s windows and min_n are. options: auto_resolve (true), family (of scores:
drift, fairness, performance, quality, source, attribution, statistics, detector, capture; where several have the metric), history (false: windows before the latest
final one are left to test_rule), silent (false: alerts are recorded and told to nobody, for rules that are parts of others). For the monitor''s owner.
Errors: 42704 no such monitor, 22023 an unknown metric or a setting that makes no sense, 42703 no such column, 42710 the name is taken.';

CREATE FUNCTION weir.create_composite_rule(name text, parts text[], at_least int = NULL, windows int = 1, out_of int = NULL, severity text = 'alert',
    action text = 'notify', trainer text = NULL, cooldown interval = '0', clear_windows int = 1, options jsonb = '{}') RETURNS name
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_create_composite_rule';
COMMENT ON FUNCTION weir.create_composite_rule(text, text[], int, int, int, text, text, text, interval, int, jsonb) IS
'A rule over other rules of one monitor, and returns its name: a window is out of bounds when at least so many of the parts hold in it (NULL: all),
for any of their columns and segments, at any severity. A window in which the parts that cannot decide could tip the balance decides nothing. The other
arguments are those of weir.create_rule. The parts go on opening alerts of their own, unless their option silent is set. Parts are neither composite nor
rules on metrics of capture, and are not dropped before the composite rule. For the monitor''s owner.';

CREATE FUNCTION weir.drop_rule(rule text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_drop_rule';
COMMENT ON FUNCTION weir.drop_rule(text) IS 'Removes a rule; its open alerts are resolved, all its alerts stay. For the monitor''s owner.';

CREATE FUNCTION weir.enable_rule(rule text, enabled boolean = true) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_enable_rule';
COMMENT ON FUNCTION weir.enable_rule(text, boolean) IS
'Lets a rule that was disabled (by an error, or by this function) go on where it stopped, or disables it. For the monitor''s owner.';

CREATE FUNCTION weir.test_rule(rule text, since timestamptz = NULL, until timestamptz = NULL)
    RETURNS TABLE (window_start timestamptz, column_name text, segment text, value float8, state text, n bigint, fires boolean, threshold float8,
        event text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_test_rule';
COMMENT ON FUNCTION weir.test_rule(text, timestamptz, timestamptz) IS
'What the rule would have found in the final windows that begin in [since, until) (NULL: unbounded), by the scores as they are now, as if no alert
had been open before; writes nothing. state: ok, warning (out of bounds but in too few windows yet, or the rule''s severity), alert,
insufficient, no_data; threshold: the bound that was crossed, else the one nearest to being; event: opened, escalated or resolved; fires marks the
first two. column_name is the subject of the score. To try a rule before there is one: BEGIN, weir.create_rule, weir.test_rule, ROLLBACK. For who may
see those scores, as in weir.rules.';

CREATE FUNCTION weir.acknowledge_alert(alert_id bigint, note text = NULL, snooze interval = NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_acknowledge_alert';
COMMENT ON FUNCTION weir.acknowledge_alert(bigint, text, interval) IS
'Says that somebody has seen an open alert and takes care. snooze: nothing is told of it for so long; if it is still open then, event reminded is, and it
counts as not acknowledged. NULL: nobody is reminded. For the monitor''s owner. Errors: 42704 no such alert, 55000 it is resolved already.';

CREATE FUNCTION weir.resolve_alert(alert_id bigint, verdict text = NULL, note text = NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_resolve_alert';
COMMENT ON FUNCTION weir.resolve_alert(bigint, text, text) IS
'Ends an open alert by hand, or adds a verdict to one that is over. verdict: confirmed (something was wrong), dismissed (false alarm), NULL (no
judgement). While the condition holds, the next final window opens another unless the rule has a cooldown. For the monitor''s owner.';
