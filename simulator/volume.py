"""Who departs from the volume it should have, and what lawful things look like that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.festivals import NEW_YEARS
from simulator.lawful import FOREVER, Undisturbed
from simulator.rhythm import PULSE, SEGMENT, day_ms, local_days, shops_of
from simulator.stories import cast, surges
from simulator.table import Draws, uniform
from simulator.trades import HOURS, TRADES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from simulator.config import SimulationConfig

LEAST_RATE = 3.0
"""Sales a day below which nobody is made to depart: nothing would be seen."""
LEAST_AN_HOUR = 1.0
"""Sales an hour below which no hour bursts: a day does instead."""
_WEDDING_MCCS, _STAFF_MCCS = (5812, 7011, 5944), (5812, 5814)
WEDDING_SHARE = STAFF_SHARE = 0.03
FEW_DAYS = 5
"""Departures of up to so many days lie on days on which the merchant is open, where there are."""
_ALL_WEEK, _WORKING_DAYS = 0b1111111, 0b0011111
_WAYS = ("count", "ticket", "both")


class Split(NamedTuple):
    """How an effect comes about: by count, by ticket or by both."""

    way: str
    sales: float
    ticket: float


@dataclass(frozen=True, slots=True)
class Departure:
    """One violation: what is told of it beside its traffic.

    Attributes:
        merchant: its index.
        kind: a key of `KINDS`.
        onset_ms: from this event time on, UTC milliseconds.
        end_ms: up to this event time, exclusive.
        effect: how strong it is, in `unit`.
        unit: `ratio` (of what the merchant would have done), `usual days` or `sales` a night.
        details: what else its kind has to say.
    """

    merchant: int
    kind: str
    onset_ms: int
    end_ms: int
    effect: float
    unit: str
    details: dict[str, str | int | float]


class VolumePlan:
    """Everything planned: `departures`, and the `segments` and `pulses` that make them, with lawful pulses."""

    def __init__(self, config: SimulationConfig, table: NDArray[np.void], lawful: Undisturbed | None) -> None:
        self.config, self.table, self._draws = config, table, Draws(config.seed, len(table))
        self.departures: list[Departure] = []
        self._segments: list[tuple[float, ...]] = []
        self._pulses: list[tuple[float, ...]] = []
        self._lawful_pulses: list[tuple[float, ...]] = []
        # Whole local days everywhere; nobody departs on a first or last day that is cut.
        first, days = local_days(config)
        self.first, self.last = first + 1, first + days - 1
        self._lawful = lawful
        self._shut: dict[int, NDArray[np.bool_]] = {}
        self._closed = lawful.closed if lawful else np.zeros(len(table), np.int64)
        still = lawful.steady() if lawful else np.ones(len(table), np.bool_)
        honest = (table["jump_kind"] == 0) & (table["fee_kind"] == 0)
        honest[cast(config)] = False
        self._plan_departures(still & honest & (table["rate"] >= LEAST_RATE))
        for merchant, on_days, deed in surges(config):
            self.depart(merchant, "surge", on_days, deed.times, sales=deed.times, way="count")
        self.weddings: list[tuple[int, int, int]] = []
        self.staff: list[tuple[int, int, int]] = []
        if lawful:
            self._plan_weddings()
            self._plan_staff_meals()

    @property
    def days(self) -> int:
        """Whole local days within the run."""
        return self.last - self.first

    @property
    def segments(self) -> NDArray[np.void]:
        """Departures by day, `SEGMENT`."""
        return np.array(self._segments, SEGMENT)

    def pulses(self, *, disturbed: bool = True) -> NDArray[np.void]:
        """What is peculiar to hours, `PULSE`, by merchant; only the lawful unless `disturbed`."""
        out = np.array(self._lawful_pulses + (self._pulses if disturbed else []), PULSE)
        return out[np.argsort(out["merchant"], kind="stable")]

    def chance(self, merchant: int, question: int) -> float:
        """Uniform in [0, 1), of `merchant` and `question` (130 to 199)."""
        return float(uniform(self.table["key"][merchant : merchant + 1], question)[0])

    def between(self, merchant: int, question: int, low: float, high: float) -> float:
        """Log-uniform from `low` to `high`."""
        return float(low * (high / low) ** self.chance(merchant, question))

    def days_from(self, merchant: int, question: int, length: int) -> int:
        """The first of `length` days in a row, fewer than the run has, after a while in which nothing happens.

        One or few days do not fall on those on which the merchant is closed, if there are others.
        """
        quiet = min(max(1, min(28, round(0.4 * self.days))), self.days - length)
        begin = self.first + quiet + int(self.chance(merchant, question) * (self.days - quiet - length + 1))
        for new_year in NEW_YEARS.tolist():
            open_again = int(new_year - 1 + self._closed[merchant])
            if begin + length > new_year - 1 and begin < open_again <= self.last - length:
                return open_again
        return self.open_from(merchant, begin, length)

    def open_from(self, merchant: int, begin: int, length: int) -> int:
        """The first day from `begin` on from which `length` days are open in a row, if these are few and there are."""
        shut = self._shut.get(merchant)
        if shut is None or length > FEW_DAYS:
            return begin
        days = range(begin - self.first, self.days - length + 1)
        return self.first + next((day for day in days if not shut[day : day + length].any()), begin - self.first)

    def depart(
        self,
        merchant: int,
        kind: str,
        days: tuple[int, int],
        effect: float,
        *,
        unit: str = "ratio",
        sales: float = 1.0,
        ticket: float = 1.0,
        growth: float = 0.0,
        least: float = 0.0,
        most: float = 1e9,
        **details: str | float,
    ) -> None:
        """Multiply the days from `days[0]` to before `days[1]`, and say so."""
        self._segments.append((merchant, *days, sales, ticket, growth, least, most))
        self._tell(merchant, kind, days, (0, 0), effect, unit, details)

    def mute(self, merchant: int, from_day: int, until_day: int) -> None:
        """No sales from `from_day` to before `until_day`, without a word about it."""
        self._segments.append((merchant, from_day, until_day, 0.0, 1.0, 0.0, 0.0, 1.0))

    def pulse(
        self,
        merchant: int,
        days: tuple[int, int],
        hours: tuple[int, int],
        *,
        lawful: bool = False,
        weekdays: int = _ALL_WEEK,
        sales: float = 1.0,
        ticket: float = 1.0,
        plus: float = 0.0,
        amount: int = 0,
        median: float = 1.0,
        spread: float = 0.2,
        cards: int = 0,
    ) -> None:
        """Add a `PULSE` on the hours from `hours[0]` to before `hours[1]`."""
        row = (merchant, *days, *hours, weekdays, sales, ticket, plus, amount, median, spread, cards)
        (self._lawful_pulses if lawful else self._pulses).append(row)

    def tell_hours(
        self,
        merchant: int,
        kind: str,
        days: tuple[int, int],
        hours: tuple[int, int],
        effect: float,
        unit: str,
        **details: str | float,
    ) -> None:
        """Say that something is done between hour `hours[0]` of the first day and `hours[1]` of the last."""
        self._tell(merchant, kind, (days[0], days[1] - 1), hours, effect, unit, details)

    def _tell(
        self,
        merchant: int,
        kind: str,
        days: tuple[int, int],
        hours: tuple[int, int],
        effect: float,
        unit: str,
        details: dict[str, str | float],
    ) -> None:
        row = self.table[merchant]
        onset = day_ms(row, days[0], hours[0])
        end = min(day_ms(row, days[1], hours[1]), self.config.end_ms)
        self.departures.append(Departure(merchant, kind, onset, end, effect, unit, details))

    def split(self, merchant: int, question: int, effect: float) -> Split:
        """`effect` as factors of count and ticket, one of them 1 or both alike."""
        way = _WAYS[int(self.chance(merchant, question) * len(_WAYS))]
        by_count = {"count": 1.0, "ticket": 0.0, "both": 0.5}[way]
        return Split(way, effect**by_count, effect ** (1.0 - by_count))

    def _plan_departures(self, eligible: NDArray[np.bool_]) -> None:
        possible = [kind for kind, (least, _, _) in KINDS.items() if self.days >= least]
        if not possible:
            return
        edges = np.cumsum([KINDS[kind][1] for kind in possible])
        chosen = self._draws.some(130, eligible, self.config.volume_share)
        if self._lawful and chosen:
            for places, shops in shops_of(self.config, self.table, self._lawful, np.array(chosen)):
                shut = shops.closed(np.arange(self.first, self.last)[:, None])
                self._shut |= {chosen[place]: shut[:, i] for i, place in enumerate(places.tolist())}
        for merchant in chosen:
            place = np.searchsorted(edges, self.chance(merchant, 131) * edges[-1], side="right")
            KINDS[possible[int(place)]][2](self, merchant)

    def _among(self, question: int, mccs: tuple[int, ...], share: float) -> list[int]:
        of_trade = np.isin(np.array([trade.mcc for trade in TRADES])[self.table["trade"]], mccs)
        departs = np.zeros(len(self.table), np.bool_)
        departs[[each.merchant for each in self.departures]] = True
        return [int(i) for i in self._draws.some(question, of_trade & ~departs, share)]

    def _plan_weddings(self) -> None:
        for merchant in self._among(170, _WEDDING_MCCS, WEDDING_SHARE):
            day = self.first + int(self.chance(merchant, 171) * max(1, self.days))
            times, sales = self.between(merchant, 172, 10.0, 50.0), 1.0 + 3.0 * self.chance(merchant, 173)
            self.pulse(merchant, (day, day + 1), (10, 14), lawful=True, plus=sales / 4, median=times)
            self.weddings.append((merchant, day, day + 1))

    def _plan_staff_meals(self) -> None:
        for merchant in self._among(175, _STAFF_MCCS, STAFF_SHARE):
            amount = 100 * int(self.between(merchant, 176, 12.0, 35.0))
            plus, cards = self.between(merchant, 177, 3.0, 10.0), 5 + int(15 * self.chance(merchant, 178))
            days = (self.first - 1, self.last + 1)
            self.pulse(
                merchant, days, (12, 13), lawful=True, weekdays=_WORKING_DAYS, plus=plus, amount=amount, cards=cards
            )
            self.staff.append((merchant, *days))


def _surge(plan: VolumePlan, i: int) -> None:
    effect, length = plan.between(i, 132, 1.3, 20.0), min(1 + int(3 * plan.chance(i, 133)), plan.days - 1)
    begin = plan.days_from(i, 134, length)
    way, sales, ticket = plan.split(i, 135, effect)
    plan.depart(i, "surge", (begin, begin + length), effect, sales=sales, ticket=ticket, way=way)


def _hour_burst(plan: VolumePlan, i: int) -> None:
    effect, length = plan.between(i, 132, 3.0, 30.0), 1 + int(3 * plan.chance(i, 133))
    day, shape = plan.days_from(i, 134, 1), np.array(HOURS[TRADES[plan.table["trade"][i]].hours])
    busy = np.flatnonzero(shape[: 24 - length] >= shape.mean())
    hours = int(busy[int(plan.chance(i, 136) * len(busy))])
    if plan.table["rate"][i] * shape[hours] / shape.sum() < LEAST_AN_HOUR:
        _surge(plan, i)
        return
    way, sales, ticket = plan.split(i, 135, effect)
    span = (hours, hours + length)
    plan.pulse(i, (day, day + 1), span, sales=sales, ticket=ticket)
    plan.tell_hours(i, "hour_burst", (day, day + 1), span, effect, "ratio", way=way)


def _ramp(plan: VolumePlan, i: int) -> None:
    length = min(10 + int(21 * plan.chance(i, 133)), plan.days - 3)
    growth, most = plan.between(i, 132, 0.03, 0.2), 50.0
    begin, effect = plan.days_from(i, 134, length), min(most, (1 + growth) ** length)
    plan.depart(i, "ramp", (begin, begin + length), effect, growth=growth, most=most, growth_a_day=growth)


def _level(plan: VolumePlan, i: int) -> None:
    effect, begin = plan.between(i, 132, 1.3, 8.0), plan.days_from(i, 134, 3)
    way, sales, ticket = plan.split(i, 135, effect)
    plan.depart(i, "level", (begin, FOREVER), effect, sales=sales, ticket=ticket, way=way)


def _decline(plan: VolumePlan, i: int) -> None:
    effect, length = plan.between(i, 132, 0.3, 0.5), min(21 + int(22 * plan.chance(i, 133)), plan.days - 14)
    days, growth = (plan.days_from(i, 134, length), FOREVER), effect ** (1.0 / length) - 1.0
    plan.depart(i, "decline", days, effect, growth=growth, least=effect, fades_days=length)


def _collapse(plan: VolumePlan, i: int) -> None:
    effect = 1.0 / plan.between(i, 132, 2.0, 50.0)
    plan.depart(i, "collapse", (plan.days_from(i, 134, 3), FOREVER), effect, sales=effect)


def _silence(plan: VolumePlan, i: int) -> None:
    plan.depart(i, "silence", (plan.days_from(i, 134, 3), FOREVER), 0.0, sales=0.0)


def _wake_up(plan: VolumePlan, i: int) -> None:
    asleep = min(30 + int(66 * plan.chance(i, 133)), plan.days - 8)
    sleeps = plan.first + 5 + int(plan.chance(i, 134) * (plan.days - asleep - 7))
    effect, day = plan.between(i, 132, 0.5, 30.0), plan.open_from(i, sleeps + asleep, 1)
    plan.depart(i, "silence", (sleeps, day), 0.0, sales=0.0)
    way, sales, ticket = plan.split(i, 135, effect) if effect > 1.0 else Split("count", effect, 1.0)
    plan.depart(
        i, "wake_up", (day, day + 1), effect, unit="usual days", sales=sales, ticket=ticket,
        way=way, asleep_days=day - sleeps,
    )  # fmt: skip


def _new_burst(plan: VolumePlan, i: int) -> None:
    effect, length = plan.between(i, 132, 5.0, 50.0), 3 + int(5 * plan.chance(i, 133))
    length = min(length, plan.days - 2)
    begin = plan.first + 1 + int(plan.chance(i, 134) * (plan.days - length - 1))
    way, sales, ticket = plan.split(i, 135, effect)
    sales *= plan.config.tx_per_merchant_day / float(plan.table["rate"][i])
    plan.mute(i, 0, begin)
    plan.depart(i, "new_burst", (begin, begin + length), effect, sales=sales, ticket=ticket, way=way)
    plan.mute(i, begin + length, FOREVER)


def _night(plan: VolumePlan, i: int) -> None:
    nights, sales = 1 + int(5 * plan.chance(i, 133)), plan.between(i, 132, 5.0, 25.0)
    nights = min(nights, plan.days - 1)
    row, trade = plan.table[i], TRADES[plan.table["trade"][i]]
    begin = plan.days_from(i, 134, nights)
    days, hours = (begin, begin + nights), (2 + int(row["shift_h"]), 5 + int(row["shift_h"]))
    # Of 5,000 yuan or more, whatever the trade.
    median = 700_000 / (float(row["scale"]) * trade.median_yuan * 100)
    plan.pulse(i, days, hours, plus=sales / 3, median=median, spread=0.15)
    plan.tell_hours(i, "night", days, hours, sales, "sales a night", nights=nights)


KINDS: dict[str, tuple[int, float, Callable[[VolumePlan, int], None]]] = {
    "surge": (2, 4, _surge),
    "hour_burst": (2, 2, _hour_burst),
    "ramp": (14, 2, _ramp),
    "level": (4, 2, _level),
    "decline": (45, 2, _decline),
    "collapse": (4, 2, _collapse),
    "silence": (4, 1, _silence),
    "wake_up": (45, 2, _wake_up),
    "new_burst": (5, 2, _new_burst),
    "night": (2, 1, _night),
}
"""Kinds of violation: the whole days a run needs for it, how often it is chosen, and what plans it."""
