from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench import realism
from domain.timestamps import DAY_MS, HOUR_MS
from simulator import draw, rhythm
from simulator.config import SimulationConfig
from simulator.festivals import EPOCH, day_number
from simulator.figures import CALM, NAMES
from simulator.peculiar import HOURS_MOVED, KINDS, RAMADAN, RAMADANS, rhythm_of
from simulator.shops import is_data_hole
from simulator.simulation import Simulation, simulate
from simulator.trades import RIYADH
from simulator.worlds import daily_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

YEAR = SimulationConfig(
    seed=6, merchants=600, start_ms=realism.START_MS, days=400.0, tx_per_merchant_day=60.0, volume_share=0.1,
    jump_share=0.0, fee_share=0.0, fall_share=0.0,
)  # fmt: skip
MIXED = replace(YEAR, merchants=300, days=70.0, tx_per_merchant_day=20.0, volume_share=0.5)


@cache
def year(world: str) -> tuple[Simulation, NDArray[np.int32], int]:
    """A year of one world without departures: its simulation, sales by day and merchant, and first day."""
    config = replace(YEAR, world=world, volume_share=0.0)
    return simulate(config), *daily_counts(config, disturbed=False)


def drawn(simulation: Simulation) -> NDArray[np.int64]:
    """Sales by local day and merchant as the records have them."""
    table, first = simulation.merchants.table, simulation._rhythms.first_day
    out, everyone = np.zeros((simulation._rhythms.days, len(table)), np.int64), np.arange(len(table))
    for hour in range(simulation.config.start_ms // HOUR_MS, simulation.config.end_ms // HOUR_MS):
        local = hour + table["offset_h"].astype(np.int64) + table["shift_h"]
        out[local // 24 - first, everyone] += draw.counts(
            table, everyone, simulation._trades, simulation._rhythms.at(hour), hour
        )
    return out


@pytest.mark.parametrize("disturbed", [True, False])
def test_daily_counts_are_those_of_the_records_but_for_chance(disturbed: bool) -> None:
    config = replace(MIXED, outages_per_day=0.0, volume_share=0.5 if disturbed else 0.0)
    fast, first = daily_counts(config, disturbed=disturbed)
    simulation = simulate(config)
    slow = drawn(simulation)
    assert first == simulation._rhythms.first_day
    assert fast.shape == slow.shape
    whole = slice(1, -1)
    differs = (fast - slow)[whole] / np.sqrt(np.maximum(fast + slow, 1)[whole])
    busy = (fast + slow)[whole] > 20
    assert abs(differs[busy].mean()) < 0.03
    assert differs[busy].std() == pytest.approx(1.0, abs=0.05)
    assert fast[whole].sum() == pytest.approx(slow[whole].sum(), rel=0.02)


def test_undisturbed_counts_lack_the_departures_alone() -> None:
    departing = {each.merchant_index for each in simulate(MIXED).violations()}
    others = np.array([i for i in range(MIXED.merchants) if i not in departing])
    with_them, without = (simulate(MIXED).rhythm(disturbed=each) for each in (True, False))
    (_, one), (_, two) = next(with_them.stretches()), next(without.stretches())
    assert departing
    assert np.array_equal(one.sales[:, others], two.sales[:, others])
    assert not np.array_equal(one.sales, two.sales)


@pytest.mark.parametrize("cells", [24_000_000, 20_000])
def test_a_day_of_a_world_drawn_alone_is_the_day_of_the_run(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = next(simulate(MIXED).rhythm().stretches())[1]
    monkeypatch.setattr(rhythm, "CELLS", cells)
    monkeypatch.setattr(rhythm, "BLOCK_CELLS", 700)
    for first, stretch in simulate(MIXED).rhythm().stretches():
        begin = first - whole.first_day
        assert np.array_equal(stretch.sales, whole.sales[begin : begin + len(stretch.sales)])


@pytest.mark.parametrize("world", NAMES)
@pytest.mark.parametrize("days", [30.0, 400.0])
def test_the_mean_of_a_world_is_what_was_asked_for(world: str, days: float) -> None:
    config = replace(YEAR, merchants=2000, days=days, world=world, volume_share=0.0)
    counts, _ = daily_counts(config)
    assert counts[1:-1].mean() == pytest.approx(60.0, rel=0.12)


def test_merchants_of_a_mixed_run_belong_to_worlds_by_their_trade() -> None:
    simulation = simulate(replace(YEAR, merchants=3000, days=1.0))
    lawful = simulation._undisturbed
    assert lawful is not None
    found = Counter(lawful.world.tolist())
    assert found.keys() == {0, 1, 2}
    assert min(found.values()) > 0.15 * 3000
    eating = np.isin(simulation.merchants.table["mcc0"], [5812, 5814])
    assert (lawful.world[eating] == NAMES.index("restaurants")).mean() == pytest.approx(0.6, abs=0.06)
    calm = simulate(replace(YEAR, merchants=50, days=1.0, world="calm"))._undisturbed
    assert calm is not None
    assert set(calm.world.tolist()) == {CALM}


def test_restaurants_keep_weekly_closing_days_that_some_move_and_some_break() -> None:
    _, counts, first = year("restaurants")
    weeks = counts[: len(counts) // 7 * 7].reshape(-1, 7, counts.shape[1])
    busy = counts.mean(axis=0) > 10
    closed = (weeks == 0).mean(axis=0)[:, busy]
    assert ((closed > 0.6).any(axis=0)).mean() == pytest.approx(0.5, abs=0.12)
    broken = (closed > 0.6) & (closed < 0.95)
    assert broken.any()
    halves = [(part == 0).mean(axis=0)[:, busy].argmax(axis=0) for part in (weeks[:20], weeks[-20:])]
    keeps = (closed > 0.3).any(axis=0)
    assert 0.03 < (halves[0] != halves[1])[keeps].mean() < 0.4
    assert first > 0


def test_restaurants_shut_around_new_year_and_supermarkets_on_its_day() -> None:
    _, counts, first = year("restaurants")
    new_year = day_number(datetime(2025, 1, 1, tzinfo=UTC).date()) - first
    usual = (counts[new_year - 30 : new_year - 9] == 0).mean()
    assert (counts[new_year - 1 : new_year + 2] == 0).mean() > usual + 0.25
    _, counts, first = year("supermarkets")
    day = counts.sum(axis=1)
    assert day[new_year] < 0.45 * day[new_year - 14]
    assert day[new_year - 8] > 1.7 * day[new_year - 22]


def test_the_platform_has_a_weeks_campaign_and_spring_festival() -> None:
    _, counts, first = year("platform")
    day = counts.sum(axis=1)
    campaign = day_number(datetime(2024, 12, 8, tzinfo=UTC).date()) - first
    assert day[campaign : campaign + 5].sum() > 2.0 * day[campaign - 14 : campaign - 9].sum()
    eve = day_number(datetime(2025, 1, 28, tzinfo=UTC).date()) - first
    there = (counts[:eve] > 0).any(axis=0) & (counts[eve + 15 :] > 0).any(axis=0)
    assert 0.1 < (counts[eve, there] == 0).mean() - (counts[eve - 14, there] == 0).mean() < 0.3


def test_who_departs_for_few_days_does_so_on_days_that_are_open() -> None:
    simulation = simulate(replace(MIXED, world="restaurants", merchants=300, volume_share=0.9))
    few = [each for each in simulation.violations() if each.kind == "surge"]
    assert len(few) > 30
    assert np.mean([float(each.details["usual_transactions"]) == 0 for each in few]) < 0.06


def test_a_decline_fades_and_stays() -> None:
    simulation = simulate(replace(MIXED, world="calm", merchants=200, days=120.0, volume_share=0.9))
    found = [each for each in simulation.violations() if each.kind == "decline"]
    assert len(found) > 5
    for each in found:
        fades = int(each.details["fades_days"])
        assert 0.3 <= each.effect <= 0.5
        assert 21 <= fades <= 42
        assert each.end_ms == simulation.config.end_ms
        after = (each.end_ms - each.onset_ms) / DAY_MS - fades
        mean = (fades * (each.effect - 1) / np.log(each.effect) + after * each.effect) / (fades + after)
        if float(each.details["usual_transactions"]) > 400:
            assert each.transactions / float(each.details["usual_transactions"]) == pytest.approx(mean, rel=0.2)


def test_each_rhythm_of_its_own_has_a_mean_of_one_and_is_labelled() -> None:
    keys, trade = np.arange(1, 200, dtype=np.uint64), np.zeros(199, np.int16)
    first = day_number(datetime(2025, 1, 1, tzinfo=UTC).date())
    for kind in KINDS:
        if kind not in {"", "hours_moved", "ramadan"}:
            mean = np.mean([rhythm_of(kind, keys, trade, first + i) for i in range(365)])
            assert mean == pytest.approx(1.0, abs=0.1), kind
    labelled = {each.kind for each in simulate(replace(YEAR, merchants=6000, days=30.0)).look_alikes()}
    assert labelled >= set(KINDS) - {"", "ramadan"}


def test_hours_that_moved_sell_as_much_a_day_at_other_hours() -> None:
    config = replace(YEAR, merchants=2000, days=40.0, tx_per_merchant_day=3000.0, outages_per_day=0.0)
    simulation = simulate(config)
    lawful, table = simulation._undisturbed, simulation.merchants.table
    assert lawful is not None
    mine = np.flatnonzero(lawful.peculiar == HOURS_MOVED)
    i = mine[np.argmax(table["rate"][mine])][None]
    row = table[i[0]]
    start, day = config.start_ms // HOUR_MS, int(row["moved_day"])
    by_hour = np.zeros((2, 24))
    for hour in range(start, start + 40 * 24):
        local = hour + int(row["offset_h"]) + int(row["shift_h"])
        sold = draw.counts(table, i, simulation._trades, simulation._rhythms.at(hour), hour)[0]
        by_hour[int(local // 24 >= day), local % 24] += sold
    before, after = by_hour / by_hour.sum(axis=1, keepdims=True)
    assert np.allclose(np.roll(before, int(row["moved_h"])), after, atol=0.01)
    assert 2 <= abs(int(row["moved_h"])) <= 8


def test_ramadan_moves_the_shops_of_riyadh_alone() -> None:
    config = replace(YEAR, merchants=3000, start_ms=realism.START_MS + 240 * DAY_MS, days=60.0)
    simulation = simulate(config)
    table = simulation.merchants.table
    lawful = simulation._undisturbed
    assert lawful is not None
    assert np.array_equal(lawful.peculiar == RAMADAN, table["city"] == RIYADH)
    assert (table["city"] == RIYADH).any()
    first, feast = RAMADANS[2]
    spans = [each for each in simulation.look_alikes() if each.kind == "ramadan"]
    assert {each.merchant_index for each in spans} == set(np.flatnonzero(table["city"] == RIYADH).tolist())
    keys, eats = np.ones(1, np.uint64), np.zeros(1, np.int16)
    assert rhythm_of("ramadan", keys, eats, day_number(first + timedelta(3)))[0] == 0.5
    assert rhythm_of("ramadan", keys, eats, day_number(feast + timedelta(9)))[0] == 1.0


def test_a_hole_in_the_data_takes_most_of_a_day_and_is_labelled() -> None:
    first = rhythm.local_days(YEAR)[0]
    seed = next(seed for seed in range(200) if is_data_hole(seed, first + 12))
    config = replace(YEAR, seed=seed, days=20.0)
    counts, _ = daily_counts(config)
    assert counts[12].sum() < 0.3 * counts[11].sum()
    assert (counts[12] == 0).mean() > 0.7
    holes = {each.from_ms // DAY_MS for each in simulate(config).look_alikes() if each.kind == "data_hole"}
    assert len(holes) <= 2
    assert EPOCH + timedelta(first + 12) > EPOCH


def test_closed_spells_that_are_labelled_are_closed() -> None:
    simulation, counts, first = year("platform")
    labelled = [each for each in simulation.look_alikes() if each.kind == "closed_spell"]
    table, checked = simulation.merchants.table, 0
    for each in labelled:
        row = table[each.merchant_index]
        begin, until = (
            (ms // HOUR_MS + int(row["offset_h"]) + int(row["shift_h"])) // 24 - first
            for ms in (each.from_ms, each.until_ms)
        )
        sold = counts[max(begin, 0) : until - 2, each.merchant_index]
        assert sold.sum() <= 0.1 * max(1.0, float(row["rate"])) * len(sold) + 3
        checked += len(sold)
    assert checked > 300


@pytest.mark.parametrize("world", NAMES)
def test_most_figures_of_real_shops_are_met(world: str) -> None:
    rows = realism.compare(realism.REAL[world], realism.simulated(world, 600))
    missing = [name for name, _, _, good in rows if not good]
    assert len(missing) < 0.3 * len(rows), missing
    must = ("weekend over weekdays", "best over worst", "mean a day")
    assert not [name for name in missing if name.startswith(must)]
