-- What leaves a node with a min_group_size, by itself and from one state to the next. In one transaction that is rolled back, so that nothing publishes but
-- what is called here; panes are written by hand, each in a subtransaction, which gives it a version of its own.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SELECT setseed(0.42) IS NOT NULL AS seeded;

-- ---- summaries: categories ----
CREATE FUNCTION pg_temp.told(x text[], size int DEFAULT 3) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce((SELECT string_agg(t.value || ' ' || t.count, ', ' ORDER BY t.count DESC, t.value) FROM weir.top(s, 20) t), '') || ' of ' || weir.value_count(s) || ' and ' || weir.null_count(s)
	FROM (SELECT (weir._told_summary('', NULL, (SELECT weir.summarize(v) FROM unnest(x) v), size, false))[1] AS s) s WHERE s IS NOT NULL $$;
SELECT x, pg_temp.told(x) FROM (VALUES
	('{a,a,a}'::text[]), ('{a,a,a,NULL}'), ('{a,a,a,b,c,d}'),	-- enough are rare
	('{a,a,a,a,e,e,e,b}'),	-- one is: the next smallest joins it
	('{a,a,a,b}'), ('{a,b}'), ('{NULL,NULL}'),	-- then none would be left to name; too few; no value
	('{a,b,c}'), ('{a,a,a,(rare)}'), ('{"","","",b,b,b}')) v (x);
-- at random: each category told has enough rows, no row gets lost, and none is told where all could be
SELECT count(*) AS cases, count(*) FILTER (WHERE s IS NULL) > 0 AS some_left_out, bool_and(s IS NULL OR weir.value_count(s) = n) AS all_rows,
	bool_and(s IS NULL OR NOT EXISTS (SELECT FROM weir.top(s, 100) t WHERE t.count < size)) AS large_enough,
	bool_and(smallest < size OR s::text = raw::text) AS as_it_is_where_all_are
FROM (SELECT i, 1 + i % 7 AS size, weir.summarize((random() * random() * (1 + i % 9))::int::text) AS raw, count(*) AS n
		FROM generate_series(1, 300) i, generate_series(1, 1 + i % 41) GROUP BY i) r,
	LATERAL (SELECT min(t.count) AS smallest FROM weir.top(raw, 100) t) m, LATERAL (SELECT (weir._told_summary('', NULL, raw, size, false))[1] AS s) p;
SELECT (weir._told_summary('', NULL, weir.summarize(i::text), 3, false))[1] IS NULL AS not_all_known FROM generate_series(1, 2000) i;

-- ---- numbers ----
CREATE FUNCTION pg_temp.values_of(s weir.summary) RETURNS TABLE (value float8, n bigint) LANGUAGE sql AS $$
	SELECT v, count(*) FROM generate_series(1, weir.value_count(s)) i, LATERAL (SELECT weir.quantile(s, (i - 0.5) / weir.value_count(s)) AS v) q GROUP BY v $$;
SELECT x, (SELECT string_agg(round(v.value::numeric, 6)::float8 || ' ' || v.n, ', ' ORDER BY v.value) FROM pg_temp.values_of(s) v) AS told, weir.null_count(s),
	round(weir.min_value(s)::numeric, 6)::float8 AS min, round(weir.max_value(s)::numeric, 6)::float8 AS max
FROM (VALUES ('{1,2,3}'::float8[]), ('{1,2}'), ('{1,2,3,10,20,30,40}'), ('{0,0,0,0,7}'), ('{0,0,0,0,0,0,7}'), ('{-5,-5,-5,-4,0,0,0,0,0}'),
	('{-5,0,0,0,1,2,3,NULL}'), ('{NULL}'), ('{1,1,1,NaN}')) v (x),
	LATERAL (SELECT (weir._told_summary('', NULL, (SELECT weir.summarize(v) FROM unnest(x) v), 3, false))[1] AS s) p;
-- at random: each value told is of enough rows, and stands where its rows do; of coarser summaries as far as their bins tell
SELECT count(*) AS cases, count(*) FILTER (WHERE weir.summary_level(raw) > 0) > 20 AS some_coarse, bool_and(weir.value_count(s) = n) AS all_rows,
	bool_and((SELECT min(v.n) FROM pg_temp.values_of(s) v) >= size) FILTER (WHERE weir.summary_level(s) = 0) AS large_enough,
	bool_and((SELECT bool_and(abs(weir.cdf(s, x) - weir.cdf(raw, x)) <= 3.0 * size / n + weir.error_bound(s) + weir.error_bound(raw))
		FROM unnest(weir.quantile(raw, ARRAY[0.02, 0.3, 0.5, 0.9, 0.99])) x)) AS where_they_were,
	bool_and(abs(weir.mean(s) - weir.mean(raw)) <= 1e-12 * (1 + abs(weir.max_value(raw)))) FILTER (WHERE weir.summary_level(raw) = 0) AS same_mean,
	bool_and(weir.distinct_count(s) IS NULL) FILTER (WHERE weir.summary_level(s) > 0) AS no_sketch
FROM (SELECT i, 1 + i % 7 AS size, weir.summarize(CASE WHEN i % 3 = 0 THEN (random() * 5)::int ELSE exp(random() * 8) - 40 END::float8, 16 * (i % 2 + 1)) AS raw, count(*) AS n
		FROM generate_series(1, 120) i, generate_series(1, 10 + i) GROUP BY i) r, LATERAL (SELECT (weir._told_summary('', NULL, raw, size, false))[1] AS s) p;
SELECT (weir._told_summary('', NULL, weir.summarize(x), 3, true))[1]::text = weir.summarize(x)::text AS exact_numbers FROM generate_series(1, 2) x;

-- ---- after what was told before: numbers stay until enough of them have changed, however many are NULL ----
CREATE FUNCTION pg_temp.after(told float8[], x float8[]) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(', ', weir.value_count(s[1]) || ' values', round(weir.mean(s[1])::numeric, 2), weir.null_count(s[1]) || ' NULL', CASE WHEN s[1] IS NULL THEN 'nothing' END,
		'last ' || weir.value_count(s[2]))
	FROM (SELECT weir._told_summary('x', (SELECT weir.summarize(v) FROM unnest(told) v), (SELECT weir.summarize(v) FROM unnest(x) v), 5, false) AS s) t $$;
SELECT what, pg_temp.after('{1,2,3,4,5,6,7,8,NULL,NULL}', x) FROM (VALUES
	('the same', '{1,2,3,4,5,6,7,8,NULL,NULL}'::float8[]),
	('one more, and many NULL', '{1,2,3,4,5,6,7,8,100,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL}'),
	('four others', '{1,2,3,4,9,9,9,9,NULL,NULL}'),
	('five others', '{1,2,3,9,9,9,9,9,NULL,NULL}'),
	('five more, three more are NULL', '{1,2,3,4,5,6,7,8,9,9,9,9,9,NULL,NULL,NULL,NULL,NULL}'),
	('five more, six more are NULL', '{1,2,3,4,5,6,7,8,9,9,9,9,9,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL}'),
	('six more are NULL', '{1,2,3,4,5,6,7,8,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL}'),
	('too few are left', '{1,2,NULL,NULL}'), ('four are gone', '{1,2,3,4,NULL,NULL}'), ('no such column', NULL)) v (what, x);
SELECT pg_temp.after('{1,2,3,NULL}', '{1,2,3,4,5}') AS too_few_were_told, pg_temp.after(NULL, '{1,2,3}') AS nothing_was, pg_temp.after(NULL, '{1,2,3,4,5}') AS nor_then;

-- ---- categories: each in steps, also where it has not been told meanwhile ----
CREATE FUNCTION pg_temp.steps(VARIADIC states int[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
	last weir.summary;
	told weir.summary[];
BEGIN	-- of category a, beside 50 of b and 60 of c; NULL where the column is not told
	FOR i IN 1 .. cardinality(states) LOOP
		told := weir._told_summary('kind', last, (SELECT weir.summarize(v) FROM (SELECT 'a' AS v FROM generate_series(1, states[i]) UNION ALL SELECT 'b' FROM generate_series(1, 50)
			UNION ALL SELECT 'c' FROM generate_series(1, 60)) v), 5, false);
		last := told[2];
		said := concat_ws(' | ', said, (SELECT string_agg(t.value || ' ' || t.count, ', ' ORDER BY t.value) FROM weir.top(told[1], 10) t));
	END LOOP;
	RETURN said;
END $$;
SELECT states, pg_temp.steps(VARIADIC states) FROM (VALUES ('{10,11,14,15,24,16,15}'::int[]), ('{10,0,9,0,14,15}'), ('{10,3,9,16}'), ('{0,4,5,9,10}'), ('{3,12,20}')) v (states);
SELECT weir._told_summary('x', weir.summarize(1), weir.summarize(1), 0, false);
SELECT weir._told_fairness(NULL, weir.fairness(true, true, 'F'), -1);

-- ---- at random: no two states that were told differ by a few rows in any category, and each told state of numbers from the one before ----
CREATE FUNCTION pg_temp.random_states(seed int) RETURNS TABLE (state int, kind weir.summary, x weir.summary, f weir.fairness_table) LANGUAGE plpgsql AS $$
DECLARE
	size int := 2 + seed % 6;
	last_kind weir.summary; last_x weir.summary; last_f weir.fairness_table;
	told weir.summary[]; told_f weir.fairness_table[];
BEGIN
	CREATE TEMP TABLE r ON COMMIT DROP AS
		SELECT i, (random() * random() * 6)::int AS kind, CASE WHEN random() < 0.4 THEN (random() * 20)::int END AS x, random() < 0.5 AS yes FROM generate_series(1, 60) i;
	FOR step IN 1 .. 25 LOOP
		DELETE FROM r WHERE random() < 0.06 * (step % 3);
		INSERT INTO r SELECT 1000 * step + j, (random() * random() * 6)::int, CASE WHEN random() < 0.4 THEN (random() * 20)::int END, random() < 0.5 FROM generate_series(1, (random() * 12)::int) j;
		UPDATE r SET yes = NOT yes WHERE random() < 0.1;
		SELECT weir._told_summary('kind', last_kind, weir.summarize('k' || r.kind), size, false) INTO told FROM r;
		kind := told[1]; last_kind := told[2];
		SELECT weir._told_summary('x', last_x, weir.summarize(r.x), size, true) INTO told FROM r;
		x := told[1]; last_x := told[2];
		SELECT weir._told_fairness(last_f, weir.fairness(r.yes, true, 'k' || r.kind), size) INTO told_f FROM r;
		f := told_f[1]; last_f := told_f[2];
		state := step;
		RETURN NEXT;
	END LOOP;
	DROP TABLE r;
END $$;
CREATE TEMP TABLE states AS SELECT seed, 2 + seed % 6 AS size, s.* FROM generate_series(1, 12) seed, LATERAL pg_temp.random_states(seed) s;
SELECT count(*) > 100 AS many_differ, count(*) FILTER (WHERE abs(n - m) BETWEEN 1 AND size - 1) AS by_few
FROM (SELECT a.size, a.state, b.state, n.value, n.count AS n, m.count AS m FROM states a JOIN states b ON b.seed = a.seed AND b.state > a.state,
		weir.top(a.kind, 20) n JOIN LATERAL weir.top(b.kind, 20) m USING (value)) d
WHERE n <> m;
-- numbers of one state and the next, exactly: values that are in one of them
SELECT count(*) > 50 AS many_differ, count(*) FILTER (WHERE greatest(more, fewer) < size) AS by_few
FROM (SELECT a.seed, a.size, a.state, sum(greatest(v.m - v.n, 0)) AS more, sum(greatest(v.n - v.m, 0)) AS fewer FROM states a JOIN states b ON b.seed = a.seed AND b.state = a.state + 1,
		LATERAL (SELECT (SELECT coalesce(sum(u.n), 0) FROM pg_temp.values_of(a.x) u WHERE u.value = i) AS n, (SELECT coalesce(sum(u.n), 0) FROM pg_temp.values_of(b.x) u WHERE u.value = i) AS m
			FROM generate_series(0, 20) i) v
		WHERE a.x IS NOT NULL AND b.x IS NOT NULL GROUP BY 1, 2, 3) d WHERE more > 0 OR fewer > 0;
SELECT count(*) > 50 AS many_differ, count(*) FILTER (WHERE greatest(more, fewer) < size) AS by_few
FROM (SELECT a.size, greatest(m.n_positive - n.n_positive, 0) + greatest(m.n_negative - n.n_negative, 0) AS more,
		greatest(n.n_positive - m.n_positive, 0) + greatest(n.n_negative - m.n_negative, 0) AS fewer
		FROM states a JOIN states b ON b.seed = a.seed AND b.state = a.state + 1, weir.fairness_groups(a.f) n JOIN LATERAL weir.fairness_groups(b.f) m USING (group_name)) d
WHERE more > 0 OR fewer > 0;
-- ---- groups of a protected column: a small one takes the next smallest with it ----
SELECT sizes, (SELECT string_agg(g.group_name || ' ' || g.n, ', ' ORDER BY g.group_name) FROM weir.fairness_groups((weir._told_fairness(NULL, f, 5))[1]) g)
FROM (VALUES ('{5,9,20}'::int[]), ('{2,9,20}'), ('{2,3,20}'), ('{4,20}'), ('{1,1,2,9,9}')) v (sizes),
	LATERAL (SELECT weir.fairness(true, true, 'g' || o) AS f FROM unnest(sizes) WITH ORDINALITY u (size, o), generate_series(1, size)) t;

-- of as many rows the same one as among categories, else the two together would tell how large the small one is
SELECT (SELECT string_agg(g.group_name || ' ' || g.n, ', ' ORDER BY g.group_name) FROM weir.fairness_groups((weir._told_fairness(NULL, f, 5))[1]) g) AS groups, pg_temp.told(x, 5) AS categories
FROM (VALUES ('{aa,b,c}'::text[]), ('{b,aa,c}'), ('{x,xyz,xy}')) v (names),
	LATERAL (SELECT weir.fairness(true, true, name) AS f, array_agg(name) AS x
		FROM unnest('{a}' || names, '{3,7,7,20}'::int[]) u (name, size), generate_series(1, size)) t;

-- ---- from one state to the next ----
BEGIN;
CREATE TABLE visits (at timestamptz NOT NULL, x float8, kind text);
SELECT weir.create_monitor('visits', 'visits', 'at', columns => '{x,kind}', window_size => '1 hour');
SELECT weir.publish_panes('visits', 'here', min_group_size => 5);
UPDATE weir.monitor_state SET watermark = '2026-03-02 00:17:30' WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'visits');
-- a pane of the hour, with rows x = first, first + 1 ...
CREATE FUNCTION pg_temp.pane(hour int, n int, first int DEFAULT 1, n_labelled int DEFAULT 0, marks int DEFAULT 0) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN	-- a version of its own
		DELETE FROM weir.pane p USING weir.monitor m WHERE m.name = 'visits' AND p.monitor_id = m.monitor_id AND p.pane_start = '2026-03-01'::timestamptz + hour * interval '1 hour';
		INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, marks, summaries, fairness)
			SELECT m.monitor_id, 0, '2026-03-01'::timestamptz + hour * interval '1 hour', '{}', s.n, $4, 0, $5, ARRAY[s.x, s.kind], '{}'
			FROM weir.monitor m, (SELECT count(*) AS n, weir.summarize(i::float8) AS x, weir.summarize('k' || i % 2) AS kind FROM generate_series(first, first + $2 - 1) i) s
			WHERE m.name = 'visits' AND $2 > 0;
	EXCEPTION WHEN division_by_zero THEN NULL;
	END;
	PERFORM weir._publish_panes(monitor_id) FROM weir.monitor WHERE name = 'visits';
	RETURN (SELECT coalesce(string_agg(format('%s: %s, mean %s, marks %s', to_char(p.pane_start, 'HH24'), p.n, round(weir.mean(p.summaries[1])::numeric, 2), p.marks),
				'; ' ORDER BY pane_start), 'nothing') FROM weir.node_pane p) || (SELECT '; stay: ' || n_suppressed FROM weir.node);
END $$;
SELECT pg_temp.pane(1, 4);	-- small
SELECT pg_temp.pane(1, 12);	-- not any more
SELECT o.final_before = weir.tumble(f.at, m.pane_size) AS between_panes, o.final_before < f.at AS not_of_a_row
FROM weir.node o, weir.monitor m, LATERAL (SELECT weir._final_before(m.monitor_id) AS at) f WHERE m.name = 'visits';
SELECT pg_temp.pane(1, 13);	-- a row more stays
SELECT pg_temp.pane(1, 16), pg_temp.pane(1, 8);	-- and four less
SELECT pg_temp.pane(1, 12, first => 4);	-- three of the same number are others
SELECT pg_temp.pane(1, 12, n_labelled => 4), pg_temp.pane(1, 12, n_labelled => 4, marks => 4);	-- what the pane says of itself is told at once
SELECT pg_temp.pane(1, 17, marks => 4);	-- five more
SELECT pg_temp.pane(1, 17, n_labelled => 9);	-- labels
SELECT pg_temp.pane(1, 17, first => 101, n_labelled => 9);	-- all others
SELECT pg_temp.pane(1, 14);	-- three less, and later
-- where it is not known what is final, or that goes back, what has left stays as it left, and nothing else leaves; then it is looked at again
UPDATE weir.monitor_state SET watermark = NULL WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'visits');
SELECT pg_temp.pane(1, 24), pg_temp.pane(2, 12);
UPDATE weir.monitor_state SET watermark = '2026-03-01 01:10' WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'visits');
SELECT pg_temp.pane(1, 25), pg_temp.pane(2, 0);
UPDATE weir.monitor_state SET watermark = '2026-03-02 00:17:30' WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'visits');
SELECT pg_temp.pane(2, 0), pg_temp.pane(1, 12);
SELECT pg_temp.pane(1, 3);	-- too few are left
SELECT pg_temp.pane(1, 12), pg_temp.pane(1, 0);	-- none
-- each column by itself, and each category: a pane that leaves anew because of others does not tell of the one value that came in a column that is mostly NULL
CREATE FUNCTION pg_temp.sparse(n int, n_x int, n_b int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN	-- n rows, of which the first n_x have x = 1, 2 ..., and the last n_b are of kind b, the others of a
	BEGIN
		DELETE FROM weir.pane p USING weir.monitor m WHERE m.name = 'visits' AND p.monitor_id = m.monitor_id;
		INSERT INTO weir.pane (monitor_id, generation, pane_start, segment, n, n_labelled, n_late, marks, summaries, fairness)
			SELECT m.monitor_id, 0, '2026-03-01 05:00', '{}', s.n, s.n / 2, s.n / 3, 0, ARRAY[s.x, s.kind], '{}'
			FROM weir.monitor m, (SELECT count(*) AS n, weir.summarize(CASE WHEN i <= n_x THEN i::float8 END) AS x, weir.summarize(CASE WHEN i > $1 - n_b THEN 'b' ELSE 'a' END) AS kind
				FROM generate_series(1, $1) i) s WHERE m.name = 'visits';
	EXCEPTION WHEN division_by_zero THEN NULL;
	END;
	PERFORM weir._publish_panes(monitor_id) FROM weir.monitor WHERE name = 'visits';
	RETURN (SELECT format('%s rows, %s labelled, %s late; x: %s of mean %s, %s NULL; kind: %s', p.n, p.n_labelled, p.n_late, weir.value_count(p.summaries[1]),
				round(weir.mean(p.summaries[1])::numeric, 2), weir.null_count(p.summaries[1]),
				(SELECT string_agg(t.value || ' ' || t.count, ', ' ORDER BY t.value) FROM weir.top(p.summaries[2], 10) t))
			FROM weir.node_pane p);
END $$;
SELECT pg_temp.sparse(30, 6, 7);
SELECT pg_temp.sparse(52, 7, 8);	-- 22 more rows, one of them with x and one of kind b
SELECT pg_temp.sparse(52, 11, 12);	-- five of each
SELECT pg_temp.sparse(50, 0, 0), pg_temp.sparse(52, 12, 12);	-- none; and back, with one x more than before
SELECT pg_temp.sparse(40, 12, 12);	-- twelve fewer
-- another form tells the same rows
SELECT weir.publish_panes('visits', 'here', min_group_size => 5, exact_numbers => true);
SELECT pg_temp.sparse(41, 13, 13);
SELECT weir.max_value(summaries[1]) FROM weir.node_pane;
SELECT weir.publish_panes('visits', 'here', min_group_size => 5), pg_temp.pane(5, 0);

-- rolled up, with two rows that had not left: what left before is merged
SELECT pg_temp.pane(2, 10), pg_temp.pane(3, 10, first => 11), pg_temp.pane(4, 2, first => 21);
CREATE FUNCTION pg_temp.roll_up(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM weir.pane p USING weir.monitor m WHERE m.name = 'visits' AND p.monitor_id = m.monitor_id;
	INSERT INTO weir.pane (monitor_id, generation, pane_start, pane_end, segment, n, n_labelled, n_late, marks, summaries, fairness)
		SELECT m.monitor_id, 0, '2026-03-01 00:00', '2026-03-01 06:00', '{}', n, 0, 0, 0, ARRAY[s.x, s.kind], '{}'
		FROM weir.monitor m, (SELECT weir.summarize(i::float8) AS x, weir.summarize('k' || i % 2) AS kind FROM generate_series(1, n) i) s WHERE m.name = 'visits';
	INSERT INTO weir.pane_level SELECT monitor_id, '6 hours', '2026-03-01 06:00' FROM weir.monitor WHERE name = 'visits' ON CONFLICT DO NOTHING;
EXCEPTION WHEN division_by_zero THEN NULL;
END $$;
SELECT pg_temp.roll_up(22);
SELECT pg_temp.pane(7, 0);
SELECT p.pane_start, p.pane_end, p.n, weir.min_value(p.summaries[1]) > 1 AS not_one, weir.max_value(p.summaries[1]) FROM weir.node_pane p;
SELECT pg_temp.roll_up(25);
SELECT pg_temp.pane(7, 0);
-- another size, another form: all anew
SELECT weir.publish_panes('visits', 'here', min_group_size => 5, exact_numbers => true);
SELECT pg_temp.pane(7, 0);
SELECT weir.min_value(summaries[1]), weir.max_value(summaries[1]) FROM weir.node_pane;
SELECT weir.publish_panes('visits', 'here', min_group_size => 1);
SELECT pg_temp.pane(8, 1);
SELECT count(*) FROM weir.published_pane;
-- a partition that was attached is not read yet and loses rows: what was told stays, and is marked
UPDATE weir.pane SET n = -3, marks = 4 WHERE pane_start = '2026-03-01 08:00';
SELECT weir._publish_panes(monitor_id) FROM weir.monitor WHERE name = 'visits';
SELECT p.pane_start, p.n, p.marks FROM weir.node_pane p ORDER BY 1;
UPDATE weir.pane SET n = 2, marks = 0 WHERE pane_start = '2026-03-01 08:00';
SELECT weir._publish_panes(monitor_id) FROM weir.monitor WHERE name = 'visits';
SELECT p.pane_start, p.n, p.marks FROM weir.node_pane p ORDER BY 1;
SELECT weir.withdraw_panes('visits');
SELECT count(*) FROM weir.node_pane;
ROLLBACK;
