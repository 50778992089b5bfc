from __future__ import annotations

import pytest

from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from tests.kafka.fixtures import kafka, new_kafka, topic
from tests.kafka.sockets import failed_connections_are_closed

__all__ = ["failed_connections_are_closed", "kafka", "new_kafka", "topic", "warm_kernel"]


@pytest.fixture(scope="session")
def warm_kernel() -> None:
    """Compile the kernel, or load it from its cache, so that no test's first example waits for it."""
    Monitor(MonitorConfig(capacity=1)).process(Records.of([b"?"]))
