-- Fairness from the performances of groups: scores, numbers, thresholds, classes.
SET search_path = public, weir;
CREATE TABLE scored AS
SELECT i, (ARRAY['F', 'M', NULL])[1 + (i % 3 + i % 7) % 3] AS sex, i * 7919 % 100 < 40 + i % 50 AS y, (i % 50 + CASE WHEN i % 3 = 0 THEN 20 ELSE 0 END) / 100::float8 AS s,
       CASE WHEN i % 13 = 0 THEN NULL ELSE i % 50 + i % 3 END::float8 AS due, (i % 50)::float8 AS forecast, (ARRAY['a', 'b', 'c'])[1 + i % 3] AS kind,
  (ARRAY['a', 'b', 'c'])[1 + (i + (i % 5 = 0)::int) % 3] AS guess
FROM generate_series(1, 4200) i;
CREATE TABLE by_sex AS SELECT array_agg(sex) AS names, array_agg(p) AS scores, array_agg(r) AS numbers, array_agg(c) AS classes
FROM (SELECT * FROM (SELECT sex, binary_performance(CASE WHEN i % 17 > 0 THEN y END, s) AS p, regression_performance(due, forecast) AS r, class_performance(kind, guess) AS c
  FROM scored GROUP BY sex) r ORDER BY sex) q;
SELECT f.metric, f.group_name, f.reference_group, round(f.value::numeric, 5) AS value, round(f.low::numeric, 4) AS low, round(f.high::numeric, 4) AS high, round(f.p_value::numeric, 4) AS p,
       f.n, f.n_reference, f.threshold, f.verdict, f.status
FROM by_sex, score_fairness(names, scores, 'M') f WHERE f.group_name = 'F';
SELECT f.metric, round(f.value::numeric, 5) AS value, round(f.low::numeric, 4) AS low, round(f.high::numeric, 4) AS high, round(f.p_value::numeric, 4) AS p, f.n, f.verdict, f.status
FROM by_sex, score_fairness(names, numbers, 'M') f WHERE f.group_name = 'F';
SELECT DISTINCT f.group_name, f.reference_group, f.status FROM by_sex, score_fairness(names, scores, min_group_size => 100000) f ORDER BY 1;
SELECT f.metric, f.value, f.p_value, f.status FROM score_fairness('{a,b}', ARRAY[(SELECT binary_performance(true, s) FROM scored), (SELECT binary_performance(false, s) FROM scored)]) f
WHERE f.metric IN ('abroca', 'roc_auc_difference', 'mean_score_difference');
-- one pass, any threshold: what fairness() says of the rows
SELECT t, fairness_tables_equal(fairness_at(names, scores, t), (SELECT fairness(CASE WHEN i % 17 > 0 THEN y END, s >= t, sex) FROM scored)) AS equal
FROM by_sex, unnest('{0,0.2,0.5,0.65,2}'::float8[]) t;
SELECT t, m.group_name, round(m.value::numeric, 4) AS value, m.verdict FROM by_sex, unnest('{0.2,0.3,0.5}'::float8[]) t, fairness_metrics(fairness_at(names, scores, t), 'M', '{disparate_impact}') m
WHERE m.group_name = 'F';
-- one class against the rest
SELECT c, fairness_tables_equal(fairness_of_class(names, classes, c), (SELECT fairness(kind = c, guess = c, sex) FROM scored)) AS equal
FROM by_sex, unnest('{a,b,c}'::text[]) c;
SELECT f.class_name, f.metric, f.group_name, round(f.value::numeric, 4) AS value, f.verdict
FROM by_sex, class_fairness(names, classes, 'M', '{equalized_odds_difference}') f WHERE f.group_name = 'F' ORDER BY 1;
-- curves: one that is perfect against one that is chance
SELECT abroca(a, b) AS half, abroca(a, a) AS none FROM (SELECT binary_performance(i > 50, i) AS a, binary_performance(i % 2 = 0, 1) AS b FROM generate_series(1, 100) i) q;

\set VERBOSITY default
SELECT f.* FROM by_sex, score_fairness(names, classes) f;
SELECT f.* FROM by_sex, score_fairness(names, scores, 'X') f;
SELECT f.* FROM by_sex, score_fairness('{F}', scores) f;
SELECT f.* FROM by_sex, score_fairness('{F,F,M}', scores) f;
SELECT fairness_at(names, classes) FROM by_sex;
SELECT fairness_of_class(names, scores, 'a') FROM by_sex;
SELECT abroca(numbers[1], scores[1]) FROM by_sex;
SELECT count(*) FROM score_fairness(NULL, NULL);
SELECT count(*) FROM by_sex, score_fairness('{}', '{}');
DROP TABLE scored, by_sex;
