-- Sources compared: segments of a monitor, and monitors with each other; one goes silent, one goes bad.
-- In one transaction that is rolled back, with panes made here, so that a running capture has no part in it.
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
BEGIN;
DELETE FROM weir.monitor;
CREATE SCHEMA source_test;
SET search_path = source_test, public;
-- 60 hours; east sends half of what north and south send. From hour 40 on south has NULLs and a category of its own; from hour 50 on north is silent.
CREATE TABLE feed(at timestamptz NOT NULL, site text, speed float8, lane text);
INSERT INTO feed
SELECT timestamptz '2026-03-01' + h * interval '1 hour' + i * interval '20 s', site,
    CASE WHEN site = 'south' AND h >= 40 AND i % 4 = 0 THEN NULL ELSE (i * 7919 + h * 31) % 1009 / 10.0 + CASE WHEN site = 'south' AND h >= 40 THEN 200 ELSE 0 END END,
    CASE WHEN site = 'south' AND h >= 40 THEN 'x' ELSE 'l' || i % 3 END
FROM generate_series(0, 59) h, (VALUES ('north', 100), ('south', 100), ('east', 50)) s (site, n), generate_series(1, 100) i
WHERE i <= n AND NOT (site = 'north' AND h >= 50);
CREATE FUNCTION fill_panes(monitor text, only_site text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness)
    SELECT m.monitor_id, 0, weir.tumble(at, m.pane_size), CASE WHEN cardinality(m.segment_by) > 0 THEN ARRAY[site] ELSE '{}' END, count(*), 0, 0,
        ARRAY[weir.summarize(speed), weir.summarize(lane)], '{}'
    FROM feed, weir.monitor m WHERE m.name = $1 AND (only_site IS NULL OR site = only_site) GROUP BY 1, 3, 4, m.pane_size, m.segment_by;
    UPDATE weir.monitor_state SET state = 'active', last_change_at = now(), watermark = '2026-03-03 12:00' WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = $1);
$$;
SELECT weir.create_monitor('feed', 'feed', 'at', columns => '{speed,lane}', segment_by => '{site}');
SELECT fill_panes('feed');
CREATE FUNCTION hour(ts timestamptz) RETURNS int LANGUAGE sql AS $$ SELECT (extract(epoch FROM ts - timestamptz '2026-03-01') / 3600)::int $$;
CREATE VIEW seen AS SELECT hour(window_start) AS hour, source, column_name, metric, round(value::numeric, 4) AS value, round(threshold::numeric, 4) AS threshold,
    round(peer_value::numeric, 4) AS peer_value, n, n_peers, verdict, is_final, status, nullif(detail - ARRAY['low', 'high', 'bins', 'bounds', 'categories'], '{}') AS detail
    FROM weir.source_scores('feed');

-- all checks of one good and of two bad hours
SELECT hour, source, column_name, metric, value, threshold, peer_value, n, n_peers, verdict, status FROM seen WHERE hour = 30 AND metric <> 'psi' ORDER BY source, column_name, metric;
SELECT hour, source, column_name, metric, value, threshold, n, n_peers, verdict, status FROM seen WHERE hour IN (45, 55) AND verdict <> 'ok' AND metric <> 'psi'
    ORDER BY hour, source, column_name, metric;
SELECT hour, source, column_name, verdict FROM seen WHERE hour IN (30, 45) AND metric = 'psi' ORDER BY 1, 2, 3;
-- before anything happened there was no fault; from when on there are
SELECT count(*) > 1000 AS many, count(*) FILTER (WHERE verdict <> 'ok') AS faults FROM seen WHERE hour < 40;
SELECT source, metric, min(hour), max(hour), max(verdict) AS verdict FROM seen WHERE metric IN ('silence', 'row_share', 'fault_share') AND verdict <> 'ok' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT source, detail FROM seen WHERE hour = 45 AND metric = 'fault_share' ORDER BY 1;
-- weights sum to one, and say less of who is bad; nothing of who is silent
SELECT hour, source, value FROM seen WHERE metric = 'weight' AND hour IN (30, 45, 55) ORDER BY 1, 2;
SELECT bool_and(abs(total - 1) < 1e-9) AS sum_to_one FROM (SELECT sum(value) AS total FROM weir.source_scores('feed') WHERE metric = 'weight' GROUP BY window_start) s;
-- a range of time has the same; larger windows
SELECT count(*) = 0 AS same FROM (SELECT * FROM weir.source_scores('feed', since => '2026-03-02', until => '2026-03-02 06:00')
    EXCEPT SELECT * FROM weir.source_scores('feed') WHERE window_start >= '2026-03-02' AND window_start < '2026-03-02 06:00') d;
SELECT source, n FROM weir.source_scores('feed', window_size => '1 day', until => '2026-03-02') WHERE column_name = 'lane' AND metric = 'null_share' ORDER BY 1;
-- in scores and the view where asked for
SELECT count(*) FROM weir.scores WHERE family = 'source';
SELECT count(*) FROM weir.source_scores;
SELECT weir.alter_monitor('feed', options => '{"sources": "segments", "constraints": [{"metric": "fault_share", "high": 0.2, "severity": "warning"}]}');
SELECT count(*) = (SELECT count(*) FROM weir.source_scores('feed')) AS all_of_it FROM weir.source_scores;
SELECT segment, metric, count(*), min(hour(window_start)) FILTER (WHERE verdict <> 'ok') AS since FROM weir.scores WHERE family = 'source' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) FROM weir.monitor m, weir._scores(m.monitor_id, '2026-03-02', '2026-03-02 02:00', '{fault_share}') WHERE m.name = 'feed';
SELECT weir.alter_monitor('feed', options => '{"sources": "all"}');
SELECT weir.alter_monitor('feed', options => '{"sources": []}');

-- monitors as sources
CREATE TABLE north AS SELECT at, speed, lane FROM feed WHERE site = 'north';
CREATE TABLE south AS SELECT at, speed, lane FROM feed WHERE site = 'south';
SELECT weir.create_monitor('south', 'south', 'at', columns => '{speed,lane}');
SELECT weir.create_monitor('north', 'north', 'at', columns => '{speed,lane}', options => '{"sources": ["south", "nowhere"]}');
SELECT weir.create_monitor('north', 'north', 'at', columns => '{speed,lane}', options => '{"sources": "segments"}');
SELECT weir.create_monitor('north', 'north', 'at', columns => '{speed,lane}');
SELECT weir.alter_monitor('north', options => '{"sources": ["south", "nowhere"]}');
SELECT weir.alter_monitor('north', options => '{"sources": ["south"]}');
SELECT fill_panes('north', 'north'), fill_panes('south', 'south');
SELECT source, metric, min(hour(window_start)), max(hour(window_start)), max(verdict) AS verdict FROM weir.source_scores('north') WHERE metric IN ('silence', 'row_share', 'fault_share',
    'null_share')
    AND verdict <> 'ok' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT segment, metric, count(*) FROM weir.scores('north') WHERE family = 'source' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) AS of_no_sources FROM weir.source_scores('south');
-- a rule for when one goes bad
SELECT weir.create_rule('a source is silent', 'feed', 'silence', above => 0, segment => '*', min_n => 0), weir.create_rule('trusted less', 'feed', 'weight', below => 0.2, segment => '*', min_n => 0);
SELECT rule, segment, count(*) > 0 AS fires FROM (VALUES ('a source is silent'), ('trusted less')) r (rule), weir.test_rule(rule) WHERE fires GROUP BY 1, 2 ORDER BY 1, 2;
SELECT weir.drop_rule('a source is silent'), weir.drop_rule('trusted less');
SELECT weir.create_rule('of all together', 'feed', 'weight', below => 0.2);
SELECT weir.create_rule('of segments', 'north', 'weight', below => 0.2, segment => '*');
SELECT weir.create_rule('of one column', 'north', 'weight', below => 0.2, column_name => 'speed');
SELECT weir.create_rule('north among others', 'north', 'silence', above => 0, min_n => 0);
SELECT segment, count(*) > 0 AS fires FROM weir.test_rule('north among others') WHERE fires GROUP BY 1;
SELECT weir.drop_rule('north among others');
-- who may not read the other table sees one source alone; so does a monitor whose owner is not the other's
CREATE ROLE source_reader;
GRANT USAGE ON SCHEMA source_test TO source_reader;
GRANT SELECT ON north, feed TO source_reader;
SET ROLE source_reader;
SELECT source, count(*) > 100 AS some, count(*) FILTER (WHERE column_name IS NOT NULL AND status <> 'no_baseline' AND metric <> 'constant') AS compared FROM weir.source_scores('north') GROUP BY 1;
RESET ROLE;
REVOKE SELECT ON feed FROM source_reader;
GRANT SELECT (at, speed) ON feed TO source_reader;
SET ROLE source_reader;
SELECT count(*) AS without_the_segment FROM weir.source_scores('feed');
SELECT * FROM weir._source_scores(1, NULL, NULL, NULL, NULL, true, true, NULL, NULL);
RESET ROLE;
UPDATE weir.monitor SET owner = 'source_reader' WHERE name = 'north';
SELECT DISTINCT source FROM weir.source_scores('north');
ROLLBACK;
