"""What follows from other tables, computed anew as a whole: after a migration that made columns for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import bindparam, delete, select, update

from casework import bodies, field_sums, inspections, month_sums, months, shops, summary
from casework.chunks import chunks
from casework.schema import SHOWN, alert_revisions, alert_totals, alerts, cases, facts, merchant_profiles
from domain.alerts import Alert

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from casework.store import Store

_STALE, _MONTHS_STALE, _SUMS_STALE = "derived_stale", "months_stale", "month_sums_stale"
_FIELD_SUMS_STALE = "field_sums_stale"
_decode = msgspec.json.Decoder(Alert).decode


def rebuild_if_stale(store: Store, connection: Connection, now_ms: int) -> bool:
    """Compute it anew where a migration left word that it must be; whether it was."""
    if connection.execute(delete(facts).where(facts.c.name == _MONTHS_STALE)).rowcount:
        months.refresh(store, connection, months.every_month(connection), now_ms)
        known = select(merchant_profiles.c.merchant_id).where(merchant_profiles.c.kind == "merchant").distinct()
        inspections.refresh(store, connection, [*connection.execute(known).scalars()], now_ms)
    if connection.execute(delete(facts).where(facts.c.name == _SUMS_STALE)).rowcount:
        month_sums.sum_up(store, connection)
    if connection.execute(delete(facts).where(facts.c.name == _FIELD_SUMS_STALE)).rowcount:
        field_sums.sum_up(store, connection)
    if connection.execute(delete(facts).where(facts.c.name == _STALE)).rowcount == 0:
        return False
    _read_bodies(connection)
    ids = connection.execute(select(merchant_profiles.c.merchant_id).distinct()).scalars()
    shops.refresh(store, connection, [*ids], now_ms)
    connection.execute(update(cases).values(filed=0, undecided=0, withdrawn=0))
    connection.execute(update(alert_totals).values(filed=0, undecided=0, withdrawn=0))
    summary.refresh(connection, [*connection.execute(select(cases.c.case_id)).scalars()], now_ms)
    return True


def _read_bodies(connection: Connection) -> None:
    """Fill the columns of alerts that earlier versions did not file: who bears the loss, MCC and deadline."""
    for some in chunks([*connection.execute(select(alerts.c.alert_id)).scalars()]):
        found = select(alert_revisions.c.body).join(alerts, SHOWN).where(alerts.c.alert_id.in_(some))
        rows = []
        for alert in map(_decode, connection.execute(found).scalars()):
            row = bodies.alert_row(alert)
            mcc = bodies.registered_mcc(alert)
            rows.append({"of": alert.alert_id, "bearer": row["bearer"], "duty_ms": row["duty_ms"], "mcc": mcc})
        values: dict[str, Any] = {each: bindparam(f"new_{each}") for each in ("bearer", "mcc", "duty_ms")}
        given = [{"of": each["of"]} | {f"new_{name}": each[name] for name in values} for each in rows]
        if given:
            connection.execute(update(alerts).where(alerts.c.alert_id == bindparam("of")).values(values), given)
