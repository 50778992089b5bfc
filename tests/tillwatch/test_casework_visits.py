"""`tillwatch casework visits` and `statistics`, by calling them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from casework.agent import FilingAgent
from casework.people import SYSTEM, put_user
from casework.store import Store
from domain.timestamps import iso
from streams.log import now_utc_ms
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.casework.test_field_events import tell
from tests.tillwatch.conftest import call as command_line

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

DAY_MS = 86_400_000


def call(*words: str, code: int = 0) -> Result:
    found = command_line("casework", *words)
    assert found.exit_code == code, found.output
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a store of one late merchant, and a user of each role that is needed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TILLWATCH_CASEWORK_URL", f"sqlite:///{tmp_path}/casework.db")
    now_ms = now_utc_ms()
    with (
        Store(f"sqlite:///{tmp_path}/casework.db") as store,
        SqliteLog(tmp_path / "log.db", durable=False) as log,
    ):
        store.check_version(make=True)
        create_topics(log, 1)
        opened_ms = now_ms - 100 * DAY_MS
        tell(log, "merchant", "m1", opened_ms, opened_at=opened_ms, short_name="老王五金", rep_id="rep-1")
        FilingAgent(store, log).file()
        for role in ("lead", "rep"):
            put_user(store, SYSTEM, role, role, {role}, now_ms)
    return tmp_path


def test_visits_due_are_listed_for_people_and_for_scripts(folder: Path) -> None:
    assert folder.exists()
    shown = call("visits", "due", "--as", "lead", "--lang", "zh")
    assert "老王五金" in shown.stdout
    assert "新商户首访" in shown.stdout
    (line,) = call("visits", "due", "--as", "lead", "--json").stdout.splitlines()
    assert (json.loads(line)["merchant_id"], json.loads(line)["due"][0]["rule"]) == ("m1", "new")
    assert call("visits", "due", "--as", "lead", "--rep", "other", "--json").stdout == ""


def test_a_table_goes_in_and_out_again_and_bad_rows_are_told_by_line(folder: Path) -> None:
    day = iso(now_utc_ms() - DAY_MS)[:10]
    (folder / "in.csv").write_text(f"merchant_id,visited_at,outcome\nm1,{day} 10:00,搬迁\nm2,{day},搬迁\n", "utf-8")
    tried = call("visits", "import", "in.csv", "--as", "lead", "--dry-run", code=3)
    assert "1 new, 0 corrected, 0 known, 1 refused" in tried.stdout
    taken = call("visits", "import", "in.csv", "--as", "lead", "--json", code=3)
    assert json.loads(taken.stdout)["faults"] == [{"line": 3, "message": "there is no merchant m2"}]
    call("visits", "export", "out.csv", "--as", "lead", "--month", day[:7])
    assert "m1" in (folder / "out.csv").read_text("utf-8-sig")
    assert (folder / "out.csv").stat().st_mode & 0o777 == 0o600
    again = call("visits", "import", "out.csv", "--as", "lead")
    assert "0 new, 0 corrected, 1 known, 0 refused" in again.stdout
    assert (
        "must be a new file" in call("visits", "export", "out.csv", "--as", "lead", "--month", day[:7], code=1).stderr
    )
    assert "needs one of the roles" in call("visits", "import", "in.csv", "--as", "rep", code=1).stderr


def test_statistics_of_a_month_are_written_as_csv(folder: Path) -> None:
    month = iso(now_utc_ms())[:7]
    call("statistics", "s.xlsx.csv", "--as", "lead", "--month", month, "--lang", "zh")
    assert (folder / "s.xlsx.csv").read_text("utf-8-sig").startswith("客户经理,名称,商户数,活跃商户")
    refused = call("statistics", "x.csv", "--as", "lead", "--month", "2026-13", code=1)
    assert "month must be such as 2026-11, got '2026-13'" in refused.stderr
    assert not (folder / "x.csv").exists()
