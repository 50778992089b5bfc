"""Pages and the API for a rep: byte by byte the same, whether or not there is a finding of money laundering."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import msgspec
import pytest
from sqlalchemy import update

from casework.agent import FilingAgent
from casework.people import SYSTEM, put_user
from casework.schema import users
from casework.store import Store
from console.page import Console
from domain.alerts import Contribution, Score
from domain.risk import grade_of
from domain.timestamps import iso
from streams.sqlite.log import SqliteLog
from tests.casework.world import NOW_MS, alert, write
from tests.causes.world import FIRST, profile
from tests.console.conftest import Clock, Visitor, calling, visiting

if TYPE_CHECKING:
    from pathlib import Path

PAGES = (
    "/merchants", "/merchants?least_score=25", "/merchants?grade=B", "/merchants?grade=E", "/merchants/m1",
    "/merchants/m1?days=400&since=2024-12-01", "/merchants/m2", "/cases/1", "/cases/1?alert=a", "/cases/2",
    "/cases/3", "/cases/1/alerts/a", "/alerts/a", "/alerts/z", "/cases/1/news?version=1&entry=0", "/search?q=m1",
    "/search?q=z", "/settings",
)  # fmt: skip
CALLS = (
    "alerts", "cases", "cases?status=open", "cases/1", "cases/3", "alerts/a", "alerts/z", "merchants/m1/risk",
    "merchants/m2/risk", "verdicts", "overrides", "actions", "causes",
)  # fmt: skip


def world(folder: Path, *, points_of_finding: float) -> Console:
    """Two merchants of the rep's; where points are given, one has a finding of money laundering besides."""
    store = Store(f"sqlite:///{folder}/casework.db")
    with SqliteLog(folder / "tillwatch.db", durable=False) as log:
        for merchant_id in ("m1", "m2"):
            made = profile(merchant_id, FIRST, rep_id="rep")
            log.append("merchant-profiles", 0, [msgspec.json.encode(made)], keys=[merchant_id.encode()])
        if points_of_finding:
            write(log, alert("z", "m1", risk_code="42", severity=0.9))
        for merchant_id, its, points, more in (("m1", "a", 28.0, points_of_finding), ("m2", "b", 30.0, 0.0)):
            listed = (Contribution("mcc_jump", points, its),) + ((Contribution("fee_over", more, "z"),) if more else ())
            risen = min(100.0, points + more)
            write(log, Score(
                merchant_id=merchant_id, time=iso(NOW_MS + round(more)), score=risen, grade=grade_of(risen),
                contributions=listed, revision=2 if more else 1, held=risen > 85, capped=points + more - risen,
            ))  # fmt: skip
        FilingAgent(store, log, lambda: NOW_MS).file()
    put_user(store, SYSTEM, "rep", "Rep", {"rep"}, NOW_MS)
    return Console(store=store, zone="Asia/Shanghai", now_ms=Clock())


def answers(console: Console) -> dict[str, tuple[int, str, bytes]]:
    """By address status, where it leads to, and body, without what is drawn anew for each session."""
    found = {}
    with visiting(console) as visit:
        visitor: Visitor = visit("rep")
        for path in PAGES:
            answer = visitor.get(path, headers={"HX-Request": "true"} if "/alerts/a" in path[1:] else {})
            body = re.sub(rb'name="csrf" content="[^"]*"|csrf=[\w-]+', b"csrf", answer.content)
            found[path] = (answer.status_code, answer.headers.get("location", ""), body)
    with console.store.writing() as connection:
        connection.execute(update(users).where(users.c.user_id == "rep").values(is_service=True))
    with calling(console) as call:
        program = call("rep", user_id="rep")
        for path in CALLS:
            answer = program.get(path)
            found[f"API {path}"] = (answer.status_code, "", answer.content)
    return found


@pytest.mark.parametrize("points", [3.0, 20.0, 60.0, 95.0])
def test_a_rep_is_shown_the_same_whether_or_not_there_is_a_finding(points: float, seeded: Path, tmp_path: Path) -> None:
    shown = []
    for name, its in (("without", 0.0), ("with", points)):
        shutil.copytree(seeded, tmp_path / name)
        console = world(tmp_path / name, points_of_finding=its)
        shown.append(answers(console))
        console.store.close()
    without, with_it = shown
    assert [path for path in without if without[path] != with_it[path]] == []
    assert {status for status, _, _ in without.values()} <= {200, 204, 303, 403, 404}
    assert b"28" in without["/merchants/m1"][2]
    assert without["API merchants/m1/risk"][0] == 200
