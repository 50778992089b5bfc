"""The part of `truth.json` about volume: departures from the usual, and lawful look-alikes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from domain.timestamps import DAY_MS
from simulator.festivals import EPOCH, NEW_YEARS, is_holiday
from simulator.lawful import FOREVER, PAYDAYS, RAMP_DAYS, Undisturbed, closed_on, promotion
from simulator.rhythm import day_ms, outages
from simulator.trades import TRADES
from simulator.truth import LookAlike, Violation
from simulator.world_truth import SAMPLE, of_worlds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from simulator.volume import Departure, VolumePlan
    from simulator.world_truth import Found

MILD = 1.8
"""Promotions up to this factor are listed: greater ones look like surges."""
STRONG_GROWTH = 0.4
"""Growth a year from which it is listed."""

Sums = tuple[int, int]
"""Number of sales and their sum, fen."""


def volume_violations(
    plan: VolumePlan, name: Callable[[int], str], realised: list[Sums], usual: list[Sums]
) -> list[Violation]:
    """The plan's departures; `realised` and `usual` are the sums of their times, with and without them."""
    return [
        _violation(each, name(each.merchant), *sums)
        for each, *sums in zip(plan.departures, realised, usual, strict=True)
    ]


def _violation(departure: Departure, merchant_id: str, realised: Sums, usual: Sums) -> Violation:
    return Violation(
        merchant_id=merchant_id,
        merchant_index=departure.merchant,
        category="volume",
        kind=departure.kind,
        onset_ms=departure.onset_ms,
        end_ms=departure.end_ms,
        effect=departure.effect,
        effect_unit=departure.unit,
        txn_ids=(),
        transactions=realised[0],
        amount_minor=realised[1],
        money_minor=None,
        details={**departure.details, "usual_transactions": usual[0], "usual_minor": usual[1]},
    )


def sums_of(departures: list[Departure], sales: NDArray[np.void]) -> list[Sums]:
    """Of each departure, the `sales` (merchant, event_ms, amount) in its time."""
    sales = sales[np.lexsort((sales["event_ms"], sales["merchant"]))]
    merchant, event_ms, amount = (np.ascontiguousarray(sales[each]) for each in ("merchant", "event_ms", "amount"))
    out = []
    for each in departures:
        begin, end = np.searchsorted(merchant, [each.merchant, each.merchant + 1])
        first, last = begin + np.searchsorted(event_ms[begin:end], [each.onset_ms, each.end_ms])
        out.append((int(last - first), int(amount[first:last].sum())))
    return out


def volume_look_alikes(plan: VolumePlan, lawful: Undisturbed, name: Callable[[int], str]) -> list[LookAlike]:
    """What is lawful although it looks like a departure; merchants that do depart left out."""
    departs = np.zeros(len(plan.table), np.bool_)
    departs[[each.merchant for each in plan.departures]] = True
    config = plan.config
    out = []
    for merchant, kind, first, last in _found(plan, lawful):
        if not departs[merchant]:
            row = plan.table[merchant]
            begin, until = max(day_ms(row, first), config.start_ms), min(day_ms(row, last), config.end_ms)
            if begin < until:
                out.append(_look_alike(name(merchant), merchant, kind, begin, until))
    out += [_look_alike(name(i), i, "outage", *times) for i, *times in _in_outages(plan) if not departs[i]]
    return sorted(out, key=lambda each: (each.kind, each.merchant_index, each.from_ms))


def _look_alike(merchant_id: str, merchant: int, kind: str, from_ms: int, until_ms: int) -> LookAlike:
    return LookAlike(
        merchant_id=merchant_id, merchant_index=merchant, category="volume", kind=kind,
        from_ms=from_ms, until_ms=until_ms, told_ms=0,
    )  # fmt: skip


def _found(plan: VolumePlan, lawful: Undisturbed) -> Iterator[Found]:
    yield from ((i, "wedding", first, last) for i, first, last in plan.weddings)
    yield from ((i, "staff_meals", first, last) for i, first, last in plan.staff)
    lists = np.array([trade.list_share for trade in TRADES])[plan.table["trade"]] > 0.5
    yield from ((int(i), "price_list", 0, FOREVER) for i in np.flatnonzero(lists)[:SAMPLE])
    if plan.days >= 60:
        growing = np.flatnonzero(np.expm1(lawful.log_growth * 365) >= STRONG_GROWTH)
        yield from ((int(i), "growth", 0, FOREVER) for i in growing[:SAMPLE])
    yield from _comings_and_goings(plan, lawful)
    yield from _of_the_calendar(plan, lawful)
    yield from of_worlds(plan, lawful)


def _comings_and_goings(plan: VolumePlan, lawful: Undisturbed) -> Iterator[Found]:
    for i in np.flatnonzero(lawful.open_day != -FOREVER):
        yield int(i), "new_ramp", int(lawful.open_day[i]), int(lawful.open_day[i] + lawful.ramp_days[i])
    for i in np.flatnonzero(lawful.close_day != FOREVER):
        yield int(i), "closing", int(lawful.close_day[i]), FOREVER
    for i, begins, length in zip(lawful.seasonal, lawful.season_from, lawful.season_days, strict=True):
        for year in range((EPOCH + timedelta(plan.first)).year - 1, (EPOCH + timedelta(plan.last)).year + 1):
            opens = (EPOCH.replace(year=year) - EPOCH).days + int(begins) - 1
            yield int(i), "seasonal", opens, opens + RAMP_DAYS[0]
            yield int(i), "seasonal_closing", opens + int(length), opens + 365


def _of_the_calendar(plan: VolumePlan, lawful: Undisturbed) -> Iterator[Found]:
    days = range(plan.first, plan.last)
    paid = np.flatnonzero(lawful.payday > 0)[:SAMPLE]
    at_home = np.flatnonzero(lawful.row < len(TRADES))[:SAMPLE]
    holidays = [day for day in days if is_holiday(EPOCH + timedelta(day))]
    for day in days:
        of_month = (EPOCH + timedelta(day)).day
        if of_month in PAYDAYS:
            yield from ((int(i), "payday", day, day + 1) for i in paid if lawful.payday[i] == of_month)
        factors = promotion(plan.table["key"][lawful.promotes[:SAMPLE]], day)
        mild = (factors > 1.0) & (factors <= MILD)
        yield from ((int(i), "promotion", day, day + 1) for i in lawful.promotes[:SAMPLE][mild])
    for day in holidays:
        yield from ((int(i), "holiday", day, day + 1) for i in at_home)
    for new_year in NEW_YEARS[np.isin(NEW_YEARS, days)].tolist():
        closed = np.flatnonzero(closed_on(lawful, new_year - 1, new_year))
        for i in closed[~np.isin(closed, at_home)][:SAMPLE]:
            yield int(i), "holiday", new_year - 1, new_year - 1 + int(lawful.closed[i])


def _in_outages(plan: VolumePlan) -> Iterator[tuple[int, int, int]]:
    """The busiest merchants of each outage, until an hour after it, when they have caught up."""
    for acquirer, _, begin, end in outages(plan.config):
        mine = np.flatnonzero(plan.table["acquirer"] == acquirer)
        for i in mine[np.argsort(-plan.table["rate"][mine], kind="stable")[:20]]:
            yield int(i), begin, min(end + DAY_MS // 12, plan.config.end_ms)
