"""Forwarding dead letters once more, after what was wrong with them has been cured. Each is forwarded once.

That a dead letter was forwarded is kept as a bit of a position of the log, written in the transaction of the event
itself: a retry that dies leaves both or neither, on both logs. The bit goes by where the record came from (source and
position), so a dead letter that a worker has written twice is one.

An event that is forwarded says in its field `retries` how often. If it fails again, its new dead letter has the count,
and is left alone from `most_retries` on.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING

from domain.errors import TillwatchError
from domain.events import Reason
from domain.masking import MAX_MASKED_CHARS
from streams.controls import ControlsReader
from streams.dead_letters import event_of, feed_in, read_letters
from streams.errors import OffsetGone
from streams.line_intake import LineProcessor
from streams.log import now_utc_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from domain.id_forms import IdForms
    from streams.dead_letters import Choice, Letter
    from streams.line_intake import ProcessedLines
    from streams.log import Log

MOST_RETRIES = 3
"""How often a record is forwarded again at most, unless something else is asked for."""
RETRIES = "retries"
"""The field that says how often an event was forwarded again."""
_WRITER = "dead-letters-retry"
_PREFIX = ":retried:"
_BITS = 62
"""Dead letters that share a position, which is a signed integer of 64 bits."""
_CHUNK = 500
_TOUCHED = re.compile(r"[*\u2026\ufffd]|\\\\x[0-9a-f]{2}")
"""What a masked or cut record may hold."""
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


class Why:
    """Why a dead letter was not forwarded."""

    EARLIER = "earlier"
    """It was forwarded before."""
    EXHAUSTED = "exhausted"
    """It has failed as often as is allowed."""
    UNREADABLE = "unreadable"
    """Its record is not whole: it was masked or cut, and what it was made of is not in the log."""
    UNKNOWN_FEED = "unknown-feed"
    """The feed is not known under which it counts, or is not declared."""
    CLOCK = "clock"
    """It is a clock record, whose time has passed."""
    REFUSED = "refused"
    """Intake would refuse it still."""


class RetryRefused(TillwatchError):
    """This log's dead letters cannot be forwarded."""


class Left(TillwatchError):
    """A dead letter is not forwarded; `why` is one of `Why`."""

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message)
        self.why = why


@dataclass(slots=True)
class RetryTotals:
    """What a retry did.

    Attributes:
        chosen: dead letters that were meant.
        forwarded: those that were forwarded, or would be.
        left: by `Why`, those that were not.
        examples: by `Why`, the id of the first and what is wrong with it.
    """

    chosen: int = 0
    forwarded: int = 0
    left: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[str, str]] = field(default_factory=dict)

    def leave(self, letter: Letter, why: str, message: str) -> None:
        """Count one that is not forwarded."""
        self.left[why] += 1
        self.examples.setdefault(why, (letter.id, message))


def retry(
    log: Log, choice: Choice, *, most_retries: int = MOST_RETRIES, historic: bool = False, dry_run: bool = False,
    on_progress: Callable[[RetryTotals], None] | None = None,
) -> RetryTotals:  # fmt: skip
    """Forward the dead letters that are in the log when this begins to `events`, each once.

    A record is checked, masked and keyed as `ingest` does, and gets no clock record. One that would be refused still is
    left as it is.

    Args:
        log: has the topics.
        choice: which.
        most_retries: how often a record may have been forwarded in all, at least 1.
        historic: whether the receipt of those that have none is their event time, else when they were refused.
        dry_run: whether all is only counted.
        on_progress: called after each transaction.

    Raises:
        RetryRefused: events are read from an acquirer's own topic.
        Fenced: on Kafka, another retry has begun and takes the rest.
    """
    if most_retries < 1:
        raise ValueError(f"most_retries must be at least 1, got {most_retries}")
    if log.topics.foreign:
        raise RetryRefused(
            f"dead letters must be retried by who writes topic {log.topics.events.name!r}: it is not Tillwatch's own"
        )
    run = _Retry(log, most_retries, historic=historic, dry_run=dry_run)
    letters = read_letters(log, choice)
    while chunk := list(islice(letters, _CHUNK)):
        run.take(chunk)
        if on_progress:
            on_progress(run.totals)
    return run.totals


class _Retry:
    """One run of `retry`."""

    def __init__(self, log: Log, most_retries: int, *, historic: bool, dry_run: bool) -> None:
        self._log, self._most, self._historic, self._dry_run = log, most_retries, historic, dry_run
        self._identity = log.identity
        self._declared = set(log.positions(":feed:"))
        self._forms = _id_forms(log)
        self.totals = RetryTotals()

    def take(self, letters: list[Letter]) -> None:
        """Forward some in one transaction."""
        self.totals.chosen += len(letters)
        marks = {each.id: mark_of(self._identity, each) for each in letters}
        if self._dry_run:
            self._forward(letters, marks, self._log.read_positions({name for name, _ in marks.values()}))
            return
        with self._log.transaction(writer=_WRITER):  # another that still runs is ended before the marks are read
            kept = self._log.read_positions({name for name, _ in marks.values()})
            out, fresh = self._forward(letters, marks, kept)
            for each in out:
                self._log.append_each(self._log.topics.events.name, each.values, keys=each.keys)
            for name, bits in fresh.items():
                self._log.set_position(name, bits)

    def _forward(
        self, letters: Iterable[Letter], marks: Mapping[str, tuple[str, int]], kept: Mapping[str, int]
    ) -> tuple[list[ProcessedLines], dict[str, int]]:
        """What is to be appended, by feed, and the positions that are others then."""
        bits = dict(kept)
        by_feed: dict[str, list[tuple[Letter, bytes]]] = {}
        for letter in letters:
            name, bit = marks[letter.id]
            try:
                if bits.get(name, 0) >> bit & 1:
                    raise Left(Why.EARLIER, "it was forwarded before")  # noqa: TRY301  counted with the others
                feed, line = self._line(letter)
            except Left as left:
                self.totals.leave(letter, left.why, str(left))
                continue
            bits[name] = bits.get(name, 0) | 1 << bit
            by_feed.setdefault(feed, []).append((letter, line))
        out = [self._process(feed, lines, marks, bits) for feed, lines in by_feed.items()]
        return out, {name: each for name, each in bits.items() if each != kept.get(name, 0)}

    def _process(
        self, feed: str, lines: list[tuple[Letter, bytes]], marks: Mapping[str, tuple[str, int]], bits: dict[str, int]
    ) -> ProcessedLines:
        """The lines of a feed as they are appended; those that are refused still keep no mark."""
        partitions = self._log.partitions(self._log.topics.events.name)
        processor = LineProcessor(
            _WRITER, feed, partitions, historic=self._historic, now_utc_ms=now_utc_ms, declared=self._declared,
            makes_clocks=False,
        )  # fmt: skip
        processor.learn(self._forms)
        out = processor.process(0, [line for _, line in lines])
        for refused in out.letters:
            letter = lines[refused.position][0]
            name, bit = marks[letter.id]
            bits[name] &= ~(1 << bit)
            self.totals.leave(letter, Why.REFUSED, refused.message)
        self.totals.forwarded += out.forwarded
        return out

    def _line(self, letter: Letter) -> tuple[str, bytes]:
        """The feed, and the record with its count and receipt; raises Left where it cannot be forwarded."""
        record = self._record(letter)
        if record is None:
            where = f"line {letter.value.position} of {letter.value.source}"
            raise Left(Why.UNREADABLE, f"its record was masked or cut: ingest {where} again")
        event = event_of(record)
        if event is None:
            raise Left(Why.REFUSED, "record must be a JSON object")
        if event.get("type") == "clock":
            raise Left(Why.CLOCK, "it is a clock record, whose time has passed")
        if (count := _count_in(event)) >= self._most:
            raise Left(Why.EXHAUSTED, f"it was forwarded {count} times, and refused each time")
        if (feed := feed_in(event) or letter.value.feed) not in self._declared:
            what = f"{feed!r} is not declared" if feed else "is not known"
            raise Left(Why.UNKNOWN_FEED, f"its feed {what}: ingest it again with --feed")
        more = b',"%s":%d' % (RETRIES.encode(), count + 1)
        if not event.get("received_at") and not self._historic:
            more += b',"received_at":%d' % letter.appended_ms
        return feed, record[: record.rindex(b"}")].rstrip() + more + b"}"

    def _record(self, letter: Letter) -> bytes | None:
        """The record as it came: what the dead letter holds where that is whole, else what the log has."""
        stored = letter.value.record
        if (
            letter.value.reason not in (Reason.BROKEN_BATCH, Reason.BAD_ROW)
            and len(stored) < MAX_MASKED_CHARS
            and not _TOUCHED.search(stored)
        ):
            return stored.encode()
        topic, _, partition = letter.value.source.rpartition("-")
        if topic != self._log.topics.events.name or not partition.isdigit():
            return None
        try:
            records = self._log.read(topic, int(partition), letter.value.position, 1)
        except (OffsetGone, ValueError):  # retention took it, or it is a file of this name
            return None
        if not len(records) or int(records.offsets[0]) != letter.value.position:
            return None
        return records.value(0)


def mark_of(identity: str, letter: Letter) -> tuple[str, int]:
    """Under which position it is kept that a dead letter was forwarded, and which bit of it says so.

    Args:
        identity: the log's.
        letter: the dead letter.
    """
    # Letters only: a name of a position must not look like a card number.
    digest = blake2b(f"{identity}|{letter.value.source}".encode(), digest_size=8).hexdigest().translate(_LETTERS)
    word, bit = divmod(letter.value.position, _BITS)
    return f"{_PREFIX}{digest}:{word}", bit


def _count_in(event: Mapping[str, object]) -> int:
    count = event.get(RETRIES)
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0


def _id_forms(log: Log) -> IdForms:
    """The forms of identifiers that are declared now."""
    reader = ControlsReader(log)
    reader.read_all()
    return reader.id_forms()
