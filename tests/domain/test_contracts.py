from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contracts import NO_CAP, Price, fee_minor, price_of
from domain.events import CARD_KINDS, MAX_AMOUNT_MINOR, MAX_RATE_PPM

DOC = (Path(__file__).parents[2] / "docs" / "fees.md").read_text(encoding="utf-8")
AMOUNTS = st.one_of(st.integers(0, 1_000_000), st.integers(0, MAX_AMOUNT_MINOR))
LIMITS = st.one_of(st.just(NO_CAP), st.integers(0, 10_000), AMOUNTS)


def by_decimal(amount: int, rate: int, cap: int, minimum: int, fixed: int) -> int:
    part = (Decimal(amount) * rate / 1_000_000).quantize(Decimal(1), ROUND_HALF_UP)
    if cap >= 0:
        part = min(part, Decimal(cap))
    return int(max(part, Decimal(minimum))) + fixed


@given(AMOUNTS, st.integers(0, MAX_RATE_PPM), LIMITS, st.integers(0, 10_000), AMOUNTS)
def test_a_fee_is_what_decimal_arithmetic_says(amount: int, rate: int, cap: int, minimum: int, fixed: int) -> None:
    assert fee_minor(amount, rate, cap, minimum, fixed) == by_decimal(amount, rate, cap, minimum, fixed)


def worked() -> list[tuple[str, ...]]:
    """(case, amount, rate, cap, minimum, fixed, fee) of the page's table, in yuan and per cent."""
    figure = r" \| ([\d.]+)"
    rows = re.findall(rf"^\| ([^|]+) \| ([\d,.]+){figure} % \| (none|[\d.]+){figure * 3} \|$", DOC, re.MULTILINE)
    assert len(rows) == 9
    return rows


@pytest.mark.parametrize("row", worked(), ids=lambda row: row[0])
def test_a_worked_example_of_the_page_comes_out(row: tuple[str, ...]) -> None:
    amount, cap, minimum, fixed, fee = (
        NO_CAP if text == "none" else int(Decimal(text.replace(",", "")) * 100)
        for text in (row[1], row[3], row[4], row[5], row[6])
    )
    price = Price(rate_ppm=int(Decimal(row[2]) * 10_000), cap_minor=cap, minimum_minor=minimum, fixed_minor=fixed)
    assert price.fee_minor(amount) == fee


def test_tiers_change_at_their_amount() -> None:
    prices = [Price(rate_ppm=3_800), Price(amount_from=100_001, rate_ppm=6_000)]
    due = {
        amount: price.fee_minor(amount) if (price := price_of(prices, amount)) else None
        for amount in (0, 100_000, 100_001)
    }
    assert due == {0: 0, 100_000: 380, 100_001: 600}


def test_the_price_with_most_keys_applies_then_the_highest_tier_then_the_first() -> None:
    prices = [
        Price(rate_ppm=1), Price(rate_ppm=2, scheme="unionpay"),
        Price(rate_ppm=3, scheme="unionpay", card_kind="debit"),
        Price(rate_ppm=4, amount_from=1_000), Price(rate_ppm=5, card_kind="credit"),
        Price(rate_ppm=6, scheme="unionpay"),
    ]  # fmt: skip

    def rate(amount: int, *paid: str) -> int:
        price = price_of(prices, amount, *paid)
        assert price is not None
        return price.rate_ppm

    assert rate(10, "visa", "debit") == 1
    assert rate(1_000, "visa", "debit") == 4
    assert rate(1_000, "unionpay", "debit") == 3
    assert rate(1_000, "unionpay", "credit") == 2
    assert rate(10, "visa", "credit") == 5


def test_a_tier_by_the_month_is_reached_by_what_the_month_came_to_before() -> None:
    prices = [Price(rate_ppm=3), Price(rate_ppm=2, month_from=500), Price(rate_ppm=1, month_from=900)]
    rates = {month: price_of(prices, 10, month_minor=month) for month in (0, 499, 500, 900)}
    assert [each.rate_ppm if each else None for each in rates.values()] == [3, 3, 2, 1]
    by_amount = [*prices, Price(rate_ppm=4, amount_from=10)]
    assert price_of(by_amount, 10, month_minor=900) == by_amount[3]


def test_a_class_chooses_among_three_lawful_rates() -> None:
    classes = {"": 4, "standard": 6_000, "concession": 3_800, "exempt": 0}
    prices = [Price(rate_ppm=rate, fee_class=name) for name, rate in classes.items()]
    for name, rate in classes.items():
        price = price_of(prices, 10, fee_class=name)
        assert price is not None
        assert price.rate_ppm == rate
    with pytest.raises(ValueError, match="fee_class must be one of standard, concession, exempt, got 'x'"):
        Price(rate_ppm=1, fee_class="x")


def test_a_payment_without_a_key_s_value_fits_no_price_that_has_it() -> None:
    assert price_of([Price(rate_ppm=1, settlement_mode="D0")], 100) is None
    assert price_of([], 100) is None


@given(st.lists(st.builds(
    Price, rate_ppm=st.integers(0, 30_000), scheme=st.sampled_from(("", "unionpay")),
    card_kind=st.sampled_from(("", *CARD_KINDS)), settlement_mode=st.sampled_from(("", "D0")),
    amount_from=st.sampled_from((0, 500)),
), max_size=8), st.integers(0, 1_000), st.sampled_from(("", *CARD_KINDS)))  # fmt: skip
def test_a_price_that_applies_fits_and_no_fitting_one_has_more_keys(
    prices: list[Price], amount: int, kind: str
) -> None:
    found = price_of(prices, amount, "unionpay", kind, "", "D0")
    paid = ("unionpay", kind, "", "D0", "")
    fitting = [
        each for each in prices
        if each.amount_from <= amount and all(k in {"", p} for k, p in zip(each.keys, paid, strict=True))
    ]  # fmt: skip
    assert (found is None) == (not fitting)
    if found is not None:
        assert found in fitting
        assert all(sum(map(bool, each.keys)) <= sum(map(bool, found.keys)) for each in fitting)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rate_ppm": -1}, "rate_ppm must be 0 to 1000000, got -1"),
        (
            {"rate_ppm": 1, "card_kind": "gold"},
            "card_kind must be one of debit, credit, semi_credit, prepaid, got 'gold'",
        ),
        ({"rate_ppm": 1, "cap_minor": -2}, "cap_minor must be -1 to 999999999999, got -2"),
        ({"rate_ppm": 1, "minimum_minor": -1}, "minimum_minor must be 0 to 999999999999, got -1"),
    ],
)
def test_a_figure_out_of_range_is_refused_by_name(given: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Price(**given)  # type: ignore[arg-type]
