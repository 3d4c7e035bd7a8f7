-- quality: checks of data quality, over summaries and over tables and queries ----------------------------------------------------------------

CREATE VIEW weir.quality_checks AS
    SELECT c.metric, c.scope, c.kind, c.bounds, c.tolerance, c.is_relative, c.needs_baseline, c.is_default, c.severity, c.expected, c.meaning
    FROM (VALUES
        ('null_share', 'column', NULL, 'high', 0.01::float8, false, true, true, 'alert', NULL,
         'Share of rows in which the column is NULL, in [0, 1].'),
        ('nan_share', 'column', 'numeric', 'high', 0, false, true, true, 'alert', NULL, 'Share of NaN among the values, in [0, 1].'),
        ('infinite_share', 'column', 'numeric', 'high', 0, false, true, true, 'alert', NULL, 'Share of infinities among the values, in [0, 1].'),
        ('out_of_range_share', 'column', 'numeric', 'high', 0.01, false, true, true, 'alert', '{"min": 0, "max": 100}',
         'Share of values outside [min, max], in [0, 1]: as expected says, else those of the baseline (not of times, which move on), beyond which 2 / (n + 1) are expected. Infinities count, NaN does not; exact where all '
         'values are known, else of the bin that a bound cuts a part counts.'),
        ('outlier_share', 'column', 'numeric', 'high', 0.05, false, true, true, 'warning', '{"quantiles": [0.01, 0.99]}',
         'Share of values outside a band, in [0, 1]: the quantiles 0.01 and 0.99 of the baseline, other quantiles, or {"min", "max"}. Not of times, unless expected says so.'),
        ('unseen_share', 'column', 'category', 'high', 0.01, false, true, true, 'alert', '["car", "home"]',
         'Share of values that are not among those expected, else not among those of the baseline, in [0, 1]; of these Good and Turing''s estimate '
         'is expected, the share of values that the baseline has once. detail.categories: the most frequent. Past the budget of categories, an '
         'estimate from those that both sides keep.'),
        ('distinct_count', 'column', NULL, 'both', 0.3, true, true, true, 'warning', NULL,
         'Number of distinct values. Expected: how many so many rows of the baseline have (rarefaction), as far as the baseline knows how often each occurs.'),
        ('constant', 'column', NULL, 'high', 0, false, false, true, 'warning', NULL, '1 where all values are equal, else 0.'),
        ('duplicate_share', 'column', NULL, 'high', 0, false, true, false, 'alert', '["account_id", "day"]',
         'Share of values that repeat another, in [0, 1]: 0 for a key. Judged by itself where the baseline has no duplicates. expected, without a '
         'column: the columns of a key (weir.check_quality only).'),
        ('pattern_mismatch_share', 'column', NULL, 'high', 0, false, false, false, 'alert', '"^[A-Z]{2}[0-9]+$"',
         'Share of values that do not match a regular expression, in [0, 1]. In a monitor of columns of kind category; past the budget of categories an estimate.'),
        ('order_break_share', 'column', NULL, 'high', 0, false, false, false, 'alert', '"created_at"',
         'Share of values below the one before, in [0, 1], in the order of the column that expected names; in a monitor below the maximum of the window before.'),
        ('correlation', 'column', 'numeric', 'both', 0.1, false, true, false, 'warning', '"income"',
         'Pearson''s correlation with the column that expected names, in [-1, 1] (weir.check_quality only; in a monitor, score '
         'correlation_difference of a column of vectors).'),
        ('schema_change', 'column', NULL, 'high', 0, false, false, true, 'alert', '"numeric"',
         'Number of changes: 1 where the column is missing, new or of another type than expected says, else than the baseline has. In a monitor, of all '
         'columns of the source, in the window of the latest event time at which it was noticed.'),
        ('row_count', 'window', NULL, 'both', 0.2, true, true, true, 'alert', NULL,
         'Number of rows. Expected: the median of the last 8 windows at the same time of the week, where there are 3, else of the last 28 at the same time '
         'of the day, else of the last 30 where they reach back a day (what there was among them is in order); its error by their median absolute deviation, at least that of a Poisson count. Only in a monitor.'),
        ('late_share', 'window', NULL, 'high', 0.05, false, false, true, 'warning', NULL,
         'Share of rows that came after their window was final, in [0, 1]. Only in a monitor.'),
        ('freshness', 'window', NULL, 'high', 1, true, false, true, 'warning', NULL,
         'Seconds from the newest event time to now; expected: at most a window and lateness. Only in a monitor, with its last window.'),
        ('row_share', 'source', NULL, 'both', 0.1, false, true, true, 'alert', NULL,
         'Share of a source in the rows of all, in [0, 1] (weir.source_scores). Expected: the median of its last 28 windows, at least 3; its error by their median absolute '
         'deviation, at least that of a share of so many rows.'),
        ('silence', 'source', NULL, 'high', 0, false, false, true, 'alert', NULL,
         'Seconds from the end of the last window in which a source had rows. In order: as long as it was silent before, in 100 windows, and one slide more.'),
        ('fault_share', 'source', NULL, 'high', 0.5, false, false, true, 'alert', NULL, 'Share of the checks of a source that found a fault, in [0, 1].'),
        ('weight', 'source', NULL, 'high', 1, false, false, true, 'warning', NULL, 'How much to rely on a source among all, in [0, 1].')
    ) c (metric, scope, kind, bounds, tolerance, is_relative, needs_baseline, is_default, severity, expected, meaning);
COMMENT ON VIEW weir.quality_checks IS
    'The checks of data quality, one row each. scope: of a column, of a whole window, or of a source among others; kind: of columns that it applies to, NULL for all. bounds: '
    'whether too high a value is a fault, or too low a one as well. tolerance: how far from the expected value is in order at least (is_relative: times '
    'that value); beyond it, three standard errors are. needs_baseline: without one, or a constraint, it is not judged; is_default: it is done '
    'by itself, else where a constraint asks for it. severity: verdict of a fault. expected: what a constraint''s expected looks like. meaning: the value, its range and its source.';
GRANT SELECT ON weir.quality_checks TO PUBLIC;

CREATE FUNCTION weir._quality_measures(baseline weir.summary, current weir.summary, checks jsonb)
    RETURNS TABLE (metric text, value float8, baseline_value float8, standard_error float8, n bigint, n_baseline bigint, reason text, detail jsonb,
        is_key boolean)
    AS 'MODULE_PATHNAME', 'weir_quality_measures' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 7;
COMMENT ON FUNCTION weir._quality_measures(weir.summary, weir.summary, jsonb) IS
    'Internal: the values of the checks that two summaries can answer, what the baseline lets one expect, and its standard error. checks: {"check": '
    '{"expected": ...}}.';

-- The constraints on one column as {"check": {...}}; what is said of the column itself wins over what is said of all.
-- inlined: it stands in the query of every reading.
CREATE FUNCTION weir._column_constraints(constraints jsonb, column_name text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(pg_catalog.jsonb_object_agg(e OPERATOR(pg_catalog.->>) 'metric',
                                pg_catalog.jsonb_strip_nulls(e) OPERATOR(pg_catalog.-) ARRAY['column_name', 'metric']
                                ORDER BY (e OPERATOR(pg_catalog.->>) 'column_name') IS NOT NULL), '{}')
            FROM pg_catalog.jsonb_array_elements(coalesce(constraints, '[]')) e
            -- What is expected of no single column, a key, is not expected of each.
            WHERE (e OPERATOR(pg_catalog.->>) 'column_name') IS NULL AND NOT (column_name IS NOT NULL AND pg_catalog.jsonb_strip_nulls(e) OPERATOR(pg_catalog.?) 'expected'
                                                                              AND (e OPERATOR(pg_catalog.->>) 'metric') OPERATOR(pg_catalog.=) 'duplicate_share')
                OR (e OPERATOR(pg_catalog.->>) 'column_name') OPERATOR(pg_catalog.=) column_name);
COMMENT ON FUNCTION weir._column_constraints(jsonb, text) IS
    'Internal: the constraints on a column, or with NULL on no single column, by check. Inlined.';

-- One judgement for all: of columns, windows and sources.
-- inlined: it is computed for each row of every reading.
CREATE FUNCTION weir._quality_verdict(metric text, value float8, baseline_value float8, standard_error float8, n bigint, n_baseline bigint, min_n bigint,
    status text, reason text, detail jsonb, wanted jsonb, is_key boolean DEFAULT false)
    RETURNS TABLE (threshold float8, verdict text, final_status text, full_detail jsonb)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT CASE WHEN value > l.high THEN l.high WHEN value < l.low THEN l.low WHEN l.low IS NULL THEN l.high WHEN l.high IS NULL THEN l.low
                WHEN l.high - value < value - l.low THEN l.high ELSE l.low END,
        CASE WHEN j.status = 'ok' THEN CASE WHEN value > l.high OR value < l.low THEN coalesce(wanted ->> 'severity', c.severity) ELSE 'ok' END END,
        j.status,
        nullif(coalesce(detail, '{}')
            || CASE WHEN l.low IS NOT NULL AND l.high IS NOT NULL THEN jsonb_build_object('low', l.low, 'high', l.high) ELSE '{}' END
            || CASE WHEN wanted IS NOT NULL THEN jsonb_build_object('constraint', coalesce(wanted -> 'name', 'true')) ELSE '{}' END
            || CASE WHEN reason IS NOT NULL THEN jsonb_build_object('reason', reason) ELSE '{}' END, '{}')
    FROM weir.quality_checks c,
        LATERAL (SELECT coalesce(baseline_value, CASE WHEN NOT c.needs_baseline OR wanted ? 'expected' THEN 0 END) AS base,
                     coalesce((wanted ->> 'tolerance')::float8, c.tolerance) AS tolerance) b,
        LATERAL (SELECT greatest(b.tolerance * CASE WHEN c.is_relative THEN abs(b.base) ELSE 1 END, 3 * coalesce(standard_error, 0)) AS slack) s,
        LATERAL (SELECT CASE WHEN wanted ? 'low' OR wanted ? 'high' THEN (wanted ->> 'high')::float8 ELSE b.base + s.slack END AS high,
                     CASE WHEN wanted ? 'low' OR wanted ? 'high' THEN (wanted ->> 'low')::float8
                          WHEN c.bounds = 'both' THEN b.base - s.slack END AS low) l,
        LATERAL (SELECT CASE WHEN status <> 'ok' THEN status
                             WHEN n < min_n THEN 'insufficient'
                             WHEN value IS NULL THEN CASE WHEN reason IS NULL OR n_baseline > 0 THEN 'undefined' ELSE 'no_baseline' END
                             WHEN l.low IS NULL AND l.high IS NULL THEN CASE WHEN n_baseline > 0 THEN 'undefined' ELSE 'no_baseline' END
                             ELSE 'ok' END AS status) j
    -- What nobody asked for, and the baseline does not suggest, is not shown.
    WHERE c.metric = $1 AND (c.is_default OR wanted IS NOT NULL OR is_key) AND coalesce((wanted ->> 'enabled')::boolean, true);
END;
COMMENT ON FUNCTION weir._quality_verdict(text, float8, float8, float8, bigint, bigint, bigint, text, text, jsonb, jsonb, boolean) IS
    'Internal: threshold and verdict of a check''s value; no row where the check is not wanted.';

CREATE FUNCTION weir.column_quality(baseline weir.summary, current weir.summary, checks jsonb DEFAULT '{}', min_n bigint DEFAULT 30)
    RETURNS TABLE (metric text, value float8, threshold float8, baseline_value float8, n bigint, verdict text, status text, detail jsonb)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 7
BEGIN ATOMIC
    SELECT q.metric, q.value, v.threshold, q.baseline_value, q.n, v.verdict, v.final_status, v.full_detail
    FROM weir._quality_measures(baseline, current, coalesce(checks, '{}')) q,
        LATERAL weir._quality_verdict(q.metric, q.value, q.baseline_value, q.standard_error, q.n, q.n_baseline, coalesce(min_n, 0), 'ok', q.reason, q.detail,
            checks -> q.metric, q.is_key) v;
END;
COMMENT ON FUNCTION weir.column_quality(weir.summary, weir.summary, jsonb, bigint) IS
    'Data quality of a column as its summary (current) tells it, against that of a baseline, which may be NULL: one row per check (weir.quality_checks). '
    'value, baseline_value: what is, and what the baseline lets one expect; threshold: the bound that is crossed, else the nearer one; n rows. '
    'checks: constraints by name of the check, {"null_share": {"high": 0.05}, "out_of_range_share": {"expected": {"min": 0, "max": 100}}}: low '
    'and high are bounds; without them bounds are the expected value plus or minus the larger of tolerance and three standard errors. expected says what '
    'is in order, in place of the baseline; severity is the verdict of a fault; enabled: false leaves the check out. verdict: ok, warning, alert, NULL unless status is ok. status: ok, '
    'insufficient (n below min_n), no_baseline, undefined (detail.reason says why). Times and durations in seconds. Raises 42804 for summaries of '
    'different kinds, 22023 for expected of another form.';

-- Constraints that a summary suggests. -------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.suggest_constraints(column_name text, summary weir.summary, data_type text DEFAULT NULL)
    RETURNS TABLE (column_name text, metric text, low float8, high float8, expected jsonb)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 7
BEGIN ATOMIC
    SELECT $1, c.metric, NULL::float8, c.high, c.expected
    FROM (SELECT weir.value_count(summary) AS n, weir.null_count(summary) AS n_null, weir.kind(summary) AS kind,
              weir.min_value(summary) AS minimum, weir.max_value(summary) AS maximum) s,
        LATERAL (SELECT q.metric, q.value FROM weir._quality_measures(NULL, summary, '{}') q) q,
        LATERAL (SELECT (s.n_null + 0.5) / (s.n + s.n_null + 1) AS p) p,
        LATERAL (
            SELECT q.metric, 0::float8 AS high, NULL::jsonb AS expected
            WHERE q.value = 0 AND q.metric IN ('null_share', 'nan_share', 'infinite_share', 'constant', 'duplicate_share')
                -- Of measurements none may be equal by chance.
                AND (q.metric <> 'duplicate_share' OR (s.kind = 'category' OR weir.distinct_error(summary) = 0) AND coalesce(data_type, 'text') !~ '^(double|real|numeric|time|date)')
            UNION ALL
            -- As many as there are, and what chance can add in another sample of this size.
            SELECT q.metric, least(1, q.value + 3 * sqrt(p.p * (1 - p.p) * 2 / (s.n + s.n_null))), NULL
            WHERE q.value > 0 AND q.metric = 'null_share' AND q.value < 1
            UNION ALL
            SELECT q.metric, 0.01, jsonb_build_object('min', s.minimum, 'max', s.maximum)
            WHERE q.metric = 'out_of_range_share' AND s.kind = 'numeric' AND abs(s.minimum) < 'infinity' AND abs(s.maximum) < 'infinity'
                -- Numbers of rows go on.
                AND NOT (coalesce(data_type, 'text') IN ('smallint', 'integer', 'bigint') AND s.n > 1 AND weir.distinct_count(summary) = s.n)
            UNION ALL
            -- A set of names, not an open list: all are known, and each occurs often.
            SELECT 'unseen_share', 0, (SELECT jsonb_agg(t.value ORDER BY t.value COLLATE "C") FROM weir.top(summary, 1000) t)
            WHERE q.metric = 'unseen_share' AND weir.distinct_error(summary) = 0 AND weir.distinct_count(summary) <= 100
                AND s.n >= 10 * weir.distinct_count(summary)
            UNION ALL
            SELECT 'schema_change', 0, to_jsonb(data_type) WHERE q.metric = 'null_share' AND data_type IS NOT NULL
        ) c
    WHERE s.n > 0;
END;
COMMENT ON FUNCTION weir.suggest_constraints(text, weir.summary, text) IS
    'Constraints that hold for the column of this summary: no more NULLs than there are, no NaN or infinities where there are none, minimum and maximum (1 % of other '
    'values allowed; not of integers that are all different), the set of categories where there are at most 100 and each has ten rows on average, not constant, no duplicates where there '
    'are none (not of types of measurements), and the type, where data_type is given. Rows are as weir.constraints holds them: SELECT jsonb_agg(to_jsonb(c)) makes of them what '
    'weir.set_constraints and weir.check_quality take. No rows for NULL and for summaries without a value. For a table: FROM weir.summarize_table(''loans'') t, '
    'weir.suggest_constraints(t.column_name, t.summary, t.data_type) c.';

-- Tables and queries. ---------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir._valid_constraints(constraints jsonb) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'weir_valid_constraints' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir._valid_constraints(jsonb) IS 'Internal: the constraints themselves; raises 22023 unless they are ones that can be checked.';

-- Checks that take more than a column by itself are columns of their own, one pass for all.
CREATE FUNCTION weir._derived_checks(constraints jsonb)
    RETURNS TABLE (derived_name text, expression text, column_name text, metric text, wanted jsonb)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'weir check ' || c.number,
        CASE c.metric
            WHEN 'pattern_mismatch_share' THEN format('(NOT (weir_row.%I::pg_catalog.text OPERATOR(pg_catalog.~) %L))::pg_catalog.int4', c.column_name, c.expected #>> '{}')
            WHEN 'order_break_share' THEN format('(weir_row.%1$I < pg_catalog.lag(weir_row.%1$I) OVER (ORDER BY weir_row.%2$I))::pg_catalog.int4',
                                                 c.column_name, c.expected #>> '{}')
            WHEN 'correlation' THEN format('CASE WHEN weir_row.%1$I IS NOT NULL AND weir_row.%2$I IS NOT NULL THEN ARRAY[weir_row.%1$I::pg_catalog.float8, weir_row.%2$I::pg_catalog.float8] END',
                                           c.column_name, c.expected #>> '{}')
            -- As in SQL, a key with a NULL equals no other.
            ELSE (SELECT format('CASE WHEN %s THEN (pg_catalog.row_number() OVER (PARTITION BY %s) OPERATOR(pg_catalog.>) 1)::pg_catalog.int4 END',
                                string_agg(format('weir_row.%I IS NOT NULL', k), ' AND '), string_agg(format('weir_row.%I', k), ', '))
                  FROM jsonb_array_elements_text(c.expected) k)
        END,
        coalesce(c.column_name, (SELECT string_agg(k, ', ') FROM jsonb_array_elements_text(CASE WHEN jsonb_typeof(c.expected) = 'array' THEN c.expected END) k)),
        c.metric, c.wanted
    FROM (SELECT e ->> 'column_name' AS column_name, e ->> 'metric' AS metric, e -> 'expected' AS expected, e - ARRAY['column_name', 'metric'] AS wanted, number
          FROM jsonb_array_elements(constraints) WITH ORDINALITY x (e0, number), LATERAL jsonb_strip_nulls(e0) e) c
    WHERE c.metric IN ('pattern_mismatch_share', 'order_break_share', 'correlation') AND c.column_name IS NOT NULL AND c.expected IS NOT NULL
        OR c.metric = 'duplicate_share' AND c.column_name IS NULL AND jsonb_array_length(c.expected) > 0;
END;
COMMENT ON FUNCTION weir._derived_checks(jsonb) IS 'Internal: the constraints that need an expression over rows, and the expression.';

-- inlined: the name of the table is looked up with the caller's search_path
CREATE FUNCTION weir._quality_query(source text, constraints jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN source IS NOT NULL THEN pg_catalog.concat('SELECT weir_row.*',
        (SELECT pg_catalog.string_agg(pg_catalog.concat(', ', d.expression, ' AS ', pg_catalog.quote_ident(d.derived_name)), '') FROM weir._derived_checks(constraints) d),
        ' FROM ', CASE WHEN pg_catalog.regexp_replace(pg_catalog.btrim(source, E' \t\r\n'), '"[^"]*"', '', 'g') OPERATOR(pg_catalog.~) '[[:space:](]'
                       THEN pg_catalog.concat('(', pg_catalog.rtrim(source, E' \t\r\n;'), E'\n)') ELSE source::pg_catalog.regclass::pg_catalog.text END,
        ' AS weir_row') END;
COMMENT ON FUNCTION weir._quality_query(text, jsonb) IS 'Internal: the query whose columns weir.check_quality summarizes. Inlined.';

-- inlined: the queries in its arguments are read with the caller's search_path
CREATE FUNCTION weir.check_quality(source text, constraints jsonb DEFAULT '[]', baseline text DEFAULT NULL, columns text[] DEFAULT NULL, min_n bigint DEFAULT 1)
    RETURNS TABLE (column_name text, metric text, value float8, threshold float8, baseline_value float8, n bigint, verdict text, status text, detail jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 100
BEGIN ATOMIC
    WITH given AS MATERIALIZED (
        SELECT weir._valid_constraints(coalesce(constraints, '[]')) AS constraints
    ), derived AS MATERIALIZED (
        SELECT d.* FROM given g, weir._derived_checks(g.constraints) d
    ), now_columns AS MATERIALIZED (
        SELECT c.* FROM given g, weir._query_columns(weir._quality_query(source, g.constraints), NULL)
            WITH ORDINALITY c (column_name, data_type, kind, n, null_count, min, max, summary, number)
    ), then_columns AS MATERIALIZED (
        SELECT c.* FROM (SELECT g.constraints FROM given g WHERE baseline IS NOT NULL) g, weir._query_columns(weir._quality_query(baseline, g.constraints), NULL)
            WITH ORDINALITY c (column_name, data_type, kind, n, null_count, min, max, summary, number)
    ), pairs AS MATERIALIZED (
        SELECT coalesce(c.column_name, b.column_name) AS column_name, c.kind, c.n, c.null_count, c.summary, c.data_type, b.data_type AS baseline_type,
            CASE WHEN b.kind = c.kind AND weir.unit(b.summary) IS NOT DISTINCT FROM weir.unit(c.summary) THEN b.summary END AS baseline_summary,
            b.n AS baseline_n, b.null_count AS baseline_null_count, coalesce(c.number, b.number) AS number,
            weir._column_constraints(g.constraints, coalesce(c.column_name, b.column_name)) AS checks
        FROM given g, now_columns c FULL JOIN then_columns b ON b.column_name = c.column_name
    ), total AS (
        SELECT coalesce(max(c.n + c.null_count), 0) AS n FROM now_columns c
    ), measures AS (
        -- of columns by themselves
        SELECT p.number, 1 AS part, p.column_name, q.metric, q.value, q.baseline_value, q.standard_error, q.n, q.n_baseline, q.reason, q.detail,
            p.checks -> q.metric AS wanted, q.is_key, min_n AS min_n
        FROM pairs p, LATERAL weir._quality_measures(p.baseline_summary, p.summary, p.checks) q
        WHERE p.column_name NOT IN (SELECT d.derived_name FROM derived d)
        UNION ALL
        -- of types without a summary
        SELECT p.number, 1, p.column_name, 'null_share', p.null_count::float8 / nullif(p.n + p.null_count, 0), p.baseline_null_count::float8 / nullif(p.baseline_n + p.baseline_null_count, 0),
            sqrt(s.p * (1 - s.p) * (1.0 / nullif(p.n + p.null_count, 0) + 1.0 / nullif(p.baseline_n + p.baseline_null_count, 0))), p.n + p.null_count,
            p.baseline_n + p.baseline_null_count, NULL, NULL, p.checks -> 'null_share', false, min_n
        FROM pairs p, LATERAL (SELECT (p.baseline_null_count + 0.5::float8) / (p.baseline_n + p.baseline_null_count + 1) AS p) s
        WHERE p.summary IS NULL AND p.n IS NOT NULL AND p.column_name NOT IN (SELECT d.derived_name FROM derived d)
        UNION ALL
        -- of columns that are missing, new or of another type
        SELECT coalesce(p.number, 0), 2, x.column_name, 'schema_change', (p.data_type IS DISTINCT FROM x.data_type)::int, 0, 0, t.n, t.n, NULL,
            CASE WHEN p.data_type IS DISTINCT FROM x.data_type
                 THEN jsonb_build_object('change', CASE WHEN p.data_type IS NULL THEN 'missing' WHEN x.data_type IS NULL THEN 'new' ELSE 'type' END,
                                         'expected', x.data_type, 'found', p.data_type) END,
            x.wanted, false, 0
        FROM total t,
            LATERAL (SELECT e ->> 'column_name' AS column_name, e ->> 'expected' AS data_type, jsonb_strip_nulls(e - ARRAY['column_name', 'metric']) AS wanted
                     FROM given g, jsonb_array_elements(g.constraints) e WHERE e ->> 'metric' = 'schema_change' AND e ->> 'column_name' IS NOT NULL AND e ->> 'expected' IS NOT NULL
                     UNION ALL
                     SELECT b.column_name, b.baseline_type, b.checks -> 'schema_change' FROM pairs b
                     WHERE baseline IS NOT NULL AND NOT (b.checks -> 'schema_change' ? 'expected') IS TRUE
                         AND b.column_name NOT IN (SELECT d.derived_name FROM derived d)) x
            LEFT JOIN pairs p ON p.column_name = x.column_name
        UNION ALL
        -- of several columns, or of their order
        SELECT p.number, 3, d.column_name, d.metric, v.value, CASE WHEN d.metric = 'correlation' THEN v.baseline_value END,
            CASE WHEN d.metric = 'correlation' THEN (1 - v.baseline_value * v.baseline_value) * sqrt(1.0 / nullif(greatest(p.n - 3, 0), 0) + 1.0 / nullif(greatest(p.baseline_n - 3, 0), 0)) END,
            p.n, CASE WHEN d.metric = 'correlation' THEN p.baseline_n END, NULL,
            CASE WHEN d.metric = 'correlation' THEN jsonb_build_object('with', d.wanted -> 'expected') END, d.wanted, false, min_n
        FROM derived d JOIN pairs p ON p.column_name = d.derived_name,
            LATERAL (SELECT weir.vector_covariance(CASE WHEN p.kind = 'vector' THEN p.summary END) AS c, weir.vector_covariance(CASE WHEN p.kind = 'vector' THEN p.baseline_summary END) AS b) m,
            LATERAL (SELECT CASE WHEN d.metric = 'correlation' THEN m.c[1][2] / nullif(sqrt(m.c[1][1] * m.c[2][2]), 0)
                                 ELSE weir.mean(CASE WHEN p.kind = 'numeric' THEN p.summary END) END AS value,
                            m.b[1][2] / nullif(sqrt(m.b[1][1] * m.b[2][2]), 0) AS baseline_value) v
        UNION ALL
        SELECT NULL, 4, NULL, 'row_count', t.n, NULL, NULL, t.n, NULL, NULL, NULL, weir._column_constraints(g.constraints, NULL) -> 'row_count', false, 0
        FROM given g, total t WHERE weir._column_constraints(g.constraints, NULL) ? 'row_count'
    )
    SELECT m.column_name, m.metric, m.value, v.threshold, m.baseline_value, m.n, v.verdict, v.final_status, v.full_detail
    FROM measures m,
        LATERAL weir._quality_verdict(m.metric, m.value, m.baseline_value, m.standard_error, m.n, m.n_baseline, m.min_n, 'ok', m.reason, m.detail,
            m.wanted - CASE WHEN m.metric = 'correlation' THEN 'expected' ELSE '' END, m.is_key OR m.metric = 'correlation') v
    WHERE columns IS NULL OR m.column_name IS NULL OR m.column_name = ANY (columns)
    ORDER BY m.part = 4, m.part, m.number, m.metric;
END;
COMMENT ON FUNCTION weir.check_quality(text, jsonb, text, text[], bigint) IS
    'Data quality of a table or query, read as the caller, one row per column and check (weir.quality_checks). source, baseline: the name of a table or view, '
    'or one SELECT. constraints: an array of objects with the columns of weir.constraints, [{"column_name": "income", "metric": "null_share", "high": 0.05}]; '
    'without column_name, for all columns. Among them '
    'are those over several columns or rows: duplicate_share without column_name, expected the columns of a key; pattern_mismatch_share; '
    'order_break_share, expected the column that gives the order; correlation, expected the other column; schema_change, expected the type, whose row is there where the '
    'column is not; row_count. baseline: what columns without bounds are compared with; without it they have status no_baseline. columns: '
    'rows of these columns only. Values, bounds, verdict and status as in weir.column_quality. Raises 22023 for constraints that are not valid, and what the queries raise: 42P01, 42703, 42501.';
