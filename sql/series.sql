-- statistics of pairs and of values with their times
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET extra_float_digits = 0;
SET search_path = public, weir;

-- pairs
CREATE TABLE pair AS SELECT i, i * 0.5 AS x, 3 * i + 7 AS y, timestamptz '2026-01-01 00:00+00' + i * interval '2 s' AS ts FROM generate_series(1, 100) i;
SELECT (regression(y, x)).* FROM pair;
SELECT slope(y, ts), slope(y, i * interval '2 s'), slope(ts, y), correlation(y, x), r_squared(y, x), covariance(y, x) = covar_samp(y, x) AS covariance FROM pair;
SELECT (regression(y, x)).n, slope(y, x) FROM (VALUES (1::float8, 1::float8), (2, 2), (NULL, 3), (3, NULL), ('NaN', 1), (1, 'Infinity')) u(y, x);
SELECT (regression(y, x)).* FROM (VALUES (1::float8, 1::float8)) u(y, x);
SELECT (regression(y, x)).* FROM (VALUES (1::float8, 1::float8), (2, 1)) u(y, x);
SELECT (regression(y, x)).* FROM (VALUES (1::float8, 1::float8), (1, 2), (1, 3)) u(y, x);
SELECT slope(1, 1) IS NULL AS slope, regression(1, 1) IS NULL AS regression, summarize_pairs(1, 1) IS NULL AS summary WHERE false;
-- where sums of doubles fail
SELECT regr_slope(1e9 + i % 2, 1e9 + i % 3 * 1e-6) = slope(1e9 + i % 2, 1e9 + i % 3 * 1e-6) AS same, covariance(1e300 * i, 1e300 * i), slope(1e300 * i, 1e300 * i) FROM generate_series(1, 30) i;
SELECT merge(s)::text = (SELECT summarize_pairs(y, x)::text FROM pair) AS same_bytes, pair_count(merge(s)) FROM (SELECT summarize_pairs(y, x) AS s FROM pair GROUP BY i % 7) q;
SELECT (summarize_pairs(y, x) - summarize_pairs(y, x) FILTER (WHERE i % 2 = 0))::text = (summarize_pairs(y, x) FILTER (WHERE i % 2 = 1))::text AS taken_back,
       slope(summarize_pairs(y, x) FILTER (WHERE i < 10) + summarize_pairs(y, x) FILTER (WHERE i >= 10)) AS slope FROM pair;
SELECT i, round(slope(y, x) OVER (ORDER BY i ROWS 3 PRECEDING)::numeric, 6) AS slope FROM pair ORDER BY i LIMIT 4;
SELECT slope(point(0, 0), point(1, 2)) AS of_points;
SELECT slope('a'::text, 1);
SELECT summarize_pairs(1, 1) + summarize_pairs(1, now());
SELECT 'AAAA'::pair_summary;
SELECT '!'::pair_summary;

-- values with their times, of every type that times have
CREATE TABLE reading AS
SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '1 min' AS tz, timestamp '2026-01-01 00:00' + i * interval '1 min' AS t, date '2026-01-01' + i AS d,
       CASE WHEN i % 10 = 0 THEN 0 ELSE i % 10 * 2 END AS x
FROM generate_series(1, 35) i;
SELECT time_weighted_mean(x, tz), time_weighted_mean(x, t) = time_weighted_mean(x, tz) AS timestamp, time_weighted_mean(x, d) = time_weighted_mean(x, tz) AS date,
       time_weighted_mean(x, i) = time_weighted_mean(x, tz) AS integer, time_weighted_mean(x, i::bigint, 'linear') AS linear, time_integral(x, i), time_integral(x, tz) FROM reading;
SELECT increase(x, tz), rate(x, tz), rate(x, i), delta(x, d), resets(x, t), changes(x, t), instant_rate(x, i) FROM reading;
SELECT time_weighted_mean(x, i), time_integral(x, i), increase(x, i), rate(x, i), resets(x, i), instant_rate(x, i), autocorrelation(x, i, 1) FROM reading WHERE i = 3;
SELECT time_weighted_mean(x, i), time_integral(x, i), increase(x, i), rate(x, i), resets(x, i), first(x, i), candlestick(x, i::bigint), ewma(x, i::bigint, 5), largest_triangle(x, i::bigint, 5)
FROM reading WHERE false;
-- nothing but NULL and what is not finite
SELECT time_weighted_mean(x, ts), rate(x, ts), first(x, ts), candlestick(x, ts), ewma(x, ts, '1 hour'), largest_triangle(x, ts, 5)
FROM (VALUES (NULL::float8, now()), (1, NULL), (1, 'infinity'), (1, '-infinity')) u(x, ts);
SELECT rate(x, i), ewma(x, i::bigint, 5), candlestick(x, i::bigint) FROM (VALUES ('NaN'::float8, 1), ('Infinity', 2)) u(x, i);
-- several values at one time
SELECT time_weighted_mean(x, i), increase(x, i), first(x, i), last(x, i), candlestick(x, i::bigint) FROM (VALUES (1::float8, 0), (3, 0), (2, 10), (9, 10), (4, 20)) u(x, i);
SELECT time_weighted_mean(x, tz, 'cubic') FROM reading;
SELECT rate(x, x::text) FROM reading;
SELECT autocorrelation(x, tz, -1) FROM reading;

-- summaries of ranges of time
CREATE TABLE hour_of_reading AS
SELECT i / 10 AS part, 10 * (i / 10) AS since, summarize_counter(x, i) AS c, summarize_gauge(x, i) AS g, summarize_time_weighted(x, i) AS w, summarize_time_weighted(x, i, 'linear') AS l
FROM reading GROUP BY i / 10;
SELECT increase(merge(c)), rate(merge(c)), resets(merge(c)), changes(merge(c)), instant_rate(merge(c)), increase(merge(g)) AS delta, time_weighted_mean(merge(w)), time_integral(merge(l))
FROM hour_of_reading;
SELECT since, increase(c), extrapolated_increase(c, since::bigint, since + 10), extrapolated_rate(c, since::bigint, since + 10), extrapolated_increase(g, since::bigint, since + 10) AS change,
       time_weighted_mean(w) AS mean, time_weighted_mean(time_weighted_between(w, since::bigint, since + 10, lag(w) OVER o)) AS whole,
       time_integral(time_weighted_between(l, since::bigint, since + 10, lag(l) OVER o, lead(l) OVER o)) AS integral
FROM hour_of_reading WINDOW o AS (ORDER BY since) ORDER BY since;
SELECT merge(c)::text = (SELECT summarize_counter(x, i)::text FROM reading) AS counter, merge(w)::text::time_weighted_summary::text = merge(w)::text AS text_form FROM hour_of_reading;
SELECT merge(c) FROM (SELECT summarize_counter(x, i) AS c FROM reading GROUP BY i % 2) q;
SELECT merge(s) FROM (SELECT w AS s FROM hour_of_reading WHERE part = 0 UNION ALL SELECT l FROM hour_of_reading WHERE part = 2) q;
SELECT extrapolated_rate(c, now(), now()) FROM hour_of_reading;
SELECT extrapolated_rate(c, 5::bigint, 3::bigint) FROM hour_of_reading;
SELECT extrapolated_increase(c, 3::bigint, 50::bigint) FROM hour_of_reading;
SELECT 'AAAA'::counter_summary;
SELECT 'AQIAAAAAAAAD6AAC6kcK6GAAAAAAAAAAAAAAAupU/5wxAEBikAAAAAAAQpAsvnXaAAAAAAAAAAAAAA=='::time_weighted_summary;

-- first, last, candlestick
SELECT first(t::text, tz), last(ARRAY[x, i], tz), first(x::numeric, d), last(i % 2 = 0, t) FROM reading;
SELECT (candlestick(x, i, tz)).* FROM reading;
SELECT pg_typeof(candlestick(x, tz)), pg_typeof(candlestick(x, t)), pg_typeof(candlestick(x, d)), pg_typeof(candlestick(x, i::bigint)), (candlestick(x, NULL, d)).vwap FROM reading;

-- exponentially weighted
SELECT i, round(ewma(x, 0.5) OVER (ORDER BY i)::numeric, 4) AS ewma, round(ewm_variance(x, 0.5) OVER (ORDER BY i)::numeric, 4) AS variance,
       round(ewma(x, tz, '1 min') OVER (ORDER BY tz)::numeric, 4) AS by_time FROM reading ORDER BY i LIMIT 4;
SELECT ewma(x, tz, '5 min') = ewma(x, t, '5 min') AS timestamp, ewma(x, d, '5 days') = ewma(x, i::bigint, 5) AS date FROM reading;
SELECT ewma(x, 0) FROM reading;
SELECT ewma(x, 1.5) FROM reading;
SELECT ewma(x, tz, '0 min') FROM reading;
SELECT ewm_variance(x, i::bigint, NULL) FROM reading;

-- in parallel
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT rate(x, tz), slope(x, i), first(x, tz), candlestick(x, tz), ewma(x, tz, '1 min') FROM reading;
CREATE TEMP TABLE answers AS
SELECT rate(x, tz), slope(x, i), first(t::text, tz), last(x, tz), candlestick(x, i, tz), round(ewma(x, tz, '5 min')::numeric, 9), largest_triangle(x, tz, 4), time_weighted_mean(x, tz),
       (SELECT increase(merge(c)) FROM hour_of_reading) FROM reading;
SET max_parallel_workers_per_gather = 0;
INSERT INTO answers
SELECT rate(x, tz), slope(x, i), first(t::text, tz), last(x, tz), candlestick(x, i, tz), round(ewma(x, tz, '5 min')::numeric, 9), largest_triangle(x, tz, 4), time_weighted_mean(x, tz),
       (SELECT increase(merge(c)) FROM hour_of_reading) FROM reading;
SELECT count(DISTINCT answers) FROM answers;
-- An error that a worker has as well would come with its context, or not.
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- points for a plot
SELECT p.* FROM unnest((SELECT largest_triangle(x, tz, 5) FROM reading)) p;
SELECT p.* FROM unnest((SELECT min_max_points(x, d, 6) FROM reading)) p;
SELECT x % 3 AS kind, (unnest(largest_triangle(x, t, 3))).* FROM reading GROUP BY 1 ORDER BY 1, 2;
SELECT largest_triangle(x, tz, 1) FROM reading;

-- gaps and scores
SELECT g, i, x, fill_forward(x) OVER w, fill_backward(x) OVER w, fill_linear(x, i::bigint) OVER w, fill_forward(x::text) OVER w AS text
FROM (VALUES ('a', 1, NULL::float8), ('a', 2, 2), ('a', 3, NULL), ('a', 6, NULL), ('a', 10, 10), ('a', 11, NULL), ('b', 1, NULL), ('b', 2, NULL), ('c', 1, 1), ('c', 2, NULL), ('c', 3, 3)) u(g, i, x)
WINDOW w AS (PARTITION BY g ORDER BY i) ORDER BY g, i;
SELECT fill_linear(x, d) OVER (ORDER BY d DESC) FROM (VALUES (date '2026-01-01', 1::float8), ('2026-01-02', NULL), ('2026-01-03', 3)) u(d, x);
SELECT x, round(z_score(x) OVER ()::numeric, 4) AS z, round(robust_z_score(x) OVER ()::numeric, 4) AS robust FROM unnest('{1,2,3,4,1000,NULL,NaN,Infinity}'::float8[]) x;
SELECT z_score(x) OVER () AS z, robust_z_score(x) OVER () AS robust, z_score(x, summarize(x) OVER ()) FROM unnest('{2,2,2}'::float8[]) x;
SELECT z_score(10, summarize(x)), robust_z_score(10, summarize(x)), median_absolute_deviation(x), median_absolute_deviation(summarize(x)) FROM unnest('{1,2,3,NaN,NULL,7}'::float8[]) x;
SELECT z_score(10, summarize(x)), robust_z_score(10, summarize(x)), median_absolute_deviation(summarize(x)) FROM unnest('{a,b}'::text[]) x;
SELECT median_absolute_deviation(x) FROM unnest('{}'::int[]) x;

-- states
CREATE TABLE state_row AS
SELECT timestamptz '2026-01-01 00:00+00' + i * interval '10 min' AS ts, CASE WHEN i % 7 < 3 THEN 'on' WHEN i % 7 < 6 THEN 'off' ELSE 'fault' END AS state, i FROM generate_series(0, 20) i;
SELECT duration_in(state, ts, 'on'), duration_in(state, ts, 'never'), duration_in(state, ts, NULL), duration_in(state = 'on', ts::timestamp, 'true') AS of_boolean,
       duration_in(i, ts::date, '0') AS of_integer FROM state_row;
SELECT d.* FROM (SELECT summarize_states(state, ts) AS s FROM state_row) q, state_durations(s) d;
SELECT d.* FROM (SELECT summarize_states(state, ts) AS s FROM state_row) q, state_durations(s, '2026-01-01 10:00+00') d;
SELECT t.* FROM (SELECT summarize_states(state, ts ORDER BY random()) AS s FROM state_row) q, state_timeline(s, until => '2026-01-01 10:00+00') t;
-- until before the last row: as if what comes later were not there
SELECT count(*) AS differ FROM generate_series('2025-12-31 23:00+00'::timestamptz, '2026-01-01 06:00+00', '17 min') u,
    LATERAL (SELECT summarize_states(state, ts) AS whole, summarize_states(state, ts) FILTER (WHERE ts <= u) AS part FROM state_row) q
WHERE (SELECT array_agg(d ORDER BY d) FROM state_durations(whole, u) d) IS DISTINCT FROM (SELECT array_agg(d ORDER BY d) FROM state_durations(part, u) d)
   OR (SELECT array_agg(t ORDER BY t) FROM state_timeline(whole, u) t) IS DISTINCT FROM (SELECT array_agg(t ORDER BY t) FROM state_timeline(part, u) t)
   OR duration_in(whole, 'on', u) <> coalesce(duration_in(part, 'on', u), '0');
SELECT duration_in(s, 'on'), duration_in(s, 'on', until => '2026-01-02 00:00+00'), state_at(s, '2026-01-01 01:05+00'), state_at(s, '2025-12-31'), state_at(s, 'infinity')
FROM (SELECT summarize_states(state, ts) AS s FROM state_row) q;
SELECT merge(s)::text = (SELECT summarize_states(state, ts)::text FROM state_row) AS merged, merge(s)::text::state_summary::text = merge(s)::text AS text_form
FROM (SELECT summarize_states(state, ts ORDER BY random()) AS s FROM state_row GROUP BY i / 5) q;
SELECT i, duration_in(state, ts, 'on') OVER (ORDER BY ts ROWS 3 PRECEDING) FROM state_row ORDER BY i LIMIT 5;
SELECT t.* FROM (SELECT summarize_states(state, ts) AS s FROM (VALUES ('b', timestamptz '2026-01-01 00:00+00'), ('a', '2026-01-01 00:00+00'), (NULL, '2026-01-01 01:00+00'),
                                                            ('c', NULL), ('a', 'infinity')) u(state, ts)) q,
       state_timeline(s) t;
SELECT merge(s) FROM (SELECT summarize_states(state, ts) AS s FROM state_row GROUP BY i % 2) q;
SELECT summarize_states(state, i) FROM state_row;
SELECT summarize_states('{}'::json, ts) FROM state_row;
SELECT 'AQEBYQE='::state_summary;
DROP TABLE pair, reading, hour_of_reading, answers, state_row;
