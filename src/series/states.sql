-- states -----------------------------------------------------------------------------------------------------------------------------------------

CREATE TYPE weir.state_summary;
CREATE FUNCTION weir.state_summary_in(cstring) RETURNS weir.state_summary
    AS 'MODULE_PATHNAME', 'weir_states_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.state_summary_in(cstring) IS 'Text input of weir.state_summary: base64 as its output gives it. Raises 22P02 for what is not base64, 22P03 for what is no such summary.';
CREATE FUNCTION weir.state_summary_out(weir.state_summary) RETURNS cstring
    AS 'MODULE_PATHNAME', 'weir_range_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.state_summary_out(weir.state_summary) IS 'Text output of weir.state_summary: its stored form in base64, lossless.';
CREATE FUNCTION weir.state_summary_recv(internal) RETURNS weir.state_summary
    AS 'MODULE_PATHNAME', 'weir_states_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.state_summary_recv(internal) IS 'Binary input of weir.state_summary: its stored form. Raises 22P03 for what is no such summary.';
CREATE FUNCTION weir.state_summary_send(weir.state_summary) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_range_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.state_summary_send(weir.state_summary) IS 'Binary output of weir.state_summary: its stored form, lossless, the same on every machine.';
CREATE TYPE weir.state_summary (
    INPUT = weir.state_summary_in, OUTPUT = weir.state_summary_out, RECEIVE = weir.state_summary_recv, SEND = weir.state_summary_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = extended
);
COMMENT ON TYPE weir.state_summary IS 'Mergeable summary of which state held when over a range of time: the changes of state, and the time of the last row. Of ranges that do not overlap weir.merge makes one.';

CREATE FUNCTION weir._states_transition(internal, state "any", ts "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_states_transition' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION weir._states_transition(internal, state "any", ts "any", wanted text) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_states_transition' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION weir._states_merge_transition(internal, summary weir.state_summary) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_states_merge_transition' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._states_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_states_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._states_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_states_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION weir._states_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_states_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION weir._states_final(internal) RETURNS weir.state_summary
    AS 'MODULE_PATHNAME', 'weir_states_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION weir._duration_in_final(internal) RETURNS interval
    AS 'MODULE_PATHNAME', 'weir_duration_in_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE AGGREGATE weir.summarize_states("any", "any") (
    SFUNC = weir._states_transition, STYPE = internal, COMBINEFUNC = weir._states_combine, SERIALFUNC = weir._states_serialize,
    DESERIALFUNC = weir._states_deserialize, FINALFUNC = weir._states_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.summarize_states("any", "any") IS
    'The summary of states: summarize_states(state, ts), where a row says that from ts on the state holds, until the next row. A state is counted by its text, as by weir.summarize_category; ts is a timestamptz, a timestamp or a date (in UTC). Rows may come in any order; those with a NULL or an infinite ts are left out; NULL when none is left. Of several states at one time the last in order holds. Raises 42804 for other types.';

CREATE AGGREGATE weir.duration_in("any", "any", text) (
    SFUNC = weir._states_transition, STYPE = internal, COMBINEFUNC = weir._states_combine, SERIALFUNC = weir._states_serialize,
    DESERIALFUNC = weir._states_deserialize, FINALFUNC = weir._duration_in_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.duration_in("any", "any", text) IS
    'For how long a state held: duration_in(state, ts, the state wanted), where a row says that from ts on the state holds, until the next row; the last row has no duration. See weir.summarize_states. The state wanted must be the same for all rows. NULL when no row is left or that is NULL. Raises 42804 for other types.';

CREATE AGGREGATE weir.merge(weir.state_summary) (
    SFUNC = weir._states_merge_transition, STYPE = internal, COMBINEFUNC = weir._states_combine, SERIALFUNC = weir._states_serialize,
    DESERIALFUNC = weir._states_deserialize, FINALFUNC = weir._states_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.merge(weir.state_summary) IS
    'The summary of the ranges together, a state holding from one range to the next: as of all rows. They may come in any order; NULLs are left out; NULL when nothing is left. Raises 22023 for ranges that overlap.';

CREATE FUNCTION weir.duration_in(summary weir.state_summary, state text, until timestamptz DEFAULT NULL) RETURNS interval
    AS 'MODULE_PATHNAME', 'weir_duration_in' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.duration_in(weir.state_summary, text, timestamptz) IS
    'For how long the state held, 0 when it never did. The last state ends with the last row, or at the time given by until, when what came later is left out. In hours, not days. NULL for a NULL summary or state.';

CREATE FUNCTION weir.state_durations(summary weir.state_summary, until timestamptz DEFAULT NULL)
    RETURNS TABLE (state text, duration interval, share float8, count bigint)
    AS 'MODULE_PATHNAME', 'weir_state_durations' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 5;
COMMENT ON FUNCTION weir.state_durations(weir.state_summary, timestamptz) IS
    'For how long each state held, its share of the whole time (0 to 1; NULL when no time passes), and how often it began, in the order in which the states first held. The last state ends with the last row, or at the time given by until, when what came later is left out. No row for a NULL summary.';

CREATE FUNCTION weir.state_timeline(summary weir.state_summary, until timestamptz DEFAULT NULL)
    RETURNS TABLE (state text, started_at timestamptz, ended_at timestamptz)
    AS 'MODULE_PATHNAME', 'weir_state_timeline' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION weir.state_timeline(weir.state_summary, timestamptz) IS
    'When which state held, in the order of time. The last state ends with the last row, or at the time given by until, when what came later is left out. No row for a NULL summary.';

CREATE FUNCTION weir.state_at(summary weir.state_summary, ts timestamptz) RETURNS text
    AS 'MODULE_PATHNAME', 'weir_state_at' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.state_at(weir.state_summary, timestamptz) IS
    'The state that holds at that time; after the last row the last one. NULL before the first row, and for NULL arguments.';
