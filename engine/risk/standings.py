"""Which published grades a partition's merchants have, and which of them have the highest published scores."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.risk.ledger import Account

_SPARE = 1_000


class Standings:
    """Kept up with every change of an account, so that nobody has to walk over all of them.

    Args:
        accounts: every account by row; `note` is called when one has changed.

    Attributes:
        grades: accounts by published grade.
    """

    def __init__(self, accounts: Mapping[int, Account]) -> None:
        self._accounts = accounts
        self.grades: Counter[str] = Counter()
        self._highest: list[tuple[int, int]] = []  # a heap of (-score, row); outdated pairs are left in it

    def note(self, row: int, before: Account | None, after: Account) -> None:
        """The account of a row is another one than before."""
        grade, score = after.published_grade, after.published_e2
        if before is None:
            self.grades[grade] += 1
        elif before.published_grade != grade:
            self.grades[before.published_grade] -= 1
            self.grades[grade] += 1
        if before is not None and before.published_e2 == score:
            return
        heapq.heappush(self._highest, (-score, row))
        if len(self._highest) > 2 * len(self._accounts) + _SPARE:
            self._highest = [(-each.published_e2, row) for row, each in self._accounts.items()]
            heapq.heapify(self._highest)

    def riskiest(self, most: int) -> list[int]:
        """Rows of the accounts with the highest published scores above 0, the highest first; at most so many."""
        found: dict[int, tuple[int, int]] = {}
        while self._highest and len(found) < most:
            pair = heapq.heappop(self._highest)
            if pair[0] == -self._accounts[pair[1]].published_e2:
                found[pair[1]] = pair
        for pair in found.values():
            heapq.heappush(self._highest, pair)
        return [row for row, (score, _) in found.items() if score < 0]
