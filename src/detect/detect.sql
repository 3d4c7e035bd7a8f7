-- detect: sequential change detectors ------------------------------------------------------------------------------------------------------

CREATE TYPE weir.detector_state;
CREATE FUNCTION weir.detector_state_in(cstring) RETURNS weir.detector_state
    AS 'MODULE_PATHNAME', 'weir_detector_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.detector_state_in(cstring) IS 'Text input of weir.detector_state: hexadecimal digits as its output gives them. Raises 22P02 for other text, 22P03 for what is not a state.';
CREATE FUNCTION weir.detector_state_out(weir.detector_state) RETURNS cstring
    AS 'MODULE_PATHNAME', 'weir_detector_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.detector_state_out(weir.detector_state) IS 'Text output of weir.detector_state: its stored form in hexadecimal digits, lossless.';
CREATE FUNCTION weir.detector_state_recv(internal) RETURNS weir.detector_state
    AS 'MODULE_PATHNAME', 'weir_detector_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.detector_state_recv(internal) IS 'Binary input of weir.detector_state: its stored form. Raises 22P03 for what is not a state.';
CREATE FUNCTION weir.detector_state_send(weir.detector_state) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_detector_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.detector_state_send(weir.detector_state) IS 'Binary output of weir.detector_state: its stored form, lossless, the same on every machine.';
CREATE TYPE weir.detector_state (
    INPUT = weir.detector_state_in, OUTPUT = weir.detector_state_out, RECEIVE = weir.detector_state_recv, SEND = weir.detector_state_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = extended
);
COMMENT ON TYPE weir.detector_state IS
    'A sequential change detector as it stands after some values: weir.detector begins one, weir.advance goes on with it, weir.signal and '
    'weir.detector_stats read it. Stored and gone on with, it says what one run over all values says.';

CREATE FUNCTION weir._detectors() RETURNS TABLE (detector text, input text, options jsonb, reference text)
    AS 'MODULE_PATHNAME', 'weir_detector_catalogue' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 22;
COMMENT ON FUNCTION weir._detectors() IS 'The rows of weir.detectors. Internal.';
CREATE VIEW weir.detectors AS SELECT detector, input, options, reference FROM weir._detectors();
COMMENT ON VIEW weir.detectors IS
    'The detectors that weir.detect, weir.detections and weir.detector know. input: what they take; those that take errors take booleans as well (true: an error, a wrong '
    'prediction). options: all of them with their initial values; null: estimated from the first values. reference: the paper that is followed.';
GRANT SELECT ON weir.detectors TO PUBLIC;

-- over rows

CREATE FUNCTION weir.detect(x float8, detector text DEFAULT 'adwin', options jsonb DEFAULT '{}') RETURNS text
    AS 'MODULE_PATHNAME', 'weir_detect_number' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.detect(float8, text, jsonb) IS
    'Window function: what a change detector says after each row of the partition, in its order: stable, warning or drift; NULL for rows that '
    'are no observation (NULL, NaN, infinite), which leave the detector as it is. Give an ORDER BY that leaves no ties; the frame does not matter. detector, options: as in '
    'weir.detectors; those of the first row of the partition hold for all of it. After a drift the detector goes on, most of them from '
    'nothing. Raises 22023 for an unknown detector or option, 22003 for a value that the detector does not take.';
CREATE FUNCTION weir.detect(x boolean, detector text DEFAULT 'ddm', options jsonb DEFAULT '{}') RETURNS text
    AS 'MODULE_PATHNAME', 'weir_detect_boolean' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.detect(boolean, text, jsonb) IS
    'Window function: what a change detector says after each row of the partition, in its order: stable, warning or drift; NULL for NULL. '
    'true is an error (a wrong prediction) and counts as 1, false as 0. Give an ORDER BY that leaves no ties; the frame does not matter. '
    'detector, options: as in weir.detectors; those of the first row of the partition hold for all of it. Raises 22023 for an unknown '
    'detector or option.';

CREATE FUNCTION weir.detections_transition(state internal, x float8) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_detections_add_number' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.detections_transition(internal, float8) IS 'Internal: transition function of detections.';
CREATE FUNCTION weir.detections_transition(state internal, x float8, detector text) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_detections_add_number' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.detections_transition(internal, float8, text) IS 'Internal: transition function of detections.';
CREATE FUNCTION weir.detections_transition(state internal, x float8, detector text, options jsonb) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_detections_add_number' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.detections_transition(internal, float8, text, jsonb) IS 'Internal: transition function of detections.';
CREATE FUNCTION weir.detections_transition(state internal, x boolean) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_detections_add_boolean' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.detections_transition(internal, boolean) IS 'Internal: transition function of detections.';
CREATE FUNCTION weir.detections_transition(state internal, x boolean, detector text) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_detections_add_boolean' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.detections_transition(internal, boolean, text) IS 'Internal: transition function of detections.';
CREATE FUNCTION weir.detections_transition(state internal, x boolean, detector text, options jsonb) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_detections_add_boolean' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.detections_transition(internal, boolean, text, jsonb) IS 'Internal: transition function of detections.';
CREATE FUNCTION weir.detections_final(state internal) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'weir_detections_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.detections_final(internal) IS 'Internal: final function of detections.';

CREATE AGGREGATE weir.detections(float8) (SFUNC = weir.detections_transition, STYPE = internal, FINALFUNC = weir.detections_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.detections(float8, text) (SFUNC = weir.detections_transition, STYPE = internal, FINALFUNC = weir.detections_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.detections(float8, text, jsonb) (SFUNC = weir.detections_transition, STYPE = internal, FINALFUNC = weir.detections_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.detections(boolean) (SFUNC = weir.detections_transition, STYPE = internal, FINALFUNC = weir.detections_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.detections(boolean, text) (SFUNC = weir.detections_transition, STYPE = internal, FINALFUNC = weir.detections_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.detections(boolean, text, jsonb) (SFUNC = weir.detections_transition, STYPE = internal, FINALFUNC = weir.detections_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE weir.detections(float8) IS
    'Where adwin, with its initial options, sees a change: numbers of rows from 0, in the order of the ORDER BY inside the call, which '
    'is needed. Rows that are no observation (NULL, NaN, infinite) are numbered too. {} where there is no change, NULL over no rows.';
COMMENT ON AGGREGATE weir.detections(float8, text) IS
    'Where a detector (as in weir.detectors), with its initial options, sees a change: numbers of rows from 0, in the order of the ORDER BY '
    'inside the call, which is needed. Rows that are no observation (NULL, NaN, infinite) are numbered too. {} where there is no change, NULL over no rows. '
    'Raises 22023 for an unknown detector, 22003 for a value that it does not take.';
COMMENT ON AGGREGATE weir.detections(float8, text, jsonb) IS
    'Where a detector (as in weir.detectors) sees a change: numbers of rows from 0, in the order of the ORDER BY inside the call, which is '
    'needed. Detector and options are those of the first row. Rows that are no observation (NULL, NaN, infinite) are numbered too. {} where there is no change, '
    'NULL over no rows. Raises 22023 for an unknown detector or option, 22003 for a value that the detector does not take.';
COMMENT ON AGGREGATE weir.detections(boolean) IS
    'Where ddm, with its initial options, sees errors (true) become more: numbers of rows from 0, in the order of the ORDER BY inside the '
    'call, which is needed. NULLs are numbered too. {} where there is no change, NULL over no rows.';
COMMENT ON AGGREGATE weir.detections(boolean, text) IS
    'Where a detector (as in weir.detectors), with its initial options, sees a change of errors (true): numbers of rows from 0, in the order '
    'of the ORDER BY inside the call, which is needed. NULLs are numbered too. {} where there is no change, NULL over no rows.';
COMMENT ON AGGREGATE weir.detections(boolean, text, jsonb) IS
    'Where a detector (as in weir.detectors) sees a change of errors (true): numbers of rows from 0, in the order of the ORDER BY inside '
    'the call, which is needed. Detector and options are those of the first row. NULLs are numbered too. {} where there is no change, NULL over no rows.';

CREATE FUNCTION weir.detections(x float8[], detector text DEFAULT 'adwin', options jsonb DEFAULT '{}') RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'weir_detections_numbers' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.detections(float8[], text, jsonb) IS
    'Where a detector (as in weir.detectors) sees a change in the array: positions from 0. NULL, NaN and infinite elements are no '
    'observations, but have a position. Raises 22023 for an unknown detector or option, 22003 for a value that the detector does not take.';
CREATE FUNCTION weir.detections(x boolean[], detector text DEFAULT 'ddm', options jsonb DEFAULT '{}') RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'weir_detections_booleans' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.detections(boolean[], text, jsonb) IS
    'Where a detector (as in weir.detectors) sees a change of errors (true) in the array: positions from 0. NULL elements are no '
    'observations, but have a position. Raises 22023 for an unknown detector or option.';

-- begin, store, go on

CREATE FUNCTION weir.detector(detector text DEFAULT 'adwin', options jsonb DEFAULT '{}') RETURNS weir.detector_state
    AS 'MODULE_PATHNAME', 'weir_detector' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.detector(text, jsonb) IS
    'A detector (as in weir.detectors) before its first value. Raises 22023 for an unknown detector or option, 22004 for NULL.';
CREATE FUNCTION weir.advance(state weir.detector_state, x float8) RETURNS weir.detector_state
    AS 'MODULE_PATHNAME', 'weir_advance_number' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.advance(weir.detector_state, float8) IS
    'The detector after one more value. NULL, NaN and infinite: after a row without observation. NULL for a NULL state. Raises 22003 for a value that the detector does not take.';
CREATE FUNCTION weir.advance(state weir.detector_state, x boolean) RETURNS weir.detector_state
    AS 'MODULE_PATHNAME', 'weir_advance_boolean' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.advance(weir.detector_state, boolean) IS
    'The detector after one more prediction: true is an error, 1; false 0. NULL: after a row without observation. NULL for a NULL state.';
CREATE FUNCTION weir.advance(state weir.detector_state, x float8[]) RETURNS weir.detector_state
    AS 'MODULE_PATHNAME', 'weir_advance_numbers' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.advance(weir.detector_state, float8[]) IS
    'The detector after the values of the array, in their order. NULL for a NULL state or array. Raises 22003 for a value that the detector does not take.';
CREATE FUNCTION weir.advance(state weir.detector_state, x boolean[]) RETURNS weir.detector_state
    AS 'MODULE_PATHNAME', 'weir_advance_booleans' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.advance(weir.detector_state, boolean[]) IS
    'The detector after the predictions of the array, in their order: true is an error, 1; false 0. NULL for a NULL state or array.';
CREATE FUNCTION weir.signal(state weir.detector_state) RETURNS text
    AS 'MODULE_PATHNAME', 'weir_signal' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.signal(weir.detector_state) IS
    'What the detector said after its latest value: stable, warning or drift; NULL before its first.';
CREATE FUNCTION weir.detector_stats(state weir.detector_state, OUT detector text, OUT options jsonb, OUT signal text, OUT n bigint,
    OUT null_count bigint, OUT n_drifts bigint, OUT last_drift bigint)
    AS 'MODULE_PATHNAME', 'weir_detector_stats' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.detector_stats(weir.detector_state) IS
    'What a detector is and has seen. n: values; null_count: rows without observation (NULL, NaN, infinite); n_drifts; last_drift: number of the row, from 0, of the latest '
    'drift, NULL before the first; signal: as weir.signal.';

CREATE FUNCTION weir.detector_evaluation(alarms bigint[], drifts bigint[], n bigint, max_delay bigint DEFAULT NULL, per bigint DEFAULT 10000)
    RETURNS TABLE (source text, n_alarms float8, n_drifts float8, n_detected float8, n_missed float8, n_false float8, "precision" float8,
        recall float8, episode_recall float8, f1 float8, mean_delay float8, normalized_delay float8, missed_rate float8, false_alarm_rate float8,
        mean_time_between_false_alarms float8, mean_time_ratio float8)
    AS 'MODULE_PATHNAME', 'weir_detector_evaluation' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 2;
COMMENT ON FUNCTION weir.detector_evaluation(bigint[], bigint[], bigint, bigint, bigint) IS
    'How good alarms are, when one knows where the changes were. alarms (weir.detections), drifts: numbers of rows from 0; n: rows of the '
    'stream. A drift is detected by an alarm at or after it, before the next drift, and at most max_delay rows later (NULL: no limit); only '
    'the first such alarm is right, every other is false. precision = n_detected / n_alarms; recall = n_detected / n_drifts; episode_recall: '
    'drifts with an alarm before the next drift, however late; f1: harmonic mean of precision and recall; mean_delay: rows from drift to alarm, over the detected; normalized_delay: the '
    'same as a share of the time there was, in [0, 1]; missed_rate = 1 - recall; false_alarm_rate: n_false per so many rows (per); '
    'mean_time_between_false_alarms = n / n_false; mean_time_ratio = that * recall / mean_delay (Bifet 2017). NULL where undefined. Two rows: source detector, and '
    'periodic, as many alarms at equal distances, the mean over where they begin: what a detector has to beat. Raises 22004 for NULL, 22023 for positions outside the '
    'stream.';
