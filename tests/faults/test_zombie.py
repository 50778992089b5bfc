"""A worker that stands still, loses its lease to a successor, and wakes."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.faults.embedded import SHORT_LEASE
from tests.faults.seeds import seeds
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from tests.faults.child import Ending
    from tests.faults.processes import WorkerProcess
    from tests.faults.scene import Scene
    from tests.faults.strikes import Strike

_NO_LONGER_S = 15.0
"""Within which a worker that may not work says so."""


def stopped(scene: Scene, strike: Strike | None = None) -> WorkerProcess:
    """A worker that stands still: at an exact point, or at any moment."""
    worker = scene.fleet.start(strike=strike, given=SHORT_LEASE)
    if strike is not None:
        wait_until(lambda: worker.stopped or scene.drained(worker), f"the worker comes to {strike} or to the end")
    else:
        wait_until(lambda: scene.log.holder() == worker.pid, "the worker has the lease")
        worker.join(scene.draw.uniform(0, 0.4))
    worker.stop()
    return worker


def successor_of(scene: Scene, first: WorkerProcess) -> WorkerProcess:
    """A worker that has the lease after `first`: until it expires, others are refused and told who has it."""
    while True:
        worker = scene.fleet.start(given=SHORT_LEASE)
        wait_until(lambda: not worker.alive or scene.log.holder() == worker.pid, "the lease is given or refused")  # noqa: B023  called at once
        if worker.alive:
            return worker
        assert_refused(worker.ended(), first)


def assert_refused(ending: Ending, by: WorkerProcess) -> None:
    assert ending.failures[:1] == ("LeaseHeld",), ending
    assert f"process {by.pid} " in ending.message


def ended(worker: WorkerProcess) -> bool:
    """Whether it has ended; one that had nothing left to do may come to its strike only now, and is woken again."""
    if worker.stopped:
        worker.wake()
    return not worker.alive


def assert_fenced(worker: WorkerProcess) -> None:
    """Woken, it ends by itself."""
    wait_until(lambda: ended(worker), f"{worker.order.name} ends", _NO_LONGER_S)
    ending = worker.ended(_NO_LONGER_S)
    assert "Fenced" in ending.failures, ending
    assert worker.process.exitcode == 1


@seeds(quick=1, many=True)
def test_a_worker_that_wakes_after_its_successor_took_over_ends_and_writes_nothing_more(scene: Scene) -> None:
    scene.feed(until=scene.draw.uniform(0.2, 0.6))
    strike = scene.strike(signal.SIGSTOP) if scene.draw.random() < 0.5 else None
    first = stopped(scene, strike)
    if scene.embedded.locked():  # it stands still in the middle of a write
        assert_refused(scene.fleet.start(given=SHORT_LEASE).ended(_NO_LONGER_S), first)
        scene.kill(first, f"where it stood still: {strike or 'at any moment'}")
        successor = successor_of(scene, first)
    else:
        successor = successor_of(scene, first)
        scene.feed(until=scene.draw.uniform(0.6, 0.9))
        wait_until(
            lambda: scene.drained(successor) and scene.in_checkpoints(), "the successor has caught up and checkpoint"
        )
        assert successor.notes()
        if scene.draw.random() < 0.5:  # the first wakes while the successor works
            scene.feed()
            assert_fenced(first)
        else:  # or while nobody else writes, so that it can be seen that it does not
            published, checkpoints = scene.log.published(), scene.log.checkpoints()
            assert_fenced(first)
            assert (scene.log.published(), scene.log.checkpoints()) == (published, checkpoints)
    scene.feed()
    wait_until(lambda: scene.done(successor), "the successor has done with everything")
    scene.assert_exact(successor.finish())


@pytest.mark.parametrize("backend", ["kafka"])
@seeds(many=True)
@pytest.mark.timeout(300)
def test_on_kafka_it_rejoins_the_group_and_nothing_of_its_late_writes_is_committed(scene: Scene) -> None:
    scene.feed(until=scene.draw.uniform(0.2, 0.6))
    first = scene.fleet.start(strike=scene.strike(signal.SIGSTOP) if scene.draw.random() < 0.5 else None)
    wait_until(lambda: first.stopped or scene.log.holder() == first.pid, "the worker stands still or has everything")
    if first.order.strike is not None:
        wait_until(lambda: first.stopped or scene.drained(first), "the worker comes to its strike or to the end")
    else:
        first.join(scene.draw.uniform(0, 1))
    first.stop()
    successor = scene.fleet.start()
    with scene.measure("fail-over"):
        wait_until(lambda: scene.log.holder() == successor.pid, "the successor has everything", poll_s=0.02)
    scene.feed(until=scene.draw.uniform(0.6, 0.9))
    wait_until(scene.in_checkpoints, "the successor has caught up and checkpoint")
    assert successor.notes()
    if scene.draw.random() < 0.5:  # the first wakes while there is nothing to do
        assert_rejoins_or_ends(scene, first)
        scene.feed()
    else:
        scene.feed()
        assert_rejoins_or_ends(scene, first)
    wait_until(scene.in_checkpoints, "everything is in a checkpoint")
    if first.alive:
        first.process.terminate()
        wait_until(lambda: ended(first), "the woken worker ends")
        ending = first.ended()
        assert ending.failures == (), ending
    assert successor.finish().failures == ()
    scene.assert_exact(scene.finish())


def assert_rejoins_or_ends(scene: Scene, worker: WorkerProcess) -> None:
    """Woken, it is in the group again, with some partitions or none; or it ends because another has them."""
    assert scene.kafka.members() == 1
    with scene.measure("rejoined"):
        wait_until(lambda: ended(worker) or scene.kafka.members() == 2, f"{worker.order.name} is told")
    if not worker.alive:
        assert "Fenced" in worker.ended().failures, worker.how()
