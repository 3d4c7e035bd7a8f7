-- Fingerprints, and recorded sets of rows: created, read, verified, compared, dropped.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_weir_owner;
CREATE ROLE regress_weir_member;
CREATE ROLE regress_weir_stranger;
GRANT regress_weir_owner TO regress_weir_member;
BEGIN;
\set ON_ERROR_ROLLBACK on
CREATE SCHEMA regress_data AUTHORIZATION regress_weir_owner;
GRANT USAGE ON SCHEMA regress_data TO PUBLIC;
SET ROLE regress_weir_owner;
SET search_path = regress_data;

-- ---- fingerprint ----
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN amount AS numeric(12, 2);
CREATE TABLE t (id bigint, small smallint, flag boolean, c "char", r real, d float8, a amount, name name, word text, at timestamptz, i interval, u uuid,
    m mood, ms mood[], list int[], j jsonb, b bytea, p point, span int4range, gone int, whole regclass);
INSERT INTO t SELECT i, i % 7, i % 2 = 0, 'x', i / 3.0, CASE i WHEN 5 THEN 'NaN' WHEN 6 THEN '-infinity' ELSE i * 0.1 END, i, 'n' || i,
    CASE WHEN i % 10 > 0 THEN repeat('w' || i, (i % 50)::int) END, '2026-01-01'::timestamptz + i * interval '1 h', i * interval '1 day', md5(i::text)::uuid,
    'sad', '{glad,sad}', ARRAY[i, NULL, 3], jsonb_build_object('i', i), '\x00ff', point(i, 1), int4range(1, i::int + 2), 1, 'pg_class'
FROM generate_series(1, 3000) AS i;
UPDATE t SET word = repeat(md5('long'), 5000) WHERE id = 17;
ALTER TABLE t DROP gone;
SELECT weir.fingerprint(t) AS hash FROM t \gset
SELECT length(:'hash') AS digits, :'hash' ~ '^[0-9a-f]+$' AS hexadecimal;
SELECT weir.fingerprint(q) = :'hash' AS order_does_not_show FROM (SELECT * FROM t ORDER BY md5(id::text)) q;
-- other storage, other places of columns in the table, another type of the same values
CREATE TABLE copied AS TABLE t;
SELECT weir.fingerprint(copied) = :'hash' AS same_rows_elsewhere FROM copied;
ALTER TABLE copied ALTER word SET STORAGE PLAIN, ALTER j SET STORAGE EXTERNAL;
CREATE TABLE recopied (LIKE copied INCLUDING STORAGE);
INSERT INTO recopied SELECT * FROM copied WHERE id <> 17;
SELECT (SELECT weir.fingerprint(recopied) FROM recopied) = (SELECT weir.fingerprint(t) FROM t WHERE id <> 17) AS storage_does_not_show;
ALTER TABLE copied ADD late int DEFAULT 7;
ALTER TABLE t ADD late int;
UPDATE t SET late = 7;
SELECT (SELECT weir.fingerprint(copied) FROM copied) = (SELECT weir.fingerprint(t) FROM t) AS defaults_of_new_columns;
SELECT weir.fingerprint(q) = :'hash' AS by_hand FROM (SELECT id, small, flag, c, r, d, a, name, word, at, i, u, m, ms, list, j, b, p, span, whole FROM t) q;
SELECT (SELECT weir.fingerprint(ROW(id, word)) FROM t) = (SELECT weir.fingerprint(q) FROM (SELECT id AS other, word AS name FROM t) q) AS names_do_not_show;
-- what does show
SELECT n, weir.fingerprint(v) <> (SELECT weir.fingerprint(w) FROM (VALUES (1, 'a'), (2, NULL)) AS w) AS differs FROM (VALUES
    ('a value', 1, 'b'), ('a value', 2, NULL), ('a null', 1, 'a'), ('a null', NULL, NULL), ('an empty text', 1, 'a'), ('an empty text', 2, ''),
    ('rows mixed up', 2, 'a'), ('rows mixed up', 1, NULL), ('a row twice', 1, 'a'), ('a row twice', 2, NULL), ('a row twice', 2, NULL),
    ('a row less', 1, 'a')) AS q (n, x, y), LATERAL (SELECT x, y) AS v GROUP BY n ORDER BY n;
SELECT weir.fingerprint(q) AS of_no_rows FROM (SELECT 1 WHERE false) q;
-- Of parts: of any, of each row, of nothing.
SELECT (SELECT weir.merge_fingerprints(f) FROM (SELECT weir.fingerprint(t) AS f FROM t GROUP BY id % 7) parts) = weir.fingerprint(t) AS of_parts,
    weir.merge_fingerprints(weir.row_fingerprint(t)) = weir.fingerprint(t) AS of_rows, weir.merge_fingerprints(upper(weir.row_fingerprint(t))) = weir.fingerprint(t) AS capitals FROM t;
SELECT weir.row_fingerprint(NULL) = (SELECT weir.fingerprint(t.*) FROM (VALUES (0)) AS v (id) LEFT JOIN t USING (id)) AS of_null,
    (SELECT weir.merge_fingerprints(NULL)) = (SELECT weir.fingerprint(q) FROM (SELECT 1 WHERE false) q) AS of_nothing;
SELECT weir.merge_fingerprints(f) FROM (VALUES (repeat('f', 32)), (lpad('2', 32, '0'))) v (f);
SELECT weir.merge_fingerprints('0123456789abcdef0123456789abcde');
SELECT weir.merge_fingerprints('0123456789abcdef0123456789abcdeg');
SELECT count(DISTINCT f) AS of_rows_without_columns FROM (SELECT weir.fingerprint(q) AS f, n FROM generate_series(1, 3) n, generate_series(1, n) i, LATERAL (SELECT) q GROUP BY n) s;
SELECT (SELECT weir.fingerprint(q) FROM (VALUES (0, '0')) q) <> (SELECT weir.fingerprint(q) FROM (VALUES (NULL::int, NULL::text)) q) AS null_is_not_zero;
SELECT count(DISTINCT f) AS different FROM (SELECT weir.fingerprint(ROW(i)) AS f FROM generate_series(1, 20000) i GROUP BY i) s;
SELECT count(DISTINCT f) AS different FROM (SELECT weir.fingerprint(ROW(i, j)) AS f FROM generate_series(0, 99) i, generate_series(0, 99) j GROUP BY i, j) s;
SELECT weir.fingerprint(t.*) IS NOT NULL AS of_an_outer_join FROM (VALUES (0)) AS v (id) LEFT JOIN t USING (id);
-- over a plain scan no records are made; the result is that of records (OFFSET 0 keeps the planner from seeing through)
EXPLAIN (COSTS OFF, VERBOSE) SELECT weir.fingerprint(copied), count(*) FILTER (WHERE flag), max(id) FROM copied WHERE small > 2 HAVING count(*) > 5;
EXPLAIN (COSTS OFF, VERBOSE) SELECT weir.fingerprint(ROW(id, small)), sum(d) FROM copied;
EXPLAIN (COSTS OFF, VERBOSE) SELECT weir.fingerprint(copied), count(copied) FROM copied;
EXPLAIN (COSTS OFF, VERBOSE) SELECT flag, weir.fingerprint(copied) FROM copied GROUP BY flag;
CREATE TABLE wide AS SELECT i AS id, repeat('x', i % 200) AS before, i % 2 = 0 AS flag FROM generate_series(1, 400) i;
DO $$ BEGIN FOR i IN 1..150 LOOP EXECUTE format('ALTER TABLE wide ADD c%s %s', i, (ARRAY['int', 'text', 'smallint', 'float8[]', 'numeric'])[1 + i % 5]); END LOOP; END $$;
UPDATE wide SET c1 = id, c64 = 7, c65 = 8, c66 = repeat('y', id % 130), c128 = ARRAY[id], c150 = -1 WHERE id % 3 > 0;
CREATE TABLE kinds (a boolean, b "char", c uuid, d interval, e timetz, f macaddr, g inet, h varbit, i tsvector, j json, k char(5),
    l box, m oidvector, n name, o mood, p jsonb, ranges int8multirange);
INSERT INTO kinds SELECT i % 2 = 0, 'z', md5(i::text)::uuid, make_interval(secs => i), '12:00+02', '08:00:2b:01:02:03', '::1', B'101',
    to_tsvector('simple', 'a b ' || i), '{"a": 1}', i::text,
    box(point(i, 0), point(1, 1)), '1 2', 'n', CASE WHEN i % 3 = 0 THEN 'sad'::mood END,
    CASE WHEN i % 5 > 0 THEN jsonb_build_object('long', repeat('z', i * 40)) END, '{[1,3)}' FROM generate_series(1, 200) i;
CREATE TABLE without_dropped (LIKE t);
INSERT INTO without_dropped SELECT * FROM t;
ALTER TABLE without_dropped ADD early int;
ALTER TABLE without_dropped ADD later int DEFAULT 3;
SELECT (SELECT weir.fingerprint(t) FROM t) = (SELECT weir.fingerprint(q) FROM (SELECT * FROM t OFFSET 0) q) AS dropped,
    (SELECT weir.fingerprint(copied) FROM copied WHERE small > 2) = (SELECT weir.fingerprint(q) FROM (SELECT * FROM copied WHERE small > 2 OFFSET 0) q) AS filtered,
    (SELECT weir.fingerprint(copied) FILTER (WHERE flag) FROM copied) = (SELECT weir.fingerprint(q) FROM (SELECT * FROM copied WHERE flag OFFSET 0) q) AS with_filter,
    (SELECT weir.fingerprint(wide) FROM wide) = (SELECT weir.fingerprint(q) FROM (SELECT * FROM wide OFFSET 0) q) AS many_columns,
    (SELECT weir.fingerprint(kinds) FROM kinds) = (SELECT weir.fingerprint(q) FROM (SELECT * FROM kinds OFFSET 0) q) AS many_types,
    (SELECT weir.fingerprint(w) FROM without_dropped w) = (SELECT weir.fingerprint(q) FROM (SELECT * FROM without_dropped OFFSET 0) q) AS added,
    (SELECT weir.fingerprint(ROW(id, small, flag)) FROM copied) = (SELECT weir.fingerprint(q) FROM (SELECT id, small, flag FROM copied OFFSET 0) q) AS first_columns,
    (SELECT weir.fingerprint(ROW(flag, id)) FROM copied) = (SELECT weir.fingerprint(q) FROM (SELECT flag, id FROM copied OFFSET 0) q) AS other_columns,
    (SELECT weir.fingerprint(q) FROM (SELECT * FROM copied ORDER BY md5(id::text)) q) = (SELECT weir.fingerprint(copied) FROM copied) AS sorted,
    (SELECT weir.fingerprint(x) FROM copied x JOIN wide USING (id)) = (SELECT weir.fingerprint(q) FROM (SELECT * FROM copied WHERE id <= 400 OFFSET 0) q) AS joined;
SELECT (SELECT array_agg(f ORDER BY flag) FROM (SELECT flag, weir.fingerprint(copied) AS f FROM copied GROUP BY flag) g) =
    ARRAY[(SELECT weir.fingerprint(copied) FROM copied WHERE NOT flag), (SELECT weir.fingerprint(copied) FROM copied WHERE flag)] AS grouped,
    (SELECT weir.fingerprint(copied) FROM copied) <> (SELECT weir.fingerprint(copied) FROM copied WHERE id < 3000) AS differs,
    (SELECT weir.fingerprint(ROW(1::int, 0::int))) <> (SELECT weir.fingerprint(ROW(1::bigint))) AS columns_show;
PREPARE fingerprint AS SELECT weir.fingerprint(wide) FROM wide;
EXECUTE fingerprint \gset before_
ALTER TABLE wide DROP flag;
EXECUTE fingerprint \gset after_
SELECT :'before_fingerprint' <> :'after_fingerprint' AS plan_made_anew, :'after_fingerprint' = (SELECT weir.fingerprint(q) FROM (SELECT * FROM wide OFFSET 0) q) AS and_right;
DEALLOCATE fingerprint;
-- Partitions: columns in another order, dropped ones, partitions of partitions; of one alone, one by one, and with what else is asked for.
CREATE TABLE parts (id int, word text) PARTITION BY LIST (id);
CREATE TABLE part_1 (word text, gone int, id int);
ALTER TABLE part_1 DROP gone;
ALTER TABLE parts ATTACH PARTITION part_1 FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF parts FOR VALUES IN (2);
CREATE TABLE part_3 PARTITION OF parts FOR VALUES IN (3, 4) PARTITION BY LIST (id);
CREATE TABLE part_3_3 PARTITION OF part_3 FOR VALUES IN (3);
CREATE TABLE part_3_4 (gone int, word text, id int NOT NULL);
ALTER TABLE part_3_4 DROP gone;
ALTER TABLE part_3 ATTACH PARTITION part_3_4 FOR VALUES IN (4);
INSERT INTO parts SELECT 1 + i % 4, CASE WHEN i % 5 > 0 THEN repeat(i::text, i) END FROM generate_series(1, 50) i;
ALTER TABLE parts ADD late int DEFAULT 7;
INSERT INTO parts SELECT 1 + i % 4, i::text, i FROM generate_series(1, 50) i;
EXPLAIN (COSTS OFF, VERBOSE) SELECT weir.fingerprint(parts), max(late), count(*) FILTER (WHERE id > 2) FROM parts HAVING min(late) > 0;
EXPLAIN (COSTS OFF, VERBOSE) SELECT weir.fingerprint(parts) FROM parts WHERE id = 4;
EXPLAIN (COSTS OFF, VERBOSE) SELECT weir.fingerprint(parts), count(parts) FROM parts WHERE id < 3;
CREATE FUNCTION fingerprints_of_partitions() RETURNS TABLE (of_all boolean, of_some boolean, of_one boolean, with_others text) LANGUAGE sql AS $$
    SELECT weir.fingerprint(parts) = (SELECT weir.fingerprint(q) FROM (SELECT * FROM parts OFFSET 0) q),
        weir.fingerprint(parts) FILTER (WHERE late > 7) = (SELECT weir.fingerprint(q) FROM (SELECT * FROM parts WHERE late > 7 OFFSET 0) q),
        (SELECT weir.fingerprint(parts) FROM parts WHERE id = 4) = (SELECT weir.fingerprint(q) FROM (SELECT * FROM parts WHERE id = 4 OFFSET 0) q),
        format('%s %s %s', max(late), count(*) FILTER (WHERE id > 2), max(word) FILTER (WHERE id = 3))
    FROM parts
$$;
SELECT * FROM fingerprints_of_partitions();
SET LOCAL enable_partitionwise_aggregate = on;
EXPLAIN (COSTS OFF, VERBOSE) SELECT weir.fingerprint(parts) FROM parts WHERE id < 3;
SELECT * FROM fingerprints_of_partitions();
RESET enable_partitionwise_aggregate;
-- What inherits may have more columns, and be asked for as its parent.
CREATE TABLE inherits (more int[], also text) INHERITS (without_dropped);
INSERT INTO inherits SELECT (w).*, ARRAY[1], 'also' FROM without_dropped w;
SELECT weir.fingerprint(without_dropped) = (SELECT weir.fingerprint(q) FROM (SELECT * FROM without_dropped OFFSET 0) q) AS inherited FROM without_dropped;
SELECT weir.fingerprint(inherits::without_dropped) = (SELECT weir.fingerprint(without_dropped) FROM ONLY without_dropped) AS as_its_parent,
    weir.fingerprint(inherits::without_dropped) <> weir.fingerprint(inherits) AS with_more FROM inherits;
SELECT weir._fingerprint_of_slot(1);
SELECT weir._fingerprint_of_slot(-1) FROM copied;
SELECT weir._fingerprint_of_slot(1) OVER () FROM copied LIMIT 1;
-- in parallel
SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT weir.fingerprint(copied) FROM copied;
SELECT (SELECT weir.fingerprint(copied) FROM copied) = (SELECT weir.fingerprint(q) FROM (SELECT * FROM t OFFSET 0) q) AS parallel_does_not_show;
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF, VERBOSE) ' || query; END $$;
SELECT bool_or(plan LIKE '%Parallel Append%') AS in_parallel, bool_or(plan LIKE '%PARTIAL weir._fingerprint_of_slot(3)%') AS in_place, bool_or(plan LIKE '%*%') AS of_records
FROM plan_of('SELECT weir.fingerprint(parts) FROM parts') plan;
SELECT * FROM fingerprints_of_partitions();
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;
SELECT weir.fingerprint_transition(NULL, ROW(1));
SELECT weir.fingerprint_final('\x00');

-- ---- data versions ----
CREATE TABLE loans (id int PRIMARY KEY, decided_at timestamptz, income float8, "Odd name" text, repaid int);
INSERT INTO loans SELECT i, '2026-01-01'::timestamptz + i * interval '1 h', i % 100, CASE WHEN i % 3 = 0 THEN 'a' END, i % 2 FROM generate_series(1, 1000) i;
SELECT weir.create_data_version(NULL, 'loans');
SELECT weir.create_data_version('', 'loans');
SELECT weir.create_data_version('d', NULL);
SELECT weir.create_data_version('d', 'no_such_table');
SELECT weir.create_data_version('d', 'DELETE FROM loans');
SELECT weir.create_data_version('d', 'SELECT 1 AS a; SELECT 2');
SELECT weir.create_data_version('d', 'SELECT 1 AS a, 2 AS a');
SELECT weir.create_data_version('d', 'SELECT 1 AS split', validation => 'true');
SELECT weir.create_data_version('d', 'loans', validation => 'no_such_column > 1');
SELECT weir.create_data_version('d', 'loans', validation => 'income');
SELECT weir.create_data_version('d', 'loans', materialize => NULL);
SELECT weir.create_data_version('d', 'loans', materialize => false, retention => '1 day');
SELECT weir.create_data_version('d', 'loans', retention => '-1 day');
SET search_path = no_such_schema;
SELECT weir.create_data_version('d', 'regress_data.loans');
SET search_path = regress_data;
SELECT weir.create_data_version('loans', 'SELECT id, income, "Odd name", repaid FROM loans WHERE decided_at > ''2026-01-02'' -- recent', validation => 'id > 900',
    note => 'first') AS a \gset
SELECT weir.create_data_version('a table', 'loans') AS b \gset
SELECT weir.create_data_version('loans', 'SELECT id, income, "Odd name", repaid FROM loans WHERE decided_at > ''2026-01-02''', validation => 'id > 900',
    materialize => false) AS c \gset
SELECT weir.create_data_version('empty', 'SELECT id FROM loans WHERE false', validation => 'true') AS e \gset
SELECT weir.create_data_version('without columns', 'SELECT FROM loans') AS w \gset
SELECT name, replace(replace(relation, :'a', 'A'), :'b', 'B') ~ '^regress_data\.' AS relation, n, n_train, n_validation, status, materialized, columns, validation,
    query LIKE '%SELECT%' AS query, bytes > 0 AS bytes, owner, note, lsn IS NOT NULL AS lsn, snapshot ~ '^\d+:\d+:' AS snapshot FROM weir.data_versions
    WHERE data_version IN (:a, :b, :c, :e, :w) ORDER BY data_version;
SELECT count(DISTINCT content_hash) AS one_content FROM weir.data_versions WHERE data_version IN (:a, :c);
SELECT relation AS "table" FROM weir.data_versions WHERE data_version = :a \gset
SELECT split, count(*) FROM :table GROUP BY split ORDER BY split;
SELECT split, count(*), min((r ->> 'id')::int), max((r ->> 'id')::int) FROM (VALUES ('train'), ('validation'), (NULL)) s (split), weir.data_version_rows(:a, split) r GROUP BY split ORDER BY split;
SELECT split, count(*), min((r ->> 'id')::int), max((r ->> 'id')::int) FROM (VALUES ('train'), ('validation'), (NULL)) s (split), weir.data_version_rows(:c, split) r GROUP BY split ORDER BY split;
SELECT split, count(*) FROM (VALUES ('train'), ('validation')) s (split), weir.data_version_rows(:b, split) r GROUP BY split ORDER BY split;
SELECT weir.data_version_rows(:a) LIMIT 1;
SELECT weir.data_version_rows(:a, 'test');
SELECT weir.data_version_rows(0);
SELECT weir.data_version_rows(NULL);
-- the source goes on; names mean what they meant
RESET ROLE;
CREATE SCHEMA regress_other AUTHORIZATION regress_weir_owner;
SET ROLE regress_weir_owner;
SET search_path = regress_other;
CREATE TABLE loans (wrong int);
SELECT weir.verify_data_version(:a), weir.verify_data_version(:b), weir.verify_data_version(:c), weir.verify_data_version(:e), weir.verify_data_version(:w);
SELECT count(*) FROM weir.data_version_rows(:c, 'validation');
SELECT aspect, column_name, value_a, value_b, metric, round(value::numeric, 6) AS value, verdict, status FROM weir.compare_data_versions(:a, :c);
SET search_path = regress_data;
DROP TABLE regress_other.loans;
UPDATE loans SET income = income + 100 WHERE id > 500;
SELECT weir.verify_data_version(:a), weir.verify_data_version(:c);
SELECT status, checked_at IS NOT NULL AS checked FROM weir.data_versions WHERE data_version IN (:a, :c) ORDER BY data_version;
ALTER TABLE loans ALTER repaid TYPE bigint, ADD late text;
SELECT weir.create_data_version('loans', 'loans') AS d \gset
SELECT aspect, column_name, CASE WHEN aspect <> 'content' THEN value_a END AS value_a, CASE WHEN aspect <> 'content' THEN value_b END AS value_b,
    metric, round(value::numeric, 3) AS value, verdict, status FROM weir.compare_data_versions(:a, :d);
SELECT weir.compare_data_versions(:a, 0);
-- a table that somebody writes to, drops, or replaces
UPDATE :table SET income = -1 WHERE id = 100;
SELECT weir.verify_data_version(:a);
SELECT relation AS "table" FROM weir.data_versions WHERE data_version = :b \gset
DROP TABLE :table;
SELECT weir.verify_data_version(:b);
\set VERBOSITY sqlstate
SELECT count(*) FROM weir.data_version_rows(:b);
\set VERBOSITY terse
SELECT status, relation FROM weir.data_versions WHERE data_version = :b;
CREATE VIEW :table AS SELECT * FROM loans;
SELECT weir.verify_data_version(:b);

-- ---- who may ----
SET ROLE regress_weir_stranger;
SELECT count(*) AS sees FROM weir.data_versions;
SELECT * FROM weir.data_version;
\set VERBOSITY sqlstate
SELECT count(*) FROM weir.data_version_rows(:a);
SELECT count(*) FROM weir.data_version_rows(:c);
SELECT weir.verify_data_version(:a);
SELECT weir.drop_data_version(:a);
SELECT weir.compare_data_versions(:a, :c);
SELECT weir.create_data_version('stolen', 'regress_data.loans');
RESET ROLE;
SET search_path = regress_data;
-- a superuser reads tables, and runs nobody's query
SELECT count(*) FROM weir.data_version_rows(:a);
SELECT count(*) FROM weir.data_version_rows(:c);
SET ROLE regress_weir_member;
SELECT count(*) FROM weir.data_version_rows(:a);
SELECT count(*) FROM weir.data_version_rows(:c);
\set VERBOSITY terse
SELECT weir.verify_data_version(:a);
RESET ROLE;
GRANT SELECT ON ALL TABLES IN SCHEMA regress_data TO regress_weir_stranger;
SET ROLE regress_weir_stranger;
SELECT count(*) AS may_read_the_table FROM weir.data_version_rows(:a);

-- ---- what was trained on it ----
RESET ROLE;
SET ROLE regress_weir_owner;
SELECT weir.create_model('regress lineage');
\set VERBOSITY sqlstate
SELECT weir.create_model_version('regress lineage', data_version => 0);
\set VERBOSITY terse
SELECT weir.create_model_version('regress lineage', artifact => '\x01', data_version => :a);
SELECT weir.promote_model('regress lineage', 1);
\set VERBOSITY sqlstate
SELECT weir.drop_data_version(:a);
\set VERBOSITY terse
SELECT weir.drop_data_version(:a, force => true);
SELECT weir.drop_data_version(:b), weir.drop_data_version(:c);
SELECT status, relation, n FROM weir.data_versions WHERE data_version IN (:a, :b, :c) ORDER BY data_version;
SELECT weir.verify_data_version(:a);
\set VERBOSITY sqlstate
SELECT count(*) FROM weir.data_version_rows(:a);
SELECT weir.drop_data_version(0);
ROLLBACK;
DROP ROLE regress_weir_owner, regress_weir_member, regress_weir_stranger;
-- what plans use is nothing to call: it would read columns that one may not
SELECT weir._fingerprint_of_slot(1) FROM (VALUES (1, 2), (3, 4)) t (a, b);
SELECT weir._fingerprint_of_slot(DISTINCT a) FROM (VALUES (1, 2), (3, 4)) t (a, b);
