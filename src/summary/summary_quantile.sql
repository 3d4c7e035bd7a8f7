-- quantiles ------------------------------------------------------------------------------------------------------------------------------

-- moving states: frames that slide

CREATE FUNCTION weir.moving_quantile_enter(state internal, x "any", p float8) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_enter' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_enter(internal, "any", float8) IS
    'Internal: a row enters the sliding frame of quantile.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_enter(internal, "any", float8) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_leave(state internal, x "any", p float8) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_leave' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_leave(internal, "any", float8) IS
    'Internal: a row leaves the sliding frame of quantile.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_leave(internal, "any", float8) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_enter(state internal, x "any", p float8[]) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_enter' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_enter(internal, "any", float8[]) IS
    'Internal: a row enters the sliding frame of quantile.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_enter(internal, "any", float8[]) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_leave(state internal, x "any", p float8[]) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_leave' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_leave(internal, "any", float8[]) IS
    'Internal: a row leaves the sliding frame of quantile.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_leave(internal, "any", float8[]) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_number_final(state internal) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_number_final(internal) IS
    'Internal: the quantiles of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_number_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_interval_final(state internal) RETURNS interval
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_interval_final(internal) IS
    'Internal: the quantiles of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_interval_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_time_final(state internal) RETURNS time
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_time_final(internal) IS
    'Internal: the quantiles of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_time_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_date_final(state internal) RETURNS date
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_date_final(internal) IS
    'Internal: the quantiles of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_date_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_timestamp_final(state internal) RETURNS timestamp
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_timestamp_final(internal) IS
    'Internal: the quantiles of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_timestamp_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_timestamptz_final(state internal) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_timestamptz_final(internal) IS
    'Internal: the quantiles of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_timestamptz_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_number_array_final(state internal) RETURNS float8[]
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_number_array_final(internal) IS
    'Internal: the quantiles of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_number_array_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_interval_array_final(state internal) RETURNS interval[]
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_interval_array_final(internal) IS
    'Internal: the quantiles of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_interval_array_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_time_array_final(state internal) RETURNS time[]
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_time_array_final(internal) IS
    'Internal: the quantiles of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_time_array_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_date_array_final(state internal) RETURNS date[]
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_date_array_final(internal) IS
    'Internal: the quantiles of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_date_array_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_timestamp_array_final(state internal) RETURNS timestamp[]
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_timestamp_array_final(internal) IS
    'Internal: the quantiles of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_timestamp_array_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.moving_quantile_timestamptz_array_final(state internal) RETURNS timestamptz[]
    AS 'MODULE_PATHNAME', 'weir_moving_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.moving_quantile_timestamptz_array_final(internal) IS
    'Internal: the quantiles of a sliding frame.';
REVOKE EXECUTE ON FUNCTION weir.moving_quantile_timestamptz_array_final(internal) FROM PUBLIC;

CREATE FUNCTION weir.quantile_combine(a weir.quantile_state, b weir.quantile_state) RETURNS weir.quantile_state
    AS 'MODULE_PATHNAME', 'weir_quantile_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_combine(weir.quantile_state, weir.quantile_state) IS
    'Internal: combine function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_combine(weir.quantile_state, weir.quantile_state) FROM PUBLIC;

CREATE FUNCTION weir.quantile_transition(state weir.quantile_state, x "any", p float8) RETURNS weir.quantile_state
    AS 'MODULE_PATHNAME', 'weir_quantile_transition' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_transition(weir.quantile_state, "any", float8) IS
    'Internal: transition function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_transition(weir.quantile_state, "any", float8) FROM PUBLIC;

CREATE FUNCTION weir.quantile_number_final(state weir.quantile_state) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_number_final(weir.quantile_state) IS
    'Internal: final function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_number_final(weir.quantile_state) FROM PUBLIC;

CREATE AGGREGATE weir.quantile("any", float8) (
    SFUNC = weir.quantile_transition, STYPE = weir.quantile_state, COMBINEFUNC = weir.quantile_combine,
    FINALFUNC = weir.quantile_number_final,
    MSFUNC = weir.moving_quantile_enter, MINVFUNC = weir.moving_quantile_leave, MSTYPE = internal, MFINALFUNC = weir.moving_quantile_number_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.quantile("any", float8) IS
    'The smallest value whose share of the values at or below it is at least p, as percentile_disc: exactly while there are at most 1536 distinct values, beyond that within weir.error_bound of the summary. Booleans are 0 and 1. NULLs and NaN are left out; NULL over no values or for a NULL p. p must be the same for all rows. Raises 22003 for p outside 0 to 1, 42804 for types that are no numbers, intervals or times.';

CREATE FUNCTION weir.quantile_interval_final(state weir.quantile_state) RETURNS interval
    AS 'MODULE_PATHNAME', 'weir_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_interval_final(weir.quantile_state) IS
    'Internal: final function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_interval_final(weir.quantile_state) FROM PUBLIC;

CREATE AGGREGATE weir.quantile(interval, float8) (
    SFUNC = weir.quantile_transition, STYPE = weir.quantile_state, COMBINEFUNC = weir.quantile_combine,
    FINALFUNC = weir.quantile_interval_final,
    MSFUNC = weir.moving_quantile_enter, MINVFUNC = weir.moving_quantile_leave, MSTYPE = internal, MFINALFUNC = weir.moving_quantile_interval_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.quantile(interval, float8) IS
    'The smallest value whose share of the values at or below it is at least p, as percentile_disc: exactly while there are at most 1536 distinct values, beyond that within weir.error_bound of the summary. The result is a time without days and months: 1 day is 24 hours, 1 month 30 days, as in comparisons. NULLs are left out; NULL over no values or for a NULL p. p must be the same for all rows. Raises 22003 for p outside 0 to 1.';

CREATE FUNCTION weir.quantile_time_final(state weir.quantile_state) RETURNS time
    AS 'MODULE_PATHNAME', 'weir_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_time_final(weir.quantile_state) IS
    'Internal: final function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_time_final(weir.quantile_state) FROM PUBLIC;

CREATE AGGREGATE weir.quantile(time, float8) (
    SFUNC = weir.quantile_transition, STYPE = weir.quantile_state, COMBINEFUNC = weir.quantile_combine,
    FINALFUNC = weir.quantile_time_final,
    MSFUNC = weir.moving_quantile_enter, MINVFUNC = weir.moving_quantile_leave, MSTYPE = internal, MFINALFUNC = weir.moving_quantile_time_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.quantile(time, float8) IS
    'The smallest value whose share of the values at or below it is at least p, as percentile_disc: exactly while there are at most 1536 distinct values, beyond that within weir.error_bound of the summary. NULLs are left out; NULL over no values or for a NULL p. p must be the same for all rows. Raises 22003 for p outside 0 to 1.';

CREATE FUNCTION weir.quantile_date_final(state weir.quantile_state) RETURNS date
    AS 'MODULE_PATHNAME', 'weir_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_date_final(weir.quantile_state) IS
    'Internal: final function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_date_final(weir.quantile_state) FROM PUBLIC;

CREATE AGGREGATE weir.quantile(date, float8) (
    SFUNC = weir.quantile_transition, STYPE = weir.quantile_state, COMBINEFUNC = weir.quantile_combine,
    FINALFUNC = weir.quantile_date_final,
    MSFUNC = weir.moving_quantile_enter, MINVFUNC = weir.moving_quantile_leave, MSTYPE = internal, MFINALFUNC = weir.moving_quantile_date_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.quantile(date, float8) IS
    'The smallest value whose share of the values at or below it is at least p, as percentile_disc: exactly while there are at most 1536 distinct values, beyond that within weir.error_bound of the summary. NULLs are left out; NULL over no values or for a NULL p. p must be the same for all rows. Raises 22003 for p outside 0 to 1.';

CREATE FUNCTION weir.quantile_timestamp_final(state weir.quantile_state) RETURNS timestamp
    AS 'MODULE_PATHNAME', 'weir_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_timestamp_final(weir.quantile_state) IS
    'Internal: final function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_timestamp_final(weir.quantile_state) FROM PUBLIC;

CREATE AGGREGATE weir.quantile(timestamp, float8) (
    SFUNC = weir.quantile_transition, STYPE = weir.quantile_state, COMBINEFUNC = weir.quantile_combine,
    FINALFUNC = weir.quantile_timestamp_final,
    MSFUNC = weir.moving_quantile_enter, MINVFUNC = weir.moving_quantile_leave, MSTYPE = internal, MFINALFUNC = weir.moving_quantile_timestamp_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.quantile(timestamp, float8) IS
    'The smallest value whose share of the values at or below it is at least p, as percentile_disc: exactly while there are at most 1536 distinct values, beyond that within weir.error_bound of the summary. NULLs are left out; NULL over no values or for a NULL p. p must be the same for all rows. Raises 22003 for p outside 0 to 1.';

CREATE FUNCTION weir.quantile_timestamptz_final(state weir.quantile_state) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'weir_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_timestamptz_final(weir.quantile_state) IS
    'Internal: final function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_timestamptz_final(weir.quantile_state) FROM PUBLIC;

CREATE AGGREGATE weir.quantile(timestamptz, float8) (
    SFUNC = weir.quantile_transition, STYPE = weir.quantile_state, COMBINEFUNC = weir.quantile_combine,
    FINALFUNC = weir.quantile_timestamptz_final,
    MSFUNC = weir.moving_quantile_enter, MINVFUNC = weir.moving_quantile_leave, MSTYPE = internal, MFINALFUNC = weir.moving_quantile_timestamptz_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.quantile(timestamptz, float8) IS
    'The smallest value whose share of the values at or below it is at least p, as percentile_disc: exactly while there are at most 1536 distinct values, beyond that within weir.error_bound of the summary. NULLs are left out; NULL over no values or for a NULL p. p must be the same for all rows. Raises 22003 for p outside 0 to 1.';

CREATE FUNCTION weir.quantile_transition(state weir.quantile_state, x "any", p float8[]) RETURNS weir.quantile_state
    AS 'MODULE_PATHNAME', 'weir_quantile_transition' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_transition(weir.quantile_state, "any", float8[]) IS
    'Internal: transition function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_transition(weir.quantile_state, "any", float8[]) FROM PUBLIC;

CREATE FUNCTION weir.quantile_number_array_final(state weir.quantile_state) RETURNS float8[]
    AS 'MODULE_PATHNAME', 'weir_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_number_array_final(weir.quantile_state) IS
    'Internal: final function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_number_array_final(weir.quantile_state) FROM PUBLIC;

CREATE AGGREGATE weir.quantile("any", float8[]) (
    SFUNC = weir.quantile_transition, STYPE = weir.quantile_state, COMBINEFUNC = weir.quantile_combine,
    FINALFUNC = weir.quantile_number_array_final,
    MSFUNC = weir.moving_quantile_enter, MINVFUNC = weir.moving_quantile_leave, MSTYPE = internal, MFINALFUNC = weir.moving_quantile_number_array_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.quantile("any", float8[]) IS
    'For each p the smallest value whose share of the values at or below it is at least p, as percentile_disc: exactly while there are at most 1536 distinct values, beyond that within weir.error_bound of the summary. Booleans are 0 and 1. NULLs and NaN are left out; NULL over no values or for a NULL p; NULL over no rows. All p must be the same for all rows. Raises 22003 for p outside 0 to 1, 42804 for types that are no numbers, intervals or times.';

CREATE FUNCTION weir.quantile_interval_array_final(state weir.quantile_state) RETURNS interval[]
    AS 'MODULE_PATHNAME', 'weir_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_interval_array_final(weir.quantile_state) IS
    'Internal: final function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_interval_array_final(weir.quantile_state) FROM PUBLIC;

CREATE AGGREGATE weir.quantile(interval, float8[]) (
    SFUNC = weir.quantile_transition, STYPE = weir.quantile_state, COMBINEFUNC = weir.quantile_combine,
    FINALFUNC = weir.quantile_interval_array_final,
    MSFUNC = weir.moving_quantile_enter, MINVFUNC = weir.moving_quantile_leave, MSTYPE = internal, MFINALFUNC = weir.moving_quantile_interval_array_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.quantile(interval, float8[]) IS
    'For each p the smallest value whose share of the values at or below it is at least p, as percentile_disc: exactly while there are at most 1536 distinct values, beyond that within weir.error_bound of the summary. The result is a time without days and months: 1 day is 24 hours, 1 month 30 days, as in comparisons. NULLs are left out; NULL over no values or for a NULL p; NULL over no rows. All p must be the same for all rows. Raises 22003 for p outside 0 to 1.';

CREATE FUNCTION weir.quantile_time_array_final(state weir.quantile_state) RETURNS time[]
    AS 'MODULE_PATHNAME', 'weir_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_time_array_final(weir.quantile_state) IS
    'Internal: final function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_time_array_final(weir.quantile_state) FROM PUBLIC;

CREATE AGGREGATE weir.quantile(time, float8[]) (
    SFUNC = weir.quantile_transition, STYPE = weir.quantile_state, COMBINEFUNC = weir.quantile_combine,
    FINALFUNC = weir.quantile_time_array_final,
    MSFUNC = weir.moving_quantile_enter, MINVFUNC = weir.moving_quantile_leave, MSTYPE = internal, MFINALFUNC = weir.moving_quantile_time_array_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.quantile(time, float8[]) IS
    'For each p the smallest value whose share of the values at or below it is at least p, as percentile_disc: exactly while there are at most 1536 distinct values, beyond that within weir.error_bound of the summary. NULLs are left out; NULL over no values or for a NULL p; NULL over no rows. All p must be the same for all rows. Raises 22003 for p outside 0 to 1.';

CREATE FUNCTION weir.quantile_date_array_final(state weir.quantile_state) RETURNS date[]
    AS 'MODULE_PATHNAME', 'weir_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_date_array_final(weir.quantile_state) IS
    'Internal: final function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_date_array_final(weir.quantile_state) FROM PUBLIC;

CREATE AGGREGATE weir.quantile(date, float8[]) (
    SFUNC = weir.quantile_transition, STYPE = weir.quantile_state, COMBINEFUNC = weir.quantile_combine,
    FINALFUNC = weir.quantile_date_array_final,
    MSFUNC = weir.moving_quantile_enter, MINVFUNC = weir.moving_quantile_leave, MSTYPE = internal, MFINALFUNC = weir.moving_quantile_date_array_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.quantile(date, float8[]) IS
    'For each p the smallest value whose share of the values at or below it is at least p, as percentile_disc: exactly while there are at most 1536 distinct values, beyond that within weir.error_bound of the summary. NULLs are left out; NULL over no values or for a NULL p; NULL over no rows. All p must be the same for all rows. Raises 22003 for p outside 0 to 1.';

CREATE FUNCTION weir.quantile_timestamp_array_final(state weir.quantile_state) RETURNS timestamp[]
    AS 'MODULE_PATHNAME', 'weir_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_timestamp_array_final(weir.quantile_state) IS
    'Internal: final function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_timestamp_array_final(weir.quantile_state) FROM PUBLIC;

CREATE AGGREGATE weir.quantile(timestamp, float8[]) (
    SFUNC = weir.quantile_transition, STYPE = weir.quantile_state, COMBINEFUNC = weir.quantile_combine,
    FINALFUNC = weir.quantile_timestamp_array_final,
    MSFUNC = weir.moving_quantile_enter, MINVFUNC = weir.moving_quantile_leave, MSTYPE = internal, MFINALFUNC = weir.moving_quantile_timestamp_array_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.quantile(timestamp, float8[]) IS
    'For each p the smallest value whose share of the values at or below it is at least p, as percentile_disc: exactly while there are at most 1536 distinct values, beyond that within weir.error_bound of the summary. NULLs are left out; NULL over no values or for a NULL p; NULL over no rows. All p must be the same for all rows. Raises 22003 for p outside 0 to 1.';

CREATE FUNCTION weir.quantile_timestamptz_array_final(state weir.quantile_state) RETURNS timestamptz[]
    AS 'MODULE_PATHNAME', 'weir_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_timestamptz_array_final(weir.quantile_state) IS
    'Internal: final function of quantile.';
REVOKE EXECUTE ON FUNCTION weir.quantile_timestamptz_array_final(weir.quantile_state) FROM PUBLIC;

CREATE AGGREGATE weir.quantile(timestamptz, float8[]) (
    SFUNC = weir.quantile_transition, STYPE = weir.quantile_state, COMBINEFUNC = weir.quantile_combine,
    FINALFUNC = weir.quantile_timestamptz_array_final,
    MSFUNC = weir.moving_quantile_enter, MINVFUNC = weir.moving_quantile_leave, MSTYPE = internal, MFINALFUNC = weir.moving_quantile_timestamptz_array_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.quantile(timestamptz, float8[]) IS
    'For each p the smallest value whose share of the values at or below it is at least p, as percentile_disc: exactly while there are at most 1536 distinct values, beyond that within weir.error_bound of the summary. NULLs are left out; NULL over no values or for a NULL p; NULL over no rows. All p must be the same for all rows. Raises 22003 for p outside 0 to 1.';

