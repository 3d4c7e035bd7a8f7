"""An external trainer in Python, as docs/jobs.md shows it, against a real server: scikit-learn on a data version, heartbeats, an artefact.

One worker is killed half-way (kill -9): its lease passes, another one finishes, and what the first would still report is refused. Connects to the
server that PGHOST, PGPORT, PGUSER and PGDATABASE name; what it creates is dropped at the end. Prints "N passed, N failed".
"""
import hashlib
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import psycopg
from psycopg.types.json import Jsonb
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

passed = failed = 0


def check(good, what):
    global passed, failed
    passed += bool(good)
    failed += not good
    if not good:
        print('not ok -', what)


# ---- the trainer: one job, then it ends ----

def rows_of(connection, data_version, split):
    rows = [row for row, in connection.execute('SELECT weir.data_version_rows(%s, %s)', (data_version, split))]
    return np.array([[row['income'], row['amount']] for row in rows]), np.array([row['repaid'] for row in rows])


def work(name, stop_half_way):
    with psycopg.connect(autocommit=True) as connection:
        connection.execute('SET ROLE weir_reference_trainer')
        # The one that is killed has a short lease: the test waits for its end.
        lease = '10 s' if stop_half_way else '10 min'
        job = connection.execute("SELECT job_id, token, config FROM weir.claim_job('{reference_gpu}', lease => %s, worker => %s)", (lease, name)).fetchone()
        if job is None:
            return 3
        job_id, token, config = job
        print(f'{job_id} {token}', flush=True)

        def beat(progress, message):
            return connection.execute("SELECT weir.heartbeat(%s, %s, %s, %s, lease => %s)", (job_id, token, progress, message, lease)).fetchone()[0]

        x, y = rows_of(connection, config['data_version'], 'train')
        if not beat(0.4, f'{len(y)} rows read'):
            return 4
        if stop_half_way:
            print('half-way', flush=True)
            time.sleep(600)
        model = LogisticRegression(C=config['C']).fit(x, y)
        if not beat(0.8, 'trained'):
            return 4
        x, y = rows_of(connection, config['data_version'], 'validation')
        area = roc_auc_score(y, model.predict_proba(x)[:, 1])
        with connection.transaction():
            connection.execute("SELECT weir.create_model_version('reference external', artifact => %s, metrics => %s, data_version => %s, job_id => %s, code_version => 'v1')",
                               (pickle.dumps(model), Jsonb({'roc_auc': area}), config['data_version'], job_id))
            if not connection.execute('SELECT weir.complete_job(%s, %s, %s)', (job_id, token, Jsonb({'rows': len(y)}))).fetchone()[0]:
                raise RuntimeError('the lease was lost')
    return 0


def start(name, *arguments):
    return subprocess.Popen([sys.executable, __file__, 'work', name, *arguments], stdout=subprocess.PIPE, text=True)


# ---- the test ----

def test(connection):
    connection.execute('CREATE ROLE weir_reference_trainer')
    connection.execute('CREATE SCHEMA reference_external AUTHORIZATION weir_reference_trainer')
    connection.execute('SET ROLE weir_reference_trainer')
    connection.execute('SET search_path = reference_external')
    connection.execute('CREATE TABLE loans AS SELECT i AS id, (i * 7919 %% 1000) / 1000.0 AS income, (i * 104729 %% 500) / 500.0 AS amount, '
                       '((i * 7919 %% 1000) / 1000.0 > (i * 104729 %% 500) / 500.0 + (i * 31 %% 100) / 200.0 - 0.25)::int AS repaid FROM generate_series(1, 3000) i'.replace('%%', '%'))
    connection.execute("SELECT weir.create_model('reference external')")
    connection.execute("SELECT weir.create_trainer('reference_gpu', 'reference external', config => '{\"C\": 10.0}', max_attempts => 3)")
    data = connection.execute("SELECT weir.create_data_version('loans', 'loans', validation => 'id > 2500')").fetchone()[0]
    job_id = connection.execute("SELECT weir.enqueue_job('reference_gpu', %s)", (Jsonb({'data_version': data}),)).fetchone()[0]

    # half-way, then kill -9
    first = start('first', 'stop')
    claimed, token = map(int, first.stdout.readline().split())
    check(claimed == job_id and first.stdout.readline().strip() == 'half-way', 'a worker claims the job and trains')
    state = connection.execute('SELECT state, claimed_by, progress, message FROM weir.jobs WHERE job_id = %s', (job_id,)).fetchone()
    check(state == ('running', 'first', 0.4, '2500 rows read'), f'what it reports is seen: {state}')
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    check(first.returncode == -signal.SIGKILL, 'it is killed')

    # nobody gets it before the lease passes, and somebody does then
    deadline = time.monotonic() + 120
    while True:
        second = start('second')
        output = second.communicate()[0]
        if second.returncode != 3 or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    check(second.returncode == 0, f'another worker finishes ({second.returncode})')
    claimed, newer = map(int, output.split()[:2])
    check(claimed == job_id and newer > token, 'the same job, with a newer token')
    state = connection.execute('SELECT state, attempt, claimed_by, progress, result FROM weir.jobs WHERE job_id = %s', (job_id,)).fetchone()
    check(state == ('succeeded', 2, 'second', 1.0, {'rows': 500}), f'the job: {state}')
    log = connection.execute('SELECT attempt, state, worker, output, error FROM weir.job_log WHERE job_id = %s ORDER BY attempt', (job_id,)).fetchall()
    check([row[:3] for row in log] == [(1, 'failed', 'first'), (2, 'succeeded', 'second')], f'both attempts are in the log: {log}')
    check('lease' in log[0][4] and log[0][3] == '2500 rows read' and log[1][3] == '2500 rows read\ntrained', f'with what they said: {log}')

    # the late one is fenced off
    connection.add_notice_handler(lambda notice: None)
    for call in ("weir.heartbeat(%s, %s)", "weir.complete_job(%s, %s, '{\"late\": true}')", "weir.fail_job(%s, %s, 'late')"):
        check(connection.execute('SELECT ' + call, (job_id, token)).fetchone()[0] is False, f'refused: {call}')
    check(connection.execute('SELECT state, result FROM weir.jobs WHERE job_id = %s', (job_id,)).fetchone() == ('succeeded', {'rows': 500}), 'nothing changed')

    # the artefact is the model, and the model can be trained again from its record
    version, config, version_data, artefact_hash, metrics = connection.execute(
        "SELECT version, config, data_version, artifact_hash, metrics FROM weir.model_versions WHERE model = 'reference external'").fetchone()
    artefact = connection.execute("SELECT weir.model_artifact('reference external', %s)", (version,)).fetchone()[0]
    model = pickle.loads(artefact)
    check(hashlib.sha256(artefact).hexdigest() == artefact_hash, 'the hash is that of the artefact')
    check(version_data == data and config == {'C': 10.0, 'data_version': data}, 'the record has data version and configuration')
    x, y = rows_of(connection, data, 'validation')
    check(abs(roc_auc_score(y, model.predict_proba(x)[:, 1]) - metrics['roc_auc']) < 1e-12 and metrics['roc_auc'] > 0.8, f'its metric: {metrics}')
    connection.execute('UPDATE loans SET income = 0')
    again = LogisticRegression(C=config['C']).fit(*rows_of(connection, version_data, 'train'))
    check(hashlib.sha256(pickle.dumps(again)).hexdigest() == artefact_hash, 'trained again from its record it is the same to the byte')


def clean(connection):
    connection.execute('RESET ROLE')
    connection.execute('DROP SCHEMA IF EXISTS reference_external CASCADE')
    connection.execute("DELETE FROM weir.job WHERE trainer = 'reference_gpu'")
    connection.execute("DELETE FROM weir.trainer WHERE name = 'reference_gpu'")
    connection.execute("DELETE FROM weir.model_version WHERE model_id IN (SELECT model_id FROM weir.model WHERE name = 'reference external')")
    connection.execute("DELETE FROM weir.model WHERE name = 'reference external'")
    connection.execute("DELETE FROM weir.data_version WHERE owner::text = 'weir_reference_trainer'")
    connection.execute('DROP ROLE IF EXISTS weir_reference_trainer')


if len(sys.argv) > 1 and sys.argv[1] == 'work':
    sys.exit(work(sys.argv[2], len(sys.argv) > 3))
with psycopg.connect(autocommit=True) as connection:
    connection.execute('CREATE EXTENSION IF NOT EXISTS weir')
    clean(connection)
    try:
        test(connection)
    finally:
        clean(connection)
print(f'{passed} passed, {failed} failed')
sys.exit(failed > 0)
