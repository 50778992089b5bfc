"""MCC code-jumping, from raw transactions to the alert."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from detectors.calibration import RAW
from detectors.mcc_jump import MccJump
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig

if TYPE_CHECKING:
    from domain.alerts import Alert

T0 = 1_735_700_400_000
"""2025-01-01T11:00:00+08:00."""
MINUTE = 60_000
DAY = 86_400_000


def sale(k: int, **changed: Any) -> dict[str, Any]:
    event = {
        "txn_id": f"t{k}", "merchant_id": "m1", "amount": 100_000, "currency": "CNY", "event_time": T0 + k * MINUTE,
        "mcc": "5812", "scheme": "unionpay", "card_kind": "credit", "response_code": "00",
    }  # fmt: skip
    return {**event, **changed}


def master(effective_ms: int = T0 - DAY, **changed: Any) -> dict[str, Any]:
    event = {"type": "merchant", "merchant_id": "m1", "effective_from": effective_ms, "mccs": ["5812"]}
    return {**event, **changed}


def alerts_of(*stream: dict[str, Any]) -> list[Alert]:
    monitor = Monitor(MonitorConfig(capacity=100), historic=True, curves=RAW)
    return monitor.process(Records.of([json.dumps(each).encode() for each in stream])).alerts


def last_jump(*stream: dict[str, Any]) -> Alert:
    return [each for each in alerts_of(*stream) if each.detector == "mcc_jump"][-1]


def only(alerts: list[Alert]) -> Alert:
    assert len(alerts) == 1
    return alerts[0]


def test_a_sale_under_an_unregistered_cheaper_mcc_is_found_with_its_leakage() -> None:
    alert = only(alerts_of(master(), sale(1), sale(2, mcc="5411")))
    assert alert.detector == "mcc_jump"
    assert alert.txn_ids == ("t2",)
    assert alert.at_stake == 113  # 1,000.00 on credit, standard to concession: 1.133 by the price vectors
    assert alert.severity == pytest.approx(0.30 + 0.075 + 0.2 * 0.046612, abs=1e-4)
    assert alert.risk_code == "26"
    assert {each.feature: each.value for each in alert.evidence}["mcc_used"] == "5411"
    assert "5411" in alert.reason.en
    assert "5812" in alert.reason.zh


def test_a_jump_to_an_exempt_mcc_costs_and_counts_more() -> None:
    concession = only(alerts_of(master(), sale(1, mcc="5411")))
    exempt = only(alerts_of(master(), sale(1, mcc="8062")))
    assert exempt.at_stake == 515
    assert exempt.severity > concession.severity + 0.09


def test_any_mcc_of_the_registered_set_is_lawful() -> None:
    assert alerts_of(master(mccs=["5812", "5411"]), sale(1), sale(2, mcc="5411")) == []


def test_the_mcc_inside_the_acceptor_number_is_held_against_the_set() -> None:
    alert = only(alerts_of(master(), sale(1, acceptor_id="898210158120001"), sale(2, acceptor_id="898210154110002")))
    assert alert.txn_ids == ("t2",)
    assert {each.feature: each.value for each in alert.evidence}["mcc_sources"] == "acceptor number"


def test_an_acceptor_number_of_another_layout_says_nothing() -> None:
    assert alerts_of(master(), sale(1, acceptor_id="54110000"), sale(2, acceptor_id="A-5411-0000")) == []


def test_the_channel_mcc_may_be_registered_or_approved_for_the_channel() -> None:
    approved = master(approved_channel_mccs=["5411"])
    assert alerts_of(approved, sale(1, channel_mcc="5411"), sale(2, channel_mcc="5812")) == []
    assert only(alerts_of(master(), sale(1, channel_mcc="5411"))).txn_ids == ("t1",)
    assert only(alerts_of(approved, sale(1, mcc="5411"))).txn_ids == ("t1",)


def test_a_special_fee_type_that_is_not_registered_is_found_at_the_same_mcc() -> None:
    registered = master(special_fee_types=["00"])
    alert = only(alerts_of(registered, sale(1, special_fee_type="00"), sale(2, special_fee_type="03")))
    assert alert.txn_ids == ("t2",)
    assert (alert.loss, alert.turnover, alert.bearer) == (None, 100_000, "issuer_network")
    assert alert.severity == pytest.approx(0.45)


def test_a_change_with_its_effective_date_is_silent_on_both_sides() -> None:
    change = master(effective_ms=T0 + 10 * MINUTE, mccs=["5411"])
    assert alerts_of(master(), change, sale(1), sale(9), sale(10, mcc="5411"), sale(11, mcc="5411")) == []


def test_a_late_sale_goes_by_the_version_of_its_own_time() -> None:
    change = master(effective_ms=T0 + 10 * MINUTE, mccs=["5411"])
    assert alerts_of(master(), change, sale(20, mcc="5411"), sale(5)) == []
    assert only(alerts_of(master(), change, sale(20, mcc="5411"), sale(5, mcc="5411"))).txn_ids == ("t5",)


def test_a_version_that_arrives_out_of_order_takes_its_place() -> None:
    change = master(effective_ms=T0 + 10 * MINUTE, mccs=["5411"])
    assert alerts_of(change, master(), sale(1), sale(11, mcc="5411")) == []


@pytest.mark.parametrize(
    "changed",
    [{"scheme": "alipay"}, {"scheme": "mir"}, {"issuer_country": "JP"}, {"card_kind": "prepaid"}],
    ids=["wallet", "unknown scheme", "foreign card", "prepaid"],
)
def test_without_a_regulated_price_there_is_no_figure_but_still_an_alert(changed: dict[str, str]) -> None:
    alert = only(alerts_of(master(), sale(1, mcc="5411", **changed)))
    assert (alert.loss, alert.turnover, alert.loss_month) == (None, 100_000, None)
    assert alert.severity == pytest.approx(0.375)
    assert "leakage" not in {each.feature for each in alert.evidence}


def test_a_capped_debit_sale_loses_nothing_and_weighs_less() -> None:
    alert = only(alerts_of(master(), sale(1, mcc="5411", card_kind="debit", amount=5_000_000)))
    assert (alert.loss, alert.turnover, alert.at_stake) == (0, 5_000_000, 0)
    assert alert.severity == pytest.approx(0.375)


@pytest.mark.parametrize(("sales", "least"), [(20, 0.6), (200, 0.85)])
def test_severity_follows_the_money_of_the_day(sales: int, least: float) -> None:
    """20 sales of 1,000.00 under an exempt MCC cost 103.00 a day, 200 cost 1,030.00."""
    alert = last_jump(master(), *(sale(k, mcc="8062") for k in range(sales)), sale(8 * 1440))
    assert alert.closed
    assert least <= alert.severity < least + 0.1


@pytest.mark.parametrize("changed", [{"response_code": "51"}, {"txn_type": "refund"}, {"txn_type": "preauth"}])
def test_only_approved_sales_are_judged(changed: dict[str, str]) -> None:
    assert alerts_of(master(), sale(1, mcc="5411", **changed)) == []


def test_by_history_one_change_for_good_is_silent_while_the_history_is_young() -> None:
    honest = [sale(k) for k in range(120)]
    assert alerts_of(*honest, *(sale(120 + k, mcc="5411") for k in range(40))) == []


def test_by_history_going_back_and_forth_to_a_cheaper_class_is_found() -> None:
    honest = [sale(k) for k in range(100)]
    mixed = [sale(100 + k, mcc="5411" if k % 5 == 0 else "5812") for k in range(20)]
    alert = alerts_of(*honest, *mixed)[-1]
    assert alert.txn_ids == ("t105", "t110")  # t100 is the first change, t101 the second, t105 the third
    shown = {each.feature: each.value for each in alert.evidence}
    assert float(shown["mcc_learned_share"] or 0) > 0.9
    assert "Usual MCC 5812" in alert.reason.en


def test_by_history_a_dearer_class_and_a_short_history_are_silent() -> None:
    dearer = [sale(k, mcc="5812" if k >= 100 and k % 5 == 0 else "5411") for k in range(130)]
    assert alerts_of(*dearer) == []
    short = [sale(k, mcc="5411" if k % 5 == 4 else "5812") for k in range(25)]
    assert alerts_of(*short) == []


SETTLED_D = 40
"""Days with a sale each before the never-seen MCC."""


def daily(days: int, a_day: int = 1, **changed: Any) -> list[dict[str, Any]]:
    return [sale(day * 1440 + k, **changed) for day in range(days) for k in range(a_day)]


def at(day: int, k: int = 0, **changed: Any) -> dict[str, Any]:
    return sale(day * 1440 + k, **changed)


def jumps(*stream: dict[str, Any]) -> list[Alert]:
    """The last revision of each alert."""
    return list({each.alert_id: each for each in alerts_of(*stream) if each.detector == "mcc_jump"}.values())


def test_the_first_sale_under_an_mcc_that_a_settled_history_never_had_is_found() -> None:
    alert = only(jumps(*daily(SETTLED_D), at(SETTLED_D, mcc="5411")))
    assert (alert.txn_ids, alert.loss) == ((f"t{SETTLED_D * 1440}",), 113)
    shown = {each.feature: each.value for each in alert.evidence}
    assert (shown["mcc_history"], shown["mcc_history_d"]) == (SETTLED_D, SETTLED_D)
    assert f"not seen before in {SETTLED_D} days and {SETTLED_D} sales" in alert.reason.en
    assert f"此前{SETTLED_D}天、{SETTLED_D}笔交易中从未出现" in alert.reason.zh


@pytest.mark.parametrize("source", ["mcc", "channel_mcc"])
def test_it_is_found_in_every_source_of_an_mcc(source: str) -> None:
    assert len(jumps(*daily(SETTLED_D, **{source: "5812"}), at(SETTLED_D, **{source: "5411"}))) == 1


def test_a_new_special_fee_type_is_found_too() -> None:
    honest = daily(SETTLED_D, special_fee_type="00")
    assert len(jumps(*honest, at(SETTLED_D, special_fee_type="03"))) == 1


def test_severity_is_higher_in_a_cheaper_class_and_in_a_high_risk_trade() -> None:
    by_mcc = {mcc: only(jumps(*daily(SETTLED_D), at(SETTLED_D, mcc=mcc))) for mcc in ("5814", "5411", "8062", "7995")}
    severity = {mcc: alert.severity for mcc, alert in by_mcc.items()}
    assert severity["5814"] == pytest.approx(0.3 * 0.85)
    assert severity["5814"] < severity["5411"] < severity["8062"]
    assert severity["7995"] == pytest.approx(0.5 * 0.85)
    assert "a high-risk trade" in by_mcc["7995"].reason.en
    assert "属高风险行业" in by_mcc["7995"].reason.zh
    assert (by_mcc["7995"].loss, by_mcc["7995"].turnover) == (0, 100_000)


@pytest.mark.parametrize(("days", "a_day"), [(29, 3), (40, 0), (20, 1)], ids=["young", "none", "few"])
def test_a_history_that_is_not_settled_is_silent(days: int, a_day: int) -> None:
    assert jumps(*daily(days, a_day), at(days, mcc="5411")) == []


def test_a_change_for_good_is_told_once() -> None:
    honest = daily(60, 2)
    changed = [at(60 + day, k, mcc="5411") for day in range(90) for k in range(2)]
    alert = only(jumps(*honest, *changed))
    assert alert.hits == 56  # 28 days of two sales


def test_what_jumps_on_after_it_has_become_known_is_found_by_its_changes() -> None:
    honest = daily(60, 20)
    mixed = [at(60 + day, k, mcc="5411" if k == 9 else "5812") for day in range(60) for k in range(20)]
    assert jumps(*honest, *mixed)[-1].txn_ids[-1] == f"t{119 * 1440 + 9}"


@pytest.mark.parametrize("every", [2, 3, 10])
def test_two_mccs_since_the_start_are_silent(every: int) -> None:
    both = [at(day, k, mcc="5411" if (3 * day + k) % every == 0 else "5812") for day in range(120) for k in range(3)]
    assert jumps(*both) == []


def test_a_third_mcc_after_two_lawful_ones_is_found() -> None:
    both = [at(day, k, mcc=("5812", "5411")[k]) for day in range(SETTLED_D) for k in range(2)]
    assert only(jumps(*both, at(SETTLED_D, mcc="8062"))).hits == 1


def test_a_platform_of_many_mccs_is_silent() -> None:
    mccs = ("5812", "5411", "5814", "7011", "5541", "8062", "5732", "5912", "5651")
    early, late = mccs[:4], mccs
    stream = [at(day, k, mcc=early[k]) for day in range(SETTLED_D) for k in range(len(early))]
    stream += [at(SETTLED_D + day, k, mcc=late[k]) for day in range(60) for k in range(len(late))]
    assert jumps(*stream) == []


def test_a_duplicate_counts_once() -> None:
    assert only(alerts_of(master(), sale(1, mcc="5411"), sale(1, mcc="5411"))).hits == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("base", -0.1), ("per_class", 1.1), ("per_decade", float("nan")), ("quiet_gap_s", 0), ("max_age_s", 5),
        ("quiet_gap_s", 0.5), ("quiet_gap_s", True), ("quiet_gap_s", "60"), ("quiet_gap_s", 34_560_001),
        ("max_age_s", 604_800.0), ("max_age_s", float("inf")), ("max_age_s", 34_560_001), ("max_age_s", 10**20),
    ],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused_by_name(setting: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        MccJump(**{setting: value})  # type: ignore[arg-type]


def test_an_episode_may_last_from_a_second_to_400_days() -> None:
    assert MccJump(quiet_gap_s=1, max_age_s=1).max_age_s == 1
    assert MccJump(quiet_gap_s=34_560_000, max_age_s=34_560_000).quiet_gap_s == 34_560_000


def settled(k: int, **changed: Any) -> dict[str, Any]:
    event = {
        "type": "settlement", "txn_id": f"t{k}", "merchant_id": "m1", "amount": 100_000, "currency": "CNY",
        "event_time": T0 + DAY, "original_time": T0 + k * MINUTE, "scheme": "unionpay", "card_kind": "credit",
        "mcc": "5812",
    }  # fmt: skip
    return {**event, **changed}


def test_a_settlement_under_an_unregistered_mcc_is_found_with_its_leakage() -> None:
    alert = only(alerts_of(master(), sale(1), settled(1), settled(2, mcc="5411")))
    assert alert.at_stake == 113
    assert alert.severity == pytest.approx(0.30 + 0.075 + 0.2 * 0.046612, abs=1e-4)
    assert {each.feature: each.value for each in alert.evidence}["mcc_sources"] == "settlement"
    assert "settled as 5411" in alert.reason.en
    assert "清算" in alert.reason.zh


def test_a_settlement_may_be_under_any_mcc_registered_or_approved_for_the_channel() -> None:
    approved = master(mccs=["5812", "5541"], approved_channel_mccs=["5411"])
    assert alerts_of(approved, settled(1), settled(2, mcc="5541"), settled(3, mcc="5411")) == []


def test_a_settlement_in_a_cheaper_class_than_any_registered_is_found_at_the_same_mcc() -> None:
    alert = only(alerts_of(master(), settled(1, fee_class="standard"), settled(2, fee_class="exempt")))
    assert alert.at_stake == 515
    assert {each.feature: each.value for each in alert.evidence}["fee_class_used"] == "exempt class"
    assert "1 sale settled in the exempt class" in alert.reason.en
    assert alert.severity == pytest.approx(0.30 + 0.15 + 0.2 * 0.180413, abs=1e-4)


@pytest.mark.parametrize(
    "lawful",
    [{"mccs": ["5812", "5411"]}, {"approved_channel_mccs": ["5411"]}, {"special_fee_types": ["00", "03"]}],
    ids=["a registered MCC's class", "an approved channel's class", "a special fee"],
)
def test_a_settled_class_may_be_lawful(lawful: dict[str, list[str]]) -> None:
    assert alerts_of(master(**lawful), settled(1, fee_class="concession", mcc=None)) == []


def test_a_settlement_goes_by_the_version_of_its_original_s_time() -> None:
    change = master(effective_ms=T0 + 10 * MINUTE, mccs=["5411"])
    assert alerts_of(master(), change, settled(9), settled(11, mcc="5411")) == []
    assert len(alerts_of(master(), change, settled(9, mcc="5411"))) == 1


def test_what_a_sale_has_shown_is_not_counted_again_by_its_settlement() -> None:
    jumps = [sale(k, mcc="5411") for k in range(3)]
    later = sale(8 * 1440)
    closed = last_jump(master(), *jumps, *(settled(k, mcc="5411") for k in range(3)), later)
    assert (closed.closed, closed.hits, closed.at_stake) == (True, 3, 340)
    more = last_jump(master(), *jumps, *(settled(k, mcc="5411") for k in range(5)), later)
    assert (more.closed, more.hits, more.at_stake) == (True, 5, 567)


def test_settlements_without_a_regulated_price_are_found_without_a_figure() -> None:
    alert = only(alerts_of(master(), settled(1, mcc="5411", scheme="wechat")))
    assert (alert.loss, alert.turnover, alert.at_stake) == (None, None, 0)
    assert alert.severity == pytest.approx(0.375)


def test_by_history_a_settled_mcc_that_messages_never_carry_is_found() -> None:
    honest = [sale(k) for k in range(40)]
    alert = only(alerts_of(*honest, settled(1), settled(2, mcc="5411")))
    assert "Usual MCC 5812" in alert.reason.en
    assert alert.at_stake == 113


def test_by_history_a_settled_mcc_that_messages_carry_too_is_lawful() -> None:
    honest = [sale(k) for k in range(40)]
    assert alerts_of(*honest, sale(40, mcc="5411"), settled(40, mcc="5411")) == []
    assert alerts_of(settled(1, mcc="5411"), settled(2)) == []


def test_by_history_of_settlements_alone_going_back_and_forth_is_found() -> None:
    honest = [settled(k, mcc="5812", fee_class="standard") for k in range(100)]
    once = [settled(100 + k, mcc="5411", fee_class="concession") for k in range(20)]
    assert alerts_of(*honest, *once) == []
    mixed = [settled(100 + k, mcc="5411" if k % 5 == 0 else "5812") for k in range(20)]
    assert alerts_of(*honest, *mixed)[-1].txn_ids == ("t105", "t110")
    classes = [settled(100 + k, mcc=None, fee_class="exempt" if k % 5 == 0 else "standard") for k in range(20)]
    assert alerts_of(*honest, *classes)[-1].txn_ids == ("t105", "t110")
