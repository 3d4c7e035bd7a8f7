-- What becomes of alerts: events in order, consumers, snoozes, silences, verdicts. Panes are filled by hand, all in one transaction, so that no
-- worker sees any of it.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE ROLE regress_events_owner;
CREATE ROLE regress_events_reader;
CREATE ROLE regress_events_stranger;
BEGIN;
GRANT CREATE ON SCHEMA public TO regress_events_owner;
CREATE FUNCTION evaluate_rule(int) RETURNS void AS '$libdir/weir', 'weir_evaluate_rule' LANGUAGE c;
CREATE FUNCTION number_events() RETURNS void AS '$libdir/weir', 'weir_number_alert_events' LANGUAGE c;
SET ROLE regress_events_owner;
CREATE TABLE regress_events (id int PRIMARY KEY, at timestamptz NOT NULL, a float8, b text);
GRANT SELECT ON regress_events TO regress_events_reader;
SELECT weir.create_monitor('events', 'regress_events', 'at', columns => '{a,b}', window_size => '1 day', time_zone => 'Europe/Vienna', backfill => false,
    options => '{"pane_size": "1 day"}');
SELECT weir.set_baseline('events', since => '2026-03-20', until => '2026-03-22');
SELECT weir.create_rule('a high', 'events', 'mean', above => 3, warning_above => 1, column_name => 'a');
SELECT weir.create_rule('b moves', 'events', 'psi', above => 0.25, column_name => 'b', action => 'notify');
RESET ROLE;
CREATE FUNCTION fill(day int, a float8 = 0, b text = 'xxyz') RETURNS void LANGUAGE sql AS $$
    INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness, updated_at)
    SELECT monitor_id, 0, timestamp '2026-03-19' AT TIME ZONE 'Europe/Vienna' + make_interval(days => day), '{}', 100, 0, 0,
        ARRAY[(SELECT weir.summarize(a + i % 2 - 0.5) FROM generate_series(1, 100) i), (SELECT weir.summarize(substr(b, i % length(b) + 1, 1)) FROM generate_series(1, 100) i)],
        '{}', clock_timestamp()
    FROM weir.monitor WHERE name = 'events'
    ON CONFLICT (monitor_id, generation, pane_start, segment, part) DO UPDATE SET n = excluded.n, summaries = excluded.summaries, updated_at = excluded.updated_at;
$$;
CREATE FUNCTION day(int) RETURNS timestamptz LANGUAGE sql AS $$ SELECT (timestamp '2026-03-19' + make_interval(days => $1)) AT TIME ZONE 'Europe/Vienna' $$;
CREATE FUNCTION advance(d int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO weir.monitor_state AS s (monitor_id, state, watermark, last_change_at)
    SELECT monitor_id, 'active', day(d), now() FROM weir.monitor WHERE name = 'events'
    ON CONFLICT (monitor_id) DO UPDATE SET state = 'active', watermark = excluded.watermark, last_change_at = clock_timestamp();
$$;
CREATE FUNCTION evaluate() RETURNS void LANGUAGE sql AS $$ SELECT evaluate_rule(rule_id) FROM weir.rule ORDER BY name $$;
CREATE VIEW told AS SELECT event_id, event, rule, state, severity FROM weir.alert_events ORDER BY event_id;
SELECT count(fill(d)) FROM generate_series(0, 3) d;
SELECT advance(4);
SELECT evaluate();

-- ---- events in order, and a consumer ----
SET ROLE regress_events_reader;
SELECT weir.create_event_consumer('pager');
SELECT weir.create_event_consumer('pager');
SELECT weir.create_event_consumer('negative', -1);
SELECT * FROM weir.read_events('pager');
RESET ROLE;
SELECT fill(4, a => 2), advance(5);
SELECT evaluate();
TABLE told;
SELECT number_events();
TABLE told;
SELECT fill(5, a => 4, b => 'wwwx'), advance(6);
SELECT evaluate(), number_events();
TABLE told;
-- What explains a change of categories.
SELECT message, jsonb_path_query_array(detail, '$.explanation.categories[*].category') AS categories, detail -> 'explanation' -> 'appeared' AS appeared,
    detail #> '{explanation,baseline}' AS baseline, (detail #>> '{explanation,p_value}')::float8 < 1e-10 AS is_significant FROM weir.alerts WHERE rule = 'b moves';
SET ROLE regress_events_reader;
SELECT event_id, event, rule, subject, severity, value, message FROM weir.read_events('pager', 2);
SELECT weir.confirm_events('pager', 2);
SELECT weir.confirm_events('pager', 1);
SELECT weir.confirm_events('pager', 99);
SELECT event_id, event, rule, subject FROM weir.read_events('pager');
SELECT event_id, event, rule, subject FROM weir.read_events('pager');
SELECT weir.confirm_events('pager', 3);
SELECT consumer, owner, confirmed_to, last_event_id, behind, missed FROM weir.event_consumers;
SELECT weir.create_event_consumer('from the start', 0);
SELECT count(*) FROM weir.read_events('from the start');
RESET ROLE;

-- ---- people: acknowledge, snooze ----
SELECT min(alert_id) AS a_high, max(alert_id) AS b_moves FROM weir.alerts \gset
SET ROLE regress_events_owner;
\set VERBOSITY sqlstate
SELECT weir.acknowledge_alert(:a_high, snooze => '0');
\set VERBOSITY terse
SELECT weir.acknowledge_alert(:a_high, 'later', snooze => '1 day');
SELECT state, snoozed_until = now() + interval '1 day' AS is_snoozed, note FROM weir.alerts WHERE alert_id = :a_high;
RESET ROLE;
SELECT number_events();
SELECT number_events();
UPDATE weir.alert SET snoozed_until = now() WHERE alert_id = :a_high;
SELECT number_events();
SELECT number_events();
SELECT * FROM told WHERE event_id > 3;
SELECT state, snoozed_until, note FROM weir.alerts WHERE alert_id = :a_high;

-- ---- silences ----
SET ROLE regress_events_owner;
SELECT weir.create_silence();
SELECT weir.create_silence(monitor => 'events', rule => 'a high', until => 'infinity');
SELECT weir.create_silence(monitor => 'no such', until => now() + interval '1 hour');
SELECT weir.create_silence(rule => 'no such', until => now() + interval '1 hour');
SELECT weir.create_silence(rule => 'a high');
SELECT weir.create_silence(rule => 'a high', until => now() - interval '1 hour');
SELECT weir.create_silence(rule => 'a high', until => now() + interval '1 hour', every => '1 month');
SELECT weir.create_silence(rule => 'a high', until => now() + interval '2 hours', every => '1 hour');
SELECT weir.create_silence(rule => 'a high', until => now() + interval '2 hours', repeat_until => now() + interval '1 day');
SELECT weir.create_silence(rule => 'a high', until => now() + interval '2 hours', applies_to => 'people');
SELECT weir.create_silence(rule => 'a high', until => now() + interval '2 hours', time_zone => 'Mars/Olympus');
SELECT weir.create_silence(rule => 'a high', until => now() + interval '2 hours', reason => 'migration') AS silence \gset
SELECT monitor, rule, applies_to, reason, created_by, is_active, time_zone FROM weir.silences;
SELECT rule, is_silenced FROM weir.rules ORDER BY 1;
RESET ROLE;
-- An alert that opens and resolves in a silence is recorded, and nobody is told; one that is still open afterwards is told of then.
SELECT fill(6), advance(7);
SELECT evaluate(), number_events();
SELECT fill(7, a => 2), advance(8);
SELECT evaluate(), number_events();
SELECT fill(8), advance(9);
SELECT evaluate(), number_events();
SELECT fill(9, a => 2), advance(10);
SELECT evaluate(), number_events();
SELECT * FROM told WHERE event_id > 5;
SELECT rule, severity, state, is_silenced FROM weir.alerts ORDER BY alert_id;
SET ROLE regress_events_reader;
SELECT weir.drop_silence(:silence);
RESET ROLE;
SET ROLE regress_events_owner;
SELECT weir.drop_silence(:silence);
\set VERBOSITY sqlstate
SELECT weir.drop_silence(:silence);
\set VERBOSITY terse
RESET ROLE;
SELECT number_events();
SELECT * FROM told WHERE event_id > 7;
-- A silence after it was told of: what becomes worse is told afterwards, that it is over is told at once.
UPDATE weir.rule SET options = '{"auto_resolve": true}';
SELECT weir.create_silence(monitor => 'events', until => 'infinity') AS silence \gset
SELECT fill(10, a => 4), advance(11);
SELECT evaluate(), number_events();
SELECT max(event_id) AS last_event FROM weir.alert_events;
SELECT fill(11), advance(12);
SELECT evaluate(), number_events();
SELECT * FROM told WHERE event_id > 8;
SELECT weir.drop_silence(:silence);
SELECT number_events();
SELECT max(event_id) AS last_event FROM weir.alert_events;

-- Windows that overlap a period of maintenance decide nothing; each week on the same day, though clocks are put forward in between.
SELECT weir.create_silence(monitor => 'events', since => day(5), until => day(5) + interval '6 hours', every => '7 days', applies_to => 'windows') AS weekly \gset
SELECT extract(day FROM window_start AT TIME ZONE 'Europe/Vienna') AS day, value, state FROM weir.test_rule('a high');
SELECT weir._covers(day(5), day(5) + interval '6 hours', '7 days', NULL, 'Europe/Vienna', day(d), day(d) + interval '1 us') AS begins,
    weir._covers(day(5), day(5) + interval '6 hours', '7 days', NULL, 'Europe/Vienna', day(d) - interval '1 us', day(d)) AS before,
    weir._covers(day(5), day(5) + interval '6 hours', '7 days', NULL, 'Europe/Vienna', day(d) + interval '6 hours', day(d) + interval '7 days') AS between_them
    FROM unnest(ARRAY[5, 12, 19, 5 + 7 * 520]) d;
SELECT weir._covers(day(5), day(5) + interval '6 hours', '7 days', day(19), 'Europe/Vienna', day(d), day(d) + interval '1 us') AS repeats FROM unnest(ARRAY[5, 12, 19, 26]) d;
SELECT weir.drop_silence(:weekly);

-- ---- verdicts, and what they say of a rule ----
SET ROLE regress_events_owner;
SELECT weir.resolve_alert(:b_moves, 'confirmed');
SELECT count(weir.resolve_alert(alert_id, CASE WHEN alert_id = :a_high THEN 'confirmed' ELSE 'dismissed' END)) FROM weir.alerts WHERE rule = 'a high';
SELECT rule, alerts, open_alerts, confirmed, dismissed, round("precision"::numeric, 3) AS precision FROM weir.rules ORDER BY 1;
RESET ROLE;

-- ---- retention ----
DELETE FROM weir.alert_event WHERE event_id <= 4;
UPDATE weir.alert_event_position SET expired_to = 4;
SET ROLE regress_events_reader;
SELECT * FROM weir.read_events('pager');
SELECT consumer, confirmed_to, missed FROM weir.event_consumers ORDER BY 1;
SELECT weir.confirm_events('pager', 4);
SELECT min(event_id) FROM weir.read_events('pager');
SELECT weir.create_event_consumer('late', 0);
RESET ROLE;

-- ---- privileges ----
SET ROLE regress_events_stranger;
SELECT count(*) FROM weir.alert_events;
SELECT count(*) FROM weir.silences;
SELECT count(*) FROM weir.event_consumers;
SELECT * FROM weir.read_events('pager');
SELECT weir.confirm_events('pager', 5);
SELECT weir.drop_event_consumer('pager');
SELECT weir.create_silence(rule => 'a high', until => now() + interval '2 hours');
SELECT weir.create_silence(monitor => 'events', until => now() + interval '2 hours');
SELECT weir.acknowledge_alert(:a_high);
SELECT weir.create_event_consumer('blind', 0);
SELECT count(*) FROM weir.read_events('blind');
SELECT * FROM weir.alert_event;
SELECT * FROM weir.event_consumer;
SELECT * FROM weir.silence;
RESET ROLE;
SET ROLE regress_events_reader;
SELECT weir.create_silence(rule => 'a high', until => now() + interval '2 hours');
SELECT weir.acknowledge_alert(:a_high);
SELECT weir.drop_event_consumer('pager');
SELECT weir.drop_event_consumer('pager');
SELECT weir.drop_event_consumer('no such');
RESET ROLE;
SELECT weir.drop_monitor('events');
SELECT count(*) FROM weir.alert_event;
ROLLBACK;
DROP ROLE regress_events_owner, regress_events_reader, regress_events_stranger;
