"""Fault 13 of the scorecard: another process keeps what the worker writes to locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.child import Did
from tests.faults.seeds import seeds
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from tests.faults.scene import Scene


@pytest.mark.parametrize("locked_s", [1.0, pytest.param(60.0, marks=pytest.mark.faults)])
@pytest.mark.parametrize("which", ["log", "state"])
@seeds(quick=1)
@pytest.mark.timeout(300)
def test_a_locked_file_is_waited_for_and_nothing_is_acknowledged_meanwhile(
    scene: Scene, which: str, locked_s: float
) -> None:
    scene.feed()
    worker = scene.fleet.start()
    wait_until(lambda: worker.notes(Did.PUBLISHED), "something is published")
    with scene.embedded.locking(scene.embedded.path if which == "log" else scene.embedded.state, patience_s=10):
        assert not scene.done(worker)
        published, checkpoints = scene.log.published(), scene.log.checkpoints()
        scene.endure(worker, locked_s)
        if which == "log":
            assert scene.log.published() == published
        else:
            assert scene.log.checkpoints() == checkpoints
            assert not scene.in_checkpoints()
    wait_until(lambda: scene.done(worker), "the worker has done with everything")
    scene.assert_exact(worker.finish())
    assert scene.in_checkpoints()
