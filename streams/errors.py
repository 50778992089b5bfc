"""The errors that a log backend may raise, whichever it is.

What the library beneath it raises (`sqlite3`, aiokafka, kafka-python) is one of these before it leaves the backend.
"""

from __future__ import annotations

from domain.errors import TillwatchError


class LogFailed(TillwatchError):
    """The log did not do what it was asked: it cannot be reached, refuses, or takes too long.

    Attributes:
        may_pass: whether the same may succeed later, without anybody's help.
    """

    may_pass: bool = False


class Unreachable(TillwatchError):
    """The log does not answer."""


class NoLog(TillwatchError):
    """There is no log where one is to be opened."""

    def __init__(self, where: object) -> None:
        super().__init__(f"there is no log at {where}: start `tillwatch ingest` or `tillwatch worker` first")


class NoState(TillwatchError):
    """There is no state where it is to be looked at."""

    def __init__(self, where: object) -> None:
        super().__init__(f"there is no state at {where}: start `tillwatch worker` first")


class UnknownTopic(TillwatchError):
    """The log has no such topic."""


class UnfitTopic(TillwatchError):
    """A topic is not set to what workers rely on."""


class OffsetGone(TillwatchError):
    """The offset is not in the log: retention took it, or it was never written."""


class LeaseHeld(TillwatchError):
    """Somebody else holds an unexpired lease."""


class Fenced(TillwatchError):
    """The lease or the partition was given to somebody else meanwhile: nothing may be written under it."""


class LetGo(Fenced):
    """This worker itself gave it up meanwhile."""


class StateLocked(TillwatchError):
    """The state stays locked by another process."""


class Superseded(TillwatchError):
    """A later checkpoint replaced the manifest while its pages were read: read the manifest again."""


class WrongParent(TillwatchError):
    """The checkpoint does not continue the one that is stored: its partition must stop."""


class UnknownFormat(TillwatchError):
    """What is stored is no state, or was written by a newer version."""
