"""Figures of drift: against scipy on the same numbers, and beside plain additions."""
import ctypes
import os
import statistics
import subprocess
import tempfile
import time

import numpy
from scipy import stats

from common import ROUNDS, ROWS, milliseconds, row

ADDITIONS = 100_000
SOURCE = """
double add(const double *x, long n) { double sum = 0; for (long i = 0; i < n; i++) sum += x[i]; return sum; }
"""


def seconds_of(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def additions():
    """Seconds for a C loop that adds up so many numbers, one after the other."""
    with tempfile.TemporaryDirectory() as directory:
        library = os.path.join(directory, 'add.so')
        subprocess.run(['cc', '-O2', '-shared', '-fPIC', '-x', 'c', '-', '-o', library], input=SOURCE.encode(), check=True)
        add = ctypes.CDLL(library).add
        add.restype = ctypes.c_double
        numbers = numpy.random.default_rng(1).random(ADDITIONS)
        pointer = numbers.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
        return lambda: add(pointer, ctypes.c_long(ADDITIONS))


def in_server(cursor, statement):
    """Milliseconds that the server measured."""
    cursor.execute(f'EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) {statement}')
    return next(float(line.split()[2]) for (line,) in cursor.fetchall() if line.startswith('Execution Time'))


def speed(cursor):
    rows, rounds = ROWS, min(ROUNDS, 5)
    # exact Kolmogorov-Smirnov of arrays
    cursor.execute('CREATE TABLE bench_drift AS SELECT array_agg(random() ORDER BY i) AS b, array_agg(random() * 1.001 ORDER BY i) AS c FROM generate_series(1, %s) i', (rows,))
    cursor.execute('SELECT b, c FROM bench_drift')
    b, c = (numpy.array(x) for x in cursor.fetchone())
    times = []
    for number in range(rounds + 1):
        ours = in_server(cursor, 'SELECT weir.kolmogorov_smirnov(b, c) FROM bench_drift') / 1000
        theirs = seconds_of(lambda: stats.ks_2samp(b, c, method='asymp'))
        if number > 0:
            times.append((ours, theirs))
    row('`kolmogorov_smirnov(float8[], float8[])` / `scipy.stats.ks_2samp`', milliseconds(statistics.median(a for a, _ in times)),
        milliseconds(statistics.median(b for _, b in times)), f'{statistics.median(a / b for a, b in times):.2f}', f'{rows:,} against {rows:,} different numbers')
    cursor.execute('SELECT weir.kolmogorov_smirnov(b, c) FROM bench_drift')
    found = cursor.fetchone()[0]
    if abs(found - stats.ks_2samp(b, c, method='asymp').statistic) > 1e-12:
        raise SystemExit(f'weir finds {found}, scipy another distance')

    # every score of two summaries
    cursor.execute('CREATE TABLE bench_summaries AS SELECT weir.summarize(exp(x)) AS b, weir.summarize(exp(x * 1.01)) AS c FROM (SELECT sqrt(-2 * ln(1 - random())) * '
                   'cos(6.283185307179586 * random()) AS x FROM generate_series(1, %s)) s', (rows,))
    calls = 200
    add = additions()
    for name, metrics in (('all scores', 'NULL::text[]'), ('psi', "'{psi}'::text[]")):
        times = []
        for number in range(rounds + 1):
            # the first call reads and decodes the summaries, as all others do: none is cached
            ours = in_server(cursor, f'SELECT (SELECT count(*) FROM weir.drift(b, c, CASE WHEN i > 0 THEN {metrics} END)) FROM bench_summaries, generate_series(1, {calls}) i') / calls / 1000
            theirs = statistics.median(seconds_of(add) for _ in range(20))
            if number > 0:
                times.append((ours, theirs))
        row(f'`drift(summary, summary)`, {name} / {ADDITIONS:,} additions in C', f'{statistics.median(a for a, _ in times) * 1e6:,.0f} us',
            f'{statistics.median(b for _, b in times) * 1e6:,.0f} us', f'{statistics.median(a / b for a, b in times):.2f}',
            f'summaries of {rows:,} log-normal rows; decoding and detail included')
    cursor.execute('SELECT array_agg(random()) FROM generate_series(1, %s)', (ADDITIONS,))
    sql = statistics.median(in_server(cursor, f'SELECT sum(i::float8) FROM generate_series(1, {ADDITIONS}) i') for _ in range(rounds))
    row(f'{ADDITIONS:,} additions in SQL, `sum(float8)`', '', f'{sql * 1000:,.0f} us', '', 'for comparison')

    # two tables, all columns
    cursor.execute('CREATE TABLE bench_before AS SELECT ' + ', '.join(f'random() * {k} AS x{k}' for k in range(1, 9)) +
                   f", 'c' || (random() * 20)::int AS c FROM generate_series(1, {rows // 5})")
    cursor.execute('CREATE TABLE bench_after AS SELECT * FROM bench_before')
    columns = ', '.join(f'stddev(x{k})' for k in range(1, 9)) + ', count(DISTINCT c)'
    times = []
    for number in range(rounds + 1):
        ours = in_server(cursor, "SELECT count(*) FROM weir.compare('bench_before', 'bench_after')")
        theirs = in_server(cursor, f'SELECT {columns} FROM bench_before') + in_server(cursor, f'SELECT {columns} FROM bench_after')
        if number > 0:
            times.append((ours / 1000, theirs / 1000))
    row('`compare(table, table)` / `stddev` and `count(DISTINCT …)` of the same columns', milliseconds(statistics.median(a for a, _ in times)),
        milliseconds(statistics.median(b for _, b in times)), f'{statistics.median(a / b for a, b in times):.2f}', f'9 columns, {rows // 5:,} rows a side, every score')
