"""Amounts of one currency in another, and in the acquirer's, for rows of features: exact, by the rates in force."""

from __future__ import annotations

from typing import Any

from engine.decoding.columns import MISSING


def convert(amount: int, of: int, to: int, reference: Any) -> int:
    """An amount of the currency `of` (packed) in the currency `to`, rounded once, halves away from zero.

    Args:
        amount: minor units.
        of: its currency.
        to: the currency wanted.
        reference: the record of `engine.features.event.REFERENCE` in force.

    Returns:
        minor units of `to`; `MISSING` where a rate is missing.
    """
    codes = reference["exchange_currency"][: reference["exchanges"]].tolist()
    if of not in codes or to not in codes:
        return MISSING
    one, other = codes.index(of), codes.index(to)
    up = int(reference["exchange_up"][one]) * int(reference["exchange_down"][other])
    down = int(reference["exchange_down"][one]) * int(reference["exchange_up"][other])
    sized = (2 * abs(amount) * up + down) // (2 * down)
    return -sized if amount < 0 else sized
