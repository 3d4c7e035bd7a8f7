-- Rules and thresholds, references, corrections, verdicts, permutation tests; bands, other names, similar rows.
SET search_path = public, weir;
CREATE TABLE loans AS
SELECT (i * 7919 % 100) < 60 AS y, (i * 104729 % 100) / 100.0 + CASE WHEN i % 3 = 1 THEN .12 ELSE 0 END >= .5 AS p, (ARRAY['F', 'M', 'X'])[1 + i % 3] AS sex, 20 + i * 7 % 45 AS age
FROM generate_series(1, 3000) i;
CREATE TABLE audit AS SELECT fairness(y, p, sex) AS f FROM loans;

SELECT rule, ratio, difference, evidence FROM fairness_rules();
-- the reference: largest, best (another one for each metric), by name
SELECT m.metric, m.group_name, m.reference_group, round(m.value::numeric, 4) AS value, m.verdict
FROM audit, fairness_metrics(f, 'best', '{demographic_parity_ratio,false_positive_rate_difference,equalized_odds_difference}') m;
SELECT DISTINCT m.reference_group FROM audit, fairness_metrics(f, 'largest') m WHERE m.group_name IS NOT NULL;
SELECT m.metric, m.group_name, m.reference_group, m.status FROM audit, fairness_metrics(f, 'best', '{demographic_parity_ratio}', min_group_size => 100000) m;
SELECT DISTINCT c.advantaged_group FROM audit, fairness_clarify(f, 'best') c;
-- a group of that name comes first
SELECT m.group_name, m.reference_group FROM fairness_metrics((SELECT fairness(y, p, CASE sex WHEN 'F' THEN 'best' ELSE sex END) FROM loans), 'best', '{disparate_impact}') m
  WHERE m.group_name IS NOT NULL;
-- rules and thresholds
SELECT r.rule, m.group_name, round(m.value::numeric, 4) AS value, m.threshold, m.verdict
FROM audit, fairness_rules() r, fairness_metrics(f, 'M', '{demographic_parity_ratio}', rule => r.rule) m WHERE m.group_name IS NOT NULL;
SELECT m.metric, m.group_name, m.threshold, m.verdict
FROM audit, fairness_metrics(f, 'M', '{demographic_parity_ratio,disparate_impact,accuracy_difference}', thresholds => '{"ratio": 0.95, "disparate_impact": 0.5, "difference": 0}') m
WHERE m.group_name IS NOT NULL;
-- correction over the groups: what adjust_p_values says
SELECT bool_and(abs(m.p_adjusted - q.p_adjusted) < 1e-15) FILTER (WHERE m.group_name IS NOT NULL) AS groups, bool_and(m.p_adjusted = m.p_value) FILTER (WHERE m.group_name IS NULL) AS overall
FROM audit, fairness_metrics(f, 'M', adjust => 'holm') m
LEFT JOIN LATERAL (SELECT adjusted_p_value(x.p_value, 'holm') OVER (PARTITION BY x.metric) AS p_adjusted, x.metric, x.group_name FROM fairness_metrics(f, 'M') x WHERE x.group_name IS NOT NULL) q
  ON q.metric = m.metric AND q.group_name = m.group_name;
-- one word for each metric
SELECT v.metric, v.verdict, v.group_name, round(v.value::numeric, 4) AS value, v.n_groups, v.n_unfair, v.n_insufficient FROM audit, fairness_verdict(f, 'M') v;
SELECT v.metric, v.verdict, v.group_name, v.n_groups, v.n_insufficient FROM audit, fairness_verdict(f, 'M', min_group_size => 100000) v;
SELECT v.metric, v.verdict FROM audit, fairness_verdict(f, 'M', '{disparate_impact}', rule => 'two_standard_deviations') v;
-- one group, and nobody to compare it with
SELECT v.metric, v.verdict, v.group_name, v.n_groups FROM fairness_verdict((SELECT fairness(y, p, 'all') FROM loans)) v;
-- permutation: the same seed gives the same; near the exact p where that is not tiny
SELECT m.metric, m.group_name, round(m.value::numeric, 4) AS value, m.n_permutations, m.n, m.status, m.p_value BETWEEN 1 / 500.0 AND 1 AS possible
FROM audit, fairness_permutation(f, 'M', '{accuracy_ratio,equalized_odds_difference,treatment_equality_ratio}', permutations => 499) m;
SELECT a.p_value = b.p_value AS repeatable FROM audit, fairness_permutation(f, 'M', '{accuracy_ratio}', seed => 7) a, fairness_permutation(f, 'M', '{accuracy_ratio}', seed => 7) b
WHERE a.group_name = 'F' AND b.group_name = 'F';
SELECT p.metric, p.status, p.p_value FROM audit, fairness_permutation(f, metrics => '{disparate_impact}', min_group_size => 100000) p WHERE p.group_name IS NULL;
SELECT count(*) FROM fairness_permutation(NULL);

-- treatment equality: false negatives per false positive
WITH t AS (SELECT sex, count(*) FILTER (WHERE y AND NOT p)::float8 / count(*) FILTER (WHERE p AND NOT y) AS odds FROM loans GROUP BY 1)
SELECT m.metric, m.group_name, abs(m.value - CASE m.metric WHEN 'treatment_equality_ratio' THEN a.odds / b.odds ELSE a.odds - b.odds END) < 1e-12 AS equal,
  m.low < m.value AND m.value < m.high AS inside
FROM audit, fairness_metrics(f, 'M', '{treatment_equality_ratio,treatment_equality_difference}') m JOIN t a ON a.sex = m.group_name JOIN t b ON b.sex = 'M';

-- bands
SELECT x, band(x, '{25,40,60}'), band(x, '{0.5}', '{low,high}'), band(x, '{-1,30.5}') FROM unnest('{-Infinity,24.9,25,60,Infinity,NULL,NaN}'::float8[]) x;
SELECT g.group_name, g.n FROM fairness_groups((SELECT fairness(y, p, sex, band(age, '{25,40}')) FROM loans)) g;

-- Aequitas' names
SELECT a.group_name, a.reference_group, a.metric, round(a.disparity::numeric, 4) AS disparity, a.is_fair, a.status FROM audit, fairness_aequitas(f, 'M') a WHERE a.group_name = 'F';
SELECT a.metric, a.reference_group FROM audit, fairness_aequitas(f, 'min_metric') a WHERE a.group_name = 'F';

-- every intersection up to a depth
SELECT i.columns, g.group_name, g.n FROM fairness_intersections((SELECT fairness(true, i % 2 = 0, i % 2, i % 3, 'x'::text) FROM generate_series(1, 12) i), 2) i, fairness_groups(i.counts) g;
SELECT columns FROM fairness_intersections((SELECT fairness(true, true, 1, 2, 3)), 3);
SELECT count(*) FROM fairness_intersections(NULL);

-- similar rows: two clusters far apart, in one of which the disadvantaged are refused what their like get
CREATE TABLE people AS SELECT i, i % 2 = 0 AS disadvantaged, i <= 40 AS first, CASE WHEN i <= 40 THEN i % 2 = 1 ELSE true END AS p, ARRAY[CASE WHEN i <= 40 THEN 0 ELSE 100 END, i % 7] AS x
  FROM generate_series(1, 80) i;
SELECT (flip_test(p, disadvantaged, x ORDER BY i)).* FROM people;
SELECT (flip_test(p, disadvantaged, x, 1 ORDER BY i)).value FROM people;
SELECT round(consistency(p, x ORDER BY i)::numeric, 4) AS consistency, consistency(p, x, 1 ORDER BY i) AS alone, consistency(true, x) AS same FROM people;
SELECT (flip_test(p, true, x)).* FROM people;
SELECT consistency(p, x) IS NULL AS none FROM people WHERE false;
SELECT (flip_test(CASE WHEN i > 2 THEN p END, disadvantaged, CASE WHEN i > 4 THEN x END)).n_disadvantaged FROM people;

\set VERBOSITY default
SELECT m.* FROM audit, fairness_metrics(f, rule => 'three_fifths') m;
SELECT m.* FROM audit, fairness_metrics(f, thresholds => '{"parity": 1}') m;
SELECT m.* FROM audit, fairness_metrics(f, thresholds => '{"ratio": "x"}') m;
SELECT m.* FROM audit, fairness_metrics(f, thresholds => '[1]') m;
SELECT m.* FROM audit, fairness_metrics(f, adjust => 'sidak') m;
SELECT m.* FROM audit, fairness_permutation(f, permutations => 0) m;
SELECT band(1, '{2,1}');
SELECT band(1, '{}');
SELECT band(1, '{2}', '{a}');
SELECT flip_test(p, disadvantaged, x, 0) FROM people;
SELECT consistency(2, x) FROM people;
SELECT consistency(p, x || i) FROM people WHERE i < 3;
SELECT consistency(p, CASE WHEN i = 1 THEN x ELSE x || 1 END) FROM people;
DROP TABLE loans, audit, people;
