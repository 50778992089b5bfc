"""What is told as a cause, and what is not."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from causes.collection import Causes
from tests.causes.world import FIRST, ZONE, alert, profile, sent_as
from tests.seeds import seeds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.alerts import Alert
    from domain.causes import Cause

DAY = FIRST + timedelta(days=40)


def after(days: int) -> date:
    return DAY + timedelta(days=days)


def acquirer(
    agents: dict[str, int], *, others: int = 4_000, reps: int = 40, cities: int = 8, **fields: object
) -> Causes:
    """Merchants of agents, and of nobody; reps and cities are spread over all, unless `fields` say otherwise."""
    causes, since = Causes(ZONE), FIRST - timedelta(days=400)
    owners = [*(name for name, size in agents.items() for _ in range(size)), *[""] * others]
    for i, agent in enumerate(owners):
        given = {"rep_id": f"r{i % reps}", "city": f"c{i % cities}", "mccs": [f"58{i % 7:02}"]}
        given |= {"channel": "agent" if agent else "direct"} | ({"agent_id": agent} | fields if agent else {})
        causes.learn(profile(f"m{i}", since, **given))
    return causes


def of(causes: Causes, found: Iterable[int], detector: str, day: date, **more: object) -> None:
    """Alerts of merchants by their numbers."""
    for i in found:
        causes.take(alert(f"{detector}-{i}-{day}", f"m{i}", detector, day, hour=9 + i % 10, **more))


def background(causes: Causes, detector: str, share: float, first: int, count: int, days: range) -> None:
    """On each day a share of the merchants from `first` on, drawn anew."""
    draw = random.Random(first + count)
    for day in days:
        of(causes, draw.sample(range(first, first + count), round(share * count)), detector, after(day))


def told(causes: Causes) -> list[tuple[str, str, str, int, int]]:
    return [(each.kind, each.key, each.detector, each.count, each.merchants) for each in causes.causes()]


@pytest.mark.parametrize("size", [100, 150, 400, 2_000])
def test_an_agent_with_12_percent_alerted_beside_1_percent_is_told_on_that_day(size: int) -> None:
    causes = acquirer({"A": size})
    background(causes, "fee_over", 0.01, 0, size + 4_000, range(-35, 1))
    members = size * 12 // 100
    of(causes, random.Random(1).sample(range(size), members), "fee_over", DAY)
    (cause,) = causes.causes()
    assert (cause.kind, cause.key, cause.detector) == ("agent", "A", "fee_over")
    assert (cause.first_day, cause.merchants) == (str(DAY), size)
    assert members <= cause.count <= 1.1 * members + 1, "with those of that day that any agent has"
    assert cause.share_elsewhere == pytest.approx(0.01, rel=0.15)
    assert len(cause.members) == min(cause.count, 50)


@pytest.mark.parametrize(("size", "members"), [(25, 4), (45, 6), (80, 10)])
def test_where_alerts_are_rarer_a_smaller_agent_is_told(size: int, members: int) -> None:
    causes = acquirer({"A": size})
    background(causes, "fee_over", 0.0005, size, 4_000, range(-35, 1))
    of(causes, range(members), "fee_over", DAY)
    assert told(causes) == [("agent", "A", "fee_over", members, size)]


def test_an_agent_like_all_others_is_not_told() -> None:
    causes = acquirer({"A": 400})
    background(causes, "fee_over", 0.12, 0, 4_400, range(1))
    assert told(causes) == []


def test_what_adds_up_over_days_is_told_once_it_is_rare() -> None:
    causes = acquirer({"A": 200})
    background(causes, "mcc_static", 0.0005, 200, 4_000, range(-35, 7))
    for k in range(7):
        of(causes, [2 * k, 2 * k + 1], "mcc_static", after(k))
    (cause,) = causes.causes()
    assert (cause.kind, cause.first_day < str(after(6)), cause.count) == ("agent", True, 14)
    assert cause.last_day == str(after(6))


def test_fewer_than_three_owners_are_no_cause() -> None:
    causes = acquirer({"A": 30}, owner_key="k" * 20)
    of(causes, range(12), "fee_over", DAY)
    assert told(causes) == [], "one owner changed all its shops"
    causes = acquirer({"A": 30})
    of(causes, range(2), "fee_over", DAY)
    assert told(causes) == []


def test_a_merchant_counts_once_however_many_of_its_alerts_there_are() -> None:
    causes = acquirer({"A": 60})
    for detector in ("fee_over", "fee_rise"):
        of(causes, range(5), detector, DAY)
    (cause,) = causes.causes()
    assert cause.count == 5
    assert {len(each.alert_ids) for each in cause.members} == {2}
    assert cause.detector == "fee_over", "all of them show it"


def test_of_two_detectors_of_a_group_that_share_the_members_none_is_named() -> None:
    causes = acquirer({"A": 100})
    of(causes, range(5), "fee_over", DAY)
    of(causes, range(5, 10), "fee_rise", DAY)
    (cause,) = causes.causes()
    assert (cause.detector, cause.group, cause.title.en) == ("", "fee", "Findings about fees")


def test_shops_of_one_rep_that_fall_silent_are_told_as_switched() -> None:
    causes = acquirer({"A": 120}, rep_id="r-7")
    background(causes, "volume_collapse", 0.001, 120, 4_000, range(-35, 1))
    of(causes, range(14), "volume_collapse", DAY, severity=0.4)
    (cause,) = causes.causes()
    assert (cause.kind, cause.key, cause.risk_code, cause.severity) == ("rep", "r-7", "24", 0.6)
    assert [(each.kind, each.key, each.members) for each in cause.shared] == [
        ("agent", "A", 14), ("channel", "agent", 14),
    ]  # fmt: skip
    assert cause.reason.en == (
        "14 of 120 merchants of rep r-7 since 2025-02-10: collapse of volume or silence, 11.7 % against 0.1 % "
        "elsewhere. Of these, 14 share agent A, 14 share channel agent. Possibly switched to another acquirer."
    )
    assert cause.reason.zh == (
        "客户经理r-7名下120户商户中，自2025年2月10日起14户出现“交易骤降或停止交易”（占11.7%，其他商户0.1%）。"
        "其中14户同属代理商A、14户同属渠道agent。疑似切机。"
    )


def test_falls_and_rises_of_volume_are_told_apart() -> None:
    causes = acquirer({"A": 60})
    of(causes, range(3), "volume_collapse", DAY)
    of(causes, range(3, 6), "volume_rise", DAY)
    assert told(causes) == []


def test_a_pair_of_mccs_is_told_where_no_agent_has_its_members() -> None:
    causes = acquirer({"A": 400})
    registered = range(403, 4_400, 7)  # all of 5804
    assert len(registered) > 500
    of(causes, list(registered)[::10], "mcc_jump", DAY, transactions=sent_as("5804", "8062"))
    (cause,) = causes.causes()
    assert (cause.kind, cause.key, cause.count) == ("mcc_pair", "5804>8062", len(list(registered)[::10]))
    assert "registered as 5804" in cause.reason.en


def test_a_storm_in_a_city_is_told_of_the_city_and_of_no_agent_in_it() -> None:
    causes = acquirer({"A": 300}, city="c0", rep_id="r-7")
    struck = [i for i in range(4_300) if (i < 300 or i % 8 == 0) and i % 3]
    of(causes, struck[1:], "volume_collapse", DAY, severity=0.35)
    of(causes, struck[:1], "volume_collapse", DAY, severity=0.95)
    (cause,) = causes.causes()
    assert (cause.kind, cause.key, cause.risk_code, cause.severity) == ("city", "c0", "", 0.35)


def test_where_a_rep_has_a_whole_city_its_silence_is_told_of_the_city() -> None:
    causes = acquirer({"A": 300}, city="island", rep_id="r-7")
    of(causes, range(0, 300, 3), "volume_collapse", DAY)
    assert [each.kind for each in causes.causes()] == ["city"]


def test_an_agent_of_whom_a_trade_closes_everywhere_is_not_told() -> None:
    causes = acquirer({"A": 150}, mccs=["5803"])
    of(causes, [*range(0, 150, 2), *(i for i in range(150, 4_150) if i % 7 == 3 and i % 2)], "volume_collapse", DAY)
    assert told(causes) == [], "schools on holiday"


def test_an_agent_with_many_new_shops_is_not_told_for_their_bursts() -> None:
    causes = acquirer({"A": 100})
    for i in range(100):
        causes.learn(profile(f"new{i}", after(-30), agent_id="A", channel="agent", city="c1", mccs=["5801"]))
        causes.learn(profile(f"other{i}", after(-30), channel="direct", city="c1", mccs=["5801"]))
    for i in range(0, 100, 5):
        for name in ("new", "other"):
            causes.take(alert(f"{name}{i}", f"{name}{i}", "volume_burst", DAY))
    assert [each for each in causes.causes() if each.kind != "city"] == []


def test_an_agent_that_alone_brings_new_shops_is_not_told_for_what_new_shops_do() -> None:
    causes = acquirer({"A": 100})
    for i in range(80):
        causes.learn(profile(f"new{i}", after(-30), agent_id="A", channel="agent", city=f"c{i % 8}", mccs=["5801"]))
    for i in range(0, 80, 4):
        causes.take(alert(f"new{i}", f"new{i}", "volume_burst", DAY))
    assert told(causes) == []


def test_an_agent_whose_shops_were_always_like_that_is_not_told() -> None:
    causes = acquirer({"A": 400})
    background(causes, "volume_rise", 0.002, 400, 4_000, range(-35, 1))
    background(causes, "volume_rise", 0.02, 0, 400, range(-35, 0))
    of(causes, range(100, 111), "volume_rise", DAY)
    assert [each for each in causes.causes() if each.last_day == str(DAY)] == []


def test_within_14_days_it_is_the_same_cause_and_later_another() -> None:
    causes = acquirer({"A": 200})
    for day, first in ((0, 0), (13, 30), (27, 60)):
        of(causes, range(first, first + 20), "fee_over", after(day))
    one, other = causes.causes()
    assert (one.count, one.first_day, one.last_day, one.closed) == (40, str(DAY), str(after(13)), True)
    assert (other.count, other.first_day, other.closed) == (20, str(after(27)), False)
    assert one.cause_id != other.cause_id


def test_a_merchant_that_went_to_another_agent_counts_where_it_was() -> None:
    causes = acquirer({"A": 60})
    of(causes, range(8), "fee_over", DAY)
    for i in range(60):
        causes.learn(profile(f"m{i}", after(1), agent_id="B", channel="agent", city="c1", mccs=["5801"]))
    assert told(causes) == [("agent", "A", "fee_over", 8, 60)]


def test_money_is_summed_by_currency_and_bearer_and_what_is_not_known_is_left_out() -> None:
    causes = acquirer({"A": 60})
    for i, money in enumerate(((100, 5), (200, None), (None, None), (300, 7))):
        of(causes, [i], "fee_over", DAY, turnover=money[0], loss=money[1], bearer="merchant")
    (cause,) = causes.causes()
    (sums,) = cause.money
    assert (sums.currency, sums.bearer, sums.turnover, sums.loss) == ("CNY", "merchant", 600, 12)
    assert "Loss so far ¥0.12, borne by merchants." in cause.reason.en
    assert "累计损失¥0.12，由商户承担。" in cause.reason.zh
    assert cause.risk_code == "13"


def test_merchants_without_master_data_are_passed_over() -> None:
    causes = Causes(ZONE)
    of(causes, range(50), "fee_over", DAY)
    assert causes.causes() == []


def test_a_detector_that_is_no_more_is_passed_over() -> None:
    causes = acquirer({"A": 60})
    of(causes, range(20), "volume_surge", DAY)
    assert causes.causes() == []


@pytest.mark.parametrize("seed", seeds(5, quick=2))
def test_alerts_in_any_order_and_asked_at_any_moment_give_the_same_causes(seed: int) -> None:
    def alerts() -> list[Alert]:
        kept: list[Alert] = []
        recorder = acquirer({})
        recorder.take = kept.append  # type: ignore[method-assign]
        background(recorder, "fee_over", 0.002, 0, 4_400, range(-5, 20))
        for day, detector in ((0, "fee_over"), (1, "fee_rise"), (9, "fee_over"), (3, "mcc_jump")):
            of(recorder, range(day, 60 + day, 2), detector, after(day))
        return kept

    def fed(given: Iterable[Alert], asks: float) -> list[Cause]:
        causes = acquirer({"A": 200, "B": 200})
        for each in given:
            causes.take(each)
            if draw.random() < asks:
                causes.causes()
        return causes.causes()

    draw = random.Random(seed)
    there = alerts()
    mixed = draw.sample(there, len(there))
    assert fed(there, 0.0) == fed(mixed, 0.02) != []


def test_forgetting_what_lies_before_changes_nothing_of_what_comes() -> None:
    whole, brief = acquirer({"A": 200}), acquirer({"A": 200})
    for each in (whole, brief):
        background(each, "fee_over", 0.003, 0, 4_200, range(-80, 0))
    brief.from_day = DAY.toordinal()
    brief.forget_before(DAY.toordinal() - 34)
    for each in (whole, brief):
        of(each, range(20), "fee_over", DAY)
    assert whole.causes() == brief.causes() != []


def test_an_alert_that_is_no_more_is_taken_out() -> None:
    causes = acquirer({"A": 60})
    of(causes, range(4), "fee_over", DAY)
    assert len(causes.causes()) == 1
    for i in range(3):
        causes.drop(f"fee_over-{i}-{DAY}")
    causes.drop("never seen")
    assert causes.causes() == []


def test_licences_of_one_agent_that_expire_together_are_told_as_a_duty_and_not_as_a_suspicion() -> None:
    causes = acquirer({"A": 60})
    of(causes, range(5), "licence_expiry", DAY, severity=0.15)
    (cause,) = causes.causes()
    assert (cause.severity, cause.risk_code) == (0.15, "")
    assert cause.reason.en.endswith("(duty), 8.3 % against 0 % elsewhere. Of these, 5 share channel agent.")
