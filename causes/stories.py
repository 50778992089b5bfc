"""Causes as stories: a key's hits in one group, none 14 days after the one before or later, are one cause."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from causes.hits import WINDOWS_D
from causes.population import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from causes.hits import DayHits, Hit
    from causes.population import Key

STORY_D = 14
"""Days after its last one at which a cause is over; as of alerts."""
_GOES_ON = 1.25
"""Times the decades that a key counts with whose cause is told already: of two that are about as rare, that one."""


@dataclass(slots=True)
class Story:
    """A cause so far.

    Attributes:
        key: what its merchants share.
        group: of `causes.onsets.GROUPS`.
        first_day: when it was found, an ordinal.
        last_day: when its last hit was.
        start_day: the first day of its first hit's window.
        rarest: the hit that was rarest.
        last: the last hit.
        members: by merchant, the days of its onsets that count.
        shared: by another key that it explains, the members of the cause that have it.
    """

    key: Key
    group: str
    first_day: int
    last_day: int
    start_day: int
    rarest: Hit
    last: Hit
    members: dict[str, set[int]] = field(default_factory=dict)
    shared: dict[Key, set[str]] = field(default_factory=dict)

    def take(self, hit: Hit) -> None:
        """Go on with a hit."""
        self.last_day, self.last = hit.day, hit
        if hit.decades > self.rarest.decades:
            self.rarest = hit
        days = range(hit.day - hit.window_d + 1, hit.day + 1)
        for each in hit.members:
            self.members.setdefault(each, set()).update(days)


class Stories:
    """The causes that hits are of.

    Of several keys whose hits have the same members, the rarest tells them and explains the others: those that are
    nothing rare without its members. What is told already goes on where nothing else is clearly rarer; but a city,
    whose weather may be over, has to be the rarest every day.

    Attributes:
        told: the causes, oldest first.
    """

    def __init__(self) -> None:
        self.told: list[Story] = []
        self._newest: dict[tuple[str, Key], Story] = {}

    def take(self, found: DayHits) -> None:
        """Go on with the hits of a day; days must come in their order."""
        for group in sorted({hit.group for hit in found.hits}):
            hits = [each for each in found.hits if each.group == group]
            for hit in sorted(hits, key=self._order):
                self._tell(hit, found.least)

    def _order(self, hit: Hit) -> tuple[float, int, str]:
        goes_on = self._open(hit) is not None and hit.key[0] != "city"
        rare = hit.decades * (_GOES_ON if goes_on else 1.0)
        return -round(rare, 6), KINDS.index(hit.key[0]), hit.key[1]

    def _open(self, hit: Hit) -> Story | None:
        """The cause that a hit goes on with; None where it begins another."""
        story = self._newest.get((hit.group, hit.key))
        return story if story is not None and hit.day - story.last_day < STORY_D else None

    def _tell(self, hit: Hit, least: float) -> None:
        others = [
            story
            for (group, key), story in self._newest.items()
            if group == hit.group and key != hit.key and hit.day - story.last_day < max(WINDOWS_D)
            and not hit.members.isdisjoint(story.members)
        ]  # fmt: skip
        claimed = {each for story in others for each in story.members}
        left = hit.without(claimed, least) if others else hit
        if left is None:
            by = max(others, key=lambda each: (len(hit.members & each.members.keys()), each.first_day, each.key))
            by.shared.setdefault(hit.key, set()).update(hit.members & by.members.keys())
            return
        story = self._open(hit)
        if story is None:
            start_day = hit.day - hit.window_d + 1
            story = Story(hit.key, hit.group, hit.day, hit.day, start_day, left, left)
            self._newest[hit.group, hit.key] = story
            self.told.append(story)
        story.take(left)


def tell(days: Iterable[DayHits]) -> list[Story]:
    """The causes that the hits of days are of, oldest first; days come in their order."""
    stories = Stories()
    for each in days:
        stories.take(each)
    return stories.told
