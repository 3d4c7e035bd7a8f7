-- report: for terminals ---------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.bar(value float8, largest float8, width int DEFAULT 30) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_bar';
COMMENT ON FUNCTION weir.bar(float8, float8, int) IS
    'A lying bar for a column of psql: width places (1 to 1000) for the largest value (weir.bar(x, max(x) OVER ())), in eighths of a place (U+2588 to U+258F). What is above zero can '
    'always be seen; empty for zero, negative values and NaN; full for what is larger than largest. In a database that is not UTF-8 it is made of #. Errors: 22023 another width.';

-- 0.012, 12.3, 999, 1.23k, 35.1M: three digits.
CREATE FUNCTION weir._short_number(value float8) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN value IN ('Infinity', '-Infinity', 'NaN', 0) THEN value::text
                WHEN abs(value) < 0.001 OR abs(value) >= 9.995e17 THEN ltrim(to_char(value, '9.9EEEE'))
                ELSE (SELECT trim_scale(round((value / size)::numeric, greatest(0, 2 - floor(log(abs(value / size)))::int)))::text || unit
                      FROM (VALUES (1, ''), (1e3, 'k'), (1e6, 'M'), (1e9, 'G'), (1e12, 'T'), (1e15, 'P')) u (size, unit)
                      WHERE abs(value) < 999.5 * size ORDER BY size LIMIT 1) END;
COMMENT ON FUNCTION weir._short_number(float8) IS 'A number in few characters. Internal.';

-- 45 s, 12 min, 3.4 h, 5 d
CREATE FUNCTION weir._short_time(value interval) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT CASE WHEN s < 0 THEN '-' ELSE '' END || CASE WHEN a < 99.5 THEN round(a) || ' s' WHEN a < 99.5 * 60 THEN round(a / 60) || ' min' WHEN a < 48 * 3600 THEN round(a / 3600) || ' h'
                                                                ELSE round(a / 86400) || ' d' END
            FROM (SELECT extract(epoch FROM value) AS s, abs(extract(epoch FROM value)) AS a) x);
COMMENT ON FUNCTION weir._short_time(interval) IS 'A duration in few characters. Internal.';

-- A value of a summary: times and durations are kept in seconds.
CREATE FUNCTION weir._short_value(value float8, unit text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN unit LIKE 'seconds since%' AND abs(value) < 2e11 THEN to_char(to_timestamp(value), 'YYYY-MM-DD HH24:MI')
                WHEN unit = 'seconds' AND abs(value) >= 1 AND abs(value) < 1e9 THEN weir._short_time(make_interval(secs => value)) ELSE weir._short_number(value) END;
COMMENT ON FUNCTION weir._short_value(float8, text) IS 'A value of a summary in few characters. Internal.';

CREATE FUNCTION weir.histogram_bars(summary weir.summary, n int DEFAULT 12, width int DEFAULT 30, baseline weir.summary DEFAULT NULL)
    RETURNS TABLE (bin text, share float8, bar text, baseline_share float8, baseline_bar text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 12 SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    WITH numbers AS (
        SELECT x.current, x.baseline, weir.unit(x.current) AS unit,
            -- Where the values are: a few that lie far off would leave one bin for all others.
            least(greatest(weir.quantile(x.current, 0.005), h.least), greatest(weir.quantile(x.baseline, 0.005), b.least)) AS low,
            greatest(least(weir.quantile(x.current, 0.995), h.largest), least(weir.quantile(x.baseline, 0.995), b.largest)) AS high
        FROM (SELECT CASE weir.kind($1) WHEN 'numeric' THEN $1 END AS current, CASE WHEN weir.kind($1) = 'numeric' AND weir.kind($4) = 'numeric' THEN $4 END AS baseline) x
            -- Among them may be infinite ones, which have no place on an axis.
            LEFT JOIN LATERAL (SELECT lower_bound, upper_bound FROM weir.histogram(x.current, 1)) h (least, largest) ON true
            LEFT JOIN LATERAL (SELECT lower_bound, upper_bound FROM weir.histogram(x.baseline, 1)) b (least, largest) ON true
        WHERE weir.value_count(x.current) > 0
    ), bins AS (
        SELECT i AS place, m.current, m.baseline, m.unit, CASE WHEN i > 1 THEN m.low + (m.high / n - m.low / n) * (i - 1) END AS lower_bound,
            CASE WHEN i < last THEN m.low + (m.high / n - m.low / n) * i END AS upper_bound
        FROM numbers m, LATERAL (SELECT CASE WHEN m.high > m.low THEN $2 ELSE least($2, 1) END) l (last), generate_series(1, l.last) i
    ), categories AS (
        SELECT t.place, t.value, t.share, weir.frequency(CASE weir.kind($4) WHEN 'category' THEN $4 END, t.value) AS of_baseline
        FROM weir.top(CASE weir.kind($1) WHEN 'category' THEN $1 END, $2) WITH ORDINALITY t (value, count, share, count_error, place)
    ), shares AS (
        SELECT place, CASE WHEN lower_bound IS NULL AND upper_bound IS NULL THEN weir._short_value(weir.min_value(current), unit)
                           WHEN lower_bound IS NULL THEN 'up to ' || weir._short_value(upper_bound, unit)
                           WHEN upper_bound IS NULL THEN 'above ' || weir._short_value(lower_bound, unit)
                           ELSE weir._short_value(lower_bound, unit) || ' to ' || weir._short_value(upper_bound, unit) END AS bin,
            coalesce(weir.cdf(current, upper_bound), 1) - coalesce(weir.cdf(current, lower_bound), 0) AS share,
            CASE WHEN weir.value_count(baseline) > 0 THEN coalesce(weir.cdf(baseline, upper_bound), 1) - coalesce(weir.cdf(baseline, lower_bound), 0) END AS baseline_share
        FROM bins
        UNION ALL
        SELECT place, value, share, (of_baseline).share FROM categories
        UNION ALL
        -- Those that are not shown by themselves.
        SELECT $2 + 1, '(others)', 1 - sum(share), 1 - sum((of_baseline).share) FROM categories HAVING 1 - sum(share) > 1e-9 OR 1 - sum((of_baseline).share) > 1e-9
    )
    SELECT s.bin, round(s.share::numeric, 4)::float8, weir.bar(s.share, m.largest, $3), round(s.baseline_share::numeric, 4)::float8, weir.bar(s.baseline_share, m.largest, $3)
    FROM shares s, LATERAL (SELECT max(greatest(x.share, x.baseline_share)) AS largest FROM shares x) m ORDER BY s.place;
END;
COMMENT ON FUNCTION weir.histogram_bars(weir.summary, int, int, weir.summary) IS
    'A histogram for psql, one row per bin: n bins of equal width between the 0.5th and the 99.5th percentile, the first and last of which hold what lies beyond, or the n most frequent '
    'categories and (others); a bin has its upper end. share of the values in it, in [0, 1], and a bar of up to width places for the largest; the same of baseline where one is given. '
    'Times are shown in the time zone of the session, durations in their largest unit. No rows without values. Errors: as weir.bar, weir.top.';

CREATE VIEW weir.overview_screen WITH (security_barrier) AS
    SELECT left(o.monitor, 20) AS monitor,
        -- The name of the score makes room for its value.
        CASE o.verdict WHEN 'ok' THEN 'ok' WHEN 'alert' THEN '!! ' || v.told WHEN 'warning' THEN '! ' || v.told ELSE '-' END AS verdict,
        to_char(o.window_start, CASE WHEN date_trunc('day', o.window_start) = o.window_start THEN 'YYYY-MM-DD' ELSE 'MM-DD HH24:MI' END) || CASE WHEN o.is_final THEN '' ELSE '+' END AS "window",
        weir._short_number(o.n) AS rows, r.course, weir._short_time(o.lag) AS behind,
        concat_ws(', ', CASE WHEN o.state NOT IN ('active', 'building') THEN o.state END, b.building,
            CASE WHEN o.capture NOT IN ('streaming', 'catching up') OR o.capture IS NULL THEN 'capture ' || coalesce(o.capture, 'unknown') END,
            CASE WHEN o.open_alerts > 0 THEN o.open_alerts || CASE o.open_alerts WHEN 1 THEN ' alert' ELSE ' alerts' END END,
            CASE WHEN o.jobs_failed > 0 THEN o.jobs_failed || ' failed' END, CASE WHEN o.jobs_running > 0 THEN o.jobs_running || ' running' END,
            CASE WHEN o.reviews_waiting > 0 THEN o.reviews_waiting || CASE o.reviews_waiting WHEN 1 THEN ' review' ELSE ' reviews' END END) AS waiting
    FROM weir.overview o JOIN weir.monitors m ON m.monitor = o.monitor
    CROSS JOIN LATERAL (SELECT weir._short_number(o.verdict_value) AS value) n
    CROSS JOIN LATERAL (
        SELECT concat_ws(' ', left(concat_ws(': ', CASE WHEN o.verdict_family <> 'performance' THEN o.verdict_subject
                                                        WHEN o.verdict_subject LIKE '%estimated' THEN 'estimated' END, o.verdict_metric),
                                   26 - coalesce(length(n.value), 0)), n.value) AS told
    ) v
    -- From none: the same number of rows in each window is a level course.
    LEFT JOIN LATERAL (SELECT substr(weir.sparkline(array_prepend(0, array_agg(w.n::float8 ORDER BY w.window_start))), 2) AS course
                       FROM weir.windows(o.monitor, since => o.window_start - 11 * m.slide, until => o.window_end) w
                       WHERE w.segment IS NULL AND w.window_start <= o.window_start) r ON o.window_start >= timestamptz '4600-01-01 00:00:00+00 BC'
    LEFT JOIN LATERAL (SELECT concat(p.kind, ' ', floor(100 * p.share_done), '%') AS building FROM weir.progress p
                       WHERE p.monitor = o.monitor AND p.finished_at IS NULL AND p.share_done IS NOT NULL ORDER BY p.build_id LIMIT 1) b ON true
    ORDER BY o.verdict = 'alert' DESC NULLS LAST, o.verdict = 'warning' DESC NULLS LAST, o.monitor COLLATE "C";
COMMENT ON VIEW weir.overview_screen IS
    'weir.overview for a screen of 80 to 120 columns: SELECT * FROM weir.overview_screen \watch 5. Texts, the worst first. verdict: of the last final window (a + after the window: none is final '
    'yet): !! alert or ! warning with subject, metric and value of the worst score, ok, or - where nothing could be judged; rows in it, and their course over the last 12 windows; behind: now minus the latest event time; '
    'waiting: what is not as it should be (state, capture), builds under way, open alerts, failed and running jobs, reviews. Names are cut to 20 characters.';
GRANT SELECT ON weir.overview_screen TO PUBLIC;
