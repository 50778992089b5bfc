"""Fault 2 of the scorecard: of two workers on Kafka one dies, and returns. Sessions are as long as in earnest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.seeds import seeds
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.processes import WorkerProcess
    from tests.faults.scene import Scene

_FEEDING_S = 40.0
_CAUGHT_UP_WITHIN_S = 60.0


@pytest.fixture
def backend() -> str:
    return "kafka"


@pytest.fixture
def partitions() -> Sequence[int]:
    return (2, 4)


def share(scene: Scene, *workers: WorkerProcess) -> None:
    """Wait until each of these has partitions, and nobody else has."""
    owners = scene.kafka.owners
    wait_until(lambda: owners() == {each.pid for each in workers}, "the workers share the partitions", poll_s=0.02)


def partitions_of(worker: WorkerProcess) -> set[int]:
    return {note.partition for note in worker.notes()}


@seeds()
@pytest.mark.timeout(600)
def test_what_a_dead_worker_had_goes_to_the_other_and_back_to_it_when_it_returns(scene: Scene) -> None:
    scene.fleet.given = {}
    workers = [scene.fleet.start(), scene.fleet.start()]
    share(scene, *workers)
    scene.feed_meanwhile(_FEEDING_S)
    wait_until(lambda: all(each.notes() for each in workers), "both work")
    scene.draw.shuffle(workers)
    dead, survivor = workers
    scene.kill(dead, "of two")
    left = partitions_of(dead) - partitions_of(survivor)
    with scene.measure("fail-over"):
        wait_until(lambda: left <= partitions_of(survivor), "the survivor has taken over", poll_s=0.02)
    returned = scene.fleet.start()
    with scene.measure("return"):
        share(scene, survivor, returned)
    wait_until(lambda: scene.fed, "everything is fed")
    with scene.measure("lag 0 after the feed's end"):
        wait_until(scene.in_checkpoints, "everything is in a checkpoint", _CAUGHT_UP_WITHIN_S, poll_s=0.02)
    assert returned.notes()
    for each in (survivor, returned):
        assert each.finish().failures == ()
    scene.assert_exact(scene.finish())


@seeds()
@pytest.mark.timeout(600)
def test_workers_that_come_and_go_in_order_hand_over_what_they_have_cut(scene: Scene) -> None:
    scene.fleet.given = {}
    first = scene.fleet.start()
    share(scene, first)
    scene.feed_meanwhile(_FEEDING_S)
    wait_until(first.notes, "the first works")
    second = scene.fleet.start()
    with scene.measure("joined"):
        share(scene, first, second)
    wait_until(second.notes, "the second works")
    assert first.finish().failures == ()
    with scene.measure("left"):
        share(scene, second)
    wait_until(lambda: scene.fed and scene.in_checkpoints(), "everything is in a checkpoint", poll_s=0.02)
    assert second.finish().failures == ()
    assert scene.replayed() == 0
    scene.assert_exact(scene.finish())
