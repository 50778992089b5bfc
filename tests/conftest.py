from __future__ import annotations

import pytest

from engine.monitor import Monitor, MonitorConfig
from engine.records import Records
from tests.kafka.fixtures import kafka, new_kafka, topic
from tests.leftovers import a_leak_fails_the_test_that_made_it, client_libraries_close_what_they_leave_open

__all__ = [
    "a_leak_fails_the_test_that_made_it", "client_libraries_close_what_they_leave_open", "kafka", "new_kafka", "topic",
    "warm_kernel",
]  # fmt: skip


@pytest.fixture(scope="session")
def warm_kernel() -> None:
    """Compile the kernel, or load it from its cache, so that no test's first example waits for it."""
    Monitor(MonitorConfig(capacity=1)).process(Records.of([b"?"]))
