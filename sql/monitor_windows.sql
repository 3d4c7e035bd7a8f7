-- Windows over panes, baselines and scores: the same numbers as from the rows themselves.
-- In one transaction that is rolled back, with panes made here, so that a running capture has no part in it.
\set ON_ERROR_ROLLBACK on
SET client_min_messages = warning;
SET timezone = 'UTC';
SET extra_float_digits = 0;
BEGIN;
DELETE FROM weir.monitor;
CREATE SCHEMA monitor_test;
SET search_path = monitor_test, public;

-- Panes of a monitor as capture makes them: the statement of its builder.
CREATE FUNCTION fill(monitor_name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    m weir.monitor;
    n bigint;
BEGIN
    SELECT * INTO m FROM weir.monitor WHERE name = monitor_name;
    DELETE FROM weir.pane WHERE monitor_id = m.monitor_id;
    EXECUTE format(
        'INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness) '
        'SELECT %s, 0, weir.tumble(%I::timestamptz, %L, time_zone => %L), ARRAY[%s]::text[], count(*), %s, 0, ARRAY[%s]::weir.summary[], '
        'ARRAY[%s]::weir.fairness_table[] FROM %s WHERE %s GROUP BY 1, 2, 3, 4',
        m.monitor_id, m.time_column, m.pane_size, m.time_zone,
        (SELECT string_agg(format('%I::text', s), ', ') FROM unnest(m.segment_by) s),
        coalesce('count(' || m.label || ')', '0'),
        (SELECT string_agg(format('weir.summarize_%s(%I)', kind, column_name), ', ' ORDER BY ordinal)
         FROM weir.monitor_column c WHERE c.monitor_id = m.monitor_id),
        (SELECT string_agg(format('weir.fairness(%s, %I, %I)', coalesce(m.label, 'NULL::boolean'), m.prediction, p), ', ') FROM unnest(m.protected) p
         WHERE m.prediction IS NOT NULL),
        m.source, coalesce(m.filter, 'true'));
    GET DIAGNOSTICS n = ROW_COUNT;
    EXECUTE format('UPDATE weir.monitor_state SET state = ''active'', last_change_at = now(), '
                   'watermark = (SELECT max(%I)::timestamptz FROM %s) WHERE monitor_id = %s', m.time_column, m.source, m.monitor_id);
    RETURN n;
END $$;

CREATE TABLE loans(id bigint PRIMARY KEY, decided_at timestamptz NOT NULL, income float8, amount numeric(12,2), wait interval, purpose text, region text,
    sex text, age int, score float8, approved boolean, repaid int);
INSERT INTO loans
SELECT i, timestamptz '2026-02-23 00:00:00' + i * interval '42 days' / 6000,
    CASE WHEN i % 97 <> 0 THEN 1000 + (i * 7919 % 1009) * CASE WHEN i > 4200 THEN 2.0 ELSE 1.0 END END,
    (i * 104729 % 10007) / 4.0, (i * 37 % 503) * interval '1 minute', (ARRAY['car', 'home', 'school', 'boat'])[1 + i * 31 % (CASE WHEN i > 4200 THEN 4 ELSE 3 END)],
    (ARRAY['north', 'south', NULL])[1 + i * 17 % 3], (ARRAY['F', 'M'])[1 + i * 13 / 7 % 2], 20 + i * 101 % 53, i * 7907 % 1000 / 1000.0,
    i * 7907 % 1000 > CASE WHEN i * 13 / 7 % 2 = 0 THEN 500 ELSE 400 END, CASE WHEN i % 5 <> 0 THEN i * 29 % 3 / 2 END
FROM generate_series(1, 6000) i;
SELECT weir.create_monitor('loans', 'loans', 'decided_at', window_size => '1 day', segment_by => '{region}', prediction => 'approved', score => 'score',
    label => 'repaid', protected => '{sex}', kinds => '{"age": "category"}', lateness => '6 hours');
SELECT fill('loans');

-- ---- windows ----
SELECT monitor, window_start, window_end, segment, n, n_labelled, n_late, is_final, status, updated_at = now() AS now FROM weir.windows WHERE monitor = 'loans'
ORDER BY window_start, segment COLLATE "C" LIMIT 4;
SELECT count(*), count(DISTINCT window_start) AS windows, count(*) FILTER (WHERE segment IS NULL) AS of_all, count(*) FILTER (WHERE is_final) AS final,
    sum(n) FILTER (WHERE segment IS NULL) AS rows, sum(n) FILTER (WHERE segment IS NOT NULL) AS segment_rows, sum(n_labelled) FILTER (WHERE segment IS NULL) AS labelled
FROM weir.windows;
SELECT count(*) FROM weir.windows('loans', since => '2026-03-01', until => '2026-03-03');

-- Every summary of every window is, byte for byte, that of the rows.
CREATE FUNCTION differing_summaries(monitor_name text, size interval, step interval, zone text DEFAULT NULL)
    RETURNS TABLE (windows bigint, differing bigint, missing bigint) LANGUAGE sql AS $$
    WITH direct AS (
        SELECT w.window_start, w.window_end, region, weir.summarize(income) AS income, weir.summarize(amount) AS amount, weir.summarize(wait) AS wait,
            weir.summarize(purpose) AS purpose, weir.summarize_category(age) AS age
        FROM loans, weir.hop(decided_at, size, step, NULL, zone) w GROUP BY GROUPING SETS ((1, 2, 3), (1, 2))
    ), by_column AS (
        SELECT window_start, window_end, region, c.*, row_number() OVER (PARTITION BY window_start, c.column_name, region) AS copy
        FROM direct, LATERAL (VALUES ('income', income), ('amount', amount), ('wait', wait), ('purpose', purpose), ('age', age)) c (column_name, summary)
    ), expected AS (
        -- The unknown region and all regions together are both NULL here; the latter holds more.
        SELECT *, region IS NULL AND weir.value_count(summary) + weir.null_count(summary) =
            max(weir.value_count(summary) + weir.null_count(summary)) OVER (PARTITION BY window_start, column_name) AS is_all
        FROM by_column
    )
    SELECT count(*), count(*) FILTER (WHERE weir.summary_send(s.summary) <> weir.summary_send(e.summary)), count(*) FILTER (WHERE s.summary IS NULL)
    FROM expected e LEFT JOIN weir.window_stats(monitor_name, size, step) s
        ON s.window_start = e.window_start AND s.window_end = e.window_end AND s.column_name = e.column_name
            AND s.segment IS NOT DISTINCT FROM CASE WHEN NOT e.is_all THEN coalesce(e.region, '(unknown)') END
$$;
SELECT * FROM differing_summaries('loans', '1 day', '1 day');
SELECT * FROM differing_summaries('loans', '6 hours', '6 hours');
SELECT * FROM differing_summaries('loans', '3 days', '12 hours');
SELECT count(*) FROM weir.window_stats('loans', '3 days', '12 hours') WHERE column_name IN ('income', 'amount', 'wait', 'purpose', 'age');
\set SHOW_CONTEXT never
SELECT * FROM weir.windows('loans', window_size => '90 minutes');
SELECT * FROM weir.windows('loans', window_size => '1 day', slide => '7 hours');

SELECT column_name, kind, n, null_count, round(null_share::numeric, 6) AS null_share, round(mean::numeric, 6) AS mean, round(stddev::numeric, 6) AS stddev, min, p25, p50,
    p75, p95, p99, max, distinct_count, top_values, is_final, status
FROM weir.window_stats WHERE window_start = '2026-03-01' AND segment IS NULL ORDER BY column_name;
SELECT count(*), round(avg(income)::numeric, 6), round(stddev(income)::numeric, 6), min(income), max(income), percentile_disc(ARRAY[0.25, 0.5, 0.75, 0.95, 0.99]) WITHIN GROUP (ORDER BY income)
FROM loans WHERE decided_at >= '2026-03-01' AND decided_at < '2026-03-02' AND income IS NOT NULL;

-- Local days over a change of the clocks (2026-03-08 in New York), and months.
SELECT weir.create_monitor('new york', 'loans', 'decided_at', window_size => '1 day', time_zone => 'America/New_York', segment_by => '{region}', kinds => '{"age": "category"}');
SELECT fill('new york');
SELECT * FROM differing_summaries('new york', '1 day', '1 day', 'America/New_York');
SELECT window_start, window_end FROM weir.windows WHERE monitor = 'new york' AND window_start BETWEEN '2026-03-07' AND '2026-03-10' AND segment IS NULL ORDER BY 1;
SELECT * FROM differing_summaries('new york', '2 days', '1 day', 'America/New_York');
SELECT * FROM differing_summaries('new york', '1 month', '1 month', 'America/New_York');
SELECT weir.drop_monitor('new york');

-- ---- final windows ----
UPDATE weir.monitor_state SET watermark = '2026-03-02 05:59:59.999999', last_change_at = now();
SELECT max(window_end) FROM weir.windows WHERE is_final;
UPDATE weir.monitor_state SET watermark = '2026-03-02 06:00:00';
SELECT max(window_end) FROM weir.windows WHERE is_final;
-- Lateness is six hours here: an idle stream is left alone for so long, then the wall clock counts.
UPDATE weir.monitor_state SET last_change_at = now() - interval '5 hours';
SELECT max(window_end) FROM weir.windows WHERE is_final;
UPDATE weir.monitor_state SET last_change_at = now() - interval '7 hours';
SELECT bool_and(is_final = (window_end + interval '6 hours' <= now())) FROM weir.windows;
UPDATE weir.monitor_state SET watermark = NULL, last_change_at = now();
SELECT count(*) FILTER (WHERE is_final), count(*) FROM weir.windows;
UPDATE weir.monitor_state SET watermark = '2026-04-06';

-- ---- drift: a baseline of each form against weir.drift on the rows ----
SELECT DISTINCT metric, value, is_primary, verdict, status FROM weir.drift_scores ORDER BY 1;
CREATE FUNCTION differing_scores(base text) RETURNS TABLE (scores bigint, differing bigint, missing bigint) LANGUAGE plpgsql AS $$
BEGIN
    -- base: a condition on row b of the baseline, given the window's start w.
    RETURN QUERY EXECUTE format($q$
        WITH days AS (SELECT DISTINCT weir.tumble(decided_at, '1 day') AS w FROM loans),
        current AS (
            SELECT weir.tumble(decided_at, '1 day') AS w, weir.summarize(income) AS income, weir.summarize(purpose) AS purpose FROM loans
            WHERE region = 'north' GROUP BY 1
        ), baseline AS (
            SELECT w, weir.summarize(b.income) AS income, weir.summarize(b.purpose) AS purpose FROM days JOIN loans b ON %s WHERE b.region = 'north' GROUP BY 1
        ), expected AS (
            SELECT w, 'income' AS column_name, d.* FROM current c JOIN baseline b USING (w), weir.drift(b.income, c.income, weir.drift_metric_names(true)) d
            UNION ALL SELECT w, 'purpose', d.* FROM current c JOIN baseline b USING (w), weir.drift(b.purpose, c.purpose, weir.drift_metric_names(true)) d
        ), found AS (
            SELECT * FROM weir.drift_scores WHERE monitor = 'loans' AND segment = 'north' AND column_name IN ('income', 'purpose') AND status <> 'no_baseline'
        )
        SELECT count(*), count(*) FILTER (WHERE row(e.value, e.p_value, e.threshold, e.n_baseline, e.n_current, e.is_primary, e.detail) IS DISTINCT FROM
                                                row(f.value, f.p_value, f.threshold, f.n_baseline, f.n, f.is_primary, f.detail)),
            count(*) FILTER (WHERE f.metric IS NULL OR e.metric IS NULL)
        FROM expected e FULL JOIN found f ON f.window_start = e.w AND f.column_name = e.column_name AND f.metric = e.metric $q$, base);
END $$;
SELECT weir.set_baseline('loans', since => '2026-02-23', until => '2026-03-09');
SELECT * FROM differing_scores($$b.decided_at >= '2026-02-23' AND b.decided_at < '2026-03-09'$$);
SELECT weir.set_baseline('loans', query => $$SELECT * FROM loans WHERE decided_at < '2026-03-05'$$);
SELECT * FROM differing_scores($$b.decided_at < '2026-03-05'$$);
SELECT weir.set_baseline('loans', moving => 'previous_window');
SELECT * FROM differing_scores($$b.decided_at >= w - interval '1 day' AND b.decided_at < w$$);
SELECT weir.set_baseline('loans', moving => 'trailing', span => '5 days');
SELECT * FROM differing_scores($$b.decided_at >= w - interval '5 days' AND b.decided_at < w$$);
SELECT weir.set_baseline('loans', moving => 'same_hour_of_week', span => '2 weeks');
SELECT * FROM differing_scores($$b.decided_at >= w - interval '7 days' AND b.decided_at < w - interval '6 days'
    OR b.decided_at >= w - interval '14 days' AND b.decided_at < w - interval '13 days'$$);
-- A span that reaches beyond the calendar ends there.
UPDATE weir.baseline SET span = '170000 years';
SELECT count(*) > 0 AS ends FROM weir.drift_scores('loans', since => '2026-03-20', until => '2026-03-21') WHERE n_baseline > 0;
-- A range of time does not cut off what a moving baseline looks back on.
SELECT count(*), count(*) FILTER (WHERE (a.value, a.n_baseline) IS DISTINCT FROM (b.value, b.n_baseline)) FROM weir.drift_scores('loans', since => '2026-03-20', until => '2026-03-23') a
    FULL JOIN weir.drift_scores('loans') b
    ON a.window_start = b.window_start AND (a.column_name, a.metric, coalesce(a.segment, '*')) = (b.column_name, b.metric, coalesce(b.segment, '*'))
WHERE b.window_start >= '2026-03-20' AND b.window_start < '2026-03-23';
SELECT weir.set_baseline('loans', moving => 'trailing', span => '5 days');
SELECT count(*), count(*) FILTER (WHERE (a.value, a.n_baseline) IS DISTINCT FROM (b.value, b.n_baseline)) FROM weir.drift_scores('loans', '1 day', '6 hours', '2026-03-20', '2026-03-23') a
    FULL JOIN weir.drift_scores('loans', '1 day', '6 hours') b
    ON a.window_start = b.window_start AND (a.column_name, a.metric, coalesce(a.segment, '*')) = (b.column_name, b.metric, coalesce(b.segment, '*'))
WHERE b.window_start >= '2026-03-20' AND b.window_start < '2026-03-23';
SELECT count(DISTINCT window_start), min(n_baseline), max(n_baseline) FROM weir.drift_scores('loans', '1 day', '6 hours', '2026-03-20', '2026-03-23') WHERE segment IS NULL AND metric = 'psi';

SELECT weir.set_baseline('loans', since => '2026-02-23', until => '2026-03-09');
SELECT window_start, column_name, metric, round(value::numeric, 4) AS value, threshold, n, n_baseline, verdict, is_final, status FROM weir.drift_scores
WHERE monitor = 'loans' AND is_primary AND segment IS NULL AND verdict <> 'ok' ORDER BY window_start, column_name LIMIT 4;
-- Holm over the columns of a window.
SELECT bool_and(p_adjusted >= p_value AND p_adjusted <= 1), bool_or(p_adjusted > p_value) FROM weir.drift_scores WHERE p_value IS NOT NULL;
WITH s AS (SELECT column_name, p_value, p_adjusted, row_number() OVER (ORDER BY p_value) AS rank, count(*) OVER () AS m FROM weir.drift_scores
           WHERE metric = 'psi' AND segment IS NULL AND window_start = '2026-03-12')
SELECT count(*), count(*) FILTER (WHERE abs(p_adjusted - (SELECT max(least(1, t.p_value * (t.m - t.rank + 1))) FROM s t WHERE t.rank <= s.rank)) > 1e-12) AS wrong FROM s;
SELECT weir.alter_monitor('loans', metrics => '{ks, demographic_parity_difference}', options => '{"adjust": "none"}');
SELECT metric, is_primary, count(*), bool_and(p_adjusted = p_value) FROM weir.drift_scores GROUP BY 1, 2;
SELECT DISTINCT metric FROM weir.fairness_scores ORDER BY 1;
SELECT weir.alter_monitor('loans', metrics => weir.fairness_metric_names() || '{psi, selection_rate, true_positive_rate, false_positive_rate}');

-- ---- status ----
SELECT weir.alter_monitor('loans', options => '{"min_n": 48}');
SELECT segment, status, count(*), count(verdict) AS verdicts FROM weir.drift_scores WHERE metric = 'psi' GROUP BY 1, 2 ORDER BY segment COLLATE "C", 2;
SELECT segment, status, count(*) FROM weir.windows GROUP BY 1, 2 ORDER BY segment COLLATE "C", 2;
SELECT weir.alter_monitor('loans', options => '{"min_n": null}');
UPDATE weir.pane SET marks = 1 WHERE pane_start = '2026-03-01 06:00' AND segment = '{south}';
SELECT window_start, segment, status FROM weir.windows WHERE status <> 'ok' ORDER BY 1, 2;
-- What is compared with a window that could not take a change back is stale too, whatever baseline it is part of.
CREATE FUNCTION stale() RETURNS TABLE (windows bigint, first timestamptz, last timestamptz) LANGUAGE sql AS $$
    SELECT count(DISTINCT window_start), min(window_start), max(window_start) FROM weir.drift_scores WHERE status = 'stale' AND segment = 'south' $$;
SELECT * FROM stale();
SELECT weir.set_baseline('loans', moving => 'previous_window');
SELECT * FROM stale();
SELECT weir.set_baseline('loans', moving => 'trailing', span => '5 days');
SELECT * FROM stale();
SELECT weir.set_baseline('loans', moving => 'same_hour_of_week', span => '2 weeks');
SELECT DISTINCT window_start FROM weir.drift_scores WHERE status = 'stale' AND segment = 'south' ORDER BY 1;
SELECT weir.set_baseline('loans', query => 'SELECT * FROM loans');
SELECT * FROM stale();
SELECT weir.set_baseline('loans', since => '2026-03-02', until => '2026-03-09');
SELECT * FROM stale();
SELECT weir.set_baseline('loans', since => '2026-02-23', until => '2026-03-09');
UPDATE weir.pane SET marks = 2;
SELECT DISTINCT status FROM weir.windows ORDER BY 1;
INSERT INTO weir.build (monitor_id, kind) SELECT monitor_id, 'heal' FROM weir.monitor;
SELECT DISTINCT status FROM weir.scores ORDER BY 1;
-- Healed slice by slice, the newest first: windows from there on can be trusted again.
INSERT INTO weir.build_slice (build_id, slice, since, until, state) SELECT build_id, 1, timestamptz '2026-03-09', timestamptz 'infinity', 'done' FROM weir.build WHERE kind = 'heal'
UNION ALL SELECT build_id, 2, '-infinity', '2026-03-09', 'reading' FROM weir.build WHERE kind = 'heal';
SELECT status = 'gap' AS gap, min(window_start) >= '2026-03-09' AS late, max(window_start) < '2026-03-09' AS early FROM weir.windows GROUP BY 1 ORDER BY 1;
DELETE FROM weir.build_slice;
UPDATE weir.build SET state = 'done' WHERE kind = 'heal';
SELECT DISTINCT status FROM weir.windows ORDER BY 1;
-- A segment that the baseline does not have.
DELETE FROM weir.pane WHERE segment = '{south}' AND pane_start < '2026-03-09';
SELECT segment, status, count(*) FROM weir.drift_scores WHERE metric = 'psi' GROUP BY 1, 2 ORDER BY segment COLLATE "C", 2;
SELECT fill('loans');

-- ---- fairness ----
WITH expected AS (
    SELECT weir.tumble(decided_at, '1 day') AS w, region, weir.fairness(repaid, approved, sex) AS f FROM loans
    WHERE region IS NOT NULL AND decided_at < '2026-04-06' GROUP BY 1, 2
), metrics AS (SELECT w, region, m.* FROM expected, weir.fairness_metrics(f) m)
SELECT count(*), count(*) FILTER (WHERE (m.value, m.low, m.high, m.n, m.n_reference, m.verdict, m.status) IS DISTINCT FROM
        (s.value, s.low, s.high, s.n, s.n_reference, s.verdict, s.status)) AS differing
FROM metrics m LEFT JOIN weir.fairness_scores s ON s.window_start = m.w AND s.segment = m.region AND s.protected = 'sex' AND s.metric = m.metric
    AND s.group_name IS NOT DISTINCT FROM m.group_name;
SELECT group_name, metric, round(value::numeric, 6) AS value, n, n_reference, reference_group, verdict, status, is_primary FROM weir.fairness_scores
WHERE segment IS NULL AND window_start = '2026-03-01' AND metric IN ('selection_rate', 'true_positive_rate', 'demographic_parity_ratio') ORDER BY metric COLLATE "C", group_name;
SELECT sex, round(avg(approved::int), 6) AS selection_rate, round(avg(approved::int) FILTER (WHERE repaid = 1), 6) AS tpr FROM loans
WHERE decided_at >= '2026-03-01' AND decided_at < '2026-03-02' GROUP BY 1 ORDER BY 1;
SELECT weir.alter_monitor('loans', options => '{"reference": {"sex": "F"}, "min_group_size": 1000}');
SELECT DISTINCT group_name, reference_group, status, verdict FROM weir.fairness_scores WHERE metric = 'demographic_parity_ratio' ORDER BY 1;
SELECT weir.alter_monitor('loans', options => '{"reference": null, "min_group_size": null}');
SELECT weir.create_monitor('unlabelled', 'loans', 'decided_at', window_size => '1 day', prediction => 'approved', protected => '{sex}', columns => '{amount}');
SELECT fill('unlabelled');
SELECT metric, status, bool_and(value IS NULL) FROM weir.fairness_scores('unlabelled') WHERE group_name IS NULL OR metric LIKE '%rate' GROUP BY 1, 2 ORDER BY metric COLLATE "C", 2;
SELECT weir.drop_monitor('unlabelled');

-- ---- scores in one shape; what rules read is the same ----
SELECT family, subject, count(*) FROM weir.scores WHERE segment IS NULL GROUP BY 1, 2 ORDER BY 1, subject COLLATE "C";
SELECT count(*) FROM ((SELECT * FROM weir._scores((SELECT monitor_id FROM weir.monitor), '2026-03-01', '2026-03-05') EXCEPT ALL SELECT * FROM weir.scores)
    UNION ALL (SELECT * FROM weir.scores WHERE window_start >= '2026-03-01' AND window_start < '2026-03-05'
               EXCEPT ALL SELECT * FROM weir._scores((SELECT monitor_id FROM weir.monitor), '2026-03-01', '2026-03-05'))) d;
-- Only the metrics asked for, of those that the monitor has.
SELECT family, metric, count(*) FROM weir._scores((SELECT monitor_id FROM weir.monitor), '2026-03-01', '2026-03-02', '{psi, demographic_parity_ratio}') GROUP BY 1, 2 ORDER BY 1, 2;
SELECT family, metric, count(*) FROM weir._scores((SELECT monitor_id FROM weir.monitor), '2026-03-01', '2026-03-02', '{ks}') GROUP BY 1, 2 ORDER BY 1, 2;
SELECT monitor, state, window_start, n, is_final, status, n_columns, n_drifted, worst_column, worst_metric, worst_verdict, fairness_column, fairness_metric, baseline
FROM weir.overview \gx

-- Segments: every one is there, and reads differently from every other.
CREATE TABLE odd_segments(at timestamptz NOT NULL, a text, b text, x float8);
INSERT INTO odd_segments SELECT '2026-03-01 12:00', a, b, i FROM (VALUES ('', ''), ('p | q', 'r'), ('p', 'q | r'), ('p |', 'q'), ('p', '| q'), ('p', '|'), ('(unknown)', 'r'),
    (NULL, 'r'), ('"p" | q', 'r'), ('p|q', 'r'), ('say "p"', 'r')) v (a, b), generate_series(1, 2) i;
SELECT weir.create_monitor('odd', 'odd_segments', 'at', window_size => '1 day', segment_by => '{a, b}', columns => '{x}');
SELECT weir.create_monitor('empty', 'odd_segments', 'at', window_size => '1 day', segment_by => '{a}', columns => '{x}', filter => 'a = ''''');
SELECT fill('odd'), fill('empty');
SELECT segment, n FROM weir.windows('odd') ORDER BY segment COLLATE "C";
SELECT weir.set_baseline('empty', since => '2026-03-01', until => '2026-03-02');
SELECT segment, n, n_baseline FROM weir.drift_scores('empty') WHERE metric = 'psi' ORDER BY segment;
SELECT weir.drop_monitor('odd'), weir.drop_monitor('empty');

-- Windows without rows, in a zone and overlapping too; not where there are too many.
CREATE TABLE holes(at timestamptz NOT NULL, x float8);
INSERT INTO holes VALUES ('2026-03-06 12:00', 1), ('2026-03-10 12:00', 2), ('2026-03-11 12:00', 3);
SELECT weir.create_monitor('holes', 'holes', 'at', window_size => '1 day', time_zone => 'America/New_York', columns => '{x}');
SELECT fill('holes');
SELECT window_start, window_end, segment, n, n_labelled, is_final, status, updated_at IS NULL AS no_change FROM weir.windows WHERE monitor = 'holes';
SELECT window_start, window_end, n FROM weir.windows('holes', '2 days', '1 day', since => '2026-03-07') ORDER BY 1;
SELECT n, count(*) FROM weir.windows('holes', '1 hour') GROUP BY 1 ORDER BY 1;
SELECT window_start, n FROM weir.overview WHERE monitor = 'holes';
INSERT INTO holes VALUES ('1999-01-01 12:00', 1), ('2089-01-01', 1);
SELECT fill('holes');
SELECT count(*) FILTER (WHERE n = 0) AS empty, count(*) FROM weir.windows('holes');
SELECT weir.drop_monitor('holes');

-- More windows than anybody can want.
CREATE TABLE spread(at timestamptz NOT NULL, x float8);
INSERT INTO spread SELECT '2026-03-01'::timestamptz + i * interval '10000 seconds', i FROM generate_series(1, 101) i;
SELECT weir.create_monitor('spread', 'spread', 'at', window_size => '4 seconds', columns => '{x}');
SELECT fill('spread');
SELECT count(*) FROM weir.windows('spread', '1000 seconds', '1 second');
SELECT count(*) FROM weir.windows('spread', '10000 seconds', '1 second');
SELECT count(*) FROM weir.windows('spread', '10001 seconds', '1 second');
SELECT weir.drop_monitor('spread');

-- Rows where the calendar begins, or ends, leave the views of all monitors in order.
SELECT weir.create_monitor('old', 'loans', 'decided_at', window_size => '1 year', lateness => '10 years', columns => '{amount}');
UPDATE weir.monitor_state SET state = 'active', watermark = '4713-12-01 BC', last_change_at = now() WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'old');
INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness)
SELECT monitor_id, 0, t, '{}', 1, 0, 0, ARRAY[(SELECT weir.summarize(x) FROM generate_series(1, 40) x)], '{}'
FROM weir.monitor, unnest('{4713-12-01 BC, 294276-12-31}'::timestamptz[]) t WHERE name = 'old';
SELECT monitor, state, window_start, is_final FROM weir.overview ORDER BY 1;
SELECT window_start, window_end, n, is_final FROM weir.windows WHERE monitor = 'old' ORDER BY 1;
SELECT weir._latest_final(monitor_id) FROM weir.monitor WHERE name = 'old';
UPDATE weir.monitor_state SET watermark = '294276-12-31 23:00' WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'old');
SELECT weir._latest_final(monitor_id) FROM weir.monitor WHERE name = 'old';
SELECT count(*) FROM weir.overview;
SELECT weir.drop_monitor('old');
CREATE TABLE ends(at timestamptz NOT NULL, source text, x float8);
INSERT INTO ends SELECT t + i * interval '1 minute', 'source ' || i % 2, i
FROM unnest('{4714-11-24 00:00+00 BC, 2026-03-01 00:00+00, 294276-12-31 08:00+00}'::timestamptz[]) t, generate_series(0, 99) i;
SELECT weir.create_monitor('ends ' || zone, 'ends', 'at', window_size => '1 day', time_zone => zone, segment_by => '{source}', columns => '{x}', options => '{"sources": "segments"}'),
    fill('ends ' || zone)
FROM unnest('{UTC, America/New_York, Pacific/Kiritimati}'::text[]) zone;
SELECT zone, (SELECT sum(n) FROM weir.windows('ends ' || zone) WHERE segment IS NULL) AS n, (SELECT count(*) > 0 FROM weir.source_scores('ends ' || zone)) AS sources,
    (SELECT bool_and(value >= 0 AND value < 'infinity') FROM weir.source_scores('ends ' || zone) WHERE metric = 'silence') AS silence,
    (SELECT count(*) > 0 FROM weir.scores('ends ' || zone)) AS scores, (SELECT count(*) > 0 FROM weir.scores('ends ' || zone, since => '4714-11-24 00:00+00 BC', until => '4713-01-01 BC')) AS first,
    (SELECT count(*) > 0 FROM weir.scores('ends ' || zone, since => '294276-12-30')) AS last
FROM unnest('{UTC, America/New_York, Pacific/Kiritimati}'::text[]) zone;
-- nor do panes that lost rows which they never had, and are to be built again
UPDATE weir.pane SET n = -n, n_labelled = -1, marks = 4 WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'ends UTC');
SELECT DISTINCT n, n_labelled, status FROM weir.windows('ends UTC');
SELECT count(*) > 0 FROM weir.scores('ends UTC');
SELECT weir.drop_monitor('ends ' || zone) FROM unnest('{UTC, America/New_York, Pacific/Kiritimati}'::text[]) zone;

-- ---- nobody sees through weir what he may not see ----
CREATE ROLE monitor_test_reader;
GRANT USAGE ON SCHEMA monitor_test TO monitor_test_reader;
CREATE FUNCTION visible() RETURNS TABLE (monitors bigint, windows bigint, segments bigint, labelled bigint, stats text, drift text, fairness bigint, scores bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM weir.monitors), (SELECT count(*) FROM weir.windows), (SELECT count(segment) FROM weir.windows),
        (SELECT sum(n_labelled) FROM weir.windows WHERE segment IS NULL), (SELECT string_agg(DISTINCT column_name, ',') FROM weir.window_stats),
        (SELECT string_agg(DISTINCT column_name, ',') FROM weir.drift_scores), (SELECT count(*) FROM weir.fairness_scores), (SELECT count(*) FROM weir.scores) $$;
SET ROLE monitor_test_reader;
SELECT * FROM visible();
SELECT * FROM weir.windows('loans');
SELECT * FROM weir._windows(1, NULL, NULL, NULL, NULL, true, true, NULL, NULL);
SELECT * FROM weir._pane_windows(1, 'counts', NULL, NULL, NULL, NULL, true, NULL);
SELECT * FROM weir._scores(1, NULL, NULL);
RESET ROLE;
GRANT SELECT (decided_at, amount, purpose) ON loans TO monitor_test_reader;
SET ROLE monitor_test_reader;
SELECT * FROM visible();
SELECT DISTINCT subject FROM weir.scores('loans') ORDER BY 1;
RESET ROLE;
GRANT SELECT (region, approved, sex) ON loans TO monitor_test_reader;
SET ROLE monitor_test_reader;
SELECT monitors, segments > 0 AS segments, labelled, stats, fairness FROM visible();
RESET ROLE;
GRANT SELECT (repaid) ON loans TO monitor_test_reader;
SET ROLE monitor_test_reader;
SELECT labelled, fairness > 0 AS fairness FROM visible();
RESET ROLE;
-- A filter may speak of any column; row-level security hides rows that a summary cannot leave out.
UPDATE weir.monitor SET filter = 'income > 0';
SET ROLE monitor_test_reader;
SELECT monitors, windows FROM visible();
RESET ROLE;
GRANT SELECT ON loans TO monitor_test_reader;
SET ROLE monitor_test_reader;
SELECT monitors, windows FROM visible();
RESET ROLE;
ALTER TABLE loans ENABLE ROW LEVEL SECURITY;
SET ROLE monitor_test_reader;
SELECT monitors, windows FROM visible();
RESET ROLE;
SELECT monitors, windows FROM visible();
SELECT * FROM weir.windows('nobody');
SELECT * FROM weir.windows(NULL);
-- Without its table a monitor is still there for superusers.
DROP TABLE loans;
SELECT count(*) FROM weir.drift_scores WHERE metric = 'psi' AND segment IS NULL;
ROLLBACK;
