-- Drift of monitors: thresholds fixed and learnt, options and metrics of single columns, p-values adjusted over columns and windows.
-- In one transaction that is rolled back, with panes made here, so that a running capture has no part in it.
\set ON_ERROR_ROLLBACK on
SET client_min_messages = warning;
SET timezone = 'UTC';
BEGIN;
DELETE FROM weir.monitor;
CREATE SCHEMA drift_test;
SET search_path = drift_test, public;
CREATE TABLE events(at timestamptz NOT NULL, a float8, b float8, c text);
INSERT INTO events
SELECT timestamptz '2026-01-01' + i * interval '3 minutes', (i * 7919 % 1009) / 10.0 + CASE WHEN i > 9600 THEN 20 ELSE 0 END + (i / 480 % 3) * 4,
    (i * 104729 % 10007) / 100.0, (ARRAY['x', 'y', 'z'])[1 + i * 31 % 3]
FROM generate_series(0, 14399) i;
SELECT weir.create_monitor('events', 'events', 'at', window_size => '1 day', metrics => '{psi,ks}');
INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness)
SELECT m.monitor_id, 0, weir.tumble(at, m.pane_size), '{}', count(*), 0, 0, ARRAY[weir.summarize(a), weir.summarize(b), weir.summarize(c)], '{}'
FROM events, weir.monitor m GROUP BY 1, 3, m.pane_size;
UPDATE weir.monitor_state SET state = 'active', last_change_at = now(), watermark = (SELECT max(at) FROM events);
SELECT weir.set_baseline('events', since => '2026-01-01', until => '2026-01-11');
CREATE VIEW of_a AS SELECT extract(day FROM window_start) AS day, metric, round(value::numeric, 3) AS value, round(threshold::numeric, 3) AS threshold, verdict,
    status, detail -> 'learnt' ->> 'method' AS learnt, (detail -> 'learnt' ->> 'windows')::int AS windows FROM weir.drift_scores WHERE column_name = 'a';

-- the defaults; fixed thresholds; an option of drift
SELECT * FROM of_a WHERE day IN (1, 2, 20, 25) ORDER BY day, metric;
SELECT weir.alter_monitor('events', options => '{"thresholds": {"psi": 0.01, "ks": [0.05, 0.9]}, "drift": {"n_bins": 4}}');
SELECT * FROM of_a WHERE day IN (1, 2, 20, 25) ORDER BY day, metric;
SELECT DISTINCT jsonb_array_length(detail -> 'bins') <= 4 AS four_bins FROM weir.drift_scores WHERE metric = 'psi' AND column_name = 'a';
-- a column of its own kind
SELECT weir.alter_monitor('events', options => '{"drift_by_column": {"a": {"metrics": ["kuiper", "welch"], "thresholds": {"kuiper": 0.5}}}}');
SELECT column_name, metric, is_primary, count(*), min(threshold) = max(threshold) AS one_threshold FROM weir.drift_scores GROUP BY 1, 2, 3 ORDER BY 1, 2;
-- learnt from the windows of the baseline: mean + 3 sd, never above what the metric can reach
SELECT weir.alter_monitor('events', options => '{"drift_by_column": {}, "thresholds": {}, "learn_thresholds": "stddev"}');
SELECT * FROM of_a WHERE day IN (1, 2, 20, 25) ORDER BY day, metric;
SELECT bool_and(abs(threshold - l.expected) < 1e-12) AS as_computed
FROM weir.drift_scores d JOIN (SELECT column_name, metric, avg(value) + 3 * stddev_samp(value) AS expected FROM weir.drift_scores WHERE window_end <= '2026-01-11'
                              GROUP BY 1, 2) l USING (column_name, metric);
SELECT count(*) FILTER (WHERE verdict = 'alert' AND window_end <= '2026-01-11') AS false_alerts, count(*) FILTER (WHERE verdict = 'alert' AND column_name = 'a') AS alerts
FROM weir.drift_scores;
SELECT weir.alter_monitor('events', options => '{"learn_thresholds": {"method": "quantile", "quantile": 0.9, "since": "2026-01-01", "until": "2026-01-09"}}');
SELECT * FROM of_a WHERE day IN (1, 2, 20, 25) ORDER BY day, metric;
SELECT weir.alter_monitor('events', options => '{"learn_thresholds": {"k": 1000}}');
SELECT metric, max(threshold) = 1 AS clipped, count(*) FILTER (WHERE verdict = 'alert') AS alerts FROM weir.drift_scores WHERE metric = 'kolmogorov_smirnov' GROUP BY 1;
-- too little to learn from: the fixed thresholds hold
SELECT weir.alter_monitor('events', options => '{"learn_thresholds": {"since": "2026-01-01", "until": "2026-01-03"}}');
SELECT DISTINCT metric, threshold, learnt FROM of_a ORDER BY 1;

SELECT weir.alter_monitor('events', options => '{"learn_thresholds": "none"}');
-- p-values, adjusted over columns, over windows, over both: as weir.adjust_p_values gives it
SELECT weir.alter_monitor('events', options => '{"adjust": "bh"}');
SELECT bool_and(d.p_adjusted = x.p) AS over_columns FROM weir.drift_scores d JOIN
    (SELECT window_start, metric, unnest(array_agg(column_name)) AS column_name, unnest(weir.adjust_p_values(array_agg(p_value), 'benjamini_hochberg')) AS p
     FROM weir.drift_scores GROUP BY 1, 2) x USING (window_start, metric, column_name);
SELECT weir.alter_monitor('events', options => '{"adjust": "bonferroni", "adjust_over": "windows"}');
SELECT bool_and(p_adjusted = least(1, p_value * 30)) AS over_windows FROM weir.drift_scores;
SELECT weir.alter_monitor('events', options => '{"adjust": "bonferroni", "adjust_over": "both"}');
SELECT metric, bool_and(p_adjusted = least(1, p_value * CASE metric WHEN 'psi' THEN 90 ELSE 60 END)) AS over_both FROM weir.drift_scores GROUP BY 1 ORDER BY 1;
SELECT count(*) AS verdicts_without_significance FROM weir.drift_scores WHERE verdict <> 'ok' AND p_adjusted >= 0.05;

-- how many columns of a window drift
SELECT extract(day FROM window_start) AS day, n_columns, n_drifted, round(share::numeric, 3) AS share, verdict, is_final, drifted
FROM weir.drift_shares('events', since => '2026-01-20', until => '2026-01-22', share_threshold => 0.3) ORDER BY 1;

-- refused
SELECT weir.alter_monitor('events', options => '{"adjust": "many"}');
SELECT weir.alter_monitor('events', options => '{"adjust_over": "rows"}');
SELECT weir.alter_monitor('events', options => '{"thresholds": {"nothing": 1}}');
SELECT weir.alter_monitor('events', options => '{"thresholds": 1}');
SELECT weir.alter_monitor('events', options => '{"drift": {"bins": "many"}}');
SELECT weir.alter_monitor('events', options => '{"learn_thresholds": "guess"}');
SELECT weir.alter_monitor('events', options => '{"learn_thresholds": {"quantile": 2}}');
SELECT weir.alter_monitor('events', options => '{"learn_thresholds": {"since": "soon"}}');
SELECT weir.alter_monitor('events', options => '{"learn_thresholds": {"since": "02.01.2026"}}');
SELECT weir.alter_monitor('events', options => '{"learn_thresholds": {"k": 1e400}}');
SELECT weir.alter_monitor('events', options => '{"constraints": [{"metric": "row_count", "low": 1e-400}]}');
SELECT weir.alter_monitor('events', options => '{"drift_by_column": {"a": {"metrics": ["nothing"]}}}');
SELECT weir.alter_monitor('events', options => '{"drift_by_column": {"a": {"bins": 3}}}');
ROLLBACK;
