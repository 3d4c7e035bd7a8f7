\echo Use "CREATE EXTENSION weir_bench" to load this file. \quit

CREATE FUNCTION drain(slot name, in_progress boolean DEFAULT false, OUT n_rows bigint, OUT seconds float8) AS 'MODULE_PATHNAME', 'weir_bench_drain' LANGUAGE C STRICT VOLATILE;
COMMENT ON FUNCTION drain(name, boolean) IS
    'Decodes all that the slot (of plugin weir_bench) has not confirmed, in this process, and confirms it: rows read and the time it took. in_progress: large transactions are decoded in blocks before they are over, instead of from disk afterwards.';
