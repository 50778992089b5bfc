"""The load by days of a zone, and what keeps alerts out of the queue, as people may see it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from casework import pauses
from casework.reading.load import LOAD_D, load
from casework.reading.pauses import IDLE_D, snoozes_running, suppressions_running
from tests.casework.desk import CHEN, DAY_MS, LI, REP, WANG
from tests.casework.world import NOW_MS, alert

if TYPE_CHECKING:
    from casework.people import Actor
    from tests.casework.desk import Desk


@pytest.mark.parametrize(("actor", "count"), [(LI, 3), (CHEN, 4), (REP, 2)])
def test_a_day_counts_what_somebody_sees(desk: Desk, actor: Actor, count: int) -> None:
    assert load(desk.store, actor, "Asia/Shanghai", NOW_MS)[-1].filed == count


def test_a_case_that_is_decided_twice_in_a_day_counts_once(desk: Desk) -> None:
    desk.decide("a", alert_ids=["a"])
    desk.decide("b", alert_ids=["b"])
    desk.decide("c")
    desk.now_ms += 2 * DAY_MS
    days = load(desk.store, LI, "UTC", desk.now_ms)
    assert [each.decided for each in days[-3:]] == [2, 0, 0]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "Asia/Kathmandu", "Europe/Berlin"])
def test_days_begin_at_the_zones_midnight_though_clocks_change(desk: Desk, zone: str) -> None:
    spring_ms = round(datetime(2026, 4, 10, 12, tzinfo=UTC).timestamp() * 1000)
    days = load(desk.store, LI, zone, spring_ms)
    assert len(days) == LOAD_D
    lengths = {(later.first_ms - day.first_ms) // 3_600_000 for day, later in pairwise(days)}
    assert lengths == ({24, 23} if zone == "Europe/Berlin" else {24})


def test_what_runs_is_listed_with_what_it_keeps_out(desk: Desk) -> None:
    pauses.snooze(desk.store, LI, desk.case_of("a"), NOW_MS + 60 * DAY_MS, "later", NOW_MS)
    pauses.suppress(desk.store, WANG, "fee_over", "m1", NOW_MS + 90 * DAY_MS, "agreed", NOW_MS)
    pauses.suppress(desk.store, WANG, "volume_rise", "m2", NOW_MS + 80 * DAY_MS, "sale", NOW_MS)
    pauses.suppress(desk.store, CHEN, "mcc_jump", "m1", NOW_MS + 80 * DAY_MS, "ours", NOW_MS, of_aml=True)
    (snoozed,) = snoozes_running(desk.store, LI, NOW_MS)
    assert (snoozed.case_id, snoozed.alerts, snoozed.last_ms, snoozed.is_idle) == (desk.case_of("a"), 2, NOW_MS, False)
    found = suppressions_running(desk.store, WANG, NOW_MS)
    assert [(each.detector, each.alerts, each.is_idle) for each in found] == [
        ("volume_rise", 0, False), ("fee_over", 1, False),
    ]  # fmt: skip
    assert len(suppressions_running(desk.store, CHEN, NOW_MS)) == 3
    assert [each.merchant_id for each in suppressions_running(desk.store, REP, NOW_MS)] == ["m1"]


def test_what_has_kept_nothing_out_for_long_is_idle_until_an_alert_comes(desk: Desk) -> None:
    pauses.suppress(desk.store, WANG, "mcc_jump", "m2", NOW_MS + 90 * DAY_MS, "agreed", NOW_MS)
    pauses.snooze(desk.store, LI, desk.case_of("a"), NOW_MS + 90 * DAY_MS, "later", NOW_MS)
    desk.now_ms += (IDLE_D + 1) * DAY_MS
    assert suppressions_running(desk.store, WANG, desk.now_ms)[0].is_idle
    assert snoozes_running(desk.store, LI, desk.now_ms)[0].is_idle
    desk.file(alert("c", "m2", revision=2))
    assert not suppressions_running(desk.store, WANG, desk.now_ms)[0].is_idle


def test_what_was_ended_lifted_or_is_over_runs_no_more(desk: Desk) -> None:
    pauses.snooze(desk.store, LI, desk.case_of("a"), NOW_MS + DAY_MS, "later", NOW_MS)
    number = pauses.suppress(desk.store, WANG, "fee_over", "m1", NOW_MS + DAY_MS, "agreed", NOW_MS)
    assert snoozes_running(desk.store, LI, NOW_MS + 2 * DAY_MS) == ()
    assert suppressions_running(desk.store, WANG, NOW_MS + 2 * DAY_MS) == ()
    pauses.end_snooze(desk.store, LI, desk.case_of("a"), NOW_MS)
    pauses.lift(desk.store, WANG, number, NOW_MS)
    assert snoozes_running(desk.store, LI, NOW_MS) == ()
    assert suppressions_running(desk.store, WANG, NOW_MS) == ()


def test_a_decided_case_of_money_laundering_is_counted_for_aml_alone(desk: Desk) -> None:
    desk.decide("a", alert_ids=["a"])
    desk.decide("x", CHEN)
    counts = {each.user_id: load(desk.store, each, "UTC", desk.now_ms)[-1].decided for each in (LI, CHEN, REP)}
    assert counts == {LI.user_id: 1, CHEN.user_id: 2, REP.user_id: 1}
