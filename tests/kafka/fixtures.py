"""Kafka for tests. A test that harms the broker starts one of its own by `new_kafka`."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.kafka.broker import Cluster, Secure
from tests.kafka.jars import jars
from tests.kafka.topics import delete_topics, make_topic
from tests.parts import command, require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.kafka.topics import Topics


class NewKafka(Protocol):
    """Starts brokers; the arguments are those of `Cluster`."""

    def __call__(
        self, *, brokers: int = 1, sasl_tls: bool = False, advertised_ports: Sequence[int] = ()
    ) -> Cluster: ...


@pytest.fixture(scope="session")
def kafka() -> Iterator[Cluster]:
    """One broker for all tests, started at first use; with TLS where openssl can make certificates."""
    require(jars)
    secured = shutil.which("openssl") is not None
    with TemporaryDirectory(prefix="tillwatch-kafka-") as folder, Cluster(Path(folder), sasl_tls=secured) as cluster:
        yield cluster


@pytest.fixture
def secure(kafka: Cluster) -> Secure:
    """How clients connect to `kafka` in TLS."""
    require(partial(command, "openssl", "openssl"))
    assert kafka.secure is not None
    return kafka.secure


@pytest.fixture
def topic(kafka: Cluster) -> Iterator[Topics]:
    """Makes topics of `kafka`: `topic("transactions", 4, cleanup_policy="compact")` is a new topic's name."""
    made: list[str] = []

    def make(name: str, partitions: int = 1, **config: object) -> str:
        made.append(make_topic(kafka.direct, name, partitions, **config))
        return made[-1]

    yield make
    delete_topics(kafka.direct, made)


@pytest.fixture(scope="module")
def new_kafka() -> Iterator[NewKafka]:
    """Starts brokers for tests that harm them; they end after the module's last test."""
    require(jars)
    with ExitStack() as stack:

        def start(*, brokers: int = 1, sasl_tls: bool = False, advertised_ports: Sequence[int] = ()) -> Cluster:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="tillwatch-kafka-")))
            made = partial(Cluster, folder, brokers=brokers, sasl_tls=sasl_tls, advertised_ports=advertised_ports)
            return stack.enter_context(require(made))

        yield start
