-- The aggregates of weir_citus, in parts and put together, against those that they stand for: every signature. t/200_citus.pl has them on Citus itself.
SET client_min_messages = warning;
CREATE EXTENSION weir_citus;
SET search_path = weir_citus_test, public;
CREATE SCHEMA weir_citus_test;
\getenv top PG_ABS_SRCDIR
\set file :top '/t/lib/aggregate_calls.sql'
\set ECHO none
\i :file
\set ECHO all
ANALYZE sample_rows;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT weir_citus.stats(f8), weir_citus.psi(f8, flag) FROM sample_rows;

-- Many at a time; each as text, in several processes and in one.
CREATE TABLE outcomes (stands_for text, types text, part text, whole text);
DO $$
DECLARE
    batch record;
    bare_model bytea;
    model bytea;
    parts text[];
    wholes text[];
BEGIN
    SELECT weir.fit_loss_model(f8, f8 / 2), weir.fit_loss_model(f8, f8 / 2, vector) INTO bare_model, model FROM sample_rows;
    FOR batch IN
        SELECT array_agg(stands_for) AS stands_for, array_agg(types) AS types, string_agg(format('weir_citus.%I(%s)::text', name, arguments), ', ') AS parts,
            string_agg(format('weir.%I(%s)::text', name, arguments), ', ') AS wholes
        FROM (SELECT name, types, stands_for, row_number() OVER (ORDER BY stands_for, types) / 50 AS number,
                replace(replace(arguments, ':bare_model', quote_literal(bare_model)), ':model', quote_literal(model)) AS arguments
              FROM aggregate_calls WHERE is_part) c
        GROUP BY number
    LOOP
        SET LOCAL max_parallel_workers_per_gather = 2;
        EXECUTE format('SELECT ARRAY[%s] FROM sample_rows', batch.parts) INTO parts;
        SET LOCAL max_parallel_workers_per_gather = 0;
        EXECUTE format('SELECT ARRAY[%s] FROM sample_rows', batch.wholes) INTO wholes;
        INSERT INTO outcomes SELECT * FROM unnest(batch.stands_for, batch.types, parts, wholes);
    END LOOP;
END
$$;
SELECT count(*) > 1000 AS many, count(DISTINCT stands_for) > 120 AS of_many FROM outcomes;
SELECT stands_for, types, left(part, 60) AS part, left(whole, 60) AS whole FROM outcomes WHERE rounded(part) IS DISTINCT FROM rounded(whole) ORDER BY 1, 2;
SELECT stands_for AS always_null FROM outcomes GROUP BY 1 HAVING bool_and(whole IS NULL) ORDER BY 1;
-- Each that can be computed in parts is there, but one that takes rows of any table.
SELECT p.oid::regprocedure AS not_there FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
WHERE p.pronamespace = 'weir'::regnamespace AND p.proname NOT LIKE '\_%' AND a.aggcombinefn <> 0 AND p.oid::regprocedure::text NOT IN (SELECT stands_for FROM outcomes);

-- Groups, no rows, NULLs, windows.
SET max_parallel_workers_per_gather = 0;
SELECT count(*) FROM (SELECT day, weir_citus.quantile(f8, 0.5), weir_citus.first(label, at) FROM sample_rows GROUP BY 1
    EXCEPT SELECT day, weir.quantile(f8, 0.5), weir.first(label, at) FROM sample_rows GROUP BY 1) d;
SELECT weir_citus.summarize(f8), weir_citus.psi(f8, flag), weir_citus.distinct_count(label), weir_citus.last(label, at) FROM sample_rows WHERE false;
SELECT weir_citus.stats(NULL::float8) = weir.stats(NULL::float8) AS same, weir_citus.psi(NULL::float8, NULL), weir_citus.first(label, NULL::timestamptz) FROM sample_rows;
SELECT count(*) FROM (SELECT id, weir_citus.distinct_count(label) OVER (ORDER BY id ROWS 5 PRECEDING) FROM sample_rows
    EXCEPT SELECT id, weir.distinct_count(label) OVER (ORDER BY id ROWS 5 PRECEDING) FROM sample_rows) d;

-- States are for servers, and name what they are of.
SELECT 'weir.psi("any",boolean)|double precision,boolean|'::weir_citus.aggregate_state;
SELECT 'weir.psi("any",boolean)|double precision,boolean|AAAA'::weir_citus.aggregate_state;
SELECT ''::weir_citus.aggregate_state;
SELECT 'weir.psi("any",boolean)|'::weir_citus.aggregate_state;
SELECT 'weir.psi("any",boolean)|double precision|'::weir_citus.aggregate_state;
SELECT 'weir.psi("any",boolean)|double precision,text|'::weir_citus.aggregate_state;
SELECT 'weir.psi("any",boolean)|nothing,boolean|'::weir_citus.aggregate_state;
SELECT 'weir.tumble(timestamptz,interval)|||'::weir_citus.aggregate_state;
SELECT 'sum(bigint)|bigint|'::weir_citus.aggregate_state;
SELECT 'weir._summarize_columns("any")|text|'::weir_citus.aggregate_state;
SELECT 'weir_citus.psi(double precision,boolean)|double precision,boolean|'::weir_citus.aggregate_state;
SELECT weir_citus.aggregate_state_transition('weir.psi("any",boolean)|double precision,boolean|', 1.0::float8, true);
-- An aggregate that says its arguments were of another type, and one that says so of its result.
CREATE AGGREGATE reads_memory(bigint, boolean) (SFUNC = weir_citus.aggregate_state_transition, STYPE = weir_citus.aggregate_state,
    FINALFUNC = weir_citus.result_double_precision, INITCOND = 'weir.psi("any",boolean)|text,boolean|');
SELECT reads_memory(id, flag) FROM sample_rows;
CREATE AGGREGATE shows_memory(text, timestamptz) (SFUNC = weir_citus.aggregate_state_transition, STYPE = weir_citus.aggregate_state,
    FINALFUNC = weir_citus.result_double_precision, INITCOND = 'weir.first(anyelement,"any")|text,timestamp with time zone|');
SELECT shows_memory(label, at) FROM sample_rows;
DROP EXTENSION weir_citus CASCADE;
DROP SCHEMA weir_citus_test CASCADE;
