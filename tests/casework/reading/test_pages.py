"""What the pages of an alert, a merchant, the portfolio and a day show, and to whom."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from casework import operations, pauses
from casework.errors import NotFound, Refused
from casework.queue.similar import Similar
from casework.reading import portfolio, reports, series
from casework.reading.alert import alert as alert_page
from casework.reading.formulas import FORMULAS
from casework.reading.merchant import merchant
from detectors.registry import DETECTORS
from domain.alerts import Contribution, Duty, Floor, Score, Text
from domain.causes import Money
from domain.readings import Profile, TransactionRow
from domain.timestamps import iso
from tests.casework.desk import CHEN, DAY_MS, LI, REP, WANG, Desk
from tests.casework.world import NOW_MS, alert, days, score
from tests.causes.world import FIRST, profile

TOLD = Text("MCC jumping", "跳码")


# -- alert


def test_an_alert_shows_its_revisions_transactions_money_and_others_like_it(desk: Desk) -> None:
    listed = tuple(
        TransactionRow(
            txn_id=f"t{i}", time=f"2025-01-01T04:0{i}:00.000Z", amount=100 + i, currency="CNY", terminal_id="T1", fee=3
        )
        for i in range(2)
    )
    desk.decide("c", verdict="confirmed")
    desk.file(alert("c2", "m2", loss=5), alert("c2", "m2", revision=2, loss=70, hits=2, transactions=listed))
    found = alert_page(desk.store, LI, "c2", NOW_MS)
    assert (found.alert.revision, found.alert.loss, found.stands, found.verdict) == (2, 70, "open", None)
    assert [(each.revision, each.loss_minor, each.hits) for each in found.revisions] == [(2, 70, 2), (1, 5, 1)]
    assert {each.txn_id for each in found.transactions} == {"t0", "t1"}
    assert "registered MCC" in found.formula.en
    assert found.similar == Similar(1, 1)
    assert [(each.alert_id, each.verdict, each.by, each.comment) for each in found.past] == [
        ("c", "confirmed", "li", "seen")
    ]


def test_an_alert_that_somebody_does_not_see_is_not_there(desk: Desk) -> None:
    assert alert_page(desk.store, CHEN, "x", NOW_MS).alert.risk_code == "29"
    for actor, alert_id in ((LI, "x"), (REP, "x"), (REP, "c"), (LI, "unknown")):
        with pytest.raises(NotFound, match=f"there is no alert {alert_id}"):
            alert_page(desk.store, actor, alert_id, NOW_MS)
    assert alert_page(desk.store, REP, "a", NOW_MS).stands == "open"


def test_every_detector_that_reckons_money_has_its_formula() -> None:
    assert {*FORMULAS} < {each.name for each in DETECTORS}
    assert {each.name for each in DETECTORS if each.bearer and each.name != "fee_notice"} <= {*FORMULAS}


# -- merchant


def test_a_merchant_is_shown_as_of_any_date(desk: Desk) -> None:
    desk.know(profile("m1", FIRST + timedelta(days=300), rep_id="rep-5", name="New Name", mccs=["5812"]))
    fields = {"rep_id": "rep-7", "until": NOW_MS + DAY_MS}
    desk.know(Profile(merchant_id="m1", kind="assignment", effective_from="2026-06-01T00:00:00Z", fields=fields))
    desk.agent.file()
    now = merchant(desk.store, LI, "m1", NOW_MS)
    assert (now.name, now.rep_id, now.in_force["merchant"].fields["mccs"]) == ("New Name", "rep-7", ["5812"])
    then = merchant(desk.store, LI, "m1", NOW_MS, as_of_ms=NOW_MS - 390 * DAY_MS)
    assert (then.rep_id, [*then.in_force], "mccs" in then.in_force["merchant"].fields) == ("rep-5", ["merchant"], True)
    first = merchant(desk.store, LI, "m1", NOW_MS, as_of_ms=NOW_MS - 600 * DAY_MS)
    assert (first.rep_id, "mccs" in first.in_force["merchant"].fields) == ("rep-1", False)
    later = merchant(desk.store, LI, "m1", NOW_MS, as_of_ms=NOW_MS + DAY_MS)
    assert (later.rep_id, [*later.in_force]) == ("rep-5", ["merchant"]), "the assignment has ended"
    assert [each.kind for each in now.versions] == ["assignment", "merchant", "merchant"]


def test_a_merchant_shows_what_the_actor_may_see_of_it(desk: Desk) -> None:
    desk.file(alert("w", "m1", "volume_decline"), score("m1", "C", 1))
    found = merchant(desk.store, LI, "m1", NOW_MS)
    assert {each.alert_id for each in found.alerts} == {"a", "b", "w"}
    assert [each.alert_id for each in found.early_warnings] == ["w"]
    assert ([each.alerts for each in found.cases], found.grade, found.score) == ([3], "C", 50.0)
    assert {each.alert_id for each in merchant(desk.store, CHEN, "m1", NOW_MS).alerts} == {"a", "b", "w", "x"}
    assert merchant(desk.store, REP, "m1", NOW_MS).name == ""
    for actor, merchant_id in ((REP, "m2"), (LI, "m77")):
        with pytest.raises(NotFound, match=f"there is no merchant {merchant_id}"):
            merchant(desk.store, actor, merchant_id, NOW_MS)


def test_a_version_of_the_future_is_shown_once_it_is_in_force(desk: Desk) -> None:
    later_ms = NOW_MS + 5 * DAY_MS
    fields = {"name": "Next Name", "mccs": ["5999"], "rep_id": "rep-1"}
    desk.know(Profile(merchant_id="m1", kind="merchant", effective_from=iso(later_ms), fields=fields))
    desk.agent.file()
    assert merchant(desk.store, LI, "m1", NOW_MS).name == ""
    desk.now_ms = later_ms
    desk.agent.file()
    assert merchant(desk.store, LI, "m1", later_ms).name == "Next Name"


def test_days_come_by_column_name(desk: Desk) -> None:
    for found in (days(("m1", "2026-11-01", 5.0), ("m1", "2026-11-02", 7.0), ("m2", "2026-11-01", 1.0)),):
        desk.log.append("merchant-days", 0, [msgspec.json.encode(found)])
    desk.agent.file()
    read = series.days(desk.store, LI, "m1", "2026-11-01", "2026-11-30", ["sales", "refunds"], NOW_MS)
    assert read.day == ("2026-11-01", "2026-11-02")
    assert read.columns == {"sales": (5.0, 7.0), "refunds": (None, None)}
    assert series.days(desk.store, REP, "m2", "2026-11-01", "2026-11-30", ["sales"], NOW_MS).day == ()


def test_gauges_are_of_the_last_closed_day(desk: Desk) -> None:
    told = days(("m1", "2026-11-02", 7.0))
    columns = {"gauge_ecm_share": [0.8], "gauge_ecm_days": [4], "gauge_vamp_share": [0.1], "gauge_vamp_days": [None]}
    desk.log.append("merchant-days", 0, [msgspec.json.encode(msgspec.structs.replace(told, columns=columns))])
    desk.agent.file()
    assert series.gauges(desk.store, LI, "m1", NOW_MS) == (
        series.Gauge("vamp", 0.1, None), series.Gauge("ecm", 0.8, 4),
    )  # fmt: skip
    assert series.gauges(desk.store, LI, "m2", NOW_MS) == ()


def a_score(revision: int, time: str, points: dict[str, float], **more: object) -> Score:
    parts = tuple(Contribution("mcc_jump", each, alert_id) for alert_id, each in points.items())
    given: dict[str, object] = {"score": sum(points.values()), "grade": "C", "prior": 0.0} | more
    return Score(merchant_id="m1", time=time, contributions=parts, revision=revision, **given)  # type: ignore[arg-type]


def test_the_ledger_says_to_the_hundredth_why_a_score_rose(desk: Desk) -> None:
    desk.file(a_score(1, "2026-11-01T04:00:00.000Z", {"a": 30.0}, prior=4.0, score=34.0))
    desk.file(
        a_score(2, "2026-11-03T04:00:00.000Z", {"a": 28.5, "b": 20.0}, prior=3.0, capped=1.5, score=50.0, grade="D")
    )
    desk.file(a_score(3, "2026-11-05T04:00:00.000Z", {"a": 28.0, "b": 19.0, "x": 5.0}, score=52.0, grade="D"))
    found = series.ledger(desk.store, LI, "m1", "2026-11-02T00:00:00.000Z", NOW_MS)
    assert (found.then and found.then.score, found.now and found.now.score) == (34.0, 52.0)
    assert sum(each.points for each in found.steps) == pytest.approx(18.0)
    assert [(each.kind, each.alert_id, each.points) for each in found.steps] == [
        ("alert", "b", 19.0), ("alert", "", 5.0), ("prior", "", -4.0), ("alert", "a", -2.0),
    ], "x is of money laundering"  # fmt: skip
    assert "x" in {each.alert_id for each in series.ledger(desk.store, CHEN, "m1", "2026-11-02", NOW_MS).steps}
    assert series.ledger(desk.store, REP, "m1", "2026-11-02", NOW_MS).steps == ()
    history = series.score_history(desk.store, LI, "m1", "2026-11-01", NOW_MS)
    assert [(each.score, each.grade) for each in history] == [(34.0, "C"), (50.0, "D"), (52.0, "D")]


def test_a_floor_is_a_step_of_the_ledger(desk: Desk) -> None:
    desk.file(a_score(1, "2026-11-01T04:00:00.000Z", {"a": 30.0}))
    floor = Floor(70.0, "a", "2027-01-01T00:00:00.000Z")
    desk.file(a_score(2, "2026-11-03T04:00:00.000Z", {"a": 30.0}, score=70.0, floor=floor))
    steps = series.ledger(desk.store, LI, "m1", "2026-11-02", NOW_MS).steps
    assert [(each.kind, each.points) for each in steps] == [("floor", 40.0)]


def test_the_history_has_a_row_a_day_and_one_at_each_change_of_grade(desk: Desk) -> None:
    for revision, (hour, grade) in enumerate([(1, "A"), (2, "A"), (3, "C"), (4, "C"), (5, "A")], 1):
        desk.file(a_score(revision, f"2026-11-01T0{hour}:00:00.000Z", {"a": hour}, grade=grade))
    found = series.score_history(desk.store, LI, "m1", "2026-11-01", NOW_MS)
    assert [(each.score, each.grade) for each in found] == [(4.0, "C"), (5.0, "A")]


# -- portfolio and reports


def test_the_portfolio_groups_merchants_with_their_open_alerts_and_money(desk: Desk) -> None:
    desk.know(profile("m3", FIRST, rep_id="rep-2", mccs=["5812"]))
    desk.file(alert("h", "m2", currency="EUR", loss=5, turnover=None), score("m3", "B", 1))
    found = {each.key: each for each in portfolio.groups(desk.store, LI, "rep_id", NOW_MS)}
    assert found["rep-1"] == ("rep-1", 1, 1, 2, (Money("CNY", None, 180_000, 2_000),))
    assert found["rep-2"] == ("rep-2", 2, 1, 2, ()), "of two currencies"
    assert [each.key for each in portfolio.groups(desk.store, REP, "rep_id", NOW_MS)] == ["rep-1"]
    by_grade = {each.key: each.merchants for each in portfolio.groups(desk.store, LI, "grade", NOW_MS)}
    assert by_grade == {"": 2, "B": 1}
    with pytest.raises(Refused, match="by must be one of mcc, region"):
        portfolio.groups(desk.store, LI, "name", NOW_MS)


def test_detectors_are_told_by_hits_shares_and_silence(desk: Desk) -> None:
    desk.decide("c")
    desk.now_ms += 31 * DAY_MS
    desk.file(alert("d", "m5"))
    found = {each.detector: each for each in portfolio.detectors(desk.store, LI, desk.now_ms)}
    assert found["mcc_jump"][1:] == (2, 1, 1, 1.0, desk.now_ms, 0)
    assert found["fee_over"][1:] == (1, 0, 0, None, NOW_MS, 31 * DAY_MS)
    assert found["anomaly"][1:] == (0, 0, 0, None, None, None)
    seen_by_rep = {each.detector: each for each in portfolio.detectors(desk.store, REP, desk.now_ms)}
    assert seen_by_rep["mcc_jump"][1:5] == (1, 0, 0, None)


def test_duties_due_are_listed_the_soonest_first(desk: Desk) -> None:
    for i, day in enumerate(("2026-12-03", "2026-12-01", "2027-02-01")):
        desk.file(alert(f"d{i}", f"d{i}", "dormancy", duty=Duty("patrol", f"{day}T00:00:00.000Z")))
    found = portfolio.duties_due(desk.store, LI, NOW_MS + 14 * DAY_MS, NOW_MS)
    assert [each.alert_id for each in found] == ["d1", "d0"]
    assert portfolio.duties_due(desk.store, REP, NOW_MS + 14 * DAY_MS, NOW_MS) == ()


def test_the_daily_report_and_the_hand_over_count_what_was_done(desk: Desk) -> None:
    operations.take(desk.store, LI, desk.case_of("a"), 1, NOW_MS)
    desk.now_ms += 3_600_000
    desk.decide("c")
    desk.file(alert("d", "m5", "fee_over"))
    pauses.snooze(desk.store, LI, desk.case_of("d"), desk.now_ms + 3_600_000, "later", desk.now_ms)
    found = reports.daily_report(desk.store, LI, NOW_MS, NOW_MS + DAY_MS, desk.now_ms)
    assert found.filed == {"mcc_jump": 2, "fee_over": 2}
    assert (found.opened, found.decided, found.by_person) == (3, {"confirmed": 1}, {"li": 1})
    assert (found.median_ms, found.confirmed_money) == (3_600_000, (Money("CNY", None, 90_000, 1_000),))
    assert found.header == desk.header()
    shift = reports.hand_over(desk.store, LI, NOW_MS, desk.now_ms)
    assert shift.held == (("li", 1, 2),)
    assert (shift.wakes, shift.worked) == ((desk.case_of("d"),), (desk.case_of("a"),))
    assert reports.daily_report(desk.store, REP, NOW_MS, NOW_MS + DAY_MS, desk.now_ms).decided == {}
    assert reports.daily_report(desk.store, LI, NOW_MS - DAY_MS, NOW_MS, desk.now_ms).opened == 0


def test_what_waits_for_a_second_is_not_reported_as_decided(desk: Desk) -> None:
    desk.file(score("m2", "E", 1))
    desk.decide("c", WANG, "false_alarm")
    found = reports.daily_report(desk.store, LI, NOW_MS, NOW_MS + DAY_MS, NOW_MS)
    assert (found.decided, found.header.decided) == ({}, 0)
