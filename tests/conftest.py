from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from tests.kafka.fixtures import kafka, new_kafka, secure, topic
from tests.leftovers import a_leak_fails_the_test_that_made_it, client_libraries_close_what_they_leave_open

if TYPE_CHECKING:
    from pathlib import Path

WAITING = ("faults", "streams", "kafka", "tillwatch")
"""Folders whose tests take longest, waiting for other processes. They come first: the short ones fill up the end."""

__all__ = [
    "a_leak_fails_the_test_that_made_it", "client_libraries_close_what_they_leave_open", "kafka", "new_kafka", "secure",
    "topic", "warm_kernel",
]  # fmt: skip


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Look for doctests in the packages alone: what is here beside tests is imported by those that need it."""
    return (collection_path.suffix == ".py" and not collection_path.name.startswith("test_")) or None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name not in WAITING)


@pytest.fixture(scope="session")
def warm_kernel() -> None:
    """Compile the kernel, or load it from its cache, so that no test's first example waits for it."""
    Monitor(MonitorConfig(capacity=1)).process(Records.of([b"?"]))
