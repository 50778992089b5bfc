"""Which identifiers the scanner leaves to the slow way, for they may hold a card number.

It decides nothing: whatever `domain.masking.holds_in_field` refuses is left to it, and little else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from domain.card_ranges import LONGEST, SHORTEST, lengths_by_prefix
from domain.card_text import MAX_GAP
from engine.decoding.hashing import load64
from engine.jit import njit_inline, njit_inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BY_TWO = np.bitwise_or.reduce(np.frombuffer(lengths_by_prefix(), np.uint8).reshape(100, -1), axis=1)
"""By a number's first two digits, lengths that cards have: bit n for 12 + n digits."""
_FROM_16 = sum(1 << n - SHORTEST for n in range(16, LONGEST + 1))
_WORD = 64
_0, _1, _2, _4, _8, _56 = (np.uint64(n) for n in (0, 1, 2, 4, 8, 56))
_HIGH = np.uint64(0x8080808080808080)
_SMALL = np.uint64(0x2020202020202020)
_FROM_A = np.uint64(0x1F1F1F1F1F1F1F1F)
"""Added to a byte below 128 it sets the highest bit from `a` on."""
_BEHIND_Z = np.uint64(0x0505050505050505)
_FROM_PERCENT = np.uint64(0x5B5B5B5B5B5B5B5B)
_BEHIND_AND = np.uint64(0x5959595959595959)
"""Likewise from `%` on, and behind `&`: the two begin escapes, in which letters may stand between digits."""
_GATHER = np.uint64(0x0002040810204081)
"""Multiplied with the highest bits of eight bytes it has them in its uppermost byte, the first lowest."""


@njit_inline
def _is_hash(data: NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether an identifier is a hash: 32, 40 or 64 hexadecimal digits, one of a, b, c, e among them."""
    n = end - start
    if n != 32 and n != 40 and n != 64:
        return False
    letters = False
    for at in range(start, end):
        c = data[at] | 32
        letter = 97 <= c <= 102
        if not letter and not 48 <= data[at] <= 57:
            return False
        letters |= letter and c != 100 and c != 102
    return letters


@njit_inline
def _luhn(data: NDArray[np.uint8], start: int, end: int, digits: int) -> bool:
    """Whether the `digits` digits in [start, end) pass Luhn, whatever stands between them."""
    total, left = 0, digits
    for at in range(start, end):
        if 48 <= data[at] <= 57:
            d = int(data[at]) - 48
            if left % 2 == 0:
                d = d * 2 if d < 5 else d * 2 - 9
            total += d
            left -= 1
    return total % 10 == 0


@njit_inline
def has_digits_enough(data: NDArray[np.uint8], start: int, end: int, digits: int, is_wide: bool) -> bool:
    """Whether an identifier may have 12 digits without a letter between; of digits alone, as many as its first two
    allow.
    """
    if digits == end - start and not is_wide:
        while start < end and data[start] == 48:
            start += 1
        left = end - start
        return SHORTEST <= left <= LONGEST and bool(_lengths_at(data, start) >> (left - SHORTEST) & 1)
    return end - start > _WORD or _has_run(data, start, end)


@njit_inline
def _has_run(data: NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether 12 of up to 64 ASCII characters in a row are no letters, or one may begin an escape: tokens of digits and
    letters come with most records, so eight are looked at at once.
    """
    run, escapes = _0, _0
    for at in range(start, end, 8):
        word = load64(data, at) | _SMALL
        letters = (word + _FROM_A) & ~(word + _BEHIND_Z) & _HIGH
        marks = (word + _FROM_PERCENT) & ~(word + _BEHIND_AND) & _HIGH
        bits = ((~letters & _HIGH) * _GATHER) >> _56
        if end - at < 8:
            bits &= (_1 << np.uint64(end - at)) - _1
            marks &= (_1 << (_8 * np.uint64(end - at))) - _1
        escapes |= marks
        run |= bits << np.uint64(at - start)
    run &= run >> _1
    run &= run >> _2
    four = run
    run &= run >> _4
    return bool(run & (four >> _8)) or escapes != _0


@njit_inline
def _has_tag_5a(data: NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether 12 digits or more stand behind 5A."""
    digits = 0
    for at in range(end - 1, start, -1):
        if 48 <= data[at] <= 57:
            digits += 1
        else:
            # The first of them is that of the length, which may be 0A.
            if (data[at] | 32) == 97 and data[at - 1] == 53 and digits >= SHORTEST:
                return True
            if not ((data[at] | 32) == 97 and data[at - 1] == 48):
                digits = 0
    return False


@njit_inner
def may_hold_card(data: NDArray[np.uint8], start: int, end: int, is_wide: bool) -> bool:
    """Whether an identifier is to be looked at the slow way, for it may hold a card number; rarely where it does not.

    That is whole groups of digits that may be a card number together, and 12 digits or more before what may follow
    them in a track; under the wide rule any digits that may be one. A hash holds one
    behind a chip's tag 5A alone.
    """
    if _is_hash(data, start, end):
        return _has_tag_5a(data, start, end)
    for first in range(start, end - SHORTEST + 1):
        if not 48 <= data[first] <= 57 or (not is_wide and first > start and 48 < data[first - 1] <= 57):
            continue  # behind a zero it may be a number that is padded
        digits, at, gap = 0, first, 0
        in_tag_5a = first >= start + 2 and (data[first - 1] | 32) == 97 and data[first - 2] == 53
        while at < end and digits <= LONGEST + 1:
            c = data[at]
            if 48 <= c <= 57:
                digits, gap = digits + 1, 0
                last = is_wide or at + 1 == end or not 48 <= data[at + 1] <= 57
                if last and SHORTEST <= digits <= LONGEST:
                    lengths = _lengths_at(data, first) | (_FROM_16 if is_wide else 0)
                    if lengths >> (digits - SHORTEST) & 1 and _luhn(data, first, at + 1, digits):
                        return True
                if in_tag_5a and digits >= SHORTEST:
                    return True
            elif 65 <= (c & 0xDF) <= 90:
                break
            elif c == 37 or c == 38:  # it may begin an escape, such as %2D or &#45;
                return True
            else:
                if digits >= SHORTEST and _may_follow_number(data, at, end):
                    return True
                gap += 1
                if gap > MAX_GAP:
                    break
            at += 1
        while at < end and 48 <= data[at] <= 57:
            at += 1
        if at < end and digits >= SHORTEST and _may_follow_number(data, at, end):
            return True
    return False


@njit_inline
def _lengths_at(data: NDArray[np.uint8], at: int) -> int:
    """Lengths of cards that begin with the first two digits from `at` on, whatever stands between them."""
    second = at + 1
    while not 48 <= data[second] <= 57:
        second += 1
    return int(_BY_TWO[(int(data[at]) - 48) * 10 + int(data[second]) - 48])


@njit_inline
def _may_follow_number(data: NDArray[np.uint8], at: int, end: int) -> bool:
    """Whether what stands at `at` follows the number in a track: = or ^, D and digits, or F at the end of a word."""
    c = data[at]
    if c == 61 or c == 94:
        return True
    if (c | 32) == 100:
        for k in range(at + 1, min(at + 5, end)):
            if not 48 <= data[k] <= 57:
                return not 65 <= (data[k] & 0xDF) <= 90
        return at + 4 < end
    while at < end and (data[at] | 32) == 102:
        at += 1
    return (c | 32) == 102 and (at == end or not (48 <= data[at] <= 57 or 65 <= (data[at] & 0xDF) <= 90))
