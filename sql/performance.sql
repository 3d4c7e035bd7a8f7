-- Model performance: states, metrics, calibration, bad input.
CREATE TEMP TABLE scored (y int, s float8, class text, predicted text, amount interval, forecast interval);
INSERT INTO scored VALUES (1, .9, 'a', 'a', '1 hour', '1 hour'), (1, .6, 'a', 'b', '2 hours', '90 min'), (0, .4, 'b', 'b', '3 hours', '3 hours'), (0, .6, 'c', 'b', '30 min', '1 hour'),
  (NULL, .7, NULL, 'a', NULL, '1 hour'), (1, NULL, 'a', NULL, '1 hour', NULL);
SELECT weir.performance_kind(p), c.* FROM (SELECT weir.binary_performance(y, s) AS p FROM scored) q, weir.performance_counts(p) c;
SELECT metric, round(value::numeric, 6) AS value, round(low::numeric, 4) AS low, round(high::numeric, 4) AS high, n, status, error_bound
FROM (SELECT weir.binary_performance(y, s) AS p FROM scored) q, weir.performance_metrics(p) m;
SELECT metric, round(value::numeric, 6) AS value, n, status FROM (SELECT weir.class_performance(class, predicted) AS p FROM scored) q, weir.performance_metrics(p, min_n => 10) m;
SELECT metric, round(value::numeric, 6) AS value, n, status FROM (SELECT weir.regression_performance(amount, forecast) AS p FROM scored) q, weir.performance_metrics(p) m;
SELECT m.* FROM (SELECT weir.class_performance(class, predicted) AS p FROM scored) q, weir.confusion_matrix(p) m ORDER BY 1, 2;
SELECT m.* FROM (SELECT weir.binary_performance(y, s) AS p FROM scored) q, weir.confusion_matrix(p, .65) m;
SELECT class_name, n, n_predicted, round(precision_value::numeric, 4) AS precision_value, recall, f1 FROM (SELECT weir.class_performance(class, predicted) AS p FROM scored) q, weir.class_report(p) m;
SELECT threshold, true_positives, false_positives, recall, false_positive_rate, round(f1::numeric, 4) AS f1 FROM (SELECT weir.binary_performance(y, s) AS p FROM scored) q, weir.threshold_curve(p) m;
SELECT part, lowest_score, n, n_positive, cumulative_gain FROM (SELECT weir.binary_performance(y, s) AS p FROM scored) q, weir.gain_table(p, 2) m;
SELECT weir.business_value(weir.binary_performance(y, s), .5, 100, -40, false_negative => -10) FROM scored;
SELECT bin, n, n_positive, round(mean_score::numeric, 4) AS mean_score, positive_rate FROM (SELECT weir.binary_performance(y, s) AS p FROM scored) q, weir.calibration(p, 2) m;
SELECT metric, round(value::numeric, 6) AS value, round(p_value::numeric, 6) AS p_value, n, status FROM (SELECT weir.binary_performance(y, s) AS p FROM scored) q, weir.calibration_metrics(p, 4) m;
SELECT metric, round(value::numeric, 6) AS value, n, round(realised::numeric, 6) AS realised, n_realised, status
FROM (SELECT weir.binary_performance(y, s) AS p FROM scored) q, weir.estimate_performance(p, p, calibrate => 'never') m;

-- Nothing, one row, one class, scores that are no probabilities.
SELECT weir.binary_performance(y, s) IS NULL AS is_null FROM scored WHERE false;
SELECT count(*), count(value), bool_and(status = 'undefined') FROM (SELECT weir.binary_performance(NULL::boolean, s) AS p FROM scored) q, weir.performance_metrics(p);
SELECT count(*) FILTER (WHERE status = 'ok') > 0, bool_and(value IS NULL = (status = 'undefined')) FROM (SELECT weir.binary_performance(true, 1) AS p) q, weir.performance_metrics(p);
SELECT metric, value, status FROM (SELECT weir.binary_performance(y, 10 * s) AS p FROM scored) q, weir.performance_metrics(p, 5, ARRAY['log_loss', 'roc_auc', 'recall']);
SELECT weir.fit_calibrator(weir.binary_performance(true, s)) IS NULL AS one_class, weir.fit_calibrator(weir.binary_performance(s > .5, s), 'logit') IS NULL AS separated FROM scored;
SELECT count(*), bool_and(status = 'undefined') FROM (SELECT weir.class_performance(i, i) AS p FROM generate_series(1, 70000) i) q, weir.performance_metrics(p);

-- The same state, however it came together.
SELECT weir.performances_equal(weir.merge(p), (SELECT weir.binary_performance(y, s) FROM scored)) FROM (SELECT weir.binary_performance(y, s) AS p FROM scored GROUP BY y) q;
SELECT c.* FROM (SELECT weir.binary_performance(y, s) OPERATOR(weir.-) weir.binary_performance(y, s) AS p FROM scored) q, weir.performance_counts(p) c;

-- Bad input.
\set VERBOSITY terse
SELECT weir.binary_performance(2, .5);
SELECT weir.binary_performance('yes'::text, .5);
SELECT weir.binary_performance(true, 'x'::text);
SELECT weir.class_performance('{}'::jsonb, 'x'::text);
SELECT weir.regression_performance(1, '1 h'::interval);
SELECT weir.binary_performance(true, .5) OPERATOR(weir.+) weir.class_performance('a'::text, 'a'::text);
SELECT * FROM weir.performance_metrics((SELECT weir.binary_performance(true, .5)), metrics => '{auc}');
SELECT * FROM weir.performance_metrics((SELECT weir.binary_performance(true, .5)), confidence => 1);
SELECT * FROM weir.calibration((SELECT weir.binary_performance(true, 1.5)));
SELECT * FROM weir.calibration((SELECT weir.binary_performance(true, .5)), 0);
SELECT * FROM weir.calibration((SELECT weir.binary_performance(true, .5)), method => 'depth');
SELECT * FROM weir.class_report((SELECT weir.binary_performance(true, .5)));
SELECT weir.fit_calibrator(weir.binary_performance(true, .5), 'magic');
SELECT weir.recalibrate(.5, '{"method": "isotonic", "scores": [1, 0], "values": [0, 1]}');
SELECT weir.recalibrate(.5, '[]');
SELECT '\x01'::weir.performance;
SELECT 'nonsense'::weir.performance;

-- parallel workers and merged parts give the bytes of one pass; what is taken back gives the same answers
CREATE TABLE many AS
SELECT i, i % 4 AS part, i * 7919 % 10 < 4 AS y, i * 7919 % 10007 / 10007.0::float8 AS s, 'c' || i % 5 AS kind, 'c' || (i + (i % 7 = 0)::int) % 5 AS guess, sin(i) AS due, sin(i + 0.1) AS forecast
FROM generate_series(1, 20000) i;
ANALYZE many;
CREATE TABLE single AS
SELECT weir.binary_performance(y, s) AS b, weir.class_performance(kind, guess) AS c, weir.regression_performance(due, forecast) AS r, weir.binary_performance(y, s) FILTER (WHERE part < 3) AS b3,
       weir.class_performance(kind, guess) FILTER (WHERE part < 3) AS c3, weir.regression_performance(due, forecast) FILTER (WHERE part < 3) AS r3
FROM many;
SELECT weir.merge(b)::text = (SELECT b::text FROM single) AS b, weir.merge(c)::text = (SELECT c::text FROM single) AS c, weir.merge(r)::text = (SELECT r::text FROM single) AS r
FROM (SELECT weir.binary_performance(y, s) AS b, weir.class_performance(kind, guess) AS c, weir.regression_performance(due, forecast) AS r FROM many GROUP BY part) q;
SELECT weir.performances_equal(single.b OPERATOR(weir.-) q.b, single.b3) AS b, weir.performances_equal(single.c OPERATOR(weir.-) q.c, single.c3) AS c,
       weir.performances_equal(single.r OPERATOR(weir.-) q.r, single.r3) AS r
FROM single, (SELECT weir.binary_performance(y, s) AS b, weir.class_performance(kind, guess) AS c, weir.regression_performance(due, forecast) AS r FROM many WHERE part = 3) q;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT weir.binary_performance(y, s) FROM many;
SELECT weir.binary_performance(y, s)::text = (SELECT b::text FROM single) AS b, weir.class_performance(kind, guess)::text = (SELECT c::text FROM single) AS c,
       weir.regression_performance(due, forecast)::text = (SELECT r::text FROM single) AS r FROM many;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;
DROP TABLE many, single;
