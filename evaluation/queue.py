"""Figures of the queue that analysts work: what a severity and a grade mean, and what stands at the head. Pure.

`docs/evaluation.md` defines each.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from domain.risk import GRADES
from domain.severity import LEVELS
from evaluation.matching import SEVERITIES, AlertLabel
from evaluation.shares import Share, share
from simulator.truth import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from evaluation.matching import MatchedAlert, Matching
    from simulator.truth import Truth

HEAD = 40
"""Alerts of the queue's head, the severest."""
UNIT_LAWFUL_DAYS = 1000
"""Merchant-days of lawful merchants that rates of false alerts are given per."""
BOUNDS = (*(each.least for each in LEVELS), 1.0)
"""Of the bins of severity: the levels'."""
TENTHS = tuple(k / 10 for k in range(11))
"""Of the bins that are drawn."""


class SeverityBin(msgspec.Struct, frozen=True):
    """The share of true among alerts of severity `low` to below `high`, of the last bin including it."""

    low: float
    high: float
    true: Share


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What a severity means in a category; `category` "" is all of them.

    Attributes:
        levels: by level, the mildest first.
        tenths: by tenth of severity.
    """

    category: str
    levels: tuple[SeverityBin, ...]
    tenths: tuple[SeverityBin, ...]


class InHead(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of violation in the queue; `kind` "" is no violation at all: alerts that are true for none.

    Attributes:
        cases: the kind's share of the violations found.
        head: its share of the queue's head.
        first: the rank of its first alert, 1 for the severest; None where it has none.
    """

    category: str
    kind: str
    cases: Share
    head: Share
    first: int | None


class FalseRate(msgspec.Struct, frozen=True, kw_only=True):
    """False alerts on merchants without a violation, from severity 0.3 and 0.6; `detector` "" is all of a category.

    Attributes:
        alerts: how many from each severity.
        per_unit: the same per 1,000 days of such merchants; None where there are none.
    """

    category: str
    detector: str
    alerts: tuple[int, int]
    per_unit: tuple[float, float] | None


class GradeReached(msgspec.Struct, frozen=True):
    """The merchants whose highest grade was `grade`, and those among them that have a violation."""

    grade: str
    violating: Share


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """Every figure of the queue.

    Attributes:
        calibration: over all, then by category of those that have alerts.
        head: kinds by category, then what is no violation.
        false_rates: by category, each followed by its detectors.
        grades: A first; merchants that never had a score have grade A.
    """

    calibration: tuple[Calibration, ...]
    head: tuple[InHead, ...]
    false_rates: tuple[FalseRate, ...]
    grades: tuple[GradeReached, ...]


def queue(truth: Truth, matching: Matching, grades: Mapping[str, str]) -> Queue:
    """Every figure.

    Args:
        truth: what was done.
        matching: its violations and the alerts.
        grades: the highest computed grade that each merchant with a score reached.
    """
    ranked = matching.ranked
    categories = sorted({each.alert.category for each in ranked})
    groups = [("", ranked), *((name, tuple(it for it in ranked if it.alert.category == name)) for name in categories)]
    return Queue(
        calibration=tuple(
            Calibration(category=name, levels=bins(mine, BOUNDS), tenths=bins(mine, TENTHS)) for name, mine in groups
        ),
        head=_head(matching),
        false_rates=_false_rates(truth, matching),
        grades=_grades(truth, matching, grades),
    )


def bins(alerts: Iterable[MatchedAlert], bounds: Sequence[float]) -> tuple[SeverityBin, ...]:
    """The share of true by severity; what is neither true nor false is left out."""
    judged = [it for it in alerts if it.label is AlertLabel.TRUE or it.is_false]
    found = []
    for low, high in pairwise(bounds):
        last = high == bounds[-1]
        labels = [it.label for it in judged if low <= it.alert.severity and (last or it.alert.severity < high)]
        found.append(SeverityBin(low, high, share(labels.count(AlertLabel.TRUE), len(labels))))
    return tuple(found)


def _head(matching: Matching) -> tuple[InHead, ...]:
    kind_of = {
        alert_id: (each.violation.category, each.violation.kind)
        for each in matching.outcomes
        for alert_id in each.alert_ids
    }
    kinds = [kind_of.get(each.alert.alert_id, ("", "")) for each in matching.ranked]
    first: dict[tuple[str, str], int] = {}
    for rank, key in enumerate(kinds, 1):
        first.setdefault(key, rank)
    head = Counter(kinds[:HEAD])
    cases = Counter((each.violation.category, each.violation.kind) for each in matching.outcomes if each.found)
    every = {(each.violation.category, each.violation.kind) for each in matching.outcomes}
    order = sorted(every, key=lambda key: (CATEGORIES.index(key[0]), key[1]))
    return tuple(
        InHead(
            category=key[0], kind=key[1], cases=share(cases[key], cases.total()),
            head=share(head[key], head.total()), first=first.get(key),
        )
        for key in (*order, ("", ""))
    )  # fmt: skip


def _false_rates(truth: Truth, matching: Matching) -> tuple[FalseRate, ...]:
    violating = {each.violation.merchant_id for each in matching.outcomes}
    days = truth.merchant_days * (1 - len(violating) / truth.merchants)
    count: dict[tuple[str, str], list[int]] = {}
    for each in matching.ranked:
        it = each.alert
        if it.merchant_id in violating:
            continue
        for name in ("", it.detector):
            mine = count.setdefault((it.category, name), [0, 0])
            for k, least in enumerate(SEVERITIES[:2]):
                mine[k] += each.is_false and it.severity >= least
    return tuple(
        FalseRate(
            category=category, detector=name, alerts=(alerts[0], alerts[1]),
            per_unit=(alerts[0] * UNIT_LAWFUL_DAYS / days, alerts[1] * UNIT_LAWFUL_DAYS / days) if days else None,
        )
        for (category, name), alerts in sorted(count.items())
    )  # fmt: skip


def _grades(truth: Truth, matching: Matching, grades: Mapping[str, str]) -> tuple[GradeReached, ...]:
    violating = {each.violation.merchant_id for each in matching.outcomes}
    reached, guilty = Counter(grades.values()), Counter(grades.get(each, "A") for each in violating)
    reached["A"] += truth.merchants - len(grades)
    return tuple(GradeReached(name, share(guilty[name], reached[name])) for _, name in reversed(GRADES))
