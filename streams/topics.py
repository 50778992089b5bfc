"""Every topic, in one table: `docs/topics.md` has a heading for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.log import Log

DEFAULT_PARTITIONS = 4
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic.

    Attributes:
        name: its name in the log.
        key: what its records are keyed by; "" where only the partition matters.
        compacted: whether only the newest record of each key is kept.
        retention_ms: how long records are kept; None keeps them.
        partitions: how many it has; 0 for as many as are asked for.
    """

    name: str
    key: str
    compacted: bool = False
    retention_ms: int | None = None
    partitions: int = 0


EVENTS = TopicSpec("events", "merchant_id")
ALERTS = TopicSpec("alerts", "alert_id", compacted=True)
MERCHANT_RISK = TopicSpec("merchant-risk", "merchant_id", compacted=True)
DEAD_LETTERS = TopicSpec("dead-letters", "", retention_ms=90 * _DAY_MS)
CONTROLS = TopicSpec("controls", "kind:version", compacted=True, partitions=1)

TOPICS: tuple[TopicSpec, ...] = (EVENTS, ALERTS, MERCHANT_RISK, DEAD_LETTERS, CONTROLS)
"""All topics. They have the same number of partitions, but for `controls`, whose records are in one order for everyone,
and except where an acquirer's own topic is read."""


def create_topics(log: Log, partitions: int = DEFAULT_PARTITIONS, *, keep_events_days: int = 0) -> None:
    """Make every topic that is not there.

    Args:
        log: where.
        partitions: of each topic that has no number of its own.
        keep_events_days: how long `events` are kept, 0 for ever; never less than back to the last cuts.

    Raises:
        ValueError: a topic has another number of partitions.
    """
    for topic in TOPICS:
        keep_ms = keep_events_days * _DAY_MS if topic is EVENTS and keep_events_days else topic.retention_ms
        log.create_topic(topic.name, topic.partitions or partitions, compacted=topic.compacted, retention_ms=keep_ms)
