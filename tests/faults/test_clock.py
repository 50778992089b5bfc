"""Fault 10 of the scorecard: the machine's clock is set while the worker runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.seeds import BACKENDS, seeds
from tests.faults.waiting import wait_until
from tests.parts import Missing, require

if TYPE_CHECKING:
    from tests.faults.scene import Scene

_STEP_S = 7200
_NEAR_S = 600
_PARTS = 200


def libfaketime() -> Path:
    for found in Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"):
        return found
    raise Missing("libfaketime is needed and not installed: apt install faketime")


class Clock:
    """The wall clock of processes that are started with its environment; what counts up steadily stays true."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)
        self.environment = {
            "LD_PRELOAD": str(require(libfaketime)),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds; to look at every call makes a worker ten times slower
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",  # by which machine code in its cache would seem outdated
        }

    def set(self, ahead_s: int) -> None:
        """Let it be so far ahead of the true time, from now on."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(f"{ahead_s:+d}\n")
        draft.replace(self._file)


def ahead_s(scene: Scene) -> float:
    """How far ahead the worker believed to be when it last showed its progress."""
    return scene.log.shown_ms() / 1000 - time.time()


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@seeds(quick=1)
@pytest.mark.timeout(300)
def test_a_clock_set_two_hours_forth_and_back_changes_nothing(scene: Scene, tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    worker = scene.fleet.start(environment=clock.environment)
    wait_until(lambda: scene.log.holder() == worker.pid, "the worker has the lease")
    parts = iter(range(1, _PARTS))
    for step_s in (0, *scene.draw.sample((_STEP_S, -_STEP_S), 2)):
        clock.set(step_s)
        scene.feed(until=next(parts) / _PARTS)
        while abs(ahead_s(scene) - step_s) > _NEAR_S:  # it shows its clock only while it works
            assert not worker.join(0.1), worker.how()
            scene.feed(until=next(parts) / _PARTS)
    scene.feed()
    wait_until(lambda: scene.done(worker), "the worker has done with everything")
    scene.assert_exact(worker.finish())
