"""Visits of a simulation: an acquirer's book, most of it done, some due soon, a few late."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from casework.inspections import RECHECK, YEARLY, Shop, wanted_at
from domain.timestamps import DAY_MS
from engine.decoding.decode import check
from simulator.config import SimulationConfig
from simulator.simulation import simulate

NOW_MS = 1_796_083_200_000
WITH = SimulationConfig(seed=5, merchants=1_000, days=0.6, tx_per_merchant_day=1.0, people=True, visits_until_ms=NOW_MS)


@cache
def visits() -> dict[str, list[dict[str, Any]]]:
    """By merchant."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for key, value in simulate(WITH).people_records():
        each = json.loads(value)
        if each["type"] == "visit":
            assert check(each) == ("visit", each)
            assert each["merchant_id"] == key
            found[key].append(each)
    return found


@cache
def shops() -> dict[str, dict[str, Any]]:
    return {each["merchant_id"]: each for each in map(json.loads, simulate(WITH).master_records()[: WITH.merchants])}


def book(now_ms: int) -> Counter[str]:
    """How many inspections stand how at a moment."""
    found = Counter[str]()
    for merchant_id, fields in shops().items():
        made = [(each["event_time"], each["outcome"]) for each in visits()[merchant_id]]
        for each in wanted_at(Shop([(fields["effective_from"], fields)], sorted(made)), now_ms):
            if each.rule in {YEARLY, RECHECK} and each.done_ms is None:
                left_d = (each.due_ms - now_ms) / DAY_MS
                found[f"{each.rule} {'late' if left_d < 0 else 'soon' if left_d < 30 else 'later'}"] += 1
    return found


def test_most_shops_were_seen_within_the_year_some_are_due_within_a_month_and_a_few_are_late() -> None:
    found = book(NOW_MS)
    assert {*visits()} == {*shops()}
    assert 800 < found["yearly later"] < 900
    assert 60 < found["yearly soon"] < 130
    assert 20 < found["yearly late"] < 60
    assert 2 <= found["recheck soon"] <= 25
    assert found["recheck late"] == 0


def test_a_shop_is_seen_by_its_rep_before_the_moment_and_after_it_was_opened() -> None:
    for merchant_id, made in visits().items():
        shop = shops()[merchant_id]
        assert {each["person_id"] for each in made} == {shop["rep_id"]}
        assert all(shop["opened_at"] <= each["event_time"] < NOW_MS for each in made)
        assert all(each["received_at"] > each["event_time"] for each in made)


def test_what_was_found_a_year_ago_was_looked_at_again() -> None:
    again = [each for made in visits().values() for each in made if each["visit_kind"] == "follow_up"]
    found = [each for made in visits().values() for each in made if each["outcome"] == "terminal_faulty"]
    assert 0 < len(found) <= len(again)


@pytest.mark.parametrize("more", [{"people": False}, {"visits_until_ms": 0}])
def test_without_people_or_a_moment_there_are_no_visits_and_transactions_are_the_same(more: dict[str, Any]) -> None:
    bare = simulate(replace(WITH, **more))
    assert not any(b'"type":"visit"' in each.value for each in bare.people_records())
    ours = simulate(WITH)
    assert [each for one in bare.batches() for each in one.values() if b'"merchant"' not in each] == [
        each for one in ours.batches() for each in one.values() if b'"merchant"' not in each
    ]
