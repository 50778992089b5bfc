"""The onsets of one local day, counted by what their merchants share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from causes.onsets import Onset
    from causes.population import Key, Place, Population


@dataclass(slots=True)
class DayCount:
    """The merchants of one group's onsets on a day.

    Attributes:
        places: by merchant, where it is.
        by_key: by key, the merchants that have it.
    """

    places: dict[str, Place] = field(default_factory=dict)
    by_key: dict[Key, set[str]] = field(default_factory=dict)

    def take(self, onset: Onset, place: Place) -> None:
        """Count an onset of a merchant at a place."""
        self.places[onset.merchant_id] = place
        for key in place.counted_under():
            self.by_key.setdefault(key, set()).add(onset.merchant_id)
        if onset.pair:
            self.by_key.setdefault(("mcc_pair", onset.pair), set()).add(onset.merchant_id)


def count_day(onsets: Iterable[Onset], population: Population) -> dict[str, DayCount]:
    """By group, the onsets of a day; those of merchants that are in no population are left out."""
    found: dict[str, DayCount] = {}
    for onset in onsets:
        place = population.place(onset.merchant_id, onset.day)
        if place is not None:
            found.setdefault(onset.group, DayCount()).take(onset, place)
    return found


class Span:
    """The merchants of one group's onsets over some days; each counts once.

    Args:
        days: of those days, what was counted.
    """

    def __init__(self, days: Sequence[DayCount]) -> None:
        self._days = days

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """By merchant, where it is; on the last of its days."""
        return {merchant_id: place for each in self._days for merchant_id, place in each.places.items()}

    def of(self, key: Key) -> set[str]:
        """The merchants that have a key on the day of their onset."""
        return {merchant_id for each in self._days for merchant_id in each.by_key.get(key, ())}

    def owners(self, merchants: Iterable[str]) -> int:
        """How many owners merchants of this span have: a chain counts once."""
        return len({self.places[each].owner for each in merchants})

    def strata(self, name: str, without: set[str], day: int) -> Counter[str]:
        """The merchants but for some, by their value of `city`, `trade`, `channel` or `age`."""
        return Counter(value_of(place, name, day) for each, place in self.places.items() if each not in without)

    def by_day(self, key: Key) -> list[int]:
        """How many merchants have a key, on each day that has any onset."""
        return [len(each.by_key.get(key, ())) for each in self._days]


def value_of(place: Place, name: str, day: int) -> str:
    """What a place has of `city`, `trade`, `channel` or `age`."""
    return place.age(day) if name == "age" else str(getattr(place, name))


def base_of(key: Key) -> Key:
    """The key of the population that a key's members are of: that of a pair is what it is registered as."""
    return ("registered", key[1].partition(">")[0]) if key[0] == "mcc_pair" else key
