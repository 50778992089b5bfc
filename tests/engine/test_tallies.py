"""What a partition's monitor counts, whatever batches it is given and wherever it is restored."""

from __future__ import annotations

from collections import Counter
from functools import cache

import msgspec
import pytest

from detectors.contract import E7
from domain.feature_codes import NULL
from engine.checkpoint.checkpoints import Notes
from engine.checkpoint.pages import decode
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from engine.tallies import MOST_VALUES, OTHER, UNKNOWN, Tallies, add_of_many, home_minor
from simulator.config import SimulationConfig
from simulator.simulation import simulate
from tests.detectors.shops import Shop
from tests.engine.test_checkpoints import Shelf
from tests.engine.test_first_format import restored

PIECES = (100, 700, 10_000)


@cache
def given() -> list[bytes]:
    config = SimulationConfig(
        seed=3, merchants=40, days=3, jump_share=0.3, mcc_change_share=0.2, future_share=0.01, duplicate_share=0.02
    )
    simulation = simulate(config)
    return [*simulation.master_records(), *(value for batch in simulation.batches() for value in batch.values())]


def monitor() -> Monitor:
    return Monitor(MonitorConfig(capacity=100), checkpoints=True)


@cache
def tallied(piece: int) -> tuple[Tallies, frozenset[str], Counter[str]]:
    """Sums, alerts and reasons of dead letters after everything, in batches of one size."""
    taken, alerts, reasons = monitor(), set[str](), Counter[str]()
    for first in range(0, len(given()), piece):
        outputs = taken.process(Records.of(given()[first : first + piece], first_offset=first))
        alerts |= {each.alert_id for each in outputs.alerts}
        reasons.update(each.reason for each in outputs.dead_letters)
    return taken.tallies, frozenset(alerts), reasons


@pytest.mark.parametrize("piece", PIECES)
def test_sums_do_not_depend_on_where_batches_were_cut(piece: int) -> None:
    assert tallied(piece)[0] == tallied(PIECES[0])[0]


def test_each_alert_is_counted_once_and_each_dead_letter_by_its_reason() -> None:
    tallies, alerts, reasons = tallied(PIECES[0])
    assert tallies.alerts_begun == len(alerts) > 10
    assert tallies.dead_letters == reasons
    assert sum(tallies.by_region.values()) == sum(tallies.by_agent.values()) == len(alerts)
    assert sum(tallies.by_mcc_group.values()) == len(alerts)
    assert set(tallies.by_mcc_group) - {UNKNOWN}
    assert tallies.findings.keys() == tallies.fired_ms.keys() == tallies.alerts.keys()
    assert all(minor > 0 for minor in tallies.turnover_minor.values())


def test_days_that_fell_to_a_quarter_of_what_was_to_be_expected_are_counted_among_all() -> None:
    """Ten shops with 30 sales a day for 20 days, of which five sell nothing on the last."""
    taken, shops = (
        Monitor(MonitorConfig(capacity=100), historic=True),
        [Shop(rate=30.0, seed=k, merchant=f"m{k}") for k in range(10)],
    )
    for k, shop in enumerate(shops):
        closed = {19} if k < 5 else set[int]()
        shop.factor = lambda day, closed=closed: float(day not in closed)  # type: ignore[misc]
    events = sorted((each for shop in shops for each in shop.events(20)), key=lambda each: each["event_time"])
    taken.process(Records.of([msgspec.json.encode(each) for each in events]))
    assert (taken.tallies.days_expected, taken.tallies.days_fallen) == (10 * (20 - 7), 5)


def test_a_restored_monitor_goes_on_counting_where_the_checkpoint_was() -> None:
    half = len(given()) // 2
    first, shelf = monitor(), Shelf()
    first.process(Records.of(given()[:half]))
    shelf.whole(first)
    then = first.tallies.copy()
    first.process(Records.of(given()[half:], first_offset=half))  # it is killed after this
    again = monitor()
    again.restore(shelf.notes, [(number, decode(raw)) for number, raw in sorted(shelf.pages.items())])
    assert again.tallies == then != Tallies()
    again.process(Records.of(given()[half:], first_offset=half))
    assert again.tallies == tallied(PIECES[0])[0]


def test_a_state_that_has_no_sums_is_read_and_counts_from_nothing() -> None:
    assert restored().tallies == Tallies()
    shelf, taken = Shelf(), monitor()
    taken.process(Records.of(given()))
    shelf.whole(taken)
    raw = msgspec.msgpack.decode(shelf.notes)
    assert raw.pop("tallies")
    again = monitor()
    pages = [(number, decode(page)) for number, page in sorted(shelf.pages.items())]
    again.restore(msgspec.msgpack.encode(raw), pages)
    assert again.tallies == Tallies()
    assert again.counts == taken.counts


def test_an_earlier_version_passes_over_the_sums() -> None:
    fields = {each: Notes.__annotations__[each] for each in ("rows", "partition", "counts", "format", "least_reader")}
    earlier = msgspec.defstruct("EarlierNotes", list(fields.items()), kw_only=True)
    shelf, taken = Shelf(), monitor()
    taken.process(Records.of(given()))
    shelf.whole(taken)
    found = msgspec.msgpack.decode(shelf.notes, type=earlier)
    assert (found.rows, found.least_reader) == (40, 4)


def test_values_beyond_the_most_are_counted_together() -> None:
    table: dict[str, int] = {}
    for k in range(MOST_VALUES + 7):
        add_of_many(table, f"a{k}")
        add_of_many(table, f"a{k}")
    add_of_many(table, "a3")
    assert len(table) == MOST_VALUES + 1
    assert (table["a3"], table[OTHER]) == (3, 14)
    add_of_many(other := {}, "")
    assert other == {UNKNOWN: 1}


def test_money_is_summed_at_home_each_amount_rounded_by_itself() -> None:
    assert home_minor([150 * E7, NULL, 3 * E7, -E7], [7] * 4, [2] * 4) == 525 + 11  # 10.5 is rounded up
    assert home_minor([10**11 * E7], [10**9], [1]) == 10**20


def test_the_overview_is_what_a_walk_over_all_accounts_finds() -> None:
    taken = monitor()
    for first in range(0, len(given()), 500):
        taken.process(Records.of(given()[first : first + 500], first_offset=first))
    ledger = taken._judge.risk
    accounts = [ledger.account(row) for row in range(40) if ledger.known(row)]
    seen = taken.overview(5)
    expected = Counter(each.published_grade for each in accounts)
    expected["A"] += 40 - len(accounts)
    assert {grade: count for grade, count in seen.merchants.items() if count} == expected
    scores = sorted((each.published_e2 / 100 for each in accounts), reverse=True)
    assert [each.score for each in seen.riskiest] == scores[:5]
    assert seen == taken.overview(5)  # looking changes nothing
    assert len(taken.overview(1_000).riskiest) == sum(each > 0 for each in scores)
    assert set(seen.controls.values()) == {0}
    assert all(each.name for each in seen.riskiest)
    shelf = Shelf()
    shelf.whole(taken)
    again = monitor()
    again.restore(shelf.notes, [(number, decode(raw)) for number, raw in sorted(shelf.pages.items())])
    assert again.overview(5) == seen
