"""Looks of the planner that are killed midway: nothing of them is left, and the next one makes all of it, once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tests.notices.killed import COMMIT

if TYPE_CHECKING:
    from tests.notices.field import Field

ROOT = Path(__file__).parents[2]
PLACES = (
    "INSERT INTO notice_groups", "INSERT INTO tasks", "INSERT INTO notices", "INSERT INTO notice_entries",
    "INSERT INTO facts", COMMIT,
)  # fmt: skip
"""In the order in which a look comes to them."""
MADE = ("notices", "notice_entries", "notice_groups", "notice_held", "tasks", "audit", "facts")
WAIT_MS = 10_000
PLAN = """
import sys
from tests.notices.killed import plan
plan(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
"""


def test_a_look_killed_anywhere_leaves_nothing_and_the_next_one_tells_everybody_once(field: Field) -> None:
    told = {}
    for k in range(8):
        field.shop(f"m{k}", rep_id=f"rep-{k % 2}")
        field.alert(f"a{k}", f"m{k}")
        if k < 6:  # the others are told to the desk
            field.confirm(f"a{k}")
        told[f"a{k}"] = f"rep-{k % 2}" if k < 6 else "risk"
    assert field.look() == []  # groups begin to wait
    field.now_ms += 6 * WAIT_MS
    before = {each: field.rows(each) for each in MADE}
    found_at = field.store._engine.url
    url = found_at.set(drivername=found_at.get_backend_name()).render_as_string(hide_password=False)
    ended = subprocess.run(
        [sys.executable, "-c", PLAN, url, str(field.now_ms), *PLACES], cwd=ROOT, check=True, capture_output=True,
        text=True,
    )  # fmt: skip
    assert ended.stdout.splitlines() == [f"{each} {signal.SIGKILL.value}" for each in PLACES]
    assert {each: field.rows(each) for each in MADE} == before

    assert field.look() != []
    recipients = {each.notice_id: each.recipient for each in field.rows("notices")}
    entries = field.rows("notice_entries")
    found = Counter(
        (alert_id, recipients[each.notice_id]) for each in entries for alert_id in msgspec.json.decode(each.alert_ids)
    )
    assert found == Counter(told.items())
    assert sorted(each.merchant_id for each in field.rows("tasks")) == [f"m{k}" for k in range(6)]
    assert field.look() == []
