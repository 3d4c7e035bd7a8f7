"""Models: versions, what they were trained on, which of them answers."""
from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row

from .errors import ArtifactChanged
from .session import Connected, Connection, jsonb, plain_text, value


@dataclass(frozen=True)
class ModelVersion:
    """A version of a model, with the columns of weir.model_versions."""

    model: str
    version: int
    aliases: list[str]
    state: str
    """registered, live (an alias means it), retired (one did)."""
    job_id: int | None
    data_version: int | None
    code_version: str | None
    metrics: dict[str, Any]
    signature: Any
    artifact_uri: str | None
    artifact_hash: str | None
    created_at: datetime.datetime
    created_by: str
    note: str | None
    trainer: str | None
    config: dict[str, Any] | None


VERSION_COLUMNS = ('model, version, aliases, state, job_id, data_version, code_version, metrics, signature, artifact_uri, artifact_hash, created_at, '
                   'created_by::text AS created_by, note, trainer, config')


class VersionArguments:
    """What a version is registered with; looked at when it is given, not when it is written."""

    def __init__(self, model: str, artifact: bytes | None, artifact_uri: str | None, metrics: Mapping[str, Any] | None, data_version: int | None,
                 job_id: int | None, code_version: str | None, signature: Any, note: str | None, artifact_hash: str | None, alias: str | None,
                 reason: str | None) -> None:
        if artifact is not None and artifact_uri is not None:
            raise ValueError('artifact and artifact_uri exclude each other')
        self.model, self.alias, self.reason = model, alias, reason
        self.values = [model, artifact, artifact_uri, jsonb(dict(metrics or {})), data_version, job_id, code_version,
                       None if signature is None else jsonb(signature), None if note is None else plain_text(note), artifact_hash]


def create_version(connection: Connection, arguments: VersionArguments) -> int:
    """Registers a version, under its alias if it has one; the caller has a transaction."""
    version = int(value(connection, 'SELECT weir.create_model_version(%s::text, %s::bytea, %s::text, %s, %s::bigint, %s::bigint, %s::text, %s::jsonb, %s::text, %s::text)',
                        *arguments.values))
    if arguments.alias is not None:
        connection.execute('SELECT weir.promote_model(%s::text, %s::int, %s::text, %s::text)', [arguments.model, version, arguments.alias, arguments.reason])
    return version


class Models(Connected):
    """The part of the client that is about models."""

    def create_model_version(self, model: str, *, artifact: bytes | None = None, artifact_uri: str | None = None, metrics: Mapping[str, Any] | None = None,
                             data_version: int | None = None, code_version: str | None = None, signature: Any = None, note: str | None = None,
                             artifact_hash: str | None = None, alias: str | None = None, reason: str | None = None) -> int:
        """Registers the next version of a model and returns its number.

        Its artefact is stored in the database (artifact) or elsewhere (artifact_uri, with the SHA-256 in artifact_hash). metrics, signature:
        what json.dumps takes, numbers of NumPy included, NaN and infinities not. data_version: what it was trained on. alias: what it
        becomes in the same transaction, with reason. In a job, `Job.create_model_version` does it when the job succeeds.
        """
        arguments = VersionArguments(model, artifact, artifact_uri, metrics, data_version, None, code_version, signature, note, artifact_hash, alias, reason)

        def create(connection: Connection) -> int:
            with connection.transaction():
                return create_version(connection, arguments)

        return self._session.run(create)

    def model_version(self, model: str, version: int | str = 'champion') -> ModelVersion:
        """A version by its number, or by the alias that means it; LookupError when there is none."""
        condition = 'version = %s::int' if isinstance(version, int) else '%s::text = ANY (aliases)'

        def read(connection: Connection) -> ModelVersion | None:
            with connection.cursor(row_factory=class_row(ModelVersion)) as cursor:
                return cursor.execute(f'SELECT {VERSION_COLUMNS} FROM weir.model_versions WHERE model = %s AND {condition}', [model, version]).fetchone()

        found = self._session.run(read, 30)
        if found is None:
            raise LookupError(f'model {model!r} has no version {version!r}, or it may not be seen')
        return found

    def model_artifact(self, model: str, version: int | str = 'champion') -> bytes | None:
        """The stored artefact of a version, its SHA-256 checked; None when it is kept elsewhere (artifact_uri)."""
        found = self.model_version(model, version)
        artifact: bytes | None = self._session.run(lambda connection: value(connection, 'SELECT weir.model_artifact(%s::text, %s::int)', model, found.version), 30)
        if artifact is not None and hashlib.sha256(artifact).hexdigest() != found.artifact_hash:
            raise ArtifactChanged(f'the artefact of version {found.version} of model {model!r} has another SHA-256 than it was registered with')
        return artifact

    def promote_model(self, model: str, version: int, alias: str = 'champion', reason: str | None = None) -> None:
        """Lets an alias of the model mean this version from now on."""
        self._session.run(lambda connection: value(connection, 'SELECT weir.promote_model(%s::text, %s::int, %s::text, %s::text)', model, version, alias, reason))

    def roll_back_model(self, model: str, reason: str, alias: str = 'champion') -> int:
        """Lets the alias mean the version that it meant before the last promotion, and returns that."""
        return int(self._session.run(lambda connection: value(connection, 'SELECT weir.roll_back_model(%s::text, %s::text, %s::text)', model, reason, alias)))

    def create_data_version(self, name: str, query: str, *, validation: str | None = None, materialize: bool = True, note: str | None = None,
                            retention: datetime.timedelta | str | None = None) -> int:
        """Records the rows of a query (or of a table, by its name) and returns their number; validation is a condition on the rows."""
        return int(self._session.run(lambda connection: value(
            connection, 'SELECT weir.create_data_version(%s::text, %s::text, %s::text, %s, %s::text, %s::interval)', name, query, validation, materialize, note, retention)))

    def enqueue_job(self, trainer: str, config: Mapping[str, Any] | None = None, *, run_after: datetime.datetime | None = None, priority: int = 0,
                    dedupe_key: str | None = None) -> int:
        """Queues a job of a trainer and returns its number: that of one with the same dedupe_key, if such a one waits for its first attempt."""
        return int(self._session.run(lambda connection: value(connection, 'SELECT weir.enqueue_job(%s::text, %s, %s::timestamptz, %s::int, %s::text)', trainer,
                                                              jsonb(dict(config or {})), run_after, priority, dedupe_key)))

    def cancel_job(self, job_id: int) -> bool:
        """Cancels a job that is queued or running; False when it was over already."""
        return bool(self._session.run(lambda connection: value(connection, 'SELECT weir.cancel_job(%s::bigint)', job_id)))
