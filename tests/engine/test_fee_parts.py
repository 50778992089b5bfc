"""A payment's fee in several records or lines: it counts once, and only what is the acquirer's price is judged."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

import pytest

from detectors.calibration import RAW
from domain.contracts import fee_minor
from engine.features import months
from engine.jit import njit
from engine.monitor import Monitor, MonitorConfig
from tests.fee_streams import (
    DAY,
    MINUTE,
    T0,
    Event,
    Spy,
    Values,
    alerts_of,
    contract,
    last_of,
    rows_of,
    sale,
    settlement,
)
from tests.strategies import cut, records_of

pytestmark = [pytest.mark.usefixtures("warm_kernel"), pytest.mark.timeout(300)]
VERSION = contract(T0 - DAY, {"rate_ppm": 6_000})
SUMS = ("fees_charged_minor", "fees_priced_minor", "fees_due_minor", "fees_over_minor", "fees_under_minor")


def sums(*events: Event) -> tuple[int | float | None, ...]:
    row = rows_of(*events)[-1]
    return tuple(row[name] for name in SUMS)


def last(*events: Event) -> Values:
    return rows_of(*events)[-1]


def settled(k: int, fee: int | None, **changed: object) -> Event:
    """The settlement, a day later, of the sale `k` that was made at `T0` + k minutes."""
    return settlement(k, T0 + DAY + k * MINUTE, original_time=T0 + k * MINUTE, fee=fee, **changed)


def sold(k: int, fee: int | None, **changed: object) -> Event:
    return sale(k, T0 + k * MINUTE, fee=fee, **changed)


def test_a_fee_in_the_transaction_and_in_its_settlement_counts_once() -> None:
    assert sums(VERSION, sold(1, 600), settled(1, 600)) == (600, 600, 600, 0, 0)
    row = last(VERSION, sold(1, 900), settled(1, 900))
    assert (row["fee_charged"], row["fee_basis"], row["fee_over"]) == (None, 0, None)
    assert tuple(row[name] for name in SUMS) == (900, 900, 600, 300, 0)


def test_of_payments_with_a_fee_in_either_each_counts_once() -> None:
    records = [sold(1, 600), sold(2, 600), sold(3, None), settled(2, 600), settled(3, 600)]
    assert sums(VERSION, *records, sold(4, None), settled(4, 700)) == (2_500, 2_500, 2_400, 100, 0)


def dual(fees: list[tuple[int | None, int | None]]) -> list[Event]:
    """Payments whose transaction and settlement tell these fees, after one that both tell, so that all are known."""
    first = [sold(0, 600), settled(0, 600)]
    told = [sold(k, one) for k, (one, _) in enumerate(fees, 1)]
    return [VERSION, *first, *told, *(settled(k, other) for k, (_, other) in enumerate(fees, 1) if other is not None)]


@pytest.mark.parametrize(
    ("told", "charged", "found"),
    [
        (600, 600, (600, 600, 600, 0, 0)),
        (600, 900, (900, 900, 600, 300, 0)),
        (900, 600, (600, 600, 600, 0, 0)),
        (900, 1_200, (1_200, 1_200, 600, 600, 0)),
        (600, 300, (300, 300, 600, 0, 300)),
        (900, 300, (300, 300, 600, 0, 300)),
        (None, 900, (900, 900, 600, 300, 0)),
    ],
)
def test_the_settlement_s_fee_takes_the_place_of_the_transaction_s(
    told: int | None, charged: int, found: tuple[int, ...]
) -> None:
    before = sums(*dual([]))
    assert tuple(b - a for a, b in zip(before, sums(*dual([(told, charged)])), strict=True)) == found


def test_a_correction_is_told_by_what_it_adds_alone() -> None:
    alerts = alerts_of(*dual([(900, 1_200)]))
    assert last_of(alerts)["fee_over"].at_stake == 600
    taken_back = alerts_of(*dual([(900, 600)]))
    assert set(last_of(taken_back)) == {"fee_over"}
    assert last_of(taken_back)["fee_over"].at_stake == 300


def test_a_correction_that_comes_again_changes_nothing_more() -> None:
    events = dual([(600, 900)])
    later = [sale(50, T0 + 2 * DAY), {**events[-1], "received_at": T0 + 2 * DAY}]
    assert sums(*events) == sums(*events, *later)


def test_parts_of_a_payment_take_the_place_of_its_fee_together() -> None:
    parts = [settled(1, 360, amount=60_000), settled(1, 240, amount=40_000)]
    before = sums(*dual([]))
    found = sums(*dual([(600, None)]), *parts)
    assert tuple(b - a for a, b in zip(before, found, strict=True)) == (600, 600, 600, 0, 0)


def test_a_transaction_that_comes_after_its_settlement_adds_no_fee() -> None:
    late = [settled(1, 600, received_at=T0 + 2 * MINUTE, event_time=T0 + 2 * MINUTE), sold(1, 600)]
    assert sums(VERSION, sold(0, None), *late) == (600, 600, 600, 0, 0)


@pytest.mark.parametrize("seed", range(6))
def test_fees_of_random_payments_in_either_record_count_once(seed: int) -> None:
    rng = random.Random(seed)
    fees = [(rng.choice((None, 600, 640, 900)), rng.choice((None, 600, 601, 900, 300))) for _ in range(60)]
    _, *before = dual([])
    expected = [one if other is None else other for one, other in fees]
    charged = sum(each for each in expected if each is not None) + 600
    row = last(*dual(fees), sale(99, T0 + 2 * DAY))
    assert row["fees_charged_minor"] == row["fees_priced_minor"] == charged
    assert row["fees_due_minor"] == 600 * (1 + sum(each is not None for each in expected))
    assert row["fees_over_minor"] == sum(each - 600 for each in expected if each and each - 600 > 20)
    assert row["fees_under_minor"] == sum(600 - each for each in expected if each and 600 - each > 20)
    assert before


def told(events: list[Event], rng: random.Random) -> list[Values]:
    """The rows of features of events that come in batches of any size."""
    spy = Spy()
    monitor = Monitor(MonitorConfig(capacity=10), detectors=[spy], historic=True, curves=RAW)
    for batch in cut(events, rng):
        monitor.process(records_of(batch))
    return spy.seen


@pytest.mark.parametrize("seed", range(4))
def test_however_records_are_cut_and_whoever_else_is_there_the_same_is_told(seed: int) -> None:
    rng = random.Random(seed)
    fees = [(rng.choice((None, 600, 640, 900)), rng.choice((None, 600, 601, 900, 300))) for _ in range(40)]
    events = [TIERS, *dual(fees)[1:]]
    alone = rows_of(*events)
    assert told(events, rng) == alone
    others = [each | {"merchant_id": "m2"} for each in events]
    woven = [each for pair in zip(others, events, strict=True) for each in pair]
    assert told(woven, rng) == [row for row in alone for _ in range(2)]


def test_history_is_learned_once_from_fees_that_both_records_tell() -> None:
    rng, events = random.Random(1), []
    for k in range(200):
        paid = {"amount": (amount := rng.randrange(5_000, 50_000)), "fee": fee_minor(amount, 6_000, -1, 0, 0)}
        at_ms = T0 + k * DAY // 8
        events += [sale(k, at_ms, **paid), settlement(k, at_ms + DAY, original_time=at_ms, **paid)]
    events.sort(key=lambda each: each.get("received_at", each["event_time"]))
    rows = rows_of(*events)
    assert {row["fee_basis"] for row in rows if row["row_kind"] == 0} == {0}
    assert 2 in {row["fee_basis"] for row in rows if row["row_kind"] == 1}
    assert alerts_of(*events) == []


# Lines.


def test_tax_and_what_the_same_day_costs_are_no_part_of_the_judged_fee() -> None:
    row = last(VERSION, sold(1, 636, fee_tax=36))
    assert (row["fee_charged"], row["fee_over"], row["fees_charged_minor"]) == (600, 0, 600)
    row = last(VERSION, sold(1, 836, fee_tax=36, fee_instant=200, settlement_mode="T+0"))
    assert (row["fee_charged"], row["fee_over"]) == (600, 0)
    row = last(VERSION, sold(1, 600, surcharge=1_500))
    assert (row["fee_charged"], row["fee_over"]) == (600, 0)


def test_a_price_for_the_mode_has_what_the_same_day_costs_in_it() -> None:
    version = contract(T0 - DAY, {"rate_ppm": 6_000}, {"settlement_mode": "T+0", "rate_ppm": 6_000, "fixed": 200})
    row = last(version, sold(1, 800, fee_instant=200, settlement_mode="T+0"))
    assert (row["fee_charged"], row["fee_due"]) == (800, 800)
    row = last(version, sold(1, 900, fee_instant=300, settlement_mode="T+0"))
    assert (row["fee_charged"], row["fee_over"]) == (900, 100)


def test_what_is_called_tax_and_is_more_than_any_tax_is_a_fee() -> None:
    assert last(VERSION, sold(1, 1_000, fee_tax=400))["fee_over"] == 400
    assert last(VERSION, sold(1, 762, fee_tax=162))["fee_over"] == 0  # 27 %


# Months.

TIERS = contract(T0 - DAY, {"rate_ppm": 6_000}, {"month_from": 1_000_000, "rate_ppm": 5_000})


def month_of(*events: Event) -> list[int | None]:
    """What was due for sales of 1,000.00, by parts per million."""
    return [row["fee_due_ppm"] if row["fee_due"] is not None else None  # type: ignore[misc]
            for row in rows_of(TIERS, *events) if row["fee_charged"] is not None]  # fmt: skip


def test_a_price_by_the_month_holds_from_the_payment_before_which_the_month_reached_it() -> None:
    sales = [sale(k, T0 + k * MINUTE, fee=600) for k in range(12)]
    assert month_of(*sales) == [6_000] * 10 + [5_000] * 2
    assert month_of(*sales, sale(20, T0 + 20 * DAY, fee=600), sale(21, T0 + 31 * DAY, fee=600))[-2:] == [5_000, 6_000]


def test_what_is_voided_or_declined_counts_in_no_month_and_refunds_are_not_taken_off() -> None:
    sales = [sale(k, T0 + k * MINUTE, fee=600) for k in range(10)]
    void = sale(50, T0 + 20 * MINUTE, txn_type="void", original_txn_id="t3")
    refund = sale(51, T0 + 21 * MINUTE, txn_type="refund")
    declined = sale(52, T0 + 22 * MINUTE, response_code="51")
    after = [sale(60 + k, T0 + (30 + k) * MINUTE, fee=600) for k in range(3)]
    assert month_of(*sales, void, refund, declined, *after)[-3:] == [6_000, 5_000, 5_000]


def test_a_settlement_goes_by_the_month_of_its_payment_and_is_not_judged_where_its_day_reached_the_tier() -> None:
    sales = [sale(k, T0 + k * DAY // 4, fee=None) for k in range(16)]  # reached on the third day
    rows = [settlement(k, T0 + 5 * DAY, original_time=T0 + k * DAY // 4, fee=600) for k in range(16)]
    assert month_of(*sales, *rows) == [6_000] * 8 + [None] * 4 + [5_000] * 4
    later = [settlement(k, T0 + 35 * DAY, original_time=T0 + k * DAY // 4, fee=600) for k in (0, 15)]
    assert month_of(*sales, sale(99, T0 + 34 * DAY), *later) == [6_000, 5_000]


def test_a_late_payment_goes_by_the_month_it_belongs_to() -> None:
    may = T0 + 31 * DAY  # the month's last midnight
    sales = [sale(k, may - DAY + k * MINUTE, fee=600) for k in range(12)]
    late = sale(50, may - MINUTE, fee=600)
    found = month_of(*sales, sale(40, may + MINUTE, fee=600), late, sale(41, may + 2 * MINUTE, fee=600))
    assert found == [6_000] * 10 + [5_000] * 2 + [6_000, None, 6_000]


def test_a_contract_that_comes_within_a_month_says_what_is_due_once_all_of_a_month_is_known() -> None:
    before = sale(0, T0, fee=600)
    events = [before, TIERS, *(sale(k, T0 + DAY + k * MINUTE, fee=600) for k in range(1, 14))]
    dues = [row["fee_due"] for row in rows_of(*events, row_kind=0)]
    assert dues == [None] * 11 + [500] * 3  # the tier is reached by what is known
    assert rows_of(*events, sale(99, T0 + 32 * DAY, fee=600))[-1]["fee_due"] == 600


def test_where_no_transactions_come_settlements_make_the_month() -> None:
    rows = [settlement(k, T0 + 9 * DAY, original_time=T0 + k * DAY // 4, fee=600) for k in range(16)]
    assert month_of(*rows) == [6_000] * 10 + [None] * 2 + [5_000] * 4


def test_every_day_s_month_begins_where_the_calendar_says() -> None:
    @njit
    def month_start(day: int) -> int:
        return months.month_start(day)

    for day in range(0, 40_000, 7):
        of = datetime.fromtimestamp(day * 86_400, UTC).date()
        assert month_start(day) == (date(of.year, of.month, 1) - date(1970, 1, 1)).days
