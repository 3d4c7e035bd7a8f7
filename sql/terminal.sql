-- What is for terminals: bars, histograms, short numbers.
SET search_path = public, weir;
SET timezone = 'UTC';
SET intervalstyle = postgres;
SELECT i, bar(i, 10, 5) FROM unnest('{-1,0,0.01,1,3,5,7.7,10,20,Infinity,NaN}'::float8[]) i;
SELECT bar(0, 0) = '' AS nothing, bar(1, 'NaN') = '' AS not_a_number, bar(NULL, 1) IS NULL AS unknown, char_length(bar(1, 1)) AS places, bar('Infinity', 'Infinity', 3), bar(1e308, 1.7e308, 4);
\set VERBOSITY terse
SELECT bar(1, 1, 0);
SELECT bar(1, 1, 1001);

-- numbers: bins of equal width, what lies far off in the first and the last
SELECT * FROM histogram_bars((SELECT summarize(x) FROM generate_series(1, 1000) x), n => 5, width => 10);
SELECT * FROM histogram_bars((SELECT summarize(CASE WHEN x > 998 THEN 1e9 ELSE x END) FROM generate_series(1, 1000) x), n => 4, width => 10);
SELECT * FROM histogram_bars((SELECT summarize(x) FROM generate_series(1, 1000) x), n => 4, width => 10, baseline => (SELECT summarize(x) FROM generate_series(501, 1500) x));
-- the shares are those of the rows, whatever the bins
SELECT abs(sum(share) - 1) < 1e-9 AS whole, abs(sum(baseline_share) - 1) < 1e-9 AS whole_baseline FROM histogram_bars((SELECT summarize(x * x) FROM generate_series(1, 1000) x), baseline =>
    (SELECT summarize(x) FROM generate_series(-100, 100) x));
-- categories
SELECT * FROM histogram_bars((SELECT summarize(CASE WHEN x % 2 = 0 THEN 'even' WHEN x % 3 = 0 THEN 'three' ELSE 'c' || x % 10 END) FROM generate_series(1, 1000) x), n => 3, width => 10,
    baseline => (SELECT summarize(CASE WHEN x % 2 = 0 THEN 'even' ELSE 'odd' END) FROM generate_series(1, 100) x));
-- times and durations
SELECT * FROM histogram_bars((SELECT summarize(timestamptz '2026-01-01' + x * interval '1 h') FROM generate_series(1, 1000) x), n => 3, width => 10);
SELECT * FROM histogram_bars((SELECT summarize(x * interval '1 min') FROM generate_series(1, 100) x), n => 3, width => 10);
-- the edges: all equal, infinities, nothing, another kind of baseline
SELECT * FROM histogram_bars((SELECT summarize(1.5) FROM generate_series(1, 10)), width => 10);
SELECT * FROM histogram_bars((SELECT summarize(x) FROM unnest('{1,2,3,Infinity,-Infinity,NaN,NULL}'::float8[]) x), n => 2, width => 10);
SELECT * FROM histogram_bars((SELECT summarize(x) FROM unnest('{Infinity,Infinity}'::float8[]) x), n => 2, width => 10);
SELECT count(*) AS empty FROM histogram_bars((SELECT summarize(NULL::float8)));
SELECT count(*) AS of_null FROM histogram_bars(NULL);
SELECT baseline_share IS NULL AS not_comparable, count(*) FROM histogram_bars((SELECT summarize(x) FROM generate_series(1, 9) x), n => 3,
    baseline => (SELECT summarize(x) FROM unnest(ARRAY[$$a$$, $$b$$]) x)) GROUP BY 1;
SELECT v, weir._short_number(v) FROM unnest('{0,1,12,999,999.6,1000,1234,9951,99999,1e6,2.5e8,3e12,1e17,1e20,0.5,0.01234,0.00001,-5,-1234,12.345,NaN,Infinity,123.4,99.99}'::float8[]) v;
SELECT v, weir._short_time(v) FROM unnest('{1 s,99 s,100 s,2 h,3 days,-5 min,400 days,0 s}'::interval[]) v;
