-- summaries of all columns of a table or a query ----------------------------------------------------------------------------------------

CREATE TYPE weir.column_summary AS (n bigint, null_count bigint, min text, max text, summary weir.summary);
COMMENT ON TYPE weir.column_summary IS 'Internal: what weir._summarize_columns says of a column.';

CREATE FUNCTION weir._columns_transition(state internal, VARIADIC columns "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_columns_transition' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir._columns_transition(internal, VARIADIC "any") IS 'Internal: transition function of weir._summarize_columns.';
CREATE FUNCTION weir._columns_combine(a internal, b internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_columns_combine' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir._columns_combine(internal, internal) IS 'Internal: combine function of weir._summarize_columns.';
CREATE FUNCTION weir._columns_serialize(state internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_columns_serialize' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir._columns_serialize(internal) IS 'Internal: from a worker of a parallel query.';
CREATE FUNCTION weir._columns_deserialize(bytes bytea, dummy internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_columns_deserialize' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir._columns_deserialize(bytea, internal) IS 'Internal: to the leader of a parallel query.';
CREATE FUNCTION weir._columns_final(state internal) RETURNS weir.column_summary[]
    AS 'MODULE_PATHNAME', 'weir_columns_final' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir._columns_final(internal) IS 'Internal: final function of weir._summarize_columns.';
CREATE AGGREGATE weir._summarize_columns(VARIADIC "any") (
    SFUNC = weir._columns_transition, STYPE = internal, SSPACE = 65536, COMBINEFUNC = weir._columns_combine, SERIALFUNC = weir._columns_serialize,
    DESERIALFUNC = weir._columns_deserialize, FINALFUNC = weir._columns_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir._summarize_columns(VARIADIC "any") IS
    'Internal: summaries of several columns at once, in the order of the arguments; NULL over no rows. weir.summarize_table and weir.summarize_query run it.';

CREATE FUNCTION weir._shape(summary weir.summary) RETURNS text
    AS 'MODULE_PATHNAME', 'weir_shape' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir._shape(weir.summary) IS 'Internal: the shape as a line of bars, a histogram of numbers or the counts of categories.';

CREATE FUNCTION weir._table_columns(source regclass, columns text[], filter text)
    RETURNS TABLE (column_name text, data_type text, kind text, n bigint, null_count bigint, min text, max text, summary weir.summary)
    AS 'MODULE_PATHNAME', 'weir_table_columns' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 20;
COMMENT ON FUNCTION weir._table_columns(regclass, text[], text) IS 'Internal: the columns of a table with their summaries; reads it as the invoker.';
CREATE FUNCTION weir._query_columns(query text, columns text[])
    RETURNS TABLE (column_name text, data_type text, kind text, n bigint, null_count bigint, min text, max text, summary weir.summary)
    AS 'MODULE_PATHNAME', 'weir_query_columns' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 20;
COMMENT ON FUNCTION weir._query_columns(text, text[]) IS 'Internal: the columns of a query with their summaries; runs it as the invoker.';

CREATE FUNCTION weir.summarize_table(source regclass, columns text[] DEFAULT NULL, filter text DEFAULT NULL)
    RETURNS TABLE (column_name text, data_type text, kind text, n bigint, null_count bigint, null_share float8, distinct_count bigint, min text, max text,
        mean float8, stddev float8, p25 float8, p50 float8, p75 float8, p95 float8, p99 float8, top_values jsonb, histogram text, summary weir.summary)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 20
BEGIN ATOMIC
    SELECT c.column_name, c.data_type, c.kind, c.n, c.null_count, c.null_count::float8 / nullif(c.n + c.null_count, 0), weir.distinct_count(c.summary), c.min, c.max,
        s.mean, s.stddev, q.q[1], q.q[2], q.q[3], q.q[4], q.q[5], t.top_values, weir._shape(c.summary), c.summary
    FROM weir._table_columns(source, columns, filter) c,
        LATERAL weir.stats(c.summary) s,
        LATERAL (SELECT CASE WHEN c.kind <> 'category' THEN weir.quantile(c.summary, ARRAY[0.25, 0.5, 0.75, 0.95, 0.99]) END AS q) q,
        LATERAL (SELECT jsonb_agg(jsonb_build_object('value', v.value, 'n', v.n, 'share', v.share)) AS top_values
                 FROM weir.top(CASE WHEN c.kind <> 'vector' THEN c.summary END, 5) v (value, n, share)) t;
END;
COMMENT ON FUNCTION weir.summarize_table(regclass, text[], text) IS
    'One row per column: kind (numeric; category; vector; NULL for types that are only counted: json, bytea, arrays of texts and the like), count of values, of NULLs and their share, distinct values (exact up to 1536 numbers or 1024 categories, else an estimate: weir.distinct_error(summary)); minimum and maximum as text (of categories in the order of their bytes); of numbers (taken as float8, so integers beyond 2^53 are rounded, but for minimum and maximum) mean, sample standard deviation and quantiles (within weir.error_bound(summary)), of intervals and times in seconds (since 1970-01-01 UTC); the five most frequent values with count and share (of numbers while all are known); the shape as a line of 20 bars (numbers: a histogram of equal widths; categories: the counts of the most frequent, descending); of vectors minimum, maximum, mean, deviation, quantiles and shape are those of their Euclidean norms, and where they differ in dimension they are only counted; and the summary itself, for more. Values that do not apply are NULL. Reads every row once, as the invoker, in parallel where the planner sees fit. columns names some of the columns (NULL: all, in their order); filter is a condition, as in WHERE. No rows for a table without columns. Raises 42703 for unknown columns, 42601 for a filter that is not one condition, 42809 for what is no table or view, 42501 where the invoker may not read.';

CREATE FUNCTION weir.summarize_query(query text, columns text[] DEFAULT NULL)
    RETURNS TABLE (column_name text, data_type text, kind text, n bigint, null_count bigint, null_share float8, distinct_count bigint, min text, max text,
        mean float8, stddev float8, p25 float8, p50 float8, p75 float8, p95 float8, p99 float8, top_values jsonb, histogram text, summary weir.summary)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 20
BEGIN ATOMIC
    SELECT c.column_name, c.data_type, c.kind, c.n, c.null_count, c.null_count::float8 / nullif(c.n + c.null_count, 0), weir.distinct_count(c.summary), c.min, c.max,
        s.mean, s.stddev, q.q[1], q.q[2], q.q[3], q.q[4], q.q[5], t.top_values, weir._shape(c.summary), c.summary
    FROM weir._query_columns(query, columns) c,
        LATERAL weir.stats(c.summary) s,
        LATERAL (SELECT CASE WHEN c.kind <> 'category' THEN weir.quantile(c.summary, ARRAY[0.25, 0.5, 0.75, 0.95, 0.99]) END AS q) q,
        LATERAL (SELECT jsonb_agg(jsonb_build_object('value', v.value, 'n', v.n, 'share', v.share)) AS top_values
                 FROM weir.top(CASE WHEN c.kind <> 'vector' THEN c.summary END, 5) v (value, n, share)) t;
END;
COMMENT ON FUNCTION weir.summarize_query(text, text[]) IS
    'One row per column: kind (numeric; category; vector; NULL for types that are only counted: json, bytea, arrays of texts and the like), count of values, of NULLs and their share, distinct values (exact up to 1536 numbers or 1024 categories, else an estimate: weir.distinct_error(summary)); minimum and maximum as text (of categories in the order of their bytes); of numbers (taken as float8, so integers beyond 2^53 are rounded, but for minimum and maximum) mean, sample standard deviation and quantiles (within weir.error_bound(summary)), of intervals and times in seconds (since 1970-01-01 UTC); the five most frequent values with count and share (of numbers while all are known); the shape as a line of 20 bars (numbers: a histogram of equal widths; categories: the counts of the most frequent, descending); of vectors minimum, maximum, mean, deviation, quantiles and shape are those of their Euclidean norms, and where they differ in dimension they are only counted; and the summary itself, for more. Values that do not apply are NULL. The query is one SELECT (or VALUES, TABLE), run once, read-only, as the invoker. columns names some of its columns (NULL: all, in their order; of two with the same name the first). Raises 22023 for what is not one SELECT, 42703 for unknown columns, and what the query raises.';
