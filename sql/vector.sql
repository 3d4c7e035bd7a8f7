-- summaries of vectors
SET timezone = 'UTC';
SET extra_float_digits = 0;
SET search_path = public, weir;

CREATE TABLE points AS
SELECT i AS id, timestamptz '2026-03-01 00:00+00' + i * interval '1 min' AS at,
       ARRAY[sin(i), cos(2 * i) + 0.5 * sin(i), i % 7] AS v, ARRAY[i % 2, i % 3]::real[] AS r
FROM generate_series(1, 3000) i;

-- mean and covariance are those of the elements
SELECT kind(s), unit(s), value_count(s), vector_dimension(s), vector_mean(s) = ARRAY[m1, m2, m3] AS mean,
       (SELECT bool_and(abs(c - e) < 1e-12) FROM unnest(vector_covariance(s), ARRAY[v1, c12, c13, c12, v2, c23, c13, c23, v3]) u(c, e)) AS covariance,
       array_dims(vector_covariance(s)), abs((vector_variance(s))[2] - v2) < 1e-12 AS variance
FROM (SELECT summarize(v) AS s, (stats(v[1])).mean AS m1, (stats(v[2])).mean AS m2, (stats(v[3])).mean AS m3, var_samp(v[1]) AS v1, var_samp(v[2]) AS v2,
             var_samp(v[3]) AS v3, covar_samp(v[1], v[2]) AS c12, covar_samp(v[1], v[3]) AS c13, covar_samp(v[2], v[3]) AS c23 FROM points) q;
-- norms: stats, quantiles and the like of such a summary are of them
SELECT (stats(s)).n, abs(mean(s) - m) < 1e-12 AS mean, quantile(s, 0.9) = quantile(vector_norms(s), 0.9) AS quantile, kind(vector_norms(s)), distinct_count(s),
       round(cdf(s, 3)::numeric, 4) AS cdf, (SELECT sum(count) FROM histogram(s, 4))
FROM (SELECT summarize(v) AS s, avg(sqrt(v[1]^2 + v[2]^2 + v[3]^2)) AS m FROM points) q;

-- arrays of every number, domains over them
CREATE DOMAIN coordinates AS float8[];
SELECT t, vector_mean(s) FROM (
    SELECT 'int2', summarize(x::smallint[]) FROM (VALUES ('{1,2}'), ('{3,5}')) u(x)
    UNION ALL SELECT 'int4', summarize(x::int[]) FROM (VALUES ('{1,2}'), ('{3,5}')) u(x)
    UNION ALL SELECT 'int8', summarize(x::bigint[]) FROM (VALUES ('{1,2}'), ('{3,5}')) u(x)
    UNION ALL SELECT 'numeric', summarize(x::numeric[]) FROM (VALUES ('{1,2}'), ('{3,5}')) u(x)
    UNION ALL SELECT 'real', summarize(x::real[]) FROM (VALUES ('{1,2}'), ('{3,5}')) u(x)
    UNION ALL SELECT 'float8', summarize(x::float8[]) FROM (VALUES ('{1,2}'), ('{3,5}')) u(x)
    UNION ALL SELECT 'domain', summarize(x::coordinates) FROM (VALUES ('{1,2}'), ('[4:5]={3,5}')) u(x)) q(t, s);

-- what cannot be summed is counted
SELECT value_count(s), null_count(s), vector_mean(s), vector_covariance(s) FROM (
    SELECT summarize(x::float8[]) AS s FROM (VALUES ('{1,2}'), (NULL), ('{1,NULL}'), ('{NaN,1}'), ('{1,Infinity}'), ('{1e200,1}')) u(x)) q;
SELECT value_count(s), vector_dimension(s), vector_mean(s), vector_variance(s), vector_embedding(s) IS NULL AS no_embedding, vector_distance(s, s)
FROM (SELECT summarize('{NaN,2}'::float8[]) AS s) q;
SELECT summarize(x) IS NULL AS nothing FROM (SELECT NULL::real[] WHERE false) u(x);

-- merged, taken back, stored
SELECT summaries_equal(sum_of_parts, whole) AS merged, summaries_equal(whole - odd, even) AS taken_back, whole::text::summary::text = whole::text AS text_form,
       value_count(whole - whole), vector_dimension(whole - whole)
FROM (SELECT summarize(v) AS whole, summarize(v) FILTER (WHERE id % 2 = 1) AS odd, summarize(v) FILTER (WHERE id % 2 = 0) AS even,
             (SELECT merge(s) FROM (SELECT summarize(v) AS s FROM points GROUP BY id % 7) p) AS sum_of_parts FROM points) q;
SELECT (SELECT merge(s)::text FROM (SELECT summarize(r) AS s FROM points GROUP BY id % 7) p) = (SELECT summarize(r)::text FROM points) AS same_bytes_of_real;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT summarize(v) FROM points;
CREATE TEMP TABLE in_parallel AS SELECT summarize(v) AS s FROM points;
SET max_parallel_workers_per_gather = 0;
SELECT summaries_equal(s, (SELECT summarize(v) FROM points)) AS parallel FROM in_parallel;
RESET max_parallel_workers_per_gather;
-- frames that slide: what a summary made anew says, also after what outweighs the rest has left
CREATE TABLE frames AS SELECT id, CASE WHEN id % 50 = 7 THEN NULL WHEN id % 40 = 3 THEN '{NaN,1,1}' WHEN id % 35 = 9 THEN '{1e120,1,-1e-20}' ELSE v END AS v FROM points WHERE id <= 400;
SELECT bool_and(summaries_equal(s, (SELECT summarize(v) FROM frames g WHERE g.id BETWEEN f.id - 9 AND f.id + 2))) AS equal,
       bool_and(vector_variance(s) IS NOT DISTINCT FROM (SELECT vector_variance(summarize(v)) FROM frames g WHERE g.id BETWEEN f.id - 9 AND f.id + 2)) AS same_variance
FROM (SELECT id, summarize(v) OVER (ORDER BY id ROWS BETWEEN 9 PRECEDING AND 2 FOLLOWING) AS s FROM frames) f;
SELECT summarize(CASE WHEN id < 5 THEN v ELSE v || 1.0::float8 END) OVER (ORDER BY id ROWS 1 PRECEDING) IS NULL FROM points LIMIT 10;
DROP TABLE frames;
SELECT value_count(s), vector_mean(s) FROM (SELECT summarize(r) OVER (ORDER BY id ROWS 2 PRECEDING) AS s FROM points ORDER BY id LIMIT 4) q;

-- distance: small between samples of one distribution, larger as they part
SELECT vector_distance(even, odd) < 0.02 AS same, vector_distance(even, even), round(vector_distance(even, apart)::numeric, 1) AS apart,
       vector_distance(even, far) > vector_distance(even, apart) AS far
FROM (SELECT summarize(v) FILTER (WHERE id % 2 = 1) AS odd, summarize(v) FILTER (WHERE id % 2 = 0) AS even, summarize(ARRAY[v[1] + 1, v[2], v[3]]) AS apart,
             summarize(ARRAY[v[1] + 1000, v[2], v[3]]) AS far FROM points) q;
SELECT array_length(vector_embedding(summarize(v)), 1), max(abs(e)) <= 1 AS bounded FROM points, (SELECT unnest(vector_embedding(summarize(v))) AS e FROM points) x GROUP BY x.e IS NULL;

-- more than 64 dimensions: variances alone
SELECT vector_covariance(s) IS NULL AS no_covariance, array_length(vector_variance(s), 1), (vector_variance(s))[65], (vector_mean(s))[3]
FROM (SELECT summarize(array_fill(i, ARRAY[65])) AS s FROM generate_series(1, 3) i) q;

-- errors
SELECT summarize(x::real[]) FROM (VALUES ('{1,2}'), ('{1,2,3}')) u(x);
SELECT summarize('{}'::float8[]);
SELECT summarize('{{1,2},{3,4}}'::float8[]);
SELECT summarize(array_fill(1::real, ARRAY[20000]));
SELECT summarize('{a}'::text[]);
SELECT stats('{1}'::float8[]);
SELECT summarize('{1}'::int[]) + summarize('{1,2}'::int[]);
SELECT vector_distance(summarize('{1}'::int[]), summarize('{1,2}'::int[]));
SELECT summarize('{1}'::int[]) + summarize(1);
SELECT vector_mean(summarize(1));
SELECT (overlay((summarize('{1,2}'::int[]))::text placing 'AAAA' from 9))::summary;

-- monitored where somebody says so, by name or by kind
BEGIN;
CREATE TABLE embeddings (id bigint PRIMARY KEY, at timestamptz NOT NULL, v real[], tags int[], label text);
SAVEPOINT here;
SET client_min_messages = warning;
SELECT create_monitor('bad', 'embeddings', 'at', kinds => '{"label": "vector"}');
ROLLBACK TO here;
SET client_min_messages = warning;
SELECT create_monitor('none', 'embeddings', 'at');
SELECT create_monitor('by kind', 'embeddings', 'at', kinds => '{"v": "vector"}');
SELECT create_monitor('by name', 'embeddings', 'at', columns => '{tags}');
SELECT monitor, columns FROM monitors WHERE monitor IN ('none', 'by kind', 'by name') ORDER BY monitor;
ROLLBACK;
DROP TABLE points;
DROP DOMAIN coordinates;
