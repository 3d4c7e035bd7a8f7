-- Performance without labels: several classes, numbers; thresholds from reference windows.
SET search_path = public, weir;
CREATE TABLE scored AS
SELECT i, (ARRAY['a', 'b', 'c'])[1 + (i * 7919 % 10 >= 6)::int + (i * 7919 % 10 >= 9)::int] AS y, (ARRAY['a', 'b', 'c'])[1 + (i % 11 = 0)::int] AS p,
       CASE WHEN i % 11 = 0 THEN '{0.3,0.5,0.2}'::float8[] ELSE '{0.6,0.3,0.1}' END AS q
FROM generate_series(1, 2200) i;
SELECT e.metric, e.class_name, round(e.value::numeric, 6) AS value, round(e.low::numeric, 4) AS low, round(e.high::numeric, 4) AS high, e.n, e.status
FROM unnest((SELECT estimate_class_performance(p, q, class_calibrator('{a,b,c}')) FROM scored)) e;
SELECT e.label, e.prediction, round(e.n::numeric, 6) AS n FROM unnest((SELECT expected_confusion_matrix(p, q, class_calibrator('{a,b,c}')) FROM scored)) e;
SELECT e.metric, round((e.high - e.low)::numeric, 4) AS width FROM unnest((SELECT estimate_class_performance(p, q, class_calibrator('{a,b,c}'), 0.5) FROM scored)) e WHERE e.metric = 'accuracy';
SELECT class_calibrator('{no,yes}');
-- fitted: where probabilities are right they stay; where they are not, the rate of labels is taken
SELECT jsonb_path_query_array(fit_class_calibrator(y, '{0.6,0.3,0.1}'::float8[], '{a,b,c}'), '$.calibrators[*].method') AS needless FROM scored;
SELECT jsonb_path_query_array(fit_class_calibrator(y, '{0.1,0.3,0.6}'::float8[], '{a,b,c}'), '$.calibrators[*].values') AS needed FROM scored;
SELECT jsonb_path_query_array(fit_class_calibrator(y, '{0.6,0.3,0.1}'::float8[], '{a,b,c}', 'always'), '$.calibrators[*].method') AS always FROM scored;
SELECT fit_class_calibrator(y, q, '{a,b,c}') IS NULL AS none, estimate_class_performance(p, q, class_calibrator('{a,b,c}')) IS NULL AS none FROM scored WHERE false;
SELECT e.metric, e.value, e.status FROM unnest((SELECT estimate_class_performance(NULL::text, q, class_calibrator('{a,b,c}')) FROM scored)) e
  WHERE e.metric IN ('accuracy', 'macro_f1', 'macro_roc_auc');

-- a regression whose errors grow with the prediction, on one side of the feature
CREATE TABLE forecasts AS SELECT i, (i % 100)::float8 AS p, (i % 7)::float8 AS x, i % 100 + CASE WHEN i % 7 < 3 THEN (i % 100) * (CASE WHEN i % 2 = 0 THEN 0.5 ELSE -0.5 END) ELSE 1 END AS y
  FROM generate_series(1, 7000) i;
CREATE TABLE models AS SELECT fit_loss_model(y, p, ARRAY[x]) AS m, fit_loss_model(y, p) AS bare FROM forecasts;
SELECT e.metric, e.n, e.status, abs(e.value - r.value) < 0.01 * r.value AS near, e.low < e.value AND e.value < e.high AS inside
FROM models, unnest((SELECT estimate_regression_performance(p, ARRAY[x], m) FROM forecasts WHERE p > 50)) e
LEFT JOIN (SELECT m.* FROM performance_metrics((SELECT regression_performance(y, p) FROM forecasts WHERE p > 50)) m) r USING (metric);
-- the feature tells where errors are
SELECT round(avg(expected_loss(m, p, ARRAY[x])) FILTER (WHERE x < 3)) AS large, round(avg(expected_loss(m, p, ARRAY[x])) FILTER (WHERE x >= 3)) AS small,
       round(avg(expected_loss(bare, p)) FILTER (WHERE x >= 3)) AS unseen, avg(expected_loss(m, p, ARRAY[NULL::float8])) > 0 AS missing,
       bool_and(expected_loss(m, p, ARRAY[x], 'percentage') IS NULL) AS label_of_zero
FROM forecasts, models;
-- from a summary as from the rows
SELECT a.metric, abs(a.value - b.value) < 1e-9 * (1 + abs(b.value)) AS equal, a.n = b.n AS n
FROM models, unnest(estimate_regression((SELECT summarize(p) FROM forecasts), bare)) a
JOIN unnest((SELECT estimate_regression_performance(p, bare) FROM forecasts, models)) b USING (metric);
SELECT fit_loss_model(y, p) IS NULL AS none FROM forecasts WHERE false;
SELECT estimate_regression(NULL, bare) IS NULL AS none FROM models;
-- parallel workers give the same
ANALYZE scored; ANALYZE forecasts;
CREATE TABLE serial AS SELECT (SELECT fit_class_calibrator(y, q, '{a,b,c}', 'always') FROM scored) AS c, (SELECT estimate_class_performance(p, q, class_calibrator('{a,b,c}')) FROM scored) AS e,
  (SELECT estimate_regression_performance(p, ARRAY[x], (SELECT m FROM models)) FROM forecasts) AS r;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT estimate_class_performance(p, q, class_calibrator('{a,b,c}')) FROM scored;
SELECT fit_class_calibrator(y, q, '{a,b,c}', 'always') = (SELECT c FROM serial) AS calibrator,
  estimate_class_performance(p, q, class_calibrator('{a,b,c}')) = (SELECT e FROM serial) AS classes FROM scored;
SELECT estimate_regression_performance(p, ARRAY[x], (SELECT m FROM models)) = (SELECT r FROM serial) AS regression FROM forecasts;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;

SELECT round(low::numeric, 6) AS low, high FROM reference_limits('{0.7,0.72,0.69,0.99,NULL,NaN}', highest => 1);
SELECT * FROM reference_limits('{1,3}', 2, 0);
SELECT * FROM reference_limits('{}');

\set VERBOSITY default
SELECT estimate_class_performance('d'::text, q, class_calibrator('{a,b,c}')) FROM scored;
SELECT estimate_class_performance(p, '{0.5,0.5}'::float8[], class_calibrator('{a,b,c}')) FROM scored;
SELECT estimate_class_performance(p, '{0.5,0.5,1.5}'::float8[], class_calibrator('{a,b,c}')) FROM scored;
SELECT estimate_class_performance(p, q, '{}') FROM scored;
SELECT estimate_class_performance(p, q, '{"classes": ["a", "b"], "calibrators": [1, null]}') FROM scored;
SELECT class_calibrator('{a}');
SELECT class_calibrator('{a,a}');
SELECT fit_class_calibrator(y, q, '{a,b,d}') FROM scored;
SELECT fit_class_calibrator('a'::text, q, '{a,b,c}', 'always') FROM scored;
SELECT fit_class_calibrator(y, q, '{a,b,c}', 'never') FROM scored;
SELECT expected_loss('\x00', 1);
SELECT expected_loss(m, 1) FROM models;
SELECT expected_loss(m, 1, '{1}', 'hinge') FROM models;
SELECT expected_loss(substr(m, 1, 100), 1, '{1}') FROM models;
SELECT estimate_regression_performance(p, ARRAY[x, x], m) FROM forecasts, models;
SELECT fit_loss_model(y, p, CASE WHEN i = 1 THEN ARRAY[x] ELSE ARRAY[x, x] END) FROM forecasts;
SELECT estimate_regression((SELECT summarize(y) FROM scored), bare) FROM models;
DROP TABLE scored, forecasts, models, serial;
