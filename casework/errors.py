"""What casework fails with, beside a bug."""

from __future__ import annotations

from domain.errors import TillwatchError


class StoreFailed(TillwatchError):
    """The database did not do what it was asked: it cannot be reached, is locked, is full or refuses."""


class UnfitStore(TillwatchError):
    """The store is of another version than this program, or holds what was filed from another log."""


class AgentSuperseded(TillwatchError):
    """Another filing agent works on the store."""


class Refused(TillwatchError):
    """An operation that cannot be done as things stand; nothing was changed."""


class NotFound(Refused):
    """There is no such thing, or the person who asks may not see it: the two are not told apart."""


class NotAllowed(Refused):
    """The person's roles do not allow it."""


class Conflict(Refused):
    """Somebody else was faster.

    Attributes:
        holder: who holds the case now; None where nobody does.
        version: the case's version now.
    """

    def __init__(self, message: str, holder: str | None, version: int) -> None:
        super().__init__(message)
        self.holder, self.version = holder, version


class Tampered(TillwatchError):
    """The audit was changed behind the program's back."""


class NotSignedIn(TillwatchError):
    """Nobody is signed in: by no session, or by a password, link or token that is none."""


class Throttled(NotSignedIn):
    """Too many tries failed.

    Attributes:
        wait_ms: until the next one.
    """

    def __init__(self, message: str, wait_ms: int) -> None:
        super().__init__(message)
        self.wait_ms = wait_ms
