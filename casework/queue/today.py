"""What a team works today: so many cases in the queue's order, and a few drawn from the rest.

Whoever works only what comes first never learns what the order misses. So 5 % of the capacity is drawn at random from
what lies beyond it: by day, so that everyone sees the same.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select, tuple_

from casework.queue.filters import Filter, conditions
from casework.queue.order import read_policy
from casework.schema import cases

if TYPE_CHECKING:
    from datetime import date

    from casework.people import Actor
    from casework.store import Store

DRAWN_PERCENT = 5
"""Share of the capacity that is drawn, in hundredths, rounded up to whole cases."""
_PRIME = 2_147_483_647
_STEP = 1_327_217_885
"""The golden part of the prime: multiples of it lie evenly below the prime, those of neighbours far apart."""


class Today(NamedTuple):
    """The capacity, and what it is spent on.

    Attributes:
        per_day: cases that the team works in a day.
        ordered: how many of them come by the queue's order: the capacity's line is drawn after so many rows.
        waiting: cases in the lane `risk` that are to be worked.
        drawn: cases from beyond the line, to be worked besides.
    """

    per_day: int
    ordered: int
    waiting: int
    drawn: tuple[int, ...]


def today(store: Store, actor: Actor, day: date, now_ms: int) -> Today:
    """What is worked on a day.

    Args:
        store: the store.
        actor: who looks; what one does not see is neither counted nor drawn.
        day: the team's local day.
        now_ms: UTC milliseconds.
    """
    seen = conditions(Filter(), actor, now_ms)
    with store.reading() as connection:
        per_day = read_policy(connection).per_day
        drawn = -(-per_day * DRAWN_PERCENT // 100)
        ordered = per_day - drawn
        waiting = connection.execute(select(func.count()).select_from(cases).where(*seen)).scalar_one()
        by_order = select(cases.c.priority, cases.c.case_id).where(*seen)
        by_order = by_order.order_by(cases.c.priority.desc(), cases.c.case_id.desc())
        last = connection.execute(by_order.offset(ordered - 1).limit(1)).first() if ordered else None
        beyond = [*seen]
        if ordered and last is None:
            return Today(per_day, ordered, int(waiting), ())
        if last is not None:
            beyond.append(tuple_(cases.c.priority, cases.c.case_id) < tuple_(last.priority, last.case_id))
        seed = int.from_bytes(sha256(day.isoformat().encode()).digest()[:4]) % _PRIME
        place = (cases.c.case_id * _STEP + seed) % _PRIME
        found = connection.execute(select(cases.c.case_id).where(*beyond).order_by(place).limit(drawn)).scalars()
        return Today(per_day, ordered, int(waiting), tuple(found))
