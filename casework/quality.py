"""Quality (质检): decided cases drawn at random and looked at once more, by somebody who has not decided them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, insert, select, update

from casework.change import changing
from casework.decisions import GIVEN
from casework.errors import NotFound, Refused
from casework.operations import checked_text
from casework.people import WORKS, sees
from casework.schema import cases, decisions, rechecks
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from casework.people import Actor
    from casework.store import Store

DRAWN_FROM_MS = 7 * DAY_MS
"""How far back decisions are drawn from: our own default, a week."""
MOST_DRAWN = 100


def draw(store: Store, actor: Actor, count: int, seed: int, now_ms: int) -> list[int]:
    """Draw decisions of the last week for the actor to look at once more; the numbers of the rechecks.

    Those that the actor gave or agreed to, that were undone or followed by another on their alerts, and that were drawn
    already are left out. The same seed draws the same from the same decisions.

    Args:
        store: the store.
        actor: who looks at them.
        count: 1 to `MOST_DRAWN`; fewer are drawn where there are not so many.
        seed: of the draw; it is kept.
        now_ms: UTC milliseconds.

    Raises:
        Refused: the count is none of these.
    """
    if not 1 <= count <= MOST_DRAWN:
        raise Refused(f"count must be 1 to {MOST_DRAWN}, got {count}")
    with changing(store, actor, now_ms, WORKS, "to draw decisions") as change:
        later = decisions.alias()
        of_week = (
            decisions.c.status == GIVEN, decisions.c.undone_ms.is_(None),
            decisions.c.decided_ms > now_ms - DRAWN_FROM_MS,
            decisions.c.by != actor.user_id, decisions.c.second_by.is_distinct_from(actor.user_id),
            ~exists().where(rechecks.c.decision_id == decisions.c.decision_id),
            ~exists().where(
                later.c.case_id == decisions.c.case_id, later.c.decision_id > decisions.c.decision_id,
                later.c.status == GIVEN, later.c.undone_ms.is_(None),
            ),
        )  # fmt: skip
        statement = select(decisions.c.decision_id, decisions.c.case_id).join(
            cases, cases.c.case_id == decisions.c.case_id
        )
        statement = statement.where(*of_week, sees(actor, now_ms)).order_by(decisions.c.decision_id)
        there = change.connection.execute(statement).all()
        drawn = random.Random(seed).sample(there, min(count, len(there)))  # noqa: S311  anybody may draw the same again
        made = []
        for each in drawn:
            row = {
                "decision_id": each.decision_id, "case_id": each.case_id, "drawn_by": actor.user_id,
                "drawn_ms": now_ms, "seed": seed, "comment": "",
            }  # fmt: skip
            given = insert(rechecks).returning(rechecks.c.recheck_id)
            made.append(int(change.connection.execute(given, row).scalar_one()))
            change.note("draw", change.case(each.case_id), recheck_id=made[-1], seed=seed)
        return made


def recheck(store: Store, actor: Actor, recheck_id: int, comment: str, now_ms: int, *, agrees: bool) -> None:
    """Say whether a decision that the actor has drawn is right, and why; the decision stays what it is.

    Raises:
        NotFound: the actor has drawn no such one, or does not see the case.
        Refused: it is said already.
    """
    said = checked_text(comment, "the comment of a recheck")
    with changing(store, actor, now_ms, WORKS, "to recheck a decision") as change:
        is_it = (rechecks.c.recheck_id == recheck_id) & (rechecks.c.drawn_by == actor.user_id)
        row = change.connection.execute(select(rechecks).where(is_it)).first()
        if row is None:
            raise NotFound(f"there is no recheck {recheck_id} of {actor.user_id}")
        case = change.case(row.case_id)
        if row.checked_ms is not None:
            raise Refused(f"recheck {recheck_id} must not be answered already, it is")
        values = {"agrees": agrees, "comment": said, "checked_ms": now_ms}
        change.connection.execute(update(rechecks).where(is_it).values(values))
        change.note("recheck", case, recheck_id=recheck_id, agrees=agrees)


def listed(store: Store, actor: Actor, now_ms: int, *, since_ms: int = 0) -> Sequence[Any]:
    """Rows of `rechecks` drawn since a time, with the decision's `verdict` and `by`, of cases that the actor sees."""
    actor.need(WORKS, "to see rechecks")
    statement = (
        select(rechecks, decisions.c.verdict, decisions.c.by)
        .join(decisions, decisions.c.decision_id == rechecks.c.decision_id)
        .join(cases, cases.c.case_id == rechecks.c.case_id)
        .where(rechecks.c.drawn_ms >= since_ms, sees(actor, now_ms))
    )
    with store.reading() as connection:
        return connection.execute(statement.order_by(rechecks.c.recheck_id)).all()
