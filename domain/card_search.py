"""Card numbers in free text: every stretch of digits that is one, whatever stands before, behind and between.

The wide rule. Digits of one number may be parted by up to `MAX_GAP` characters that are neither letter nor digit. In
such a run every stretch that `card_ranges` knows (a range, a length of it, Luhn) is a card number, if it begins and
ends with a group of digits, or cuts a group that has four or more of its digits: so extra digits before or behind hide
nothing, and a time such as `12:45:45` is not cut into numbers. And whatever the range: 16 to 19 digits that pass Luhn,
in one group or in groups of four, unless they begin as times and counters do (0, 1, 20, 21).

`engine.decoding.card_scan` is the same, compiled, for text of any length.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from domain.card_ranges import LONGEST, SHORTEST, is_card_number, lengths_of, passes_luhn
from domain.card_text import MAX_GAP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MASK = "*" * 8
"""Every mask has so many stars or more, more than may part two digits: masked digits end a run."""
LEAST_CUT = 4
"""Least digits of a number in a group that it does not fill."""
ANY_RANGE = 16
"""Least digits of a number of any range."""
NO_CARD = ("0", "1", "20", "21")
"""First digits of times and counters, and of no number of any range."""

Spans = list[tuple[int, int]]
"""Stretches of a text, start and end, ascending."""
if TYPE_CHECKING:
    Find = Callable[[str], Spans]
    """Finds what is to be starred in plain text: all but the last four digits of each number, joined where they
    touch."""

_GAP = rf"\x00*(?:[^0-9A-Za-z\x00]\x00*){{0,{MAX_GAP}}}"
_RUN = re.compile(rf"[0-9](?:{_GAP}[0-9]){{{SHORTEST - 1},}}")
_DIGIT = re.compile(r"[0-9]")
_PARTED = re.compile(r"[^0-9\x00]")


class _Run:
    """Digits of which each is near enough to the next to be of one number.

    Attributes:
        digits: they.
        at: where each stands in the text.
        begins: by digit, whether a group begins with it; ends: likewise.
        group: by digit, the number of its group.
    """

    def __init__(self, text: str, start: int, end: int) -> None:
        self.at = [found.start() for found in _DIGIT.finditer(text, start, end)]
        self.digits = "".join(text[i] for i in self.at)
        n = len(self.at)
        apart = [bool(_PARTED.search(text, i + 1, j)) for i, j in zip(self.at, self.at[1:], strict=False)]
        self.begins, self.ends = [True, *apart], [*apart, True]
        self.group = [0] * n
        for k in range(1, n):
            self.group[k] = self.group[k - 1] + self.begins[k]
        # A digit that touches a mask is the rest of a group, not its beginning or end.
        self.begins[0] = text[max(start - len(MASK), 0) : start] != MASK
        self.ends[-1] = text[end : end + len(MASK)] != MASK

    def numbers(self) -> Iterator[tuple[int, int]]:
        """Every number: its first digit, and the one after its last."""
        n = len(self.digits)
        for i in range(n - SHORTEST + 1):
            known = lengths_of(self.digits[i:]) if self._may_begin(i) else 0
            fours = self.begins[i] and not self.digits.startswith(NO_CARD, i) and self._in_fours(i)
            if not known and not fours:
                continue
            for end in range(i + SHORTEST, min(i + LONGEST, n) + 1):
                is_known = known >> end - i - SHORTEST & 1 and self._may_end(end - 1)
                of_any = fours and end - i >= ANY_RANGE and self.ends[end - 1]
                if (is_known or of_any) and passes_luhn(self.digits[i:end]):
                    yield i, end

    def _may_begin(self, i: int) -> bool:
        return self.begins[i] or self.group[i] == self.group[i + LEAST_CUT - 1]

    def _may_end(self, i: int) -> bool:
        return self.ends[i] or self.group[i] == self.group[i - LEAST_CUT + 1]

    def _in_fours(self, i: int) -> bool:
        """Whether digit `i` begins a group of 16 or more, or three groups of four and another."""
        if i + ANY_RANGE > len(self.digits):
            return False
        if self.group[i + ANY_RANGE - 1] == self.group[i]:
            return True
        return self.group[i + 12] - self.group[i] == 3 and all(self.begins[i + k] for k in (4, 8, 12))


def find_numbers(text: str) -> list[tuple[int, int, int]]:
    """Every card number in plain text (`card_text.plain`), ascending; they may overlap.

    Returns:
        where each begins, where its last four digits do, and where it ends.

    >>> find_numbers("96222-0212-3456-7894")
    [(1, 16, 20)]
    """
    found = []
    for each in _RUN.finditer(text):
        run = _Run(text, *each.span())
        found += [(run.at[start], run.at[end - 4], run.at[end - 1] + 1) for start, end in run.numbers()]
    return found


def find_stars(text: str) -> Spans:
    """What is to be starred in plain text; a `Find`.

    >>> find_stars("card 6222-0212-3456-7894")
    [(5, 20)]
    """
    found: Spans = []
    for start, end, _ in sorted(find_numbers(text)):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def begins_with_number(digits: str) -> bool:
    """Whether the first digits of some are a card number.

    >>> begins_with_number("622202123456789499")
    True
    """
    return any(is_card_number(digits[:n]) for n in range(SHORTEST, min(LONGEST, len(digits)) + 1))


def ends_with_number(digits: str) -> bool:
    """Whether the last digits of some are a card number.

    >>> ends_with_number("57136222021234567894")
    True
    """
    return any(is_card_number(digits[-n:]) for n in range(SHORTEST, min(LONGEST, len(digits)) + 1))
