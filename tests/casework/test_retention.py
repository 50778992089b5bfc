"""What is too old is dropped, some at a time, and the audit says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from casework import retention
from casework.agent import FilingAgent
from casework.reading.alert import alert as alert_page
from casework.retention import Dropped, drop_old
from tests.casework.desk import LI
from tests.casework.world import NOW_MS, alert, days, rows, write

if TYPE_CHECKING:
    import pytest

    from casework.store import Store
    from streams.sqlite.log import SqliteLog


def filed(store: Store, log: SqliteLog, *last_days: str, keep_d: int = 400) -> None:
    agent = FilingAgent(store, log, lambda: NOW_MS, keep_transactions_d=keep_d)
    for day in last_days:
        write(log, alert(f"a{day}", f"m{day}", last_time=f"{day}T04:00:00.000Z"))
    agent.file()


def test_transactions_go_with_their_alerts_age_from_rows_and_revisions(
    store: Store, log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_ALERTS_AT_A_TIME", 1)
    filed(store, log, "2025-01-01", "2025-01-02", "2026-11-01")
    assert drop_old(store, "2026-11-28", 100, NOW_MS) == Dropped(0, 0, 2)
    assert [each for (each,) in rows(store, "alert_transactions", "alert_id")] == ["a2026-11-01"]
    found = alert_page(store, LI, "a2025-01-01", NOW_MS)
    assert (found.alert.transactions, found.transactions, found.alert.loss) == ((), (), 1_000)
    assert len(alert_page(store, LI, "a2026-11-01", NOW_MS).alert.transactions) == 1
    assert drop_old(store, "2026-11-28", 100, NOW_MS) == Dropped(), "once"
    assert [kind for (kind,) in rows(store, "audit", "kind")] == ["drop", "file"]


def test_an_old_alert_that_is_filed_late_is_dropped_as_well(store: Store, log: SqliteLog) -> None:
    filed(store, log, "2025-01-05")
    assert drop_old(store, "2026-11-28", 100, NOW_MS).transactions == 1
    filed(store, log, "2025-01-05", "2025-01-02")
    assert drop_old(store, "2026-11-28", 100, NOW_MS).transactions == 2


def test_days_and_scores_are_dropped_some_at_a_time(
    store: Store, log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_ROWS_AT_A_TIME", 2)
    listed = [(f"m{i}", "2025-01-01", 1.0) for i in range(5)]
    log.append("merchant-days", 0, [msgspec.json.encode(days(*listed, ("m0", "2026-11-01", 1.0)))])
    filed(store, log)
    assert [day for (day,) in rows(store, "merchant_days", "day")] == ["2026-11-01"]
    assert [kind for (kind,) in rows(store, "audit", "kind")] == ["drop"]


def test_the_agent_drops_what_its_setting_says_is_too_old(store: Store, log: SqliteLog) -> None:
    log.append("merchant-days", 0, [msgspec.json.encode(days(("m0", "2026-11-20", 1.0)))])
    filed(store, log, "2026-11-01", "2026-11-19", keep_d=10)
    assert [each for (each,) in rows(store, "alert_transactions", "alert_id")] == ["a2026-11-19"]
