"""Alerts, scores and causes as a log has them, and looking at what was filed of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select

from casework.schema import METADATA
from domain.alerts import Alert, Score, Text
from domain.causes import Cause, Member
from domain.readings import MerchantDays, TransactionRow
from tests.causes.world import FIRST
from tests.causes.world import alert as made

if TYPE_CHECKING:
    from collections.abc import Sequence

    from casework.store import Store
    from streams.log import Log

NOW_MS = 1_796_000_000_000
TOPICS = {Alert: "alerts", Score: "merchant-risk", Cause: "causes"}


def alert(alert_id: str, merchant_id: str = "m1", detector: str = "mcc_jump", **more: object) -> Alert:
    txn = TransactionRow(txn_id=f"t-{alert_id}", time="2025-01-01T04:00:00.000Z", amount=12_800, currency="CNY")
    given: dict[str, object] = {"loss": 1_000, "turnover": 90_000, "transactions": (txn,)}
    return made(alert_id, merchant_id, detector, FIRST, **(given | more))


def score(merchant_id: str, grade: str, revision: int) -> Score:
    return Score(
        merchant_id=merchant_id, time="2025-01-01T04:00:00.000Z", score=50.0, grade=grade, contributions=(),
        revision=revision,
    )  # fmt: skip


def cause(cause_id: str, members: dict[str, Sequence[str]], **more: object) -> Cause:
    time = "2025-01-01T04:00:00.000Z"
    given = {
        "cause_id": cause_id, "revision": 1, "kind": "agent", "key": "A-17", "name": Text("agent A-17", "代理商A-17"),
        "group": "mcc", "detector": "mcc_jump", "count": len(members), "merchants": 80, "share": 0.1,
        "share_elsewhere": 0.0, "expected": 1.0, "decades": 5.0, "shared": (), "first_day": "2025-01-01",
        "last_day": "2025-01-01", "first_time": time, "last_time": time, "money": (), "risk_code": "", "severity": 0.6,
        "title": Text("", ""), "reason": Text("", ""),
        "members": tuple(Member(each, tuple(ids), time) for each, ids in members.items()),
    } | more  # fmt: skip
    return Cause(**given)  # type: ignore[arg-type]


def days(*rows: tuple[str, str, float], epoch: int = 0) -> MerchantDays:
    return MerchantDays(
        merchant_id=[each[0] for each in rows], day=[each[1] for each in rows], currency=["CNY"] * len(rows),
        score=[1.5] * len(rows), columns={"sales": [each[2] for each in rows], "refunds": [None] * len(rows)},
        epoch=epoch,
    )  # fmt: skip


def write(log: Log, *values: Alert | Score | Cause, partition: int = 0) -> None:
    for each in values:
        key = (
            each.alert_id if isinstance(each, Alert) else each.merchant_id if isinstance(each, Score) else each.cause_id
        )
        log.append(TOPICS[type(each)], partition, [msgspec.json.encode(each)], keys=[key.encode()])


def rows(store: Store, table: str, *names: str) -> list[tuple[Any, ...]]:
    """All rows of a table, sorted; some columns of them."""
    found = METADATA.tables[table]
    with store.reading() as connection:
        listed = connection.execute(select(*(found.c[each] for each in names or found.c.keys()))).all()
    return sorted((tuple(each) for each in listed), key=repr)
