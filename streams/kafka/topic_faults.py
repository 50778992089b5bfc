"""What is wrong with the topics of a Kafka cluster, and the command that cures it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafka.errors import KafkaError  # type: ignore[import-untyped]

from domain.events import FUTURE_MS
from streams.errors import LogFailed
from streams.kafka.admin import KafkaAdmin
from streams.topic_faults import CREATE, MISSING, SETTABLE, UNFIT, TopicFault, kept_ms
from streams.topics import kafka_configs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.kafka.admin import KafkaTopic
    from streams.kafka.options import KafkaOptions
    from streams.topics import Topics, TopicSpec

TIMESTAMP_TYPE, TIMESTAMP_BOUND = "message.timestamp.type", "message.timestamp.after.max.ms"
_RIGHTS = ("READ", "WRITE")


class KafkaTopicFaults:
    """Compares topics as they are with what they must be.

    Args:
        options: how the cluster is reached, and on how many brokers topics are to be kept.
        topics: the log's topics.
        partitions: of each topic that says nothing else.
        keep_events_days: how long events are kept, 0 for ever.
    """

    def __init__(self, options: KafkaOptions, topics: Topics, partitions: int, keep_events_days: int) -> None:
        self._options, self._topics = options, topics
        self._partitions, self._keep_events_days = partitions, keep_events_days

    def find(self) -> list[TopicFault]:
        """The faults of every topic; raises LogFailed where the cluster cannot be reached."""
        try:
            found = KafkaAdmin(self._options).described([each.name for each in self._topics])
        except KafkaError as error:
            raise LogFailed(f"{self._options.url}: {str(error) or type(error).__name__}") from error
        return [fault for each in self._topics for fault in self.of(each, found.get(each.name))]

    def of(self, topic: TopicSpec, found: KafkaTopic | None) -> Iterator[TopicFault]:
        """The faults of a topic; None where it is not there."""
        is_events = topic is self._topics.events
        if found is None:
            foreign = is_events and self._topics.foreign
            cure = "ask its owner for it, or correct foreign_topic" if foreign else CREATE
            yield TopicFault(topic.name, MISSING, "the topic must be there, it is not", cure)
            return
        yield from self._partition_faults(topic, found)
        yield from self._copies(topic, found)
        yield from self._rights(topic, found)
        if is_events and self._topics.foreign:
            yield from self._foreign(topic, found)
            return
        wanted = kafka_configs(self._topics, topic.name, compacted=topic.compacted)
        for key, value in wanted.items():
            got = found.configs.get(key, "none")
            if key == "max.message.bytes" and got.isdigit() and int(got) >= int(value):
                continue
            if got != value:
                yield self._config(topic, key, value, got)
        keep_ms = kept_ms(topic, self._keep_events_days, is_events=is_events)
        got = found.configs.get("retention.ms", "none")
        if not topic.compacted and got != str(keep_ms):
            message = f"retention.ms must be {keep_ms}, got {got}"
            yield TopicFault(topic.name, SETTABLE, message, f"{CREATE}: it sets retention anew")

    def _partition_faults(self, topic: TopicSpec, found: KafkaTopic) -> Iterator[TopicFault]:
        wanted = topic.partitions or self._partitions
        if found.partitions == wanted:
            return
        first = "" if topic.partitions else f"set partitions = {found.partitions}, if every topic has as many; or "
        yield TopicFault(
            topic.name, UNFIT, f"partitions must be {wanted}, got {found.partitions}",
            f"{first}delete the topic, whose records are lost then, and {CREATE}: partitions cannot be changed",
        )  # fmt: skip

    def _copies(self, topic: TopicSpec, found: KafkaTopic) -> Iterator[TopicFault]:
        wanted = self._options.replication
        if wanted > 0 and found.replication < wanted:
            yield TopicFault(
                topic.name, UNFIT, f"each partition must be on kafka_replication = {wanted} brokers, got"
                f" {found.replication}", f"move it: kafka-reassign-partitions.sh --bootstrap-server {self._broker},"
                f" or set kafka_replication = {found.replication}",
            )  # fmt: skip
        least = found.configs.get("min.insync.replicas", "1")
        if least.isdigit() and int(least) > found.replication:
            yield self._config(topic, "min.insync.replicas", f"{found.replication}", least, "at most ")
        if found.configs.get("unclean.leader.election.enable") == "true":
            yield self._config(topic, "unclean.leader.election.enable", "false", "true")
        if found.offline:
            yield TopicFault(
                topic.name, UNFIT, f"each partition must have a leader, {found.offline} have none",
                "start the brokers that have them",
            )  # fmt: skip

    def _rights(self, topic: TopicSpec, found: KafkaTopic) -> Iterator[TopicFault]:
        is_foreign = topic is self._topics.events and self._topics.foreign
        wanted = ["READ"] if is_foreign else _RIGHTS
        lacking = [each for each in wanted if each not in found.rights]
        if lacking:
            who = f"User:{self._options.user}" if self._options.user else "the user of our certificate"
            operations = " ".join(f"--operation {each}" for each in lacking)
            yield TopicFault(
                topic.name, UNFIT, f"{who} must be allowed {' and '.join(lacking)}, is not",
                f"kafka-acls.sh --bootstrap-server {self._broker} --add --allow-principal '{who}' {operations}"
                f" --topic {topic.name}",
            )  # fmt: skip

    def _foreign(self, topic: TopicSpec, found: KafkaTopic) -> Iterator[TopicFault]:
        if found.compacted:
            yield self._config(topic, "cleanup.policy", "delete", found.configs["cleanup.policy"])
        bound = found.configs.get(TIMESTAMP_BOUND, "none")
        if found.configs.get(TIMESTAMP_TYPE) != "LogAppendTime" and not (bound.isdigit() and int(bound) <= FUTURE_MS):
            yield self._config(topic, TIMESTAMP_BOUND, str(FUTURE_MS), bound, "at most ")

    def _config(self, topic: TopicSpec, key: str, value: str, got: str, bound: str = "") -> TopicFault:
        return TopicFault(
            topic.name, UNFIT, f"{key} must be {bound}{value}, got {got}",
            f"kafka-configs.sh --bootstrap-server {self._broker} --alter --topic {topic.name}"
            f" --add-config {key}={value}",
        )  # fmt: skip

    @property
    def _broker(self) -> str:
        return self._options.bootstrap[0]
