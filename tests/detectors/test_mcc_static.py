"""Static miscoding, from raw transactions to the alert."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pytest

from detectors.mcc_static import MccStatic
from domain.feature_codes import NULL
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from models.profiles import build_profiles
from tests.detectors.made import DAY, MIDNIGHT, Till, alerts_of, master, only
from tests.models_made import batch_of
from tillwatch.sales import read_sales
from tillwatch.settings import Settings

if TYPE_CHECKING:
    from domain.profiles import Profiles
    from models.trade.model import TradeModel
    from tests.detectors.made import Event

TRADES = {"5411": (6_000, 0.8, 7, 22, 0.3), "5812": (18_000, 0.7, 11, 22, 0.6), "5541": (26_000, 0.4, 5, 23, 0.5)}
"""Median ticket, its spread, opening hours and credit share of a supermarket, a restaurant and a petrol station."""


def of_trade(
    till: Till, trade: str, first: int, last: int, sales: int, scale: float = 1.0, **changed: str
) -> list[Event]:
    """Days of a merchant that sells what a trade does, presented under its own MCC or as `changed` says."""
    median, sigma, opens, closes, credit = TRADES[trade]
    made = []
    for day in range(first, last):
        drawn = [
            {"amount": int(median * scale * till.rng.lognormvariate(0, sigma)), "mcc": trade,
             "card_kind": "credit" if till.rng.random() < credit else "debit"} | changed
            for _ in range(sales)
        ]  # fmt: skip
        made += till.day(day, drawn, opens, closes)
    return made


@cache
def profiles() -> Profiles:
    """Those of 30 merchants of each of the trades."""
    events: list[Event] = []
    for k, trade in enumerate(TRADES):
        for m in range(30):
            till = Till(1000 * k + m)
            scale = 2 ** till.rng.gauss(0, 0.35)
            mine = [{"merchant_id": f"{trade}-{m}"} | version for version in (master(trade),)]
            mine[0]["merchant_id"] = f"{trade}-{m}"
            sales = of_trade(till, trade, 0, 5, 40, scale)
            events += mine + [each | {"merchant_id": f"{trade}-{m}"} for each in sales]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "made"
        file.write_text("".join(json.dumps(each) + "\n" for each in events), encoding="utf-8")
        sold = read_sales(file, Settings())
    return build_profiles(sold.frame, sold.registered, "made")


@cache
def trade() -> TradeModel:
    """A trade model of 30 merchants of each of the trades, of what the engine counted of a month."""
    import engine.jit  # noqa: F401, PLC0415  machine code is kept by all of its sources
    from models.trade.training import train  # noqa: PLC0415  scikit-learn is loaded where a test needs it

    events: list[Event] = []
    for k, mcc in enumerate(TRADES):
        for m in range(30):
            till = Till(5000 * k + m)
            merchant = {"merchant_id": f"m{30 * k + m}"}
            sales = of_trade(till, mcc, 0, 31, 12, 2 ** till.rng.gauss(0, 0.35))
            events += [each | merchant for each in (master(mcc), *sales)]
    monitor = Monitor(MonitorConfig(capacity=100), detectors=[MccStatic()], historic=True)
    days = monitor.process(Records.of([json.dumps(each).encode() for each in events])).days
    batches = [batch for each in days if len((batch := batch_of(each)).day)]
    return train([each.rows(each.habits.age_d >= 28) for each in batches], version="made", seed=1, source="made")


@pytest.mark.parametrize("known", [[master("5411")], []], ids=["master data", "no master data"])
def test_a_restaurant_registered_as_a_supermarket_is_found(known: list[Event]) -> None:
    events = [*known, *of_trade(Till(), "5812", 0, 15, 40, mcc="5411")]
    alert = only(alerts_of(events, MccStatic(), profiles()))
    shown = {each.feature: each for each in alert.evidence}
    assert (shown["trade_like"].value, shown["trade_like"].baseline) == ("5812", "5411")
    assert float(shown["trade_evidence"].value or 0) >= 6
    assert shown["trade_ticket"].value == pytest.approx(18_000, rel=0.15)
    assert shown["trade_ticket"].baseline == pytest.approx(6_000, rel=0.15)
    assert alert.risk_code == "26"
    assert "sells like 5812" in alert.reason.en
    assert alert.at_stake > 0
    assert alert.severity >= 0.3


def test_its_money_at_stake_is_what_the_class_saved_on_those_days() -> None:
    """1,000.00 on credit costs 1.133 more as a restaurant; of 50 sales of 100 nothing else is known to be at stake."""
    till = Till()
    events = [master("5411"), *of_trade(till, "5812", 0, 10, 40, mcc="5411", card_kind="credit")]
    last = [each["amount"] for each in events[1:] if each["event_time"] >= MIDNIGHT + 8 * DAY]
    alert = only(alerts_of([*events, *till.day(10, [{"mcc": "5411"}] * 1)], MccStatic(least_gap_minor=0), profiles()))
    (gap,) = (int(each.value or 0) for each in alert.evidence if each.feature == "trade_gap_1d")
    assert gap == pytest.approx(sum(last) / 2 * 0.001133, rel=0.5)


def test_honest_supermarkets_large_and_small_are_lawful() -> None:
    for seed in range(12):
        till = Till(seed)
        events = of_trade(till, "5411", 0, 15, 40, scale=2 ** till.rng.uniform(-1, 1))
        assert alerts_of([master("5411"), *events], MccStatic(), profiles()) == [], f"seed {seed}"


def test_a_trade_of_the_same_class_explains_as_well() -> None:
    events = of_trade(Till(), "5541", 0, 15, 40, mcc="5411")
    assert alerts_of([master("5411"), *events], MccStatic(), profiles()) == []


def test_a_merchant_of_the_standard_class_has_nothing_to_gain() -> None:
    assert alerts_of([master("5812"), *of_trade(Till(), "5411", 0, 15, 40)], MccStatic(), profiles()) == []
    assert alerts_of([master("5411", "5812"), *of_trade(Till(), "5812", 0, 15, 40)], MccStatic(), profiles()) == []


def test_a_supermarket_registered_as_a_restaurant_is_no_concern() -> None:
    assert alerts_of([master("5812"), *of_trade(Till(), "5411", 0, 15, 40)], MccStatic(), profiles()) == []


def test_few_sales_and_few_days_are_not_judged() -> None:
    assert alerts_of([master("5411"), *of_trade(Till(), "5812", 0, 30, 3, mcc="5411")], MccStatic(), profiles()) == []
    assert alerts_of([master("5411"), *of_trade(Till(), "5812", 0, 5, 90, mcc="5411")], MccStatic(), profiles()) == []


def test_an_authorised_change_begins_anew() -> None:
    """A restaurant that becomes a supermarket: what it sold before says nothing of it now."""
    till = Till()
    change = master("5411", effective_ms=MIDNIGHT + 15 * DAY)
    before, after = of_trade(till, "5812", 0, 15, 40), of_trade(till, "5411", 15, 30, 40)
    assert alerts_of([master("5812"), change, *before, *after], MccStatic(), profiles()) == []


def test_wallets_and_foreign_cards_cost_nothing_and_accuse_nobody() -> None:
    for other in ({"scheme": "alipay"}, {"issuer_country": "JP"}):
        events = of_trade(Till(), "5812", 0, 15, 40, mcc="5411", **other)
        assert alerts_of([master("5411"), *events], MccStatic(), profiles()) == []


def test_without_profiles_it_is_silent_and_coverage_says_so() -> None:
    events = [master("5411"), *of_trade(Till(), "5812", 0, 15, 40, mcc="5411")]
    assert alerts_of(events, MccStatic()) == []
    (blind,) = Monitor(MonitorConfig(capacity=1), detectors=[MccStatic()]).coverage
    assert (blind.artefact, blind.silent) == ("profiles", True)
    (seeing,) = Monitor(MonitorConfig(capacity=1, controls={"profiles": profiles()}), detectors=[MccStatic()]).coverage
    assert seeing.artefact == ""


def test_a_setting_out_of_range_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="base must be 0 to 1, got 2"):
        MccStatic(base=2)


def named(name: str, *mccs: str) -> Event:
    return master(*(mccs or ("5411",)), name=name)


def test_a_name_of_a_dearer_trade_is_told_mildly_where_sales_cannot_be_compared() -> None:
    events = [named("成都老王火锅"), *of_trade(Till(), "5812", 0, 15, 5, mcc="5411", card_kind="credit")]
    alert = only(alerts_of(events, MccStatic()))
    shown = {each.feature: each for each in alert.evidence}
    assert (shown["trade_name"].value, shown["trade_name"].baseline) == ("5812", "5411")
    assert "its name suggests 5812 (restaurants)" in alert.reason.en
    assert "店名显示为5812（餐厅）" in alert.reason.zh
    assert 0.1 <= alert.severity < 0.3
    assert alert.loss is not None
    assert alert.loss > 0


@pytest.mark.parametrize(
    ("name", "mccs"),
    [
        ("成都老王火锅", ("5812",)), ("成都老王火锅", ("5411", "5812")), ("阳光超市", ("5411",)),
        ("阳光加油站", ("5411",)), ("万达广场店", ("5411",)), ("人民医院餐厅", ("8062",)),
        ("第二中学超市", ("8211",)), ("百货商场", ("5411",)),
    ],
)  # fmt: skip
def test_a_name_that_saves_nothing_or_may_be_right_is_silent(name: str, mccs: tuple[str, ...]) -> None:
    events = [named(name, *mccs), *of_trade(Till(), "5411", 0, 15, 5, mcc=mccs[0], card_kind="credit")]
    assert alerts_of(events, MccStatic()) == []


def test_sales_that_fit_the_registered_trade_acquit_a_misleading_name() -> None:
    events = [named("老火锅生活馆"), *of_trade(Till(), "5411", 0, 15, 40)]
    assert alerts_of(events, MccStatic(), profiles()) == []


def test_a_name_adds_to_the_evidence_of_sales() -> None:
    sales = of_trade(Till(), "5812", 0, 15, 40, mcc="5411")
    both = [
        {each.feature: each.value for each in only(alerts_of([known, *sales], MccStatic(), profiles())).evidence}
        for known in (master("5411"), named("成都老王火锅"))
    ]
    plain, called = (float(each["trade_evidence"] or 0) for each in both)
    assert called == pytest.approx(plain + 3.0, abs=0.02)


def test_a_name_waits_for_days_with_sales_and_after_a_change_of_the_mccs() -> None:
    few = of_trade(Till(), "5812", 0, 5, 5, mcc="5411", card_kind="credit")
    assert alerts_of([named("成都老王火锅"), *few], MccStatic()) == []
    change = named("成都老王火锅") | {"effective_from": MIDNIGHT + 10 * DAY}
    changed = [*of_trade(Till(), "5812", 0, 10, 5), *of_trade(Till(2), "5812", 10, 40, 5, mcc="5411")]
    assert alerts_of([master("5812"), change, *changed], MccStatic()) == []


def slowly(trade: str) -> list[Event]:
    """A shop registered as a supermarket that has its first 100 sales after four weeks: then the model judges, too."""
    return [master("5411"), *of_trade(Till(), trade, 0, 45, 3, mcc="5411")]


def test_the_trade_model_is_told_beside_the_profiles() -> None:
    alert = only(alerts_of(slowly("5812"), MccStatic(least_gap_minor=0, evidence_nats=3.0), profiles(), trade()))
    shown = {each.feature: each for each in alert.evidence}
    assert (shown["trade_other"].value, shown["trade_other"].baseline) == ("5812", "5411")
    found = shown["trade_other_probability"]
    assert float(found.value or 0) > 0.5 > float(found.baseline or 0)
    assert float(shown["trade_odds"].value or 0) > 1
    assert float(shown["trade_evidence"].value or 0) >= (shown["trade_evidence"].threshold or 0) == 3.0
    assert "the way it sells fits 5812" in alert.reason.en
    assert "按经营特征，属于5812" in alert.reason.zh


def test_with_all_weight_the_model_accuses_a_restaurant_and_clears_a_supermarket() -> None:
    by_model = MccStatic(model_weight=1.0, evidence_nats=1.5, least_gap_minor=0)
    assert "the way it sells" in only(alerts_of(slowly("5812"), by_model, profiles(), trade())).reason.en
    assert alerts_of(slowly("5411"), by_model, profiles(), trade()) == []


def test_without_a_trade_model_alerts_are_as_they_were() -> None:
    alert = only(alerts_of(slowly("5812"), MccStatic(least_gap_minor=0), profiles()))
    assert not {"trade_odds", "trade_other"} & {each.feature for each in alert.evidence}
    assert "the way it sells" not in alert.reason.en
    assert not {"other", "other_share", "own_share"} & {*alert.facts}


def test_the_weight_of_a_model_leaves_the_name_alone() -> None:
    """Half of 7 by profiles and half of 1 by the model make 4; the name's 3 nats come on top, not halved."""
    columns = {
        "trade_evidence": np.array([7.0, 10.0, 7.0]), "trade_odds": np.array([1.0, 1.0, np.nan]),
        "trade_name": np.array([NULL, 5812, NULL]),
    }  # fmt: skip
    joined = MccStatic()._joined(columns["trade_evidence"], columns["trade_odds"], columns["trade_name"] != NULL)
    assert joined.tolist() == [4.0, 7.0, 7.0]
