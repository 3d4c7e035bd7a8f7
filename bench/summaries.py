"""Figures of summaries: speed beside PostgreSQL's own aggregates, t-digest and DuckDB; accuracy at equal bytes; sliding frames; panes.

t-digest is Debian's extension (postgresql-NN-tdigest) and DuckDB a package of bench/requirements.txt; bench/run makes both available, and where it cannot,
their lines say so.
"""
import statistics
import sys
import tempfile
import time

import numpy

from common import ROUNDS, ROWS, compare, row

COLUMNS = 'id, at, customer, amount, price, latency, status, region, ok, score'


def exists(cursor, extension):
    cursor.execute('SELECT count(*) FROM pg_available_extensions WHERE name = %s', (extension,))
    if cursor.fetchone()[0] == 0:
        return False
    cursor.execute(f'CREATE EXTENSION IF NOT EXISTS {extension}')
    return True


def prepare(cursor):
    """Ten columns of the usual kinds, and 5-minute panes of one of them over 30 days."""
    cursor.execute("SELECT to_regclass('bench_wide') IS NOT NULL")
    if cursor.fetchone()[0]:
        return
    cursor.execute('SELECT setseed(0.5)')
    cursor.execute(
        "CREATE UNLOGGED TABLE bench_wide AS SELECT i::bigint AS id, timestamptz '2026-01-01 00:00+00' + (i * (2592000.0 / %s)) * interval '1 s' AS at, "
        '(random() * 100000)::int AS customer, exp(sqrt(-2 * ln(1 - random())) * cos(6.283185307179586 * random())) AS amount, '
        "round((random() * 1000)::numeric, 2) AS price, random() * 100 AS latency, 'status ' || (random() * 4)::int AS status, "
        "'region ' || (random() * 49)::int AS region, random() < 0.3 AS ok, (random() * 1000)::int::smallint AS score FROM generate_series(1, %s) i", (ROWS, ROWS))
    cursor.execute('VACUUM ANALYZE bench_wide')


def workers(cursor, n):
    cursor.execute(f'SET max_parallel_workers_per_gather = {n}')
    cursor.execute('SET parallel_leader_participation = off' if n else 'RESET parallel_leader_participation')
    cursor.execute('SET min_parallel_table_scan_size = 0')


def many_groups(cursor):
    """Processor time per group of four rows, while all groups are in memory at once: it must not depend on how many these are."""
    cursor.execute('CREATE EXTENSION weir_citus')
    cursor.execute("SET work_mem = '1GB'; SET enable_sort = off")
    workers(cursor, 0)
    sizes = 1_000, 10_000, 100_000
    for number in sizes:
        cursor.execute(f"CREATE TEMP TABLE groups_{number} AS SELECT i % {number} AS g, (i % 1009)::float8 AS x, i % 2 = 0 AS flag, 's' || i % 5 AS s FROM generate_series(1, {4 * number}) i")
        cursor.execute(f'ANALYZE groups_{number}')
    with open(f'/proc/{cursor.connection.info.backend_pid}/schedstat', encoding='utf-8') as file:
        for aggregate in ('stddev(x)', 'weir.stats(x)', 'weir.quantile(x, 0.5)', 'weir.fairness(flag, flag, s)', 'weir.binary_performance(flag, x)', 'weir.slope(x, x)', 'weir.psi(x, flag)',
                          'weir_citus.stats(x)', 'weir_citus.fairness(flag, flag, s)'):
            costs = []
            for number in sizes:
                spent = []
                for _ in range(max(3, 10_000 // number)):
                    file.seek(0)
                    before = int(file.read().split()[0])
                    cursor.execute(f'SELECT count(a) FROM (SELECT {aggregate} AS a FROM groups_{number} GROUP BY g) q')
                    cursor.fetchall()
                    file.seek(0)
                    spent.append(int(file.read().split()[0]) - before)
                costs.append(min(spent) / 1000 / number)
            row(f'`{aggregate}` by group', f'{costs[0]:.1f} µs', f'{costs[1]:.1f}, {costs[2]:.1f} µs', f'{costs[2] / costs[0]:.2f}',
                'processor time per group of four rows; of 1,000, then 10,000 and 100,000; goal: the ratio ≤ 2 × that of stddev')
    cursor.execute('RESET work_mem; RESET enable_sort')


def speed(cursor):
    prepare(cursor)
    workers(cursor, 0)
    note = f'{ROWS:,} log-normal rows of ten columns, one process'
    source = 'FROM bench_wide'

    def pair(first, second, goal, second_name=None):
        compare(cursor, f'`{first}` / `{second_name or second}`', f'SELECT {first} IS NULL {source}', f'SELECT {second} IS NULL {source}', f'{note}; goal {goal}')

    pair('weir.stats(amount)', 'stddev(amount)', '≤ 1.3')
    pair('weir.summarize(amount, 1024)', 'stddev(amount)', '≤ 2')
    pair('weir.summarize(amount)', 'stddev(amount)', '≤ 2')
    pair('weir.quantile(amount, 0.99)', 'percentile_cont(0.99) WITHIN GROUP (ORDER BY amount)', '≤ 0.33', 'percentile_cont(0.99)')
    pair('weir.summarize(status)', 'count(DISTINCT status)', '-')
    pair('weir.summarize(price)', 'stddev(price)', '-')
    if exists(cursor, 'tdigest'):
        pair('weir.summarize(amount)', 'tdigest(amount, 100)', '≤ 0.5')
    else:
        row('`weir.summarize(amount)` / `tdigest(amount, 100)`', 'no tdigest here')
    workers(cursor, 2)
    parallel = 'SELECT weir.summarize(amount) IS NULL FROM bench_wide'
    times = {}
    for number in range(5):
        for n in (0, 2) if number % 2 else (2, 0):
            workers(cursor, n)
            start = time.perf_counter()
            cursor.execute(parallel)
            cursor.fetchall()
            times.setdefault(n, []).append(time.perf_counter() - start)
    gain = statistics.median(a / b for a, b in zip(times[0][1:], times[2][1:]))
    row('`weir.summarize(amount)`, one process / two workers', f'{statistics.median(times[0]) * 1000:,.0f} ms', f'{statistics.median(times[2]) * 1000:,.0f} ms', f'{gain:.2f}',
        f'{ROWS:,} rows; goal ≥ 1.7')
    workers(cursor, 0)


# ---- summarize_table ----

def duckdb_times(cursor):
    """SUMMARIZE of the same rows in DuckDB's own table, two threads; None where it is not installed."""
    try:
        import duckdb
    except ImportError:
        return None
    connection = duckdb.connect()
    connection.execute('SET threads = 2')
    connection.execute('CREATE TABLE wide (id bigint, "at" timestamptz, customer int, amount double, price decimal(12, 2), latency double, status varchar, region varchar, '
                       'ok boolean, score smallint)')
    with tempfile.NamedTemporaryFile(suffix='.csv') as file:
        with cursor.copy(f'COPY (SELECT {COLUMNS} FROM bench_wide) TO STDOUT (FORMAT csv)') as copy:
            for block in copy:
                file.write(block)
        file.flush()
        connection.execute(f"COPY wide FROM '{file.name}' (FORMAT csv)")
    times = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        connection.execute('SUMMARIZE wide').fetchall()
        times.append(time.perf_counter() - start)
    return times[1:]


def table(cursor):
    prepare(cursor)
    workers(cursor, 0)
    counts = ', '.join(f'count({column})' for column in COLUMNS.split(', '))
    compare(cursor, '`summarize_table` / `count(c)` of ten columns', "SELECT count(*) FROM weir.summarize_table('bench_wide')", f'SELECT {counts} FROM bench_wide',
            f'{ROWS:,} rows, one process; goal ≤ 2.5')
    workers(cursor, 2)
    theirs = duckdb_times(cursor)
    ours = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        cursor.execute("SELECT * FROM weir.summarize_table('bench_wide')")
        cursor.fetchall()
        ours.append(time.perf_counter() - start)
    ours = statistics.median(ours[1:])
    if theirs is None:
        row('`summarize_table` / DuckDB `SUMMARIZE`', f'{ours * 1000:,.0f} ms', 'no DuckDB here')
    else:
        theirs = statistics.median(theirs)
        row('`summarize_table` / DuckDB `SUMMARIZE`', f'{ours * 1000:,.0f} ms', f'{theirs * 1000:,.0f} ms', f'{ours / theirs:.2f}',
            f"{ROWS:,} rows, two workers, two threads on DuckDB's own table; goal ≤ 0.5")
    workers(cursor, 0)


# ---- frames and panes ----

def frames(cursor):
    prepare(cursor)
    workers(cursor, 0)
    n = min(ROWS, 500_000)
    for aggregate in ('weir.quantile(amount, 0.99)', 'weir.stats(amount)'):
        times = {100: [], 10_000: []}
        for number in range(ROUNDS + 1):
            for size in (100, 10_000) if number % 2 else (10_000, 100):
                start = time.perf_counter()
                cursor.execute(f'SELECT count(q) FROM (SELECT {aggregate} OVER (ORDER BY id ROWS {size - 1} PRECEDING) AS q FROM bench_wide WHERE id <= {n}) s')
                cursor.fetchall()
                times[size].append(time.perf_counter() - start)
        ratio = statistics.median(a / b for a, b in zip(times[10_000][1:], times[100][1:]))
        cells = [f'{statistics.median(times[size][1:]) / n * 1e9:,.0f} ns per row' for size in (10_000, 100)]
        row(f'`{aggregate} OVER`, frame of 10,000 / of 100 rows', *cells, f'{ratio:.2f}', f'{n:,} rows; goal: the ratio ≤ 2 × that of stddev')


def panes(cursor):
    prepare(cursor)
    workers(cursor, 0)
    cursor.execute("CREATE UNLOGGED TABLE IF NOT EXISTS bench_panes AS SELECT weir.tumble(at, '5 min') AS at, weir.summarize(amount) AS amount FROM bench_wide GROUP BY 1")
    cursor.execute("CREATE UNLOGGED TABLE IF NOT EXISTS bench_days AS SELECT weir.tumble(at, '1 day') AS at, weir.merge(amount) AS amount FROM bench_panes GROUP BY 1")
    scan = 'SELECT weir.quantile(amount, ARRAY[0.5, 0.99]) FROM bench_wide'
    question = 'SELECT weir.quantile(weir.merge(amount), ARRAY[0.5, 0.99]) FROM {}'
    compare(cursor, 'scanning the rows / 30 days from 5-minute panes', scan, question.format('bench_panes'), f'{ROWS:,} rows, 8,640 panes; goal ≥ 100')
    compare(cursor, 'scanning the rows / 30 days from panes rolled up by day', scan, question.format('bench_days'), f'{ROWS:,} rows, 30 panes; goal ≥ 100')


# ---- accuracy ----

def distributions(n):
    random = numpy.random.default_rng(5)
    normal = random.standard_normal(n)
    yield 'normal', normal
    yield '1000 ± 1', 1000 + normal
    yield 'log-normal', numpy.exp(normal)
    yield 'Pareto 1.2', random.pareto(1.2, n) + 1
    yield 'uniform', random.random(n)
    yield 'exponential', random.exponential(1, n)
    yield 'bimodal', numpy.where(random.random(n) < 0.33, normal - 50, 3 * normal + 20)
    yield 'prices of two decimals', numpy.round(numpy.exp(3 + normal), 2)
    yield 'seven distinct values', random.integers(0, 7, n).astype(float)


def rank_error(ordered, probabilities, quantiles):
    below = numpy.searchsorted(ordered, quantiles, 'left') / len(ordered)
    at_most = numpy.searchsorted(ordered, quantiles, 'right') / len(ordered)
    return numpy.maximum(0, numpy.maximum(below - probabilities, probabilities - at_most)).max()


def accuracy(cursor):
    """Worst rank error over p = .01 ... .99 of a million values, beside the t-digest that takes at least as many bytes."""
    has_tdigest = exists(cursor, 'tdigest')
    probabilities = [i / 100 for i in range(1, 100)]
    cursor.execute('CREATE UNLOGGED TABLE bench_accuracy (x float8)')
    for name, values in distributions(1_000_000):
        cursor.execute('TRUNCATE bench_accuracy')
        with cursor.copy('COPY bench_accuracy FROM STDIN') as copy:
            copy.write('\n'.join(map(repr, values.tolist())))
        ordered = numpy.sort(values)
        cursor.execute('SELECT octet_length(weir.summary_send(s)), weir.error_bound(s), weir.quantile(s, %s::float8[]), weir.distinct_count(s) '
                       'FROM (SELECT weir.summarize(x) AS s FROM bench_accuracy) q', (probabilities,))
        size, bound, quantiles, distinct = cursor.fetchone()
        error = rank_error(ordered, probabilities, quantiles)
        truth = len(numpy.unique(values))
        their_size, their_error = 0, None
        for compression in (10, 50, 100, 120, 140, 160, 180, 200, 220, 240, 260, 300, 400) if has_tdigest else ():
            cursor.execute(f'SELECT max(octet_length(tdigest_send(t))), tdigest_percentile(t, %s::float8[]) FROM (SELECT tdigest(x, {compression}) AS t FROM bench_accuracy) q',
                           (probabilities,))
            their_size, quantiles = cursor.fetchone()
            their_error = rank_error(ordered, probabilities, quantiles)
            if their_size >= size:
                break
        row(f'{name}: worst rank error, weir / t-digest', f'{error:.5f} in {size:,} bytes', f'{their_error:.5f} in {their_size:,} bytes' if has_tdigest else 'no tdigest here',
            f'{error / their_error:.2f}' if their_error else '', f'stated bound {bound:.4f} (goals: ≤ 2,500 bytes, ≤ 0.015); distinct {distinct:,} of {truth:,}')
        if error > bound + 1e-12:
            print(f'  {name}: the bound does not hold', file=sys.stderr)
    cursor.execute('DROP TABLE bench_accuracy')


FIGURES = {'summaries': speed, 'summarize_table': table, 'frames': frames, 'many_groups': many_groups, 'panes': panes, 'accuracy': accuracy}
