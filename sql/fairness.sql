-- Counts, rates, differences and ratios by group.
SET search_path = public, weir;
CREATE TABLE loans (sex text, age int, repaid int, approved boolean, score float8, decision text);
INSERT INTO loans
SELECT sex, age, repaid, approved, CASE WHEN approved THEN 0.9 ELSE 0.1 END, CASE WHEN approved THEN 'yes' ELSE 'no' END
FROM (VALUES ('F', 30, 1, true, 30), ('F', 30, 1, false, 20), ('F', 30, 0, true, 10), ('F', 30, 0, false, 40),
             ('M', 50, 1, true, 50), ('M', 50, 1, false, 10), ('M', 50, 0, true, 20), ('M', 50, 0, false, 20),
             (NULL, 30, 1, true, 3), ('F', 30, NULL, true, 5), ('M', 50, NULL, false, 5), ('M', 50, 0, NULL, 2)) v(sex, age, repaid, approved, copies),
     generate_series(1, copies);

SELECT fairness(repaid, approved, sex) FROM loans;
SELECT fairness(repaid, approved, sex) IS NULL AS none FROM loans WHERE false;

-- every way to say the same
SELECT fairness_tables_equal(fairness(repaid, approved, sex), fairness(repaid = 1, score >= 0.5, sex)) IS NOT NULL AS scores,
       fairness_tables_equal(fairness(repaid, approved, sex), fairness_positive('yes', repaid, CASE WHEN approved IS NOT NULL THEN decision END, sex)) AS text_labels,
       fairness_tables_equal(fairness(repaid, approved, sex), fairness_positive('yes', repaid = 1, CASE WHEN approved IS NOT NULL THEN decision END, sex)) AS positive,
       fairness_tables_equal(fairness(repaid, approved, sex), fairness(repaid::numeric, approved::int::smallint, sex)) AS types
FROM loans;
SELECT fairness_tables_equal(fairness_positive('2', repaid + 1, approved, sex), fairness(repaid, approved, sex)) AS number_is_positive FROM loans;
SELECT fairness_tables_equal(fairness_positive('false', NOT approved, NOT approved, 'all'), fairness(approved, approved, 'all')) AS false_is_positive
FROM loans;

-- groups
SELECT group_name, n, n_positive, n_negative, round(selection_rate::numeric, 4) AS selection_rate, round(selection_rate_low::numeric, 4) AS low,
       round(selection_rate_high::numeric, 4) AS high, round(base_rate::numeric, 4) AS base_rate, round(accuracy::numeric, 4) AS accuracy,
       round(tpr::numeric, 4) AS tpr, round(fpr::numeric, 4) AS fpr, round(tnr::numeric, 4) AS tnr, round(fnr::numeric, 4) AS fnr,
       round(ppv::numeric, 4) AS ppv, round(npv::numeric, 4) AS npv, status
FROM fairness_groups((SELECT fairness(repaid, approved, sex) FROM loans), min_group_size => 10);
SELECT group_name, n FROM fairness_groups((SELECT fairness(repaid, approved, sex, width_bucket(age, ARRAY[25, 40, 60])) FROM loans));
SELECT sex, round((count(*) FILTER (WHERE approved))::numeric / count(approved), 4) AS selection_rate FROM loans GROUP BY sex ORDER BY sex;

-- every rate with its interval
SELECT rate, group_name, round(value::numeric, 4) AS value, round(low::numeric, 4) AS low, round(high::numeric, 4) AS high, n, status
FROM fairness_rates((SELECT fairness(repaid, approved, sex) FROM loans), min_group_size => 10);
SELECT rate, group_name, round(value::numeric, 4) AS value, round(low::numeric, 4) AS low, n, status
FROM fairness_rates((SELECT fairness(repaid, approved, sex) FROM loans), '{positive_predictive_value,accuracy}', 10, 0.9, 'suppress');
SELECT count(*) FROM fairness_rates(NULL);
SELECT * FROM fairness_rates('{"columns": 1, "groups": []}', '{tpr}');
SELECT * FROM fairness_rates('{"columns": 1, "groups": []}', ARRAY[NULL]);
SELECT * FROM fairness_rates('{"columns": 1, "groups": []}', small_groups => 'shrink');

-- metrics
SELECT metric, group_name, reference_group, round(value::numeric, 4) AS value, round(low::numeric, 4) AS low, round(high::numeric, 4) AS high,
       round(p_value::numeric, 5) AS p_value, n, n_reference, threshold, verdict, status
FROM fairness_metrics((SELECT fairness(repaid, approved, sex) FROM loans));
SELECT metric, group_name, reference_group, round(value::numeric, 4) AS value, verdict, status
FROM fairness_metrics((SELECT fairness(repaid, approved, sex) FROM loans), reference => 'M',
                      metrics => '{disparate_impact,equal_opportunity_difference}', min_group_size => 1, confidence => 0.9);
-- a reference that is not there; an empty table of counts; NULL
SELECT metric, group_name, reference_group, value, n, n_reference, verdict, status
FROM fairness_metrics((SELECT fairness(repaid, approved, sex) FROM loans), reference => 'X', metrics => '{demographic_parity_ratio}');
SELECT metric, group_name, value, n, status
FROM fairness_metrics('{"columns": 1, "groups": []}', metrics => '{demographic_parity_ratio}');
SELECT count(*) FROM fairness_metrics(NULL);
SELECT count(*) FROM fairness_groups(NULL);
-- nothing predicted positive anywhere: a ratio of nothing to nothing
SELECT metric, group_name, value, status FROM fairness_metrics((SELECT fairness(repaid, false, sex) FROM loans),
                                                               metrics => '{demographic_parity_ratio,demographic_parity_difference}');
SELECT unnest(fairness_metric_names());

-- merging and taking back
CREATE TABLE parts AS SELECT age, fairness(repaid, approved, sex) AS f FROM loans GROUP BY age;
SELECT fairness_tables_equal(merge(f), (SELECT fairness(repaid, approved, sex) FROM loans)) AS merged FROM parts;
SELECT fairness_tables_equal(a.f + b.f - b.f, a.f) AS undone, fairness_tables_equal(a.f + b.f, b.f + a.f) AS commutes,
       (a.f + b.f)::text = (b.f + a.f)::text AS same_text, fairness_table_send(a.f + b.f - b.f) = fairness_table_send(a.f) AS same_bytes
FROM parts a, parts b WHERE a.age < b.age;
SELECT merge(f) IS NULL AS none FROM parts WHERE false;
SELECT group_name, n, selection_rate, status FROM parts, fairness_groups(f - (f + f)) WHERE age = 50;
SELECT fairness(repaid, approved, sex) OVER (ORDER BY age ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) IS NOT NULL AS windowed FROM loans LIMIT 1;

-- text and binary forms keep everything
SELECT fairness_tables_equal(f::text::weir.fairness_table, f) FROM parts;
SELECT '{"columns": 2, "groups": [{"group": ["b", null], "counts": [[1, 0, 0], [0, 2, 0], [0, 0, 3]]}, {"group": ["", "x\"y"], "counts": [[0, 0, 0], [0, 1, 0], [0, 0, 0]]}]}'::weir.fairness_table;

-- parallel workers give the same
CREATE TABLE many AS SELECT i % 3 AS g, i % 2 AS label, (i % 5 = 0) AS prediction FROM generate_series(1, 20000) i;
ANALYZE many;
SELECT fairness(label, prediction, g) AS serial FROM many \gset
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT fairness(label, prediction, g) FROM many;
SELECT fairness_tables_equal(fairness(label, prediction, g), :'serial') AS parallel FROM many;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;

-- errors say what to do
\set VERBOSITY default
SELECT fairness(repaid, score, sex) FROM loans;
SELECT fairness(age, approved, sex) FROM loans;
SELECT fairness(repaid, decision, sex) FROM loans;
SELECT fairness(repaid, approved, to_json(1)) FROM loans;
SELECT fairness_positive(NULL, decision, decision, sex) FROM loans;
SELECT fairness(repaid, approved, VARIADIC ARRAY[sex]) FROM loans;
SELECT fairness(1, 1, i) FROM generate_series(1, 1001) i;
SELECT n FROM (SELECT fairness(1, 1, i) + fairness(1, 1, -i) AS f FROM generate_series(1, 1000) i) q, LATERAL (SELECT count(*) AS n FROM fairness_groups(f)) g;
SELECT a.f + b.f FROM (SELECT fairness(1, 1, 1) AS f) a, (SELECT fairness(1, 1, 1, 1) AS f) b;
SELECT * FROM fairness_metrics((SELECT fairness(repaid, approved, sex) FROM loans), metrics => '{parity}');
SELECT * FROM fairness_metrics((SELECT fairness(repaid, approved, sex) FROM loans), metrics => '{NULL}');
SELECT * FROM fairness_metrics((SELECT fairness(repaid, approved, sex) FROM loans), confidence => 1);
SELECT * FROM fairness_groups((SELECT fairness(repaid, approved, sex) FROM loans), min_group_size => -1);
SELECT '{}'::weir.fairness_table;
SELECT '[1]'::weir.fairness_table;
SELECT 'nonsense'::weir.fairness_table;
SELECT '{"columns": 1, "groups": [{"group": ["a"], "counts": [[1, 0, 0], [0, 2, 0]]}]}'::weir.fairness_table;
SELECT '{"columns": 2, "groups": [{"group": ["a"], "counts": [[1, 0, 0], [0, 2, 0], [0, 0, 0]]}]}'::weir.fairness_table;
SELECT '{"columns": 1, "groups": [{"group": ["a"], "counts": [[9007199254740993, 0, 0], [0, 2, 0], [0, 0, 0]]}]}'::weir.fairness_table;
SELECT '{"columns": 1, "groups": [{"group": ["a"], "counts": [[9007199254740000, 0, 0], [0, 0, 0], [0, 0, 0]]}, {"group": ["b"], "counts": [[0, 993, 0], [0, 0, 0], [0, 0, 0]]}]}'::weir.fairness_table;
SELECT f OPERATOR(weir.+) f FROM (SELECT '{"columns": 1, "groups": [{"group": ["a"], "counts": [[5000000000000000, 0, 0], [0, 0, 0], [0, 0, 0]]}]}'::weir.fairness_table AS f) t;
DROP TABLE loans, parts, many;

-- What auditors ask beside it: empty, one group, unknown values, bad input.
\set VERBOSITY default
SELECT count(*) FROM weir.fairness_clarify(NULL);
SELECT count(*) FROM (SELECT weir.fairness(1, 1, 'only'::text) AS f) s, weir.fairness_clarify(f);
SELECT measure, value, status FROM (SELECT weir.fairness(1, 0, 'only'::text) AS f) s, weir.fairness_inequality(f);
SELECT outcome, epsilon, status FROM (SELECT weir.fairness(1, 0, 'only'::text) AS f) s, weir.fairness_differential(f);
SELECT rate, overall, n_groups, status FROM (SELECT weir.fairness(NULL::int, 1, 'only'::text) AS f) s, weir.fairness_spread(f);
SELECT group_name, n_strata, n, difference, status FROM (SELECT weir.fairness(1, i % 2, (ARRAY['a', 'b', NULL])[1 + i % 3], (i / 3 % 2)::text) AS f FROM generate_series(1, 60) i) s,
  weir.fairness_stratified(f, '{2}', reference => 'a', min_group_size => 10);
SELECT group_name, n FROM (SELECT weir.fairness(1, 1, 'x'::text, i::text) AS f FROM generate_series(1, 3) i) s, weir.fairness_groups(weir.fairness_project(f, '{1}'));
SELECT group_name, n, selection_rate, status FROM (SELECT weir.fairness(1, 1, i::text) AS f FROM generate_series(1, 2) i) s, weir.fairness_groups(f, 5, small_groups => 'suppress');
SELECT * FROM (SELECT weir.fairness(1, 1, 'x'::text) AS f) s, weir.fairness_clarify(f, 'nobody');
SELECT * FROM (SELECT weir.fairness(1, 1, 'x'::text) AS f) s, weir.fairness_stratified(f, '{2}');
SELECT weir.fairness_project(f, '{1,1}') FROM (SELECT weir.fairness(1, 1, 'x'::text) AS f) s;
SELECT * FROM (SELECT weir.fairness(1, 1, 'x'::text) AS f) s, weir.fairness_groups(f, small_groups => 'hide');
SELECT * FROM (SELECT weir.fairness(1, 1, 'x'::text) AS f) s, weir.fairness_differential(f, 0);
