"""Topics of a Kafka cluster, their settings, its identity, and the offsets of groups."""

# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
# What it touches is inferred from the library's code, which is not typed for whoever builds on it.

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from kafka import TopicPartition  # type: ignore[import-untyped]
from kafka.admin import (  # type: ignore[import-untyped]
    ConfigFilterType,
    ConfigResource,
    ConfigResourceType,
)
from kafka.errors import (  # type: ignore[import-untyped]
    KafkaError,
    KafkaTimeoutError,
    NoError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)
from kafka.structs import OffsetAndMetadata  # type: ignore[import-untyped]

from streams.errors import UnknownTopic
from streams.kafka.kafka_python_compat import admin_client

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from streams.kafka.options import KafkaOptions

T = TypeVar("T")

_TIMEOUT_MS = 15_000
_RETRY_S = 0.1


@dataclass(frozen=True, slots=True)
class KafkaTopic:
    """A topic as it is.

    Attributes:
        id: differs from that of an earlier topic of the name.
        partitions: how many.
        configs: its settings.
        replication: on how many brokers its least kept partition is.
        offline: partitions that have no leader.
        rights: operations that we are allowed, such as `READ`.
    """

    id: str
    partitions: int
    configs: Mapping[str, str]
    replication: int = 1
    offline: int = 0
    rights: frozenset[str] = frozenset()

    @property
    def compacted(self) -> bool:
        """Whether only the newest record of each key is kept for good."""
        return "compact" in self.configs["cleanup.policy"]


class KafkaAdmin:
    """Administration. Each call connects and disconnects: a client that outlives its broker leaves sockets open."""

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options
        self._made: set[str] = set()

    def _ask(self, ask: Callable[[Any], T]) -> T:
        """What `ask` has to say of a client, tried anew where it fails by what passes, as while a broker starts."""
        until = time.monotonic() + _TIMEOUT_MS / 1000
        while True:
            client = admin_client(
                **self._options.client_kwargs(), request_timeout_ms=_TIMEOUT_MS, bootstrap_timeout_ms=_TIMEOUT_MS
            )
            try:
                return ask(client)
            except KafkaError as error:
                if not error.retriable or time.monotonic() > until:
                    raise
            finally:
                client.close()
            time.sleep(_RETRY_S)

    def topics(self) -> list[str]:
        """Names of all topics but Kafka's own, sorted."""
        return _names(self._ask(lambda client: client.describe_topics()))

    def topic(self, name: str) -> KafkaTopic:
        """A topic as it is; raises `UnknownTopic`."""

        def ask(client: Any) -> KafkaTopic:
            (found,) = client.describe_topics([name])
            if for_code(found["error_code"]) is UnknownTopicOrPartitionError and name not in self._made:
                raise UnknownTopic(f"topic must be one of {_names(client.describe_topics())}, got {name!r}")
            _check(found["error_code"], f"topic {name!r}")
            return _topic(found, _configs(client, ConfigResourceType.TOPIC, [name])[name])

        return self._ask(ask)

    def described(self, names: Collection[str]) -> dict[str, KafkaTopic]:
        """Topics as they are, by name; those that are not there are left out."""

        def ask(client: Any) -> dict[str, KafkaTopic]:
            found = {each["name"]: each for each in client.describe_topics([*names])}
            there = {
                name: each for name, each in found.items()
                if for_code(each["error_code"]) is not UnknownTopicOrPartitionError or name in self._made
            }  # fmt: skip
            for name, each in there.items():
                _check(each["error_code"], f"topic {name!r}")
            configs = _configs(client, ConfigResourceType.TOPIC, [*there]) if there else {}
            return {name: _topic(each, configs[name]) for name, each in there.items()}

        return self._ask(ask)

    def broker_configs(self) -> dict[str, str]:
        """The settings of one of the brokers."""

        def ask(client: Any) -> dict[str, str]:
            node = str(client.describe_cluster()["brokers"][0]["broker_id"])
            return _configs(client, ConfigResourceType.BROKER, [node])[node]

        return self._ask(ask)

    def create(self, wanted: Mapping[str, tuple[int, Mapping[str, str]]]) -> None:
        """Make topics and wait until they can be used; one that another made meanwhile is as good.

        Args:
            wanted: by name, how many partitions, and its settings.
        """
        topics = {
            name: {
                "num_partitions": partitions, "replication_factor": self._options.replication, "configs": dict(configs),
            }
            for name, (partitions, configs) in wanted.items()
        }  # fmt: skip

        def ask(client: Any) -> None:
            for made in client.create_topics(topics, raise_errors=False, timeout_ms=_TIMEOUT_MS)["topics"]:
                if for_code(made["error_code"]) is not TopicAlreadyExistsError:
                    _check(made["error_code"], f"topic {made['name']!r}: {made['error_message']}")
            client.wait_for_topics([*topics], timeout_ms=_TIMEOUT_MS)

        self._ask(ask)
        self._made |= topics.keys()  # a broker that is asked next may yet have to hear of them

    def set_configs(self, name: str, configs: Mapping[str, str]) -> None:
        """Set some of a topic's settings anew, and wait until a broker tells them: it hears of them a moment later.

        Raises:
            KafkaTimeoutError: it tells others for as long as a request may take.
        """
        resource = ConfigResource(ConfigResourceType.TOPIC, name, dict(configs))
        self._ask(lambda client: client.alter_configs([resource]))

        def check(client: Any) -> None:
            told = _configs(client, ConfigResourceType.TOPIC, [name])[name]
            if not configs.items() <= told.items():
                raise KafkaTimeoutError(f"settings of topic {name!r} must be {dict(configs)}, got {told}")

        self._ask(check)

    def cluster_id(self) -> str:
        """What tells the cluster from every other."""
        return str(self._ask(lambda client: client.describe_cluster())["cluster_id"])

    def commit(self, group: str, topic: str, partition: int, next_offset: int) -> None:
        """Set a group's offset; the group must have no members."""
        wanted = {TopicPartition(topic, partition): OffsetAndMetadata(next_offset, "", -1)}

        def ask(client: Any) -> None:
            (error,) = client.alter_group_offsets(group, wanted).values()
            _check(error.errno, f"group {group!r} at {next_offset} of {topic}-{partition}")

        self._ask(ask)

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """A group's offset; None where there is none."""
        tp = TopicPartition(topic, partition)
        found = self._ask(lambda client: client.list_group_offsets({group: [tp]}))[group].get(tp)
        return None if found is None or found.offset < 0 else int(found.offset)


def _configs(client: Any, kind: Any, names: list[str]) -> dict[str, dict[str, str]]:
    """The settings of topics or brokers, by name."""
    wanted = [ConfigResource(kind, name) for name in names]
    (found,) = client.describe_configs(wanted, config_filter=ConfigFilterType.ALL).values()
    return {name: {key: str(each["value"]) for key, each in configs.items()} for name, configs in found.items()}


def _topic(found: dict[str, Any], configs: dict[str, str]) -> KafkaTopic:
    partitions = found["partitions"]
    return KafkaTopic(
        str(found["topic_id"]), len(partitions), configs,
        replication=min((len(each["replica_nodes"]) for each in partitions), default=0),
        offline=sum(each["leader_id"] < 0 for each in partitions),
        rights=frozenset(found["authorized_operations"]),
    )  # fmt: skip


def _names(described: list[dict[str, Any]]) -> list[str]:
    return sorted(each["name"] for each in described if not each["is_internal"])


def _check(code: int, what: str) -> None:
    error = for_code(code)
    if error is not NoError:
        raise error(what)
