-- Sequential change detectors: over rows, over arrays, stored and gone on with; errors.
SET search_path = public, weir;
CREATE TABLE stream AS
SELECT i, (i * 7919 % 1000) / 1000.0::float8 + (i > 1000)::int * 0.5 + (i > 2000)::int * 0.7 AS x, (i * 7919 % 1000) < CASE WHEN i <= 1000 THEN 100 WHEN i <= 2000 THEN 400 ELSE 900 END AS wrong
FROM generate_series(1, 3000) i;

-- every detector, with its initial options, sees a change of errors
SELECT detector, input, options, reference IS NOT NULL AS has_reference FROM detectors ORDER BY detector;
SELECT detector, d[1] > 1000 AS after_the_first, d[1:3] AS first
FROM detectors, LATERAL (SELECT detections(wrong, detector ORDER BY i) AS d FROM stream) s WHERE detector NOT IN ('shewhart') ORDER BY detector;

-- over rows: signals in order, of each partition its own
SELECT signal, count(*), min(i), max(i) FROM (SELECT i, detect(x) OVER (ORDER BY i) AS signal FROM stream) s GROUP BY 1 ORDER BY 1;
SELECT signal, count(*), min(i), max(i) FROM (SELECT i, detect(wrong) OVER (ORDER BY i) AS signal FROM stream) s GROUP BY 1 ORDER BY 1;
SELECT part, count(*) FILTER (WHERE signal = 'drift') AS drifts, min(i) FILTER (WHERE signal = 'drift') AS first
FROM (SELECT i, i % 3 AS part, detect(x, 'page_hinkley', '{"threshold": 10}') OVER (PARTITION BY i % 3 ORDER BY i) AS signal FROM stream) s GROUP BY 1 ORDER BY 1;
-- the frame does not matter
SELECT count(*) FROM (SELECT detect(x) OVER (ORDER BY i) AS a, detect(x) OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS b FROM stream) s WHERE a <> b;

-- any type of number; named arguments; no options
SELECT count(*) FILTER (WHERE a = 'drift') AS int, count(*) FILTER (WHERE b = 'drift') AS numeric, count(*) FILTER (WHERE c = 'drift') AS real, count(*) FILTER (WHERE d = 'drift') AS bigint,
       count(*) FILTER (WHERE e = 'drift') AS boolean
FROM (SELECT detect(wrong::int, 'hddm_a') OVER w AS a, detect(wrong::int::numeric, detector => 'hddm_a') OVER w AS b,
             detect(wrong::int::real, 'hddm_a', '{}') OVER w AS c, detect(wrong::int::bigint, 'hddm_a', options => '{"two_sided": false}') OVER w AS d, detect(wrong, 'hddm_a') OVER w AS e
      FROM stream WINDOW w AS (ORDER BY i)) s;
SELECT detections(x ORDER BY i) = detections(x, 'adwin' ORDER BY i) AS adwin, detections(wrong ORDER BY i) = detections(wrong::int, 'ddm', '{}' ORDER BY i) AS ddm,
       detections(x, 'adwin', '{"delta": 0.002, "clock": 32}' ORDER BY i) = detections(array_agg(x ORDER BY i)) AS array,
       detections(wrong, 'eddm' ORDER BY i) = detections(array_agg(wrong ORDER BY i), 'eddm') AS booleans
FROM stream;
SELECT detections(x::numeric, 'cusum', '{"mean": 0.5, "stddev": 0.3, "mode": "up"}' ORDER BY i) IS NOT NULL AS numeric, detections('{1,2,3}'::int[]) AS ints FROM stream;

-- what is no observation has a number and no signal
SELECT i, x, detect(x, 'shewhart', '{"mean": 0, "stddev": 1}') OVER (ORDER BY i)
FROM (VALUES (1, 0.5), (2, NULL), (3, 'NaN'::float8), (4, 2.5), (5, 'Infinity'), (6, 9), (7, '-Infinity'), (8, -9)) v (i, x);
SELECT detections(x, 'shewhart', '{"mean": 0, "stddev": 1}' ORDER BY i) FROM (VALUES (1, NULL::float8), (2, 9), (3, 'NaN'), (4, -9)) v (i, x);
SELECT detections('{NULL,9,NaN,-9}'::float8[], 'shewhart', '{"mean": 0, "stddev": 1}') AS array, detections('{}'::float8[]) AS empty, detections(NULL::float8[]) AS missing;
SELECT detections(x) AS no_rows FROM stream WHERE false;
SELECT detect(x) OVER () FROM stream WHERE false;
SELECT detections('{t,NULL,f}'::boolean[]) AS booleans;

-- stored, and gone on with
CREATE TABLE stored (name text PRIMARY KEY, state detector_state NOT NULL);
INSERT INTO stored SELECT detector, detector(detector) FROM detectors;
UPDATE stored SET state = advance(state, (SELECT array_agg(wrong ORDER BY i) FROM stream WHERE i <= 1234));
UPDATE stored SET state = advance(state, (SELECT wrong FROM stream WHERE i = 1235));
UPDATE stored SET state = advance(state, (SELECT array_agg(wrong::int ORDER BY i) FROM stream WHERE i > 1235));
SELECT count(*), count(*) FILTER (WHERE state::text = advance(detector(name), (SELECT array_agg(wrong::int ORDER BY i) FROM stream))::text) AS as_one_run,
       count(*) FILTER (WHERE state::text = state::text::detector_state::text) AS lossless
FROM stored;
SELECT (detector_stats(state)).*, signal(state) FROM stored WHERE name IN ('hddm_w', 'ddm') ORDER BY 1;
SELECT detector_stats(advance(advance(advance(detector('ewma'), NULL::float8), 'NaN'::float8), 1)) AS stats, signal(detector('ewma')) AS none, advance(NULL, 1.0) IS NULL AS null_state;
SELECT detector_state_send(detector('ddm'));

-- evaluation
SELECT source, n_alarms, n_detected, n_missed, n_false, round(precision::numeric, 4) AS precision, recall, episode_recall, round(f1::numeric, 4) AS f1, mean_delay,
       round(normalized_delay::numeric, 4) AS normalized_delay, missed_rate, round(false_alarm_rate::numeric, 4) AS false_alarm_rate, round(mean_time_ratio::numeric, 2) AS mean_time_ratio
FROM detector_evaluation('{510,700,900}', '{500,800}', 1000, max_delay => 50) WHERE source = 'detector';
SELECT source, n_alarms, recall, false_alarm_rate FROM detector_evaluation('{}', '{}', 10);
SELECT e.source, e.recall, round(e.precision::numeric, 3) AS precision
FROM (SELECT detections(wrong, 'hddm_w' ORDER BY i) AS alarms, count(*) AS n FROM stream) s, detector_evaluation(alarms, '{1000,2000}', n) e;
SELECT * FROM detector_evaluation('{10}', '{}', 10);
SELECT * FROM detector_evaluation('{1,NULL}', '{}', 10);
SELECT * FROM detector_evaluation('{}', '{}', 0);
SELECT * FROM detector_evaluation('{}', '{}', 10, -1);
SELECT * FROM detector_evaluation(NULL, '{}', 10);

-- errors say what would be right
SELECT detector('adwim');
SELECT detector('ddm', '{"delta": 0.1}');
SELECT detector('adwin', '{"delta": 0}');
SELECT detector('adwin', '{"delta": "0.1"}');
SELECT detector('adwin', '{"clock": 1.5}');
SELECT detector('adwin', '{"variant": "moa"}');
SELECT detector('hddm_a', '{"two_sided": 1}');
SELECT detector('hddm_a', '{"drift_confidence": 1}');
SELECT detector('ewma', '{"mean": 1}');
SELECT detector('ewma', '{"mean": [1]}');
SELECT detector('kswin', '{"stat_size": 60}');
SELECT detector('ecdd', '{"average_run_length": 200}');
SELECT detector_stats(detector('ecdd', '{"average_run_length": 100, "lambda": null}'));
SELECT detector('adwin', '[]');
SELECT detector(NULL);
SELECT detect(x, NULL) OVER () FROM stream;
SELECT detections(x, 'adwin', NULL) FROM stream;
SELECT detections(x, 'ddm' ORDER BY i) FROM stream;
SELECT detect(2.0, 'hddm_w') OVER ();
SELECT detections('{5}'::float8[], 'e_process');
SELECT advance(detector(), 1e300);
SELECT 'xx'::detector_state;
SELECT '00'::detector_state;
SELECT '0100'::detector_state;
SELECT left(detector('ddm')::text, 20)::detector_state;
DROP TABLE stream, stored;
