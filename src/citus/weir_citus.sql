-- The extension weir_citus: every aggregate of weir that can be computed in parts once more, with arguments of declared types and a state
-- that has a text form, as Citus wants them. They are found in the catalogue, so what weir gains is not forgotten here.
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA weir_citus;
COMMENT ON SCHEMA weir_citus IS
    'The aggregates of schema weir for distributed tables: Citus computes them in parts on its workers and puts those together, with the results of one server.';
GRANT USAGE ON SCHEMA weir_citus TO PUBLIC;

CREATE TYPE weir_citus.aggregate_state;
CREATE FUNCTION weir_citus.aggregate_state_in(cstring) RETURNS weir_citus.aggregate_state
    AS 'MODULE_PATHNAME', 'weir_aggregate_state_in' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir_citus.aggregate_state_in(cstring) IS
    'Reads the text form of a state. Raises 22P02 for what is none, 0A000 for one with rows outside of an aggregate.';
CREATE FUNCTION weir_citus.aggregate_state_out(weir_citus.aggregate_state) RETURNS cstring
    AS 'MODULE_PATHNAME', 'weir_aggregate_state_out' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir_citus.aggregate_state_out(weir_citus.aggregate_state) IS 'The text form of a state.';
CREATE TYPE weir_citus.aggregate_state (
    INPUT = weir_citus.aggregate_state_in, OUTPUT = weir_citus.aggregate_state_out, STORAGE = extended
);
COMMENT ON TYPE weir_citus.aggregate_state IS
    'The state of an aggregate of schema weir, with the aggregate it is of: for the servers of a cluster to send each other, of the same version of weir.';

CREATE FUNCTION weir_citus.aggregate_state_combine(weir_citus.aggregate_state, weir_citus.aggregate_state) RETURNS weir_citus.aggregate_state
    AS 'MODULE_PATHNAME', 'weir_aggregate_state_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir_citus.aggregate_state_combine(weir_citus.aggregate_state, weir_citus.aggregate_state) IS 'A step of the aggregates of this schema.';

DO $$
DECLARE
    scalars CONSTANT text[] := '{double precision,boolean,text,date,time without time zone,timestamp without time zone,timestamp with time zone,interval}';
    integers CONSTANT text[] := '{smallint,integer,bigint}';
    times CONSTANT text[] := '{timestamp with time zone,timestamp without time zone,date}';
    labels CONSTANT text[] := integers || '{boolean,text}';
    categories CONSTANT text[] := scalars || integers || '{real,numeric,uuid}';
    aggregate record;
    choices text[];
    signatures text[];
    signature text;
    result text;
    made text[] := '{}';
BEGIN
    FOR n IN 1 .. 6 LOOP
        EXECUTE format('CREATE FUNCTION weir_citus.aggregate_state_transition(weir_citus.aggregate_state%s) RETURNS weir_citus.aggregate_state
            AS ''$libdir/weir'', ''weir_aggregate_state_transition'' LANGUAGE C IMMUTABLE PARALLEL SAFE', repeat(', "any"', n));
        EXECUTE format('COMMENT ON FUNCTION weir_citus.aggregate_state_transition(weir_citus.aggregate_state%s) IS ''A step of the aggregates of this schema.''', repeat(', "any"', n));
    END LOOP;
    FOR aggregate IN
        SELECT p.oid, p.proname AS name, p.proargtypes::oid[] AS types, p.prorettype AS result, p.provariadic <> 0 AS any_number,
            format('weir.%I(%s)', p.proname, (SELECT string_agg(format_type(t, NULL), ',' ORDER BY o) FROM unnest(p.proargtypes) WITH ORDINALITY a (t, o))) AS signature
        FROM pg_aggregate a
        JOIN pg_proc p ON p.oid = a.aggfnoid
        WHERE p.pronamespace = 'weir'::regnamespace AND p.proname NOT LIKE E'\\_%' AND a.aggcombinefn <> 0 AND 'record'::regtype <> ALL (p.proargtypes::oid[])
        ORDER BY 1, 4
    LOOP
        signatures := '{""}';
        FOR i IN 1 .. cardinality(aggregate.types) LOOP
            choices := CASE
                WHEN aggregate.types[i - 1] NOT IN ('"any"'::regtype, 'anyelement'::regtype) THEN ARRAY[format_type(aggregate.types[i - 1], NULL)]
                -- (value, time): of a series, of states, of what is first and last
                WHEN i = 2 AND aggregate.name IN ('summarize_states', 'duration_in') THEN times
                WHEN i = 2 AND aggregate.types[0] IN ('float8'::regtype, 'anyelement'::regtype) THEN times || integers
                WHEN aggregate.types[0] = 'anyelement'::regtype THEN categories || '{jsonb}'
                WHEN aggregate.name IN ('summarize_states', 'duration_in', 'summarize_category') THEN categories
                -- of models: labels, predictions, groups, and scores
                WHEN aggregate.name = 'regression_performance' OR (aggregate.name = 'binary_performance' AND i = 2) THEN ARRAY['double precision']
                WHEN (aggregate.name = 'fairness' AND i < 3) OR aggregate.name = 'binary_performance' THEN integers || '{boolean}'
                WHEN aggregate.name ~ 'fairness|performance|class|confusion' THEN labels
                -- of numbers
                WHEN aggregate.name IN ('stats', 'quantile', 'summarize_numeric', 'median_absolute_deviation') THEN array_remove(scalars, 'text')
                -- of pairs: numbers and times
                WHEN cardinality(aggregate.types) = 2 AND aggregate.types[1] = '"any"'::regtype THEN times || '{double precision}'
                WHEN aggregate.types[1] = 'boolean'::regtype THEN scalars || '{double precision[]}'
                ELSE scalars
            END;
            SELECT array_agg(concat_ws(',', nullif(before, ''), choice)) INTO signatures FROM unnest(signatures) before, unnest(choices) choice;
        END LOOP;
        IF aggregate.any_number THEN
            SELECT array_agg(DISTINCT one) INTO signatures FROM unnest(signatures) s, LATERAL (VALUES (s), (regexp_replace(s, '[^,]+$', 'text,text')),
                (regexp_replace(s, '[^,]+$', 'text,text,text'))) v (one);
        END IF;
        FOREACH signature IN ARRAY signatures LOOP
            -- There may be one for these very types, too.
            CONTINUE WHEN aggregate.oid <> coalesce(to_regprocedure(format('weir.%I(%s)', aggregate.name, signature)), aggregate.oid);
            result := CASE WHEN aggregate.result = 'anyelement'::regtype THEN split_part(signature, ',', 1) ELSE format_type(aggregate.result, NULL) END;
            IF result <> ALL (made) THEN
                EXECUTE format('CREATE FUNCTION weir_citus.%I(weir_citus.aggregate_state) RETURNS %s AS ''$libdir/weir'', ''weir_aggregate_state_final''
                    LANGUAGE C IMMUTABLE PARALLEL SAFE', 'result_' || regexp_replace(result, E'\\W+', '_', 'g'), result);
                EXECUTE format('COMMENT ON FUNCTION weir_citus.%I(weir_citus.aggregate_state) IS ''A step of the aggregates of this schema.''',
                    'result_' || regexp_replace(result, E'\\W+', '_', 'g'));
                made := made || result;
            END IF;
            EXECUTE format('CREATE AGGREGATE weir_citus.%I(%s) (SFUNC = weir_citus.aggregate_state_transition, STYPE = weir_citus.aggregate_state,
                COMBINEFUNC = weir_citus.aggregate_state_combine, FINALFUNC = weir_citus.%I, INITCOND = %L, SSPACE = 16384, PARALLEL = SAFE)',
                aggregate.name, signature, 'result_' || regexp_replace(result, E'\\W+', '_', 'g'), aggregate.signature || '|' || signature || '|');
            EXECUTE format('COMMENT ON AGGREGATE weir_citus.%I(%s) IS %L', aggregate.name, signature, 'As ' || aggregate.signature || ', for distributed tables.');
        END LOOP;
    END LOOP;
END
$$;
