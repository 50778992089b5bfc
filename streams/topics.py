"""Every topic, in one table: `docs/topics.md` has a heading for each."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from domain.events import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.log import Log

DEFAULT_PARTITIONS = 4
GROUP = "tillwatch"
"""The workers of the first stage: their consumer group, and what their progress is shown under."""
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
        internal: whether it is for what the log itself keeps of its workers and inputs; a log that has other means for
            that does without it.
        seen_at_once: whether it is read on Kafka before its transactions are committed: a worker's last from checkpoint
            to checkpoint, and what an aborted one wrote is written again, the same.
        segment_bytes: of its files on Kafka, which compacts none that is written to; None for the brokers' own.
    """

    name: str
    key: str
    compacted: bool = False
    retention_ms: int | None = None
    partitions: int | None = None
    internal: bool = False
    seen_at_once: bool = False
    segment_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic that is to be there, with what `streams.log.Log.create_topic` takes."""

    name: str
    partitions: int
    compacted: bool = False
    retention_ms: int | None = None
    retention_bytes: int | None = None


_EVENTS = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """The topics of a log, by what each is for.

    Attributes:
        events: what workers read; for another stage than the first, the topic that it reads.

    They have the same number of partitions, but for those whose records are in one order for everyone, and except where
    an acquirer's own topic is read.
    """

    events: TopicSpec = TopicSpec(_EVENTS, "merchant_id")
    alerts: TopicSpec = TopicSpec("alerts", "alert_id", compacted=True, seen_at_once=True)
    merchant_risk: TopicSpec = TopicSpec("merchant-risk", "merchant_id", compacted=True, seen_at_once=True)
    dead_letters: TopicSpec = TopicSpec("dead-letters", "", retention_ms=90 * _DAY_MS)
    merchant_profiles: TopicSpec = TopicSpec("merchant-profiles", "merchant_id|kind|effective_from", compacted=True)
    merchant_days: TopicSpec = TopicSpec("merchant-days", "", retention_ms=400 * _DAY_MS)
    causes: TopicSpec = TopicSpec("causes", "cause_id", compacted=True, partitions=1)
    controls: TopicSpec = TopicSpec("controls", "kind:version", compacted=True, partitions=1)
    checkpoints: TopicSpec = TopicSpec("checkpoints", "page", compacted=True, internal=True, segment_bytes=64 << 20)
    positions: TopicSpec = TopicSpec(
        "positions", "name", compacted=True, partitions=1, internal=True, segment_bytes=4 << 20
    )
    progress: TopicSpec = TopicSpec(
        "progress", "worker", compacted=True, partitions=1, internal=True, segment_bytes=4 << 20
    )

    def __iter__(self) -> Iterator[TopicSpec]:
        return (getattr(self, each.name) for each in fields(self))

    def __getitem__(self, purpose: str) -> TopicSpec:
        """The topic by what it is for, such as `merchant_risk`; raises AttributeError where there is none."""
        found: TopicSpec = getattr(self, purpose)
        return found

    def reading(self, name: str) -> Topics:
        """The same, but events are read from the topic `name`, such as an acquirer's own.

        >>> TOPICS.reading("switch.out").events.name
        'switch.out'

        Raises:
            ValueError: it is one of these, or the checkpoints of a stage: workers would read what they write.
        """
        own = [each.name for each in self]
        if name in own or name.endswith(f"-{self.checkpoints.name}"):
            raise ValueError(
                f"foreign_topic must be none of our own topics {', '.join(own)}, nor a stage's"
                f" *-{self.checkpoints.name}, got {name!r}"
            )
        return replace(self, events=replace(self.events, name=name))

    @property
    def foreign(self) -> bool:
        """Whether events are read from an acquirer's own topic."""
        return self.events.name != _EVENTS

    @property
    def seen_at_once(self) -> frozenset[str]:
        """Names of those that are read on Kafka before their transactions are committed."""
        return frozenset(each.name for each in self if each.seen_at_once)


TOPICS = Topics()
"""The topics as they are named unless something else is said."""


def create_topics(log: Log, partitions: int = DEFAULT_PARTITIONS, *, keep_events_days: int = 0) -> None:
    """Make every topic of the log that is not there.

    Args:
        log: where.
        partitions: of each topic that says nothing else.
        keep_events_days: how long `events` are kept, 0 for ever; never less than back to the last checkpoints.

    Raises:
        ValueError: a topic has another number of partitions.
        UnknownTopic: events are to be read from an acquirer's topic that is not there.
    """
    wanted = []
    for topic in log.topics:
        is_events = topic is log.topics.events
        if topic.internal and not log.has_internal_topics:
            continue
        if is_events and log.topics.foreign:  # it is the acquirer's: nothing of it is changed
            if (found := log.partitions(topic.name)) != partitions:
                raise ValueError(f"topic {topic.name!r} has {found} partitions, got {partitions}")
            continue
        kept = keep_ms(topic, keep_events_days, is_events=is_events)
        wanted.append(WantedTopic(topic.name, topic.partitions or partitions, topic.compacted, kept))
    log.create_topics(wanted)


def keep_ms(topic: TopicSpec, keep_events_days: int, *, is_events: bool) -> int | None:
    """How long a topic's records are kept, milliseconds; None for ever."""
    return keep_events_days * _DAY_MS if is_events and keep_events_days else topic.retention_ms


def kafka_configs(topics: Topics, name: str, *, compacted: bool) -> dict[str, str]:
    """What a topic of this name is set to on Kafka, retention aside."""
    configs = {
        "cleanup.policy": "compact" if compacted else "delete",
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(_BATCH_BYTES),
    }
    if segment_bytes := next((each.segment_bytes for each in topics if each.name == name), None):
        configs |= {"segment.bytes": str(segment_bytes), "min.cleanable.dirty.ratio": "0.1"}
    return configs
