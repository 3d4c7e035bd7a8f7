-- Drift of all columns of two tables or queries.
SET search_path = public, weir;
CREATE TABLE before AS SELECT i AS id, (i * 7919 % 1009) / 10.0 AS amount, (i * 37 % 503) * interval '1 minute' AS wait, (ARRAY['car', 'home', 'school'])[1 + i * 31 % 3] AS purpose,
    20 + i * 101 % 53 AS age, i % 2 = 0 AS approved, ARRAY[i, i % 7]::float8[] AS place, '{}'::jsonb AS note FROM generate_series(1, 600) i;
CREATE TABLE after AS SELECT i AS id, (i * 7907 % 1013) / 10.0 + 25 AS amount, (i * 41 % 503) * interval '1 minute' AS wait,
    (ARRAY['car', 'home', 'boat'])[1 + i * 29 % 3] AS purpose, 20 + i * 103 % 53 AS age, i % 3 = 0 AS approved, i::text AS place, 5 AS extra FROM generate_series(601, 1000) i;
SELECT column_name, kind, metric, round(value::numeric, 4) AS value, p_value < 0.001 AS significant, p_adjusted >= p_value AS adjusted, round(threshold::numeric, 4) AS threshold,
       n_baseline, n_current, verdict, status, detail -> 'new' AS new, detail -> 'vanished' AS vanished, detail ->> 'reason' AS reason
FROM compare('before', 'after', adjust => 'holm') WHERE is_primary ORDER BY column_name;
-- queries; columns, kinds and metrics chosen; options of drift
SELECT column_name, kind, metric, round(value::numeric, 4) AS value, verdict
FROM compare('SELECT * FROM before WHERE id > 100 -- not the first', '(SELECT age, amount FROM after)', columns => '{amount,age}', metrics => '{js,kuiper,chi2}',
             options => '{"kinds": {"age": "category"}, "n_bins": 5, "thresholds": {"js": 0.01}}');
-- every score that applies, the same as of summaries
SELECT count(*), bool_and(c.value = d.value OR c.value IS NULL AND d.value IS NULL) AS same
FROM compare('before', 'after', '{amount}') c JOIN drift((SELECT summarize(amount) FROM before), (SELECT summarize(amount) FROM after)) d USING (metric);
SELECT count(DISTINCT column_name), min(status), max(value) FROM compare('SELECT * FROM before WHERE false', 'before', options => '{"kinds": {"place": "ignore"}}');
SELECT n_columns, n_drifted, round(share::numeric, 3) AS share, verdict, drifted FROM drifted_columns('before', 'after', columns => '{amount,wait,purpose,age}');
SELECT * FROM drifted_columns('before', 'VALUES (1)');
-- p-values adjusted over the columns, metric by metric
SELECT bool_and(abs(p_adjusted - x.p) < 1e-15) AS adjusted
FROM compare('before', 'after', '{amount,wait,age,id}', '{ks,psi}', 'bh') c
JOIN (SELECT metric, unnest(array_agg(column_name)) AS column_name, unnest(adjust_p_values(array_agg(p_value), 'bh')) AS p FROM compare('before', 'after', '{amount,wait,age,id}', '{ks,psi}')
      GROUP BY 1) x USING (metric, column_name);
-- as the caller, with his rights and his search_path
CREATE ROLE regress_compare_reader;
GRANT USAGE ON SCHEMA weir TO regress_compare_reader;
GRANT SELECT (amount) ON before, after TO regress_compare_reader;
SET ROLE regress_compare_reader;
SELECT count(*) FROM compare('before', 'after', '{amount}', '{psi}');
SELECT verdict FROM compare('SELECT amount FROM before', 'SELECT amount FROM after', metrics => '{psi}');
RESET ROLE;
-- errors say what to do
SELECT * FROM compare('nothing', 'after');
SELECT * FROM compare('SELECT 1; SELECT 2', 'after');
SELECT * FROM compare('DELETE FROM before', 'after');
SELECT * FROM compare('SELECT 1 AS a, 2 AS a', 'after');
SELECT * FROM compare('before', 'after', '{nothing}');
SELECT * FROM compare('before', 'after', '{note}');
SELECT * FROM compare('before', 'after', metrics => '{nothing}');
SELECT * FROM compare('before', 'after', adjust => 'nothing');
SELECT * FROM compare('before', 'after', options => '{"kinds": {"purpose": "numeric"}}');
SELECT * FROM compare('before', 'after', options => '{"kinds": {"purpose": "numbers"}}');
SELECT * FROM compare('before', 'after', options => '{"kinds": {"purpose": "vector"}}');
SELECT * FROM compare('before', 'after', options => '{"n_bins": 2.5}');
SELECT count(*) FROM before;
REVOKE ALL ON before, after FROM regress_compare_reader; REVOKE ALL ON SCHEMA weir FROM regress_compare_reader; DROP ROLE regress_compare_reader;
DROP TABLE before, after;
