"""Figures of builds: a rebuild beside count(c) over the same columns, windows from panes beside a scan of the rows."""
import statistics

from common import ROUNDS, ROWS, compare, milliseconds, row, timed

COUNT = 'SELECT ' + ', '.join(f'count(c{number})' for number in range(10)) + ' FROM bench_wide'


def prepare(cursor):
    """A month of rows in the order of time, ten columns of several types."""
    cursor.execute("SELECT to_regclass('bench_wide') IS NOT NULL")
    if cursor.fetchone()[0]:
        return
    cursor.execute('CREATE TABLE bench_wide (at timestamptz NOT NULL, c0 float8, c1 float8, c2 int, c3 bigint, c4 float8, c5 float8, c6 text, c7 text, c8 boolean, c9 float8)')
    cursor.execute("INSERT INTO bench_wide SELECT timestamptz '2026-01-01 00:00+00' + n * (interval '30 days' / %s), random(), exp(random() * 5), n %% 1000, n, (n %% 9999) / 100.0, "
                   "random() * 100, 'status ' || n %% 5, 'region ' || n %% 16, n %% 3 = 0, n / 7.0 FROM generate_series(1, %s) n", (ROWS, ROWS))
    cursor.execute('CREATE INDEX ON bench_wide (at)')
    cursor.execute('VACUUM ANALYZE bench_wide')
    cursor.execute("SELECT weir.create_monitor('bench_wide', 'bench_wide', 'at', window_size => '1 day', options => '{\"pane_size\": \"6 hours\"}')")
    cursor.execute("SELECT weir.create_monitor('bench_fine', 'bench_wide', 'at', columns => '{c1}', window_size => '1 day', options => '{\"pane_size\": \"5 minutes\"}')")
    cursor.execute("SELECT weir.wait_for(timeout => '30 min')")


def rebuild_seconds(cursor):
    cursor.execute("SELECT weir.rebuild('bench_wide')")
    number = cursor.fetchone()[0]
    cursor.execute("SELECT weir.wait_for(timeout => '30 min')")
    cursor.execute('SELECT extract(epoch FROM finished_at - started_at)::float8, rows_done FROM weir.progress WHERE build_id = %s', (number,))
    seconds, rows = cursor.fetchone()
    if rows != ROWS:
        raise RuntimeError(f'the rebuild read {rows} rows of {ROWS}')
    return seconds


def rebuild(cursor):
    prepare(cursor)
    rebuild_seconds(cursor)
    timed(cursor, COUNT)
    times = [(rebuild_seconds(cursor), timed(cursor, COUNT)) for _ in range(min(ROUNDS, 5))]
    cursor.execute("SELECT method FROM weir.progress WHERE monitor = 'bench_wide' ORDER BY build_id DESC LIMIT 1")
    method = cursor.fetchone()[0]
    cursor.execute("SELECT panes, equal FROM weir.verify('bench_wide')")
    panes, equal = cursor.fetchone()
    row('rebuild / `count(c)` over its columns', milliseconds(statistics.median(a for a, _ in times)), milliseconds(statistics.median(b for _, b in times)),
        f'{statistics.median(a / b for a, b in times):.2f}', f'{ROWS:,} rows of 10 columns, one builder, {method}; verify: {equal} of {panes} panes equal')


def pane_windows(cursor):
    prepare(cursor)
    compare(cursor, 'statistics of 30 days from panes of 5 minutes / from rows',
            "SELECT window_start, n, mean, p50, p99 FROM weir.window_stats('bench_fine', '30 days')",
            "SELECT weir.tumble(at, '30 days'), (weir.stats(c1)).mean, weir.quantile(c1, ARRAY[0.5, 0.99]) FROM bench_wide GROUP BY 1", f'{ROWS:,} rows, 8,640 panes')
    compare(cursor, 'statistics of the last 3 hours from panes of 5 minutes / from rows, by index',
            "SELECT window_start, n, mean, p50, p99 FROM weir.window_stats('bench_fine', '1 hour', since => '2026-01-30 20:00+00')",
            "SELECT weir.tumble(at, '1 hour'), (weir.stats(c1)).mean, weir.quantile(c1, ARRAY[0.5, 0.99]) FROM bench_wide WHERE at >= '2026-01-30 20:00+00' GROUP BY 1",
            f'{ROWS:,} rows')


FIGURES = {'rebuild': rebuild, 'pane_windows': pane_windows}
