-- Options of scores, scores as aggregates, tests of binary columns, adjusted p-values; what is undefined, and what is refused.
SET search_path = public, weir;
CREATE TABLE samples AS SELECT i, ARRAY[(i * 7919 % 1000) / 10.0, (i * 7907 % 1000) / 9.0 + 10]::float8[] AS x FROM generate_series(1, 400) i;
CREATE TABLE arrays AS SELECT array_agg(x[1] ORDER BY i) AS b, array_agg(x[2] ORDER BY i) AS c FROM samples;

-- bins
SELECT o AS options, round(psi(b, c, o)::numeric, 6) AS psi, round(jensen_shannon(b, c, o)::numeric, 6) AS jensen_shannon,
       round(psi(bs, cs, o)::numeric, 6) = round(psi(b, c, o)::numeric, 6) AS of_summaries
FROM arrays, (SELECT summarize(x[1]) AS bs, summarize(x[2]) AS cs FROM samples) s,
     unnest(ARRAY['{}', '{"n_bins": 4}', '{"bins": "equal_width"}', '{"bins": "equal_width", "n_bins": 5, "range": "pooled"}', '{"bins": "doane"}',
                  '{"bins": "sturges"}', '{"edges": [20, 50, 80]}', '{"bins": "grid", "n_bins": 16}']::jsonb[]) o;
-- smoothing and base
SELECT o AS options, round(psi('{1,1,2,3}'::float8[], '{1,1,2,4,5}', o)::numeric, 6) AS psi, round(kullback_leibler('{1,1,2,3}'::float8[], '{1,1,2,4,5}', o)::numeric, 6) AS kullback_leibler
FROM unnest(ARRAY['{}', '{"floor": 0.01}', '{"smoothing": "laplace"}', '{"smoothing": "laplace", "alpha": 0.5}', '{"smoothing": "none"}', '{"base": 2}', '{"base": "e"}']::jsonb[]) o;
SELECT metric, value, status, detail ->> 'reason' AS reason FROM drift('{a,b,c}'::text[], '{a,b,b}', '{psi,kl,bhattacharyya}', '{"smoothing": "none", "min_n": 1}');
SELECT metric, value, status, detail ->> 'reason' AS reason FROM drift('{a,b,c}'::text[], '{d,d}', '{bhattacharyya}', '{"min_n": 1}');
-- missing values, few categories
SELECT total_variation('{a,a,NULL,NULL}'::text[], '{a,a,a,a}'), total_variation('{a,a,NULL,NULL}'::text[], '{a,a,a,a}', '{"missing_as_category": false}');
SELECT cell ->> 'category' AS category, cell ->> 'part' AS part, cell ->> 'baseline' AS baseline, cell ->> 'current' AS current
FROM drift('{a,a,a,b,b,c,d,e}'::text[], '{a,a,b,b,b,c,f}', '{l_infinity}', '{"top_k": 2, "min_n": 1}') d, jsonb_array_elements(d.detail -> 'categories') cell;
-- thresholds, significance, least number of rows
SELECT metric, round(value::numeric, 4) AS value, threshold, detail -> 'warning_threshold' AS warning, verdict, status
FROM arrays, drift(b, c, '{psi,ks,js}', '{"thresholds": {"psi": 0.01, "ks": [0.01, 0.9]}}');
SELECT verdict, status FROM arrays, drift(b, c, '{psi}', '{"significance": 0}') UNION ALL SELECT verdict, status FROM arrays, drift(b, c, '{psi}', '{"min_n": 401}');
-- exact and asymptotic
SELECT metric, detail ->> 'test' AS test, round(p_value::numeric, 6) AS p_value
FROM unnest('{auto,exact,asymptotic}'::text[]) t, drift('{1,2,3,4,5,6,7}'::float8[], '{3.5,5.5,6.5,8,9,10}', '{ks,cvm,mann_whitney}', jsonb_build_object('test', t));

-- a binary column
SELECT metric, round(value::numeric, 6) AS value, round(p_value::numeric, 6) AS p_value, round((detail ->> 'statistic')::numeric, 6) AS statistic, verdict
FROM drift(array_fill('no'::text, '{30}') || array_fill('yes'::text, '{10}'), array_fill('no'::text, '{20}') || array_fill('yes'::text, '{20}'), '{fisher,z}');
SELECT count(*) FILTER (WHERE metric = 'two_proportion_z') AS shown_for_two_values FROM drift('{0,0,1}'::float8[], '{1,1,0}');
SELECT metric, value, status, detail ->> 'reason' AS reason FROM drift('{a,b,c}'::text[], '{a,b,c}', '{fisher_exact}');

-- aggregates: the same as of summaries, in parallel too
SELECT round(psi(v, current)::numeric, 6) AS psi, round(kuiper(v, current)::numeric, 6) AS kuiper, round(welch_t(v, current)::numeric, 6) AS welch_t,
       cramers_v(v, current) AS not_for_numbers, round(cramers_v((v > 50)::text, current)::numeric, 6) AS cramers_v
FROM (SELECT x[n] AS v, n = 2 AS current FROM samples, generate_series(1, 2) n) s;
SELECT round(psi(bs, cs)::numeric, 6) AS psi, round(kuiper(bs, cs)::numeric, 6) AS kuiper, round(welch_t(bs, cs)::numeric, 6) AS welch_t
FROM (SELECT summarize(x[1]) AS bs, summarize(x[2]) AS cs FROM samples) s;
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE TABLE long AS SELECT x[n] AS v, n = 2 AS current FROM samples, generate_series(1, 2) n;
SELECT round(psi(v, current)::numeric, 6) AS psi, round(kuiper(v, current)::numeric, 6) AS kuiper FROM long;
RESET max_parallel_workers_per_gather; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
SELECT psi(v, NULL::boolean) IS NULL AS neither, psi(v, true) IS NULL AS no_baseline FROM long;
SELECT psi(v, current) IS NULL AS no_rows FROM long WHERE false;

-- undefined, not NaN
SELECT metric, value, p_value, status, detail ->> 'reason' AS reason FROM drift('{5,5,5,5,5}'::float8[], '{5,5,5}')
WHERE status = 'undefined' OR value IS NULL OR metric IN ('cramer_von_mises', 'mann_whitney');
SELECT metric, value, status, detail ->> 'reason' AS reason FROM drift('{1}'::float8[], '{2}', '{ad,cvm,welch,es,mean,median,spread,mann_whitney}');
SELECT metric, status, detail ->> 'reason' AS reason FROM drift('{1,2,3,-Infinity}'::float8[], '{2,3,4,NaN,Infinity}') WHERE value IS NULL;
SELECT metric, value FROM drift('{1e308,-1e308,1e308}'::float8[], '{-1e308,1e308,5}') WHERE value IS NULL OR value = 'NaN' OR value = 'Infinity';
-- nor infinite: scores and thresholds
SELECT count(*), count(*) FILTER (WHERE 'Infinity' IN (value, threshold, error_bound)) AS infinite, count(*) FILTER (WHERE status = 'undefined') AS undefined
FROM (VALUES ('{1e-90,2e-90,3e-90}'::float8[], '{1e300,2e300,-3e300}'::float8[]), ('{1e300,2e300,-3e300}', '{1,2,3}')) v (b, c), drift(b, c);
SELECT metric, round(value::numeric, 4) AS value, detail -> 'degrees_of_freedom' AS freedom FROM drift('{1e-90,2e-90,3e-90}'::float8[], '{2e-90,3e-90,4e-90}', '{welch_t}');
SELECT count(*) FROM drift('{}'::float8[], '{1}') WHERE value IS NOT NULL OR status <> 'insufficient';
-- durations
SELECT metric, round(value::numeric, 3) AS value, round((detail ->> 'baseline')::numeric, 3) AS baseline
FROM (SELECT summarize(x[1] * interval '1 s') AS bs, summarize(x[2] * interval '1 s') AS cs FROM samples) s, drift(bs, cs, '{mean,median,spread,welch,energy}');

-- adjusted p-values
SELECT m AS method, adjust_p_values('{0.01, 0.04, NULL, 0.03, 0.005}', m) FROM unnest('{none,bonferroni,holm,bh,BY}'::text[]) m;
SELECT g, p, adjusted_p_value(p, 'bonferroni') OVER (PARTITION BY g) AS adjusted FROM (VALUES (1, 0.01), (1, 0.02), (2, 0.03), (2, NULL)) v (g, p) ORDER BY g, p;
SELECT adjust_p_values('{}');

-- errors say what to do
SELECT psi('{1}'::float8[], '{1}', '{"bin": 3}');
SELECT psi('{1}'::float8[], '{1}', '{"bins": "many"}');
SELECT psi('{1}'::float8[], '{1}', '{"edges": [3, 2]}');
SELECT psi('{1}'::float8[], '{1}', '{"bins": "edges"}');
SELECT psi('{1}'::float8[], '{1}', '[]');
SELECT psi('{1}'::float8[], '{1}', '{"thresholds": {"nothing": 1}}');
SELECT psi('{1}'::float8[], '{1}', '{"thresholds": {"psi": [2, 1]}}');
SELECT adjust_p_values('{0.5}', 'many');
SELECT adjust_p_values('{1.5}');
SELECT psi(ARRAY[1], true);
DROP TABLE samples, arrays, long;
