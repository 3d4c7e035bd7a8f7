"""Figures of jobs and data versions: the queue beside a table with SKIP LOCKED written by hand, procedures at a steady rate, the fingerprint beside count(*)."""
import os
import statistics
import threading
import time

import psycopg

from common import ROUNDS, ROWS, SECONDS, compare, milliseconds, row, timed

CLAIMERS = 8
JOBS = 5000
RATE = 5000 / 60  # per second
CRON_JOBS = 500

QUEUE = ("CREATE TABLE bench_queue (job_id bigserial PRIMARY KEY, state text NOT NULL DEFAULT 'queued', run_after timestamptz NOT NULL DEFAULT now(), "
         'started_at timestamptz, finished_at timestamptz, config jsonb)')
BY_HAND = ("UPDATE bench_queue SET state = 'running', started_at = clock_timestamp() WHERE job_id = (SELECT job_id FROM bench_queue "
           "WHERE state = 'queued' AND run_after <= clock_timestamp() "
           'ORDER BY run_after, job_id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING job_id, 0::bigint',
           "UPDATE bench_queue SET state = 'succeeded', finished_at = clock_timestamp() WHERE job_id = %s AND %s IS NOT NULL")
OURS = ("SELECT job_id, token FROM weir.claim_job('{bench_outside}')", 'SELECT weir.complete_job(%s, %s)')


def drain(statements):
    """Eight claimers take everything there is; seconds, and the latency of each claim in milliseconds."""
    latencies = []

    def claim():
        with psycopg.connect(autocommit=True) as connection:
            while True:
                begin = time.perf_counter()
                found = connection.execute(statements[0]).fetchone()
                latencies.append((time.perf_counter() - begin) * 1000)
                if found is None:
                    return
                connection.execute(statements[1], found)

    threads = [threading.Thread(target=claim) for _ in range(CLAIMERS)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin, latencies


def p99(values):
    return statistics.quantiles(values, n=100)[98]


def jobs(cursor):
    cursor.execute('DROP TABLE IF EXISTS bench_queue')
    cursor.execute(QUEUE)
    cursor.execute("CREATE INDEX ON bench_queue (run_after, job_id) WHERE state = 'queued'")
    cursor.execute("SELECT weir.create_model('bench'), weir.create_trainer('bench_outside', 'bench')")
    ours, by_hand = [], []
    for _ in range(min(ROUNDS, 3)):
        cursor.execute("SELECT count(weir.enqueue_job('bench_outside')) FROM generate_series(1, %s)", (JOBS,))
        ours.append(drain(OURS))
        cursor.execute('INSERT INTO bench_queue (config) SELECT \'{}\' FROM generate_series(1, %s)', (JOBS,))
        by_hand.append(drain(BY_HAND))
    a, b = (statistics.median(seconds for seconds, _ in runs) for runs in (ours, by_hand))
    row(f'external jobs claimed and completed, {CLAIMERS} claimers / a table with SKIP LOCKED', f'{JOBS / a * 60:,.0f} per minute', f'{JOBS / b * 60:,.0f} per minute', f'{a / b:.2f}',
        f'{JOBS:,} jobs; leases, tokens and the log are in the former alone')
    row('latency of claim_job, 99th percentile / the same by hand', f'{p99([x for _, run in ours for x in run]):.1f} ms',
        f'{p99([x for _, run in by_hand for x in run]):.1f} ms', '', f'{CLAIMERS} claimers at full speed')
    procedures(cursor)
    cron(cursor)


def cron(cursor):
    """Short statements that pg_cron starts at the turn of a minute, when all of them are due: Debian's release knows minutes only."""
    cursor.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'")
    if cursor.fetchone()[0] == 0:
        row('jobs of pg_cron', 'not on this machine')
        return
    cursor.execute('CREATE EXTENSION IF NOT EXISTS pg_cron')
    cursor.execute("SELECT cron.schedule('bench ' || i, '* * * * *', 'SELECT 1') FROM generate_series(1, %s) i", (CRON_JOBS,))
    cursor.fetchall()
    give_up = time.monotonic() + 300
    while time.monotonic() < give_up:
        time.sleep(1)
        cursor.execute('SELECT count(*) FROM (SELECT jobid FROM cron.job_run_details WHERE end_time IS NOT NULL GROUP BY jobid) j')
        if cursor.fetchone()[0] == CRON_JOBS:
            break
    cursor.execute("SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname LIKE 'bench %'")
    cursor.execute("SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM start_time - due) * 1000), extract(epoch FROM max(end_time) - min(due)), count(*) "
                   "FROM (SELECT DISTINCT ON (jobid) start_time, end_time, date_trunc('minute', start_time) AS due FROM cron.job_run_details WHERE end_time IS NOT NULL "
                   'ORDER BY jobid, runid) j')
    (median, last), took, n = cursor.fetchone()
    if n < CRON_JOBS:
        row('jobs of pg_cron', f'{n} of {CRON_JOBS} ran within five minutes')
        return
    row('pg_cron, jobs of one minute: from due to started, median and 99th percentile', '', f'{median:,.1f} ms, {last:,.1f} ms', note=f'{n:,} jobs, 16 at once')
    row('pg_cron, all due at once', '', f'{n / float(took) * 60:,.0f} per minute', note='a background worker for each')


def procedures(cursor):
    """Short procedures, queued one by one at 5,000 a minute: from due to started."""
    cursor.execute("CREATE PROCEDURE bench_short(job_id bigint, config jsonb) LANGUAGE sql AS 'SELECT 1'")
    cursor.execute("SELECT weir.create_trainer('bench_short', 'bench', procedure => 'bench_short', max_running => 2)")
    seconds = max(SECONDS, 10)
    begin = time.perf_counter()
    n = 0
    while time.perf_counter() - begin < seconds:
        cursor.execute("SELECT weir.enqueue_job('bench_short')")
        n += 1
        time.sleep(max(0, begin + n / RATE - time.perf_counter()))
    while True:
        cursor.execute("SELECT count(*) FILTER (WHERE state = 'succeeded'), count(*) FROM weir.jobs WHERE trainer = 'bench_short'")
        done, all_of_them = cursor.fetchone()
        if done == all_of_them:
            break
        time.sleep(0.1)
    cursor.execute('SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM a.started_at - j.run_after) * 1000), '
                   'extract(epoch FROM max(a.finished_at) - min(j.created_at)), '
                   "count(DISTINCT j.job_id) FROM weir.job j JOIN weir.job_attempt a USING (job_id) WHERE j.trainer = 'bench_short'")
    (median, last), took, n = cursor.fetchone()
    row('procedures at 5,000 a minute: from due to started, median and 99th percentile', f'{median:.1f} ms, {last:.1f} ms', note=f'{n:,} jobs in {took:.0f} s')
    cursor.execute("SELECT count(weir.enqueue_job('bench_short')) FROM generate_series(1, %s)", (JOBS,))
    begin = time.perf_counter()
    while True:
        cursor.execute("SELECT count(*) FROM weir.jobs WHERE trainer = 'bench_short' AND state <> 'succeeded'")
        if cursor.fetchone()[0] == 0:
            break
        time.sleep(0.1)
    row('procedures, all due at once', f'{JOBS / (time.perf_counter() - begin) * 60:,.0f} per minute', note=f'{JOBS:,} jobs, two workers')


def fingerprint(cursor):
    cursor.execute('CREATE TABLE IF NOT EXISTS bench_rows (id bigint, a float8, b float8, c int, d int, at timestamptz, word text, kind text, flag boolean, amount numeric(12, 2))')
    cursor.execute('SELECT count(*) FROM bench_rows')
    if cursor.fetchone()[0] == 0:
        cursor.execute("INSERT INTO bench_rows SELECT i, random(), random(), random() * 1000, random() * 1000, now() + i * interval '1 s', md5(i::text), 'abc', i %% 2 = 0, "
                       'random() * 100 FROM generate_series(1, %s) i', (ROWS,))
        cursor.execute('VACUUM ANALYZE bench_rows')
    note = f'{ROWS:,} rows of ten columns, one process'
    counting, hashing = 'SELECT count(*) FROM bench_rows', 'SELECT weir.fingerprint(t) FROM bench_rows t'
    compare(cursor, '`fingerprint(t)` / `count(*)`', hashing, counting, note)
    a, b = processor_time(cursor, [hashing, counting])
    row('the same, processor time', milliseconds(a), milliseconds(b), f'{a / b:.2f}', note)
    cursor.execute('SET max_parallel_workers_per_gather = 2')
    compare(cursor, '`fingerprint(t)` / `count(*)`, both in parallel', hashing, counting, f'{ROWS:,} rows of ten columns, up to two workers')
    cursor.execute('SET max_parallel_workers_per_gather = 0')
    cursor.execute("SELECT to_regclass('bench_parts') IS NULL")
    if cursor.fetchone()[0]:
        cursor.execute('CREATE TABLE bench_parts (LIKE bench_rows) PARTITION BY RANGE (id)')
        for number in range(10):
            cursor.execute(f'CREATE TABLE bench_parts_{number} PARTITION OF bench_parts FOR VALUES FROM ({number * ROWS // 10 + 1}) TO ({(number + 1) * ROWS // 10 + 1})')
        cursor.execute('INSERT INTO bench_parts SELECT * FROM bench_rows')
        cursor.execute('VACUUM ANALYZE bench_parts')
    in_parts = [statement.replace('bench_rows', 'bench_parts') for statement in (hashing, counting)]
    a, b = processor_time(cursor, in_parts)
    row('`fingerprint(t)` / `count(*)` of partitions, processor time', milliseconds(a), milliseconds(b), f'{a / b:.2f}', f'{ROWS:,} rows of ten columns in ten partitions, one process')
    compare(cursor, '`fingerprint(t)` / `count(t)`, which forms records', hashing, 'SELECT count(t) FROM bench_rows t', note)
    compare(cursor, '`fingerprint(t)` / `sum(hashtextextended(t::text, 0))`', hashing, 'SELECT sum(hashtextextended(t::text, 0)::numeric) FROM bench_rows t', note)


def processor_time(cursor, statements):
    """Of the server's process, per execution: waiting for a busy machine is no part of it."""
    cursor.execute('SELECT pg_backend_pid()')
    file = f'/proc/{cursor.fetchone()[0]}/stat'

    def used():
        with open(file, encoding='ascii') as stat:
            fields = stat.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    spent = [0.0] * len(statements)
    for _ in range(5 * ROUNDS):
        for number, statement in enumerate(statements):
            begin = used()
            timed(cursor, statement)
            spent[number] += used() - begin
    return [seconds / (5 * ROUNDS) for seconds in spent]


FIGURES = {'jobs': jobs, 'fingerprint': fingerprint}
