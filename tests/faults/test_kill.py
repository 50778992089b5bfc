"""Fault 1 of the scorecard: `kill -9` at any moment; with duplicates, disorder and poison too (6 and 11)."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.faults.seeds import BACKENDS, seeds
from tests.faults.strikes import AFTER, Strike
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from tests.faults.scene import Scene


def kill_again_and_again(scene: Scene) -> None:
    """Kill three to five workers: one in the middle of its work, one that has taken a checkpoint, the others
    whenever.
    """
    kill_at(scene, Strike(target="engine.monitor:Monitor.process", moment=AFTER, call=scene.draw.randint(1, 8)))
    kill_after_a_cut(scene)
    count = scene.draw.randint(3, 5)
    while len(scene.kills) < count:
        if scene.draw.random() < 0.5:
            kill_at(scene, scene.strike(signal.SIGKILL))
        else:
            kill_after(scene, scene.draw.uniform(0, scene.log.longest_s))
    assert any(each.at_work for each in scene.kills)
    assert any(each.after_checkpoint for each in scene.kills)


def kill_at(scene: Scene, strike: Strike) -> None:
    """Kill a worker at an exact point; when it has done with everything, if it never comes there."""
    worker = scene.fleet.start(strike=strike)
    wait_until(lambda: not worker.alive or scene.done(worker), f"the worker comes to {strike} or to the end")
    scene.kill(worker, "when it had done with everything" if worker.alive else str(strike))


def kill_after(scene: Scene, delay_s: float) -> None:
    worker = scene.fleet.start()
    worker.join(delay_s)
    scene.kill(worker, f"after {delay_s:.3f} s")


def kill_after_a_cut(scene: Scene) -> None:
    worker = scene.fleet.start()
    wait_until(scene.log.checkpoints, "a checkpoint is committed")
    delay_s = scene.draw.uniform(0, scene.fleet.settings.checkpoint_every_s or 0)
    worker.join(delay_s)
    scene.kill(worker, f"{delay_s:.3f} s after a checkpoint")


@seeds(quick=1, many=True)
def test_workers_killed_at_any_moment_come_to_what_an_undisturbed_one_does(scene: Scene) -> None:
    scene.feed_somehow()
    kill_again_and_again(scene)
    scene.assert_exact(scene.finish())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("traffic_name", ["disordered", "poisoned"])
@seeds(quick=1)
@pytest.mark.timeout(600)
def test_so_they_do_with_duplicates_and_disorder_and_with_poison(scene: Scene) -> None:
    scene.feed_somehow()
    kill_again_and_again(scene)
    scene.assert_exact(scene.finish())


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["kafka"])
@seeds(quick=1, many=True)
@pytest.mark.timeout(600)
def test_so_they_do_on_kafka(scene: Scene) -> None:
    scene.feed_somehow()
    kill_again_and_again(scene)
    scene.assert_exact(scene.finish())
