"""Honest merchants with habits of their own: they differ, stay what they are, and change as their labels say."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from domain.timestamps import DAY_MS
from simulator.config import SimulationConfig
from simulator.habits import KINDS, HabitPlan
from simulator.manners import ALWAYS, MANNER, WANDERS, Change, rows_of, usual_manners, wandering
from simulator.merchants import build_merchants
from simulator.rhythm import local_days
from simulator.simulation import Simulation, simulate
from simulator.table import Draws
from tests.simulator.test_simulation import ms

CONFIG = SimulationConfig(
    seed=2, merchants=80, days=10.0, tx_per_merchant_day=60.0, habits=True, world="calm", calendar=False,
    jump_share=0.0, fee_share=0.0, volume_share=0.0,
)  # fmt: skip
YEAR = SimulationConfig(seed=3, merchants=600, days=200.0, habits=True)
Event = dict[str, Any]


@cache
def run() -> tuple[Simulation, dict[str, list[Event]]]:
    """The run and the purchases of each merchant that have 200 or more."""
    sim = simulate(CONFIG)
    found: dict[str, list[Event]] = {}
    for batch in sim.batches():
        for value in batch.values():
            event = json.loads(value)
            if event.get("txn_type", "purchase") == "purchase" and "type" not in event:
                found.setdefault(event["merchant_id"], []).append(event)
    return sim, {key: events for key, events in found.items() if len(events) >= 200}


@cache
def plan() -> HabitPlan:
    table = build_merchants(YEAR).table
    return HabitPlan(YEAR, table, np.zeros(len(table), np.bool_))


def shares(of: dict[str, list[Event]], name: str) -> list[float]:
    tests = {
        "code": lambda e: e["entry_mode"][:2] in {"03", "04"},
        "keyed": lambda e: e["entry_mode"][:2] == "01",
        "stripe": lambda e: e["entry_mode"][:2] == "02",
        "foreign": lambda e: e["issuer_country"] != "CN",
        "credit": lambda e: e.get("card_kind") == "credit",
        "declined": lambda e: e["response_code"] not in {"00", "10", "11"},
        "round": lambda e: e["amount"] % 10_000 == 0,
    }
    return [sum(map(tests[name], events)) / len(events) for events in of.values()]


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("code", 0.15, 0.45), ("keyed", 0.0005, 0.01), ("stripe", 0.005, 0.05), ("foreign", 0.006, 0.03),
        ("credit", 0.2, 0.4), ("declined", 0.025, 0.06), ("round", 0.01, 0.08),
    ],
)  # fmt: skip
def test_merchants_differ_in_what_is_usual(name: str, low: float, high: float) -> None:
    few, many = np.quantile(shares(run()[1], name), [0.2, 0.8])
    assert few < high
    assert many > low
    assert many > 1.5 * few


def test_wallets_are_paid_by_code_and_foreign_cards_come_from_abroad() -> None:
    for event in (each for events in run()[1].values() for each in events):
        assert ("card_kind" not in event) == (event["scheme"] in {"alipay", "wechat"})
        assert (event["entry_mode"][:2] in {"03", "04"}) == ("card_kind" not in event)
        if event["scheme"] == "unionpay":
            assert event["issuer_country"] == "CN"


def test_a_card_is_of_one_kind_wherever_it_is_used() -> None:
    kinds: dict[str, set[tuple[str, str]]] = {}
    for event in (each for events in run()[1].values() for each in events):
        kinds.setdefault(event["card_token"], set()).add((event["scheme"], event.get("card_kind", "")))
    assert all(len(each) == 1 for each in kinds.values())
    assert len(kinds) > 1000


def test_regular_cards_come_again_more_often_in_some_shops() -> None:
    again = [1 - len({e["card_token"] for e in events}) / len(events) for events in run()[1].values()]
    assert np.quantile(again, 0.9) > 2 * np.quantile(again, 0.1)


def test_every_lawful_change_comes_to_some_merchants_and_is_labelled() -> None:
    assert {each.kind for each in plan().lawful} == set(KINDS)
    labelled = plan().look_alikes(str)
    assert {(each.kind, each.merchant_index) for each in labelled} <= {(e.kind, e.merchant) for e in plan().lawful}
    assert {each.kind for each in labelled} == set(KINDS)
    for each in labelled:
        assert each.category == "model"
        assert YEAR.start_ms <= each.from_ms < each.until_ms <= YEAR.end_ms


def test_about_half_of_the_merchants_change_something_in_half_a_year() -> None:
    changed = {each.merchant for each in plan().lawful}
    assert 0.4 < len(changed) / YEAR.merchants < 0.8


def test_habits_wander_from_week_to_week_around_the_usual() -> None:
    table = build_merchants(YEAR).table
    usual = usual_manners(table, Draws(YEAR.seed, len(table)))
    weekly = wandering(usual, table["key"], *local_days(YEAR))
    for name, size in WANDERS.items():
        some = usual[name] > 0
        apart = np.log(weekly[name][:, some] / usual[name][some])
        assert abs(np.median(apart)) < 0.2 * size
        assert 0.6 * size < apart.std() < 1.6 * size
        assert np.abs(np.diff(apart, axis=0)).mean() < np.abs(apart[6:] - apart[:-6]).mean()


def test_a_changed_habit_is_in_force_on_its_days_alone() -> None:
    usual = np.zeros(2, MANNER)
    usual["merchant"], usual["from_day"], usual["ticket"], usual["refund"] = [0, 1], ALWAYS, 1.0, 0.01
    rows = rows_of(usual[None], [
        Change(0, "a", 10, 20, {"ticket": 2.0}, {}), Change(0, "b", 15, 30, {"ticket": 1.5}, {"refund": 0.1}),
    ])  # fmt: skip
    mine = rows[rows["merchant"] == 0]
    assert mine["from_day"].tolist() == [ALWAYS, 10, 15, 20, 30]
    assert mine["ticket"].tolist() == [1.0, 2.0, 3.0, 1.5, 1.0]
    assert mine["refund"].tolist() == pytest.approx([0.01, 0.01, 0.1, 0.1, 0.01])
    assert rows["merchant"].tolist() == [0, 0, 0, 0, 0, 1]


def test_other_hours_show_in_the_stream_from_their_day_on() -> None:
    config = SimulationConfig(
        seed=5, merchants=40, days=60.0, tx_per_merchant_day=30.0, habits=True, world="calm", calendar=False,
        volume_share=0.0,
    )  # fmt: skip
    sim = simulate(config)
    assert sim._habits is not None
    hours = {each.merchant: each for each in sim._habits.lawful if each.kind == "new_hours"}
    found: dict[int, list[tuple[int, float]]] = {}
    for batch in sim.batches():
        for value, i in zip(batch.values(), batch.merchant_index.tolist(), strict=True):
            if i in hours and b'"entry_mode"' in value:
                time = json.loads(value)["event_time"]
                found.setdefault(i, []).append((ms(time), int(time[11:13]) + int(time[14:16]) / 60))
    assert found
    for i, times in found.items():
        change_ms = hours[i].from_day * DAY_MS - int(sim.merchants.table["offset_h"][i]) * 3_600_000
        parts = [np.array([hour for at, hour in times if (at < change_ms) == early]) for early in (True, False)]
        if min(map(len, parts)) >= 100:
            angle = [np.angle(np.exp(1j * part / 12 * np.pi).mean()) / np.pi * 12 for part in parts]
            moved = (angle[1] - angle[0] + 12) % 24 - 12
            assert moved == pytest.approx(hours[i].to["moved_h"], abs=1.0)
