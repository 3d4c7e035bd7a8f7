-- Rules and alerts on panes filled by hand. All in one transaction, so that no worker sees any of it.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE ROLE regress_weir_owner;
CREATE ROLE regress_weir_reader;
CREATE ROLE regress_weir_stranger;
BEGIN;
GRANT CREATE ON SCHEMA public TO regress_weir_owner;
CREATE FUNCTION run_task() RETURNS void AS '$libdir/weir', 'weir_run_rule_task' LANGUAGE c;
-- Turns of the task until one finds nothing to do: on a slow machine one ends before all rules had theirs.
CREATE FUNCTION run_rules() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    before timestamptz;
BEGIN
    FOR turn IN 1..100 LOOP
        before := (SELECT max(evaluated_at) FROM weir.rule_state);
        PERFORM run_task();
        EXIT WHEN before = (SELECT max(evaluated_at) FROM weir.rule_state);
    END LOOP;
END
$$;
CREATE FUNCTION evaluate_rule(int) RETURNS void AS '$libdir/weir', 'weir_evaluate_rule' LANGUAGE c;
SET ROLE regress_weir_owner;
CREATE TABLE regress_loans (id int PRIMARY KEY, at timestamptz NOT NULL, income float8, amount float8, region text, sex text, approved boolean, repaid boolean);
GRANT SELECT ON regress_loans TO regress_weir_reader;
SELECT weir.create_monitor('regress loans', 'regress_loans', 'at', columns => '{income,amount}', window_size => '1 day', segment_by => '{region}',
    prediction => 'approved', label => 'repaid', protected => '{sex}', backfill => false);
SELECT weir.set_baseline('regress loans', since => '2026-01-01', until => '2026-01-03');
RESET ROLE;

-- One pane: 200 incomes and amounts, moved by a shift; approvals of men and women.
CREATE FUNCTION fill(day int, income_shift float8, amount_shift float8, n int = 200, women_approved int = 50, region text = 'north') RETURNS void
LANGUAGE sql AS $$
    INSERT INTO weir.pane AS p (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness, updated_at)
    SELECT m.monitor_id, 0, timestamptz '2026-01-01 00:00+00' + make_interval(days => day), ARRAY[region], n, n, 0,
        ARRAY[(SELECT weir.summarize(i % 100 + income_shift) FROM generate_series(1, n) i),
              (SELECT weir.summarize(i % 50 + amount_shift) FROM generate_series(1, n) i)],
        ARRAY[(SELECT weir.fairness(i % 3 = 0, CASE WHEN i % 2 = 0 THEN i % 4 = 0 ELSE (i % 200) / 2 < women_approved END, CASE WHEN i % 2 = 0 THEN 'M' ELSE 'F' END)
               FROM generate_series(1, n) i)],
        clock_timestamp()
    FROM weir.monitor m WHERE m.name = 'regress loans'
    ON CONFLICT (monitor_id, generation, pane_start, segment, part) DO UPDATE
        SET n = excluded.n, summaries = excluded.summaries, fairness = excluded.fairness, updated_at = excluded.updated_at;
$$;
-- The stream has come to this day: the windows before it are final.
CREATE FUNCTION advance(day int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO weir.monitor_state AS s (monitor_id, state, watermark, last_change_at)
    SELECT monitor_id, 'active', timestamptz '2026-01-01 00:00+00' + make_interval(days => day), now() FROM weir.monitor WHERE name = 'regress loans'
    ON CONFLICT (monitor_id) DO UPDATE SET state = 'active', watermark = excluded.watermark, last_change_at = clock_timestamp();
$$;
CREATE FUNCTION evaluate(rule_name text) RETURNS void LANGUAGE sql AS $$ SELECT evaluate_rule(rule_id) FROM weir.rule WHERE name = rule_name $$;
CREATE VIEW seen AS SELECT rule, severity, state, subject, segment, metric, round(value::numeric, 2) AS value, threshold, n, window_start::date AS first_day,
    window_end::date AS until_day, resolved_at IS NOT NULL AS resolved, job_id FROM weir.alerts ORDER BY alert_id;

SELECT fill(d, 0, 0) FROM generate_series(0, 4) d;
SELECT advance(5);

-- ---- bad input ----
SET ROLE regress_weir_owner;
SELECT weir.create_rule('r', 'no such', 'psi', above => 0.25);
SELECT weir.create_rule('r', 'regress loans', 'psi');
SELECT weir.create_rule('r', 'regress loans', 'no such metric', above => 0.25);
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 'NaN');
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.1, below => 0.2);
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, column_name => 'nothing');
-- what there is no such score of would never fire
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, column_name => 'sex');
SELECT weir.create_rule('r', 'regress loans', 'accuracy', below => 0.25, column_name => 'income');
SELECT weir.create_rule('r', 'regress loans', 'demographic_parity_ratio', below => 0.8, column_name => 'income');
SELECT weir.create_rule('r', 'regress loans', 'rows', below => 10, column_name => 'income');
SELECT weir.create_rule('r', 'regress loans', 'row_count', below => 10, column_name => 'income');
SELECT weir.create_rule('r', 'regress loans', 'capture_lag', above => 10, column_name => 'income');
SELECT weir.create_rule('r', 'regress loans', 'freshness', above => 3600);
SELECT weir.create_rule('r', 'regress loans', 'selection_rate', below => 0.4, false_discovery_rate => 0.05);
SELECT weir.create_rule('r', 'regress loans', 'accuracy', below => 0.4, false_discovery_rate => 0.05);
SELECT weir.create_rule('r', 'regress loans', 'null_share', above => 0.4, options => '{"family": "quality"}', false_discovery_rate => 0.05);
SET client_min_messages = notice;
SELECT weir.create_rule('r', 'regress loans', 'chi_square', above => 0.25, column_name => 'income');
SELECT weir.create_rule('r2', 'regress loans', 'psi', above => 0.25, segment => 'nowhere');
SELECT weir.create_rule('r3', 'regress loans', 'psi', above => 0.25, segment => 'north');
SET client_min_messages = warning;
SELECT weir.drop_rule('r'), weir.drop_rule('r2'), weir.drop_rule('r3');
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, windows => 0);
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, windows => 3, out_of => 2);
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, min_n => -1);
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, severity => 'panic');
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, action => 'explode');
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, action => 'retrain');
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, action => 'retrain', trainer => 'no such');
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, trainer => 'what for');
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, cooldown => '-1 day');
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, options => '[]');
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, options => '{"no such": 1}');
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, options => '{"auto_resolve": 1}');
SELECT weir.create_rule('', 'regress loans', 'psi', above => 0.25);
SELECT weir.create_rule(NULL, 'regress loans', 'psi', above => 0.25);
SELECT weir.create_rule(repeat('x', 64), 'regress loans', 'psi', above => 0.25);
SELECT weir.create_rule('r', 'regress loans', 'capture_lag', above => 60, segment => 'north');
SELECT weir.create_monitor('regress plain', 'regress_loans', 'at', columns => '{income}', backfill => false);
SELECT weir.create_rule('r', 'regress plain', 'psi', above => 0.25, segment => 'north');
SELECT weir.create_rule('r', 'regress plain', 'psi', above => 0.25, segment => '*');
SELECT weir.drop_monitor('regress plain');
SELECT weir.create_monitor('regress two', 'regress_loans', 'at', columns => '{income}', segment_by => '{region, sex}', backfill => false);
SELECT weir.create_rule('r', 'regress two', 'psi', above => 0.25, segment => 'north');
SELECT weir.create_rule('r', 'regress two', 'psi', above => 0.25, segment => 'north | F'), weir.create_rule('r2', 'regress two', 'psi', above => 0.25, segment => '(other)');
SELECT weir.drop_monitor('regress two');
SELECT weir.drop_rule('no such');
SELECT * FROM weir.test_rule('no such');
SELECT count(*) FROM weir.rules;

-- ---- privileges ----
SELECT weir.create_rule('any drifts', 'regress loans', 'psi', above => 0.25);
SELECT weir.create_rule('any drifts', 'regress loans', 'psi', above => 0.25);
RESET ROLE;
SET ROLE regress_weir_reader;
SELECT weir.create_rule('mine', 'regress loans', 'psi', above => 0.25);
SELECT weir.drop_rule('any drifts');
SELECT weir.enable_rule('any drifts', false);
SELECT rule, state FROM weir.rules;
SELECT count(*) > 0 AS may_test FROM weir.test_rule('any drifts');
SELECT * FROM weir.rule;
SELECT * FROM weir.alert;
UPDATE weir.alerts SET state = 'resolved';
SELECT weir._latest_final(1);
RESET ROLE;
SET ROLE regress_weir_stranger;
SELECT rule, state FROM weir.rules;
SELECT * FROM weir.test_rule('any drifts');
RESET ROLE;

-- ---- a day out of bounds: nothing of the past, then one alert, updated, resolved ----
SELECT evaluate('any drifts');
SELECT * FROM seen;
SELECT subject, segment, state, n, window_start::date FROM weir.rule_states ORDER BY 1;
SELECT fill(5, 60, 0);
SELECT evaluate('any drifts');
SELECT count(*) AS not_final_yet FROM seen;
SELECT advance(6);
SELECT evaluate('any drifts');
SELECT * FROM seen;
SELECT message, detail - 'value' - 'peak' - 'excess' - 'explanation' AS detail FROM weir.alerts;
SELECT jsonb_path_query_array(detail, '$.explanation.bins[*].lower') AS bins_from, detail #> '{explanation,baseline}' AS baseline, detail #> '{explanation,test}' AS test,
    detail #> '{explanation,n_baseline}' AS n_baseline, (detail #>> '{explanation,p_value}')::float8 < 1e-20 AS is_significant FROM weir.alerts;
SELECT fill(6, 90, 0), advance(7);
SELECT evaluate('any drifts');
SELECT evaluate('any drifts');
SELECT * FROM seen;
SELECT subject, state, n, window_start::date, since::date FROM weir.rule_states ORDER BY 1;
-- Too few rows decide nothing.
SELECT fill(7, 0, 0, 10), advance(8);
SELECT evaluate('any drifts');
SELECT subject, state, n FROM weir.rule_states ORDER BY 1;
SELECT * FROM seen;
SELECT fill(8, 0, 0), advance(9);
SELECT evaluate('any drifts');
SELECT * FROM seen;
-- The query in the detail shows the scores.
SELECT detail ->> 'query' AS query FROM weir.alerts \gset
SELECT count(*) AS scores FROM (:query) q;

-- ---- late rows: a window that was in order is not, another turns out to be ----
SELECT fill(8, 0, 70);
SELECT evaluate('any drifts');
SELECT * FROM seen;
SELECT fill(8, 0, 0);
SELECT evaluate('any drifts');
SELECT * FROM seen;
SELECT evaluate('any drifts');
SELECT count(*) FROM seen;

-- ---- k of n, cool-down, history, test_rule as told live ----
SELECT weir.create_rule('two of three', 'regress loans', 'psi', above => 0.25, column_name => 'income', windows => 2, out_of => 3, severity => 'warning',
    options => '{"history": true}');
SELECT weir.create_rule('quiet', 'regress loans', 'ks', above => 0.2, column_name => 'income', cooldown => '5 days', options => '{"history": true}');
SELECT weir.create_rule('no resolve', 'regress loans', 'psi', above => 0.25, column_name => 'income', options => '{"history": true, "auto_resolve": false}');
SELECT rule, metric, windows, out_of, severity, cooldown FROM weir.rules WHERE rule <> 'any drifts' ORDER BY 1;
SELECT fill(9, 80, 0), fill(10, 0, 0), fill(11, 80, 0), fill(12, 0, 0), fill(13, 0, 0), fill(15, 80, 0), advance(16);
SELECT window_start::date, column_name, state, n, fires FROM weir.test_rule('two of three', since => '2026-01-05');
SELECT window_start::date, state, fires FROM weir.test_rule('quiet', since => '2026-01-06', until => '2026-01-20') WHERE state <> 'ok';
SELECT evaluate('two of three'), evaluate('quiet'), evaluate('no resolve');
SELECT * FROM seen WHERE rule <> 'any drifts';
SELECT message FROM weir.alerts WHERE rule = 'two of three' ORDER BY alert_id;

-- ---- segments ----
SELECT fill(16, 0, 0), fill(16, 0, 100, region => 'south'), fill(1, 0, 0, region => 'south'), advance(17);
SELECT weir.create_rule('each region', 'regress loans', 'psi', above => 0.25, column_name => 'amount', segment => '*');
SELECT weir.create_rule('south', 'regress loans', 'psi', above => 0.25, column_name => 'amount', segment => 'south');
SELECT evaluate('each region'), evaluate('south');
SELECT * FROM seen WHERE rule IN ('each region', 'south');
SELECT message FROM weir.alerts WHERE rule = 'south';

-- ---- fairness ----
SELECT weir.create_rule('parity', 'regress loans', 'demographic_parity_ratio', below => 0.8);
SELECT weir.create_rule('women', 'regress loans', 'selection_rate', below => 0.4, column_name => 'sex: F');
SELECT weir.create_rule('groups', 'regress loans', 'selection_rate', below => 0.4, column_name => 'sex');
SELECT fill(17, 0, 0, women_approved => 20), advance(18);
SELECT evaluate('parity'), evaluate('women'), evaluate('groups');
SELECT * FROM seen WHERE rule IN ('parity', 'women', 'groups');
-- of drift and fairness together
SAVEPOINT together;
SELECT fill(17, 60, 0, women_approved => 20), fill(18, 60, 0), fill(19, 0, 0, women_approved => 20), advance(20);
SELECT weir.create_composite_rule('drift, and unfair', '{any drifts, parity}');
SELECT window_start::date, value AS parts_that_hold, n, state FROM weir.test_rule('drift, and unfair', since => '2026-01-17');
ROLLBACK TO together;

-- ---- the action: the job is of the alert's transaction; one per rule while it waits ----
SET ROLE regress_weir_owner;
SELECT weir.create_model('regress model');
SELECT weir.create_trainer('regress trainer', 'regress model', config => '{"trees": 10}');
SELECT weir.create_rule('retrains', 'regress loans', 'psi', above => 0.25, action => 'retrain', trainer => 'regress trainer');
RESET ROLE;
SELECT fill(18, 60, 60), advance(19);
SELECT evaluate('retrains');
SELECT rule, subject, state, job_id IS NOT NULL AS has_job FROM weir.alerts WHERE rule = 'retrains' ORDER BY alert_id;
SELECT j.kind, j.trainer, j.state, j.dedupe_key, j.config - 'alert_id' AS config, j.alert_id = a.alert_id AS of_first_alert, j.created_by
    FROM weir.jobs j JOIN weir.alerts a ON a.alert_id = j.alert_id;
SELECT weir.drop_trainer('regress trainer');
SET ROLE regress_weir_owner;
SELECT weir.enable_rule('retrains', false);
SELECT state, reason FROM weir.rules WHERE rule = 'retrains';
SELECT weir.enable_rule('retrains');
SELECT state, reason FROM weir.rules WHERE rule = 'retrains';

RESET ROLE;
-- An error of one rule disables it and nothing else: its maker may not use the trainer any more.
SELECT fill(19, 0, 0), fill(20, 60, 0), advance(20);
SELECT run_rules();
UPDATE weir.rule SET owner = 'regress_weir_stranger' WHERE name = 'retrains';
SELECT advance(21);
SELECT run_rules();
SELECT rule, state, reason, evaluated_to::date FROM weir.rules ORDER BY 1;
SELECT rule, subject, state FROM weir.alerts WHERE window_start = '2026-01-21' ORDER BY 1, 2;
-- Nothing has changed: nothing is evaluated.
SELECT max(evaluated_at) AS last_turn FROM weir.rules \gset
SELECT run_rules();
SELECT max(evaluated_at) = :'last_turn' AS idle FROM weir.rules;
UPDATE weir.rule SET owner = 'regress_weir_owner' WHERE name = 'retrains';
SET ROLE regress_weir_owner;
SELECT weir.enable_rule('retrains');
RESET ROLE;
SELECT run_rules();
SELECT rule, subject, state, job_id IS NOT NULL AS has_job FROM weir.alerts WHERE rule = 'retrains' ORDER BY alert_id;
-- Another baseline: the latest window is looked at again.
SET ROLE regress_weir_owner;
SELECT weir.set_baseline('regress loans', since => '2026-01-21', until => '2026-01-22');
RESET ROLE;
UPDATE weir.baseline SET set_at = clock_timestamp(); -- all here is one transaction
SELECT run_rules();
SELECT rule, subject, state FROM weir.alerts WHERE window_start = '2026-01-21' ORDER BY 1, 2;

-- Nor does what one monitor's settings have become concern the rules of others.
SELECT weir.create_monitor('regress broken', 'regress_loans', 'at', columns => '{income}', window_size => '1 day', backfill => false);
UPDATE weir.monitor_state SET state = 'active' WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'regress broken');
SELECT weir.create_rule('broken', 'regress broken', 'psi', above => 0.25);
UPDATE weir.monitor SET options = '{"min_n": 1.5}' WHERE name = 'regress broken';
SELECT fill(21, 0, 0), advance(22);
SELECT run_rules();
SELECT rule, state, reason, evaluated_to::date FROM weir.rules WHERE rule IN ('broken', 'any drifts', 'parity') ORDER BY 1;
SELECT weir.drop_monitor('regress broken');

-- A segment that no row comes of any more has no data; so has everything in a day without rows.
SELECT weir.create_rule('regions', 'regress loans', 'psi', above => 0.25, column_name => 'amount', segment => '*');
SELECT fill(22, 0, 0), fill(22, 0, 0, region => 'south'), advance(23);
SELECT evaluate('regions');
SELECT segment, state, n, window_start::date, since::date FROM weir.rule_states WHERE rule = 'regions' ORDER BY 1;
SELECT fill(23, 0, 0), fill(24, 0, 0), advance(25);
SELECT evaluate('regions');
SELECT segment, state, n, window_start::date, since::date FROM weir.rule_states WHERE rule = 'regions' ORDER BY 1;
SELECT fill(27, 0, 0), advance(27);
SELECT evaluate('regions');
SELECT segment, state, n, window_start::date, since::date FROM weir.rule_states WHERE rule = 'regions' ORDER BY 1;
SELECT advance(28);
SELECT evaluate('regions');
SELECT segment, state, n, window_start::date, since::date FROM weir.rule_states WHERE rule = 'regions' ORDER BY 1;
SELECT weir.drop_rule('regions');

-- ---- many segments: in portions, to the same end ----
SET ROLE regress_weir_owner;
SELECT weir.create_monitor('regress many', 'regress_loans', 'at', columns => '{income}', window_size => '1 day', segment_by => '{region}', backfill => false,
    options => '{"pane_size": "1 day"}');
SELECT weir.set_baseline('regress many', since => '2026-01-01', until => '2026-01-02');
RESET ROLE;
CREATE TEMPORARY TABLE made AS SELECT (SELECT weir.summarize(i % 100) FROM generate_series(1, 50) i) AS usual, (SELECT weir.summarize(i % 100 + 70) FROM generate_series(1, 50) i) AS moved;
INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness)
SELECT monitor_id, 0, timestamptz '2026-01-01 00:00+00' + d * interval '1 day', ARRAY['s' || s], 50, 0, 0, ARRAY[CASE WHEN s % 100 = 0 AND d IN (3, 12) THEN moved ELSE usual END], '{}'
FROM weir.monitor, made, generate_series(0, 13) d, generate_series(1, 2000) s WHERE name = 'regress many';
UPDATE weir.monitor_state SET state = 'active', watermark = '2026-01-15', last_change_at = clock_timestamp()
WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'regress many');
SELECT weir.create_rule('many', 'regress many', 'psi', above => 0.25, segment => '*', options => '{"history": true}');
SELECT evaluate('many');
SELECT evaluated_to::date AS portion FROM weir.rules WHERE rule = 'many';
SELECT evaluate('many');
SELECT evaluated_to::date AS all FROM weir.rules WHERE rule = 'many';
SELECT state, count(*) FROM weir.rule_states WHERE rule = 'many' GROUP BY 1;
SELECT window_start::date, state, count(*) FROM weir.alerts WHERE rule = 'many' GROUP BY 1, 2 ORDER BY 1;
SELECT count(*) FILTER (WHERE fires) AS fire, count(*) FROM weir.test_rule('many');
SELECT weir.drop_monitor('regress many');

-- ---- people ----
SET ROLE regress_weir_owner;
SELECT min(alert_id) FILTER (WHERE state = 'open') AS open_alert, min(alert_id) FILTER (WHERE rule = 'any drifts') AS old_alert FROM weir.alerts \gset
\set VERBOSITY sqlstate
SELECT weir.acknowledge_alert(:open_alert, 'looking into it');
SELECT weir.acknowledge_alert(:old_alert);
SELECT weir.acknowledge_alert(0);
SELECT weir.resolve_alert(:open_alert, 'perhaps');
SELECT weir.resolve_alert(:open_alert, 'confirmed', 'a new campaign');
SELECT weir.resolve_alert(:open_alert);
SELECT weir.resolve_alert(:old_alert, 'dismissed');
\set VERBOSITY terse
SELECT state, verdict, note, acknowledged_by, resolved_by FROM weir.alerts WHERE alert_id IN (:open_alert, :old_alert) ORDER BY alert_id;
RESET ROLE;
SET ROLE regress_weir_reader;
\set VERBOSITY sqlstate
SELECT weir.resolve_alert(:old_alert, 'confirmed');
\set VERBOSITY terse
SELECT count(*) > 0 AS sees_alerts FROM weir.alerts;
RESET ROLE;
REVOKE SELECT ON regress_loans FROM regress_weir_reader;
GRANT SELECT (id, amount, sex) ON regress_loans TO regress_weir_reader;
SET ROLE regress_weir_reader;
SELECT count(*) FROM weir.alerts;
RESET ROLE;
GRANT SELECT (at) ON regress_loans TO regress_weir_reader;
SELECT weir.create_rule('amounts', 'regress loans', 'psi', above => 0.25, column_name => 'amount');
SELECT weir.create_rule('sexes', 'regress loans', 'demographic_parity_ratio', below => 0.8, column_name => 'sex');
SET ROLE regress_weir_reader;
-- Drift of what he may read, over all rows; neither fairness, which tells of other columns, nor segments.
SELECT DISTINCT family, subject, segment FROM weir.alerts;
SELECT DISTINCT family, subject, segment FROM weir.rule_states;
SELECT rule FROM weir.rules ORDER BY 1;
SELECT count(*) > 0 AS may_test FROM weir.test_rule('amounts');
SELECT * FROM weir.test_rule('quiet');
SELECT * FROM weir.test_rule('sexes');
RESET ROLE;
-- A filter tells of other columns too.
UPDATE weir.monitor SET filter = 'income > 0' WHERE name = 'regress loans';
SET ROLE regress_weir_reader;
SELECT (SELECT count(*) FROM weir.alerts) AS alerts, (SELECT count(*) FROM weir.rule_states) AS states, (SELECT count(*) FROM weir.rules) AS rules;
SELECT * FROM weir.test_rule('amounts');
RESET ROLE;
UPDATE weir.monitor SET filter = NULL WHERE name = 'regress loans';

-- ---- families, and names of groups ----
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, options => '{"family": "weather"}');
SELECT weir.create_rule('r', 'regress loans', 'psi', above => 0.25, options => '{"family": "fairness"}');
SELECT weir.create_rule('r', 'regress loans', 'selection_rate', below => 0.4, column_name => ('sex: ' || repeat('x', 100))::name);
SELECT weir.create_rule('r', 'regress loans', 'selection_rate', below => 0.4, column_name => ('sex: ' || repeat('é', 100))::name);
SELECT weir.create_rule('short enough', 'regress loans', 'selection_rate', below => 0.4, column_name => 'sex: x');
SELECT weir.drop_rule('short enough');

-- ---- the end ----
SELECT weir.drop_rule('no resolve');
SELECT rule, state, note FROM weir.alerts WHERE rule = 'no resolve';
SELECT weir.drop_monitor('regress loans');
SELECT count(*) FROM weir.alerts;
SELECT count(*) FROM weir.rules;
ROLLBACK;
DROP ROLE regress_weir_owner, regress_weir_reader, regress_weir_stranger;
