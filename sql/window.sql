-- tumble, hop, cumulate, session_start
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

-- tumble: sizes of all units, in each type
SELECT ts, weir.tumble(ts, '5 min'), weir.tumble(ts, '36 hours'), weir.tumble(ts, '1 week'), weir.tumble(ts, '1 month'), weir.tumble(ts, '1 year')
FROM unnest('{2026-03-14 15:09:26.535898+00, 2000-01-03 00:00+00, 2000-01-02 23:59:59.999999+00, 1969-12-31 23:59:59+00, 0044-03-15 12:00+00 BC}'::timestamptz[]) ts;
SELECT ts, weir.tumble(ts, '5 min'), weir.tumble(ts, '1 day 12 hours'), weir.tumble(ts, '1 week'), weir.tumble(ts, '1 month')
FROM unnest('{2026-03-14 15:09:26.535898, 1999-12-31 23:59:59.999999}'::timestamp[]) ts;
SELECT ts, weir.tumble(ts, '1 day'), weir.tumble(ts, '48 hours'), weir.tumble(ts, '1 week'), weir.tumble(ts, '3 months')
FROM unnest('{2026-03-14, 2000-01-02, 1999-12-31, infinity}'::date[]) ts;
SELECT ts, weir.tumble(ts, 5), weir.tumble(ts, 5, 2), weir.tumble(ts, size => 5, origin => -3), weir.tumble(ts, 1)
FROM unnest('{-6, -5, -1, 0, 4, 5, 7}'::bigint[]) ts;
SELECT pg_typeof(weir.tumble(now(), '1 h')), pg_typeof(weir.tumble(now()::timestamp, '1 h')), pg_typeof(weir.tumble(current_date, '1 day')),
       pg_typeof(weir.tumble(7, 5));

-- origin
SELECT weir.tumble(timestamptz '2026-03-14 15:09+00', '15 min', origin => '2000-01-01 00:07+00'),
       weir.tumble(timestamptz '2026-03-14 15:09+00', '1 day', origin => '2026-01-01 06:00+00'),
       weir.tumble(timestamptz '2026-03-14 15:09+00', '1 month', origin => '2030-01-15 09:00+00'),
       weir.tumble(date '2026-03-14', '2 days', origin => '2026-03-14');

-- time zones: the day begins at local midnight, and has 23, 24 or 25 hours
SELECT weir.tumble(timestamptz '2026-03-14 22:30+00', '1 day', time_zone => 'Asia/Qatar');
SELECT weir.tumble(timestamptz '2026-03-14 22:30+00', '1 hour', time_zone => 'Asia/Kolkata');
SELECT weir.tumble(timestamptz '2026-03-31 22:30+00', '1 month', time_zone => 'Europe/Berlin');
SELECT weir.tumble(ts, '1 day', time_zone => 'Europe/Berlin') AS day, count(*) AS hours
FROM generate_series(timestamptz '2026-03-27 23:00+00', '2026-03-30 21:00+00', '1 hour') ts GROUP BY 1 ORDER BY 1;
SELECT weir.tumble(ts, '1 day', time_zone => 'Europe/Berlin') AS day, count(*) AS hours
FROM generate_series(timestamptz '2026-10-23 22:00+00', '2026-10-26 22:00+00', '1 hour') ts GROUP BY 1 ORDER BY 1;
-- midnight comes twice in Havana on 2024-11-03: the day begins with the first
SELECT weir.tumble(ts, '1 day', time_zone => 'America/Havana') AS day, count(*) AS hours
FROM generate_series(timestamptz '2024-11-02 04:00+00', '2024-11-05 04:00+00', '1 hour') ts GROUP BY 1 ORDER BY 1;
-- midnight is skipped in Beirut on 2023-03-30: the day begins with the change
SELECT weir.tumble(ts, '1 day', time_zone => 'Asia/Beirut') AS day, count(*) AS hours
FROM generate_series(timestamptz '2023-03-28 22:00+00', '2023-03-31 20:00+00', '1 hour') ts GROUP BY 1 ORDER BY 1;
-- in St. John's clocks went back from 00:01 to 23:01: the new day had begun
SELECT ts, weir.tumble(ts, '1 day', time_zone => 'America/St_Johns')
FROM unnest('{2006-10-29 02:29:59+00, 2006-10-29 02:30:30+00, 2006-10-28 12:00+00, 2006-10-29 02:31:00+00, 2006-10-28 13:00+00, 2006-10-29 03:29+00}'::timestamptz[]) ts;
-- Samoa had no 30 December 2011
SELECT weir.tumble(ts, '1 day', time_zone => 'Pacific/Apia') AS day, count(*) AS hours
FROM generate_series(timestamptz '2011-12-29 10:00+00', '2012-01-01 09:00+00', '1 hour') ts GROUP BY 1 ORDER BY 1;

-- NULL and infinity
SELECT weir.tumble(NULL::timestamptz, '1 day'), weir.tumble(now(), NULL), weir.tumble(NULL::bigint, 5), weir.tumble(timestamptz '-infinity', '1 day'),
       weir.tumble(timestamp 'infinity', '1 month');

-- sizes that make no windows
SELECT weir.tumble(now(), '0');
SELECT weir.tumble(now(), '-1 day');
SELECT weir.tumble(now(), '1 day -24 hours');
SELECT weir.tumble(now(), '1 month 1 day');
SELECT weir.tumble(now(), '1 day 1 hour', time_zone => 'Asia/Qatar');
SELECT weir.tumble(now(), '100000 years');
SELECT weir.tumble(now(), '1 day', time_zone => 'Atlantis/Capital');
SELECT weir.tumble(now(), '1 day', origin => 'infinity');
SELECT weir.tumble(now(), '1 month', origin => '2026-01-31');
SELECT weir.tumble(current_date, '1 hour');
SELECT weir.tumble(7, 0);
SELECT weir.tumble((-9223372036854775808)::bigint, 10);
SELECT weir.tumble(timestamptz '4714-11-24 00:00+00 BC', '1 month');
SELECT weir.tumble(date '5874897-12-31', '1 day');

-- hop: the windows that contain a time
SELECT * FROM weir.hop(timestamptz '2026-03-14 15:09+00', '1 hour', '20 min');
SELECT * FROM weir.hop(timestamptz '2026-03-14 15:00+00', size => '1 hour', slide => '20 min');
SELECT * FROM weir.hop(timestamp '2026-03-14 15:09', '50 min', '20 min');
SELECT * FROM weir.hop(date '2026-03-14', '1 month', '1 week');
SELECT * FROM weir.hop(-7, 10, 3);
SELECT * FROM weir.hop(7, 10, 4, origin => 1);
SELECT * FROM weir.hop(timestamptz '2026-03-29 12:00+00', '2 days', '1 day', time_zone => 'Europe/Berlin');
SELECT * FROM weir.hop(timestamptz '2012-01-01 12:00+00', '3 days', '1 day', time_zone => 'Pacific/Apia');
SELECT * FROM weir.hop(timestamptz '2026-05-31 12:00+00', '3 months', '1 month');
-- a slide longer than the size leaves holes
SELECT ts, h.* FROM generate_series(0, 11) ts LEFT JOIN LATERAL weir.hop(ts, 2, 5) h ON true;
SELECT count(*) FROM weir.hop(NULL::timestamptz, '1 hour', '20 min');
SELECT * FROM weir.hop(timestamptz 'infinity', '1 hour', '20 min');
SELECT weir.hop(5, 4, 2);
-- a set left before its end does not leak into the next
SELECT ts, (SELECT h FROM weir.hop(ts, 10, 2) h LIMIT 1) FROM generate_series(1, 3) ts;
SELECT weir.hop(ts, 10, 2) FROM generate_series(1, 3) ts LIMIT 7;
SELECT window_start, window_end, count(*), min(at), max(at)
FROM generate_series(timestamptz '2026-03-14 00:00+00', '2026-03-14 01:59+00', '1 min') at, weir.hop(at, size => '1 hour', slide => '30 min')
GROUP BY 1, 2 ORDER BY 1;
SELECT * FROM weir.hop(now(), '1 hour', '0');
SELECT * FROM weir.hop(now(), '-1 hour', '1 min');
SELECT * FROM weir.hop(1, 0, 1);
SELECT * FROM weir.hop(1, 1, -1);
SELECT * FROM weir.hop(9223372036854775807, 10, 5);
SELECT * FROM weir.hop((-9223372036854775808)::bigint, 10, 5);

-- cumulate: from the window's begin, step by step
SELECT * FROM weir.cumulate(timestamptz '2026-03-14 15:09+00', '1 day', '3 hours');
SELECT * FROM weir.cumulate(timestamp '2026-03-14 18:00', size => '1 day', step => '3 hours');
SELECT * FROM weir.cumulate(date '2026-03-14', '1 week', '1 day');
SELECT * FROM weir.cumulate(date '2026-02-27', '1 month', '1 day');
SELECT * FROM weir.cumulate(-7, 10, 5);
-- the day of the change has 23 hours, and its last window is as long
SELECT window_start, window_end, window_end - window_start AS length
FROM weir.cumulate(timestamptz '2026-03-29 10:00+00', '1 day', '6 hours', time_zone => 'Europe/Berlin');
SELECT * FROM weir.cumulate(timestamptz '2011-12-29 12:00+00', '1 week', '1 day', time_zone => 'Pacific/Apia');
SELECT count(*) FROM weir.cumulate(timestamptz '2026-03-14 15:09+00', NULL, '3 hours');
SELECT * FROM weir.cumulate(timestamptz '-infinity', '1 day', '3 hours');
SELECT * FROM weir.cumulate(now(), '1 day', '7 hours');
SELECT * FROM weir.cumulate(now(), '1 day', '1 month');
SELECT * FROM weir.cumulate(now(), '1 month', '2 days');
SELECT * FROM weir.cumulate(now(), '48 hours', '1 day', time_zone => 'Europe/Berlin');
SELECT * FROM weir.cumulate(7, 10, 3);

-- what the planner expects
CREATE FUNCTION pg_temp.plan_rows(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN plan->0->'Plan'->>'Plan Rows';
END $$;
SELECT pg_temp.plan_rows($$SELECT * FROM weir.hop(now(), '1 day', '1 hour')$$) AS hop,
       pg_temp.plan_rows($$SELECT * FROM weir.hop(1, slide => 5, size => 100)$$) AS hop_bigint,
       pg_temp.plan_rows($$SELECT * FROM weir.cumulate(now(), '1 day', '1 hour')$$) AS cumulate,
       pg_temp.plan_rows($$SELECT * FROM (SELECT random() * interval '1 h' AS s OFFSET 0) v, weir.hop(now(), s, s)$$) AS unknown;

-- session_start
CREATE TEMP TABLE visit (customer int, at timestamptz);
INSERT INTO visit VALUES
    (1, '2026-03-14 10:00+00'), (1, '2026-03-14 10:20+00'), (1, '2026-03-14 10:50+00'), (1, '2026-03-14 11:20:00.000001+00'),
    (2, '2026-03-14 10:00+00'), (2, '2026-03-14 10:00+00'), (2, NULL), (2, 'infinity'), (2, '-infinity');
SELECT customer, at, weir.session_start(at, '30 min') OVER (PARTITION BY customer ORDER BY at) FROM visit ORDER BY customer, at;
SELECT at::timestamp, weir.session_start(at::timestamp, gap => '1 month') OVER (ORDER BY at) FROM visit WHERE customer = 1 ORDER BY at;
SELECT d, weir.session_start(d, '2 days') OVER (ORDER BY d) FROM unnest('{2026-01-01,2026-01-03,2026-01-06}'::date[]) d;
SELECT n, weir.session_start(n, 2) OVER (ORDER BY n NULLS FIRST) FROM unnest('{NULL,-5,-4,-2,1,9223372036854775806,9223372036854775807}'::bigint[]) n;
SELECT weir.session_start(at, '30 min') OVER (ORDER BY at DESC) FROM visit WHERE customer = 1;
SELECT weir.session_start(at, '0') OVER (ORDER BY at) FROM visit;
SELECT weir.session_start(1, 0) OVER ();
SELECT weir.session_start(now(), NULL) OVER ();

-- every window of a range
SELECT * FROM weir.tumble_windows(timestamptz '2026-03-28 13:00+00', '2026-03-30 22:00+00', '1 day', time_zone => 'Europe/Berlin');
SELECT * FROM weir.tumble_windows(timestamp '2026-03-28 13:00', '2026-03-28 14:00', '20 min', origin => '2026-01-01 00:05');
SELECT * FROM weir.tumble_windows(date '2026-01-31', '2026-04-01', '1 month');
SELECT * FROM weir.tumble_windows(-3, 9, 5, 1);
SELECT count(*) FROM weir.tumble_windows(timestamptz '2026-03-28', '2026-03-28', '1 day');
SELECT count(*) FROM weir.tumble_windows(NULL, timestamptz '2026-03-28', '1 day');
SELECT * FROM weir.tumble_windows(timestamptz '-infinity', '2026-03-28', '1 day');
SELECT * FROM weir.tumble_windows(1, 9, 0);
-- more windows than anybody can want are an error, not a full disk
SELECT count(*) FROM weir.hop(timestamptz '2026-01-01 00:00+00', '1 s', '1 us');
SELECT count(*) FROM weir.hop(timestamptz '2026-01-01 00:00+00', '2 s', '1 us');
SELECT count(*) FROM weir.hop(date '2026-01-01', '10000000 days', '1 day');
SELECT count(*) FROM weir.hop(0::bigint, 9223372036854775807, 1);
SELECT count(*) FROM weir.cumulate(timestamp '2026-01-01', '1 year', '1 s');
SELECT count(*) FROM weir.cumulate(0::bigint, 9223372036854775807, 1);

-- gaps shown, and filled
SELECT window_start, n, weir.fill_forward(mean) OVER w AS step, round((weir.fill_linear(mean, window_start) OVER w)::numeric, 3) AS linear
FROM weir.tumble_windows(timestamp '2026-01-01 00:00', '2026-01-01 00:25', '5 min')
     LEFT JOIN (SELECT weir.tumble(at, '5 min') AS window_start, count(*) AS n, avg(x)::float8 AS mean
                FROM (VALUES (timestamp '2026-01-01 00:01', 1), ('2026-01-01 00:03', 2), ('2026-01-01 00:16', 6)) u(at, x) GROUP BY 1) a USING (window_start)
WINDOW w AS (ORDER BY window_start) ORDER BY window_start;

-- GROUPING SETS, ROLLUP and CUBE over windows: totals beside the windows, and they are the totals
CREATE TABLE sale AS
SELECT timestamptz '2026-03-28 20:00+00' + i * interval '37 min' AS at, (ARRAY['car', 'home', NULL])[1 + i % 3] AS kind, i AS amount FROM generate_series(0, 119) i;
SELECT weir.tumble(at, '1 day', time_zone => 'Europe/Berlin') AS day, kind, count(*), sum(amount), GROUPING(weir.tumble(at, '1 day', time_zone => 'Europe/Berlin'), kind)
FROM sale GROUP BY ROLLUP (1, kind) ORDER BY 1, 5, 2;
SELECT window_start, window_end, kind, count(*), weir.quantile(amount, 0.5) AS median
FROM sale, weir.hop(at, '1 day', '12 hours') GROUP BY GROUPING SETS ((window_start, window_end), (window_start, window_end, kind)) ORDER BY 1, 3, 4 LIMIT 8;
SELECT window_start, kind, count(*) AS n, max(window_end) AS until FROM sale, weir.cumulate(at, '1 day', '12 hours') GROUP BY CUBE (window_start, kind) ORDER BY 1, 2, 3 LIMIT 6;
SELECT bool_and(n = parts) AS totals_add_up FROM (
    SELECT w, count(*) AS n, (SELECT sum(c) FROM (SELECT count(*) AS c FROM sale t WHERE weir.tumble(t.at, '6 hours') = w GROUP BY kind) p) AS parts
    FROM (SELECT *, weir.tumble(at, '6 hours') AS w FROM sale) s GROUP BY GROUPING SETS ((w), (w, kind)) HAVING GROUPING(kind) = 1) q;
SELECT weir.summaries_equal(weir.merge(s) FILTER (WHERE NOT total), weir.merge(s) FILTER (WHERE total)) AS summaries_add_up FROM (
    SELECT weir.summarize(amount) AS s, GROUPING(weir.tumble(at, '1 day')) = 1 AS total FROM sale GROUP BY GROUPING SETS ((weir.tumble(at, '1 day')), ())) q;

-- sessions: ties, NULLs, rows exactly the gap apart, infinities
SELECT who, at, weir.session_start(at, '10 min') OVER (PARTITION BY who ORDER BY at) AS session
FROM (VALUES ('a', timestamptz '2026-01-01 00:00+00'), ('a', '2026-01-01 00:00+00'), ('a', '2026-01-01 00:10+00'), ('a', '2026-01-01 00:20:00.000001+00'), ('a', NULL), ('a', NULL),
             ('b', '-infinity'), ('b', '-infinity'), ('b', '2026-01-01 00:00+00'), ('b', 'infinity'), ('b', 'infinity'), (NULL, '2026-01-01 00:00+00'), (NULL, '2026-01-01 00:05+00')) u(who, at)
ORDER BY 1, 2;
SELECT session, count(*), min(at), max(at) + interval '10 min' AS session_end
FROM (SELECT at, weir.session_start(at, '10 min') OVER (ORDER BY at) AS session FROM generate_series(timestamp '2026-01-01', '2026-01-01 02:00', '7 min') at WHERE extract(minute FROM at) < 30) s
GROUP BY GROUPING SETS ((session), ()) ORDER BY 1;
DROP TABLE sale;
