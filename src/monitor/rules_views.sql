-- monitor: what people see of rules, alerts, silences and events --------------------------------------------------------------------------------

-- Not STRICT: subject and segment may be NULL.
CREATE FUNCTION weir._may_see_scores(source oid, time_column name, has_filter boolean, family text, subject text, segment text) RETURNS boolean
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'weir_may_see_scores';
COMMENT ON FUNCTION weir._may_see_scores(oid, name, boolean, text, text, text) IS
'True for who may read the whole source, or, of drift of one column over all rows of a monitor without filter, that column and the time.';

CREATE VIEW weir.rules WITH (security_barrier) AS
    SELECT r.name AS rule, m.name AS monitor, r.metric, r.above, r.below, r.column_name, r.segment, r.windows, r.out_of, r.min_n, r.severity,
           r.action, r.trainer, r.cooldown, r.options, r.owner,
           CASE WHEN s.disabled_reason IS NULL THEN 'active' ELSE 'disabled' END AS state, s.disabled_reason AS reason,
           CASE WHEN pg_catalog.isfinite(s.evaluated_to) THEN s.evaluated_to END AS evaluated_to, s.evaluated_at, r.created_at,
           r.family, r.warning_above, r.warning_below, r.clear_below, r.clear_above, r.clear_windows, r.learn, r.false_discovery_rate, r.share,
           (SELECT pg_catalog.array_agg(p.name ORDER BY u.ordinality) FROM pg_catalog.unnest(r.parts) WITH ORDINALITY u (part, ordinality)
            JOIN weir.rule p ON p.rule_id = u.part) AS parts,
           t.worst_state, t.subjects, a.alerts, a.open_alerts, a.confirmed, a.dismissed,
           a.confirmed::pg_catalog.float8 / NULLIF(a.confirmed + a.dismissed, 0) AS "precision",
           EXISTS (SELECT FROM weir.silence l WHERE l.monitor_id = r.monitor_id AND (l.rule_id IS NULL OR l.rule_id = r.rule_id) AND l.applies_to = 'notifications'
                   AND weir._covers(l.since, l.until, l.every, l.repeat_until, l.time_zone, pg_catalog.now(), pg_catalog.now() + interval '1 microsecond')) AS is_silenced
    FROM weir.rule r JOIN weir.monitor m USING (monitor_id) LEFT JOIN weir.rule_state s USING (rule_id),
        LATERAL (SELECT pg_catalog.jsonb_object_agg(q.state, q.n) AS subjects,
                     (pg_catalog.array_agg(q.state ORDER BY pg_catalog.array_position(ARRAY['alert', 'warning', 'ok', 'insufficient', 'no_data'], q.state)))[1] AS worst_state
                 FROM (SELECT u.state, pg_catalog.count(*) AS n FROM weir.rule_subject u WHERE u.rule_id = r.rule_id GROUP BY u.state) q) t,
        LATERAL (SELECT pg_catalog.count(*) AS alerts, pg_catalog.count(*) FILTER (WHERE x.resolved_at IS NULL) AS open_alerts,
                     pg_catalog.count(*) FILTER (WHERE x.verdict = 'confirmed') AS confirmed, pg_catalog.count(*) FILTER (WHERE x.verdict = 'dismissed') AS dismissed
                 FROM weir.alert x WHERE x.rule_id = r.rule_id) a
    WHERE weir._may_see_scores(m.source, m.time_column, m.filter IS NOT NULL, r.family, r.column_name::pg_catalog.text, r.segment);
COMMENT ON VIEW weir.rules IS
'Rules on scores that the reader may see: who may read the source, or, where the monitor has no filter, of drift and statistics of one column over all rows
who may read that column and the time column. state: active, or disabled with its reason; evaluated_to: begin of the last final window that
was evaluated. worst_state: the worst of the present states of its columns and segments (alert, warning, ok, insufficient, no_data; weir.rule_states has each),
subjects: how many are in which. alerts: all that the rule has opened; open_alerts; confirmed, dismissed: by the verdicts of people; precision: the
share of confirmed among these, NULL without any. is_silenced: now, by weir.create_silence. parts: the rules of a composite one.';
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
           a.resolved_by, a.verdict, a.note, a.snoozed_until, a.told_severity IS NULL AND a.resolved_at IS NULL AS is_silenced
    FROM weir.alert a JOIN weir.monitor m USING (monitor_id)
    WHERE weir._may_see_scores(m.source, m.time_column, m.filter IS NOT NULL, a.family, a.subject, a.segment);
COMMENT ON VIEW weir.alerts IS
'Alerts on scores that the reader may see, as in weir.rules. state: open, acknowledged, resolved. window_start is the window that opened the alert, window_end the
end of the latest one in which the condition held; value, threshold and n are of the latest window out of bounds. job_id: the job it set
off. resolved_by NULL: it resolved by itself. snoozed_until: nothing is told of it until then; is_silenced: nobody was told yet. detail: what explains it, with the query that shows the scores.';
GRANT SELECT ON weir.alerts TO PUBLIC;

CREATE VIEW weir.silences WITH (security_barrier) AS
    SELECT s.silence_id, m.name AS monitor, r.name AS rule, s.since, s.until, s.every, s.repeat_until, s.time_zone, s.applies_to, s.reason, s.created_by, s.created_at,
        weir._covers(s.since, s.until, s.every, s.repeat_until, s.time_zone, pg_catalog.now(), pg_catalog.now() + interval '1 microsecond') AS is_active
    FROM weir.silence s JOIN weir.monitor m USING (monitor_id) LEFT JOIN weir.rule r USING (rule_id)
    WHERE weir.may_read_rows(m.source, m.time_column, m.filter IS NOT NULL);
COMMENT ON VIEW weir.silences IS
'Silences of monitors that one may read, as weir.create_silence made them. rule NULL: all rules of the monitor; is_active: at this moment.';
GRANT SELECT ON weir.silences TO PUBLIC;

CREATE VIEW weir.alert_events WITH (security_barrier) AS
    SELECT e.event_id, e.occurred_at, e.event, e.alert_id, m.name AS monitor, a.rule, e.state, e.severity, a.family, a.subject, a.segment, a.metric, a.value,
           a.threshold, a.n, a.window_start, a.window_end, a.job_id, a.message, a.detail
    FROM weir.alert_event e JOIN weir.alert a USING (alert_id) JOIN weir.monitor m USING (monitor_id)
    WHERE e.event_id IS NOT NULL AND weir._may_see_scores(m.source, m.time_column, m.filter IS NOT NULL, a.family, a.subject, a.segment);
COMMENT ON VIEW weir.alert_events IS
'What happened to alerts that the reader may see (as in weir.alerts), in the order of event_id: when an event is visible, all with a lower event_id are that
ever will be. event: opened, escalated (a warning became an alert), acknowledged, reminded (a snooze is over), resolved. state and severity are those of
then, what follows is of the alert now. Kept for weir.alert_event_retention; events of a monitor go when it is dropped.';
GRANT SELECT ON weir.alert_events TO PUBLIC;

CREATE FUNCTION weir.read_events(consumer text, max_events int = 100)
    RETURNS TABLE (event_id bigint, occurred_at timestamptz, event text, alert_id bigint, monitor text, rule text, state text, severity text, family text,
        subject text, segment text, metric text, value float8, threshold float8, n bigint, window_start timestamptz, window_end timestamptz, job_id bigint,
        message text, detail jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 100 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT e.event_id, e.occurred_at, e.event, e.alert_id, e.monitor, e.rule, e.state, e.severity, e.family, e.subject, e.segment, e.metric, e.value, e.threshold,
        e.n, e.window_start, e.window_end, e.job_id, e.message, e.detail
    -- The position first, whatever there is to read: it tells of what was missed.
    FROM weir._consumer_position(consumer) AS p (position),
        LATERAL (SELECT * FROM weir.alert_events v WHERE v.event_id > p.position ORDER BY v.event_id LIMIT max_events) e ORDER BY e.event_id;
END;
COMMENT ON FUNCTION weir.read_events(text, int) IS
'The next events of alerts after the position of a consumer, oldest first, at most max_events, columns as in weir.alert_events; the position stays where it
is until weir.confirm_events, so that none is lost when the reader dies. Those that the caller may not see are passed over. For the owner of the
consumer. Errors: 42704 no such consumer, 55000 it was away for longer than events are kept: weir.confirm_events(consumer, ...) goes on after the gap.';

CREATE VIEW weir.event_consumers WITH (security_barrier) AS
    SELECT c.consumer, c.owner, c.confirmed_to, p.last_event_id, p.last_event_id - c.confirmed_to AS behind, greatest(p.expired_to - c.confirmed_to, 0) AS missed,
        c.created_at, c.confirmed_at
    FROM weir.event_consumer c, weir.alert_event_position p WHERE pg_catalog.pg_has_role(c.owner::pg_catalog.oid, 'USAGE');
COMMENT ON VIEW weir.event_consumers IS
'Consumers of events that the reader owns: confirmed_to: their position; behind: how many positions before the last one; missed: how many of these were
given up, for they are older than weir.alert_event_retention.';
GRANT SELECT ON weir.event_consumers TO PUBLIC;
