"""What the backends' shared contract needs of a backend; each backend gives it here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from streams.kafka.address import KafkaAddress
from streams.kafka.options import KafkaOptions
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import TOPICS, WantedTopic, create_topics
from tests.kafka.topics import delete_topics
from tests.streams.children import Child
from tests.streams.kafka_workers import PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.kafka.log import KafkaLog
    from tests.kafka.broker import Cluster


@dataclass(frozen=True)
class SqliteBackend:
    """The embedded log in a folder of its own."""

    path: Path

    @property
    def address(self) -> SqliteAddress:
        return SqliteAddress(self.path)

    def open(self) -> SqliteLog:
        return SqliteLog(self.path)

    def python(self, code: str) -> Child:
        """Start another process that runs `code` with `log` open."""
        return _python(f"from streams.sqlite.log import SqliteLog\nlog = SqliteLog({str(self.path)!r})\n", code)


@dataclass(frozen=True)
class KafkaBackend:
    """The log on a Kafka cluster, whose topics are this test's."""

    bootstrap: str

    @property
    def address(self) -> KafkaAddress:
        return KafkaAddress(KafkaOptions(bootstrap=(self.bootstrap,)))

    def open(self) -> KafkaLog:
        from streams.kafka.log import KafkaLog  # noqa: PLC0415  only for the tests that want Kafka

        return KafkaLog(KafkaOptions(bootstrap=(self.bootstrap,)))

    def make_own_topics(self) -> None:
        """Make what the log keeps positions in, and what workers show."""
        with self.open() as log:
            log.create_topics(
                [WantedTopic(each.name, 1, compacted=True) for each in (TOPICS.positions, TOPICS.progress)]
            )

    def clear(self) -> None:
        """Delete every topic."""
        with self.open() as log:
            delete_topics(self.bootstrap, log.topic_names())

    def python(self, code: str) -> Child:
        """Start another process that runs `code` with `log` open."""
        opened = (
            "from streams.kafka.log import KafkaLog\nfrom streams.kafka.options import KafkaOptions\n"
            f"log = KafkaLog(KafkaOptions(bootstrap=({self.bootstrap!r},)))\n"
        )
        return _python(opened, code)


def _python(opened: str, code: str) -> Child:
    return Child(f"{opened}{code}\nlog.close()\n")


LogBackend = SqliteBackend | KafkaBackend


@pytest.fixture
def embedded(tmp_path: Path) -> SqliteBackend:
    return SqliteBackend(tmp_path / "tillwatch.db")


@pytest.fixture
def on_kafka(kafka: Cluster) -> Iterator[KafkaBackend]:
    backend = KafkaBackend(kafka.bootstrap)
    backend.make_own_topics()
    yield backend
    backend.clear()


@pytest.fixture
def options(kafka: Cluster) -> KafkaOptions:
    return KafkaOptions(bootstrap=(kafka.bootstrap,))


@pytest.fixture
def log(on_kafka: KafkaBackend) -> Iterator[KafkaLog]:
    """The log on Kafka, with topics of three partitions."""
    with on_kafka.open() as log:
        create_topics(log, PARTITIONS)
        yield log


@pytest.fixture(params=["embedded", "on_kafka"])
def backend(request: pytest.FixtureRequest) -> LogBackend:
    found: LogBackend = request.getfixturevalue(request.param)
    return found
