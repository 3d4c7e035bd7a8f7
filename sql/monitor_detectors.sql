-- Change detectors over metrics of a monitor's windows, and rules on them. In one transaction, on panes filled by hand, so that no worker sees any of it.
\set ON_ERROR_ROLLBACK on
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE ROLE regress_weir_detector_reader;
BEGIN;
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
CREATE TABLE regress_orders (id int PRIMARY KEY, at timestamptz NOT NULL, amount float8, latency float8, kind text, region text);
SELECT weir.create_monitor('regress orders', 'regress_orders', 'at', columns => '{amount,latency,kind}', window_size => '1 day', segment_by => '{region}', backfill => false,
    options => '{"detectors": [
        {"detector": "ewma", "metric": "mean", "column": "amount", "options": {"min_n": 10}},
        {"detector": "page_hinkley", "metric": "null_share", "name": "missing", "options": {"min_n": 5, "threshold": 0.2}},
        {"detector": "cusum", "metric": "ks", "column": "amount", "options": {"min_n": 10, "threshold": 4}}]}');
SELECT weir.set_baseline('regress orders', since => '2026-01-01', until => '2026-01-11');

-- One pane: 200 orders; amounts are higher from day 30 on, latencies missing from day 40 on.
CREATE FUNCTION fill(day int, region text = 'north', n int = 200) RETURNS void LANGUAGE sql AS $$
    INSERT INTO weir.pane AS p (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness, updated_at)
    SELECT m.monitor_id, 0, timestamptz '2026-01-01 00:00+00' + make_interval(days => day), ARRAY[region], n, 0, 0,
        ARRAY[(SELECT weir.summarize(i * 37 % 101 + day * 7 % 5 + CASE WHEN day >= 30 AND region = 'north' THEN 15.0 ELSE 0 END::float8) FROM generate_series(1, n) i),
              (SELECT weir.summarize(CASE WHEN day < 40 OR i % 2 = 0 THEN i % 50 END::float8) FROM generate_series(1, n) i),
              (SELECT weir.summarize('kind ' || i % 3) FROM generate_series(1, n) i)], '{}', now()
    FROM weir.monitor m WHERE m.name = 'regress orders'
$$;
SELECT count(fill(day, region)) FROM generate_series(0, 49) day, unnest('{north,south}'::text[]) region;
UPDATE weir.monitor_state SET state = 'active', watermark = '2026-02-19 23:00+00', last_change_at = now()
WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'regress orders');

-- each detector says something after each window of each segment that its metric has
SELECT family, metric, subject, segment, count(*), count(value) AS valued, min(window_start::date) FILTER (WHERE verdict = 'alert') AS first_alert, max(threshold) AS threshold,
    count(*) FILTER (WHERE verdict = 'warning') AS warnings, count(*) FILTER (WHERE NOT is_final) AS open
FROM weir.scores WHERE monitor = 'regress orders' AND family = 'detector' GROUP BY 1, 2, 3, 4 ORDER BY 2, 3, 4 NULLS FIRST;
-- the same as the detector says of the readings themselves
SELECT count(*) AS different FROM (
    SELECT d.value, weir.detect(w.mean, 'ewma', '{"min_n": 10}') OVER (PARTITION BY d.segment ORDER BY d.window_start) AS signal
    FROM weir.scores('regress orders') d JOIN weir.window_stats('regress orders') w ON (w.window_start, w.column_name) = (d.window_start, d.subject) AND w.segment IS NOT DISTINCT FROM d.segment
    WHERE d.metric = 'ewma_mean') s
WHERE value IS DISTINCT FROM CASE signal WHEN 'stable' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END;
SELECT count(*) AS different FROM (
    SELECT d.value, weir.detect(w.value, 'cusum', '{"min_n": 10, "threshold": 4}') OVER (PARTITION BY d.segment ORDER BY d.window_start) AS signal
    FROM weir.scores('regress orders') d JOIN weir.drift_scores('regress orders') w
        ON (w.window_start, w.column_name, w.metric) = (d.window_start, d.subject, 'kolmogorov_smirnov')
            AND w.segment IS NOT DISTINCT FROM d.segment
    WHERE d.metric = 'cusum_kolmogorov_smirnov') s
WHERE value IS DISTINCT FROM CASE signal WHEN 'stable' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END;
-- a range of time changes nothing in what it shows
SELECT count(*) AS shown, count(*) FILTER (WHERE a.value IS DISTINCT FROM b.value) AS different
FROM weir.scores('regress orders', since => '2026-02-01', until => '2026-02-10') a JOIN weir.scores('regress orders') b USING (window_start, family, subject, metric)
WHERE family = 'detector' AND a.segment IS NOT DISTINCT FROM b.segment;
-- other windows have a detector of their own; a window with too few rows is none of its values
SELECT count(*), count(value) FROM weir.scores('regress orders', window_size => '2 days') WHERE metric = 'ewma_mean' AND segment IS NULL;
SELECT fill(50, 'south', 5);
SELECT window_start::date, n, value, verdict, status FROM weir.scores('regress orders', since => '2026-02-18') WHERE metric = 'ewma_mean' AND segment = 'south' ORDER BY 1;

-- rules
SELECT weir.create_rule('regress amount moves', 'regress orders', 'ewma_mean', above => 1, column_name => 'amount', options => '{"history": true}');
SELECT weir.create_rule('regress missing', 'regress orders', 'missing', above => 1, options => '{"family": "detector", "history": true}');
\set VERBOSITY terse
SELECT weir.create_rule('regress unknown', 'regress orders', 'ewma_max', above => 1);
\set VERBOSITY default
SELECT window_start::date, column_name, value, state FROM weir.test_rule('regress amount moves', since => '2026-01-29', until => '2026-02-03') ORDER BY 1;
SELECT run_rules();
SELECT rule, subject, segment, metric, value, min(window_start)::date AS first FROM weir.alerts GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2;

-- who may read a column sees what its detectors say; alerts, which can be about any metric, are for who may read the table
GRANT SELECT (at, latency) ON regress_orders TO regress_weir_detector_reader;
SET ROLE regress_weir_detector_reader;
SELECT metric, subject, segment, count(*) FROM weir.scores WHERE family = 'detector' GROUP BY 1, 2, 3;
SELECT rule, subject FROM weir.alerts GROUP BY 1, 2;
RESET ROLE;

-- detectors over the rows: once, in the order of time, as far as it is final
CREATE FUNCTION read_rows() RETURNS void AS '$libdir/weir', 'weir_run_row_detector_task' LANGUAGE c;
CREATE TABLE regress_predictions (id int PRIMARY KEY, at timestamptz NOT NULL, score numeric, said text, truth boolean);
SELECT weir.create_monitor('regress predictions', 'regress_predictions', 'at', columns => '{score,said,truth}', window_size => '6 hours', prediction => 'said', label => 'truth', positive => 'yes',
    filter => 'score >= 0', backfill => false, options => '{"detectors": [
        {"detector": "hddm_a", "metric": "error", "name": "mistakes"},
        {"detector": "page_hinkley", "metric": "value", "column": "score", "options": {"threshold": 20}},
        {"detector": "ddm", "metric": "value", "column": "score", "name": "no errors"}]}');
INSERT INTO regress_predictions
SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '1 minute', CASE WHEN i % 50 = 0 THEN -1 WHEN i % 7 <> 0 THEN i * 7919 % 1000 / 1000.0 + (i > 2000)::int END,
    CASE WHEN (i * 104729 % 1000 < CASE WHEN i > 1500 THEN 400 ELSE 100 END) <> (i % 2 = 0) THEN 'yes' ELSE 'no' END, CASE WHEN i % 11 <> 0 THEN i % 2 = 0 END
FROM generate_series(1, 4000) i;
INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness, updated_at)
SELECT m.monitor_id, 0, weir.tumble(r.at, m.pane_size), '{}', count(*), count(truth), 0, ARRAY[weir.summarize(r.score), weir.summarize(said), weir.summarize(truth)], '{}', now()
FROM weir.monitor m, regress_predictions r WHERE m.name = 'regress predictions' AND r.score >= 0 GROUP BY 1, 2, 3;
-- nothing is final before there is a watermark; then day by day
SELECT read_rows();
SELECT name, read_until, n FROM weir.row_detectors ORDER BY 1;
CREATE PROCEDURE until(at timestamptz) LANGUAGE sql AS $$
    UPDATE weir.monitor_state SET state = 'active', watermark = at, last_change_at = now() WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'regress predictions');
    SELECT read_rows();
$$;
UPDATE weir.monitor_state SET state = 'active', watermark = '2026-01-02 10:10+00', last_change_at = now()
WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'regress predictions');
SELECT window_start, is_final, value, status FROM weir.scores('regress predictions') WHERE metric = 'mistakes' AND window_start <= '2026-01-01 06:00+00' ORDER BY 1;
CALL until('2026-01-02 10:10+00');
SELECT name, subject, read_until, signal, n, n_drifts, last_drift_at, disabled_reason FROM weir.row_detectors ORDER BY 1;
CALL until('2026-01-02 23:59+00');
CALL until('2026-01-03 00:00+00');
CALL until('2026-01-03 18:00+00');
SELECT name, subject, read_until, signal, n, n_drifts, last_drift_at, disabled_reason FROM weir.row_detectors ORDER BY 1;
-- as over the table itself
SELECT at AS mistakes FROM (SELECT at, weir.detect((said = 'yes') <> truth, 'hddm_a') OVER (ORDER BY at) AS signal FROM regress_predictions
    WHERE score >= 0 AND at < '2026-01-03 18:00+00') s WHERE signal = 'drift';
SELECT at AS scores FROM (SELECT at, weir.detect(score, 'page_hinkley', '{"threshold": 20}') OVER (ORDER BY at) AS signal FROM regress_predictions
    WHERE score >= 0 AND at < '2026-01-03 18:00+00') s WHERE signal = 'drift';
SELECT metric, window_start, n, value, verdict, is_final, status FROM weir.scores('regress predictions', since => '2026-01-02', until => '2026-01-02 18:00+00')
WHERE family = 'detector' ORDER BY 1, 2;
SELECT metric, count(*), count(value), sum(n), max(value) FROM weir.scores('regress predictions', window_size => '12 hours') WHERE family = 'detector' GROUP BY 1 ORDER BY 1;
-- who may not read both columns of an error does not see it
CREATE TABLE regress_plain (at timestamptz NOT NULL, said boolean, truth boolean);
SELECT weir.create_monitor('regress plain', 'regress_plain', 'at', window_size => '1 day', prediction => 'said', label => 'truth', backfill => false,
    options => '{"detectors": [{"detector": "ddm", "metric": "error"}, {"detector": "ddm", "metric": "value", "column": "said"}]}');
INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness, updated_at)
SELECT m.monitor_id, 0, '2026-01-01 00:00+00', '{}', 1, 1, 0, ARRAY[weir.summarize_category(true), weir.summarize_category(true)], '{}', now()
FROM weir.monitor m WHERE m.name = 'regress plain' GROUP BY 1;
GRANT SELECT (at, said) ON regress_plain TO regress_weir_detector_reader;
SET ROLE regress_weir_detector_reader;
SELECT metric, subject, status FROM weir.scores WHERE monitor = 'regress plain' AND family = 'detector' ORDER BY 1;
SELECT count(*) FROM weir.row_detectors;
RESET ROLE;
GRANT SELECT (truth) ON regress_plain TO regress_weir_detector_reader;
SET ROLE regress_weir_detector_reader;
SELECT metric, subject, status FROM weir.scores WHERE monitor = 'regress plain' AND family = 'detector' ORDER BY 1;
RESET ROLE;
SELECT weir.drop_monitor('regress plain');
-- another definition begins anew, the same goes on
SELECT weir.alter_monitor('regress predictions', options => '{"detectors": [{"detector": "hddm_a", "metric": "error", "name": "mistakes"},
    {"detector": "adwin", "metric": "value", "column": "score", "name": "no errors"}]}');
SELECT name, detector, read_until, n, disabled_reason FROM weir.row_detectors ORDER BY 1;
CALL until('2026-01-03 18:00+00');
SELECT name, detector, read_until, n, n_drifts, disabled_reason FROM weir.row_detectors ORDER BY 1;

-- settings that make no sense
CREATE FUNCTION try(detectors text) RETURNS void LANGUAGE sql AS $$ SELECT weir.alter_monitor('regress orders', options => jsonb_build_object('detectors', detectors::jsonb)) $$;
SELECT try('{}');
SELECT try('[1]');
SELECT try('[{"detector": "ewma"}]');
SELECT try('[{"detector": "ewmma", "metric": "mean"}]');
SELECT try('[{"detector": "ewma", "metric": "average"}]');
SELECT try('[{"detector": "ewma", "metric": "mean", "level": 3}]');
SELECT try('[{"detector": "ewma", "metric": "mean", "options": {"level": 3}}]');
SELECT try('[{"detector": "ewma", "metric": "mean", "options": 3}]');
SELECT try('[{"detector": "ewma", "metric": 3}]');
SELECT try('[{"detector": "ddm", "metric": "mean"}]');
SELECT try('[{"detector": "ewma", "metric": "mean", "column": "price"}]');
SELECT try('[{"detector": "ewma", "metric": "mean", "name": "psi"}]');
SELECT try('[{"detector": "ddm", "metric": "error"}]');
SELECT try('[{"detector": "ddm", "metric": "error", "column": "amount"}]');
SELECT try('[{"detector": "ddm", "metric": "value"}]');
SELECT try('[{"detector": "ewma", "metric": "mean"}, {"detector": "ewma", "metric": "mean"}]');
SELECT weir.alter_monitor('regress orders', options => '{"detectors": []}');
SELECT count(*) FROM weir.scores WHERE family = 'detector';
ROLLBACK;
DROP ROLE regress_weir_detector_reader;
