"""Whose merchants are: the rep's at a time, the region's and the agent's now."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from casework.schema import merchant_reps, merchants

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection


def places_of(connection: Connection, merchant_ids: Collection[str]) -> dict[str, Any]:
    """By merchant, a row with its `region` and `agent_id`."""
    columns = (merchants.c.merchant_id, merchants.c.region, merchants.c.agent_id)
    rows = connection.execute(select(*columns).where(merchants.c.merchant_id.in_(merchant_ids)))
    return {each.merchant_id: each for each in rows}


def reps_of(connection: Connection, merchant_ids: Collection[str]) -> dict[str, list[Any]]:
    """By merchant, its rows of `merchant_reps`."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for each in connection.execute(select(merchant_reps).where(merchant_reps.c.merchant_id.in_(merchant_ids))):
        found[each.merchant_id].append(each)
    return found


def rep_at(held: Sequence[Any], time_ms: int) -> str:
    """The rep whose a merchant is at a time, by its rows of `merchant_reps`; "" for nobody's."""
    theirs = (each.rep_id for each in held if each.from_ms <= time_ms < (each.until_ms or time_ms + 1))
    return next(theirs, "")
