"""The thread that takes posted events into the log: what waits meanwhile goes into one transaction."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from mode import get_logger

from domain.errors import TillwatchError
from streams.errors import Fenced, LogFailed
from streams.input_state import InputRefused
from streams.posted import KeyTaken, Posted, PostedInput, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.log import Log
    from streams.pan_field import PanField

logger = get_logger(__name__)

MOST_WAITING_BYTES = 32 << 20
"""Bytes of events that wait to be taken, at most, requests of which one alone is larger aside."""
BUSY_MS = 1_000
"""How long who comes then is told to wait: as much is taken in about that time."""
_TOGETHER_BYTES, _TOGETHER_ITEMS = 8 << 20, 20_000
"""What is taken in one transaction, at most, if it is more than one request."""
_CLOSE_S = 10.0


class Busy(TillwatchError):
    """As much waits to be taken as may.

    Attributes:
        wait_ms: until it is worth trying again.
    """

    def __init__(self, waiting_bytes: int) -> None:
        super().__init__(f"events that wait to be appended must be less, got {waiting_bytes} bytes: try again later")
        self.wait_ms = BUSY_MS


_Waiting = tuple[Posted, "Future[Receipt]"]


class Receiver:
    """Takes requests from any thread, and hands them to a `PostedInput` on a thread of its own.

    The log is opened with the first request, and anew after a failure: what was read of it may be wrong then.

    Args:
        open_log: opens the log; may raise NoLog, LogFailed.
        name, feeds, overlap_s, pan_field: as of `PostedInput`.
        most_bytes: of events that wait.

    Attributes:
        trouble: why the last transaction failed; "" where it did not.
    """

    def __init__(
        self, open_log: Callable[[], Log], name: str, feeds: Sequence[str] = ("main",), overlap_s: int = 86_400,
        pan_field: PanField | None = None, most_bytes: int = MOST_WAITING_BYTES,
    ) -> None:  # fmt: skip
        self._open_log, self._name, self._feeds, self._overlap_s = open_log, name, feeds, overlap_s
        self._pan_field, self._most_bytes = pan_field, most_bytes
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._has_ended = False
        self.trouble = ""

    def check_room(self) -> None:
        """Refuse before a request is read what would be refused then; raises Busy."""
        if self._waiting_bytes >= self._most_bytes:
            raise Busy(self._waiting_bytes)

    def submit(self, request: Posted) -> Future[Receipt]:
        """Have a request taken; the future has its receipt once that is durable.

        The future may raise KeyTaken, NoLog and LogFailed; after the last the outcome is not known.

        Raises:
            Busy: too much waits.
            LogFailed: the receiver was closed.
        """
        future: Future[Receipt] = Future()
        size = request.size
        with self._lock:
            if self._has_ended:
                raise LogFailed("events are not taken any more: the server ends")
            if self._waiting_bytes and self._waiting_bytes + size > self._most_bytes:
                raise Busy(self._waiting_bytes)
            self._waiting_bytes += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="posted-events", daemon=True)
                self._thread.start()
            self._waiting.put((request, future))
        return future

    def close(self) -> None:
        """Take what waits, and end."""
        with self._lock:
            self._has_ended = True
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join(_CLOSE_S)

    def _run(self) -> None:
        together = self._next()
        while together is not None:
            together = self._serve(together)

    def _serve(self, together: list[_Waiting] | None) -> list[_Waiting] | None:
        """Take requests until the end, or a failure; those that come next then, None at the end."""
        try:
            with self._open_log() as log:
                posted = PostedInput(log, self._name, self._feeds, self._overlap_s, self._pan_field)
                while together is not None:
                    self._answer(together, posted.take([request for request, _ in together]))
                    together = self._next()
                return None
        except Exception as error:  # noqa: BLE001  who waits for it is told, whatever it is
            self._fail(together or [], error)
            return self._next()

    def _next(self) -> list[_Waiting] | None:
        """What waits, as much as is taken at once; waits until something does. None at the end."""
        together: list[_Waiting] = []
        size = count = 0
        while not together or (size < _TOGETHER_BYTES and count < _TOGETHER_ITEMS):
            try:
                found = self._waiting.get(block=not together)
            except queue.Empty:
                break
            if found is None:
                if not together:
                    return None
                self._waiting.put(None)  # for the next call
                break
            request, future = found
            if future.set_running_or_notify_cancel():
                together.append(found)
                size, count = size + request.size, count + len(request.items)
            else:  # whoever sent it has gone
                self._let_go(request)
        return together

    def _answer(self, together: list[_Waiting], made: list[Receipt | KeyTaken]) -> None:
        self.trouble = ""
        for (request, future), each in zip(together, made, strict=True):
            self._let_go(request)
            if isinstance(each, KeyTaken):
                future.set_exception(each)
            else:
                future.set_result(each)

    def _fail(self, together: list[_Waiting], error: Exception) -> None:
        told = LogFailed(str(error)) if isinstance(error, (Fenced, InputRefused)) else error
        self.trouble = str(error) or type(error).__name__
        logger.error("posted events were not taken: %s", self.trouble, exc_info=not isinstance(error, TillwatchError))
        for request, future in together:
            self._let_go(request)
            future.set_exception(told)

    def _let_go(self, request: Posted) -> None:
        with self._lock:
            self._waiting_bytes -= request.size
