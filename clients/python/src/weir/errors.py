"""What can go wrong beside errors of the database, which come as psycopg.Error."""
from __future__ import annotations


class WeirError(Exception):
    """The base of the exceptions below."""


class NoJob(WeirError):
    """No job came within the time that `claim` was given."""


class JobLost(WeirError):
    """The job is not this worker's any more: nothing that it would still report is recorded."""


class LeaseLost(JobLost):
    """The lease passed without a heartbeat, the job's timeout passed, or the job is over: somebody else may be at it."""


class JobCancelled(JobLost):
    """Somebody cancelled the job (`weir.cancel_job`)."""


class JobFailed(WeirError):
    """Raised by a worker: the attempt failed, with this message.

    retry=False: it would fail again, so that no other attempt is made.
    """

    def __init__(self, message: str, *, retry: bool = True) -> None:
        super().__init__(message)
        self.retry = retry


class EventsMissed(WeirError):
    """The consumer was away for longer than events are kept (weir.alert_event_retention).

    Look at `Client.alerts`, then go on with `Client.confirm_events(consumer, error.until)`, or read with `on_missed='skip'`.
    """

    def __init__(self, message: str, until: int) -> None:
        super().__init__(message)
        self.until = until
        """Events up to this one are gone."""


class ArtifactChanged(WeirError):
    """The bytes of an artefact have another SHA-256 than its version was registered with."""
