-- summarize_table and summarize_query
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET extra_float_digits = 0;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN percentage AS numeric CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE described AS
SELECT g AS id, 9007199254740993 + g AS big, g::smallint AS i2, g::real AS f4, CASE WHEN g % 4 > 0 THEN g / 8.0::float8 END AS f8, (g / 4.0)::numeric(10,2) AS n,
       g::percentage AS d, g % 2 = 0 AS b, g * interval '90 s' AS iv, date '2026-01-01' + g AS dt, timestamp '2026-01-01' + g * interval '1 h' AS ts,
       timestamptz '2026-01-01 00:00+00' + g * interval '1 h' AS tz, time '00:00' + g * interval '1 min' AS tm, 'v' || g % 3 AS t, ('v' || g % 3)::varchar(5) AS vc,
       (ARRAY['sad', 'ok', 'happy'])[1 + g % 3]::mood AS e, ('00000000-0000-0000-0000-00000000000' || g % 3)::uuid AS u, ('10.0.0.' || g % 3)::inet AS ip,
       NULL::int AS nothing, '{}'::jsonb AS j, ARRAY[g] AS a, 'NaN'::float8 AS nan, g AS "Odd ""name"
FROM generate_series(1, 100) g;
ALTER TABLE described DROP COLUMN i2;
SELECT column_name, data_type, kind, n, null_count, null_share, distinct_count, min, max, round(mean::numeric, 3) AS mean, round(stddev::numeric, 3) AS stddev
FROM weir.summarize_table('described');
SELECT column_name, p25, p50, p75, p95, p99, top_values -> 0 AS top, jsonb_array_length(top_values) AS k, histogram, weir.value_count(summary) AS in_summary
FROM weir.summarize_table('described', columns => '{f8,b,dt,t,nothing,j,nan}');

-- the same as each column's own summary
SELECT bool_and(c.same) FROM (
    SELECT s.summary::text = weir.summarize(f8)::text AS same FROM described, weir.summarize_table('described', '{f8}') s GROUP BY s.summary::text
    UNION ALL SELECT s.summary::text = weir.summarize(iv)::text FROM described, weir.summarize_table('described', '{iv}') s GROUP BY s.summary::text
    UNION ALL SELECT s.summary::text = weir.summarize(t)::text FROM described, weir.summarize_table('described', '{t}') s GROUP BY s.summary::text
    UNION ALL SELECT s.summary::text = weir.summarize(b)::text FROM described, weir.summarize_table('described', '{b}') s GROUP BY s.summary::text) c (same);

-- texts that are stored out of line
CREATE TABLE stored_apart (t text);
ALTER TABLE stored_apart ALTER t SET STORAGE EXTERNAL;
INSERT INTO stored_apart SELECT repeat(chr(96 + g), 3000) FROM generate_series(1, 3) g;
SELECT s.n, s.distinct_count, left(s.min, 4) AS min, left(s.max, 4) AS max, s.summary::text = (SELECT weir.summarize(t)::text FROM stored_apart) AS same
FROM weir.summarize_table('stored_apart') s;
DROP TABLE stored_apart;

-- filters, columns, queries
SELECT column_name, n, min, max FROM weir.summarize_table('described', columns => '{id,t}', filter => 'id > 90 -- the last ones');
SELECT column_name, n, min, max, histogram FROM weir.summarize_table('described', columns => '{id,t,j}', filter => 'false');
SELECT column_name, data_type, n, min, max FROM weir.summarize_query('SELECT id, id AS id, t || t, count(*) OVER () FROM described WHERE id <= 7; ');
SELECT column_name, n FROM weir.summarize_query('WITH x AS (SELECT 1 AS a, 2 AS b) TABLE x -- done', columns => '{b}');
SELECT column_name, data_type, n, p50 FROM weir.summarize_query('VALUES (1, NULL::text), (2, ''a'')');
SELECT count(*) FROM weir.summarize_query('SELECT FROM described');
SELECT column_name, n, p50 FROM weir.summarize_table('described', '{"Odd \"name"}');
-- more columns than a call takes arguments
SELECT format('CREATE TABLE wide AS SELECT %s FROM generate_series(1, 10) g', string_agg(format('g + %s AS c%s', i, i), ', ' ORDER BY i)) FROM generate_series(1, 200) i \gexec
SELECT count(*), sum(n), bool_and(column_name = 'c' || o AND p50 = 5 + o AND min = (1 + o)::text AND max = (10 + o)::text)
FROM (SELECT row_number() OVER () AS o, * FROM weir.summarize_table('wide')) x;
DROP TABLE wide;
-- arrays of numbers are vectors, told by their norms, as long as all have one dimension; else they are only counted, in whichever process the others were
CREATE TABLE pointed AS
SELECT g AS id, ARRAY[3 * g, 4 * g] AS i4, ARRAY[g / 2.0, 0]::real[] AS f4, CASE WHEN g % 10 > 0 THEN ARRAY[g::numeric] END AS n, CASE WHEN g = 7 THEN '{NaN}' ELSE ARRAY[g::float8] END AS nan,
       CASE WHEN g = 900 THEN ARRAY[1] ELSE ARRAY[1, 2] END AS ragged, CASE WHEN g = 5 THEN '{}' ELSE ARRAY[1.5::float8] END AS hole, ARRAY[[1, 2], [3, 4]] AS matrix, ARRAY['a'] AS t
FROM generate_series(1, 1000) g;
SELECT column_name, data_type, kind, n, null_count, distinct_count AS d, min, max, round(mean::numeric, 3) AS mean, p50, top_values IS NULL AS no_top, histogram, summary IS NULL AS none
FROM weir.summarize_table('pointed', '{i4,f4,n,nan,ragged,hole,matrix,t}');
SELECT weir.vector_mean(summary) FROM weir.summarize_table('pointed', '{i4}');
CREATE TABLE told AS SELECT * FROM weir.summarize_table('pointed');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
ALTER TABLE pointed SET (parallel_workers = 2);
SELECT column_name FROM (SELECT column_name, kind, n, null_count, min, max, p50, histogram, summary IS NULL FROM weir.summarize_table('pointed')
                         EXCEPT SELECT column_name, kind, n, null_count, min, max, p50, histogram, summary IS NULL FROM told) x;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;
DROP TABLE pointed, told;
-- partitions and views
CREATE TABLE parted (k int, x int) PARTITION BY LIST (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2);
INSERT INTO parted SELECT 1 + g % 2, g FROM generate_series(1, 10) g;
CREATE VIEW seen AS SELECT x * 2 AS twice FROM parted;
SELECT column_name, n, min, max FROM weir.summarize_table('parted') UNION ALL SELECT column_name, n, min, max FROM weir.summarize_table('seen');
DROP TABLE parted CASCADE;

-- mistakes
SELECT * FROM weir.summarize_table('described', columns => '{nowhere}');
SELECT * FROM weir.summarize_table('described', columns => '{i2}');
SELECT * FROM weir.summarize_table('described', columns => '{t,t}');
SELECT * FROM weir.summarize_table('described', columns => '{NULL}');
SELECT * FROM weir.summarize_table(NULL);
SELECT * FROM weir.summarize_table('pg_class_oid_index');
SELECT * FROM weir.summarize_table(987654321::oid::regclass);
SELECT * FROM weir.summarize_table('described', filter => 'true) UNION ALL SELECT (NULL');
SELECT * FROM weir.summarize_table('described', filter => 'true); DROP TABLE described; SELECT (true');
SELECT * FROM weir.summarize_table('described', filter => 'true ORDER BY 1');
SELECT * FROM weir.summarize_table('described', filter => '');
SELECT * FROM weir.summarize_table('described', filter => 'sum(id) > 1');
SELECT * FROM weir.summarize_query('DELETE FROM described');
SELECT * FROM weir.summarize_query('SELECT 1; SELECT 2');
SELECT * FROM weir.summarize_query('SELECT 1) q, (SELECT 2');
SELECT * FROM weir.summarize_query('');
SELECT * FROM weir.summarize_query(NULL);
SELECT * FROM weir.summarize_query('WITH gone AS (DELETE FROM described RETURNING *) SELECT * FROM gone');
SELECT count(*) FROM described;

-- privileges are the invoker's: columns, rows, functions
CREATE ROLE regress_weir_reader;
GRANT USAGE ON SCHEMA weir TO regress_weir_reader;
GRANT SELECT (id, t) ON described TO regress_weir_reader;
SET ROLE regress_weir_reader;
SELECT * FROM weir.summarize_table('described');
SELECT column_name, n FROM weir.summarize_table('described', columns => '{id,t}');
SELECT column_name, n FROM weir.summarize_table('described', columns => '{id}', filter => 'f8 > 1');
SELECT * FROM weir.summarize_query('SELECT * FROM described');
SELECT column_name, n FROM weir.summarize_query('SELECT id FROM described');
RESET ROLE;
ALTER TABLE described ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON described FOR SELECT TO regress_weir_reader USING (id < 4);
SET ROLE regress_weir_reader;
SELECT column_name, n, max FROM weir.summarize_table('described', columns => '{id}');
RESET ROLE;
ALTER TABLE described DISABLE ROW LEVEL SECURITY;
DROP POLICY few ON described;

-- in parallel the same bytes
CREATE TABLE many AS SELECT g AS id, hashint4(g)::float8 AS x, 'c' || abs(hashint4(g)) % 3000 AS c, g % 2 = 0 AS b FROM generate_series(1, 60000) g;
CREATE FUNCTION plan_workers(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP
        IF line LIKE '%Parallel Seq Scan%' THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
END $$;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE alone AS SELECT column_name, min, max, summary FROM weir.summarize_table('many');
SET max_parallel_workers_per_gather = 4;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET parallel_leader_participation = off;
SELECT plan_workers('SELECT weir._summarize_columns(id, x, c, b) FROM many');
SELECT count(*), bool_and(a.min = p.min AND a.max = p.max AND a.summary::text = p.summary::text) FROM alone a JOIN weir.summarize_table('many') p USING (column_name);
RESET ALL;

DROP TABLE described, many, alone;
DROP FUNCTION plan_workers;
DROP OWNED BY regress_weir_reader;
DROP ROLE regress_weir_reader;
DROP TYPE mood;
DROP DOMAIN percentage;
