"""What is lawful in the worlds although it looks like a departure from the usual volume."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from simulator.festivals import EPOCH, NEW_YEARS, day_number
from simulator.figures import CALM, WORLDS
from simulator.lawful import FOREVER
from simulator.peculiar import FEAST_DAYS, HOURS_MOVED, KINDS, RAMADAN, RAMADANS
from simulator.rhythm import shops_of
from simulator.shops import CAMPAIGN_DAYS, SPRING, campaign_begins, is_data_hole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from simulator.lawful import Undisturbed
    from simulator.shops import Found as FoundSpells
    from simulator.shops import Shops
    from simulator.volume import VolumePlan

SAMPLE = 100
"""Of what happens to nearly everyone, so many merchants are listed, of each world."""
LEVEL_CHANGE = 1.4
"""Lasting changes of level are listed from this factor on, up and down."""
LEAST_CLOSED_DAYS = 3
AFTER_DAYS = 28
"""How long a lasting change is listed from its beginning: until then it may seem new."""

Found = tuple[int, str, int, int]
"""Merchant, kind, and the local days from which and before which it is so."""


def of_worlds(plan: VolumePlan, lawful: Undisturbed) -> Iterator[Found]:
    """The look-alikes that come of the merchants' worlds: of `SAMPLE` merchants of each, but all that are peculiar."""
    yield from _peculiar(plan, lawful)
    for number in range(len(WORLDS)):
        mine = np.flatnonzero((lawful.world == number) & (lawful.peculiar == 0))[:SAMPLE]
        for _, shops in shops_of(plan.config, plan.table, lawful, mine):
            yield from _of_shops(plan, shops, mine)
    holes = [day for day in range(plan.first, plan.last) if is_data_hole(plan.config.seed, day)]
    for i in np.flatnonzero(lawful.world != CALM)[:SAMPLE].tolist() if holes else ():
        yield from ((i, "data_hole", day, day + 1) for day in holes)


def _peculiar(plan: VolumePlan, lawful: Undisturbed) -> Iterator[Found]:
    for i in np.flatnonzero(lawful.peculiar).tolist():
        kind = int(lawful.peculiar[i])
        if kind == HOURS_MOVED:
            day = int(plan.table["moved_day"][i])
            yield i, KINDS[kind], day, day + AFTER_DAYS
        elif kind == RAMADAN:
            for begin, feast in RAMADANS:
                yield i, KINDS[kind], day_number(begin), day_number(feast) + FEAST_DAYS + AFTER_DAYS
        else:
            yield i, KINDS[kind], 0, FOREVER


def _of_shops(plan: VolumePlan, shops: Shops, mine: NDArray[np.int64]) -> Iterator[Found]:
    """What each of the shops, merchants `mine`, does in the run's days."""
    yield from ((int(i), "weekly_closing", 0, FOREVER) for i in mine[shops.closes])
    days = np.arange(plan.first, plan.last)[:, None]
    for _, on in shops.closures_on(days):
        # Until the day after it is open again, which may look like waking up.
        yield from (
            (i, "closed_spell", begin, begin + length + 2)
            for i, begin, length in _begun(days, on, mine)
            if length >= LEAST_CLOSED_DAYS
        )
    for spells, on in shops.spells_on(days):
        kind = "busy_spell" if spells.size > 1.0 else "quiet_spell"
        yield from ((i, kind, begin, begin + length) for i, begin, length in _begun(days, on, mine))
    row, shop = np.nonzero(np.abs(np.diff(shops.level(days), axis=0)) > np.log(LEVEL_CHANGE))
    for i, day in zip(mine[shop].tolist(), (plan.first + 1 + row).tolist(), strict=True):
        yield i, "level_change", day, day + AFTER_DAYS
    yield from _of_the_year(plan, shops, mine)


def _begun(days: NDArray[np.int64], on: FoundSpells, mine: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Merchant, first day and length of each spell, once."""
    row, shop = np.divmod(on.at, len(mine))
    new = (on.age == 0) | (row == 0)
    begin = days[row[new], 0] - on.age[new]
    yield from zip(mine[shop[new]].tolist(), begin.tolist(), on.days[new].tolist(), strict=True)


def _of_the_year(plan: VolumePlan, shops: Shops, mine: NDArray[np.int64]) -> Iterator[Found]:
    """What comes to the shops of a world on days of the year."""
    spans: list[tuple[str, int, int]] = []
    if shops.world.spring:
        spans += [("spring_festival", day + SPRING[0] + 1, day + SPRING[-1]) for day in NEW_YEARS.tolist()]
    for year in range((EPOCH + timedelta(plan.first)).year, (EPOCH + timedelta(plan.last)).year + 1):
        begin = campaign_begins(year)
        if shops.world.campaign > 1.0:
            spans.append(("campaign", begin, begin + CAMPAIGN_DAYS))
        if shops.world.christmas > 1.0:
            spans.append(("christmas", begin + 12, begin + 25))  # 20 December to 1 January
        if shops.world.new_year_closed:
            spans.append(("new_year", begin + 21, begin + 29))  # 29 December to 5 January
    for kind, begin, until in spans:
        if begin < plan.last and until > plan.first:
            yield from ((int(i), kind, begin, until) for i in mine)
