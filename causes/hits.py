"""Which keys have more onsets on a day, or within a week, than chance brings."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from causes.counting import Span, base_of, value_of
from causes.onsets import FALL, GROUPS
from causes.population import EVERYONE, KINDS
from causes.rarity import decades, least_decades

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from causes.counting import DayCount
    from causes.population import Key, Place, Population

LEAST_MEMBERS = 3
"""Owners that a cause has at least."""
LEAST_ELSEWHERE = 20
"""Merchants that there must be beside a key's, to compare with."""
MOST_SHARE = 0.5
"""Share of all merchants that a cause's key has at most: what most have is what is usual."""
LEAST_RATIO = 2.0
"""How many times the expected members a cause has at least: agents differ somewhat without any cause."""
WINDOWS_D = (1, 7)
"""Local days over which onsets are counted: what is done at once, and what adds up."""
BEFORE_D = 28
"""Days before a window that say what a key's merchants, and all others, usually bring."""
FEASTS_D = 3
"""Of these days, as many as had most are left out: a holiday or a storm among them is not what is usual."""
REACH_D = max(WINDOWS_D) - 1 + BEFORE_D
"""How many days before a day are looked at."""
_STRATA = ("city", "trade", "channel", "age")
_STRATUM_OF_KIND = {"city": "city", "channel": "channel", "mcc_pair": "trade"}
_ODD = 2.0
"""From how many decades on the others of a stratum are taken to differ from all others."""
_LEAST_OUTSIDE = 0.2
"""Share of a stratum that must be outside the key for the stratum to be compared with."""
_VOLUME, _LAWFUL = frozenset({FALL, "volume"}), frozenset({"city", "trade", "age"})
"""Where a whole stratum is the key's, its volume may have moved by what moves a city, a trade or new shops."""


class Rates(NamedTuple):
    """What a key's members are compared with.

    Attributes:
        merchants: how many have the key.
        everyone: how many merchants there are.
        elsewhere: of those without the key, how many have an onset in the window.
        expected: most members that were to be expected, by whatever they are compared with.
    """

    merchants: int
    everyone: int
    elsewhere: int
    expected: float

    def decades(self, owners: int) -> float:
        """How rare so many members are; 0 where they are too few, or less than twice those expected.

        The milder of two: how rare they are where so many are expected, and, as those elsewhere may be few by chance,
        how rare it is that so large a part of all falls on the key's part of everyone.
        """
        if owners < LEAST_MEMBERS or owners < LEAST_RATIO * self.expected:
            return 0.0
        found = owners + self.elsewhere
        split = decades(owners, found, found * self.merchants / self.everyone)
        return min(split, decades(owners, self.merchants, self.expected))


class Hit(NamedTuple):
    """A key that has more onsets of a group on a day than chance brings.

    Attributes:
        key: what the merchants share.
        group: of `causes.onsets.GROUPS`.
        day: the last day of the window, an ordinal.
        window_d: days of the window.
        members: the merchants.
        rates: what they are compared with.
        decades: how rare they are.
        owners: by member, its owner.
    """

    key: Key
    group: str
    day: int
    window_d: int
    members: frozenset[str]
    rates: Rates
    decades: float
    owners: Mapping[str, str]

    def without(self, others: set[str], least: float) -> Hit | None:
        """The same without some members; None where it is nothing rare then."""
        left = self.members - others
        rare = self.rates.decades(len({self.owners[each] for each in left}))
        return self._replace(members=left, decades=rare) if rare >= least else None


class DayHits(NamedTuple):
    """The hits of a day, of each key and group the window that is rarest, and how rare one must be."""

    least: float
    hits: list[Hit]


def find_hits(day: int, counted: Mapping[int, Mapping[str, DayCount]], population: Population) -> DayHits:
    """The hits of a day.

    Args:
        day: an ordinal.
        counted: by day and group, the onsets; those of `REACH_D` days before are looked at, too.
        population: the merchants.
    """
    groups = len(set(GROUPS.values()))
    tests = population.count_keys(day, LEAST_MEMBERS) * groups * len(WINDOWS_D)
    least = least_decades(tests)
    found = []
    for group, today in sorted(counted.get(day, {}).items()):
        keys = sorted(each for each in today.by_key if each[0] in KINDS)
        searches = [_Search(day, group, window_d, counted, population) for window_d in WINDOWS_D]
        for key in keys:
            hits = [hit for each in searches if (hit := each.hit(key, least)) is not None]
            if hits:
                found.append(max(hits, key=lambda hit: hit.decades))
    return DayHits(least, found)


class _Search:
    """A group's onsets over a window that ends on a day."""

    def __init__(
        self, day: int, group: str, window_d: int, counted: Mapping[int, Mapping[str, DayCount]], population: Population
    ) -> None:
        def span(first: int, last: int) -> Span:
            there = (counted.get(each, {}).get(group) for each in range(first, last + 1))
            return Span([each for each in there if each is not None])

        self._day, self._group, self._window_d, self._population = day, group, window_d, population
        self._now = span(day - window_d + 1, day)
        self._before = span(day - window_d - BEFORE_D + 1, day - window_d)
        self._everyone = population.size(EVERYONE, day)

    def hit(self, key: Key, least: float) -> Hit | None:
        """The hit of a key; None where it has no more than chance brings."""
        members = self._now.of(key)
        owners = self._now.owners(members)
        base = base_of(key)
        merchants = self._population.size(base, self._day)
        if owners < LEAST_MEMBERS or merchants < owners:
            return None
        if merchants > MOST_SHARE * self._everyone or self._everyone - merchants < LEAST_ELSEWHERE:
            return None
        elsewhere = len(self._now.places) - len(self._now.of(base))
        rate = (elsewhere + 1) / (self._everyone - merchants + 1)
        rates = Rates(merchants, self._everyone, elsewhere, max(self._usual(base, merchants), merchants * rate))
        if rates.decades(owners) < least:
            return None
        places = [*self._population.among(base, self._day)]
        names = [each for each in _STRATA if each != _STRATUM_OF_KIND.get(key[0])]
        expected = max(rates.expected, *(self._in_strata(base, places, name, rate) for name in names))
        rates = rates._replace(expected=expected)
        rare = rates.decades(owners)
        if rare < least:
            return None
        of_members = {each: self._now.places[each].owner for each in members}
        return Hit(key, self._group, self._day, self._window_d, frozenset(members), rates, rare, of_members)

    def _usual(self, base: Key, merchants: int) -> float:
        """Members to be expected by the days before: of the key itself, or of all others if that is more."""
        own, everyone = self._before.by_day(base), self._before.by_day(EVERYONE)
        others = [of_all - of_key for of_all, of_key in zip(everyone, own, strict=True)]
        a_day = max(_usual_day(own), _usual_day(others) * merchants / (self._everyone - merchants))
        return a_day * self._window_d

    def _in_strata(self, base: Key, places: Sequence[Place], name: str, rate: float) -> float:
        """Members to be expected if merchants at `places` are as others of their city, trade, channel or age."""
        day = self._day
        own = self._now.of(base)
        outside, everywhere = self._now.strata(name, own, day), self._now.strata(name, set(), day)
        expected = 0.0
        for value, count in Counter(value_of(each, name, day) for each in places).items():
            size = self._population.size((name, value), day) if value else 0
            left = size - count
            if left >= max(LEAST_ELSEWHERE, _LEAST_OUTSIDE * size):
                odd = decades(outside[value], left, left * rate) >= _ODD
                there = outside[value] / left if odd else rate
            elif value and name in _LAWFUL and self._group in _VOLUME:
                there = everywhere[value] / size  # a storm or a holiday cannot be told from what the key did
            else:
                there = rate
            expected += count * there
        return expected


def _usual_day(counts: Sequence[int]) -> float:
    """The mean of the days before, but for those with most; days that are not there had none."""
    return sum(sorted(counts, reverse=True)[FEASTS_D:]) / (BEFORE_D - FEASTS_D)
