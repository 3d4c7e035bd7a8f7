-- values with their times -------------------------------------------------------------------------------------------------------------------
-- Rows may come in any order; they are sorted when the result is asked for.

CREATE FUNCTION weir._series_transition(internal, x float8, ts "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_series_transition' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION weir._series_transition(internal, x float8, ts "any", method text) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_series_transition' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION weir._series_transition(internal, x float8, ts "any", number int) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_series_transition' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION weir._series_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_series_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._series_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_series_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION weir._series_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_series_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION weir._time_weighted_mean_final(internal) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_time_weighted_mean_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._time_integral_final(internal) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_time_integral_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.time_weighted_mean(float8, "any") (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._time_weighted_mean_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.time_weighted_mean(float8, "any") IS
    'Mean of x weighted by how long each value held: its integral over time divided by the time from the first to the last row; a value holds until the next one (last observation carried forward). ts is a timestamptz, timestamp, date or integer. The value itself when all rows have one time; of several values at one time their mean counts. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. Raises 42804 for other types of ts.';

CREATE AGGREGATE weir.time_weighted_mean(float8, "any", text) (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._time_weighted_mean_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.time_weighted_mean(float8, "any", text) IS
    'Mean of x weighted by how long each value held: its integral over time divided by the time from the first to the last row. The third argument says what is between two rows: step (a value holds until the next one) or linear (the line between them, the trapezoidal rule); it must be the same for all rows. ts is a timestamptz, timestamp, date or integer. The value itself when all rows have one time; of several values at one time their mean counts. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. Raises 22023 for another method, 42804 for other types of ts.';

CREATE AGGREGATE weir.time_integral(float8, "any") (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._time_integral_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.time_integral(float8, "any") IS
    'Integral of x over time from the first to the last row, in x times seconds (units of ts, when that is an integer); a value holds until the next one (last observation carried forward). ts is a timestamptz, timestamp, date or integer. 0 when all rows have one time; of several values at one time their mean counts. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. Raises 42804 for other types of ts.';

CREATE AGGREGATE weir.time_integral(float8, "any", text) (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._time_integral_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.time_integral(float8, "any", text) IS
    'Integral of x over time from the first to the last row, in x times seconds (units of ts, when that is an integer). The third argument says what is between two rows: step (a value holds until the next one) or linear (the line between them, the trapezoidal rule); it must be the same for all rows. ts is a timestamptz, timestamp, date or integer. 0 when all rows have one time; of several values at one time their mean counts. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. Raises 22023 for another method, 42804 for other types of ts.';

CREATE FUNCTION weir._increase_final(internal) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_increase_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.increase(float8, "any") (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._increase_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.increase(float8, "any") IS
    'How much a counter has risen from the first to the last row: a fall is a reset of the counter, which is taken to have risen from 0 to the new value; nothing is extrapolated (weir.extrapolated_increase does). ts is a timestamptz, timestamp, date or integer; values of one time in ascending order. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL for fewer than two rows. Raises 42804 for other types of ts.';

CREATE FUNCTION weir._rate_final(internal) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_rate_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.rate(float8, "any") (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._rate_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.rate(float8, "any") IS
    'How fast a counter has risen, per second (per unit of ts, when that is an integer): increase(x, ts) over the time from the first to the last row; a fall is a reset of the counter, which is taken to have risen from 0 to the new value; nothing is extrapolated (weir.extrapolated_rate does). ts is a timestamptz, timestamp, date or integer; values of one time in ascending order. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when all rows have one time. Raises 42804 for other types of ts.';

CREATE FUNCTION weir._instant_rate_final(internal) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_instant_rate_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.instant_rate(float8, "any") (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._instant_rate_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.instant_rate(float8, "any") IS
    'How fast a counter rose between the last two rows, per second (per unit of ts, when that is an integer); a fall is a reset of the counter, which is taken to have risen from 0 to the new value. ts is a timestamptz, timestamp, date or integer; values of one time in ascending order. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL for fewer than two rows, or when both have one time. Raises 42804 for other types of ts.';

CREATE FUNCTION weir._delta_final(internal) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_delta_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.delta(float8, "any") (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._delta_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.delta(float8, "any") IS
    'How much a gauge has changed: its value in the last row less that in the first. ts is a timestamptz, timestamp, date or integer; values of one time in ascending order. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL for fewer than two rows. Raises 42804 for other types of ts.';

CREATE FUNCTION weir._resets_final(internal) RETURNS bigint
    AS 'MODULE_PATHNAME', 'weir_resets_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.resets(float8, "any") (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._resets_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.resets(float8, "any") IS
    'How often a counter has been reset: rows whose value is below the one before. ts is a timestamptz, timestamp, date or integer; values of one time in ascending order. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when no row is left. Raises 42804 for other types of ts.';

CREATE FUNCTION weir._changes_final(internal) RETURNS bigint
    AS 'MODULE_PATHNAME', 'weir_changes_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.changes(float8, "any") (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._changes_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.changes(float8, "any") IS
    'How often a value has changed: rows whose value differs from the one before. ts is a timestamptz, timestamp, date or integer; values of one time in ascending order. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when no row is left. Raises 42804 for other types of ts.';

CREATE FUNCTION weir._autocorrelation_final(internal) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_autocorrelation_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.autocorrelation(float8, "any", int) (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._autocorrelation_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.autocorrelation(float8, "any", int) IS
    'Sample autocorrelation of x, in the order of ts, at a distance of that many rows: the sum of products of deviations from the mean over the sum of their squares, -1 to 1 (acf of statsmodels). ts is a timestamptz, timestamp, date or integer. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL for a distance that reaches beyond the rows, and when all values are equal. The distance must be the same for all rows. Raises 22023 for a negative one, 42804 for other types of ts.';

CREATE TYPE weir.time_value AS (ts timestamptz, value float8);
COMMENT ON TYPE weir.time_value IS 'A value with its time.';
CREATE TYPE weir.timestamp_value AS (ts timestamp, value float8);
COMMENT ON TYPE weir.timestamp_value IS 'A value with its time.';
CREATE TYPE weir.date_value AS (ts date, value float8);
COMMENT ON TYPE weir.date_value IS 'A value with its time.';
CREATE TYPE weir.bigint_value AS (ts bigint, value float8);
COMMENT ON TYPE weir.bigint_value IS 'A value with its time.';

CREATE FUNCTION weir._largest_triangle_final(internal, float8, timestamptz, int) RETURNS weir.time_value[]
    AS 'MODULE_PATHNAME', 'weir_largest_triangle_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.largest_triangle(float8, timestamptz, int) (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._largest_triangle_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.largest_triangle(float8, timestamptz, int) IS
    'At most that many of the points (ts, x), so chosen that a line drawn through them looks like one through all (largest triangle, three buckets; Steinarsson 2013): the first, the last, and of each of n - 2 buckets of equal numbers of points the one that spans the largest triangle with its neighbours. An array in the order of ts: SELECT (unnest(weir.largest_triangle(x, ts, 500))).*. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. The number of points must be the same for all rows, 2 to 1000000. Raises 22023 for another.';

CREATE FUNCTION weir._largest_triangle_final(internal, float8, timestamp, int) RETURNS weir.timestamp_value[]
    AS 'MODULE_PATHNAME', 'weir_largest_triangle_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.largest_triangle(float8, timestamp, int) (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._largest_triangle_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.largest_triangle(float8, timestamp, int) IS
    'At most that many of the points (ts, x), so chosen that a line drawn through them looks like one through all (largest triangle, three buckets; Steinarsson 2013): the first, the last, and of each of n - 2 buckets of equal numbers of points the one that spans the largest triangle with its neighbours. An array in the order of ts: SELECT (unnest(weir.largest_triangle(x, ts, 500))).*. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. The number of points must be the same for all rows, 2 to 1000000. Raises 22023 for another.';

CREATE FUNCTION weir._largest_triangle_final(internal, float8, date, int) RETURNS weir.date_value[]
    AS 'MODULE_PATHNAME', 'weir_largest_triangle_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.largest_triangle(float8, date, int) (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._largest_triangle_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.largest_triangle(float8, date, int) IS
    'At most that many of the points (ts, x), so chosen that a line drawn through them looks like one through all (largest triangle, three buckets; Steinarsson 2013): the first, the last, and of each of n - 2 buckets of equal numbers of points the one that spans the largest triangle with its neighbours. An array in the order of ts: SELECT (unnest(weir.largest_triangle(x, ts, 500))).*. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. The number of points must be the same for all rows, 2 to 1000000. Raises 22023 for another.';

CREATE FUNCTION weir._largest_triangle_final(internal, float8, bigint, int) RETURNS weir.bigint_value[]
    AS 'MODULE_PATHNAME', 'weir_largest_triangle_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.largest_triangle(float8, bigint, int) (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._largest_triangle_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.largest_triangle(float8, bigint, int) IS
    'At most that many of the points (ts, x), so chosen that a line drawn through them looks like one through all (largest triangle, three buckets; Steinarsson 2013): the first, the last, and of each of n - 2 buckets of equal numbers of points the one that spans the largest triangle with its neighbours. An array in the order of ts: SELECT (unnest(weir.largest_triangle(x, ts, 500))).*. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. The number of points must be the same for all rows, 2 to 1000000. Raises 22023 for another.';

CREATE FUNCTION weir._min_max_points_final(internal, float8, timestamptz, int) RETURNS weir.time_value[]
    AS 'MODULE_PATHNAME', 'weir_min_max_points_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.min_max_points(float8, timestamptz, int) (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._min_max_points_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.min_max_points(float8, timestamptz, int) IS
    'At most that many of the points (ts, x): the smallest and the largest value of each of n / 2 buckets of equal duration, so that nothing that stands out is lost. An array in the order of ts: SELECT (unnest(weir.min_max_points(x, ts, 500))).*. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. The number of points must be the same for all rows, 2 to 1000000. Raises 22023 for another.';

CREATE FUNCTION weir._min_max_points_final(internal, float8, timestamp, int) RETURNS weir.timestamp_value[]
    AS 'MODULE_PATHNAME', 'weir_min_max_points_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.min_max_points(float8, timestamp, int) (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._min_max_points_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.min_max_points(float8, timestamp, int) IS
    'At most that many of the points (ts, x): the smallest and the largest value of each of n / 2 buckets of equal duration, so that nothing that stands out is lost. An array in the order of ts: SELECT (unnest(weir.min_max_points(x, ts, 500))).*. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. The number of points must be the same for all rows, 2 to 1000000. Raises 22023 for another.';

CREATE FUNCTION weir._min_max_points_final(internal, float8, date, int) RETURNS weir.date_value[]
    AS 'MODULE_PATHNAME', 'weir_min_max_points_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.min_max_points(float8, date, int) (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._min_max_points_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.min_max_points(float8, date, int) IS
    'At most that many of the points (ts, x): the smallest and the largest value of each of n / 2 buckets of equal duration, so that nothing that stands out is lost. An array in the order of ts: SELECT (unnest(weir.min_max_points(x, ts, 500))).*. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. The number of points must be the same for all rows, 2 to 1000000. Raises 22023 for another.';

CREATE FUNCTION weir._min_max_points_final(internal, float8, bigint, int) RETURNS weir.bigint_value[]
    AS 'MODULE_PATHNAME', 'weir_min_max_points_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.min_max_points(float8, bigint, int) (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._min_max_points_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.min_max_points(float8, bigint, int) IS
    'At most that many of the points (ts, x): the smallest and the largest value of each of n / 2 buckets of equal duration, so that nothing that stands out is lost. An array in the order of ts: SELECT (unnest(weir.min_max_points(x, ts, 500))).*. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. The number of points must be the same for all rows, 2 to 1000000. Raises 22023 for another.';

-- exponentially weighted ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir._decay_next(internal, x float8, alpha float8) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_decay_next' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._decay_at(internal, x float8, ts timestamptz, half_life interval) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_decay_at' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._decay_at(internal, x float8, ts timestamp, half_life interval) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_decay_at' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._decay_at(internal, x float8, ts date, half_life interval) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_decay_at' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._decay_at(internal, x float8, ts bigint, half_life bigint) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_decay_at' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._decay_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_decay_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._decay_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_decay_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION weir._decay_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_decay_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION weir._decay_mean_final(internal) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_decay_mean_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._decay_variance_final(internal) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_decay_variance_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE AGGREGATE weir.ewma(float8, float8) (
    SFUNC = weir._decay_next, STYPE = internal,
    FINALFUNC = weir._decay_mean_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.ewma(float8, float8) IS
    'Exponentially weighted moving average in the order of the rows: alpha * x + (1 - alpha) * the average before, beginning with the first value (ewm(alpha, adjust=False).mean() of pandas). It needs an order: ewma(x, alpha) OVER (ORDER BY ts), or ewma(x, alpha ORDER BY ts). Rows whose x is NULL, NaN or infinite are passed over; NULL without values. alpha must be the same for all rows. Raises 22023 for alpha outside 0 (exclusive) to 1.';

CREATE AGGREGATE weir.ewma(float8, timestamptz, interval) (
    SFUNC = weir._decay_at, STYPE = internal, COMBINEFUNC = weir._decay_combine, SERIALFUNC = weir._decay_serialize, DESERIALFUNC = weir._decay_deserialize,
    FINALFUNC = weir._decay_mean_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.ewma(float8, timestamptz, interval) IS
    'Exponentially weighted mean of values at irregular times: a weight halves with every half-life that the value is older than the latest one (ewm(halflife, times) of pandas). Rows may come in any order; those with a NULL, or with a value or time that is not finite, are left out; NULL without values. A day of the half-life is 24 hours, a month 30 days; it must be the same for all rows. Raises 22023 for one that is not positive.';

CREATE AGGREGATE weir.ewma(float8, timestamp, interval) (
    SFUNC = weir._decay_at, STYPE = internal, COMBINEFUNC = weir._decay_combine, SERIALFUNC = weir._decay_serialize, DESERIALFUNC = weir._decay_deserialize,
    FINALFUNC = weir._decay_mean_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.ewma(float8, timestamp, interval) IS
    'Exponentially weighted mean of values at irregular times: a weight halves with every half-life that the value is older than the latest one (ewm(halflife, times) of pandas). Rows may come in any order; those with a NULL, or with a value or time that is not finite, are left out; NULL without values. A day of the half-life is 24 hours, a month 30 days; it must be the same for all rows. Raises 22023 for one that is not positive.';

CREATE AGGREGATE weir.ewma(float8, date, interval) (
    SFUNC = weir._decay_at, STYPE = internal, COMBINEFUNC = weir._decay_combine, SERIALFUNC = weir._decay_serialize, DESERIALFUNC = weir._decay_deserialize,
    FINALFUNC = weir._decay_mean_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.ewma(float8, date, interval) IS
    'Exponentially weighted mean of values at irregular times: a weight halves with every half-life that the value is older than the latest one (ewm(halflife, times) of pandas). Rows may come in any order; those with a NULL, or with a value or time that is not finite, are left out; NULL without values. A day of the half-life is 24 hours, a month 30 days; it must be the same for all rows. Raises 22023 for one that is not positive.';

CREATE AGGREGATE weir.ewma(float8, bigint, bigint) (
    SFUNC = weir._decay_at, STYPE = internal, COMBINEFUNC = weir._decay_combine, SERIALFUNC = weir._decay_serialize, DESERIALFUNC = weir._decay_deserialize,
    FINALFUNC = weir._decay_mean_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.ewma(float8, bigint, bigint) IS
    'Exponentially weighted mean of values at irregular times: a weight halves with every half-life that the value is older than the latest one (ewm(halflife, times) of pandas). Rows may come in any order; those with a NULL, or with a value or time that is not finite, are left out; NULL without values. The half-life must be the same for all rows. Raises 22023 for one that is not positive.';

CREATE AGGREGATE weir.ewm_variance(float8, float8) (
    SFUNC = weir._decay_next, STYPE = internal,
    FINALFUNC = weir._decay_variance_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.ewm_variance(float8, float8) IS
    'Exponentially weighted variance in the order of the rows, of the weights of ewma, corrected for them (ewm(alpha, adjust=False).var() of pandas). It needs an order: ewm_variance(x, alpha) OVER (ORDER BY ts), or ewm_variance(x, alpha ORDER BY ts). Rows whose x is NULL, NaN or infinite are passed over; NULL for fewer than two values. alpha must be the same for all rows. Raises 22023 for alpha outside 0 (exclusive) to 1.';

CREATE AGGREGATE weir.ewm_variance(float8, timestamptz, interval) (
    SFUNC = weir._decay_at, STYPE = internal, COMBINEFUNC = weir._decay_combine, SERIALFUNC = weir._decay_serialize, DESERIALFUNC = weir._decay_deserialize,
    FINALFUNC = weir._decay_variance_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.ewm_variance(float8, timestamptz, interval) IS
    'Exponentially weighted variance of values at irregular times: a weight halves with every half-life that the value is older than the latest one (ewm(halflife, times) of pandas, var). Rows may come in any order; those with a NULL, or with a value or time that is not finite, are left out; NULL for fewer than two values. A day of the half-life is 24 hours, a month 30 days; it must be the same for all rows. Raises 22023 for one that is not positive.';

CREATE AGGREGATE weir.ewm_variance(float8, timestamp, interval) (
    SFUNC = weir._decay_at, STYPE = internal, COMBINEFUNC = weir._decay_combine, SERIALFUNC = weir._decay_serialize, DESERIALFUNC = weir._decay_deserialize,
    FINALFUNC = weir._decay_variance_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.ewm_variance(float8, timestamp, interval) IS
    'Exponentially weighted variance of values at irregular times: a weight halves with every half-life that the value is older than the latest one (ewm(halflife, times) of pandas, var). Rows may come in any order; those with a NULL, or with a value or time that is not finite, are left out; NULL for fewer than two values. A day of the half-life is 24 hours, a month 30 days; it must be the same for all rows. Raises 22023 for one that is not positive.';

CREATE AGGREGATE weir.ewm_variance(float8, date, interval) (
    SFUNC = weir._decay_at, STYPE = internal, COMBINEFUNC = weir._decay_combine, SERIALFUNC = weir._decay_serialize, DESERIALFUNC = weir._decay_deserialize,
    FINALFUNC = weir._decay_variance_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.ewm_variance(float8, date, interval) IS
    'Exponentially weighted variance of values at irregular times: a weight halves with every half-life that the value is older than the latest one (ewm(halflife, times) of pandas, var). Rows may come in any order; those with a NULL, or with a value or time that is not finite, are left out; NULL for fewer than two values. A day of the half-life is 24 hours, a month 30 days; it must be the same for all rows. Raises 22023 for one that is not positive.';

CREATE AGGREGATE weir.ewm_variance(float8, bigint, bigint) (
    SFUNC = weir._decay_at, STYPE = internal, COMBINEFUNC = weir._decay_combine, SERIALFUNC = weir._decay_serialize, DESERIALFUNC = weir._decay_deserialize,
    FINALFUNC = weir._decay_variance_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.ewm_variance(float8, bigint, bigint) IS
    'Exponentially weighted variance of values at irregular times: a weight halves with every half-life that the value is older than the latest one (ewm(halflife, times) of pandas, var). Rows may come in any order; those with a NULL, or with a value or time that is not finite, are left out; NULL for fewer than two values. The half-life must be the same for all rows. Raises 22023 for one that is not positive.';

-- first, last, candlestick -------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir._first_transition(internal, x anyelement, ts "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_first_transition' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION weir._first_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_first_combine' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION weir._last_transition(internal, x anyelement, ts "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_last_transition' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION weir._last_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_last_combine' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION weir._end_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_end_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION weir._end_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_end_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION weir._end_final(internal, x anyelement, ts "any") RETURNS anyelement
    AS 'MODULE_PATHNAME', 'weir_end_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE AGGREGATE weir.first(anyelement, "any") (
    SFUNC = weir._first_transition, STYPE = internal, COMBINEFUNC = weir._first_combine, SERIALFUNC = weir._end_serialize, DESERIALFUNC = weir._end_deserialize,
    FINALFUNC = weir._end_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.first(anyelement, "any") IS
    'The value of x in the row of the earliest ts; of several the least. ts is a timestamptz, timestamp, date or integer. Rows may come in any order; those with a NULL, or an infinite ts, are left out; NULL when none is left. Raises 42804 for other types of ts.';

CREATE AGGREGATE weir.last(anyelement, "any") (
    SFUNC = weir._last_transition, STYPE = internal, COMBINEFUNC = weir._last_combine, SERIALFUNC = weir._end_serialize, DESERIALFUNC = weir._end_deserialize,
    FINALFUNC = weir._end_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.last(anyelement, "any") IS
    'The value of x in the row of the latest ts; of several the greatest. ts is a timestamptz, timestamp, date or integer. Rows may come in any order; those with a NULL, or an infinite ts, are left out; NULL when none is left. Raises 42804 for other types of ts.';

CREATE TYPE weir.candlestick AS (
    open float8, high float8, low float8, close float8, volume float8, vwap float8, n bigint, opened_at timestamptz, closed_at timestamptz
);
COMMENT ON TYPE weir.candlestick IS 'Result of weir.candlestick: first, highest, lowest and last price, traded volume, volume-weighted mean price, number of rows, times of the first and the last.';
CREATE TYPE weir.timestamp_candlestick AS (
    open float8, high float8, low float8, close float8, volume float8, vwap float8, n bigint, opened_at timestamp, closed_at timestamp
);
COMMENT ON TYPE weir.timestamp_candlestick IS 'Result of weir.candlestick: first, highest, lowest and last price, traded volume, volume-weighted mean price, number of rows, times of the first and the last.';
CREATE TYPE weir.date_candlestick AS (
    open float8, high float8, low float8, close float8, volume float8, vwap float8, n bigint, opened_at date, closed_at date
);
COMMENT ON TYPE weir.date_candlestick IS 'Result of weir.candlestick: first, highest, lowest and last price, traded volume, volume-weighted mean price, number of rows, times of the first and the last.';
CREATE TYPE weir.bigint_candlestick AS (
    open float8, high float8, low float8, close float8, volume float8, vwap float8, n bigint, opened_at bigint, closed_at bigint
);
COMMENT ON TYPE weir.bigint_candlestick IS 'Result of weir.candlestick: first, highest, lowest and last price, traded volume, volume-weighted mean price, number of rows, times of the first and the last.';
CREATE FUNCTION weir._candlestick_transition(internal, price float8, ts timestamptz) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_candlestick_transition' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_transition(internal, price float8, volume float8, ts timestamptz) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_candlestick_transition' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_transition(internal, price float8, ts timestamp) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_candlestick_transition' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_transition(internal, price float8, volume float8, ts timestamp) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_candlestick_transition' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_transition(internal, price float8, ts date) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_candlestick_transition' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_transition(internal, price float8, volume float8, ts date) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_candlestick_transition' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_transition(internal, price float8, ts bigint) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_candlestick_transition' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_transition(internal, price float8, volume float8, ts bigint) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_candlestick_transition' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_candlestick_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_candlestick_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_candlestick_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION weir._candlestick_final(internal, price float8, ts timestamptz) RETURNS weir.candlestick
    AS 'MODULE_PATHNAME', 'weir_candlestick_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_final(internal, price float8, volume float8, ts timestamptz) RETURNS weir.candlestick
    AS 'MODULE_PATHNAME', 'weir_candlestick_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.candlestick(float8, timestamptz) (
    SFUNC = weir._candlestick_transition, STYPE = internal, COMBINEFUNC = weir._candlestick_combine, SERIALFUNC = weir._candlestick_serialize, DESERIALFUNC = weir._candlestick_deserialize,
    FINALFUNC = weir._candlestick_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.candlestick(float8, timestamptz) IS
    'First, highest, lowest and last price in the order of ts, as weir.candlestick; volume and vwap are NULL. Of several prices at one time the lowest opens and the highest closes. Rows may come in any order; those with a NULL, or with a price or time that is not finite, are left out; NULL when none is left.';

CREATE AGGREGATE weir.candlestick(float8, float8, timestamptz) (
    SFUNC = weir._candlestick_transition, STYPE = internal, COMBINEFUNC = weir._candlestick_combine, SERIALFUNC = weir._candlestick_serialize, DESERIALFUNC = weir._candlestick_deserialize,
    FINALFUNC = weir._candlestick_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.candlestick(float8, float8, timestamptz) IS
    'First, highest, lowest and last price in the order of ts, total volume, and the mean price weighted by volume (vwap), as weir.candlestick: candlestick(price, volume, ts). Of several prices at one time the lowest opens and the highest closes. Rows may come in any order; those with a NULL, or with a price or time that is not finite, are left out; NULL when none is left. A NULL volume counts as none.';

CREATE FUNCTION weir._candlestick_final(internal, price float8, ts timestamp) RETURNS weir.timestamp_candlestick
    AS 'MODULE_PATHNAME', 'weir_candlestick_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_final(internal, price float8, volume float8, ts timestamp) RETURNS weir.timestamp_candlestick
    AS 'MODULE_PATHNAME', 'weir_candlestick_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.candlestick(float8, timestamp) (
    SFUNC = weir._candlestick_transition, STYPE = internal, COMBINEFUNC = weir._candlestick_combine, SERIALFUNC = weir._candlestick_serialize, DESERIALFUNC = weir._candlestick_deserialize,
    FINALFUNC = weir._candlestick_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.candlestick(float8, timestamp) IS
    'First, highest, lowest and last price in the order of ts, as weir.timestamp_candlestick; volume and vwap are NULL. Of several prices at one time the lowest opens and the highest closes. Rows may come in any order; those with a NULL, or with a price or time that is not finite, are left out; NULL when none is left.';

CREATE AGGREGATE weir.candlestick(float8, float8, timestamp) (
    SFUNC = weir._candlestick_transition, STYPE = internal, COMBINEFUNC = weir._candlestick_combine, SERIALFUNC = weir._candlestick_serialize, DESERIALFUNC = weir._candlestick_deserialize,
    FINALFUNC = weir._candlestick_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.candlestick(float8, float8, timestamp) IS
    'First, highest, lowest and last price in the order of ts, total volume, and the mean price weighted by volume (vwap), as weir.timestamp_candlestick: candlestick(price, volume, ts). Of several prices at one time the lowest opens and the highest closes. Rows may come in any order; those with a NULL, or with a price or time that is not finite, are left out; NULL when none is left. A NULL volume counts as none.';

CREATE FUNCTION weir._candlestick_final(internal, price float8, ts date) RETURNS weir.date_candlestick
    AS 'MODULE_PATHNAME', 'weir_candlestick_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_final(internal, price float8, volume float8, ts date) RETURNS weir.date_candlestick
    AS 'MODULE_PATHNAME', 'weir_candlestick_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.candlestick(float8, date) (
    SFUNC = weir._candlestick_transition, STYPE = internal, COMBINEFUNC = weir._candlestick_combine, SERIALFUNC = weir._candlestick_serialize, DESERIALFUNC = weir._candlestick_deserialize,
    FINALFUNC = weir._candlestick_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.candlestick(float8, date) IS
    'First, highest, lowest and last price in the order of ts, as weir.date_candlestick; volume and vwap are NULL. Of several prices at one time the lowest opens and the highest closes. Rows may come in any order; those with a NULL, or with a price or time that is not finite, are left out; NULL when none is left.';

CREATE AGGREGATE weir.candlestick(float8, float8, date) (
    SFUNC = weir._candlestick_transition, STYPE = internal, COMBINEFUNC = weir._candlestick_combine, SERIALFUNC = weir._candlestick_serialize, DESERIALFUNC = weir._candlestick_deserialize,
    FINALFUNC = weir._candlestick_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.candlestick(float8, float8, date) IS
    'First, highest, lowest and last price in the order of ts, total volume, and the mean price weighted by volume (vwap), as weir.date_candlestick: candlestick(price, volume, ts). Of several prices at one time the lowest opens and the highest closes. Rows may come in any order; those with a NULL, or with a price or time that is not finite, are left out; NULL when none is left. A NULL volume counts as none.';

CREATE FUNCTION weir._candlestick_final(internal, price float8, ts bigint) RETURNS weir.bigint_candlestick
    AS 'MODULE_PATHNAME', 'weir_candlestick_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._candlestick_final(internal, price float8, volume float8, ts bigint) RETURNS weir.bigint_candlestick
    AS 'MODULE_PATHNAME', 'weir_candlestick_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE weir.candlestick(float8, bigint) (
    SFUNC = weir._candlestick_transition, STYPE = internal, COMBINEFUNC = weir._candlestick_combine, SERIALFUNC = weir._candlestick_serialize, DESERIALFUNC = weir._candlestick_deserialize,
    FINALFUNC = weir._candlestick_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.candlestick(float8, bigint) IS
    'First, highest, lowest and last price in the order of ts, as weir.bigint_candlestick; volume and vwap are NULL. Of several prices at one time the lowest opens and the highest closes. Rows may come in any order; those with a NULL, or with a price or time that is not finite, are left out; NULL when none is left.';

CREATE AGGREGATE weir.candlestick(float8, float8, bigint) (
    SFUNC = weir._candlestick_transition, STYPE = internal, COMBINEFUNC = weir._candlestick_combine, SERIALFUNC = weir._candlestick_serialize, DESERIALFUNC = weir._candlestick_deserialize,
    FINALFUNC = weir._candlestick_final, FINALFUNC_EXTRA, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.candlestick(float8, float8, bigint) IS
    'First, highest, lowest and last price in the order of ts, total volume, and the mean price weighted by volume (vwap), as weir.bigint_candlestick: candlestick(price, volume, ts). Of several prices at one time the lowest opens and the highest closes. Rows may come in any order; those with a NULL, or with a price or time that is not finite, are left out; NULL when none is left. A NULL volume counts as none.';

-- window functions: gaps and scores -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.fill_forward(x anyelement) RETURNS anyelement
    AS 'MODULE_PATHNAME', 'weir_fill_forward' LANGUAGE C IMMUTABLE PARALLEL SAFE WINDOW;
COMMENT ON FUNCTION weir.fill_forward(anyelement) IS
    'x, or where it is NULL the last known value before it in the order of the window (last observation carried forward): fill_forward(x) OVER (PARTITION BY ... ORDER BY ts). NULL where there is none. The frame does not matter.';
CREATE FUNCTION weir.fill_backward(x anyelement) RETURNS anyelement
    AS 'MODULE_PATHNAME', 'weir_fill_backward' LANGUAGE C IMMUTABLE PARALLEL SAFE WINDOW;
COMMENT ON FUNCTION weir.fill_backward(anyelement) IS
    'x, or where it is NULL the next known value after it in the order of the window: fill_backward(x) OVER (PARTITION BY ... ORDER BY ts). NULL where there is none. The frame does not matter.';
CREATE FUNCTION weir.fill_linear(x float8, ts timestamptz) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_fill_linear' LANGUAGE C IMMUTABLE PARALLEL SAFE WINDOW;
COMMENT ON FUNCTION weir.fill_linear(float8, timestamptz) IS
    'x, or where it is NULL the value at ts on the line between the last known value before and the next after it in the order of the window: fill_linear(x, ts) OVER (PARTITION BY ... ORDER BY ts). NULL where one of them is missing, or a time of the three. The frame does not matter. Raises 22023 for rows that are not in the order of ts.';
CREATE FUNCTION weir.fill_linear(x float8, ts timestamp) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_fill_linear' LANGUAGE C IMMUTABLE PARALLEL SAFE WINDOW;
COMMENT ON FUNCTION weir.fill_linear(float8, timestamp) IS
    'x, or where it is NULL the value at ts on the line between the last known value before and the next after it in the order of the window: fill_linear(x, ts) OVER (PARTITION BY ... ORDER BY ts). NULL where one of them is missing, or a time of the three. The frame does not matter. Raises 22023 for rows that are not in the order of ts.';
CREATE FUNCTION weir.fill_linear(x float8, ts date) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_fill_linear' LANGUAGE C IMMUTABLE PARALLEL SAFE WINDOW;
COMMENT ON FUNCTION weir.fill_linear(float8, date) IS
    'x, or where it is NULL the value at ts on the line between the last known value before and the next after it in the order of the window: fill_linear(x, ts) OVER (PARTITION BY ... ORDER BY ts). NULL where one of them is missing, or a time of the three. The frame does not matter. Raises 22023 for rows that are not in the order of ts.';
CREATE FUNCTION weir.fill_linear(x float8, ts bigint) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_fill_linear' LANGUAGE C IMMUTABLE PARALLEL SAFE WINDOW;
COMMENT ON FUNCTION weir.fill_linear(float8, bigint) IS
    'x, or where it is NULL the value at ts on the line between the last known value before and the next after it in the order of the window: fill_linear(x, ts) OVER (PARTITION BY ... ORDER BY ts). NULL where one of them is missing, or a time of the three. The frame does not matter. Raises 22023 for rows that are not in the order of ts.';
CREATE FUNCTION weir.z_score(x float8) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_z_score' LANGUAGE C IMMUTABLE PARALLEL SAFE WINDOW;
COMMENT ON FUNCTION weir.z_score(float8) IS
    'How many sample standard deviations (n - 1) x is above the mean of its partition: z_score(x) OVER (PARTITION BY ...). NULL values, NaN and infinities do not count for mean and deviation; NULL for a NULL x, for fewer than two values, and when all are equal. The frame does not matter; z_score(x, weir.summarize(x) OVER w) follows a frame.';
CREATE FUNCTION weir.robust_z_score(x float8) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_robust_z_score' LANGUAGE C IMMUTABLE PARALLEL SAFE WINDOW;
COMMENT ON FUNCTION weir.robust_z_score(float8) IS
    'How far x is above the median of its partition, in units of 1.4826 times the median absolute deviation, the standard deviation of normal data (Iglewicz and Hoaglin 1993): robust_z_score(x) OVER (PARTITION BY ...). Outliers, many of them even, do not hide themselves as they can from z_score. NULL values, NaN and infinities do not count for median and deviation; NULL for a NULL x, and when more than half of the values are equal. The frame does not matter.';
CREATE FUNCTION weir.z_score(x float8, summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_z_score_of_summary' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.z_score(float8, weir.summary) IS
    'How many sample standard deviations x is above the mean of the summary: of a baseline, of a window, of a frame. NULL for NULL arguments, for fewer than two values, when all are equal, and of times, intervals, categories and vectors.';
CREATE FUNCTION weir.robust_z_score(x float8, summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_robust_z_score_of_summary' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.robust_z_score(float8, weir.summary) IS
    'How far x is above the median of the summary, in units of 1.4826 times its median absolute deviation: of a baseline, of a window, of a frame. Exact while the summary keeps every value, beyond that within the width of its bins. NULL for NULL arguments, without values, when more than half are equal, and of times, intervals, categories and vectors.';
CREATE FUNCTION weir.median_absolute_deviation(summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_median_absolute_deviation' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.median_absolute_deviation(weir.summary) IS
    'Median of the distances of the finite values from their median (of the two in the middle their mean): exact while the summary keeps every value, beyond that within the width of its bins. NULL without values, and of times, intervals, categories and vectors.';

CREATE AGGREGATE weir.median_absolute_deviation("any") (
    SFUNC = weir.summarize_numeric_transition, STYPE = weir.summary, COMBINEFUNC = weir.summary_combine,
    FINALFUNC = weir.median_absolute_deviation, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.median_absolute_deviation("any") IS
    'Median of the distances of the finite values from their median (of the two in the middle their mean), median_abs_deviation of SciPy: exact while the distinct values fit the bins of a summary, beyond that within the width of its bins. Times 1.4826 it is the standard deviation of normal data. NULL without values. Raises 42804 for types that are no numbers.';

-- summaries of ranges of time ----------------------------------------------------------------------------------------------------------------

CREATE TYPE weir.time_weighted_summary;
CREATE FUNCTION weir.time_weighted_summary_in(cstring) RETURNS weir.time_weighted_summary
    AS 'MODULE_PATHNAME', 'weir_time_weighted_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.time_weighted_summary_in(cstring) IS 'Text input of weir.time_weighted_summary: base64 as its output gives it. Raises 22P02 for what is not base64, 22P03 for what is no such summary.';
CREATE FUNCTION weir.time_weighted_summary_out(weir.time_weighted_summary) RETURNS cstring
    AS 'MODULE_PATHNAME', 'weir_range_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.time_weighted_summary_out(weir.time_weighted_summary) IS 'Text output of weir.time_weighted_summary: its stored form in base64, lossless.';
CREATE FUNCTION weir.time_weighted_summary_recv(internal) RETURNS weir.time_weighted_summary
    AS 'MODULE_PATHNAME', 'weir_time_weighted_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.time_weighted_summary_recv(internal) IS 'Binary input of weir.time_weighted_summary: its stored form. Raises 22P03 for what is no such summary.';
CREATE FUNCTION weir.time_weighted_summary_send(weir.time_weighted_summary) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_range_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.time_weighted_summary_send(weir.time_weighted_summary) IS 'Binary output of weir.time_weighted_summary: its stored form, lossless, the same on every machine.';
CREATE TYPE weir.time_weighted_summary (
    INPUT = weir.time_weighted_summary_in, OUTPUT = weir.time_weighted_summary_out, RECEIVE = weir.time_weighted_summary_recv, SEND = weir.time_weighted_summary_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = main
);
COMMENT ON TYPE weir.time_weighted_summary IS 'Mergeable summary of a value over a range of time: its integral, its first and last observation. Of ranges that do not overlap weir.merge makes one.';

CREATE TYPE weir.counter_summary;
CREATE FUNCTION weir.counter_summary_in(cstring) RETURNS weir.counter_summary
    AS 'MODULE_PATHNAME', 'weir_counter_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.counter_summary_in(cstring) IS 'Text input of weir.counter_summary: base64 as its output gives it. Raises 22P02 for what is not base64, 22P03 for what is no such summary.';
CREATE FUNCTION weir.counter_summary_out(weir.counter_summary) RETURNS cstring
    AS 'MODULE_PATHNAME', 'weir_range_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.counter_summary_out(weir.counter_summary) IS 'Text output of weir.counter_summary: its stored form in base64, lossless.';
CREATE FUNCTION weir.counter_summary_recv(internal) RETURNS weir.counter_summary
    AS 'MODULE_PATHNAME', 'weir_counter_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.counter_summary_recv(internal) IS 'Binary input of weir.counter_summary: its stored form. Raises 22P03 for what is no such summary.';
CREATE FUNCTION weir.counter_summary_send(weir.counter_summary) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_range_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.counter_summary_send(weir.counter_summary) IS 'Binary output of weir.counter_summary: its stored form, lossless, the same on every machine.';
CREATE TYPE weir.counter_summary (
    INPUT = weir.counter_summary_in, OUTPUT = weir.counter_summary_out, RECEIVE = weir.counter_summary_recv, SEND = weir.counter_summary_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = main
);
COMMENT ON TYPE weir.counter_summary IS 'Mergeable summary of a counter or a gauge over a range of time: its increase, resets and changes, its first and last observations. Of ranges that do not overlap weir.merge makes one.';

CREATE FUNCTION weir._time_weighted_final(internal) RETURNS weir.time_weighted_summary
    AS 'MODULE_PATHNAME', 'weir_time_weighted_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._counter_final(internal) RETURNS weir.counter_summary
    AS 'MODULE_PATHNAME', 'weir_counter_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._gauge_final(internal) RETURNS weir.counter_summary
    AS 'MODULE_PATHNAME', 'weir_gauge_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._time_weighted_merge_transition(internal, summary weir.time_weighted_summary) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_time_weighted_merge_transition' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._counter_merge_transition(internal, summary weir.counter_summary) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_counter_merge_transition' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._range_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_range_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._range_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_range_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION weir._range_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_range_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION weir._time_weighted_merge_final(internal) RETURNS weir.time_weighted_summary
    AS 'MODULE_PATHNAME', 'weir_time_weighted_merge_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._counter_merge_final(internal) RETURNS weir.counter_summary
    AS 'MODULE_PATHNAME', 'weir_counter_merge_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE AGGREGATE weir.summarize_time_weighted(float8, "any") (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._time_weighted_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.summarize_time_weighted(float8, "any") IS
    'The summary of x over the range of its times, a value holding until the next one; see weir.time_weighted_mean and weir.time_integral. ts is a timestamptz, timestamp, date or integer. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. Raises 42804 for other types of ts.';

CREATE AGGREGATE weir.summarize_time_weighted(float8, "any", text) (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._time_weighted_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.summarize_time_weighted(float8, "any", text) IS
    'The summary of x over the range of its times, by the method step or linear; see weir.time_weighted_mean and weir.time_integral. ts is a timestamptz, timestamp, date or integer. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. Raises 22023 for another method, 42804 for other types of ts.';

CREATE AGGREGATE weir.summarize_counter(float8, "any") (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._counter_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.summarize_counter(float8, "any") IS
    'The summary of a counter over the range of its times: a fall is a reset of the counter, which is taken to have risen from 0 to the new value; see weir.increase, rate, resets. ts is a timestamptz, timestamp, date or integer. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. Raises 42804 for other types of ts.';

CREATE AGGREGATE weir.summarize_gauge(float8, "any") (
    SFUNC = weir._series_transition, STYPE = internal, COMBINEFUNC = weir._series_combine, SERIALFUNC = weir._series_serialize, DESERIALFUNC = weir._series_deserialize,
    FINALFUNC = weir._gauge_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.summarize_gauge(float8, "any") IS
    'The summary of a gauge, which may fall as well as rise, over the range of its times; see weir.increase (here: the change), rate, changes. ts is a timestamptz, timestamp, date or integer. Rows may come in any order. Rows with a NULL, or with a value or time that is not finite, are left out; NULL when none is left. Raises 42804 for other types of ts.';

CREATE AGGREGATE weir.merge(weir.time_weighted_summary) (
    SFUNC = weir._time_weighted_merge_transition, STYPE = internal, COMBINEFUNC = weir._range_combine, SERIALFUNC = weir._range_serialize, DESERIALFUNC = weir._range_deserialize,
    FINALFUNC = weir._time_weighted_merge_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.merge(weir.time_weighted_summary) IS
    'The summary of the ranges together, and of the time between them: as of all rows. They may come in any order; NULLs are left out; NULL when nothing is left. Raises 22023 for ranges that overlap, 42804 for summaries of different kinds.';

CREATE AGGREGATE weir.merge(weir.counter_summary) (
    SFUNC = weir._counter_merge_transition, STYPE = internal, COMBINEFUNC = weir._range_combine, SERIALFUNC = weir._range_serialize, DESERIALFUNC = weir._range_deserialize,
    FINALFUNC = weir._counter_merge_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.merge(weir.counter_summary) IS
    'The summary of the ranges together, and of the time between them: as of all rows. They may come in any order; NULLs are left out; NULL when nothing is left. Raises 22023 for ranges that overlap, 42804 for summaries of different kinds.';

CREATE FUNCTION weir.time_weighted_mean(summary weir.time_weighted_summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_time_weighted_mean' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.time_weighted_mean(weir.time_weighted_summary) IS
    'Mean weighted by how long each value held; the last value when the range has no length. NULL for a NULL summary.';
CREATE FUNCTION weir.time_integral(summary weir.time_weighted_summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_time_integral' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.time_integral(weir.time_weighted_summary) IS
    'Integral over time, in value times seconds (units of ts, when that is an integer). NULL for a NULL summary.';
CREATE FUNCTION weir.time_weighted_between(summary weir.time_weighted_summary, since timestamptz, until timestamptz,
    previous weir.time_weighted_summary DEFAULT NULL, following weir.time_weighted_summary DEFAULT NULL) RETURNS weir.time_weighted_summary
    AS 'MODULE_PATHNAME', 'weir_time_weighted_between' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.time_weighted_between(weir.time_weighted_summary, timestamptz, timestamptz, weir.time_weighted_summary, weir.time_weighted_summary) IS
    'The summary extended to the whole of a window whose rows it has: before its first row by the last value of the previous window, after its last row by that value (step), or on the line towards the first value of the following window (linear). What previous or following do not tell is left as it is. NULL for a NULL summary or bound. Raises 22023 for a range that ends before it begins or is not finite, 42804 when the bounds are not of the kind of its times.';
CREATE FUNCTION weir.time_weighted_between(summary weir.time_weighted_summary, since timestamp, until timestamp,
    previous weir.time_weighted_summary DEFAULT NULL, following weir.time_weighted_summary DEFAULT NULL) RETURNS weir.time_weighted_summary
    AS 'MODULE_PATHNAME', 'weir_time_weighted_between' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.time_weighted_between(weir.time_weighted_summary, timestamp, timestamp, weir.time_weighted_summary, weir.time_weighted_summary) IS
    'The summary extended to the whole of a window whose rows it has: before its first row by the last value of the previous window, after its last row by that value (step), or on the line towards the first value of the following window (linear). What previous or following do not tell is left as it is. NULL for a NULL summary or bound. Raises 22023 for a range that ends before it begins or is not finite, 42804 when the bounds are not of the kind of its times.';
CREATE FUNCTION weir.time_weighted_between(summary weir.time_weighted_summary, since date, until date,
    previous weir.time_weighted_summary DEFAULT NULL, following weir.time_weighted_summary DEFAULT NULL) RETURNS weir.time_weighted_summary
    AS 'MODULE_PATHNAME', 'weir_time_weighted_between' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.time_weighted_between(weir.time_weighted_summary, date, date, weir.time_weighted_summary, weir.time_weighted_summary) IS
    'The summary extended to the whole of a window whose rows it has: before its first row by the last value of the previous window, after its last row by that value (step), or on the line towards the first value of the following window (linear). What previous or following do not tell is left as it is. NULL for a NULL summary or bound. Raises 22023 for a range that ends before it begins or is not finite, 42804 when the bounds are not of the kind of its times.';
CREATE FUNCTION weir.time_weighted_between(summary weir.time_weighted_summary, since bigint, until bigint,
    previous weir.time_weighted_summary DEFAULT NULL, following weir.time_weighted_summary DEFAULT NULL) RETURNS weir.time_weighted_summary
    AS 'MODULE_PATHNAME', 'weir_time_weighted_between' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.time_weighted_between(weir.time_weighted_summary, bigint, bigint, weir.time_weighted_summary, weir.time_weighted_summary) IS
    'The summary extended to the whole of a window whose rows it has: before its first row by the last value of the previous window, after its last row by that value (step), or on the line towards the first value of the following window (linear). What previous or following do not tell is left as it is. NULL for a NULL summary or bound. Raises 22023 for a range that ends before it begins or is not finite, 42804 when the bounds are not of the kind of its times.';
CREATE FUNCTION weir.increase(summary weir.counter_summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_increase' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.increase(weir.counter_summary) IS
    'How much the counter has risen from the first to the last row, resets made good; of a gauge how much it has changed. NULL for fewer than two rows. NULL for a NULL summary.';
CREATE FUNCTION weir.rate(summary weir.counter_summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_rate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.rate(weir.counter_summary) IS
    'The increase over the time from the first to the last row, per second (per unit of ts, when that is an integer); nothing is extrapolated. NULL when all rows have one time. NULL for a NULL summary.';
CREATE FUNCTION weir.instant_rate(summary weir.counter_summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_instant_rate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.instant_rate(weir.counter_summary) IS
    'The increase between the last two rows, per second (per unit of ts, when that is an integer). NULL for fewer than two rows, or when both have one time. NULL for a NULL summary.';
CREATE FUNCTION weir.resets(summary weir.counter_summary) RETURNS bigint
    AS 'MODULE_PATHNAME', 'weir_resets' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.resets(weir.counter_summary) IS
    'How often the value has fallen. NULL for a NULL summary.';
CREATE FUNCTION weir.changes(summary weir.counter_summary) RETURNS bigint
    AS 'MODULE_PATHNAME', 'weir_changes' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.changes(weir.counter_summary) IS
    'How often the value differed from the one before. NULL for a NULL summary.';
CREATE FUNCTION weir.extrapolated_increase(summary weir.counter_summary, since timestamptz, until timestamptz) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_extrapolated_increase' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.extrapolated_increase(weir.counter_summary, timestamptz, timestamptz) IS
    'The increase of a counter (the change of a gauge) over the whole of a window whose rows the summary has, extrapolated as the functions increase, rate and delta of Prometheus do: towards a bound nearer than 1.1 times the mean distance of rows the slope is carried on all the way, else over half that distance, and a counter not further back than to where it would be 0. NULL for fewer than two rows, no time between them, or NULL arguments. Raises 22023 for a range that ends before it begins, is not finite, or does not hold all rows, 42804 when the bounds are not of the kind of its times.';
CREATE FUNCTION weir.extrapolated_rate(summary weir.counter_summary, since timestamptz, until timestamptz) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_extrapolated_rate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.extrapolated_rate(weir.counter_summary, timestamptz, timestamptz) IS
    'extrapolated_increase over the length of the window, per second (per unit of ts, when that is an integer): as the functions increase, rate and delta of Prometheus do: towards a bound nearer than 1.1 times the mean distance of rows the slope is carried on all the way, else over half that distance, and a counter not further back than to where it would be 0. NULL for fewer than two rows, no time between them, or NULL arguments. Raises 22023 for a range that ends before it begins, is not finite, or does not hold all rows, 42804 when the bounds are not of the kind of its times.';
CREATE FUNCTION weir.extrapolated_increase(summary weir.counter_summary, since timestamp, until timestamp) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_extrapolated_increase' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.extrapolated_increase(weir.counter_summary, timestamp, timestamp) IS
    'The increase of a counter (the change of a gauge) over the whole of a window whose rows the summary has, extrapolated as the functions increase, rate and delta of Prometheus do: towards a bound nearer than 1.1 times the mean distance of rows the slope is carried on all the way, else over half that distance, and a counter not further back than to where it would be 0. NULL for fewer than two rows, no time between them, or NULL arguments. Raises 22023 for a range that ends before it begins, is not finite, or does not hold all rows, 42804 when the bounds are not of the kind of its times.';
CREATE FUNCTION weir.extrapolated_rate(summary weir.counter_summary, since timestamp, until timestamp) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_extrapolated_rate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.extrapolated_rate(weir.counter_summary, timestamp, timestamp) IS
    'extrapolated_increase over the length of the window, per second (per unit of ts, when that is an integer): as the functions increase, rate and delta of Prometheus do: towards a bound nearer than 1.1 times the mean distance of rows the slope is carried on all the way, else over half that distance, and a counter not further back than to where it would be 0. NULL for fewer than two rows, no time between them, or NULL arguments. Raises 22023 for a range that ends before it begins, is not finite, or does not hold all rows, 42804 when the bounds are not of the kind of its times.';
CREATE FUNCTION weir.extrapolated_increase(summary weir.counter_summary, since date, until date) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_extrapolated_increase' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.extrapolated_increase(weir.counter_summary, date, date) IS
    'The increase of a counter (the change of a gauge) over the whole of a window whose rows the summary has, extrapolated as the functions increase, rate and delta of Prometheus do: towards a bound nearer than 1.1 times the mean distance of rows the slope is carried on all the way, else over half that distance, and a counter not further back than to where it would be 0. NULL for fewer than two rows, no time between them, or NULL arguments. Raises 22023 for a range that ends before it begins, is not finite, or does not hold all rows, 42804 when the bounds are not of the kind of its times.';
CREATE FUNCTION weir.extrapolated_rate(summary weir.counter_summary, since date, until date) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_extrapolated_rate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.extrapolated_rate(weir.counter_summary, date, date) IS
    'extrapolated_increase over the length of the window, per second (per unit of ts, when that is an integer): as the functions increase, rate and delta of Prometheus do: towards a bound nearer than 1.1 times the mean distance of rows the slope is carried on all the way, else over half that distance, and a counter not further back than to where it would be 0. NULL for fewer than two rows, no time between them, or NULL arguments. Raises 22023 for a range that ends before it begins, is not finite, or does not hold all rows, 42804 when the bounds are not of the kind of its times.';
CREATE FUNCTION weir.extrapolated_increase(summary weir.counter_summary, since bigint, until bigint) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_extrapolated_increase' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.extrapolated_increase(weir.counter_summary, bigint, bigint) IS
    'The increase of a counter (the change of a gauge) over the whole of a window whose rows the summary has, extrapolated as the functions increase, rate and delta of Prometheus do: towards a bound nearer than 1.1 times the mean distance of rows the slope is carried on all the way, else over half that distance, and a counter not further back than to where it would be 0. NULL for fewer than two rows, no time between them, or NULL arguments. Raises 22023 for a range that ends before it begins, is not finite, or does not hold all rows, 42804 when the bounds are not of the kind of its times.';
CREATE FUNCTION weir.extrapolated_rate(summary weir.counter_summary, since bigint, until bigint) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_extrapolated_rate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.extrapolated_rate(weir.counter_summary, bigint, bigint) IS
    'extrapolated_increase over the length of the window, per second (per unit of ts, when that is an integer): as the functions increase, rate and delta of Prometheus do: towards a bound nearer than 1.1 times the mean distance of rows the slope is carried on all the way, else over half that distance, and a counter not further back than to where it would be 0. NULL for fewer than two rows, no time between them, or NULL arguments. Raises 22023 for a range that ends before it begins, is not finite, or does not hold all rows, 42804 when the bounds are not of the kind of its times.';
