"""Fees from raw records to columns: sales, settlements in any order, refunds, and versions of contracts."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

import pytest

from domain.contracts import fee_minor
from tests.fee_streams import DAY, MINUTE, T0, Event, Values, contract, month, rows_of, sale, settlement, usual

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = [pytest.mark.usefixtures("warm_kernel"), pytest.mark.timeout(300)]
SALE, SETTLED, CLOSED, REVISED = range(4)
SUMS = (
    "fees_charged_minor", "fees_priced_minor", "fees_due_minor", "fees_over_minor", "fees_under_minor",
    "fees_interchange_e7",
)  # fmt: skip
DAYS = (
    "fee_over_1d", "fee_over_count_1d", "fee_judged_1d", "fee_over_4w", "fee_under_1d", "fee_under_count_1d",
    "fee_under_4w",
)  # fmt: skip
PRICES = ({"rate_ppm": 6_000}, {"card_kind": "debit", "rate_ppm": 5_000, "cap": 2_000})


def last(*events: Event) -> Values:
    return rows_of(*events)[-1]


def test_the_case_of_2025_charged_above_its_contract() -> None:
    row = last(contract(T0 - DAY, {"rate_ppm": 6_300}), sale(1, T0, amount=3_058_000, fee=91_734))
    assert (row["fee_charged"], row["fee_due"], row["fee_over"]) == (91_734, 19_265, 72_469)
    assert (row["fee_basis"], row["fee_rate_ppm"], row["fee_due_ppm"]) == (1, 29_998, 6_300)
    assert (row["fee_over_1d"], row["fee_over_count_1d"], row["fee_judged_1d"], row["fee_over_4w"]) == (
        72_469, 1, 1, 72_469,
    )  # fmt: skip
    assert row["fees_interchange_e7"] == 30_580 * 100 * 45_000 + 2 * 325 * 10**7  # 0.45 %, and 3.25 from each side


@pytest.mark.parametrize("off", [0, 1, -1, 20, -20, 21, -21])
def test_a_difference_of_two_basis_points_may_be_rounding(off: int) -> None:
    row = last(contract(T0 - DAY, {"rate_ppm": 6_000}), sale(1, T0, fee=600 + off))
    over, under = (off if off > 20 else 0), (-off if off < -20 else 0)
    assert (row["fee_over"], row["fee_rounding"]) == (off, 20)
    assert (row["fee_over_1d"], row["fees_over_minor"], row["fee_over_count_1d"]) == (over, over, int(over > 0))
    assert (row["fee_under_1d"], row["fees_under_minor"], row["fee_under_4w"]) == (under, under, under)
    assert row["fee_small_28d"] == (off if abs(off) == 20 else 0)
    assert row["fee_small_score"] == (pytest.approx(off / 20) if abs(off) == 20 else None)


def test_a_difference_of_one_minor_unit_is_rounding_however_small_the_payment() -> None:
    version = contract(T0 - DAY, {"rate_ppm": 6_000})
    assert last(version, sale(1, T0, amount=500, fee=4))["fees_over_minor"] == 0
    assert last(version, sale(1, T0, amount=500, fee=5))["fees_over_minor"] == 2


def test_a_payment_goes_by_the_version_of_its_own_time() -> None:
    versions = [contract(T0 - DAY, {"rate_ppm": 6_000}), contract(T0 + DAY, {"rate_ppm": 9_000})]
    dues = [
        row["fee_due"]
        for row in rows_of(*versions, sale(1, T0, fee=0), sale(2, T0 + DAY, fee=0), sale(3, T0 + DAY - 1, fee=0))
        if row["row_kind"] == SALE
    ]
    assert dues == [600, 900, 600]


def test_without_a_price_that_fits_nothing_is_due() -> None:
    row = last(contract(T0 - DAY, {"scheme": "visa", "rate_ppm": 6_000}), sale(1, T0, fee=600))
    assert (row["fee_basis"], row["fee_due"], row["fee_over"], row["fee_charged"]) == (0, None, None, 600)
    assert (row["fees_charged_minor"], row["fees_priced_minor"]) == (600, 0)


@pytest.mark.parametrize(
    "changed", [{"response_code": "51"}, {"txn_type": "preauth"}, {"txn_type": "void"}, {"fee": None}]
)
def test_only_approved_sales_with_a_fee_are_payments(changed: Event) -> None:
    row = last(contract(T0 - DAY, {"rate_ppm": 6_000}), sale(1, T0, **{"fee": 900, **changed}))
    assert (row["fee_charged"], row["fee_basis"], row["fees_charged_minor"]) == (None, 0, 0)


def test_a_fee_paid_back_is_taken_off_and_judged_by_nothing() -> None:
    version = contract(T0 - DAY, {"rate_ppm": 6_000})
    refund = last(version, sale(1, T0, fee=600), sale(2, T0 + 1, txn_type="refund", fee=-600))
    assert (refund["fees_charged_minor"], refund["fees_due_minor"], refund["fee_basis"]) == (0, 600, 0)
    settled = last(version, settlement(1, T0 + DAY, fee=600), settlement(2, T0 + DAY, fee=-600))
    assert (settled["fees_charged_minor"], settled["fees_due_minor"], settled["fee_basis"]) == (0, 600, 0)
    assert (settled["fee_charged"], settled["fee_judged_1d"]) == (-600, 1)


def test_a_settlement_is_judged_by_the_contract_of_the_original_s_time() -> None:
    versions = [contract(T0 - 9 * DAY, {"rate_ppm": 6_000}), contract(T0, {"rate_ppm": 9_000})]
    row = last(*versions, settlement(1, T0 + MINUTE, original_time=T0 - MINUTE, fee=900))
    assert (row["row_kind"], row["fee_due"], row["fee_over"]) == (SETTLED, 600, 300)


def test_a_settlement_that_says_it_is_of_the_future_counts_on_the_day_it_was_received() -> None:
    version = contract(T0 - DAY, {"rate_ppm": 6_000})
    wrong = settlement(1, T0 + MINUTE, original_time=T0 + 20_000 * DAY, fee=900)
    row = last(version, wrong, settlement(2, T0 + 2 * MINUTE, original_time=T0 + MINUTE, fee=900))
    assert (row["fee_judged_1d"], row["fee_over_1d"]) == (2, 600)


def test_a_settlement_that_comes_again_counts_once() -> None:
    again = settlement(1, T0 + DAY, fee=900)
    row = last(contract(T0 - DAY, {"rate_ppm": 6_000}), again, again, settlement(2, T0 + DAY, fee=600))
    assert (row["fees_charged_minor"], row["fees_over_minor"]) == (1_500, 300)


def settled(seed: int) -> tuple[list[Event], list[Event]]:
    """Contracts, and settlements of some 60 days, a third of them overcharged, in the order of their payments."""
    rng = random.Random(seed)
    events = []
    for k in range(200):
        amount, kind = rng.randrange(10**6), rng.choice(("debit", "credit", None))
        rate, cap = (5_000, 2_000) if kind == "debit" else (6_000, -1)
        at_ms = T0 + int(60 * DAY * (k / 200))
        fee = fee_minor(amount, rate, cap, 0, 0) + rng.choice((0, 0, 1, 2, 50, -3, 400, -400))
        events.append(settlement(
            k, T0 + 70 * DAY, original_time=at_ms, amount=amount, card_kind=kind,
            fee=max(0, fee) if rng.random() < 0.9 else None,
        ))  # fmt: skip
    return [contract(T0 - DAY, *PRICES), sale(9_999, T0)], events


@pytest.mark.parametrize("seed", range(5))
def test_settlements_in_any_order_give_the_same_sums(seed: int) -> None:
    before, events = settled(seed)
    closing = settlement(500, T0 + 70 * DAY, original_time=T0 + 60 * DAY, fee=600)
    in_order = last(*before, *events, closing)
    shuffled = random.Random(seed).sample(events, len(events))
    row = last(*before, *shuffled, closing)
    assert {name: row[name] for name in (*SUMS, *DAYS)} == {name: in_order[name] for name in (*SUMS, *DAYS)}
    for name in ("fee_over_share_28d", "fee_small_28d", "fee_small_score"):
        assert row[name] == pytest.approx(in_order[name], rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_sums_of_settlements_are_those_of_a_slow_count(seed: int) -> None:
    before, events = settled(seed)
    paid = [each for each in events if each["fee"] is not None]
    row = rows_of(*before, *events, row_kind=SETTLED)[-1]
    dues = [due(each) for each in paid]
    offs = [each["fee"] - fee for each, fee in zip(paid, dues, strict=True)]
    rounding = [max(1, -(-each["amount"] * 2 // 10_000)) for each in paid]
    overs = [off if off > most else 0 for off, most in zip(offs, rounding, strict=True)]
    unders = [-off if -off > most else 0 for off, most in zip(offs, rounding, strict=True)]
    assert row["fees_charged_minor"] == row["fees_priced_minor"] == sum(each["fee"] for each in paid)
    assert row["fees_due_minor"] == sum(dues)
    assert (row["fees_over_minor"], row["fees_under_minor"]) == (sum(overs), sum(unders))
    days = [(each["original_time"] + 8 * 3_600_000) // DAY for each in paid]
    weeks = [over for over, day in zip(overs, days, strict=True) if max(days) // 7 - day // 7 < 4]
    final = last(*before, *events, settlement(500, T0 + 70 * DAY, original_time=paid[-1]["original_time"], fee=600))
    assert final["fee_over_4w"] == sum(weeks)
    weights = [Decimal(2) ** (Decimal(day - max(days)) / 28) for day in days]
    share = sum(w for w, over in zip(weights, overs, strict=True) if over) / (sum(weights) + 1)
    assert final["fee_over_share_28d"] == pytest.approx(float(share), rel=1e-9)
    small = [w * off for w, off, most in zip(weights, offs, rounding, strict=True) if 1 < abs(off) <= most]
    assert final["fee_small_28d"] == pytest.approx(float(sum(small)), rel=1e-9)
    score = sum(small) / sum(each * each for each in small).sqrt()  # type: ignore[union-attr]
    assert final["fee_small_score"] == pytest.approx(float(score), rel=1e-9)


def due(event: Event) -> int:
    ppm, cap = (5_000, 2_000) if event["card_kind"] == "debit" else (6_000, None)
    part = int((Decimal(event["amount"]) * ppm / 1_000_000).to_integral_value(ROUND_HALF_UP))
    return part if cap is None else min(part, cap)


def test_the_ledger_outlives_forgetting_and_the_day_s_sums_do_not() -> None:
    version = contract(T0 - DAY, {"rate_ppm": 6_000})
    row = last(version, sale(1, T0, fee=900), sale(2, T0 + 500 * DAY, fee=900))
    assert (row["fees_over_minor"], row["fee_over_4w"], row["fee_judged_1d"]) == (600, 300, 1)
    assert row["fee_over_share_28d"] == 1


def revised(*events: Event) -> list[Values]:
    return rows_of(*events, row_kind=REVISED)


def test_a_version_says_how_much_dearer_it_is_and_how_long_before_it_was_told() -> None:
    first, second = revised(
        contract(T0, {"rate_ppm": 6_000}),
        contract(T0 + 40 * DAY, {"rate_ppm": 9_000}, notice_from=T0 + 10 * DAY, received_at=T0 + 5 * DAY),
    )
    assert (first["contract_rise_ppm"], first["contract_notice_d"], first["contract_lead_d"]) == (None, None, 1)
    assert (second["contract_rise_ppm"], second["contract_notice_d"], second["contract_lead_d"]) == (500_000, 30, 35)
    assert [name for name, value in second.items() if value is not None] == [
        "row_kind", "contract_rise_ppm", "contract_notice_d", "contract_lead_d",
    ]  # fmt: skip


def test_a_back_dated_version_was_received_after_it_took_effect() -> None:
    row = revised(contract(T0, {"rate_ppm": 6_000}), contract(T0 + DAY, {"rate_ppm": 6_100}, received_at=T0 + 9 * DAY))[
        -1
    ]
    assert row["contract_lead_d"] == -8


@pytest.mark.parametrize(
    ("prices", "rise_ppm"),
    [
        ([{"rate_ppm": 5_000}], -166_667),
        ([{"rate_ppm": 6_000}], 0),
        ([{"rate_ppm": 6_000, "fixed": 100}], 1_666_666),
        ([{"rate_ppm": 6_000}, {"settlement_mode": "D0", "rate_ppm": 9_000}], 500_000),
        ([{"rate_ppm": 6_000}, {"amount_from": 5_000_000, "rate_ppm": 9_000}], 500_000),
    ],
)
def test_the_rise_is_the_most_that_any_payment_gets_dearer(prices: Sequence[Event], rise_ppm: int) -> None:
    row = revised(contract(T0, {"rate_ppm": 6_000}), contract(T0 + DAY, *prices))[-1]
    assert row["contract_rise_ppm"] == rise_ppm


def test_a_learned_tariff_is_told_with_its_rate_and_fixed_part() -> None:
    row = last(*month(lambda _d, event, _r: usual(event, fixed=100), median=2_000.0, days=20))
    assert (row["fee_basis"], row["fee_over"], row["fee_dearer_run"]) == (2, 0, 0)
    assert (row["fee_due_ppm"], row["fee_due_fixed"]) in {(6_000, 100), (3_800, 100), (5_000, 100), (0, 2_100)}


def test_nothing_is_learned_where_a_contract_prices_the_payment() -> None:
    version = contract(T0 - DAY, {"rate_ppm": 6_000})
    events = month(lambda _d, event, _r: fee_minor(event["amount"], 6_000, -1, 0, 0), days=20)
    later = sale(10**6, T0 + 20 * DAY, fee=600, merchant_id="m2")
    assert {row["fee_basis"] for row in rows_of(version, *events, later, row_kind=SALE)} == {0, 1}
