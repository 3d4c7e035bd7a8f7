-- pairs of values ---------------------------------------------------------------------------------------------------------------------------

CREATE TYPE weir.pair_summary;
CREATE FUNCTION weir.pair_summary_in(cstring) RETURNS weir.pair_summary
    AS 'MODULE_PATHNAME', 'weir_pair_summary_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.pair_summary_in(cstring) IS 'Text input of weir.pair_summary: base64 as its output gives it. Raises 22P02 for what is not base64, 22P03 for what is not a summary of pairs.';
CREATE FUNCTION weir.pair_summary_out(weir.pair_summary) RETURNS cstring
    AS 'MODULE_PATHNAME', 'weir_pair_summary_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.pair_summary_out(weir.pair_summary) IS 'Text output of weir.pair_summary: its stored form in base64, lossless.';
CREATE FUNCTION weir.pair_summary_recv(internal) RETURNS weir.pair_summary
    AS 'MODULE_PATHNAME', 'weir_pair_summary_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.pair_summary_recv(internal) IS 'Binary input of weir.pair_summary: its stored form. Raises 22P03 for what is not a summary of pairs.';
CREATE FUNCTION weir.pair_summary_send(weir.pair_summary) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_pair_summary_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.pair_summary_send(weir.pair_summary) IS 'Binary output of weir.pair_summary: its stored form, lossless, the same on every machine.';
CREATE TYPE weir.pair_summary (
    INPUT = weir.pair_summary_in, OUTPUT = weir.pair_summary_out, RECEIVE = weir.pair_summary_recv, SEND = weir.pair_summary_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = extended
);
COMMENT ON TYPE weir.pair_summary IS 'Mergeable, retractable, canonical summary of pairs (y, x): their number and the exact sums behind covariance, correlation and the regression line of y on x. The same pairs give the same bytes, whatever their order and however they were split and merged.';

CREATE TYPE weir.regression_statistics AS (
    n bigint, slope float8, intercept float8, r_squared float8, slope_error float8, correlation float8, covariance float8, y_mean float8, x_mean float8,
    y_stddev float8, x_stddev float8
);
COMMENT ON TYPE weir.regression_statistics IS 'Result of weir.regression: count of pairs, slope and intercept of the least-squares line of y on x, r_squared its share of the variance of y, slope_error the standard error of the slope, Pearson correlation, sample covariance, means and sample standard deviations (n - 1).';

CREATE FUNCTION weir._pairs_transition(state weir.pair_summary, y "any", x "any") RETURNS weir.pair_summary
    AS 'MODULE_PATHNAME', 'weir_pairs_transition' LANGUAGE C STABLE PARALLEL SAFE;
REVOKE EXECUTE ON FUNCTION weir._pairs_transition(weir.pair_summary, "any", "any") FROM PUBLIC;
CREATE FUNCTION weir._pairs_leave(state weir.pair_summary, y "any", x "any") RETURNS weir.pair_summary
    AS 'MODULE_PATHNAME', 'weir_pairs_leave' LANGUAGE C STABLE PARALLEL SAFE;
REVOKE EXECUTE ON FUNCTION weir._pairs_leave(weir.pair_summary, "any", "any") FROM PUBLIC;
CREATE FUNCTION weir._pairs_combine(a weir.pair_summary, b weir.pair_summary) RETURNS weir.pair_summary
    AS 'MODULE_PATHNAME', 'weir_pairs_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
REVOKE EXECUTE ON FUNCTION weir._pairs_combine(weir.pair_summary, weir.pair_summary) FROM PUBLIC;

CREATE AGGREGATE weir.summarize_pairs("any", "any") (
    SFUNC = weir._pairs_transition, STYPE = weir.pair_summary, COMBINEFUNC = weir._pairs_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.summarize_pairs("any", "any") IS
    'The summary of the pairs (y, x): numbers, booleans (0 and 1), intervals (in seconds), dates and times (in seconds since 1970-01-01 UTC). Pairs with a NULL are left out; those with a NaN or an infinity are left out of all statistics. NULL over no rows. Raises 42804 for other types.';

CREATE AGGREGATE weir.merge(weir.pair_summary) (
    SFUNC = weir._pairs_combine, STYPE = weir.pair_summary, COMBINEFUNC = weir._pairs_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.merge(weir.pair_summary) IS
    'The summary of the pairs of all summaries. NULLs are left out; NULL when nothing is left. Raises 42804 when their units differ.';

CREATE FUNCTION weir.pair_summary_plus(a weir.pair_summary, b weir.pair_summary) RETURNS weir.pair_summary
    AS 'MODULE_PATHNAME', 'weir_pairs_plus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.pair_summary_plus(weir.pair_summary, weir.pair_summary) IS 'The summary of the pairs of both. NULL when one is NULL. Raises 42804 when their units differ.';
CREATE FUNCTION weir.pair_summary_minus(a weir.pair_summary, b weir.pair_summary) RETURNS weir.pair_summary
    AS 'MODULE_PATHNAME', 'weir_pairs_minus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.pair_summary_minus(weir.pair_summary, weir.pair_summary) IS 'The summary of the pairs of a without those of b, which must be among them: exact. NULL when one is NULL. Raises 42804 when their units differ.';
CREATE OPERATOR weir.+ (FUNCTION = weir.pair_summary_plus, LEFTARG = weir.pair_summary, RIGHTARG = weir.pair_summary, COMMUTATOR = OPERATOR(weir.+));
COMMENT ON OPERATOR weir.+ (weir.pair_summary, weir.pair_summary) IS 'The summary of the pairs of both.';
CREATE OPERATOR weir.- (FUNCTION = weir.pair_summary_minus, LEFTARG = weir.pair_summary, RIGHTARG = weir.pair_summary);
COMMENT ON OPERATOR weir.- (weir.pair_summary, weir.pair_summary) IS 'The summary of the pairs of the left without those of the right.';

CREATE FUNCTION weir.pair_count(summary weir.pair_summary) RETURNS bigint
    AS 'MODULE_PATHNAME', 'weir_pairs_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.pair_count(weir.pair_summary) IS 'How many pairs of finite values there are. NULL for a NULL summary.';

CREATE FUNCTION weir.covariance(summary weir.pair_summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_pairs_covariance' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.covariance(weir.pair_summary) IS 'Sample covariance (n - 1) of y and x; from exact sums. NULL for fewer than two pairs.';
CREATE AGGREGATE weir.covariance("any", "any") (
    SFUNC = weir._pairs_transition, STYPE = weir.pair_summary, COMBINEFUNC = weir._pairs_combine, FINALFUNC = weir.covariance,
    MSFUNC = weir._pairs_transition, MINVFUNC = weir._pairs_leave, MSTYPE = weir.pair_summary, MFINALFUNC = weir.covariance, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.covariance("any", "any") IS
    'Sample covariance (n - 1) of y and x; as covar_samp(y, x) where that is accurate, from exact sums. NULL for fewer than two pairs. Numbers, booleans (0 and 1), intervals (in seconds), dates and times (in seconds since 1970-01-01 UTC); pairs with NULL, NaN or an infinity are left out. Raises 42804 for other types.';

CREATE FUNCTION weir.correlation(summary weir.pair_summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_pairs_correlation' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.correlation(weir.pair_summary) IS 'Pearson correlation of y and x, -1 to 1; from exact sums. NULL for fewer than two pairs, or when y or x is constant.';
CREATE AGGREGATE weir.correlation("any", "any") (
    SFUNC = weir._pairs_transition, STYPE = weir.pair_summary, COMBINEFUNC = weir._pairs_combine, FINALFUNC = weir.correlation,
    MSFUNC = weir._pairs_transition, MINVFUNC = weir._pairs_leave, MSTYPE = weir.pair_summary, MFINALFUNC = weir.correlation, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.correlation("any", "any") IS
    'Pearson correlation of y and x, -1 to 1; as corr(y, x) where that is accurate, from exact sums. NULL for fewer than two pairs, or when y or x is constant. Numbers, booleans (0 and 1), intervals (in seconds), dates and times (in seconds since 1970-01-01 UTC); pairs with NULL, NaN or an infinity are left out. Raises 42804 for other types.';

CREATE FUNCTION weir.slope(summary weir.pair_summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_pairs_slope' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.slope(weir.pair_summary) IS 'Slope of the least-squares line of y on x: how much y changes per unit of x, of a time or an interval per second; from exact sums. NULL for fewer than two pairs, or when x is constant.';
CREATE AGGREGATE weir.slope("any", "any") (
    SFUNC = weir._pairs_transition, STYPE = weir.pair_summary, COMBINEFUNC = weir._pairs_combine, FINALFUNC = weir.slope,
    MSFUNC = weir._pairs_transition, MINVFUNC = weir._pairs_leave, MSTYPE = weir.pair_summary, MFINALFUNC = weir.slope, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.slope("any", "any") IS
    'Slope of the least-squares line of y on x: how much y changes per unit of x, of a time or an interval per second; as regr_slope(y, x) where that is accurate, from exact sums. NULL for fewer than two pairs, or when x is constant. Numbers, booleans (0 and 1), intervals (in seconds), dates and times (in seconds since 1970-01-01 UTC); pairs with NULL, NaN or an infinity are left out. Raises 42804 for other types.';

CREATE FUNCTION weir.intercept(summary weir.pair_summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_pairs_intercept' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.intercept(weir.pair_summary) IS 'Value of the least-squares line of y on x where x is 0; of times, at 1970-01-01 UTC; from exact sums. NULL for fewer than two pairs, or when x is constant.';
CREATE AGGREGATE weir.intercept("any", "any") (
    SFUNC = weir._pairs_transition, STYPE = weir.pair_summary, COMBINEFUNC = weir._pairs_combine, FINALFUNC = weir.intercept,
    MSFUNC = weir._pairs_transition, MINVFUNC = weir._pairs_leave, MSTYPE = weir.pair_summary, MFINALFUNC = weir.intercept, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.intercept("any", "any") IS
    'Value of the least-squares line of y on x where x is 0; of times, at 1970-01-01 UTC; as regr_intercept(y, x) where that is accurate, from exact sums. NULL for fewer than two pairs, or when x is constant. Numbers, booleans (0 and 1), intervals (in seconds), dates and times (in seconds since 1970-01-01 UTC); pairs with NULL, NaN or an infinity are left out. Raises 42804 for other types.';

CREATE FUNCTION weir.r_squared(summary weir.pair_summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_pairs_r_squared' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.r_squared(weir.pair_summary) IS 'Share of the variance of y that the least-squares line on x explains, 0 to 1; 1 for a constant y; from exact sums. NULL for fewer than two pairs, or when x is constant.';
CREATE AGGREGATE weir.r_squared("any", "any") (
    SFUNC = weir._pairs_transition, STYPE = weir.pair_summary, COMBINEFUNC = weir._pairs_combine, FINALFUNC = weir.r_squared,
    MSFUNC = weir._pairs_transition, MINVFUNC = weir._pairs_leave, MSTYPE = weir.pair_summary, MFINALFUNC = weir.r_squared, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.r_squared("any", "any") IS
    'Share of the variance of y that the least-squares line on x explains, 0 to 1; 1 for a constant y; as regr_r2(y, x) where that is accurate, from exact sums. NULL for fewer than two pairs, or when x is constant. Numbers, booleans (0 and 1), intervals (in seconds), dates and times (in seconds since 1970-01-01 UTC); pairs with NULL, NaN or an infinity are left out. Raises 42804 for other types.';

CREATE FUNCTION weir.regression(summary weir.pair_summary) RETURNS weir.regression_statistics
    AS 'MODULE_PATHNAME', 'weir_pairs_regression' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.regression(weir.pair_summary) IS
    'All that is known of the pairs: n, slope, intercept, r_squared, slope_error, correlation, covariance, means and standard deviations; see weir.regression_statistics. What is undefined is NULL; NULL for a NULL summary.';
CREATE AGGREGATE weir.regression("any", "any") (
    SFUNC = weir._pairs_transition, STYPE = weir.pair_summary, COMBINEFUNC = weir._pairs_combine, FINALFUNC = weir.regression,
    MSFUNC = weir._pairs_transition, MINVFUNC = weir._pairs_leave, MSTYPE = weir.pair_summary, MFINALFUNC = weir.regression, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.regression("any", "any") IS
    'The least-squares line of y on x and what goes with it, see weir.regression_statistics: SELECT (weir.regression(y, x)).*. Pairs with NULL, NaN or an infinity are left out. NULL over no rows. Raises 42804 for types that are no numbers, intervals or times.';
