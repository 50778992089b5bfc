"""Fault 8 of the scorecard: no space is left where the worker writes."""

from __future__ import annotations

import errno
import shutil
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.faults.child import Did
from tests.faults.seeds import seeds
from tests.faults.waiting import wait_until
from tests.parts import mount_small_disk, require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.scene import Scene

_SIZE_MB = {"log": 64, "state": 16}
_FULL_S = 1.0


@pytest.fixture
def small_disk(which: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of its own, with some space."""
    folder = tmp_path_factory.mktemp("disk")
    require(partial(mount_small_disk, folder, f"{_SIZE_MB[which]}m"))
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def put_on(disk: Path, file: Path) -> None:
    """Let a file, which need not be there yet, lie on another disk."""
    if file.exists():
        shutil.move(file, disk / file.name)
    file.symlink_to(disk / file.name)


def fill(disk: Path) -> Path:
    """Leave no space; the file that takes it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return filler


@pytest.mark.parametrize("which", ["log", "state"])
@seeds(quick=1)
def test_a_full_disk_is_waited_for_and_nothing_is_acknowledged_meanwhile(
    small_disk: Path, scene: Scene, which: str
) -> None:
    put_on(small_disk, scene.embedded.path if which == "log" else scene.embedded.state)
    scene.feed()
    worker = scene.fleet.start()
    wait_until(lambda: worker.notes(Did.PUBLISHED), "something is published")
    filler = fill(small_disk)
    assert not scene.done(worker)
    wait_until(lambda: "disk is full" in worker.said(), "the worker says that the disk is full")
    before = scene.log.acknowledged()
    scene.endure(worker, _FULL_S)
    assert scene.log.acknowledged() == before
    assert not scene.in_checkpoints()
    filler.unlink()
    wait_until(lambda: scene.done(worker), "the worker has done with everything")
    wait_until(scene.in_checkpoints, "a checkpoint has everything")
    scene.assert_exact(worker.finish())
    assert scene.in_checkpoints()
