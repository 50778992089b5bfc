from __future__ import annotations

from fractions import Fraction
from math import comb, log10

import pytest

from causes.rarity import BUDGET, decades, least_decades


def tail(count: int, merchants: int, chance: Fraction) -> Fraction:
    """The chance of at least so many, exactly."""
    terms = (comb(merchants, k) * chance**k * (1 - chance) ** (merchants - k) for k in range(count, merchants + 1))
    return sum(terms, Fraction(0))


@pytest.mark.parametrize(
    ("count", "merchants", "chance"),
    [(3, 3, Fraction(1, 1000)), (12, 96, Fraction(1, 100)), (30, 400, Fraction(1, 50)), (7, 500, Fraction(1, 5000))],
)
def test_decades_are_those_of_the_exact_binomial_tail(count: int, merchants: int, chance: Fraction) -> None:
    exact = -log10(float(tail(count, merchants, chance)))
    assert decades(count, merchants, float(merchants * chance)) == pytest.approx(exact, rel=1e-9)


def test_what_is_expected_or_less_is_not_rare() -> None:
    assert decades(5, 100, 5.0) == decades(0, 100, 0.5) == decades(100, 100, 100.0) == 0.0


def test_all_tests_of_a_year_together_tell_a_false_cause_no_oftener_than_the_budget_says() -> None:
    assert 10 ** -least_decades(10_000) * 10_000 * 365 == pytest.approx(BUDGET)
