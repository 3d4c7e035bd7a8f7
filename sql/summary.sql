-- weir.summary: type, aggregates, accessors
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET extra_float_digits = 0;
SET search_path = public, weir; -- the operators + and - are weir's

-- every type that can be summarized, and what comes out
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN percentage AS numeric CHECK (VALUE BETWEEN 0 AND 100);
CREATE DOMAIN colour AS text;
CREATE TABLE every_type AS
SELECT g AS id, g::smallint AS i2, g AS i4, g::bigint AS i8, g::real AS f4, g::float8 AS f8, g::numeric(10,2) AS n, g::percentage AS d,
       g % 2 = 0 AS b, g * interval '90 s' AS iv, date '2026-01-01' + g AS dt, timestamp '2026-01-01' + g * interval '1 h' AS ts,
       timestamptz '2026-01-01 00:00+00' + g * interval '1 h' AS tz, time '00:00' + g * interval '1 min' AS tm,
       'v' || g % 3 AS t, ('v' || g % 3)::varchar(5) AS vc, ('v' || g % 3)::char(5) AS c, ('v' || g % 3)::name AS nm, ('v' || g % 3)::colour AS dc,
       (ARRAY['sad', 'ok', 'happy'])[1 + g % 3]::mood AS e, ('00000000-0000-0000-0000-00000000000' || g % 3)::uuid AS u,
       ('10.0.0.' || g % 3)::inet AS ip
FROM generate_series(1, 100) g;

CREATE FUNCTION describe(column_name text, variant text DEFAULT '') RETURNS TABLE (kind text, unit text, n bigint, nulls bigint, distinct_count bigint, mean numeric,
       median numeric, top text)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$
        SELECT weir.kind(s), weir.unit(s), weir.value_count(s), weir.null_count(s), weir.distinct_count(s), round(weir.mean(s)::numeric, 3),
               CASE WHEN weir.kind(s) = 'numeric' THEN round(weir.quantile(s, 0.5)::numeric, 3) END, (SELECT string_agg(value || '=' || count, ' ') FROM weir.top(s, 2))
        FROM (SELECT weir.summarize%s(%I) AS s FROM every_type) x$q$, variant, column_name);
END $$;
SELECT c, d.* FROM unnest('{i2,i4,i8,f4,f8,n,d,b,iv,dt,ts,tz,tm,t,vc,c,nm,dc,e,u,ip}'::text[]) c, describe(c) d;
SELECT c, d.* FROM unnest('{i2,f4,n,d,b,iv,dt,ts,tz,tm,t,c}'::text[]) c, describe(c, '_category') d;
SELECT c, d.* FROM unnest('{b,i4}'::text[]) c, describe(c, '_numeric') d;

-- category texts do not depend on settings, and equal values have equal texts
SET datestyle = 'German';
SET timezone = 'Asia/Tokyo';
SET intervalstyle = 'iso_8601';
SELECT t.* FROM (SELECT weir.summarize_category(tz) s FROM every_type WHERE id = 1) x, weir.top(s, 1) t
UNION ALL SELECT t.* FROM (SELECT weir.summarize_category(dt) s FROM every_type WHERE id = 1) x, weir.top(s, 1) t
UNION ALL SELECT t.* FROM (SELECT weir.summarize_category(iv) s FROM every_type WHERE id = 1) x, weir.top(s, 1) t
UNION ALL SELECT t.* FROM (SELECT weir.summarize_category(v) s FROM (VALUES (1.0), (1.00), (1), (0.1e1)) x(v)) y, weir.top(s, 2) t
UNION ALL SELECT t.* FROM (SELECT weir.summarize_category(v) s FROM (VALUES (float8 '0'), ('-0'), ('0.1'), ('NaN'), ('-Infinity')) x(v)) y, weir.top(s, 9) t
UNION ALL SELECT t.* FROM (SELECT weir.summarize_category(v) s FROM (VALUES (date 'infinity'), ('0044-03-15 BC')) x(v)) y, weir.top(s, 9) t
UNION ALL SELECT t.* FROM (SELECT weir.summarize_category(v) s FROM (VALUES (timestamp '2026-01-02 03:04:05.678')) x(v)) y, weir.top(s, 9) t;
RESET datestyle;
RESET timezone;
RESET intervalstyle;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

-- types that cannot
SELECT weir.summarize('{}'::json);
SELECT weir.summarize('{a,b}'::text[]);
SELECT weir.summarize(ROW(1, 2));
SELECT weir.summarize('\x00'::bytea);
SELECT weir.summarize('pg_class'::regclass);
SELECT weir.summarize_category('{}'::jsonb);
SELECT weir.summarize_numeric('a'::text);
SELECT weir.stats('a'::text);
SELECT weir.quantile('a'::text, 0.5);

-- NULL, NaN, infinities, nothing
SELECT (weir.stats(x)).* FROM (VALUES (1.0::float8), (NULL), ('NaN'), ('Infinity'), ('-Infinity'), (3)) v(x);
SELECT weir.null_share(s), weir.value_count(s), weir.null_count(s), weir.distinct_count(s), weir.min_value(s), weir.max_value(s), weir.quantile(s, ARRAY[0, 0.25, 0.5, 1])
FROM (SELECT weir.summarize(x) s FROM (VALUES (1.0::float8), (NULL), ('NaN'), ('Infinity'), ('-Infinity'), (3)) v(x)) y;
SELECT (weir.stats(x)).* FROM (VALUES (NULL::float8), (NULL)) v(x);
SELECT weir.summarize(x) IS NULL, weir.stats(x) IS NULL, weir.quantile(x, 0.5), weir.quantile(x, ARRAY[0.5]) FROM generate_series(1, 0) x;
SELECT weir.quantile(x, 0.5), weir.quantile(x, ARRAY[0.5, 1]) FROM (VALUES (NULL::int)) v(x);
SELECT weir.mean(NULL), weir.quantile(NULL::weir.summary, 0.5), weir.merge(NULL::weir.summary), NULL::weir.summary + NULL;
SELECT (weir.stats(x)).* FROM (VALUES (5)) v(x);
SELECT (weir.stats(x)).* FROM (VALUES (date '2026-01-01'), ('infinity')) v(x);
SELECT weir.quantile(x, ARRAY[0, 1]) FROM (VALUES (date '2026-01-01'), ('infinity'), (NULL)) v(x);
SELECT (weir.stats(x)).n, weir.min_value(weir.summarize(x)), weir.quantile(x, 1) FROM (VALUES ('NaN'::numeric), ('Infinity'), ('-Infinity'), (1e400), (-1e-400)) v(x);

-- numeric reads exactly as numeric::float8
SELECT count(*), count(*) FILTER (WHERE weir.mean(s) IS DISTINCT FROM n::float8) AS different
FROM (SELECT n, weir.summarize(n) s
      FROM (SELECT sign * m * ('1e' || e)::numeric AS n FROM unnest('{0,1,7,10,123,9999,10000,99999999,123456789,9007199254740991,9007199254740992}'::numeric[] ||
                      '{9007199254740993,12345678901234567890,0.1,0.5,123.456,0.00001234,1234567.89,98765432109876.54321}'::numeric[]) m,
                   generate_series(-40, 40) e, unnest('{1,-1}'::int[]) sign
            UNION SELECT round((g * 7919 % 100003)::numeric / 100, 2) FROM generate_series(1, 2000) g
            UNION SELECT ('0.' || repeat('0', g) || '123456789')::numeric FROM generate_series(1, 320, 11) g
            UNION SELECT ('9' || repeat('7', g))::numeric FROM generate_series(1, 308, 7) g) v
      GROUP BY n) x;

-- stats of numbers, against the server's own
SELECT (s).n = count, (s).sum = x.sum, (s).mean = avg, abs((s).stddev - x.stddev) < 1e-12, (s).min = x.min, (s).max = x.max
FROM (SELECT weir.stats(f8) AS s, count(f8), sum(f8), avg(f8), stddev(f8), min(f8), max(f8) FROM every_type) x;
SELECT (weir.stats(iv)).mean = extract(epoch FROM avg(iv)), (weir.stats(tz)).max = extract(epoch FROM max(tz)), (weir.stats(dt)).min = extract(epoch FROM min(dt)),
       (weir.stats(tz)).mean = avg(extract(epoch FROM tz)), (weir.stats(tz)).sum = sum(extract(epoch FROM tz)),
       round(((weir.stats(iv)).stddev - stddev(extract(epoch FROM iv)))::numeric, 9), round((weir.sample_variance(weir.summarize(iv)) -
       variance(extract(epoch FROM iv)))::numeric, 6) FROM every_type;
-- variance does not cancel: the spread of 1e15 + {0,1,2}
SELECT weir.sample_variance(weir.summarize(x)) FROM (VALUES (1e15::float8), (1e15 + 1), (1e15 + 2)) v(x);
-- sums do not depend on the order: the server's do
SELECT weir.value_sum(weir.summarize(x ORDER BY o)), weir.value_sum(weir.summarize(x ORDER BY -o)) FROM (VALUES (1, 1e300::float8), (2, 1), (3, -1e300)) v(o, x);

-- quantiles: overloads keep the type, and agree with percentile_disc
SELECT weir.quantile(iv, 0.9) = percentile_disc(0.9) WITHIN GROUP (ORDER BY iv), weir.quantile(dt, 0.9) = percentile_disc(0.9) WITHIN GROUP (ORDER BY dt),
       weir.quantile(ts, 0.9) = percentile_disc(0.9) WITHIN GROUP (ORDER BY ts), weir.quantile(tz, 0.9) = percentile_disc(0.9) WITHIN GROUP (ORDER BY tz),
       weir.quantile(i4, 0.9) = percentile_disc(0.9) WITHIN GROUP (ORDER BY i4), weir.quantile(n, 0.9) = percentile_disc(0.9) WITHIN GROUP (ORDER BY n) FROM every_type;
SELECT weir.quantile(iv, ARRAY[0.1, NULL, 0.5]), weir.quantile(dt, '{0.1,0.5}'::float8[]), weir.quantile(ts, ARRAY[0.5]), weir.quantile(tz, ARRAY[0.5]),
       weir.quantile(i4, ARRAY[0.1, 0.5, 0.99]) FROM every_type;
SELECT weir.quantile(tm, 0.5), weir.quantile(b, 0.4), weir.quantile(b, 0.6), weir.quantile(i4, NULL), weir.quantile(i4, NULL::float8[]),
       weir.quantile(i4, '{}'::float8[]) FROM every_type;
SELECT weir.quantile(i4, 1.5) FROM every_type;
SELECT weir.quantile(i4, 'NaN'::float8) FROM every_type;
SELECT weir.quantile(i4, ARRAY[0.5, -1]) FROM every_type;
SELECT weir.quantile(i4, id / 1000.0) FROM every_type;
SELECT weir.quantile(i4, ARRAY[id / 1000.0]) FROM every_type;
SELECT weir.quantile(weir.summarize(i4), 2) FROM every_type;
SELECT weir.quantile(weir.summarize(t), 0.5) FROM every_type;
SELECT weir.cdf(weir.summarize(t), 0.5) FROM every_type;
SELECT weir.histogram(weir.summarize(t), 5) FROM every_type;

-- cdf, in the unit that is shown
SELECT weir.cdf(weir.summarize(i4), 50), weir.cdf(weir.summarize(iv), 4500), weir.cdf(weir.summarize(tz), extract(epoch FROM timestamptz '2026-01-03 02:00+00')),
       weir.cdf(weir.summarize(i4), 'NaN'), weir.cdf(weir.summarize(i4), -1), weir.cdf(weir.summarize(i4), 'Infinity') FROM every_type;

-- level, error bound, budgets
CREATE TABLE numbers AS SELECT g AS id, g % 7 AS part, (hashint4(g)::float8 / 2147483648) AS x, ('c' || abs(hashint4(g)) % 5000) AS c FROM generate_series(1, 100000) g;
ANALYZE numbers;
SELECT weir.summary_budget(s), weir.summary_level(s) > 0, weir.error_bound(s) BETWEEN 0.0001 AND 0.02, abs(weir.quantile(s, 0.5)) < 0.05,
       abs(weir.distinct_count(s) / (SELECT count(DISTINCT x)::float8 FROM numbers) - 1) < 4 * weir.distinct_error(s), weir.distinct_error(s),
       weir.min_value(s) = (SELECT min(x) FROM numbers), weir.max_value(s) = (SELECT max(x) FROM numbers)
FROM (SELECT weir.summarize(x) s FROM numbers) y;
SELECT weir.summary_budget(s), weir.error_bound(s) < 0.001 FROM (SELECT weir.summarize(x, 65536) s FROM numbers) y;
SELECT weir.summary_budget(s), weir.error_bound(s) > 0.01 FROM (SELECT weir.summarize(x, 16) s FROM numbers) y;
SELECT weir.summary_budget(weir.summarize(x, NULL)) FROM numbers WHERE id < 10;
SELECT weir.summary_budget(weir.summarize(x, 100) + weir.summarize(x, 50)) FROM numbers WHERE id < 1000;
SELECT weir.summarize(x, 15) FROM numbers;
SELECT weir.summarize(x, 65537) FROM numbers;

-- histogram and top
SELECT * FROM weir.histogram((SELECT weir.summarize(i4) FROM every_type), 5);
SELECT * FROM weir.histogram((SELECT weir.summarize(iv) FROM every_type), 3);
SELECT * FROM weir.histogram((SELECT weir.summarize(x) FROM (VALUES (1.5), (1.5)) v(x)), 10);
SELECT count(*) FROM weir.histogram((SELECT weir.summarize(x) FROM (VALUES (NULL::int)) v(x)), 10);
SELECT * FROM weir.histogram((SELECT weir.summarize(x) FROM (VALUES (float8 '-1.7e308'), ('1.7e308'), ('Infinity'), ('-Infinity'), ('NaN')) v(x)), 2);
SELECT sum(count), max(share) < 0.11, count(*) FROM weir.histogram((SELECT weir.summarize(x) FROM numbers), 10);
SELECT * FROM weir.histogram((SELECT weir.summarize(i4) FROM every_type), 0);
SELECT * FROM weir.top((SELECT weir.summarize(t) FROM every_type), 2);
SELECT * FROM weir.top((SELECT weir.summarize(i4 % 3) FROM every_type), 2);
SELECT count(*) FROM weir.top((SELECT weir.summarize(x) FROM numbers), 2);
SELECT count(*) FROM weir.top((SELECT weir.summarize(t) FROM every_type), 0);
SELECT * FROM weir.top((SELECT weir.summarize(t) FROM every_type), -1);
SELECT octet_length(value), left(value, 3), count FROM weir.top((SELECT weir.summarize(repeat('é', 100 * g)) FROM generate_series(1, 3) g), 3);

-- many categories: a sample, with exact counts, and an estimate of how many there are
SELECT weir.error_bound(s) BETWEEN 0.7 AND 0.9, weir.distinct_count(s) BETWEEN 4500 AND 5500, (SELECT count(*) FROM weir.top(s, 5000)),
       (SELECT bool_and(t.count = (SELECT count(*) FROM numbers WHERE c = t.value)) FROM weir.top(s, 20) t)
FROM (SELECT weir.summarize(c) s FROM numbers) y;

-- frequent ones among those that are not kept are found in the sketch, with their error
CREATE TABLE skewed AS SELECT CASE WHEN g % 10 = 0 THEN 'often ' || g % 7 ELSE 'rare ' || g || ' ' || repeat('x', g % 30) END AS c FROM generate_series(1, 70000) g;
SELECT t.value, abs(t.count - 1000) <= t.count_error, t.count_error < 200 FROM (SELECT weir.summarize(c) s FROM skewed) y, weir.top(s, 7) t ORDER BY 1;
SELECT v, abs(f.count - 1000) <= f.count - f.low, f.low <= 1000 AND f.high >= 1000, round(f.share::numeric, 2)
FROM (SELECT weir.summarize(c) s FROM skewed) y, unnest('{often 0,often 3}'::text[]) v, weir.frequency(s, v) f;
SELECT abs(weir.distinct_count(s) / 63007.0 - 1) < 4 * weir.distinct_error(s), round(weir.distinct_error(s)::numeric, 2), weir.distinct_stale(s)
FROM (SELECT weir.summarize(c) s FROM skewed) y;
SELECT t.value, t.count_error < 500 FROM (SELECT weir.summarize(v) s FROM (SELECT CASE WHEN g % 3 = 0 THEN repeat('é', 40) ELSE g::text END v
       FROM generate_series(1, 9000) g) z) y, weir.top(s, 1) t;
-- taken back they are gone
SELECT count(*) FROM (SELECT weir.summarize(c) s FROM skewed) a, (SELECT weir.summarize(c) s FROM skewed WHERE c LIKE 'often%') b, weir.top(a.s - b.s, 20) t
WHERE t.value LIKE 'often%';
SELECT weir.summaries_equal(a.s - b.s, c.s), weir.is_inexact(a.s - b.s) FROM (SELECT weir.summarize(c) s FROM skewed) a,
       (SELECT weir.summarize(c) s FROM skewed WHERE c LIKE 'often%') b, (SELECT weir.summarize(c) s FROM skewed WHERE c NOT LIKE 'often%') c;
DROP TABLE skewed;
SELECT weir.frequency(weir.summarize(t), 'v1'), weir.frequency(weir.summarize(t), 'v9'), weir.frequency(weir.summarize(i4), '7'), weir.frequency(weir.summarize(iv), '90'),
       weir.frequency(weir.summarize(i4), 'NaN'), weir.distinct_count(weir.summarize(i4)), weir.distinct_error(weir.summarize(i4)) FROM every_type;
SELECT weir.frequency(weir.summarize(x), '0.5') FROM numbers;
SELECT weir.frequency(weir.summarize(i4), 'seven') FROM every_type;
SELECT weir.distinct_count(a.x - b.x) <= weir.distinct_count(a.x), weir.distinct_stale(a.x - b.x)
FROM (SELECT weir.summarize(x) x FROM numbers) a, (SELECT weir.summarize(x) x FROM numbers WHERE part = 2) b;

-- distinct values of raw rows, trimmed means
SELECT weir.distinct_count(i4), weir.distinct_count(t), weir.distinct_count(b), weir.distinct_count(iv), weir.distinct_count(NULL::int) FROM every_type;
SELECT weir.distinct_count(x) FROM generate_series(1, 0) x;
SELECT bool_and(d = least(id, 5)) FROM (SELECT id, weir.distinct_count(i4) OVER (ORDER BY id ROWS 4 PRECEDING) AS d FROM every_type) x;
SELECT abs(weir.distinct_count(x) / 100000.0 - 1) < 0.15, abs(weir.distinct_count(c) / 5000.0 - 1) < 0.15 FROM numbers;
SELECT weir.trimmed_mean(s), weir.trimmed_mean(s, 0, 0), weir.trimmed_mean(s, 0.25, 0), weir.trimmed_mean(s, low => 0.5, high => 0.49), weir.trimmed_mean_error(s)
FROM (SELECT weir.summarize(i4) s FROM every_type) x;
SELECT weir.trimmed_mean(weir.summarize(iv), 0.1, 0.1), weir.trimmed_mean(weir.summarize(dt), 0.5, 0.49) FROM every_type;
SELECT weir.trimmed_mean(s, 0.2, 0.2), weir.trimmed_mean(s, 0, 0.2), weir.trimmed_mean(s, 0.2, 0), weir.trimmed_mean(s, 0, 0)
FROM (SELECT weir.summarize(x) s FROM (VALUES (1.0::float8), ('NaN'), ('Infinity'), ('-Infinity'), (3), (4)) v(x)) y;
SELECT weir.trimmed_mean(weir.summarize(NULL::int));
SELECT weir.trimmed_mean(weir.summarize(i4), 0.5, 0.5) FROM every_type;
SELECT weir.trimmed_mean(weir.summarize(i4), -0.1, 0.5) FROM every_type;
SELECT weir.trimmed_mean(weir.summarize(t)) FROM every_type;
SELECT abs(weir.trimmed_mean(s, 0.2, 0.1) - truth) <= weir.trimmed_mean_error(s, 0.2, 0.1), weir.trimmed_mean_error(s, 0.2, 0.1) BETWEEN 1e-9 AND 0.01
FROM (SELECT weir.summarize(x) s FROM numbers) y, (SELECT avg(x) AS truth FROM (SELECT x, row_number() OVER (ORDER BY x) r FROM numbers) z WHERE r > 20000 AND r <= 90000) t;

-- the same rows give the same bytes: any order, any grouping, parallel or not
CREATE TABLE summaries (how text, x weir.summary, c weir.summary, q float8[]);
SET max_parallel_workers_per_gather = 0;
INSERT INTO summaries SELECT 'in order', weir.summarize(x), weir.summarize(c), weir.quantile(x, '{0.1,0.5,0.9}'::float8[]) FROM numbers;
INSERT INTO summaries SELECT 'in another order', weir.summarize(x ORDER BY x), weir.summarize(c ORDER BY c), NULL FROM numbers;
INSERT INTO summaries SELECT 'merged', weir.merge(x), weir.merge(c), NULL FROM (SELECT weir.summarize(x) x, weir.summarize(c) c FROM numbers GROUP BY part) y;
INSERT INTO summaries SELECT 'merged twice', weir.merge(x), weir.merge(c), NULL FROM (SELECT weir.merge(x) x, weir.merge(c) c
       FROM (SELECT id % 3 AS k, weir.summarize(x) x, weir.summarize(c) c FROM numbers GROUP BY id % 3, part) y GROUP BY k) z;
INSERT INTO summaries SELECT 'added', a.x + b.x, a.c + b.c, NULL FROM (SELECT weir.summarize(x) x, weir.summarize(c) c FROM numbers WHERE part < 3) a,
       (SELECT weir.summarize(x) x, weir.summarize(c) c FROM numbers WHERE part >= 3) b;
SET max_parallel_workers_per_gather = 4;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET parallel_leader_participation = off;
EXPLAIN (COSTS OFF) SELECT weir.summarize(x), weir.summarize(c), weir.quantile(x, '{0.1,0.5,0.9}'::float8[]) FROM numbers;
CREATE TABLE parallel_summaries AS SELECT weir.summarize(x) x, weir.summarize(c) c, weir.quantile(x, '{0.1,0.5,0.9}'::float8[]) q, (weir.stats(x)).* FROM numbers;
INSERT INTO summaries SELECT 'parallel', x, c, q FROM parallel_summaries;
RESET max_parallel_workers_per_gather;
RESET min_parallel_table_scan_size;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET parallel_leader_participation;
INSERT INTO summaries SELECT 'through text', x::text::weir.summary, c::text::weir.summary, NULL FROM summaries WHERE how = 'in order';
SELECT count(*), count(DISTINCT x::text), count(DISTINCT c::text), count(DISTINCT q) FROM summaries;
SELECT bool_and(weir.summaries_equal(a.x, b.x) AND weir.summaries_equal(a.c, b.c)) FROM summaries a, summaries b;

-- what is taken back leaves nothing
SELECT weir.summaries_equal(al.x - part.x, rest.x), weir.summaries_equal(al.c - part.c, rest.c), weir.is_inexact(al.x - part.x), weir.extremes_stale(al.x - part.x)
FROM (SELECT weir.summarize(x) x, weir.summarize(c) c FROM numbers) al, (SELECT weir.summarize(x) x, weir.summarize(c) c FROM numbers WHERE part = 2) part,
     (SELECT weir.summarize(x) x, weir.summarize(c) c FROM numbers WHERE part <> 2) rest;
SELECT weir.summaries_equal(a.x - b.x, rest.x), (a.x - b.x)::text = rest.x::text AS same_bytes
FROM (SELECT weir.summarize(id) x FROM every_type) a, (SELECT weir.summarize(id) x FROM every_type WHERE id > 60) b,
     (SELECT weir.summarize(id) x FROM every_type WHERE id <= 60) rest;
SELECT weir.value_count(s), weir.mean(s), weir.extremes_stale(s), weir.is_inexact(s) FROM (SELECT weir.summarize(x) - weir.summarize(x) AS s FROM numbers) y;
SELECT weir.value_count(s), weir.is_inexact(s) FROM (SELECT weir.summarize(1) - weir.summarize(2) AS s) y;
SELECT weir.min_value(a.x - b.x) >= -1 AND weir.min_value(a.x - b.x) <= (SELECT min(x) FROM numbers WHERE x > -0.5) AND weir.min_value(a.x - b.x) > -0.51,
       weir.extremes_stale(a.x - b.x)
FROM (SELECT weir.summarize(x) x FROM numbers) a, (SELECT weir.summarize(x) x FROM numbers WHERE x <= -0.5) b;
SELECT weir.summaries_equal(weir.summarize(1), weir.summarize(2)), weir.summaries_equal(weir.summarize(1), weir.summarize('1'::text));

-- kinds and units do not mix
SELECT weir.summarize(1) + weir.summarize('1'::text);
SELECT weir.summarize(1) - weir.summarize(interval '1 s');
SELECT weir.merge(s) FROM (SELECT weir.summarize(1) s UNION ALL SELECT weir.summarize(date '2026-01-01')) y;

-- windows, groups, filters, rollup
SELECT id, weir.value_sum(weir.summarize(id) OVER (ORDER BY id)), weir.value_sum(weir.summarize(id) OVER (ORDER BY id ROWS 2 PRECEDING)),
       weir.quantile(id, 0.5) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING)
FROM every_type WHERE id <= 6;
SELECT t, b, weir.value_count(weir.summarize(id)), weir.quantile(id, 0.5) FILTER (WHERE id > 10) FROM every_type GROUP BY ROLLUP (t, b) ORDER BY 1, 2;
SELECT weir.value_count(weir.summarize(DISTINCT id % 10)) FROM every_type;
SET enable_sort = off;
SELECT count(*), sum(weir.value_sum(s)) FROM (SELECT id % 5000 AS k, weir.summarize(id) s FROM numbers GROUP BY 1) y;
RESET enable_sort;

-- text input
SELECT 'AQCACAAAAA=='::weir.summary;
SELECT weir.value_count(s), s::text = 'AgCADAAAAA==' FROM (SELECT weir.summarize(1) - weir.summarize(1) AS s) y;
SELECT ''::weir.summary;
SELECT 'x'::weir.summary;
SELECT 'AQCA*AAA'::weir.summary;
SELECT 'AQ=ACAAA'::weir.summary;
SELECT 'AQCACAAA'::weir.summary;
SELECT 'AwCACAAAAA=='::weir.summary;
SELECT 'AQCACAAAAAA='::weir.summary;
SELECT 'AQCACA/////////////////////w=='::weir.summary;
SELECT ''::weir.quantile_state;
SELECT 'AQAAAAABAAAAAAAAAAA='::weir.quantile_state;
-- every damage to a stored summary is refused or harmless
DO $$
DECLARE
    good bytea;
    bad bytea;
    s weir.summary;
    accepted int := 0;
BEGIN
    SELECT decode(weir.summarize(x, 16)::text, 'base64') INTO good FROM numbers WHERE id < 3000;
    FOR position IN 0 .. length(good) - 1 LOOP
        FOREACH bad IN ARRAY ARRAY[set_byte(good, position, 255 - get_byte(good, position)), set_byte(good, position, 0), substr(good, 1, position)] LOOP
            BEGIN
                s := translate(encode(bad, 'base64'), E'\n', '');
                PERFORM weir.stats(s), weir.quantile(s, 0.5), weir.cdf(s, 1), s + s, s - s, weir.error_bound(s);
                accepted := accepted + 1;
            EXCEPTION
                WHEN invalid_binary_representation OR invalid_text_representation OR datatype_mismatch THEN
                    NULL;
            END;
        END LOOP;
    END LOOP;
    RAISE NOTICE 'some were accepted: %', accepted > 0;
END $$;

-- binary input and output
CREATE TABLE copied (how text, x weir.summary, c weir.summary, q float8[]);
\set path `mktemp -u`
\setenv WEIR_FILE :path
COPY summaries TO :'path' (FORMAT binary);
COPY copied FROM :'path' (FORMAT binary);
\! rm -f "$WEIR_FILE"
SELECT count(*), count(*) FILTER (WHERE copied.x::text = summaries.x::text AND copied.c::text = summaries.c::text) FROM copied JOIN summaries USING (how);
COPY (SELECT decode('01008008000001', 'hex') AS x) TO :'path' (FORMAT binary);
TRUNCATE copied;
COPY copied (x) FROM :'path' (FORMAT binary);
\! rm -f "$WEIR_FILE"
DROP TABLE copied;

-- internal functions are internal
SELECT weir.summary_combine(NULL, NULL);
SELECT count(*) FROM pg_proc WHERE pronamespace = 'weir'::regnamespace AND proname ~ '^(summari|quantile).*(transition|final|combine)$'
       AND has_function_privilege('public', oid, 'EXECUTE');

DROP TABLE every_type, numbers, summaries, parallel_summaries;
DROP FUNCTION describe;
DROP TYPE mood;
DROP DOMAIN percentage, colour;
