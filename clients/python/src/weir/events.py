"""Events of alerts, in order, none missed: the outbox says what happened, NOTIFY says when to look."""
from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row

from .errors import EventsMissed
from .session import Connected, Connection, Session, log, one, value


@dataclass(frozen=True)
class AlertEvent:
    """Something that happened to an alert, with the columns of weir.alert_events."""

    event_id: int
    occurred_at: datetime.datetime
    event: str
    """opened, escalated, acknowledged, reminded, resolved."""
    alert_id: int
    monitor: str
    rule: str
    state: str
    severity: str
    family: str | None
    subject: str | None
    segment: str | None
    metric: str | None
    value: float | None
    threshold: float | None
    n: int | None
    window_start: datetime.datetime | None
    window_end: datetime.datetime | None
    job_id: int | None
    message: str
    detail: dict[str, Any] | None


class Events(Connected):
    """The part of the client that is about alerts as they happen."""

    def events(self, consumer: str, *, after_event: int | None = None, timeout: float | None = None, on_missed: Literal['raise', 'skip'] = 'raise',
               batch: int = 100) -> Iterator[AlertEvent]:
        """What happens to alerts, one event after the other, beginning with what happened while this consumer was away.

        An event is confirmed when the next one is asked for: after the body of `for event in client.events('me'):` has dealt with it. A
        program that dies in the body, or leaves it with break or an exception, gets that event again. A consumer that does not exist is
        made, and begins after after_event (None: with what happens from now on; 0: with all that is kept). Goes on after the server was
        away. Ends when nothing happened for timeout seconds (None: never; 0: when all was read). on_missed: EventsMissed is raised, or the
        gap skipped with a warning, when it was away for longer than events are kept. One process at a time reads as one consumer.
        """
        if on_missed not in ('raise', 'skip'):
            raise ValueError("on_missed is 'raise' or 'skip'")

        def make(connection: Connection) -> None:
            if one(connection, 'SELECT FROM weir.event_consumers WHERE consumer = %s', consumer) is None:
                with contextlib.suppress(psycopg.errors.DuplicateObject):
                    connection.execute('SELECT weir.create_event_consumer(%s::text, %s::bigint)', [consumer, after_event])

        def read(connection: Connection) -> list[AlertEvent]:
            with connection.cursor(row_factory=class_row(AlertEvent)) as cursor:
                return cursor.execute('SELECT * FROM weir.read_events(%s::text, %s::int)', [consumer, batch]).fetchall()

        with contextlib.closing(Session(self.settings)) as session:
            session.listen('weir_alerts')
            session.run(make, None)
            quiet_since = time.monotonic()
            while True:
                try:
                    events = session.run(read, None)
                except psycopg.errors.ObjectNotInPrerequisiteState as error:
                    until = session.run(lambda connection: value(connection, 'SELECT confirmed_to + missed FROM weir.event_consumers WHERE consumer = %s', consumer))
                    if on_missed == 'raise':
                        raise EventsMissed(str(error), until) from None
                    log.warning('%s', str(error).strip())
                    session.run(lambda connection, until=until: _confirm(connection, consumer, until), None)  # type: ignore[misc]
                    continue
                for event in events:
                    yield event
                    session.run(lambda connection, event=event: _confirm(connection, consumer, event.event_id), None)  # type: ignore[misc]
                if events:
                    quiet_since = time.monotonic()
                    continue
                left = float('inf') if timeout is None else quiet_since + timeout - time.monotonic()
                if left <= 0:
                    return
                session.wait(left)

    def confirm_events(self, consumer: str, event_id: int) -> int:
        """Says that the consumer is done with all events up to this one, as `events` does by itself; returns its position."""
        return self._session.run(lambda connection: _confirm(connection, consumer, event_id), 30)


def _confirm(connection: Connection, consumer: str, event_id: int) -> int:
    return int(value(connection, 'SELECT weir.confirm_events(%s::text, %s::bigint)', consumer, event_id))
