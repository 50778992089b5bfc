"""The wide rule of `domain.card_search`, compiled: it costs some nanoseconds a character, whatever the text.

`tests/engine/test_card_scan.py` holds it to the one in Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from domain.card_ranges import LONGEST, SHORTEST, lengths_by_prefix
from domain.card_search import ANY_RANGE, LEAST_CUT, MASK
from domain.card_text import MAX_GAP
from engine.borrowing import borrowed
from engine.decoding.hashing import trailing_zeros
from engine.jit import i64, njit_cached, njit_inline, njit_inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.card_search import Spans

_LENGTHS = np.frombuffer(lengths_by_prefix(), np.uint8)
_STARS = len(MASK)
_0, _1 = np.uint64(0), np.uint64(1)
_FROM_16 = sum(1 << n - SHORTEST for n in range(ANY_RANGE, LONGEST + 1))


def find_stars(text: str) -> Spans:
    """`domain.card_search.find_stars`.

    >>> find_stars("card 6222-0212-3456-7894")
    [(5, 20)]
    """
    n = len(text)
    if n < SHORTEST:
        return []
    codes = np.frombuffer(text.encode("ascii"), np.uint8)
    spans = np.empty((n // SHORTEST + 1, 2), np.int32)
    count = _find_stars(codes, _LENGTHS, spans)
    return [(start, end) for start, end in spans[:count].tolist()] if count else []


@njit_cached
def _find_stars(codes: NDArray[np.uint8], lengths: NDArray[np.uint8], spans: NDArray[np.int32]) -> int:
    """Fill `spans` with what is to be starred, start and end; how many there are."""
    digits = 0
    for k in range(len(codes)):
        digits += 48 <= codes[k] <= 57
    if digits < SHORTEST:
        return 0
    at = np.empty(digits, np.int32)
    begins, ends = np.ones(digits, np.uint8), np.ones(digits, np.uint8)
    group, run = np.zeros(digits, np.int32), np.zeros(digits, np.int32)
    _group(codes, at, begins, ends, group, run)
    return _fill(codes, at, lengths, begins, ends, group, run, _luhn_sums(codes, at), spans)


@njit_inner
def _fill(
    codes: NDArray[np.uint8], at: NDArray[np.int32], lengths: NDArray[np.uint8], begins: NDArray[np.uint8],
    ends: NDArray[np.uint8], group: NDArray[np.int32], run: NDArray[np.int32], sums: NDArray[np.uint8],
    spans: NDArray[np.int32],
) -> int:  # fmt: skip
    """Fill `spans` by what is known of each digit; how many there are."""
    lengths, begins, ends = borrowed(lengths), borrowed(begins), borrowed(ends)
    group, run, sums = borrowed(group), borrowed(run), borrowed(sums)
    digits, count = len(at), 0
    prefix, first = i64(0), i64(0)  # of six digits; a division would cost more than all the rest
    for i in range(5):
        prefix = prefix * 10 + i64(codes[at[i]]) - i64(48)
    for i in range(digits - SHORTEST + 1):
        prefix = (prefix - first * 100_000) * 10 + i64(codes[at[i + 5]]) - i64(48)
        first = i64(codes[at[i]]) - i64(48)
        if run[i + SHORTEST - 1] != run[i]:
            continue
        end = _number_at(i, prefix, lengths, begins, ends, group, run, sums)
        if end == 0:
            continue
        start, stop = at[i], at[end - 4]
        if count and start <= spans[count - 1, 1]:
            spans[count - 1, 1] = max(stop, spans[count - 1, 1])
        else:
            spans[count, 0], spans[count, 1] = start, stop
            count += 1
    return count


@njit_cached
def _group(
    codes: NDArray[np.uint8], at: NDArray[np.int32], begins: NDArray[np.uint8], ends: NDArray[np.uint8],
    group: NDArray[np.int32], run: NDArray[np.int32],
) -> None:  # fmt: skip
    """Where each digit stands, whether a group begins and ends with it, and the numbers of its group and run."""
    i, gap, letter, stars, masked = 0, 0, False, 0, 0  # `masked`: how many digits there were before the last mask
    for k in range(len(codes)):
        c = codes[k]
        if 48 <= c <= 57:
            at[i] = k
            if i > 0:
                parted = letter or gap > MAX_GAP
                run[i] = run[i - 1] + parted
                apart = parted or gap > 0
                group[i] = group[i - 1] + apart
                begins[i] = apart
                ends[i - 1] = apart and masked != i
            if stars >= _STARS:
                begins[i] = 0
            i, gap, letter, stars = i + 1, 0, False, 0
            continue
        stars = stars + 1 if c == 42 else 0
        gap += c != 0
        letter |= 97 <= (c | 32) <= 122
        if stars == _STARS and i > 0 and at[i - 1] == k - _STARS:
            masked = i
            ends[i - 1] = 0


@njit_inline
def _luhn_sums(codes: NDArray[np.uint8], at: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Sums modulo 10 of the digits before each place, those at even places doubled, and those at odd ones.

    A stretch passes Luhn where the sums at its ends agree, of the parity of its end.
    """
    sums = np.zeros((len(at) + 1, 2), np.uint8)
    even, odd = i64(0), i64(0)
    for i in range(len(at)):
        d = i64(codes[at[i]]) - i64(48)
        doubled = d * 2 - 9 * (d > 4)
        even += d if i & 1 else doubled
        odd += doubled if i & 1 else d
        even -= 10 * (even > 9)
        odd -= 10 * (odd > 9)
        sums[i + 1, 0], sums[i + 1, 1] = even, odd
    return sums


@njit_inline
def _number_at(
    i: int, prefix: int, lengths: NDArray[np.uint8], begins: NDArray[np.uint8],
    ends: NDArray[np.uint8], group: NDArray[np.int32], run: NDArray[np.int32], sums: NDArray[np.uint8],
) -> int:  # fmt: skip
    """The digit after the longest number that begins with digit `i`, of these first six; 0 where none does."""
    digits = len(group)
    fours = begins[i] != 0 and prefix >= 220_000 and i + ANY_RANGE <= digits
    if fours and group[i + ANY_RANGE - 1] != group[i]:
        fours = begins[i + 4] != 0 and begins[i + 8] != 0 and begins[i + 12] != 0 and group[i + 12] - group[i] == 3
    known = int(lengths[prefix]) if begins[i] or group[i + LEAST_CUT - 1] == group[i] else 0
    left = np.uint64(known | (_FROM_16 if fours else 0))
    longest = 0
    while left != _0:
        bit = left & (~left + _1)
        left ^= bit
        end = i + SHORTEST + trailing_zeros(bit)
        if end > digits or sums[end, end & 1] != sums[i, end & 1] or run[end - 1] != run[i]:
            continue
        if ends[end - 1] or (known & i64(bit) and group[end - 1] == group[end - LEAST_CUT]):
            longest = end
    return longest
