"""How a merchant stands and what befell it: the grade in force and why, verdicts by time, for its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import select

from casework.people import sees, sees_all, sees_merchant
from casework.rep_view import risk_for_rep
from casework.schema import alerts, cases, decisions, merchants
from domain.alerts import GradeOverride, Score

if TYPE_CHECKING:
    from casework.people import Actor
    from casework.store import Store

MOST_VERDICTS = 200


class Standing(NamedTuple):
    """What a merchant's score came to.

    Attributes:
        time: of the score, by the merchant's clock, ISO 8601 UTC; "" for reps.
        score: 0 to 100.
        grade: in force.
        computed_grade: what it would be without an override; for reps as `grade`.
        override: in force; None where there is none, and for reps, whom its reason is not for.
    """

    time: str
    score: float
    grade: str
    computed_grade: str
    override: GradeOverride | None


def standing_of(store: Store, actor: Actor, merchant_id: str, now_ms: int) -> Standing | None:
    """How a merchant stands; None where it has no score, or the actor does not see it."""
    table = merchants.c
    statement = select(table.score_body).where(
        table.merchant_id == merchant_id, table.score_revision >= 0, sees_merchant(actor, table.merchant_id, now_ms)
    )
    with store.reading() as connection:
        body = connection.execute(statement).scalar()
        if body and not sees_all(actor):
            risk = risk_for_rep(connection, [merchant_id])[merchant_id]
            return None if risk.score is None else Standing("", risk.score, risk.grade, risk.grade, None)
    if not body:
        return None
    it = msgspec.json.decode(body, type=Score)
    return Standing(it.time, it.score, it.grade, it.computed_grade or it.grade, it.override)


class Verdict(NamedTuple):
    """A decision that stands on alerts of a merchant.

    Attributes:
        decided_ms: when, UTC milliseconds.
        verdict: what was decided.
        reason_code: of `casework.reasons.REASONS`.
        by: who.
        case_id: in which case.
    """

    decided_ms: int
    verdict: str
    reason_code: str
    by: str
    case_id: int


def verdicts_of(store: Store, actor: Actor, merchant_id: str, now_ms: int) -> tuple[Verdict, ...]:
    """Decisions on a merchant's alerts that the actor sees, the newest first, at most 200."""
    table = decisions.c
    on_it = (
        select(alerts.c.decision_id)
        .join(cases, cases.c.case_id == alerts.c.case_id)
        .where(
            alerts.c.merchant_id == merchant_id, alerts.c.verdict.is_not(None),
            sees_merchant(actor, alerts.c.merchant_id, now_ms), sees(actor, now_ms),
        )
    )  # fmt: skip
    statement = select(table.decided_ms, table.verdict, table.reason_code, table.by, table.case_id).where(
        table.decision_id.in_(on_it), table.undone_ms.is_(None)
    )
    with store.reading() as connection:
        found = connection.execute(statement.order_by(table.decided_ms.desc()).limit(MOST_VERDICTS))
        return tuple(Verdict(*each) for each in found)
