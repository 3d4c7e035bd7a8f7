-- What rules can say: levels, hysteresis, learnt bounds, false discovery rate, shares, composite rules. Panes are filled by hand, all in one
-- transaction, so that no worker sees any of it.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE ROLE regress_levels_owner;
CREATE ROLE regress_levels_stranger;
BEGIN;
GRANT CREATE ON SCHEMA public TO regress_levels_owner;
CREATE FUNCTION evaluate_rule(int) RETURNS void AS '$libdir/weir', 'weir_evaluate_rule' LANGUAGE c;
SET ROLE regress_levels_owner;
CREATE TABLE regress_levels (id int PRIMARY KEY, at timestamptz NOT NULL, a float8, b float8, c float8, d float8, e float8);
SELECT weir.create_monitor('levels', 'regress_levels', 'at', columns => '{a,b,c,d,e}', window_size => '1 day', segment_by => '{id}', backfill => false,
    options => '{"pane_size": "1 day"}');
SELECT weir.set_baseline('levels', since => '2026-01-01', until => '2026-01-03');
RESET ROLE;
-- One pane of a day: 100 values of each column, whose mean is what is said, 0 where nothing is.
CREATE FUNCTION fill(day int, a float8 = 0, b float8 = 0, c float8 = 0, d float8 = 0, e float8 = 0, n int = 100) RETURNS void LANGUAGE sql AS $$
    INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness, updated_at)
    SELECT monitor_id, 0, timestamptz '2026-01-01 00:00+00' + make_interval(days => day), ARRAY['x'], n, 0, 0,
        ARRAY(SELECT weir.summarize(v + i % 2 - 0.5) FROM unnest(ARRAY[a, b, c, d, e]) WITH ORDINALITY u (v, o), generate_series(1, n) i GROUP BY o ORDER BY o), '{}',
        clock_timestamp()
    FROM weir.monitor WHERE name = 'levels'
    ON CONFLICT (monitor_id, generation, pane_start, segment, part) DO UPDATE SET n = excluded.n, summaries = excluded.summaries, updated_at = excluded.updated_at;
$$;
CREATE FUNCTION advance(day int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO weir.monitor_state AS s (monitor_id, state, watermark, last_change_at)
    SELECT monitor_id, 'active', timestamptz '2026-01-01 00:00+00' + make_interval(days => day), now() FROM weir.monitor WHERE name = 'levels'
    ON CONFLICT (monitor_id) DO UPDATE SET state = 'active', watermark = excluded.watermark, last_change_at = clock_timestamp();
$$;
CREATE FUNCTION evaluate(rule_name text) RETURNS void LANGUAGE sql AS $$ SELECT evaluate_rule(rule_id) FROM weir.rule WHERE name = rule_name $$;
CREATE FUNCTION tested(rule_name text) RETURNS TABLE (day int, subject text, value numeric, threshold numeric, state text, event text) LANGUAGE sql AS $$
    SELECT extract(day FROM window_start)::int - 1, column_name, round(value::numeric, 3), round(threshold::numeric, 3), state, event FROM weir.test_rule(rule_name)
$$;
SELECT count(fill(d, a => v)) FROM unnest(ARRAY[0, 0, 2, 4, 6, 4, 2, 1.2, 0, 2, 0]) WITH ORDINALITY u (v, o), LATERAL (SELECT o::int - 1 AS d) x;
SELECT advance(11);

-- ---- bad input ----
SET ROLE regress_levels_owner;
SELECT weir.create_rule('r', 'levels', 'mean', above => 1, warning_above => 2);
SELECT weir.create_rule('r', 'levels', 'mean', above => 1, warning_below => 0);
SELECT weir.create_rule('r', 'levels', 'mean', above => 1, clear_below => 2);
SELECT weir.create_rule('r', 'levels', 'mean', below => 1, clear_above => 0);
SELECT weir.create_rule('r', 'levels', 'mean', above => 1, clear_windows => 0);
SELECT weir.create_rule('r', 'levels', 'mean', above => 1, share => 0);
SELECT weir.create_rule('r', 'levels', 'mean', above => 1, share => 0.5, column_name => 'a');
SELECT weir.create_rule('r', 'levels', 'mean', above => 1, false_discovery_rate => 1);
SELECT weir.create_rule('r', 'levels', 'mean', above => 1, false_discovery_rate => 0.1);
SELECT weir.create_rule('r', 'levels', 'mean', warning_above => 1, learn => '{}');
SELECT weir.create_rule('r', 'levels', 'mean', learn => '[]');
SELECT weir.create_rule('r', 'levels', 'mean', learn => '{"method": "guess"}');
SELECT weir.create_rule('r', 'levels', 'mean', learn => '{"k": 3, "quantile": 0.9}');
SELECT weir.create_rule('r', 'levels', 'mean', learn => '{"k": -1}');
SELECT weir.create_rule('r', 'levels', 'mean', learn => '{"k": 2, "warning_k": 3}');
SELECT weir.create_rule('r', 'levels', 'mean', learn => '{"quantile": 1.1}');
SELECT weir.create_rule('r', 'levels', 'mean', learn => '{"windows": 2.5}');
SELECT weir.create_rule('r', 'levels', 'mean', learn => '{"windows": 3, "min_windows": 4}');
SELECT weir.create_rule('r', 'levels', 'mean', learn => '{"since": "2026-01-01"}');
SELECT weir.create_rule('r', 'levels', 'mean', learn => '{"since": "2026-01-01", "until": "2026-01-02", "windows": 3}');
SELECT weir.create_rule('r', 'levels', 'mean', learn => '{"since": "soon", "until": "2026-01-02"}');
SELECT weir.create_rule('r', 'levels', 'mean', learn => '{"since": "2026-01-03", "until": "2026-01-02"}');
SELECT weir.create_rule('r', 'levels', 'mean', above => 1, learn => '{"direction": "below"}');
SELECT weir.create_rule('r', 'levels', 'mean', learn => '{"no such": 1}');
SELECT weir.create_rule('r', 'levels', 'p25', above => 1, options => '{"silent": "very"}');
SELECT count(*) FROM weir.rules;

-- ---- two levels, and hysteresis ----
SELECT weir.create_rule('two levels', 'levels', 'mean', above => 5, warning_above => 3, column_name => 'a', options => '{"history": true}');
SELECT weir.create_rule('hysteresis', 'levels', 'mean', above => 5, clear_below => 1.5, column_name => 'a', options => '{"history": true}');
SELECT weir.create_rule('slow to clear', 'levels', 'mean', above => 3, column_name => 'a', clear_windows => 3, options => '{"history": true}');
SELECT weir.create_rule('both sides', 'levels', 'mean', above => 3, below => -1, warning_above => 1.5, warning_below => -0.5, clear_below => 1, clear_above => -0.1,
    column_name => 'a', options => '{"history": true}');
RESET ROLE;
SELECT * FROM tested('two levels');
SELECT day, value, state, event FROM tested('hysteresis');
SELECT day, value, state, event FROM tested('slow to clear');
SELECT day, value, threshold, state, event FROM tested('both sides') WHERE day > 4;
-- Live, all at once and day by day, comes to the same.
SELECT evaluate('two levels'), evaluate('hysteresis'), evaluate('slow to clear'), evaluate('both sides');
SELECT rule, severity, state, value, threshold, window_start::date, window_end::date FROM weir.alerts ORDER BY alert_id;
CREATE TEMP TABLE first_pass AS SELECT rule, severity, state, value, threshold, window_start, window_end FROM weir.alerts;
DELETE FROM weir.alert;
DELETE FROM weir.rule_subject;
UPDATE weir.rule_state SET evaluated_to = '-infinity', begins_after = '-infinity', panes_seen_at = clock_timestamp();
DO $$ BEGIN FOR day IN 1 .. 11 LOOP
    PERFORM advance(day), evaluate('two levels'), evaluate('hysteresis'), evaluate('slow to clear'), evaluate('both sides');
END LOOP; END $$;
SELECT count(*) FROM ((TABLE first_pass EXCEPT SELECT rule, severity, state, value, threshold, window_start, window_end FROM weir.alerts) UNION ALL
    (SELECT rule, severity, state, value, threshold, window_start, window_end FROM weir.alerts EXCEPT TABLE first_pass)) q;
SELECT rule, subject, state, value FROM weir.rule_states ORDER BY 1, 2;
SELECT rule, worst_state, subjects, alerts, open_alerts FROM weir.rules ORDER BY 1;

-- ---- learnt bounds ----
SELECT count(fill(d, a => d % 3, b => CASE d WHEN 10 THEN 9 ELSE d % 3 END, c => CASE d WHEN 10 THEN -9 ELSE d % 3 END, d => d)) FROM generate_series(0, 10) d;
SELECT weir.create_rule('learns', 'levels', 'mean', learn => '{}', options => '{"history": true}');
SELECT weir.create_rule('learns above', 'levels', 'mean', learn => '{"windows": 6, "k": 2, "warning_k": 1, "clear_k": 0.5, "direction": "above"}');
SELECT weir.create_rule('learns quantiles', 'levels', 'mean', learn => '{"quantile": 0.9, "windows": 6}', column_name => 'b');
SELECT weir.create_rule('learns once', 'levels', 'mean', learn => '{"since": "2026-01-01", "until": "2026-01-07"}', column_name => 'd');
SELECT weir.create_rule('at least', 'levels', 'mean', above => 8.5, learn => '{"since": "2026-01-01", "until": "2026-01-07", "k": 1}', column_name => 'd');
SELECT rule, learn FROM weir.rules WHERE learn IS NOT NULL ORDER BY 1;
SELECT * FROM tested('learns') WHERE day IN (4, 5, 10) ORDER BY 2, 1;
SELECT * FROM tested('learns above') WHERE state NOT IN ('ok', 'insufficient') ORDER BY 2, 1;
SELECT * FROM tested('learns quantiles') WHERE day > 8;
SELECT * FROM tested('learns once');
SELECT * FROM tested('at least') WHERE day > 7;
-- against the same computed here
SELECT round((avg(v) + 3 * stddev_samp(v))::numeric, 3) AS above FROM (SELECT (d % 3)::float8 AS v FROM generate_series(0, 9) d) q;
SELECT evaluate('learns');
SELECT subject, message FROM weir.alerts WHERE rule = 'learns' ORDER BY 1;

-- ---- a false discovery rate over the columns of a window ----
SELECT count(fill(d, a => d % 3, b => d % 3, c => d % 3, d => d % 3, e => d % 3)) FROM generate_series(0, 9) d;
SELECT fill(10, a => 3.75, b => 3.125, c => 1, d => 1, e => 9), advance(11);
SELECT weir.create_rule('each alone', 'levels', 'mean', learn => '{"k": 2}');
SELECT weir.create_rule('rate', 'levels', 'mean', learn => '{"k": 2}', false_discovery_rate => 0.05, options => '{"history": true}');
SELECT column_name, round(value::numeric, 2) AS value, state FROM weir.test_rule('each alone', since => '2026-01-11') ORDER BY 1;
SELECT column_name, round(value::numeric, 2) AS value, state FROM weir.test_rule('rate', since => '2026-01-11') ORDER BY 1;
SELECT evaluate('rate');
SELECT subject, round((detail ->> 'p_adjusted')::numeric, 8) AS p_adjusted FROM weir.alerts WHERE rule = 'rate' ORDER BY 2;
-- of drift, by the p-values of its tests
SELECT weir.create_rule('drift rate', 'levels', 'ks', above => 0.1, false_discovery_rate => 0.001);
SELECT column_name, round(value::numeric, 2) AS value, state FROM weir.test_rule('drift rate', since => '2026-01-11') ORDER BY 1;

-- ---- a share of the columns ----
SELECT weir.create_rule('two of five', 'levels', 'mean', above => 3, share => 0.4, options => '{"history": true}');
SELECT weir.create_rule('most', 'levels', 'mean', above => 3, share => 0.8);
SELECT * FROM tested('two of five') WHERE day > 8;
SELECT * FROM tested('most') WHERE day > 8;
SELECT evaluate('two of five');
SELECT subject, message, detail -> 'explanation' AS explanation FROM weir.alerts WHERE rule = 'two of five';

-- ---- composite rules ----
SET ROLE regress_levels_owner;
SELECT weir.create_rule('a high', 'levels', 'mean', above => 3, column_name => 'a', options => '{"silent": true}');
SELECT weir.create_rule('b high', 'levels', 'mean', above => 3, column_name => 'b', options => '{"silent": true}');
SELECT weir.create_rule('c high', 'levels', 'mean', above => 3, column_name => 'c', min_n => 1000, options => '{"silent": true}');
SELECT weir.create_rule('lag', 'levels', 'capture_lag', above => 3);
SELECT weir.create_composite_rule('c', '{}');
SELECT weir.create_composite_rule('c', '{a high, no such}');
SELECT weir.create_composite_rule('c', '{a high, a high}');
SELECT weir.create_composite_rule('c', '{a high, NULL}');
SELECT weir.create_composite_rule('c', '{a high, lag}');
SELECT weir.create_composite_rule('c', '{a high, b high}', at_least => 3);
SELECT weir.create_composite_rule('c', '{a high, b high}', windows => 3, out_of => 2);
SELECT weir.create_composite_rule('a and b', '{a high, b high}', options => '{"history": true}');
SELECT weir.create_composite_rule('a and b', '{a high, b high}');
SELECT weir.create_composite_rule('c', '{a high, a and b}');
SELECT weir.create_composite_rule('a or b', '{a high, b high}', at_least => 1, windows => 2, out_of => 3);
SELECT weir.create_composite_rule('two of three', '{a high, b high, c high}', at_least => 2);
SELECT weir.create_composite_rule('all three', '{a high, b high, c high}');
SELECT weir.drop_rule('a high');
RESET ROLE;
SELECT fill(8, b => 4), fill(9, a => 4), fill(11), advance(12);
SELECT rule, parts, metric, family FROM weir.rules WHERE parts IS NOT NULL ORDER BY 1;
SELECT * FROM tested('a and b') WHERE day > 7;
SELECT * FROM tested('a or b') WHERE day > 7;
SELECT day, value, state, event FROM tested('two of three') WHERE day > 7;
SELECT day, value, state, event FROM tested('all three') WHERE day > 7;
SELECT evaluate('a and b');
SELECT severity, state, value, threshold, message, detail -> 'explanation' AS explanation FROM weir.alerts WHERE rule = 'a and b';
-- A part that changes late changes the whole.
SELECT fill(9, a => 4, b => 4);
SELECT evaluate('a and b');
SELECT severity, state, value, window_start::date, window_end::date FROM weir.alerts WHERE rule = 'a and b' ORDER BY alert_id;

-- ---- rows, and their absence ----
SELECT weir.create_rule('few rows', 'levels', 'rows', below => 50, options => '{"history": true}');
SELECT fill(12), fill(13, n => 20), fill(15), advance(16);
SELECT day, value, state, event FROM tested('few rows') WHERE day > 11;
SELECT weir.create_rule('quiet', 'levels', 'time_without_rows', above => 3600, options => '{"history": true}');
INSERT INTO weir.capture_minute (minute, samples, lag, lag_bytes, wal_kept_bytes, gaps, quiet)
SELECT timestamptz '2026-02-01' + m * interval '1 minute', 12, 0, 0, 0, 0,
    CASE WHEN m <> 59 THEN jsonb_build_object(monitor_id, CASE WHEN m < 63 THEN 60 * m ELSE 10 END) ELSE '{}' END
FROM generate_series(58, 64) m, weir.monitor WHERE name = 'levels';
SELECT window_start::time, value, state, event FROM weir.test_rule('quiet');
SELECT evaluate('quiet');
SELECT state, severity, message, detail ->> 'query' AS query FROM weir.alerts WHERE rule = 'quiet';
-- a silence of windows is one of minutes here: while it lasts, absence decides nothing
SELECT weir.create_silence(rule => 'quiet', since => '2026-02-01 01:01+00', until => '2026-02-01 01:02+00', applies_to => 'windows', reason => 'a release') AS release \gset
SELECT window_start::time, value, state, event FROM weir.test_rule('quiet');
SELECT weir.drop_silence(:release);

-- However many windows there are to catch up with, what an alert tells of in the end is explained.
SELECT weir.create_rule('always', 'levels', 'mean', above => -1000, min_n => 0, options => '{"history": true, "silent": true}');
SELECT count(*) > 60 AS many FROM weir.test_rule('always') WHERE state = 'alert';
SELECT evaluate('always');
SELECT subject, window_end::date, detail -> 'explanation' AS explanation FROM weir.alerts WHERE rule = 'always' ORDER BY 1;

-- ---- privileges ----
SET ROLE regress_levels_stranger;
SELECT weir.create_composite_rule('mine', '{a high, b high}');
SELECT weir.create_rule('mine', 'levels', 'mean', above => 1);
SELECT count(*) FROM weir.rules;
SELECT count(*) FROM weir.rule_states;
SELECT count(*) FROM weir.test_rule('a and b');
SELECT weir._explanation(1, 'a', NULL, now());
SELECT weir._rule_readings(1, now(), now());
RESET ROLE;
ROLLBACK;
DROP ROLE regress_levels_owner, regress_levels_stranger;
