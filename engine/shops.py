"""Whose shop an alert is about: names, places, reps and agents of merchants, by date."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from domain.cards import mask
from domain.readings import Shop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.features.feature_rows import TermsEvent

MOST_VERSIONS = 64
"""Versions of a merchant that are remembered; the oldest are let go of."""


class ShopVersion(msgspec.Struct, frozen=True, array_like=True):
    """What one record said of a shop, from when until when.

    Attributes:
        effective_ms: from when on it counts, UTC milliseconds.
        until_ms: up to when; 0 for ever.
        shop: what it says; "" for what it does not.
        assigned: whether it is an assignment, which says who looks after the shop, and nothing else.
    """

    effective_ms: int
    until_ms: int
    shop: Shop
    assigned: bool


class _Coming(NamedTuple):
    """A version that is accepted with a part of a batch, and how many of its rows of features came before it."""

    before_row: int
    version: ShopVersion


class Shops:
    """The shops of a partition's merchants, by row.

    Args:
        journals: whether changes are noted for checkpoints; `changes` must then be called regularly.
    """

    def __init__(self, *, journals: bool = False) -> None:
        self._versions: dict[int, tuple[ShopVersion, ...]] = {}
        self._coming: dict[int, list[_Coming]] = {}
        self._journals = journals
        self._changed: dict[int, tuple[ShopVersion, ...]] = {}

    def begin(self, events: Sequence[TermsEvent]) -> None:
        """Hold what came with the rows of features that are judged next, until `end`."""
        self._coming = {}
        for each in events:
            if (version := _version_of(each)) is not None:
                self._coming.setdefault(each.merchant_row, []).append(_Coming(each.before_row, version))

    def end(self) -> None:
        """The rows of features are judged: what came with them counts from now on."""
        for row, coming in self._coming.items():
            held = (*self._versions.get(row, ()), *(each.version for each in coming))
            self._versions[row] = held[-MOST_VERSIONS:]
            if self._journals:
                self._changed[row] = self._versions[row]
        self._coming = {}

    def at(self, row: int, time_ms: int, before: int) -> Shop | None:
        """The shop at a moment, by what came before the row of features `before`; None where nothing is known."""
        held = self._versions.get(row, ())
        if len(held) == 1 and not held[0].assigned and row not in self._coming:
            return held[0].shop if held[0].effective_ms <= time_ms else None
        versions = [*held, *(
            each.version for each in self._coming.get(row, ()) if each.before_row <= before
        )]  # fmt: skip
        known = [each for each in versions if each.effective_ms <= time_ms]
        data = _newest([each for each in known if not each.assigned])
        assigned = _newest([each for each in known if each.assigned and not 0 < each.until_ms <= time_ms])
        if data is None and assigned is None:
            return None
        shop, by = data.shop if data else Shop(), assigned.shop if assigned else Shop()
        return Shop(shop.name, shop.city, by.rep_id or shop.rep_id, by.agent_id or shop.agent_id)

    def name_of(self, row: int) -> str:
        """What the newest record that names the shop calls it, "" where none does."""
        return next((each.shop.name for each in reversed(self._versions.get(row, ())) if each.shop.name), "")

    def changes(self) -> Mapping[int, tuple[ShopVersion, ...]]:
        """The merchants whose versions changed since the last call."""
        found, self._changed = self._changed, {}
        return found

    def put_back(self, row: int, versions: tuple[ShopVersion, ...]) -> None:
        """Restore a merchant's versions."""
        self._versions[row] = versions


def _newest(versions: Sequence[ShopVersion]) -> ShopVersion | None:
    """Of two for the same moment the one that came later."""
    return max(reversed(versions), key=lambda each: each.effective_ms, default=None)


def _version_of(each: TermsEvent) -> ShopVersion | None:
    event = each.event
    if event["type"] == "assignment":
        shop = Shop(rep_id=event["rep_id"], agent_id=event.get("agent_id", ""))
        return ShopVersion(event["effective_from"], event.get("until", 0), shop, assigned=True)
    if event["type"] != "merchant":
        return None
    name = event.get("short_name") or event.get("name", "")
    city = event.get("city") or event.get("region", "")
    shop = Shop(mask(name), mask(city), event.get("rep_id", ""), event.get("agent_id", ""))
    return ShopVersion(event["effective_from"], 0, shop, assigned=False)


_Entry = tuple[int, tuple[ShopVersion, ...]]
_pack, _unpack = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(_Entry).decode


def shop_entry(row: int, versions: tuple[ShopVersion, ...]) -> bytes:
    """A merchant's versions as a page of a checkpoint has them."""
    return _pack((row, versions))


def shop_of(entry: bytes) -> _Entry:
    """The row and the versions of an entry."""
    found: _Entry = _unpack(entry)
    return found
