"""Fault 9 of the scorecard: what is stored of the state is not what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.seeds import BACKENDS, seeds
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from tests.faults.child import Ending
    from tests.faults.scene import Scene


def cut_off(scene: Scene) -> None:
    """Let a worker checkpoint everything that is there, and end."""
    scene.feed(until=scene.draw.uniform(0.2, 0.9))
    worker = scene.fleet.start()
    wait_until(scene.in_checkpoints, "everything is in a checkpoint")
    assert worker.finish().failures == ()


def refused(scene: Scene) -> Ending:
    """How a worker ended that published nothing."""
    published = scene.log.published()
    worker = scene.fleet.start()
    ending = worker.ended()
    assert worker.process.exitcode == 1
    assert scene.log.published() == published
    return ending


def assert_refused_until_rebuilt(scene: Scene, damage: str) -> None:
    ending = refused(scene)
    assert ending.failures[:1] == ("Damaged",), ending
    assert damage in ending.message
    assert "tillwatch state rebuild" in ending.message
    scene.log.rebuild()
    scene.feed()
    scene.assert_exact(scene.finish())


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@seeds(quick=1)
@pytest.mark.timeout(300)
def test_a_damaged_page_is_refused_until_the_state_is_rebuilt_from_the_log(scene: Scene) -> None:
    cut_off(scene)
    assert_refused_until_rebuilt(scene, scene.log.damage_page(scene.draw))


@pytest.mark.parametrize("backend", ["kafka"])
@seeds()
@pytest.mark.timeout(300)
def test_so_is_a_damaged_manifest(scene: Scene) -> None:
    cut_off(scene)
    assert_refused_until_rebuilt(scene, scene.kafka.damage_manifest(scene.draw))


@seeds(quick=1)
def test_a_damaged_file_is_refused_or_the_damage_is_where_nothing_lies(scene: Scene) -> None:
    cut_off(scene)
    scene.embedded.damage_file(scene.draw)
    ending = scene.fleet.start(until_idle=True).ended()
    if ending.failures:
        assert ending.failures[0] == "Damaged", ending
        assert "tillwatch state rebuild" in ending.message
        scene.log.rebuild()
    scene.feed()
    scene.assert_exact(scene.finish())
