-- Pages about comparisons, fairness, audits and models: the numbers of the functions behind them, whatever names things have, nothing that is withheld.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
BEGIN;
CREATE SCHEMA pages_test;
SET search_path = pages_test, public;
\set bad '</td><script>alert("1")</script>&\'\\ ]]> %s @model'

-- Every tag is whole and has attributes of those that pages use only; nothing else has a < or >. Every query runs. Returns how many queries.
CREATE FUNCTION check_page(html text) RETURNS TABLE (n_left bigint, n_control int, n_queries int) LANGUAGE plpgsql AS $$
DECLARE
    body text := regexp_replace(regexp_replace(html, '<style>.*?</style>|<!DOCTYPE html>', '', 'g'), '<script>for\(.*?</script>', '');
    query text;
BEGIN
    SELECT count(*) INTO n_left FROM regexp_matches(regexp_replace(body, '<[a-z0-9]+( [a-zA-Z0-9-]+="[^"<>]*")*/?>|</[a-z0-9]+>', '', 'g'), '[<>]', 'g');
    n_control := position(chr(27) IN html) + position(chr(8238) IN html);
    n_queries := 0;
    FOR query IN SELECT replace(replace(replace(replace(replace(m[1], '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&#39;', ''''), '&amp;', '&')
                 FROM regexp_matches(html, '<pre>(.*?)</pre>', 'g') m LOOP
        EXECUTE query;
        n_queries := n_queries + 1;
    END LOOP;
    RETURN NEXT;
END $$;
CREATE FUNCTION shown(html text) RETURNS SETOF float8 LANGUAGE sql AS $$ SELECT m[1]::float8 FROM regexp_matches(html, 'data-value="([^"]*)"', 'g') m $$;

-- two tables
CREATE TABLE before(id int, plain float8, "<b onclick=""x"">'" float8, "<svg onload=a>" text, mail text, gone int, other_type int, at timestamptz);
CREATE TABLE after(id int, plain float8, "<b onclick=""x"">'" float8, "<svg onload=a>" text, mail text, new int, other_type text, at timestamptz);
INSERT INTO before SELECT i, i * 7919 % 1009, i * 104729 % 997, CASE i % 3 WHEN 0 THEN 'x' WHEN 1 THEN 'went away' ELSE :'bad' END, 'someone' || i % 7 || '@example.org', 1, i,
    timestamptz '2026-01-01' + i * interval '1 hour'
FROM generate_series(1, 2000) i;
INSERT INTO after SELECT i, i * 7919 % 1009 + 400, i * 104729 % 997, CASE i % 3 WHEN 0 THEN 'x' WHEN 1 THEN 'is new' || chr(8238) ELSE :'bad' END,
    CASE WHEN i % 5 > 0 THEN 'other' || i % 9 || '@example.org' END, 1, i::text,
    timestamptz '2026-01-02' + i * interval '1 hour'
FROM generate_series(1, 2000) i;
SELECT weir.classify_column('before', 'mail', 'personal');
CREATE VIEW behind AS SELECT upper(mail) AS shouted, plain FROM before;
CREATE TEMP TABLE page AS SELECT weir.compare_html('before', 'after', columns => ARRAY['plain', '<b onclick="x">''', '<svg onload=a>', 'mail', 'gone', 'new', 'other_type', 'at'],
    adjust => 'holm') AS html;
SELECT c.* FROM page, check_page(html) c;
SELECT html LIKE '%3 of 5 columns drift%' AS headline, html LIKE '%gone was not judged: the current sample has no such column.%' AS gone,
    html LIKE '%new was not judged: the baseline has no such column.%' AS new,
    html LIKE '%other_type was not judged: the column has another type on the other side.%' AS other_type, html LIKE '%>went away</td>%>vanished</td>%' AS vanished,
    html LIKE '%>is new&#xfffd;</td>%>new</td>%' AS is_new,
    position('example.org' IN lower(html)) AS personal, html LIKE '%Values of this column are personal or sensitive, and withheld.%' AS withheld FROM page;
-- the numbers are those of weir.compare and of the summaries
SELECT count(*) > 40 AS shown, count(*) FILTER (WHERE c.value NOT IN (SELECT shown(html))) AS missing FROM page,
    weir.compare('before', 'after', columns => ARRAY['plain', '<b onclick="x">''', '<svg onload=a>', 'mail', 'gone', 'new', 'other_type', 'at'], adjust => 'holm') c WHERE c.value IS NOT NULL;
SELECT count(*) AS shown, count(*) FILTER (WHERE v NOT IN (SELECT shown(html))) AS missing
FROM page, (SELECT unnest(ARRAY[s.mean, s.stddev, s.p50, s.p99, s.min::float8]) FROM weir.summarize_table('before', columns => '{plain}') s
            UNION ALL SELECT unnest(ARRAY[s.mean, s.stddev, s.p50, s.p99, s.max::float8]) FROM weir.summarize_table('after', columns => '{plain}') s) x (v);
-- through views, expressions, unions, joins, common table expressions and subqueries too; what only counts or filters does not show values
SELECT what, html LIKE '%withheld%' AS withheld, position('EXAMPLE.ORG' IN upper(regexp_replace(html, '<pre>.*?</pre>', '', 'g'))) > 0 AS shown FROM (VALUES
    ('view', 'SELECT shouted FROM behind'), ('expression', 'SELECT left(mail, 30) || '''' AS shouted FROM before'), ('union', 'SELECT ''x'' AS shouted UNION ALL SELECT mail FROM before'),
    ('join', 'SELECT b.mail AS shouted FROM before a JOIN before b USING (id)'), ('merged', 'SELECT mail AS shouted FROM before a FULL JOIN before b USING (mail)'),
    ('with', 'WITH RECURSIVE c AS (SELECT id, mail AS m FROM before UNION SELECT c.id, c.m FROM c WHERE false) SELECT m AS shouted FROM c'),
    ('subquery', 'SELECT (SELECT b.mail FROM before b WHERE b.id = a.id) AS shouted FROM before a'), ('lateral', 'SELECT f.shouted FROM before b, LATERAL lower(b.mail) f (shouted)'),
    ('row', 'SELECT b::text AS shouted FROM before b'), ('group', 'SELECT mail AS shouted FROM before GROUP BY mail'), ('values',
    'SELECT v.shouted FROM before b, LATERAL (VALUES (b.mail)) v (shouted)'),
    ('not personal', 'SELECT "<svg onload=a>" AS shouted FROM before WHERE mail IS NOT NULL ORDER BY mail')) q (what, query),
    LATERAL (SELECT weir.compare_html(q.query, q.query) AS html) p;
-- options, and what is refused
SELECT weir.compare_html('before', 'after', columns => '{plain}', options => '{"kinds": {"plain": "category"}}') LIKE '%<span class="soft">category</span>%' AS as_category;
SELECT weir.compare_html('SELECT 1 AS x', 'SELECT 2 AS x') LIKE '%no column could be judged%' AS one_row;
SELECT weir.compare_html('SELECT 1 AS x WHERE false', 'SELECT 2 AS x') LIKE '%no column could be judged%' AS no_row;
SELECT weir.compare_html('SELECT v AS x FROM unnest(ARRAY[''-Infinity'', ''Infinity'', ''NaN'', 1e308, -1e308, 0, NULL]::float8[]) v',
    'SELECT v AS x FROM unnest(ARRAY[''Infinity'', 1e308, -1e308, 5e-324]::float8[]) v') IS NOT NULL AS extremes;
SELECT length(weir.compare_html('SELECT ARRAY[i, i % 3]::float8[] AS x FROM generate_series(1, 50) i', 'SELECT ARRAY[i, i % 5]::float8[] AS x FROM generate_series(1, 50) i')) > 1000 AS vectors;
SELECT weir.compare_html('before', 'after', columns => '{nothing}');
SELECT weir.compare_html('before', NULL);
SELECT weir.compare_html('before; DROP TABLE before', 'after');
SELECT weir.compare_html('before', 'after', adjust => 'x');

-- two summaries
SELECT c.n_left, html LIKE '%1 of 1 column drifts%' AS headline, html LIKE '%&lt;/td&gt;&lt;script&gt;%' AS named
FROM (SELECT weir.compare_html((SELECT weir.summarize(plain) FROM before), (SELECT weir.summarize(plain) FROM after), name => :'bad') AS html) p, LATERAL check_page(regexp_replace(html,
    '<pre>.*?</pre>', '', 'g')) c;
SELECT weir.compare_html(NULL::weir.summary, (SELECT weir.summarize(plain) FROM after));
SELECT weir.compare_html((SELECT weir.summarize("<svg onload=a>") FROM before), (SELECT weir.summarize(plain) FROM after));

-- fairness
CREATE TABLE decisions AS SELECT i, i * 7907 % 1000 > 400 + i % 2 * 200 AS approved, i * 7907 % 1000 > i * 7919 % 1000 AS repaid,
    CASE i % 2 WHEN 0 THEN 'F' ELSE :'bad' END AS sex FROM generate_series(1, 4000) i
UNION ALL SELECT i, true, true, 'few' FROM generate_series(1, 3) i;
CREATE TEMP TABLE fairness_page AS SELECT weir.fairness_html((SELECT weir.fairness(repaid, approved, sex) FROM decisions), title => :'bad') AS html;
SELECT c.* FROM fairness_page, check_page(html) c;
SELECT html LIKE '%<div class="head alert">%' AS headline, html LIKE '%1 groups are too small to judge: few%' AS small, html LIKE '%four_fifths: ratios below 0.8%' AS rule FROM fairness_page;
SELECT count(*) > 50 AS shown, count(*) FILTER (WHERE v NOT IN (SELECT shown(html))) AS missing
FROM fairness_page, (SELECT unnest(ARRAY[m.value, m.low, m.high]) FROM weir.fairness_metrics((SELECT weir.fairness(repaid, approved, sex) FROM decisions), adjust => 'holm') m
                     UNION ALL SELECT unnest(ARRAY[r.value, r.low, r.high]) FROM weir.fairness_rates((SELECT weir.fairness(repaid, approved, sex) FROM decisions)) r) x (v) WHERE v IS NOT NULL;
SELECT weir.fairness_html((SELECT weir.fairness(repaid, approved, sex) FROM decisions), small_groups => 'suppress', rule => 'practical', metrics => '{demographic_parity_ratio}',
    reference => 'F') LIKE '%practical%' AS options;
SELECT weir.fairness_html((SELECT weir.fairness(repaid, approved, sex) FROM decisions WHERE false)) IS NULL;
SELECT weir.fairness_html((SELECT weir.fairness(repaid, approved, sex) FROM decisions WHERE i < 3 AND sex = 'F')) LIKE '%Nothing could be judged.%' AS nothing;
SELECT weir.fairness_html((SELECT weir.fairness(repaid, approved, sex) FROM decisions), rule => 'x');

-- models
SELECT weir.create_model('m <i>''' || :'bad', purpose => :'bad', risk => 'low') AS model \gset
SELECT weir.describe_model(:'model', intended_use => :'bad', limitations => 'none <b>', disclosure => E'told\x1b[31m', contact => 'x@y');
SELECT weir.create_model_version(:'model', note => :'bad', metrics => jsonb_build_object(:'bad', 0.5, 'auc', 0.75));
SELECT weir.create_model_version(:'model', metrics => '{"auc": 0.8}');
SELECT weir.promote_model(:'model', 1, reason => :'bad');
SELECT weir.promote_model(:'model', 2, alias => 'candidate');
SELECT weir.request_review('model_version', :'model' || '/2', reviewers => '{pg_monitor}', note => :'bad') > 0 AS requested;
CREATE TEMP TABLE model_page AS SELECT weir.model_html(:'model') AS html;
SELECT c.* FROM model_page, check_page(html) c;
SELECT html LIKE '%<dt class="soft">Version</dt><dd>1</dd>%' AS champion, html LIKE '%One review waits: weir.review.%' AS waits,
    html LIKE '%Nothing watches it: weir.create_monitor%' AS unwatched, html NOT LIKE '%Its card lacks%' AS complete,
    html LIKE '%>candidate</text>%' AS aliases, html LIKE '%<td class="t">auc</td><td class="t">0.75</td>%' AS metrics FROM model_page;
SELECT weir.model_html(:'model', 2) LIKE '%<dt class="soft">Version</dt><dd>2</dd>%<td class="t">auc</td><td class="t">0.8</td><td class="t">0.75</td>%' AS version_2;
SELECT weir.model_html('nothing');
SELECT weir.model_html(:'model', 9) IS NULL;
SELECT weir.audit_html(4711);
SELECT weir.audit_html(NULL) IS NULL AS strict;
-- who sees it
CREATE ROLE regress_weir_pages;
GRANT USAGE ON SCHEMA pages_test TO regress_weir_pages;
GRANT SELECT (plain) ON before, after TO regress_weir_pages;
SET ROLE regress_weir_pages;
SELECT weir.compare_html('before', 'after', columns => '{plain}') LIKE '%1 of 1 column drifts%' AS readable;
\set VERBOSITY sqlstate
SELECT weir.compare_html('before', 'after') IS NULL;
SELECT weir.model_html(:'model') IS NULL;
RESET ROLE;
ROLLBACK;
-- names are no places to fill in
SELECT weir.fairness_html(weir.fairness(i % 2, i % 3 % 2, CASE WHEN i % 2 = 0 THEN '@window' ELSE 'ann@model.org' END)) LIKE '%@window%ann@model.org%' AS whole_names FROM generate_series(1, 100) i;
