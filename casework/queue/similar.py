"""Past alerts like one: of the same detector, on the same MCC or the same merchant, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from casework.people import sees_all, sees_aml
from casework.schema import alerts, verdict_counts
from casework.states import WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from casework.people import Actor


class Similar(NamedTuple):
    """Decided alerts of the same detector, on the same MCC or merchant.

    Attributes:
        decided: how many; a rep's are those of the merchant alone.
        confirmed: of them.
    """

    decided: int = 0
    confirmed: int = 0


def similar_to(connection: Connection, actor: Actor, rows: Sequence[Any]) -> dict[str, Similar]:
    """By alert, past ones like it.

    Args:
        connection: of a transaction.
        actor: who looks.
        rows: of `alerts`, which the actor sees.
    """
    if not rows:
        return {}
    mccs = _by_mcc(connection, actor, rows) if sees_all(actor) else {}
    own = _by_merchant(connection, actor, rows)
    found = {}
    for each in rows:
        of_mcc = mccs.get((each.detector, each.mcc), {})
        told = dict(of_mcc)
        for (mcc, verdict), count in own.get((each.merchant_id, each.detector), {}).items():
            if not of_mcc or mcc != each.mcc:  # those of its MCC are counted already
                told[verdict] = told.get(verdict, 0) + count
        found[each.alert_id] = Similar(sum(told.values()), told.get("confirmed", 0))
    return found


def _by_mcc(connection: Connection, actor: Actor, rows: Sequence[Any]) -> dict[tuple[str, str], dict[str, int]]:
    table = verdict_counts.c
    statement = select(table.detector, table.mcc, table.verdict, func.sum(table.count)).where(
        table.detector.in_({each.detector for each in rows}), table.mcc.in_({each.mcc for each in rows if each.mcc}),
        table.count > 0, sees_aml(actor, table.is_aml),
    )  # fmt: skip
    found: dict[tuple[str, str], dict[str, int]] = {}
    for detector, mcc, verdict, count in connection.execute(
        statement.group_by(table.detector, table.mcc, table.verdict)
    ):
        found.setdefault((detector, mcc), {})[verdict] = int(count)
    return found


def _by_merchant(
    connection: Connection, actor: Actor, rows: Sequence[Any]
) -> dict[tuple[str, str], dict[tuple[str, str], int]]:  # fmt: skip
    table = alerts.c
    statement = select(table.merchant_id, table.detector, table.mcc, table.verdict, func.count()).where(
        table.merchant_id.in_({each.merchant_id for each in rows}),
        table.detector.in_({each.detector for each in rows}), table.verdict.is_not(None), table.state != WITHDRAWN,
        sees_aml(actor, table.is_aml),
    )  # fmt: skip
    found: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    for merchant_id, detector, mcc, verdict, count in connection.execute(
        statement.group_by(table.merchant_id, table.detector, table.mcc, table.verdict)
    ):
        found.setdefault((merchant_id, detector), {})[mcc, verdict] = int(count)
    return found
