from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import is_hypothesis_test

import tests.seeds  # noqa: F401  loads the profile of drawn examples, whichever file is run
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from tests.kafka.fixtures import kafka, new_kafka, secure, topic
from tests.leftovers import (
    a_leak_fails_the_test_that_made_it,
    client_libraries_close_what_they_leave_open,
    what_outlives_a_file_is_not_looked_through_again,
)

if TYPE_CHECKING:
    from pathlib import Path

LONG = {"faults", "streams", "kafka", "tillwatch", "real", "models", "simulator", "causes"}
"""Folders whose files take longest. They come first: the short ones fill up the end, where one process may be done."""

# Tests run in as many processes as there are cores: threads of scikit-learn, which spin while they wait for each other,
# would take them from the other process. It reads this when it is loaded, and no module above loads it. Two processes
# with the tests of the trade model took ten minutes with two threads each, beside other work, and 22 s with one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

__all__ = [
    "a_leak_fails_the_test_that_made_it", "client_libraries_close_what_they_leave_open", "kafka", "new_kafka", "secure",
    "topic", "warm_kernel", "what_outlives_a_file_is_not_looked_through_again",
]  # fmt: skip


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Look for doctests in the packages alone: what is here beside tests is imported by those that need it."""
    return (collection_path.suffix == ".py" and not collection_path.name.startswith("test_")) or None


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes that nobody reads by their argument: packed ones hold the time, and processes must agree on names."""
    is_plain = not isinstance(val, bytes) or (val.isascii() and len(val) <= 60)
    return None if is_plain else argname


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.isdisjoint(item.path.relative_to(item.config.rootpath).parts))
    for item in items:
        if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj):
            item.add_marker("drawn")


@pytest.fixture(scope="session")
def warm_kernel() -> None:
    """Compile the kernel, or load it from its cache, so that no test's first example waits for it."""
    Monitor(MonitorConfig(capacity=1)).process(Records.of([b"?"]))
