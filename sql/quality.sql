-- Data quality of summaries, tables and queries: every check, its edges, constraints suggested and given.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA quality_test;
SET search_path = quality_test, public;
CREATE FUNCTION checked(baseline weir.summary, current weir.summary, checks jsonb DEFAULT '{}', min_n bigint DEFAULT 30)
    RETURNS TABLE (metric text, value numeric, threshold numeric, baseline_value numeric, n bigint, verdict text, status text, detail jsonb)
    LANGUAGE sql AS $$ SELECT metric, round(value::numeric, 4), round(threshold::numeric, 4), round(baseline_value::numeric, 4), n, verdict, status,
        nullif(detail - ARRAY['low', 'high'], '{}') FROM weir.column_quality($1, $2, $3, $4) $$;

-- every check is known to the validation of constraints, and the other way round
SELECT k.metric FROM weir.quality_checks k
WHERE weir._valid_constraints(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('metric', k.metric, 'expected', k.expected::jsonb)))) IS NULL;
DO $$
DECLARE hint text;
BEGIN
    PERFORM weir._valid_constraints('[{"metric": "x"}]');
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    IF hint <> 'Checks are ' || (SELECT string_agg(metric, ', ') FROM weir.quality_checks) || '.' THEN RAISE EXCEPTION 'other checks: %', hint; END IF;
END $$;

-- numbers: NULL, NaN, infinite, outside of the range; times do not leave a range
CREATE TABLE numbers AS SELECT i, (i % 100)::float8 AS x FROM generate_series(1, 5000) i;
SELECT * FROM checked((SELECT weir.summarize(x) FROM numbers), (SELECT weir.summarize(x) FROM numbers WHERE i <= 1000));
SELECT * FROM checked((SELECT weir.summarize(x) FROM numbers),
    (SELECT weir.summarize(CASE WHEN i % 50 = 0 THEN NULL WHEN i % 51 = 0 THEN 'NaN' WHEN i % 53 = 0 THEN 'Infinity' WHEN i % 54 = 0 THEN 500 ELSE x END) FROM numbers WHERE i <= 1000));
SELECT metric, status FROM checked((SELECT weir.summarize(timestamptz '2026-01-01' + i * interval '1 s') FROM numbers), (SELECT weir.summarize(timestamptz '2027-01-01' + i * interval
    '1 s') FROM numbers));
-- bounds of the range count as inside; a range, a band and quantiles that are given; times and durations in seconds
SELECT * FROM checked(NULL, (SELECT weir.summarize(x) FROM numbers),
    '{"out_of_range_share": {"expected": {"min": 10, "max": 89}, "high": 0.2}, "outlier_share": {"expected": {"max": 49}}}') WHERE metric ~ 'range|outlier';
SELECT * FROM checked((SELECT weir.summarize(x) FROM numbers), (SELECT weir.summarize(x) FROM numbers), '{"outlier_share": {"expected": {"quantiles": [0.25, 0.75]}}}') WHERE metric =
    'outlier_share';
SELECT * FROM checked(NULL, (SELECT weir.summarize(i * interval '1 s') FROM numbers WHERE i <= 1000), '{"out_of_range_share": {"expected": {"max": 900}}}') WHERE metric = 'out_of_range_share';
SELECT * FROM checked(NULL, (SELECT weir.summarize(timestamptz '1970-01-01' + i * interval '1 s') FROM numbers WHERE i <= 1000),
    '{"out_of_range_share": {"expected": {"min": 201}, "high": 0.2}}') WHERE metric = 'out_of_range_share';

-- categories: new ones, most frequent first; a set that is given; long ones; of very many
SELECT * FROM checked((SELECT weir.summarize('c' || i % 10) FROM numbers), (SELECT weir.summarize('c' || i % 12) FROM numbers WHERE i <= 1000));
SELECT * FROM checked(NULL, (SELECT weir.summarize('c' || i % 5) FROM numbers),
    '{"unseen_share": {"expected": ["c0", "c1", "c2", "c3"], "high": 0.25, "severity": "warning", "name": "codes"}}') WHERE metric = 'unseen_share';
SELECT metric, value, verdict FROM checked(NULL, (SELECT weir.summarize(repeat('x', 300) || i % 2) FROM numbers),
    jsonb_build_object('unseen_share', jsonb_build_object('expected', jsonb_build_array(repeat('x', 300) || 0)))) WHERE metric = 'unseen_share';
SELECT metric, value, baseline_value, verdict FROM checked((SELECT weir.summarize('k' || i) FROM numbers), (SELECT weir.summarize('k' || -i) FROM numbers))
    WHERE metric IN ('unseen_share', 'duplicate_share');
SELECT round(value - 0.5, 1) AS about_half_unseen, verdict, status FROM checked((SELECT weir.summarize('k' || i % 2000) FROM numbers), (SELECT weir.summarize('k' || i % 4000)
    FROM numbers WHERE i <= 4000)) WHERE metric = 'unseen_share';

-- distinct values: as many as so many rows of the baseline have
SELECT round(baseline_value::numeric, 2) AS expected, value, verdict FROM weir.column_quality((SELECT weir.summarize(x) FROM numbers), (SELECT weir.summarize(i % 5) FROM numbers
    WHERE i <= 100)) WHERE metric = 'distinct_count';
SELECT round(baseline_value::numeric, 2) AS expected, value, verdict FROM weir.column_quality((SELECT weir.summarize(i) FROM numbers WHERE i <= 100), (SELECT weir.summarize(i)
    FROM numbers WHERE i <= 100)) WHERE metric = 'distinct_count';
SELECT metric, value, baseline_value, status, detail FROM checked((SELECT weir.summarize(i) FROM numbers), (SELECT weir.summarize(i) FROM numbers WHERE i <= 100)) WHERE metric = 'distinct_count';
-- constants, and what always was constant; keys
SELECT metric, value, verdict FROM checked((SELECT weir.summarize(x) FROM numbers), (SELECT weir.summarize(7) FROM numbers)) WHERE metric = 'constant';
SELECT metric, value, verdict FROM checked((SELECT weir.summarize(7) FROM numbers), (SELECT weir.summarize(8) FROM numbers)) WHERE metric IN ('constant', 'out_of_range_share');
SELECT metric, value, verdict FROM checked((SELECT weir.summarize(i) FROM numbers WHERE i <= 1000), (SELECT weir.summarize(greatest(i, 2)) FROM numbers WHERE i <= 500)) WHERE metric =
    'duplicate_share';
SELECT metric, value, verdict, detail FROM checked(NULL, (SELECT weir.summarize(x) FROM numbers), '{"duplicate_share": {}}') WHERE metric = 'duplicate_share';

-- edges: no rows, all NULL, few rows, no baseline, an empty baseline, vectors, no summary, kinds that differ
SELECT metric, value, n, verdict, status FROM checked((SELECT weir.summarize(x) FROM numbers), (SELECT weir.summarize(x) FROM numbers WHERE false));
SELECT metric, value, n, verdict, status FROM checked((SELECT weir.summarize(x) FROM numbers), (SELECT weir.summarize(x - NULL) FROM numbers));
SELECT metric, value, n, verdict, status FROM checked((SELECT weir.summarize(x) FROM numbers), (SELECT weir.summarize(x) FROM numbers WHERE i <= 3));
SELECT metric, value, n, verdict, status FROM checked((SELECT weir.summarize(x - NULL) FROM numbers), (SELECT weir.summarize(x) FROM numbers));
SELECT metric, value, n, verdict, status, detail FROM checked(NULL, (SELECT weir.summarize('c' || i % 3) FROM numbers));
SELECT metric, value, n, verdict, status FROM checked((SELECT weir.summarize(ARRAY[x, 1]) FROM numbers), (SELECT weir.summarize(ARRAY[x, 1]) FROM numbers));
SELECT count(*) AS of_no_summary FROM weir.column_quality(NULL, NULL);
SELECT * FROM weir.column_quality((SELECT weir.summarize(x) FROM numbers), (SELECT weir.summarize(x::text) FROM numbers));
-- one that is switched off; tolerance; both bounds
SELECT metric, value, threshold, verdict, detail FROM checked((SELECT weir.summarize(x) FROM numbers), (SELECT weir.summarize(nullif(x, 3)) FROM numbers),
    '{"nan_share": {"enabled": false}, "null_share": {"tolerance": 0.02}, "distinct_count": {"low": 100, "high": 200}}') WHERE metric IN ('nan_share', 'null_share', 'distinct_count');

-- tables and queries
CREATE TABLE loans AS SELECT i AS id, CASE WHEN i % 7 = 0 THEN NULL ELSE i % 3 END AS grade, 'x' || i % 4 AS code, (i * 7919 % 1009)::float8 AS income, '{}'::json AS document,
    timestamptz '2026-01-01' + i * interval '1 s' AS at FROM generate_series(1, 1000) i;
CREATE TABLE "Later" AS SELECT i AS id, CASE WHEN i % 3 = 0 THEN NULL ELSE i % 3 END AS grade, 'x' || i % 6 AS code, (i * 7919 % 1009)::numeric AS income,
    timestamptz '2026-02-01' + i * interval '1 s' AS at, 1 AS extra FROM generate_series(1, 100) i;
INSERT INTO "Later" SELECT * FROM "Later" WHERE id = 50;
SELECT column_name, metric, round(value::numeric, 4) AS value, round(threshold::numeric, 4) AS threshold, n, verdict, status, nullif(detail - ARRAY['low', 'high'], '{}') AS detail
FROM weir.check_quality('"Later"', baseline => 'loans') WHERE verdict IS DISTINCT FROM 'ok';
SELECT column_name, count(*), count(verdict) FROM weir.check_quality('SELECT * FROM "Later" -- a comment', columns => '{id,code}') GROUP BY 1 ORDER BY 1;
-- suggested, and kept by the table itself
SELECT s.ordinality, c.* FROM weir.summarize_table('loans') WITH ORDINALITY s, weir.suggest_constraints(s.column_name, s.summary, s.data_type) c
WHERE c.metric NOT IN ('null_share', 'nan_share', 'infinite_share') ORDER BY 1, 3;
SELECT c.column_name, c.metric, round(c.high::numeric, 4) AS high FROM weir.summarize_table('loans') s, weir.suggest_constraints(s.column_name, s.summary, s.data_type) c
    WHERE c.metric = 'null_share';
CREATE TABLE suggested AS SELECT jsonb_agg(to_jsonb(c)) AS constraints FROM weir.summarize_table('loans') s, weir.suggest_constraints(s.column_name, s.summary, s.data_type) c;
SELECT count(*) FILTER (WHERE verdict = 'ok') > 20 AS many, count(*) FILTER (WHERE verdict <> 'ok') AS violated FROM weir.check_quality('loans', (SELECT constraints FROM suggested));
SELECT column_name, metric, round(value::numeric, 4) AS value, verdict, detail FROM weir.check_quality('"Later"', (SELECT constraints FROM suggested)) WHERE verdict <> 'ok' AND detail ?
    'constraint';
SELECT count(*) AS of_nothing FROM weir.suggest_constraints('x', NULL);
-- over several columns and rows
SELECT column_name, metric, round(value::numeric, 4) AS value, round(threshold::numeric, 4) AS threshold, n, verdict, status, detail FROM weir.check_quality('"Later"',
    '[{"metric": "duplicate_share", "expected": ["id", "code"]}, {"column_name": "code", "metric": "pattern_mismatch_share", "expected": "^x[0-3]$", "high": 0.4},
      {"column_name": "id", "metric": "order_break_share", "expected": "at"}, {"column_name": "income", "metric": "order_break_share", "expected": "id"},
      {"column_name": "id", "metric": "correlation", "expected": "income", "low": -0.1}, {"metric": "row_count", "low": 1000, "name": "enough rows"},
      {"column_name": "gone", "metric": "schema_change", "expected": "text"}, {"column_name": "id", "metric": "duplicate_share", "high": 0.5}]')
WHERE detail ? 'constraint';
SELECT column_name, metric, round(value::numeric, 4) AS value, round(baseline_value::numeric, 4) AS baseline_value, verdict, status
    FROM weir.check_quality('SELECT id, -income AS income FROM loans',
    '[{"column_name": "income", "metric": "correlation", "expected": "id"}]', baseline => 'SELECT id, id + income AS income FROM loans') WHERE metric = 'correlation';
-- a key with a NULL equals no other; nothing in a query without rows
SELECT metric, value, n FROM weir.check_quality('SELECT NULL::int AS a, 1 AS b FROM generate_series(1, 3)', '[{"metric": "duplicate_share", "expected": ["a", "b"]}]') WHERE column_name = 'a, b';
SELECT * FROM weir.check_quality('SELECT 1 AS a WHERE false', '[{"column_name": "a", "metric": "correlation", "expected": "a"}, {"metric": "row_count", "low": 1}]')
    WHERE metric IN ('null_share', 'correlation', 'row_count');
-- what is not a constraint, or not there
SELECT * FROM weir.check_quality('loans', '{}');
SELECT * FROM weir.check_quality('loans', '[1]');
SELECT * FROM weir.check_quality('loans', '[{"metric": "null_share", "higher": 1}]');
SELECT * FROM weir.check_quality('loans', '[{"metric": "null_share", "high": "1"}]');
SELECT * FROM weir.check_quality('loans', '[{"metric": "null_share", "expected": 1}]');
SELECT * FROM weir.check_quality('loans', '[{"metric": "null_share"}, {"metric": "unseen_share", "expected": "x"}]');
SELECT * FROM weir.check_quality('loans', '[{"metric": "out_of_range_share", "expected": {"min": "x"}}]');
SELECT * FROM weir.check_quality('loans', '[{"metric": "pattern_mismatch_share"}]');
SELECT * FROM weir.check_quality('loans', '[{"metric": "pattern_mismatch_share", "column_name": "code", "expected": "("}]');
SELECT * FROM weir.check_quality('loans', '[{"metric": "null_share", "severity": "bad"}]');
SELECT * FROM weir.check_quality('loans', '[{"metric": "row_count", "column_name": "id", "low": 1}]');
SELECT * FROM weir.check_quality('loans', '[{"metric": "outlier_share", "column_name": "id", "expected": {"quantiles": [1, 0]}}]');
SELECT * FROM weir.check_quality('loans', '[{"column_name": "nowhere", "metric": "pattern_mismatch_share", "expected": "x"}]');
SELECT * FROM weir.check_quality('nowhere');
SELECT * FROM weir.check_quality(NULL);
-- names are quoted, the rights are the caller's
SELECT column_name, metric, value FROM weir.check_quality('SELECT 1 AS "a""b", 2 AS "x'';--"',
    '[{"column_name": "a\"b", "metric": "pattern_mismatch_share", "expected": "^''; DROP TABLE loans; --"},
    {"metric": "duplicate_share", "expected": ["x'';--"]}]') WHERE metric ~ 'pattern|duplicate';
CREATE ROLE quality_nobody;
GRANT USAGE ON SCHEMA quality_test TO quality_nobody;
SET ROLE quality_nobody;
SELECT * FROM weir.check_quality('loans');
RESET ROLE;
DROP SCHEMA quality_test CASCADE;
DROP ROLE quality_nobody;
