-- What a node may bring where nodes are put together: it can be wrong or hostile, and must not break what is read of the others. A summary of another kind, a
-- count that overflows, a definition that is none: the node is refused, with a reason, and nothing is an error.
\set VERBOSITY terse
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
CREATE TABLE visits (node text, at timestamptz, region text, x float8, kind text, v float8[], bought boolean, paid boolean, score float8, sex text);
SELECT weir.create_monitor('visits', 'visits', 'at', window_size => '1 hour', segment_by => '{region,node}', columns => '{x,kind,v}', kinds => '{"v": "vector"}',
	prediction => 'bought', label => 'paid', score => 'score', protected => '{sex}', options => '{"nodes": "visits"}');
CREATE TABLE definition AS SELECT weir._pane_definition(monitor_id) || '{"segment_by": ["region"]}' AS d FROM weir.monitor WHERE name = 'visits';
INSERT INTO weir.node (monitor, node, definition, min_group_size, n_suppressed, published_at) SELECT 'visits', n, d, 1, 0, now() FROM definition, unnest('{good,bad}'::text[]) n;
-- a pane of a node, and what came of it: who is refused, and how many panes of whom the monitor has
CREATE FUNCTION state() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s: %s, %s', n.node, coalesce(regexp_replace(n.reason, 'cannot be read: .*', 'cannot be read'), n.state),
			(SELECT count(*) FROM weir.pane p JOIN weir.monitor m USING (monitor_id) WHERE m.name = n.monitor AND p.segment[2] = n.node)),
		'; ' ORDER BY n.node DESC) FROM weir.nodes n WHERE n.monitor = 'visits' $$;
CREATE FUNCTION pane(hour int, node text DEFAULT 'bad', n bigint DEFAULT 2, x weir.summary DEFAULT NULL, kind weir.summary DEFAULT NULL, v weir.summary DEFAULT NULL,
	part weir.summary DEFAULT NULL, segment text[] DEFAULT '{north}', start timestamptz DEFAULT '2026-03-01', until timestamptz DEFAULT NULL, f weir.fairness_table DEFAULT NULL)
	RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO weir.node_pane (monitor, node, pane_start, pane_end, segment, n, n_labelled, n_late, marks, summaries, fairness, version)
		SELECT 'visits', node, start + hour * interval '1 hour', until, segment, n, 0, 0, 0, ARRAY[x, kind, v, part], ARRAY[f], '1';
	RETURN state();
END $$;
-- as an administrator would
CREATE FUNCTION again() RETURNS void LANGUAGE sql AS $$
	SELECT weir.forget_node('bad');
	INSERT INTO weir.node (monitor, node, definition, min_group_size, n_suppressed, published_at) SELECT 'visits', 'bad', d, 1, 0, now() FROM definition $$;
\o /dev/null
SELECT pane(0, 'good', x => weir.summarize(1.5::float8), kind => weir.summarize('a'::text), v => weir.summarize('{1,2,3}'::float8[]), f => weir.fairness(true, true, 'F'));
\o
SELECT pane(1, x => weir.summarize('a'::text));
\o /dev/null
SELECT again();
\o
SELECT pane(1, x => weir.summarize('1 hour'::interval));
\o /dev/null
SELECT again();
\o
SELECT pane(1, kind => weir.summarize(1));
\o /dev/null
SELECT again();
\o
SELECT pane(1, v => weir.summarize('{1,2}'::float8[]));
\o /dev/null
SELECT again();
\o
SELECT pane(1, v => weir.summarize('{1,2,4}'::float8[]));
\o /dev/null
SELECT again();
\o
SELECT pane(1, part => weir.summarize('q'::text));
\o /dev/null
SELECT again();
\o
SELECT pane(1, n => -1);
\o /dev/null
SELECT again();
\o
SELECT pane(1, n => 9223372036854775807);
\o /dev/null
SELECT again();
\o
SELECT pane(1, segment => '{north,south}');
\o /dev/null
SELECT again();
\o
SELECT pane(1, segment => '[0:0]={north}');
\o /dev/null
SELECT again();
\o
SELECT pane(0, start => 'infinity');
\o /dev/null
SELECT again();
\o
SELECT pane(1, until => '2026-02-01');
\o /dev/null
SELECT again();
\o
SELECT pane(1, f => weir.fairness(true, true, 'F', 'old'));
\o /dev/null
SELECT again();
\o
SELECT pane(1, n => 0, f => weir.fairness(true, true, 'F'));
\o /dev/null
SELECT again();
\o
SELECT pane(1, f => weir.fairness(true, true, 'M'));
\o /dev/null
SELECT again();
\o
-- of a node with a min_group_size, each group is as it was told, and so are the rows
UPDATE weir.node SET min_group_size = 10 WHERE node = 'bad';
SELECT pane(1, n => 0, f => weir.fairness(true, true, 'F'));
\o /dev/null
SELECT again();
\o
-- it comes in again by itself when what could not be merged is replaced, or withdrawn
CREATE FUNCTION as_good_as(hour int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	UPDATE weir.node_pane SET n = 2, summaries = '{NULL,NULL,NULL,NULL}' WHERE node = 'bad' AND pane_start = '2026-03-01'::timestamptz + hour * interval '1 hour';
	RETURN state();
END $$;
CREATE FUNCTION withdrawn(hour int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM weir.node_pane WHERE node = 'bad' AND pane_start = '2026-03-01'::timestamptz + hour * interval '1 hour';
	RETURN state();
END $$;
SELECT pane(1);
SELECT pane(2, x => weir.summarize('a'::text));
SELECT pane(3, n => -1);
SELECT pane(4);
SELECT node, state, panes, refused_panes FROM weir.nodes ORDER BY node;
SELECT as_good_as(2);	-- now for the next one
SELECT as_good_as(4);	-- of which nothing was to be said
SELECT as_good_as(3);
SELECT pane(5, n => -1);
SELECT pane(6, n => -2);
SELECT withdrawn(5);
UPDATE weir.node_pane SET n = -3 WHERE node = 'bad' AND pane_start = '2026-03-01 06:00';
SELECT state();
SELECT withdrawn(6);
SELECT node, state, panes, refused_panes FROM weir.nodes ORDER BY node;
-- also when it is others that go; where its own differ from each other, that takes a while
SELECT pane(7, v => weir.summarize('{1,2}'::float8[]));
SELECT weir.forget_node('good');
SELECT state();
SELECT pane(8, v => weir.summarize('{1,2,3,4}'::float8[])) ~ 'bad: its pane of .* has vectors of . numbers in column v, others have ., 0' AS refused;
SELECT as_good_as(1) ~ 'bad: its pane' AS still;
UPDATE weir.node_merge SET merged_at = merged_at - interval '11 minutes';
SELECT withdrawn(8);
-- what it tells of itself counts more
SELECT pane(9, n => -1);
UPDATE weir.node SET definition = definition || '{"time_zone": "Europe/Paris"}' WHERE node = 'bad';
SELECT withdrawn(9);
SELECT refused_panes FROM weir.nodes;
UPDATE weir.node SET definition = d FROM definition WHERE node = 'bad';
SELECT state();
\o /dev/null
SELECT weir.forget_node('bad');
INSERT INTO weir.node (monitor, node, definition, min_group_size, n_suppressed, published_at) SELECT 'visits', 'good', d, 1, 0, now() FROM definition;
SELECT pane(0, 'good', x => weir.summarize(1.5::float8), kind => weir.summarize('a'::text), v => weir.summarize('{1,2,3}'::float8[]), f => weir.fairness(true, true, 'F'));
INSERT INTO weir.node (monitor, node, definition, min_group_size, n_suppressed, published_at) SELECT 'visits', 'bad', d, 1, 0, now() FROM definition;
\o
-- all panes at once, for another monitor
SELECT pane(1, v => weir.summarize('{1,2}'::float8[]));
SELECT weir.create_monitor('other', 'visits', 'at', window_size => '1 hour', segment_by => '{region,node}', columns => '{x,v}', kinds => '{"v": "vector"}',
	prediction => 'bought', label => 'paid', score => 'score', protected => '{sex}', options => '{"nodes": "visits"}');
SELECT monitor, node, state, reason FROM weir.nodes ORDER BY monitor, node;
SELECT weir.drop_monitor('other');
-- what a node tells of itself
SELECT again();
CREATE FUNCTION told(change jsonb, levels jsonb DEFAULT '[]') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	UPDATE weir.node SET definition = CASE WHEN jsonb_typeof(change) = 'object' THEN d || change ELSE change END, levels = $2 FROM definition WHERE node = 'bad';
	RETURN state();
END $$;
SELECT told('{}', '[{"pane_size": "0", "before": "2026-01-01"}]');
SELECT told('{}', '5');
SELECT told('{}', '[{"pane_size": "6 hours", "before": "2026-01-01"}]');
SELECT told('5');
SELECT told('{"columns": 5}');
SELECT told('{"columns": [{"name": "x", "ordinal": "one", "kind": "numeric", "type": "double precision"}]}');
SELECT told('{"columns": [{"name": "x", "ordinal": 1, "kind": "numeric", "type": "numeric"}]}');
SELECT told('{"columns": [{"name": "kind", "ordinal": 2, "kind": "category", "type": "mood"}]}');	-- texts of an enum are texts
SELECT told('{"columns": [{"name": "x", "ordinal": 1, "kind": "numeric", "type": "double precision"},
	{"name": "x", "ordinal": 2, "kind": "numeric", "type": "double precision"}]}');
SELECT told('{"first_protected": 2147483647}');
SELECT told('{"time_zone": null}');
SELECT told('{"derived": [{"name": "regression_performance.errors", "ordinal": 4}]}');
SELECT told('{"derived": []}');	-- what is personal is not published
SELECT told('{}');
UPDATE weir.node SET published_at = '2100-01-01' WHERE node = 'bad';
SELECT state();
-- everything can still be read
SELECT (SELECT count(*) > 0 FROM weir.windows('visits')) AND (SELECT count(*) > 0 FROM weir.window_stats('visits')) AND (SELECT count(*) > 0 FROM weir.performance_scores('visits')) AS is_read;
TRUNCATE weir.node;
TRUNCATE weir.node_pane;
-- who has the name
INSERT INTO weir.node_origin VALUES ('visits', 'mine', 1);
CREATE TABLE here (at timestamptz NOT NULL, x float8);
SELECT weir.create_monitor('here', 'here', 'at');
UPDATE weir.node_origin SET monitor = 'here';
SELECT weir.publish_panes('here', 'mine');
SELECT weir._claim_node('here', 'mine', 2), weir._claim_node('here', 'other', 2);	-- subscription 1 is no more
SELECT node, subscription FROM weir.node_origin ORDER BY node;
DELETE FROM weir.node_origin;
SELECT weir.publish_panes('here', 'mine');
SELECT weir._claim_node('here', 'mine', 2);
SELECT weir.drop_monitor('here'), weir.forget_node('good'), weir.forget_node('bad'), weir.drop_monitor('visits');
DELETE FROM weir.node_origin;
DROP TABLE visits, here, definition;
DROP FUNCTION state, pane, again, told, as_good_as, withdrawn;
