"""Where a bench's log is: a file, or a broker of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from streams.addresses import address_of
from streams.app import WorkerSettings
from streams.kafka.log import KafkaLog
from streams.kafka.options import KafkaOptions
from streams.sqlite.address import SqliteAddress
from streams.sqlite.checkpoints import state_path
from streams.sqlite.log import SqliteLog
from streams.topics import TOPICS, create_topics
from tests.kafka.broker import STEADY, Cluster
from tests.kafka.topics import delete_topics

if TYPE_CHECKING:
    from pathlib import Path

PARTITIONS = 4


def settings_of(url: str, checkpoint_every_s: float | None) -> WorkerSettings:
    """A worker's on the log that `url` names."""
    address = address_of(url, {"kafka_compression": "lz4"})
    return WorkerSettings(address=address, partitions=PARTITIONS, checkpoint_every_s=checkpoint_every_s)


class Place(Protocol):
    """A log for a bench.

    Attributes:
        name: what carries it.
        works_without_checkpoints: whether a worker on it can do without checkpoints.
        url: where a worker finds it.
    """

    name: ClassVar[str]
    works_without_checkpoints: ClassVar[bool]
    url: str

    def log(self) -> SqliteLog | KafkaLog:
        """The log, as a producer opens it."""

    def filling(self) -> SqliteLog | KafkaLog:
        """The log, for filling it before anything is measured."""

    def drop_state(self) -> None:
        """Forget what an earlier run kept and told."""

    def drop_all(self) -> None:
        """Forget the log, too."""

    def state_bytes(self) -> int | None:
        """Room that the state takes; None where the broker alone knows."""


class Embedded:
    """A log in a file, with its state beside it."""

    name = "SQLite"
    works_without_checkpoints = True

    def __init__(self, folder: Path, name: str = "log.db") -> None:
        self._path = folder / name
        self.url = SqliteAddress(self._path.absolute()).url

    def log(self) -> SqliteLog:
        return SqliteLog(self._path)

    def filling(self) -> SqliteLog:
        return SqliteLog(self._path, durable=False)

    def drop_state(self) -> None:
        _remove(state_path(self._path))

    def drop_all(self) -> None:
        self.drop_state()
        _remove(self._path)

    def state_bytes(self) -> int:
        return state_path(self._path).stat().st_size


def _remove(database: Path) -> None:
    """Remove a file of SQLite's, and what lies beside it."""
    for end in ("", "-wal", "-shm"):
        database.with_name(f"{database.name}{end}").unlink(missing_ok=True)


class OnKafka:
    """A log on a broker that runs as long as this is entered."""

    name = "Kafka"
    works_without_checkpoints = False

    def __init__(self, folder: Path) -> None:
        self._cluster = Cluster(folder / "kafka", java=STEADY)
        self.url = f"kafka://{self._cluster.bootstrap}"

    def __enter__(self) -> Self:
        self._cluster.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.close()

    def log(self) -> KafkaLog:
        return KafkaLog(KafkaOptions(bootstrap=(self._cluster.bootstrap,), compression="lz4"))

    filling = log

    def drop_state(self) -> None:
        state = (TOPICS.alerts, TOPICS.checkpoints, TOPICS.merchant_risk)
        delete_topics(self._cluster.direct, [each.name for each in state])
        with self.log() as log:
            create_topics(log, PARTITIONS)

    def drop_all(self) -> None:
        with self.log() as log:
            topics = log.topic_names()
        delete_topics(self._cluster.direct, topics)

    def state_bytes(self) -> None:
        return None
