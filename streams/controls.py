"""The topic `controls`: reading it, teaching it to monitors, and publishing to it."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
from mode import get_logger

from domain.cards import mask
from domain.controls import LEAST_AHEAD_MS, MOST_VERSIONS, Control
from domain.errors import TillwatchError
from domain.timestamps import DAY_MS, iso
from engine.controls import Controls, Known, read, standing
from streams.errors import Fenced, LogFailed
from streams.log import now_utc_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from domain.id_forms import IdForms
    from streams.agent import MonitorLike
    from streams.log import Log

logger = get_logger(__name__)

FAR_MS = 400 * DAY_MS
"""A time of effect further ahead of the greatest clock than this is taken for a slip by those who ask people for it."""
_SPEED_S = 30.0
_TRIES = 16
"""Times that version 0 is published anew because another worker came between."""
_PAUSE_S = 0.5
"""The longest pause after the first of them; after the second it is twice as long, and so on."""


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
        kinds: of which there are records, those passed over included.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._topic = log.topics.controls.name
        self._next = log.first_offset(self._topic, 0)
        self.known: tuple[Known, ...] = ()
        self.refused = 0
        self.kinds: set[str] = set()

    def read_all(self) -> tuple[Known, ...]:
        """Read up to the topic's end; everything known."""
        self.poll()
        return self.known

    def id_forms(self) -> IdForms:
        """The forms of identifiers that what is known declares."""
        controls = Controls(())
        controls.learn(self.known)
        return controls.id_forms()

    def poll(self) -> bool:
        """Read what has come; whether something new is known."""
        before = len(self.known)
        while self._next < self._log.end_offset(self._topic, 0):
            records = self._log.read_keyed(self._topic, 0, self._next)
            if not records:
                break
            for each in records:
                self._next = each.offset + 1
                self.kinds.add(each.key.partition(b":")[0].decode(errors="replace"))
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

    def of(self, kind: str) -> list[Known]:
        """Every version of a kind, as they came."""
        return [each for each in self.known if each.control.kind == kind]

    def standing(self, kind: str) -> list[Known]:
        """Those of a kind that are or will be in force, ascending."""
        return standing(self.of(kind))

    def _taken(self, key: bytes, value: bytes) -> Known:
        found = read(value)
        control = found.control
        before, in_force = self.of(control.kind), self.standing(control.kind)
        if key != control.key:
            raise ValueError(f"key must be {control.key.decode()}, got {key.decode(errors='replace')!r}")
        if len(before) == MOST_VERSIONS:
            raise ValueError(f"{control.kind} must be at most {MOST_VERSIONS} versions, this is one more")
        if before and control.version <= before[-1].control.version:
            raise ValueError(f"version must be above {before[-1].control.version}, got {control.version}")
        if control.withdraws is not None:
            target = withdrawable(in_force, control.withdraws)
            if control.effective_from != target.effective_from:
                raise ValueError(f"effective_from must be {target.effective_from}, got {control.effective_from}")
        elif in_force and control.effective_from <= (least := in_force[-1].control.effective_from):
            raise ValueError(f"effective_from must be above {least}, got {control.effective_from}")
        return found


def withdrawable(in_force: Sequence[Known], version: int) -> Control:
    """A version that may be withdrawn, if that is in time: the first of a kind is in force from the beginning.

    Args:
        in_force: the versions of a kind that are or will be in force, ascending.
        version: which.

    Raises:
        ValueError: it is none of them, or the first.
    """
    later = {each.control.version: each.control for each in in_force[1:]}
    if version not in later:
        names = ", ".join(map(str, later)) or "none"
        raise ValueError(f"version to withdraw must be one of those that take effect later ({names}), got {version}")
    return later[version]


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
        self._shown = 0

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

    def fresh(self) -> list[Control]:
        """The versions that were read since the last call."""
        if self._reader is None:
            return []
        found, self._shown = self._reader.known[self._shown :], len(self._reader.known)
        return [each.control for each in found]

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
    log: Log, kind: str, body: bytes, *, effective_ms: int | None, by: str, zero: bytes
) -> tuple[Control, ...]:  # fmt: skip
    """Publish the next version of a kind.

    Args:
        log: where.
        kind: of what.
        body: JSON, as `Control.body` has it.
        effective_ms: from when on, by merchants' clocks; None for the beginning of time, which can only be where
            nothing of the kind was published and no worker has processed anything.
        by: who publishes.
        zero: version 0, for a log that has no version of the kind. It is published before the first version that takes
            effect later, for what was judged by it must be known for ever.

    Returns:
        What was published.

    Raises:
        NotPublished: it says what cannot be, takes effect too early, or somebody published at the same time.
    """

    def next_ones(reader: ControlsReader) -> tuple[Control, ...]:
        return _next(reader, *reached(log), kind, body, effective_ms, mask(by), zero)

    return _published(log, kind, next_ones)


def withdraw(log: Log, kind: str, version: int, *, by: str) -> Control:
    """Withdraw a version before any clock reaches it; that is recorded as a version of its own.

    Raises:
        NotPublished: there is no such version, it may be in force already, or somebody published at the same time.
    """

    def withdrawal(reader: ControlsReader) -> tuple[Control, ...]:
        clock_ms, least_ms = reached(log)
        try:
            target = withdrawable(reader.standing(kind), version)
        except ValueError as error:
            raise NotPublished(str(error)) from error
        if target.effective_from <= least_ms:
            raise NotPublished(
                f"version {version} of {kind} must take effect after {iso(least_ms)} to be withdrawn, and does from"
                f" {iso(target.effective_from)}: clocks are at {iso(clock_ms)}; publish the version before it again"
            )
        last = reader.of(kind)[-1].control.version
        _check_room(reader, kind, 1)
        return (_control(kind, last + 1, target.effective_from, b"null", mask(by), withdraws=version),)

    (made,) = _published(log, kind, withdrawal)
    return made


def publish_first(log: Log, bodies: Mapping[str, bytes], *, by: str) -> tuple[Control, ...]:
    """Publish version 0 of the kinds that have no version yet, not even one that this version cannot read.

    Args:
        log: where.
        bodies: version 0, by kind.
        by: who publishes.

    Returns:
        What was published; nothing where every kind has a version.

    Raises:
        NotPublished: a body says what cannot be, or others publish on and on.
    """

    def first_ones(reader: ControlsReader) -> tuple[Control, ...]:
        missing = [kind for kind in bodies if kind not in reader.kinds]
        return tuple(_control(kind, 0, 0, bodies[kind], mask(by)) for kind in missing)

    for turn in range(_TRIES):
        if not first_ones(_read(log)):
            return ()
        try:
            return _published(log, "controls", first_ones)
        except NotPublished as error:
            if turn == _TRIES - 1 or not isinstance(error.__cause__, Fenced):
                raise
        # Workers that start together would go on ending each other.
        time.sleep(random.uniform(0, _PAUSE_S * (turn + 1)))  # noqa: S311  not for secrets
    raise AssertionError


def _read(log: Log) -> ControlsReader:
    reader = ControlsReader(log)
    reader.read_all()
    return reader


def _published(
    log: Log, what: str, next_ones: Callable[[ControlsReader], tuple[Control, ...]]
) -> tuple[Control, ...]:  # fmt: skip
    """Append what follows from all that was published, unless somebody comes between."""
    try:
        with log.transaction(writer="controls"):  # who comes between ends us: what was read below is in force still
            made = next_ones(_read(log))
            raw = [msgspec.json.encode(each) for each in made]
            for each in raw:
                _readable(each)
            if made:
                log.append(log.topics.controls.name, 0, raw, keys=[each.key for each in made])
    except Fenced as error:
        raise NotPublished(f"{what} must be published by one at a time, and another came between: try again") from error
    return made


def _readable(raw: bytes) -> None:
    try:
        read(raw)
    except ValueError as error:
        raise NotPublished(str(error)) from error


def _control(
    kind: str, version: int, effective_from: int, body: bytes, by: str, *, withdraws: int | None = None
) -> Control:  # fmt: skip
    return Control(
        kind=kind, version=version, effective_from=effective_from, body=msgspec.Raw(body), published_by=by,
        published_ms=now_utc_ms(), withdraws=withdraws,
    )  # fmt: skip


def _check_room(reader: ControlsReader, kind: str, more: int) -> None:
    if len(reader.of(kind)) + more > MOST_VERSIONS:
        raise NotPublished(f"{kind} must be at most {MOST_VERSIONS} versions, this is one more")


def _next(
    reader: ControlsReader, clock_ms: int, least_ms: int, kind: str, body: bytes, effective_ms: int | None, by: str,
    zero: bytes,
) -> tuple[Control, ...]:  # fmt: skip
    """What is to be published."""
    before = reader.of(kind)
    if effective_ms is None:
        if before or clock_ms:
            raise NotPublished(f"effective_from must be given: {kind} are in force already")
        return (_control(kind, 1, 0, body, by),)
    if before:
        least_ms = max(least_ms, reader.standing(kind)[-1].control.effective_from)
    if effective_ms <= least_ms:
        raise NotPublished(
            f"effective_from must be after {iso(least_ms)}, got {iso(effective_ms)}: clocks are at {iso(clock_ms)}, and"
            " every worker must know it in time"
        )
    _check_room(reader, kind, 1 if before else 2)
    if before:
        return (_control(kind, before[-1].control.version + 1, effective_ms, body, by),)
    return _control(kind, 0, 0, zero, by), _control(kind, 1, effective_ms, body, by)
