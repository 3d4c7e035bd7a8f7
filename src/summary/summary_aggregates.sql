-- aggregates -----------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.summarize_transition(state weir.summary, x "any") RETURNS weir.summary
    AS 'MODULE_PATHNAME', 'weir_summarize_transition' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.summarize_transition(weir.summary, "any") IS
    'Internal: transition function of summarize(x).';
REVOKE EXECUTE ON FUNCTION weir.summarize_transition(weir.summary, "any") FROM PUBLIC;

CREATE FUNCTION weir.summarize_transition(state weir.summary, x "any", bins int) RETURNS weir.summary
    AS 'MODULE_PATHNAME', 'weir_summarize_transition' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.summarize_transition(weir.summary, "any", int) IS
    'Internal: transition function of summarize(x, bins).';
REVOKE EXECUTE ON FUNCTION weir.summarize_transition(weir.summary, "any", int) FROM PUBLIC;

CREATE FUNCTION weir.summarize_numeric_transition(state weir.summary, x "any") RETURNS weir.summary
    AS 'MODULE_PATHNAME', 'weir_summarize_numeric_transition' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.summarize_numeric_transition(weir.summary, "any") IS
    'Internal: transition function of summarize_numeric(x) and stats(x).';
REVOKE EXECUTE ON FUNCTION weir.summarize_numeric_transition(weir.summary, "any") FROM PUBLIC;

CREATE FUNCTION weir.summarize_category_transition(state weir.summary, x "any") RETURNS weir.summary
    AS 'MODULE_PATHNAME', 'weir_summarize_category_transition' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.summarize_category_transition(weir.summary, "any") IS
    'Internal: transition function of summarize_category(x).';
REVOKE EXECUTE ON FUNCTION weir.summarize_category_transition(weir.summary, "any") FROM PUBLIC;

CREATE FUNCTION weir.summary_combine(a weir.summary, b weir.summary) RETURNS weir.summary
    AS 'MODULE_PATHNAME', 'weir_summary_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.summary_combine(weir.summary, weir.summary) IS
    'Internal: combine function of the aggregates over weir.summary, transition function of merge.';
REVOKE EXECUTE ON FUNCTION weir.summary_combine(weir.summary, weir.summary) FROM PUBLIC;

-- moving states: frames that slide

CREATE FUNCTION weir.moving_summary_enter(state internal, x "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_moving_summary_enter' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_summary_enter(internal, "any") IS
    'Internal: a row enters the sliding frame of summarize(x).';
REVOKE EXECUTE ON FUNCTION weir.moving_summary_enter(internal, "any") FROM PUBLIC;

CREATE FUNCTION weir.moving_numeric_enter(state internal, x "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_moving_numeric_enter' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_numeric_enter(internal, "any") IS
    'Internal: a row enters the sliding frame of summarize_numeric(x) and stats(x).';
REVOKE EXECUTE ON FUNCTION weir.moving_numeric_enter(internal, "any") FROM PUBLIC;

CREATE FUNCTION weir.moving_category_enter(state internal, x "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_moving_category_enter' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_category_enter(internal, "any") IS
    'Internal: a row enters the sliding frame of summarize_category(x).';
REVOKE EXECUTE ON FUNCTION weir.moving_category_enter(internal, "any") FROM PUBLIC;

CREATE FUNCTION weir.moving_summary_enter(state internal, x "any", bins int) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_moving_summary_enter' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_summary_enter(internal, "any", int) IS
    'Internal: a row enters the sliding frame of summarize(x, bins).';
REVOKE EXECUTE ON FUNCTION weir.moving_summary_enter(internal, "any", int) FROM PUBLIC;

CREATE FUNCTION weir.moving_summary_leave(state internal, x "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_moving_summary_leave' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_summary_leave(internal, "any") IS
    'Internal: a row leaves a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_summary_leave(internal, "any") FROM PUBLIC;

CREATE FUNCTION weir.moving_summary_leave(state internal, x "any", bins int) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_moving_summary_leave' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_summary_leave(internal, "any", int) IS
    'Internal: a row leaves a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_summary_leave(internal, "any", int) FROM PUBLIC;

CREATE FUNCTION weir.moving_summary_final(state internal) RETURNS weir.summary
    AS 'MODULE_PATHNAME', 'weir_moving_summary_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_summary_final(internal) IS
    'Internal: the summary of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_summary_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.moving_merge_enter(state internal, summary weir.summary) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_moving_merge_enter' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_merge_enter(internal, weir.summary) IS
    'Internal: a summary enters the sliding frame of merge(summary).';
REVOKE EXECUTE ON FUNCTION weir.moving_merge_enter(internal, weir.summary) FROM PUBLIC;

CREATE FUNCTION weir.moving_merge_leave(state internal, summary weir.summary) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_moving_merge_leave' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_merge_leave(internal, weir.summary) IS
    'Internal: a summary leaves the sliding frame of merge(summary).';
REVOKE EXECUTE ON FUNCTION weir.moving_merge_leave(internal, weir.summary) FROM PUBLIC;

CREATE FUNCTION weir.moving_merge_final(state internal) RETURNS weir.summary
    AS 'MODULE_PATHNAME', 'weir_moving_merge_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_merge_final(internal) IS
    'Internal: the merge of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_merge_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.moving_stats_final(state internal) RETURNS weir.statistics
    AS 'MODULE_PATHNAME', 'weir_moving_stats_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_stats_final(internal) IS
    'Internal: the statistics of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_stats_final(internal) FROM PUBLIC;

CREATE AGGREGATE weir.summarize("any") (
    SFUNC = weir.summarize_transition, STYPE = weir.summary, COMBINEFUNC = weir.summary_combine,
    MSFUNC = weir.moving_summary_enter, MINVFUNC = weir.moving_summary_leave, MSTYPE = internal, MFINALFUNC = weir.moving_summary_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.summarize("any") IS
    'The summary of the values. Numbers, intervals, dates and times get moments and a histogram; boolean, text, uuid, enums and other types with a built-in text form are counted per category. intervals, dates and times are held in microseconds and shown in seconds; float4, bigint and numeric values are taken as float8. NULLs are counted apart; NULL over no rows. Raises 42804 for types that cannot be summarized (json, bytea, arrays, composites).';

CREATE AGGREGATE weir.summarize("any", int) (
    SFUNC = weir.summarize_transition, STYPE = weir.summary, COMBINEFUNC = weir.summary_combine,
    MSFUNC = weir.moving_summary_enter, MINVFUNC = weir.moving_summary_leave, MSTYPE = internal, MFINALFUNC = weir.moving_summary_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.summarize("any", int) IS
    'The summary of the values with a budget of that many bins or categories, 16 to 65536 (by default, and for NULL, 1536 bins or 1024 categories), read from the first row of a group. Numbers, intervals, dates and times get moments and a histogram; boolean, text, uuid, enums and other types with a built-in text form are counted per category. intervals, dates and times are held in microseconds and shown in seconds; float4, bigint and numeric values are taken as float8. NULLs are counted apart; NULL over no rows. Raises 22023 for a budget out of range, 42804 for types that cannot be summarized.';

CREATE AGGREGATE weir.summarize_numeric("any") (
    SFUNC = weir.summarize_numeric_transition, STYPE = weir.summary, COMBINEFUNC = weir.summary_combine,
    MSFUNC = weir.moving_numeric_enter, MINVFUNC = weir.moving_summary_leave, MSTYPE = internal, MFINALFUNC = weir.moving_summary_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.summarize_numeric("any") IS
    'The summary of the values as numbers, where summarize would count categories: boolean as 0 and 1. NULLs are counted apart; NULL over no rows. Raises 42804 for types that are no numbers, intervals or times.';

CREATE AGGREGATE weir.summarize_category("any") (
    SFUNC = weir.summarize_category_transition, STYPE = weir.summary, COMBINEFUNC = weir.summary_combine,
    MSFUNC = weir.moving_category_enter, MINVFUNC = weir.moving_summary_leave, MSTYPE = internal, MFINALFUNC = weir.moving_summary_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.summarize_category("any") IS
    'The summary of the values as categories, where summarize would treat them as numbers: codes, for instance. Each value is counted by its text: numbers in their shortest form, dates and times in ISO form, in UTC. NULLs are counted apart; NULL over no rows. Raises 42804 for types that cannot be summarized.';

CREATE AGGREGATE weir.merge(weir.summary) (
    SFUNC = weir.summary_combine, STYPE = weir.summary, COMBINEFUNC = weir.summary_combine,
    MSFUNC = weir.moving_merge_enter, MINVFUNC = weir.moving_merge_leave, MSTYPE = internal, MFINALFUNC = weir.moving_merge_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.merge(weir.summary) IS
    'The summary of the rows of all summaries, the same as if the rows had been summarised together. NULLs are left out; NULL when nothing is left. Of different budgets the smallest wins. Raises 42804 when kinds or units differ.';

CREATE AGGREGATE weir.stats("any") (
    SFUNC = weir.summarize_numeric_transition, STYPE = weir.summary, COMBINEFUNC = weir.summary_combine,
    FINALFUNC = weir.stats,
    MSFUNC = weir.moving_numeric_enter, MINVFUNC = weir.moving_summary_leave, MSTYPE = internal, MFINALFUNC = weir.moving_stats_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.stats("any") IS
    'Statistics of numbers, booleans (0 and 1), intervals, dates or times: count of values (NaN and infinities included), count of NULLs; over the finite values sum, mean, sample standard deviation (n - 1), skewness g1 and excess kurtosis g2 (population, as scipy.stats.skew and kurtosis), all from exact sums; minimum and maximum. Undefined ones are NULL. Intervals and times in seconds (since 1970-01-01 UTC). NULL over no rows. Raises 42804 for other types.';

CREATE FUNCTION weir.distinct_count_final(state weir.summary) RETURNS bigint
    AS 'MODULE_PATHNAME', 'weir_distinct_count_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.distinct_count_final(weir.summary) IS
    'Internal: final function of distinct_count(x).';
REVOKE EXECUTE ON FUNCTION weir.distinct_count_final(weir.summary) FROM PUBLIC;

CREATE FUNCTION weir.moving_distinct_final(state internal) RETURNS bigint
    AS 'MODULE_PATHNAME', 'weir_moving_distinct_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_distinct_final(internal) IS
    'Internal: the distinct values of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_distinct_final(internal) FROM PUBLIC;

CREATE AGGREGATE weir.distinct_count("any") (
    SFUNC = weir.summarize_transition, STYPE = weir.summary, COMBINEFUNC = weir.summary_combine, FINALFUNC = weir.distinct_count_final,
    MSFUNC = weir.moving_summary_enter, MINVFUNC = weir.moving_summary_leave, MSTYPE = internal, MFINALFUNC = weir.moving_distinct_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.distinct_count("any") IS
    'How many different values there are, NULL not counted: exactly up to 1536 numbers or 1024 categories, beyond that an estimate with a standard error of about 3 % (weir.distinct_count(summary) says how). Numbers are compared as float8, so integers beyond 2^53 that round alike are one. 0 over no rows. Raises 42804 for types that cannot be summarized.';
