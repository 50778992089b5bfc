"""Early warnings of declining business, and which of them turned: the merchant sells again what it sold before."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from casework.bodies import ms_of
from casework.schema import alerts, declines, merchant_days
from casework.states import WITHDRAWN
from domain.timestamps import DAY_MS, iso

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from casework.store import Store

DETECTOR = "volume_decline"
WATCHED_D = 120
"""Days after a warning within which the business may come back: our own default."""
BEFORE_D, APART_D = 90, 14
"""The level before is that of so many days, which end so many days before the first hit: the decline itself took two
weeks to be seen."""
AFTER_D = 14
"""The level after is that of so many open days."""
TURNED = 0.9
"""Share of the level before at which a warning has turned: our own default."""
_AT_A_TIME = 500


def refresh_daily(store: Store, today: str, now_ms: int) -> None:
    """Once a day, note new warnings, and see which have turned.

    Args:
        store: the store.
        today: ISO 8601.
        now_ms: UTC milliseconds.
    """
    while _note_new(store, now_ms):
        pass
    since_ms = ms_of(f"{today}T00:00:00+00:00") - WATCHED_D * DAY_MS
    with store.reading() as connection:
        open_ones = select(declines).where(declines.c.turned_day == "", declines.c.warned_ms >= since_ms)
        found = connection.execute(open_ones.order_by(declines.c.alert_id)).all()
        turned = [(each.alert_id, day) for each in found if (day := _turned(connection, each))]
    with store.writing() as connection:
        for alert_id, day in turned:
            connection.execute(update(declines).where(declines.c.alert_id == alert_id).values(turned_day=day))


def _note_new(store: Store, now_ms: int) -> int:
    table = alerts.c
    known = select(declines.c.alert_id).where(declines.c.alert_id == table.alert_id)
    new = select(table.alert_id, table.merchant_id, table.first_time).where(
        table.detector == DETECTOR, table.filed_ms > now_ms - WATCHED_D * DAY_MS, ~table.is_aml,
        table.state != WITHDRAWN, ~known.exists(),
    )  # fmt: skip
    with store.writing() as connection:
        rows = [
            {
                "alert_id": each.alert_id, "merchant_id": each.merchant_id, "warned_ms": ms_of(each.first_time),
                "before_sales": _level_before(connection, each.merchant_id, each.first_time[:10]), "turned_day": "",
            }
            for each in connection.execute(new.order_by(table.alert_id).limit(_AT_A_TIME)).all()
        ]  # fmt: skip
        if rows:
            connection.execute(insert(declines), rows)
    return len(rows)


def _level_before(connection: Connection, merchant_id: str, day: str) -> float | None:
    """Mean sales of an open day before the decline; None where no day is known."""
    first, last = (date.fromisoformat(day) - timedelta(days=each) for each in (BEFORE_D + APART_D, APART_D))
    table = merchant_days.c
    statement = select(func.avg(table.sales)).where(
        table.merchant_id == merchant_id, table.day >= f"{first}", table.day < f"{last}", table.sales > 0
    )
    return connection.execute(statement).scalar()


def _turned(connection: Connection, row: Any) -> str:
    """The day on which the business had come back; "" where it has not."""
    if row.before_sales is None:
        return ""
    table = merchant_days.c
    statement = select(table.day, table.sales).where(
        table.merchant_id == row.merchant_id, table.day > iso(row.warned_ms)[:10], table.sales > 0
    )
    found = connection.execute(statement.order_by(table.day)).all()
    for k in range(AFTER_D, len(found) + 1):
        if sum(each.sales for each in found[k - AFTER_D : k]) >= TURNED * AFTER_D * row.before_sales:
            return str(found[k - 1].day)
    return ""
