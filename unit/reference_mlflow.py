#!/usr/bin/env python3
"""The mirror of models, versions, metrics and aliases in MLflow (clients/python, weir-mlflow), in a real MLflow server on loopback: complete, repeatable, interrupted,
over names that MLflow does not take, beside what others keep there, and following by NOTIFY."""
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import psycopg
from psycopg.types.json import Jsonb

os.environ.update(MLFLOW_DISABLE_TELEMETRY='true', MLFLOW_SERVER_ENABLE_JOB_EXECUTION='false', MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT='true',
                  MLFLOW_HTTP_REQUEST_MAX_RETRIES='2', GIT_PYTHON_REFRESH='quiet')
from checks import check, finish
from client_package import build
from server import SECONDS, wait_for

HOSTILE = "a/b:c'%\" \\ \N{SNOWMAN}\u00e9"


class MLflow:
    """A server on loopback, with its files in a directory, that ends with the program."""

    def __init__(self, directory):
        for _ in range(5):
            # A port that is free; should another program take it meanwhile, another one.
            with socket.socket() as probe:
                probe.bind(('127.0.0.1', 0))
                port = probe.getsockname()[1]
            self.uri = f'http://127.0.0.1:{port}'
            with open(directory / 'mlflow.log', 'w', encoding='utf-8') as log:
                self.process = subprocess.Popen([sys.executable, '-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', str(port), '--workers', '1', '--backend-store-uri',
                                                 f'sqlite:///{directory}/mlflow.db', '--artifacts-destination', str(directory / 'artifacts')],
                                                cwd=directory, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
            end = time.monotonic() + 2 * SECONDS
            while self.process.poll() is None and time.monotonic() < end:
                with contextlib.suppress(OSError):
                    with urllib.request.urlopen(self.uri + '/health', timeout=5) as answer:
                        if answer.status == 200 and self.process.poll() is None:
                            return
                time.sleep(0.2)
            self.end()
        raise SystemExit('MLflow did not start: ' + (directory / 'mlflow.log').read_text(encoding='utf-8')[-2000:])

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def prepare(connection):
    connection.execute('CREATE TABLE loans AS SELECT i AS id, i * 1.5 AS income FROM generate_series(1, 100) i')
    data, = connection.execute("SELECT weir.create_data_version('loans', 'loans')").fetchone()
    connection.execute("SELECT weir.create_model('credit', purpose => 'small loans', risk => 'high'), weir.create_model(%s)", [HOSTILE])
    connection.execute("SELECT weir.create_trainer('gpu', 'credit', config => %s)", [Jsonb({'C': 0.5, 'layers': {'first': 3}, HOSTILE: HOSTILE})])
    job, = connection.execute("SELECT weir.enqueue_job('gpu')").fetchone()
    connection.execute("SELECT weir.create_model_version('credit', artifact => 'one', metrics => %s, data_version => %s, job_id => %s, code_version => 'v1', note => %s)",
                       [Jsonb({'auc': 0.75, 'n': 12345678901, 'ok': True, 'group': {'F': 0.5, 'M': 1e-300}, 'words': 'none', 'list': [1], HOSTILE: 3, '': 4, '..': 5}), data, job, HOSTILE])
    connection.execute("SELECT weir.create_model_version('credit', artifact_uri => 's3://models/credit/2', artifact_hash => repeat('ab', 32), metrics => '{\"auc\": 0.8}')")
    connection.execute("SELECT weir.create_model_version('credit', artifact_uri => '/etc/passwd')")
    connection.execute("SELECT weir.create_model_version(%s, artifact => 'x')", [HOSTILE])
    for version, alias in ((1, 'champion'), (2, 'challenger'), (1, 'latest'), (2, 'V7'), (1, 'l\u00e4nder: DE')):
        connection.execute("SELECT weir.promote_model('credit', %s, alias => %s)", [version, alias])
    return data, job


def whole(mlflow, mirror, connection, data, job):
    begin = time.perf_counter()
    changes = mirror.sync()
    first = time.perf_counter() - begin
    check((changes.models, changes.versions, changes.aliases_set, changes.aliases_deleted, changes.conflicts) == (2, 4, 5, 0, []), f'the first sync: {changes}')
    registered = mlflow.get_registered_model('credit')
    check(registered.description == 'small loans' and registered.tags['weir.risk'] == 'high' and registered.tags['weir.model'] == 'credit', f'a model: {registered}')
    check(registered.aliases == {'champion': 1, 'challenger': 2, 'weir-latest': 1, 'weir-V7': 2, 'l\u00e4nder-x3a--x20-DE': 1} or
          registered.aliases == {'champion': '1', 'challenger': '2', 'weir-latest': '1', 'weir-V7': '2', 'l\u00e4nder-x3a--x20-DE': '1'}, f'aliases: {registered.aliases}')
    one, two, three = (mlflow.get_model_version('credit', str(number)) for number in (1, 2, 3))
    fingerprint, = connection.execute('SELECT content_hash FROM weir.data_versions WHERE data_version = %s', [data]).fetchone()
    digest, = connection.execute("SELECT encode(sha256('one'), 'hex')").fetchone()
    wanted = {'weir.version': '1', 'weir.data_version': str(data), 'weir.data_fingerprint': fingerprint, 'weir.code_version': 'v1', 'weir.state': 'live', 'weir.job_id': str(job),
              'weir.trainer': 'gpu', 'weir.artifact_hash': digest, 'weir.created_by': connection.info.user}
    check(all(one.tags.get(key) == value for key, value in wanted.items()) and one.description == HOSTILE and one.source.startswith('weir://'), f'a version: {one}')
    check(json.loads(one.tags['weir.aliases']) == ['champion', 'latest', 'l\u00e4nder: DE'] and json.loads(one.tags['weir.metrics'])['list'] == [1], 'all of its metrics and aliases')
    check(two.source == 's3://models/credit/2' and three.source.startswith('weir://') and three.tags['weir.artifact_uri'] == '/etc/passwd', f'where artefacts are: {two.source}, {three.source}')
    run = mlflow.get_run(one.run_id)
    check(run.data.metrics == {'auc': 0.75, 'n': 12345678901.0, 'ok': 1.0, 'group.F': 0.5, 'group.M': 1e-300, 'a_b_c___ _ _\u00e9': 3.0, '_': 4.0, '_..': 5.0},
          f'its metrics: {run.data.metrics}')
    check(run.data.params['C'] == '0.5' and run.data.params['layers.first'] == '3' and HOSTILE in run.data.params.values() and run.info.status == 'FINISHED', f'its parameters: {run.data.params}')
    name = "a%2Fb%3Ac%27%25%22 %5C %E2%98%83\u00e9"
    other = mlflow.get_registered_model(name)
    check(other.tags['weir.model'] == HOSTILE and mlflow.get_model_version(name, '1').tags['weir.model'] == HOSTILE, 'a name that MLflow does not take')
    begin = time.perf_counter()
    again = mirror.sync()
    second = time.perf_counter() - begin
    print(f"# figure: MLflow {importlib.metadata.version('mlflow-skinny')}: {changes.versions} versions of {changes.models} models with {changes.aliases_set} aliases mirrored; "
          f'a sync with nothing new takes {second / first:.2f} of the time', flush=True)
    check(not again, f'a second sync changes nothing: {again}')
    return runs(mlflow)


def runs(mlflow):
    return {experiment.name: len(mlflow.search_runs([experiment.experiment_id])) for experiment in mlflow.search_experiments() if experiment.name.startswith('weir/')}


def moves(mlflow, mirror, connection):
    connection.execute("SELECT weir.promote_model('credit', 2)")
    changes = mirror.sync(['credit'])
    check((changes.aliases_set, changes.versions) == (1, 0) and str(mlflow.get_model_version_by_alias('credit', 'champion').version) == '2', f'an alias moves: {changes}')
    check(json.loads(mlflow.get_model_version('credit', '2').tags['weir.aliases']) == ['V7', 'challenger', 'champion'], 'and stands in the tags')
    connection.execute("SELECT weir.roll_back_model('credit', 'complaints')")
    mirror.sync()
    check(str(mlflow.get_model_version_by_alias('credit', 'champion').version) == '1', 'and goes back')


def interrupted(mlflow, mirror, connection):
    from mlflow.exceptions import INVALID_PARAMETER_VALUE, MlflowException
    connection.execute("SELECT weir.create_model_version('credit', metrics => '{\"auc\": 0.9}')")
    create = mirror._mlflow.create_model_version

    def dies(*arguments, **named):
        raise RuntimeError('killed')

    mirror._mlflow.create_model_version = dies
    with contextlib.suppress(RuntimeError):
        mirror.sync()
        check(False, 'it is interrupted')

    def refuses(*arguments, **named):
        raise MlflowException('not here', error_code=INVALID_PARAMETER_VALUE)

    mirror._mlflow.create_model_version = refuses
    changes = mirror.sync()
    check(changes.versions == 0 and len(changes.conflicts) == 1 and 'not here' in changes.conflicts[0], f'what MLflow refuses is told: {changes}')
    mirror._mlflow.create_model_version = create
    changes = mirror.sync()
    check(changes.versions == 1 and runs(mlflow)['weir/credit'] == 4 and mlflow.get_model_version('credit', '4').tags['weir.version'] == '4', f'an interrupted sync is completed: {changes}')
    history = mlflow.get_metric_history(mlflow.get_model_version('credit', '4').run_id, 'auc')
    check([metric.value for metric in history] == [0.9], f'metrics count once: {history}')
    mlflow.delete_model_version('credit', '3')
    changes = mirror.sync()
    check(changes.versions == 1 and mlflow.get_model_version('credit', '5').tags['weir.version'] == '3', 'what was deleted in MLflow comes back, under the next number of MLflow')


def beside_others(mlflow, mirror, connection):
    # What others keep there stays as it is.
    mlflow.create_registered_model('taken', tags={'mine': 'yes'})
    mlflow.create_model_version('credit', 's3://elsewhere/model', tags={'mine': 'yes'})
    mlflow.set_registered_model_alias('credit', 'mine', '6')
    connection.execute("SELECT weir.create_model('taken')")
    connection.execute("SELECT weir.create_model_version('taken')")
    changes = mirror.sync()
    check(len(changes.conflicts) == 1 and 'taken' in changes.conflicts[0] and mlflow.get_registered_model('taken').tags == {'mine': 'yes'}, f'a name that is taken: {changes}')
    # What weir has no more: an alias is deleted, other things are marked.
    connection.execute("DELETE FROM weir.model_alias WHERE alias IN ('latest', 'challenger')")
    connection.execute("DELETE FROM weir.model_version WHERE version = 4")
    connection.execute("DELETE FROM weir.model_version v USING weir.model m WHERE m.model_id = v.model_id AND m.name = %s", [HOSTILE])
    connection.execute('SELECT weir.drop_model(%s)', [HOSTILE])
    mlflow.set_registered_model_alias('credit', 'challenger', '6')
    changes = mirror.sync()
    aliases = mlflow.get_registered_model('credit').aliases
    check(changes.aliases_deleted == 1 and set(aliases) == {'champion', 'challenger', 'weir-V7', 'l\u00e4nder-x3a--x20-DE', 'mine'} and str(aliases['challenger']) == '6',
          f'aliases go, but not what others made of them: {changes}, {aliases}')
    check(mlflow.get_model_version('credit', '4').tags['weir.state'] == 'gone' and mlflow.get_model_version('credit', '6').tags == {'mine': 'yes'}, 'versions are marked')
    check([registered.tags['weir.state'] for registered in mlflow.search_registered_models() if registered.tags.get('weir.model') == HOSTILE] == ['gone'], 'so are models')
    check(len(mirror.sync().conflicts) == 1 and mirror.sync(['credit']).tags == 0, 'and then nothing more')


def artifacts(weir, mlflow, uri, directory):
    with weir.Client() as client, contextlib.closing(weir.mirror.Mirror(client, uri, prefix='files.', artifacts=True)) as mirror:
        changes = mirror.sync(['credit'])
        check(changes.models == 1 and changes.versions == 3, f'another mirror with a prefix: {changes}')
        one = mlflow.get_model_version('files.credit', '1')
        path = mlflow.download_artifacts(one.run_id, 'weir/artifact', str(directory))
        check(pathlib.Path(path).read_bytes() == b'one' and one.source.startswith('mlflow-artifacts:'), f'artefacts: {one.source}')
        check(not mirror.sync(['credit']), 'once')


def command(mlflow, uri, connection, directory):
    arguments = [sys.executable, '-m', 'weir.mirror', 'sync', '--tracking-uri', uri]
    done = subprocess.run([*arguments, '--model', 'credit'], cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check(done.returncode == 0 and done.stdout.startswith('0 models, 0 versions'), f'the command: {done.stdout} {done.stderr}')
    done = subprocess.run(arguments, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check(done.returncode == 1 and "'taken'" in done.stderr, f'it tells of a conflict: {done.stdout} {done.stderr}')

    done = subprocess.run([*arguments, '--dsn', 'host=/nowhere'], cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check(done.returncode == 2 and done.stderr.startswith('weir-mlflow: ') and 'Traceback' not in done.stderr, f'and of a database that is not there: {done.stderr}')

    def shown(number):
        return any(found.tags.get('weir.version') == str(number) for found in mlflow.search_model_versions("name='credit'"))

    def champion():
        return mlflow.get_model_version_by_alias('credit', 'champion').tags['weir.version']

    with open(directory / 'follow.log', 'w', encoding='utf-8') as log:
        # No look at everything within the test: what comes was told.
        follower = subprocess.Popen([*arguments, '--follow', '--interval', '100000'], cwd=directory, stdout=log, stderr=log)
    try:
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'weir client' AND datname = current_database() AND state = 'idle' AND query LIKE '%unlock%'"
        wait_for('it listens', lambda: connection.execute(query).fetchone())
        number, = connection.execute("SELECT weir.create_model_version('credit', metrics => '{\"auc\": 0.95}')").fetchone()
        wait_for('a new version comes', lambda: shown(number))
        connection.execute("SELECT weir.promote_model('credit', %s)", [number])
        wait_for('a promotion comes', lambda: champion() == str(number))
        wait_for('it listens again', lambda: connection.execute(query).fetchone())
        connection.execute(f'SELECT pg_terminate_backend(pid) FROM ({query}) q')
        connection.execute("SELECT weir.roll_back_model('credit', 'no good')")
        wait_for('what happened while the connection was lost comes', lambda: champion() == '1')
        check(follower.poll() is None, 'it goes on')
        follower.terminate()
    finally:
        if follower.poll() is None:
            follower.kill()
        follower.wait()


def main():
    if importlib.util.find_spec('mlflow') is None:
        print('1..0 # SKIP MLflow is not installed')
        return 0
    # However it ends, MLflow's processes end with it.
    signal.signal(signal.SIGALRM, lambda *_: sys.exit('it takes too long'))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))
    signal.alarm(800)
    with tempfile.TemporaryDirectory() as name, psycopg.connect(autocommit=True) as connection:
        directory = pathlib.Path(name)
        build(directory)
        server = MLflow(directory)
        try:
            import weir
            import weir.mirror
            from mlflow import MlflowClient
            mlflow = MlflowClient(server.uri)
            data, job = prepare(connection)
            with weir.Client() as client, contextlib.closing(weir.mirror.Mirror(client, server.uri)) as mirror:
                counted = whole(mlflow, mirror, connection, data, job)
                moves(mlflow, mirror, connection)
                check(runs(mlflow) == counted, 'no run twice')
                interrupted(mlflow, mirror, connection)
                beside_others(mlflow, mirror, connection)
            artifacts(weir, mlflow, server.uri, directory)
            command(mlflow, server.uri, connection, directory)
        finally:
            server.end()
    return finish()


if __name__ == '__main__':
    sys.exit(main())
