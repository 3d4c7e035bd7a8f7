#!/usr/bin/env python3
"""The Python client (clients/python) as it is handed out, against a server that is stopped, crashed and started again: trainers that are killed, held up,
cancelled, cut off; events of alerts with the listener away; readings and data versions as DataFrames; texts and times that are hostile; the pages' examples."""
import contextlib
import datetime
import hashlib
import logging
import math
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading

import numpy as np
import pandas as pd
import psycopg
from psycopg.types.json import Jsonb

from checks import check, finish
from client_package import build, package, pages
from server import SECONDS, Server, wait_for

HOSTILE = "'; DROP TABLE t; -- \" \\ % %s {} $1 \N{SNOWMAN}\U0001f600 \n\ttail"


class Log(logging.Handler):
    """What the client logs."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


LOG = Log()
logging.getLogger('weir').addHandler(LOG)
logging.getLogger('weir').propagate = False


def raises(kind, what, call):
    try:
        call()
    except kind as error:
        check(True, what)
        return error
    except Exception as error:      # pylint: disable=broad-except
        check(False, f'{what}: {error!r}')
        return None
    check(False, f'{what}: nothing was raised')
    return None


# ---- jobs ----

WORKER = '''
import sys, weir
with weir.Client() as client:
    try:
        with client.claim('slow', lease=3, worker='first') as job:
            print(job.job_id, job.token, flush=True)
            while True:
                sys.stdin.readline()        # held up from outside
                job.check()
                job.heartbeat(0.5)
    except weir.LeaseLost as error:
        print('lost:', error, flush=True)
'''


def worker():
    return subprocess.Popen([sys.executable, '-c', WORKER], cwd=tempfile.gettempdir(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def prepare_jobs(connection):
    connection.execute('CREATE ROLE trainer')
    connection.execute('SET ROLE trainer')
    connection.execute('SELECT weir.create_model(%s)', ['m ' + HOSTILE])
    for name, attempts in (('fast', 3), ('slow', 9), (HOSTILE, 2)):
        connection.execute('SELECT weir.create_trainer(%s, %s, config => \'{"C": 1}\', max_attempts => %s)', [name, 'm ' + HOSTILE, attempts])
    connection.execute('RESET ROLE')


def state(connection, job_id, columns='state, error'):
    return connection.execute(f'SELECT {columns} FROM weir.jobs WHERE job_id = %s', [job_id]).fetchone()


def jobs(weir, connection):
    model = 'm ' + HOSTILE
    with weir.Client(role='trainer') as client:
        # A whole attempt: versions, alias, result and success together.
        job_id = client.enqueue_job('fast', {'rows': np.int64(5), 'text': HOSTILE})
        with client.claim('fast', worker=HOSTILE + '\0') as job:
            check((job.job_id, job.trainer, job.model, job.attempt, job.config) == (job_id, 'fast', model, 1, {'C': 1, 'rows': 5, 'text': HOSTILE}), 'a job is claimed')
            job.heartbeat(0.25, 'half \0 of it ' + HOSTILE)
            seen = state(connection, job_id, 'state, progress, message, claimed_by, owner::text')
            check(seen == ('running', 0.25, 'half \ufffd of it ' + HOSTILE, HOSTILE + '\ufffd', 'trainer'), f'what it reports is seen: {seen}')
            job.create_model_version(artifact=b'one', metrics={'auc': np.float32(0.5), 'n': np.int64(7)}, note=HOSTILE, code_version='v1')
            job.create_model_version(artifact_uri='s3://models/two', artifact_hash='AB' * 32, alias='challenger', reason=HOSTILE)
            job.result = {'rows': 5, 'text': HOSTILE}
            check(client.view('model_versions').empty, 'nothing is registered before the end')
            raises(RuntimeError, 'a job is begun once', job.__enter__)
        raises(RuntimeError, 'a job that is over takes no report', job.heartbeat)
        check(job.versions == [1, 2] and state(connection, job_id, 'state, result') == ('succeeded', {'rows': 5, 'text': HOSTILE}), 'it succeeds')
        one, two = client.model_version(model, 1), client.model_version(model, 'challenger')
        check((one.metrics, one.note, one.job_id, one.code_version, one.config) == ({'auc': 0.5, 'n': 7}, HOSTILE, job_id, 'v1', job.config), f'the first version: {one}')
        check((two.version, two.artifact_uri, two.artifact_hash, two.aliases) == (2, 's3://models/two', 'ab' * 32, ['challenger']), f'the second: {two}')
        check(client.model_artifact(model, 1) == b'one' and client.model_artifact(model, 2) is None, 'artefacts')
        connection.execute("UPDATE weir.model_version SET artifact = 'other' WHERE version = 1")
        raises(weir.ArtifactChanged, 'an artefact that was changed is refused', lambda: client.model_artifact(model, 1))
        raises(LookupError, 'a version that is not there', lambda: client.model_version(model, 'nobody'))
        raises(weir.NoJob, 'no job', lambda: client.claim('fast', timeout=0))
        raises(psycopg.errors.UndefinedObject, 'no trainer', lambda: client.claim('nobody', timeout=0))
        check(client.create_model_version(model, artifact=b'3', metrics={}, alias='shadow') == 3, 'a version without a job')
        client.promote_model(model, 1, 'live')
        client.promote_model(model, 3, 'live', HOSTILE)
        check(client.roll_back_model(model, HOSTILE, 'live') == 1, 'promoted and rolled back')

        # What goes wrong: the body, what is registered at the end, what nobody could store.
        def attempt(body, kind, what):
            job_id = client.enqueue_job('fast')

            def run():
                with client.claim('fast', timeout=0) as job:
                    body(job)

            raises(kind, what, run)
            seen = state(connection, job_id, 'state, error, attempt')
            client.cancel_job(job_id)
            return seen

        def broken(error):
            def body(_):
                raise error
            return body

        check(attempt(broken(ValueError('a \0 b \ud800 ' + HOSTILE)), ValueError, 'an error of the body is raised') ==
              ('queued', 'ValueError: a \ufffd b ? ' + HOSTILE, 1), 'it is recorded, and the job tried again')
        check(attempt(broken(weir.JobFailed('no rows', retry=False)), weir.JobFailed, 'JobFailed') == ('failed', 'no rows', 1), 'a failure for good')
        check(attempt(broken(KeyboardInterrupt()), KeyboardInterrupt, 'interrupted')[:2] == ('queued', 'KeyboardInterrupt'), 'an interruption')
        check(len(attempt(broken(ValueError('x' * 100000)), ValueError, 'a long error')[1]) == 10000, 'of a long error the beginning is kept')
        check('JSON' in attempt(lambda job: job.create_model_version(metrics={'auc': math.nan}), ValueError, 'NaN is no metric')[1], 'and said so')
        check('TypeError' in attempt(lambda job: job.create_model_version(metrics={'auc': object()}), TypeError, 'nor is an object')[1], 'and said so')
        check(attempt(lambda job: job.create_model_version(data_version=99), psycopg.Error, 'what cannot be registered')[0] == 'queued', 'fails the attempt')
        check(len(client.view('model_versions')) == 3, 'and registers nothing')

        # Cancelled: seen by the thread, by the next report, or at the end.
        def cancelled(job):
            check(client.cancel_job(job.job_id), 'it is cancelled')
            job.create_model_version(artifact=b'late')

        check(attempt(cancelled, weir.JobCancelled, 'at the end')[0] == 'cancelled', 'a job cancelled stays so')
        check(attempt(lambda job: (cancelled(job), job.heartbeat()), weir.JobCancelled, 'at the next report')[0] == 'cancelled', 'and so')
        client.enqueue_job('fast')
        interval, weir.jobs.LONGEST_INTERVAL = weir.jobs.LONGEST_INTERVAL, 0.2
        with contextlib.suppress(weir.JobCancelled), client.claim('fast') as job:
            client.cancel_job(job.job_id)

            def is_known():
                try:
                    job.check()
                except weir.JobCancelled:
                    return True
                return False

            wait_for('the heartbeats see that it is cancelled', is_known)
        weir.jobs.LONGEST_INTERVAL = interval
        check(len(client.view('model_versions')) == 3, 'cancelled jobs register nothing')


def fencing(weir, connection):
    """A trainer that is killed, and one that is held up for longer than its lease."""
    job_id = connection.execute("SELECT weir.enqueue_job('slow')").fetchone()[0]
    first = worker()
    claimed = first.stdout.readline().split()
    first.stdin.write('\n')
    first.stdin.flush()
    first.send_signal(signal.SIGKILL)
    first.wait()
    with weir.Client(poll=600) as client:
        # Nothing tells that a lease has passed: it is waited for.
        with client.claim('slow', worker='second') as job:
            check(job.job_id == job_id == int(claimed[0]) and job.token > int(claimed[1]) and job.attempt == 2, 'when a trainer is killed another gets its job')
        check(state(connection, job_id, 'state, claimed_by') == ('succeeded', 'second'), 'and finishes')

        job_id = client.enqueue_job('slow')
        late = worker()
        check(int(late.stdout.readline().split()[0]) == job_id, 'another one')
        late.send_signal(signal.SIGSTOP)
        with client.claim('slow', worker='second') as job:
            job.create_model_version(artifact=b'right')
            late.send_signal(signal.SIGCONT)
            out, _ = late.communicate('\n')
        check(out.startswith('lost:') and late.returncode == 0, f'the late one gets LeaseLost: {out}')
        check(state(connection, job_id, 'state, claimed_by') == ('succeeded', 'second') and len(job.versions) == 1, 'and changes nothing')

        # Fenced off at the very end: the versions of the late one are not registered.
        job_id = client.enqueue_job('slow')
        job = client.claim('slow')
        connection.execute("UPDATE weir.job SET lease_until = clock_timestamp() - interval '1 s' WHERE job_id = %s", [job_id])
        with client.claim('slow') as other:
            check(other.job_id == job_id, 'its lease passed')

            def end():
                with job:
                    job.create_model_version(artifact=b'wrong')

            check('another worker has it' in str(raises(weir.LeaseLost, 'the end is too late', end)), 'and says why')
        hashes = [row for row, in connection.execute('SELECT artifact_hash FROM weir.model_versions')]
        check(hashlib.sha256(b'wrong').hexdigest() not in hashes and hashlib.sha256(b'right').hexdigest() in hashes, 'no version of a late one')


def loop(weir, server, connection):
    """A worker that runs for good, woken by NOTIFY, over failures and a server that goes."""
    done, release = [], threading.Event()

    def run():
        with weir.Client(poll=600) as client:
            for job in client.jobs(HOSTILE, 'fast', timeout=1000):
                if job.config.get('stop'):
                    with job:
                        pass
                    return
                with job:
                    done.append((job.job_id, job.attempt))
                    if job.config.get('fail') and job.attempt == 1:
                        raise ValueError('not this time')
                    if job.config.get('hold'):
                        release.wait()
                    job.result = {'ok': True}

    def idle():
        return connection.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'weir client' AND state = 'idle' AND query LIKE '%clock_timestamp%'").fetchone()[0] == 1

    def enqueue(config):
        return connection.execute('SELECT weir.enqueue_job(%s, %s)', [HOSTILE, Jsonb(config)]).fetchone()[0]

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    wait_for('it waits', idle)
    job_id = enqueue({})
    wait_for('a notification wakes it', lambda: state(connection, job_id)[0] == 'succeeded')
    job_id = enqueue({'fail': True})
    wait_for('a failed attempt is followed by the next, without a notification', lambda: state(connection, job_id)[0] == 'succeeded')
    check(done[-2:] == [(job_id, 1), (job_id, 2)] and any('not this time' in line for line in LOG.lines), 'failures are logged, and the loop goes on')
    job_id = enqueue({'hold': True})
    wait_for('it works', lambda: done[-1][0] == job_id)
    LOG.lines.clear()
    server.do('stop -m immediate')
    release.set()
    wait_for('it notices', lambda: any('the connection was lost' in line for line in LOG.lines))
    server.do('start')
    connection = server.connect()
    wait_for('a job outlives a crash of the server', lambda: state(connection, job_id)[0] == 'succeeded')
    check(done.count((job_id, 1)) == 1 and state(connection, job_id, 'attempt, result') == (1, {'ok': True}), 'in its first attempt')
    enqueue({'stop': True})
    thread.join(SECONDS)
    check(not thread.is_alive(), 'the loop is left')

    def forgotten():
        with weir.Client() as client:
            for _ in client.jobs('fast', timeout=0):
                pass

    connection.execute("SELECT weir.enqueue_job('fast')")
    raises(RuntimeError, 'a job that nobody works on is no success', forgotten)
    connection.execute("SELECT weir.cancel_job(job_id) FROM weir.jobs WHERE state = 'running'")
    return connection


def cut_off(weir, connection):
    """The connection goes after the commit and before its answer: the job succeeded once, and the worker knows."""
    with weir.Client() as client:
        job_id = client.enqueue_job('fast')
        before = connection.execute('SELECT count(*) FROM weir.model_versions').fetchone()[0]

        def cut():
            query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'weir client' AND wait_event = 'SyncRep'"
            with psycopg.connect(autocommit=True) as other:
                wait_for('the commit waits for a standby', lambda: other.execute(query).fetchone())
                other.execute(f'SELECT pg_terminate_backend(pid) FROM ({query}) q')
                wait_for('it is gone', lambda: not other.execute(query).fetchone())

        # No heartbeat meanwhile: it would wait for the standby, too.
        interval, weir.jobs.LONGEST_INTERVAL = weir.jobs.LONGEST_INTERVAL, 3600
        with client.claim('fast', lease=36000) as job:
            job.create_model_version(artifact=b'once')
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            connection.execute('SELECT pg_reload_conf()')
            connection.execute('SET synchronous_commit = local')
            wait_for('the setting', lambda: connection.execute("SELECT setting = 'nobody' FROM pg_settings WHERE name = 'synchronous_standby_names'").fetchone()[0])
            thread = threading.Thread(target=cut)
            thread.start()
        thread.join()
        weir.jobs.LONGEST_INTERVAL = interval
        connection.execute('ALTER SYSTEM RESET synchronous_standby_names')
        connection.execute('SELECT pg_reload_conf()')
        connection.execute('RESET synchronous_commit')
        after = connection.execute('SELECT count(*) FROM weir.model_versions').fetchone()[0]
        check(state(connection, job_id, 'state, attempt') == ('succeeded', 1) and len(job.versions) == 1 and after == before + 1, f'once: {job.versions}')


def latin(weir, connection):
    """A database that does not have every character."""
    connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with weir.Client(dbname='latin') as client:
        client.connection.execute('CREATE EXTENSION weir')
        client.connection.execute("SELECT weir.create_model('m'), weir.create_trainer('t', 'm')")
        job_id = client.enqueue_job('t')

        def run():
            with client.claim('t'):
                raise ValueError('caf\u00e9 \N{SNOWMAN}')

        raises(ValueError, 'an error', run)
        check(state(client.connection, job_id)[1] == 'ValueError: caf\\xe9 \\u2603', 'its error has what the database can hold')
    connection.execute('DROP DATABASE latin WITH (FORCE)')


# ---- events ----

def events(weir, server, connection):
    connection.execute('CREATE TABLE sales (id bigserial PRIMARY KEY, at timestamptz NOT NULL, price float8)')
    connection.execute("INSERT INTO sales (at, price) SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 min', 100 + i % 7 + i / 1440 * 10 FROM generate_series(0, 7199) i")
    connection.execute("SELECT weir.create_monitor('sales', 'sales', 'at', window_size => '1 day')")
    connection.execute("SELECT weir.set_baseline('sales', since => '2026-01-01', until => '2026-01-02')")
    for bound in (105, 115, 125):
        connection.execute("SELECT weir.create_rule(%s, 'sales', 'mean', above => %s, options => '{\"history\": true}')", [f'above {bound} {HOSTILE}', bound])
    wait_for('alerts', lambda: connection.execute("SELECT count(*) = 3 FROM weir.alert_events WHERE event = 'opened'").fetchone()[0])
    alert, = connection.execute("SELECT min(alert_id) FROM weir.alerts WHERE state = 'open'").fetchone()
    known = [row for row, in connection.execute('SELECT event_id FROM weir.alert_events ORDER BY event_id')]

    def happens(number):
        with psycopg.connect(autocommit=True) as other:
            other.execute('SELECT weir.acknowledge_alert(%s, %s)', [alert, f'{number} {HOSTILE}'])

    def behind(name):
        with psycopg.connect(autocommit=True) as other:
            return other.execute('SELECT behind FROM weir.event_consumers WHERE consumer = %s', [name]).fetchone()[0]

    with weir.Client(poll=600) as client:
        check([event.event_id for event in client.events('late', timeout=0)] == [], 'a new consumer begins now')
        read = list(client.events('all', after_event=0, timeout=0, batch=2))
        check([event.event_id for event in read] == known and behind('all') == 0, 'or with all that is kept, in order')
        check(read[0].event == 'opened' and read[0].rule.endswith(HOSTILE) and read[0].occurred_at.tzinfo is not None and read[0].detail['query'], f'an event: {read[0]}')
        check(list(client.events('all', timeout=0)) == [], 'nothing twice')
        # Left in the body: that event comes again, those before do not.
        for event in client.events('broken', after_event=0, timeout=0):
            if event.event_id == known[1]:
                break
        check([event.event_id for event in client.events('broken', timeout=0)] == known[1:], 'at least once')

        # One that listens, is told, stays over a restart, and misses nothing of what happened while the server or itself was away.
        seen, wanted = [], threading.Semaphore(0)

        def listen():
            for event in client.events('listener'):
                seen.append(event.event_id)
                wanted.release()
                if event.event == 'resolved':
                    return

        position = connection.execute("SELECT weir.create_event_consumer('listener')").fetchone()[0]
        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        wait_for('it listens', lambda: connection.execute("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle' AND query LIKE '%read_events%'").fetchone()[0] >= 1)
        happens(1)
        check(wanted.acquire(timeout=SECONDS), 'a notification wakes it')
        wait_for('the event is confirmed once the body is done', lambda: behind('listener') == 0)
        for mode in ('fast', 'immediate'):
            LOG.lines.clear()
            server.do(f'stop -m {mode}')
            wait_for('it notices', lambda: any('the connection was lost' in line for line in LOG.lines))
            server.do('start')
            happens(mode)
            check(wanted.acquire(timeout=SECONDS), f'stop -m {mode}: what happened before it was back comes')
        connection = server.connect()
        happens('again')
        check(wanted.acquire(timeout=SECONDS), 'and what happens after')
        connection.execute('SELECT weir.resolve_alert(%s)', [alert])
        thread.join(SECONDS)
        happened = [row for row, in connection.execute('SELECT event_id FROM weir.alert_events WHERE event_id > %s ORDER BY event_id', [position])]
        check(sorted(set(seen)) == happened and seen == sorted(seen), f'nothing is missed: {seen}, {happened}')

        # Away for longer than events are kept.
        connection.execute("SELECT weir.create_event_consumer('away', 0)")
        connection.execute('DELETE FROM weir.alert_event WHERE event_id <= %s', [known[1]])
        connection.execute('UPDATE weir.alert_event_position SET expired_to = %s', [known[1]])
        error = raises(weir.EventsMissed, 'a gap is told', lambda: list(client.events('away', timeout=0)))
        check(error is not None and error.until == known[1], 'and up to where')
        check([event.event_id for event in client.events('away', timeout=0, on_missed='skip')] == known[2:] + happened, 'or skipped')
        check(client.confirm_events('away', happened[-1]) == happened[-1], 'a position')
        raises(ValueError, 'on_missed', lambda: list(client.events('away', on_missed='?')))
    # Without LISTEN.
    with weir.Client(pooler=True, poll=0.2) as client:
        other_alert, = connection.execute("SELECT min(alert_id) FROM weir.alerts WHERE state = 'open'").fetchone()
        position = connection.execute("SELECT weir.create_event_consumer('asks')").fetchone()[0]
        timer = threading.Timer(0.5, lambda: connection.execute('SELECT weir.resolve_alert(%s)', [other_alert]))
        timer.start()
        event = next(iter(client.events('asks')))
        timer.join()
        check((event.event_id, event.alert_id, event.event) == (position + 1, other_alert, 'resolved'), 'a client behind a pooler asks')
        connection.execute("SELECT weir.enqueue_job('fast')")
        with client.claim('fast') as job:
            pass
        check(state(connection, job.job_id)[0] == 'succeeded', 'jobs behind a pooler')
    raises(ValueError, 'a role behind a pooler', lambda: weir.Client(pooler=True, role='trainer'))
    raises(ValueError, 'poll', lambda: weir.Client(poll=0))
    return connection


# ---- frames ----

def same(series, expected):
    return all((pd.isna(a) and pd.isna(b)) if np.ndim(a) == 0 and (a is None or pd.isna(a) or b is None or pd.isna(b)) else a == b for a, b in zip(series.tolist(), expected, strict=True))


def frames(weir, connection):
    utc = datetime.timezone.utc
    column = 'a "b" %s {}'
    connection.execute("CREATE TYPE mood AS ENUM ('sad', 'glad')")
    connection.execute(psycopg.sql.SQL('''CREATE TABLE kinds (id int, {} int, big bigint, f float8, r real, n numeric, t text, b boolean, z timestamptz, p timestamp, d date, i interval,
        j jsonb, a int[], x bytea, m mood, u uuid)''').format(psycopg.sql.Identifier(column)))
    connection.execute("""INSERT INTO kinds VALUES
        (1, 1, 9007199254740993, 'NaN', 1.5, 1e-20, '', true, '2026-01-01 12:00+02', '2026-01-01', '2026-01-01', '1 month 2 days 3 s', '{"a": [1, null]}', '{1,NULL}', '\\x00ff', 'sad', NULL),
        (2, NULL, 1, '-Infinity', NULL, 'NaN', NULL, NULL, 'infinity', '-infinity', 'infinity', NULL, NULL, NULL, NULL, NULL, '00000000-0000-0000-0000-000000000001'),
        (3, -5, -1, 1e308, -0.0, 123456789.125, %s, false, '0001-01-01 00:00+00 BC', '99999-12-31', '20000-01-01', '-1 s', '3', '{}', '', 'glad', NULL)""", [HOSTILE])
    with weir.Client() as client:
        client.connection.execute("SET TimeZone = 'Asia/Kathmandu'")
        client.connection.execute("SET DateStyle = 'German'")
        f = client.frame('SELECT * FROM kinds ORDER BY id')
        types = {name: str(kind) for name, kind in f.dtypes.items()}
        check(types[column] == 'Int64' and types['big'] == 'int64' and types['f'] == types['r'] == types['n'] == 'float64' and types['b'] == 'boolean' and types['t'] == types['m'] == 'string' and
              types['z'] == 'datetime64[us, UTC]' and types['p'] == types['d'] == 'datetime64[us]' and types['i'] == 'timedelta64[us]', f'types: {types}')
        check(same(f[column], [1, None, -5]) and same(f['big'], [9007199254740993, 1, -1]) and same(f['f'], [None, -math.inf, 1e308]) and same(f['n'], [1e-20, None, 123456789.125]), 'numbers')
        check(same(f['t'], ['', None, HOSTILE]) and same(f['b'], [True, None, False]) and same(f['m'], ['sad', None, 'glad']), 'texts and booleans')
        check(f['z'][0] == datetime.datetime(2026, 1, 1, 10, tzinfo=utc) and pd.isna(f['z'][1]) and f['z'].dt.year[2] == 0 and f['p'].dt.year[2] == 99999 and pd.isna(f['p'][1]) and
              f['d'].dt.year[2] == 20000 and pd.isna(f['d'][1]), 'times')
        check(f['i'][0] == pd.Timedelta(days=32, seconds=3) and pd.isna(f['i'][1]) and f['i'][2] == pd.Timedelta(seconds=-1), 'intervals')
        check(f['j'][0] == {'a': [1, None]} and f['j'][1] is None and f['j'][2] == 3 and f['a'][0] == [1, None] and f['a'][2] == [] and f['x'][0] == b'\x00\xff', 'jsonb, arrays, bytes')
        empty = client.frame('SELECT * FROM kinds WHERE false')
        check(len(empty) == 0 and list(empty.columns) == list(f.columns) and str(empty['z'].dtype) == 'datetime64[us, UTC]', 'no rows, the same columns')
        check(len(client.frame('SELECT FROM kinds')) == 3 and client.frame('SELECT 1 AS x, %s::int AS x, \'%%\' AS y', [2]).values.tolist() == [[1, 2, '%']], 'no columns; one name twice')
        check(client.frame("SELECT '%s{}' AS x")['x'][0] == '%s{}', 'percent signs without parameters')
        large = client.frame('SELECT i, CASE WHEN i > 60000 THEN NULL ELSE i END AS j FROM generate_series(1, 120000) i')
        check(len(large) == 120000 and large['i'].sum() == 120000 * 120001 // 2 and large['j'].isna().sum() == 60000 and str(large['j'].dtype) == 'Int64', 'more rows than are fetched at a time')

        # Readings are what the SQL says.
        for name in ('windows', 'window_stats', 'scores', 'drift_scores', 'fairness_scores', 'performance_scores', 'quality_scores'):
            frame = getattr(client, name)('sales', since='2026-01-02', until=datetime.datetime(2026, 1, 4, tzinfo=utc))
            rows = connection.execute(f"SELECT count(*), min(window_start), max(window_end) FROM weir.{name}('sales', since => '2026-01-02', until => '2026-01-04 00:00+00')").fetchone()
            check(len(frame) == rows[0] and (rows[0] == 0 or (frame['window_start'].min(), frame['window_end'].max()) == rows[1:]), f'{name}: {len(frame)} rows')
        stats = client.window_stats('sales', window_size='2 days').query("column_name == 'price'")
        expected = [connection.execute('SELECT avg(price) FROM sales WHERE at >= %s AND at < %s', [row.window_start, row.window_end]).fetchone()[0] for row in stats.itertuples()]
        check(len(expected) >= 3 and np.allclose(stats['mean'], expected, rtol=1e-12, atol=0), f'statistics of other windows: {stats}')
        check(str(client.scores('sales')['value'].dtype) == 'float64' and len(client.scores('sales')) > 0, 'scores')
        check(len(client.alerts(monitor='sales')) == 3 and client.alerts(state='resolved')['opened_at'].is_monotonic_decreasing, 'alerts')
        check(len(client.view('rules', rule=f'above 105 {HOSTILE}')) == 1, 'a view')
        check(len(client.view('rules', column_name=None)) == 3 and client.view('data_versions', name='nothing').empty, 'NULL, and a column called name')
        raises(psycopg.errors.UndefinedTable, 'no such view', lambda: client.view('x; DROP TABLE kinds'))

        # Data versions: kept rows, and a query that runs again; whole, in splits, in pieces.
        query = 'SELECT * FROM kinds'
        kept = client.create_data_version(f'kept {HOSTILE}', query, validation='id = 3')
        again = client.create_data_version('again', 'SELECT id, t, z, a, n FROM kinds', validation='id = 3', materialize=False)
        one = client.create_data_version('one', 'kinds')
        train, validation = client.train_and_validation(kept)
        check(train['id'].tolist() == [1, 2] and validation['id'].tolist() == [3] and list(train.columns) == list(f.columns), 'splits')
        whole = client.data_version(kept).sort_values('id', ignore_index=True)
        check(all(same(whole[name], f[name].tolist()) for name in f.columns if name not in ('j', 'a', 'x')) and (whole.dtypes == f.dtypes).all(), 'the rows are those of the table')
        check(client.data_version(again, 'train')['a'].tolist() == [[1, None], None] and str(client.data_version(again)['z'].dtype) == 'datetime64[us, UTC]', 'a query that runs again')
        check(len(client.data_version(one, 'train')) == 3 and len(client.data_version(one, 'validation')) == 0, 'without validation all is for training')
        pieces = list(client.data_version_chunks(kept, rows=2))
        check([len(piece) for piece in pieces] == [2, 1] and pd.concat(pieces)['id'].sum() == 6, 'in pieces')
        raises(ValueError, 'no such split', lambda: client.data_version(kept, 'test'))
        raises(LookupError, 'no such version', lambda: client.data_version(99999))
        client.connection.execute('SELECT weir.drop_data_version(%s)', [kept])
        check('dropped' in str(raises(LookupError, 'dropped', lambda: client.data_version(kept))), 'and says so')
        client.connection.close()
        check(len(client.frame('SELECT 1 AS x')) == 1, 'a connection that was closed is made anew')


def main():
    signal.alarm(600)
    with tempfile.TemporaryDirectory() as directory:
        files = build(pathlib.Path(directory))
        package(*files)
        import weir
        server = Server('weir.job_retry_delay = 300ms')
        connection = server.connect()
        try:
            prepare_jobs(connection)
            jobs(weir, connection)
            fencing(weir, connection)
            cut_off(weir, connection)
            latin(weir, connection)
            connection = loop(weir, server, connection)
            connection = events(weir, server, connection)
            frames(weir, connection)
            pages(connection)
        finally:
            server.end()
    return finish()


if __name__ == '__main__':
    sys.exit(main())
