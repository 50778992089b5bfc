"""Intake: JSON lines into the log. Validates, masks, keys, stamps, and commits its position."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from mode import get_logger

from engine.decoding.decode import Refused, parse
from engine.features.state import MAX_FEEDS
from streams.files.inputs import Part, SortedInput
from streams.input_state import InputRefused, InputState, check_name, key_of
from streams.line_intake import CLOCK_LAG_MS, CUT_BYTES, LineProcessor, ProcessedLines
from streams.log import now_utc_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from typing import BinaryIO

    from domain.alerts import DeadLetter
    from streams.files.inputs import Origin
    from streams.log import Log
    from streams.pan_field import PanField

logger = get_logger(__name__)

__all__ = ["CLOCK_LAG_MS", "InputRefused", "IntakeTotals", "chunks", "ingest", "was_taken"]

_CHUNK_BYTES = 2_000_000
_MARK_BYTES = 4096
_BOM = b"\xef\xbb\xbf"
"""What some programs begin a file in UTF-8 with; several of their files joined have it within, too."""


@dataclass(frozen=True, slots=True)
class IntakeTotals:
    """What an intake did, its earlier runs under the same name not counted.

    Attributes:
        lines: lines read.
        forwarded: events appended.
        dead_letters: lines that became dead letters.
        skipped_lines: blank lines.
        bytes_read: of the input, from its beginning: the position to go on from.
        unfinished_bytes: of a last line that has no end yet and is left for the next run.
        cut_texts: texts of unknown fields that were longer than `domain.masking.MAX_UNKNOWN_CHARS`, and cut.
        passed_clocks: clock records that were passed over, for they lie behind their feed's, or it is not declared.
        repeated: lines left out, for other inputs have forwarded the same under their feed.
        undeclared: records that named a feed that is not declared; but for clock records they count under the input's.
        undeclared_feeds: the first 64 of those names.
    """

    lines: int = 0
    forwarded: int = 0
    dead_letters: int = 0
    skipped_lines: int = 0
    bytes_read: int = 0
    unfinished_bytes: int = 0
    cut_texts: int = 0
    passed_clocks: int = 0
    repeated: int = 0
    undeclared: int = 0
    undeclared_feeds: tuple[str, ...] = ()


def ingest(
    log: Log, lines: BinaryIO | SortedInput, *, name: str, feed: str = "main", historic: bool = False,
    on_progress: Callable[[IntakeTotals], None] | None = None, pan_field: PanField | None = None,
    feeds: Collection[str] = (), overlap_s: int = 86_400,
    on_letters: Callable[[Sequence[DeadLetter]], None] = lambda _: None,
) -> IntakeTotals:  # fmt: skip
    """Append every event of `lines`, one JSON object a line, to its merchant's partition of `events`.

    A line that is no event becomes a dead letter with its line number. The position is committed with the records,
    so an intake of the same name goes on where the last one stopped. A clock record of each feed goes to every
    partition each event-minute, unless the input brings clock records of that feed that keep up with it, and at the
    end.

    Args:
        log: has the topics.
        lines: the input; what a pipe holds is taken as it comes. One that cannot seek is read up to the position. Of a
            finished input the position is one in the order by time.
        name: what the position is kept under.
        feed: given to events that name none.
        historic: whether the events are of the past: receipt is then the event time, else the wall clock.
        on_progress: called after each chunk.
        pan_field: makes tokens of a field with card numbers.
        feeds: declared besides `feed`; the log knows them from then on. An event that names no declared feed counts
            under `feed`.
        overlap_s: how far behind the latest transaction that other inputs had forwarded under a feed when this one
            began, seconds, records are left out that those have forwarded.
        on_letters: called with the dead letters of each chunk.

    Raises:
        InputRefused: the name holds a card number; the input is not the one taken from before, or another intake takes
            it at the same time; a feed's name is none, or the log has no room for it.
        Fenced: on Kafka, another intake of the name has begun and takes the rest.
    """
    intake = _Intake(log, name, feed, feeds, overlap_s, historic=historic, pan_field=pan_field)
    intake.on_letters = on_letters
    if isinstance(lines, SortedInput):
        for part in intake.parts_of(lines):
            intake.take_part(part)
            if on_progress:
                on_progress(intake.totals)
        intake.end()
        return intake.totals
    intake.go_on(lines)
    for chunk in chunks(lines):
        if not chunk.unfinished or not lines.seekable() or _is_whole(chunk.lines[0]):
            intake.take(chunk)
        else:  # somebody is still writing it
            intake.totals = replace(intake.totals, unfinished_bytes=chunk.size)
        if on_progress:
            on_progress(intake.totals)
    intake.end()
    return intake.totals


def was_taken(log: Log, name: str, lines: BinaryIO) -> bool | None:
    """Whether an input of a name was taken as its bytes stand, up to some position in it; None of one that is new.

    Of an input that was sorted nothing is read: how it was taken stands in the log.
    """
    key = key_of(log, name)
    done = log.position(key) or 0
    if not done:
        return None
    if log.position(f"{key}/sorted"):
        return False
    if lines.seek(0, 2) < done:
        return None
    lines.seek(max(0, done - _MARK_BYTES))
    return _mark(lines.read(min(done, _MARK_BYTES))) == log.position(f"{key}/mark") or None


class Chunk(NamedTuple):
    """Some lines of an input.

    Attributes:
        lines: with their ends, without a byte order mark; of one that is longer than a record may be, its beginning,
            cut so that it still is.
        size: bytes of the input that they took.
        tail: the last of those bytes, at most 4,096.
        unfinished: whether they are one last line without an end.
    """

    lines: list[bytes]
    size: int
    tail: bytes
    unfinished: bool = False


def chunks(lines: BinaryIO) -> Iterator[Chunk]:
    """The input's lines, as many at a time as are there, up to 2 MB; a line without an end takes little memory."""
    read = getattr(lines, "read1", lines.read)  # which does not wait for more than there is
    begun, size, tail = b"", 0, b""  # of the line that has no end yet
    while data := read(_CHUNK_BYTES):
        cut = data.rfind(b"\n") + 1
        if cut:
            first, *found = data[:cut].split(b"\n")[:-1]
            whole = [_cut(begun + first[:CUT_BYTES]), *map(_cut, found)]
            if whole[0].startswith(_BOM) or (_BOM[:1] in data and _BOM in data):  # one byte is looked for faster
                whole = [each.removeprefix(_BOM) for each in whole]
            yield Chunk(
                [each + b"\n" for each in whole],
                size + cut,
                (tail + data[max(0, cut - _MARK_BYTES) : cut])[-_MARK_BYTES:],
            )
            begun, size, tail = b"", 0, b""
            data = data[cut:]
        if data:
            begun = _cut(begun + data[:CUT_BYTES])
            size, tail = size + len(data), (tail + data[-_MARK_BYTES:])[-_MARK_BYTES:]
    if size:
        yield Chunk([begun.removeprefix(_BOM)], size, tail, unfinished=True)


def _cut(line: bytes) -> bytes:
    return line[:CUT_BYTES]


def _is_whole(line: bytes) -> bool:
    """Whether a line without an end is an object all the same: its beginning alone never is."""
    try:
        parse(line)
    except Refused:
        return False
    return True


class _Intake:
    """One run of `ingest`."""

    def __init__(
        self, log: Log, name: str, feed: str, feeds: Collection[str], overlap_s: int, *, historic: bool,
        pan_field: PanField | None,
    ) -> None:  # fmt: skip
        check_name(name)
        source, name = name, key_of(log, name)
        self._log, self._source, self._name, self._feed = log, source, name, feed
        self._state = InputState(log, name, feed, feeds, overlap_s)
        self._processor = LineProcessor(
            source, feed, log.partitions(log.topics.events.name), historic=historic, now_utc_ms=now_utc_ms,
            pan_field=pan_field, declared=self._state.declared,
        )  # fmt: skip
        self._tail, self._is_sorted = b"", False
        with log.transaction(writer=name):  # an intake of the name that still runs cannot go on from here
            self._done = log.position(name) or 0
            self._line = log.position(f"{name}/lines") or 0
            self._state.begin(self._processor)
        self.totals = IntakeTotals(bytes_read=self._done)
        self.on_letters: Callable[[Sequence[DeadLetter]], None] = lambda _: None

    def go_on(self, lines: BinaryIO) -> None:
        """Pass over what was taken before.

        Raises:
            InputRefused: the input is shorter than that, or other bytes stand there.
        """
        if not self._done:
            return
        reached = 0
        if lines.seekable():
            reached = min(self._done, lines.seek(0, 2))
            lines.seek(max(0, reached - _MARK_BYTES))
            self._tail = lines.read(min(reached, _MARK_BYTES))
        else:
            while reached < self._done and (data := lines.read(min(_CHUNK_BYTES, self._done - reached))):
                reached += len(data)
                self._tail = (self._tail + data)[-_MARK_BYTES:]
        self._check_taken(reached)

    def _check_taken(self, reached: int) -> None:
        if reached < self._done:
            raise InputRefused(f"input {self._source} must have the {self._done} bytes taken before, got {reached}")
        if reached > self._done or _mark(self._tail) != self._log.position(f"{self._name}/mark"):
            raise InputRefused(
                f"input {self._source} must begin with the {self._done} bytes taken before, got others:"
                " if it is another input, give it another --name"
            )

    def parts_of(self, found: SortedInput) -> Iterator[Part]:
        """The parts of a finished input that were not taken before.

        Raises:
            InputRefused: it is shorter than what was taken, or other records stand there.
        """
        self._is_sorted = True
        parts = found.parts(self._done)
        if self._done:
            taken = next(parts, Part())
            self._tail = taken.tail
            self._check_taken(taken.size)
        return parts

    def take_part(self, part: Part) -> None:
        """Append a part of a finished input and commit the position behind it."""
        self._state.look(self._processor)
        first = self._line + 1
        out = self._processor.process(first, part.lines)
        found = [at_origin(each, part.origins[each.position - first]) for each in out.letters]
        out.letters = found + [msgspec.structs.replace(each, feed=self._feed) for each in part.letters]
        self._took(out, len(part.lines) + len(part.letters), part.size, part.tail)

    def take(self, chunk: Chunk) -> None:
        """Append a chunk of lines and commit the position behind it."""
        self._state.look(self._processor)
        out = self._processor.process(self._line + 1, chunk.lines)
        self._took(out, len(chunk.lines), chunk.size, chunk.tail)

    def _took(self, out: ProcessedLines, count: int, size: int, tail: bytes) -> None:
        self._line += count
        self._tail = (self._tail + tail)[-_MARK_BYTES:]
        was = self.totals
        self._commit(out, was.bytes_read + size)
        self.on_letters(out.letters)
        self.totals = IntakeTotals(
            was.lines + count, was.forwarded + out.forwarded, was.dead_letters + len(out.letters),
            was.skipped_lines + out.blank, was.bytes_read + size, cut_texts=was.cut_texts + out.cut_texts,
            passed_clocks=was.passed_clocks + out.passed_clocks,
            repeated=was.repeated + out.repeated,
            undeclared=was.undeclared + out.undeclared.total(),
            undeclared_feeds=self._named(was.undeclared_feeds, out),
        )  # fmt: skip

    def _named(self, known: tuple[str, ...], out: ProcessedLines) -> tuple[str, ...]:
        """The undeclared feeds that were named so far; each that is new is warned of once."""
        new = [each for each in out.undeclared if each not in known][: MAX_FEEDS - len(known)]
        for each in new:
            logger.warning("feed %r is not declared: its events count under feed %r", each, self._feed)
        return (*known, *new)

    def end(self) -> None:
        """Append clock records of how far each feed has come to every partition."""
        self._commit(self._processor.end(self._line), self._done)

    def _commit(self, out: ProcessedLines, position: int) -> None:
        log, name = self._log, self._name
        with log.transaction(writer=name):
            if (log.position(name) or 0) != self._done:
                raise InputRefused(f"input {self._source} must be taken by one ingest at a time, another takes it too")
            log.append_each(log.topics.events.name, out.values, keys=out.keys)
            if out.letters:
                log.append(log.topics.dead_letters.name, 0, [msgspec.json.encode(each) for each in out.letters])
            log.set_position(name, position)
            log.set_position(f"{name}/lines", self._line)
            log.set_position(f"{name}/mark", _mark(self._tail))
            if self._is_sorted:
                log.set_position(f"{name}/sorted", 1)
            self._state.keep(self._processor)
        self._done = position


def at_origin(letter: DeadLetter, origin: Origin) -> DeadLetter:
    """A dead letter of a record of a finished input, with the file and line that it came from."""
    return msgspec.structs.replace(letter, source=origin.source, position=origin.line)


def _mark(tail: bytes) -> int:
    """What an input's last bytes before the position are known by."""
    return int.from_bytes(blake2b(tail, digest_size=7).digest(), "little")
