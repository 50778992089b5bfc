"""What comes first: how likely it is, times what it costs; and what is drawn from the rest."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from casework import queue
from casework.errors import NotAllowed, Refused
from casework.queue.filters import Filter
from casework.queue.order import COSTS, Policy, put_policy
from casework.queue.today import today
from casework.summary import refresh_all
from domain.risk_codes import RISK_CODES
from tests.casework.desk import DAY_MS, LI, REP, WANG, Desk
from tests.casework.world import NOW_MS, alert

DAY = date(2026, 11, 30)


def order(desk: Desk) -> list[str | None]:
    return [each.merchant_id for each in queue.page(desk.store, LI, Filter(), desk.now_ms).rows]


def test_a_risk_that_costs_more_comes_before_a_likelier_one(desk: Desk) -> None:
    desk.file(
        alert("p", "m5", severity=0.4, risk_code="25"), alert("q", "m6", severity=0.8, risk_code="26"),
        alert("r", "m7", severity=0.2, risk_code="25"),
    )  # fmt: skip
    assert order(desk)[:3] == ["m5", "m6", "m7"]
    put_policy(desk.store, WANG, Policy(costs={"25": 1.0}), NOW_MS)
    assert refresh_all(desk.store, NOW_MS) == 6
    assert order(desk)[0] == "m6"
    assert desk.kinds()[-1] == "put_policy"


def test_a_detector_that_is_mostly_wrong_sinks_and_one_that_is_right_rises(desk: Desk) -> None:
    for i in range(20):
        desk.file(alert(f"v{i}", f"v{i}", "volume_rise"), alert(f"f{i}", f"f{i}", "fee_rise"))
        desk.decide(f"v{i}", verdict="false_alarm")
        desk.decide(f"f{i}", verdict="confirmed")
    desk.file(
        alert("p", "m5", "volume_rise", severity=0.8), alert("q", "m6", "fee_rise", severity=0.5),
        alert("r", "m7", "mcc_drift", severity=0.6),
    )  # fmt: skip
    assert [each for each in order(desk) if each in {"m5", "m6", "m7"}] == ["m6", "m7", "m5"]
    desk.now_ms += 91 * DAY_MS
    desk.agent.file()
    assert [each for each in order(desk) if each in {"m5", "m6", "m7"}] == ["m5", "m7", "m6"], "verdicts of long ago"


def test_every_risk_code_has_a_cost() -> None:
    assert {*COSTS} == {*RISK_CODES, ""}


def test_a_policy_is_a_leads_and_in_bounds(desk: Desk) -> None:
    with pytest.raises(NotAllowed, match="needs one of the roles"):
        put_policy(desk.store, LI, Policy(), NOW_MS)
    with pytest.raises(Refused, match="costs must be of PCAC risk codes, got '98'"):
        Policy(costs={"98": 1.0})
    with pytest.raises(Refused, match="a cost must be 0 to 1000, got -1"):
        Policy(costs={"26": -1.0})
    with pytest.raises(Refused, match="per_day must be 1 to 100000 cases, got 0"):
        Policy(per_day=0)


def test_one_in_twenty_is_drawn_from_what_lies_beyond_the_capacity(desk: Desk) -> None:
    desk.file(*(alert(f"n{i}", f"n{i}", severity=0.9 - i / 100) for i in range(80)))
    put_policy(desk.store, WANG, Policy(per_day=40), NOW_MS)
    found = today(desk.store, LI, DAY, NOW_MS)
    assert (found.per_day, found.ordered, found.waiting, len(found.drawn)) == (40, 38, 82, 2)
    first = {each.case_id for each in queue.page(desk.store, LI, Filter(), NOW_MS, most=38).rows}
    assert not first & {*found.drawn}
    assert today(desk.store, LI, DAY, NOW_MS + 1).drawn == found.drawn, "the same all day"
    days = [today(desk.store, LI, DAY + timedelta(days=each), NOW_MS).drawn for each in range(30)]
    assert len({case_id for drawn in days for case_id in drawn}) > 20, "others on other days"
    assert today(desk.store, REP, DAY, NOW_MS).drawn == (), "fewer cases than it could work"
