from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from domain.timestamps import DAY_MS, HOUR_MS
from simulator import draw, lawful, rhythm
from simulator.config import SimulationConfig
from simulator.festivals import SEASON_OF, SEASONS, day_number, is_holiday, trade_days
from simulator.simulation import Simulation, simulate
from simulator.trades import TRADES
from simulator.volume import KINDS

if TYPE_CHECKING:
    from simulator.truth import LookAlike, Violation

QUIET: dict[str, Any] = {
    "jump_share": 0.0, "mcc_change_share": 0.0, "static_share": 0.0, "rotation_share": 0.0, "drift_share": 0.0,
    "fee_share": 0.0, "fall_share": 0.0,
    "look_alike_share": 0.0, "late_share": 0.0, "future_share": 0.0, "duplicate_share": 0.0,
}  # fmt: skip
LONG = SimulationConfig(
    seed=4, merchants=300, days=80.0, tx_per_merchant_day=60.0, volume_share=0.6, world="calm", **QUIET,
)  # fmt: skip
LAWFUL = replace(LONG, merchants=1500, days=80.0, tx_per_merchant_day=15.0, volume_share=0.0)
MCC_OF = np.array([trade.mcc for trade in TRADES])


@cache
def long_run() -> Simulation:
    return simulate(LONG)


@cache
def violations() -> dict[str, list[Violation]]:
    out: dict[str, list[Violation]] = defaultdict(list)
    for label in long_run().violations():
        out[label.kind].append(label)
    return out


@cache
def lawful_sales() -> tuple[Simulation, np.ndarray[Any, Any]]:
    """A run without violations, and its number of sales by local day and merchant."""
    simulation = simulate(LAWFUL)
    return simulation, daily(simulation)


def daily(simulation: Simulation, merchants: list[int] | None = None) -> np.ndarray[Any, Any]:
    """Sales by local day of the run, its hours' shift included, and merchant: all of them, or those given."""
    table, first = simulation.merchants.table, simulation._rhythms.first_day
    chosen = np.arange(len(table)) if merchants is None else np.array(merchants)
    out = np.zeros((simulation._rhythms.days, len(chosen)), np.int64)
    shift_h = table["offset_h"][chosen].astype(np.int64) + table["shift_h"][chosen]
    for hour in range(simulation.config.start_ms // HOUR_MS, simulation.config.end_ms // HOUR_MS):
        counts = draw.counts(table, chosen, simulation._trades, simulation._rhythms.at(hour), hour)
        out[(hour + shift_h) // 24 - first, np.arange(len(chosen))] += counts
    return out


def sales_of(simulation: Simulation, merchant: int, from_ms: int, until_ms: int) -> list[tuple[int, int, int]]:
    """Event time, amount and card of a merchant's approved sales."""
    chosen = np.array([merchant])
    hours = range(from_ms // HOUR_MS, min(until_ms, simulation.config.end_ms) // HOUR_MS + 1)
    events = np.concatenate([simulation._sales(hour, chosen) for hour in hours])
    within = events[(events["event_ms"] >= from_ms) & (events["event_ms"] < until_ms)]
    return [(int(e["event_ms"]), int(e["amount"]), int(e["card"])) for e in within]


def look_alikes_of(simulation: Simulation, kind: str) -> list[LookAlike]:
    found = [look_alike for look_alike in simulation.look_alikes() if look_alike.kind == kind]
    assert found, kind
    assert all(look_alike.category == "volume" for look_alike in found)
    return found


def test_lunar_and_fixed_holidays_fall_on_their_dates() -> None:
    assert is_holiday(date(2026, 2, 17))
    assert is_holiday(date(2027, 10, 1))
    assert is_holiday(date(2028, 5, 28))
    assert not is_holiday(date(2025, 1, 20))
    sales, _ = trade_days(day_number(date(2025, 1, 1)), 366)
    eating, office = (MCC_OF.tolist().index(mcc) for mcc in (5812, 8062))
    national, ordinary = day_number(date(2025, 10, 2)) - 20_089, day_number(date(2025, 11, 4)) - 20_089
    assert sales[national, eating] > 1.3 * sales[ordinary, eating]
    assert sales[national, office] < 0.4 * sales[ordinary, office]
    assert sales.mean(axis=0) == pytest.approx(np.ones(len(TRADES)), abs=0.01)


def test_every_kind_of_violation_occurs_and_only_in_honest_merchants() -> None:
    assert violations().keys() == KINDS.keys()
    mixed = simulate(replace(LONG, jump_share=0.5, days=30.0, tx_per_merchant_day=6.0)).violations()
    others = {label.merchant_index for label in mixed if label.category != "volume"}
    assert others
    assert others.isdisjoint({label.merchant_index for label in mixed if label.category == "volume"})


@pytest.mark.parametrize("kind", ["surge", "level", "collapse"])
def test_amounts_are_the_stated_ratio_of_what_they_would_have_been(kind: str) -> None:
    expected = sum(label.effect * float(label.details["usual_minor"]) for label in violations()[kind])
    assert sum(label.amount_minor for label in violations()[kind]) == pytest.approx(expected, rel=0.15)
    for label in violations()[kind]:
        if min(label.transactions, float(label.details["usual_transactions"])) >= 100:
            assert label.amount_minor / float(label.details["usual_minor"]) == pytest.approx(label.effect, rel=0.4)
    effects = [label.effect for label in violations()[kind]]
    assert max(effects) > 4 * min(effects)


def test_an_hours_burst_is_the_stated_ratio_of_the_hours() -> None:
    found: dict[str, list[Violation]] = defaultdict(list)
    for label in violations()["hour_burst"]:
        assert 3.0 <= label.effect <= 30.0
        assert HOUR_MS <= label.end_ms - label.onset_ms <= 3 * HOUR_MS
        found[str(label.details["way"])].append(label)
    by_count = sum(label.effect * float(label.details["usual_transactions"]) for label in found["count"])
    assert sum(label.transactions for label in found["count"]) == pytest.approx(by_count, rel=0.25)
    for label in found["ticket"]:
        assert label.amount_minor == pytest.approx(label.effect * float(label.details["usual_minor"]), rel=0.05)


def test_effects_come_by_count_by_ticket_or_by_both() -> None:
    ways = {"count": 1.0, "ticket": 0.0, "both": 0.5}
    for kind in ("surge", "level"):
        assert {label.details["way"] for label in violations()[kind]} == ways.keys()
        for label in violations()[kind]:
            usual = float(label.details["usual_transactions"])
            if usual >= 200:
                expected = label.effect ** ways[str(label.details["way"])]
                assert label.transactions / usual == pytest.approx(expected, rel=0.2)


def test_a_ramp_grows_day_by_day_at_the_stated_rate() -> None:
    long = [label for label in violations()["ramp"] if float(label.details["usual_transactions"]) > 500]
    assert len(long) > 3
    for label in long:
        length, growth = round((label.end_ms - label.onset_ms) / DAY_MS), float(label.details["growth_a_day"])
        assert 10 <= length <= 30
        mean = np.minimum((1 + growth) ** np.arange(1, length + 1), 50.0).mean()
        assert label.transactions / float(label.details["usual_transactions"]) == pytest.approx(mean, rel=0.25)
        assert label.effect == pytest.approx(min(50.0, (1 + growth) ** length))


def test_a_silence_is_silent_after_a_time_of_sales() -> None:
    for label in violations()["silence"]:
        assert label.transactions == label.amount_minor == 0
        assert sales_of(long_run(), label.merchant_index, label.onset_ms - 8 * DAY_MS, label.onset_ms)
    assert sum(float(label.details["usual_transactions"]) for label in violations()["silence"]) > 10_000


def test_who_wakes_up_has_slept_a_month_and_sells_the_stated_days_worth() -> None:
    silences = {(label.merchant_index, label.end_ms) for label in violations()["silence"]}
    for label in violations()["wake_up"]:
        assert label.effect_unit == "usual days"
        assert 0.5 <= label.effect <= 30.0
        assert float(label.details["asleep_days"]) >= 30
        assert (label.merchant_index, label.onset_ms) in silences
    woken = sum(label.amount_minor for label in violations()["wake_up"])
    expected = sum(label.effect * float(label.details["usual_minor"]) for label in violations()["wake_up"])
    assert woken == pytest.approx(expected, rel=0.25)


def test_a_new_merchants_burst_begins_from_nothing_and_ends_in_nothing() -> None:
    simulation = long_run()
    merchants = np.array([label.merchant_index for label in violations()["new_burst"]])
    hours = range(LONG.start_ms // HOUR_MS, LONG.end_ms // HOUR_MS)
    sales = np.concatenate([simulation._sales(hour, np.sort(merchants)) for hour in hours])
    for label in violations()["new_burst"]:
        row = simulation.merchants.table[label.merchant_index]
        assert 5.0 <= label.effect <= 50.0
        at_ms = sales["event_ms"][sales["merchant"] == label.merchant_index]
        assert ((label.onset_ms <= at_ms) & (at_ms < label.end_ms)).all()
        assert len(at_ms) == label.transactions
        by_rate = float(label.details["usual_minor"]) * LONG.tx_per_merchant_day / row["rate"]
        if label.transactions > 200 and float(label.details["usual_transactions"]) > 100:
            assert label.amount_minor / by_rate == pytest.approx(label.effect, rel=0.5)


def test_night_sales_are_large_and_between_two_and_five() -> None:
    simulation = long_run()
    for label in violations()["night"]:
        row = simulation.merchants.table[label.merchant_index]
        sales = sales_of(simulation, label.merchant_index, label.onset_ms, label.end_ms)
        local = [(at // HOUR_MS + int(row["offset_h"])) % 24 for at, _, _ in sales]
        at_night = [amount for (_, amount, _), hour in zip(sales, local, strict=True) if 2 <= hour < 5]
        large = sum(amount >= 400_000 for amount in at_night)
        nights = float(label.details["nights"])
        assert large == pytest.approx(label.effect * nights, abs=4 * (label.effect * nights) ** 0.5)
    every_night = sum(label.effect * float(label.details["nights"]) for label in violations()["night"])
    more = sum(label.transactions - float(label.details["usual_transactions"]) for label in violations()["night"])
    assert more == pytest.approx(0.95 * every_night, rel=0.2)


def test_labelled_sums_are_those_of_the_stream() -> None:
    config = replace(LONG, merchants=60, days=8.0, volume_share=0.4, tx_per_merchant_day=40.0)
    simulation = simulate(config)
    events = [json.loads(value) for batch in simulation.batches() for value in batch.values()]
    times = np.concatenate([batch.event_ms for batch in simulation.batches()]).tolist()
    found = [label for label in simulation.violations() if label.category == "volume"]
    assert len(found) > 10
    for label in found:
        mine = [
            event["amount"]
            for event, at in zip(events, times, strict=True)
            if event["merchant_id"] == label.merchant_id and label.onset_ms <= at < label.end_ms
            and event.get("txn_type", "purchase") == "purchase" and event.get("response_code") in {"00", "10", "11"}
        ]  # fmt: skip
        assert (len(mine), sum(mine)) == (label.transactions, label.amount_minor)


def test_who_does_not_depart_sells_the_same_whoever_else_does() -> None:
    config = replace(LONG, merchants=80, days=6.0, calendar=False)
    departing, calm = simulate(config), simulate(replace(config, volume_share=0.0))
    departs = {label.merchant_index for label in departing.violations()}
    other = np.array([i for i in range(80) if i not in departs])
    assert departs
    assert len(other)
    assert np.array_equal(daily(departing)[:, other], daily(calm)[:, other])


@pytest.mark.parametrize("cells", [24_000_000, 30_000, 1])
def test_an_hour_drawn_alone_is_the_hour_of_the_run(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(LONG, merchants=300, days=40.0, refund_share=0.05, tx_per_merchant_day=10.0)
    whole = simulate(config)
    bytes_of = dict.fromkeys((7, 500, 511, 959), b"")
    for batch in whole.batches():
        if len(batch):
            hour = (int(batch.received_ms[0]) - config.start_ms) // HOUR_MS
            if hour in bytes_of:
                bytes_of[hour] += batch.data
    monkeypatch.setattr(rhythm, "CELLS", cells)
    for hour in (959, 7, 511, 500):
        alone = simulate(config)
        from_ms = config.start_ms + hour * HOUR_MS
        data = b""
        for batch in alone.batches(from_ms=from_ms):
            if len(batch) and int(batch.received_ms[0]) >= from_ms + HOUR_MS:
                break
            data += batch.data
        assert data == bytes_of[hour]
        assert data


@pytest.mark.parametrize(("merchants", "days"), [(2000, 7.0), (1000, 60.0), (500, 400.0)])
def test_the_mean_volume_stays_what_was_asked_for(merchants: int, days: float) -> None:
    config = replace(LAWFUL, merchants=merchants, days=days, tx_per_merchant_day=20.0)
    assert daily(simulate(config)).sum() / merchants / days == pytest.approx(20.0, rel=0.1)


def test_without_a_calendar_nothing_lawful_is_planned_and_days_are_alike() -> None:
    config = replace(LAWFUL, days=30.0, merchants=600, calendar=False)
    simulation = simulate(config)
    assert [look_alike for look_alike in simulation.look_alikes() if look_alike.category == "volume"] == []
    by_day = daily(simulation).sum(axis=1)[1:29].reshape(4, 7)
    assert np.all(np.abs(by_day / by_day.mean(axis=0) - 1) < 0.1)


def test_departures_lie_within_the_run_and_a_run_too_short_has_none() -> None:
    short = simulate(replace(LONG, days=1.0))
    assert [label for label in short.violations() if label.category == "volume"] == []
    for days in (2.0, 3.5, 5.0, 14.0, 45.0):
        run = replace(LONG, days=days, volume_share=1.0, tx_per_merchant_day=5.0)
        found = simulate(run).violations()
        assert found
        assert all(run.start_ms <= label.onset_ms < label.end_ms <= run.end_ms for label in found)
    week = {label.kind for label in simulate(replace(LONG, days=7.0)).violations()}
    assert week.isdisjoint({"ramp", "wake_up"})


def test_paydays_and_holidays_lift_sales() -> None:
    simulation, by_day = lawful_sales()
    undisturbed, first = simulation._undisturbed, simulation._rhythms.first_day
    assert undisturbed is not None
    assert {look_alike.from_ms for look_alike in look_alikes_of(simulation, "payday")}
    paid = undisturbed.payday == 10
    tenth = day_number(date(2025, 3, 10)) - first
    others = by_day[[tenth - 7, tenth + 7]].mean(axis=0)
    assert 1.15 < by_day[tenth, paid].sum() / others[paid].sum() < 1.6
    assert by_day[tenth, undisturbed.payday == 0].sum() / others[undisturbed.payday == 0].sum() < 1.1
    table = simulation.merchants.table
    shops = np.isin(SEASON_OF[table["trade"]], [i for i, each in enumerate(SEASONS) if each.holiday > 1.3])
    eve = day_number(date(2025, 1, 28)) - first
    feast = shops & (undisturbed.row < len(TRADES)) & (undisturbed.closed == 0)
    assert by_day[eve : eve + 7, feast].sum() > 1.2 * by_day[eve - 21 : eve - 14, feast].sum()
    closed = undisturbed.closed > 0
    assert by_day[eve : eve + 3, closed].sum() == 0
    assert by_day[eve + 8 : eve + 11, closed].sum() > 0
    assert {look_alike.merchant_index for look_alike in look_alikes_of(simulation, "holiday")} & set(
        np.flatnonzero(closed)
    )


def test_promotions_last_one_to_three_days_and_listed_ones_are_mild() -> None:
    simulation = simulate(LAWFUL)
    promotes = simulation._undisturbed.promotes if simulation._undisturbed else np.zeros(0)
    keys = simulation.merchants.table["key"][promotes]
    first = simulation._rhythms.first_day // 28 * 28
    factors = np.array([lawful.promotion(keys, first + day) for day in range(56)])
    on = factors > 1.0
    per_period = np.concatenate([on[:28].sum(axis=0), on[28:].sum(axis=0)])
    assert set(per_period.tolist()) == {0, 1, 2, 3}
    assert factors[on].min() >= 1.5
    assert factors.max() <= 2.5
    table, days = simulation.merchants.table, simulation._rhythms.first_day
    for look_alike in look_alikes_of(simulation, "promotion"):
        row = table[look_alike.merchant_index]
        day = (look_alike.from_ms // HOUR_MS + int(row["offset_h"]) + int(row["shift_h"])) // 24
        factor = lawful.promotion(table["key"][look_alike.merchant_index : look_alike.merchant_index + 1], day)[0]
        assert day >= days
        assert 1.5 <= factor <= 1.8


def test_stores_open_with_a_ramp_and_close_for_good() -> None:
    simulation, by_day = lawful_sales()
    first, undisturbed = simulation._rhythms.first_day, simulation._undisturbed
    assert undisturbed is not None
    opening = [c.merchant_index for c in look_alikes_of(simulation, "new_ramp")]
    within = [i for i in opening if first + 2 < undisturbed.open_day[i] < first + 40]
    assert within
    assert all(by_day[: undisturbed.open_day[i] - first, i].sum() == 0 for i in within)
    weeks = [by_day[undisturbed.open_day[i] - first :, i] for i in within]
    assert sum(w[:10].sum() for w in weeks) < 0.6 * sum(w[-10:].sum() for w in weeks)
    closing = {c.merchant_index for c in look_alikes_of(simulation, "closing")}
    assert all(by_day[undisturbed.close_day[i] - first :, i].sum() == 0 for i in closing)
    assert sum(by_day[:, i].sum() for i in closing) > 0


def test_seasonal_shops_close_for_months_and_come_back() -> None:
    simulation = simulate(replace(LAWFUL, merchants=2500, days=380.0, tx_per_merchant_day=2.0))
    seasonal = {look_alike.merchant_index for look_alike in look_alikes_of(simulation, "seasonal")}
    for sales in daily(simulation, sorted(seasonal)).T:
        longest = max(len(run) for run in "".join("x" if each == 0 else "." for each in sales).split("."))
        assert longest >= 90
        assert sales.sum() > 0
    assert look_alikes_of(simulation, "seasonal_closing")
    assert look_alikes_of(simulation, "growth")


def test_wedding_deposits_are_a_few_and_many_times_the_median() -> None:
    simulation = simulate(LAWFUL)
    large = Counter[int]()
    look_alikes = look_alikes_of(simulation, "wedding")
    for look_alike in look_alikes:
        row = simulation.merchants.table[look_alike.merchant_index]
        median = float(row["scale"]) * TRADES[row["trade"]].median_yuan * 100
        sales = sales_of(simulation, look_alike.merchant_index, look_alike.from_ms, look_alike.until_ms)
        large[look_alike.merchant_index] = sum(amount > 7 * median for _, amount, _ in sales)
    assert sum(large.values()) > len(look_alikes)
    assert max(large.values()) < 12


def test_staff_eat_at_noon_for_one_price_with_the_same_cards() -> None:
    simulation = simulate(LAWFUL)
    for look_alike in look_alikes_of(simulation, "staff_meals")[:3]:
        sales = sales_of(simulation, look_alike.merchant_index, look_alike.from_ms, look_alike.from_ms + 12 * DAY_MS)
        amount, times = Counter(amount for _, amount, _ in sales).most_common(1)[0]
        cards = Counter(card for _, each, card in sales if each == amount)
        assert times > 15
        assert sum(times > 1 for times in cards.values()) >= 4


def test_an_outage_is_caught_up_in_the_next_hour() -> None:
    config = replace(LAWFUL, days=4.0, merchants=300, outages_per_day=2.0, tx_per_merchant_day=200.0)
    simulation = simulate(config)
    declined = Counter[int]()
    for batch in simulation.batches():
        for i, value in zip(batch.merchant_index.tolist(), batch.values(), strict=True):
            declined[i] += b'"response_code":"96"' in value
    outage = look_alikes_of(simulation, "outage")
    assert sum(declined[i] for i in {look_alike.merchant_index for look_alike in outage}) > 100
    factors = rhythm.catch_up(config)
    assert 1.0 < factors.max() < 1.5
    assert 0 < (factors > 1.0).sum() < factors.size / 5
    flat = replace(config, outages_per_day=0.0)
    for acquirer, hour, begin, end in list(rhythm.outages(config))[:50]:
        assert begin // HOUR_MS == hour
        assert 300_000 <= end - begin <= 900_000
        assert acquirer < 10
    extra = daily(simulation).sum() / daily(simulate(flat)).sum()
    assert extra == pytest.approx(factors[:, 1:-1].mean(), rel=0.02)
