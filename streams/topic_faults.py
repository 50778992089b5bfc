"""What is wrong with a log's topics, and the cure of each fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.topics import keep_ms

if TYPE_CHECKING:
    from streams.log import Log
    from streams.topics import TopicSpec

CREATE = "run `tillwatch topics create`"
MISSING, SETTABLE, UNFIT = "missing", "settable", "unfit"
"""Kinds of faults: the topic is not there; `create_topics` sets it right; somebody must."""


@dataclass(frozen=True, slots=True)
class TopicFault:
    """A topic that is not as workers rely on.

    Attributes:
        topic: its name.
        kind: `MISSING`, `SETTABLE` or `UNFIT`.
        message: what was expected, and what is there.
        cure: what to do.
    """

    topic: str
    kind: str
    message: str
    cure: str


def wanted_topics(log: Log) -> list[TopicSpec]:
    """The topics that a log must have."""
    return [each for each in log.topics if log.has_internal_topics or not each.internal]


def embedded_faults(log: Log, partitions: int) -> list[TopicFault]:
    """Faults of the topics of a log that keeps no settings of its topics but these: partitions, and compaction.

    Args:
        log: the log.
        partitions: of each topic that says nothing else.
    """
    found, names = [], log.topic_names()
    for topic in wanted_topics(log):
        if topic.name not in names:
            cure = "ask its owner for it, or correct foreign_topic" if _is_foreign(log, topic) else CREATE
            found.append(TopicFault(topic.name, MISSING, "the topic must be there, it is not", cure))
            continue
        wanted, got = topic.partitions or partitions, log.partitions(topic.name)
        if got != wanted:
            found.append(TopicFault(
                topic.name, UNFIT, f"partitions must be {wanted}, got {got}",
                f"set partitions = {got}, or begin a new log under another log_url: partitions cannot be changed",
            ))  # fmt: skip
        if (compacted := log.compacted(topic.name)) != topic.compacted:
            found.append(TopicFault(
                topic.name, UNFIT, f"compacted must be {topic.compacted}, got {compacted}",
                "begin a new log under another log_url: a topic cannot be changed in this",
            ))  # fmt: skip
    return found


def kept_ms(topic: TopicSpec, keep_events_days: int, *, is_events: bool) -> int:
    """How long a topic's records are kept, as Kafka has it: -1 for ever."""
    found = keep_ms(topic, keep_events_days, is_events=is_events)
    return -1 if found is None else found


def _is_foreign(log: Log, topic: TopicSpec) -> bool:
    return topic is log.topics.events and log.topics.foreign
