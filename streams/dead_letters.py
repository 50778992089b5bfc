"""Reading `dead-letters`: which there are of a kind, each once however often a worker wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from domain.alerts import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.log import Log

_AT_A_TIME = 1_000


class Letter(NamedTuple):
    """A dead letter where it lies.

    Attributes:
        partition: of `dead-letters`.
        offset: in the partition.
        appended_ms: when it was written, by the log's clock, UTC milliseconds.
        value: what it says.
    """

    partition: int
    offset: int
    appended_ms: int
    value: DeadLetter

    @property
    def id(self) -> str:
        """What it is called by.

        >>> Letter(2, 118, 0, DeadLetter(reason="late", field="", message="", source="", position=0, record="")).id
        '2/118'
        """
        return f"{self.partition}/{self.offset}"

    @property
    def feed(self) -> str:
        """The feed that its record names, else that of its input; "" where neither is known."""
        event = event_of(self.value.record)
        return (feed_in(event) if event else "") or self.value.feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which dead letters are meant; what is None counts for nothing.

    Attributes:
        reason: one of `domain.events.Reason`.
        field: the field at fault, "" for none.
        feed: under which the record counts, "" where that is not known.
        from_ms: written at or after this, UTC milliseconds.
        until_ms: written before this, UTC milliseconds.
    """

    reason: str | None = None
    field: str | None = None
    feed: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None

    def has(self, letter: Letter) -> bool:
        """Whether a dead letter is among them."""
        value = letter.value
        return (
            self.reason in {None, value.reason}
            and self.field in {None, value.field}
            and (self.from_ms is None or letter.appended_ms >= self.from_ms)
            and (self.until_ms is None or letter.appended_ms < self.until_ms)
            and self.feed in {None, letter.feed}
        )


def read_letters(log: Log, choice: Choice | None = None) -> Iterator[Letter]:
    """The dead letters in the log when this begins, by partition, oldest first.

    A worker that was killed writes once more what it had written since its last checkpoint: of those of one source and
    position the first is given.
    """
    topic, chosen = log.topics.dead_letters.name, choice or Choice()
    for partition, end in enumerate([log.end_offset(topic, each) for each in range(log.partitions(topic))]):
        known: dict[str, set[int]] = {}
        offset = log.first_offset(topic, partition)
        while offset < end and len(records := log.read(topic, partition, offset, _AT_A_TIME)):
            for i in range(len(records)):
                offset = int(records.offsets[i]) + 1
                value = msgspec.json.decode(records.value(i), type=DeadLetter)
                positions = known.setdefault(value.source, set())
                if value.position in positions or offset > end:
                    continue
                positions.add(value.position)
                letter = Letter(partition, offset - 1, int(records.appended_ms[i]), value)
                if chosen.has(letter):
                    yield letter


def find_letter(log: Log, partition: int, offset: int) -> Letter | None:
    """The dead letter at a place; None where there is none. Raises OffsetGone, UnknownTopic, ValueError."""
    records = log.read(log.topics.dead_letters.name, partition, offset, 1)
    if not len(records) or int(records.offsets[0]) != offset:
        return None
    value = msgspec.json.decode(records.value(0), type=DeadLetter)
    return Letter(partition, offset, int(records.appended_ms[0]), value)


def feed_in(event: Mapping[str, object]) -> str:
    """The feed that an event names, "" for none."""
    named = event.get("feed")
    return named if isinstance(named, str) else ""


def event_of(record: str | bytes) -> dict[str, object] | None:
    """The JSON object in a text; None where it is none."""
    try:
        found = msgspec.json.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None
