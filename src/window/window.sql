-- window ---------------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.tumble(ts timestamptz, size interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT NULL) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'weir_tumble_timestamptz' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2;
COMMENT ON FUNCTION weir.tumble(timestamptz, interval, timestamptz, text) IS
    'Begin of the tumbling window of that size that contains ts. Sizes of hours and below are elapsed time; days and months follow the calendar of time_zone (NULL: UTC), daylight saving respected. Windows begin at origin + k * size; origin NULL: 2000-01-03, a Monday, or 2000-01-01 for months. NULL for a NULL ts or size. Infinities map to themselves. Raises 22023 for a size that is not positive or mixes units.';

CREATE FUNCTION weir.tumble(ts timestamp, size interval, origin timestamp DEFAULT NULL) RETURNS timestamp
    AS 'MODULE_PATHNAME', 'weir_tumble_timestamp' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2;
COMMENT ON FUNCTION weir.tumble(timestamp, interval, timestamp) IS
    'Begin of the tumbling window of that size that contains ts. Days are 24 hours, months follow the calendar. Windows begin at origin + k * size; origin NULL: 2000-01-03, a Monday, or 2000-01-01 for months. NULL for a NULL ts or size. Infinities map to themselves. Raises 22023 for a size that is not positive or mixes units.';

CREATE FUNCTION weir.tumble(ts date, size interval, origin date DEFAULT NULL) RETURNS date
    AS 'MODULE_PATHNAME', 'weir_tumble_date' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2;
COMMENT ON FUNCTION weir.tumble(date, interval, date) IS
    'Begin of the tumbling window of that size that contains ts. Sizes are whole days or months. Windows begin at origin + k * size; origin NULL: 2000-01-03, a Monday, or 2000-01-01 for months. NULL for a NULL ts or size. Infinities map to themselves. Raises 22023 for a size that is not positive or mixes units.';

CREATE FUNCTION weir.tumble(ts bigint, size bigint, origin bigint DEFAULT NULL) RETURNS bigint
    AS 'MODULE_PATHNAME', 'weir_tumble_bigint' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2;
COMMENT ON FUNCTION weir.tumble(bigint, bigint, bigint) IS
    'Begin of the tumbling window of that size that contains ts. Sizes and origin are numbers; origin is 0 by default. NULL for a NULL ts or size. Raises 22023 for a size that is not positive or mixes units.';

CREATE FUNCTION weir.tumble_windows(since timestamptz, until timestamptz, size interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT NULL)
    RETURNS TABLE (window_start timestamptz, window_end timestamptz)
    AS 'MODULE_PATHNAME', 'weir_tumble_windows_timestamptz' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION weir.tumble_windows(timestamptz, timestamptz, interval, timestamptz, text) IS
    'The tumbling windows of that size that hold a time from since on and before until, in ascending order, whether or not there are rows in them: the first contains since. To be joined with what weir.tumble gives, so that empty windows show. Sizes of hours and below are elapsed time; days and months follow the calendar of time_zone (NULL: UTC), daylight saving respected. origin NULL: 2000-01-03, a Monday, or 2000-01-01 for months. No row for a NULL argument, and when until is not after since. Raises 22023 for a size that is not positive or mixes units and for an infinite range.';

CREATE FUNCTION weir.tumble_windows(since timestamp, until timestamp, size interval, origin timestamp DEFAULT NULL)
    RETURNS TABLE (window_start timestamp, window_end timestamp)
    AS 'MODULE_PATHNAME', 'weir_tumble_windows_timestamp' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION weir.tumble_windows(timestamp, timestamp, interval, timestamp) IS
    'The tumbling windows of that size that hold a time from since on and before until, in ascending order, whether or not there are rows in them: the first contains since. To be joined with what weir.tumble gives, so that empty windows show. Days are 24 hours, months follow the calendar. origin NULL: 2000-01-03, a Monday, or 2000-01-01 for months. No row for a NULL argument, and when until is not after since. Raises 22023 for a size that is not positive or mixes units and for an infinite range.';

CREATE FUNCTION weir.tumble_windows(since date, until date, size interval, origin date DEFAULT NULL)
    RETURNS TABLE (window_start date, window_end date)
    AS 'MODULE_PATHNAME', 'weir_tumble_windows_date' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION weir.tumble_windows(date, date, interval, date) IS
    'The tumbling windows of that size that hold a time from since on and before until, in ascending order, whether or not there are rows in them: the first contains since. To be joined with what weir.tumble gives, so that empty windows show. Sizes are whole days or months. origin NULL: 2000-01-03, a Monday, or 2000-01-01 for months. No row for a NULL argument, and when until is not after since. Raises 22023 for a size that is not positive or mixes units and for an infinite range.';

CREATE FUNCTION weir.tumble_windows(since bigint, until bigint, size bigint, origin bigint DEFAULT NULL)
    RETURNS TABLE (window_start bigint, window_end bigint)
    AS 'MODULE_PATHNAME', 'weir_tumble_windows_bigint' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION weir.tumble_windows(bigint, bigint, bigint, bigint) IS
    'The tumbling windows of that size that hold a time from since on and before until, in ascending order, whether or not there are rows in them: the first contains since. To be joined with what weir.tumble gives, so that empty windows show. Sizes and origin are numbers; origin is 0 by default. No row for a NULL argument, and when until is not after since. Raises 22023 for a size that is not positive or mixes units.';

CREATE FUNCTION weir.hop_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_hop_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.hop_support(internal) IS 'Tells the planner how many rows hop gives: size / slide.';

CREATE FUNCTION weir.hop(ts timestamptz, size interval, slide interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT NULL)
    RETURNS TABLE (window_start timestamptz, window_end timestamptz)
    AS 'MODULE_PATHNAME', 'weir_hop_timestamptz' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 12 SUPPORT weir.hop_support;
COMMENT ON FUNCTION weir.hop(timestamptz, interval, interval, timestamptz, text) IS
    'The hopping windows that contain ts, in ascending order: of that size, one beginning every slide; window_start <= ts < window_end. Use it in FROM: FROM t, weir.hop(t.ts, ...). Sizes of hours and below are elapsed time; days and months follow the calendar of time_zone (NULL: UTC), daylight saving respected. Windows begin at origin + k * slide; origin NULL: 2000-01-03, a Monday, or 2000-01-01 for months. A slide longer than the size leaves times that no window contains. No row for a NULL argument. An infinite ts is in one window without length. Raises 22023 for a size or slide that is not positive or mixes units; 54000 where a time is in more than a million windows.';

CREATE FUNCTION weir.hop(ts timestamp, size interval, slide interval, origin timestamp DEFAULT NULL)
    RETURNS TABLE (window_start timestamp, window_end timestamp)
    AS 'MODULE_PATHNAME', 'weir_hop_timestamp' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 12 SUPPORT weir.hop_support;
COMMENT ON FUNCTION weir.hop(timestamp, interval, interval, timestamp) IS
    'The hopping windows that contain ts, in ascending order: of that size, one beginning every slide; window_start <= ts < window_end. Use it in FROM: FROM t, weir.hop(t.ts, ...). Days are 24 hours, months follow the calendar. Windows begin at origin + k * slide; origin NULL: 2000-01-03, a Monday, or 2000-01-01 for months. A slide longer than the size leaves times that no window contains. No row for a NULL argument. An infinite ts is in one window without length. Raises 22023 for a size or slide that is not positive or mixes units; 54000 where a time is in more than a million windows.';

CREATE FUNCTION weir.hop(ts date, size interval, slide interval, origin date DEFAULT NULL)
    RETURNS TABLE (window_start date, window_end date)
    AS 'MODULE_PATHNAME', 'weir_hop_date' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 12 SUPPORT weir.hop_support;
COMMENT ON FUNCTION weir.hop(date, interval, interval, date) IS
    'The hopping windows that contain ts, in ascending order: of that size, one beginning every slide; window_start <= ts < window_end. Use it in FROM: FROM t, weir.hop(t.ts, ...). Sizes are whole days or months. Windows begin at origin + k * slide; origin NULL: 2000-01-03, a Monday, or 2000-01-01 for months. A slide longer than the size leaves times that no window contains. No row for a NULL argument. An infinite ts is in one window without length. Raises 22023 for a size or slide that is not positive or mixes units; 54000 where a time is in more than a million windows.';

CREATE FUNCTION weir.hop(ts bigint, size bigint, slide bigint, origin bigint DEFAULT NULL)
    RETURNS TABLE (window_start bigint, window_end bigint)
    AS 'MODULE_PATHNAME', 'weir_hop_bigint' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 12 SUPPORT weir.hop_support;
COMMENT ON FUNCTION weir.hop(bigint, bigint, bigint, bigint) IS
    'The hopping windows that contain ts, in ascending order: of that size, one beginning every slide; window_start <= ts < window_end. Use it in FROM: FROM t, weir.hop(t.ts, ...). Sizes and origin are numbers; origin is 0 by default. A slide longer than the size leaves times that no window contains. No row for a NULL argument. Raises 22023 for a size or slide that is not positive or mixes units; 54000 where a time is in more than a million windows.';

CREATE FUNCTION weir.cumulate_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_cumulate_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.cumulate_support(internal) IS 'Tells the planner how many rows cumulate gives: half of size / step.';

CREATE FUNCTION weir.cumulate(ts timestamptz, size interval, step interval, origin timestamptz DEFAULT NULL, time_zone text DEFAULT NULL)
    RETURNS TABLE (window_start timestamptz, window_end timestamptz)
    AS 'MODULE_PATHNAME', 'weir_cumulate_timestamptz' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 12 SUPPORT weir.cumulate_support;
COMMENT ON FUNCTION weir.cumulate(timestamptz, interval, interval, timestamptz, text) IS
    'The cumulative windows that contain ts, in ascending order: they begin where the tumbling window of that size begins and end after one, two, three ... steps, the last with it; window_start <= ts < window_end. Use it in FROM: FROM t, weir.cumulate(t.ts, ...). Sizes of hours and below are elapsed time; days and months follow the calendar of time_zone (NULL: UTC), daylight saving respected. Windows begin at origin + k * size; origin NULL: 2000-01-03, a Monday, or 2000-01-01 for months. No row for a NULL argument. An infinite ts is in one window without length. Raises 22023 when size is not a multiple of step, or is not positive or mixes units; 54000 where a time is in more than a million windows.';

CREATE FUNCTION weir.cumulate(ts timestamp, size interval, step interval, origin timestamp DEFAULT NULL)
    RETURNS TABLE (window_start timestamp, window_end timestamp)
    AS 'MODULE_PATHNAME', 'weir_cumulate_timestamp' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 12 SUPPORT weir.cumulate_support;
COMMENT ON FUNCTION weir.cumulate(timestamp, interval, interval, timestamp) IS
    'The cumulative windows that contain ts, in ascending order: they begin where the tumbling window of that size begins and end after one, two, three ... steps, the last with it; window_start <= ts < window_end. Use it in FROM: FROM t, weir.cumulate(t.ts, ...). Days are 24 hours, months follow the calendar. Windows begin at origin + k * size; origin NULL: 2000-01-03, a Monday, or 2000-01-01 for months. No row for a NULL argument. An infinite ts is in one window without length. Raises 22023 when size is not a multiple of step, or is not positive or mixes units; 54000 where a time is in more than a million windows.';

CREATE FUNCTION weir.cumulate(ts date, size interval, step interval, origin date DEFAULT NULL)
    RETURNS TABLE (window_start date, window_end date)
    AS 'MODULE_PATHNAME', 'weir_cumulate_date' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 12 SUPPORT weir.cumulate_support;
COMMENT ON FUNCTION weir.cumulate(date, interval, interval, date) IS
    'The cumulative windows that contain ts, in ascending order: they begin where the tumbling window of that size begins and end after one, two, three ... steps, the last with it; window_start <= ts < window_end. Use it in FROM: FROM t, weir.cumulate(t.ts, ...). Sizes are whole days or months. Windows begin at origin + k * size; origin NULL: 2000-01-03, a Monday, or 2000-01-01 for months. No row for a NULL argument. An infinite ts is in one window without length. Raises 22023 when size is not a multiple of step, or is not positive or mixes units; 54000 where a time is in more than a million windows.';

CREATE FUNCTION weir.cumulate(ts bigint, size bigint, step bigint, origin bigint DEFAULT NULL)
    RETURNS TABLE (window_start bigint, window_end bigint)
    AS 'MODULE_PATHNAME', 'weir_cumulate_bigint' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 12 SUPPORT weir.cumulate_support;
COMMENT ON FUNCTION weir.cumulate(bigint, bigint, bigint, bigint) IS
    'The cumulative windows that contain ts, in ascending order: they begin where the tumbling window of that size begins and end after one, two, three ... steps, the last with it; window_start <= ts < window_end. Use it in FROM: FROM t, weir.cumulate(t.ts, ...). Sizes and origin are numbers; origin is 0 by default. No row for a NULL argument. Raises 22023 when size is not a multiple of step, or is not positive or mixes units; 54000 where a time is in more than a million windows.';

CREATE FUNCTION weir.session_start(ts timestamptz, gap interval) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'weir_session_start_timestamp' LANGUAGE C IMMUTABLE PARALLEL SAFE WINDOW;
COMMENT ON FUNCTION weir.session_start(timestamptz, interval) IS
    'Begin of the session that the row belongs to: its first ts. A session ends where more than gap lies between a row and the next. A window function: session_start(ts, gap) OVER (PARTITION BY ... ORDER BY ts). NULL for a NULL ts, which belongs to no session. Raises 22023 for a gap that is not positive, and for rows that are not in ascending order.';

CREATE FUNCTION weir.session_start(ts timestamp, gap interval) RETURNS timestamp
    AS 'MODULE_PATHNAME', 'weir_session_start_timestamp' LANGUAGE C IMMUTABLE PARALLEL SAFE WINDOW;
COMMENT ON FUNCTION weir.session_start(timestamp, interval) IS
    'Begin of the session that the row belongs to: its first ts. A session ends where more than gap lies between a row and the next. A window function: session_start(ts, gap) OVER (PARTITION BY ... ORDER BY ts). NULL for a NULL ts, which belongs to no session. Raises 22023 for a gap that is not positive, and for rows that are not in ascending order.';

CREATE FUNCTION weir.session_start(ts date, gap interval) RETURNS date
    AS 'MODULE_PATHNAME', 'weir_session_start_date' LANGUAGE C IMMUTABLE PARALLEL SAFE WINDOW;
COMMENT ON FUNCTION weir.session_start(date, interval) IS
    'Begin of the session that the row belongs to: its first ts. A session ends where more than gap lies between a row and the next. A window function: session_start(ts, gap) OVER (PARTITION BY ... ORDER BY ts). NULL for a NULL ts, which belongs to no session. Raises 22023 for a gap that is not positive, and for rows that are not in ascending order.';

CREATE FUNCTION weir.session_start(ts bigint, gap bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'weir_session_start_bigint' LANGUAGE C IMMUTABLE PARALLEL SAFE WINDOW;
COMMENT ON FUNCTION weir.session_start(bigint, bigint) IS
    'Begin of the session that the row belongs to: its first ts. A session ends where more than gap lies between a row and the next. A window function: session_start(ts, gap) OVER (PARTITION BY ... ORDER BY ts). NULL for a NULL ts, which belongs to no session. Raises 22023 for a gap that is not positive, and for rows that are not in ascending order.';
