"""The topic `controls`: reading it, teaching it to monitors, and publishing to it."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
from mode import get_logger

from domain.cards import mask
from domain.controls import LEAST_AHEAD_MS, MOST_VERSIONS, Control
from domain.errors import TillwatchError
from domain.timestamps import iso
from engine.controls import Known, read
from streams.errors import Fenced, LogFailed
from streams.log import now_utc_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from domain.controls import Kind
    from streams.agent import MonitorLike
    from streams.log import Log

logger = get_logger(__name__)

_SPEED_S = 30.0


class NotPublished(TillwatchError):
    """A version cannot be published as it was asked for; nothing was written."""


class ControlsReader:
    """Reads the topic on and on, and knows every version in it.

    A record that is none, that says what cannot be, or whose version or time of effect does not ascend within its kind
    is passed over, with an error in the log. So every reader knows the same of the same records.

    Args:
        log: has the topic.

    Attributes:
        known: every version, as they came.
        refused: records passed over.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._topic = log.topics.controls.name
        self._next = log.first_offset(self._topic, 0)
        self.known: tuple[Known, ...] = ()
        self.refused = 0

    def read_all(self) -> tuple[Known, ...]:
        """Read up to the topic's end; everything known."""
        self.poll()
        return self.known

    def poll(self) -> bool:
        """Read what has come; whether something new is known."""
        before = len(self.known)
        while self._next < self._log.end_offset(self._topic, 0):
            records = self._log.read_keyed(self._topic, 0, self._next)
            if not records:
                break
            for each in records:
                self._next = each.offset + 1
                try:
                    self.known += (self._taken(each.key, each.value),)
                except ValueError as error:
                    self.refused += 1
                    logger.error("record %d of %s is passed over: %s", each.offset, self._topic, error)  # noqa: TRY400
        return len(self.known) > before

    def teach(self, monitors: Iterable[MonitorLike]) -> int:
        """Have monitors know everything known here; how many versions they learned too late."""
        count = 0
        for each in monitors:
            late = each.learn(self.known)
            for control in late:
                logger.warning(
                    "version %d of %s was learned too late: a merchant's clock has passed %s; a replay will differ",
                    control.version, control.kind, iso(max(0, control.effective_from)),
                )  # fmt: skip
            count += len(late)
        return count

    def newest(self, kind: Kind) -> Control | None:
        """The last version of a kind; None where nothing was published."""
        return next((each.control for each in reversed(self.known) if each.control.kind == kind), None)

    def _taken(self, key: bytes, value: bytes) -> Known:
        found = read(value)
        control, before = found.control, self.newest(found.control.kind)
        if key != control.key:
            raise ValueError(f"key must be {control.key.decode()}, got {key.decode(errors='replace')!r}")
        if before is not None:
            for name in ("version", "effective_from"):
                if getattr(control, name) <= getattr(before, name):
                    raise ValueError(f"{name} must be above {getattr(before, name)}, got {getattr(control, name)}")
        if sum(each.control.kind == control.kind for each in self.known) == MOST_VERSIONS:
            raise ValueError(f"{control.kind} must be at most {MOST_VERSIONS} versions, this is one more")
        return found


class ControlsWatch:
    """Reads the topic beside a worker's loop, in a thread of its own.

    Args:
        open_log: opens the log for that thread.
    """

    def __init__(self, open_log: Callable[[], Log]) -> None:
        self._open_log = open_log
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="controls")
        self._log: Log | None = None
        self._reader: ControlsReader | None = None

    async def read(self) -> None:
        """Read up to the topic's end; raises what the log does."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._read)

    async def look(self) -> None:
        """The same, but for a log that does not answer: then the next look reads more."""
        try:
            await self.read()
        except LogFailed as error:
            logger.warning("the controls cannot be read (%s); trying again", error)

    def _read(self) -> None:
        if self._reader is None:
            self._log = self._log or self._open_log()
            self._reader = ControlsReader(self._log)
        self._reader.poll()

    def teach(self, monitors: Iterable[MonitorLike]) -> int:
        """Have monitors know everything that was read; how many versions they learned too late."""
        return self._reader.teach(monitors) if self._reader is not None else 0

    async def close(self) -> None:
        """End the thread and let go of the log."""
        await asyncio.to_thread(self._pool.shutdown)
        if self._log is not None:
            await asyncio.to_thread(self._log.close)


class Pace:
    """How far the clocks of some monitors are, and how fast they go.

    Attributes:
        clock_ms: the greatest that a feed told, or that a merchant's clock has reached; 0 before the first.
        speed: how many times as fast as the wall clock it went lately, at least 1.
    """

    def __init__(self) -> None:
        self.clock_ms, self.speed = 0, 1.0
        self._samples: deque[tuple[float, int]] = deque()

    def look(self, now_s: float, monitors: Iterable[MonitorLike]) -> None:
        """Look at the clocks.

        Args:
            now_s: a clock that only goes forward.
            monitors: whose.
        """
        for each in monitors:
            self.clock_ms = max(self.clock_ms, each.reached_ms, *each.feeds.values())
        if self.clock_ms == 0:
            return
        self._samples.append((now_s, self.clock_ms))
        while len(self._samples) > 2 and self._samples[1][0] <= now_s - _SPEED_S:
            self._samples.popleft()
        since_s, before_ms = self._samples[0]
        if now_s > since_s:
            self.speed = max(1.0, (self.clock_ms - before_ms) / 1000 / (now_s - since_s))

    def rest(self) -> None:
        """The clocks stand still from now on: who goes on with them knows first what was published."""
        self._samples.clear()
        self.speed = 1.0


def reached(log: Log) -> tuple[int, int]:
    """The greatest clock that a worker on the log has shown, and what a new version must take effect after, ms.

    Both are 0 where none has processed anything.
    """
    clock_ms, speed = 0, 1.0
    for each in log.progress():
        clock_ms = max(clock_ms, each.clock_ms)
        if now_utc_ms() - each.updated_ms <= _SPEED_S * 1000:  # else it ended, or nothing comes
            speed = max(speed, each.speed)
    return clock_ms, clock_ms + round(LEAST_AHEAD_MS * speed) if clock_ms else 0


def publish(
    log: Log, kind: Kind, body: bytes, *, effective_ms: int | None, by: str, zero: bytes
) -> tuple[Control, ...]:  # fmt: skip
    """Publish the next version of a kind.

    Args:
        log: where.
        kind: of what.
        body: JSON, as `Control.body` has it.
        effective_ms: from when on, by merchants' clocks; None for the beginning of time, which can only be where
            nothing of the kind was published and no worker has processed anything.
        by: who publishes.
        zero: what the settings say of the kind. It is published as version 0 before the first version that takes
            effect later, for what was judged by it must be known for ever.

    Returns:
        What was published.

    Raises:
        NotPublished: it says what cannot be, takes effect too early, or somebody published at the same time.
    """
    reader = ControlsReader(log)
    try:
        with log.transaction(writer="controls"):  # who comes between ends us: what was read below is in force still
            reader.read_all()
            made = _next(reader, *reached(log), kind, body, effective_ms, mask(by), zero)
            raw = [msgspec.json.encode(each) for each in made]
            for each in raw:
                _readable(each)
            log.append(log.topics.controls.name, 0, raw, keys=[each.key for each in made])
    except Fenced as error:
        raise NotPublished(f"{kind} must be published by one at a time, and another came between: try again") from error
    return made


def _readable(raw: bytes) -> None:
    try:
        read(raw)
    except ValueError as error:
        raise NotPublished(str(error)) from error


def _next(
    reader: ControlsReader, clock_ms: int, least_ms: int, kind: Kind, body: bytes, effective_ms: int | None, by: str,
    zero: bytes,
) -> tuple[Control, ...]:  # fmt: skip
    """What is to be published."""
    last = reader.newest(kind)

    def control(version: int, effective_from: int, body: bytes) -> Control:
        return Control(
            kind=kind, version=version, effective_from=effective_from, body=msgspec.Raw(body), published_by=by,
            published_ms=now_utc_ms(),
        )  # fmt: skip

    if effective_ms is None:
        if last is not None or clock_ms:
            raise NotPublished(f"effective_from must be given: {kind} are in force already")
        return (control(1, 0, body),)
    if last is not None:
        least_ms = max(least_ms, last.effective_from)
    if effective_ms <= least_ms:
        raise NotPublished(
            f"effective_from must be after {iso(least_ms)}, got {iso(effective_ms)}: clocks are at {iso(clock_ms)}, and"
            " every worker must know it in time"
        )
    mine = [each for each in reader.known if each.control.kind == kind]
    if len(mine) + (2 if last is None else 1) > MOST_VERSIONS:
        raise NotPublished(f"{kind} must be at most {MOST_VERSIONS} versions, this is one more")
    later = control(1 if last is None else last.version + 1, effective_ms, body)
    return (later,) if last is not None else (control(0, 0, zero), later)
