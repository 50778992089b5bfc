"""The shop that a task is at: what master data in force says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import select

from casework.chunks import chunks
from casework.schema import merchant_profiles

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection


class Shop(NamedTuple):
    """A merchant as its rep sees it.

    Attributes:
        merchant_id: its id.
        name: over the door; "" where no master data was filed.
        address: likewise.
        lat: degrees north in `coord_sys`; None where it is not known.
        lon: degrees east, likewise.
        coord_sys: of `domain.events.COORD_SYSTEMS`; "" where it is not known.
    """

    merchant_id: str
    name: str
    address: str
    lat: float | None = None
    lon: float | None = None
    coord_sys: str = ""

    @property
    def tail(self) -> str:
        """The last four characters of its id."""
        return self.merchant_id[-4:]


def shops(connection: Connection, merchant_ids: Collection[str], now_ms: int) -> dict[str, Shop]:
    """Shops by merchant, by the master data in force; one without any has its id alone."""
    known = in_force(connection, merchant_ids, now_ms)
    return {each: _shop(each, known.get(each, {})) for each in merchant_ids}


def in_force(connection: Connection, merchant_ids: Collection[str], now_ms: int) -> dict[str, dict[str, Any]]:
    """By merchant, the master data in force, as `docs/events.md` has them; none of a merchant without any."""
    table, bodies = merchant_profiles.c, dict[str, str]()
    for some in chunks(merchant_ids):
        began = (table.merchant_id.in_(some), table.kind == "merchant", table.effective_from_ms <= now_ms)
        statement = select(table.merchant_id, table.body).where(*began).order_by(table.effective_from_ms)
        bodies |= {each.merchant_id: each.body for each in connection.execute(statement)}
    return {merchant_id: msgspec.json.decode(body) for merchant_id, body in bodies.items()}


def _shop(merchant_id: str, fields: dict[str, Any]) -> Shop:
    name = fields.get("short_name") or fields.get("name") or ""
    address = fields.get("address") or fields.get("city") or fields.get("region") or ""
    return Shop(merchant_id, name, address, fields.get("lat"), fields.get("lon"), fields.get("coord_sys") or "")
