-- Drift of vectors: arrays of two dimensions, summaries of vectors, aggregates; what is undefined, and what is refused.
SET search_path = public, weir;
CREATE TABLE places AS
SELECT i, ARRAY[i * 7919 % 1009 / 100.0, i * 7907 % 1013 / 100.0 + i * 7919 % 1009 / 200.0, i * 31 % 97 / 10.0]::float8[] AS b,
    ARRAY[i * 7883 % 1009 / 100.0 + 2, i * 7879 % 1013 / 100.0, i * 37 % 97 / 10.0]::float8[] AS c FROM generate_series(1, 300) i;
CREATE TABLE vectors AS SELECT array_agg(b ORDER BY i) AS b, array_agg(c ORDER BY i) AS c, summarize(b) AS b_summary, summarize(c) AS c_summary FROM places;
SELECT metric, round(value::numeric, 4) AS value, round(p_value::numeric, 4) AS p_value, round(threshold::numeric, 3) AS threshold, n_baseline, n_current, is_primary, verdict,
       status, detail ->> 'test' AS test FROM vectors, drift(b, c, options => '{"permutations": 99}');
SELECT metric, round(value::numeric, 4) AS value, round(threshold::numeric, 3) AS threshold, is_primary, verdict, status, detail ->> 'test' AS test FROM vectors, drift(b_summary, c_summary);
-- which elements
SELECT metric, detail -> 'element' AS element, detail -> 'first_element' AS first, detail -> 'second_element' AS second, round((detail ->> 'baseline')::numeric, 3) AS baseline,
       round((detail ->> 'current')::numeric, 3) AS current FROM vectors, drift(b, c, '{correlation,covariance,drifted_dimensions}');
-- by name, and as aggregates: those of summaries
SELECT round(mmd(b, c)::numeric, 6) AS mmd, round(energy_distance(b, c)::numeric, 6) AS energy, round(hotelling_t_square(b, c)::numeric, 4) AS hotelling,
       round(domain_classifier_auc(b, c)::numeric, 2) AS auc FROM vectors;
SELECT round(hotelling_t_square(v, current)::numeric, 4) AS hotelling,
       round(mmd(v, current)::numeric, 6) = round(mmd((SELECT b_summary FROM vectors), (SELECT c_summary FROM vectors))::numeric, 6) AS mmd,
       energy_distance(v, current) AS not_of_summaries FROM (SELECT b AS v, false AS current FROM places UNION ALL SELECT c, true FROM places) s;
-- the same seed, the same p; few vectors are looked at when max_rows says so
SELECT a.p_value = b.p_value AS same, a.p_value = c.p_value AS other_seed, d.error_bound IS NULL AS not_all_rows
FROM vectors, drift(b[1:30], b[31:70], '{mmd}') a, drift(b[1:30], b[31:70], '{mmd}') b, drift(b[1:30], b[31:70], '{mmd}', '{"seed": 7}') c, drift(b, vectors.c, '{mmd}', '{"max_rows": 50}') d;
-- embeddings: many elements
SELECT metric, round(value::numeric, 3) AS value, verdict, status, detail ->> 'reason' AS reason
FROM (SELECT array_agg(ARRAY(SELECT sin(i * k * 0.7) + 0.4 FROM generate_series(1, 100) k)) AS b,
          array_agg(ARRAY(SELECT sin(i * k * 1.1) + CASE WHEN k > 60 THEN 1 ELSE 0.4 END FROM generate_series(1, 100) k)) AS c
      FROM generate_series(1, 60) i) s, drift(b, c, '{mmd,hotelling,cosine,drifted_dimensions,domain_classifier,pca}', '{"permutations": 99}');
-- missing, few, constant
SELECT metric, value, n_baseline, n_current, status, detail ->> 'reason' AS reason FROM drift('{{1,2},{3,NaN},{NULL,4}}'::float8[], '{{1,2},{2,3},{Infinity,4}}');
SELECT metric, value, p_value, status, detail ->> 'reason' AS reason FROM drift('{{1,1},{1,1},{1,1}}'::float8[], '{{1,1},{1,1},{1,1}}');
SELECT count(*) FROM drift('{{1,2},{3,4}}'::float8[], '{}') WHERE value IS NOT NULL OR status <> 'insufficient';
SELECT metric, value, status FROM (SELECT summarize(b) AS one FROM places WHERE i = 1) s, drift(one, one);
-- refused
SELECT * FROM drift('{{1,2},{3,4}}'::float8[], '{{1,2,3}}');
SELECT * FROM drift('{{1,2},{3,4}}'::float8[], '{1,2,3}');
SELECT * FROM vectors, drift(b_summary, (SELECT summarize(b[1:2]) FROM places));
SELECT mmd(b, c, '{"max_rows": 1}') FROM vectors;
DROP TABLE places, vectors;
-- Vectors of one length in the baseline, and of another now.
SELECT weir.mmd(v, is_current) FROM (VALUES (ARRAY[1, 2]::float8[], false), (ARRAY[1, 3], false), (ARRAY[1, 2, 3], true), (ARRAY[1, 2, 5], true)) t (v, is_current);
