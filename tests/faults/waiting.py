"""Waiting for things."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL_S = 0.002


def wait_until(holds: Callable[[], object], what: str, timeout_s: float = 60.0, *, poll_s: float = _POLL_S) -> None:
    """Return as soon as `holds`, asked each `poll_s`; raises TimeoutError, which says `what` did not happen."""
    never, give_up_at = threading.Event(), time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"within {timeout_s:g} s it should have been that {what}")
        never.wait(poll_s)
