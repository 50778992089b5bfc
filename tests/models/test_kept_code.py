"""Machine code serves at another path and from a read-only folder, and is not loaded from where others may write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator
from numba.core.registry import CPUDispatcher

from engine.jit import cache_folder
from models import kept_code
from models.kept_code import FolderRefused, check_folder
from tests.parts import command, mount_small_disk, require
from tests.streams.compat import signature_faults, version_fault

ROOT = Path(__file__).parents[2]
NOBODY = 65534
COUNTING = """
from numba.core import event
compiled = []
class Listener(event.Listener):
    def on_start(self, each): compiled.append(each.data["dispatcher"].py_func.__qualname__)
    def on_end(self, each): pass
event.register("numba:compile", Listener())
"""
USES_LITTLE = f"""{COUNTING}
import logging; logging.basicConfig()
import numpy as np
from engine.decoding.card_scan import find_stars
find_stars("4" * 16)
print(len(compiled))
"""


def compiled(cache: Path, root: Path = ROOT) -> tuple[int, str]:
    """How many functions a process compiles with a cache, and what it says."""
    done = subprocess.run(
        [sys.executable, "-c", USES_LITTLE], cwd=root, capture_output=True, text=True, check=False,
        env={**os.environ, "TILLWATCH_CACHE": str(cache), "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1]), done.stderr


def test_numba_is_the_version_that_was_read() -> None:
    for distribution, read_for in kept_code.READ_FOR.items():
        assert version_fault(kept_code, distribution, read_for) == ""


def test_what_is_overridden_takes_the_same_arguments() -> None:
    assert not signature_faults("numba", {
        FunctionCache.load_overload: "sig, target_context",
        FunctionCache.save_overload: "sig, data",
        UserProvidedCacheLocator.from_function: "py_func, py_file",
        UserProvidedCacheLocator.get_suitable_cache_subpath: "py_file",
    })  # fmt: skip
    assert CompileResultCacheImpl._locator_classes[0] is UserProvidedCacheLocator
    assert "_cache" in vars(CPUDispatcher(lambda x: x))


@pytest.mark.slow
def test_code_that_was_compiled_for_one_folder_serves_a_copy_of_both_at_another(tmp_path: Path) -> None:
    first = tmp_path / "first"
    assert compiled(first)[0] > 0
    moved = tmp_path / "elsewhere" / "tillwatch-src"
    moved.mkdir(parents=True)
    for package in ("engine", "domain", "models"):
        shutil.copytree(ROOT / package, moved / package)
    shutil.copytree(first, tmp_path / "second")
    assert compiled(tmp_path / "second", moved) == (0, "")


def test_the_kernel_is_kept_under_its_own_name_in_a_folder_of_the_source_tree_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a bundle that is made there and installed elsewhere."""
    kernel = tmp_path / "dist" / "cache" / "kernel_1.py"
    kernel.parent.mkdir(parents=True)
    kernel.touch()
    module = tmp_path / "engine" / "jit.py"
    monkeypatch.setattr(kept_code, "_ROOT", tmp_path)
    monkeypatch.setattr(config, "CACHE_DIR", str(kernel.parent))
    assert kept_code._Locator.get_suitable_cache_subpath(str(kernel)) == "kernel_1"
    assert kept_code._Locator.get_suitable_cache_subpath(str(module)) == "engine.jit"


@pytest.mark.slow
def test_a_read_only_folder_serves_and_one_that_lacks_code_is_said(tmp_path: Path) -> None:
    disk, full = tmp_path / "disk", tmp_path / "full"
    disk.mkdir()
    compiled(full)
    require(lambda: mount_small_disk(disk, "64m"))
    try:
        shutil.copytree(full / "tillwatch", disk / "tillwatch")
        subprocess.run([command("mount", "mount"), "-o", "remount,ro", str(disk)], check=True)
        assert compiled(disk) == (0, "")
        subprocess.run([command("mount", "mount"), "-o", "remount,rw", str(disk)], check=True)
        shutil.rmtree(disk / "tillwatch")
        subprocess.run([command("mount", "mount"), "-o", "remount,ro", str(disk)], check=True)
        count, said = compiled(disk)
        assert count > 0
        assert said.count("which is read-only: it is compiled at each start") == 1
    finally:
        subprocess.run([command("umount", "mount"), str(disk)], check=True)


def test_a_folder_that_everybody_may_write_to_is_refused(tmp_path: Path) -> None:
    check_folder(tmp_path / "not there yet")
    check_folder(tmp_path)
    tmp_path.chmod(0o777)
    with pytest.raises(FolderRefused, match=r"writable by nobody else, got owner .*, mode 0777"):
        check_folder(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_so_is_one_of_another_user(tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    with pytest.raises(FolderRefused, match=f"got owner {NOBODY}"):
        check_folder(tmp_path)


def test_a_command_says_so_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / cache_folder().parent.name
    folder.mkdir()
    folder.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-m", "tillwatch", "worker"], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "TILLWATCH_CACHE": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: folder of machine code {folder} must belong to this user or root")
    assert done.stderr.count("\n") == 1
