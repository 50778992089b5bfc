"""A stage: what one group of workers does with the records of one topic."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.agent import MonitorLike
    from streams.app import WorkerSettings
    from streams.topics import Topics

_PREFIX = re.compile(r"([a-z][a-z0-9-]*)?")


@dataclass(frozen=True, slots=True)
class Stage:
    """What a group of workers does with the records of one topic.

    Worker, agent, checkpoints and recovery serve any stage. A stage has a state and an owner of each partition of its
    own: on Kafka a consumer group, transactions and a topic of checkpoints, on the embedded log a lease and a state
    file, all named after its prefix.

    Attributes:
        topic: the topic it reads, by what it is for: a field of `streams.topics.Topics`.
        factory: makes a partition's monitor out of its number and the number of partitions; one that can be
            checkpointed, unless the settings say that there are no checkpoints. What its `Outputs` say is written to
            the topics that they name.
        prefix: of the names of what is kept of it; empty for the monitor, the first stage.
        usual: the topics that most of its results go to, by what they are for; having them ready saves a wait.

    Raises:
        ValueError: the prefix is not of small letters, digits and hyphens, or a second stage has none.
    """

    topic: str
    factory: Callable[[int, int], MonitorLike]
    prefix: str = ""
    usual: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise ValueError(f"prefix must be of small letters, digits and hyphens, got {self.prefix!r}")
        if not self.prefix and self.topic != "events":
            raise ValueError(f"a stage that reads {self.topic!r} must have a prefix, got none")

    @classmethod
    def monitor(cls, factory: Callable[[int, int], MonitorLike]) -> Stage:
        """The first stage: it reads `events`, and publishes alerts and scores."""
        return cls("events", factory, usual=("alerts", "merchant_risk"))

    def name(self, name: str) -> str:
        """What something of this stage is called that the first stage calls `name`.

        >>> Stage("alerts", lambda *_: None, "links").name("checkpoints")
        'links-checkpoints'
        """
        return f"{self.prefix}-{name}" if self.prefix else name

    def topics(self, topics: Topics) -> Topics:
        """The log's topics as this stage sees them: the one it reads is `events`.

        Raises:
            ValueError: that one is compacted, so a stage would miss what a follower may pass over.
        """
        if not self.prefix:
            return topics
        if (source := topics[self.topic]).compacted:
            raise ValueError(f"a stage must read a topic that is not compacted, got {source.name!r}")
        checkpoints = replace(topics.checkpoints, name=self.name(topics.checkpoints.name))
        return replace(topics, events=source, checkpoints=checkpoints)

    def settings(self, settings: WorkerSettings) -> WorkerSettings:
        """A worker's settings, with this stage's topics and group."""
        return replace(settings, topics=self.topics(settings.topics), group=self.group(settings.group))

    def group(self, group: str) -> str:
        """The consumer group of the workers of this stage, behind the name of the first stage's."""
        return f"{group}-{self.prefix}" if self.prefix else group
