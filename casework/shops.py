"""What is in force of merchants' master data and assignments: their names and places, and whose they are when."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from casework import field_sums
from casework.chunks import chunks
from casework.schema import cases, merchant_profiles, merchant_reps, merchants
from casework.states import OPEN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection

    from casework.store import Store

_OF_CASES = ("shop_name", "mcc", "city", "region", "agent_id", "rep_id")
_UNSCORED = {"grade": "", "score_revision": -1, "score_epoch": -1, "score_body": "", "grades_since": "{}"}


def refresh(store: Store, connection: Connection, merchant_ids: Collection[str], now_ms: int) -> None:
    """Have `merchants`, `merchant_reps` and open cases follow from the profiles of some merchants.

    Args:
        store: of the transaction.
        connection: a transaction that writes.
        merchant_ids: whose profiles have changed, or come into force.
        now_ms: UTC milliseconds.
    """
    for some in chunks(merchant_ids):
        versions: dict[str, list[Any]] = defaultdict(list)
        of_them = select(merchant_profiles).where(merchant_profiles.c.merchant_id.in_(some))
        for each in connection.execute(of_them.order_by(merchant_profiles.c.effective_from_ms)):
            versions[each.merchant_id].append(each)
        with field_sums.kept(store, connection, some):
            connection.execute(delete(merchant_reps).where(merchant_reps.c.merchant_id.in_(some)))
            _write(store, connection, versions, now_ms)


def _write(store: Store, connection: Connection, versions: Mapping[str, list[Any]], now_ms: int) -> None:
    reps = {each: _reps(found) for each, found in versions.items()}
    rows = [{"merchant_id": each, **row} for each, found in reps.items() for row in found]
    if rows:
        store.execute_many(connection, insert(merchant_reps), rows)
    shown = [_shown(each, found, reps[each], now_ms) for each, found in versions.items()]
    store.insert_missing(connection, merchants, [{"merchant_id": each["merchant_id"], **_UNSCORED} for each in shown])
    _show(connection, shown)


def _show(connection: Connection, shown: Sequence[dict[str, Any]]) -> None:
    given = [{f"new_{name}": value for name, value in each.items()} for each in shown]
    if not given:
        return
    named = [name for name in shown[0] if name != "merchant_id"]
    is_it = merchants.c.merchant_id == bindparam("new_merchant_id")
    connection.execute(update(merchants).where(is_it).values({each: bindparam(f"new_{each}") for each in named}), given)
    values: dict[str, Any] = {each: bindparam(f"new_{'name' if each == 'shop_name' else each}") for each in _OF_CASES}
    of_it = (cases.c.merchant_id == bindparam("new_merchant_id")) & (cases.c.status == OPEN)
    connection.execute(update(cases).where(of_it).values(values), given)


def due(connection: Connection, now_ms: int) -> list[str]:
    """Merchants of which a version has come into force, or an assignment has ended, since they were refreshed."""
    statement = select(merchants.c.merchant_id).where(merchants.c.changes_ms <= now_ms)
    return [*connection.execute(statement.order_by(merchants.c.merchant_id).limit(5_000)).scalars()]


def _shown(merchant_id: str, versions: Sequence[Any], reps: Sequence[dict[str, Any]], now_ms: int) -> dict[str, Any]:
    """The columns of `merchants` that follow from versions, by their time, and from whose the merchant is when."""
    registered = [each for each in versions if each.kind == "merchant"]
    in_force = [each for each in registered if each.effective_from_ms <= now_ms] or registered[:1]
    fields: dict[str, Any] = msgspec.json.decode(in_force[-1].body) if in_force else {}
    assigned = [each for each in versions if each.kind == "assignment" and each.effective_from_ms <= now_ms][-1:]
    assigned = [each for each in assigned if each.until_ms is None or each.until_ms > now_ms]
    agents = [each.agent_id for each in assigned if each.agent_id]
    holds = [each["rep_id"] for each in reps if each["from_ms"] <= now_ms < (each["until_ms"] or now_ms + 1)]
    times = [each.effective_from_ms for each in versions] + [each.until_ms for each in versions if each.until_ms]
    return {
        "merchant_id": merchant_id, "name": fields.get("short_name") or fields.get("name") or "",
        "status": fields.get("status") or "", "mcc": next(iter(fields.get("mccs") or ()), ""),
        "city": fields.get("city") or fields.get("region") or "", "region": fields.get("region") or "",
        "agent_id": (agents or [fields.get("agent_id") or ""])[0], "rep_id": (holds or [""])[0],
        "changes_ms": min((each for each in times if each > now_ms), default=None),
    }  # fmt: skip


def _reps(versions: Sequence[Any]) -> list[dict[str, Any]]:
    """From when to when a merchant is whose: the assignment in force says, else the master data in force.

    Args:
        versions: rows of `merchant_profiles` of one merchant, by `effective_from_ms`.
    """
    times = {each.effective_from_ms for each in versions} | {each.until_ms for each in versions if each.until_ms}
    found: list[dict[str, Any]] = []
    for time_ms in sorted(times):
        rep_id = _rep_at(versions, time_ms)
        if found and found[-1]["until_ms"] is None:
            if found[-1]["rep_id"] == rep_id:
                continue
            found[-1]["until_ms"] = time_ms
        if rep_id:
            found.append({"from_ms": time_ms, "until_ms": None, "rep_id": rep_id})
    return found


def _rep_at(versions: Sequence[Any], time_ms: int) -> str | None:
    by_then = [each for each in versions if each.effective_from_ms <= time_ms]
    assigned = [each for each in by_then if each.kind == "assignment"][-1:]
    registered = [each for each in by_then if each.kind == "merchant"][-1:]
    lasting = [each.rep_id for each in assigned if each.until_ms is None or each.until_ms > time_ms]
    return next((each for each in lasting + [each.rep_id for each in registered] if each), None)
