"""Intake: JSON lines into the log. Validates, masks, keys, stamps, and commits its position."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from domain import cards, events
from domain.alerts import DeadLetter
from domain.events import Reason
from engine.columns import MISSING, NUMBERS, STRINGS
from engine.decode import Decoder, dead_letter
from engine.hashing import partitions_of
from engine.records import Records
from engine.scan import DEAD, OK, OTHER
from streams.sqlite_log import now_utc_ms
from streams.topics import DEAD_LETTERS, EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from numpy.typing import NDArray

    from engine.decode import Decoded
    from streams.sqlite_log import SqliteLog

CLOCK_LAG_MS = 120_000
"""How far a feed's clock stays behind its latest transaction until its input ends: room for disorder."""
_CHUNK_BYTES = 2_000_000
_MINUTE_MS = 60_000
_TIME, _RECEIVED = NUMBERS.index("event_time"), NUMBERS.index("received_at")
_MERCHANT, _FEED = STRINGS.index("merchant_id"), STRINGS.index("feed")


@dataclass(frozen=True, slots=True)
class IntakeTotals:
    """What an intake did, its earlier runs under the same name not counted.

    Attributes:
        lines: lines read.
        forwarded: events appended.
        dead_letters: lines that became dead letters.
        skipped_lines: blank lines.
        bytes_read: of the input, from its beginning: the position to go on from.
    """

    lines: int = 0
    forwarded: int = 0
    dead_letters: int = 0
    skipped_lines: int = 0
    bytes_read: int = 0


def ingest(
    log: SqliteLog, lines: BinaryIO, *, name: str, feed: str = "main", historic: bool = False,
    on_progress: Callable[[IntakeTotals], None] | None = None,
) -> IntakeTotals:  # fmt: skip
    """Append every event of `lines`, one JSON object a line, to its merchant's partition of `events`.

    A line that is no event becomes a dead letter with its line number. The position is committed with the records,
    so an intake of the same name goes on where the last one stopped. A clock record of the feed goes to every
    partition each event-minute and at the end, unless the input brings clock records of its own.

    Args:
        log: has the topics.
        lines: the input; one that cannot seek is read up to the position.
        name: what the position is kept under.
        feed: given to events that name none.
        historic: whether the events are of the past: receipt is then the event time, else the wall clock.
        on_progress: called after each chunk.

    Raises:
        ValueError: the input is shorter than what was taken from it before.
    """
    intake = _Intake(log, name, feed, historic=historic)
    intake.go_on(lines)
    while chunk := lines.readlines(_CHUNK_BYTES):
        intake.take(chunk)
        if on_progress:
            on_progress(intake.totals)
    intake.end()
    return intake.totals


class _Intake:
    """One run of `ingest`."""

    def __init__(self, log: SqliteLog, name: str, feed: str, *, historic: bool) -> None:
        self.totals = IntakeTotals()
        self._log, self._name, self._feed, self._historic = log, name, feed, historic
        self._partitions = log.partitions(EVENTS.name)
        self._decoder = Decoder()
        self._line = log.position(f"{name}/lines") or 0
        self._clock_ms = log.position(f"{name}/clock") or 0
        self._latest_ms = log.position(f"{name}/latest") or 0
        self._own_clock = bool(log.position(f"{name}/own-clock"))

    def go_on(self, lines: BinaryIO) -> None:
        """Pass over what was taken before."""
        done = self._log.position(self._name) or 0
        if done:
            reached = lines.seek(0, 2) if lines.seekable() else len(lines.read(done))
            if reached < done:
                raise ValueError(f"input {self._name} must have the {done} bytes taken before, got {reached}")
            if lines.seekable():
                lines.seek(done)
        self.totals = IntakeTotals(bytes_read=done)

    def take(self, chunk: list[bytes]) -> None:
        """Append a chunk of lines and commit the position behind it."""
        first = self._line + 1
        self._line += len(chunk)
        numbered = [(first + k, line.strip()) for k, line in enumerate(chunk)]
        numbered = [each for each in numbered if each[1]]
        out = _Out(self._partitions)
        for k in range(0, len(numbered), 5000):
            self._sort(numbered[k : k + 5000], out)
        was = self.totals
        self.totals = IntakeTotals(
            was.lines + len(chunk), was.forwarded + out.forwarded, was.dead_letters + len(out.letters),
            was.skipped_lines + len(chunk) - len(numbered), was.bytes_read + sum(map(len, chunk)),
        )  # fmt: skip
        self._commit(out)

    def end(self) -> None:
        """Tell every partition that everything up to the latest transaction was forwarded."""
        out = _Out(self._partitions)
        if self._latest_ms > self._clock_ms and not self._own_clock:
            self._clock_ms = self._latest_ms
            out.everywhere(_clock(self._feed, self._latest_ms))
        self._commit(out)

    def _commit(self, out: _Out) -> None:
        with self._log.transaction():
            out.append(self._log)
            self._log.set_position(self._name, self.totals.bytes_read)
            self._log.set_position(f"{self._name}/lines", self._line)
            self._log.set_position(f"{self._name}/clock", self._clock_ms)
            self._log.set_position(f"{self._name}/latest", self._latest_ms)
            self._log.set_position(f"{self._name}/own-clock", int(self._own_clock))

    def _sort(self, numbered: list[tuple[int, bytes]], out: _Out) -> None:
        """Put each line where it goes."""
        records = replace(
            Records.of([line for _, line in numbered], source=self._name),
            offsets=np.fromiter((number for number, _ in numbered), np.int64, len(numbered)),
        )
        decoded = self._decoder.decode(records)
        columns, now_ms = decoded.columns, now_utc_ms()
        status = columns.status.tolist()
        letters = dict(decoded.dead)
        times = columns.number[_TIME].tolist()
        received = columns.number[_RECEIVED].tolist()
        no_feed = (columns.hash[_FEED] == 0).tolist()
        partition = _partitions(decoded, self._partitions)
        others = dict(decoded.others)
        clocks = (event for event in others.values() if event["type"] == "clock")
        self._own_clock |= any(event["feed"] == self._feed for event in clocks)
        for i, (_, raw) in enumerate(numbered):
            if status[i] == DEAD:
                out.letters.append(letters[i])
                continue
            if status[i] == OTHER and others[i]["type"] == "clock":
                out.everywhere(raw)
                out.forwarded += 1
                continue
            receipt = min(times[i], now_ms) if self._historic and times[i] != MISSING else now_ms
            if received[i] != MISSING and received[i] > now_ms + events.FUTURE_MS:
                out.letters.append(_received_ahead(records, i, received[i] - now_ms))
                continue
            stamp = b""
            if received[i] == MISSING:
                stamp = b'"received_at":%d,' % receipt
            if no_feed[i]:
                stamp += b'"feed":%s,' % msgspec.json.encode(self._feed)
            if status[i] != OK:
                masked = _masked(records, i, raw)
                if isinstance(masked, DeadLetter):
                    out.letters.append(masked)
                    continue
                raw = masked  # noqa: PLW2901  the line goes on as its masked self
            if status[i] != OTHER:
                self._tick(times[i], receipt if received[i] == MISSING else received[i], out)
            out.values[partition[i]].append(_stamped(raw, stamp))
            out.forwarded += 1

    def _tick(self, time_ms: int, received_ms: int, out: _Out) -> None:
        """Let the feed's clock follow a transaction that the workers will accept."""
        if time_ms <= received_ms + events.FUTURE_MS and time_ms > self._latest_ms:
            self._latest_ms = time_ms
            minute_ms = (time_ms - CLOCK_LAG_MS) // _MINUTE_MS * _MINUTE_MS
            if minute_ms > self._clock_ms and not self._own_clock:
                self._clock_ms = minute_ms
                out.everywhere(_clock(self._feed, minute_ms))


class _Out:
    """What a chunk gives, by partition."""

    def __init__(self, partitions: int) -> None:
        self.values: list[list[bytes]] = [[] for _ in range(partitions)]
        self.letters: list[DeadLetter] = []
        self.forwarded = 0

    def everywhere(self, value: bytes) -> None:
        """Append to every partition."""
        for values in self.values:
            values.append(value)

    def append(self, log: SqliteLog) -> None:
        """Append everything to the log."""
        for partition, values in enumerate(self.values):
            if values:
                log.append(EVENTS.name, partition, values)
        if self.letters:
            log.append(DEAD_LETTERS.name, 0, [msgspec.json.encode(each) for each in self.letters])


def _partitions(decoded: Decoded, partitions: int) -> NDArray[np.int32]:
    """Where each record's merchant belongs; of records that have none, anything."""
    columns = decoded.columns
    usable = (columns.status != DEAD) & (columns.hash[_MERCHANT] != 0)
    start = np.where(usable, columns.start[_MERCHANT], 0).astype(np.int32)
    length = np.where(usable, columns.length[_MERCHANT], 0).astype(np.int32)
    return partitions_of(decoded.data, start, length, partitions)


def _stamped(raw: bytes, stamp: bytes) -> bytes:
    # A key that is null or empty is missing; the last of two counts, so the stamp goes behind it.
    return raw if not stamp else raw[: raw.rindex(b"}")] + b"," + stamp[:-1] + b"}"


def _clock(feed: str, time_ms: int) -> bytes:
    return msgspec.json.encode({"type": "clock", "feed": feed, "event_time": time_ms})


def _masked(records: Records, i: int, raw: bytes) -> bytes | DeadLetter:
    """The line with card numbers in its free text masked; a dead letter where that is not enough."""
    try:
        event, changed = cards.mask_event(msgspec.json.decode(raw))
    except cards.CardDataError as error:
        return dead_letter(records, i, error.reason, error.field, str(error))
    return msgspec.json.encode(event) if changed else raw


def _received_ahead(records: Records, i: int, ahead_ms: int) -> DeadLetter:
    return dead_letter(
        records, i, Reason.FUTURE, "received_at",
        f"received_at must be at most {events.FUTURE_MS // 1000} s ahead of now, got {ahead_ms // 1000} s",
    )  # fmt: skip
