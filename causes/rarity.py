"""How rare it is that so many of a key's merchants are found without a cause."""

from __future__ import annotations

from math import lgamma, log, log1p, log10

BUDGET = 0.05
"""Causes a year, over all keys and groups, that may be told without there being one."""
_YEAR_D = 365


def decades(count: int, merchants: int, expected: float) -> float:
    """Decades of the chance that at least `count` of `merchants` are found: 3 is once in 1,000.

    A binomial tail. Where the merchants' chances differ and sum to `expected`, the true tail beyond the mean is
    lighter (Hoeffding 1956), so this understates.

    Args:
        count: merchants found, at most `merchants`.
        merchants: how many there are, at least 1.
        expected: how many would be found without a cause, above 0.

    >>> round(decades(12, 100, 1.0), 2), decades(1, 100, 5.0), decades(0, 100, 0.1)
    (9.33, 0.0, 0.0)
    """
    if count <= expected or expected >= merchants:
        return 0.0
    chance = expected / merchants
    first = lgamma(merchants + 1) - lgamma(count + 1) - lgamma(merchants - count + 1)
    first += count * log(chance) + (merchants - count) * log1p(-chance)
    total = term = 1.0
    for k in range(count, merchants):
        term *= (merchants - k) / (k + 1) * chance / (1.0 - chance)
        total += term
        if term < 1e-12 * total:
            break
    return max(0.0, -(first + log(total)) / log(10))


def least_decades(tests: int) -> float:
    """From how many decades on a cause is told, where so many tests are made on a day.

    >>> round(least_decades(5_000), 2)
    7.56
    """
    return log10(max(1, tests) * _YEAR_D / BUDGET)
