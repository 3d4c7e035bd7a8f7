"""A mirror of models, versions, metrics and aliases in MLflow: weir decides, MLflow shows.

What was mirrored is known by tags in MLflow alone (weir.source, weir.model, weir.version), so that a sync may be repeated, interrupted and done by
another machine. Nothing that others made is changed; nothing is deleted but aliases that the mirror set.
"""
from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import pathlib
import re
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from .client import Client
from .models import VERSION_COLUMNS, ModelVersion
from .session import Connection, Session, log, value

STORES = ('abfs', 'abfss', 'gs', 'hdfs', 's3', 'wasb', 'wasbs')     # where MLflow may look for an artefact
PAGE = 1000
LONGEST_NAME, LONGEST_PARAMETER, LONGEST_TAG = 250, 6000, 5000      # characters, as MLflow's stores have it
LOCK = 'weir mirror'
REFUSALS = ('BAD_REQUEST', 'INVALID_PARAMETER_VALUE', 'INVALID_STATE', 'PERMISSION_DENIED', 'RESOURCE_ALREADY_EXISTS', 'RESOURCE_CONFLICT', 'RESOURCE_DOES_NOT_EXIST',
            'RESOURCE_LIMIT_EXCEEDED')


@dataclass
class Changes:
    """What a sync has changed in MLflow."""

    models: int = 0
    versions: int = 0
    metrics: int = 0
    aliases_set: int = 0
    aliases_deleted: int = 0
    tags: int = 0
    conflicts: list[str] = field(default_factory=list)
    """Models that were left out, and why."""

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def __str__(self) -> str:
        return ', '.join(f'{number} {what.replace("_", " ")}' for what, number in vars(self).items() if isinstance(number, int))


class Conflict(Exception):
    """Somebody else has the name in MLflow."""


def model_name(model: str) -> str:
    """The name in MLflow, one for each: letters, digits and ' _.-' stay, other characters are percent-encoded."""
    name = re.sub(r'[^\w .\-]', lambda match: urllib.parse.quote(match[0], safe=''), model)
    if set(name) == {'.'} or name != name.strip(' '):
        name = ''.join(f'%{ord(letter):02X}' if letter in ' .' else letter for letter in name)
    return name


def alias_name(alias: str) -> str:
    """The alias in MLflow, where letters, digits, '_' and '-' are allowed, and 'latest' and 'v1' are not."""
    name = re.sub(r'[^\w\-]', lambda match: f'-x{ord(match[0]):x}-', alias)
    return f'weir-{name}' if name.lower() == 'latest' or re.fullmatch(r'[vV]\d+', name) else name


def key_name(name: str) -> str:
    """The name of a metric or parameter."""
    name = re.sub(r'[^\w .\-]', '_', name)[:LONGEST_NAME]
    return name if name.strip('. ') else f'_{name}'


def flat(value: Any, name: str = '') -> Iterator[tuple[str, Any]]:
    """Members of members as a.b."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from flat(member, f'{name}.{key}' if name else key)
    else:
        yield name, value


def numbers(metrics: dict[str, Any]) -> dict[str, float]:
    """The metrics that are numbers; of two that MLflow would give one name, the first."""
    found: dict[str, float] = {}
    for name, metric in flat(metrics):
        if isinstance(metric, (bool, int, float)):
            with contextlib.suppress(OverflowError):
                found.setdefault(key_name(name), float(metric))
    return found


def _millis(moment: Any) -> int:
    return max(int(moment.timestamp() * 1000), 0)


class Mirror:
    """Keeps an MLflow server like weir in one database.

    source: what this database is called in tags, by default its cluster's number and its name; what another source has mirrored is left alone. prefix:
    before every name in MLflow. artifacts: artefacts that are stored in the database are uploaded, too.
    """

    def __init__(self, client: Client, tracking_uri: str, registry_uri: str | None = None, *, source: str | None = None, prefix: str = '', artifacts: bool = False) -> None:
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ImportError as error:
            raise ImportError("the mirror needs MLflow: pip install 'weir-client[mlflow]'") from error
        self._mlflow: Any = MlflowClient(tracking_uri, registry_uri)
        self._error: Any = MlflowException
        self._client = client
        self._session = Session(client.settings)
        self._source = source if source is not None else self._session.run(
            lambda connection: value(connection, "SELECT system_identifier || '/' || current_database() FROM pg_control_system()"))
        self._target = registry_uri or tracking_uri
        self._prefix = prefix
        self._artifacts = artifacts

    def close(self) -> None:
        """Ends its connection."""
        self._session.close()

    def sync(self, models: Collection[str] | None = None) -> Changes:
        """Brings MLflow level with weir, all models that the role sees or those named, and says what changed."""
        with self._alone():
            return self._sync(models)

    def follow(self, models: Collection[str] | None = None, interval: float = 300) -> Iterator[Changes]:
        """Syncs now, whenever a model changes (NOTIFY weir_models), and every interval seconds; yields what changed. Does not end by itself.

        While MLflow or the database is away, it is tried again, later each time.
        """
        self._session.listen('weir_models')
        wanted = None if models is None else set(models)
        todo: set[str] | None = wanted      # None: all
        last_whole, made, delay = 0.0, -1, 1.0
        while True:
            try:
                # One that was lost is made anew, and then everything looked at: what happened meanwhile was not told.
                self._session.run(lambda connection: connection.info, None)
                if self._session.made != made or time.monotonic() - last_whole >= interval:
                    made, todo, last_whole = self._session.made, wanted, time.monotonic()
                if todo is None or todo:
                    yield self.sync(todo)
                todo, delay = set(), 1.0
            except (psycopg.OperationalError, self._error, OSError) as error:
                log.warning('not mirrored, tried again in %.0f s: %s', delay, str(error).strip())
                made = -1
                time.sleep(delay)
                delay = min(delay * 2, 60)
                continue
            left = last_whole + interval - time.monotonic()
            for payload in self._session.wait(left):
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    todo.add(json.loads(payload)['model'])
            if wanted is not None:
                todo &= wanted

    # ---- what weir has ----

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two mirrors of one database into one server take turns; a pooler keeps no lock for a session, so there one must do with one."""
        key = f'{LOCK} {self._target}'
        if self._session.settings.pooler:
            yield
            return
        self._session.run(lambda connection: value(connection, 'SELECT pg_advisory_lock(hashtextextended(%s::text, 0))', key), 30)
        try:
            yield
        finally:
            with contextlib.suppress(psycopg.Error):
                self._session.run(lambda connection: value(connection, 'SELECT pg_advisory_unlock(hashtextextended(%s::text, 0))', key))

    def _read(self, connection: Connection, names: list[str] | None) -> tuple[list[dict[str, Any]], dict[str, list[ModelVersion]], dict[int, str]]:
        with connection.transaction():
            connection.execute('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY')
            with connection.cursor(row_factory=dict_row) as cursor:
                models = cursor.execute('SELECT model, purpose, risk, owner::text AS owner FROM weir.models WHERE %s::text[] IS NULL OR model = ANY (%s) ORDER BY model',
                                        [names, names]).fetchall()
            with connection.cursor(row_factory=class_row(ModelVersion)) as cursor2:
                rows = cursor2.execute(f'SELECT {VERSION_COLUMNS} FROM weir.model_versions WHERE %s::text[] IS NULL OR model = ANY (%s) ORDER BY model, version',
                                       [names, names]).fetchall()
            hashes: dict[int, str] = dict(connection.execute('SELECT data_version, content_hash FROM weir.data_versions WHERE data_version = ANY (%s)',
                                             [[row.data_version for row in rows if row.data_version is not None]]).fetchall())
        versions: dict[str, list[ModelVersion]] = {model['model']: [] for model in models}
        for row in rows:
            versions.setdefault(row.model, []).append(row)
        return models, versions, hashes

    def _sync(self, names: Collection[str] | None) -> Changes:
        changes = Changes()
        models, versions, hashes = self._session.run(lambda connection: self._read(connection, None if names is None else list(names)), 30)
        for model in models:
            try:
                self._sync_model(model, versions[model['model']], hashes, changes)
            except Conflict as conflict:
                changes.conflicts.append(str(conflict))
                log.warning('%s', conflict)
            except self._error as error:
                # What MLflow refuses of one model is no reason to leave out others; that it is not there, is.
                if error.error_code not in REFUSALS:
                    raise
                changes.conflicts.append(f'model {model["model"]!r} is left out: {error}')
                log.warning('%s', changes.conflicts[-1])
        self._mark_gone({model['model'] for model in models}, names, changes)
        return changes

    # ---- what MLflow shows ----

    def _name(self, model: str) -> str:
        return model_name(self._prefix + model)

    def _registered(self, name: str) -> Any:
        try:
            return self._mlflow.get_registered_model(name)
        except self._error as error:
            if error.error_code == 'RESOURCE_DOES_NOT_EXIST':
                return None
            raise

    def _sync_model(self, model: dict[str, Any], versions: list[ModelVersion], hashes: dict[int, str], changes: Changes) -> None:
        name = self._name(model['model'])
        identity = {'weir.source': self._source, 'weir.model': model['model']}
        tags = {**identity, 'weir.risk': model['risk'], 'weir.owner': model['owner'], 'weir.state': 'there'}
        purpose = (model['purpose'] or '')[:LONGEST_TAG]
        registered = self._registered(name)
        if registered is None:
            registered = self._mlflow.create_registered_model(name, tags=tags, description=purpose)
            changes.models += 1
        elif any(registered.tags.get(key) != wanted for key, wanted in identity.items()):
            raise Conflict(f'model {model["model"]!r} is left out: MLflow has a registered model {name!r} that was not made from it '
                           f'(its tags say {registered.tags.get("weir.model")!r} of {registered.tags.get("weir.source")!r}); give a prefix')
        else:
            for key, wanted in tags.items():
                if registered.tags.get(key) != wanted:
                    self._mlflow.set_registered_model_tag(name, key, wanted)
                    changes.tags += 1
            if (registered.description or '') != purpose:
                self._mlflow.update_registered_model(name, purpose)
        there = self._versions_there(name)
        experiment = None
        for version in versions:
            state = {'weir.state': version.state, 'weir.aliases': json.dumps(sorted(version.aliases), ensure_ascii=False)}
            if version.version in there:
                found = there[version.version]
                for key, wanted in state.items():
                    if found.tags.get(key) != wanted:
                        self._mlflow.set_model_version_tag(name, found.version, key, wanted)
                        changes.tags += 1
            else:
                experiment = experiment or self._experiment(name, identity)
                there[version.version] = self._create_version(name, version, {**identity, **state}, hashes, experiment, changes)
        for number in set(there) - {version.version for version in versions}:
            if there[number].tags.get('weir.state') != 'gone':
                self._mlflow.set_model_version_tag(name, there[number].version, 'weir.state', 'gone')
                changes.tags += 1
        self._sync_aliases(name, registered, versions, there, changes)

    def _versions_there(self, name: str) -> dict[int, Any]:
        """By weir's number; of two with the same one, the older."""
        there: dict[int, Any] = {}
        token = None
        while True:
            page = self._mlflow.search_model_versions(f"name='{name}'", max_results=PAGE, page_token=token)
            for found in page:
                number = found.tags.get('weir.version', '')
                if number.isdigit() and found.tags.get('weir.source') == self._source:
                    other = there.get(int(number))
                    if other is None or int(found.version) < int(other.version):
                        there[int(number)] = found
            token = page.token
            if not token:
                return there

    def _experiment(self, name: str, identity: dict[str, str]) -> str:
        experiment = self._mlflow.get_experiment_by_name(f'weir/{name}')
        if experiment is None:
            return str(self._mlflow.create_experiment(f'weir/{name}', tags=identity))
        if any(experiment.tags.get(key) != wanted for key, wanted in identity.items()):
            raise Conflict(f'model {identity["weir.model"]!r} is left out: MLflow has an experiment weir/{name} that was not made from it; give a prefix')
        if experiment.lifecycle_stage == 'deleted':
            self._mlflow.restore_experiment(experiment.experiment_id)
        return str(experiment.experiment_id)

    def _create_version(self, name: str, version: ModelVersion, tags: dict[str, str], hashes: dict[int, str], experiment: str, changes: Changes) -> Any:
        facts = {'weir.version': version.version, 'weir.data_version': version.data_version, 'weir.data_fingerprint': hashes.get(version.data_version or 0),
                 'weir.code_version': version.code_version, 'weir.artifact_hash': version.artifact_hash, 'weir.artifact_uri': version.artifact_uri,
                 'weir.job_id': version.job_id, 'weir.trainer': version.trainer, 'weir.created_by': version.created_by,
                 'weir.created_at': version.created_at.isoformat(), 'weir.metrics': json.dumps(version.metrics, ensure_ascii=False)}
        tags = tags | {key: str(fact)[:LONGEST_TAG] for key, fact in facts.items() if fact is not None}
        run = self._run(name, version, tags, experiment, changes)
        source = f'weir://{urllib.parse.quote(self._source)}/{urllib.parse.quote(version.model, safe="")}/{version.version}'
        if version.artifact_uri is not None and urllib.parse.urlsplit(version.artifact_uri).scheme in STORES:
            source = version.artifact_uri
        elif self._artifacts and version.artifact_uri is None and version.artifact_hash is not None:
            source = self._upload(version, run) or source
        try:
            made = self._mlflow.create_model_version(name, source, run.info.run_id, tags=tags, description=(version.note or '')[:LONGEST_TAG], await_creation_for=0)
        except self._error as error:
            # A place that this server does not allow; where the artefact is stands in a tag.
            if error.error_code != 'INVALID_PARAMETER_VALUE' or source.startswith('weir:'):
                raise
            source = f'weir://{urllib.parse.quote(self._source)}/{urllib.parse.quote(version.model, safe="")}/{version.version}'
            made = self._mlflow.create_model_version(name, source, run.info.run_id, tags=tags, description=(version.note or '')[:LONGEST_TAG], await_creation_for=0)
        changes.versions += 1
        return made

    def _run(self, name: str, version: ModelVersion, tags: dict[str, str], experiment: str, changes: Changes) -> Any:
        """The run that holds the metrics: the one of an interrupted sync, or a new one. What is logged twice counts once, as its time is the version's."""
        from mlflow.entities import Metric, Param, RunTag
        moment = _millis(version.created_at)
        found = self._mlflow.search_runs([experiment], f"tags.`weir.version` = '{version.version}'", max_results=1)
        run = found[0] if found else self._mlflow.create_run(experiment, start_time=moment, run_name=f'{name} {version.version}',
                                                             tags={**tags, 'mlflow.user': version.created_by, 'mlflow.note.content': (version.note or '')[:LONGEST_TAG]})
        metrics = [Metric(key, number, moment, 0) for key, number in numbers(version.metrics).items()]
        parameters = {key_name(key): str(part)[:LONGEST_PARAMETER] for key, part in flat(version.config or {}) if key}
        logged = [Param(key, part) for key, part in parameters.items() if key not in run.data.params]
        for start in range(0, len(metrics), PAGE // 2):
            self._mlflow.log_batch(run.info.run_id, metrics=metrics[start:start + PAGE // 2])
        for start in range(0, len(logged), 100):
            self._mlflow.log_batch(run.info.run_id, params=logged[start:start + 100])
        if run.info.status != 'FINISHED':
            self._mlflow.log_batch(run.info.run_id, tags=[RunTag('weir.mirrored_at', time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()))])
            self._mlflow.set_terminated(run.info.run_id, 'FINISHED', moment)
        changes.metrics += len(metrics)
        return run

    def _upload(self, version: ModelVersion, run: Any) -> str | None:
        artifact = self._client.model_artifact(version.model, version.version)
        if artifact is None:
            return None
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / 'artifact'
            path.write_bytes(artifact)
            self._mlflow.log_artifact(run.info.run_id, str(path), 'weir')
        return f'{run.info.artifact_uri}/weir'

    def _sync_aliases(self, name: str, registered: Any, versions: list[ModelVersion], there: dict[int, Any], changes: Changes) -> None:
        wanted: dict[str, str] = {}
        for version in versions:
            for alias in version.aliases:
                wanted.setdefault(alias_name(alias), str(there[version.version].version))
        ours = set(json.loads(registered.tags.get('weir.mirrored_aliases', '[]')))
        present = {alias: str(version) for alias, version in registered.aliases.items()}
        if set(wanted) - ours:
            # Before they are set: an interrupted sync must know them for its own.
            self._mlflow.set_registered_model_tag(name, 'weir.mirrored_aliases', json.dumps(sorted(ours | set(wanted)), ensure_ascii=False))
        for alias, number in wanted.items():
            if present.get(alias) != number:
                self._mlflow.set_registered_model_alias(name, alias, number)
                changes.aliases_set += 1
        numbers_of_ours = {str(found.version) for found in there.values()}
        for alias in ours - set(wanted):
            # One that others let mean a version of theirs is theirs.
            if present.get(alias) in numbers_of_ours:
                self._mlflow.delete_registered_model_alias(name, alias)
                changes.aliases_deleted += 1
        if ours - set(wanted):
            self._mlflow.set_registered_model_tag(name, 'weir.mirrored_aliases', json.dumps(sorted(wanted), ensure_ascii=False))

    def _mark_gone(self, present: set[str], names: Collection[str] | None, changes: Changes) -> None:
        """Models that weir has no more, or that this role does not see any more, stay, marked, without aliases."""
        if names is not None:
            candidates = [self._registered(self._name(name)) for name in names if name not in present]
        else:
            candidates, token = [], None
            while True:
                page = self._mlflow.search_registered_models(max_results=PAGE, page_token=token)
                candidates += [registered for registered in page if registered.tags.get('weir.model') not in present]
                token = page.token
                if not token:
                    break
        for registered in candidates:
            if registered is None or registered.tags.get('weir.source') != self._source or registered.tags.get('weir.state') == 'gone':
                continue
            if registered.name != self._name(registered.tags.get('weir.model', '')):
                continue        # of a mirror with another prefix
            self._sync_aliases(registered.name, self._registered(registered.name), [], self._versions_there(registered.name), changes)
            self._mlflow.set_registered_model_tag(registered.name, 'weir.state', 'gone')
            changes.tags += 1


def main(arguments: list[str] | None = None) -> int:
    """The command weir-mlflow; 1: models were left out, 2: it could not be done."""
    parser = argparse.ArgumentParser(prog='weir-mlflow', description='Mirrors models, versions, metrics and aliases of weir in MLflow.')
    commands = parser.add_subparsers(dest='command', required=True)
    sync = commands.add_parser('sync', help='bring MLflow level with weir')
    sync.add_argument('--dsn', default='', help='connection string of the database (default: PGHOST and so on)')
    sync.add_argument('--role', help='become this role')
    sync.add_argument('--pooler', action='store_true', help='the database is behind a pooler of transactions: look again instead of listening')
    sync.add_argument('--tracking-uri', default=os.environ.get('MLFLOW_TRACKING_URI'), help='MLflow server (default: MLFLOW_TRACKING_URI)')
    sync.add_argument('--registry-uri', default=os.environ.get('MLFLOW_REGISTRY_URI'), help='where its registry is, if elsewhere')
    sync.add_argument('--model', action='append', help='this model; may be repeated (default: all that the role sees)')
    sync.add_argument('--prefix', default='', help='before every name in MLflow')
    sync.add_argument('--source', help='what this database is called in tags (default: number of the cluster/name of the database)')
    sync.add_argument('--artifacts', action='store_true', help='upload artefacts that are stored in the database')
    sync.add_argument('--follow', action='store_true', help='go on: whenever a model changes')
    sync.add_argument('--interval', type=float, default=300, help='with --follow: seconds between two looks at everything (default: 300)')
    options = parser.parse_args(arguments)
    if not options.tracking_uri:
        parser.error('--tracking-uri is missing')
    logging.basicConfig(level=logging.WARNING, format='%(levelname)s: %(message)s')
    # Whoever mirrors has not agreed to be counted by others.
    os.environ.setdefault('MLFLOW_DISABLE_TELEMETRY', 'true')
    os.environ.setdefault('MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT', 'true')
    try:
        return _sync_as_told(options)
    except (psycopg.Error, ImportError, OSError) as error:
        problem: Exception = error
    except Exception as error:
        if type(error).__module__ != 'mlflow.exceptions':
            raise
        problem = error
    print(f'weir-mlflow: {problem}', file=sys.stderr)
    return 2


def _sync_as_told(options: argparse.Namespace) -> int:
    with Client(options.dsn, role=options.role, pooler=options.pooler) as client, \
            contextlib.closing(Mirror(client, options.tracking_uri, options.registry_uri, source=options.source, prefix=options.prefix, artifacts=options.artifacts)) as mirror:
        if options.follow:
            with contextlib.suppress(KeyboardInterrupt):
                for changes in mirror.follow(options.model, options.interval):
                    if changes:
                        print(changes, flush=True)
            return 0
        changes = mirror.sync(options.model)
        print(changes)
        return 1 if changes.conflicts else 0


if __name__ == '__main__':
    sys.exit(main())
