"""More for a store of tests to show: alerts, scores and master data, by way of its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from casework.agent import FilingAgent
from domain.readings import Profile
from streams.sqlite.log import SqliteLog
from tests.casework.world import NOW_MS, write
from tests.causes.world import FIRST, profile

if TYPE_CHECKING:
    from pathlib import Path

    from casework.store import Store
    from domain.alerts import Alert, Score

HOSTILE = "<script>alert(1)</script>\"'"


def shop(merchant_id: str, name: str, **fields: object) -> Profile:
    """A merchant's master data."""
    given = {
        "short_name": name,
        "city": "合肥",
        "region": "安徽",
        "mccs": ["5411"],
        "rep_id": "rep",
        "agent_id": "A-17",
    }
    return profile(merchant_id, FIRST, **(given | fields))


def file_more(store: Store, folder: Path, *values: Alert | Score | Profile, now_ms: int = NOW_MS) -> None:
    """Append to the log of `tests.console.conftest.store`, whose folder this is, and file it."""
    with SqliteLog(folder / "tillwatch.db", durable=False) as log:
        profiles = [each for each in values if isinstance(each, Profile)]
        keys = [f"{each.merchant_id}|{each.kind}|{each.effective_from}".encode() for each in profiles]
        log.append("merchant-profiles", 0, [msgspec.json.encode(each) for each in profiles], keys=keys)
        write(log, *(each for each in values if not isinstance(each, Profile)))
        FilingAgent(store, log, lambda: now_ms).file()
