-- A call of every aggregate of weir over table sample: what sql/citus.sql and t/200_citus.pl compare. Table sample holds a column of each type;
-- arguments are chosen by type, and by hand where an aggregate wants certain values.
CREATE TABLE sample_rows AS
SELECT i::bigint AS id, (i % 2)::smallint AS n2, i % 2 AS n4, (i % 2)::bigint AS n8, (i * 31 % 100 / 64.0)::real AS f4, (i * 7919 % 977) / 977.0::float8 AS f8,
    i / 8.0 AS num, i * 7 % 3 = 0 AS flag, CASE WHEN i * 5 % 7 < 3 THEN 'a' ELSE 'b' END AS label, date '2026-03-01' + i / 100 AS day, time '00:00' + i * interval '11 s' AS clock,
    timestamp '2026-03-01' + i * interval '7 s' AS local, timestamptz '2026-03-01 00:00Z' + i * interval '7 s' AS at, i * interval '1 s' AS span,
    md5((i % 50)::text)::uuid AS u, to_jsonb(i) AS j,
    ARRAY[(i * 7919 % 977) / 977.0, 1 - (i * 7919 % 977) / 977.0]::float8[] AS shares, ARRAY[i * 31 % 100, i * 17 % 89, i * 13 % 71]::float8[] AS vector
FROM generate_series(1, 2000) i;

CREATE TABLE argument_of_type (type regtype PRIMARY KEY, argument text);
INSERT INTO argument_of_type VALUES ('smallint', 'n2'), ('integer', 'n4'), ('bigint', 'n8'), ('real', 'f4'), ('double precision', 'f8'), ('numeric', 'num'), ('boolean', 'flag'), ('text', 'label'),
    ('date', 'day'), ('time', 'clock'), ('timestamp', 'local'), ('timestamptz', 'at'), ('interval', 'span'), ('uuid', 'u'), ('jsonb', 'j'), ('double precision[]', 'vector'),
    ('weir.summary', 'summary'), ('weir.pair_summary', 'pairs'), ('weir.fairness_table', 'fairness'), ('weir.performance', 'performance'), ('weir.time_weighted_summary', 'weighted'),
    ('weir.counter_summary', 'counter'), ('weir.state_summary', 'states');
ALTER TABLE sample_rows ADD summary weir.summary, ADD vectors weir.summary, ADD pairs weir.pair_summary, ADD fairness weir.fairness_table, ADD performance weir.performance,
    ADD weighted weir.time_weighted_summary, ADD counter weir.counter_summary, ADD states weir.state_summary;
UPDATE sample_rows r
SET summary = s.summary, vectors = s.vectors, pairs = s.pairs, fairness = s.fairness, performance = s.performance, weighted = s.weighted, counter = s.counter, states = s.states
FROM (SELECT id, weir.summarize(f8) AS summary, weir.summarize(vector) AS vectors, weir.summarize_pairs(f8, f4::float8) AS pairs,
        weir.fairness(flag, n4 = 1, label) AS fairness, weir.binary_performance(flag, f8) AS performance,
        weir.summarize_time_weighted(f8, at) AS weighted, weir.summarize_counter(id, at) AS counter, weir.summarize_states(label, at) AS states FROM sample_rows GROUP BY id) s
WHERE s.id = r.id;

-- What is no column: arguments by name and position. Classes are named as the label's type writes them.
CREATE FUNCTION argument(name text, types regtype[], place int) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN name IN ('autocorrelation') AND place = 3 THEN '2'
        WHEN name IN ('largest_triangle', 'min_max_points') AND place = 3 THEN '20'
        WHEN name IN ('ewma', 'ewm_variance') THEN CASE place WHEN 2 THEN CASE types[2] WHEN 'float8'::regtype THEN '0.1' WHEN 'bigint'::regtype THEN 'id' END
            WHEN 3 THEN CASE types[3] WHEN 'bigint'::regtype THEN '100' ELSE 'interval ''1 hour''' END END
        WHEN name ~ '^(time_|summarize_time)' AND place = 3 THEN '''linear'''
        WHEN name = 'duration_in' AND place = 3 THEN '''a'''
        WHEN name = 'fairness_positive' AND place = 1 THEN CASE types[2] WHEN 'boolean'::regtype THEN '''true''' WHEN 'text'::regtype THEN '''b''' ELSE '''1''' END
        WHEN name = 'quantile' AND place = 2 THEN CASE types[2] WHEN 'float8'::regtype THEN '0.3' ELSE 'ARRAY[0.1, 0.9]' END
        WHEN name = 'merge_fingerprints' THEN 'md5(label)'
        WHEN name = 'summarize' AND place = 2 THEN '200'
        WHEN types[place] = 'float8[]'::regtype AND name ~ 'class|confusion' THEN 'shares'
        WHEN name = 'fit_class_calibrator' AND place = 3 THEN
            CASE types[1] WHEN 'boolean'::regtype THEN 'ARRAY[''false'', ''true'']' WHEN 'text'::regtype THEN 'ARRAY[''a'', ''b'']' ELSE 'ARRAY[''0'', ''1'']' END
        WHEN name = 'fit_class_calibrator' AND place = 4 THEN '''always'''
        WHEN name IN ('estimate_class_performance', 'expected_confusion_matrix') AND place > 2 THEN CASE place WHEN 3 THEN
            format('''{"classes": [%s], "calibrators": [null, null]}''',
                CASE types[1] WHEN 'boolean'::regtype THEN '"false", "true"' WHEN 'text'::regtype THEN '"a", "b"' ELSE '"0", "1"' END) ELSE '0.9' END
        WHEN name = 'estimate_regression_performance' AND types[place] = 'bytea'::regtype THEN CASE types[2] WHEN 'bytea'::regtype THEN ':bare_model' ELSE ':model' END
        WHEN name = 'estimate_regression_performance' AND place = 4 THEN '0.9'
        WHEN name IN ('flip_test', 'consistency') THEN CASE WHEN place = 1 THEN 'n4' WHEN types[place] = 'integer'::regtype THEN '3' END
        WHEN name = 'prequential_performance' AND types[place] <> 'float8'::regtype THEN 'label'
        WHEN name ~ '(^ndcg|precision|reciprocal_rank|_at)$' AND place = 3 THEN '10'
        WHEN name = 'detections' AND place = 2 THEN '''page_hinkley'''
        WHEN name = 'detections' AND place = 3 THEN '''{}'''
        WHEN name = 'temporal_performance' AND place = 3 OR name = 'temporal_regression' AND place = 3 THEN '0.99'
        WHEN name IN ('train', 'permutation_importance', 'partial_dependence', 'feature_attributions') THEN CASE
            WHEN types[place] = 'weir.learner'::regtype THEN ':learner' WHEN place = 1 THEN '''linear_regression''' WHEN place = 2 THEN 'vector'
            WHEN types[place] = '"any"'::regtype THEN 'f8'
            WHEN name = 'partial_dependence' THEN CASE place WHEN 3 THEN '''x1''' WHEN 4 THEN 'NULL' ELSE '5' END WHEN types[place] = 'jsonb'::regtype THEN '''{}'''
            WHEN types[place] = 'text'::regtype THEN 'NULL' ELSE '3' END
        WHEN name = 'fit_gaussian_naive_bayes' AND place = 2 THEN '''feature'''
        WHEN name = 'fit_linear_discriminant' AND place > 1 THEN CASE place WHEN 2 THEN 'vectors' ELSE 'ARRAY[''x'', ''y'', ''z'']' END
    END
$$;

-- One line for each signature: the call in schema weir_citus, where it has one, and what it stands for in weir.
CREATE VIEW aggregate_calls AS
WITH signatures AS (
    SELECT p.proname::text AS name, p.proargtypes::regtype[] AS types, a.agginitval IS NOT NULL AND n.nspname = 'weir_citus' AS is_part,
        CASE n.nspname WHEN 'weir' THEN p.oid::regprocedure::text ELSE split_part(a.agginitval, '|', 1) END AS stands_for
    FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.proname NOT LIKE '\_%' AND (n.nspname = 'weir_citus' OR (n.nspname = 'weir' AND a.aggcombinefn = 0)))
SELECT name, array_to_string(types, ', ') AS types, is_part, stands_for,
    (SELECT string_agg(coalesce(argument(name, ARRAY(SELECT unnest(types)), o::int), argument, 'f8'), ', ' ORDER BY o)
     FROM unnest(types) WITH ORDINALITY t (type, o) LEFT JOIN argument_of_type USING (type)) AS arguments
FROM signatures;

-- Numbers to nine digits, tiny ones as 0: sums of floating-point numbers depend on the order of rows.
CREATE FUNCTION rounded(text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(CASE WHEN number IS NULL THEN between ELSE to_char(CASE WHEN abs(number) > 1e-12 THEN number ELSE 0 END, '9.99999999EEEE') END, '' ORDER BY o)
    FROM (SELECT part[1] AS between, part[2]::numeric AS number, o
          FROM regexp_matches($1, '([^-0-9.]+|[-.])|(-?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:e[-+]?[0-9]{1,2})?)', 'g') WITH ORDINALITY m (part, o)) p
$$;
