-- aggregates over frames that slide: the same as computed anew from the rows of each frame
SET timezone = 'UTC';
SET search_path = public, weir;
CREATE TABLE frames AS
SELECT g AS id, (g * 7919 % 1009) / 8 AS rank,
       CASE WHEN g % 41 = 0 THEN NULL WHEN g % 37 = 0 THEN 'NaN' WHEN g % 53 = 0 THEN 'Infinity' WHEN g % 59 = 0 THEN '-Infinity'
            WHEN g % 5 = 0 THEN g % 7 ELSE exp((hashint4(g)::float8 / 2147483648) * 20) * sign(hashint4(g + 1)) END AS x,
       CASE WHEN g % 13 > 0 THEN 'c' || abs(hashint4(g)) % 40 END AS c, g % 11 > 4 AS b, date '2026-01-01' + abs(hashint4(g)) % 1000 AS d,
       CASE WHEN g % 17 > 0 THEN abs(hashint4(g)) % 5000 * interval '0.01 s' END AS iv, (abs(hashint4(g)) % 100000)::numeric / 100 AS n
FROM generate_series(1, 3000) g;
ALTER TABLE frames ADD PRIMARY KEY (id);
ANALYZE frames;

-- every direct aggregate, budgets small enough for the level to rise and to fall
CREATE FUNCTION fresh_equals_sliding(aggregate text, frame text, every int DEFAULT 1) RETURNS TABLE (rows bigint, equal bigint)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$
        WITH framed AS (SELECT id, %1$s OVER w AS sliding, array_agg(id) OVER w AS ids FROM frames WINDOW w AS (ORDER BY %2$s))
        SELECT count(*), count(*) FILTER (WHERE (sliding::text) IS NOT DISTINCT FROM (fresh::text))
        FROM framed, LATERAL (SELECT %1$s AS fresh FROM frames r WHERE r.id = ANY (ids)) f WHERE id %% %3$s = 0$q$, aggregate, frame, every);
END $$;
SELECT a, f.* FROM unnest(ARRAY['summarize(x, 16)', 'summarize(x, 200)', 'summarize(c, 16)', 'summarize(c)', 'summarize(b)', 'summarize(iv)', 'summarize_numeric(b)',
       'summarize_category(n)', 'stats(x)', 'stats(iv)', 'stats(d)', 'quantile(x, 0.5)', 'quantile(iv, 0.9)', 'quantile(d, 0.1)', 'quantile(n, 0.25)',
       'quantile(d::timestamp, 0.1)', 'quantile(d::timestamptz, 0.1)', 'quantile((time ''00:00'' + iv)::time, 0.7)',
       'quantile(x, ARRAY[0, 0.1, NULL, 0.5, 1])', 'quantile(d, ARRAY[0.5, 1])', 'quantile(iv, ARRAY[0.5, 1])', 'quantile(d::timestamp, ARRAY[0.5])',
       'quantile(d::timestamptz, ARRAY[0.5])', 'quantile((time ''00:00'' + iv)::time, ARRAY[0.7])', 'quantile(x, NULL)']) a,
     fresh_equals_sliding(a, 'id ROWS BETWEEN 70 PRECEDING AND 5 FOLLOWING', 9) f;
-- every kind of frame
SELECT w, f.* FROM unnest(ARRAY['id ROWS BETWEEN 40 PRECEDING AND 20 PRECEDING', 'id ROWS BETWEEN 3 FOLLOWING AND 30 FOLLOWING', 'rank RANGE BETWEEN 5 PRECEDING AND CURRENT ROW',
       'rank GROUPS BETWEEN 2 PRECEDING AND 1 FOLLOWING', 'rank RANGE BETWEEN 3 PRECEDING AND 3 FOLLOWING EXCLUDE CURRENT ROW',
       'id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING']) w,
     unnest(ARRAY['stats(x)', 'quantile(x, 0.3)', 'summarize(x, 32)']) a, fresh_equals_sliding(a, w, 17) f;
-- more distinct values in the frame than the budget of quantile, and filters
SELECT f.* FROM fresh_equals_sliding('quantile(x, 0.7)', 'id ROWS 1900 PRECEDING', 100) f;
SELECT f.* FROM fresh_equals_sliding('quantile(x, 0.7) FILTER (WHERE x > 0)', 'id ROWS 20 PRECEDING', 7) f;
-- frames that empty and fill again, partitions
SELECT id, quantile(id, 0.5) OVER w, (stats(id) OVER w).n, value_count(summarize(id) OVER w)
FROM frames WHERE id <= 6 WINDOW w AS (PARTITION BY b ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING);
SELECT quantile(id, id / 100.0) OVER (ORDER BY id ROWS 2 PRECEDING) FROM frames WHERE id < 5;
-- merge: stored summaries of numbers, some past their budget, of categories and of vectors, NULLs among them
CREATE TABLE parts AS
SELECT p AS id, CASE WHEN p % 7 > 0 THEN summarize(x, CASE WHEN p % 5 = 0 THEN 20 ELSE 64 END) END AS x, summarize(c, 16) AS c, summarize(ARRAY[id, 1]) AS v
FROM (SELECT *, id / 20 AS p FROM frames) f GROUP BY p;
CREATE FUNCTION fresh_equals_sliding_merge(summary text, frame text) RETURNS TABLE (rows bigint, equal bigint)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$
        WITH framed AS (SELECT merge(%1$s) OVER w AS sliding, array_agg(id) OVER w AS ids FROM parts WINDOW w AS (ORDER BY id %2$s))
        SELECT count(*), count(*) FILTER (WHERE sliding::text IS NOT DISTINCT FROM (SELECT merge(%1$s)::text FROM parts WHERE id = ANY (ids))) FROM framed$q$, summary, frame);
END $$;
SELECT s, w, f.* FROM unnest(ARRAY['x', 'c', 'v']) s,
       unnest(ARRAY['ROWS 9 PRECEDING', 'ROWS BETWEEN 12 PRECEDING AND 3 PRECEDING', 'ROWS BETWEEN 2 FOLLOWING AND 8 FOLLOWING', 'RANGE BETWEEN 5 PRECEDING AND CURRENT ROW',
                    'ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING', 'GROUPS BETWEEN 5 PRECEDING AND 5 FOLLOWING EXCLUDE CURRENT ROW']) w, fresh_equals_sliding_merge(s, w) f;
SELECT value_count(merge(summarize) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW))
FROM (SELECT 1 AS id, summarize(1) UNION ALL SELECT 2, summarize('a'::text)) AS mixed;
DROP FUNCTION fresh_equals_sliding_merge;
DROP TABLE parts;
DROP FUNCTION fresh_equals_sliding;
DROP TABLE frames;
