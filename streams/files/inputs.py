"""Finished inputs: files read through a door, checked, masked, sorted by time and merged, as one stream of events.

The stream is the same whenever the files are, so that a position in it can be gone on from.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import msgspec
import numpy as np

from domain.alerts import DeadLetter
from domain.events import FUTURE_MS, KIND_DEAD, KIND_TRANSACTION, Reason
from domain.masking import mask_record
from domain.timestamps import iso
from engine.decoding.card_scan import find_stars
from engine.decoding.columns import MISSING, NUMBERS, STRINGS
from engine.decoding.decode import Decoder
from engine.decoding.records import Records
from engine.decoding.scan import OK
from streams.files.misdated import Misdated
from streams.files.reading import Door, Passed, items_of
from streams.files.sorting import EVENT, LETTER, SUSPECT, Sortable, Sorter
from streams.line_intake import masked_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from domain.id_forms import IdForms
    from streams.files.reading import Item

_BATCH = 5_000
_TIME, _RECEIVED = NUMBERS.index("event_time"), NUMBERS.index("received_at")
_MERCHANT = STRINGS.index("merchant_id")


class Origin(NamedTuple):
    """Where a record came from: a file's name, and its line."""

    source: str
    line: int


@dataclass(slots=True)
class Part:
    """Some records of a finished input, in order.

    Attributes:
        lines: events, with line ends.
        origins: where each came from.
        letters: dead letters among them.
        size: bytes of all of them.
        tail: the last of those bytes.
    """

    lines: list[bytes] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    size: int = 0
    tail: bytes = b""


class SortedInput:
    """The events of some files, by time.

    Args:
        files: by name, what opens each.
        door: how they are read.
        feed: of events that name none.
        forms: of identifiers that are no card numbers.
        now_ms: what lies further ahead than ten minutes is refused, UTC milliseconds.
        on_progress: called with the rows read so far.
        sorter: sorts them.

    Attributes:
        rows: how many rows were read.
        passed: rows that are no events and no errors.

    Raises:
        FileRefused: a file cannot be read.
    """

    def __init__(
        self, files: Sequence[tuple[str, Callable[[], BinaryIO]]], door: Door, *, feed: str, forms: IdForms | None,
        now_ms: int, on_progress: Callable[[int], None] = lambda _: None, sorter: Sorter | None = None,
    ) -> None:  # fmt: skip
        self.rows, self.passed = 0, Passed()
        self._last: tuple[int, list[Origin]] = (1, [])
        self._names = [name for name, _ in files]
        self._sorter = sorter or Sorter()
        self._feed, self._now_ms, self._on_progress = feed, now_ms, on_progress
        self._decoder = Decoder(feed)
        if forms:
            self._decoder.id_forms = forms
        self._misdated = [Misdated() for _ in files]
        try:
            for number, (name, opens) in enumerate(files):
                with ExitStack() as stack:
                    stream = stack.enter_context(opens())
                    self._take(number, items_of(stream, name, door, stack, self.passed))
        except BaseException:
            self._sorter.close()
            raise

    def remember(self, first: int, origins: list[Origin]) -> None:
        """Take the places in the order of time of the last events that were handed on: the first's number, from 1."""
        self._last = first, origins

    def origin(self, number: int) -> Origin | None:
        """Where one of the last events came from; None of another number."""
        first, origins = self._last
        return origins[number - first] if 0 <= number - first < len(origins) else None

    def close(self) -> None:
        """Drop what was read."""
        self._sorter.close()

    def beginning(self) -> bytes:
        """The first record in order; b"" of an empty input."""
        return next((each.data for each in self._sorter), b"")

    def parts(self, skip: int = 0) -> Iterator[Part]:
        """The records in order, some thousand at a time.

        Args:
            skip: bytes at the beginning that are passed over, as many as some parts had; the last part that is passed
                over comes without records.
        """
        reached, part = 0, Part()
        for item in self._sorter:
            size = len(item.data) + 1
            if reached < skip:
                reached += size
                part.tail = (part.tail + item.data + b"\n")[-4096:]
                if reached >= skip:
                    part.size = reached
                    yield part
                    part = Part()
                continue
            self._add(part, item)
            if len(part.lines) + len(part.letters) >= _BATCH:
                yield part
                part = Part()
        if part.size or reached < skip:
            part.size = part.size or reached
            yield part

    def _add(self, part: Part, item: Sortable) -> None:
        name, line = self._names[item.file], abs(item.place)
        part.size += len(item.data) + 1
        part.tail = (part.tail + item.data + b"\n")[-4096:]
        if item.flag == LETTER:
            part.letters.append(msgspec.json.decode(item.data, type=DeadLetter))
        elif item.flag == SUSPECT and (message := self._misdated[item.file].verdict(item.ms, item.data)):
            part.letters.append(_letter(name, line, Reason.MISDATED, "event_time", message, item.data))
        else:
            part.lines.append(item.data + b"\n")
            part.origins.append(Origin(name, line))

    def _take(self, number: int, items: Iterator[Item]) -> None:
        """Check, mask and sort the items of one file."""
        misdated, sign, last_ms = self._misdated[number], 0, 0
        waiting: deque[list[Sortable]] = deque()
        while batch := list(islice(items, _BATCH)):
            self.rows += len(batch)
            screened = self._screened(number, batch, last_ms)
            times = [each.ms for each in screened if each.flag == EVENT]
            sign = sign or _direction(times)
            last_ms = screened[-1].ms
            ordered = [each._replace(place=each.place * sign) for each in screened]
            misdated.mark(ordered)
            waiting.append(ordered)
            self._on_progress(self.rows)
            if len(waiting) > 1:
                self._hand_on(misdated, waiting.popleft())
        for each in waiting:
            self._hand_on(misdated, each)

    def _hand_on(self, misdated: Misdated, batch: list[Sortable]) -> None:
        for each in misdated.settled(batch):
            self._sorter.add(each)

    def _screened(self, number: int, batch: list[Item], last_ms: int) -> list[Sortable]:
        """A batch's items, checked and masked, with the times by which they are sorted."""
        name = self._names[number]
        at = [k for k, each in enumerate(batch) if each.letter is None]
        plain = Records.of([batch[k].event for k in at], source=name)
        records = replace(plain, offsets=np.fromiter((batch[k].line for k in at), np.int64, len(at)))
        decoded = self._decoder.decode(records)
        times = decoded.columns.number[_TIME].tolist()
        received = decoded.columns.number[_RECEIVED].tolist()
        kinds, status = decoded.columns.kind.tolist(), decoded.columns.status.tolist()
        merchants = decoded.columns.hash[_MERCHANT].tolist()
        letters = {i: letter for i, _, letter in decoded.dead}
        others = dict(decoded.others)
        found: list[Sortable] = []
        k = 0
        for each in batch:
            letter, event = each.letter, each.event
            if letter is None:
                i, k = k, k + 1
                letter = letters.get(i)
                if kinds[i] != KIND_DEAD:
                    time_ms = times[i] if times[i] != MISSING else others.get(i, {}).get("effective_from", last_ms)
                    if kinds[i] == KIND_TRANSACTION and received[i] == MISSING and time_ms > self._now_ms + FUTURE_MS:
                        letter = _future(name, each.line, time_ms, self._now_ms, event)
                    elif status[i] != OK:
                        masked = masked_line(records, i, event, self._decoder.id_forms, self._feed)
                        letter, event = (masked, b"") if isinstance(masked, DeadLetter) else (None, masked.line)
                    if letter is None:
                        last_ms = received[i] if received[i] != MISSING else time_ms
                        exports = kinds[i] == KIND_TRANSACTION and received[i] == MISSING
                        self._misdated[number].see(merchants[i] if exports else 0)
                        found.append(Sortable(last_ms, number, each.line, EVENT, event))
                        continue
            assert letter is not None
            self._misdated[number].see(0)
            found.append(Sortable(last_ms, number, each.line, LETTER, msgspec.json.encode(letter)))
        return found


def _direction(times: list[int]) -> int:
    """1 where times rather ascend in the file, -1 where they descend."""
    steps = np.sign(np.diff(np.array(times, np.int64)))
    return -1 if int(steps.sum()) < 0 else 1


def _future(name: str, line: int, time_ms: int, now_ms: int, event: bytes) -> DeadLetter:
    ahead_s = (time_ms - now_ms) // 1000
    message = f"event_time must be at most {FUTURE_MS // 1000} s ahead of now, got {ahead_s} s ({iso(time_ms)})"
    return _letter(name, line, Reason.FUTURE, "event_time", message, event)


def _letter(name: str, line: int, reason: str, field_name: str, message: str, event: bytes) -> DeadLetter:
    return DeadLetter(
        reason=reason, field=field_name, message=message, source=name, position=line,
        record=mask_record(event, find_stars),
    )  # fmt: skip
