-- monitor: rules and alerts -----------------------------------------------------------------------------------------------------------------

CREATE TABLE weir.rule (
    rule_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    owner regrole NOT NULL,               -- who made it; its action is taken on his behalf
    metric text NOT NULL,
    above float8,
    below float8,
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
    CHECK (num_nonnulls(above, below) > 0),
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

CREATE FUNCTION weir._latest_final(monitor_id int) RETURNS timestamptz
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'weir_latest_final';
COMMENT ON FUNCTION weir._latest_final(int) IS
'Begin of the last final window of the monitor that is not later than its data; NULL while there is none. Internal.';
REVOKE ALL ON FUNCTION weir._latest_final(int) FROM PUBLIC;

CREATE FUNCTION weir._rule_grid(rule_id int, OUT slide interval, OUT window_size interval, OUT latest_final timestamptz, OUT is_capture boolean)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN c.is_capture THEN interval '1 minute' ELSE m.slide END, CASE WHEN c.is_capture THEN interval '1 minute' ELSE m.window_size END,
        CASE WHEN c.is_capture THEN (SELECT max(minute) FROM weir.capture_minute) ELSE weir._latest_final(m.monitor_id) END, c.is_capture
    FROM weir.rule r JOIN weir.monitor m USING (monitor_id), LATERAL (SELECT r.metric = ANY (weir._capture_metric_names()) AS is_capture) c
    WHERE r.rule_id = $1;
END;
COMMENT ON FUNCTION weir._rule_grid(int) IS
'The windows that a rule looks at, and the begin of the last one that is final: those of its monitor, or minutes of the wall clock for what is watched of capture. Internal.';
REVOKE ALL ON FUNCTION weir._rule_grid(int) FROM PUBLIC;

CREATE FUNCTION weir.create_rule(name text, monitor text, metric text, above float8 = NULL, below float8 = NULL, column_name name = NULL,
    segment text = NULL, windows int = 1, out_of int = NULL, min_n bigint = 30, severity text = 'alert', action text = 'notify',
    trainer text = NULL, cooldown interval = '0', options jsonb = '{}') RETURNS name
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_create_rule';
COMMENT ON FUNCTION weir.create_rule(text, text, text, float8, float8, name, text, int, int, bigint, text, text, text, interval, jsonb) IS
'Watches a metric of weir.scores and returns the rule''s name. A window is out of bounds when the value is above "above" or below "below" (at
least one of them); the rule holds when that is so for "windows" of the last "out_of" final windows (NULL: as many as windows) that end with
the present one. column_name NULL: every column apart; segment NULL: all rows together, ''*'': every segment apart. Windows with n < min_n or
a status other than ok decide nothing. One alert is opened per column and segment, kept up to date, and resolved in the first window
that decides otherwise. severity: warning, alert. action: notify (NOTIFY weir_alerts with JSON) or retrain (besides, a job of the trainer,
queued in the same transaction, when an alert opens). Within cooldown (of event time) after an alert''s last window no other opens for the
same column and segment, nor is the action taken again. Metrics of capture itself
(capture_lag in seconds, capture_lag_bytes, capture_wal_kept_bytes, capture_gaps) are watched minute by minute of the wall clock, whatever the
monitor''s windows are and min_n is. options: auto_resolve (true), family (of scores: drift, fairness, detector, capture),
history (false: windows before the latest final one are left to test_rule). For the monitor''s owner.';

CREATE FUNCTION weir.drop_rule(rule text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_drop_rule';
COMMENT ON FUNCTION weir.drop_rule(text) IS 'Removes a rule; its open alerts are resolved, all its alerts stay. For the monitor''s owner.';

CREATE FUNCTION weir.enable_rule(rule text, enabled boolean = true) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_enable_rule';
COMMENT ON FUNCTION weir.enable_rule(text, boolean) IS
'Lets a rule that was disabled (by an error, or by this function) go on where it stopped, or disables it. For the monitor''s owner.';

CREATE FUNCTION weir.test_rule(rule text, since timestamptz = NULL, until timestamptz = NULL)
    RETURNS TABLE (window_start timestamptz, column_name text, segment text, value float8, state text, n bigint, fires boolean)
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_test_rule';
COMMENT ON FUNCTION weir.test_rule(text, timestamptz, timestamptz) IS
'What the rule would have found in the final windows that begin in [since, until) (NULL: unbounded), by the scores as they are now, as if no alert
had been open before; writes nothing. state: ok, warning (out of bounds but in too few windows yet, or the rule''s severity), alert,
insufficient, no_data; fires marks the windows in which an alert would have opened. column_name is the subject of the score. For who may
see those scores, as in weir.rules.';

CREATE FUNCTION weir.acknowledge_alert(alert_id bigint, note text = NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_acknowledge_alert';
COMMENT ON FUNCTION weir.acknowledge_alert(bigint, text) IS 'Says that somebody has seen an open alert and takes care. For the monitor''s owner.';

CREATE FUNCTION weir.resolve_alert(alert_id bigint, verdict text = NULL, note text = NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_resolve_alert';
COMMENT ON FUNCTION weir.resolve_alert(bigint, text, text) IS
'Ends an open alert by hand, or adds a verdict to one that is over. verdict: confirmed (something was wrong), dismissed (false alarm), NULL (no
judgement). While the condition holds, the next final window opens another unless the rule has a cooldown. For the monitor''s owner.';

-- Not STRICT: subject and segment may be NULL.
CREATE FUNCTION weir._may_see_scores(source oid, time_column name, has_filter boolean, family text, subject text, segment text) RETURNS boolean
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'weir_may_see_scores';
COMMENT ON FUNCTION weir._may_see_scores(oid, name, boolean, text, text, text) IS
'True for who may read the whole source, or, of drift of one column over all rows of a monitor without filter, that column and the time.';

CREATE VIEW weir.rules WITH (security_barrier) AS
    SELECT r.name AS rule, m.name AS monitor, r.metric, r.above, r.below, r.column_name, r.segment, r.windows, r.out_of, r.min_n, r.severity,
           r.action, r.trainer, r.cooldown, r.options, r.owner,
           CASE WHEN s.disabled_reason IS NULL THEN 'active' ELSE 'disabled' END AS state, s.disabled_reason AS reason,
           CASE WHEN pg_catalog.isfinite(s.evaluated_to) THEN s.evaluated_to END AS evaluated_to, s.evaluated_at, r.created_at
    FROM weir.rule r JOIN weir.monitor m USING (monitor_id) LEFT JOIN weir.rule_state s USING (rule_id)
    WHERE weir._may_see_scores(m.source, m.time_column, m.filter IS NOT NULL,
        CASE WHEN weir.drift_metric_name(r.metric) IS NOT NULL THEN 'drift' END, r.column_name::pg_catalog.text, r.segment);
COMMENT ON VIEW weir.rules IS
'Rules on scores that the reader may see: who may read the source, or, where the monitor has no filter, of drift of one column over all rows who
may read that column and the time column. state: active, or disabled with its reason; evaluated_to: begin of the last final window that
was evaluated.';
GRANT SELECT ON weir.rules TO PUBLIC;

CREATE VIEW weir.rule_states WITH (security_barrier) AS
    SELECT r.name AS rule, m.name AS monitor, s.family, s.subject, s.segment, s.state, s.value, s.n, s.window_start, s.since
    FROM weir.rule_subject s JOIN weir.rule r USING (rule_id) JOIN weir.monitor m USING (monitor_id)
    WHERE weir._may_see_scores(m.source, m.time_column, m.filter IS NOT NULL, s.family, s.subject, s.segment);
COMMENT ON VIEW weir.rule_states IS
'The present state of each rule per column and segment, seen by whom weir.alerts would be shown to: ok, warning, alert, insufficient, no_data; window_start is the latest final window, since the
first one of this state.';
GRANT SELECT ON weir.rule_states TO PUBLIC;

CREATE VIEW weir.alerts WITH (security_barrier) AS
    SELECT a.alert_id, m.name AS monitor, a.rule, a.severity, a.state, a.subject, a.segment, a.metric, a.value, a.threshold, a.n, a.window_start,
           a.window_end, a.opened_at, a.updated_at, a.resolved_at, a.acknowledged_by, a.job_id, a.message, a.detail, a.family, a.acknowledged_at,
           a.resolved_by, a.verdict, a.note
    FROM weir.alert a JOIN weir.monitor m USING (monitor_id)
    WHERE weir._may_see_scores(m.source, m.time_column, m.filter IS NOT NULL, a.family, a.subject, a.segment);
COMMENT ON VIEW weir.alerts IS
'Alerts on scores that the reader may see, as in weir.rules. state: open, acknowledged, resolved. window_start is the window that opened the alert, window_end the
end of the latest one in which the condition held; value, threshold and n are of the latest window out of bounds. job_id: the job it set
off. resolved_by NULL: it resolved by itself. detail: what explains it, with the query that shows the scores.';
GRANT SELECT ON weir.alerts TO PUBLIC;
