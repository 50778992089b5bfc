from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from domain.timestamps import DAY_MS, HOUR_MS
from simulator.config import SimulationConfig
from simulator.simulation import Simulation, simulate
from simulator.stories import Jump, Overcharge, Story, Surge, cast

STORIES = (
    Story(trade_mcc=5944, city="Hangzhou", sales_a_day=90, ticket_yuan=10_000, onset_h=10,
          deed=Jump(mcc=8398, share=0.6)),
    Story(trade_mcc=7011, city="Guangzhou", sales_a_day=90, ticket_yuan=900, onset_h=12,
          deed=Overcharge(due_ppm=6_300, charged_ppm=29_900, fixed_minor=300)),
    Story(trade_mcc=5311, city="Chengdu", sales_a_day=110, ticket_yuan=400, onset_h=24, deed=Surge(times=8)),
)  # fmt: skip
HONEST = SimulationConfig(
    merchants=40, days=3.0, jump_share=0.0, static_share=0.0, rotation_share=0.0, drift_share=0.0, fee_share=0.0,
    fall_share=0.0, volume_share=0.0,
)  # fmt: skip
TOLD = replace(HONEST, stories=STORIES)


def events(simulation: Simulation, merchant: int) -> list[dict[str, Any]]:
    wanted = simulation.merchant_id(merchant)
    found = (msgspec.json.decode(value) for batch in simulation.batches() for value in batch.values())
    return [each for each in found if each.get("merchant_id") == wanted]


def sales(simulation: Simulation, merchant: int) -> list[dict[str, Any]]:
    """Approved purchases."""
    return [
        each
        for each in events(simulation, merchant)
        if each.get("txn_type", "purchase") == "purchase" and each["response_code"] in {"00", "10", "11"}
    ]


@pytest.fixture(scope="module")
def told() -> Simulation:
    return simulate(TOLD)


def test_each_story_is_one_violation_and_there_is_no_other(told: Simulation) -> None:
    found = {each.merchant_index: each for each in told.violations()}
    assert list(cast(TOLD)) == sorted(found)
    assert [(found[i].category, found[i].kind) for i in cast(TOLD)] == [
        ("mcc", "mcc"), ("fee", "rate_rise"), ("volume", "surge")
    ]  # fmt: skip
    jeweller, hotel, store = (found[i] for i in cast(TOLD).tolist())
    assert jeweller.onset_ms == TOLD.start_ms + 10 * HOUR_MS
    assert jeweller.details["presented"] == "8398"
    assert jeweller.transactions / jeweller.details["approved"] == pytest.approx(0.6, abs=0.12)  # type: ignore[operator]
    assert hotel.onset_ms == TOLD.start_ms + 12 * HOUR_MS
    assert (store.onset_ms, store.end_ms) == (TOLD.start_ms + DAY_MS, TOLD.start_ms + 2 * DAY_MS)
    assert store.transactions / float(store.details["usual_transactions"]) == pytest.approx(8, rel=0.3)


def test_a_told_tariff_is_charged_on_credit_cards_to_the_cent_and_on_nothing_else(told: Simulation) -> None:
    hotel = int(cast(TOLD)[1])
    onset_ms = TOLD.start_ms + 12 * HOUR_MS
    (contract,) = [
        each
        for each in map(msgspec.json.decode, told.master_records())
        if each["type"] == "contract" and each["merchant_id"] == told.merchant_id(hotel)
    ]
    assert contract["prices"][0]["rate_ppm"] == 6_300
    config = replace(TOLD, time_format="epoch_ms")
    credit = 0
    for each in sales(simulate(config), hotel):
        if each.get("card_kind") in {"credit", "semi_credit"} and each["event_time"] >= onset_ms:
            assert each["fee"] == (each["amount"] * 29_900 + 500_000) // 1_000_000 + 300
            credit += 1
        elif each.get("card_kind") in {"credit", "semi_credit"}:
            assert each["fee"] == (each["amount"] * 6_300 + 500_000) // 1_000_000
        elif each.get("card_kind") == "debit":
            assert each["fee"] <= 2_000
    assert credit > 20


def test_stories_leave_everybody_else_as_they_are(told: Simulation) -> None:
    honest = simulate(HONEST)
    for merchant in (1, 20, 39):
        assert merchant not in cast(TOLD)
        assert events(told, merchant) == events(honest, merchant)


@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_a_story_is_told_whatever_the_seed_would_have_made_of_its_merchant(seed: int) -> None:
    crowded = replace(
        TOLD, seed=seed, merchants=6, jump_share=1.0, fee_share=1.0, static_share=0.5, rotation_share=0.5,
        look_alike_share=0.5, mcc_change_share=1.0, volume_share=1.0,
    )  # fmt: skip
    simulation = simulate(crowded)
    mine = {each.merchant_index: each.kind for each in simulation.violations() if each.merchant_index in cast(crowded)}
    assert mine == dict(zip(cast(crowded).tolist(), ("mcc", "rate_rise", "surge"), strict=True))
    merchants = {simulation.merchant_id(int(i)) for i in cast(crowded)}
    lawful = {each.kind for each in simulation.look_alikes() if each.merchant_id in merchants and each.told_ms}
    assert not lawful & {"mcc_change", "mcc_change_told_late", "noticed_rise", "cheaper_contract", "first_d0"}


def test_names_are_in_both_languages_and_of_the_trade(told: Simulation) -> None:
    names = {
        each["merchant_id"]: each["name"] for each in map(msgspec.json.decode, told.master_records()) if "name" in each
    }
    jeweller = names[told.merchant_id(int(cast(TOLD)[0]))]
    assert jeweller.startswith("杭州")
    assert "珠宝行 " in jeweller
    assert jeweller.endswith(" Jeweller, Hangzhou")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"trade_mcc": 1}, "trade_mcc must be one of .*, got 1"),
        ({"city": "Nowhere"}, "city must be one of .*, got 'Nowhere'"),
        ({"sales_a_day": 0}, "sales_a_day must be above 0, got 0"),
        ({"ticket_yuan": float("nan")}, "ticket_yuan must be above 0, got nan"),
        ({"onset_h": -1}, "onset_h must be at least 0, got -1"),
    ],
)
def test_a_story_that_cannot_be_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(STORIES[0], **changed)


def test_more_stories_than_merchants_are_refused() -> None:
    with pytest.raises(ValueError, match="stories must be at most 2, got 3"):
        SimulationConfig(merchants=2, stories=STORIES)
