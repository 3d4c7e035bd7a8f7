"""The client: one object from which everything is reached."""
from __future__ import annotations

from types import TracebackType

import psycopg

from .events import Events
from .frames import Frames
from .jobs import Jobs
from .models import Models
from .session import Settings


class Client(Jobs, Events, Frames, Models):
    """weir in one database.

    conninfo and parameters are those of libpq ('dbname=app', host='db', or a URI); what is not given comes from PGHOST and so on. role: what
    every connection becomes (SET ROLE), for example the owner of a trainer. pooler: connections go through a pooler that gives each
    transaction another session (PgBouncer in transaction mode): nothing is kept in the session, and one looks again every poll
    seconds instead of listening. poll: how long at most one waits for a notification before one looks anyway.

    It connects when it is first used. Methods may be called from several threads, which take turns; waiting for jobs and events has
    connections of its own.
    """

    def __init__(self, conninfo: str = '', *, role: str | None = None, pooler: bool = False, poll: float | None = None, **parameters: str | int) -> None:
        if pooler and role is not None:
            raise ValueError('a pooler of transactions keeps no role for its session: log in as that role')
        if poll is not None and not poll > 0:
            raise ValueError('poll must be above 0 seconds')
        super().__init__(Settings(psycopg.conninfo.make_conninfo(conninfo, **parameters), role, pooler, poll or (2.0 if pooler else 10.0)))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
