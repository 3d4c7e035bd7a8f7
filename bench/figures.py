#!/usr/bin/env python3
"""The figures of bench/run, as a Markdown table; the server is the one that PGHOST and so on name.

Statements that are compared alternate in one run, after a warm-up, so that what disturbs the machine disturbs both; a figure is the median of
the rounds, a ratio the median of the rounds' ratios.
"""
import multiprocessing
import os
import platform
import signal
import statistics
import subprocess
import sys
import time

import psycopg

import detectors

ROWS = int(os.environ.get('BENCH_ROWS', 1_000_000))
ROUNDS = int(os.environ.get('BENCH_ROUNDS', 7))
SECONDS = float(os.environ.get('BENCH_SECONDS', 15))
TABLE = []


def row(figure, value, other='', ratio='', note=''):
    TABLE.append((figure, value, other, ratio, note))
    print(f'  {figure}: {value} {other} {ratio} {note}'.rstrip(), file=sys.stderr, flush=True)


def milliseconds(seconds):
    return f'{seconds * 1000:,.0f} ms' if seconds > 0.1 else f'{seconds * 1000:,.1f} ms'


def timed(cursor, statement):
    start = time.perf_counter()
    cursor.execute(statement)
    cursor.fetchall()
    return time.perf_counter() - start


def alternate(cursor, first, second):
    """Medians of both statements, and of the ratio first / second."""
    timed(cursor, first)
    timed(cursor, second)
    times = []
    for number in range(ROUNDS):
        if number % 2 == 0:
            a = timed(cursor, first)
            b = timed(cursor, second)
        else:
            b = timed(cursor, second)
            a = timed(cursor, first)
        times.append((a, b))
    return statistics.median(a for a, _ in times), statistics.median(b for _, b in times), statistics.median(a / b for a, b in times)


def compare(cursor, name, first, second, note=''):
    a, b, ratio = alternate(cursor, first, second)
    row(name, milliseconds(a), milliseconds(b), f'{ratio:.2f}', note)


# ---- aggregates and windows ----

def prepare_values(cursor):
    cursor.execute('CREATE TABLE IF NOT EXISTS bench_values (x float8, c text, at timestamptz)')
    cursor.execute('SELECT count(*) FROM bench_values')
    if cursor.fetchone()[0] == 0:
        cursor.execute('SELECT setseed(0.5)')
        cursor.execute('INSERT INTO bench_values SELECT exp(sqrt(-2 * ln(1 - random())) * cos(6.283185307179586 * random())), '
                       "'category ' || (random() * 20)::int, timestamptz '2026-01-01 00:00+00' + n * interval '1 s' FROM generate_series(1, %s) n", (ROWS,))
        cursor.execute('VACUUM ANALYZE bench_values')


def aggregates(cursor):
    prepare_values(cursor)
    pairs = [('weir.summarize(x)', 'stddev(x)'), ('weir.summarize(x)', 'percentile_cont(0.5) WITHIN GROUP (ORDER BY x)'),
             ('weir.stats(x)', 'stddev(x)'), ('weir.summarize(c)', 'count(DISTINCT c)')]
    for workers in (0, 2):
        cursor.execute(f'SET max_parallel_workers_per_gather = {workers}')
        cursor.execute('SET min_parallel_table_scan_size = 0')
        for first, second in pairs if workers == 0 else pairs[:1]:
            compare(cursor, f'`{first}` / `{second.split(" WITHIN")[0]}`', f'SELECT {first} IS NULL FROM bench_values', f'SELECT {second} IS NULL FROM bench_values',
                    f'{ROWS:,} log-normal rows, {"one process" if workers == 0 else "two workers"}')
    cursor.execute('RESET max_parallel_workers_per_gather')


def windows(cursor):
    prepare_values(cursor)
    note = f'count(…) of {ROWS:,} rows'
    compare(cursor, "`tumble(at, '5 min')` / `date_bin`", "SELECT count(weir.tumble(at, '5 min')) FROM bench_values",
            "SELECT count(date_bin('5 min', at, '2000-01-03')) FROM bench_values", note)
    compare(cursor, "`tumble(at, '1 day', time_zone => …)` / `date_trunc`", "SELECT count(weir.tumble(at, '1 day', time_zone => 'Europe/Berlin')) FROM bench_values",
            "SELECT count(date_trunc('day', at, 'Europe/Berlin')) FROM bench_values", note)


# ---- capture ----

def events_table(connection, name):
    connection.execute(f'CREATE TABLE {name} (id bigint PRIMARY KEY, at timestamptz NOT NULL, customer int, amount float8, price numeric(12,2), latency float8, '
                       'status text, region text, ok boolean, note text)')
    connection.execute(f'ALTER TABLE {name} REPLICA IDENTITY FULL')
    connection.execute(f"SELECT weir.create_monitor('{name}', '{name}', 'at', columns => '{{amount,latency,status,ok}}', window_size => '1 hour')")


EVENT = ("n, timestamptz '2026-01-01 00:00+00' + n % 64 * interval '1 hour' + n % 3600 * interval '1 s', n % 1000, exp(random() * 5), (n % 9999) / 100.0, random() * 100, "
         "'status ' || n % 5, 'region ' || n % 16, n % 3 = 0, 'a note of some length'")


def load(connection, name, since, rows, per_transaction=10_000):
    for first in range(since, since + rows, per_transaction):
        connection.execute(f'INSERT INTO {name} SELECT {EVENT} FROM generate_series({first}, {min(first + per_transaction, since + rows) - 1}) n')


def wait(connection):
    connection.execute("SELECT weir.wait_for(timeout => '10 min')").fetchall()


def wait_active(connection, name):
    for _ in range(600):
        state = connection.execute('SELECT state FROM weir.monitors WHERE monitor = %s', (name,)).fetchone()
        if state and state[0] == 'active':
            return
        time.sleep(0.1)
    raise SystemExit(f'monitor {name} does not become active')


def signal_process(pid, number):
    prefix = os.environ.get('BENCH_AS', '').split()
    subprocess.run(prefix + ['kill', f'-{number}', str(pid)], check=True)


def capture(cursor):
    connection = cursor.connection
    connection.execute('CREATE EXTENSION IF NOT EXISTS weir_bench')
    events_table(connection, 'bench_events')
    wait_active(connection, 'bench_events')
    connection.execute("SELECT pg_create_logical_replication_slot('bench', 'weir_bench')").fetchall()
    times = []
    next_id = 1
    for number in range(min(ROUNDS, 5) + 1):
        # Both slots restart where they stand, so that neither reads again what the last round wrote.
        for _ in range(2):
            connection.execute('CHECKPOINT')
            connection.execute("SELECT weir_bench.drain('bench')").fetchall()
            wait(connection)
            time.sleep(0.5)
        # Capture stands still while rows are written, and has nothing in hand: it waits on its latch.
        pid = connection.execute('SELECT pid FROM weir.capture_status').fetchone()[0]
        signal_process(pid, signal.SIGSTOP.value)
        try:
            load(connection, 'bench_events', next_id, ROWS)
        finally:
            if number % 2 == 0:
                rows, bare = connection.execute("SELECT * FROM weir_bench.drain('bench')").fetchone()
            signal_process(pid, signal.SIGCONT.value)
        next_id += ROWS
        start = time.perf_counter()
        wait(connection)
        captured = time.perf_counter() - start
        if number % 2 == 1:
            rows, bare = connection.execute("SELECT * FROM weir_bench.drain('bench')").fetchone()
        if rows != ROWS:
            raise SystemExit(f'the bare plugin read {rows} of {ROWS} rows')
        print(f"  round {number}: captured {captured:.3f} s, bare {bare:.3f} s", file=sys.stderr)
        if number > 0:  # the first is the warm-up
            times.append((ROWS / captured, ROWS / bare))
    equal = connection.execute("SELECT panes, equal, different FROM weir.verify('bench_events')").fetchone()
    row('capture / bare plugin, rows/s', f'{statistics.median(a for a, _ in times):,.0f}', f'{statistics.median(b for _, b in times):,.0f}',
        f'{statistics.median(a / b for a, b in times):.2f}', f'10 columns, 4 folded, 64 windows, transactions of 10,000; verify: {equal[1]} of {equal[0]} panes equal')
    connection.execute("SELECT pg_drop_replication_slot('bench')")


# ---- freshness ----

def poll(name, stop, seen):
    """When how many rows were visible."""
    with psycopg.connect(autocommit=True) as connection:
        found = []
        while not stop.is_set():
            n = connection.execute('SELECT coalesce(sum(n), 0)::bigint FROM weir.windows WHERE monitor = %s', (name,)).fetchone()[0]
            found.append((time.monotonic(), n))
            time.sleep(0.002)
        seen.send(found)


def freshness(cursor):
    connection = cursor.connection
    events_table(connection, 'bench_fresh')
    wait_active(connection, 'bench_fresh')
    rate = 200
    for synchronous_commit in ('on', 'off'):
        connection.execute(f'SET synchronous_commit = {synchronous_commit}')
        before = connection.execute("SELECT coalesce(sum(n), 0)::bigint FROM weir.windows WHERE monitor = 'bench_fresh'").fetchone()[0]
        stop = multiprocessing.Event()
        receiver, sender = multiprocessing.Pipe(False)
        poller = multiprocessing.Process(target=poll, args=('bench_fresh', stop, sender))
        poller.start()
        time.sleep(1)
        committed = []
        start = time.monotonic()
        for number in range(int(rate * SECONDS)):
            connection.execute(f'INSERT INTO bench_fresh SELECT {EVENT} FROM generate_series({before + number + 1}, {before + number + 1}) n')
            committed.append(time.monotonic())
            time.sleep(max(0.0, start + (number + 1) / rate - time.monotonic()))
        wait(connection)
        time.sleep(0.5)
        stop.set()
        found = receiver.recv()
        poller.join()
        connection.execute('RESET synchronous_commit')
        delays = []
        position = 0
        for number, moment in enumerate(committed):
            while position < len(found) and found[position][1] < before + number + 1:
                position += 1
            if position == len(found):
                raise SystemExit('rows did not become visible')
            delays.append(found[position][0] - moment)
        delays.sort()
        polls = statistics.median(b[0] - a[0] for a, b in zip(found, found[1:]))
        row(f'commit → visible in `weir.windows`, synchronous_commit = {synchronous_commit}', f'p50 {milliseconds(delays[len(delays) // 2])}',
            f'p99 {milliseconds(delays[int(len(delays) * 0.99)])}', '', f'{len(delays):,} single-row commits at {rate}/s, polled every {milliseconds(polls)}')


def machine(cursor):
    model = platform.processor()
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        for line in file:
            if line.startswith('model name'):
                model = line.split(':', 1)[1].strip()
                break
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    cursor.execute('SHOW server_version')
    return f'{model}, {os.cpu_count()} processors, {memory:.0f} GB, Linux {platform.release()}, PostgreSQL {cursor.fetchone()[0]}, {time.strftime("%Y-%m-%d")}'


FIGURES = {'aggregates': aggregates, 'windows': windows, 'capture': capture, 'freshness': freshness,
           'detectors': lambda cursor: detectors.speed(cursor, row, min(ROUNDS, 3)), 'detector_delays': detectors.delays}


def main():
    wanted = sys.argv[1:] or list(FIGURES)
    failed = []
    with psycopg.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute('CREATE EXTENSION weir')
        for name in wanted:
            if name not in FIGURES:
                raise SystemExit(f'no figure {name}; there are {", ".join(FIGURES)}')
            print(f'{name} …', file=sys.stderr, flush=True)
            try:
                FIGURES[name](cursor)
            except psycopg.Error as error:
                failed.append(name)
                print(f'  {name}: {error}', file=sys.stderr)
        print(f'\n{machine(cursor)}; medians of {ROUNDS} rounds\n')
    print('| figure | weir | other | ratio | of |\n| --- | ---: | ---: | ---: | --- |')
    for line in TABLE:
        print('| ' + ' | '.join(line) + ' |')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
