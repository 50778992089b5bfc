"""Versions of merchants and people in the log: the newest of each, and new ones appended as intake would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from domain.events import EVENT_KINDS, EVENTS
from engine.decoding.decode import Refused, check, check_field, parse
from streams.line_intake import LineProcessor
from streams.log import now_utc_ms
from streams.mentions import mentioning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.log import Log

FEED = "import"
"""The feed of what is imported."""
STAMPS = ("type", "effective_from", "received_at", "feed")
"""Fields that say nothing of whom a version is about."""


class Ready(NamedTuple):
    """A version as intake would append it.

    Attributes:
        event: checked, with its text masked.
        partition: where it belongs.
        key: of the record.
        value: the record.
    """

    event: dict[str, Any]
    partition: int
    key: bytes | None
    value: bytes


class Reason(NamedTuple):
    """Why an event was refused: by which field ("" for none), in words."""

    field: str
    message: str


def newest_versions(log: Log, kind: str) -> dict[str, dict[str, Any]]:
    """The newest version of each merchant or person in the log, checked, by the key of the kind.

    Of two the one with the later `effective_from` is newer, of two with the same the later record. Every event that the
    log has kept is looked through; records that are no events are passed over.
    """
    newest: dict[str, dict[str, Any]] = {}
    key, topic = EVENT_KINDS[kind].key, log.topics.events.name
    for partition in range(log.partitions(topic)):
        for raw in mentioning(log, topic, partition, f'"{kind}"'.encode()):
            try:
                name, event = check(parse(raw))
            except Refused:
                continue
            before = newest.get(event.get(key, ""))
            if name == kind and (before is None or event["effective_from"] >= before["effective_from"]):
                newest[event[key]] = event
    return newest


def prepared(log: Log, events: Sequence[dict[str, Any]], source: str) -> list[Ready | Reason]:
    """What intake makes of each event, in order: a record to append, or why not."""
    return prepared_for(log.partitions(log.topics.events.name), events, source)


def prepared_for(partitions: int, events: Sequence[dict[str, Any]], source: str) -> list[Ready | Reason]:
    """Likewise for a log whose events have so many partitions, or for 1 where they are only checked."""
    found: dict[int, Ready | Reason] = {i: why for i, each in enumerate(events) if (why := _misfit(each))}
    fit = [i for i in range(len(events)) if i not in found]
    processor = LineProcessor(source, FEED, partitions, historic=False, now_utc_ms=now_utc_ms)
    out = processor.process(0, [msgspec.json.encode(events[i]) for i in fit])
    found |= {fit[letter.position]: Reason(letter.field, letter.message) for letter in out.letters}
    for partition in range(partitions):
        rows = zip(out.numbers[partition], out.keys[partition], out.values[partition], strict=True)
        for number, key, value in rows:
            found[fit[number]] = Ready(check(parse(value))[1], partition, key, value)
    return [found[i] for i in range(len(events))]


def _misfit(event: dict[str, Any]) -> Reason | None:
    """The first field that is not what it must be, be it required or not; None where all are. Of a table all count."""
    for field in EVENTS[event["type"]]:
        if (value := event.get(field.name)) not in (None, ""):
            try:
                check_field(field, value)
            except Refused as refused:
                return Reason(refused.field, refused.message)
    return None


def append(log: Log, ready: Sequence[Ready], writer: str) -> None:
    """Append versions to their partitions, all or none."""
    topic = log.topics.events.name
    of = [[each for each in ready if each.partition == partition] for partition in range(log.partitions(topic))]
    with log.transaction(writer=writer):
        log.append_each(
            topic, [[each.value for each in part] for part in of], keys=[[each.key for each in part] for part in of]
        )
