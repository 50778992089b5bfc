"""What notices fail with, beside a bug and what casework fails with."""

from __future__ import annotations

from domain.errors import TillwatchError


class RoutingError(TillwatchError):
    """A routing file that cannot be; the message names file, line and place, what was expected and what came."""
