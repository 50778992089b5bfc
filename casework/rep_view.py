"""What a rep is shown of merchants' risk and of deadlines: as if there were no finding of money laundering.

Nobody in the field may be told of such a finding, by a figure neither. So a rep's score is put together anew of what
is left, as the monitor puts it together, and its grade follows from that score alone: how the grade in force came about
(it falls five points later than it rises) would tell of what is left out.
"""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import select

from casework.bodies import ms_of
from casework.chunks import chunks
from casework.deadlines import due_without_grades
from casework.people import sees_all
from casework.schema import alerts, cases, decisions, drafts, merchants
from detectors.registry import DETECTORS
from domain.alerts import Contribution, Score
from domain.risk import FLOOR_D, MOST_POINTS, RISK_GROUPS, floor_of, grade_of
from domain.timestamps import DAY_MS, iso

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection

    from casework.people import Actor

_GROUPS = {each.name: each.risk_group for each in DETECTORS}
_E2 = 100
"""Points are counted in hundredths, as the monitor counts them, so that sums are exact."""
_score = msgspec.json.Decoder(Score).decode


class RepRisk(NamedTuple):
    """A merchant's risk for a rep.

    Attributes:
        score: 0 to 100; None where the merchant has none.
        grade: A to E; "" likewise.
        contributions: that the score is put together of.
        prior: points for being new, and for the MCC.
        capped: points beyond the cap of a risk group, or of all together.
    """

    score: float | None
    grade: str
    contributions: tuple[Contribution, ...] = ()
    prior: float = 0.0
    capped: float = 0.0


class _Alert(NamedTuple):
    is_aml: bool
    severity: float
    confirmed_ms: int | None


def risk_for_rep(connection: Connection, merchant_ids: Collection[str]) -> dict[str, RepRisk]:
    """By merchant, its risk for a rep; whether the rep sees the merchant is the caller's to ask."""
    found: dict[str, RepRisk] = {}
    for some in chunks(merchant_ids):
        statement = select(merchants.c.merchant_id, merchants.c.score_body).where(merchants.c.merchant_id.in_(some))
        bodies = {each.merchant_id: each.score_body for each in connection.execute(statement)}
        told, secret = _alerts(connection, some), _secret_grades(connection, some)
        for merchant_id in some:
            body = bodies.get(merchant_id)
            score = _score(body) if body else None
            found[merchant_id] = (
                _without_aml(score, told[merchant_id], secret[merchant_id]) if score else RepRisk(None, "")
            )
    return found


def grade_for_rep(connection: Connection, merchant_ids: Collection[str]) -> dict[str, str]:
    """By merchant, its grade A to E for a rep; "" where it has no score."""
    return {merchant_id: each.grade for merchant_id, each in risk_for_rep(connection, merchant_ids).items()}


def _alerts(connection: Connection, merchant_ids: Sequence[str]) -> defaultdict[str, dict[str, _Alert]]:
    table, found = alerts.c, defaultdict[str, dict[str, _Alert]](dict)
    statement = select(
        table.merchant_id, table.alert_id, table.is_aml, table.severity, table.verdict, decisions.c.decided_ms
    ).outerjoin(decisions, decisions.c.decision_id == table.decision_id)
    for each in connection.execute(statement.where(table.merchant_id.in_(merchant_ids))):
        confirmed_ms = each.decided_ms if each.verdict == "confirmed" else None
        found[each.merchant_id][each.alert_id] = _Alert(each.is_aml, each.severity, confirmed_ms)
    return found


def _secret_grades(connection: Connection, merchant_ids: Sequence[str]) -> defaultdict[str, set[tuple[str, str]]]:
    """By merchant, grades that were set by hand of a case of money laundering, with their ends."""
    found = defaultdict[str, set[tuple[str, str]]](set)
    statement = select(drafts).join(cases, cases.c.case_id == drafts.c.case_id)
    for each in connection.execute(statement.where(drafts.c.merchant_id.in_(merchant_ids), cases.c.is_aml)):
        grade = msgspec.json.decode(each.changes).get("grade")
        if grade and each.until_ms is not None:
            found[each.merchant_id].add((grade, iso(each.until_ms)))
    return found


def _without_aml(score: Score, told: dict[str, _Alert], secret: set[tuple[str, str]]) -> RepRisk:
    hidden = {alert_id for alert_id, each in told.items() if each.is_aml}
    kept = tuple(each for each in score.contributions if _may_be_told(each, told, score, hidden))
    floor_is_told = score.floor is None or (score.floor.alert_id in told and score.floor.alert_id not in hidden)
    if len(kept) == len(score.contributions) and floor_is_told:
        points, capped = score.score, score.capped
    else:
        points, capped = _points(score, kept, told)
    by_hand = score.override
    if by_hand is not None and (by_hand.grade, by_hand.expires) not in secret:
        return RepRisk(points, by_hand.grade, kept, score.prior, capped)
    return RepRisk(points, grade_of(points), kept, score.prior, capped)


def _may_be_told(each: Contribution, told: dict[str, _Alert], score: Score, hidden: set[str]) -> bool:
    """Whether a contribution is of an alert that is filed and not of money laundering.

    A sum of a detector's older alerts may hold points of any that is not listed by itself.
    """
    if each.alert_id:
        return each.alert_id in told and each.alert_id not in hidden
    return not hidden - {one.alert_id for one in score.contributions}


def _points(score: Score, kept: Iterable[Contribution], told: dict[str, _Alert]) -> tuple[float, float]:
    """The score of some contributions, and what caps took of it, as `engine.risk.account.break_down` has them."""
    sums = defaultdict[str, int](int)
    for each in kept:
        sums[_GROUPS.get(each.detector, "")] += round(each.points * _E2)
    over = sum(max(0, sums[name] - group.cap * _E2) for name, group in RISK_GROUPS.items())
    total = sum(sums.values()) + round(score.prior * _E2) - over
    over += max(0, total - MOST_POINTS * _E2)
    total = min(total, MOST_POINTS * _E2)
    at_ms = ms_of(score.time)
    floors = [
        floor_of(each.severity) * _E2
        for each in told.values()
        if not each.is_aml and each.confirmed_ms is not None and at_ms < each.confirmed_ms + FLOOR_D * DAY_MS
    ]
    return max([total, *floors]) / _E2, over / _E2


def cases_for(connection: Connection, actor: Actor, rows: Sequence[Any]) -> Sequence[Any]:
    """Rows of `cases` as somebody is shown them: for a rep with its grade, and with deadlines of duties alone.

    A grade's deadline is the office's, and begins when a grade did that may have come of what a rep is not told.
    """
    if sees_all(actor):
        return rows
    grades = grade_for_rep(connection, {each.merchant_id for each in rows if each.merchant_id is not None})
    due = due_without_grades(connection, rows)
    return [
        SimpleNamespace(**each._asdict() | {
            "grade": grades.get(each.merchant_id, ""), "due_ms": due[each.case_id][0], "due_rule": due[each.case_id][1],
        })
        for each in rows
    ]  # fmt: skip
