-- What a rule finds live, window by window, is what weir.test_rule says it would have found: rules and panes drawn at random, with windows that are missing and
-- such that decide nothing. In one transaction, so that no worker sees any of it.
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
BEGIN;
CREATE FUNCTION evaluate_rule(int) RETURNS void AS '$libdir/weir', 'weir_evaluate_rule' LANGUAGE c;
CREATE TABLE regress_replay (id int PRIMARY KEY, at timestamptz NOT NULL, a float8, b float8, c float8, region text);
SELECT weir.create_monitor('replay', 'regress_replay', 'at', columns => '{a,b,c}', window_size => '1 day', segment_by => '{region}', backfill => false,
    options => '{"pane_size": "1 day"}');
SELECT weir.set_baseline('replay', since => '2026-01-01', until => '2026-01-03');
SELECT setseed(0.2026);
CREATE FUNCTION one_of(VARIADIC what text[]) RETURNS text LANGUAGE sql VOLATILE RETURN what[1 + floor(random() * cardinality(what))];

-- A column is quiet for some days and high for some; of one day in nine nothing has come, of one in nine only a few rows.
INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness, updated_at)
SELECT m.monitor_id, 0, timestamptz '2026-01-01 00:00+00' + make_interval(days => d), ARRAY[region], n, 0, 0,
    ARRAY(SELECT weir.summarize(u.level + i % 7) FROM (SELECT o, CASE WHEN random() < 0.35 THEN 4 * random() * o ELSE random() END + 0 * (d + n) AS level FROM generate_series(1, 3) o) u,
              generate_series(1, n) i GROUP BY o ORDER BY o), '{}', clock_timestamp()
FROM weir.monitor m, generate_series(0, 23) d, unnest('{north,south}'::text[]) region,
    LATERAL (SELECT CASE WHEN d < 3 THEN 60 WHEN random() < 0.11 THEN 0 WHEN random() < 0.12 THEN 8 ELSE 60 END + 0 * (d + length(region)) AS n) s
WHERE m.name = 'replay' AND n > 0;

CREATE TABLE drawn AS SELECT format('rule %s', i) AS name, one_of('mean', 'mean', 'psi', 'ks', 'rows', 'p95') AS metric, one_of('a', 'b', 'every', 'every') AS subject,
    one_of('all', 'all', '*', 'south') AS segment, 1 + (random() * 2)::int AS windows, (random() * 2)::int AS more, one_of('fixed', 'levels', 'levels', 'hysteresis', 'learns', 'rate',
    'share') AS kind, 1 + (random() * 2)::int AS clear_windows, one_of('0', '0', '3 days') AS cooldown, random() < 0.2 AS is_warning FROM generate_series(1, 14) i;
UPDATE drawn SET subject = 'every' WHERE kind = 'share' OR metric = 'rows';
UPDATE drawn SET metric = 'ks' WHERE kind = 'rate';
UPDATE drawn SET kind = 'fixed' WHERE metric = 'rows';
SELECT count(weir.create_rule(d.name, 'replay', d.metric, column_name => nullif(d.subject, 'every')::name, segment => nullif(d.segment, 'all'), windows => d.windows,
    out_of => d.windows + d.more, clear_windows => d.clear_windows, cooldown => d.cooldown::interval, severity => CASE WHEN d.is_warning THEN 'warning' ELSE 'alert' END,
    above => CASE WHEN kind = 'learns' THEN NULL ELSE x.bound END, warning_above => CASE WHEN kind = 'levels' THEN x.bound * 0.7 END,
    clear_below => CASE WHEN kind = 'hysteresis' THEN x.bound * 0.6 END, below => CASE d.metric WHEN 'rows' THEN 40 END,
    learn => CASE WHEN kind = 'learns' THEN '{"windows": 8, "min_windows": 3, "k": 2, "warning_k": 1.2, "clear_k": 0.5}'::jsonb END,
    false_discovery_rate => CASE WHEN kind = 'rate' THEN 0.01 END, share => CASE WHEN kind = 'share' THEN 0.5 END, options => '{"history": true}'))
FROM drawn d, LATERAL (SELECT CASE d.metric WHEN 'mean' THEN 5 WHEN 'psi' THEN 0.3 WHEN 'ks' THEN 0.2 WHEN 'p95' THEN 8 WHEN 'rows' THEN 150 ELSE 0.5 END AS bound) x;
SELECT count(weir.create_composite_rule(format('all of %s', i), ARRAY[format('rule %s', i), format('rule %s', i + 4), format('rule %s', i + 8)], at_least => 1 + i % 2, windows => 1 + i % 2,
    out_of => 2 + i % 2, clear_windows => 1 + i % 3, options => '{"history": true}')) FROM generate_series(1, 2) i;
SELECT weir.create_silence(rule => 'rule ' || i, since => '2026-01-05', until => '2026-01-06', every => '4 days', applies_to => 'windows', reason => 'random')
    IS NOT NULL AS silent FROM generate_series(3, 14, 7) i;

-- one to five days at a time
DO $$ DECLARE day int := 0; BEGIN WHILE day < 24 LOOP
    day := least(day + 1 + floor(5 * random())::int, 24);
    INSERT INTO weir.monitor_state AS s (monitor_id, state, watermark, last_change_at)
    SELECT monitor_id, 'active', timestamptz '2026-01-01 00:00+00' + make_interval(days => day), clock_timestamp() FROM weir.monitor WHERE name = 'replay'
    ON CONFLICT (monitor_id) DO UPDATE SET state = 'active', watermark = excluded.watermark, last_change_at = excluded.last_change_at;
    PERFORM evaluate_rule(rule_id) FROM weir.rule ORDER BY rule_id;
END LOOP; END $$;
CREATE TABLE tested AS SELECT r.name AS rule, t.* FROM weir.rule r, weir.test_rule(r.name) t;
CREATE FUNCTION pairs(of_alerts boolean) RETURNS TABLE (rule text, subject text, segment text, opened timestamptz, is_over boolean, severity text) LANGUAGE sql AS $$
    SELECT a.rule, a.subject, a.segment, a.window_start, a.resolved_at IS NOT NULL, a.severity FROM weir.alert a WHERE of_alerts
    UNION ALL
    -- Of an opening in the replay: whether it was resolved, and escalated, before the next one.
    SELECT o.rule, o.column_name, o.segment, o.window_start, coalesce(bool_or(f.event = 'resolved'), false),
        CASE WHEN o.state = 'alert' OR bool_or(f.event = 'escalated') THEN 'alert' ELSE 'warning' END
    FROM (SELECT t.*, lead(t.window_start) OVER (PARTITION BY t.rule, t.column_name, t.segment ORDER BY t.window_start) AS next_opened FROM tested t WHERE event = 'opened') o
        LEFT JOIN tested f ON f.rule = o.rule AND f.column_name IS NOT DISTINCT FROM o.column_name AND f.segment IS NOT DISTINCT FROM o.segment AND f.window_start > o.window_start
            AND (o.next_opened IS NULL OR f.window_start < o.next_opened)
    WHERE NOT of_alerts GROUP BY o.rule, o.column_name, o.segment, o.window_start, o.state
$$;
SELECT 'only live' AS found, * FROM (SELECT * FROM pairs(true) EXCEPT ALL SELECT * FROM pairs(false)) q
UNION ALL SELECT 'only tested', * FROM (SELECT * FROM pairs(false) EXCEPT ALL SELECT * FROM pairs(true)) q ORDER BY 2, 3, 4, 5, 1;
-- The present state of each, too.
SELECT s.rule, s.subject, s.segment, s.state, t.state AS tested FROM weir.rule_states s JOIN LATERAL (SELECT * FROM tested t WHERE t.rule = s.rule AND t.column_name IS NOT DISTINCT FROM s.subject
    AND t.segment IS NOT DISTINCT FROM s.segment ORDER BY t.window_start DESC LIMIT 1) t ON true WHERE s.state NOT IN (t.state, 'no_data');
-- It was no idle comparison.
SELECT count(*) > 30 AS alerts, count(*) FILTER (WHERE resolved_at IS NULL) > 2 AS still_open, count(DISTINCT rule) > 10 AS of_rules,
    count(*) FILTER (WHERE rule LIKE 'all of%') > 1 AS of_composites, count(DISTINCT segment) AS segments FROM weir.alert;
SELECT count(DISTINCT state) AS states, count(*) FILTER (WHERE event = 'escalated') > 0 AS escalated FROM tested;
ROLLBACK;
