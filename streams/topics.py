"""Every topic, in one table: `docs/topics.md` has a heading for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.events import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from streams.log import Log

DEFAULT_PARTITIONS = 4
_DAY_MS = 86_400_000
_BATCH_BYTES = 1 << 20
assert MAX_RECORD_BYTES < _BATCH_BYTES // 2


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic.

    Attributes:
        name: its name in the log.
        key: what its records are keyed by; "" where only the partition matters.
        compacted: whether only the newest record of each key is kept.
        retention_ms: how long records are kept; None keeps them.
        partitions: how many, where that is not set.
        on_kafka_only: whether the embedded log has other means for it.
        seen_at_once: whether it is read on Kafka before its transactions are committed: a worker's last from checkpoint
            to checkpoint, and what an aborted one wrote is written again, the same.
        segment_bytes: of its files on Kafka, which compacts none that is written to; None for the brokers' own.
    """

    name: str
    key: str
    compacted: bool = False
    retention_ms: int | None = None
    partitions: int | None = None
    on_kafka_only: bool = False
    seen_at_once: bool = False
    segment_bytes: int | None = None


_OWN_EVENTS = "events"
EVENTS = TopicSpec(_OWN_EVENTS, "merchant_id")
ALERTS = TopicSpec("alerts", "alert_id", compacted=True, seen_at_once=True)
MERCHANT_RISK = TopicSpec("merchant-risk", "merchant_id", compacted=True, seen_at_once=True)
DEAD_LETTERS = TopicSpec("dead-letters", "", retention_ms=90 * _DAY_MS)
CHECKPOINTS = TopicSpec("checkpoints", "page", compacted=True, on_kafka_only=True, segment_bytes=64 << 20)
CONTROLS = TopicSpec("controls", "kind:version", compacted=True, partitions=1)
POSITIONS = TopicSpec("positions", "name", compacted=True, partitions=1, on_kafka_only=True, segment_bytes=4 << 20)
PROGRESS = TopicSpec("progress", "worker", compacted=True, partitions=1, on_kafka_only=True, segment_bytes=4 << 20)

TOPICS: tuple[TopicSpec, ...] = (
    EVENTS, ALERTS, MERCHANT_RISK, DEAD_LETTERS, CONTROLS, CHECKPOINTS, POSITIONS, PROGRESS,
)  # fmt: skip
"""All topics. They have the same number of partitions, but for those whose records are in one order for everyone, and
except where an acquirer's own topic is read."""


def name_events(name: str) -> None:
    """Have events read from a topic of another name, in this process, before anything asks: an acquirer's own topic."""
    object.__setattr__(EVENTS, "name", name)


def create_topics(log: Log, partitions: int = DEFAULT_PARTITIONS, *, keep_events_days: int = 0) -> None:
    """Make every topic that is not there.

    Args:
        log: where.
        partitions: of each topic that says nothing else.
        keep_events_days: how long `events` are kept, 0 for ever; never less than back to the last checkpoints.

    Raises:
        ValueError: a topic has another number of partitions.
        UnknownTopic: events are to be read from an acquirer's topic that is not there.
    """
    for topic in TOPICS:
        if topic.on_kafka_only and not log.on_kafka:
            continue
        if topic is EVENTS and topic.name != _OWN_EVENTS:  # it is the acquirer's: nothing of it is changed
            if (found := log.partitions(topic.name)) != partitions:
                raise ValueError(f"topic {topic.name!r} has {found} partitions, got {partitions}")
            continue
        keep_ms = keep_events_days * _DAY_MS if topic is EVENTS and keep_events_days else topic.retention_ms
        log.create_topic(topic.name, topic.partitions or partitions, compacted=topic.compacted, retention_ms=keep_ms)


SEEN_AT_ONCE = frozenset(each.name for each in TOPICS if each.seen_at_once)


def kafka_configs(name: str, *, compacted: bool) -> dict[str, str]:
    """What a topic of this name is set to on Kafka, retention aside."""
    configs = {
        "cleanup.policy": "compact" if compacted else "delete",
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(_BATCH_BYTES),
    }
    if segment_bytes := next((each.segment_bytes for each in TOPICS if each.name == name), None):
        configs |= {"segment.bytes": str(segment_bytes), "min.cleanable.dirty.ratio": "0.1"}
    return configs
