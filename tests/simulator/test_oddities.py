"""What no rule describes, in the raw stream: each does what its label says, exactly, and by default there is none."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from domain.card_search import find_numbers
from domain.timestamps import DAY_MS, HOUR_MS
from simulator.config import SimulationConfig
from simulator.oddities import HISTORY_D, LASTS_D
from simulator.simulation import Simulation, simulate
from simulator.table import ODD_KINDS
from simulator.trades import TRADES
from tests.simulator.test_simulation import ms, naive_ledger

if TYPE_CHECKING:
    from simulator.truth import Violation

CONFIG = SimulationConfig(
    seed=4, merchants=50, days=95.0, tx_per_merchant_day=25.0, odd_share=1.0, world="calm", jump_share=0.0,
    fee_share=0.0, fall_share=0.0, volume_share=0.0, mcc_change_share=0.0, rotation_share=0.0, drift_share=0.0,
    static_share=0.0, late_share=0.001,
)  # fmt: skip
Event = dict[str, Any]


@cache
def run() -> tuple[Simulation, list[Event]]:
    """The run and its transactions, with their times in milliseconds and their local hours."""
    sim = simulate(CONFIG)
    events = [json.loads(value) for batch in sim.batches() for value in batch.values()]
    transactions = [each for each in events if "type" not in each]
    for each in transactions:
        each["at_ms"], each["hour"] = ms(each["event_time"]), int(each["event_time"][11:13])
    return sim, transactions


@cache
def by_merchant() -> dict[str, list[Event]]:
    """The transactions of each merchant, each once."""
    found: dict[str, list[Event]] = {}
    for each in {each["txn_id"]: each for each in run()[1]}.values():
        found.setdefault(each["merchant_id"], []).append(each)
    return found


@cache
def violations() -> list[Violation]:
    return run()[0].violations()


def cases(kind: str, transactions: int = 0) -> list[Violation]:
    """Those of a kind with so many transactions or more; there are some."""
    found = [each for each in violations() if each.kind == kind and each.transactions >= transactions]
    assert found
    return found


def sales(events: list[Event]) -> list[Event]:
    approved = [each for each in events if each["response_code"] in {"00", "10", "11"}]
    return [each for each in approved if each.get("txn_type", "purchase") == "purchase"]


def refunds(events: list[Event]) -> list[Event]:
    return [each for each in events if each.get("txn_type") == "refund"]


def amounts(events: list[Event]) -> float:
    return float(median(each["amount"] for each in events))


def hours(events: list[Event]) -> set[int]:
    """The local hours of those that were received when they happened."""
    return {each["hour"] for each in events if abs(each["received_at"] - each["at_ms"]) < HOUR_MS // 6}


def quick(events: list[Event]) -> float:
    """The share of those within a minute of the one before."""
    times = sorted(each["at_ms"] for each in events)
    return float(sum(b - a < 60_000 for a, b in pairwise(times)) / len(times))


def before_and_during(case: Violation) -> tuple[list[Event], list[Event], list[Event]]:
    """The merchant's events before, those during, and of these the ones that the truth names."""
    mine, named = by_merchant()[case.merchant_id], set(case.txn_ids)
    before = [each for each in mine if each["at_ms"] < case.onset_ms]
    during = [each for each in mine if case.onset_ms <= each["at_ms"] < case.end_ms]
    return before, during, [each for each in during if each["txn_id"] in named]


def only(events: list[Event], ids: set[str]) -> list[Event]:
    return [each for each in sales(events) if each["txn_id"] in ids]


def share(part: list[Event], whole: list[Event]) -> float:
    return len(part) / max(1, len(whole))


def test_by_default_there_is_nothing_odd_and_no_habit() -> None:
    sim = simulate(SimulationConfig(merchants=200, days=1.0))
    assert not [each for each in sim.violations() if each.category == "model"]
    assert not [each for each in sim.look_alikes() if each.category == "model"]
    assert b"entry_mode" not in next(sim.batches()).data


def test_a_run_too_short_for_an_honest_history_has_nothing_odd() -> None:
    sim = simulate(SimulationConfig(merchants=50, days=40.0, odd_share=1.0, tx_per_merchant_day=5.0))
    assert not [each for each in sim.violations() if each.category == "model"]


def test_each_kind_begins_after_honest_history_and_lasts_two_to_six_weeks() -> None:
    for kind in ODD_KINDS[1:]:
        for case in cases(kind):
            days = (case.end_ms - case.onset_ms) / DAY_MS
            assert case.category == "model"
            assert case.onset_ms >= CONFIG.start_ms + HISTORY_D * DAY_MS
            if kind != "odd_trade_switch":  # which stays
                assert LASTS_D[0] <= days <= LASTS_D[1]


def test_effects_are_mild_and_cases() -> None:
    for kind in ("odd_cash_out", "odd_shared_terminal", "odd_refunds"):
        effects = [each.effect for each in cases(kind)]
        assert max(effects) > 2 * min(effects)


@pytest.mark.parametrize("kind", ODD_KINDS[1:])
def test_the_truth_names_each_affected_transaction_once_with_its_amount(kind: str) -> None:
    for case in cases(kind):
        named = before_and_during(case)[2]
        assert Counter(each["txn_id"] for each in named) == Counter(case.txn_ids)
        assert sum(each["amount"] for each in named) == case.amount_minor
        assert case.transactions == len(case.txn_ids) > 0


def test_a_front_for_cash_uses_few_credit_cards_again_and_again_for_round_tickets() -> None:
    for case in cases("odd_cash_out", 60):
        before, during, named = before_and_during(case)
        assert {each["card_kind"] for each in named} == {"credit"}
        assert len({each["card_token"] for each in named}) <= int(case.details["cards"])
        assert all(each["amount"] % 5_000 == 0 for each in named)
        read = [each for each in named if each["entry_mode"][:2] in {"01", "02"}]
        usual = [each for each in sales(before) if each["entry_mode"][:2] in {"01", "02"}]
        assert share(read, named) > share(usual, sales(before))
        assert share(named, sales(during)) == pytest.approx(case.effect, rel=0.5)
        assert max(each["amount"] for each in named) < 500_000
        assert hours(named) <= hours(sales(before))


def test_a_switch_of_trade_moves_the_tickets_over_weeks_and_keeps_the_mcc() -> None:
    for case in cases("odd_trade_switch", 150):
        before, during, named = before_and_during(case)
        middle = case.onset_ms + DAY_MS * int(case.details["takes_d"]) // 2
        early = [each for each in during if each["at_ms"] < middle]
        late = [each for each in during if each["at_ms"] >= middle]
        ids = {each["txn_id"] for each in named}
        assert share(only(early, ids), sales(early)) < share(only(late, ids), sales(late))
        assert {each["mcc"] for each in during} <= {each["mcc"] for each in before}
        trade = next(each for each in TRADES if f"{each.mcc:04}" == case.details["other_mcc"])
        assert 0.4 < amounts(named) / (trade.median_yuan * 100) < 2.5


def test_collusive_refunds_go_to_few_cards_and_some_name_no_sale() -> None:
    for case in cases("odd_refunds", 30):
        before, during, named = before_and_during(case)
        assert share(refunds(during), sales(during)) > share(refunds(before), sales(before)) + 0.3 * case.effect
        assert len({each["card_token"] for each in named}) <= int(case.details["cards"])
        without = [each for each in named if "original_txn_id" not in each]
        assert 0.1 < share(without, named) < 0.95
        originals = [each["original_txn_id"] for each in refunds(before + during) if "original_txn_id" in each]
        assert len(originals) == len(set(originals))
        assert case.money_minor == case.amount_minor


def test_a_shared_terminal_has_two_sizes_of_tickets() -> None:
    for case in cases("odd_shared_terminal", 60):
        _, during, named = before_and_during(case)
        assert {each["terminal_id"] for each in named} == {case.details["terminal_id"]}
        ids = {each["txn_id"] for each in named}
        ratio = amounts(named) / amounts([each for each in sales(during) if each["txn_id"] not in ids])
        assert max(ratio, 1 / ratio) > 1.5


def test_laundered_sales_come_at_the_merchants_hours_in_quick_succession() -> None:
    for case in cases("odd_laundering", 60):
        before, during, named = before_and_during(case)
        assert quick(sales(during)) > quick(sales(before))
        assert share(named, sales(during)) == pytest.approx(case.effect, rel=0.3)
        assert hours(named) <= hours(sales(before))


def test_staged_growth_raises_volume_tickets_and_new_cards_together() -> None:
    rises = []
    for case in cases("odd_growth", 100):
        before, during, named = before_and_during(case)
        assert len(named) == len(sales(during))
        last = [each for each in sales(during) if each["at_ms"] >= case.end_ms - 7 * DAY_MS]
        weeks = (case.onset_ms - CONFIG.start_ms) / (7 * DAY_MS)
        rise = len(last) / (len(sales(before)) / weeks) * amounts(last) / amounts(sales(before))
        rises.append(rise / case.effect)
    assert median(rises) == pytest.approx(1.0, rel=0.4)


def test_the_ledger_is_exact_with_everything_odd() -> None:
    sim, events = run()
    expected, ledger = naive_ledger(events), sim.ledger()
    names = ledger.dtype.names or ()
    for i, row in enumerate(ledger.tolist()):
        assert dict(zip(names, row, strict=True)) == {name: expected[sim.merchant_id(i)][name] for name in names}


def test_no_record_has_a_card_number() -> None:
    for batch, _ in zip(run()[0].batches(from_ms=CONFIG.start_ms + 60 * DAY_MS), range(24), strict=False):
        assert find_numbers(batch.data.decode()) == []


def test_a_run_taken_up_later_continues_as_if_it_had_never_stopped() -> None:
    sim, from_ms = run()[0], CONFIG.end_ms - 3 * DAY_MS - HOUR_MS // 2
    rest = b"".join(batch.data for batch in simulate(CONFIG).batches(77, from_ms=from_ms))
    whole = list(sim.batches(from_ms=from_ms - HOUR_MS))
    values = [value for batch in whole for value in batch.values()]
    received = np.concatenate([batch.received_ms for batch in whole])
    assert rest == b"".join(values[int(np.searchsorted(received, from_ms)) :])
