"""Fault 12 of the scorecard: all records are one merchant's, and ten times as many come as usual."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.seeds import BACKENDS, seeds
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.processes import WorkerProcess
    from tests.faults.scene import Scene

_USUAL_SHARE, _USUAL_S = 0.1, 10.0
_MOST_MORE_MB = 150.0
_RECOVERED_WITHIN_S = 300.0


@pytest.fixture
def traffic_name() -> str:
    return "hot"


@pytest.fixture
def partitions() -> Sequence[int]:
    return (2, 4)


def peak_mb(worker: WorkerProcess) -> float:
    """The most memory that was ever resident."""
    for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"{worker.order.name} should say how much memory it takes")


@pytest.mark.parametrize("backend", BACKENDS)
@seeds()
@pytest.mark.timeout(900)
def test_a_burst_of_one_merchant_is_worked_off_within_bounded_memory(scene: Scene) -> None:
    worker = scene.fleet.start()
    scene.feed_meanwhile(_USUAL_S, until=_USUAL_SHARE)
    wait_until(lambda: scene.done(worker) and scene.in_checkpoints(), "the usual is worked off", poll_s=0.02)
    before = peak_mb(worker)
    scene.feed_meanwhile(_USUAL_S * (1 - _USUAL_SHARE) / _USUAL_SHARE / 10)
    wait_until(lambda: scene.fed, "the burst is over", _RECOVERED_WITHIN_S)
    with scene.measure("lag 0 after the burst"):
        wait_until(
            lambda: scene.done(worker) and scene.in_checkpoints(), "it is worked off", _RECOVERED_WITHIN_S, poll_s=0.02
        )
    scene.measured["MB more"] = peak_mb(worker) - before
    assert scene.measured["MB more"] < _MOST_MORE_MB
    scene.assert_exact(worker.finish())
