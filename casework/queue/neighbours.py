"""Which cases stand beside one in the queue's order: so that one goes from case to case without the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import literal, select, tuple_

from casework.queue.filters import Filter, conditions
from casework.schema import cases
from casework.states import DECIDED

if TYPE_CHECKING:
    from casework.people import Actor
    from casework.store import Store


class Neighbours(NamedTuple):
    """Numbers of the cases before and after one; None where there is none."""

    before: int | None
    after: int | None


def neighbours(store: Store, actor: Actor, wanted: Filter, case_id: int, now_ms: int) -> Neighbours:
    """The cases of a filter beside one, which need not be of the filter itself (any more).

    Args:
        store: the store.
        actor: who looks.
        wanted: which cases.
        case_id: the one in between.
        now_ms: UTC milliseconds.
    """
    seen = select(cases.c.case_id).where(*conditions(wanted, actor, now_ms), cases.c.case_id != case_id)
    with store.reading() as connection:
        row = connection.execute(select(cases.c.priority).where(cases.c.case_id == case_id)).first()
        if row is None:
            return Neighbours(None, None)
        by, here = tuple_(cases.c.priority, cases.c.case_id), tuple_(literal(row.priority), literal(case_id))
        order = [cases.c.priority, cases.c.case_id]
        if wanted.status == DECIDED:
            by, here, order = tuple_(cases.c.case_id), tuple_(literal(case_id)), [cases.c.case_id]
        before = connection.execute(seen.where(by > here).order_by(*order).limit(1)).scalar()
        after = connection.execute(seen.where(by < here).order_by(*(each.desc() for each in order)).limit(1)).scalar()
    return Neighbours(before, after)
