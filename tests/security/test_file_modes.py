"""Who may read what a worker, an intake, a simulation and a replay leave behind, whatever umask they were given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
STEPS = """
simulate sim --merchants 20 --days 0.2
ingest sim/events.jsonl --historic
worker --until-idle
state backup copies/state.db
replay sim/events.jsonl --alerts-out out/alerts.jsonl --scores-out out/scores.jsonl
"""


def left_behind(folder: Path, umask: int, mode: str) -> Iterator[tuple[str, int, bool]]:
    """Each file and folder that the steps made: its name, its mode, whether it is a folder."""
    for name in ("copies", "out"):
        (folder / name).mkdir(mode=0o700)
    given = {*folder.iterdir()}
    for step in STEPS.split("\n"):
        if step:
            ran(folder, umask, mode, step.split())
    for path in folder.rglob("*"):
        if path not in given:
            yield str(path.relative_to(folder)), path.stat().st_mode & 0o777, path.is_dir()


def ran(folder: Path, umask: int, mode: str, step: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tillwatch", *step],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TILLWATCH_FILE_MODE": mode},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_nobody_else_may_read_what_is_left_behind(tmp_path: Path, umask: int) -> None:
    found = {*left_behind(tmp_path, umask, "0600")}
    assert {"var/tillwatch.db", "sim/events.jsonl", "copies/state.db", "out/alerts.jsonl"} <= {
        name for name, *_ in found
    }
    assert {(name, oct(mode)) for name, mode, folder in found if mode != (0o700 if folder else 0o600)} == set()


@pytest.mark.slow
@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
def test_a_group_may_share_them_by_a_setting_and_nobody_beyond_it(tmp_path: Path, umask: int) -> None:
    found = {*left_behind(tmp_path, umask, "0660")}
    state = {(name, oct(mode)) for name, mode, folder in found if name.startswith(("var", "copies")) and not folder}
    assert len(state) >= 3
    assert {mode for _, mode in state} == {oct(0o660)}
    assert {(name, oct(mode)) for name, mode, _ in found if mode & 0o007} == set()


def test_a_running_workers_journals_are_its_users_alone(tmp_path: Path) -> None:
    """SQLite removes them at the end. A call as a library, without the command line's mask, hides them from others."""
    code = (
        "import os; os.umask(0); from pathlib import Path; from streams.sqlite.log import SqliteLog\n"
        "from streams.sqlite.checkpoints import SqliteCheckpoints\n"
        "log = SqliteLog(Path('a.db')); state = SqliteCheckpoints(Path('b.db'))\n"
        "print(sorted((each.name, oct(each.stat().st_mode & 0o777)) for each in Path().iterdir()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    found = dict(eval(done.stdout))
    assert {"a.db", "a.db-wal", "b.db"} <= set(found)
    assert {name for name, mode in found.items() if int(mode, 8) & 0o007} == set()
