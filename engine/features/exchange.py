"""Amounts of one currency in another, and in the acquirer's, for rows of features: exact, by the rates in force."""

from __future__ import annotations

from typing import Any

from domain.currencies import digits_of
from engine.decoding.columns import MISSING, unpack


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


def scale_home(of: int, reference: Any) -> tuple[int, int]:
    """Minor units of the acquirer's currency for so many of the currency `of` (packed, 0 for none yet).

    Without a rate only the digits are made equal: a whole unit of it counts as one of the acquirer's.
    """
    codes = reference["exchange_currency"][: reference["exchanges"]].tolist()
    if of in codes:
        at = codes.index(of)
        return int(reference["exchange_up"][at]), int(reference["exchange_down"][at])
    if of == 0:
        return 1, 1
    more = digits_of(unpack(codes[0])) - digits_of(unpack(of))
    return 10 ** max(more, 0), 10 ** max(-more, 0)
