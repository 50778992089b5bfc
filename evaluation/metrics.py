"""Figures of an evaluation: recall by effect size, delay, precision at a load, look-alikes, money. Pure.

`docs/evaluation.md` defines each.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, TypeVar

import msgspec

from domain.timestamps import DAY_MS
from evaluation.matching import SEVERITIES, WORTH_KNOWING, AlertLabel
from evaluation.shares import Share, share
from evaluation.stories import PerStory, per_story
from simulator.truth import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from evaluation.matching import Found, MatchedAlert, Matching, Outcome
    from simulator.truth import LookAlike, Truth

UNIT_DAYS = 10_000
"""Merchant-days that loads and rates are given per."""
LOAD = 20
"""Alerts per 10,000 merchant-days that analysts are taken to look at."""
RECALL = 0.95
BINS_PER_DECADE = 5
_CURVE_POINTS = 120
_Number = TypeVar("_Number", int, float)


BUSY_A_DAY, BUSY = 10, "10 a day or more"
"""Violations of merchants with as many usual sales a day are measured once more: of three sales a day, three times as
many is no oddity, and no detector can find what chance does too."""


class Bin(msgspec.Struct, frozen=True):
    """Recall of violations that are `low` to before `high` strong; JSON has null for infinity."""

    low: float
    high: float
    recall: Share


class Size(msgspec.Struct, frozen=True):
    """An effect size, and the recall of all violations at least as strong."""

    effect: float
    recall: Share


class Delay(msgspec.Struct, frozen=True):
    """Nearest-rank quantiles of a delay over `count` found violations; None where there are none."""

    count: int
    median: float | None
    p90: float | None


class Money(msgspec.Struct, frozen=True):
    """Minor units.

    Attributes:
        at_stake: labelled loss of all violations whose loss is known.
        found: that of those found.
        alerted: loss in the true alerts, as the detectors reckon it; None where they know none.
        turnover: likewise the turnover.
    """

    at_stake: int
    found: int
    alerted: int | None = None
    turnover: int | None = None


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """How well violations of one kind and unit of effect are found; `kind` "" is all kinds of that unit.

    Attributes:
        at_severity: recall counting only alerts from 0.3, 0.6 and 0.85.
        bins: by effect, log-spaced; none without violations.
        reliable_from: the smallest effect from which recall is at least 95 %; None where there is none.
        surely_from: likewise, of the interval's lower end.
    """

    category: str
    kind: str
    effect_unit: str
    at_severity: tuple[Share, ...]
    bins: tuple[Bin, ...]
    reliable_from: Size | None
    surely_from: Size | None
    delay_h: Delay
    delay_txns: Delay
    money: Money


class Precision(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts by label; precision leaves `other` and `excused` out. `category` "" is all of them."""

    category: str
    alerts: int
    true: int
    false: int
    on_look_alikes: int
    other: int
    excused: int
    per_unit: float
    precision: Share


class AtSeverity(msgspec.Struct, frozen=True):
    """Precision of all alerts from a severity on, overall first."""

    severity: float
    rows: tuple[Precision, ...]


class AtLoad(msgspec.Struct, frozen=True, kw_only=True):
    """The severest alerts, `load` per 10,000 merchant-days: their precision, overall first, and recall by them."""

    load: float
    rows: tuple[Precision, ...]
    recall: Share


class OnLookAlike(msgspec.Struct, frozen=True, kw_only=True):
    """False alarms of medium severity or more on one kind of look-alike.

    Attributes:
        look_alikes: how many there are.
        merchants: merchants hit, of those that have one.
        days: merchant-days under a look-alike.
        alerts: false ones.
        excused: alerts that were no mistake.
        per_unit: false alerts per 10,000 of those days; None where there are none.
    """

    category: str
    kind: str
    look_alikes: int
    merchants: Share
    days: float
    alerts: int
    excused: int
    per_unit: float | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Every figure of an evaluation.

    Attributes:
        unseen: violations left out because no transaction came to be affected.
        categories: of all kinds of a category; effects of several units are not comparable, so it has no bins.
        recalls: by category, unit and kind; where several kinds share a unit, first that of all of them.
        curve: `at_load` for log-spaced numbers of alerts, the last one all.
        stories: of all alerts, then by detector.
    """

    merchants: int
    days: float
    merchant_days: float
    unseen: int
    categories: tuple[Recall, ...]
    recalls: tuple[Recall, ...]
    at_load: AtLoad
    curve: tuple[AtLoad, ...]
    at_severity: tuple[AtSeverity, ...]
    look_alikes: tuple[OnLookAlike, ...]
    stories: tuple[PerStory, ...]

    def by_unit(self) -> list[Recall]:
        """Of each category and unit of effect one: all kinds together."""
        first: dict[tuple[str, str], Recall] = {}
        for each in self.recalls:
            first.setdefault((each.category, each.effect_unit), each)
        return list(first.values())


def quantile(values: Iterable[_Number], q: float) -> _Number | None:
    """The smallest value that at least a share `q` of them do not exceed; None of none.

    >>> quantile([5, 1, 4, 2, 3], 0.5), quantile([5, 1, 4, 2, 3], 0.9)
    (3, 5)
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)] if ordered else None


def bin_bounds(size: float) -> tuple[float, float]:
    """The bin of an effect's strength: five to a decade, lower bound inclusive; 0 and infinity have their own.

    >>> bin_bounds(1.0), bin_bounds(0.0)
    ((1.0, 1.584893), (0.0, 0.0))
    """
    if size <= 0 or math.isinf(size):
        return size, size
    k = math.floor(BINS_PER_DECADE * math.log10(size) + 1e-9)
    low, high = (float(f"{10 ** (each / BINS_PER_DECADE):.7g}") for each in (k, k + 1))
    return low, high


def bins(outcomes: Iterable[Outcome]) -> tuple[Bin, ...]:
    """Recall by effect size; bins without violations are left out."""
    parts: dict[tuple[float, float], list[bool]] = defaultdict(list)
    for each in outcomes:
        parts[bin_bounds(each.violation.size)].append(each.found)
    return tuple(Bin(*bounds, share(sum(found), len(found))) for bounds, found in sorted(parts.items()))


def smallest_from(outcomes: Iterable[Outcome], measure: Callable[[Share], float]) -> Size | None:
    """The smallest effect such that `measure` of the recall of all at least as strong reaches 95 %."""
    by_size: dict[float, list[bool]] = defaultdict(list)
    for each in outcomes:
        by_size[each.violation.size].append(each.found)
    part = whole = 0
    best = None
    for size in sorted(by_size, reverse=True):
        part, whole = part + sum(by_size[size]), whole + len(by_size[size])
        if measure(recall := share(part, whole)) >= RECALL:
            best = Size(size, recall)
    return best


def report(truth: Truth, matching: Matching) -> Report:
    """Every figure."""
    outcomes, ranked, days = matching.outcomes, matching.ranked, truth.merchant_days
    alerts = {each.alert.alert_id: each.alert for each in ranked}
    present = [name for name in CATEGORIES if any(each.violation.category == name for each in outcomes)]
    groups = _groups(outcomes)
    budget = max(1, math.ceil(LOAD * days / UNIT_DAYS))
    return Report(
        merchants=truth.merchants,
        days=(truth.end_ms - truth.start_ms) / DAY_MS,
        merchant_days=days,
        unseen=matching.unseen,
        categories=tuple(
            _recall((name, "", ""), [each for each in outcomes if each.violation.category == name], alerts)
            for name in present
        ),
        recalls=tuple(_recall(key, groups[key], alerts) for key in sorted(groups, key=_in_order)),
        at_load=_at_load(budget, matching, days),
        curve=tuple(_at_load(each, matching, days) for each in _curve_sizes(len(ranked))),
        at_severity=tuple(
            AtSeverity(least, _precisions([each for each in ranked if each.alert.severity >= least], days))
            for least in SEVERITIES
        ),
        look_alikes=_on_look_alikes(truth.look_alikes, ranked),
        stories=per_story(alerts.values()),
    )


def _groups(outcomes: Iterable[Outcome]) -> dict[tuple[str, str, str], list[Outcome]]:
    """Violations by (category, kind, unit); where several kinds share a unit, also by (category, "", unit).

    Those of busy merchants once more, by (category, `BUSY`, unit).
    """
    groups: dict[tuple[str, str, str], list[Outcome]] = defaultdict(list)
    for each in outcomes:
        it = each.violation
        groups[it.category, it.kind, it.effect_unit].append(each)
        groups[it.category, "", it.effect_unit].append(each)
        if it.usual_a_day >= BUSY_A_DAY:
            groups[it.category, BUSY, it.effect_unit].append(each)
    kinds = Counter((category, unit) for category, kind, unit in groups if kind != BUSY)
    return {key: mine for key, mine in groups.items() if key[1] or kinds[key[0], key[2]] > 2}


def _in_order(key: tuple[str, str, str]) -> tuple[int, str, str]:
    """Categories in their order; all kinds of a unit before each."""
    category, kind, unit = key
    return CATEGORIES.index(category), unit, kind


def _recall(key: tuple[str, str, str], outcomes: Sequence[Outcome], alerts: dict[str, Found]) -> Recall:
    """Figures of a group; without a unit, effects are not comparable and left out."""
    category, kind, unit = key
    found = [each for each in outcomes if each.found]
    comparable = outcomes if unit else ()
    known = [(each.found, each.violation.money_minor) for each in outcomes if each.violation.money_minor is not None]
    true_ids = {alert_id for each in outcomes for alert_id in each.alert_ids}
    return Recall(
        category=category, kind=kind, effect_unit=unit,
        at_severity=tuple(
            share(sum(each.found and each.severity >= least for each in outcomes), len(outcomes))
            for least in SEVERITIES
        ),
        bins=bins(comparable),
        reliable_from=smallest_from(comparable, lambda it: it.value or 0.0),
        surely_from=smallest_from(comparable, lambda it: it.low),
        delay_h=_delay([each.delay_h for each in found if each.delay_h is not None]),
        delay_txns=_delay([each.delay_txns for each in found if each.delay_txns is not None]),
        money=Money(
            sum(minor for _, minor in known),
            sum(minor for was_found, minor in known if was_found),
            _known_sum(alerts[each].loss_minor for each in true_ids),
            _known_sum(alerts[each].turnover_minor for each in true_ids),
        ),
    )  # fmt: skip


def _known_sum(figures: Iterable[int | None]) -> int | None:
    """The sum of those that are known; None where none is."""
    known = [each for each in figures if each is not None]
    return sum(known) if known else None


def _delay(values: Sequence[float]) -> Delay:
    return Delay(len(values), quantile(values, 0.5), quantile(values, 0.9))


def _precisions(matched: Sequence[MatchedAlert], merchant_days: float) -> tuple[Precision, ...]:
    """Overall, then by category of those that have alerts."""
    categories = sorted({each.alert.category for each in matched})
    mine = [("", matched), *((name, [each for each in matched if each.alert.category == name]) for name in categories)]
    return tuple(_precision(name, each, merchant_days) for name, each in mine)


def _precision(category: str, matched: Sequence[MatchedAlert], merchant_days: float) -> Precision:
    count = Counter(each.label for each in matched)
    true, false = count[AlertLabel.TRUE], count[AlertLabel.FALSE] + count[AlertLabel.LOOK_ALIKE]
    return Precision(
        category=category, alerts=len(matched), true=true, false=false, on_look_alikes=count[AlertLabel.LOOK_ALIKE],
        other=count[AlertLabel.OTHER], excused=count[AlertLabel.EXCUSED],
        per_unit=len(matched) * UNIT_DAYS / merchant_days, precision=share(true, true + false),
    )  # fmt: skip


def _at_load(size: int, matching: Matching, merchant_days: float) -> AtLoad:
    """The first `size` alerts of the ranking; a violation counts as found where one of them is true for it."""
    taken = matching.ranked[:size]
    ids = {each.alert.alert_id for each in taken}
    found = sum(not ids.isdisjoint(each.alert_ids) for each in matching.outcomes)
    return AtLoad(
        load=size * UNIT_DAYS / merchant_days,
        rows=_precisions(taken, merchant_days),
        recall=share(found, len(matching.outcomes)),
    )


def _curve_sizes(alerts: int) -> list[int]:
    """Numbers of alerts, log-spaced, the last one all."""
    steps = (round(alerts ** (k / _CURVE_POINTS)) for k in range(_CURVE_POINTS + 1)) if alerts else ()
    return sorted(set(steps))


def _on_look_alikes(look_alikes: Sequence[LookAlike], ranked: Sequence[MatchedAlert]) -> tuple[OnLookAlike, ...]:
    groups: dict[tuple[str, str], list[LookAlike]] = defaultdict(list)
    for look_alike in look_alikes:
        groups[look_alike.category, look_alike.kind].append(look_alike)
    hits: dict[tuple[str, str], list[MatchedAlert]] = defaultdict(list)
    for each in ranked:
        if each.look_alike is not None and each.alert.severity >= WORTH_KNOWING:
            hits[each.look_alike.category, each.look_alike.kind].append(each)
    return tuple(_on_look_alike(key, groups[key], hits[key]) for key in sorted(groups))


def _on_look_alike(key: tuple[str, str], look_alikes: Sequence[LookAlike], hits: Sequence[MatchedAlert]) -> OnLookAlike:
    false = [each.alert.merchant_id for each in hits if each.label is AlertLabel.LOOK_ALIKE]
    days = sum(each.days for each in look_alikes)
    return OnLookAlike(
        category=key[0], kind=key[1], look_alikes=len(look_alikes),
        merchants=share(len(set(false)), len({each.merchant_id for each in look_alikes})),
        days=days, alerts=len(false), excused=len(hits) - len(false),
        per_unit=len(false) * UNIT_DAYS / days if days else None,
    )  # fmt: skip
