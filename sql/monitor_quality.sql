-- Data quality of monitors: every check by window, constraints of a monitor, what rules and privileges make of them.
-- In one transaction that is rolled back, with panes made here, so that a running capture has no part in it.
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
BEGIN;
DELETE FROM weir.monitor;
CREATE SCHEMA quality_test;
SET search_path = quality_test, public;
-- five weeks of hours of 60 rows, nights of 20; then a bad day
CREATE TABLE events(at timestamptz NOT NULL, amount float8, shop text, code text, counter bigint, paid int);
INSERT INTO events
SELECT h + m * interval '1 minute', (n * 7919 % 1009) / 10.0, (ARRAY['north', 'south', 'west'])[1 + n % 3], 'C' || n % 40, n, n % 2
FROM (SELECT h, m, row_number() OVER (ORDER BY h, m) AS n FROM generate_series(timestamptz '2026-01-05', '2026-02-08 23:00', '1 hour') h,
          generate_series(0, CASE WHEN extract(hour FROM h) < 6 THEN 19 ELSE 59 END) m) s;
INSERT INTO events
SELECT h + m * interval '1 minute', CASE WHEN m % 3 = 0 THEN NULL WHEN m % 5 = 0 THEN 'NaN' ELSE 200::float8 END, CASE WHEN m % 4 = 0 THEN 'east' ELSE 'north' END,
    'D' || m, 5, 1
FROM generate_series(timestamptz '2026-02-09', '2026-02-09 02:00', '2 hours') h, generate_series(0, 99) m WHERE m < 60 OR h > '2026-02-09 01:00';
SELECT weir.create_monitor('events', 'events', 'at', window_size => '1 hour', kinds => '{"code": "category"}', label => 'paid');
INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness)
SELECT m.monitor_id, 0, weir.tumble(at, m.pane_size), '{}', count(*), 0, CASE WHEN min(at) >= '2026-02-09' THEN count(*) / 2 ELSE 0 END,
    ARRAY[weir.summarize(amount), weir.summarize(shop), weir.summarize(code), weir.summarize(counter), weir.summarize(paid)], '{}'
FROM events, weir.monitor m GROUP BY 1, 3, m.pane_size;
UPDATE weir.monitor_state SET state = 'active', last_change_at = now(), watermark = '2026-02-09 02:59';
CREATE VIEW seen AS SELECT to_char(window_start, 'MM-DD HH24') AS hour, column_name, metric, round(value::numeric, 4) AS value, round(threshold::numeric, 4) AS threshold,
    round(baseline_value::numeric, 4) AS expected, n, verdict, is_final, status, nullif(detail - ARRAY['low', 'high'], '{}') AS detail
    FROM weir.quality_scores WHERE metric <> 'freshness';

-- without a baseline: what needs none is judged
SELECT column_name, metric, count(*), count(verdict) AS judged, string_agg(DISTINCT status, ', ' ORDER BY status) AS statuses FROM seen GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) AS suggested FROM weir.suggest_constraints('events');
-- with one: three good weeks; what is wrong, in all windows
SELECT weir.set_baseline('events', since => '2026-01-05', until => '2026-01-26');
SELECT * FROM seen WHERE verdict <> 'ok' AND column_name IS DISTINCT FROM 'counter' ORDER BY hour, column_name, metric;
-- what grows leaves its range
SELECT metric, verdict, min(hour), max(hour) FROM seen WHERE column_name = 'counter' AND verdict <> 'ok' GROUP BY 1, 2 ORDER BY 1;
SELECT count(*) > 20000 AS many, count(*) FILTER (WHERE hour < '02-09' AND verdict <> 'ok' AND column_name IS DISTINCT FROM 'counter') AS false_alarms FROM seen;
-- volume: what is expected by the time of the week, of the day, at all; an empty hour; an open window
SELECT hour, value, expected, threshold, n, verdict, is_final, status, detail FROM seen
WHERE metric = 'row_count' AND hour IN ('02-05 00', '02-05 03', '02-05 12', '02-08 05', '02-09 00', '02-09 01', '02-09 02') ORDER BY hour, detail ->> 'windows', expected;
SELECT detail ->> 'seasonality' AS seasonality, count(*), sum((verdict <> 'ok')::int) AS faults FROM seen WHERE metric = 'row_count' GROUP BY 1 ORDER BY 1;
-- the newest event, with the window that it is in
SELECT count(*), min(window_start) = '2026-02-09 02:00' AS with_the_last, min(verdict) AS verdict, min(baseline_value) AS expected, min(value) > 0 AS is_past FROM weir.quality_scores
    WHERE metric = 'freshness';

-- constraints: suggested, stored, read, changed, taken away
SELECT column_name, metric, low, round(high::numeric, 4) AS high, expected FROM weir.suggest_constraints('events') WHERE metric NOT IN ('constant', 'nan_share', 'infinite_share');
SELECT weir.set_constraints('events', (SELECT jsonb_agg(to_jsonb(c)) FROM weir.suggest_constraints('events') c WHERE column_name <> 'counter'));
SELECT count(*) FROM weir.constraints;
SELECT hour, column_name, metric, value, threshold, verdict, status, detail FROM seen WHERE verdict <> 'ok' AND detail ? 'constraint' ORDER BY 1, 2, 3;
SELECT weir.set_constraints('events', '[{"metric": "null_share", "high": 0.5}, {"column_name": "shop", "metric": "null_share", "enabled": false},
    {"column_name": "counter", "metric": "order_break_share", "name": "counts up"},
    {"column_name": "code", "metric": "pattern_mismatch_share", "expected": "^C[0-9]+$", "high": 0.1}, {"column_name": "amount", "metric": "pattern_mismatch_share", "expected": "x"},
    {"column_name": "amount", "metric": "out_of_range_share", "expected": {"max": 50}, "high": 0.7, "severity": "warning"}, {"metric": "row_count", "low": 10},
    {"column_name": "code", "metric": "duplicate_share", "high": 0.1}, {"column_name": "code", "metric": "schema_change", "expected": "text"}, {"column_name": "note",
    "metric": "schema_change", "expected": "text"}]');
SELECT * FROM weir.constraints;
SELECT hour, column_name, metric, value, threshold, n, verdict, status, detail FROM seen WHERE detail ? 'constraint' AND hour IN ('02-05 00', '02-08 23', '02-09 00', '02-09 02')
    AND value > 0 ORDER BY 1, 2, 3, 4;
SELECT column_name, metric, count(*), count(verdict), sum((verdict <> 'ok')::int) AS faults FROM seen WHERE detail ? 'constraint' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT weir.set_constraints('events', '[{"metric": "null_share", "high": "x"}]');
SELECT weir.set_constraints('nowhere', '[]');
SELECT weir.alter_monitor('events', options => '{"constraints": {"metric": "null_share"}}');
-- exported and set again, they are the same
CREATE TEMP TABLE exported AS SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(c) - 'monitor')) AS constraints FROM weir.constraints c;
SELECT weir.set_constraints('events', NULL);
SELECT count(*) FROM weir.constraints;
SELECT weir.set_constraints('events', (SELECT constraints FROM exported));
SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(c) - 'monitor')) = (SELECT constraints FROM exported) AS same FROM weir.constraints c;
SELECT weir.set_constraints('events', NULL);

-- what changes in the columns of the source is in the window of that time
INSERT INTO weir.schema_change (monitor_id, noticed_at, event_at, attribute, column_name, change, name_before, type_before, type_after)
SELECT monitor_id, '2026-02-08 10:00' , '2026-02-08 10:30', c.* FROM weir.monitor, (VALUES (7, 'extra', 'added', NULL, NULL, 'integer'), (4, 'code', 'retyped', 'code', 'text', 'varchar')) c;
SELECT hour, column_name, value, threshold, verdict, detail FROM seen WHERE metric = 'schema_change' AND hour IN ('02-08 09', '02-08 10', '02-08 11');
SELECT monitor, column_name, change, name_before, type_before, type_after FROM weir.schema_changes ORDER BY column_name;
SELECT weir.set_constraints('events', '[{"column_name": "code", "metric": "schema_change", "expected": "text"}, {"column_name": "extra", "metric": "schema_change", "expected": "integer"}]');
SELECT hour, column_name, value, verdict, detail ->> 'change' AS change, detail ->> 'found' AS found FROM seen WHERE metric = 'schema_change' AND column_name IS NOT NULL
    AND hour IN ('02-08 09', '02-08 10', '02-08 11') ORDER BY 2, 1;

-- other sizes of windows; a range of time; all in one shape
SELECT count(*), min(window_start), max(window_end) FROM weir.quality_scores('events', '1 day', since => '2026-02-01', until => '2026-02-03');
SELECT (SELECT array_agg(q ORDER BY window_start, column_name, metric) FROM (SELECT window_start, column_name, metric, value, threshold, baseline_value
    FROM weir.quality_scores('events', since => '2026-02-07', until => '2026-02-08')) q)
     = (SELECT array_agg(q ORDER BY window_start, column_name, metric) FROM (SELECT window_start, column_name, metric, value, threshold, baseline_value
    FROM weir.quality_scores('events') WHERE window_start >= '2026-02-07' AND window_start < '2026-02-08') q)
    AS range_is_part_of_all;
SELECT (SELECT count(*) FROM weir.scores WHERE family = 'quality') = (SELECT count(*) FROM weir.quality_scores) AS all_in_scores;
SELECT metric, subject, count(*) FROM weir.monitor m, weir._scores(m.monitor_id, '2026-02-08', '2026-02-08 04:00', '{nan_share,row_count}') GROUP BY 1, 2 ORDER BY 1, 2;
-- other baselines: windows that are the same time of the week
SELECT weir.set_baseline('events', moving => 'same_hour_of_week', span => '21 days');
SELECT column_name, metric, status, count(*) FROM seen WHERE hour IN ('02-05 00', '02-09 00') AND metric IN ('null_share', 'unseen_share') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- columns that one may not read are left out, with what constraints say of them
CREATE ROLE quality_reader;
GRANT USAGE ON SCHEMA quality_test TO quality_reader;
GRANT SELECT (at, amount) ON events TO quality_reader;
SELECT weir.set_constraints('events', '[{"column_name": "shop", "metric": "unseen_share", "expected": ["north"]},
    {"column_name": "amount", "metric": "null_share", "high": 0}, {"column_name": "code", "metric": "schema_change", "expected": "text"}]');
SET ROLE quality_reader;
SELECT DISTINCT column_name FROM weir.quality_scores ORDER BY 1;
SELECT column_name, metric FROM weir.constraints;
SELECT DISTINCT column_name FROM weir.suggest_constraints('events');
SELECT options ? 'constraints' AS shows_constraints FROM weir.monitors;
SELECT weir.set_constraints('events', NULL);
SELECT * FROM weir._quality_scores(1, NULL, NULL, NULL, NULL, true, true, NULL, NULL);
RESET ROLE;
REVOKE SELECT (at) ON events FROM quality_reader;
SET ROLE quality_reader;
SELECT count(*) FROM weir.quality_scores;
SELECT count(*) FROM weir.quality_scores('events');
RESET ROLE;
ROLLBACK;
