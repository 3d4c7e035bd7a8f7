-- Searches for subgroups, and tests of groups: results against independent references are in unit/reference_subgroups.py.
SET search_path = weir, public;
SET extra_float_digits = 0;

CREATE TABLE people AS
SELECT i, (ARRAY['F', 'M'])[1 + i % 2] AS sex, (ARRAY['young', 'middle', 'old'])[1 + i % 3] AS age, CASE WHEN i % 11 > 0 THEN (ARRAY['north', 'south'])[1 + i % 5 % 2] END AS region,
       i * 7919 % 100 < CASE WHEN i % 2 = 0 AND i % 3 = 2 THEN 20 ELSE 55 END AS repaid, i * 104729 % 100 < CASE WHEN i % 2 = 0 AND i % 3 = 2 THEN 75 ELSE 45 END AS approved,
       (5 + i * 31 % 90) / 100.0::float8 AS score
FROM generate_series(1, 4000) i;
CREATE TABLE audit AS SELECT fairness(repaid, approved, sex, age, region) AS f FROM people;

SELECT direction, subset, round(score::numeric, 3) AS score, round(odds_ratio::numeric, 4) AS odds_ratio, n, observed, round(expected::numeric, 2) AS expected, p_value, n_permutations,
       is_exact, status
FROM audit, subset_scan(f, permutations => 99);
-- every value that is named costs something; the labels
SELECT direction, subset, round(score::numeric, 3) AS score FROM audit, subset_scan(f, 'base_rate', penalty => 5, permutations => 0);
-- labels against what the scores expect
SELECT s.direction, s.subset, round(s.score::numeric, 3) AS score, s.n, s.observed, round(s.expected::numeric, 2) AS expected, s.p_value, s.is_exact
FROM (SELECT array_agg(ARRAY[sex, age]) AS g, array_agg(p) AS p FROM (SELECT sex, age, binary_performance(repaid, score) AS p FROM people GROUP BY sex, age) q) r,
     subset_scan(g, p, permutations => 99) s;
-- one column
SELECT s.direction, s.subset, s.n FROM (SELECT array_agg(age) AS g, array_agg(p) AS p FROM (SELECT age, binary_performance(repaid, score) AS p FROM people GROUP BY age) q) r,
     subset_scan(g, p, permutations => 0) s;

SELECT family, round(gamma::numeric, 6) AS gamma, round(group_rate::numeric, 4) AS group_rate, round(overall_rate::numeric, 4) AS overall_rate, n, round(share::numeric, 4) AS share, subset,
       cardinality(members) AS members, p_value, status
FROM audit, fairness_subgroups(f);
SELECT family, round(gamma::numeric, 6) AS gamma, subset FROM audit, fairness_subgroups(f, 'selection_rate', depth => 1, permutations => 0);

-- nothing to search
SELECT count(*) FROM subset_scan(NULL::fairness_table);
SELECT count(*) FROM fairness_subgroups(NULL);
SELECT direction, subset, score, p_value, status FROM (SELECT fairness(1, 1, sex) AS f FROM people) q, subset_scan(f);
SELECT family, gamma, group_rate, p_value, status FROM (SELECT fairness(1, 1, sex) AS f FROM people) q, fairness_subgroups(f);
SELECT family, gamma, group_rate, members, status FROM (SELECT fairness(repaid, approved, 'all'::text) AS f FROM people) q, fairness_subgroups(f, 'selection_rate', permutations => 9);

-- bad input
SELECT subset_scan(f, 'luck') FROM audit;
SELECT subset_scan(f, penalty => -1) FROM audit;
SELECT subset_scan(f, restarts => -1) FROM audit;
SELECT subset_scan(f, permutations => 10000000) FROM audit;
SELECT fairness_subgroups(f, depth => 0) FROM audit;
SELECT subset_scan('{a,b}'::text[], ARRAY[binary_performance(repaid, score)]) FROM people;
SELECT subset_scan('{a}'::text[], ARRAY[binary_performance(repaid, score * 3)]) FROM people;
SELECT subset_scan('{a}'::text[], ARRAY[regression_performance(score, score)]) FROM people;
SELECT count(*) FROM (SELECT fairness(1, i % 2, i % 2, i % 3, i % 5, i % 7, i, i, i, i, i, i) AS f FROM generate_series(1, 900) i) q, fairness_subgroups(f);

-- tests of Aequitas' metrics
SELECT a.metric, round(a.disparity::numeric, 4) AS disparity, round(a.p_value::numeric, 6) AS p_value, a.is_significant
FROM (SELECT fairness_project(f, '{1}') AS f FROM audit) q, fairness_aequitas(f, 'M') a WHERE a.group_name = 'F';
SELECT a.metric, round(a.p_value::numeric, 6) AS p_value
FROM (SELECT fairness_project(f, '{1}') AS f FROM audit) q, fairness_aequitas(f, 'M', test => 'welch') a WHERE a.group_name = 'F' AND a.metric IN ('fpr', 'ppr');
SELECT a.group_name, a.metric, a.p_value FROM (SELECT fairness(1, 1, sex) AS f FROM people) q, fairness_aequitas(f, 'M', test => 'brown_forsythe') a WHERE a.metric IN ('tpr', 'fpr', 'pprev');
SELECT fairness_aequitas(f, test => 'luck') FROM audit;
SELECT fairness_aequitas(f, tau => 2) FROM audit;

-- between all groups
SELECT i.measure, round(i.value::numeric, 6) AS value, round(i.between_groups::numeric, 6) AS between_groups, round(i.within_groups::numeric, 6) AS within_groups FROM audit, fairness_inequality(f) i;

DROP TABLE people, audit;
