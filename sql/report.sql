-- Bars.
SET search_path = public, weir;
SELECT sparkline('{1,2,3,4,5,6,7,8}'), sparkline('{0,NULL,10,5,NaN,Infinity,0}'), sparkline('{3,3,3}'), sparkline('{-1e308,1e308,0}'), sparkline('{7}');
SELECT sparkline('{}') = '' AS empty, sparkline('{NULL}') = ' ' AS blank, sparkline(NULL) IS NULL AS none;

-- Reports: the numbers of the views, whatever names things have, and nothing that one may not see.
-- In one transaction that is rolled back, with panes made here, so that a running capture has no part in it.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
BEGIN;
DELETE FROM weir.monitor;
CREATE SCHEMA report_test;
SET search_path = report_test, public;
\set bad '</td><script>alert("1")</script>&\'\\ @range %s'
SELECT replace(:'bad', '@range', E'\x1b[31m@last') AS monitor_name \gset
CREATE TABLE events(at timestamptz NOT NULL, plain float8, "<b onclick=""x"">'" float8, "<svg onload=a>" text, mail text, sex text, score float8, approved boolean, repaid boolean);
INSERT INTO events SELECT timestamptz '2026-01-01' + i * interval '6 minutes', i * 7919 % 1009 + CASE WHEN i > 3600 THEN 400 ELSE 0 END, i * 104729 % 997,
    CASE i % 3 WHEN 0 THEN 'x' ELSE :'bad' END, 'someone@example.org', CASE i % 2 WHEN 0 THEN 'F' ELSE :'bad' END, i * 7907 % 1000 / 1000.0, i * 7907 % 1000 > 400 + i % 2 * 200,
    i * 7907 % 1000 > i * 7919 % 1000
FROM generate_series(0, 4799) i;
SELECT weir.classify_column('events', 'mail', 'personal');
SELECT weir.create_model('m <i>', purpose => 'test', risk => 'low');
SELECT weir.create_model_version('m <i>', note => :'bad');
SELECT weir.create_monitor(:'monitor_name', 'events', 'at', window_size => '1 day', columns => '{plain,"<b onclick=\"x\">''","<svg onload=a>",mail}', model => 'm <i>',
    prediction => 'approved', score => 'score', label => 'repaid', protected => '{sex}');
INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness)
SELECT m.monitor_id, 0, weir.tumble(at, m.pane_size), '{}', count(*), count(*), 0,
    ARRAY[weir.summarize(plain), weir.summarize("<b onclick=""x"">'"), weir.summarize("<svg onload=a>"), weir.summarize(mail),
          weir._without_nulls(weir.summarize(CASE WHEN NOT repaid THEN score END)), weir._without_nulls(weir.summarize(CASE WHEN repaid THEN score END)), NULL,
          weir.summarize(-ln(greatest(CASE WHEN repaid THEN score ELSE 1 - score END, 2 ^ -52::float8)), 16),
          weir._without_nulls(weir.summarize(CASE WHEN NOT repaid THEN approved::int::float8 END)), weir._without_nulls(weir.summarize(CASE WHEN repaid THEN approved::int::float8 END))],
    ARRAY[weir.fairness(repaid, approved, sex)]
FROM events, (SELECT monitor_id, pane_size FROM weir.monitor) m GROUP BY 1, 3, m.pane_size;
SELECT weir.report_text(:'monitor_name') LIKE '%There is nothing to compare with: weir.set_baseline.%' AS no_baseline_yet;
UPDATE weir.monitor_state SET state = 'active', last_change_at = now(), watermark = '2026-01-21';
SELECT weir.set_baseline(:'monitor_name', since => '2026-01-01', until => '2026-01-11');
SELECT weir.create_rule(:'bad', :'monitor_name', 'psi', above => 0.25);
INSERT INTO weir.alert (rule_id, rule, monitor_id, severity, family, subject, metric, value, threshold, n, window_start, window_end, last_window_start, message, detail)
SELECT r.rule_id, r.name, r.monitor_id, 'critical', 'drift', 'plain', 'psi', 1, 0.25, 240, '2026-01-20', '2026-01-21', '2026-01-20', :'bad', '{}' FROM weir.rule r;

SELECT state, window_start, n, verdict, verdict_family, verdict_subject, verdict_metric, open_alerts, jobs_running, jobs_failed, reviews_waiting, n_drifted, worst_column FROM weir.overview;
-- what waits for somebody
SELECT weir.request_review('model_version', 'm <i>/1', reviewers => '{pg_monitor}') > 0 AS requested;
SELECT open_alerts, jobs_running, jobs_failed, reviews_waiting FROM weir.monitor_work;

-- the page
SELECT weir.report_html(:'monitor_name') AS page \gset
CREATE TEMP TABLE page AS SELECT :'page' AS html, regexp_replace(regexp_replace(:'page', '<style>.*?</style>|<!DOCTYPE html>', '', 'g'), '<script>for\(.*?</script>', '') AS body;
-- every tag is whole, of those that reports use, with attributes of those that they use; nothing else has a < or >
SELECT n_left AS left_over, length(html) > 20000 AS is_long FROM page,
    LATERAL (SELECT count(*) AS n_left FROM regexp_matches(regexp_replace(body, '<[a-z0-9]+( [a-zA-Z0-9-]+="[^"<>]*")*/?>|</[a-z0-9]+>', '', 'g'), '[<>]', 'g')) c;
SELECT string_agg(DISTINCT m[1], ' ' ORDER BY m[1]) AS tags FROM page, regexp_matches(body, '<([a-z0-9]+)', 'g') m;
SELECT string_agg(DISTINCT a[1], ' ' ORDER BY a[1]) AS attributes
FROM page, regexp_matches(body, '<[a-z0-9]+((?: [a-zA-Z0-9-]+="[^"<>]*")*)/?>', 'g') m, regexp_matches(m[1], ' ([a-zA-Z0-9-]+)="[^"]*"', 'g') a;
SELECT position(chr(27) IN html) AS control_characters, position('someone@example.org' IN html) AS personal, html LIKE '%http%//%' AS needs_network FROM page;
-- what is hostile is there, as text
SELECT count(*) > 5 AS told FROM page, regexp_matches(body, '&lt;/td&gt;&lt;script&gt;alert\(&quot;1&quot;\)', 'g');
-- the numbers are those of the views: drift of the last window, of all windows, fairness, quality, performance
CREATE TEMP VIEW numbers AS SELECT DISTINCT m[1] AS value FROM page, regexp_matches(html, 'data-value="([^"]*)"', 'g') m;
SELECT count(*) > 0 AS shown, count(*) FILTER (WHERE value::text NOT IN (SELECT n.value FROM numbers n)) AS missing
FROM (SELECT value FROM weir.drift_scores(:'monitor_name') WHERE is_primary
      UNION ALL SELECT value FROM weir.drift_scores(:'monitor_name', since => '2026-01-20')
      UNION ALL SELECT unnest(ARRAY[value, low, high]) FROM weir.fairness_scores(:'monitor_name', since => '2026-01-20') WHERE value IS NOT NULL
      UNION ALL SELECT value FROM weir.quality_scores(:'monitor_name', since => '2026-01-20')
      UNION ALL SELECT unnest(ARRAY[value, low, high, baseline_value]) FROM weir.performance_scores(:'monitor_name', since => '2026-01-20') WHERE NOT is_estimate) v WHERE value IS NOT NULL;
SELECT count(*) AS columns, bool_and(html LIKE '%<td class="n" data-value="' || value || '">%') AS equal FROM page, weir.drift_scores(:'monitor_name', since => '2026-01-20') WHERE is_primary;
-- every query that the page shows runs
DO $$
DECLARE
    query text;
    n int := 0;
BEGIN
    FOR query IN SELECT replace(replace(replace(replace(replace(m[1], '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&#39;', ''''), '&amp;', '&')
                 FROM page, regexp_matches(html, '<pre>(.*?)</pre>', 'g') m LOOP
        EXECUTE replace(query, '&#xfffd;', chr(27));
        n := n + 1;
    END LOOP;
    IF n < 10 THEN
        RAISE EXCEPTION 'only % queries', n;
    END IF;
END $$;

-- the terminal
SELECT position(chr(27) IN t) AS control_characters, t LIKE '%: alert in the last final window, 2026-01-20 00:00 to 2026-01-21 00:00%' AS headline,
    t ~ '\nplain +psi +[0-9.]+ +0.25 alert' AS drift, t ~ '\nsex +demographic_parity_ratio' AS fairness, t ~ '\nfrom labels +roc_auc' AS performance, t ~ '\nopen alerts\n' AS alerts
FROM weir.report_text(:'monitor_name') t;
SELECT max(char_length(l)) AS widest FROM string_to_table(weir.report_text(:'monitor_name'), E'\n') WITH ORDINALITY t (l, place) WHERE place > 1;

-- a range, and what it compares
SELECT weir.report_html(:'monitor_name', since => '2026-01-05', until => '2026-01-08') LIKE '%2026-01-07 00:00 to 2026-01-08 00:00%' AS last_of_range;
SELECT column_name, n, n_baseline, summary IS NULL AS withheld, weir.value_count(baseline) AS of_baseline, is_final, status
FROM weir.window_distributions(:'monitor_name', since => '2026-01-20', until => '2026-01-21') ORDER BY column_name COLLATE "C";
SELECT bool_and(weir.summaries_equal(d.summary, s.summary)) AS equal FROM weir.window_distributions(:'monitor_name') d JOIN weir.window_stats(:'monitor_name') s USING (window_start, column_name);

-- who sees it
CREATE ROLE regress_weir_reader;
GRANT USAGE ON SCHEMA report_test TO regress_weir_reader;
SET ROLE regress_weir_reader;
\set VERBOSITY sqlstate
SELECT weir.report_html(:'monitor_name') IS NULL;
SELECT weir.report_text(:'monitor_name') IS NULL;
\set VERBOSITY terse
RESET ROLE;
GRANT SELECT (at, plain) ON events TO regress_weir_reader;
SET ROLE regress_weir_reader;
SELECT html LIKE '%Drift of plain%' OR html LIKE '%psi of plain%' AS plain, html LIKE '%onload%' AS others, html LIKE '%demographic_parity_ratio</%' AS fairness, html LIKE '%roc_auc</%' AS performance
FROM weir.report_html(:'monitor_name') html;
RESET ROLE;
-- refused
SELECT weir.report_html('nothing');
SELECT weir.report_html(NULL);
SELECT weir.report_text('nothing');
SELECT weir.create_monitor('minutes', 'events', 'at', window_size => '1 minute', columns => '{plain}');
INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, summaries, fairness)
SELECT m.monitor_id, 0, at, '{}', 1, 0, 0, ARRAY[weir.summarize(plain)], '{}' FROM events, weir.monitor m WHERE m.name = 'minutes' GROUP BY 1, 3;
SELECT weir.report_html('minutes', since => '2026-01-01', until => '2026-01-10');
-- nothing there yet
SELECT weir.create_monitor('empty', 'events', 'at', columns => '{plain}');
SELECT weir.report_html('empty') LIKE '%there are no windows yet%' AS page, weir.report_text('empty') LIKE 'empty: %' AS screen;
ROLLBACK;
