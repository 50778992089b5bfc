"""Causes that are not over: what they say, and which case each has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import select

from casework.people import sees_all, sees_aml
from casework.schema import cases, causes
from casework.states import MERGED
from domain.causes import Cause

if TYPE_CHECKING:
    from casework.people import Actor
    from casework.store import Store

MOST_CAUSES = 200
_decode = msgspec.json.Decoder(Cause).decode


class CauseLine(NamedTuple):
    """A cause.

    Attributes:
        cause: as the log has it.
        is_aml: whether it is for `aml` alone.
        case_id: its case; None where it has none.
    """

    cause: Cause
    is_aml: bool
    case_id: int | None


def causes_standing(store: Store, actor: Actor) -> tuple[CauseLine, ...]:
    """Causes that were not closed or taken back, the severest first, at most 200; none for reps."""
    if not sees_all(actor):
        return ()
    table = causes.c
    of_it = (cases.c.cause_id == table.cause_id) & (cases.c.status != MERGED)
    statement = (
        select(table.body, table.is_aml, cases.c.case_id)
        .select_from(causes.outerjoin(cases, of_it))
        .where(sees_aml(actor, table.is_aml), ~table.closed, ~table.withdrawn)
        .order_by(table.severity.desc(), table.cause_id)
        .limit(MOST_CAUSES)
    )
    with store.reading() as connection:
        found = connection.execute(statement).all()
    return tuple(CauseLine(_decode(each.body), each.is_aml, each.case_id) for each in found)
