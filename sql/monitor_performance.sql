-- Performance per window: the same numbers as from the rows themselves; what a monitor takes its model's task for.
-- In one transaction that is rolled back, with panes made here, so that a running capture has no part in it.
\set ON_ERROR_ROLLBACK on
SET client_min_messages = warning;
SET timezone = 'UTC';
SET extra_float_digits = 0;
BEGIN;
DELETE FROM weir.monitor;
CREATE SCHEMA performance_test;
SET search_path = performance_test, public;

CREATE TABLE loans(id bigint PRIMARY KEY, at timestamptz NOT NULL, region text, score float8, approved boolean, repaid int, purpose text, guess text, days float8, forecast float8,
    stars int, stars_guess int, wait interval, wait_guess interval);
INSERT INTO loans
SELECT i, timestamptz '2026-03-01' + i * interval '10 days' / 4000, (ARRAY['north', 'south'])[1 + i % 2], i * 7907 % 1000 / 1000.0, i * 7907 % 1000 > 400,
    CASE WHEN i <= 3200 AND i % 5 <> 0 THEN (i * 7907 % 1000 > i * 104729 % 1000)::int END, (ARRAY['car', 'home', 'boat'])[1 + i % 3],
    (ARRAY['car', 'home', 'boat'])[1 + (i + (i * 7919 % 5 = 0)::int) % 3], i % 100, i % 100 + i * 104729 % 17, 1, 0, interval '1 s', interval '2 s'
FROM generate_series(0, 3999) i;

-- ---- what is taken for the task ----
CREATE FUNCTION derived(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(DISTINCT d.derivation, ', ' ORDER BY d.derivation) FROM weir.derived_column d JOIN weir.monitor m USING (monitor_id) WHERE m.name = $1 $$;
SELECT weir.create_monitor('scored', 'loans', 'at', window_size => '1 day', segment_by => '{region}', prediction => 'approved', score => 'score', label => 'repaid');
SELECT weir.create_monitor('decided', 'loans', 'at', window_size => '1 day', prediction => 'approved', label => 'repaid');
SELECT weir.create_monitor('classes', 'loans', 'at', window_size => '1 day', prediction => 'guess', label => 'purpose');
SELECT weir.create_monitor('numbers', 'loans', 'at', window_size => '1 day', prediction => 'forecast', label => 'days');
SELECT weir.create_monitor('durations', 'loans', 'at', prediction => 'wait_guess', label => 'wait');
SELECT weir.create_monitor('outcomes', 'loans', 'at', prediction => 'stars_guess', label => 'stars');
SELECT weir.create_monitor('stars', 'loans', 'at', prediction => 'stars_guess', label => 'stars', kinds => '{"stars": "category", "stars_guess": "category"}');
SELECT weir.create_monitor('count', 'loans', 'at', prediction => 'stars_guess', label => 'stars', options => '{"task": "regression"}');
SELECT weir.create_monitor('cars', 'loans', 'at', prediction => 'guess', label => 'purpose', positive => 'car');
SELECT weir.create_monitor('unjudged', 'loans', 'at', prediction => 'approved', label => 'repaid', options => '{"task": "none"}');
SELECT weir.create_monitor('unlabelled', 'loans', 'at', prediction => 'approved', score => 'score');
SELECT name, derived(name) FROM weir.monitor ORDER BY monitor_id;
SELECT d.derivation, d.part, d.ordinal - max(c.ordinal) AS after_columns FROM weir.monitor m JOIN weir.derived_column d USING (monitor_id) JOIN weir.monitor_column c USING (monitor_id)
WHERE m.name = 'scored' GROUP BY d.derivation, d.part, d.ordinal ORDER BY d.ordinal;

-- ---- what is refused ----
SELECT weir.create_monitor('bad', 'loans', 'at', options => '{"task": "binary"}');
SELECT weir.create_monitor('bad', 'loans', 'at', score => 'score', label => 'repaid', options => '{"task": "class"}');
SELECT weir.create_monitor('bad', 'loans', 'at', score => 'score', label => 'purpose');
SELECT weir.create_monitor('bad', 'loans', 'at', prediction => 'wait', label => 'days', options => '{"task": "regression"}');
SELECT weir.create_monitor('bad', 'loans', 'at', prediction => 'guess', label => 'days', options => '{"task": "regression"}');
SELECT weir.create_monitor('bad', 'loans', 'at', options => '{"task": "guessing"}');
SELECT weir.create_monitor('bad', 'loans', 'at', options => '{"performance": 1}');
SELECT weir.create_monitor('bad', 'loans', 'at', options => '{"performance": {"threshold": "high"}}');
SELECT weir.create_monitor('bad', 'loans', 'at', options => '{"performance": {"thresholds": {"auc": 0.7}}}');
SELECT weir.create_monitor('bad', 'loans', 'at', options => '{"performance": {"thresholds": {"base_rate": 0.7}}}');
SELECT weir.create_monitor('bad', 'loans', 'at', options => '{"performance": {"colour": 1}}');

-- ---- panes as capture makes them ----
CREATE FUNCTION fill(monitor_name text, parts text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    m weir.monitor;
BEGIN
    SELECT * INTO m FROM weir.monitor WHERE name = monitor_name;
    EXECUTE format(
        'INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness) '
        'SELECT %s, 0, weir.tumble(at, %L), ARRAY[%s]::text[], count(*), count(%I), 0, array_cat(array_fill(NULL::weir.summary, ARRAY[%s]), ARRAY[%s]::weir.summary[]), '
        'ARRAY[]::weir.fairness_table[] FROM loans GROUP BY 3, 4', m.monitor_id, m.pane_size, CASE WHEN m.segment_by <> '{}' THEN 'region' END, m.label,
        (SELECT min(ordinal) - 1 FROM weir.derived_column d WHERE d.monitor_id = m.monitor_id), parts);
    EXECUTE format('UPDATE weir.monitor_state SET state = ''active'', last_change_at = now(), watermark = (SELECT max(at) FROM loans) WHERE monitor_id = %s', m.monitor_id);
END $$;
CREATE FUNCTION part(value text, condition text) RETURNS text LANGUAGE sql AS $$
    SELECT format('weir._without_nulls(weir.summarize(CASE WHEN %s THEN %s END, %s))', condition, value, CASE WHEN value LIKE '%ln%' THEN 16 ELSE 1536 END) $$;
SELECT fill('scored', concat_ws(', ', part('score', 'repaid = 0'), part('score', 'repaid = 1'), part('score', 'repaid IS NULL'),
    part('-ln(greatest(CASE repaid WHEN 1 THEN score ELSE 1 - score END, 2 ^ -52::float8))', 'repaid IS NOT NULL'),
    part('approved::int::float8', 'repaid = 0'), part('approved::int::float8', 'repaid = 1')));

-- ---- readings ----
SELECT weir.set_baseline('scored', since => '2026-03-01', until => '2026-03-05');
CREATE VIEW rows AS SELECT weir.tumble(at, '1 day') AS window_start, s.segment, repaid, score, approved FROM loans, LATERAL (VALUES (NULL), (region)) s (segment);
-- Every metric with its interval is that of the rows; scores' from the score, decisions' from the prediction.
CREATE VIEW expected AS
    SELECT window_start, segment, m.* FROM (SELECT window_start, segment, weir.binary_performance(repaid, score) AS p FROM rows GROUP BY 1, 2) r, weir.performance_metrics(p) m
        JOIN weir._performance_metric_list() l USING (metric) WHERE l.of_scores
    UNION ALL
    SELECT window_start, segment, m.* FROM (SELECT window_start, segment, weir.binary_performance(repaid, approved::int) AS p FROM rows GROUP BY 1, 2) r, weir.performance_metrics(p) m
        JOIN weir._performance_metric_list() l USING (metric) WHERE NOT l.of_scores;
SELECT count(*), count(*) FILTER (WHERE s.value IS DISTINCT FROM e.value OR (s.low, s.high, s.n, s.error_bound) IS DISTINCT FROM (e.low, e.high, e.n, e.error_bound)) AS different,
    count(DISTINCT s.metric) AS metrics, count(*) FILTER (WHERE e.window_start IS NULL OR s.window_start IS NULL) AS alone
FROM (SELECT * FROM weir.performance_scores('scored') WHERE NOT is_estimate) s FULL JOIN expected e
    ON e.window_start = s.window_start AND e.metric = s.metric AND e.segment IS NOT DISTINCT FROM s.segment;
-- The same of other windows, and of the baseline.
SELECT count(*), bool_and(s.value IS NOT DISTINCT FROM m.value) AS equal
FROM weir.performance_scores('scored', '2 days') s JOIN (SELECT weir.tumble(at, '2 days') AS window_start, weir.binary_performance(repaid, score) AS p FROM loans GROUP BY 1) l USING (window_start),
    weir.performance_metrics(l.p, metrics => '{roc_auc}') m
WHERE s.metric = 'roc_auc' AND NOT s.is_estimate AND s.segment IS NULL;
SELECT w.kind, count(*), bool_and(weir.performances_equal(w.performance, CASE w.kind WHEN 'score' THEN l.p END)) AS equal, bool_and(w.baseline IS NOT NULL) AS compared
FROM weir.window_performances('scored', '2 days') w JOIN (SELECT weir.tumble(at, '2 days') AS window_start, weir.binary_performance(repaid, score) AS p FROM loans GROUP BY 1) l USING (window_start)
WHERE w.segment IS NULL GROUP BY 1 ORDER BY 1;
SELECT count(*), bool_and(s.baseline_value = m.value) AS equal
FROM weir.performance_scores('scored') s, (SELECT weir.binary_performance(repaid, score) AS p FROM loans WHERE at >= '2026-03-01' AND at < '2026-03-05') l,
    weir.performance_metrics(l.p, metrics => '{roc_auc}') m
WHERE s.metric = 'roc_auc' AND s.segment IS NULL;
-- Labels that are there, and estimates where they are not; thresholds learnt from the four days of the baseline.
SELECT to_char(window_start, 'YYYY-MM-DD') AS day, metric, is_estimate, round(value::numeric, 3) AS value, round(threshold::numeric, 3) AS threshold, n, label_share, is_primary, verdict, status
FROM weir.performance_scores WHERE monitor = 'scored' AND segment IS NULL AND metric IN ('roc_auc', 'log_loss', 'base_rate', 'precision') AND window_start >= '2026-03-08'
ORDER BY 1, 2, 3;
SELECT l.metric, abs(s.threshold - (avg(v.value) - 3 * stddev_samp(v.value))) < 1e-12 AS as_learnt, count(*) AS windows
FROM weir.performance_scores('scored', since => '2026-03-08', until => '2026-03-09') s, weir.performance_scores('scored', since => '2026-03-01', until => '2026-03-05') v,
    (VALUES ('roc_auc'), ('recall')) l (metric)
WHERE s.metric = l.metric AND v.metric = l.metric AND NOT s.is_estimate AND NOT v.is_estimate AND s.segment IS NULL AND v.segment IS NULL GROUP BY 1, s.threshold ORDER BY 1;
SELECT family, subject, count(*), count(DISTINCT metric) AS metrics FROM weir.scores('scored') WHERE family = 'performance' AND segment IS NULL GROUP BY 1, 2 ORDER BY subject COLLATE "C";
SELECT to_char(window_start, 'YYYY-MM-DD') AS day, n, n_labelled, label_share FROM weir.windows('scored', since => '2026-03-08') WHERE segment IS NULL ORDER BY 1;

-- ---- settings ----
SELECT weir.alter_monitor('scored', options => '{"performance": {"threshold": 0.4, "thresholds": {"roc_auc": 0.99, "base_rate": [0.4, 0.6]}}, "min_n": 200}');
SELECT metric, is_estimate, round(value::numeric, 3) AS value, threshold, n, verdict, status, detail FROM weir.performance_scores('scored', since => '2026-03-08', until => '2026-03-09')
WHERE segment IS NULL AND metric IN ('roc_auc', 'base_rate', 'recall') AND (is_estimate OR metric <> 'recall') ORDER BY 1, 2;
SELECT weir.alter_monitor('scored', options => '{"performance": {"estimate": false}, "learn_thresholds": "none", "min_n": null}', metrics => '{accuracy, psi}');
SELECT metric, is_estimate, is_primary, threshold, verdict, status FROM weir.performance_scores('scored', since => '2026-03-08', until => '2026-03-09') WHERE segment IS NULL;
SELECT weir.create_rule('bad', 'scored', 'auc', below => 0.7);
SELECT weir.alter_monitor('scored', reset => '{metrics}');
SELECT weir.create_rule('ranking', 'scored', 'auc', below => 0.95);
SELECT weir.create_rule('bad', 'numbers', 'bias', above => 1, options => '{"family": "growth"}');
SELECT weir.create_rule('error', 'numbers', 'mae', above => 1);
SELECT weir.create_rule('bad', 'unlabelled', 'auc', below => 0.7);
SELECT metric FROM weir.rules ORDER BY 1;
SELECT to_char(window_start, 'YYYY-MM-DD') AS day, column_name, round(value::numeric, 3) AS value, state FROM weir.test_rule('ranking') ORDER BY 1 DESC LIMIT 4;

-- ---- a baseline from a query: the parts are those of the aggregates ----
SELECT weir.alter_monitor('scored', options => '{"performance": null}');
SELECT weir.set_baseline(m, query => $$SELECT * FROM loans WHERE at < '2026-03-05'$$) FROM unnest('{scored,decided,classes,numbers,durations,cars}'::text[]) m;
CREATE FUNCTION of_baseline(monitor_name text, derivation text) RETURNS weir.performance LANGUAGE sql AS $$
    SELECT weir._performance_of($2, 1600, array_agg(d.part ORDER BY d.ordinal), array_agg(b.summaries[d.ordinal] ORDER BY d.ordinal))
    FROM weir.monitor m JOIN weir.derived_column d USING (monitor_id) JOIN weir.baseline_summary b USING (monitor_id)
    WHERE m.name = monitor_name AND d.derivation = $2 AND b.segment IS NULL $$;
SELECT weir.performances_equal(of_baseline('scored', 'binary_performance'), weir.binary_performance(repaid, score)) AS scores,
    weir.performances_equal(of_baseline('classes', 'class_performance'), weir.class_performance(purpose, guess)) AS classes,
    weir.performances_equal(of_baseline('numbers', 'regression_performance'), weir.regression_performance(days, forecast)) AS numbers,
    weir.performances_equal(of_baseline('durations', 'regression_performance'), weir.regression_performance(wait, wait_guess)) AS durations
FROM loans WHERE at < '2026-03-05';
SELECT m.metric, m.value = n.value AS equal FROM (SELECT weir.binary_performance(purpose = 'car', (guess = 'car')::int) AS p FROM loans WHERE at < '2026-03-05') l,
    weir.performance_metrics(l.p, metrics => '{accuracy, recall}') n JOIN weir.performance_metrics(of_baseline('cars', 'decision_performance'), metrics => '{accuracy, recall}') m USING (metric)
ORDER BY 1;
SELECT count(*), bool_and(s.baseline_value = m.value) AS equal
FROM weir.performance_scores('scored') s JOIN (SELECT region, weir.binary_performance(repaid, score) AS p FROM loans WHERE at < '2026-03-05' GROUP BY GROUPING SETS ((), (region))) l
    ON s.segment IS NOT DISTINCT FROM l.region, weir.performance_metrics(l.p, metrics => '{roc_auc}') m
WHERE s.metric = 'roc_auc';

-- ---- another definition: positions are never used again ----
SELECT array_agg(ordinal ORDER BY ordinal) AS before FROM weir.derived_column d JOIN weir.monitor m USING (monitor_id) WHERE m.name = 'decided' \gset
SELECT weir.alter_monitor('decided', score => 'score');
SELECT derived('decided'), min(ordinal) > (:'before'::int[])[array_length(:'before'::int[], 1)] AS new_positions
FROM weir.derived_column d JOIN weir.monitor m USING (monitor_id) WHERE m.name = 'decided';
SELECT weir.alter_monitor('decided', reset => '{label}');
SELECT derived('decided');

-- ---- who sees it ----
CREATE ROLE performance_reader;
GRANT USAGE ON SCHEMA performance_test TO performance_reader;
GRANT SELECT (at, score, approved) ON loans TO performance_reader;
SET ROLE performance_reader;
SELECT count(*) FROM weir.performance_scores('scored');
SELECT count(*) FROM weir.scores('scored') WHERE family = 'performance';
RESET ROLE;
GRANT SELECT (repaid, region) ON loans TO performance_reader;
SET ROLE performance_reader;
SELECT count(*) > 0 AS seen FROM weir.performance_scores('scored');
SELECT count(*) FROM weir._performance_scores(1, NULL, NULL, NULL, NULL, true, true);
RESET ROLE;
-- scores of people leave in no form; counts of decisions do
SELECT weir.classify_column('loans', 'score', 'personal');
SELECT kind, count(*) = count(performance) AS shown, count(performance) = 0 AS withheld, count(baseline) > 0 AS shows_baseline FROM weir.window_performances('scored') GROUP BY 1 ORDER BY 1;
SELECT count(*) > 0 AS seen FROM weir.performance_scores('scored') WHERE value IS NOT NULL;
ROLLBACK;
