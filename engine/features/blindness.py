"""Families of features that started anew on merchants that were known already.

A family that is new, or of another `VERSION` than the one in the state, starts with nothing seen. To its detectors
every known merchant would look like a new one. So its columns are null for such a merchant until the merchant's clock
has gone on by `BASE_D` days, the family's own base. Columns about a single event stay (`EVENT_WINDOWS`): what of them
needs history is null by the family's own rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from domain.timestamps import DAY_MS
from engine.decoding.columns import MISSING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from types import ModuleType

    from numpy.typing import NDArray

    from engine.features.families import Column
    from engine.features.state import Into

EVENT_WINDOWS = frozenset({"txn", "payment", "revision", "report"})
"""Windows of columns that describe a single event."""


def name_of(family: ModuleType) -> str:
    """A family's name: that of its file."""
    return family.__name__.rpartition(".")[2]


def version_of(family: ModuleType) -> int:
    """A family's version, 1 unless its file says otherwise."""
    version: int = getattr(family, "VERSION", 1)
    return version


class Blind(NamedTuple):
    """A family that is blind to some merchants.

    Attributes:
        family: its name.
        base_d: days of each merchant's clock that its base takes.
        merchants: how many merchants it is blind to.
        until_ms: the latest merchant's clock up to which it is blind, UTC milliseconds.
    """

    family: str
    base_d: int
    merchants: int
    until_ms: int


class Blindness:
    """Which columns are null for which merchants of a partition, and until when.

    Args:
        families: the families in force.
        columns: every column, in order.
    """

    def __init__(self, families: tuple[ModuleType, ...], columns: tuple[Column, ...]) -> None:
        place = {each.name: k for k, each in enumerate(columns)}
        self._base_d: dict[str, int] = {name_of(each): each.BASE_D for each in families}
        self._columns = {
            name_of(family): np.array(
                [
                    place[each.name]
                    for other in families
                    if other is family or name_of(family) in getattr(other, "RESTS_ON", ())
                    for each in other.COLUMNS
                    if each.window not in EVENT_WINDOWS
                ],
                np.int64,
            )
            for family in families
        }
        self._until_ms: dict[str, NDArray[np.int64]] = {}

    def go_on(
        self, starts: Sequence[tuple[str, int]], start_ms: NDArray[np.int64], clock_ms: NDArray[np.int64]
    ) -> None:
        """Be blind as the starts of families say.

        Args:
            starts: the families that started anew and on how many merchants each, in the order they did.
            start_ms: the merchants' clocks at these starts, one start after the other; `MISSING` of a merchant that had
                no transaction by then.
            clock_ms: (merchants,) the clocks of all merchants now; `MISSING` of one without a transaction.
        """
        at = 0
        self._until_ms = {}
        for family, merchants in starts:
            since_ms, at = start_ms[at : at + merchants], at + merchants
            base_d = self._base_d.get(family, 0)
            until_ms = np.where(since_ms == MISSING, MISSING, since_ms + base_d * DAY_MS)
            self._until_ms.pop(family, None)
            if (clock_ms[:merchants] < until_ms).any():
                self._until_ms[family] = until_ms

    def hide(self, into: Into, count: int) -> None:
        """Make null what is blind among the first `count` rows of features."""
        for family, until_ms in self._until_ms.items():
            row = into.row_of[:count]
            known = np.flatnonzero(row < len(until_ms))
            at = known[into.clock_ms[known] < until_ms[row[known]]]
            if len(at):
                columns = self._columns[family]
                into.table[np.ix_(columns, at)] = into.nulls[columns][:, None]

    def hidden(self, merchant_row: int, clock_ms: int) -> Mapping[str, int]:
        """By family that is blind to a merchant, the merchant's clock up to which it is, UTC milliseconds."""
        return {
            family: int(until_ms[merchant_row])
            for family, until_ms in self._until_ms.items()
            if merchant_row < len(until_ms) and clock_ms < until_ms[merchant_row]
        }

    def columns_of(self, families: Collection[str]) -> NDArray[np.int64]:
        """The places of the columns that are null where these families are blind."""
        return np.concatenate([np.empty(0, np.int64), *(self._columns[each] for each in families)])

    def told(self, clock_ms: NDArray[Any]) -> list[Blind]:
        """The families that are blind to merchants whose clocks are these, (merchants,)."""
        found = []
        for family, until_ms in self._until_ms.items():
            blind = clock_ms[: len(until_ms)] < until_ms
            latest = int(until_ms[blind].max())
            found.append(Blind(family, self._base_d[family], int(np.count_nonzero(blind)), latest))
        return found
