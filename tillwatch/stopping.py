"""How processes that go on until they are stopped are stopped."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Inside the block Ctrl-C, SIGTERM and a closed terminal only set the event that is returned."""
    stop = threading.Event()
    before = {each: signal.signal(each, lambda *_: stop.set()) for each in _SIGNALS}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def tie_to_stdin() -> None:
    """Send this process SIGTERM when standard input ends, as it does when the one behind it dies."""

    def wait() -> None:
        with suppress(OSError):  # it came closed
            while os.read(0, 1):  # sys.stdin has a lock that a daemon thread would hold while Python ends
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
