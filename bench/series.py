"""Figures of statistics of pairs, of values with their times, and of vectors; against what plain SQL has for the same."""
from common import ROWS, compare, row


def prepare_series(cursor):
    cursor.execute('CREATE TABLE IF NOT EXISTS bench_series (at timestamptz, x float8, y float8, total float8)')
    cursor.execute('SELECT count(*) FROM bench_series')
    if cursor.fetchone()[0] == 0:
        cursor.execute('SELECT setseed(0.5)')
        cursor.execute("INSERT INTO bench_series SELECT timestamptz '2026-01-01 00:00+00' + n * interval '1 s', random(), n + random(), n %% 100000 FROM generate_series(1, %s) n", (ROWS,))
        cursor.execute('VACUUM ANALYZE bench_series')


def series(cursor):
    prepare_series(cursor)
    note = f'{ROWS:,} rows, one process'
    compare(cursor, '`slope(y, x)` / `regr_slope`', 'SELECT weir.slope(y, x) FROM bench_series', 'SELECT regr_slope(y, x) FROM bench_series', note)
    compare(cursor, '`regression(y, x)` / `regr_slope, regr_intercept, corr, regr_r2, covar_samp`', 'SELECT (weir.regression(y, x)).n FROM bench_series',
            'SELECT regr_slope(y, x), regr_intercept(y, x), corr(y, x), regr_r2(y, x), covar_samp(y, x) FROM bench_series', note)
    compare(cursor, '`time_weighted_mean(x, at)` / lead, sum', 'SELECT weir.time_weighted_mean(x, at) FROM bench_series',
            "SELECT sum(x * d) / sum(d) FROM (SELECT x, extract(epoch FROM lead(at) OVER (ORDER BY at) - at)::float8 AS d FROM bench_series) q", note)
    compare(cursor, '`increase(total, at)` / lag, sum', 'SELECT weir.increase(total, at) FROM bench_series',
            'SELECT sum(CASE WHEN total < before THEN total ELSE total - before END) FROM (SELECT total, lag(total) OVER (ORDER BY at) AS before FROM bench_series) q', note)
    compare(cursor, '`last(x, at)` / `(array_agg(x ORDER BY at DESC))[1]`', 'SELECT weir.last(x, at) FROM bench_series',
            'SELECT (array_agg(x ORDER BY at DESC))[1] FROM bench_series', note)
    compare(cursor, "`ewma(x, at, '1 hour')` / weights by `exp`", "SELECT weir.ewma(x, at, '1 hour') FROM bench_series",
            "SELECT sum(x * w) / sum(w) FROM (SELECT x, exp(-ln(2) * extract(epoch FROM max(at) OVER () - at)::float8 / 3600) AS w FROM bench_series) q", note)
    compare(cursor, '`ewma(x, 0.01) OVER (ORDER BY at)` / `avg(x) OVER (ORDER BY at ROWS 200 PRECEDING)`',
            'SELECT sum(e) FROM (SELECT weir.ewma(x, 0.01) OVER (ORDER BY at) AS e FROM bench_series) q',
            'SELECT sum(e) FROM (SELECT avg(x) OVER (ORDER BY at ROWS 200 PRECEDING) AS e FROM bench_series) q', note)
    compare(cursor, '`slope(y, x) OVER (ROWS 100 PRECEDING)` / `regr_slope`, 20,000 rows',
            'SELECT sum(e) FROM (SELECT weir.slope(y, x) OVER (ORDER BY at ROWS 100 PRECEDING) AS e FROM (SELECT * FROM bench_series LIMIT 20000) s) q',
            'SELECT sum(e) FROM (SELECT regr_slope(y, x) OVER (ORDER BY at ROWS 100 PRECEDING) AS e FROM (SELECT * FROM bench_series LIMIT 20000) s) q', '')
    compare(cursor, '`largest_triangle(x, at, 1000)` / `array_agg(x ORDER BY at)`', 'SELECT count(*) FROM unnest((SELECT weir.largest_triangle(x, at, 1000) FROM bench_series))',
            'SELECT array_length(array_agg(x ORDER BY at), 1) FROM bench_series', note)
    compare(cursor, '`fill_forward(x)` / a group per known value',
            'SELECT sum(f) FROM (SELECT weir.fill_forward(v) OVER (ORDER BY at) AS f FROM (SELECT at, CASE WHEN x < 0.2 THEN x END AS v FROM bench_series) s) q',
            'SELECT sum(f) FROM (SELECT max(v) OVER (PARTITION BY g) AS f FROM (SELECT v, count(v) OVER (ORDER BY at) AS g FROM '
            '(SELECT at, CASE WHEN x < 0.2 THEN x END AS v FROM bench_series) s) t) q', note)


def vectors(cursor):
    for dimension, rows in ((8, 100_000), (64, 20_000), (384, 10_000), (1536, 2_000)):
        cursor.execute('DROP TABLE IF EXISTS bench_vectors')
        cursor.execute('CREATE TABLE bench_vectors AS SELECT ARRAY(SELECT (random() - 0.5)::real FROM generate_series(1, %s) k WHERE n IS NOT NULL) AS v '
                       'FROM generate_series(1, %s) n', (dimension, rows))
        cursor.execute('VACUUM ANALYZE bench_vectors')
        compare(cursor, f'`summarize(v)` / `count(v[1])`, {dimension} dimensions', 'SELECT weir.summarize(v) IS NULL FROM bench_vectors', 'SELECT count(v[1]) FROM bench_vectors', f'{rows:,} `real[]`')
        cursor.execute('SELECT pg_column_size(weir.summarize(v)) FROM bench_vectors')
        row(f'summary of vectors, {dimension} dimensions', f'{cursor.fetchone()[0]:,} bytes', note=f'{rows:,} `real[]`')


FIGURES = {'series': series, 'vectors': vectors}
