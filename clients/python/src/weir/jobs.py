"""Jobs of external trainers: claimed, kept alive by heartbeats, ended with versions or an error."""
from __future__ import annotations

import contextlib
import datetime
import os
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

import psycopg

from .errors import JobCancelled, JobFailed, JobLost, LeaseLost, NoJob
from .models import VersionArguments, create_version
from .session import Connected, Connection, Session, jsonb, log, one, plain_text, seconds_until, value

LONGEST_INTERVAL = 15.0     # seconds between heartbeats: as late is a cancelled job noticed
ERROR_LIMIT = 10000         # characters of an error that are recorded


class Job:
    """A job that this worker has claimed: the body of `with job:` is its attempt.

    Within, a thread sends heartbeats. When the body ends, the versions that it made are registered and the job succeeds, both or neither.
    When it raises, the job failed with that message, and is tried again as its trainer says. A job that was lost is told by `check`
    and `heartbeat`, or at the end, by LeaseLost or JobCancelled; nothing is recorded then.
    """

    def __init__(self, session: Session, claimed_at: float, row: tuple[Any, ...], lease: float, release: Callable[[], None], keep_going: bool) -> None:
        self.job_id: int = row[0]
        self.token: int = row[1]
        """The fencing token of this attempt."""
        self.trainer: str = row[2]
        self.model: str = row[3]
        self.attempt: int = row[4]
        self.config: dict[str, Any] = row[5]
        """The trainer's, overlaid by that of the job; with monitor, rule, alert_id and so on when an alert set it off."""
        self.result: dict[str, Any] = {}
        """What is recorded with success, in weir.jobs."""
        self.versions: list[int] = []
        """Numbers of the versions that the job has made, once it has ended well."""
        self._session = session
        self._lease = lease
        self._release = release
        self._keep_going = keep_going
        self._staged: list[VersionArguments] = []
        self._held_until = claimed_at + lease
        self._lost: tuple[type[JobLost], str] | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.is_over = False
        """Whether the attempt has ended."""

    def __repr__(self) -> str:
        return f'<weir.Job {self.job_id} of {self.trainer!r}, attempt {self.attempt}>'

    # ---- in the body ----

    def heartbeat(self, progress: float | None = None, message: str | None = None) -> None:
        """Reports progress (0 to 1) and a message, which the log of the attempt keeps; raises LeaseLost or JobCancelled."""
        self._require_open()
        self.check()
        self._beat(progress, None if message is None else plain_text(message), self._patience())

    def check(self) -> None:
        """Raises LeaseLost or JobCancelled when the job is known to be lost. Asks nobody: cheap enough for every step of a training."""
        if self._lost is None and time.monotonic() > self._held_until:
            self._lost = LeaseLost, 'the lease passed: the server could not be reached in time'
        if self._lost is not None:
            raise self._lost[0](f'job {self.job_id}: {self._lost[1]}')

    def create_model_version(self, *, artifact: bytes | None = None, artifact_uri: str | None = None, metrics: Mapping[str, Any] | None = None,
                             data_version: int | None = None, code_version: str | None = None, signature: Any = None, note: str | None = None,
                             artifact_hash: str | None = None, alias: str | None = None, reason: str | None = None) -> None:
        """Registers a version of the job's model when the body has ended well, in the transaction in which the job succeeds.

        Arguments as in `Client.create_model_version`; alias: what the version becomes in that transaction, too ('challenger').
        Its number stands in `versions` afterwards.
        """
        self._require_open()
        self._staged.append(VersionArguments(self.model, artifact, artifact_uri, metrics, data_version, self.job_id, code_version, signature, note,
                                             artifact_hash, alias, reason))

    def _require_open(self) -> None:
        if self.is_over:
            raise RuntimeError(f'job {self.job_id} is over: its attempt is the body of "with job:"')

    # ---- heartbeats ----

    def _patience(self) -> float:
        return max(self._held_until - time.monotonic(), 0)

    def _beat(self, progress: float | None, message: str | None, patience: float) -> None:
        def send(connection: Connection) -> tuple[float, bool]:
            return time.monotonic(), value(connection, 'SELECT weir.heartbeat(%s::bigint, %s::bigint, %s::float8, %s::text, lease => %s)', self.job_id, self.token,
                                           progress, message, datetime.timedelta(seconds=self._lease))

        sent, is_held = self._session.run(send, patience)
        if is_held:
            self._held_until = sent + self._lease
        else:
            self._lost = self._session.run(self._why_lost, patience)
            self.check()

    def _beat_for_good(self, interval: float) -> None:
        wait = interval
        while not self._stopped.wait(wait):
            wait = interval
            try:
                self._beat(None, None, 0)
            except JobLost:
                return
            except psycopg.Error as error:
                log.warning('job %s: no heartbeat: %s', self.job_id, str(error).strip())
                wait = min(interval, 1.0)

    def _state(self, connection: Connection) -> tuple[str, bool]:
        row = one(connection, 'SELECT state, attempt = %s FROM weir.jobs WHERE job_id = %s', self.attempt, self.job_id)
        return ('removed', False) if row is None else (row[0], row[1])

    def _why_lost(self, connection: Connection) -> tuple[type[JobLost], str]:
        state, is_this_attempt = self._state(connection)
        if state == 'cancelled':
            return JobCancelled, 'it was cancelled'
        if state == 'running':
            return LeaseLost, 'its timeout passed' if is_this_attempt else 'the lease passed, and another worker has it'
        return LeaseLost, f'the lease passed or somebody else ended it: it is {state}'

    # ---- the end ----

    def __enter__(self) -> Job:
        if self._thread is not None:
            raise RuntimeError(f'job {self.job_id} was begun already')
        interval = min(self._lease / 3, LONGEST_INTERVAL)
        self._thread = threading.Thread(target=self._beat_for_good, args=[interval], name=f'weir job {self.job_id}', daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        try:
            if error is None:
                self._succeed()
            else:
                self._fail(error)
        except Exception as at_end:
            if not self._keep_going:
                raise
            log.error('job %s: %s', self.job_id, at_end)
            return True
        finally:
            self.is_over = True
            self._release()
        if error is not None and self._keep_going and isinstance(error, Exception):
            log.error('job %s failed', self.job_id, exc_info=(type(error), error, trace))
            return True
        return False

    def _succeed(self) -> None:
        tries = 0

        def record(connection: Connection) -> list[int] | None:
            nonlocal tries
            tries += 1
            versions = None
            with connection.transaction():
                made = [create_version(connection, arguments) for arguments in self._staged]
                if value(connection, 'SELECT weir.complete_job(%s::bigint, %s::bigint, %s)', self.job_id, self.token, jsonb(self.result)):
                    versions = made
                else:
                    raise psycopg.Rollback
            if versions is None and tries > 1 and self._state(connection) == ('succeeded', True):
                # The connection was lost after the commit, before its answer.
                rows = connection.execute('SELECT version FROM weir.model_versions WHERE model = %s AND job_id = %s ORDER BY version DESC LIMIT %s',
                                          [self.model, self.job_id, len(self._staged)]).fetchall()
                versions = [version for version, in reversed(rows)]
            if versions is None:
                self._lost = self._why_lost(connection)
            return versions

        try:
            versions = self._session.run(record, max(self._patience(), 10))
        except Exception as error:
            self._fail(error)
            raise
        if versions is None:
            self.check()
        else:
            self.versions = versions

    def _fail(self, error: BaseException) -> None:
        if self._lost is not None:
            return
        text = str(error) if isinstance(error, JobFailed) else ''.join(traceback.format_exception_only(type(error), error)).strip()
        text = plain_text(text)[:ERROR_LIMIT]
        is_final = isinstance(error, JobFailed) and not error.retry

        def record(connection: Connection, text: str = text) -> bool:
            return bool(value(connection, 'SELECT weir.fail_job(%s::bigint, %s::bigint, %s::text, retry => %s)', self.job_id, self.token, text, not is_final))

        try:
            try:
                recorded = self._session.run(record, max(self._patience(), 10))
            except psycopg.DataError:
                # A character that the database's encoding does not have.
                recorded = self._session.run(lambda connection: record(connection, text.encode('ascii', 'backslashreplace').decode()))
            if not recorded:
                log.warning('job %s was lost before its failure could be recorded: %s', self.job_id, text)
        except psycopg.Error as problem:
            # The lease passes, and the job is tried again.
            log.warning('job %s: its failure could not be recorded: %s', self.job_id, str(problem).strip())


class Jobs(Connected):
    """The part of the client that is about jobs."""

    def claim(self, *trainers: str, lease: float = 300, worker: str | None = None, timeout: float | None = None) -> Job:
        """The next job of these external trainers (none named: of all that one may claim for), for `with client.claim(...) as job:`.

        Waits for one, at most timeout seconds (None: for ever; 0: not at all), then raises NoJob. lease: for how many seconds the job is
        this worker's without a heartbeat. worker: a label in weir.jobs; by default host and process.
        """
        session = Session(self.settings)
        try:
            job = _next_job(session, trainers, lease, worker, timeout, session.close, False)
            if job is None:
                raise NoJob(f'no job of {", ".join(trainers) or "any trainer"} within {timeout} s')
        except BaseException:
            session.close()
            raise
        return job

    def jobs(self, *trainers: str, lease: float = 300, worker: str | None = None, timeout: float | None = None) -> Iterator[Job]:
        """One job after the other, for a worker that runs for good: `for job in client.jobs('gpu'):`, and in it `with job:`.

        What a body raises is recorded and logged (logger "weir"), and the loop goes on; so it does after the server was away. Ends when
        no job came for timeout seconds (None: never). Arguments as in `claim`.
        """
        session = Session(self.settings)
        with contextlib.closing(session):
            while True:
                job = _next_job(session, trainers, lease, worker, timeout, lambda: None, True)
                if job is None:
                    return
                yield job
                if not job.is_over:
                    raise RuntimeError(f'job {job.job_id} was not worked on: its attempt is the body of "with job:"')


def _next_job(session: Session, trainers: tuple[str, ...], lease: float, worker: str | None, timeout: float | None, release: Callable[[], None],
              keep_going: bool) -> Job | None:
    names = list(trainers) or None
    label = f'{socket.gethostname()}:{os.getpid()}' if worker is None else plain_text(worker)

    def claim(connection: Connection) -> tuple[float, tuple[Any, ...] | None]:
        return time.monotonic(), one(connection, 'SELECT job_id, token, trainer, model, attempt, config FROM weir.claim_job(%s::text[], lease => %s, worker => %s)', names,
                   datetime.timedelta(seconds=lease), label)

    def due(connection: Connection) -> float | None:
        """In how many seconds a job may be claimed that nobody tells of: it is tried again, or its worker's lease passes."""
        seconds = value(connection, "SELECT extract(epoch FROM min(CASE state WHEN 'queued' THEN run_after ELSE lease_until END) - clock_timestamp())::float8 "
                        "FROM weir.jobs WHERE kind = 'external' AND state IN ('queued', 'running') AND (%s::text[] IS NULL OR trainer = ANY (%s))", names, names)
        return None if seconds is None else float(seconds)

    session.listen('weir_jobs')
    for left in seconds_until(None if timeout is None else time.monotonic() + timeout):
        asked_at, row = session.run(claim, None)
        if row is not None:
            session.unlisten()
            return Job(session, asked_at, row, lease, release, keep_going)
        seconds = session.run(due, None)
        # What is due and was not handed out waits for others of its trainer: a look now and then.
        session.wait(left if seconds is None or seconds <= 0 else min(left, seconds + 0.01))
    return None
