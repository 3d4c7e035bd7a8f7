"""Connections: how they are made, and made anew when they were lost."""
from __future__ import annotations

import contextlib
import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

log = logging.getLogger('weir')
Connection = psycopg.Connection[tuple[Any, ...]]
T = TypeVar('T')

FIRST_DELAY, LONGEST_DELAY = 0.1, 30.0      # seconds between tries to connect
IDLE = 5.0                                  # after so many seconds a connection is tried before it is used
# A server that is gone without a word is noticed within about a minute.
NETWORK = {'connect_timeout': 10, 'keepalives_idle': 30, 'keepalives_interval': 10, 'keepalives_count': 3, 'tcp_user_timeout': 60000}


@dataclass(frozen=True)
class Settings:
    """How to connect."""

    conninfo: str
    role: str | None
    pooler: bool
    poll: float

    def connect(self) -> Connection:
        """A new connection that commits every statement by itself."""
        given = psycopg.conninfo.conninfo_to_dict(self.conninfo)
        parameters: dict[str, Any] = {'application_name': 'weir client', 'client_encoding': 'UTF8', **NETWORK, **given}
        connection: Connection = psycopg.connect(**parameters, autocommit=True, prepare_threshold=None if self.pooler else 5)
        try:
            if self.role is not None:
                connection.execute(sql.SQL('SET ROLE {}').format(sql.Identifier(self.role)))
        except BaseException:
            connection.close()
            raise
        return connection


class Session:
    """A connection that is made anew when it was lost, shared by threads that take turns."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._channel: str | None = None
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self.made = 0
        """How many connections were made: when it grows, something may have gone by untold."""
        self._connection: Connection | None = self._connect()
        self._used = time.monotonic()

    def _connect(self) -> Connection:
        connection = self.settings.connect()
        self.made += 1
        if self._channel is not None:
            connection.execute(sql.SQL('LISTEN {}').format(sql.Identifier(self._channel)))
        return connection

    def _alive(self) -> Connection:
        if self._closing.is_set():
            raise psycopg.InterfaceError('the connection was closed by its owner')
        if self._connection is not None and not self._connection.closed and time.monotonic() - self._used > IDLE \
                and self._connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            with contextlib.suppress(psycopg.Error):
                self._connection.execute('SELECT')
        if self._connection is None or self._connection.closed:
            self._connection = None
            self._connection = self._connect()
        self._used = time.monotonic()
        return self._connection

    @property
    def connection(self) -> Connection:
        """The connection, made anew if the last one was lost."""
        with self._lock:
            return self._alive()

    def run(self, work: Callable[[Connection], T], patience: float | None = 0) -> T:
        """What work returns, which is repeated while connections are lost, for so many seconds (None: for ever)."""
        began = time.monotonic()
        delay = FIRST_DELAY
        while True:
            try:
                with self._lock:
                    return work(self._alive())
            except psycopg.Error as error:
                lost = self._connection is None or self._connection.closed
                if not lost or self._closing.is_set() or (patience is not None and time.monotonic() - began + delay > patience):
                    raise
                log.warning('the connection was lost, another is tried in %.1f s: %s', delay, str(error).strip())
            self._closing.wait(delay * (1 + random.random() / 4))  # noqa: S311 - spreads clients, keeps no secret
            delay = min(delay * 2, LONGEST_DELAY)

    def listen(self, channel: str) -> None:
        """From now on `wait` ends when that channel is notified, unless a pooler stands between."""
        if not self.settings.pooler:
            self._channel = channel
            self.run(lambda connection: connection.execute(sql.SQL('LISTEN {}').format(sql.Identifier(channel))), None)

    def unlisten(self) -> None:
        """Nothing is listened to any more, so that nothing piles up while nobody waits."""
        if self._channel is not None:
            self._channel = None
            self.run(lambda connection: connection.execute('UNLISTEN *'), None)

    def wait(self, seconds: float) -> list[str]:
        """Until a notification comes, at most so many seconds, and at most the time between two looks; returns what was told."""
        seconds = max(min(seconds, self.settings.poll), 0)
        if self._channel is None:
            self._closing.wait(seconds)
            return []
        with self._lock:
            # One that was lost is made anew by the next look, which must come at once: what happened meanwhile was not told.
            connection = self._connection
            try:
                if connection is not None and not connection.closed:
                    return [notification.payload for notification in connection.notifies(timeout=seconds, stop_after=1)]
            except psycopg.Error:
                if connection is not None and not connection.closed:
                    raise
        return []

    def close(self) -> None:
        """Ends the connection; what waits for another one gives up."""
        self._closing.set()
        with self._lock:
            if self._connection is not None:
                self._connection.close()


def one(connection: Connection, query: str, *parameters: Any) -> tuple[Any, ...] | None:
    """The first row, or None."""
    return connection.execute(query, parameters).fetchone()  # type: ignore[arg-type, unused-ignore]


def value(connection: Connection, query: str, *parameters: Any) -> Any:
    """The first value of the first row."""
    row = one(connection, query, *parameters)
    assert row is not None  # noqa: S101 - a function returns a row
    return row[0]


def _plain(element: Any) -> Any:
    """Numbers of NumPy as those of Python."""
    if hasattr(element, 'item'):
        return element.item()
    raise TypeError(f'{type(element).__name__} is no JSON')


def jsonb(element: Any) -> Jsonb:
    """As jsonb; NaN and infinities are refused here, where the caller sees which call it was."""
    text = json.dumps(element, default=_plain, allow_nan=False)
    return Jsonb(element, dumps=lambda _: text)


def plain_text(text: str) -> str:
    """What every database takes: PostgreSQL's text has no zero byte, and UTF-8 no half of a surrogate pair."""
    return text.replace('\0', '\ufffd').encode('utf-8', 'replace').decode('utf-8')


class Connected:
    """What the parts of the client share: how to connect, and a connection that is made when it is first used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._own: Session | None = None
        self._making = threading.Lock()

    @property
    def _session(self) -> Session:
        with self._making:
            if self._own is None:
                self._own = Session(self.settings)
            return self._own

    @property
    def connection(self) -> Connection:
        """The client's connection, for SQL of yours; every statement commits by itself, unless `with client.connection.transaction():`."""
        return self._session.connection

    def close(self) -> None:
        """Ends the client's connection."""
        with self._making:
            if self._own is not None:
                self._own.close()
                self._own = None


def seconds_until(deadline: float | None) -> Iterator[float]:
    """How long there is still, again and again, until a time of the monotonic clock (None: for ever); 0 at last."""
    while True:
        left = float('inf') if deadline is None else deadline - time.monotonic()
        yield max(left, 0)
        if left <= 0:
            return
