"""A scene for each test with a seed, and the table of what the faults came to."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.embedded import EmbeddedLog
from tests.faults.scene import Scene
from tests.kafka.topics import delete_all_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.faults.scene import MakeLog
    from tests.kafka.broker import Cluster

_REPORT = Path(__file__).parents[2] / "var" / "faults.jsonl"
_COLUMNS = ("fault", "seed", "outcome", "kills", "checkpoints", "replayed", "seconds", "measured")
_rows: dict[str, dict[str, object]] = {}


@pytest.fixture
def traffic_name() -> str:
    return "ordinary"


@pytest.fixture
def backend() -> str:
    """What carries the log: `embedded` or `kafka`."""
    return "embedded"


@pytest.fixture
def partitions() -> Sequence[int]:
    """Among which the number of partitions is drawn."""
    return (1, 2, 4)


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The brokers of a log on Kafka; a module whose tests harm them has its own."""
    found: Cluster = request.getfixturevalue("kafka")
    return found


@pytest.fixture
def make_log(backend: str, request: pytest.FixtureRequest) -> Iterator[MakeLog]:
    if backend == "embedded":
        yield EmbeddedLog
        return
    from tests.faults.cluster import ClusterLog  # noqa: PLC0415  only for the tests that want Kafka

    cluster: Cluster = request.getfixturevalue("cluster")
    yield partial(ClusterLog, bootstrap=cluster.bootstrap, direct=cluster.direct)
    if all(each.alive for each in cluster.brokers):  # others use the same names
        delete_all_topics(cluster.direct)


@pytest.fixture
def scene(
    seed: int, traffic_name: str, make_log: MakeLog, partitions: Sequence[int], tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> Iterator[Scene]:  # fmt: skip
    record_property("seed", seed)
    scene = Scene(tmp_path, seed, make_log, traffic_name, partitions)
    try:
        scene.log.create()
        yield scene
        record_property("kills", len(scene.kills))
        record_property("how", [each.how for each in scene.kills])
        record_property("checkpoints", scene.log.checkpoint_count())
        record_property("replayed", scene.replayed())
    finally:
        record_property("measured", ", ".join(f"{what} {it:.1f}" for what, it in scene.measured.items()))
        scene.close()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    found = re.search(r"faults/test_(\w+)\.py::test_(\w+)\[(.*)TILLWATCH_SEED=\d+(.*)]$", report.nodeid)
    if found is None:
        return
    fault, test, *given = (" ".join(re.split("[-_ ]+", each)).strip() for each in found.groups())
    row = {"fault": " ".join([fault, *given]).strip(), "test": test, "marked": "faults" in report.keywords}
    row = _rows.setdefault(report.nodeid, row) | dict(report.user_properties)
    if report.when == "call" or not report.passed:
        row |= {"outcome": report.outcome, "seconds": round(report.duration, 1)}
    _rows[report.nodeid] = row


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not any(row["marked"] for row in _rows.values()):  # the quick ones alone
        return
    _REPORT.parent.mkdir(exist_ok=True)
    _REPORT.write_text("".join(json.dumps(row) + "\n" for row in _rows.values()), encoding="utf-8")
    terminalreporter.section(f"faults ({_REPORT})")
    table = [_COLUMNS, *(tuple(str(row.get(name, "")) for name in _COLUMNS) for row in _rows.values())]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        terminalreporter.write_line("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
