"""What a row of the queue says, and which rows there are."""

from __future__ import annotations

from typing import Any

import pytest

from casework import actions, flags, operations, pauses, quality, queue
from casework.errors import Refused
from casework.people import SYSTEM, put_user
from casework.queue.filters import Filter
from casework.queue.rows import rows_of
from casework.queue.similar import Similar
from casework.reading.case import case
from casework.reading.merchants import Wanted
from casework.reading.merchants import listed as merchants_of
from domain.alerts import Duty, Evidence, Text
from domain.causes import Money
from domain.readings import Profile, TransactionRow
from domain.timestamps import iso
from tests.casework.desk import CHEN, DAY_MS, LI, REP, WANG, Desk
from tests.casework.world import NOW_MS, alert, cause, score
from tests.causes.world import FIRST, profile


def merchants(desk: Desk, wanted: Filter | None = None, actor: Any = LI) -> list[str | None]:
    return [each.merchant_id for each in queue.page(desk.store, actor, wanted or Filter(), desk.now_ms).rows]


def test_a_row_says_whose_it_is_why_and_what_is_at_stake(desk: Desk) -> None:
    put_user(desk.store, SYSTEM, "rep-9", "Zhou Jie", ["rep"], NOW_MS)
    known = {"rep_id": "rep-9", "city": "Hefei", "name": "Old Street Noodles", "mccs": ["5812", "5814"]}
    desk.know(profile("m9", FIRST, **known))
    peers = Evidence("peer_z", "1d", 3.2, 1.8, 0, "deviations")
    reason = Text("Registered 5812; 4 sales sent as 8211; loss ¥47", "登记MCC 5812；4笔按8211上送；少收¥47")
    told = {"title": Text("MCC jumping", "跳码"), "reason": reason, "evidence": (peers,), "bearer": "issuer_network"}
    desk.file(
        alert("h", "m9", severity=0.9, loss=4_735, **told), alert("i", "m9", loss=None, turnover=None, severity=0.2),
        alert("j", "m9", "fee_over", severity=0.3, bearer="merchant", loss=None, turnover=500), score("m9", "D", 3),
    )  # fmt: skip
    (row,) = rows_of(desk.store, LI, [desk.case_of("h")], NOW_MS)
    assert (row.shop_name, row.city, row.rep_id, row.rep_name) == ("Old Street Noodles", "Hefei", "rep-9", "Zhou Jie")
    assert (row.grade, row.score, row.severity, row.lane, row.flags) == ("D", 50.0, 0.9, "risk", ())
    assert row.why == Text("Registered 5812; 4 sales sent as 8211", "登记MCC 5812；4笔按8211上送")
    assert row.money == (
        Money("CNY", "issuer_network", 90_000, 4_735), Money("CNY", "merchant", 500, None),
    )  # fmt: skip
    assert (row.peers, row.detectors) == (peers, {"fee_over": 1, "mcc_jump": 2})
    assert (row.title.zh, row.lead_alert_id) == ("跳码", "h")
    assert (row.due_ms or 0) > NOW_MS


def test_what_is_not_known_is_none_and_never_0(desk: Desk) -> None:
    desk.file(alert("h", "m9", loss=None, turnover=None, severity=0.9))
    (row,) = rows_of(desk.store, LI, [desk.case_of("h")], NOW_MS)
    assert (row.money, row.peers, row.score, row.grade, row.rep_id, row.similar) == ((), None, None, "", "", Similar())
    assert row.shares == {"mcc_jump": None}


def test_pages_follow_each_other_without_gap_or_repetition(desk: Desk) -> None:
    desk.file(*(alert(f"n{i}", f"n{i}", severity=0.1 * (i % 4 + 1)) for i in range(9)))
    whole = queue.page(desk.store, LI, Filter(), NOW_MS)
    assert whole.after == ""
    found, after = [], ""
    while True:
        part = queue.page(desk.store, LI, Filter(), NOW_MS, most=2, after=after)
        found += part.rows
        after = part.after
        if not after:
            break
    assert tuple(found) == whole.rows
    assert [each.position for each in found] == [*range(1, 12)]
    assert [each.severity for each in found] == sorted((each.severity for each in found), reverse=True)
    with pytest.raises(Refused, match="after must be the cursor of a page, got 'x'"):
        queue.page(desk.store, LI, Filter(), NOW_MS, after="x")


def test_each_part_of_a_filter_keeps_the_others_out(desk: Desk) -> None:
    desk.know(
        profile("m9", FIRST, rep_id="rep-9", agent_id="A-1", city="Hefei", short_name="Grüne Straße", mccs=["5812"])
    )
    desk.file(alert("h", "m9", "fee_over", loss=9_000, risk_code="21"), score("m9", "E", 3))
    operations.take(desk.store, LI, desk.case_of("h"), 1, NOW_MS)
    for wanted in (
        Filter(grade="E"), Filter(city="Hefei"), Filter(rep="rep-9"), Filter(agent="A-1"), Filter(mcc="5812"),
        Filter(holder="me"), Filter(holder="li"), Filter(min_loss_minor=9_000), Filter(risk_code="21"),
        Filter(text="STRASSE"[:4]), Filter(text=str(desk.case_of("h"))), Filter(text="m9"),
        Filter(kind="merchant", city="Hefei"),
    ):  # fmt: skip
        assert merchants(desk, wanted) == ["m9"], wanted
    assert {*merchants(desk, Filter(detector="fee_over"))} == {"m1", "m9"}
    assert {*merchants(desk, Filter(holder="nobody"))} == {"m1", "m2"}
    for wanted in (
        Filter(kind="cause"), Filter(late=True), Filter(text="%"), Filter(detector="fee"), Filter(risk_code="2"),
        Filter(lane="duty"), Filter(status="snoozed"), Filter(status="suppressed"), Filter(status="decided"),
    ):  # fmt: skip
        assert merchants(desk, wanted) == [], wanted


def test_snoozed_suppressed_and_decided_cases_are_in_pages_of_their_own(desk: Desk) -> None:
    pauses.snooze(desk.store, LI, desk.case_of("c"), NOW_MS + DAY_MS, "owner away", NOW_MS)
    assert (merchants(desk), merchants(desk, Filter(status="snoozed"))) == (["m1"], ["m2"])
    pauses.suppress(desk.store, WANG, "mcc_jump", "m1", NOW_MS + DAY_MS, "known", NOW_MS)
    assert (merchants(desk), merchants(desk, Filter(status="suppressed"))) == (["m1"], ["m1"])
    pauses.suppress(desk.store, WANG, "fee_over", "m1", NOW_MS + DAY_MS, "known", NOW_MS)
    assert merchants(desk) == [], "all of its alerts are suppressed"
    desk.now_ms += DAY_MS
    assert merchants(desk, Filter(status="snoozed")) == []
    desk.decide("a")
    assert (merchants(desk), merchants(desk, Filter(status="decided"))) == (["m2"], ["m1"])


def test_what_a_filter_comes_to_is_its_count_and_its_money_by_currency(desk: Desk) -> None:
    desk.file(alert("h", "m1", currency="EUR", loss=7, turnover=None), alert("i", "m9", loss=None, turnover=None))
    assert queue.count_and_money(desk.store, LI, Filter(), NOW_MS) == (
        3, 5, (Money("CNY", None, 270_000, 3_000), Money("EUR", None, None, 7)),
    )  # fmt: skip
    assert queue.count_and_money(desk.store, REP, Filter(), NOW_MS)[:2] == (1, 3)
    assert queue.count_and_money(desk.store, CHEN, Filter(text="m1"), NOW_MS)[:2] == (2, 4)


def test_past_alerts_like_it_are_of_its_detector_on_its_mcc_or_its_merchant(desk: Desk) -> None:
    def at(mcc: str) -> tuple[TransactionRow, ...]:
        return (
            TransactionRow(txn_id="t", time="2025-01-01T04:00:00.000Z", amount=1, currency="CNY", registered=(mcc,)),
        )

    desk.file(
        alert("h", "m5", transactions=at("5411")), alert("i", "m6", transactions=at("5411")),
        alert("j", "m7", transactions=at("5812")), alert("k", "m6", "fee_over", transactions=at("5411")),
        alert("l", "m7", transactions=at("5411"), risk_code="29"),
    )  # fmt: skip
    for each, verdict in (("h", "confirmed"), ("i", "false_alarm"), ("j", "confirmed")):
        desk.decide(each, verdict=verdict, alert_ids=[each])
    desk.decide("l", CHEN)
    desk.file(alert("n", "m7", transactions=at("5411")))
    (row,) = rows_of(desk.store, LI, [desk.case_of("n")], NOW_MS)
    assert row.similar == Similar(3, 2), "h and i of its MCC, j of its merchant"
    assert row.shares == {"mcc_jump": pytest.approx(2 / 3)}
    desk.know(profile("m7", FIRST, rep_id="rep-1"))
    desk.agent.file()
    (seen_by_rep,) = rows_of(desk.store, REP, [desk.case_of("n")], NOW_MS)
    assert (seen_by_rep.similar, seen_by_rep.shares) == (Similar(1, 1), {"mcc_jump": None}), "of its own merchant alone"
    assert rows_of(desk.store, CHEN, [desk.case_of("n")], NOW_MS)[0].similar == Similar(4, 3)


def test_a_rep_who_is_no_user_is_called_as_the_log_has_it(desk: Desk) -> None:
    person = {"effective_from": NOW_MS, "role": "rep", "name": "周杰"}
    desk.know(Profile(merchant_id="rep-8", kind="person", effective_from=iso(NOW_MS), fields=person))
    desk.know(profile("m9", FIRST, rep_id="rep-8"))
    desk.file(alert("h", "m9"))
    case_id = desk.case_of("h")
    (row,), shop = rows_of(desk.store, LI, [case_id], NOW_MS), case(desk.store, LI, case_id, NOW_MS).shop
    (listed,) = (each for each in merchants_of(desk.store, LI, Wanted(), NOW_MS).rows if each.merchant_id == "m9")
    assert shop is not None
    assert {row.rep_name, shop.rep_name, listed.rep_name} == {"周杰"}


def test_a_cause_is_a_row_with_its_members(desk: Desk) -> None:
    desk.file(cause("k", {"m1": ["a"], "m2": ["c"]}, title=Text("One agent", "同一代理商"), count=12))
    case_id = operations.open_cause_case(desk.store, LI, "k", NOW_MS)
    (row,) = rows_of(desk.store, LI, [case_id], NOW_MS)
    assert (row.kind, row.members, row.merchant_id, row.shop_name) == ("cause", 12, None, "agent A-17 代理商A-17")
    assert (row.title.zh, row.detectors) == ("同一代理商", {"mcc_jump": 2})
    assert [each.case_id for each in queue.page(desk.store, LI, Filter(kind="cause"), NOW_MS).rows] == [case_id]
    assert rows_of(desk.store, REP, [case_id], NOW_MS) == ()


def test_duties_are_in_a_lane_of_their_own_the_soonest_due_first(desk: Desk) -> None:
    for i, day in enumerate(("2026-12-30", "2026-12-02", "2026-12-09")):
        due = Duty("patrol", f"{day}T00:00:00.000Z")
        desk.file(alert(f"d{i}", f"d{i}", "dormancy", duty=due, severity=0.1 * (i + 1), loss=None, turnover=None))
    desk.file(alert("d3", "d3", "terminal_silent"), alert("d4", "m1", "licence_expiry"))
    assert merchants(desk, Filter(lane="duty")) == ["d1", "d2", "d0", "d3"]
    assert merchants(desk) == ["m1", "m2"], "a duty beside a suspicion stays with it"


def test_what_waits_for_another_stands_beside_a_case(desk: Desk) -> None:
    flags.flag(desk.store, LI, desk.case_of("a"), "odd", NOW_MS)
    actions.recommend(desk.store, LI, desk.case_of("c"), "suspend", "now", NOW_MS)
    marks = {each.merchant_id: each.flags for each in queue.page(desk.store, LI, Filter(), NOW_MS).rows}
    assert marks == {"m1": ("flagged",), "m2": ("second",)}
    desk.decide("a")
    quality.draw(desk.store, WANG, 5, 1, NOW_MS)
    desk.file(alert("a", revision=2, reopened=1, hits=2), alert("b", detector="fee_over", severity=0.7))
    (row,) = rows_of(desk.store, LI, [desk.case_of("a")], NOW_MS)
    assert row.flags == ("reopened", "flagged", "recheck")
    (x,) = rows_of(desk.store, CHEN, [desk.case_of("x")], NOW_MS)
    assert x.flags == ("aml",)
    assert rows_of(desk.store, REP, [desk.case_of("a")], NOW_MS)[0].flags == ("reopened",), "the rest is the office's"
