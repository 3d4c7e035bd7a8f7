"""Figures of systems that weir grows on (docs/scale.md): processors, partitions on other servers, panes instead of rows on their way, jobs by the Python client."""
import os
import statistics
import sys
import time

import psycopg

from capture import wait
from common import ROUNDS, ROWS, milliseconds, row, timed

PARTS = 2
JOBS = 1000


# ---- processors ----

def processors(cursor):
    """The same aggregates by one process and by two workers; what they give must be the same bytes."""
    cursor.execute('SELECT setseed(0.5)')
    cursor.execute(f"CREATE TABLE bench_parallel AS SELECT exp(random() * 5) AS amount, random() < 0.5 AS old, 's' || i % 7 AS status FROM generate_series(1, {ROWS}) i")
    cursor.execute('VACUUM ANALYZE bench_parallel')
    cursor.execute('SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off')
    question = 'SELECT weir.summarize(amount)::text, weir.quantile(amount, 0.99), weir.psi(amount, old), weir.fairness(old, old, status)::text FROM bench_parallel'
    times, results = [], set()
    for number in range(min(ROUNDS, 5) + 1):
        spent = {}
        for n in (0, 2) if number % 2 else (2, 0):
            cursor.execute(f'SET max_parallel_workers_per_gather = {n}')
            begin = time.perf_counter()
            cursor.execute(question)
            results.add(cursor.fetchone())
            spent[n] = time.perf_counter() - begin
        times.append(spent)
    cursor.execute('RESET min_parallel_table_scan_size; RESET parallel_leader_participation; SET max_parallel_workers_per_gather = 0')
    row('summary, quantile, PSI and fairness of one table, two workers / one process', milliseconds(statistics.median(t[2] for t in times[1:])),
        milliseconds(statistics.median(t[0] for t in times[1:])), f'{statistics.median(t[2] / t[0] for t in times[1:]):.2f}', f'{ROWS:,} rows; same bytes: {len(results) == 1}')


# ---- postgres_fdw ----

def prepare_partitions(cursor):
    """The same rows in one table, and in partitions that other databases have; they are other servers but for the network."""
    columns = 'id bigint, part int, amount float8'
    cursor.execute('CREATE EXTENSION postgres_fdw')
    cursor.execute(f'CREATE TABLE bench_alone ({columns})')
    cursor.execute('SELECT setseed(0.5)')
    cursor.execute(f'INSERT INTO bench_alone SELECT i, i % {PARTS}, exp(random() * 5) FROM generate_series(1, {ROWS}) i')
    cursor.execute(f'CREATE TABLE bench_spread ({columns}) PARTITION BY LIST (part)')
    for part in range(PARTS):
        cursor.execute(f'CREATE DATABASE bench_part_{part}')
        with psycopg.connect(dbname=f'bench_part_{part}', autocommit=True) as there:
            there.execute('CREATE EXTENSION weir')
            there.execute(f'CREATE TABLE bench_spread ({columns})')
        cursor.execute(f"CREATE SERVER part_{part} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{os.environ['PGHOST']}', port '{os.environ['PGPORT']}', "
                       f"dbname 'bench_part_{part}', extensions 'weir', fetch_size '10000')")
        cursor.execute(f'CREATE USER MAPPING FOR CURRENT_USER SERVER part_{part}')
        cursor.execute(f'CREATE FOREIGN TABLE bench_spread_{part} PARTITION OF bench_spread FOR VALUES IN ({part}) SERVER part_{part} OPTIONS (table_name \'bench_spread\')')
    cursor.execute('INSERT INTO bench_spread SELECT * FROM bench_alone')
    cursor.execute('VACUUM ANALYZE bench_alone')
    cursor.execute('ANALYZE bench_spread')
    cursor.execute('SET enable_partitionwise_aggregate = on')


def fdw(cursor):
    prepare_partitions(cursor)
    rows = 'SELECT weir.summarize(amount)::text FROM bench_spread'
    merge = 'SELECT weir.merge(s)::text FROM (SELECT part, weir.summarize(amount) AS s FROM bench_spread GROUP BY part) parts'
    for statement in (rows, merge, rows.replace('spread', 'alone')):
        timed(cursor, statement)
    times = {'rows': [], 'merge': [], 'alone': []}
    for _ in range(min(ROUNDS, 5)):
        times['rows'].append(timed(cursor, rows))
        times['merge'].append(timed(cursor, merge))
        times['alone'].append(timed(cursor, rows.replace('spread', 'alone')))
    cursor.execute(f"SELECT ({rows}) = ({merge}), ({rows}) = ({rows.replace('spread', 'alone')}), (SELECT sum(length(amount::text) + 4)::float8 FROM bench_alone), "
                   '(SELECT sum(length(s::text) + 4)::float8 FROM (SELECT part, weir.summarize(amount) AS s FROM bench_alone GROUP BY part) parts)')
    same, as_alone, row_bytes, summary_bytes = cursor.fetchone()
    note = f'{ROWS:,} rows in {PARTS} databases; results are the same: {same and as_alone}'
    medians = {name: statistics.median(values) for name, values in times.items()}
    row('summary of all partitions written as a merge / from fetched rows', milliseconds(medians['merge']), milliseconds(medians['rows']),
        f"{statistics.median(a / b for a, b in zip(times['merge'], times['rows'])):.3f}", note)
    row('the same / of one table here', milliseconds(medians['merge']), milliseconds(medians['alone']), f"{statistics.median(a / b for a, b in zip(times['merge'], times['alone'])):.2f}",
        note)
    row('bytes fetched: summaries / rows', f'{summary_bytes:,.0f}', f'{row_bytes:,.0f}', f'{summary_bytes / row_bytes:.4f}', f'{PARTS} summaries, {ROWS:,} rows of one column')


# ---- panes on their way ----

def sent(connection, slot, publication):
    return connection.execute("SELECT coalesce(sum(length(data)), 0)::float8 FROM pg_logical_slot_get_binary_changes(%s, NULL, NULL, 'proto_version', '1', 'publication_names', %s)",
                              (slot, publication)).fetchone()[0]


def nodes(cursor):
    """What a subscriber is sent: the rows of a table, or the panes of a monitor of it."""
    connection = cursor.connection
    connection.execute('CREATE PUBLICATION bench_panes FOR TABLE weir.node, weir.node_pane')
    names = [f'x{number}' for number in range(8)]
    for per_pane in (100, 1_000, 10_000):
        name = f'bench_node_{per_pane}'
        panes = max(min(ROWS, 200_000) // per_pane, 1)
        connection.execute(f"CREATE TABLE {name} (at timestamptz NOT NULL, {', '.join(c + ' float8' for c in names)})")
        connection.execute(f'ALTER TABLE {name} REPLICA IDENTITY FULL')
        connection.execute(f'CREATE PUBLICATION {name} FOR TABLE {name}')
        for slot in ('bench_panes', 'bench_rows'):
            connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (slot,))
        connection.execute("SELECT weir.create_monitor(%s, %s::regclass, 'at', window_size => '1 hour', options => '{\"pane_size\": \"1 hour\"}')", (name, name))
        values = ', '.join(f'round((exp({2 + number % 3} * random()))::numeric, 2)' for number in range(len(names)))
        connection.execute(f"INSERT INTO {name} SELECT timestamptz '2026-01-01 00:00+00' + n / {per_pane} * interval '1 hour', {values} FROM generate_series(0, {panes * per_pane - 1}) n")
        wait(connection)
        connection.execute('SELECT weir.publish_panes(%s, %s, 1)', (name, 'here'))
        while connection.execute('SELECT count(*) < %s FROM weir.node_pane WHERE monitor = %s', (panes, name)).fetchone()[0]:
            time.sleep(0.1)
        by_panes, by_rows = sent(connection, 'bench_panes', 'bench_panes'), sent(connection, 'bench_rows', name)
        row(f'bytes on the way to the centre, panes of {per_pane:,} rows / the rows', f'{by_panes / panes:,.0f} a pane', f'{by_rows / panes / per_pane:,.0f} a row', f'{by_panes / by_rows:.3f}',
            f'{len(names)} columns of two decimals, {panes:,} panes')
        connection.execute('SELECT weir.drop_monitor(%s)', (name,))
        for slot in ('bench_panes', 'bench_rows'):
            connection.execute('SELECT pg_drop_replication_slot(%s)', (slot,))


# ---- the Python client ----

def client(cursor):
    """A worker that claims, does nothing and completes: by the client, and by the statements that it sends."""
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'clients', 'python', 'src'))
    import weir

    cursor.execute("SELECT weir.create_model('bench_client'), weir.create_trainer('bench_client', 'bench_client')")

    def by_client():
        with weir.Client() as session:
            for job in session.jobs('bench_client', timeout=0):
                with job:
                    pass

    def by_hand():
        with psycopg.connect(autocommit=True) as connection:
            for _ in range(JOBS):
                found = connection.execute("SELECT job_id, token FROM weir.claim_job('{bench_client}')").fetchone()
                connection.execute('SELECT weir.complete_job(%s, %s)', found)

    seconds = {by_client: [], by_hand: []}
    for _ in range(min(ROUNDS, 3)):
        for way, took in seconds.items():
            cursor.execute("SELECT count(weir.enqueue_job('bench_client')) FROM generate_series(1, %s)", (JOBS,))
            begin = time.perf_counter()
            way()
            took.append(time.perf_counter() - begin)
    a, b = (statistics.median(took) for took in seconds.values())
    row('jobs claimed and completed, Python client / its statements by hand', f'{JOBS / a * 60:,.0f} per minute', f'{JOBS / b * 60:,.0f} per minute',
        f'{statistics.median(x / y for x, y in zip(*seconds.values())):.2f}', f'one worker, {JOBS:,} jobs; heartbeats by a thread of the client')


FIGURES = {'processors': processors, 'fdw': fdw, 'nodes': nodes, 'client': client}
